import { normaliseDecimal } from '@assay/core';
import { splitMix32 } from '../split-mix.ts';
import { collectRows, DAY_MS, type MarketKind, type MarketRows } from './market-rows.ts';

/** Something false or broken that the simulation contains on purpose, so that detection can be scored. */
export interface PlantedDefect {
  kind:
    | 'dead'
    | 'relaunched'
    | 'redenominated'
    | 'depeg'
    | 'wash-volume'
    | 'stale'
    | 'spike'
    | 'lying'
    | 'malformed';
  asset: string;
  /** The feed that shows it; null when the asset itself is concerned, on every feed. */
  stream: string | null;
  fromMs: number;
  /** End, not included. */
  toMs: number;
}

export interface SimulatedUniverse {
  startMs: number;
  endMs: number;
  planted: readonly PlantedDefect[];
  /** Tickers with their names and sectors, as they were last. */
  assets: readonly { asset: string; name: string; sector: string }[];
  streams: readonly { name: string; kind: MarketKind; venue: string }[];
  rows(stream: string, fromMs: number, toMs: number): MarketRows;
}

export const SIMULATED_END_MS = Date.UTC(2024, 0, 1);
export const SIMULATED_DAYS = 730;

/**
 * A crypto market that never was: about 120 tokens over two years, seen through three venues, a list of market
 * capitalisations, perpetuals, two news feeds, a chain and a code forge.
 *
 * Returns come from a market factor with regimes, a factor a sector and each token's own noise. Sectors and tokens
 * have slow trends, so that the past says something about the future, though little. What is false is listed in
 * `planted`.
 *
 * Only IEEE 754 addition, multiplication, division and decimal conversion are used, which ECMAScript defines to the last
 * bit: the same seed gives the same bytes on every machine. Prices are held as doubles (some 4 MB); rows are made when they are asked for.
 */
export function simulateUniverse(options: { seed: number }): SimulatedUniverse {
  const { seed } = options;
  const market = marketFactor(seed);
  const sectors = SECTORS.map((_, i) => sectorFactor(seed, i));
  const tokens = listTokens(seed);
  for (const token of tokens) priceToken(seed, token, market, sectors);
  const planted = plan(tokens);
  const readers: Record<MarketKind, (stream: string, day: number) => Raw[]> = {
    bars: (stream, day) => bars(seed, tokens, planted, stream, day),
    'market-caps': (_, day) => caps(tokens, day),
    funding: (_, day) => funding(seed, tokens, day),
    articles: (stream, day) => articles(seed, tokens, stream, day),
    activity: (_, day) => activity(seed, tokens, day),
    development: (_, day) => development(seed, tokens, day),
  };
  const assets = new Map(
    tokens.map(({ asset, name, sector }) => [
      asset,
      { asset, name, sector: SECTORS[sector]?.[0] ?? 'money' },
    ]),
  );
  return {
    startMs: START_MS,
    endMs: SIMULATED_END_MS,
    planted,
    assets: [...assets.values()],
    streams: STREAM_LIST,
    rows(stream, fromMs, toMs) {
      const spec = STREAM_LIST.find(({ name }) => name === stream);
      if (!spec) return { rows: [], malformed: [] };
      const first = Math.max(0, Math.floor((fromMs - START_MS) / DAY_MS));
      const end = Math.min(SIMULATED_DAYS, Math.ceil((toMs - START_MS) / DAY_MS));
      function* within() {
        for (let day = first; day < end; day++) {
          for (const { timeMs = START_MS + day * DAY_MS, ...values } of readers[spec!.kind](stream, day))
            if (timeMs >= fromMs && timeMs < toMs) yield { timeMs, values };
        }
      }
      return collectRows(stream, spec.kind, within());
    },
  };
}

type Raw = { timeMs?: number } & Record<string, string | number | null>;

