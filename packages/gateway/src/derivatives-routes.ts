import { AssayError, type Decimal, normaliseDecimal } from '@assay/core';
import {
  black76,
  blackScholes,
  impliedVolatility,
  liquidationOf,
  marginTiers,
  perpetualProfit,
  SCAN_PARAMETERS,
  scanMargin,
  volatilityAt,
  volatilitySurface,
} from '@assay/market/derivatives';
import { significant } from '@assay/market/panel';
import { optionHedge, perpetualHedge, positionSize } from '@assay/market/portfolio';
import { codeDigest } from '@assay/pipeline';
import { z } from 'zod';
import type { App } from './app.ts';

const MAX_OPTIONS = 1_000;
const MAX_QUOTES = 5_000;
const MAX_POINTS = 1_000;
const MAX_PAYMENTS = 10_000;
const MAX_TIERS = 50;
const MAX_POSITIONS = 1_000;
const MAX_RETURNS = 5_000;
/** Five thousand quotes take a megabyte. */
const MAX_BODY_BYTES = 2 * 1024 * 1024;
/** Digits of an answer; a double has some fifteen. */
const DIGITS = 12;
/** Above any price, size and notional there is. */
const MOST = 1e12;
/** Below any price there is. */
const LEAST = 1e-12;

/** A decimal string as the double that the formulas take. */
function number({ least, most = MOST }: { least: number; most?: number }) {
  return z
    .string()
    .max(40)
    .regex(/^-?\d+(\.\d+)?$/, 'expected a decimal string like "0.05"')
    .transform(Number)
    .refine((value) => value >= least && value <= most, `expected a decimal from ${least} to ${most}`);
}
const price = number({ least: LEAST });
const size = number({ least: -MOST }).refine((value) => value !== 0, 'expected a size that is not 0');
const years = number({ least: 1e-8, most: 100 }).describe('years of 365 days to expiry');
const volatility = number({ least: 0, most: 100 })
  .refine((value) => value === 0 || value >= 1e-6, 'expected 0, or at least 0.000001')
  .describe('per year, as a fraction: 0.8 is 80 %');
const rate = number({ least: -10, most: 10 }).describe('per year, continuously compounded');
const fraction = number({ least: 0, most: 1 });
const kind = z.enum(['call', 'put']);
const name = z.string().min(1).max(100);
const instant = z
  .string()
  .regex(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/, 'expected a UTC time like 2021-02-26T08:00:00Z')
  .transform((text) => Date.parse(text))
  .refine((ms) => Number.isFinite(ms), 'expected a time that is in the calendar');
/** A step of quantities: as it is written, exactly. */
const lot = z
  .string()
  .max(40)
  .regex(/^\d+(\.\d{1,18})?$/, 'expected a decimal string of at most 18 fraction digits')
  .refine((text) => Number(text) > 0, 'expected a lot above 0')
  .transform(normaliseDecimal);

