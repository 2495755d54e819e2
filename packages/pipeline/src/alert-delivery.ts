import { lookup } from 'node:dns/promises';
import { BlockList, isIP } from 'node:net';
import { AssayError } from '@assay/core';
import { createTransport, type Transporter } from 'nodemailer';
import { Webhook } from 'standardwebhooks';
import type { AlertOutbox, Message, MessageBody } from './alert-outbox.ts';

const TIMEOUT_MS = 10_000;
const AT_ONCE = 20;
/** The longest wait before the outbox is looked at again. */
const LOOK_EVERY_MS = 5_000;

export interface DeliveryOptions {
  outbox: AlertOutbox;
  /** Signs for a webhook: `whsec_…`, one a node and target. */
  secretOf: (target: string) => string;
  /** `smtp://user:password@host:port`; null where no mail can be sent. */
  smtp: { url: string; from: string } | null;
  /** Webhooks may go to addresses that only this machine's network has. */
  allowPrivate: boolean;
  nowMs: () => number;
  onTrouble: (text: string) => void;
}

/**
 * Brings the outbox's messages to their targets: webhooks signed as Standard Webhooks says, mail by SMTP. Each message is
 * tried until it is taken, given up after ten attempts, and always sent under the same id.
 */
export class AlertDelivery {
  readonly #o: DeliveryOptions;
  readonly #mail: Transporter | null;
  #timer: NodeJS.Timeout | null = null;
  #working: Promise<void> = Promise.resolve();
  #closed = false;

  constructor(options: DeliveryOptions) {
    this.#o = options;
    this.#mail =
      options.smtp &&
      createTransport(options.smtp.url, {
        from: options.smtp.from,
        // A mail is made of what is given here: never of a file or an address that a text names.
        disableFileAccess: true,
        disableUrlAccess: true,
      });
  }

  /** Looks for what is due from now on. */
  start(): void {
    this.#look(0);
  }

  /** Delivers what is due now. Deliveries take turns: a message is on its way once. */
  deliver(): Promise<void> {
    const done = this.#working.then(() => this.#deliver());
    this.#working = done.catch(() => undefined);
    return done;
  }

  async #deliver(): Promise<void> {
    const { outbox, nowMs } = this.#o;
    for (const message of outbox.due(nowMs(), AT_ONCE)) {
      if (this.#closed) return;
      try {
        await (message.channel === 'webhook' ? this.#post(message) : this.#send(message));
        outbox.delivered(message.id);
      } catch (error) {
        const final = error instanceof Refused;
        const text = (error as Error).message;
        outbox.failed(message, text, nowMs(), { final });
        if (message.attempts === 0 || final) this.#o.onTrouble(`alert for ${message.target}: ${text}`);
      }
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
    if (this.#timer) clearTimeout(this.#timer);
    await this.#working;
    this.#mail?.close();
  }

  #look(inMs: number): void {
    if (this.#closed) return;
    this.#timer = setTimeout(() => {
      this.deliver()
        .catch((error: Error) => this.#o.onTrouble(error.message))
        .finally(() => this.#look(LOOK_EVERY_MS));
    }, inMs);
    this.#timer.unref();
  }

  async #post({ id, target, body }: Message): Promise<void> {
    const { secretOf, nowMs, allowPrivate } = this.#o;
    await checkTarget(target, allowPrivate);
    const at = new Date(nowMs());
    const response = await fetch(target, {
      method: 'POST',
      body,
      // A redirect could lead where the target's own address may not.
      redirect: 'manual',
      signal: AbortSignal.timeout(TIMEOUT_MS),
      headers: {
        'content-type': 'application/json',
        'user-agent': 'assay-alerts/1',
        'webhook-id': id,
        'webhook-timestamp': String(Math.floor(at.getTime() / 1000)),
        'webhook-signature': new Webhook(secretOf(target)).sign(id, at, body),
      },
    });
    await response.body?.cancel();
    if (response.ok) return;
    const text = `expected an answer of 2xx, got ${response.status}`;
    // By Standard Webhooks, 410 says that the receiver is gone for good.
    throw response.status === 410 ? new Refused(text) : new Error(text);
  }

  async #send({ id, target, body }: Message): Promise<void> {
    if (!this.#mail) throw new Refused('no mail server is configured: start with --smtp and --mail-from');
    const { type, timestamp, data } = JSON.parse(body) as MessageBody;
    const word = type === 'alert.opened' ? data.severity : 'over';
    await this.#mail.sendMail({
      to: target,
      subject: `[assay] ${word}: ${data.name}`.replace(/[\r\n]+/g, ' '),
      text: [
        data.name,
        '',
        `${timestamp}: ${data.reason}`,
        `stream: ${data.stream}`,
        ...(data.evidence
          ? ['', `evidence: ${data.evidence.page}`, `proof: ${data.evidence.bundle}`]
          : ['', 'No record caused this.']),
        '',
      ].join('\n'),
      messageId: `<${id}@assay.local>`,
    });
  }
}

/** No use trying again. */
class Refused extends Error {}

/** Addresses that are not the public network's (RFC 6890): metadata services and neighbours live there. */
const PRIVATE = new BlockList();
for (const [network, bits] of [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  ['224.0.0.0', 3],
] as const)
  PRIVATE.addSubnet(network, bits, 'ipv4');
for (const [network, bits] of [
  ['::', 127],
  ['fc00::', 7],
  ['fe80::', 10],
  ['ff00::', 8],
  ['64:ff9b::', 96],
] as const)
  PRIVATE.addSubnet(network, bits, 'ipv6');

/** Whether a webhook may go there. @throws ARGUMENT_INVALID */
export async function checkTarget(target: string, allowPrivate: boolean): Promise<void> {
  const { hostname, protocol } = new URL(target);
  if (allowPrivate) return;
  const refuse = (why: string) =>
    new AssayError('ARGUMENT_INVALID', `target: expected a public https address, got ${why}`, {
      next: 'use an address that the whole network knows, or start the node with --private-webhooks',
    });
  if (protocol !== 'https:') throw refuse(target.slice(0, 100));
  const host = hostname.replace(/^\[|\]$/g, '');
  const found = isIP(host) ? [{ address: host }] : await lookup(host, { all: true });
  for (const { address } of found) {
    const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1] ?? address;
    if (PRIVATE.check(mapped, isIP(mapped) === 6 ? 'ipv6' : 'ipv4')) throw refuse(`${host} (${address})`);
  }
}
