/**
 * Who may say that a figure was executed again, and what of it is refused; that agreeing gives L4 to what is accepted and
 * to nothing else, that one who disagrees takes it away for good, and that reviewers' L5 stands above it.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  commitRows,
  type Decision,
  type Ed25519Signer,
  type ExecutionPredicate,
  type Level,
  makeStatement,
  type OpenedEnvelope,
  type RowsCommitment,
  signStatement,
} from '@assay/core';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { AlertBook } from './alert-book.ts';
import { Catalogue, standingOf } from './catalogue.ts';
import { instantOf, signerOf } from './desk.fixture.ts';
import { ExecutionDesk } from './execution-desk.ts';
import { describeRecord } from './records.ts';
import { dismissExecutor, enrolExecutor, readExecutors, readReviewers } from './review-files.ts';

const NOW = Date.parse('2026-03-01T02:00:00Z');
const STREAM = 'lab.mean';
const CODE = { name: 'mean', version: '1.0.0', digest: { sha256: 'a'.repeat(64) } };
let folder: string;
let catalogue: Catalogue;
let alerts: AlertBook;
let desk: ExecutionDesk;
let deriver: Ed25519Signer;
let one: Ed25519Signer;
let two: Ed25519Signer;
let stranger: Ed25519Signer;
let rows: RowsCommitment;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'assay-executions-'));
  catalogue = new Catalogue(join(folder, 'catalogue.db'));
  alerts = new AlertBook(catalogue);
  [deriver, one, two, stranger] = (await Promise.all([1, 2, 3, 4].map(signerOf))) as [
    Ed25519Signer,
    Ed25519Signer,
    Ed25519Signer,
    Ed25519Signer,
  ];
  const enrolled = [deriver, one, two].map(({ did }) => ({ did, name: null }));
  desk = new ExecutionDesk({ catalogue, alerts, executors: () => enrolled, nowMs: () => NOW });
});
afterEach(() => {
  catalogue.close();
  rmSync(folder, { recursive: true, force: true });
});

/** A derived figure with the checks' verdict on it. */
async function derived(decision: Decision = 'accept', level: Level = 'L3'): Promise<string> {
  const made = commitRows([{ time: '2026-03-01T00:00:00Z', rate: '100' }], 'reference-rate/v1');
  rows = made.commitment;
  const opened = await signStatement(
    makeStatement(
      'derivation',
      { name: STREAM, sha256: made.sha256 },
      {
        ...{ stream: STREAM, source: { mode: 'simulated' }, function: CODE, parameters: {}, rows },
        materials: commitRows([{ stream: 'x', observation: 'y', verdict: 'z' }], 'material/v1').commitment,
        ...{ derivedAt: instantOf(NOW), sequence: 1, previous: null },
        period: { from: '2026-03-01T00:00:00Z', to: '2026-03-01T01:00:00Z' },
      },
    ),
    deriver,
  );
  const bad: [number, number][] = decision === 'accept' ? [] : [[0, 0]];
  const verdict = makeStatement(
    'verdict',
    { name: STREAM, sha256: opened.id },
    {
      ...{ stream: STREAM, observation: opened.id, checkedAt: instantOf(NOW), findings: [], decision, level },
      contract: { name: STREAM, version: '1.0.0', digest: { sha256: 'b'.repeat(64) } },
      rows: { flagged: bad, rejected: [] },
      quality: {
        accuracy: null,
        completeness: null,
        consistency: null,
        credibility: null,
        currentness: null,
      },
    },
  );
  catalogue.keep([{ opened, payload: made.payload }, { opened: await signStatement(verdict, deriver) }]);
  return opened.id;
}

function execution(
  id: string,
  by: Ed25519Signer,
  change: Partial<ExecutionPredicate> = {},
  about = id,
): Promise<OpenedEnvelope> {
  const predicate = {
    ...{ stream: STREAM, observation: id, function: CODE, agrees: true, executedAt: instantOf(NOW) },
    ...{ rows: { root: rows.root, count: rows.count }, ...change },
  };
  return signStatement(makeStatement('execution', { name: STREAM, sha256: about }, predicate), by);
}
const attest = async (id: string, by: Ed25519Signer, change: Partial<ExecutionPredicate> = {}, about = id) =>
  desk.attest(id, (await execution(id, by, change, about)).envelope);
const OTHER = { agrees: false, rows: { root: 'c'.repeat(64), count: 1 } };

test('agreeing gives L4, and one who got something else takes it away for good', async () => {
  const id = await derived();
  expect(describeRecord(catalogue, id)).toMatchObject({ level: 'L3', executions: [] });
  const first = await attest(id, one);
  expect(first.alerts).toEqual([]);
  const record = describeRecord(catalogue, id);
  expect(record).toMatchObject({ level: 'L4', served: 'accepted', verdict: { level: 'L3' }, outcome: null });
  expect(record.executions).toEqual([
    {
      ...{ id: first.id, executor: one.did, function: CODE, agrees: true, at: instantOf(NOW) },
      rows: { root: rows.root, count: rows.count },
    },
  ]);
  expect(describeRecord(catalogue, `${id}.0`).level).toBe('L4');
  const second = await attest(id, two, OTHER);
  expect(second.alerts).toMatchObject([
    { stream: STREAM, check: 'execution', state: 'open', severity: 'critical', observation: id },
  ]);
  expect(describeRecord(catalogue, id)).toMatchObject({
    level: 'L3',
    executions: [{ agrees: true }, { agrees: false, executor: two.did }],
  });
  // Also after the folder was opened again.
  catalogue.close();
  catalogue = new Catalogue(join(folder, 'catalogue.db'));
  expect(describeRecord(catalogue, id).level).toBe('L3');
});

