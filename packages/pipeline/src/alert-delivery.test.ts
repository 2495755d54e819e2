/**
 * Messages about alerts reach real receivers: a webhook that checks the signature as Standard Webhooks' own library does,
 * a mail server that takes the mail by SMTP. None is lost by a crash or a receiver that is down, none is sent twice under
 * another name, and none goes to an address that the public network does not have.
 */
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';
import {
  type AddressInfo,
  createServer as createTcpServer,
  type Socket,
  type Server as TcpServer,
} from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type AlertRule, parseAlertRule } from '@assay/market/alerts';
import { SMTPServer } from 'smtp-server';
import { Webhook } from 'standardwebhooks';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { KeptAlert } from './alert-book.ts';
import { AlertDelivery, checkTarget, type DeliveryOptions, type Resolve } from './alert-delivery.ts';
import { AlertOutbox } from './alert-outbox.ts';
import { Sql } from './sql.ts';

const SECRET = `whsec_${randomBytes(32).toString('base64')}`;
const NOON = Date.parse('2024-01-10T12:00:00Z');
let folder: string;
let sql: Sql;
let outbox: AlertOutbox;
let closers: (() => unknown)[];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'assay-outbox-'));
  closers = [];
  reopen();
});
afterEach(async () => {
  for (const close of closers.reverse()) await close();
  sql.close();
  rmSync(folder, { recursive: true });
});

test('a webhook gets one signed message for an alert, and one when it is over', async () => {
  const hook = await receiver(() => 200);
  // The library's verification goes by the machine's own clock.
  const delivery = deliver({ nowMs: Date.now });
  const rule = ruleFor(hook.url);
  outbox.post(alert(), rule, NOON);
  outbox.post(alert(), rule, NOON);
  await delivery.deliver();
  outbox.post(alert({ state: 'recovered', recoveredAt: '2024-01-10T13:00:00Z' }), rule, NOON + 3_600_000);
  await delivery.deliver();
  expect(hook.got.map(({ body }) => JSON.parse(body).type)).toEqual(['alert.opened', 'alert.recovered']);
  const [{ headers, body }] = hook.got as [Received];
  const verified = new Webhook(SECRET).verify(body, headers as Record<string, string>, { jsonParse: true });
  expect(verified).toMatchObject({
    timestamp: '2024-01-10T12:00:00Z',
    data: {
      rule: 'strong',
      reason: 'BTC: strong (row.trader.grade = 81)',
      evidence: { page: `http://node/records/${'a'.repeat(64)}.3` },
    },
  });
  expect(() =>
    new Webhook(SECRET).verify(body.replace('81', '18'), headers as Record<string, string>),
  ).toThrow();
});

test('a receiver that is down gets the same message later, with longer and longer waits, also after a crash', async () => {
  let status = 503;
  const hook = await receiver(() => status);
  const clock = { nowMs: NOON };
  const troubles: string[] = [];
  const delivery = deliver({ nowMs: () => clock.nowMs, onTrouble: (text) => troubles.push(text) });
  outbox.post(alert(), ruleFor(hook.url), NOON);
  const waits: number[] = [];
  for (let attempt = 0; attempt < 3; attempt++) {
    await delivery.deliver();
    waits.push(outbox.nextDueMs()! - clock.nowMs);
    clock.nowMs = outbox.nextDueMs()!;
  }
  expect(waits).toEqual([5_000, 20_000, 80_000]);
  expect(troubles).toHaveLength(1);
  await delivery.close();
  reopen();
  status = 204;
  await deliver({ nowMs: () => clock.nowMs }).deliver();
  expect(hook.got).toHaveLength(4);
  expect(new Set(hook.got.map(({ headers }) => headers['webhook-id'])).size).toBe(1);
  expect(outbox.list(1)).toMatchObject([{ state: 'delivered', attempts: 4, lastError: null }]);
});

