/** Data contracts: what comes with Assay is read as written, and a wrong contract says where and what. */
import { AssayError } from '@assay/core';
import { expect, test } from 'vitest';
import { parseContract } from './contract.ts';
import { loadContracts } from './contract-files.ts';

const MINIMAL = `apiVersion: v3.1.0
kind: DataContract
id: kraken.BTC-USD.1m
version: 1.0.0
status: active
schema:
  - name: candle
    properties:
      - { name: time, logicalType: timestamp, required: true }
      - { name: close, logicalType: number }
    quality:
      - id: band
        dimension: accuracy
        severity: warning
        type: custom
        engine: greatExpectations
        implementation:
          type: expect_column_values_to_be_between
          kwargs: { column: close, min_value: 0.99, max_value: '1.010' }
`;

test('eleven contracts come with Assay, one a stream, each comparing its prices with other venues', () => {
  const contracts = loadContracts();
  expect(contracts.size).toBe(11);
  for (const [stream, { name, agreement, rules, columns }] of contracts) {
    expect(name).toBe(stream);
    expect(columns.map((column) => column.name)).toEqual(['time', 'open', 'high', 'low', 'close', 'volume']);
    expect(columns.every(({ required }) => required)).toBe(true);
    expect(rules.length).toBeGreaterThanOrEqual(12);
    expect(agreement?.minimumVenues).toBe(2);
    // Only bitcoin in a stablecoin has a face value to compare.
    expect(agreement?.atParLimitBps ?? null).toBe(/BTC-USD[CT]/.test(stream) ? 100 : null);
  }
});

test('numbers are exact, and a changed byte is another contract', () => {
  const contract = parseContract(MINIMAL);
  expect(contract.rules[0]!.expectation).toEqual({
    type: 'expect_column_values_to_be_between',
    column: 'close',
    min: '0.99',
    max: '1.01',
    strictMin: false,
    strictMax: false,
    quoted: true,
    mostly: '1',
    condition: null,
  });
  expect(contract.digest.sha256).toMatch(/^[0-9a-f]{64}$/);
  expect(parseContract(`${MINIMAL}# a comment\n`).digest).not.toEqual(contract.digest);
});

test.each([
  ['kind: DataContract', 'kind: Contract', 'kind: expected DataContract, got "Contract"'],
  ['v3.1.0', 'v2.2.2', 'apiVersion: expected v3.0.0 or v3.0.1 or v3.0.2 or v3.1.0, got "v2.2.2"'],
  [
    'severity: warning',
    'severity: sometimes',
    'schema[0].quality[0].severity: expected error or warning (or critical, high, blocker, fatal, warn, medium, low, minor, info), got "sometimes" (line 14, column 19)',
  ],
  [
    'column: close',
    'column: price',
    'schema[0].quality[0].implementation.kwargs.column: expected one of the columns time, close, got "price"',
  ],
  [
    'column: close',
    'column: time',
    'schema[0].quality[0]: expected a rule that fits its columns, got time is a timestamp, which cannot be compared with 0.99',
  ],
  [
    'min_value: 0.99',
    'min_value: low',
    'schema[0].quality[0]: expected a rule that fits its columns, got close is a decimal, which cannot be compared with low',
  ],
  [
    'min_value: 0.99',
    'min_value: 2',
    'schema[0].quality[0].implementation.kwargs: expected min_value of at most max_value, got 2 and 1.01',
  ],
  [
    'min_value: 0.99',
    'minimum: 0.9',
    'schema[0].quality[0].implementation.kwargs.minimum: expected only row_condition, condition_parser, mostly, column, min_value, max_value, strict_min, strict_max, got another member',
  ],
  [
    'logicalType: number',
    'logicalType: money',
    'schema[0].properties[1].logicalType: expected string or date or number or integer or object or array or boolean or timestamp or time, got "money" (line 10, column 37)',
  ],
  ['name: close', "name: ''", 'schema[0].properties[1].name: expected a column name, got ""'],
  ['name: close', 'name: time', 'schema[0].properties[1].name: expected a name of its own, got time again'],
  [
    'expect_column_values_to_be_between',
    'expect_column_value_to_be_betwen',
    'did you mean expect_column_values_to_be_between?',
  ],
  [
    'dimension: accuracy',
    'dimensions: accuracy',
    'schema[0].quality[0].dimensions: expected no such member here, got "dimensions"; did you mean dimension?',
  ],
  [
    'status: active',
    'status: &a [*a]',
    'the contract: expected YAML without aliases, got an alias that contains itself, *a (line 5, column 13)',
  ],
  ['status: active', 'status: [active', 'the contract: expected YAML'],
  [
    'status: active',
    'status: &a active\ndomain: *a',
    'the contract: expected YAML without aliases, got an alias',
  ],
])('a contract with %s changed to %s is refused', (from, to, message) => {
  const error = caught(() => parseContract(MINIMAL.replace(from, to)));
  expect(error.code).toBe('CONTRACT_INVALID');
  expect(error.message).toContain(message);
  expect(error.next).toContain('ODCS');
});

test('foreign keys that lead back to where they began are refused', () => {
  const object = (name: string, to: string) =>
    `  - { name: ${name}, properties: [{ name: id, logicalType: integer, relationships: [{ to: ${to} }] }] }\n`;
  const contract = `apiVersion: v3.1.0\nkind: DataContract\nid: a\nversion: 1.0.0\nstatus: active\nschema:\n${object('a', 'b.id')}${object('b', 'a.id')}`;
  expect(caught(() => parseContract(contract, { object: 'a' })).message).toContain(
    'without a cycle, got a.id -> b.id -> a.id',
  );
});

test('the library of ODCS in both spellings, and what the schema says of a column, are rules', () => {
  const contract = (version: string, quality: string) =>
    parseContract(
      `apiVersion: ${version}\nkind: DataContract\nid: a\nversion: 1.0.0\nstatus: active\nschema:\n  - name: t\n    properties:\n      - name: x\n        logicalType: integer\n        unique: true\n        logicalTypeOptions: { minimum: 1, format: i8 }\n        quality: ${quality}\n`,
    ).rules.map(({ expectation }) => expectation.type);
  const implied = [
    'expect_column_values_to_be_unique',
    'expect_column_values_to_be_between',
    'expect_column_values_to_be_between',
  ];
  expect(contract('v3.1.0', '[{ metric: duplicateValues, mustBeLessThan: 1, unit: percent }]')).toEqual([
    'duplicateValues',
    ...implied,
  ]);
  expect(contract('v3.0.2', '[{ rule: duplicateCount, mustBeLessThan: 1 }]')).toEqual([
    'duplicateValues',
    ...implied,
  ]);
  expect(() => contract('v3.1.0', '[{ metric: nullValue, mustBe: 0 }]')).toThrow('did you mean nullValues?');
});

test('one independent source is never enough: such a contract is refused', () => {
  const agreement = `customProperties:
  - property: agreement
    value: { minimumVenues: 1, staleAfterMinutes: 5, toleranceBps: 75, madMultiple: 3, minimumCoverage: '0.9' }
`;
  expect(caught(() => parseContract(MINIMAL + agreement)).message).toBe(
    'customProperties[0].value.minimumVenues: expected a whole number from 2 to 100, got 1 (line 22, column 29)',
  );
});

function caught(action: () => unknown): AssayError {
  try {
    action();
  } catch (error) {
    if (error instanceof AssayError) return error;
    throw error;
  }
  throw new Error('expected an error');
}
