/** Acting on the contracts: a wallet, the words for what it will sign, and what came of it. */
import type { Call, ContractName, SigningContext, Words } from '@assay/contracts';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import {
  createContext,
  type FormEvent,
  type ReactNode,
  useContext,
  useEffect,
  useId,
  useRef,
  useState,
} from 'react';
import type { WalletDesk } from './desk.ts';
import { useNow } from './sheet.tsx';
import { connect, disconnect, type Session, switchChain, useWallets } from './wallet.ts';
import { short, tokens } from './words.ts';

/** What the visitor fills in before an act. */
export interface Field {
  name: string;
  label: string;
  help?: string;
  initial?: string;
  /** One of these instead of free text. */
  options?: readonly string[];
}

/** Something that a wallet can be asked to sign. */
export interface Act {
  label: string;
  fields?: readonly Field[];
  calls(desk: WalletDesk, values: Record<string, string>): Promise<Call[]>;
}

interface Place {
  chain: { chainId: number; name: string; at: string };
  contracts: Record<string, string>;
  names?: SigningContext['names'];
  proposals?: SigningContext['proposals'];
}

const Acting = createContext<(Place & { begin(act: Act): void }) | null>(null);

/**
 * Everything inside can act, once a wallet is connected to the right chain. The dialog is here and not at the button
 * that opened it, which may be gone by the time the act is done.
 */
export function ActingAt({ children, ...place }: Place & { children: ReactNode }) {
  const [act, begin] = useState<Act | null>(null);
  const { session } = useWallets();
  return (
    <Acting.Provider value={{ ...place, begin }}>
      <WalletBar chain={place.chain} />
      {children}
      {act && session && <ActDialog act={act} actor={session} onClose={() => begin(null)} />}
    </Acting.Provider>
  );
}

/** The session, when it is on the chain that this page is about. */
export function useActor(): Session | null {
  const place = useContext(Acting);
  const { session } = useWallets();
  return session && session.chainId === place?.chain.chainId ? session : null;
}

/** What the contracts' next block would take for now: a quiet chain lags behind the wall's clock, but it never goes back. */
export function useChainNow(): number {
  return Math.max(useNow(), Date.parse(useContext(Acting)!.chain.at));
}

/** What the connected account has; asked through its own wallet. */
export function useAccount() {
  const actor = useActor();
  const place = useContext(Acting)!;
  return useQuery({
    queryKey: ['economy', 'account', actor?.address],
    queryFn: async () => (await deskOf(actor!, place)).mine(),
    enabled: actor !== null,
    refetchInterval: 5_000,
  });
}

async function deskOf(session: Session, { chain, contracts, names, proposals }: Place): Promise<WalletDesk> {
  const { WalletDesk } = await import('./desk.ts');
  return new WalletDesk(session, {
    chainId: chain.chainId,
    addresses: contracts as Partial<Record<ContractName, `0x${string}`>>,
    ...(names ? { names } : {}),
    ...(proposals ? { proposals } : {}),
  });
}

function WalletBar({ chain }: Pick<Place, 'chain'>) {
  const { offers, session, error } = useWallets();
  return (
    <section aria-label="Wallet" className="flex flex-wrap items-center gap-x-4 gap-y-2 text-soft">
      {!session && (
        <p>
          Reading needs no wallet.
          {offers.length === 0 && (
            <>
              {' '}
              To act, use a browser with one, or the command line: <code>assay help</code>.
            </>
          )}
        </p>
      )}
      {!session &&
        offers.map((offer) => (
          <button
            key={offer.id}
            type="button"
            className="action text-ink"
            onClick={() => void connect(offer)}
          >
            Connect {offer.name}
          </button>
        ))}
      {session && (
        <>
          <p>
            Acting as <span className="hash text-ink">{short(session.address)}</span>
          </p>
          {session.chainId === chain.chainId ? (
            <Holdings />
          ) : (
            <p className="text-unknown">
              The wallet is on chain {session.chainId}, these contracts are on {chain.name}.{' '}
              <button type="button" className="link" onClick={() => void switchChain(session, chain.chainId)}>
                Switch to chain {chain.chainId}
              </button>
            </p>
          )}
          <button type="button" className="link" onClick={disconnect}>
            Disconnect
          </button>
        </>
      )}
      {error && (
        <p role="alert" className="text-fail">
          {error}
        </p>
      )}
    </section>
  );
}

