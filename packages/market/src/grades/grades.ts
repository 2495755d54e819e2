import { AssayError, type Decimal } from '@assay/core';
import { decimalOf } from '../decimal-of.ts';
import type { Figure, FigureInput } from '../figure.ts';
import { instantOfDay, type Panel } from '../panel/index.ts';
import {
  type FactorRow,
  type FactorShare,
  GRADE_LABELS,
  GRADE_PARTS,
  type Grade,
  type GradePart,
  type GradeRow,
} from '../rows.ts';
import { neutralise, percentileScores, winsorise } from './cross-section.ts';
import { FACTORS, type Factor, LOOKBACK_DAYS } from './factors.ts';
import { GRADE_PARAMETERS, type GradeParameters } from './grade-parameters.ts';
import { type ObservedHistory, observedHistory } from './observed.ts';
import { type Standing, universeOn } from './universe.ts';

/** Fraction digits of grades and scores, of weights, and of measured values. */
const SCORE_DIGITS = 2;
const WEIGHT_DIGITS = 6;
const VALUE_DIGITS = 8;

const READS = {
  observed: ['funding', 'activity', 'development'],
  figures: ['sentiment'],
} as const;

/**
 * Trader Grade and Investor Grade, 0 to 100, of every asset that had a bar or a market capitalisation in the last 400
 * days; those that cannot be graded with the reason. The method is in docs/grades.md, its record in
 * docs/results/grades.md.
 *
 * @example
 * gradesFigure.compute({ history, days: { from: 500, to: 501 }, figures: {} }, gradesFigure.parameters);
 */
export const gradesFigure: Figure<'grades', GradeParameters> = {
  name: 'grades',
  version: '1.0.0',
  parameters: GRADE_PARAMETERS,
  reads: READS,
  // One more than a grade reads, for the grade of the day before.
  lookbackDays: LOOKBACK_DAYS,
  compute(input, parameters) {
    const method = readMethod(parameters);
    const { panel } = input.history;
    const observed = observedHistory(input);
    const { from, to } = wantedDays(input);
    const rows: GradeRow[] = [];
    let before = new Map<number, Graded>();
    for (let day = Math.max(0, from - 1); day < to; day++) {
      const graded = gradeDay(panel, observed, day, method);
      if (day >= from) for (const one of graded) rows.push(gradeRow(panel, day, one, before.get(one.asset)));
      before = new Map(graded.map((one) => [one.asset, one]));
    }
    return rows;
  },
};

/** What each grade is made of: every factor with its measured value, its score and the weight that it had. */
export const factorsFigure: Figure<'factors', GradeParameters> = {
  name: 'factors',
  version: '1.0.0',
  parameters: GRADE_PARAMETERS,
  reads: READS,
  lookbackDays: LOOKBACK_DAYS - 1,
  compute(input, parameters) {
    const method = readMethod(parameters);
    const { panel } = input.history;
    const { from, to } = wantedDays(input);
    if (to <= from) return [];
    const time = instantOfDay(panel.days[to - 1]!);
    return gradeDay(panel, observedHistory(input), to - 1, method)
      .filter(({ trader, investor }) => trader || investor)
      .map(
        (one): FactorRow => ({
          time,
          asset: panel.assets[one.asset]!,
          trader: sharesOf(method.trader, one.trader),
          investor: sharesOf(method.investor, one.investor),
        }),
      );
  },
};

/** Grades of one day alone, without the change since the day before: half the work. */
export function gradesOn(input: FigureInput, day: number, parameters: GradeParameters): GradeRow[] {
  const { panel } = input.history;
  return gradeDay(panel, observedHistory(input), day, readMethod(parameters)).map((one) =>
    gradeRow(panel, day, one, undefined),
  );
}

/** A grade's factors with their weights as numbers. */
interface WeightedFactor {
  factor: Factor;
  weight: number;
}

interface Method {
  trader: WeightedFactor[];
  investor: WeightedFactor[];
  neutralised: ReadonlySet<string>;
  winsorLimit: number;
  minimumAssets: number;
  minimumKnown: number;
  labels: number[];
}

/** One asset's grade before it becomes strings. Arrays follow the grade's factors. */
interface RawGrade {
  grade: number;
  low: number;
  high: number;
  parts: Record<GradePart, number>;
  values: number[];
  scores: number[];
  /** Weights after what is missing was left out; they sum to 1. */
  weights: number[];
  label: Grade['label'];
}

