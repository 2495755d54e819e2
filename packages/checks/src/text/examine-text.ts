import { AssayError, compareDecimal } from '@assay/core';
import type { DetectorFinding, Exhibit, Specimen } from '../detector.ts';
import { checkItself } from './against-itself.ts';
import { checkMetadata, METADATA_FIELDS } from './against-metadata.ts';
import { type Answer, fails, passes, unknown } from './answer.ts';
import { findDeceptiveCharacters } from './deceptive-characters.ts';
import { DOCUMENT_LIMITS } from './document-limits.ts';
import { type Entities, quote, readEntities } from './entities.ts';
import { addressesModel } from './model-instructions.ts';
import { describePlace, placeAt, readDocument, type TextDocument } from './read-document.ts';
import { measureSentiment } from './sentiment.ts';
import { type SelfFamily, TEXT_FAMILIES, type TextTerms } from './text-terms.ts';

/** Answers every family that the terms ask for, in the order of {@link TEXT_FAMILIES}. */
export async function examineText(specimen: Specimen, terms: TextTerms): Promise<DetectorFinding[]> {
  const { file } = specimen;
  if (file === undefined)
    return [
      toFinding(unknown('text_readable', 'There is no file to read: the text detector examines documents.')),
    ];
  const limits = { ...DOCUMENT_LIMITS, maxPages: terms.maxPages };
  let document: TextDocument;
  try {
    document = await readDocument(file.bytes, file.mediaType, limits);
  } catch (error) {
    if (!(error instanceof AssayError)) throw error;
    return [toFinding(unknown('text_readable', `${file.name}: ${error.message}.`))];
  }
  const entities = readEntities(document);
  const answers: Answer[] = [readable(document)];
  for (const family of TEXT_FAMILIES) {
    if (!terms.families.includes(family)) continue;
    if (family === 'metadata') answers.push(...metadataAnswers(document, entities, file.metadata, terms));
    else if (family === 'hidden') answers.push(checkHidden(document));
    else if (family === 'deceptive_characters') answers.push(checkCharacters(document));
    else if (family === 'encoding') answers.push(checkEncoding(document));
    else if (family === 'date_ambiguous') answers.push(checkAmbiguity(document, entities));
    else if (family !== 'sentiment')
      answers.push(checkItself(document, entities, family satisfies SelfFamily, terms));
  }
  const findings = answers.map(toFinding);
  if (terms.families.includes('sentiment')) findings.push(sentimentFinding(document, entities));
  return findings;
}

function readable({ text, truncated, format }: TextDocument): Answer {
  const characters = text.replace(/\s/g, '').length;
  if (characters === 0) {
    return unknown(
      'text_readable',
      format === 'pdf'
        ? 'The PDF has no text: it may be a scan, which is not read.'
        : 'The document has no text.',
    );
  }
  return truncated === null
    ? passes('text_readable', `All ${characters} characters were read.`, null, [], '1')
    : unknown('text_readable', `The document was not read to its end: ${truncated}.`);
}

function metadataAnswers(
  document: TextDocument,
  entities: Entities,
  metadata: Readonly<Record<string, unknown>>,
  terms: TextTerms,
): Answer[] {
  const answers = checkMetadata(document, entities, metadata, terms);
  if (answers.length > MAX_METADATA_ANSWERS) return oneAField(answers);
  return answers.length > 0
    ? answers
    : [
        unknown(
          'text_metadata',
          `The provider declares none of ${METADATA_FIELDS.join(', ')}: there is nothing to compare.`,
        ),
      ];
}

/** With the 16 other answers these are the findings that an examination may have. */
const MAX_METADATA_ANSWERS = 16;

/** Whoever declares a hundred parties gets one answer for all of them: the worst, with how many share it. */
function oneAField(answers: readonly Answer[]): Answer[] {
  return [...Map.groupBy(answers, ({ check, field }) => `${check}/${field}`).values()].map((same) => {
    const worst = (['fail', 'unknown', 'pass'] as const)
      .map((status) => same.filter((answer) => answer.status === status))
      .find((those) => those.length > 0)!;
    const [first] = worst.sort((a, b) => compareDecimal(a.score ?? '0', b.score ?? '0'));
    const reason = `${worst.length} of ${same.length} declared: ${first!.reason}`;
    return { ...first!, reason, quotes: worst.flatMap(({ quotes }) => quotes).slice(0, 8) };
  });
}

function checkHidden(document: TextDocument): Answer {
  const { hidden } = document;
  if (hidden.length === 0) {
    return document.truncated === null
      ? passes('text_hidden', 'A person sees every word that a program reads.', null)
      : unknown('text_hidden', `Nothing is hidden in what was read, but ${document.truncated}.`);
  }
  // What speaks to a model comes first: it is why this check exists.
  const speaks = hidden.filter(({ text }) => addressesModel(text));
  const shown = [...speaks, ...hidden.filter((one) => !speaks.includes(one))].slice(0, 8);
  return fails(
    'text_hidden',
    `A program reads words that a person does not see, in ${hidden.length === 1 ? 'one place' : `${hidden.length} places`}: ${shown[0]!.how}.${speaks.length > 0 ? ' They give orders to a language model.' : ''}`,
    null,
    shown.map(({ place, text, how }) => ({
      place: `${describePlace(place)} (${how})`,
      text: text.slice(0, 500),
    })),
    speaks.length > 0 ? '0.01' : '0.2',
  );
}

