/**
 * Every detector that comes with the product keeps the contract of detectors: over sound observations, observations
 * with a planted fault (which it must find), and broken ones, and with its memory filled to its bound. Custody and
 * models have theirs beside them.
 */
import type { Row } from '@assay/core';
import sharp from 'sharp';
import { describe, expect, test } from 'vitest';
import { address, ordinary } from './behaviour/addresses.fixture.ts';
import { loadFraudModel } from './behaviour/index.ts';
import {
  at,
  fanTransfers,
  honestCandles,
  honestOrders,
  honestTrades,
  honestTransfers,
  merge,
  ringTrades,
  spoofOrders,
  withPump,
} from './behaviour/order-flow.fixture.ts';
import { type DetectorCases, testDetector } from './detector.contract.ts';
import type { Specimen } from './detector.ts';
import { openSigning } from './image/c2pa-signing.fixture.ts';
import { NearDuplicateIndex, openManifestReader, pdqHash } from './image/index.ts';
import { drawScene } from './image/scene.fixture.ts';
import { productDetectors } from './product-detectors.ts';
import { whiteNoise } from './signal/simulated.fixture.ts';
import { makeDocument } from './text/documents.fixture.ts';

const about = { stream: 's', digest: '0'.repeat(64), observedAt: '2026-03-01T00:00:00Z' };
const rowsOf = (rows: readonly object[]): Specimen => ({ ...about, rows: rows as Row[] });
/** A flow cut in two, so that what is planted comes after what is sound. */
const cut = (rows: readonly object[], at: number): Specimen[] => [
  rowsOf(rows.slice(0, at)),
  rowsOf(rows.slice(at)),
];
const fileOf = (bytes: Uint8Array, mediaType: string, metadata: Record<string, unknown> = {}): Specimen => ({
  ...about,
  file: { name: 'a', mediaType, bytes: Uint8Array.from(bytes), metadata },
});
/** Rows that differ from a good one in one column: a text that is half a character, or one that never ends. */
const odd = (good: object, column: string): Specimen[] =>
  ['\ud800', 'x'.repeat(100_000), '', 7, null].map((value) => rowsOf([{ ...good, [column]: value }]));
/** Names as long as they may be, in letters of two bytes, none twice. */
const longName = (i: number) => String(i).padEnd(200, 'α');
/** Rows that are as large and as different as they may be, a second apart. */
const crowd = (count: number, rowOf: (i: number) => object): Specimen[] =>
  cut(
    Array.from({ length: count }, (_, i) => ({ time: `${at(1_000 * i).slice(0, 19)}Z`, ...rowOf(i) })),
    count >> 1,
  );

const minute = (i: number) => new Date(Date.UTC(2026, 0, 1) + i * 60_000).toISOString();
const walk = (length: number, seed: number) =>
  whiteNoise(length, seed).map((v) => String(Math.round(v * 4) / 4));
const series = walk(1_400, 71).map((value, i) => ({ time: minute(i), value, other: value }));
const spiked = series.map((row, i) => (i === 1_200 ? { ...row, value: '25.5' } : row));

const quote = (venue: string, price: string, second = '00') => ({
  asset: 'BTC',
  minute: second,
  venue,
  price,
});
const agreeing = ['a', 'b', 'c', 'd'].map((venue, i) => quote(venue, `${20_000 + i}`));

const trades = honestTrades({ seed: 1, count: 400, accounts: 60 });
const ring = ringTrades({
  seed: 1,
  accounts: ['r1', 'r2', 'r3'],
  rounds: 4,
  fromMs: 300_000,
  gapMs: 9_000,
  size: 0.8,
});
const candles = honestCandles({ seed: 1, count: 700 });
const orders = honestOrders({ seed: 301, steps: 500, makers: 3, people: 40 });
const moves = honestTransfers({ seed: 1, count: 300, people: 60 });

/** Collects from nine addresses within a day and passes all of it on at once. */
const collector = address({
  minutesBetweenReceived: '100',
  activeMinutes: '900',
  sent: '1',
  received: '9',
  uniqueSenders: '9',
  uniqueReceivers: '1',
  minReceived: '0.1',
  maxReceived: '1',
  meanReceived: '0.5',
  minSent: '4.4',
  maxSent: '4.4',
  meanSent: '4.4',
  transactions: '10',
  etherSent: '4.4',
  etherReceived: '4.5',
  balance: '0.1',
});

