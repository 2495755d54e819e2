/**
 * The detector as a contract meets it: its findings in words, unknown that stays unknown, the same answers wherever
 * the stream is cut into batches, memory that can be carried, and input that is broken in every way.
 */
import { AssayError, isDecimal } from '@assay/core';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { DetectorFinding } from '../detector.ts';
import { signal } from './signal.ts';
import { whiteNoise } from './simulated.fixture.ts';
import type { SignalTerms } from './terms.ts';

const terms = (value: object): SignalTerms => signal.readTerms(value, 'schema[0].quality[0].terms');
const examine = (rows: object[], how: SignalTerms, memory = signal.begin(how)) => {
  const specimen = {
    stream: 'well.pressure',
    digest: '0'.repeat(64),
    observedAt: '2024-01-02T00:00:00Z',
    rows,
  };
  return signal.examine(specimen, how, memory) as { findings: DetectorFinding[]; memory: typeof memory };
};
const minute = (at: number) => new Date(Date.UTC(2024, 0, 1) + at * 60_000).toISOString();
const rowsOf = (values: readonly unknown[]) => values.map((value, at) => ({ time: minute(at), value }));
const quarters = (length: number, seed: number) => whiteNoise(length, seed).map((v) => Math.round(v * 4) / 4);

test('a planted spike fails with its row, a story, a small score and a picture', () => {
  const values = quarters(1000, 71).map(String);
  values[800] = '25.5';
  const [finding] = examine(rowsOf(values), terms({ column: 'value', unit: 'bar' })).findings;
  expect(finding).toMatchObject({
    check: 'signal_anomaly',
    column: 'value',
    status: 'fail',
    rows: [[800, 800]],
  });
  expect(finding!.reason).toMatch(
    /^1 alarm: since 2024-01-01T13:20:00Z the value is 25\.5 bar, \d+% of the range away from anything seen in the 800 values before; single values were expected between -[\d.]+ and [\d.]+ bar; not judged: 300 while it learns from the first 300 values$/,
  );
  expect(Number(finding!.score)).toBeLessThan(0.001);
  const exhibit = finding!.exhibits![0]!;
  if (exhibit.kind !== 'series') throw new Error('expected a series');
  expect(exhibit.points).toHaveLength(80);
  expect(exhibit.marked).toEqual([[59, 59]]);
  expect(exhibit.points[59]).toMatchObject({ time: '2024-01-01T13:20:00Z', value: '25.5' });
  for (const { value, low, high } of exhibit.points) {
    expect([value, low, high].every((number) => number === undefined || isDecimal(number))).toBe(true);
  }
});

test('unknown while it learns, unknown with too many gaps, pass when nothing is new', () => {
  const how = terms({ column: 'value' });
  const first = examine(rowsOf(quarters(300, 72)), how);
  expect(first.findings[0]).toEqual({
    check: 'signal_anomaly',
    column: 'value',
    status: 'unknown',
    reason: 'no row could be judged: 300 while it learns from the first 300 values',
  });
  const known = examine(rowsOf(new Array(100).fill('0.25')), terms({ column: 'value' }), undefined);
  expect(known.findings[0]!.status).toBe('unknown');
  const calm = examine(rowsOf(quarters(20, 72)), how, first.memory);
  expect(calm.findings[0]).toMatchObject({
    status: 'pass',
    reason: '20 of 20 rows are like what was seen before',
  });
  const gaps = examine(
    rowsOf([...quarters(17, 72), null, 'n/a', Number.POSITIVE_INFINITY]),
    how,
    calm.memory,
  );
  expect(gaps.findings[0]).toMatchObject({ status: 'unknown' });
  expect(gaps.findings[0]!.reason).toContain('3 with a missing, unreadable or infinite value');
});

test('property: the same rows in other batches give the same alarms and the same memory, also when it is carried', () => {
  const how = terms({ columns: ['value', 'other'], probation: 64 });
  const value = fc.oneof(
    { weight: 20, arbitrary: fc.integer({ min: -40, max: 40 }) },
    { weight: 1, arbitrary: fc.constantFrom(null, 'x', Number.NaN, 1e9, -1e308, Number.POSITIVE_INFINITY) },
  );
  const rows = fc.array(fc.record({ value, other: value }), { minLength: 100, maxLength: 300 });
  fc.assert(
    fc.property(
      rows,
      fc.array(fc.integer({ min: 1, max: 90 }), { minLength: 8, maxLength: 8 }),
      (all, sizes) => {
        const whole = examine(all, how);
        let memory = signal.begin(how);
        const alarms = new Map<string, number[]>();
        for (let from = 0, turn = 0; from < all.length; turn++) {
          const size = sizes[turn % sizes.length]!;
          const part = examine(all.slice(from, from + size), how, structuredClone(memory));
          for (const finding of part.findings) {
            const name = `${finding.check}/${finding.column}`;
            alarms.set(name, [...(alarms.get(name) ?? []), ...flat(finding).map((row) => row + from)]);
          }
          memory = part.memory;
          from += size;
        }
        for (const finding of whole.findings) {
          expect(alarms.get(`${finding.check}/${finding.column}`)).toEqual(flat(finding));
        }
        expect(memory).toEqual(whole.memory);
      },
    ),
    { numRuns: 25 },
  );
});
const flat = ({ rows = [] }: DetectorFinding) =>
  rows.flatMap(([from, to]) => Array.from({ length: to - from + 1 }, (_, at) => from + at));

