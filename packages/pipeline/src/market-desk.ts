import { setTimeout as sleep } from 'node:timers/promises';
import {
  AssayError,
  canonicalBytes,
  decodePayload,
  digestHex,
  type Ed25519Signer,
  type ErrorCode,
  type Row,
} from '@assay/core';
import { FIGURES, type FigureName, type FigureRows } from '@assay/market';
import { parsePortfolioRequest } from '@assay/market/portfolio';
import {
  type MarketFeed,
  type MarketRecord,
  type MarketStream,
  recordProvider,
  splitAtMonths,
} from '@assay/sources';
import type { Catalogue, CatalogueEntry } from './catalogue.ts';
import { instantOf, type ReadInput } from './derive.ts';
import { figureStream } from './derive-figures.ts';
import { PORTFOLIO_STREAM } from './derive-portfolio.ts';
import { FigureWorkshop } from './figure-workshop.ts';
import type { MarketPortfolio, MarketQuery, MarketRow, MarketStatus, MarketView } from './market-view.ts';
import type { Pipeline } from './pipeline.ts';
import { proverOf } from './row-proof.ts';

const DAY_MS = 86_400_000;
/** Days of history before the first figure; less where the feed itself is shorter than twice that. */
const WARM_UP_DAYS = 365;
/** A live market is asked for its last day so long after it closed. */
const SETTLE_MS = 10 * 60_000;
const RETRY_MS = 60_000;
const HOUR_MS = 3_600_000;
const PORTFOLIOS_PER_HOUR = 120;
const MAX_PORTFOLIOS = 200;
/** Malformed rows of one fetch that are told one by one. */
const MOST_TOLD = 10;
const FIGURE_LIMIT_MS = 10 * 60_000;
const PORTFOLIO_LIMIT_MS = 30_000;
const MAX_ROWS = 100_000;
/** Rows that are kept decoded, of the statements that were read last. */
const MAX_DECODED_ROWS = 600_000;
/** Failures that the log and the console live through: they are told, and tried again. */
const PASSING: readonly ErrorCode[] = [
  'STORAGE_FULL',
  'STORAGE_FAILED',
  'LEDGER_BUSY',
  'SOURCE_UNREACHABLE',
  'DERIVATION_FAILED',
];

export interface MarketDeskOptions {
  catalogue: Catalogue;
  /** The catalogue's file, which the threads that compute read. */
  catalogueFile: string;
  pipeline: Pick<Pipeline, 'observe' | 'derive'>;
  feed: MarketFeed;
  /** Signs what a venue, or another source, says. */
  signerOf: (venue: string) => Ed25519Signer;
  nowMs: () => number;
  /** Told after each part of the history whose figures are recorded. */
  onFigures?: (toMs: number) => void | Promise<void>;
  onTrouble: (error: AssayError) => void;
}

/**
 * The market, month by month and then day by day: fetch → sign → admit → check → log, then every figure in its order →
 * sign → log. What is recorded is where it goes on: a crash between two steps costs that step.
 */
export class MarketDesk implements MarketView {
  readonly #o: MarketDeskOptions;
  /** Decoded rows by statement and verdict, the least recently used first. */
  readonly #decoded = new Map<string, ReadInput>();
  #decodedRows = 0;
  #busy = true;
  #status: { size: number; busy: boolean; status: MarketStatus } | null = null;
  /** Portfolios take turns: their stream has one end. */
  #portfolios: Promise<unknown> = Promise.resolve();
  readonly #madePortfolios = new Map<string, MarketPortfolio>();
  readonly #madeAtMs: number[] = [];

  readonly #figures: FigureWorkshop;
  /** Apart from the figures: people wait for these. */
  readonly #portfolioWork: FigureWorkshop;

  constructor(options: MarketDeskOptions) {
    this.#o = options;
    const { catalogueFile } = options;
    this.#figures = new FigureWorkshop({ catalogueFile, limitMs: FIGURE_LIMIT_MS });
    this.#portfolioWork = new FigureWorkshop({ catalogueFile, limitMs: PORTFOLIO_LIMIT_MS });
  }

