import { concatBytes, fromUtf8, TILE_WIDTH } from '@assay/core';

/** What an add-entries request announces (C2SP tlog-mirror, "Request Body"). */
export interface UploadHead {
  readonly origin: string;
  readonly start: bigint;
  readonly end: bigint;
}

/** Some entries of one bundle, and the proof that they are in the tree. */
export interface EntryPackage {
  /** Index of the first leaf of the bundle, which may stand before {@link start}. */
  readonly first: number;
  readonly start: number;
  readonly end: number;
  readonly entries: readonly Uint8Array[];
  readonly path: readonly Uint8Array[];
}

const HASH_BYTES = 32;

/** Reads the beginning of an add-entries request. Null when it ends too early or the origin is not UTF-8. */
export async function readHead(body: ByteReader): Promise<UploadHead | null> {
  const origin = await readShort(body);
  const numbers = origin && (await body.take(16));
  const ticket = numbers && (await readShort(body));
  if (!ticket) return null;
  const view = new DataView(numbers.buffer, numbers.byteOffset);
  try {
    return { origin: fromUtf8(origin), start: view.getBigUint64(0), end: view.getBigUint64(8) };
  } catch {
    return null;
  }
}

/** The entry packages of a request, one after the other, up to where its body ends. */
export async function* readPackages(
  body: ByteReader,
  uploadStart: number,
  uploadEnd: number,
): AsyncGenerator<EntryPackage> {
  for (let start = uploadStart; start < uploadEnd; ) {
    const first = start - (start % TILE_WIDTH);
    const end = Math.min(uploadEnd, first + TILE_WIDTH);
    const entries: Uint8Array[] = [];
    while (entries.length < end - start) {
      const entry = await readShort(body);
      if (!entry) return;
      entries.push(entry);
    }
    const count = await body.take(1);
    // More than the 63 that are allowed prove nothing: the verifier refuses them.
    const hashes = count && (await body.take(count[0]! * HASH_BYTES));
    if (!hashes) return;
    const path = Array.from({ length: count[0]! }, (_, i) =>
      hashes.subarray(i * HASH_BYTES, (i + 1) * HASH_BYTES),
    );
    yield { first, start, end, entries, path };
    start = end;
  }
}

/** Bytes behind their length in 16 bits. */
async function readShort(body: ByteReader): Promise<Uint8Array | null> {
  const length = await body.take(2);
  return length && body.take((length[0]! << 8) | length[1]!);
}

/** Takes bytes from a stream. A stream that breaks off has ended, for the reader. */
export class ByteReader {
  readonly #chunks: AsyncIterator<Uint8Array>;
  #held: Uint8Array = new Uint8Array();

  constructor(stream: AsyncIterable<Uint8Array>) {
    // Its `return` is never called: that would break the connection before the answer.
    this.#chunks = stream[Symbol.asyncIterator]();
  }

  /** Exactly so many bytes, or null when there are no more as many. */
  async take(length: number): Promise<Uint8Array | null> {
    if (this.#held.length < length && !(await this.#fill(length))) return null;
    const taken = this.#held.subarray(0, length);
    this.#held = this.#held.subarray(length);
    return taken;
  }

  async #fill(length: number): Promise<boolean> {
    const parts = [this.#held];
    for (let total = this.#held.length; total < length; ) {
      const next = await this.#chunks.next().catch(() => null);
      if (!next || next.done) return false;
      parts.push(next.value);
      total += next.value.length;
    }
    this.#held = concatBytes(...parts);
    return true;
  }
}
