import { AssayError, excerpt } from '@assay/core';
import type { Literal } from './cells.ts';
import { literalOf } from './cells.ts';

/** Which rows a rule is about. Read by a parser of its own; nothing of it is ever run as code. */
export type Condition =
  | { kind: 'compare'; column: string; operator: Operator; literal: Literal }
  | { kind: 'columns'; column: string; operator: Operator; other: string }
  | { kind: 'in'; column: string; literals: Literal[]; not: boolean }
  | { kind: 'null'; column: string; not: boolean }
  | { kind: 'and' | 'or'; parts: Condition[] }
  | { kind: 'not'; part: Condition };

export type Operator = '==' | '!=' | '<' | '<=' | '>' | '>=';

/**
 * What a comparison with null is: in pandas it is false (and `!=` true), in SQL it is unknown, which chooses no row.
 */
export type NullLogic = 'pandas' | 'sql';

export interface RowCondition {
  condition: Condition;
  logic: NullLogic;
  /** As it stands in the contract. */
  text: string;
}

const PARSERS: Record<string, NullLogic> = {
  pandas: 'pandas',
  python: 'pandas',
  spark: 'sql',
  great_expectations: 'sql',
  great_expectations__experimental__: 'sql',
};
const OPERATORS: Record<string, Operator> = {
  '==': '==',
  '=': '==',
  '!=': '!=',
  '<>': '!=',
  '<': '<',
  '<=': '<=',
  '>': '>',
  '>=': '>=',
};
const MAX_LENGTH = 4_000;
const MAX_DEPTH = 100;

/**
 * Reads `row_condition` and `condition_parser` as Great Expectations has them: a text in the manner of
 * `DataFrame.query` (`region == "EU" and price > 3`), of Spark SQL (`region = 'EU' AND price IS NOT NULL`), or of its own
 * (`col("price").notNull()`), or the objects of its version 1.
 *
 * @throws CONTRACT_INVALID with what was expected at which character.
 */
export function readCondition(value: unknown, parser: unknown): RowCondition {
  if (typeof value === 'object' && value !== null) {
    return {
      condition: readObject(value, 0),
      logic: 'sql',
      text: JSON.stringify(value).slice(0, MAX_LENGTH),
    };
  }
  const logic = PARSERS[String(parser ?? 'pandas')];
  if (logic === undefined || !Object.hasOwn(PARSERS, String(parser ?? 'pandas'))) {
    throw invalid(
      `condition_parser: expected ${Object.keys(PARSERS).join(' or ')}, got ${excerpt(String(parser))}`,
    );
  }
  if (typeof value !== 'string' || value.trim() === '')
    throw invalid('expected a condition, got an empty one');
  if (value.length > MAX_LENGTH)
    throw invalid(`expected at most ${MAX_LENGTH} characters, got ${value.length}`);
  return { condition: new Reader(value).read(), logic, text: value };
}

/** The columns that a condition reads. */
export function conditionColumns(condition: Condition): string[] {
  switch (condition.kind) {
    case 'and':
    case 'or':
      return condition.parts.flatMap(conditionColumns);
    case 'not':
      return conditionColumns(condition.part);
    case 'columns':
      return [condition.column, condition.other];
    default:
      return [condition.column];
  }
}

function invalid(message: string): AssayError {
  return new AssayError('CONTRACT_INVALID', message, {
    next: 'write it like: region == "EU" and price > 3',
  });
}

function readObject(value: unknown, depth: number): Condition {
  if (depth > MAX_DEPTH) throw invalid(`expected at most ${MAX_DEPTH} nested conditions`);
  const object = value as Record<string, unknown>;
  const column = (member: unknown): string => {
    const name = typeof member === 'string' ? member : (member as { name?: unknown } | null)?.name;
    if (typeof name !== 'string') throw invalid('expected a column with its name');
    return name;
  };
  const operator = (): string => String(object.operator ?? '').toLowerCase();
  const compared = (): Operator => {
    if (!Object.hasOwn(OPERATORS, operator()))
      throw invalid(`expected an operator, got ${excerpt(operator())}`);
    return OPERATORS[operator()]!;
  };
  switch (object.type) {
    case 'and':
    case 'or':
      if (!Array.isArray(object.conditions) || object.conditions.length === 0)
        throw invalid('expected a list of conditions');
      return { kind: object.type, parts: object.conditions.map((part) => readObject(part, depth + 1)) };
    case 'nullity':
      return { kind: 'null', column: column(object.column), not: object.is_null !== true };
    case 'column_comparison':
      return {
        kind: 'columns',
        column: column(object.column),
        operator: compared(),
        other: column(object.other_column),
      };
    case 'comparison': {
      const name = column(object.column);
      if (['in', 'not in', 'not_in'].includes(operator())) {
        if (!Array.isArray(object.parameter)) throw invalid('expected a list of values');
        return {
          kind: 'in',
          column: name,
          literals: object.parameter.map(literal),
          not: operator() !== 'in',
        };
      }
      return { kind: 'compare', column: name, operator: compared(), literal: literal(object.parameter) };
    }
    default:
      throw invalid(
        `expected a condition of type comparison, column_comparison, nullity, and, or; got ${excerpt(String(object.type))}`,
      );
  }
}

