import { type Decimal, normaliseDecimal } from '@assay/core';
import { FIGURE, readFigure } from './amounts.ts';
import { type Answer, fails, passes, unknown } from './answer.ts';
import { addDays, addPeriod, daysBetween, type PeriodMention } from './dates.ts';
import { type DatedMention, type Entities, type Quote, quote } from './entities.ts';
import { findGoverningLaws, type GoverningLaw } from './governing-law.ts';
import { findNumbersInWords } from './numbers-in-words.ts';
import { type Definition, editDistance, type NameMention, normaliseName, stemOf } from './parties.ts';
import type { TextDocument } from './read-document.ts';
import { type Sentence, sentenceAt } from './sentences.ts';
import type { SelfFamily } from './text-terms.ts';
import { checkTotals } from './totals.ts';

/** Contradictions that one answer tells; the reason says how many there are. */
const MAX_TOLD = 6;

/** What two places say that cannot both be so. */
export interface Contradiction {
  what: string;
  places: { start: number; end: number }[];
}

export interface SelfTerms {
  /** Days between a term's stated end and its start plus its length that still agree. */
  toleranceDays: number;
  /** For sums, in their currency: rounding of each line adds up. */
  toleranceAmount: Decimal;
}

interface Look {
  document: TextDocument;
  text: string;
  entities: Entities;
  terms: SelfTerms;
}

/** A family's result: how many things were compared, and what contradicts. Nothing compared is unknown. */
interface Comparison {
  compared: number;
  contradictions: Contradiction[];
  /** What the family looks for, to say that it is not there. */
  subject: string;
}

const COMPARE: Record<SelfFamily, (look: Look) => Comparison> = {
  term: compareTerm,
  notice: compareNotice,
  governing_law: compareLaws,
  amount_words: compareWords,
  total: ({ text, terms }) => ({
    ...checkTotals(text, terms.toleranceAmount),
    subject: 'sums that could be added up',
  }),
  definition: compareDefinitions,
  date_order: compareDates,
  party_name: compareNames,
  reference: compareReferences,
  checksum: compareChecksums,
};

/**
 * Holds a document against itself. A family passes when it had something to compare and nothing contradicts.
 *
 * @example
 * checkItself(document, entities, 'term', { toleranceDays: 1, toleranceAmount: '0.02' }).status; // 'fail'
 */
export function checkItself(
  document: TextDocument,
  entities: Entities,
  family: SelfFamily,
  terms: SelfTerms,
): Answer {
  const check = `text_${family}`;
  const { compared, contradictions, subject } = COMPARE[family]({
    document,
    text: document.text,
    entities,
    terms,
  });
  const told = contradictions.slice(0, MAX_TOLD);
  const quotes: Quote[] = told.flatMap(({ places }) =>
    places.slice(0, 4).map(({ start, end }) => quote(document, entities, start, end)),
  );
  if (told.length > 0) {
    const more =
      contradictions.length > told.length ? ` And ${contradictions.length - told.length} more.` : '';
    const certain = family === 'checksum' || family === 'amount_words' || family === 'total';
    return fails(
      check,
      `${told.map(({ what }) => what).join(' ')}${more}`,
      null,
      quotes,
      certain ? '0.02' : '0.1',
    );
  }
  if (compared === 0) return unknown(check, `The document has no ${subject}.`);
  if (document.truncated !== null)
    return unknown(check, `Nothing contradicts in what was read, but ${document.truncated}.`);
  return passes(check, `Nothing contradicts: ${compared} compared.`, null);
}

// --- term -------------------------------------------------------------------------------------------------------

const TERM_WORDS =
  /\b(term|duration|remain(?:s)? in (?:full )?(?:force|effect)|continu(?:e|es|ing)|in force for|period of validity|fixed period|engagement|valid for|lease(?:d)? for|runs? for|last(?:s)? for|lasting|binding for|initial period)\b/i;
/** Only what says outright that it is the term is compared with another length. */
const STATED_TERM =
  /\b(?:initial )?term(?: of (?:this|the) (?:agreement|contract|lease))?(?: shall| will)? (?:be|is|of|runs for)(?: for)?(?: a(?: period of)?)?\s*$/i;
