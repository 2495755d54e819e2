import { useNavigate, useSearch } from '@tanstack/react-router';
import { useDeferredValue, useMemo } from 'react';
import { GradeFilters } from './grade-filters.tsx';
import { GradeRecords } from './grade-record.tsx';
import { GradeTable } from './grade-table.tsx';
import { type GradesAnswer, useFigure, useGrades } from './market-api.ts';
import { Answered, MarketRoom } from './market-room.tsx';
import { columnsOf, matching, type TableView } from './table-view.ts';

/** Every graded asset, with the record of the grades above it. */
export function MarketsPage() {
  const grades = useGrades();
  return (
    <MarketRoom title="Markets">
      <Answered
        query={grades}
        empty={{ when: ({ rows }) => rows.length === 0, words: 'No asset has been graded yet.' }}
      >
        {(answer) => (
          <>
            <GradeRecords evaluation={answer.evaluation} />
            <Grades answer={answer} />
          </>
        )}
      </Answered>
    </MarketRoom>
  );
}

function Grades({ answer: { rows, evaluation } }: { answer: GradesAnswer }) {
  const view = useSearch({ from: '/markets' });
  const navigate = useNavigate({ from: '/markets' });
  const { data: narratives } = useFigure('narratives');
  const [names, members] = useMemo(() => {
    const stories = narratives?.rows ?? [];
    const membership = stories.flatMap(({ narrative, members }) =>
      members.map((asset) => ({ asset, narrative })),
    );
    return [
      new Map(stories.map(({ narrative, name }) => [narrative, name])),
      new Map(
        [...Map.groupBy(membership, ({ asset }) => asset)].map(([asset, own]) => [
          asset,
          own.map(({ narrative }) => narrative),
        ]),
      ),
    ];
  }, [narratives]);
  const show = (next: TableView) => void navigate({ search: next, replace: true, resetScroll: false });
  // Typing stays quick while thousands of lines are gone through.
  const settled = useDeferredValue(view);
  const { sort: _sort, cols: _cols, ...filters } = settled;
  const key = JSON.stringify(filters);
  // biome-ignore lint/correctness/useExhaustiveDependencies: the key is what of the view matters here.
  const lines = useMemo(() => matching(rows, settled, members), [rows, members, key]);
  const chosen = columnsOf(view).join(',');
  // biome-ignore lint/correctness/useExhaustiveDependencies: as above.
  const columns = useMemo(() => columnsOf(view), [chosen]);
  return (
    <>
      <GradeFilters view={view} lines={rows} shown={lines.length} narratives={names} onChange={show} />
      <GradeTable
        lines={lines}
        evaluation={evaluation}
        columns={columns}
        sort={view.sort}
        onSort={(sort) => show({ ...view, sort })}
      />
      <p className="caption max-w-[95ch]">
        A grade is a place among all graded assets of that day, 0 to 100. The band is where it would lie
        whatever the missing parts said. A dotted line leads to the proof of the figure above it. Nothing here
        is advice; how often the grades were right stands above.
      </p>
    </>
  );
}
