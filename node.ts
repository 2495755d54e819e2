/** The composition root: wires sources, checks, ledger, witnesses, chain and pipeline into a node. Read it and you know the system. */
import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { AnchorKeepers, AnchorStore, type DevelopmentChain, IntentStore, startAnvil } from '@assay/chain';
import { loadContracts, openRuleEngine } from '@assay/checks';
import { type Detector, estimateAccuracy } from '@assay/checks/review';
import { AssayError, bytesToHex, ed25519NoteSigner, ed25519Signer, parseTlogPolicy } from '@assay/core';
import type { NodeEvent, NodeView } from '@assay/gateway';
import {
  coseReceipt,
  createMonitor,
  directoryTileStore,
  type LogIndex,
  openLedger,
  openLogIndex,
  type SignedCheckpoint,
  sqliteCheckpointStore,
  sqliteMonitorStore,
  type TileSource,
  witnessClient,
  witnessView,
} from '@assay/ledger';
import {
  AlertBook,
  Assessor,
  Catalogue,
  CredibilityBook,
  type DataDir,
  dataDirLayout,
  describeItem,
  describeQueue,
  EvidenceStore,
  ExecutionDesk,
  enrolReviewer,
  exportBundle,
  PictureBook,
  Pipeline,
  ReviewDesk,
  readExecutors,
  readGoldFile,
  readReviewers,
  readStreams,
  remembered,
  reviewerSeed,
  roleSecret,
  streamRegistry,
  takeDataDir,
} from '@assay/pipeline';
import { createProvider, instantOf, openMarketSource, STREAMS, VENUES } from '@assay/sources';
import { privateKeyToAccount } from 'viem/accounts';
import { nodeDetectors } from './node-detectors.ts';
import { nodeSystem, prepareAnchors, startEconomy } from './node-economy.ts';
import { Backlog, healthOf, PublicationMeter } from './node-health.ts';
import { openMarket, startMarket } from './node-market.ts';
import {
  logPolicyOf,
  type NodeIdentity,
  type RunningParts,
  statusOf,
  summaryOf,
  trustPolicyOf,
} from './node-report.ts';
import type { StartOptions } from './options.ts';
import { type KeptWitness, keepWitness } from './witness-supervisor.ts';

const WITNESSES = 3;
const QUORUM = 2;
/** Reviewers that a new node makes for itself. */
const LOCAL_REVIEWERS = 3;
/** Pause between two looks at leases that ran out. */
const TICK_EVERY_MS = 15_000;
/** A witness that was down is asked again after at most this long. */
const WITNESS_BACKOFF_MS = 2_000;
/** Pause between two updates of the log's index: each that finds something new costs the log an entry. */
const INDEX_EVERY_MS = 10_000;
const MONITOR_EVERY_MS = 10_000;
const { version } = JSON.parse(readFileSync(new URL('./package.json', import.meta.url), 'utf8')) as {
  version: string;
};

/** What has to be undone, in the order in which it was done. */
type Closers = (() => unknown)[];

/** What may be put in place of the node's own. */
export interface NodeParts {
  /** Detectors by their names. */
  detectors?: ReadonlyMap<string, Detector>;
}

export type Node = Awaited<ReturnType<typeof startNode>>;

/**
 * Starts a node on a data folder. What was started is undone again when the start fails half way.
 *
 * @param stop Aborted by the node when its log can take no more.
 * @throws DATA_DIR_UNWRITABLE, DATA_DIR_IN_USE, LEDGER_CORRUPT, CHAIN_UNAVAILABLE, WITNESS_UNAVAILABLE and what
 *   {@link openMarketSource} throws.
 */
export async function startNode(options: StartOptions, stop: AbortController, parts: NodeParts = {}) {
  const closers: Closers = [];
  const close = async () => {
    for (const undo of closers.splice(0).reverse()) await undo();
  };
  try {
    return { ...(await wire(options, stop, closers, parts)), close };
  } catch (error) {
    await close();
    throw error;
  }
}

