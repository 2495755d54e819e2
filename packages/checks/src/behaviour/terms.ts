import { AssayError } from '@assay/core';

/**
 * Reads a detector's terms, member by member, with defaults. Members that nobody asked for are refused, so that a
 * misspelt term never goes unnoticed.
 *
 * @example
 * const terms = new TermsReader(value, path);
 * const windowSeconds = terms.integer('windowSeconds', 3600, 1, 86_400);
 * terms.end();
 */
export class TermsReader {
  private readonly members: Record<string, unknown>;
  private readonly path: string;
  private readonly known = new Set<string>();

  constructor(value: unknown, path: string) {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      throw invalid(path, 'an object', value);
    }
    this.members = value as Record<string, unknown>;
    this.path = path;
  }

  /** A column's name. */
  column(name: string, otherwise: string): string {
    const value = this.take(name) ?? otherwise;
    if (typeof value !== 'string' || value.length === 0 || value.length > 200) {
      throw invalid(`${this.path}.${name}`, 'a column name of 1 to 200 characters', value);
    }
    return value;
  }

  integer(name: string, otherwise: number, least: number, most: number): number {
    const value = this.take(name) ?? otherwise;
    if (!Number.isInteger(value) || (value as number) < least || (value as number) > most) {
      throw invalid(`${this.path}.${name}`, `an integer from ${least} to ${most}`, value);
    }
    return value as number;
  }

  /** A decimal string (or a YAML number) between two bounds. */
  number(name: string, otherwise: number, least: number, most: number): number {
    const value = this.take(name) ?? otherwise;
    const number =
      typeof value === 'string' && /^-?\d{1,15}(\.\d{1,15})?$/.test(value) ? Number(value) : value;
    if (typeof number !== 'number' || !(number >= least && number <= most)) {
      throw invalid(`${this.path}.${name}`, `a number from ${least} to ${most}`, value);
    }
    return number;
  }

  oneOf<const T extends string>(name: string, otherwise: T, choices: readonly T[]): T {
    const value = this.take(name) ?? otherwise;
    if (!choices.includes(value as T)) throw invalid(`${this.path}.${name}`, choices.join(' or '), value);
    return value as T;
  }

  /** Groups of names; each name in one group. */
  groups(name: string, mostGroups: number, mostNames: number): string[][] {
    const value = this.take(name) ?? [];
    const path = `${this.path}.${name}`;
    if (!Array.isArray(value) || value.length > mostGroups) {
      throw invalid(path, `at most ${mostGroups} groups of names`, value);
    }
    const seen = new Set<string>();
    for (const [i, group] of value.entries()) {
      if (!Array.isArray(group) || group.length < 2 || group.length > mostNames) {
        throw invalid(`${path}[${i}]`, `a list of 2 to ${mostNames} names`, group);
      }
      for (const member of group) {
        if (typeof member !== 'string' || member === '' || member.length > 200 || seen.has(member)) {
          throw invalid(`${path}[${i}]`, 'names of 1 to 200 characters, each in one group', member);
        }
        seen.add(member);
      }
    }
    return value as string[][];
  }

  /** @throws CONTRACT_INVALID for a member that was never asked for. */
  end(): void {
    for (const name of Object.keys(this.members)) {
      if (!this.known.has(name)) {
        throw invalid(`${this.path}.${name}`.slice(0, 300), [...this.known].join(', '), 'another term');
      }
    }
  }

  private take(name: string): unknown {
    this.known.add(name);
    return Object.hasOwn(this.members, name) ? this.members[name] : undefined;
  }
}

function invalid(path: string, expected: string, got: unknown): AssayError {
  const shown = typeof got === 'string' ? JSON.stringify(got.slice(0, 60)) : describe(got);
  return new AssayError('CONTRACT_INVALID', `${path}: expected ${expected}, got ${shown}`, {
    next: 'correct the contract; docs/behaviour.md lists the terms of each detector',
  });
}

function describe(value: unknown): string {
  if (Array.isArray(value)) return `a list of ${value.length}`;
  return typeof value === 'object' && value !== null ? 'an object' : String(value);
}
