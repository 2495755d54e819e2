/** How the log is doing: what the node promises of it, and what it has measured. */
import { performance } from 'node:perf_hooks';
import type { LogHealth } from '@assay/gateway';
import type { MonitorStatus } from '@assay/ledger';
import { instantOf } from '@assay/sources';
import { anchorStatus, type NodeIdentity, type RunningParts } from './node-report.ts';

/** What this node promises of its log. The measured figures stand beside it in `/v1/log/health`. */
export const PROMISED = {
  /** From the commit of an entry to a public checkpoint that covers it. */
  publicWithinMs: 5_000,
  /** Share of entries for which that holds. */
  publicShare: 0.99,
  /** From a public entry to the monitor having read it. */
  readWithinMs: 60_000,
  /** Age of the newest anchor while there are newer public checkpoints. */
  anchoredWithinMs: 15 * 60_000,
} as const;

/** Commits whose publication is remembered. */
const MEASURED = 1_000;
const GROWTH_POINTS = 120;
const COUNTED_TOGETHER_MS = 1_000;
/** A look that seems to lie so far ahead was noted by another clock. */
const CLOCK_SET_BACK_MS = 5_000;

type Promised = LogHealth['serviceLevel'][number];

/** Measures how long committed entries take to become public. Its clock is never set back. */
export class PublicationMeter {
  readonly #pending: { size: number; atMs: number }[] = [];
  readonly #tookMs: number[] = [];

  committed(size: number): void {
    this.#pending.push({ size, atMs: performance.now() });
  }