const NOT_THE_TERM =
  /\b(notice|renew\w*|successive|extend\w*|extension|additional|thereafter|after (?:the )?(?:termination|expiry|expiration)|surviv\w*|confidential\w*|warrant\w*|payment|invoice|pay|cure|remed\w+|retain|retention|prior to|before|within|limitation|non-?compet\w*|insolven\w*|bankrupt\w*|proceedings?|breach\w*|default\w*|force majeure|delay\w*|more than|exceed\w*|suspen\w*|probation\w*|fail\w*|records?|inventory|director\w*|chairman)\b/i;

function compareTerm({ text, entities, terms }: Look): Comparison {
  const lengths = entities.periods.filter(
    ({ start, unit }) => unit !== 'business day' && isTermLength(text, entities, start),
  );
  const starts = entities.dates.filter(({ role }) => role === 'effective');
  const ends = entities.dates.filter(
    ({ role, start }) => role === 'expiry' && !isOfSomethingElse(text, entities, start),
  );
  const contradictions: Contradiction[] = [];
  let compared = 0;
  const [first] = lengths;
  const ofAgreement = lengths.filter(({ start }) =>
    STATED_TERM.test(text.slice(Math.max(0, start - 120), start)),
  );
  const [main] = ofAgreement;
  for (const other of ofAgreement.slice(1, 20)) {
    compared++;
    if (!sameLength(main!, other)) {
      contradictions.push({
        what: `The term is ${say(main!)} in one place and ${say(other)} in another.`,
        places: [main!, other],
      });
    }
  }
  const near = (one: { start: number }) => first !== undefined && Math.abs(one.start - first.start) < 300;
  if (first !== undefined && starts.some(near) && ends.some(near)) {
    compared++;
    // The start that stands in the clause of the length counts before one elsewhere.
    const nearest = [...starts].sort(
      (a, b) => Math.abs(a.start - first.start) - Math.abs(b.start - first.start),
    );
    const end = [...ends].sort(
      (a, b) => Math.abs(a.start - first.start) - Math.abs(b.start - first.start),
    )[0]!;
    const agrees = nearest.some((start) => fits(start, first, end, terms.toleranceDays));
    if (!agrees) {
      const start = nearest[0]!;
      const expected = addPeriod(start.readings[0]!, first.count, first.unit);
      contradictions.push({
        what: `A term of ${say(first)} from ${start.readings.join(' or ')} ends on ${expected === null ? 'another day' : addDays(expected, -1)}, not on ${end.readings.join(' or ')}.`,
        places: [start, first, end],
      });
    }
  }
  return { compared, contradictions, subject: 'start, length and end of a term' };
}

/** The last day may be the one before the anniversary or the anniversary itself: both are usual. */
function fits(start: DatedMention, length: PeriodMention, end: DatedMention, toleranceDays: number): boolean {
  return start.readings.some((from) => {
    const to = addPeriod(from, length.count, length.unit);
    return (
      to !== null &&
      end.readings.some((stated) => {
        const late = daysBetween(to, stated);
        return late >= -1 - toleranceDays && late <= toleranceDays;
      })
    );
  });
}

function isTermLength(text: string, entities: Entities, at: number): boolean {
  const sentence = sentenceAt(entities.sentences, at);
  if (sentence === undefined) return false;
  // Only the clause that the length stands in: "for twelve months and may be renewed for ..." has two.
  const clause = text.slice(Math.max(sentence.start, at - 120), at);
  const own = clause
    .split(
      /[;]|,? (?:and|unless|provided|but|after which|whereupon)\s+(?=(?:may|shall|will|it|either|unless|thereafter|that|such)\b)/i,
    )
    .at(-1)!;
  const after = text.slice(at, Math.min(sentence.end, at + 60));
  if (
    !TERM_WORDS.test(own) &&
    !/^\S+(?:\s\(\d+\))?[\s-]\w+\s+(?:initial\s+)?(?:term|period|engagement)\b/i.test(after)
  )
    return false;
  return !NOT_THE_TERM.test(own) && !/^[^.;,]{0,40}\b(?:notice|prior|renewal|before)\b/i.test(after);
}

