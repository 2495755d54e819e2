import { AssayError, compareDecimal, type Decimal, excerpt, isDecimal } from '@assay/core';
import { SHRINKAGE_TARGETS, type ShrinkageTarget } from './covariance.ts';

export const OBJECTIVES = [
  'min-variance',
  'max-sharpe',
  'max-utility',
  'efficient-return',
  'efficient-risk',
  'risk-parity',
  'hrp',
  'min-cvar',
  'efficient-cvar',
] as const;
export type ObjectiveName = (typeof OBJECTIVES)[number];

export const RETURN_MODELS = ['historical-mean', 'ema', 'capm', 'black-litterman', 'given'] as const;
export const RISK_MODELS = ['sample', 'semicovariance', 'exponential', 'ledoit-wolf'] as const;

/** Most of everything that a request may name. */
export const LIMITS = {
  assets: 300,
  windowDays: 4000,
  views: 100,
  groups: 100,
  frontierPoints: 100,
  /** Points of the frontier times assets: each point is an optimum of its own. */
  frontierWork: 5000,
  stressWindows: 8,
  shocks: 20,
  scenarios: 50,
  positions: 1000,
} as const;

/**
 * What to optimise, with every default filled in: also the parameters that a result is recorded with. Rates and
 * volatilities are per year as fractions (`0.2` is 20 %), weights fractions of the capital. All numbers are decimal
 * strings, counts integers.
 */
export interface PortfolioRequest {
  /** Null: all assets of the inputs. */
  assets: string[] | null;
  /** Returns that everything is estimated from. */
  windowDays: number;
  periodsPerYear: number;
  /** An asset with a gap in the window: refused, or left out and named. */
  gaps: 'reject' | 'leave-out';
  objective: {
    name: ObjectiveName;
    /** max-utility. */
    riskAversion: Decimal;
    /** efficient-return; with min-cvar the return that must be reached. */
    targetReturn: Decimal | null;
    /** efficient-risk, per year. */
    targetVolatility: Decimal | null;
    /** efficient-cvar, per period. */
    targetCvar: Decimal | null;
    /** Of value at risk and CVaR. */
    confidence: Decimal;
    /** γ of γ Σ w²; 0 for none. */
    penalty: Decimal;
    /** hrp: what is clustered. */
    hrpDistance: 'correlation' | 'columns';
  };
  expectedReturns: {
    model: (typeof RETURN_MODELS)[number];
    compounding: boolean;
    /** ema. */
    span: number;
    /** capm and the prior of black-litterman: what the market is. */
    market: 'equal' | 'market-caps';
    /** given. */
    values: { asset: string; return: Decimal }[];
    /** black-litterman. */
    tau: Decimal;
    /** black-litterman: a number, or what the market's own past implies. */
    riskAversion: Decimal | 'market';
    views: RequestView[];
    /** Views that grades imply; null for none. */
    grades: { informationCoefficient: Decimal; confidence: Decimal | null } | null;
  };
  riskModel: {
    model: (typeof RISK_MODELS)[number];
    target: ShrinkageTarget;
    span: number;
    /** semicovariance: return per period. */
    benchmark: Decimal;
    /** What is done to a covariance that cannot be inverted: nothing, unless asked. */
    repair: 'none' | 'nearest' | 'ridge';
    /** ridge: fraction of the mean variance that is added to every variance. */
    ridge: Decimal;
  };
  riskFree: Decimal;
  constraints: {
    budget: Decimal;
    /** Bounds of every asset that `assets` does not name. */
    min: Decimal;
    max: Decimal;
    assets: { asset: string; min: Decimal; max: Decimal }[];
    groups: { name: string; assets: string[]; min: Decimal | null; max: Decimal | null }[];
    grossLeverage: Decimal | null;
    /** Half the sum of |weight − current weight|. */
    turnover: Decimal | null;
    /** Cost of trading, in basis points of what is traded. */
    costBps: Decimal;
    /** Kept by a greedy heuristic: not the best of all subsets. */
    maxAssets: number | null;
  };
  currentWeights: { asset: string; weight: Decimal }[];
  /** 0 for none. */
  frontierPoints: number;
  stress: {
    /** Lengths in periods. */
    windows: number[];
    shocks: { asset: string; move: Decimal }[];
    scenarios: {
      name: string;
      probability: Decimal | null;
      /** Assets that are not named stay where they are. */
      returns: { asset: string; return: Decimal }[];
    }[];
  };
  rebalance: {
    cash: Decimal;
    band: Decimal;
    tradeTo: 'target' | 'band';
    positions: {
      asset: string;
      quantity: Decimal;
      price: Decimal;
      lot: Decimal;
      minNotional: Decimal;
      feeBps: Decimal;
    }[];
  } | null;
}

