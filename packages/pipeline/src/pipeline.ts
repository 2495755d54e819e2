import { EventEmitter } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import type { DataContract } from '@assay/checks';
import { type Signal, silence } from '@assay/checks/review';
import {
  AssayError,
  type Candle,
  type Decision,
  decodePayload,
  digestHex,
  type Ed25519Signer,
  type ErrorCode,
  type FileRow,
  makeStatement,
  type OpenedEnvelope,
  PREDICATE,
  type Row,
  signStatement,
  type VerdictPredicate,
} from '@assay/core';
import type { Ledger } from '@assay/ledger';
import { BTC_USD } from '@assay/market';
import {
  instantOf,
  type MarketSource,
  MINUTE_MS,
  type Provider,
  type StreamSpec,
  splitIntoBatches,
  type Venue,
} from '@assay/sources';
import type { AlertBook, KeptAlert } from './alert-book.ts';
import type { Assessor } from './assess.ts';
import type { Catalogue, NewStatement, StreamHead } from './catalogue.ts';
import { type DerivationPlace, derivationStatement, type Prepared } from './derive.ts';
import { MINUTES_STREAM, prepareMinutes, rememberedInputs } from './derive-minutes.ts';
import { prepareRates, type RateInterval, rateStream } from './derive-rates.ts';
import { EvidenceStore } from './evidence-store.ts';
import type { ExecutionDesk } from './execution-desk.ts';
import { type Admitted, admit } from './intake.ts';
import type { ReviewDesk } from './review-desk.ts';
import type { RegisteredStream } from './review-files.ts';

/** Something that was recorded, or went wrong while recording. */
export interface PipelineEvent {
  type: 'observation' | 'verdict' | 'derivation' | 'incident' | 'review' | 'alert';
  time: string;
  text: string;
  id?: string;
  stream?: string;
  decision?: Decision;
  index?: number;
}

export interface PipelineOptions {
  catalogue: Catalogue;
  ledger: Pick<Ledger, 'append' | 'entries' | 'size'>;
  source: MarketSource;
  assessor: Assessor;
  providers: ReadonlyMap<Venue, Provider>;
  checker: Ed25519Signer;
  deriver: Ed25519Signer;
  reviews: ReviewDesk;
  alerts: AlertBook;
  executions: ExecutionDesk;
  /** Streams that their providers send themselves, beside the source's. */
  registered?: {
    streams(): readonly RegisteredStream[];
    providerOf(stream: string): string | null;
  };
}

const HOUR_MS = 60 * MINUTE_MS;
/** Candles are asked for this long after their minute ended: the venues need a moment to close them. */
const SETTLE_MS = 3_000;
/** Longest window that is taken at once: whole hours, and within the 300 candles that Coinbase gives a request. */
const MAX_WINDOW_MS = 4 * HOUR_MS;
/** Failures that pass: the disk is full, or the log cannot keep up. */
const NO_ROOM: ErrorCode[] = ['STORAGE_FULL', 'STORAGE_FAILED', 'LEDGER_BUSY'];
const ROOM_AFTER_MS = 2_000;
/** A derived figure has its own checks and no contract beside them. */
const DERIVED: Pick<DataContract, 'requiredLevel' | 'detectors'> = { requiredLevel: 'L0', detectors: [] };
/** Rows before the resume point that the checks and the rates may look back on. */
const LOOKBACK_MS = 24 * HOUR_MS;

/**
 * The node's work, window by window: fetch → sign → admit → check → derive → log. Statements are kept durably
 * before they go to the ledger and noted as acknowledged after; whatever a crash leaves between is finished at the
 * next start, so that nothing that was kept is lost and nothing is logged twice.
 */
export class Pipeline {
  readonly #o: PipelineOptions;
  readonly #evidence: EvidenceStore;
  /** Candles of the last hours: each hour is verified with some before it. */
  readonly #candles: ReturnType<typeof rememberedInputs>;
  readonly #events = new EventEmitter().setMaxListeners(0);
  /** Whether statements are kept that the log may not have. */
  #owesLog = false;
  /** Windows and submissions take turns: a stream has one end. */
  #turn: Promise<unknown> = Promise.resolve();

  constructor(options: PipelineOptions) {
    this.#o = options;
    this.#evidence = new EvidenceStore(options.catalogue);
    this.#candles = rememberedInputs(options.catalogue);
  }

