import type { HiddenText, Place, ReadText, Segment } from './read-document.ts';

/** Puts a document's text together piece by piece, remembering where each piece came from. */
export class TextBuilder {
  private parts: string[] = [];
  private length = 0;
  private tail = '';
  private readonly segments: Segment[] = [];
  readonly hidden: HiddenText[] = [];

  add(text: string, place: Place): void {
    if (text === '') return;
    this.segments.push({ start: this.length, end: this.length + text.length, place });
    this.push(text);
  }

  /** Ends the line (1) or the paragraph (2); what is ended already stays ended. */
  break(lines: 1 | 2): void {
    if (this.length === 0) return;
    const have = this.tail.endsWith('\n\n') ? 2 : this.tail.endsWith('\n') ? 1 : 0;
    if (have < lines) this.push('\n'.repeat(lines - have));
  }

  /** A separator that is not in the source: a space between words, a tab between cells. */
  separate(separator: ' ' | '\t'): void {
    if (this.length > 0 && !/[\s]$/.test(this.tail)) this.push(separator);
    else if (separator === '\t' && !this.tail.endsWith('\n')) this.push(separator);
  }

  done(): ReadText {
    return { text: this.parts.join(''), segments: this.segments, hidden: this.hidden };
  }

  private push(text: string): void {
    this.parts.push(text);
    this.length += text.length;
    this.tail = (this.tail + text).slice(-2);
  }
}
