import type { CredibilityHistory, NoEconomy } from '@assay/gateway';
import { Link, useSearch } from '@tanstack/react-router';
import type { ReactNode } from 'react';
import { type Act, ActButton, ActingAt, useAccount, useActor, useChainNow } from './acting.tsx';
import { Refusal, useCredibility, useProviders } from './api.ts';
import { CredibilityChart } from './credibility-chart.tsx';
import { useTitle } from './frame.tsx';
import { Figure, NotKnown, Sheet, useNow } from './sheet.tsx';
import { DecisionTag } from './status-mark.tsx';
import { clock, count, moment, percent, price, short, span, tokens } from './words.ts';

type State = Exclude<NonNullable<ReturnType<typeof useProviders>['data']>, NoEconomy>;
type Provider = State['providers'][number];
type Believed = Pick<CredibilityHistory, 'did' | 'credibility' | 'credibilityReason'>;
type Dispute = Provider['disputes'][number];

/** Providers: who put money behind which data, what it earned, and what is disputed. */
export function ProvidersPage() {
  useTitle('Providers');
  const { data, error } = useProviders();
  return (
    <div className="grid min-w-0 grid-cols-1 gap-6">
      <EconomyRoom<State>
        title="Providers"
        about=" of stakes, rewards and disputes"
        data={data}
        error={error}
      >
        {(state) => <Providers state={state} />}
      </EconomyRoom>
      {data?.chain === null &&
        data.providers.map((provider) => (
          <Sheet
            key={provider.did}
            title={provider.name ?? short(provider.did.slice(8))}
            note="what is at stake is not known"
          >
            <dl className="px-5 pt-4">
              <CredibilityFigure credibility={provider.credibility} />
            </dl>
            <Credibility provider={provider} />
          </Sheet>
        ))}
    </div>
  );
}

/** What both rooms of the economy share: where it is read from, and what is said when it cannot be read. */
export function EconomyRoom<T extends { chain: State['chain'] }>({
  title,
  about = '',
  data,
  error,
  children,
}: {
  title: string;
  /** Of what nothing is known without a chain, where that is not all. */
  about?: string;
  data: T | NoEconomy | undefined;
  error: Error | null;
  children: (state: T) => ReactNode;
}) {
  const nowMs = useNow();
  const state = data && data.chain !== null ? (data as T) : null;
  return (
    <div className="grid min-w-0 grid-cols-1 gap-6">
      <div>
        <h1 className="text-2xl font-semibold tracking-tight">{title}</h1>
        {state && (
          <p className="mt-1 flex flex-wrap items-center gap-x-3 gap-y-1 text-soft">
            <span>
              Read from {state.chain.name} at block {count(state.chain.blockNumber)},{' '}
              {clock(state.chain.at, nowMs)}
            </span>
            {state.chain.simulated && (
              <span
                className="rounded border border-dashed border-unknown px-2 py-0.5 text-sm text-unknown"
                title="One machine plays every part on a chain of its own: good for trying things, worth nothing"
              >
                No real money
              </span>
            )}
          </p>
        )}
      </div>
      {error && (
        <NotKnown>
          {state ? 'What stands here may be old: ' : 'Nothing is known: '}
          {error instanceof Refusal
            ? `${error.message}; ${error.problem.next}.`
            : 'the node does not answer.'}
        </NotKnown>
      )}
      {data?.chain === null && (
        <NotKnown>
          Nothing is known{about}: {data.reason}.
        </NotKnown>
      )}
      {state && children(state)}
      {!data && !error && <p className="sheet p-5 text-soft">Asking the chain…</p>}
    </div>
  );
}

function Providers({ state }: { state: State }) {
  const { providers } = state;
  const names = Object.fromEntries(providers.map(({ id, did }) => [id, did]));
  return (
    <ActingAt chain={state.chain} contracts={state.contracts} names={names}>
      <Terms state={state} />
      {providers.length === 0 && (
        <p className="sheet p-5 text-soft">
          Nobody has registered as a provider on this chain yet: <code>assay provider register</code>.
        </p>
      )}
      {providers.map((provider) => (
        <ProviderSheet key={provider.id} provider={provider} unbondingSeconds={state.unbondingSeconds} />
      ))}
    </ActingAt>
  );
}

