import {
  type Alert,
  acknowledge,
  credibilityDrop,
  inOrder,
  observe,
  type Signal,
  signalsOf,
  withdrawn,
} from '@assay/checks/review';
import { AssayError, digestHex, utf8, type VerdictPredicate } from '@assay/core';
import type { Catalogue } from './catalogue.ts';
import type { Sql } from './sql.ts';

const SCHEMA = `
  CREATE TABLE IF NOT EXISTS alerts (id TEXT PRIMARY KEY, state TEXT NOT NULL, last_at TEXT NOT NULL, alert TEXT NOT NULL);
  CREATE INDEX IF NOT EXISTS alerts_state ON alerts (state, last_at);
  CREATE TABLE IF NOT EXISTS credibility (stream TEXT PRIMARY KEY, mean TEXT);
`;
/** Alerts that are kept; of those that are over, the oldest go first. */
const MAX_ALERTS = 5_000;

export type KeptAlert = Alert & { id: string };

/** What is wrong, as it is kept. Signals ride in the transaction of the verdict that gave them. */
export class AlertBook {
  readonly #sql: Sql;
  #onIncident: (alert: KeptAlert) => void = () => undefined;

  constructor({ sql }: Pick<Catalogue, 'sql'>) {
    this.#sql = sql;
    sql.make(SCHEMA);
  }

  /**
   * Calls back for each alert about the data itself that opens or is over, within the transaction that notes it: what
   * is owed to people by it survives a crash together with it.
   */
  onIncident(listener: (alert: KeptAlert) => void): void {
    this.#onIncident = listener;
  }

  /** What verdicts say. Within the caller's transaction. @returns alerts that opened by it. */
  noteVerdicts(verdicts: readonly VerdictPredicate[]): KeptAlert[] {
    return verdicts.flatMap((verdict) => [
      ...this.note(signalsOf(verdict)),
      ...(verdict.quality.credibility === null ? [] : this.note([this.#credibility(verdict)])),
    ]);
  }

  /** What checks say. Within the caller's transaction. @returns alerts that opened by it. */
  note(signals: readonly Signal[]): KeptAlert[] {
    const changed = this.noteChanges(signals);
    for (const alert of changed) this.#onIncident(alert);
    return changed.filter(({ state }) => state === 'open');
  }

  /** What rules of people say, who are told by their rule. @returns alerts that opened or were over by it. */
  noteChanges(signals: readonly Signal[]): KeptAlert[] {
    const changed: KeptAlert[] = [];
    for (const signal of signals) {
      const id = idOf(signal);
      const before = this.#find(id);
      if (before === null && signal.status !== 'fail') continue;
      const after = observe(before, signal);
      if (after === null || after === before) continue;
      this.#save(id, after);
      const opened = after.state === 'open' && before?.state !== 'open' && before?.state !== 'acknowledged';
      const over = after.state === 'recovered' && before?.state !== 'recovered';
      if (opened || over) changed.push({ id, ...after });
    }
    return changed;
  }

  /** Those that are open first, the worst and newest first among them. */
  list(query: {
    state?: Alert['state'] | undefined;
    stream?: string | undefined;
    limit: number;
  }): KeptAlert[] {
    const { state, stream, limit } = query;
    return this.#sql
      .all<{ id: string; alert: string }>('SELECT id, alert FROM alerts')
      .map(({ id, alert }): KeptAlert => ({ id, ...(JSON.parse(alert) as Alert) }))
      .filter(
        (alert) =>
          (state === undefined || alert.state === state) && (stream === undefined || alert.stream === stream),
      )
      .sort(inOrder)
      .slice(0, limit);
  }

  /** Ends the alerts of one who no longer asks: nothing would ever pass for them again. */
  withdraw(which: (alert: KeptAlert) => boolean, at: string, reason: string): void {
    for (const kept of this.list({ limit: MAX_ALERTS })) {
      if (kept.state === 'recovered' || !which(kept)) continue;
      const { id, ...alert } = kept;
      this.#save(id, withdrawn(alert, at, reason));
    }
  }

  counts(): Record<Alert['state'], number> {
    const counts = { open: 0, acknowledged: 0, recovered: 0 };
    for (const { state, count } of this.#sql.all<{ state: Alert['state']; count: number }>(
      'SELECT state, count(*) AS count FROM alerts GROUP BY state',
    ))
      counts[state] = count;
    return counts;
  }

  /** Notes that somebody has seen it. @throws NOT_FOUND */
  acknowledge(id: string, by: string, at: string): KeptAlert {
    const alert = this.#find(id);
    if (alert === null) {
      throw new AssayError('NOT_FOUND', `there is no alert ${id.slice(0, 40)}`, { next: 'see /v1/alerts' });
    }
    const after = acknowledge(alert, by, at);
    this.#save(id, after);
    return { id, ...after };
  }

  #credibility({ stream, observation, quality, checkedAt }: VerdictPredicate): Signal {
    const before = this.#sql.one<{ mean: string }>('SELECT mean FROM credibility WHERE stream = ?', stream);
    const { mean, signal } = credibilityDrop(stream, before?.mean ?? null, quality.credibility, checkedAt);
    this.#sql.run('INSERT OR REPLACE INTO credibility (stream, mean) VALUES (?, ?)', stream, mean);
    return { ...signal, observation };
  }

  #find(id: string): Alert | null {
    const row = this.#sql.one<{ alert: string }>('SELECT alert FROM alerts WHERE id = ?', id);
    return row ? (JSON.parse(row.alert) as Alert) : null;
  }

  #save(id: string, alert: Alert): void {
    this.#sql.run(
      'INSERT OR REPLACE INTO alerts (id, state, last_at, alert) VALUES (?, ?, ?, ?)',
      id,
      alert.state,
      alert.lastAt,
      JSON.stringify(alert),
    );
    this.#sql.run(
      `DELETE FROM alerts WHERE id IN (SELECT id FROM alerts ORDER BY state != 'recovered', last_at
         LIMIT max(0, (SELECT count(*) FROM alerts) - ?))`,
      MAX_ALERTS,
    );
  }
}

/** One alert a stream and check. */
function idOf({ stream, check }: Pick<Signal, 'stream' | 'check'>): string {
  return digestHex(utf8(`${stream}\n${check}`)).slice(0, 16);
}
