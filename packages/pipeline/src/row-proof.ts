import { type Served, servedAs } from '@assay/checks/review';
import type { Decision, Level, SourceMode } from '@assay/core';
import { type Catalogue, type CatalogueEntry, decisionOnRow, standingOf, statementOf } from './catalogue.ts';

/** What proves a row of a figure. */
export interface RowProof {
  /** `<statement>.<row>`; its bundle is at `/v1/records/<record>/bundle`. */
  record: string;
  /** As what it is served; null before it was judged. */
  served: Served | null;
  level: Level | null;
  decision: Decision | null;
  /** Where the data came from: a figure from simulated data says so itself. */
  mode: SourceMode;
}

/** Gives the proof of each row of a statement. */
export function proverOf(catalogue: Catalogue, entry: CatalogueEntry): (row: number) => RowProof {
  const verdict = catalogue.verdictOn(entry.id);
  const standing = verdict && standingOf(verdict);
  const mode = modeOf(entry);
  return (row) => {
    const decision = standing && decisionOnRow(standing, row);
    const { served } =
      verdict && standing && decision
        ? servedAs({ ...standing, decision, required: verdict.required })
        : { served: null };
    return { record: `${entry.id}.${row}`, served, level: standing?.level ?? null, decision, mode };
  };
}

function modeOf({ entry }: CatalogueEntry): SourceMode {
  const { predicate } = statementOf(entry) as { predicate: { source?: { mode: SourceMode } } };
  return predicate.source?.mode ?? 'live';
}
