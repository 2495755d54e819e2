import { AssayError, type Decimal, fromScaled, toScaled } from '@assay/core';
import {
  byText,
  type Claim,
  type ClaimTable,
  type ClaimTerms,
  type FactClaims,
  MAX_SOURCES,
  meanOf,
  type Refusal,
  tabulate,
} from './claim-table.ts';
import { dependence, PAIR_WIDTH, type PairEvidence, pairIndex, weighEvidence } from './source-dependence.ts';
import { capped, measureSources, type SourceRecord, sourceWeights } from './source-weights.ts';
import { weightedMedian } from './weighted-median.ts';

export interface TruthOptions extends ClaimTerms {
  /** Independent sources that a figure needs; 3 if not said, at least 2. */
  minimumSources?: number;
  /** Largest share of the vote on one fact that one source may have, or an equal share if that is more; 0.3. */
  weightCap?: number;
  /** With so large a share of the sources for another value, truth is open; 0.25. */
  rivalShare?: number;
  /** A value further than this many scaled median deviations from the centre does not vote; 3. */
  madMultiple?: number;
  /** What earlier calls learnt of the sources: the `history` of their answer. */
  history?: SourceHistory;
}

export interface Truths {
  /** By time, then by name. */
  facts: Truth[];
  /** By name. */
  sources: SourceStanding[];
  /** Pairs that are held to be copies, or parts of one coalition, the surest first. */
  copies: Copying[];
  /** Claims that do not count, with the reason. */
  refused: { claim: Claim; why: Refusal }[];
  /** For the next call on the same stream. */
  history: SourceHistory;
}

/** What is known of one fact. Either `value` is known, or `alert` says why not. */
export interface Truth {
  fact: string;
  /** Picked or averaged from the claims exactly. */
  value: string | null;
  /** 95 %, for numbers that are known. */
  interval: [low: Decimal, high: Decimal] | null;
  alert: TruthAlert | null;
  /** How many sources the claims are worth once copies are collapsed. */
  independent: number;
  /** By source. */
  votes: Vote[];
}

export interface Vote {
  source: string;
  value: string;
  /** Share of the vote, 0 when gated out. */
  share: number;
  /** Further from the truth than the gate allows. */
  outlier: boolean;
}

export interface TruthAlert {
  kind: 'too-few-independent' | 'majority-copies' | 'rival-value' | 'no-agreement';
  /** What was seen, for people. */
  reason: string;
  /** The values that stand against each other, the best supported first, each with its sources. */
  candidates: { value: string; sources: string[] }[];
}

export interface SourceStanding {
  source: string;
  claims: number;
  /** Relative to the mean of the sources, before caps and before copies are collapsed. */
  weight: number;
  /** Typical distance from what the others say, in tolerances, without gross errors. */
  deviation: number;
  /** 97.5 % upper bound of the root mean square distance (CATD): what its weight is made from. */
  deviationBound: number;
  /** Share of gross errors, smoothed. */
  errorRate: number;
}

export interface Copying {
  sources: [string, string];
  probability: number;
  /** `closeness` needs no truth; `shared-errors` presumes the truth that was found. */
  by: 'closeness' | 'shared-errors';
}

/** Plain data of bounded size: at most {@link MAX_SOURCES} sources, the longest unheard are forgotten. */
export interface SourceHistory {
  sources: string[];
  /** By source. */
  records: SourceRecord[];
  /** By pair of sources, as in `source-dependence.ts`. */
  evidence: number[];
}

const MAX_ROUNDS = 12;
/** From this probability on two sources are held to be dependent; below it both vote in full. */
const HELD = 0.5;
/** Quantile of the standard normal for a 95 % interval. */
const Z95 = 1.959963984540054;
const MAD_TO_DEVIATION = 1.4826;
/**
 * The truth is the mean of the values at 35 % and 65 % of the weight. Measured with 20 equally good sources, the
 * weighted median alone errs 6 % more than the plain one, which for an even number is a mean of two; this errs 4 % less.
 */