/** "Payment until", "offer valid until": ends of other things than the contract. */
function isOfSomethingElse(text: string, entities: Entities, at: number): boolean {
  const sentence = sentenceAt(entities.sentences, at);
  return /\b(pay\w*|invoice|deliver\w*|offer|warrant\w*|insur\w*|notice|report\w*|complete\w*|claim\w*|confidential\w*|renew\w*)\b/i.test(
    text.slice(sentence?.start ?? at, at),
  );
}

// --- notice -----------------------------------------------------------------------------------------------------

interface Notice {
  start: number;
  end: number;
  act: string;
  who: string | null;
  period: PeriodMention;
}

/** Notices with a condition of their own, and those of other contracts: their periods may well differ. */
const SPECIAL =
  /\b(breach\w*|default\w*|remed(?:y|ied|ies)|cure[sd]?|fails? to|failure|insolven\w*|for cause|if|in the event|event of|in case|upon (?:the|a|any)|unless|insur\w*|polic(?:y|ies)|employee|audit\w*|inspect\w*|change (?:of|in) control|force majeure|where)\b/i;
const ACTS: [act: string, words: RegExp][] = [
  ['not renewing it', /\b(non-?renewal|not (?:to )?renew\w*|renew\w*|extension)\b/i],
  ['ending it', /\b(terminat\w*|cancel\w*|end this|bring this [^.]{0,30} to an end|withdraw\w*)\b/i],
];

function compareNotice({ text, entities }: Look): Comparison {
  const notices: Notice[] = [];
  for (const period of entities.periods) {
    const sentence = sentenceAt(entities.sentences, period.start);
    if (sentence === undefined || !/\b(notice|notif\w+|in advance|prior warning)\b/i.test(sentence.text))
      continue;
    const act = actOf(sentence, text, period);
    if (act === null) continue;
    notices.push({
      start: period.start,
      end: period.end,
      act,
      who: subjectOf(sentence.text, period.start - sentence.start),
      period,
    });
  }
  const contradictions: Contradiction[] = [];
  let compared = 0;
  for (const [i, one] of notices.slice(0, 60).entries()) {
    for (const other of notices.slice(i + 1, 60)) {
      if (one.act !== other.act || !sameWho(one.who, other.who)) continue;
      compared++;
      if (!sameLength(one.period, other.period)) {
        contradictions.push({
          what: `Notice for ${one.act} is ${say(one.period)} in one place and ${say(other.period)} in another.`,
          places: [one, other],
        });
      }
    }
  }
  return { compared: Math.max(compared, notices.length), contradictions, subject: 'notice period' };
}

/** The period must belong to the notice: "within 30 days of the notice" is time to act on one. */
function actOf(sentence: Sentence, text: string, period: PeriodMention): string | null {
  const before = text.slice(Math.max(sentence.start, period.start - 80), period.start);
  const after = text.slice(period.end, Math.min(sentence.end, period.end + 60));
  const isNotice =
    /^['’]?s?['’]?\s+(?:(?:prior|advance|written|previous|formal|clear)\b[\s,]*(?:and\s+)?){0,3}(?:notice|warning|notification)\b/i.test(
      after,
    ) ||
    (/\b(?:notice|notification|notify|notif\w+)\b[^.;]{0,70}$/i.test(before) &&
      (/\b(?:of|at least|not less than|no less than|no later than|not fewer than|a minimum of|minimum|is|be)\s+(?:at least |not less than |a minimum of )?$/i.test(
        before,
      ) ||
        /^\s*(?:in advance|before|prior|beforehand|ahead)/i.test(after))) ||
    (/\b(?:at least|not less than|no later than)\s*$/i.test(before) &&
      /^\s*(?:in advance|before|prior|beforehand)/i.test(after)) ||
    /\bnotice period\b[^.;]{0,60}$/i.test(before);
  if (!isNotice || SPECIAL.test(sentence.text)) return null;
  return ACTS.find(([, words]) => words.test(sentence.text))?.[0] ?? null;
}

