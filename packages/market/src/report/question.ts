import type { Called } from './claims.ts';

export const INTENTS = [
  'price',
  'grade',
  'signal',
  'risk',
  'levels',
  'correlation',
  'sentiment',
  'scenario',
  'narrative',
  'index',
  'quality',
  'record',
  'list',
  'movers',
  'compare',
  'advice',
  'overview',
] as const;
export type Intent = (typeof INTENTS)[number];

/** What is asked, as far as it is understood. */
export interface Question {
  intents: Intent[];
  /** In the order of the question. */
  assets: Called[];
  /** Symbols that more than one asset has. */
  ambiguous: string[];
  /** Which list, if one is named; ids of guides. */
  guide: string | null;
  /** Days before the last recorded one, or a date; null for the last one. */
  when: { daysBefore: number } | { date: string } | null;
  /** Whether the time is where a period begins that ends with the last day. */
  since: boolean;
}

/** What people write for each intent. A question may have several. */
const PATTERNS: [Intent, RegExp][] = [
  [
    'advice',
    /\b(?:should (?:i|we|one)|(?:is|are) \S+ (?:a )?(?:good )?(?:buy|sell|investment)|worth (?:buying|it)|(?:good|right) time to|(?:can|do) (?:i|you) (?:buy|sell|recommend)|(?:to|i) (?:buy|sell|invest)|invest in|buy or sell|recommend)\b/i,
  ],
  ['price', /\b(?:prices?|worth|cost|trad(?:es?|ing) at|quotes?|close[sd]?|how much (?:is|was)|volume)\b/i],
  ['grade', /\b(?:grades?|graded|rating|rated|score[sd]?|how (?:good|strong) (?:is|are|was))\b/i],
  ['signal', /\b(?:signals?|bullish|bearish|long or short|go(?:ing)? (?:long|short)|trend)\b/i],
  [
    'risk',
    /\b(?:risk(?:s|y|iest)?|volatil\w+|drawdowns?|sharpe|sortino|var|cvar|safe(?:r|st|ty)?|dangerous)\b/i,
  ],
  ['levels', /\b(?:levels?|supports?|resistances?)\b/i],
  ['correlation', /\b(?:correlat\w+|moves? with|diversif\w+|hedg\w+)\b/i],
  [
    'sentiment',
    /\b(?:sentiment|news|mood|articles?|headlines?|what (?:is|are) (?:people|they) saying|written)\b/i,
  ],
  [
    'scenario',
    /\b(?:scenarios?|moon|bear case|base case|forecast|predict\w*|target|how (?:high|low)|what if|will \S+ (?:be|go|reach|rise|fall)|where will)\b/i,
  ],
  ['narrative', /\b(?:narratives?|sectors?|themes?|trending|hot)\b/i],
  ['index', /\b(?:ind(?:ex|ices|exes)|baskets?)\b/i],
  [
    'quality',
    /\b(?:data quality|defects?|reliable|trust(?:ed|worthy)?|incidents?|verified|proofs?|proven)\b/i,
  ],
  ['record', /\b(?:track record|accura\w+|how good are the grades|predictive|evaluat\w+|hit rate)\b/i],
  [
    'movers',
    /\b(?:gainers?|losers?|movers?|up the most|down the most|fell (?:the )?most|rose (?:the )?most)\b/i,
  ],
  [
    'list',
    /\b(?:best|top|worst|list|safest|calmest|steadiest|highest|lowest|which (?:coins?|tokens?|assets?|cryptos?)|what (?:coins?|tokens?)|gems?|moonshots?|weakest|strongest|avoid)\b/i,
  ],
  ['compare', /\b(?:compare[ds]?|comparison|versus|vs|better than|or)\b/i],
  [
    'overview',
    /\b(?:about|overview|analy[sz]\w+|report|deep dive|summar\w+|explain|opinion|think of|look(?:ing|s)?)\b/i,
  ],
];

const LISTS: [string, RegExp][] = [
  ['moonshots', /\b(?:moonshots?|gems?|small caps?|low caps?|100x)\b/i],
  ['avoid', /\b(?:avoid|incidents?|bad data|untrusted|unreliable)\b/i],
  ['grade-risers', /\b(?:improv\w+|rising|upgrade[ds]?|climb\w+)\b/i],
  ['steady-large-caps', /\b(?:drawdowns?|steady|steadiest|large caps?)\b/i],
  ['low-volatility', /\b(?:safe(?:st|r)?|volatil\w+|calm\w*|stable)\b/i],
  ['narrative-leaders', /\b(?:leaders?|narratives?)\b/i],
  ['investor-grade', /\b(?:invest\w*|long.?term|fundamental\w*)\b/i],
  ['long-signals', /\bsignals?\b/i],
  ['weakest-grades', /\b(?:worst|weakest|lowest|bottom)\b/i],
];

/** Symbols and names that are English words as well: only in capitals, or with a dollar sign, are they assets. */
const WORDS = new Set(
  [
    'a an i me my we us it is in on at to of or and for the id go up one be do so no not any all add',
    'act ace amp ant arc audio axes band bat bit bond cat coin comp cream dent dock era farm fun flow',
    'flux gas gala gal game gods gold gone grade hot high how home ice idle just key lit link long',
    'lunar mask maker metal mina mir moon near note now nu open ocean optimism ont orca own pay',
    'people perp play pond portal power prime prom pro quick rare ray real ren rep request rose safe',
    'sand super sun sushi swap sweet time token top toys true trade tribe trump turbo unit uni usual',
    'velo vet vote waves what when win who why will world x xen you data compound harmony stacks',
    'chain index market render status storm worst best price risk news',
  ].flatMap((line) => line.split(' ')),
);
const MAX_QUESTION = 2_000;
const MAX_ASSETS = 5;

