import { mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { base64Decode, base64Encode, type Evidence } from '@assay/core';
import type { Incident } from './monitor.ts';
import { type Edge, EMPTY_EDGE } from './tree.ts';

/** What a monitor remembers of a log between two runs. */
export interface MonitorState {
  /** The newest checkpoint under which every entry was verified; null before the first. */
  note: string | null;
  edge: Edge;
  /** How far it has come on the way to a larger checkpoint. */
  progress: Edge | null;
  counts: MonitorCounts;
  /** When the log was last seen to grow, in milliseconds of the epoch. */
  grewAtMs: number | null;
}

export interface MonitorCounts {
  entriesVerified: number;
  statementsVerified: number;
  statementsInvalid: number;
  notStatements: number;
  consistencyChecks: number;
}

/** Where a monitor keeps its place and what it found. */
export interface MonitorStore {
  load(): MonitorState;
  save(state: MonitorState): void;
  incidents(): Incident[];
  /** Keeps an incident with its evidence file; one that is known already is not kept again. */
  report(incident: Omit<Incident, 'evidence'>, evidence: Evidence | null): Incident | null;
  close(): void;
}

/**
 * A monitor's memory of one log: an SQLite file, and evidence as files beside it.
 *
 * @param folder made when absent; holds `monitor.db` and `evidence/`.
 */
export function sqliteMonitorStore(folder: string, origin: string): MonitorStore {
  const evidenceFolder = join(folder, 'evidence');
  mkdirSync(evidenceFolder, { recursive: true });
  const db = new DatabaseSync(join(folder, 'monitor.db'), { timeout: 5_000 });
  db.exec(`
    PRAGMA journal_mode = WAL;
    PRAGMA synchronous = FULL;
    CREATE TABLE IF NOT EXISTS state (origin TEXT PRIMARY KEY, json TEXT NOT NULL) STRICT;
    CREATE TABLE IF NOT EXISTS incidents (
      origin TEXT NOT NULL, id TEXT NOT NULL, at_ms INTEGER NOT NULL, json TEXT NOT NULL, PRIMARY KEY (origin, id)
    ) STRICT;
  `);
  const select = db.prepare('SELECT json FROM state WHERE origin = ?');
  const upsert = db.prepare(
    'INSERT INTO state (origin, json) VALUES (?, ?) ON CONFLICT (origin) DO UPDATE SET json = excluded.json',
  );
  const known = db.prepare('SELECT 1 FROM incidents WHERE origin = ? AND id = ?');
  const insert = db.prepare('INSERT INTO incidents (origin, id, at_ms, json) VALUES (?, ?, ?, ?)');
  const all = db.prepare('SELECT json FROM incidents WHERE origin = ? ORDER BY at_ms, id');

  return {
    load() {
      const row = select.get(origin) as { json: string } | undefined;
      return row ? decodeState(row.json) : NOTHING_SEEN;
    },
    save: (state) => void upsert.run(origin, encodeState(state)),
    incidents: () => all.all(origin).map((row) => JSON.parse((row as { json: string }).json) as Incident),
    report(incident, evidence) {
      if (known.get(origin, incident.id)) return null;
      const file = evidence && `${incident.id}.json`;
      // The file first: an incident that is listed has its evidence.
      if (file) {
        const unfinished = join(evidenceFolder, `.${file}.new`);
        writeFileSync(unfinished, `${JSON.stringify(evidence, null, 2)}\n`, { flush: true });
        renameSync(unfinished, join(evidenceFolder, file));
      }
      const kept: Incident = { ...incident, evidence: file };
      insert.run(origin, kept.id, kept.atMs, JSON.stringify(kept));
      return kept;
    },
    close: () => db.close(),
  };
}

const NOTHING_SEEN: MonitorState = {
  note: null,
  edge: EMPTY_EDGE,
  progress: null,
  counts: {
    entriesVerified: 0,
    statementsVerified: 0,
    statementsInvalid: 0,
    notStatements: 0,
    consistencyChecks: 0,
  },
  grewAtMs: null,
};

interface PackedEdge {
  size: number;
  bundle: string;
  levels: string[];
}

function encodeState({ edge, progress, ...state }: MonitorState): string {
  return JSON.stringify({ ...state, edge: pack(edge), progress: progress && pack(progress) });
}

function decodeState(json: string): MonitorState {
  const { edge, progress, ...state } = JSON.parse(json) as Omit<MonitorState, 'edge' | 'progress'> & {
    edge: PackedEdge;
    progress: PackedEdge | null;
  };
  return { ...state, edge: unpack(edge), progress: progress && unpack(progress) };
}

function pack({ size, bundle, levels }: Edge): PackedEdge {
  return { size, bundle: base64Encode(bundle), levels: levels.map((level) => base64Encode(level)) };
}

function unpack({ size, bundle, levels }: PackedEdge): Edge {
  return { size, bundle: base64Decode(bundle), levels: levels.map(base64Decode) };
}
