import type { Detector, SpecimenFile } from '@assay/checks';
import type { NearDuplicateIndex, PdqHash } from '@assay/checks/image';
import { bytesToHex, digestHex, hexToBytes } from '@assay/core';
import type { Catalogue } from './catalogue.ts';
import type { Sql } from './sql.ts';

const SCHEMA = `
  CREATE TABLE IF NOT EXISTS pictures (digest TEXT PRIMARY KEY, hash TEXT, thumbnail BLOB) WITHOUT ROWID;
`;
/** Pictures that a node compares with; beyond it duplicates would be missed, so it says so instead. */
const CAPACITY = 1_000_000;

type Open = (options: {
  index: NearDuplicateIndex;
  thumbnailOf: (id: string) => Uint8Array | undefined;
}) => Detector;

/**
 * The pictures that a node has kept, as hashes, so that a new one is held against all of them. What counts is which
 * files are kept with a verdict: after a crash the hashes of those that lack one are made again, and a picture that
 * was examined and never recorded is not found as a copy of itself.
 */
export class PictureBook {
  readonly #sql: Sql;
  #index: Promise<NearDuplicateIndex> | null = null;

  constructor({ sql }: Pick<Catalogue, 'sql'>) {
    this.#sql = sql;
    sql.make(SCHEMA);
  }

  /**
   * The image detector with this memory. The index is read when the first picture comes: a node that never sees one
   * loads no image library.
   *
   * @param empty the detector without an index: its name, version and terms.
   * @param open the detector with one.
   */
  detector(empty: Detector, open: () => Promise<Open>): Detector {
    return {
      ...empty,
      readTerms: (value, path) => empty.readTerms(value, path),
      begin: (terms) => empty.begin(terms),
      examine: async (specimen, terms, memory) => {
        if (!specimen.file) return empty.examine(specimen, terms, memory);
        this.#index ??= this.#read();
        const index = await this.#index;
        const image = (await open())({ index, thumbnailOf: (id) => this.#thumbnail(id) });
        const examination = await image.examine(specimen, terms, memory);
        const found = await lookAt(specimen.file);
        // The same bytes again are one picture of the index, and were found as such just now.
        const id = idOf(digestHex(specimen.file.bytes));
        if (found && !index.has(id) && index.distinct < CAPACITY) index.add(id, found.hash);
        return examination;
      },
    };
  }

  async #read(): Promise<NearDuplicateIndex> {
    const { NearDuplicateIndex } = await import('@assay/checks/image');
    await this.#catchUp();
    const index = new NearDuplicateIndex({ capacity: CAPACITY });
    const kept = this.#sql.all<{ digest: string; hash: string }>(
      'SELECT digest, hash FROM pictures WHERE hash IS NOT NULL ORDER BY digest LIMIT ?',
      CAPACITY,
    );
    for (const { digest, hash } of kept) index.add(idOf(digest), hexToBytes(hash));
    return index;
  }

  /** Hashes the kept pictures that have none yet. One that cannot be read is noted, and not tried again. */
  async #catchUp(): Promise<void> {
    const missing = this.#sql.all<{ digest: string }>(
      "SELECT digest FROM files WHERE media_type LIKE 'image/%' AND digest NOT IN (SELECT digest FROM pictures)",
    );
    for (const { digest } of missing) await this.#note(digest);
  }

  async #note(digest: string): Promise<void> {
    const row = this.#sql.one<{ mediaType: string; bytes: Uint8Array }>(
      'SELECT media_type AS mediaType, bytes FROM files WHERE digest = ?',
      digest,
    );
    if (!row) return;
    const found = await lookAt(row);
    this.#sql.run(
      'INSERT OR IGNORE INTO pictures (digest, hash, thumbnail) VALUES (?, ?, ?)',
      digest,
      found ? bytesToHex(found.hash) : null,
      found?.small ?? null,
    );
  }

  #thumbnail(id: string): Uint8Array | undefined {
    const digest = id.slice('sha256:'.length);
    return (
      this.#sql.one<{ thumbnail: Uint8Array | null }>(
        'SELECT thumbnail FROM pictures WHERE digest = ?',
        digest,
      )?.thumbnail ?? undefined
    );
  }
}

/** A picture's hash and a small copy of it; null for what is no picture, or too plain to tell from others. */
async function lookAt({
  mediaType,
  bytes,
}: Pick<SpecimenFile, 'mediaType' | 'bytes'>): Promise<{ hash: PdqHash; small: Uint8Array } | null> {
  const { decodeImage, pdqHash, PDQ_MIN_QUALITY, reduceForPdq, thumbnail } = await import(
    '@assay/checks/image'
  );
  const image = await decodeImage(bytes, mediaType);
  if ('undecodable' in image) return null;
  const { hash, quality } = pdqHash(reduceForPdq(image.pixels));
  return quality < PDQ_MIN_QUALITY ? null : { hash, small: await thumbnail(image.pixels) };
}

function idOf(digest: string): string {
  return `sha256:${digest}`;
}
