import { base64Decode, base64Encode, excerpt } from './encoding.ts';
import { AssayError } from './errors.ts';

/** A log's promise: at this size its tree has this root. */
export interface Checkpoint {
  origin: string;
  size: number;
  root: Uint8Array;
}

/** Note text of a checkpoint (C2SP tlog-checkpoint), without extension lines. */
export function formatCheckpoint({ origin, size, root }: Checkpoint): string {
  return `${origin}\n${size}\n${base64Encode(root)}\n`;
}

/** Reads the note text of a checkpoint; extension lines are refused, as nobody audits them. @throws CHECKPOINT_MALFORMED */
export function parseCheckpoint(text: string): Checkpoint {
  const match = /^([^\n]+)\n(0|[1-9]\d{0,15})\n([A-Za-z0-9+/]{43}=)\n$/.exec(text);
  const root = match && rootOrNull(match[3]!);
  if (!match || !root || !Number.isSafeInteger(Number(match[2]))) {
    throw new AssayError(
      'CHECKPOINT_MALFORMED',
      `expected three lines (origin, size, root hash), got ${excerpt(text, 120)}`,
    );
  }
  return { origin: match[1]!, size: Number(match[2]), root };
}

/**
 * Reads the first three lines of a checkpoint that may have extension lines (C2SP tlog-checkpoint), for those
 * who cosign it without an opinion about them.
 *
 * @throws CHECKPOINT_MALFORMED
 */
export function parseCheckpointHead(text: string): Checkpoint {
  const [origin = '', size = '', root = '', ...extensions] = text.split('\n');
  if (extensions.pop() !== '' || extensions.includes(''))
    throw new AssayError(
      'CHECKPOINT_MALFORMED',
      `expected lines that are not empty, got ${excerpt(text, 120)}`,
    );
  return parseCheckpoint(`${origin}\n${size}\n${root}\n`);
}

function rootOrNull(text: string): Uint8Array | null {
  try {
    return base64Decode(text);
  } catch {
    return null;
  }
}
