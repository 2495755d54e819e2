import { AssayError } from '@assay/core';
import { INDICATORS, type IndicatorName, STEPS, type Step } from './table.ts';

const BAR = ['open', 'high', 'low', 'close', 'volume'] as const;

/** Steps over one kind of bars, with their columns and state laid out. Column 0 to 4 are the bar. */
export interface Plan {
  /** The indicators that it is for. */
  readonly names: readonly IndicatorName[];
  readonly steps: readonly {
    kernel: Step['kernel'];
    reads: readonly number[];
    writes: readonly number[];
    /** Where its state begins. */
    cell: number;
  }[];
  readonly columns: readonly string[];
  /** How many bars back each column is read. */
  readonly reach: readonly number[];
  readonly cells: number;
}

/**
 * What it takes to compute some indicators, and nothing else. Those that need no volume are a plan of their own: a bar
 * whose volume is unknown counts for them all the same.
 *
 * @throws ARGUMENT_INVALID for a name that is no indicator, or the same one twice.
 */
export function planOf(names: readonly IndicatorName[]): { price: Plan; volume: Plan } {
  for (const [i, name] of names.entries()) {
    if (!INDICATORS.includes(name)) {
      throw new AssayError('ARGUMENT_INVALID', `expected the name of an indicator, got ${String(name)}`, {
        next: 'choose from INDICATORS',
      });
    }
    if (names.indexOf(name) !== i) {
      throw new AssayError('ARGUMENT_INVALID', `expected each indicator once, got ${name} again`);
    }
  }
  const onVolume = new Set<string>(['volume']);
  for (const { reads, writes } of STEPS) {
    if (reads.some((column) => onVolume.has(column))) for (const column of writes) onVolume.add(column);
  }
  return {
    price: lay(names.filter((name) => !onVolume.has(name))),
    volume: lay(names.filter((name) => onVolume.has(name))),
  };
}

function needed(names: readonly string[]): Step[] {
  const wanted = new Set(names);
  const steps: Step[] = [];
  for (const step of STEPS.toReversed()) {
    if (!step.writes.some((column) => wanted.has(column))) continue;
    steps.unshift(step);
    for (const column of step.reads) wanted.add(column);
  }
  return steps;
}

function lay(names: readonly IndicatorName[]): Plan {
  const steps = needed(names);
  const columns = [...new Set<string>([...BAR, ...steps.flatMap(({ writes }) => writes)])];
  const reach = columns.map((column) =>
    steps.reduce(
      (most, { kernel, reads }) => (reads.includes(column) ? Math.max(most, kernel.reach) : most),
      0,
    ),
  );
  let cells = 0;
  return {
    names,
    steps: steps.map(({ kernel, reads, writes }) => {
      const cell = cells;
      cells += kernel.cells;
      return {
        kernel,
        reads: reads.map((column) => columns.indexOf(column)),
        writes: writes.map((column) => columns.indexOf(column)),
        cell,
      };
    }),
    columns,
    reach,
    cells,
  };
}
