import {
  AssayError,
  type Checkpoint,
  formatCheckpoint,
  type NoteSigner,
  openNote,
  parseCheckpoint,
  parseVkey,
  signNote,
} from '@assay/core';

/** A tree head under its log's signature; `note` is the whole signed note, with any cosignatures. */
export interface SignedCheckpoint {
  readonly size: number;
  readonly root: Uint8Array;
  readonly note: string;
}

/** Signs a tree head as the log. */
export async function signCheckpoint(checkpoint: Checkpoint, signer: NoteSigner): Promise<SignedCheckpoint> {
  const note = await signNote(formatCheckpoint(checkpoint), [signer]);
  return { size: checkpoint.size, root: checkpoint.root, note };
}

/**
 * Opens a checkpoint of one's own log.
 *
 * @param where what the note was read from, for the error.
 * @throws LEDGER_CORRUPT when it is another log's or not signed by the log's key.
 */
export async function openOwnCheckpoint(
  note: string,
  log: { origin: string; vkey: string },
  where: string,
): Promise<SignedCheckpoint> {
  try {
    const { text } = await openNote(note, [parseVkey(log.vkey)]);
    const { origin, size, root } = parseCheckpoint(text);
    if (origin === log.origin) return { size, root, note };
    throw new AssayError('CHECKPOINT_MALFORMED', `expected the origin ${log.origin}, got ${origin}`);
  } catch (cause) {
    throw new AssayError(
      'LEDGER_CORRUPT',
      `${where} is not a checkpoint of ${log.origin}: ${(cause as Error).message}`,
      {
        cause,
        next: `open the log with the origin and the key that it was made with (now ${log.vkey})`,
      },
    );
  }
}
