import type { GovernanceState, ProvidersState, VerdictProof } from '@assay/chain';
import type { AssayError, Bundle, LookupAnswer, LookupQuery, SourceMode, TrustPolicy } from '@assay/core';
import type { TileSource } from '@assay/ledger';
import type {
  Alert,
  Backing,
  Catalogue,
  Credibility,
  CredibilityPoint,
  ItemDetail,
  KeptAlert,
  MarketView,
  QueueView,
  ReviewerState,
} from '@assay/pipeline';

/** What the gateway may see and ask of the running node. The composition root supplies it. */
export interface NodeView {
  catalogue: Catalogue;
  status(): NodeStatus;
  trustPolicy(): TrustPolicy;
  /** @throws NOT_FOUND, PROOF_PENDING */
  bundle(id: string): Promise<Bundle>;
  /** A COSE receipt (RFC 9942). @throws NOT_FOUND, PROOF_PENDING */
  receipt(id: string): Promise<Uint8Array>;
  /** Admits, checks and logs one observation; resolves when the ledger has acknowledged it. */
  submit(input: {
    envelope: unknown;
    payload: Uint8Array;
    /** Contents of the files that its rows name. */
    attachments?: readonly Uint8Array[];
  }): Promise<{ id: string; index: number; verdict: string }>;
  /** The canonical JSON of an exhibit, by `sha256:<hex>`. @throws NOT_FOUND */
  exhibit(digest: string): Uint8Array;
  /** A file that an observation named. @throws NOT_FOUND */
  file(sha256: string): { mediaType: string; bytes: Uint8Array };
  reviews: {
    /** @param reviewer the DID that the request proved, or null for anybody. */
    queue(reviewer: string | null): QueueView;
    /** @throws NOT_FOUND, REVIEW_NOT_ASSIGNED */
    item(name: string, reviewer: string | null): ItemDetail;
    /** Resolves when the review is durable. */
    decide(item: string, envelope: unknown): Promise<{ id: string }>;
    /** Resolves when the ledger has acknowledged the appeal. */
    appeal(record: string, envelope: unknown): Promise<{ id: string; item: string; index: number }>;
    reviewers(): ReviewerState[];
    /** Resolves when the ledger has acknowledged the execution. */
    execution(record: string, envelope: unknown): Promise<{ id: string; index: number }>;
  };
  alerts: {
    list(query: {
      state?: Alert['state'] | undefined;
      stream?: string | undefined;
      limit: number;
    }): KeptAlert[];
    counts(): Record<Alert['state'], number>;
    /** @throws NOT_FOUND */
    acknowledge(id: string, by: string): KeptAlert;
  };
  /** This node's clock, for requests that state their time. */
  nowMs(): number;
  /** Calls back for everything that happens, until the returned function is called. */
  subscribe(listener: (event: NodeEvent) => void): () => void;
  /** The served log. */
  tiles: TileSource;
  health(): LogHealth;
  /** An evidence file of the node's monitor, by name; null when there is none. */
  evidence(name: string): string | null;
  /** A tlog-policy that names the log, served at a URL, and its witnesses. */
  logPolicy(url: string): string;
  /** @throws PROOF_PENDING, REQUEST_INVALID */
  lookup(query: LookupQuery): Promise<LookupAnswer>;
  /** What the contracts say; null when the node uses none. @throws CHAIN_UNAVAILABLE, RPC_UNAVAILABLE */
  economy: {
    providers(): Promise<ProvidersState>;
    governance(): Promise<GovernanceState>;
    /**
     * Under which registration a DID's own stake lies, as far as this node knows. Anybody may register any DID: what
     * a stranger does in its name says nothing of it.
     */
    registrationOf(did: string): string | null;
    /** Proves the verdict on an observation to the court. @throws PROOF_PENDING */
    verdictProof(id: string): VerdictProof & { chainId: number; court: string };
  } | null;
  /** How far providers can be believed, by what was settled of their data. */
  credibility: {
    /** Whose data this node takes. */
    providers(): { did: string; name: string | null }[];
    /** @param backing what the chain says of it; null when the node uses none. */
    now(did: string, backing: Backing | null): Credibility | null;
    history(did: string, backing: Backing | null): CredibilityPoint[];
  };
  /** The market's figures; null where the node follows no market. */
  market: MarketView | null;
  /** The built console; null where it was not built. */
  consoleDirectory: string | null;
}

