import { AssayError, type Decimal, fromScaled, normaliseDecimal, type Row } from '@assay/core';
import { cell } from '../cell.ts';
import type { Detector, DetectorFinding, Examination, Exhibit } from '../detector.ts';
import { countRows, toRanges } from '../rules/row-ranges.ts';
import { readInteger, readList, readMembers, readText, refuseTerms } from '../terms.ts';
import type { Claim, Tolerance } from './claim-table.ts';
import { mostInCommon, wouldShow } from './source-dependence.ts';
import { discoverTruth, type SourceHistory, type Truth, type Truths } from './truth-discovery.ts';

/** What a contract asks of the agreement detector: which columns hold who said what of which fact. */
export interface AgreementDetectorTerms {
  /** Columns that together name the fact. */
  key: string[];
  /** Column of the value, column of the source. */
  value: string;
  source: string;
  /** Column of the time of the claim; the observation's own time if not said. */
  time: string | null;
  /** Null for categories. */
  tolerance: Tolerance | null;
  minimumSources: number;
  /** Seconds; null: nothing is too old. */
  maxAge: number | null;
}

/** What it learnt of the sources in earlier observations: at most 64 of them. */
export interface AgreementMemory {
  history: SourceHistory | null;
}

const NAME = 'agreement';
const MAX_ROWS = 100_000;
const MAX_SHOWN_FACTS = 20;
const MAX_SHOWN_PAIRS = 50;
/** Of at most some 2,500 bytes each: together below the bound of an exhibit. */
const MAX_SHOWN_ROWS = 500;
const MAX_REASON = 2000;

/**
 * Several sources' values of the same facts, one a row. `agreement_truth` fails for the rows that lie outside the
 * tolerance of the truth that was found, and is unknown while some facts cannot be decided; `agreement_copies` fails
 * when sources are held to be copies of each other. What it learns of the sources' reliability and dependence goes on
 * to the next observation.
 *
 * ```yaml
 * implementation:
 *   detector: agreement
 *   terms: { key: [asset, time], value: price, source: venue, tolerance: { relative: "0.005" }, minimumSources: 3, maxAge: 60 }
 * ```
 *
 * For the market streams of one venue each, `checkAgreement` holds the venues' prices against each other.
 */
export const agreementDetector: Detector<AgreementDetectorTerms, AgreementMemory> = {
  name: NAME,
  version: '1.0.0',
  readTerms,
  begin: () => ({ history: null }),
  examine: ({ rows, observedAt }, terms, memory) =>
    rows === undefined
      ? blind('rows are needed, and this observation has none', memory)
      : rows.length > MAX_ROWS
        ? blind(`expected at most ${MAX_ROWS} rows in one observation, got ${rows.length}`, memory)
        : examineRows(rows, observedAt, terms, memory),
};

function examineRows(
  rows: readonly Row[],
  observedAt: string,
  terms: AgreementDetectorTerms,
  memory: AgreementMemory,
): Examination<AgreementMemory> {
  const claims: Claim[] = [];
  const rowOf = new Map<Claim, number>();
  const unreadable: number[] = [];
  rows.forEach((row, i) => {
    const claim = claimOf(row, observedAt, terms);
    if (claim === null) unreadable.push(i);
    else {
      claims.push(claim);
      rowOf.set(claim, i);
    }
  });
  let found: Truths;
  try {
    found = discoverTruth(claims, {
      kind: terms.tolerance === null ? 'category' : 'number',
      ...(terms.tolerance === null ? {} : { tolerance: terms.tolerance }),
      minimumSources: terms.minimumSources,
      maxAgeSeconds: terms.maxAge,
      now: observedAt,
      ...(memory.history === null ? {} : { history: memory.history }),
    });
  } catch (error) {
    if (error instanceof AssayError) return blind(error.message, memory);
    throw error;
  }
  for (const { claim } of found.refused) unreadable.push(rowOf.get(claim)!);
  return {
    findings: [truthFinding(found, claims, rowOf, unreadable, terms, rows.length), copiesFinding(found)],
    memory: { history: found.history },
  };
}

