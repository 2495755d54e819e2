import type { Defect, Panel } from './panel/index.ts';
import type {
  ActivityRow,
  ArticleRow,
  BarRow,
  DevelopmentRow,
  FigureName,
  FigureRows,
  FundingRow,
  ObservedKind,
} from './rows.ts';

/** Everything that was accepted up to a day. Rows are ascending in time. */
export interface MarketHistory {
  panel: Panel;
  funding: readonly FundingRow[];
  articles: readonly ArticleRow[];
  activity: readonly ActivityRow[];
  development: readonly DevelopmentRow[];
  /** The bars that the panel was built from, venue by venue. */
  venues?: readonly { stream: string; rows: readonly BarRow[] }[];
  /** What was found wrong while building the panel. */
  defects?: readonly Defect[];
}

/** What a figure is computed from. */
export interface FigureInput {
  history: MarketHistory;
  /** Days of the panel that rows are wanted for, half open. The history ends with the last of them. */
  days: { from: number; to: number };
  /** Figures that this one reads, from the first day on that they exist. */
  figures: { readonly [Name in FigureName]?: readonly FigureRows[Name][] };
}

/**
 * A market figure: a pure function from what was accepted to rows. The row of a day reads nothing of later days, so
 * that a test may plant lies in the future and see no change.
 */
export interface Figure<
  Name extends FigureName = FigureName,
  Parameters = Readonly<Record<string, unknown>>,
> {
  name: Name;
  /** Changed when the same inputs give other rows. */
  version: string;
  /** Every number that the rows depend on beside the inputs; recorded with each derivation. No floats: decimal strings or integers. */
  parameters: Parameters;
  /** What it reads of the observed kinds, beside bars and market caps, and of the other figures. */
  reads: { observed: readonly ObservedKind[]; figures: readonly FigureName[] };
  /** Days before the first wanted day that may change its rows. */
  lookbackDays: number;
  compute(input: FigureInput, parameters: Parameters): FigureRows[Name][];
}