interface Graded {
  asset: number;
  trader: RawGrade | null;
  investor: RawGrade | null;
  reason: string | null;
}

/** Grades of one day, in the panel's order of assets. Reads nothing after the day. */
function gradeDay(panel: Panel, observed: ObservedHistory, day: number, method: Method): Graded[] {
  const universe = universeOn(panel, observed, day, LOOKBACK_DAYS);
  const grade = (name: 'trader' | 'investor') =>
    gradeUniverse(
      universe.filter((standing) => standing[name]),
      method[name],
      { panel, observed, day, method },
    );
  const trader = grade('trader');
  const investor = grade('investor');
  const count = universe.filter((standing) => standing.investor).length;
  return universe.map((standing) => {
    const one = {
      asset: standing.asset,
      trader: trader.get(standing.asset) ?? null,
      investor: investor.get(standing.asset) ?? null,
    };
    return { ...one, reason: reasonOf(standing, one, count, method) };
  });
}

function reasonOf(
  standing: Standing,
  { trader, investor }: { trader: RawGrade | null; investor: RawGrade | null },
  count: number,
  { minimumAssets, minimumKnown }: Method,
): string | null {
  if (trader && investor) return null;
  if (!standing.investor) return standing.reason;
  if (!trader && !investor) {
    return count < minimumAssets
      ? `nothing to be ranked among: ${count} assets can be graded, ${minimumAssets} are needed`
      : `too little is known: factors of less than ${minimumKnown} of the weight`;
  }
  if (standing.reason) return standing.reason;
  return `no ${trader ? 'Investor' : 'Trader'} Grade: too few assets, or factors of less than ${minimumKnown} of the weight are known`;
}

/** Measures, draws in, neutralises, ranks, and adds up. */
function gradeUniverse(
  universe: readonly Standing[],
  factors: readonly WeightedFactor[],
  context: { panel: Panel; observed: ObservedHistory; day: number; method: Method },
): Map<number, RawGrade> {
  const { panel, observed, day, method } = context;
  const result = new Map<number, RawGrade>();
  if (universe.length < method.minimumAssets) return result;
  const logCaps = universe.map(({ asset }) => Math.log(panel.marketCap[asset * panel.days.length + day]!));
  const values = factors.map(({ factor }) =>
    universe.map(({ asset, start }) => {
      const value = factor.value({ panel, observed, asset, day, start });
      return Number.isFinite(value) ? value : Number.NaN;
    }),
  );
  const scores = factors.map(({ factor }, f) => {
    const known = values[f]!.filter((value) => !Number.isNaN(value)).length;
    if (known < method.minimumAssets) return new Float64Array(universe.length).fill(Number.NaN);
    const drawn = winsorise(values[f]!, method.winsorLimit);
    const left = method.neutralised.has(factor.name)
      ? neutralise(drawn, logCaps, 2 * method.minimumAssets)
      : drawn;
    return percentileScores(left.map((value) => value * factor.direction));
  });
  for (const [i, { asset }] of universe.entries()) {
    const raw = addUp(
      factors,
      scores.map((column) => column[i]!),
      method,
    );
    if (raw) result.set(asset, { ...raw, values: values.map((column) => column[i]!) });
  }
  return result;
}

/**
 * The grade is the weighted mean of its parts, a part the weighted mean of its factors' scores; what is missing is left
 * out and the rest weighs more. `low` and `high` are the grade with every missing factor at 0 and at 100.
 */
function addUp(
  factors: readonly WeightedFactor[],
  scores: number[],
  { minimumKnown, labels }: Method,
): Omit<RawGrade, 'values'> | null {
  const known = { sum: 0, weight: 0 };
  const parts = {} as Record<GradePart, number>;
  const weightOf = new Map<GradePart, { all: number; known: number }>();
  let partsWeight = 0;
  for (const part of GRADE_PARTS) {
    const total = { all: 0, known: 0, sum: 0 };
    for (const [f, { factor, weight }] of factors.entries()) {
      if (factor.part !== part) continue;
      total.all += weight;
      if (Number.isNaN(scores[f]!)) continue;
      total.known += weight;
      total.sum += weight * scores[f]!;
    }
    parts[part] = total.known > 0 ? total.sum / total.known : Number.NaN;
    weightOf.set(part, total);
    known.sum += total.sum;
    known.weight += total.known;
    if (total.known > 0) partsWeight += total.all;
  }
  // The margin keeps the comparison from hanging on the order of a sum.
  if (!(known.weight > 0) || known.weight < minimumKnown - 1e-9) return null;
  const weights = factors.map(({ factor, weight }, f) => {
    const part = weightOf.get(factor.part)!;
    return Number.isNaN(scores[f]!) ? 0 : (weight / part.known) * (part.all / partsWeight);
  });
  let grade = 0;
  for (const [f, weight] of weights.entries()) if (weight > 0) grade += weight * scores[f]!;
  const place = labels.findIndex((lowest) => roundedTo(grade, SCORE_DIGITS) >= lowest);
  return {
    grade,
    // Rounding must not put the grade outside of what it may be.
    low: Math.min(known.sum, grade),
    high: Math.max(known.sum + 100 * (1 - known.weight), grade),
    parts,
    scores,
    weights,
    label: GRADE_LABELS[place < 0 ? labels.length : place]!,
  };
}

