import { createHash } from 'node:crypto';
import {
  AssayError,
  compareDecimal,
  type Decimal,
  LEVELS,
  type Level,
  normaliseDecimal,
  toScaled,
} from '@assay/core';
import { parseDocument } from 'yaml';

/**
 * A data contract: what a stream promises. The file follows ODCS v3.1 (Open Data Contract Standard); this is
 * the part of it that the checks read, with every number exact.
 */
export interface DataContract {
  /** The contract's id, which is the stream's name. */
  name: string;
  version: string;
  /** SHA-256 of the file's bytes: a changed comment is a changed contract. */
  digest: { sha256: string };
  columns: Column[];
  rules: Rule[];
  /** What looks at the data beyond its rules: the detectors of level L2. */
  detectors: DetectorRule[];
  /** Largest delay between the end of a batch's period and its observation. */
  freshness: { maxSeconds: number } | null;
  /** How the stream is compared with others; null when it is not. */
  agreement: AgreementTerms | null;
  requiredLevel: Level;
  sensitivity: string;
}

export type LogicalType = 'timestamp' | 'number' | 'string';

export interface Column {
  name: string;
  logicalType: LogicalType;
  required: boolean;
}

/** ODCS severity `error` rejects the rows that fail, `warning` flags them. */
export type Severity = 'reject' | 'flag';

export const DIMENSIONS = [
  'accuracy',
  'completeness',
  'conformity',
  'consistency',
  'coverage',
  'timeliness',
  'uniqueness',
] as const;
export type Dimension = (typeof DIMENSIONS)[number];

export interface Rule {
  id: string;
  severity: Severity;
  dimension: Dimension;
  expectation: Expectation;
}

/** A detector that the contract asks for, with its terms as they stand; the detector reads them itself. */
export interface DetectorRule {
  id: string;
  severity: Severity;
  dimension: Dimension;
  /** Name of the detector. */
  detector: string;
  terms: unknown;
  /** Where the terms stand in the contract. */
  path: string;
}

/** Great Expectations' names and semantics: a null is judged by the not-null expectation alone. */
export type Expectation =
  | { type: 'expect_column_values_to_not_be_null'; column: string }
  | {
      type: 'expect_column_values_to_be_between';
      column: string;
      min: Decimal | null;
      max: Decimal | null;
      strictMin: boolean;
      strictMax: boolean;
    }
  | {
      type: 'expect_column_pair_values_a_to_be_greater_than_b';
      columnA: string;
      columnB: string;
      orEqual: boolean;
    }
  | { type: 'expect_column_values_to_be_increasing'; column: string; strictly: boolean }
  /** Ours (engine `assay`): consecutive instants lie at most so far apart. */
  | { type: 'expect_column_steps_to_be_at_most'; column: string; maxSeconds: number }
  /** Ours (engine `assay`): at every row the column was positive at most so long ago. */
  | {
      type: 'expect_column_to_be_positive_within';
      column: string;
      timeColumn: string;
      maxSeconds: number;
    };

/** How a stream's prices are held against those of other venues. */
export interface AgreementTerms {
  /** Other venues that must agree for a pass: the k of level L3. */
  minimumVenues: number;
  /** Without a trade for longer than this, a price says nothing. */
  staleAfterMinutes: number;
  /** Floor of the Hampel gate and of the tolerance. */
  toleranceBps: number;
  /** Width of the Hampel gate in robust standard deviations (1.4826 MAD). */
  madMultiple: number;
  /** Share of rows that must have been judged for a pass. */
  minimumCoverage: Decimal;
  /** For prices in a stablecoin: the largest difference from the dollar price at face value. */
  atParLimitBps: number | null;
}

/** One row's failing rules travel as bits of a number, and verdicts hold at most 500 findings. */
export const MAX_RULES = 48;
export const MAX_DETECTORS = 16;
/** Numbers are compared as DECIMAL(38, 18): exact, 20 digits before the point. */
export const DECIMAL_SCALE = 18;
const DECIMAL_LIMIT = 10n ** 38n;
const MAX_CONTRACT_CHARACTERS = 100_000;
const MAX_COLUMNS = 32;

