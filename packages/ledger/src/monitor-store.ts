import { closeSync, fsyncSync, mkdirSync, openSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { base64Decode, base64Encode, type Evidence } from '@assay/core';
import type { Incident } from './monitor.ts';

/** A log can do wrong without end; the disk has one. The first ones tell the story. */
const MAX_INCIDENTS_OF_A_KIND = 1_000;

/** What a monitor remembers of a log between two runs. */
export interface MonitorState {
  /** The newest checkpoint that extends the ones before; null before the first. */
  note: string | null;
  /** How many entries were read and are what the checkpoint commits to. */
  verifiedSize: number;
  /** The tree of those entries, made again from them (CompactRange). */
  roots: Uint8Array[];
  counts: MonitorCounts;
  /** When the log was last seen to grow, in milliseconds of the epoch. */
  grewAtMs: number | null;
  /** When the checkpoint was cosigned last; the time of its growth where it has no cosignatures. */
  freshAtMs: number | null;
  /** Checkpoints that others saw, by their names: to be compared once the log has come as far. */
  views: Record<string, string[]>;
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
    CREATE TABLE IF NOT EXISTS place (origin TEXT PRIMARY KEY, json TEXT NOT NULL) STRICT;
    CREATE TABLE IF NOT EXISTS incidents (
      origin TEXT NOT NULL, id TEXT NOT NULL, at_ms INTEGER NOT NULL, json TEXT NOT NULL, PRIMARY KEY (origin, id)
    ) STRICT;
  `);
  const select = db.prepare('SELECT json FROM place WHERE origin = ?');
  const upsert = db.prepare(
    'INSERT INTO place (origin, json) VALUES (?, ?) ON CONFLICT (origin) DO UPDATE SET json = excluded.json',
  );
  const known = db.prepare('SELECT 1 FROM incidents WHERE origin = ? AND id = ?');
  const ofKind = db.prepare(
    "SELECT count(*) AS count FROM incidents WHERE origin = ? AND json ->> 'kind' = ?",
  );
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
      const { count } = ofKind.get(origin, incident.kind) as { count: number };
      if (count >= MAX_INCIDENTS_OF_A_KIND) return null;
      const file = evidence && `${incident.id}.json`;
      // The file first: an incident that is listed has its evidence.
      if (file) {
        const unfinished = join(evidenceFolder, `.${file}.new`);
        writeFileSync(unfinished, `${JSON.stringify(evidence, null, 2)}\n`, { flush: true });
        renameSync(unfinished, join(evidenceFolder, file));
        flushFolder(evidenceFolder);
      }
      const kept: Incident = { ...incident, evidence: file };
      insert.run(origin, kept.id, kept.atMs, JSON.stringify(kept));
      return kept;
    },
    close: () => db.close(),
  };
}

/** The memory of a monitor that has seen nothing yet. */
export const NOTHING_SEEN: MonitorState = {
  note: null,
  verifiedSize: 0,
  roots: [],
  counts: {
    entriesVerified: 0,
    statementsVerified: 0,
    statementsInvalid: 0,
    notStatements: 0,
    consistencyChecks: 0,
  },
  grewAtMs: null,
  freshAtMs: null,
  views: {},
};

/** The names in it survive a power cut. */
function flushFolder(folder: string): void {
  const handle = openSync(folder, 'r');
  fsyncSync(handle);
  closeSync(handle);
}

function encodeState(state: MonitorState): string {
  return JSON.stringify({ ...state, roots: state.roots.map(base64Encode) });
}

function decodeState(json: string): MonitorState {
  const state = JSON.parse(json) as Omit<MonitorState, 'roots'> & { roots: string[] };
  return { ...state, roots: state.roots.map(base64Decode) };
}
