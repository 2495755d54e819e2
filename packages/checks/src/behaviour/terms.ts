import { readInteger, readList, readNumber, readText, refuseTerms } from '../terms.ts';

/**
 * Reads terms that all have defaults, member by member. Members that nobody asked for are refused, so that a misspelt
 * term never goes unnoticed.
 *
 * @throws CONTRACT_INVALID
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
      refuseTerms(path, 'a mapping', value);
    }
    this.members = value as Record<string, unknown>;
    this.path = path;
  }

  column(name: string, otherwise: string): string {
    return readText(this.take(name, otherwise), `${this.path}.${name}`);
  }

  integer(name: string, otherwise: number, least: number, most: number): number {
    return readInteger(this.take(name, otherwise), `${this.path}.${name}`, least, most);
  }

  number(name: string, otherwise: number, least: number, most: number): number {
    return readNumber(this.take(name, otherwise), `${this.path}.${name}`, least, most);
  }

  /** Groups of names; each name in one group. */
  groups(name: string, mostGroups: number, mostNames: number): string[][] {
    const seen = new Set<string>();
    const member = (value: unknown, path: string) => {
      const text = readText(value, path);
      if (seen.has(text)) refuseTerms(path, 'a name that stands in no group before', text);
      seen.add(text);
      return text;
    };
    return readList(this.take(name, []), `${this.path}.${name}`, 0, mostGroups, (group, path) =>
      readList(group, path, 2, mostNames, member),
    );
  }

  /** @throws CONTRACT_INVALID for a member that was never asked for. */
  end(): void {
    const stranger = Object.keys(this.members).find((name) => !this.known.has(name));
    if (stranger !== undefined) {
      refuseTerms(`${this.path}.${stranger}`.slice(0, 300), `only ${[...this.known].join(', ')}`, stranger);
    }
  }

  private take(name: string, otherwise: unknown): unknown {
    this.known.add(name);
    return Object.hasOwn(this.members, name) ? (this.members[name] ?? otherwise) : otherwise;
  }
}
