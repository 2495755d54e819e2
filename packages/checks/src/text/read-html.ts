import { AssayError } from '@assay/core';
import { type DefaultTreeAdapterTypes, defaultTreeAdapter, parse, parseFragment } from 'parse5';
import { addressesModel } from './model-instructions.ts';
import type { Place, ReadText } from './read-document.ts';
import { TextBuilder } from './text-builder.ts';

type Node = DefaultTreeAdapterTypes.Node;
type Element = DefaultTreeAdapterTypes.Element;

/**
 * Scope checks walk up the open elements, and unclosed formatting elements are opened again in every paragraph:
 * without both bounds a file of 2 MB costs minutes and gigabytes. Browsers stop nesting at 512.
 */
const MAX_DEPTH = 512;
const MAX_ELEMENTS = 300_000;
const MAX_STYLE_RULES = 2_000;

const BLOCKS = new Set(
  'address article aside blockquote body dd details dialog div dl dt fieldset figcaption figure footer form h1 h2 h3 h4 h5 h6 header hr html legend li main menu nav ol option p pre section summary table ul caption'.split(
    ' ',
  ),
);
const ROWS = new Set(['tr', 'br', 'thead', 'tbody', 'tfoot']);
/** Not shown, and no text of the document; what speaks to a model in them is reported. */
const UNSHOWN = new Set(['template', 'noscript', 'noframes', 'datalist']);
const IGNORED = new Set(['script', 'style', 'head', 'iframe', 'object', 'svg', 'math', 'title']);
const SPOKEN_ATTRIBUTES = ['alt', 'title', 'aria-label', 'content', 'placeholder', 'data-prompt'];

/**
 * Reads HTML with parse5, as a browser would show it without scripts.
 *
 * @throws PAYLOAD_TOO_LARGE for elements nested deeper than 512, or more than 300,000 of them.
 */
export function readHtml(source: string): ReadText {
  const builder = new TextBuilder();
  new HtmlReader(builder, { line: 1, column: 1 }).read(parse(source, parsing()));
  return builder.done();
}

/** Adds a piece of HTML that begins at a place of a larger source. */
export function addHtml(source: string, builder: TextBuilder, at: Place): void {
  new HtmlReader(builder, at).read(parseFragment(source, parsing()));
}

function parsing() {
  return { sourceCodeLocationInfo: true, scriptingEnabled: false, treeAdapter: bounded() };
}

/** parse5's own tree, with its depth and size bounded. */
function bounded(): typeof defaultTreeAdapter {
  let depth = 0;
  let elements = 0;
  return {
    ...defaultTreeAdapter,
    createElement: (...element) => {
      if (++elements > MAX_ELEMENTS) tooLarge(`at most ${MAX_ELEMENTS} elements`);
      return defaultTreeAdapter.createElement(...element);
    },
    onItemPush: () => {
      if (++depth > MAX_DEPTH) tooLarge(`elements nested at most ${MAX_DEPTH} deep`);
    },
    onItemPop: () => {
      depth--;
    },
  };
}

function tooLarge(expected: string): never {
  throw new AssayError('PAYLOAD_TOO_LARGE', `expected HTML with ${expected}, got more`, {
    next: 'send the document as plain text',
  });
}

interface Look {
  hidden: string | null;
  color: string | null;
  background: string;
  size: number;
  pre: boolean;
}

class HtmlReader {
  private readonly builder: TextBuilder;
  private readonly at: Place;
  private rules = new Map<string, Map<string, string>>();

  constructor(builder: TextBuilder, at: Place) {
    this.builder = builder;
    this.at = at;
  }

  read(root: Node): void {
    this.rules = styleRules(root);
    this.walk(root);
  }

  private walk(root: Node): void {
    const look: Look = { hidden: null, color: null, background: '#ffffff', size: 16, pre: false };
    const stack: ({ node: Node; look: Look } | { after: 1 | 2 })[] = [{ node: root, look }];
    for (let next = stack.pop(); next !== undefined; next = stack.pop()) {
      if ('after' in next) {
        this.builder.break(next.after);
        continue;
      }
      const { node, look } = next;
      if (node.nodeName === '#text') this.text(node as DefaultTreeAdapterTypes.TextNode, look);
      else if (node.nodeName === '#comment')
        this.unshown((node as DefaultTreeAdapterTypes.CommentNode).data, node, 'in a comment');
      if ('attrs' in node) this.attributes(node);
      if (IGNORED.has(node.nodeName) && node.nodeName !== 'head') continue;
      const children =
        'content' in node ? node.content.childNodes : 'childNodes' in node ? node.childNodes : [];
      if (children.length === 0 && node.nodeName !== 'br') continue;
      const inner = 'attrs' in node ? this.lookOf(node, look) : look;
      if (node.nodeName === 'td' || node.nodeName === 'th') this.builder.separate('\t');
      const breaks = BLOCKS.has(node.nodeName) ? 2 : ROWS.has(node.nodeName) ? 1 : 0;
      if (breaks !== 0 && inner.hidden === null) {
        this.builder.break(breaks);
        stack.push({ after: breaks });
      }
      for (let i = children.length - 1; i >= 0; i--) stack.push({ node: children[i]!, look: inner });
    }
  }

