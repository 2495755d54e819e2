/** Pass, fail and unknown, told apart by shape and word as well as by colour. */
export type Status = 'pass' | 'fail' | 'unknown';

const LOOK: Record<Status, { label: string; box: string; path: string }> = {
  pass: { label: 'pass', box: 'bg-pass-wash text-pass border-pass', path: 'm5.5 10.5 3 3 6-7' },
  fail: { label: 'fail', box: 'bg-fail-wash text-fail border-fail', path: 'm6 6 8 8m0-8-8 8' },
  unknown: { label: 'unknown', box: 'bg-unknown-wash text-unknown border-unknown border-dashed', path: '' },
};

const MODES = {
  live: { text: 'Live', look: 'border-pass text-pass', help: 'Data comes from the exchanges now' },
  replay: { text: 'Replay', look: 'border-unknown text-unknown', help: 'Recorded data, replayed' },
  simulated: { text: 'Simulated', look: 'border-fail text-fail', help: 'No real prices' },
} as const;

/** Where data comes from, so that no simulated figure passes for a real one. */
export function ModeTag({ mode, note }: { mode: keyof typeof MODES; note?: string }) {
  const { text, look, help } = MODES[mode];
  return (
    <span
      className={`rounded border px-2 py-0.5 text-sm font-medium ${look}`}
      title={note ? `${help}. ${note}` : help}
    >
      {text}
    </span>
  );
}

/** The round sign of a status. */
export function StatusMark({ status, large = false }: { status: Status; large?: boolean }) {
  const { label, box, path } = LOOK[status];
  return (
    <span
      className={`inline-grid shrink-0 place-items-center rounded-full border-[1.5px] ${box} ${large ? 'size-12' : 'size-7'}`}
    >
      <svg
        viewBox="0 0 20 20"
        className={large ? 'size-7' : 'size-4'}
        fill="none"
        stroke="currentColor"
        strokeWidth="2.2"
        strokeLinecap="round"
        strokeLinejoin="round"
        role="img"
        aria-label={label}
      >
        {path ? <path d={path} /> : <path d="M7.4 7.6a2.6 2.6 0 1 1 3.9 2.3c-.9.5-1.3 1-1.3 2M10 15v.1" />}
      </svg>
    </span>
  );
}

const DECISION: Record<string, { word: string; look: string }> = {
  accept: { word: 'accepted', look: 'bg-pass-wash text-pass' },
  flag: { word: 'flagged', look: 'bg-unknown-wash text-unknown' },
  reject: { word: 'rejected', look: 'bg-fail-wash text-fail' },
};

/** A verdict's decision as a word on a wash. */
export function DecisionTag({ decision }: { decision: string | null }) {
  const { word, look } = DECISION[decision ?? ''] ?? { word: 'not judged', look: 'bg-sunk text-soft' };
  return (
    <span className={`inline-block rounded px-1.5 py-px text-[0.8rem] font-medium ${look}`}>{word}</span>
  );
}
