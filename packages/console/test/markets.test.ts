/**
 * The market room in a real browser, on a node that answers for 6,000 simulated assets: sorted, filtered and read by
 * keyboard alone, a bounded document however far one scrolls, every figure one step from its record, nothing unknown
 * in green, and no accessibility violation in either theme or on a phone.
 */
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { AxeBuilder } from '@axe-core/playwright';
import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type MarketNode, PORTFOLIO, startMarketNode } from './market.fixture.ts';

const DIST = fileURLToPath(new URL('../dist', import.meta.url));
const BROWSER = [
  process.env.CHROMIUM_PATH,
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
].find((path) => path !== undefined && existsSync(path));
const built = existsSync(`${DIST}/index.html`);
if (!BROWSER)
  console.warn('skipped: there is no Chromium here; set CHROMIUM_PATH or install the package chromium');
else if (!built) console.warn('skipped: the console is not built; npm test builds it first');

const ASSETS = 6_000;
const PAGES = [
  { path: '/markets', settled: 'BTC' },
  { path: '/markets/bitcoin', settled: 'Where it stands' },
  // Half of what is said about it is unknown.
  { path: '/markets/terra-classic', settled: 'It cannot be graded' },
  { path: '/markets/guides', settled: 'Steady large coins' },
  { path: '/markets/narratives', settled: 'Why these belong together' },
  { path: '/markets/indices', settled: 'Rebalancing' },
  { path: '/markets/portfolio', settled: 'Days to learn from' },
  { path: '/markets/alerts', settled: 'Strong traders’ grades' },
];

