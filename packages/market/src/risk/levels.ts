import type { Decimal } from '@assay/core';
import { decimalOf, significant } from '../decimal-of.ts';
import type { Figure } from '../figure.ts';
import { instantOfDay, type Panel, seriesOf } from '../panel/index.ts';
import type { LevelRow } from '../rows.ts';
import { isPrice } from './price.ts';

export interface LevelParameters {
  windowDays: number;
  /** Bars on both sides that a turning point exceeds. It is known this many bars after it. */
  confirmBars: number;
  /** Bars of the average true range. */
  rangeBars: number;
  /** Width of a level, in average true ranges. */
  toleranceRanges: Decimal;
  minimumTouches: number;
  /** Days after which a touch counts half. */
  halfLifeDays: number;
  /** Most levels below, and above the price. */
  limit: number;
}

interface Turn {
  /** Day of the turning point, of the first bar that it rests on, and of the bar that confirmed it. */
  day: number;
  since: number;
  known: number;
  price: number;
}

interface Level {
  price: number;
  touches: number;
  strength: number;
  last: number;
}

/**
 * Support and resistance of every asset with a price that day, from where it turned in the year before: see
 * docs/risk.md. A turning point counts from the bar on that confirms it, never earlier. No row without a positive close
 * that day, and an empty list where there is no level.
 */
export const levelsFigure: Figure<'levels', LevelParameters> = {
  name: 'levels',
  version: '1.0.0',
  parameters: {
    windowDays: 365,
    confirmBars: 5,
    rangeBars: 14,
    toleranceRanges: '1',
    minimumTouches: 2,
    halfLifeDays: 90,
    limit: 5,
  },
  reads: { observed: [], figures: [] },
  lookbackDays: 364,
  compute({ history: { panel }, days }, parameters) {
    const rows: LevelRow[][] = Array.from({ length: Math.max(0, days.to - days.from) }, () => []);
    for (let asset = 0; asset < panel.assets.length; asset++) {
      const bars = knownBars(panel, asset, Math.max(0, days.from - parameters.windowDays + 1), days.to);
      const turns = turnsOf(bars, parameters.confirmBars);
      for (let bar = 0; bar < bars.day.length; bar++) {
        const day = bars.day[bar]!;
        if (day < days.from) continue;
        const since = day - parameters.windowDays + 1;
        const range = averageRange(bars, bar, since, parameters.rangeBars);
        const price = bars.close[bar]!;
        const levels =
          range > 0
            ? levelsOf(
                turns.filter((turn) => turn.known <= day && turn.since >= since),
                range * Number(parameters.toleranceRanges),
                day,
                parameters,
              )
            : [];
        const write = ({ price, touches, strength, last }: Level) => ({
          price: significant(price, 8)!,
          touches: String(touches),
          strength: decimalOf(strength, 4)!,
          lastTouch: instantOfDay(panel.days[last]!),
        });
        rows[day - days.from]!.push({
          time: instantOfDay(panel.days[day]!),
          asset: panel.assets[asset]!,
          support: levels
            .filter((level) => level.price < price)
            .reverse()
            .slice(0, parameters.limit)
            .map(write),
          resistance: levels
            .filter((level) => level.price > price)
            .slice(0, parameters.limit)
            .map(write),
        });
      }
    }
    return rows.flat();
  },
};

interface KnownBars {
  day: number[];
  high: number[];
  low: number[];
  close: number[];
}

function knownBars(panel: Panel, asset: number, from: number, to: number): KnownBars {
  const [high, low, close] = [panel.high, panel.low, panel.close].map((column) =>
    seriesOf(panel, column, asset),
  ) as [Float64Array, Float64Array, Float64Array];
  const bars: KnownBars = { day: [], high: [], low: [], close: [] };
  for (let day = from; day < to; day++) {
    if (!isPrice(high[day]!) || !isPrice(low[day]!) || !isPrice(close[day]!)) continue;
    bars.day.push(day);
    bars.high.push(Math.max(high[day]!, close[day]!));
    bars.low.push(Math.min(low[day]!, close[day]!));
    bars.close.push(close[day]!);
  }
  return bars;
}

/** Bars that exceed all `confirm` bars before and are not exceeded by as many after, upwards by their high or downwards by their low. */
function turnsOf({ day, high, low }: KnownBars, confirm: number): Turn[] {
  const turns: Turn[] = [];
  for (let bar = confirm; bar + confirm < day.length; bar++) {
    let top = true;
    let bottom = true;
    for (let k = 1; k <= confirm && (top || bottom); k++) {
      top &&= high[bar]! > high[bar - k]! && high[bar]! >= high[bar + k]!;
      bottom &&= low[bar]! < low[bar - k]! && low[bar]! <= low[bar + k]!;
    }
    const at = { day: day[bar]!, since: day[bar - confirm]!, known: day[bar + confirm]! };
    if (top) turns.push({ ...at, price: high[bar]! });
    if (bottom) turns.push({ ...at, price: low[bar]! });
  }
  return turns;
}

/** Plain mean of the last true ranges; not Wilder's, whose memory has no end. NaN while there are too few bars. */
function averageRange(
  { day, high, low, close }: KnownBars,
  bar: number,
  since: number,
  count: number,
): number {
  if (bar < count || day[bar - count]! < since) return Number.NaN;
  let sum = 0;
  for (let i = bar - count + 1; i <= bar; i++) {
    sum += Math.max(high[i]!, close[i - 1]!) - Math.min(low[i]!, close[i - 1]!);
  }
  return sum / count;
}

/**
 * Turning points within `width` of the lowest of them are one level, at their mean price. From the lowest on,
 * so that no level is wider than that.
 */
function levelsOf(
  turns: readonly Turn[],
  width: number,
  day: number,
  { minimumTouches, halfLifeDays }: LevelParameters,
): Level[] {
  const sorted = turns.toSorted((a, b) => a.price - b.price || a.day - b.day);
  const levels: Level[] = [];
  for (let from = 0, to = 0; from < sorted.length; from = to) {
    const lowest = sorted[from]!.price;
    let sum = 0;
    let strength = 0;
    let last = 0;
    for (to = from; to < sorted.length && sorted[to]!.price - lowest <= width; to++) {
      sum += sorted[to]!.price;
      strength += Math.exp((-Math.LN2 * (day - sorted[to]!.day)) / halfLifeDays);
      last = Math.max(last, sorted[to]!.day);
    }
    const touches = to - from;
    if (touches >= minimumTouches) levels.push({ price: sum / touches, touches, strength, last });
  }
  return levels;
}
