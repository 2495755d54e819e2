import {
  type Evidence,
  ed25519NoteSigner,
  ed25519Signer,
  formatCheckpoint,
  makeStatement,
  type NoteSigner,
  signNote,
  signStatement,
  tilePath,
  tilesFor,
  utf8,
} from '@assay/core';
import { leafHashes } from './hashing.ts';
import type { Incident } from './monitor.ts';
import { type MonitorStore, NOTHING_SEEN } from './monitor-store.ts';
import { batchOf, EMPTY_EDGE, edgeTile, grow, rootOfEdge } from './tree.ts';

export const ORIGIN = 'monitor.test/log';
export const LOG = ed25519NoteSigner(ORIGIN, await ed25519Signer(new Uint8Array(32).fill(1)));
const PROVIDER = await ed25519Signer(new Uint8Array(32).fill(2));

/** The files of a log with these entries, at the size of its checkpoint and at some sizes before. */
export async function logFiles(
  entries: readonly Uint8Array[],
  options: { signers?: readonly NoteSigner[]; sizes?: readonly number[] } = {},
): Promise<Map<string, Uint8Array>> {
  const files = new Map<string, Uint8Array>();
  for (const size of [...(options.sizes ?? []), entries.length]) {
    const upTo = entries.slice(0, size);
    const { edge, full } = grow(EMPTY_EDGE, batchOf(upTo, leafHashes(upTo)));
    for (const tile of tilesFor(0, size)) {
      const path = tilePath(tile);
      files.set(path, full.get(path) ?? edgeTile(edge, tile));
    }
    const text = formatCheckpoint({ origin: ORIGIN, size, root: rootOfEdge(edge) });
    files.set('checkpoint', utf8(await signNote(text, options.signers ?? [LOG])));
  }
  return files;
}

/** Entries that are no statements. */
export function plainEntries(from: number, to: number): Uint8Array[] {
  return Array.from({ length: to - from }, (_, i) => utf8(`entry ${from + i}`));
}

/** A signed statement. */
export async function statementEntry(number: number): Promise<Uint8Array> {
  const subject = { name: 'number', sha256: 'a'.repeat(64) };
  const statement = makeStatement('index', subject, { stream: String(number), segments: [] });
  return (await signStatement(statement, PROVIDER)).entry;
}

/** A monitor's memory that lasts as long as the test. */
export function memoryStore(): MonitorStore & { evidence: Map<string, Evidence> } {
  let state = NOTHING_SEEN;
  const incidents = new Map<string, Incident>();
  const evidence = new Map<string, Evidence>();
  return {
    evidence,
    load: () => state,
    save: (next) => {
      state = next;
    },
    incidents: () => [...incidents.values()],
    report(incident, shown) {
      if (incidents.has(incident.id)) return null;
      const kept = { ...incident, evidence: shown && `${incident.id}.json` };
      incidents.set(incident.id, kept);
      if (shown) evidence.set(incident.id, shown);
      return kept;
    },
    close() {},
  };
}