async function wire(options: StartOptions, stop: AbortController, closers: Closers, added: NodeParts) {
  const layout = dataDirLayout(options.dataDir);
  closers.push(takeDataDir(layout));
  const secret = (role: string) => roleSecret(layout.keys, role);
  const account = (role: string) => privateKeyToAccount(`0x${bytesToHex(secret(role))}`);
  const [logKey, checker, deriver] = await Promise.all(
    ['log', 'checker', 'deriver'].map((role) => ed25519Signer(secret(role))),
  );
  const origin = `assay.local/log/${bytesToHex(logKey!.publicKey).slice(0, 8)}`;
  const logSigner = ed25519NoteSigner(origin, logKey!);
  const catalogue = closing(closers, new Catalogue(layout.catalogue));
  const anchors = closing(closers, new AnchorStore(layout.anchors));
  const intents = closing(closers, new IntentStore(layout.anchors));

  // The slow starts side by side; each is waited for even when another fails, so that it can be undone.
  const starts = [
    startWitnesses(layout.witness, { origin, vkey: logSigner.vkey }, closers),
    options.chains === 'embedded' ? startChain(layout.chain, closers) : Promise.resolve(null),
    openSource(options, catalogue, closers, stop.signal),
    options.market ? openMarket(options.market, { secret, seed: options.seed }) : Promise.resolve(null),
  ] as const;
  await Promise.allSettled(starts);
  const [witnesses, chain, source, market] = await Promise.all(starts);

  const providers = new Map(
    await Promise.all(
      VENUES.map(async (venue) => {
        const signer = await ed25519Signer(secret(`provider-${venue}`));
        return [venue, createProvider({ signer, adapter: source.adapter, mode: source.mode })] as const;
      }),
    ),
  );

  const listeners = new Set<(event: NodeEvent) => void>();
  const emit = (event: NodeEvent) => {
    for (const listener of listeners) listener(event);
  };
  const now = () => instantOf(Date.now());
  const contracts = loadContracts();
  const system = nodeSystem({
    secret,
    // The chain's addresses follow from these: what is registered later must not move them.
    contracts: new Map(contracts),
    providers: new Map([...providers].map(([venue, { did }]) => [venue, did])),
  });
  const developmentChain = chain !== null;
  const chains = chain
    ? [{ chainId: chain.chainId, rpcUrls: [chain.rpcUrl] }]
    : options.chains === 'embedded'
      ? []
      : options.chains;
  const keepers = new AnchorKeepers(
    {
      origin,
      store: anchors,
      intents,
      nowMs: Date.now,
      onAlert: ({ chainId, code, message, next, recovered }) => {
        const text = `anchoring on chain ${chainId}: ${message}`;
        process.stderr.write(`assay: ${text} [${code}]${recovered ? '' : `; ${next}`}\n`);
        emit({ type: 'alert', time: now(), text });
      },
      onAnchored: ({ size, proof: { blockNumber, chainId } }) => {
        tolerant('the trust policy could not be written', writePolicy);
        emit({
          type: 'anchor',
          time: now(),
          size,
          text: `size ${size} anchored in block ${blockNumber} of chain ${chainId}`,
        });
      },
    },
    chains.map(({ chainId, rpcUrls }) => ({
      chainId,
      rpcUrls,
      contract: system.addresses.CheckpointAnchor,
      prepare: prepareAnchors({ chain: { chainId, rpcUrl: rpcUrls[0]! }, system, developmentChain, origin }),
      anchorer: account('anchorer'),
      everyMs: options.anchorEveryMs,
      ...(options.anchorEveryEntries === undefined ? {} : { everyEntries: options.anchorEveryEntries }),
      ...(options.maxFeePerGasWei === undefined ? {} : { maxFeePerGasWei: options.maxFeePerGasWei }),
      developmentChain,
    })),
  );
  await enrolLocalReviewers(layout, secret);
  const identity: NodeIdentity = {
    origin,
    vkey: logSigner.vkey,
    quorum: QUORUM,
    witnesses,
    providers,
    checker: checker!.did,
    deriver: deriver!.did,
    registered: () => [...(market?.streams ?? []), ...readStreams(layout.streams)],
    names: market?.names ?? new Map(),
    reviewers: () => readReviewers(layout.reviewers).map(({ did }) => did),
    executors: () => readExecutors(layout.executors).map(({ did }) => did),
    chains: keepers.states().map(({ chainId, contract }) => ({ chainId, contract })),
  };
  const writePolicy = () => {
    writeFileSync(
      `${layout.trustPolicy}.new`,
      `${JSON.stringify(trustPolicyOf(identity, anchors), null, 2)}\n`,
    );
    renameSync(`${layout.trustPolicy}.new`, layout.trustPolicy);
  };
  writePolicy();

  // Until it listens: what is recovered may already owe messages with links.
  let address = `http://127.0.0.1:${options.port}`;
  let publishedAt: string | null = null;
  const meter = new PublicationMeter();
  const unread = new Backlog();
  const unanchored = new Backlog();
  const onPublished = (checkpoint: SignedCheckpoint) => {
    for (const follower of [meter, unread, unanchored]) follower.published(checkpoint.size);
    publishedAt = now();
    // Without room for it the checkpoint is public all the same; bundles are built on a later one.
    tolerant('the checkpoint could not be kept', () => {
      publishedAt = catalogue.keepCheckpoint(checkpoint.size, checkpoint.note, publishedAt!);
    });
    keepers.submit(checkpoint);
    const { size } = checkpoint;
    emit({ type: 'checkpoint', time: publishedAt, size, text: `checkpoint at size ${size}, cosigned` });
  };
  const tiles = directoryTileStore(layout.log);
  const ledger = await openLedger({
    origin,
    signer: logSigner,
    tiles,
    checkpoints: closing(closers, sqliteCheckpointStore(layout.ledger, origin)),
    witnesses: witnesses.map(({ url, vkey }) =>
      witnessClient({ url, vkey, maxBackoffMs: WITNESS_BACKOFF_MS }),
    ),
    quorum: QUORUM,
    onCommitted: ({ size }) => meter.committed(size),
    onPublished,
    onStopped: (error) => {
      process.stderr.write(`assay: the log stopped: ${error.message} [${error.code}]\n`);
      stop.abort();
    },
  });
  closing(closers, keepers);
  closing(closers, ledger);
  const before = ledger.published();
  if (before) onPublished(before);

  const index = closing(
    closers,
    await openLogIndex({ folder: layout.index, ledger, tiles, signer: logKey! }),
  );
  closing(closers, keepUpdating(index));
  const monitor = closing(closers, watchOwnLog(layout.monitor, identity, tiles));

  for (const [stream, contract] of market?.contracts ?? []) contracts.set(stream, contract);
  const registered = streamRegistry(layout.streams, contracts, market?.streams);
  registered.streams();
  const engine = closing(closers, await openRuleEngine());
  // A contract that names a detector which is not here gets unknown for an answer.
  const detectors = added.detectors ?? (await nodeDetectors(new PictureBook(catalogue), options.detectors));
  const assessor = new Assessor({ contracts, engine, detectors });
  const reviews = new ReviewDesk({
    catalogue,
    checker: checker!,
    master: secret('review-draw'),
    reviewers: remembered(layout.reviewers, () => readReviewers(layout.reviewers)),
    gold: remembered(layout.gold, () => readGoldFile(layout.gold)),
    nowMs: Date.now,
    randomBytes: (length) => new Uint8Array(randomBytes(length)),
    estimate: estimateAccuracy,
  });
  const alerts = new AlertBook(catalogue);
  const executions = new ExecutionDesk({
    catalogue,
    alerts,
    executors: remembered(layout.executors, () => readExecutors(layout.executors)),
    nowMs: Date.now,
  });
  const evidence = new EvidenceStore(catalogue);
  const credibility = new CredibilityBook({ catalogue, nowMs: Date.now });
  const pipeline = new Pipeline({
    catalogue,
    ledger,
    source,
    assessor,
    providers,
    checker: checker!,
    deriver: deriver!,
    reviews,
    alerts,
    executions,
    registered,
  });
  pipeline.subscribe(emit);
  const trading =
    market &&
    options.market &&
    closing(
      closers,
      startMarket(market, options.market, {
        ...{ catalogue, pipeline, book: alerts },
        catalogueFile: layout.catalogue,
        webhookSecret: secret('webhooks'),
        baseUrl: () => address,
        onTrouble: (text) => {
          process.stderr.write(`assay: market: ${text}\n`);
          emit({ type: 'incident', time: now(), text: `market: ${text}` });
        },
      }),
    );
  // After the market: what it finds may be news to somebody who asked to be told.
  await pipeline.recover();
  closing(closers, keepTicking(pipeline));

  const economy =
    chain &&
    closing(
      closers,
      startEconomy({
        chain,
        system,
        catalogue,
        file: layout.contracts,
        verdictsFile: layout.verdictBatches,
      }),
    );
  const parts: RunningParts = {
    catalogue,
    anchors,
    ledger,
    keepers,
    source,
    version,
    startedAt: now(),
    publishedAt: () => publishedAt,
  };
  const consoleDirectory = fileURLToPath(new URL('./packages/console/dist', import.meta.url));
  const view: NodeView = {
    catalogue,
    status: () => statusOf(identity, parts),
    trustPolicy: () => trustPolicyOf(identity, anchors),
    bundle: (id) =>
      exportBundle(id, {
        catalogue,
        origin,
        quorum: QUORUM,
        inclusionPath: (index, size) => ledger.inclusionPath(index, size),
        anchorsCovering: (index) => anchors.covering(origin, index),
      }),
    async receipt(id) {
      const { index } = catalogue.get(id);
      const published = ledger.published();
      if (index === null || !published || published.size <= index) throw notPublicYet(id);
      const { size, root } = published;
      const path = await ledger.inclusionPath(index, size);
      return coseReceipt({ origin, leafIndex: index, size, path, root, signer: logKey! });
    },
    submit: (input) => pipeline.submit(input),
    exhibit: (digest) => evidence.exhibit(digest),
    file: (sha256) => evidence.file(sha256),
    reviews: {
      queue: (reviewer) => describeQueue(catalogue, reviews, reviewer),
      item: (name, reviewer) => describeItem(catalogue, reviews, name, reviewer),
      decide: (item, envelope) => pipeline.review(item, envelope),
      appeal: (record, envelope) => pipeline.appeal(record, envelope),
      reviewers: () => reviews.reviewers(),
      execution: (record, envelope) => pipeline.execution(record, envelope),
    },
    alerts: {
      list: (query) => alerts.list(query),
      counts: () => alerts.counts(),
      acknowledge: (id, by) => alerts.acknowledge(id, by, now()),
    },
    nowMs: Date.now,
    subscribe: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    tiles,
    health: () => healthOf(identity, parts, { meter, unread, unanchored, monitor: monitor.status() }),
    evidence: (name) => readIfThere(join(layout.monitor, 'evidence', name)),
    logPolicy: (url) => logPolicyOf(identity, url),
    lookup: (query) => index.lookup(query),
    economy,
    credibility: {
      providers: () => dataProviders(identity),
      now: (did, backing) => credibility.now(did, backing),
      history: (did, backing) => credibility.history(did, backing),
    },
    market: trading?.desk ?? null,
    alertRules: trading?.rules ?? null,
    consoleDirectory: existsSync(consoleDirectory) ? consoleDirectory : null,
  };
  return {
    version,
    view,
    pipeline,
    ledger,
    keepers,
    source,
    market: trading,
    /** Where people find this node's pages, for the links in what is sent to them. */
    reachedAt: (url: string) => {
      address = url;
    },
    summary: () => summaryOf(identity, parts),
    notice: chain?.notice ?? null,
  };
}

