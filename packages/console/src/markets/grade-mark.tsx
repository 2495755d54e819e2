import type { MarketRow } from '@assay/pipeline';
import type { ReactNode } from 'react';
import type { Proof } from './market-api.ts';
import { digits, numberOf, signed } from './market-words.ts';
import { Proven } from './proof-link.tsx';

export type Grade = NonNullable<MarketRow<'grades'>['trader']>;

/** A grade as it may be read: the number, where it would lie whatever the missing parts said, and its change. */
export function GradeMark({ grade, proof, of }: { grade: Omit<Grade, 'parts'>; proof: Proof; of: string }) {
  return (
    <span className="block leading-tight">
      <span className="flex items-baseline justify-between gap-2">
        <span>
          <Proven proof={proof} of={`the ${of}`} className="text-[1.02rem] font-semibold">
            {digits(grade.grade, 0)}
          </Proven>{' '}
          <span className="caption figure" title="Where the grade would lie, whatever the missing parts said">
            <span className="sr-only">somewhere between </span>
            {digits(grade.low, 0)}–{digits(grade.high, 0)}
          </span>
        </span>
        <span className="caption figure whitespace-nowrap">
          <span className="sr-only">change </span>
          {signed(grade.change, 1)}
        </span>
      </span>
      <IntervalBar grade={grade} />
    </span>
  );
}

/** 0 to 100 as a line, the interval as a band on it, the grade as a mark. Said in words beside it. */
export function IntervalBar({
  grade: { grade, low, high },
  large = false,
}: {
  grade: Pick<Grade, 'grade' | 'low' | 'high'>;
  large?: boolean;
}) {
  const at = (text: string) => Math.min(100, Math.max(0, numberOf(text) ?? 0));
  return (
    <svg
      viewBox="0 0 100 6"
      preserveAspectRatio="none"
      className={`mt-1 block w-full ${large ? 'h-2.5' : 'h-1.5'}`}
      aria-hidden="true"
    >
      <rect width="100" height="6" rx="1" className="fill-sunk" />
      <rect
        x={at(low)}
        width={Math.max(1, at(high) - at(low))}
        height="6"
        className="fill-accent opacity-30"
      />
      <rect x={Math.min(98, Math.max(0, at(grade) - 1))} width="2" height="6" className="fill-accent" />
    </svg>
  );
}

/** What is not known, said in words; why stands beside it for those who look or listen. */
export function Unknown({ why, children = 'unknown' }: { why?: string | null; children?: ReactNode }) {
  return (
    <span className="text-unknown" title={why ?? undefined}>
      {children}
      {why && <span className="sr-only">: {why}</span>}
    </span>
  );
}
