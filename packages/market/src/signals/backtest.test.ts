/**
 * The backtester: examples computed by hand to the cent, agreement with an independent vectorised calculation without
 * costs, books that add up every day, costs that only cost, and strategies that peek, which are refused.
 */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { emptyPanel, type Panel } from '../panel/index.ts';
import type { FundingRow } from '../rows.ts';
import { BACKTEST_PARAMETERS, type BacktestInput, backtest, type Strategy } from './backtest.ts';
import { records } from './record.ts';

const DAY = 86_400_000;
const T0 = Date.UTC(2024, 0, 1);
type Bar = { open: number; close: number; volume?: number } | null;
const panelOf = (...assets: Bar[][]): Panel => {
  const days = Array.from({ length: assets[0]!.length }, (_, d) => T0 + d * DAY);
  const panel = emptyPanel(
    assets.map((_, a) => ({ asset: `A${a}` })),
    days,
  );
  for (const [a, bars] of assets.entries()) {
    for (const [d, bar] of bars.entries()) {
      if (!bar) continue;
      const at = a * days.length + d;
      panel.open[at] = bar.open;
      panel.close[at] = bar.close;
      panel.high[at] = Math.max(bar.open, bar.close);
      panel.low[at] = Math.min(bar.open, bar.close);
      panel.volume[at] = bar.volume ?? 1e9;
    }
  }
  return panel;
};
const bars = (...pairs: [number, number][]): Bar[] => pairs.map(([open, close]) => ({ open, close }));
const FREE = {
  ...BACKTEST_PARAMETERS,
  initialUsd: '1000',
  feeBps: '0',
  halfSpreadBps: '0',
  impactFactor: '0',
  borrowPerYear: '0',
  maxParticipation: '1',
};
/** Orders these shares of the first asset at the end of these days. */
const plan = (shares: Record<number, number>): Strategy => ({
  name: 'plan',
  onEvent: (event, _, order) => {
    if (event.kind === 'bar' && event.asset === 0 && shares[event.day] !== undefined) {
      order(0, shares[event.day]!);
    }
  },
});
const run = (panel: Panel, strategy: Strategy, parameters = FREE, more: Partial<BacktestInput> = {}) =>
  backtest({ panel, days: { from: 0, to: panel.days.length }, strategy, ...more }, parameters);
const usd = (column: Float64Array) => [...column].map((cents) => cents / 100);

test('by hand: ordered on day 0, filled at the open of day 1, closed at the open of day 3', () => {
  const panel = panelOf(bars([90, 100], [110, 120], [121, 130], [140, 50]));
  const result = run(panel, plan({ 0: 1, 2: 0 }));
  // 1000 / 110 units at 110; marked at 120 and 130; sold at 140, so that the fall to 50 does not matter.
  expect(usd(result.equity)).toEqual([1000, 1090.91, 1181.82, 1272.73]);
  expect(result.trades).toEqual([{ asset: 0, side: 'long', opened: 1, closed: 3, profit: 27273 }]);
});

test('by hand: fee, spread and impact are booked apart', () => {
  const panel = panelOf([
    { open: 100, close: 100, volume: 1000 },
    { open: 100, close: 110, volume: 1000 },
    { open: 110, close: 99, volume: 1000 },
    { open: 100, close: 100, volume: 1000 },
  ]);
  const costs = { ...FREE, feeBps: '10', halfSpreadBps: '5', impactFactor: '1' };
  const { fills, cash, costs: paid } = run(panel, plan({ 2: 0.5 }), costs);
  // Ordered with 1000 USD: 500 / 100 / 1.0015 units. Volatility: returns ln 1.1 and ln 0.9, deviation over n - 1.
  const units = 5 / 1.0015;
  const [up, down] = [Math.log(1.1), Math.log(0.9)];
  const sigma = Math.sqrt((up - (up + down) / 2) ** 2 + (down - (up + down) / 2) ** 2);
  const notional = Math.round(units * 100 * 100);
  expect(fills).toMatchObject([
    {
      day: 3,
      price: 100,
      notional,
      fee: Math.round(notional * 0.001),
      spread: Math.round(notional * 0.0005),
      impact: Math.round(notional * sigma * Math.sqrt(units / 1000)),
    },
  ]);
  expect(cash[3]).toBe(100_000 - notional - paid.fee - paid.spread - paid.impact);
});

