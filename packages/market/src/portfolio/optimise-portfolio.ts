import { AssayError, type Decimal, fromScaled, toScaled } from '@assay/core';
import { decimalOf } from '../decimal-of.ts';
import {
  blackLitterman,
  impliedReturns,
  impliedRiskAversion,
  type View,
  viewsFromGrades,
} from './black-litterman.ts';
import {
  maximumReturnWithinCvar,
  minimumCvar,
  portfolioReturns,
  valueAtRisk,
} from './conditional-value-at-risk.ts';
import type { Constraints } from './constraints.ts';
import {
  addRidge,
  exponentialCovariance,
  ledoitWolf,
  nearestPositive,
  sampleCovariance,
  semiCovariance,
  singularityOf,
  volatilityOf,
} from './covariance.ts';
import { capitalAssetPricing, equalWeighted, exponentialMean, historicalMean } from './expected-returns.ts';
import { hierarchicalRiskParity } from './hierarchical-risk-parity.ts';
import { dot, type Matrix } from './linear-algebra.ts';
import {
  efficientFrontier,
  efficientReturn,
  efficientRisk,
  maximumSharpe,
  maximumUtility,
  minimumVariance,
  nearestAllowed,
  netReturn,
} from './mean-variance.ts';
import type { PortfolioInputs } from './portfolio-inputs.ts';
import { LIMITS, type PortfolioRequest } from './portfolio-request.ts';
import { type Rebalance, rebalance } from './rebalance.ts';
import { riskContributions, riskParity } from './risk-parity.ts';
import { betasTo, factorShock, maximumDrawdown, scenarioOutcomes, worstWindows } from './stress.ts';

/** Name and version of the method; the version changes when the same request and inputs give another result. */
export const PORTFOLIO_METHOD = { name: 'portfolio', version: '1.0.0' } as const;

/** What to hold, what is expected of it and what it may lose. Rates per year, tail losses per period, as fractions. */
export interface PortfolioResult {
  method: { name: string; version: string };
  /** Last period of the inputs; null when these have no days. */
  asOf: string | null;
  /** Returns that were used. */
  periods: number;
  /** Weights sum exactly to the budget. */
  weights: {
    asset: string;
    weight: Decimal;
    /** Against the current weight. */
    change: Decimal;
    /** Share in the portfolio's variance; all shares sum to 1 up to rounding. */
    riskContribution: Decimal;
    expectedReturn: Decimal;
    volatility: Decimal;
  }[];
  /** Before the cost of trading. */
  expectedReturn: Decimal;
  volatility: Decimal;
  /** Null without volatility. */
  sharpe: Decimal | null;
  /** Of trading from the current weights, as a fraction of the capital. */
  tradingCost: Decimal;
  turnover: Decimal;
  grossLeverage: Decimal;
  /** Over the window, with the weights held fixed. */
  tail: { confidence: Decimal; valueAtRisk: Decimal; cvar: Decimal };
  drawdown: { drawdown: Decimal; from: string | null; to: string | null };
  /** Portfolios of least variance, by rising return after costs; weights in the order of `weights`. */
  frontier: { expectedReturn: Decimal; volatility: Decimal; sharpe: Decimal | null; weights: Decimal[] }[];
  stress: {
    windows: { periods: number; return: Decimal; from: string | null; to: string | null }[];
    shocks: { asset: string; move: Decimal; return: Decimal; contributions: Contribution[] }[];
    scenarios: { name: string; return: Decimal; contributions: Contribution[] }[];
    /** Over the scenarios; null unless all have a probability and these sum to 1. */
    expected: Decimal | null;
  };
  rebalance: Rebalance | null;
  leftOut: { asset: string; reason: string }[];
  /** What the reader should know of how this was made. */
  warnings: string[];
  /** The request with every default. */
  parameters: PortfolioRequest;
}

export interface Contribution {
  asset: string;
  return: Decimal;
}

