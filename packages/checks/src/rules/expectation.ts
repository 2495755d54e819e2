import { compareDecimal, type Decimal } from '@assay/core';
import { decimalOf, type Literal, literalOf } from './cells.ts';
import { conditionColumns, type RowCondition, readCondition } from './condition.ts';
import { PatternUnsupported, readLike, readRegex } from './pattern.ts';
import {
  decimal,
  decimalWithin,
  fail,
  integer,
  list,
  type Members,
  nearestOf,
  oneOf,
  only,
  optionalBoolean,
  record,
  shown,
  text,
  within,
} from './shape.ts';
import type { Interpolation } from './statistics.ts';
import { readTimeFormat } from './strptime.ts';

/**
 * One promise about data, under Great Expectations' names and semantics; the last ones are ODCS' metrics and our own.
 * What each means, with nulls and `mostly`, is told in docs/data-contracts.md.
 */
export type Expectation = Body & {
  /** Share of the considered values that must hold, for what is asked of each row; 1 otherwise. */
  mostly: Decimal;
  /** Rows that it is about; null for all. */
  condition: RowCondition | null;
};

export type Body =
  | MapBody
  | Aggregate
  | {
      type: 'expect_column_quantile_values_to_be_between';
      column: string;
      quantiles: Decimal[];
      ranges: [Decimal | null, Decimal | null][];
      interpolation: Interpolation;
    }
  | { type: DistinctType; column: string; values: Literal[] }
  | {
      type: 'expect_column_most_common_value_to_be_in_set';
      column: string;
      values: Literal[];
      tiesOkay: boolean;
    }
  | {
      type: 'expect_column_kl_divergence_to_be_less_than';
      column: string;
      partition: Partition;
      threshold: Decimal | null;
      tailHoldout: number;
      internalHoldout: number;
    }
  | {
      type: 'expect_table_row_count_to_be_between' | 'expect_table_column_count_to_be_between';
      min: number | null;
      max: number | null;
    }
  | {
      type: 'expect_table_row_count_to_equal' | 'expect_table_column_count_to_equal';
      min: number;
      max: number;
    }
  | { type: 'expect_column_to_exist'; column: string; index: number | null }
  | { type: 'expect_table_columns_to_match_ordered_list'; columns: string[] | null }
  | { type: 'expect_table_columns_to_match_set'; columns: string[] | null; exact: boolean }
  | {
      type: MetricType;
      column: string | null;
      columns: string[];
      values: Literal[];
      pattern: string | null;
      operator: Operator;
      percent: boolean;
    }
  /** A query whose single value is compared, or (without an operator) whose rows are what is wrong. */
  | { type: 'sql'; query: string; column: string | null; operator: Operator | null }
  /** Words for people. */
  | { type: 'text'; column: string | null; description: string };

/** What is asked of each row, and of nothing else: a row holds or does not. */
export type MapBody =
  | { type: 'expect_column_values_to_be_null' | 'expect_column_values_to_not_be_null'; column: string }
  | {
      type: 'expect_column_values_to_be_of_type' | 'expect_column_values_to_be_in_type_list';
      column: string;
      types: string[] | null;
    }
  | {
      type: 'expect_column_values_to_be_in_set' | 'expect_column_values_to_not_be_in_set';
      column: string;
      values: Literal[] | null;
    }
  | ({ type: 'expect_column_values_to_be_between'; column: string } & Range)
  | {
      type: PatternType;
      column: string;
      patterns: string[];
      syntax: 'regex' | 'like';
      matchOn: 'any' | 'all' | 'none';
    }
  | {
      type: 'expect_column_value_lengths_to_be_between' | 'expect_column_value_lengths_to_equal';
      column: string;
      min: number | null;
      max: number | null;
      strictMin: boolean;
      strictMax: boolean;
    }
  | {
      type: 'expect_column_values_to_be_increasing' | 'expect_column_values_to_be_decreasing';
      column: string;
      strictly: boolean;
    }
  | { type: 'expect_column_values_to_match_strftime_format'; column: string; format: string }
  | {
      type: 'expect_column_values_to_be_dateutil_parseable' | 'expect_column_values_to_be_json_parseable';
      column: string;
    }
  | { type: 'expect_column_values_to_match_json_schema'; column: string; schema: Members }
  | { type: 'expect_column_values_to_be_unique'; column: string }
  | {
      type: 'expect_column_value_z_scores_to_be_less_than';
      column: string;
      threshold: Decimal;
      doubleSided: boolean;
    }
  | PairBody
  | { type: 'expect_compound_columns_to_be_unique'; columns: string[]; ignore: ListIgnore }
  | RecordBody
  /** Ours (engine `assay`): a number is a whole multiple of a step, as ODCS' `multipleOf` says. */
  | { type: 'expect_column_values_to_be_multiple_of'; column: string; step: Decimal }
  /** Ours (engine `assay`): consecutive instants lie at most so far apart. */
  | { type: 'expect_column_steps_to_be_at_most'; column: string; maxSeconds: number }
  /** Ours (engine `assay`): at every row the column was positive at most so long ago. */
  | { type: 'expect_column_to_be_positive_within'; column: string; timeColumn: string; maxSeconds: number };