const option = { kind, strike: price, years, volatility, rate: rate.optional() };
const greeksBody = z.strictObject({
  options: z
    .array(
      z.discriminatedUnion('model', [
        z.strictObject({ model: z.literal('black-76'), forward: price, ...option }),
        z.strictObject({
          ...{ model: z.literal('black-scholes'), spot: price, yield: rate.optional() },
          ...option,
        }),
      ]),
    )
    .min(1)
    .max(MAX_OPTIONS),
});
const impliedBody = z.strictObject({
  options: z
    .array(
      z.strictObject({
        kind,
        forward: price,
        strike: price,
        years,
        price: number({ least: 0 }),
        rate: rate.optional(),
      }),
    )
    .min(1)
    .max(MAX_OPTIONS),
});
const surfaceBody = z.strictObject({
  at: instant,
  quotes: z
    .array(
      z.strictObject({
        ...{ instrument: name, kind, strike: price, expiry: instant, forward: price },
        price: number({ least: 0 }).nullable(),
      }),
    )
    .min(1)
    .max(MAX_QUOTES),
  points: z
    .array(z.strictObject({ logMoneyness: number({ least: -20, most: 20 }), expiry: instant }))
    .max(MAX_POINTS)
    .default([])
    .describe('where the surface is to be read: ln(strike / forward) and expiry'),
});
const position = { contract: z.enum(['linear', 'inverse']), size, entryPrice: price };
const profitBody = z.strictObject({
  ...position,
  exitPrice: price,
  funding: z
    .array(z.strictObject({ rate: number({ least: -1, most: 1 }), markPrice: price }))
    .max(MAX_PAYMENTS)
    .default([])
    .describe('each payment while it was held; longs pay when the rate is positive'),
  feeRate: fraction.optional(),
});
const liquidationBody = z.strictObject({
  ...position,
  collateral: number({ least: 0 }),
  markPrice: price,
  tiers: z
    .array(z.strictObject({ notional: price, maintenanceRate: number({ least: 1e-6, most: 1 }) }))
    .min(1)
    .max(MAX_TIERS)
    .describe('the venue’s margin schedule, ascending'),
});
const scanBody = z.strictObject({
  positions: z
    .array(
      z.discriminatedUnion('kind', [
        z.strictObject({ kind: z.literal('future'), instrument: name, size, price }),
        z.strictObject({ kind, instrument: name, size, forward: price, strike: price, years, volatility }),
      ]),
    )
    .min(1)
    .max(MAX_POSITIONS),
  parameters: z
    .strictObject({
      priceRange: number({ least: 0.001, most: 0.99 }).default(SCAN_PARAMETERS.priceRange),
      volatilityRange: fraction.default(SCAN_PARAMETERS.volatilityRange),
      extremeMove: number({ least: 1, most: 10 }).default(SCAN_PARAMETERS.extremeMove),
      extremeCover: fraction.default(SCAN_PARAMETERS.extremeCover),
      shortOptionMinimum: fraction.default(SCAN_PARAMETERS.shortOptionMinimum),
    })
    .default(SCAN_PARAMETERS),
});
const bps = number({ least: 0, most: 9_999 });
const sizeBody = z.strictObject({
  equity: price,
  side: z.enum(['long', 'short']),
  entryPrice: price,
  maxLoss: number({ least: 1e-9, most: 1 }).describe('share of the equity that may be lost'),
  measure: z.discriminatedUnion('kind', [
    z.strictObject({ kind: z.literal('stop'), stopPrice: number({ least: 0 }) }),
    z.strictObject({ kind: z.literal('atr'), atr: price, multiple: number({ least: 1e-6, most: 1_000 }) }),
    z.strictObject({ kind: z.literal('value-at-risk'), fraction: number({ least: 1e-9, most: 1 }) }),
  ]),
  feeBps: bps.default(0),
  slippageBps: bps.default(0),
  maxWeight: number({ least: 1e-6, most: 100 }).default(1),
  kelly: z
    .strictObject({
      ...{ winRate: fraction, payoff: number({ least: 1e-6, most: 1e6 }) },
      ...{ scale: number({ least: 1e-6, most: 1 }), cap: number({ least: 1e-6, most: 1 }) },
    })
    .optional(),
  lot,
  minNotional: number({ least: 0 }).default(0),
});
const returns = z
  .array(number({ least: -1, most: 1_000 }))
  .min(3)
  .max(MAX_RETURNS);
const date = z.string().regex(/^\d{4}-\d\d-\d\d(T\d\d:\d\d:\d\dZ)?$/, 'expected a date like 2021-02-26');
const hedgeBody = z.discriminatedUnion('with', [
  z.strictObject({
    with: z.literal('perpetual'),
    exposureUsd: number({ least: -MOST }),
    hedgeRatio: fraction.default(1),
    method: z.discriminatedUnion('kind', [
      z.strictObject({ kind: z.literal('beta'), beta: number({ least: -100, most: 100 }) }),
      z.strictObject({ kind: z.literal('minimum-variance'), exposure: returns, perpetual: returns }),
    ]),
    contractUnits: price,
    price,
    fundingPerDay: number({ least: -1, most: 1 }).default(0),
    horizonDays: number({ least: 0, most: 3_650 }).default(0),
    feeBps: bps.default(0),
  }),
  z.strictObject({
    with: z.literal('option'),
    strategy: z.enum(['protective-put', 'collar']),
    quantity: price,
    spot: price,
    expiry: date,
    maxLoss: number({ least: 1e-6, most: 0.999999 }),
    contractUnits: price,
    chain: z
      .array(
        z.strictObject({
          ...{ kind, strike: price, expiry: date, price: number({ least: 0 }) },
          delta: number({ least: -1, most: 1 }),
        }),
      )
      .min(1)
      .max(MAX_QUOTES),
  }),
]);

