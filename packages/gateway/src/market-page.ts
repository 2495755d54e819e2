import { AssayError } from '@assay/core';
import type { FigureName } from '@assay/market';
import type { MarketRow, MarketView } from '@assay/pipeline';
import { DAY_MS, instant, latestEvaluation, type ServedRow, withBundle } from './market-figures.ts';

/** Figures with at most one row for an asset and a day. */
const PER_ASSET = [
  ...(['prices', 'grades', 'factors', 'signals', 'risk', 'levels'] as const),
  ...(['correlation', 'scenarios', 'sentiment'] as const),
] satisfies FigureName[];
/** How old a row may be and still be shown as the latest; its own time says how old it is. */
const LATEST_DAYS = 40;

/** Everything about one asset: what it is, the newest row of each figure, and how it came there. */
export interface AssetPage {
  mode: string;
  describe: string;
  /** Last day with figures. */
  asOf: string;
  asset: ServedRow<'assets'>;
  latest: { [Name in (typeof PER_ASSET)[number]]: ServedRow<Name> | null };
  narratives: ServedRow<'narratives'>[];
  guides: ServedRow<'guides'>[];
  /** Indices that hold it, with its weight. */
  indices: { index: string; name: string; weight: string; proof: ServedRow['proof'] }[];
  history: {
    days: number;
    prices: ServedRow<'prices'>[];
    grades: ServedRow<'grades'>[];
    signals: { time: string; signal: string; since: string; proof: ServedRow['proof'] }[];
  };
  evaluation: ServedRow<'evaluation'>[];
}

/** @throws NOT_FOUND for an identity that no row names. */
export function assetPage(market: MarketView, identity: string, days: number): AssetPage {
  const { mode, describe, to } = market.status();
  const asset = to === null ? null : findAsset(market, identity);
  if (to === null || !asset) throw noSuchAsset(market, identity);
  // A delisted asset is shown as it was when it was last traded.
  const end = Math.min(Date.parse(to), Date.parse(asset.lastBar)) + DAY_MS;
  const window = (length: number) => ({
    keys: [identity],
    from: instant(end - length * DAY_MS),
    to: instant(end),
  });
  const history = window(days);
  const latest = Object.fromEntries(
    PER_ASSET.map((figure) => {
      const row = market.rows(figure, window(LATEST_DAYS)).at(-1) as MarketRow | undefined;
      return [figure, row ? withBundle(row) : null];
    }),
  ) as AssetPage['latest'];
  return {
    mode,
    describe,
    asOf: to,
    asset: withBundle(asset),
    latest,
    narratives: market
      .rows('narratives')
      .filter(({ members }) => members.includes(identity))
      .map(withBundle),
    guides: market
      .rows('guides')
      .filter((row) => row.asset === identity)
      .map(withBundle),
    indices: market.rows('indices').flatMap((row) => {
      const holding = row.holdings.find((held) => held.asset === identity);
      if (!holding) return [];
      return [{ index: row.index, name: row.name, weight: holding.weight, proof: withBundle(row).proof }];
    }),
    history: {
      days,
      prices: market.rows('prices', history).map(withBundle),
      grades: market.rows('grades', history).map(withBundle),
      signals: market.rows('signals', history).map((row) => ({
        time: row.time,
        signal: row.signal,
        since: row.since,
        proof: withBundle(row).proof,
      })),
    },
    evaluation: latestEvaluation(market),
  };
}

/** Its newest row, of whatever day: a dead coin is not forgotten. */
function findAsset(market: MarketView, identity: string): MarketRow<'assets'> | null {
  const newest = market.rows('assets', { keys: [identity] }).at(-1);
  if (newest) return newest;
  const { from } = market.status();
  return (from && market.rows('assets', { keys: [identity], from }).at(-1)) || null;
}

function noSuchAsset(market: MarketView, identity: string): AssayError {
  if (market.rows('grades', { keys: [identity] }).length > 0) {
    return new AssayError(
      'NOT_FOUND',
      `${JSON.stringify(identity)} has no daily bars, only snapshots of its market capitalisation`,
      { next: `its grades: /v1/market/figures/grades?keys=${encodeURIComponent(identity)}` },
    );
  }
  const wanted = identity.toLowerCase();
  const alike = market
    .rows('assets')
    .filter(({ asset, symbol }) => symbol.toLowerCase() === wanted || asset.toLowerCase() === wanted)
    .slice(0, 5)
    .map(({ asset }) => asset);
  return new AssayError('NOT_FOUND', `no asset is known as ${JSON.stringify(identity.slice(0, 100))}`, {
    next: alike.length > 0 ? `did you mean ${alike.join(' or ')}?` : 'see /v1/market/figures/assets',
  });
}
