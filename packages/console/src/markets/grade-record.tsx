import { useId, useRef } from 'react';
import { type Status, StatusMark } from '../status-mark.tsx';
import { count } from '../words.ts';
import type { EvaluationRow } from './market-api.ts';
import { day, digits, numberOf, share, signed } from './market-words.ts';
import { Proven } from './proof-link.tsx';
import { ScrollArea } from './scroll-area.tsx';

type GradeName = EvaluationRow['grade'];
const NAMES: Record<GradeName, string> = { trader: 'Trader Grade', investor: 'Investor Grade' };

/** How good both grades have been, wherever a grade is shown: the figures stand there whether they flatter or not. */
export function GradeRecords({ evaluation }: { evaluation: readonly EvaluationRow[] }) {
  return (
    <section className="sheet min-w-0 overflow-hidden" aria-label="Record of the grades">
      <header className="flex flex-wrap items-baseline gap-x-3 border-b border-line px-5 py-2.5">
        <h2 className="font-semibold">Record of the grades</h2>
        <p className="caption">how they would have done on days that they did not know, good or bad</p>
      </header>
      <div className="grid grid-cols-1 divide-y divide-line lg:grid-cols-2 lg:divide-x lg:divide-y-0">
        {(['trader', 'investor'] as const).map((grade) => (
          <div key={grade} className="min-w-0 px-5 py-3">
            <GradeRecord grade={grade} evaluation={evaluation} />
          </div>
        ))}
      </div>
    </section>
  );
}

/** The record of one grade: what it was worth over 1, 7 and 30 days, and whether that is more than chance. */
export function GradeRecord({
  grade,
  evaluation,
}: {
  grade: GradeName;
  evaluation: readonly EvaluationRow[];
}) {
  const rows = newest(evaluation, grade);
  return (
    <>
      <h3 className="font-medium">
        {NAMES[grade]}
        {rows[0] && (
          <span className="caption figure font-normal">
            {' '}
            {count(numberOf(rows[0].days) ?? 0)} days up to {day(rows[0].time)}, {digits(rows[0].assets, 0)}{' '}
            assets, {digits(rows[0].trials, 0)} trials
          </span>
        )}
      </h3>
      {rows.length === 0 ? (
        <Verdict status="unknown" reason="It has not been judged on any day yet." />
      ) : (
        <>
          <ScrollArea className="mt-1 overflow-x-auto" name={`Record of the ${NAMES[grade]}`}>
            <table className="w-full text-right text-[0.82rem] whitespace-nowrap">
              <thead>
                <tr className="caption">
                  {COLUMNS.map(({ name, help }, i) => (
                    <th
                      key={name}
                      scope="col"
                      title={help}
                      className={`py-1 font-normal ${i === 0 ? 'pr-2 text-left' : 'px-1'}`}
                    >
                      {name}
                    </th>
                  ))}
                </tr>
              </thead>
              <tbody>
                {rows.map((row) => (
                  <tr key={row.horizonDays} className="border-t border-line">
                    <th scope="row" className="py-1 pr-2 text-left font-normal">
                      <Proven
                        proof={row.proof}
                        of={`the record of the ${NAMES[grade]} over ${row.horizonDays} days`}
                      >
                        {row.horizonDays} d
                      </Proven>
                    </th>
                    {COLUMNS.slice(1).map(({ name, value }) => {
                      const shown = value(row);
                      return (
                        <td
                          key={name}
                          className={`figure px-1 py-1 ${shown === 'unknown' ? 'text-unknown' : ''}`}
                        >
                          {shown}
                        </td>
                      );
                    })}
                  </tr>
                ))}
              </tbody>
            </table>
          </ScrollArea>
          <ul className="mt-1.5 grid gap-1">
            {verdicts(rows).map(({ status, reason, horizons }) => (
              <li key={`${status}/${reason}`}>
                <Verdict status={status} reason={`${horizons}: ${reason}`} />
              </li>
            ))}
          </ul>
        </>
      )}
    </>
  );
}

function Verdict({ status, reason }: { status: Status; reason: string }) {
  return (
    <p className="flex items-start gap-2 text-[0.88rem]">
      <span className="-mt-0.5 origin-top-left scale-75">
        <StatusMark status={status} />
      </span>
      <span className="-ml-1.5 min-w-0 [overflow-wrap:anywhere]">
        <span className="font-medium">{status}</span> {reason}
      </span>
    </p>
  );
}