  async close(): Promise<void> {
    await Promise.all([this.#figures.close(), this.#portfolioWork.close()]);
  }

  /** Follows the feed until the signal aborts, or to its end where it has one. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const { fromMs, toMs } = this.#o.feed.range();
      try {
        await this.#catchUp(this.#historyFromMs(fromMs), toMs, signal);
      } catch (error) {
        if (signal.aborted) return;
        if (!(error instanceof AssayError && PASSING.includes(error.code))) throw error;
        this.#o.onTrouble(error);
        await pause(RETRY_MS, signal);
        continue;
      }
      this.#busy = false;
      if (this.#o.feed.mode !== 'live') return;
      const nextMs = toMs + DAY_MS + SETTLE_MS;
      while (!signal.aborted && this.#o.nowMs() < nextMs)
        await pause(Math.min(nextMs - this.#o.nowMs(), RETRY_MS), signal);
    }
  }

  status(): MarketStatus {
    // Asked for several times in a request; it changes only when something is recorded.
    const size = this.#o.catalogue.acknowledgedSize();
    if (this.#status?.size !== size || this.#status.busy !== this.#busy)
      this.#status = { size, busy: this.#busy, status: this.#describe() };
    return this.#status.status;
  }

  #describe(): MarketStatus {
    const { catalogue, feed } = this.#o;
    const rows = new Map(catalogue.streams().map((stream) => [stream.name, stream]));
    const { from, to } = this.#extent();
    const latest = catalogue.head(figureStream('assets'));
    return {
      mode: feed.mode,
      describe: feed.describe,
      from,
      to,
      assets: latest ? this.#lastDay(this.#read(catalogue.get(latest.id))).length : 0,
      busy: this.#busy,
      progress: this.#progress(),
      figures: FIGURES.map(({ figure: { name, version } }) => ({
        figure: name,
        stream: figureStream(name),
        version,
        rows: rows.get(figureStream(name))?.rows ?? 0,
        to: rows.get(figureStream(name))?.lastTime ?? null,
      })),
      observed: feed.streams.map(({ name }) => ({
        stream: name,
        rows: rows.get(name)?.rows ?? 0,
        to: rows.get(name)?.lastTime ?? null,
      })),
    };
  }

  rows<Name extends FigureName>(figure: Name, query: MarketQuery = {}): MarketRow<Name>[] {
    const { catalogue } = this.#o;
    const stream = figureStream(figure);
    const keys = query.keys && new Set(query.keys);
    const head = catalogue.head(stream);
    if (!head) return [];
    const latest = query.from === undefined && query.to === undefined;
    const entries = latest
      ? [catalogue.get(head.id)]
      : catalogue.overlapping(stream, query.from ?? '', query.to ?? '9999');
    const found: MarketRow<Name>[] = [];
    for (const entry of entries) {
      const { rows } = this.#read(entry);
      const lastDay = latest ? (rows.at(-1) as { time: string }).time : null;
      const proofOf = this.#prover(entry);
      for (const [i, row] of rows.entries()) {
        const { time } = row as { time: string };
        if (lastDay !== null ? time !== lastDay : !within(time, query)) continue;
        if (keys && !keys.has(keyOf(row))) continue;
        if (found.length === MAX_ROWS) {
          throw new AssayError(
            'ARGUMENT_INVALID',
            `expected a period of at most ${MAX_ROWS} rows of ${figure}, got more`,
            { next: 'ask for fewer days, or for some assets by keys' },
          );
        }
        found.push({ ...(row as FigureRows[Name]), proof: proofOf(i) });
      }
    }
    return found;
  }

  /**
   * Optimises a portfolio as of the last day, and records it: the same request about the same day is recorded once.
   *
   * @throws ARGUMENT_INVALID for a request that is none or cannot be met, NOT_FOUND before there are figures, LEDGER_BUSY
   *   for more new portfolios in an hour than the log should hold.
   */
  async portfolio(request: unknown): Promise<MarketPortfolio> {
    const { catalogue, feed, pipeline } = this.#o;
    const { to } = this.#extent();
    if (to === null) {
      throw new AssayError('NOT_FOUND', 'there are no figures yet', {
        next: 'wait until history is read in: /v1/market/status',
      });
    }
    const turn = this.#portfolios.then(async () => {
      const key = digestHex(canonicalBytes({ request: parsePortfolioRequest(request), to }));
      const known = this.#madePortfolios.get(key);
      if (known) return known;
      this.#allowPortfolio();
      const toMs = Date.parse(to) + DAY_MS;
      const head = catalogue.head(PORTFOLIO_STREAM);
      const work = await this.#portfolioWork.make({
        kind: 'portfolio',
        request,
        streams: feed.streams.map(({ name }) => name),
        place: {
          ...{ mode: feed.mode, fromMs: Date.parse(to), toMs, derivedAt: this.#clock(toMs) },
          ...{ sequence: (head?.sequence ?? 0) + 1, previous: head?.id ?? null },
        },
      });
      const { prepared, result } = work!;
      const [id] = await pipeline.derive([prepared]);
      const made = { result, proof: this.#prover(catalogue.get(id!))(0) };
      this.#madePortfolios.set(key, made);
      this.#madeAtMs.push(this.#o.nowMs());
      for (const oldest of this.#madePortfolios.keys()) {
        if (this.#madePortfolios.size <= MAX_PORTFOLIOS) break;
        this.#madePortfolios.delete(oldest);
      }
      return made;
    });
    this.#portfolios = turn.catch(() => undefined);
    return turn;
  }

  #allowPortfolio(): void {
    const since = this.#o.nowMs() - HOUR_MS;
    while (this.#madeAtMs.length > 0 && this.#madeAtMs[0]! <= since) this.#madeAtMs.shift();
    if (this.#madeAtMs.length < PORTFOLIOS_PER_HOUR) return;
    throw new AssayError(
      'LEDGER_BUSY',
      `expected at most ${PORTFOLIOS_PER_HOUR} new portfolios an hour: each is recorded for good`,
      { next: 'ask again later; a portfolio that was made before can always be asked for' },
    );
  }

  /** Reads in whole months, and computes what each completes. */
  async #catchUp(historyFromMs: number, toMs: number, signal: AbortSignal): Promise<void> {
    const warmDays = Math.min(WARM_UP_DAYS, Math.floor((toMs - historyFromMs) / DAY_MS / 2));
    const firstFigureMs = historyFromMs + warmDays * DAY_MS;
    for (let fromMs = this.#resumeMs(historyFromMs); fromMs < toMs && !signal.aborted; ) {
      const untilMs = Math.min(nextMonth(fromMs), toMs);
      await this.#observe(historyFromMs, untilMs, signal);
      if (signal.aborted) return;
      if (untilMs > firstFigureMs) {
        await this.#derive(historyFromMs, Math.max(firstFigureMs, fromMs), untilMs, signal);
        await this.#o.onFigures?.(untilMs);
      }
      fromMs = untilMs;
    }
  }

  /** Takes what every stream has up to a time. A stream that does not answer comes later. */
  async #observe(historyFromMs: number, toMs: number, signal: AbortSignal): Promise<void> {
    const { catalogue, feed, pipeline, onTrouble } = this.#o;
    let prices = 0;
    let silent: AssayError | null = null;
    for (const stream of feed.streams) {
      const head = catalogue.head(stream.name);
      const fromMs = Math.max(head ? Date.parse(head.to) : historyFromMs, historyFromMs);
      if (fromMs < toMs) {
        try {
          const { rows, malformed } = await feed.fetch(stream.name, fromMs, toMs, signal);
          this.#tell(stream.name, malformed);
          await pipeline.observe(await this.#sign(stream, rows, fromMs, toMs));
        } catch (error) {
          // The disk and the log concern everybody; anything else is this source's own trouble.
          if (!(error instanceof AssayError) || /^(STORAGE|LEDGER)_/.test(error.code)) throw error;
          // The others go on without it; what it missed comes when it answers again.
          silent = error;
          onTrouble(error);
          continue;
        }
      }
      if (stream.kind === 'bars') prices += 1;
    }
    // Figures without any price would leave a hole that nothing fills.
    if (silent && prices === 0) {
      throw new AssayError('SOURCE_UNREACHABLE', `no prices can be read: ${silent.message}`, {
        next: 'check the network; it is tried again in a minute',
        cause: silent,
      });
    }
  }

  /** Rows as the batches that their provider signs. */
  async #sign(stream: MarketStream, rows: readonly MarketRecord[], fromMs: number, toMs: number) {
    const { catalogue, feed, signerOf } = this.#o;
    const provider = recordProvider({
      signer: signerOf(stream.venue),
      adapter: feed.adapter,
      mode: feed.mode,
    });
    const signed: { envelope: unknown; payload: Uint8Array }[] = [];
    let head = catalogue.head(stream.name);
    for (const batch of splitAtMonths(rows, fromMs, toMs)) {
      const { opened, payload } = await provider.observe({
        ...batch,
        stream,
        observedAt: this.#clock(Date.parse(batch.period.to)),
        sequence: (head?.sequence ?? 0) + 1,
        previous: head?.id ?? null,
      });
      head = { id: opened.id, sequence: (head?.sequence ?? 0) + 1, to: batch.period.to };
      signed.push({ envelope: opened.envelope, payload });
    }
    return signed;
  }

