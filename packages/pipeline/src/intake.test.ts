/** The door answers whatever is thrown at it with one of its codes, and lets only the genuine next batch in. */
import {
  AssayError,
  base64Encode,
  commitRows,
  digestHex,
  type Ed25519Signer,
  type Envelope,
  ed25519Signer,
  type FileRow,
  makeStatement,
  signStatement,
} from '@assay/core';
import { createProvider, STREAMS } from '@assay/sources';
import fc from 'fast-check';
import { beforeAll, expect, test } from 'vitest';
import type { StreamHead } from './catalogue.ts';
import { admit, type IntakeView } from './intake.ts';

const STREAM = STREAMS[0]!;
let signer: Ed25519Signer;
let genuine: { envelope: Envelope; payload: Uint8Array; id: string };

beforeAll(async () => {
  signer = await ed25519Signer(new Uint8Array(32).fill(1));
  const { opened, payload } = await createProvider({ signer, adapter: 'test/1', mode: 'simulated' }).observe({
    stream: STREAM,
    rows: [{ time: '2024-01-01T00:00:00Z', open: '1', high: '2', low: '0.5', close: '1.5', volume: '3' }],
    period: { from: '2024-01-01T00:00:00Z', to: '2024-01-01T00:01:00Z' },
    gaps: [],
    observedAt: '2024-01-01T00:01:00Z',
    sequence: 1,
    previous: null,
  });
  genuine = { envelope: opened.envelope, payload, id: opened.id };
});

const view = (
  change: { head?: StreamHead | null; known?: boolean; provider?: string | null } = {},
): IntakeView => ({
  providerOf: () => (change.provider === undefined ? signer.did : change.provider),
  head: () => change.head ?? null,
  has: () => change.known ?? false,
});

const refusal = (input: { envelope: unknown; payload: Uint8Array }, under: IntakeView = view()) =>
  admit(input, under).then(
    () => 'admitted',
    (error: AssayError) => `${error.code}: ${error.message}`,
  );

test('the genuine next batch is admitted', async () => {
  const { opened, rows } = await admit(genuine, view());
  expect([opened.id, rows.length]).toEqual([genuine.id, 1]);
});

test('each refusal says what was expected and what came', async () => {
  const id = (text: string) => text.replaceAll(signer.did, '<did>').replaceAll(genuine.id, '<id>');
  const head = { id: 'a'.repeat(64), sequence: 4, to: '2023-12-31T00:00:00Z' };
  const refusals = [
    await refusal(genuine, view({ provider: null })),
    await refusal(genuine, view({ provider: 'did:key:z6MkOther' })),
    await refusal(genuine, view({ known: true })),
    await refusal(genuine, view({ head })),
    await refusal({ ...genuine, payload: genuine.payload.slice(0, -1) }),
    await refusal({
      ...genuine,
      payload: new TextEncoder().encode(`${new TextDecoder().decode(genuine.payload)}\n`),
    }),
    await refusal({ ...genuine, envelope: { ...genuine.envelope, extra: 1 } }),
    await refusal({ ...genuine, payload: new Uint8Array(4 * 1024 * 1024 + 1) }),
  ];
  expect(refusals.map(id)).toMatchInlineSnapshot(`
    [
      "PROVIDER_UNKNOWN: no provider is registered for the stream binance.BTC-USDC.1m",
      "PROVIDER_UNKNOWN: expected binance.BTC-USDC.1m to be signed by did:key:z6MkOther, got <did>",
      "BATCH_REPLAYED: this batch is already recorded as <id>",
      "BATCH_OUT_OF_ORDER: expected batch 5 of binance.BTC-USDC.1m after aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa, got batch 1 after nothing",
      "PAYLOAD_MISMATCH: expected at least one row, got none",
      "PAYLOAD_MISMATCH: the payload is not one JSON object a line",
      "ENVELOPE_MALFORMED: envelope: unexpected member "extra"",
      "PAYLOAD_TOO_LARGE: expected at most 4194304 bytes of rows, got 4194305",
    ]
  `);
});

