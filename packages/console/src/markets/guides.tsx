import type { MarketRow } from '@assay/pipeline';
import { Link } from '@tanstack/react-router';
import { Sheet } from '../sheet.tsx';
import { useSymbols } from './asset-name.tsx';
import { GradeRecords } from './grade-record.tsx';
import { useFigure } from './market-api.ts';
import { Answered, MarketRoom } from './market-room.tsx';
import { day, numberOf } from './market-words.ts';
import { ProofLink } from './proof-link.tsx';

/** Lists of ten, each place with its reasons. */
export function GuidesPage() {
  const guides = useFigure('guides');
  return (
    <MarketRoom title="Guides" lead="Lists of ten by one published rule each, every place with its reasons.">
      <Answered
        query={guides}
        empty={{ when: ({ rows }) => rows.length === 0, words: 'No guide has been made yet.' }}
      >
        {({ rows, evaluation }) => (
          <>
            <GradeRecords evaluation={evaluation ?? []} />
            <div className="grid grid-cols-[repeat(auto-fit,minmax(min(100%,26rem),1fr))] items-start gap-5">
              {[...Map.groupBy(rows, ({ guide }) => guide)].map(([guide, places]) => (
                <Guide key={guide} places={places} />
              ))}
            </div>
          </>
        )}
      </Answered>
    </MarketRoom>
  );
}

function Guide({ places }: { places: MarketRow<'guides'>[] }) {
  const ordered = [...places].sort((a, b) => (numberOf(a.place) ?? 0) - (numberOf(b.place) ?? 0));
  const first = ordered[0]!;
  const symbolOf = useSymbols();
  return (
    <Sheet title={first.name} note={`as of ${day(first.time)}`}>
      <ol>
        {ordered.map(({ place, asset, reasons, proof }) => (
          <li key={asset} className="flex gap-3 border-b border-line px-5 py-2 last:border-0">
            <span className="figure w-5 shrink-0 text-right text-soft">{place}</span>
            <div className="min-w-0 flex-1">
              <p className="flex flex-wrap items-baseline justify-between gap-x-3">
                <Link to="/markets/$asset" params={{ asset }} className="font-semibold hover:underline">
                  {symbolOf(asset)}
                </Link>
                <ProofLink proof={proof} of={`place ${place} of ${first.name}`} />
              </p>
              <p className="text-[0.88rem] text-soft [overflow-wrap:anywhere]">{reasons.join('; ')}</p>
            </div>
          </li>
        ))}
      </ol>
    </Sheet>
  );
}
