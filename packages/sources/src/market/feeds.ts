import { createHash } from 'node:crypto';
import { AssayError, excerpt } from '@assay/core';
import { XMLParser } from 'fast-xml-parser';
import { type AssetLexicon, tagAssets } from './asset-lexicon.ts';
import { type BoundedHttpOptions, boundedGet } from './bounded-http.ts';
import { collectRows, type MarketRows } from './market-rows.ts';

/** What a server said of its last answer, so that an unchanged feed is not sent again (RFC 9110, section 13). */
export interface FeedState {
  etag: string | null;
  lastModified: string | null;
}

const MAX_ITEMS = 1_000;
const MAX_TITLE = 500;
const MAX_SUMMARY = 2_000;
const MAX_LINK = 2_000;
const MAX_ID = 200;
/** Of one text before its tags are taken out. */
const MAX_HTML = 200_000;

/**
 * Reads a feed from the network. `rows` is null when the server says that nothing changed.
 *
 * @throws SOURCE_UNREACHABLE, ARGUMENT_INVALID, PAYLOAD_TOO_LARGE as {@link boundedGet}; ROW_MALFORMED as {@link parseFeed}.
 */
export async function fetchFeed(
  options: BoundedHttpOptions & {
    feed: string;
    url: string;
    lexicon: AssetLexicon;
    state?: FeedState | undefined;
  },
): Promise<{ rows: MarketRows | null; state: FeedState }> {
  const { feed, url, lexicon, state, ...http } = options;
  const response = await boundedGet(url, {
    ...http,
    headers: {
      accept:
        'application/rss+xml, application/atom+xml, application/feed+json, application/xml;q=0.9, */*;q=0.5',
      ...(state?.etag ? { 'if-none-match': state.etag } : {}),
      ...(state?.lastModified ? { 'if-modified-since': state.lastModified } : {}),
    },
  });
  if (response.status === 304) return { rows: null, state: state ?? { etag: null, lastModified: null } };
  return {
    rows: parseFeed(response.body, {
      feed,
      url: response.url,
      contentType: response.headers['content-type'],
      lexicon,
    }),
    state: { etag: response.headers.etag ?? null, lastModified: response.headers['last-modified'] ?? null },
  };
}

/**
 * Articles of an RSS 2.0, RSS 1.0, Atom (RFC 4287) or JSON Feed 1 document, tagged with the assets that they are about.
 * Times become UTC, HTML becomes text, links become absolute; an item without a name gets one from its content, the same
 * each time. At most 1,000 items. An item without a readable time is left out and reported.
 *
 * @throws ROW_MALFORMED for what is no feed, for a document type (no feed needs one, and entities can be bombs), for an
 *   unknown encoding.
 */
export function parseFeed(
  bytes: Uint8Array,
  options: { feed: string; url: string; contentType?: string | undefined; lexicon: AssetLexicon },
): MarketRows {
  const { feed, url, contentType, lexicon } = options;
  const text = decode(bytes, contentType, feed);
  const items = (text.trimStart().startsWith('{') ? jsonItems(text, feed) : xmlItems(text, feed)).slice(
    0,
    MAX_ITEMS,
  );
  return collectRows(
    `${feed}.articles`,
    'articles',
    items.map((item) => {
      const title = plainText(item.title).slice(0, MAX_TITLE);
      const summary = plainText(item.summary).slice(0, MAX_SUMMARY);
      const link = absolute(item.link, item.base, url);
      const named = item.id.trim();
      const article =
        named !== '' && named.length <= MAX_ID
          ? named
          : `sha256:${digest(named || JSON.stringify([link, title, item.date]))}`;
      return {
        timeMs: feedTime(item.date) ?? Number.NaN,
        values: {
          article,
          assets: tagAssets(`${title}\n${summary}`, lexicon).join(' '),
          title,
          summary,
          link,
        },
      };
    }),
  );
}

interface Item {
  id: string;
  title: string;
  summary: string;
  link: string;
  /** What links are relative to, when the item says so itself. */
  base: string;
  date: string;
}

