import { AssayError, type Decimal, fromScaled, isDecimal, toScaled } from '@assay/core';

/** One source's word about one fact. */
export interface Claim {
  /** What is claimed about, the same text for every source: `BTC-USD 2023-03-11T07:00:00Z`. */
  fact: string;
  source: string;
  /** A canonical decimal for numbers, any text of at most 200 characters for categories. */
  value: string;
  /** When the source says that it was so: `2023-03-11T07:00:00Z`. */
  at: string;
}

/** Up to which distance two numbers say the same: of the value itself (`0.01` is one per cent), or in its unit. */
export type Tolerance = { relative: Decimal } | { absolute: Decimal };

/** How claims are to be read. */
export interface ClaimTerms {
  kind: 'number' | 'category';
  /** Needed for numbers; categories agree when they are equal. */
  tolerance?: Tolerance;
  /** A claim that is older than the newest claim about the same fact by more than this is stale; null: none is. */
  maxAgeSeconds?: number | null;
  /** Claims from later than this are refused: nothing may know the future. */
  now?: string;
}

export const MAX_SOURCES = 64;
export const MAX_FACTS = 100_000;
export const MAX_CLAIMS = 1_000_000;
const MAX_TEXT = 200;
/** Digits after the point; with the 80 characters of a decimal it bounds the arithmetic. */
const MAX_FRACTION = 40;
/** In tolerances; squares of more would not fit a double. */
const FARTHEST = 1e100;
/** Categories that differ stand this many tolerances apart, so that what is said of numbers holds for them. */
export const CATEGORY_DISTANCE = 10;

/** Why a claim does not count. */
export type Refusal = 'stale' | 'contradicts-itself' | 'malformed' | 'from-the-future';

/** The claims about one fact that count, ordered by source. */
export interface FactClaims {
  fact: string;
  /** Milliseconds of the newest claim. */
  time: number;
  /** Indices into the table's sources. */
  sources: number[];
  /** Each value in tolerances from the plain median; for categories a multiple of {@link CATEGORY_DISTANCE}. */
  values: number[];
  exact: string[];
  /** Places in `values`, ascending by value. */
  ascending: number[];
  /** Half of the coarsest step that the sources' decimals show, in tolerances. */
  halfStep: number;
  /** One tolerance in the values' own unit, and the plain median, for turning intervals back. */
  unit: number;
  origin: number;
}

export interface ClaimTable {
  kind: ClaimTerms['kind'];
  /** Ascending. */
  sources: string[];
  /** Ascending by time, then by fact. */
  facts: FactClaims[];
  refused: { claim: Claim; why: Refusal }[];
}

/**
 * Sorts claims into facts. A source has one vote on a fact: its newest claim; two different ones at the same time
 * contradict each other and neither counts. What the order of the claims is makes no difference.
 *
 * @throws ARGUMENT_INVALID for terms that make no sense, and for more than {@link MAX_SOURCES} sources,
 * {@link MAX_FACTS} facts or {@link MAX_CLAIMS} claims. A claim that cannot be read is refused, not thrown.
 */
export function tabulate(claims: readonly Claim[], terms: ClaimTerms): ClaimTable {
  const tolerance = readTolerance(terms);
  const now = terms.now === undefined ? Number.POSITIVE_INFINITY : Date.parse(terms.now);
  if (Number.isNaN(now)) invalid(`now: expected a time, got ${JSON.stringify(terms.now)}`);
  const maxAge = terms.maxAgeSeconds ?? Number.POSITIVE_INFINITY;
  if (!(maxAge >= 0)) invalid(`maxAgeSeconds: expected 0 or more, got ${maxAge}`);
  if (claims.length > MAX_CLAIMS) invalid(`expected at most ${MAX_CLAIMS} claims, got ${claims.length}`);
  const refused: ClaimTable['refused'] = [];
  const byFact = new Map<string, Map<string, Timed[]>>();
  const sources = new Set<string>();
  for (const claim of claims) {
    const time = Date.parse(claim.at);
    if (!isReadable(claim, terms.kind) || Number.isNaN(time)) refused.push({ claim, why: 'malformed' });
    else if (time > now) refused.push({ claim, why: 'from-the-future' });
    else {
      sources.add(claim.source);
      const bySource = byFact.get(claim.fact) ?? new Map<string, Timed[]>();
      byFact.set(claim.fact, bySource);
      const own = bySource.get(claim.source);
      if (own) own.push({ claim, time });
      else bySource.set(claim.source, [{ claim, time }]);
    }
  }
  if (sources.size > MAX_SOURCES) invalid(`expected at most ${MAX_SOURCES} sources, got ${sources.size}`);
  if (byFact.size > MAX_FACTS) invalid(`expected at most ${MAX_FACTS} facts, got ${byFact.size}`);
  const names = [...sources].sort(byText);
  const indexOf = new Map(names.map((name, i) => [name, i]));
  const digits = new Array<number>(names.length).fill(0);
  const kept = [...byFact].map(([fact, bySource]) => {
    const own = [...bySource.values()].flatMap((said) => newestOf(said, refused));
    const time = Math.max(...own.map((it) => it.time));
    const fresh = own.filter((it) => {
      if (time - it.time <= maxAge * 1000) return true;
      refused.push({ claim: it.claim, why: 'stale' });
      return false;
    });
    fresh.sort((a, b) => byText(a.claim.source, b.claim.source));
    for (const { claim } of fresh) {
      const index = indexOf.get(claim.source)!;
      digits[index] = Math.max(digits[index]!, fractionDigits(claim.value));
    }
    return { fact, time, fresh };
  });
  kept.sort((a, b) => a.time - b.time || byText(a.fact, b.fact));
  const steps =
    terms.kind === 'number'
      ? stepsOf(
          kept.map(({ fresh }) => fresh),
          indexOf,
          digits,
        )
      : [];
  refused.sort(
    (a, b) =>
      byText(a.claim.fact, b.claim.fact) ||
      byText(a.claim.source, b.claim.source) ||
      byText(a.claim.at, b.claim.at) ||
      byText(a.claim.value, b.claim.value),
  );
  const facts = kept
    .filter(({ fresh }) => fresh.length > 0)
    .map(({ fact, time, fresh }): FactClaims => {
      const exact = fresh.map(({ claim }) => claim.value);
      const places = fresh.map(({ claim }) => indexOf.get(claim.source)!);
      const scale =
        terms.kind === 'number' ? numberScale(exact, tolerance!, places, steps) : categoryScale(exact);
      const ascending = exact.map((_, k) => k);
      ascending.sort((a, b) => scale.values[a]! - scale.values[b]! || a - b);
      return { fact, time, sources: places, exact, ascending, ...scale };
    });
  return { kind: terms.kind, sources: names, facts, refused };
}

