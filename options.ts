import { parseArgs } from 'node:util';
import { AssayError, SOURCE_MODES, type SourceMode } from '@assay/core';

/** What `npm start` was asked for. */
export interface StartOptions {
  port: number;
  dataDir: string;
  source: SourceMode | undefined;
  replay: string | undefined;
  speed: number | 'max';
  once: boolean;
  json: boolean;
  anchorEveryMs: number;
  anchorEveryEntries: number | undefined;
  /** Most that a unit of gas may cost. */
  maxFeePerGasWei: bigint | undefined;
  /** The embedded development chain, or others; none when empty. Several endpoints of one chain control each other. */
  chains: 'embedded' | readonly { chainId: number; rpcUrls: readonly string[] }[];
  host: string[];
  /** Files or folders of the operator's own detectors. */
  detectors: string[];
  seed: number | undefined;
  hours: number | undefined;
  /** The daily market of many assets; null when none is followed. */
  market: MarketOptions | null;
}

/** What the market is made of, and whom it answers and alerts. */
export interface MarketOptions {
  source: SourceMode | undefined;
  replay: string | undefined;
  historyDays: number | undefined;
  /** News feeds to read, live only. */
  feeds: string[];
  /** Mail server for alerts. */
  smtp: { url: string; from: string } | null;
  privateWebhooks: boolean;
  /** File of keys for `/v2`, one a line. */
  apiKeys: string | undefined;
  /** OpenAI-compatible endpoint that may phrase answers; it never gives a number. */
  phrasing: { url: string; model: string; apiKey: string | null } | null;
}

export const USAGE = `assay: a node that checks, records and anchors data

usage: npm start -- [options]

  --source live|replay|simulated  where data comes from (default: live if reachable, else replay, else simulated)
  --replay <folder>               recording to replay, Parquet files
  --speed <n>|max                 how much faster than life a recording runs (default 60; with --once: max)
  --once                          process the source to its end, print a summary and exit
  --json                          with --once: the summary as one JSON object on the last line
  --port <n>                      port of console and gateway (default 4600; 0 for any free one)
  --host <name>                   another host name to answer to; may be repeated
  --data-dir <folder>             where everything is kept (default assay-data)
  --anchor-every <time>           least time between two anchors, such as 30s or 5m (default 30s)
  --anchor-entries <n>            … or sooner, when the log grew by so many entries
  --rpc <url> --chain-id <n>      anchor on another EVM chain instead of the embedded development chain; a second
                                  pair names a second chain; <url>,<url> are endpoints that must agree
  --max-fee <gwei>                most that a unit of gas may cost (default 200)
  --no-chain                      do not anchor
  --detectors <file or folder>    detectors of your own, which contracts may ask for; may be repeated
  --seed <n> --hours <n>          of the simulated market
  --market live|replay|simulated|none
                                  daily figures of many assets: grades, signals, indices … (default: live if reachable,
                                  else the recording if there is one, else simulated; with --once: none)
  --market-replay <folder>        recording of daily bars and market capitalisations, Parquet files
  --market-days <n>               history to read in (default 730)
  --feed <url>                    RSS, Atom or JSON feed of news, for a live market; may be repeated
  --smtp <url> --mail-from <addr> mail server for alerts (or ASSAY_SMTP in the environment)
  --private-webhooks              alerts may go to addresses of your own network
  --api-keys <file>               keys that /v2 asks for in x-api-key, one a line (default: any key, on loopback)
  --phrase <url> --phrase-model <name>
                                  OpenAI-compatible endpoint that phrases answers of /v2/tmai; key in ASSAY_PHRASE_KEY
  --help
`;

const DEFAULT_PORT = 4600;
const DEFAULT_SPEED = 60;

/**
 * Reads the command line.
 *
 * @throws ARGUMENT_INVALID saying which option, what was expected and what came.
 */
