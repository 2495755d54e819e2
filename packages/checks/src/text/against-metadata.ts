import { compareDecimal, type Decimal, fromScaled, normaliseDecimal, toScaled } from '@assay/core';
import { normaliseAddress } from './addresses.ts';
import { type Amount, CURRENCIES, FIGURE, readFigure } from './amounts.ts';
import { type Answer, fails, passes, unknown } from './answer.ts';
import { daysBetween, isoDay } from './dates.ts';
import { type DatedMention, type DateRole, type Entities, quote } from './entities.ts';
import { findGoverningLaws, normaliseJurisdiction } from './governing-law.ts';
import { editDistance, normaliseName, stemOf } from './parties.ts';
import type { TextDocument } from './read-document.ts';
import { COIN_NAMES } from './tickers.ts';

/** What a provider may declare of a document. Other members are for other detectors. */
export const METADATA_FIELDS = [
  'parties',
  'date',
  'effectiveDate',
  'expiryDate',
  'dueDate',
  'amount',
  'currency',
  'addresses',
  'tickers',
  'title',
  'governingLaw',
] as const;

export interface MetadataTerms {
  /** Days by which a date may differ. */
  toleranceDays: number;
  /** By which an amount may differ, in its currency. */
  toleranceAmount: Decimal;
}

const MAX_DECLARED = 50;

/**
 * Holds a document against what its provider declares of it, field by field: pass when the document says the same,
 * fail when it says something else in the same place, unknown when it says nothing.
 *
 * @returns one answer for each declared party, date, amount, currency, address, ticker, title and governing law.
 */
export function checkMetadata(
  document: TextDocument,
  entities: Entities,
  metadata: Readonly<Record<string, unknown>>,
  terms: MetadataTerms,
): Answer[] {
  const look: Look = { document, entities, terms };
  const answers: Answer[] = [];
  for (const field of METADATA_FIELDS) {
    const value = metadata[field];
    if (value === undefined || value === null) continue;
    const check = checkOf(field);
    const values = Array.isArray(value) ? value.slice(0, MAX_DECLARED) : [value];
    for (const one of values) {
      // An amount may come as a number from a careless provider; everything else is text.
      const text =
        typeof one === 'string' ? one : field === 'amount' && Number.isFinite(one) ? String(one) : null;
      answers.push(
        text === null || text.trim() === '' || text.length > 500
          ? unknown(
              check,
              `metadata.${field}: expected text of 1 to 500 characters, got ${describe(one)}`,
              field,
            )
          : checkField(look, field, text.normalize('NFC'), metadata),
      );
    }
  }
  return answers;
}

interface Look {
  document: TextDocument;
  entities: Entities;
  terms: MetadataTerms;
}

type Field = (typeof METADATA_FIELDS)[number];

function checkOf(field: Field): string {
  if (field === 'parties') return 'text_party';
  if (field === 'addresses') return 'text_address';
  if (field === 'tickers') return 'text_ticker';
  if (field === 'governingLaw') return 'text_governing_law';
  return field.toLowerCase().includes('date') ? 'text_date' : `text_${field}`;
}

function checkField(
  look: Look,
  field: Field,
  value: string,
  metadata: Readonly<Record<string, unknown>>,
): Answer {
  switch (field) {
    case 'parties':
      return checkParty(look, value);
    case 'date':
      return checkDate(look, field, value, ['signed', 'issued', 'effective']);
    case 'effectiveDate':
      return checkDate(look, field, value, ['effective']);
    case 'expiryDate':
      return checkDate(look, field, value, ['expiry']);
    case 'dueDate':
      return checkDate(look, field, value, ['due']);
    case 'amount':
      return checkAmount(
        look,
        value,
        typeof metadata.currency === 'string' ? metadata.currency.toUpperCase() : null,
      );
    case 'currency':
      return checkCurrency(look, value);
    case 'addresses':
      return checkAddress(look, value);
    case 'tickers':
      return checkTicker(look, value);
    case 'title':
      return checkTitle(look, value);
    case 'governingLaw':
      return checkGoverningLaw(look, value);
  }
}

