/**
 * The whole way once, on a real node over real HTTP and with the real command line: a detector fails → the verdict flags,
 * with an exhibit → the queue asks two reviewers who see nothing of each other → they disagree → a third decides → the
 * outcome is logged and changes what is served → an appeal goes to others → it is final, and everything verifies offline.
 * And a derived figure is executed again by others.
 */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  type Decision,
  digestHex,
  type Ed25519Signer,
  ed25519Signer,
  type FileRow,
  hexToBytes,
  makeStatement,
  reviewerAuthorization,
  signStatement,
} from '@assay/core';
import { createGateway, type Gateway } from '@assay/gateway';
import { type ItemDetail, type QueueView, type RecordDetail, reviewerSeed } from '@assay/pipeline';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Node, startNode } from './node.ts';
import { run, until } from './node-process.fixture.ts';
import { parseOptions, type StartOptions } from './options.ts';
import { spike } from './packages/checks/src/spike.fixture.ts';

const folder = mkdtempSync(join(tmpdir(), 'assay-review-'));
const dataDir = join(folder, 'data');
const stop = new AbortController();
let node: Node;
let gateway: Gateway;
let base: string;
const file = (name: string) => join(folder, name);
const json = async <T>(path: string, headers: Record<string, string> = {}) =>
  (await (await fetch(base + path, { headers })).json()) as T;
const assay = (...args: string[]) => run('packages/cli/src/main.ts', args);
/** The command line, on this node. */
const here = async (...args: string[]) => {
  const done = await assay(...args, '--node', base, '--json');
  return { ...done, said: done.stdout === '' ? null : JSON.parse(done.stdout.trim()) };
};
const local = async (i: number): Promise<Ed25519Signer> =>
  ed25519Signer(
    reviewerSeed(hexToBytes(readFileSync(join(dataDir, 'keys', `reviewer-${i}.key`), 'utf8').trim())),
  );
const instant = (ms = Date.now()) => `${new Date(ms).toISOString().slice(0, 19)}Z`;

const contract = (id: string, requiredLevel: string, columns: string, quality: string) => `apiVersion: v3.1.0
kind: DataContract
id: ${id}
name: ${id}
version: 1.0.0
status: active
schema:
  - name: row
    properties:
      - { name: time, logicalType: timestamp, required: true }
${columns}
    quality:
${quality}
customProperties:
  - { property: requiredLevel, value: ${requiredLevel} }
`;

beforeAll(async () => {
  writeFileSync(
    file('thermometer.odcs.yaml'),
    contract(
      'lab.thermometer',
      'L2',
      '      - { name: temperature, logicalType: number, required: true }',
      '      - { id: no_jump, dimension: accuracy, severity: warning, type: custom, engine: assay, implementation: { detector: spike, terms: { column: temperature } } }',
    ),
  );
  writeFileSync(
    file('photos.odcs.yaml'),
    contract(
      'lab.photos',
      'L1',
      ['name', 'mediaType', 'bytes', 'sha256', 'metadata']
        .map(
          (name) =>
            `      - { name: ${name}, logicalType: ${name === 'bytes' ? 'number' : 'string'}, required: true }`,
        )
        .join('\n'),
      '      - { id: genuine, dimension: accuracy, severity: error, type: custom, engine: assay, implementation: { detector: image } }',
    ),
  );
  const options = parseOptions([
    '--source',
    'simulated',
    '--hours',
    '1',
    '--speed',
    'max',
    '--no-chain',
    '--data-dir',
    dataDir,
  ]);
  node = await startNode(options as StartOptions, stop, { detectors: new Map([['spike', spike]]) });
  gateway = await createGateway(node.view);
  base = await gateway.listen({ host: '127.0.0.1', port: 0 });
  await node.pipeline.run({ signal: stop.signal });
}, 90_000);

afterAll(async () => {
  stop.abort();
  await gateway?.close();
  await node?.close();
  rmSync(folder, { recursive: true, force: true });
});