/** About two columns of a row. */
export type PairBody =
  | { type: 'expect_column_pair_values_to_be_equal'; columnA: string; columnB: string; ignore: PairIgnore }
  | {
      type: 'expect_column_pair_values_a_to_be_greater_than_b';
      columnA: string;
      columnB: string;
      orEqual: boolean;
      ignore: PairIgnore;
    }
  | {
      type: 'expect_column_pair_values_to_be_in_set';
      columnA: string;
      columnB: string;
      pairs: [Literal, Literal][] | null;
      ignore: PairIgnore;
    };

/** About several columns of a row. */
export type RecordBody =
  | { type: 'expect_select_column_values_to_be_unique_within_record'; columns: string[]; ignore: ListIgnore }
  | { type: 'expect_multicolumn_sum_to_equal'; columns: string[]; total: Decimal; ignore: ListIgnore };

export interface Range {
  min: string | null;
  max: string | null;
  strictMin: boolean;
  strictMax: boolean;
  /** Whether a limit was written as a text: then it can also be compared with texts and instants. */
  quoted: boolean;
}

export type PairIgnore = 'both_values_are_missing' | 'either_value_is_missing' | 'neither';
export type ListIgnore = 'all_values_are_missing' | 'any_value_is_missing' | 'never';

export type Partition =
  | { kind: 'categorical'; values: Literal[]; weights: number[] }
  | { kind: 'continuous'; bins: number[]; weights: number[]; tails: [number, number] | null };

/** ODCS' operators; `between` leaves its ends out, as the standard's text says. */
export type Operator =
  | { name: 'mustBe' | 'mustNotBe'; value: Literal }
  | {
      name: 'mustBeGreaterThan' | 'mustBeGreaterOrEqualTo' | 'mustBeLessThan' | 'mustBeLessOrEqualTo';
      value: Decimal;
    }
  | { name: 'mustBeBetween' | 'mustNotBeBetween'; low: Decimal; high: Decimal };

const METRICS = ['nullValues', 'missingValues', 'invalidValues', 'duplicateValues', 'rowCount'] as const;
export type MetricType = (typeof METRICS)[number];

const AGGREGATES = [
  'expect_column_min_to_be_between',
  'expect_column_max_to_be_between',
  'expect_column_sum_to_be_between',
  'expect_column_mean_to_be_between',
  'expect_column_median_to_be_between',
  'expect_column_stdev_to_be_between',
  'expect_column_unique_value_count_to_be_between',
  'expect_column_proportion_of_unique_values_to_be_between',
  'expect_column_proportion_of_non_null_values_to_be_between',
] as const;
export type Aggregate = { type: (typeof AGGREGATES)[number]; column: string } & Range;

const DISTINCTS = [
  'expect_column_distinct_values_to_be_in_set',
  'expect_column_distinct_values_to_equal_set',
  'expect_column_distinct_values_to_contain_set',
] as const;
export type DistinctType = (typeof DISTINCTS)[number];

/** Each with its keyword, its syntax and how many of its patterns must match. */
const PATTERNS = {
  expect_column_values_to_match_regex: ['regex', 'regex', 'all'],
  expect_column_values_to_not_match_regex: ['regex', 'regex', 'none'],
  expect_column_values_to_match_regex_list: ['regex_list', 'regex', null],
  expect_column_values_to_not_match_regex_list: ['regex_list', 'regex', 'none'],
  expect_column_values_to_match_like_pattern: ['like_pattern', 'like', 'all'],
  expect_column_values_to_not_match_like_pattern: ['like_pattern', 'like', 'none'],
  expect_column_values_to_match_like_pattern_list: ['like_pattern_list', 'like', null],
  expect_column_values_to_not_match_like_pattern_list: ['like_pattern_list', 'like', 'none'],
} as const;
export type PatternType = keyof typeof PATTERNS;

/** Great Expectations' names for what is asked of each row by itself or among others. */
const MAPS: readonly string[] = [
  'expect_column_values_to_be_null',
  'expect_column_values_to_not_be_null',
  'expect_column_values_to_be_of_type',
  'expect_column_values_to_be_in_type_list',
  'expect_column_values_to_be_in_set',
  'expect_column_values_to_not_be_in_set',
  'expect_column_values_to_be_between',
  ...Object.keys(PATTERNS),
  'expect_column_value_lengths_to_be_between',
  'expect_column_value_lengths_to_equal',
  'expect_column_values_to_be_increasing',
  'expect_column_values_to_be_decreasing',
  'expect_column_values_to_match_strftime_format',
  'expect_column_values_to_be_dateutil_parseable',
  'expect_column_values_to_be_json_parseable',
  'expect_column_values_to_match_json_schema',
  'expect_column_values_to_be_unique',
  'expect_column_value_z_scores_to_be_less_than',
  'expect_column_pair_values_to_be_equal',
  'expect_column_pair_values_a_to_be_greater_than_b',
  'expect_column_pair_values_to_be_in_set',
  'expect_compound_columns_to_be_unique',
  'expect_select_column_values_to_be_unique_within_record',
  'expect_multicolumn_sum_to_equal',
];