const SPREAD = 0.15;

/**
 * Finds what is true when sources differ, without being told whom to trust.
 *
 * 1. *Gate*: stale claims do not count; values far from the centre (Hampel) do not vote.
 * 2. *Dependence*: who agrees too closely, or is wrong alike, is held to be a copy; copies that say the same have one
 *    vote together.
 * 3. *Weights*: sources near the truth weigh more (CRH), by the upper bound of their error, so that few claims are not
 *    mistaken for good ones (CATD); nobody's share passes the cap.
 * 4. *Truth*: weighted median for numbers, weighted vote for categories. 1 to 4 repeat until nothing changes.
 * 5. *Alarm*: no figure where the claims cannot decide.
 *
 * Deterministic; neither the order of the claims nor the names of the sources matter, nor the unit of the values.
 *
 * @throws ARGUMENT_INVALID for options that make no sense and for too many claims (see `claim-table.ts`).
 * @example
 * const { facts } = discoverTruth(claims, { kind: 'number', tolerance: { relative: '0.01' } });
 * facts[0].value ?? facts[0].alert.reason;
 */
export function discoverTruth(claims: readonly Claim[], options: TruthOptions): Truths {
  const terms = readOptions(options);
  const table = tabulate(claims, options);
  const before = recall(options.history, table.sources);
  let beliefs = firstBeliefs(table);
  for (let round = 0; round < MAX_ROUNDS; round++) {
    const next = revise(table, beliefs, before, terms);
    const settled = next.places === beliefs.places;
    beliefs = next;
    if (settled) break;
  }
  return {
    facts: table.facts.map((fact, f) => judge(fact, f, table, beliefs, terms)),
    sources: standings(table, beliefs),
    copies: copies(table, beliefs),
    refused: table.refused,
    history: remember(options.history, table, beliefs),
  };
}

type Terms = Required<Pick<TruthOptions, 'minimumSources' | 'weightCap' | 'rivalShare' | 'madMultiple'>>;

function readOptions(options: TruthOptions): Terms {
  const { minimumSources = 3, weightCap = 0.3, rivalShare = 0.25, madMultiple = 3 } = options;
  const demand = (holds: boolean, text: string) => {
    if (!holds) throw new AssayError('ARGUMENT_INVALID', text);
  };
  demand(
    Number.isInteger(minimumSources) && minimumSources >= 2 && minimumSources <= MAX_SOURCES,
    `minimumSources: expected 2 to ${MAX_SOURCES}, got ${minimumSources}`,
  );
  demand(weightCap > 0 && weightCap <= 1, `weightCap: expected above 0 and at most 1, got ${weightCap}`);
  demand(
    rivalShare > 0 && rivalShare <= 0.5,
    `rivalShare: expected above 0 and at most 0.5, got ${rivalShare}`,
  );
  demand(madMultiple >= 1 && madMultiple <= 10, `madMultiple: expected 1 to 10, got ${madMultiple}`);
  return { minimumSources, weightCap, rivalShare, madMultiple };
}

/** What one round believes. */
interface Beliefs {
  /** By source. */
  weights: Float64Array;
  bounds: Float64Array;
  deviation: Float64Array;
  errorRate: Float64Array;
  /** Records with the history's, and those of these facts alone. */
  records: SourceRecord[];
  /** Sources by sources: held dependence by anything, and by closeness alone. */
  held: Float64Array;
  heldClose: Float64Array;
  closeness: Float64Array;
  sharedErrors: Float64Array;
  evidence: PairEvidence;
  centres: Centre[];
  /** The places of all medians: when they stay, so does everything. */
  places: string;
}

interface Centre {
  /** Places of the value, or of the two that it is the mean of. */
  low: number;
  high: number;
  truth: number;
  /** Distance beyond which a claim is an outlier. */
  limit: number;
  /** Robust deviation of the claims. */
  scale: number;
  shares: number[];
}

