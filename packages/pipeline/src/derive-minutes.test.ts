/**
 * An hour of minutes as a node records it: a depeg that the checks flag is found in the flagged rows themselves, told as an
 * alert that leads to its row and is over when it is over, and every hour is computed again from what is recorded, byte for
 * byte.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  type Candle,
  decodePayload,
  type Ed25519Signer,
  makeStatement,
  type RowRanges,
  signStatement,
} from '@assay/core';
import type { MinuteRow } from '@assay/market/verify';
import { createProvider, STREAMS } from '@assay/sources';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { AlertBook, type KeptAlert } from './alert-book.ts';
import { Catalogue } from './catalogue.ts';
import { derivationStatement, type Prepared } from './derive.ts';
import { MINUTES_STREAM, minuteRows, prepareMinutes, rememberedInputs } from './derive-minutes.ts';
import { instantOf, signerOf } from './desk.fixture.ts';
import { recompute } from './recompute.ts';

const T0 = Date.parse('2026-03-01T00:00:00Z');
const HOUR_MS = 3_600_000;
let folder: string;
let catalogue: Catalogue;
let signer: Ed25519Signer;
let alerts: AlertBook;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'assay-minutes-'));
  catalogue = new Catalogue(join(folder, 'catalogue.db'));
  alerts = new AlertBook(catalogue);
  signer = await signerOf(1);
});
afterEach(() => {
  catalogue.close();
  rmSync(folder, { recursive: true, force: true });
});

/** An hour of every stream. USDC is worth what is said; its rows are flagged where it is off its peg. */
async function observeHour(hour: number, usdc: number, marked: { rejected?: RowRanges } = {}): Promise<void> {
  for (const spec of STREAMS) {
    const worth = (coin: string) => (coin === 'BTC' ? 20_000 : coin === 'USDC' ? usdc : 1);
    const price = String(Math.round((worth(spec.base) / worth(spec.quote)) * 1e6) / 1e6);
    const fromMs = T0 + hour * HOUR_MS;
    const rows = Array.from({ length: 60 }, (_, minute): Candle => {
      const time = instantOf(fromMs + minute * 60_000);
      return {
        time,
        open: price,
        high: price,
        low: price,
        close: price,
        volume: String(1 + (minute % 7) / 100),
      };
    });
    const head = catalogue.head(spec.name);
    const { opened, payload } = await createProvider({
      signer,
      adapter: 'test/1',
      mode: 'simulated',
    }).observe({
      ...{ stream: spec, rows, gaps: [], observedAt: instantOf(fromMs + HOUR_MS) },
      ...{ sequence: (head?.sequence ?? 0) + 1, previous: head?.id ?? null },
      period: { from: instantOf(fromMs), to: instantOf(fromMs + HOUR_MS) },
    });
    const off = Math.abs(usdc - 1) > 0.01 && spec.name.includes('USDC');
    const verdict = makeStatement(
      'verdict',
      { name: spec.name, sha256: opened.id },
      {
        ...{
          stream: spec.name,
          observation: opened.id,
          checkedAt: instantOf(fromMs + HOUR_MS),
          findings: [],
        },
        contract: { name: spec.name, version: '1.0.0', digest: { sha256: 'a'.repeat(64) } },
        ...{ decision: off ? ('flag' as const) : ('accept' as const), level: 'L1' as const },
        rows: { flagged: off ? [[0, 59]] : [], rejected: marked.rejected ?? [] },
        quality: {
          accuracy: null,
          completeness: null,
          consistency: null,
          credibility: null,
          currentness: null,
        },
      },
    );
    catalogue.keep([
      { opened, payload },
      { opened: await signStatement(verdict, signer), required: 'L1' },
    ]);
  }
}

const cached = () => rememberedInputs(catalogue);

async function deriveHour(
  hour: number,
  read = cached().read,
): Promise<{ id: string; prepared: Prepared; changed: KeptAlert[] }> {
  const head = catalogue.head(MINUTES_STREAM);
  const [fromMs, toMs] = [T0 + hour * HOUR_MS, T0 + (hour + 1) * HOUR_MS];
  const prepared = prepareMinutes(
    catalogue,
    {
      ...{ mode: 'simulated', fromMs, toMs, derivedAt: instantOf(toMs) },
      ...{ sequence: (head?.sequence ?? 0) + 1, previous: head?.id ?? null },
    },
    read,
  )!;
  const opened = await signStatement(derivationStatement(prepared), signer);
  const verdict = prepared.verdictOn(opened.id);
  const signed = await signStatement(
    makeStatement('verdict', { name: MINUTES_STREAM, sha256: opened.id }, verdict),
    signer,
  );
  catalogue.keep([{ opened, payload: prepared.payload, materials: prepared.materials }, { opened: signed }]);
  return { id: opened.id, prepared, changed: alerts.noteChanges(prepared.signalsOn!(opened.id)) };
}

