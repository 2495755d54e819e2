/**
 * Reviews, appeals, outcomes, commitments and executions: what their schemas say and what the reader refuses; a bundle in which
 * reviewers decided verifies step by step, and no changed character of it does; who a request comes from.
 */
import { readFileSync } from 'node:fs';
import { Ajv2020 } from 'ajv/dist/2020.js';
import fc from 'fast-check';
import { beforeAll, expect, test } from 'vitest';
import { checkRow, commitRows, type Reading, rowPath } from './batch.ts';
import { BUNDLE_TYPE, type Bundle, parseBundle } from './bundle.ts';
import { formatCheckpoint } from './checkpoint.ts';
import { digestHex, type OpenedEnvelope, signStatement } from './dsse.ts';
import { type Ed25519Signer, ed25519Signer } from './ed25519.ts';
import { base64Encode, utf8 } from './encoding.ts';
import { AssayError } from './errors.ts';
import type { ExecutionPredicate } from './execution-statement.ts';
import { inclusionPath, leafHash, merkleRoot } from './merkle.ts';
import { ed25519NoteSigner, type NoteSigner, signNote } from './note.ts';
import { POLICY_TYPE, parseTrustPolicy, type TrustPolicy } from './policy.ts';
import type { OutcomePredicate, ReviewPredicate } from './review-statements.ts';
import { REVIEWER_REQUEST_SECONDS, reviewerAuthorization, reviewerOf } from './reviewer-request.ts';
import {
  type Decision,
  makeStatement,
  parseStatement,
  type Statement,
  type VerdictStatement,
} from './statement.ts';
import { formatTlogProof } from './tlog-proof.ts';
import { verifyBundle } from './verify.ts';

const ajv = new Ajv2020({ strict: false });
const schema = (name: string) =>
  ajv.getSchema(`urn:assay:schema:${name}/v1`) ??
  ajv.compile(JSON.parse(readFileSync(new URL(`../schemas/${name}.v1.json`, import.meta.url), 'utf8')));
const STREAM = 'lab.thermometer';
const TIME = '2026-03-01T00:00:00Z';
const ITEM = 'c'.repeat(64);
const rows: Reading[] = ['20', '35', '20.1'].map((temperature, i) => ({
  time: `2026-03-01T00:00:0${i}Z`,
  temperature,
}));

let log: NoteSigner;
let provider: Ed25519Signer;
let checker: Ed25519Signer;
let reviewers: Ed25519Signer[];
let observation: OpenedEnvelope;
let verdict: OpenedEnvelope;
let bundle: Bundle;
let policy: TrustPolicy;

beforeAll(async () => {
  const keys = await Promise.all(
    [1, 2, 3, 4, 5, 6].map((byte) => ed25519Signer(new Uint8Array(32).fill(byte))),
  );
  [provider, checker] = keys.slice(1) as [Ed25519Signer, Ed25519Signer];
  reviewers = keys.slice(3);
  log = ed25519NoteSigner('log.example/test', keys[0]!);
  const { commitment, sha256 } = commitRows(rows, 'reading/v1');
  observation = await signStatement(
    makeStatement(
      'observation',
      { name: STREAM, sha256 },
      {
        stream: STREAM,
        source: {
          mode: 'live',
          venue: 'lab',
          instrument: 'thermometer',
          interval: 'irregular',
          adapter: 'test/1',
        },
        ...{ sequence: 1, previous: null, observedAt: TIME, gaps: [], rows: commitment },
        period: { from: TIME, to: '2026-03-01T00:00:03Z' },
      },
    ),
    provider,
  );
  verdict = await signStatement(
    makeStatement(
      'verdict',
      { name: STREAM, sha256: observation.id },
      {
        ...{ stream: STREAM, observation: observation.id, checkedAt: TIME, decision: 'flag', level: 'L1' },
        contract: { name: STREAM, version: '1.0.0', digest: { sha256: 'a'.repeat(64) } },
        findings: [
          { check: 'spike_jump', status: 'fail', severity: 'flag', reason: 'row 1 jumps', rows: [[1, 1]] },
        ],
        rows: { flagged: [[1, 1]], rejected: [] },
        quality: {
          accuracy: '0.1',
          completeness: '1',
          consistency: null,
          credibility: null,
          currentness: null,
        },
      },
    ),
    checker,
  );
  bundle = await bundleOf(['accept', 'flag', 'accept'], 'accept');
  policy = {
    mediaType: POLICY_TYPE,
    logs: [{ origin: log.name, vkey: log.vkey }],
    witnesses: { quorum: 0, vkeys: [] },
    providers: [{ did: provider.did, streams: [STREAM] }],
    checkers: [checker.did],
    reviewers: reviewers.map(({ did }) => did),
    chains: [],
    require: ['row', 'batch', 'signature', 'checks', 'leaf', 'checkpoint'],
    accept: ['accept'],
    minLevel: 'L5',
  };
});