/**
 * Reads a data contract.
 *
 * @throws CONTRACT_INVALID with the path of what is wrong, what was expected and what was there.
 * @example
 * const contract = parseContract(await readFile('kraken.BTC-USD.1m.odcs.yaml', 'utf8'));
 */
export function parseContract(yaml: string): DataContract {
  const document = record(readYaml(yaml), '');
  oneOf(document.apiVersion, 'apiVersion', ['v3.0.0', 'v3.0.1', 'v3.0.2', 'v3.1.0']);
  oneOf(document.kind, 'kind', ['DataContract']);
  oneOf(document.status, 'status', ['active']);
  const name = pattern(document.id, 'id', /^[A-Za-z0-9][A-Za-z0-9._-]{0,119}$/, 'a stream name');
  const objects = list(document.schema, 'schema');
  if (objects.length !== 1) fail('schema', 'exactly one object', `${objects.length}`);
  const object = record(objects[0], 'schema[0]');
  const columns = list(object.properties, 'schema[0].properties').map((column, i) =>
    readColumn(column, `schema[0].properties[${i}]`),
  );
  if (columns.length === 0 || columns.length > MAX_COLUMNS) {
    fail('schema[0].properties', `1 to ${MAX_COLUMNS} properties`, `${columns.length}`);
  }
  unique(columns, 'name', 'schema[0].properties');
  const quality = list(object.quality, 'schema[0].quality').map((rule, i) => {
    const path = `schema[0].quality[${i}]`;
    return isDetectorRule(rule) ? readDetectorRule(rule, path) : readRule(rule, path, columns);
  });
  unique(quality, 'id', 'schema[0].quality');
  const rules = quality.filter((rule) => 'expectation' in rule);
  if (rules.length > MAX_RULES) fail('schema[0].quality', `at most ${MAX_RULES} rules`, `${rules.length}`);
  const detectors = quality.filter((rule) => 'detector' in rule);
  if (detectors.length > MAX_DETECTORS) {
    fail('schema[0].quality', `at most ${MAX_DETECTORS} detectors`, `${detectors.length}`);
  }
  const custom = readCustomProperties(document.customProperties);
  return {
    name,
    version: pattern(document.version, 'version', /^\d+\.\d+\.\d+$/, 'a version like 1.0.0'),
    digest: { sha256: createHash('sha256').update(yaml, 'utf8').digest('hex') },
    columns,
    rules,
    detectors,
    freshness: readFreshness(document.slaProperties),
    agreement: custom.agreement,
    requiredLevel: custom.requiredLevel,
    sensitivity: custom.sensitivity,
  };
}

/** The columns that an expectation reads, as a finding names them. */
export function columnsOf(expectation: Expectation): string {
  return expectation.type === 'expect_column_pair_values_a_to_be_greater_than_b'
    ? `${expectation.columnA},${expectation.columnB}`
    : expectation.column;
}

function readYaml(yaml: string): unknown {
  if (yaml.length > MAX_CONTRACT_CHARACTERS) {
    fail('', `at most ${MAX_CONTRACT_CHARACTERS} characters`, `${yaml.length}`);
  }
  // Aliases would let a small file grow without bound, and a contract must be readable as it stands.
  const document = parseDocument(yaml, { uniqueKeys: true });
  const error = document.errors[0];
  if (error) fail('', 'YAML', error.message.split('\n')[0] ?? 'something else');
  try {
    return document.toJS({ maxAliasCount: 0 });
  } catch {
    return fail('', 'YAML without aliases', 'an alias');
  }
}

function readColumn(value: unknown, path: string): Column {
  const column = record(value, path);
  return {
    name: pattern(column.name, `${path}.name`, /^[A-Za-z_][A-Za-z0-9_]{0,62}$/, 'a column name'),
    logicalType: oneOf(column.logicalType, `${path}.logicalType`, ['timestamp', 'number', 'string']),
    required: column.required === undefined ? false : boolean(column.required, `${path}.required`),
  };
}