interface Token {
  /** Its ticker: two tokens have the same one after the other. */
  asset: string;
  name: string;
  /** Place in SECTORS; -1 for money. */
  sector: number;
  /** Place by size at the beginning. */
  size: number;
  /** First day with a price and the day after the last. */
  from: number;
  to: number;
  /** When it begins to fall to nothing. */
  dies: number | null;
  redenominated: number | null;
  beta: number;
  /** Its share in the slow trend that work and use give, -1 to 1. */
  quality: number;
  price: number;
  supply: number;
  /** Growth of the supply a day. */
  emission: number;
  /** Columns by day; NaN outside its life. */
  close: Float64Array;
  own: Float64Array;
  units: Float64Array;
}

const START_MS = SIMULATED_END_MS - SIMULATED_DAYS * DAY_MS;
const VENUES = ['simulated-a', 'simulated-b', 'simulated-c'] as const;
const FEEDS = ['simulated-wire', 'simulated-herald'] as const;
const WITH_FUNDING = 40;
const WITH_ACTIVITY = 60;
const WITH_DEVELOPMENT = 80;
/** A depeg like the one of March 2023. */
const DEPEG = { asset: 'PEGSIM', from: 434, to: 439 };
const WASH = { venue: 2, place: 47, from: 500, to: 560 };
const LYING = { venue: 1, places: [9, 13, 17, 21, 25, 29, 33, 37], from: 610, to: 624 };
const STALE = [
  { venue: 2, place: 11, from: 220, to: 227 },
  { venue: 1, place: 19, from: 640, to: 646 },
];
const SPIKES = [
  { venue: 0, place: 15, day: 260 },
  { venue: 2, place: 7, day: 655 },
  { venue: 1, place: 31, day: 700 },
];
const MALFORMED = { venue: 1, place: 10, from: 690, to: 692 };
const DEAD = [
  { place: 14, day: 130 },
  { place: 36, day: 190 },
  { place: 52, day: 310 },
  { place: 63, day: 340 },
  { place: 71, day: 460 },
  { place: 88, day: 520 },
  { place: 97, day: 590 },
  { place: 104, day: 670 },
];
const RELAUNCH = { place: 23, dies: 300, again: 352 };
const REDENOMINATION = { place: 58, day: 400, factor: 1000 };

const STREAM_LIST: SimulatedUniverse['streams'] = [
  ...VENUES.map((venue) => ({ name: `${venue}.bars.1d`, kind: 'bars' as const, venue })),
  { name: 'simulated-list.market-caps', kind: 'market-caps', venue: 'simulated-list' },
  { name: 'simulated-perpetuals.funding.1d', kind: 'funding', venue: 'simulated-perpetuals' },
  ...FEEDS.map((venue) => ({ name: `${venue}.articles`, kind: 'articles' as const, venue })),
  { name: 'simulated-chain.activity.1d', kind: 'activity', venue: 'simulated-chain' },
  { name: 'simulated-forge.development.1d', kind: 'development', venue: 'simulated-forge' },
];

/** Sectors with the word that their tokens' names end in. Names and tickers are invented. */
const SECTORS: readonly (readonly [sector: string, suffix: string, words: string])[] = [
  ['platform', 'Chain', 'Aurora Basalt Cinder Delta Ember Fjord Granite Harbor Isthmus Juniper'],
  ['exchange', 'Swap', 'Tern Curlew Avocet Dunlin Egret Fulmar Gannet Heron Ibis Jackdaw'],
  ['lending', 'Lend', 'Quarry Anvil Bellows Chisel Dowel Lathe Mallet Pulley Rivet Trowel'],
  ['games', 'Quest', 'Pixel Castle Dragoon Goblin Jester Knightly Oracletta Paladin Rogue Wizardry'],
  [
    'artificial intelligence',
    'Mind',
    'Neuron Axon Cortex Dendrite Ganglion Lobe Synapse Thalamus Vertex Wavelet',
  ],
  ['storage', 'Store', 'Attic Barrel Cellar Drawer Granary Hamper Larder Pantry Silo Vault'],
  ['payments', 'Pay', 'Florin Guilder Kreuzer Obol Penny Shekelet Stater Talent Thaler Tuppence'],
  ['privacy', 'Veil', 'Cloak Dusk Fog Gloaming Haze Mist Shade Shroud Twilight Umbra'],
  ['memes', 'Pup', 'Biscuit Crumpet Doughnut Flapjack Muffin Noodle Pancake Pretzel Scone Waffle'],
  ['oracles', 'Feed', 'Almanac Barometer Compass Dial Gauge Hourglass Lodestar Quadrant Spyglass Sundial'],
  ['real-world assets', 'Title', 'Acre Barn Croft Dale Estate Field Grange Hamlet Manor Orchard'],
  ['scaling', 'Roll', 'Arch Beam Bridge Causeway Girder Pier Rampart Span Truss Viaduct'],
];

