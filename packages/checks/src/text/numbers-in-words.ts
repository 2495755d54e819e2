import type { Decimal } from '@assay/core';

/** A number written in English words, with its place. */
export interface NumberInWords {
  start: number;
  end: number;
  value: Decimal;
}

const SMALL: Record<string, bigint> = Object.fromEntries(
  'zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen'
    .split(' ')
    .map((word, i) => [word, BigInt(i)]),
);
const TENS: Record<string, bigint> = Object.fromEntries(
  'twenty thirty forty fifty sixty seventy eighty ninety'
    .split(' ')
    .map((word, i) => [word, BigInt(20 + 10 * i)]),
);
const SCALES: Record<string, bigint> = {
  thousand: 1_000n,
  million: 1_000_000n,
  billion: 1_000_000_000n,
  trillion: 1_000_000_000_000n,
};
const WORD = `(?:${[...Object.keys(TENS), ...Object.keys(SMALL), ...Object.keys(SCALES), 'fourty', 'hundred'].sort((a, b) => b.length - a.length).join('|')})`;
/** Conversions glue words ("onehundred"); bounded, for nobody writes a number of more than forty words. */
const RUN = new RegExp(
  `\\b(?:an?\\s+(?=hundred|thousand|million|billion))?${WORD}(?:(?:[\\s-]*|,\\s+|[\\s-]+and[\\s-]+)${WORD}){0,40}\\b`,
  'gi',
);
/** What stands before a number and is a part of it that was not understood. */
const TORN = /(?:hundred|thousand|million|billion|\p{L}-)(?:[\s-]*and)?[\s-]*$/iu;
const CENTS = /^(?:\s+(?:and|&)\s+(?:(\d{1,2})\s*\/\s*100)\b)/i;

/**
 * Finds whole numbers in English words, with hundredths as cheques have them (`and 50/100`).
 *
 * @example
 * findNumbersInWords('one million two hundred fifty thousand dollars')[0].value; // '1250000'
 */
export function findNumbersInWords(text: string): NumberInWords[] {
  const found: NumberInWords[] = [];
  for (const { 0: run, index } of text.matchAll(RUN)) {
    const value = TORN.test(text.slice(Math.max(0, index - 24), index)) ? null : readRun(run.toLowerCase());
    if (value === null) continue;
    const cents = CENTS.exec(text.slice(index + run.length, index + run.length + 20));
    const fraction = cents === null ? '' : cents[1]!.padStart(2, '0').replace(/0+$/, '');
    found.push({
      start: index,
      end: index + run.length + (cents?.[0].length ?? 0),
      value: value.toString() + (fraction === '' ? '' : `.${fraction}`),
    });
  }
  return found;
}

const WORDS = new RegExp(`${WORD}|and|an?`, 'g');

/** null for words that make no number, such as "two three" or "one and twenty hundred". */
function readRun(run: string): bigint | null {
  let total = 0n;
  let group = 0n;
  let lastScale: bigint | null = null;
  /** What the group still takes: hundreds, tens, units. */
  let room = 1000n;
  for (const word of run.match(WORDS) ?? []) {
    if (word === 'and' || word === 'a' || word === 'an' || word === '') {
      if (word.startsWith('a') && word !== 'and') group = 1n;
      continue;
    }
    const small = SMALL[word];
    const tens = TENS[word === 'fourty' ? 'forty' : word];
    const scale = SCALES[word];
    if (small !== undefined) {
      if (small === 0n && run !== 'zero') return null;
      if (room <= 1n || (room <= 10n && small >= 10n)) return null;
      group += small;
      room = 1n;
    } else if (tens !== undefined) {
      if (room <= 10n) return null;
      group += tens;
      room = 10n;
    } else if (word === 'hundred') {
      if (group === 0n || group > 99n) return null;
      group *= 100n;
      room = 100n;
    } else if (scale !== undefined) {
      if (group === 0n || (lastScale !== null && scale >= lastScale)) return null;
      total += group * scale;
      group = 0n;
      room = 1000n;
      lastScale = scale;
    }
  }
  return total + group;
}
