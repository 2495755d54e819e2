import { type Decimal, divRound, fromScaled, isDecimal, normaliseDecimal, type Row } from '@assay/core';
import { cell } from '../cell.ts';
import type { DetectorFinding, Exhibit } from '../detector.ts';
import { toRanges } from '../rules/row-ranges.ts';

const NOT_JUDGED = 0;
const SOUND = 1;
const UNKNOWN = 2;
const FAILED = 3;
/** Kinds of fault or doubt that one reason tells of; the rest are counted. */
const MAX_KINDS = 6;
const MAX_TOLD_CHARACTERS = 240;
const MAX_REASON_CHARACTERS = 1_900;
/** Points or rows of one exhibit: what a person can look at. */
const MAX_SHOWN = 400;

/** What one check says of every row of one observation. The worst word about a row stands. */
export interface RowVerdicts {
  verdicts: Uint8Array;
  faults: Map<string, { count: number; first: string }>;
  doubts: Map<string, { count: number; first: string }>;
}

export function newVerdicts(rows: number): RowVerdicts {
  return { verdicts: new Uint8Array(rows), faults: new Map(), doubts: new Map() };
}

export function sound(on: RowVerdicts, row: number): void {
  say(on, row, SOUND);
}

/** A row that nobody can judge. `kind` groups what is alike; `told` is said of the first of them. */
export function doubt(on: RowVerdicts, row: number, kind: string, told: string = kind): void {
  say(on, row, UNKNOWN);
  count(on.doubts, kind, told);
}

export function fault(on: RowVerdicts, row: number, kind: string, told: string): void {
  say(on, row, FAILED);
  count(on.faults, kind, told);
}

export function failedRows(on: RowVerdicts): number[] {
  return [...on.verdicts.keys()].filter((row) => on.verdicts[row] === FAILED);
}

/** What a finding says besides its rows. */
export interface FindingParts {
  check: string;
  column: string;
  /** What a row is: `readings`, `hand-overs`. */
  noun: string;
  /** Said when all is well: `lie within 2 to 8 °C`. */
  well: string;
  /** Said in any case after the rest: the figures. */
  figures?: string;
  /** Share of the rows and of the time that must have been judged for a pass. */
  minimumCoverage: number;
  /** Share of the time that readings speak for; 1 when time does not matter. */
  timeCoverage?: number;
  /** Upper bound of the score, for what rows do not show: a budget that is used up. */
  scoreAtMost?: number;
  exhibits?: Exhibit[];
}

/**
 * The finding over one observation: `fail` with any failed row, else `unknown` while too little could be judged,
 * else `pass`. The score is the share of the judged rows that are sound.
 */
export function findingOf(on: RowVerdicts, parts: FindingParts): DetectorFinding {
  const tally = [0, 0, 0, 0];
  for (const verdict of on.verdicts) tally[verdict]!++;
  const failed = tally[FAILED]!;
  const unknown = tally[UNKNOWN]!;
  const judged = tally[SOUND]! + failed;
  const head = { check: parts.check, column: parts.column };
  const figures = parts.figures === undefined || parts.figures === '' ? '' : ` ${parts.figures}`;
  const exhibits = parts.exhibits?.length ? { exhibits: parts.exhibits } : {};
  const doubts = unknown > 0 ? ` ${unknown} cannot be judged: ${told(on.doubts)}.` : '';
  if (failed > 0) {
    return {
      ...head,
      status: 'fail',
      reason: cut(`${failed} of ${judged} ${parts.noun} fail: ${told(on.faults)}.${doubts}${figures}`),
      rows: toRanges(failedRows(on)),
      score: lower(share(judged - failed, judged), parts.scoreAtMost),
      ...exhibits,
    };
  }
  const timeCoverage = parts.timeCoverage ?? 1;
  const coverage = Math.min(timeCoverage, judged + unknown > 0 ? judged / (judged + unknown) : 0);
  if (judged === 0 || coverage < parts.minimumCoverage) {
    const time =
      timeCoverage < parts.minimumCoverage
        ? ` Readings speak for ${percent(timeCoverage)} of the time; ${percent(parts.minimumCoverage)} is needed.`
        : '';
    return {
      ...head,
      status: 'unknown',
      reason: cut(
        judged === 0
          ? `None of ${on.verdicts.length} ${parts.noun} can be judged.${doubts}${figures}`
          : `${judged} ${parts.noun} ${parts.well}, which is not enough to say so of all.${doubts}${time}${figures}`,
      ),
      ...exhibits,
    };
  }
  return {
    ...head,
    status: 'pass',
    reason: cut(`${judged} ${parts.noun} ${parts.well}.${doubts}${figures}`),
    score: lower('1', parts.scoreAtMost),
    ...exhibits,
  };
}