const DIGITS = 10;
/** Weights nearer to zero than this are rounding of the solver. */
const NOTHING = 1e-9;

/**
 * The portfolio that a request asks for. The same request and inputs give the same result, digit for digit.
 *
 * @param request as {@link parsePortfolioRequest} returns it.
 * @throws ARGUMENT_INVALID for inputs that contradict each other, a covariance that cannot be inverted (with the assets
 * concerned), and constraints that cannot hold together (with their names and the least relaxation).
 * @example
 * const request = parsePortfolioRequest({ objective: { name: 'hrp' } });
 * (await optimisePortfolio(request, { assets: ['A', 'B'], prices: [[1, 2, 1, 2], [1, 1.1, 1, 1.2]] })).weights;
 */
export async function optimisePortfolio(
  request: PortfolioRequest,
  inputs: PortfolioInputs,
): Promise<PortfolioResult> {
  const warnings: string[] = [];
  const data = readInputs(request, inputs, warnings);
  const risk = covarianceFor(request, data, warnings);
  const model = expectationsFor(request, data, risk, warnings);
  const constraints = constraintsFor(request, data.assets, warnings);
  const raw = await weigh(request, data, model, constraints, warnings);
  const weights = exactWeights(raw, request.constraints.budget, constraints);
  const numbers = Float64Array.from(weights, Number);

  const riskFree = Number(request.riskFree);
  const sharpeOf = (earned: number, volatility: number) =>
    volatility > 1e-12 ? decimalOf((earned - riskFree) / volatility, DIGITS) : null;
  const earned = dot(numbers, model.expected);
  const volatility = volatilityOf(numbers, model.covariance);
  const contributions = riskContributions(numbers, model.covariance);
  const past = portfolioReturns(numbers, data.returns);
  const tail = valueAtRisk(past, Number(request.objective.confidence));
  const fall = maximumDrawdown(past);
  const traded = numbers.reduce((sum, value, i) => sum + Math.abs(value - constraints.current[i]!), 0);

  let frontier: PortfolioResult['frontier'] = [];
  if (request.frontierPoints > 0) {
    if (data.singular) warnings.push('no frontier: the covariance cannot be inverted');
    else {
      const points = await efficientFrontier({
        covariance: model.covariance,
        expected: model.expected,
        constraints,
        points: request.frontierPoints,
      });
      frontier = points.map((point) => ({
        expectedReturn: show(point.expectedReturn),
        volatility: show(point.volatility),
        sharpe: sharpeOf(point.expectedReturn, point.volatility),
        weights: exactWeights(point.weights, request.constraints.budget, constraints),
      }));
      if (request.constraints.maxAssets !== null)
        warnings.push('the frontier does not limit the number of assets');
    }
  }
  return {
    method: PORTFOLIO_METHOD,
    asOf: data.days.at(-1) ?? null,
    periods: data.periods,
    weights: data.assets.map((asset, i) => ({
      asset,
      weight: weights[i]!,
      change: show(numbers[i]! - constraints.current[i]!),
      riskContribution: show(contributions[i]!),
      expectedReturn: show(model.expected[i]!),
      volatility: show(Math.sqrt(Math.max(0, model.covariance[i]![i]!))),
    })),
    expectedReturn: show(earned),
    volatility: show(volatility),
    sharpe: sharpeOf(earned, volatility),
    tradingCost: show(earned - netReturn(numbers, { expected: model.expected, constraints })),
    turnover: show(traded / 2),
    grossLeverage: show(numbers.reduce((sum, value) => sum + Math.abs(value), 0)),
    tail: {
      confidence: request.objective.confidence,
      valueAtRisk: show(tail.valueAtRisk),
      cvar: show(tail.cvar),
    },
    drawdown: {
      drawdown: show(fall.drawdown),
      from: fall.trough < 0 ? null : (data.days[fall.peak + 1] ?? null),
      to: fall.trough < 0 ? null : (data.days[fall.trough + 1] ?? null),
    },
    frontier,
    stress: stressOf(request, data, numbers, warnings),
    rebalance: rebalanceTo(request, data.assets, weights),
    leftOut: data.leftOut,
    warnings,
    parameters: request,
  };
}

