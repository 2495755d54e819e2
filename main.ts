/**
 * `npm start`: reads the command line, starts a node, and either serves until it is told to stop or processes the
 * source once. What a node is made of is in node.ts.
 */
import { createServer } from 'node:net';
import { AssayError } from '@assay/core';
import { createGateway, type Gateway } from '@assay/gateway';
import { type Node, startNode } from './node.ts';
import { tokenMetricsOptions } from './node-reports.ts';
import { parseOptions, type StartOptions, USAGE } from './options.ts';
import { printProgress, printSummary, type RunSummary, startScreen } from './screen.ts';

const PUBLISH_TIMEOUT_MS = 30_000;
/** The start screen waits at most so long for the first window. */
const SCREEN_AFTER_MS = 4_000;

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
  const { market } = node.view;
  const gateway = await createGateway(node.view, {
    hosts: options.host,
    ...(market && options.market ? { tokenMetrics: tokenMetricsOptions(market, options.market) } : {}),
  });
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
  node.reachedAt(address);
  const running = node.pipeline.run({ signal: stop.signal, onWindow: firstWindow });
  const trading = node.market?.run(stop.signal);
  // The screen is worth more when it shows what the first window brought, and who cosigned it.
  const shown = Promise.race([first, running]).then(() => node.ledger.whenPublished(node.ledger.size));
  await Promise.race([shown, running, new Promise((resolve) => setTimeout(resolve, SCREEN_AFTER_MS))]);
  process.stdout.write(
    startScreen({
      address,
      dataDir: options.dataDir,
      status: node.view.status(),
      version: node.version,
      notice: node.notice,
      market: node.view.market?.status() ?? null,
    }),
  );
  await Promise.all([running, trading]);
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
  await node.market?.run(stop.signal);
  const published = await Promise.race([
    node.ledger.whenPublished(node.ledger.size).then(() => true),
    new Promise<boolean>((resolve) => setTimeout(() => resolve(false), PUBLISH_TIMEOUT_MS).unref()),
  ]);
  const anchored = published && (await node.keepers.flush(PUBLISH_TIMEOUT_MS));
  const summary: RunSummary = {
    ...node.summary(),
    seconds: Math.round((performance.now() - began) / 100) / 10,
  };
  printSummary(summary, { json: options.json, published, anchored, interrupted: stop.signal.aborted });
  return stop.signal.aborted || !published ? 1 : 0;
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