test('by hand: a short pays borrow, or funding where it is known, and receives it when longs pay', () => {
  const panel = panelOf(bars([100, 100], [100, 100], [100, 100], [100, 100]));
  const costs = { ...FREE, borrowPerYear: '0.365' };
  // 1000 USD short for two days at 0.1 % a day, then funding of 0.5 % that longs pay.
  const funding: FundingRow[] = [
    { time: '2024-01-04T00:00:00Z', asset: 'A0', rate: '0.005', openInterestUsd: null },
  ];
  const result = run(panel, plan({ 0: -1 }), costs, { funding });
  expect(usd(result.equity)).toEqual([1000, 999, 998, 1003]);
  expect(result.costs).toMatchObject({ borrow: 200, funding: -500 });
});

test('by hand: what is delisted is sold at the last price less the haircut; nothing is filled without volume', () => {
  const gone: Bar[] = [...bars([100, 100], [100, 100], [100, 80]), ...Array.from({ length: 40 }, () => null)];
  const result = run(panelOf(gone), plan({ 0: 1 }));
  expect(result.equity[31 + 1]! / 100).toBe(800);
  expect(result.equity.at(-1)! / 100).toBe(400);
  expect(result.fills.at(-1)).toMatchObject({ why: 'delisted', day: 33, price: 80 });
  expect(result.costs.haircut).toBe(40_000);
  const dry = panelOf([
    { open: 1, close: 1 },
    { open: 1, close: 1, volume: 0 },
    { open: 2, close: 2 },
  ]);
  expect(run(dry, plan({ 0: 1 })).fills).toMatchObject([{ day: 2, price: 2 }]);
});

test('limits: a share per asset, the gross of all, and a part of the usual volume', () => {
  const flat = (volume: number): Bar[] => Array.from({ length: 6 }, () => ({ open: 10, close: 10, volume }));
  const both: Strategy = {
    name: 'both',
    onEvent: ({ kind, day, asset }, _, order) => {
      if (kind === 'bar' && day === 0) order(asset, asset === 0 ? 3 : -1);
    },
  };
  const result = run(panelOf(flat(1e9), flat(1e9)), both, { ...FREE, maxWeight: '0.6', maxGross: '0.9' });
  // 0.6 and 0.6, scaled to 0.45 each.
  expect(result.gross[1]! / 100).toBe(900);
  // A tenth of 400 units a day: 100 units take three days.
  const thin = run(panelOf(flat(400)), plan({ 0: 1 }), { ...FREE, maxParticipation: '0.1' });
  expect(thin.fills.map(({ units }) => units)).toEqual([40, 40, 20]);
});

test('a short that is overrun is closed, and trading ends', () => {
  const result = run(panelOf(bars([100, 100], [100, 100], [250, 250], [10, 10])), plan({ 0: -1, 2: 1 }));
  expect(result.liquidated).toBe(2);
  expect(usd(result.equity)).toEqual([1000, 1000, -500, -500]);
});