const [WIDTH, HEIGHT] = [208, 168];
const pixels = (seed: number) => ({
  data: drawScene(seed, WIDTH, HEIGHT),
  width: WIDTH,
  height: HEIGHT,
  channels: 3 as const,
});
const jpeg = (seed: number, quality = 92) => {
  const { data, ...raw } = pixels(seed);
  return sharp(data, { raw }).jpeg({ quality }).toBuffer();
};
const index = new NearDuplicateIndex();
index.add('known-picture', pdqHash(pixels(2)).hash);
const signing = openSigning();
const signed = signing.sign(await jpeg(1));
const forged = Uint8Array.from(signed);
forged[forged.length - 40]! ^= 1;
const contract = (format: 'pdf' | 'html' | 'text', planted: string | null, seed = 5) => {
  const made = makeDocument(
    seed,
    'develop',
    'contract',
    format,
    planted === null ? null : { check: planted },
  );
  return fileOf(made.bytes, made.mediaType, made.metadata);
};

/** A provider that declares as much as it can. */
const manyDeclared = fileOf(
  Buffer.from('This Agreement is made between Acme Data Ltd and Oakline plc.'),
  'text/plain',
  {
    parties: Array.from({ length: 100 }, (_, i) => `Party ${i} Ltd`),
    addresses: Array.from({ length: 100 }, (_, i) => `0x${String(i).padStart(40, '0')}`),
    tickers: Array.from({ length: 100 }, (_, i) => `T${i}`),
  },
);

