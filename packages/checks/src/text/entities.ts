import { type AddressMention, findAddresses } from './addresses.ts';
import { type Amount, findAmounts } from './amounts.ts';
import { type DateMention, findDates, findPeriods, type PeriodMention } from './dates.ts';
import { type Definition, findCompanies, findDefinitions, findParties, type NameMention } from './parties.ts';
import { describePlace, placeAt, type TextDocument } from './read-document.ts';
import { findSentences, type Sentence, sentenceAt } from './sentences.ts';
import { findTickers, type TickerMention } from './tickers.ts';

/** What a document says, each thing with its place in the text. */
export interface Entities {
  sentences: Sentence[];
  companies: NameMention[];
  /** Names that the document presents as its parties. */
  parties: NameMention[];
  definitions: Definition[];
  dates: DatedMention[];
  periods: PeriodMention[];
  amounts: Amount[];
  addresses: AddressMention[];
  tickers: TickerMention[];
  percentages: PercentMention[];
}

export type DateRole = 'effective' | 'signed' | 'expiry' | 'due' | 'issued';

/** A date, with what the words around it make of it; null when they say nothing. */
export interface DatedMention extends DateMention {
  role: DateRole | null;
}

export interface PercentMention {
  start: number;
  end: number;
  /** Per cent: `12.5`. */
  value: string;
}

/** Of each kind; a document with more is compared by the first ones. */
const MAX_MENTIONS = 5_000;

/** Reads everything that the checks compare. */
export function readEntities(document: TextDocument): Entities {
  const { text } = document;
  const sentences = findSentences(text);
  const companies = findCompanies(text).slice(0, MAX_MENTIONS);
  const definitions = findDefinitions(text, companies).slice(0, MAX_MENTIONS);
  return {
    sentences,
    companies,
    definitions,
    parties: findParties(text, companies, definitions).slice(0, 100),
    dates: findDates(text)
      .slice(0, MAX_MENTIONS)
      .map((date) => ({ ...date, role: roleOf(text, date, sentences) })),
    periods: findPeriods(text).slice(0, MAX_MENTIONS),
    amounts: findAmounts(text).slice(0, MAX_MENTIONS),
    addresses: findAddresses(text).slice(0, MAX_MENTIONS),
    tickers: findTickers(text).slice(0, MAX_MENTIONS),
    percentages: findPercentages(text).slice(0, MAX_MENTIONS),
  };
}

export interface Quote {
  place: string;
  text: string;
}

/** The words around a mention, as they stand: its sentence, or as much of it as is fit to show. */
export function quote(document: TextDocument, entities: Entities, start: number, end: number): Quote {
  const sentence = sentenceAt(entities.sentences, start);
  const from = Math.max(sentence?.start ?? start, start - 160);
  const to = Math.min(Math.max(sentence?.end ?? end, end), Math.max(end, start + 240));
  return {
    place: describePlace(placeAt(document, start)),
    text: document.text.slice(from, to).replace(/\s+/g, ' ').trim().slice(0, 500),
  };
}

const ROLES: { role: DateRole; before: RegExp }[] = [
  {
    role: 'due',
    before:
      /\b(due( date| on| by)?|payable( by| on| before| no later than)?|payment (date|deadline)|pay by|fällig)\b[^.;]{0,25}$/i,
  },
  {
    role: 'expiry',
    before:
      /\b(expir(es?|y|ation|ing)( date)?|until|ends?( date)?|ending|terminat(es|ing|ion date)|through|lapses?|up to and including|valid (to|till)|from\b[^.;]{4,40}\bto)\b(?![^.;]{0,40}\b(from|commenc\w+|begin\w*|start\w*|effective)\b)[^.;]{0,30}$/i,
  },
  {
    role: 'issued',
    before:
      /\b(invoice date|date of (the )?invoice|issued?( date| on)?|date of issue|published( on)?|posted( on)?|invoice dated)\b[^.;]{0,20}$/i,
  },
  {
    role: 'effective',
    before:
      /\b(effective( date| as of| on| from)?|commenc(es?|ing|ement)( date| on)?|takes? effect|come(s)? into (force|effect)|with effect from|starts?( date| on)?|begin(s|ning)?|entered into( as of| on| this)?|made( and entered into)?( as of| on| this)|as of|from)\b[^.;]{0,40}$/i,
  },
  {
    role: 'signed',
    before:
      /\b(signed|executed|signature|(?<!\binvoice\s)dated|in witness whereof|(?<!\b(?:invoice|due|effective|expiry|expiration|end|issue|start|commencement|termination|payment|delivery|maturity)\s)date)\b[^.;]{0,40}$/i,
  },
];

/** The nearest telling words before the date, within its sentence; a bracket after it may say so as well. */
function roleOf(text: string, date: DateMention, sentences: readonly Sentence[]): DateRole | null {
  const sentence = sentenceAt(sentences, date.start);
  const from = Math.max(sentence?.start ?? 0, date.start - 120, text.lastIndexOf('\n\n', date.start));
  const before = text.slice(from, date.start).replace(/\s+/g, ' ');
  const after = text.slice(date.end, date.end + 60).replace(/\s+/g, ' ');
  if (/^\s*\(?\s*(the )?["“'‘]\s*(effective|commencement|start) date/i.test(after)) return 'effective';
  if (/^\s*\(?\s*(the )?["“'‘]\s*(expir\w+|end|termination) date/i.test(after)) return 'expiry';
  let nearest: { role: DateRole; at: number } | null = null;
  for (const { role, before: pattern } of ROLES) {
    const match = pattern.exec(before);
    if (match === null) continue;
    const at = lastStart(before, pattern, match);
    if (nearest === null || at > nearest.at) nearest = { role, at };
  }
  return nearest?.role ?? null;
}

/** Where the last of the telling words begins: the pattern's first match may reach over a nearer one. */
function lastStart(text: string, pattern: RegExp, first: RegExpExecArray): number {
  let at = first.index;
  for (let i = 0; i < 8; i++) {
    const next = pattern.exec(text.slice(at + 1));
    if (next === null) break;
    at += 1 + next.index;
  }
  return at;
}

function findPercentages(text: string): PercentMention[] {
  return [...text.matchAll(/(?<![\w.,])(\d{1,6}(?:[.,]\d{1,8})?)\s?(?:%|per\s?cent\b|percent\b)/gi)].map(
    (match) => ({
      start: match.index,
      end: match.index + match[0].length,
      value: match[1]!.replace(',', '.'),
    }),
  );
}
