import type { FindingStatus } from '@assay/core';
import {
  digestOf,
  FORMATS,
  type MadeDocument,
  makeDocument,
  type Phrasing,
  PLANTS,
} from './documents.fixture.ts';
import { textDetector } from './text-detector.ts';

export interface Tally {
  planted: number;
  found: number;
  /** Documents without this fault in which the check failed. */
  falseAlarms: number;
  /** Documents without this fault. */
  sound: number;
  /** Of those, where the check said pass; the others are unknown. */
  passed: number;
}

/** A planted fault that is one for another check too: it is no false alarm there. */
const ENTAILED: Record<string, readonly string[]> = {
  'text_currency (currency)': ['text_amount (amount)'],
  text_date_order: ['text_term'],
  // A name with a foreign letter in it is another name.
  text_deceptive_characters: ['text_party_name', 'text_party (parties)'],
  // A wrong sum may be the one that the metadata's amount is compared with.
  text_total: ['text_amount (amount)'],
};

/** Runs the detector over made documents, and counts for each check what it found, missed and cried wolf about. */
export async function evaluate(
  phrasing: Phrasing,
  perCell: number,
  see: (made: MadeDocument, wrong: string) => void = () => undefined,
): Promise<Map<string, Tally>> {
  const tallies = new Map<string, Tally>();
  const tallyOf = (name: string) => {
    const tally = tallies.get(name) ?? { planted: 0, found: 0, falseAlarms: 0, sound: 0, passed: 0 };
    tallies.set(name, tally);
    return tally;
  };
  const terms = textDetector.readTerms({}, 'terms');
  let seed = phrasing === 'develop' ? 1 : 1_000_000;
  for (const kind of ['contract', 'invoice', 'news'] as const) {
    // A clean document for every planted one.
    for (const planted of PLANTS[kind].flatMap((plant) => [plant, null])) {
      for (const format of FORMATS) {
        // Helvetica has none of the deceptive characters, and a PDF has no charset.
        if (format === 'pdf' && /deceptive|encoding/.test(planted?.check ?? '')) continue;
        if (format === 'text' && planted?.check === 'text_hidden') continue;
        for (let i = 0; i < perCell; i++) {
          const made = makeDocument(seed++, phrasing, kind, format, planted);
          const { bytes, mediaType, metadata } = made;
          const file = { name: `made.${format}`, mediaType, bytes, metadata };
          const specimen = {
            stream: 'documents',
            digest: digestOf(bytes),
            observedAt: '2026-01-01T00:00:00Z',
            file,
          };
          const { findings } = await textDetector.examine(specimen, terms, null);
          const cause = planted === null ? '' : nameOf(planted.check, planted.column);
          const expected = [cause, ...(ENTAILED[cause] ?? [])];
          const byName = new Map<string, FindingStatus[]>();
          for (const { check, column, status, reason } of findings) {
            const name = nameOf(check, column);
            byName.set(name, [...(byName.get(name) ?? []), status]);
            if (status === 'fail' && !expected.includes(name)) see(made, `${name} cried wolf: ${reason}`);
          }
          for (const [name, statuses] of byName) {
            if (expected.includes(name)) continue;
            const tally = tallyOf(name);
            tally.sound++;
            if (statuses.includes('fail')) tally.falseAlarms++;
            else if (!statuses.includes('unknown')) tally.passed++;
          }
          if (planted === null) continue;
          tallyOf(cause).planted++;
          if (byName.get(cause)?.includes('fail')) tallyOf(cause).found++;
          else see(made, `${cause} missed: ${byName.get(cause)?.join() ?? 'not asked'}`);
        }
      }
    }
  }
  return tallies;
}

export function nameOf(check: string, column: string | undefined): string {
  return column === undefined ? check : `${check} (${column})`;
}