/** Whose data this node takes: the venues that it asks, and those who send under a registered stream. */
function dataProviders({ providers, registered, names }: NodeIdentity): {
  did: string;
  name: string | null;
}[] {
  const named = new Map<string, string | null>([...names]);
  for (const [name, { did }] of providers) named.set(did, name);
  for (const { provider } of registered()) if (!named.has(provider)) named.set(provider, null);
  return [...named].map(([did, name]) => ({ did, name }));
}

/** Three reviewers whose keys lie in the data folder, so that a first try has somebody to ask: clearly local ones. */
async function enrolLocalReviewers(layout: DataDir, secret: (role: string) => Uint8Array): Promise<void> {
  if (existsSync(layout.reviewers)) return;
  for (let i = 1; i <= LOCAL_REVIEWERS; i++) {
    const { did } = await ed25519Signer(reviewerSeed(secret(`reviewer-${i}`)));
    enrolReviewer(layout.reviewers, { did, name: `local reviewer-${i}` });
  }
}

/** Does what the pipeline has to do now and then, until it is closed. */
function keepTicking(pipeline: Pipeline): { close(): Promise<void> } {
  let ticking: Promise<unknown> = Promise.resolve();
  const timer = setInterval(() => {
    ticking = pipeline.tick().catch((error: Error) => {
      process.stderr.write(`assay: the review queue could not be looked after: ${error.message}\n`);
    });
  }, TICK_EVERY_MS);
  return {
    async close() {
      clearInterval(timer);
      await ticking;
    },
  };
}