/** What computed an answer: whoever has the same code gets the same numbers. */
const FUNCTIONS = {
  greeks: ['market.greeks', 'market/src/derivatives/black.ts'],
  'implied-volatility': ['market.implied-volatility', 'market/src/derivatives/black.ts'],
  'volatility-surface': ['market.volatility-surface', 'market/src/derivatives/surface.ts'],
  'perpetual-profit': ['market.perpetual-profit', 'market/src/derivatives/perpetual.ts'],
  liquidation: ['market.liquidation', 'market/src/derivatives/perpetual.ts'],
  'scan-margin': ['market.scan-margin', 'market/src/derivatives/scan-margin.ts'],
  'position-size': ['market.position-size', 'market/src/portfolio/position-size.ts'],
  hedge: ['market.hedge', 'market/src/portfolio/hedge.ts'],
} as const;
type Tool = keyof typeof FUNCTIONS;
const VERSION = '1.0.0';

/**
 * Calculators: pure functions of the request. Nothing of an answer is recorded and none has a proof; the name, version and
 * code digest of what computed it let anybody compute it again.
 */
export function serveDerivatives(app: App): void {
  tool(app, 'greeks', 'Price and greeks of European options', greeksBody, ({ options }) => ({
    options: options.map((one) => {
      if (one.model === 'black-76') {
        const { model: _, rate: interest, ...given } = one;
        return shown(black76({ ...given, rate: interest ?? 0 }));
      }
      const { model: _, rate: interest, yield: income, ...given } = one;
      return shown(blackScholes({ ...given, rate: interest ?? 0, yield: income ?? 0 }));
    }),
  }));
  tool(
    app,
    'implied-volatility',
    'Volatility at which Black’s formula gives a price',
    impliedBody,
    ({ options }) => ({
      options: options.map(({ rate: interest, ...one }) => {
        const found = impliedVolatility({ ...one, rate: interest ?? 0 });
        return {
          volatility: found === null ? null : decimal(found, 'volatility'),
          reason:
            found === null
              ? 'no volatility gives this price: it is below what exercising is worth, or not below the underlying'
              : null,
        };
      }),
    }),
  );
  tool(
    app,
    'volatility-surface',
    'Implied volatility surface of a chain, and its volatility at some points',
    surfaceBody,
    (body) => {
      const quotes = body.quotes.map(({ expiry, ...quote }) => ({ ...quote, expiryMs: expiry }));
      const surface = volatilitySurface(quotes, body.at);
      return {
        slices: surface.slices.map(({ expiryMs, points, ...slice }) => ({
          expiry: timeOf(expiryMs),
          years: decimal(slice.years, 'years'),
          forward: decimal(slice.forward, 'forward'),
          points: points.map((point) => ({
            ...shown(point),
            volatility: decimal(Math.sqrt(point.totalVariance / slice.years), 'volatility'),
          })),
        })),
        left: surface.left,
        warnings: surface.warnings,
        points: body.points.map(({ logMoneyness, expiry }) => {
          const found = volatilityAt(surface, { logMoneyness, expiryMs: expiry });
          return {
            logMoneyness: decimal(logMoneyness, 'logMoneyness'),
            expiry: timeOf(expiry),
            volatility: found === null ? null : decimal(found, 'volatility'),
          };
        }),
      };
    },
  );
  tool(app, 'perpetual-profit', 'What a perpetual came to: price, funding and fees', profitBody, (body) => {
    const { contract, size: units, entryPrice, exitPrice, funding, feeRate = 0 } = body;
    const { payments, ...result } = perpetualProfit(
      { contract, size: units, entryPrice },
      { exitPrice, funding, feeRate },
    );
    return { ...shown(result), payments: String(payments), currency: settledIn(contract) };
  });
  tool(app, 'liquidation', 'Where an isolated perpetual would be liquidated', liquidationBody, (body) => {
    const { contract, size: units, entryPrice, collateral, markPrice } = body;
    const tiers = marginTiers(body.tiers);
    const {
      price: at,
      buffer,
      maintenanceMargin,
      marginRatio,
    } = liquidationOf({ contract, size: units, entryPrice }, { collateral, markPrice, tiers });
    return {
      price: at === null ? null : decimal(at, 'price'),
      buffer: buffer === null ? null : decimal(buffer, 'buffer'),
      ...shown({ maintenanceMargin, marginRatio }),
      tiers: tiers.map((one) => shown({ ...one })),
      currency: settledIn(contract),
    };
  });
  tool(app, 'scan-margin', 'Portfolio margin by sixteen scenarios', scanBody, ({ positions, parameters }) => {
    const { scenarios, worst, ...result } = scanMargin(positions, parameters);
    return {
      ...shown(result),
      worst: String(worst),
      scenarios: scenarios.map((one) => shown(one)),
      parameters: shown(parameters),
    };
  });
  tool(
    app,
    'position-size',
    'How much to buy so that being stopped out costs no more than a budget',
    sizeBody,
    ({ kelly, ...body }) => positionSize({ ...body, ...(kelly === undefined ? {} : { kelly }) }),
  );
  tool(
    app,
    'hedge',
    'Contracts of a perpetual, or options of a chain, that protect a holding',
    hedgeBody,
    (body) => {
      if (body.with === 'option') {
        const { with: _, ...request } = body;
        return optionHedge(request);
      }
      const { with: _, method, ...request } = body;
      return perpetualHedge({
        ...request,
        method:
          method.kind === 'beta'
            ? method
            : {
                kind: method.kind,
                exposure: Float64Array.from(method.exposure),
                perpetual: Float64Array.from(method.perpetual),
              },
      });
    },
  );
}