test('no changed byte of envelope or payload is admitted, and nothing but our own errors comes out', async () => {
  const entry = JSON.stringify(genuine.envelope);
  await fc.assert(
    fc.asyncProperty(
      fc.boolean(),
      fc.nat(),
      fc.integer({ min: 1, max: 255 }),
      async (inPayload, at, flip) => {
        const payload = genuine.payload.slice();
        let envelope: unknown = genuine.envelope;
        if (inPayload) payload[at % payload.length]! ^= flip;
        else {
          const bytes = new TextEncoder().encode(entry);
          bytes[at % bytes.length]! ^= flip;
          envelope = bytes;
        }
        const error = await admit({ envelope, payload }, view()).catch((caught: unknown) => caught);
        expect(error).toBeInstanceOf(AssayError);
      },
    ),
    { numRuns: 600 },
  );
  await fc.assert(
    fc.asyncProperty(fc.jsonValue(), fc.uint8Array({ maxLength: 64 }), async (envelope, payload) => {
      await expect(admit({ envelope, payload }, view())).rejects.toBeInstanceOf(AssayError);
      const dressed = {
        ...genuine.envelope,
        payload: base64Encode(new TextEncoder().encode(JSON.stringify(envelope))),
      };
      await expect(admit({ envelope: dressed, payload }, view())).rejects.toBeInstanceOf(AssayError);
    }),
    { numRuns: 300 },
  );
});

test('files come whole, each with its digest and size, none missing and none besides', async () => {
  const bytes = (text: string) => new TextEncoder().encode(text);
  const row = (text: string, change: Partial<FileRow> = {}): FileRow => ({
    ...{ time: '2024-01-01T00:00:00Z', name: 'a.txt', mediaType: 'text/plain', metadata: '{"by":"A"}' },
    ...{ bytes: String(text.length), sha256: digestHex(bytes(text)), ...change },
  });
  const observe = async (rows: FileRow[]) => {
    const { commitment, payload, sha256 } = commitRows(rows, 'file/v1');
    const statement = makeStatement(
      'observation',
      { name: 'lab.files', sha256 },
      {
        stream: 'lab.files',
        source: { mode: 'live', venue: 'lab', instrument: 'files', interval: 'irregular', adapter: 'test/1' },
        ...{ sequence: 1, previous: null, observedAt: '2024-01-01T00:00:00Z', gaps: [], rows: commitment },
        period: { from: '2024-01-01T00:00:00Z', to: '2024-01-01T00:00:01Z' },
      },
    );
    return { envelope: (await signStatement(statement, signer)).envelope, payload };
  };
  const two = await observe([row('one'), row('three')]);
  const { files } = await admit({ ...two, attachments: [bytes('three'), bytes('one')] }, view());
  expect([...files.values()].map((content) => new TextDecoder().decode(content))).toEqual(['one', 'three']);
  const code = async (input: { envelope: unknown; payload: Uint8Array }, ...attachments: Uint8Array[]) =>
    (await refusal({ ...input, attachments } as typeof input)).split(':')[0];
  expect(await code(two, bytes('one'))).toBe('PAYLOAD_MISMATCH');
  expect(await code(two)).toBe('PAYLOAD_MISMATCH');
  expect(await code(two, bytes('one'), bytes('other'))).toBe('PAYLOAD_MISMATCH');
  expect(await code(two, bytes('one'), bytes('three'), bytes('more'))).toBe('PAYLOAD_MISMATCH');
  expect(await code(genuine, bytes('one'))).toBe('PAYLOAD_MISMATCH');
  expect(await code(await observe([row('one', { bytes: '4' })]), bytes('one'))).toBe('PAYLOAD_MISMATCH');
  expect(await code(await observe([row('one', { name: '../one' })]), bytes('one'))).toBe('ROW_MALFORMED');
  expect(await code(await observe([row('one', { metadata: '{"b":1,"a":2}' })]), bytes('one'))).toBe(
    'ROW_MALFORMED',
  );
  const many = Array.from({ length: 17 }, (_, i) => `file ${i}`);
  expect(await code(await observe(many.map((text) => row(text))), ...many.map(bytes))).toBe(
    'PAYLOAD_TOO_LARGE',
  );
  expect(await code(two, bytes('one'), new Uint8Array(16 * 1024 * 1024))).toBe('PAYLOAD_TOO_LARGE');
});
