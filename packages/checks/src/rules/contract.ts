import { createHash } from 'node:crypto';
import { compareDecimal, type Decimal, LEVELS, type Level } from '@assay/core';
import type { TableColumn } from './cells.ts';
import { conditionColumns } from './condition.ts';
import { readDocument } from './contract-text.ts';
import {
  always,
  type Body,
  columnsOf,
  type Expectation,
  expectationName,
  GREAT_EXPECTATIONS,
  OWN_EXPECTATIONS,
  type Range,
  readColumns,
  readExpectation,
  readStandardRule,
} from './expectation.ts';
import { mismatch } from './row-evaluator.ts';
import {
  DECIMAL_SCALE,
  decimal,
  fail,
  integer,
  list,
  type Members,
  nearestOf,
  oneOf,
  only,
  optionalBoolean,
  pattern,
  record,
  shown,
  text,
} from './shape.ts';

export { columnsOf, type Expectation } from './expectation.ts';

/**
 * A data contract: what a stream or a table promises. The file follows ODCS v3 (Open Data Contract Standard) or is a
 * suite of Great Expectations; this is the part of it that the checks read, with every number exact.
 */
export interface DataContract {
  /** The contract's id; of a stream's contract, the stream's name. */
  name: string;
  version: string;
  /** `active`, `draft`, `deprecated` …, as the contract says; a suite is active. */
  status: string;
  /** SHA-256 of the file's bytes: a changed comment is a changed contract. */
  digest: { sha256: string };
  /** What the schema names; empty where it names none, as a suite does. */
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

export const LOGICAL_TYPES = [
  'string',
  'date',
  'timestamp',
  'time',
  'number',
  'integer',
  'object',
  'array',
  'boolean',
] as const;
export type LogicalType = (typeof LOGICAL_TYPES)[number];

export interface Column {
  name: string;
  /** Null when the contract does not say. */
  logicalType: LogicalType | null;
  required: boolean;
  /** Its name in a file: `physicalName`, else the name. */
  fileName: string;
  physicalType: string | null;
  /** `logicalTypeOptions.format` of a date or time. */
  format: string | null;
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
  /** What the contract says of it, for people. */
  description: string | null;
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

/** Verdicts hold at most 500 findings: 300 rules leave room for the schema and the detectors. */
export const MAX_RULES = 300;
export const MAX_DETECTORS = 16;
const MAX_COLUMNS = 1_000;
const TEN_YEARS_S = 3_650 * 86_400;

/**
 * Reads a data contract in ODCS v3 (YAML), or a suite of Great Expectations (JSON, of either spelling).
 *
 * @param options.object which object of the schema, where there are several.
 * @throws CONTRACT_INVALID with line, column and path of what is wrong, what was expected and what was there.
 * @example
 * const contract = parseContract(await readFile('kraken.BTC-USD.1m.odcs.yaml', 'utf8'));
 */
export function parseContract(source: string, options: { object?: string } = {}): DataContract {
  return readDocument(source, (document) =>
    'expectations' in document && !('kind' in document)
      ? readSuite(document, source)
      : readOdcs(document, source, options.object),
  );
}

function readOdcs(document: Members, source: string, wanted: string | undefined): DataContract {
  const objects = list(document.schema ?? [], 'schema', 1_000).map((object, i) =>
    record(object, `schema[${i}]`),
  );
  const place = objectPlace(objects, wanted);
  const [object, path] = [objects[place]!, `schema[${place}]`];
  const properties = list(object.properties ?? [], `${path}.properties`, MAX_COLUMNS);
  const columns = properties.map((column, i) => readColumn(column, `${path}.properties[${i}]`));
  if (columns.length === 0) fail(`${path}.properties`, `1 to ${MAX_COLUMNS} properties`, 'none');
  unique(columns, 'name', `${path}.properties`);
  unique(columns, 'fileName', `${path}.properties`);
  const names = columns.map(({ name }) => name);
  const quality = [
    ...properties.flatMap((property, i) =>
      list((property as Members).quality ?? [], `${path}.properties[${i}].quality`).map((rule, q) =>
        readQuality(rule, `${path}.properties[${i}].quality[${q}]`, names, names[i]!),
      ),
    ),
    ...list(object.quality ?? [], `${path}.quality`).map((rule, i) =>
      readQuality(rule, `${path}.quality[${i}]`, names, null),
    ),
  ];
  const stated = quality.filter((rule) => 'expectation' in rule);
  for (const { expectation, path: at } of stated) fits(expectation, columns, at);
  const rules = named([...stated, ...impliedRules(properties as Members[], columns, stated, path)]);
  const detectors = named(
    quality.filter((rule) => 'detector' in rule),
    rules,
  );
  bounded(rules, detectors, `${path}.quality`);
  noReferenceCycle(objects);
  const custom = readCustomProperties(document.customProperties);
  return {
    name: pattern(document.id, 'id', /^[^\p{C}]{1,200}$/u, 'a text of 1 to 200 characters'),
    version: pattern(document.version, 'version', /^[^\p{C}]{1,50}$/u, 'a version of at most 50 characters'),
    status: text(document.status, 'status'),
    digest: digestOf(source),
    columns,
    rules,
    detectors,
    freshness: readFreshness(document.slaProperties),
    agreement: custom.agreement,
    requiredLevel: custom.requiredLevel,
    sensitivity: custom.sensitivity,
  };
}

/** A limit in words for a column of numbers is a slip that is told when the contract is read, not when data come. */
function fits(expectation: Expectation, columns: readonly Column[], path: string): void {
  const used = [
    ...readColumns(expectation),
    ...(expectation.condition ? conditionColumns(expectation.condition.condition) : []),
  ];
  if (columns.some(({ name, logicalType }) => used.includes(name) && logicalType === null)) return;
  const why = mismatch(expectation, columns.map(declaredColumn));
  if (why !== null) fail(path, 'a rule that fits its columns', why);
}

/** A column as the contract alone describes it. */
export function declaredColumn({ name, logicalType }: Column): TableColumn {
  const kind =
    logicalType === 'number'
      ? 'decimal'
      : logicalType === null || logicalType === 'object' || logicalType === 'array'
        ? 'json'
        : logicalType;
  return {
    name,
    kind,
    scale: kind === 'decimal' ? DECIMAL_SCALE : 0,
    typeName: logicalType ?? 'any',
    typed: true,
  };
}

function objectPlace(objects: readonly Members[], wanted: string | undefined): number {
  const names = objects.map(({ name }) => String(name));
  if (wanted !== undefined) {
    const place = names.indexOf(wanted);
    return place >= 0
      ? place
      : fail('schema', `an object of the name ${shown(wanted)}`, names.join(', ') || 'none');
  }
  return objects.length === 1
    ? 0
    : fail(
        'schema',
        'exactly one object, or the name of one',
        objects.length === 0 ? 'none' : names.join(', '),
      );
}

/** A suite names no columns, so any column may be asked for. */
function readSuite(document: Members, source: string): DataContract {
  const rules = list(document.expectations, 'expectations').map((value, i): Given<Rule> => {
    const path = `expectations[${i}]`;
    const entry = record(value, path);
    const key = entry.type === undefined ? 'expectation_type' : 'type';
    const type = expectationName(entry[key], `${path}.${key}`, [...GREAT_EXPECTATIONS, ...OWN_EXPECTATIONS]);
    const expectation = readExpectation(type, entry.kwargs, `${path}.kwargs`, null);
    const notes =
      typeof entry.notes === 'string'
        ? entry.notes
        : typeof entry.description === 'string'
          ? entry.description
          : null;
    const severity =
      entry.severity === undefined || entry.severity === null
        ? 'reject'
        : severityOf(entry.severity, `${path}.severity`);
    return {
      id: idOf(expectation),
      given: false,
      path,
      severity,
      dimension: dimensionOf(expectation),
      expectation,
      description: notes,
    };
  });
  const unnamed = named(rules);
  bounded(unnamed, [], 'expectations');
  const name = document.name ?? document.expectation_suite_name ?? 'suite';
  return {
    name: text(name, 'name'),
    version: '1',
    status: 'active',
    digest: digestOf(source),
    columns: [],
    rules: unnamed,
    detectors: [],
    freshness: null,
    agreement: null,
    requiredLevel: 'L0',
    sensitivity: 'public',
  };
}

function digestOf(source: string): { sha256: string } {
  return { sha256: createHash('sha256').update(source, 'utf8').digest('hex') };
}

function bounded(rules: readonly unknown[], detectors: readonly unknown[], path: string): void {
  if (rules.length > MAX_RULES) fail(path, `at most ${MAX_RULES} rules`, `${rules.length}`);
  if (detectors.length > MAX_DETECTORS)
    fail(path, `at most ${MAX_DETECTORS} detectors`, `${detectors.length}`);
}

function readColumn(value: unknown, path: string): Column {
  const column = record(value, path);
  const name = pattern(column.name, `${path}.name`, /^[^\p{C}]{1,256}$/u, 'a column name');
  const options = record(column.logicalTypeOptions ?? {}, `${path}.logicalTypeOptions`);
  return {
    name,
    logicalType:
      column.logicalType === undefined
        ? null
        : oneOf(column.logicalType, `${path}.logicalType`, LOGICAL_TYPES),
    required:
      optionalBoolean(column.required, `${path}.required`) ||
      optionalBoolean(column.primaryKey, `${path}.primaryKey`),
    fileName:
      column.physicalName === undefined ? name : text(column.physicalName, `${path}.physicalName`, 256),
    physicalType:
      column.physicalType === undefined ? null : text(column.physicalType, `${path}.physicalType`),
    format: typeof options.format === 'string' ? options.format : null,
  };
}

/** A rule with whether its id was written: then it must be the only one of it. */
type Given<T> = T & { given: boolean; path: string };

function readQuality(
  value: unknown,
  path: string,
  names: readonly string[],
  column: string | null,
): Given<Rule> | Given<DetectorRule> {
  return isDetectorRule(value)
    ? readDetectorRule(value, path)
    : readRule(record(value, path), path, names, column);
}

function readRule(rule: Members, path: string, names: readonly string[], column: string | null): Given<Rule> {
  const expectation =
    rule.type === 'custom'
      ? readCustom(rule, path, names, column)
      : readStandardRule(rule, path, column, names);
  const given = rule.id !== undefined;
  return {
    id: given ? ruleId(rule.id, path) : idOf(expectation),
    given,
    path,
    severity: rule.severity === undefined ? 'reject' : severityOf(rule.severity, `${path}.severity`),
    dimension:
      rule.dimension === undefined
        ? dimensionOf(expectation)
        : oneOf(rule.dimension, `${path}.dimension`, DIMENSIONS),
    expectation,
    description:
      ([rule.description, rule.name].find((words) => typeof words === 'string') as string | undefined) ??
      null,
  };
}

function readCustom(
  rule: Members,
  path: string,
  names: readonly string[],
  column: string | null,
): Expectation {
  const engine = text(rule.engine, `${path}.engine`);
  const at = `${path}.implementation`;
  const known = engine === 'assay' ? OWN_EXPECTATIONS : GREAT_EXPECTATIONS;
  if (engine !== 'assay' && !/^great[_ -]?expectations$/i.test(engine)) {
    // Another tool's rule is not ours to run, and must not pass in silence.
    const nearest = nearestOf(engine, ['greatExpectations', 'assay']);
    if (nearest)
      fail(`${path}.engine`, 'greatExpectations or assay', `${shown(engine)}; did you mean ${nearest}?`);
    return always({
      type: 'text',
      column,
      description: `a rule of the engine ${engine}, which Assay does not run`,
    });
  }
  const implementation =
    typeof rule.implementation === 'string'
      ? readDocument(rule.implementation, (inner) => inner, at)
      : record(rule.implementation, at);
  const key =
    implementation.type === undefined && implementation.expectation_type !== undefined
      ? 'expectation_type'
      : 'type';
  only(implementation, at, [key, 'kwargs', 'meta', 'id', 'notes']);
  const type = expectationName(implementation[key], `${at}.${key}`, known);
  const keywords = snakeCased(record(implementation.kwargs ?? {}, `${at}.kwargs`));
  const own =
    column !== null &&
    keywords.column === undefined &&
    type.startsWith('expect_column_') &&
    !type.includes('_pair_')
      ? { column, ...keywords }
      : keywords;
  return readExpectation(type, own, `${at}.kwargs`, names);
}

/** The standard's own example spells a keyword `minValue`. */
function snakeCased(keywords: Members): Members {
  return Object.fromEntries(
    Object.entries(keywords).map(([key, value]) => [
      key.replace(/(?<=[a-z])[A-Z]/g, (letter) => `_${letter.toLowerCase()}`),
      value,
    ]),
  );
}

function isDetectorRule(value: unknown): boolean {
  const { implementation } = (value ?? {}) as { implementation?: unknown };
  return typeof implementation === 'object' && implementation !== null && 'detector' in implementation;
}

function readDetectorRule(value: unknown, path: string): Given<DetectorRule> {
  const rule = record(value, path);
  oneOf(rule.type, `${path}.type`, ['custom']);
  oneOf(rule.engine, `${path}.engine`, ['assay']);
  const implementation = record(rule.implementation, `${path}.implementation`);
  only(implementation, `${path}.implementation`, ['detector', 'terms']);
  return {
    id: ruleId(rule.id, path),
    given: true,
    severity: severityOf(rule.severity, `${path}.severity`),
    dimension: oneOf(rule.dimension, `${path}.dimension`, DIMENSIONS),
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

function ruleId(value: unknown, path: string): string {
  return pattern(value, `${path}.id`, /^[A-Za-z0-9_-]{1,64}$/, 'an id of letters, digits, _ and -');
}

const SEVERITIES: Record<string, Severity> = {
  error: 'reject',
  critical: 'reject',
  high: 'reject',
  blocker: 'reject',
  fatal: 'reject',
  warning: 'flag',
  warn: 'flag',
  medium: 'flag',
  low: 'flag',
  minor: 'flag',
  info: 'flag',
};

/** ODCS leaves the words of severity open: these are known. */
function severityOf(value: unknown, path: string): Severity {
  const word = typeof value === 'string' ? value.toLowerCase() : '';
  return Object.hasOwn(SEVERITIES, word)
    ? SEVERITIES[word]!
    : fail(
        path,
        `error or warning (or ${Object.keys(SEVERITIES)
          .slice(1)
          .filter((one) => one !== 'warning')
          .join(', ')})`,
        shown(value),
      );
}

function idOf(expectation: Expectation): string {
  const words = `${expectation.type.replace(/^expect_/, '')}_${columnsOf(expectation)}`;
  return words
    .replaceAll(/[^A-Za-z0-9]+/g, '_')
    .replace(/_$/, '')
    .slice(0, 60);
}

function dimensionOf({ type }: Expectation): Dimension {
  if (/null|missing|row_count|rowCount/i.test(type)) return 'completeness';
  if (/unique|duplicate/i.test(type)) return 'uniqueness';
  if (/steps|positive_within/.test(type)) return 'timeliness';
  if (/pair|sum_to_equal|increasing|decreasing/.test(type)) return 'consistency';
  return 'conformity';
}

/** Makes ids that were not written different from all others; of those that were, none may stand twice. */
function named<T extends { id: string }>(
  rules: readonly Given<T>[],
  others: readonly { id: string }[] = [],
): T[] {
  const taken = new Set(others.map(({ id }) => id));
  for (const { id, given, path } of rules) {
    if (!given) continue;
    if (taken.has(id))
      fail(`${path.replace(/\.implementation\.terms$/, '')}.id`, 'a name of its own', `${id} again`);
    taken.add(id);
  }
  return rules.map(({ given, path, ...rule }) => {
    let id = rule.id;
    for (let n = 2; !given && taken.has(id); n++) id = `${rule.id}_${n}`;
    taken.add(id);
    return ('detector' in rule ? { ...rule, path, id } : { ...rule, id }) as unknown as T;
  });
}

// What the schema itself promises of values.

const FORMATS: Record<string, string> = {
  uuid: '^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}$',
  email: '^[^@\\s]+@[^@\\s]+\\.[^@\\s.]+$',
  ipv4: '^(?:(?:25[0-5]|2[0-4][0-9]|1?[0-9]?[0-9])\\.){3}(?:25[0-5]|2[0-4][0-9]|1?[0-9]?[0-9])$',
  uri: '^[A-Za-z][A-Za-z0-9+.-]*:[^\\s]+$',
};

function impliedRules(
  properties: readonly Members[],
  columns: readonly Column[],
  stated: readonly Rule[],
  path: string,
): Given<Rule>[] {
  const rules: Given<Rule>[] = [];
  const add = (column: string, body: Body) => {
    const expectation = always(body);
    rules.push({
      id: `schema_${idOf(expectation)}`.slice(0, 60),
      given: false,
      path,
      severity: 'reject',
      dimension: dimensionOf(expectation),
      expectation,
      description: `The schema says so of ${column}.`,
    });
  };
  const keys = columns.filter((_, i) => properties[i]!.primaryKey === true).map(({ name }) => name);
  // A strict order already says that no value comes again, and says it across batches.
  const increasing = (name: string) =>
    stated.some(
      ({ expectation }) =>
        expectation.type === 'expect_column_values_to_be_increasing' &&
        expectation.column === name &&
        expectation.strictly,
    );
  columns.forEach(({ name, logicalType }, i) => {
    const property = properties[i]!;
    const alone = keys.length === 1 && keys[0] === name && !increasing(name);
    if (property.unique === true || alone)
      add(name, { type: 'expect_column_values_to_be_unique', column: name });
    const options = (property.logicalTypeOptions ?? {}) as Members;
    const at = `${path}.properties[${i}].logicalTypeOptions`;
    for (const body of optionRules(name, logicalType, options, at)) add(name, body);
  });
  if (keys.length > 1)
    add(keys.join(', '), {
      type: 'expect_compound_columns_to_be_unique',
      columns: keys,
      ignore: 'all_values_are_missing',
    });
  return rules;
}

function optionRules(column: string, logicalType: LogicalType | null, options: Members, at: string): Body[] {
  const bodies: Body[] = [];
  const words = (what: string) =>
    bodies.push({
      type: 'text',
      column,
      description: `logicalTypeOptions.${what} of ${column} is not checked by Assay`,
    });
  switch (logicalType) {
    case 'string': {
      const { minLength, maxLength } = options;
      const length = (value: unknown, key: string) =>
        value === undefined ? null : integer(value, `${at}.${key}`, 0, Number.MAX_SAFE_INTEGER);
      if (minLength !== undefined || maxLength !== undefined) {
        bodies.push({
          type: 'expect_column_value_lengths_to_be_between',
          column,
          min: length(minLength, 'minLength'),
          max: length(maxLength, 'maxLength'),
          strictMin: false,
          strictMax: false,
        });
      }
      const regex = (source: string) =>
        readExpectation('expect_column_values_to_match_regex', { column, regex: source }, at, null);
      if (options.pattern !== undefined) bodies.push(regex(text(options.pattern, `${at}.pattern`, 2_000)));
      const format = options.format;
      if (typeof format === 'string') {
        if (Object.hasOwn(FORMATS, format)) bodies.push(regex(FORMATS[format]!));
        else words('format');
      }
      break;
    }
    case 'number':
    case 'integer':
    case 'date':
    case 'timestamp':
    case 'time': {
      const range = rangeOf(options, at, logicalType);
      if (range.min !== null || range.max !== null)
        bodies.push({ type: 'expect_column_values_to_be_between', column, ...range });
      if (options.multipleOf !== undefined)
        bodies.push({
          type: 'expect_column_values_to_be_multiple_of',
          column,
          step: decimal(options.multipleOf, `${at}.multipleOf`),
        });
      const width =
        logicalType === 'integer' ? /^([iu])(8|16|32|64)$/.exec(String(options.format ?? '')) : null;
      if (width) {
        const bits = BigInt(width[2]!);
        const [min, max] =
          width[1] === 'u' ? [0n, 2n ** bits - 1n] : [-(2n ** (bits - 1n)), 2n ** (bits - 1n) - 1n];
        bodies.push({
          type: 'expect_column_values_to_be_between',
          column,
          min: String(min),
          max: String(max),
          strictMin: false,
          strictMax: false,
          quoted: false,
        });
      }
      break;
    }
    case 'object':
    case 'array':
      for (const key of Object.keys(options)) words(key);
      break;
    default:
      break;
  }
  return bodies;
}

/** Until v3.0.2 `exclusiveMinimum` is a flag beside `minimum`; since v3.1 it is a limit of its own. */
function rangeOf(options: Members, at: string, logicalType: LogicalType): Range {
  const numeric = logicalType === 'number' || logicalType === 'integer';
  const end = (plain: string, exclusive: string): [string | null, boolean] => {
    const flag = options[exclusive] === true;
    const own =
      options[exclusive] === undefined || typeof options[exclusive] === 'boolean' ? undefined : exclusive;
    if (own !== undefined && options[plain] !== undefined)
      fail(`${at}.${exclusive}`, `none beside ${plain}`, shown(options[exclusive]));
    const key = own ?? plain;
    const value = options[key];
    if (value === undefined) return [null, false];
    return [
      numeric ? decimal(value, `${at}.${key}`) : text(value, `${at}.${key}`),
      flag || own !== undefined,
    ];
  };
  const [[min, strictMin], [max, strictMax]] = [
    end('minimum', 'exclusiveMinimum'),
    end('maximum', 'exclusiveMaximum'),
  ];
  return { min, max, strictMin, strictMax, quoted: !numeric };
}

/** Foreign keys that lead back to where they began can never be filled. */
function noReferenceCycle(objects: readonly Members[]): void {
  const edges = new Map<string, { to: string; path: string }[]>();
  const places = (value: unknown) =>
    (Array.isArray(value) ? value : [value]).filter((one) => typeof one === 'string').map(shortPlace);
  const note = (from: string[], to: string[], path: string) => {
    from.forEach((one, i) => {
      const target = to[i] ?? to[0];
      if (target !== undefined) edges.set(one, [...(edges.get(one) ?? []), { to: target, path }]);
    });
  };
  objects.forEach((object, o) => {
    const relations = (owner: Members, path: string, own: string | null) =>
      (Array.isArray(owner.relationships) ? owner.relationships : []).forEach((relation: Members, r) => {
        note(
          own === null ? places(relation?.from) : [own],
          places(relation?.to),
          `${path}.relationships[${r}].to`,
        );
      });
    relations(object, `schema[${o}]`, null);
    (Array.isArray(object.properties) ? object.properties : []).forEach((property: Members, p) => {
      relations(property, `schema[${o}].properties[${p}]`, `${object.name}.${property?.name}`);
    });
  });
  const done = new Set<string>();
  for (const start of edges.keys()) {
    const trail: string[] = [];
    const walk = (place: string): void => {
      if (done.has(place)) return;
      trail.push(place);
      for (const { to, path } of edges.get(place) ?? []) {
        if (trail.includes(to))
          fail(path, 'references without a cycle', [...trail.slice(trail.indexOf(to)), to].join(' -> '));
        walk(to);
      }
      trail.pop();
      done.add(place);
    };
    walk(start);
  }
}

/** `schema/orders/properties/id` and `orders.id` are one place. */
function shortPlace(reference: string): string {
  const parts = reference
    .replace(/^.*#/, '')
    .split('/')
    .filter((part) => !['', 'schema', 'properties'].includes(part));
  return parts.length > 1 ? parts.slice(0, 2).join('.') : (parts[0] ?? '');
}

const SECONDS: Record<string, number> = {
  s: 1,
  sec: 1,
  second: 1,
  seconds: 1,
  min: 60,
  minute: 60,
  minutes: 60,
  h: 3600,
  hr: 3600,
  hour: 3600,
  hours: 3600,
  d: 86_400,
  day: 86_400,
  days: 86_400,
};

/** ODCS leaves service levels open; ours is `latency`, the time after the end of a batch's period. */
function readFreshness(value: unknown): DataContract['freshness'] {
  if (value === undefined) return null;
  const levels = list(value, 'slaProperties').map((level, i) => record(level, `slaProperties[${i}]`));
  const at = levels.findIndex(({ property }) => property === 'latency');
  if (at < 0) return null;
  const unit = text(levels[at]!.unit, `slaProperties[${at}].unit`);
  const seconds = Object.hasOwn(SECONDS, unit)
    ? SECONDS[unit]!
    : fail(`slaProperties[${at}].unit`, Object.keys(SECONDS).join(' or '), shown(unit));
  const length = integer(
    levels[at]!.value,
    `slaProperties[${at}].value`,
    1,
    Math.floor(TEN_YEARS_S / seconds),
  );
  return { maxSeconds: length * seconds };
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

function unique<K extends string>(members: readonly Record<K, string>[], key: K, path: string): void {
  const seen = new Set<string>();
  members.forEach((member, i) => {
    if (seen.has(member[key]))
      fail(
        `${path}[${i}].${key === 'fileName' ? 'physicalName' : key}`,
        'a name of its own',
        `${member[key]} again`,
      );
    seen.add(member[key]);
  });
}
