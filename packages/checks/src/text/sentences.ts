/** A sentence, a heading, or a row of a table. */
export interface Sentence {
  start: number;
  end: number;
  text: string;
}

const ABBREVIATION =
  /(?:^|[\s(])(?:[A-Z]|Mr|Mrs|Ms|Dr|Prof|St|No|Nos|Art|Sec|Inc|Ltd|Corp|Co|Bros|vs?|approx|incl|excl|cf|e\.g|i\.e|etc|Jan|Feb|Mar|Apr|Jun|Jul|Aug|Sept?|Oct|Nov|Dec|U\.S|[A-Z]\.[A-Z]|[A-Z]\.[A-Z]\.[A-Z]|\d{1,3}(?:\.\d{1,3})*)\.$/;
const NUMBERED =
  /^\s*(?:(?:Section|Clause|Article|§)\s*)?(?:\d{1,3}(?:\.\d{1,3}){0,4}[.)]?\s|\([a-z0-9]{1,4}\)\s|[-*•]\s)/i;

/** Divides a text at full stops, empty lines, numbered lines and table rows; an abbreviation ends nothing. */
export function findSentences(text: string): Sentence[] {
  const found: Sentence[] = [];
  let start = 0;
  const close = (end: number) => {
    const piece = text.slice(start, end);
    const trimmed = piece.trim();
    if (trimmed !== '') {
      const from = start + piece.length - piece.trimStart().length;
      found.push({ start: from, end: from + trimmed.length, text: trimmed });
    }
    start = end;
  };
  for (const { 0: mark, index } of text.matchAll(/[.!?]["”’)]?(?=\s)|\n/g)) {
    const end = index + mark.length;
    if (mark === '\n') {
      const line = text.slice(index + 1, index + 40);
      const here = text.slice(start, index);
      if (
        line.startsWith('\n') ||
        NUMBERED.test(line) ||
        here.includes('\t') ||
        /^[^\n]{0,40}\t/.test(line) ||
        isHeading(here, line)
      )
        close(end);
    } else {
      const next = /^\s+(\S)/.exec(text.slice(end, end + 8))?.[1];
      const lead = text.slice(Math.max(start, end - 14), end);
      if (next !== undefined && /[\p{Ll},;]/u.test(next)) continue;
      if (mark.startsWith('.') && ABBREVIATION.test(mark.length > 1 ? lead.slice(0, -1) : lead)) continue;
      close(end);
    }
  }
  close(text.length);
  return found;
}

/** A whole line in capitals, or a short numbered one that ends without a stop before a line with a capital. */
function isHeading(line: string, next: string): boolean {
  const plain = line.trim();
  if (NUMBERED.test(plain) && plain.length < 60 && /[\p{L})]$/u.test(plain) && /^\s*["“„]?\p{Lu}/u.test(next))
    return true;
  return plain.length > 0 && plain.length < 70 && plain === plain.toUpperCase() && /\p{Lu}{3}/u.test(plain);
}

/** The sentence that holds an offset. */
export function sentenceAt(sentences: readonly Sentence[], offset: number): Sentence | undefined {
  let low = 0;
  let high = sentences.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (sentences[middle]!.start <= offset) low = middle;
    else high = middle - 1;
  }
  return sentences[low];
}
