/**
 * Reports and answers: every number of a text is in a record that stands behind it, found by an extractor of its own;
 * what questions mean; what is not recorded is not known; which phrasings are refused.
 */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { answerQuestion } from './answer.ts';
import { acceptPhrasing, phrasePrompt } from './phrasing.ts';
import { knownOf, unprovenNumbers } from './proven-numbers.ts';
import { readQuestion } from './question.ts';
import { makeRows, viewOf } from './recorded.fixture.ts';
import type { Source } from './recorded.ts';
import { composeReport } from './report.ts';
import { shown } from './shown.ts';

const DAYS = ['2023-03-01', '2023-03-30', '2023-03-31'].map((date) => `${date}T00:00:00Z`);
/** A seed for rows whose numbers are now and then 0 or nearly a round one. */
const draws = fc.integer({ min: 1, max: 2 ** 30 });
const rowsFrom = (seed: number) => {
  let state = seed;
  return makeRows(() => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fffffff;
    const drawn = state / 2 ** 31;
    return drawn < 0.05 ? 0 : drawn < 0.15 ? 0.5 + drawn * 1e-8 : drawn;
  }, DAYS);
};
const ask = (rows: Parameters<typeof viewOf>[0], ...questions: string[]) =>
  answerQuestion(
    questions.map((content) => ({ role: 'user', content })),
    viewOf(rows),
  );

/** Each number, whatever it stands in, must be one of the cited rows', as written or rounded to three digits or more. */
function numbersNotIn(text: string, sources: readonly Source[]): string[] {
  const bad: string[] = [];
  for (const [, piece = '', marks = ''] of `${text}`.matchAll(/([^[\]]*)((?:\[\d+\])*)/g)) {
    const rows = [...marks.matchAll(/\d+/g)].map(([mark]) => sources[Number(mark) - 1]!);
    const recorded =
      JSON.stringify(rows.map(({ row, about }) => [row, about])).match(/\d+(?:,\d{3})*(?:\.\d+)?/g) ?? [];
    for (const [written] of piece.matchAll(/\d+(?:,\d{3})*(?:\.\d+)?/g)) {
      const plain = written.replaceAll(',', '');
      const places = plain.split('.')[1]?.length ?? 0;
      const rounded = plain.replace('.', '').replace(/^0+/, '').length >= 3;
      const fits = recorded.some((one) => {
        const difference = Math.abs(Number(one.replaceAll(',', '')) - Number(plain));
        return difference === 0 || (rounded && difference <= 0.500001 * 10 ** -places);
      });
      if (!fits) bad.push(written);
    }
  }
  return bad;
}

const QUESTIONS = [
  'What is the price of BTC?',
  'Should I buy $DOGE?',
  'Compare ETH vs 1INCH',
  'How risky is Near Protocol, and what are its levels?',
  'grade of eth on 2023-03-30',
  'BTC price since last month',
  'top 10 coins',
  'any moonshots?',
  'which narratives are hot',
  'Where will bitcoin be in a year? Give me a forecast',
  'sentiment of the market',
  'news about dogecoin',
  'How good are the grades?',
  'index of ETH and BTC',
  'how do the indices stand',
  'biggest gainers today',
  'Can I trust the data of BTC?',
  'what does ETH move with',
  'give me an analysis of 1INCH',
  'signal for btc 3 days ago',
];

test('every number in an answer is in the record cited behind it, for any rows and every kind of question', () => {
  fc.assert(
    fc.property(draws, (list) => {
      const rows = rowsFrom(list);
      for (const question of QUESTIONS) {
        const { text, sources } = ask(rows, question);
        expect(numbersNotIn(text, sources), `${question}\n${text}`).toEqual([]);
      }
    }),
    { numRuns: 120 },
  );
});

test('every number in a report is in the record cited behind it, and every record is about its asset', () => {
  fc.assert(
    fc.property(draws, fc.constantFrom('BTC', 'ETH', 'DOGE', '1INCH', 'NEAR'), (list, asset) => {
      const rows = rowsFrom(list);
      const report = composeReport(asset, rows);
      expect(numbersNotIn(report.text, report.sources), report.text).toEqual([]);
      expect(report.asOf).toBe('2023-03-31');
      expect(report.notKnown).toContain('work on its public code');
      expect(report.sources.every(({ about }) => about.length === 0 || about.includes(asset))).toBe(true);
    }),
    { numRuns: 120 },
  );
});