/** One thing that happened, for the live feed. */
export interface NodeEvent {
  type: 'observation' | 'verdict' | 'derivation' | 'review' | 'checkpoint' | 'anchor' | 'incident' | 'alert';
  time: string;
  text: string;
  id?: string;
  stream?: string;
  decision?: string;
  size?: number;
  index?: number;
}

export interface NodeStatus {
  node: { version: string; mode: SourceMode; describe: string; startedAt: string; clock: string };
  log: {
    origin: string;
    vkey: string;
    size: number;
    published: { size: number; root: string; at: string } | null;
  };
  witnesses: {
    quorum: number;
    of: number;
    list: {
      name: string;
      vkey: string;
      state: 'ok' | 'behind' | 'down' | 'unknown';
      size: number | null;
      lastError?: string;
    }[];
  };
  /** One for each chain that the log is anchored on. */
  anchors: {
    chainId: number;
    contract: string;
    /**
     * Of the newest checkpoint that was submitted: `none` was; `pending`, too few blocks hold it; `confirmed`;
     * `final`, it cannot be undone any more. `down`: it waits, because of `lastError`.
     */
    status: 'final' | 'confirmed' | 'pending' | 'none' | 'down';
    last: {
      size: number;
      blockNumber: number;
      blockHash: string;
      transaction: string | null;
      anchoredAt: string;
    } | null;
    /** Size that waits to be anchored. */
    pendingSize: number | null;
    /** Largest size that is final. */
    finalSize: number | null;
    /** Pays for the anchors. */
    account: string;
    /** Decimal; null before the chain was asked. */
    balanceWei: string | null;
    /** What the keeper does next, in words. */
    nextAction: string;
    lastError: { code: string; message: string; next: string } | null;
    endpoints: { url: string; ok: boolean; blockNumber: number | null; error: string | null }[];
  }[];
  sources: {
    stream: string;
    venue: string;
    symbol: string;
    mode: SourceMode;
    state: 'ok' | 'delayed' | 'unreachable' | 'waiting';
    lastRowAt: string | null;
    rows: number;
    lastError?: string;
  }[];
  incidents: { flagged: number; rejected: number };
  records: { observations: number; verdicts: number; derivations: number; rows: number };
}

/** How the log is doing, and what its own monitor found. Times are RFC 3339; `null` is not known. */
export interface LogHealth {
  log: { origin: string; vkey: string; committed: number; public: { size: number; at: string } | null };
  /** Sizes of public checkpoints over time, oldest first. */
  growth: { at: string; size: number }[];
  witnesses: {
    name: string;
    url: string;
    state: 'ok' | 'behind' | 'unreachable' | 'refusing' | 'unknown';
    size: number | null;
    latencyMs: number | null;
    lastCosignedAt: string | null;
    lastError: string | null;
  }[];
  /** Cosignatures that make a checkpoint public. */
  quorum: number;
  /** The node's own monitor: run by the operator, so that it convinces nobody who does not trust the operator. */
  monitor: {
    verifiedSize: number;
    lastLookAt: string | null;
    lastError: string | null;
    statementsVerified: number;
    statementsInvalid: number;
    notStatements: number;
    consistencyChecks: number;
  };
  /** Newest first. `evidence` is a file at `/v1/log/evidence/<name>`. */
  incidents: {
    id: string;
    kind: string;
    at: string;
    size: number | null;
    message: string;
    evidence: string | null;
  }[];
  /** As in `NodeStatus.anchors`. */
  chains: NodeStatus['anchors'];
  anchors: {
    size: number;
    chainId: number;
    contract: string;
    blockNumber: number;
    transaction: string | null;
    at: string;
  }[];
  serviceLevel: { name: string; promised: string; measured: string; status: 'pass' | 'fail' | 'unknown' }[];
}

/** RFC 9457 problem document. `code` is stable; `next` says what to try. */
export interface Problem {
  type: string;
  title: string;
  status: number;
  detail: string;
  code: AssayError['code'] | 'INTERNAL';
  next?: string;
}
