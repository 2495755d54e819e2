import { compareDecimal, type Decimal, fromScaled, isDecimal } from '@assay/core';
import type { ValidateFunction } from 'ajv';
import {
  type Bound,
  boundFor,
  type Cell,
  comparable,
  comparer,
  decimalOf,
  isNumeric,
  isTemporal,
  type Literal,
  memberFor,
  showCell,
  type TableColumn,
  toDouble,
} from './cells.ts';
import type { Condition, NullLogic, RowCondition } from './condition.ts';
import { isDateText } from './date-text.ts';
import {
  type Aggregate,
  type Expectation,
  isMap,
  type MapBody,
  type PairBody,
  type Partition,
  type Range,
  type RecordBody,
  readColumns,
  satisfies,
} from './expectation.ts';
import { compileJsonSchema } from './json-schema.ts';
import { type Example, holdsMostly, MAX_EXAMPLES, type Outcome, type Shown, unknown } from './outcome.ts';
import { type Pattern, PatternUnsupported, readLike, readRegex } from './pattern.ts';
import { ExactSum, quantilePlaces, ratio, relativeEntropy, rounded, stdev, TINY } from './statistics.ts';
import { readTimeFormat } from './strptime.ts';
import { isOfType } from './types.ts';

/** Rows checked one after another, in bounded memory. */
export interface RowChecks {
  /** Cells in the order of the columns. */
  add(row: readonly Cell[]): void;
  /** What came of each expectation, in their order. */
  finish(): Outcome[];
}

export interface RowOptions {
  /**
   * Values that may be remembered in all (a long text counts for several): for what is about repeated values and about
   * order. An expectation that needs more is unknown, unless it has already failed.
   */
  maxRemembered?: number;
  /** Rows that fail one expectation whose places are kept. */
  maxPlaces?: number;
  /** What a stream's earlier rows leave behind. */
  history?: { lastTime: Cell; lastPositive: Cell };
  /** Rows that an expectation passes over, for reasons told elsewhere. */
  skips?: (expectation: Expectation, row: readonly Cell[], index: number) => boolean;
  /** Place of the first row. */
  firstRow?: number;
}

const MAX_REMEMBERED = 2_000_000;
const MAX_PLACES = 100_000;

/**
 * Begins to check a stream of rows.
 *
 * Most expectations keep a few numbers. Those about repeated values (unique, distinct, most common, duplicates),
 * quantiles and z-scores are exact as long as the values fit in `maxRemembered`; beyond it they are unknown.
 *
 * @example
 * const checks = openRowChecks(expectations, columns);
 * for (const row of rows) checks.add(row);
 * const outcomes = checks.finish();
 */
export function openRowChecks(
  expectations: readonly Expectation[],
  columns: readonly TableColumn[],
  options: RowOptions = {},
): RowChecks {
  const table = new Table(columns, options);
  const accumulators = expectations.map((expectation) => {
    try {
      return conditional(expectation, accumulatorOf(expectation, table), table);
    } catch (error) {
      if (error instanceof Undecidable) return { add() {}, finish: () => unknown(error.message) };
      throw error;
    }
  });
  let index = options.firstRow ?? 0;
  return {
    add(row) {
      for (const accumulator of accumulators) accumulator.add(row, index);
      index++;
    },
    finish: () => accumulators.map((accumulator) => accumulator.finish()),
  };
}

interface Accumulator {
  add(row: readonly Cell[], index: number): void;
  finish(): Outcome;
}

/** Something that cannot be said of this table, with the reason. */
export class Undecidable extends Error {}

/** A rule asks of a column what its kind of value does not have. */
export class Mismatch extends Undecidable {}

/** What an expectation asks of a column that values of its kind cannot have; null when there is no such thing. */
export function mismatch(expectation: Expectation, columns: readonly TableColumn[]): string | null {
  try {
    accumulatorOf(expectation, new Table(columns, {}));
    return null;
  } catch (error) {
    if (error instanceof Undecidable) return error instanceof Mismatch ? error.message : null;
    throw error;
  }
}

/** The columns by name, and what may still be remembered. */
class Table {
  readonly columns: readonly TableColumn[];
  readonly options: RowOptions;
  left: number;

  constructor(columns: readonly TableColumn[], options: RowOptions) {
    this.columns = columns;
    this.options = options;
    this.left = options.maxRemembered ?? MAX_REMEMBERED;
  }

  place(name: string): number {
    return columnPlace(this.columns, name);
  }

  column(name: string): TableColumn {
    return this.columns[this.place(name)]!;
  }

  /** Takes room for a value; false when there is none left. */
  remember(value: Cell): boolean {
    this.left -= typeof value === 'string' ? 1 + value.length / 64 : 1;
    return this.left >= 0;
  }

  get bound(): number {
    return this.options.maxRemembered ?? MAX_REMEMBERED;
  }
}

/** @throws Undecidable when there is no such column, or two of one name. */
export function columnPlace(columns: readonly TableColumn[], name: string): number {
  const place = columns.findIndex((column) => column.name === name);
  if (place < 0) throw new Undecidable(`there is no column ${JSON.stringify(name)}`);
  return place;
}

function conditional(expectation: Expectation, accumulator: Accumulator, table: Table): Accumulator {
  const skips = table.options.skips;
  const holds = expectation.condition === null ? null : conditionOf(expectation.condition, table.columns);
  if (holds === null && skips === undefined) return accumulator;
  return {
    add(row, index) {
      if (holds !== null && holds(row) !== true) return;
      if (skips?.(expectation, row, index)) return;
      accumulator.add(row, index);
    },
    finish: () => accumulator.finish(),
  };
}

function accumulatorOf(expectation: Expectation, table: Table): Accumulator {
  if (isMap(expectation)) return mapOf(expectation, table);
  switch (expectation.type) {
    case 'expect_column_quantile_values_to_be_between':
      return new Quantiles(expectation, table);
    case 'expect_column_distinct_values_to_be_in_set':
    case 'expect_column_distinct_values_to_equal_set':
    case 'expect_column_distinct_values_to_contain_set':
    case 'expect_column_most_common_value_to_be_in_set':
      return valueCounts(expectation.column, table, (counts) =>
        judgeCounts(expectation, table.column(expectation.column), counts),
      );
    case 'expect_column_kl_divergence_to_be_less_than':
      return divergenceOf(expectation, table);
    case 'expect_table_row_count_to_be_between':
    case 'expect_table_row_count_to_equal':
      return counting((count) => judgeCount(expectation, count));
    case 'expect_table_column_count_to_be_between':
    case 'expect_table_column_count_to_equal':
    case 'expect_column_to_exist':
    case 'expect_table_columns_to_match_ordered_list':
    case 'expect_table_columns_to_match_set':
      return {
        add() {},
        finish: () =>
          judgeColumns(
            expectation,
            table.columns.map(({ name }) => name),
          ),
      };
    case 'rowCount':
    case 'nullValues':
    case 'missingValues':
    case 'invalidValues':
    case 'duplicateValues':
      return metricOf(expectation, table);
    case 'sql':
      throw new Undecidable('a query needs a table: it is asked of files, not of rows on a stream');
    case 'text':
      throw new Undecidable(`a person must judge it: ${expectation.description.slice(0, 300)}`);
    default:
      return aggregateOf(expectation, table);
  }
}

