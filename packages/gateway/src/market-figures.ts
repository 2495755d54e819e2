import { AssayError } from '@assay/core';
import type { FigureName } from '@assay/market';
import type { MarketRow, MarketView } from '@assay/pipeline';

export const DAY_MS = 86_400_000;

/** Every figure that is served. The type makes this list complete. */
export const FIGURES = Object.keys({
  assets: true,
  prices: true,
  grades: true,
  factors: true,
  evaluation: true,
  signals: true,
  risk: true,
  levels: true,
  correlation: true,
  narratives: true,
  indices: true,
  scenarios: true,
  sentiment: true,
  guides: true,
} satisfies Record<FigureName, true>) as [FigureName, ...FigureName[]];

/** A row with the path of the bundle that proves it. */
export type ServedRow<Name extends FigureName = FigureName> = MarketRow<Name> & { proof: { bundle: string } };

export function bundlePath(record: string): string {
  return `/v1/records/${record}/bundle`;
}

export function withBundle<Name extends FigureName>(row: MarketRow<Name>): ServedRow<Name> {
  const proof = { ...row.proof, bundle: bundlePath(row.proof.record) };
  return { ...row, proof } as unknown as ServedRow<Name>;
}

/** @throws NOT_FOUND where the node follows no market. */
export function marketOf(market: MarketView | null): MarketView {
  if (market) return market;
  throw new AssayError('NOT_FOUND', 'this node follows no market, so that it has no figures', {
    next: 'ask a node that follows one',
  });
}

/** How good the grades have been, judged last. Travels beside every grade, good or bad; empty: not judged yet. */
export function latestEvaluation(market: MarketView): ServedRow<'evaluation'>[] {
  return market.rows('evaluation').map(withBundle);
}

/** RFC 3339 of an instant in milliseconds, to the second. */
export function instant(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 19)}Z`;
}

/** Start of the day after the last that has figures; null while none has. */
export function endOf(market: MarketView): number | null {
  const { to } = market.status();
  return to === null ? null : Date.parse(to) + DAY_MS;
}

/**
 * Rows of many days in pieces, newest first: the market refuses to give more than 100,000 at once.
 *
 * @param days starts of the first day and of the day after the last, in milliseconds.
 */
export function* rowsByPieces<Name extends FigureName>(
  market: MarketView,
  figure: Name,
  days: { from: number; to: number },
  keys?: readonly string[],
  rowsPerPiece = 90_000,
): Generator<MarketRow<Name>[]> {
  const perDay = Math.max(1, keys?.length ?? market.status().assets);
  const step = Math.max(1, Math.floor(rowsPerPiece / perDay)) * DAY_MS;
  // Newest first, so that a reader who wants few may stop early.
  for (let to = days.to; to > days.from; to -= step) {
    const from = Math.max(days.from, to - step);
    yield market.rows(figure, { keys, from: instant(from), to: instant(to) });
  }
}