/** The node's own monitor: finds what went wrong here; whoever does not trust the operator runs another. */
function watchOwnLog(folder: string, identity: NodeIdentity, source: TileSource) {
  const policy = parseTlogPolicy(logPolicyOf(identity, 'http://localhost'));
  const store = sqliteMonitorStore(folder, identity.origin);
  const monitor = createMonitor({
    policy,
    source,
    store,
    nowMs: Date.now,
    others: policy.witnesses.map(({ name, url }) =>
      witnessView({ name, url: url!, origin: identity.origin }),
    ),
    onIncident: ({ kind, message }) =>
      process.stderr.write(`assay: the monitor found an incident: ${kind}: ${message}\n`),
  });
  const stop = new AbortController();
  const running = monitor.run({ everyMs: MONITOR_EVERY_MS, signal: stop.signal }).catch((error: Error) => {
    process.stderr.write(`assay: the monitor stopped: ${error.message}\n`);
  });
  return {
    status: () => monitor.status(),
    async close() {
      stop.abort();
      await running;
      store.close();
    },
  };
}

/** Does what may fail without harm, as on a full disk, and says so. */
function tolerant(failure: string, work: () => void): void {
  try {
    work();
  } catch (error) {
    process.stderr.write(`assay: ${failure}: ${(error as Error).message}\n`);
  }
}

