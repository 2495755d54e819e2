/**
 * Shows that grades are what docs/grades.md says: the published sum can be checked with a pocket calculator, what is
 * missing widens the interval, ranks are scipy's; that no row reads the future or depends on the order of assets; and
 * that dead, pegged, copied, broken and lonely assets get a reason, never a number.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decimalOf } from '../decimal-of.ts';
import type { FigureInput, MarketHistory } from '../figure.ts';
import type { Panel } from '../panel/index.ts';
import { emptyPanel } from '../panel/index.ts';
import type { ActivityRow, DevelopmentRow, FundingRow, GradeRow, SentimentRow } from '../rows.ts';
import { medianOf, midRanks, neutralise, percentileScores, winsorise } from './cross-section.ts';
import { FACTORS } from './factors.ts';
import { GRADE_PARAMETERS } from './grade-parameters.ts';
import { factorsFigure, gradesFigure } from './grades.ts';
import {
  clearBars,
  clearCaps,
  inputOf,
  randomMarket,
  seeded,
  setBar,
  timeOf,
} from './random-market.fixture.ts';

const DAYS = 460;
const gradesOf = (input: FigureInput) => gradesFigure.compute(input, gradesFigure.parameters);
const factorsOf = (input: FigureInput) => factorsFigure.compute(input, factorsFigure.parameters);
const rowOf = (rows: readonly GradeRow[], asset: string) => rows.find((row) => row.asset === asset);
const lastDay = (history: MarketHistory) => {
  const { length } = history.panel.days;
  return inputOf(history, length - 1, length);
};

/** Funding, activity, development and sentiment of some assets over the last 200 days. */
function observe(history: MarketHistory, assets: readonly number[], seed = 5): FigureInput {
  const { panel } = history;
  const random = seeded(seed);
  const funding: FundingRow[] = [];
  const activity: ActivityRow[] = [];
  const development: DevelopmentRow[] = [];
  const sentiment: SentimentRow[] = [];
  for (let day = Math.max(0, panel.days.length - 200); day < panel.days.length; day++) {
    for (const place of assets) {
      const asset = panel.assets[place]!;
      const time = timeOf(panel, day);
      const whole = (most: number) => String(Math.floor(most * random()));
      funding.push({ time, asset, rate: (random() / 1000).toFixed(6), openInterestUsd: whole(1e6) });
      activity.push({
        time,
        asset,
        transfers: whole(1000),
        activeAddresses: whole(1000),
        holders: whole(5000),
        topTenShare: random().toFixed(3),
        swapVolumeUsd: whole(1e5),
      });
      development.push({ time, asset, commits: whole(9), contributors: whole(5), releasedAt: null });
      sentiment.push({
        time,
        asset,
        score: (2 * random() - 1).toFixed(2),
        label: 'neutral',
        articles: '1',
        positive: '0',
        negative: '0',
        latest: [],
      });
    }
  }
  const { length } = panel.days;
  return {
    history: { ...history, funding, activity, development },
    days: { from: length - 1, to: length },
    figures: { sentiment },
  };
}

