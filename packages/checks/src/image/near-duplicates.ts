import { AssayError } from '@assay/core';
import { hammingDistance, PDQ_RADIUS, type PdqHash } from './pdq.ts';

/** A hash of the index within the radius of the one asked for. */
export interface Neighbour {
  id: string;
  distance: number;
}

/** What a search found, and whether it saw everything. */
export interface NeighbourSearch {
  /** Nearest first, then by identifier. */
  neighbours: Neighbour[];
  /**
   * False when there are more neighbours than the limit. No one left out is nearer than those given; which of equally
   * near ones are given is not promised.
   */
  complete: boolean;
}

const WORDS = 16;
const BUCKETS = 65_536;
const NONE = -1;
const MAGIC = 0x50_44_51_31;
/** Identifiers are digests or names: this many bytes of UTF-8 suffice and bound a saved index. */
const MAX_ID_BYTES = 200;

/**
 * An exact index of PDQ hashes for the radius of 31 bits: multi-index hashing (Norouzi, Punjani and Fleet, CVPR 2012,
 * section 3). The 256 bits are 16 words of 16. If two hashes differ in at most 31 bits, then in some word they differ
 * in at most one (16 words that differ in two or more would make 32): the 17 buckets around each word hold every
 * neighbour, 272 buckets of 15 hashes each for a million random ones.
 *
 * Equal hashes are stored once with a list of their identifiers, so that a million copies of one picture cost a search
 * one comparison. Different hashes crowded into few buckets (an attacker's) cost at most one comparison of each
 * distinct hash, which is a plain scan: a search first adds up the sizes of its buckets, and scans instead when they
 * hold more than all hashes together. Removing walks at most the hash's 16 chains.
 *
 * Memory: for each distinct hash 32 bytes, 64 of links in its 16 buckets, 8 to 16 of the table that finds equal ones
 * and 5 of marks; 8 MiB of bucket heads and sizes; and what the engine needs for the identifiers. Arrays double when
 * full.
 *
 * @example
 * const index = new NearDuplicateIndex({ capacity: 1_000_000 });
 * index.add('sha256:…', hash);
 * index.search(other).neighbours; // [{ id: 'sha256:…', distance: 12 }]
 */
export class NearDuplicateIndex {
  /** The most distinct hashes it takes. */
  readonly capacity: number;
  #words = new Uint16Array(1024 * WORDS);
  /** Per word position and value, the first slot of a chain; per slot and position, the next one. */
  #heads = new Int32Array(WORDS * BUCKETS).fill(NONE);
  #sizes = new Int32Array(WORDS * BUCKETS);
  #next = new Int32Array(1024 * WORDS);
  #stamps = new Uint32Array(1024);
  #stamp = 0;
  #live = new Uint8Array(1024);
  /** Open addressing over the whole hash, twice to four times as long as there are slots. */
  #exact = new Int32Array(4096).fill(NONE);
  #ids: (string | Set<string> | undefined)[] = [];
  #slotOf = new Map<string, number>();
  #free: number[] = [];
  #distinct = 0;

  /**
   * @param options.capacity the most distinct hashes, at most 16 million; ten million when left out.
   * @throws ARGUMENT_INVALID for another capacity.
   */
  constructor({ capacity = 10_000_000 }: { capacity?: number } = {}) {
    if (!Number.isSafeInteger(capacity) || capacity < 1 || capacity > 16_000_000) {
      throw new AssayError(
        'ARGUMENT_INVALID',
        `expected a capacity of 1 to 16,000,000 hashes, got ${capacity}`,
      );
    }
    this.capacity = capacity;
  }

  /** How many identifiers it holds. */
  get size(): number {
    return this.#slotOf.size;
  }

  /** How many different hashes it holds. */
  get distinct(): number {
    return this.#distinct;
  }

