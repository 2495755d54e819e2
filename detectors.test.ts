/**
 * The product's own detectors on a real node, under the contracts of `examples/contracts`, over real HTTP and with the
 * real command line: a cold chain that was broken, an agreement that contradicts what is declared of it, a photograph
 * that was seen before, and one whose credentials were tampered with. Each is judged with something to look at.
 */
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Exhibit } from '@assay/checks';
import { createGateway, type Gateway } from '@assay/gateway';
import type { RecordDetail } from '@assay/pipeline';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Node, startNode } from './node.ts';
import { run } from './node-process.fixture.ts';
import { parseOptions, type StartOptions } from './options.ts';

const PHOTOS = fileURLToPath(new URL('../shared/data/c2pa', import.meta.url));
if (!existsSync(PHOTOS)) console.warn('skipped in part: there are no photographs in ../shared/data/c2pa');

const folder = mkdtempSync(join(tmpdir(), 'assay-detectors-'));
const dataDir = join(folder, 'data');
const stop = new AbortController();
let node: Node;
let gateway: Gateway;
let base: string;
const file = (name: string) => join(folder, name);
const json = async <T>(path: string) => (await (await fetch(base + path)).json()) as T;
const assay = async (...args: string[]) => {
  const done = await run('packages/cli/src/main.ts', args);
  expect(done.code, done.stderr).toBe(0);
  return done.stdout.trim();
};

beforeAll(async () => {
  const options = ['--source', 'simulated', '--hours', '1', '--speed', 'max', '--no-chain'];
  node = await startNode(parseOptions([...options, '--data-dir', dataDir]) as StartOptions, stop);
  gateway = await createGateway(node.view);
  base = await gateway.listen({ host: '127.0.0.1', port: 0 });
  const device = await assay('stream', 'key', file('device.key'));
  for (const name of ['pharma.cold-chain', 'office.agreements', 'newsroom.photos']) {
    const contract = fileURLToPath(new URL(`examples/contracts/${name}.odcs.yaml`, import.meta.url));
    await assay('stream', 'add', '--provider', device, '--contract', contract, '--data-dir', dataDir);
  }
}, 90_000);

afterAll(async () => {
  stop.abort();
  await gateway?.close();
  await node?.close();
  rmSync(folder, { recursive: true, force: true });
});

/** Sends a file through the command line. @returns its record, once it is judged. */
async function submit(path: string, stream: string, ...more: string[]): Promise<RecordDetail> {
  const key = ['--key', file('device.key')];
  const said = await assay('submit', path, '--stream', stream, ...key, ...more, '--node', base, '--json');
  return json<RecordDetail>(`/v1/records/${(JSON.parse(said) as { id: string }).id}`);
}

const findingOf = (record: RecordDetail, check: string) =>
  record.verdict!.findings.find((finding) => finding.check === check);

/** What a finding shows, by kind. */
async function shown(finding: ReturnType<typeof findingOf>): Promise<Exhibit[]> {
  return Promise.all((finding?.exhibits ?? []).map(({ digest }) => json<Exhibit>(`/v1/exhibits/${digest}`)));
}

test('a cold chain: sound hours reach L2, and one that was warm too long is rejected with the hours marked', async () => {
  const readings = (from: string, temperatureAt: (minute: number) => number) => {
    const rows = Array.from({ length: 120 }, (_, i) => ({
      temperature: temperatureAt(i).toFixed(1),
      time: `${new Date(Date.parse(from) + i * 60_000).toISOString().slice(0, 19)}Z`,
    }));
    writeFileSync(file('readings.ndjson'), rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
    return submit(file('readings.ndjson'), 'pharma.cold-chain', '--readings');
  };
  const sound = await readings('2026-01-01T00:00:00Z', (minute) => 5 + Math.sin(minute / 9));
  expect(sound).toMatchObject({ decision: 'accept', level: 'L2', served: 'accepted' });
  const warm = await readings('2026-01-01T02:00:00Z', (minute) => 5 + Math.min(7, minute / 8));
  expect(warm).toMatchObject({ decision: 'reject', served: 'rejected' });
  const finding = findingOf(warm, 'custody_temperature');
  expect(finding).toMatchObject({ status: 'fail', severity: 'reject' });
  const [series] = await shown(finding);
  expect(series).toMatchObject({ kind: 'series' });
  expect((series as Extract<Exhibit, { kind: 'series' }>).marked).not.toEqual([]);
}, 60_000);

test('an agreement that is not what is declared, and contradicts itself, is flagged with both places quoted', async () => {
  writeFileSync(
    file('agreement.md'),
    [
      '# Supply Agreement',
      '',
      'This Agreement is made on 3 March 2025 between Northwind Trading Ltd ("Supplier") and Contoso GmbH ("Buyer").',
      '',
      '## 1. Price',
      'The Buyer shall pay the Supplier USD 1,250,000.00 (one million two hundred thousand US dollars).',
      '',
      '## 2. Governing law',
      'This Agreement is governed by the laws of England and Wales.',
      '',
    ].join('\n'),
  );
  writeFileSync(
    file('agreement.json'),
    JSON.stringify({ parties: ['Northwind Trading Ltd', 'Contoso GmbH'], date: '2025-04-03' }),
  );
  const record = await submit(
    file('agreement.md'),
    'office.agreements',
    '--metadata',
    file('agreement.json'),
  );
  expect(record).toMatchObject({ decision: 'flag', served: 'flagged' });
  expect(findingOf(record, 'text_party')).toMatchObject({ status: 'pass' });
  const words = findingOf(record, 'text_amount_words');
  expect(words).toMatchObject({ status: 'fail' });
  const quotes = (await shown(words)).filter((exhibit) => exhibit.kind === 'quotes');
  expect(JSON.stringify(quotes)).toContain('one million two hundred thousand');
  const date = findingOf(record, 'text_date');
  expect(date).toMatchObject({ status: 'fail' });
  expect(JSON.stringify(await shown(date))).toContain('3 March 2025');
}, 60_000);

test.skipIf(!existsSync(PHOTOS))(
  'photographs: tampered credentials are rejected; the same picture a second time is shown beside the first',
  async () => {
    const genuine = await submit(join(PHOTOS, 'CA.jpg'), 'newsroom.photos');
    expect(findingOf(genuine, 'c2pa_credentials')!.status).not.toBe('fail');
    expect(findingOf(genuine, 'image_duplicate')).toMatchObject({ status: 'pass' });
    const tampered = await submit(join(PHOTOS, 'E-sig-CA.jpg'), 'newsroom.photos');
    expect(tampered).toMatchObject({ decision: 'reject', served: 'rejected' });
    expect(findingOf(tampered, 'c2pa_credentials')).toMatchObject({ status: 'fail', severity: 'reject' });
    const duplicate = findingOf(tampered, 'image_duplicate');
    expect(duplicate).toMatchObject({ status: 'fail' });
    const pictures = (await shown(duplicate)).filter((exhibit) => exhibit.kind === 'image');
    expect(pictures.length).toBeGreaterThan(1);
    const content = readFileSync(join(PHOTOS, 'E-sig-CA.jpg'));
    const served = await fetch(`${base}/v1/files/${(await filesOf(tampered.id))[0]}`);
    expect(Buffer.from(await served.arrayBuffer()).equals(content)).toBe(true);
  },
  120_000,
);

async function filesOf(id: string): Promise<string[]> {
  const row = await json<{ values: { sha256: string } }>(`/v1/records/${id}.0`);
  return [row.values.sha256];
}
