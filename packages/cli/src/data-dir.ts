import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { AnchorStore } from '@assay/chain';
import {
  AssayError,
  parseCheckpoint,
  parseNote,
  proveInclusion,
  tileHashReader,
  tilePath,
} from '@assay/core';
import { type BundleSources, Catalogue, existingDataDir } from '@assay/pipeline';

/**
 * Opens a node's data folder for reading, beside a running node or without one. Proofs come from the served log's
 * tiles, as any stranger would build them.
 *
 * @throws NOT_FOUND when no node ever ran on it.
 */
export function openDataDir(root: string): BundleSources {
  const layout = existingDataDir(root);
  const anchors = new AnchorStore(layout.anchors, { readOnly: true });
  const published = readOrNull(join(layout.log, 'checkpoint'));
  if (!published) {
    throw new AssayError('PROOF_PENDING', `the log in ${root} has not been published yet`, {
      next: 'wait until its witnesses answered',
    });
  }
  const { origin } = parseCheckpoint(parseNote(published.toString('utf8')).text);
  return {
    catalogue: new Catalogue(layout.catalogue, { readOnly: true }),
    inclusionPath: (index, size) =>
      proveInclusion(
        index,
        size,
        tileHashReader(size, async (tile) => readOrNull(join(layout.log, tilePath(tile)))),
      ),
    anchorsCovering: (index) => anchors.covering(origin, index),
    origin,
    quorum: quorumOf(layout.trustPolicy),
  };
}

function quorumOf(file: string): number {
  return (JSON.parse(readFileSync(file, 'utf8')) as { witnesses: { quorum: number } }).witnesses.quorum;
}

function readOrNull(path: string): Buffer | null {
  try {
    return readFileSync(path);
  } catch {
    return null;
  }
}
