import { makeStatement, signStatement } from '@assay/core';
import type { RecordDetail } from '@assay/pipeline';
import { useQueryClient } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { type FormEvent, useState } from 'react';
import { Refusal, send } from './api.ts';
import { instantNow, makeKey, useReviewer } from './reviewer-key.ts';
import { Sheet } from './sheet.tsx';
import { DecisionTag } from './status-mark.tsx';
import { moment, short } from './words.ts';

const SERVED: Record<NonNullable<RecordDetail['served']>, { words: string; look: string }> = {
  accepted: { words: 'served as accepted', look: 'border-pass text-pass' },
  'below-level': { words: 'below the required level', look: 'border-unknown text-unknown' },
  flagged: { words: 'served with its flag', look: 'border-unknown text-unknown' },
  rejected: { words: 'not served', look: 'border-fail text-fail' },
};

/** As what the record is served now. */
export function ServedTag({ record: { served, servedReason } }: { record: RecordDetail }) {
  if (!served) return null;
  const { words, look } = SERVED[served];
  return (
    <span
      className={`rounded border px-2 py-0.5 text-sm font-medium ${look}`}
      title={servedReason ?? undefined}
    >
      {words}
    </span>
  );
}

/** What people decided about a record since the checks did, and the way to object. */
export function Opinions({ record }: { record: RecordDetail }) {
  const { outcome, review, reviews, appeals, executions, verdict, servedReason } = record;
  const [objecting, setObjecting] = useState(false);
  if (!verdict) return null;
  return (
    <Sheet
      title="What people decided"
      note={
        review?.state === 'open' ? 'reviewers look at it now; nobody sees what another decided' : undefined
      }
      aside={
        <>
          {review?.state === 'closed' && (
            <Link to="/review/$item" params={{ item: review.item }} className="action">
              See the review
            </Link>
          )}
          {!objecting && (
            <button type="button" className="action" onClick={() => setObjecting(true)}>
              Appeal to reviewers
            </button>
          )}
        </>
      }
    >
      {servedReason && <p className="px-5 pt-3">{servedReason}</p>}
      {outcome && (
        <p className="flex flex-wrap items-baseline gap-x-2 px-5 py-3 [overflow-wrap:anywhere]">
          <DecisionTag decision={outcome.decision} /> at {outcome.level} since {moment(outcome.since)} UTC:{' '}
          {outcome.reason}
          <Link to="/records/$id" params={{ id: outcome.id }} className="link hash">
            {short(outcome.id)}
          </Link>
        </p>
      )}
      {!outcome && (
        <p className="px-5 py-3 text-soft">No reviewer has decided yet: the checks’ answer stands.</p>
      )}
      <ul>
        {appeals.map(({ id, by, reason, at }) => (
          <Said key={id} id={id} by={by} at={at} word="appeal">
            {reason}
          </Said>
        ))}
        {reviews.map(({ id, reviewer, decision, reason, at, round }) => (
          <Said key={id} id={id} by={reviewer} at={at} word={round > 1 ? 'on appeal' : 'review'}>
            <DecisionTag decision={decision} /> {reason}
          </Said>
        ))}
        {executions.map(({ id, executor, agrees, at }) => (
          <Said key={id} id={id} by={executor} at={at} word="executed again">
            {agrees ? 'The same rows came out.' : 'Other rows came out.'}
          </Said>
        ))}
      </ul>
      {objecting && <AppealForm record={record} close={() => setObjecting(false)} />}
    </Sheet>
  );
}

function Said({
  id,
  by,
  at,
  word,
  children,
}: {
  id: string;
  by: string;
  at: string;
  word: string;
  children: React.ReactNode;
}) {
  return (
    <li className="border-t border-line px-5 py-2 [overflow-wrap:anywhere]">
      <p>{children}</p>
      <p className="caption">
        {word} by <span className="hash">{by}</span>, {moment(at)} UTC,{' '}
        <Link to="/records/$id" params={{ id }} className="link hash">
          {short(id)}
        </Link>
      </p>
    </li>
  );
}

/** An appeal is signed, as everything is that goes to the log. Anybody may make one, once a round. */
function AppealForm({ record, close }: { record: RecordDetail; close: () => void }) {
  const { signer, error } = useReviewer();
  const queries = useQueryClient();
  const [reason, setReason] = useState('');
  const [busy, setBusy] = useState(false);
  const [answer, setAnswer] = useState<{ good: boolean; text: string } | null>(null);
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    if (!signer || !record.verdict) return;
    setBusy(true);
    try {
      const { stream } = record.statement.predicate;
      const observation = record.id.split('.')[0]!;
      const { envelope } = await signStatement(
        makeStatement(
          'appeal',
          { name: stream, sha256: observation },
          {
            ...{ stream, observation, verdict: record.verdict.id, outcome: record.outcome?.id ?? null },
            ...{ reason: reason.trim(), appealedAt: instantNow() },
          },
        ),
        signer,
      );
      const { index } = await send<{ index: number }>(`/v1/records/${observation}/appeals`, { envelope });
      setAnswer({
        good: true,
        text: `Entry ${index} of the log. Reviewers who took no part yet will decide.`,
      });
      void queries.invalidateQueries({ queryKey: ['record', record.id] });
    } catch (problem) {
      setAnswer({
        good: false,
        text:
          problem instanceof Refusal
            ? `${problem.message}; ${problem.problem.next}.`
            : (problem as Error).message,
      });
    }
    setBusy(false);
  };
  return (
    <form className="grid gap-3 border-t border-line px-5 py-4" onSubmit={(event) => void submit(event)}>
      {!signer && (
        <p>
          An appeal is signed with a key of yours.{' '}
          <button type="button" className="link" onClick={() => void makeKey()}>
            Make one in this browser
          </button>
        </p>
      )}
      {error && <p className="text-fail">{error}</p>}
      <label className="grid gap-1">
        <span>What is wrong with the decision?</span>
        <textarea
          className="field min-h-24"
          value={reason}
          maxLength={2_000}
          onChange={({ target }) => setReason(target.value)}
        />
        <span className="caption">It is published with your key’s name. Name no person.</span>
      </label>
      {answer && (
        <p role={answer.good ? 'status' : 'alert'} className={answer.good ? 'text-pass' : 'text-fail'}>
          {answer.text}
        </p>
      )}
      <div className="flex gap-2">
        <button
          type="submit"
          className="action action-main"
          disabled={busy || !signer || reason.trim() === '' || answer?.good}
        >
          {busy ? 'Signing…' : 'Sign and send'}
        </button>
        <button type="button" className="action" onClick={close}>
          Close
        </button>
      </div>
    </form>
  );
}