const about = () => ({
  stream: STREAM,
  observation: observation.id,
  verdict: verdict.id,
  item: ITEM,
  round: 1 as const,
});
const reviewBy = (reviewer: Ed25519Signer, decision: Decision, change: Partial<ReviewPredicate> = {}) =>
  signStatement(
    makeStatement(
      'review',
      { name: STREAM, sha256: observation.id },
      {
        ...about(),
        ...{
          decision,
          reason: `I say ${decision}`,
          disputed: ['spike_jump'],
          evidence: [`sha256:${'d'.repeat(64)}`],
        },
        ...{ reviewedAt: TIME, ...change },
      },
    ),
    reviewer,
  );
const outcomeOn = (
  reviews: readonly OpenedEnvelope[],
  change: Partial<OutcomePredicate> = {},
  by = checker,
) =>
  signStatement(
    makeStatement(
      'outcome',
      { name: STREAM, sha256: observation.id },
      {
        ...about(),
        ...{ previous: null, reviews: reviews.map(({ id }) => id), decision: 'accept', level: 'L5' },
        ...{ rows: { flagged: [], rejected: [] }, reason: '2 accept, 1 flag', decidedAt: TIME, ...change },
      },
    ),
    by,
  );

const executionOf = () =>
  makeStatement(
    'execution',
    { name: STREAM, sha256: observation.id },
    {
      ...{ stream: STREAM, observation: observation.id, agrees: true, executedAt: TIME },
      function: { name: 'test', version: '1.0.0', digest: { sha256: 'b'.repeat(64) } },
      rows: { root: 'c'.repeat(64), count: 3 },
    },
  );

/** A bundle of row 1 with everything that was said about it, in one small log. */
async function bundleWith(reviews: readonly OpenedEnvelope[], outcome: OpenedEnvelope): Promise<Bundle> {
  const statements = [observation, verdict, ...reviews, outcome];
  const leaves = statements.map(({ entry }) => leafHash(entry));
  const checkpoint = await signNote(
    formatCheckpoint({ origin: log.name, size: leaves.length, root: merkleRoot(leaves) }),
    [log],
  );
  const logged = (statement: OpenedEnvelope) => {
    const index = statements.indexOf(statement);
    return {
      envelope: statement.envelope,
      proof: formatTlogProof({ index, path: inclusionPath(leaves, index), checkpoint }),
    };
  };
  return {
    mediaType: BUNDLE_TYPE,
    id: `${observation.id}.1`,
    statement: logged(observation),
    row: { index: 1, value: rows[1]!, path: rowPath(rows, 1).map(base64Encode) },
    verdict: logged(verdict),
    outcome: logged(outcome),
    reviews: reviews.map(logged),
    anchors: [],
  };
}

async function bundleOf(said: readonly Decision[], decision: Decision): Promise<Bundle> {
  const reviews = await Promise.all(said.map((one, i) => reviewBy(reviewers[i]!, one)));
  const question: [number, number][] = decision === 'accept' ? [] : [[1, 1]];
  const decided =
    decision === 'reject' ? { flagged: [], rejected: question } : { flagged: question, rejected: [] };
  return bundleWith(reviews, await outcomeOn(reviews, { decision, rows: decided }));
}

