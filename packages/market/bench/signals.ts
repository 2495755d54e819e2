import { existsSync } from 'node:fs';
import { cpus } from 'node:os';
import { fileURLToPath } from 'node:url';
import type { Candle } from '@assay/core';
import { DuckDBInstance } from '@duckdb/node-api';
import type { MarketHistory } from '../src/figure.ts';
import { assetsFigure, buildPanel, type Panel } from '../src/panel/index.ts';
import type { BarRow, CapRow } from '../src/rows.ts';
import { scenariosFigure } from '../src/scenarios/index.ts';
import { backtest, records, type Strategy, signalsFigure } from '../src/signals/index.ts';
import { crossCandles, crossVerifyMinutes, type MinuteFeed, pricesFigure } from '../src/verify/index.ts';
import type { BenchSection } from './section.ts';

const DATA = fileURLToPath(new URL('../../../../shared/data/', import.meta.url));
const DAY = 86_400_000;

/** Cross-verification, signals and scenarios on published data, and how long they take. */
export async function signalsBench(): Promise<BenchSection> {
  const title = 'Cross-verification, signals and scenarios';
  if (!existsSync(DATA))
    return { title, lines: ['Skipped: the data folder beside the repository is absent.'] };
  const { history, seconds } = await readDaily();
  return {
    title,
    lines: [
      `${cpus()[0]?.model.trim()}, one core of ${cpus().length}.`,
      '',
      ...(await minuteLines()),
      ...signalLines(history),
      ...scenarioLines(history.panel),
      ...timeLines(history, seconds),
    ],
  };
}

async function query(sql: string): Promise<Record<string, string>[]> {
  const connection = await (await DuckDBInstance.create(':memory:')).connect();
  return (await connection.runAndReadAll(sql)).getRowObjectsJson() as Record<string, string>[];
}

async function readDaily(): Promise<{ history: MarketHistory; seconds: number }> {
  const rows = (await query(
    `select strftime(date, '%Y-%m-%dT00:00:00Z') as time, base as asset, open::varchar as open, high::varchar as high, low::varchar as low, close::varchar as close, volume::varchar as volume from '${DATA}coinbase-daily/ohlcv-2020-2023.parquet' order by date, base`,
  )) as unknown as BarRow[];
  const caps = (
    await query(
      `select "Symbol" as s, "Name" as n, "Rank"::varchar as r, "Price"::varchar as p, "Market Cap"::varchar as m, "Circulating Supply"::varchar as u, snapshot_date::varchar as d from '${DATA}coinbase-daily/market-cap-monthly-2020-2023.parquet' order by snapshot_date, "Rank"`,
    )
  ).map(
    (row): CapRow => ({
      time: `${row.d!.slice(0, 4)}-${row.d!.slice(4, 6)}-${row.d!.slice(6, 8)}T00:00:00Z`,
      asset: row.s!,
      symbol: row.s!,
      name: row.n!,
      rank: row.r!,
      priceUsd: row.p!,
      marketCapUsd: row.m!,
      supply: row.u ?? null,
      volumeUsd: null,
    }),
  );
  const venues = [{ stream: 'coinbase.bars.1d', rows }];
  const begin = performance.now();
  const { panel, defects } = buildPanel({
    bars: venues,
    caps: [{ stream: 'caps', rows: caps }],
    days: { fromMs: Date.UTC(2020, 0, 1), toMs: Date.UTC(2024, 0, 1) },
  });
  const seconds = (performance.now() - begin) / 1000;
  return { history: { ...historyOf(panel), venues, defects }, seconds };
}

function historyOf(panel: Panel): MarketHistory {
  return { panel, funding: [], articles: [], activity: [], development: [] };
}