test('a strategy that reads a bar which is not yet known is refused, and finds no future in the arrays', () => {
  const panel = panelOf(bars([90, 100], [110, 120], [121, 130]));
  const peek = (read: (view: Parameters<Strategy['onEvent']>[1], day: number) => unknown): Strategy => ({
    name: 'peek',
    onEvent: (event, view) => void read(view, event.day),
  });
  for (const column of ['open', 'close', 'volume'] as const) {
    expect(() =>
      run(
        panel,
        peek((view, day) => view.value(column, 0, day + 1)),
      ),
    ).toThrow(
      expect.objectContaining({
        code: 'LOOK_AHEAD',
        message: 'expected a day that is known, at most 2024-01-01, got 2024-01-02',
      }),
    );
  }
  expect(() =>
    run(
      panel,
      peek((view) => view.value('close', 0, Number.NaN)),
    ),
  ).toThrow(/expected a day/);
  const seen: number[] = [];
  run(
    panel,
    peek((view, day) => {
      const series = view.series('close', 0);
      expect(series).toHaveLength(day + 1);
      // Not even behind the view: the buffer that it lies in holds no later bar.
      const whole = new Float64Array(series.buffer);
      seen.push(whole.filter((value) => value > 0).length);
      // What a strategy writes into it changes no price that it trades at.
      series.fill(1);
    }),
  );
  expect(seen).toEqual([1, 2, 3]);
});

const anyBars = fc.array(
  fc.option(
    fc.record({
      open: fc.integer({ min: 50, max: 200 }),
      close: fc.integer({ min: 50, max: 200 }),
      volume: fc.constantFrom(0, 50, 1e6),
    }),
    { freq: 8, nil: null },
  ),
  { minLength: 5, maxLength: 60 },
);
const anyShares = fc.array(fc.constantFrom(-1, -0.4, 0, 0.3, 0.5, 1), { minLength: 60, maxLength: 60 });
const anyFunding = fc.array(fc.tuple(fc.integer({ min: 0, max: 59 }), fc.constantFrom('0.001', '-0.002')), {
  maxLength: 10,
});
const play = (series: Bar[], shares: number[], funding: [number, string][], parameters: typeof FREE) =>
  run(panelOf(series), plan(Object.fromEntries(shares.map((share, d) => [d, share]))), parameters, {
    funding: funding.map(([day, rate]) => ({
      time: new Date(T0 + day * DAY).toISOString(),
      asset: 'A0',
      rate,
      openInterestUsd: null,
    })),
  });

test('the books add up to the cent every day, whatever is traded', () => {
  fc.assert(
    fc.property(anyBars, anyShares, anyFunding, (series, shares, funding) => {
      const parameters = { ...BACKTEST_PARAMETERS, initialUsd: '1000', delistedDays: 5 };
      const result = play(series, shares, funding, parameters);
      const rates = new Map<number, number>();
      for (const [day, rate] of funding) if (!rates.has(day)) rates.set(day, Number(rate));
      let [cash, units, last] = [100_000, 0, Number.NaN];
      let fill = 0;
      let haircut = 0;
      const book = (day: number, why: boolean) => {
        while (result.fills[fill]?.day === day && (result.fills[fill]!.why === 'order') === why) {
          const one = result.fills[fill++]!;
          if (one.why === 'delisted') {
            const loss = Math.round(Math.abs(Math.round(units * last * 100)) * 0.5);
            cash -= loss;
            haircut += loss;
          }
          cash -= Math.round(one.units * one.price * 100) + one.fee + one.spread + one.impact;
          units = one.units === -units ? 0 : units + one.units;
        }
      };
      for (const [day, bar] of series.entries()) {
        book(day, true);
        const price = bar?.close ?? last;
        if (units !== 0 && rates.has(day)) cash -= Math.round(units * price * rates.get(day)! * 100);
        else if (units < 0) cash -= Math.round(-units * price * (0.1 / 365) * 100);
        last = price;
        book(day, false);
        expect(result.cash[day]).toBe(cash);
        expect(result.equity[day]).toBe(cash + (units === 0 ? 0 : Math.round(units * last * 100)));
      }
      expect(result.costs.haircut).toBe(haircut);
      const closed = result.trades.reduce((sum, { profit }) => sum + profit, 0);
      if (units === 0) expect(100_000 + closed).toBe(result.cash.at(-1));
    }),
    { numRuns: 300 },
  );
});

