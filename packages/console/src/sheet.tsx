import { type ReactNode, useEffect, useState } from 'react';

/** A titled part of a page. */
export function Sheet({
  title,
  note,
  aside,
  children,
}: {
  title: string;
  note?: string | undefined;
  /** Stands at the right end of the head. */
  aside?: ReactNode;
  children: ReactNode;
}) {
  return (
    <section className="sheet min-w-0 overflow-hidden" aria-label={title}>
      <header className="flex flex-wrap items-baseline gap-x-3 gap-y-1 border-b border-line px-5 py-3">
        <h2 className="font-semibold [overflow-wrap:anywhere]">{title}</h2>
        {note && <p className="caption">{note}</p>}
        {aside && <div className="ml-auto flex flex-wrap gap-2">{aside}</div>}
      </header>
      {children}
    </section>
  );
}

/** A figure with its name, inside a list of definitions. */
export function Figure({ name, value, children }: { name: string; value: string; children?: ReactNode }) {
  return (
    <div className="min-w-0">
      <dt className="caption">{name}</dt>
      <dd>
        {value && (
          <span className="figure block text-xl leading-tight font-semibold tracking-tight">{value}</span>
        )}
        <span className="caption">{children}</span>
      </dd>
    </div>
  );
}

/** Says that something is not known, which is neither good nor bad. */
export function NotKnown({ children }: { children: ReactNode }) {
  return (
    <p
      role="status"
      className="rounded-lg border border-dashed border-unknown bg-unknown-wash px-4 py-3 text-unknown"
    >
      {children}
    </p>
  );
}

/** The wall's time, once a second. */
export function useNow(): number {
  const [now, setNow] = useState(Date.now);
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), 1_000);
    return () => clearInterval(timer);
  }, []);
  return now;
}
