import { Link, Outlet, useRouterState } from '@tanstack/react-router';
import { useEffect, useRef, useState } from 'react';
import { useStatus } from './api.ts';
import { ModeTag } from './status-mark.tsx';
import { applyTheme, currentTheme, type Theme } from './theme.ts';

/** What stands around every page. */
export function Frame() {
  const path = useRouterState({ select: ({ location }) => location.pathname });
  const content = useRef<HTMLElement>(null);
  const shown = useRef(path);
  useEffect(() => {
    // Where a page load would start reading anew, a route change must too.
    if (shown.current !== path) content.current?.focus({ preventScroll: true });
    shown.current = path;
  }, [path]);
  return (
    <div className="mx-auto flex min-h-dvh max-w-[1240px] flex-col px-4 sm:px-8">
      <a
        href="#content"
        className="action sr-only z-10 focus:not-sr-only focus:absolute focus:top-2 focus:left-2"
      >
        Skip to content
      </a>
      <header className="flex flex-wrap items-center gap-x-4 gap-y-2 py-4 sm:gap-x-6">
        <Link to="/" className="flex items-center gap-2.5 text-lg font-semibold tracking-tight">
          <Mark />
          <span className="max-sm:sr-only">Assay</span>
        </Link>
        <nav aria-label="Pages" className="flex flex-wrap gap-x-4 whitespace-nowrap sm:gap-x-5">
          <PageLink to="/" label="Overview" />
          <PageLink to="/markets" label="Markets" whole />
          <PageLink to="/review" label="Review queue" />
          <PageLink to="/health" label="Log health" />
          <PageLink to="/providers" label="Providers" />
          <PageLink to="/governance" label="Governance" />
          <PageLink to="/verify" label="Verify" />
        </nav>
        <div className="ml-auto flex items-center gap-3">
          {/* The Verify page asks the network for nothing, this badge included. */}
          {path !== '/verify' && <ModeBadge />}
          <ThemeSwitch />
        </div>
      </header>
      <main id="content" ref={content} tabIndex={-1} className="flex-1 pt-4 pb-16 outline-none">
        <Outlet />
      </main>
      <footer className="caption flex flex-wrap gap-x-6 gap-y-1 border-t border-line py-5">
        <span>Believe the proof, not this page: every figure can be verified without this node.</span>
        <a className="link" href="/openapi.json">
          API
        </a>
        <a className="link" href="/checkpoint">
          Checkpoint
        </a>
      </footer>
    </div>
  );
}

/** Names the page in the browser's title. */
export function useTitle(title: string): void {
  useEffect(() => {
    document.title = `${title} · Assay`;
  }, [title]);
}

export function NotFound() {
  useTitle('Not found');
  return (
    <div className="sheet p-8">
      <h1 className="text-xl font-semibold">There is no such page</h1>
      <p className="mt-2 text-soft">
        Go to the{' '}
        <Link to="/" className="link">
          overview
        </Link>{' '}
        or{' '}
        <Link to="/verify" className="link">
          verify a bundle
        </Link>
        .
      </p>
    </div>
  );
}

function PageLink({
  to,
  label,
  whole = false,
}: {
  to: '/' | '/markets' | '/review' | '/health' | '/providers' | '/governance' | '/verify';
  label: string;
  /** Stands for all pages below it too. */
  whole?: boolean;
}) {
  return (
    <Link
      to={to}
      activeOptions={{ exact: !whole, includeSearch: false }}
      className="border-b-2 border-transparent py-1 text-soft hover:text-ink"
      activeProps={{ className: 'border-b-2 !border-accent !text-ink py-1', 'aria-current': 'page' }}
    >
      {label}
    </Link>
  );
}

function ModeBadge() {
  const { data, isError } = useStatus();
  if (isError)
    return (
      <span className="rounded border border-fail px-2 py-0.5 text-sm font-medium text-fail" role="status">
        Node not reachable
      </span>
    );
  return data ? <ModeTag mode={data.node.mode} note={data.node.describe} /> : null;
}

function ThemeSwitch() {
  const [theme, setTheme] = useState<Theme>(currentTheme);
  useEffect(() => {
    const system = matchMedia('(prefers-color-scheme: dark)');
    const follow = () => setTheme(applyTheme());
    system.addEventListener('change', follow);
    return () => system.removeEventListener('change', follow);
  }, []);
  const other: Theme = theme === 'dark' ? 'light' : 'dark';
  return (
    <button
      type="button"
      className="action !px-2 !py-1"
      aria-label={`Switch to the ${other} theme`}
      onClick={() => setTheme(applyTheme(other))}
    >
      <svg
        viewBox="0 0 20 20"
        className="size-5"
        fill="none"
        stroke="currentColor"
        strokeWidth="1.6"
        aria-hidden="true"
      >
        {theme === 'dark' ? (
          <>
            <circle cx="10" cy="10" r="3.6" />
            <path
              d="M10 2v2m0 12v2M2 10h2m12 0h2M4.4 4.4l1.4 1.4m8.4 8.4 1.4 1.4m0-11.2-1.4 1.4M5.8 14.2l-1.4 1.4"
              strokeLinecap="round"
            />
          </>
        ) : (
          <path d="M16.5 12.2A7 7 0 0 1 7.8 3.5a7 7 0 1 0 8.7 8.7Z" strokeLinejoin="round" />
        )}
      </svg>
    </button>
  );
}

function Mark() {
  return (
    <svg viewBox="0 0 24 24" className="size-7" aria-hidden="true">
      <rect width="24" height="24" rx="5" fill="#123c3a" />
      <path
        d="M6 17.5 12 5.5l6 12"
        fill="none"
        stroke="#f4efe2"
        strokeWidth="2"
        strokeLinecap="round"
        strokeLinejoin="round"
      />
      <path
        d="m8.6 14 2.5 2.4L15.6 11"
        fill="none"
        stroke="#7fd6b0"
        strokeWidth="2"
        strokeLinecap="round"
        strokeLinejoin="round"
      />
    </svg>
  );
}
