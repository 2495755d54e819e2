/**
 * Shows that the judge can be trusted: its statistics are scipy's, numpy's and the papers' own figures; dead coins
 * count and incomplete returns do not; it sees a planted signal, sees nothing in noise, and says when it knows too
 * little.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { FigureInput, MarketHistory } from '../figure.ts';
import { GRADE_PARAMETERS } from '../grades/grade-parameters.ts';
import { gradesFigure } from '../grades/grades.ts';
import {
  clearBars,
  clearCaps,
  inputOf,
  randomMarket,
  seeded,
  setBar,
  timeOf,
} from '../grades/random-market.fixture.ts';
import { dayIndex } from '../panel/index.ts';
import type { GradeRow } from '../rows.ts';
import { calibrate } from './calibration.ts';
import { decileReturns, decilesOf, monotonicity, tradingCost, turnoverOf } from './deciles.ts';
import {
  deflatedSharpe,
  expectedMaximumSharpe,
  normalCdf,
  normalQuantile,
  probabilisticSharpe,
  sharpeMoments,
} from './deflated-sharpe.ts';
import { EVALUATION_PARAMETERS, evaluationFigure, judgeRules, statusOf } from './evaluation.ts';
import { forwardReturn } from './forward-returns.ts';
import { type GradedDay, judge } from './judge.ts';
import { neweyWest, overlapLag } from './newey-west.ts';
import { spearman } from './rank-correlation.ts';
import { lieEffects } from './stability.ts';

describe('Spearman', () => {
  it('is scipy.stats.spearmanr, with ties', () => {
    expect(spearman([1, 2, 2, 4, 5, 5, 7], [3, 1, 2, 2, 6, 5, 5])).toBeCloseTo(0.6666666666666667, 14);
    expect(spearman([0.1, 0.1, 0.1, 3, 2], [5, 4, 4, 1, 9])).toBeCloseTo(-0.22941573387056177, 14);
  });

  it('leaves unknown pairs out, and is unknown without variance', () => {
    expect(spearman([1, 2, Number.NaN, 3], [1, 2, 9, 3])).toBe(1);
    expect(spearman([1, 1, 1, 1], [1, 2, 3, 4])).toBeNaN();
    expect(spearman([1, 2], [1, 2])).toBeNaN();
  });

  it('stays within ±1 and is symmetric', () => {
    const pairs = fc.array(fc.tuple(fc.integer({ min: -9, max: 9 }), fc.integer({ min: -9, max: 9 })), {
      minLength: 3,
    });
    fc.assert(
      fc.property(pairs, (all) => {
        const x = all.map(([a]) => a);
        const y = all.map(([, b]) => b);
        const value = spearman(x, y);
        if (Number.isNaN(value)) return;
        expect(Math.abs(value)).toBeLessThanOrEqual(1 + 1e-12);
        expect(spearman(y, x)).toBeCloseTo(value, 12);
      }),
    );
  });
});

describe('Newey–West', () => {
  const values = [0.3, -0.1, 0.4, 0.2, -0.5, 0.6, 0.1, 0, 0.35, -0.2];

  // e′We/n² with W the matrix of Bartlett weights, by numpy: another way to the same estimator.
  it.each([
    [0, 0.09748076733386951, 1.1797198888076816],
    [1, 0.0645193769343753, 1.782410269041658],
    [2, 0.04032988966015155, 2.8514831299830505],
    [4, 0.03570014005574768, 3.221275877921525],
  ])('with %i lags is the matrix form', (lag, standardError, t) => {
    const result = neweyWest(values, lag);
    expect(result.standardError).toBeCloseTo(standardError, 14);
    expect(result.t).toBeCloseTo(t, 11);
  });

  it('is unknown without variance or with one value', () => {
    expect(neweyWest([0.1, 0.1, 0.1], 1).t).toBeNaN();
    expect(neweyWest([1], 0).t).toBeNaN();
    expect(neweyWest([], 0).mean).toBeNaN();
  });

  it('takes twice the overlap as its lag, or the usual rule', () => {
    expect(overlapLag(100, 1)).toBe(4);
    expect(overlapLag(700, 7)).toBe(12);
    expect(overlapLag(700, 30)).toBe(58);
    expect(overlapLag(10, 30)).toBe(9);
    expect(overlapLag(0, 30)).toBe(0);
  });
});

describe('the deflated Sharpe ratio', () => {
  // The worked example of Bailey & López de Prado (2014): annual Sharpe 2.5 over five years of 250 days.
  const example = {
    sharpe: 2.5 / Math.sqrt(250),
    observations: 1250,
    skewness: -3,
    kurtosis: 10,
    trialVariance: 0.5 / 250,
  };

  it('is that of the paper’s example', () => {
    expect(expectedMaximumSharpe(100, example.trialVariance)).toBeCloseTo(0.1132, 4);
    expect(deflatedSharpe({ ...example, trials: 100 })).toBeCloseTo(0.9004, 4);
    expect(deflatedSharpe({ ...example, trials: 46 })).toBeCloseTo(0.9505, 4);
  });

  it('falls with every trial, and is the probabilistic Sharpe ratio with one', () => {
    expect(deflatedSharpe({ ...example, trials: 1 })).toBe(probabilisticSharpe({ ...example, benchmark: 0 }));
    const byTrials = [1, 2, 10, 100, 1000].map((trials) => deflatedSharpe({ ...example, trials }));
    expect(byTrials).toEqual(byTrials.toSorted((a, b) => b - a));
  });

  it('rests on a normal distribution that is scipy’s', () => {
    expect(normalCdf(-3.5)).toBeCloseTo(0.00023262907903552502, 15);
    expect(normalCdf(-1.96)).toBeCloseTo(0.024997895148220435, 15);
    expect(normalCdf(0.5)).toBeCloseTo(0.6914624612740131, 15);
    expect(normalCdf(5)).toBeCloseTo(0.9999997133484281, 15);
    expect(normalQuantile(0.001)).toBeCloseTo(-3.090232306167813, 9);
    expect(normalQuantile(0.975)).toBeCloseTo(1.959963984540054, 12);
    expect(normalQuantile(1 - 1 / 640)).toBeCloseTo(2.955166847497834, 9);
    expect(normalCdf(-40)).toBe(0);
    expect(normalCdf(40)).toBe(1);
  });

  it('and on moments that are scipy’s', () => {
    const moments = sharpeMoments([0.01, -0.02, 0.03, 0.015, -0.005, 0.02, -0.04, 0.01]);
    expect(moments.sharpe).toBeCloseTo(0.10873970905020999, 13);
    expect(moments.skewness).toBeCloseTo(-0.7493259956865109, 13);
    expect(moments.kurtosis).toBeCloseTo(2.4651205259313373, 13);
    expect(sharpeMoments([0.1, 0.1, 0.1]).sharpe).toBeNaN();
    expect(deflatedSharpe({ ...sharpeMoments([]), trials: 9, trialVariance: 1 })).toBeNaN();
  });
});

describe('deciles', () => {
  it('are formed by rank, and equal grades share one', () => {
    const grades = Array.from({ length: 20 }, (_, i) => i);
    expect([...decilesOf(grades)]).toEqual(grades.map((i) => Math.floor(i / 2)));
    expect([...decilesOf([5, 5, 5, 5])]).toEqual([5, 5, 5, 5]);
    expect([...decilesOf([1, Number.NaN, 2])]).toEqual([2, -1, 7]);
  });

  it('have means, an order, and a price to trade', () => {
    const { means, counts } = decileReturns([0, 0, 9], [0.1, 0.3, -0.2]);
    expect(means[0]).toBeCloseTo(0.2, 15);
    expect(means[9]).toBe(-0.2);
    expect(means[4]).toBeNaN();
    expect(counts[0]).toBe(2);
    expect(monotonicity([1, 2, 3, 4, 5, 6, 7, 8, 9, 10])).toBe(1);
    expect(monotonicity([10, 9, 8, 7, 6, 5, 4, 3, 2, 1])).toBe(-1);
    expect(turnoverOf(new Set(['a', 'b']), new Set(['b', 'c']))).toBe(0.5);
    expect(turnoverOf(new Set(['a']), new Set())).toBeNaN();
    // Half of one side and all of the other, sold and bought at 20 bps each.
    expect(tradingCost({ best: 0.5, worst: 1 }, 20)).toBeCloseTo(0.006, 15);
  });
});

describe('calibration', () => {
  const outcomes = (hit: (day: number, i: number) => boolean, days = 300) =>
    Array.from({ length: days * 10 }, (_, k) => {
      const day = Math.floor(k / 10);
      return { day, bucket: 'strong', hit: hit(day, k % 10) };
    });

  it('of a rate that keeps is good, with the Brier score p(1 − p)', () => {
    const { error, brier, buckets } = calibrate(
      outcomes((_, i) => i < 7),
      1,
    );
    expect(error).toBeLessThan(0.005);
    expect(brier).toBeCloseTo(0.7 * 0.3, 3);
    expect(buckets[0]!.observed).toBeCloseTo(0.7, 12);
  });

  it('of a rate that turns is bad', () => {
    const { error } = calibrate(
      outcomes((day, i) => (day < 150 ? i < 8 : i < 2)),
      1,
    );
    expect(error).toBeGreaterThan(0.2);
  });

  it('states nothing from outcomes that were not known yet', () => {
    expect(
      calibrate(
        outcomes(() => true, 50),
        51,
      ).stated,
    ).toBe(0);
    expect(calibrate([], 1).error).toBeNaN();
    // Day 11 is the first on which the 100 outcomes of days 0 to 9 are at least one embargo old.
    const { stated } = calibrate(
      outcomes(() => true, 12),
      2,
    );
    expect(stated).toBe(10);
  });
});

describe('forward returns', () => {
  const DAYS = 200;
  const market = () => {
    const history = randomMarket(3, DAYS);
    for (let day = 0; day < DAYS; day++) setBar(history.panel, 0, day, 100 + day);
    return history.panel;
  };
  const rules = { asOf: DAYS - 1, deadReturn: -0.5 };

  it('are simple returns, and not complete before their end', () => {
    const panel = market();
    expect(forwardReturn(panel, 0, 100, 7, rules)).toBeCloseTo(207 / 200 - 1, 15);
    expect(forwardReturn(panel, 0, 100, 7, { ...rules, asOf: 106 })).toBeNaN();
    expect(forwardReturn(panel, 0, 100, 7, { ...rules, asOf: 107 })).toBeCloseTo(0.035, 15);
  });

  it('of a missing day are those of the next bar, once it is there', () => {
    const panel = market();
    clearBars(panel, 0, 106, 109);
    expect(forwardReturn(panel, 0, 100, 7, { ...rules, asOf: 108 })).toBeNaN();
    expect(forwardReturn(panel, 0, 100, 7, rules)).toBeCloseTo(209 / 200 - 1, 15);
  });

  it('of a coin that stopped are known after 35 days: dead, fallen out, or alive elsewhere', () => {
    const panel = market();
    clearBars(panel, 0, 104, DAYS);
    expect(forwardReturn(panel, 0, 100, 7, { ...rules, asOf: 141 })).toBeNaN();
    expect(forwardReturn(panel, 0, 100, 7, rules)).toBeCloseTo(203 / 200 - 1, 15);
    // It had a capitalisation of 200, fell out of the snapshots, and the smallest that is left has 50.
    panel.marketCap[103] = 200;
    clearCaps(panel, 0, 104, DAYS);
    panel.marketCap[DAYS + 142] = 50;
    panel.marketCap[2 * DAYS + 142] = 70;
    expect(forwardReturn(panel, 0, 100, 7, rules)).toBeCloseTo((203 / 200) * (50 / 200) - 1, 15);
    clearCaps(panel, 0, 0, DAYS);
    expect(forwardReturn(panel, 0, 100, 7, rules)).toBeCloseTo((203 / 200) * 0.5 - 1, 15);
  });

  it('take a crash as a loss, and a relaunch as nothing', () => {
    const panel = market();
    for (let day = 105; day < DAYS; day++) setBar(panel, 0, day, 0.001);
    expect(forwardReturn(panel, 0, 100, 7, rules)).toBeCloseTo(0.001 / 200 - 1, 15);
    for (let day = 105; day < DAYS; day++) setBar(panel, 0, day, 1e6);
    expect(forwardReturn(panel, 0, 100, 7, rules)).toBeNaN();
  });

  it('of assets without bars go from snapshot to snapshot', () => {
    const panel = market();
    clearBars(panel, 0, 0, DAYS);
    panel.supply.fill(10, 0, DAYS);
    panel.marketCap.fill(1000, 0, 60);
    panel.marketCap.fill(1500, 60, 90);
    panel.marketCap.fill(600, 90, DAYS);
    panel.marketCap[DAYS + 125] = 90;
    expect(forwardReturn(panel, 0, 60, 30, rules)).toBeCloseTo(-0.6, 15);
    expect(forwardReturn(panel, 0, 61, 30, rules)).toBeNaN();
    expect(forwardReturn(panel, 0, 60, 7, rules)).toBeNaN();
    clearCaps(panel, 0, 120, DAYS);
    panel.marketCap[DAYS + 120] = 90;
    panel.marketCap[2 * DAYS + 120] = 95;
    expect(forwardReturn(panel, 0, 90, 30, rules)).toBeCloseTo(90 / 600 - 1, 15);
  });
});

/** Grades that know a share of the coming return; 0 is noise, as persistent as real grades. */
function plantedDays(horizon: number, knowledge: number, seed: number, days = 500): GradedDay[] {
  const random = seeded(seed);
  const assets = Array.from({ length: 30 }, (_, i) => `a${i}`);
  const normal = () => random() + random() + random() + random() - 2;
  const daily = Array.from({ length: days + horizon }, () => assets.map(() => 0.05 * normal()));
  const level = assets.map(() => 0);
  return Array.from({ length: days }, (_, day) => {
    const returns = assets.map((_, a) => {
      let sum = 0;
      for (let d = day; d < day + horizon; d++) sum += daily[d]![a]!;
      return sum;
    });
    const grades = assets.map((_, a) => {
      level[a] = 0.9 * level[a]! + normal();
      return level[a]! + knowledge * returns[a]!;
    });
    return { day, assets, grades, labels: grades.map((g) => (g > 0 ? 'strong' : 'weak')), returns };
  });
}