const checks = async (of: Bundle, under: Partial<TrustPolicy> = {}) => {
  const { steps } = await verifyBundle(parseBundle(structuredClone(of)), { ...policy, ...under });
  const { status, code } = steps.find(({ step }) => step === 'checks')!;
  return code ?? status;
};

test('what reviewers decided stands where the verdict stood, and L5 is their word', async () => {
  expect(await checks(bundle)).toBe('pass');
  // The same row on the checks' word alone is flagged.
  const { outcome: _, reviews: __, ...bare } = bundle;
  expect(await checks(bare)).toBe('DECISION_NOT_ACCEPTED');
  expect(await checks(await bundleOf(['reject', 'flag', 'reject'], 'reject'), { minLevel: 'L0' })).toBe(
    'DECISION_NOT_ACCEPTED',
  );
  // Whom the policy does not trust gives it no L5; for L3 the checker's word is enough, as it is for L3 itself.
  const two = reviewers.slice(0, 2).map(({ did }) => did);
  expect(await checks(bundle, { reviewers: two })).toBe('LEVEL_TOO_LOW');
  expect(await checks(bundle, { reviewers: [] })).toBe('LEVEL_TOO_LOW');
  expect(await checks(bundle, { reviewers: two, minLevel: 'L3' })).toBe('pass');
  const twice = await Promise.all([
    reviewBy(reviewers[0]!, 'accept'),
    reviewBy(reviewers[0]!, 'accept', { reason: 'again' }),
  ]);
  expect(await checks(await bundleWith(twice, await outcomeOn(twice)))).toBe('LEVEL_TOO_LOW');
});

test('an outcome is the checker’s, about this verdict, with exactly its reviews of this round', async () => {
  const genuine = await Promise.all([reviewBy(reviewers[0]!, 'accept'), reviewBy(reviewers[1]!, 'accept')]);
  const outcome = await outcomeOn(genuine);
  expect(await checks(await bundleWith(genuine, outcome))).toBe('pass');
  expect(await checks(await bundleWith(genuine, await outcomeOn(genuine, {}, provider)))).toBe(
    'SIGNER_NOT_TRUSTED',
  );
  const other = 'e'.repeat(64);
  expect(await checks(await bundleWith(genuine, await outcomeOn(genuine, { verdict: other })))).toBe(
    'STATEMENT_MALFORMED',
  );
  expect(await checks(await bundleWith(genuine, await outcomeOn(genuine, { round: 2 })))).toBe(
    'STATEMENT_MALFORMED',
  );
  expect(await checks(await bundleWith(genuine.slice(1), outcome))).toBe('STATEMENT_MALFORMED');
  expect(await checks(await bundleWith([...genuine].reverse(), outcome))).toBe('STATEMENT_MALFORMED');
  const foreign = [genuine[0]!, await reviewBy(reviewers[1]!, 'accept', { observation: other })];
  expect(await checks(await bundleWith(foreign, await outcomeOn(foreign)))).toBe('STATEMENT_MALFORMED');
  for (const bad of [
    { ...bundle, reviews: undefined },
    { ...bundle, outcome: undefined },
    { ...bundle, verdict: undefined },
  ]) {
    const json = JSON.stringify(bad);
    expect(() => parseBundle(json)).toThrow(expect.objectContaining({ code: 'BUNDLE_MALFORMED' }));
  }
});

test('every changed character of a reviewed bundle fails', async () => {
  const leaves: { at: (string | number)[]; value: string | number }[] = [];
  const collect = (value: unknown, at: (string | number)[]): void => {
    if (typeof value === 'string' || typeof value === 'number') leaves.push({ at, value });
    else for (const [key, member] of Object.entries(value as object)) collect(member, [...at, key]);
  };
  collect({ outcome: bundle.outcome, reviews: bundle.reviews }, []);
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(...leaves),
      fc.nat(),
      fc.constantFrom(...'A0z9.f+ "'),
      async ({ at, value }, position, letter) => {
        const text = String(value);
        const where = position % text.length;
        fc.pre(text[where] !== letter);
        const copy = structuredClone(bundle) as unknown as Record<string | number, unknown>;
        let parent = copy;
        for (const key of at.slice(0, -1)) parent = parent[key] as typeof copy;
        parent[at.at(-1)!] = text.slice(0, where) + letter + text.slice(where + 1);
        const outcome = await (async () => verifyBundle(parseBundle(copy), policy))().then(
          (report) => report.outcome,
          (error: { code: string }) => error.code,
        );
        expect(['failed', 'BUNDLE_MALFORMED'], at.join('.')).toContain(outcome);
      },
    ),
    { numRuns: 500 },
  );
});