function literal(value: unknown): Literal {
  const read = literalOf(value);
  if (read === undefined) throw invalid('expected a number, a text, true, false or null');
  return read;
}

type Token = { at: number } & (
  | { kind: 'name'; text: string; quoted: boolean }
  | { kind: 'literal'; literal: Literal; text: string }
  | { kind: 'sign'; text: string }
);

const TOKEN =
  /\s+|(?<number>[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d{1,3})?)|"(?<double>(?:[^"\\]|\\.)*)"|'(?<single>(?:[^'\\]|\\.)*)'|`(?<quoted>[^`]+)`|(?<name>[\p{L}_][\p{L}\p{N}_]*)|(?<sign>==|!=|<>|<=|>=|&&|\|\||[=<>&|~()[\],.])/uy;

function tokens(text: string): Token[] {
  const found: Token[] = [];
  TOKEN.lastIndex = 0;
  for (let at = 0; at < text.length; at = TOKEN.lastIndex) {
    TOKEN.lastIndex = at;
    const groups = TOKEN.exec(text)?.groups;
    if (!groups)
      throw invalid(
        `${excerpt(text)}: nothing is known that begins with ${excerpt(text.slice(at, at + 12))}, at character ${at + 1}`,
      );
    const { number, double, single, quoted, name, sign } = groups;
    const string = double ?? single;
    if (number !== undefined) found.push({ at, kind: 'literal', literal: numberOf(number), text: number });
    else if (string !== undefined) {
      const unescaped = string.replace(/\\(.)/gu, '$1');
      found.push({ at, kind: 'literal', literal: unescaped, text: unescaped });
    } else if (quoted !== undefined) found.push({ at, kind: 'name', text: quoted, quoted: true });
    else if (name !== undefined) found.push({ at, kind: 'name', text: name, quoted: false });
    else if (sign !== undefined) found.push({ at, kind: 'sign', text: sign });
  }
  return found;
}

function numberOf(text: string): Literal {
  return literalOf(Number(text)) ?? null;
}

/** One method a level of the grammar: or, and, not, comparison. */
class Reader {
  readonly #text: string;
  readonly #tokens: Token[];
  #at = 0;
  #depth = 0;

  constructor(text: string) {
    this.#text = text;
    this.#tokens = tokens(text);
  }

