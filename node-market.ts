/** The daily market of many assets: its feed and providers, the desk that computes figures, and who is told of what. */
import { createHmac } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { type DataContract, marketContract } from '@assay/checks';
import type { Signal } from '@assay/checks/review';
import { AssayError, type Ed25519Signer, ed25519Signer } from '@assay/core';
import type { AlertRuleView } from '@assay/gateway';
import {
  type AlertBook,
  AlertDelivery,
  AlertOutbox,
  BUILT_IN_RULES,
  type Catalogue,
  checkTarget,
  MarketAlerts,
  MarketDesk,
  type Pipeline,
  type RegisteredStream,
} from '@assay/pipeline';
import { type MarketFeed, openMarketFeed } from '@assay/sources';
import type { MarketOptions } from './options.ts';

/** The market before there is a pipeline: what it reads, who says it, and what it promises. */
export interface OpenMarket {
  feed: MarketFeed;
  signerOf: (venue: string) => Ed25519Signer;
  /** Streams with their providers, and the names of these. */
  streams: RegisteredStream[];
  names: ReadonlyMap<string, string>;
  contracts: ReadonlyMap<string, DataContract>;
}

/** Opens the feed that was asked for. @throws what {@link openMarketFeed} throws. */
export async function openMarket(
  options: MarketOptions,
  { secret, seed }: { secret: (role: string) => Uint8Array; seed: number | undefined },
): Promise<OpenMarket> {
  const feed = await openMarketFeed({
    choice: options.source,
    replayFolder: options.replay,
    historyDays: options.historyDays,
    nowMs: Date.now,
    ...(seed === undefined ? {} : { seed }),
  });
  const venues = [...new Set(feed.streams.map(({ venue }) => venue))];
  const signers = new Map(
    await Promise.all(
      venues.map(async (venue) => [venue, await ed25519Signer(secret(`provider-${venue}`))] as const),
    ),
  );
  return {
    feed,
    signerOf: (venue) => signers.get(venue)!,
    streams: feed.streams.map(({ name, venue }) => ({ stream: name, provider: signers.get(venue)!.did })),
    names: new Map([...signers].map(([venue, { did }]) => [did, venue])),
    contracts: new Map(feed.streams.map(({ name, kind }) => [name, marketContract(kind, name)])),
  };
}

/** The market at work. */
export interface RunningMarket {
  desk: MarketDesk;
  alerts: MarketAlerts;
  rules: AlertRuleView;
  /** Follows the feed until it is told to stop. */
  run(signal: AbortSignal): Promise<void>;
  close(): Promise<void>;
}

const DAY_MS = 86_400_000;