test('a review verifies by itself for whoever trusts its reviewer', async () => {
  const alone = { ...bundle, id: digestHex(utf8('')) } as Bundle;
  const [review] = bundle.reviews!;
  const { row: _, verdict: __, outcome: ___, reviews: ____, ...rest } = alone;
  const id = (await reviewBy(reviewers[0]!, 'accept')).id;
  const proof = { ...rest, id, statement: review! };
  const outcome = async (trusted: string[]) =>
    (await verifyBundle(parseBundle(proof), { ...policy, reviewers: trusted })).outcome;
  expect(await outcome(policy.reviewers!)).toBe('verified');
  expect(await outcome([])).toBe('failed');
  expect(parseTrustPolicy(JSON.stringify(policy))).toEqual(policy);
});

test('an execution verifies by itself for whoever trusts its executor, and not because the figure’s signer made it', async () => {
  const [executor] = reviewers;
  const outcome = async (by: Ed25519Signer, under: Partial<TrustPolicy>) => {
    const execution = await signStatement(executionOf(), by);
    const leaves = [leafHash(execution.entry)];
    const note = formatCheckpoint({ origin: log.name, size: 1, root: merkleRoot(leaves) });
    const proof = formatTlogProof({ index: 0, path: [], checkpoint: await signNote(note, [log]) });
    const statement = { envelope: execution.envelope, proof };
    const alone = { mediaType: BUNDLE_TYPE, id: execution.id, statement, anchors: [] };
    const trust = parseTrustPolicy({ ...policy, ...under });
    return (await verifyBundle(parseBundle(alone), trust)).outcome;
  };
  expect(await outcome(executor!, { executors: [executor!.did] })).toBe('verified');
  expect(await outcome(executor!, {})).toBe('failed');
  expect(await outcome(provider, { executors: [executor!.did] })).toBe('failed');
});

/** A derived figure of the provider's, accepted at L3, with what executing it again gave. */
async function figureWith(
  said: readonly { by: Ed25519Signer; change?: Partial<ExecutionPredicate>; about?: string }[],
): Promise<Bundle> {
  const { commitment, sha256 } = commitRows(rows, 'reading/v1');
  const code = { name: 'mean', version: '1.0.0', digest: { sha256: 'b'.repeat(64) } };
  const derivation = await signStatement(
    makeStatement(
      'derivation',
      { name: STREAM, sha256 },
      {
        ...{
          stream: STREAM,
          source: { mode: 'live' },
          function: code,
          parameters: {},
          materials: commitment,
        },
        ...{ derivedAt: TIME, sequence: 1, previous: null, rows: commitment },
        period: { from: TIME, to: '2026-03-01T00:00:03Z' },
      },
    ),
    provider,
  );
  const { predicate } = verdict.statement as VerdictStatement;
  const judged = makeStatement(
    'verdict',
    { name: STREAM, sha256: derivation.id },
    {
      ...{ ...predicate, observation: derivation.id, decision: 'accept', level: 'L3', findings: [] },
      rows: { flagged: [], rejected: [] },
    },
  );
  const executions = said.map(({ by, change = {}, about = derivation.id }) =>
    signStatement(
      makeStatement(
        'execution',
        { name: STREAM, sha256: about },
        {
          ...{ stream: STREAM, observation: derivation.id, function: code, agrees: true, executedAt: TIME },
          ...{ rows: { root: commitment.root, count: commitment.count }, ...change },
        },
      ),
      by,
    ),
  );
  const statements = [derivation, await signStatement(judged, checker), ...(await Promise.all(executions))];
  const leaves = statements.map(({ entry }) => leafHash(entry));
  const text = formatCheckpoint({ origin: log.name, size: leaves.length, root: merkleRoot(leaves) });
  const checkpoint = await signNote(text, [log]);
  const [statement, checked, ...executed] = statements.map(({ envelope }, index) => ({
    envelope,
    proof: formatTlogProof({ index, path: inclusionPath(leaves, index), checkpoint }),
  }));
  return {
    ...{ mediaType: BUNDLE_TYPE, id: derivation.id, statement: statement!, rows, verdict: checked! },
    ...{ executions: executed, anchors: [] },
  };
}