describe('the cross-section', () => {
  it('ranks as scipy.stats.rankdata does, ties at their mean place', () => {
    expect([...midRanks([0, 2, 3, 2])]).toEqual([1, 2.5, 4, 2.5]);
    expect([...midRanks([7, Number.NaN, 7, 7])]).toEqual([2, Number.NaN, 2, 2]);
    expect([...percentileScores([5, 1, 9, Number.NaN, 1])]).toEqual([62.5, 25, 87.5, Number.NaN, 25]);
  });

  it('draws in to the median ± 3 × 1.4826 × the median absolute deviation', () => {
    // Median 3, deviations 2 1 0 1 997: their median is 1.
    const drawn = winsorise([1, 2, 3, 4, 1000], 3);
    expect([...drawn.slice(0, 4)]).toEqual([1, 2, 3, 4]);
    expect(drawn[4]).toBeCloseTo(3 + 3 * 1.4826, 12);
    expect([...winsorise([2, 2, 2, 50], 3)]).toEqual([2, 2, 2, 50]);
    expect(winsorise([1, Number.POSITIVE_INFINITY, 2, 3], 3)[1]).toBeNaN();
    expect(medianOf([])).toBeNaN();
  });

  it('takes a straight line off, and leaves what is singular or too small as it is', () => {
    const x = [1, 2, 3, 4, 5, 6];
    const y = [2.1, 3.9, 6.2, 7.8, 10.1, 11.9];
    // y - numpy.polyval(numpy.polyfit(x, y, 1), x)
    const expected = [
      0.042857142857138, -0.134285714285719, 0.188571428571423, -0.188571428571434, 0.134285714285708,
      -0.042857142857148,
    ];
    for (const [i, value] of neutralise(y, x, 3).entries()) expect(value).toBeCloseTo(expected[i]!, 12);
    expect([...neutralise(y, [4, 4, 4, 4, 4, 4], 3)]).toEqual(y);
    expect([...neutralise([1, 2], [1, 2], 3)]).toEqual([1, 2]);
    const unknown = neutralise([1, 2, 3, 4], [1, 2, 3, Number.NaN], 3);
    expect(unknown[3]).toBeCloseTo(4 - 2, 12);
  });

  it('keeps the order of scores under any increasing map', () => {
    fc.assert(
      fc.property(fc.array(fc.double({ min: -50, max: 50, noNaN: true }), { minLength: 1 }), (values) => {
        const coarse = values.map((value) => Math.round(value));
        expect([...percentileScores(coarse.map((value) => Math.exp(value)))]).toEqual([
          ...percentileScores(coarse),
        ]);
      }),
      { numRuns: 100 },
    );
  });
});

describe('decimals', () => {
  it('are canonical, and nothing is no number', () => {
    expect(decimalOf(12.3456, 2)).toBe('12.35');
    expect(decimalOf(-0.001, 2)).toBe('0');
    expect(decimalOf(100, 2)).toBe('100');
    expect(decimalOf(0, 0)).toBe('0');
    expect(decimalOf(-120, 0)).toBe('-120');
    expect(decimalOf(1e22, 2)).toBe('10000000000000000000000');
    expect(decimalOf(Number.NaN, 2)).toBeNull();
    expect(decimalOf(Number.NEGATIVE_INFINITY, 2)).toBeNull();
  });
});

