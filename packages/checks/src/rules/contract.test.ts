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
  });
  expect(contract.digest.sha256).toMatch(/^[0-9a-f]{64}$/);
  expect(parseContract(`${MINIMAL}# a comment\n`).digest).not.toEqual(contract.digest);
});

test.each([
  ['kind: DataContract', 'kind: Contract', 'kind: expected DataContract, got "Contract"'],
  ['v3.1.0', 'v2.2.2', 'apiVersion: expected v3.0.0 or v3.0.1 or v3.0.2 or v3.1.0, got "v2.2.2"'],
  [
    'severity: warning',
    'severity: info',
    'schema[0].quality[0].severity: expected error or warning, got "info"',
  ],
  [
    'column: close',
    'column: price',
    'schema[0].quality[0].implementation.kwargs.column: expected one of the columns time, close, got "price"',
  ],
  [
    'column: close',
    'column: time',
    'schema[0].quality[0].implementation.kwargs.column: expected a column of type number, got time, a timestamp',
  ],
  [
    'min_value: 0.99',
    'min_value: low',
    'schema[0].quality[0].implementation.kwargs.min_value: expected a decimal number of at most 20 digits and 18 decimals, got "low"',
  ],
  [
    'min_value: 0.99',
    'min_value: 2',
    'schema[0].quality[0].implementation.kwargs: expected min_value of at most max_value, got 2 and 1.01',
  ],
  [
    'min_value: 0.99',
    'mostly: 0.9',
    'schema[0].quality[0].implementation.kwargs.mostly: expected only column, min_value, max_value, strict_min, strict_max, got another member',
  ],
  [
    'logicalType: number',
    'logicalType: money',
    'schema[0].properties[1].logicalType: expected timestamp or number or string, got "money"',
  ],
  [
    'name: close',
    "name: 'close\"; DROP TABLE x'",
    'schema[0].properties[1].name: expected a column name, got "close\\"; DROP TABLE x"',
  ],
  ['name: close', 'name: time', 'schema[0].properties[1].name: expected a name of its own, got time again'],
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

test('one independent source is never enough: such a contract is refused', () => {
  const agreement = `customProperties:
  - property: agreement
    value: { minimumVenues: 1, staleAfterMinutes: 5, toleranceBps: 75, madMultiple: 3, minimumCoverage: '0.9' }
`;
  expect(caught(() => parseContract(MINIMAL + agreement)).message).toBe(
    'customProperties[0].value.minimumVenues: expected a whole number from 2 to 100, got 1',
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