function truthFinding(
  found: Truths,
  claims: readonly Claim[],
  rowOf: ReadonlyMap<Claim, number>,
  unreadable: readonly number[],
  terms: AgreementDetectorTerms,
  rowCount: number,
): DetectorFinding {
  const truths = new Map(found.facts.map((truth) => [truth.fact, truth]));
  const refused = new Set(found.refused.map(({ claim }) => claim));
  const wrong: number[] = [];
  let judged = 0;
  for (const claim of claims) {
    const truth = truths.get(claim.fact);
    if (refused.has(claim) || !truth || truth.value === null) continue;
    judged++;
    if (!agrees(claim.value, truth.value, terms.tolerance)) wrong.push(rowOf.get(claim)!);
  }
  const open = found.facts.filter(({ value }) => value === null);
  const failing = toRanges(wrong.sort((a, b) => a - b));
  const words = [
    `${found.facts.length - open.length} of ${found.facts.length} facts are known`,
    `${judged - wrong.length} of ${judged} rows that can be judged agree with them`,
    ...(open.length > 0
      ? [`not known: ${open[0]!.fact}: ${open[0]!.alert!.reason}${more(open.length - 1)}`]
      : []),
    ...(unreadable.length > 0
      ? [`${unreadable.length} of ${rowCount} rows are stale, contradict themselves or cannot be read`]
      : []),
  ];
  const status =
    wrong.length > 0
      ? 'fail'
      : judged > 0 && open.length === 0 && unreadable.length === 0
        ? 'pass'
        : 'unknown';
  const exhibit = whoSaidWhat(found.facts, terms.tolerance);
  return {
    check: `${NAME}_truth`,
    column: terms.value,
    status,
    reason: clip(words.join('; ')),
    ...(wrong.length > 0 ? { rows: failing } : {}),
    ...(status === 'unknown' ? {} : { score: ratio(judged - countRows(failing), judged) }),
    ...(exhibit === null ? {} : { exhibits: [exhibit] }),
  };
}

function copiesFinding({ copies, sources, history }: Truths): DetectorFinding {
  const check = `${NAME}_copies`;
  if (sources.length < 2) {
    return {
      check,
      status: 'unknown',
      reason: `${sources.length} sources: none can be compared with another`,
    };
  }
  const heard = new Set(sources.map(({ source }) => source));
  const involved = new Set(copies.flatMap((pair) => pair.sources));
  const common = mostInCommon(history.evidence);
  if (copies.length === 0 && !wouldShow(common, sources.length)) {
    return {
      check,
      status: 'unknown',
      reason: `at most ${common} facts are common to two of ${heard.size} sources: too few to show copies`,
    };
  }
  if (copies.length === 0) {
    return {
      check,
      status: 'pass',
      reason: `nothing shows that any of ${heard.size} sources copies another, in up to ${common} facts in common`,
      score: '1',
    };
  }
  const first = copies[0]!;
  return {
    check,
    status: 'fail',
    reason: clip(
      `${involved.size} of ${heard.size} sources are held to be copies of each other, and have one vote where they say the same: ${first.sources.join(' and ')} with probability ${decimalOf(first.probability)} (${WORDS[first.by]})${more(copies.length - 1)}`,
    ),
    score: ratio(heard.size - involved.size, heard.size),
    exhibits: [
      {
        kind: 'table',
        title: 'Sources held to be copies of each other',
        columns: ['source', 'source', 'probability', 'because of'],
        rows: copies
          .slice(0, MAX_SHOWN_PAIRS)
          .map(({ sources: [a, b], probability, by }) => [a, b, decimalOf(probability), WORDS[by]]),
      },
    ],
  };
}

const WORDS = {
  closeness: 'they agree more closely than independent measurements do',
  'shared-errors': 'they are wrong alike',
} as const;

/** The facts that are most in question first: those without a figure, then those with outliers. */
function whoSaidWhat(facts: readonly Truth[], tolerance: Tolerance | null): Exhibit | null {
  const rank = ({ value, votes }: Truth) =>
    value === null ? 2 : votes.some((vote) => !agrees(vote.value, value, tolerance)) ? 1 : 0;
  const shown = facts
    .map((fact, i) => ({ fact, i, rank: rank(fact) }))
    .sort((a, b) => b.rank - a.rank || a.i - b.i)
    .slice(0, MAX_SHOWN_FACTS);
  if (shown.length === 0) return null;
  return {
    kind: 'table',
    title: `Who said what${facts.length > shown.length ? ` (${shown.length} of ${facts.length} facts, the doubtful first)` : ''}`,
    columns: ['fact', 'source', 'said', 'share of the vote', 'truth', 'interval'],
    rows: shown
      .flatMap(({ fact: { fact, value, interval, alert, votes } }) =>
        votes.map((vote) => [
          fact,
          vote.source,
          vote.value,
          decimalOf(vote.share),
          value ?? `not known: ${alert!.kind}`,
          interval === null ? '' : interval.join(' to '),
        ]),
      )
      .slice(0, MAX_SHOWN_ROWS),
  };
}

