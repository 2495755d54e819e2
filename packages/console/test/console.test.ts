/**
 * The console in a real browser on a real node: four pages, both themes, keyboard alone, no accessibility
 * violations, and a Verify page that asks the network for nothing.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { AxeBuilder } from '@axe-core/playwright';
import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

const ROOT = fileURLToPath(new URL('../../..', import.meta.url));
const BROWSER = [
  process.env.CHROMIUM_PATH,
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
].find((path) => path !== undefined && existsSync(path));
const built = existsSync(join(ROOT, 'packages/console/dist/index.html'));
if (!BROWSER)
  console.warn('skipped: there is no Chromium here; set CHROMIUM_PATH or install the package chromium');
else if (!built) console.warn('skipped: the console is not built; npm test builds it first');

const FLAGS = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

describe.skipIf(!BROWSER || !built)('console', () => {
  const folder = mkdtempSync(join(tmpdir(), 'assay-console-'));
  let node: ChildProcess;
  let browser: Browser;
  let base: string;
  const problems: string[] = [];

  beforeAll(async () => {
    [node, base] = await startNode(folder);
    browser = await chromium.launch({ executablePath: BROWSER!, args: FLAGS });
    await until(async () => (await rates()).length > 3);
  }, 60_000);

  afterAll(async () => {
    await browser?.close();
    node?.kill('SIGINT');
    await new Promise((resolve) => node?.once('exit', resolve));
    rmSync(folder, { recursive: true, force: true });
  });

  const rates = async () =>
    ((await (await fetch(`${base}/v1/reference-rates/BTC-USD/1m`)).json()) as { rates: { id: string }[] })
      .rates;
  const open = async (theme: 'light' | 'dark', width = 1280): Promise<[BrowserContext, Page]> => {
    const context = await browser.newContext({
      colorScheme: theme,
      viewport: { width, height: 900 },
      acceptDownloads: true,
    });
    const page = await context.newPage();
    page.on('console', (message) => message.type() === 'error' && problems.push(message.text()));
    page.on('pageerror', (error) => problems.push(error.message));
    return [context, page];
  };
  /** The oldest rate: its checkpoint is public and anchored by now. */
  const anchored = async () => {
    let id = '';
    await until(async () => {
      id = (await rates()).at(-1)!.id;
      const answer = await fetch(`${base}/v1/records/${id}/bundle`);
      return answer.ok && ((await answer.json()) as { anchors: unknown[] }).anchors.length > 0;
    });
    return id;
  };

  test('every page is free of accessibility violations and errors in both themes, and fits a phone', async () => {
    const id = await anchored();
    for (const theme of ['light', 'dark'] as const) {
      const [context, page] = await open(theme);
      for (const path of ['/', `/records/${id}`, '/health', '/verify']) {
        await page.goto(base + path);
        await page.locator('h1').first().waitFor({ state: 'attached' });
        if (path.startsWith('/records'))
          await page.getByText('Every step that the policy requires passes.').waitFor();
        if (path === '/') await page.getByText('Simulated', { exact: true }).waitFor();
        if (path === '/health') await page.getByText('Entries re-read').waitFor();
        const { violations } = await new AxeBuilder({ page })
          .withTags(['wcag2a', 'wcag2aa', 'wcag21aa', 'wcag22aa'])
          .analyze();
        expect(
          violations.map(({ id: rule, nodes }) => `${rule}: ${nodes.map(({ html }) => html).join(' ')}`),
          `${path} in ${theme}`,
        ).toEqual([]);
        await page.setViewportSize({ width: 380, height: 800 });
        expect(
          await page.evaluate(() => document.documentElement.scrollWidth),
          `${path} on a phone`,
        ).toBeLessThanOrEqual(380);
        await page.setViewportSize({ width: 1280, height: 900 });
      }
      await context.close();
    }
    expect(problems).toEqual([]);
  }, 90_000);

  test('log health: what is known is said, and an answer that is old is called old', async () => {
    const [context, page] = await open('light');
    await page.goto(`${base}/health`);
    await page.getByText('None was found in the').waitFor();
    await page.getByText('agrees').first().waitFor();
    const promises = page.getByRole('region', { name: 'Service level' }).getByRole('listitem');
    expect(await promises.count()).toBe(3);
    await page.route('**/v1/log/health', (route) => route.abort());
    await page.getByText('The node does not answer.').waitFor();
    await context.close();
    // The requests that were cut off are no errors of the page.
    problems.length = 0;
  }, 60_000);

  test('with the keyboard alone: find a record, climb its ladder', async () => {
    const id = await anchored();
    const [context, page] = await open('light');
    await page.goto(base);
    const box = page.getByRole('searchbox');
    await box.waitFor();
    for (
      let presses = 0;
      presses < 12 && !(await box.evaluate((element) => element === document.activeElement));
      presses++
    ) {
      await page.keyboard.press('Tab');
    }
    await page.keyboard.type(id);
    await page.keyboard.press('Enter');
    await page.waitForURL(`**/records/${id}`);
    await page.getByText('Verified', { exact: true }).waitFor();
    const rungs = page.locator('[data-step]');
    expect(
      await rungs.evaluateAll((items) =>
        items.map((item) => `${item.getAttribute('data-step')} ${item.getAttribute('data-status')}`),
      ),
    ).toEqual(
      ['row', 'batch', 'signature', 'checks', 'leaf', 'checkpoint', 'witnesses', 'anchor'].map(
        (step) => `${step} pass`,
      ),
    );
    await context.close();
  }, 60_000);

  test('the Verify page asks the network for nothing, and tells the genuine from the altered and the broken', async () => {
    const id = await anchored();
    const bundle = await (await fetch(`${base}/v1/records/${id}/bundle`)).text();
    const policy = await (await fetch(`${base}/v1/trust-policy`)).text();
    const files = {
      bundle: join(folder, 'b.json'),
      altered: join(folder, 'altered.json'),
      cut: join(folder, 'cut.json'),
      policy: join(folder, 'p.json'),
      foreign: join(folder, 'foreign.json'),
      lax: join(folder, 'lax.json'),
    };
    writeFileSync(files.bundle, bundle);
    writeFileSync(
      files.altered,
      bundle.replace(/"rate":"(\d)/, (_, digit) => `"rate":"${(Number(digit) % 9) + 1}`),
    );
    writeFileSync(files.cut, bundle.slice(0, 2_000));
    writeFileSync(files.policy, policy);
    writeFileSync(files.foreign, policy);
    writeFileSync(files.lax, JSON.stringify({ ...JSON.parse(policy), require: [] }));

    const [context, page] = await open('dark');
    await page.goto(`${base}/verify`);
    await page.getByRole('heading', { name: 'Verify a bundle' }).waitFor();
    await page.waitForLoadState('networkidle');
    const requests: string[] = [];
    page.on('request', (request) => requests.push(request.url()));
    await context.setOffline(true);
    await page.getByLabel('Choose the trust policy').setInputFiles(files.policy);
    await page.getByLabel('Choose the bundle').setInputFiles(files.bundle);
    await page.getByText('Verified', { exact: true }).waitFor();
    await page.getByLabel('Choose the bundle').setInputFiles(files.altered);
    await page.getByText('Failed', { exact: true }).waitFor();
    expect(await page.locator('[data-step=batch]').getAttribute('data-status')).toBe('fail');
    await page.getByLabel('Choose the bundle').setInputFiles(files.cut);
    await page.getByText('BUNDLE_MALFORMED').waitFor();
    // A policy that comes in a bundle's place is a malformed bundle; it must not become the judge.
    await page.getByLabel('Choose the bundle').setInputFiles(files.foreign);
    await page.getByText('foreign.json cannot be used').waitFor();
    await page.getByLabel('Choose the bundle').setInputFiles(files.bundle);
    await page.getByText('Judged by p.json').waitFor();
    await page.getByLabel('Choose the trust policy').setInputFiles(files.lax);
    await page.getByText('Nothing was demanded', { exact: true }).waitFor();
    await page.getByLabel('Choose the trust policy').setInputFiles({
      name: 'w.json',
      mimeType: 'application/json',
      buffer: Buffer.from('{"mediaType":"assay.trust-policy"}'),
    });
    await page.getByText('POLICY_MALFORMED').waitFor();
    expect(requests).toEqual([]);
    await context.close();
  }, 60_000);

  test('a bundle dropped on the overview is verified and never sent', async () => {
    const id = await anchored();
    const bundle = await (await fetch(`${base}/v1/records/${id}/bundle`)).text();
    const policy = await (await fetch(`${base}/v1/trust-policy`)).text();
    const [context, page] = await open('light');
    await page.goto(base);
    await page.getByRole('searchbox').waitFor();
    const sent: string[] = [];
    page.on('request', (request) => request.method() !== 'GET' && sent.push(request.url()));
    const drop = (files: [name: string, text: string][]) =>
      page.evaluate((dropped) => {
        const dataTransfer = new DataTransfer();
        for (const [name, text] of dropped) dataTransfer.items.add(new File([text], name));
        document.body.dispatchEvent(new DragEvent('drop', { dataTransfer, bubbles: true, cancelable: true }));
      }, files);
    await drop([['dropped.json', bundle]]);
    await page.waitForURL('**/verify');
    await page.getByText('dropped.json').waitFor();
    await drop([['mine.json', policy]]);
    await page.getByText('Verified', { exact: true }).waitFor();
    await page.getByText('Judged by mine.json').waitFor();
    expect(sent).toEqual([]);
    await context.close();
  }, 60_000);

  test('a proof that cannot be had is said to be so, and no answer outlives its record', async () => {
    const id = await anchored();
    await until(async () => (await rates()).length > 4);
    const other = (await rates()).at(-2)!.id;
    const context = await browser.newContext();
    const page = await context.newPage();
    await page.route(`**/v1/records/${other}/bundle`, (route) =>
      route.fulfill({ status: 500, json: { code: 'INTERNAL', detail: 'the disk is gone' } }),
    );
    await page.goto(`${base}/records/${id}`);
    await page.getByText('Verified', { exact: true }).waitFor();
    await page.getByRole('link', { name: 'Overview' }).click();
    await page.getByRole('searchbox').fill(other);
    await page.keyboard.press('Enter');
    await page.getByText('Not verified', { exact: true }).waitFor();
    await page.getByText('the disk is gone').waitFor();
    // Both records are in memory now, so that one page turns into the other.
    await page.evaluate(() => history.go(-2));
    await page.getByText('Verified', { exact: true }).waitFor();
    await page.evaluate(() => history.go(2));
    await page.waitForURL(`**/records/${other}`);
    await page.getByText('Not verified', { exact: true }).waitFor();
    expect(await page.locator('[data-step]').count()).toBe(0);
    await context.close();
  }, 60_000);
});

async function startNode(folder: string): Promise<[ChildProcess, string]> {
  const args = [
    'main.ts',
    '--source',
    'simulated',
    '--speed',
    '240',
    '--data-dir',
    join(folder, 'data'),
    '--port',
    '0',
    '--anchor-every',
    '1s',
  ];
  const child = spawn(process.execPath, args, { cwd: ROOT, stdio: ['ignore', 'pipe', 'inherit'] });
  let output = '';
  child.stdout.on('data', (chunk) => {
    output += chunk;
  });
  let address: string | undefined;
  await until(async () => {
    address = /http:\/\/127\.0\.0\.1:\d+/.exec(output)?.[0];
    return address !== undefined;
  });
  return [child, address!];
}

async function until(holds: () => Promise<boolean>, timeoutMs = 30_000): Promise<void> {
  for (const deadline = Date.now() + timeoutMs; !(await holds().catch(() => false)); ) {
    if (Date.now() > deadline) throw new Error(`waited ${timeoutMs} ms in vain`);
    await sleep(100);
  }
}