/** What a rule of engine `greatExpectations` may name, with aliases that Great Expectations has had. */
export const GREAT_EXPECTATIONS: readonly string[] = [
  ...MAPS,
  'expect_multicolumn_values_to_be_unique',
  ...AGGREGATES,
  'expect_column_quantile_values_to_be_between',
  ...DISTINCTS,
  'expect_column_most_common_value_to_be_in_set',
  'expect_column_kl_divergence_to_be_less_than',
  'expect_table_row_count_to_be_between',
  'expect_table_row_count_to_equal',
  'expect_table_column_count_to_be_between',
  'expect_table_column_count_to_equal',
  'expect_column_to_exist',
  'expect_table_columns_to_match_ordered_list',
  'expect_table_columns_to_match_set',
  'unexpected_rows_expectation',
];

/** What a rule of engine `assay` may name besides a detector. */
export const OWN_EXPECTATIONS: readonly string[] = [
  'expect_column_values_to_be_multiple_of',
  'expect_column_steps_to_be_at_most',
  'expect_column_to_be_positive_within',
];

/** Bounds of one rule. */
const MAX_MEMBERS = 10_000;
const MAX_BINS = 500;
const MAX_QUERY = 10_000;
const TEN_DAYS_S = 10 * 86_400;
/** Keywords of every expectation that change nothing of what it promises. */
const IGNORED = [
  'result_format',
  'catch_exceptions',
  'include_config',
  'meta',
  'batch_id',
  'auto',
  'profiler_config',
  'notes',
  'severity',
  'windows',
];

/** A name of Great Expectations in its one spelling: `ExpectColumnMaxToBeBetween` is `expect_column_max_to_be_between`. */
export function expectationName(value: unknown, path: string, names: readonly string[]): string {
  const given = text(value, path);
  const snake = /^[A-Z]/.test(given)
    ? given.replaceAll(/(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])/g, '_').toLowerCase()
    : given;
  if (names.includes(snake)) return snake;
  const nearest = nearestOf(snake, names);
  return fail(
    path,
    'the name of a rule that Assay knows',
    `${shown(given)}${nearest ? `; did you mean ${nearest}?` : ''}`,
  );
}

/**
 * Reads an expectation from its name and keywords.
 *
 * @param columns what the contract names; null when it names none, then every column is taken.
 * @throws CONTRACT_INVALID with the path of what is wrong.
 */
export function readExpectation(
  name: string,
  value: unknown,
  path: string,
  columns: readonly string[] | null,
): Expectation {
  const keywords = new Keywords(record(value ?? {}, path), path, columns);
  const body = readBody(name, keywords);
  const mapped = body.type !== 'expect_column_to_exist' && (MAP_TYPES.has(body.type) || body.type === 'sql');
  const mostly = keywords.take('mostly');
  if (mostly !== undefined && mostly !== null && !mapped)
    fail(`${path}.mostly`, 'none: it is not asked of each row', shown(mostly));
  const rowCondition = keywords.take('row_condition');
  const parser = keywords.take('condition_parser');
  const condition =
    rowCondition === undefined || rowCondition === null
      ? null
      : within(`${path}.row_condition`, () => readCondition(rowCondition, parser));
  for (const column of condition ? conditionColumns(condition.condition) : [])
    keywords.known(column, `${path}.row_condition`);
  keywords.end();
  return {
    ...body,
    mostly: mostly === undefined || mostly === null ? '1' : decimalWithin(mostly, `${path}.mostly`, '0', '1'),
    condition,
  };
}

/** An expectation without a condition, that must hold for every row. */
export function always(body: Body): Expectation {
  return { ...body, mostly: '1', condition: null };
}

/** The keywords of one expectation; each is taken once, and what is left over is an error. */
class Keywords {
  readonly members: Members;
  readonly path: string;
  readonly #columns: readonly string[] | null;
  readonly #taken: string[] = ['row_condition', 'condition_parser', 'mostly', ...IGNORED];

  constructor(members: Members, path: string, columns: readonly string[] | null) {
    this.members = members;
    this.path = path;
    this.#columns = columns;
  }

  take(key: string): unknown {
    this.#taken.push(key);
    return this.members[key];
  }

  at(key: string): string {
    return `${this.path}.${key}`;
  }

  column(key = 'column'): string {
    return this.known(this.take(key), this.at(key));
  }

  columnList(key = 'column_list', least = 1): string[] {
    const names = list(this.take(key), this.at(key), 1_000);
    if (names.length < least) fail(this.at(key), `at least ${least} columns`, String(names.length));
    return names.map((name, i) => this.known(name, `${this.at(key)}[${i}]`));
  }

