/** A pipeline with its queue on a folder: everything real but the log, which is a table, and the source, which is silent. */
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { type DataContract, openRuleEngine, parseContract } from '@assay/checks';
import type { Detector } from '@assay/checks/review';
import {
  commitRows,
  type Decision,
  type Ed25519Signer,
  ed25519Signer,
  makeStatement,
  type ObservationStatement,
  type OpenedEnvelope,
  type Reading,
  signStatement,
} from '@assay/core';
import type { MarketSource } from '@assay/sources';
import { spike } from '../../checks/src/spike.fixture.ts';
import { AlertBook } from './alert-book.ts';
import { Assessor } from './assess.ts';
import { Catalogue, statementOf } from './catalogue.ts';
import { EvidenceStore } from './evidence-store.ts';
import { ExecutionDesk } from './execution-desk.ts';
import { Pipeline } from './pipeline.ts';
import { ReviewDesk } from './review-desk.ts';
import type { GoldEntry } from './review-files.ts';

export const STREAM = 'lab.thermometer';

/** A signer that is always the same. */
export const signerOf = (byte: number): Promise<Ed25519Signer> =>
  ed25519Signer(new Uint8Array(32).fill(byte));
export const instantOf = (ms: number) => `${new Date(ms).toISOString().slice(0, 19)}Z`;

const contractOf = (requiredLevel: string): DataContract =>
  parseContract(`apiVersion: v3.1.0
kind: DataContract
id: ${STREAM}
version: 1.0.0
status: active
schema:
  - name: reading
    properties:
      - { name: time, logicalType: timestamp, required: true }
      - { name: temperature, logicalType: number, required: true }
    quality:
      - { id: no_jump, dimension: accuracy, severity: warning, type: custom, engine: assay, implementation: { detector: spike, terms: { column: temperature } } }
customProperties:
  - { property: requiredLevel, value: ${requiredLevel} }
`);

