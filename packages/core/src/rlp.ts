import { bytesToHex } from './encoding.ts';
import { AssayError } from './errors.ts';

/** A byte string, or a list of items. */
export type Rlp = Uint8Array | Rlp[];

/** Deeper nesting than a trie node or a block header has. */
const MAX_DEPTH = 8;

/**
 * Decodes one RLP item that fills the bytes (Yellow Paper, appendix B). Every item has one encoding only: any
 * other is refused, so that two texts never stand for one proof.
 *
 * @throws ENCODING_INVALID for bytes that are not one canonical item.
 * @example
 * decodeRlp(hexToBytes('83646f67')); // the bytes of 'dog'
 */
export function decodeRlp(bytes: Uint8Array): Rlp {
  const { item, end } = readItem(bytes, 0, 0);
  return end === bytes.length ? item : invalid('bytes follow an RLP item');
}

/** The integer of a byte string: big-endian, without leading zeros. @throws ENCODING_INVALID for others. */
export function rlpInteger(bytes: Uint8Array): bigint {
  if (bytes[0] === 0) return invalid('an RLP integer has a leading zero');
  return bytes.length === 0 ? 0n : BigInt(`0x${bytesToHex(bytes)}`);
}

function readItem(bytes: Uint8Array, at: number, depth: number): { item: Rlp; end: number } {
  const first = bytes[at];
  if (first === undefined) return invalid('an RLP item is cut short');
  if (depth > MAX_DEPTH) return invalid(`RLP lists are nested deeper than ${MAX_DEPTH}`);
  if (first < 0x80) return { item: bytes.subarray(at, at + 1), end: at + 1 };
  const isList = first >= 0xc0;
  const short = first - (isList ? 0xc0 : 0x80);
  let start = at + 1;
  let length = short;
  if (short > 55) {
    start += short - 55;
    // Above 2^53 the length is inexact, and beyond any bytes that could follow.
    length = Number(rlpInteger(bytes.subarray(at + 1, start)));
    if (length <= 55) return invalid('an RLP length is longer than it needs to be');
  }
  const end = start + length;
  if (end > bytes.length) return invalid('an RLP item is cut short');
  if (!isList) {
    if (length === 1 && bytes[start]! < 0x80) return invalid('an RLP byte is longer than it needs to be');
    return { item: bytes.subarray(start, end), end };
  }
  const within = bytes.subarray(0, end);
  const items: Rlp[] = [];
  for (let next = start; next < end; ) {
    const member = readItem(within, next, depth + 1);
    items.push(member.item);
    next = member.end;
  }
  return { item: items, end };
}

function invalid(message: string): never {
  throw new AssayError('ENCODING_INVALID', message);
}