  /** Says what was left out; of very much, how much. */
  #tell(stream: string, malformed: readonly AssayError[]): void {
    for (const error of malformed.slice(0, MOST_TOLD)) this.#o.onTrouble(error);
    const more = malformed.length - MOST_TOLD;
    if (more <= 0) return;
    this.#o.onTrouble(
      new AssayError('ROW_MALFORMED', `${stream}: ${more} more rows were malformed and left out`, {
        next: 'see whether the source changed its format',
      }),
    );
  }

  /** Every figure of some days, in the order in which they read each other. */
  async #derive(historyFromMs: number, fromMs: number, toMs: number, signal: AbortSignal): Promise<void> {
    const { catalogue, feed, pipeline } = this.#o;
    const streams = feed.streams.map(({ name }) => name);
    for (const { figure } of FIGURES) {
      if (signal.aborted) return;
      const { name } = figure;
      const head = catalogue.head(figureStream(name));
      const beginMs = Math.max(head ? Date.parse(head.to) : fromMs, fromMs);
      if (beginMs >= toMs) continue;
      const place = {
        mode: feed.mode,
        historyFromMs,
        derivedAt: this.#clock(toMs),
        ...{ fromMs: beginMs, toMs },
        ...{ sequence: (head?.sequence ?? 0) + 1, previous: head?.id ?? null },
      };
      const made = await this.#figures.make({ kind: 'figure', figure: name, streams, place });
      if (made && !signal.aborted) await pipeline.derive([made.prepared]);
    }
  }

  /** Where reading goes on: at the last month of which some figure, or some stream, is not complete. */
  #resumeMs(historyFromMs: number): number {
    const { catalogue } = this.#o;
    const heads = FIGURES.map(({ figure }) => catalogue.head(figureStream(figure.name))?.to);
    const oldest = heads.every((to) => to !== undefined)
      ? heads.map((to) => Date.parse(to!))
      : [historyFromMs];
    return Math.max(historyFromMs, Math.min(...oldest));
  }

  /** The market's first day: of what is recorded already, else of the feed. */
  #historyFromMs(feedFromMs: number): number {
    const { catalogue, feed } = this.#o;
    const [first] = feed.streams
      .filter(({ kind }) => kind === 'bars')
      .flatMap(({ name }) => catalogue.overlapping(name, '', '9999')[0]?.from ?? [])
      .sort();
    const startMs = first === undefined ? feedFromMs : Math.min(Date.parse(first), feedFromMs);
    return Math.floor(startMs / DAY_MS) * DAY_MS;
  }

  #extent(): { from: string | null; to: string | null } {
    const { catalogue } = this.#o;
    const stream = figureStream('grades');
    const head = catalogue.head(stream);
    if (!head) return { from: null, to: null };
    const [first] = catalogue.overlapping(stream, '', '9999');
    return { from: first!.from, to: instantOf(Date.parse(head.to) - DAY_MS) };
  }

  #progress(): MarketStatus['progress'] {
    const { catalogue, feed } = this.#o;
    const { fromMs, toMs } = feed.range();
    const ends = feed.streams
      .filter(({ kind }) => kind === 'bars')
      .map(({ name }) => Date.parse(catalogue.head(name)?.to ?? instantOf(fromMs)));
    const doneMs = Math.min(Math.max(fromMs, ...ends), toMs);
    return { days: Math.floor((doneMs - fromMs) / DAY_MS), of: Math.floor((toMs - fromMs) / DAY_MS) };
  }

  /** When something counts as done: now, or when a recording would have done it. */
  #clock(endMs: number): string {
    return instantOf(this.#o.feed.mode === 'live' ? this.#o.nowMs() : endMs);
  }

  #prover(entry: CatalogueEntry): (row: number) => MarketRow['proof'] {
    return proverOf(this.#o.catalogue, entry);
  }

  #lastDay({ rows }: Pick<ReadInput, 'rows'>): Row[] {
    const last = (rows.at(-1) as { time: string } | undefined)?.time;
    return rows.filter((row) => (row as { time: string }).time === last);
  }

  #read({ id, payload, rows: count }: CatalogueEntry): Pick<ReadInput, 'rows'> {
    return this.#remember(id, count, () => ({
      stream: '',
      rows: decodePayload(this.#o.catalogue.payload(payload!)),
      flagged: [],
      rejected: [],
    }));
  }

  #remember(key: string, count: number, read: () => ReadInput): ReadInput {
    const known = this.#decoded.get(key);
    if (known) {
      this.#decoded.delete(key);
      this.#decoded.set(key, known);
      return known;
    }
    const input = read();
    this.#decoded.set(key, input);
    this.#decodedRows += count || input.rows.length;
    for (const [oldest, { rows }] of this.#decoded) {
      if (this.#decodedRows <= MAX_DECODED_ROWS || oldest === key) break;
      this.#decoded.delete(oldest);
      this.#decodedRows -= rows.length;
    }
    return input;
  }
}

function within(time: string, { from = '', to = '9999' }: MarketQuery): boolean {
  return time >= from && time < to;
}

/** What a row is about. */
function keyOf(row: Row): string {
  const { asset, narrative, index, guide, grade } = row as Record<string, unknown>;
  const key = narrative ?? index ?? guide ?? asset ?? grade;
  return typeof key === 'string' ? key : '';
}

function nextMonth(ms: number): number {
  const date = new Date(ms);
  return Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + 1, 1);
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await sleep(ms, undefined, { signal }).catch(() => undefined);
}
