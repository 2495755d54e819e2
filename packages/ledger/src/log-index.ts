import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import {
  AssayError,
  base64Encode,
  bytesEqual,
  bytesToHex,
  canonicalBytes,
  type Ed25519Signer,
  type Envelope,
  envelopeBytes,
  type IndexSegment,
  LOOKUP_TYPE,
  type LookupAnswer,
  type LookupQuery,
  makeStatement,
  openEnvelope,
  PREDICATE,
  proveRange,
  queryBounds,
  signStatement,
  TILE_WIDTH,
} from '@assay/core';
import { sha256 } from './hashing.ts';
import { coverOf, openSegment, type SegmentFile, segmentPath } from './index-segment.ts';
import type { Ledger } from './ledger.ts';
import type { TileSource } from './tile-store.ts';
import { corrupt } from './tree.ts';

/** Entries after the indexed ones that an answer carries at most, and their bytes. */
const MAX_TAIL_ENTRIES = 2_048;
const MAX_TAIL_BYTES = 8 * 1024 * 1024;
/** Records that an answer shows at most. */
const MAX_RECORDS = 20_000;

/** Finds entries by what they say, and proves that there are no others. */
export interface LogIndex {
  /**
   * Indexes the full entry bundles of the public log and, when there are new ones, logs a statement that
   * commits to the index.
   *
   * @returns how many entries the newest statement covers.
   */
  update(): Promise<number>;
  /**
   * Every entry that matches, provable to anybody who trusts the log's key and its monitors.
   *
   * @throws PROOF_PENDING before the first checkpoint is public, REQUEST_INVALID when too much matches.
   */
  lookup(query: LookupQuery): Promise<LookupAnswer>;
  close(): void;
}

interface Committed {
  envelope: Envelope;
  /** The statement's own place in the log. */
  index: number;
  segments: SegmentFile[];
}

/**
 * The index of a log. Its folder may be lost: everything in it but the reference to the latest statement is made
 * from the entry bundles, and then that is logged anew.
 *
 * @param options.signer the log's own key: the index is the log's statement about itself.
 * @throws LEDGER_CORRUPT when what the log said of its index does not agree with its entries.
 */
