/**
 * The queue on a real catalogue: reviews are held back and logged together, planted questions and draws are committed to
 * before and can be checked after, leases pass on, outcomes change what is served and what rates use, and a kill at any
 * moment loses nothing that was acknowledged and leaves memory and verdicts in agreement.
 */
import { spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { deserialize } from 'node:v8';
import { commitmentTo, isSampled, LEASE_MS, readGold } from '@assay/checks/review';
import {
  type CommitmentPredicate,
  digestHex,
  type Ed25519Signer,
  makeStatement,
  PREDICATE,
  signStatement,
} from '@assay/core';
import { afterEach, expect, test } from 'vitest';
import type { SpikeMemory } from '../../checks/src/spike.fixture.ts';
import { statementOf } from './catalogue.ts';
import { type Desk, instantOf, openDesk, STREAM, signerOf } from './desk.fixture.ts';
import { describeRecord } from './records.ts';
import { enrolReviewer, readReviewers, readStreams, registerStream, streamRegistry } from './review-files.ts';
import { describeItem, describeQueue } from './review-view.ts';

const folders: string[] = [];
const desks: Desk[] = [];
const newFolder = () => {
  const folder = mkdtempSync(join(tmpdir(), 'assay-desk-'));
  folders.push(folder);
  return folder;
};
const open = async (...args: Parameters<typeof openDesk>) => {
  const desk = await openDesk(...args);
  desks.push(desk);
  return desk;
};
const panel = (count: number) => Promise.all(Array.from({ length: count }, (_, i) => signerOf(11 + i)));
const didsOf = (signers: readonly Ed25519Signer[]) => signers.map(({ did }) => did);
const askedAbout = (desk: Desk, reviewers: readonly Ed25519Signer[], observation: string) =>
  reviewers.filter(({ did }) =>
    desk.reviews.store.askedOf(did).some((item) => item.observation === observation),
  );

afterEach(() => {
  for (const desk of desks.splice(0)) desk.close();
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

test('a review is durable and secret until its round closes, also over a restart', async () => {
  const folder = newFolder();
  const reviewers = await panel(2);
  let desk = await open(folder, { reviewers: didsOf(reviewers) });
  await desk.send('20', '20.1', '20.2');
  const bad = await desk.send('20.1', '99');
  expect(askedAbout(desk, reviewers, bad)).toHaveLength(2);
  const first = await desk.say(reviewers[0]!, bad, 'reject');
  expect(desk.logged()).not.toContain('review');
  expect(desk.catalogue.has(first.id)).toBe(false);
  desks.pop()!.close();
  desk = await open(folder, { reviewers: didsOf(reviewers) });
  const counted = () => desk.reviews.reviewers().map(({ reviews }) => reviews);
  expect(counted()).toEqual([0, 0]);
  const second = await desk.say(reviewers[1]!, bad, 'reject');
  expect(counted()).toEqual([1, 1]);
  expect(desk.logged().slice(-3)).toEqual(['review', 'review', 'outcome']);
  const record = describeRecord(desk.catalogue, bad);
  expect(record.reviews.map(({ id }) => id)).toEqual([first.id, second.id]);
  expect(record).toMatchObject({
    decision: 'reject',
    served: 'rejected',
    outcome: { rows: { rejected: [[1, 1]] } },
  });
  expect(describeRecord(desk.catalogue, `${bad}.0`)).toMatchObject({
    decision: 'accept',
    served: 'below-level',
  });
});

test('leases pass on to others; nobody is asked about own data or more than its share', async () => {
  const reviewers = await panel(3);
  const desk = await open(newFolder(), {});
  desk.world.reviewers = [...didsOf(reviewers), desk.device.did];
  await desk.send('20', '20.1', '20.2');
  const bad = await desk.send('99');
  const before = askedAbout(desk, reviewers, bad);
  expect(before).toHaveLength(2);
  expect(desk.reviews.store.askedOf(desk.device.did)).toEqual([]);
  desk.time.nowMs += LEASE_MS + 1000;
  await desk.pipeline.tick();
  const after = askedAbout(desk, reviewers, bad);
  expect(after).toHaveLength(2);
  expect(after).not.toEqual(before);
  desk.world.reviewers = [after[0]!.did];
  await desk.pipeline.tick();
  expect(askedAbout(desk, reviewers, bad)).toEqual([after[0]]);
  expect(describeQueue(desk.catalogue, desk.reviews, null).counts).toEqual({
    open: 1,
    closed: 0,
    enrolled: 1,
  });
  expect(desk.reviews.store.counts()).toMatchObject({ waiting: 1 });
});

test('a planted question is committed to first, looks like the others, and tells its answer when it is closed', async () => {
  const reviewers = await panel(2);
  const desk = await open(newFolder(), { reviewers: didsOf(reviewers), requiredLevel: 'L1' });
  const planted = await desk.send('20', '20.1', '20.2');
  desk.world.gold = [{ observation: planted, decision: 'accept' }];
  await desk.pipeline.tick();
  const commitments = () =>
    desk.log
      .all()
      .map((entry) => statementOf(entry))
      .flatMap(({ predicateType, predicate }) =>
        predicateType === PREDICATE.commitment ? [predicate as CommitmentPredicate] : [],
      )
      .filter(({ purpose }) => purpose === 'gold');
  expect(commitments()).toMatchObject([{ revealed: null }]);
  expect(JSON.stringify(commitments())).not.toContain(planted);
  expect(desk.reviews.store.itemOn(planted)).toBeNull();
  // It goes in beside an ordinary one, sooner or later.
  const ordinary: string[] = [];
  while (!desk.reviews.store.itemOn(planted)) {
    ordinary.push(await desk.send('99', '20.1'));
    if (ordinary.length > 60) throw new Error('it never came');
    const [open] = desk.reviews.store.askedOf(reviewers[0]!.did);
    if (open && open.observation !== planted && ordinary.length > 3)
      for (const reviewer of reviewers) await desk.say(reviewer, open.observation, 'flag');
  }
  const shown = (observation: string) => {
    const { id } = desk.reviews.store.itemOn(observation)!;
    const view = describeItem(desk.catalogue, desk.reviews, id, reviewers[0]!.did);
    return Object.entries(view).map(([key, value]) => `${key} ${value === null ? 'null' : typeof value}`);
  };
  const gold = desk.reviews.store.itemOn(planted)!;
  for (const item of desk.reviews.store.open(100)) {
    if (item.observation === planted || askedAbout(desk, reviewers, item.observation).length < 2) continue;
    expect(shown(item.observation)).toEqual(shown(planted));
  }
  while (askedAbout(desk, reviewers, planted).length < 2) {
    const other = desk.reviews.store
      .askedOf(reviewers[0]!.did)
      .find(({ observation }) => observation !== planted)!;
    for (const reviewer of reviewers) await desk.say(reviewer, other.observation, 'flag');
  }
  // Both are wrong: that says something of them, and nothing of the data.
  for (const reviewer of reviewers) await desk.say(reviewer, planted, 'reject');
  const [committed, revealed] = commitments();
  expect(revealed!.digest).toBe(committed!.digest);
  expect(commitmentTo(revealed!.revealed!)).toBe(committed!.digest);
  expect(readGold(revealed!.revealed!)).toMatchObject({ observation: planted, decision: 'accept' });
  expect(describeRecord(desk.catalogue, planted)).toMatchObject({
    outcome: null,
    served: 'accepted',
    decision: 'accept',
  });
  expect(desk.reviews.store.item(gold.id)).toMatchObject({ state: 'closed', cause: 'gold' });
});

test('the draw can be checked by anybody: committed before the day, revealed after it', async () => {
  const desk = await open(newFolder(), { requiredLevel: 'L1' });
  const sent: string[] = [];
  for (let i = 0; i < 150; i++) sent.push(await desk.send('20', '20.1'));
  desk.time.nowMs += 2 * 86_400_000;
  await desk.pipeline.tick();
  const statements = desk.log.all().map((entry) => ({ id: digestHex(entry), ...statementOf(entry) }));
  const day = statements.filter(
    ({ predicateType, predicate }) =>
      predicateType === PREDICATE.commitment &&
      (predicate as CommitmentPredicate).period.from === '2026-03-01T00:00:00Z',
  );
  expect(day).toHaveLength(2);
  const [committed, revealed] = day.map(({ predicate }) => predicate as CommitmentPredicate);
  expect(committed).toMatchObject({ revealed: null, ratePpm: 15_000 });
  const first = statements.findIndex(({ predicateType }) => predicateType === PREDICATE.observation);
  expect(statements.indexOf(day[0]!)).toBeLessThan(first);
  const secret = revealed!.revealed!;
  expect(commitmentTo(secret)).toBe(committed!.digest);
  const drawn = sent.filter((id) => isSampled(secret, id));
  const asked = sent.filter((id) => desk.reviews.store.itemOn(id)?.cause === 'sample');
  expect(asked).toEqual(drawn);
  // Secrets of days that are not over stay secret.
  const open_ = statements.filter(
    ({ predicateType, predicate }) =>
      predicateType === PREDICATE.commitment &&
      (predicate as CommitmentPredicate).period.to > instantOf(desk.time.nowMs),
  );
  expect(open_.length).toBeGreaterThanOrEqual(2);
  for (const { predicate } of open_) expect((predicate as CommitmentPredicate).revealed).toBeNull();
}, 60_000);

test('anybody may object once, about what is decided, and not without end', async () => {
  const reviewers = await panel(2);
  const desk = await open(newFolder(), { reviewers: didsOf(reviewers), requiredLevel: 'L1' });
  const sent: string[] = [];
  for (let i = 0; i < 7; i++) sent.push(await desk.send('20', '20.1'));
  const reader = await signerOf(77);
  const appeal = async (observation: string, by: Ed25519Signer, change: object = {}) => {
    const { id, outcome } = desk.catalogue.verdictOn(observation)!;
    const { envelope } = await signStatement(
      makeStatement(
        'appeal',
        { name: STREAM, sha256: observation },
        {
          ...{ stream: STREAM, observation, verdict: id, outcome: outcome?.id ?? null },
          ...{ reason: 'It was colder.', appealedAt: instantOf(desk.time.nowMs), ...change },
        },
      ),
      by,
    );
    return desk.pipeline.appeal(observation, envelope).then(
      () => 'taken',
      (error: { code: string }) => error.code,
    );
  };
  const [one, two, ...rest] = sent as [string, string, ...string[]];
  expect(await appeal(one, reader, { verdict: 'a'.repeat(64) })).toBe('REVIEW_MISMATCH');
  expect(await appeal(one, reader, { outcome: 'a'.repeat(64) })).toBe('REVIEW_MISMATCH');
  expect(await appeal(one, reader, { appealedAt: '2027-01-01T00:00:00Z' })).toBe('REVIEW_MISMATCH');
  expect(await appeal(one, reader)).toBe('taken');
  expect(await appeal(one, reader)).toBe('APPEAL_REFUSED');
  expect(await appeal(one, desk.device)).toBe('taken');
  for (const observation of [two, ...rest.slice(0, 3)])
    expect(await appeal(observation, reader)).toBe('taken');
  expect(await appeal(rest[4]!, reader)).toBe('APPEAL_REFUSED');
  // What the reviewers decide un-serves accepted data, and says since when.
  expect(describeRecord(desk.catalogue, one)).toMatchObject({ served: 'accepted' });
  for (const reviewer of reviewers) await desk.say(reviewer, one, 'reject');
  const record = describeRecord(desk.catalogue, one);
  expect(record).toMatchObject({
    served: 'rejected',
    servedReason: `rejected by reviewers, since ${instantOf(desk.time.nowMs)}`,
  });
  expect(await appeal(one, await signerOf(78))).toBe('APPEAL_REFUSED');
});

test('alerts open with the verdict, count over a restart, and recover', async () => {
  const folder = newFolder();
  let desk = await open(folder);
  await desk.send('20', '20.1', '20.2');
  await desk.send('99');
  desks.pop()!.close();
  desk = await open(folder, { nowMs: Date.parse('2026-03-01T00:01:00Z') });
  await desk.send('98', '20.1');
  const alert = () => desk.alerts.list({ stream: STREAM, limit: 10 });
  expect(alert()).toMatchObject([
    { check: 'spike_jump', state: 'open', count: 2, firstAt: '2026-03-01T00:00:00Z' },
  ]);
  for (const _ of [1, 2]) {
    desk.time.nowMs += 1_800_000;
    await desk.send('20.1', '20.2');
  }
  expect(alert()).toMatchObject([{ state: 'recovered', count: 2 }]);
  expect(desk.alerts.counts()).toEqual({ open: 0, acknowledged: 0, recovered: 1 });
});

test('lists of the operator: read again when changed, refused when broken, and no way into other streams', async () => {
  const folder = newFolder();
  const file = join(folder, 'reviewers.json');
  const { did } = await signerOf(11);
  expect(readReviewers(file)).toEqual([]);
  enrolReviewer(file, { did, name: 'A' });
  enrolReviewer(file, { did, name: 'B' });
  expect(readReviewers(file)).toEqual([{ did, name: 'B' }]);
  expect(() => enrolReviewer(file, { did: 'did:web:example.com', name: null })).toThrow(
    expect.objectContaining({ code: 'DID_INVALID' }),
  );
  for (const broken of ['', '{}', '{"reviewers":[{}]}', '{"reviewers":[{"did":"x"}]}']) {
    writeFileSync(file, broken);
    expect(() => readReviewers(file), broken).toThrow();
  }
  const streams = join(folder, 'streams.json');
  const contract = (id: string) =>
    `apiVersion: v3.1.0\nkind: DataContract\nid: ${id}\nversion: 1.0.0\nstatus: active\nschema:\n  - name: x\n    properties: [{ name: time, logicalType: timestamp }]\n    quality: []\n`;
  registerStream(streams, { provider: did, contract: contract('lab.new') });
  registerStream(streams, { provider: did, contract: contract('kraken.BTC-USD.1m') });
  expect(readStreams(streams)).toHaveLength(2);
  const contracts = new Map([['kraken.BTC-USD.1m', {} as never]]);
  const registry = streamRegistry(streams, contracts);
  expect(registry.providerOf('lab.new')).toBe(did);
  expect(registry.providerOf('kraken.BTC-USD.1m')).toBeNull();
  expect([...contracts.keys()]).toEqual(['kraken.BTC-USD.1m', 'lab.new']);
  expect(readdirSync(folder).sort()).toEqual(['contracts', 'reviewers.json', 'streams.json']);
});

const KILLS = process.env.ASSAY_LONG ? 60 : 6;

test(
  `after ${KILLS} kills nothing acknowledged is lost, and memory and verdicts agree`,
  async () => {
    const folder = newFolder();
    const acknowledged = new Map<string, string>();
    for (let kill = 0; kill < KILLS; kill++) {
      for (const line of (await runAndKill(folder, 40 + ((kill * 97) % 260))).split('\n').slice(1, -1)) {
        const [kind, id] = line.split(' ') as [string, string];
        acknowledged.set(id, kind);
      }
    }
    const desk = await open(folder);
    const entries = desk.log.all().map((entry) => ({ id: digestHex(entry), statement: statementOf(entry) }));
    const ids = new Set(entries.map(({ id }) => id));
    expect(ids.size).toBe(entries.length);
    expect([...acknowledged.values()].filter((kind) => kind === 'review').length).toBeGreaterThan(0);
    const held = new Set(
      desk.reviews.store
        .open(10_000)
        .flatMap((item) => desk.reviews.store.held(item.id).map((entry) => digestHex(entry))),
    );
    for (const [id, kind] of acknowledged)
      expect(ids.has(id) || (kind === 'review' && held.has(id)), `${kind} ${id}`).toBe(true);
    expect(desk.catalogue.pending()).toEqual([]);
    // No review of an open round ever reached the log.
    for (const { id } of entries) expect(held.has(id)).toBe(false);
    const verdicts = entries.filter(({ statement }) => statement.predicateType === PREDICATE.verdict);
    const { bytes } = desk.evidence.memories(STREAM).get('no_jump')!;
    expect((deserialize(bytes) as SpikeMemory).observations).toBe(verdicts.length);
    // Every closed round has its outcome, and every outcome its reviews before it.
    for (const item of desk.reviews.store.closed(10_000)) {
      const { outcome, reviews } = describeRecord(desk.catalogue, item.observation);
      expect(outcome?.reviews).toEqual(reviews.map(({ id }) => id));
    }
  },
  KILLS * 10_000,
);

/** What the child printed until it was killed, `afterMs` after it had begun. */
async function runAndKill(folder: string, afterMs: number): Promise<string> {
  const script = fileURLToPath(new URL('./desk.child.ts', import.meta.url));
  const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', script, folder], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    if (output === '') setTimeout(() => child.kill('SIGKILL'), afterMs);
    output += text;
  });
  await new Promise((resolve) => child.once('close', resolve));
  return output;
}
