/**
 * Shows that each factor measures what it says: on a series in closed form its values are numpy's and scipy's, and
 * below its stated number of observations it is unknown.
 */
import { describe, expect, it } from 'vitest';
import { FACTORS, type FactorView } from './factors.ts';
import { observedHistory } from './observed.ts';
import { clearBars, inputOf, randomMarket, setBar, timeOf } from './random-market.fixture.ts';

const DAYS = 460;

/** close = 100 exp(0.05 sin d + 0.001 d), volume = 1000 (2 + cos 3d), a million units in circulation. */
function waveView(): FactorView {
  const { panel } = randomMarket(1, DAYS);
  for (let day = 0; day < DAYS; day++) {
    const close = 100 * Math.exp(0.05 * Math.sin(day) + 0.001 * day);
    setBar(panel, 0, day, close, 1000 * (2 + Math.cos(3 * day)));
    panel.supply[day] = 1e6;
    panel.marketCap[day] = 1e6 * close;
  }
  const observed = observedHistory(inputOf(randomMarket(1, DAYS), 0, 1));
  return { panel, observed, asset: 0, day: DAYS - 1, start: DAYS - 400 };
}

const measure = (name: string, view: FactorView) =>
  FACTORS.find((factor) => factor.name === name)!.value(view);

describe('factors', () => {
  it.each([
    ['volatility-90', 0.03412059622924533],
    ['volatility-360', 0.04697396504417287],
    ['lottery-30', 0.048904613740250014],
    ['skew-90', -0.03262880594933033],
    ['high-90', -0.028877734380869078],
    ['reversal-3', 0.041685181081163876],
    ['volume-steadiness-30', 0.3231030491315715],
    ['volume-surge-7', 0.02536586186465473],
    ['turnover-30', -6.245118192937312],
    ['illiquidity-30', -16.02249784440131],
    ['size', 18.89576329123938],
    ['age', 399],
  ])('%s is what numpy computes', (name, expected) => {
    expect(measure(name, waveView())).toBeCloseTo(expected, 9);
  });

  it('are unknown below their number of observations', () => {
    const view = waveView();
    clearBars(view.panel, 0, 0, DAYS - 15);
    for (const name of [
      'volatility-90',
      'lottery-30',
      'skew-90',
      'high-90',
      'volume-steadiness-30',
      'volume-surge-7',
      'turnover-30',
      'illiquidity-30',
    ]) {
      expect(measure(name, view), name).toBeNaN();
    }
    // Months come from snapshots where there are no bars, so these need both to be gone.
    expect(measure('volatility-360', view)).toBeGreaterThan(0);
    view.panel.supply.fill(Number.NaN);
    expect(measure('volatility-360', view)).toBeNaN();
  });

  it('do not look behind a break in the price', () => {
    const view = { ...waveView(), start: DAYS - 40 };
    const whole = measure('skew-90', view);
    expect(whole).toBeNaN();
    expect(measure('lottery-30', view)).toBeCloseTo(0.048904613740250014, 9);
  });

  it('of funding, chains, forges and text are means over their windows', () => {
    const { panel } = randomMarket(1, DAYS);
    const asset = panel.assets[0]!;
    const time = (ago: number) => timeOf(panel, DAYS - 1 - ago);
    const daysAgo = Array.from({ length: 180 }, (_, i) => 179 - i);
    const observed = observedHistory({
      history: {
        panel,
        articles: [],
        funding: daysAgo.map((ago) => ({
          time: time(ago),
          asset,
          rate: ago < 7 ? '0.002' : '0.001',
          openInterestUsd: ago < 7 ? '300' : '100',
        })),
        activity: daysAgo.map((ago) => ({
          time: time(ago),
          asset,
          transfers: '1',
          activeAddresses: ago < 28 ? '299' : '99',
          holders: ago < 7 ? '120' : '100',
          topTenShare: ago === 0 ? '0.9' : '0.2',
          swapVolumeUsd: '500',
        })),
        development: daysAgo.map((ago) => ({
          time: time(ago),
          asset,
          commits: '3',
          contributors: ago < 45 ? '4' : '2',
          releasedAt: null,
        })),
      },
      days: { from: DAYS - 1, to: DAYS },
      figures: {
        sentiment: daysAgo.map((ago) => ({
          time: time(ago),
          asset,
          score: ago < 7 ? (ago === 3 ? null : '0.5') : '-1',
          label: 'unknown',
          articles: '1',
          positive: '0',
          negative: '0',
          latest: [],
        })),
      },
    });
    panel.marketCap[DAYS - 1] = 2000;
    const view: FactorView = { panel, observed, asset: 0, day: DAYS - 1, start: 0 };
    expect(measure('funding-7', view)).toBeCloseTo(0.002, 12);
    expect(measure('open-interest-growth', view)).toBeCloseTo(Math.log(3), 12);
    expect(measure('active-growth-28', view)).toBeCloseTo(Math.log(3), 12);
    // 90 days hold 28 of 299 and 62 of 99, the 90 before 99 alone.
    expect(measure('active-growth-90', view)).toBeCloseTo(Math.log((28 * 300 + 62 * 100) / 90 / 100), 12);
    expect(measure('holders-growth-30', view)).toBeCloseTo(Math.log(1.2), 12);
    expect(measure('concentration', view)).toBeCloseTo(0.3, 12);
    expect(measure('swap-use-28', view)).toBeCloseTo(0.25, 12);
    expect(measure('development-90', view)).toBeCloseTo(Math.log(4), 12);
    expect(measure('sentiment-7', view)).toBeCloseTo(0.5, 12);
    expect(measure('sentiment-30', view)).toBeCloseTo((6 * 0.5 - 23) / 29, 12);
  });
});
