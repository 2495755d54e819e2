/** What a JPEG file says of itself before any pixel is made: markers, quantisation, and quantised DCT coefficients. */
export interface JpegStructure {
  width: number;
  height: number;
  progressive: boolean;
  components: { id: number; horizontal: number; vertical: number; quantisation: Uint16Array }[];
  /** The quantised coefficients of the first component (luminance), 64 a block, natural order, row of blocks after row. */
  luminance: { blocksWide: number; blocksHigh: number; coefficients: Int16Array };
  /** Bytes after the end-of-image marker. */
  trailingBytes: number;
}

/** Why the coefficients cannot be had; `broken` means the file contradicts the standard, not that we lack a decoder. */
export interface JpegUnreadable {
  unreadable: string;
  broken: boolean;
}

/** The most luminance samples read; 40 million coefficients take 80 MB. */
const MAX_SAMPLES = 40_000_000;
/** A progressive file may have many scans, each costing a pass: an encoder needs ten to fourteen. */
const MAX_SCANS = 100;

interface Component {
  id: number;
  horizontal: number;
  vertical: number;
  table: number;
  blocksWide: number;
  blocksHigh: number;
  /** Undefined for chrominance, whose bits are read and dropped. */
  coefficients: Int16Array | undefined;
  /** Blocks a row of the array, which whole MCUs may need more of than the picture shows. */
  stride: number;
  dc: number;
}

interface Frame {
  width: number;
  height: number;
  progressive: boolean;
  components: Component[];
  mcusWide: number;
  mcusHigh: number;
}

/**
 * Reads a JPEG file's coefficients without making pixels: baseline, extended sequential and progressive Huffman files
 * of 8 bits (ITU-T T.81). Arithmetic coding, 12 bits and lossless files are `unreadable`, as is anything cut off or
 * contradictory. Time is linear in the file; memory is bounded by 40 million luminance samples.
 *
 * @example
 * const jpeg = readJpeg(bytes);
 * if (!('unreadable' in jpeg)) jpeg.components[0].quantisation; // step of each of 64 frequencies
 */
export function readJpeg(bytes: Uint8Array): JpegStructure | JpegUnreadable {
  try {
    return new Reader(bytes).read();
  } catch (error) {
    if (error instanceof Unreadable) return { unreadable: error.message, broken: error.broken };
    throw error;
  }
}

/** Zigzag position to natural order (T.81, figure A.6). */
export const ZIGZAG = Uint8Array.from([
  0, 1, 8, 16, 9, 2, 3, 10, 17, 24, 32, 25, 18, 11, 4, 5, 12, 19, 26, 33, 40, 48, 41, 34, 27, 20, 13, 6, 7,
  14, 21, 28, 35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23, 30, 37, 44, 51, 58, 59, 52, 45, 38, 31, 39, 46,
  53, 60, 61, 54, 47, 55, 62, 63,
]);

class Unreadable extends Error {
  readonly broken: boolean;
  constructor(message: string, broken = true) {
    super(message);
    this.broken = broken;
  }
}

