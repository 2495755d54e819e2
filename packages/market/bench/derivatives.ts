import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { fileURLToPath, pathToFileURL } from 'node:url';
import {
  black76,
  impliedVolatility,
  normalCdf,
  type OptionKind,
  type ScanPosition,
  scanMargin,
  volatilitySurface,
} from '../src/derivatives/index.ts';
import { type FundingSchedule, readFundingTimes } from '../src/panel/index.ts';
import type { BenchSection } from './section.ts';

const DATA = fileURLToPath(new URL('../../../../shared/data/', import.meta.url));
const OPTIONS = `${DATA}options-btc/deribit-2021-02-11.csv`;
const FUNDING = `${DATA}funding-btc`;
const DAY_YEARS = 1 / 365;

/**
 * Options, margins and funding: how far the formulas are from what a venue itself stated, what a bitcoin long paid by
 * year and venue, and speed beside what the machine can do.
 */
export async function derivativesBench(): Promise<BenchSection> {
  const options = existsSync(OPTIONS) ? readOptions(readFileSync(OPTIONS, 'utf8')) : null;
  return {
    title: 'Options, margins and funding',
    lines: [
      ...(options === null
        ? ['The recorded options are not at hand: nothing was compared with a venue.']
        : accuracyLines(options)),
      '',
      ...(existsSync(FUNDING) ? fundingLines() : ['The recorded funding rates are not at hand.']),
      '',
      ...speedLines(options ?? madeUp()),
    ],
  };
}

interface RecordedOption {
  instrument: string;
  kind: OptionKind;
  strike: number;
  forward: number;
  atMs: number;
  expiryMs: number;
  years: number;
  /** In bitcoin. */
  mark: number;
  markIv: number;
  delta: number;
  vega: number;
  theta: number;
}

function accuracyLines(options: readonly RecordedOption[]): string[] {
  const worst = { delta: 0, vega: 0, theta: 0, thetaShort: 0, price: 0 };
  let [long, uncapped, bare, usable, withVolatility, ivWorst] = [0, 0, 0, 0, 0, 0];
  for (const { delta, vega, theta, mark, markIv, ...option } of options) {
    const greeks = black76({ ...option, volatility: markIv });
    worst.delta = Math.max(worst.delta, Math.abs(greeks.delta - delta));
    worst.vega = Math.max(worst.vega, Math.abs(greeks.vega - vega));
    worst.price = Math.max(worst.price, Math.abs(greeks.price / option.forward - mark));
    // The venue states what an option can still lose within a day: for the part of it that is left, and no more than its price.
    const loses = Math.min(-greeks.theta * Math.min(option.years / DAY_YEARS, 1), greeks.price);
    const off = Math.abs(-loses - theta);
    if (option.years > DAY_YEARS) {
      long++;
      if (greeks.price >= -greeks.theta) {
        uncapped++;
        bare = Math.max(bare, Math.abs(greeks.theta - theta));
      }
      worst.theta = Math.max(worst.theta, off);
    } else worst.thetaShort = Math.max(worst.thetaShort, off);
    // There and back: the price of a volatility gives that volatility, wherever a price tells one from another.
    if (greeks.vega < 0.01 || greeks.price < 1e-6) continue;
    usable++;
    const found = impliedVolatility({ ...option, price: greeks.price });
    if (found === null) continue;
    withVolatility++;
    ivWorst = Math.max(ivWorst, Math.abs(found - markIv));
  }
  return [
    `Against the greeks that Deribit stated for ${options.length} options on 2021-02-11 (Black-76 on its own forward and mark volatility, 365 days, rate 0):`,
    '',
    '| figure | furthest from the venue’s | unit | printed by the venue to |',
    '| --- | --: | --- | --- |',
    `| delta | ${worst.delta.toExponential(1)} | of a coin | 5 digits |`,
    `| vega | ${worst.vega.toFixed(4)} | USD a point of volatility | 5 digits |`,
    `| theta, of ${uncapped} options with more than a day left that are worth more than it | ${bare.toFixed(3)} | USD a day | 5 digits |`,
    `| the same of all ${long}, no more than their price | ${worst.theta.toFixed(3)} | USD a day | 5 digits |`,
    `| the same of the other ${options.length - long}, for the part of a day that is left | ${worst.thetaShort.toFixed(3)} | USD | 5 digits |`,
    `| price | ${worst.price.toExponential(1)} | of a coin | 8 digits, at another moment than its forward |`,
    '',
    `Volatility to price and back: ${withVolatility} of ${usable} options with a vega of at least a cent a point, furthest ${ivWorst.toExponential(1)}.`,
  ];
}

