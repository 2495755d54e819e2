/**
 * One indicator's arithmetic, written once for both ways of running it. A run takes bars `from` to `to` (half open) of
 * its inputs and writes the same places of its outputs; what it must remember lies in `state`. A whole history is one
 * run, a live bar is a run of length one, and both therefore give the same bits.
 *
 * Inputs that come from bars are finite; those from other kernels may be NaN (warm-up, or a ratio that has no value).
 * A kernel over a window answers NaN exactly while such a value is in its window; a recursive one passes over it and
 * keeps its state. Outputs never alias inputs.
 */
export interface Kernel {
  /** Doubles of state, all zero before the first bar. */
  readonly cells: number;
  /** How many bars back it reads its inputs. */
  readonly reach: number;
  run(
    from: number,
    to: number,
    state: Float64Array,
    inputs: readonly Float64Array[],
    outputs: readonly Float64Array[],
  ): void;
}