export function parseOptions(args: string[]): StartOptions | 'help' {
  const values = parse(args);
  if (values.help) return 'help';
  const once = values.once ?? false;
  if (values.json && !once) throw invalid('--json goes with --once', 'add --once');
  return {
    port: values.port === undefined ? DEFAULT_PORT : integer('--port', values.port, 0, 65_535),
    dataDir: values['data-dir'] ?? 'assay-data',
    source: values.source === undefined ? undefined : sourceOf(values.source),
    replay: values.replay,
    speed: speedOf(values.speed ?? (once ? 'max' : String(DEFAULT_SPEED))),
    once,
    json: values.json ?? false,
    anchorEveryMs: durationOf(values['anchor-every'] ?? '30s'),
    anchorEveryEntries:
      values['anchor-entries'] === undefined
        ? undefined
        : integer('--anchor-entries', values['anchor-entries'], 1, Number.MAX_SAFE_INTEGER),
    maxFeePerGasWei: values['max-fee'] === undefined ? undefined : feeOf(values['max-fee']),
    chains: values['no-chain'] ? [] : chainsOf(values.rpc, values['chain-id']),
    host: values.host ?? [],
    detectors: values.detectors ?? [],
    seed: values.seed === undefined ? undefined : integer('--seed', values.seed, 0, 2 ** 32 - 1),
    hours: values.hours === undefined ? undefined : integer('--hours', values.hours, 1, 24 * 366),
    market: marketOf(values, once),
  };
}

function parse(args: string[]) {
  try {
    return parseArgs({
      args,
      strict: true,
      options: {
        port: { type: 'string' },
        host: { type: 'string', multiple: true },
        detectors: { type: 'string', multiple: true },
        'data-dir': { type: 'string' },
        source: { type: 'string' },
        replay: { type: 'string' },
        speed: { type: 'string' },
        once: { type: 'boolean' },
        json: { type: 'boolean' },
        'anchor-every': { type: 'string' },
        'anchor-entries': { type: 'string' },
        rpc: { type: 'string', multiple: true },
        'chain-id': { type: 'string', multiple: true },
        'max-fee': { type: 'string' },
        'no-chain': { type: 'boolean' },
        seed: { type: 'string' },
        hours: { type: 'string' },
        market: { type: 'string' },
        'market-replay': { type: 'string' },
        'market-days': { type: 'string' },
        feed: { type: 'string', multiple: true },
        smtp: { type: 'string' },
        'mail-from': { type: 'string' },
        'private-webhooks': { type: 'boolean' },
        'api-keys': { type: 'string' },
        phrase: { type: 'string' },
        'phrase-model': { type: 'string' },
        help: { type: 'boolean', short: 'h' },
      },
    }).values;
  } catch (cause) {
    throw invalid((cause as Error).message, 'npm start -- --help lists the options');
  }
}

/** A run that processes the source once follows the market only when asked to. */
function marketOf(values: ReturnType<typeof parse>, once: boolean): MarketOptions | null {
  const { market, phrase } = values;
  if (market === 'none' || (once && market === undefined)) return null;
  if (market !== undefined && !SOURCE_MODES.includes(market as SourceMode)) {
    throw invalid(
      `expected --market ${SOURCE_MODES.join(', ')} or none, got ${JSON.stringify(market)}`,
      'choose one of them',
    );
  }
  const smtp = values.smtp ?? process.env.ASSAY_SMTP;
  const from = values['mail-from'];
  if ((smtp === undefined) !== (from === undefined))
    throw invalid('--smtp (or ASSAY_SMTP) and --mail-from go together', 'give both, or neither');
  if (smtp !== undefined && !/^smtps?:$/.test(URL.parse(smtp)?.protocol ?? ''))
    throw invalid('expected --smtp to be an address like smtp://user:password@host:587', 'correct it');
  if (phrase !== undefined && !/^https?:$/.test(URL.parse(phrase)?.protocol ?? ''))
    throw invalid('expected --phrase to be an http address', 'for example http://localhost:11434/v1');
  const days = values['market-days'];
  return {
    source: market as SourceMode | undefined,
    replay: values['market-replay'],
    historyDays: days === undefined ? undefined : integer('--market-days', days, 60, 2_000),
    feeds: values.feed ?? [],
    smtp: smtp !== undefined && from !== undefined ? { url: smtp, from } : null,
    privateWebhooks: values['private-webhooks'] ?? false,
    apiKeys: values['api-keys'],
    phrasing:
      phrase === undefined
        ? null
        : {
            url: phrase,
            model: values['phrase-model'] ?? 'default',
            apiKey: process.env.ASSAY_PHRASE_KEY ?? null,
          },
  };
}