function readRule(value: unknown, path: string, columns: readonly Column[]): Rule {
  const rule = record(value, path);
  oneOf(rule.type, `${path}.type`, ['custom']);
  const engine = oneOf(rule.engine, `${path}.engine`, ['greatExpectations', 'assay']);
  const implementation = record(rule.implementation, `${path}.implementation`);
  return {
    ...readHead(rule, path),
    expectation:
      engine === 'greatExpectations'
        ? readGreatExpectation(implementation, `${path}.implementation`, columns)
        : readOwnExpectation(implementation, `${path}.implementation`, columns),
  };
}

function isDetectorRule(value: unknown): boolean {
  const { implementation } = (value ?? {}) as { implementation?: unknown };
  return typeof implementation === 'object' && implementation !== null && 'detector' in implementation;
}

function readDetectorRule(value: unknown, path: string): DetectorRule {
  const rule = record(value, path);
  oneOf(rule.type, `${path}.type`, ['custom']);
  oneOf(rule.engine, `${path}.engine`, ['assay']);
  const implementation = record(rule.implementation, `${path}.implementation`);
  only(implementation, `${path}.implementation`, ['detector', 'terms']);
  return {
    ...readHead(rule, path),
    detector: pattern(
      implementation.detector,
      `${path}.implementation.detector`,
      /^[a-z][a-z0-9_]{0,39}$/,
      'the name of a detector',
    ),
    terms: implementation.terms ?? {},
    path: `${path}.implementation.terms`,
  };
}

function readHead(rule: Members, path: string): Pick<Rule, 'id' | 'severity' | 'dimension'> {
  return {
    id: pattern(rule.id, `${path}.id`, /^[A-Za-z0-9_-]{1,64}$/, 'an id of letters, digits, _ and -'),
    severity: oneOf(rule.severity, `${path}.severity`, ['error', 'warning']) === 'error' ? 'reject' : 'flag',
    dimension: oneOf(rule.dimension, `${path}.dimension`, DIMENSIONS),
  };
}

function readGreatExpectation(
  implementation: Members,
  path: string,
  columns: readonly Column[],
): Expectation {
  const type = oneOf(implementation.type, `${path}.type`, [
    'expect_column_values_to_not_be_null',
    'expect_column_values_to_be_between',
    'expect_column_pair_values_a_to_be_greater_than_b',
    'expect_column_values_to_be_increasing',
  ]);
  const at = `${path}.kwargs`;
  const kwargs = record(implementation.kwargs, at);
  switch (type) {
    case 'expect_column_values_to_not_be_null':
      only(kwargs, at, ['column']);
      return { type, column: column(kwargs.column, `${at}.column`, columns) };
    case 'expect_column_values_to_be_between': {
      only(kwargs, at, ['column', 'min_value', 'max_value', 'strict_min', 'strict_max']);
      const min = optionalDecimal(kwargs.min_value, `${at}.min_value`);
      const max = optionalDecimal(kwargs.max_value, `${at}.max_value`);
      if (min === null && max === null) fail(at, 'min_value or max_value', 'neither');
      if (min !== null && max !== null && compareDecimal(min, max) > 0) {
        fail(at, 'min_value of at most max_value', `${min} and ${max}`);
      }
      return {
        type,
        column: column(kwargs.column, `${at}.column`, columns, 'number'),
        min,
        max,
        strictMin: optionalBoolean(kwargs.strict_min, `${at}.strict_min`),
        strictMax: optionalBoolean(kwargs.strict_max, `${at}.strict_max`),
      };
    }
    case 'expect_column_pair_values_a_to_be_greater_than_b':
      only(kwargs, at, ['column_A', 'column_B', 'or_equal']);
      return {
        type,
        columnA: column(kwargs.column_A, `${at}.column_A`, columns, 'number'),
        columnB: column(kwargs.column_B, `${at}.column_B`, columns, 'number'),
        orEqual: optionalBoolean(kwargs.or_equal, `${at}.or_equal`),
      };
    case 'expect_column_values_to_be_increasing':
      only(kwargs, at, ['column', 'strictly']);
      return {
        type,
        column: column(kwargs.column, `${at}.column`, columns, 'timestamp'),
        strictly: optionalBoolean(kwargs.strictly, `${at}.strictly`),
      };
  }
}

