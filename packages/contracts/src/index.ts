import { CheckpointAnchor } from './artifacts.ts';

/** Typed interface of the CheckpointAnchor contract, for viem. */
export const checkpointAnchorAbi = CheckpointAnchor.abi;
/** Creation code without the constructor's argument. */
export const checkpointAnchorBytecode = CheckpointAnchor.bytecode;
/** Storage slot of `heads`; its members lie at keccak256(originId ‖ slot) and after. */
export const CHECKPOINT_ANCHOR_HEADS_SLOT = 0n;
/** Arachnid's deterministic deployment proxy: the same address on almost every EVM chain, and on anvil. */
export const CREATE2_DEPLOYER = '0x4e59b44847b379578588920ca78fbf26c0b4956c';
