/**
 * Shows what evidence proves and what it does not: two histories and forgeries convict, honest logs are never
 * convicted, what a server did stays unknown, and no changed character goes unnoticed (ASSAY_LONG=1: each of them).
 */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { formatCheckpoint } from './checkpoint.ts';
import { signStatement } from './dsse.ts';
import { ed25519Signer } from './ed25519.ts';
import { base64Encode, fromUtf8, utf8 } from './encoding.ts';
import {
  EVIDENCE_TYPE,
  type Evidence,
  judgeEntry,
  parseEvidence,
  proveSplit,
  proveTile,
  verifyEvidence,
} from './evidence.ts';
import { inclusionPath, leafHash, merkleRoot } from './merkle.ts';
import { cosigner, ed25519NoteSigner, type NoteSigner, parseVkey, signNote } from './note.ts';
import { makeStatement } from './statement.ts';
import { encodeEntries, type Tile, tilePath } from './tiles.ts';

const ORIGIN = 'evidence.test/log';
const LOG = ed25519NoteSigner(ORIGIN, await ed25519Signer(new Uint8Array(32).fill(1)));
const OTHER_LOG = ed25519NoteSigner('other.test/log', await ed25519Signer(new Uint8Array(32).fill(2)));
const PROVIDER = await ed25519Signer(new Uint8Array(32).fill(3));
const KEYS = { log: [parseVkey(LOG.vkey)] };

const entries = (count: number, word = 'entry') =>
  Array.from({ length: count }, (_, i) => utf8(`${word} ${i}`));
const hashed = (list: readonly Uint8Array[]) => list.map(leafHash);
const reader = (leaves: readonly Uint8Array[]) => async (level: number, index: number) =>
  merkleRoot(leaves.slice(index * 2 ** level, (index + 1) * 2 ** level));

async function signed(leaves: readonly Uint8Array[], signers: NoteSigner[] = [LOG], origin = ORIGIN) {
  return signNote(formatCheckpoint({ origin, size: leaves.length, root: merkleRoot(leaves) }), signers);
}

async function splitView(a: readonly Uint8Array[], b: readonly Uint8Array[]): Promise<Evidence> {
  const [older, newer] = a.length <= b.length ? [a, b] : [b, a];
  const path =
    older.length === newer.length ? [] : await proveSplit(older.length, newer.length, reader(newer));
  return {
    mediaType: EVIDENCE_TYPE,
    kind: 'split-view',
    notes: [await signed(a), await signed(b)],
    path: path.map(base64Encode),
  };
}

const outcome = async (evidence: Evidence, keys: Parameters<typeof verifyEvidence>[1] = KEYS) =>
  (await verifyEvidence(parseEvidence(JSON.stringify(evidence)), keys)).outcome;

const statement = async () =>
  (
    await signStatement(
      makeStatement('index', { name: 'x', sha256: 'a'.repeat(64) }, { stream: 'x', segments: [] }),
      PROVIDER,
    )
  ).entry;

async function forgery(entry: Uint8Array): Promise<Evidence> {
  const leaves = hashed([...entries(20), entry, ...entries(9)]);
  return {
    mediaType: EVIDENCE_TYPE,
    kind: 'statement-invalid',
    note: await signed(leaves),
    index: 20,
    entry: base64Encode(entry),
    path: inclusionPath(leaves, 20).map(base64Encode),
  };
}

test('two histories convict at every pair of sizes; one history never does', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: 70 }),
      fc.integer({ min: 1, max: 70 }),
      fc.nat(),
      async (sizeA, sizeB, at) => {
        const leaves = hashed(entries(Math.max(sizeA, sizeB)));
        // They differ in an entry that both have.
        const other = leaves.with(at % Math.min(sizeA, sizeB), leafHash(utf8('another')));
        const [a, b] = [leaves.slice(0, sizeA), leaves.slice(0, sizeB)];
        expect(await outcome(await splitView(a, other.slice(0, sizeB)))).toBe('verified');
        expect(await outcome(await splitView(a, b))).toBe('failed');
        // A path of another history does not lead to the root that was signed.
        const { path } = (await splitView(a, other.slice(0, sizeB))) as { path: string[] };
        expect(await outcome({ ...(await splitView(a, b)), path } as Evidence)).toBe('failed');
      },
    ),
    { numRuns: process.env.ASSAY_LONG ? 2_000 : 60 },
  );
});

