import { parseBundle, parseTrustPolicy, type VerificationReport, verifyBundle } from '@assay/core';
import type { RecordDetail } from '@assay/pipeline';
import { Link, useParams } from '@tanstack/react-router';
import { type ReactNode, useEffect, useState } from 'react';
import { Refusal, useBundle, usePolicy, useRecord } from './api.ts';
import { FindingLine } from './finding-line.tsx';
import { useTitle } from './frame.tsx';
import { Opinions, ServedTag } from './opinions.tsx';
import { ProofLadder } from './proof-ladder.tsx';
import { ModeTag, type Status, StatusMark } from './status-mark.tsx';
import { count, describeRecord, describeStream, moment, price, reasonOf, rowOf, short } from './words.ts';

/** One record: what was decided about it, why, and everything that the decision stands on. */
export function RecordPage() {
  const { id } = useParams({ from: '/records/$id' });
  const { data: record, error } = useRecord(id);
  useTitle(record ? sentence(record) : `Record ${short(id)}`);
  if (error && !record) return <Missing error={error} />;
  if (!record) return <p className="text-soft">Opening the record…</p>;
  return (
    <article className="grid grid-cols-1 gap-6">
      <Headline record={record} />
      <Figures record={record} />
      <div className="grid grid-cols-1 items-start gap-6 lg:grid-cols-[minmax(0,1.35fr)_minmax(0,1fr)]">
        <div className="grid min-w-0 grid-cols-1 gap-6">
          {/* The key: no report may outlive the record that it is about. */}
          <Proof key={record.id} id={record.id} />
          {record.verdict && <Findings id={record.id} verdict={record.verdict} />}
          <Opinions key={`${record.id}/opinions`} record={record} />
        </div>
        <div className="grid min-w-0 grid-cols-1 gap-6">
          {record.values && 'rate' in record.values && <Venues values={record.values} />}
          {record.values && <Members values={record.values} />}
          <QualityVector record={record} />
          <Lineage record={record} />
          <Statement record={record} />
        </div>
      </div>
    </article>
  );
}

const SIGNS: Record<string, Status> = { accept: 'pass', flag: 'unknown', reject: 'fail' };

function Headline({ record }: { record: RecordDetail }) {
  const reason = reasonOf(record);
  const { predicate } = record.statement;
  const mode = 'source' in predicate ? predicate.source.mode : null;
  return (
    <header className="flex items-start gap-4">
      <StatusMark status={SIGNS[record.decision ?? ''] ?? 'unknown'} large />
      <div className="min-w-0">
        <h1 className="text-2xl leading-snug font-semibold tracking-tight">{sentence(record)}</h1>
        {reason && <p className="mt-1 max-w-[80ch]">{reason}</p>}
        <p className="mt-1.5 flex flex-wrap items-baseline gap-x-3 gap-y-1 text-soft">
          {mode && <ModeTag mode={mode} />}
          <ServedTag record={record} />
          <span className="figure">{moment(record.time)} UTC</span>
          <span>{record.stream}</span>
          <Copy text={record.id} name="id" shown={short(record.id)} />
        </p>
      </div>
    </header>
  );
}

/** The level, and the figures that the record is about. */
function Figures({ record }: { record: RecordDetail }) {
  const { predicate } = record.statement;
  const figures: [string, string][] = record.values
    ? Object.entries(record.values)
        .filter(([, value]) => ['string', 'number'].includes(typeof value))
        .sort(([a], [b]) => placeOf(a) - placeOf(b))
        .map(([name, value]) => [name, price(String(value))])
    : 'rows' in predicate && 'period' in predicate
      ? [
          ['rows', count(predicate.rows.count)],
          ['from', moment(predicate.period.from)],
          ['to', moment(predicate.period.to)],
        ]
      : [];
  return (
    <dl className="sheet grid grid-cols-2 overflow-hidden sm:flex sm:flex-wrap" aria-label="Level and values">
      <div className="col-span-2 -mt-px -ml-px grow border-t border-l border-line px-4 py-3">
        <dt className="caption">level</dt>
        <dd>
          <span className="text-xl font-semibold">{record.level ?? 'none yet'}</span>{' '}
          <span className="text-[0.9rem] text-soft">{LEVELS[record.level ?? '']}</span>
        </dd>
      </div>
      {figures.map(([name, value]) => (
        <div
          key={name}
          className="-mt-px -ml-px grow border-t border-l border-line px-4 py-3 last:even:col-span-2"
        >
          <dt className="caption">{name}</dt>
          <dd className="figure text-xl font-semibold tracking-tight [overflow-wrap:anywhere]">{value}</dd>
        </div>
      ))}
    </dl>
  );
}

