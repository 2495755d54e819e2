/** What a camera or an editor wrote into a file (EXIF 2.32 / CIPA DC-008). Texts are cut at 200 characters. */
export interface Exif {
  make?: string;
  model?: string;
  software?: string;
  /** `YYYY-MM-DDThh:mm:ss`, the camera's own clock. */
  takenAt?: string;
  /** `+02:00`, when the camera knew it. */
  takenAtOffset?: string;
  changedAt?: string;
  /** Degrees, south and west negative. */
  latitude?: number;
  longitude?: number;
  /** A JPEG preview. */
  thumbnail?: Uint8Array;
}

const MAX_ENTRIES = 512;
const MAX_TEXT = 200;

/**
 * Reads an EXIF block, beginning with its TIFF header. What is broken or points outside the block is passed over.
 * Directories refer to each other by offsets; only the four that EXIF defines are followed, each once.
 */
export function readExif(block: Uint8Array): Exif {
  const tiff = new Tiff(block);
  const main = tiff.directory(tiff.first);
  const details = tiff.directory(number(main.get(0x8769)));
  const place = tiff.directory(number(main.get(0x8825)));
  const preview = tiff.directory(tiff.after(tiff.first));
  const exif: Exif = {};
  const set = <Key extends keyof Exif>(key: Key, value: Exif[Key] | undefined) => {
    if (value !== undefined) exif[key] = value;
  };
  set('make', text(main.get(0x010f)));
  set('model', text(main.get(0x0110)));
  set('software', text(main.get(0x0131)));
  set('changedAt', date(text(main.get(0x0132))));
  set('takenAt', date(text(details.get(0x9003))));
  set('takenAtOffset', /^[+-]\d\d:\d\d$/.exec(text(details.get(0x9011)) ?? '')?.[0]);
  set('latitude', degrees(place.get(2), text(place.get(1)), 'N', 'S', 90));
  set('longitude', degrees(place.get(4), text(place.get(3)), 'E', 'W', 180));
  set('thumbnail', tiff.slice(number(preview.get(0x0201)), number(preview.get(0x0202))));
  return exif;
}

type Value = string | number[];

class Tiff {
  readonly first: number | undefined;
  readonly #view: DataView;
  readonly #little: boolean;

  constructor(block: Uint8Array) {
    this.#view = new DataView(block.buffer, block.byteOffset, block.length);
    this.#little = block[0] === 0x49;
    const right = block.length >= 8 && block[0] === block[1] && (this.#little || block[0] === 0x4d);
    this.first = right && this.#short(2) === 42 ? this.#long(4) : undefined;
  }

  /** The entries of a directory by tag. */
  directory(at: number | undefined): Map<number, Value> {
    const entries = new Map<number, Value>();
    const count = at === undefined ? 0 : Math.min(this.#short(at) ?? 0, MAX_ENTRIES);
    for (let i = 0; i < count; i++) {
      const entry = at! + 2 + 12 * i;
      const tag = this.#short(entry);
      const value = this.#value(entry);
      if (tag !== undefined && value !== undefined) entries.set(tag, value);
    }
    return entries;
  }

  /** Where the next directory of the chain stands. */
  after(at: number | undefined): number | undefined {
    const count = at === undefined ? undefined : this.#short(at);
    const next = count === undefined || count > MAX_ENTRIES ? undefined : this.#long(at! + 2 + 12 * count);
    return next === 0 ? undefined : next;
  }

  slice(from: number | undefined, length: number | undefined): Uint8Array | undefined {
    if (from === undefined || length === undefined || length === 0) return undefined;
    if (from + length > this.#view.byteLength) return undefined;
    return new Uint8Array(this.#view.buffer, this.#view.byteOffset + from, length);
  }

  #value(entry: number): Value | undefined {
    const [type, count] = [this.#short(entry + 2), this.#long(entry + 4)];
    const size = SIZES[type ?? 0];
    if (size === undefined || count === undefined || count === 0 || count > 65_535) return undefined;
    const at = size * count <= 4 ? entry + 8 : this.#long(entry + 8);
    if (at === undefined || at + size * count > this.#view.byteLength) return undefined;
    if (type === 2) {
      const bytes = this.slice(at, Math.min(count, MAX_TEXT + 1))!;
      return Buffer.from(bytes)
        .toString('latin1')
        .split('\0')[0]!
        .trim()
        .replace(/\p{C}+/gu, ' ');
    }
    const read = (i: number): number => {
      if (type === 3) return this.#short(at + 2 * i)!;
      if (type === 4) return this.#long(at + 4 * i)!;
      if (type === 5) return this.#long(at + 8 * i)! / this.#long(at + 8 * i + 4)!;
      return this.#view.getUint8(at + i);
    };
    return Array.from({ length: Math.min(count, 8) }, (_, i) => read(i));
  }

  #short(at: number): number | undefined {
    return at + 2 <= this.#view.byteLength ? this.#view.getUint16(at, this.#little) : undefined;
  }

  #long(at: number): number | undefined {
    return at + 4 <= this.#view.byteLength ? this.#view.getUint32(at, this.#little) : undefined;
  }
}

/** Bytes of the types BYTE, ASCII, SHORT, LONG, RATIONAL. */
const SIZES: Record<number, number> = { 1: 1, 2: 1, 3: 2, 4: 4, 5: 8 };

function number(value: Value | undefined): number | undefined {
  return typeof value === 'object' ? value[0] : undefined;
}

function text(value: Value | undefined): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}

function date(value: string | undefined): string | undefined {
  const match = /^(\d{4}):(\d\d):(\d\d) (\d\d:\d\d:\d\d)$/.exec(value ?? '');
  if (match === null) return undefined;
  const iso = `${match[1]}-${match[2]}-${match[3]}T${match[4]}`;
  return Number.isNaN(Date.parse(`${iso}Z`)) ? undefined : iso;
}

function degrees(
  value: Value | undefined,
  ref: string | undefined,
  plus: string,
  minus: string,
  most: number,
) {
  if (typeof value !== 'object' || value.length < 3 || (ref !== plus && ref !== minus)) return undefined;
  const sum = value[0]! + value[1]! / 60 + value[2]! / 3600;
  if (!Number.isFinite(sum) || sum > most) return undefined;
  return ref === minus ? -sum : sum;
}
