import { inflateRawSync, inflateSync } from 'node:zlib';
import { AssayError } from '@assay/core';
import type { DocumentLimits } from './document-limits.ts';

/**
 * Measures what a PDF would cost before a reader opens it: every stream is inflated up to a bound, and drawings that
 * repeat drawings (form XObjects, patterns, soft masks) are multiplied out, because a few hundred bytes of nested
 * forms draw for years. The file is read leniently and pessimistically: what is a stream to any reader is one here.
 *
 * @throws PAYLOAD_TOO_LARGE for a stream, a file or a drawing beyond its bound; DOCUMENT_UNREADABLE when encrypted.
 */
export function measurePdf(bytes: Uint8Array, limits: DocumentLimits): void {
  const file = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  const raw = file.toString('latin1');
  if (unescapedNames(raw).includes('/Encrypt')) encrypted();
  const streams = findStreams(file, raw, limits);
  const objectTexts = [
    raw,
    ...streams.filter(({ dictionary }) => /\/ObjStm\b/.test(dictionary)).map(({ data }) => data),
  ];
  const named = namedReferences(objectTexts);
  costOfDrawings(streams, named, limits.maxOperators);
}

/** Refuses a document that a password protects, also when only against printing. */
export function encrypted(): never {
  throw new AssayError('DOCUMENT_UNREADABLE', 'expected a PDF that anybody can read, got an encrypted one', {
    next: 'remove the password and the restrictions, then sign the file again',
  });
}

interface PdfStream {
  number: number;
  dictionary: string;
  /** Inflated, as Latin-1; empty for images and fonts, which draw nothing. */
  data: string;
}

const MAX_STREAMS = 50_000;
const MAX_DICTIONARY = 64 * 1024;

function findStreams(file: Buffer, raw: string, limits: DocumentLimits): PdfStream[] {
  const found: PdfStream[] = [];
  let total = 0;
  let from = 0;
  for (let at = raw.indexOf('stream', from); at >= 0; at = raw.indexOf('stream', at + 6)) {
    if (raw.slice(at - 3, at) === 'end') continue;
    const after = raw[at + 6];
    const start = after === '\r' ? (raw[at + 7] === '\n' ? at + 8 : at + 7) : after === '\n' ? at + 7 : -1;
    if (start < 0) continue;
    if (found.length >= MAX_STREAMS) tooLarge(`at most ${MAX_STREAMS} streams`, 'more');
    // Where the stream ends is the file's word; the next `endstream` or the end of the file is not.
    const end = raw.indexOf('endstream', start);
    const head = raw.slice(Math.max(from, at - MAX_DICTIONARY), at);
    from = at + 6;
    const opening = head.lastIndexOf('obj');
    const number = /(\d{1,10})\s+\d{1,10}\s*$/.exec(
      head.slice(Math.max(0, opening - 24), Math.max(0, opening)),
    )?.[1];
    const dictionary = unescapedNames(opening < 0 ? head : head.slice(opening + 3));
    const stored = file.subarray(start, end < 0 ? file.length : end);
    const data = decoded(stored, dictionary, limits.maxInflatedBytes);
    total += data.length;
    if (total > 4 * limits.maxInflatedBytes) {
      tooLarge(`streams of at most ${4 * limits.maxInflatedBytes} bytes together when inflated`, 'more');
    }
    const draws =
      !/\/Subtype\s*\/Image\b|\/Length1\b|\/FontFile|\/Subtype\s*\/(Type1C|CIDFontType0C|OpenType|XML)\b/.test(
        dictionary,
      );
    found.push({ number: Number(number ?? -1), dictionary, data: draws ? data.toString('latin1') : '' });
  }
  return found;
}

/** A filter may be named anywhere in the dictionary, and applied several times: each pass is bounded. */
function decoded(stored: Buffer, dictionary: string, bound: number): Buffer {
  const filters = [
    ...dictionary.matchAll(
      /\/(FlateDecode|Fl|LZWDecode|LZW|RunLengthDecode|RL|ASCII85Decode|A85|ASCIIHexDecode|AHx)\b/g,
    ),
  ];
  if (filters.length > 8) tooLarge('at most 8 filters on a stream', `${filters.length}`);
  let data = stored;
  for (const [, filter] of filters) {
    if (filter === 'FlateDecode' || filter === 'Fl') data = inflated(data, bound);
    else if (filter === 'LZWDecode' || filter === 'LZW')
      data = lzwDecoded(data, !/\/EarlyChange\s+0/.test(dictionary), bound);
    else if (filter === 'RunLengthDecode' || filter === 'RL') data = runLengthDecoded(data, bound);
    else data = asciiDecoded(data, filter!);
  }
  return data;
}