/** As traders read a candle; members that are not named here come last. */
const ORDER = ['rate', 'open', 'high', 'low', 'close', 'volume'];
const placeOf = (name: string) => (ORDER.includes(name) ? ORDER.indexOf(name) : ORDER.length);

const LEVELS: Record<string, string> = {
  L0: 'signed and logged',
  L1: 'its contract’s rules hold',
  L2: 'detectors passed',
  L3: 'independent sources agree',
  L4: 're-executed or proven',
  L5: 'signed by a human auditor',
};

/** The verdict as one sentence. */
function sentence(record: RecordDetail): string {
  const what = describeRecord(record);
  if (record.kind === 'verdict') return `A verdict on ${describeStream(record.stream)}: ${record.decision}`;
  if (!record.verdict) return `Not judged yet: ${what}`;
  if (record.decision !== 'accept')
    return `${record.decision === 'reject' ? 'Rejected' : 'Flagged'}: ${what}`;
  const { findings } = record.verdict;
  const passed = findings.filter(({ status }) => status === 'pass').length;
  const open = findings.filter(({ status }) => status === 'unknown').length;
  const agreed = findings.some(({ check, status }) => check.startsWith('agreement') && status === 'pass');
  return `Accepted: ${what} passed ${passed} checks${agreed ? ', and other venues agree' : ''}${open > 0 ? `; ${open} could not be decided` : ''}`;
}

function Proof({ id }: { id: string }) {
  const bundle = useBundle(id);
  const policy = usePolicy();
  const [report, setReport] = useState<VerificationReport | null>(null);
  const [problem, setProblem] = useState<string | null>(null);
  useEffect(() => {
    if (!bundle.data || !policy.data) return;
    let current = true;
    const verify = async () => verifyBundle(parseBundle(bundle.data), parseTrustPolicy(policy.data));
    verify().then(
      (result) => {
        if (!current) return;
        setReport(result);
        setProblem(null);
      },
      (error: Error) => {
        if (!current) return;
        setReport(null);
        setProblem(`The proof could not be read: ${error.message}`);
      },
    );
    return () => {
      current = false;
    };
  }, [bundle.data, policy.data]);
  const pending =
    bundle.failureReason instanceof Refusal && bundle.failureReason.problem.code === 'PROOF_PENDING';
  const missing = (bundle.data ? null : bundle.error) ?? (policy.data ? null : policy.error);
  const file = `${id.slice(0, 16)}.bundle.json`;
  const command = `npx assay verify ${file} --policy trust-policy.json`;
  return (
    <section className="sheet p-5" aria-label="Proof">
      <div className="flex flex-wrap items-center justify-between gap-3 pb-4">
        <h2 className="text-lg font-semibold">Proof</h2>
        {bundle.data && (
          <a className="action" download={file} href={`/v1/records/${id}/bundle`}>
            Download the bundle
          </a>
        )}
      </div>
      {report ? (
        <ProofLadder report={report} />
      ) : problem || missing ? (
        <div className="flex items-center gap-4" role="alert">
          <StatusMark status="unknown" large />
          <p className="min-w-0 [overflow-wrap:anywhere]">
            <span className="block text-xl font-semibold">Not verified</span>
            <span className="text-soft">{problem ?? `The proof could not be had: ${missing?.message}`}</span>
          </p>
        </div>
      ) : (
        <p className="text-soft" role="status">
          {pending ? 'Recorded. Its checkpoint waits for the witnesses…' : 'Verifying in this browser…'}
        </p>
      )}
      <div className="mt-5 border-t border-line pt-4 text-[0.92rem]">
        <p className="text-soft">
          This browser verifies against the trust policy of the very node that it checks. That shows that the
          node agrees with itself. To trust nobody, verify the bundle elsewhere with a policy of your own:
        </p>
        <div className="mt-2 flex flex-wrap items-center justify-between gap-x-4 gap-y-1 rounded-md bg-sunk p-3">
          <code className="hash min-w-0">{command}</code>
          <Copy text={command} name="command" />
        </div>
      </div>
    </section>
  );
}

