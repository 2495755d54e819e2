/** The daily market of many assets: its feed and providers, the desk that computes figures, and who is told of what. */
import { createHmac } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { type DataContract, marketContract } from '@assay/checks';
import { AssayError, type Ed25519Signer, ed25519Signer } from '@assay/core';
import type { AlertRuleView } from '@assay/gateway';
import {
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

/** Puts a desk on the pipeline, and an outbox behind its alerts. */
export function startMarket(
  market: OpenMarket,
  options: MarketOptions,
  parts: {
    catalogue: Catalogue;
    catalogueFile: string;
    pipeline: Pipeline;
    /** Webhooks are signed with what comes of this secret and their address. */
    webhookSecret: Uint8Array;
    baseUrl: () => string;
    onTrouble: (text: string) => void;
  },
): RunningMarket {
  const { catalogue, pipeline, webhookSecret, baseUrl, onTrouble } = parts;
  const outbox = new AlertOutbox(catalogue, { baseUrl });
  const desk = new MarketDesk({
    catalogue,
    catalogueFile: parts.catalogueFile,
    pipeline,
    feed: market.feed,
    signerOf: market.signerOf,
    nowMs: Date.now,
    onTrouble: (error) => onTrouble(`${error.message} [${error.code}]`),
    onFigures: async (toMs) => {
      // What was so in the past is history, not news.
      if (toMs >= market.feed.range().toMs) await alerts.evaluate();
    },
  });
  const alerts = new MarketAlerts({ catalogue, market: desk, pipeline, outbox, nowMs: Date.now });
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
        return { ...put, secret: put.rule.channel === 'webhook' ? secretOf(put.rule.target!) : null };
      },
      remove: (id) => alerts.remove(id),
    },
    run: (signal) => desk.run(signal),
    async close() {
      await delivery.close();
      await desk.close();
      await market.feed.close();
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