/** A device's readings, one a second, sent by the command line. */
async function send(values: readonly string[], from: string): Promise<string> {
  const rows = values.map((temperature, i) => ({ temperature, time: instant(Date.parse(from) + i * 1000) }));
  writeFileSync(file('rows.ndjson'), rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
  const sent = await here(
    'submit',
    file('rows.ndjson'),
    '--readings',
    '--stream',
    'lab.thermometer',
    '--key',
    file('device.key'),
  );
  expect(sent.code, sent.stderr).toBe(0);
  return sent.said.id;
}

const queueOf = async (reviewer: Ed25519Signer) =>
  json<QueueView>('/v1/reviews', {
    authorization: await reviewerAuthorization(reviewer, {
      method: 'GET',
      path: '/v1/reviews',
      time: instant(),
    }),
  });
const itemFor = async (reviewer: Ed25519Signer, item: string) => {
  const path = `/v1/reviews/${item}`;
  const authorization = await reviewerAuthorization(reviewer, { method: 'GET', path, time: instant() });
  return fetch(base + path, { headers: { authorization } });
};
const post = async (path: string, envelope: unknown) => {
  const answer = await fetch(base + path, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ envelope }),
  });
  const body = (await answer.json()) as { id?: string; code?: string; state?: string };
  return { ...body, said: `${answer.status} ${body.code ?? body.state ?? 'taken'}` };
};
const reviewOf = async (
  reviewer: Ed25519Signer,
  sign: ItemDetail['sign'],
  decision: Decision,
  change: object = {},
) =>
  (
    await signStatement(
      makeStatement(
        'review',
        { name: sign.stream, sha256: sign.observation },
        {
          ...{
            ...sign,
            round: sign.round as 1 | 2,
            decision,
            reason: `I say ${decision}`,
            disputed: [],
            evidence: [],
          },
          ...{ reviewedAt: instant(), ...change },
        },
      ),
      reviewer,
    )
  ).envelope;
/** Those of some reviewers who are asked about an observation, with the item. */
async function asked(reviewers: readonly Ed25519Signer[], observation: string) {
  const found: { reviewer: Ed25519Signer; item: string }[] = [];
  for (const reviewer of reviewers)
    for (const one of (await queueOf(reviewer)).asked)
      if (one.observation === observation) found.push({ reviewer, item: one.item });
  return found;
}

test('a stream is registered with its contract, and its device sends what was measured', async () => {
  const device = await assay('stream', 'key', file('device.key'));
  expect(device.code, device.stderr).toBe(0);
  const refused = await here(
    'submit',
    file('thermometer.odcs.yaml'),
    '--stream',
    'lab.thermometer',
    '--key',
    file('device.key'),
  );
  expect(refused.stderr).toContain('PROVIDER_UNKNOWN');
  for (const name of ['thermometer', 'photos']) {
    const added = await assay(
      ...[
        'stream',
        'add',
        '--provider',
        device.stdout.trim(),
        '--contract',
        file(`${name}.odcs.yaml`),
        '--data-dir',
        dataDir,
      ],
    );
    expect(added.code, added.stderr).toBe(0);
  }
  const first = await send(['20', '20.1', '20.2', '20.1'], '2026-01-01T00:00:00Z');
  const good = await json<RecordDetail>(`/v1/records/${first}`);
  expect(good).toMatchObject({
    decision: 'accept',
    level: 'L2',
    served: 'accepted',
    outcome: null,
  });
  expect(good.verdict).toMatchObject({
    required: 'L2',
    findings: [{ check: 'schema' }, { check: 'spike_jump', status: 'pass' }],
  });
}, 60_000);

let flagged: string;

test('what the detector finds is flagged, with something to look at, and asked of two reviewers', async () => {
  // It remembers the steps of the batch before: that alone tells it that 35 is a jump.
  flagged = await send(['20.2', '35', '20.1'], '2026-01-01T00:01:00Z');
  const record = await json<RecordDetail>(`/v1/records/${flagged}`);
  expect(record).toMatchObject({
    decision: 'flag',
    level: 'L1',
    served: 'flagged',
    review: { state: 'open' },
    reviews: [],
  });
  const finding = record.verdict!.findings.find(({ check }) => check === 'spike_jump')!;
  expect(finding).toMatchObject({
    status: 'fail',
    severity: 'flag',
    rows: [[1, 1]],
    exhibits: [{ kind: 'series' }],
  });
  const { digest } = finding.exhibits[0]!;
  const exhibit = new Uint8Array(await (await fetch(`${base}/v1/exhibits/${digest}`)).arrayBuffer());
  expect(`sha256:${digestHex(exhibit)}`).toBe(digest);
  expect(finding.evidence).toContain(digest);
  expect(finding.evidence).toContain(`sha256:${record.statement.subject[0].digest.sha256}`);
  expect(await json(`/v1/records/${flagged}.0`)).toMatchObject({ decision: 'accept', served: 'below-level' });

  const alerts = await here('alerts', '--stream', 'lab.thermometer');
  expect(alerts.code).toBe(1);
  expect(alerts.said.alerts).toMatchObject([
    { check: 'spike_jump', state: 'open', severity: 'warning', count: 1 },
  ]);
  const seen = await here('alerts', 'acknowledge', alerts.said.alerts[0].id, '--by', 'night shift');
  expect(seen.said).toMatchObject({ state: 'acknowledged', acknowledged: { by: 'night shift' } });
}, 60_000);