function readOwnExpectation(implementation: Members, path: string, columns: readonly Column[]): Expectation {
  const type = oneOf(implementation.type, `${path}.type`, [
    'expect_column_steps_to_be_at_most',
    'expect_column_to_be_positive_within',
  ]);
  const at = `${path}.kwargs`;
  const kwargs = record(implementation.kwargs, at);
  const maxSeconds = integer(kwargs.max_seconds, `${at}.max_seconds`, 1, 10 * 86_400);
  if (type === 'expect_column_steps_to_be_at_most') {
    only(kwargs, at, ['column', 'max_seconds']);
    return { type, column: column(kwargs.column, `${at}.column`, columns, 'timestamp'), maxSeconds };
  }
  only(kwargs, at, ['column', 'time_column', 'max_seconds']);
  return {
    type,
    column: column(kwargs.column, `${at}.column`, columns, 'number'),
    timeColumn: column(kwargs.time_column, `${at}.time_column`, columns, 'timestamp'),
    maxSeconds,
  };
}

/** ODCS leaves service levels open; ours is `latency`, in seconds after the end of a batch's period. */
function readFreshness(value: unknown): DataContract['freshness'] {
  if (value === undefined) return null;
  const levels = list(value, 'slaProperties').map((level, i) => record(level, `slaProperties[${i}]`));
  const at = levels.findIndex(({ property }) => property === 'latency');
  if (at < 0) return null;
  oneOf(levels[at]!.unit, `slaProperties[${at}].unit`, ['s']);
  return { maxSeconds: integer(levels[at]!.value, `slaProperties[${at}].value`, 1, 10 * 86_400) };
}

function readCustomProperties(
  value: unknown,
): Pick<DataContract, 'agreement' | 'requiredLevel' | 'sensitivity'> {
  const properties = value === undefined ? [] : list(value, 'customProperties');
  const found = new Map<string, { value: unknown; path: string }>();
  properties.forEach((entry, i) => {
    const property = record(entry, `customProperties[${i}]`);
    const name = text(property.property, `customProperties[${i}].property`);
    found.set(name, { value: property.value, path: `customProperties[${i}].value` });
  });
  const agreement = found.get('agreement');
  const level = found.get('requiredLevel');
  const sensitivity = found.get('sensitivity');
  return {
    agreement: agreement ? readAgreement(agreement.value, agreement.path) : null,
    requiredLevel: level ? oneOf(level.value, level.path, LEVELS) : 'L0',
    sensitivity: sensitivity ? text(sensitivity.value, sensitivity.path) : 'public',
  };
}

function readAgreement(value: unknown, path: string): AgreementTerms {
  const terms = record(value, path);
  only(terms, path, [
    'minimumVenues',
    'staleAfterMinutes',
    'toleranceBps',
    'madMultiple',
    'minimumCoverage',
    'atParLimitBps',
  ]);
  const coverage = decimal(terms.minimumCoverage, `${path}.minimumCoverage`);
  if (compareDecimal(coverage, '0') <= 0 || compareDecimal(coverage, '1') > 0) {
    fail(`${path}.minimumCoverage`, 'a share above 0 and at most 1', coverage);
  }
  return {
    // One other source can contradict but not outvote: which of the two is wrong stays unknown.
    minimumVenues: integer(terms.minimumVenues, `${path}.minimumVenues`, 2, 100),
    staleAfterMinutes: integer(terms.staleAfterMinutes, `${path}.staleAfterMinutes`, 1, 240),
    toleranceBps: integer(terms.toleranceBps, `${path}.toleranceBps`, 1, 10_000),
    madMultiple: integer(terms.madMultiple, `${path}.madMultiple`, 1, 20),
    minimumCoverage: coverage,
    atParLimitBps:
      terms.atParLimitBps === undefined
        ? null
        : integer(terms.atParLimitBps, `${path}.atParLimitBps`, 1, 10_000),
  };
}

