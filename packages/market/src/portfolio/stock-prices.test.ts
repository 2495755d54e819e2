/**
 * Agreement with the figures that PyPortfolioOpt's own tests state (release 1.5.6) for its 20 stocks, 1989–2018. The
 * prices are not ours to ship: set ASSAY_STOCK_PRICES to the folder `tests/resources` of its repository, or nothing
 * here runs. Differences are written to the console; docs/results/portfolio.md records them.
 */
import { existsSync, readFileSync } from 'node:fs';
import { afterAll, describe, expect, test } from 'vitest';
import { blackLitterman, impliedReturns, impliedRiskAversion } from './black-litterman.ts';
import {
  cvarOf,
  maximumReturnWithinCvar,
  minimumCvar,
  portfolioReturns,
} from './conditional-value-at-risk.ts';
import { type Constraints, plainConstraints } from './constraints.ts';
import {
  covarianceOf,
  exponentialCovariance,
  ledoitWolf,
  sampleCovariance,
  semiCovariance,
  volatilityOf,
} from './covariance.ts';
import { capitalAssetPricing, exponentialMean, historicalMean } from './expected-returns.ts';
import { clusterVariance, hierarchicalRiskParity } from './hierarchical-risk-parity.ts';
import { cholesky, dot, type Matrix, solveCholesky, zeros } from './linear-algebra.ts';
import {
  efficientReturn,
  efficientRisk,
  maximumSharpe,
  maximumUtility,
  minimumVariance,
} from './mean-variance.ts';

const folder = process.env.ASSAY_STOCK_PRICES;
const present = folder !== undefined && existsSync(`${folder}/stock_prices.csv`);
if (!present)
  console.log('skipped: ASSAY_STOCK_PRICES names no folder with stock_prices.csv and spy_prices.csv');

const differences: { figure: string; difference: number; stated: string }[] = [];
/** Compares and remembers. `within` is as tight as the figure's stated digits and its own solver allow. */
function agrees(figure: string, got: ArrayLike<number>, stated: number[], within = 1e-6): void {
  let worst = 0;
  for (const [i, value] of stated.entries()) worst = Math.max(worst, Math.abs(got[i]! - value));
  differences.push({ figure, difference: worst, stated: `within ${within}` });
  expect(worst, figure).toBeLessThan(within);
}

const MEAN = { periodsPerYear: 252, compounding: true };