test('two columns that part are told apart by signal_joint', () => {
  const values = whiteNoise(1500, 73);
  const rows = values.map((v, at) => ({ time: at, left: v, right: at < 1200 ? -2 * v : 2 * v }));
  const { findings } = examine(rows, terms({ columns: ['left', 'right'] }));
  const joint = findings.find(({ check }) => check === 'signal_joint')!;
  expect(joint.status).toBe('fail');
  expect(joint.rows![0]![0]).toBeGreaterThanOrEqual(1200);
  expect(joint.rows![0]![0]).toBeLessThan(1210);
  expect(joint.reason).toMatch(/no longer goes with the other columns/);
});

test('broken rows: absent columns, strange types, no rows, no file: an answer, never a crash', () => {
  const how = terms({ columns: ['value', '__proto__'], probation: 64 });
  const broken = [
    {},
    { value: {} },
    { value: '1e999' },
    { value: '0x10' },
    { value: '9'.repeat(1000) },
    { value: 5n },
  ];
  const { findings, memory } = examine(broken, how);
  expect(findings.map(({ status }) => status)).toEqual(['unknown', 'unknown', 'unknown']);
  expect(memory.columns[0]!.series.seen).toBe(1);
  expect(examine([], how).findings[0]).toMatchObject({ status: 'unknown', reason: 'no rows' });
  const specimen = { stream: 's', digest: '', observedAt: '' };
  expect(signal.examine(specimen, how, signal.begin(how))).toMatchObject({
    findings: [{ status: 'unknown', reason: 'the observation has no rows to read value, __proto__ from' }],
  });
});

test('the largest doubles, and times of every kind, are read or left', () => {
  const how = terms({ column: 'value', time: 't', probation: 64 });
  const times = [
    '2024-01-01',
    '2024-01-01 10:00:00',
    1_700_000_000,
    1_700_000_000_000,
    'noon',
    null,
    Number.NaN,
    1e300,
  ];
  const rows = Array.from({ length: 400 }, (_, at) => ({
    t: times[at % times.length],
    value: at % 3 === 0 ? 1.7e308 : at % 3 === 1 ? -1.7e308 : 5e-324,
  }));
  const [finding] = examine(rows, how).findings;
  expect(finding!.status, finding!.reason).not.toBe('pass');
  expect(finding!.reason).not.toMatch(/NaN|undefined/);
});

describe('terms', () => {
  test('defaults, and the period in either way', () => {
    expect(terms({ column: 'close' })).toEqual({
      columns: ['close'],
      time: 'time',
      period: null,
      threshold: 0.11,
      probation: 300,
      unit: '',
    });
    expect(terms({ column: 'a', period: 'P1DT2H' }).period).toEqual({ milliseconds: 93_600_000 });
    expect(terms({ column: 'a', period: 24 }).period).toEqual({ points: 24 });
  });

  test.each([
    [null, 'schema[0].quality[0].terms: expected a mapping, got null'],
    [{}, 'schema[0].quality[0].terms: expected either column or columns, got {}'],
    [
      { column: 'a', sensitivty: 1 },
      'schema[0].quality[0].terms.sensitivty: expected only column, columns, time, ',
    ],
    [{ columns: ['a', 'a'] }, 'schema[0].quality[0].terms.columns: expected different names'],
    [{ column: 'a', period: 'P' }, 'schema[0].quality[0].terms.period: expected an ISO 8601 duration'],
    [
      { column: 'a', threshold: Number.NaN },
      'schema[0].quality[0].terms.threshold: expected a number from 0.05 to 5',
    ],
  ])('%j is refused with its path', (value, message) => {
    expect(() => signal.readTerms(value, 'schema[0].quality[0].terms')).toThrow(AssayError);
    expect(() => signal.readTerms(value, 'schema[0].quality[0].terms')).toThrow(message);
  });
});