describe('a grade', () => {
  it('is the sum of weight × score of its factors, and a part the mean of its own', () => {
    const input = observe(randomMarket(24, DAYS), [0, 3, 5, 7, 9, 11, 13]);
    const grades = gradesOf(input);
    const factors = factorsOf(input);
    expect(factors.length).toBe(24);
    for (const row of factors) {
      for (const name of ['trader', 'investor'] as const) {
        const grade = rowOf(grades, row.asset)![name]!;
        const known = row[name].filter(({ score }) => score !== null);
        const sum = (of: (share: (typeof known)[number]) => number) =>
          known.reduce((total, share) => total + of(share), 0);
        expect(sum(({ weight }) => Number(weight))).toBeCloseTo(1, 4);
        expect(sum(({ weight, score }) => Number(weight) * Number(score))).toBeCloseTo(
          Number(grade.grade),
          1,
        );
        for (const [part, value] of Object.entries(grade.parts)) {
          const own = known.filter((share) => share.part === part);
          if (value === null) expect(own).toEqual([]);
          else {
            const weight = own.reduce((total, share) => total + Number(share.weight), 0);
            const mean = own.reduce((total, share) => total + Number(share.weight) * Number(share.score), 0);
            expect(mean / weight).toBeCloseTo(Number(value), 1);
          }
        }
        for (const { score, weight } of row[name]) if (score === null) expect(weight).toBe('0');
      }
    }
  });

  it('has an interval that widens with what is missing, by the published weights', () => {
    const bare = gradesOf(lastDay(randomMarket(24, DAYS)));
    const known = Object.entries(GRADE_PARAMETERS.trader)
      .filter(([name]) => ['technical', 'exchange', 'fundamental'].includes(partOf(name)))
      .filter(([name]) => !['funding-7', 'open-interest-growth', 'development-90'].includes(name))
      .reduce((sum, [, weight]) => sum + Number(weight), 0);
    for (const { trader } of bare) {
      expect(Number(trader!.high) - Number(trader!.low)).toBeCloseTo(100 * (1 - known), 1);
      expect(trader!.parts.onChain).toBeNull();
      expect(trader!.parts.sentiment).toBeNull();
    }
    const all = Array.from({ length: 24 }, (_, i) => i);
    for (const { trader, investor } of gradesOf(observe(randomMarket(24, DAYS), all))) {
      expect(trader!.low).toBe(trader!.high);
      expect(investor!.low).toBe(investor!.high);
    }
  });

  it('lies in its interval whatever the missing parts turn out to be', () => {
    const history = randomMarket(24, DAYS);
    const bare = gradesOf(lastDay(history));
    const all = Array.from({ length: 24 }, (_, i) => i);
    for (const seed of [5, 6, 7]) {
      for (const row of gradesOf(observe(history, all, seed))) {
        for (const name of ['trader', 'investor'] as const) {
          const before = rowOf(bare, row.asset)![name]!;
          expect(Number(row[name]!.grade)).toBeGreaterThanOrEqual(Number(before.low) - 0.011);
          expect(Number(row[name]!.grade)).toBeLessThanOrEqual(Number(before.high) + 0.011);
        }
      }
    }
  });

  it('changes by what its published values of two days differ, and is labelled by the published bounds', () => {
    const history = randomMarket(24, DAYS);
    const rows = gradesOf(inputOf(history, DAYS - 2, DAYS));
    const [before, after] = [rows.slice(0, 24), rows.slice(24)];
    for (const row of after) {
      const difference = Number(row.trader!.grade) - Number(rowOf(before, row.asset)!.trader!.grade);
      expect(Number(row.trader!.change)).toBeCloseTo(difference, 9);
      const grade = Number(row.trader!.grade);
      const label =
        grade >= 65
          ? 'very strong'
          : grade >= 55
            ? 'strong'
            : grade >= 45
              ? 'neutral'
              : grade >= 35
                ? 'weak'
                : 'very weak';
      expect(row.trader!.label).toBe(label);
    }
    expect(new Set(rows.map((row) => row.trader!.label)).size).toBeGreaterThan(2);
  });

  it('prefers the calm to the wild, as the formula says', () => {
    const history = randomMarket(20, DAYS);
    const { panel } = history;
    const random = seeded(8);
    for (const [asset, size] of [
      [0, 0.02],
      [1, 0.4],
    ] as const) {
      let close = 10;
      for (let day = 0; day < DAYS; day++) {
        close *= Math.exp(size * (random() - 0.5));
        setBar(panel, asset, day, close, 1e5 * (size > 0.1 ? random() ** 4 : 1));
      }
    }
    const scores = factorsOf(lastDay(history)).map(
      ({ trader }) => new Map(trader.map(({ factor, score }) => [factor, score])),
    );
    for (const factor of ['volatility-90', 'lottery-30', 'volume-steadiness-30']) {
      // Of 20 assets the best has (20 − ½)/20.
      expect(Number(scores[0]!.get(factor))).toBeGreaterThanOrEqual(92.5);
      expect(Number(scores[1]!.get(factor))).toBeLessThanOrEqual(7.5);
    }
  });
});

