import { type LookupAddress, lookup } from 'node:dns';
import { request as requestHttp } from 'node:http';
import { request as requestHttps } from 'node:https';
import { BlockList, isIP, type LookupFunction } from 'node:net';
import { promisify } from 'node:util';
import { AssayError } from '@assay/core';
import { createTransport, type Transporter } from 'nodemailer';
import { Webhook } from 'standardwebhooks';
import type { AlertOutbox, Message, MessageBody } from './alert-outbox.ts';

const TIMEOUT_MS = 10_000;
/** Messages of one look, and of each target among them. */
const AT_ONCE = { all: 60, each: 5 };
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
  /** How names are looked up; the system's way by default. */
  resolve?: Resolve;
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
    const byTarget = Map.groupBy(
      outbox.due(nowMs(), AT_ONCE),
      ({ channel, target }) => `${channel} ${target}`,
    );
    // One that does not answer costs its own messages ten seconds, and nobody else's.
    await Promise.all([...byTarget.values()].map((messages) => this.#deliverTo(messages)));
  }

  /** The messages of one target, one after the other, up to the first that it does not take. */
  async #deliverTo(messages: readonly Message[]): Promise<void> {
    const { outbox, nowMs } = this.#o;
    for (const message of messages) {
      if (this.#closed) return;
      try {
        await (message.channel === 'webhook' ? this.#post(message) : this.#send(message));
        outbox.delivered(message.id);
      } catch (error) {
        const final = error instanceof Refused;
        const text = (error as Error).message;
        outbox.failed(message, text, nowMs(), { final });
        if (message.attempts === 0 || final) this.#o.onTrouble(`alert for ${message.target}: ${text}`);
        if (!final) return;
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
    const { secretOf, nowMs, allowPrivate, resolve = resolveHost } = this.#o;
    const addresses = await checkTarget(target, allowPrivate, resolve);
    const at = new Date(nowMs());
    const status = await post(target, addresses, body, {
      'content-type': 'application/json',
      'user-agent': 'assay-alerts/1',
      'webhook-id': id,
      'webhook-timestamp': String(Math.floor(at.getTime() / 1000)),
      'webhook-signature': new Webhook(secretOf(target)).sign(id, at, body),
    });
    if (status >= 200 && status < 300) return;
    const text = `expected an answer of 2xx, got ${status}`;
    // By Standard Webhooks, 410 says that the receiver is gone for good.
    throw status === 410 ? new Refused(text) : new Error(text);
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

/**
 * Posts to one of the addresses that were checked, whatever the name means by now: a name that answers with another
 * address the second time (DNS rebinding) leads nowhere else. Redirects are not followed, and no answer's body is read.
 *
 * @returns the status of the answer.
 */
function post(
  target: string,
  addresses: readonly LookupAddress[],
  body: string,
  headers: Record<string, string>,
): Promise<number> {
  const checked: LookupFunction = (_host, options, found) => {
    if (options.all) found(null, [...addresses]);
    else found(null, addresses[0]!.address, addresses[0]!.family);
  };
  const url = new URL(target);
  return new Promise((resolve, reject) => {
    const request = (url.protocol === 'https:' ? requestHttps : requestHttp)(url, {
      method: 'POST',
      headers: { ...headers, 'content-length': Buffer.byteLength(body) },
      agent: false,
      lookup: checked,
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    request.once('response', (response) => {
      resolve(response.statusCode ?? 0);
      response.destroy();
    });
    // After the answer as well: an error that nobody hears would end the node.
    request.on('error', reject);
    request.end(body);
  });
}

const lookupAll = promisify(lookup);
const resolveHost: Resolve = (host) => lookupAll(host, { all: true });

/** Every address that a name has. */
export type Resolve = (host: string) => Promise<LookupAddress[]>;

/** No use trying again. */
class Refused extends Error {}

/** Addresses that are not the public network's (RFC 6890): metadata services and neighbours live there. */
// One list for each family: Node takes IPv4 addresses for IPv6 ones in a list that holds both.
const PRIVATE = { 4: new BlockList(), 6: new BlockList() };
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
  PRIVATE[4].addSubnet(network, bits, 'ipv4');
for (const [network, bits] of [
  // Only 2000::/3 is given out to the public, and not all of that: Teredo, 6to4 and others lead into IPv4.
  ['::', 3],
  ['4000::', 2],
  ['8000::', 1],
  ['2001::', 23],
  ['2001:db8::', 32],
  ['2002::', 16],
] as const)
  PRIVATE[6].addSubnet(network, bits, 'ipv6');

/**
 * Whether a webhook may go there.
 *
 * @returns the addresses that it may go to.
 * @throws ARGUMENT_INVALID
 */
export async function checkTarget(
  target: string,
  allowPrivate: boolean,
  resolve: Resolve = resolveHost,
): Promise<LookupAddress[]> {
  const { hostname, protocol } = new URL(target);
  const refuse = (why: string) =>
    new AssayError('ARGUMENT_INVALID', `target: expected a public https address, got ${why}`, {
      next: 'use an address that the whole network knows, or start the node with --private-webhooks',
    });
  if (!allowPrivate && protocol !== 'https:') throw refuse(target.slice(0, 100));
  const host = hostname.replace(/^\[|\]$/g, '');
  const found = isIP(host) ? [{ address: host, family: isIP(host) }] : await addressesOf(host, resolve);
  for (const { address, family } of found)
    if (!allowPrivate && (family === 6 ? PRIVATE[6].check(address, 'ipv6') : PRIVATE[4].check(address)))
      throw refuse(`${host} (${address})`);
  return found;
}

async function addressesOf(host: string, resolve: Resolve): Promise<LookupAddress[]> {
  const found = await resolve(host).catch((error: NodeJS.ErrnoException) => error);
  if (Array.isArray(found) && found.length > 0) return found;
  const why = Array.isArray(found) ? 'it has none' : (found.code ?? found.message);
  throw new AssayError('ARGUMENT_INVALID', `target: no address was found for ${host.slice(0, 100)}: ${why}`, {
    next: 'correct the name, or wait until it is known again',
  });
}
