import type { Exhibit } from '@assay/checks';
import { DECISIONS, type Decision, makeStatement, type Round, signStatement } from '@assay/core';
import type { ItemDetail } from '@assay/pipeline';
import { useQueryClient } from '@tanstack/react-query';
import { Link, useParams } from '@tanstack/react-router';
import { type FormEvent, useState } from 'react';
import { Refusal, send, useItem } from './api.ts';
import { Exhibits } from './exhibits.tsx';
import { FindingLine } from './finding-line.tsx';
import { useTitle } from './frame.tsx';
import { instantNow, useReviewer } from './reviewer-key.ts';
import { NotKnown, Sheet } from './sheet.tsx';
import { DecisionTag, type Status } from './status-mark.tsx';
import { describeStream, moment, short } from './words.ts';

/** One question put to reviewers, with its evidence side by side, and the answer that they sign. */
export function ReviewItemPage() {
  const { item: id } = useParams({ from: '/review/$item' });
  const { data: item, error } = useItem(id);
  useTitle(item ? `Review of ${describeStream(item.stream)}` : 'Review');
  if (error && !item) {
    return (
      <NotKnown>
        {error instanceof Refusal ? `${error.message}; ${error.problem.next}.` : 'The node does not answer.'}{' '}
        <Link to="/review" className="link">
          Back to the queue
        </Link>
      </NotKnown>
    );
  }
  if (!item) return <p className="text-soft">Opening the item…</p>;
  return (
    <article className="grid min-w-0 grid-cols-1 gap-6">
      <Head item={item} />
      {item.appeals.map(({ id: appeal, by, reason, at }) => (
        <blockquote key={appeal} className="sheet border-l-4 px-5 py-3 [overflow-wrap:anywhere]">
          <p>{reason}</p>
          <p className="caption">
            Appealed by {by} at {moment(at)} UTC
          </p>
        </blockquote>
      ))}
      <div className="grid grid-cols-1 items-start gap-6 lg:grid-cols-[minmax(0,1.5fr)_minmax(0,1fr)]">
        <Evidence item={item} />
        {item.state === 'open' ? <Decide key={item.item} item={item} /> : <Decided item={item} />}
      </div>
    </article>
  );
}

function Head({ item: { stream, period, observation, verdict, schema } }: { item: ItemDetail }) {
  return (
    <header>
      <h1 className="text-2xl font-semibold tracking-tight [overflow-wrap:anywhere]">
        Is this right? {describeStream(stream)}
      </h1>
      <p className="mt-1 flex flex-wrap items-baseline gap-x-3 gap-y-1 text-soft">
        <span className="figure">
          {moment(period.from)} to {moment(period.to)} UTC
        </span>
        <span>{schema}</span>
        <span>
          the checks say <DecisionTag decision={verdict.decision} /> at {verdict.level}; its contract requires{' '}
          {verdict.required}
        </span>
        <Link to="/records/$id" params={{ id: observation }} className="link hash">
          {short(observation)}
        </Link>
      </p>
    </header>
  );
}

/** Findings with what they show, the rows in question beside those of others, files beside their heat maps. */
function Evidence({ item }: { item: ItemDetail }) {
  const { findings, contract } = item.verdict;
  const lines = (statuses: Status[]) =>
    findings
      .filter(({ status }) => statuses.includes(status))
      .map((finding) => (
        <FindingLine key={`${finding.check}/${finding.column}/${finding.reason}`} finding={finding} />
      ));
  const open = [...lines(['fail']), ...lines(['unknown'])];
  const passed = lines(['pass']);
  return (
    <div className="grid min-w-0 grid-cols-1 gap-6">
      <Files item={item} />
      <Compared item={item} />
      <Sheet title="What was checked" note={`${contract.name} ${contract.version}`}>
        {open.length > 0 && <ul>{open}</ul>}
        {passed.length > 0 && (
          <details className="border-t border-line first-of-type:border-0">
            <summary className="px-5 py-3">{passed.length} checks passed</summary>
            <ul className="border-t border-line">{passed}</ul>
          </details>
        )}
      </Sheet>
      <Rows item={item} />
    </div>
  );
}