/** A small generator: the same places in every run. */
function generator(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

async function minuteLines(): Promise<string[]> {
  const load = async (name: string) =>
    (await query(
      `select strftime(timestamp at time zone 'UTC', '%Y-%m-%dT%H:%M:00Z') as time, open::varchar as open, high::varchar as high, low::varchar as low, close::varchar as close, volume::varchar as volume from '${DATA}usdc-depeg-2023-03/${name}.parquet' order by timestamp`,
    )) as unknown as Candle[];
  const coinbase = await load('coinbase_btcusd');
  const feeds: MinuteFeed[] = [
    { stream: 'coinbase.BTC-USD', rows: coinbase },
    { stream: 'kraken.BTC-USD', rows: await load('kraken_btcusd') },
    {
      stream: 'binance.BTC-USDT in USD',
      rows: crossCandles(await load('binance_btcusdt'), 'times', await load('coinbase_usdtusd')),
    },
  ];
  const begin = performance.now();
  const honest = crossVerifyMinutes({ asset: 'BTC', feeds });
  const seconds = (performance.now() - begin) / 1000;
  const feedDays = (honest.minutes / 1440) * feeds.length;
  const kinds = ['disagreement', 'spike', 'stale', 'late', 'volume'] as const;
  const lines = [
    `**Minutes.** BTC at three venues, 1–21 March 2023, ${honest.minutes} minutes with two venues or more, verified in ${seconds.toFixed(1)} s. Nobody planted anything here, so each finding counts as a false alarm, although some are true (Coinbase traded nothing for hours on 4 March). Then faults are planted in a copy of Coinbase's feed at sixty random places each, and a fault counts as found when a finding of that kind names the feed at that time.`,
    '',
    '| Fault | findings without any | a feed and day | planted and found |',
    '|---|---|---|---|',
  ];
  const draw = generator(3);
  const plant: Record<string, { minutes: number; change: (row: Candle, first: Candle) => Candle }> = {
    stale: {
      minutes: 60,
      change: (row, { close }) => ({ ...row, open: close, high: close, low: close, close }),
    },
    spike: {
      minutes: 1,
      change: (row) => ({ ...row, high: String(Number(row.high) * 1.03) }),
    },
    volume: {
      minutes: 60,
      change: (row) => ({ ...row, volume: String(Number(row.volume) * 20) }),
    },
    disagreement: {
      minutes: 10,
      change: (row) => {
        const up = (value: string) => String(Number(value) * 1.02);
        return { ...row, open: up(row.open), high: up(row.high), low: up(row.low), close: up(row.close) };
      },
    },
  };
  for (const kind of kinds) {
    const alarms = honest.findings.filter((finding) => finding.kind === kind).length;
    const planted = plant[kind];
    let found: string = 'none planted';
    if (planted) {
      // Twelve runs of five places, half a day apart, so that one does not hide another.
      let hits = 0;
      for (let run = 0; run < 12; run++) {
        const rows = [...coinbase];
        const places: [string, string][] = [];
        for (let i = 0; i < 5; i++) {
          const hour = Math.floor((i + 0.2 + draw() * 0.6) * (rows.length / 60 / 5));
          const at = rows.findIndex(({ time }, index) => index >= hour * 60 && time.slice(14, 16) === '00');
          for (let m = at; m < at + planted.minutes; m++) rows[m] = planted.change(rows[m]!, rows[at]!);
          places.push([rows[at]!.time, rows[at + planted.minutes - 1]!.time]);
        }
        const judged = crossVerifyMinutes({
          asset: 'BTC',
          feeds: [{ stream: 'planted', rows }, ...feeds.slice(1)],
        });
        hits += places.filter(([from, to]) =>
          judged.findings.some(
            (one) => one.kind === kind && one.stream === 'planted' && one.from <= to && one.to >= from,
          ),
        ).length;
      }
      found = `${hits} of 60`;
    }
    lines.push(`| ${kind} | ${alarms} | ${(alarms / feedDays).toFixed(3)} | ${found} |`);
  }
  return [...lines, ''];
}

function signalLines({ panel, venues, defects }: MarketHistory): string[] {
  const history = { ...historyOf(panel), venues: venues!, defects: defects! };
  const last = panel.days.length - 1;
  const rowsOn = (day: number) =>
    signalsFigure.compute(
      { history, days: { from: day, to: day + 1 }, figures: {} },
      signalsFigure.parameters,
    );
  const lines = [
    `**Signals.** The published rule on Coinbase's pairs, each on its own after fees, spread, impact and borrow; its parameters are the literature's round numbers and were not fitted on any of it.`,
    '',
    '| Up to the end of | pairs | median return | median of holding | pairs on which the rule did better | median Sharpe | median drawdown | median trades |',
    '|---|---|---|---|---|---|---|---|',
  ];
  for (const [name, day] of [
    ['2021', last - 730],
    ['2022', last - 365],
    ['2023', last],
  ] as const) {
    const runs = rowsOn(day).flatMap(({ backtest: run }) => (run && Number(run.days) >= 180 ? [run] : []));
    const of = (read: (run: (typeof runs)[number]) => unknown) =>
      medianOf(runs.map((run) => Number(read(run))));
    const better = runs.filter((run) => Number(run.returnPct) > Number(run.holdReturnPct)).length;
    lines.push(
      `| ${name} | ${runs.length} | ${of((run) => run.returnPct).toFixed(0)} % | ${of((run) => run.holdReturnPct).toFixed(0)} % | ${better} | ${of((run) => run.sharpe).toFixed(2)} | ${of((run) => run.maxDrawdownPct).toFixed(0)} % | ${of((run) => run.trades).toFixed(0)} |`,
    );
  }
  return [...lines, '', ...portfolioLines(panel), ''];
}

/** All pairs at once in one account, long and flat by momentum, against holding all. */
function portfolioLines(panel: Panel): string[] {
  const traded = panel.assets.map((_, a) => a).filter((a) => !Number.isNaN(lastClose(panel, a)));
  const share = 1 / traded.length;
  const held = new Map<number, number>();
  const rule: Strategy = {
    name: 'momentum',
    onEvent: (event, view, order) => {
      if (event.kind !== 'bar') return;
      const before = view.value('close', event.asset, event.day - 90);
      const want = view.value('close', event.asset, event.day) > before ? share : 0;
      if (want !== (held.get(event.asset) ?? 0)) order(event.asset, want);
      held.set(event.asset, want);
    },
  };
  const begin = performance.now();
  const result = backtest({
    panel,
    assets: traded,
    days: { from: 0, to: panel.days.length },
    strategy: rule,
  });
  const seconds = (performance.now() - begin) / 1000;
  const record = records(result, signalsFigure.parameters.backtest.initialUsd).at(-1)!;
  const costs = Object.entries(result.costs)
    .map(([kind, cents]) => `${kind} ${(cents / 100).toFixed(0)}`)
    .join(', ');
  return [
    `The backtester with ${traded.length} pairs in one account over ${record.days} days took ${seconds.toFixed(2)} s: 90-day momentum, long or flat, returned ${record.returnPct.toFixed(0)} %, drawdown ${record.maxDrawdownPct.toFixed(0)} %, exposure ${(record.exposure * 100).toFixed(0)} %, turnover ${record.turnover.toFixed(1)} times a year; costs in USD of 100,000: ${costs}.`,
  ];
}

function lastClose(panel: Panel, a: number): number {
  const closes = panel.close.subarray(a * panel.days.length, (a + 1) * panel.days.length);
  return closes.findLast((close) => close > 0) ?? Number.NaN;
}

function medianOf(values: number[]): number {
  const sorted = values.sort((a, b) => a - b);
  return sorted[sorted.length >> 1] ?? Number.NaN;
}

function scenarioLines(panel: Panel): string[] {
  const { length } = panel.days;
  const tally = new Map<
    string,
    { inside: number; below: number; above: number; all: number; gone: number }
  >();
  for (let d = 60; d < length; d += 7) {
    const rows = scenariosFigure.compute(
      { history: historyOf(panel), days: { from: d, to: d + 1 }, figures: {} },
      scenariosFigure.parameters,
    );
    for (const { asset, horizonDays, cases } of rows) {
      const end = d + Number(horizonDays);
      if (end >= length) continue;
      const close = panel.close[panel.assets.indexOf(asset) * length + end]!;
      let count = tally.get(horizonDays);
      if (!count) {
        count = { inside: 0, below: 0, above: 0, all: 0, gone: 0 };
        tally.set(horizonDays, count);
      }
      if (!(close > 0)) count.gone++;
      else {
        count.all++;
        if (close < Number(cases[0]!.price)) count.below++;
        else if (close > Number(cases[2]!.price)) count.above++;
        else count.inside++;
      }
    }
  }
  const share = (part: number, whole: number) => `${((part / whole) * 100).toFixed(1)} %`;
  return [
    '**Scenarios.** How often the price at the horizon lay between bear and moon, every seventh day of 2020 to 2023. Were returns normal and independent, 80 % would, and 10 % on either side. Overlapping periods of one market are few independent ones.',
    '',
    '| Horizon | cases | inside | below bear | above moon | left the venue meanwhile |',
    '|---|---|---|---|---|---|',
    ...[...tally].map(
      ([horizon, { inside, below, above, all, gone }]) =>
        `| ${horizon} days | ${all} | ${share(inside, all)} | ${share(below, all)} | ${share(above, all)} | ${gone} |`,
    ),
    '',
  ];
}

function timeLines(history: MarketHistory, buildSeconds: number): string[] {
  const lines = [
    '**Time.**',
    '',
    '| What | seconds |',
    '|---|---|',
    `| panel of ${history.panel.assets.length} identities over ${history.panel.days.length} days, real | ${buildSeconds.toFixed(2)} |`,
  ];
  for (const [assets, length, wanted] of [
    [150, 1095, 30],
    [6000, 365, 1],
  ] as const) {
    const made = synthetic(assets, length);
    for (const figure of [assetsFigure, pricesFigure, signalsFigure, scenariosFigure]) {
      const begin = performance.now();
      const rows = (figure as { compute(input: object, parameters: object): unknown[] }).compute(
        { history: made, days: { from: length - wanted, to: length }, figures: {} },
        figure.parameters,
      );
      lines.push(
        `| \`${figure.name}\`, ${assets} assets, ${wanted} of ${length} days: ${rows.length} rows | ${((performance.now() - begin) / 1000).toFixed(2)} |`,
      );
    }
  }
  return lines;
}

/** Walks at two venues; the venues' own bars only for the last 31 days, to keep the bench small. */
function synthetic(assets: number, length: number): MarketHistory {
  const draw = generator(assets);
  const first = Date.UTC(2021, 0, 1);
  const days = Array.from({ length }, (_, d) => first + d * DAY);
  const column = () => new Float64Array(assets * length);
  const names = Array.from({ length: assets }, (_, a) => `A${String(a).padStart(5, '0')}`);
  const panel: Panel = {
    assets: names,
    symbols: names,
    names,
    days,
    open: column(),
    high: column(),
    low: column(),
    close: column(),
    volume: column().fill(1e6),
    marketCap: column().fill(1e9),
    supply: column().fill(1e7),
  };
  const venues = ['a.bars.1d', 'b.bars.1d'].map((stream) => ({ stream, rows: [] as BarRow[] }));
  for (let a = 0; a < assets; a++) {
    let price = 100;
    for (let d = 0; d < length; d++) {
      const at = a * length + d;
      panel.open[at] = price;
      price *= Math.exp((draw() - 0.5) / 10);
      panel.close[at] = price;
      panel.high[at] = Math.max(price, panel.open[at]!);
      panel.low[at] = Math.min(price, panel.open[at]!);
      if (length - d > 31) continue;
      const [open, high, low, close] = [panel.open, panel.high, panel.low, panel.close].map((one) =>
        String(one[at]),
      ) as [string, string, string, string];
      const time = new Date(days[d]!).toISOString();
      for (const venue of venues) {
        venue.rows.push({ time, asset: names[a]!, open, high, low, close, volume: String(5e5 + draw()) });
      }
    }
  }
  return { ...historyOf(panel), venues };
}

if (import.meta.main) console.log((await signalsBench()).lines.join('\n'));
