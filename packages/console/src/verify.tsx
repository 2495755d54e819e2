import {
  AssayError,
  parseBundle,
  parseTrustPolicy,
  type TrustPolicy,
  type VerificationReport,
  verifyBundle,
} from '@assay/core';
import { type DragEvent, useEffect, useState } from 'react';
import { takeOver } from './handoff.ts';
import { ProofLadder } from './proof-ladder.tsx';
import { StatusMark } from './status-mark.tsx';

interface LoadedFile {
  name: string;
  text: string;
}

type Answer = { report: VerificationReport; policy: TrustPolicy } | { error: AssayError; file: string };

/** Verifies a bundle inside the browser. From the moment this page is shown it asks the network for nothing. */
export function VerifyPage() {
  const [bundle, setBundle] = useState<LoadedFile | null>(takeOver);
  const [policy, setPolicy] = useState<LoadedFile | null>(null);
  const [answer, setAnswer] = useState<Answer | null>(null);

  useEffect(() => {
    setAnswer(null);
    if (!bundle || !policy) return;
    let current = true;
    answerFor(bundle, policy).then((result) => current && setAnswer(result));
    return () => {
      current = false;
    };
  }, [bundle, policy]);

  const load = async (files: Iterable<File>) => {
    for (const file of files) {
      const loaded = { name: file.name, text: await file.text() };
      // Whichever of the two it is: a policy says so itself.
      if (loaded.text.slice(0, 4_000).includes('assay.trust-policy')) setPolicy(loaded);
      else setBundle(loaded);
    }
  };
  const drop = (event: DragEvent) => {
    event.preventDefault();
    void load(event.dataTransfer.files);
  };

  return (
    <section
      aria-label="Offline verification"
      className="grid grid-cols-1 items-start gap-8 lg:grid-cols-[minmax(0,1fr)_minmax(0,1.35fr)]"
      onDragOver={(event) => event.preventDefault()}
      onDrop={drop}
    >
      <div className="grid min-w-0 grid-cols-1 gap-5">
        <div>
          <h1 className="text-2xl font-semibold tracking-tight">Verify a bundle</h1>
          <p className="mt-2 max-w-[46ch] text-soft">
            A bundle carries a record with its whole proof. It is checked here, by the same code as the
            command line, without asking anybody: this page makes no request, and works with the network
            unplugged.
          </p>
        </div>
        <FileField
          title="Bundle"
          help="From “Download the bundle” or assay export."
          file={bundle}
          onFiles={load}
        />
        <FileField
          title="Trust policy"
          help="Whom you choose to believe: log keys, witnesses, providers, chains. It must be yours; a policy taken from the node under examination only shows that it agrees with itself. A node writes a first one to trust-policy.json in its data folder."
          file={policy}
          onFiles={load}
        />
      </div>
      <section className="sheet min-h-80 p-6" aria-live="polite" aria-label="Result">
        {answer === null ? (
          <div className="grid min-h-68 place-items-center text-center">
            <p className="max-w-[36ch] text-soft">
              {bundle && !policy
                ? 'Now choose the trust policy to judge it by.'
                : 'Drop a bundle and a trust policy anywhere on this page, or choose them on the left.'}
            </p>
          </div>
        ) : 'error' in answer ? (
          <Unreadable {...answer} />
        ) : (
          <>
            <p className="hash pb-4 text-soft">{answer.report.subject.id}</p>
            <ProofLadder report={answer.report} />
          </>
        )}
      </section>
    </section>
  );
}

async function answerFor(bundle: LoadedFile, policy: LoadedFile): Promise<Answer> {
  let file = policy.name;
  try {
    const trusted = parseTrustPolicy(policy.text);
    file = bundle.name;
    return { report: await verifyBundle(parseBundle(bundle.text), trusted), policy: trusted };
  } catch (error) {
    if (error instanceof AssayError) return { error, file };
    throw error;
  }
}

function Unreadable({ error, file }: { error: AssayError; file: string }) {
  return (
    <div className="flex gap-4" role="alert">
      <StatusMark status="fail" large />
      <div className="min-w-0">
        <p className="text-xl font-semibold">{file} cannot be used</p>
        <p className="mt-1 [overflow-wrap:anywhere]">{error.message}</p>
        {error.next && <p className="mt-1 text-soft">{error.next}</p>}
        <p className="hash mt-2 text-fail">{error.code}</p>
      </div>
    </div>
  );
}

function FileField(props: {
  title: string;
  help: string;
  file: LoadedFile | null;
  onFiles: (files: Iterable<File>) => Promise<void>;
}) {
  const { title, help, file, onFiles } = props;
  return (
    <div
      className={`rounded-[10px] border p-5 ${file ? 'border-line bg-sheet' : 'border-dashed border-soft'}`}
    >
      <div className="flex items-center justify-between gap-4">
        <p className="min-w-0">
          <span className="font-semibold">{title}</span>
          <span className="block [overflow-wrap:anywhere]">
            {file ? `${file.name}, ${(file.text.length / 1024).toFixed(1)} KiB` : 'none chosen'}
          </span>
        </p>
        <label className="action shrink-0 focus-within:outline-2 focus-within:outline-accent">
          <input
            type="file"
            accept=".json,application/json"
            aria-label={`Choose the ${title.toLowerCase()}`}
            className="sr-only"
            onChange={(event) => {
              void onFiles(event.target.files ?? []);
              event.target.value = '';
            }}
          />
          Choose…
        </label>
      </div>
      <p className="caption mt-2">{help}</p>
    </div>
  );
}
