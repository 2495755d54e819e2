import { Link } from '@tanstack/react-router';
import type { ReactNode } from 'react';
import type { Proof } from './market-api.ts';

const NOT_ACCEPTED: Record<string, { word: string; look: string }> = {
  'below-level': { word: 'below its level', look: 'bg-unknown-wash text-unknown' },
  flagged: { word: 'flagged', look: 'bg-unknown-wash text-unknown' },
  rejected: { word: 'rejected', look: 'bg-fail-wash text-fail' },
  unjudged: { word: 'not judged yet', look: 'bg-unknown-wash text-unknown' },
};

/** Opens what a section's figures were derived from, and says so when they must not be used without a second look. */
export function ProofLink({ proof, of }: { proof: Proof; of: string }) {
  return (
    <span className="inline-flex flex-wrap items-baseline gap-2">
      <ServedWord proof={proof} />
      <Link
        to="/records/$id"
        params={{ id: proof.record }}
        className="inline-flex items-center gap-1 text-[0.8rem] font-medium text-accent hover:underline"
        aria-label={`Proof of ${of}`}
      >
        <Seal />
        Proof
      </Link>
    </span>
  );
}

/** A figure that is itself the link to its proof: a dotted line under it says so, everywhere alike. */
export function Proven({
  proof,
  of,
  className = '',
  children,
}: {
  proof: Pick<Proof, 'record'>;
  of: string;
  className?: string;
  children: ReactNode;
}) {
  return (
    <Link
      to="/records/$id"
      params={{ id: proof.record }}
      title={`Proof of ${of}`}
      className={`figure underline decoration-soft/50 decoration-dotted decoration-1 underline-offset-4 hover:decoration-accent hover:decoration-solid ${className}`}
    >
      {children}
      <span className="sr-only">, proof of {of}</span>
    </Link>
  );
}

/** Nothing where data was accepted; else in a word what it is. */
export function ServedWord({ proof }: { proof: Proof }) {
  if (proof.served === 'accepted') return null;
  const { word, look } = NOT_ACCEPTED[proof.served ?? 'unjudged'] ?? NOT_ACCEPTED.unjudged!;
  return (
    <span className={`rounded px-1.5 py-px text-[0.75rem] font-medium whitespace-nowrap ${look}`}>
      {word}
    </span>
  );
}

function Seal() {
  return (
    <svg
      viewBox="0 0 16 16"
      className="size-3.5 shrink-0"
      fill="none"
      stroke="currentColor"
      strokeWidth="1.4"
      strokeLinecap="round"
      strokeLinejoin="round"
      aria-hidden="true"
    >
      <path d="M8 1.6 13 3.4v4.2c0 3.2-2.1 5.6-5 6.8-2.9-1.2-5-3.6-5-6.8V3.4Z" />
      <path d="m5.8 7.9 1.6 1.6 2.9-3.2" />
    </svg>
  );
}