type Members = Record<string, unknown>;

function fail(path: string, expected: string, got: string): never {
  throw new AssayError(
    'CONTRACT_INVALID',
    `${path === '' ? 'the contract' : path}: expected ${expected}, got ${got}`,
    {
      next: 'correct the contract; its format is ODCS v3.1, https://bitol-io.github.io/open-data-contract-standard',
      detail: { path, expected, got },
    },
  );
}

function shown(value: unknown): string {
  if (value === undefined) return 'nothing';
  const json = JSON.stringify(value) ?? typeof value;
  return json.length > 60 ? `${json.slice(0, 60)}…` : json;
}

function record(value: unknown, path: string): Members {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as Members)
    : fail(path, 'a mapping', shown(value));
}

function list(value: unknown, path: string): unknown[] {
  return Array.isArray(value) ? value : fail(path, 'a list', shown(value));
}

function text(value: unknown, path: string): string {
  return typeof value === 'string' && value.length <= 200 ? value : fail(path, 'a text', shown(value));
}

function pattern(value: unknown, path: string, regex: RegExp, expected: string): string {
  return typeof value === 'string' && regex.test(value) ? value : fail(path, expected, shown(value));
}

function boolean(value: unknown, path: string): boolean {
  return typeof value === 'boolean' ? value : fail(path, 'true or false', shown(value));
}

function optionalBoolean(value: unknown, path: string): boolean {
  return value === undefined ? false : boolean(value, path);
}

function integer(value: unknown, path: string, least: number, most: number): number {
  return typeof value === 'number' && Number.isInteger(value) && value >= least && value <= most
    ? value
    : fail(path, `a whole number from ${least} to ${most}`, shown(value));
}

/** YAML's numbers are doubles: quoted decimals are taken as they stand, plain ones in their shortest spelling. */
function decimal(value: unknown, path: string): Decimal {
  try {
    const exact = normaliseDecimal(typeof value === 'number' ? String(value) : text(value, path));
    const scaled = toScaled(exact, DECIMAL_SCALE);
    if (scaled < DECIMAL_LIMIT && scaled > -DECIMAL_LIMIT) return exact;
  } catch {
    // Told below, with the path.
  }
  return fail(path, `a decimal number of at most 20 digits and ${DECIMAL_SCALE} decimals`, shown(value));
}

function optionalDecimal(value: unknown, path: string): Decimal | null {
  return value === undefined ? null : decimal(value, path);
}

function oneOf<const T extends string>(value: unknown, path: string, choices: readonly T[]): T {
  return choices.includes(value as T) ? (value as T) : fail(path, choices.join(' or '), shown(value));
}

function column(value: unknown, path: string, columns: readonly Column[], type?: LogicalType): string {
  const found = columns.find(({ name }) => name === value);
  if (!found) {
    return fail(path, `one of the columns ${columns.map(({ name }) => name).join(', ')}`, shown(value));
  }
  if (type && found.logicalType !== type)
    fail(path, `a column of type ${type}`, `${found.name}, a ${found.logicalType}`);
  return found.name;
}

function only(members: Members, path: string, allowed: readonly string[]): void {
  const unknown = Object.keys(members).find((key) => !allowed.includes(key));
  if (unknown !== undefined) fail(`${path}.${unknown}`, `only ${allowed.join(', ')}`, 'another member');
}

function unique<K extends string>(members: readonly Record<K, string>[], key: K, path: string): void {
  const seen = new Set<string>();
  members.forEach((member, i) => {
    if (seen.has(member[key])) fail(`${path}[${i}].${key}`, 'a name of its own', `${member[key]} again`);
    seen.add(member[key]);
  });
}
