/**
 * What a document says, read exactly. Addresses: the vectors of EIP-55, BIP-173 and BIP-350 and of the IBAN registry.
 * Numbers in words against a writer of words that shares no code with the reader.
 */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { findAddresses } from './addresses.ts';
import { findAmounts, readFigure } from './amounts.ts';
import { addPeriod, findDates, findPeriods } from './dates.ts';
import { inWords } from './documents.fixture.ts';
import { findGoverningLaws } from './governing-law.ts';
import { findNumbersInWords } from './numbers-in-words.ts';
import { findCompanies, findDefinitions, findParties, normaliseName } from './parties.ts';
import { findSentences } from './sentences.ts';
import { findTickers } from './tickers.ts';

test.each([
  '0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed',
  '0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359',
  '0xdbF03B407c01E7cD3CBea99509d93f8DDDC8C6FB',
  '0xD1220A0cf47c7B9Be7A2E6BA89F429762e7b9aDb',
  'BC1QW508D6QEJXTDG4Y5R3ZARVARY0C5XW7KV8F3T4',
  'bc1pw508d6qejxtdg4y5r3zarvary0c5xw7kw508d6qejxtdg4y5r3zarvary0c5xw7kt5nd6y',
  'BC1SW50QGDZ25J',
  'bc1zw508d6qejxtdg4y5r3zarvaryvaxxpcs',
  'bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqzk5jj0',
  '1BvBMSEYstWetqTFn5Au4m4GFg7xJaNVN2',
  '3J98t1WpEZ73CNmQviecrnyiWrnqRhWNLy',
  'DE89370400440532013000',
  'GB82 WEST 1234 5698 7654 32',
  'FR14 2004 1010 0505 0001 3M02 606',
  'CH93 0076 2011 6238 5295 7',
])('%s carries a right checksum, and a wrong one with any character changed', (address) => {
  const [found, ...others] = findAddresses(`Pay to ${address}, please.`);
  expect(others).toEqual([]);
  expect(found).toMatchObject({ start: 7, end: 7 + address.length, checksum: true });
  const last = address.at(-1)!;
  const next = /\d/.test(last)
    ? String((Number(last) + 5) % 10).replace(/[01]/, '6')
    : last === last.toLowerCase()
      ? 'q'
      : 'Q';
  const changed = findAddresses(`Pay to ${address.slice(0, -1)}${next === last ? '7' : next}, please.`)[0];
  expect(changed?.checksum ?? null).not.toBe(true);
});

test('witness version 0 is no bech32m, and one case has no checksum in EIP-55', () => {
  expect(findAddresses('BC13W508D6QEJXTDG4Y5R3ZARVARY0C5XW7KN40WF2')[0]!.checksum).toBe(false);
  expect(findAddresses('0x5aaeb6053f3e94c9b9a09f33669435e7ef1beaed')[0]!.checksum).toBeNull();
  expect(findAddresses('write to a.b+c@mail.example.org.')[0]).toMatchObject({
    kind: 'email',
    value: 'a.b+c@mail.example.org',
  });
});

test.each([
  ['USD 1,250,000.00', ['USD'], ['1250000']],
  ['1.250.000,00 €', ['EUR'], ['1250000']],
  ['CHF 1’200.50', ['CHF'], ['1200.5']],
  ['0.00000001 BTC', ['BTC'], ['0.00000001']],
  ['EUR 1.250', ['EUR'], ['1250', '1.25']],
  ['£12k', ['GBP'], ['12000']],
  ['US$ 3.5 million', ['USD'], ['3500000']],
  ['₹12,34,567.00', ['INR'], ['1234567']],
  ['2 500 USDC', ['USDC'], ['2500']],
  ['GBP -5.10', ['GBP'], ['-5.1']],
  ['five hundred euros', ['EUR'], ['500']],
])('%s is read exactly', (text, currencies, readings) => {
  const found = findAmounts(`The sum of ${text} is due.`);
  expect(found).toHaveLength(1);
  expect(found[0]).toMatchObject({ currencies, readings });
});

test('numbers are no sums without a currency, and words are no tickers in small letters', () => {
  expect(findAmounts('In 2024 we sold 3 units, 12% more, see link 5 dot 2.')).toEqual([]);
});

test('a figure has one reading unless a single separator has three digits after it', () => {
  fc.assert(
    fc.property(fc.nat(10 ** 9), fc.nat(99), (whole, cents) => {
      const fraction = String(cents).padStart(2, '0');
      const grouped = (mark: string) => String(whole).replace(/\B(?=(\d{3})+$)/g, mark);
      const exact = `${whole}${cents === 0 ? '' : `.${fraction.replace(/0$/, '')}`}`;
      for (const [thousands, decimal] of [
        [',', '.'],
        ['.', ','],
        ["'", '.'],
        [' ', ','],
      ] as const) {
        expect(readFigure(`${grouped(thousands)}${decimal}${fraction}`)).toEqual([exact]);
      }
    }),
  );
});

