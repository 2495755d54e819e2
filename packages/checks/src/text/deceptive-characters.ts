/** Characters that make a reader see something else than a program reads. */
export interface DeceptiveCharacters {
  start: number;
  end: number;
  /** For people: `bidirectional control U+202E`. */
  what: string;
}

const MAX_FOUND = 100;

/**
 * Finds bidirectional controls (Trojan Source, CVE-2021-42574), characters without width, tag characters that
 * smuggle ASCII, and words that mix alphabets with letters of the same look (Unicode TR39, mixed-script confusables).
 * Joiners inside emoji and in scripts that need them are ordinary.
 */
export function findDeceptiveCharacters(text: string): DeceptiveCharacters[] {
  const found: DeceptiveCharacters[] = [];
  for (const { 0: run, index } of text.matchAll(CONTROLS)) {
    if (found.length >= MAX_FOUND) break;
    if (isOrdinary(text, index, run)) continue;
    const codes = [...new Set([...run].map((c) => c.codePointAt(0)!))];
    found.push({
      start: index,
      end: index + run.length,
      what: `${kindOf(codes[0]!)} ${codes.slice(0, 4).map(name).join(' ')}`,
    });
  }
  const mostlyLatin = isMostlyLatin(text);
  for (const { 0: word, index } of text.matchAll(WORDS_OF_OTHER_SCRIPTS)) {
    if (found.length >= MAX_FOUND) break;
    const foreign = [...word].filter((c) => LOOKALIKES.has(c));
    if (foreign.length === 0) continue;
    const mixed = /\p{Script=Latin}/u.test(word) && [...word].filter((c) => /\p{L}/u.test(c)).length >= 3;
    const whole = mostlyLatin && word.length >= 3 && [...word].every((c) => LOOKALIKES.has(c));
    if (!mixed && !whole) continue;
    const shown = [...word].map((c) => LOOKALIKES.get(c) ?? c).join('');
    found.push({
      start: index,
      end: index + word.length,
      what: `a word that looks like “${shown}” with ${[...new Set(foreign)]
        .slice(0, 4)
        .map((c) => name(c.codePointAt(0)!))
        .join(' ')}`,
    });
  }
  return found.sort((a, b) => a.start - b.start);
}

const CONTROLS =
  /(?:[\u202a-\u202e\u2066-\u2069\u200b-\u200d\u2060-\u2064\ufeff\u{e0000}-\u{e007f}\u180e\u115f\u1160\u3164]|[\u{e0100}-\u{e01ef}])+/gu;
/** Bounded on both sides, or a long run of letters would cost its square. */
const WORDS_OF_OTHER_SCRIPTS =
  /[\p{L}\p{M}\p{N}]{0,40}[\p{Script=Cyrillic}\p{Script=Greek}\p{Script=Cherokee}\p{Script=Armenian}][\p{L}\p{M}\p{N}]{0,40}/gu;

/** Letters of other alphabets that common fonts draw like Latin ones: the upper and lower case of confusables.txt. */
const LOOKALIKES = new Map(
  Object.entries({
    а: 'a',
    с: 'c',
    е: 'e',
    о: 'o',
    р: 'p',
    х: 'x',
    у: 'y',
    і: 'i',
    ј: 'j',
    ѕ: 's',
    һ: 'h',
    ԁ: 'd',
    ԛ: 'q',
    ԝ: 'w',
    ӏ: 'l',
    ν: 'v',
    ο: 'o',
    ρ: 'p',
    α: 'a',
    ι: 'i',
    υ: 'u',
    κ: 'k',
    ϲ: 'c',
    ϳ: 'j',
    А: 'A',
    В: 'B',
    С: 'C',
    Е: 'E',
    Н: 'H',
    І: 'I',
    Ј: 'J',
    К: 'K',
    М: 'M',
    О: 'O',
    Р: 'P',
    Ѕ: 'S',
    Т: 'T',
    Х: 'X',
    У: 'Y',
    Ү: 'Y',
    Α: 'A',
    Β: 'B',
    Ε: 'E',
    Ζ: 'Z',
    Η: 'H',
    Ι: 'I',
    Κ: 'K',
    Μ: 'M',
    Ν: 'N',
    Ο: 'O',
    Ρ: 'P',
    Τ: 'T',
    Υ: 'Y',
    Χ: 'X',
    օ: 'o',
    ո: 'n',
    ս: 'u',
    Ꭺ: 'A',
    Ᏼ: 'B',
    Ꮯ: 'C',
  }),
);

function isOrdinary(text: string, index: number, run: string): boolean {
  if (index === 0 && run === '\ufeff') return true;
  const before = text.slice(Math.max(0, index - 2), index);
  const after = text.slice(index + run.length, index + run.length + 2);
  if (run === '\u200d' || run === '\u200c') {
    const around =
      /\ufe0f|[\p{Extended_Pictographic}\p{Emoji_Modifier}\p{Script=Arabic}\p{Script=Devanagari}\p{Script=Bengali}\p{Script=Tamil}\p{Script=Telugu}\p{Script=Kannada}\p{Script=Malayalam}\p{Script=Sinhala}]/u;
    return around.test(before) && (around.test(after) || /^\p{L}/u.test(after));
  }
  // Flags of regions are a black flag and tags (Unicode TR51).
  if (/^[\u{e0020}-\u{e007f}]+$/u.test(run)) return before.endsWith('🏴') && run.endsWith('\u{e007f}');
  // Isolates and embeddings are at home in text that is written from right to left.
  if (/^[\u202a-\u202c\u2066-\u2069]+$/u.test(run)) {
    return /[\p{Script=Arabic}\p{Script=Hebrew}]/u.test(text.slice(Math.max(0, index - 40), index + 40));
  }
  return false;
}

function isMostlyLatin(text: string): boolean {
  const sample = text.slice(0, 20_000);
  const latin = sample.match(/\p{Script=Latin}/gu)?.length ?? 0;
  const letters = sample.match(/\p{L}/gu)?.length ?? 0;
  return latin > 0.9 * letters;
}

function kindOf(code: number): string {
  if (code >= 0xe0000) return 'invisible tag characters';
  return (code >= 0x202a && code <= 0x202e) || (code >= 0x2066 && code <= 0x2069)
    ? 'bidirectional control'
    : 'character without width';
}

function name(code: number): string {
  return `U+${code.toString(16).toUpperCase().padStart(4, '0')}`;
}