test('two blind reviews disagree, the third decides, and only then anybody sees what was said', async () => {
  const reviewers = await Promise.all([1, 2, 3].map(local));
  const [one, two, ...none] = await asked(reviewers, flagged);
  expect(none).toEqual([]);
  const { item } = one!;
  const idle = reviewers.find(({ did }) => did !== one!.reviewer.did && did !== two!.reviewer.did)!;
  const stranger = await ed25519Signer(new Uint8Array(32).fill(77));

  // Default deny.
  expect((await fetch(`${base}/v1/reviews/${item}`)).status).toBe(403);
  expect((await itemFor(idle, item)).status).toBe(403);
  expect((await itemFor(stranger, item)).status).toBe(403);
  const stolen = await reviewerAuthorization(one!.reviewer, {
    method: 'GET',
    path: '/v1/reviews',
    time: instant(),
  });
  expect((await fetch(`${base}/v1/reviews/${item}`, { headers: { authorization: stolen } })).status).toBe(
    401,
  );
  const old = await reviewerAuthorization(one!.reviewer, {
    method: 'GET',
    path: '/v1/reviews',
    time: instant(Date.now() - 3_600_000),
  });
  expect((await fetch(`${base}/v1/reviews`, { headers: { authorization: old } })).status).toBe(401);

  const before = (await (await itemFor(one!.reviewer, item)).json()) as ItemDetail;
  expect(before).toMatchObject({ state: 'open', round: 1, closed: null, appeals: [], schema: 'reading/v1' });
  expect(before.rows.map(({ inQuestion }) => inQuestion)).toEqual([false, true, false]);
  expect(before.before).toHaveLength(4);
  const { sign } = before;
  const send = async (reviewer: Ed25519Signer, decision: Decision, change: object = {}, to = item) =>
    (await post(`/v1/reviews/${to}`, await reviewOf(reviewer, sign, decision, change))).said;
  expect(await send(stranger, 'accept')).toBe('403 REVIEWER_UNKNOWN');
  expect(await send(idle, 'accept')).toBe('403 REVIEW_NOT_ASSIGNED');
  expect(await send(one!.reviewer, 'accept', { round: 2 })).toBe('422 REVIEW_MISMATCH');
  expect(await send(one!.reviewer, 'accept', { item: 'a'.repeat(64) })).toBe('422 REVIEW_MISMATCH');
  expect(await send(one!.reviewer, 'accept', { verdict: 'a'.repeat(64) })).toBe('422 REVIEW_MISMATCH');
  expect(await send(one!.reviewer, 'accept', { disputed: ['no_such_check'] })).toBe('422 REVIEW_MISMATCH');
  expect(await send(one!.reviewer, 'accept', { reviewedAt: '2020-01-01T00:00:00Z' })).toBe(
    '422 REVIEW_MISMATCH',
  );
  expect(await send(one!.reviewer, 'accept', {}, 'b'.repeat(64))).toBe('404 NOT_FOUND');
  const genuine = await reviewOf(one!.reviewer, sign, 'accept');
  const forged = { ...genuine, signatures: [{ keyid: two!.reviewer.did, sig: genuine.signatures[0].sig }] };
  expect((await post(`/v1/reviews/${item}`, forged)).said).toBe('403 SIGNATURE_INVALID');

  const first = await post(`/v1/reviews/${item}`, genuine);
  expect(first.said).toBe('202 held');
  expect((await post(`/v1/reviews/${item}`, genuine)).said).toBe('409 REVIEW_REPEATED');
  // Blind: the second reviewer sees what the first one saw, and the log knows nothing yet.
  const unseen = (await (await itemFor(two!.reviewer, item)).json()) as ItemDetail;
  expect({ ...unseen, until: null }).toEqual({ ...before, until: null });
  expect((await fetch(`${base}/v1/records/${first.id}`)).status).toBe(404);
  expect((await json<RecordDetail>(`/v1/records/${flagged}`)).reviews).toEqual([]);

  const role = `reviewer-${reviewers.indexOf(two!.reviewer) + 1}`;
  const second = await here(
    ...[
      'review',
      'decide',
      item,
      'flag',
      '--reason',
      'A hand on the probe.',
      '--role',
      role,
      '--data-dir',
      dataDir,
    ],
  );
  expect(second.said, second.stderr).toMatchObject({ state: 'held' });
  expect(await json(`/v1/records/${flagged}`)).toMatchObject({
    review: { state: 'open' },
    reviews: [],
    served: 'flagged',
  });
  const [third] = await asked([idle], flagged);
  expect(third).toBeDefined();
  expect(await send(idle, 'flag')).toBe('202 held');

  const closed = (await (await fetch(`${base}/v1/reviews/${item}`)).json()) as ItemDetail;
  expect(closed).toMatchObject({
    state: 'closed',
    closed: { cause: 'flagged', outcome: { decision: 'flag', round: 1 } },
  });
  expect(closed.closed!.reviews.map(({ decision }) => decision)).toEqual(['accept', 'flag', 'flag']);
  const record = await json<RecordDetail>(`/v1/records/${flagged}`);
  expect(record).toMatchObject({ decision: 'flag', served: 'flagged', review: { state: 'closed' } });
  expect(record.servedReason).toMatch(/^flagged by reviewers, since 20/);
  expect(record.outcome!.reviews).toEqual(record.reviews.map(({ id }) => id));
  expect(await send(one!.reviewer, 'flag')).toBe('409 REVIEW_REPEATED');
}, 60_000);

