/**
 * The composition root: reads the command line, and wires sources, checks, ledger, witnesses, chain, gateway and
 * console into a node. Nothing else knows everything.
 */
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { fileURLToPath } from 'node:url';
import { AnchorKeeper, AnchorStore, type DevelopmentChain, startAnvil } from '@assay/chain';
import { loadContracts, openRuleEngine } from '@assay/checks';
import {
  AssayError,
  bytesToHex,
  ed25519NoteSigner,
  ed25519Signer,
  POLICY_TYPE,
  parseNote,
  STEPS,
  type TrustPolicy,
} from '@assay/core';
import { createGateway, type Gateway, type NodeEvent, type NodeStatus } from '@assay/gateway';
import {
  directoryTileStore,
  openLedger,
  type SignedCheckpoint,
  sqliteCheckpointStore,
  witnessClient,
} from '@assay/ledger';
import { BTC_USD } from '@assay/market';
import {
  Assessor,
  Catalogue,
  dataDirLayout,
  exportBundle,
  Pipeline,
  rateStream,
  roleSecret,
  takeDataDir,
} from '@assay/pipeline';
import { createProvider, instantOf, openMarketSource, STREAMS, VENUES } from '@assay/sources';
import { parseOptions, type StartOptions, USAGE } from './options.ts';
import { printProgress, printSummary, type RunSummary, startScreen } from './screen.ts';
import { keepWitness } from './witness-supervisor.ts';

const WITNESSES = 3;
const QUORUM = 2;
const PUBLISH_TIMEOUT_MS = 30_000;
/** Trust policies name at most so many blocks; older anchors are covered by newer ones. */
const MAX_TRUSTED_BLOCKS = 2_000;
const { version } = JSON.parse(readFileSync(new URL('./package.json', import.meta.url), 'utf8')) as {
  version: string;
};

try {
  const options = parseOptions(process.argv.slice(2));
  if (options === 'help') process.stdout.write(USAGE);
  else process.exitCode = await main(options);
} catch (error) {
  if (!(error instanceof AssayError)) throw error;
  process.stderr.write(
    `assay: ${error.message} [${error.code}]\n${error.next ? `  next: ${error.next}\n` : ''}`,
  );
  process.exitCode = error.code === 'ARGUMENT_INVALID' ? 2 : 1;
}
// Everything is closed by now; a forgotten timer must not keep a finished run alive.
process.exit();

async function main(options: StartOptions): Promise<number> {
  const stop = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.on(signal, () => {
      if (stop.signal.aborted) process.exit(130);
      process.stderr.write('\nassay: stopping; press Ctrl-C again to stop at once\n');
      stop.abort();
    });
  }
  if (!options.once) await checkPort(options.port);
  const node = await startNode(options, stop);
  try {
    return options.once ? await runOnce(node, options, stop) : await serve(node, options, stop);
  } finally {
    await node.close();
  }
}

/** Follows the source and serves the console until it is told to stop. */
async function serve(node: Node, options: StartOptions, stop: AbortController): Promise<number> {
  const gateway = await createGateway(node.view, { hosts: options.host });
  try {
    return await follow(node, await listen(gateway, options.port), options, stop);
  } finally {
    await gateway.close();
  }
}

async function follow(
  node: Node,
  address: string,
  options: StartOptions,
  stop: AbortController,
): Promise<number> {
  let firstWindow: () => void = () => undefined;
  const first = new Promise<void>((resolve) => {
    firstWindow = resolve;
  });
  const running = node.pipeline.run({ signal: stop.signal, onWindow: firstWindow });
  // The screen is worth more when it shows what the first window brought.
  await Promise.race([first, running, new Promise((resolve) => setTimeout(resolve, 4_000))]);
  process.stdout.write(
    startScreen({
      address,
      dataDir: options.dataDir,
      status: node.view.status(),
      version,
      notice: node.notice,
    }),
  );
  await running;
  if (!stop.signal.aborted)
    process.stdout.write('The recording has ended; the console stays up. Ctrl-C stops everything.\n');
  if (!stop.signal.aborted)
    await new Promise((resolve) => stop.signal.addEventListener('abort', resolve, { once: true }));
  return 0;
}