function Terms({ state: { providers, parameters, rewardPool, unbondingSeconds } }: { state: State }) {
  const sum = (amounts: string[]) => tokens(`${amounts.reduce((total, each) => total + BigInt(each), 0n)}`);
  const { challenge } = useSearch({ from: '/providers' });
  const open = providers.flatMap(({ disputes }) => disputes).filter(isOpen);
  const { challengeBond, rulingSeconds, appealSeconds, burnBps, challengerBps, feeBps } = parameters;
  return (
    <Sheet
      title="Terms"
      note="the same for all, changed by a vote only"
      aside={<ActButton act={challengeOf(challenge)} main={challenge !== undefined} />}
    >
      <dl className="grid grid-cols-2 gap-x-6 gap-y-3 px-5 py-4 md:grid-cols-4">
        <Figure name="Staked" value={`${sum(providers.map(({ stake }) => stake.total))}`}>
          ASSAY by {count(providers.length)} providers, bound for {span(unbondingSeconds)} after they leave
        </Figure>
        <Figure name="Slashed" value={sum(providers.map(({ slashed }) => slashed))}>
          ASSAY so far, {burnBps / 100} % burned, {challengerBps / 100} % to who was right
        </Figure>
        <Figure name="Open cases" value={count(open.length)}>
          ruled within {span(rulingSeconds)}, then {span(appealSeconds)} to appeal
        </Figure>
        <Figure name="Rewards left" value={tokens(rewardPool)}>
          ASSAY, less a fee of {feeBps / 100} %; a challenge takes a bond of {tokens(challengeBond)}
        </Figure>
      </dl>
    </Sheet>
  );
}

function ProviderSheet({ provider, unbondingSeconds }: { provider: Provider; unbondingSeconds: number }) {
  const nowMs = useChainNow();
  const { did, name, controller, stake, rewards, slashed, slashes, keys, credibility, disputes } = provider;
  const own = useActor()?.address.toLowerCase() === controller.toLowerCase();
  const { data: account } = useAccount();
  const free = stake.withdrawableAt !== null && Date.parse(stake.withdrawableAt) <= nowMs;
  const acts = [
    stakeOf(provider),
    ...(own ? [unbondOf(provider, unbondingSeconds)] : []),
    ...(own && stake.withdrawableAt ? [cancelOf(provider)] : []),
    ...(own && free ? [withdrawOf(provider)] : []),
    ...(own && account && account.owed !== '0' ? [CLAIM] : []),
  ];
  return (
    <Sheet
      title={name ?? short(provider.id)}
      note={name ? short(provider.id) : undefined}
      aside={acts.map((act) => <ActButton key={act.label} act={act} />)}
    >
      <dl className="grid grid-cols-2 gap-x-6 gap-y-3 px-5 pt-4 md:grid-cols-4">
        <Figure name="Stake" value={tokens(stake.total)}>
          ASSAY
          {stake.locked !== '0' && `, ${tokens(stake.locked)} held by open cases`}
          {stake.withdrawableAt &&
            `, ${tokens(stake.unbonding)} leaves ${free ? 'when its owner takes it' : clock(stake.withdrawableAt, nowMs)}`}
        </Figure>
        <Figure name="Rewards" value={tokens(rewards.credited)}>
          ASSAY earned, {tokens(rewards.claimable)} to be claimed
        </Figure>
        <Figure name="Slashed" value={tokens(slashed)}>
          ASSAY in {count(slashes.length)} {slashes.length === 1 ? 'case' : 'cases'}
        </Figure>
        <CredibilityFigure credibility={credibility} />
      </dl>
      <Credibility provider={provider} />
      <div className="px-5 pb-4">
        <h3 className="caption">Keys</h3>
        <ul>
          {keys.map(({ kind, value, since }) => (
            <li key={`${kind}${value}`} className="flex flex-wrap justify-between gap-x-4">
              <span className="hash min-w-0">
                {kind === 'did' ? 'signs as ' : 'controlled by '}
                {value}
              </span>
              <span className="caption figure">since {moment(since)} UTC</span>
            </li>
          ))}
          {keys.length === 0 && <li className="hash">{did}</li>}
        </ul>
      </div>
      <Disputes disputes={disputes} nowMs={nowMs} />
    </Sheet>
  );
}

