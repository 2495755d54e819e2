import type { Signal } from '@assay/checks/review';
import { AssayError } from '@assay/core';
import type { FigureName, FigureRows } from '@assay/market';
import {
  type AlertRule,
  BUILT_IN_RULES,
  compileRule,
  evaluateRule,
  MAX_RULES,
  parseAlertRule,
} from '@assay/market/alerts';
import type { KeptAlert } from './alert-book.ts';
import type { AlertOutbox } from './alert-outbox.ts';
import type { Catalogue } from './catalogue.ts';
import { figureStream } from './derive-figures.ts';
import type { MarketView } from './market-view.ts';
import type { Pipeline } from './pipeline.ts';
import type { Sql } from './sql.ts';

const DAY_MS = 86_400_000;
const SCHEMA =
  'CREATE TABLE IF NOT EXISTS alert_rules (id TEXT PRIMARY KEY, rule TEXT NOT NULL) WITHOUT ROWID;';

/** How a rule would have answered on the latest day. */
export interface RulePreview {
  fail: number;
  pass: number;
  unknown: number;
  /** One reason of an unknown, so that a mistyped member is seen at once. */
  why: string | null;
}

/** Rules about figures: what they say of the latest day opens and ends alerts, and owes messages to people. */
export class MarketAlerts {
  readonly #sql: Sql;
  readonly #market: Pick<MarketView, 'rows'>;
  readonly #pipeline: Pick<Pipeline, 'note'>;
  readonly #outbox: AlertOutbox;
  readonly #nowMs: () => number;

  constructor(options: {
    catalogue: Catalogue;
    market: Pick<MarketView, 'rows'>;
    pipeline: Pick<Pipeline, 'note'>;
    outbox: AlertOutbox;
    nowMs: () => number;
  }) {
    this.#sql = options.catalogue.sql;
    this.#market = options.market;
    this.#pipeline = options.pipeline;
    this.#outbox = options.outbox;
    this.#nowMs = options.nowMs;
    this.#sql.make(SCHEMA);
  }

  /** Rules of people, and the built-in ones as they were changed. */
  rules(): AlertRule[] {
    const own = new Map(
      this.#sql
        .all<{ rule: string }>('SELECT rule FROM alert_rules ORDER BY id')
        .map(({ rule }) => JSON.parse(rule) as AlertRule)
        .map((rule) => [rule.id, rule]),
    );
    const built = BUILT_IN_RULES.map((rule) => own.get(rule.id) ?? rule);
    const others = [...own.values()].filter(({ id }) => !BUILT_IN_RULES.some((rule) => rule.id === id));
    return [...built, ...others];
  }

  /**
   * Puts a rule in force, in place of one with the same id.
   *
   * @throws ARGUMENT_INVALID for what is no rule, and for one too many.
   */
  put(input: unknown): { rule: AlertRule; preview: RulePreview } {
    const rule = parseAlertRule(input);
    const rules = this.rules();
    if (rules.length >= MAX_RULES && !rules.some(({ id }) => id === rule.id)) {
      throw new AssayError('ARGUMENT_INVALID', `expected at most ${MAX_RULES} rules`, {
        next: 'take one away first',
      });
    }
    this.#sql.run(
      'INSERT OR REPLACE INTO alert_rules (id, rule) VALUES (?, ?)',
      rule.id,
      JSON.stringify(rule),
    );
    return { rule, preview: this.#preview(rule) };
  }

  /** Takes a rule away; a built-in one is then as it was. @throws NOT_FOUND */
  remove(id: string): void {
    if (!this.#sql.one('SELECT 1 AS found FROM alert_rules WHERE id = ?', id)) {
      throw new AssayError('NOT_FOUND', `there is no rule of your own named ${id.slice(0, 40)}`, {
        next: 'a built-in rule can be changed or disabled, not taken away',
      });
    }
    this.#sql.run('DELETE FROM alert_rules WHERE id = ?', id);
  }

  /** Asks every rule about the latest day. Alerts and the messages about them are durable together. */
  async evaluate(): Promise<KeptAlert[]> {
    const rules = this.rules().filter(({ enabled, figure }) => enabled && figure !== 'incidents');
    const byCheck = new Map<string, AlertRule>();
    const signals: Signal[] = [];
    for (const rule of rules) {
      for (const { key, row, answer } of this.#ask(rule)) {
        const check = `${rule.id}:${key}`;
        byCheck.set(check, rule);
        signals.push({
          ...{ stream: figureStream(rule.figure as FigureName), check, status: answer.status },
          severity: rule.severity,
          reason: `${key}: ${rule.name} (${answer.reason})`,
          at: new Date(Date.parse(row.time) + DAY_MS).toISOString().replace('.000', ''),
          observation: row.proof.record,
        });
      }
    }
    return this.#pipeline.note(signals, (changed) => {
      for (const alert of changed) this.#outbox.post(alert, byCheck.get(alert.check)!, this.#nowMs());
    });
  }

  /** Owes messages to whoever asked to be told of incidents in the data itself. Within the alert's transaction. */
  incident(alert: KeptAlert): void {
    for (const rule of this.rules()) {
      if (rule.figure !== 'incidents' || !rule.enabled) continue;
      if (evaluateRule(compileRule(rule.expression), alert, null).status === 'fail')
        this.#outbox.post(alert, rule, this.#nowMs());
    }
  }

  #preview(rule: AlertRule): RulePreview {
    const counts: RulePreview = { fail: 0, pass: 0, unknown: 0, why: null };
    if (rule.figure === 'incidents') return counts;
    for (const { answer } of this.#ask(rule)) {
      counts[answer.status] += 1;
      if (answer.status === 'unknown') counts.why ??= answer.reason;
    }
    return counts;
  }

  *#ask({ figure, expression }: AlertRule) {
    const name = figure as FigureName;
    const rows = this.#market.rows(name);
    const [latest] = rows;
    if (!latest) return;
    const previous = new Map(
      this.#market
        .rows(name, { from: dayBefore(latest.time), to: latest.time })
        .map((row) => [keyOf(row), row]),
    );
    const rule = compileRule(expression);
    for (const row of rows) {
      const key = keyOf(row);
      yield { key, row, answer: evaluateRule(rule, row, previous.get(key) ?? null) };
    }
  }
}

function keyOf(row: FigureRows[FigureName]): string {
  const { asset, narrative, index, guide, grade, horizonDays } = row as unknown as Record<string, unknown>;
  return [narrative ?? index ?? guide ?? asset, grade, asset ? null : horizonDays].filter(Boolean).join('.');
}

function dayBefore(time: string): string {
  return new Date(Date.parse(time) - DAY_MS).toISOString().replace('.000', '');
}
