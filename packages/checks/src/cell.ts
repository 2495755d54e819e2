import type { Row } from '@assay/core';

/** A cell as it stands. Rows may be anything: undefined when one is no object or has no such column of its own. */
export function cell(row: Row, column: string): unknown {
  return typeof row === 'object' && row !== null && Object.hasOwn(row, column)
    ? (row as Record<string, unknown>)[column]
    : undefined;
}
