import { AssayError } from '@assay/core';
import type { Place, TextDocument } from './read-document.ts';

const MAX_INVALID = 100;
/** HTML asks that a `<meta charset>` stand in the first 1,024 bytes. */
const META_BYTES = 1024;

/**
 * Decodes bytes by their byte order mark, else the declared charset, else (HTML) its meta element, else UTF-8.
 * Bytes that are no character become U+FFFD and are reported with their place.
 *
 * @throws DOCUMENT_UNREADABLE for a charset that the WHATWG Encoding Standard does not have, and for binary data.
 */
export function decodeText(
  bytes: Uint8Array,
  mediaType: string,
  html: boolean,
): { text: string; charset: string; invalid: TextDocument['invalid'] } {
  const charset = charsetOf(bytes, mediaType, html);
  if (charset.startsWith('utf-16')) return { charset, ...decodeUtf16(bytes, charset) };
  if (charset === 'utf-8') return { charset, ...decodeUtf8(bytes) };
  const text = new TextDecoder(charset).decode(bytes);
  return { charset, text, invalid: replacements(text) };
}

function charsetOf(bytes: Uint8Array, mediaType: string, html: boolean): string {
  if (bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf) return 'utf-8';
  if (bytes[0] === 0xff && bytes[1] === 0xfe) return 'utf-16le';
  if (bytes[0] === 0xfe && bytes[1] === 0xff) return 'utf-16be';
  const declared = /;\s*charset\s*=\s*"?([^\s";]+)/i.exec(mediaType)?.[1];
  const head = html ? Buffer.from(bytes.subarray(0, META_BYTES)).toString('latin1') : '';
  const meta = /<meta\b[^>]{0,300}?\bcharset\s*=\s*["']?\s*([\w.:-]{1,40})/i.exec(head)?.[1];
  // A document that says UTF-16 about itself in bytes that could be read is not in UTF-16 (Encoding Standard).
  const label = declared ?? (meta !== undefined && /^utf-?16/i.test(meta) ? 'utf-8' : meta) ?? 'utf-8';
  if (bytes.subarray(0, META_BYTES).includes(0) && !/^utf-?16/i.test(label)) {
    throw new AssayError('DOCUMENT_UNREADABLE', 'expected text, got binary data (a zero byte)', {
      next: 'declare the media type that the file has',
    });
  }
  try {
    return new TextDecoder(label).encoding;
  } catch {
    throw new AssayError(
      'DOCUMENT_UNREADABLE',
      `expected a charset of the Encoding Standard, got ${JSON.stringify(label.slice(0, 40))}`,
      { next: 'declare the charset of the file, or save it as UTF-8' },
    );
  }
}

function decodeUtf8(bytes: Uint8Array): { text: string; invalid: TextDocument['invalid'] } {
  const text = new TextDecoder('utf-8').decode(bytes);
  // Most files are valid: then nothing needs to be looked for.
  try {
    new TextDecoder('utf-8', { fatal: true }).decode(bytes);
    return { text, invalid: [] };
  } catch {
    return { text, invalid: withBytes(bytes, replacements(text)) };
  }
}

/** Names the bytes: each U+FFFD stands for the longest wrong sequence, in order (Encoding Standard, UTF-8 decoder). */
function withBytes(bytes: Uint8Array, places: TextDocument['invalid']): TextDocument['invalid'] {
  let at = 0;
  const found: string[] = [];
  while (at < bytes.length && found.length < places.length) {
    const length = sequenceLength(bytes, at);
    if (length > 0) {
      if (length === 3 && bytes[at] === 0xef && bytes[at + 1] === 0xbf && bytes[at + 2] === 0xbd)
        found.push('EF BF BD');
      at += length;
    } else {
      found.push(
        Buffer.from(bytes.subarray(at, at - length))
          .toString('hex')
          .toUpperCase(),
      );
      at -= length;
    }
  }
  return places
    .map(({ place }, i) => ({ place, bytes: found[i] ?? '' }))
    .filter((one) => one.bytes !== 'EF BF BD');
}

/** Length of the character at `at`; negative: that many bytes are one wrong sequence. */
function sequenceLength(bytes: Uint8Array, at: number): number {
  const lead = bytes[at]!;
  if (lead < 0x80) return 1;
  const needed =
    lead >= 0xc2 && lead <= 0xdf
      ? 1
      : lead >= 0xe0 && lead <= 0xef
        ? 2
        : lead >= 0xf0 && lead <= 0xf4
          ? 3
          : 0;
  if (needed === 0) return -1;
  for (let i = 1; i <= needed; i++) {
    const low = i > 1 ? 0x80 : lead === 0xe0 ? 0xa0 : lead === 0xf0 ? 0x90 : 0x80;
    const high = i > 1 ? 0xbf : lead === 0xed ? 0x9f : lead === 0xf4 ? 0x8f : 0xbf;
    const byte = bytes[at + i];
    if (byte === undefined || byte < low || byte > high) return -i;
  }
  return needed + 1;
}

/** Node may be built without the big-endian decoder, so the bytes are turned round first. */
function decodeUtf16(bytes: Uint8Array, charset: string): { text: string; invalid: TextDocument['invalid'] } {
  const even = bytes.slice(0, bytes.length - (bytes.length % 2));
  if (charset === 'utf-16be') Buffer.from(even.buffer, even.byteOffset, even.length).swap16();
  const text = new TextDecoder('utf-16le').decode(even) + (bytes.length % 2 === 1 ? '\ufffd' : '');
  return { text, invalid: replacements(text) };
}

function replacements(text: string): TextDocument['invalid'] {
  const found: TextDocument['invalid'] = [];
  let line = 1;
  let lineStart = 0;
  for (let i = 0; i < text.length && found.length < MAX_INVALID; i++) {
    const c = text[i]!;
    if (c === '\n' || (c === '\r' && text[i + 1] !== '\n')) {
      line++;
      lineStart = i + 1;
    } else if (c === '\ufffd') {
      const place: Place = { line, column: i - lineStart + 1 };
      found.push({ place, bytes: '' });
    }
  }
  return found;
}