  read(): Condition {
    const condition = this.#or();
    if (this.#at < this.#tokens.length) throw this.#expected('and, or, or the end');
    return condition;
  }

  #or(): Condition {
    const parts = [this.#and()];
    while (this.#take('or', '|', '||')) parts.push(this.#and());
    return parts.length === 1 ? parts[0]! : { kind: 'or', parts };
  }

  #and(): Condition {
    const parts = [this.#not()];
    while (this.#take('and', '&', '&&')) parts.push(this.#not());
    return parts.length === 1 ? parts[0]! : { kind: 'and', parts };
  }

  #not(): Condition {
    if (++this.#depth > MAX_DEPTH) throw invalid(`expected at most ${MAX_DEPTH} nested conditions`);
    try {
      if (this.#take('not', '~')) return { kind: 'not', part: this.#not() };
      if (this.#take('(')) {
        const inner = this.#or();
        this.#need(')');
        return inner;
      }
      return this.#comparison();
    } finally {
      this.#depth--;
    }
  }

  #comparison(): Condition {
    const first = this.#operand();
    if (first.column !== undefined) {
      const special = this.#special(first.column);
      if (special) return special;
    }
    const parts: Condition[] = [];
    let left = first;
    for (;;) {
      const next = this.#tokens[this.#at];
      const operator =
        next?.kind === 'sign' && Object.hasOwn(OPERATORS, next.text) ? OPERATORS[next.text] : undefined;
      if (operator === undefined) break;
      this.#at++;
      const right = this.#operand();
      parts.push(this.#compare(left, operator, right));
      // 0 < x <= 5
      left = right;
    }
    if (parts.length === 0) throw this.#expected('a comparison');
    return parts.length === 1 ? parts[0]! : { kind: 'and', parts };
  }

  /** What follows a column besides a comparison: `.isnull()`, `is not null`, `in [...]`, `between`. */
  #special(column: string): Condition | undefined {
    if (this.#take('.')) {
      const method = this.#name().toLowerCase().replaceAll('_', '');
      this.#need('(');
      const methods = ['isnull', 'isna', 'notnull', 'notna', 'isnotnull'];
      if (!methods.includes(method)) {
        if (method !== 'isin') throw this.#expected(`${methods.join(', ')} or isin`);
        const literals = this.#list();
        this.#need(')');
        return { kind: 'in', column, literals, not: false };
      }
      this.#need(')');
      return { kind: 'null', column, not: method.includes('not') };
    }
    if (this.#take('is')) {
      const not = this.#take('not');
      if (!this.#take('null', 'none')) throw this.#expected('null');
      return { kind: 'null', column, not };
    }
    const before = this.#at;
    const not = this.#take('not');
    if (this.#take('in')) return { kind: 'in', column, literals: this.#list(), not };
    if (this.#take('between')) {
      const low = this.#literal();
      if (!this.#take('and')) throw this.#expected('and');
      const within: Condition = {
        kind: 'and',
        parts: [
          { kind: 'compare', column, operator: '>=', literal: low },
          { kind: 'compare', column, operator: '<=', literal: this.#literal() },
        ],
      };
      return not ? { kind: 'not', part: within } : within;
    }
    this.#at = before;
    return undefined;
  }

  #list(): Literal[] {
    const close = this.#take('[') ? ']' : ')';
    if (close === ')') this.#need('(');
    const literals: Literal[] = [];
    while (!this.#take(close)) {
      literals.push(this.#literal());
      if (!this.#take(',')) {
        this.#need(close);
        break;
      }
    }
    return literals;
  }

  #literal(): Literal {
    const operand = this.#operand();
    if (operand.column !== undefined)
      throw invalid(`${excerpt(this.#text)}: expected a value, got the column ${excerpt(operand.column)}`);
    return operand.literal;
  }

  #compare(left: Operand, operator: Operator, right: Operand): Condition {
    if (left.column !== undefined && right.column !== undefined) {
      return { kind: 'columns', column: left.column, operator, other: right.column };
    }
    if (left.column !== undefined) return this.#value(left.column, operator, right.literal ?? null);
    if (right.column !== undefined) return this.#value(right.column, MIRRORED[operator], left.literal);
    throw invalid(`${excerpt(this.#text)}: expected a column in each comparison`);
  }

  #value(column: string, operator: Operator, value: Literal): Condition {
    // `x == None` chooses nothing in pandas and in SQL; whoever writes it means the null.
    if (value === null && (operator === '==' || operator === '!=')) {
      return { kind: 'null', column, not: operator === '!=' };
    }
    return { kind: 'compare', column, operator, literal: value };
  }

  #operand(): Operand {
    const token = this.#tokens[this.#at++];
    if (token?.kind === 'literal') return { literal: token.literal };
    if (token?.kind === 'name') {
      const word = token.quoted ? '' : token.text.toLowerCase();
      if (['true', 'false'].includes(word)) return { literal: word === 'true' };
      if (['none', 'null', 'nan'].includes(word)) return { literal: null };
      if ((word === 'col' || word === 'date' || word === 'timestamp') && this.#take('(')) {
        const inner = this.#tokens[this.#at++];
        if (inner?.kind !== 'literal' || typeof inner.literal !== 'string')
          throw this.#expected('a text in quotes');
        this.#need(')');
        return word === 'col' ? { column: inner.literal } : { literal: inner.literal };
      }
      return { column: token.text };
    }
    this.#at--;
    throw this.#expected('a column or a value');
  }

  #name(): string {
    const token = this.#tokens[this.#at++];
    if (token?.kind === 'name') return token.text;
    this.#at--;
    throw this.#expected('a name');
  }

  #take(...words: string[]): boolean {
    const token = this.#tokens[this.#at];
    if (token === undefined || token.kind === 'literal' || (token.kind === 'name' && token.quoted))
      return false;
    if (!words.includes(token.kind === 'name' ? token.text.toLowerCase() : token.text)) return false;
    this.#at++;
    return true;
  }

  #need(sign: string): void {
    if (!this.#take(sign)) throw this.#expected(sign);
  }

  #expected(what: string): AssayError {
    const token = this.#tokens[this.#at];
    const got = token ? `${excerpt(token.text)} at character ${token.at + 1}` : 'the end';
    return invalid(`${excerpt(this.#text)}: expected ${what}, got ${got}`);
  }
}

type Operand = { column: string; literal?: undefined } | { column?: undefined; literal: Literal };

const MIRRORED: Record<Operator, Operator> = {
  '==': '==',
  '!=': '!=',
  '<': '>',
  '<=': '>=',
  '>': '<',
  '>=': '<=',
};