function gradeRow(panel: Panel, day: number, one: Graded, before: Graded | undefined): GradeRow {
  return {
    time: instantOfDay(panel.days[day]!),
    asset: panel.assets[one.asset]!,
    symbol: panel.symbols[one.asset]!,
    trader: publish(one.trader, before?.trader),
    investor: publish(one.investor, before?.investor),
    reason: one.reason,
  };
}

function publish(raw: RawGrade | null, before: RawGrade | null | undefined): Grade | null {
  if (!raw) return null;
  // Of the published grades, so that a reader who subtracts them finds the same.
  const change = before
    ? roundedTo(raw.grade, SCORE_DIGITS) - roundedTo(before.grade, SCORE_DIGITS)
    : Number.NaN;
  return {
    grade: decimalOf(raw.grade, SCORE_DIGITS)!,
    low: decimalOf(raw.low, SCORE_DIGITS)!,
    high: decimalOf(raw.high, SCORE_DIGITS)!,
    change: decimalOf(change, SCORE_DIGITS),
    label: raw.label,
    parts: Object.fromEntries(
      GRADE_PARTS.map((part) => [part, decimalOf(raw.parts[part], SCORE_DIGITS)]),
    ) as Record<GradePart, Decimal | null>,
  };
}

function sharesOf(factors: readonly WeightedFactor[], raw: RawGrade | null): FactorShare[] {
  if (!raw) return [];
  return factors.map(({ factor }, f) => ({
    factor: factor.name,
    part: factor.part,
    value: decimalOf(raw.values[f]!, VALUE_DIGITS),
    score: decimalOf(raw.scores[f]!, SCORE_DIGITS),
    weight: decimalOf(raw.weights[f]!, WEIGHT_DIGITS)!,
  }));
}

function wantedDays({ history, days }: FigureInput): { from: number; to: number } {
  const { from, to } = days;
  const { length } = history.panel.days;
  if (!Number.isInteger(from) || !Number.isInteger(to) || from < 0 || to < from || to > length) {
    throw new AssayError('ARGUMENT_INVALID', `expected days within 0 to ${length}, got ${from} to ${to}`, {
      next: 'ask for days that the panel has',
    });
  }
  return days;
}

function readMethod(parameters: GradeParameters): Method {
  const weighted = (name: 'trader' | 'investor'): WeightedFactor[] => {
    const wanted = Object.entries(parameters[name]);
    const factors = FACTORS.filter((factor) => factor.name in parameters[name]).map((factor) => ({
      factor,
      weight: Number(parameters[name][factor.name]),
    }));
    const sum = factors.reduce((total, { weight }) => total + weight, 0);
    if (
      factors.length !== wanted.length ||
      factors.some(({ weight }) => !(weight > 0)) ||
      Math.abs(sum - 1) > 1e-9
    ) {
      throw new AssayError(
        'ARGUMENT_INVALID',
        `expected weights of known factors, above zero and with a sum of 1, for the ${name} grade, got ${JSON.stringify(parameters[name])}`,
        { next: `choose among ${FACTORS.map(({ name: known }) => known).join(', ')}` },
      );
    }
    return factors;
  };
  return {
    trader: weighted('trader'),
    investor: weighted('investor'),
    neutralised: new Set(parameters.neutralised),
    winsorLimit: Number(parameters.winsorLimit),
    minimumAssets: Math.max(2, parameters.minimumAssets),
    minimumKnown: Number(parameters.minimumKnown),
    labels: parameters.labels.map(Number),
  };
}

function roundedTo(value: number, digits: number): number {
  return Number(value.toFixed(digits));
}
