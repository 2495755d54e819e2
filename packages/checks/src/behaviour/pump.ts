import { isDecimal, type Row } from '@assay/core';
import { cell } from '../cell.ts';
import type { Detector, DetectorFinding, Exhibit } from '../detector.ts';
import {
  positiveCell,
  rangesOf,
  timeCell,
  Unreadable,
  UnreadableRows,
  unreadable,
  withoutRows,
} from './cells.ts';
import { decimalOf, soundness } from './p-value.ts';
import { TermsReader } from './terms.ts';

export interface PumpTerms {
  columns: { time: string; high: string; close: string; volume: string };
  /** Candles that say what is usual. */
  lag: number;
  /** Candles over which a rise is measured; they are not part of what is usual. */
  window: number;
  minRise: number;
  volumeFactor: number;
  sigmas: number;
  /** Share of the rise whose loss is a collapse. */
  retrace: number;
  /** Candles after which a rise that holds is no pump. */
  horizon: number;
}

export interface PumpMemory {
  /** Newest last, at most `lag + window`. */
  candles: Candle[];
  open: OpenPump | null;
  /** Candles still to come before another pump can be suspected. */
  quiet: number;
}

interface Candle {
  time: number;
  close: number;
  volume: number;
  /** Log return from the candle before. */
  move: number;
}

interface OpenPump {
  startedAt: string;
  baseline: number;
  peak: number;
  candles: number;
  why: string;
  p: number;
}

/**
 * Pump and dump in candles, without a look ahead: `pump_suspected` says at the time that price and volume rise
 * together beyond what is usual; `pump_and_dump` is unknown while such a rise is open, and says later whether it
 * collapsed.
 *
 * A rise is abnormal when, after Kamps and Kleinberg, "To the moon" (Crime Science 7, 2018), the high stands above
 * the moving average of the lag by `minRise` and the volume of the window above its own by `volumeFactor`; and when
 * it is more than `sigmas` of the candles' own standard deviation over the window, so that a restless coin does not
 * raise an alarm every day (La Morgia et al., "Pump and Dumps in the Bitcoin Era", ICCCN 2020, feed moving averages
 * and deviations of the same quantities to a classifier; their rush orders need trades with sides, which candles do
 * not have). A pump is confirmed when the close gives back `retrace` of the rise within `horizon` candles.
 *
 * @example
 * const terms = pump.readTerms({ lag: 720, window: 30 }, 'terms');
 */
export const pump: Detector<PumpTerms, PumpMemory> = {
  name: 'pump',
  version: '1.0.0',
  readTerms(value, path) {
    const terms = new TermsReader(value, path);
    const read: PumpTerms = {
      columns: {
        time: terms.column('time', 'time'),
        high: terms.column('high', 'high'),
        close: terms.column('close', 'close'),
        volume: terms.column('volume', 'volume'),
      },
      lag: terms.integer('lag', 720, 60, 20_000),
      window: terms.integer('window', 30, 1, 1_000),
      minRise: terms.number('minRise', 0.05, 0.001, 10),
      volumeFactor: terms.number('volumeFactor', 4, 1, 1_000),
      sigmas: terms.number('sigmas', 6, 1, 100),
      retrace: terms.number('retrace', 0.5, 0.05, 1),
      horizon: terms.integer('horizon', 360, 1, 20_000),
    };
    terms.end();
    return read;
  },
  begin: () => ({ candles: [], open: null, quiet: 0 }),
  examine({ rows = [] }, terms, memory) {
    if (rows.length === 0) return { findings: withoutRows('pump_suspected'), memory };
    const bad = new UnreadableRows();
    const usual = new Usual(memory.candles, terms);
    const seen: Seen = { suspected: [], judged: 0, collapsed: [], held: [], points: [] };
    for (const [row, content] of rows.entries()) {
      const candle = readCandle(content, terms, memory.candles.at(-1));
      if (candle instanceof Unreadable) {
        bad.add(row, candle);
        continue;
      }
      step(row, candle, terms, memory, usual, seen);
    }
    return {
      findings: [...judge(terms, memory, seen), ...bad.findings('pump_input', rows.length)],
      memory,
    };
  },
};

interface Reading extends Candle {
  high: number;
  timeText: string;
  closeText: string;
}