/** What each venue says of its own clock; docs/cross-verification.md has how the files' zones were found. */
const SCHEDULES: Record<string, FundingSchedule> = {
  binance: { everyHours: 8, anchorHourUtc: 0 },
  bybit: { everyHours: 8, anchorHourUtc: 0 },
  dydx: { everyHours: 1, anchorHourUtc: 0 },
  gate: { everyHours: 8, anchorHourUtc: 0 },
  htx: { everyHours: 8, anchorHourUtc: 0 },
  kucoin: { everyHours: 8, anchorHourUtc: 4 },
  mexc: { everyHours: 8, anchorHourUtc: 0 },
};
const YEARS = [2020, 2021, 2022, 2023];

function fundingLines(): string[] {
  const venues = readdirSync(FUNDING)
    .sort()
    .map((file) => {
      const venue = file.split('_')[1]!;
      const rows = readFileSync(`${FUNDING}/${file}`, 'utf8')
        .trim()
        .split('\n')
        .slice(1)
        .map((line) => line.trim().split(','))
        .map(([, date = '', rate]) => ({
          time: Date.parse(`${date.replace(' ', 'T')}Z`),
          rate: Number(rate),
        }));
      const schedule = SCHEDULES[venue]!;
      const clock = readFundingTimes(
        rows.map(({ time }) => time),
        schedule,
      );
      const offset = clock.stretches[0]!.offsetMinutes?.[0] ?? 0;
      const byYear = YEARS.map((year) => {
        const [from, to] = [Date.UTC(year, 0, 1), Date.UTC(year + 1, 0, 1)];
        // Half a minute: a venue writes its times some milliseconds late.
        const inYear = rows.filter(
          ({ time }) => time - offset * 60_000 >= from - 30_000 && time - offset * 60_000 < to - 30_000,
        );
        const expected = (to - from) / (schedule.everyHours * 3_600_000);
        const paid = inYear.reduce((sum, { rate }) => sum + rate, 0);
        return { times: inYear.length, expected, paid };
      });
      return { venue, offset, byYear, everyHours: schedule.everyHours };
    });
  const cell = ({ times, expected, paid }: (typeof venues)[number]['byYear'][number]) =>
    times < expected / 2
      ? '·'
      : `${(paid * 100).toFixed(2)}${times < expected ? ` (${expected - times} of ${expected} missing)` : ''}`;
  return [
    'What a long in the BTC perpetual paid in funding, in percent of a constant notional, summed over the payments of each year in UTC after each file’s zone was taken off. A negative number was received. Years of which less than half is there are left out.',
    '',
    `| venue | every | file’s zone | ${YEARS.join(' | ')} |`,
    `| --- | --- | --- | ${YEARS.map(() => '--:').join(' | ')} |`,
    ...venues.map(
      ({ venue, everyHours, offset, byYear }) =>
        `| ${venue} | ${everyHours} h | UTC${offset === 0 ? '' : `+${offset / 60} h`} | ${byYear.map(cell).join(' | ')} |`,
    ),
  ];
}

