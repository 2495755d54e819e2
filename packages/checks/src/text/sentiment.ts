/// <reference path="./vader-sentiment.d.ts" />
import { type Decimal, normaliseDecimal } from '@assay/core';
import vader from 'vader-sentiment';
import { FINANCE_LEXICON } from './finance-lexicon.ts';
import type { Sentence } from './sentences.ts';

/** What a text feels like to somebody who holds what it speaks of. */
export interface Sentiment {
  /** From -1 (as bad as can be) to 1; mean over the sentences, with the first one, the headline, counted twice. */
  score: Decimal;
  label: 'positive' | 'neutral' | 'negative';
  sentences: { start: number; end: number; score: Decimal }[];
  /** For each ticker or name asked for: mean over the sentences that mention it. */
  mentions: { name: string; sentences: number; score: Decimal }[];
}

const MAX_SENTENCES = 5_000;
const MAX_SENTENCE = 1_000;
/** The thresholds of VADER's authors. */
const NEUTRAL = 0.05;

/**
 * Measures sentiment sentence by sentence with VADER (Hutto & Gilbert, ICWSM 2014) and the finance lexicon.
 *
 * @param mentions where tickers and names stand.
 * @returns null when there is no English text to measure.
 * @example
 * measureSentiment(findSentences('Token plunges after exploit.'), [])?.label; // 'negative'
 */
export function measureSentiment(
  sentences: readonly Sentence[],
  mentions: readonly { start: number; name: string }[],
): Sentiment | null {
  const read = sentences.filter(({ text }) => /\p{L}{2}/u.test(text)).slice(0, MAX_SENTENCES);
  if (!isEnglish(read.map(({ text }) => text).join(' '))) return null;
  const scored = read.map(({ start, end, text }) => ({ start, end, value: scoreSentence(text) }));
  const total = scored.reduce((sum, { value }) => sum + value, 0) + scored[0]!.value;
  const score = total / (scored.length + 1);
  const byName = new Map<string, Map<number, number>>();
  for (const { start, name } of mentions) {
    const at = scored.findIndex((one) => one.start <= start && start < one.end);
    if (at < 0) continue;
    const values = byName.get(name) ?? new Map<number, number>();
    values.set(at, scored[at]!.value);
    byName.set(name, values);
  }
  return {
    score: decimal(score),
    label: labelOf(score),
    sentences: scored.map(({ start, end, value }) => ({ start, end, score: decimal(value) })),
    mentions: [...byName].map(([name, values]) => ({
      name,
      sentences: values.size,
      score: decimal([...values.values()].reduce((a, b) => a + b, 0) / values.size),
    })),
  };
}

/** One sentence or headline, from -1 to 1. */
export function scoreSentence(sentence: string): number {
  return vader.SentimentIntensityAnalyzer.polarity_scores(inVadersWords(sentence.slice(0, MAX_SENTENCE)))
    .compound;
}

export function labelOf(score: number): Sentiment['label'] {
  return score >= NEUTRAL ? 'positive' : score <= -NEUTRAL ? 'negative' : 'neutral';
}

/**
 * The package keeps its lexicon to itself. A phrase of ours is handed to it as a word of its own lexicon with the same
 * valence, so that its rules for negation, degree, capitals and "but" work on our phrases as on its words.
 */
export const STAND_INS: ReadonlyMap<number, string> = new Map([
  [3, 'gorgeous'],
  [2.5, 'cheerful'],
  [2, 'dedicated'],
  [1.5, 'boldness'],
  [1, 'advanced'],
  [0, 'thing'],
  [-1, 'darkness'],
  [-1.5, 'clueless'],
  [-2, 'awful'],
  [-2.5, 'snafu'],
  [-3, 'dismal'],
]);

const PHRASES = new RegExp(
  `(?<![\\p{L}\\p{N}])(?:${FINANCE_LEXICON.map(([phrase]) => `(${phrase})`).join('|')})(?![\\p{L}\\p{N}])`,
  'giu',
);
/** VADER negates within three words; headlines negate with verbs. */
const NEGATIONS =
  /\b(?:fail(?:s|ed|ing)? to|unable to|no longer|refus(?:es|ed) to|rul(?:es|ed) out|den(?:ies|ied)|avert(?:s|ed)?|avoid(?:s|ed)?|unlikely to)\b/giu;
/** "BTC up 5%", "shares down 12 percent". */
const MOVES =
  /\b(up|down|higher|lower|[+−-](?=\d))\s*(?:by |almost |nearly |over |more than )?(\d+(?:[.,]\d+)?)\s?(?:%|percent|per cent|pct|bps)/giu;

function inVadersWords(sentence: string): string {
  const moved = sentence.replace(
    MOVES,
    (all, way: string) =>
      `${/up|higher|\+/i.test(way) ? STAND_INS.get(1.5) : STAND_INS.get(-1.5)}${/[.!?]$/.test(all) ? '' : ''}`,
  );
  return moved.replace(NEGATIONS, 'not').replace(PHRASES, (phrase: string, ...groups: unknown[]) => {
    const at = FINANCE_LEXICON.findIndex((_, i) => groups[i] !== undefined);
    const word = STAND_INS.get(FINANCE_LEXICON[at]?.[1] ?? 0) ?? 'thing';
    return phrase.length > 3 && phrase === phrase.toUpperCase() ? word.toUpperCase() : word;
  });
}

const ENGLISH = new Set(
  'the a an of to in and is are was were for on with as by at from that this it its has have had be been will would not but or after before over under amid into than more their his her they we you he she'.split(
    ' ',
  ),
);
const OTHERS = new Set(
  'der die das und ist nicht mit von für auf den dem ein eine le la les des et est une dans pour sur du au el los las una por con para del que een het niet voor van il di che non sono è och att det som på inte os da em não um uma'.split(
    ' ',
  ),
);
const NEWS_WORDS =
  /\b(shares?|stocks?|markets?|bitcoin|crypto|price|profits?|earnings|sales|bank|deal|tokens?|exchange|investors?|revenue|quarter|falls?|rises?|ceo|sec|etf|growth|hits?|sees?)\b/i;

/** Function words tell a language. A headline may have none: then words of the trade decide. */
function isEnglish(text: string): boolean {
  const words =
    text
      .slice(0, 50_000)
      .toLowerCase()
      .match(/\p{L}+/gu) ?? [];
  if (words.length === 0) return false;
  const english = words.filter((word) => ENGLISH.has(word)).length;
  const others = words.filter((word) => OTHERS.has(word)).length;
  const latin = words.filter((word) => /^[a-z]+$/.test(word)).length;
  if (latin < 0.8 * words.length || others > english) return false;
  return (
    english >= 0.06 * words.length ||
    (words.length < 40 && others === 0 && (english > 0 || NEWS_WORDS.test(text)))
  );
}

function decimal(value: number): Decimal {
  return normaliseDecimal(value.toFixed(4));
}
