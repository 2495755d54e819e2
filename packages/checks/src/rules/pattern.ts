import { AssayError, excerpt } from '@assay/core';

/**
 * A pattern that is searched for in linear time, whatever the text: no value in a file can make a check hang.
 *
 * The syntax is that of Python's `re`, which Great Expectations uses, without what needs backtracking (lookaround,
 * backreferences, possessive and atomic groups). `\d`, `\w` and `\s` are Unicode as in Python; `\b` knows ASCII words.
 * The same tree is written for RE2, which DuckDB has, and run here as a lazily built automaton.
 */
export interface Pattern {
  /** The pattern in RE2's syntax. */
  re2: string;
  /** Whether the text contains a match. */
  test(text: string): boolean;
}

/** Lookaround and the like: correct in Python, but not decided here. */
export class PatternUnsupported extends Error {}

const MAX_LENGTH = 2_000;
const MAX_REPEAT = 1_000;
const MAX_NODES = 20_000;
const MAX_STATES = 2_000;

/**
 * Reads a regular expression.
 *
 * @throws CONTRACT_INVALID when it is none; PatternUnsupported when it needs backtracking.
 * @example
 * readRegex('^[A-Z]{3}$').test('USD'); // true
 */
export function readRegex(source: string): Pattern {
  if (source.length > MAX_LENGTH) throw invalid(source, `at most ${MAX_LENGTH} characters`);
  return patternOf(new Reader(source).read());
}

/** Reads a pattern of SQL's LIKE: `%` is any text, `_` any one character. Upper and lower case differ. */
export function readLike(source: string): Pattern {
  if (source.length > MAX_LENGTH) throw invalid(source, `at most ${MAX_LENGTH} characters`);
  const any: Tree = { kind: 'set', js: '[^]', re2: '(?s:.)', fold: false };
  const items = [...source].map(
    (c): Tree =>
      c === '%' ? { kind: 'repeat', of: any, min: 0, max: null } : c === '_' ? any : literal(c, false),
  );
  return patternOf({
    kind: 'all',
    items: [{ kind: 'at', what: 'start' }, ...items, { kind: 'at', what: 'end' }],
  });
}

type Assertion = 'start' | 'end' | 'lastLine' | 'lineStart' | 'lineEnd' | 'word' | 'notWord';

type Tree =
  /** One character of a set, in both syntaxes. */
  | { kind: 'set'; js: string; re2: string; fold: boolean }
  | { kind: 'all'; items: Tree[] }
  | { kind: 'any'; items: Tree[] }
  | { kind: 'repeat'; of: Tree; min: number; max: number | null }
  | { kind: 'at'; what: Assertion };

const RE2_ASSERTION: Record<Assertion, string> = {
  start: '\\A',
  end: '\\z',
  // Python's `$` also matches before a newline that ends the text.
  lastLine: '(?:\\n?\\z)',
  lineStart: '(?m:^)',
  lineEnd: '(?m:$)',
  word: '\\b',
  notWord: '\\B',
};

// The Unicode white space that Python's str.isspace knows.
const SPACE =
  '\\t-\\r\\x{1c}-\\x{20}\\x{85}\\x{a0}\\x{1680}\\x{2000}-\\x{200a}\\x{2028}\\x{2029}\\x{202f}\\x{205f}\\x{3000}';
const CLASSES: Record<string, string> = { d: '\\p{Nd}', w: '\\p{L}\\p{N}_', s: SPACE };

function patternOf(tree: Tree): Pattern {
  const automaton = new Automaton(tree);
  return { re2: toRe2(tree), test: (text) => automaton.search(text) };
}

function toRe2(tree: Tree): string {
  switch (tree.kind) {
    case 'set':
      return tree.fold ? `(?i:${tree.re2})` : tree.re2;
    case 'all':
      return tree.items.map((item) => (item.kind === 'any' ? `(?:${toRe2(item)})` : toRe2(item))).join('');
    case 'any':
      return tree.items.map(toRe2).join('|');
    case 'repeat': {
      const { min, max } = tree;
      const times = max === null ? (min === 0 ? '*' : min === 1 ? '+' : `{${min},}`) : `{${min},${max}}`;
      return `(?:${toRe2(tree.of)})${times}`;
    }
    case 'at':
      return RE2_ASSERTION[tree.what];
  }
}

function literal(character: string, fold: boolean): Tree {
  const code = character.codePointAt(0)!.toString(16);
  return { kind: 'set', js: `[\\u{${code}}]`, re2: `\\x{${code}}`, fold };
}

function invalid(source: string, expected: string): AssayError {
  return new AssayError(
    'CONTRACT_INVALID',
    `expected a regular expression with ${expected}, got ${excerpt(source)}`,
    {
      next: 'write it as Python’s re module reads it',
    },
  );
}