function speedLines(options: readonly RecordedOption[]): string[] {
  const priced = options.map(({ markIv, ...option }) => ({ ...option, volatility: markIv }));
  const greeks = perSecond(priced.length, () => {
    let sum = 0;
    for (const option of priced) sum += black76(option).delta;
    return sum;
  });
  // Black's formula is two integrals of the normal distribution, a logarithm and some arithmetic.
  const integrals = perSecond(priced.length * 2, () => {
    let sum = 0;
    for (const { strike, forward } of priced)
      sum += normalCdf(strike / forward) + normalCdf(forward / strike);
    return sum;
  });
  const prices = priced
    .map((option) => ({ ...option, price: black76(option).price }))
    .filter((option) => impliedVolatility(option) !== null);
  const implied = perSecond(prices.length, () => {
    let sum = 0;
    for (const option of prices) sum += impliedVolatility(option)!;
    return sum;
  });
  const bisected = perSecond(prices.length, () => {
    let sum = 0;
    for (const option of prices) sum += plainBisection(option);
    return sum;
  });
  const quotes = options.map(({ mark, ...option }) => ({ ...option, price: mark * option.forward }));
  const surfaces = perSecond(1, () => volatilitySurface(quotes, options[0]!.atMs).slices.length);
  const positions = options.slice(0, 100).map(
    ({ instrument, kind, strike, forward, years, markIv }, i): ScanPosition => ({
      ...{ instrument, kind, strike, forward, years, volatility: markIv, size: i % 2 === 0 ? 1 : -1 },
    }),
  );
  const scans = perSecond(1, () => scanMargin(positions).margin);
  const shown = (value: number) => Math.round(value).toLocaleString('en-US');
  return [
    `On one core of ${cpus()[0]?.model ?? 'an unknown processor'}:`,
    '',
    '| work | a second | beside it |',
    '| --- | --: | --- |',
    `| price and greeks of an option | ${shown(greeks)} | ${shown(integrals / 2)} if only its two integrals were computed |`,
    `| implied volatility | ${shown(implied)} | ${shown(bisected)} by plain bisection to the same digits |`,
    `| surface of ${quotes.length} options | ${shown(surfaces)} | ${shown(implied / quotes.length)} if it were their implied volatilities alone, all of them |`,
    `| scan margin of ${positions.length} positions × 16 scenarios | ${shown(scans)} | ${shown(greeks / (positions.length * 17))} if it were its 17 × ${positions.length} prices alone |`,
  ];
}

/** What is done without thought: halve until nothing changes. */
function plainBisection(option: {
  kind: OptionKind;
  forward: number;
  strike: number;
  years: number;
  price: number;
}): number {
  let [low, high] = [0, 16];
  while (high - low > 1e-14) {
    const middle = (low + high) / 2;
    if (middle === low || middle === high) break;
    if (black76({ ...option, volatility: middle }).price > option.price) high = middle;
    else low = middle;
  }
  return low;
}

/** Best of five runs of at least 50 ms: what else the machine does makes a run slower, never faster. */
function perSecond(count: number, run: () => number): number {
  let best = 0;
  let kept = 0;
  for (let round = 0; round < 5; round++) {
    const started = performance.now();
    let done = 0;
    while (performance.now() - started < 50) {
      kept += run();
      done += count;
    }
    best = Math.max(best, (done * 1_000) / (performance.now() - started));
  }
  if (Number.isNaN(kept)) throw new Error('the bench computed no number');
  return best;
}

function readOptions(text: string): RecordedOption[] {
  const [head = '', ...lines] = text.trim().split('\n');
  const names = head.split(',');
  return lines.map((line) => {
    // Books are quoted and hold commas; what is read here stands outside of them.
    const cells = line.replace(/"[^"]*"/g, 'book').split(',');
    const cell = (name: string) => cells[names.indexOf(name)]!;
    const instrument = cell('instrument_name');
    const [, day = '', strike, kind] = instrument.split('-');
    const expiryMs = Date.parse(day.replace(/(\d+)([A-Z]{3})(\d\d)/, '$1 $2 20$3 08:00 UTC'));
    const atMs = Number(cell('timestamp'));
    return {
      ...{ instrument, kind: kind === 'C' ? 'call' : 'put', strike: Number(strike), expiryMs, atMs },
      forward: Number(cell('underlying_price')),
      years: (expiryMs - atMs) / (365 * 86_400_000),
      mark: Number(cell('mark_price')),
      markIv: Number(cell('mark_iv')) / 100,
      delta: Number(cell('greeks.delta')),
      vega: Number(cell('greeks.vega')),
      theta: Number(cell('greeks.theta')),
    };
  });
}

/** As many options as were recorded, for the speed alone where the recording is absent. */
function madeUp(): RecordedOption[] {
  return Array.from({ length: 976 }, (_, i) => {
    const kind = i % 2 === 0 ? ('call' as const) : ('put' as const);
    const option = { kind, strike: 20_000 + 500 * (i % 100), forward: 45_000, years: (1 + (i % 10)) / 12 };
    const { price } = black76({ ...option, volatility: 0.9 });
    return {
      ...{ instrument: `made-up-${i}`, ...option, atMs: 0, expiryMs: option.years * 365 * 86_400_000 },
      ...{ mark: price / option.forward, markIv: 0.9, delta: 0, vega: 0, theta: 0 },
    };
  });
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const { title, lines } = await derivativesBench();
  console.log([`## ${title}`, '', ...lines].join('\n'));
}
