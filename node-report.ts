/** What a running node says of itself: whom its first trust policy names, how it is, and what a run came to. */
import type { AnchorKeepers, AnchorStore, KeeperState } from '@assay/chain';
import {
  bytesToHex,
  formatTlogPolicy,
  POLICY_TYPE,
  parseNote,
  parseVkey,
  STEPS,
  type TrustPolicy,
} from '@assay/core';
import type { NodeStatus } from '@assay/gateway';
import type { Ledger } from '@assay/ledger';
import { BTC_USD, FIGURES } from '@assay/market';
import { type Catalogue, figureStream, MINUTES_STREAM, PORTFOLIO_STREAM, rateStream } from '@assay/pipeline';
import { instantOf, type MarketSource, STREAMS, type Venue } from '@assay/sources';
import type { RunSummary } from './screen.ts';

/** Who and what a node is, from its keys and its configuration. */
export interface NodeIdentity {
  origin: string;
  vkey: string;
  quorum: number;
  witnesses: readonly { name: string; vkey: string; url: string }[];
  /** DIDs. */
  providers: ReadonlyMap<Venue, { did: string }>;
  checker: string;
  deriver: string;
  /** Streams that their providers send themselves. */
  registered: () => readonly { stream: string; provider: string }[];
  /** What the market's providers are called, by DID. */
  names: ReadonlyMap<string, string>;
  /** DIDs. */
  reviewers: () => readonly string[];
  executors: () => readonly string[];
  /** Where the log is anchored. */
  chains: readonly { chainId: number; contract: string }[];
}

/** The parts of a running node that its reports read. */
export interface RunningParts {
  catalogue: Catalogue;
  anchors: AnchorStore;
  ledger: Ledger;
  keepers: AnchorKeepers;
  source: MarketSource;
  version: string;
  startedAt: string;
  /** When the public checkpoint became public. */
  publishedAt: () => string | null;
}

/** Trust policies name at most so many blocks; older anchors are covered by newer ones. */
const MAX_TRUSTED_BLOCKS = 2_000;

/** The policy that trusts exactly this node: for a first try, and as a form to edit. */
export function trustPolicyOf(identity: NodeIdentity, anchors: AnchorStore): TrustPolicy {
  const { origin, vkey, quorum, witnesses, providers, checker, deriver, registered, chains } = identity;
  const streamsOf = (venue: Venue) =>
    STREAMS.filter((stream) => stream.venue === venue).map(({ name }) => name);
  const trusted = anchors.list(origin).slice(-MAX_TRUSTED_BLOCKS);
  return {
    mediaType: POLICY_TYPE,
    logs: [{ origin, vkey }],
    witnesses: { quorum, vkeys: witnesses.map((witness) => witness.vkey) },
    providers: [
      ...[...providers].map(([venue, { did }]) => ({ did, streams: streamsOf(venue) })),
      {
        did: deriver,
        streams: [
          rateStream(BTC_USD.pair, '1m'),
          rateStream(BTC_USD.pair, '1h'),
          MINUTES_STREAM,
          ...FIGURES.map(({ figure }) => figureStream(figure.name)),
          PORTFOLIO_STREAM,
        ],
      },
      ...registered().map(({ stream, provider }) => ({ did: provider, streams: [stream] })),
    ],
    checkers: [checker],
    reviewers: [...identity.reviewers()],
    executors: [...identity.executors()],
    chains: chains.map((chain) => ({
      ...chain,
      trustedBlocks: trusted
        .filter(({ proof }) => proof.chainId === chain.chainId)
        .map(({ proof }) => proof.blockHash),
    })),
    require: STEPS.filter((step) => chains.length > 0 || step !== 'anchor'),
    accept: ['accept'],
    minLevel: 'L0',
  };
}