function CredibilityFigure({ credibility }: Pick<Believed, 'credibility'>) {
  if (credibility === null)
    return (
      <Figure name="Credibility" value="">
        <span className="block text-xl leading-tight font-semibold text-unknown">not known</span>
      </Figure>
    );
  const { facts, right } = credibility;
  return (
    <Figure name="Credibility" value={cut(credibility.credibility)}>
      of 1, by {facts === 1 ? 'one decision' : `${count(facts)} decisions`}: {count(right)} for it,{' '}
      {count(facts - right)} against
    </Figure>
  );
}

/** What credibility is made of, and how it came to be; or why it is not known. */
function Credibility({ provider: { did, credibility, credibilityReason } }: { provider: Believed }) {
  if (credibility === null)
    return (
      <div className="px-5 py-3">
        <NotKnown>Credibility is not known: {credibilityReason}.</NotKnown>
      </div>
    );
  const { lower, mean, upper, stake, stakeFactor, independence } = credibility;
  return (
    <div className="grid gap-x-8 gap-y-3 px-5 py-3 lg:grid-cols-[minmax(0,1fr)_minmax(0,1.6fr)]">
      <div>
        <h3 className="caption">What credibility is made of</h3>
        <dl className="grid grid-cols-[auto_minmax(0,1fr)] gap-x-3 gap-y-1">
          <Factor value={cut(lower)}>
            of its data at least turns out right, with 95&nbsp;%, by what reviewers and the court decided
            about it; {percent(mean)} is expected, {percent(upper)} at most, and the newest decisions count
            most
          </Factor>
          {stakeFactor === null || stake === null ? (
            <Factor value={null}>what it has at stake is not known: this node uses no chain</Factor>
          ) : (
            <Factor value={`× ${cut(stakeFactor)}`}>for {price(stake)} ASSAY at stake</Factor>
          )}
          {independence === null ? (
            <Factor value={null}>whether it copies others is not examined</Factor>
          ) : (
            <Factor value={`× ${cut(independence)}`}>for others that are held to be its copies</Factor>
          )}
        </dl>
      </div>
      <CredibilityOverTime did={did} />
    </div>
  );
}

/** A factor and what it stands for; null where it is not known and nothing is multiplied. */
function Factor({ value, children }: { value: string | null; children: ReactNode }) {
  return (
    <>
      <dt className="figure text-right font-medium">
        {value ?? <span className="text-unknown">not known</span>}
      </dt>
      <dd className="text-soft">{children}</dd>
    </>
  );
}

function CredibilityOverTime({ did }: Pick<Believed, 'did'>) {
  const { data, error } = useCredibility(did);
  if (data) return <CredibilityChart points={data.history} />;
  return (
    <p className="py-6 text-soft">
      {error ? `How it came to be is not known: ${error.message}.` : 'Asking how it came to be…'}
    </p>
  );
}

/** The first three digits: what is promised at least is never rounded up. */
function cut(share: string): string {
  return share.slice(0, 5);
}