test('an appeal goes to reviewers who took no part, and what they decide is served and final', async () => {
  const device = await ed25519Signer(hexToBytes(readFileSync(file('device.key'), 'utf8').trim()));
  const others = await Promise.all(
    [101, 102, 103].map((byte) => ed25519Signer(new Uint8Array(32).fill(byte))),
  );
  for (const { did } of [...others, device]) {
    const enrolled = await assay('review', 'enrol', did, '--data-dir', dataDir);
    expect(enrolled.code, enrolled.stderr).toBe(0);
  }
  const reason = ['--reason', 'The oven door was open: 35 is what it was.'];
  const appealed = await here('review', 'appeal', flagged, ...reason, '--key', file('device.key'));
  expect(appealed.said, appealed.stderr).toMatchObject({ item: expect.stringMatching(/^[0-9a-f]{64}$/) });
  const twice = await here('review', 'appeal', flagged, ...reason, '--key', file('device.key'));
  expect(twice.stderr).toContain('APPEAL_REFUSED');

  // The provider is enrolled now and is not asked about its own data; nor are those who decided before.
  const everybody = [...(await Promise.all([1, 2, 3].map(local))), device, ...others];
  const panel = await asked(everybody, flagged);
  expect(panel).toHaveLength(2);
  for (const { reviewer } of panel) expect(others).toContain(reviewer);
  for (const { reviewer, item } of panel) {
    const { sign, appeals, closed } = (await (await itemFor(reviewer, item)).json()) as ItemDetail;
    expect([sign.round, closed, appeals[0]?.reason]).toEqual([2, null, reason[1]]);
    expect(
      (
        await post(
          `/v1/reviews/${item}`,
          await reviewOf(reviewer, sign, 'accept', { disputed: ['spike_jump'] }),
        )
      ).said,
    ).toBe('202 held');
  }
  const record = await json<RecordDetail>(`/v1/records/${flagged}`);
  expect(record).toMatchObject({
    decision: 'accept',
    level: 'L5',
    served: 'accepted',
    verdict: { decision: 'flag', level: 'L1' },
  });
  expect(record.outcome).toMatchObject({ round: 2, previous: expect.any(String) });
  expect(record.reviews).toHaveLength(5);
  expect(await json(`/v1/records/${flagged}.1`)).toMatchObject({
    decision: 'accept',
    served: 'accepted',
    level: 'L5',
  });
  const again = await here(
    'review',
    'appeal',
    flagged,
    ...reason,
    '--role',
    'reviewer-1',
    '--data-dir',
    dataDir,
  );
  expect(again.stderr).toContain('APPEAL_REFUSED');
  expect(again.stderr).toContain('final');
}, 90_000);