/** A series around what failed, with it marked: at most {@link MAX_SHOWN} points. */
export function seriesOf(
  on: RowVerdicts,
  rows: readonly Row[],
  shown: { title: string; unit: string; time: string; column: string; low?: Decimal; high?: Decimal },
): Exhibit[] {
  const window = windowOf(on, rows.length);
  if (window === null) return [];
  const marked: number[] = [];
  const points = rows.slice(window.from, window.to).map((row, i) => {
    if (on.verdicts[window.from + i] === FAILED) marked.push(i);
    return {
      time: shortText(cell(row, shown.time)),
      value: decimalOf(cell(row, shown.column)),
      ...(shown.low === undefined ? {} : { low: shown.low }),
      ...(shown.high === undefined ? {} : { high: shown.high }),
    };
  });
  return [{ kind: 'series', title: shown.title, unit: shown.unit, points, marked: toRanges(marked) }];
}

/** The rows around what failed as a table, with a last column that says which failed. */
export function tableOf(
  on: RowVerdicts,
  rows: readonly Row[],
  shown: { title: string; columns: readonly string[] },
): Exhibit[] {
  const window = windowOf(on, rows.length);
  if (window === null) return [];
  return [
    {
      kind: 'table',
      title: shown.title,
      columns: ['row', ...shown.columns, 'verdict'],
      rows: rows
        .slice(window.from, window.to)
        .map((row, i) => [
          String(window.from + i),
          ...shown.columns.map((column) => shortText(cell(row, column))),
          ['', 'sound', 'unknown', 'fails'][on.verdicts[window.from + i]!]!,
        ]),
    },
  ];
}

/** n of d as a decimal share, to the millionth; anything short of all is below 1. */
export function share(n: number, d: number): Decimal {
  const millionths = divRound(BigInt(n) * 1_000_000n, BigInt(d));
  return fromScaled(n < d && millionths === 1_000_000n ? 999_999n : millionths, 6);
}

/** A double as a decimal text of at most so many decimals, for people and for the wire. */
export function decimalText(value: number, decimals: number): Decimal {
  return normaliseDecimal(value.toFixed(decimals));
}

function windowOf(on: RowVerdicts, rows: number): { from: number; to: number } | null {
  const first = on.verdicts.indexOf(FAILED);
  if (first < 0) return null;
  if (rows <= MAX_SHOWN) return { from: 0, to: rows };
  const from = Math.max(0, Math.min(first - MAX_SHOWN / 8, rows - MAX_SHOWN));
  return { from, to: from + MAX_SHOWN };
}

function say(on: RowVerdicts, row: number, verdict: number): void {
  if (on.verdicts[row]! < verdict || on.verdicts[row] === NOT_JUDGED) on.verdicts[row] = verdict;
}

function count(kinds: Map<string, { count: number; first: string }>, kind: string, told: string): void {
  const known = kinds.get(kind);
  if (known) known.count++;
  else kinds.set(kind, { count: 1, first: told.slice(0, MAX_TOLD_CHARACTERS) });
}

function told(kinds: ReadonlyMap<string, { count: number; first: string }>): string {
  const sorted = [...kinds.values()].sort((a, b) => b.count - a.count);
  const parts = sorted
    .slice(0, MAX_KINDS)
    .map(({ count: times, first }) => (times > 1 ? `${first} (${times} times)` : first));
  if (sorted.length > MAX_KINDS) parts.push(`and ${sorted.length - MAX_KINDS} other kinds`);
  return parts.join('; ');
}

function cut(reason: string): string {
  const text = reason.length > MAX_REASON_CHARACTERS ? `${reason.slice(0, MAX_REASON_CHARACTERS)}…` : reason;
  return text.toWellFormed();
}

function lower(score: Decimal, bound: number | undefined): Decimal {
  if (bound === undefined || Number(score) <= bound) return score;
  return decimalText(Math.max(0, bound), 6);
}

function percent(part: number): string {
  return `${decimalText(Math.floor(part * 1000) / 10, 1)} %`;
}

function decimalOf(value: unknown): Decimal | null {
  if (isDecimal(value)) return value;
  if (typeof value !== 'string') return null;
  try {
    const decimal = normaliseDecimal(value);
    return isDecimal(decimal) ? decimal : null;
  } catch {
    return null;
  }
}

function shortText(value: unknown): string {
  const text = typeof value === 'string' ? value : value === undefined || value === null ? '' : typeof value;
  return (text.length > 60 ? `${text.slice(0, 60)}…` : text).toWellFormed();
}