  /**
   * Adds a hash under an identifier; again with the same hash does nothing.
   *
   * @throws ARGUMENT_INVALID when the identifier stands for another hash, is empty or over 200 bytes, or the hash has
   * not 32 bytes; PAYLOAD_TOO_LARGE when the index is full.
   */
  add(id: string, hash: PdqHash): void {
    checkHash(hash);
    const bytes = Buffer.byteLength(id);
    if (bytes < 1 || bytes > MAX_ID_BYTES) {
      throw new AssayError(
        'ARGUMENT_INVALID',
        `expected an identifier of 1 to ${MAX_ID_BYTES} bytes, got ${bytes}`,
      );
    }
    const held = this.#slotOf.get(id);
    const words = toWords(hash);
    if (held !== undefined) {
      if (this.#distance(words, held, 0) === 0) return;
      throw new AssayError('ARGUMENT_INVALID', `identifier ${id} stands for another hash already`, {
        next: 'remove it first, or choose another identifier',
      });
    }
    const equal = this.#exact[this.#placeOf(words)]!;
    const slot = equal === NONE ? this.#insert(words) : equal;
    this.#slotOf.set(id, slot);
    const ids = this.#ids[slot];
    if (ids === undefined) this.#ids[slot] = id;
    else if (typeof ids === 'string') this.#ids[slot] = new Set([ids, id]);
    else ids.add(id);
  }

  /** Removes an identifier. @returns whether it was there. */
  remove(id: string): boolean {
    const slot = this.#slotOf.get(id);
    if (slot === undefined) return false;
    this.#slotOf.delete(id);
    const ids = this.#ids[slot];
    if (ids instanceof Set && ids.size > 1) {
      ids.delete(id);
      return true;
    }
    this.#ids[slot] = undefined;
    this.#unlink(slot);
    return true;
  }

  has(id: string): boolean {
    return this.#slotOf.has(id);
  }

  /**
   * Every identifier whose hash is within the radius, exactly.
   *
   * @param options.radius bits, 0 to 31; 31 when left out.
   * @param options.limit most neighbours to give, 1 to 10,000; 100 when left out.
   * @throws ARGUMENT_INVALID for another radius or limit, or a hash that has not 32 bytes.
   */
  search(hash: PdqHash, { radius = PDQ_RADIUS, limit = 100 } = {}): NeighbourSearch {
    checkHash(hash);
    if (!Number.isInteger(radius) || radius < 0 || radius > PDQ_RADIUS) {
      throw new AssayError('ARGUMENT_INVALID', `expected a radius of 0 to ${PDQ_RADIUS} bits, got ${radius}`);
    }
    if (!Number.isInteger(limit) || limit < 1 || limit > 10_000) {
      throw new AssayError('ARGUMENT_INVALID', `expected a limit of 1 to 10,000 neighbours, got ${limit}`);
    }
    const found = this.#slotsWithin(toWords(hash), radius);
    found.sort((a, b) => a.distance - b.distance || a.slot - b.slot);
    let complete = true;
    const neighbours: Neighbour[] = [];
    for (let i = 0; i < found.length && complete; i++) {
      const { slot, distance } = found[i]!;
      const ids = this.#ids[slot]!;
      for (const id of typeof ids === 'string' ? [ids] : ids) {
        if (neighbours.length === limit) {
          complete = false;
          break;
        }
        neighbours.push({ id, distance });
      }
    }
    neighbours.sort((a, b) => a.distance - b.distance || (a.id < b.id ? -1 : 1));
    return { neighbours, complete };
  }

  /**
   * The index as bytes: a header, then hash, identifier length and identifier of each entry, in the order of the
   * identifiers, so that two indexes with the same entries have the same bytes.
   */
  save(): Uint8Array {
    const ids = [...this.#slotOf.keys()].sort((a, b) => (a < b ? -1 : 1));
    const encoded = ids.map((id) => Buffer.from(id));
    const length = encoded.reduce((sum, id) => sum + 33 + id.length, 8);
    const bytes = Buffer.alloc(length);
    bytes.writeUInt32BE(MAGIC, 0);
    bytes.writeUInt32BE(ids.length, 4);
    let at = 8;
    for (const [i, id] of ids.entries()) {
      const first = this.#slotOf.get(id)! * WORDS;
      for (let word = 0; word < WORDS; word++) at = bytes.writeUInt16BE(this.#words[first + word]!, at);
      at = bytes.writeUInt8(encoded[i]!.length, at);
      at += encoded[i]!.copy(bytes, at);
    }
    return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length);
  }

  /**
   * Reads what {@link NearDuplicateIndex.save} wrote.
   *
   * @throws PAYLOAD_MISMATCH when the bytes are truncated, longer than their header says, or not an index.
   */
  static load(bytes: Uint8Array, options: { capacity?: number } = {}): NearDuplicateIndex {
    const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
    const wrong = (what: string) =>
      new AssayError('PAYLOAD_MISMATCH', `expected a saved near-duplicate index, got ${what}`, {
        next: 'build the index again from the hashes',
      });
    if (view.length < 8 || view.readUInt32BE(0) !== MAGIC) throw wrong('other bytes');
    const count = view.readUInt32BE(4);
    const starts: number[] = [];
    let at = 8;
    for (let i = 0; i < count; i++) {
      starts.push(at);
      at += 33 + (view[at + 32] ?? 0);
      if (at > view.length) throw wrong(`bytes that end within entry ${i + 1} of ${count}`);
    }
    if (at !== view.length) throw wrong(`${view.length - at} bytes after the last entry`);
    const index = new NearDuplicateIndex(options);
    for (const start of starts) {
      const id = view.toString('utf8', start + 33, start + 33 + view[start + 32]!);
      if (index.has(id)) throw wrong(`the identifier ${id} twice`);
      index.add(id, view.subarray(start, start + 32));
    }
    return index;
  }

  #slotsWithin(words: Uint16Array, radius: number): { slot: number; distance: number }[] {
    this.#stamp = (this.#stamp + 1) >>> 0;
    if (this.#stamp === 0) {
      this.#stamps.fill(0);
      this.#stamp = 1;
    }
    // A word of distance 31 or less lies within one bit; a smaller radius of under 16 needs the word itself only.
    const flips = radius < WORDS ? 1 : WORDS + 1;
    let candidates = 0;
    for (let word = 0; word < WORDS; word++) {
      for (let flip = 0; flip < flips; flip++) {
        candidates += this.#sizes[(word << 16) | (words[word]! ^ FLIPS[flip]!)]!;
      }
    }
    const found: { slot: number; distance: number }[] = [];
    const compare = (slot: number) => {
      const distance = this.#distance(words, slot, radius);
      if (distance > radius || this.#stamps[slot] === this.#stamp) return;
      this.#stamps[slot] = this.#stamp;
      found.push({ slot, distance });
    };
    if (candidates > this.#distinct) {
      for (let slot = 0; slot < this.#ids.length; slot++) if (this.#live[slot] === 1) compare(slot);
      return found;
    }
    for (let word = 0; word < WORDS; word++) {
      for (let flip = 0; flip < flips; flip++) {
        let slot = this.#heads[(word << 16) | (words[word]! ^ FLIPS[flip]!)]!;
        for (; slot !== NONE; slot = this.#next[slot * WORDS + word]!) {
          // Comparing a hash again is cheaper than reading a mark of each: few stand in two of the buckets.
          compare(slot);
        }
      }
    }
    return found;
  }

  /** The distance, or some number above `most` as soon as it is above. */
  #distance(words: Uint16Array, slot: number, most: number): number {
    const first = slot * WORDS;
    let bits = 0;
    for (let word = 0; word < WORDS && bits <= most; word++) {
      bits += ONES[words[word]! ^ this.#words[first + word]!]!;
    }
    return bits;
  }

  /** Where the table holds the slot of this very hash, or the empty place for it. */
  #placeOf(words: Uint16Array): number {
    const mask = this.#exact.length - 1;
    let place = mixed(words, 0) & mask;
    for (;;) {
      const slot = this.#exact[place]!;
      if (slot === NONE || this.#distance(words, slot, 0) === 0) return place;
      place = (place + 1) & mask;
    }
  }

  #insert(words: Uint16Array): number {
    if (this.#distinct === this.capacity) {
      throw new AssayError(
        'PAYLOAD_TOO_LARGE',
        `the index holds its ${this.capacity} distinct hashes already`,
        {
          next: 'open an index of more capacity, or split the corpus into several indexes',
        },
      );
    }
    const slot = this.#free.pop() ?? this.#ids.length;
    if (slot === this.#ids.length) this.#ids.push(undefined);
    if ((slot + 1) * WORDS > this.#words.length) this.#grow();
    this.#exact[this.#placeOf(words)] = slot;
    this.#words.set(words, slot * WORDS);
    this.#live[slot] = 1;
    for (let word = 0; word < WORDS; word++) {
      const bucket = (word << 16) | words[word]!;
      this.#next[slot * WORDS + word] = this.#heads[bucket]!;
      this.#heads[bucket] = slot;
      this.#sizes[bucket]!++;
    }
    this.#distinct++;
    return slot;
  }

  #unlink(slot: number): void {
    for (let word = 0; word < WORDS; word++) {
      const bucket = (word << 16) | this.#words[slot * WORDS + word]!;
      const after = this.#next[slot * WORDS + word]!;
      if (this.#heads[bucket] === slot) this.#heads[bucket] = after;
      else {
        let before = this.#heads[bucket]!;
        while (this.#next[before * WORDS + word] !== slot) before = this.#next[before * WORDS + word]!;
        this.#next[before * WORDS + word] = after;
      }
      this.#sizes[bucket]!--;
    }
    this.#live[slot] = 0;
    this.#forget(slot);
    this.#free.push(slot);
    this.#distinct--;
  }

  /** Takes a slot out of the table and moves those after it up, so that no search ends at the gap too early. */
  #forget(slot: number): void {
    const mask = this.#exact.length - 1;
    let gap = this.#placeOf(this.#words.subarray(slot * WORDS, (slot + 1) * WORDS));
    for (let place = (gap + 1) & mask; this.#exact[place] !== NONE; place = (place + 1) & mask) {
      const home = mixed(this.#words, this.#exact[place]! * WORDS) & mask;
      if (((place - home) & mask) < ((place - gap) & mask)) continue;
      this.#exact[gap] = this.#exact[place]!;
      gap = place;
    }
    this.#exact[gap] = NONE;
  }

  #grow(): void {
    const slots = Math.min(this.#live.length * 2, this.capacity);
    const grown = <T extends { set(from: T): void }>(to: T, from: T): T => {
      to.set(from);
      return to;
    };
    this.#words = grown(new Uint16Array(slots * WORDS), this.#words);
    this.#next = grown(new Int32Array(slots * WORDS), this.#next);
    this.#stamps = grown(new Uint32Array(slots), this.#stamps);
    this.#live = grown(new Uint8Array(slots), this.#live);
    this.#exact = new Int32Array(this.#exact.length * 2).fill(NONE);
    for (let slot = 0; slot < this.#ids.length; slot++) {
      if (this.#live[slot] !== 1) continue;
      this.#exact[this.#placeOf(this.#words.subarray(slot * WORDS, (slot + 1) * WORDS))] = slot;
    }
  }
}

/** Every neighbour by comparing them all: what the index must agree with, and enough for some thousand hashes. */
export function scanForNeighbours(
  entries: Iterable<readonly [id: string, hash: PdqHash]>,
  hash: PdqHash,
  radius = PDQ_RADIUS,
): Neighbour[] {
  checkHash(hash);
  return [...entries]
    .map(([id, other]) => ({ id, distance: hammingDistance(hash, other) }))
    .filter(({ distance }) => distance <= radius)
    .sort((a, b) => a.distance - b.distance || (a.id < b.id ? -1 : 1));
}

/** Bits set in each 16-bit word. */
const ONES = Uint8Array.from({ length: BUCKETS }, (_, word) => {
  let bits = 0;
  for (let rest = word; rest !== 0; rest &= rest - 1) bits++;
  return bits;
});

/** The word itself, then each of its sixteen neighbours. */
const FLIPS = [0, ...Array.from({ length: WORDS }, (_, bit) => 1 << bit)];

/** Sixteen words mixed to 32 bits, each bit of them able to change each bit of the result (murmur3's constants). */
function mixed(words: Uint16Array, first: number): number {
  let state = 0x9747b28c;
  for (let word = 0; word < WORDS; word++) {
    state = Math.imul(state ^ words[first + word]!, 0x85ebca6b);
    state = Math.imul(state ^ (state >>> 13), 0xc2b2ae35);
  }
  return (state ^ (state >>> 16)) >>> 0;
}

function toWords(hash: PdqHash): Uint16Array {
  return Uint16Array.from({ length: WORDS }, (_, word) => (hash[2 * word]! << 8) | hash[2 * word + 1]!);
}

function checkHash(hash: PdqHash): void {
  if (hash.length !== 32) {
    throw new AssayError('ARGUMENT_INVALID', `expected a PDQ hash of 32 bytes, got ${hash.length}`);
  }
}
