export {
  AnchorKeeper,
  type KeeperAlert,
  type KeeperFault,
  type KeeperOptions,
  type KeeperState,
} from './anchor-keeper.ts';
export { AnchorKeepers, type SharedKeeperOptions } from './anchor-keepers.ts';
export { type AnchorRecord, AnchorStore } from './anchor-store.ts';
export { type DevelopmentChain, startAnvil } from './anvil.ts';
export { blockHeader, DRAND_URLS, type DrandRound, drandRound } from './beacon.ts';
export { canonicalBlockHash } from './canonical-block.ts';
export {
  type ContractsFile,
  deployEconomy,
  enterProvider,
  openLine,
  registerOrigin,
} from './economy.ts';
export {
  type CourtParameters,
  type Dispute,
  EconomyReader,
  type GovernanceState,
  type ProposalState,
  type ProviderState,
  type ProvidersState,
} from './economy-reader.ts';
export { ChainEndpoints, type EndpointState } from './endpoints.ts';
export { type Attempt, type Intent, IntentStore, type Mined } from './intent-store.ts';
export { accountOf, createKeystore, externalSigner, type Keystore, openKeystore } from './signer.ts';
export { type Call, type SenderOptions, TransactionSender } from './transactions.ts';
export {
  DECISION_CODES,
  type LoggedVerdict,
  signaturesOf,
  VerdictPoster,
  type VerdictProof,
} from './verdict-poster.ts';