class Reader {
  readonly #bytes: Uint8Array;
  #at = 0;
  #quantisation: (Uint16Array | undefined)[] = [];
  #dcTables: (Huffman | undefined)[] = [];
  #acTables: (Huffman | undefined)[] = [];
  #restartInterval = 0;
  #frame: Frame | undefined;
  #scans = 0;
  /** Quantisation tables as they stood when the frame's first scan began. */
  #frozen: Uint16Array[] = [];

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  read(): JpegStructure {
    if (this.#bytes[0] !== 0xff || this.#bytes[1] !== 0xd8)
      throw new Unreadable('it does not begin as a JPEG file');
    this.#at = 2;
    for (;;) {
      const marker = this.#nextMarker();
      if (marker === 0xd9) break;
      if (marker === 0x01 || (marker >= 0xd0 && marker <= 0xd7)) continue;
      if (marker === 0xd8) throw new Unreadable('a second image begins within the first');
      const end = this.#at + this.#word(this.#at);
      if (end < this.#at + 2 || end > this.#bytes.length) {
        throw new Unreadable(`the segment at byte ${this.#at} goes beyond the end of the file`);
      }
      const segment = this.#bytes.subarray(this.#at + 2, end);
      this.#at = end;
      if (marker === 0xdb) this.#readQuantisation(segment);
      else if (marker === 0xc4) this.#readHuffman(segment);
      else if (marker === 0xdd) this.#restartInterval = ((segment[0] ?? 0) << 8) | (segment[1] ?? 0);
      else if (marker === 0xda) this.#readScan(segment);
      else if (marker >= 0xc0 && marker <= 0xcf && marker !== 0xc8 && marker !== 0xcc) {
        this.#readFrame(marker, segment);
      }
    }
    const frame = this.#frame;
    if (frame === undefined || this.#scans === 0) throw new Unreadable('it holds no image data');
    return this.#result(frame);
  }

  #result(frame: Frame): JpegStructure {
    const first = frame.components[0]!;
    const { blocksWide, blocksHigh } = first;
    let coefficients = first.coefficients!;
    if (first.stride !== blocksWide) {
      coefficients = new Int16Array(blocksWide * blocksHigh * 64);
      for (let row = 0; row < blocksHigh; row++) {
        const from = row * first.stride * 64;
        coefficients.set(first.coefficients!.subarray(from, from + blocksWide * 64), row * blocksWide * 64);
      }
    }
    return {
      width: frame.width,
      height: frame.height,
      progressive: frame.progressive,
      components: frame.components.map(({ id, horizontal, vertical }, i) => ({
        id,
        horizontal,
        vertical,
        quantisation: this.#frozen[i]!,
      })),
      luminance: { blocksWide, blocksHigh, coefficients },
      trailingBytes: this.#bytes.length - this.#at,
    };
  }

  #nextMarker(): number {
    while (this.#at < this.#bytes.length && this.#bytes[this.#at] !== 0xff) this.#at++;
    while (this.#bytes[this.#at] === 0xff) this.#at++;
    const marker = this.#bytes[this.#at++];
    if (marker === undefined) throw new Unreadable('it ends before the end-of-image marker');
    // Stuffed bytes outside a scan are what a damaged scan leaves behind.
    if (marker === 0) throw new Unreadable(`stray entropy-coded data at byte ${this.#at}`);
    return marker;
  }

  #word(at: number): number {
    if (at + 2 > this.#bytes.length) throw new Unreadable('it ends within a segment');
    return (this.#bytes[at]! << 8) | this.#bytes[at + 1]!;
  }

  #readQuantisation(segment: Uint8Array): void {
    for (let at = 0; at < segment.length; ) {
      const [precision, id] = [segment[at]! >> 4, segment[at]! & 15];
      const size = precision === 0 ? 64 : 128;
      if (precision > 1 || id > 3 || at + 1 + size > segment.length)
        throw new Unreadable('a quantisation table is broken');
      const table = new Uint16Array(64);
      for (let k = 0; k < 64; k++) {
        const step =
          precision === 0 ? segment[at + 1 + k]! : (segment[at + 1 + 2 * k]! << 8) | segment[at + 2 + 2 * k]!;
        if (step === 0) throw new Unreadable('a quantisation table has a step of zero');
        table[ZIGZAG[k]!] = step;
      }
      this.#quantisation[id] = table;
      at += 1 + size;
    }
  }

  #readHuffman(segment: Uint8Array): void {
    for (let at = 0; at < segment.length; ) {
      const [kind, id] = [segment[at]! >> 4, segment[at]! & 15];
      const counts = segment.subarray(at + 1, at + 17);
      const total = counts.reduce((sum, count) => sum + count, 0);
      if (kind > 1 || id > 3 || counts.length < 16 || total > 256 || at + 17 + total > segment.length) {
        throw new Unreadable('a Huffman table is broken');
      }
      const table = new Huffman(counts, segment.subarray(at + 17, at + 17 + total));
      (kind === 0 ? this.#dcTables : this.#acTables)[id] = table;
      at += 17 + total;
    }
  }

  #readFrame(marker: number, segment: Uint8Array): void {
    if (this.#frame !== undefined) throw new Unreadable('it holds two frames');
    if (marker > 0xc2)
      throw new Unreadable('it is coded arithmetically, losslessly or hierarchically', false);
    if (segment.length < 6) throw new Unreadable('its frame header is cut off');
    if (segment[0] !== 8) throw new Unreadable(`it has ${segment[0]} bits a sample`, false);
    const height = (segment[1]! << 8) | segment[2]!;
    const width = (segment[3]! << 8) | segment[4]!;
    const count = segment[5]!;
    if (width === 0 || height === 0) throw new Unreadable('its frame has no size');
    if (count < 1 || count > 4 || segment.length < 6 + 3 * count)
      throw new Unreadable('its frame header is broken');
    if (width * height > MAX_SAMPLES) {
      throw new Unreadable(`${width}×${height} samples are over the bound of ${MAX_SAMPLES}`, false);
    }
    const read = Array.from({ length: count }, (_, i) => {
      const [id, sampling, table] = segment.subarray(6 + 3 * i, 9 + 3 * i);
      return { id: id!, horizontal: sampling! >> 4, vertical: sampling! & 15, table: table! };
    });
    if (
      read.some(({ horizontal, vertical, table }) => !factor(horizontal) || !factor(vertical) || table > 3)
    ) {
      throw new Unreadable('its frame header has sampling factors or tables that do not exist');
    }
    const most = {
      horizontal: Math.max(...read.map(({ horizontal }) => horizontal)),
      vertical: Math.max(...read.map(({ vertical }) => vertical)),
    };
    const mcusWide = Math.ceil(width / (8 * most.horizontal));
    const mcusHigh = Math.ceil(height / (8 * most.vertical));
    const components = read.map((component, i): Component => {
      const stride = mcusWide * component.horizontal;
      return {
        ...component,
        blocksWide: Math.ceil(Math.ceil((width * component.horizontal) / most.horizontal) / 8),
        blocksHigh: Math.ceil(Math.ceil((height * component.vertical) / most.vertical) / 8),
        stride,
        coefficients: i === 0 ? new Int16Array(stride * mcusHigh * component.vertical * 64) : undefined,
        dc: 0,
      };
    });
    this.#frame = { width, height, progressive: marker === 0xc2, components, mcusWide, mcusHigh };
  }

  #readScan(segment: Uint8Array): void {
    const frame = this.#frame;
    if (frame === undefined) throw new Unreadable('a scan comes before the frame');
    if (++this.#scans > MAX_SCANS) throw new Unreadable(`it has more than ${MAX_SCANS} scans`, false);
    if (this.#frozen.length === 0) {
      this.#frozen = frame.components.map(({ table }) => {
        const quantisation = this.#quantisation[table];
        if (quantisation === undefined) throw new Unreadable('a quantisation table is missing');
        return quantisation;
      });
    }
    const count = segment[0] ?? 0;
    if (count < 1 || count > 4 || segment.length < 4 + 2 * count)
      throw new Unreadable('a scan header is broken');
    const parts = Array.from({ length: count }, (_, i) => {
      const component = frame.components.find(({ id }) => id === segment[1 + 2 * i]);
      const tables = segment[2 + 2 * i]!;
      if (component === undefined) throw new Unreadable('a scan names a component that the frame has not');
      return { component, dc: this.#dcTables[tables >> 4], ac: this.#acTables[tables & 15] };
    });
    const [from, to, approximation] = segment.subarray(1 + 2 * count, 4 + 2 * count);
    const spectral = { from: from!, to: to!, high: approximation! >> 4, low: approximation! & 15 };
    if (!frame.progressive) Object.assign(spectral, { from: 0, to: 63, high: 0, low: 0 });
    if (spectral.from > spectral.to || spectral.to > 63 || spectral.low > 13)
      throw new Unreadable('a scan header is broken');
    const bits = new BitReader(this.#bytes, this.#at);
    decodeScan(frame, parts, spectral, this.#restartInterval, bits);
    this.#at = bits.end();
  }
}

function factor(sampling: number): boolean {
  return sampling >= 1 && sampling <= 4;
}

interface Part {
  component: Component;
  dc: Huffman | undefined;
  ac: Huffman | undefined;
}

interface Spectral {
  from: number;
  to: number;
  high: number;
  low: number;
}

function decodeScan(
  frame: Frame,
  parts: Part[],
  spectral: Spectral,
  interval: number,
  bits: BitReader,
): void {
  const decoder = frame.progressive ? progressiveDecoder(spectral, bits) : sequentialDecoder(bits);
  const alone = parts.length === 1 ? parts[0]!.component : undefined;
  // Chrominance AC scans tell nothing here and stand alone: pass over them.
  if (alone !== undefined && alone.coefficients === undefined) {
    bits.skipScan();
    return;
  }
  const units = alone ? alone.blocksWide * alone.blocksHigh : frame.mcusWide * frame.mcusHigh;
  for (const { component } of parts) component.dc = 0;
  for (let unit = 0; unit < units; unit++) {
    if (interval > 0 && unit > 0 && unit % interval === 0) {
      bits.restart();
      decoder.restart();
      for (const { component } of parts) component.dc = 0;
    }
    if (alone) {
      const row = Math.floor(unit / alone.blocksWide);
      decoder.block(parts[0]!, (row * alone.stride + (unit % alone.blocksWide)) * 64);
      continue;
    }
    const mcuRow = Math.floor(unit / frame.mcusWide);
    const mcuColumn = unit % frame.mcusWide;
    for (const part of parts) {
      const { horizontal, vertical, stride } = part.component;
      for (let v = 0; v < vertical; v++) {
        for (let h = 0; h < horizontal; h++) {
          decoder.block(part, ((mcuRow * vertical + v) * stride + mcuColumn * horizontal + h) * 64);
        }
      }
    }
  }
}

interface BlockDecoder {
  block(part: Part, at: number): void;
  restart(): void;
}

function sequentialDecoder(bits: BitReader): BlockDecoder {
  return {
    restart() {},
    block({ component, dc, ac }, at) {
      const to = component.coefficients;
      component.dc += bits.signed(dcSize(bits.symbol(dc)));
      if (to !== undefined) to[at] = component.dc;
      for (let k = 1; k < 64; k++) {
        const symbol = bits.symbol(ac);
        const [run, size] = [symbol >> 4, symbol & 15];
        if (size === 0) {
          if (run !== 15) break;
          k += 15;
          continue;
        }
        k += run;
        if (k > 63) throw new Unreadable('a block has more than 64 coefficients');
        const value = bits.signed(size);
        if (to !== undefined) to[at + ZIGZAG[k]!] = value;
      }
    },
  };
}

/** T.81 annex G: first passes give a coefficient's high bits, refinements one bit more each. */
function progressiveDecoder({ from, to: last, high, low }: Spectral, bits: BitReader): BlockDecoder {
  let endOfBand = 0;
  const first = ({ ac }: Part, to: Int16Array, at: number) => {
    if (endOfBand > 0) {
      endOfBand--;
      return;
    }
    for (let k = from; k <= last; k++) {
      const symbol = bits.symbol(ac);
      const [run, size] = [symbol >> 4, symbol & 15];
      if (size === 0) {
        if (run < 15) {
          endOfBand = (1 << run) - 1 + bits.read(run);
          return;
        }
        k += 15;
        continue;
      }
      k += run;
      if (k > 63) throw new Unreadable('a block has more than 64 coefficients');
      to[at + ZIGZAG[k]!] = bits.signed(size) * (1 << low);
    }
  };
  const refine = ({ ac }: Part, to: Int16Array, at: number) => {
    const bit = 1 << low;
    let k = from;
    const correct = (place: number) => {
      const value = to[place]!;
      if (bits.read(1) === 1 && (Math.abs(value) & bit) === 0) to[place] = value + (value > 0 ? bit : -bit);
    };
    if (endOfBand === 0) {
      for (; k <= last; k++) {
        const symbol = bits.symbol(ac);
        let run = symbol >> 4;
        let value = 0;
        if ((symbol & 15) === 0) {
          if (run < 15) {
            endOfBand = (1 << run) + bits.read(run);
            break;
          }
        } else value = bits.read(1) === 1 ? bit : -bit;
        for (; k <= last; k++) {
          const place = at + ZIGZAG[k]!;
          if (to[place] !== 0) correct(place);
          else if (run-- === 0) {
            if (value !== 0) to[place] = value;
            break;
          }
        }
      }
    }
    if (endOfBand > 0) {
      for (; k <= last; k++) {
        const place = at + ZIGZAG[k]!;
        if (to[place] !== 0) correct(place);
      }
      endOfBand--;
    }
  };
  return {
    restart() {
      endOfBand = 0;
    },
    block(part, at) {
      const { component } = part;
      const to = component.coefficients;
      if (from === 0) {
        if (high > 0) {
          const bit = bits.read(1);
          if (to !== undefined) to[at]! |= bit << low;
        } else {
          component.dc += bits.signed(dcSize(bits.symbol(part.dc)));
          if (to !== undefined) to[at] = component.dc * (1 << low);
        }
      } else if (to !== undefined) (high === 0 ? first : refine)(part, to, at);
    },
  };
}

function dcSize(size: number): number {
  if (size > 15) throw new Unreadable('a DC coefficient has more than 15 bits');
  return size;
}

/** A canonical Huffman code, looked up nine bits at a time, longer codes by their ranges (T.81, F.2.2.3). */
class Huffman {
  readonly fast = new Int16Array(512).fill(-1);
  readonly #largest = new Int32Array(17).fill(-1);
  readonly #offset = new Int32Array(17);
  readonly #symbols: Uint8Array;

  constructor(counts: Uint8Array, symbols: Uint8Array) {
    this.#symbols = symbols;
    let code = 0;
    let index = 0;
    for (let length = 1; length <= 16; length++) {
      const count = counts[length - 1]!;
      if (code + count > 1 << length)
        throw new Unreadable('a Huffman table assigns more codes than there are');
      this.#offset[length] = index - code;
      for (let i = 0; i < count; i++, code++, index++) {
        if (length > 9) continue;
        const packed = (length << 8) | symbols[index]!;
        this.fast.fill(packed, code << (9 - length), (code + 1) << (9 - length));
      }
      if (count > 0) this.#largest[length] = code - 1;
      code <<= 1;
    }
  }

  /** The symbol of a code of ten to sixteen bits, given the next sixteen. */
  slow(sixteen: number): number {
    for (let length = 10; length <= 16; length++) {
      const code = sixteen >> (16 - length);
      if (code <= this.#largest[length]!) return (length << 8) | this.#symbols[code + this.#offset[length]!]!;
    }
    throw new Unreadable('entropy-coded data holds a code that its table has not');
  }
}

class BitReader {
  readonly #bytes: Uint8Array;
  #at: number;
  #buffer = 0;
  #count = 0;
  /** Zero bits given after a marker or the end, as decoders pad; more than a block's worth means the data is cut off. */
  #padded = 0;

  constructor(bytes: Uint8Array, at: number) {
    this.#bytes = bytes;
    this.#at = at;
  }

  read(count: number): number {
    if (count === 0) return 0;
    this.#fill(count);
    this.#count -= count;
    return (this.#buffer >>> this.#count) & ((1 << count) - 1);
  }

  /** A value of so many bits, negative ones coded as their complement (T.81, F.2.2.1). */
  signed(size: number): number {
    if (size === 0) return 0;
    const value = this.read(size);
    return value < 1 << (size - 1) ? value - (1 << size) + 1 : value;
  }

  symbol(table: Huffman | undefined): number {
    if (table === undefined) throw new Unreadable('a scan uses a Huffman table that is missing');
    this.#fill(16);
    const sixteen = (this.#buffer >>> (this.#count - 16)) & 0xffff;
    let packed = table.fast[sixteen >> 7]!;
    if (packed < 0) packed = table.slow(sixteen);
    this.#count -= packed >> 8;
    return packed & 0xff;
  }

  restart(): void {
    this.#buffer = 0;
    this.#count = 0;
    this.#padded = 0;
    while (this.#bytes[this.#at] === 0xff && this.#bytes[this.#at + 1] === 0xff) this.#at++;
    const marker = this.#bytes[this.#at] === 0xff ? this.#bytes[this.#at + 1]! : 0;
    if (marker < 0xd0 || marker > 0xd7)
      throw new Unreadable(`a restart marker is missing at byte ${this.#at}`);
    this.#at += 2;
  }

  skipScan(): void {
    while (this.#at < this.#bytes.length) {
      if (this.#bytes[this.#at] === 0xff) {
        const next = this.#bytes[this.#at + 1];
        if (next !== 0 && next !== 0xff && !(next !== undefined && next >= 0xd0 && next <= 0xd7)) return;
      }
      this.#at++;
    }
  }

  /** Where the next marker is looked for. */
  end(): number {
    return this.#at;
  }

  #fill(count: number): void {
    while (this.#count < count) {
      let byte = this.#bytes[this.#at];
      if (byte === 0xff) {
        if (this.#bytes[this.#at + 1] === 0) this.#at += 2;
        else byte = undefined;
      } else if (byte !== undefined) this.#at++;
      if (byte === undefined && ++this.#padded > 64)
        throw new Unreadable(`image data ends early, at byte ${this.#at}`);
      this.#buffer = ((this.#buffer & 0xffff) << 8) | (byte ?? 0);
      this.#count += 8;
    }
  }
}
