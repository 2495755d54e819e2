import { canonicalBytes, digestHex, type Finding, type FindingStatus, type RowRanges } from '@assay/core';
import type { Detector, SpecimenFile } from './detector.ts';
import { type DetectorMemory, examine } from './examine.ts';
import type { DataContract } from './rules/contract.ts';
import { openTable, type TableOptions } from './rules/table-file.ts';
import { tableRows } from './rules/table-rows.ts';

/** Rows that a detector sees at once: what it must remember it carries over, so that the cut changes no answer. */
const BATCH = 5_000;
/** Ranges of failing rows that are told of one finding. */
const MAX_RANGES = 1_000;

interface Asked {
  contract: DataContract;
  detectors: ReadonlyMap<string, Detector>;
  /** When the file is looked at: a stamp after it lies in the future. */
  observedAt: string;
}

/**
 * Runs a contract's detectors over the rows of a file, as if each batch were an observation of one stream.
 *
 * @returns one finding a check and column: the worst of all batches, with rows counted from 0 through the file.
 * @throws what {@link openTable} throws.
 */
export async function examineTable(
  path: string,
  asked: Asked,
  options: TableOptions = {},
): Promise<Finding[]> {
  const { contract, detectors, observedAt } = asked;
  if (contract.detectors.length === 0) return [];
  const table = await openTable(path, { ...options, columns: contract.columns });
  try {
    const found = new Map<string, Finding>();
    let memories: ReadonlyMap<string, DetectorMemory> = new Map();
    let before = 0;
    for await (const rows of tableRows(table, BATCH)) {
      const digest = digestHex(canonicalBytes(rows));
      const specimens = [{ stream: contract.name, digest, observedAt, rows }];
      const examined = await examine({ contract, detectors, specimens, memories });
      memories = examined.memories;
      for (const finding of examined.findings) add(found, finding, before);
      before += rows.length;
    }
    return [...found.values()];
  } finally {
    table.close();
  }
}

/** Runs a contract's detectors over one file that is no table: a picture, a document. */
export async function examineWhole(file: SpecimenFile, asked: Asked): Promise<Finding[]> {
  const { contract, detectors, observedAt } = asked;
  const specimens = [{ stream: contract.name, digest: digestHex(file.bytes), observedAt, file }];
  return (await examine({ contract, detectors, specimens, memories: new Map() })).findings;
}

/** Whether a contract is about files, as `file/v1` rows name them, and not about the rows of a table. */
export function isAboutFiles({ columns }: Pick<DataContract, 'columns'>): boolean {
  return ['mediaType', 'bytes', 'sha256'].every((name) => columns.some((column) => column.name === name));
}

const WORSE: readonly FindingStatus[] = ['pass', 'unknown', 'fail'];

/** The reason of the first of the worst stands for all; its rows are gathered. */
function add(found: Map<string, Finding>, finding: Finding, offset: number): void {
  const key = `${finding.check}/${finding.column ?? ''}/${finding.severity}`;
  const moved = (finding.rows ?? []).map(([from, to]): [number, number] => [from + offset, to + offset]);
  const own: Finding = { ...finding, ...(finding.rows ? { rows: moved } : {}) };
  const earlier = found.get(key);
  if (!earlier || WORSE.indexOf(own.status) > WORSE.indexOf(earlier.status)) {
    found.set(key, own);
    return;
  }
  if (own.status !== earlier.status || !earlier.rows || !own.rows) return;
  const rows: RowRanges = [...earlier.rows, ...own.rows].slice(0, MAX_RANGES);
  found.set(key, { ...earlier, rows });
}
