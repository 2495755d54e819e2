/**
 * The market from a feed to recorded figures, with everything real but the log, which is a table. Every figure computes
 * again bit for bit from what is recorded; a run that was cut off comes to the same rows; what a feed says about later days
 * changes nothing about earlier ones; and a row that was rejected is in no figure.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type DataContract, marketContract, openRuleEngine } from '@assay/checks';
import { AssayError, decodePayload } from '@assay/core';
import { FIGURES, type FigureName } from '@assay/market';
import { type MarketFeed, openMarketFeed, recordProvider } from '@assay/sources';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { AlertBook } from './alert-book.ts';
import { AlertOutbox } from './alert-outbox.ts';
import { Assessor } from './assess.ts';
import { Catalogue } from './catalogue.ts';
import { figureStream } from './derive-figures.ts';
import { PORTFOLIO_STREAM } from './derive-portfolio.ts';
import { instantOf, signerOf, silentSource, tableLog } from './desk.fixture.ts';
import { ExecutionDesk } from './execution-desk.ts';
import { MarketAlerts } from './market-alerts.ts';
import { MarketDesk } from './market-desk.ts';
import { Pipeline } from './pipeline.ts';
import { recompute } from './recompute.ts';
import { ReviewDesk } from './review-desk.ts';

const DAY_MS = 86_400_000;
const HISTORY_DAYS = 200;
let folder: string;
let engine: Awaited<ReturnType<typeof openRuleEngine>>;
let feed: MarketFeed;
const desks: MarketDesk[] = [];
let whole: Awaited<ReturnType<typeof open>>;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'assay-market-'));
  engine = await openRuleEngine();
  feed = await smallFeed();
  whole = await open('whole', feed);
  await whole.desk.run(new AbortController().signal);
}, 90_000);
afterAll(async () => {
  for (const desk of desks) await desk.close();
  engine.close();
  rmSync(folder, { recursive: true });
});

test('every figure is there for every day after the warm-up, and says where it comes from', () => {
  const status = whole.desk.status();
  expect(status).toMatchObject({
    mode: 'simulated',
    busy: false,
    progress: { days: HISTORY_DAYS, of: HISTORY_DAYS },
  });
  expect(status.describe).toMatch(/SIMULATED/);
  const { fromMs, toMs } = feed.range();
  const days = new Set(whole.desk.rows('grades', { from: instantOf(0) }).map(({ time }) => time));
  expect(days.size).toBe(HISTORY_DAYS / 2);
  expect([...days][0]).toBe(instantOf(fromMs + (HISTORY_DAYS / 2) * DAY_MS));
  for (const { figure, rows, to } of status.figures) {
    expect(rows, figure).toBeGreaterThan(0);
    expect(to, figure).toBe(instantOf(toMs));
  }
  const [row] = whole.desk.rows('grades', { keys: ['BTC'] });
  expect(row).toMatchObject({ asset: 'BTC', proof: { mode: 'simulated', served: 'accepted', level: 'L1' } });
});

test('every recorded figure computes again, bit for bit, from what is recorded', async () => {
  for (const { figure } of FIGURES) {
    const { id } = whole.catalogue.head(figureStream(figure.name))!;
    const again = await recompute(whole.catalogue, whole.catalogue.get(id));
    expect(again.agrees, figure.name).toBe(true);
    expect(Buffer.compare(again.payload, again.recorded), figure.name).toBe(0);
  }
}, 90_000);

test('a run that is cut off anywhere comes to the same rows as one that was not', async () => {
  let catalogue: Catalogue | undefined;
  for (const steps of [9, 30, Number.POSITIVE_INFINITY]) {
    const stop = new AbortController();
    let left = steps;
    const cut = await open('cut', feed, () => {
      left -= 1;
      if (left === 0) throw new Error('cut off');
    });
    await cut.desk.run(stop.signal).catch((error: Error) => expect(error.message).toBe('cut off'));
    catalogue?.sql.close();
    catalogue = cut.catalogue;
  }
  for (const { figure } of FIGURES)
    expect(payloadsOf(catalogue!, figure.name), figure.name).toEqual(
      payloadsOf(whole.catalogue, figure.name),
    );
  catalogue!.sql.close();
}, 90_000);

test('lies about later days change no earlier row', async () => {
  const { fromMs, toMs } = feed.range();
  const untilMs = fromMs + 160 * DAY_MS;
  const lying: MarketFeed = {
    ...feed,
    range: () => ({ fromMs, toMs }),
    async fetch(stream, from, to) {
      const { rows, malformed } = await feed.fetch(stream, from, to);
      return {
        malformed,
        rows: rows.map((row) => {
          if (Date.parse(row.time) < untilMs) return row;
          const lie = { ...row };
          for (const name of ['open', 'high', 'low', 'close', 'marketCapUsd', 'priceUsd'] as const)
            if (typeof lie[name] === 'string') lie[name] = `${lie[name]}`.replace(/^(\d)/, '9$1');
          if (typeof lie.title === 'string') lie.title = 'everything is worthless, a fraud and a crash';
          return lie;
        }),
      };
    },
  };
  const other = await open('lying', lying);
  await other.desk.run(new AbortController().signal);
  const period = { from: instantOf(0), to: instantOf(untilMs) };
  for (const { figure, days } of FIGURES) {
    const strip = (desk: MarketDesk) => desk.rows(figure.name, period).map(({ proof: _, ...row }) => row);
    const honest = strip(whole.desk);
    if (days === 'every') expect(honest.length, figure.name).toBeGreaterThan(0);
    expect(strip(other.desk), figure.name).toEqual(honest);
  }
  other.catalogue.sql.close();
}, 90_000);

test('a venue that does not answer stops nobody else, and what it missed comes later', async () => {
  const { fromMs } = feed.range();
  const [venue, other] = feed.streams.filter(({ kind }) => kind === 'bars').map(({ name }) => name);
  const day = { toMs: fromMs + 40 * DAY_MS, down: true };
  const troubles: string[] = [];
  const halting: MarketFeed = {
    ...feed,
    range: () => ({ fromMs, toMs: day.toMs }),
    async fetch(stream, from, to) {
      if (day.down && stream === venue)
        throw new AssayError('SOURCE_UNREACHABLE', `${stream} did not answer`);
      // A page instead of a feed is that feed's trouble alone.
      if (day.down && stream.endsWith('.articles'))
        throw new AssayError('ROW_MALFORMED', `${stream}: expected a feed, got HTML`);
      return feed.fetch(stream, from, to);
    },
  };
  const { catalogue, desk } = await open('down', halting, () => undefined, troubles);
  await desk.run(new AbortController().signal);
  expect(catalogue.head(venue!)).toBeNull();
  expect(catalogue.head(other!)?.to).toBe(instantOf(day.toMs));
  expect(desk.rows('grades').length).toBeGreaterThan(0);
  expect(troubles.some((text) => text.includes(`${venue} did not answer`))).toBe(true);
  expect(troubles.some((text) => text.includes('got HTML'))).toBe(true);
  Object.assign(day, { toMs: day.toMs + DAY_MS, down: false });
  await desk.run(new AbortController().signal);
  expect(catalogue.head(venue!)?.to).toBe(instantOf(day.toMs));
  catalogue.sql.close();
}, 60_000);

test('a portfolio is recorded once, computes again, and says what it is made of', async () => {
  const assets = whole.desk
    .rows('assets')
    .filter((row) => row.class === 'large' && row.state === 'active')
    .slice(0, 4)
    .map(({ asset }) => asset);
  expect(assets.length).toBeGreaterThan(1);
  const request = {
    assets,
    windowDays: 60,
    objective: { name: 'min-variance' },
    riskModel: { model: 'ledoit-wolf' },
  };
  const [first, second] = await Promise.all([whole.desk.portfolio(request), whole.desk.portfolio(request)]);
  expect(second.proof).toEqual(first.proof);
  const { id, sequence } = whole.catalogue.head(PORTFOLIO_STREAM)!;
  expect([sequence, first.proof!.record]).toEqual([1, `${id}.0`]);
  expect(await recompute(whole.catalogue, whole.catalogue.get(id))).toMatchObject({ agrees: true });
  await expect(whole.desk.portfolio({ assets: ['NOBODY'] })).rejects.toMatchObject({
    code: 'ARGUMENT_INVALID',
  });
  await expect(whole.desk.portfolio({ assets, windowDays: 1e9 })).rejects.toMatchObject({
    code: 'ARGUMENT_INVALID',
  });
});

test('rules open alerts about the latest day, each with the row that shows it', async () => {
  const { catalogue, desk, pipeline, book } = whole;
  const outbox = new AlertOutbox(catalogue, { baseUrl: () => 'http://node' });
  const alerts = new MarketAlerts({ catalogue, market: desk, pipeline, book, outbox, nowMs: () => 0 });
  const { preview } = alerts.put({
    ...{
      id: 'btc',
      name: 'BTC has a grade',
      figure: 'grades',
      channel: 'webhook',
      target: 'https://example.org/',
    },
    expression: 'row.asset == "BTC" && row.investor != null',
  });
  expect(preview).toMatchObject({ fail: 1, unknown: 0 });
  await alerts.evaluate();
  await alerts.evaluate();
  const [alert] = new AlertBook(catalogue)
    .list({ stream: figureStream('grades'), limit: 10 })
    .filter(({ check }) => check === 'btc:BTC');
  const [row] = desk.rows('grades', { keys: ['BTC'] });
  expect(alert).toMatchObject({ state: 'open', observation: row!.proof.record });
  expect(outbox.list(10).filter(({ rule }) => rule === 'btc')).toHaveLength(1);
  expect(
    alerts.put({ ...alerts.rules().find(({ id }) => id === 'btc')!, expression: 'row.nothing > 1' }).preview,
  ).toMatchObject({
    fail: 0,
    pass: 0,
    why: 'No such key: nothing',
  });
  alerts.remove('btc');
  expect(() => alerts.remove('grade-move')).toThrow(expect.objectContaining({ code: 'NOT_FOUND' }));
});

test('an incident in the data reaches who asked for it, in the transaction that notes it', async () => {
  const { catalogue, pipeline, book, desk } = await open('incident', feed);
  const outbox = new AlertOutbox(catalogue, { baseUrl: () => 'http://node' });
  const alerts = new MarketAlerts({ catalogue, market: desk, pipeline, book, outbox, nowMs: () => 0 });
  const rule = {
    ...{ id: 'bad-data', name: 'Bad data', figure: 'incidents', channel: 'webhook', cooldownMinutes: 0 },
    ...{ target: 'https://example.org/', expression: 'row.stream.endsWith(".bars.1d") && row.count >= 1' },
  };
  alerts.put(rule);
  const events: { type: string; id?: string }[] = [];
  pipeline.subscribe((event) => events.push(event));
  const stream = feed.streams.find(({ kind }) => kind === 'bars')!;
  const { fromMs } = feed.range();
  const { rows } = await feed.fetch(stream.name, fromMs, fromMs + DAY_MS);
  const provider = recordProvider({ signer: await signerOf(1), adapter: 'test/1.0.0', mode: 'simulated' });
  const { opened, payload } = await provider.observe({
    rows: rows.map((row, i) => (i === 0 ? { ...row, low: '9999999' } : row)),
    period: { from: instantOf(fromMs), to: instantOf(fromMs + DAY_MS) },
    gaps: [],
    ...{ stream, observedAt: instantOf(fromMs + DAY_MS), sequence: 1, previous: null },
  });
  await pipeline.observe([{ envelope: opened.envelope, payload }]);
  const [message] = outbox.list(1);
  expect(message).toMatchObject({ rule: 'bad-data', state: 'waiting' });
  expect(JSON.parse(message!.body).data).toMatchObject({
    stream: stream.name,
    record: opened.id,
    evidence: { page: `http://node/records/${opened.id}` },
  });
  // The event names the record that shows it.
  expect(events.find(({ type }) => type === 'alert')).toMatchObject({ id: opened.id });
  const [incident] = book.list({ stream: stream.name, limit: 1 });
  // Nothing is owed for what was not kept.
  const before = outbox.list(99).length;
  expect(() =>
    catalogue.sql.transaction(() => {
      book.note([{ ...incident!, check: 'other', status: 'fail', observation: opened.id, at: instantOf(0) }]);
      throw new Error('a crash');
    }),
  ).toThrow('a crash');
  expect(outbox.list(99)).toHaveLength(before);
  // A rule that comes later is told of what is open, once.
  expect(alerts.put({ ...rule, id: 'late' }).preview.fail).toBeGreaterThan(0);
  await alerts.evaluate();
  await alerts.evaluate();
  expect(outbox.list(99).filter(({ rule }) => rule === 'late')).toHaveLength(before);
  catalogue.sql.close();
});

test('a rule that is taken away or disabled ends its alerts, and one that is put again finds them anew', async () => {
  const { catalogue, desk, pipeline, book } = whole;
  const outbox = new AlertOutbox(catalogue, { baseUrl: () => 'http://node' });
  const alerts = new MarketAlerts({ catalogue, market: desk, pipeline, book, outbox, nowMs: Date.now });
  const rule = {
    ...{ id: 'eth', name: 'ETH', figure: 'grades', expression: 'row.asset == "ETH"' },
    ...{ channel: 'webhook', target: 'https://example.org/wrong', cooldownMinutes: 0 },
  };
  const state = () => book.list({ limit: 999 }).find(({ check }) => check === 'eth:ETH')?.state;
  const owed = () =>
    outbox
      .list(99)
      .filter(({ rule, state }) => rule === 'eth' && state === 'waiting')
      .map(({ target }) => target);
  alerts.put(rule);
  await alerts.evaluate();
  expect([state(), owed()]).toEqual(['open', ['https://example.org/wrong']]);
  // What is owed goes to the new target only.
  alerts.put({ ...rule, target: 'https://example.org/right' });
  await alerts.evaluate();
  expect([state(), owed()]).toEqual(['open', ['https://example.org/right']]);
  alerts.put({ ...rule, enabled: false });
  expect([state(), owed()]).toEqual(['recovered', []]);
  alerts.put(rule);
  await alerts.evaluate();
  expect(state()).toBe('open');
  alerts.remove('eth');
  expect([state(), owed()]).toEqual(['recovered', []]);
});

/** A part of the simulated market: quick, and nothing depends on how many there are. */
async function smallFeed(): Promise<MarketFeed> {
  const all = await openMarketFeed({ choice: 'simulated', historyDays: HISTORY_DAYS, nowMs: () => 0 });
  const caps = all.streams.find(({ kind }) => kind === 'market-caps')!;
  const { fromMs, toMs } = all.range();
  const { rows } = await all.fetch(caps.name, fromMs, toMs);
  const kept = new Set(rows.filter(({ rank }) => Number(rank) <= 16).map(({ asset }) => asset));
  return {
    ...all,
    async fetch(stream, from, to) {
      const found = await all.fetch(stream, from, to);
      return { ...found, rows: found.rows.filter(({ asset }) => asset === undefined || kept.has(asset)) };
    },
  };
}