const COLUMNS: { name: string; help: string; value: (row: EvaluationRow) => string }[] = [
  {
    name: 'Over',
    help: 'Days between a grade and the return it is held against',
    value: (row) => row.horizonDays,
  },
  {
    name: 'Rank IC',
    help: 'Mean rank correlation of grades with the returns that followed; 0 is chance',
    value: ({ rankIc }) => signed(rankIc, 3),
  },
  {
    name: 'ICIR',
    help: 'Mean of the daily rank ICs over their deviation',
    value: ({ icIr }) => signed(icIr, 2),
  },
  {
    name: 't',
    help: 'Newey–West t-value of the mean rank IC; beyond ±2 is hardly chance',
    value: ({ neweyWestT }) => signed(neweyWestT, 1),
  },
  {
    name: 'Hit rate',
    help: 'Share of days with a positive rank IC',
    value: ({ hitRate }) => share(hitRate, 0),
  },
  {
    name: 'Spread bps',
    help: 'Mean return of the best tenth less that of the worst',
    value: ({ spreadBps }) => signed(spreadBps, 0),
  },
  {
    name: 'after fees',
    help: 'The spread after the cost of trading it',
    value: ({ spreadAfterFeesBps }) => signed(spreadAfterFeesBps, 0),
  },
  {
    name: 'Calib.',
    help: 'Mean absolute difference of the stated and the observed hit rate',
    value: ({ calibrationError }) => digits(calibrationError, 3),
  },
  {
    name: 'Defl. SR',
    help: 'Probability that the Sharpe ratio of the spread is above zero, after all trials that were counted',
    value: ({ deflatedSharpe }) => digits(deflatedSharpe, 2),
  },
];

/** Rows of the newest day that judged a grade, by horizon. */
function newest(evaluation: readonly EvaluationRow[], grade: GradeName): EvaluationRow[] {
  const own = evaluation.filter((row) => row.grade === grade);
  const last = own.reduce((latest, { time }) => (time > latest ? time : latest), '');
  return own
    .filter(({ time }) => time === last)
    .sort((a, b) => (numberOf(a.horizonDays) ?? 0) - (numberOf(b.horizonDays) ?? 0));
}

/** The same verdict on several horizons is said once. */
function verdicts(rows: readonly EvaluationRow[]): { status: Status; reason: string; horizons: string }[] {
  const found = new Map<string, { status: Status; reason: string; days: string[] }>();
  for (const { status, reason, horizonDays } of rows) {
    const key = `${status}/${reason}`;
    const same = found.get(key) ?? { status, reason, days: [] };
    same.days.push(horizonDays);
    found.set(key, same);
  }
  return [...found.values()].map(({ days, ...verdict }) => ({
    ...verdict,
    horizons: `over ${days.join(', ')} d`,
  }));
}

const SIGNS: Record<Status, string> = { pass: '✓', fail: '✕', unknown: '?' };
const LOOKS: Record<Status, string> = {
  pass: 'border-pass bg-pass-wash text-pass',
  fail: 'border-fail bg-fail-wash text-fail',
  unknown: 'border-dashed border-unknown bg-unknown-wash text-unknown',
};

/** The record of a grade behind a small button, which itself shows the worst verdict on it. */
export function GradeRecordButton({
  grade,
  evaluation,
}: {
  grade: GradeName;
  evaluation: readonly EvaluationRow[];
}) {
  const id = useId();
  const button = useRef<HTMLButtonElement>(null);
  const status = worst(newest(evaluation, grade));
  return (
    <>
      <button
        ref={button}
        type="button"
        popoverTarget={id}
        className={`inline-grid size-6 shrink-0 place-items-center rounded-full border text-[0.75rem] font-semibold ${LOOKS[status]}`}
        aria-label={`Record of the ${NAMES[grade]}: ${status}`}
        title={`Record of the ${NAMES[grade]}: ${status}`}
      >
        {SIGNS[status]}
      </button>
      <div
        id={id}
        popover="auto"
        role="dialog"
        aria-label={`Record of the ${NAMES[grade]}`}
        className="fixed m-0 w-[min(40rem,calc(100vw-2rem))] rounded-[10px] border border-line bg-sheet p-4 text-left font-normal whitespace-normal text-ink shadow-lg"
        onToggle={({ currentTarget }) => {
          const { left = 0, bottom = 0 } = button.current?.getBoundingClientRect() ?? {};
          const { offsetWidth, offsetHeight } = currentTarget;
          currentTarget.style.left = `${Math.max(16, Math.min(left, innerWidth - offsetWidth - 16))}px`;
          currentTarget.style.top = `${Math.max(16, Math.min(bottom + 6, innerHeight - offsetHeight - 16))}px`;
        }}
      >
        <GradeRecord grade={grade} evaluation={evaluation} />
      </div>
    </>
  );
}

/** A grade is as good as the worst that is known of it. */
function worst(rows: readonly EvaluationRow[]): Status {
  if (rows.some(({ status }) => status === 'fail')) return 'fail';
  return rows.length > 0 && rows.every(({ status }) => status === 'pass') ? 'pass' : 'unknown';
}