/** The tokens by size. Those with real tickers are the ones that everybody expects to find; their prices are no less invented. */
function listTokens(seed: number): Token[] {
  const words = SECTORS.map(([, , list]) => list.split(' '));
  const random = chance(seed, 'tokens');
  const token = (asset: string, name: string, sector: number, size: number): Token => {
    const capUsd = size === 0 ? 8e11 : size === 1 ? 3.5e11 : 7e10 / rising(size);
    const drawn = 1e6 * [1, 10, 100, 1000, 10_000][Math.floor(random() * 5)]! * (0.5 + random());
    const supply = size === 0 ? 19e6 : size === 1 ? 120e6 : drawn;
    return {
      asset,
      name,
      sector,
      size,
      from: 0,
      to: SIMULATED_DAYS,
      dies: null,
      redenominated: null,
      beta: sector < 0 ? 0 : size < 2 ? 0.95 : 0.6 + random() * 0.9,
      quality: (random() * 2 - 1) * (size < 2 ? 0.2 : 1),
      price: sector < 0 ? 1 : capUsd / supply,
      supply: sector < 0 ? capUsd : supply,
      emission: random() < 0.3 ? 0 : (random() * 0.15) / 365,
      ...emptyColumns(),
    };
  };
  const tokens = [
    token('BTC', 'Bitcoin (simulated)', 6, 0),
    token('ETH', 'Ether (simulated)', 0, 1),
    token('USDT', 'Tether (simulated)', -1, 2),
    token('USDC', 'USD Coin (simulated)', -1, 3),
    token(DEPEG.asset, 'Simulated Pegged Dollar', -1, 30),
  ];
  const taken = new Set(tokens.map(({ asset }) => asset));
  // One sector after the other, so that each has tokens of every size.
  for (let place = 0; tokens.length < 120; place++) {
    const sector = place % SECTORS.length;
    const word = words[sector]![Math.floor(place / SECTORS.length)]!;
    let ticker = '';
    for (let letters = 3; ticker === '' || taken.has(ticker); letters++)
      ticker = `${word.slice(0, letters).toUpperCase()}SIM`;
    taken.add(ticker);
    const made = token(ticker, `Simulated ${word} ${SECTORS[sector]![1]}`, sector, tokens.length - 1);
    // A quarter is listed while the simulation runs.
    if (place > 20 && random() < 0.25 && !isPlanted(tokens.length))
      made.from = 30 + Math.floor(random() * 560);
    tokens.push(made);
  }
  for (const { place, day } of DEAD) tokens[place]!.dies = day;
  for (const dead of tokens) if (dead.dies !== null) dead.to = dead.dies + 14 + Math.floor(random() * 25);
  tokens[REDENOMINATION.place]!.redenominated = REDENOMINATION.day;
  const old = tokens[RELAUNCH.place]!;
  old.dies = RELAUNCH.dies;
  old.to = RELAUNCH.dies + 12;
  const again = token(old.asset, `${old.name} (new)`, old.sector, 45);
  tokens.push({ ...again, from: RELAUNCH.again });
  return tokens;
}

/** Places whose tokens must be there all the time for what is planted in them. */
function isPlanted(place: number): boolean {
  return (
    [...DEAD, ...STALE, ...SPIKES, WASH, MALFORMED, RELAUNCH, REDENOMINATION].some(
      (of) => of.place === place,
    ) || LYING.places.includes(place)
  );
}

/** size^1.5 from multiplication and square root, both exact to the last bit everywhere. */
function rising(size: number): number {
  return size * Math.sqrt(size);
}