test('a log answers for what its own key signed under its own name', async () => {
  const evidence = await splitView(hashed(entries(8)), hashed(entries(8, 'another')));
  expect(await outcome(evidence, { log: [parseVkey(OTHER_LOG.vkey)] })).toBe('failed');
  const [a, b] = [hashed(entries(8)), hashed(entries(8, 'another'))];
  // Of two logs, in the name of another, by one of the two only.
  for (const notes of [
    [await signed(a), await signed(b, [OTHER_LOG], 'other.test/log')],
    [await signed(a, [OTHER_LOG]), await signed(b, [OTHER_LOG])],
    [await signed(a), await signed(b, [OTHER_LOG])],
  ] as [string, string][]) {
    const log = [parseVkey(LOG.vkey), parseVkey(OTHER_LOG.vkey)];
    expect(await outcome({ ...evidence, notes } as Evidence, { log })).toBe('failed');
  }
});

test('a forged statement convicts; a sound one and what is no statement do not', async () => {
  const sound = await statement();
  const text = fromUtf8(sound);
  expect(await outcome(await forgery(utf8(text.replace('"payload":"e', '"payload":"f'))))).toBe('verified');
  expect(await outcome(await forgery(utf8(text.replace('{"payload"', '{ "payload"'))))).toBe('verified');
  expect(await outcome(await forgery(sound))).toBe('failed');
  for (const entry of [utf8('hello'), utf8('{}'), new Uint8Array(), Uint8Array.of(0x7b, 0xff)]) {
    expect(await judgeEntry(entry)).toEqual({ isStatement: false, forgery: null });
    expect(await outcome(await forgery(entry))).toBe('failed');
  }
});

test('a tile or bundle of any level and width: other bytes are plausible, the right ones refuted', async () => {
  const list = entries(66_400);
  const leaves = hashed(list);
  // Hashes of the level above, once: each test reads from them.
  const above = Array.from({ length: 260 }, (_, i) => merkleRoot(leaves.slice(i * 256, (i + 1) * 256)));
  const read = async (level: number, index: number) =>
    level >= 8 ? reader(above)(level - 8, index) : reader(leaves)(level, index);
  const note = await signed(leaves);
  const tiles: [Tile, Uint8Array][] = [
    [{ level: 'entries', index: 3, width: 256 }, encodeEntries(list.slice(768, 1024))],
    [{ level: 'entries', index: 259, width: 96 }, encodeEntries(list.slice(66_304))],
    [{ level: 0, index: 3, width: 256 }, Buffer.concat(leaves.slice(768, 1024))],
    [{ level: 0, index: 259, width: 96 }, Buffer.concat(leaves.slice(66_304))],
    [{ level: 1, index: 0, width: 256 }, Buffer.concat(above.slice(0, 256))],
    [{ level: 1, index: 1, width: 3 }, Buffer.concat(above.slice(256, 259))],
    [{ level: 2, index: 0, width: 1 }, merkleRoot(above.slice(0, 256))],
  ];
  for (const [tile, right] of tiles) {
    const proof = await proveTile(tile, leaves.length, read);
    const evidence = (bytes: Uint8Array, changes = {}): Evidence => ({
      mediaType: EVIDENCE_TYPE,
      kind: 'tile-altered',
      note,
      tile: tilePath(tile),
      bytes: base64Encode(bytes),
      root: base64Encode(proof.root),
      path: proof.path.map(base64Encode),
      ...changes,
    });
    expect(await outcome(evidence(right)), tilePath(tile)).toBe('failed');
    for (const wrong of [right.with(5, right[5]! ^ 1), right.slice(0, -1), new Uint8Array()]) {
      expect(await outcome(evidence(wrong)), tilePath(tile)).toBe('inconclusive');
      // What belongs there has to be shown, or it stays unknown.
      expect(await outcome(evidence(wrong, { path: [] })), tilePath(tile)).toBe('failed');
      expect(await outcome(evidence(wrong, { root: base64Encode(leaves[0]!) }))).toBe('failed');
      expect(await outcome(evidence(wrong, { root: '', path: [] }))).toBe('inconclusive');
      expect(await outcome(evidence(wrong, { tile: 'tile/0/260' }))).toBe('failed');
    }
  }
});

