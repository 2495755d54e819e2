/**
 * The console in a real browser on a real node: every page, both themes, keyboard alone, no accessibility
 * violations, a Verify page that asks the network for nothing, and a wallet that acts on the contracts.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { AxeBuilder } from '@axe-core/playwright';
import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core';
import { createTestClient, type Hex, http } from 'viem';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { giveWallet } from './wallet.fixture.ts';

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
  const command = (...args: string[]) =>
    execFileSync(process.execPath, [
      join(ROOT, 'packages/cli/assay.mjs'),
      ...args,
      ...['--data-dir', join(folder, 'data')],
    ]).toString();
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
      for (const path of [
        '/',
        `/records/${id}`,
        '/review',
        '/health',
        '/providers',
        '/governance',
        '/verify',
      ]) {
        await page.goto(base + path);
        await page.locator('h1').first().waitFor({ state: 'attached' });
        if (path.startsWith('/records'))
          await page.getByText('Every step that the policy requires passes.').waitFor();
        if (path === '/') await page.getByText('Simulated', { exact: true }).waitFor();
        if (path === '/review') await page.getByText('accuracy not known yet').first().waitFor();
        if (path === '/health') await page.getByText('Entries re-read').waitFor();
        // Nothing was decided about anybody's data: no number may say how far it can be believed.
        if (path === '/providers')
          await page
            .getByRole('region', { name: 'kraken' })
            .getByText('Credibility is not known: neither reviewers nor the court')
            .waitFor();
        if (path === '/governance') await page.getByText('Bond of a challenge').waitFor();
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

  test('review: a key made in this browser is enrolled, asked, and signs what its owner decides', async () => {
    const [context, page] = await open('dark');
    await page.goto(`${base}/review`);
    await page.getByRole('button', { name: 'Make a key in this browser' }).click();
    await page.getByText('This key is not enrolled').waitFor();
    const did = /did:key:\w+/.exec(await page.locator('code', { hasText: 'review enrol' }).innerText())![0];
    command('review', 'enrol', did, '--name', 'Rosa');
    const asked = page.getByRole('list', { name: 'Asked of you' }).getByRole('link').first();
    await asked.waitFor({ timeout: 60_000 });
    // The browser keeps the key: a reload knows who asks.
    await page.reload();
    await asked.click();
    await page.getByText('Your decision').waitFor();
    await page.getByRole('figure').first().waitFor();
    const { violations } = await new AxeBuilder({ page })
      .withTags(['wcag2a', 'wcag2aa', 'wcag22aa'])
      .analyze();
    expect(violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(' ')}`)).toEqual(
      [],
    );
    const question = page.url();
    const send = page.getByRole('button', { name: 'Sign and send' });
    expect(await send.isDisabled()).toBe(true);
    await page.getByRole('radio', { name: 'flag' }).check();
    await page.getByLabel('Reason').fill('One trade alone is no price.');
    await send.click();
    await page.getByText('Your decision is kept as').waitFor();
    await page.getByRole('link', { name: 'Back to the queue' }).click();
    // It is not asked again, and counts as a review only when the round closes: so nothing is told before.
    const about = page.locator(`a[href="${new URL(question).pathname}"]`);
    await about.waitFor({ state: 'detached' });
    await context.close();
    expect(problems).toEqual([]);
  }, 120_000);

  test('an appeal is signed with the visitor’s key, and reviewers get it', async () => {
    const [context, page] = await open('light');
    await page.goto(`${base}/records/${await anchored()}`);
    await page.getByRole('button', { name: 'Appeal to reviewers' }).click();
    await page.getByRole('button', { name: 'Make one in this browser' }).click();
    await page.getByLabel('What is wrong with the decision?').fill('Every venue was wrong that minute.');
    await page.getByRole('button', { name: 'Sign and send' }).click();
    await page.getByText(/Entry \d+ of the log/).waitFor();
    await page.getByRole('listitem').filter({ hasText: 'Every venue was wrong that minute.' }).waitFor();
    await context.close();
    expect(problems).toEqual([]);
  }, 60_000);

  // From here on the chain's clock runs ahead: these come last.
  const place = () =>
    JSON.parse(readFileSync(join(folder, 'data', 'contracts.json'), 'utf8')) as { rpcUrl: string };
  const secretOf = (role: string) =>
    `0x${readFileSync(join(folder, 'data', 'keys', `${role}.key`), 'utf8').trim()}` as Hex;
  const pass = async (seconds: number) => {
    const chain = createTestClient({ mode: 'anvil', transport: http(place().rpcUrl) });
    await chain.increaseTime({ seconds });
    await chain.mine({ blocks: 1 });
  };
  const assay = (...args: string[]) => command(...args, '--yes');
  /** Signs what the open dialog shows, and reads what came of it. */
  const sign = async (page: Page) => {
    await page.getByRole('button', { name: 'Sign in the wallet' }).click();
    const done = await page.getByText('Done in block').textContent();
    await page.getByRole('button', { name: 'Close' }).click();
    return done;
  };

  test('providers: a wallet stakes, challenges a verdict and is paid for being right', async () => {
    const { rpcUrl } = place();
    const [context, page] = await open('light');
    const wallet = await giveWallet(context, {
      secret: secretOf('voter'),
      rpcUrl,
      chainId: 1,
      announce: true,
    });
    await page.goto(`${base}/providers`);
    const kraken = page.getByRole('region', { name: 'kraken' });
    await kraken.getByText('No disputes.').waitFor();
    expect(await page.getByRole('button', { name: 'Stake' }).count()).toBe(0);

    wallet.refuses = true;
    await page.getByRole('button', { name: 'Connect Scripted' }).click();
    await page.getByText('the wallet’s owner said no').waitFor();
    wallet.refuses = false;
    await page.getByRole('button', { name: 'Connect Scripted' }).click();
    await page.getByText('The wallet is on chain 1').waitFor();
    expect(await page.getByRole('button', { name: 'Stake' }).count()).toBe(0);
    await page.getByRole('button', { name: 'Switch to chain 31337' }).click();

    await kraken.getByRole('button', { name: 'Stake' }).click();
    const dialog = page.getByRole('dialog');
    await dialog.getByLabel('Amount in ASSAY').fill('a lot');
    await dialog.getByRole('button', { name: 'Show what will be signed' }).click();
    await dialog.getByText('Enter an amount of ASSAY').waitFor();
    await dialog.getByLabel('Amount in ASSAY').fill('12.5');
    await dialog.getByRole('button', { name: 'Show what will be signed' }).click();
    await dialog.getByText('Stake 12.5 ASSAY behind provider did:key:').waitFor();
    const { violations } = await new AxeBuilder({ page })
      .withTags(['wcag2a', 'wcag2aa', 'wcag22aa'])
      .analyze();
    expect(violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(' ')}`)).toEqual(
      [],
    );
    wallet.refuses = true;
    await dialog.getByRole('button', { name: 'Sign in the wallet' }).click();
    await dialog.getByText('the wallet’s owner said no').waitFor();
    wallet.refuses = false;
    expect(await sign(page)).toMatch(/Done in block \d+ and \d+: Stake 12.5 ASSAY/);
    await kraken.getByText('10\u202f012.5').waitFor();

    // One verdict on what kraken observed, once the committee has posted it.
    const answer = await fetch(`${base}/v1/records?stream=kraken.BTC-USD.1m&limit=50`);
    const record = ((await answer.json()) as { records: { id: string }[] }).records.at(-1)!.id.split('.')[0]!;
    await until(async () => (await fetch(`${base}/v1/records/${record}/verdict-proof`)).ok, 90_000);
    await page.goto(`${base}/records/${record}`);
    await page.getByRole('link', { name: 'Wrong? Challenge the verdict' }).click();
    await page.getByRole('button', { name: 'Challenge a verdict' }).click();
    expect(await dialog.getByLabel('Record').inputValue()).toBe(record);
    await dialog.getByLabel('What shows it').fill('the venue never traded there');
    await dialog.getByRole('button', { name: 'Show what will be signed' }).click();
    await sign(page);
    await kraken.getByText(/Reviewers decide, the time ends in/).waitFor();
    await kraken.getByText('1\u202f000 held by open cases').waitFor();

    const rulings = ['reviewer-1', 'reviewer-2', 'reviewer-3'].map((role) => {
      const file = join(folder, `${role}.json`);
      const proof = `${base}/v1/records/${record}/verdict-proof`;
      const ruling = assay(
        'rule',
        'sign',
        proof,
        'reject',
        '--reasons',
        'so it is',
        '--role',
        role,
        '--json',
      );
      writeFileSync(file, ruling);
      return file;
    });
    assay('rule', 'send', `${base}/v1/records/${record}/verdict-proof`, ...rulings, '--role', 'voter');
    await kraken.getByText(/Ruled; can be appealed/).waitFor();
    await kraken.getByRole('button', { name: 'Appeal' }).waitFor();
    await pass(1_300);
    await kraken.getByText('Its time is over').waitFor();
    await kraken.getByRole('button', { name: 'Settle' }).click();
    await sign(page);
    await kraken.getByText('Settled: reject').waitFor();
    // A tenth of the stake: 30 % of it to who was right, with the bond.
    await page.getByText('400 ASSAY to be claimed').waitFor();
    expect(problems).toEqual([]);
    await context.close();
  }, 180_000);

  test('providers: who controls one unbonds, stays, and claims', async () => {
    const { rpcUrl } = place();
    const [context, page] = await open('dark');
    // A wallet of the older kind, which only puts itself into the page.
    const secret = secretOf('controller-coinbase');
    await giveWallet(context, { secret, rpcUrl, chainId: 31_337, announce: false });
    await page.goto(`${base}/providers`);
    await page.getByRole('button', { name: 'Connect Browser wallet' }).click();
    const own = page.getByRole('region', { name: 'coinbase' });
    await own.getByRole('button', { name: 'Unbond' }).click();
    await page.getByRole('dialog').getByLabel('Amount in ASSAY').fill('100000');
    await page.getByRole('button', { name: 'Show what will be signed' }).click();
    await page
      .getByRole('dialog')
      .getByText(/StakeVault refuses/)
      .waitFor();
    await page.getByRole('dialog').getByLabel('Amount in ASSAY').fill('100');
    await page.getByRole('button', { name: 'Show what will be signed' }).click();
    await sign(page);
    await own.getByText(/100 leaves in 2[01] d/).waitFor();
    expect(await own.getByRole('button', { name: 'Withdraw' }).count()).toBe(0);
    const others = page.getByRole('region', { name: 'binance' });
    expect(await others.getByRole('button', { name: 'Unbond' }).count()).toBe(0);
    // A reload does not ask again.
    await page.reload();
    await own.getByRole('button', { name: 'Stay after all' }).click();
    await sign(page);
    await own.getByText('100 leaves').waitFor({ state: 'detached' });
    expect(problems).toEqual([]);
    await context.close();
  }, 60_000);

  test('governance: a vote goes its whole way and changes a parameter', async () => {
    const { rpcUrl } = place();
    const [context, page] = await open('light');
    await giveWallet(context, { secret: secretOf('voter'), rpcUrl, chainId: 31_337, announce: true });
    await page.goto(`${base}/governance`);
    await page.getByText('None was ever made.').waitFor();
    await page.getByRole('button', { name: 'Connect Scripted' }).click();
    await page.getByRole('button', { name: 'Vote with my tokens' }).click();
    await sign(page);
    await page.getByText(/49\u202f999\u202f\d+(\.5)? votes/).waitFor();
    await pass(1);

    const { parameters } = (await (await fetch(`${base}/v1/providers`)).json()) as { parameters: object };
    const stricter = JSON.stringify({ ...parameters, feeBps: 500 });
    assay(
      'propose',
      'VerdictCourt.setParameters',
      stricter,
      '--description',
      'Half the fee',
      '--role',
      'voter',
    );
    const proposal = page.getByRole('listitem').filter({ hasText: 'Half the fee' });
    await proposal.getByText('voting has not begun').waitFor();
    await pass(61);
    await proposal.getByText('being voted on').waitFor();
    await proposal.getByText(/more are needed for the quorum/).waitFor();
    await proposal.getByRole('button', { name: 'Vote for' }).click();
    await page.getByRole('dialog').getByText('Proposal says').waitFor();
    await page.getByRole('dialog').getByText('"Half the fee"').waitFor();
    await sign(page);
    await proposal.getByText(/the quorum of .* is reached/).waitFor();
    await pass(601);
    await proposal.getByRole('button', { name: 'Into the timelock' }).click();
    await sign(page);
    await proposal.getByText('in the timelock, not in force').waitFor();
    await pass(61);
    await proposal.getByRole('button', { name: 'Put into force' }).click();
    await sign(page);
    await proposal.getByText('in force', { exact: true }).waitFor();
    const fee = page.getByRole('row').filter({ hasText: 'Fee on rewards' });
    await fee.getByText('5 %').waitFor();
    expect(problems).toEqual([]);
    await context.close();
  }, 90_000);
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