/** Who gives the notice: null for either party, or when nobody is named. */
function subjectOf(sentence: string, at: number): string | null {
  const before = sentence.slice(0, Math.max(at, 0));
  const named =
    [
      ...before.matchAll(
        /\b(?:[Tt]he\s+)?([\p{Lu}][\p{L}]+(?:\s\p{Lu}\p{L}+)?)\s+(?:may|shall|can|must|will|is entitled|has the right)\b/gu,
      ),
    ].at(-1)?.[1] ?? /\bby (?:the )?(\p{Lu}\p{L}+)\b/u.exec(sentence)?.[1];
  if (
    named === undefined ||
    /\b(Either|Each|Any|Both|Party|Parties|Agreement|Contract|Notice|Termination)\b/.test(named)
  )
    return null;
  return named.toLowerCase();
}

function sameWho(a: string | null, b: string | null): boolean {
  return a === null || b === null || a === b;
}

// --- governing law, words and figures ---------------------------------------------------------------------------

function compareLaws({ text, entities }: Look): Comparison {
  const laws = findGoverningLaws(text);
  const [first] = laws;
  const other = (law: GoverningLaw) => {
    const [a, b] = [first!.jurisdiction, law.jurisdiction].map((one) => one.replaceAll(' ', ''));
    // "Ontario and the federal laws of Canada" is one choice.
    const apart = sentenceAt(entities.sentences, law.start) !== sentenceAt(entities.sentences, first!.start);
    return apart && !a!.includes(b!) && !b!.includes(a!);
  };
  const contradictions = laws
    .slice(1)
    .filter(other)
    .map((law) => ({
      what: `The law of ${first!.name} governs in one place, that of ${law.name} in another.`,
      places: [first!, law],
    }));
  return { compared: laws.length, contradictions, subject: 'clause that chooses a law' };
}

const MONEY_WORDS =
  '(?:[\\s-]+(?:US|U\\.S\\.|United\\s+States|American|Canadian|Australian|Swiss|pounds?|sterling|dollars?|euros?|francs?|yen|bitcoins?|ether|per\\s?cent|percent|and\\s+no\\s+cents|only|[A-Z]{3,4})){0,4}';
const SIGN_BEFORE = '(?:(?:[A-Z]{3,5}|[A-Z]{0,2}\\$|[€£¥₿Ξ])\\s?)?';
const FIGURE_AFTER = new RegExp(
  `^${MONEY_WORDS}\\s*\\(\\s*${SIGN_BEFORE}(${FIGURE})(?:\\.?[-–]{1,2})?\\s*(?:%|[€$£]|per\\s?cent|percent|[A-Za-z ]{0,20})\\s*\\)`,
);
const FIGURE_BEFORE = new RegExp(
  `(?<![\\w.,])(${FIGURE})(?:\\.?[-–]{1,2})?\\s*(?:%|[€$£]|[A-Z]{3,5}|[a-z]{0,10})\\s*\\(\\s*(?:(?:in words|say)[:,]?\\s*)?(?:[A-Z]{3}\\s+|(?:US|Euros?|Dollars?)\\s+)?$`,
);

function compareWords({ text }: Look): Comparison {
  const contradictions: Contradiction[] = [];
  let compared = 0;
  for (const { start, end, value } of findNumbersInWords(text).slice(0, 5_000)) {
    const after = FIGURE_AFTER.exec(text.slice(end, end + 100));
    const lead = text.slice(Math.max(0, start - 80), start);
    const closed = /^(?:[^()\n]|\n(?!\n)){0,60}\)/.test(text.slice(end, end + 62));
    const before = after === null && closed ? FIGURE_BEFORE.exec(lead) : null;
    const figure = after?.[1] ?? before?.[1];
    if (figure === undefined) continue;
    const readings = readFigure(figure);
    // "One half of one percent (0.5%)", "fifty billion ($50 billion)": the figure says the fraction or the scale itself.
    const scaled = /\b(?:hundred|thousand|million|billion|trillion|mn|bn|m|k)\b/i.test(
      after?.[0].slice(after[0].lastIndexOf(figure) + figure.length) ?? '',
    );
    const next = text.slice(end + (after?.[0].length ?? 0), end + (after?.[0].length ?? 0) + 12);
    const torn =
      /\b(?:half|third|quarter|tenths?|point)\s+(?:of\s+)?$/i.test(lead) ||
      /^\s*(?:thousand|million|billion)\b/i.test(next) ||
      (before !== null && /^\s*(?:years?|months?|weeks?|days?)\b/i.test(next));
    if (readings.length === 0 || scaled || torn) continue;
    compared++;
    if (readings.includes(normaliseDecimal(value))) continue;
    const from = before === null ? start : start - lead.length + before.index;
    const to = after === null ? end : end + after[0].length;
    contradictions.push({
      what: `“${text.slice(start, end).replace(/\s+/g, ' ')}” is ${value}, but the figure says ${readings.join(' or ')}.`,
      places: [
        { start: from, end: to },
        { start, end },
      ],
    });
  }
  return { compared, contradictions, subject: 'number in words beside figures' };
}