describe('the future', () => {
  it('does not reach any earlier row, however it lies', () => {
    const honest = randomMarket(14, 480);
    const lying: MarketHistory = { ...honest, panel: copyOf(honest.panel) };
    const random = seeded(99);
    for (const column of ['open', 'high', 'low', 'close', 'volume', 'marketCap', 'supply'] as const) {
      for (let asset = 0; asset < 14; asset++) {
        for (let day = 470; day < 480; day++) {
          lying.panel[column][asset * 480 + day] = random() < 0.2 ? Number.NaN : 1e6 * random() - 1e5;
        }
      }
    }
    const observed = observe(honest, [1, 2, 3, 4, 5, 6]);
    const lies = observe(honest, [1, 2, 3, 4, 5, 6], 77);
    const bend = <Row extends { time: string }>(rows: readonly Row[], false_: readonly Row[]) => [
      ...rows.filter(({ time }) => time < timeOf(honest.panel, 470)),
      ...false_.filter(({ time }) => time >= timeOf(honest.panel, 470)),
    ];
    const days = { from: 460, to: 470 };
    const told: FigureInput = {
      history: {
        ...lying,
        funding: bend(observed.history.funding, lies.history.funding),
        activity: bend(observed.history.activity, lies.history.activity),
        development: bend(observed.history.development, lies.history.development),
      },
      days,
      figures: { sentiment: bend(observed.figures.sentiment!, lies.figures.sentiment!) },
    };
    expect(gradesOf(told)).toEqual(gradesOf({ ...observed, days }));
    expect(factorsOf(told)).toEqual(factorsOf({ ...observed, days }));
  });

  it('nor does the past before the stated lookback', () => {
    const history = randomMarket(12, 600);
    const cut: MarketHistory = { ...history, panel: copyOf(history.panel) };
    for (let asset = 0; asset < 12; asset++) {
      clearBars(cut.panel, asset, 0, 590 - gradesFigure.lookbackDays);
      clearCaps(cut.panel, asset, 0, 590 - gradesFigure.lookbackDays);
    }
    const days = { from: 590, to: 593 };
    expect(gradesOf({ history: cut, days, figures: {} })).toEqual(gradesOf({ history, days, figures: {} }));
  });

  it('gives the same rows for a day alone as within a month', () => {
    const history = randomMarket(12, DAYS);
    const month = gradesOf(inputOf(history, DAYS - 30, DAYS));
    const alone = gradesOf(inputOf(history, DAYS - 10, DAYS - 9));
    expect(month.filter(({ time }) => time === alone[0]!.time)).toEqual(alone);
  });
});

describe('the order of assets', () => {
  it('does not matter', () => {
    const history = randomMarket(15, DAYS);
    const { panel } = history;
    const order = [7, 2, 14, 0, 9, 1, 13, 4, 11, 3, 12, 5, 10, 6, 8];
    const shuffled = emptyPanel(
      order.map((place) => ({ asset: panel.assets[place]! })),
      panel.days,
    );
    for (const column of ['open', 'high', 'low', 'close', 'volume', 'marketCap', 'supply'] as const) {
      for (const [to, from] of order.entries()) {
        shuffled[column].set(panel[column].subarray(from * DAYS, (from + 1) * DAYS), to * DAYS);
      }
    }
    const sorted = (rows: GradeRow[]) => rows.toSorted((a, b) => (a.asset < b.asset ? -1 : 1));
    expect(sorted(gradesOf(lastDay({ ...history, panel: shuffled })))).toEqual(
      sorted(gradesOf(lastDay(history))),
    );
  });
});

