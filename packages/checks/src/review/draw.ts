/** What enters the queue, drawn so that providers cannot foresee it and anybody can check it afterwards. */
import { createHash, createHmac } from 'node:crypto';
import {
  AssayError,
  bytesToHex,
  canonicalJson,
  DECISIONS,
  type Decision,
  type Level,
  type Period,
  type VerdictPredicate,
} from '@assay/core';
import type { DataContract } from '../rules/contract.ts';
import { reaches, statusOf } from '../verdict.ts';
import type { Cause } from './queue.ts';

/** Of accepted observations, how many in a million people look at: 1.5 %. */
export const SAMPLE_PPM = 15_000;

/**
 * Why a verdict is looked at by people; null when it is not.
 *
 * @param secret of the sampling period in which the verdict was given.
 */
export function causeOf(
  verdict: VerdictPredicate,
  required: Pick<DataContract, 'requiredLevel' | 'detectors'>,
  secret: string,
): Cause | null {
  if (verdict.decision === 'reject') return 'rejected';
  if (verdict.decision === 'flag') return 'flagged';
  const demands = required.requiredLevel;
  const open = verdict.findings.some(({ status }) => status === 'unknown');
  const undetected =
    needsDetectors(demands) &&
    required.detectors.some((rule) => statusOf(rule, verdict.findings) === 'unknown');
  if (open && (!reaches(verdict.level, demands) || undetected)) return 'unknown';
  return isSampled(secret, verdict.observation) ? 'sample' : null;
}

function needsDetectors(level: Level): boolean {
  return reaches(level, 'L2');
}

/** Sampling secrets hold for a UTC day. */
export function samplingPeriod(instant: string): Period {
  const fromMs = Date.parse(`${instant.slice(0, 10)}T00:00:00Z`);
  const text = (ms: number) => `${new Date(ms).toISOString().slice(0, 19)}Z`;
  return { from: text(fromMs), to: text(fromMs + 86_400_000) };
}

/**
 * The secret of a period, from the node's own: HMAC-SHA256, so that one that is revealed says nothing of the next.
 *
 * @returns lower-case hex, as it is revealed.
 */
export function samplingSecret(master: Uint8Array, period: Period): string {
  return createHmac('sha256', master)
    .update(`assay review sampling v1\n${period.from}\n${period.to}\n`)
    .digest('hex');
}

/** SHA-256 of a secret text: what is logged before it is used. */
export function commitmentTo(secret: string): string {
  return createHash('sha256').update(secret, 'utf8').digest('hex');
}

/**
 * Whether an observation is drawn: the first eight bytes of HMAC-SHA256(secret, id), as a number, below the rate.
 * Once the secret is revealed anybody sees which of a day's observations had to be looked at.
 *
 * @param secret in hex, as revealed; it is the key as it stands, in ASCII.
 * @example
 * isSampled(revealed, observationId, 15_000);
 */
export function isSampled(secret: string, observation: string, ratePpm: number = SAMPLE_PPM): boolean {
  const mac = createHmac('sha256', secret).update(`assay review sample v1\n${observation}\n`).digest();
  return mac.readBigUInt64BE(0) * 1_000_000n < BigInt(ratePpm) << 64n;
}

/** A number for a reviewer and an item that only the node can compute: who is asked is not for anybody to foresee. */
export function reviewerDraw(master: Uint8Array, item: string, round: number, reviewer: string): number {
  return createHmac('sha256', master)
    .update(`assay review assignment v1\n${item}\n${round}\n${reviewer}\n`)
    .digest()
    .readUIntBE(0, 6);
}

/** An item's name: says neither what it is about nor why it was drawn. */
export function itemId(master: Uint8Array, observation: string): string {
  return createHmac('sha256', master).update(`assay review item v1\n${observation}\n`).digest('hex');
}

/** A planted question: an observation whose right decision is known. */
export interface GoldAnswer {
  observation: string;
  decision: Decision;
  /** 32 random bytes in hex: without them the commitment could be guessed. */
  salt: string;
}

/** The text whose digest is logged beforehand, and which is revealed when the item is closed. */
export function goldText({ observation, decision, salt }: GoldAnswer): string {
  return canonicalJson({ decision, observation, salt });
}

/** Reads a revealed answer. @throws STATEMENT_MALFORMED */
export function readGold(text: string): GoldAnswer {
  try {
    const { observation, decision, salt } = JSON.parse(text) as GoldAnswer;
    const answer = { observation, decision, salt };
    if (DECISIONS.includes(decision) && goldText(answer) === text && /^[0-9a-f]{64}$/.test(salt))
      return answer;
  } catch {
    // Told below.
  }
  throw new AssayError('STATEMENT_MALFORMED', 'expected a gold answer with observation, decision and salt', {
    next: 'a gold answer is what its commitment reveals, as it stands',
  });
}

/** Whether a planted question goes along with an ordinary one that enters: one in four, as the ordinary one's name says. */
export function bringsGold(item: string): boolean {
  return Number.parseInt(item.slice(-2), 16) < 64;
}

/** A salt from random bytes. */
export function saltOf(random: Uint8Array): string {
  if (random.length !== 32) throw new RangeError(`expected 32 random bytes, got ${random.length}`);
  return bytesToHex(random);
}
