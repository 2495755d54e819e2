import type { RecordSummary } from '@assay/pipeline';
import { Link, useNavigate } from '@tanstack/react-router';
import { type FormEvent, useState } from 'react';
import { Refusal, search } from './api.ts';
import { handOver, readFile, useDroppedFiles } from './handoff.ts';
import { DecisionTag } from './status-mark.tsx';
import { describeStream, moment, short } from './words.ts';

/** One box for everything that one may hold in one's hand: an id, a digest, a stream, a DID, an index, a bundle. */
export function SearchBox() {
  const navigate = useNavigate();
  const [query, setQuery] = useState('');
  const [matches, setMatches] = useState<RecordSummary[] | null>(null);
  const [problem, setProblem] = useState<string | null>(null);

  const open = async (file: File | undefined) => {
    if (!file) return;
    handOver(await readFile(file));
    await navigate({ to: '/verify' });
  };
  const over = useDroppedFiles(([file]) => void open(file));
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    setProblem(null);
    setMatches(null);
    if (!query.trim()) return;
    try {
      const found = await search(query);
      if (found.length === 1) await navigate({ to: '/records/$id', params: { id: found[0]!.id } });
      else setMatches(found);
    } catch (error) {
      setProblem(error instanceof Refusal ? error.problem.detail : 'The node does not answer.');
    }
  };

  return (
    <section aria-label="Search and verify">
      <form
        onSubmit={submit}
        className={`sheet flex flex-wrap items-center gap-2 p-2 transition-colors ${over ? '!border-accent !bg-pass-wash' : ''}`}
      >
        <label htmlFor="search" className="sr-only">
          Search for an id, a digest, a stream, a DID or a log index
        </label>
        <input
          id="search"
          type="search"
          value={query}
          onChange={(event) => setQuery(event.target.value)}
          placeholder="Id, digest, stream, DID or log index"
          className="min-w-0 flex-1 basis-full bg-transparent px-3 py-2.5 text-lg placeholder:text-soft sm:basis-60"
          autoComplete="off"
          spellCheck={false}
        />
        <button type="submit" className="action action-main !py-2">
          Find
        </button>
        <label className="action !py-2 focus-within:outline-2 focus-within:outline-accent">
          <input
            type="file"
            accept=".json,application/json"
            className="sr-only"
            onChange={(event) => void open(event.target.files?.[0])}
          />
          Verify a file…
        </label>
      </form>
      <p className="caption px-1 pt-2">
        Drop a bundle anywhere here to verify it in this browser. It is not uploaded.
      </p>
      <div aria-live="polite">
        {problem && <p className="mt-2 text-fail">{problem}</p>}
        {matches?.length === 0 && (
          <p className="mt-2 text-soft">
            Nothing here is named “{query}”. Try a stream such as kraken.BTC-USD.1m.
          </p>
        )}
        {matches && matches.length > 0 && (
          <ul className="sheet mt-2 divide-y divide-line">
            {matches.map((match) => (
              <li key={match.id}>
                <Link
                  to="/records/$id"
                  params={{ id: match.id }}
                  className="flex flex-wrap items-baseline gap-x-4 px-4 py-2 hover:bg-sunk"
                >
                  <span className="font-medium">{describeStream(match.stream)}</span>
                  <span className="figure text-soft">{moment(match.time)}</span>
                  <DecisionTag decision={match.decision} />
                  <span className="hash ml-auto text-soft">{short(match.id)}</span>
                </Link>
              </li>
            ))}
          </ul>
        )}
      </div>
    </section>
  );
}
