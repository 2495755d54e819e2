/**
 * The verifier: a real row in a real (small) log with three witnesses verifies; every single changed character
 * fails; what is missing is unknown.
 */
import { readFileSync } from 'node:fs';
import { Ajv2020 } from 'ajv/dist/2020.js';
import fc from 'fast-check';
import { beforeAll, expect, test } from 'vitest';
import { type Candle, commitRows, rowPath } from './batch.ts';
import { BUNDLE_TYPE, type Bundle, parseBundle } from './bundle.ts';
import { formatCheckpoint } from './checkpoint.ts';
import { type OpenedEnvelope, signStatement } from './dsse.ts';
import { ed25519Signer } from './ed25519.ts';
import { base64Encode } from './encoding.ts';
import { inclusionPath, leafHash, merkleRoot } from './merkle.ts';
import { cosigner, ed25519NoteSigner, type NoteSigner, signNote } from './note.ts';
import { POLICY_TYPE, parseTrustPolicy, type TrustPolicy } from './policy.ts';
import { makeStatement } from './statement.ts';
import { formatTlogProof } from './tlog-proof.ts';
import { verifyBundle } from './verify.ts';

const STREAM = 'kraken.BTC-USD.1m';
const rows: Candle[] = Array.from({ length: 5 }, (_, i) => ({
  time: `2023-03-10T00:0${i}:00Z`,
  open: '20000.1',
  high: '20010',
  low: '19990.5',
  close: `2000${i}`,
  volume: '1.25',
}));

let bundle: Bundle;
let policy: TrustPolicy;
let witnesses: NoteSigner[];
let log: NoteSigner;

beforeAll(async () => {
  const [logKey, provider, checker, ...witnessKeys] = await Promise.all(
    [1, 2, 3, 4, 5, 6].map((byte) => ed25519Signer(new Uint8Array(32).fill(byte))),
  );
  log = ed25519NoteSigner('log.example/test', logKey!);
  witnesses = witnessKeys.map((key, i) => cosigner(`witness.example/${i}`, key, () => 1_700_000_000 + i));
  const { commitment, sha256 } = commitRows(rows, 'candle/v1');
  const observation = await signStatement(
    makeStatement(
      'observation',
      { name: STREAM, sha256 },
      {
        stream: STREAM,
        source: {
          mode: 'simulated',
          venue: 'kraken',
          instrument: 'BTC/USD',
          interval: '1m',
          adapter: 'test/1',
        },
        sequence: 1,
        previous: null,
        observedAt: '2023-03-10T00:05:00Z',
        period: { from: '2023-03-10T00:00:00Z', to: '2023-03-10T00:05:00Z' },
        gaps: [],
        rows: commitment,
      },
    ),
    provider!,
  );
  const verdict = await signStatement(
    makeStatement(
      'verdict',
      { name: STREAM, sha256: observation.id },
      {
        stream: STREAM,
        observation: observation.id,
        contract: { name: STREAM, version: '1.0.0', digest: { sha256: 'a'.repeat(64) } },
        checkedAt: '2023-03-10T00:05:00Z',
        findings: [
          {
            check: 'expect_column_values_to_be_between',
            column: 'close',
            status: 'fail',
            severity: 'flag',
            reason: 'row 4 is high',
            rows: [[4, 4]],
          },
        ],
        decision: 'flag',
        level: 'L1',
        rows: { flagged: [[4, 4]], rejected: [] },
        quality: {
          accuracy: '0.8',
          completeness: '1',
          consistency: null,
          credibility: null,
          currentness: '1',
        },
      },
    ),
    checker!,
  );
  bundle = await bundleOf(observation, verdict, 2, witnesses.slice(0, 2));
  policy = {
    mediaType: POLICY_TYPE,
    logs: [{ origin: log.name, vkey: log.vkey }],
    witnesses: { quorum: 2, vkeys: witnesses.map(({ vkey }) => vkey) },
    providers: [{ did: provider!.did, streams: [STREAM] }],
    checkers: [checker!.did],
    chains: [],
    require: ['row', 'batch', 'signature', 'checks', 'leaf', 'checkpoint', 'witnesses'],
    accept: ['accept'],
    minLevel: 'L1',
  };
});