interface Data {
  assets: string[];
  returns: Float64Array[];
  /** Of the factor shocks, which may be assets outside the portfolio. */
  factors: Map<string, Float64Array>;
  /** One more than there are returns; shorter when not known. */
  days: string[];
  periods: number;
  marketCaps: (number | null)[];
  grades: (number | null)[];
  leftOut: { asset: string; reason: string }[];
  singular: boolean;
}

function readInputs(request: PortfolioRequest, inputs: PortfolioInputs, warnings: string[]): Data {
  const all = inputs.assets;
  const table = inputs.returns ?? inputs.prices;
  const places = new Map(all.map((asset, i) => [asset, i]));
  if (!table || table.length !== all.length || (inputs.returns && inputs.prices))
    refuse(`expected prices or returns, one row for each of ${all.length} assets`);
  if (places.size !== all.length) {
    const twice = all.find((asset, i) => all.indexOf(asset) !== i);
    refuse(`expected each asset once, got ${twice} twice`);
  }
  const length = table![0]?.length ?? 0;
  if (table!.some((row) => row.length !== length)) refuse('expected rows of one length');
  for (const [name, list] of [
    ['market capitalisation', inputs.marketCaps],
    ['grade', inputs.grades],
  ] as const)
    if (list && list.length !== all.length) refuse(`expected a ${name} for each of ${all.length} assets`);
  const wanted = request.assets ?? all;
  const unknown = wanted.find((asset) => !places.has(asset));
  if (unknown !== undefined) refuse(`expected assets of the inputs, got ${unknown}`);

  // A name that is mistyped would drop a constraint without a word.
  const { groups, assets: own } = request.constraints;
  const mistyped = [...groups.flatMap((group) => group.assets), ...own.map(({ asset }) => asset)].find(
    (asset) => !places.has(asset),
  );
  if (mistyped !== undefined) refuse(`constraints: expected assets of the inputs, got ${mistyped}`);

  const available = inputs.returns ? length : length - 1;
  const periods = Math.min(request.windowDays, available);
  if (periods < 2) refuse(`expected 2 returns or more, got ${Math.max(0, available)}`);
  if (periods < request.windowDays)
    warnings.push(`only ${periods} of ${request.windowDays} returns are there`);
  const series = (asset: string): { returns: Float64Array; reason: string | null } => {
    const row = table![places.get(asset)!]!;
    const out = new Float64Array(periods);
    const first = length - periods;
    for (let t = 0; t < periods; t++) {
      const now = row[first + t]!;
      const before = row[first + t - 1]!;
      out[t] = inputs.returns ? now : now / before - 1;
      const price = inputs.returns ? 1 + now : Math.min(now, before);
      if (!(price > 0) || !Number.isFinite(out[t]!)) {
        const what =
          Number.isNaN(price) || Number.isNaN(out[t]!) ? 'a missing value' : 'a price that is not positive';
        return { returns: out, reason: `${what} ${periods - t} periods before the end` };
      }
    }
    return { returns: out, reason: null };
  };
  const data: Data = {
    assets: [],
    returns: [],
    factors: new Map(),
    days: (inputs.days ?? []).slice(-(periods + (inputs.returns ? 0 : 1))),
    periods,
    marketCaps: [],
    grades: [],
    leftOut: [],
    singular: false,
  };
  // Returns without prices have no day before the first: its name stays empty.
  if (inputs.returns && data.days.length > 0) data.days.unshift('');
  for (const asset of wanted) {
    const { returns, reason } = series(asset);
    if (reason !== null) {
      if (request.gaps === 'reject') refuse(`${asset}: ${reason}`);
      data.leftOut.push({ asset, reason });
      continue;
    }
    data.assets.push(asset);
    data.returns.push(returns);
    data.marketCaps.push(inputs.marketCaps?.[places.get(asset)!] ?? null);
    data.grades.push(inputs.grades?.[places.get(asset)!] ?? null);
  }
  if (data.assets.length === 0) refuse('expected one asset or more with complete prices, got none');
  if (data.assets.length > LIMITS.assets)
    refuse(`expected at most ${LIMITS.assets} assets, got ${data.assets.length}`);
  const work = request.frontierPoints * data.assets.length;
  if (work > LIMITS.frontierWork)
    refuse(`expected at most ${LIMITS.frontierWork} frontier points times assets, got ${work}`);
  for (const { asset } of request.stress.shocks) {
    const place = data.assets.indexOf(asset);
    if (place >= 0) data.factors.set(asset, data.returns[place]!);
    else if (places.has(asset)) {
      const { returns, reason } = series(asset);
      if (reason === null) data.factors.set(asset, returns);
    }
  }
  return data;
}

