import { AssayError } from '@assay/core';
import type { FigureName } from '../rows.ts';
import { compileRule } from './evaluate-rule.ts';
import { isTimeOfDay, isTimeZone, type QuietHours } from './quiet-hours.ts';

/** Whose rows a rule looks at; `incidents` are the alerts that the checks of the data raise. */
export const RULE_FIGURES = [
  'prices',
  'grades',
  'signals',
  'risk',
  'levels',
  'narratives',
  'indices',
  'sentiment',
  'evaluation',
  'assets',
  'incidents',
] as const satisfies readonly (FigureName | 'incidents')[];
export type RuleFigure = (typeof RULE_FIGURES)[number];

export const CHANNELS = ['console', 'webhook', 'email'] as const;

/** When somebody is to be told, of what, and how. */
export interface AlertRule {
  /** Letters, digits and hyphens. */
  id: string;
  name: string;
  figure: RuleFigure;
  /** In the Common Expression Language, over `row` and `before` (the same key's row of the day before, or null). */
  expression: string;
  severity: 'warning' | 'critical';
  channel: (typeof CHANNELS)[number];
  /** Address of the webhook or mailbox; null for the console. */
  target: string | null;
  /** Messages wait until these are over; critical ones do not. */
  quietHours: QuietHours | null;
  /** Least time between two messages about the same thing. */
  cooldownMinutes: number;
  enabled: boolean;
}

export const MAX_RULES = 200;
const MAX_EXPRESSION = 1_000;
const MEMBERS = [
  'id',
  'name',
  'figure',
  'expression',
  'severity',
  'channel',
  'target',
  'quietHours',
  'cooldownMinutes',
  'enabled',
];

/**
 * Reads a rule of unknown origin.
 *
 * @throws ARGUMENT_INVALID naming the member, what was expected and what came.
 * @example parseAlertRule({ id: 'btc', name: 'BTC is strong', figure: 'grades', expression: 'row.asset == "BTC" && row.trader.grade > 80' });
 */
export function parseAlertRule(input: unknown): AlertRule {
  if (typeof input !== 'object' || input === null || Array.isArray(input))
    throw invalid('rule', 'an object', input);
  const rule = input as Record<string, unknown>;
  for (const member of Object.keys(rule))
    if (!MEMBERS.includes(member)) throw invalid(member, `one of ${MEMBERS.join(', ')}`, member);
  const { id, name, figure, expression } = rule;
  const { severity = 'warning', channel = 'console', target = null, quietHours = null } = rule;
  const { cooldownMinutes = 60, enabled = true } = rule;
  if (typeof id !== 'string' || !/^[a-z0-9][a-z0-9-]{0,39}$/.test(id))
    throw invalid('id', 'up to 40 small letters, digits and hyphens', id);
  if (typeof name !== 'string' || name.trim() === '' || name.length > 120 || !isPrintable(name))
    throw invalid('name', 'one line of text of up to 120 characters', name);
  if (!RULE_FIGURES.includes(figure as RuleFigure))
    throw invalid('figure', `one of ${RULE_FIGURES.join(', ')}`, figure);
  if (typeof expression !== 'string' || expression.length > MAX_EXPRESSION)
    throw invalid('expression', `a text of up to ${MAX_EXPRESSION} characters`, expression);
  compileRule(expression);
  if (severity !== 'warning' && severity !== 'critical')
    throw invalid('severity', 'warning or critical', severity);
  if (!CHANNELS.includes(channel as AlertRule['channel']))
    throw invalid('channel', `one of ${CHANNELS.join(', ')}`, channel);
  checkTarget(channel as AlertRule['channel'], target);
  if (
    !Number.isSafeInteger(cooldownMinutes) ||
    Number(cooldownMinutes) < 0 ||
    Number(cooldownMinutes) > 43_200
  )
    throw invalid('cooldownMinutes', 'a whole number from 0 to 43200', cooldownMinutes);
  if (typeof enabled !== 'boolean') throw invalid('enabled', 'true or false', enabled);
  return {
    ...{ id, name, figure: figure as RuleFigure, expression, severity, enabled },
    channel: channel as AlertRule['channel'],
    target: target as string | null,
    quietHours: readQuietHours(quietHours),
    cooldownMinutes: Number(cooldownMinutes),
  };
}

/** Names stand in mails' subjects and on screens: no line breaks, and nothing that turns the text around it. */
function isPrintable(text: string): boolean {
  return text.isWellFormed() && !/[\p{Cc}\u2028\u2029\u202a-\u202e\u2066-\u2069]/u.test(text);
}

function checkTarget(channel: AlertRule['channel'], target: unknown): void {
  if (channel === 'console') {
    if (target !== null) throw invalid('target', 'null for the console', target);
    return;
  }
  if (typeof target !== 'string' || target.length > 500)
    throw invalid('target', `an address for ${channel}`, target);
  if (channel === 'email') {
    // Line breaks in an address would let it write headers.
    if (!/^[^\s@<>,;"]{1,64}@[A-Za-z0-9.-]{1,190}$/.test(target))
      throw invalid('target', 'one mail address', target);
    return;
  }
  const url = URL.parse(target);
  if (!url || !['https:', 'http:'].includes(url.protocol) || url.username !== '' || url.password !== '')
    throw invalid('target', 'an https address without a password in it', target);
}

function readQuietHours(input: unknown): QuietHours | null {
  if (input === null) return null;
  const {
    from,
    to,
    zone = 'UTC',
    ...others
  } = (typeof input === 'object' ? input : {}) as Record<string, unknown>;
  if (!isTimeOfDay(from) || !isTimeOfDay(to) || from === to || Object.keys(others).length > 0)
    throw invalid('quietHours', '{ "from": "22:00", "to": "07:00", "zone": "UTC" }', input);
  if (!isTimeZone(zone)) throw invalid('quietHours.zone', 'a time zone like Europe/Berlin', zone);
  return { from, to, zone };
}

function invalid(member: string, expected: string, got: unknown): AssayError {
  const shown = got === undefined ? 'nothing' : JSON.stringify(got).slice(0, 120);
  return new AssayError('ARGUMENT_INVALID', `${member}: expected ${expected}, got ${shown}`, {
    next: 'correct the rule; docs/alerts.md has examples',
  });
}
