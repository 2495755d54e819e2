/**
 * Shows that no input makes a parser do anything but read it or throw an AssayError, and that a changed note,
 * proof or bundle that still verifies says what the original said. ASSAY_LONG=1 tries a million inputs.
 */
import { expect, test } from 'vitest';
import { type Candle, checkRow, commitRows, rowPath } from './batch.ts';
import { BUNDLE_TYPE, type Bundle, parseBundle } from './bundle.ts';
import { formatCheckpoint, parseCheckpoint, parseCheckpointHead } from './checkpoint.ts';
import { digestHex, signStatement } from './dsse.ts';
import { ed25519Signer } from './ed25519.ts';
import { base64Encode, concatBytes, utf8 } from './encoding.ts';
import { AssayError } from './errors.ts';
import { inclusionPath, leafHash, merkleRoot, verifyInclusion } from './merkle.ts';
import { mlDsaSigner } from './ml-dsa.ts';
import {
  cosigner,
  ed25519NoteSigner,
  formatVkey,
  mlDsaCosigner,
  openNote,
  parseVkey,
  signNote,
} from './note.ts';
import { POLICY_TYPE, type TrustPolicy } from './policy.ts';
import { makeStatement, parseStatement } from './statement.ts';
import { decodeEntries, encodeEntries, parseTilePath, tileHashReader, tilePath } from './tiles.ts';
import { formatTlogPolicy, parseTlogPolicy } from './tlog-policy.ts';
import { formatTlogProof, parseTlogProof } from './tlog-proof.ts';
import { verifyBundle } from './verify.ts';

const INPUTS = process.env.ASSAY_LONG ? 1_000_000 : 20_000;
const MAX_HEAP_BYTES = 512 * 1024 * 1024;

interface Target {
  name: string;
  /** Valid inputs, from which others are made. */
  seeds: Uint8Array[];
  /** Reads an input; checks what it accepts. */
  read(input: Uint8Array): Promise<void> | void;
}

const targets = await makeTargets();

test.each(targets)(
  `$name: ${Math.floor(INPUTS / targets.length)} inputs`,
  async ({ seeds, read }) => {
    const random = generator(1);
    let accepted = 0;
    for (const seed of seeds) await read(seed);
    for (let i = 0; i < INPUTS / targets.length; i++) {
      const input = random(10) === 0 ? bytesFrom(random, random(300)) : mutated(random, seeds);
      try {
        await read(input);
        accepted++;
      } catch (error) {
        if (!(error instanceof AssayError))
          throw new Error(`input ${i} ${JSON.stringify(lossyText(input).slice(0, 2_000))}`, { cause: error });
      }
    }
    // Neither all refused nor all accepted, or this would show nothing.
    expect(accepted).toBeGreaterThan(0);
    expect(accepted).toBeLessThan(INPUTS / targets.length);
    expect(process.memoryUsage().heapUsed).toBeLessThan(MAX_HEAP_BYTES);
  },
  3_600_000,
);