test('everything verifies offline: a review, the outcome, and the row at L5 for those who trust its reviewers', async () => {
  await until(async () => {
    const { log } = await json<{ log: { size: number; published: { size: number } | null } }>('/v1/status');
    return log.published?.size === log.size;
  });
  const record = await json<RecordDetail>(`/v1/records/${flagged}`);
  writeFileSync(file('policy.json'), JSON.stringify(await json('/v1/trust-policy')));
  const policy = JSON.parse(readFileSync(file('policy.json'), 'utf8'));
  writeFileSync(file('l5.json'), JSON.stringify({ ...policy, minLevel: 'L5' }));
  writeFileSync(
    file('nobody.json'),
    JSON.stringify({ ...policy, minLevel: 'L5', reviewers: policy.reviewers.slice(0, 3) }),
  );
  const verify = async (id: string, under: string) => {
    writeFileSync(file('bundle.json'), JSON.stringify(await json(`/v1/records/${id}/bundle`)));
    return assay('verify', file('bundle.json'), '--policy', file(under));
  };
  for (const { id } of record.reviews) {
    const { code, stdout } = await verify(id, 'policy.json');
    expect(code, stdout).toBe(0);
  }
  for (const id of [record.outcome!.id, record.appeals[0]!.id])
    expect((await verify(id, 'policy.json')).code).toBe(0);
  const row = await verify(`${flagged}.1`, 'l5.json');
  expect(row.stdout).toContain('accept, L5');
  expect(row.code, row.stdout).toBe(0);
  // The operator's word alone gives no L5.
  const unknown = await verify(`${flagged}.1`, 'nobody.json');
  expect(unknown.stdout).toContain('LEVEL_TOO_LOW');
  expect(unknown.code).toBe(1);
  // Without its outcome the bundle says what the checks said.
  const bundle = await json<Record<string, unknown>>(`/v1/records/${flagged}.1/bundle`);
  const { outcome: _, reviews: __, ...bare } = bundle;
  writeFileSync(file('bare.json'), JSON.stringify(bare));
  expect((await assay('verify', file('bare.json'), '--policy', file('policy.json'))).stdout).toContain(
    'DECISION_NOT_ACCEPTED',
  );
}, 90_000);

