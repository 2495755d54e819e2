/**
 * The whole path: a source is processed to its end, the log is read back as a stranger would, single figures are
 * exported and verified in an empty folder with no node running, and every changed character fails.
 */
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startAnvil } from '@assay/chain';
import { bytesToHex, digestHex, parseBundle, parseTrustPolicy, parseVkey, verifyBundle } from '@assay/core';
import { verifyCoseReceipt } from '@assay/ledger';
import { DuckDBInstance } from '@duckdb/node-api';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ROOT, readPublishedLog, run, serve, stop } from './node-process.fixture.ts';
import type { RunSummary } from './screen.ts';

const RECORDING = join(ROOT, '../shared/data/usdc-depeg-2023-03');
const recorded = existsSync(RECORDING);
if (!recorded)
  console.warn('the recording usdc-depeg-2023-03 is absent: the journey runs on the simulated source');

const folder = mkdtempSync(join(tmpdir(), 'assay-journey-'));
const dataDir = join(folder, 'data');
const elsewhere = join(folder, 'elsewhere');
const policyFile = join(dataDir, 'trust-policy.json');
const assay = (...args: string[]) => run('packages/cli/src/main.ts', args, { cwd: elsewhere });
let source: string[];
let summary: RunSummary;

beforeAll(async () => {
  mkdirSync(elsewhere);
  source = recorded
    ? ['--source', 'replay', '--replay', await excerpt()]
    : ['--source', 'simulated', '--hours', '20'];
  const { code, stdout, stderr } = await run('main.ts', [
    ...source,
    '--data-dir',
    dataDir,
    '--once',
    '--json',
  ]);
  expect(code, stderr).toBe(0);
  summary = JSON.parse(stdout.trimEnd().split('\n').at(-1)!);
}, 120_000);

afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** A day and a half around the depeg, cut out of the recording so that the test is quick. */
async function excerpt(): Promise<string> {
  const target = join(folder, 'excerpt');
  mkdirSync(target);
  const connection = await (await DuckDBInstance.create(':memory:')).connect();
  const files = (await connection.runAndReadAll(`SELECT file FROM glob('${RECORDING}/*.parquet')`))
    .getRowsJson()
    .map(([file]) => String(file));
  for (const file of files) {
    await connection.run(
      `COPY (SELECT * FROM read_parquet('${file}') WHERE "timestamp" >= TIMESTAMPTZ '2023-03-10 12:00:00+00'
       AND "timestamp" < TIMESTAMPTZ '2023-03-12 00:00:00+00') TO '${join(target, file.split('/').at(-1)!)}' (FORMAT parquet)`,
    );
  }
  connection.closeSync();
  return target;
}

test('the summary has its documented shape, and flags the depeg and nothing else', () => {
  expect(Object.keys(summary)).toEqual([
    'source',
    'rows',
    'observations',
    'verdicts',
    'flags',
    'derivations',
    'log',
    'witnesses',
    'anchors',
    'seconds',
  ]);
  expect(summary.verdicts.accept + summary.verdicts.flag + summary.verdicts.reject).toBe(
    summary.observations,
  );
  expect(summary.witnesses).toHaveLength(3);
  expect(summary.anchors.at(-1)!.size).toBe(summary.log.size);
  const flagged = (stream: string) =>
    summary.flags.filter((flag) => flag.stream === stream).reduce((sum, { count }) => sum + count, 0);
  if (recorded) {
    expect(flagged('kraken.BTC-USDC.1m')).toBeGreaterThan(1000);
    expect(flagged('binance.BTC-USDC.1m')).toBeGreaterThan(1000);
    expect(flagged('kraken.USDC-USD.1m')).toBeGreaterThan(1000);
    expect(flagged('kraken.BTC-USD.1m') + flagged('coinbase.BTC-USD.1m')).toBe(0);
    expect(
      summary.flags.filter(({ day }) => day === '2023-03-10').reduce((sum, { count }) => sum + count, 0),
    ).toBeLessThan(10);
  } else {
    expect(flagged('kraken.BTC-USD.1m')).toBe(3);
    expect(flagged('coinbase.BTC-USD.1m')).toBe(2);
    expect(flagged('kraken.USDC-USD.1m')).toBeGreaterThan(200);
  }
});