  /** Calls back for every event until the returned function is called. */
  subscribe(listener: (event: PipelineEvent) => void): () => void {
    this.#events.on('event', listener);
    return () => this.#events.off('event', listener);
  }

  /**
   * Finishes what an interrupted run left: statements that the ledger has already are noted, the others are sent
   * again, and the checks are told what came before.
   */
  async recover(): Promise<void> {
    const { catalogue, ledger } = this.#o;
    const pending = new Set(catalogue.pending().map(({ id }) => id));
    const found: { id: string; index: number }[] = [];
    let index = catalogue.acknowledgedSize();
    for await (const entry of ledger.entries(index, ledger.size)) {
      const id = digestHex(entry);
      if (pending.has(id)) found.push({ id, index });
      index += 1;
    }
    catalogue.acknowledge(found);
    await this.#log(catalogue.pending());
    const endOf = (stream: string) => Date.parse(catalogue.head(stream)?.to ?? '') || 0;
    const newest = Math.max(0, ...this.#o.source.streams.map(({ name }) => endOf(name)));
    for (const { name } of this.#o.source.streams) this.#rememberUpTo(name, newest);
    // A stream that its provider sends lives in its own time.
    for (const { stream } of this.#o.registered?.streams() ?? []) this.#rememberUpTo(stream, endOf(stream));
    await this.#exclusive(() => this.#derive(newest));
  }

  /** Tells the checks what came before a time. */
  #rememberUpTo(stream: string, endMs: number): void {
    const { catalogue, assessor } = this.#o;
    const since = instantOf(Math.max(endMs - LOOKBACK_MS, 0));
    const earlier = catalogue.overlapping(stream, since, instantOf(endMs));
    const rows = earlier.flatMap(({ payload }) => decodePayload(catalogue.payload(payload!)) as Candle[]);
    assessor.remember(stream, rows);
  }

  /** Where reading goes on: the earliest end of a stream, or the source's beginning. */
  resumeMs(): number {
    const { catalogue, source } = this.#o;
    const ends = source.streams.flatMap(({ name }) => catalogue.head(name)?.to ?? []).map(Date.parse);
    return ends.length === 0 ? source.startMs : Math.max(...ends);
  }

  /**
   * Follows the source until it ends, `untilMs` is reached or the signal aborts.
   *
   * @param options.onWindow Called after each window with the time up to which everything is recorded.
   */
  async run(options: {
    signal: AbortSignal;
    untilMs?: number;
    onWindow?: (toMs: number) => void;
  }): Promise<void> {
    const { signal, untilMs = this.#o.source.clock.endMs ?? Number.POSITIVE_INFINITY } = options;
    for (let fromMs = this.resumeMs(); !signal.aborted && fromMs < untilMs; ) {
      const toMs = await this.#nextWindow(fromMs, signal);
      if (signal.aborted) return;
      if (!(await this.#windowOrLater(toMs, signal))) continue;
      fromMs = toMs;
      options.onWindow?.(toMs);
    }
  }

  /** Processes a window. False while there is no room for it: then nothing of it is lost, and it comes again. */
  async #windowOrLater(toMs: number, signal: AbortSignal): Promise<boolean> {
    try {
      await this.#exclusive(async () => {
        // What was kept before the log had no room for it.
        if (this.#owesLog) await this.#log(this.#o.catalogue.pending());
        this.#owesLog = false;
        await this.#window(toMs, signal);
      });
      return true;
    } catch (error) {
      if (!(error instanceof AssayError && NO_ROOM.includes(error.code))) throw error;
      this.#owesLog = true;
      this.#incident('log', error);
      await sleep(ROOM_AFTER_MS, undefined, { signal }).catch(() => undefined);
      return false;
    }
  }

  /**
   * Takes one observation from outside through the same door.
   *
   * @returns when the ledger has acknowledged it and its verdict.
   * @throws what {@link admit} throws.
   */
  async submit(input: {
    envelope: unknown;
    payload: Uint8Array;
    attachments?: readonly Uint8Array[];
  }): Promise<{ id: string; index: number; verdict: string }> {
    return this.#exclusive(async () => {
      const admitted = await admit(input, this.#door(new Map()));
      const [verdict] = await this.#record([admitted]);
      return {
        id: admitted.opened.id,
        index: this.#o.catalogue.get(admitted.opened.id).index!,
        verdict: verdict!.id,
      };
    });
  }

  /**
   * Takes observations of the node's own market feed through the same door, judged and logged together.
   *
   * @returns when the ledger has acknowledged them and their verdicts.
   * @throws what {@link admit} throws; then none of them is taken.
   */
  async observe(inputs: readonly { envelope: unknown; payload: Uint8Array }[]): Promise<void> {
    if (inputs.length === 0) return;
    await this.#exclusive(async () => {
      const heads = new Map<string, StreamHead>();
      const door = this.#door(heads);
      const admitted: Admitted[] = [];
      for (const input of inputs) {
        const observation = await admit(input, door);
        const { id, statement } = observation.opened;
        const { stream, sequence, period } = statement.predicate;
        heads.set(stream, { id, sequence, to: period.to });
        admitted.push(observation);
      }
      await this.#record(admitted);
    });
  }

