/**
 * Benford's law: sequences that follow it by theorem, numbers that do not, what it says nothing of, how often exact
 * samples raise a false alarm, and bad input.
 */

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { dice } from '../dice.fixture.ts';
import { type BenfordMemory, type BenfordTerms, benford, conformityOf } from './benford.ts';

const terms = benford.readTerms({}, 'terms');
const specimen = (rows: object[]) => ({ stream: 's', digest: 'd', observedAt: '2023-03-10T00:00:00Z', rows });

async function judge(
  amounts: string[],
  own: BenfordTerms = terms,
  memory: BenfordMemory = benford.begin(own),
) {
  const { findings } = await benford.examine(specimen(amounts.map((amount) => ({ amount }))), own, memory);
  return Object.fromEntries(findings.map((finding) => [finding.check, finding]));
}

const powersOfTwo = Array.from({ length: 1_000 }, (_, i) => (2n ** BigInt(i % 200)).toString());
const fibonacci = (() => {
  const list = [1n, 1n];
  while (list.length < 350) list.push(list.at(-1)! + list.at(-2)!);
  return list.map(String);
})();

test('powers of two and Fibonacci numbers follow the law', async () => {
  expect((await judge(powersOfTwo)).benford_first_digit?.status).toBe('pass');
  expect((await judge(powersOfTwo)).benford_first_two_digits?.status).toBe('pass');
  expect((await judge(fibonacci)).benford_first_digit?.reason).toMatch(/close after Nigrini/);
});

test('uniform numbers do not, and the exhibit shows their digits', async () => {
  const roll = dice(1);
  const uniform = Array.from({ length: 1_500 }, () => String(1 + Math.floor(roll() * 99_999)));
  const { benford_first_digit: first, benford_first_two_digits: two } = await judge(uniform);
  expect([first?.status, two?.status]).toEqual(['fail', 'fail']);
  expect(Number(first?.score)).toBeLessThan(0.01);
  const table = first!.exhibits![0]!;
  expect(table.kind === 'table' && table.rows.map(([digit]) => digit)).toEqual([...'123456789']);
});

test('MAD and chi-square are those of the formulas', () => {
  // Counts of 1,000 numbers, all sums done by hand: expected shares are log10(1 + 1/d).
  const counts = [0, 400, 150, 100, 90, 80, 70, 50, 40, 20];
  const expected = [1, 2, 3, 4, 5, 6, 7, 8, 9].map((d) => Math.log10(1 + 1 / d));
  const { chiSquare, mad, verdict, p } = conformityOf(counts, 1);
  const byHand = counts.slice(1).map((n, i) => (n - 1_000 * expected[i]!) ** 2 / (1_000 * expected[i]!));
  expect(chiSquare).toBeCloseTo(
    byHand.reduce((a, b) => a + b),
    8,
  );
  expect(mad).toBeCloseTo(
    counts.slice(1).reduce((sum, n, i) => sum + Math.abs(n / 1_000 - expected[i]!), 0) / 9,
    10,
  );
  expect([verdict, p < 1e-6]).toEqual(['nonconforming', true]);
  expect(conformityOf([0, 301, 176, 125, 97, 79, 67, 58, 51, 46], 1).verdict).toBe('close');
});

test('few numbers, or numbers of one size, are unknown', async () => {
  expect((await judge(powersOfTwo.slice(0, 200))).benford_first_digit?.status).toBe('unknown');
  expect((await judge(fibonacci)).benford_first_two_digits?.reason).toMatch(/judged from 900/);
  const roll = dice(2);
  const prices = Array.from({ length: 2_000 }, () =>
    (20_000 + 500 * roll()).toFixed(2).replace(/0+$/, '').replace(/\.$/, ''),
  );
  const { benford_first_digit: first } = await judge(prices);
  expect([first?.status, first?.score]).toEqual(['unknown', undefined]);
  expect(first?.reason).toMatch(/says nothing/);
});

test('samples drawn from the law raise at most one false alarm in a hundred', async () => {
  const roll = dice(3);
  let alarms = 0;
  for (let run = 0; run < 300; run++) {
    const sample = Array.from({ length: 300 }, () =>
      (10 ** (4 * roll())).toFixed(6).replace(/0+$/, '').replace(/\.$/, ''),
    );
    if ((await judge(sample)).benford_first_digit?.status === 'fail') alarms += 1;
  }
  // The test allows 1 %; 8 of 300 or more would happen once in a hundred such runs.
  expect(alarms).toBeLessThanOrEqual(8);
});

test('digits are read from the text: tiny, huge and negative numbers, zeros apart', async () => {
  const memory = benford.begin(terms);
  await judge(['0.000123', '-45600000000000000000000000', '0', '7'], terms, memory);
  expect(memory.counts.map((n, digits) => [digits, n]).filter(([, n]) => n! > 0)).toEqual([
    [0, 3],
    [12, 1],
    [45, 1],
    [70, 1],
  ]);
  expect(memory.zeros).toBe(1);
});

test('older numbers fade, so that memory and influence are bounded', async () => {
  const own = benford.readTerms({ halfAfter: 1_000 }, 'terms');
  const memory = benford.begin(own);
  for (let i = 0; i < 5; i++) await judge(powersOfTwo, own, memory);
  expect(memory.counts[0]).toBeLessThan(1_000);
});

test('bad cells are unknown with the row and the reason; bad terms name their path', async () => {
  const rows = [{ amount: 'NaN' }, { amount: 1.5 }, {}, { amount: '1e3' }, { amount: '5' }];
  const { findings } = await benford.examine(specimen(rows), terms, benford.begin(terms));
  const input = findings.find(({ check }) => check === 'benford_input');
  expect([input?.status, input?.rows]).toEqual(['unknown', undefined]);
  expect(input?.reason).toMatch(
    /: 0 to 3\. The first: amount: expected a canonical decimal string, got "NaN"/,
  );
  const wrong = [null, [], { column: '' }, { minCount: 1 }, { alpha: 'a lot' }, { colum: 'x' }];
  for (const value of wrong) {
    expect(() => benford.readTerms(value, 'q[0].terms')).toThrow(/q\[0\]\.terms/);
  }
  fc.assert(
    fc.property(fc.anything(), (value) => {
      try {
        benford.readTerms(value, 'terms');
      } catch (error) {
        expect(error).toMatchObject({ code: 'CONTRACT_INVALID' });
      }
    }),
  );
});
