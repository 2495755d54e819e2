import { type Decimal, isDecimal, type Row } from '@assay/core';
import { cell } from '../cell.ts';
import type { Detector, DetectorFinding, Exhibit } from '../detector.ts';
import { Unreadable, UnreadableRows, unreadable, withoutRows } from './cells.ts';
import { chiSquareTail, decimalOf, sayP, soundness } from './p-value.ts';
import { TermsReader } from './terms.ts';

export interface BenfordTerms {
  column: string;
  /** Fewest numbers to judge the first digit by; the first two need three times as many. */
  minCount: number;
  /** Numbers after which older ones count half. */
  halfAfter: number;
  /** A chi-square p value at or below it counts as a deviation. */
  alpha: number;
}

/** Counts of what was seen so far. */
export interface BenfordMemory {
  /** By first two digits, 10 to 99. */
  counts: number[];
  /** By tenths of an order of magnitude, from 10^-80. */
  magnitudes: number[];
  /** Zeros, which have no first digit. */
  zeros: number;
}

/**
 * Benford's law on one column: first and first-two digits of a stream of numbers.
 *
 * A deviation must be both large and certain: mean absolute deviation beyond Nigrini's limit of nonconformity
 * ("Benford's Law", Wiley 2012, table 7.1) and a chi-square p value at or below `alpha`. MAD alone calls every
 * small sample nonconforming; chi-square alone every large one. It is `unknown` while there are too few numbers, and
 * for numbers whose middle 98 % span less than an order of magnitude, of which the law says nothing.
 *
 * What it cannot see: made-up numbers that follow the law. A deviation is no proof either: prices, quotas and
 * round lots deviate honestly.
 *
 * @example
 * const terms = benford.readTerms({ column: 'amount' }, 'terms');
 * const { findings, memory } = await benford.examine(specimen, terms, benford.begin(terms));
 */
export const benford: Detector<BenfordTerms, BenfordMemory> = {
  name: 'benford',
  version: '1.0.0',
  readTerms(value, path) {
    const terms = new TermsReader(value, path);
    const read = {
      column: terms.column('column', 'amount'),
      minCount: terms.integer('minCount', 300, 100, 1_000_000),
      halfAfter: terms.integer('halfAfter', 1_000_000, 1_000, 1_000_000_000),
      alpha: terms.number('alpha', 0.01, 1e-9, 0.2),
    };
    terms.end();
    return read;
  },
  begin: () => ({ counts: Array(100).fill(0), magnitudes: Array(MAGNITUDES).fill(0), zeros: 0 }),
  examine({ rows = [] }, terms, memory) {
    if (rows.length === 0) return { findings: withoutRows('benford_first_digit'), memory };
    const bad = new UnreadableRows();
    for (const [index, row] of rows.entries()) {
      const digits = digitsOf(row, terms.column);
      if (digits instanceof Unreadable) bad.add(index, digits);
      else if (digits === null) memory.zeros += 1;
      else count(memory, digits, terms.halfAfter);
    }
    return {
      findings: [...judge(memory, terms), ...bad.findings('benford_input', rows.length)],
      memory,
    };
  },
};

/** One conformity test; published so that other detectors hold their own counts against the law. */
export interface Conformity {
  count: number;
  chiSquare: number;
  p: number;
  /** Mean absolute deviation of the shares. */
  mad: number;
  verdict: 'close' | 'acceptable' | 'marginal' | 'nonconforming';
}

/**
 * Holds counts by leading digits (1 to 9, or 10 to 99) against Benford's law.
 *
 * @param counts indexed by the digits themselves; entries below the first are ignored.
 * @example
 * conformityOf([0, 301, 176, 125, 97, 79, 67, 58, 51, 46], 1).verdict; // 'close'
 */
export function conformityOf(counts: readonly number[], digits: 1 | 2): Conformity {
  const [from, to] = digits === 1 ? [1, 9] : [10, 99];
  const places = Array.from({ length: to - from + 1 }, (_, i) => from + i);
  const count = places.reduce((sum, place) => sum + counts[place]!, 0);
  let chiSquare = 0;
  let deviation = 0;
  for (const place of places) {
    const expected = Math.log10(1 + 1 / place);
    chiSquare += (counts[place]! - count * expected) ** 2 / (count * expected);
    deviation += Math.abs(counts[place]! / count - expected);
  }
  const mad = deviation / places.length;
  const [close, acceptable, marginal] = MAD_LIMITS[digits];
  return {
    count,
    chiSquare,
    p: chiSquareTail(chiSquare, places.length - 1),
    mad,
    verdict:
      mad <= close
        ? 'close'
        : mad <= acceptable
          ? 'acceptable'
          : mad <= marginal
            ? 'marginal'
            : 'nonconforming',
  };
}