function Findings({ id, verdict }: { id: string; verdict: NonNullable<RecordDetail['verdict']> }) {
  const row = rowOf(id);
  const order: Status[] = ['fail', 'unknown', 'pass'];
  const findings = [...verdict.findings].sort((a, b) => order.indexOf(a.status) - order.indexOf(b.status));
  return (
    <section className="sheet" aria-label="Findings">
      <header className="border-b border-line px-5 py-3">
        <h2 className="text-lg font-semibold">What was checked</h2>
        <p className="caption [overflow-wrap:anywhere]">
          Data contract {verdict.contract.name} {verdict.contract.version}, sha256{' '}
          {verdict.contract.digest.sha256.slice(0, 16)}…
          {row !== null && '. Findings are about the whole batch; the row’s own are marked.'}
        </p>
        {!verdict.contract.name.startsWith('assay.') && (
          <Link to="/providers" search={{ challenge: id.split('.')[0]! }} className="link text-sm">
            Wrong? Challenge the verdict
          </Link>
        )}
      </header>
      <ul>
        {findings.map((finding) => (
          <FindingLine
            key={`${finding.check}/${finding.column}/${finding.reason}`}
            finding={finding}
            row={row}
          />
        ))}
      </ul>
    </section>
  );
}

/** What a row says beyond plain values: members of members, and lists. */
function Members({ values }: { values: NonNullable<RecordDetail['values']> }) {
  const nested = Object.entries(values).filter(([, value]) => typeof value === 'object' && value !== null);
  if (nested.length === 0 || 'rate' in values) return null;
  return (
    <Panel title="The row" note="Every member as it was signed">
      <Nested value={Object.fromEntries(nested)} />
    </Panel>
  );
}

/** A list of many is folded; nothing is left out. */
function Nested({ value }: { value: unknown }) {
  if (value === null) return <span className="text-unknown">unknown</span>;
  if (typeof value !== 'object')
    return <span className="figure [overflow-wrap:anywhere]">{String(value)}</span>;
  const entries = Object.entries(value);
  if (entries.length === 0) return <span className="text-soft">none</span>;
  const list = (
    <dl className="grid gap-y-1 border-l border-line pl-3 text-[0.9rem]">
      {entries.map(([name, inner]) => (
        <div
          key={name}
          className={typeof inner === 'object' && inner !== null ? 'py-1' : 'flex flex-wrap gap-x-3'}
        >
          <dt className="text-soft">{Array.isArray(value) ? Number(name) + 1 : name}</dt>
          <dd>
            <Nested value={inner} />
          </dd>
        </div>
      ))}
    </dl>
  );
  return Array.isArray(value) && entries.length > 5 ? (
    <details>
      <summary className="cursor-pointer">{entries.length} entries</summary>
      {list}
    </details>
  ) : (
    list
  );
}