const PARSER = new XMLParser({
  ignoreAttributes: false,
  attributeNamePrefix: '@',
  parseTagValue: false,
  parseAttributeValue: false,
  htmlEntities: true,
});

type Node = Record<string, unknown>;

function xmlItems(text: string, feed: string): Item[] {
  const fail = (what: string, cause?: unknown) =>
    new AssayError('ROW_MALFORMED', `${feed}: ${what}, got ${excerpt(text)}`, {
      next: 'check the address of the feed',
      cause,
    });
  // Inside CDATA and comments it is only text.
  if (/<!(DOCTYPE|ENTITY)/i.test(outsideText(text))) throw fail('expected a feed without a document type');
  let root: Node;
  try {
    root = PARSER.parse(text) as Node;
  } catch (cause) {
    throw fail('expected XML', cause);
  }
  const rss = child(child(root, 'rss'), 'channel');
  if (rss) return list(rss.item).map((item) => rssItem(item, textOf(rss['@xml:base'])));
  const rdf = child(root, 'rdf:RDF');
  if (rdf) return list(rdf.item).map((item) => rssItem(item, ''));
  const atom = child(root, 'feed');
  if (atom) return list(atom.entry).map((entry) => atomItem(entry, textOf(atom['@xml:base'])));
  throw fail('expected RSS or Atom');
}

function rssItem(item: Node, base: string): Item {
  const guid = list(item.guid)[0];
  const id = textOf(item.guid) || textOf(item['@rdf:about']);
  // A guid is a link unless it says that it is none (RSS 2.0).
  const permalink = id !== '' && guid?.['@isPermaLink'] !== 'false' && /^https?:/.test(id) ? id : '';
  return {
    id,
    title: textOf(item.title),
    summary: textOf(item.description) || textOf(item['content:encoded']),
    link: textOf(item.link) || permalink,
    base: textOf(item['@xml:base']) || base,
    date: textOf(item.pubDate) || textOf(item['dc:date']),
  };
}

function atomItem(entry: Node, base: string): Item {
  const links = list(entry.link);
  const link = links.find((one) => (one['@rel'] ?? 'alternate') === 'alternate') ?? links[0];
  return {
    id: textOf(entry.id),
    title: textOf(entry.title),
    summary: textOf(entry.summary) || textOf(entry.content),
    link: textOf(link?.['@href']),
    base: textOf(entry['@xml:base']) || base,
    date: textOf(entry.published) || textOf(entry.updated),
  };
}

/** JSON Feed 1.1, https://www.jsonfeed.org/version/1.1/ */
function jsonItems(text: string, feed: string): Item[] {
  let value: { version?: unknown; items?: unknown } | null;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new AssayError('ROW_MALFORMED', `${feed}: expected JSON, got ${excerpt(text)}`, { cause });
  }
  if (!/^https:\/\/jsonfeed\.org\/version\/1/.test(String(value?.version)) || !Array.isArray(value?.items))
    throw new AssayError('ROW_MALFORMED', `${feed}: expected a JSON Feed, got ${excerpt(text)}`, {
      next: 'check the address of the feed',
    });
  return list(value.items).map((item) => ({
    id: textOf(item.id),
    title: textOf(item.title),
    summary: textOf(item.summary) || textOf(item.content_text) || textOf(item.content_html),
    link: textOf(item.url) || textOf(item.external_url),
    base: '',
    date: textOf(item.date_published) || textOf(item.date_modified),
  }));
}

function child(node: Node | undefined, name: string): Node | undefined {
  const found = node?.[name];
  return typeof found === 'object' && found !== null && !Array.isArray(found) ? (found as Node) : undefined;
}

function list(value: unknown): Node[] {
  const all = Array.isArray(value) ? value : value === undefined ? [] : [value];
  return all.filter((one): one is Node => typeof one === 'object' && one !== null);
}

