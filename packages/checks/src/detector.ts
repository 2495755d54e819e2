import type { Decimal, FindingStatus, Row, RowRanges } from '@assay/core';

/**
 * A detector: one file, one question asked of an observation. The rules of a data contract say what must hold;
 * a detector says what looks wrong although every rule holds.
 *
 * Detectors are pure: no clock, no network, no randomness, no look at later data. What a streaming detector must
 * remember is its `Memory`, plain data that `v8.serialize` or `structuredClone` can carry, of bounded size, so that
 * anybody who replays the stream gets the same findings bit for bit. Every detector passes the shared contract test
 * in `detector.contract.ts`.
 *
 * A contract asks for a detector as a quality rule of engine `assay`:
 *
 * ```yaml
 * - id: no_sudden_jump
 *   dimension: accuracy
 *   severity: warning
 *   type: custom
 *   engine: assay
 *   implementation: { detector: signal, terms: { column: close } }
 * ```
 */
export interface Detector<Terms = unknown, Memory = unknown> {
  /** `signal`; begins the name of each of its checks: `signal_anomaly`. */
  readonly name: string;
  /** Changes whenever the same input could give another answer. */
  readonly version: string;
  /**
   * Reads what a contract asks of it.
   *
   * @param path where the terms stand in the contract, for the error.
   * @throws CONTRACT_INVALID with the path of what is wrong, what was expected and what was there.
   */
  readTerms(value: unknown, path: string): Terms;
  /** What it knows before the first observation of a stream. */
  begin(terms: Terms): Memory;
  /**
   * Examines one observation. The memory is handed over: the caller does not use the old one again, and the
   * detector may change it in place. What cannot be read or judged is `unknown` with its reason, never an exception.
   */
  examine(
    specimen: Specimen,
    terms: Terms,
    memory: Memory,
  ): Examination<Memory> | Promise<Examination<Memory>>;
}

/** One observation as a detector sees it: rows, or one file with what its provider says of it. */
export interface Specimen {
  stream: string;
  /** SHA-256 of the payload, in hex. */
  digest: string;
  observedAt: string;
  rows?: readonly Row[];
  file?: SpecimenFile;
  /** Where the detector ran; beside the sensor before upload it is `edge`. */
  place?: 'edge' | 'node';
}

export interface SpecimenFile {
  name: string;
  mediaType: string;
  bytes: Uint8Array;
  /** What the provider declares of the file: parties, dates, amounts, origin. */
  metadata: Readonly<Record<string, unknown>>;
}

export interface Examination<Memory = unknown> {
  findings: DetectorFinding[];
  memory: Memory;
}

/** One answer of a detector. `evidence` and `severity` are completed by who called it. */
export interface DetectorFinding {
  /** `<detector>_<what>`. */
  check: string;
  column?: string;
  status: FindingStatus;
  /** For people: what was seen, where, and what it was compared with. At most 2,000 characters. */
  reason: string;
  /** Rows that failed. */
  rows?: RowRanges;
  /** Calibrated: 1 is certainly sound, 0 is certainly not. Absent when nothing could be judged. */
  score?: Decimal;
  /** SHA-256 digests (`sha256:<hex>`), statement ids or streams read besides the specimen itself. */
  evidence?: string[];
  /** What a reviewer should look at. */
  exhibits?: Exhibit[];
}

/**
 * Something to look at. Exhibits are content-addressed: a finding's evidence names the digest of each one's
 * canonical JSON, so that nobody shows a reviewer another picture than the detector saw.
 */
export type Exhibit =
  /** A series with what was wrong marked. Numbers are decimal strings; a missing one is null. */
  | {
      kind: 'series';
      title: string;
      unit: string;
      points: { time: string; value: Decimal | null; low?: Decimal; high?: Decimal; score?: Decimal }[];
      /** Inclusive ranges of points. */
      marked: RowRanges;
    }
  /** A picture: a heat map over the file, or a near duplicate. */
  | { kind: 'image'; title: string; mediaType: 'image/png' | 'image/jpeg'; base64: string }
  /** Places that do not agree, word for word. */
  | { kind: 'quotes'; title: string; quotes: { place: string; text: string }[] }
  /** Rows of any kind: trades of a cycle, prices of the venues. */
  | { kind: 'table'; title: string; columns: string[]; rows: string[][] };

/** Bounds of what one finding may show: so many exhibits, of so many bytes together. */
export const MAX_EXHIBITS = 8;
export const MAX_EXHIBIT_BYTES = 2 * 1024 * 1024;
