import type { RecordDetail } from '@assay/pipeline';
import { useState } from 'react';
import { useExhibits } from './api.ts';
import { Exhibits } from './exhibits.tsx';
import { StatusMark } from './status-mark.tsx';
import { covers } from './words.ts';

type Finding = NonNullable<RecordDetail['verdict']>['findings'][number];

/** One finding: its answer, its reason, and what it shows. A failure shows it at once. */
export function FindingLine({ finding, row = null }: { finding: Finding; row?: number | null }) {
  const [open, setOpen] = useState(finding.status === 'fail');
  const { exhibits, status, reason, check, column, score } = finding;
  return (
    <li className="border-b border-line px-5 py-2 last:border-0">
      <div className="flex gap-3">
        <StatusMark status={status} />
        <p className="min-w-0 pt-0.5 [overflow-wrap:anywhere]">
          <span className={status === 'pass' ? '' : 'font-medium'}>{reason}</span>
          {row !== null && covers(finding.rows, row) && (
            <span className="ml-2 rounded bg-unknown-wash px-1.5 text-sm text-unknown">this row</span>
          )}{' '}
          <span className="caption ml-1 inline-block">
            {check.replaceAll('_', ' ')}
            {column && ` · ${column.replaceAll(',', ', ')}`}
            {score !== undefined && ` · ${score}`}
          </span>
          {exhibits.length > 0 && (
            <button
              type="button"
              className="link ml-2 text-sm"
              aria-expanded={open}
              onClick={() => setOpen(!open)}
            >
              {open ? 'hide' : 'show'} what it saw
            </button>
          )}
        </p>
      </div>
      {open && exhibits.length > 0 && <Shown exhibits={exhibits} />}
    </li>
  );
}

function Shown({ exhibits }: Pick<Finding, 'exhibits'>) {
  const { data, error } = useExhibits(exhibits);
  return (
    <div className="mt-2 pl-10">
      {data && <Exhibits exhibits={data} />}
      {error && <p className="text-unknown">What it saw cannot be shown: {error.message}</p>}
    </div>
  );
}
