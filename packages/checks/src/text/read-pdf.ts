import { AssayError } from '@assay/core';
import {
  getDocument,
  OPS,
  type PDFDocumentProxy,
  type PDFPageProxy,
  VerbosityLevel,
} from 'pdfjs-dist/legacy/build/pdf.mjs';
import type { DocumentLimits } from './document-limits.ts';
import { layOut, type PdfRun } from './pdf-layout.ts';
import { encrypted, measurePdf } from './pdf-limits.ts';
import type { HiddenText, TextDocument } from './read-document.ts';
import { TextBuilder } from './text-builder.ts';

/** pdf.js looks for its worker here first and then runs it in this thread, without a process or a thread of its own. */
const WORKER: string = 'pdfjs-dist/legacy/build/pdf.worker.mjs';

/**
 * Reads a PDF through pdf.js. The drawing operators are read rather than its text content, because only they tell
 * how a letter is painted: colour, size, mode, what lies under and over it. Images are not decoded.
 *
 * @throws as {@link readDocument}.
 */
export async function readPdf(bytes: Uint8Array, limits: DocumentLimits): Promise<TextDocument> {
  measurePdf(bytes, limits);
  const task = getDocument({
    // pdf.js takes the buffer away from its owner, and wants no Node Buffer.
    data: new Uint8Array(bytes),
    verbosity: VerbosityLevel.ERRORS,
    disableFontFace: true,
    useSystemFonts: false,
    useWorkerFetch: false,
    useWasm: false,
    isOffscreenCanvasSupported: false,
    isImageDecoderSupported: false,
    disableAutoFetch: true,
    disableStream: true,
    disableRange: true,
    enableXfa: false,
    maxImageSize: 1,
  });
  try {
    await import(WORKER);
    const pdf = await task.promise;
    return await readPages(pdf, limits);
  } catch (error) {
    if (error instanceof AssayError) throw error;
    if ((error as Error)?.name === 'PasswordException') encrypted();
    throw new AssayError(
      'DOCUMENT_UNREADABLE',
      `expected a PDF, got one that cannot be read: ${(error as Error)?.message ?? error}`.slice(0, 300),
      {
        next: 'print the document to a new PDF',
        cause: error,
      },
    );
  } finally {
    await task.destroy().catch(() => undefined);
  }
}

async function readPages(pdf: PDFDocumentProxy, limits: DocumentLimits): Promise<TextDocument> {
  const builder = new TextBuilder();
  const hidden: HiddenText[] = [];
  const layers = await pdf.getOptionalContentConfig();
  let operators = 0;
  let characters = 0;
  let truncated: string | null = null;
  for (let number = 1; number <= pdf.numPages; number++) {
    if (number > limits.maxPages) {
      truncated = `only the first ${limits.maxPages} of ${pdf.numPages} pages were read`;
      break;
    }
    const page = await pdf.getPage(number).catch(() => null);
    if (page === null) {
      truncated ??= `page ${number} cannot be read`;
      continue;
    }
    const list = await page.getOperatorList();
    operators += list.fnArray.length;
    if (operators > limits.maxOperators) {
      truncated = `only ${number - 1} of ${pdf.numPages} pages were read: the next one needs more than ${limits.maxOperators} drawing operators`;
      break;
    }
    const runs = runsOf(list, page, (group) => layers.isVisible(group as never));
    characters += runs.reduce((sum, run) => sum + run.text.length, 0);
    if (characters > limits.maxCharacters) {
      truncated = `only ${number - 1} of ${pdf.numPages} pages were read: more than ${limits.maxCharacters} characters`;
      break;
    }
    hidden.push(...layOut(runs, number, builder));
    page.cleanup();
  }
  const read = builder.done();
  return {
    format: 'pdf',
    charset: 'pdf',
    text: read.text,
    segments: read.segments,
    hidden,
    invalid: [],
    truncated,
  };
}

type Matrix = readonly [number, number, number, number, number, number];
const IDENTITY: Matrix = [1, 0, 0, 1, 0, 0];
const MAX_STATES = 10_000;

interface State {
  ctm: Matrix;
  fill: string;
  alpha: number;
  mode: number;
  fontSize: number;
  fontScale: number;
  charSpacing: number;
  wordSpacing: number;
  scale: number;
  leading: number;
  rise: number;
}