async function bundleOf(
  observation: OpenedEnvelope,
  verdict: OpenedEnvelope,
  row: number,
  cosigners: NoteSigner[],
): Promise<Bundle> {
  const filler = Array.from({ length: 7 }, (_, i) => Uint8Array.of(i));
  const entries = [...filler, observation.entry, verdict.entry, ...filler];
  const leaves = entries.map(leafHash);
  const checkpoint = await signNote(
    formatCheckpoint({ origin: log.name, size: leaves.length, root: merkleRoot(leaves) }),
    [log, ...cosigners],
  );
  const prove = (index: number) => formatTlogProof({ index, path: inclusionPath(leaves, index), checkpoint });
  return {
    mediaType: BUNDLE_TYPE,
    id: `${observation.id}.${row}`,
    statement: { envelope: observation.envelope, proof: prove(7) },
    row: { index: row, value: rows[row]!, path: rowPath(rows, row).map(base64Encode) },
    verdict: { envelope: verdict.envelope, proof: prove(8) },
    anchors: [],
  };
}

const statuses = async (changed: unknown, under = policy) => {
  const report = await verifyBundle(parseBundle(changed), under);
  return {
    outcome: report.outcome,
    ...Object.fromEntries(report.steps.map(({ step, status }) => [step, status])),
  };
};
const edited = (edit: (copy: Bundle) => void): Bundle => {
  const copy = structuredClone(bundle);
  edit(copy);
  return copy;
};

test('an accepted row of a flagged batch verifies; without an anchor that step is unknown', async () => {
  expect(await statuses(bundle)).toEqual({
    outcome: 'verified',
    row: 'pass',
    batch: 'pass',
    signature: 'pass',
    checks: 'pass',
    leaf: 'pass',
    checkpoint: 'pass',
    witnesses: 'pass',
    anchor: 'unknown',
  });
  expect(await statuses(bundle, { ...policy, require: [...policy.require, 'anchor'] })).toMatchObject({
    outcome: 'inconclusive',
  });
});

test('a swapped row, proof, checkpoint or verdict fails at its own rung', async () => {
  const swapped = edited((copy) => {
    copy.row!.value = rows[3]!;
  });
  expect(await statuses(swapped)).toMatchObject({ outcome: 'failed', batch: 'fail', leaf: 'pass' });
  const proofs = edited((copy) => {
    copy.statement.proof = bundle.verdict!.proof;
  });
  expect(await statuses(proofs)).toMatchObject({ outcome: 'failed', leaf: 'fail', checkpoint: 'pass' });
  const verdict = edited((copy) => {
    copy.verdict = bundle.statement;
  });
  expect(await statuses(verdict)).toMatchObject({ outcome: 'failed', checks: 'fail', signature: 'pass' });
  const none = edited((copy) => {
    delete copy.verdict;
  });
  expect(await statuses(none)).toMatchObject({ outcome: 'inconclusive', checks: 'unknown' });
});

test("the policy decides: another log, provider, checker, quorum or level is not this policy's", async () => {
  const under = async (change: Partial<TrustPolicy>) => statuses(bundle, { ...policy, ...change });
  const stranger = (await ed25519Signer(new Uint8Array(32).fill(77))).did;
  expect(await under({ logs: [] })).toMatchObject({ outcome: 'failed', checkpoint: 'fail' });
  expect(await under({ providers: [{ did: stranger, streams: [STREAM] }] })).toMatchObject({
    outcome: 'failed',
    signature: 'fail',
  });
  expect(
    await under({ providers: [{ ...policy.providers[0]!, streams: ['kraken.BTC-USDT.1m'] }] }),
  ).toMatchObject({ signature: 'fail' });
  expect(await under({ checkers: [stranger] })).toMatchObject({ outcome: 'failed', checks: 'fail' });
  expect(await under({ witnesses: { ...policy.witnesses, quorum: 3 } })).toMatchObject({
    outcome: 'failed',
    witnesses: 'fail',
  });
  expect(await under({ witnesses: { quorum: 0, vkeys: [] } })).toMatchObject({
    outcome: 'inconclusive',
    witnesses: 'unknown',
  });
  expect(await under({ minLevel: 'L3' })).toMatchObject({ outcome: 'failed', checks: 'fail' });
});