function Files({ item: { files } }: { item: ItemDetail }) {
  if (files.length === 0) return null;
  return (
    <Sheet title={files.length === 1 ? 'The file' : 'The files'}>
      <ul className="grid gap-4 px-5 py-4">
        {files.map(({ index, name, mediaType, sha256, url, metadata }) => (
          <li key={index} className="grid min-w-0 gap-2 sm:grid-cols-2">
            {mediaType.startsWith('image/') ? (
              <img src={url} alt={name} className="max-h-96 w-full rounded object-contain" />
            ) : (
              <p>
                <a className="link" href={url} target="_blank" rel="noreferrer">
                  Open {name}
                </a>
              </p>
            )}
            <div className="min-w-0">
              <p className="font-medium [overflow-wrap:anywhere]">{name}</p>
              <p className="caption">
                {mediaType}, sha256 {sha256.slice(0, 16)}…
              </p>
              <pre className="mt-1 max-h-64 overflow-auto rounded-md bg-sunk p-3 text-[0.78rem]">
                {JSON.stringify(metadata, null, 2)}
              </pre>
            </div>
          </li>
        ))}
      </ul>
    </Sheet>
  );
}

/** Prices in question between those before and after, and the last prices of other sources next to them. */
function Compared({ item }: { item: ItemDetail }) {
  if (item.schema !== 'candle/v1' && item.schema !== 'reading/v1') return null;
  const column = item.schema === 'candle/v1' ? 'close' : columnOf(item);
  if (column === null) return null;
  const { marked, points } = seriesOf(item, column);
  const own: Exhibit = {
    ...{ kind: 'series', unit: '', marked, points },
    title: `${describeStream(item.stream)}, ${column}; what is in question is marked`,
  };
  const others = item.others
    .filter(({ rows }) => rows.length > 0)
    .map(
      ({ stream, level, rows }): Exhibit => ({
        ...{ kind: 'series', unit: '', marked: [] },
        title: `${describeStream(stream)}, ${column}, over the same time${level ? ` (${level})` : ''}`,
        points: rows.map(({ time, values }) => ({ time, value: figureOf(values, column) })),
      }),
    );
  return (
    <Sheet title="Side by side" note={others.length > 0 ? 'with other sources of the same asset' : undefined}>
      <div className="px-5 py-4">
        <Exhibits exhibits={[own, ...others]} />
      </div>
    </Sheet>
  );
}

function seriesOf(
  item: ItemDetail,
  column: string,
): Pick<Extract<Exhibit, { kind: 'series' }>, 'points' | 'marked'> {
  const all = [...item.before, ...item.rows, ...item.after];
  const marked: [number, number][] = [];
  const everything = item.rows.every(({ inQuestion }) => inQuestion);
  item.rows.forEach(({ inQuestion }, i) => {
    const at = item.before.length + i;
    const last = marked.at(-1);
    if (!inQuestion || everything) return;
    if (last && last[1] === at - 1) last[1] = at;
    else marked.push([at, at]);
  });
  return { points: all.map(({ time, values }) => ({ time, value: figureOf(values, column) })), marked };
}

function columnOf({ verdict, rows }: ItemDetail): string | null {
  const failed = verdict.findings.find(({ status, column }) => status === 'fail' && column)?.column;
  return failed?.split(',')[0] ?? Object.keys(rows[0]?.values ?? {})[0] ?? null;
}

function figureOf(values: object, column: string): string | null {
  const value = (values as Record<string, unknown>)[column];
  return typeof value === 'string' && Number.isFinite(Number(value)) ? value : null;
}

function Rows({ item: { rows, schema } }: { item: ItemDetail }) {
  if (schema === 'file/v1' || rows.length === 0) return null;
  const columns = Object.keys(rows[0]!.values);
  return (
    <details className="sheet px-5 py-3">
      <summary className="font-semibold">The rows</summary>
      <div className="mt-2">
        <Exhibits
          exhibits={[
            {
              kind: 'table',
              title: 'Rows of the observation',
              columns: ['row', 'time', ...columns, 'decision'],
              rows: rows.map(({ index, time, values, decision }) => [
                String(index),
                time,
                ...columns.map((name) => {
                  const value = (values as Record<string, unknown>)[name];
                  return typeof value === 'string' ? value : JSON.stringify(value ?? null);
                }),
                decision,
              ]),
            },
          ]}
        />
      </div>
    </details>
  );
}

const MAX_REASON = 2_000;
const MEANING: Record<Decision, string> = {
  accept: 'It is what it says it is.',
  flag: 'It may be used with care only.',
  reject: 'It is wrong and must not be used.',
};