/** The state that gateway, console and start screen show. */
export function statusOf(identity: NodeIdentity, parts: RunningParts): NodeStatus {
  const { catalogue, ledger, source, version, startedAt, publishedAt } = parts;
  const totals = catalogue.totals();
  const published = ledger.published();
  return {
    node: {
      version,
      mode: source.mode,
      describe: source.describe,
      startedAt,
      clock: instantOf(source.clock.nowMs()),
    },
    log: {
      origin: identity.origin,
      vkey: identity.vkey,
      size: ledger.size,
      published: published && {
        size: published.size,
        root: bytesToHex(published.root),
        at: publishedAt() ?? startedAt,
      },
    },
    witnesses: witnessStatus(identity, ledger),
    anchors: parts.keepers.states().map(anchorStatus),
    sources: sourceStatus(source, catalogue),
    incidents: { flagged: totals.verdicts.flag, rejected: totals.verdicts.reject },
    records: {
      observations: totals.observations,
      derivations: totals.derivations,
      rows: totals.rows,
      verdicts: totals.observations + totals.derivations,
    },
  };
}

/** What was processed, decided and recorded, for the end of a run. */
export function summaryOf(
  identity: NodeIdentity,
  { catalogue, ledger, anchors, source }: RunningParts,
): Omit<RunSummary, 'seconds'> {
  const { rows, observations, verdicts, flags, derivations } = catalogue.totals();
  return {
    source: source.mode,
    rows,
    observations,
    verdicts,
    flags,
    derivations,
    log: { origin: identity.origin, size: ledger.size, vkey: identity.vkey },
    witnesses: identity.witnesses.map(({ name, vkey }) => ({ name, vkey })),
    anchors: anchors.list(identity.origin).map(({ proof, size }) => ({
      chainId: proof.chainId,
      contract: proof.contract,
      block: proof.blockNumber,
      size,
    })),
  };
}

function witnessStatus({ quorum, witnesses }: NodeIdentity, ledger: Ledger): NodeStatus['witnesses'] {
  const published = ledger.published();
  // After a restart nothing has been asked of anyone yet; the public checkpoint says who signed it.
  const signers = published ? parseNote(published.note).signatures.map(({ name }) => name) : [];
  return {
    quorum,
    of: witnesses.length,
    list: ledger.witnessStates().map(({ name, state, size, lastError }, i) => ({
      name,
      vkey: witnesses[i]!.vkey,
      size,
      state:
        state === 'unreachable' || state === 'refusing'
          ? 'down'
          : signers.includes(name)
            ? 'ok'
            : state === 'ok'
              ? 'behind'
              : 'unknown',
      ...(lastError === null ? {} : { lastError }),
    })),
  };
}

/** How the log fares on one chain. */
export function anchorStatus(state: KeeperState): NodeStatus['anchors'][number] {
  const { last, lastError, pendingSize, finalSize, account, balanceWei, nextAction, endpoints } = state;
  return {
    chainId: state.chainId,
    contract: state.contract,
    status: state.status,
    last: last && {
      size: last.size,
      transaction: last.transaction,
      anchoredAt: last.anchoredAt,
      blockNumber: last.proof.blockNumber,
      blockHash: last.proof.blockHash,
    },
    pendingSize,
    finalSize,
    account,
    balanceWei,
    nextAction,
    lastError,
    endpoints,
  };
}

function sourceStatus(source: MarketSource, catalogue: Catalogue): NodeStatus['sources'] {
  const kept = new Map(catalogue.streams().map((stream) => [stream.name, stream]));
  return source.states().map((state) => {
    const { venue, symbol } = STREAMS.find(({ name }) => name === state.stream)!;
    const before = kept.get(state.stream);
    const lastRowAt = state.lastRowAt ?? before?.lastTime ?? null;
    return { ...state, lastRowAt, venue, symbol, mode: source.mode, rows: before?.rows ?? 0 };
  });
}

/**
 * The log's policy for anybody's monitor or mirror (C2SP tlog-policy), with the log at the URL where it was asked
 * for. For a first try only: whom to believe is the verifier's own choice.
 */
export function logPolicyOf({ vkey, witnesses, quorum }: NodeIdentity, url: string): string {
  const members = witnesses.map((witness, i) => ({
    name: `witness-${i + 1}`,
    verifier: parseVkey(witness.vkey),
    url: witness.url,
  }));
  const names = members.map(({ name }) => name);
  return formatTlogPolicy({
    logs: [{ verifier: parseVkey(vkey), url }],
    witnesses: members,
    groups: [{ name: 'witnesses', threshold: quorum, members: names }],
    quorum: 'witnesses',
  });
}