const rowsOf = ({ prepared }: { prepared: Prepared }) => decodePayload(prepared.payload) as MinuteRow[];
const usdcOf = (made: { prepared: Prepared }) => rowsOf(made).find(({ asset }) => asset === 'USDC')!;

test('a depeg is told once, with the row that shows it, and is over after two hours at par', async () => {
  const remembering = cached();
  const said: string[] = [];
  const made: Awaited<ReturnType<typeof deriveHour>>[] = [];
  for (const [hour, usdc] of [1, 1, 0.9, 0.91, 1, 1].entries()) {
    await observeHour(hour, usdc);
    const one = await deriveHour(hour, remembering.read);
    remembering.next();
    made.push(one);
    for (const { check, state, severity } of one.changed) said.push(`${hour} ${check} ${severity} ${state}`);
  }
  expect(said).toEqual(['2 depeg:USDC critical open', '5 depeg:USDC critical recovered']);
  const [alert] = alerts.list({ stream: MINUTES_STREAM, limit: 10 });
  const [statement, row] = alert!.observation!.split('.');
  expect(statement).toBe(made[3]!.id);
  expect(rowsOf(made[3]!)[Number(row)]).toMatchObject({ asset: 'USDC', status: 'fail' });
  expect(usdcOf(made[2]!)).toMatchObject({ status: 'fail', flagged: '240' });
  expect(usdcOf(made[3]!).findings).toMatchObject([{ kind: 'depeg', from: instantOf(T0 + 2 * HOUR_MS) }]);
  expect(usdcOf(made[4]!)).toMatchObject({
    status: 'pass',
    findings: [{ kind: 'depeg', over: expect.any(String) }],
  });
  expect(usdcOf(made[5]!)).toMatchObject({ status: 'pass', findings: [] });

  for (const { id, prepared } of made) {
    expect(prepared.verdictOn(id)).toMatchObject({ decision: 'accept', level: 'L1', observation: id });
    const again = await recompute(catalogue, catalogue.get(id));
    expect(again.agrees).toBe(true);
    expect(again.payload).toEqual(new Uint8Array(again.recorded));
  }
  const served = minuteRows(catalogue, {
    ...{ asset: 'USDC', from: instantOf(T0 + 2 * HOUR_MS), to: instantOf(T0 + 4 * HOUR_MS) },
  });
  expect(served.map(({ time, proof }) => [time, proof.record, proof.served, proof.mode])).toEqual(
    [2, 3].map((hour) => [instantOf(T0 + hour * HOUR_MS), `${made[hour]!.id}.1`, 'accepted', 'simulated']),
  );
});

test('an hour reads nothing after its end, and a candle that was rejected moves nothing but its count', async () => {
  for (const hour of [0, 1]) await observeHour(hour, 1);
  await deriveHour(0);
  const honest = rowsOf(await deriveHour(1));
  await observeHour(2, 0.5);
  const head = catalogue.head(MINUTES_STREAM)!;
  const again = prepareMinutes(catalogue, {
    ...{
      mode: 'simulated',
      fromMs: T0 + HOUR_MS,
      toMs: T0 + 2 * HOUR_MS,
      derivedAt: instantOf(T0 + 2 * HOUR_MS),
    },
    ...{ sequence: head.sequence, previous: null },
  })!;
  expect(decodePayload(again.payload)).toEqual(honest);
  await observeHour(3, 0.5, { rejected: [[0, 59]] });
  const nothing = prepareMinutes(catalogue, {
    ...{
      mode: 'simulated',
      fromMs: T0 + 3 * HOUR_MS,
      toMs: T0 + 4 * HOUR_MS,
      derivedAt: instantOf(T0 + 4 * HOUR_MS),
    },
    ...{ sequence: head.sequence + 1, previous: head.id },
  });
  expect(nothing).toBeNull();
});

test('a recorded hour that was made up, or made by other code, is found out', async () => {
  await observeHour(0, 1);
  const { prepared } = await deriveHour(0);
  const { predicate } = prepared;
  const other = {
    ...predicate,
    sequence: 2,
    function: { ...predicate.function, digest: { sha256: 'c'.repeat(64) } },
  };
  const opened = await signStatement(derivationStatement({ ...prepared, predicate: other }), signer);
  catalogue.keep([{ opened, payload: prepared.payload, materials: prepared.materials }]);
  await expect(recompute(catalogue, catalogue.get(opened.id))).rejects.toThrow(
    expect.objectContaining({ code: 'DERIVATION_MISMATCH' }),
  );
});
