/**
 * Clocks of funding times: planted grids, gaps and daylight saving, then seven venues' published files, which agree
 * neither on interval nor on time zone.
 */
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { bestShift, readFundingTimes } from './funding-times.ts';

const HOUR = 3_600_000;
const T0 = Date.UTC(2022, 0, 1);
const eight = { everyHours: 8, anchorHourUtc: 0 };

test('any interval and phase is read back, with its offset among the possible ones', () => {
  fc.assert(
    fc.property(
      fc.constantFrom(1, 2, 4, 8),
      fc.integer({ min: -11, max: 12 }),
      fc.integer({ min: 0, max: 3 }),
      (everyHours, zone, anchorHourUtc) => {
        const times = Array.from(
          { length: 60 },
          (_, i) => T0 + (anchorHourUtc + i * everyHours + zone) * HOUR + (i % 7),
        );
        const clock = readFundingTimes(times, { everyHours, anchorHourUtc });
        expect(clock.stretches).toHaveLength(1);
        expect(clock.stretches[0]).toMatchObject({ intervalHours: everyHours, times: 60 });
        expect(clock.stretches[0]!.offsetMinutes).toContain(zone * 60);
        expect(clock).toMatchObject({ irregular: [], gaps: [], daylightSaving: false, jitterMs: 6 });
      },
    ),
  );
});

test('summer time shows as moves of one hour in spring and autumn', () => {
  const summer = [Date.UTC(2022, 2, 27, 1), Date.UTC(2022, 9, 30, 1)] as const;
  const times = Array.from({ length: 3 * 365 }, (_, i) => T0 + i * 8 * HOUR).map((utc) =>
    utc >= summer[0] && utc < summer[1] ? utc + 2 * HOUR : utc + HOUR,
  );
  const clock = readFundingTimes(times, eight);
  expect(clock.daylightSaving).toBe(true);
  expect(clock.stretches.map(({ from, offsetMinutes }) => [from.slice(0, 10), offsetMinutes![0]])).toEqual([
    ['2022-01-01', 60],
    ['2022-03-27', 120],
    ['2022-10-30', 60],
  ]);
});

test('a change of interval begins a stretch; single late times and gaps do not', () => {
  const times = [
    ...Array.from({ length: 30 }, (_, i) => T0 + i * 8 * HOUR),
    ...Array.from({ length: 30 }, (_, i) => T0 + 30 * 8 * HOUR + i * 4 * HOUR),
  ];
  times[10]! += 2 * HOUR;
  times.splice(20, 3);
  const clock = readFundingTimes(times, eight);
  expect(clock.stretches.map(({ intervalHours, offsetMinutes }) => [intervalHours, offsetMinutes])).toEqual([
    [8, [0, 480, -480]],
    [4, null],
  ]);
  expect(clock.irregular).toEqual(['2022-01-04T10:00:00Z']);
  expect(clock.gaps.map(({ missing }) => missing)).toContain(3);
});

test('broken input is refused', () => {
  expect(() => readFundingTimes([1, 2, 3])).toThrow(/4 to 1000000 funding times, got 3/);
  expect(() => readFundingTimes([0, HOUR, HOUR, 2 * HOUR])).toThrow(/ascending/);
  expect(bestShift(new Map(), new Map())).toBeNull();
});

const folder = fileURLToPath(new URL('../../../../../shared/data/funding-btc/', import.meta.url));
test.skipIf(!existsSync(folder))('seven venues: what each file turns out to be', () => {
  const read = (venue: string) => {
    const from = { binance: 2020, gate: 2020, dydx: 2022 }[venue] ?? 2021;
    const text = readFileSync(
      `${folder}BTC-USDT_${venue}_${from}-01-01_2024-01-01_funding_history.csv`,
      'utf8',
    );
    return text
      .trim()
      .split('\n')
      .slice(1)
      .map((line) => {
        const [, date, rate] = line.split(',') as [string, string, string];
        return { time: Date.parse(`${date.replace(' ', 'T')}Z`), rate: Number(rate) };
      });
  };
  // Declared: Kucoin settles at 04:00, 12:00 and 20:00 UTC, dYdX every hour, the others at 00:00, 08:00 and 16:00.
  const anchors: Record<string, [number, number]> = {
    binance: [8, 0],
    bybit: [8, 0],
    dydx: [1, 0],
    gate: [8, 0],
    htx: [8, 0],
    kucoin: [8, 4],
    mexc: [8, 0],
  };
  const clocks = Object.fromEntries(
    Object.entries(anchors).map(([venue, [everyHours, anchorHourUtc]]) => [
      venue,
      readFundingTimes(
        read(venue).map(({ time }) => time),
        { everyHours, anchorHourUtc },
      ),
    ]),
  );
  for (const venue of ['binance', 'bybit', 'htx', 'kucoin', 'mexc']) {
    expect(clocks[venue]!.stretches.map(({ offsetMinutes }) => offsetMinutes![0])).toEqual([180]);
  }
  expect(clocks.gate!.stretches.map(({ offsetMinutes }) => offsetMinutes![0])).toEqual([0]);
  expect(clocks.gate!.gaps).toEqual([
    { from: '2020-11-30T16:00:00Z', to: '2021-01-01T00:00:00Z', missing: 93 },
  ]);
  expect(clocks.htx!.irregular.length).toBe(7);
  expect(clocks.binance!.jitterMs).toBe(47);
  expect(Object.values(clocks).some(({ daylightSaving }) => daylightSaving)).toBe(false);
  // Hours cannot be told from hourly times; the rates tell that dYdX's file lies three hours before Binance's: in UTC.
  expect(clocks.dydx!.stretches[0]!.intervalHours).toBe(1);
  expect(clocks.dydx!.stretches[0]!.offsetMinutes).toHaveLength(25);
  const byHour = (venue: string) =>
    new Map(read(venue).map(({ time, rate }) => [Math.round(time / HOUR), rate] as const));
  const binance = byHour('binance');
  const shifts = ['bybit', 'dydx', 'gate', 'htx', 'kucoin', 'mexc'].map(
    (venue) => [venue, bestShift(binance, byHour(venue))!.hours] as const,
  );
  expect(Object.fromEntries(shifts)).toEqual({ bybit: 8, dydx: -3, gate: 5, htx: 8, kucoin: 4, mexc: 0 });
});