test('a receiver that is gone, or never answers well, is given up', async () => {
  const gone = await receiver(() => 410);
  outbox.post(alert(), ruleFor(gone.url), NOON);
  const clock = { nowMs: NOON };
  const delivery = deliver({ nowMs: () => clock.nowMs });
  await delivery.deliver();
  expect(outbox.list(1)).toMatchObject([{ state: 'failed', attempts: 1 }]);
  const redirecting = await receiver(() => 302);
  outbox.post(alert({ id: 'b'.repeat(16) }), ruleFor(redirecting.url), NOON);
  for (let i = 0; i < 12 && outbox.nextDueMs() !== null; i++) {
    clock.nowMs = outbox.nextDueMs()!;
    await delivery.deliver();
  }
  expect(redirecting.got).toHaveLength(10);
  expect(gone.got).toHaveLength(1);
});

test('quiet hours hold a message back, but not a critical one, and what is over by then is not told at all', async () => {
  const hook = await receiver(() => 200);
  const night = Date.parse('2024-01-10T23:00:00Z');
  const clock = { nowMs: night };
  const delivery = deliver({ nowMs: () => clock.nowMs });
  const rule = ruleFor(hook.url, { quietHours: { from: '22:00', to: '07:00', zone: 'UTC' } });
  outbox.post(alert({ id: '1'.repeat(16) }), rule, night);
  outbox.post(alert({ id: '2'.repeat(16) }), rule, night);
  outbox.post(alert({ id: '3'.repeat(16), severity: 'critical' }), rule, night);
  outbox.post(alert({ id: '2'.repeat(16), state: 'recovered' }), rule, night + 60_000);
  await delivery.deliver();
  expect(hook.alerts()).toEqual(['3'.repeat(16)]);
  expect(outbox.nextDueMs()).toBe(Date.parse('2024-01-11T07:00:00Z'));
  clock.nowMs = outbox.nextDueMs()!;
  await delivery.deliver();
  expect(hook.alerts()).toEqual(['3'.repeat(16), '1'.repeat(16)]);
});

test('within its cooldown the same trouble is told once', async () => {
  const hook = await receiver(() => 200);
  const delivery = deliver();
  const rule = ruleFor(hook.url, { cooldownMinutes: 60 });
  outbox.post(alert(), rule, NOON);
  await delivery.deliver();
  for (const minutes of [10, 59, 61])
    outbox.post(alert({ lastAt: instant(NOON + minutes * 60_000) }), rule, NOON + minutes * 60_000);
  await delivery.deliver();
  expect(hook.got).toHaveLength(1);
  await deliver({ nowMs: () => NOON + 3_700_000 }).deliver();
  expect(hook.got).toHaveLength(2);
});

test('what opens again within its cooldown and stays open is told when that is over', async () => {
  const hook = await receiver(() => 200);
  const clock = { nowMs: NOON };
  const delivery = deliver({ nowMs: () => clock.nowMs });
  const rule = ruleFor(hook.url, { cooldownMinutes: 60 });
  const minute = (minutes: number) => NOON + minutes * 60_000;
  const change = async (state: KeptAlert['state'], minutes: number) => {
    clock.nowMs = minute(minutes);
    const at = instant(clock.nowMs);
    outbox.post(alert({ state, lastAt: at, recoveredAt: at }), rule, clock.nowMs);
    await delivery.deliver();
  };
  await change('open', 0);
  await change('recovered', 5);
  await change('open', 10);
  await change('recovered', 15);
  await change('open', 20);
  expect(hook.got).toHaveLength(2);
  expect(outbox.nextDueMs()).toBe(minute(65));
  clock.nowMs = minute(65);
  await delivery.deliver();
  expect(hook.got.map(({ body }) => JSON.parse(body).timestamp)).toEqual(
    [0, 5, 20].map((m) => instant(minute(m))),
  );
});

