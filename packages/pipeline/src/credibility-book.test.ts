/**
 * What reviewers and the court decided makes a provider's credibility, and nothing else does: accepted data raise it,
 * rejected data lower it, an appeal that overturns turns it back, and each time only what was known then counts.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Decision, type Ed25519Signer, makeStatement, signStatement } from '@assay/core';
import { afterEach, expect, test } from 'vitest';
import { CredibilityBook, MAX_POINTS } from './credibility-book.ts';
import { type Desk, instantOf, openDesk, STREAM, signerOf } from './desk.fixture.ts';

const folders: string[] = [];
const desks: Desk[] = [];
const HOUR_MS = 3_600_000;

afterEach(() => {
  for (const desk of desks.splice(0)) desk.close();
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

/** A desk with reviewers and its book. */
async function openBook(reviewers: readonly Ed25519Signer[] = []) {
  const folder = mkdtempSync(join(tmpdir(), 'assay-credibility-'));
  folders.push(folder);
  const desk = await openDesk(folder, { reviewers: reviewers.map(({ did }) => did) });
  desks.push(desk);
  const nowMs = () => desk.time.nowMs;
  return { desk, book: new CredibilityBook({ catalogue: desk.catalogue, nowMs }), nowMs };
}

const panel = (count: number) => Promise.all(Array.from({ length: count }, (_, i) => signerOf(11 + i)));

/** All who are asked say the same, until the round is closed. */
async function decide(
  desk: Desk,
  reviewers: readonly Ed25519Signer[],
  observation: string,
  decision: Decision,
) {
  const asked = reviewers.filter(({ did }) =>
    desk.reviews.store.askedOf(did).some((item) => item.observation === observation),
  );
  expect(asked).toHaveLength(2);
  for (const reviewer of asked) await desk.say(reviewer, observation, decision);
  desk.time.nowMs += HOUR_MS;
}

async function appeal(desk: Desk, observation: string) {
  const { id, outcome } = desk.catalogue.verdictOn(observation)!;
  const { envelope } = await signStatement(
    makeStatement(
      'appeal',
      { name: STREAM, sha256: observation },
      {
        ...{ stream: STREAM, observation, verdict: id, outcome: outcome?.id ?? null },
        ...{ reason: 'The heating ran.', appealedAt: instantOf(desk.time.nowMs) },
      },
    ),
    desk.device,
  );
  await desk.pipeline.appeal(observation, envelope);
}

/** An observation that the checks flag, so that reviewers are asked. */
async function flagged(desk: Desk): Promise<string> {
  await desk.send('20', '20.1', '20.2');
  return desk.send('99');
}

test('accepted data raise it, rejected data lower it, an appeal that overturns turns it back', async () => {
  const reviewers = await panel(4);
  const { desk, book } = await openBook(reviewers);
  const of = () => book.now(desk.device.did, null);
  expect(of()).toBeNull();
  expect(book.history(desk.device.did, null)).toEqual([]);

  // Beta(2, 1) is x², Beta(1, 2) is 1 − (1 − x)²: their 5 % quantiles are √0.05 and 1 − √0.95.
  const good = await flagged(desk);
  await decide(desk, reviewers, good, 'accept');
  expect(of()).toMatchObject({ facts: 1, right: 1, stake: null, stakeFactor: null, independence: null });
  expect(Number(of()!.lower)).toBeCloseTo(Math.sqrt(0.05), 3);
  expect(of()!.credibility).toBe(of()!.lower);
  const afterGood = Number(of()!.mean);
  expect(afterGood).toBeCloseTo(2 / 3, 3);

  const bad = await flagged(desk);
  await decide(desk, reviewers, bad, 'reject');
  const afterBad = Number(of()!.mean);
  expect(of()).toMatchObject({ facts: 2, right: 1 });
  expect(afterBad).toBeCloseTo(1 / 2, 3);

  // While an appeal runs, what was decided stands; then the new decision takes its place, it is not added.
  await appeal(desk, bad);
  expect(of()).toMatchObject({ facts: 2, right: 1 });
  await decide(desk, reviewers, bad, 'accept');
  expect(of()).toMatchObject({ facts: 2, right: 2 });
  expect(Number(of()!.mean)).toBeCloseTo(3 / 4, 3);

  const history = book.history(desk.device.did, null);
  expect(history.length).toBeLessThanOrEqual(MAX_POINTS);
  expect(history[0]).toMatchObject({ facts: 1, right: 1 });
  const shares = history.map(({ facts, right }) => `${right} of ${facts}`);
  expect(shares.filter((share, i) => share !== shares[i - 1])).toEqual(['1 of 1', '1 of 2', '2 of 2']);
  for (const { lower, mean, upper } of history) {
    expect(Number(lower)).toBeLessThan(Number(mean));
    expect(Number(mean)).toBeLessThan(Number(upper));
  }
}, 30_000);

test('a flag counts against the data; two decisions in one second: the later one stands', async () => {
  const reviewers = await panel(4);
  const { desk, book } = await openBook(reviewers);
  const observation = await flagged(desk);
  await decide(desk, reviewers, observation, 'flag');
  desk.time.nowMs -= HOUR_MS;
  expect(book.now(desk.device.did, null)).toMatchObject({ facts: 1, right: 0 });
  await appeal(desk, observation);
  await decide(desk, reviewers, observation, 'accept');
  expect(book.now(desk.device.did, null)).toMatchObject({ facts: 1, right: 1 });
}, 30_000);

test('a book that is opened later knows the same, and does not count twice', async () => {
  const reviewers = await panel(2);
  const { desk, book, nowMs } = await openBook(reviewers);
  await decide(desk, reviewers, await flagged(desk), 'reject');
  const before = book.now(desk.device.did, null);
  const later = new CredibilityBook({ catalogue: desk.catalogue, nowMs });
  expect(later.now(desk.device.did, null)).toEqual(before);
  expect(later.now((await signerOf(50)).did, null)).toBeNull();
}, 30_000);

test('a ruling counts from when it is final, the stake multiplies, and the stake alone is no knowledge', async () => {
  const { desk, book } = await openBook();
  const did = desk.device.did;
  expect(book.now(did, { stake: '1000000', rulings: [] })).toBeNull();
  const finalAt = instantOf(desk.time.nowMs + HOUR_MS);
  const backing = (decision: Decision) => ({
    stake: '10000',
    rulings: [{ observation: 'a'.repeat(64), decision, finalAt }],
  });
  expect(book.now(did, backing('reject'))).toBeNull();
  expect(book.history(did, backing('reject'))).toEqual([]);
  desk.time.nowMs += HOUR_MS;
  const lost = book.now(did, backing('reject'))!;
  expect(lost).toMatchObject({ facts: 1, right: 0, stake: '10000', stakeFactor: '0.75' });
  expect(Number(lost.lower)).toBeCloseTo(1 - Math.sqrt(0.95), 5);
  expect(Number(lost.credibility)).toBeCloseTo((1 - Math.sqrt(0.95)) * 0.75, 5);
  const won = book.now(did, backing('accept'))!;
  expect(Number(won.lower)).toBeCloseTo(Math.sqrt(0.05), 5);
});