test('a flagged row of the same batch does not pass the checks', async () => {
  const flagged = edited((copy) => {
    copy.id = copy.id.replace(/\d+$/, '4');
    copy.row = { index: 4, value: rows[4]!, path: rowPath(rows, 4).map(base64Encode) };
  });
  expect(await statuses(flagged)).toMatchObject({ outcome: 'failed', batch: 'pass', checks: 'fail' });
  expect(await statuses(flagged, { ...policy, accept: ['accept', 'flag'] })).toMatchObject({
    outcome: 'verified',
  });
});

test('every changed character of the bundle fails', async () => {
  const leaves: { at: (string | number)[]; value: string | number }[] = [];
  const collect = (value: unknown, at: (string | number)[]): void => {
    if (typeof value === 'string' || typeof value === 'number') leaves.push({ at, value });
    else for (const [key, member] of Object.entries(value as object)) collect(member, [...at, key]);
  };
  collect(bundle, []);
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(...leaves),
      fc.nat(),
      fc.constantFrom(...'A0z9.f+ "'),
      async ({ at, value }, position, letter) => {
        const text = String(value);
        const where = position % text.length;
        fc.pre(text[where] !== letter);
        const changed = text.slice(0, where) + letter + text.slice(where + 1);
        const copy = structuredClone(bundle) as unknown as Record<string | number, unknown>;
        let parent = copy;
        for (const key of at.slice(0, -1)) parent = parent[key] as typeof copy;
        parent[at.at(-1)!] = typeof value === 'number' ? Number(changed) : changed;
        fc.pre(parent[at.at(-1)!] !== value);
        const outcome = await statuses(copy).then(
          (report) => report.outcome,
          (error: { code: string }) => error.code,
        );
        expect(['failed', 'BUNDLE_MALFORMED'], `${at.join('.')}: ${text.slice(0, 60)}`).toContain(outcome);
      },
    ),
    { numRuns: 1500 },
  );
});

test('truncated, padded and foreign bundles and policies are refused with a path and a code', () => {
  const json = JSON.stringify(bundle);
  for (const bad of [
    json.slice(0, 400),
    '',
    '[]',
    'null',
    JSON.stringify({ ...bundle, extra: 1 }),
    JSON.stringify({ ...bundle, rows: [] }),
  ]) {
    expect(() => parseBundle(bad)).toThrow(expect.objectContaining({ code: 'BUNDLE_MALFORMED' }));
  }
  for (const bad of [
    { ...policy, logs: 1 },
    { ...policy, require: ['trust'] },
    { ...policy, witnesses: { quorum: 4, vkeys: policy.witnesses.vkeys } },
    {},
  ]) {
    expect(() => parseTrustPolicy(bad)).toThrow(expect.objectContaining({ code: 'POLICY_MALFORMED' }));
  }
  expect(parseTrustPolicy(JSON.stringify(policy))).toEqual(policy);
});

test('what is made here satisfies the published schemas, and what is not does not', () => {
  const ajv = new Ajv2020({ strict: false });
  const schema = (name: string) =>
    ajv.compile(JSON.parse(readFileSync(new URL(`../schemas/${name}.v1.json`, import.meta.url), 'utf8')));
  const payloadOf = (envelope: { payload: string }) =>
    JSON.parse(Buffer.from(envelope.payload, 'base64').toString());
  const examples: [string, object][] = [
    ['bundle', bundle],
    ['trust-policy', policy],
    ['candle', rows[0]!],
    ['observation', payloadOf(bundle.statement.envelope)],
    ['verdict', payloadOf(bundle.verdict!.envelope)],
  ];
  for (const [name, example] of examples) {
    const validate = schema(name);
    expect(validate(example), `${name}: ${JSON.stringify(validate.errors)}`).toBe(true);
    expect(validate({ ...example, extra: 1 })).toBe(false);
  }
});
