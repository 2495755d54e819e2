/**
 * What a detector remembers is stored by `v8.serialize`, in at most 4 MiB. Numbers of items bound it for usual names;
 * names of 200 letters need a bound in bytes.
 */

/** Bytes that a text takes when it is stored, at most. */
export function storedBytes(...texts: readonly string[]): number {
  return texts.reduce(
    (sum, text) => sum + TEXT_HEAD + text.length * (ONE_BYTE_LETTERS.test(text) ? 1 : 2),
    0,
  );
}

/** Type, length and padding. */
const TEXT_HEAD = 4;
const ONE_BYTE_LETTERS = /^[\0-\xff]*$/;

/** The newest items, which stand last: at most `most`, and at most `mostBytes` when stored. */
export function newestWithin<T>(
  items: readonly T[],
  most: number,
  mostBytes: number,
  bytesOf: (item: T) => number,
): T[] {
  let first = items.length;
  let bytes = 0;
  while (first > 0 && items.length - first < most) {
    bytes += bytesOf(items[first - 1]!);
    if (bytes > mostBytes) break;
    first -= 1;
  }
  return items.slice(first);
}

/** Forgets what was put into a map first, until the rest takes at most `mostBytes`. @returns what was forgotten. */
export function forgetOldest<T>(
  items: Map<string, T>,
  mostBytes: number,
  bytesOf: (key: string, item: T) => number,
): T[] {
  let bytes = 0;
  for (const [key, item] of items) bytes += bytesOf(key, item);
  const forgotten: T[] = [];
  for (const [key, item] of items) {
    if (bytes <= mostBytes) break;
    bytes -= bytesOf(key, item);
    items.delete(key);
    forgotten.push(item);
  }
  return forgotten;
}