/** Processes the source to its end, waits for witnesses and anchor, and says what came of it. */
async function runOnce(node: Node, options: StartOptions, stop: AbortController): Promise<number> {
  const began = performance.now();
  const { clock, startMs } = node.source;
  const untilMs = clock.endMs ?? Math.floor(clock.nowMs() / 60_000) * 60_000;
  await node.pipeline.run({
    signal: stop.signal,
    untilMs,
    onWindow: (toMs) => printProgress((toMs - startMs) / (untilMs - startMs)),
  });
  const published = await Promise.race([
    node.ledger.whenPublished(node.ledger.size).then(() => true),
    new Promise<boolean>((resolve) => setTimeout(() => resolve(false), PUBLISH_TIMEOUT_MS).unref()),
  ]);
  const anchored = node.keeper === null || (published && (await node.keeper.flush(PUBLISH_TIMEOUT_MS)));
  node.writePolicy();
  const summary: RunSummary = {
    ...node.summary(),
    seconds: Math.round((performance.now() - began) / 100) / 10,
  };
  printSummary(summary, { json: options.json, published, anchored, interrupted: stop.signal.aborted });
  return stop.signal.aborted || !published ? 1 : 0;
}

type Node = Awaited<ReturnType<typeof startNode>>;

async function startNode(options: StartOptions, stop: AbortController) {
  const layout = dataDirLayout(options.dataDir);
  /** Undone in reverse, also when the start fails half way. */
  const closing: (() => unknown)[] = [takeDataDir(layout)];
  const close = async () => {
    for (const undo of closing.splice(0).reverse()) await undo();
  };
  try {
    const secret = (role: string) => roleSecret(layout.keys, role);
    const logKey = await ed25519Signer(secret('log'));
    const checker = await ed25519Signer(secret('checker'));
    const deriver = await ed25519Signer(secret('deriver'));
    const origin = `assay.local/log/${bytesToHex(logKey.publicKey).slice(0, 8)}`;
    const logSigner = ed25519NoteSigner(origin, logKey);

    const catalogue = new Catalogue(layout.catalogue);
    closing.push(() => catalogue.close());
    const anchors = new AnchorStore(layout.anchors);
    closing.push(() => anchors.close());

    // The slow starts side by side; each is waited for even when another fails, so that it can be undone.
    const starts = [
      startWitnesses(layout.witness, { origin, vkey: logSigner.vkey }, closing),
      options.chain === 'embedded' ? startChain(layout.chain, closing) : Promise.resolve(null),
      openSource(options, catalogue, closing, stop.signal),
    ] as const;
    await Promise.allSettled(starts);
    const [witnesses, chain, source] = await Promise.all(starts);
    const endpoint = chain ?? (typeof options.chain === 'object' ? options.chain : null);

    const listeners = new Set<(event: NodeEvent) => void>();
    const emit = (event: NodeEvent) => {
      for (const listener of listeners) listener(event);
    };
    const now = () => instantOf(Date.now());

    const keeper =
      endpoint &&
      new AnchorKeeper({
        ...{ rpcUrl: endpoint.rpcUrl, chainId: endpoint.chainId, origin, store: anchors, nowMs: Date.now },
        ...{ registrarSecret: secret('registrar'), anchorerSecret: secret('anchorer') },
        everyMs: options.anchorEveryMs,
        developmentChain: chain !== null,
        onAnchored: ({ size, proof }) => {
          writePolicy();
          emit({
            type: 'anchor',
            time: now(),
            size,
            text: `size ${size} anchored in block ${proof.blockNumber} of chain ${proof.chainId}`,
          });
        },
      });

    let publishedAt: string | null = null;
    const onPublished = (checkpoint: SignedCheckpoint) => {
      publishedAt = now();
      catalogue.keepCheckpoint(checkpoint.size, checkpoint.note, publishedAt);
      keeper?.submit(checkpoint);
      emit({
        type: 'checkpoint',
        time: publishedAt,
        size: checkpoint.size,
        text: `checkpoint at size ${checkpoint.size}, cosigned`,
      });
    };
    const checkpoints = sqliteCheckpointStore(layout.ledger, origin);
    closing.push(() => checkpoints.close());
    const ledger = await openLedger({
      ...{ origin, signer: logSigner, tiles: directoryTileStore(layout.log), checkpoints },
      witnesses: witnesses.map(({ url, vkey }) =>
        witnessClient({ url, vkey, nowMs: Date.now, maxBackoffMs: 2_000 }),
      ),
      ...{ quorum: QUORUM, nowMs: Date.now, onPublished },
      onStopped: (error) => {
        process.stderr.write(`assay: the log stopped: ${error.message} [${error.code}]\n`);
        stop.abort();
      },
    });
    if (keeper) closing.push(() => keeper.close());
    closing.push(() => ledger.close());
    const before = ledger.published();
    if (before) onPublished(before);

    const engine = await openRuleEngine();
    closing.push(() => engine.close());
    const providers = new Map(
      await Promise.all(
        VENUES.map(async (venue) => {
          const signer = await ed25519Signer(secret(`provider-${venue}`));
          return [venue, createProvider({ signer, adapter: source.adapter, mode: source.mode })] as const;
        }),
      ),
    );
    const pipeline = new Pipeline({
      ...{ catalogue, ledger, source, providers, checker, deriver },
      assessor: new Assessor({ contracts: loadContracts(), engine }),
    });
    pipeline.subscribe(emit);

    const trustPolicy = (): TrustPolicy => ({
      mediaType: POLICY_TYPE,
      logs: [{ origin, vkey: logSigner.vkey }],
      witnesses: { quorum: QUORUM, vkeys: witnesses.map(({ vkey }) => vkey) },
      providers: [
        ...VENUES.map((venue) => ({
          did: providers.get(venue)!.did,
          streams: STREAMS.filter((stream) => stream.venue === venue).map(({ name }) => name),
        })),
        { did: deriver.did, streams: [rateStream(BTC_USD.pair, '1m'), rateStream(BTC_USD.pair, '1h')] },
      ],
      checkers: [checker.did],
      chains: keeper
        ? [
            {
              chainId: endpoint!.chainId,
              contract: keeper.contract,
              trustedBlocks: anchors
                .list(origin)
                .slice(-MAX_TRUSTED_BLOCKS)
                .map(({ proof }) => proof.blockHash),
            },
          ]
        : [],
      require: STEPS.filter((step) => keeper !== null || step !== 'anchor'),
      accept: ['accept'],
      minLevel: 'L0',
    });
    const writePolicy = () => {
      writeFileSync(`${layout.trustPolicy}.new`, `${JSON.stringify(trustPolicy(), null, 2)}\n`);
      renameSync(`${layout.trustPolicy}.new`, layout.trustPolicy);
    };
    writePolicy();
    await pipeline.recover();

    const startedAt = now();
    const status = (): NodeStatus => {
      const totals = catalogue.totals();
      const published = ledger.published();
      const anchor = keeper?.state();
      const cosigners = published ? parseNote(published.note).signatures.map(({ name }) => name) : [];
      const streams = new Map(catalogue.streams().map((stream) => [stream.name, stream]));
      return {
        node: {
          version,
          mode: source.mode,
          describe: source.describe,
          startedAt,
          clock: instantOf(source.clock.nowMs()),
        },
        log: {
          ...{ origin, vkey: logSigner.vkey, size: ledger.size },
          published: published && {
            size: published.size,
            root: bytesToHex(published.root),
            at: publishedAt ?? startedAt,
          },
        },
        witnesses: {
          ...{ quorum: QUORUM, of: witnesses.length },
          list: ledger.witnessStates().map(({ name, state, size, lastError }, i) => ({
            ...{ name, vkey: witnesses[i]!.vkey, size },
            state:
              state === 'unreachable' || state === 'refusing'
                ? 'down'
                : cosigners.includes(name)
                  ? 'ok'
                  : state === 'ok'
                    ? 'behind'
                    : 'unknown',
            ...(lastError === null ? {} : { lastError }),
          })),
        },
        anchor: {
          status: anchor?.status ?? 'none',
          chainId: anchor?.chainId ?? null,
          contract: anchor?.contract ?? null,
          last: anchor?.last
            ? {
                ...{
                  size: anchor.last.size,
                  transaction: anchor.last.transaction,
                  anchoredAt: anchor.last.anchoredAt,
                },
                ...{ blockNumber: anchor.last.proof.blockNumber, blockHash: anchor.last.proof.blockHash },
              }
            : null,
          ...(anchor?.lastError === undefined ? {} : { lastError: anchor.lastError }),
        },
        sources: source.states().map((state) => {
          const { venue, symbol } = STREAMS.find(({ name }) => name === state.stream)!;
          const kept = streams.get(state.stream);
          const lastRowAt = state.lastRowAt ?? kept?.lastTime ?? null;
          return { ...state, lastRowAt, venue, symbol, mode: source.mode, rows: kept?.rows ?? 0 };
        }),
        incidents: { flagged: totals.verdicts.flag, rejected: totals.verdicts.reject },
        records: {
          ...{ observations: totals.observations, derivations: totals.derivations, rows: totals.rows },
          verdicts: totals.observations + totals.derivations,
        },
      };
    };

    const consoleDirectory = fileURLToPath(new URL('./packages/console/dist', import.meta.url));
    return {
      ...{ pipeline, ledger, keeper, source, close, writePolicy },
      notice: chain?.notice ?? null,
      view: {
        ...{ catalogue, status, trustPolicy },
        bundle: (id: string) =>
          exportBundle(id, {
            ...{ catalogue, origin, quorum: QUORUM },
            inclusionPath: (index, size) => ledger.inclusionPath(index, size),
            anchorCovering: (index) => anchors.covering(origin, index),
          }),
        submit: (input: { envelope: unknown; payload: Uint8Array }) => pipeline.submit(input),
        subscribe: (listener: (event: NodeEvent) => void) => {
          listeners.add(listener);
          return () => listeners.delete(listener);
        },
        logDirectory: layout.log,
        consoleDirectory: existsSync(consoleDirectory) ? consoleDirectory : null,
      },
      summary: (): Omit<RunSummary, 'seconds'> => {
        const { rows, observations, verdicts, flags, derivations } = catalogue.totals();
        return {
          ...{ source: source.mode, rows, observations, verdicts, flags, derivations },
          log: { origin, size: ledger.size, vkey: logSigner.vkey },
          witnesses: witnesses.map(({ name, vkey }) => ({ name, vkey })),
          anchors: anchors.list(origin).map(({ proof, size }) => ({
            ...{ chainId: proof.chainId, contract: proof.contract, block: proof.blockNumber, size },
          })),
        };
      },
    };
  } catch (error) {
    await close();
    throw error;
  }
}