function agrees(value: string, truth: string, tolerance: Tolerance | null): boolean {
  if (tolerance === null) return value === truth;
  const limit =
    'absolute' in tolerance
      ? Number(tolerance.absolute)
      : Number(tolerance.relative) * Math.abs(Number(truth));
  // Doubles differ from the decimals in their last bits only; no claim is wrong for that.
  return Math.abs(Number(value) - Number(truth)) <= limit * (1 + 1e-9);
}

/** A row as a claim; null where a column is missing or no text. */
function claimOf(row: Row, observedAt: string, terms: AgreementDetectorTerms): Claim | null {
  const keys = terms.key.map((column) => textOf(cell(row, column)));
  const source = textOf(cell(row, terms.source));
  const value = terms.tolerance === null ? textOf(cell(row, terms.value)) : numberOf(cell(row, terms.value));
  const at = terms.time === null ? observedAt : textOf(cell(row, terms.time));
  if (keys.includes(null) || source === null || value === null || at === null) return null;
  // Escaped, so that other columns never make the same name.
  const fact = keys.map((key) => key!.replace(/[\\|]/g, '\\$&')).join(' | ');
  return { fact, source, value, at };
}

function textOf(value: unknown): string | null {
  // Half a surrogate pair could not be written as canonical JSON.
  if (typeof value === 'string' && value !== '') return value.toWellFormed();
  return typeof value === 'boolean' || (typeof value === 'number' && Number.isFinite(value))
    ? String(value)
    : null;
}

function numberOf(value: unknown): Decimal | null {
  const text = textOf(value);
  try {
    return text === null || typeof value === 'boolean' ? null : normaliseDecimal(text);
  } catch {
    return null;
  }
}

function readTerms(value: unknown, path: string): AgreementDetectorTerms {
  const t = readMembers(
    value,
    path,
    ['key', 'value', 'source'],
    ['time', 'tolerance', 'minimumSources', 'maxAge'],
  );
  const { maxAge = null, tolerance = null, time = null } = t;
  return {
    key: readList(Array.isArray(t.key) ? t.key : [t.key], `${path}.key`, 1, 8, readText),
    value: readText(t.value, `${path}.value`),
    source: readText(t.source, `${path}.source`),
    time: time === null ? null : readText(time, `${path}.time`),
    tolerance: tolerance === null ? null : readTolerance(tolerance, `${path}.tolerance`),
    minimumSources: readInteger(t.minimumSources ?? 3, `${path}.minimumSources`, 2, 64),
    maxAge: maxAge === null ? null : readMaxAge(maxAge, `${path}.maxAge`),
  };
}

function readMaxAge(value: unknown, path: string): number {
  return typeof value === 'number' && value > 0 && Number.isFinite(value)
    ? value
    : refuseTerms(path, 'seconds above 0, or nothing', value);
}

function readTolerance(value: unknown, path: string): Tolerance {
  const wrong = (): never =>
    refuseTerms(path, '{ relative: "0.01" } or { absolute: "0.5" }, or nothing for categories', value);
  if (typeof value !== 'object' || value === null) return wrong();
  const [[kind, amount] = [], ...rest] = Object.entries(value);
  // YAML reads 0.01 as a number.
  const decimal = numberOf(amount);
  if (rest.length > 0 || decimal === null || !(Number(decimal) > 0)) return wrong();
  if (kind === 'relative') return { relative: decimal };
  return kind === 'absolute' ? { absolute: decimal } : wrong();
}

function blind(reason: string, memory: AgreementMemory): Examination<AgreementMemory> {
  const unknown = (check: string): DetectorFinding => ({ check, status: 'unknown', reason: clip(reason) });
  return { findings: [unknown(`${NAME}_truth`), unknown(`${NAME}_copies`)], memory };
}

function ratio(n: number, d: number): Decimal {
  return decimalOf(n / d);
}

function decimalOf(share: number): Decimal {
  return fromScaled(BigInt(Math.round(share * 1_000_000)), 6);
}

function more(count: number): string {
  return count > 0 ? ` (and ${count} more)` : '';
}

function clip(text: string): string {
  return text.length <= MAX_REASON ? text : `${text.slice(0, MAX_REASON - 1).toWellFormed()}…`;
}