/** Weights of the view's portfolio: one asset at 1 is an absolute view. */
export interface RequestView {
  portfolio: { asset: string; weight: Decimal }[];
  return: Decimal;
  confidence: Decimal | null;
}

/**
 * Reads a request from the outside, fills in the defaults and refuses what it does not know.
 *
 * @throws ARGUMENT_INVALID with the path of the member, what was expected and what was there.
 * @example
 * parsePortfolioRequest({ objective: { name: 'min-variance' } }).constraints.max; // '1'
 */
export function parsePortfolioRequest(value: unknown): PortfolioRequest {
  const top = new Part(value, 'request');
  const objective = top.part('objective');
  const name = objective.oneOf('name', OBJECTIVES);
  const expected = top.part('expectedReturns', {});
  const risk = top.part('riskModel', {});
  const constraints = top.part('constraints', {});
  const stress = top.part('stress', {});
  const shorting = constraints.truth('shorting', false);

  const request: PortfolioRequest = {
    assets: top.has('assets') ? top.names('assets', LIMITS.assets) : top.absent('assets'),
    windowDays: top.count('windowDays', 2, LIMITS.windowDays, 365),
    periodsPerYear: top.count('periodsPerYear', 1, 366, 365),
    gaps: top.oneOf('gaps', ['reject', 'leave-out'] as const, 'leave-out'),
    objective: {
      name,
      riskAversion: objective.decimal('riskAversion', { above: '0', most: '1000000' }, '1'),
      targetReturn: objective.optional('targetReturn', { least: '-1', most: '1000' }),
      targetVolatility: objective.optional('targetVolatility', { above: '0', most: '1000' }),
      targetCvar: objective.optional('targetCvar', { above: '0', most: '1000' }),
      confidence: objective.decimal('confidence', { least: '0.5', most: '0.999' }, '0.95'),
      penalty: objective.decimal('penalty', { least: '0', most: '1000000' }, '0'),
      hrpDistance: objective.oneOf('hrpDistance', ['correlation', 'columns'] as const, 'correlation'),
    },
    expectedReturns: {
      model: expected.oneOf('model', RETURN_MODELS, 'historical-mean'),
      compounding: expected.truth('compounding', true),
      span: expected.count('span', 2, 100_000, 180),
      market: expected.oneOf('market', ['equal', 'market-caps'] as const, 'equal'),
      values: expected.list('values', LIMITS.assets, (item) => ({
        asset: item.text('asset'),
        return: item.decimal('return', { least: '-1', most: '1000' }),
      })),
      tau: expected.decimal('tau', { above: '0', most: '1' }, '0.05'),
      riskAversion:
        expected.peek('riskAversion') === 'market'
          ? expected.oneOf('riskAversion', ['market'] as const)
          : expected.decimal('riskAversion', { above: '0', most: '1000' }, '2.5'),
      views: expected.list('views', LIMITS.views, (item) => ({
        portfolio: item.list('portfolio', LIMITS.assets, (part) => ({
          asset: part.text('asset'),
          weight: part.decimal('weight', { least: '-100', most: '100' }),
        })),
        return: item.decimal('return', { least: '-1000', most: '1000' }),
        confidence: item.optional('confidence', { least: '0', most: '1' }),
      })),
      grades: expected.object('grades', (item) => ({
        informationCoefficient: item.decimal('informationCoefficient', { least: '-1', most: '1' }),
        confidence: item.optional('confidence', { least: '0', most: '1' }),
      })),
    },
    riskModel: {
      model: risk.oneOf('model', RISK_MODELS, 'ledoit-wolf'),
      target: risk.oneOf('target', SHRINKAGE_TARGETS, 'constant-variance'),
      span: risk.count('span', 2, 100_000, 180),
      benchmark: risk.decimal('benchmark', { least: '-1', most: '1' }, '0'),
      repair: risk.oneOf('repair', ['none', 'nearest', 'ridge'] as const, 'none'),
      ridge: risk.decimal('ridge', { above: '0', most: '100' }, '0.001'),
    },
    riskFree: top.decimal('riskFree', { least: '-1', most: '10' }, '0'),
    constraints: {
      budget: constraints.decimal('budget', { least: '-10', most: '10' }, '1'),
      min: constraints.decimal('min', { least: '-100', most: '100' }, shorting ? '-1' : '0'),
      max: constraints.decimal('max', { least: '-100', most: '100' }, '1'),
      assets: constraints.list('assets', LIMITS.assets, (item) => ({
        asset: item.text('asset'),
        min: item.decimal('min', { least: '-100', most: '100' }, shorting ? '-1' : '0'),
        max: item.decimal('max', { least: '-100', most: '100' }, '1'),
      })),
      groups: constraints.list('groups', LIMITS.groups, (item) => ({
        name: item.text('name'),
        assets: item.names('assets', LIMITS.assets),
        min: item.optional('min', { least: '-100', most: '100' }),
        max: item.optional('max', { least: '-100', most: '100' }),
      })),
      grossLeverage: constraints.optional('grossLeverage', { above: '0', most: '100' }),
      turnover: constraints.optional('turnover', { least: '0', most: '100' }),
      costBps: constraints.decimal('costBps', { least: '0', most: '10000' }, '0'),
      maxAssets: constraints.has('maxAssets')
        ? constraints.count('maxAssets', 1, LIMITS.assets)
        : constraints.absent('maxAssets'),
    },
    currentWeights: top.list('currentWeights', LIMITS.assets, (item) => ({
      asset: item.text('asset'),
      weight: item.decimal('weight', { least: '-100', most: '100' }),
    })),
    frontierPoints: top.count('frontierPoints', 0, LIMITS.frontierPoints, 0),
    stress: {
      windows: stress.has('windows')
        ? stress.counts('windows', LIMITS.stressWindows, LIMITS.windowDays)
        : [1, 7, 30],
      shocks: stress.list('shocks', LIMITS.shocks, (item) => ({
        asset: item.text('asset'),
        move: item.decimal('move', { least: '-1', most: '100' }),
      })),
      scenarios: stress.list('scenarios', LIMITS.scenarios, (item) => ({
        name: item.text('name'),
        probability: item.optional('probability', { least: '0', most: '1' }),
        returns: item.list('returns', LIMITS.assets, (part) => ({
          asset: part.text('asset'),
          return: part.decimal('return', { least: '-1', most: '1000' }),
        })),
      })),
    },
    rebalance: top.object('rebalance', (item) => ({
      cash: item.decimal('cash', { least: `-${AMOUNT}`, most: AMOUNT }),
      band: item.decimal('band', { least: '0', most: '1' }, '0'),
      tradeTo: item.oneOf('tradeTo', ['target', 'band'] as const, 'target'),
      positions: item.list('positions', LIMITS.positions, (part) => ({
        asset: part.text('asset'),
        quantity: part.decimal('quantity', { least: `-${AMOUNT}`, most: AMOUNT }, '0'),
        price: part.decimal('price', { above: '0', most: AMOUNT }),
        lot: part.decimal('lot', { above: '0', most: AMOUNT }, '0.00000001'),
        minNotional: part.decimal('minNotional', { least: '0', most: AMOUNT }, '0'),
        feeBps: part.decimal('feeBps', { least: '0', most: '10000' }, '0'),
      })),
    })),
  };
  for (const part of [top, objective, expected, risk, constraints, stress]) part.finish();

  const needs = {
    'efficient-return': 'targetReturn',
    'efficient-risk': 'targetVolatility',
    'efficient-cvar': 'targetCvar',
  } as const;
  if (name in needs) {
    const needed = needs[name as keyof typeof needs];
    if (request.objective[needed] === null)
      refuse(`request.objective.${needed}`, `a decimal string for ${name}`, undefined);
  }
  const penalised: readonly ObjectiveName[] = [
    'min-variance',
    'max-sharpe',
    'max-utility',
    'efficient-return',
  ];
  if (request.objective.penalty !== '0' && !penalised.includes(name))
    refuse('request.objective.penalty', `0 for ${name}`, request.objective.penalty);
  const { views, grades, model } = request.expectedReturns;
  if (model !== 'black-litterman' && (views.length > 0 || grades))
    refuse('request.expectedReturns.model', "'black-litterman' for views or grades", model);
  for (const [i, { portfolio }] of views.entries())
    if (portfolio.length === 0)
      refuse(`request.expectedReturns.views[${i}].portfolio`, 'at least one asset', []);
  return request;
}

