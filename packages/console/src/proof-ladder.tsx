import type { Step, VerificationReport } from '@assay/core';
import { StatusMark } from './status-mark.tsx';

const QUESTIONS: Record<Step, { name: string; question: string }> = {
  row: { name: 'Row', question: 'Is this the datum?' },
  batch: { name: 'Batch', question: 'Does it belong to the batch that was signed?' },
  signature: { name: 'Signature', question: 'Who says so, and is that the right one?' },
  checks: { name: 'Checks', question: 'Did it pass the checks?' },
  leaf: { name: 'Leaf', question: 'Is the statement in the log?' },
  checkpoint: { name: 'Checkpoint', question: 'Did the log commit to it?' },
  witnesses: { name: 'Witnesses', question: 'Did independent witnesses see the same log?' },
  anchor: { name: 'Anchor', question: 'Is it on a chain, beyond the operator’s reach?' },
};

const OUTCOME = {
  verified: { status: 'pass', title: 'Verified', text: 'Every step that the policy requires passes.' },
  failed: { status: 'fail', title: 'Failed', text: 'A required step fails. Do not rely on this record.' },
  inconclusive: {
    status: 'unknown',
    title: 'Inconclusive',
    text: 'Nothing is wrong, but a required step could not be decided.',
  },
} as const;

/** What the report amounts to. A genuine record of bad data is another thing than a forged one. */
function outcomeOf({ outcome, steps }: VerificationReport) {
  if (!steps.some(({ required }) => required)) {
    return {
      status: 'unknown',
      title: 'Nothing was demanded',
      text: 'The policy requires no step, so it would let anything pass.',
    } as const;
  }
  const failed = steps.filter(({ status, required }) => required && status === 'fail');
  const genuine = failed.length > 0 && failed.every(({ code }) => code === 'DECISION_NOT_ACCEPTED');
  return genuine
    ? ({
        status: 'fail',
        title: 'Genuine, but not accepted',
        text: 'The record is what it says it is; its data did not pass the checks.',
      } as const)
    : OUTCOME[outcome];
}

/** The answer to a verification, and the eight rungs that it stands on. */
export function ProofLadder({ report }: { report: VerificationReport }) {
  const outcome = outcomeOf(report);
  return (
    <section aria-label="Proof ladder">
      <div className="flex items-center gap-4 pb-5" role="status">
        <StatusMark status={outcome.status} large />
        <div>
          <p className="text-xl font-semibold">{outcome.title}</p>
          <p className="text-soft">{outcome.text}</p>
        </div>
      </div>
      <ol className="relative">
        {report.steps.map(({ step, status, reason, code, required }, i) => (
          <li key={step} className="relative flex gap-4 pb-4 last:pb-0" data-step={step} data-status={status}>
            {i < report.steps.length - 1 && (
              <span aria-hidden className="absolute top-7 bottom-0 left-[13.5px] w-px bg-line" />
            )}
            <StatusMark status={status} />
            <div className="min-w-0 flex-1">
              <p className="flex flex-wrap items-baseline gap-x-2">
                <span className="font-semibold">{QUESTIONS[step].name}</span>
                <span className="caption">{QUESTIONS[step].question}</span>
                {!required && <span className="caption">· not required by the policy</span>}
              </p>
              <p className="text-[0.92rem] [overflow-wrap:anywhere]">{reason}</p>
              {code && <p className="hash text-fail">{code}</p>}
            </div>
          </li>
        ))}
      </ol>
    </section>
  );
}