interface Area {
  /** Left, bottom, right, top. */
  box: readonly [number, number, number, number];
  /** null: an image or a pattern, whose colour nobody knows. */
  color: string | null;
  order: number;
}

interface Glyph {
  unicode?: string;
  width?: number;
  isSpace?: boolean;
}

/** Plays the drawing operators and notes every run of text with how it looks (ISO 32000-1, 9.4). */
function runsOf(
  list: { fnArray: number[]; argsArray: unknown[] },
  page: PDFPageProxy,
  isShown: (group: unknown) => boolean,
): PdfRun[] {
  const runs: (PdfRun & { order: number; fill: string | null })[] = [];
  const areas: Area[] = [];
  let state: State = {
    ctm: IDENTITY,
    fill: '#000000',
    alpha: 1,
    mode: 0,
    fontSize: 0,
    fontScale: 0.001,
    charSpacing: 0,
    wordSpacing: 0,
    scale: 1,
    leading: 0,
    rise: 0,
  };
  const states: State[] = [];
  let textMatrix = IDENTITY;
  let lineMatrix = IDENTITY;
  const marks: boolean[] = [];
  const moveText = (x: number, y: number) => {
    lineMatrix = multiply(lineMatrix, [1, 0, 0, 1, x, y]);
    textMatrix = lineMatrix;
  };

  for (const [order, fn] of list.fnArray.entries()) {
    const args = (list.argsArray[order] ?? []) as unknown[];
    const n = (i: number) =>
      typeof args[i] === 'number' && Number.isFinite(args[i]) ? (args[i] as number) : 0;
    switch (fn) {
      case OPS.save:
        if (states.length < MAX_STATES) states.push({ ...state });
        break;
      case OPS.restore:
        state = states.pop() ?? state;
        break;
      case OPS.transform:
        state = { ...state, ctm: multiply(state.ctm, matrixOf(args)) };
        break;
      case OPS.paintFormXObjectBegin:
        if (states.length < MAX_STATES) states.push({ ...state });
        if (args[0] !== null && args[0] !== undefined)
          state = { ...state, ctm: multiply(state.ctm, matrixOf(args[0])) };
        break;
      case OPS.paintFormXObjectEnd:
        state = states.pop() ?? state;
        break;
      case OPS.setGState:
        for (const [key, value] of (args[0] ?? []) as [string, unknown][]) {
          if (key === 'ca' && typeof value === 'number') state = { ...state, alpha: value };
          if (key === 'Font' && Array.isArray(value)) state = { ...state, fontSize: Number(value[1]) || 0 };
        }
        break;
      case OPS.setFillRGBColor:
        state = { ...state, fill: typeof args[0] === 'string' ? args[0] : '#000000' };
        break;
      case OPS.setFillTransparent:
        state = { ...state, fill: 'transparent' };
        break;
      case OPS.setFillColorN:
      case OPS.shadingFill:
        state = { ...state, fill: 'pattern' };
        break;
      case OPS.constructPath: {
        const box = boxOf(args[2], state.ctm);
        const paint = args[0] as number;
        const fills = [
          OPS.fill,
          OPS.eoFill,
          OPS.fillStroke,
          OPS.eoFillStroke,
          OPS.closeFillStroke,
          OPS.closeEOFillStroke,
        ].includes(paint as never);
        if (box !== null && fills && state.alpha >= 0.95)
          areas.push({ box, color: state.fill === 'pattern' ? null : state.fill, order });
        break;
      }
      case OPS.paintImageXObject:
      case OPS.paintInlineImageXObject:
      case OPS.paintImageMaskXObject:
      case OPS.paintImageXObjectRepeat:
      case OPS.paintImageMaskXObjectRepeat:
        areas.push({ box: transformed(state.ctm, [0, 0, 1, 1]), color: null, order });
        break;
      case OPS.beginMarkedContentProps:
        marks.push(args[0] !== 'OC' || isShown(args[1]));
        break;
      case OPS.beginMarkedContent:
        marks.push(true);
        break;
      case OPS.endMarkedContent:
        marks.pop();
        break;
      case OPS.beginText:
        textMatrix = IDENTITY;
        lineMatrix = IDENTITY;
        break;
      case OPS.setFont: {
        const font = fontOf(page, args[0]);
        state = { ...state, fontSize: n(1), fontScale: font };
        break;
      }
      case OPS.setTextRenderingMode:
        state = { ...state, mode: n(0) };
        break;
      case OPS.setCharSpacing:
        state = { ...state, charSpacing: n(0) };
        break;
      case OPS.setWordSpacing:
        state = { ...state, wordSpacing: n(0) };
        break;
      case OPS.setHScale:
        state = { ...state, scale: n(0) };
        break;
      case OPS.setLeading:
        // pdf.js hands on the leading with its sign turned, as it hands it to its own canvas.
        state = { ...state, leading: Math.abs(n(0)) };
        break;
      case OPS.setTextRise:
        state = { ...state, rise: n(0) };
        break;
      case OPS.moveText:
        moveText(n(0), n(1));
        break;
      case OPS.setLeadingMoveText:
        state = { ...state, leading: Math.abs(n(1)) };
        moveText(n(0), n(1));
        break;
      case OPS.setTextMatrix:
        lineMatrix = matrixOf(args.length >= 6 ? args : args[0]);
        textMatrix = lineMatrix;
        break;
      case OPS.nextLine:
        moveText(0, -state.leading);
        break;
      case OPS.showText:
      case OPS.showSpacedText: {
        const shown = marks.every((mark) => mark);
        for (const part of partsOf(args[0], state)) {
          const placed = multiply(state.ctm, multiply(textMatrix, [1, 0, 0, 1, part.offset, state.rise]));
          const size = Math.abs(state.fontSize) * Math.hypot(placed[2], placed[3]);
          runs.push({
            text: part.text,
            x: placed[4],
            y: placed[5],
            width: part.width * Math.hypot(placed[0], placed[1]),
            size,
            upright: Math.abs(placed[1]) < 0.2 * Math.abs(placed[0]),
            hidden: hiddenByState(state, size, shown),
            order,
            fill: state.mode === 1 || state.mode === 5 ? null : state.fill,
          });
          if (part.last) textMatrix = multiply(textMatrix, [1, 0, 0, 1, part.end, 0]);
        }
        break;
      }
    }
  }
  return hiddenByNeighbours(runs, areas, page.view as unknown as [number, number, number, number]);
}

