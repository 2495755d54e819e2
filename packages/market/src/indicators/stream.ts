import { AssayError } from '@assay/core';
import { isUsable, isVolume, RESTART_AFTER_MISSING } from './bar.ts';
import { type Plan, planOf } from './plan.ts';
import { INDICATORS, type IndicatorName } from './table.ts';

/** One bar; NaN is a value that is not known. */
export interface Bar {
  open: number;
  high: number;
  low: number;
  close: number;
  volume: number;
}

/**
 * Indicators of one asset as its bars come, with the very values that {@link indicatorColumns} gives for the whole
 * history: both run the same kernels. All of them keep about 50 KiB, whatever came before.
 *
 * @example
 * const stream = new IndicatorStream(['rsi14', 'sar']);
 * for (const bar of history) stream.bar(bar); // bars that are closed
 * stream.tick({ ...today, close: 101 }); // today's bar so far, replaced by the next tick or the closed bar
 * stream.value('rsi14'); // NaN where there is none yet
 */
export class IndicatorStream {
  readonly names: readonly IndicatorName[];
  /** Values of the last bar or tick, in the order of `names`; NaN where there is none. */
  readonly values: Float64Array;
  readonly #parts: readonly {
    part: Part;
    places: readonly (readonly [output: number, column: number])[];
    volume: boolean;
  }[];

  /** @throws ARGUMENT_INVALID for a name that is no indicator. */
  constructor(names: readonly IndicatorName[] = INDICATORS) {
    const plans = planOf(names);
    this.names = names;
    this.values = new Float64Array(names.length).fill(Number.NaN);
    this.#parts = [plans.price, plans.volume]
      .map((plan, i) => ({
        part: new Part(plan),
        places: plan.names.map((name) => [names.indexOf(name), plan.columns.indexOf(name)] as const),
        volume: i === 1,
      }))
      .filter(({ places }) => places.length > 0);
  }

  /** Closes a bar. One that is not known (NaN) leaves no trace but the count of missing bars. */
  bar(bar: Bar): void {
    this.#update(bar, true);
  }

  /** The bar that is still open, as it stands: gives its values and remembers nothing. */
  tick(bar: Bar): void {
    this.#update(bar, false);
  }

  /**
   * Value of the last bar or tick; NaN where there is none.
   *
   * @throws ARGUMENT_INVALID for an indicator that this stream does not compute.
   */
  value(name: IndicatorName): number {
    const place = this.names.indexOf(name);
    if (place < 0) {
      throw new AssayError('ARGUMENT_INVALID', `expected an indicator of this stream, got ${String(name)}`, {
        next: 'name it when the stream is made',
      });
    }
    return this.values[place]!;
  }

  #update({ open, high, low, close, volume }: Bar, closed: boolean): void {
    const usable = isUsable(open) && isUsable(high) && isUsable(low) && isUsable(close) && low <= high;
    const top = Math.max(open, high, close);
    const bottom = Math.min(open, low, close);
    for (const { part, places, volume: needsVolume } of this.#parts) {
      const known = usable && (!needsVolume || isVolume(volume));
      if (known) part.update(open, top, bottom, close, volume, closed);
      else if (closed) part.miss();
      for (const [output, column] of places) this.values[output] = known ? part.at(column) : Number.NaN;
    }
  }
}

/**
 * Runs one plan a bar at a time. All columns lie in one strip, each with as many places as are read back, so
 * that a bar ends by moving the whole strip one place: every column's newest value is always at the same index.
 */
class Part {
  readonly #strip: Float64Array;
  readonly #columns: readonly Float64Array[];
  readonly #newest: number;
  readonly #state: Float64Array;
  /** State after the last closed bar. */
  readonly #kept: Float64Array;
  readonly #steps: readonly {
    kernel: Plan['steps'][number]['kernel'];
    state: Float64Array;
    inputs: readonly Float64Array[];
    outputs: readonly Float64Array[];
  }[];
  #missing = 0;
  /** Whether the newest place holds a closed bar, which moves on before the next. */
  #closed = false;

  constructor(plan: Plan) {
    this.#newest = Math.max(...plan.reach);
    let at = 0;
    const starts = plan.reach.map((reach) => {
      at += reach + 1;
      return at - 1;
    });
    this.#strip = new Float64Array(at + this.#newest);
    this.#columns = starts.map((start) => this.#strip.subarray(start, start + this.#newest + 1));
    this.#state = new Float64Array(plan.cells);
    this.#kept = new Float64Array(plan.cells);
    this.#steps = plan.steps.map(({ kernel, reads, writes, cell }) => ({
      kernel,
      state: this.#state.subarray(cell, cell + kernel.cells),
      inputs: reads.map((column) => this.#columns[column]!),
      outputs: writes.map((column) => this.#columns[column]!),
    }));
  }

  update(open: number, high: number, low: number, close: number, volume: number, closed: boolean): void {
    if (this.#missing > RESTART_AFTER_MISSING) this.#kept.fill(0);
    // A tick is not a bar yet: missing ones are counted on.
    if (closed) this.#missing = 0;
    if (this.#closed) this.#strip.copyWithin(0, 1);
    this.#closed = closed;
    this.#state.set(this.#kept);
    const newest = this.#newest;
    this.#columns[0]![newest] = open;
    this.#columns[1]![newest] = high;
    this.#columns[2]![newest] = low;
    this.#columns[3]![newest] = close;
    this.#columns[4]![newest] = volume;
    for (const { kernel, state, inputs, outputs } of this.#steps) {
      kernel.run(newest, newest + 1, state, inputs, outputs);
    }
    if (closed) this.#kept.set(this.#state);
  }

  miss(): void {
    this.#missing++;
  }

  at(column: number): number {
    return this.#columns[column]![this.#newest]!;
  }
}
