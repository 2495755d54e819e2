import type { NodeEvent } from '@assay/gateway';
import { Link } from '@tanstack/react-router';
import { useEffect, useRef, useState } from 'react';
import { moment } from './words.ts';

const TYPES: NodeEvent['type'][] = [
  'observation',
  'verdict',
  'derivation',
  'checkpoint',
  'anchor',
  'incident',
  'alert',
];
const KEEP = 60;

interface Happening extends NodeEvent {
  key: number;
}

/** What the node does, as it happens. Bounded, and it can be held still to be read. */
export function LiveFeed() {
  const [happenings, setHappenings] = useState<Happening[]>([]);
  const [paused, setPaused] = useState(false);
  const [connected, setConnected] = useState<boolean | null>(null);
  const held = useRef(false);
  held.current = paused;
  useEffect(() => {
    let key = 0;
    let waiting: Happening[] = [];
    const source = new EventSource('/v1/events');
    source.onopen = () => setConnected(true);
    source.onerror = () => setConnected(false);
    for (const type of TYPES) {
      source.addEventListener(type, ({ data }) => {
        if (held.current) return;
        waiting.unshift({ ...(JSON.parse(data) as Omit<NodeEvent, 'type'>), type, key: key++ });
        // The timer sleeps in a hidden tab; the queue must not grow meanwhile.
        if (waiting.length > KEEP) waiting.length = KEEP;
      });
    }
    // A replay makes hundreds of events a second; people read a few.
    const timer = setInterval(() => {
      if (waiting.length === 0) return;
      const fresh = waiting;
      waiting = [];
      setHappenings((before) => [...fresh, ...before].slice(0, KEEP));
    }, 400);
    return () => {
      clearInterval(timer);
      source.close();
    };
  }, []);

  return (
    <section className="sheet flex min-h-0 flex-col" aria-label="Live feed">
      <header className="flex items-center justify-between border-b border-line px-4 py-2.5">
        <h2 className="font-semibold">
          As it happens
          {connected === false && (
            <span className="ml-2 font-normal text-fail" role="status">
              interrupted
            </span>
          )}
        </h2>
        <button
          type="button"
          className="action !px-2.5 !py-0.5 text-sm"
          aria-pressed={paused}
          onClick={() => setPaused(!paused)}
        >
          {paused ? 'Resume' : 'Pause'}
        </button>
      </header>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a scrolling region must be reachable by keyboard. */}
      <ol className="max-h-[26rem] overflow-y-auto px-4 py-1" tabIndex={0} aria-label="Events, newest first">
        {happenings.length === 0 && (
          <li className="py-3 text-soft">Nothing happened since this page was opened.</li>
        )}
        {happenings.map((happening) => (
          <li
            key={happening.key}
            className="flex gap-3 border-b border-line py-1.5 text-[0.9rem] last:border-0 motion-safe:animate-[arrive_900ms]"
          >
            <span className="w-[5.6rem] shrink-0 text-soft">{happening.type}</span>
            <span className="min-w-0 flex-1 [overflow-wrap:anywhere]">
              {happening.id ? (
                <Link to="/records/$id" params={{ id: happening.id }} className="hover:underline">
                  {happening.text}
                </Link>
              ) : (
                happening.text
              )}
            </span>
            <span className="figure hidden shrink-0 text-soft sm:inline">
              {moment(happening.time).slice(5)}
            </span>
          </li>
        ))}
      </ol>
    </section>
  );
}
