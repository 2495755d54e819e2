import { CheckpointAnchor } from './artifacts.ts';
import { CREATE2_DEPLOYER } from './deployment.ts';

export * from './deployment.ts';

type Hex = `0x${string}`;

/** Typed interface of the CheckpointAnchor contract, for viem. */
export const checkpointAnchorAbi = CheckpointAnchor.abi;
/** Creation code without the constructor's argument. */
export const checkpointAnchorBytecode = CheckpointAnchor.bytecode;
/** Storage slot of `heads`; its members lie at keccak256(originId ‖ slot) and after. */
export const CHECKPOINT_ANCHOR_HEADS_SLOT = 0n;

/**
 * The transaction that deploys CheckpointAnchor for a registrar through the deployment proxy. The contract's
 * address follows from it (EIP-1014), so a registrar has the same one on every chain.
 */
export function checkpointAnchorDeployment(registrar: Hex): {
  to: Hex;
  salt: Hex;
  creationCode: Hex;
  data: Hex;
} {
  const salt: Hex = `0x${'0'.repeat(64)}`;
  const argument = registrar.slice(2).toLowerCase().padStart(64, '0');
  const creationCode: Hex = `${checkpointAnchorBytecode}${argument}`;
  return { to: CREATE2_DEPLOYER, salt, creationCode, data: `${salt}${creationCode.slice(2)}` as Hex };
}