test('our own answer is accepted as its phrasing: the guard refuses nothing that is true', () => {
  fc.assert(
    fc.property(draws, (list) => {
      const rows = rowsFrom(list);
      for (const question of QUESTIONS) {
        const answer = ask(rows, question);
        expect(acceptPhrasing(answer, answer.text), answer.text).toEqual({
          accepted: true,
          text: answer.text,
        });
      }
    }),
    { numRuns: 120 },
  );
});

const rows = makeRows(() => 0.42, DAYS);

describe('what a question means', () => {
  const assets = [
    ['BTC', 'Bitcoin', '1'],
    ['ETH', 'Ethereum', '2'],
    ['LINK', 'Chainlink', '3'],
    ['NEAR', 'NEAR Protocol', '4'],
    ['SOL', 'Solana', '5'],
    ['LUNA2', 'Terra', '6'],
    ['BTC2', 'Bitcoin Two', '900'],
    ['I', 'I', '901'],
  ].map(([asset, name, rank]) => ({
    asset: asset!,
    symbol: asset === 'BTC2' ? 'BTC' : asset!,
    name: name!,
    rank: rank!,
  }));
  test.each([
    ['what is the price of bitcoin', ['BTC'], ['price']],
    ['price of btc?', ['BTC'], ['price']],
    ['Is SOL bullish', ['SOL'], ['signal']],
    ['should i buy sol', ['SOL'], ['advice']],
    ['is there a link to the news near here', [], ['sentiment']],
    ['$link grade', ['LINK'], ['grade']],
    ['Is LINK risky?', ['LINK'], ['risk']],
    ['Compare near protocol and chainlink', ['NEAR', 'LINK'], ['compare']],
    ['ETH or SOL', ['ETH', 'SOL'], ['compare']],
    ['worst coins', [], ['list']],
    ["What is Ethereum's market sentiment", ['ETH'], ['sentiment']],
    ['WHICH NARRATIVES LEAD', [], ['narrative']],
    ['I wonder', [], []],
  ])('%s', (question, expected, intents) => {
    const read = readQuestion(question, assets);
    expect(read.assets.map(({ asset }) => asset)).toEqual(expected);
    expect(read.intents).toEqual(expect.arrayContaining(intents));
    if (intents.length === 0) expect(read.intents).toEqual([]);
  });

  test('two assets of one symbol: the better rank, and it is said', () => {
    expect(readQuestion('BTC price', assets)).toMatchObject({
      assets: [{ asset: 'BTC' }],
      ambiguous: ['BTC'],
    });
  });

  test.each([
    ['price of BTC on 2022-05-12', { date: '2022-05-12' }, false],
    ['price of BTC on 12 May 2022', { date: '2022-05-12' }, false],
    ['BTC price on May 3rd, 2022', { date: '2022-05-03' }, false],
    ['BTC price yesterday', { daysBefore: 1 }, false],
    ['BTC price a month ago', { daysBefore: 30 }, false],
    ['what will BTC be worth in a year', null, false],
    ['BTC price 12 days ago', { daysBefore: 12 }, false],
    ['BTC price since last month', { daysBefore: 30 }, true],
    ['BTC price', null, false],
  ])('%s', (question, when, since) => {
    expect(readQuestion(question, assets)).toMatchObject({ when, since });
  });
});

test.each([
  ['top coins', null],
  ['worst coins', 'weakest-grades'],
  ['top tokens with the best long-term grade', 'investor-grade'],
  ['any 100x gems?', 'moonshots'],
  ['which coins should I avoid', 'avoid'],
  ['safest coins', 'low-volatility'],
  ['coins with the best signals', 'long-signals'],
])('%s is the list %s', (question, guide) => {
  expect(readQuestion(question, [])).toMatchObject({ guide, intents: expect.arrayContaining(['list']) });
});

test('a question goes on with the assets, or with the matter, of the one before', () => {
  const about = (...questions: string[]) => {
    const { understood } = ask(rows, ...questions);
    return [understood.assets.map(({ asset }) => asset), understood.intents];
  };
  expect(about('What is the grade of BTC?', 'and its risk?')).toEqual([['BTC'], ['risk']]);
  expect(about('What is the grade of BTC?', 'and ETH?')).toEqual([['ETH'], ['grade']]);
  expect(about('What is the grade of BTC?', 'top coins')[0]).toEqual([]);
});