function Venues({ values }: { values: NonNullable<RecordDetail['values']> }) {
  const { venues, excluded } = values as {
    /** A reference rate has a price of each venue, a market price its close. */
    venues?: { stream: string; price?: string; close?: string; volume: string }[];
    excluded?: { stream: string; reason: string; deviationBps?: string }[];
  };
  if (!venues) return null;
  return (
    <Panel
      title="Venues"
      note={
        venues.some(({ close }) => close !== undefined)
          ? 'Each one’s close, and its volume'
          : 'Each one’s own volume-weighted median, and its volume'
      }
    >
      <table className="w-full text-[0.9rem]">
        <thead className="sr-only">
          <tr>
            <th>Venue</th>
            <th>Price</th>
            <th>Volume</th>
          </tr>
        </thead>
        <tbody>
          {venues.map(({ stream, price: median, close, volume }) => (
            <tr key={stream} className="border-t border-line">
              <td className="py-1">{describeStream(stream)}</td>
              <td className="figure py-1 text-right">{price(median ?? close ?? 'unknown')}</td>
              <td className="figure py-1 pl-3 text-right text-soft" title={volume}>
                {Number(volume).toFixed(3)}
              </td>
            </tr>
          ))}
          {excluded?.map(({ stream, reason, deviationBps }) => (
            <tr key={stream} className="border-t border-line text-soft">
              <td className="py-1">{describeStream(stream)}</td>
              <td className="py-1 text-right" colSpan={2}>
                left out: {reason.replaceAll('-', ' ')}
                {deviationBps && ` by ${deviationBps} bps`}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </Panel>
  );
}

function QualityVector({ record: { quality } }: { record: RecordDetail }) {
  if (!quality) return null;
  return (
    <Panel title="Quality" note="ISO/IEC 25012, measured on the batch">
      <ul className="grid gap-2">
        {Object.entries(quality).map(([name, value]) => (
          <li key={name} className="grid grid-cols-[7.5rem_1fr_4.5rem] items-center gap-3">
            <span>{name}</span>
            <span
              className={`h-1.5 overflow-hidden rounded-full ${value === null ? 'border border-dashed border-unknown' : 'bg-sunk'}`}
              aria-hidden
            >
              {value !== null && (
                <span className="block h-full bg-accent" style={{ width: `${Number(value) * 100}%` }} />
              )}
            </span>
            <span className={`figure text-right ${value === null ? 'text-unknown' : ''}`}>
              {value === null ? 'unknown' : `${(Number(value) * 100).toFixed(1)} %`}
            </span>
          </li>
        ))}
      </ul>
    </Panel>
  );
}

function Lineage({ record: { lineage } }: { record: RecordDetail }) {
  const groups = [
    { title: 'Made from', list: lineage.materials },
    { title: 'Went into', list: lineage.derived },
  ].filter(({ list }) => list.length > 0);
  if (groups.length === 0) return null;
  return (
    <Panel title="Lineage">
      {groups.map(({ title, list }) => (
        <div key={title} className="mb-2 last:mb-0">
          <p className="caption">
            {title} {count(list.length)}
          </p>
          <ul className="max-h-64 overflow-y-auto">
            {list.map(({ id, stream }) => (
              <li key={id}>
                <Link
                  to="/records/$id"
                  params={{ id }}
                  className="flex justify-between gap-3 py-0.5 hover:underline"
                >
                  <span>{describeStream(stream)}</span>
                  <span className="hash text-soft">{short(id)}</span>
                </Link>
              </li>
            ))}
          </ul>
        </div>
      ))}
    </Panel>
  );
}

function Statement({ record }: { record: RecordDetail }) {
  return (
    <details className="sheet px-5 py-3">
      <summary className="font-semibold">Signed statement</summary>
      <p className="caption mt-2 [overflow-wrap:anywhere]">Signed by {record.signer}</p>
      <p className="caption">
        {record.index === null ? 'Not in the log yet' : `Entry ${count(record.index)} of the log`}
      </p>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a scrolling region must be reachable by keyboard. */}
      <pre className="mt-2 max-h-96 overflow-auto rounded-md bg-sunk p-3 text-[0.78rem]" tabIndex={0}>
        {JSON.stringify(record.statement, null, 2)}
      </pre>
    </details>
  );
}

function Missing({ error }: { error: Error }) {
  const problem = error instanceof Refusal ? error.problem : null;
  return (
    <div className="sheet p-8">
      <h1 className="text-xl font-semibold">This record cannot be shown</h1>
      <p className="mt-2">{problem?.detail ?? error.message}</p>
      {problem?.next && <p className="mt-1 text-soft">{problem.next}</p>}
      <p className="hash mt-2 text-soft">{problem?.code}</p>
    </div>
  );
}

function Panel({ title, note, children }: { title: string; note?: string; children: ReactNode }) {
  return (
    <section className="sheet p-5" aria-label={title}>
      <h2 className="font-semibold">{title}</h2>
      {note && <p className="caption">{note}</p>}
      <div className="mt-3">{children}</div>
    </section>
  );
}

function Copy({ text, name, shown = '' }: { text: string; name: string; shown?: string }) {
  const [copied, setCopied] = useState(false);
  return (
    <button
      type="button"
      className="hash link"
      title={text}
      onClick={() => void navigator.clipboard?.writeText(text).then(() => setCopied(true))}
    >
      <span aria-live="polite">{copied ? 'copied' : `copy ${name}`}</span> {shown}
    </button>
  );
}