async function makeTargets(): Promise<Target[]> {
  const [logKey, witnessKey, provider] = await Promise.all(
    [1, 2, 3].map((byte) => ed25519Signer(new Uint8Array(32).fill(byte))),
  );
  const log = ed25519NoteSigner('log.example/test', logKey!);
  const witness = cosigner('witness.example/1', witnessKey!, () => 1_700_000_000);
  const quantum = mlDsaCosigner(
    'witness.example/1',
    await mlDsaSigner(new Uint8Array(32)),
    () => 1_700_000_000,
  );
  const keys = [log, witness, quantum].map(({ vkey }) => parseVkey(vkey));

  const entries = Array.from({ length: 22 }, (_, i) => new Uint8Array(3 * i).fill(i));
  const { bundle, policy, entry } = await makeBundle(provider!);
  const leaves = [...entries.slice(0, 11), entry, ...entries.slice(11)].map(leafHash);
  const note = (size: number, signers = [log, witness, quantum]) =>
    signNote(formatCheckpoint({ origin: log.name, size, root: merkleRoot(leaves.slice(0, size)) }), signers);
  const notes = [await note(11), await note(23), await note(23, [log]), await note(1, [quantum])];
  const texts = notes.map((signed) => signed.slice(0, signed.indexOf('\n\n') + 1));
  const proof = async (index: number, size: number, signers?: (typeof log)[]) =>
    formatTlogProof({
      index,
      path: inclusionPath(leaves.slice(0, size), index),
      checkpoint: await note(size, signers),
    });
  const proofs = [await proof(11, 23), await proof(4, 11, [log]), await proof(0, 1, [log])];
  bundle.statement.proof = await proof(11, 23, [log, witness]);
  policy.logs = [{ origin: log.name, vkey: log.vkey }];
  policy.witnesses = { quorum: 1, vkeys: [witness.vkey] };

  const policies = [
    'quorum none\n',
    formatTlogPolicy({
      logs: [{ verifier: keys[0]!, url: 'https://log.example' }],
      witnesses: [
        { name: 'a', verifier: keys[1]!, url: null },
        { name: 'b', verifier: keys[2]!, url: 'https://b.example' },
      ],
      groups: [
        { name: 'g', threshold: 1, members: ['a', 'b'] },
        { name: 'h', threshold: 1, members: ['g'] },
      ],
      quorum: 'h',
    }),
  ];
  const tilePaths = ['tile/0/000', 'tile/3/x001/x234/067', 'tile/entries/x001/000.p/7', 'tile/1/255.p/255'];
  const bundleBytes = utf8(JSON.stringify(bundle));

  return [
    {
      name: 'signed notes',
      seeds: notes.map(utf8),
      async read(input) {
        const { text, signatures } = await openNote(lossyText(input), keys);
        // An ML-DSA cosignature leaves extension lines open; nothing else of the text.
        const covered = signatures.some(({ verifier }) => verifier.algorithm !== 'subtree/v1');
        expect(texts).toContain(covered ? text : formatCheckpoint(parseCheckpointHead(text)));
        for (const { timestamp } of signatures) expect([undefined, 1_700_000_000]).toContain(timestamp);
      },
    },
    {
      name: 'checkpoints',
      seeds: texts.map(utf8),
      read(input) {
        const text = lossyText(input);
        expect(formatCheckpoint(parseCheckpoint(text))).toBe(text);
      },
    },
    {
      name: 'verifier keys',
      seeds: keys.map(({ vkey }) => utf8(vkey)),
      read(input) {
        const { name, publicKey, algorithm, vkey } = parseVkey(lossyText(input));
        const type = { ed25519: 1, 'cosignature/v1': 4, 'subtree/v1': 6 }[algorithm];
        expect(formatVkey(name, type, publicKey)).toBe(lossyText(input));
        expect(vkey).toBe(lossyText(input));
      },
    },
    {
      name: 'entry bundles, tiles and their paths',
      seeds: [encodeEntries(entries), encodeEntries([new Uint8Array(700)]), ...tilePaths.map(utf8)],
      async read(input) {
        const tile = parseTilePath(lossyText(input));
        if (tile) expect(tilePath(tile)).toBe(lossyText(input));
        else expect(encodeEntries(decodeEntries(input))).toEqual(input);
        // Of a tile too, only the length can be wrong.
        await tileHashReader(2, async () => input)(0, 1).catch(expectAssayError);
      },
    },
    {
      name: 'tlog-proofs',
      seeds: proofs.map(utf8),
      async read(input) {
        const text = lossyText(input);
        const { index, path, checkpoint: signed } = parseTlogProof(text);
        expect(formatTlogProof({ index, path, checkpoint: signed })).toBe(text);
        const { size, root } = parseCheckpointHead((await openNote(signed, keys)).text);
        const proven = leaves.findIndex((leaf) => leadsTo(root, { leafHash: leaf, index, size, path }));
        if (proven < 0) throw new AssayError('INCLUSION_PROOF_INVALID', 'of no entry');
        expect(proven).toBe(index);
      },
    },
    {
      name: 'tlog-policies',
      seeds: policies.map(utf8),
      read(input) {
        const once = formatTlogPolicy(parseTlogPolicy(lossyText(input)));
        expect(formatTlogPolicy(parseTlogPolicy(once))).toBe(once);
      },
    },
    {
      name: 'reviews, appeals, outcomes, commitments and executions',
      seeds: opinions(),
      read(input) {
        const statement = parseStatement(JSON.parse(lossyJson(input)));
        expect(parseStatement(JSON.parse(JSON.stringify(statement)))).toEqual(statement);
      },
    },
    {
      name: 'rows of files and readings',
      seeds: otherRows().map((row) => utf8(JSON.stringify(row))),
      read(input) {
        const row = JSON.parse(lossyJson(input));
        const schema = Object.hasOwn(Object(row), 'sha256') ? 'file/v1' : 'reading/v1';
        checkRow(row, schema, 'row', (message) => {
          throw new AssayError('ROW_MALFORMED', message);
        });
      },
    },
    {
      name: 'bundles',
      seeds: [bundleBytes],
      async read(input) {
        const changed = parseBundle(lossyText(input));
        const { outcome, subject } = await verifyBundle(changed, policy);
        if (outcome !== 'verified') throw new AssayError('BUNDLE_MALFORMED', 'not verified');
        expect(subject).toEqual({
          id: bundle.id,
          kind: 'observation',
          stream: 'test.stream',
          row: bundle.row!.value,
        });
        expect(changed.statement.envelope).toEqual(bundle.statement.envelope);
      },
    },
  ];
}

