/** An asset with what it is called in writing. */
export interface LexiconEntry {
  asset: string;
  ticker: string;
  names: readonly string[];
}

export type AssetLexicon = ReturnType<typeof assetLexicon>;

interface NamedAsset {
  words: string[];
  asset: string;
  /** Whether the name is also an ordinary word. */
  isWord: boolean;
}

/** Most assets that one text is tagged with; a longer list is a listing, not news about each. */
const MAX_ASSETS = 20;

/** Tickers and names of coins that are also words of headlines. They count only when something else says that the coin is meant. */
const WORDS = new Set(
  `ONE GAS NEAR FLOW LINK SAND MASK SUPER KEY ACT AI ALL ALPHA AMP ANT APE API ARK ART ATOM AUCTION AUDIO BAND BAR BASE BAT BEAM BEL BIT BLUR BOND BONE
  CAKE CAT CELL CEL CITY CLOUD COMP COMPOUND CORE COS COTI CREAM CULT CURVE DAO DASH DATA DENT DIA DOG EDGE EGG EIGEN ERA EURO FARM FET FIRE FIRO FOR FORT FORTH FUN
  GALA GAL GAME GLM GOLD GRAPH HARMONY HIGH HOOK HOPE HOT ICE ICON ID IDEX IMMUTABLE ION JUST JUP KEEP LAYER LEVER LIT LOOM LUNA MAGIC MAKER MANA MEME MINA MOON MOVE MULTI
  NANO NEO NEXT NOT OCEAN OG OKB ONT OPEN OPTIMISM ORBIT PAY PEOPLE PERP PHA POLISH POND PORTAL POWER PRIME PROM QUICK RAD RAY REEF REN REQ REP RIF ROSE RUNE SAFE SALT
  SHIB SKY SLIP SNT SOLVE SOUL SPELL STACKS STAR STEEM STEP STORM STORJ STX SUN SUPER SWAP SYS TABOO TIME TON TOMO TRUE TRUST TRY UMA UNI UNIT USUAL WAVE WAVES WAXP WIN WING XEN YES ZEN ZERO ZEC`
    .toLowerCase()
    .split(/\s+/),
);
/** A word behind a name that makes it a coin's. */
const MARKERS = new Set(
  'protocol network finance token coin chain dao foundation labs blockchain mainnet ecosystem'.split(' '),
);

/**
 * Prepares a lexicon. Of two assets with one ticker the first one in the list has it, so list the larger first.
 *
 * @example
 * tagAssets('Solana (SOL) rises', assetLexicon([{ asset: 'SOL', ticker: 'SOL', names: ['Solana'] }])); // ['SOL']
 */
export function assetLexicon(entries: readonly LexiconEntry[]) {
  const tickers = new Map<string, string>();
  const names = new Map<string, NamedAsset[]>();
  for (const { asset, ticker, names: called } of entries) {
    const key = ticker.toUpperCase();
    if (/^[\p{L}\p{N}]{1,20}$/u.test(key) && !tickers.has(key)) tickers.set(key, asset);
    for (const name of called) {
      const words = wordsOf(name).map(({ word }) => word.toLowerCase());
      const [first] = words;
      if (first === undefined || words.join('').length < 3) continue;
      const isWord = words.length === 1 && (WORDS.has(first) || first.length < 4);
      names.set(first, [...(names.get(first) ?? []), { words, asset, isWord }]);
    }
  }
  return { tickers, names };
}

/**
 * Assets that a text is about, in the order of the alphabet. `$SOL` and `(SOL)` count always; `SOL` when it is no word of
 * its own and the text is not all capitals; a name when it is written with a capital, and one that is a word (`Near`,
 * `Compound`) only before `Protocol`, `Network` and the like, or beside its ticker.
 */
export function tagAssets(text: string, lexicon: AssetLexicon): string[] {
  const words = wordsOf(text);
  const shouting =
    words.filter(({ word }) => word.length > 3 && word === word.toUpperCase() && /\p{L}/u.test(word)).length >
    words.length / 2;
  const found = new Set<string>();
  /** Assets whose ticker, or whose name, is there as a word that may mean something else, with its place. */
  const doubtfulTickers = new Map<string, number>();
  const doubtfulNames = new Map<string, number>();
  for (const [i, { word, before, after }] of words.entries()) {
    const byTicker = lexicon.tickers.get(word.toUpperCase());
    if (byTicker !== undefined) {
      if (before === '$' || (before === '(' && after === ')' && word === word.toUpperCase()))
        found.add(byTicker);
      else if (word === word.toUpperCase()) {
        if (word.length < 3 || shouting || WORDS.has(word.toLowerCase())) doubtfulTickers.set(byTicker, i);
        else found.add(byTicker);
      }
    }
    if (word[0] !== word[0]!.toUpperCase()) continue;
    // The longest name wins: Bitcoin Cash is not Bitcoin.
    const called = (lexicon.names.get(word.toLowerCase()) ?? [])
      .filter(({ words: name }) => name.every((part, at) => words[i + at]?.word.toLowerCase() === part))
      .reduce<NamedAsset | null>(
        (best, one) => (one.words.length > (best?.words.length ?? 0) ? one : best),
        null,
      );
    if (called === null) continue;
    const { words: name, asset, isWord } = called;
    if (!isWord || MARKERS.has(words[i + name.length]?.word.toLowerCase() ?? '')) found.add(asset);
    else doubtfulNames.set(asset, i);
  }
  // A ticker that is its own name, as in GAS, does not bear itself out.
  for (const [asset, at] of doubtfulTickers)
    if (doubtfulNames.has(asset) && doubtfulNames.get(asset) !== at) found.add(asset);
  return [...found].sort().slice(0, MAX_ASSETS);
}

function wordsOf(text: string): { word: string; before: string; after: string }[] {
  return [...text.matchAll(/[\p{L}\p{N}]+/gu)].map((match) => ({
    word: match[0],
    before: text[match.index - 1] ?? '',
    after: text[match.index + match[0].length] ?? '',
  }));
}