  /**
   * Signs, judges and logs figures that were computed.
   *
   * @returns their ids, when the ledger has acknowledged them.
   */
  async derive(prepared: readonly Prepared[]): Promise<string[]> {
    return this.#exclusive(async () => {
      const kept: NewStatement[] = [];
      for (const one of prepared) kept.push(...(await this.#keepDerivation(one)));
      await this.#log(kept.map(({ opened: { id, entry } }) => ({ id, entry })));
      this.#announceDerivations(kept);
      return kept.flatMap(({ opened: { id, statement } }) =>
        statement.predicateType === PREDICATE.derivation ? [id] : [],
      );
    });
  }

  /**
   * Notes what somebody else than a check found wrong, or right again. What `also` does is durable together with it.
   *
   * @returns alerts that opened or were over by it.
   */
  async note(
    signals: readonly Signal[],
    also: (changed: readonly KeptAlert[]) => void = () => undefined,
  ): Promise<KeptAlert[]> {
    return this.#exclusive(async () => {
      const { catalogue, alerts } = this.#o;
      const changed = catalogue.sql.transaction(() => {
        const noted = alerts.noteChanges(signals);
        also(noted);
        return noted;
      });
      this.#alert(changed.filter(({ state }) => state === 'open'));
      return changed;
    });
  }

  /**
   * Takes a reviewer's signed decision. It is durable when this returns, and goes to the log when its round closes.
   *
   * @throws what {@link ReviewDesk.decide} throws.
   */
  async review(item: string, envelope: unknown): Promise<{ id: string }> {
    return this.#exclusive(async () => {
      const { catalogue, reviews } = this.#o;
      const { id, outcome } = await reviews.decide(item, envelope);
      await this.#log(catalogue.pending());
      if (outcome !== null) this.#announceOutcome(item, outcome);
      return { id };
    });
  }

  /** Takes a signed appeal. @throws what {@link ReviewDesk.appeal} throws. */
  async appeal(record: string, envelope: unknown): Promise<{ id: string; item: string; index: number }> {
    return this.#exclusive(async () => {
      const { catalogue, reviews } = this.#o;
      const { id, item } = await reviews.appeal(record, envelope);
      await this.#log(catalogue.pending());
      return { id, item, index: catalogue.get(id).index! };
    });
  }

  /**
   * Takes what somebody signed who executed a derived figure again.
   *
   * @returns when the ledger has acknowledged it.
   * @throws what {@link ExecutionDesk.attest} throws.
   */
  async execution(record: string, envelope: unknown): Promise<{ id: string; index: number }> {
    return this.#exclusive(async () => {
      const { catalogue, executions } = this.#o;
      const { id, alerts } = await executions.attest(record, envelope);
      this.#alert(alerts);
      await this.#log(catalogue.pending());
      return { id, index: catalogue.get(id).index! };
    });
  }

  /** What has to happen now and then: leases that ran out, secrets that are due. */
  async tick(): Promise<void> {
    await this.#exclusive(async () => {
      this.#o.reviews.tick();
      await this.#commit();
    });
  }

  /** Logs what the drawing of reviews must have committed to before anything is judged. */
  async #commit(): Promise<void> {
    const { reviews, source } = this.#o;
    const due = await reviews.commit(instantOf(source.clock.nowMs()));
    await this.#log(due.map(({ opened: { id, entry } }) => ({ id, entry })));
  }

  /** Waits until at least a minute more has closed, then takes all that has, up to a window's length. */
  async #nextWindow(fromMs: number, signal: AbortSignal): Promise<number> {
    const { clock } = this.#o.source;
    const settle = clock.endMs === null ? SETTLE_MS : 0;
    // A clock that jumps goes hour by hour: what is observed an hour late would rightly count as late.
    const hour = (Math.floor(fromMs / HOUR_MS) + 1) * HOUR_MS;
    await clock.waitUntil((clock.jumps ? hour : fromMs + MINUTE_MS) + settle, signal);
    const closed = Math.floor((clock.nowMs() - settle) / MINUTE_MS) * MINUTE_MS;
    return Math.min(
      Math.max(closed, fromMs + MINUTE_MS),
      fromMs + MAX_WINDOW_MS,
      clock.endMs ?? Number.POSITIVE_INFINITY,
    );
  }

  async #window(toMs: number, signal: AbortSignal): Promise<void> {
    const { catalogue, source, providers } = this.#o;
    const heads = new Map<string, StreamHead>();
    const door = this.#door(heads);
    const live = source.clock.endMs === null;
    const fetched = await Promise.all(source.streams.map((stream) => this.#fetch(stream, toMs, signal)));
    const admitted: Admitted[] = [];
    for (const { stream, fromMs, rows } of fetched) {
      // A live venue may be late with its last minute: the batch ends with what came, and the rest comes next.
      const newest = rows.at(-1);
      const endMs = live && newest ? Date.parse(newest.time) + MINUTE_MS : toMs;
      for (const batch of splitIntoBatches(rows, fromMs, endMs)) {
        const head = heads.get(stream.name) ?? catalogue.head(stream.name);
        const { opened, payload } = await providers.get(stream.venue)!.observe({
          ...batch,
          stream,
          observedAt: instantOf(source.clock.nowMs()),
          sequence: (head?.sequence ?? 0) + 1,
          previous: head?.id ?? null,
        });
        const observation = await admit({ envelope: opened.envelope, payload }, door);
        heads.set(stream.name, {
          id: opened.id,
          sequence: observation.opened.statement.predicate.sequence,
          to: batch.period.to,
        });
        admitted.push(observation);
      }
    }
    if (admitted.length > 0) await this.#record(admitted, toMs);
    this.#listen();
  }

  /** Who promises to be fresh and says nothing. */
  #listen(): void {
    const { catalogue, assessor, alerts, source } = this.#o;
    const now = instantOf(source.clock.nowMs());
    const signals = this.#streams().flatMap((stream) => {
      const head = catalogue.head(stream);
      const promise = head && assessor.contract(stream).freshness;
      return promise ? [silence(stream, promise, head.to, now, head.id)] : [];
    });
    this.#alert(catalogue.sql.transaction(() => alerts.note(signals)));
  }

  /** Rows since the stream's last batch. A venue that does not answer is asked again in the next window. */
  async #fetch(
    stream: StreamSpec,
    toMs: number,
    signal: AbortSignal,
  ): Promise<{ stream: StreamSpec; fromMs: number; rows: Candle[] }> {
    const { catalogue, source } = this.#o;
    const last = catalogue.head(stream.name)?.to;
    // A stream that was silent for long is not asked for all of that again in every window.
    const fromMs = Math.max(last === undefined ? source.startMs : Date.parse(last), toMs - MAX_WINDOW_MS);
    if (fromMs >= toMs) return { stream, fromMs, rows: [] };
    try {
      const { rows, malformed } = await source.fetchCandles(stream, fromMs, toMs, signal);
      for (const error of malformed) this.#incident(stream.name, error);
      return { stream, fromMs, rows };
    } catch (error) {
      if (!(error instanceof AssayError)) throw error;
      this.#incident(stream.name, error);
      return { stream, fromMs, rows: [] };
    }
  }

  /** Checks, keeps and logs observations, and derives what they complete. */
  async #record(admitted: readonly Admitted[], toMs?: number): Promise<OpenedEnvelope[]> {
    const { catalogue, assessor, checker, source, reviews, alerts } = this.#o;
    await this.#commit();
    const checkedAt = instantOf(source.clock.nowMs());
    const { verdicts, exhibits, memories } = await assessor.assess(admitted, checkedAt, (stream) =>
      this.#evidence.memories(stream),
    );
    const opened = await Promise.all(verdicts.map((verdict) => signVerdict(verdict, checker)));
    const contracts = verdicts.map(({ stream }) => assessor.contract(stream));
    const kept: NewStatement[] = [
      ...admitted.map(({ opened, payload }) => ({ opened, payload })),
      ...opened.map((verdict, i) => ({ opened: verdict, required: contracts[i]!.requiredLevel })),
    ];
    // One transaction: what a detector remembers, what it showed, and the verdict that it led to agree after any crash.
    const alerted = catalogue.sql.transaction(() => {
      catalogue.keep(kept);
      for (const [stream, memory] of memories) this.#evidence.keepMemories(stream, memory);
      this.#evidence.keepExhibits(exhibits);
      for (const { rows, files } of admitted)
        for (const { sha256, mediaType } of files.size > 0 ? (rows as FileRow[]) : [])
          this.#evidence.keepFile(sha256, mediaType, files.get(sha256)!);
      reviews.enter(
        opened.map(({ id }, i) => ({
          ...{ id, verdict: verdicts[i]!, contract: contracts[i]! },
          provider: admitted[i]!.opened.signer,
        })),
      );
      return alerts.noteVerdicts(verdicts);
    });
    const derived = toMs === undefined ? [] : await this.#prepareDerivations(toMs);
    await this.#log([...kept, ...derived].map(({ opened: { id, entry } }) => ({ id, entry })));
    for (const [i, { opened: observation, rows }] of admitted.entries())
      this.#announce(observation, rows, verdicts[i]!);
    this.#announceDerivations(derived);
    this.#alert(alerted);
    return opened;
  }

  async #derive(toMs: number): Promise<void> {
    const derived = await this.#prepareDerivations(toMs);
    if (derived.length > 0) await this.#log(derived.map(({ opened: { id, entry } }) => ({ id, entry })));
    this.#announceDerivations(derived);
  }

  /** Signs and keeps what is derived up to a time and not there yet: rates of minutes, then what whole hours give. */
  async #prepareDerivations(toMs: number): Promise<NewStatement[]> {
    const { catalogue } = this.#o;
    const wholeHours = Math.floor(toMs / HOUR_MS) * HOUR_MS;
    const rates = (interval: RateInterval, endMs: number) =>
      this.#deriveHourly(rateStream(BTC_USD.pair, interval), interval, endMs, (place) =>
        prepareRates(catalogue, { interval, ...place }),
      );
    return [
      ...(await rates('1m', toMs)),
      ...(await rates('1h', wholeHours)),
      ...(await this.#deriveHourly(MINUTES_STREAM, '1h', wholeHours, (place) => {
        const prepared = prepareMinutes(catalogue, place, this.#candles.read);
        this.#candles.next();
        return prepared;
      })),
    ];
  }

  /** A stream's derivations from where it ends, none longer than its hour. */
  async #deriveHourly(
    stream: string,
    interval: RateInterval,
    endMs: number,
    prepare: (place: DerivationPlace) => Prepared | null,
  ): Promise<NewStatement[]> {
    const { catalogue, source } = this.#o;
    const kept: NewStatement[] = [];
    const begin = Date.parse(catalogue.head(stream)?.to ?? instantOf(source.startMs));
    for (let fromMs = interval === '1h' ? Math.ceil(begin / HOUR_MS) * HOUR_MS : begin; fromMs < endMs; ) {
      const until = Math.min((Math.floor(fromMs / HOUR_MS) + 1) * HOUR_MS, endMs);
      const head = catalogue.head(stream);
      const prepared = prepare({
        mode: source.mode,
        fromMs,
        toMs: until,
        derivedAt: instantOf(source.clock.nowMs()),
        sequence: (head?.sequence ?? 0) + 1,
        previous: head?.id ?? null,
      });
      fromMs = until;
      if (!prepared) continue;
      kept.push(...(await this.#keepDerivation(prepared)));
    }
    return kept;
  }

  /** Signs a derivation and the verdict on it, and keeps both. */
  async #keepDerivation(prepared: Prepared): Promise<NewStatement[]> {
    const { catalogue, checker, deriver, reviews, alerts } = this.#o;
    const opened = await signStatement(derivationStatement(prepared), deriver);
    const judged = prepared.verdictOn(opened.id);
    const verdict = await signVerdict(judged, checker);
    const { payload, materials } = prepared;
    const both = [{ opened, payload, materials }, { opened: verdict }];
    const alerted = catalogue.sql.transaction(() => {
      catalogue.keep(both);
      // A figure that was not accepted is for people to see; drawn at random is only what providers sent.
      if (judged.decision !== 'accept')
        reviews.enter([{ id: verdict.id, verdict: judged, provider: opened.signer, contract: DERIVED }]);
      return [...alerts.noteVerdicts([judged]), ...alerts.note(prepared.signalsOn?.(opened.id) ?? [])];
    });
    this.#alert(alerted);
    return both;
  }

  async #log(statements: readonly { id: string; entry: Uint8Array }[]): Promise<void> {
    if (statements.length === 0) return;
    const indices = await this.#o.ledger.append(statements.map(({ entry }) => entry));
    this.#o.catalogue.acknowledge(statements.map(({ id }, i) => ({ id, index: indices[i]! })));
  }

  #door(heads: ReadonlyMap<string, StreamHead>) {
    const { catalogue, source, providers } = this.#o;
    return {
      providerOf: (stream: string) => {
        const spec = source.streams.find(({ name }) => name === stream);
        if (spec) return providers.get(spec.venue)?.did ?? null;
        return this.#o.registered?.providerOf(stream) ?? null;
      },
      head: (stream: string) => heads.get(stream) ?? catalogue.head(stream),
      has: (id: string) => catalogue.has(id),
    };
  }

  #announce({ id, statement }: Admitted['opened'], rows: readonly Row[], verdict: VerdictPredicate): void {
    const { stream, period } = statement.predicate;
    const { decision, level, findings } = verdict;
    const index = this.#o.catalogue.get(id).index ?? undefined;
    const common = { time: period.from, id, stream, ...(index === undefined ? {} : { index }) };
    this.#emit({
      type: 'observation',
      ...common,
      text: `${rows.length} row${rows.length === 1 ? '' : 's'} of ${stream}`,
    });
    this.#emit({ type: 'verdict', ...common, decision, text: `${stream}: ${decision}, ${level}` });
    if (decision === 'accept') return;
    const why = findings.find(({ status }) => status === 'fail');
    this.#emit({ type: 'incident', ...common, decision, text: `${stream}: ${why?.reason ?? decision}` });
  }

  #announceOutcome(item: string, decision: Decision): void {
    const { stream, observation } = this.#o.reviews.store.item(item)!;
    this.#emit({
      type: 'review',
      time: instantOf(Date.now()),
      text: `${stream}: reviewers decided ${decision}`,
      ...{ id: observation, stream, decision },
    });
  }

  #alert(alerts: readonly KeptAlert[]): void {
    for (const { stream, check, reason, lastAt, observation } of alerts)
      this.#emit({
        ...{ type: 'alert', time: lastAt, stream, text: `${stream}: ${check}: ${reason}` },
        // The record that shows it.
        ...(observation === null ? {} : { id: observation }),
      });
  }

  #streams(): string[] {
    const { source, registered } = this.#o;
    return [
      ...source.streams.map(({ name }) => name),
      ...(registered?.streams() ?? []).map(({ stream }) => stream),
    ];
  }

  #announceDerivations(derived: readonly NewStatement[]): void {
    for (const { opened, payload } of derived) {
      if (!payload || opened.statement.predicateType !== 'urn:assay:derivation/v1') continue;
      const { stream, period } = opened.statement.predicate;
      const rows = decodePayload(payload);
      const { rate } = rows.at(-1) as { rate?: string };
      this.#emit({
        type: 'derivation',
        time: period.from,
        id: opened.id,
        stream,
        text: `${stream}: ${rate ?? `${rows.length} row${rows.length === 1 ? '' : 's'}`}`,
      });
    }
  }

  #incident(stream: string, error: AssayError): void {
    this.#emit({
      type: 'incident',
      time: instantOf(this.#o.source.clock.nowMs()),
      stream,
      text: error.message,
    });
  }

  #emit(event: PipelineEvent): void {
    this.#events.emit('event', event);
  }

  #exclusive<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#turn.then(work);
    this.#turn = result.catch(() => undefined);
    return result;
  }
}

async function signVerdict(verdict: VerdictPredicate, checker: Ed25519Signer): Promise<OpenedEnvelope> {
  return signStatement(
    makeStatement('verdict', { name: verdict.stream, sha256: verdict.observation }, verdict),
    checker,
  );
}