function otherRows() {
  return [
    {
      time: '2026-03-01T00:00:00Z',
      name: 'pixel.png',
      mediaType: 'image/png',
      bytes: '70',
      sha256: 'a'.repeat(64),
      metadata: '{"origin":"made up","parties":["A","B"]}',
    },
    { time: '2026-03-01T00:00:00Z', temperature: '21.5', humidity: null },
  ];
}

function opinions(): Uint8Array[] {
  const id = (letter: string) => letter.repeat(64);
  const about = { stream: 'test.stream', observation: id('a'), verdict: id('b') };
  const item = { item: id('c'), round: 2 as const };
  const time = '2026-03-01T00:00:00Z';
  const statements = [
    makeStatement(
      'review',
      { name: 'test.stream', sha256: id('a') },
      {
        ...about,
        ...item,
        ...{
          decision: 'flag',
          reason: 'odd',
          disputed: ['schema'],
          evidence: [`sha256:${id('d')}`],
          reviewedAt: time,
        },
      },
    ),
    makeStatement(
      'appeal',
      { name: 'test.stream', sha256: id('a') },
      { ...about, outcome: null, reason: 'it was so', appealedAt: time },
    ),
    makeStatement(
      'outcome',
      { name: 'test.stream', sha256: id('a') },
      {
        ...about,
        ...item,
        ...{ previous: id('e'), reviews: [id('f'), id('0')], decision: 'flag', level: 'L1' },
        ...{ rows: { flagged: [[0, 2]], rejected: [] }, reason: 'both reviewers: 2 accept', decidedAt: time },
      },
    ),
    makeStatement(
      'commitment',
      { name: 'assay.review', sha256: digestHex(utf8('secret')) },
      {
        ...{
          stream: 'assay.review',
          purpose: 'sampling',
          digest: digestHex(utf8('secret')),
          revealed: 'secret',
        },
        ...{ period: { from: time, to: '2026-03-02T00:00:00Z' }, ratePpm: 15_000, committedAt: time },
      },
    ),
    makeStatement(
      'execution',
      { name: 'test.stream', sha256: id('a') },
      {
        ...{ stream: 'test.stream', observation: id('a'), agrees: false, executedAt: time },
        function: { name: 'test', version: '1.0.0', digest: { sha256: id('b') } },
        rows: { root: id('c'), count: 60 },
      },
    ),
  ];
  return statements.map((statement) => utf8(JSON.stringify(statement)));
}

/** Text that is JSON; what is not was refused before any of our readers. */
function lossyJson(input: Uint8Array): string {
  const text = lossyText(input);
  try {
    JSON.parse(text);
  } catch {
    throw new AssayError('STATEMENT_MALFORMED', 'no JSON');
  }
  return text;
}

/** A row of a small observation, with everything but its proof and the policy's log and witnesses. */
async function makeBundle(provider: Awaited<ReturnType<typeof ed25519Signer>>) {
  const stream = 'test.stream';
  const rows: Candle[] = Array.from({ length: 3 }, (_, i) => ({
    time: `2023-03-10T00:0${i}:00Z`,
    ...{ open: '1', high: '2', low: '0.5', close: `1.${i + 1}`, volume: '3' },
  }));
  const { commitment, sha256 } = commitRows(rows, 'candle/v1');
  const { id, envelope, entry } = await signStatement(
    makeStatement(
      'observation',
      { name: stream, sha256 },
      {
        stream,
        source: { mode: 'simulated', venue: 'test', instrument: 'A/B', interval: '1m', adapter: 'test/1' },
        sequence: 1,
        previous: null,
        observedAt: '2023-03-10T00:03:00Z',
        period: { from: '2023-03-10T00:00:00Z', to: '2023-03-10T00:03:00Z' },
        gaps: [],
        rows: commitment,
      },
    ),
    provider,
  );
  const bundle: Bundle = {
    mediaType: BUNDLE_TYPE,
    id: `${id}.1`,
    statement: { envelope, proof: '' },
    row: { index: 1, value: rows[1]!, path: rowPath(rows, 1).map(base64Encode) },
    anchors: [],
  };
  const policy: TrustPolicy = {
    mediaType: POLICY_TYPE,
    logs: [],
    witnesses: { quorum: 0, vkeys: [] },
    providers: [{ did: provider.did, streams: [stream] }],
    checkers: [],
    chains: [],
    require: ['row', 'batch', 'signature', 'leaf', 'checkpoint', 'witnesses'],
    accept: ['accept'],
    minLevel: 'L1',
  };
  return { bundle, policy, entry };
}

