import { median } from '../panel/composite-bar.ts';

export interface VenueRuleParameters {
  /** Days without a new close while the others moved by at least `staleMoveBps`. */
  staleDays: number;
  staleMoveBps: number;
  /** By how much one venue's high or low must exceed all others' to be a spike that nobody followed. */
  spikeBps: number;
  /** Days of volume that a venue is held against. */
  volumeWindowDays: number;
  /** A venue's volume is not credible at this multiple of its median while the others' stay below the other. */
  volumeJump: string;
  othersJump: string;
  /** … and its range stays below this multiple of its median range. */
  quietRange: string;
  /** Of the last ten volumes, how many have at most two significant digits, or are the same. */
  roundOfTen: number;
  sameOfTen: number;
}

/** One venue's days side by side; NaN where it has no bar. The last is the day that is judged. */
export interface VenueColumns {
  stream: string;
  high: Float64Array;
  low: Float64Array;
  close: Float64Array;
  volume: Float64Array;
}

export interface VenueFinding {
  kind: 'stale feed' | 'suspected manipulation' | 'volume not credible';
  stream: string;
  text: string;
}

/** What is wrong with one day of several venues, judged against each other and against their own past. */
export function venueFindings(
  venues: readonly VenueColumns[],
  day: number,
  parameters: VenueRuleParameters,
): VenueFinding[] {
  const found: VenueFinding[] = [];
  for (const venue of venues) {
    if (Number.isNaN(venue.close[day]!)) continue;
    const others = venues.filter((other) => other !== venue && other.volume[day]! > 0);
    const says = (kind: VenueFinding['kind'], text: string | null) => {
      if (text !== null) found.push({ kind, stream: venue.stream, text });
    };
    if (others.length > 0) {
      says('stale feed', unchanged(venue, others, day, parameters) ?? late(venue, others, day, parameters));
      says('suspected manipulation', spike(venue, others, day, parameters));
    }
    says(
      'volume not credible',
      loudButQuiet(venue, others, day, parameters) ?? patterned(venue, day, parameters),
    );
  }
  return found;
}

function unchanged(
  venue: VenueColumns,
  others: readonly VenueColumns[],
  day: number,
  { staleDays, staleMoveBps }: VenueRuleParameters,
): string | null {
  const close = venue.close[day]!;
  let since = day;
  while (since > 0 && venue.close[since - 1] === close) since--;
  if (day - since < staleDays) return null;
  const moved = (centre(others, day) / centre(others, since) - 1) * 10_000;
  return Math.abs(moved) >= staleMoveBps
    ? `${venue.stream} has closed at ${close} for ${day - since + 1} days while the others moved by ${percent(moved)}`
    : null;
}

/** Yesterday's price of the others today, on this day and on the last one on which they moved. */
function late(
  venue: VenueColumns,
  others: readonly VenueColumns[],
  day: number,
  { staleMoveBps }: VenueRuleParameters,
): string | null {
  let matches = 0;
  for (let d = day; d > Math.max(day - 10, 0) && matches < 3; d--) {
    const [now, before] = [centre(others, d), centre(others, d - 1)];
    const move = Math.abs(now / before - 1);
    // Only a move of some size tells yesterday's price from today's.
    if (!(move * 10_000 >= staleMoveBps)) {
      if (d === day) return null;
      continue;
    }
    if (!(Math.abs(venue.close[d]! / before - 1) <= 0.1 * move)) return null;
    matches++;
  }
  return matches === 3 ? `${venue.stream} closes at the others' price of the day before` : null;
}

function spike(
  venue: VenueColumns,
  others: readonly VenueColumns[],
  day: number,
  { spikeBps }: VenueRuleParameters,
): string | null {
  const high = Math.max(...others.map((other) => other.high[day]!));
  const low = Math.min(...others.map((other) => other.low[day]!));
  const [above, below] = [(venue.high[day]! / high - 1) * 10_000, (1 - venue.low[day]! / low) * 10_000];
  if (above >= spikeBps) {
    return `${venue.stream} traded at ${venue.high[day]}, ${percent(above)} above anything on ${names(others)}`;
  }
  return below >= spikeBps
    ? `${venue.stream} traded at ${venue.low[day]}, ${percent(-below)} below anything on ${names(others)}`
    : null;
}

/** Much more volume than usual that moves neither its own price nor anybody else's volume. */
function loudButQuiet(
  venue: VenueColumns,
  others: readonly VenueColumns[],
  day: number,
  parameters: VenueRuleParameters,
): string | null {
  const own = ratioToUsual(venue.volume, day, parameters.volumeWindowDays);
  const theirs = others
    .map(({ volume }) => ratioToUsual(volume, day, parameters.volumeWindowDays))
    .filter((ratio) => !Number.isNaN(ratio));
  const range = venue.high.map((high, d) => (high - venue.low[d]!) / venue.close[d]!);
  const quiet = ratioToUsual(range, day, parameters.volumeWindowDays) <= Number(parameters.quietRange);
  return theirs.length > 0 &&
    own >= Number(parameters.volumeJump) &&
    median(theirs) <= Number(parameters.othersJump) &&
    quiet
    ? `${venue.stream} states ${shown(own)} times its usual volume while the others have ${shown(median(theirs))} times theirs, and its price range is no wider than usual`
    : null;
}

/** Volumes that no market makes: nearly all rounded, or the same over and over. */
function patterned(
  venue: VenueColumns,
  day: number,
  { roundOfTen, sameOfTen }: VenueRuleParameters,
): string | null {
  const last = [...venue.volume.subarray(Math.max(day - 9, 0), day + 1)].filter((volume) => volume > 0);
  if (last.length < 10) return null;
  const round = last.filter((volume) => significantDigits(volume) <= 2).length;
  if (round >= roundOfTen) return `${round} of the last 10 volumes of ${venue.stream} are round numbers`;
  const same = last.filter((volume) => volume === venue.volume[day]).length;
  return same >= sameOfTen ? `${venue.stream} states the same volume on ${same} of the last 10 days` : null;
}

/** Median of the days before, of which ten at least are needed. */
function ratioToUsual(column: Float64Array, day: number, window: number): number {
  const before = [...column.subarray(Math.max(day - window, 0), day)].filter((value) => value > 0);
  return before.length < 10 ? Number.NaN : column[day]! / median(before);
}

/** Digits of a number without the zeros around them. */
export function significantDigits(value: number): number {
  return value.toExponential().replace(/e.*$/, '').replace(/[^\d]/g, '').replace(/0+$/, '').length;
}

function centre(venues: readonly VenueColumns[], day: number): number {
  return median(venues.map(({ close }) => close[day]!).filter((close) => !Number.isNaN(close)));
}

function names(venues: readonly VenueColumns[]): string {
  return venues.map(({ stream }) => stream).join(', ');
}

function shown(value: number): number {
  return Number(value.toPrecision(2));
}

function percent(bps: number): string {
  return `${(Math.round(bps) / 100).toString()} %`;
}
