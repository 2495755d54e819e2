import { AssayError } from '@assay/core';
import { instantOfDay, type Panel } from '../panel/index.ts';

export const BAR_COLUMNS = ['open', 'high', 'low', 'close', 'volume'] as const;
export type BarColumn = (typeof BAR_COLUMNS)[number];

/**
 * What a strategy may know at a moment. It holds copies that are filled day by day: later days are not hidden in it,
 * they are not there. Days and assets are counted as in the panel.
 */
export interface MarketView {
  /** The last day whose bars are known. */
  readonly now: number;
  /** @throws LOOK_AHEAD for a day after `now`. */
  value(column: BarColumn, asset: number, day: number): number;
  /** An asset's days up to and including `now`; NaN where it had no bar. */
  series(column: BarColumn, asset: number): Float64Array;
}

/** The view that the backtester keeps up to date. */
export class GrowingView implements MarketView {
  now: number;
  readonly #panel: Panel;
  readonly #known: Record<BarColumn, Float64Array>;

  constructor(panel: Panel) {
    this.now = -1;
    this.#panel = panel;
    const column = () => new Float64Array(panel.assets.length * panel.days.length).fill(Number.NaN);
    this.#known = { open: column(), high: column(), low: column(), close: column(), volume: column() };
  }

  /** Makes the bars of the next day known, for these assets. */
  learn(day: number, assets: readonly number[]): void {
    const { length } = this.#panel.days;
    for (const asset of assets) {
      const at = asset * length + day;
      for (const name of BAR_COLUMNS) this.#known[name][at] = this.#panel[name][at]!;
    }
    this.now = day;
  }

  value(column: BarColumn, asset: number, day: number): number {
    if (!(day <= this.now)) {
      throw new AssayError(
        'LOOK_AHEAD',
        `expected a day that is known, at most ${this.#day(this.now)}, got ${this.#day(day)}`,
        {
          next: 'read bars up to view.now only: later ones do not exist yet when the order is given',
          detail: { now: this.now, day },
        },
      );
    }
    return day < 0 ? Number.NaN : this.#known[column][asset * this.#panel.days.length + day]!;
  }

  series(column: BarColumn, asset: number): Float64Array {
    const start = asset * this.#panel.days.length;
    return this.#known[column].subarray(start, start + this.now + 1);
  }

  #day(day: number): string {
    const ms = this.#panel.days[day];
    return ms === undefined ? `day ${day}` : instantOfDay(ms).slice(0, 10);
  }
}