test('L4 is the word of executors whom the policy trusts, every one of them, about this figure and its code', async () => {
  const [one, two, three] = reviewers as [Ed25519Signer, Ed25519Signer, Ed25519Signer];
  const l4 = { minLevel: 'L4' as const, executors: [one.did, two.did, provider.did] };
  const other = { rows: { root: 'd'.repeat(64), count: 3 }, agrees: false };
  const agreed = await figureWith([{ by: one }]);
  expect(await checks(agreed, l4)).toBe('pass');
  expect(await checks(agreed, { minLevel: 'L4' })).toBe('LEVEL_TOO_LOW');
  expect(await checks(agreed, { minLevel: 'L3' })).toBe('pass');
  expect(await checks(agreed, { ...l4, minLevel: 'L5' })).toBe('LEVEL_TOO_LOW');
  expect(await checks(await figureWith([]), l4)).toBe('LEVEL_TOO_LOW');
  // Whom the policy does not trust neither gives it nor takes it away; the figure's own signer is not asked.
  const strange = await figureWith([{ by: one }, { by: three, change: other }]);
  expect(await checks(strange, l4)).toBe('pass');
  expect(await checks(await figureWith([{ by: provider }]), l4)).toBe('LEVEL_TOO_LOW');
  const disputed = await figureWith([{ by: one }, { by: two, change: other }]);
  expect(await checks(disputed, l4)).toBe('LEVEL_TOO_LOW');
  expect(await checks(disputed, { ...l4, minLevel: 'L3' })).toBe('pass');
  for (const bad of [
    { change: { ...other, agrees: true } },
    { change: { agrees: false } },
    { change: { observation: 'e'.repeat(64) } },
    { change: { function: { name: 'mean', version: '1.0.0', digest: { sha256: 'c'.repeat(64) } } } },
    { about: 'e'.repeat(64) },
  ]) {
    expect(await checks(await figureWith([{ by: one, ...bad }]), l4)).toBe('STATEMENT_MALFORMED');
  }
  expect(schema('bundle')(agreed)).toBe(true);
  const { verdict: _, ...unjudged } = agreed;
  expect(schema('bundle')(unjudged)).toBe(false);
  expect(() => parseBundle(unjudged)).toThrow(expect.objectContaining({ code: 'BUNDLE_MALFORMED' }));
  // An execution of something else, in the place of one of this.
  const moved = { ...bundle, executions: agreed.executions! };
  expect(await checks(moved, { minLevel: 'L0' })).toBe('STATEMENT_MALFORMED');
  // An outcome at L5 whose reviewers are not trusted gives no L4 either.
  expect(await checks(bundle, { minLevel: 'L4', reviewers: [] })).toBe('LEVEL_TOO_LOW');
  expect(await checks(bundle, { minLevel: 'L4' })).toBe('pass');
  // Every changed character of it fails.
  const sound = await figureWith([{ by: one }, { by: three }]);
  const trust = { ...policy, minLevel: 'L3' as const, executors: [one.did] };
  for (const [i, { envelope, proof }] of sound.executions!.entries()) {
    for (const text of [envelope.payload, envelope.signatures[0].sig, envelope.signatures[0].keyid, proof]) {
      for (let at = 0; at < text.length; at += 37) {
        const changed = `${text.slice(0, at)}${text[at] === 'A' ? 'B' : 'A'}${text.slice(at + 1)}`;
        const copy = structuredClone(sound);
        copy.executions![i] = JSON.parse(
          JSON.stringify(copy.executions![i]).replace(JSON.stringify(text), () => JSON.stringify(changed)),
        );
        const outcome = await (async () => verifyBundle(parseBundle(copy), trust))().then(
          (report) => report.outcome,
          (error: { code: string }) => error.code,
        );
        expect(['failed', 'BUNDLE_MALFORMED']).toContain(outcome);
      }
    }
  }
});