interface Seen {
  /** Rows from a suspicion to its end. */
  suspected: { row: number; why: string; p: number }[];
  /** Rows for which enough was known. */
  judged: number;
  collapsed: { row: number; why: string; p: number }[];
  held: string[];
  points: { row: number; time: string; close: string }[];
}

function readCandle(row: Row, { columns }: PumpTerms, last: Candle | undefined): Reading | Unreadable {
  const time = timeCell(row, columns.time);
  if (time instanceof Unreadable) return time;
  if (last !== undefined && time <= last.time) {
    return new Unreadable(`${columns.time}: not later than the candle before it`);
  }
  const high = positiveCell(row, columns.high);
  if (high instanceof Unreadable) return high;
  const close = positiveCell(row, columns.close);
  if (close instanceof Unreadable) return close;
  const text = cell(row, columns.volume);
  const volume = isDecimal(text) ? Number(text) : Number.NaN;
  // A quiet minute has no volume.
  if (!(volume >= 0 && Number.isFinite(volume))) {
    return unreadable(columns.volume, 'a canonical decimal string of at least zero', text);
  }
  return {
    time,
    high,
    close,
    volume,
    move: last === undefined ? 0 : Math.log(close / last.close),
    timeText: String(cell(row, columns.time)),
    closeText: String(cell(row, columns.close)),
  };
}

/** Means over the lag and over the window, kept as sums. */
class Usual {
  private readonly candles: Candle[];
  private readonly terms: PumpTerms;
  private close = 0;
  private volume = 0;
  private squares = 0;
  private recent = 0;

  constructor(candles: Candle[], terms: PumpTerms) {
    this.candles = candles;
    this.terms = terms;
    const split = Math.max(0, candles.length - terms.window);
    for (const [i, candle] of candles.entries()) {
      if (i < split) this.age(candle, 1);
      else this.recent += candle.volume;
    }
  }

  get count(): number {
    return Math.max(0, this.candles.length - this.terms.window);
  }

  add({ time, close, volume, move }: Candle): void {
    const { candles, terms } = this;
    candles.push({ time, close, volume, move });
    this.recent += volume;
    const leaving = candles.at(-1 - terms.window);
    if (leaving !== undefined) {
      this.recent -= leaving.volume;
      this.age(leaving, 1);
    }
    if (candles.length > terms.lag + terms.window) this.age(candles.shift()!, -1);
  }

  rise({ high }: Reading) {
    const { count, terms } = this;
    const baseline = this.close / count;
    const sigma = Math.sqrt(Math.max(this.squares, 0) / count);
    const usualVolume = this.volume / count;
    return {
      baseline,
      rise: high / baseline - 1,
      volume: usualVolume > 0 ? this.recent / terms.window / usualVolume : 0,
      // The average lies half a lag back, so that part of the lag's own wandering belongs to the distance.
      sigmas: sigma > 0 ? Math.log(high / baseline) / (sigma * Math.sqrt(terms.window + terms.lag / 3)) : 0,
    };
  }

  private age({ close, volume, move }: Candle, sign: 1 | -1): void {
    this.close += sign * close;
    this.volume += sign * volume;
    this.squares += sign * move * move;
  }
}

function step(
  row: number,
  candle: Reading,
  terms: PumpTerms,
  memory: PumpMemory,
  usual: Usual,
  seen: Seen,
): void {
  usual.add(candle);
  seen.points.push({ row, time: candle.timeText, close: candle.closeText });
  if (usual.count < terms.lag / 4) return;
  seen.judged += 1;
  if (memory.open !== null) {
    follow(row, candle, terms, memory, memory.open, seen);
    return;
  }
  if (memory.quiet > 0) {
    memory.quiet -= 1;
    return;
  }
  const { baseline, rise, volume, sigmas } = usual.rise(candle);
  if (rise < terms.minRise || volume < terms.volumeFactor || sigmas < terms.sigmas) return;
  const why =
    `at ${candle.timeText} the price stood ${percent(rise)} above its average of ${usual.count} candles ` +
    `(${sigmas.toFixed(1)} standard deviations) on ${volume.toFixed(1)} times the usual volume`;
  // Large returns fall off with the cube of their size (Gopikrishnan et al., Eur. Phys. J. B 3, 1998).
  const p = Math.min(1, sigmas ** -3 / volume);
  memory.open = { startedAt: candle.timeText, baseline, peak: candle.high, candles: 0, why, p };
  seen.suspected.push({ row, why, p });
}