/** Puts a desk on the pipeline, and an outbox behind its alerts. */
export function startMarket(
  market: OpenMarket,
  options: MarketOptions,
  parts: {
    catalogue: Catalogue;
    catalogueFile: string;
    pipeline: Pipeline;
    book: AlertBook;
    /** Webhooks are signed with what comes of this secret and their address. */
    webhookSecret: Uint8Array;
    baseUrl: () => string;
    onTrouble: (text: string) => void;
  },
): RunningMarket {
  const { catalogue, pipeline, book, webhookSecret, baseUrl, onTrouble } = parts;
  const outbox = new AlertOutbox(catalogue, { baseUrl });
  const troubles = feedTroubles(market.feed, catalogue);
  /** What was so in the past is history, not news. */
  const isCurrent = (toMs: number) => toMs >= market.feed.range().toMs;
  const desk = new MarketDesk({
    catalogue,
    catalogueFile: parts.catalogueFile,
    pipeline,
    feed: market.feed,
    signerOf: market.signerOf,
    nowMs: Date.now,
    onTrouble(error) {
      onTrouble(`${error.message} [${error.code}]`);
      troubles.note(error);
      // While a venue does not answer there may be no figures.
      if (error.code === 'SOURCE_UNREACHABLE')
        noteTroubles(Date.now(), 'fail').catch((failure: Error) => onTrouble(failure.message));
    },
    onFigures: async (toMs) => {
      await noteTroubles(toMs);
      if (isCurrent(toMs)) await alerts.evaluate();
    },
  });
  const alerts = new MarketAlerts({
    ...{ catalogue, market: desk, pipeline, book, outbox, nowMs: Date.now },
    isNews({ stream, observation, lastAt }) {
      if (!isOfMarket(stream)) return true;
      const shown = observation === null ? null : catalogue.get(observation.split('.')[0]!);
      return isCurrent(Date.parse(shown?.to ?? lastAt));
    },
  });
  const noteTroubles = (toMs: number, only?: Signal['status']) =>
    pipeline.note(troubles.signals(toMs, only), (incidents) => {
      for (const incident of incidents) alerts.incident(incident);
    });
  const isOfMarket = (stream: string) =>
    stream.startsWith('assay.market.') || market.feed.streams.some(({ name }) => name === stream);
  /** Asks the rules again, once there is a present to ask about. */
  const evaluate = async () => {
    const { to } = desk.status();
    if (to !== null && isCurrent(Date.parse(to) + DAY_MS)) await alerts.evaluate();
  };
  const secretOf = (target: string) =>
    `whsec_${createHmac('sha256', webhookSecret).update(target).digest('base64')}`;
  const delivery = new AlertDelivery({
    outbox,
    secretOf,
    smtp: options.smtp,
    allowPrivate: options.privateWebhooks,
    nowMs: Date.now,
    onTrouble,
  });
  delivery.start();
  return {
    desk,
    alerts,
    rules: {
      rules: () => ({
        rules: alerts.rules(),
        builtIn: BUILT_IN_RULES.map(({ id }) => id),
        channels: ['console', 'webhook', ...(options.smtp ? (['email'] as const) : [])],
        messages: outbox.list(50),
      }),
      async put(input) {
        const { channel, target } = (input ?? {}) as { channel?: unknown; target?: unknown };
        if (channel === 'email' && !options.smtp) {
          throw new AssayError('ARGUMENT_INVALID', 'channel: this node has no mail server', {
            next: 'start it with --smtp and --mail-from, or choose webhook or console',
          });
        }
        if (channel === 'webhook' && typeof target === 'string' && URL.canParse(target))
          await checkTarget(target, options.privateWebhooks);
        const put = alerts.put(input);
        await evaluate();
        return { ...put, secret: put.rule.channel === 'webhook' ? secretOf(put.rule.target!) : null };
      },
      remove: (id) => alerts.remove(id),
    },
    async run(signal) {
      // A run that ended between its last figures and their alerts.
      await evaluate();
      await desk.run(signal);
    },
    async close() {
      await delivery.close();
      await desk.close();
      await market.feed.close();
    },
  };
}

/**
 * What a feed could not give, as signals for the alerts: one a stream, once for each part of the history. A row that is
 * none, and a venue that does not answer, would else be told to the screen alone.
 */
function feedTroubles({ streams, mode }: MarketFeed, catalogue: Catalogue) {
  let reasons = new Map<string, string>();
  return {
    note({ message }: AssayError) {
      const stream = streams.find(({ name, venue }) => message.includes(name) || message.includes(venue));
      if (stream) reasons.set(stream.name, message);
    },
    signals(toMs: number, only?: Signal['status']): Signal[] {
      const at = `${new Date(mode === 'live' ? Date.now() : toMs).toISOString().slice(0, 19)}Z`;
      const found = streams.map(({ name: stream }): Signal => {
        const reason = reasons.get(stream);
        const head = catalogue.head(stream);
        return {
          ...{ stream, check: 'feed', severity: 'warning', at },
          ...(reason === undefined
            ? { status: 'pass', reason: 'every row was read' }
            : { status: 'fail', reason }),
          ...(head === null ? {} : { observation: head.id }),
        };
      });
      reasons = new Map();
      return only === undefined ? found : found.filter(({ status }) => status === only);
    },
  };
}

/** Keys that `/v2` asks for, read again each time, so that one can be taken away. @throws ARGUMENT_INVALID */
export function apiKeysOf(file: string | undefined): (() => readonly string[]) | undefined {
  if (file === undefined) return undefined;
  const read = () =>
    readFileSync(file, 'utf8')
      .split('\n')
      .map((line) => line.trim())
      .filter((line) => line !== '' && !line.startsWith('#'));
  try {
    read();
  } catch (cause) {
    throw new AssayError('ARGUMENT_INVALID', `${file}: ${(cause as Error).message}`, {
      next: 'name a file with one key a line',
      cause,
    });
  }
  return read;
}