test('a receiver that failed to answer may have read a message, and hears that it is over', async () => {
  const hook = await receiver(() => 500);
  const delivery = deliver();
  outbox.post(alert(), ruleFor(hook.url), NOON);
  await delivery.deliver();
  outbox.post(alert({ state: 'recovered', recoveredAt: instant(NOON) }), ruleFor(hook.url), NOON + 1);
  await deliver({ nowMs: () => NOON + 3_600_000 }).deliver();
  expect(hook.got.map(({ body }) => JSON.parse(body).type)).toEqual(['alert.opened', 'alert.recovered']);
});

test('a rule that was taken away sends nothing more', async () => {
  const hook = await receiver(() => 200);
  outbox.post(alert(), ruleFor(hook.url), NOON);
  outbox.drop('strong', { except: hook.url });
  expect(outbox.due(NOON, { all: 9, each: 9 })).toHaveLength(1);
  outbox.drop('strong');
  await deliver().deliver();
  expect(hook.got).toHaveLength(0);
});

test('a receiver that never answers delays no other', async () => {
  const sockets: Socket[] = [];
  const silent: TcpServer = createTcpServer((socket) => void sockets.push(socket));
  await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
  closers.push(() => silent.close());
  const hook = await receiver(() => 200);
  for (let i = 0; i < 100; i++)
    outbox.post(
      alert({ id: String(i).padStart(16, '0') }),
      ruleFor(`http://127.0.0.1:${(silent.address() as AddressInfo).port}/`),
      NOON,
    );
  outbox.post(alert(), ruleFor(hook.url), NOON + 1);
  const began = deliver({ nowMs: () => NOON + 1 }).deliver();
  await expect.poll(() => hook.got.length).toBe(1);
  for (const socket of sockets) socket.destroy();
  await began;
  expect(
    outbox.list(200).filter(({ attempts, state }) => attempts === 1 && state === 'waiting'),
  ).toHaveLength(1);
});

test('a name that means another address the second time leads nowhere else', async () => {
  const hook = await receiver(() => 200);
  const answers = ['127.0.0.1', '127.0.0.2', '127.0.0.3'];
  let asked = 0;
  const resolve: Resolve = async () => [{ address: answers[asked++]!, family: 4 }];
  outbox.post(alert(), ruleFor(hook.url.replace('127.0.0.1', 'rebinding.test')), NOON);
  await deliver({ resolve }).deliver();
  expect(asked).toBe(1);
  expect(hook.got.map(({ headers }) => headers.host)).toEqual([`rebinding.test:${new URL(hook.url).port}`]);
  // A private address the second time is refused before anything is sent.
  const turns: Resolve = async () => [
    { address: '192.0.32.7', family: 4 },
    { address: '169.254.169.254', family: 4 },
  ];
  await expect(checkTarget('https://rebinding.test/', false, turns)).rejects.toThrow(/public https address/);
  const none: Resolve = () => Promise.reject(Object.assign(new Error(), { code: 'ENOTFOUND' }));
  await expect(checkTarget('https://nowhere.test/', false, none)).rejects.toMatchObject({
    code: 'ARGUMENT_INVALID',
    message: expect.stringContaining('ENOTFOUND'),
  });
});

