import { bufferOn, HASH_BYTES } from './hashing.ts';

const FIRST_CAPACITY = 1_024;
/** Places of the table for each leaf in the ring: half of them may be taken before it is made anew. */
const PLACES = 4;
const FREE = -1;

/**
 * The latest leaf hashes of a log and the indices they have: a ring of hashes, found through a hash table with
 * open addressing. Memory is 48 bytes a leaf.
 *
 * Leaf hashes are uniform, so that the first four bytes of one are as good a place in the table as any; what is
 * found there is compared in full.
 */
export class RecentLeaves {
  #capacity = FIRST_CAPACITY;
  /** The leaf with index i stands at slot i modulo the capacity. */
  #ring = Buffer.alloc(FIRST_CAPACITY * HASH_BYTES);
  /** Slots. One whose leaf was overwritten lingers, and is passed by, as its hash is another now. */
  #table = new Int32Array(FIRST_CAPACITY * PLACES).fill(FREE);
  #taken = 0;
  #first: number;
  #next: number;
  #keptFrom = 0;

  /** @param nextIndex index of the first leaf that will be pushed. */
  constructor(nextIndex: number) {
    this.#first = nextIndex;
    this.#next = nextIndex;
  }

  /** Allows to forget the leaves below an index; they may be found a while longer. */
  keepFrom(index: number): void {
    this.#keptFrom = index;
  }

  /** Index that the next leaf gets. */
  get next(): number {
    return this.#next;
  }

  /** Index of the leaf whose hash stands in `hashes` at `offset`, or −1. */
  find(hashes: Buffer, offset: number): number {
    const mask = this.#table.length - 1;
    for (let place = hashes.readUInt32LE(offset) & mask; ; place = (place + 1) & mask) {
      const slot = this.#table[place]!;
      if (slot === FREE) return -1;
      const at = slot * HASH_BYTES;
      if (this.#ring.compare(hashes, offset, offset + HASH_BYTES, at, at + HASH_BYTES) !== 0) continue;
      const index = this.#indexAt(slot);
      if (index >= this.#first) return index;
    }
  }

  /** Gives the hash that stands in `hashes` at `offset` the next index. */
  push(hashes: Buffer, offset: number): number {
    if (this.#next - this.#first === this.#capacity) this.#makeRoom();
    const index = this.#next++;
    const slot = index % this.#capacity;
    hashes.copy(this.#ring, slot * HASH_BYTES, offset, offset + HASH_BYTES);
    if (this.#taken * 2 >= this.#table.length) this.#rebuild();
    else this.#enter(slot);
    return index;
  }

  /** Hashes of the leaves from one index up to, not including, another, packed; all of them must be kept. */
  slice(from: number, to: number): Uint8Array {
    const hashes = new Uint8Array((to - from) * HASH_BYTES);
    const writer = bufferOn(hashes);
    for (let index = from; index < to; ) {
      const slot = index % this.#capacity;
      const count = Math.min(to - index, this.#capacity - slot);
      const at = slot * HASH_BYTES;
      this.#ring.copy(writer, (index - from) * HASH_BYTES, at, at + count * HASH_BYTES);
      index += count;
    }
    return hashes;
  }

  /** Forgets the leaves from one index up to another; later ones move down. */
  remove(from: number, to: number): void {
    const later = bufferOn(this.slice(to, this.#next));
    this.#next = from;
    this.#rebuild();
    for (let offset = 0; offset < later.length; offset += HASH_BYTES) this.push(later, offset);
  }

  /** The one index among the latest that stands at a slot; below {@link #first} where there is none. */
  #indexAt(slot: number): number {
    const newest = this.#next - 1;
    return newest - ((((newest - slot) % this.#capacity) + this.#capacity) % this.#capacity);
  }

  #makeRoom(): void {
    if (this.#first < this.#keptFrom) {
      this.#first++;
      return;
    }
    const kept = bufferOn(this.slice(this.#first, this.#next));
    this.#capacity *= 2;
    this.#ring = Buffer.alloc(this.#capacity * HASH_BYTES);
    for (let index = this.#first; index < this.#next; index++) {
      const from = (index - this.#first) * HASH_BYTES;
      kept.copy(this.#ring, (index % this.#capacity) * HASH_BYTES, from, from + HASH_BYTES);
    }
    this.#table = new Int32Array(this.#capacity * PLACES);
    this.#rebuild();
  }

  #rebuild(): void {
    this.#table.fill(FREE);
    this.#taken = 0;
    for (let index = this.#first; index < this.#next; index++) this.#enter(index % this.#capacity);
  }

  #enter(slot: number): void {
    const mask = this.#table.length - 1;
    let place = this.#ring.readUInt32LE(slot * HASH_BYTES) & mask;
    while (this.#table[place] !== FREE) place = (place + 1) & mask;
    this.#table[place] = slot;
    this.#taken++;
  }
}