async function startWitnesses(
  folder: (number: number) => string,
  log: { origin: string; vkey: string },
  closing: (() => unknown)[],
) {
  const started = await Promise.all(
    Array.from({ length: WITNESSES }, (_, i) =>
      keepWitness({ dataDir: folder(i + 1), name: `assay.local/witness/${i + 1}`, logs: [log] }),
    ),
  );
  for (const witness of started) closing.push(() => witness.stop());
  return started;
}

async function startChain(directory: string, closing: (() => unknown)[]): Promise<DevelopmentChain> {
  const chain = await startAnvil({
    directory,
    onNotice: (notice) => process.stderr.write(`assay: ${notice}\n`),
  });
  closing.push(() => chain.stop());
  return chain;
}

async function openSource(
  options: StartOptions,
  catalogue: Catalogue,
  closing: (() => unknown)[],
  signal: AbortSignal,
) {
  const ends = STREAMS.flatMap(({ name }) => catalogue.head(name)?.to ?? []).map((to) => Date.parse(to));
  const source = await openMarketSource({
    ...{
      choice: options.source,
      replayFolder: options.replay,
      speed: options.speed,
      seed: options.seed,
      simulatedHours: options.hours,
      signal,
    },
    resumeFromMs: ends.length > 0 ? Math.max(...ends) : undefined,
  });
  closing.push(() => source.close());
  return source;
}

/** Says that a port is taken before anything is started. */
async function checkPort(port: number): Promise<void> {
  if (port === 0) return;
  const probe = createServer();
  try {
    await new Promise<void>((resolve, reject) =>
      probe.once('error', reject).listen({ host: '127.0.0.1', port }, resolve),
    );
  } catch (cause) {
    throw portError(port, cause);
  }
  await new Promise((resolve) => probe.close(resolve));
}

async function listen(gateway: Gateway, port: number): Promise<string> {
  try {
    return await gateway.listen({ host: '127.0.0.1', port });
  } catch (cause) {
    throw portError(port, cause);
  }
}

function portError(port: number, cause: unknown): AssayError {
  const { code, message } = cause as NodeJS.ErrnoException;
  return new AssayError(
    'PORT_IN_USE',
    code === 'EADDRINUSE' ? `port ${port} is taken` : `cannot listen on port ${port}: ${message}`,
    {
      next: 'choose another with --port, or --port 0 for any free one',
      cause,
    },
  );
}