// --- definitions ------------------------------------------------------------------------------------------------

/** Capitalised by custom, not by definition. */
const CUSTOMARY = new Set(
  (
    'agreement contract parties party section clause article schedule annex appendix exhibit paragraph preamble recitals courts court state states united kingdom republic union european commission ' +
    'government act code regulation directive court internet company board president director monday tuesday wednesday thursday friday saturday sunday january february march april may june july august september october november december ' +
    'league association university city country world north south east west national san new affiliate affiliates english german french swiss euro dollar ethereum bitcoin chamber commerce arbitration rules bank federal reserve security exchange nasdaq treasury'
  ).split(' '),
);

function compareDefinitions({ text, entities }: Look): Comparison {
  const { definitions } = entities;
  const contradictions: Contradiction[] = [];
  const byTerm = new Map<string, Definition[]>();
  for (const one of definitions)
    byTerm.set(one.term.toLowerCase(), [...(byTerm.get(one.term.toLowerCase()) ?? []), one]);
  for (const same of byTerm.values()) {
    const [first] = same;
    const other = same.slice(1).find((one) => !sameMeaning(one, first!));
    if (other !== undefined) {
      contradictions.push({
        what: `“${first!.term}” is defined twice, differently.`,
        places: [first!, other],
      });
    }
  }
  // A document without a habit of defining cannot break it.
  if (byTerm.size >= 2 && text.length < MAX_SELF_CONTAINED)
    contradictions.push(...undefinedTerms(text, new Set(byTerm.keys()), entities));
  return { compared: definitions.length, contradictions, subject: 'defined term' };
}

/** Longer contracts define terms in attachments, which are other files. */
const MAX_SELF_CONTAINED = 30_000;

/** Two parties, or two meanings in words, can be compared; a bracket after a description cannot. */
function sameMeaning(a: Definition, b: Definition): boolean {
  if (a.party !== null && b.party !== null) {
    const [one, other] = [normaliseName(a.party), normaliseName(b.party)];
    const term = a.term.toLowerCase();
    // What is no company by its form was guessed from capitals, and a short name of a group may mean any of it.
    const companies = stemOf(a.party) !== one && stemOf(b.party) !== other;
    return !companies || one === other || one.includes(term) || other.includes(term);
  }
  if (!a.inWords || !b.inWords) return true;
  // "has the meaning given in clause 2" repeats, it does not define.
  return (
    /\b(?:section|clause|article|above|below|schedule|in relation to|with respect to|in respect of|as to|for purposes|for the purposes)\b/.test(
      `${a.meaning} ${b.meaning}`,
    ) || a.meaning === b.meaning
  );
}

