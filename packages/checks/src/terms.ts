import { AssayError, normaliseDecimal } from '@assay/core';

/**
 * Readers for what a data contract asks of a detector. YAML gives anything; each reader takes one thing and
 * refuses the rest with the path of what is wrong, what was expected and what was there.
 *
 * @throws each of them CONTRACT_INVALID.
 * @example
 * const terms = readMembers(value, path, ['column'], ['limit']);
 * return { column: readColumn(terms.column, `${path}.column`) };
 */
export function readMembers<R extends string, O extends string = never>(
  value: unknown,
  path: string,
  required: readonly R[],
  optional: readonly O[] = [],
): Record<R, unknown> & Partial<Record<O, unknown>> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    return refuseTerms(path, 'a mapping', value);
  }
  const allowed: readonly string[] = [...required, ...optional];
  for (const name of Object.keys(value)) {
    if (!allowed.includes(name)) refuseTerms(`${path}.${name}`, `only ${allowed.join(', ')}`, name);
  }
  for (const name of required) {
    if (!Object.hasOwn(value, name)) refuseTerms(`${path}.${name}`, 'a value', undefined);
  }
  return value as Record<R, unknown> & Partial<Record<O, unknown>>;
}

/** A column's name, as contracts spell them. */
export function readColumn(value: unknown, path: string): string {
  return typeof value === 'string' && /^[A-Za-z_][A-Za-z0-9_]{0,62}$/.test(value)
    ? value
    : refuseTerms(path, 'the name of a column', value);
}

/** A finite number within bounds, written plainly or as a decimal text. */
export function readNumber(value: unknown, path: string, least: number, most: number): number {
  const number = typeof value === 'string' ? numberOf(value) : value;
  return typeof number === 'number' && number >= least && number <= most
    ? number
    : refuseTerms(path, `a number from ${least} to ${most}`, value);
}

/** A whole number within bounds. */
export function readInteger(value: unknown, path: string, least: number, most: number): number {
  return typeof value === 'number' && Number.isInteger(value) && value >= least && value <= most
    ? value
    : refuseTerms(path, `a whole number from ${least} to ${most}`, value);
}

/** A text of 1 to `limit` characters. */
export function readText(value: unknown, path: string, limit = 200): string {
  return typeof value === 'string' && value.length > 0 && value.length <= limit && value.isWellFormed()
    ? value
    : refuseTerms(path, `a text of 1 to ${limit} characters`, value);
}

/** One of some words. */
export function readChoice<const T extends string>(value: unknown, path: string, choices: readonly T[]): T {
  return choices.includes(value as T) ? (value as T) : refuseTerms(path, choices.join(' or '), value);
}

/** A list of `least` to `most` members, each read by `member`. */
export function readList<T>(
  value: unknown,
  path: string,
  least: number,
  most: number,
  member: (value: unknown, path: string) => T,
): T[] {
  if (!Array.isArray(value)) return refuseTerms(path, 'a list', value);
  if (value.length < least || value.length > most) {
    return refuseTerms(path, `${least} to ${most} members`, value.length);
  }
  return value.map((item, i) => member(item, `${path}[${i}]`));
}

/** Refuses a part of a contract. @throws CONTRACT_INVALID, always. */
export function refuseTerms(path: string, expected: string, got: unknown): never {
  const json = got === undefined ? 'nothing' : (safeJson(got) ?? typeof got);
  const shown = json.length > 60 ? `${json.slice(0, 60)}…` : json;
  throw new AssayError('CONTRACT_INVALID', `${path}: expected ${expected}, got ${shown}`, {
    next: 'correct the terms of this detector in the contract; docs/detectors.md says where they are listed',
    detail: { path, expected, got: shown },
  });
}

function numberOf(text: string): number | null {
  try {
    return Number(normaliseDecimal(text));
  } catch {
    return null;
  }
}

function safeJson(value: unknown): string | undefined {
  try {
    return JSON.stringify(value);
  } catch {
    return undefined;
  }
}
