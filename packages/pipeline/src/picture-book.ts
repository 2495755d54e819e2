import type { Detector, SpecimenFile } from '@assay/checks';
import type { KnownPictures, NearDuplicateIndex, PdqHash } from '@assay/checks/image';
import { bytesToHex, digestHex, hexToBytes } from '@assay/core';
import type { Catalogue } from './catalogue.ts';
import type { Sql } from './sql.ts';

const SCHEMA = `
  CREATE TABLE IF NOT EXISTS pictures (digest TEXT PRIMARY KEY, hash TEXT, thumbnail BLOB) WITHOUT ROWID;
`;
/** Pictures that a node compares with; beyond it duplicates would be missed, so it says so instead. */
const CAPACITY = 1_000_000;

/**
 * The pictures that a node has kept, as hashes, so that a new one is held against all of them. What counts is which
 * files are kept with a verdict: after a crash the hashes of those that lack one are made again, and a picture that
 * was examined but never recorded is not found as a copy of itself.
 */
export class PictureBook {
  readonly #sql: Sql;
  #reading: Promise<NearDuplicateIndex> | null = null;
  /** What the image detector compares with; the index is there once the first picture comes. */
  readonly known: KnownPictures = { thumbnailOf: (id) => this.#thumbnail(id) };

  constructor({ sql }: Pick<Catalogue, 'sql'>) {
    this.#sql = sql;
    sql.make(SCHEMA);
  }

  /**
   * The image detector, made with {@link known}, as it remembers what it has seen. The index is read when the first
   * picture comes: a node that never sees one loads no image library.
   */
  remembering(image: Detector): Detector {
    return {
      ...image,
      examine: async (specimen, terms, memory) => {
        if (!specimen.file) return image.examine(specimen, terms, memory);
        this.#reading ??= this.#read();
        this.known.index = await this.#reading;
        const examination = await image.examine(specimen, terms, memory);
        await this.#add(this.known.index, specimen.file);
        return examination;
      },
    };
  }

  async #read(): Promise<NearDuplicateIndex> {
    const { NearDuplicateIndex } = await import('@assay/checks/image');
    const missing = this.#sql.all<{ digest: string; mediaType: string }>(
      "SELECT digest, media_type AS mediaType FROM files WHERE media_type LIKE 'image/%' AND digest NOT IN (SELECT digest FROM pictures)",
    );
    for (const { digest, mediaType } of missing) {
      const bytes = this.#sql.one<{ bytes: Uint8Array }>('SELECT bytes FROM files WHERE digest = ?', digest)!;
      await this.#note(digest, { mediaType, ...bytes });
    }
    const index = new NearDuplicateIndex({ capacity: CAPACITY });
    const kept = this.#sql.all<{ digest: string; hash: string }>(
      'SELECT p.digest, p.hash FROM pictures p JOIN files f ON f.digest = p.digest WHERE p.hash IS NOT NULL ORDER BY p.digest LIMIT ?',
      CAPACITY,
    );
    for (const { digest, hash } of kept) index.add(idOf(digest), hexToBytes(hash));
    return index;
  }

  /** The same bytes again are one picture of the index, and were found as such just now. */
  async #add(index: NearDuplicateIndex, file: SpecimenFile): Promise<void> {
    const digest = digestHex(file.bytes);
    if (index.has(idOf(digest)) || index.distinct >= CAPACITY) return;
    const hash = await this.#note(digest, file);
    if (hash) index.add(idOf(digest), hash);
  }

  /** Keeps a picture's hash; of what is no picture, or too plain to tell from others, that it was looked at. */
  async #note(digest: string, file: Pick<SpecimenFile, 'mediaType' | 'bytes'>): Promise<PdqHash | null> {
    const found = await lookAt(file);
    this.#sql.run(
      'INSERT OR IGNORE INTO pictures (digest, hash, thumbnail) VALUES (?, ?, ?)',
      digest,
      found ? bytesToHex(found.hash) : null,
      found?.small ?? null,
    );
    return found?.hash ?? null;
  }

  #thumbnail(id: string): Uint8Array | undefined {
    const row = this.#sql.one<{ thumbnail: Uint8Array | null }>(
      'SELECT thumbnail FROM pictures WHERE digest = ?',
      id.slice(idOf('').length),
    );
    return row?.thumbnail ?? undefined;
  }
}

/** A picture's hash and a small copy of it. */
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