function Holdings() {
  const { data, error } = useAccount();
  if (error) return <p className="text-unknown">What it holds is not known: {error.message}</p>;
  if (!data) return null;
  return (
    <p className="figure">
      {tokens(data.balance)} ASSAY, {tokens(data.votes)} votes
      {data.owed !== '0' && `, ${tokens(data.owed)} ASSAY to be claimed`}
    </p>
  );
}

/** A button that leads through an act. Without a wallet on the right chain there is none. */
export function ActButton({ act, main = false }: { act: Act; main?: boolean }) {
  const actor = useActor();
  const begin = useContext(Acting)?.begin;
  if (!actor) return null;
  return (
    <button
      type="button"
      className={`action !px-2.5 !py-1 text-sm ${main ? 'action-main' : ''}`}
      onClick={() => begin?.(act)}
    >
      {act.label}
    </button>
  );
}

type Stage =
  | { at: 'form' | 'preparing' }
  | { at: 'words' | 'sending'; desk: WalletDesk; calls: Call[]; words: Words[]; done: number }
  | { at: 'done'; words: Words[]; blocks: number[] };

function ActDialog({ act, actor, onClose }: { act: Act; actor: Session; onClose: () => void }) {
  const place = useContext(Acting)!;
  const queries = useQueryClient();
  const dialog = useRef<HTMLDialogElement>(null);
  const [stage, setStage] = useState<Stage>({ at: act.fields ? 'form' : 'preparing' });
  const [error, setError] = useState<string | null>(null);
  const title = useId();

  const prepare = async (values: Record<string, string>) => {
    setError(null);
    setStage({ at: 'preparing' });
    try {
      const desk = await deskOf(actor, place);
      const calls = await act.calls(desk, values);
      const words = calls.map((call) => desk.words(call));
      await desk.try(calls[0]!);
      setStage({ at: 'words', desk, calls, words, done: 0 });
    } catch (problem) {
      setError((problem as Error).message);
      setStage({ at: 'form' });
    }
  };
  const send = async ({ desk, calls, words }: Extract<Stage, { calls: Call[] }>) => {
    setError(null);
    const blocks: number[] = [];
    try {
      for (const [done, call] of calls.entries()) {
        setStage({ at: 'sending', desk, calls, words, done });
        blocks.push((await desk.send(call)).blockNumber);
      }
      setStage({ at: 'done', words, blocks });
    } catch (problem) {
      setError((problem as Error).message);
      // What went through is not asked for again.
      const [left, leftWords] = [calls.slice(blocks.length), words.slice(blocks.length)];
      setStage({ at: 'words', desk, calls: left, words: leftWords, done: 0 });
    }
    await queries.invalidateQueries({ queryKey: ['economy'] });
  };
  // biome-ignore lint/correctness/useExhaustiveDependencies: once, when it opens.
  useEffect(() => {
    dialog.current?.showModal();
    if (!act.fields) void prepare({});
  }, []);

  return (
    <dialog
      ref={dialog}
      aria-labelledby={title}
      onClose={onClose}
      className="sheet m-auto w-[min(40rem,calc(100vw-2rem))] p-5 text-left text-ink backdrop:bg-black/50"
    >
      <h2 id={title} className="text-lg font-semibold">
        {act.label}
      </h2>
      {stage.at === 'form' && act.fields && <Form fields={act.fields} onReady={prepare} />}
      {stage.at === 'preparing' && <p className="mt-3 text-soft">Asking the contracts…</p>}
      {'calls' in stage && (
        <>
          <ol className="mt-3 grid gap-4">
            {stage.words.map((each, i) => (
              // biome-ignore lint/suspicious/noArrayIndexKey: the calls of one act do not move.
              <WordsOf key={i} words={each} done={stage.at === 'sending' && i < stage.done} />
            ))}
          </ol>
          <p className="caption mt-3">
            Chain {place.chain.chainId}, {place.chain.name}. Compare with what the wallet shows before you
            sign.
          </p>
          <button
            type="button"
            className="action action-main mt-3 mr-4"
            disabled={stage.at === 'sending'}
            onClick={() => void send(stage)}
          >
            {stage.at === 'sending' ? 'Waiting for the wallet and the chain…' : 'Sign in the wallet'}
          </button>
        </>
      )}
      {stage.at === 'done' && (
        <p role="status" className="mt-3 rounded bg-pass-wash px-3 py-2 text-pass">
          Done in block {stage.blocks.join(' and ')}: {stage.words.at(-1)!.title}.
        </p>
      )}
      {error && (
        <p role="alert" className="mt-3 rounded bg-fail-wash px-3 py-2 text-fail [overflow-wrap:anywhere]">
          {error}
        </p>
      )}
      <button type="button" className="link mt-4" onClick={() => dialog.current?.close()}>
        {stage.at === 'done' ? 'Close' : 'Leave it'}
      </button>
    </dialog>
  );
}