  private text(node: DefaultTreeAdapterTypes.TextNode, look: Look): void {
    const location = node.sourceCodeLocation;
    const place = this.place(location?.startLine ?? 1, location?.startCol ?? 1);
    const how = hiddenBy(look);
    if (how !== null) {
      const text = node.value.replace(/\s+/g, ' ').trim();
      if (how === 'in an element that is never shown') this.unshown(text, node, how);
      else if (/[\p{L}\p{N}]/u.test(text))
        this.builder.hidden.push({ place, text: text.slice(0, 2000), how });
      return;
    }
    // Without entities in it, a node's text is a slice of the source, and every column is exact.
    const lines = node.value.split('\n');
    for (const [i, line] of lines.entries()) {
      const shown = look.pre ? line : line.replace(/[ \t\f]+/g, ' ');
      const words = look.pre ? shown : shown.trim();
      const here = i === 0 ? place : { ...place, line: place.line + i, column: 1 };
      if (words === '') {
        if (/\s/.test(line) || i > 0) this.builder.separate(' ');
        continue;
      }
      if (i > 0 || /^\s/.test(line)) this.builder.separate(' ');
      const indent = look.pre ? 0 : line.length - line.trimStart().length;
      this.builder.add(words, { ...here, column: here.column + indent });
      if (look.pre) {
        if (i < lines.length - 1) this.builder.break(1);
      } else if (/\s$/.test(line)) this.builder.separate(' ');
    }
  }

  private attributes(element: Element): void {
    for (const { name, value } of element.attrs) {
      if (SPOKEN_ATTRIBUTES.includes(name)) this.unshown(value, element, `in the attribute ${name}`);
    }
  }

  /** Comments and descriptions are ordinary; one that gives a model orders is not. */
  private unshown(text: string, node: Node, how: string): void {
    if (!addressesModel(text)) return;
    const { startLine = 1, startCol = 1 } = node.sourceCodeLocation ?? {};
    const words = text.replace(/\s+/g, ' ').trim().slice(0, 2000);
    this.builder.hidden.push({ place: this.place(startLine, startCol), text: words, how });
  }

  private place(line: number, column: number): Place {
    return { line: this.at.line + line - 1, column: line === 1 ? this.at.column + column - 1 : column };
  }

  private lookOf(element: Element, outer: Look): Look {
    const name = element.nodeName;
    const attribute = (wanted: string) => element.attrs.find((one) => one.name === wanted)?.value;
    const style = new Map<string, string>();
    const selectors = [
      name,
      ...(attribute('class') ?? '')
        .split(/\s+/)
        .slice(0, 50)
        .map((one) => `.${one}`),
      `#${attribute('id') ?? ''}`,
    ];
    for (const selector of selectors) {
      for (const [property, value] of this.rules.get(selector) ?? []) style.set(property, value);
    }
    for (const [property, value] of declarationsOf(attribute('style') ?? '')) style.set(property, value);
    const size = style.get('font-size');
    const background = style.get('background-color') ?? style.get('background') ?? attribute('bgcolor');
    return {
      hidden: outer.hidden ?? reasonHidden(name, style, element),
      color: style.get('color') ?? (name === 'font' ? attribute('color') : undefined) ?? outer.color,
      background:
        background === undefined || background === 'transparent' || background === 'none'
          ? outer.background
          : background,
      size: size === undefined ? outer.size : pixels(size, outer.size),
      pre: name === 'pre' || name === 'textarea' || /^pre/.test(style.get('white-space') ?? '') || outer.pre,
    };
  }
}

