import type { SigningContext } from '@assay/contracts';
import type { NoEconomy } from '@assay/gateway';
import { type Act, ActButton, ActingAt, useAccount, useActor, useChainNow } from './acting.tsx';
import { useGovernance } from './api.ts';
import { useTitle } from './frame.tsx';
import { EconomyRoom } from './providers.tsx';
import { Figure, Sheet } from './sheet.tsx';
import { clock, count, moment, short, span, tokens } from './words.ts';

type State = Exclude<NonNullable<ReturnType<typeof useGovernance>['data']>, NoEconomy>;
type Proposal = State['proposals'][number];

/** Governance: which rules hold, since when, who may change them, and what is being voted on. */
export function GovernancePage() {
  useTitle('Governance');
  const { data, error } = useGovernance();
  return (
    <EconomyRoom title="Governance" data={data} error={error}>
      {(state) => <Governance state={state} />}
    </EconomyRoom>
  );
}

function Governance({ state }: { state: State }) {
  const proposals = Object.fromEntries(
    state.proposals.map(({ id, description, actions }) => [
      id,
      {
        description,
        actions: actions.map(({ target, data, value }) => ({ to: target, data, value: BigInt(value) })),
      },
    ]),
  ) as SigningContext['proposals'];
  return (
    <ActingAt chain={state.chain} contracts={state.contracts} proposals={proposals}>
      <Proposals state={state} />
      <Rules state={state} />
      <Parameters parameters={state.parameters} />
      <DataContracts contracts={state.dataContracts} />
      <Committees committees={state.committees} />
    </ActingAt>
  );
}

function Proposals({ state: { proposals, rules } }: { state: State }) {
  return (
    <Sheet title="Proposals" aside={<Delegate />}>
      {proposals.length === 0 ? (
        <p className="px-5 py-4 text-soft">
          None was ever made. Whoever has {tokens(rules.proposalThreshold)} votes may make one:{' '}
          <code className="hash">assay propose</code>.
        </p>
      ) : (
        <ul>
          {proposals.map((proposal) => (
            <ProposalItem key={proposal.id} proposal={proposal} quorum={rules.quorumVotes} />
          ))}
        </ul>
      )}
    </Sheet>
  );
}

const STATES: Record<Proposal['state'], { word: string; look: string }> = {
  pending: { word: 'voting has not begun', look: 'bg-sunk text-soft' },
  active: { word: 'being voted on', look: 'bg-unknown-wash text-unknown' },
  succeeded: { word: 'accepted, not in force', look: 'bg-unknown-wash text-unknown' },
  queued: { word: 'in the timelock, not in force', look: 'bg-unknown-wash text-unknown' },
  executed: { word: 'in force', look: 'bg-pass-wash text-pass' },
  defeated: { word: 'turned down', look: 'bg-fail-wash text-fail' },
  canceled: { word: 'withdrawn', look: 'bg-fail-wash text-fail' },
  expired: { word: 'ran out', look: 'bg-fail-wash text-fail' },
};

function ProposalItem({ proposal, quorum }: { proposal: Proposal; quorum: string }) {
  const nowMs = useChainNow();
  const { title, state, actions, votes, snapshotAt, deadline, eta, proposer } = proposal;
  const { word, look } = STATES[state];
  const ready = state === 'queued' && eta !== null && Date.parse(eta) <= nowMs;
  return (
    <li className="grid gap-2 border-b border-line px-5 py-4 last:border-0">
      <div className="flex flex-wrap items-center gap-x-3 gap-y-2">
        <h3 className="font-medium [overflow-wrap:anywhere]">{title}</h3>
        <span className={`rounded px-1.5 py-px text-[0.8rem] font-medium ${look}`}>{word}</span>
        <span className="ml-auto flex flex-wrap gap-2">
          {state === 'active' && VOTES.map((vote) => <ActButton key={vote} act={voteOf(proposal, vote)} />)}
          {state === 'succeeded' && <ActButton act={advanceOf(proposal, 'queue')} main />}
          {ready && <ActButton act={advanceOf(proposal, 'execute')} main />}
        </span>
      </div>
      <ul>
        {actions.map(({ words, data }) => (
          <li key={data} className="hash text-soft">
            {words}
          </li>
        ))}
      </ul>
      <Tally votes={votes} quorum={quorum} />
      <p className="caption figure">
        By {short(proposer)}. {state === 'pending' && `Voting begins ${clock(snapshotAt, nowMs)}. `}
        {state === 'active' && `Voting ends ${clock(deadline, nowMs)}. `}
        {state === 'queued' &&
          eta &&
          (ready ? 'Anybody may put it into force. ' : `Can be put into force ${clock(eta, nowMs)}. `)}
        Whoever held votes at {moment(snapshotAt)} UTC votes until {moment(deadline)} UTC.
      </p>
    </li>
  );
}

