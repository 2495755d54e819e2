/** A small honest detector for tests: a value that jumps much farther than the stream's steps so far. */
import { AssayError, isDecimal } from '@assay/core';
import type { Detector } from './detector.ts';

interface Terms {
  column: string;
  /** How many times the mean step is too far. */
  multiple: number;
}

/** Also counts what it examined, so that tests see whether memory and verdicts agree. */
export interface SpikeMemory {
  observations: number;
  last: number | null;
  steps: number;
  total: number;
}

export const spike: Detector<Terms, SpikeMemory> = {
  name: 'spike',
  version: '1.0.0',
  readTerms(value, path) {
    const { column, multiple = 5 } = (value ?? {}) as Partial<Terms>;
    if (typeof column !== 'string')
      throw new AssayError('CONTRACT_INVALID', `${path}.column: expected a column, got ${typeof column}`);
    return { column, multiple };
  },
  begin: () => ({ observations: 0, last: null, steps: 0, total: 0 }),
  examine({ rows = [] }, { column, multiple }, memory) {
    memory.observations += 1;
    const failed: [number, number][] = [];
    const points: { time: string; value: string | null }[] = [];
    let read = 0;
    for (const [i, row] of rows.entries()) {
      const { time, [column]: text } = row as Record<string, unknown>;
      const value = isDecimal(text) ? Number(text) : Number.NaN;
      points.push({ time: String(time), value: isDecimal(text) ? text : null });
      if (Number.isNaN(value)) continue;
      read += 1;
      const step = memory.last === null ? 0 : Math.abs(value - memory.last);
      const limit = multiple * (memory.steps === 0 ? Number.POSITIVE_INFINITY : memory.total / memory.steps);
      if (step > limit) failed.push([i, i]);
      else {
        // A jump teaches nothing about ordinary steps.
        if (memory.last !== null) {
          memory.steps += 1;
          memory.total += step;
        }
        memory.last = value;
      }
    }
    const status = failed.length > 0 ? 'fail' : read > 0 ? 'pass' : 'unknown';
    return {
      memory,
      findings: [
        {
          check: 'spike_jump',
          column,
          status,
          reason:
            status === 'unknown'
              ? `${column} has no value that could be read`
              : `${failed.length} of ${read} values of ${column} jump over ${multiple} times the mean step`,
          ...(status === 'unknown' ? {} : { score: failed.length > 0 ? '0.1' : '1' }),
          ...(failed.length > 0
            ? {
                rows: failed,
                exhibits: [
                  { kind: 'series', title: `${column} with its jumps`, unit: column, points, marked: failed },
                ],
              }
            : {}),
        },
      ],
    };
  },
};