const AMOUNT = '1000000000000000';

interface Range {
  least?: Decimal;
  above?: Decimal;
  most?: Decimal;
}

/** One object of the request: members are taken out one by one, and none may be left over. */
class Part {
  readonly #members: Map<string, unknown>;
  readonly #path: string;

  constructor(value: unknown, path: string) {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) refuse(path, 'an object', value);
    this.#members = new Map(Object.entries(value as object));
    this.#path = path;
  }

  peek(key: string): unknown {
    return this.#members.get(key);
  }

  /** Null counts as absent. */
  has(key: string): boolean {
    return (this.#members.get(key) ?? null) !== null;
  }

  take(key: string, fallback?: unknown): unknown {
    const found = this.has(key) ? this.#members.get(key) : fallback;
    this.#members.delete(key);
    return found;
  }

  part(key: string, fallback?: unknown): Part {
    return new Part(this.take(key, fallback), `${this.#path}.${key}`);
  }

  decimal(key: string, range: Range, fallback?: Decimal): Decimal {
    const found = this.take(key, fallback);
    const path = `${this.#path}.${key}`;
    if (!isDecimal(found) || found.length > 40) refuse(path, 'a decimal string', found);
    inRange(found as Decimal, range, path);
    return found as Decimal;
  }

  optional(key: string, range: Range): Decimal | null {
    return this.has(key) ? this.decimal(key, range) : this.absent(key);
  }

  text(key: string): string {
    return text(this.take(key), `${this.#path}.${key}`);
  }

  truth(key: string, fallback: boolean): boolean {
    const found = this.take(key, fallback);
    if (typeof found !== 'boolean') refuse(`${this.#path}.${key}`, 'true or false', found);
    return found as boolean;
  }

  count(key: string, least: number, most: number, fallback?: number): number {
    return integer(this.take(key, fallback), `${this.#path}.${key}`, least, most);
  }

  counts(key: string, length: number, most: number): number[] {
    return this.#array(key, length).map((item, i) => integer(item, `${this.#path}.${key}[${i}]`, 1, most));
  }

  names(key: string, most: number): string[] {
    const list = this.#array(key, most).map((item, i) => text(item, `${this.#path}.${key}[${i}]`));
    if (list.length === 0) refuse(`${this.#path}.${key}`, 'at least one asset', list);
    once(list, `${this.#path}.${key}`);
    return list;
  }

  oneOf<Value extends string>(key: string, values: readonly Value[], fallback?: Value): Value {
    const found = this.take(key, fallback);
    if (!values.includes(found as Value))
      refuse(`${this.#path}.${key}`, `one of ${values.join(', ')}`, found);
    return found as Value;
  }

  list<Item extends object>(key: string, most: number, read: (item: Part) => Item): Item[] {
    const items = this.#array(key, most).map((item, i) => {
      const part = new Part(item, `${this.#path}.${key}[${i}]`);
      const out = read(part);
      part.finish();
      return out;
    });
    // One asset may be shocked in several ways.
    if (key !== 'shocks')
      once(
        items.flatMap((item) => ('asset' in item ? [item.asset as string] : [])),
        `${this.#path}.${key}`,
      );
    return items;
  }

  object<Item>(key: string, read: (item: Part) => Item): Item | null {
    if (!this.has(key)) return this.absent(key);
    const part = this.part(key);
    const out = read(part);
    part.finish();
    return out;
  }

  finish(): void {
    for (const [key, value] of this.#members) refuse(`${this.#path}.${key}`, 'no such member', value);
  }

  absent(key: string): null {
    this.#members.delete(key);
    return null;
  }

  #array(key: string, most: number): unknown[] {
    const found = this.take(key, []);
    if (!Array.isArray(found)) refuse(`${this.#path}.${key}`, 'a list', found);
    const list = found as unknown[];
    if (list.length > most) refuse(`${this.#path}.${key}`, `at most ${most} items`, list.length);
    return list;
  }
}