function notPublicYet(id: string): AssayError {
  return new AssayError('PROOF_PENDING', `${id} is recorded, but no public checkpoint covers it yet`, {
    next: 'try again in a few seconds',
  });
}

function readIfThere(file: string): string | null {
  return existsSync(file) ? readFileSync(file, 'utf8') : null;
}

/** Brings the index up to the log now and then, until it is closed. */
function keepUpdating(index: LogIndex): { close(): Promise<void> } {
  let updating: Promise<unknown> = Promise.resolve();
  const timer = setInterval(() => {
    updating = index.update().catch((error: Error) => {
      process.stderr.write(`assay: the log's index could not be updated: ${error.message}\n`);
    });
  }, INDEX_EVERY_MS);
  return {
    async close() {
      clearInterval(timer);
      await updating;
    },
  };
}

/** Notes that something is to be closed, and gives it back. */
function closing<T extends { close(): unknown }>(closers: Closers, resource: T): T {
  closers.push(() => resource.close());
  return resource;
}

async function startWitnesses(
  folder: (number: number) => string,
  log: { origin: string; vkey: string },
  closers: Closers,
): Promise<KeptWitness[]> {
  const starts = Array.from({ length: WITNESSES }, async (_, i) => {
    const name = `assay.local/witness/${i + 1}`;
    const witness = await keepWitness({ dataDir: folder(i + 1), name, logs: [log] });
    closers.push(() => witness.stop());
    return witness;
  });
  await Promise.allSettled(starts);
  return Promise.all(starts);
}

async function startChain(directory: string, closers: Closers): Promise<DevelopmentChain> {
  const onNotice = (notice: string) => process.stderr.write(`assay: ${notice}\n`);
  const chain = await startAnvil({ directory, onNotice });
  closers.push(() => chain.stop());
  return chain;
}

async function openSource(
  options: StartOptions,
  catalogue: Catalogue,
  closers: Closers,
  signal: AbortSignal,
) {
  const ends = STREAMS.flatMap(({ name }) => catalogue.head(name)?.to ?? []).map((to) => Date.parse(to));
  const source = await openMarketSource({
    choice: options.source,
    replayFolder: options.replay,
    speed: options.speed,
    seed: options.seed,
    simulatedHours: options.hours,
    signal,
    resumeFromMs: ends.length > 0 ? Math.max(...ends) : undefined,
  });
  return closing(closers, source);
}