/** As a lenient reader does it: with or without the zlib header, and whatever came out before an error counts. */
function inflated(data: Buffer, bound: number): Buffer {
  // Streams often begin after a stray line end.
  const begin = data[0] === 0x0a || data[0] === 0x0d ? 1 : 0;
  const options = { maxOutputLength: bound, finishFlush: 2 };
  for (const attempt of [
    () => inflateSync(data.subarray(begin), options),
    () => inflateRawSync(data.subarray(begin), options),
    () => inflateRawSync(data.subarray(begin + 2), options),
    () => inflateUntilError(data.subarray(begin), bound),
  ]) {
    try {
      return attempt();
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE') {
        tooLarge(
          `streams of at most ${bound} bytes when inflated`,
          `a stream of ${data.length} bytes that inflates to more`,
        );
      }
    }
  }
  return Buffer.alloc(0);
}

/** A stream broken at its end still inflates up to there: the longest good prefix, found by halving. */
function inflateUntilError(data: Buffer, bound: number): Buffer {
  let best: Buffer = Buffer.alloc(0);
  let low = 2;
  let high = data.length;
  for (let i = 0; i < 24 && low < high; i++) {
    const middle = (low + high + 1) >> 1;
    try {
      best = inflateSync(data.subarray(0, middle), { maxOutputLength: bound, finishFlush: 2 });
      low = middle;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE') throw error;
      high = middle - 1;
    }
  }
  return best;
}

/** LZW as TIFF and PDF have it (ISO 32000-1, 7.4.4): 9 to 12 bits a code, 256 clears, 257 ends. */
export function lzwDecoded(data: Buffer, early: boolean, bound: number): Buffer {
  let output = Buffer.alloc(Math.min(bound, Math.max(1024, data.length * 4)));
  let length = 0;
  /** Where an entry's bytes stand in the output: every entry was written there when it was made. */
  const starts = new Int32Array(4097);
  const sizes = new Int32Array(4097);
  let next = 258;
  let width = 9;
  let previous = -1;
  let previousStart = 0;
  let previousSize = 0;
  let bits = 0;
  let held = 0;
  for (const byte of data) {
    held = ((held << 8) | byte) & 0xffffff;
    bits += 8;
    if (bits < width) continue;
    bits -= width;
    const code = (held >> bits) & ((1 << width) - 1);
    if (code === 257) break;
    if (code === 256) {
      next = 258;
      width = 9;
      previous = -1;
      continue;
    }
    if (code > next || (code >= 258 && previous < 0)) break;
    const size = code < 256 ? 1 : code < next ? sizes[code]! : previousSize + 1;
    if (length + size > bound)
      tooLarge(
        `streams of at most ${bound} bytes when inflated`,
        `a stream of ${data.length} bytes that inflates to more`,
      );
    if (length + size > output.length)
      output = Buffer.concat([output], Math.min(bound, Math.max(output.length * 2, length + size)));
    const start = length;
    if (code < 256) output[length] = code;
    else {
      const source = code < next ? starts[code]! : previousStart;
      for (let i = 0; i < size; i++) output[length + i] = output[source + i]!;
    }
    length += size;
    if (previous >= 0 && next < 4096) {
      // The new entry is the previous string and the first byte of this one, which follow each other.
      starts[next] = previousStart;
      sizes[next] = previousSize + 1;
      next++;
    }
    const reach = next + (early ? 1 : 0);
    width = reach >= 2048 ? 12 : reach >= 1024 ? 11 : reach >= 512 ? 10 : 9;
    previous = code;
    previousStart = start;
    previousSize = size;
  }
  return output.subarray(0, length);
}

function runLengthDecoded(data: Buffer, bound: number): Buffer {
  const parts: Buffer[] = [];
  let length = 0;
  for (let i = 0; i < data.length; ) {
    const n = data[i]!;
    if (n === 128) break;
    const part = n < 128 ? data.subarray(i + 1, i + 2 + n) : Buffer.alloc(257 - n, data[i + 1] ?? 0);
    i += n < 128 ? n + 2 : 2;
    length += part.length;
    if (length > bound) tooLarge(`streams of at most ${bound} bytes when inflated`, 'more');
    parts.push(part);
  }
  return Buffer.concat(parts);
}