// What is asked of each row.

/** Null: the row is not considered. */
export type Judge = (row: readonly Cell[], index: number) => boolean | null;

function mapOf(expectation: Expectation & MapBody, table: Table): Accumulator {
  switch (expectation.type) {
    case 'expect_column_values_to_be_of_type':
    case 'expect_column_values_to_be_in_type_list':
      return { add() {}, finish: () => judgeType(expectation, table.column(expectation.column)) };
    case 'expect_column_values_to_be_unique':
      return new Unique(expectation, [table.place(expectation.column)], 'any_value_is_missing', table);
    case 'expect_compound_columns_to_be_unique':
      return new Unique(
        expectation,
        expectation.columns.map((name) => table.place(name)),
        expectation.ignore,
        table,
      );
    case 'expect_column_value_z_scores_to_be_less_than':
      return new ZScores(expectation, table);
    default:
      return new EachRow(expectation, judgeOf(expectation, table.columns, table.options.history), table);
  }
}

/** Counts what holds, and keeps the first examples. */
class EachRow implements Accumulator {
  readonly #expectation: Expectation & MapBody;
  readonly #judge: Judge;
  readonly #tally: Tally;
  #elements = 0;
  #considered = 0;

  constructor(expectation: Expectation & MapBody, judge: Judge, table: Table) {
    this.#expectation = expectation;
    this.#judge = judge;
    this.#tally = new Tally(expectation, table);
  }

  add(row: readonly Cell[], index: number): void {
    this.#elements++;
    const holds = this.#judge(row, index);
    if (holds === null) return;
    this.#considered++;
    if (!holds) this.#tally.add(row, index);
  }

  finish(): Outcome {
    return this.#tally.outcome(this.#expectation.mostly, this.#elements, this.#considered);
  }
}

/** The rows that do not hold. */
class Tally {
  readonly #columns: { name: string; place: number; column: TableColumn }[];
  readonly #maxPlaces: number;
  readonly #examples: Example[] = [];
  readonly #places: number[] = [];
  #unexpected = 0;

