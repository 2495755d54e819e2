import { AssayError } from '@assay/core';
import { decodeText } from './charset.ts';
import { DOCUMENT_LIMITS, type DocumentLimits } from './document-limits.ts';
import { readHtml } from './read-html.ts';
import { readMarkdown } from './read-markdown.ts';
import { readPdf } from './read-pdf.ts';

/** Where a piece of text stands. Pages, lines and columns count from 1; only PDFs have pages. */
export interface Place {
  page?: number;
  line: number;
  /** In characters (UTF-16 units). In a PDF, of the line as read. */
  column: number;
}

/** A run of `text` whose characters follow each other in the source too. */
export interface Segment {
  /** Offsets into the document's text; the end is exclusive. */
  start: number;
  end: number;
  place: Place;
}

/** Words that a program reads and a person does not see. They are no part of the document's text. */
export interface HiddenText {
  place: Place;
  text: string;
  /** For people: `white on white`. */
  how: string;
}

export type DocumentFormat = 'pdf' | 'html' | 'markdown' | 'text';

/**
 * A document as a person reads it. Lines end with `\n`, paragraphs with an empty line, cells of a table row are
 * divided by tabs; the words are those of the source.
 */
export interface TextDocument {
  format: DocumentFormat;
  charset: string;
  text: string;
  segments: Segment[];
  hidden: HiddenText[];
  /** Bytes that are no character in the charset. At most 100. */
  invalid: { place: Place; bytes: string }[];
  /** What was left unread and why; null when everything was read. */
  truncated: string | null;
}

/**
 * Reads a PDF, HTML, Markdown or plain text file with the place of every word. Scripts do not run, nothing is
 * fetched, and all work is bounded by `limits` rather than by a clock, so that every machine reads the same.
 *
 * @param mediaType decides the format; `charset=` in it is the declared encoding. A PDF is known by its first bytes.
 * @throws PAYLOAD_TOO_LARGE naming the bound; DOCUMENT_UNREADABLE when it is encrypted, broken or of another type.
 * @example
 * const document = await readDocument(bytes, 'text/markdown; charset=utf-8');
 */
export async function readDocument(
  bytes: Uint8Array,
  mediaType: string,
  limits: DocumentLimits = DOCUMENT_LIMITS,
): Promise<TextDocument> {
  if (bytes.length > limits.maxBytes) {
    throw new AssayError(
      'PAYLOAD_TOO_LARGE',
      `expected a document of at most ${limits.maxBytes} bytes, got ${bytes.length}`,
      { next: 'split the document' },
    );
  }
  const format = formatOf(bytes, mediaType);
  if (format === 'pdf') return readPdf(bytes, limits);
  const decoded = decodeText(bytes, mediaType, format === 'html');
  const source =
    decoded.text.length > limits.maxCharacters ? decoded.text.slice(0, limits.maxCharacters) : decoded.text;
  const read =
    format === 'html' ? readHtml(source) : format === 'markdown' ? readMarkdown(source) : plain(source);
  return {
    format,
    charset: decoded.charset,
    ...read,
    invalid: decoded.invalid,
    truncated:
      source.length < decoded.text.length
        ? `only the first ${limits.maxCharacters} of ${decoded.text.length} characters were read`
        : null,
  };
}

/** `page 2, line 14` or `line 3, column 8`. */
export function describePlace({ page, line, column }: Place): string {
  return page === undefined ? `line ${line}, column ${column}` : `page ${page}, line ${line}`;
}

/** The place of a character of the document's text. */
export function placeAt(document: TextDocument, offset: number): Place {
  const { segments } = document;
  let low = 0;
  let high = segments.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (segments[middle]!.start <= offset) low = middle;
    else high = middle - 1;
  }
  const segment = segments[low];
  if (segment === undefined) return { line: 1, column: 1 };
  const inside = Math.max(0, Math.min(offset, segment.end) - segment.start);
  return { ...segment.place, column: segment.place.column + inside };
}

/** What is read of a format, before the charset is added. */
export type ReadText = Pick<TextDocument, 'text' | 'segments' | 'hidden'>;

function formatOf(bytes: Uint8Array, mediaType: string): DocumentFormat {
  // The PDF header may stand anywhere in the first 1,024 bytes (ISO 32000-1, annex H, note 13).
  if (Buffer.from(bytes.subarray(0, 1024)).includes('%PDF-')) return 'pdf';
  const type = mediaType.split(';')[0]!.trim().toLowerCase();
  if (type === 'text/html' || type === 'application/xhtml+xml') return 'html';
  if (type === 'text/markdown' || type === 'text/x-markdown') return 'markdown';
  if (type === 'text/plain') return 'text';
  throw new AssayError(
    'DOCUMENT_UNREADABLE',
    type === 'application/pdf'
      ? 'expected a PDF, got a file without the %PDF- header'
      : `expected application/pdf, text/html, text/markdown or text/plain, got ${JSON.stringify(type.slice(0, 80))}`,
    { next: 'declare the media type that the file has' },
  );
}

function plain(source: string): ReadText {
  const segments: Segment[] = [];
  let text = '';
  for (const [i, line] of source.split(/\r\n|\n|\r|\f/).entries()) {
    if (line !== '')
      segments.push({
        start: text.length,
        end: text.length + line.length,
        place: { line: i + 1, column: 1 },
      });
    text += `${line}\n`;
  }
  return { text, segments, hidden: [] };
}