test('the log folder is a whole tlog-tiles log', () => {
  const log = readPublishedLog(join(dataDir, 'log'));
  expect(log).toMatchObject({ origin: summary.log.origin, size: summary.log.size });
  expect(log.actual).toBe(log.stated);
  expect(new Set(log.entries.map((entry) => Buffer.from(entry).toString('latin1'))).size).toBe(log.size);
});

const STREAMS = [
  'coinbase.BTC-USD.1m',
  'assay.BTC-USD.reference-rate.1m',
  'assay.BTC-USD.reference-rate.1h',
  'assay.market.minutes',
];

describe.each(STREAMS)('%s', (stream) => {
  const file = join(elsewhere, `${stream}.json`);
  let id: string;

  beforeAll(async () => {
    const listed = await assay(
      'records',
      '--data-dir',
      dataDir,
      '--stream',
      stream,
      '--limit',
      '3',
      '--json',
    );
    const records = JSON.parse(listed.stdout) as { id: string; decision: string }[];
    expect(records).toHaveLength(3);
    id = records.find(({ decision }) => decision === 'accept')!.id;
    const exported = await assay('export', id, '--data-dir', dataDir);
    expect(exported.code, exported.stderr).toBe(0);
    writeFileSync(file, exported.stdout);
  });

  test('verifies with no node running', async () => {
    const { code, stdout } = await assay('verify', file, '--policy', policyFile);
    expect(code, stdout).toBe(0);
    expect(stdout.match(/^✓/gm)).toHaveLength(8);
  });

  test('no changed character of it does', async () => {
    const bundle = JSON.parse(readFileSync(file, 'utf8'));
    const policy = parseTrustPolicy(readFileSync(policyFile, 'utf8'));
    const leaves: { at: string[]; value: string | number }[] = [];
    const collect = (value: unknown, at: string[]): void => {
      if (typeof value === 'string' || typeof value === 'number') leaves.push({ at, value });
      else for (const [key, member] of Object.entries(value ?? {})) collect(member, [...at, key]);
    };
    collect(bundle, []);
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...leaves),
        fc.nat(),
        fc.constantFrom(...'a0Z9f+ x'),
        async ({ at, value }, position, letter) => {
          const text = String(value);
          const where = position % text.length;
          const changed = text.slice(0, where) + letter + text.slice(where + 1);
          fc.pre(changed !== text && Number(changed) !== value);
          const copy = structuredClone(bundle);
          const parent = at.slice(0, -1).reduce((node, key) => node[key], copy);
          parent[at.at(-1)!] = typeof value === 'number' ? Number(changed) : changed;
          const outcome = await Promise.resolve()
            .then(() => verifyBundle(parseBundle(copy), policy))
            .then(
              (report) => report.outcome,
              (error: { code: string }) => error.code,
            );
          expect(['failed', 'BUNDLE_MALFORMED'], `${at.join('.')}: ${text.slice(0, 50)}`).toContain(outcome);
        },
      ),
      { numRuns: 400 },
    );
    writeFileSync(
      join(elsewhere, 'changed.json'),
      readFileSync(file, 'utf8').replace(
        /"(close|rate|price)": "(\d)/,
        (_, name, digit) => `"${name}": "${(Number(digit) % 9) + 1}`,
      ),
    );
    expect((await assay('verify', 'changed.json', '--policy', policyFile)).code).toBe(1);
    writeFileSync(join(elsewhere, 'cut.json'), readFileSync(file).subarray(0, 3_000));
    expect((await assay('verify', 'cut.json', '--policy', policyFile)).code).toBe(1);
  }, 60_000);

  test.skipIf(!stream.startsWith('assay.'))(
    'is recomputed to the same bytes (derived figures only)',
    async () => {
      const { code, stderr } = await assay('recompute', id, '--data-dir', dataDir);
      expect(code, stderr).toBe(0);
      expect(stderr).toMatch(/the same \d+ bytes from \d+ recorded inputs/);
    },
  );
});

