import { type AlertRule, quietUntil } from '@assay/market/alerts';
import type { KeptAlert } from './alert-book.ts';
import type { Catalogue } from './catalogue.ts';
import type { Sql } from './sql.ts';

const SCHEMA = `
  CREATE TABLE IF NOT EXISTS messages (
    id TEXT PRIMARY KEY,
    alert TEXT NOT NULL,
    rule TEXT NOT NULL,
    channel TEXT NOT NULL,
    target TEXT NOT NULL,
    body TEXT NOT NULL,
    made_ms INTEGER NOT NULL,
    due_ms INTEGER NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,
    state TEXT NOT NULL DEFAULT 'waiting',
    last_error TEXT
  ) WITHOUT ROWID;
  CREATE INDEX IF NOT EXISTS messages_due ON messages (state, due_ms);
  CREATE INDEX IF NOT EXISTS messages_alert ON messages (alert, rule);
`;
/** After so many attempts, the last about a day after the first, a message is given up. */
const MAX_ATTEMPTS = 10;
const FIRST_RETRY_MS = 5_000;
const MAX_RETRY_MS = 6 * 3_600_000;
/** Messages that are kept for people to see what became of them; delivered ones go first. */
const MAX_MESSAGES = 5_000;

/** A message about an alert, on its way to somebody. */
export interface Message {
  /** Its `webhook-id`: the same for every attempt, so that a receiver can tell a repetition. */
  id: string;
  alert: string;
  rule: string;
  channel: 'webhook' | 'email';
  target: string;
  /** JSON as it is sent. */
  body: string;
  attempts: number;
  state: 'waiting' | 'delivered' | 'failed' | 'dropped';
  lastError: string | null;
}

/** The newest message about the same. */
interface Earlier {
  id: string;
  state: Message['state'];
  type: MessageBody['type'];
  due: number;
  attempts: number;
}

/** What is sent, in the shape of Standard Webhooks. */
export interface MessageBody {
  type: 'alert.opened' | 'alert.recovered';
  /** When the alert opened or was over. */
  timestamp: string;
  data: {
    alert: string;
    rule: string;
    name: string;
    stream: string;
    severity: KeptAlert['severity'];
    reason: string;
    /** The record that shows it, and where its page and its proof are; null where no record caused it. */
    record: string | null;
    evidence: { page: string; bundle: string } | null;
  };
}

/**
 * Messages that are owed to people. They are durable in the transaction of the alert that they are about, and gone
 * only when they were delivered or given up: a crash delays a message, and at worst repeats one under the same id.
 */
export class AlertOutbox {
  readonly #sql: Sql;
  readonly #baseUrl: () => string;

  /** @param options.baseUrl where this node's pages are, for links. */
  constructor({ sql }: Pick<Catalogue, 'sql'>, options: { baseUrl: () => string }) {
    this.#sql = sql;
    this.#baseUrl = options.baseUrl;
    sql.make(SCHEMA);
  }

