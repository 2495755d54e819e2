export * from './batch.ts';
export * from './bundle.ts';
export * from './canonical-json.ts';
export * from './checkpoint.ts';
export * from './decimal.ts';
export * from './did.ts';
export * from './dsse.ts';
export * from './ed25519.ts';
export * from './encoding.ts';
export * from './errors.ts';
export * from './evidence.ts';
export * from './evm-proof.ts';
export * from './execution-statement.ts';
export * from './lookup.ts';
export * from './merkle.ts';
export * from './ml-dsa.ts';
export * from './note.ts';
export * from './policy.ts';
export * from './review-statements.ts';
export * from './reviewer-request.ts';
export * from './statement.ts';
export * from './subtree.ts';
export * from './tiles.ts';
export * from './tlog-policy.ts';
export * from './tlog-proof.ts';
export {
  type StepResult,
  type VerificationReport,
  type VerifyOptions,
  verifyBundle,
} from './verify.ts';
