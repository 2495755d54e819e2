import { type ReactNode, useId } from 'react';
import { Refusal } from '../api.ts';

/** A field under its name. */
export function Field({ label, children }: { label: string; children: (id: string) => ReactNode }) {
  const id = useId();
  return (
    <div className="min-w-0">
      <label htmlFor={id} className="caption block">
        {label}
      </label>
      {children(id)}
    </div>
  );
}

/** Why the node refused what was sent, and what to do about it, in its own words. */
export function Message({ error }: { error: Error }) {
  const problem = error instanceof Refusal ? error.problem : null;
  return (
    <div
      role="alert"
      className="rounded-lg border border-fail bg-fail-wash px-4 py-3 [overflow-wrap:anywhere]"
    >
      <p>{problem?.detail ?? error.message}</p>
      {problem?.next && <p className="mt-0.5 text-soft">{problem.next}</p>}
      {problem?.code && <p className="hash mt-0.5 text-soft">{problem.code}</p>}
    </div>
  );
}