test('statements satisfy their schemas, and both schema and reader refuse what is not one', async () => {
  const digest = digestHex(utf8('secret'));
  const statements: Record<string, Statement> = {
    review: (await reviewBy(reviewers[0]!, 'accept')).statement,
    outcome: (await outcomeOn([])).statement,
    appeal: makeStatement(
      'appeal',
      { name: STREAM, sha256: observation.id },
      {
        stream: STREAM,
        observation: observation.id,
        verdict: verdict.id,
        outcome: null,
        reason: 'no',
        appealedAt: TIME,
      },
    ),
    commitment: makeStatement(
      'commitment',
      { name: 'assay.review', sha256: digest },
      {
        ...{
          stream: 'assay.review',
          purpose: 'sampling',
          digest,
          revealed: 'secret',
          ratePpm: 15_000,
          committedAt: TIME,
        },
        period: { from: TIME, to: '2026-03-02T00:00:00Z' },
      },
    ),
    execution: executionOf(),
  };
  for (const [name, statement] of Object.entries(statements)) {
    const validate = schema(name);
    expect(validate(statement), `${name}: ${JSON.stringify(validate.errors)}`).toBe(true);
    expect(parseStatement(structuredClone(statement))).toEqual(statement);
    for (const change of [
      { extra: 1 },
      { stream: 'no stream!' },
      { reason: '' },
      { round: 3 },
      { ratePpm: -1 },
      { agrees: 'true' },
      { rows: { root: 'c'.repeat(64), count: -1 } },
      { function: { name: 'test', version: '1.0.0', digest: 'b'.repeat(64) } },
    ]) {
      const bad = { ...statement, predicate: { ...statement.predicate, ...change } };
      expect(validate(bad), `${name} ${JSON.stringify(change)}`).toBe(false);
      expect(() => parseStatement(bad)).toThrow(expect.objectContaining({ code: 'STATEMENT_MALFORMED' }));
    }
  }
  // A secret that is not what was committed to, which no schema can see.
  const lie = structuredClone(statements.commitment!) as { predicate: { revealed: string } };
  lie.predicate.revealed = 'another';
  expect(() => parseStatement(lie)).toThrow(/digest/);
  for (const [name, example] of [
    ['bundle', bundle],
    ['trust-policy', policy],
    ['observation', observation.statement],
  ] as const) {
    const validate = schema(name);
    expect(validate(example), `${name}: ${JSON.stringify(validate.errors)}`).toBe(true);
  }
});

test('rows of files and readings, and what is not one', () => {
  const read = (row: unknown, kind: 'file/v1' | 'reading/v1') => () =>
    checkRow(row, kind, 'row', (message) => {
      throw new AssayError('ROW_MALFORMED', message);
    });
  const file = {
    ...{ time: TIME, name: 'a b.png', mediaType: 'image/png', bytes: '70', sha256: 'a'.repeat(64) },
    metadata: '{"a":1,"b":[true,null]}',
  };
  const reading = { time: TIME, temperature: '21.5', humidity: null };
  expect(read(file, 'file/v1')()).toEqual(file);
  expect(read(reading, 'reading/v1')()).toEqual(reading);
  expect(schema('file')(file)).toBe(true);
  expect(schema('reading')(reading)).toBe(true);
  for (const change of [
    ...[
      { name: '../x' },
      { name: '' },
      { name: 'a\u0000b' },
      { mediaType: 'PNG' },
      { bytes: '-1' },
      { bytes: 70 },
    ],
    ...[{ sha256: 'A'.repeat(64) }, { time: 'now' }, { extra: '1' }],
  ]) {
    expect(read({ ...file, ...change }, 'file/v1'), JSON.stringify(change)).toThrow(AssayError);
    expect(schema('file')({ ...file, ...change }), JSON.stringify(change)).toBe(false);
  }
  // Only the reader sees these: not canonical, not an object, too long.
  for (const metadata of ['{"b":1,"a":2}', '{ }', '[]', 'null', '', `{"a":"${'x'.repeat(17_000)}"}`])
    expect(read({ ...file, metadata }, 'file/v1')).toThrow(AssayError);
  for (const bad of [
    { time: TIME },
    { ...reading, temperature: 21.5 },
    { ...reading, temperature: 'NaN' },
    { ...reading, 'a b': '1' },
    { temperature: '1' },
    null,
    [],
  ]) {
    expect(read(bad, 'reading/v1')).toThrow(AssayError);
    expect(schema('reading')(bad)).toBe(false);
  }
});

