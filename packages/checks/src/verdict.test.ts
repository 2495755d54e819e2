/** Verdicts: rows carry their own decisions, the batch has the worst of them, and nothing unknown looks good. */
import type { Finding } from '@assay/core';
import { expect, test } from 'vitest';
import { loadContracts } from './rules/contract-files.ts';
import { decideVerdict } from './verdict.ts';

const contract = loadContracts().get('kraken.BTC-USDC.1m')!;
const pass = (check: string, change: Partial<Finding> = {}): Finding => ({
  check,
  status: 'pass',
  severity: 'reject',
  reason: '',
  score: '1',
  ...change,
});
const SCHEMA = pass('schema');
const ORDER = pass('expect_column_values_to_be_increasing', { column: 'time' });
const GAP = pass('expect_column_steps_to_be_at_most', { column: 'time', severity: 'flag' });
const CONVERTED = pass('agreement_converted', { column: 'close', severity: 'flag' });
const AT_PAR = pass('agreement_at_par', { column: 'close', severity: 'flag' });
const FRESH = pass('freshness', { severity: 'flag' });
const verdict = (...findings: Finding[]) =>
  decideVerdict({
    stream: contract.name,
    observation: 'ab'.repeat(32),
    contract,
    checkedAt: '2023-03-11T08:00:00Z',
    rowCount: 10,
    findings,
  });

test('everything holds and other venues agree: accepted at L3', () => {
  expect(verdict(SCHEMA, ORDER, GAP, FRESH, CONVERTED, AT_PAR)).toMatchObject({
    decision: 'accept',
    level: 'L3',
    rows: { flagged: [], rejected: [] },
    quality: { accuracy: '1', completeness: '1', consistency: '1', credibility: '1', currentness: '1' },
  });
});

test('a row that is rejected and flagged is rejected; the batch has the worst decision', () => {
  const rejected = pass('expect_column_values_to_be_increasing', {
    column: 'time',
    status: 'fail',
    rows: [[3, 4]],
    score: '0.8',
  });
  const flagged = pass('agreement_at_par', {
    column: 'close',
    status: 'fail',
    severity: 'flag',
    rows: [
      [0, 3],
      [9, 9],
    ],
    score: '0.5',
  });
  expect(verdict(SCHEMA, rejected, CONVERTED, flagged)).toMatchObject({
    decision: 'reject',
    level: 'L0',
    rows: {
      flagged: [
        [0, 2],
        [9, 9],
      ],
      rejected: [[3, 4]],
    },
    quality: { consistency: '0.5' },
  });
  expect(verdict(SCHEMA, ORDER, CONVERTED, flagged)).toMatchObject({ decision: 'flag', level: 'L1' });
});

test('a failure that names no rows is a failure of all of them', () => {
  const late = pass('freshness', { status: 'fail', severity: 'flag', score: '0.5' });
  expect(verdict(SCHEMA, late)).toMatchObject({
    decision: 'flag',
    rows: { flagged: [[0, 9]] },
    quality: { currentness: '0.5' },
  });
});

test('unknown changes no decision and holds level and quality down', () => {
  const unknown = pass('agreement_converted', { column: 'close', severity: 'flag', status: 'unknown' });
  const { score: _, ...unscored } = unknown;
  expect(verdict(SCHEMA, ORDER, unscored)).toMatchObject({
    decision: 'accept',
    level: 'L1',
    quality: { accuracy: null, credibility: null, currentness: null },
  });
  expect(verdict(ORDER)).toMatchObject({ level: 'L0' });
  expect(verdict()).toMatchObject({ decision: 'accept', level: 'L0', quality: { completeness: null } });
});

test('accuracy counts the rows that could be judged, credibility all of them', () => {
  // Of ten rows six agree, two differ, two could not be judged.
  const partly = pass('agreement_converted', {
    column: 'close',
    severity: 'flag',
    status: 'fail',
    rows: [[0, 1]],
    score: '0.6',
  });
  expect(verdict(SCHEMA, partly).quality).toMatchObject({ accuracy: '0.75', credibility: '0.6' });
});

test('a failing rule that rejects for inaccuracy lowers accuracy even where nobody could judge', () => {
  const implausible = pass('expect_column_values_to_be_between', {
    column: 'high',
    status: 'fail',
    rows: [[0, 0]],
    score: '0.9',
  });
  expect(verdict(SCHEMA, implausible).quality.accuracy).toBe('0.9');
});