describe.skipIf(!present)('PyPortfolioOpt on its own stocks', () => {
  const table = present ? read('stock_prices.csv') : { names: [], dates: [], columns: [] };
  const spy = present ? read('spy_prices.csv') : { names: [], dates: [], columns: [] };
  const { names } = table;
  const returns = table.columns.map(changes);
  const mu = historicalMean(returns, MEAN);
  const S = sampleCovariance(returns, 252);
  const complete = (() => {
    const days = table.dates
      .map((_, t) => t)
      .filter((t) => table.columns.every((column) => !Number.isNaN(column[t]!)));
    return table.columns.map((column) => changes(Float64Array.from(days, (t) => column[t]!)));
  })();
  const completeMu = (() => {
    return historicalMean(complete, MEAN);
  })();
  const zeroFilled = returns.map((series) => series.map((value) => (Number.isNaN(value) ? 0 : value)));
  const bounded = (lower: number, upper: number, change: Partial<Constraints> = {}): Constraints => ({
    ...plainConstraints(names, lower, upper),
    ...change,
  });
  const free = bounded(-Infinity, Infinity);
  const performance = (weights: Float64Array, covariance = S, expected = mu) => {
    const earned = dot(weights, expected);
    const volatility = volatilityOf(weights, covariance);
    return [earned, volatility, (earned - 0.02) / volatility];
  };
  const base = { covariance: S, expected: mu };
  afterAll(() => {
    const worst = Math.max(...differences.map(({ difference }) => difference));
    for (const { figure, difference, stated } of differences)
      console.log(`${difference.toExponential(1)}  ${figure} (${stated})`);
    console.log(`largest of ${differences.length}: ${worst.toExponential(2)}`);
  });

  test('expected returns', () => {
    expect([table.dates.length, names.length]).toEqual([7126, 20]);
    agrees(
      'historical mean',
      mu,
      [
        0.247967, 0.294304, 0.284037, 0.1923164, 0.371327, 0.1360093, 0.0328503, 0.1200115, 0.10554,
        0.0423457, 0.1002559, 0.1442237, -0.0792602, 0.1430506, 0.0736356, 0.238835, 0.388665, 0.226717,
        0.1561701, 0.2318153,
      ],
    );
    const alone = capitalAssetPricing(returns, { ...MEAN, riskFree: 0.02 });
    agrees(
      'CAPM, equally weighted market',
      alone.expected,
      [
        0.22148462799238577, 0.2835429647498704, 0.14693081977908462, 0.1488989354304723, 0.4162399750335195,
        0.22716772604184535, 0.3970337136813829, 0.16733214988182069, 0.31791477659742146,
        0.17279931642386534, 0.15271750464365566, 0.351778014382922, 0.32859883451716376, 0.1501938182844417,
        0.268295486802897, 0.31632339201710874, 0.27753479916328516, 0.16959588523287855, 0.3089119447773357,
        0.2558719211959501,
      ],
    );
    const moves = changes(spy.columns[0]!);
    const byDate = new Map(spy.dates.slice(1).map((date, t) => [date, moves[t]!]));
    const market = Float64Array.from(table.dates.slice(1), (date) => byDate.get(date) ?? Number.NaN);
    agrees(
      'CAPM, SPY',
      capitalAssetPricing(returns, { ...MEAN, market, riskFree: 0.02 }).expected,
      [
        0.09115799375654746, 0.09905386632033128, 0.05676282405265752, 0.06291827346436336,
        0.13147799781014877, 0.10239088012000815, 0.1311567086884512, 0.07339649698626659, 0.1301248935078549,
        0.07620949056643983, 0.07629095442513395, 0.12163575425541985, 0.10400070536161658,
        0.0781736030988492, 0.09185177050469516, 0.10245700691271296, 0.11268307946677197,
        0.07870087187919145, 0.1275598841214107, 0.09536788741392595,
      ],
    );
  });

  test('minimum variance', async () => {
    const long = await minimumVariance({ ...base, constraints: bounded(0, 1) });
    agrees(
      'minimum variance',
      performance(long),
      [0.15056821399482578, 0.15915084514118694, 0.8204054077060996],
    );
    const short = await minimumVariance({ ...base, constraints: free });
    agrees(
      'minimum variance, short',
      performance(short),
      [0.1516319319875544, 0.1555915367269669, 0.8460095886741129],
    );
    const spread = await minimumVariance({ ...base, constraints: bounded(0, 1), penalty: 1 });
    agrees(
      'minimum variance, L2',
      performance(spread),
      [0.17356099329164965, 0.1955254118258614, 0.785376140408869],
    );
    const costly = await minimumVariance({
      ...base,
      penalty: 1,
      constraints: bounded(0, 1, {
        cost: new Float64Array(20).fill(0.001),
        current: new Float64Array(20).fill(1 / 20),
      }),
    });
    agrees(
      'minimum variance, L2 and costs',
      performance(costly),
      [0.17363446634404042, 0.1959773703677164, 0.7839398296638683],
    );
    const recent = exponentialCovariance(returns, 252, 180);
    const calm = await minimumVariance({
      ...base,
      covariance: recent,
      constraints: bounded(0, 1),
      penalty: 1,
    });
    agrees(
      'minimum variance, exponential, L2',
      performance(calm, recent),
      [0.1829496087575576, 0.17835412793427002, 0.9136295898775636],
    );
  });

  test('greatest Sharpe ratio', async () => {
    const sharpe = (constraints: Constraints, more: object = {}) =>
      maximumSharpe({ ...base, constraints, riskFree: 0.02, ...more });
    agrees(
      'Sharpe',
      performance(await sharpe(bounded(0, 1))),
      [0.3047768672819914, 0.22165566922402932, 1.2847714127003216],
    );
    agrees(
      'Sharpe, short',
      performance(await sharpe(free)),
      [0.4937195216716211, 0.29516576454651955, 1.6049270564945908],
    );
    agrees(
      'Sharpe, L2',
      performance(await sharpe(bounded(0, 1), { penalty: 5 })),
      [0.2516854357026833, 0.22043282695478603, 1.051047790401043],
    );
    agrees(
      'Sharpe, short, L2',
      performance(await sharpe(free, { penalty: 1 })),
      [0.2995338981166366, 0.2234696161770517, 1.2508810052063901],
    );
    const falls = semiCovariance(returns, 252, 0);
    agrees(
      'Sharpe, semicovariance',
      performance(await sharpe(bounded(0, 1), { covariance: falls }), falls),
      [0.2762965426962885, 0.07372667096108301, 3.476307004714425],
    );
    agrees(
      'Sharpe, short, semicovariance',
      performance(await sharpe(bounded(-1, 1), { covariance: falls }), falls),
      [0.42444834528495234, 0.0898263632679403, 4.50255727350929],
    );
    const recent = exponentialCovariance(returns, 252, 180);
    agrees(
      'Sharpe, exponential',
      performance(await sharpe(bounded(0, 1), { covariance: recent }), recent),
      [0.33700887443850647, 0.1807332515488447, 1.7540152225548384],
    );
  });

  test('utility, efficient risk, efficient return', async () => {
    const neutral = bounded(-1, 1, { budget: 0 });
    agrees(
      'utility',
      performance(await maximumUtility({ ...base, constraints: bounded(0, 1), riskAversion: 2 })),
      [0.3677732711751504, 0.2921342197778279, 1.1904571516463793],
    );
    agrees(
      'utility, short',
      performance(await maximumUtility({ ...base, constraints: bounded(-1, 1), riskAversion: 1 })),
      [1.4170505733098597, 1.0438577623242156, 1.3383533884915872],
    );
    agrees(
      'utility, market neutral',
      performance(await maximumUtility({ ...base, constraints: neutral, riskAversion: 1 })),
      [1.248936321062371, 1.0219175004907117, 1.2025787996313317],
    );
    // These figures are as far from the target itself as their own solver is, about 1e-7 in the ratio.
    agrees(
      'efficient risk',
      performance(await efficientRisk({ ...base, constraints: bounded(0, 1), target: 0.19 })),
      [0.2552422849133517, 0.19, 1.2381172871434818],
    );
    agrees(
      'efficient risk, short',
      performance(await efficientRisk({ ...base, constraints: bounded(-1, 1), target: 0.19 })),
      [0.30035471606347336, 0.19, 1.4755511348079207],
    );
    agrees(
      'efficient risk, market neutral',
      performance(await efficientRisk({ ...base, constraints: neutral, target: 0.21 })),
      [0.28640632960825885, 0.21, 1.2686015698590967],
    );
    const recent = exponentialCovariance(returns, 252, 180);
    agrees(
      'efficient risk, exponential, market neutral',
      performance(
        await efficientRisk({ ...base, covariance: recent, constraints: neutral, target: 0.19 }),
        recent,
      ),
      [0.3934093962620499, 0.18999999989011893, 1.9653126130421081],
    );
    agrees(
      'efficient return',
      performance(await efficientReturn({ ...base, constraints: bounded(0, 1), target: 0.25 })),
      [0.25, 0.18723269942026335, 1.2284179030274036],
    );
    agrees(
      'efficient return, L2',
      performance(await efficientReturn({ ...base, constraints: bounded(0, 1), target: 0.25, penalty: 1 })),
      [0.25, 0.20961660883459776, 1.0972412981906703],
    );
    agrees(
      'efficient return, market neutral',
      performance(await efficientReturn({ ...base, constraints: neutral, target: 0.25 })),
      [0.25, 0.1833060046337015, 1.2547324920403273],
    );
    const factor = ledoitWolf(zeroFilled, 252, 'single-factor').covariance;
    agrees(
      'efficient return, single factor',
      performance(
        await efficientReturn({ ...base, covariance: factor, constraints: bounded(0, 1), target: 0.22 }),
        factor,
      ),
      [0.22, 0.08892163937693882, 2.2491713085967766],
    );
  });

  test('hierarchical risk parity', () => {
    const covariance = sampleCovariance(returns, 1);
    const correlation = zeros(20);
    for (const [i, a] of returns.entries())
      for (const [j, b] of returns.entries()) {
        const both = (series: Float64Array, other: Float64Array) =>
          series.map((value, t) => (Number.isNaN(other[t]!) ? Number.NaN : value));
        const [x, y] = [both(a, b), both(b, a)];
        correlation[i]![j] = covarianceOf(x, y) / Math.sqrt(covarianceOf(x, x) * covarianceOf(y, y));
      }
    const { weights, order } = hierarchicalRiskParity(covariance, { correlation });
    expect(order.slice(0, 5)).toEqual([12, 6, 15, 14, 2]);
    const arithmetic = historicalMean(returns, { periodsPerYear: 252, compounding: false });
    agrees(
      'HRP',
      performance(weights, S, arithmetic),
      [0.21353402380950973, 0.17844159743748936, 1.084579081272277],
    );
    const stated = new Map(
      readFileSync(`${folder}/weights_hrp.csv`, 'utf8')
        .trim()
        .split('\n')
        .slice(1)
        .map((line) => [line.split(',')[0]!, Number(line.split(',')[1])]),
    );
    agrees(
      'HRP weights',
      weights,
      names.map((name) => stated.get(name)!),
    );
    const ten = ['SHLD', 'AMD', 'BBY', 'RRC', 'FB', 'WMT', 'T', 'BABA', 'PFE', 'UAA'].map((name) =>
      names.indexOf(name),
    );
    agrees('HRP cluster variance', [clusterVariance(covariance, ten)], [0.00012842967106653283], 1e-12);
    const shrunk = ledoitWolf(zeroFilled, 252, 'constant-variance').covariance;
    agrees(
      'HRP, Ledoit-Wolf',
      [volatilityOf(hierarchicalRiskParity(shrunk).weights, shrunk)],
      [0.10002783894982334],
    );
  });

  test('Black-Litterman', () => {
    const market = changes(spy.columns[0]!);
    const utilities = readFileSync(`${folder}/../utilities_for_tests.py`, 'utf8');
    const caps = names.map((name) => Number(new RegExp(`"${name}": ([\\d.e]+)`).exec(utilities)![1]));
    const sum = caps.reduce((total, value) => total + value, 0);
    const marketWeights = Float64Array.from(caps, (value) => value / sum);
    const delta = impliedRiskAversion(market, 252, 0.02);
    agrees('risk aversion', [delta], [2.68549], 5e-6);
    const prior = impliedReturns(S, marketWeights, delta, 0.02);
    agrees(
      'prior',
      prior,
      [
        0.14933293, 0.2168623, 0.11219185, 0.10362374, 0.28416295, 0.12196098, 0.19036819, 0.08860159,
        0.17724273, 0.08779627, 0.0791797, 0.16460474, 0.12854665, 0.08657863, 0.11230036, 0.13875465,
        0.15017163, 0.09066484, 0.1696369, 0.13270213,
      ],
    );
    const view = (asset: string, expectedReturn: number, confidence?: number) => ({
      portfolio: Float64Array.from(names, (name) => (name === asset ? 1 : 0)),
      expectedReturn,
      ...(confidence === undefined ? {} : { confidence }),
    });
    const implied = (expected: Float64Array, covariance: Matrix) => {
      const raw = solveCholesky(cholesky(covariance)!, expected);
      const total = raw.reduce((all, value) => all + value, 0);
      return raw.map((value) => value / total);
    };
    const four = (confidences: (number | undefined)[]) =>
      (
        [
          ['GOOG', 0.4],
          ['AAPL', -0.3],
          ['FB', 0.3],
          ['BABA', 0],
        ] as const
      ).map(([asset, value], k) => view(asset, value, confidences[k]));
    const posterior = blackLitterman({ covariance: S, prior, views: four([]), tau: 0.05 });
    agrees(
      'Black-Litterman, market prior',
      performance(implied(posterior.expected, S), posterior.covariance, posterior.expected),
      [0.2580693114409672, 0.265445955488424, 0.8968654692926723],
    );
    const sure = blackLitterman({
      covariance: S,
      prior: impliedReturns(S, marketWeights, 1),
      views: four([1, 1, 0.25, 0.25]),
      tau: 0.05,
    });
    agrees(
      'Idzorek, prior',
      performance(implied(sure.expected, S), sure.covariance, sure.expected),
      [0.943431295405105, 0.5361412623208567, 1.722365653051476],
    );
    const five = (
      [
        ['AAPL', 0.2],
        ['BBY', -0.3],
        ['BAC', 0],
        ['SBUX', -0.2],
        ['T', 0.131321],
      ] as const
    ).map(([asset, value]) => view(asset, value));
    const equal = blackLitterman({
      covariance: S,
      prior: new Float64Array(20).fill(0.05),
      views: five,
      tau: 0.05,
    });
    agrees(
      'Black-Litterman, equal prior',
      performance(implied(equal.expected, S), equal.covariance, equal.expected),
      [0.1877432247395778, 0.3246889329226965, 0.5166274785827545],
    );
    const none = blackLitterman({ covariance: S, prior: new Float64Array(20), views: five, tau: 0.05 });
    const held = implied(none.expected, S);
    agrees(
      'Black-Litterman weights',
      ['AAPL', 'BAC', 'T', 'BBY', 'SBUX'].map((name) => held[names.indexOf(name)]!),
      [1.40675, 0.02651, 2.81117, -1.44667, -1.79776],
      6e-6,
    );
    const shrunk = ledoitWolf(zeroFilled, 252, 'constant-variance').covariance;
    const all = blackLitterman({
      covariance: shrunk,
      prior: exponentialMean(returns, { ...MEAN, span: 500 }),
      views: names.map((name) => view(name, 0.1)),
      tau: 0.05,
    });
    agrees(
      'Black-Litterman, EMA prior, Ledoit-Wolf',
      all.expected,
      [
        0.11168648, 0.16782938, 0.12516799, 0.24067997, 0.32848296, -0.22789895, 0.16311297, 0.11928542,
        0.25414308, 0.11007738, 0.06282615, -0.03140218, -0.16977172, 0.05254821, -0.10463884, 0.32173375,
        0.26399864, 0.1118594, 0.22999558, 0.08977448,
      ],
    );
  });

  test('CVaR', async () => {
    const tail = { returns: complete, confidence: 0.95, expected: completeMu };
    const figure = async (weights: Promise<Float64Array>) => {
      const found = await weights;
      return [dot(found, completeMu), cvarOf(portfolioReturns(found, complete), 0.95)];
    };
    const long = bounded(0, 1);
    const historical = (() => {
      const out: number[] = [];
      for (let t = 0; t < returns[0]!.length; t++)
        if (returns.every((series) => !Number.isNaN(series[t]!))) out.push(t);
      return returns.map((series) => Float64Array.from(out, (t) => series[t]!));
    })();
    const least = await minimumCvar({
      returns: historical,
      confidence: 0.95,
      expected: mu,
      constraints: long,
    });
    agrees(
      'least CVaR',
      [dot(least, mu), cvarOf(portfolioReturns(least, historical), 0.95)],
      [0.17745746040573562, 0.017049502122532853],
    );
    const reached = await minimumCvar({
      returns: historical,
      confidence: 0.95,
      expected: mu,
      constraints: long,
      targetReturn: 0.2,
    });
    agrees(
      'least CVaR for 20 %',
      [dot(reached, mu), cvarOf(portfolioReturns(reached, historical), 0.95)],
      [0.2, 0.017222],
    );
    agrees(
      'least CVaR for 25 %',
      await figure(minimumCvar({ ...tail, constraints: long, targetReturn: 0.25 })),
      [0.25, 0.021036631225933487],
    );
    agrees(
      'least CVaR for 26 %, short',
      await figure(minimumCvar({ ...tail, constraints: bounded(-3, 3), targetReturn: 0.26 })),
      [0.26, 0.01804624747353764],
    );
    agrees(
      'least CVaR, market neutral',
      await figure(minimumCvar({ ...tail, constraints: bounded(-1, 1, { budget: 0 }), targetReturn: 0.2 })),
      [0.2, 0.008481],
    );
    agrees(
      'return within CVaR',
      await figure(maximumReturnWithinCvar({ ...tail, constraints: long, targetCvar: 0.02 })),
      [0.2267893986249195, 0.02],
    );
    agrees(
      'return within CVaR, market neutral',
      await figure(
        maximumReturnWithinCvar({ ...tail, constraints: bounded(-1, 1, { budget: 0 }), targetCvar: 0.025 }),
      ),
      [0.5895653670063358, 0.025],
    );
  });
});

function read(file: string): { names: string[]; dates: string[]; columns: Float64Array[] } {
  const [head = '', ...lines] = readFileSync(`${folder}/${file}`, 'utf8').trim().split('\n');
  const names = head.split(',').slice(1);
  const rows = lines.map((line) => line.split(','));
  return {
    names,
    dates: rows.map(([date = '']) => date),
    columns: names.map((_, i) =>
      Float64Array.from(rows, (row) => (row[i + 1] ? Number(row[i + 1]) : Number.NaN)),
    ),
  };
}

function changes(prices: Float64Array): Float64Array {
  return Float64Array.from({ length: prices.length - 1 }, (_, t) => prices[t + 1]! / prices[t]! - 1);
}