describe('the judge', () => {
  it('finds a planted signal at every horizon, and passes it', () => {
    for (const horizon of [1, 7, 30]) {
      const record = judge(plantedDays(horizon, 40, 3), judgeRules(horizon, EVALUATION_PARAMETERS));
      expect(record.rankIc).toBeGreaterThan(0.3);
      expect(record.neweyWestT).toBeGreaterThan(5);
      expect(record.monotonicity).toBeGreaterThan(0.9);
      expect(record.spreadAfterFees).toBeGreaterThan(0);
      expect(record.spreadAfterFees).toBeLessThan(record.spread);
      expect(record.calibration.buckets.find(({ bucket }) => bucket === 'strong')!.observed).toBeGreaterThan(
        0.55,
      );
      expect(statusOf(record, EVALUATION_PARAMETERS).status, `${horizon} days`).toBe('pass');
    }
  });

  it('sees nothing in noise', () => {
    let significant = 0;
    let sum = 0;
    for (let seed = 0; seed < 20; seed++) {
      for (const horizon of [1, 7]) {
        const record = judge(plantedDays(horizon, 0, seed, 300), judgeRules(horizon, EVALUATION_PARAMETERS));
        const { status, reason } = statusOf(record, EVALUATION_PARAMETERS);
        expect(status).toBe('fail');
        expect(reason).toMatch(/chance explains it|best of 640 trials/);
        if (Math.abs(record.neweyWestT) > 2.58) significant++;
        sum += record.rankIc;
      }
    }
    // Of 40 t statistics one in a hundred should be beyond 2.58.
    expect(significant).toBeLessThanOrEqual(3);
    expect(Math.abs(sum / 40)).toBeLessThan(0.01);
  });

  it('says so when the order held but did not pay', () => {
    // The extremes are turned round: the order holds in the middle, and the best tenth earns least.
    const days = plantedDays(1, 40, 3).map((one) => {
      const deciles = decilesOf(one.grades);
      return { ...one, returns: one.returns.map((value, i) => (deciles[i] === 9 ? -0.5 : value)) };
    });
    const { status, reason } = statusOf(
      judge(days, judgeRules(1, EVALUATION_PARAMETERS)),
      EVALUATION_PARAMETERS,
    );
    expect(status).toBe('fail');
    expect(reason).toMatch(/^the order held \(rank IC 0\.\d+, t \d+/);
    expect(reason).toMatch(/best tenth does not beat the worst after fees/);
  });

  it('does not count overlapping returns twice', () => {
    const record = judge(plantedDays(7, 40, 3), judgeRules(7, EVALUATION_PARAMETERS));
    expect(record.days).toBe(500);
    expect(record.moments.observations).toBe(72);
  });

  it('leaves out days with too few assets, and days that say nothing', () => {
    const [day] = plantedDays(1, 40, 3, 1);
    const rules = judgeRules(1, EVALUATION_PARAMETERS);
    const few = { ...day!, returns: day!.returns.map((value, i) => (i < 9 ? value : Number.NaN)) };
    const flat = { ...day!, grades: day!.grades.map(() => 50) };
    expect(judge([few, flat], rules).days).toBe(0);
    const nothing = judge([], rules);
    expect(nothing.rankIc).toBeNaN();
    expect(statusOf(nothing, EVALUATION_PARAMETERS).status).toBe('unknown');
  });
});

describe('the evaluation figure', () => {
  const ASSETS = 16;
  const DAYS = 330;

  /** Grades by a rule, for every day but the first 60. */
  function gradesBy(history: MarketHistory, rule: (asset: number, day: number) => number): GradeRow[] {
    const { panel } = history;
    return Array.from({ length: DAYS - 60 }, (_, i) => i + 60).flatMap((day) =>
      panel.assets.map((asset, a): GradeRow => {
        const grade = {
          grade: rule(a, day).toFixed(2),
          low: '0',
          high: '100',
          change: null,
          label: 'neutral' as const,
          parts: { technical: null, exchange: null, onChain: null, fundamental: null, sentiment: null },
        };
        return {
          time: timeOf(panel, day),
          asset,
          symbol: asset,
          trader: grade,
          investor: grade,
          reason: null,
        };
      }),
    );
  }
  const evaluate = (input: FigureInput) => evaluationFigure.compute(input, evaluationFigure.parameters);
  const future = (history: MarketHistory, asset: number, day: number, horizon: number) => {
    const at = asset * DAYS + day;
    const end = asset * DAYS + Math.min(day + horizon, DAYS - 1);
    return 50 + 100 * Math.log(history.panel.close[end]! / history.panel.close[at]!);
  };

  it('writes a row a grade and horizon, of decimals alone', () => {
    const history = randomMarket(ASSETS, DAYS);
    const input = inputOf(history, 60, DAYS);
    const grades = gradesFigure.compute(input, gradesFigure.parameters);
    const rows = evaluate({ ...input, figures: { grades } });
    expect(rows.map(({ grade, horizonDays }) => `${grade} ${horizonDays}`)).toEqual([
      'trader 1',
      'trader 7',
      'trader 30',
      'investor 1',
      'investor 7',
      'investor 30',
    ]);
    for (const row of rows) {
      expect(row.time).toBe(timeOf(history.panel, DAYS - 1));
      expect(row.trials).toBe(String(EVALUATION_PARAMETERS.trials));
      expect(JSON.stringify(row)).not.toMatch(/NaN|Infinity|"-0"/);
      expect(Number(row.stability)).toBeGreaterThan(0);
      expect(row.status).not.toBe('pass');
    }
  });

  it('finds what was planted at its horizon', () => {
    const history = randomMarket(ASSETS, DAYS);
    const grades = gradesBy(history, (asset, day) => future(history, asset, day, 7));
    const rows = evaluate({ ...inputOf(history, 60, DAYS), figures: { grades } });
    const week = rows.find(({ grade, horizonDays }) => grade === 'trader' && horizonDays === '7')!;
    expect(Number(week.rankIc)).toBeGreaterThan(0.99);
    expect(week.status).toBe('pass');
    expect(week.deciles.length).toBeGreaterThan(5);
  });

  it('says unknown with few days, and 30 days take more than 7', () => {
    const history = randomMarket(ASSETS, DAYS);
    const grades = gradesBy(history, (asset, day) => future(history, asset, day, 1));
    const early = evaluate({ ...inputOf(history, 99, 100), figures: { grades } });
    for (const { status, reason } of early) {
      expect(status).toBe('unknown');
      expect(reason).toMatch(/are needed$/);
    }
    const late = evaluate({ ...inputOf(history, DAYS - 1, DAYS), figures: { grades } });
    const status = (horizon: string) =>
      late.find(({ grade, horizonDays }) => grade === 'trader' && horizonDays === horizon)!.status;
    expect(status('1')).toBe('pass');
    expect(status('30')).toBe('unknown');
    expect(evaluate({ ...inputOf(history, DAYS - 1, DAYS), figures: {} })[0]!.status).toBe('unknown');
  });

  it('reads nothing after its day', () => {
    const honest = randomMarket(ASSETS, DAYS);
    const lying = randomMarket(ASSETS, DAYS);
    const random = seeded(3);
    for (let asset = 0; asset < ASSETS; asset++) {
      for (let day = 250; day < DAYS; day++) {
        setBar(lying.panel, asset, day, random() < 0.3 ? Number.NaN : 1000 * random());
        lying.panel.marketCap[asset * DAYS + day] = random() < 0.5 ? Number.NaN : 1e9 * random();
      }
    }
    const rule = (asset: number, day: number) => (asset * 37 + day * 11) % 100;
    const lies = (asset: number, day: number) => (day < 250 ? rule(asset, day) : 99 * random());
    expect(evaluate({ ...inputOf(lying, 249, 250), figures: { grades: gradesBy(lying, lies) } })).toEqual(
      evaluate({ ...inputOf(honest, 249, 250), figures: { grades: gradesBy(honest, rule) } }),
    );
  });

  it('counts dead coins with their losses', () => {
    const history = randomMarket(ASSETS, DAYS);
    // The worst graded coin falls to nothing and is gone.
    for (let day = 200; day < DAYS; day++) setBar(history.panel, 0, day, 0.0001);
    clearBars(history.panel, 0, 203, DAYS);
    clearCaps(history.panel, 0, 203, DAYS);
    const grades = gradesBy(history, (asset) => asset * 6).filter(
      ({ asset, time }) => asset !== 'coin-0000' || dayIndex(history.panel, time) < 203,
    );
    const of = (rows: GradeRow[]) =>
      evaluate({ ...inputOf(history, DAYS - 1, DAYS), figures: { grades: rows } })[1]!;
    const whole = of(grades);
    const survivors = of(grades.filter(({ asset }) => asset !== 'coin-0000'));
    expect(Number(whole.spreadBps)).toBeGreaterThan(Number(survivors.spreadBps) + 100);
  });

  it('shows less stability the more a source can move', () => {
    const input = inputOf(randomMarket(40, DAYS), DAYS - 1, DAYS);
    const effects = lieEffects(input, DAYS - 1, GRADE_PARAMETERS);
    expect(effects.map(({ lie }) => lie)).toEqual(['close', 'volume', 'market-cap']);
    for (const { trader, investor } of effects) {
      expect(trader).toBeGreaterThan(0.5);
      expect(trader).toBeLessThanOrEqual(1);
      expect(investor).toBeLessThanOrEqual(1);
    }
    // Capitalisation is a fifth of the Trader Grade and no part of the Investor Grade but through exchange factors.
    const cap = effects.find(({ lie }) => lie === 'market-cap')!;
    expect(cap.traderGain).toBeGreaterThan(0);
    expect(cap.trader).toBeLessThan(1);
  });

  it('needs the variance of the trials at every horizon', () => {
    const history = randomMarket(ASSETS, DAYS);
    expect(() =>
      evaluationFigure.compute(inputOf(history, DAYS - 1, DAYS), {
        ...EVALUATION_PARAMETERS,
        horizonsDays: [3],
      }),
    ).toThrow(/variance of the trials' Sharpe ratios at 3 days/);
  });
});