function asciiDecoded(data: Buffer, filter: string): Buffer {
  if (filter === 'ASCIIHexDecode' || filter === 'AHx') {
    return Buffer.from(
      data
        .toString('latin1')
        .split('>', 1)[0]!
        .replace(/[^0-9a-fA-F]/g, ''),
      'hex',
    );
  }
  const output = Buffer.alloc(Math.ceil(data.length / 5) * 4 + data.length * 4);
  let length = 0;
  let group: number[] = [];
  const flush = (count: number) => {
    const padded = [...group, 84, 84, 84, 84].slice(0, 5);
    let value = 0;
    for (const digit of padded) value = value * 85 + digit;
    output.writeUInt32BE(value % 2 ** 32, length);
    length += count;
    group = [];
  };
  for (const byte of data) {
    if (byte === 0x7e) break;
    if (byte === 0x7a && group.length === 0) {
      output.writeUInt32BE(0, length);
      length += 4;
    } else if (byte >= 0x21 && byte <= 0x75) {
      group.push(byte - 0x21);
      if (group.length === 5) flush(4);
    }
  }
  if (group.length > 1) flush(group.length - 1);
  return output.subarray(0, length);
}

/** Every `/Name 12 0 R` of the file: which objects a name may mean. */
function namedReferences(texts: readonly string[]): Map<string, Set<number>> {
  const named = new Map<string, Set<number>>();
  for (const text of texts) {
    // A comment is white space to a PDF reader, and binary data may hold a percent sign: both readings count.
    for (const reading of text.includes('%') ? [text, text.replace(/%[^\r\n]*/g, ' ')] : [text]) {
      for (const [, name, number] of reading.matchAll(
        /\/([^\s/<>[\](){}%]{1,127})\s+(\d{1,10})\s+\d{1,5}\s+R\b/g,
      )) {
        const plain = unescapedNames(name!);
        const numbers = named.get(plain) ?? new Set();
        numbers.add(Number(number));
        named.set(plain, numbers);
      }
    }
  }
  return named;
}

/**
 * Operators of each stream, with those of every stream that one of its names may draw. Names are resolved for the
 * whole file at once and the dearest meaning counts, which is more than any page can cost.
 */
function costOfDrawings(
  streams: readonly PdfStream[],
  named: ReadonlyMap<string, ReadonlySet<number>>,
  bound: number,
): void {
  const byNumber = new Map<number, PdfStream[]>();
  for (const one of streams) byNumber.set(one.number, [...(byNumber.get(one.number) ?? []), one]);
  const costs = new Map<PdfStream, number>();
  const open = new Set<PdfStream>();
  const costOf = (one: PdfStream, depth: number): number => {
    const known = costs.get(one);
    if (known !== undefined) return known;
    // Readers refuse a drawing inside itself; deeper than this nobody nests.
    if (open.has(one)) return 0;
    if (depth > 100) tooLarge('drawings nested at most 100 deep', 'more');
    open.add(one);
    let cost = 1 + one.data.length / 8;
    for (const [name, times] of drawnNames(one.data)) {
      let dearest = 0;
      for (const number of named.get(name) ?? []) {
        for (const drawn of byNumber.get(number) ?? []) dearest = Math.max(dearest, costOf(drawn, depth + 1));
      }
      cost += times * dearest;
      if (cost > bound * 8) break;
    }
    open.delete(one);
    costs.set(one, cost);
    if (cost > bound * 8)
      tooLarge(`drawings of at most ${bound} operators`, 'drawings that repeat each other more often');
    return cost;
  };
  for (const one of streams) costOf(one, 0);
}

/** Names that a content stream draws, and how often; a soft mask hangs on `gs` by the name G. */
function drawnNames(content: string): Map<string, number> {
  const times = new Map<string, number>();
  const count = (name: string) => times.set(name, (times.get(name) ?? 0) + 1);
  for (const [, name, operator] of content.matchAll(/\/([^\s/<>[\](){}%]{1,127})\s+(Do|scn|SCN|gs|sh)\b/g)) {
    count(unescapedNames(name!));
    if (operator === 'gs') count('G');
  }
  // `/A%\nDo`: a drawing whose name a comment parts from its operator.
  for (const [, name] of content.matchAll(/\/([^\s/<>[\](){}%]{1,127})\s*%[^\r\n]*[\r\n]/g))
    count(unescapedNames(name!));
  return times;
}

function unescapedNames(text: string): string {
  return text.includes('#')
    ? text.replace(/#([0-9a-fA-F]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)))
    : text;
}

function tooLarge(expected: string, got: string): never {
  throw new AssayError('PAYLOAD_TOO_LARGE', `expected a PDF with ${expected}, got ${got}`, {
    next: 'print the document to a new PDF',
  });
}
