/** The rule's few numbers; decimal strings are in units of what chance alone would give. */
export interface TrendParameters {
  /** Returns over these many bars. */
  shortDays: number;
  longDays: number;
  /** Mean of closes over these many bars. */
  trendDays: number;
  /** Daily volatility is read from these many returns. */
  volatilityDays: number;
  /** The mean of the votes from which a position is opened, and at which it is closed. */
  enter: string;
  leave: string;
  /** A silence of more days than this begins the history anew. */
  restartDays: number;
}

/** What the rule says on a day with a bar. */
export interface TrendState {
  day: number;
  /** Bars of unbroken history, this one included. */
  bars: number;
  signal: 1 | 0 | -1;
  /** First day with this signal. */
  since: number;
  /** Each vote from -1 to 1, with the value that it comes from; null while the history is too short. */
  votes: { short: number; long: number; trend: number; grade: number | null; score: number } | null;
  shortReturn: number;
  longReturn: number;
  /** Close over its mean, less one. */
  aboveMean: number;
}

/**
 * Time-series momentum (Moskowitz, Ooi and Pedersen, 2012, Journal of Financial Economics 104) over two windows, and the
 * close against its moving average (Faber, 2007, Journal of Wealth Management). Each is divided by what a random walk
 * of the same volatility would give (a return over n days has the deviation σ√n, the distance from a mean of n days
 * σ√(n/3)) and cut to -1 … 1; a trader grade, where there is one, votes (grade - 50) / 25. The mean of the votes opens
 * a position beyond `enter` and closes it at `leave`: between them it stays what it was.
 *
 * @param close, volume One asset's columns; NaN without a bar. A bar without volume is no bar.
 * @param grade The asset's trader grade of a day, or null.
 */
export function trendStates(
  close: Float64Array,
  volume: Float64Array,
  grade: (day: number) => number | null,
  parameters: TrendParameters,
): TrendState[] {
  const { shortDays, longDays, trendDays, volatilityDays, restartDays } = parameters;
  const [enter, leave] = [Number(parameters.enter), Number(parameters.leave)];
  const need = Math.max(shortDays, longDays, trendDays - 1, volatilityDays) + 1;
  const states: TrendState[] = [];
  let closes: number[] = [];
  /** Log returns; the first of a history has none. */
  let moves: number[] = [];
  let sum = 0;
  let signal: TrendState['signal'] = 0;
  let since = -1;
  let lastDay = -1;
  for (let day = 0; day < close.length; day++) {
    const price = close[day]!;
    if (!(price > 0 && volume[day]! > 0)) continue;
    if (closes.length > 0 && day - lastDay > restartDays) {
      closes = [];
      moves = [];
      sum = 0;
    }
    lastDay = day;
    moves.push(closes.length > 0 ? Math.log(price / closes.at(-1)!) : 0);
    closes.push(price);
    const n = closes.length;
    sum += price - (n > trendDays ? closes[n - 1 - trendDays]! : 0);
    const ago = (days: number) => (n > days ? price / closes[n - 1 - days]! - 1 : Number.NaN);
    const state: TrendState = {
      day,
      bars: n,
      signal: 0,
      since: day,
      votes: null,
      shortReturn: ago(shortDays),
      longReturn: ago(longDays),
      aboveMean: n >= trendDays ? price / (sum / trendDays) - 1 : Number.NaN,
    };
    const sigma = n >= need ? deviation(moves, volatilityDays) : 0;
    if (sigma > 0) {
      const vote = (value: number, days: number) => cut(Math.log1p(value) / (sigma * Math.sqrt(days)));
      const graded = grade(day);
      const votes = {
        short: vote(state.shortReturn, shortDays),
        long: vote(state.longReturn, longDays),
        trend: vote(state.aboveMean, trendDays / 3),
        grade: graded === null ? null : cut((graded - 50) / 25),
      };
      const all = [votes.short, votes.long, votes.trend, ...(votes.grade === null ? [] : [votes.grade])];
      const score = all.reduce((total, one) => total + one, 0) / all.length;
      state.votes = { ...votes, score };
    }
    const next = nextSignal(signal, state.votes?.score ?? null, enter, leave);
    if (next !== signal || since < 0) since = day;
    signal = next;
    state.signal = signal;
    state.since = since;
    states.push(state);
  }
  return states;
}

function nextSignal(now: 1 | 0 | -1, score: number | null, enter: number, leave: number): 1 | 0 | -1 {
  if (score === null) return 0;
  if (score >= enter) return 1;
  if (score <= -enter) return -1;
  if (now === 1 && score > leave) return 1;
  return now === -1 && score < -leave ? -1 : 0;
}

function deviation(moves: readonly number[], window: number): number {
  const n = moves.length;
  let [mean, square] = [0, 0];
  for (let i = n - window; i < n; i++) mean += moves[i]! / window;
  for (let i = n - window; i < n; i++) square += (moves[i]! - mean) ** 2;
  return Math.sqrt(square / (window - 1));
}

function cut(value: number): number {
  return Math.max(-1, Math.min(1, value));
}
