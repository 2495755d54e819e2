import { createHash } from 'node:crypto';

/**
 * Stable integers for identities. Clients of this format keep tokens by number, some of them in 32 bits, so that an
 * id is the first 31 bits of a SHA-256 of the identity: every node gives the same one, whatever it recorded first.
 * Among 6,000 assets the chance of any collision is 0.8 %; then whoever is given first keeps the number, and the
 * other gets the next digest's.
 */
export class TokenIds {
  readonly #ids = new Map<string, number>();
  readonly #taken = new Map<number, string>();
  readonly #digest: (text: string) => Uint8Array;

  /** @param digest for tests; SHA-256 otherwise. */
  constructor(digest: (text: string) => Uint8Array = sha256) {
    this.#digest = digest;
  }

  /**
   * The number of an identity. The same for as long as the process lives; across processes when identities are given
   * in the same order, or do not collide.
   *
   * @example
   * new TokenIds().idOf('asset', 'bitcoin'); // 31 bits, never 0
   */
  idOf(kind: 'asset' | 'index' | 'category', identity: string): number {
    const name = `${kind} ${identity}`;
    const known = this.#ids.get(name);
    if (known !== undefined) return known;
    for (let attempt = 0; ; attempt += 1) {
      const bytes = this.#digest(attempt === 0 ? name : `${name} ${attempt}`);
      const id = new DataView(bytes.buffer, bytes.byteOffset).getUint32(0) >>> 1;
      if (id === 0 || this.#taken.has(id)) continue;
      this.#ids.set(name, id);
      this.#taken.set(id, name);
      return id;
    }
  }
}

function sha256(text: string): Uint8Array {
  return createHash('sha256').update(text).digest();
}