/** "the Deliverables" in the middle of a sentence, at least twice, never with a small letter. */
function undefinedTerms(text: string, defined: ReadonlySet<string>, entities: Entities): Contradiction[] {
  const uses = new Map<string, { start: number; end: number }[]>();
  for (const match of text.matchAll(
    /(?<=[\p{Ll},;)][ \n](?:the|such|any|all|its|each|these)[ \n])(\p{Lu}\p{Ll}{2,}(?:[ \n]\p{Lu}\p{Ll}{2,}){0,3})(?![\p{L}]|[ \n]+\d|[ \n]\p{Lu}\b)/gu,
  )) {
    const term = match[1]!.replace(/\s+/g, ' ');
    const key = term.toLowerCase();
    if (key.split(' ').some((word) => CUSTOMARY.has(word)) || isDefined(key, defined)) continue;
    if (entities.companies.some(({ start, end }) => start <= match.index && end >= match.index)) continue;
    if (
      /^(?:[ \n](?:of|and)[ \n](?:the[ \n])?\p{Lu})/u.test(
        text.slice(match.index + match[1]!.length, match.index + match[1]!.length + 12),
      )
    )
      continue;
    const known = uses.get(key) ?? [];
    known.push({ start: match.index, end: match.index + match[1]!.length });
    uses.set(key, known);
  }
  const shown = text.slice(0, 500_000);
  const plain = shown.toLowerCase();
  const undefinedUse = ([key, places]: [string, unknown[]]) =>
    places.length >= 3 &&
    !shown.includes(` ${key} `) &&
    !new RegExp(`["“”'’:]\\s?${key}\\b|\\b${key}\\s?(?:["“”:]|means|shall mean)`).test(plain);
  return [...uses]
    .filter(undefinedUse)
    .slice(0, 50)
    .map(([, places]) => ({
      what: `“${text.slice(places[0]!.start, places[0]!.end).replace(/\s+/g, ' ')}” is used like a defined term but not defined.`,
      places: places.slice(0, 2),
    }));
}

function isDefined(key: string, defined: ReadonlySet<string>): boolean {
  const singular = (word: string) => word.replace(/ies$/, 'y').replace(/s$/, '');
  for (const term of defined) {
    if (singular(term) === singular(key) || key.startsWith(`${term} `) || key.endsWith(` ${term}`))
      return true;
  }
  return false;
}

// --- dates, names, references, checksums ------------------------------------------------------------------------

function compareDates({ text, entities }: Look): Comparison {
  const contradictions: Contradiction[] = [];
  let compared = 0;
  const of = (role: DatedMention['role']) => entities.dates.filter((date) => date.role === role);
  const mustPrecede = (
    earlier: DatedMention | undefined,
    later: DatedMention | undefined,
    what: (a: string, b: string) => string,
  ) => {
    if (earlier === undefined || later === undefined) return;
    compared++;
    // Only when no reading of the two is in order.
    const ordered = earlier.readings.some((a) => later.readings.some((b) => a <= b));
    if (!ordered)
      contradictions.push({
        what: what(earlier.readings.join(' or '), later.readings.join(' or ')),
        places: [earlier, later],
      });
  };
  const effective = of('effective')[0];
  for (const end of of('expiry').slice(0, 50)) {
    // Only a start in the same sentence or just before it: contracts tell of many periods.
    const sentence = sentenceAt(entities.sentences, end.start);
    const start = of('effective').findLast(
      (one) => one.start < end.start && (one.start >= (sentence?.start ?? 0) || end.start - one.start < 120),
    );
    mustPrecede(start, end, (a, b) => `It ends on ${b}, before it begins on ${a}.`);
  }
  if (text.length < 20_000)
    mustPrecede(of('issued')[0], of('due')[0], (a, b) => `It is due on ${b}, before it was issued on ${a}.`);
  const before =
    /\b(?:sign|execut)\w*\b[^.;]{0,60}\b(?:before|prior to|in advance of|not later than|no later than|on or before)\s+(?:the\s+)?(?:Effective|Commencement|Start)\s+Date\b/i.exec(
      text,
    );
  const signed = of('signed').filter(({ start }) => before === null || Math.abs(start - before.index) > 0);
  if (before !== null && signed.length > 0 && effective !== undefined) {
    const last = signed.at(-1)!;
    compared++;
    if (!last.readings.some((a) => effective.readings.some((b) => a <= b))) {
      contradictions.push({
        what: `It must be signed before it takes effect on ${effective.readings.join(' or ')}, but is signed on ${last.readings.join(' or ')}.`,
        places: [{ start: before.index, end: before.index + before[0].length }, effective, last],
      });
    }
  }
  return { compared, contradictions, subject: 'dates that must follow each other' };
}