/** Nigrini 2012, table 7.1: close, acceptable, marginal; beyond is nonconformity. */
const MAD_LIMITS = { 1: [0.006, 0.012, 0.015], 2: [0.0012, 0.0018, 0.0022] } as const;

const MAGNITUDES = 1_600;

interface Digits {
  firstTwo: number;
  magnitude: number;
}

/** The digits of a decimal string as they stand; null for zero. */
function digitsOf(row: Row, column: string): Digits | null | Unreadable {
  const value = cell(row, column);
  if (!isDecimal(value)) return unreadable(column, 'a canonical decimal string', value);
  if (value === '0') return null;
  return digitsOfDecimal(value);
}

function digitsOfDecimal(value: Decimal): Digits {
  const [whole = '', fraction = ''] = value.replace('-', '').split('.');
  const all = whole + fraction;
  const first = all.search(/[1-9]/);
  const significant = all.slice(first, first + 15).padEnd(2, '0');
  const exponent = whole.length - 1 - first;
  const tenths = Math.floor(10 * Math.log10(Number(`${significant[0]}.${significant.slice(1)}`)));
  return {
    firstTwo: Number(significant.slice(0, 2)),
    magnitude: Math.min(Math.max((exponent + 80) * 10 + tenths, 0), MAGNITUDES - 1),
  };
}

function count(memory: BenfordMemory, { firstTwo, magnitude }: Digits, halfAfter: number): void {
  memory.counts[firstTwo]! += 1;
  memory.magnitudes[magnitude]! += 1;
  // Place 0 of the counts holds their total.
  memory.counts[0]! += 1;
  if (memory.counts[0]! < halfAfter) return;
  for (const list of [memory.counts, memory.magnitudes]) {
    for (const [i, n] of list.entries()) list[i] = n / 2;
  }
}

function judge(memory: BenfordMemory, terms: BenfordTerms): DetectorFinding[] {
  const { counts } = memory;
  const first = Array(10).fill(0);
  for (let place = 10; place < 100; place++) first[Math.floor(place / 10)] += counts[place]!;
  const span = spanOf(memory.magnitudes);
  return [
    finding('benford_first_digit', conformityOf(first, 1), first, span, terms.minCount, terms),
    finding('benford_first_two_digits', conformityOf(counts, 2), counts, span, 3 * terms.minCount, terms),
  ];
}

function finding(
  check: string,
  { count, chiSquare, p, mad, verdict }: Conformity,
  counts: readonly number[],
  span: number,
  needed: number,
  { column, alpha }: BenfordTerms,
): DetectorFinding {
  const about = { check, column };
  const seen = Math.round(count);
  if (count < needed) {
    const reason = `${seen} numbers so far; Benford's law is judged from ${needed}.`;
    return { ...about, status: 'unknown', reason };
  }
  if (span < 1) {
    const reason =
      `The middle 98 % of the ${seen} numbers span ${span.toFixed(1)} orders of magnitude; Benford's law ` +
      'says nothing of numbers that span less than one.';
    return { ...about, status: 'unknown', reason };
  }
  const deviates = verdict === 'nonconforming' && p <= alpha;
  const figures =
    `mean absolute deviation ${decimalOf(mad)} (${verdict} after Nigrini), chi-square ${chiSquare.toFixed(1)}, ` +
    `p ${sayP(p)}, ${seen} numbers over ${span.toFixed(1)} orders of magnitude`;
  return {
    ...about,
    status: deviates ? 'fail' : 'pass',
    reason: deviates
      ? `Leading digits do not follow Benford's law: ${figures}.`
      : `Leading digits follow Benford's law well enough: ${figures}.`,
    score: soundness(verdict === 'nonconforming' ? p : Math.max(p, alpha)),
    ...(deviates ? { exhibits: [digitTable(counts, count)] } : {}),
  };
}

/** Orders of magnitude between the 1 % and the 99 % quantile. */
function spanOf(magnitudes: readonly number[]): number {
  const total = magnitudes.reduce((sum, n) => sum + n, 0);
  const quantile = (share: number) => {
    let sum = 0;
    for (const [place, n] of magnitudes.entries()) {
      sum += n;
      if (sum >= total * share) return place;
    }
    return magnitudes.length;
  };
  return (quantile(0.99) - quantile(0.01)) / 10;
}

function digitTable(counts: readonly number[], total: number): Exhibit {
  const from = counts.length === 10 ? 1 : 10;
  return {
    kind: 'table',
    title: 'Share of each leading digit, and what Benford expects',
    columns: ['digits', 'seen', 'share', 'expected'],
    rows: counts
      .slice(from)
      .map((n, i) => [
        String(from + i),
        decimalOf(n),
        decimalOf(n / total),
        decimalOf(Math.log10(1 + 1 / (from + i))),
      ]),
  };
}
