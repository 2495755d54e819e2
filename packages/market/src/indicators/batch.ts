import { AssayError } from '@assay/core';
import { type BarColumns, isUsable, isVolume, RESTART_AFTER_MISSING } from './bar.ts';
import { type Plan, planOf } from './plan.ts';
import { INDICATORS, type IndicatorName } from './table.ts';

/**
 * Indicators of one asset's whole history: a column a name, as long as the bars, NaN where there is no value. The value
 * of a bar reads nothing of later ones.
 *
 * A bar with a price that is not known (or beyond ±1e100, or whose high is below its low) has no value and
 * leaves no trace: windows count known bars. One whose volume is not known is passed over by the indicators that need
 * volume. After more than 30 passed bars in a row everything begins anew. A range that leaves out its own open or close is
 * widened to hold them.
 *
 * @throws ARGUMENT_INVALID for columns of unequal lengths.
 * @example
 * const { rsi14 } = indicatorColumns({ open, high, low, close, volume }, ['rsi14']);
 */
export function indicatorColumns<Name extends IndicatorName = IndicatorName>(
  bars: BarColumns,
  names: readonly Name[] = INDICATORS as unknown as readonly Name[],
): Record<Name, Float64Array> {
  const outputs = names.map(() => new Float64Array(bars.close.length));
  indicatorBatch(bars.close.length, names)(bars, outputs);
  return Object.fromEntries(names.map((name, i) => [name, outputs[i]!])) as Record<Name, Float64Array>;
}

/**
 * The same for many assets one after the other, with the memory for intermediate columns allotted once: returns a
 * function that fills `outputs`, one column a name, from the bars of one asset.
 *
 * @param capacity most bars of an asset.
 * @throws ARGUMENT_INVALID for columns of unequal lengths, or longer than the capacity.
 */
export function indicatorBatch(
  capacity: number,
  names: readonly IndicatorName[] = INDICATORS,
): (bars: BarColumns, outputs: readonly Float64Array[]) => void {
  const { price, volume } = planOf(names);
  const known = new Uint8Array(capacity);
  const dense = Array.from({ length: 5 }, () => new Float64Array(capacity));
  const runs = [price, volume].map((plan) =>
    plan.names.length === 0 ? null : runner(plan, names, capacity),
  );
  return (bars, outputs) => {
    const length = bars.close.length;
    const columns = [bars.open, bars.high, bars.low, bars.close, bars.volume];
    if (
      length > capacity ||
      outputs.length !== names.length ||
      [...columns, ...outputs].some((column) => column.length !== length)
    ) {
      throw new AssayError(
        'ARGUMENT_INVALID',
        `expected a column for each of ${names.length} indicators and five of bars, all of one length up to ${capacity}`,
        { next: 'give every column one place a bar' },
      );
    }
    const whole = isWhole(bars);
    for (const [group, run] of runs.entries()) {
      if (!run) continue;
      // Bars without a flaw are read where they lie.
      if (!whole) gather(columns, known, dense, group === 1);
      run(whole ? columns : dense, outputs, known, length, whole);
    }
  };
}

function runner(plan: Plan, names: readonly IndicatorName[], capacity: number) {
  const state = new Float64Array(plan.cells);
  const output = plan.columns.map((column) =>
    plan.names.includes(column as IndicatorName) ? names.indexOf(column as IndicatorName) : -1,
  );
  const columns: Float64Array[] = plan.columns.map((_, i) =>
    i < 5 || output[i]! >= 0 ? new Float64Array(0) : new Float64Array(capacity),
  );
  const steps = plan.steps.map(({ kernel, reads, writes, cell }) => ({
    kernel,
    reads,
    writes,
    state: state.subarray(cell, cell + kernel.cells),
    inputs: reads.map(() => columns[0]!),
    outputs: writes.map(() => columns[0]!),
  }));
  return (
    inputs: readonly Float64Array[],
    outputs: readonly Float64Array[],
    known: Uint8Array,
    length: number,
    whole: boolean,
  ) => {
    for (let i = 0; i < columns.length; i++) {
      if (i < 5) columns[i] = inputs[i]!;
      else if (output[i]! >= 0) columns[i] = outputs[output[i]!]!;
    }
    for (const step of steps) {
      for (let i = 0; i < step.reads.length; i++) step.inputs[i] = columns[step.reads[i]!]!;
      for (let i = 0; i < step.writes.length; i++) step.outputs[i] = columns[step.writes[i]!]!;
    }
    const runTo = (from: number, to: number) => {
      state.fill(0);
      for (const step of steps) step.kernel.run(from, to, step.state, step.inputs, step.outputs);
    };
    if (whole) {
      runTo(0, length);
      return;
    }
    let from = 0;
    let count = 0;
    let missing = 0;
    for (let day = 0; day < length; day++) {
      if (known[day] === 0) {
        missing++;
        continue;
      }
      if (missing > RESTART_AFTER_MISSING && count > from) {
        runTo(from, count);
        from = count;
      }
      missing = 0;
      count++;
    }
    runTo(from, count);
    for (let i = 5; i < columns.length; i++) if (output[i]! >= 0) spread(columns[i]!, known, count);
  };
}

/** Whether all bars are known, positive and in order, as nearly always; looked at in one pass over each place. */
function isWhole({ open, high, low, close, volume }: BarColumns): boolean {
  for (let i = 0; i < close.length; i++) {
    const bottom = low[i]!;
    const top = high[i]!;
    if (
      !(
        bottom >= 1e-100 &&
        top <= 1e100 &&
        open[i]! >= bottom &&
        open[i]! <= top &&
        close[i]! >= bottom &&
        close[i]! <= top &&
        isVolume(volume[i]!)
      )
    ) {
      return false;
    }
  }
  return true;
}

/** Puts the usable bars side by side. */
function gather(
  columns: readonly Float64Array[],
  known: Uint8Array,
  dense: readonly Float64Array[],
  withVolume: boolean,
): void {
  const [open, high, low, close, volume] = columns as [
    Float64Array,
    Float64Array,
    Float64Array,
    Float64Array,
    Float64Array,
  ];
  let count = 0;
  for (let i = 0; i < close.length; i++) {
    const usable =
      isUsable(open[i]!) &&
      isUsable(high[i]!) &&
      isUsable(low[i]!) &&
      isUsable(close[i]!) &&
      low[i]! <= high[i]! &&
      (!withVolume || isVolume(volume[i]!));
    known[i] = usable ? 1 : 0;
    if (!usable) continue;
    dense[0]![count] = open[i]!;
    dense[1]![count] = Math.max(open[i]!, high[i]!, close[i]!);
    dense[2]![count] = Math.min(open[i]!, low[i]!, close[i]!);
    dense[3]![count] = close[i]!;
    dense[4]![count] = volume[i]!;
    count++;
  }
}

/** Moves the first `count` values to the days that are known, from the last on, and leaves NaN between. */
function spread(column: Float64Array, known: Uint8Array, count: number): void {
  let next = count;
  for (let day = column.length - 1; day >= 0; day--) {
    column[day] = known[day] === 1 ? column[--next]! : Number.NaN;
  }
}