function firstBeliefs(table: ClaimTable): Beliefs {
  const n = table.sources.length;
  const flat = () => new Float64Array(n * n);
  return {
    weights: new Float64Array(n).fill(1),
    bounds: new Float64Array(n),
    deviation: new Float64Array(n),
    errorRate: new Float64Array(n),
    records: [],
    held: flat(),
    heldClose: flat(),
    closeness: flat(),
    sharedErrors: flat(),
    evidence: new Float64Array(0),
    centres: [],
    places: '',
  };
}

function revise(table: ClaimTable, beliefs: Beliefs, before: Recalled, terms: Terms): Beliefs {
  const { facts, kind } = table;
  const n = table.sources.length;
  const centres = facts.map((fact) => centreOf(fact, kind, beliefs, terms));
  const measured = measureSources(facts, centres, before.records, n);
  const wrong = facts.map(({ values }, f) =>
    Uint8Array.from(values, (value) => (Math.abs(value - centres[f]!.truth) > centres[f]!.limit ? 1 : 0)),
  );
  const { peak, after } = weighEvidence({
    facts,
    wrong,
    truths: centres.map(({ truth }) => truth),
    noise: measured,
    sources: n,
    numeric: kind === 'number',
    before: before.evidence,
  });
  const { closeness, sharedErrors } = dependence(peak, n);
  const { weights, bounds } = sourceWeights(measured);
  return {
    weights,
    bounds,
    deviation: measured.deviation,
    errorRate: measured.errorRate,
    records: measured.records,
    held: closeness.map((p, i) =>
      Math.max(p, sharedErrors[i]!) >= HELD ? Math.max(p, sharedErrors[i]!) : 0,
    ),
    heldClose: closeness.map((p) => (p >= HELD ? p : 0)),
    closeness,
    sharedErrors,
    evidence: after,
    centres,
    places: centres.map(({ low, high }) => `${low},${high}`).join(' '),
  };
}

/** The gate and the truth of one fact under the weights and the dependence believed so far. */
function centreOf(
  fact: FactClaims,
  kind: ClaimTable['kind'],
  { weights, held }: Pick<Beliefs, 'weights' | 'held'>,
  { madMultiple, weightCap }: Terms,
): Centre {
  const { values, sources, ascending } = fact;
  const independence = independenceOf(fact, held);
  const raw = sources.map((source, k) => weights[source]! * independence[k]!);
  if (kind === 'category') {
    const shares = capped(raw, weightCap);
    const place = mostVoted(fact, shares);
    return { low: place, high: place, truth: values[place]!, limit: 1, scale: 0, shares };
  }
  const votes = capped(raw, weightCap);
  const first = weightedMedian(ascending, votes);
  const centre = (values[first.low]! + values[first.high]!) / 2;
  const distances = values.map((value) => Math.abs(value - centre));
  const byDistance = [...ascending].sort((a, b) => distances[a]! - distances[b]!);
  const mad = weightedMedian(byDistance, votes);
  const scale = MAD_TO_DEVIATION * ((distances[mad.low]! + distances[mad.high]!) / 2);
  const limit = Math.max(1, madMultiple * scale);
  const shares = capped(
    raw.map((vote, k) => (distances[k]! <= limit ? vote : 0)),
    weightCap,
  );
  const steadied = weightedMedian(ascending, shares, { spread: SPREAD });
  // A mean of two values that do not say the same is nobody's value.
  const { low, high } =
    Math.abs(values[steadied.high]! - values[steadied.low]!) <= 1
      ? steadied
      : weightedMedian(ascending, shares);
  return { low, high, truth: (values[low]! + values[high]!) / 2, limit, scale, shares };
}

/** The place of the category with the largest share; of equal ones the first in the alphabet. */
function mostVoted({ values }: FactClaims, shares: readonly number[]): number {
  const sums = new Map<number, number>();
  values.forEach((value, k) => {
    sums.set(value, (sums.get(value) ?? 0) + shares[k]!);
  });
  const best = [...sums].reduce((a, b) =>
    b[1] > a[1] + 1e-12 || (b[1] > a[1] - 1e-12 && b[0] < a[0]) ? b : a,
  );
  return values.indexOf(best[0]);
}