  published(size: number): void {
    while (this.#pending.length > 0 && this.#pending[0]!.size <= size)
      this.#tookMs.push(performance.now() - this.#pending.shift()!.atMs);
    if (this.#tookMs.length > 2 * MEASURED) this.#tookMs.splice(0, this.#tookMs.length - MEASURED);
  }

  /** The promise with what was measured; what waits now counts as soon as it waits too long. */
  report(): Promised {
    const waiting = this.#pending.map(({ atMs }) => performance.now() - atMs);
    const late = waiting.filter((ms) => ms > PROMISED.publicWithinMs);
    const took = [...this.#tookMs.slice(-MEASURED), ...late].sort((a, b) => a - b);
    const at = (share: number) => seconds(took[Math.ceil(took.length * share) - 1] ?? 0);
    const within = took.filter((ms) => ms <= PROMISED.publicWithinMs).length / took.length;
    return {
      name: 'An entry is public soon after it is acknowledged',
      promised: `${PROMISED.publicShare * 100} % within ${seconds(PROMISED.publicWithinMs)}`,
      measured:
        took.length === 0
          ? 'nothing was published since the node started'
          : `${(within * 100).toFixed(1)} % of the last ${took.length} commits; median ${at(0.5)}, p99 ${at(0.99)}, longest ${at(1)}`,
      status: took.length === 0 ? 'unknown' : within >= PROMISED.publicShare ? 'pass' : 'fail',
    };
  }
}

/**
 * Public sizes that somebody has not covered yet, and since when they wait. A log that grows all the time has a
 * fresh newest checkpoint, so only the oldest one that waits says how late somebody is. Its clock is never set back.
 */
export class Backlog {
  readonly #waiting: { size: number; sinceMs: number }[] = [];
  #newest = { size: 0, sinceMs: 0 };
  readonly #nowMs: () => number;

  constructor(nowMs: () => number = () => performance.now()) {
    this.#nowMs = nowMs;
  }

  published(size: number): void {
    if (size <= this.#newest.size) return;
    const nowMs = this.#nowMs();
    const full = this.#waiting.length === MEASURED;
    if (full || (this.#waiting.length > 0 && nowMs - this.#newest.sinceMs < COUNTED_TOGETHER_MS))
      // It counts as having waited since the one before it: a little too long rather than too short.
      this.#newest.size = size;
    else {
      this.#newest = { size, sinceMs: nowMs };
      this.#waiting.push({ size, sinceMs: nowMs });
    }
  }

  /** How long the oldest public size above `covered` has waited, in milliseconds; 0 when there is none. */
  waitsMs(covered: number): number {
    while (this.#waiting.length > 0 && this.#waiting[0]!.size <= covered) this.#waiting.shift();
    const oldest = this.#waiting[0] ?? (this.#newest.size > covered ? this.#newest : null);
    return oldest ? this.#nowMs() - oldest.sinceMs : 0;
  }
}

/** What `/v1/log/health` says. */
export function healthOf(
  identity: NodeIdentity,
  parts: RunningParts,
  own: { meter: PublicationMeter; unread: Backlog; unanchored: Backlog; monitor: MonitorStatus },
): LogHealth {
  const { catalogue, ledger, anchors } = parts;
  const { meter, unread, unanchored, monitor } = own;
  const published = ledger.published();
  const publishedAt = parts.publishedAt();
  return {
    log: {
      origin: identity.origin,
      vkey: identity.vkey,
      committed: ledger.size,
      public: published && publishedAt ? { size: published.size, at: publishedAt } : null,
    },
    growth: catalogue.growth(GROWTH_POINTS),
    witnesses: ledger.witnessStates().map((witness) => ({
      name: witness.name,
      url: witness.url,
      state:
        witness.state === 'ok' && (witness.size ?? 0) < (published?.size ?? 0) ? 'behind' : witness.state,
      size: witness.size,
      latencyMs: witness.latencyMs === null ? null : Math.round(witness.latencyMs),
      lastCosignedAt: witness.lastCosignedAtMs === null ? null : instantOf(witness.lastCosignedAtMs),
      lastError: witness.lastError,
    })),
    quorum: identity.quorum,
    monitor: {
      verifiedSize: monitor.verifiedSize,
      lastLookAt: monitor.lastPollAtMs === null ? null : instantOf(monitor.lastPollAtMs),
      lastError: monitor.lastError,
      statementsVerified: monitor.statementsVerified,
      statementsInvalid: monitor.statementsInvalid,
      notStatements: monitor.notStatements,
      consistencyChecks: monitor.consistencyChecks,
    },
    incidents: monitor.incidents
      .map(({ atMs, ...incident }) => ({ ...incident, at: instantOf(atMs) }))
      .reverse(),
    chains: parts.keepers.states().map(anchorStatus),
    anchors: anchors
      .list(identity.origin)
      .slice(-10)
      .reverse()
      .map(({ size, anchoredAt, transaction, proof }) => ({
        size,
        chainId: proof.chainId,
        contract: proof.contract,
        blockNumber: proof.blockNumber,
        transaction,
        at: anchoredAt,
      })),
    serviceLevel: [
      meter.report(),
      readSoon(parts, monitor, unread),
      anchoredSoon(identity, parts, unanchored),
    ],
  };
}

function readSoon({ ledger }: RunningParts, monitor: MonitorStatus, unread: Backlog): Promised {
  const size = ledger.published()?.size ?? 0;
  const lookedMs = monitor.lastPollAtMs === null ? null : Date.now() - monitor.lastPollAtMs;
  const waitsMs = unread.waitsMs(monitor.verifiedSize);
  const [status, measured] = ((): [Promised['status'], string] => {
    const read = `${monitor.verifiedSize} of ${size} entries`;
    if (monitor.incidents.length > 0)
      return ['fail', `${read}; incidents found: ${monitor.incidents.length}`];
    if (waitsMs > PROMISED.readWithinMs)
      return ['fail', `${read}; the next one has waited ${seconds(waitsMs)}${because(monitor.lastError)}`];
    if (lookedMs === null) return ['unknown', `it has not looked yet${because(monitor.lastError)}`];
    if (lookedMs > PROMISED.readWithinMs)
      return ['fail', `${read}; it last looked ${seconds(lookedMs)} ago${because(monitor.lastError)}`];
    if (lookedMs < -CLOCK_SET_BACK_MS) return ['unknown', 'the clock was set back since it last looked'];
    if (monitor.lastError !== null) return ['unknown', `${read}${because(monitor.lastError)}`];
    if (size === 0) return ['unknown', 'no entry is public yet'];
    return ['pass', `${read}, looked ${seconds(Math.max(0, lookedMs))} ago`];
  })();
  return {
    name: 'The monitor has read every public entry',
    promised: `within ${seconds(PROMISED.readWithinMs)}`,
    measured,
    status,
  };
}

function anchoredSoon(
  { chains }: NodeIdentity,
  { anchors, ledger }: RunningParts,
  unanchored: Backlog,
): Promised {
  const size = ledger.published()?.size ?? 0;
  const newest = chains.map(({ chainId }) => ({ chainId, anchor: anchors.latest(ledger.origin, chainId) }));
  // The chain that is furthest behind counts.
  const least = Math.min(...newest.map(({ anchor }) => anchor?.size ?? 0));
  const waitsMs = unanchored.waitsMs(chains.length === 0 ? 0 : least);
  const late = waitsMs > PROMISED.anchoredWithinMs;
  const measured = newest.map(({ chainId, anchor }) => {
    const where = chains.length > 1 ? ` of chain ${chainId}` : '';
    return anchor
      ? `size ${anchor.size} of ${size} in block ${anchor.proof.blockNumber}${where}`
      : `nothing is anchored yet${where && ` on chain ${chainId}`}`;
  });
  return {
    name: 'The public checkpoint is on a chain',
    promised: `within ${seconds(PROMISED.anchoredWithinMs)}`,
    measured:
      chains.length === 0
        ? 'no chain is used'
        : `${measured.join(', ')}${late ? `; the next has waited ${seconds(waitsMs)}` : ''}`,
    status: chains.length === 0 ? 'unknown' : late ? 'fail' : least > 0 ? 'pass' : 'unknown',
  };
}

function because(error: string | null): string {
  return error === null ? '' : `: ${error}`;
}

function seconds(ms: number): string {
  if (ms < 1_000) return `${Math.round(ms)} ms`;
  return ms < 120_000 ? `${Number((ms / 1_000).toFixed(1))} s` : `${Math.round(ms / 60_000)} min`;
}