function covarianceFor(request: PortfolioRequest, data: Data, warnings: string[]): Matrix {
  const { model, target, span, benchmark, repair, ridge } = request.riskModel;
  const { returns, assets, periods } = data;
  const year = request.periodsPerYear;
  let covariance: Matrix;
  if (model === 'ledoit-wolf') {
    const still = assets.filter((_, i) => returns[i]!.every((value) => value === returns[i]![0]));
    if (still.length > 0 && target !== 'constant-variance')
      refuse(`${target} shrinkage needs assets that move; these never moved: ${still.join(', ')}`);
    if (still.length > 0)
      warnings.push(
        `${still.join(', ')} never moved: the risk that is shown of it is the shrinkage target's alone`,
      );
    const shrunk = ledoitWolf(returns, year, target);
    covariance = shrunk.covariance;
    warnings.push(
      `the covariance is shrunk to ${target} by ${show(Math.round(shrunk.intensity * 1e4) / 1e4)}`,
    );
  } else if (model === 'semicovariance') covariance = semiCovariance(returns, year, Number(benchmark));
  else if (model === 'exponential') covariance = exponentialCovariance(returns, year, span);
  else covariance = sampleCovariance(returns, year);

  const found = singularityOf(covariance, assets, periods);
  if (!found) return covariance;
  const about = `the covariance cannot be inverted: ${found.reason} (${found.assets.join(', ')})`;
  if (repair === 'nearest') {
    warnings.push(`${about}; its eigenvalues below 1e-8 of the largest were lifted to that, as asked`);
    return nearestPositive(covariance, 1e-8);
  }
  if (repair === 'ridge') {
    const repaired = addRidge(covariance, Number(ridge));
    if (!singularityOf(repaired, assets, periods)) {
      warnings.push(`${about}; ${ridge} of the mean variance was added to each variance, as asked`);
      return repaired;
    }
  }
  // These invert nothing.
  const { name } = request.objective;
  const risky = covariance.every((row, i) => row[i]! > 0);
  if (
    name === 'min-cvar' ||
    name === 'efficient-cvar' ||
    (risky && (name === 'hrp' || name === 'risk-parity'))
  ) {
    warnings.push(about);
    data.singular = true;
    return covariance;
  }
  throw new AssayError('ARGUMENT_INVALID', `portfolio: ${about}`, {
    next: "leave out one of these assets, take a longer window, use riskModel 'ledoit-wolf', or ask for riskModel.repair",
    detail: { reason: found.reason, assets: found.assets },
  });
}

interface Model {
  expected: Float64Array;
  covariance: Matrix;
}