function reasonHidden(name: string, style: ReadonlyMap<string, string>, element: Element): string | null {
  if (UNSHOWN.has(name)) return 'in an element that is never shown';
  if (element.attrs.some((one) => one.name === 'hidden' && one.value !== 'until-found'))
    return 'the attribute hidden';
  if (style.get('display') === 'none') return 'display:none';
  if (/^(hidden|collapse)$/.test(style.get('visibility') ?? '')) return 'visibility:hidden';
  const opacity = style.get('opacity');
  if (opacity !== undefined && Number.parseFloat(opacity) <= 0.05) return `opacity:${opacity}`;
  if (
    /^rect\(\s*(0|1px)/.test(style.get('clip') ?? '') ||
    /inset\(\s*(50|100)%/.test(style.get('clip-path') ?? '')
  ) {
    return 'clipped away';
  }
  const moved = /absolute|fixed/.test(style.get('position') ?? '')
    ? [style.get('left'), style.get('top'), style.get('right')]
    : [];
  for (const value of [...moved, style.get('text-indent')]) {
    if (value !== undefined && pixels(value, 16) <= -500) return 'moved off the page';
  }
  if (
    /hidden|clip/.test(style.get('overflow') ?? '') &&
    ['height', 'width', 'max-height'].some((side) => /^(0|1px|0px)$/.test(style.get(side) ?? ''))
  ) {
    return 'in a box without size';
  }
  if (/scale\(\s*0(\.0*)?\s*[,)]/.test(style.get('transform') ?? '')) return 'scaled to nothing';
  return null;
}

function hiddenBy({ hidden, color, background, size }: Look): string | null {
  if (hidden !== null) return hidden;
  if (size < 1.5) return `a font of ${size} pixels`;
  if (color === null) return null;
  if (color === 'transparent' || /^(rgba|hsla)\([^)]*,\s*0?\.?0+%?\s*\)$/.test(color))
    return 'transparent letters';
  const [letters, ground] = [channels(color), channels(background)];
  if (letters === null || ground === null) return null;
  const distance = Math.max(...letters.map((channel, i) => Math.abs(channel - ground[i]!)));
  return distance <= 12 ? `${color} letters on ${background}` : null;
}

const NAMED: Record<string, string> = {
  white: '#ffffff',
  black: '#000000',
  snow: '#fffafa',
  ivory: '#fffff0',
  whitesmoke: '#f5f5f5',
  ghostwhite: '#f8f8ff',
  red: '#ff0000',
  yellow: '#ffff00',
  gray: '#808080',
  grey: '#808080',
  navy: '#000080',
  blue: '#0000ff',
  green: '#008000',
};

function channels(color: string): number[] | null {
  const hex = /#([0-9a-f]{3,8})\b/i.exec(NAMED[color] ?? color)?.[1];
  if (hex !== undefined && (hex.length === 3 || hex.length === 4))
    return [0, 1, 2].map((i) => Number.parseInt(hex[i]!.repeat(2), 16));
  if (hex !== undefined && hex.length >= 6)
    return [0, 2, 4].map((i) => Number.parseInt(hex.slice(i, i + 2), 16));
  const rgb = /^rgba?\(\s*(\d{1,3})[\s,]+(\d{1,3})[\s,]+(\d{1,3})/.exec(color);
  return rgb === null ? null : rgb.slice(1, 4).map(Number);
}

function pixels(length: string, outer: number): number {
  const match = /^(-?[\d.]+)\s*(px|pt|em|rem|%|vw|vh|ex|ch|in|cm|mm)?/.exec(length);
  if (match === null) return outer;
  const value = Number.parseFloat(match[1]!);
  const unit = {
    px: 1,
    pt: 4 / 3,
    em: outer,
    rem: 16,
    '%': outer / 100,
    vw: 12,
    vh: 8,
    ex: 8,
    ch: 8,
    in: 96,
    cm: 37.8,
    mm: 3.78,
  };
  return Number.isFinite(value) ? value * unit[(match[2] ?? 'px') as keyof typeof unit] : outer;
}

function declarationsOf(style: string): Map<string, string> {
  const declarations = new Map<string, string>();
  for (const one of style.slice(0, 5000).split(';')) {
    const colon = one.indexOf(':');
    if (colon < 0) continue;
    const value = one
      .slice(colon + 1)
      .replace(/!important/i, '')
      .trim()
      .toLowerCase();
    declarations.set(one.slice(0, colon).trim().toLowerCase(), value);
  }
  return declarations;
}

/** Simple selectors only. A rule inside `@media` counts as if it applied: what may be hidden is worth a look. */
function styleRules(root: Node): Map<string, Map<string, string>> {
  const rules = new Map<string, Map<string, string>>();
  let count = 0;
  for (const sheet of styleSheets(root)) {
    for (const [, selectors, body] of withoutComments(sheet).matchAll(
      /([^{}@;]{1,500})\{([^{}]{0,5000})\}/g,
    )) {
      if (++count > MAX_STYLE_RULES) return rules;
      const declarations = declarationsOf(body!);
      for (const selector of selectors!.split(',')) {
        const simple = /^\s*([.#]?[\w-]+)\s*$/.exec(selector)?.[1];
        if (simple === undefined) continue;
        const merged = rules.get(simple) ?? new Map<string, string>();
        for (const [property, value] of declarations) merged.set(property, value);
        rules.set(simple, merged);
      }
    }
  }
  return rules;
}

function* styleSheets(root: Node): Generator<string> {
  const stack = [root];
  for (let node = stack.pop(); node !== undefined; node = stack.pop()) {
    if (!('childNodes' in node)) continue;
    if (node.nodeName === 'style')
      yield node.childNodes
        .map((child) => ('value' in child ? child.value : ''))
        .join('')
        .slice(0, 200_000);
    else for (const child of node.childNodes) stack.push(child);
  }
}

function withoutComments(sheet: string): string {
  const parts: string[] = [];
  let from = 0;
  for (let open = sheet.indexOf('/*'); open >= 0; open = sheet.indexOf('/*', from)) {
    parts.push(sheet.slice(from, open));
    const close = sheet.indexOf('*/', open + 2);
    if (close < 0) return parts.join(' ');
    from = close + 2;
  }
  return [...parts, sheet.slice(from)].join(' ');
}