test('records of tables and rows of figures: texts only, and no float is ever signed', () => {
  const read = (row: unknown, kind: 'record/v1' | 'figure/v1') => () =>
    checkRow(row, kind, 'row', (message) => {
      throw new AssayError('ROW_MALFORMED', message);
    });
  const record = { time: TIME, asset: 'BTC', close: '1.5', note: null };
  const figure = { time: TIME, asset: 'BTC', parts: { technical: '60', onChain: null }, tags: ['a', true] };
  expect(read(record, 'record/v1')()).toEqual(record);
  expect(read(figure, 'figure/v1')()).toEqual(figure);
  expect(schema('record')(record)).toBe(true);
  expect(schema('figure')(figure)).toBe(true);
  for (const bad of [
    ...[{ time: TIME }, { ...record, close: 1.5 }, { ...record, close: 'x'.repeat(4_097) }, null, []],
    ...[{ ...record, 'a b': '1' }, { asset: 'BTC' }, { time: 'now', asset: 'BTC' }],
  ]) {
    for (const kind of ['record', 'figure'] as const) {
      expect(read(bad, `${kind}/v1`), JSON.stringify(bad)).toThrow(AssayError);
      expect(schema(kind)(bad), JSON.stringify(bad)).toBe(false);
    }
  }
  expect(read(figure, 'record/v1')).toThrow(AssayError);
  for (const parts of [[0.5], { a: { b: 1 } }, 'x'.repeat(4_097)]) {
    expect(read({ ...figure, parts }, 'figure/v1')).toThrow(AssayError);
    expect(schema('figure')({ ...figure, parts })).toBe(false);
  }
  // Only the reader counts levels and members.
  const deep = JSON.parse(`${'['.repeat(7)}${']'.repeat(7)}`);
  expect(read({ ...figure, parts: deep }, 'figure/v1')).toThrow(AssayError);
  expect(read({ ...figure, parts: Array(65_537).fill('1') }, 'figure/v1')).toThrow(AssayError);
});

test('a request proves its reviewer for this method, path and time, and nothing else', async () => {
  const [one, two] = reviewers as [Ed25519Signer, Ed25519Signer];
  const request = { method: 'GET', path: '/v1/reviews', time: TIME };
  const header = await reviewerAuthorization(one, request);
  const nowMs = Date.parse(TIME);
  expect(await reviewerOf(header, request, nowMs)).toBe(one.did);
  const late = REVIEWER_REQUEST_SECONDS * 1000;
  expect(await reviewerOf(header, request, nowMs + late)).toBe(one.did);
  for (const [bad, asked, at] of [
    [header, { ...request, path: '/v1/reviews/x' }, nowMs],
    [header, { ...request, method: 'POST' }, nowMs],
    [header, request, nowMs + late + 1],
    [header, request, nowMs - late - 1],
    [header.replace(one.did, two.did), request, nowMs],
    [header.replace(TIME, '2026-03-01T00:00:01Z'), request, nowMs],
    [header.replace(/sig="./, 'sig="!'), request, nowMs],
    [header.replace(TIME, '2026-13-01T00:00:00Z'), request, nowMs],
    ['Bearer x', request, nowMs],
    ['', request, nowMs],
  ] as const) {
    await expect(reviewerOf(bad, asked, at), bad).rejects.toMatchObject({ code: 'REVIEWER_UNPROVEN' });
  }
});