function sourceOf(text: string): SourceMode {
  if (SOURCE_MODES.includes(text as SourceMode)) return text as SourceMode;
  throw invalid(
    `expected --source ${SOURCE_MODES.join(', ')}, got ${JSON.stringify(text)}`,
    'choose one of them',
  );
}

function speedOf(text: string): number | 'max' {
  if (text === 'max') return 'max';
  const speed = Number(text);
  if (Number.isFinite(speed) && speed > 0) return speed;
  throw invalid(
    `expected --speed to be a positive number or max, got ${JSON.stringify(text)}`,
    'for example --speed 60',
  );
}

/** The first --rpc goes with the first --chain-id, the second with the second. */
function chainsOf(rpc: string[] = [], chainIds: string[] = []): StartOptions['chains'] {
  if (rpc.length !== chainIds.length) {
    throw invalid(
      `--rpc needs --chain-id: ${rpc.length} of the one came and ${chainIds.length} of the other`,
      'say of each endpoint which chain it serves, for example --rpc https://rpc.example --chain-id 1',
    );
  }
  if (rpc.length === 0) return 'embedded';
  const chains = rpc.map((urls, i) => ({
    chainId: integer('--chain-id', chainIds[i]!, 1, Number.MAX_SAFE_INTEGER),
    rpcUrls: urls.split(','),
  }));
  for (const { chainId, rpcUrls } of chains) {
    if (chains.filter((other) => other.chainId === chainId).length > 1)
      throw invalid(`chain ${chainId} is named twice`, 'separate the endpoints of one chain by commas');
    for (const url of rpcUrls) {
      if (/^https?:$/.test(URL.parse(url)?.protocol ?? '')) continue;
      throw invalid(
        `expected --rpc to be an http or https URL, got ${JSON.stringify(url)}`,
        'for example --rpc https://rpc.example:8545',
      );
    }
  }
  return chains;
}

/** Gwei, with up to nine decimals. */
function feeOf(text: string): bigint {
  const match = /^(\d{1,9})(?:\.(\d{1,9}))?$/.exec(text);
  if (!match || Number(text) === 0)
    throw invalid(`expected --max-fee to be gwei, got ${JSON.stringify(text)}`, 'for example --max-fee 50');
  return BigInt(match[1]!) * 10n ** 9n + BigInt((match[2] ?? '').padEnd(9, '0'));
}

function durationOf(text: string): number {
  const match = /^(\d{1,6})(ms|s|m|h)$/.exec(text);
  if (!match)
    throw invalid(
      `expected --anchor-every to be a time like 30s, 5m or 1h, got ${JSON.stringify(text)}`,
      'for example --anchor-every 30s',
    );
  return Number(match[1]) * { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 }[match[2] as 'ms' | 's' | 'm' | 'h'];
}

function integer(name: string, text: string, least: number, most: number): number {
  const value = Number(text);
  if (/^\d+$/.test(text) && value >= least && value <= most) return value;
  throw invalid(
    `expected ${name} to be a whole number from ${least} to ${most}, got ${JSON.stringify(text)}`,
    `for example ${name} ${least}`,
  );
}

function invalid(message: string, next: string): AssayError {
  return new AssayError('ARGUMENT_INVALID', message, { next });
}