  constructor(expectation: Expectation, table: Table) {
    this.#columns = readColumns(expectation).map((name) => ({
      name,
      place: table.place(name),
      column: table.column(name),
    }));
    this.#maxPlaces = table.options.maxPlaces ?? MAX_PLACES;
  }

  add(row: readonly Cell[], index: number): void {
    this.#unexpected++;
    if (this.#places.length < this.#maxPlaces) this.#places.push(index);
    if (this.#examples.length >= MAX_EXAMPLES) return;
    const values = this.#columns.map(({ name, place, column }): [string, Shown] => [
      name,
      showCell(column, row[place]!),
    ]);
    this.#examples.push({ row: index, values: Object.fromEntries(values) });
  }

  outcome(mostly: Decimal, elements: number, considered: number): Outcome {
    const whole = this.#places.length === this.#unexpected;
    return {
      status: holdsMostly(considered, this.#unexpected, mostly) ? 'pass' : 'fail',
      elements,
      considered,
      unexpected: this.#unexpected,
      examples: this.#examples,
      ...(whole ? { places: this.#places } : {}),
    };
  }
}

/** What an expectation asks of one row; order is remembered inside. */
export function judgeOf(
  expectation: MapBody,
  columns: readonly TableColumn[],
  history: RowOptions['history'] = undefined,
): Judge {
  const at = (name: string) => columnPlace(columns, name);
  const columnAt = (name: string) => columns[at(name)]!;
  /** Judges values that are not null. */
  const values = (name: string, test: (cell: NonNullable<Cell>) => boolean): Judge => {
    const place = at(name);
    return (row) => {
      const cell = row[place]!;
      return cell === null ? null : test(cell);
    };
  };
  switch (expectation.type) {
    case 'expect_column_values_to_be_null':
    case 'expect_column_values_to_not_be_null': {
      const place = at(expectation.column);
      const wanted = expectation.type === 'expect_column_values_to_be_null';
      return (row) => (row[place] === null) === wanted;
    }
    case 'expect_column_values_to_be_in_set':
    case 'expect_column_values_to_not_be_in_set': {
      if (expectation.values === null) return values(expectation.column, () => true);
      const members = membersFor(columnAt(expectation.column), expectation.values);
      const wanted = expectation.type === 'expect_column_values_to_be_in_set';
      return values(expectation.column, (cell) => members.has(cell) === wanted);
    }
    case 'expect_column_values_to_be_between':
      return values(expectation.column, withinRange(columnAt(expectation.column), expectation));
    case 'expect_column_values_to_be_multiple_of': {
      const column = columnAt(expectation.column);
      return values(expectation.column, multipleOf(column, expectation.step));
    }
    case 'expect_column_value_lengths_to_be_between':
    case 'expect_column_value_lengths_to_equal': {
      textOnly(columnAt(expectation.column), 'its values have no length');
      const { min, max, strictMin, strictMax } = expectation;
      return values(expectation.column, (cell) => {
        const length = codePoints(cell as string);
        return (
          (min === null || (strictMin ? length > min : length >= min)) &&
          (max === null || (strictMax ? length < max : length <= max))
        );
      });
    }
    case 'expect_column_values_to_match_strftime_format':
      textOnly(columnAt(expectation.column), 'a time format is matched with text');
      return values(expectation.column, asText(readTimeFormat(expectation.format)));
    case 'expect_column_values_to_be_dateutil_parseable':
      textOnly(columnAt(expectation.column), 'only text is parsed as a date');
      return values(expectation.column, asText(isDateText));
    case 'expect_column_values_to_be_json_parseable':
      return values(expectation.column, (cell) => typeof cell === 'string' && isJson(cell));
    case 'expect_column_values_to_match_json_schema': {
      const validate = compileJsonSchema(expectation.schema);
      return values(expectation.column, (cell) => typeof cell === 'string' && validJson(cell, validate));
    }
    case 'expect_column_values_to_be_increasing':
    case 'expect_column_values_to_be_decreasing':
      return ordered(expectation, columns, history?.lastTime ?? null);
    case 'expect_column_steps_to_be_at_most': {
      const place = at(expectation.column);
      temporalOnly(columnAt(expectation.column));
      const limit = BigInt(expectation.maxSeconds) * 1_000_000n;
      let before = history?.lastTime ?? null;
      return (row) => {
        const cell = row[place]!;
        if (cell === null) return null;
        const holds = before === null || BigInt(cell) - BigInt(before) <= limit;
        before = cell;
        return holds;
      };
    }
    case 'expect_column_to_be_positive_within': {
      const [value, time] = [at(expectation.column), at(expectation.timeColumn)];
      numberOnly(columnAt(expectation.column));
      temporalOnly(columnAt(expectation.timeColumn));
      const limit = BigInt(expectation.maxSeconds) * 1_000_000n;
      let last = history?.lastPositive ?? null;
      return (row) => {
        const now = row[time]!;
        if (now === null) return null;
        if (row[value] !== null && (row[value] as number) > 0 && (last === null || now > last)) last = now;
        return last === null || BigInt(now) - BigInt(last) <= limit;
      };
    }
    case 'expect_column_pair_values_to_be_equal':
    case 'expect_column_pair_values_a_to_be_greater_than_b':
    case 'expect_column_pair_values_to_be_in_set':
      return pairs(expectation, columns);
    case 'expect_select_column_values_to_be_unique_within_record':
    case 'expect_multicolumn_sum_to_equal':
      return several(expectation, columns);
    case 'expect_column_values_to_be_of_type':
    case 'expect_column_values_to_be_in_type_list':
    case 'expect_column_values_to_be_unique':
    case 'expect_compound_columns_to_be_unique':
    case 'expect_column_value_z_scores_to_be_less_than':
      throw new Undecidable('not asked of a row alone');
    default: {
      const column = columnAt(expectation.column);
      textOnly(column, 'a pattern is matched with text');
      const patterns = readPatterns(expectation);
      const { matchOn } = expectation;
      return values(expectation.column, (cell) => {
        const found = (pattern: Pattern) => pattern.test(cell as string);
        return matchOn === 'none'
          ? !patterns.some(found)
          : matchOn === 'any'
            ? patterns.some(found)
            : patterns.every(found);
      });
    }
  }
}

/** @throws Undecidable when a pattern needs backtracking. */
export function readPatterns(expectation: {
  patterns: readonly string[];
  syntax: 'regex' | 'like';
}): Pattern[] {
  try {
    return expectation.patterns.map(expectation.syntax === 'regex' ? readRegex : readLike);
  } catch (error) {
    if (!(error instanceof PatternUnsupported)) throw error;
    throw new Undecidable(`the pattern has ${error.message}, which cannot be matched in bounded time`);
  }
}

export function textOnly(column: TableColumn, why: string): void {
  if (column.kind !== 'string') throw new Mismatch(`${column.name} is ${aKind(column)}: ${why}`);
}

export function numberOnly(column: TableColumn): void {
  if (!isNumeric(column.kind)) throw new Mismatch(`${column.name} is ${aKind(column)}, not a number`);
}

function temporalOnly(column: TableColumn): void {
  if (!isTemporal(column.kind)) throw new Mismatch(`${column.name} is ${aKind(column)}, not a time`);
}

export function aKind({ kind, typeName }: TableColumn): string {
  const words = { boolean: 'true or false', string: 'text', json: `of type ${typeName}` };
  return kind in words ? words[kind as 'json'] : `${/^[aeiou]/.test(kind) ? 'an' : 'a'} ${kind}`;
}

/** The members of a set that a column can hold; the others never match. */
export function membersFor(column: TableColumn, literals: readonly Literal[]): Set<Cell> {
  const members = literals.map((literal) => (literal === null ? undefined : memberFor(column, literal)));
  return new Set(members.filter((member) => member !== undefined));
}

/** Both limits in the column's representation. @throws Undecidable when it cannot be compared with them. */
export function rangeBounds(
  column: TableColumn,
  { min, max, quoted }: Range,
): { min: Bound | null; max: Bound | null } {
  const bound = (limit: string | null): Bound | null => {
    if (limit === null) return null;
    const literal: Literal = quoted || decimalOf(limit) === undefined ? limit : { decimal: limit };
    const found = boundFor(column, literal);
    if (found) return found;
    throw new Mismatch(`${column.name} is ${aKind(column)}, which cannot be compared with ${limit}`);
  };
  return { min: bound(min), max: bound(max) };
}

function withinRange(column: TableColumn, range: Range): (cell: Cell) => boolean {
  const { min, max } = rangeBounds(column, range);
  const compare = comparer(column, column);
  // A limit between two values is represented by the lower one: at least 2.5 is above 2.
  const above = min && (range.strictMin || !min.exact ? 1 : 0);
  const below = max && (range.strictMax && max.exact ? -1 : 0);
  return (cell) =>
    (min === null || compare(cell, min.value) >= above!) &&
    (max === null || compare(cell, max.value) <= below!);
}

function multipleOf(column: TableColumn, step: Decimal): (cell: Cell) => boolean {
  numberOnly(column);
  const digits = step.includes('.') ? step.length - step.indexOf('.') - 1 : 0;
  const units = BigInt(step.replace('.', ''));
  if (column.kind === 'double') {
    return (cell) => {
      // A double stands for the shortest decimal that reads back as it.
      const decimal = decimalOf(String(cell));
      if (decimal === undefined) return false;
      const own = decimal.includes('.') ? decimal.length - decimal.indexOf('.') - 1 : 0;
      const scale = Math.max(own, digits);
      return (
        (BigInt(decimal.replace('.', '')) * 10n ** BigInt(scale - own)) %
          (units * 10n ** BigInt(scale - digits)) ===
        0n
      );
    };
  }
  const scale = column.kind === 'decimal' ? column.scale : 0;
  const wide = Math.max(scale, digits);
  const [up, by] = [10n ** BigInt(wide - scale), units * 10n ** BigInt(wide - digits)];
  return (cell) => (BigInt(cell as number) * up) % by === 0n;
}

function asText(test: (text: string) => boolean): (cell: Cell) => boolean {
  return (cell) => test(cell as string);
}

export function codePoints(text: string): number {
  let count = text.length;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (
      unit >= 0xd800 &&
      unit < 0xdc00 &&
      i + 1 < text.length &&
      (text.charCodeAt(i + 1) & 0xfc00) === 0xdc00
    )
      count--;
  }
  return count;
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

function validJson(text: string, validate: ValidateFunction): boolean {
  try {
    return validate(JSON.parse(text)) === true;
  } catch {
    return false;
  }
}

function ordered(
  {
    type,
    column: name,
    strictly,
  }: MapBody & { type: 'expect_column_values_to_be_increasing' | 'expect_column_values_to_be_decreasing' },
  columns: readonly TableColumn[],
  start: Cell,
): Judge {
  const place = columnPlace(columns, name);
  const column = columns[place]!;
  if (column.kind === 'json' || column.kind === 'boolean')
    throw new Mismatch(`${name} is ${aKind(column)}, which has no order`);
  const compare = comparer(column, column);
  const sign = type === 'expect_column_values_to_be_increasing' ? 1 : -1;
  const least = strictly ? 1 : 0;
  let before = column.kind === 'timestamp' ? start : null;
  return (row) => {
    const cell = row[place]!;
    if (cell === null) return null;
    const holds = before === null || sign * compare(cell, before) >= least;
    before = cell;
    return holds;
  };
}

function pairs(expectation: PairBody, columns: readonly TableColumn[]): Judge {
  const [a, b] = [columnPlace(columns, expectation.columnA), columnPlace(columns, expectation.columnB)];
  const [columnA, columnB] = [columns[a]!, columns[b]!];
  const { ignore } = expectation;
  const judged = (test: (x: Cell, y: Cell) => boolean): Judge => {
    return (row) => {
      const [x, y] = [row[a]!, row[b]!];
      if (ignore === 'both_values_are_missing' && x === null && y === null) return null;
      if (ignore === 'either_value_is_missing' && (x === null || y === null)) return null;
      return test(x, y);
    };
  };
  if (expectation.type === 'expect_column_pair_values_to_be_in_set') {
    if (expectation.pairs === null) return judged(() => true);
    const known = new Set(
      expectation.pairs.flatMap(([x, y]) => {
        const [cellA, cellB] = [
          x === null ? null : memberFor(columnA, x),
          y === null ? null : memberFor(columnB, y),
        ];
        return cellA === undefined || cellB === undefined ? [] : [keyOf([cellA, cellB])];
      }),
    );
    return judged((x, y) => known.has(keyOf([x, y])));
  }
  const equal = expectation.type === 'expect_column_pair_values_to_be_equal';
  if (!comparable(columnA, columnB)) {
    if (equal) return judged(() => false);
    throw new Mismatch(
      `${columnA.name} is ${aKind(columnA)} and ${columnB.name} ${aKind(columnB)}: they have no common order`,
    );
  }
  const compare = comparer(columnA, columnB);
  if (equal) return judged((x, y) => x !== null && y !== null && compare(x, y) === 0);
  const least = expectation.orEqual ? 0 : 1;
  return judged((x, y) => x !== null && y !== null && compare(x, y) >= least);
}

/** One text for several cells; lengths keep `a,b` and `a` beside `b` apart. */
export function keyOf(cells: readonly Cell[]): string {
  let key = '';
  for (const cell of cells) {
    const text = cell === null ? '' : String(cell);
    key += cell === null ? 'n' : `${typeof cell === 'string' ? 's' : 'v'}${text.length}:${text}`;
  }
  return key;
}

function several(expectation: RecordBody, columns: readonly TableColumn[]): Judge {
  const places = expectation.columns.map((name) => columnPlace(columns, name));
  const used = places.map((place) => columns[place]!);
  const test =
    expectation.type === 'expect_multicolumn_sum_to_equal' ? sumIs(used, expectation.total) : allDiffer(used);
  return (row) => {
    const cells = places.map((place) => row[place]!);
    return ignored(cells, expectation.ignore) ? null : test(cells);
  };
}

function ignored(cells: readonly Cell[], ignore: string): boolean {
  return ignore === 'all_values_are_missing'
    ? cells.every((cell) => cell === null)
    : ignore === 'any_value_is_missing' && cells.includes(null);
}

/** Nulls are equal to each other, as pandas counts them. */
function allDiffer(columns: readonly TableColumn[]): (cells: readonly Cell[]) => boolean {
  const same = columns.map((a, i) =>
    columns.slice(i + 1).map((b) => (comparable(a, b) ? comparer(a, b) : null)),
  );
  return (cells) =>
    !cells.some((x, i) =>
      same[i]!.some((compare, j) => {
        const y = cells[i + 1 + j]!;
        return x === null || y === null ? x === y : compare !== null && compare(x, y) === 0;
      }),
    );
}

/** Exact for integers and decimals; doubles are added from left to right. A null makes the sum unknown, which is not the total. */
function sumIs(columns: readonly TableColumn[], total: Decimal): (cells: readonly Cell[]) => boolean {
  for (const column of columns) numberOnly(column);
  if (columns.some(({ kind }) => kind === 'double')) {
    const wanted = Number(total);
    return (cells) =>
      !cells.includes(null) &&
      cells.reduce<number>((sum, cell, i) => sum + toDouble(columns[i]!, cell), 0) === wanted;
  }
  const scale = Math.max(...columns.map((column) => (column.kind === 'decimal' ? column.scale : 0)));
  const up = columns.map((column) => 10n ** BigInt(scale - (column.kind === 'decimal' ? column.scale : 0)));
  return (cells) =>
    !cells.includes(null) &&
    compareDecimal(
      fromScaled(
        cells.reduce((sum: bigint, cell, i) => sum + BigInt(cell as number) * up[i]!, 0n),
        scale,
      ),
      total,
    ) === 0;
}

export function judgeType(
  expectation: Expectation & { types: string[] | null; column: string },
  column: TableColumn,
): Outcome {
  const holds = expectation.types === null ? true : isOfType(column, expectation.types);
  if (holds === null) return unknown(`no type is known of the name ${expectation.types!.join(', ')}`);
  return { status: holds ? 'pass' : 'fail', observed: column.typeName };
}

/** Rows whose values occur once. */
class Unique implements Accumulator {
  readonly #expectation: Expectation & MapBody;
  readonly #places: number[];
  readonly #ignore: string;
  readonly #table: Table;
  /** Of a value seen once: the row, to be told when it comes again. */
  readonly #first = new Map<Cell, { row: readonly Cell[]; index: number } | null>();
  readonly #found: { row: readonly Cell[]; index: number }[] = [];
  #unexpected = 0;
  #elements = 0;
  #considered = 0;
  #full = false;

  constructor(expectation: Expectation & MapBody, places: number[], ignore: string, table: Table) {
    this.#expectation = expectation;
    this.#places = places;
    this.#ignore = ignore;
    this.#table = table;
  }

  add(row: readonly Cell[], index: number): void {
    this.#elements++;
    const cells = this.#places.map((place) => row[place]!);
    if (ignored(cells, this.#ignore)) return;
    this.#considered++;
    const key = cells.length === 1 ? cells[0]! : keyOf(cells);
    const first = this.#first.get(key);
    if (first === undefined) {
      if (this.#full || !this.#table.remember(key)) this.#full = true;
      else this.#first.set(key, { row: this.#small(row), index });
      return;
    }
    if (first !== null) {
      this.#first.set(key, null);
      this.#note(first.row, first.index);
    }
    this.#note(this.#small(row), index);
  }

  /** Only the cells that are told: a wide row is not kept. */
  #small(row: readonly Cell[]): readonly Cell[] {
    return this.#places.map((place) => row[place]!);
  }

  #note(row: readonly Cell[], index: number): void {
    this.#unexpected++;
    if (this.#found.length < (this.#table.options.maxPlaces ?? MAX_PLACES)) this.#found.push({ row, index });
  }

  finish(): Outcome {
    const known = holdsMostly(this.#considered, this.#unexpected, this.#expectation.mostly);
    if (this.#full && known) {
      return unknown(`more different values than the ${this.#table.bound} that are remembered`);
    }
    const found = this.#found.sort((x, y) => x.index - y.index);
    const columns = this.#places.map((place) => this.#table.columns[place]!);
    return {
      status: known ? 'pass' : 'fail',
      elements: this.#elements,
      considered: this.#considered,
      unexpected: this.#unexpected,
      examples: found.slice(0, MAX_EXAMPLES).map(({ row, index }) => ({
        row: index,
        values: Object.fromEntries(columns.map((column, i) => [column.name, showCell(column, row[i]!)])),
      })),
      ...(found.length === this.#unexpected && !this.#full
        ? { places: found.map(({ index }) => index) }
        : {}),
    };
  }
}

/** Needs the whole column's mean first, so the values are kept. */
class ZScores implements Accumulator {
  readonly #expectation: Expectation & MapBody & { threshold: Decimal; doubleSided: boolean };
  readonly #table: Table;
  readonly #place: number;
  readonly #moments: Moments;
  readonly #kept: { row: Cell[]; index: number }[] = [];
  #elements = 0;
  #full = false;

  constructor(
    expectation: Expectation & MapBody & { column: string; threshold: Decimal; doubleSided: boolean },
    table: Table,
  ) {
    numberOnly(table.column(expectation.column));
    this.#expectation = expectation;
    this.#table = table;
    this.#place = table.place(expectation.column);
    this.#moments = new Moments(table.columns[this.#place]!);
  }

  add(row: readonly Cell[], index: number): void {
    this.#elements++;
    const cell = row[this.#place]!;
    if (cell === null) return;
    this.#moments.add(cell);
    this.#full ||= !this.#table.remember(cell);
    if (!this.#full) this.#kept.push({ row: [cell], index });
  }

  finish(): Outcome {
    if (this.#full) return unknown(`more values than the ${this.#table.bound} that are remembered`);
    const column = this.#table.columns[this.#place]!;
    const within = zScoreTest(this.#moments.mean(), this.#moments.stdev(), this.#expectation);
    const alone = new Table([column], this.#table.options);
    const tally = new Tally(this.#expectation, alone);
    for (const { row, index } of this.#kept) if (!within(toDouble(column, row[0]!))) tally.add(row, index);
    return tally.outcome(this.#expectation.mostly, this.#elements, this.#kept.length);
  }
}

/** Without a spread there is no score, and nothing is within a limit: pandas answers so too. */
export function zScoreTest(
  mean: Decimal | null,
  deviation: Decimal | null,
  { threshold, doubleSided }: { threshold: Decimal; doubleSided: boolean },
): (value: number) => boolean {
  const [centre, spread, limit] = [Number(mean ?? 'NaN'), Number(deviation ?? 'NaN'), Number(threshold)];
  if (!(spread > 0)) return () => false;
  return doubleSided
    ? (value) => Math.abs((value - centre) / spread) < Math.abs(limit)
    : (value) => (value - centre) / spread < limit;
}

// What is asked of a whole column.

/** Count, sum, mean and standard deviation of numbers, exact until the last step. */
class Moments {
  readonly #column: TableColumn;
  readonly #sum = new ExactSum();
  readonly #squares = new ExactSum();
  count = 0;
  infinite = 0;

  constructor(column: TableColumn) {
    this.#column = column;
  }

  add(cell: NonNullable<Cell>): void {
    this.count++;
    if (this.#column.kind === 'double') {
      const value = cell as number;
      if (!Number.isFinite(value)) {
        this.infinite++;
        return;
      }
      this.#sum.addDouble(value);
      this.#squares.addSquare(value);
    } else {
      this.#sum.addUnits(cell as number | bigint);
      const small = typeof cell === 'number' && Math.abs(cell) < 94_906_265;
      this.#squares.addUnits(small ? (cell as number) ** 2 : BigInt(cell as number) ** 2n);
    }
  }

  sum(): Decimal | null {
    if (this.count === 0 || this.infinite > 0) return null;
    if (this.#column.kind === 'double') return ratio(this.#sum.tiny(), TINY);
    return fromScaled(this.#sum.units(), this.#column.kind === 'decimal' ? this.#column.scale : 0);
  }

  mean(): Decimal | null {
    if (this.count === 0 || this.infinite > 0) return null;
    return ratio(this.#total(), this.#unit() * BigInt(this.count));
  }

  stdev(): Decimal | null {
    if (this.infinite > 0) return null;
    const squares = this.#column.kind === 'double' ? this.#squares.tiny() * TINY : this.#squares.units();
    return stdev(this.count, this.#total(), squares, this.#unit());
  }

  #total(): bigint {
    return this.#column.kind === 'double' ? this.#sum.tiny() : this.#sum.units();
  }

  #unit(): bigint {
    return this.#column.kind === 'double'
      ? TINY
      : 10n ** BigInt(this.#column.kind === 'decimal' ? this.#column.scale : 0);
  }
}

function aggregateOf(expectation: Expectation & Aggregate, table: Table): Accumulator {
  const place = table.place(expectation.column);
  const column = table.columns[place]!;
  switch (expectation.type) {
    case 'expect_column_min_to_be_between':
    case 'expect_column_max_to_be_between': {
      if (column.kind === 'json')
        throw new Mismatch(`${column.name} is ${aKind(column)}, which has no order`);
      const compare = comparer(column, column);
      const sign = expectation.type === 'expect_column_max_to_be_between' ? 1 : -1;
      let best: Cell = null;
      return {
        add(row) {
          const cell = row[place]!;
          if (cell !== null && (best === null || sign * compare(cell, best) > 0)) best = cell;
        },
        finish: () => judgeExtreme(expectation, column, best),
      };
    }
    case 'expect_column_median_to_be_between': {
      const values = new SortedValues(column, table);
      return {
        add: (row) => values.add(row[place]!),
        finish: () => values.outcome((count, at) => judgeNumber(expectation, median(count, at, column))),
      };
    }
    case 'expect_column_unique_value_count_to_be_between':
    case 'expect_column_proportion_of_unique_values_to_be_between':
      return valueCounts(expectation.column, table, (counts, considered) =>
        judgeNumber(expectation, uniqueFigure(expectation.type, counts.size, considered)),
      );
    case 'expect_column_proportion_of_non_null_values_to_be_between': {
      let [all, filled] = [0, 0];
      return {
        add(row) {
          all++;
          if (row[place] !== null) filled++;
        },
        finish: () => judgeNumber(expectation, all === 0 ? null : ratio(BigInt(filled), BigInt(all))),
      };
    }
    default: {
      numberOnly(column);
      const moments = new Moments(column);
      const figure = () =>
        expectation.type === 'expect_column_sum_to_be_between'
          ? moments.sum()
          : expectation.type === 'expect_column_mean_to_be_between'
            ? moments.mean()
            : moments.stdev();
      return {
        add(row) {
          const cell = row[place]!;
          if (cell !== null) moments.add(cell);
        },
        finish: () => judgeNumber(expectation, figure(), moments.infinite),
      };
    }
  }
}

export function uniqueFigure(type: string, distinct: number, considered: number): Decimal | null {
  if (type === 'expect_column_unique_value_count_to_be_between') return String(distinct);
  return considered === 0 ? null : ratio(BigInt(distinct), BigInt(considered));
}

/** A figure held against a range. Without a figure (nothing to measure) Great Expectations says it fails, and so do we. */
export function judgeNumber(
  range: Range & { column: string },
  figure: Decimal | null,
  infinite = 0,
): Outcome {
  if (figure === null) {
    return {
      status: 'fail',
      observed: null,
      details: { note: infinite > 0 ? `${infinite} values are infinite` : 'there are no values to measure' },
    };
  }
  for (const limit of [range.min, range.max]) {
    if (limit !== null && !isDecimal(limit))
      return unknown(`${limit} is not a number, but what is measured is`);
  }
  const above = range.min === null || compareDecimal(figure, range.min) >= (range.strictMin ? 1 : 0);
  const below = range.max === null || compareDecimal(figure, range.max) <= (range.strictMax ? -1 : 0);
  return { status: above && below ? 'pass' : 'fail', observed: figureOf(figure) };
}

/** A JSON number where it keeps every digit, else the decimal string. */
export function figureOf(figure: Decimal): number | string {
  const number = Number(figure);
  return decimalOf(String(number)) === figure ? number : figure;
}

export function judgeExtreme(range: Expectation & Aggregate, column: TableColumn, best: Cell): Outcome {
  if (best === null)
    return { status: 'fail', observed: null, details: { note: 'there are no values to measure' } };
  return { status: withinRange(column, range)(best) ? 'pass' : 'fail', observed: showCell(column, best) };
}

/** Every value of a column, in order at the end. */
class SortedValues {
  readonly #column: TableColumn;
  readonly #table: Table;
  readonly #values: Cell[] = [];
  #full = false;

  constructor(column: TableColumn, table: Table) {
    this.#column = column;
    this.#table = table;
  }

  add(cell: Cell): void {
    if (cell === null || this.#full) return;
    this.#full = !this.#table.remember(cell);
    if (!this.#full) this.#values.push(cell);
  }

  outcome(judge: (count: number, at: (place: number) => Cell) => Outcome): Outcome {
    if (this.#full) return unknown(`more values than the ${this.#table.bound} that are remembered`);
    this.#values.sort(comparer(this.#column, this.#column));
    return judge(this.#values.length, (place) => this.#values[place]!);
  }
}

export function median(count: number, at: (place: number) => Cell, column: TableColumn): Decimal | null {
  numberOnly(column);
  return count === 0 ? null : quantileOf(quantilePlaces(count, 0.5, 'linear'), at, column);
}

/** The value at a place between two others. Null when it is infinite. */
export function quantileOf(
  { low, high, part }: { low: number; high: number; part: number },
  at: (place: number) => Cell,
  column: TableColumn,
): Decimal | null {
  const [below, above] = [at(low), at(high)];
  if (column.kind === 'double') {
    const value =
      part === 0 ? (below as number) : (below as number) + ((above as number) - (below as number)) * part;
    return part === 0 ? (decimalOf(String(value)) ?? null) : rounded(value);
  }
  const scale = column.kind === 'decimal' ? column.scale : 0;
  const exact = (cell: Cell) => fromScaled(BigInt(cell as number), scale);
  if (part === 0) return exact(below);
  if (part === 0.5) return fromScaled((BigInt(below as number) + BigInt(above as number)) * 5n, scale + 1);
  const [from, to] = [toDouble(column, below), toDouble(column, above)];
  return rounded(from + (to - from) * part);
}

class Quantiles implements Accumulator {
  readonly #expectation: Expectation & { type: 'expect_column_quantile_values_to_be_between' };
  readonly #place: number;
  readonly #column: TableColumn;
  readonly #values: SortedValues;

  constructor(
    expectation: Expectation & { type: 'expect_column_quantile_values_to_be_between' },
    table: Table,
  ) {
    this.#expectation = expectation;
    this.#place = table.place(expectation.column);
    this.#column = table.columns[this.#place]!;
    numberOnly(this.#column);
    this.#values = new SortedValues(this.#column, table);
  }

  add(row: readonly Cell[]): void {
    this.#values.add(row[this.#place]!);
  }

  finish(): Outcome {
    return this.#values.outcome((count, at) => judgeQuantiles(this.#expectation, this.#column, count, at));
  }
}

export function judgeQuantiles(
  { quantiles, ranges, interpolation }: Expectation & { type: 'expect_column_quantile_values_to_be_between' },
  column: TableColumn,
  count: number,
  at: (place: number) => Cell,
): Outcome {
  if (count === 0)
    return { status: 'fail', observed: null, details: { note: 'there are no values to measure' } };
  const values = quantiles.map((q) =>
    quantileOf(quantilePlaces(count, Number(q), interpolation), at, column),
  );
  const holds = values.map((value, i) => {
    const [min, max] = ranges[i]!;
    // A value within a ten-thousandth of a limit counts as the limit: Great Expectations is lenient here.
    const near = (limit: Decimal | null) =>
      limit !== null &&
      value !== null &&
      Math.abs(Number(value) - Number(limit)) <= 1e-8 + 1e-4 * Math.abs(Number(limit));
    if (near(min) || near(max)) return true;
    return (
      value !== null &&
      (min === null || compareDecimal(value, min) >= 0) &&
      (max === null || compareDecimal(value, max) <= 0)
    );
  });
  return {
    status: holds.every(Boolean) ? 'pass' : 'fail',
    observed: {
      quantiles: quantiles.map(Number),
      values: values.map((value) => (value === null ? null : figureOf(value))),
    },
    details: { success_details: holds },
  };
}

/** How often each value occurs. */
function valueCounts(
  name: string,
  table: Table,
  judge: (counts: ReadonlyMap<Cell, number>, considered: number, elements: number) => Outcome,
): Accumulator {
  const place = table.place(name);
  const counts = new Map<Cell, number>();
  let [elements, considered, full] = [0, 0, false];
  return {
    add(row) {
      elements++;
      const cell = row[place]!;
      if (cell === null) return;
      considered++;
      const count = counts.get(cell);
      if (count !== undefined) counts.set(cell, count + 1);
      else if (full || !table.remember(cell)) full = true;
      else counts.set(cell, 1);
    },
    finish: () =>
      full
        ? unknown(`more different values than the ${table.bound} that are remembered`)
        : judge(counts, considered, elements),
  };
}

/** Distinct values that a result lists at most. */
export const MAX_LISTED = 1_000;

export function judgeCounts(
  expectation: Expectation & { column: string; values: Literal[] },
  column: TableColumn,
  counts: ReadonlyMap<Cell, number>,
): Outcome {
  const literals = expectation.values;
  const members = membersFor(column, literals);
  // A member that the column cannot hold is missing from it.
  const possible = literals.every((literal) => literal !== null && memberFor(column, literal) !== undefined);
  const sorted = (cells: Iterable<Cell>) =>
    [...cells].sort(comparer(column, column)).map((cell) => showCell(column, cell));
  if (expectation.type === 'expect_column_most_common_value_to_be_in_set') {
    const most = counts.size === 0 ? 0 : [...counts.values()].reduce((a, b) => Math.max(a, b));
    const modes = [...counts].filter(([, count]) => count === most).map(([cell]) => cell);
    const among = modes.filter((cell) => members.has(cell)).length;
    const holds = expectation.tiesOkay ? among > 0 : modes.length === 1 && among === 1;
    return { status: holds ? 'pass' : 'fail', observed: sorted(modes).slice(0, MAX_LISTED) };
  }
  const strange = [...counts.keys()].filter((cell) => !members.has(cell));
  const absent = [...members].filter((cell) => !counts.has(cell));
  const within = strange.length === 0;
  const all = absent.length === 0 && possible;
  const holds =
    expectation.type === 'expect_column_distinct_values_to_be_in_set'
      ? literals.length === 0 || within
      : expectation.type === 'expect_column_distinct_values_to_equal_set'
        ? within && all
        : all;
  const observed = sorted(counts.keys());
  return {
    status: holds ? 'pass' : 'fail',
    observed: observed.slice(0, MAX_LISTED),
    details: {
      value_counts: [...counts]
        .slice(0, MAX_LISTED)
        .map(([cell, count]) => ({ value: showCell(column, cell), count })),
      unexpected: sorted(strange).slice(0, 20),
      missing: sorted(absent).slice(0, 20),
    },
  };
}

function divergenceOf(
  expectation: Expectation & { type: 'expect_column_kl_divergence_to_be_less_than' },
  table: Table,
): Accumulator {
  const column = table.column(expectation.column);
  const { partition } = expectation;
  if (partition.kind === 'categorical') {
    return valueCounts(expectation.column, table, (counts, considered) =>
      judgeCategories(expectation, partition, column, counts, considered),
    );
  }
  numberOnly(column);
  const place = table.place(expectation.column);
  const counts = new Array<number>(partition.weights.length).fill(0);
  let [below, above, considered] = [0, 0, 0];
  return {
    add(row) {
      const cell = row[place]!;
      if (cell === null) return;
      considered++;
      const bin = binOf(partition.bins, toDouble(column, cell));
      if (bin < 0) below++;
      else if (bin >= counts.length) above++;
      else counts[bin]!++;
    },
    finish: () => judgeBins(expectation, partition, { counts, below, above, considered }),
  };
}

/** The bin [edge, next edge) of a value; the last one includes its end, as numpy's histogram does. */
function binOf(bins: readonly number[], value: number): number {
  if (value === bins.at(-1)) return bins.length - 2;
  let [low, high] = [0, bins.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (bins[middle]! <= value) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

export function judgeCategories(
  expectation: Expectation & { type: 'expect_column_kl_divergence_to_be_less_than' },
  partition: Partition & { kind: 'categorical' },
  column: TableColumn,
  counts: ReadonlyMap<Cell, number>,
  considered: number,
): Outcome {
  const left = new Map(counts);
  const named = partition.values.map((value) => {
    const cell = value === null ? undefined : memberFor(column, value);
    const count = (cell === undefined ? undefined : left.get(cell)) ?? 0;
    if (cell !== undefined) left.delete(cell);
    return count;
  });
  // What the partition does not name shares the tail's weight.
  const strange = [...left].sort(([a], [b]) => comparer(column, column)(a, b));
  const scale = strange.length > 0 ? 1 - expectation.tailHoldout : 1;
  const expected = [
    ...partition.weights.map((weight) => weight * scale),
    ...strange.map(() => expectation.tailHoldout / strange.length),
  ];
  const observed = [...named, ...strange.map(([, count]) => count)].map((count) => count / considered);
  const values = [
    ...partition.values.map((value) =>
      value === null ? null : typeof value === 'object' ? figureOf(value.decimal) : value,
    ),
    ...strange.map(([cell]) => showCell(column, cell)),
  ];
  return divergence(expectation, observed, expected, {
    observed_partition: { values: values.slice(0, MAX_LISTED), weights: observed.slice(0, MAX_LISTED) },
    expected_partition: { values: values.slice(0, MAX_LISTED), weights: expected.slice(0, MAX_LISTED) },
  });
}

export function judgeBins(
  expectation: Expectation & { type: 'expect_column_kl_divergence_to_be_less_than' },
  partition: Partition & { kind: 'continuous' },
  found: { counts: readonly number[]; below: number; above: number; considered: number },
): Outcome {
  const { tailHoldout, internalHoldout } = expectation;
  const { bins, weights, tails } = partition;
  const zeros = weights.filter((weight) => weight === 0).length;
  const expected = weights.map((weight) =>
    weight === 0 && internalHoldout > 0
      ? internalHoldout / zeros
      : weight * (1 - tailHoldout - internalHoldout),
  );
  const share = (count: number) => count / found.considered;
  const observed = found.counts.map(share);
  const [openLow, openHigh] = [
    bins[0] === Number.NEGATIVE_INFINITY,
    bins.at(-1) === Number.POSITIVE_INFINITY,
  ];
  // A finite end has a tail beyond it; the holdout is split between the tails that there are.
  const each = openLow || openHigh ? tailHoldout : tailHoldout / 2;
  const low = openLow ? [] : [tails ? tails[0] : each];
  const high = openHigh ? [] : [tails ? tails[1] : each];
  const allExpected = [...low, ...expected, ...high];
  const allObserved = [
    ...(openLow ? [] : [share(found.below)]),
    ...observed,
    ...(openHigh ? [] : [share(found.above)]),
  ];
  const parts = (all: readonly number[]) => ({
    bins: bins.slice(openLow ? 1 : 0, openHigh ? -1 : undefined),
    weights: all.slice(1, -1),
    tail_weights: [all[0], all.at(-1)],
  });
  return divergence(expectation, allObserved, allExpected, {
    observed_partition: parts(allObserved),
    expected_partition: parts(allExpected),
  });
}

function divergence(
  { threshold }: { threshold: Decimal | null },
  observed: readonly number[],
  expected: readonly number[],
  details: unknown,
): Outcome {
  const figure = rounded(relativeEntropy(observed, expected));
  const holds = threshold === null || (figure !== null && compareDecimal(figure, threshold) <= 0);
  return { status: holds ? 'pass' : 'fail', observed: figure === null ? null : figureOf(figure), details };
}

// What is asked of the table.

function counting(judge: (count: number) => Outcome): Accumulator {
  let count = 0;
  return {
    add() {
      count++;
    },
    finish: () => judge(count),
  };
}

export function judgeCount({ min, max }: { min: number | null; max: number | null }, count: number): Outcome {
  const holds = (min === null || count >= min) && (max === null || count <= max);
  return { status: holds ? 'pass' : 'fail', observed: count };
}

export function judgeColumns(expectation: Expectation, names: readonly string[]): Outcome {
  switch (expectation.type) {
    case 'expect_table_column_count_to_be_between':
    case 'expect_table_column_count_to_equal':
      return judgeCount(expectation, names.length);
    case 'expect_column_to_exist': {
      const { column, index } = expectation;
      const holds = index === null ? names.includes(column) : names[index] === column;
      return { status: holds ? 'pass' : 'fail', observed: names.slice(0, MAX_LISTED) };
    }
    case 'expect_table_columns_to_match_ordered_list': {
      const wanted = expectation.columns;
      if (wanted === null) return { status: 'pass', observed: names };
      const mismatched = Array.from({ length: Math.max(wanted.length, names.length) }, (_, i) => ({
        'Expected Column Position': i,
        Expected: wanted[i] ?? null,
        Found: names[i] ?? null,
      })).filter(({ Expected, Found }) => Expected !== Found);
      return mismatched.length === 0
        ? { status: 'pass', observed: names }
        : { status: 'fail', observed: names, details: { mismatched } };
    }
    case 'expect_table_columns_to_match_set': {
      const wanted = new Set(expectation.columns ?? []);
      const strange = names.filter((name) => !wanted.has(name)).sort();
      const missing = [...wanted].filter((name) => !names.includes(name)).sort();
      const holds =
        expectation.columns === null
          ? !expectation.exact || names.length === 0
          : missing.length === 0 && (!expectation.exact || strange.length === 0);
      const mismatched = {
        ...(strange.length > 0 ? { unexpected: strange } : {}),
        ...(missing.length > 0 ? { missing } : {}),
      };
      return {
        status: holds ? 'pass' : 'fail',
        observed: names,
        ...(strange.length + missing.length > 0 ? { details: { mismatched } } : {}),
      };
    }
    default:
      throw new Undecidable(`${expectation.type} is not about the columns`);
  }
}

// ODCS' library.

type Metric = Expectation & {
  type: 'nullValues' | 'missingValues' | 'invalidValues' | 'duplicateValues' | 'rowCount';
};

function metricOf(expectation: Metric, table: Table): Accumulator {
  if (expectation.type === 'duplicateValues') {
    const places = expectation.columns.map((name) => table.place(name));
    const seen = new Set<Cell>();
    let [all, repeated, full] = [0, 0, false];
    return {
      add(row) {
        all++;
        const cells = places.map((place) => row[place]!);
        if (cells.every((cell) => cell === null)) return;
        const key = cells.length === 1 ? cells[0]! : keyOf(cells);
        if (seen.has(key)) repeated++;
        else if (full || !table.remember(key)) full = true;
        else seen.add(key);
      },
      finish: () =>
        full
          ? unknown(`more different values than the ${table.bound} that are remembered`)
          : judgeMetric(expectation, repeated, all),
    };
  }
  const counts = expectation.type === 'rowCount' ? () => true : metricTest(expectation, table.columns);
  let [all, count] = [0, 0];
  return {
    add(row) {
      all++;
      if (counts(row)) count++;
    },
    finish: () => judgeMetric(expectation, count, all),
  };
}

/** Which rows a metric counts. */
function metricTest(expectation: Metric, columns: readonly TableColumn[]): (row: readonly Cell[]) => boolean {
  const place = columnPlace(columns, expectation.columns[0]!);
  const column = columns[place]!;
  if (expectation.type === 'nullValues') return (row) => row[place] === null;
  const members = membersFor(column, expectation.values);
  const nulls = expectation.values.includes(null);
  if (expectation.type === 'missingValues')
    return (row) => (row[place] === null ? nulls : members.has(row[place]!));
  const pattern =
    expectation.pattern === null
      ? null
      : readPatterns({ patterns: [expectation.pattern], syntax: 'regex' })[0]!;
  if (pattern) textOnly(column, 'a pattern is matched with text');
  const listed = expectation.values.length > 0;
  return (row) => {
    const cell = row[place]!;
    if (cell === null) return false;
    return (listed && !members.has(cell)) || (pattern !== null && !pattern.test(cell as string));
  };
}

/** A count, or its share of all rows in percent, held against the operator. */
export function judgeMetric(expectation: Metric, count: number, all: number): Outcome {
  const figure = expectation.percent
    ? all === 0
      ? '0'
      : ratio(BigInt(count) * 100n, BigInt(all))
    : String(count);
  return {
    status: satisfies(expectation.operator, figure) ? 'pass' : 'fail',
    elements: all,
    observed: figureOf(figure),
    ...(expectation.type === 'rowCount' ? {} : { details: { rows: count } }),
  };
}

// Which rows an expectation is about.

/** Whether a row is chosen: true, false, or null where a comparison in SQL's manner met a null. */
export function conditionOf(
  { condition, logic }: RowCondition,
  columns: readonly TableColumn[],
): (row: readonly Cell[]) => boolean | null {
  return chooses(condition, logic, columns);
}

function chooses(
  condition: Condition,
  logic: NullLogic,
  columns: readonly TableColumn[],
): (row: readonly Cell[]) => boolean | null {
  switch (condition.kind) {
    case 'not': {
      const part = chooses(condition.part, logic, columns);
      return (row) => {
        const value = part(row);
        return value === null ? null : !value;
      };
    }
    case 'and':
    case 'or': {
      const parts = condition.parts.map((part) => chooses(part, logic, columns));
      // False ends an "and", true an "or"; a null stays where nothing ends it.
      const ends = condition.kind === 'or';
      return (row) => {
        let unsure = false;
        for (const part of parts) {
          const value = part(row);
          if (value === ends) return ends;
          unsure ||= value === null;
        }
        return unsure ? null : !ends;
      };
    }
    case 'null': {
      const place = columnPlace(columns, condition.column);
      return (row) => (row[place] === null) !== condition.not;
    }
    case 'in': {
      const place = columnPlace(columns, condition.column);
      const members = membersFor(columns[place]!, condition.literals);
      const ofNull = logic === 'pandas' ? condition.literals.includes(null) !== condition.not : null;
      return (row) => (row[place] === null ? ofNull : members.has(row[place]!) !== condition.not);
    }
    case 'compare': {
      const place = columnPlace(columns, condition.column);
      const test = compareTest(columns[place]!, condition);
      const ofNull = logic === 'pandas' ? condition.operator === '!=' : null;
      return (row) => (row[place] === null ? ofNull : test(row[place]!));
    }
    case 'columns': {
      const [a, b] = [columnPlace(columns, condition.column), columnPlace(columns, condition.other)];
      const test = columnsTest(columns[a]!, columns[b]!, condition.operator);
      const ofNull = logic === 'pandas' ? condition.operator === '!=' : null;
      return (row) => (row[a] === null || row[b] === null ? ofNull : test(row[a]!, row[b]!));
    }
  }
}

function compareTest(
  column: TableColumn,
  { operator, literal }: Condition & { kind: 'compare' },
): (cell: Cell) => boolean {
  const bound = boundFor(column, literal);
  if (operator === '==' || operator === '!=') {
    const same = operator === '==';
    if (bound === undefined || !bound.exact) return () => !same;
    const compare = comparer(column, column);
    return (cell) => (compare(cell, bound.value) === 0) === same;
  }
  if (bound === undefined)
    throw new Undecidable(
      `the condition orders ${column.name}, which is ${aKind(column)}, with another kind of value`,
    );
  const compare = comparer(column, column);
  const { value, exact } = bound;
  switch (operator) {
    case '<':
      return exact ? (cell) => compare(cell, value) < 0 : (cell) => compare(cell, value) <= 0;
    case '<=':
      return (cell) => compare(cell, value) <= 0;
    case '>':
      return (cell) => compare(cell, value) > 0;
    case '>=':
      return exact ? (cell) => compare(cell, value) >= 0 : (cell) => compare(cell, value) > 0;
  }
}

function columnsTest(a: TableColumn, b: TableColumn, operator: string): (x: Cell, y: Cell) => boolean {
  if (!comparable(a, b)) {
    if (operator === '==' || operator === '!=') return () => operator === '!=';
    throw new Undecidable(
      `the condition orders ${a.name}, which is ${aKind(a)}, with ${b.name}, which is ${aKind(b)}`,
    );
  }
  const compare = comparer(a, b);
  switch (operator) {
    case '==':
      return (x, y) => compare(x, y) === 0;
    case '!=':
      return (x, y) => compare(x, y) !== 0;
    case '<':
      return (x, y) => compare(x, y) < 0;
    case '<=':
      return (x, y) => compare(x, y) <= 0;
    case '>':
      return (x, y) => compare(x, y) > 0;
    default:
      return (x, y) => compare(x, y) >= 0;
  }
}

/** Whether an expectation can be evaluated row by row with a few numbers for memory, or needs to remember values. */
export function streams(expectation: Expectation): 'yes' | 'remembers' | 'no' {
  if (expectation.type === 'sql' || expectation.type === 'text') return 'no';
  const remembering = [
    'expect_column_values_to_be_unique',
    'expect_compound_columns_to_be_unique',
    'expect_column_value_z_scores_to_be_less_than',
    'expect_column_median_to_be_between',
    'expect_column_quantile_values_to_be_between',
    'expect_column_unique_value_count_to_be_between',
    'expect_column_proportion_of_unique_values_to_be_between',
    'expect_column_most_common_value_to_be_in_set',
    'duplicateValues',
  ];
  const categories = 'partition' in expectation && expectation.partition.kind === 'categorical';
  return remembering.includes(expectation.type) ||
    expectation.type.startsWith('expect_column_distinct_') ||
    categories
    ? 'remembers'
    : 'yes';
}