function expectationsFor(
  request: PortfolioRequest,
  data: Data,
  covariance: Matrix,
  warnings: string[],
): Model {
  const { model, compounding, span, values, tau, riskAversion, views, grades } = request.expectedReturns;
  const { returns, assets } = data;
  const mean = { periodsPerYear: request.periodsPerYear, compounding };
  const riskFree = Number(request.riskFree);
  if (model === 'historical-mean')
    return { expected: finite(historicalMean(returns, mean), assets), covariance };
  if (model === 'ema')
    return { expected: finite(exponentialMean(returns, { ...mean, span }), assets), covariance };
  if (model === 'given') {
    const given = new Map(values.map((item) => [item.asset, Number(item.return)]));
    const missing = assets.find((asset) => !given.has(asset));
    if (missing !== undefined) refuse(`expected a given return for every asset, got none for ${missing}`);
    return { expected: Float64Array.from(assets, (asset) => given.get(asset)!), covariance };
  }
  const marketWeights = marketOf(request, data);
  const market =
    request.expectedReturns.market === 'equal'
      ? equalWeighted(returns)
      : portfolioReturns(marketWeights, returns);
  if (model === 'capm') {
    const { expected } = capitalAssetPricing(returns, { ...mean, market, riskFree });
    return { expected: finite(expected, assets), covariance };
  }
  let delta: number;
  if (riskAversion === 'market') {
    delta = impliedRiskAversion(market, request.periodsPerYear, riskFree);
    if (!(delta > 0) || !Number.isFinite(delta)) {
      throw new AssayError(
        'ARGUMENT_INVALID',
        `portfolio: the market earned less than the risk-free rate, so it implies no risk aversion (${decimalOf(delta, 4)})`,
        { next: 'state expectedReturns.riskAversion as a number, for example 2.5' },
      );
    }
    warnings.push(`the market implies a risk aversion of ${show(delta)}`);
  } else delta = Number(riskAversion);
  const prior = impliedReturns(covariance, marketWeights, delta, riskFree);
  const place = new Map(assets.map((asset, i) => [asset, i]));
  const all: View[] = views.flatMap((view, k) => {
    const portfolio = new Float64Array(assets.length);
    for (const { asset, weight } of view.portfolio) {
      const i = place.get(asset);
      if (i === undefined) {
        if (!data.leftOut.some((item) => item.asset === asset))
          refuse(`view ${k + 1}: expected an asset of the portfolio, got ${asset}`);
        warnings.push(`view ${k + 1} is left out: it is about ${asset}, which was left out`);
        return [];
      }
      portfolio[i]! = Number(weight);
    }
    if (portfolio.every((weight) => weight === 0)) refuse(`view ${k + 1}: expected a weight other than 0`);
    return [
      {
        portfolio,
        expectedReturn: Number(view.return),
        ...(view.confidence === null ? {} : { confidence: Number(view.confidence) }),
      },
    ];
  });
  if (grades) {
    const implied = viewsFromGrades({
      grades: data.grades,
      prior,
      covariance,
      coefficient: Number(grades.informationCoefficient),
      ...(grades.confidence === null ? {} : { confidence: Number(grades.confidence) }),
    });
    if (implied.length === 0)
      warnings.push('the grades imply no views: fewer than two assets are graded, or all alike');
    all.push(...implied);
  }
  if (all.length === 0) return { expected: prior, covariance };
  const posterior = blackLitterman({ covariance, prior, views: all, tau: Number(tau) });
  return { expected: finite(posterior.expected, assets), covariance: posterior.covariance };
}

function marketOf(request: PortfolioRequest, { assets, marketCaps }: Data): Float64Array {
  if (request.expectedReturns.market === 'equal')
    return new Float64Array(assets.length).fill(1 / assets.length);
  const missing = assets.filter((_, i) => !((marketCaps[i] ?? 0) > 0));
  if (missing.length > 0)
    refuse(`expected a market capitalisation of every asset, got none of ${missing.slice(0, 8).join(', ')}`);
  const sum = marketCaps.reduce<number>((total, value) => total + value!, 0);
  return Float64Array.from(marketCaps, (value) => value! / sum);
}