/** Daily returns of the market: calm rises and nervous falls that last for weeks. */
function marketFactor(seed: number): Float64Array {
  const random = chance(seed, 'market');
  let rises = false;
  return Float64Array.from({ length: SIMULATED_DAYS }, () => {
    if (random() < 1 / 50) rises = !rises;
    return (rises ? 0.0038 : -0.0031) + bell(random) * (rises ? 0.017 : 0.026);
  });
}

/** Daily returns of a sector beside the market's: a slow trend under noise. */
function sectorFactor(seed: number, sector: number): Float64Array {
  const random = chance(seed, `sector ${sector}`);
  let trend = 0;
  return Float64Array.from({ length: SIMULATED_DAYS }, () => {
    trend = 0.95 * trend + bell(random) * 0.0007;
    return trend + bell(random) * 0.012;
  });
}

function priceToken(
  seed: number,
  token: Token,
  market: Float64Array,
  sectors: readonly Float64Array[],
): void {
  const random = chance(seed, `price ${token.asset} ${token.from}`);
  const noise = token.size < 2 ? 0.012 : 0.02 + random() * 0.025;
  let price = token.price;
  let units = token.supply;
  let trend = 0;
  let before = 0;
  for (let day = token.from; day < token.to; day++) {
    if (token.sector < 0) {
      const broken = token.asset === DEPEG.asset && day >= DEPEG.from && day < DEPEG.to;
      price = 1 + bell(random) * 0.0004 - (broken ? 0.11 - 0.018 * (day - DEPEG.from) : 0);
    } else {
      trend = 0.97 * trend + bell(random) * (token.size < 2 ? 0.0002 : 0.0008);
      const fall = token.dies !== null && day >= token.dies ? (day < token.dies + 9 ? -0.32 : -0.02) : 0;
      // Some of a day's own move is taken back on the next one.
      const own = trend + token.quality * 0.0006 + bell(random) * noise - 0.06 * before;
      before = own;
      token.own[day] = own + fall;
      const move = token.beta * market[day]! + sectors[token.sector]![day]! + own + fall;
      price *= 1 + Math.min(Math.max(move, -0.6), 1.2);
      if (day === token.redenominated) {
        price *= REDENOMINATION.factor;
        units /= REDENOMINATION.factor;
      }
    }
    units *= 1 + token.emission;
    token.close[day] = price;
    token.units[day] = units;
  }
}

function plan(tokens: readonly Token[]): PlantedDefect[] {
  const at = (
    kind: PlantedDefect['kind'],
    asset: string,
    venue: number | null,
    from: number,
    to: number,
  ): PlantedDefect => ({
    kind,
    asset,
    stream: venue === null ? null : `${VENUES[venue]}.bars.1d`,
    fromMs: START_MS + from * DAY_MS,
    toMs: START_MS + to * DAY_MS,
  });
  const ticker = (place: number) => tokens[place]!.asset;
  return [
    ...DEAD.map(({ place, day }) => at('dead', ticker(place), null, day, tokens[place]!.to)),
    at('relaunched', ticker(RELAUNCH.place), null, RELAUNCH.dies, RELAUNCH.again),
    at('redenominated', ticker(REDENOMINATION.place), null, REDENOMINATION.day, REDENOMINATION.day + 1),
    at('depeg', DEPEG.asset, null, DEPEG.from, DEPEG.to),
    at('wash-volume', ticker(WASH.place), WASH.venue, WASH.from, WASH.to),
    ...STALE.map(({ venue, place, from, to }) => at('stale', ticker(place), venue, from, to)),
    ...SPIKES.map(({ venue, place, day }) => at('spike', ticker(place), venue, day, day + 1)),
    ...LYING.places.map((place) => at('lying', ticker(place), LYING.venue, LYING.from, LYING.to)),
    at('malformed', ticker(MALFORMED.place), MALFORMED.venue, MALFORMED.from, MALFORMED.to),
  ];
}

