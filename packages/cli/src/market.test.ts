/**
 * The market at a terminal, against a gateway with a simulated market: every grade with its interval, its record and how
 * good grades have been; unknown as unknown; others' text without control characters; wrong words refused.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { AssayError } from '@assay/core';
import { createGateway } from '@assay/gateway';
import { FIXTURE_ODD, marketFixture } from '@assay/gateway/market-fixture';
import { type AlertRule, parseAlertRule } from '@assay/market/alerts';
import type { MarketView } from '@assay/pipeline';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { marketNode } from '../../gateway/src/market-node.fixture.ts';
import { marketCommand } from './market.ts';

const folder = mkdtempSync(join(tmpdir(), 'assay-market-cli-'));
const gateways: Awaited<ReturnType<typeof createGateway>>[] = [];
const rules = new Map<string, AlertRule>();
let node: string;
let empty: string;

beforeAll(async () => {
  node = await serve(
    marketFixture({
      portfolio: async (request) => {
        if ((request as { objective?: unknown }).objective === undefined)
          throw new AssayError('ARGUMENT_INVALID', 'objective: expected an object, got nothing');
        return { result: PORTFOLIO, proof: { record: `${'a'.repeat(64)}.0` } };
      },
    }),
  );
  empty = await serve(marketFixture({ without: ['evaluation', 'risk'] }));
});
afterAll(async () => {
  await Promise.all(gateways.map((gateway) => gateway.close()));
  rmSync(folder, { recursive: true, force: true });
});

test('each grade comes with its interval and record, and below them how good grades have been', async () => {
  const text = await market('grades', '--order', 'trader', '--limit', '5');
  expect(text).toMatch(/^SIMULATED {2}2024-01-31 {2}Simulated assets: no price here was ever paid\.\n/);
  const lines = text.split('\n');
  const graded = lines.filter((line) => /\[-?[\d.]+–[\d.]+\]/.test(line));
  expect(graded).toHaveLength(5);
  for (const line of graded) expect(line).toMatch(/ [0-9a-f]{64}\.\d+$/);
  const grades = graded.map((line) => Number(/([\d.]+) {2}\[/.exec(line)![1]));
  expect(grades).toEqual([...grades].sort((a, b) => b - a));
  expect(text).toContain('5 of 12 assets');
  expect(text).toMatch(/trader +7 +600 +0\.031 +1\.4 +unknown +[0-9a-f]{64}\.0\n {2}too few days/);
  expect(text).toMatch(/investor +30 +600 +-0\.012 +1\.4 +fail +[0-9a-f]{64}\.1\n {2}no better than chance/);
});

test('what is not known is said to be unknown, with the reason, and never left out', async () => {
  const text = await market('grades', '--limit', '12');
  expect(text).toMatch(new RegExp(`^unknown +${FIXTURE_ODD.ungraded} .* unknown {2,}`, 'm'));
  expect(text).toContain(`${FIXTURE_ODD.ungraded} is not graded: fewer than 90 days of bars`);
  expect(text).toMatch(new RegExp(`${FIXTURE_ODD.rejected} .* rejected {2}[0-9a-f]{64}`));
  expect(await market('grades', '--node', empty)).toContain(
    'worth is unknown: they have not been judged yet',
  );
  expect(await market('show', 'bitcoin', '--node', empty)).toMatch(/^risk +unknown$/m);
});

test('an asset shows each figure with its record; an identity that nobody has is refused with a near one', async () => {
  const text = await market('show', 'bitcoin');
  for (const what of ['asset', 'price', 'trader grade', 'signal', 'risk', 'narrative', 'index', 'list'])
    expect(text, what).toMatch(new RegExp(`^${what} +accepted +[0-9a-f]{64}\\.\\d+ `, 'm'));
  expect(text).toContain('What these grades have been worth so far');
  expect(await market('show', 'luna-2')).toContain('careful: two assets use this ticker');
  await expect(market('show', 'BTC')).rejects.toMatchObject({
    code: 'NOT_FOUND',
    next: 'did you mean bitcoin?',
  });
});

test('every figure is a table; keys and days narrow it; headlines cannot move the cursor', async () => {
  const { figures } = JSON.parse(await market('status', '--json')) as { figures: { figure: string }[] };
  for (const { figure } of figures)
    expect(await market('figure', figure, '--limit', '3'), figure).toMatch(/ [0-9a-f]{64}\.\d+$/m);
  const args = ['figure', 'prices', '--keys', 'bitcoin,solana', '--from', '2024-01-30', '--to', '2024-02-01'];
  expect(await market(...args)).toContain('4 of 4 rows');
  expect(JSON.parse(await market(...args, '--json')).rows).toHaveLength(4);
  expect(await market('figure', 'grades', '--keys', 'nobody')).toContain('no rows');
  const { plain } = await import('./market-print.ts');
  expect(plain('\u001b[2Jgone\r\n\u202etxt')).toBe('\ufffd[2Jgone\ufffd\ufffd\ufffdtxt');
});

test('a portfolio prints its weights and record; with views of grades also what these are worth', async () => {
  const file = fileOf('request.json', { objective: { name: 'hrp' } });
  const text = await market('portfolio', '--request', file);
  expect(text).toMatch(/bitcoin +0\.6 /);
  expect(text).toContain(`record ${'a'.repeat(64)}.0`);
  expect(text).not.toContain('worth so far');
  const graded = {
    objective: { name: 'hrp' },
    expectedReturns: { grades: { informationCoefficient: '0.03' } },
  };
  const views = fileOf('views.json', graded);
  expect(await market('portfolio', '--request', views)).toContain('worth so far');
  await expect(market('portfolio', '--request', fileOf('bad.json', {}))).rejects.toMatchObject({
    code: 'ARGUMENT_INVALID',
    message: 'objective: expected an object, got nothing',
  });
});

test('rules are put, listed and taken away', async () => {
  const file = fileOf('rule.json', {
    ...{ id: 'btc-strong', name: 'BTC is strong', figure: 'grades' },
    expression: "row.asset == 'bitcoin' && row.trader.grade > 80",
  });
  expect(await market('rules', 'put', file)).toMatch(/^btc-strong is in force: BTC is strong\n.*by 1 rows/);
  expect(await market('rules')).toMatch(
    /^btc-strong +own +enabled +warning +grades +console +BTC is strong$/m,
  );
  expect(await market('rules', 'remove', 'btc-strong')).toBe('btc-strong is taken away\n');
  expect(rules.size).toBe(0);
});

test('an answer comes with its records, where the data is from, and what grades are worth', async () => {
  const text = await market('ask', 'What about BTC?');
  expect(text).toMatch(/^SIMULATED/);
  expect(text).toContain(`You asked: What about BTC? [1]\n\n[1] ${'b'.repeat(64)}.7\n`);
  expect(text).toContain('What these grades have been worth so far');
  expect(JSON.parse(await market('ask', 'x', '--json'))).toMatchObject({
    mode: 'simulated',
    phrasedBy: null,
  });
});

test.each([
  [[], 'expected what to ask'],
  [['toString'], 'expected what to ask'],
  [['grades', '--order', 'luck'], 'expected --order rank'],
  [['grades', '--limit', '0'], 'expected --limit from 1 to 10000'],
  [['status', '--limit', '5'], 'market status knows no --limit'],
  [['show'], 'expected the identity of an asset'],
  [['figure', 'horoscope'], 'expected one of assets'],
  [['figure', 'prices', '--from', 'yesterday'], 'expected a day like 2023-03-11'],
  [['figure', 'prices', '--from', '2024-01-02', '--to', '2024-01-01'], 'expected from before to'],
  [['portfolio'], 'expected --request'],
  [['portfolio', '--request', '/nowhere.json'], 'cannot read /nowhere.json'],
  [['rules', 'put', import.meta.filename], 'cannot read'],
  [['rules', 'forget'], 'expected list, put or remove'],
  [['ask'], 'expected one question'],
  [['ask', ' '], 'expected a question'],
])('%j is refused: %s', async (args, message) => {
  await expect(market(...(args as string[]))).rejects.toThrow(message as string);
});

test('a node that follows no market says so, and a wrong key is refused in words', async () => {
  const none = await serve(null);
  for (const args of [['status'], ['grades'], ['show', 'BTC'], ['figure', 'grades'], ['ask', 'BTC?']])
    await expect(market(...args, '--node', none)).rejects.toMatchObject({
      code: 'NOT_FOUND',
      message: expect.stringContaining('follows no market'),
    });
  const locked = await serve(marketFixture({ assets: 3, days: 3 }), ['secret']);
  await expect(market('ask', 'BTC?', '--node', locked)).rejects.toMatchObject({ code: 'REQUEST_INVALID' });
  expect(await market('ask', 'BTC?', '--node', locked, '--api-key', 'secret')).toContain('You asked');
  await expect(market('status', '--node', 'http://127.0.0.1:9')).rejects.toMatchObject({
    code: 'SOURCE_UNREACHABLE',
  });
});

const PORTFOLIO = {
  ...{ asOf: '2024-01-31T00:00:00Z', expectedReturn: '0.1', volatility: '0.5', sharpe: null },
  weights: [
    { asset: 'bitcoin', weight: '0.6', riskContribution: '0.5', expectedReturn: '0.1', volatility: '0.5' },
    { asset: 'ethereum', weight: '0.4', riskContribution: '0.5', expectedReturn: '0.1', volatility: '0.6' },
  ],
  tail: { confidence: '0.95', valueAtRisk: '0.04', cvar: '0.06' },
  leftOut: [],
  warnings: [],
};

async function serve(view: MarketView | null, keys: string[] = []): Promise<string> {
  const alertRules = {
    rules: () => ({ rules: [...rules.values()], builtIn: [], messages: [], channels: ['console' as const] }),
    async put(input: unknown) {
      const rule = parseAlertRule(input);
      rules.set(rule.id, rule);
      return { rule, preview: { fail: 1, pass: 11, unknown: 0, why: null }, secret: null };
    },
    remove: (id: string) => void rules.delete(id),
  };
  const gateway = await createGateway(
    new Proxy(marketNode(view), {
      get: (target, name) => (name === 'alertRules' ? alertRules : Reflect.get(target, name)),
    }),
    {
      tokenMetrics: {
        apiKeys: () => keys,
        reporter: {
          report: () => null,
          answer: (messages) => ({
            text: `You asked: ${messages.at(-1)!.text} [1]`,
            records: [`${'b'.repeat(64)}.7`],
          }),
        },
      },
    },
  );
  gateways.push(gateway);
  await gateway.listen({ host: '127.0.0.1', port: 0 });
  return `http://127.0.0.1:${(gateway.server.address() as AddressInfo).port}`;
}

function fileOf(name: string, value: unknown): string {
  const file = join(folder, name);
  writeFileSync(file, JSON.stringify(value));
  return file;
}

/** Runs the command in this process, and gives what it printed. */
async function market(...args: string[]): Promise<string> {
  const { parseArgs } = await import('node:util');
  const { positionals, values } = parseArgs({
    ...{ args, allowPositionals: true, strict: true },
    options: marketCommand.options!,
  });
  let printed = '';
  const write = vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
    printed += text;
    return true;
  });
  try {
    const given = values as Record<string, string | boolean | undefined>;
    const named = args.includes('--node') ? given : { ...given, node };
    expect(await marketCommand.run({ positionals, values: named })).toBe(0);
  } finally {
    write.mockRestore();
  }
  return printed;
}
