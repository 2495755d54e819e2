/** Alert rules: what they find, what they cannot be made to do, and when nobody is disturbed. */
import { AssayError } from '@assay/core';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  type AlertRule,
  BUILT_IN_RULES,
  compileRule,
  evaluateRule,
  parseAlertRule,
  quietUntil,
} from './index.ts';

const ask = (expression: string, row: object, before: object | null = null) =>
  evaluateRule(compileRule(expression), row, before).status;

test('decimal strings are numbers, tickers stay texts, and what is not known is unknown', () => {
  const row = {
    asset: '1',
    symbol: '1INCH',
    trader: { grade: '81.5', change: null },
    reasons: ['a depeg began'],
  };
  expect(ask('row.trader.grade > 80', row)).toBe('fail');
  expect(ask('row.trader.grade > 82.0', row)).toBe('pass');
  expect(ask('row.asset == "1" && row.symbol == "1INCH"', row)).toBe('fail');
  expect(ask('row.trader.change > 5', row)).toBe('unknown');
  expect(ask('row.nothing > 5', row)).toBe('unknown');
  expect(ask('before.trader.grade > 5', row)).toBe('unknown');
  expect(ask('row.trader.grade - before.trader.grade >= 10', row, { trader: { grade: '71.5' } })).toBe(
    'fail',
  );
  expect(ask('row.reasons.exists(r, r.contains("depeg"))', row)).toBe('fail');
  for (const expression of ['row.trader.grade > 80', 'row.trader != null && row.trader.grade > 80'])
    expect(evaluateRule(compileRule(expression), row, null).reason).toBe('row.trader.grade = 81.5');
});

test('an expression reaches nothing but the rows, ends, and gives true or false', () => {
  for (const bad of [
    ...['', 'row.a >', 'process.exit()', 'constructor', 'foo > 1', '1 + 1', '"x"', 'row.a.matches("(a+)+$")'],
    ...[`${'('.repeat(100)}true${')'.repeat(100)}`, Array(400).fill('row.a == 1').join(' || ')],
  ])
    expect(() => compileRule(bad), bad).toThrow(expect.objectContaining({ code: 'ARGUMENT_INVALID' }));
  for (const inherited of ['row.constructor == 1', 'row.__proto__ == 1', 'row.toString == 1'])
    expect(ask(inherited, {})).toBe('unknown');
});

test('nothing that takes for ever can be written, however it is spelt', () => {
  const list = `[${Array(12).fill(1).join(',')}]`;
  let nested = 'row.a == 2';
  for (let i = 0; i < 7; i++) nested = `${list}.exists(v${i}, ${nested})`;
  for (const bad of [
    nested,
    'row.list.exists(x, x.list.map(y, y).size() > 1)',
    'row.list.all(x, true || row.list.filter(y, y > 1).size() > 0)',
    'row.a.matches//\n("(a+)+$")',
    'cel.bind(a, row.s + row.s, cel.bind(b, a + a, b == ""))',
  ])
    expect(() => compileRule(bad), bad).toThrow(expect.objectContaining({ code: 'ARGUMENT_INVALID' }));
  // One list after another ends soon; a text that only looks like a call is a text.
  expect(
    ask('row.list.filter(x, x > 1).exists(x, x == 2) && row.list.size() == 2', { list: ['1', '2'] }),
  ).toBe('fail');
  expect(
    ask('row.symbol == "matches(" || row.list.exists(x, x == 2)', { symbol: 'matches(', list: [] }),
  ).toBe('fail');
});

test('built-in rules hold for rows that warrant them, and only for those', () => {
  const rule = (id: string) => BUILT_IN_RULES.find((one) => one.id === id)!.expression;
  const grades = (change: string | null) => ({ trader: { grade: '50', change }, investor: null });
  expect(ask(rule('grade-move'), grades('-10.0'))).toBe('fail');
  expect(ask(rule('grade-move'), grades('9.9'))).toBe('pass');
  expect(ask(rule('grade-move'), grades(null))).toBe('pass');
  expect(ask(rule('momentum-change'), { signal: '1' }, { signal: '0' })).toBe('fail');
  expect(ask(rule('momentum-change'), { signal: '1' }, null)).toBe('pass');
  const risk = (month: string | null, year: string | null) => ({
    volatilityPct: year,
    indicators: { volatility30: month },
  });
  expect(ask(rule('volatility-spike'), risk('90', '60'))).toBe('fail');
  expect(ask(rule('volatility-spike'), risk('89', '60'))).toBe('pass');
  expect(ask(rule('volatility-spike'), risk(null, '60'))).toBe('pass');
  expect(ask(rule('depeg'), { reasons: ['stablecoin depeg: 0.91'] })).toBe('fail');
  expect(ask(rule('price-disputed'), { status: 'unknown' })).toBe('pass');
  expect(ask(rule('venue-incident'), { excluded: [{ stream: 'x', reason: 'y' }] })).toBe('fail');
  for (const built of BUILT_IN_RULES) expect(parseAlertRule(built)).toEqual(built);
});

