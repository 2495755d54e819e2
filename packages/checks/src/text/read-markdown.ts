import { lexer, type Token, type Tokens } from 'marked';
import type { Place, ReadText } from './read-document.ts';
import { addHtml } from './read-html.ts';
import { TextBuilder } from './text-builder.ts';

/** Quotes and lists inside each other cost the lexer the square of their depth. */
const MAX_NESTING = 40;
/** In one paragraph: marked pairs emphasis by trying every two, and `**a _` ten thousand times takes minutes. */
const MAX_DELIMITERS = 600;

/**
 * Reads Markdown through marked's lexer. Its tokens carry no places, but follow the source in order: each piece of
 * text is looked for from where the last one ended.
 */
export function readMarkdown(source: string): ReadText {
  const text = flattened(source.replace(/\r\n?/g, '\n'));
  const reader = new MarkdownReader(text);
  reader.blocks(lexer(text, { gfm: true }));
  return reader.builder.done();
}

/** Markers deeper or denser than anybody writes become spaces, so that every other character keeps its place. */
function flattened(source: string): string {
  let delimiters = 0;
  const sparse = source.replace(/\n[ \t]*\n|[*_~`[\]<]/g, (mark) => {
    if (mark.startsWith('\n')) {
      delimiters = 0;
      return mark;
    }
    return ++delimiters > MAX_DELIMITERS ? ' ' : mark;
  });
  return sparse.replace(/^[ \t>*+-]+/gm, (markers) => {
    let depth = 0;
    return markers.replace(/[>*+-]/g, (marker) => (++depth > MAX_NESTING ? ' ' : marker));
  });
}

class MarkdownReader {
  readonly builder = new TextBuilder();
  private readonly source: string;
  private readonly lineStarts: number[] = [0];
  private cursor = 0;

  constructor(source: string) {
    this.source = source;
    for (let i = source.indexOf('\n'); i >= 0; i = source.indexOf('\n', i + 1)) this.lineStarts.push(i + 1);
  }

  blocks(tokens: readonly Token[]): void {
    for (const token of tokens) {
      if (token.type === 'table') this.table(token as Tokens.Table);
      else if (token.type === 'list') {
        for (const item of (token as Tokens.List).items) {
          // The number of an item is a word that readers see: "3." may be what a cross-reference means.
          const number = /^\s*(\d{1,9}[.)])/.exec(item.raw)?.[1];
          if (number !== undefined) {
            this.piece(number);
            this.builder.separate(' ');
          }
          this.blocks(item.tokens);
          this.builder.break(1);
        }
        this.builder.break(2);
      } else if (token.type === 'html') {
        this.html(token.raw);
        this.builder.break(2);
      } else if (token.type === 'code') {
        this.piece((token as Tokens.Code).text);
        this.builder.break(2);
      } else if (token.type === 'blockquote') this.blocks((token as Tokens.Blockquote).tokens);
      else if (token.type === 'space' || token.type === 'hr' || token.type === 'def') this.builder.break(2);
      else {
        this.inline(token);
        this.builder.break(token.type === 'text' ? 1 : 2);
      }
    }
  }

  private table(table: Tokens.Table): void {
    for (const row of [table.header, ...table.rows]) {
      for (const [i, cell] of row.entries()) {
        if (i > 0) this.builder.separate('\t');
        for (const token of cell.tokens) this.inline(token);
      }
      this.builder.break(1);
    }
    this.builder.break(2);
  }

  private inline(token: Token): void {
    if (token.type === 'br') this.builder.break(1);
    else if (token.type === 'html') this.html(token.raw);
    else if (token.type === 'image') this.piece((token as Tokens.Image).text);
    else if ('tokens' in token && token.tokens !== undefined && token.tokens.length > 0)
      this.inlines(token.tokens);
    else if ('text' in token && typeof token.text === 'string') this.piece(unescaped(token.text));
  }

  /** A run that HTML opens and closes in a paragraph is read as one, or its style would be lost. */
  private inlines(tokens: readonly Token[]): void {
    for (let i = 0; i < tokens.length; i++) {
      const token = tokens[i]!;
      const name = token.type === 'html' ? /^<([a-z][a-z0-9]*)\b/i.exec(token.raw)?.[1] : undefined;
      const close =
        name === undefined
          ? -1
          : tokens.findIndex(
              (other, j) =>
                j > i && other.type === 'html' && other.raw.toLowerCase() === `</${name.toLowerCase()}>`,
            );
      if (close > i) {
        this.html(
          tokens
            .slice(i, close + 1)
            .map(({ raw }) => raw)
            .join(''),
        );
        i = close;
      } else this.inline(token);
    }
  }

  private html(raw: string): void {
    const at = this.find(raw);
    const start = this.placeOf(at);
    addHtml(raw, this.builder, start);
    this.cursor = at + raw.length;
  }

  private piece(text: string): void {
    for (const [i, line] of text.split('\n').entries()) {
      if (i > 0) this.builder.break(1);
      if (line === '') continue;
      const at = this.find(line);
      this.builder.add(line, this.placeOf(at));
      this.cursor = Math.max(this.cursor, at + line.length);
    }
  }

  /** Where a piece stands; where the last one ended when the source writes it otherwise (an entity). */
  private find(piece: string): number {
    const window = this.source.slice(this.cursor, this.cursor + piece.length + 4096);
    const at = window.indexOf(piece);
    return at < 0 ? this.cursor : this.cursor + at;
  }

  private placeOf(offset: number): Place {
    let low = 0;
    let high = this.lineStarts.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.lineStarts[middle]! <= offset) low = middle;
      else high = middle - 1;
    }
    return { line: low + 1, column: offset - this.lineStarts[low]! + 1 };
  }
}

const ENTITIES: Record<string, string> = {
  '&amp;': '&',
  '&lt;': '<',
  '&gt;': '>',
  '&quot;': '"',
  '&#39;': "'",
};

function unescaped(text: string): string {
  return text.replace(/&(?:amp|lt|gt|quot|#39);/g, (entity) => ENTITIES[entity]!);
}