interface Timed {
  claim: Claim;
  time: number;
}

function newestOf(said: Timed[], refused: ClaimTable['refused']): Timed[] {
  const newest = Math.max(...said.map(({ time }) => time));
  const last = said.filter(({ time }) => time === newest);
  if (last.every(({ claim }) => claim.value === last[0]!.claim.value)) return [last[0]!];
  for (const { claim } of last) refused.push({ claim, why: 'contradicts-itself' });
  return [];
}

/**
 * In which steps each source states its values: the greatest common divisor of what it said, or its last decimal place
 * while it said fewer than three different values.
 */
function stepsOf(
  facts: readonly (readonly Timed[])[],
  indexOf: ReadonlyMap<string, number>,
  digits: readonly number[],
): number[] {
  const divisors = digits.map(() => 0n);
  const different = digits.map(() => new Set<string>());
  for (const { claim } of facts.flat()) {
    const source = indexOf.get(claim.source)!;
    if (different[source]!.size < 3) different[source]!.add(claim.value);
    // Once it is 1 it stays: most sources are done after a few claims.
    if (divisors[source] === 1n) continue;
    divisors[source] = commonDivisor(divisors[source]!, toScaled(claim.value, digits[source]!));
  }
  return digits.map((places, source) => {
    const known = different[source]!.size >= 3 && divisors[source]! > 0n;
    return (known ? Number(divisors[source]) : 1) * 10 ** -places;
  });
}

function commonDivisor(a: bigint, b: bigint): bigint {
  let [x, y] = [a, b < 0n ? -b : b];
  while (y > 0n) [x, y] = [y, x % y];
  return x;
}

type Scale = Pick<FactClaims, 'values' | 'halfStep' | 'unit' | 'origin'>;

function numberScale(exact: string[], tolerance: Tolerance, places: number[], steps: number[]): Scale {
  const numbers = exact.map(Number);
  const sorted = [...numbers].sort((a, b) => a - b);
  const origin = middle(sorted);
  const unit =
    'absolute' in tolerance
      ? Number(tolerance.absolute)
      : // A relative tolerance around 0 is taken of the values' usual size.
        Number(tolerance.relative) *
        (Math.abs(origin) || middle(numbers.map(Math.abs).sort((a, b) => a - b)) || 1);
  const step = Math.max(...places.map((source) => steps[source]!));
  return {
    values: numbers.map((value) => Math.max(-FARTHEST, Math.min(FARTHEST, (value - origin) / unit))),
    // A source whose values are all whole may just be coarse, and ties with it are then no wonder; but a step
    // wider than the tolerance says nothing about values that were declared to be finer.
    halfStep: Math.min(step / 2 / unit, 0.5),
    unit,
    origin,
  };
}

function categoryScale(exact: string[]): Scale {
  const categories = [...new Set(exact)].sort(byText);
  return {
    values: exact.map((value) => CATEGORY_DISTANCE * categories.indexOf(value)),
    halfStep: 0,
    unit: 1,
    origin: 0,
  };
}

/** The exact mean of two decimals: one more digit is always enough. */
export function meanOf(a: Decimal, b: Decimal): Decimal {
  const scale = Math.max(fractionDigits(a), fractionDigits(b));
  return fromScaled((toScaled(a, scale) + toScaled(b, scale)) * 5n, scale + 1);
}

function readTolerance({ kind, tolerance }: ClaimTerms): Tolerance | null {
  if (kind === 'category') return null;
  const value = tolerance && ('relative' in tolerance ? tolerance.relative : tolerance.absolute);
  if (!isDecimal(value) || !(Number(value) > 0)) {
    invalid(`tolerance: expected a positive decimal for numbers, got ${JSON.stringify(tolerance)}`);
  }
  return tolerance!;
}

function isReadable(claim: Claim, kind: ClaimTerms['kind']): boolean {
  const { fact, source, value } = claim;
  return (
    [fact, source, value].every((it) => typeof it === 'string' && it.length > 0 && it.length <= MAX_TEXT) &&
    typeof claim.at === 'string' &&
    (kind === 'category' || (isDecimal(value) && fractionDigits(value) <= MAX_FRACTION))
  );
}

function fractionDigits(value: string): number {
  const dot = value.indexOf('.');
  return dot < 0 ? 0 : value.length - dot - 1;
}

function middle(sorted: readonly number[]): number {
  const half = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[half]! : (sorted[half - 1]! + sorted[half]!) / 2;
}

/** By UTF-16 code units: the same on every machine, unlike a locale's order. */
export function byText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function invalid(message: string): never {
  throw new AssayError('ARGUMENT_INVALID', message);
}
