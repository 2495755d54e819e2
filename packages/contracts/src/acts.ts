import {
  type Abi,
  type AbiParameter,
  encodeAbiParameters,
  encodeFunctionData,
  getAbiItem,
  type Hex,
  keccak256,
  stringToHex,
} from 'viem';
import type { Call } from './clear-signing.ts';
import { type ContractName, SYSTEM } from './deployment.ts';

/** What an act needs to know: where the contracts are, who acts, and what they answer now. */
export interface Desk {
  readonly addresses: Readonly<Partial<Record<ContractName, Hex>>>;
  account(): Promise<{ address: Hex }>;
  read<T>(contract: ContractName, functionName: string, ...args: unknown[]): Promise<T>;
}

/** Proof of a posted verdict, as VerdictCourt takes it. */
export interface VerdictProof {
  batch: { contractDigest: Hex; root: Hex; count: bigint; madeAt: number };
  verdict: { subject: Hex; providerId: Hex; statement: Hex; decision: number; level: number };
  index: bigint;
  path: Hex[];
}

/** The same as JSON, as `GET /v1/records/{id}/verdict-proof` answers it. */
export interface VerdictProofFile extends Omit<VerdictProof, 'batch' | 'index'> {
  chainId: number;
  court: Hex;
  batch: Omit<VerdictProof['batch'], 'count'> & { count: string };
  index: string;
}

/** A proposal as its event holds it. */
export interface ProposalCalls {
  targets: readonly Hex[];
  values: readonly bigint[];
  calldatas: readonly Hex[];
  description: string;
}

/** A call of one of the system's contracts. */
export function callTo(
  addresses: Desk['addresses'],
  contract: ContractName,
  functionName: string,
  ...args: unknown[]
): Call {
  const data = encodeFunctionData({ abi: SYSTEM[contract].abi as Abi, functionName, args });
  return { to: addresses[contract]!, data };
}

/** Puts tokens behind a provider; first lets the vault take them where it may not yet. */
export async function stakeCalls(desk: Desk, providerId: Hex, amount: bigint): Promise<Call[]> {
  const call = callTo(desk.addresses, 'StakeVault', 'stake', providerId, amount);
  return [...(await allowanceCalls(desk, amount)), call];
}

/** @param evidence SHA-256 of what shows that the verdict is wrong. */
export async function challengeCalls(
  desk: Desk,
  proof: VerdictProof,
  decision: number,
  evidence: Hex,
): Promise<Call[]> {
  const [bond] = await desk.read<[bigint]>('VerdictCourt', 'parameters');
  const call = callTo(desk.addresses, 'VerdictCourt', 'challenge', proof, decision, evidence);
  return [...(await allowanceCalls(desk, bond)), call];
}

/** Each appeal doubles the bond. @param evidence SHA-256 of what shows that the ruling is wrong. */
export async function appealCalls(desk: Desk, proof: VerdictProof, evidence: Hex): Promise<Call[]> {
  const { bond, appeals } = await caseOf(desk, proof);
  const call = callTo(desk.addresses, 'VerdictCourt', 'appeal', proof, evidence);
  return [...(await allowanceCalls(desk, bond << BigInt(appeals + 1))), call];
}

/** Moves a proposal that was accepted on: into the timelock, then out of it into force. */
export function advanceCall(
  addresses: Desk['addresses'],
  step: 'queue' | 'execute',
  { targets, values, calldatas, description }: ProposalCalls,
): Call {
  const hash = keccak256(stringToHex(description));
  return callTo(addresses, 'AssayGovernor', step, targets, values, calldatas, hash);
}

/** The case of a verdict. Its phase is 0 when nobody challenged the verdict. */
export async function caseOf(
  desk: Pick<Desk, 'read'>,
  { batch, verdict }: VerdictProof,
): Promise<{ caseId: Hex; phase: number; appeals: number; bond: bigint }> {
  const [{ components }] = getAbiItem({ abi: SYSTEM.VerdictCourt.abi, name: 'settle' }).inputs;
  const parts = components.filter(({ name }) => name === 'batch' || name === 'verdict');
  const caseId = keccak256(encodeAbiParameters(parts as readonly AbiParameter[], [batch, verdict]));
  const [, , phase, appeals, , , bond] = await desk.read<
    [Hex, number, number, number, number, number, bigint, bigint]
  >('VerdictCourt', 'cases', caseId);
  return { caseId, phase, appeals, bond };
}

/** The proof out of its JSON. */
export function verdictProofOf({ batch, verdict, index, path }: VerdictProofFile): VerdictProof {
  return { batch: { ...batch, count: BigInt(batch.count) }, verdict, index: BigInt(index), path };
}

/** Lets the vault take tokens, where it may not yet: it takes bonds, stakes and payments. */
export async function allowanceCalls(desk: Desk, amount: bigint): Promise<Call[]> {
  const vault = desk.addresses.StakeVault!;
  const { address } = await desk.account();
  const allowed = await desk.read<bigint>('AssayToken', 'allowance', address, vault);
  return allowed >= amount ? [] : [callTo(desk.addresses, 'AssayToken', 'approve', vault, amount)];
}
