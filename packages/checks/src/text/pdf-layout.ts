import type { HiddenText } from './read-document.ts';
import type { TextBuilder } from './text-builder.ts';

/** A run of letters as a page shows it; lengths in points from the lower left corner. */
export interface PdfRun {
  text: string;
  x: number;
  y: number;
  width: number;
  size: number;
  /** Read from left to right; others stand on lines of their own. */
  upright: boolean;
  /** How it is hidden; null when it can be seen. */
  hidden: string | null;
}

/**
 * Puts the runs of one page in reading order: lines from the top, runs from the left. A gap wider than one and a half
 * letters divides cells. Two columns of running text come out side by side, as cells.
 *
 * @returns what is hidden; it is kept out of the text, with the line it stands beside.
 */
export function layOut(runs: readonly PdfRun[], page: number, builder: TextBuilder): HiddenText[] {
  const seen = runs.filter(({ text, hidden }) => hidden === null && text.trim() !== '');
  const lines = linesOf(seen);
  const leading = median(
    lines
      .slice(1)
      .map((line, i) => lines[i]!.y - line.y)
      .filter((gap) => gap > 0),
  );
  for (const [i, line] of lines.entries()) {
    const above = lines[i - 1];
    if (above !== undefined) builder.break(above.y - line.y > 1.4 * leading ? 2 : 1);
    addLine(line.runs, page, i + 1, builder);
  }
  // Paragraphs run on over a page's end, so that only the line ends.
  builder.break(1);
  return hiddenOf(runs, page, lines);
}

interface Line {
  y: number;
  size: number;
  runs: PdfRun[];
}

function linesOf(runs: readonly PdfRun[]): Line[] {
  const lines: Line[] = [];
  for (const run of [...runs].sort((a, b) => b.y - a.y || a.x - b.x)) {
    const last = lines.at(-1);
    if (
      last !== undefined &&
      run.upright &&
      last.runs[0]!.upright &&
      Math.abs(last.y - run.y) < 0.45 * Math.min(last.size, run.size)
    ) {
      last.runs.push(run);
    } else lines.push({ y: run.y, size: run.size, runs: [run] });
  }
  for (const line of lines) line.runs.sort((a, b) => a.x - b.x);
  return lines;
}

function addLine(runs: readonly PdfRun[], page: number, line: number, builder: TextBuilder): void {
  let column = 1;
  let end = Number.NEGATIVE_INFINITY;
  for (const run of runs) {
    const gap = run.x - end;
    if (end > Number.NEGATIVE_INFINITY) {
      if (gap > 1.5 * run.size) builder.separate('\t');
      else if (gap > 0.15 * run.size) builder.separate(' ');
      if (gap > 0.15 * run.size) column++;
    }
    const text = run.text.replace(/[\r\n\t]/g, ' ');
    builder.add(text, { page, line, column });
    column += text.length;
    end = run.x + run.width;
  }
}

function hiddenOf(runs: readonly PdfRun[], page: number, lines: readonly Line[]): HiddenText[] {
  const found: HiddenText[] = [];
  let last: PdfRun | null = null;
  for (const run of runs) {
    if (run.hidden === null || !/[\p{L}\p{N}]/u.test(run.text)) continue;
    const previous = found.at(-1);
    // Words are often drawn one by one: what follows on, in the same manner, is one finding.
    if (
      last !== null &&
      previous !== undefined &&
      last.hidden === run.hidden &&
      previous.text.length + run.text.length < 2000
    ) {
      const apart = Math.abs(last.y - run.y) > 0.5 || run.x - last.x - last.width > 0.15 * run.size;
      previous.text += (apart ? ' ' : '') + run.text;
    } else {
      const beside = lines.findIndex(({ y }) => y <= run.y);
      found.push({
        place: { page, line: (beside < 0 ? lines.length : beside) + 1, column: 1 },
        text: run.text,
        how: run.hidden,
      });
    }
    last = run;
  }
  return found;
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[(sorted.length - 1) >> 1] ?? 0;
}