/** For and against side by side, with the line that the quorum draws. */
function Tally({ votes, quorum }: { votes: Proposal['votes']; quorum: string }) {
  const [inFavour, against, abstain] = [votes.for, votes.against, votes.abstain].map(BigInt) as [
    bigint,
    bigint,
    bigint,
  ];
  const needed = BigInt(quorum);
  const most = [inFavour + against + abstain, needed, 1n].reduce((a, b) => (a > b ? a : b));
  const part = (amount: bigint) => `${Number((amount * 10_000n) / most) / 100}%`;
  const counted = inFavour + abstain;
  return (
    <div className="grid gap-1">
      <div className="relative flex h-2.5 overflow-hidden rounded bg-sunk" aria-hidden="true">
        <span className="bg-pass" style={{ width: part(inFavour) }} />
        <span className="bg-soft" style={{ width: part(abstain) }} />
        <span className="bg-fail" style={{ width: part(against) }} />
        <span className="absolute inset-y-0 w-0.5 bg-ink" style={{ left: `calc(${part(needed)} - 2px)` }} />
      </div>
      <p className="caption figure">
        {tokens(votes.for)} for, {tokens(votes.against)} against, {tokens(votes.abstain)} abstain;{' '}
        {counted >= needed
          ? `the quorum of ${tokens(quorum)} is reached`
          : `${tokens(`${needed - counted}`)} more are needed for the quorum`}
      </p>
    </div>
  );
}

function Rules({ state: { rules, treasury } }: { state: State }) {
  return (
    <Sheet title="How rules change" note="nobody holds a key that goes around this">
      <dl className="grid grid-cols-2 gap-x-6 gap-y-3 px-5 py-4 md:grid-cols-4">
        <Figure name="To propose" value={tokens(rules.proposalThreshold)}>
          votes of {tokens(rules.totalSupply)}; voting begins {span(rules.votingDelaySeconds)} later
        </Figure>
        <Figure name="Voting" value={span(rules.votingPeriodSeconds)}>
          counts with {tokens(rules.quorumVotes)} votes at least
        </Figure>
        <Figure name="Timelock" value={span(rules.timelockSeconds)}>
          between the vote and the change
        </Figure>
        <Figure name="Treasury" value={tokens(treasury.balance)}>
          ASSAY, {tokens(treasury.claimable)} more to be claimed
        </Figure>
      </dl>
    </Sheet>
  );
}

function Parameters({ parameters }: Pick<State, 'parameters'>) {
  return (
    <Sheet title="Parameters in force">
      <Table head={['Parameter', 'Value', 'Since']}>
        {parameters.map(({ contract, name, value, unit, since }) => (
          <tr key={`${contract}.${name}`} className="border-t border-line">
            <td className="py-1.5 pl-5 [overflow-wrap:anywhere]">
              {PARAMETERS[name] ?? name} <span className="caption block">{contract}</span>
            </td>
            <td className="figure px-2 py-1.5">{measured(value, unit)}</td>
            <td className="figure py-1.5 pr-5 text-right text-soft">{moment(since)}</td>
          </tr>
        ))}
      </Table>
    </Sheet>
  );
}

/** What the contract's own names mean. */
const PARAMETERS: Record<string, string> = {
  challengeBond: 'Bond of a challenge',
  rulingSeconds: 'Time to rule',
  appealSeconds: 'Time to appeal',
  burnBps: 'Burned of what is lost',
  challengerBps: 'To who was right, of what is lost',
  feeBps: 'Fee on rewards',
};