/** The reviewer's answer. What it will publish is said before it is signed. */
function Decide({ item }: { item: ItemDetail }) {
  const { signer } = useReviewer();
  const queries = useQueryClient();
  const [decision, setDecision] = useState<Decision | null>(null);
  const [reason, setReason] = useState('');
  const [disputed, setDisputed] = useState<string[]>([]);
  const [sent, setSent] = useState<string | null>(null);
  const [problem, setProblem] = useState<string | null>(null);
  const [busy, setBusy] = useState(false);
  const checks = [
    ...new Set(item.verdict.findings.filter(({ status }) => status !== 'pass').map(({ check }) => check)),
  ];
  if (sent) {
    return (
      <Sheet title="Signed">
        <p role="status" className="px-5 py-4 [overflow-wrap:anywhere]">
          Your decision is kept as <span className="hash">{sent}</span>. It goes to the log together with the
          others when the round closes.{' '}
          <Link to="/review" className="link">
            Back to the queue
          </Link>
        </p>
      </Sheet>
    );
  }
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    if (!signer || !decision) return;
    setBusy(true);
    setProblem(null);
    try {
      setSent(await signAndSend(item, signer, { decision, reason: reason.trim(), disputed }));
      void queries.invalidateQueries({ queryKey: ['reviews'] });
    } catch (error) {
      setProblem(
        error instanceof Refusal ? `${error.message}; ${error.problem.next}.` : (error as Error).message,
      );
    }
    setBusy(false);
  };
  return (
    <Sheet title="Your decision" note={item.until ? `yours until ${moment(item.until)} UTC` : undefined}>
      <form className="grid gap-4 px-5 py-4" onSubmit={(event) => void submit(event)}>
        <fieldset className="grid gap-2">
          <legend className="sr-only">Decision</legend>
          {DECISIONS.map((each) => (
            <label key={each} className="flex items-baseline gap-3">
              <input
                type="radio"
                name="decision"
                value={each}
                checked={decision === each}
                onChange={() => setDecision(each)}
              />
              <span>
                <span className="font-medium">{each}</span> <span className="text-soft">{MEANING[each]}</span>
              </span>
            </label>
          ))}
        </fieldset>
        <label className="grid gap-1">
          <span>Reason</span>
          <textarea
            className="field min-h-28"
            value={reason}
            maxLength={MAX_REASON}
            onChange={({ target }) => setReason(target.value)}
          />
          <span className="caption">It is published with your key's name. Name no person.</span>
        </label>
        {checks.length > 0 && (
          <fieldset className="grid gap-1">
            <legend className="caption">Which findings are wrong?</legend>
            {checks.map((check) => (
              <label key={check} className="flex items-baseline gap-2">
                <input
                  type="checkbox"
                  checked={disputed.includes(check)}
                  onChange={({ target: { checked } }) =>
                    setDisputed((now) => (checked ? [...now, check] : now.filter((one) => one !== check)))
                  }
                />
                {check.replaceAll('_', ' ')}
              </label>
            ))}
          </fieldset>
        )}
        {problem && (
          <p role="alert" className="text-fail [overflow-wrap:anywhere]">
            {problem}
          </p>
        )}
        <button
          type="submit"
          className="action action-main justify-self-start"
          disabled={busy || decision === null || reason.trim() === ''}
        >
          {busy ? 'Signing…' : 'Sign and send'}
        </button>
      </form>
    </Sheet>
  );
}

async function signAndSend(
  item: ItemDetail,
  signer: NonNullable<ReturnType<typeof useReviewer>['signer']>,
  said: { decision: Decision; reason: string; disputed: string[] },
): Promise<string> {
  const { stream, observation, verdict, round } = item.sign;
  const shown = item.verdict.findings.flatMap(({ exhibits }) => exhibits.map(({ digest }) => digest));
  const { envelope } = await signStatement(
    makeStatement(
      'review',
      { name: stream, sha256: observation },
      {
        ...{ stream, observation, verdict, item: item.item, round: round as Round },
        ...said,
        evidence: [...new Set([observation, ...shown])].slice(0, 100),
        reviewedAt: instantNow(),
      },
    ),
    signer,
  );
  const { id } = await send<{ id: string }>(`/v1/reviews/${item.item}`, { envelope });
  return id;
}

/** What a closed item came to. */
function Decided({ item: { closed } }: { item: ItemDetail }) {
  if (!closed) return null;
  const { outcome, reviews } = closed;
  return (
    <Sheet title="Decided" note={outcome ? `in the log since ${moment(outcome.since)} UTC` : undefined}>
      {outcome && (
        <p className="flex flex-wrap items-baseline gap-x-2 px-5 py-3 [overflow-wrap:anywhere]">
          <DecisionTag decision={outcome.decision} /> at {outcome.level}: {outcome.reason}
        </p>
      )}
      <ul>
        {reviews.map(({ id, reviewer, decision, reason, at, round }) => (
          <li key={id} className="border-t border-line px-5 py-2 [overflow-wrap:anywhere]">
            <p>
              <DecisionTag decision={decision} /> {reason}
            </p>
            <p className="caption">
              <span className="hash">{reviewer}</span>, {moment(at)}
              {round > 1 && ', on appeal'}
            </p>
          </li>
        ))}
      </ul>
    </Sheet>
  );
}