test('a day that is asked about is the day of the answer', () => {
  const { sources } = ask(rows, 'price of BTC on 2023-03-30');
  expect(sources.map(({ time }) => time)).toEqual([DAYS[1]]);
  expect(ask(rows, 'BTC price since last month').sources.map(({ time }) => time)).toEqual([DAYS[0], DAYS[2]]);
  expect(ask(rows, 'price of BTC yesterday').sources.map(({ time }) => time)).toEqual([DAYS[1]]);
});

test('what is not recorded is not known, and what is not understood says what can be asked', () => {
  const none = ask({ assets: rows.assets! }, 'price and grade of BTC');
  expect(none).toMatchObject({ known: false, sources: [] });
  expect(none.text).toMatch(/price of BTC is not known.*grade of BTC is not known/s);
  expect(ask(rows, 'price of BTC on 1999-01-01').text).toContain('not known for the day asked about');
  expect(ask(rows, 'What is the price of ZZZZ?').text).toContain(
    'names no asset for which figures are recorded',
  );
  const lost = ask(rows, 'tell me a joke');
  expect(lost.text).toContain('was not understood');
  expect(lost.suggestions.length).toBeGreaterThan(3);
  expect(ask({}).text).toContain('was not understood');
  expect(composeReport('NOPE', {})).toMatchObject({ asOf: null, sources: [], symbol: 'NOPE' });
});

test('no advice: the figures, and that they are no advice', () => {
  const { text, sources } = ask(rows, 'Should I buy ETH?');
  expect(text).toContain('Whether to buy or sell is not answered here');
  expect(new Set(sources.map(({ figure }) => figure))).toEqual(
    new Set(['prices', 'grades', 'signals', 'risk']),
  );
});

test('a comparison gives an order that the records give', () => {
  const graded = (asset: string, grade: string) => {
    const row = rows.grades!.find((one) => one.asset === asset && one.time === DAYS[2])!;
    return { ...row, trader: { ...row.trader!, grade }, investor: null };
  };
  const given = { ...rows, grades: [graded('BTC', '40'), graded('ETH', '80.5')] };
  expect(ask(given, 'compare the grades of BTC and ETH').text).toContain(
    'By Trader Grade the order is ETH ahead of BTC',
  );
});

test('numbers as people read them', () => {
  const recorded = [
    '16547.9142',
    '0.000012345678',
    '1312345678901.23',
    '42',
    '-3.5',
    '999.99996',
    '2.50000001',
    '-0.5',
  ];
  const read = [
    '16,547.91',
    '0.0000123457',
    '1,312,345,678,901',
    '42',
    '-3.5',
    '1,000.000',
    '2.50000',
    '-0.5',
  ];
  expect(recorded.map(shown)).toEqual(read);
});

describe('unproven numbers', () => {
  const known = knownOf([
    {
      close: '16547.91',
      changePct: '-3.25',
      marketCapUsd: '318000000000',
      share: '0.37',
      time: '2022-12-31T00:00:00Z',
      title: 'Fund raises $50m',
      name: '1inch',
      proof: { record: '99.1' },
    },
  ]);
  test.each([
    ['it closed at 16,547.91', 0],
    ['it closed at $16,548', 0],
    ['it closed near 16.5k', 0],
    ['it closed at 16,500', 1],
    ['it closed near 17k', 0],
    ['it closed near 20k', 1],
    ['it closed at 16,547.92', 1],
    ['a change of -3.25 %', 0],
    ['a change of −3.25%', 0],
    ['it fell by 3.25 percent', 0],
    ['it rose by 3.25 percent', 1],
    ['a change of +3.25 %', 1],
    ['318 billion', 0],
    ['318bn USD', 0],
    ['0.318 trillion', 0],
    ['320 billion', 1],
    ['340 billion', 1],
    ['318 million', 1],
    ['three hundred and eighteen billion', 0],
    ['three hundred and nineteen billion', 1],
    ['a share of 37 %', 0],
    ['on 2022-12-31', 0],
    ['on 31 December 2022', 0],
    ['on 2022-12-30', 1],
    ['on December 30th, 2022', 1],
    ['“Fund raises $50m”', 0],
    ['raises 50m', 1],
    ['1inch did it', 0],
    ['it doubled', 1],
    ['billions changed hands', 1],
    ['half of it', 1],
    ['five of them', 1],
    ['no one knows', 0],
    ['one percent', 1],
    ['record 99.1', 1],
    ['it is at ４２', 1],
    ['it is at ٤٢', 1],
    ['½ of it', 1],
    ['see https://example.org', 1],
    ['forty-two', 1],
    ['.5 more', 1],
  ])('%s', (text, count) => {
    expect(unprovenNumbers(text, known).length > 0 ? 1 : 0, unprovenNumbers(text, known).join()).toBe(count);
  });
});

