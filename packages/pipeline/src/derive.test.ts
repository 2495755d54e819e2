/**
 * Which rows a reference rate uses: those that are accepted at the level that their contract requires, by the verdict or
 * by what reviewers decided since; and that it can be recomputed from what is recorded of that.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  type Candle,
  commitRows,
  type Decision,
  decodePayload,
  type Ed25519Signer,
  type Level,
  makeStatement,
  type RowRanges,
  signStatement,
} from '@assay/core';
import type { ReferenceRate } from '@assay/market';
import { createProvider, STREAMS } from '@assay/sources';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { Catalogue } from './catalogue.ts';
import { derivationStatement } from './derive.ts';
import { prepareRates } from './derive-rates.ts';
import { instantOf, signerOf } from './desk.fixture.ts';
import { recompute } from './recompute.ts';

const T0 = Date.parse('2026-03-01T00:00:00Z');
let folder: string;
let catalogue: Catalogue;
let signer: Ed25519Signer;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'assay-derive-'));
  catalogue = new Catalogue(join(folder, 'catalogue.db'));
  signer = await signerOf(1);
});
afterEach(() => {
  catalogue.close();
  rmSync(folder, { recursive: true, force: true });
});

/** Three minutes of a venue at a price, with a verdict on them. */
async function observed(
  stream: string,
  price: string,
  level: Level,
  flagged: RowRanges = [],
): Promise<string> {
  const spec = STREAMS.find(({ name }) => name === stream)!;
  const rows = [0, 1, 2].map(
    (minute): Candle => ({
      ...{
        time: instantOf(T0 + minute * 60_000),
        open: price,
        high: price,
        low: price,
        close: price,
        volume: '1',
      },
    }),
  );
  const { opened, payload } = await createProvider({ signer, adapter: 'test/1', mode: 'simulated' }).observe({
    ...{ stream: spec, rows, gaps: [], sequence: 1, previous: null, observedAt: instantOf(T0 + 180_000) },
    period: { from: instantOf(T0), to: instantOf(T0 + 180_000) },
  });
  const verdict = await signStatement(
    makeStatement(
      'verdict',
      { name: stream, sha256: opened.id },
      {
        ...{ stream, observation: opened.id, checkedAt: instantOf(T0 + 180_000), findings: [], level },
        contract: { name: stream, version: '1.0.0', digest: { sha256: 'a'.repeat(64) } },
        ...{ decision: flagged.length > 0 ? 'flag' : 'accept', rows: { flagged, rejected: [] } },
        quality: {
          accuracy: null,
          completeness: null,
          consistency: null,
          credibility: null,
          currentness: null,
        },
      },
    ),
    signer,
  );
  catalogue.keep([
    { opened, payload },
    { opened: verdict, required: 'L1' },
  ]);
  return opened.id;
}

async function reviewed(
  observation: string,
  stream: string,
  decision: Decision,
  rejected: RowRanges,
): Promise<void> {
  const outcome = makeStatement(
    'outcome',
    { name: stream, sha256: observation },
    {
      ...{
        stream,
        observation,
        verdict: catalogue.verdictOn(observation)!.id,
        previous: null,
        item: 'b'.repeat(64),
      },
      ...{ round: 1, reviews: [], decision, level: decision === 'accept' ? 'L5' : 'L1' },
      ...{ rows: { flagged: [], rejected }, reason: 'both reviewers', decidedAt: instantOf(T0 + 240_000) },
    },
  );
  catalogue.keep([{ opened: await signStatement(outcome, signer) }]);
}

const prepared = () =>
  prepareRates(catalogue, {
    ...{ interval: '1m', mode: 'simulated', fromMs: T0, toMs: T0 + 180_000 },
    ...{ derivedAt: instantOf(T0 + 300_000), sequence: 1, previous: null },
  })!;
const rates = () => decodePayload(prepared().payload) as ReferenceRate[];
const venuesOf = ({ venues }: ReferenceRate) => venues.map(({ stream }) => stream);

test('what is below the level that its contract requires is left out, and named', async () => {
  await observed('coinbase.BTC-USD.1m', '100', 'L3');
  await observed('kraken.BTC-USD.1m', '101', 'L0');
  const [first] = rates();
  expect(first).toMatchObject({ rate: '100' });
  expect(venuesOf(first!)).toEqual(['coinbase.BTC-USD.1m']);
  expect(first!.excluded).toContainEqual({ stream: 'kraken.BTC-USD.1m', reason: 'flagged' });
  expect(prepared().predicate.parameters.requiredLevels).toEqual({
    'coinbase.BTC-USD.1m': 'L1',
    'kraken.BTC-USD.1m': 'L1',
  });
});

test('a row that reviewers accepted counts, one that they rejected does not, and the figure says by whose word', async () => {
  const held = await observed('coinbase.BTC-USD.1m', '100', 'L0', [[0, 2]]);
  const fine = await observed('kraken.BTC-USD.1m', '102', 'L3');
  expect(rates().map(venuesOf)).toEqual(Array(3).fill(['kraken.BTC-USD.1m']));
  await reviewed(held, 'coinbase.BTC-USD.1m', 'accept', []);
  await reviewed(fine, 'kraken.BTC-USD.1m', 'reject', [[1, 1]]);
  expect(rates().map(venuesOf)).toEqual([
    ['coinbase.BTC-USD.1m', 'kraken.BTC-USD.1m'],
    ['coinbase.BTC-USD.1m'],
    ['coinbase.BTC-USD.1m', 'kraken.BTC-USD.1m'],
  ]);
  const made = prepared();
  expect(made.materials.map(({ verdict }) => verdict).sort()).toEqual(
    [held, fine].map((id) => catalogue.verdictOn(id)!.outcome!.id).sort(),
  );
  const opened = await signStatement(derivationStatement(made), signer);
  catalogue.keep([{ opened, payload: made.payload, materials: made.materials }]);
  const { payload, recorded, rows, agrees } = await recompute(catalogue, catalogue.get(opened.id));
  expect(payload).toEqual(new Uint8Array(recorded));
  expect([rows, agrees]).toEqual([{ root: made.predicate.rows.root, count: 3 }, true]);
});

test('a figure that was made up is found out, and an input that was changed is not computed with', async () => {
  const input = await observed('coinbase.BTC-USD.1m', '100', 'L3');
  const made = prepared();
  const invented = commitRows([{ ...rates()[0]!, rate: '99' }], 'reference-rate/v1');
  const opened = await signStatement(
    derivationStatement({ ...made, predicate: { ...made.predicate, rows: invented.commitment } }),
    signer,
  );
  catalogue.keep([{ opened, payload: invented.payload, materials: made.materials }]);
  expect(await recompute(catalogue, catalogue.get(opened.id))).toMatchObject({
    agrees: false,
    rows: { root: made.predicate.rows.root, count: 3 },
  });
  const { payload: cid } = catalogue.get(input);
  const honest = catalogue.payload(cid!);
  const changed = new TextEncoder().encode(new TextDecoder().decode(honest).replaceAll('100', '99'));
  catalogue.sql.run('UPDATE payloads SET bytes = ? WHERE cid = ?', changed, cid);
  await expect(recompute(catalogue, catalogue.get(opened.id))).rejects.toThrow(
    expect.objectContaining({ code: 'PAYLOAD_MISMATCH' }),
  );
});
