import type { NodeStatus } from '@assay/gateway';
import { Link } from '@tanstack/react-router';
import { lazy, type ReactNode, Suspense, useEffect, useState } from 'react';
import { useIncidents, useRates, useStatus } from './api.ts';
import { useTitle } from './frame.tsx';
import { LiveFeed } from './live-feed.tsx';
import { SearchBox } from './search-box.tsx';
import { DecisionTag } from './status-mark.tsx';
import { age, count, describeStream, moment, price } from './words.ts';

const RateChart = lazy(() => import('./rate-chart.tsx'));

/** Overview: what the node holds, who vouches for it, and what it is doing. */
export function Home() {
  useTitle('Overview');
  const { data: status } = useStatus();
  return (
    <div className="grid min-w-0 grid-cols-1 gap-6">
      <h1 className="sr-only">Overview</h1>
      <SearchBox />
      {status && <Facts status={status} />}
      <div className="grid grid-cols-1 items-start gap-6 lg:grid-cols-[minmax(0,1.45fr)_minmax(0,1fr)]">
        <div className="grid min-w-0 grid-cols-1 gap-6">
          <Rate />
          {status && <Sources status={status} />}
        </div>
        <div className="grid min-w-0 grid-cols-1 gap-6">
          <LiveFeed />
          <Incidents />
        </div>
      </div>
    </div>
  );
}

function Facts({ status: { log, witnesses, anchors, incidents, records } }: { status: NodeStatus }) {
  const nowMs = useNow();
  const ok = witnesses.list.filter(({ state }) => state === 'ok').length;
  const enough = ok >= witnesses.quorum;
  // The chain that needs attention first.
  const anchor = anchors.find(({ status }) => status === 'down') ?? anchors[0];
  return (
    <section
      aria-label="State of the log"
      className="sheet grid grid-cols-2 overflow-hidden sm:grid-cols-3 lg:grid-cols-5"
    >
      <Fact name="Log" value={count(log.size)} note={`statements, ${count(records.rows)} rows`} />
      <Fact
        name="Last checkpoint"
        value={log.published ? age(log.published.at, nowMs) : 'none yet'}
        note={log.published ? `ago, at size ${count(log.published.size)}` : 'waits for witnesses'}
      />
      <Fact
        name="Witnesses"
        value={`${ok} / ${witnesses.of}`}
        note={enough ? `agree, ${witnesses.quorum} needed` : `agree, but ${witnesses.quorum} are needed`}
        tone={enough ? 'plain' : 'bad'}
      />
      <Fact
        name="Last anchor"
        value={!anchor ? 'off' : anchor.last ? `block ${count(anchor.last.blockNumber)}` : 'pending'}
        note={
          !anchor
            ? 'no chain is used'
            : anchor.last
              ? `${age(anchor.last.anchoredAt, nowMs)} ago, ${chainName(anchor)}${
                  anchors.length > 1 ? `, one of ${anchors.length}` : ''
                }`
              : (anchor.lastError?.message ?? chainName(anchor))
        }
        tone={anchor?.status === 'down' ? 'bad' : 'plain'}
      />
      <Fact
        name="Incidents"
        value={count(incidents.flagged + incidents.rejected)}
        note={`batches: ${count(incidents.flagged)} flagged, ${count(incidents.rejected)} rejected`}
      />
    </section>
  );
}

function chainName({ chainId, status }: NodeStatus['anchors'][number]): string {
  const name = chainId === 31_337 ? 'development chain' : `chain ${chainId}`;
  return status === 'pending' ? `${name}, next one pending` : status === 'down' ? `${name}, stuck` : name;
}

function Fact({
  name,
  value,
  note,
  tone = 'plain',
}: {
  name: string;
  value: string;
  note: string;
  tone?: 'plain' | 'bad';
}) {
  return (
    <div className="-mt-px -ml-px border-t border-l border-line px-4 py-3.5 last:col-span-2 lg:last:col-span-1">
      <p className="caption">{name}</p>
      <p
        className={`figure text-[1.55rem] leading-tight font-semibold tracking-tight ${tone === 'bad' ? 'text-fail' : ''}`}
      >
        {value}
      </p>
      <p className="caption [overflow-wrap:anywhere]">{note}</p>
    </div>
  );
}