test('numbers in words, whatever is written', () => {
  fc.assert(
    fc.property(fc.nat(999_999_999), (n) => {
      expect(findNumbersInWords(`say ${inWords(n)} only`).map(({ value }) => value)).toEqual([String(n)]);
    }),
  );
  expect(findNumbersInWords('one million two hundred and fifty thousand and 50/100')[0]!.value).toBe(
    '1250000.5',
  );
});

test.each([
  ['2024-03-01', ['2024-03-01']],
  ['1 March 2024', ['2024-03-01']],
  ['March 1st, 2024', ['2024-03-01']],
  ['the 1st day of March, 2024', ['2024-03-01']],
  ['the first of March 2024', ['2024-03-01']],
  ['1. März 2024', ['2024-03-01']],
  ['01.03.2024', ['2024-03-01']],
  ['03/04/2024', ['2024-03-04', '2024-04-03']],
  ['13/04/2024', ['2024-04-13']],
  ['30 February 2024', null],
  ['next Friday', null],
])('%s', (text, readings) => {
  expect(findDates(`It begins on ${text}.`).map((one) => one.readings)).toEqual(
    readings === null ? [] : [readings],
  );
});

test('periods, and what comes of adding them', () => {
  expect(
    findPeriods('thirty (30) days, twelve months, a 2-year term, ten (10) business days').map(
      ({ count, unit }) => [count, unit],
    ),
  ).toEqual([
    [30, 'day'],
    [12, 'month'],
    [2, 'year'],
    [10, 'business day'],
  ]);
  expect(addPeriod('2024-01-31', 1, 'month')).toBe('2024-02-29');
  expect(addPeriod('2024-02-29', 1, 'year')).toBe('2025-02-28');
  expect(addPeriod('2024-12-31', 1, 'day')).toBe('2025-01-01');
});

test('parties by bracket, label and opening', () => {
  const text = `This Agreement is made between Acme Data Ltd (the “Supplier”), Tern & Vale B.V. ("Customer") and Jane Doe, of Leeds (the “Guarantor”), on 1 May 2024 (the “Effective Date”).\nSeller: Oakline plc`;
  const companies = findCompanies(text);
  expect(companies.map(({ name }) => name)).toEqual(['Acme Data Ltd', 'Tern & Vale B.V.', 'Oakline plc']);
  const definitions = findDefinitions(text, companies);
  expect(definitions.map(({ term, party }) => [term, party])).toEqual([
    ['Supplier', 'Acme Data Ltd'],
    ['Customer', 'Tern & Vale B.V.'],
    ['Guarantor', 'Jane Doe'],
    ['Effective Date', null],
  ]);
  expect(findParties(text, companies, definitions).map(({ name }) => name)).toEqual([
    'Acme Data Ltd',
    'Tern & Vale B.V.',
    'Jane Doe',
    'Oakline plc',
  ]);
  expect(normaliseName('ACME Data, Limited')).toBe(normaliseName('Acme Data Ltd.'));
});

test('laws and tickers', () => {
  const law = (text: string) => findGoverningLaws(text).map(({ jurisdiction }) => jurisdiction);
  expect(law('This Agreement is governed by English law.')).toEqual(['england and wales']);
  expect(
    law('It shall be construed in accordance with the laws of the State of New York. Schedule A'),
  ).toEqual(['new york']);
  expect(law('The courts of Paris have jurisdiction.')).toEqual([]);
  expect(
    findTickers('Apple (NASDAQ: AAPL), $TSLA, BTC/USDT and Ethereum; an avalanche').map(
      ({ ticker }) => ticker,
    ),
  ).toEqual(['AAPL', 'TSLA', 'BTC', 'ETH']);
});

test('sentences end at stops, not at abbreviations, and cover every word once', () => {
  expect(
    findSentences('Acme Ltd. pays 1.5 million. No. 5 e.g. this.\n\n1. Term\nIt ends.').map(
      ({ text }) => text,
    ),
  ).toEqual(['Acme Ltd. pays 1.5 million.', 'No. 5 e.g. this.', '1. Term', 'It ends.']);
  fc.assert(
    fc.property(
      fc
        .array(fc.constantFrom('A b. ', 'x\n', '\n\n', '1. Y\n', 'a\tb\n', '! '))
        .map((parts) => parts.join('')),
      (text) => {
        const squeezed = (value: string) => value.replace(/\s/g, '');
        expect(
          squeezed(
            findSentences(text)
              .map((one) => one.text)
              .join(''),
          ),
        ).toBe(squeezed(text));
      },
    ),
  );
});