test('L4 is for what is accepted, and L5 stands above it', async () => {
  const id = await derived('flag', 'L1');
  await attest(id, one);
  expect(describeRecord(catalogue, id)).toMatchObject({ decision: 'flag', level: 'L1', served: 'flagged' });
  const verdict = catalogue.verdictOn(id)!;
  const standing = { id: 'o', decision: 'accept' as const, flagged: [], rejected: [], since: instantOf(NOW) };
  expect(standingOf({ ...verdict, outcome: { ...standing, level: 'L5' } }).level).toBe('L5');
  expect(standingOf({ ...verdict, outcome: { ...standing, level: 'L2' } })).toMatchObject({
    level: 'L4',
    since: instantOf(NOW),
  });
});

test('a stranger, the deriver and whoever said it before are refused', async () => {
  const id = await derived();
  await expect(attest(id, stranger)).rejects.toMatchObject({ code: 'EXECUTOR_UNKNOWN' });
  await expect(attest(id, deriver)).rejects.toMatchObject({ code: 'EXECUTION_REFUSED' });
  await attest(id, one);
  await expect(attest(id, one, OTHER)).rejects.toMatchObject({ code: 'EXECUTION_REFUSED' });
  await expect(attest('d'.repeat(64), one)).rejects.toMatchObject({ code: 'NOT_FOUND' });
  await expect(
    desk.attest(catalogue.verdictOn(id)!.id, (await execution(id, two)).envelope),
  ).rejects.toMatchObject({ code: 'EXECUTION_REFUSED' });
  const { envelope } = await execution(id, one);
  const forged = { ...envelope, signatures: [{ ...envelope.signatures[0], keyid: two.did }] };
  await expect(desk.attest(id, forged)).rejects.toMatchObject({ code: 'SIGNATURE_INVALID' });
  await expect(desk.attest(id, null)).rejects.toMatchObject({ code: 'ENVELOPE_MALFORMED' });
  const appeal = makeStatement(
    'appeal',
    { name: STREAM, sha256: id },
    {
      ...{ stream: STREAM, observation: id, verdict: catalogue.verdictOn(id)!.id, outcome: null },
      ...{ reason: 'no', appealedAt: instantOf(NOW) },
    },
  );
  await expect(desk.attest(id, (await signStatement(appeal, two)).envelope)).rejects.toMatchObject({
    code: 'STATEMENT_MALFORMED',
  });
});

test('what contradicts the derivation, or itself, is refused and leaves nothing behind', async () => {
  const id = await derived();
  const other = 'e'.repeat(64);
  for (const [member, change, about] of [
    ['agrees', { agrees: false }],
    ['agrees', { rows: { root: other, count: rows.count } }],
    ['agrees', { rows: { root: rows.root, count: rows.count + 1 } }],
    ['function.digest', { function: { ...CODE, digest: { sha256: other } } }],
    ['function.version', { function: { ...CODE, version: '1.0.1' } }],
    ['function.name', { function: { ...CODE, name: 'median' } }],
    ['observation', { observation: other }],
    ['stream', { stream: 'lab.other' }],
    ['subject', {}, other],
    ['executedAt', { executedAt: instantOf(NOW + 3_600_000) }],
  ] as [string, Partial<ExecutionPredicate>, string?][]) {
    await expect(attest(id, one, change, about), member).rejects.toMatchObject({
      code: 'EXECUTION_MISMATCH',
      detail: { member },
    });
  }
  expect(catalogue.opinionsOn(id)).toEqual([]);
  expect(alerts.list({ limit: 10 })).toEqual([]);
  expect(describeRecord(catalogue, id).level).toBe('L3');
});

test('the operator’s list of executors is a file of its own', () => {
  const file = join(folder, 'executors.json');
  expect(readExecutors(file)).toEqual([]);
  enrolExecutor(file, { did: one.did, name: null });
  enrolExecutor(file, { did: two.did, name: 'B' });
  enrolExecutor(file, { did: one.did, name: 'A' });
  expect(readExecutors(file)).toEqual([
    { did: two.did, name: 'B' },
    { did: one.did, name: 'A' },
  ]);
  expect(() => readReviewers(file)).toThrow(expect.objectContaining({ code: 'ARGUMENT_INVALID' }));
  expect([dismissExecutor(file, one.did), dismissExecutor(file, one.did)]).toEqual([true, false]);
  expect(() => enrolExecutor(file, { did: 'did:key:x', name: null })).toThrow(
    expect.objectContaining({ code: 'DID_INVALID' }),
  );
  writeFileSync(file, '{');
  expect(() => readExecutors(file)).toThrow(expect.objectContaining({ code: 'ARGUMENT_INVALID' }));
});
