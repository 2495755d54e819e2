import { parseBundle, parseTrustPolicy, type VerificationReport, verifyBundle } from '@assay/core';
import type { RecordDetail } from '@assay/pipeline';
import { Link, useParams } from '@tanstack/react-router';
import { type ReactNode, useEffect, useState } from 'react';
import { Refusal, useBundle, usePolicy, useRecord } from './api.ts';
import { ProofLadder } from './proof-ladder.tsx';
import { type Status, StatusMark } from './status-mark.tsx';
import { count, describeStream, moment, price, short } from './words.ts';

/** One record: what was decided about it, why, and everything that the decision stands on. */
export function RecordPage() {
  const { id } = useParams({ from: '/records/$id' });
  const { data: record, error } = useRecord(id);
  if (error) return <Missing error={error} />;
  if (!record) return <p className="text-soft">Opening the record…</p>;
  return (
    <article className="grid grid-cols-1 gap-6">
      <Headline record={record} />
      <div className="grid grid-cols-1 items-start gap-6 lg:grid-cols-[minmax(0,1.35fr)_minmax(0,1fr)]">
        <div className="grid min-w-0 grid-cols-1 gap-6">
          <Proof id={record.id} />
          {record.verdict && <Findings verdict={record.verdict} row={rowOf(record.id)} />}
        </div>
        <div className="grid min-w-0 grid-cols-1 gap-6">
          {record.values && <Values record={record} />}
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
  const reason = weightiestReason(record);
  return (
    <header className="flex items-start gap-4">
      <StatusMark status={SIGNS[record.decision ?? ''] ?? 'unknown'} large />
      <div className="min-w-0">
        <h1 className="text-2xl leading-snug font-semibold tracking-tight">{sentence(record)}</h1>
        {reason && <p className="mt-1 max-w-[80ch]">{reason}</p>}
        <p className="mt-1 flex flex-wrap items-baseline gap-x-3 text-soft">
          <span className="figure">{moment(record.time)} UTC</span>
          <span>{record.stream}</span>
          {record.level && (
            <span title={LEVELS[record.level]}>
              {record.level}: {LEVELS[record.level]}
            </span>
          )}
          <CopyId id={record.id} />
        </p>
      </div>
    </header>
  );
}

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
  const what = `this ${record.kind === 'row' ? 'minute' : record.kind} of ${describeStream(record.stream)}`;
  if (record.kind === 'verdict') return `A verdict on ${describeStream(record.stream)}: ${record.decision}`;
  if (!record.verdict) return `Not judged yet: ${what}`;
  if (record.decision !== 'accept')
    return `${record.decision === 'reject' ? 'Rejected' : 'Flagged'}: ${what}`;
  const { findings } = record.verdict;
  const passed = findings.filter(({ status }) => status === 'pass').length;
  const open = findings.filter(({ status }) => status === 'unknown').length;
  return `Accepted: ${what} passed ${passed} checks${open > 0 ? `; ${open} could not be decided` : ''}`;
}

/** Why a record was not accepted: the first finding that failed for it. */
function weightiestReason(record: RecordDetail): string | null {
  const row = rowOf(record.id);
  const failed = record.verdict?.findings.find(
    (finding) => finding.status === 'fail' && (row === null || covers(finding.rows, row)),
  );
  return record.decision === 'accept' ? null : (failed?.reason ?? null);
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
      (result) => current && setReport(result),
      (error: Error) => current && setProblem(error.message),
    );
    return () => {
      current = false;
    };
  }, [bundle.data, policy.data]);
  const pending =
    bundle.failureReason instanceof Refusal && bundle.failureReason.problem.code === 'PROOF_PENDING';
  const json = bundle.data ? JSON.stringify(bundle.data, null, 2) : null;
  return (
    <section className="sheet p-5" aria-label="Proof">
      <div className="flex flex-wrap items-center justify-between gap-3 pb-4">
        <h2 className="text-lg font-semibold">Proof</h2>
        {json && (
          <a className="action" download={`${id.slice(0, 16)}.bundle.json`} href={`/v1/records/${id}/bundle`}>
            Download the bundle
          </a>
        )}
      </div>
      {report ? (
        <ProofLadder report={report} />
      ) : (
        <p className="text-soft">
          {problem ??
            (pending ? 'Recorded. Its checkpoint waits for the witnesses…' : 'Verifying in this browser…')}
        </p>
      )}
      <div className="mt-5 border-t border-line pt-4 text-[0.92rem]">
        <p className="text-soft">
          Verified just now by this browser, against the trust policy of the very node that it checks. That
          shows that the node agrees with itself. To trust nobody, verify the bundle elsewhere with a policy
          of your own:
        </p>
        <pre className="mt-2 overflow-x-auto rounded-md bg-sunk p-3 text-[0.82rem]">{`npx assay verify ${id.slice(0, 16)}.bundle.json --policy trust-policy.json`}</pre>
      </div>
    </section>
  );
}