/** Divides what one operator shows where the gap is a column's, not a space's; all lengths in text space. */
function* partsOf(
  value: unknown,
  state: State,
): Generator<{ text: string; offset: number; width: number; end: number; last: boolean }> {
  const items = Array.isArray(value) ? (value as (Glyph | number | null)[]) : [];
  let at = 0;
  let text = '';
  let start = 0;
  const parts: { text: string; offset: number; width: number }[] = [];
  for (const item of items) {
    if (typeof item === 'number') {
      const gap = (-item / 1000) * state.fontSize * state.scale;
      if (gap > 1.5 * Math.abs(state.fontSize) && text !== '') {
        parts.push({ text, offset: start, width: at - start });
        text = '';
      } else if (gap > 0.18 * Math.abs(state.fontSize) && text !== '' && !text.endsWith(' ')) text += ' ';
      at += gap;
      if (text === '') start = at;
    } else if (item !== null && typeof item === 'object') {
      const advance =
        (item.width ?? 0) * state.fontScale * state.fontSize +
        state.charSpacing +
        (item.isSpace ? state.wordSpacing : 0);
      text += item.unicode ?? '';
      at += advance * state.scale;
    }
  }
  if (text !== '') parts.push({ text, offset: start, width: at - start });
  if (parts.length === 0) parts.push({ text: '', offset: 0, width: 0 });
  for (const [i, part] of parts.entries()) yield { ...part, end: at, last: i === parts.length - 1 };
}

function hiddenByState({ mode, alpha, fill }: State, size: number, shown: boolean): string | null {
  if (!shown) return 'on a layer that is switched off';
  if (mode === 3 || mode === 7) return 'invisible letters (text rendering mode 3)';
  if (alpha <= 0.05 || fill === 'transparent') return 'transparent letters';
  return size < 1 ? `a font of ${size.toFixed(2)} points` : null;
}

