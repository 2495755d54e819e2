/** Verdicts: rows carry their own decisions, the batch has the worst of them, and nothing unknown looks good. */
import type { Finding } from '@assay/core';
import { expect, test } from 'vitest';
import { loadContracts } from './rules/contract-files.ts';
import { decideVerdict, effectiveLevel, servedAs } from './verdict.ts';

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
    // For the other rows the rules hold.
    level: 'L1',
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
  expect(verdict(SCHEMA, { ...rejected, rows: [[0, 9]] })).toMatchObject({ decision: 'reject', level: 'L0' });
  expect(verdict({ ...SCHEMA, status: 'unknown' })).toMatchObject({ level: 'L0' });
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

test('L2 needs every detector of the contract to pass; L3 needs none to fail', () => {
  const asking = {
    ...contract,
    detectors: ['signal', 'text'].map((detector) => ({
      ...{ id: detector, severity: 'flag' as const, dimension: 'accuracy' as const, detector },
      ...{ terms: {}, path: '' },
    })),
  };
  const level = (under: typeof contract, ...findings: Finding[]) =>
    decideVerdict({
      ...{ stream: contract.name, observation: 'ab'.repeat(32), contract: under },
      ...{ checkedAt: '2023-03-11T08:00:00Z', rowCount: 10, findings: [SCHEMA, ...findings] },
    }).level;
  const signal = pass('signal_anomaly', { severity: 'flag', score: '0.9' });
  const text = pass('text_parties', { severity: 'flag' });
  const failing = { ...text, status: 'fail' as const, rows: [[1, 1]] as [number, number][] };
  expect(level(asking, signal, text)).toBe('L2');
  expect(level(asking, signal)).toBe('L1');
  expect(level(asking, signal, { ...text, status: 'unknown' })).toBe('L1');
  expect(level(asking, signal, failing)).toBe('L1');
  expect(level(asking, signal, failing, CONVERTED)).toBe('L1');
  expect(level(asking, signal, { ...text, status: 'unknown' }, CONVERTED)).toBe('L3');
  // A contract without detectors has none that passed.
  expect(level(contract, signal, text)).toBe('L1');
  expect(level(contract, CONVERTED)).toBe('L3');
});

test('reviewers give L5, executions L4, and neither on one word against another', () => {
  const accept = { decision: 'accept' } as const;
  const reject = { decision: 'reject' } as const;
  expect(effectiveLevel({ level: 'L1' }, [accept, accept], [])).toBe('L5');
  expect(effectiveLevel({ level: 'L1' }, [accept, reject, accept], [])).toBe('L5');
  expect(effectiveLevel({ level: 'L1' }, [accept], [])).toBe('L1');
  expect(effectiveLevel({ level: 'L1' }, [accept, reject, reject], [])).toBe('L1');
  expect(effectiveLevel({ level: 'L3' }, [], [{ agrees: true }])).toBe('L4');
  expect(effectiveLevel({ level: 'L3' }, [], [{ agrees: true }, { agrees: false }])).toBe('L3');
});

test('what does not reach the level that its contract requires is not served as accepted', () => {
  const served = (decision: 'accept' | 'flag' | 'reject', level: 'L1' | 'L2' | 'L5', required: 'L1' | 'L2') =>
    servedAs({ decision, level, required }).served;
  expect(served('accept', 'L1', 'L1')).toBe('accepted');
  expect(served('accept', 'L1', 'L2')).toBe('below-level');
  expect(served('accept', 'L5', 'L2')).toBe('accepted');
  expect(served('flag', 'L5', 'L1')).toBe('flagged');
  expect(served('reject', 'L5', 'L1')).toBe('rejected');
  expect(servedAs({ decision: 'accept', level: 'L1', required: 'L2' }).reason).toBe(
    'reached L1, but its contract requires L2',
  );
});