/** Reads the text from left to right; each method reads one level of the grammar. */
class Reader {
  readonly #source: string;
  readonly #text: string[];
  #at = 0;
  #depth = 0;
  #flags = { i: false, s: false, m: false };

  constructor(source: string) {
    this.#source = source;
    this.#text = [...source];
  }

  read(): Tree {
    const global = /^\(\?([aimsu]+)\)/.exec(this.#source);
    if (global) {
      this.#setFlags(global[1]!);
      this.#at = global[0].length;
    }
    const tree = this.#alternatives();
    if (this.#at < this.#text.length) throw invalid(this.#source, 'balanced parentheses');
    return tree;
  }

  #setFlags(letters: string): void {
    for (const letter of letters) {
      if (letter === 'i' || letter === 's' || letter === 'm')
        this.#flags = { ...this.#flags, [letter]: true };
    }
  }

  #alternatives(): Tree {
    if (++this.#depth > 100) throw invalid(this.#source, 'at most 100 nested groups');
    const items = [this.#sequence()];
    while (this.#text[this.#at] === '|') {
      this.#at++;
      items.push(this.#sequence());
    }
    this.#depth--;
    return items.length === 1 ? items[0]! : { kind: 'any', items };
  }

  #sequence(): Tree {
    const items: Tree[] = [];
    for (;;) {
      const next = this.#text[this.#at];
      if (next === undefined || next === '|' || next === ')') return { kind: 'all', items };
      items.push(this.#repeats(this.#item()));
    }
  }

  #repeats(of: Tree): Tree {
    let tree = of;
    for (let again = false; ; again = true) {
      const next = this.#text[this.#at];
      let [min, max]: [number, number | null] = [0, null];
      if (next === '*') this.#at++;
      else if (next === '+') [min, this.#at] = [1, this.#at + 1];
      else if (next === '?') [max, this.#at] = [1, this.#at + 1];
      else {
        const counted = /^\{(\d*)(,?)(\d*)\}/.exec(this.#text.slice(this.#at, this.#at + 16).join(''));
        if (!counted || (counted[1] === '' && counted[3] === '')) return tree;
        min = Number(counted[1] || '0');
        max = counted[2] === '' ? min : counted[3] === '' ? null : Number(counted[3]);
        if (min > MAX_REPEAT || (max ?? 0) > MAX_REPEAT || (max !== null && max < min)) {
          throw invalid(this.#source, `counts up to ${MAX_REPEAT} in order`);
        }
        this.#at += counted[0].length;
      }
      if (again) throw invalid(this.#source, 'something between two quantifiers');
      if (this.#text[this.#at] === '?') this.#at++;
      else if (this.#text[this.#at] === '+') throw new PatternUnsupported('a possessive quantifier');
      tree = { kind: 'repeat', of: tree, min, max };
    }
  }

  #item(): Tree {
    const next = this.#text[this.#at++]!;
    switch (next) {
      case '(':
        return this.#group();
      case '[':
        return this.#set();
      case '.':
        return this.#flags.s
          ? { kind: 'set', js: '[^]', re2: '(?s:.)', fold: false }
          : { kind: 'set', js: '[^\\n]', re2: '[^\\n]', fold: false };
      case '^':
        return { kind: 'at', what: this.#flags.m ? 'lineStart' : 'start' };
      case '$':
        return { kind: 'at', what: this.#flags.m ? 'lineEnd' : 'lastLine' };
      case '\\':
        return this.#escape();
      case '*':
      case '+':
      case '?':
        throw invalid(this.#source, `something before ${next}`);
      default:
        return literal(next, this.#flags.i);
    }
  }

  #group(): Tree {
    const before = this.#flags;
    const rest = this.#text.slice(this.#at, this.#at + 64).join('');
    const head = /^\?(?::|P?<[A-Za-z_]\w*>|([aimsu]+):)/.exec(rest);
    if (head) {
      this.#at += head[0].length;
      if (head[1]) this.#setFlags(head[1]);
    } else if (rest.startsWith('?')) {
      if (/^\?([=!>(]|<[=!]|P[=>])/.test(rest)) {
        throw new PatternUnsupported('a lookaround, a conditional, an atomic group or a backreference');
      }
      throw invalid(this.#source, 'a known group after (?');
    }
    const tree = this.#alternatives();
    if (this.#text[this.#at++] !== ')') throw invalid(this.#source, 'balanced parentheses');
    this.#flags = before;
    return tree;
  }

  #escape(): Tree {
    const next = this.#text[this.#at++];
    if (next === undefined) throw invalid(this.#source, 'a character after \\');
    if (next === 'b' || next === 'B') return { kind: 'at', what: next === 'b' ? 'word' : 'notWord' };
    if (next === 'A') return { kind: 'at', what: 'start' };
    if (next === 'Z' || next === 'z') return { kind: 'at', what: 'end' };
    if (/[1-9]/.test(next)) throw new PatternUnsupported('a backreference');
    const shorthand = CLASSES[next.toLowerCase()];
    if (shorthand) {
      const not = next === next.toLowerCase() ? '' : '^';
      return { kind: 'set', js: js(`[${not}${shorthand}]`), re2: `[${not}${shorthand}]`, fold: false };
    }
    return literal(this.#escaped(next), this.#flags.i);
  }

  /** The one character that an escape stands for. */
  #escaped(next: string): string {
    const control = { n: '\n', t: '\t', r: '\r', f: '\f', v: '\v', a: '\u0007', 0: '\0' }[next];
    if (control !== undefined) return control;
    const digits = { x: 2, u: 4, U: 8 }[next];
    if (digits !== undefined) {
      const hex = this.#text.slice(this.#at, this.#at + digits).join('');
      const code = Number.parseInt(hex, 16);
      if (!/^[0-9a-fA-F]+$/.test(hex) || hex.length < digits || code > 0x10ffff) {
        throw invalid(this.#source, `${digits} hexadecimal digits after \\${next}`);
      }
      this.#at += digits;
      return String.fromCodePoint(code);
    }
    if (/[A-Za-z0-9]/.test(next)) throw invalid(this.#source, `an escape that Python knows, not \\${next}`);
    return next;
  }

  #set(): Tree {
    const not = this.#text[this.#at] === '^';
    if (not) this.#at++;
    let members = '';
    for (let first = true; ; first = false) {
      const next = this.#text[this.#at++];
      if (next === undefined) throw invalid(this.#source, 'a ] that ends the set');
      if (next === ']' && !first) break;
      const from = this.#member(next);
      const ranged = this.#text[this.#at] === '-' && ![undefined, ']'].includes(this.#text[this.#at + 1]);
      if (!ranged) {
        members += from.length > 1 && from.startsWith('\\') ? from : code(from);
        continue;
      }
      this.#at++;
      const to = this.#member(this.#text[this.#at++]!);
      if ([...from].length > 1 || [...to].length > 1 || from.codePointAt(0)! > to.codePointAt(0)!) {
        throw invalid(this.#source, 'a range from the lower to the higher character');
      }
      members += `${code(from)}-${code(to)}`;
    }
    const set = `[${not ? '^' : ''}${members}]`;
    return { kind: 'set', js: js(set), re2: set, fold: this.#flags.i };
  }

  /** A character, or a class as it stands in a set. */
  #member(next: string): string {
    if (next !== '\\') return next;
    const letter = this.#text[this.#at++];
    if (letter === undefined) throw invalid(this.#source, 'a character after \\');
    if (letter === 'b') return '\b';
    const shorthand = CLASSES[letter];
    if (shorthand) return shorthand;
    if (letter === 'D') return '\\P{Nd}';
    if (letter === 'W' || letter === 'S') throw new PatternUnsupported(`\\${letter} inside a set`);
    return this.#escaped(letter);
  }
}

function code(character: string): string {
  return `\\x{${character.codePointAt(0)!.toString(16)}}`;
}

/** A set of RE2 in JavaScript's spelling. */
function js(set: string): string {
  return set.replaceAll('\\x{', '\\u{');
}

/** What stands before or after a place in the text. */
const EDGE = 0;
const NEWLINE = 1;
const WORD = 2;
const OTHER = 3;
/** After the place: a newline that ends the text. */
const FINAL_NEWLINE = 4;
type Side = typeof EDGE | typeof NEWLINE | typeof WORD | typeof OTHER | typeof FINAL_NEWLINE;

type Node =
  | { kind: 'set'; matches: (character: string) => boolean; next: number }
  | { kind: 'split'; next: number[] }
  | { kind: 'at'; what: Assertion; next: number }
  | { kind: 'match' };

interface State {
  nodes: readonly number[];
  before: Side;
  /** By code point; -1 is not known yet. */
  ascii: Int32Array;
  wide: Map<number, number>;
}

const MATCHED = -2;
/** Stands for a newline that ends the text. */
const LAST_NEWLINE = 0x110000;

/**
 * Thompson's construction, run as a deterministic automaton whose states are made when they are first met (Cox,
 * "Regular Expression Matching Can Be Simple And Fast"). Forgotten and begun anew past a bound, so that memory is bounded.
 */
class Automaton {
  readonly #nodes: Node[] = [];
  readonly #start: number;
  #states: State[] = [];
  #known = new Map<string, number>();

  constructor(tree: Tree) {
    this.#start = this.#add(tree, this.#node({ kind: 'match' }));
  }

  search(text: string): boolean {
    let state = this.#state([], EDGE);
    for (let i = 0; i < text.length; i++) {
      let point = text.charCodeAt(i);
      if (point >= 0xd800 && point < 0xdc00 && i + 1 < text.length) point = text.codePointAt(i++)!;
      if (point === 10 && i === text.length - 1) point = LAST_NEWLINE;
      state = this.#step(state, point);
      if (state === MATCHED) return true;
    }
    return this.#closure(this.#states[state]!, EDGE) === null;
  }

  #step(index: number, point: number): number {
    const state = this.#states[index]!;
    const known = point < 128 ? state.ascii[point]! : (state.wide.get(point) ?? -1);
    if (known !== -1) return known;
    const [character, after] = describe(point);
    const closure = this.#closure(state, after);
    const next =
      closure === null
        ? MATCHED
        : this.#state(
            closure.flatMap((n) => {
              const node = this.#nodes[n]!;
              return node.kind === 'set' && node.matches(character) ? [node.next] : [];
            }),
            after === FINAL_NEWLINE ? NEWLINE : after,
          );
    // The states may just have been forgotten.
    if (this.#states[index] === state) {
      if (point < 128) state.ascii[point] = next;
      else if (state.wide.size < 1_000) state.wide.set(point, next);
    }
    return next;
  }

  #state(nodes: number[], before: Side): number {
    const unique = [...new Set(nodes)].sort((a, b) => a - b);
    const key = `${before}:${unique.join(',')}`;
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    if (this.#states.length >= MAX_STATES) {
      this.#states = [];
      this.#known.clear();
    }
    this.#states.push({ nodes: unique, before, ascii: new Int32Array(128).fill(-1), wide: new Map() });
    this.#known.set(key, this.#states.length - 1);
    return this.#states.length - 1;
  }

  /** The sets that can read the next character; null when a match ends here. A match may begin at every place. */
  #closure({ nodes, before }: State, after: Side): number[] | null {
    const seen = new Set<number>();
    const sets: number[] = [];
    const open = [...nodes, this.#start];
    for (let n = open.pop(); n !== undefined; n = open.pop()) {
      if (seen.has(n)) continue;
      seen.add(n);
      const node = this.#nodes[n]!;
      if (node.kind === 'match') return null;
      if (node.kind === 'set') sets.push(n);
      else if (node.kind === 'split') open.push(...node.next);
      else if (holds(node.what, before, after)) open.push(node.next);
    }
    return sets;
  }

  #node(node: Node): number {
    if (this.#nodes.length >= MAX_NODES) throw new PatternUnsupported(`more than ${MAX_NODES} states`);
    return this.#nodes.push(node) - 1;
  }

  #add(tree: Tree, next: number): number {
    switch (tree.kind) {
      case 'set': {
        // One character at a time, so the engine has nothing to backtrack over; it knows Unicode's case folding.
        const set = new RegExp(`^${tree.js}$`, tree.fold ? 'iu' : 'u');
        return this.#node({ kind: 'set', matches: (character) => set.test(character), next });
      }
      case 'all':
        return tree.items.reduceRight((to, item) => this.#add(item, to), next);
      case 'any':
        return this.#node({ kind: 'split', next: tree.items.map((item) => this.#add(item, next)) });
      case 'at':
        return this.#node({ kind: 'at', what: tree.what, next });
      case 'repeat': {
        let to = next;
        if (tree.max === null) {
          const loop = { kind: 'split' as const, next: [next] };
          to = this.#node(loop);
          loop.next.push(this.#add(tree.of, to));
        } else {
          for (let i = tree.min; i < tree.max; i++) {
            to = this.#node({ kind: 'split', next: [this.#add(tree.of, to), next] });
          }
        }
        for (let i = 0; i < tree.min; i++) to = this.#add(tree.of, to);
        return to;
      }
    }
  }
}

function describe(point: number): [character: string, side: Side] {
  if (point === LAST_NEWLINE) return ['\n', FINAL_NEWLINE];
  const word =
    (point >= 48 && point <= 57) ||
    (point >= 65 && point <= 90) ||
    point === 95 ||
    (point >= 97 && point <= 122);
  return [String.fromCodePoint(point), point === 10 ? NEWLINE : word ? WORD : OTHER];
}

function holds(what: Assertion, before: Side, after: Side): boolean {
  switch (what) {
    case 'start':
      return before === EDGE;
    case 'end':
      return after === EDGE;
    case 'lastLine':
      return after === EDGE || after === FINAL_NEWLINE;
    case 'lineStart':
      return before === EDGE || before === NEWLINE;
    case 'lineEnd':
      return after === EDGE || after === NEWLINE || after === FINAL_NEWLINE;
    case 'word':
      return (before === WORD) !== (after === WORD);
    case 'notWord':
      return (before === WORD) === (after === WORD);
  }
}