test('mail goes by SMTP, as one plain text whose headers no name can forge', async () => {
  const mails: string[] = [];
  const server = new SMTPServer({
    disabledCommands: ['AUTH', 'STARTTLS'],
    onData(stream, _session, done) {
      let mail = '';
      stream.on('data', (chunk: Buffer) => {
        mail += chunk.toString();
      });
      stream.on('end', () => {
        mails.push(mail);
        done();
      });
    },
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  closers.push(() => new Promise((resolve) => server.close(() => resolve(undefined))));
  const { port } = server.server.address() as AddressInfo;
  const delivery = deliver({ smtp: { url: `smtp://127.0.0.1:${port}`, from: 'assay@example.org' } });
  const rule = ruleFor('', {
    channel: 'email',
    target: 'desk@example.org',
    name: 'strong\r\nBcc: x@example.org',
  });
  outbox.post(alert(), rule, NOON);
  await delivery.deliver();
  expect(outbox.list(1)).toMatchObject([{ state: 'delivered' }]);
  const [head = '', text = ''] = mails[0]!.split('\r\n\r\n');
  expect(head).toMatch(/^Subject: \[assay\] warning: strong Bcc: x@example\.org$/m);
  expect(head).not.toMatch(/^Bcc:/im);
  expect(head).toMatch(/^To: desk@example\.org$/m);
  expect(mails[0]).toContain(`/v1/records/${'a'.repeat(64)}.3/bundle`.slice(0, 40));
  expect(text).not.toBe('');
  await deliver({ smtp: null }).deliver();
});

test('a webhook may not reach into the node’s own network', async () => {
  for (const target of [
    ...['http://example.org/', 'https://127.0.0.1/', 'https://10.1.2.3/', 'https://169.254.169.254/latest'],
    ...[
      'https://[::1]/',
      'https://[fd00::1]/',
      'https://[::ffff:10.0.0.1]/',
      'https://[::127.0.0.1]/',
      'https://[64:ff9b::a00:1]/',
      'https://[64:ff9b:1::a00:1]/',
      'https://[2002:7f00:1::]/',
      'https://[2001:0:7f00:1::]/',
      'https://0x7f.1/',
      'https://localhost:8443/',
      'https://2130706433/',
    ],
  ])
    await expect(checkTarget(target, false), target).rejects.toThrow(/public https address/);
  await checkTarget('https://192.0.32.7/', false);
  await checkTarget('https://[2620:0:2d0:200::7]/', false);
  await checkTarget('http://127.0.0.1:1/', true);
});

interface Received {
  headers: IncomingHttpHeaders;
  body: string;
}

async function receiver(status: () => number) {
  const got: Received[] = [];
  const server: Server = createServer((request, response) => {
    let body = '';
    request.on('data', (chunk: Buffer) => {
      body += chunk.toString();
    });
    request.on('end', () => {
      got.push({ headers: request.headers, body });
      response.writeHead(status(), { location: 'http://127.0.0.1:1/' }).end();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  closers.push(() => server.close());
  const alerts = () => got.map(({ body }) => (JSON.parse(body) as { data: { alert: string } }).data.alert);
  return { got, alerts, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook` };
}

function deliver(options: Partial<DeliveryOptions> = {}): AlertDelivery {
  const delivery = new AlertDelivery({
    ...{ outbox, secretOf: () => SECRET, smtp: null, allowPrivate: true, nowMs: () => NOON },
    onTrouble: () => undefined,
    ...options,
  });
  closers.push(() => delivery.close());
  return delivery;
}

function reopen(): void {
  if (sql) {
    try {
      sql.close();
    } catch {}
  }
  sql = new Sql(join(folder, 'outbox.db'));
  outbox = new AlertOutbox({ sql }, { baseUrl: () => 'http://node' });
}

function ruleFor(target: string, change: Partial<AlertRule> = {}): AlertRule {
  const rule = parseAlertRule({
    ...{
      id: 'strong',
      name: 'strong',
      figure: 'grades',
      expression: 'row.trader.grade > 80',
      cooldownMinutes: 0,
    },
    ...(change.channel === 'email' ? {} : { channel: 'webhook', target }),
  });
  return { ...rule, ...change };
}

function alert(change: Partial<KeptAlert> = {}): KeptAlert {
  return {
    ...{
      id: 'c'.repeat(16),
      stream: 'assay.market.grades',
      check: 'strong:BTC',
      severity: 'warning',
      state: 'open',
    },
    ...{ reason: 'BTC: strong (row.trader.grade = 81)', observation: `${'a'.repeat(64)}.3`, count: 1 },
    ...{ firstAt: instant(NOON), lastAt: instant(NOON), acknowledged: null, recoveredAt: null },
    ...{ passingSince: null, flaps: 0, history: [] },
    ...change,
  } as KeptAlert;
}

function instant(ms: number): string {
  return new Date(ms).toISOString().replace('.000', '');
}