function DataContracts({ contracts }: { contracts: State['dataContracts'] }) {
  return (
    <Sheet title="Data contracts" note="what an observation must be, to be paid for">
      <Table head={['Contract', 'Level, dispute, sampled', 'At risk, reward', 'Since']} wideOnly={2}>
        {contracts.map((each) => (
          <tr key={each.digest} className="border-t border-line align-top">
            <td className="py-1.5 pl-5 [overflow-wrap:anywhere]">
              {each.name ?? 'not known to this node'}{' '}
              <span className="hash block text-soft">
                {short(each.digest)} revision {each.revision}
              </span>
              {!each.inForce && <span className="text-fail"> retired</span>}
            </td>
            <td className="figure px-2 py-1.5">
              L{each.requiredLevel}, {span(each.disputeSeconds)}, {each.samplingPpm / 10_000} %
            </td>
            <td className="figure hidden px-2 py-1.5 sm:table-cell">
              {tokens(each.stakeAtRisk)}, {tokens(each.rewardPerObservation)}
            </td>
            <td className="figure py-1.5 pr-5 text-right text-soft">{moment(each.since)}</td>
          </tr>
        ))}
      </Table>
    </Sheet>
  );
}

function Committees({ committees }: Pick<State, 'committees'>) {
  return (
    <Sheet title="Committees">
      <ul>
        {committees.map(({ role, epoch, threshold, members, since }) => (
          <li key={role} className="border-b border-line px-5 py-3 last:border-0">
            <p>
              <span className="font-medium">{role === 'verifiers' ? 'Verifiers' : 'Reviewers'}</span>:{' '}
              {count(threshold)} of {count(members.length)} must sign
              <span className="caption figure">
                {' '}
                epoch {epoch}, since {moment(since)} UTC
              </span>
            </p>
            <p className="hash text-soft">{members.join(' ')}</p>
          </li>
        ))}
      </ul>
    </Sheet>
  );
}

/** @param wideOnly a column that phones have no room for. */
function Table({
  head,
  wideOnly,
  children,
}: {
  head: string[];
  wideOnly?: number;
  children: React.ReactNode;
}) {
  return (
    <div className="overflow-x-auto">
      <table className="w-full text-[0.92rem]">
        <thead>
          <tr className="caption text-left">
            {head.map((name, i) => (
              <th
                key={name}
                className={`py-2 font-normal ${i === 0 ? 'pl-5' : 'px-2'} ${i === head.length - 1 ? '!pr-5 text-right' : ''} ${i === wideOnly ? 'max-sm:hidden' : ''}`}
              >
                {name}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>{children}</tbody>
      </table>
    </div>
  );
}

function measured(value: string, unit: string): string {
  if (unit === 'basis points') return `${Number(value) / 100} %`;
  if (unit === 'seconds') return span(Number(value));
  return unit === 'ASSAY' ? `${tokens(value)} ASSAY` : value;
}

/** Tokens vote only once their holder has said for whom. */
function Delegate() {
  const actor = useActor();
  const { data } = useAccount();
  if (!actor || !data || data.balance === '0' || data.delegate.toLowerCase() === actor.address.toLowerCase())
    return null;
  return <ActButton act={DELEGATE} />;
}

// ---------------------------------------------------------------------------------------------------------- acts

const VOTES = ['against', 'for', 'abstain'] as const;
const LABELS = { for: 'Vote for', against: 'Vote against', abstain: 'Abstain' };

const DELEGATE: Act = {
  label: 'Vote with my tokens',
  calls: async (desk) => [desk.call('AssayToken', 'delegate', (await desk.account()).address)],
};

const voteOf = ({ id }: Proposal, vote: (typeof VOTES)[number]): Act => ({
  label: LABELS[vote],
  calls: async (desk) => [desk.call('AssayGovernor', 'castVote', BigInt(id), VOTES.indexOf(vote))],
});

const advanceOf = ({ actions, description }: Proposal, step: 'queue' | 'execute'): Act => ({
  label: step === 'queue' ? 'Into the timelock' : 'Put into force',
  calls: async (desk) => [
    desk.advance(step, {
      targets: actions.map(({ target }) => target as `0x${string}`),
      values: actions.map(({ value }) => BigInt(value)),
      calldatas: actions.map(({ data }) => data as `0x${string}`),
      description,
    }),
  ],
});