function constraintsFor(request: PortfolioRequest, assets: string[], warnings: string[]): Constraints {
  const { budget, min, max, groups, grossLeverage, turnover, costBps } = request.constraints;
  const place = new Map(assets.map((asset, i) => [asset, i]));
  const lower = new Float64Array(assets.length).fill(Number(min));
  const upper = new Float64Array(assets.length).fill(Number(max));
  for (const own of request.constraints.assets) {
    const i = place.get(own.asset);
    if (i === undefined) {
      if (Number(own.min) > 0)
        refuse(`the least weight of ${own.asset} cannot be kept: it is not among the assets`);
      continue;
    }
    lower[i] = Number(own.min);
    upper[i] = Number(own.max);
  }
  const current = new Float64Array(assets.length);
  for (const { asset, weight } of currentWeights(request)) {
    const i = place.get(asset);
    if (i !== undefined) current[i] = weight;
    else if (weight !== 0)
      warnings.push(`${asset} is held but not among the assets: its sale is not in the turnover and cost`);
  }
  return {
    assets,
    budget: Number(budget),
    lower,
    upper,
    groups: groups.map((group) => ({
      name: group.name,
      members: group.assets.flatMap((asset) => place.get(asset) ?? []),
      lower: group.min === null ? -Infinity : Number(group.min),
      upper: group.max === null ? Infinity : Number(group.max),
    })),
    grossLeverage: grossLeverage === null ? Infinity : Number(grossLeverage),
    current,
    turnover: turnover === null ? Infinity : Number(turnover),
    cost: new Float64Array(assets.length).fill(Number(costBps) / 10_000),
  };
}

/** As stated; else of the holdings that are to be rebalanced. */
function currentWeights({
  currentWeights: stated,
  rebalance: held,
}: PortfolioRequest): { asset: string; weight: number }[] {
  if (stated.length > 0 || !held)
    return stated.map(({ asset, weight }) => ({ asset, weight: Number(weight) }));
  const value = held.positions.map(({ asset, quantity, price }) => ({
    asset,
    weight: Number(quantity) * Number(price),
  }));
  const total = value.reduce((sum, { weight }) => sum + weight, Number(held.cash));
  return total > 0 ? value.map(({ asset, weight }) => ({ asset, weight: weight / total })) : [];
}

async function weigh(
  request: PortfolioRequest,
  data: Data,
  model: Model,
  constraints: Constraints,
  warnings: string[],
): Promise<Float64Array> {
  const all = data.assets.map((_, i) => i);
  // What the last of the solutions has to say, not those on the way to it.
  let said: string[] = [];
  let weights = await solveFor(request, data, model, constraints, all, said);
  const most = request.constraints.maxAssets ?? all.length;
  const held = () => all.filter((i) => Math.abs(weights[i]!) > 1e-7);
  let dropped = false;
  while (held().length > most) {
    const kept = held().sort((a, b) => Math.abs(weights[b]!) - Math.abs(weights[a]!) || a - b);
    const needed = new Set(all.filter((i) => constraints.lower[i]! > 0 || constraints.upper[i]! < 0));
    // Half of the surplus at a time: the order of the small ones changes as the others go.
    let count = Math.ceil((kept.length - most) / 2);
    const active = new Set(kept);
    for (const i of kept.toReversed()) {
      if (count === 0) break;
      if (needed.has(i)) continue;
      active.delete(i);
      count--;
    }
    if (active.size === kept.length)
      refuse(`expected at most ${most} assets, but ${needed.size} have a least weight above 0`);
    dropped = true;
    said = [];
    try {
      weights = await solveFor(
        request,
        data,
        model,
        constraints,
        [...active].sort((a, b) => a - b),
        said,
      );
    } catch (error) {
      if (!(error instanceof AssayError)) throw error;
      throw new AssayError(
        error.code,
        `with ${active.size} assets, on the way to ${most}: ${error.message}`,
        {
          next: `raise maxAssets, or: ${error.next ?? ''}`,
          ...(error.detail ? { detail: error.detail } : {}),
        },
      );
    }
  }
  warnings.push(...said);
  if (dropped)
    warnings.push(
      `at most ${most} assets by a greedy heuristic (the smallest weights are dropped in rounds): another choice of assets may be better`,
    );
  return weights;
}