test('numbers of one row that have changed places are unproven where the row has a word for them', () => {
  const known = knownOf([
    {
      trader: { grade: '61.5', change: '2.5' },
      investor: { grade: '44' },
      support: [{ price: '900' }],
      resistance: [{ price: '1200' }],
      volatilityPct: '88',
      maxDrawdownPct: '71.5',
    },
  ]);
  const unproven = (text: string) => unprovenNumbers(text, known);
  expect(unproven('Trader Grade 61.5 (a change of 2.5), Investor Grade 44')).toEqual([]);
  expect(unproven('Trader Grade 44, Investor Grade 61.5')).toEqual(['44', '61.5']);
  expect(unproven('support at 900 and resistance at 1,200')).toEqual([]);
  expect(unproven('resistance at 900')).toEqual(['900']);
  expect(unproven('a volatility of 71.5 % and a drawdown of 88 %')).toEqual(['71.5 %', '88 %']);
});

describe('phrasings', () => {
  const answer = ask(rows, 'compare the price of BTC and ETH');
  const [btc, eth] = ['BTC', 'ETH'].map(
    (asset) => rows.prices!.find((one) => one.asset === asset && one.time === DAYS[2])!,
  );
  const good = `Bitcoin ended the day at ${shown(btc!.close)} USD [1], Ethereum at ${shown(eth!.close)} USD [2]. Grades follow [3][4].`;
  test('a rewording with the same numbers and all sources is taken', () => {
    expect(answer.sources).toHaveLength(4);
    expect(acceptPhrasing(answer, good)).toEqual({ accepted: true, text: good });
  });
  test.each([
    ['another number', good.replace(shown(btc!.close), '99,999'), /“99,999” is not in the records/],
    [
      'swapped sources',
      good.replace('[1]', '[9]').replace('[2]', '[1]').replace('[9]', '[2]'),
      /not in the records|record cited is about/,
    ],
    [
      'swapped names',
      good.replace('Bitcoin', 'x').replace('Ethereum', 'Bitcoin').replace('x', 'Ethereum'),
      /names (Ethereum|Bitcoin)/,
    ],
    ['a dropped source', good.replace(' [2]', ''), /source \[2\] is dropped/],
    ['an invented source', `${good} More [7].`, /no source \[7\]/],
    ['a number without a source', `${good} It may reach 50,000.`, /no mark follows it/],
    ['spelled out', `${good} It may gain forty percent.`, /forty/],
    ['advice', `${good} You should buy.`, /advises/],
    ['a promise', `${good} It will rise.`, /advises or promises/],
    ['nothing', ' ', /no text/],
    ['a flood', good + 'a'.repeat(10_000), /at most/],
    ['hidden characters', `${good}\u200b`, /nobody sees/],
    ['a link', `${good} See https://example.org/x.`, /example/],
  ])('refused: %s', (_, text, reason) => {
    const judged = acceptPhrasing(answer, text);
    expect(judged.accepted).toBe(false);
    if (!judged.accepted) expect(judged.reasons.join('\n')).toMatch(reason);
  });
  test('the prompt has the answer and the rules, and a question that is too long is cut', () => {
    const [system, user] = phrasePrompt({ ...answer, question: 'x'.repeat(10_000) });
    expect(system!.content).toContain('not a source');
    expect(user!.content).toContain(answer.text);
    expect(user!.content.length).toBeLessThan(answer.text.length + 2_100);
  });
  test('any changed digit of a number is noticed', () => {
    const text = answer.text;
    const digits = [...text.matchAll(/\d(?![\d]*\])/g)].map(({ index }) => index);
    fc.assert(
      fc.property(fc.constantFrom(...digits), fc.integer({ min: 1, max: 9 }), (at, by) => {
        const changed = text.slice(0, at) + ((Number(text[at]) + by) % 10) + text.slice(at + 1);
        expect(acceptPhrasing(answer, changed).accepted, changed.slice(at - 20, at + 20)).toBe(false);
      }),
      { numRuns: 200 },
    );
  });
});