test('a rule that is not one is refused, and says which member is wrong', () => {
  const rule: AlertRule = {
    ...{ id: 'a', name: 'A', figure: 'grades', expression: 'row.trader.grade > 80', severity: 'warning' },
    ...{ channel: 'webhook', target: 'https://example.org/hook', cooldownMinutes: 5, enabled: true },
    quietHours: { from: '22:00', to: '07:00', zone: 'Europe/Berlin' },
  };
  expect(parseAlertRule(rule)).toEqual(rule);
  for (const [member, value] of [
    ...[
      ['id', 'A b'],
      ['name', ''],
      ['name', 'two\nlines'],
      ['name', 'nul\0'],
      ['name', 'half \ud800'],
      ['name', 'turned \u202egnp.exe'],
      ['figure', 'nothing'],
      ['expression', 'row.'],
      ['severity', 'bad'],
    ],
    ...[
      ['channel', 'sms'],
      ['target', 'javascript:alert(1)'],
      ['target', 'https://user:pass@x.org'],
      ['target', null],
    ],
    ...[
      ['cooldownMinutes', -1],
      ['cooldownMinutes', 1.5],
      ['enabled', 'yes'],
      ['extra', 1],
    ],
    ...[
      ['quietHours', { from: '25:00', to: '07:00' }],
      ['quietHours', { from: '07:00', to: '07:00' }],
    ],
    ...[
      ['quietHours', { from: '22:00', to: '07:00', zone: 'Mars/Base' }],
      ['quietHours', 7],
    ],
  ] as [string, unknown][]) {
    const attempt = () => parseAlertRule({ ...rule, [member]: value });
    expect(attempt, `${member} ${JSON.stringify(value)}`).toThrow(AssayError);
    expect(attempt, `${member} ${JSON.stringify(value)}`).toThrow(
      new RegExp(member === 'extra' ? 'extra' : member),
    );
  }
  for (const target of ['a@b.org\nBcc: x@y.org', 'a@b.org, c@d.org', '<a@b.org>', 'nobody'])
    expect(() => parseAlertRule({ ...rule, channel: 'email', target }), target).toThrow(/target/);
});

test('quiet hours end on the clocks of their zone, also when these change', () => {
  const berlin = { from: '22:00', to: '07:00', zone: 'Europe/Berlin' };
  const iso = (ms: number | null) => ms && new Date(ms).toISOString();
  expect(quietUntil(berlin, Date.parse('2024-01-10T12:00:00Z'))).toBeNull();
  expect(iso(quietUntil(berlin, Date.parse('2024-01-10T23:30:00Z')))).toBe('2024-01-11T06:00:00.000Z');
  // The night of 30 to 31 March 2024 is an hour shorter there, that of 26 to 27 October an hour longer.
  expect(iso(quietUntil(berlin, Date.parse('2024-03-30T22:00:00Z')))).toBe('2024-03-31T05:00:00.000Z');
  expect(iso(quietUntil(berlin, Date.parse('2024-10-26T21:00:00Z')))).toBe('2024-10-27T06:00:00.000Z');
  const day = { from: '09:00', to: '17:30', zone: 'Asia/Kolkata' };
  expect(iso(quietUntil(day, Date.parse('2024-01-10T04:00:00Z')))).toBe('2024-01-10T12:00:00.000Z');
  const time = fc
    .integer({ min: 0, max: 1439 })
    .map((m) => `${String(Math.floor(m / 60)).padStart(2, '0')}:${String(m % 60).padStart(2, '0')}`);
  fc.assert(
    fc.property(time, time, fc.integer({ min: 0, max: 4e12 }), (from, to, nowMs) => {
      if (from === to) return;
      const until = quietUntil({ from, to, zone: 'UTC' }, nowMs);
      const clock = new Date(nowMs).toISOString().slice(11, 16);
      const inside = from < to ? clock >= from && clock < to : clock >= from || clock < to;
      expect(until !== null).toBe(inside);
      if (until !== null) {
        expect(new Date(until).toISOString().slice(11, 16)).toBe(to);
        expect(until - nowMs).toBeLessThanOrEqual(86_400_000);
        expect(until).toBeGreaterThan(nowMs - 60_000);
      }
    }),
  );
});