function follow(
  row: number,
  candle: Reading,
  terms: PumpTerms,
  memory: PumpMemory,
  open: OpenPump,
  seen: Seen,
): void {
  open.candles += 1;
  open.peak = Math.max(open.peak, candle.high);
  const lost = (open.peak - candle.close) / (open.peak - open.baseline);
  if (lost < terms.retrace && open.candles < terms.horizon) {
    seen.suspected.push({ row, why: open.why, p: open.p });
    return;
  }
  memory.open = null;
  memory.quiet = terms.window;
  if (lost >= terms.retrace) {
    const why =
      `${open.why}; ${open.candles} candles later, at ${candle.timeText}, it had lost ${percent(Math.min(lost, 9.99))} ` +
      'of the rise';
    seen.collapsed.push({ row, why, p: open.p });
  } else {
    seen.held.push(`the rise that began at ${open.startedAt} held for ${terms.horizon} candles`);
  }
}

function judge(terms: PumpTerms, memory: PumpMemory, seen: Seen): DetectorFinding[] {
  const column = terms.columns.close;
  if (seen.judged === 0) {
    const reason =
      `${Math.max(0, memory.candles.length - terms.window)} candles so far say what is usual; ` +
      `${Math.ceil(terms.lag / 4)} are needed.`;
    return [{ check: 'pump_suspected', column, status: 'unknown', reason }];
  }
  return [suspicion(column, seen), outcome(column, terms, memory, seen)];
}

function suspicion(column: string, seen: Seen): DetectorFinding {
  const check = 'pump_suspected';
  const [first] = seen.suspected;
  if (first === undefined) {
    const reason = `Price and volume do not rise together beyond what is usual, in ${seen.judged} candles.`;
    return { check, column, status: 'pass', reason, score: soundness(1) };
  }
  const rows = rangesOf(seen.suspected.map(({ row }) => row));
  return {
    check,
    column,
    status: 'fail',
    reason: `A pump is suspected: ${first.why}.`,
    rows,
    score: soundness(leastP(seen.suspected)),
    exhibits: [chart('Price while a pump is suspected', seen, seen.suspected)],
  };
}

function outcome(column: string, terms: PumpTerms, { open }: PumpMemory, seen: Seen): DetectorFinding {
  const check = 'pump_and_dump';
  const [first] = seen.collapsed;
  if (first !== undefined) {
    return {
      check,
      column,
      status: 'fail',
      reason: `Pump and dump: ${first.why}.`,
      rows: rangesOf(seen.collapsed.map(({ row }) => row)),
      // Whoever saw the rise alone could doubt; the collapse squares the doubt.
      score: soundness(leastP(seen.collapsed) ** 2),
      exhibits: [chart('Rise and collapse', seen, [...seen.suspected, ...seen.collapsed])],
    };
  }
  if (open !== null) {
    const reason =
      `Whether the rise that began at ${open.startedAt} collapses is not known yet; at the latest it is in ` +
      `${terms.horizon - open.candles} candles.`;
    return { check, column, status: 'unknown', reason };
  }
  const reason = seen.held.length > 0 ? `No collapse: ${seen.held.join('; ')}.` : 'No rise is open.';
  return { check, column, status: 'pass', reason, score: soundness(1) };
}

function chart(title: string, { points }: Seen, marked: readonly { row: number }[]): Exhibit {
  const first = points.findIndex(({ row }) => row >= marked[0]!.row);
  const from = Math.max(0, first - 60);
  const shown = points.slice(from, from + MAX_POINTS);
  const places = new Map(shown.map(({ row }, place) => [row, place]));
  return {
    kind: 'series',
    title,
    unit: 'price',
    points: shown.map(({ time, close }) => ({ time, value: close })),
    marked: rangesOf(marked.flatMap(({ row }) => places.get(row) ?? [])),
  };
}

function leastP(marked: readonly { p: number }[]): number {
  return marked.reduce((least, { p }) => Math.min(least, p), 1);
}

const MAX_POINTS = 2_000;

function percent(value: number): string {
  return `${decimalOf(Math.round(value * 1000) / 10)} %`;
}