/**
 * What each claim is worth as an opinion of its own: one over the number of claims that say the same and are held to
 * be copies, so that a group of k copies has one vote together. (The paper orders the sources and
 * discounts the later ones; sharing equally needs no order.)
 */
function independenceOf({ sources, values }: FactClaims, held: Float64Array): number[] {
  const n = Math.sqrt(held.length);
  return sources.map((a, i) => {
    let group = 1;
    for (let j = 0; j < sources.length; j++) {
      const together = held[a * n + sources[j]!]!;
      if (together > 0 && Math.abs(values[i]! - values[j]!) <= 1) group += together;
    }
    return 1 / group;
  });
}

/** Whether a fact is known, and its value or the reason why not. */
function judge(fact: FactClaims, f: number, table: ClaimTable, beliefs: Beliefs, terms: Terms): Truth {
  const centre = beliefs.centres[f]!;
  const { sources, exact, values } = fact;
  const independent = sum(independenceOf(fact, beliefs.held));
  const alert = alarm(fact, centre, table, beliefs, terms, independent);
  const value =
    exact[centre.low] === exact[centre.high]
      ? exact[centre.low]!
      : meanOf(exact[centre.low]!, exact[centre.high]!);
  return {
    fact: fact.fact,
    value: alert === null ? value : null,
    interval: alert === null && table.kind === 'number' ? intervalOf(value, fact, centre, beliefs) : null,
    alert,
    independent,
    votes: sources.map((source, k) => ({
      source: table.sources[source]!,
      value: exact[k]!,
      share: centre.shares[k]!,
      outlier: Math.abs(values[k]! - centre.truth) > centre.limit,
    })),
  };
}

function alarm(
  fact: FactClaims,
  centre: Centre,
  table: ClaimTable,
  beliefs: Beliefs,
  { minimumSources, rivalShare }: Terms,
  independent: number,
): TruthAlert | null {
  const { values, sources } = fact;
  const near = (at: number) => values.flatMap((value, k) => (Math.abs(value - at) <= 1 ? [k] : []));
  const candidate = (places: number[]) => ({
    value:
      fact.exact[
        weightedMedian(
          fact.ascending,
          values.map((_, k) => (places.includes(k) ? 1 : 0)),
        ).low
      ]!,
    sources: places.map((k) => table.sources[sources[k]!]!),
  });
  const supporters = near(centre.truth);
  if (Math.round(independent * 100) / 100 < minimumSources) {
    return {
      kind: 'too-few-independent',
      reason: `${sources.length} sources are worth ${independent.toFixed(1)} independent ones; at least ${minimumSources} are needed`,
      candidates: [candidate(supporters)],
    };
  }
  const coalition = largestGroup(sources, beliefs.held);
  const rest = values.flatMap((_, k) => (coalition.includes(k) ? [] : [k]));
  if (coalition.length * 2 >= sources.length && rest.length > 0) {
    const ours = plainMedian(values, coalition);
    const theirs = plainMedian(values, rest);
    if (Math.abs(ours - theirs) > 1) {
      return {
        kind: 'majority-copies',
        reason: `${coalition.length} of ${sources.length} sources are held to be copies of each other, and what they say lies ${Math.abs(ours - theirs).toFixed(1)} tolerances from what the others say`,
        candidates: [candidate(coalition), candidate(rest)],
      };
    }
  }
  // Only closeness counts here. To collapse a rival because it shares errors would presume the very truth that is in
  // question: seen from a lie that most agree on, the honest are the ones who are wrong alike.
  const votes = independenceOf(fact, beliefs.heldClose);
  const total = sum(votes);
  const rival = strongestRival(fact, centre.truth, votes);
  if (rival.places.length >= 2 && rival.votes >= Math.max(1.5, rivalShare * total)) {
    return {
      kind: 'rival-value',
      reason: `${rival.places.length} of ${sources.length} sources agree on another value, and nothing shows that they are copies`,
      candidates: [candidate(supporters), candidate(rival.places)],
    };
  }
  const support = sum(supporters.map((k) => votes[k]!));
  if (support * 2 < total * (1 - 1e-9)) {
    return {
      kind: 'no-agreement',
      reason: `only ${supporters.length} of ${sources.length} sources lie within the tolerance of the best value`,
      candidates: [candidate(supporters)],
    };
  }
  return null;
}

