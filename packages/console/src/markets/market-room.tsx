import type { MarketStatus } from '@assay/pipeline';
import { Link } from '@tanstack/react-router';
import type { ReactNode } from 'react';
import { Refusal } from '../api.ts';
import { useTitle } from '../frame.tsx';
import { NotKnown } from '../sheet.tsx';
import { ModeTag } from '../status-mark.tsx';
import { count } from '../words.ts';
import { useMarketStatus } from './market-api.ts';
import { day } from './market-words.ts';

const PLACES = [
  { to: '/markets', label: 'Grades' },
  { to: '/markets/guides', label: 'Guides' },
  { to: '/markets/narratives', label: 'Narratives' },
  { to: '/markets/indices', label: 'Indices' },
  { to: '/markets/portfolio', label: 'Portfolio' },
  { to: '/markets/alerts', label: 'Alerts' },
] as const;

/** What stands around every page about the market: where the data comes from, as of which day, and the ways on. */
export function MarketRoom({
  title,
  lead,
  children,
}: {
  title: string;
  lead?: ReactNode;
  children: ReactNode;
}) {
  useTitle(title === 'Markets' ? title : `${title} · Markets`);
  const { data: status, error } = useMarketStatus();
  return (
    <div className="grid min-w-0 grid-cols-1 gap-5">
      <header className="grid gap-3">
        <div className="flex flex-wrap items-baseline gap-x-4 gap-y-1">
          <h1 className="text-2xl font-semibold tracking-tight">{title}</h1>
          {lead && <div className="min-w-0 text-soft">{lead}</div>}
        </div>
        {status && <Provenance status={status} />}
        <nav aria-label="Markets" className="flex flex-wrap gap-x-1 gap-y-1 border-b border-line">
          {PLACES.map(({ to, label }) => (
            <Link
              key={to}
              to={to}
              activeOptions={{ exact: true, includeSearch: false }}
              className="-mb-px border-b-2 border-transparent px-2.5 py-1.5 text-soft hover:text-ink"
              activeProps={{ className: '!border-accent !text-ink', 'aria-current': 'page' }}
            >
              {label}
            </Link>
          ))}
        </nav>
      </header>
      {error && !status ? (
        <Refused error={error} />
      ) : !status ? (
        <p className="sheet p-5 text-soft" role="status">
          Asking the node…
        </p>
      ) : status.to === null ? (
        <NothingYet status={status} />
      ) : (
        children
      )}
    </div>
  );
}

/** Simulated data says so before any figure does. */
function Provenance({ status }: { status: MarketStatus }) {
  const { mode, describe, from, to, assets, busy } = status;
  return (
    <p
      className={`flex flex-wrap items-baseline gap-x-3 gap-y-1 text-[0.92rem] ${
        mode === 'simulated' ? 'rounded-lg border border-fail bg-fail-wash px-3 py-2' : ''
      }`}
    >
      <ModeTag mode={mode} />
      <span className="min-w-0 [overflow-wrap:anywhere]">
        {mode === 'simulated' && <strong>Simulated: no real prices. </strong>}
        {mode === 'replay' && <strong>A recording, not the market of today. </strong>}
        {describe}
      </span>
      {to !== null && (
        <span className="figure text-soft">
          As of <time dateTime={to}>{day(to)}</time>, {count(assets)} assets
          {from !== null && `, days since ${day(from)}`}
        </span>
      )}
      {busy && to !== null && <span className="text-unknown">{progressOf(status)}</span>}
    </p>
  );
}

function NothingYet({ status }: { status: MarketStatus }) {
  return (
    <section className="sheet p-6" aria-label="No figures yet">
      <h2 className="text-lg font-semibold">No figures yet</h2>
      <p className="mt-1 text-soft" role="status">
        {status.busy
          ? progressOf(status)
          : 'Nothing was accepted that a figure could be made of. The overview says which sources answer.'}
      </p>
      {status.observed.length > 0 && (
        <ul className="mt-4 grid gap-1">
          {status.observed.map(({ stream, rows, to }) => (
            <li key={stream} className="flex flex-wrap gap-x-4 text-[0.92rem]">
              <span className="min-w-0 [overflow-wrap:anywhere]">{stream}</span>
              <span className="caption figure">
                {count(rows)} rows{to && `, up to ${day(to)}`}
              </span>
            </li>
          ))}
        </ul>
      )}
    </section>
  );
}

/** How far the reading in of history is. */
function progressOf(status: MarketStatus): string {
  const { progress } = status as MarketStatus & { progress?: { days: number; of: number } };
  return progress && progress.of > 0
    ? `History is being read in: ${count(progress.days)} of ${count(progress.of)} days.`
    : 'History is being read in: no day is complete yet.';
}

/** Why something cannot be shown, and what to do about it: the node's own words. */
export function Refused({ error }: { error: Error }) {
  return (
    <NotKnown>
      {error instanceof Refusal
        ? `${error.message}${error.problem.next ? `; ${error.problem.next}.` : '.'}`
        : 'The node does not answer.'}{' '}
      {error instanceof Refusal && <span className="hash">{error.problem.code}</span>}
    </NotKnown>
  );
}

/** Waits, refuses or shows: the three states that every list of the room has. */
export function Answered<Data>({
  query: { data, error },
  empty,
  children,
}: {
  query: { data: Data | undefined; error: Error | null };
  /** Said where the answer holds nothing. */
  empty?: { when: (data: Data) => boolean; words: string };
  children: (data: Data) => ReactNode;
}) {
  if (data === undefined)
    return error ? (
      <Refused error={error} />
    ) : (
      <p className="sheet p-5 text-soft" role="status">
        Asking the node…
      </p>
    );
  if (empty?.when(data)) return <NotKnown>{empty.words}</NotKnown>;
  return (
    <>
      {error && <NotKnown>The node does not answer now. What stands here is its last answer.</NotKnown>}
      {children(data)}
    </>
  );
}