function Findings({ verdict, row }: { verdict: NonNullable<RecordDetail['verdict']>; row: number | null }) {
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
      </header>
      <ul>
        {findings.map((finding) => (
          <li
            key={`${finding.check}/${finding.column}/${finding.severity}`}
            className="flex gap-3 border-b border-line px-5 py-2.5 last:border-0"
          >
            <StatusMark status={finding.status} />
            <div className="min-w-0">
              <p className="[overflow-wrap:anywhere]">
                <span className="font-medium">{finding.check.replaceAll('_', ' ')}</span>
                {finding.column && <span className="text-soft"> · {finding.column}</span>}
                {row !== null && covers(finding.rows, row) && (
                  <span className="ml-2 rounded bg-unknown-wash px-1.5 text-sm text-unknown">this row</span>
                )}
              </p>
              <p className="text-[0.9rem] text-soft [overflow-wrap:anywhere]">{finding.reason}</p>
            </div>
          </li>
        ))}
      </ul>
    </section>
  );
}

function Values({ record }: { record: RecordDetail }) {
  const values = record.values as Record<string, unknown>;
  const plain = Object.entries(values).filter((entry): entry is [string, string | number] =>
    ['string', 'number'].includes(typeof entry[1]),
  );
  const venues = values.venues as { stream: string; price: string; volume: string }[] | undefined;
  const excluded = values.excluded as { stream: string; reason: string; deviationBps?: string }[] | undefined;
  return (
    <Panel title="Values">
      <Pairs pairs={plain.map(([name, value]) => [name, price(String(value))])} />
      {venues && (
        <table className="mt-3 w-full text-[0.9rem]">
          <caption className="caption pb-1 text-left">Venues: own volume-weighted median, volume</caption>
          <tbody>
            {venues.map(({ stream, price: median, volume }) => (
              <tr key={stream} className="border-t border-line">
                <td className="py-1">{describeStream(stream)}</td>
                <td className="figure py-1 text-right">{price(median)}</td>
                <td className="figure py-1 pl-3 text-right text-soft">{Number(volume).toFixed(3)}</td>
              </tr>
            ))}
            {excluded?.map(({ stream, reason, deviationBps }) => (
              <tr key={stream} className="border-t border-line text-soft">
                <td className="py-1">{describeStream(stream)}</td>
                <td className="py-1 text-right" colSpan={2}>
                  left out: {reason}
                  {deviationBps && ` by ${deviationBps} bps`}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
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

function Pairs({ pairs }: { pairs: [string, string][] }) {
  return (
    <dl className="grid grid-cols-2 gap-x-6 gap-y-1">
      {pairs.map(([name, value]) => (
        <div key={name} className="flex justify-between gap-3 border-b border-line py-1">
          <dt className="text-soft">{name}</dt>
          <dd className="figure font-medium [overflow-wrap:anywhere]">{value}</dd>
        </div>
      ))}
    </dl>
  );
}

function CopyId({ id }: { id: string }) {
  const [copied, setCopied] = useState(false);
  return (
    <button
      type="button"
      className="hash link"
      title={id}
      onClick={() => void navigator.clipboard?.writeText(id).then(() => setCopied(true))}
      aria-label={`Copy the id ${id}`}
    >
      {copied ? 'copied' : short(id)}
    </button>
  );
}

function rowOf(id: string): number | null {
  const row = id.split('.')[1];
  return row === undefined ? null : Number(row);
}

function covers(ranges: [number, number][] | undefined, row: number): boolean {
  return (ranges ?? []).some(([from, to]) => from <= row && row <= to);
}