/** Places of the largest set of sources that are connected by held dependence. */
function largestGroup(sources: readonly number[], held: Float64Array): number[] {
  const n = Math.sqrt(held.length);
  const left = new Set(sources.keys());
  let largest: number[] = [];
  for (const start of sources.keys()) {
    if (!left.delete(start)) continue;
    const group = [start];
    for (const i of group) {
      for (const j of left) {
        if (held[sources[i]! * n + sources[j]!]! > 0) {
          left.delete(j);
          group.push(j);
        }
      }
    }
    if (group.length > largest.length) largest = group;
  }
  return largest.length > 1 ? largest.sort((a, b) => a - b) : [];
}

/** The values within two tolerances of each other, and not within one of the truth, that have most votes. */
function strongestRival(
  { values, ascending }: FactClaims,
  truth: number,
  votes: readonly number[],
): { places: number[]; votes: number } {
  const away = ascending.filter((k) => Math.abs(values[k]! - truth) > 1);
  let best: { places: number[]; votes: number } = { places: [], votes: 0 };
  let from = 0;
  for (let to = 0; to < away.length; to++) {
    while (values[away[to]!]! - values[away[from]!]! > 2) from++;
    const places = away.slice(from, to + 1);
    const held = sum(places.map((k) => votes[k]!));
    if (held > best.votes + 1e-12) best = { places, votes: held };
  }
  return best;
}

/**
 * A 95 % interval. The variance is that of a weighted median (π/2 times that of the mean), each source with the upper
 * bound of its variance and copies moving together; where this fact's own claims scatter more than the sources' records
 * say, their scatter counts.
 */
function intervalOf(
  value: Decimal,
  fact: FactClaims,
  { shares, scale }: Centre,
  { bounds, held }: Beliefs,
): [Decimal, Decimal] {
  const { sources, unit } = fact;
  const n = Math.sqrt(held.length);
  let variance = 0;
  let squares = 0;
  sources.forEach((a, i) => {
    sources.forEach((b, j) => {
      const together = i === j ? 1 : held[a * n + b]!;
      const product = shares[i]! * shares[j]! * together;
      variance += product * bounds[a]! * bounds[b]!;
      squares += product;
    });
  });
  const half = Z95 * Math.sqrt((Math.PI / 2) * Math.max(variance, squares * scale * scale)) * unit;
  if (!(half > 0) || !Number.isFinite(half)) return [value, value];
  const digits = Math.min(Math.max(2 - Math.floor(Math.log10(half)), 0), 40);
  const width = BigInt(Math.ceil(half * 10 ** digits));
  const dot = value.indexOf('.');
  const deep = Math.max(digits, dot < 0 ? 0 : value.length - dot - 1);
  const middle = toScaled(value, deep);
  const reach = width * 10n ** BigInt(deep - digits);
  return [fromScaled(middle - reach, deep), fromScaled(middle + reach, deep)];
}

function standings(table: ClaimTable, beliefs: Beliefs): SourceStanding[] {
  const n = table.sources.length;
  const mean = sum([...beliefs.weights]) / n;
  const claims = new Array<number>(n).fill(0);
  for (const { sources } of table.facts) for (const source of sources) claims[source]!++;
  return table.sources.map((source, s) => ({
    source,
    claims: claims[s]!,
    weight: beliefs.weights[s]! / mean,
    deviation: beliefs.deviation[s]!,
    deviationBound: beliefs.bounds[s]!,
    errorRate: beliefs.errorRate[s]!,
  }));
}

