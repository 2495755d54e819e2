import { AssayError, compareDecimal, type Decimal, normaliseDecimal, toScaled } from '@assay/core';
import { DECIMAL_LIMIT } from './cells.ts';

/** Readers for the parsed YAML or JSON of a contract. Each says where, what was expected and what was there. */
export type Members = Record<string, unknown>;

/** Numbers are compared as DECIMAL(38, 18): exact, 20 digits before the point. */
export const DECIMAL_SCALE = 18;

export function fail(path: string, expected: string, got: string): never {
  throw new AssayError(
    'CONTRACT_INVALID',
    `${path === '' ? 'the contract' : path}: expected ${expected}, got ${got}`,
    {
      next: 'correct the contract; its format is ODCS v3.1, https://bitol-io.github.io/open-data-contract-standard',
      detail: { path, expected, got },
    },
  );
}

/** Puts the path before what a reader of a part says. */
export function within<T>(path: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof AssayError)) throw error;
    throw new AssayError('CONTRACT_INVALID', `${path}: ${error.message}`, {
      ...(error.next === undefined ? {} : { next: error.next }),
      detail: { ...error.detail, path },
      cause: error,
    });
  }
}

export function shown(value: unknown): string {
  if (value === undefined) return 'nothing';
  const json = JSON.stringify(value) ?? typeof value;
  return json.length > 60 ? `${json.slice(0, 60)}…` : json;
}

export function record(value: unknown, path: string): Members {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as Members)
    : fail(path, 'a mapping', shown(value));
}

export function list(value: unknown, path: string, most = 10_000): unknown[] {
  if (!Array.isArray(value)) return fail(path, 'a list', shown(value));
  return value.length <= most ? value : fail(path, `at most ${most} members`, String(value.length));
}

export function text(value: unknown, path: string, most = 200): string {
  return typeof value === 'string' && value.length <= most
    ? value
    : fail(path, `a text of at most ${most} characters`, shown(value));
}

export function pattern(value: unknown, path: string, regex: RegExp, expected: string): string {
  return typeof value === 'string' && regex.test(value) ? value : fail(path, expected, shown(value));
}

export function boolean(value: unknown, path: string): boolean {
  return typeof value === 'boolean' ? value : fail(path, 'true or false', shown(value));
}

export function optionalBoolean(value: unknown, path: string, otherwise = false): boolean {
  return value === undefined || value === null ? otherwise : boolean(value, path);
}

export function integer(value: unknown, path: string, least: number, most: number): number {
  return typeof value === 'number' && Number.isInteger(value) && value >= least && value <= most
    ? value
    : fail(path, `a whole number from ${least} to ${most}`, shown(value));
}

/** YAML's numbers are doubles: quoted decimals are taken as they stand, plain ones in their shortest spelling. */
export function decimal(value: unknown, path: string): Decimal {
  try {
    const exact = normaliseDecimal(typeof value === 'number' ? String(value) : text(value, path));
    const scaled = toScaled(exact, DECIMAL_SCALE);
    if (scaled < DECIMAL_LIMIT && scaled > -DECIMAL_LIMIT) return exact;
  } catch {
    // Told below, with the path.
  }
  return fail(path, `a decimal number of at most 20 digits and ${DECIMAL_SCALE} decimals`, shown(value));
}

/** A decimal between two others, both included. */
export function decimalWithin(value: unknown, path: string, least: Decimal, most: Decimal): Decimal {
  const read = decimal(value, path);
  return compareDecimal(read, least) >= 0 && compareDecimal(read, most) <= 0
    ? read
    : fail(path, `a number from ${least} to ${most}`, read);
}

export function oneOf<const T extends string>(value: unknown, path: string, choices: readonly T[]): T {
  return choices.includes(value as T) ? (value as T) : fail(path, choices.join(' or '), shown(value));
}

export function only(members: Members, path: string, allowed: readonly string[]): void {
  const unknown = Object.keys(members).find((key) => !allowed.includes(key));
  if (unknown !== undefined) {
    const nearest = nearestOf(unknown, allowed);
    fail(
      `${path}.${unknown}`,
      `only ${allowed.join(', ')}`,
      nearest ? `another member; did you mean ${nearest}?` : 'another member',
    );
  }
}

/** The most similar of some names, if one is close: fewer edits than a third of its length. */
export function nearestOf(name: string, names: readonly string[]): string | undefined {
  let nearest: string | undefined;
  let best = Number.POSITIVE_INFINITY;
  for (const candidate of names) {
    const edits = distance(name.slice(0, 100).toLowerCase(), candidate.toLowerCase());
    if (edits < best) [nearest, best] = [candidate, edits];
  }
  return best < name.length && best <= Math.max(1, (nearest?.length ?? 0) / 3) ? nearest : undefined;
}

/** Levenshtein's distance. */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      next.push(Math.min(row[j]! + 1, next[j - 1]! + 1, row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1)));
    }
    row = next;
  }
  return row[b.length]!;
}