/** The same company with another legal form, or with one or two letters changed. */
function compareNames({ entities }: Look): Comparison {
  const names = new Map<string, NameMention>();
  for (const company of entities.companies) {
    const key = normaliseName(company.name);
    if (!names.has(key) && names.size < 300) names.set(key, company);
  }
  const contradictions: Contradiction[] = [];
  // Companies that are named together are meant to be told apart.
  const inOneSentence = (one: NameMention, other: NameMention) =>
    sentenceAt(entities.sentences, one.start) === sentenceAt(entities.sentences, other.start);
  const list = [...names];
  for (const [i, [key, one]] of list.entries()) {
    for (const [otherKey, other] of list.slice(i + 1)) {
      const [a, b] = [stemOf(one.name), stemOf(other.name)];
      const glued = key.replaceAll(' ', '') === otherKey.replaceAll(' ', '');
      if (glued || inOneSentence(one, other)) continue;
      const otherForm = a === b && key !== otherKey;
      const otherLetters =
        a !== b &&
        a.length >= 6 &&
        a.replace(/\d/g, '') !== b.replace(/\d/g, '') &&
        editDistance(a, b, 2) <= (a.length >= 10 ? 2 : 1);
      // "Acme Holdings Ltd" beside "Acme Ltd" are two companies; a changed letter or form is a slip, or worse.
      if (otherForm || otherLetters)
        contradictions.push({ what: `${one.name} is also written ${other.name}.`, places: [one, other] });
    }
  }
  return { compared: entities.companies.length, contradictions, subject: 'company name' };
}

const OTHER_TEXT =
  /^(?:\s*(?:(?:,|or|and)\s*\d{1,3}(?:\.\d{1,3})*|\([a-z0-9]{1,4}\))){0,6}\s*(?:,\s*)?(?:of|in|to|under)\s+(?:the\s+)?(?!this\b|these\b|Agreement\b|Contract\b|present\b)(?:said\s+|Swiss\s+|German\s+)?(?:\p{Lu}|EU\b)/u;

function compareReferences({ text }: Look): Comparison {
  const contradictions: Contradiction[] = [];
  let compared = 0;
  const numbers = sectionNumbers(text);
  for (const match of text.matchAll(REFERENCE)) {
    const number = match[1]!;
    const lineStart = text.lastIndexOf('\n', match.index) + 1;
    // A heading is no reference to itself.
    if (text.slice(lineStart, match.index).trim() === '' && numbers.has(number)) continue;
    const end = match.index + match[0].length;
    if (OTHER_TEXT.test(text.slice(end, end + 60))) continue;
    const parts = number.split('.');
    const parent = parts.slice(0, -1).join('.');
    const last = lastOf(numbers, parent);
    // Numbers get lost when documents are converted: only one beyond the last of at least three is surely missing.
    if (last < 3) continue;
    compared++;
    const ours = Number(parts.at(-1));
    // Far beyond the last it is a statute's number.
    if (numbers.has(number) || ours <= last || ours > last + 20) continue;
    contradictions.push({
      what: `It refers to ${match[0].replace(/\s+/g, ' ')}, which it does not have.`,
      places: [{ start: match.index, end }, ...(parent === '' ? lastHeading(text) : [])],
    });
  }
  const missing = new Set(contradictions.map(({ what }) => what));
  // Many missing sections are a numbering that was not understood.
  if (missing.size > 3 && contradictions.length > 0.2 * compared) {
    return {
      compared: 0,
      contradictions: [],
      subject: 'numbering that its cross-references can be followed by',
    };
  }
  for (const kind of ['Schedule', 'Annex', 'Appendix', 'Exhibit']) {
    const own = new Set(
      [
        ...text.matchAll(
          new RegExp(`^[ \\t]*${kind}[ \\t]+([A-Z]|\\d{1,2})\\b(?=[ \\t]*(?:$|[:–—.-]|\\n))`, 'gim'),
        ),
      ].map(([, name]) => name!),
    );
    // One attachment that is there does not mean that all are.
    if (own.size < 2) continue;
    for (const match of text.matchAll(
      new RegExp(`\\b${kind}\\s+([A-Z]|\\d{1,2})\\b(?!\\s*(?:of|to)\\s+the\\s+\\p{Lu})`, 'gu'),
    )) {
      compared++;
      const beyond = [...own].every(
        (name) => name.length < match[1]!.length || (name.length === match[1]!.length && name < match[1]!),
      );
      if (!beyond) continue;
      const place = { start: match.index, end: match.index + match[0].length };
      contradictions.push({
        what: `It refers to ${match[0].replace(/\s+/g, ' ')}, which it does not have.`,
        places: [place],
      });
    }
  }
  return { compared, contradictions, subject: 'cross-reference to a numbered section' };
}

