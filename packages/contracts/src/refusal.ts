import { type Abi, BaseError, decodeErrorResult, type Hex, isHex } from 'viem';
import { SYSTEM } from './deployment.ts';

/** Why a contract, or the chain before it, did not do what it was asked to. */
export interface CallRefusal {
  /** As a sentence's middle: `StakeVault refuses: too early (withdrawable at 2026-01-02T00:00:00.000Z)`. */
  reason: string;
  /** Name of the contract's error; null when it was none of the system's. */
  error: string | null;
  /** What to do about it. */
  next: string;
}

/** What to do about the refusals that people meet. */
const NEXT: Readonly<Record<string, string>> = {
  AccessManagedUnauthorized: 'only governance may do this: `assay propose` it',
  AlreadyFinal: 'nothing: there is a final verdict already',
  AlreadyRegistered: 'nothing: this account registered that DID before',
  CaseExists: 'who knows better appeals the ruling of the case that there is',
  ChallengeOver: 'nothing: verdicts can be challenged for a time only',
  DeadlineAhead: 'try again after the deadline',
  DeadlinePassed: 'settle the case: its time is over',
  ERC20InsufficientBalance: 'get more ASSAY first',
  GovernorInsufficientProposerVotes: 'delegate more votes to this account first (`assay delegate`)',
  GovernorUnexpectedProposalState: 'look at the proposal in `assay governance`',
  NotController: 'sign with the account that controls the provider',
  NotPosted: 'wait until the verdict is in a batch on the chain',
  NothingToWithdraw: 'begin unbonding first (`assay unstake`), or wait until open cases end',
  SelfChallenge: 'a provider cannot accuse its own data',
  TimelockUnexpectedOperationState: 'wait until the timelock is over',
  TooEarly: 'wait until the stake has unbonded',
};

const OTHERWISE = 'change what the reason names, and try again';

/**
 * What a refused call's error means, in words.
 *
 * @param error as viem throws it.
 * @example
 * await client.call(call).catch((error) => refusalOf(error).reason); // 'VerdictCourt refuses: self challenge'
 */
export function refusalOf(error: unknown): CallRefusal {
  const data = revertData(error);
  for (const [name, { abi }] of Object.entries(SYSTEM)) {
    if (data === null) break;
    try {
      const { errorName, args = [], abiItem } = decodeErrorResult({ abi: abi as Abi, data });
      const inputs = 'inputs' in abiItem ? abiItem.inputs : [];
      const details = inputs.map(
        ({ name: input, type }, i) => `${spaced(input ?? '')} ${shown(input ?? '', type, args[i])}`,
      );
      const who = name === 'AccessManager' ? 'the contract' : name;
      const why = `${spaced(errorName)}${details.length > 0 ? ` (${details.join(', ')})` : ''}`;
      return { reason: `${who} refuses: ${why}`, error: errorName, next: NEXT[errorName] ?? OTHERWISE };
    } catch {
      // Another contract's error.
    }
  }
  const words = error instanceof BaseError ? (error.details ?? error.shortMessage) : (error as Error).message;
  return { reason: `the chain refuses: ${words}`, error: null, next: OTHERWISE };
}

function revertData(error: unknown): Hex | null {
  if (!(error instanceof BaseError)) return null;
  let found: Hex | null = null;
  error.walk((cause) => {
    const { data } = cause as { data?: unknown };
    const inner = (data as { data?: unknown } | undefined)?.data ?? data;
    if (isHex(inner) && inner.length >= 10) found = inner;
    return false;
  });
  return found;
}

function spaced(name: string): string {
  return name
    .replace(/([a-z\d])([A-Z])/g, '$1 $2')
    .replaceAll('_', ' ')
    .toLowerCase();
}

function shown(name: string, type: string, value: unknown): string {
  const isTime = /until|deadline|withdrawableat|earliest|latest/i.test(name) && /^uint(48|256)$/.test(type);
  return isTime ? new Date(Number(value) * 1000).toISOString() : String(value);
}