function text(found: unknown, path: string): string {
  if (typeof found !== 'string' || found.length === 0 || found.length > 200)
    refuse(path, 'a text of 1 to 200 characters', found);
  return found as string;
}

function integer(found: unknown, path: string, least: number, most: number): number {
  if (typeof found !== 'number' || !Number.isInteger(found) || found < least || found > most)
    refuse(path, `an integer from ${least} to ${most}`, found);
  return found as number;
}

function once(assets: readonly string[], path: string): void {
  const seen = new Set<string>();
  for (const asset of assets) {
    if (seen.has(asset)) refuse(path, 'each asset once', asset);
    seen.add(asset);
  }
}

function inRange(value: Decimal, { least, above, most }: Range, path: string): void {
  if (least !== undefined && compareDecimal(value, least) < 0) refuse(path, `at least ${least}`, value);
  if (above !== undefined && compareDecimal(value, above) <= 0) refuse(path, `more than ${above}`, value);
  if (most !== undefined && compareDecimal(value, most) > 0) refuse(path, `at most ${most}`, value);
}

function refuse(path: string, expected: string, got: unknown): never {
  const composite = typeof got === 'object' && got !== null;
  const shown = composite ? (Array.isArray(got) ? 'a list' : 'an object') : String(got ?? 'nothing');
  throw new AssayError(
    'ARGUMENT_INVALID',
    `${path}: expected ${expected}, got ${typeof got === 'string' ? excerpt(got) : shown}`,
    {
      next: 'correct this member; docs/portfolio.md lists them all',
      detail: { path },
    },
  );
}
