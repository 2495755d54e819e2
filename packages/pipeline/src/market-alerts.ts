import { setImmediate } from 'node:timers/promises';
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
import type { AlertBook, KeptAlert } from './alert-book.ts';
import type { AlertOutbox } from './alert-outbox.ts';
import type { Catalogue } from './catalogue.ts';
import { figureStream } from './derive-figures.ts';
import type { MarketView } from './market-view.ts';
import type { Pipeline } from './pipeline.ts';
import type { Sql } from './sql.ts';

const DAY_MS = 86_400_000;
/** Open alerts that a rule about incidents is asked about when it is put in force. */
const MAX_OPEN = 1_000;
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

/**
 * Rules about figures: what they say of the latest day opens and ends alerts, and owes messages to people. Rules about
 * incidents pick from the alerts that the checks of the data raise.
 */
export class MarketAlerts {
  readonly #sql: Sql;
  readonly #market: Pick<MarketView, 'rows'>;
  readonly #pipeline: Pick<Pipeline, 'note'>;
  readonly #book: AlertBook;
  readonly #outbox: AlertOutbox;
  readonly #nowMs: () => number;
  readonly #isNews: (alert: KeptAlert) => boolean;

  /** @param options.isNews whether an incident is of now: what a history that is read in shows is no news. */
  constructor(options: {
    catalogue: Catalogue;
    market: Pick<MarketView, 'rows'>;
    pipeline: Pick<Pipeline, 'note'>;
    book: AlertBook;
    outbox: AlertOutbox;
    nowMs: () => number;
    isNews?: (alert: KeptAlert) => boolean;
  }) {
    this.#sql = options.catalogue.sql;
    this.#market = options.market;
    this.#pipeline = options.pipeline;
    this.#book = options.book;
    this.#outbox = options.outbox;
    this.#nowMs = options.nowMs;
    this.#isNews = options.isNews ?? (() => true);
    this.#sql.make(SCHEMA);
    this.#book.onIncident((alert) => this.incident(alert));
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
    const before = rules.find(({ id }) => id === rule.id);
    this.#sql.transaction(() => {
      this.#sql.run(
        'INSERT OR REPLACE INTO alert_rules (id, rule) VALUES (?, ?)',
        rule.id,
        JSON.stringify(rule),
      );
      this.#outbox.drop(rule.id, { except: rule.enabled ? rule.target : null });
      if (before && (!rule.enabled || before.figure !== rule.figure)) this.#withdraw(rule.id, 'was changed');
    });
    return { rule, preview: this.#preview(rule) };
  }

  /** Takes a rule away, with its alerts and what it still owes; a built-in one is then as it was. @throws NOT_FOUND */
  remove(id: string): void {
    if (!this.#sql.one('SELECT 1 AS found FROM alert_rules WHERE id = ?', id)) {
      throw new AssayError('NOT_FOUND', `there is no rule of your own named ${id.slice(0, 40)}`, {
        next: 'a built-in rule can be changed or disabled, not taken away',
      });
    }
    this.#sql.transaction(() => {
      this.#sql.run('DELETE FROM alert_rules WHERE id = ?', id);
      this.#outbox.drop(id);
      this.#withdraw(id, 'was taken away');
    });
  }

  /** Nobody would ever say that what a rule asked for is over. */
  #withdraw(rule: string, why: string): void {
    this.#book.withdraw(
      (alert) => !isIncident(alert) && alert.check.startsWith(`${rule}:`),
      new Date(this.#nowMs()).toISOString().replace(/\.\d+Z$/, 'Z'),
      `the rule ${why}`,
    );
  }

  /**
   * Asks every rule about the latest day, and rules about incidents about those that are open. Alerts and the messages
   * about them are durable together, and the same day asked again owes nothing twice.
   */
  async evaluate(): Promise<KeptAlert[]> {
    const enabled = this.rules().filter((rule) => rule.enabled);
    const byCheck = new Map<string, AlertRule>();
    const signals: Signal[] = [];
    for (const rule of enabled) {
      if (rule.figure === 'incidents') continue;
      // Others want the processor too: 200 rules about 6,000 assets take a while.
      await setImmediate();
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
      // Who puts a rule in force is told of what is open already.
      for (const alert of this.#book.list({ state: 'open', limit: MAX_OPEN })) {
        const rule = byCheck.get(alert.check);
        if (rule) this.#outbox.post(alert, rule, this.#nowMs());
        else if (isIncident(alert)) this.incident(alert);
      }
    });
  }

  /** Owes messages to whoever asked to be told of incidents in the data itself. Within the alert's transaction. */
  incident(alert: KeptAlert): void {
    const rules = this.rules().filter(({ figure, enabled }) => enabled && figure === 'incidents');
    if (rules.length === 0 || !this.#isNews(alert)) return;
    for (const rule of rules)
      if (evaluateRule(compileRule(rule.expression), alert, null).status === 'fail')
        this.#outbox.post(alert, rule, this.#nowMs());
  }

  #preview(rule: AlertRule): RulePreview {
    const counts: RulePreview = { fail: 0, pass: 0, unknown: 0, why: null };
    const answers = rule.figure === 'incidents' ? this.#askIncidents(rule) : this.#ask(rule);
    for (const { answer } of answers) {
      counts[answer.status] += 1;
      if (answer.status === 'unknown') counts.why ??= answer.reason;
    }
    return counts;
  }

  *#askIncidents({ expression }: AlertRule) {
    const rule = compileRule(expression);
    for (const alert of this.#book.list({ state: 'open', limit: MAX_OPEN }))
      if (isIncident(alert)) yield { answer: evaluateRule(rule, alert, null) };
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

/** Whether a check of the data raised it, and no rule: those name the key that they are about. */
function isIncident({ stream, check }: KeptAlert): boolean {
  return !(stream.startsWith('assay.market.') && check.includes(':'));
}

function keyOf(row: FigureRows[FigureName]): string {
  const { asset, narrative, index, guide, grade, horizonDays } = row as unknown as Record<string, unknown>;
  return [narrative ?? index ?? guide ?? asset, grade, asset ? null : horizonDays].filter(Boolean).join('.');
}

function dayBefore(time: string): string {
  return new Date(Date.parse(time) - DAY_MS).toISOString().replace('.000', '');
}