function Form({
  fields,
  onReady,
}: {
  fields: readonly Field[];
  onReady(values: Record<string, string>): void;
}) {
  const [values, setValues] = useState(() =>
    Object.fromEntries(fields.map(({ name, initial, options }) => [name, initial ?? options?.[0] ?? ''])),
  );
  const submit = (event: FormEvent) => {
    event.preventDefault();
    onReady(values);
  };
  return (
    <form onSubmit={submit} className="mt-3 grid gap-3">
      {fields.map((field) => (
        <FieldInput
          key={field.name}
          field={field}
          value={values[field.name]!}
          onChange={(value) => setValues({ ...values, [field.name]: value })}
        />
      ))}
      <button type="submit" className="action action-main justify-self-start">
        Show what will be signed
      </button>
    </form>
  );
}

function FieldInput({
  field: { label, help, options },
  value,
  onChange,
}: {
  field: Field;
  value: string;
  onChange(value: string): void;
}) {
  const id = useId();
  const shared = {
    id,
    value,
    className: 'field',
    'aria-describedby': help ? `${id}-help` : undefined,
    onChange: ({ target }: { target: { value: string } }) => onChange(target.value),
  };
  return (
    <div className="grid gap-1">
      <label htmlFor={id}>{label}</label>
      {options ? (
        <select {...shared}>
          {options.map((option) => (
            <option key={option}>{option}</option>
          ))}
        </select>
      ) : (
        <input {...shared} autoComplete="off" />
      )}
      {help && (
        <p id={`${id}-help`} className="caption">
          {help}
        </p>
      )}
    </div>
  );
}

function WordsOf({ words: { title, lines, warnings }, done }: { words: Words; done: boolean }) {
  return (
    <li className="grid gap-2">
      <p className="font-medium [overflow-wrap:anywhere]">
        {title} {done && <span className="text-pass">(done)</span>}
      </p>
      <dl className="grid gap-x-4 gap-y-1 rounded bg-sunk p-3 text-[0.92rem] sm:grid-cols-[minmax(8rem,auto)_minmax(0,1fr)]">
        {lines.map(({ label, value }, i) => (
          // biome-ignore lint/suspicious/noArrayIndexKey: the lines of one call do not move.
          <div key={i} className="contents">
            <dt className="text-soft">{label}</dt>
            <dd className="[overflow-wrap:anywhere]">{value}</dd>
          </div>
        ))}
      </dl>
      {warnings.map((warning) => (
        <p key={warning} className="rounded bg-unknown-wash px-3 py-1.5 text-unknown">
          {warning}
        </p>
      ))}
    </li>
  );
}
