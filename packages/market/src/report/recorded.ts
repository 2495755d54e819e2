import type { ActivityRow, DevelopmentRow, FigureName, FigureRows } from '../rows.ts';

/** A figure's row and the record that proves it, `<statement>.<row>`. */
export type Recorded<Row> = Row & { proof: { record: string } };

/** Rows that a report is composed from; of several days, the last is spoken of. */
export type ReportFigures = {
  readonly [Name in FigureName]?: readonly Recorded<FigureRows[Name]>[];
} & {
  readonly development?: readonly Recorded<DevelopmentRow>[];
  readonly activity?: readonly Recorded<ActivityRow>[];
};

/** Recorded figures as they can be asked for: `MarketView` of the pipeline is one. */
export interface ReportView {
  /** Rows of days in [from, to), RFC 3339; without both, the latest day's. Ascending in time. */
  rows<Name extends FigureName>(
    figure: Name,
    query?: { keys?: readonly string[]; from?: string; to?: string },
  ): readonly Recorded<FigureRows[Name]>[];
}

/** A record that a text rests on. */
export interface Source {
  record: string;
  figure: string;
  time: string;
  /** What the row is about, as people call it: identity, symbol, name. Empty for the market. */
  about: readonly string[];
  row: object;
}

/** A sentence without its full stop, and what it rests on. What rests on nothing has no number in it. */
export interface Claim {
  text: string;
  sources: readonly Source[];
}

export interface Section {
  heading: string;
  claims: readonly Claim[];
}

/** Sections as text, each sentence with the numbers of its sources in brackets; and the sources in that order. */
export function renderSections(sections: readonly Section[]): { text: string; sources: Source[] } {
  const sources: Source[] = [];
  const numberOf = (source: Source) => {
    const found = sources.findIndex(({ record }) => record === source.record);
    return found >= 0 ? found + 1 : sources.push(source);
  };
  const text = sections
    .filter(({ claims }) => claims.length > 0)
    .map(({ heading, claims }) => {
      const sentences = claims.map((claim) => {
        const marks = [...new Set(claim.sources.map(numberOf))].map((number) => `[${number}]`).join('');
        return `${claim.text}${marks === '' ? '' : ` ${marks}`}.`;
      });
      return (heading === '' ? '' : `${heading}\n`) + sentences.join(' ');
    })
    .join('\n\n');
  return { text, sources };
}
