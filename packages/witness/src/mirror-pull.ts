import {
  AssayError,
  bytesEqual,
  fromUtf8,
  openCheckpoint,
  rootOf,
  TILE_WIDTH,
  type TlogPolicy,
} from '@assay/core';
import {
  mirrorClient,
  type ProvenTiles,
  provenTiles,
  type TileProblem,
  type TileSource,
} from '@assay/ledger';
import type { Mirror } from './mirror.ts';

/** Bundles asked for before they are needed: the network is slower than the hashing. */
const BUNDLES_AHEAD = 16;

/**
 * Brings a mirror's copy up to what the log itself serves. Nothing served is believed: the log's checkpoint needs its
 * signature and the policy's quorum, every file must hash to it, and the mirror checks once more what it is given.
 *
 * A log that went back, shows another history, or is damaged is not followed: what was copied stays as it is.
 *
 * @param options.vkeys of the mirror.
 * @returns whether there was anything new.
 * @throws LOG_UNREACHABLE, LOG_INCONSISTENT, TILE_INVALID, and what {@link openCheckpoint} throws.
 * @example
 * await pullLog({ mirror, vkeys, policy, source: httpTileSource({ url }) });
 */
export async function pullLog(options: {
  mirror: Mirror;
  vkeys: readonly string[];
  policy: TlogPolicy;
  origin: string;
  source: TileSource;
}): Promise<boolean> {
  const { mirror, policy, origin, source } = options;
  const served = await source.get('checkpoint');
  if (!served) throw new AssayError('LOG_UNREACHABLE', `${origin} serves no checkpoint`);
  const note = fromUtf8(served);
  const { checkpoint, signatures } = await openCheckpoint(note, policy);
  const { size, root } = checkpoint;
  if (checkpoint.origin !== origin) throw inconsistent(origin, `serves the log ${checkpoint.origin}`);

  const { mirrored, pending } = mirror.checkpoints(origin);
  if (pending && size < pending.size)
    throw inconsistent(origin, `serves size ${size} after size ${pending.size}`);
  if (pending?.size === size && !bytesEqual(pending.root, root))
    throw inconsistent(origin, `serves another tree of size ${size} than before`);
  if (mirrored?.size === size && signatures.every(({ line }) => mirrored.note.includes(`\n${line}\n`)))
    return false;

  const problems: TileProblem[] = [];
  const tiles = provenTiles({ source, size, root, onProblem: (problem) => problems.push(problem) });
  const orDamaged = (error: AssayError) => {
    throw error.code === 'TILE_INVALID' ? damaged(origin, problems) : error;
  };
  if (pending && pending.size > 0) {
    const before = await rootOf(pending.size, tiles.hash).catch(orDamaged);
    if (!bytesEqual(before, pending.root))
      throw inconsistent(origin, `at size ${size} holds another past than at size ${pending.size}`);
  }
  const client = mirrorClient({
    vkeys: options.vkeys,
    post: (path, body) =>
      path === 'add-checkpoint' ? mirror.addCheckpoint(body) : mirror.addEntries(inOnePiece(body)),
  });
  const entries = (from: number, to: number) => readEntries(tiles, from, to);
  await client.push({ size, root, note }, { entries, hash: tiles.hash }).catch(orDamaged);
  return true;
}

async function* readEntries(tiles: ProvenTiles, from: number, to: number): AsyncGenerator<Uint8Array> {
  const ahead: ReturnType<ProvenTiles['entries']>[] = [];
  let next = Math.floor(from / TILE_WIDTH);
  for (let bundle = next; bundle * TILE_WIDTH < to; bundle++) {
    while (ahead.length < BUNDLES_AHEAD && next * TILE_WIDTH < to) {
      const reading = tiles.entries(next++);
      // Its failure is met when its turn comes.
      reading.catch(() => {});
      ahead.push(reading);
    }
    const proven = await ahead.shift()!;
    if (!proven) throw new AssayError('TILE_INVALID', `bundle ${bundle} is not what the root proves`);
    const first = bundle * TILE_WIDTH;
    yield* proven.entries.slice(Math.max(from - first, 0), to - first);
  }
}

async function* inOnePiece(body: Uint8Array): AsyncGenerator<Uint8Array> {
  yield body;
}

function inconsistent(origin: string, what: string): AssayError {
  return new AssayError('LOG_INCONSISTENT', `${origin} ${what}: it is not followed`, {
    next: 'keep the copy, ask the operator of the log, and run assay monitor, which writes evidence',
  });
}

function damaged(origin: string, problems: readonly TileProblem[]): AssayError {
  const what = problems.map(({ path, reason }) => `${path} ${reason}`);
  return new AssayError('TILE_INVALID', `${origin} is damaged: ${what[0] ?? 'a tile is not proven'}`, {
    next: 'the copy stays as it was; tell the operator of the log',
    detail: { problems: what.slice(0, 100) },
  });
}