function payloadsOf(catalogue: Catalogue, figure: FigureName) {
  return catalogue
    .overlapping(figureStream(figure), '', '9999')
    .map(({ from, to, payload }) => [from, to, decodePayload(catalogue.payload(payload!))]);
}

/** A desk on a folder. `onStep` is called before each step that is recorded, and may cut the run off. */
async function open(
  name: string,
  source: MarketFeed,
  onStep: () => void = () => undefined,
  troubles: string[] = [],
) {
  const [signer, checker] = await Promise.all([signerOf(1), signerOf(2)]);
  const catalogue = new Catalogue(join(folder, `${name}.db`));
  const contracts = new Map<string, DataContract>(
    source.streams.map(({ name: stream, kind }) => [stream, marketContract(kind, stream)]),
  );
  const time = { nowMs: source.range().toMs };
  const alerts = new AlertBook(catalogue);
  const pipeline = new Pipeline({
    ...{ catalogue, alerts, checker, deriver: checker },
    ledger: tableLog(join(folder, `${name}.log`)),
    source: silentSource(time),
    assessor: new Assessor({ contracts, engine }),
    providers: new Map(),
    reviews: new ReviewDesk({
      ...{ catalogue, checker, master: new Uint8Array(32), reviewers: () => [], gold: () => [] },
      ...{ nowMs: () => time.nowMs, randomBytes: (length) => new Uint8Array(length) },
    }),
    executions: new ExecutionDesk({ catalogue, alerts, executors: () => [], nowMs: () => time.nowMs }),
    registered: {
      streams: () => source.streams.map(({ name: stream }) => ({ stream, provider: signer.did })),
      providerOf: (stream) => (source.streams.some((one) => one.name === stream) ? signer.did : null),
    },
  });
  await pipeline.recover();
  const desk = new MarketDesk({
    catalogue,
    catalogueFile: join(folder, `${name}.db`),
    feed: source,
    pipeline: {
      observe: async (inputs) => {
        onStep();
        await pipeline.observe(inputs);
      },
      derive: async (prepared) => {
        onStep();
        return pipeline.derive(prepared);
      },
    },
    signerOf: () => signer,
    nowMs: () => time.nowMs,
    onTrouble: ({ message }) => troubles.push(message),
  });
  desks.push(desk);
  return { catalogue, desk, pipeline, book: alerts };
}
