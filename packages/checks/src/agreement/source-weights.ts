import type { FactClaims } from './claim-table.ts';
import { chiSquareQuantile, MAX_PARAMETER } from './distribution-quantiles.ts';
import { weightedMedian } from './weighted-median.ts';

/** What is known of a source's errors; sums in squared tolerances, older facts count less. */
export interface SourceRecord {
  claims: number;
  /** Squared distances from the others' truth, each at most the bound of a gross error. */
  loss: number;
  /** The same without gross errors. */
  coreClaims: number;
  coreLoss: number;
  wrong: number;
  /** Milliseconds of its newest claim. */
  lastHeard: number;
}

/** A record of so many claims counts half against as many new ones. */
const HALF_LIFE = 500;
/** CATD: the upper bound of a 95 % interval of the variance. */
const ALPHA = 0.05;
/** Pseudo-claims with the usual deviation that hold the record of a source with few. */
const PRIOR_CLAIMS = 4;
const MAD_TO_DEVIATION = 1.4826;
const LEAST_VARIANCE = 1e-12;

export interface MeasuredSources {
  records: SourceRecord[];
  deviation: Float64Array;
  errorRate: Float64Array;
  /** Half of the sources deviate less. */
  usual: number;
}

/**
 * Measures each source against what the others say. Its own vote is left out: a source that carries weight would else
 * find itself right and gain more.
 */
export function measureSources(
  facts: readonly FactClaims[],
  centres: readonly { shares: number[]; limit: number; truth: number }[],
  before: readonly (SourceRecord | null)[],
  sources: number,
): MeasuredSources {
  const distances = facts.map(({ values, ascending }, f) =>
    values.map((value, k) => {
      const { low, high } = weightedMedian(ascending, centres[f]!.shares, { without: k });
      return values.length < 2 ? 0 : Math.abs(value - (values[low]! + values[high]!) / 2);
    }),
  );
  const fresh = Array.from({ length: sources }, () => 0);
  for (const { sources: who } of facts) for (const source of who) fresh[source]!++;
  const records = before.map((record, s): SourceRecord => {
    const keep = 0.5 ** (fresh[s]! / HALF_LIFE);
    return {
      claims: keep * (record?.claims ?? 0),
      loss: keep * (record?.loss ?? 0),
      coreClaims: keep * (record?.coreClaims ?? 0),
      coreLoss: keep * (record?.coreLoss ?? 0),
      wrong: keep * (record?.wrong ?? 0),
      lastHeard: record?.lastHeard ?? 0,
    };
  });
  // A fact that is split in two has a gate so wide that it lets everything through; what is usual elsewhere bounds it.
  const all = Float64Array.from(distances.flat()).sort();
  const widest = Math.max(1, 5 * MAD_TO_DEVIATION * (all[all.length >> 1] ?? 0));
  facts.forEach(({ sources: who }, f) => {
    who.forEach((source, k) => {
      const distance = distances[f]![k]!;
      if (distance > Math.min(centres[f]!.limit, widest)) return;
      records[source]!.coreClaims++;
      records[source]!.coreLoss += distance * distance;
    });
  });
  const usual = usualDeviation(records);
  const gross = Math.max(1, 5 * usual);
  facts.forEach(({ sources: who, values, time }, f) => {
    who.forEach((source, k) => {
      const record = records[source]!;
      record.claims++;
      record.loss += Math.min(distances[f]![k]!, gross) ** 2;
      if (Math.abs(values[k]! - centres[f]!.truth) > centres[f]!.limit) record.wrong++;
      record.lastHeard = Math.max(record.lastHeard, time);
    });
  });
  return {
    records,
    usual,
    deviation: withoutTheOthers(facts, centres, records, usual),
    errorRate: Float64Array.from(records, ({ wrong, claims }) => (wrong + 0.5) / (claims + 5)),
  };
}

/**
 * Each source's own deviation: its distance from the others' truth without what that truth itself is off. With few
 * sources a good one is mostly measured against the others' noise; two good ones would then seem closer than chance.
 */
function withoutTheOthers(
  facts: readonly FactClaims[],
  centres: readonly { shares: number[] }[],
  records: readonly SourceRecord[],
  usual: number,
): Float64Array {
  const measured = records.map(
    ({ coreClaims, coreLoss }) => (coreLoss + PRIOR_CLAIMS * usual ** 2) / (coreClaims + PRIOR_CLAIMS),
  );
  const others = new Float64Array(records.length);
  const counts = new Float64Array(records.length);
  facts.forEach(({ sources: who }, f) => {
    const { shares } = centres[f]!;
    let noise = 0;
    for (let k = 0; k < who.length; k++) noise += shares[k]! ** 2 * measured[who[k]!]!;
    who.forEach((source, k) => {
      const rest = 1 - shares[k]!;
      if (rest < 1e-9) return;
      others[source]! += ((Math.PI / 2) * (noise - shares[k]! ** 2 * measured[source]!)) / rest ** 2;
      counts[source]!++;
    });
  });
  return Float64Array.from(measured, (variance, s) =>
    Math.sqrt(Math.max(variance - others[s]! / Math.max(counts[s]!, 1), variance / 4)),
  );
}

function usualDeviation(records: readonly SourceRecord[]): number {
  const deviations = records
    .filter(({ coreClaims }) => coreClaims >= 1)
    .map(({ coreClaims, coreLoss }) => Math.sqrt(coreLoss / coreClaims))
    .sort((a, b) => a - b);
  return deviations[deviations.length >> 1] ?? 0;
}

/**
 * Weights as CRH derives them, from the loss of each source, where the loss is CATD's: the variance as large as the
 * source's few claims still allow, Σ d² / χ²(α/2, N). The weight is one over its root, which is what a weighted median
 * of normal errors asks for. CRH's own −log of the share of the loss was measured beside it: it errs 2 % more, and one
 * newcomer with a huge bound makes everybody else's weight the same.
 */
export function sourceWeights({ records, usual }: MeasuredSources): {
  weights: Float64Array;
  bounds: Float64Array;
} {
  const bounds = Float64Array.from(records, ({ claims, loss }) =>
    Math.sqrt(
      (loss + usual ** 2 + LEAST_VARIANCE) /
        chiSquareQuantile(ALPHA / 2, Math.min(claims + 1, MAX_PARAMETER)),
    ),
  );
  return { bounds, weights: bounds.map((bound) => 1 / bound) };
}

/**
 * Shares of the vote, none above the cap or, where there are too few voters for that, above an equal share. What the
 * cap takes from one goes to the others in proportion.
 */
export function capped(votes: readonly number[], cap: number): number[] {
  const voters = votes.filter((vote) => vote > 0).length;
  const most = Math.max(cap, 1 / Math.max(voters, 1));
  const full = new Set<number>();
  for (;;) {
    const open = votes.reduce((total, vote, k) => (full.has(k) ? total : total + vote), 0);
    const left = 1 - most * full.size;
    const factor = open > 0 ? left / open : 0;
    let over = false;
    votes.forEach((vote, k) => {
      if (full.has(k) || vote * factor <= most * (1 + 1e-12)) return;
      full.add(k);
      over = true;
    });
    if (!over) return votes.map((vote, k) => (full.has(k) ? most : vote * factor));
  }
}
