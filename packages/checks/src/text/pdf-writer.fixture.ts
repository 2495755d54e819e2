import { deflateSync } from 'node:zlib';

/** A run of text on a page; `x` and `y` are points from the lower left corner. */
export interface PdfText {
  x: number;
  y: number;
  size: number;
  text: string;
  /** Operators set before the run, e.g. `1 g` for white. */
  before?: string;
}

/** What a page shows, in drawing order: runs of text or raw operators. */
export type PdfPage = readonly (PdfText | { operators: string })[];

export interface PdfOptions {
  compress?: boolean;
  /** Raw objects added under the given numbers (100 and up), written as they stand. */
  extra?: readonly { number: number; body: string | Buffer }[];
  /** Appended inside each page's resources. */
  resources?: string;
}

/**
 * Writes a PDF 1.4 with real text objects in Helvetica (WinAnsi): the smallest file that readers accept without
 * repair. For tests and the bench only.
 */
export function writePdf(pages: readonly PdfPage[], options: PdfOptions = {}): Uint8Array {
  const objects = new Map<number, Buffer>();
  const kids = pages.map((_, i) => `${4 + 2 * i} 0 R`).join(' ');
  objects.set(1, Buffer.from('<< /Type /Catalog /Pages 2 0 R >>'));
  objects.set(2, Buffer.from(`<< /Type /Pages /Kids [${kids}] /Count ${pages.length} >>`));
  objects.set(
    3,
    Buffer.from('<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>'),
  );
  for (const [i, page] of pages.entries()) {
    objects.set(
      4 + 2 * i,
      Buffer.from(
        `<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents ${5 + 2 * i} 0 R ` +
          `/Resources << /Font << /F1 3 0 R >> ${options.resources ?? ''} >> >>`,
      ),
    );
    objects.set(5 + 2 * i, stream(page.map(drawn).join('\n'), options.compress ?? false));
  }
  for (const { number, body } of options.extra ?? []) objects.set(number, Buffer.from(body));
  return assemble(objects);
}

/** A stream object's body, deflated or not. */
export function stream(content: string | Buffer, compress: boolean, entries = ''): Buffer {
  const plain = typeof content === 'string' ? Buffer.from(content, 'latin1') : content;
  const data = compress ? deflateSync(plain) : plain;
  const filter = compress ? ' /Filter /FlateDecode' : '';
  return Buffer.concat([
    Buffer.from(`<< /Length ${data.length}${filter} ${entries} >>\nstream\n`),
    data,
    Buffer.from('\nendstream'),
  ]);
}

/** Lays lines out on as many pages as needed; a tab jumps to the next column of `columns`. */
export function pagesOf(
  lines: readonly string[],
  { size = 10, leading = 14, linesPerPage = 48, columns = [60, 300, 380, 460] } = {},
): PdfPage[] {
  const pages: PdfText[][] = [];
  for (const [i, line] of lines.entries()) {
    if (i % linesPerPage === 0) pages.push([]);
    const y = 740 - (i % linesPerPage) * leading;
    const cells = line.split('\t');
    for (const [c, text] of cells.entries()) {
      if (text !== '') pages.at(-1)!.push({ x: columns[c] ?? 60 + 90 * c, y, size, text });
    }
  }
  return pages;
}

/** WinAnsi has the euro and the curly quotation marks where Latin-1 has control characters. */
const WIN_ANSI: Record<string, string> = {
  '€': '\x80',
  '‘': '\x91',
  '’': '\x92',
  '“': '\x93',
  '”': '\x94',
  '–': '\x96',
  '—': '\x97',
};

function drawn(part: PdfText | { operators: string }): string {
  if ('operators' in part) return part.operators;
  const text = part.text.replace(/[€‘’“”–—]/g, (c) => WIN_ANSI[c]!).replace(/[\\()]/g, (c) => `\\${c}`);
  return `q ${part.before ?? ''} BT /F1 ${part.size} Tf ${part.x} ${part.y} Td (${text}) Tj ET Q`;
}

function assemble(objects: ReadonlyMap<number, Buffer>): Uint8Array {
  const parts: Buffer[] = [Buffer.from('%PDF-1.4\n%\xe2\xe3\xcf\xd3\n', 'latin1')];
  let length = parts[0]!.length;
  const offsets = new Map<number, number>();
  for (const [number, body] of objects) {
    offsets.set(number, length);
    const object = Buffer.concat([Buffer.from(`${number} 0 obj\n`), body, Buffer.from('\nendobj\n')]);
    parts.push(object);
    length += object.length;
  }
  const size = Math.max(...objects.keys()) + 1;
  const rows = Array.from({ length: size }, (_, n) => {
    const offset = offsets.get(n);
    return offset === undefined ? '0000000000 65535 f \n' : `${String(offset).padStart(10, '0')} 00000 n \n`;
  });
  parts.push(
    Buffer.from(
      `xref\n0 ${size}\n${rows.join('')}trailer\n<< /Size ${size} /Root 1 0 R >>\nstartxref\n${length}\n%%EOF\n`,
    ),
  );
  return new Uint8Array(Buffer.concat(parts));
}
