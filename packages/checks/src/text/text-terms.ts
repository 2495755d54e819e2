import { type Decimal, isDecimal } from '@assay/core';
import { readChoice, readInteger, readList, readMembers, refuseTerms } from '../terms.ts';
import { DOCUMENT_LIMITS } from './document-limits.ts';

export const SELF_FAMILIES = [
  'term',
  'notice',
  'governing_law',
  'amount_words',
  'total',
  'definition',
  'date_order',
  'party_name',
  'reference',
  'checksum',
] as const;
export type SelfFamily = (typeof SELF_FAMILIES)[number];

export const TEXT_FAMILIES = [
  'metadata',
  ...SELF_FAMILIES,
  'date_ambiguous',
  'hidden',
  'deceptive_characters',
  'encoding',
  'sentiment',
] as const;
export type TextFamily = (typeof TEXT_FAMILIES)[number];

export interface TextTerms {
  families: TextFamily[];
  /** Days by which dates may differ and still agree. */
  toleranceDays: number;
  /** By which amounts may differ, in their currency. */
  toleranceAmount: Decimal;
  /** Pages of a PDF that are read. */
  maxPages: number;
}

/** What a contract gets that names no families: everything that can be wrong. Sentiment is measured when asked for. */
const DEFAULTS: TextTerms = {
  families: TEXT_FAMILIES.filter((family) => family !== 'sentiment'),
  toleranceDays: 0,
  toleranceAmount: '0.01',
  maxPages: DOCUMENT_LIMITS.maxPages,
};

/**
 * Reads the terms of a `text` rule: `{ families?, toleranceDays?, toleranceAmount?, maxPages? }`.
 *
 * @throws CONTRACT_INVALID
 * @example
 * readTextTerms({ families: ['metadata', 'total'] }, 'schema[0].quality[3].terms');
 */
export function readTextTerms(value: unknown, path: string): TextTerms {
  const t = readMembers(value, path, [], ['families', 'toleranceDays', 'toleranceAmount', 'maxPages']);
  const asked = readList(
    t.families ?? DEFAULTS.families,
    `${path}.families`,
    1,
    TEXT_FAMILIES.length,
    (family, at) => readChoice(family, at, TEXT_FAMILIES),
  );
  return {
    families: TEXT_FAMILIES.filter((family) => asked.includes(family)),
    toleranceDays: readInteger(t.toleranceDays ?? DEFAULTS.toleranceDays, `${path}.toleranceDays`, 0, 31),
    toleranceAmount: readAmount(t.toleranceAmount ?? DEFAULTS.toleranceAmount, `${path}.toleranceAmount`),
    maxPages: readInteger(t.maxPages ?? DEFAULTS.maxPages, `${path}.maxPages`, 1, 2_000),
  };
}

function readAmount(value: unknown, path: string): Decimal {
  // YAML reads 0.05 as a number.
  const amount = typeof value === 'number' ? String(value) : value;
  const isAmount = isDecimal(amount) && !amount.startsWith('-') && amount.length <= 12;
  // More decimals than a satoshi has would be lost in sums.
  return isAmount && (amount.split('.')[1]?.length ?? 0) <= 8
    ? amount
    : refuseTerms(path, 'a decimal number of 0 or more with at most 8 decimals', value);
}