test('a block that the policy does not trust is unknown, until the verifier’s own endpoint confirms it', async () => {
  const policy = JSON.parse(readFileSync(policyFile, 'utf8'));
  policy.chains[0].trustedBlocks = [];
  writeFileSync(join(elsewhere, 'blockless.json'), JSON.stringify(policy));
  const bundle = `${STREAMS[0]}.json`;
  expect((await assay('verify', bundle, '--policy', 'blockless.json')).code).toBe(3);
  const chain = await startAnvil({ directory: join(dataDir, 'chain') });
  try {
    const { code, stdout } = await assay(
      'verify',
      bundle,
      '--policy',
      'blockless.json',
      '--rpc',
      chain.rpcUrl,
    );
    expect(code, stdout).toBe(0);
  } finally {
    await chain.stop();
  }
  policy.witnesses.quorum = 3;
  writeFileSync(join(elsewhere, 'stricter.json'), JSON.stringify(policy));
  expect((await assay('verify', bundle, '--policy', 'stricter.json')).code).toBe(1);
  writeFileSync(join(elsewhere, 'broken.json'), '{"logs": 1}');
  expect(await assay('verify', bundle, '--policy', 'broken.json')).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('POLICY_MALFORMED'),
  });
  expect((await assay('verify', bundle)).code).toBe(2);
}, 60_000);

test('the same run again adds nothing', async () => {
  const { code, stdout, stderr } = await run('main.ts', [
    ...source,
    '--data-dir',
    dataDir,
    '--once',
    '--json',
  ]);
  expect(code, stderr).toBe(0);
  expect(JSON.parse(stdout)).toMatchObject({ rows: summary.rows, log: summary.log });
}, 60_000);

test('hours whose venues contradict each other are served with their proof, and alerted', async () => {
  const { child, base } = await serve([...source, '--data-dir', dataDir]);
  try {
    const get = async (path: string) => {
      const answer = await fetch(base + path);
      return { status: answer.status, body: await answer.json() };
    };
    const period = recorded ? '?from=2023-03-10T12:00:00Z&to=2023-03-12' : '';
    const { body } = await get(`/v1/market/minutes/USDC${period}`);
    const depegged = body.rows.filter(({ findings }: { findings: { kind: string }[] }) =>
      findings.some(({ kind }) => kind === 'depeg'),
    );
    expect(depegged.length).toBeGreaterThan(0);
    expect(depegged[0]).toMatchObject({ asset: 'USDC', status: 'fail', proof: { served: 'accepted' } });
    if (recorded) expect(depegged[0].time).toBe('2023-03-11T03:00:00Z');
    expect((await get(depegged[0].proof.bundle)).status).toBe(200);
    const { body: told } = await get('/v1/alerts?stream=assay.market.minutes');
    expect(told.alerts.map(({ check }: { check: string }) => check)).toContain('depeg:USDC');
    expect((await get('/v1/market/minutes/BTC')).body.rows.length).toBeGreaterThan(0);
    expect((await get('/v1/market/minutes/DOGE')).status).toBe(400);
    expect((await get('/v1/market/minutes/BTC?from=2023-01-01&to=2024-01-01')).body).toMatchObject({
      code: 'ARGUMENT_INVALID',
      next: 'ask for a shorter period at a time',
    });
    expect((await get('/v1/market/minutes/BTC?from=2023-03-02&to=2023-03-01')).status).toBe(400);
  } finally {
    await stop(child);
  }
}, 60_000);

