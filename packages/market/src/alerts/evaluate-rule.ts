import { AssayError, isDecimal } from '@assay/core';
import { Environment } from '@marcbachmann/cel-js';

/** What a rule says about one row. */
export interface AlertAnswer {
  /** fail: what the rule asks for is so; unknown: a value that it needs is not known. */
  status: 'pass' | 'fail' | 'unknown';
  reason: string;
}

/** A rule's expression, ready to be asked. */
export interface CompiledRule {
  expression: string;
  ask: (context: { row: unknown; before: unknown }) => unknown;
  /** Members that it names, for the reason. */
  paths: readonly string[];
}

/** Members that are texts even where they look like numbers: there are tickers like 1INCH, and one day one named 1. */
const TEXTS: ReadonlySet<string> = new Set([
  'asset',
  'symbol',
  'name',
  'narrative',
  'index',
  'guide',
  'stream',
  'check',
]);

const environment = new Environment({
  unlistedVariablesAreDyn: false,
  limits: { maxAstNodes: 300, maxDepth: 30, maxListElements: 100, maxMapEntries: 20, maxCallArguments: 10 },
})
  .registerVariable('row', 'dyn')
  .registerVariable('before', 'dyn')
  .registerFunction('abs(double): double', (value: number) => Math.abs(value));

/** Macros that go through a list. */
const MACROS: ReadonlySet<unknown> = new Set(['all', 'exists', 'exists_one', 'map', 'filter']);

/**
 * Reads an expression of the Common Expression Language over `row` and `before`. It cannot call out or change anything,
 * and ends soon: refused are patterns (`matches`), some of which take for ever, `cel.bind`, with which a text doubles
 * at every step, and a list within a list (`exists` in `exists`), which takes 20 ms five deep and an hour ten deep.
 *
 * @throws ARGUMENT_INVALID with what the language says of it.
 */
export function compileRule(expression: string): CompiledRule {
  try {
    const ask = environment.parse(expression);
    refuseCostly(ask.ast);
    const checked = ask.check();
    if (!checked.valid) throw checked.error;
    if (checked.type !== 'bool' && checked.type !== 'dyn')
      throw new Error(`it gives ${checked.type}, not true or false`);
    const paths = [
      ...new Set([...expression.matchAll(/\b(?:row|before)(?:\.[A-Za-z_]\w*)+/g)].map(([path]) => path)),
    ];
    // Of `row.trader != null && row.trader.change > 5` a reader wants the change, not all of the trader's members.
    const longest = paths.filter((path) => !paths.some((other) => other.startsWith(`${path}.`)));
    return { expression, ask, paths: longest.slice(0, 6) };
  } catch (error) {
    throw invalid(expression, (error as Error).message.split('\n')[0]!);
  }
}

/** Before the macros are expanded, every call stands in the tree by its name. */
function refuseCostly(node: unknown, within: string | null = null): void {
  if (Array.isArray(node)) for (const one of node) refuseCostly(one, within);
  if (typeof node !== 'object' || node === null || !('op' in node)) return;
  const { op, args } = node as { op: string; args: unknown };
  if (op !== 'rcall' && op !== 'call') {
    refuseCostly(Array.isArray(args) ? args : [args], within);
    return;
  }
  const [name, ...parts] = args as [string, ...unknown[]];
  if (name === 'matches')
    throw new Error('matches() is not available: use contains(), startsWith() or endsWith()');
  if (name === 'bind') throw new Error('bind() is not available: write the value where it is used');
  if (op === 'call' || !MACROS.has(name)) {
    refuseCostly(parts, within);
    return;
  }
  if (within !== null) throw new Error(`${name}() within ${within}() is not available: ask about one list`);
  const [list, rest] = parts;
  refuseCostly(list, within);
  refuseCostly(rest, name);
}

/**
 * Asks a rule about a row. Decimal strings are numbers to it; a value that is not known makes the answer unknown,
 * which neither raises an alert nor ends one.
 *
 * @param before the same key's row of the day before, or null.
 * @example evaluateRule(compileRule('row.trader.grade > 80'), { trader: { grade: '81.5' } }, null).status; // 'fail'
 */
export function evaluateRule(rule: CompiledRule, row: object, before: object | null): AlertAnswer {
  const context = { row: numbered(row), before: before === null ? null : numbered(before) };
  try {
    const answer = rule.ask(context);
    if (typeof answer !== 'boolean')
      return { status: 'unknown', reason: `${rule.expression} is neither true nor false` };
    const said = rule.paths
      .map((path) => [path, at(context, path)] as const)
      // Plain values only: a whole member says nothing that its own members do not.
      .filter(([, value]) => typeof value !== 'object' || value === null)
      .map(([path, value]) => `${path} = ${shown(value)}`)
      .join(', ');
    return answer
      ? { status: 'fail', reason: said || rule.expression }
      : { status: 'pass', reason: `not so: ${said || rule.expression}` };
  } catch (error) {
    return { status: 'unknown', reason: (error as Error).message.split('\n')[0]! };
  }
}

/** The row with numbers instead of decimal strings. */
function numbered(value: unknown, name = ''): unknown {
  if (typeof value === 'string') return !TEXTS.has(name) && isDecimal(value) ? Number(value) : value;
  if (Array.isArray(value)) return value.map((item) => numbered(item, name));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, numbered(inner, key)]));
}

function at(context: Record<string, unknown>, path: string): unknown {
  let value: unknown = context;
  for (const name of path.split('.')) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, name)) return undefined;
    value = (value as Record<string, unknown>)[name];
  }
  return value;
}

function shown(value: unknown): string {
  return value === undefined || value === null ? 'unknown' : String(value).slice(0, 200);
}

function invalid(expression: string, why: string): AssayError {
  return new AssayError(
    'ARGUMENT_INVALID',
    `expression: ${why}, in ${JSON.stringify(expression.slice(0, 120))}`,
    {
      next: 'write it over row and before, for example: row.asset == "BTC" && row.trader.grade > 80; docs/alerts.md',
    },
  );
}