async function solveFor(
  request: PortfolioRequest,
  data: Data,
  model: Model,
  whole: Constraints,
  active: readonly number[],
  warnings: string[],
): Promise<Float64Array> {
  const { objective } = request;
  const { covariance, expected } = model;
  const inside = new Set(active);
  const constraints: Constraints =
    active.length === whole.assets.length
      ? whole
      : {
          ...whole,
          lower: whole.lower.map((value, i) => (inside.has(i) ? value : 0)),
          upper: whole.upper.map((value, i) => (inside.has(i) ? value : 0)),
        };
  const input = { covariance, expected, constraints, penalty: Number(objective.penalty) };
  const tail = { returns: data.returns, confidence: Number(objective.confidence), expected, constraints };
  switch (objective.name) {
    case 'min-variance':
      return minimumVariance(input);
    case 'max-sharpe':
      return maximumSharpe({ ...input, riskFree: Number(request.riskFree) });
    case 'max-utility':
      return maximumUtility({ ...input, riskAversion: Number(objective.riskAversion) });
    case 'efficient-return':
      return efficientReturn({ ...input, target: Number(objective.targetReturn) });
    case 'efficient-risk':
      return efficientRisk({ ...input, target: Number(objective.targetVolatility) });
    case 'min-cvar':
      return minimumCvar({
        ...tail,
        ...(objective.targetReturn === null ? {} : { targetReturn: Number(objective.targetReturn) }),
      });
    case 'efficient-cvar':
      return maximumReturnWithinCvar({ ...tail, targetCvar: Number(objective.targetCvar) });
    case 'risk-parity':
    case 'hrp': {
      const part = active.map((i) => Float64Array.from(active, (j) => covariance[i]![j]!));
      const shares =
        objective.name === 'risk-parity'
          ? riskParity(part)
          : hierarchicalRiskParity(part, { distance: objective.hrpDistance }).weights;
      const wanted = new Float64Array(whole.assets.length);
      for (const [k, i] of active.entries()) wanted[i] = shares[k]! * constraints.budget;
      if (allows(constraints, wanted)) return wanted;
      if (data.singular)
        refuse(
          `the ${objective.name} weights break the constraints, and the nearest allowed ones need a covariance that can be inverted`,
        );
      warnings.push(
        `the ${objective.name} weights break the constraints: these are the allowed ones with the least tracking error to them`,
      );
      return nearestAllowed(wanted, covariance, constraints);
    }
  }
}

function allows(constraints: Constraints, weights: Float64Array): boolean {
  const { lower, upper, groups, grossLeverage, turnover, current, budget } = constraints;
  const slack = 1e-10;
  let gross = 0;
  let traded = 0;
  let sum = 0;
  for (const [i, value] of weights.entries()) {
    if (value < lower[i]! - slack || value > upper[i]! + slack) return false;
    gross += Math.abs(value);
    traded += Math.abs(value - current[i]!);
    sum += value;
  }
  const kept = groups.every(({ members, lower: low, upper: high }) => {
    const held = members.reduce((total, i) => total + weights[i]!, 0);
    return held >= low - slack && held <= high + slack;
  });
  return (
    kept && gross <= grossLeverage + slack && traded / 2 <= turnover + slack && Math.abs(sum - budget) <= 1e-9
  );
}

/** Weights of ten digits that sum to the budget exactly: the largest one with room takes what rounding left. */
function exactWeights(raw: Float64Array, budget: Decimal, { lower, upper }: Constraints): Decimal[] {
  const scaled = Array.from(raw, (value) => toScaled(show(Math.abs(value) < NOTHING ? 0 : value), DIGITS));
  const rest = toScaled(show(Number(budget)), DIGITS) - scaled.reduce((sum, value) => sum + value, 0n);
  if (rest !== 0n) {
    const order = scaled.map((_, i) => i).sort((a, b) => Math.abs(raw[b]!) - Math.abs(raw[a]!) || a - b);
    const room = (i: number) => {
      const value = Number(scaled[i]! + rest) / 10 ** DIGITS;
      return value >= lower[i]! && value <= upper[i]!;
    };
    const place = order.find(room) ?? order[0]!;
    scaled[place]! += rest;
  }
  return scaled.map((value) => fromScaled(value, DIGITS));
}