function leadsTo(root: Uint8Array, proof: Omit<Parameters<typeof verifyInclusion>[0], 'root'>): boolean {
  try {
    verifyInclusion({ ...proof, root });
    return true;
  } catch (error) {
    expectAssayError(error);
    return false;
  }
}

function expectAssayError(error: unknown): void {
  if (!(error instanceof AssayError)) throw error;
}

type Random = (below: number) => number;

/** Whole numbers below a bound, the same in every run (mulberry32). */
function generator(seed: number): Random {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) % below;
  };
}

function bytesFrom(random: Random, length: number): Uint8Array {
  return Uint8Array.from({ length }, () => random(256));
}

const NUMBERS = [
  '0',
  '-1',
  '00',
  '1e9',
  '4294967296',
  '9007199254740993',
  '18446744073709551615',
  '9'.repeat(400),
];
const LETTERS = '\n \t+/=,:.{}[]"\\\0\u007f\u0080\u00ff\ufeff—';

/** A valid input with one to four changes. */
function mutated(random: Random, seeds: Uint8Array[]): Uint8Array {
  let bytes = seeds[random(seeds.length)]!;
  for (let changes = 1 + random(4); changes > 0; changes--) {
    const at = random(bytes.length + 1);
    const to = Math.min(bytes.length, at + random(random(4) === 0 ? 400 : 8));
    const other = seeds[random(seeds.length)]!;
    const from = random(other.length + 1);
    const kinds: (() => Uint8Array)[] = [
      () => (at < bytes.length ? bytes.with(at, bytes[at]! ^ (1 << random(8))) : bytes),
      () => (at < bytes.length ? bytes.with(at, random(256)) : bytes),
      () => splice(bytes, at, at, utf8(LETTERS[random(LETTERS.length)]!)),
      () => splice(bytes, at, to, new Uint8Array()),
      () => splice(bytes, to, to, bytes.subarray(at, to)),
      () => splice(bytes, at, to, other.subarray(from, from + random(400))),
      () => bytes.subarray(0, at),
      () => splice(bytes, at, at, bytesFrom(random, random(8))),
      () => withNumber(random, bytes, NUMBERS[random(NUMBERS.length)]!),
      () => withLines(random, bytes),
      // Rarely something huge: the bounds on sizes must hold.
      () => (random(500) === 0 ? repeated(bytes, at, to) : bytes),
    ];
    bytes = kinds[random(kinds.length)]!();
  }
  return bytes;
}

function splice(bytes: Uint8Array, from: number, to: number, middle: Uint8Array): Uint8Array {
  return concatBytes(bytes.subarray(0, from), middle, bytes.subarray(to));
}

/** With one of its decimal numbers replaced. */
function withNumber(random: Random, bytes: Uint8Array, number: string): Uint8Array {
  const text = lossyText(bytes);
  const found = [...text.matchAll(/\d+/g)];
  const { index = 0, 0: digits = '' } = found[random(found.length || 1)] ?? {};
  return utf8(text.slice(0, index) + number + text.slice(index + digits.length));
}

/** With a line dropped, repeated or moved. */
function withLines(random: Random, bytes: Uint8Array): Uint8Array {
  const lines = lossyText(bytes).split('\n');
  const [line] = lines.splice(random(lines.length), random(2));
  lines.splice(random(lines.length + 1), 0, ...Array.from({ length: random(3) }, () => line ?? ''));
  return utf8(lines.join('\n'));
}

function repeated(bytes: Uint8Array, from: number, to: number): Uint8Array {
  const chunk = bytes.subarray(from, to);
  const huge = new Uint8Array(chunk.length === 0 ? 0 : 600_000);
  for (let at = 0; at < huge.length; at += chunk.length) huge.set(chunk.subarray(0, huge.length - at), at);
  return splice(bytes, from, to, huge);
}

function lossyText(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}