/** Whether a venue trades a token: the first nearly all, the others the larger ones and some of the rest. */
function isListed(venue: number, place: number, size: number): boolean {
  if (isPlanted(place) || size < 30) return true;
  return venue === 0
    ? place % 19 !== 18
    : venue === 1
      ? place < 75 || place % 5 === 0
      : place < 55 || place % 7 === 0;
}

function bars(
  seed: number,
  tokens: readonly Token[],
  planted: readonly PlantedDefect[],
  stream: string,
  day: number,
): Raw[] {
  const venue = VENUES.findIndex((name) => stream === `${name}.bars.1d`);
  const timeMs = START_MS + day * DAY_MS;
  const ofStream = planted.filter((of) => of.stream === stream && of.fromMs <= timeMs && timeMs < of.toMs);
  const rows: Raw[] = [];
  for (const [place, token] of tokens.entries()) {
    if (!lives(token, day) || !isListed(venue, place, token.size)) continue;
    const kind = ofStream.find(({ asset }) => asset === token.asset);
    rows.push(
      kind?.kind === 'stale'
        ? staleBar(seed, token, stream, Math.round((kind.fromMs - START_MS) / DAY_MS) - 1)
        : bar(seed, token, stream, day, kind?.kind),
    );
  }
  return rows;
}

function bar(seed: number, token: Token, stream: string, day: number, planted?: PlantedDefect['kind']): Raw {
  const close =
    venuePrice(seed, token, stream, day) * (planted === 'spike' ? 1.38 : planted === 'lying' ? 1.06 : 1);
  const open =
    day === token.from || day === token.redenominated
      ? token.close[day]!
      : venuePrice(seed, token, stream, day - 1) * (planted === 'lying' && day > LYING.from ? 1.06 : 1);
  const random = chance(seed, `bar ${stream} ${token.asset}`, day);
  const reach = token.sector < 0 ? 0.0006 : planted === 'wash-volume' ? 0.001 : 0.014;
  const high = Math.max(open, close) * (1 + random() * reach);
  const low = Math.min(open, close) * (1 - random() * reach);
  const share = [0.55, 0.3, 0.15][VENUES.findIndex((name) => stream.startsWith(name))] ?? 0;
  const turnover =
    turnoverUsd(seed, token, day) * share * (0.7 + 0.6 * random()) * (planted === 'wash-volume' ? 80 : 1);
  return {
    asset: token.asset,
    open: digits(open, 6),
    high: digits(high, 6),
    low: digits(low, 6),
    // A venue that garbles a number, as happens.
    close: planted === 'malformed' ? 'NaN' : digits(close, 6),
    volume: digits(turnover / close, 8),
  };
}

/** A feed that stands still repeats its last price; nothing trades at it. */
function staleBar(seed: number, token: Token, stream: string, lastDay: number): Raw {
  const price = digits(venuePrice(seed, token, stream, lastDay), 6);
  return { asset: token.asset, open: price, high: price, low: price, close: price, volume: '0' };
}

/** What a venue's last trade of the day says: the true price give or take a few basis points. */
function venuePrice(seed: number, token: Token, stream: string, day: number): number {
  return (
    token.close[day]! *
    (1 + bell(chance(seed, `venue ${stream} ${token.asset}`, day)) * (token.sector < 0 ? 0.0001 : 0.0006))
  );
}

function turnoverUsd(seed: number, token: Token, day: number): number {
  const cap = token.close[day]! * token.units[day]!;
  const moved = Math.abs(token.own[day]! || 0);
  return (
    cap *
    (token.sector < 0 ? 0.25 : 0.03) *
    (0.6 + 0.8 * chance(seed, `turnover ${token.asset}`, day)()) *
    (1 + 12 * moved)
  );
}

/** Snapshots on the first day of each month, by capitalisation. */
function caps(tokens: readonly Token[], day: number): Raw[] {
  if (new Date(START_MS + day * DAY_MS).getUTCDate() !== 1) return [];
  return tokens
    .filter((token) => lives(token, day))
    .map((token) => ({ token, cap: token.close[day]! * token.units[day]! }))
    .sort((a, b) => b.cap - a.cap)
    .map(({ token, cap }, place) => ({
      asset: token.asset,
      symbol: token.asset,
      name: token.name,
      rank: String(place + 1),
      priceUsd: digits(token.close[day]!, 8),
      marketCapUsd: digits(cap, 10),
      // Some supplies nobody states.
      supply: token.size % 17 === 16 ? null : digits(token.units[day]!, 10),
      volumeUsd: digits(cap * (token.sector < 0 ? 0.25 : 0.03), 8),
    }));
}

