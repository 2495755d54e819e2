import {
  AssayError,
  POLICY_TYPE,
  parseBundle,
  parseTrustPolicy,
  type TrustPolicy,
  type VerificationReport,
  verifyBundle,
} from '@assay/core';
import { useEffect, useState } from 'react';
import { useTitle } from './frame.tsx';
import { type LoadedFile, MAX_FILE_BYTES, readFile, takeOver, useDroppedFiles } from './handoff.ts';
import { ProofLadder } from './proof-ladder.tsx';
import { StatusMark } from './status-mark.tsx';

type Answer =
  | { report: VerificationReport; policy: TrustPolicy; judge: string }
  | { error: Error; file: string };

/** Verifies a bundle inside the browser. From the moment this page is shown it asks the network for nothing. */
export function VerifyPage() {
  useTitle('Verify a bundle');
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

  const over = useDroppedFiles(async (files) => {
    for (const file of await Promise.all(files.map(readFile))) {
      if (saysItIsPolicy(file)) setPolicy(file);
      else setBundle(file);
    }
  });

  return (
    <section
      aria-label="Offline verification"
      className="grid grid-cols-1 items-start gap-8 lg:grid-cols-[minmax(0,1fr)_minmax(0,1.35fr)]"
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
          onFile={setBundle}
        />
        <FileField
          title="Trust policy"
          help="Whom you choose to believe: log keys, witnesses, providers, chains. It must be yours; a policy taken from the node under examination only shows that it agrees with itself. A node writes a first one to trust-policy.json in its data folder."
          file={policy}
          onFile={setPolicy}
        />
      </div>
      <section
        className={`sheet min-h-80 p-6 transition-colors ${over ? '!border-accent !bg-pass-wash' : ''}`}
        aria-live="polite"
        aria-label="Result"
      >
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
            <p className="pb-4">
              <span className="block font-medium">{answer.report.subject.stream}</span>
              <span className="hash text-soft">{answer.report.subject.id}</span>
            </p>
            <ProofLadder report={answer.report} />
            <p className="caption mt-5 border-t border-line pt-4 [overflow-wrap:anywhere]">
              {judgement(answer.policy, answer.judge)}
            </p>
          </>
        )}
      </section>
    </section>
  );
}

/** Sorts dropped files only. A file that was chosen as a bundle can never take the policy's place. */
function saysItIsPolicy({ text }: LoadedFile): boolean {
  try {
    return (JSON.parse(text ?? '') as { mediaType?: unknown } | null)?.mediaType === POLICY_TYPE;
  } catch {
    return false;
  }
}

async function answerFor(bundle: LoadedFile, policy: LoadedFile): Promise<Answer> {
  let file = policy.name;
  try {
    const trusted = parseTrustPolicy(textOf(policy, 'POLICY_MALFORMED'));
    file = bundle.name;
    const report = await verifyBundle(parseBundle(textOf(bundle, 'BUNDLE_MALFORMED')), trusted);
    return { report, policy: trusted, judge: policy.name };
  } catch (error) {
    return { error: error as Error, file };
  }
}

function textOf({ text, bytes }: LoadedFile, code: AssayError['code']): string {
  if (text !== null) return text;
  throw new AssayError(
    code,
    bytes > MAX_FILE_BYTES
      ? `expected at most ${MAX_FILE_BYTES} bytes, got ${bytes}`
      : 'the browser could not read this file',
    { next: 'choose the file that assay export or the node wrote' },
  );
}

/** Whose word the answer stands on: a policy that somebody else slipped in must be seen. */
function judgement({ logs, witnesses, providers, checkers, require }: TrustPolicy, file: string): string {
  return (
    `Judged by ${file}, which trusts ${list(logs.map(({ origin }) => origin)) || 'no log'}; ` +
    `witnesses: ${witnesses.quorum} of ${witnesses.vkeys.length}; providers: ${providers.length}; ` +
    `checkers: ${checkers.length}; required: ${list(require) || 'nothing'}.`
  );
}

const list = (names: string[]) => new Intl.ListFormat('en').format(names);

function Unreadable({ error, file }: { error: Error; file: string }) {
  return (
    <div className="flex gap-4" role="alert">
      <StatusMark status="fail" large />
      <div className="min-w-0">
        <p className="text-xl font-semibold">{file} cannot be used</p>
        <p className="mt-1 [overflow-wrap:anywhere]">{error.message}</p>
        {error instanceof AssayError && (
          <>
            {error.next && <p className="mt-1 text-soft">{error.next}</p>}
            <p className="hash mt-2 text-fail">{error.code}</p>
          </>
        )}
      </div>
    </div>
  );
}

function FileField(props: {
  title: string;
  help: string;
  file: LoadedFile | null;
  onFile: (file: LoadedFile) => void;
}) {
  const { title, help, file, onFile } = props;
  return (
    <div
      className={`rounded-[10px] border p-5 ${file ? 'border-line bg-sheet' : 'border-dashed border-soft'}`}
    >
      <div className="flex items-center justify-between gap-4">
        <p className="min-w-0">
          <span className="font-semibold">{title}</span>
          <span className="block [overflow-wrap:anywhere]">
            {file ? `${file.name}, ${(file.bytes / 1024).toFixed(1)} KiB` : 'none chosen'}
          </span>
        </p>
        <label className="action shrink-0 focus-within:outline-2 focus-within:outline-accent">
          <input
            type="file"
            accept=".json,application/json"
            aria-label={`Choose the ${title.toLowerCase()}`}
            className="sr-only"
            onChange={({ target }) => {
              const chosen = target.files?.[0];
              if (chosen) void readFile(chosen).then(onFile);
              target.value = '';
            }}
          />
          Choose…
        </label>
      </div>
      <p className="caption mt-2">{help}</p>
    </div>
  );
}
