import { AssayError } from '@assay/core';
import { black76, type OptionKind } from './black.ts';

/** One line of a portfolio on one underlying, in units of it. */
export type ScanPosition =
  | { instrument: string; kind: 'future'; size: number; price: number }
  | {
      instrument: string;
      kind: OptionKind;
      size: number;
      forward: number;
      strike: number;
      years: number;
      volatility: number;
    };

/** How the scan is made; all as fractions. */
export interface ScanParameters {
  /** Largest move of the price either way. */
  priceRange: number;
  /** Largest change of volatility, relative. */
  volatilityRange: number;
  /** How far the two extreme scenarios go, as a multiple of the price range, and what share of their loss counts. */
  extremeMove: number;
  extremeCover: number;
  /** Least margin of a short option, as a share of the underlying's price. */
  shortOptionMinimum: number;
}

/** As the method's published description has them, with a price range that fits bitcoin. */
export const SCAN_PARAMETERS: ScanParameters = {
  priceRange: 0.15,
  volatilityRange: 0.25,
  extremeMove: 3,
  extremeCover: 0.33,
  shortOptionMinimum: 0.001,
};

export interface ScanMargin {
  /** What has to be held: the worst scenario's loss, or the short options' minimum if that is more. */
  margin: number;
  scanRisk: number;
  shortOptionMinimum: number;
  /** The sixteen scenarios; `loss` is positive. */
  scenarios: { priceMove: number; volatilityMove: number; loss: number; cover: number }[];
  worst: number;
}

/**
 * Portfolio margin by scanning sixteen scenarios, as SPAN does (CME, "Standard Portfolio Analysis of Risk", risk
 * arrays): price unchanged and moved by one, two and three thirds of the range either way, each with volatility up and
 * down; and two extreme moves of which a share of the loss counts. Each position is priced anew in each scenario, so that
 * a hedge lowers the margin by what it is worth.
 *
 * @throws ARGUMENT_INVALID for no positions, more than 1,000, or values without a price.
 */
export function scanMargin(
  positions: readonly ScanPosition[],
  parameters: ScanParameters = SCAN_PARAMETERS,
): ScanMargin {
  if (positions.length === 0 || positions.length > 1_000)
    throw new AssayError('ARGUMENT_INVALID', `expected 1 to 1000 positions, got ${positions.length}`);
  const { priceRange, volatilityRange, extremeMove, extremeCover, shortOptionMinimum } = parameters;
  const ordinary = [0, 1, -1, 2, -2, 3, -3].flatMap((thirds) =>
    [1, -1].map((direction) => ({
      priceMove: (thirds / 3) * priceRange,
      volatilityMove: direction * volatilityRange,
      cover: 1,
    })),
  );
  const extreme = [1, -1].map((direction) => ({
    priceMove: Math.max(direction * extremeMove * priceRange, -0.99),
    volatilityMove: 0,
    cover: extremeCover,
  }));
  const today = positions.map((position) => worthOf(position, 0, 0));
  const scenarios = [...ordinary, ...extreme].map((scenario) => {
    let change = 0;
    for (const [i, position] of positions.entries())
      change += worthOf(position, scenario.priceMove, scenario.volatilityMove) - today[i]!;
    // No move of nothing is minus nothing.
    return { ...scenario, loss: change === 0 ? 0 : -change * scenario.cover };
  });
  let worst = 0;
  for (const [i, { loss }] of scenarios.entries()) if (loss > scenarios[worst]!.loss) worst = i;
  const scanRisk = Math.max(scenarios[worst]!.loss, 0);
  let least = 0;
  for (const position of positions)
    if (position.kind !== 'future' && position.size < 0)
      least += -position.size * position.forward * shortOptionMinimum;
  return { margin: Math.max(scanRisk, least), scanRisk, shortOptionMinimum: least, scenarios, worst };
}

function worthOf(position: ScanPosition, priceMove: number, volatilityMove: number): number {
  if (!Number.isFinite(position.size))
    throw new AssayError('ARGUMENT_INVALID', `${position.instrument}: expected a size`);
  if (position.kind === 'future') {
    if (!(position.price > 0))
      throw new AssayError('ARGUMENT_INVALID', `${position.instrument}: expected a positive price`);
    return position.size * position.price * (1 + priceMove);
  }
  const { size, kind, strike, years } = position;
  const { price } = black76({
    ...{ kind, strike, years },
    forward: position.forward * (1 + priceMove),
    volatility: Math.max(position.volatility * (1 + volatilityMove), 0),
  });
  return size * price;
}