test('a derived figure that somebody else executes again reaches L4, until one gets something else', async () => {
  const [rate] = (
    await json<{ records: RecordDetail[] }>(
      '/v1/records?stream=assay.BTC-USD.reference-rate.1m&decision=accept',
    )
  ).records;
  const figure = rate!.id.split('.')[0]!;
  expect(rate).toMatchObject({ level: 'L3' });
  const made = await assay('stream', 'key', file('executor.key'));
  const attest = () =>
    here('recompute', figure, '--attest', '--key', file('executor.key'), '--data-dir', dataDir);
  expect((await attest()).stderr).toContain('EXECUTOR_UNKNOWN');
  const deriver = await ed25519Signer(
    hexToBytes(readFileSync(join(dataDir, 'keys', 'deriver.key'), 'utf8').trim()),
  );
  const second = await ed25519Signer(new Uint8Array(32).fill(111));
  for (const did of [made.stdout.trim(), deriver.did, second.did])
    expect((await assay('execution', 'enrol', did, '--data-dir', dataDir)).code).toBe(0);

  const attested = await attest();
  expect(attested.said, attested.stderr).toMatchObject({
    same: true,
    agrees: true,
    attested: { index: expect.any(Number) },
  });
  const record = await json<RecordDetail>(`/v1/records/${figure}`);
  expect(record).toMatchObject({ level: 'L4', verdict: { level: 'L3' } });
  expect(record.executions).toMatchObject([{ executor: made.stdout.trim(), agrees: true }]);
  expect(await json(`/v1/records/${rate!.id}`)).toMatchObject({ level: 'L4', served: 'accepted' });
  expect((await attest()).stderr).toContain('EXECUTION_REFUSED');
  const offline = async (id: string, under: string) => {
    await until(async () => (await fetch(`${base}/v1/records/${id}/bundle`)).ok);
    writeFileSync(file('bundle.json'), JSON.stringify(await json(`/v1/records/${id}/bundle`)));
    return assay('verify', file('bundle.json'), '--policy', file(under));
  };
  writeFileSync(
    file('l4.json'),
    JSON.stringify({ ...(await json<object>('/v1/trust-policy')), minLevel: 'L4' }),
  );
  const reached = await offline(rate!.id, 'l4.json');
  expect(reached.code, reached.stdout).toBe(0);
  expect(reached.stdout).toContain('accept, L4');

  const { rows, function: code, at } = record.executions[0]!;
  const { stream } = record;
  const say = async (signer: Ed25519Signer, change: object) => {
    const predicate = { stream, observation: figure, function: code, rows, agrees: true, executedAt: at };
    const about = { name: stream, sha256: figure };
    const statement = makeStatement('execution', about, { ...predicate, ...change });
    return (await post(`/v1/records/${figure}/executions`, (await signStatement(statement, signer)).envelope))
      .said;
  };
  expect(await say(deriver, {})).toBe('409 EXECUTION_REFUSED');
  expect(await say(second, { agrees: false })).toBe('422 EXECUTION_MISMATCH');
  const other = { root: 'a'.repeat(64), count: rows.count };
  expect(await say(second, { rows: other })).toBe('422 EXECUTION_MISMATCH');
  expect(await say(second, { rows: other, agrees: false })).toBe('201 taken');
  expect(await json(`/v1/records/${figure}`)).toMatchObject({ level: 'L3', served: 'accepted' });
  expect((await here('alerts', '--stream', stream)).said.alerts).toMatchObject([
    { check: 'execution', state: 'open', severity: 'critical' },
  ]);

  // Offline: the execution by itself; the figure is at L4 no more.
  writeFileSync(file('policy.json'), JSON.stringify(await json('/v1/trust-policy')));
  expect(await offline(attested.said.attested.id, 'policy.json')).toMatchObject({ code: 0 });
  expect(await offline(rate!.id, 'policy.json')).toMatchObject({ code: 0 });
  const taken = await offline(rate!.id, 'l4.json');
  expect(taken.code).toBe(1);
  expect(taken.stdout).toContain('LEVEL_TOO_LOW');
}, 90_000);

test('files come in whole, bounded and under their digests; a detector that is not installed is unknown', async () => {
  mkdirSync(file('in'));
  const png = Buffer.from(
    'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==',
    'base64',
  );
  writeFileSync(file('in/pixel.png'), png);
  writeFileSync(file('m.json'), JSON.stringify({ origin: 'made up', width: 1 }));
  const args = ['--stream', 'lab.photos', '--metadata', file('m.json'), '--key', file('device.key')];
  const sent = await here('submit', file('in/pixel.png'), ...args);
  expect(sent.code, sent.stderr).toBe(0);
  const record = await json<RecordDetail>(`/v1/records/${sent.said.id}`);
  const finding = record.verdict!.findings.find(({ check }) => check === 'image_examined');
  expect(finding).toMatchObject({
    status: 'unknown',
    reason: expect.stringContaining('no detector named image'),
  });
  expect(record).toMatchObject({ decision: 'accept', level: 'L1', served: 'accepted' });
  const row = (await json<RecordDetail>(`/v1/records/${sent.said.id}.0`)).values as FileRow;
  expect(row).toMatchObject({ name: 'pixel.png', mediaType: 'image/png', bytes: String(png.length) });
  const served = await fetch(`${base}/v1/files/${row.sha256}`);
  expect(served.headers.get('content-type')).toBe('image/png');
  expect(served.headers.get('content-security-policy')).toContain('sandbox');
  expect(digestHex(new Uint8Array(await served.arrayBuffer()))).toBe(row.sha256);
  expect((await fetch(`${base}/v1/files/${'0'.repeat(64)}`)).status).toBe(404);
  expect((await fetch(`${base}/v1/exhibits/sha256:${'0'.repeat(64)}`)).status).toBe(404);
}, 60_000);

test('the draw was committed to before anything was judged', async () => {
  const commitments = node.view.catalogue.logged('commitment', -1, 10);
  expect(commitments.length).toBeGreaterThanOrEqual(2);
  const firstVerdict = node.view.catalogue.logged('verdict', -1, 1)[0]!;
  expect(commitments[0]!.index).toBeLessThan(firstVerdict.index!);
});