  known(name: unknown, path: string): string {
    if (typeof name !== 'string' || name === '') return fail(path, 'the name of a column', shown(name));
    if (this.#columns === null || this.#columns.includes(name)) return name;
    const nearest = nearestOf(name, this.#columns);
    const all = this.#columns.slice(0, 20).join(', ') + (this.#columns.length > 20 ? ', …' : '');
    return fail(
      path,
      `one of the columns ${all}`,
      `${shown(name)}${nearest ? `; did you mean ${nearest}?` : ''}`,
    );
  }

  flag(key: string, otherwise = false): boolean {
    return optionalBoolean(this.take(key), this.at(key), otherwise);
  }

  literals(key: string): Literal[] | null {
    const value = this.take(key);
    return value === undefined || value === null ? null : literals(value, this.at(key));
  }

  requiredLiterals(key: string): Literal[] {
    return this.literals(key) ?? fail(this.at(key), 'a list', 'nothing');
  }

  count(key: string): number | null {
    const value = this.take(key);
    return value === undefined || value === null
      ? null
      : integer(value, this.at(key), 0, Number.MAX_SAFE_INTEGER);
  }

  number(key: string): Decimal | null {
    const value = this.take(key);
    return value === undefined || value === null ? null : decimal(value, this.at(key));
  }

  range(needed = true): Range {
    const limit = (key: string): [string | null, boolean] => {
      const value = this.take(key);
      if (value === undefined || value === null) return [null, false];
      if (typeof value === 'number' || (typeof value === 'string' && decimalOf(value) !== undefined)) {
        return [decimal(value, this.at(key)), typeof value === 'string'];
      }
      return [text(value, this.at(key)), true];
    };
    const [[min, quotedMin], [max, quotedMax]] = [limit('min_value'), limit('max_value')];
    if (needed && min === null && max === null) fail(this.path, 'min_value or max_value', 'neither');
    if (min !== null && max !== null) {
      const numbers = [min, max].every((end) => decimalOf(end) !== undefined);
      if (numbers && compareDecimal(min, max) > 0)
        fail(this.path, 'min_value of at most max_value', `${min} and ${max}`);
    }
    return {
      min,
      max,
      strictMin: this.flag('strict_min'),
      strictMax: this.flag('strict_max'),
      quoted: quotedMin || quotedMax,
    };
  }

  end(): void {
    only(
      this.members,
      this.path,
      [...new Set(this.#taken)].filter((key) => !IGNORED.includes(key) || key in this.members),
    );
  }
}

function literals(value: unknown, path: string): Literal[] {
  return list(value, path, MAX_MEMBERS).map(
    (member, i) => literalOf(member) ?? nullOr(member, `${path}[${i}]`),
  );
}

function nullOr(member: unknown, path: string): Literal {
  return member === null ? null : fail(path, 'a number, a text, true, false or null', shown(member));
}

function readBody(type: string, k: Keywords): Body {
  if (Object.hasOwn(PATTERNS, type)) return readPatterns(type as PatternType, k);
  if ((AGGREGATES as readonly string[]).includes(type)) {
    return { type: type as Aggregate['type'], column: k.column(), ...k.range(false) };
  }
  if ((DISTINCTS as readonly string[]).includes(type)) {
    const column = k.column();
    const values = type === DISTINCTS[0] ? (k.literals('value_set') ?? []) : k.requiredLiterals('value_set');
    return { type: type as DistinctType, column, values };
  }
  switch (type) {
    case 'expect_column_values_to_be_null':
    case 'expect_column_values_to_not_be_null':
    case 'expect_column_values_to_be_dateutil_parseable':
    case 'expect_column_values_to_be_json_parseable':
    case 'expect_column_values_to_be_unique':
      return { type, column: k.column() };
    case 'expect_column_values_to_be_of_type':
      return { type, column: k.column(), types: [text(k.take('type_'), k.at('type_'))] };
    case 'expect_column_values_to_be_in_type_list': {
      const column = k.column();
      const types = k.take('type_list');
      return {
        type,
        column,
        types:
          types === undefined || types === null
            ? null
            : list(types, k.at('type_list'), 100).map((name, i) => text(name, `${k.at('type_list')}[${i}]`)),
      };
    }
    case 'expect_column_values_to_be_in_set':
    case 'expect_column_values_to_not_be_in_set':
      return { type, column: k.column(), values: k.literals('value_set') };
    case 'expect_column_values_to_be_between':
      return { type, column: k.column(), ...k.range() };
    case 'expect_column_value_lengths_to_be_between': {
      const column = k.column();
      const [min, max] = [k.count('min_value'), k.count('max_value')];
      if (min === null && max === null) fail(k.path, 'min_value or max_value', 'neither');
      return { type, column, min, max, strictMin: k.flag('strict_min'), strictMax: k.flag('strict_max') };
    }
    case 'expect_column_value_lengths_to_equal': {
      const column = k.column();
      const value = k.count('value') ?? fail(k.at('value'), 'a length', 'nothing');
      return { type, column, min: value, max: value, strictMin: false, strictMax: false };
    }
    case 'expect_column_values_to_be_increasing':
    case 'expect_column_values_to_be_decreasing':
      return { type, column: k.column(), strictly: k.flag('strictly') };
    case 'expect_column_values_to_match_strftime_format': {
      const column = k.column();
      const format = text(k.take('strftime_format'), k.at('strftime_format'));
      within(k.at('strftime_format'), () => readTimeFormat(format));
      return { type, column, format };
    }
    case 'expect_column_values_to_match_json_schema':
      return { type, column: k.column(), schema: record(k.take('json_schema'), k.at('json_schema')) };
    case 'expect_column_value_z_scores_to_be_less_than': {
      const column = k.column();
      const threshold = k.number('threshold') ?? fail(k.at('threshold'), 'a number', 'nothing');
      return { type, column, threshold, doubleSided: k.flag('double_sided', true) };
    }
    case 'expect_column_pair_values_to_be_equal':
      return { type, ...pair(k) };
    case 'expect_column_pair_values_a_to_be_greater_than_b':
      return { type, ...pair(k), orEqual: k.flag('or_equal') };
    case 'expect_column_pair_values_to_be_in_set': {
      const columns = pair(k);
      const at = k.at('value_pairs_set');
      const value = k.take('value_pairs_set');
      const pairs =
        value === undefined || value === null
          ? null
          : list(value, at, MAX_MEMBERS).map((member, i): [Literal, Literal] => {
              const [a, b, ...more] = literals(member, `${at}[${i}]`);
              return a === undefined || b === undefined || more.length > 0
                ? fail(`${at}[${i}]`, 'two values', shown(member))
                : [a, b];
            });
      return { type, ...columns, pairs };
    }
    case 'expect_compound_columns_to_be_unique':
      return { type, columns: k.columnList(), ignore: listIgnore(k) };
    case 'expect_select_column_values_to_be_unique_within_record':
    case 'expect_multicolumn_values_to_be_unique':
      // The second is the first one's old name.
      return {
        type: 'expect_select_column_values_to_be_unique_within_record',
        columns: k.columnList('column_list', 2),
        ignore: listIgnore(k),
      };
    case 'expect_multicolumn_sum_to_equal':
      return {
        type,
        columns: k.columnList(),
        total: decimal(k.take('sum_total'), k.at('sum_total')),
        ignore: listIgnore(k),
      };
    case 'expect_column_quantile_values_to_be_between':
      return readQuantiles(k);
    case 'expect_column_most_common_value_to_be_in_set':
      return {
        type,
        column: k.column(),
        values: k.requiredLiterals('value_set'),
        tiesOkay: k.flag('ties_okay'),
      };
    case 'expect_column_kl_divergence_to_be_less_than':
      return readDivergence(k);
    case 'expect_table_row_count_to_be_between':
    case 'expect_table_column_count_to_be_between': {
      const [min, max] = [k.count('min_value'), k.count('max_value')];
      if (min !== null && max !== null && min > max)
        fail(k.path, 'min_value of at most max_value', `${min} and ${max}`);
      return { type, min, max };
    }
    case 'expect_table_row_count_to_equal':
    case 'expect_table_column_count_to_equal': {
      const value = k.count('value') ?? fail(k.at('value'), 'a whole number', 'nothing');
      return { type, min: value, max: value };
    }
    case 'expect_column_to_exist':
      // A column that the contract does not name may be asked for: that is what this one is for.
      return { type, column: text(k.take('column'), k.at('column')), index: k.count('column_index') };
    case 'expect_table_columns_to_match_ordered_list': {
      const columns = k.take('column_list');
      return {
        type,
        columns: columns === undefined || columns === null ? null : names(columns, k.at('column_list')),
      };
    }
    case 'expect_table_columns_to_match_set': {
      const columns = k.take('column_set');
      return {
        type,
        columns: columns === undefined || columns === null ? null : names(columns, k.at('column_set')),
        exact: k.flag('exact_match', true),
      };
    }
    case 'unexpected_rows_expectation': {
      k.take('description');
      return {
        type: 'sql',
        query: text(k.take('unexpected_rows_query'), k.at('unexpected_rows_query'), MAX_QUERY),
        column: null,
        operator: null,
      };
    }
    case 'expect_column_values_to_be_multiple_of': {
      const column = k.column();
      const step = decimal(k.take('step'), k.at('step'));
      return {
        type,
        column,
        step: compareDecimal(step, '0') > 0 ? step : fail(k.at('step'), 'a positive number', step),
      };
    }
    case 'expect_column_steps_to_be_at_most':
      return {
        type,
        column: k.column(),
        maxSeconds: integer(k.take('max_seconds'), k.at('max_seconds'), 1, TEN_DAYS_S),
      };
    case 'expect_column_to_be_positive_within':
      return {
        type,
        column: k.column(),
        timeColumn: k.column('time_column'),
        maxSeconds: integer(k.take('max_seconds'), k.at('max_seconds'), 1, TEN_DAYS_S),
      };
    default:
      return fail(k.path, 'the name of a rule', shown(type));
  }
}

function names(value: unknown, path: string): string[] {
  return list(value, path).map((name, i) => text(name, `${path}[${i}]`));
}

function pair(k: Keywords) {
  const ignore = k.take('ignore_row_if') ?? 'both_values_are_missing';
  return {
    columnA: k.column('column_A'),
    columnB: k.column('column_B'),
    ignore: oneOf(ignore, k.at('ignore_row_if'), [
      'both_values_are_missing',
      'either_value_is_missing',
      'neither',
    ]),
  };
}

function listIgnore(k: Keywords): ListIgnore {
  const ignore = k.take('ignore_row_if') ?? 'all_values_are_missing';
  return oneOf(ignore, k.at('ignore_row_if'), ['all_values_are_missing', 'any_value_is_missing', 'never']);
}

function readPatterns(type: PatternType, k: Keywords): MapBody {
  const [key, syntax, fixed] = PATTERNS[type];
  const column = k.column();
  const given = k.take(key);
  const many = key.endsWith('_list');
  const patterns = many
    ? list(given, k.at(key), 100).map((one, i) => text(one, `${k.at(key)}[${i}]`, 2_000))
    : [text(given, k.at(key), 2_000)];
  if (patterns.length === 0) fail(k.at(key), 'at least one pattern', 'none');
  for (const [i, source] of patterns.entries()) {
    within(many ? `${k.at(key)}[${i}]` : k.at(key), () => readPattern(source, syntax));
  }
  const matchOn = fixed ?? oneOf(k.take('match_on') ?? 'any', k.at('match_on'), ['any', 'all']);
  return { type, column, patterns, syntax, matchOn };
}

/** Only broken syntax is an error of the contract; what cannot be decided in linear time is unknown when it is asked. */
function readPattern(source: string, syntax: 'regex' | 'like'): void {
  try {
    (syntax === 'regex' ? readRegex : readLike)(source);
  } catch (error) {
    if (!(error instanceof PatternUnsupported)) throw error;
  }
}

function readQuantiles(k: Keywords): Body {
  const column = k.column();
  const at = k.at('quantile_ranges');
  const ranges = record(k.take('quantile_ranges'), at);
  only(ranges, at, ['quantiles', 'value_ranges']);
  const quantiles = list(ranges.quantiles, `${at}.quantiles`, 100).map((q, i) =>
    decimalWithin(q, `${at}.quantiles[${i}]`, '0', '1'),
  );
  const values = list(ranges.value_ranges, `${at}.value_ranges`, 100).map(
    (range, i): [Decimal | null, Decimal | null] => {
      const where = `${at}.value_ranges[${i}]`;
      const ends = list(range, where, 2).map((end, e) =>
        end === null ? null : decimal(end, `${where}[${e}]`),
      );
      return ends.length === 2 ? [ends[0]!, ends[1]!] : fail(where, 'two limits', shown(range));
    },
  );
  if (quantiles.length !== values.length)
    fail(at, 'one value range for each quantile', `${quantiles.length} and ${values.length}`);
  const how = k.take('allow_relative_error');
  const interpolation = oneOf(
    how === undefined || how === null || how === false ? 'nearest' : how,
    k.at('allow_relative_error'),
    ['nearest', 'linear', 'lower', 'higher', 'midpoint'],
  );
  return {
    type: 'expect_column_quantile_values_to_be_between',
    column,
    quantiles,
    ranges: values,
    interpolation,
  };
}

function readDivergence(k: Keywords): Body {
  const column = k.column();
  const at = k.at('partition_object');
  const partition = readPartition(record(k.take('partition_object'), at), at);
  const share = (key: string) => Number(decimalWithin(k.take(key) ?? 0, k.at(key), '0', '1'));
  const [tailHoldout, internalHoldout] = [share('tail_weight_holdout'), share('internal_weight_holdout')];
  const bucketize = k.flag('bucketize_data', true);
  k.take('min_value');
  k.take('max_value');
  const threshold = k.number('threshold');
  if (threshold !== null && compareDecimal(threshold, '0') < 0)
    fail(k.at('threshold'), 'at least 0', threshold);
  if (partition.kind === 'categorical' && internalHoldout > 0)
    fail(k.at('internal_weight_holdout'), 'none with a categorical partition', String(internalHoldout));
  if (partition.kind === 'continuous') {
    if (!bucketize) fail(k.at('bucketize_data'), 'true with a continuous partition', 'false');
    const open = [partition.bins[0], partition.bins.at(-1)].filter((end) => !Number.isFinite(end)).length;
    if (tailHoldout > 0 && partition.tails)
      fail(k.at('tail_weight_holdout'), 'none beside tail_weights', String(tailHoldout));
    if (open > 0 && partition.tails) fail(`${at}.tail_weights`, 'none where a bin ends at infinity', 'two');
    if (open === 2 && tailHoldout > 0)
      fail(k.at('tail_weight_holdout'), 'none where both ends are infinite', String(tailHoldout));
  }
  return {
    type: 'expect_column_kl_divergence_to_be_less_than',
    column,
    partition,
    threshold,
    tailHoldout,
    internalHoldout,
  };
}

function readPartition(object: Members, at: string): Partition {
  only(object, at, ['values', 'bins', 'weights', 'tail_weights']);
  const weights = list(object.weights, `${at}.weights`, MAX_MEMBERS).map((weight, i) =>
    real(weight, `${at}.weights[${i}]`),
  );
  const tails =
    object.tail_weights === undefined
      ? null
      : list(object.tail_weights, `${at}.tail_weights`, 2).map((weight, i) =>
          real(weight, `${at}.tail_weights[${i}]`),
        );
  const sum = [...weights, ...(tails ?? [])].reduce((total, weight) => total + weight, 0);
  if (Math.abs(sum - 1) > 1e-5 || [...weights, ...(tails ?? [])].some((weight) => weight < 0))
    fail(`${at}.weights`, 'shares that add up to 1', String(sum));
  if (object.values !== undefined) {
    const values = literals(object.values, `${at}.values`);
    if (values.length !== weights.length)
      fail(at, 'one weight for each value', `${weights.length} and ${values.length}`);
    return { kind: 'categorical', values, weights };
  }
  const bins = list(object.bins, `${at}.bins`, MAX_BINS + 1).map((bin, i) => real(bin, `${at}.bins[${i}]`));
  if (bins.length !== weights.length + 1)
    fail(at, 'one bin edge more than weights', `${bins.length} and ${weights.length}`);
  if (bins.some((bin, i) => i > 0 && bin <= bins[i - 1]!)) fail(`${at}.bins`, 'ascending edges', shown(bins));
  return {
    kind: 'continuous',
    bins,
    weights,
    tails:
      tails === null
        ? null
        : tails.length === 2
          ? [tails[0]!, tails[1]!]
          : fail(`${at}.tail_weights`, 'two weights', shown(tails)),
  };
}

function real(value: unknown, path: string): number {
  const infinite = {
    '-inf': Number.NEGATIVE_INFINITY,
    '-Infinity': Number.NEGATIVE_INFINITY,
    inf: Number.POSITIVE_INFINITY,
    Infinity: Number.POSITIVE_INFINITY,
  };
  if (typeof value === 'string' && Object.hasOwn(infinite, value)) return infinite[value as 'inf'];
  return typeof value === 'number' && !Number.isNaN(value) ? value : fail(path, 'a number', shown(value));
}

const OPERATORS = [
  'mustBe',
  'mustNotBe',
  'mustBeGreaterThan',
  'mustBeGreaterOrEqualTo',
  'mustBeLessThan',
  'mustBeLessOrEqualTo',
  'mustBeBetween',
  'mustNotBeBetween',
] as const;

/** A rule of ODCS' library (`metric: nullValues`, before v3.1 `rule: duplicateCount`), or one of type `sql` or `text`. */
export function readStandardRule(
  rule: Members,
  path: string,
  column: string | null,
  columns: readonly string[],
): Expectation {
  if (rule.type === 'text') {
    return always({
      type: 'text',
      column,
      description: text(rule.description ?? rule.name ?? '', `${path}.description`, 2_000),
    });
  }
  if (rule.type === 'sql') {
    return always({
      type: 'sql',
      query: text(rule.query, `${path}.query`, MAX_QUERY),
      column,
      operator: readOperator(rule, path),
    });
  }
  return readMetric(rule, path, column, columns);
}

/** Names of the library before v3.1, when it had no fixed list. */
const OLD_RULES: Record<string, MetricType> = {
  duplicateCount: 'duplicateValues',
  validValues: 'invalidValues',
  nullCheck: 'nullValues',
  nullCount: 'nullValues',
  notNull: 'nullValues',
  unique: 'duplicateValues',
  uniqueCheck: 'duplicateValues',
};

function readMetric(
  rule: Members,
  path: string,
  column: string | null,
  columns: readonly string[],
): Expectation {
  const key = rule.metric === undefined ? 'rule' : 'metric';
  const given = text(rule[key], `${path}.${key}`);
  const type = (METRICS as readonly string[]).includes(given)
    ? (given as MetricType)
    : Object.hasOwn(OLD_RULES, given)
      ? OLD_RULES[given]!
      : undefined;
  if (type === undefined) {
    const nearest = nearestOf(given, [...METRICS, ...Object.keys(OLD_RULES)]);
    return fail(
      `${path}.${key}`,
      METRICS.join(' or '),
      `${shown(given)}${nearest ? `; did you mean ${nearest}?` : ''}`,
    );
  }
  const args = rule.arguments === undefined ? {} : record(rule.arguments, `${path}.arguments`);
  const at = (name: string) => (args[name] === undefined ? `${path}.${name}` : `${path}.arguments.${name}`);
  const argument = (name: string) => args[name] ?? rule[name];
  // The old spelling names the column beside the rule.
  const own = column ?? (rule.column === undefined ? null : new Keywords(rule, path, columns).column());
  const listed = type === 'duplicateValues' && argument('properties') !== undefined;
  const several = listed
    ? new Keywords(
        { properties: argument('properties') },
        at('properties').slice(0, -'.properties'.length),
        columns,
      ).columnList('properties')
    : own === null
      ? []
      : [own];
  if (type !== 'rowCount' && several.length === 0)
    fail(path, 'a rule of a property', 'one of the whole schema');
  const valid = argument('validValues');
  const missing = argument('missingValues');
  const regex = argument('pattern');
  if (type === 'invalidValues' && valid === undefined && regex === undefined)
    fail(`${path}.arguments`, 'validValues or pattern', 'neither');
  if (regex !== undefined)
    within(at('pattern'), () => readPattern(text(regex, at('pattern'), 2_000), 'regex'));
  const bare = key === 'rule' && !OPERATORS.some((name) => rule[name] !== undefined);
  return always({
    type,
    column: own,
    columns: several,
    values:
      type === 'missingValues'
        ? missing === undefined
          ? [null, '']
          : literals(missing, at('missingValues'))
        : valid === undefined
          ? []
          : literals(valid, at('validValues')),
    pattern: regex === undefined ? null : (regex as string),
    // Before v3.1 a rule needed no operator: then there must be none of what it counts.
    operator: bare ? { name: 'mustBe', value: { decimal: '0' } } : readOperator(rule, path),
    percent:
      rule.unit === undefined ? false : oneOf(rule.unit, `${path}.unit`, ['rows', 'percent', '%']) !== 'rows',
  });
}

function readOperator(rule: Members, path: string): Operator {
  const given = OPERATORS.filter((name) => rule[name] !== undefined);
  const [name] = given;
  if (name === undefined || given.length > 1)
    return fail(path, `one of ${OPERATORS.join(', ')}`, given.length === 0 ? 'none' : given.join(' and '));
  const at = `${path}.${name}`;
  const value = rule[name];
  switch (name) {
    case 'mustBe':
    case 'mustNotBe':
      return { name, value: literalOf(value) ?? fail(at, 'a value', shown(value)) };
    case 'mustBeBetween':
    case 'mustNotBeBetween': {
      const ends = list(value, at, 2).map((end, i) => decimal(end, `${at}[${i}]`));
      const [low, high] = ends;
      return low === undefined || high === undefined || compareDecimal(low, high) >= 0
        ? fail(at, 'two numbers, the lower first', shown(value))
        : { name, low, high };
    }
    default:
      return { name, value: decimal(value, at) };
  }
}

/** Whether a value is as an ODCS operator asks. */
export function satisfies(operator: Operator, value: Decimal | boolean | string): boolean {
  if (operator.name === 'mustBe' || operator.name === 'mustNotBe') {
    const wanted = operator.value;
    const exact = typeof value === 'boolean' ? undefined : decimalOf(value);
    const limit = decimalOf(wanted);
    const same =
      exact !== undefined && limit !== undefined ? compareDecimal(exact, limit) === 0 : value === wanted;
    return same === (operator.name === 'mustBe');
  }
  const exact = typeof value === 'boolean' ? (value ? '1' : '0') : decimalOf(value);
  if (exact === undefined) return false;
  if ('low' in operator) {
    const between = compareDecimal(exact, operator.low) > 0 && compareDecimal(exact, operator.high) < 0;
    return between === (operator.name === 'mustBeBetween');
  }
  const order = compareDecimal(exact, operator.value as Decimal);
  switch (operator.name) {
    case 'mustBeGreaterThan':
      return order > 0;
    case 'mustBeGreaterOrEqualTo':
      return order >= 0;
    case 'mustBeLessThan':
      return order < 0;
    case 'mustBeLessOrEqualTo':
      return order <= 0;
  }
}

/** Types of {@link MapBody}. */
export const MAP_TYPES: ReadonlySet<string> = new Set([
  ...MAPS,
  'expect_column_values_to_be_multiple_of',
  'expect_column_steps_to_be_at_most',
  'expect_column_to_be_positive_within',
]);

export function isMap(expectation: Expectation): expectation is Expectation & MapBody {
  return MAP_TYPES.has(expectation.type);
}

/** Columns whose values an expectation reads, without those of its condition. */
export function readColumns(expectation: Expectation): string[] {
  if ('columnA' in expectation) return [expectation.columnA, expectation.columnB];
  if ('timeColumn' in expectation) return [expectation.column, expectation.timeColumn];
  if (expectation.type === 'expect_column_to_exist' || expectation.type.startsWith('expect_table_'))
    return [];
  if ('columns' in expectation && expectation.columns !== null) return expectation.columns;
  return 'column' in expectation && expectation.column !== null ? [expectation.column] : [];
}

/** The columns that an expectation is about, as a finding names them. */
export function columnsOf(expectation: Expectation): string {
  if ('timeColumn' in expectation || expectation.type === 'expect_column_to_exist') return expectation.column;
  return readColumns(expectation).join(',');
}
