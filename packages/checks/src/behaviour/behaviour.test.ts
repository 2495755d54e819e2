/**
 * What every behaviour detector promises: rows of any kind are answered and never throw, the same stream gives the
 * same findings bit for bit, memory is plain data, reasons and scores are in bounds, and terms are read strictly.
 */
import { deserialize, serialize } from 'node:v8';
import { isDecimal } from '@assay/core';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Detector } from '../detector.ts';
import { benford, fraudDetector, loadFraudModel, pump, spoofing, transfers, wash } from './index.ts';
import { honestCandles, honestOrders, honestTrades, honestTransfers } from './order-flow.fixture.ts';

interface Case {
  detector: Detector<unknown, unknown>;
  rows: object[];
}

const cases: Case[] = [
  { detector: benford, rows: honestTransfers({ seed: 1, count: 400, people: 40 }) },
  { detector: wash, rows: honestTrades({ seed: 1, count: 400, accounts: 30 }) },
  { detector: pump, rows: honestCandles({ seed: 1, count: 600 }) },
  { detector: spoofing, rows: honestOrders({ seed: 1, steps: 60, makers: 2, people: 10 }) },
  { detector: transfers, rows: honestTransfers({ seed: 1, count: 400, people: 40 }) },
  { detector: fraudDetector(loadFraudModel()), rows: [{ address: '0xa', sent: '3', received: '2' }] },
].map(({ detector, rows }) => ({ detector: detector as Detector<unknown, unknown>, rows }));

async function findingsOf({ detector }: Case, rows: readonly object[], batch: number, travels: boolean) {
  const terms = detector.readTerms({}, 'terms');
  let memory = detector.begin(terms);
  const all = [];
  for (let from = 0; from < rows.length; from += batch) {
    const specimen = { stream: 's', digest: 'd', observedAt: '', rows: rows.slice(from, from + batch) };
    const examined = await detector.examine(specimen, terms, memory);
    memory = travels ? deserialize(serialize(examined.memory)) : examined.memory;
    all.push(...examined.findings);
  }
  return all;
}

describe.each(cases.map((one) => ({ name: one.detector.name, one })))('$name', ({ name, one }) => {
  test('the same stream gives the same findings, also when the memory travels', async () => {
    const first = await findingsOf(one, one.rows, 150, false);
    expect(await findingsOf(one, one.rows, 150, true)).toEqual(first);
    for (const { check, score, reason } of first) {
      expect(check.startsWith(`${name}_`)).toBe(true);
      expect(reason.length).toBeLessThanOrEqual(2_000);
      if (score !== undefined) {
        expect(isDecimal(score)).toBe(true);
        expect(Number(score) >= 0 && Number(score) <= 1).toBe(true);
      }
    }
  });

  test('rows of any kind are answered', async () => {
    const columns = Object.keys(Object.assign({}, ...one.rows.slice(0, 20)));
    const content = fc.oneof(
      fc.constantFrom<unknown>(
        'NaN',
        'Infinity',
        '-1',
        '0',
        '1',
        '1e999',
        '',
        null,
        Number.NaN,
        '9'.repeat(80),
        'a',
        'place',
        'cancel',
        'fill',
        'buy',
        '2023-03-10T00:00:00Z',
        '9999-12-31T23:59:59Z',
        '__proto__',
      ),
      fc.string(),
      fc.anything(),
    );
    const row = fc.dictionary(fc.constantFrom(...columns, 'constructor'), content);
    const someOf = fc.tuple(fc.constantFrom(...one.rows), row).map(([good, bad]) => ({ ...good, ...bad }));
    await fc.assert(
      fc.asyncProperty(
        fc.array(
          fc.oneof(
            row,
            someOf,
            fc.constantFrom<object>(null as never, [], 5 as never, 'x' as never),
            fc.constantFrom(...one.rows),
          ),
          { maxLength: 30 },
        ),
        async (rows) => {
          for (const { reason, status, score, rows: ranges } of await findingsOf(one, rows, 10, false)) {
            expect(reason.length).toBeGreaterThan(0);
            expect(reason).not.toMatch(/NaN |undefined/);
            if (status === 'unknown') expect(score).toBeUndefined();
            else expect(isDecimal(score)).toBe(true);
            for (const [from, to] of ranges ?? []) expect(from! <= to! && to! < 10).toBe(true);
          }
        },
      ),
      { numRuns: 60 },
    );
  });

  test('an observation without rows is unknown, and odd terms are refused with their path', async () => {
    const { detector } = one;
    const terms = detector.readTerms({}, 'terms');
    const { findings } = await detector.examine(
      { stream: 's', digest: 'd', observedAt: '' },
      terms,
      detector.begin(terms),
    );
    expect(findings.map(({ status }) => status)).toEqual(['unknown']);
    for (const value of [null, 'x', [], { nonsense: 1 }]) {
      expect(() => detector.readTerms(value, 'quality[2].implementation.terms')).toThrow(
        expect.objectContaining({
          code: 'CONTRACT_INVALID',
          message: expect.stringContaining('quality[2].implementation.terms'),
        }),
      );
    }
  });
});