test('the bytes of the largest bundle can be shown', async () => {
  const list = Array.from({ length: 256 }, () => new Uint8Array(65_535));
  const leaves = hashed(list);
  const tile: Tile = { level: 'entries', index: 0, width: 256 };
  const proof = await proveTile(tile, 256, reader(leaves));
  const bytes = encodeEntries(list);
  bytes[100] = 1;
  const evidence: Evidence = {
    mediaType: EVIDENCE_TYPE,
    kind: 'tile-altered',
    note: await signed(leaves),
    tile: 'tile/entries/000',
    bytes: base64Encode(bytes),
    root: base64Encode(proof.root),
    path: [],
  };
  expect(await outcome(evidence)).toBe('inconclusive');
});

test('what is not served, steps back or stalls rests on a word, unless a witness saw the order', async () => {
  const leaves = hashed(entries(300));
  const note = await signed(leaves);
  const missing = (tile: string) => outcome({ mediaType: EVIDENCE_TYPE, kind: 'tile-missing', note, tile });
  expect(await missing('tile/0/001.p/44')).toBe('inconclusive');
  for (const tile of ['tile/0/001.p/45', 'tile/0/001', 'tile/0/002', 'tile/2/000.p/1', 'checkpoint', '../x'])
    expect(await missing(tile), tile).toBe('failed');
  expect(await outcome({ mediaType: EVIDENCE_TYPE, kind: 'growth-stalled', note })).toBe('inconclusive');

  const at = async (seconds: number) =>
    cosigner('w', await ed25519Signer(new Uint8Array(32).fill(9)), () => seconds);
  const smaller = leaves.slice(0, 200);
  const rollback = (notes: [string, string]): Evidence => ({
    mediaType: EVIDENCE_TYPE,
    kind: 'rollback',
    notes,
  });
  const keys = { ...KEYS, witnesses: [parseVkey((await at(0)).vkey)] };
  expect(await outcome(rollback([note, await signed(smaller)]))).toBe('inconclusive');
  expect(await outcome(rollback([await signed(smaller), note]))).toBe('failed');
  const cosigned = async (first: number, second: number) =>
    rollback([await signed(leaves, [LOG, await at(first)]), await signed(smaller, [LOG, await at(second)])]);
  expect(await outcome(await cosigned(1_000, 2_000), keys)).toBe('verified');
  expect(await outcome(await cosigned(2_000, 1_000), keys)).toBe('inconclusive');
  expect(await outcome(await cosigned(1_000, 2_000))).toBe('inconclusive');
});

test('no changed character leaves a conviction standing', { timeout: 120_000 }, async () => {
  const leaves = hashed(entries(21));
  const convictions = [
    await splitView(leaves, hashed(entries(21, 'another'))),
    await splitView(leaves, [...leaves.slice(0, 20), ...hashed(entries(9, 'another'))]),
    await forgery(utf8(fromUtf8(await statement()).replace('"payload":"e', '"payload":"f'))),
  ];
  for (const evidence of convictions) {
    const file = `${JSON.stringify(evidence, null, 2)}\n`;
    expect(await outcome(parseEvidence(file))).toBe('verified');
    for (let at = 0; at < file.length; at += process.env.ASSAY_LONG ? 1 : 3) {
      for (const character of new Set(['A', '0', ' ', '"', String.fromCharCode(file.charCodeAt(at) ^ 1)])) {
        if (character === file[at]) continue;
        const changed = file.slice(0, at) + character + file.slice(at + 1);
        const found = await verifyChanged(changed, evidence);
        expect(found, `${file.slice(Math.max(at - 20, 0), at)}[${character}]`).not.toBe('verified');
      }
    }
  }
});

/** Outcome of a changed file; `same` where the change is one of white space between the members. */
async function verifyChanged(file: string, original: Evidence): Promise<string> {
  try {
    const evidence = parseEvidence(file);
    if (JSON.stringify(evidence) === JSON.stringify(original)) return 'same';
    return (await verifyEvidence(evidence, KEYS)).outcome;
  } catch (error) {
    expect((error as { code?: string }).code).toBe('EVIDENCE_MALFORMED');
    return 'malformed';
  }
}