function funding(seed: number, tokens: readonly Token[], day: number): Raw[] {
  return tokens
    .filter((token) => token.sector >= 0 && token.size < WITH_FUNDING + 4 && lives(token, day))
    .slice(0, WITH_FUNDING)
    .map((token) => {
      const random = chance(seed, `funding ${token.asset}`, day);
      // Whoever follows a rise pays for it: funding leans on the week's move.
      const week = token.close[day]! / token.close[Math.max(token.from, day - 7)]! - 1;
      const lean =
        day === token.redenominated || isPlantedMove(token, day) ? 0 : Math.min(Math.max(week, -0.3), 0.3);
      return {
        asset: token.asset,
        rate: digits(0.0003 + lean * 0.004 + bell(random) * 0.0002, 4),
        openInterestUsd: digits(
          token.close[day]! * token.units[day]! * 0.02 * (0.8 + 0.4 * random()) * (1 + Math.abs(lean)),
          8,
        ),
      };
    });
}

function isPlantedMove({ redenominated }: Token, day: number): boolean {
  return redenominated !== null && day >= redenominated && day < redenominated + 8;
}

const HEADLINES = {
  good: [
    '{name} wins a partnership with a payments network',
    '{name} upgrade goes live, fees fall sharply',
    'Inflows into {ticker} reach a record this quarter',
    'Developers praise {name} after a clean audit',
    '{ticker} rallies as adoption grows',
  ],
  bad: [
    '{name} halts withdrawals after an exploit',
    'Regulator opens an investigation into {name}',
    '{ticker} plunges as a large holder sells',
    'Outage hits {name} for the second time this month',
    'Lawsuit accuses the founders of {name} of fraud',
  ],
  plain: [
    '{name} publishes its monthly report',
    'What {ticker} holders should know about the next vote',
    '{name} community call: notes and dates',
    'How {name} works, explained',
  ],
} as const;

/** The second feed copies some of the first one's headlines hours later, as feeds do. */
function articles(seed: number, tokens: readonly Token[], stream: string, day: number): Raw[] {
  const [wire, herald] = FEEDS.map((feed) => written(seed, tokens, feed, day));
  if (stream === `${FEEDS[0]}.articles`) return wire!;
  const copies = wire!
    .filter((_, i) => chance(seed, `copy ${i}`, day)() < 0.2)
    .map(
      (article): Raw => ({
        ...article,
        timeMs: Math.min(Number(article.timeMs) + 2 * 3_600_000, START_MS + (day + 1) * DAY_MS - 1000),
        article: `herald-of-${article.article}`,
        link: `https://${FEEDS[1]}.example/copies/${article.article}`,
      }),
    );
  return [...herald!, ...copies];
}

function written(seed: number, tokens: readonly Token[], feed: string, day: number): Raw[] {
  const rows: Raw[] = [];
  for (const token of tokens) {
    const random = chance(seed, `article ${feed} ${token.asset}`, day);
    if (token.sector < 0 || !lives(token, day) || random() > 0.02 + 0.5 / (token.size + 2)) continue;
    // The tone leans on today's and tomorrow's own move: news comes partly before prices and partly after.
    const tomorrow = day + 1 < token.to ? token.own[day + 1]! : 0;
    const tone = (token.own[day]! + 1.2 * tomorrow) * 20 + bell(random) * 0.9;
    const mood = tone > 0.6 ? 'good' : tone < -0.6 ? 'bad' : 'plain';
    const templates = HEADLINES[mood];
    const fill = (template: string) =>
      template.replace('{name}', token.name).replace('{ticker}', token.asset);
    const name = `${feed.slice('simulated-'.length)}-${day}-${token.asset}`;
    rows.push({
      timeMs: START_MS + day * DAY_MS + Math.floor(random() * 86_400) * 1000,
      article: name,
      assets: token.asset,
      title: fill(templates[Math.floor(random() * templates.length)]!),
      summary: `Simulated news about ${token.name} (${token.asset}). Nothing of this happened.`,
      link: `https://${feed}.example/articles/${name}`,
    });
  }
  return rows;
}