function stressOf(
  { stress }: PortfolioRequest,
  { assets, returns, factors, days }: Data,
  weights: Float64Array,
  warnings: string[],
): PortfolioResult['stress'] {
  const contributionsOf = (parts: Float64Array) =>
    assets.flatMap((asset, i) => (parts[i] === 0 ? [] : [{ asset, return: show(parts[i]!) }]));
  const place = new Map(assets.map((asset, i) => [asset, i]));
  const scenarios = scenarioOutcomes(
    weights,
    stress.scenarios.map(({ name, probability, returns: moves }) => {
      const out = new Float64Array(assets.length);
      for (const move of moves) {
        const i = place.get(move.asset);
        if (i !== undefined) out[i] = Number(move.return);
      }
      return { name, returns: out, probability: probability === null ? null : Number(probability) };
    }),
  );
  return {
    windows: stress.windows.flatMap((periods) =>
      worstWindows(weights, returns, periods, 3).map((window) => ({
        periods,
        return: show(window.return),
        from: days[window.from + 1] ?? null,
        to: days[window.to + 1] ?? null,
      })),
    ),
    shocks: stress.shocks.flatMap(({ asset, move }) => {
      const factor = factors.get(asset);
      if (!factor) {
        warnings.push(`no shock of ${asset}: the inputs have no complete prices of it`);
        return [];
      }
      const { return: moved, contributions } = factorShock(weights, betasTo(factor, returns), Number(move));
      return [{ asset, move, return: show(moved), contributions: contributionsOf(contributions) }];
    }),
    scenarios: scenarios.outcomes.map(({ name, return: moved, contributions }) => ({
      name,
      return: show(moved),
      contributions: contributionsOf(contributions),
    })),
    expected: scenarios.expected === null ? null : show(scenarios.expected),
  };
}

function rebalanceTo(
  request: PortfolioRequest,
  assets: readonly string[],
  weights: readonly Decimal[],
): Rebalance | null {
  const { rebalance: held } = request;
  if (!held) return null;
  const targets = new Map(assets.map((asset, i) => [asset, weights[i]!]));
  const priced = new Set(held.positions.map(({ asset }) => asset));
  const missing = assets.find((asset, i) => weights[i] !== '0' && !priced.has(asset));
  if (missing !== undefined)
    refuse(`request.rebalance.positions: expected ${missing} with its price, got none`);
  return rebalance({
    cash: held.cash,
    band: held.band,
    tradeTo: held.tradeTo,
    // What is held but not in the portfolio is sold.
    positions: held.positions.map((position) => ({
      ...position,
      targetWeight: targets.get(position.asset) ?? '0',
    })),
  });
}

function finite(values: Float64Array, assets: readonly string[]): Float64Array {
  const bad = assets.filter((_, i) => !Number.isFinite(values[i]!));
  if (bad.length > 0) {
    throw new AssayError(
      'ARGUMENT_INVALID',
      `portfolio: no expected return of ${bad.slice(0, 8).join(', ')}`,
      {
        next: 'use another return model, or leave these assets out',
      },
    );
  }
  return values;
}

function show(value: number): Decimal {
  const text = decimalOf(value, DIGITS);
  if (text === null) {
    throw new AssayError('ARGUMENT_INVALID', 'portfolio: a figure is out of range', {
      next: 'use a longer window, or leave out assets whose price rose or fell beyond measure',
    });
  }
  return text;
}

function refuse(message: string): never {
  throw new AssayError('ARGUMENT_INVALID', `portfolio: ${message}`, {
    next: 'correct the request or the inputs and ask again',
  });
}
