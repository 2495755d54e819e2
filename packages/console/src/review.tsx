import type { KeptAlert, QueueView, ReviewerState } from '@assay/pipeline';
import { useQueryClient } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { type ReactNode, useState } from 'react';
import { Refusal, send, useAlerts, useQueue, useReviewers } from './api.ts';
import { useTitle } from './frame.tsx';
import { readFile } from './handoff.ts';
import { forgetKey, makeKey, openKeyFile, useReviewer } from './reviewer-key.ts';
import { NotKnown, Sheet, useNow } from './sheet.tsx';
import { DecisionTag } from './status-mark.tsx';
import { clock, count, describeStream, moment, percent, short } from './words.ts';

/** Review queue: what people are asked, what they decided, how right they are, and what is wrong with streams. */
export function ReviewPage() {
  useTitle('Review queue');
  const { data: queue, error } = useQueue();
  return (
    <div className="grid min-w-0 grid-cols-1 gap-6">
      <div>
        <h1 className="text-2xl font-semibold tracking-tight">Review queue</h1>
        {queue && (
          <p className="mt-1 text-soft">
            {count(queue.counts.open)} open, {count(queue.counts.closed)} closed.{' '}
            {count(queue.counts.enrolled)} reviewers are enrolled: two decide without seeing each other, a
            third where they differ.
          </p>
        )}
      </div>
      {error && (
        <NotKnown>
          {error instanceof Refusal
            ? `${error.message}; ${error.problem.next}.`
            : 'The node does not answer.'}
        </NotKnown>
      )}
      {queue && <Desk queue={queue} />}
      <Alerts />
      {queue && <Closed closed={queue.closed} />}
      <Reviewers />
    </div>
  );
}

/** The reviewer's own place: its key, and what it is asked. */
function Desk({ queue }: { queue: QueueView }) {
  const { signer, kept, error } = useReviewer();
  const { data: reviewers } = useReviewers();
  const nowMs = useNow();
  const enrolled = reviewers?.some(({ did, enrolled: still }) => still && did === signer?.did) ?? false;
  return (
    <Sheet
      title="Your desk"
      note={signer ? `as ${signer.did}` : 'for reviewers; reading needs no key'}
      aside={
        signer && (
          <button type="button" className="action" onClick={() => void forgetKey()}>
            {kept ? 'Delete the key' : 'Put the key away'}
          </button>
        )
      }
    >
      <div className="grid gap-3 px-5 py-4">
        {error && (
          <p role="alert" className="text-fail">
            {error}
          </p>
        )}
        {!signer && <KeyChoice />}
        {signer && !enrolled && (
          <div>
            <p>This key is not enrolled. Whoever runs the node enrols it:</p>
            <code className="hash mt-1 block rounded-md bg-sunk p-3">
              npx assay review enrol {signer.did}
            </code>
          </div>
        )}
        {signer && enrolled && queue.asked.length === 0 && (
          <p className="text-soft">Nothing is asked of you now. New items come here by themselves.</p>
        )}
        {signer && queue.asked.length > 0 && (
          <ul aria-label="Asked of you">
            {queue.asked.map(({ item, stream, time, round, until }) => (
              <li key={item} className="border-b border-line py-1.5 last:border-0">
                <Link to="/review/$item" params={{ item }} className="flex flex-wrap gap-x-4 hover:underline">
                  <span className="font-medium">{describeStream(stream)}</span>
                  <span className="figure">{moment(time)} UTC</span>
                  {round > 1 && <span>on appeal</span>}
                  <span className="caption figure ml-auto">yours, ends {clock(until, nowMs)}</span>
                </Link>
              </li>
            ))}
          </ul>
        )}
      </div>
    </Sheet>
  );
}

function KeyChoice() {
  return (
    <>
      <p className="max-w-[75ch] text-soft">
        A review is signed by its reviewer's own key. A key made here stays in this browser, which shows it to
        nobody; a key file is read, used and forgotten with this page.
      </p>
      <div className="flex flex-wrap gap-2">
        <button type="button" className="action" onClick={() => void makeKey()}>
          Make a key in this browser
        </button>
        <label className="action cursor-pointer">
          Open a key file
          <input
            type="file"
            className="sr-only"
            onChange={({ target }) => {
              const file = target.files?.[0];
              target.value = '';
              if (file) void readFile(file).then(({ text }) => openKeyFile(text ?? ''));
            }}
          />
        </label>
      </div>
    </>
  );
}

/** What is wrong with streams now: one alert for each cause, however often it failed. */
function Alerts() {
  const { data } = useAlerts();
  if (!data) return null;
  const live = data.alerts.filter(({ state }) => state !== 'recovered');
  const over = data.alerts.filter(({ state }) => state === 'recovered');
  return (
    <Sheet
      title="Alerts"
      note={`${count(live.length)} not over, ${count(data.counts.recovered ?? 0)} recovered`}
    >
      {live.length === 0 && <p className="px-5 py-3 text-soft">Nothing is wrong with any stream.</p>}
      <ul aria-label="Alerts">
        {[...live, ...over.slice(0, 5)].map((alert) => (
          <AlertLine key={alert.id} alert={alert} />
        ))}
      </ul>
    </Sheet>
  );
}

