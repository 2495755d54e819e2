import { AssayError } from '@assay/core';
import { instantOfDay, type Panel } from '../panel/index.ts';

/** What a portfolio is computed from. One row an asset; missing values are NaN, or null for grades and capitalisations. */
export interface PortfolioInputs {
  assets: readonly string[];
  /** Prices per period, oldest first; or `returns` instead. */
  prices?: readonly ArrayLike<number>[];
  /** Simple returns per period, oldest first. */
  returns?: readonly ArrayLike<number>[];
  /** Start of each period of `prices`, or of `returns` when these are given; empty when not known. */
  days?: readonly string[];
  marketCaps?: readonly (number | null)[];
  /** 0 to 100. */
  grades?: readonly (number | null)[];
}

/**
 * Closing prices of a panel up to a day, and nothing later: `windowDays` returns. Assets with a missing or impossible
 * price in the window are left out and named, or refused.
 *
 * @param assets identities; null for all of the panel.
 * @param day place in the panel.
 * @param grades of that day by identity.
 * @throws ARGUMENT_INVALID for an unknown asset or day, and with `reject` for a gap.
 */
export function portfolioPanelInputs(
  panel: Panel,
  assets: readonly string[] | null,
  day: number,
  windowDays: number,
  {
    gaps = 'leave-out',
    grades,
  }: { gaps?: 'reject' | 'leave-out'; grades?: ReadonlyMap<string, number> } = {},
): { inputs: PortfolioInputs; leftOut: { asset: string; reason: string }[] } {
  if (!Number.isInteger(day) || day < 0 || day >= panel.days.length)
    refuse(`expected a day of the panel from 0 to ${panel.days.length - 1}, got ${day}`);
  if (!Number.isInteger(windowDays) || windowDays < 2)
    refuse(`expected a window of 2 days or more, got ${windowDays}`);
  const places = new Map(panel.assets.map((asset, i) => [asset, i]));
  const from = day - windowDays;
  const leftOut: { asset: string; reason: string }[] = [];
  const kept: { asset: string; place: number; prices: Float64Array }[] = [];
  const seen = new Set<string>();
  for (const asset of assets ?? panel.assets) {
    const place = places.get(asset);
    if (place === undefined) refuse(`expected assets of the panel, got ${asset}`);
    if (seen.has(asset)) refuse(`expected each asset once, got ${asset} twice`);
    seen.add(asset);
    const start = place! * panel.days.length;
    const prices = panel.close.slice(start + Math.max(0, from), start + day + 1);
    const reason =
      from < 0 ? `the panel begins ${-from} days too late for the window` : gapOf(prices, panel, from);
    if (reason === null) kept.push({ asset, place: place!, prices });
    else if (gaps === 'reject') refuse(`${asset}: ${reason}`);
    else leftOut.push({ asset, reason });
  }
  return {
    inputs: {
      assets: kept.map(({ asset }) => asset),
      prices: kept.map(({ prices }) => prices),
      days: panel.days.slice(Math.max(0, from), day + 1).map(instantOfDay),
      marketCaps: kept.map(({ place }) => known(panel.marketCap[place * panel.days.length + day]!)),
      ...(grades ? { grades: kept.map(({ asset }) => grades.get(asset) ?? null) } : {}),
    },
    leftOut,
  };
}

function gapOf(prices: Float64Array, panel: Panel, from: number): string | null {
  const gap = prices.findIndex((price) => !(price > 0 && price < Infinity));
  if (gap < 0) return null;
  const day = instantOfDay(panel.days[from + gap]!).slice(0, 10);
  return Number.isNaN(prices[gap]!) ? `no price on ${day}` : `price ${prices[gap]} on ${day}`;
}

function known(value: number): number | null {
  return Number.isFinite(value) && value > 0 ? value : null;
}

function refuse(message: string): never {
  throw new AssayError('ARGUMENT_INVALID', `portfolio: ${message}`, {
    next: 'choose other assets, another day or a shorter window',
  });
}