function checkParty(look: Look, value: string): Answer {
  const { document, entities } = look;
  const said = declared('parties', value);
  const wanted = normaliseName(value);
  const mention =
    entities.companies.find(({ name }) => normaliseName(name) === wanted) ?? findName(document.text, value);
  if (mention !== undefined) {
    return passes('text_party', `The document names ${value}.`, 'parties', [
      said,
      quote(document, entities, mention.start, mention.end),
    ]);
  }
  const { parties } = entities;
  if (parties.length === 0)
    return unknown(
      'text_party',
      `The document does not say who its parties are, and does not name ${value}.`,
      'parties',
    );
  const nearest = [...parties].sort((a, b) => distance(a.name, value) - distance(b.name, value))[0]!;
  const near = distance(nearest.name, value) <= 3 || stemOf(nearest.name) === stemOf(value);
  return fails(
    'text_party',
    near
      ? `The document names ${nearest.name}, the metadata ${value}: alike, but not the same.`
      : `The document names ${parties
          .slice(0, 5)
          .map(({ name }) => name)
          .join(', ')} as its parties, and not ${value}.`,
    'parties',
    [said, quote(document, entities, nearest.start, nearest.end)],
  );
}

/** A name as whole words, with any spacing, and `Ltd` for `Limited`. */
function findName(text: string, name: string): { start: number; end: number } | undefined {
  const words = normaliseName(name)
    .split(' ')
    .filter((word) => word !== '')
    .slice(0, 20);
  if (words.length === 0) return undefined;
  const spelled = words
    .map((word) => SPELLINGS[word] ?? word.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'))
    .join("[\\s,.’'-]{1,4}");
  // "Acme Ltd" is not named by "Acme Ltd Holdings", nor "Acme" by "Acme Ltd" when the form is part of what is declared.
  const match = new RegExp(`(?<![\\p{L}\\p{N}])${spelled}(?![\\p{L}\\p{N}])`, 'iu').exec(
    text.normalize('NFC'),
  );
  return match === null ? undefined : { start: match.index, end: match.index + match[0].length };
}

const SPELLINGS: Record<string, string> = {
  ltd: '(?:ltd|limited)',
  inc: '(?:inc|incorporated)',
  corp: '(?:corp|corporation)',
  co: '(?:co|company)',
  gmbh: '(?:gmbh|g\\.m\\.b\\.h)',
  llc: '(?:llc|l\\.l\\.c)',
  sa: '(?:sa|s\\.a)',
  bv: '(?:bv|b\\.v)',
  nv: '(?:nv|n\\.v)',
};

function distance(a: string, b: string): number {
  return editDistance(normaliseName(a).slice(0, 100), normaliseName(b).slice(0, 100), 40);
}

const ROLE_NAMES: Record<DateRole, string> = {
  effective: 'in effect from',
  signed: 'signed on',
  expiry: 'ending on',
  due: 'due on',
  issued: 'issued on',
};

function checkDate(
  { document, entities, terms }: Look,
  field: Field,
  value: string,
  roles: readonly DateRole[],
): Answer {
  const day = /^(\d{4})-(\d{2})-(\d{2})(?:T.*)?$/.exec(value.trim());
  const wanted = day === null ? null : isoDay([day[1]!, day[2]!, day[3]!]);
  if (wanted === null)
    return unknown(
      'text_date',
      `metadata.${field}: expected a day like 2024-03-01, got ${describe(value)}`,
      field,
    );
  const said = declared(field, value);
  const matches = ({ readings }: DatedMention) =>
    readings.some((one) => Math.abs(daysBetween(one, wanted)) <= terms.toleranceDays);
  const show = ({ start, end }: DatedMention) => quote(document, entities, start, end);
  const played = entities.dates.filter(({ role }) => role !== null && roles.includes(role));
  // A date in a document that says no role for any is its date when the metadata asks for no particular one.
  const candidates =
    played.length > 0 ? played : field === 'date' ? entities.dates.filter(({ role }) => role === null) : [];
  const clear = candidates.find((date) => date.readings.length === 1 && matches(date));
  if (clear !== undefined)
    return passes('text_date', `The document says ${wanted} as well.`, field, [said, show(clear)]);
  const ambiguous = candidates.find(matches);
  if (ambiguous !== undefined) {
    return unknown(
      'text_date',
      `${document.text.slice(ambiguous.start, ambiguous.end)} may be ${ambiguous.readings.join(' or ')}: day and month can be changed round.`,
      field,
      [said, show(ambiguous)],
    );
  }
  const other = candidates[0];
  if (other === undefined) return unknown('text_date', `The document has no date for ${field}.`, field);
  const role = other.role === null ? 'dated' : ROLE_NAMES[other.role];
  return fails(
    'text_date',
    `The document is ${role} ${other.readings.join(' or ')}; the metadata says ${wanted}.`,
    field,
    [said, show(other)],
  );
}

/** Words that make a sum the one that a document is about. */
const TOTAL =
  /\b(grand total|total(?! (?:number|of \d))|amount due|balance due|(?:purchase|contract|total|sale|agreed|subscription) (?:price|value|amount|sum|fee|consideration)|consideration|aggregate (?:price|amount|fee)|sum of|principal(?: amount)?|fee of|price of|gross(?: amount)?|(?:annual|monthly|fixed|licence|license|service|one-time) fees?|payable under this|shall pay|gesamt\w*)\b/i;

function checkAmount({ document, entities, terms }: Look, value: string, currency: string | null): Answer {
  const said = declared('amount', value);
  const wanted = exactNumber(value);
  if (wanted === null) {
    return unknown(
      'text_amount',
      `metadata.amount: expected a decimal number of at most 40 digits, got ${describe(value)}`,
      'amount',
    );
  }
  const amounts = entities.amounts.length > 0 ? entities.amounts : bareTotals(document.text);
  if (amounts.length === 0) return unknown('text_amount', 'The document names no amount of money.', 'amount');
  const near = (one: Decimal) => compareDecimal(absoluteDifference(one, wanted), terms.toleranceAmount) <= 0;
  const stated = amounts.filter(({ start }) => {
    const from = Math.max(0, document.text.lastIndexOf('\n', start - 1), start - 120);
    return TOTAL.test(document.text.slice(from, start));
  });
  const candidates = stated.length > 0 ? stated : amounts;
  const show = (index: number) => quote(document, entities, candidates[index]!.start, candidates[index]!.end);
  const equal = candidates.findIndex(({ readings }) => readings.some(near));
  if (equal >= 0) {
    const { currencies, readings } = candidates[equal]!;
    if (currency !== null && currencies.length > 0 && !currencies.includes(currency)) {
      return fails(
        'text_amount',
        `The document says ${wanted} in ${currencies.slice(0, 3).join(' or ')}, the metadata in ${currency}.`,
        'amount',
        [said, show(equal)],
      );
    }
    if (readings.length > 1) {
      return unknown(
        'text_amount',
        `The figure may be ${readings.join(' or ')}: the document does not show which separator it uses.`,
        'amount',
        [said, show(equal)],
      );
    }
    return passes('text_amount', `The document says ${wanted} as well.`, 'amount', [said, show(equal)]);
  }
  if (stated.length === 0 && amounts.length > 1) {
    return unknown(
      'text_amount',
      `The document names ${amounts.length} amounts, none of them ${wanted} and none as its total.`,
      'amount',
    );
  }
  const first = candidates[0]!;
  return fails(
    'text_amount',
    `The document says ${[first.readings.join(' or '), ...first.currencies.slice(0, 1)].join(' ')}${candidates.length > 1 ? ` and ${candidates.length - 1} other sums` : ''}; the metadata says ${wanted}.`,
    'amount',
    [said, ...candidates.slice(0, 3).map((_, i) => show(i))],
  );
}

function exactNumber(text: string): Decimal | null {
  try {
    const value = normaliseDecimal(text.trim());
    return value.length > 42 ? null : value;
  } catch {
    return null;
  }
}

/** Where no sum has a currency, the figures of the lines that say they are totals. */
function bareTotals(text: string): Amount[] {
  const found: Amount[] = [];
  for (const { 0: line, index } of text.matchAll(/[^\n]+/g)) {
    if (line.length > 200 || found.length >= 100 || !TOTAL.test(line)) continue;
    const figure = LAST_FIGURE.exec(line);
    if (figure === null) continue;
    const start = index + figure.index;
    found.push({
      start,
      end: start + figure[1]!.length,
      currencies: [],
      readings: readFigure(figure[1]!),
      inWords: false,
    });
  }
  return found.filter(({ readings }) => readings.length > 0);
}

const LAST_FIGURE = new RegExp(`(?<![\\w.,])(${FIGURE})\\s*$`);

function checkCurrency({ document, entities }: Look, value: string): Answer {
  const wanted = value.trim().toUpperCase();
  if (!CURRENCIES.has(wanted))
    return unknown(
      'text_currency',
      `metadata.currency: expected a code such as EUR or BTC, got ${describe(value)}`,
      'currency',
    );
  const { amounts } = entities;
  const said = declared('currency', value);
  const mention =
    amounts.find(({ currencies }) => currencies[0] === wanted) ??
    amounts.find(({ currencies }) => currencies.includes(wanted));
  if (mention !== undefined)
    return passes('text_currency', `The document has amounts in ${wanted}.`, 'currency', [
      said,
      quote(document, entities, mention.start, mention.end),
    ]);
  const other = amounts[0];
  if (other === undefined)
    return unknown('text_currency', 'The document names no amount of money.', 'currency');
  return fails(
    'text_currency',
    `The document's amounts are in ${other.currencies[0]!}, the metadata says ${wanted}.`,
    'currency',
    [said, quote(document, entities, other.start, other.end)],
  );
}

function checkAddress({ document, entities }: Look, value: string): Answer {
  const wanted = normaliseAddress(value);
  const kind = kindOfAddress(wanted);
  const said = declared('addresses', value);
  const same = entities.addresses.find((one) => one.value === wanted);
  if (same !== undefined)
    return passes('text_address', `The document has ${value}.`, 'addresses', [
      said,
      quote(document, entities, same.start, same.end),
    ]);
  const at = document.text.indexOf(value);
  if (at >= 0)
    return passes('text_address', `The document has ${value}.`, 'addresses', [
      said,
      quote(document, entities, at, at + value.length),
    ]);
  const others = entities.addresses.filter((one) => one.kind === kind);
  const other = others.find((one) => looksLike(one.value, wanted)) ?? others[0];
  if (other === undefined)
    return unknown('text_address', `The document has no ${kind ?? 'such'} address.`, 'addresses');
  return fails(
    'text_address',
    looksLike(other.value, wanted)
      ? `The document has an address that begins and ends like ${value} but is another: the mark of address poisoning.`
      : `The document has another ${kind} address than ${value}.`,
    'addresses',
    [said, quote(document, entities, other.start, other.end)],
  );
}

function kindOfAddress(value: string): string | null {
  if (/^0x[0-9a-f]{40}$/.test(value)) return 'ethereum';
  if (/^(bc1|tb1)/.test(value) || /^[13][1-9A-HJ-NP-Za-km-z]{25,34}$/.test(value)) return 'bitcoin';
  if (/^[A-Z]{2}\d{2}[A-Z0-9]{10,30}$/.test(value)) return 'iban';
  return value.includes('@') ? 'email' : null;
}

/** People compare the first and last characters of an address. */
function looksLike(a: string, b: string): boolean {
  return (
    a.length === b.length && a.length > 20 && a.slice(0, 6) === b.slice(0, 6) && a.slice(-4) === b.slice(-4)
  );
}

function checkTicker({ document, entities }: Look, value: string): Answer {
  const wanted = value
    .trim()
    .replace(/^\$/, '')
    .replace(/^.*:\s*/, '')
    .toUpperCase();
  const said = declared('tickers', value);
  const mention =
    entities.tickers.find(({ ticker }) => ticker === wanted) ?? wholeWord(document.text, wanted);
  if (mention !== undefined)
    return passes('text_ticker', `The document names ${wanted}.`, 'tickers', [
      said,
      quote(document, entities, mention.start, mention.end),
    ]);
  const other = entities.tickers[0];
  if (other === undefined) return unknown('text_ticker', 'The document names no ticker.', 'tickers');
  const named = [...new Set(entities.tickers.map(({ ticker }) => ticker))].slice(0, 5).join(', ');
  return fails('text_ticker', `The document names ${named}, and not ${wanted}.`, 'tickers', [
    said,
    quote(document, entities, other.start, other.end),
  ]);
}

function wholeWord(text: string, ticker: string): { start: number; end: number } | undefined {
  if (!/^[A-Z0-9.]{2,12}$/.test(ticker)) return undefined;
  const names = Object.keys(COIN_NAMES).filter((name) => COIN_NAMES[name] === ticker);
  const match = new RegExp(
    `(?<![\\w])(?:${[ticker.replaceAll('.', '\\.'), ...names.map((name) => name[0]!.toUpperCase() + name.slice(1))].join('|')})(?![\\w])`,
  ).exec(text);
  return match === null ? undefined : { start: match.index, end: match.index + match[0].length };
}

function checkTitle({ document, entities }: Look, value: string): Answer {
  const plain = (text: string) =>
    text
      .normalize('NFKC')
      .toLowerCase()
      .replace(/[^\p{L}\p{N}]+/gu, ' ')
      .trim();
  const said = declared('title', value);
  const wanted = plain(value);
  const head = document.text.slice(0, 3000);
  const first = entities.sentences[0];
  if (wanted === '' || first === undefined)
    return unknown('text_title', 'There is no title to compare.', 'title');
  const show = quote(document, entities, first.start, first.end);
  if (` ${plain(head)} `.includes(` ${wanted} `))
    return passes('text_title', 'The document begins with its declared title.', 'title', [said, show]);
  const words = new Set(plain(head).split(' '));
  const telling = wanted.split(' ').filter((word) => word.length > 3);
  const shared = telling.filter((word) => words.has(word)).length;
  if (telling.length >= 2 && shared === 0) {
    return fails(
      'text_title',
      `No word of the declared title stands at the beginning of the document.`,
      'title',
      [said, show],
    );
  }
  return unknown(
    'text_title',
    `The document's beginning has ${shared} of ${telling.length} words of the declared title.`,
    'title',
    [said, show],
  );
}

function checkGoverningLaw({ document, entities }: Look, value: string): Answer {
  const said = declared('governingLaw', value);
  const laws = findGoverningLaws(document.text);
  const wanted = normaliseJurisdiction(value.replace(/^(the )?laws? of (the )?/i, ''));
  const same = laws.find(({ jurisdiction }) => jurisdiction === wanted);
  if (same !== undefined)
    return passes('text_governing_law', `The document is governed by the law of ${value}.`, 'governingLaw', [
      said,
      quote(document, entities, same.start, same.end),
    ]);
  const other = laws[0];
  if (other === undefined)
    return unknown('text_governing_law', 'The document does not say which law governs it.', 'governingLaw');
  return fails(
    'text_governing_law',
    `The document is governed by the law of ${other.name}, the metadata says ${value}.`,
    'governingLaw',
    [said, quote(document, entities, other.start, other.end)],
  );
}

function declared(field: Field, value: string) {
  return { place: `metadata.${field}`, text: value };
}

function absoluteDifference(a: Decimal, b: Decimal): Decimal {
  const scale = Math.max(a.length, b.length);
  return fromScaled(toScaled(a, scale) - toScaled(b, scale), scale).replace(/^-/, '');
}

function describe(value: unknown): string {
  return typeof value === 'string'
    ? JSON.stringify(value.slice(0, 60))
    : Array.isArray(value)
      ? 'a list'
      : String(typeof value);
}