function checkCharacters(document: TextDocument): Answer {
  const found = findDeceptiveCharacters(document.text);
  if (found.length === 0) {
    return document.truncated === null
      ? passes('text_deceptive_characters', 'Every character is what it looks like.', null)
      : unknown(
          'text_deceptive_characters',
          `Every character read is what it looks like, but ${document.truncated}.`,
        );
  }
  return fails(
    'text_deceptive_characters',
    `Characters are not what they look like in ${found.length === 1 ? 'one place' : `${found.length} places`}: ${found
      .slice(0, 3)
      .map(({ what }) => what)
      .join('; ')}.`,
    null,
    found.slice(0, 8).map(({ start, end }) => ({
      place: describePlace(placeAt(document, start)),
      text: document.text.slice(Math.max(0, start - 40), end + 40).replace(/\s+/g, ' '),
    })),
    '0.05',
  );
}

function checkEncoding({ invalid, charset, format }: TextDocument): Answer {
  if (format === 'pdf') return unknown('text_encoding', 'A PDF states the encoding of each font by itself.');
  if (invalid.length === 0)
    return passes('text_encoding', `Every byte is a character of ${charset}.`, null, [], '1');
  return fails(
    'text_encoding',
    `${invalid.length === 1 ? 'One sequence' : `${invalid.length}${invalid.length >= 100 ? ' or more' : ''} sequences`} of bytes are no characters of ${charset}: the file was declared, joined or cut wrongly.`,
    null,
    invalid.slice(0, 8).map(({ place, bytes }) => ({
      place: describePlace(place),
      text: bytes === '' ? 'U+FFFD' : `bytes ${bytes}`,
    })),
    '0.05',
  );
}

function checkAmbiguity(document: TextDocument, entities: Entities): Answer {
  const ambiguous = entities.dates.filter(({ readings }) => readings.length > 1);
  if (ambiguous.length === 0) {
    return entities.dates.length === 0
      ? unknown('text_date_ambiguous', 'The document has no date.')
      : passes(
          'text_date_ambiguous',
          `Each of ${entities.dates.length} dates can be read in one way only.`,
          null,
        );
  }
  const [first] = ambiguous;
  return unknown(
    'text_date_ambiguous',
    `${document.text.slice(first!.start, first!.end)} may be ${first!.readings.join(' or ')}: day and month can be changed round${ambiguous.length > 1 ? `, as in ${ambiguous.length - 1} more dates` : ''}.`,
    null,
    ambiguous.slice(0, 8).map(({ start, end }) => quote(document, entities, start, end)),
  );
}

/** A measurement, not a judgement: its score would say how sound the document is, and stays away. */
function sentimentFinding(document: TextDocument, entities: Entities): DetectorFinding {
  const check = 'text_sentiment';
  const mentions = [
    ...entities.tickers.map(({ start, ticker }) => ({ start, name: ticker })),
    ...entities.companies.map(({ start, name }) => ({ start, name })),
  ].slice(0, 2_000);
  const measured = measureSentiment(entities.sentences, mentions);
  if (measured === null)
    return toFinding(unknown(check, 'There is no English text whose sentiment could be measured.'));
  const extremes = [...measured.sentences]
    .sort((a, b) => Math.abs(Number(b.score)) - Math.abs(Number(a.score)) || a.start - b.start)
    .slice(0, 10);
  const rows = [
    ['document', '', `${measured.sentences.length} sentences`, measured.score],
    ...measured.mentions
      .slice(0, 50)
      .map(({ name, sentences, score }) => [name, '', `${sentences} sentences`, score]),
    ...extremes.map(({ start, end, score }) => {
      const { place, text } = quote(document, entities, start, end);
      return ['sentence', place, text, score];
    }),
  ];
  return {
    check,
    status: 'pass',
    reason: `Measured ${measured.score} (${measured.label}) on a scale from -1 to 1: the mean of its sentences with the headline counted twice. It says how the text sounds, not whether it is true.`,
    exhibits: [
      {
        kind: 'table',
        title: 'Sentiment',
        columns: ['of', 'place', 'text', 'score'],
        rows: rows.map((row) => row.map(visible)),
      },
    ],
  };
}

const MAX_REASON = 2_000;

function toFinding({ check, status, score, reason, field, quotes }: Answer): DetectorFinding {
  const exhibit: Exhibit = {
    kind: 'quotes',
    title: field === undefined ? check.replaceAll('_', ' ') : `${check.replaceAll('_', ' ')}: ${field}`,
    quotes: quotes.map(({ place, text }) => ({ place, text: visible(text) })),
  };
  return {
    check,
    ...(field === undefined ? {} : { column: field }),
    status,
    reason: visible(reason).slice(0, MAX_REASON).toWellFormed(),
    ...(score === undefined ? {} : { score }),
    ...(quotes.length === 0 ? {} : { exhibits: [exhibit] }),
  };
}

/** A document must not deceive who reads the finding about it: what cannot be seen is written out. */
function visible(text: string): string {
  return text.toWellFormed().replace(UNSEEN, (c) => {
    if (c === '\n' || c === '\t') return ' ';
    return `⟨U+${c.codePointAt(0)!.toString(16).toUpperCase().padStart(4, '0')}⟩`;
  });
}

/** Control and format characters, fillers, and variation selectors beyond the ones of emoji. */
const UNSEEN = /[\p{Cc}\p{Cf}\u115f\u1160\u3164]|[\u{e0100}-\u{e01ef}]/gu;
