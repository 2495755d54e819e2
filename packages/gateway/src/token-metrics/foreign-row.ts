import { type Decimal, isDecimal, normaliseDecimal } from '@assay/core';
import type { MarketRow } from '@assay/pipeline';
import { bundlePath } from '../market-figures.ts';
import type { Token } from './token-book.ts';

/** A row in this format: upper-case names, JSON numbers, and `_proof`. */
export type ForeignRow = Record<string, unknown>;
type Source = { time: string; proof: MarketRow['proof'] };

/**
 * A row and what proves it. Numbers are JSON numbers here, because clients of this format expect them; a decimal that
 * a double cannot carry stands in `_proof.exact` too.
 *
 * @param sources the recorded row that it shows, then others that some of its members come from.
 */
export function foreignRow(
  sources: readonly [Source, ...(Source | null | undefined)[]],
  texts: Record<string, unknown>,
  numbers: Record<string, Decimal | null | undefined> = {},
): ForeignRow {
  const [first, ...rest] = sources;
  const others = rest.filter((source) => source != null);
  const exact: Record<string, Decimal> = {};
  const row: ForeignRow = { ...texts };
  for (const [name, decimal] of Object.entries(numbers)) {
    row[name] = numberOf(decimal);
    if (decimal != null && !roundTrips(decimal)) exact[name] = decimal;
  }
  row._proof = {
    ...proofOf(first),
    ...(others.length > 0 && { also: others.map(proofOf) }),
    ...(Object.keys(exact).length > 0 && { exact }),
  };
  return row;
}

/** Which token a row is about. */
export function tokenNames({ id, name, symbol }: Token) {
  return { TOKEN_ID: id, TOKEN_NAME: name, TOKEN_SYMBOL: symbol };
}

export function numberOf(decimal: Decimal | null | undefined): number | null {
  return decimal == null ? null : Number(decimal);
}

/** A percentage as a fraction, exactly: `12.34` is `0.1234`. */
export function fractionOf(percent: Decimal | null | undefined): Decimal | null {
  return percent == null ? null : normaliseDecimal(`${percent}e-2`);
}

/** How much a value grew, in percent with two digits; null when that cannot be said. */
export function percentChange(now: Decimal | null | undefined, before: number | null): Decimal | null {
  if (now == null || before === null || !(before > 0)) return null;
  return rounded(((Number(now) - before) / before) * 100, 2);
}

/** A double as a decimal; null for what is no number. */
export function rounded(value: number, digits: number): Decimal | null {
  return Number.isFinite(value) && Math.abs(value) < 1e20 ? normaliseDecimal(value.toFixed(digits)) : null;
}

export function dateOf(time: string): string {
  return time.slice(0, 10);
}

/** As JavaScript writes an instant: what this format's timestamps look like. */
export function timestampOf(time: string): string {
  return new Date(Date.parse(time)).toISOString();
}

export function proofOf({ time, proof }: Source) {
  return { ...proof, time, bundle: bundlePath(proof.record) };
}

function roundTrips(decimal: Decimal): boolean {
  const printed = String(Number(decimal));
  return (isDecimal(printed) ? printed : normaliseDecimal(printed)) === decimal;
}