function Disputes({ disputes, nowMs }: { disputes: Dispute[]; nowMs: number }) {
  if (disputes.length === 0) return <p className="border-t border-line px-5 py-3 text-soft">No disputes.</p>;
  return (
    <ul aria-label="Disputes" className="border-t border-line">
      {disputes.map((dispute) => (
        <li key={dispute.caseId} className="border-b border-line px-5 py-3 last:border-0">
          <div className="flex flex-wrap items-center gap-x-3 gap-y-1">
            <span className="font-medium">{phaseOf(dispute, nowMs)}</span>
            <span className="ml-auto flex gap-2">
              {dispute.phase === 'appealable' && !dispute.overdue && <ActButton act={appealOf(dispute)} />}
              {isOpen(dispute) && dispute.overdue && <ActButton act={settleOf(dispute)} main />}
            </span>
          </div>
          <p className="flex flex-wrap items-center gap-x-2 gap-y-1 text-soft">
            <Link to="/records/$id" params={{ id: dispute.subject.slice(2) }} className="link hash">
              {short(dispute.subject.slice(2))}
            </Link>
            was <DecisionTag decision={dispute.decision} />, should be{' '}
            <DecisionTag decision={dispute.claimed} />
            {dispute.ruling && (
              <>
                , reviewers say <DecisionTag decision={dispute.ruling} />
              </>
            )}
          </p>
          <p className="caption figure">
            Opened {clock(dispute.openedAt, nowMs)} by {short(dispute.challenger)} with a bond of{' '}
            {tokens(dispute.bond)} ASSAY, {tokens(dispute.atRisk)} ASSAY of stake at risk,{' '}
            {dispute.appeals === 1 ? 'one appeal' : `${count(dispute.appeals)} appeals`}
          </p>
        </li>
      ))}
    </ul>
  );
}

function isOpen({ phase }: Dispute): boolean {
  return phase === 'ruling' || phase === 'appealable';
}

function phaseOf({ phase, overdue, deadline, decision, claimed, ruling }: Dispute, nowMs: number): string {
  if (phase === 'settled') return ruling === decision ? 'Settled: the verdict stands' : `Settled: ${claimed}`;
  if (phase === 'unresolved') return 'Ended without a ruling: nobody lost, nothing is final';
  if (overdue) return 'Its time is over: anybody may settle it';
  if (phase === 'ruling') return `Reviewers decide, the time ends ${clock(deadline, nowMs)}`;
  return `Ruled; can be appealed, the time ends ${clock(deadline, nowMs)}`;
}

// ---------------------------------------------------------------------------------------------------------- acts

const AMOUNT = { name: 'amount', label: 'Amount in ASSAY' };
const EVIDENCE = {
  name: 'evidence',
  label: 'What shows it',
  help: 'The chain keeps the SHA-256 of this text. Keep the text: the reviewers will ask for it.',
};

const challengeOf = (record = ''): Act => ({
  label: 'Challenge a verdict',
  fields: [
    {
      name: 'record',
      label: 'Record',
      help: 'The id of the record whose verdict is wrong.',
      initial: record,
    },
    { name: 'decision', label: 'What the verdict should be', options: ['reject', 'flag', 'accept'] },
    EVIDENCE,
  ],
  calls: (desk, { record: id, decision, evidence }) => desk.challenge(id!, decision!, evidence!),
});

const CLAIM: Act = {
  label: 'Claim rewards',
  calls: async (desk) => [desk.call('StakeVault', 'claim', (await desk.account()).address)],
};

const stakeOf = ({ id }: Provider): Act => ({
  label: 'Stake',
  fields: [AMOUNT],
  calls: (desk, { amount }) => desk.stake(id, amount!),
});

const unbondOf = ({ id }: Provider, unbondingSeconds: number): Act => ({
  label: 'Unbond',
  fields: [{ ...AMOUNT, help: `It can be withdrawn ${span(unbondingSeconds)} later.` }],
  calls: async (desk, { amount }) => [desk.unbond(id, amount!)],
});

const cancelOf = ({ id }: Provider): Act => ({
  label: 'Stay after all',
  calls: async (desk) => [desk.call('StakeVault', 'cancelUnbonding', id)],
});

const withdrawOf = ({ id }: Provider): Act => ({
  label: 'Withdraw',
  calls: async (desk) => [desk.call('StakeVault', 'withdraw', id)],
});

const appealOf = ({ subject }: Dispute): Act => ({
  label: 'Appeal',
  fields: [EVIDENCE],
  calls: (desk, { evidence }) => desk.appeal(subject, evidence!),
});

const settleOf = ({ subject }: Dispute): Act => ({
  label: 'Settle',
  calls: async (desk) => [await desk.settle(subject)],
});