  /**
   * Owes a message for an alert that changed. One that opens again within the rule's cooldown is told when that is over,
   * if it is still open then. The same opening is told once, however often this is called.
   */
  post(alert: KeptAlert, rule: AlertRule, nowMs: number): void {
    if (rule.channel === 'console' || rule.target === null || !rule.enabled) return;
    const opened = alert.state === 'open';
    const last = this.#sql.one<Earlier>(
      `SELECT id, state, json_extract(body, '$.type') AS type, due_ms AS due, attempts FROM messages
       WHERE alert = ? AND rule = ? AND state != 'dropped' ORDER BY made_ms DESC, id DESC LIMIT 1`,
      alert.id,
      rule.id,
    );
    const isOwed = last?.type === 'alert.opened' && last.state === 'waiting';
    if (!opened) {
      // Nobody was told that it began: then nobody needs to hear that it is over.
      if (last?.type !== 'alert.opened') return;
      if (isOwed) this.#sql.run("UPDATE messages SET state = 'dropped' WHERE id = ?", last.id);
      // A receiver that answered badly may have read it all the same.
      if (isOwed && last.attempts === 0) return;
    } else if (isOwed) return;
    const type = opened ? 'alert.opened' : 'alert.recovered';
    const at = opened ? openedAt(alert) : (alert.recoveredAt ?? alert.lastAt);
    const record = alert.observation;
    const body: MessageBody = {
      type,
      timestamp: at,
      data: {
        ...{ alert: alert.id, rule: rule.id, name: rule.name, stream: alert.stream },
        severity: alert.severity,
        reason: opened ? alert.reason : (alert.history.at(-1)?.reason ?? 'over'),
        record,
        evidence:
          record === null
            ? null
            : {
                page: `${this.#baseUrl()}/records/${record}`,
                bundle: `${this.#baseUrl()}/v1/records/${record}/bundle`,
              },
      },
    };
    const quiet =
      rule.quietHours && alert.severity !== 'critical' ? quietUntil(rule.quietHours, nowMs) : null;
    const cooled = opened && last ? last.due + rule.cooldownMinutes * 60_000 : nowMs;
    const id = `msg_${alert.id}_${rule.id}_${Date.parse(at)}_${opened ? 'opened' : 'recovered'}`;
    this.#sql.run("DELETE FROM messages WHERE id = ? AND state = 'dropped'", id);
    this.#sql.run(
      'INSERT OR IGNORE INTO messages (id, alert, rule, channel, target, body, made_ms, due_ms) VALUES (?, ?, ?, ?, ?, ?, ?, ?)',
      id,
      alert.id,
      rule.id,
      rule.channel,
      rule.target,
      JSON.stringify(body),
      nowMs,
      Math.max(quiet ?? nowMs, cooled),
    );
    this.#sql.run(
      `DELETE FROM messages WHERE id IN (SELECT id FROM messages ORDER BY state = 'waiting', made_ms
         LIMIT max(0, (SELECT count(*) FROM messages) - ?))`,
      MAX_MESSAGES,
    );
  }

  /** Takes back what a rule still owes: it was taken away, or now has another target. */
  drop(rule: string, options: { except?: string | null } = {}): void {
    this.#sql.run(
      "UPDATE messages SET state = 'dropped' WHERE rule = ? AND state = 'waiting' AND target IS NOT ?",
      rule,
      options.except ?? null,
    );
  }

  /** Messages whose time has come, the oldest first; a few of each target, so that one that is down delays no other. */
  due(nowMs: number, most: { all: number; each: number }): Message[] {
    return this.#sql.all(
      `SELECT id, alert, rule, channel, target, body, attempts, state, last_error AS lastError FROM (
         SELECT *, row_number() OVER (PARTITION BY channel, target ORDER BY due_ms, id) AS place FROM messages
         WHERE state = 'waiting' AND due_ms <= ?)
       WHERE place <= ? ORDER BY place, due_ms, id LIMIT ?`,
      nowMs,
      most.each,
      most.all,
    );
  }

  /** When the next message is due; null when none waits. */
  nextDueMs(): number | null {
    return (
      this.#sql.one<{ due: number | null }>("SELECT min(due_ms) AS due FROM messages WHERE state = 'waiting'")
        ?.due ?? null
    );
  }

  delivered(id: string): void {
    this.#sql.run(
      "UPDATE messages SET state = 'delivered', attempts = attempts + 1, last_error = NULL WHERE id = ?",
      id,
    );
  }

  /** Notes a failed attempt: it is made again later, each time after twice as long; or never, when that is no use. */
  failed({ id, attempts }: Message, error: string, nowMs: number, options: { final?: boolean } = {}): void {
    const over = options.final === true || attempts + 1 >= MAX_ATTEMPTS;
    const wait = Math.min(FIRST_RETRY_MS * 4 ** attempts, MAX_RETRY_MS);
    this.#sql.run(
      'UPDATE messages SET attempts = attempts + 1, state = ?, due_ms = ?, last_error = ? WHERE id = ?',
      over ? 'failed' : 'waiting',
      nowMs + wait,
      error.slice(0, 300),
      id,
    );
  }

  /** What became of the newest messages. */
  list(limit: number): Message[] {
    return this.#sql.all(
      `SELECT id, alert, rule, channel, target, body, attempts, state, last_error AS lastError FROM messages
       ORDER BY made_ms DESC, id DESC LIMIT ?`,
      limit,
    );
  }
}

/** When it opened, this time: it fails again and again while it is open. */
function openedAt({ history, lastAt }: KeptAlert): string {
  return history.findLast(({ to }) => to === 'open')?.at ?? lastAt;
}