function tool<Body extends z.ZodType>(
  app: App,
  path: Tool,
  summary: string,
  body: Body,
  compute: (body: z.output<Body>) => object,
): void {
  const [title, source] = FUNCTIONS[path];
  app.post(
    `/v1/market/tools/${path}`,
    {
      bodyLimit: MAX_BODY_BYTES,
      schema: {
        summary,
        description:
          'A pure function of the request: nothing is recorded, and the answer has no proof. Numbers are decimal strings.',
        body,
        response: {
          200: z.object({
            function: z.object({
              name: z.string(),
              version: z.string(),
              digest: z.object({ sha256: z.string() }),
              source: z
                .string()
                .describe('file below packages/ whose digest it is, with all that it imports'),
            }),
            result: z.record(z.string(), z.unknown()),
            proof: z.null(),
            note: z.string(),
          }),
        },
      },
      validatorCompiler: () => (given: unknown) => read(body, given, path),
    },
    (request) => ({
      function: { name: title, version: VERSION, digest: { sha256: codeDigest(source) }, source },
      result: compute(request.body as z.output<Body>) as Record<string, unknown>,
      proof: null,
      note: 'computed from this request alone and recorded nowhere: the same code gives the same answer',
    }),
  );
}

/** The request as its schema reads it, or what is wrong with it and where. */
function read(body: z.ZodType, given: unknown, path: Tool): { value: unknown } | { error: Error } {
  const parsed = body.safeParse(given);
  if (parsed.success) return { value: parsed.data };
  const [issue] = parsed.error.issues;
  const at = issue!.path.reduce<string>(
    (text, step) => (typeof step === 'number' ? `${text}[${step}]` : `${text}${text && '.'}${String(step)}`),
    '',
  );
  return {
    error: new AssayError('ARGUMENT_INVALID', `${at || 'body'}: ${issue!.message}`.slice(0, 500), {
      next: `correct it and ask again; /openapi.json describes POST /v1/market/tools/${path}`,
    }),
  };
}

function settledIn(contract: 'linear' | 'inverse'): string {
  return contract === 'linear' ? 'the quote currency' : 'the base asset';
}

function shown<Name extends string>(values: { readonly [K in Name]: number }): Record<Name, Decimal> {
  return Object.fromEntries(
    Object.entries<number>(values).map(([member, value]) => [member, decimal(value, member)]),
  ) as Record<Name, Decimal>;
}

/** @throws ARGUMENT_INVALID for what no double can tell: an answer is a number or a refusal. */
function decimal(value: number, member: string): Decimal {
  const text = significant(value, DIGITS);
  if (text !== null) return text;
  throw new AssayError('ARGUMENT_INVALID', `${member}: the result is beyond what can be computed`, {
    next: 'give numbers of a market that there is',
  });
}

function timeOf(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 19)}Z`;
}