function Rate() {
  const { data: rates } = useRates();
  const latest = rates?.[0];
  return (
    <section className="sheet p-5" aria-label="Reference rate">
      <div className="flex flex-wrap items-start justify-between gap-x-6 gap-y-2">
        <div className="min-w-0 flex-1 basis-72">
          <h2 className="font-semibold">BTC/USD reference rate</h2>
          {latest ? (
            <>
              <p className="figure text-4xl font-semibold tracking-tight">{price(latest.rate)}</p>
              <p className="caption">
                {moment(latest.time)} UTC, from {latest.venues.length} venues
                {latest.excluded.length > 0 &&
                  `; left out: ${latest.excluded.map(({ stream, reason }) => `${stream.split('.1m')[0]} (${reason})`).join(', ')}`}
              </p>
            </>
          ) : (
            <p className="py-4 text-soft">No minute is complete yet.</p>
          )}
        </div>
        {latest && (
          <Link to="/records/$id" params={{ id: latest.id }} className="action">
            Open its proof
          </Link>
        )}
      </div>
      <div className="mt-3 min-h-56">
        {rates && rates.length > 1 && (
          <Suspense fallback={null}>
            <RateChart rates={rates} />
          </Suspense>
        )}
      </div>
    </section>
  );
}

const SOURCE_STATES: Record<
  NodeStatus['sources'][number]['state'],
  { word: string; look: string; sign: string }
> = {
  ok: { word: 'answering', look: 'text-pass', sign: '●' },
  delayed: { word: 'delayed', look: 'text-unknown', sign: '◐' },
  waiting: { word: 'waiting', look: 'text-soft', sign: '○' },
  unreachable: { word: 'not reachable', look: 'text-fail', sign: '✕' },
};

function Sources({ status }: { status: NodeStatus }) {
  return (
    <section className="sheet" aria-label="Sources">
      <header className="border-b border-line px-5 py-3">
        <h2 className="font-semibold">Sources</h2>
        <p className={`caption ${status.node.mode === 'simulated' ? '!text-fail' : ''}`}>
          {status.node.describe}; its clock shows {moment(status.node.clock)}
        </p>
      </header>
      <table className="w-full text-[0.92rem]">
        <thead className="sr-only">
          <tr>
            <th>Stream</th>
            <th>State</th>
            <th>Last row</th>
            <th>Rows</th>
          </tr>
        </thead>
        <tbody>
          {status.sources.map(({ stream, state, lastRowAt, rows, lastError }) => (
            <tr key={stream} className="border-b border-line last:border-0">
              <td className="py-1.5 pl-5">{describeStream(stream)}</td>
              <td className={`px-2 py-1.5 ${SOURCE_STATES[state].look}`} title={lastError}>
                <span aria-hidden>{SOURCE_STATES[state].sign}</span> {SOURCE_STATES[state].word}
              </td>
              <td className="figure hidden px-2 py-1.5 text-soft sm:table-cell">
                {lastRowAt ? moment(lastRowAt) : ''}
              </td>
              <td className="figure py-1.5 pr-5 text-right">{count(rows)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}

function Incidents() {
  const { data: incidents } = useIncidents();
  return (
    <section className="sheet" aria-label="Incidents">
      <h2 className="border-b border-line px-4 py-2.5 font-semibold">Flagged and rejected</h2>
      <ul>
        {incidents?.length === 0 && <Line>Nothing was flagged so far.</Line>}
        {incidents?.map(({ id, stream, time, decision }) => (
          <li key={id} className="border-b border-line last:border-0">
            <Link
              to="/records/$id"
              params={{ id }}
              className="flex flex-wrap items-baseline gap-x-3 px-4 py-2 text-[0.92rem] hover:bg-sunk"
            >
              <DecisionTag decision={decision} />
              <span>{describeStream(stream)}</span>
              <span className="figure ml-auto text-soft">{moment(time)}</span>
            </Link>
          </li>
        ))}
      </ul>
    </section>
  );
}

function Line({ children }: { children: ReactNode }) {
  return <li className="px-4 py-3 text-soft">{children}</li>;
}

/** The wall's time, once a second. */
function useNow(): number {
  const [now, setNow] = useState(Date.now);
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), 1_000);
    return () => clearInterval(timer);
  }, []);
  return now;
}