/** What lies under a run gives its background; what is painted over it later covers it. */
function hiddenByNeighbours(
  runs: (PdfRun & { order: number; fill: string | null })[],
  areas: readonly Area[],
  view: readonly [number, number, number, number],
): PdfRun[] {
  const images = areas.filter(({ color }) => color === null);
  // Recognised text over a scan is invisible on purpose: the picture shows the same words.
  const scanned =
    runs.length > 0 && runs.every(({ hidden }) => hidden?.startsWith('invisible')) && images.length > 0;
  // A page of vector art has many areas; the ones nearest in order decide, and this bounds the work.
  const near = areas.slice(-2_000);
  return runs.map((run) => {
    const middle = [run.x + run.width / 2, run.y + run.size * 0.3] as const;
    const covers = ({ box }: Area) =>
      middle[0] >= box[0] && middle[0] <= box[2] && middle[1] >= box[1] && middle[1] <= box[3];
    if (scanned) return { ...run, hidden: null };
    if (run.hidden !== null || run.text.trim() === '') return run;
    if (middle[0] < view[0] || middle[0] > view[2] || middle[1] < view[1] || middle[1] > view[3]) {
      return { ...run, hidden: 'outside of the page' };
    }
    const whole = ({ box }: Area) => box[0] <= run.x + 0.5 && box[2] >= run.x + run.width - 0.5;
    const over = near.find(
      (area) => area.order > run.order && area.color !== null && covers(area) && whole(area),
    );
    if (over !== undefined) return { ...run, hidden: `covered by a box of ${over.color}` };
    const under = near.findLast((area) => area.order < run.order && covers(area));
    const ground = under === undefined ? '#ffffff' : under.color;
    if (run.fill === null || run.fill === 'pattern' || ground === null) return run;
    const distance = colorDistance(run.fill, ground);
    return distance !== null && distance <= 12 ? { ...run, hidden: `${run.fill} letters on ${ground}` } : run;
  });
}

function colorDistance(a: string, b: string): number | null {
  const channels = (color: string) =>
    /^#([0-9a-f]{2})([0-9a-f]{2})([0-9a-f]{2})/i
      .exec(color)
      ?.slice(1)
      .map((hex) => Number.parseInt(hex, 16));
  const [one, other] = [channels(a), channels(b)];
  return one === undefined || other === undefined
    ? null
    : Math.max(...one.map((channel, i) => Math.abs(channel - other[i]!)));
}

/** Glyph widths are thousandths of an em, except in Type 3 fonts, which bring their own matrix. */
function fontOf(page: PDFPageProxy, name: unknown): number {
  try {
    if (typeof name !== 'string' || !page.commonObjs.has(name)) return 0.001;
    const matrix = (page.commonObjs.get(name) as { fontMatrix?: number[] }).fontMatrix;
    const scale = Math.abs(matrix?.[0] ?? 0.001);
    return Number.isFinite(scale) && scale > 0 ? scale : 0.001;
  } catch {
    return 0.001;
  }
}

function matrixOf(value: unknown): Matrix {
  const numbers = ArrayBuffer.isView(value)
    ? Array.from(value as Float32Array)
    : Array.isArray(value)
      ? (value as number[])
      : [];
  return numbers.length >= 6 && numbers.slice(0, 6).every(Number.isFinite)
    ? (numbers.slice(0, 6) as unknown as Matrix)
    : IDENTITY;
}

function multiply(a: Matrix, b: Matrix): Matrix {
  return [
    a[0] * b[0] + a[2] * b[1],
    a[1] * b[0] + a[3] * b[1],
    a[0] * b[2] + a[2] * b[3],
    a[1] * b[2] + a[3] * b[3],
    a[0] * b[4] + a[2] * b[5] + a[4],
    a[1] * b[4] + a[3] * b[5] + a[5],
  ];
}

function boxOf(value: unknown, ctm: Matrix): Area['box'] | null {
  if (!ArrayBuffer.isView(value)) return null;
  const [left, bottom, right, top] = Array.from(value as Float32Array);
  if (left === undefined || top === undefined || ![left, bottom, right, top].every(Number.isFinite))
    return null;
  return transformed(ctm, [left, bottom!, right!, top]);
}

function transformed(
  m: Matrix,
  [left, bottom, right, top]: readonly [number, number, number, number],
): Area['box'] {
  const corners = [
    [left, bottom],
    [right, bottom],
    [left, top],
    [right, top],
  ].map(([x, y]) => [m[0] * x! + m[2] * y! + m[4], m[1] * x! + m[3] * y! + m[5]] as const);
  const xs = corners.map(([x]) => x);
  const ys = corners.map(([, y]) => y);
  return [Math.min(...xs), Math.min(...ys), Math.max(...xs), Math.max(...ys)];
}