export async function openLogIndex(options: {
  folder: string;
  ledger: Pick<Ledger, 'origin' | 'append' | 'published' | 'entries' | 'inclusionPath' | 'hash'>;
  tiles: TileSource;
  signer: Ed25519Signer;
}): Promise<LogIndex> {
  const { folder, ledger, tiles, signer } = options;
  mkdirSync(folder, { recursive: true });
  const statementPath = join(folder, 'statement.json');
  /** The latest statement, and the latest one that the public checkpoint covers. */
  let newest = await load();
  let shown = newest;

  async function load(): Promise<Committed | null> {
    const kept = readJson(statementPath) as Pick<Committed, 'envelope' | 'index'> | null;
    if (!kept || kept.index >= (ledger.published()?.size ?? 0)) return null;
    for await (const entry of ledger.entries(kept.index, kept.index + 1)) {
      if (!bytesEqual(entry, envelopeBytes(kept.envelope))) return null;
    }
    const { statement } = await openEnvelope(kept.envelope);
    if (statement.predicateType !== PREDICATE.index) return null;
    const { segments } = statement.predicate;
    const covered = segments.at(-1)!.to;
    // What lies in the folder is only a copy: damaged, it is made again from the entries.
    const opened = await openCover(covered).catch(() => null);
    if (opened && agree(segments, opened)) return { ...kept, segments: opened };
    for (const name of readdirSync(folder)) if (name !== basename(statementPath)) rmSync(join(folder, name));
    const again = await openCover(covered);
    if (agree(segments, again)) return { ...kept, segments: again };
    throw corrupt(`its first ${covered} entries make another index than entry ${kept.index} says`);
  }

  async function openCover(size: number): Promise<SegmentFile[]> {
    const opened: SegmentFile[] = [];
    for (const span of coverOf(size)) opened.push(await openSegment(folder, span, tiles));
    return opened;
  }

  async function commit(size: number): Promise<Committed> {
    const segments = await openCover(size);
    const predicate = { stream: ledger.origin, segments: segments.map(commitmentOf) };
    const subject = {
      name: `${ledger.origin} index ${size}`,
      sha256: bytesToHex(sha256(canonicalBytes(predicate.segments))),
    };
    const { envelope, entry } = await signStatement(makeStatement('index', subject, predicate), signer);
    const [index] = await ledger.append([entry]);
    writeFileSync(`${statementPath}.new`, JSON.stringify({ envelope, index }), { flush: true });
    renameSync(`${statementPath}.new`, statementPath);
    return { envelope, index: index!, segments };
  }

  /** Forgets segments that neither statement speaks of: larger ones have taken their place. */
  function tidy(): void {
    const kept = [newest, shown].flatMap((committed) => committed?.segments ?? []);
    const names = new Set(kept.map((segment) => basename(segmentPath(folder, segment))));
    for (const name of readdirSync(folder)) {
      if (/^\d+-\d+(\.new)?$/.test(name) && !names.has(name)) rmSync(join(folder, name));
    }
  }

  /** Moves on to the newest statement once everybody can see it. */
  function showNewest(): void {
    if (!newest || newest === shown || (ledger.published()?.size ?? 0) <= newest.index) return;
    const before = shown;
    shown = newest;
    for (const segment of before?.segments ?? []) segment.close();
    tidy();
  }

  let updating: Promise<number> | null = null;
  async function update(): Promise<number> {
    showNewest();
    const covered = newest?.segments.at(-1)?.to ?? 0;
    const full = Math.floor((ledger.published()?.size ?? 0) / TILE_WIDTH) * TILE_WIDTH;
    if (full <= covered) return covered;
    const next = await commit(full);
    if (newest && newest !== shown) for (const segment of newest.segments) segment.close();
    newest = next;
    showNewest();
    return full;
  }

  return {
    update() {
      updating ??= update().finally(() => {
        updating = null;
      });
      return updating;
    },
    async lookup(query) {
      showNewest();
      const bounds = queryBounds(query);
      const published = ledger.published();
      if (!published) {
        throw new AssayError('PROOF_PENDING', 'no checkpoint is public yet', {
          next: 'try again in a second',
        });
      }
      const { size } = published;
      const committed = shown;
      const found: LookupAnswer['segments'] = [];
      let total = 0;
      for (const segment of committed?.segments ?? []) {
        const { first, records, path } = await segment.find(bounds);
        total += records.length;
        if (total > MAX_RECORDS) throw tooMany();
        found.push({ first, records: records.map(base64Encode), path: path.map(base64Encode) });
      }
      const covered = committed?.segments.at(-1)?.to ?? 0;
      return {
        mediaType: LOOKUP_TYPE,
        query,
        checkpoint: published.note,
        index: committed && {
          envelope: committed.envelope,
          index: committed.index,
          path: (await ledger.inclusionPath(committed.index, size)).map(base64Encode),
        },
        segments: found,
        tail: await tailFrom(ledger, covered, size),
      };
    },
    close() {
      const open = new Set([...(newest?.segments ?? []), ...(shown?.segments ?? [])]);
      for (const segment of open) segment.close();
    },
  };
}

/** What the log says of a segment. */
function commitmentOf({ from, to, count, root }: IndexSegment): IndexSegment {
  return { from, to, count, root };
}

async function tailFrom(
  ledger: Pick<Ledger, 'entries' | 'hash'>,
  from: number,
  size: number,
): Promise<LookupAnswer['tail']> {
  if (from === size || size - from > MAX_TAIL_ENTRIES) return null;
  const entries: string[] = [];
  let bytes = 0;
  for await (const entry of ledger.entries(from, size)) {
    bytes += entry.length;
    if (bytes > MAX_TAIL_BYTES) return null;
    entries.push(base64Encode(entry));
  }
  return { entries, path: (await proveRange(from, size, size, ledger.hash)).map(base64Encode) };
}

function agree(said: readonly IndexSegment[], made: readonly IndexSegment[]): boolean {
  return bytesEqual(canonicalBytes(said), canonicalBytes(made.map(commitmentOf)));
}

function readJson(path: string): unknown {
  try {
    return JSON.parse(readFileSync(path, 'utf8'));
  } catch {
    return null;
  }
}

function tooMany(): AssayError {
  return new AssayError('REQUEST_INVALID', `expected at most ${MAX_RECORDS} matches, found more`, {
    next: 'ask for a shorter time, or for something more particular',
  });
}