const REFERENCE =
  /\b(?:[Ss]ections?|[Cc]lauses?|[Aa]rticles?|[Pp]aragraphs?|§)\s*(\d{1,3}(?:\.\d{1,3}){0,5})(?![\d%A-Za-z])/g;

/** Every number that stands before words without being referred to, at a line's beginning or after a stop. */
function sectionNumbers(text: string): Set<string> {
  const numbers = new Set<string>();
  for (const pattern of [
    /^[ \t]*(?:(?:Section|Clause|Article|SECTION|CLAUSE|ARTICLE|§)[ \t]*)?(\d{1,3}(?:\.\d{1,3}){0,5})[.)]?[ \t:–-]+(?=[\p{L}“"(])/gmu,
    /(?<=[.;:)\p{L}]\s{0,30})(?<!(?:[Ss]ections?|[Cc]lauses?|[Aa]rticles?|[Pp]aragraphs?|and|or|to|through)\s{0,3})(\d{1,2}(?:\.\d{1,2}){1,4})\.?\s{0,2}(?=[\p{Lu}“"(])/gu,
    /(?<=[.;:]\s?)(\d{1,2})\.\s{0,2}(?=\p{Lu})/gu,
  ]) {
    for (const match of text.matchAll(pattern)) {
      const parts = match[1]!.split('.');
      for (let i = 1; i <= parts.length; i++) numbers.add(parts.slice(0, i).join('.'));
    }
  }
  return numbers;
}

/** The highest number below a section, or of the sections themselves. */
function lastOf(numbers: ReadonlySet<string>, parent: string): number {
  const prefix = parent === '' ? '' : `${parent}.`;
  let last = 0;
  for (const number of numbers) {
    const rest = number.startsWith(prefix) ? number.slice(prefix.length) : '';
    if (/^\d+$/.test(rest)) last = Math.max(last, Number(rest));
  }
  return last;
}

/** The document's last numbered heading: the other place that shows where the numbers end. */
function lastHeading(text: string): { start: number; end: number }[] {
  const last = [
    ...text.matchAll(/^[ \t]*(?:(?:Section|Clause|Article)[ \t]*)?\d{1,3}[.)]?[ \t:–-]+\p{L}[^\n]{0,80}/gmu),
  ].at(-1);
  return last === undefined ? [] : [{ start: last.index, end: last.index + last[0].length }];
}

function compareChecksums({ entities }: Look): Comparison {
  const checked = entities.addresses.filter(({ checksum }) => checksum !== null);
  const contradictions = checked
    .filter(({ checksum }) => checksum === false)
    .map(({ start, end, kind, value }) => ({
      what: `The ${kind === 'iban' ? 'IBAN' : `${kind} address`} ${value} has a wrong checksum: a character was changed.`,
      places: [{ start, end }],
    }));
  return { compared: checked.length, contradictions, subject: 'account number or address with a checksum' };
}

// --- lengths ----------------------------------------------------------------------------------------------------

const DAYS = { day: 1, week: 7, month: 30.4375, year: 365.25, 'business day': 1.4 };

/** A month may be 28 to 31 days; twelve months are a year. Business days equal only themselves. */
function sameLength(a: PeriodMention, b: PeriodMention): boolean {
  if (a.unit === b.unit) return a.count === b.count;
  if (a.unit === 'business day' || b.unit === 'business day') return false;
  const [x, y] = [a.count * DAYS[a.unit], b.count * DAYS[b.unit]];
  return Math.abs(x - y) <= 0.08 * Math.max(x, y);
}

function say({ count, unit }: PeriodMention): string {
  return `${count} ${unit}${count === 1 ? '' : 's'}`;
}
