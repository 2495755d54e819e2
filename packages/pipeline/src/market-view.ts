import type { SourceMode } from '@assay/core';
import type { FigureName, FigureRows } from '@assay/market';
import type { RowProof } from './row-proof.ts';

/** A figure's row with the record that proves it. */
export type MarketRow<Name extends FigureName = FigureName> = FigureRows[Name] & {
  proof: RowProof;
};

/** What the market's figures are, where they come from, and how far they go. */
export interface MarketStatus {
  mode: SourceMode;
  /** One sentence for people: what the data is and why it was chosen. */
  describe: string;
  /** First and last day with figures; null while there are none. */
  from: string | null;
  to: string | null;
  assets: number;
  /** Whether history is still being read in. */
  busy: boolean;
  /** Days that were read in, of those that there are. */
  progress: { days: number; of: number };
  figures: { figure: FigureName; stream: string; version: string; rows: number; to: string | null }[];
  /** Streams that the figures are made of. */
  observed: { stream: string; rows: number; to: string | null }[];
}

export interface MarketQuery {
  /** Only rows of these assets; for figures that have other keys (narratives, indices, guides), of these keys. */
  keys?: readonly string[] | undefined;
  /** Rows of days in [from, to), RFC 3339; without both, the latest day's rows. */
  from?: string | undefined;
  to?: string | undefined;
}

/** The market as others read it: recorded rows only, ascending in time, each with its proof. */
export interface MarketView {
  status(): MarketStatus;
  /** At most 100,000 rows. @throws ARGUMENT_INVALID for a period that would give more. */
  rows<Name extends FigureName>(figure: Name, query?: MarketQuery): MarketRow<Name>[];
  /** Builds a portfolio out of what is recorded; absent where the node builds none. @throws ARGUMENT_INVALID … */
  portfolio?(request: unknown): Promise<MarketPortfolio>;
}

/** A portfolio that somebody asked for. */
export interface MarketPortfolio {
  result: unknown;
  /** The record of the derivation; null when it was computed for the asker alone and is not logged. */
  proof: { record: string } | null;
}
