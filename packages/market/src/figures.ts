import type { Figure } from './figure.ts';

/**
 * Every figure, in the order in which they are computed: a figure reads only earlier ones, and its own past.
 * `source` is its file below this folder: the digest of what it imports is recorded with every row.
 */
export const FIGURES: readonly { figure: Figure; source: string }[] = [];