describe('what is not graded says why', () => {
  const reasonAfter = (bend: (panel: Panel) => void): string | null => {
    const history = randomMarket(12, DAYS);
    bend(history.panel);
    const rows = gradesOf(lastDay(history));
    const row = rowOf(rows, 'coin-0000')!;
    expect(row.trader).toBeNull();
    expect(row.investor).toBeNull();
    expect(rows.filter(({ trader }) => trader).length).toBe(11);
    return row.reason;
  };

  it('a dead coin', () => {
    expect(
      reasonAfter((panel) => {
        clearBars(panel, 0, DAYS - 20, DAYS);
        clearCaps(panel, 0, DAYS - 15, DAYS);
      }),
    ).toMatch(/^no bars since 2024-03-\d\d: delisted, dead or not collected$/);
  });

  it('a coin dead for longer than the lookback has no row', () => {
    const history = randomMarket(12, 900);
    clearBars(history.panel, 0, 100, 900);
    clearCaps(history.panel, 0, 100, 900);
    expect(rowOf(gradesOf(lastDay(history)), 'coin-0000')).toBeUndefined();
  });

  it('a young coin', () => {
    expect(
      reasonAfter((panel) => {
        clearBars(panel, 0, 0, DAYS - 12);
        clearCaps(panel, 0, 0, DAYS - 12);
      }),
    ).toBe('too little history: 12 bars in 60 days, 30 are needed');
  });

  it('a stablecoin, also while it is losing its peg', () => {
    expect(
      reasonAfter((panel) => {
        for (let day = 0; day < DAYS; day++)
          setBar(panel, 0, day, day > DAYS - 4 ? 0.8 : 1 + 0.001 * (day % 3));
      }),
    ).toBe('stablecoin: 57 of its last 60 closes lie within 3 % of 1 US dollar');
  });

  it('a coin pegged to another currency', () => {
    const random = seeded(4);
    expect(
      reasonAfter((panel) => {
        let close = 1.25;
        for (let day = 0; day < DAYS; day++) {
          close *= Math.exp(0.006 * (random() - 0.5));
          setBar(panel, 0, day, close);
        }
      }),
    ).toMatch(/^pegged: /);
  });

  it('a wrapped copy, and its original stays', () => {
    const random = seeded(4);
    expect(
      reasonAfter((panel) => {
        for (let day = 0; day < DAYS; day++) {
          setBar(panel, 0, day, panel.close[DAYS + day]! * (1 + 0.001 * random()));
          panel.marketCap[day] = panel.marketCap[DAYS + day]! / 50;
        }
      }),
    ).toBe('copy: moves as coin-0001 does (wrapped, bridged or staked)');
  });

  it('a redenominated or relaunched ticker', () => {
    expect(
      reasonAfter((panel) => {
        for (let day = DAYS - 10; day < DAYS; day++) panel.close[day]! *= 1000;
        for (let day = DAYS - 10; day < DAYS; day++) panel.high[day]! *= 1000;
      }),
    ).toMatch(/^bad data: the price changed more than 10-fold on 2024-03-\d\d/);
  });

  it('a relaunch is graded again, from its own history alone', () => {
    const history = randomMarket(12, DAYS);
    for (let day = 0; day < DAYS - 100; day++) {
      for (const column of [history.panel.close, history.panel.high, history.panel.low]) column[day]! /= 1e4;
    }
    const shares = factorsOf(lastDay(history))[0]!;
    const high = shares.trader.find(({ factor }) => factor === 'volatility-90')!;
    expect(Number(high.value)).toBeLessThan(0.1);
  });

  it('prices that cannot be', () => {
    for (const bend of [
      (panel: Panel) => {
        panel.close[DAYS - 3] = -5;
      },
      (panel: Panel) => {
        panel.high[DAYS - 3] = panel.close[DAYS - 3]! / 2;
      },
      (panel: Panel) => {
        panel.close[DAYS - 3] = Number.POSITIVE_INFINITY;
      },
    ]) {
      expect(reasonAfter(bend)).toMatch(/^bad data: the bar of 2024-04-02 has no possible prices/);
    }
  });

  it('a price that never moves', () => {
    expect(
      reasonAfter((panel) => {
        for (let day = 0; day < DAYS; day++) setBar(panel, 0, day, 7);
      }),
    ).toBe('bad data: the price did not move on most days: it is not traded');
  });

  it('one asset, or none', () => {
    const [row] = gradesOf(lastDay(randomMarket(1, DAYS)));
    expect(row!.trader).toBeNull();
    expect(row!.reason).toBe('nothing to be ranked among: 1 assets can be graded, 5 are needed');
    expect(factorsOf(lastDay(randomMarket(1, DAYS)))).toEqual([]);
    expect(gradesOf(lastDay(randomMarket(0, DAYS)))).toEqual([]);
  });

  it('an asset that only snapshots know has an Investor Grade with a wide interval', () => {
    const history = randomMarket(12, DAYS);
    clearBars(history.panel, 0, 0, DAYS);
    const row = rowOf(gradesOf(lastDay(history)), 'coin-0000')!;
    expect(row.trader).toBeNull();
    expect(row.reason).toBe(
      'no Trader Grade: there are no daily bars, only snapshots of market capitalisation',
    );
    expect(Number(row.investor!.high) - Number(row.investor!.low)).toBeGreaterThan(70);
  });
});