function copies({ sources }: ClaimTable, { closeness, sharedErrors }: Beliefs): Copying[] {
  const n = sources.length;
  const found: Copying[] = [];
  for (let a = 0; a < n; a++) {
    for (let b = a + 1; b < n; b++) {
      const close = closeness[a * n + b]!;
      const errors = sharedErrors[a * n + b]!;
      if (Math.max(close, errors) < HELD) continue;
      found.push({
        sources: [sources[a]!, sources[b]!],
        probability: Math.max(close, errors),
        by: close >= errors ? 'closeness' : 'shared-errors',
      });
    }
  }
  return found.sort(
    (a, b) =>
      b.probability - a.probability ||
      byText(a.sources[0], b.sources[0]) ||
      byText(a.sources[1], b.sources[1]),
  );
}

interface Recalled {
  records: (SourceRecord | null)[];
  evidence: PairEvidence;
}

/** The history as arrays over this call's sources. */
function recall(history: SourceHistory | undefined, sources: readonly string[]): Recalled {
  const n = sources.length;
  const evidence = new Float64Array(((n * (n - 1)) / 2) * PAIR_WIDTH);
  if (history === undefined) return { records: sources.map(() => null), evidence };
  const old = history.sources.length;
  if (
    old > MAX_SOURCES ||
    history.records.length !== old ||
    history.evidence.length !== ((old * (old - 1)) / 2) * PAIR_WIDTH
  ) {
    throw new AssayError('ARGUMENT_INVALID', 'history: expected what an earlier call returned as `history`');
  }
  const place = new Map(history.sources.map((source, i) => [source, i]));
  const places = sources.map((source) => place.get(source));
  places.forEach((a, i) => {
    places.forEach((b, j) => {
      if (i >= j || a === undefined || b === undefined) return;
      const from = pairIndex(Math.min(a, b), Math.max(a, b), old) * PAIR_WIDTH;
      const to = pairIndex(i, j, n) * PAIR_WIDTH;
      for (let k = 0; k < PAIR_WIDTH; k++) evidence[to + k] = history.evidence[from + k]!;
    });
  });
  return { records: places.map((i) => (i === undefined ? null : history.records[i]!)), evidence };
}

/** Joins what was learnt now with what is known of sources that were not heard now. */
function remember(history: SourceHistory | undefined, table: ClaimTable, beliefs: Beliefs): SourceHistory {
  if (table.facts.length === 0) return history ?? { sources: [], records: [], evidence: [] };
  const known = new Map<string, SourceRecord>();
  history?.sources.forEach((source, i) => {
    known.set(source, history.records[i]!);
  });
  table.sources.forEach((source, i) => {
    known.set(source, beliefs.records[i]!);
  });
  const kept = [...known]
    .sort(([a, x], [b, y]) => y.lastHeard - x.lastHeard || byText(a, b))
    .slice(0, MAX_SOURCES)
    .sort(([a], [b]) => byText(a, b));
  const sources = kept.map(([source]) => source);
  const old = recall(history, sources).evidence;
  const now = new Map(table.sources.map((source, i) => [source, i]));
  sources.forEach((a, i) => {
    for (let j = i + 1; j < sources.length; j++) {
      const x = now.get(a);
      const y = now.get(sources[j]!);
      if (x === undefined || y === undefined) continue;
      const from = pairIndex(Math.min(x, y), Math.max(x, y), table.sources.length) * PAIR_WIDTH;
      const to = pairIndex(i, j, sources.length) * PAIR_WIDTH;
      for (let k = 0; k < PAIR_WIDTH; k++) old[to + k] = beliefs.evidence[from + k]!;
    }
  });
  return { sources, records: kept.map(([, record]) => record), evidence: [...old] };
}

function plainMedian(values: readonly number[], places: readonly number[]): number {
  const sorted = places.map((k) => values[k]!).sort((a, b) => a - b);
  const half = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[half]! : (sorted[half - 1]! + sorted[half]!) / 2;
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