/** Reads a question about the assets that are known. */
export function readQuestion(text: string, assets: readonly (Called & { rank: string | null })[]): Question {
  const asked = text.normalize('NFKC').slice(0, MAX_QUESTION);
  const { found, ambiguous } = findAssets(asked, assets);
  const intents = PATTERNS.filter(([, pattern]) => pattern.test(asked)).map(([intent]) => intent);
  const isOrAlone = found.length < 2;
  return {
    intents: intents.filter((intent) => !(intent === 'compare' && isOrAlone)),
    assets: found,
    ambiguous,
    guide: LISTS.find(([, pattern]) => pattern.test(asked))?.[0] ?? null,
    ...readTime(asked),
  };
}

function findAssets(
  text: string,
  assets: readonly (Called & { rank: string | null })[],
): { found: Called[]; ambiguous: string[] } {
  const bySymbol = new Map<string, (Called & { rank: string | null })[]>();
  const byName = new Map<string, Called>();
  const ranked = [...assets].sort(
    (a, b) => Number(a.rank ?? Infinity) - Number(b.rank ?? Infinity) || (a.asset < b.asset ? -1 : 1),
  );
  for (const one of ranked) {
    const symbol = one.symbol.toUpperCase();
    bySymbol.set(symbol, [...(bySymbol.get(symbol) ?? []), one]);
    for (const name of [one.name, one.asset])
      if (!byName.has(name.toLowerCase())) byName.set(name.toLowerCase(), one);
  }
  const found: { at: number; called: Called }[] = [];
  const ambiguous: string[] = [];
  const words = [...text.matchAll(/\$?[\p{L}\p{N}][\p{L}\p{N}.-]*/gu)];
  const shouting = text === text.toUpperCase();
  for (let i = 0; i < words.length; i++) {
    // Names have up to four words; the longest that is a name is meant.
    for (let length = Math.min(4, words.length - i); length >= 1; length--) {
      const last = words[i + length - 1]!;
      const written = text
        .slice(words[i]!.index, last.index + last[0].length)
        .replace(/[.-]+$/, '')
        .replace(/['’]s$/, '');
      const called = assetCalled(written);
      if (called === undefined) continue;
      if (!found.some(({ called: { asset } }) => asset === called.asset))
        found.push({ at: words[i]!.index, called });
      i += length - 1;
      break;
    }
  }
  return { found: found.slice(0, MAX_ASSETS).map(({ called }) => called), ambiguous };

  function assetCalled(written: string): Called | undefined {
    const marked = written.startsWith('$');
    const bare = written.replace(/^\$/, '');
    const lower = bare.toLowerCase();
    const isCapital = bare === bare.toUpperCase() && bare.length >= 2 && !shouting;
    const isWord = WORDS.has(lower);
    const sharing = bySymbol.get(bare.toUpperCase());
    if (sharing && (marked || isCapital || (!isWord && bare.length >= 3))) {
      if (sharing.length > 1) ambiguous.push(bare.toUpperCase());
      return sharing[0];
    }
    // "Near", "Flow": with a capital inside a sentence a name, at its beginning or in small letters a word.
    if (isWord && !(marked || isCapital || (/^\p{Lu}/u.test(bare) && !text.startsWith(bare))))
      return undefined;
    return bare.length >= 3 ? byName.get(lower) : undefined;
  }
}

function readTime(text: string): Pick<Question, 'when' | 'since'> {
  const since =
    /\b(?:since|from|over (?:the )?(?:last|past)|(?:last|past) (?:\d+ )?(?:week|month|year|days?)|history|this (?:week|month|year))\b/i.test(
      text,
    );
  const date = /\b(\d{4})-(\d{2})-(\d{2})\b/.exec(text)?.[0] ?? writtenDate(text);
  if (date && Number.isFinite(Date.parse(date))) return { when: { date }, since };
  const count = /\b(?:last|past) (\d{1,4}) days?\b|\b(\d{1,4}) days? ago\b/i.exec(text);
  if (count) return { when: { daysBefore: Number(count[1] ?? count[2]) }, since };
  const spans: [RegExp, number][] = [
    [/\byesterday\b/i, 1],
    [/\b(?:(?:last|past|this) week|(?:a|one) week ago)\b/i, 7],
    [/\b(?:(?:last|past|this) month|(?:a|one) month ago)\b/i, 30],
    [/\b(?:(?:last|past|this) quarter|(?:a|one) quarter ago)\b/i, 91],
    [/\b(?:(?:last|past|this) year|(?:a|one) year ago)\b/i, 365],
  ];
  const span = spans.find(([pattern]) => pattern.test(text));
  return { when: span ? { daysBefore: span[1] } : null, since: span !== undefined && span[1] > 1 && since };
}

const MONTHS = [
  'january',
  'february',
  'march',
  'april',
  'may',
  'june',
  'july',
  'august',
  'september',
  'october',
  'november',
  'december',
];

function writtenDate(text: string): string | undefined {
  const match = new RegExp(
    `\\b(?:(\\d{1,2})(?:st|nd|rd|th)? (${MONTHS.join('|')})|(${MONTHS.join('|')}) (\\d{1,2})(?:st|nd|rd|th)?),? (\\d{4})\\b`,
    'i',
  ).exec(text);
  if (!match) return undefined;
  const month = MONTHS.indexOf((match[2] ?? match[3]!).toLowerCase()) + 1;
  return `${match[5]}-${String(month).padStart(2, '0')}-${(match[1] ?? match[4]!).padStart(2, '0')}`;
}