describe('broken input', () => {
  it('without volume the exchange part is missing, not zero', () => {
    const history = randomMarket(12, DAYS);
    history.panel.volume.fill(0);
    for (const { trader } of gradesOf(lastDay(history))) {
      expect(trader!.parts.exchange).toBeNull();
      expect(Number(trader!.high) - Number(trader!.low)).toBeGreaterThan(30);
    }
    history.panel.volume.fill(Number.NaN);
    for (const { trader } of gradesOf(lastDay(history))) expect(trader!.parts.exchange).toBeNull();
  });

  it('without market capitalisations, and with equal ones, there still is a grade', () => {
    const history = randomMarket(12, DAYS);
    history.panel.marketCap.fill(Number.NaN);
    history.panel.supply.fill(Number.NaN);
    expect(gradesOf(lastDay(history)).every(({ trader }) => trader !== null)).toBe(true);
    history.panel.marketCap.fill(5);
    history.panel.supply.fill(5);
    expect(gradesOf(lastDay(history)).every(({ trader }) => trader !== null)).toBe(true);
  });

  it('never lets a NaN or an infinity out', () => {
    const random = seeded(17);
    for (let round = 0; round < 12; round++) {
      const history = randomMarket(14, 200, round + 1);
      const { panel } = history;
      const poison = [Number.NaN, 0, -1, Number.POSITIVE_INFINITY, 1e300, 1e-300];
      for (const column of [panel.close, panel.high, panel.volume, panel.marketCap, panel.supply]) {
        for (let i = 0; i < 40; i++) {
          column[Math.floor(column.length * random())] = poison[Math.floor(poison.length * random())]!;
        }
      }
      const input = observe(history, [0, 1, 2, 3, 4, 5, 6], round);
      const text = JSON.stringify([gradesOf(input), factorsOf(input)]);
      expect(text).not.toMatch(/NaN|Infinity|"-0"|\d[eE][+-]?\d/);
    }
  });

  it('refuses weights that do not add up, unknown factors, and days that are not there', () => {
    const input = lastDay(randomMarket(6, 100));
    const weights = (trader: Record<string, string>) =>
      gradesFigure.compute(input, { ...GRADE_PARAMETERS, trader });
    expect(() => weights({ size: '0.5' })).toThrow(/sum of 1/);
    expect(() => weights({ size: '0.5', luck: '0.5' })).toThrow(/known factors/);
    expect(() => gradesOf({ ...input, days: { from: 0, to: 101 } })).toThrow(
      'expected days within 0 to 100, got 0 to 101',
    );
  });

  it('puts rows of several chains and venues of one day together, and leaves strangers out', () => {
    const history = randomMarket(12, DAYS);
    const input = observe(history, [0, 1, 2, 3, 4, 5, 6]);
    const halves: FigureInput = {
      ...input,
      history: {
        ...input.history,
        activity: input.history.activity.flatMap((row) => {
          const half = (value: string) => String(Number(value) / 2);
          const part = {
            ...row,
            activeAddresses: half(row.activeAddresses),
            holders: half(row.holders!),
            swapVolumeUsd: half(row.swapVolumeUsd!),
          };
          return [part, part, { ...part, asset: 'stranger' }];
        }),
      },
    };
    expect(gradesOf(halves)).toEqual(gradesOf(input));
  });
});

describe('size', () => {
  it('grades 6,000 assets', () => {
    const history = randomMarket(6000, 70);
    const rows = gradesOf(lastDay(history));
    expect(rows.length).toBe(6000);
    expect(rows.filter(({ trader, investor }) => trader && investor).length).toBeGreaterThan(5900);
  });
});

function copyOf(panel: Panel): Panel {
  const { open, high, low, close, volume, marketCap, supply } = panel;
  return {
    ...panel,
    open: open.slice(),
    high: high.slice(),
    low: low.slice(),
    close: close.slice(),
    volume: volume.slice(),
    marketCap: marketCap.slice(),
    supply: supply.slice(),
  };
}

function partOf(name: string): string {
  return FACTORS.find((factor) => factor.name === name)!.part;
}
