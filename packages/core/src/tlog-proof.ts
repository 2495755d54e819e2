import { base64Decode, base64Encode, excerpt } from './encoding.ts';
import { AssayError } from './errors.ts';

const HEADER = 'c2sp.org/tlog-proof@v1';
/** More than the longest path in a tree of 2^53 leaves. */
const MAX_PATH = 63;

/** An offline proof that an entry is in a log (C2SP tlog-proof). */
export interface TlogProof {
  index: number;
  /** Inclusion path, leaf's sibling first. */
  path: Uint8Array[];
  /** The signed checkpoint, with its cosignatures, verbatim. */
  checkpoint: string;
}

/** The text of a proof. */
export function formatTlogProof({ index, path, checkpoint }: TlogProof): string {
  return `${[HEADER, `index ${index}`, ...path.map(base64Encode)].join('\n')}\n\n${checkpoint}`;
}

/**
 * Reads a proof. The `extra` line is refused: nothing authenticates it, and Assay has nothing to say there.
 *
 * @throws BUNDLE_MALFORMED
 */
export function parseTlogProof(text: string): TlogProof {
  const split = text.indexOf('\n\n');
  const [header, indexLine = '', ...hashes] = text.slice(0, Math.max(split, 0)).split('\n');
  const index = /^index (0|[1-9]\d{0,15})$/.exec(indexLine)?.[1];
  const path = hashes.length > MAX_PATH ? [null] : hashes.map(hashOrNull);
  if (
    split < 0 ||
    header !== HEADER ||
    index === undefined ||
    !Number.isSafeInteger(Number(index)) ||
    !path.every((hash) => hash !== null)
  ) {
    throw new AssayError('BUNDLE_MALFORMED', `expected a ${HEADER} text, got ${excerpt(text, 80)}`);
  }
  return { index: Number(index), path, checkpoint: text.slice(split + 2) };
}

function hashOrNull(line: string): Uint8Array | null {
  try {
    const hash = base64Decode(line);
    return hash.length === 32 ? hash : null;
  } catch {
    return null;
  }
}
