/**
 * Every failure that a user can meet has one of these codes. They are stable: scripts and the gateway's
 * problem documents (RFC 9457) rely on them, so a code is added, never renamed.
 */
export type ErrorCode =
  | 'ACCOUNT_EMPTY'
  | 'ANCHOR_CHAIN_NOT_TRUSTED'
  | 'ANCHOR_CONFLICT'
  | 'ANCHOR_PROOF_INVALID'
  | 'APPEAL_REFUSED'
  | 'ARGUMENT_INVALID'
  | 'BATCH_OUT_OF_ORDER'
  | 'BATCH_REPLAYED'
  | 'BUNDLE_MALFORMED'
  | 'BEACON_UNAVAILABLE'
  | 'CALL_REFUSED'
  | 'CANDLE_MALFORMED'
  | 'CANONICAL_JSON_INVALID'
  | 'CHAIN_UNAVAILABLE'
  | 'CHAIN_WRONG'
  | 'CHECKPOINT_MALFORMED'
  | 'COLD_STORAGE_UNREACHABLE'
  | 'CONSISTENCY_PROOF_INVALID'
  | 'CONTRACT_INVALID'
  | 'DATA_DIR_IN_USE'
  | 'DATA_DIR_UNWRITABLE'
  | 'DECIMAL_INVALID'
  | 'DECISION_NOT_ACCEPTED'
  | 'DERIVATION_FAILED'
  | 'DERIVATION_MISMATCH'
  | 'DID_INVALID'
  | 'DOCUMENT_UNREADABLE'
  | 'ENCODING_INVALID'
  | 'ENDPOINTS_DISAGREE'
  | 'ENTRY_TOO_LARGE'
  | 'ENVELOPE_MALFORMED'
  | 'EVIDENCE_MALFORMED'
  | 'EXECUTION_MISMATCH'
  | 'EXECUTION_REFUSED'
  | 'EXECUTOR_UNKNOWN'
  | 'FEE_ABOVE_CAP'
  | 'FINALITY_BROKEN'
  | 'INCLUSION_PROOF_INVALID'
  | 'KEY_INVALID'
  | 'KEY_MISSING'
  | 'LEDGER_BUSY'
  | 'LEDGER_CORRUPT'
  | 'LEDGER_STOPPED'
  | 'LEVEL_TOO_LOW'
  | 'LOG_INCONSISTENT'
  | 'LOG_NOT_REGISTERED'
  | 'LOG_UNREACHABLE'
  | 'LOOKUP_MALFORMED'
  | 'LOOK_AHEAD'
  | 'MIRROR_REFUSED'
  | 'MIRROR_UNAVAILABLE'
  | 'NONCE_TAKEN'
  | 'NOTE_MALFORMED'
  | 'NOTE_SIGNATURE_INVALID'
  | 'NOTE_UNSIGNED'
  | 'NOT_FOUND'
  | 'PAYLOAD_MISMATCH'
  | 'PAYLOAD_TOO_LARGE'
  | 'POLICY_MALFORMED'
  | 'PORT_IN_USE'
  | 'PROOF_PENDING'
  | 'PROVIDER_UNKNOWN'
  | 'QUORUM_NOT_REACHED'
  | 'RECEIPT_MALFORMED'
  | 'RECORDING_INVALID'
  | 'RECORDING_NOT_FOUND'
  | 'REQUEST_INVALID'
  | 'REVIEWER_UNKNOWN'
  | 'REVIEWER_UNPROVEN'
  | 'REVIEW_MISMATCH'
  | 'REVIEW_NOT_ASSIGNED'
  | 'REVIEW_REPEATED'
  | 'REVIEW_ROUND_CLOSED'
  | 'ROW_MALFORMED'
  | 'RPC_UNAVAILABLE'
  | 'SIGNATURE_INVALID'
  | 'SIGNER_NOT_TRUSTED'
  | 'SOURCE_UNREACHABLE'
  | 'SIGNER_REFUSED'
  | 'STATEMENT_MALFORMED'
  | 'STORAGE_FAILED'
  | 'STORAGE_UNSUITABLE'
  | 'STORAGE_FULL'
  | 'TABLE_MALFORMED'
  | 'TILE_CONFLICT'
  | 'TILE_INVALID'
  | 'TRANSACTION_QUEUE_FULL'
  | 'TRANSACTION_REFUSED'
  | 'WITNESS_REFUSED'
  | 'WITNESS_UNAVAILABLE';

/**
 * An error that says what was wrong, and what to do next.
 *
 * @example
 * throw new AssayError('PORT_IN_USE', 'port 4600 is taken', { next: 'choose another with --port' });
 */
export class AssayError extends Error {
  readonly code: ErrorCode;
  /** One sentence for the person who reads the error: what to try now. */
  readonly next: string | undefined;
  /** Machine-readable particulars (expected, got, path …); never secrets. */
  readonly detail: Record<string, unknown> | undefined;

  constructor(
    code: ErrorCode,
    message: string,
    options: { next?: string; detail?: Record<string, unknown>; cause?: unknown } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'AssayError';
    this.code = code;
    this.next = options.next;
    this.detail = options.detail;
  }
}