/** What each is tried with, and the check that must find the planted fault. */
const tried: Record<string, DetectorCases & { finds: string }> = {
  signal: {
    finds: 'signal_anomaly',
    terms: { columns: ['value', 'other'], probation: 64, threshold: 1 },
    badTerms: [
      { terms: {}, path: 'terms' },
      { terms: { column: '' }, path: 'terms.column' },
      { terms: { column: 'a', columns: ['b'] }, path: 'terms' },
      { terms: { columns: ['a', 7] }, path: 'terms.columns[1]' },
      { terms: { columns: ['a', 'a'] }, path: 'terms.columns' },
      { terms: { column: 'a', period: 'monthly' }, path: 'terms.period' },
      { terms: { column: 'a', threshold: Number.NaN }, path: 'terms.threshold' },
      { terms: { column: 'a', probation: 1 }, path: 'terms.probation' },
      { terms: { column: 'a', sensitivity: 1 }, path: 'terms.sensitivity' },
    ],
    specimens: cut(spiked, 1_000),
    broken: [
      rowsOf(series.slice(0, 10)),
      rowsOf(series.map((row, i) => (i % 3 === 0 ? row : { ...row, value: null, other: null }))),
    ],
  },
  agreement: {
    finds: 'agreement_truth',
    terms: { key: ['asset', 'minute'], value: 'price', source: 'venue', tolerance: { relative: 0.01 } },
    badTerms: [
      { terms: {}, path: 'terms.key' },
      { terms: { key: [], value: 'a', source: 'b' }, path: 'terms.key' },
      { terms: { key: ['a', 7], value: 'a', source: 'b' }, path: 'terms.key[1]' },
      { terms: { key: 'a', value: 'a', source: 'b', tolerance: { relative: -1 } }, path: 'terms.tolerance' },
      { terms: { key: 'a', value: 'a', source: 'b', minimumSources: 1 }, path: 'terms.minimumSources' },
      { terms: { key: 'a', value: 'a', source: 'b', maxAge: 0 }, path: 'terms.maxAge' },
      { terms: { key: 'a', value: 'a', source: 'b', weight: 1 }, path: 'terms.weight' },
    ],
    specimens: [rowsOf(agreeing), rowsOf([...agreeing, quote('e', '21000')])],
    crowd: crowd(3_200, (i) => quote(longName(i % 64), String(20_000 + (i % 7)), `${i >> 6}`)),
    broken: [
      rowsOf(agreeing.slice(0, 1)),
      rowsOf([quote('a', '20000'), quote('b', '30000')]),
      // Some facts are known and some are not: what is not wholly known is not scored.
      rowsOf([...agreeing, quote('a', '1', '01'), quote('b', '1', '01')]),
    ],
  },
  wash: {
    finds: 'wash_cycle',
    terms: {},
    badTerms: [
      { terms: { windowSeconds: 0 }, path: 'terms.windowSeconds' },
      { terms: { linked: [['a']] }, path: 'terms.linked[0]' },
      {
        terms: {
          linked: [
            ['a', 'b'],
            ['a', 'c'],
          ],
        },
        path: 'terms.linked[1][0]',
      },
      { terms: { alpha: Number.POSITIVE_INFINITY }, path: 'terms.alpha' },
      { terms: { time: 7 }, path: 'terms.time' },
      { terms: { window: 7 }, path: 'terms.window' },
    ],
    specimens: cut(merge(trades, ring), 130),
    crowd: crowd(12_000, (i) => ({
      price: '1',
      size: `1.${i}1`,
      buyer: longName(2 * i),
      seller: longName(2 * i + 1),
    })),
    crowdTerms: { maxTrades: 100_000, windowSeconds: 604_800 },
    broken: [...odd(trades[0]!, 'buyer'), ...odd(trades[0]!, 'size'), ...odd(trades[0]!, 'time')],
  },
  pump: {
    finds: 'pump_suspected',
    terms: { lag: 240 },
    badTerms: [
      { terms: { lag: 10 }, path: 'terms.lag' },
      { terms: { minRise: 'high' }, path: 'terms.minRise' },
      { terms: { close: '' }, path: 'terms.close' },
    ],
    specimens: cut(withPump(candles, { from: 500, rise: 0.4, collapses: true }), 450),
    crowd: crowd(24_000, (i) => ({ high: `2.${i}1`, close: `1.${i}1`, volume: `1.${i}1` })),
    crowdTerms: { lag: 20_000, window: 1_000 },
    broken: [rowsOf(candles.slice(0, 30)), ...odd(candles[0]!, 'close')],
  },
  spoofing: {
    finds: 'spoofing_large_order',
    terms: {},
    badTerms: [
      { terms: { maxOrders: 1e9 }, path: 'terms.maxOrders' },
      { terms: { withinSeconds: 0 }, path: 'terms.withinSeconds' },
      { terms: { nearBps: [] }, path: 'terms.nearBps' },
    ],
    specimens: cut(merge(orders, spoofOrders({ seed: 1, times: 6, fromMs: 200_000 })), 400),
    crowd: crowd(24_000, (i) => ({
      type: 'place',
      order: longName(i),
      account: longName(i),
      side: 'buy',
      price: `1.${i}1`,
      size: `1.${i}1`,
    })),
    crowdTerms: { maxOrders: 500_000 },
    broken: [...odd(orders[0]!, 'order'), ...odd(orders[0]!, 'price'), ...odd(orders[0]!, 'type')],
  },
  transfers: {
    finds: 'transfers_fan_out',
    terms: {},
    badTerms: [
      { terms: { windowSeconds: 1 }, path: 'terms.windowSeconds' },
      { terms: { maxShare: 2 }, path: 'terms.maxShare' },
      { terms: { from: null, to: [] }, path: 'terms.to' },
    ],
    specimens: cut(merge(moves, fanTransfers('out', 1, 30, 9e6)), 200),
    crowd: crowd(12_000, (i) => ({ from: longName(2 * i), to: longName(2 * i + 1), amount: `1.${i}1` })),
    crowdTerms: { maxTransfers: 200_000, windowSeconds: 7_776_000 },
    broken: [...odd(moves[0]!, 'from'), ...odd(moves[0]!, 'amount')],
  },
  benford: {
    finds: 'benford_first_digit',
    terms: {},
    badTerms: [
      { terms: { minCount: 1.5 }, path: 'terms.minCount' },
      { terms: { column: {} }, path: 'terms.column' },
      { terms: { colum: 'a' }, path: 'terms.colum' },
    ],
    specimens: [
      rowsOf(Array.from({ length: 1_000 }, (_, i) => ({ amount: (2n ** BigInt(i % 200)).toString() }))),
      rowsOf(Array.from({ length: 1_500 }, (_, i) => ({ amount: String(1 + ((i * 7_919) % 99_999)) }))),
    ],
    broken: [rowsOf([{ amount: '1' }]), ...odd({}, 'amount').slice(0, 2)],
  },
  fraud: {
    finds: 'fraud_probability',
    terms: {},
    badTerms: [
      { terms: { threshold: 1 }, path: 'terms.threshold' },
      { terms: { prevalence: '0' }, path: 'terms.prevalence' },
      { terms: { sent: '' }, path: 'terms.sent' },
    ],
    specimens: [rowsOf([ordinary]), rowsOf([ordinary, collector])],
    broken: [rowsOf([address({})]), ...odd(ordinary, 'address'), rowsOf([{ ...ordinary, sent: '1e3' }])],
  },
  text: {
    finds: 'text_term',
    terms: { families: ['metadata', 'term', 'hidden', 'encoding', 'sentiment'] },
    badTerms: [
      { terms: { families: [] }, path: 'terms.families' },
      { terms: { families: ['truth'] }, path: 'terms.families[0]' },
      { terms: { toleranceDays: -1 }, path: 'terms.toleranceDays' },
      { terms: { toleranceAmount: '1e3' }, path: 'terms.toleranceAmount' },
      { terms: { maxPages: 0 }, path: 'terms.maxPages' },
      { terms: { pages: 1 }, path: 'terms.pages' },
    ],
    specimens: [contract('pdf', null), contract('html', null), manyDeclared, contract('text', 'text_term')],
    broken: [
      fileOf(Buffer.from('%PDF-1.7\n'), 'application/pdf'),
      fileOf(Buffer.from('GIF89a'), 'image/gif'),
    ],
  },
  image: {
    finds: 'image_duplicate',
    terms: {},
    badTerms: [
      { terms: { checks: ['image_truth'] }, path: 'terms.checks[0]' },
      { terms: { checks: 'all' }, path: 'terms.checks' },
      { terms: { radius: 32 }, path: 'terms.radius' },
      { terms: { max_pixels: 0.5 }, path: 'terms.max_pixels' },
      { terms: { metadata: { camera: 7 } }, path: 'terms.metadata.camera' },
      { terms: { metadata: { max_hours_apart: -1 } }, path: 'terms.metadata.max_hours_apart' },
    ],
    specimens: [
      fileOf(await jpeg(1), 'image/jpeg', { capturedAt: '2026-02-01T00:00:00Z', camera: 'A\ud800' }),
      fileOf(await jpeg(2, 60), 'image/jpeg'),
    ],
    broken: [
      fileOf(Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'), 'image/png'),
      fileOf(await jpeg(1), 'image/png'),
      fileOf(Buffer.from('<svg/>'), 'image/svg+xml'),
    ],
  },
  c2pa: {
    finds: 'c2pa_credentials',
    terms: { trust_anchors: signing.anchor },
    badTerms: [
      { terms: { trust_anchors: 'me' }, path: 'terms.trust_anchors' },
      { terms: { trusted_signers: 7 }, path: 'terms.trusted_signers' },
      { terms: { anchors: '' }, path: 'terms.anchors' },
    ],
    specimens: [fileOf(signed, 'image/jpeg'), fileOf(forged, 'image/jpeg')],
    broken: [fileOf(await jpeg(3), 'image/jpeg'), fileOf(Buffer.from('no file'), 'text/plain')],
  },
};

const detectors = await productDetectors({
  fraudModel: loadFraudModel(),
  openManifestReader,
  knownPictures: { index, thumbnailOf: () => undefined },
});
const BESIDE_THEM = ['custody'];

test('every detector of the product is tried, here or beside it', () => {
  expect(detectors.map(({ detector }) => detector.name).sort()).toEqual(
    [...Object.keys(tried), ...BESIDE_THEM].sort(),
  );
});

describe.each(detectors.filter(({ detector: { name } }) => !BESIDE_THEM.includes(name)))(
  '$detector.name',
  ({ detector }) => {
    const { finds, ...cases } = tried[detector.name]!;
    testDetector(detector, cases);

    test('passes what is sound and fails what is planted', async () => {
      const terms = detector.readTerms(cases.terms, 'terms');
      let memory = detector.begin(terms);
      const statuses: (string | undefined)[] = [];
      for (const specimen of cases.specimens) {
        const examined = await detector.examine(specimen, terms, memory);
        memory = examined.memory;
        statuses.push(examined.findings.find(({ check }) => check === finds)?.status);
      }
      expect(statuses.at(-1)).toBe('fail');
      expect(statuses.slice(0, -1)).not.toContain('fail');
    });
  },
);
