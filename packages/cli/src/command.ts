import type { parseArgs } from 'node:util';
import { AssayError } from '@assay/core';

/** 0 done or verified, 1 failed, 2 wrong usage or input, 3 inconclusive. */
export type ExitCode = 0 | 1 | 2 | 3;

/** One command: its options, and what it does with them. */
export interface Command {
  usage: string;
  /** What several commands have in common: help says it once. */
  common?: string;
  options: NonNullable<Parameters<typeof parseArgs>[0]>['options'];
  run(args: {
    positionals: string[];
    values: Record<string, string | boolean | undefined>;
  }): Promise<ExitCode>;
}

/** Wrong words on the command line. */
export function usageError(message: string, usage: string): AssayError {
  return new AssayError('ARGUMENT_INVALID', message, { next: `usage: ${usage}` });
}