test('a stranger reads the log: looks up a stream, re-hashes everything, and follows it', async () => {
  const { child, base } = await serve([...source, '--data-dir', dataDir]);
  try {
    const lookup = join(elsewhere, 'lookup.json');
    const answer = await fetch(`${base}/v1/log/lookup?subject=kraken.BTC-USD.1m`);
    writeFileSync(lookup, await answer.text());
    const found = await assay('verify', lookup, '--policy', policyFile, '--json');
    expect(found.code, found.stdout).toBe(0);
    const { entries, complete } = JSON.parse(found.stdout);
    expect(complete).toBe(summary.log.size);
    const log = readPublishedLog(join(dataDir, 'log'));
    const mentioning = log.entries.flatMap((entry, i) => {
      const { payload } = JSON.parse(Buffer.from(entry).toString());
      return JSON.parse(Buffer.from(payload, 'base64').toString()).predicate.stream === 'kraken.BTC-USD.1m'
        ? [i]
        : [];
    });
    expect(entries).toEqual(mentioning);

    const entry = log.entries[100]!;
    const receipt = await fetch(`${base}/v1/records/${digestHex(entry)}/receipt`);
    expect(receipt.headers.get('content-type')).toBe('application/cose');
    const { root } = await verifyCoseReceipt(new Uint8Array(await receipt.arrayBuffer()), {
      entry,
      origin: log.origin,
      publicKey: parseVkey(summary.log.vkey).publicKey,
    });
    expect(bytesToHex(root)).toBe(log.stated);

    writeFileSync(join(elsewhere, 'log.policy'), await (await fetch(`${base}/v1/log/policy`)).text());
    const rehashed = await assay('fsck', base, '--policy', 'log.policy', '--json');
    expect(rehashed.code, rehashed.stderr).toBe(0);
    expect(JSON.parse(rehashed.stdout)).toMatchObject({ size: summary.log.size, problems: [] });
    const followed = await assay('monitor', '--policy', 'log.policy', '--data-dir', 'monitor', '--once');
    expect(followed.code, followed.stderr).toBe(0);
    expect(followed.stdout).toContain(`${summary.log.size} of ${summary.log.size} entries verified`);
  } finally {
    await stop(child);
  }
}, 90_000);

test('bad input is refused with a code and the next step, and leaves nothing running', async () => {
  const messages: string[] = [];
  const attempt = async (...args: string[]) => {
    const { code, stderr } = await run('main.ts', args, { timeoutMs: 20_000 });
    messages.push(`${code} ${stderr.replaceAll(folder, '<folder>').trim()}`);
  };
  writeFileSync(join(folder, 'file'), '');
  const busy = await serve(['--source', 'simulated', '--data-dir', join(folder, 'busy')]);
  const port = new URL(busy.base).port;
  try {
    await attempt('--nope');
    await attempt('--speed', 'fast');
    await attempt('--source', 'replay');
    await attempt(
      '--source',
      'replay',
      '--replay',
      join(folder, 'nowhere'),
      '--data-dir',
      join(folder, 'new'),
      '--port',
      '0',
    );
    await attempt('--source', 'simulated', '--data-dir', join(folder, 'file', 'x'), '--port', '0');
    await attempt('--source', 'simulated', '--data-dir', join(folder, 'busy'), '--port', '0');
    await attempt('--source', 'simulated', '--data-dir', join(folder, 'new'), '--port', port);
    messages.push(
      (await run('main.ts', ['--source', 'simulated', '--data-dir', join(folder, 'busy'), '--once'])).stderr
        .split('[')[1]!
        .slice(0, 15),
    );
  } finally {
    expect(await stop(busy.child)).toBe(0);
  }
  expect(messages.map((message) => message.replace(port, '<port>'))).toMatchInlineSnapshot(`
    [
      "2 assay: Unknown option '--nope' [ARGUMENT_INVALID]
      next: npm start -- --help lists the options",
      "2 assay: expected --speed to be a positive number or max, got "fast" [ARGUMENT_INVALID]
      next: for example --speed 60",
      "2 assay: a replay needs a recording [ARGUMENT_INVALID]
      next: name its folder: --source replay --replay <folder>",
      "1 assay: there is no folder <folder>/nowhere [RECORDING_NOT_FOUND]
      next: name a folder of Parquet files with --replay",
      "1 assay: cannot write to <folder>/file/x: ENOTDIR: not a directory, mkdir '<folder>/file/x' [DATA_DIR_UNWRITABLE]
      next: choose a folder that you may write to with --data-dir",
      "1 assay: another node is running on <folder>/busy [DATA_DIR_IN_USE]
      next: stop it, or choose another folder with --data-dir",
      "1 assay: port <port> is taken [PORT_IN_USE]
      next: choose another with --port, or --port 0 for any free one",
      "DATA_DIR_IN_USE",
    ]
  `);
}, 90_000);