export async function openDesk(
  folder: string,
  options: {
    reviewers?: readonly string[];
    gold?: readonly GoldEntry[];
    requiredLevel?: string;
    detector?: Detector;
    nowMs?: number;
  } = {},
) {
  const { requiredLevel = 'L2', detector = spike as Detector } = options;
  const time = { nowMs: options.nowMs ?? Date.parse('2026-03-01T00:00:00Z') };
  const world = { reviewers: options.reviewers ?? [], gold: options.gold ?? [] };
  const [checker, device] = await Promise.all([signerOf(1), signerOf(2)]);
  const catalogue = new Catalogue(join(folder, 'catalogue.db'));
  const log = tableLog(join(folder, 'log.db'));
  const engine = await openRuleEngine();
  const assessor = new Assessor({
    contracts: new Map([[STREAM, contractOf(requiredLevel)]]),
    engine,
    detectors: new Map([[detector.name, detector]]),
  });
  let random = 0;
  const reviews = new ReviewDesk({
    catalogue,
    checker,
    master: new Uint8Array(32).fill(9),
    reviewers: () => world.reviewers.map((did) => ({ did, name: null })),
    gold: () => world.gold,
    nowMs: () => time.nowMs,
    randomBytes: (length) =>
      new Uint8Array(createHash('sha256').update(`random ${random++}`).digest()).slice(0, length),
  });
  const alerts = new AlertBook(catalogue);
  const pipeline = new Pipeline({
    catalogue,
    ledger: log,
    source: silentSource(time),
    assessor,
    providers: new Map(),
    checker,
    deriver: checker,
    reviews,
    alerts,
    executions: new ExecutionDesk({ catalogue, alerts, executors: () => [], nowMs: () => time.nowMs }),
    registered: {
      streams: () => [{ stream: STREAM, provider: device.did }],
      providerOf: (stream) => (stream === STREAM ? device.did : null),
    },
  });
  await pipeline.recover();
  return {
    ...{ catalogue, log, pipeline, reviews, alerts, device, checker, world, time },
    evidence: new EvidenceStore(catalogue),
    /** Sends the next readings of the stream, one a second. */
    async send(...values: string[]): Promise<string> {
      const head = catalogue.head(STREAM);
      const fromMs = head ? Date.parse(head.to) : time.nowMs;
      const rows: Reading[] = values.map((temperature, i) => ({
        time: instantOf(fromMs + 1000 * i),
        temperature,
      }));
      const { commitment, payload, sha256 } = commitRows(rows, 'reading/v1');
      const statement = makeStatement(
        'observation',
        { name: STREAM, sha256 },
        {
          stream: STREAM,
          source: {
            mode: 'live',
            venue: 'lab',
            instrument: 'probe',
            interval: 'irregular',
            adapter: 'test/1',
          },
          ...{ sequence: (head?.sequence ?? 0) + 1, previous: head?.id ?? null, gaps: [], rows: commitment },
          observedAt: instantOf(time.nowMs),
          period: { from: instantOf(fromMs), to: instantOf(fromMs + 1000 * values.length) },
        },
      ) as ObservationStatement;
      const { envelope } = await signStatement(statement, device);
      return (await pipeline.submit({ envelope, payload })).id;
    },
    /** Signs and sends what a reviewer says of an observation. */
    async say(reviewer: Ed25519Signer, observation: string, decision: Decision): Promise<OpenedEnvelope> {
      const item = reviews.store.itemOn(observation)!;
      const { stream, verdict, id } = item;
      const review = await signStatement(
        makeStatement(
          'review',
          { name: stream, sha256: observation },
          {
            ...{ stream, observation, verdict, item: id, round: item.rounds.at(-1)!.round, decision },
            ...{ reason: `I say ${decision}`, disputed: [], evidence: [], reviewedAt: instantOf(time.nowMs) },
          },
        ),
        reviewer,
      );
      await pipeline.review(id, review.envelope);
      return review;
    },
    /** Kinds of the log's entries, in their order. */
    logged: () => log.all().map((entry) => statementOf(entry).predicateType.split(/[:/]/)[2]!),
    close() {
      engine.close();
      catalogue.close();
      log.close();
    },
  };
}

export type Desk = Awaited<ReturnType<typeof openDesk>>;

/** A log that keeps what it acknowledged, and nothing more. */
export function tableLog(path: string) {
  const db = new DatabaseSync(path);
  db.exec(
    'PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; CREATE TABLE IF NOT EXISTS entries (n INTEGER PRIMARY KEY, entry BLOB NOT NULL)',
  );
  const all = () =>
    (db.prepare('SELECT entry FROM entries ORDER BY n').all() as { entry: Uint8Array }[]).map(
      ({ entry }) => entry,
    );
  return {
    all,
    get size() {
      return (db.prepare('SELECT count(*) AS size FROM entries').get() as { size: number }).size;
    },
    async append(entries: readonly Uint8Array[]): Promise<number[]> {
      const first = (db.prepare('SELECT count(*) AS size FROM entries').get() as { size: number }).size;
      db.exec('BEGIN');
      entries.forEach((entry, i) => {
        db.prepare('INSERT INTO entries (n, entry) VALUES (?, ?)').run(first + i, entry);
      });
      db.exec('COMMIT');
      return entries.map((_, i) => first + i);
    },
    async *entries(from: number, to: number) {
      yield* all().slice(from, to);
    },
    close: () => db.close(),
  };
}

export function silentSource(time: { nowMs: number }): MarketSource {
  return {
    mode: 'live',
    streams: [],
    clock: { nowMs: () => time.nowMs, endMs: null, jumps: false, waitUntil: async () => undefined },
    startMs: time.nowMs,
    adapter: 'test/1',
    describe: 'silent',
    fetchCandles: async () => ({ rows: [], malformed: [] }),
    states: () => [],
    close: async () => undefined,
  };
}