test('without costs it is the vectorised calculation: yesterday’s decision times today’s move from the open', () => {
  const moves = fc.array(fc.tuple(fc.integer({ min: 80, max: 125 }), fc.integer({ min: 80, max: 125 })), {
    minLength: 5,
    maxLength: 50,
  });
  fc.assert(
    fc.property(moves, fc.array(fc.constantFrom(0, 1), { minLength: 50, maxLength: 50 }), (drawn, flags) => {
      const panel = panelOf(bars(...drawn));
      // Only changes are ordered, so that a position is held and not traded back to its share.
      const shares = Object.fromEntries(
        flags.flatMap((flag, d) => (flag !== (flags[d - 1] ?? 0) ? [[d, flag]] : [])),
      );
      const result = run(panel, plan(shares), { ...FREE, initialUsd: '1000000' });
      let growth = 1;
      for (let d = 0; d < drawn.length; d++) {
        const held = d > 0 ? flags[d - 1]! : 0;
        const before = d > 1 ? flags[d - 2]! : 0;
        const [open, close] = drawn[d]!;
        if (before) growth *= open / drawn[d - 1]![1];
        if (held) growth *= close / open;
        expect(result.equity[d]! / 1e8).toBeCloseTo(growth, 6);
      }
    }),
  );
});

test('higher costs never end with more, for fees, spread, impact and borrow alike', () => {
  fc.assert(
    fc.property(anyBars, fc.constantFrom(1, -0.5), (series, share) => {
      const endOf = (more: Partial<typeof FREE>) =>
        play(series, [share, ...Array.from({ length: 59 }, () => Number.NaN)].slice(0, 1), [], {
          ...FREE,
          initialUsd: '100000',
          ...more,
        }).equity.at(-1)!;
      const free = endOf({});
      for (const more of [{ impactFactor: '1' }, { borrowPerYear: '0.5' }]) {
        expect(endOf(more)).toBeLessThanOrEqual(free);
      }
    }),
  );
  const steady = panelOf(bars(...Array.from({ length: 30 }, (): [number, number] => [100, 100])));
  const busy = plan(Object.fromEntries(Array.from({ length: 30 }, (_, d) => [d, d % 2])));
  const ends = ['0', '5', '20', '80'].map((bps) => [
    run(steady, busy, { ...FREE, feeBps: bps }).equity.at(-1)!,
    run(steady, busy, { ...FREE, halfSpreadBps: bps }).equity.at(-1)!,
  ]);
  for (let i = 1; i < ends.length; i++) {
    expect(ends[i]![0]).toBeLessThan(ends[i - 1]![0]!);
    expect(ends[i]![1]).toBeLessThan(ends[i - 1]![1]!);
  }
});

test('the record of a day is that of the run up to it; by hand for return, drawdown and wins', () => {
  const panel = panelOf(bars([100, 100], [100, 120], [120, 90], [90, 90], [90, 90], [90, 180], [180, 180]));
  const result = run(panel, plan({ 0: 1, 2: 0, 4: 1, 5: 0 }));
  const made = records(result, '1000');
  // 1000, 1200, 900; sold at 90; bought at 90 and sold at 180.
  expect(made.map(({ returnPct }) => Math.round(returnPct))).toEqual([0, 20, -10, -10, -10, 80, 80]);
  expect(made.at(-1)).toMatchObject({ trades: 2, winRate: 0.5, maxDrawdownPct: 25, sharpe: null });
});

test('days and shares that make no sense are refused', () => {
  const panel = panelOf(bars([1, 1], [1, 1]));
  expect(() => run(panel, plan({}), FREE, { days: { from: 1, to: 5 } })).toThrow(/days within 0 to 2/);
  expect(() => run(panel, plan({ 0: Number.NaN }))).toThrow(/expected a share of the equity/);
  expect(() => run(panelOf(bars([1e-12, 1e-12], [1e-12, 1e12])), plan({ 0: 1 }))).not.toThrow();
});