/** The text of a node, of the first of several, or of XHTML inside a node. */
function textOf(value: unknown, depth = 0): string {
  if (typeof value === 'string' || typeof value === 'number') return String(value);
  if (Array.isArray(value))
    return depth === 0 ? textOf(value[0]) : value.map((one) => textOf(one, depth)).join(' ');
  if (typeof value !== 'object' || value === null || depth > 30) return '';
  return Object.entries(value)
    .filter(([name]) => !name.startsWith('@'))
    .map(([, inner]) => textOf(inner, depth + 1))
    .join(' ');
}

/** The declared encoding, in the order of RFC 7303: a byte order mark, the transport, the document. */
function decode(bytes: Uint8Array, contentType: string | undefined, feed: string): string {
  const start = Buffer.from(bytes.subarray(0, 200)).toString('latin1');
  const mark =
    bytes[0] === 0xff && bytes[1] === 0xfe
      ? 'utf-16le'
      : bytes[0] === 0xfe && bytes[1] === 0xff
        ? 'utf-16be'
        : null;
  const label =
    mark ??
    (start.startsWith('\xef\xbb\xbf') ? 'utf-8' : null) ??
    /charset\s*=\s*"?([\w.:-]+)/i.exec(contentType ?? '')?.[1] ??
    /^\s*<\?xml[^>]*encoding\s*=\s*["']([\w.:-]+)["']/.exec(start)?.[1] ??
    'utf-8';
  let decoder: TextDecoder;
  try {
    decoder = new TextDecoder(label);
  } catch {
    throw new AssayError('ROW_MALFORMED', `${feed}: expected a known encoding, got ${excerpt(label)}`);
  }
  return decoder.decode(bytes);
}

/** The document without CDATA sections and comments, in one pass. */
function outsideText(text: string): string {
  let out = '';
  for (let at = 0; at < text.length; ) {
    const cdata = text.indexOf('<![CDATA[', at);
    const comment = text.indexOf('<!--', at);
    const next = Math.min(cdata < 0 ? text.length : cdata, comment < 0 ? text.length : comment);
    out += text.slice(at, next);
    if (next === text.length) break;
    const end = text.indexOf(next === cdata ? ']]>' : '-->', next);
    at = end < 0 ? text.length : end + 3;
  }
  return out;
}

const ENTITIES: Record<string, string> = {
  amp: '&',
  lt: '<',
  gt: '>',
  quot: '"',
  apos: "'",
  nbsp: ' ',
  hellip: '…',
  mdash: '—',
  ndash: '–',
  lsquo: '‘',
  rsquo: '’',
  ldquo: '“',
  rdquo: '”',
  euro: '€',
  pound: '£',
  copy: '©',
  reg: '®',
  trade: '™',
};

/** HTML as the text that a reader sees: tags, scripts and styles are gone, white space is single. One pass. */
export function plainText(html: string): string {
  const source = html.slice(0, MAX_HTML);
  const lower = source.toLowerCase();
  let out = '';
  for (let at = 0; at < source.length; ) {
    const open = source.indexOf('<', at);
    if (open < 0) {
      out += source.slice(at);
      break;
    }
    out += source.slice(at, open);
    // A bare < that begins no tag is text.
    if (!/[a-z/!?]/.test(lower[open + 1] ?? '')) {
      out += '<';
      at = open + 1;
      continue;
    }
    const hidden = /^<(script|style)\b/.exec(lower.slice(open, open + 8))?.[1];
    const end = lower.startsWith('<!--', open)
      ? lower.indexOf('-->', open)
      : hidden
        ? lower.indexOf(`</${hidden}`, open)
        : source.indexOf('>', open);
    const close = end < 0 ? -1 : source.indexOf('>', end);
    if (close < 0) break;
    // Blocks are separate words; emphasis inside a word is not.
    if (!/^<\/?(a|b|i|em|strong|span|u|sup|sub|code)\b/.test(lower.slice(open, open + 10))) out += ' ';
    at = close + 1;
  }
  return (
    out
      .replace(/&(#\d{1,7}|#x[0-9a-f]{1,6}|[a-z]{2,8});/gi, (whole, name: string) => {
        if (!name.startsWith('#')) return ENTITIES[name.toLowerCase()] ?? whole;
        const code =
          name[1]?.toLowerCase() === 'x' ? Number.parseInt(name.slice(2), 16) : Number(name.slice(1));
        return code > 0 && code <= 0x10ffff && !(code >= 0xd800 && code <= 0xdfff)
          ? String.fromCodePoint(code)
          : ' ';
      })
      // Marks that turn the direction of reading could make a headline say something else on screen.
      .replace(/[\p{Cc}\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]/gu, ' ')
      .replace(/\s+/g, ' ')
      .trim()
  );
}

/** An absolute http or https link, or nothing. */
function absolute(link: string, base: string, url: string): string {
  const from = URL.canParse(base, url) ? new URL(base, url).href : url;
  if (link.trim() === '' || !URL.canParse(link.trim(), from)) return '';
  const found = new URL(link.trim(), from);
  return /^https?:$/.test(found.protocol) && found.href.length <= MAX_LINK ? found.href : '';
}

const MONTHS = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec'];
/** Hours of the zones that RFC 822 names. */
const ZONES: Record<string, number> = {
  ut: 0,
  utc: 0,
  gmt: 0,
  z: 0,
  est: -5,
  edt: -4,
  cst: -6,
  cdt: -5,
  mst: -7,
  mdt: -6,
  pst: -8,
  pdt: -7,
};

/**
 * Milliseconds of an RFC 822 (with RFC 2822's years) or RFC 3339 time; null for anything else, and for a time without a
 * zone, which could be anybody's. Whole seconds.
 *
 * @example
 * feedTime('Fri, 10 Mar 2023 22:01:00 -0500') === Date.UTC(2023, 2, 11, 3, 1);
 */
export function feedTime(text: string): number | null {
  const iso = /^(\d{4})-(\d\d)-(\d\d)[Tt ](\d\d):(\d\d)(?::(\d\d)(?:\.\d{1,9})?)?([Zz]|[+-]\d\d:?\d\d)$/.exec(
    text.trim(),
  );
  if (iso) {
    const [, year, month, date, hour, minute, second = '0', zone = ''] = iso;
    return instant([year, month, date, hour, minute, second].map(Number), zone);
  }
  const mail =
    /^(?:[a-z]{3,9},?\s+)?(\d{1,2})\s+([a-z]{3})[a-z]*\s+(\d{4}|\d\d)\s+(\d{1,2}):(\d\d)(?::(\d\d))?\s+([a-z]{1,3}|[+-]\d{4})$/i.exec(
      text.trim(),
    );
  if (!mail) return null;
  const [, date, month = '', year = '', hour, minute, second = '0', zone = ''] = mail;
  const full = year.length === 4 ? Number(year) : Number(year) + (Number(year) < 50 ? 2000 : 1900);
  return instant(
    [
      full,
      MONTHS.indexOf(month.toLowerCase()) + 1,
      Number(date),
      Number(hour),
      Number(minute),
      Number(second),
    ],
    zone,
  );
}

function instant(
  [year = 0, month = 0, date = 0, hour = 0, minute = 0, second = 0]: number[],
  zone: string,
): number | null {
  const numeric = /^([+-])(\d\d):?(\d\d)$/.exec(zone);
  const offset = numeric
    ? (numeric[1] === '-' ? -1 : 1) * (Number(numeric[2]) * 60 + Number(numeric[3]))
    : (ZONES[zone.toLowerCase()] ?? Number.NaN) * 60;
  // A leap second is counted as the second before it.
  const ms = Date.UTC(year, month - 1, date, hour, minute, Math.min(second, 59));
  const real = new Date(ms);
  const asWritten =
    real.getUTCMonth() === month - 1 &&
    real.getUTCDate() === date &&
    hour < 24 &&
    minute < 60 &&
    second <= 60;
  return asWritten && Number.isFinite(offset) && Math.abs(offset) <= 14 * 60 ? ms - offset * 60_000 : null;
}

function digest(text: string): string {
  return createHash('sha256').update(text.toWellFormed()).digest('hex').slice(0, 40);
}