const SEVERITY: Record<KeptAlert['severity'], string> = {
  critical: 'bg-fail-wash text-fail',
  warning: 'bg-unknown-wash text-unknown',
};

function AlertLine({ alert }: { alert: KeptAlert }) {
  const queries = useQueryClient();
  const [refusal, setRefusal] = useState<string | null>(null);
  const { id, stream, check, severity, state, reason, count: times, firstAt, lastAt, flaps } = alert;
  const acknowledge = () =>
    send(`/v1/alerts/${id}/acknowledge`, {}).then(
      () => queries.invalidateQueries({ queryKey: ['alerts'] }),
      (error: Error) => setRefusal(error.message),
    );
  return (
    <li className="flex flex-wrap gap-x-4 gap-y-1 border-b border-line px-5 py-2 last:border-0">
      <div className="min-w-0 flex-1">
        <p className="flex flex-wrap items-baseline gap-x-2">
          <Word look={state === 'recovered' ? 'bg-pass-wash text-pass' : SEVERITY[severity]}>
            {state === 'recovered' ? 'recovered' : severity}
          </Word>
          <span className="font-medium">{describeStream(stream)}</span>
          <span className="caption">{check.replaceAll('_', ' ')}</span>
        </p>
        <p className="[overflow-wrap:anywhere]">
          {reason}{' '}
          {alert.observation && (
            <Link to="/records/$id" params={{ id: alert.observation }} className="link text-sm">
              See what it saw
            </Link>
          )}
        </p>
        <p className="caption figure">
          {times === 1 ? 'once' : `${count(times)} times`}, first {moment(firstAt)}, last {moment(lastAt)} UTC
          {flaps > 0 && `, came back ${count(flaps)} times`}
          {alert.acknowledged && `, seen by ${alert.acknowledged.by}`}
        </p>
        {refusal && (
          <p role="alert" className="text-fail">
            {refusal}
          </p>
        )}
      </div>
      {state === 'open' && (
        <button type="button" className="action self-start" onClick={() => void acknowledge()}>
          I have seen it
        </button>
      )}
    </li>
  );
}

const CAUSES: Record<QueueView['closed'][number]['cause'], string> = {
  flagged: 'the checks flagged it',
  rejected: 'the checks rejected it',
  unknown: 'the checks could not tell',
  sample: 'drawn at random',
  gold: 'a question with a known answer',
  appeal: 'somebody appealed',
};

function Closed({ closed }: { closed: QueueView['closed'] }) {
  const nowMs = useNow();
  return (
    <Sheet title="Decided" note="every review and outcome is in the log">
      {closed.length === 0 && <p className="px-5 py-3 text-soft">Nothing has been decided yet.</p>}
      <ul aria-label="Decided" className="max-h-96 overflow-y-auto">
        {closed.map(({ item, stream, time, cause, decision, reviewers, round, closedAt }) => (
          <li key={item} className="border-b border-line px-5 py-1.5 last:border-0">
            <Link to="/review/$item" params={{ item }} className="flex flex-wrap gap-x-3 hover:underline">
              <DecisionTag decision={decision} />
              <span>{describeStream(stream)}</span>
              <span className="figure">{moment(time)}</span>
              <span className="caption">
                {CAUSES[cause]}, {reviewers === 1 ? 'one reviewer' : `${reviewers} reviewers`}
                {round > 1 && ', on appeal'}
              </span>
              <span className="caption figure ml-auto">{clock(closedAt, nowMs)}</span>
            </Link>
          </li>
        ))}
      </ul>
    </Sheet>
  );
}

function Reviewers() {
  const { data: reviewers } = useReviewers();
  if (!reviewers) return null;
  return (
    <Sheet title="Reviewers" note="how often each is right, after Dawid and Skene, with its 95 % interval">
      {reviewers.length === 0 ? (
        <p className="px-5 py-3 text-soft">
          Nobody is enrolled: <code>assay review enrol did:key:…</code>
        </p>
      ) : (
        <ul aria-label="Reviewers">
          {reviewers.map((reviewer) => (
            <ReviewerLine key={reviewer.did} reviewer={reviewer} />
          ))}
        </ul>
      )}
    </Sheet>
  );
}

function ReviewerLine({ reviewer: { did, name, enrolled, reviews, accuracy } }: { reviewer: ReviewerState }) {
  return (
    <li className="flex flex-wrap items-baseline justify-between gap-x-4 border-b border-line px-5 py-2 last:border-0">
      <span className="min-w-0">
        <span className="font-medium">{name ?? short(did.slice(8))}</span>{' '}
        <span className="hash text-soft">{did}</span>
        {!enrolled && <span className="caption"> no longer asked</span>}
      </span>
      <span className="caption figure">
        {reviews === 1 ? 'one review' : `${count(reviews)} reviews`},{' '}
        {accuracy ? (
          <span className="text-ink">
            right {percent(accuracy.accuracy)} ({percent(accuracy.low)} to {percent(accuracy.high)})
          </span>
        ) : (
          <span className="text-unknown">accuracy not known yet</span>
        )}
      </span>
    </li>
  );
}

function Word({ look, children }: { look: string; children: ReactNode }) {
  return (
    <span className={`inline-block rounded px-1.5 py-px text-[0.8rem] font-medium ${look}`}>{children}</span>
  );
}