describe.skipIf(!BROWSER || !built)('markets', () => {
  let node: MarketNode;
  let browser: Browser;
  const problems: string[] = [];

  beforeAll(async () => {
    node = await startMarketNode({ dist: DIST, assets: ASSETS });
    browser = await chromium.launch({
      executablePath: BROWSER!,
      args: [
        ...['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run'],
        ...['--disable-background-networking', '--disable-component-update', '--disable-sync'],
      ],
    });
  });

  afterAll(async () => {
    await browser?.close();
    await node?.close();
  });

  const open = async (
    path: string,
    { theme = 'light', width = 1280 }: { theme?: 'light' | 'dark'; width?: number } = {},
  ): Promise<[BrowserContext, Page]> => {
    const context = await browser.newContext({ colorScheme: theme, viewport: { width, height: 900 } });
    const page = await context.newPage();
    page.on('console', (message) => message.type() === 'error' && problems.push(message.text()));
    page.on('pageerror', (error) => problems.push(error.message));
    await page.goto(node.url + path);
    return [context, page];
  };
  const table = (page: Page) => page.getByRole('region', { name: /Table of grades/ });
  const firstSymbols = (page: Page, count = 3) =>
    page
      .locator('tr[data-index] [data-row-link] span:first-child')
      .evaluateAll((found, most) => found.slice(0, most).map((each) => each.textContent), count);
  const violations = async (page: Page) =>
    (
      await new AxeBuilder({ page }).withTags(['wcag2a', 'wcag2aa', 'wcag21aa', 'wcag22aa']).analyze()
    ).violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(' ')}`);

  test.each([
    { theme: 'light', width: 1280 },
    // What contrast there is in the dark is the same at any width.
    { theme: 'dark', width: 380 },
  ] as const)(
    'in the $theme theme, $width wide, every page fits, without violations and errors',
    async ({ theme, width }) => {
      const [context, page] = await open('/markets', { theme, width });
      for (const { path, settled } of PAGES) {
        await page.goto(node.url + path);
        await page.getByText(settled).first().waitFor({ state: 'attached' });
        await page.getByText('Simulated: no real prices.').waitFor();
        if (theme === 'light')
          for (const summary of await page.locator('summary').all()) await summary.click();
        expect(await violations(page), path).toEqual([]);
        expect(await page.evaluate(() => document.documentElement.scrollWidth), path).toBeLessThanOrEqual(
          width,
        );
      }
      await context.close();
      expect(problems).toEqual([]);
    },
    60_000,
  );

  test('6,000 rows: the table says how many there are, and holds few of them wherever one scrolls', async () => {
    const [context, page] = await open('/markets');
    await page.getByRole('link', { name: /^BTC/ }).waitFor();
    expect(await page.getByRole('table', { name: /Grades of 6000/ }).getAttribute('aria-rowcount')).toBe(
      `${ASSETS + 1}`,
    );
    const rows = page.locator('tr[data-index]');
    for (const share of [0.1, 0.5, 0.9, 1, 0]) {
      await table(page).evaluate((box, at) => box.scrollTo({ top: box.scrollHeight * at }), share);
      const expected = Math.min(ASSETS - 1, Math.round(share * ASSETS));
      await page.waitForFunction((near) => {
        const places = [...document.querySelectorAll<HTMLElement>('tr[data-index]')].map(({ dataset }) =>
          Number(dataset.index),
        );
        return places.some((place) => Math.abs(place - near) < 30);
      }, expected);
      expect(await rows.count(), `at ${share}`).toBeLessThan(60);
      expect(await page.locator('tr[data-index] a').count()).toBeLessThan(60 * 8);
    }
    const [row] = await rows.all();
    expect(Number(await row!.getAttribute('aria-rowindex'))).toBe(
      Number(await row!.getAttribute('data-index')) + 2,
    );
    await context.close();
  }, 30_000);

  test('with the keyboard alone: sort, filter, choose columns, go through the rows and open one', async () => {
    const [context, page] = await open('/markets');
    const press = async (name: string, key = 'Enter') => {
      await page.getByRole('button', { name, exact: true }).focus();
      await page.keyboard.press(key);
    };
    await page.getByRole('link', { name: /^BTC/ }).waitFor();
    await press('Investor Grade');
    await page.waitForURL(/sort=-investor/);
    const header = page.getByRole('columnheader', { name: /Investor Grade/ });
    expect(await header.getAttribute('aria-sort')).toBe('descending');
    const grades = await page
      .locator('tr[data-index] td:nth-child(7) a')
      .evaluateAll((found) => found.map((each) => Number.parseInt(each.textContent ?? '', 10)));
    expect(grades.length).toBeGreaterThan(10);
    expect(grades).toEqual([...grades].sort((a, b) => b - a));
    await press('Investor Grade');
    await page.waitForURL(/sort=investor/);
    // The greatest and the least have in common that what is not known comes after all of them.
    await table(page).evaluate((box) => box.scrollTo({ top: box.scrollHeight }));
    await page
      .locator(`tr[data-index="${ASSETS - 1}"]`)
      .getByText('unknown')
      .first()
      .waitFor();

    await page.getByRole('searchbox', { name: 'Find' }).focus();
    await page.keyboard.type('coin');
    await page.getByText(/^\d+ of 6.000 assets/).waitFor();
    await expect.poll(() => firstSymbols(page)).toEqual(expect.arrayContaining(['BTC', 'DOGE']));
    await page.getByLabel('Class').focus();
    await page.keyboard.type('large');
    await page.waitForURL(/class=large/);
    await page.getByLabel('Grade from', { exact: true }).focus();
    await page.keyboard.type('90');
    await page.waitForURL(/min=90/);
    await expect.poll(() => firstSymbols(page)).toEqual(['DOGE']);
    // The address alone shows the same to somebody else.
    const [other, same] = await open(new URL(page.url()).pathname + new URL(page.url()).search);
    await expect.poll(() => firstSymbols(same)).toEqual(['DOGE']);
    await other.close();
    await press('Show all');

    await press('Columns');
    await page.getByLabel('State', { exact: true }).focus();
    await page.keyboard.press('Space');
    await page.getByLabel('Class', { exact: true }).last().focus();
    await page.keyboard.press('Space');
    await page.keyboard.press('Escape');
    await page.getByRole('columnheader', { name: 'State' }).waitFor();
    expect(await page.getByRole('columnheader', { name: 'Class' }).count()).toBe(0);
    // Chosen columns come back with the reader, and not only with the address.
    await page.goto(`${node.url}/markets`);
    await page.getByRole('columnheader', { name: 'State' }).waitFor();

    await page.getByRole('link', { name: /^BTC/ }).focus();
    for (const key of ['ArrowDown', 'ArrowDown', 'ArrowUp', 'End', 'ArrowUp']) {
      await page.keyboard.press(key);
      await page.waitForFunction(() => document.activeElement?.matches('[data-row-link]'));
    }
    const place = () => page.evaluate(() => Number(document.activeElement?.closest('tr')?.dataset.index));
    await expect.poll(place).toBe(ASSETS - 2);
    await page.keyboard.press('Home');
    await expect.poll(place).toBe(0);
    await page.keyboard.press('Enter');
    await page.waitForURL('**/markets/bitcoin');
    await page.getByRole('heading', { level: 1, name: 'BTC' }).waitFor();
    await context.close();
    expect(problems).toEqual([]);
  }, 40_000);

  test('every grade stands with its record, good or bad, and nothing unknown is green', async () => {
    const [context, page] = await open('/markets');
    const record = page.getByRole('region', { name: 'Record of the grades' });
    await record.getByText('no better than chance').waitFor();
    await record.getByText('too few days that do not overlap').waitFor();
    await record.getByText('−40').first().waitFor();
    // A grade's sign is that of the worst that is known of it.
    await page.getByRole('button', { name: 'Record of the Investor Grade: fail' }).click();
    await page
      .getByRole('dialog', { name: 'Record of the Investor Grade' })
      .getByText('no better than chance')
      .waitFor();
    await page.keyboard.press('Escape');
    await page.getByRole('button', { name: 'Record of the Trader Grade: unknown' }).waitFor();
    const greens = () =>
      page.evaluate(() => {
        const style = getComputedStyle(document.documentElement);
        const probe = document.body.appendChild(document.createElement('i'));
        const green = ['--pass', '--pass-wash'].map((name) => {
          probe.style.color = style.getPropertyValue(name);
          return getComputedStyle(probe).color;
        });
        probe.remove();
        return [...document.querySelectorAll('main *')]
          .filter(
            (each) =>
              /^(unknown|not judged yet|flagged)\b/.test(each.textContent?.trim() ?? '') &&
              each.children.length === 0,
          )
          .map((each) => ({ text: each.textContent, look: getComputedStyle(each) }))
          .filter(({ look }) => green.includes(look.color) || green.includes(look.backgroundColor))
          .map(({ text }) => text);
      });
    for (const path of [
      '/markets?sort=trader',
      '/markets/terra-classic',
      '/markets/bitcoin',
      '/markets/narratives',
    ]) {
      await page.goto(node.url + path);
      await page.getByText('unknown').first().waitFor();
      expect(await greens(), path).toEqual([]);
    }
    // One venue alone proves no price.
    await page.goto(`${node.url}/markets/cardano`);
    await page.getByText('It comes from one venue alone').waitFor();
    expect(
      await page.getByRole('region', { name: 'Across venues' }).getByRole('img', { name: 'unknown' }).count(),
    ).toBe(1);
    for (const path of ['/markets/guides', '/markets/bitcoin', '/markets/portfolio']) {
      await page.goto(node.url + path);
      await page
        .getByRole('region', { name: 'Record of the grades' })
        .getByText('no better than chance')
        .waitFor();
    }
    await context.close();
    expect(problems).toEqual([]);
  }, 40_000);

  test('figures lead to their records, and each day of the chart to its own', async () => {
    const [context, page] = await open('/markets/bitcoin');
    const chart = page.getByRole('region', { name: 'Price, volume and grades' });
    await chart
      .getByRole('figure')
      .getByText(/^BTC: price from .* Trader Grade at last \d+/)
      .waitFor({ state: 'attached' });
    await chart.getByRole('button', { name: 'The day before' }).focus();
    await page.keyboard.press('Enter');
    const close = chart.getByRole('link', { name: /proof of the close of BTC on 2024-01-30/ });
    await close.waitFor();
    const sections = [
      'Trader Grade',
      'Investor Grade',
      'Across venues',
      'Signal',
      'Scenarios',
      'Risk',
      'Support and resistance',
      'Correlation',
      'Sentiment',
      'Defects of its data',
    ];
    for (const name of sections) {
      const link = page
        .getByRole('region', { name, exact: true })
        .getByRole('link', { name: /^Proof of/ })
        .first();
      expect(await link.getAttribute('href'), name).toMatch(/^\/records\/[0-9a-f]{64}\.\d+$/);
    }
    // What strangers wrote is shown as text, and only web addresses are links.
    await page.getByText('<b>Bitcoin</b> & friends').waitFor();
    expect(await page.locator('a[href^="javascript"]').count()).toBe(0);
    const href = await close.getAttribute('href');
    await close.focus();
    await page.keyboard.press('Enter');
    await page.waitForURL(`**${href}`);
    await page.getByText('this row of market grades').waitFor();
    await context.close();
    // This node keeps no bundles: the record's page says so, and the browser notes the answer.
    problems.length = 0;
  }, 30_000);

  test('portfolio: what is chosen is asked for, shown with its proof; a refusal is shown in the node’s words', async () => {
    const [context, page] = await open('/markets/portfolio');
    await page.getByLabel('Add an asset').fill('doge');
    await page.keyboard.press('Enter');
    await page.getByRole('button', { name: 'Remove SOL' }).click();
    await page.getByLabel('Objective').selectOption('efficient-risk');
    await page.getByLabel('Volatility at most').fill('40');
    await page.getByLabel('Units of BTC that are held').fill('0.5');
    const asked = page.waitForRequest('**/v1/market/portfolio');
    await page.getByRole('button', { name: 'Build the portfolio' }).click();
    expect((await asked).postDataJSON()).toMatchObject({
      assets: expect.arrayContaining(['bitcoin', 'dogecoin']),
      objective: { name: 'efficient-risk', targetVolatility: '0.4' },
      currentWeights: [{ asset: 'bitcoin', weight: '1' }],
      rebalance: {
        positions: expect.arrayContaining([expect.objectContaining({ asset: 'bitcoin', quantity: '0.5' })]),
      },
    });
    const result = page.getByRole('region', { name: 'Result' });
    await result.getByText('was left out: 12 of 365 days are missing').waitFor();
    await result.getByRole('img', { name: /^Efficient frontier of 24 portfolios/ }).waitFor();
    await result.getByText('Scenario: bear, in 365 days').waitFor();
    await result.getByRole('row', { name: /^sell ETH/ }).waitFor();
    expect(await result.getByRole('link', { name: 'Proof of this portfolio' }).getAttribute('href')).toBe(
      `/records/${PORTFOLIO.body.proof.record}`,
    );
    for (const summary of await page.locator('summary').all()) await summary.click();
    expect(await violations(page)).toEqual([]);
    await page.setViewportSize({ width: 380, height: 800 });
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(380);

    node.portfolio = {
      status: 400,
      body: {
        ...{ type: '', title: 'argument invalid', status: 400, code: 'ARGUMENT_INVALID' },
        detail: 'the constraints cannot hold together: each asset at most 0.1, 6 assets, budget 1',
        next: 'let each asset have at least 0.1667',
      },
    };
    await page.getByRole('button', { name: 'Build the portfolio' }).click();
    const refusal = result.getByRole('alert');
    await refusal.getByText('the constraints cannot hold together').waitFor();
    await refusal.getByText('let each asset have at least 0.1667').waitFor();
    expect(await result.getByText('Weights and risk').count()).toBe(0);
    node.portfolio = PORTFOLIO;
    await context.close();
    // The refused request.
    problems.length = 0;
  }, 30_000);

  test('alerts: only the market’s, each with its evidence; rules are made, refused and deleted', async () => {
    const [context, page] = await open('/markets/alerts');
    const alerts = page.getByRole('list', { name: 'Alerts' });
    await alerts.getByText('3 assets lost their grade within a day').waitFor();
    expect(await alerts.getByRole('listitem').count()).toBe(2);
    expect(await alerts.getByRole('link', { name: 'Evidence' }).first().getAttribute('href')).toBe(
      `/records/${'ab'.repeat(32)}`,
    );
    await page.getByRole('button', { name: 'Add a rule' }).click();
    const form = page.getByRole('form', { name: 'A new rule' });
    await form.getByLabel('Name').fill('Depeg');
    await form.getByLabel('Figure').selectOption('prices');
    await form.getByLabel('Condition, in CEL').fill('row.status ==== "fail"');
    await form.getByLabel('Tell by').selectOption('email');
    await form.getByLabel('Email address').fill('desk@example.com');
    await form.getByLabel('Quiet hours').check();
    expect(await violations(page)).toEqual([]);
    await form.getByRole('button', { name: 'Keep the rule' }).click();
    await form.getByRole('alert').getByText('the condition cannot be read').waitFor();
    await form.getByLabel('Condition, in CEL').fill('row.status == "fail"');
    await form.getByRole('button', { name: 'Keep the rule' }).click();
    const rules = page.getByRole('list', { name: 'Rules' });
    await rules.getByText('by email to desk@example.com, at most once in 60 min, quiet from 22:00').waitFor();
    await page.getByText(/would be raised by 2 rows/).waitFor();
    expect(node.rules.at(-1)).toMatchObject({
      id: 'depeg',
      severity: 'warning',
      name: 'Depeg',
      figure: 'prices',
      channel: 'email',
      cooldownMinutes: 60,
    });
    await page.getByRole('button', { name: 'Delete the rule Depeg' }).click();
    await page.getByRole('button', { name: 'Delete it' }).click();
    await rules.getByText('Depeg').waitFor({ state: 'detached' });
    expect(node.rules.length).toBe(1);
    await context.close();
    problems.length = 0;
  }, 30_000);

  test('nothing yet, no market, no such asset, no answer: each is said', async () => {
    const [context, page] = await open('/markets');
    await page.getByRole('link', { name: /^BTC/ }).waitFor();
    node.state = 'reading';
    await page.goto(`${node.url}/markets`);
    await page.getByText('History is being read in: 300 of 800 days.').waitFor();
    expect(await page.getByRole('table').count()).toBe(0);
    node.state = 'no-market';
    await page.goto(`${node.url}/markets/indices`);
    await page.getByText('this node follows no market').waitFor();
    await page.getByText('ask a node that follows one').waitFor();
    node.state = 'figures';
    await page.goto(`${node.url}/markets/nonesuch`);
    await page.getByText('no asset is known as "nonesuch"').waitFor();
    await page.route('**/v1/market/grades', (route) => route.abort());
    await page.goto(`${node.url}/markets`);
    await page.getByText('The node does not answer.').waitFor();
    await context.close();
    problems.length = 0;
  }, 30_000);
});