function activity(seed: number, tokens: readonly Token[], day: number): Raw[] {
  return tokens
    .filter((token) => token.sector >= 0 && token.size < WITH_ACTIVITY + 4 && lives(token, day))
    .map((token) => {
      const random = chance(seed, `activity ${token.asset}`, day);
      // Use grows with quality, and falls with what it is worth less.
      const age = day - token.from;
      const users =
        (2e6 / (token.size + 4)) *
        (1 + token.quality * 0.0006 * age) *
        (token.dies !== null && day > token.dies ? 0.2 : 1);
      const active = Math.round(users * 0.03 * (0.8 + 0.4 * random()));
      return {
        asset: token.asset,
        transfers: String(Math.round(active * (1.5 + random()))),
        activeAddresses: String(active),
        holders: String(Math.round(users * (1 + 0.0004 * age))),
        topTenShare: digits(0.25 - token.quality * 0.1 + 0.02 * random(), 4),
        swapVolumeUsd:
          token.size < 2 ? null : digits(turnoverUsd(seed, token, day) * 0.08 * (0.6 + 0.8 * random()), 8),
      };
    });
}

function development(seed: number, tokens: readonly Token[], day: number): Raw[] {
  const weekday = new Date(START_MS + day * DAY_MS).getUTCDay();
  return tokens
    .filter((token) => token.sector >= 0 && token.size < WITH_DEVELOPMENT + 4 && lives(token, day))
    .map((token) => {
      const random = chance(seed, `development ${token.asset}`, day);
      const pace = token.dies !== null && day >= token.dies - 40 ? 0.3 : 1;
      const commits = Math.floor(
        random() * (4 + 10 * (1 + token.quality)) * pace * (weekday === 0 || weekday === 6 ? 0.3 : 1),
      );
      const every = 30 + (token.size % 5) * 12;
      const last = day - ((day + token.size) % every);
      return {
        asset: token.asset,
        commits: String(commits),
        contributors: String(Math.min(commits, 1 + Math.floor(random() * 9))),
        releasedAt:
          last < token.from ? null : new Date(START_MS + last * DAY_MS).toISOString().replace('.000', ''),
      };
    });
}

function lives(token: Token, day: number): boolean {
  return day >= token.from && day < token.to;
}

function emptyColumns(): Pick<Token, 'close' | 'own' | 'units'> {
  const column = () => new Float64Array(SIMULATED_DAYS).fill(Number.NaN);
  return { close: column(), own: column(), units: column() };
}

/** Uniform numbers in [0, 1) that depend on the seed, a purpose and a day alone: any row can be made without the others. */
function chance(seed: number, purpose: string, day = 0): () => number {
  let hash = (seed ^ 0x811c9dc5) >>> 0;
  // FNV-1a (Fowler, Noll, Vo) over the purpose.
  for (let i = 0; i < purpose.length; i++) hash = Math.imul(hash ^ purpose.charCodeAt(i), 0x01000193) >>> 0;
  const random = splitMix32((hash + Math.imul(day, 0x9e3779b1)) >>> 0);
  // Neighbouring days begin at neighbouring states: the first number would repeat the day before's second.
  const offset = random() ^ random();
  const mixed = splitMix32((offset ^ hash) >>> 0);
  return () => mixed() / 4_294_967_296;
}

/** Bell-shaped with variance 1 and bounded: a sum of four uniform numbers. */
function bell(random: () => number): number {
  return (random() + random() + random() + random() - 2) * 1.732_050_8;
}

/** So many significant digits, as a canonical decimal. */
function digits(value: number, count: number): string {
  const text = value.toPrecision(count);
  if (text.includes('e')) return normaliseDecimal(text);
  return text.includes('.') ? text.replace(/\.?0+$/, '') : text;
}
