import { base64Encode, type Decimal, normaliseDecimal } from '@assay/core';
import sharp from 'sharp';
import type { DetectorFinding, Exhibit, Specimen } from '../detector.ts';
import { type BlockGrid, findBlockGrid } from './block-grid.ts';
import {
  copyMoveLikelihood,
  doubleCompressionLikelihood,
  errorLevelLikelihood,
  foreignGridLikelihood,
  shiftedCompressionLikelihood,
} from './calibration.ts';
import { findCopyMove } from './copy-move.ts';
import type { Plane } from './dct.ts';
import { type DecodedImage, decodeImage } from './decode.ts';
import {
  type DoubleCompression,
  decodeLuminance,
  findDoubleCompression,
  findShiftedCompression,
  type ShiftedCompression,
} from './double-compression.ts';
import { type ErrorLevels, errorLevels } from './error-level.ts';
import { heatMap } from './heat-map.ts';
import { checkMetadata } from './image-metadata.ts';
import type { ImageCheck, ImageTerms } from './image-terms.ts';
import { type JpegStructure, readJpeg } from './jpeg-structure.ts';
import type { NearDuplicateIndex, Neighbour } from './near-duplicates.ts';
import {
  DIHEDRALS,
  formatPdq,
  PDQ_MIN_QUALITY,
  PDQ_RADIUS,
  type Pixels,
  pdqDihedralHashes,
  reduceForPdq,
} from './pdq.ts';
import { thumbnail } from './thumbnail.ts';

/** The quality at which error levels are measured. */
const ERROR_LEVEL_QUALITY = 90;

/** What pictures are compared with. */
export interface KnownPictures {
  /** Hashes of the pictures known before this one. */
  index?: NearDuplicateIndex;
  /** A small JPEG of an indexed picture. */
  thumbnailOf?: (id: string) => Uint8Array | undefined;
}

/** Answers `image_decodable` and every check that the terms ask for, in their order. */
export async function examineImage(
  specimen: Specimen,
  terms: ImageTerms,
  options: KnownPictures,
): Promise<DetectorFinding[]> {
  const { file } = specimen;
  if (file === undefined) {
    return ['image_decodable', ...terms.checks].map((check) =>
      unknown(check, 'The observation is not a file.'),
    );
  }
  const image = await decodeImage(file.bytes, file.mediaType, { maxPixels: terms.maxPixels });
  if ('undecodable' in image) {
    const reason = `The picture cannot be judged: ${image.undecodable}.`;
    const first: DetectorFinding = image.broken
      ? { check: 'image_decodable', status: 'fail', score: '0', reason }
      : unknown('image_decodable', reason);
    return [first, ...Array.from(terms.checks, (check) => unknown(check, reason))];
  }
  const jpeg = image.mediaType === 'image/jpeg' ? readJpeg(file.bytes) : undefined;
  const structure = jpeg === undefined || 'unreadable' in jpeg || !firstIsWhole(jpeg) ? undefined : jpeg;
  const luminance = structure === undefined ? luminanceOf(image.pixels) : decodeLuminance(structure);
  const examinations: Record<ImageCheck, () => Promise<DetectorFinding>> = {
    image_duplicate: () => duplicate(image.pixels, specimen, terms, options),
    image_double_compression: () => doubleCompression(image, structure, luminance),
    image_error_level: () => errorLevel(image.pixels),
    image_copy_move: () => copyMove(image.pixels, luminance),
    image_metadata: () => checkMetadata(image, file, specimen.observedAt, terms.metadata),
  };
  const findings = [decodable(image, jpeg)];
  // One after the other: each holds a copy of the picture while it works.
  for (const check of terms.checks) findings.push(await examinations[check]());
  return findings;
}

/** Whether the first component has a sample for each pixel, as luminance has in any file but a contrived one. */
function firstIsWhole({ components: [first, ...others] }: JpegStructure): boolean {
  return others.every((other) => other.horizontal <= first!.horizontal && other.vertical <= first!.vertical);
}

function decodable(image: DecodedImage, jpeg: ReturnType<typeof readJpeg> | undefined): DetectorFinding {
  const notes = [...image.notes];
  if (jpeg !== undefined && 'unreadable' in jpeg) {
    if (jpeg.broken) {
      return {
        check: 'image_decodable',
        status: 'fail',
        score: '0.1',
        reason: `Decoders read it, but ${jpeg.unreadable}.`,
      };
    }
    notes.push(`its coefficients were not read: ${jpeg.unreadable}`);
  } else if (jpeg !== undefined && jpeg.trailingBytes > 0)
    notes.push(`${jpeg.trailingBytes} bytes follow its end`);
  const { width, height } = image.pixels;
  const remarks = notes.length === 0 ? '' : ` Note: ${notes.join('; ')}.`;
  return {
    check: 'image_decodable',
    status: 'pass',
    score: '1',
    reason: `${image.mediaType} of ${width}×${height} decodes to its end without a warning.${remarks}`.slice(
      0,
      2000,
    ),
  };
}

async function duplicate(
  pixels: Pixels,
  specimen: Specimen,
  { radius }: ImageTerms,
  { index, thumbnailOf }: KnownPictures,
): Promise<DetectorFinding> {
  const check = 'image_duplicate';
  const { hashes, quality } = pdqDihedralHashes(reduceForPdq(pixels));
  const hash = formatPdq(hashes.original);
  if (quality < PDQ_MIN_QUALITY) {
    const reason = `The picture is too plain to tell from others (PDQ quality ${quality}, needed ${PDQ_MIN_QUALITY}).`;
    return unknown(check, reason);
  }
  if (index === undefined)
    return unknown(check, `There is no index to compare with. PDQ ${hash}, quality ${quality}.`);
  const nearest = new Map<string, Neighbour & { dihedral: string }>();
  for (const dihedral of DIHEDRALS) {
    for (const neighbour of index.search(hashes[dihedral], { radius, limit: 20 }).neighbours) {
      if (neighbour.id === `sha256:${specimen.digest}`) continue;
      const known = nearest.get(neighbour.id);
      if (known === undefined || neighbour.distance < known.distance)
        nearest.set(neighbour.id, { ...neighbour, dihedral });
    }
  }
  const found = [...nearest.values()].sort((a, b) => a.distance - b.distance || (a.id < b.id ? -1 : 1));
  if (found.length === 0) {
    const reason = `None of ${index.size} known pictures lies within ${radius} of 256 bits, turned or mirrored. PDQ ${hash}.`;
    // What was cut or drawn over heavily lies further away than the radius: a pass is not certain.
    return { check, status: 'pass', score: '0.9', reason };
  }
  const [first] = found;
  const turned = first!.dihedral === 'original' ? '' : `, ${first!.dihedral}`;
  const exhibits: Exhibit[] = [
    {
      kind: 'table',
      title: 'Nearest known pictures',
      columns: ['picture', 'bits apart', 'turned'],
      rows: found.slice(0, 20).map(({ id, distance, dihedral }) => [id, `${distance}`, dihedral]),
    },
    await shrunk('The picture examined', pixels),
  ];
  for (const { id, distance } of found.slice(0, 4)) {
    const thumbnail = thumbnailOf?.(id);
    if (thumbnail === undefined || thumbnail.length > 100_000) continue;
    const title = `${id}, ${distance} bits apart`;
    exhibits.push({ kind: 'image', title, mediaType: 'image/jpeg', base64: base64Encode(thumbnail) });
  }
  return {
    check,
    status: 'fail',
    // Pictures that have nothing in common lie 128 bits apart; at the radius one in ten may be a like scene.
    score: decimal((first!.distance / PDQ_RADIUS) * 0.1),
    reason: `${found.length} known picture(s) lie within ${radius} of 256 bits, the nearest ${first!.id} at ${first!.distance}${turned}.`,
    evidence: found.slice(0, 20).map(({ id }) => id),
    exhibits,
  };
}

async function doubleCompression(
  image: DecodedImage,
  jpeg: JpegStructure | undefined,
  luminance: Plane,
): Promise<DetectorFinding> {
  const check = 'image_double_compression';
  const aligned = jpeg === undefined ? undefined : findDoubleCompression(jpeg);
  const shifted = findShiftedCompression(luminance, { besideOrigin: jpeg !== undefined });
  if (shifted === undefined)
    return unknown(check, 'The picture is too small: fewer than 256 blocks of 8×8 pixels.');
  const grid = findBlockGrid(luminance);
  const traces = [
    {
      likelihood: aligned === undefined ? 0 : doubleCompressionLikelihood(aligned),
      text: alignedText(aligned),
    },
    {
      likelihood: shiftedCompressionLikelihood(shifted, { lastOnOrigin: jpeg !== undefined }),
      text: shiftedText(shifted),
    },
    { likelihood: foreignGridLikelihood(grid), text: foreignText(grid) },
  ];
  const likelihood = Math.max(...traces.map((trace) => trace.likelihood));
  const seen = traces.filter((trace) => trace.likelihood > 0.5);
  const last =
    aligned === undefined
      ? `The file is ${image.mediaType}: any JPEG trace is of an earlier file.`
      : `The file's own quality is ${aligned.lastQuality}${aligned.lastQualityDistance > 1 ? ', with tables of another maker than libjpeg' : ''}.`;
  if (seen.length === 0) {
    const limits = 'A first compression of the same or much higher quality leaves no trace.';
    return {
      check,
      status: 'pass',
      score: decimal(1 - likelihood),
      reason: `No trace of an earlier compression. ${last} ${limits}`,
    };
  }
  const exhibits: Exhibit[] = [];
  if (aligned !== undefined && traces[0]!.likelihood > 0.5) {
    exhibits.push(
      await heatMap({
        title: 'Red: blocks that went through the first compression; blue: blocks that did not',
        picture: image.pixels,
        map: averaged(aligned.blocks),
        low: -3,
        high: 3,
        area: covered(aligned.blocks, 8),
      }),
    );
  }
  if (traces[2]!.likelihood > 0.5) {
    const map = { ...grid.cells, data: grid.cells.data.map((cell) => (cell < 0 ? 1 : 0)) };
    exhibits.push(
      await heatMap({
        title: 'Red: a block grid of its own',
        picture: image.pixels,
        map,
        low: 0,
        high: 1,
        area: grid.area,
      }),
    );
  }
  const reason = `${seen.map(({ text }) => text).join(' ')} ${last} Saving a picture twice does this too: it shows that the file is not the first, not that it is forged.`;
  return {
    check,
    status: 'fail',
    score: decimal(1 - likelihood),
    reason: reason.slice(0, 2000).toWellFormed(),
    exhibits,
  };
}

function alignedText(found: DoubleCompression | undefined): string {
  return found === undefined
    ? ''
    : `Coefficient histograms show an earlier compression of quality about ${found.primaryQuality} (${found.gain.toFixed(3)} nats a coefficient).`;
}

function shiftedText({ x, y, quality, deviations }: ShiftedCompression): string {
  const moved = x === 0 && y === 0 ? '' : ': it was cut or moved since';
  return `An earlier compression of quality about ${quality} has its block grid at (${x}, ${y})${moved} (${deviations.toFixed(0)} standard deviations).`;
}

function foreignText({ foreign }: BlockGrid): string {
  const [first] = foreign;
  return first === undefined
    ? ''
    : `${foreign.length} region(s) follow a block grid of their own, the clearest ${first.width}×${first.height} pixels at (${first.x}, ${first.y}).`;
}

async function errorLevel(pixels: Pixels): Promise<DetectorFinding> {
  const check = 'image_error_level';
  const { data, width, height, channels } = pixels;
  const raw = { raw: { width, height, channels } };
  const jpeg = await sharp(data, raw)
    .jpeg({ quality: ERROR_LEVEL_QUALITY, chromaSubsampling: '4:4:4', mozjpeg: false, optimiseCoding: false })
    .toBuffer();
  const again = await sharp(jpeg)
    .toColourspace(channels === 1 ? 'b-w' : 'srgb')
    .raw()
    .toBuffer();
  const levels = errorLevels(pixels, { data: again, width, height, channels });
  if (levels === undefined)
    return unknown(check, 'The picture is too small: fewer than 400 blocks of 8×8 pixels.');
  const likelihood = errorLevelLikelihood(levels);
  const { x, y } = levels.region;
  const seen = `the region that stands out most, 48×48 pixels at (${x}, ${y}), does so by ${levels.contrast.toFixed(1)} robust standard deviations among blocks of like texture, recompressed at quality ${ERROR_LEVEL_QUALITY}`;
  if (likelihood <= 0.5)
    return {
      check,
      status: 'pass',
      score: decimal(1 - likelihood),
      reason: `Error levels are even: ${seen}.`,
    };
  return {
    check,
    status: 'fail',
    score: decimal(1 - likelihood),
    reason: `Error levels are uneven: ${seen}. Sharp text, noise and flat areas do this too: look at the picture.`,
    exhibits: [await errorLevelMap(pixels, levels)],
  };
}

function errorLevelMap(picture: Pixels, { blocks }: ErrorLevels): Promise<Exhibit> {
  const title = 'Red: blocks that change more than others of like texture; blue: less';
  return heatMap({ title, picture, map: averaged(blocks), low: -3, high: 3, area: covered(blocks, 8) });
}

async function copyMove(picture: Pixels, luminance: Plane): Promise<DetectorFinding> {
  const check = 'image_copy_move';
  const found = findCopyMove(luminance);
  if (found === undefined) return unknown(check, 'The picture is too small: under 64 pixels a side.');
  const likelihood = copyMoveLikelihood(found);
  const score = decimal(1 - likelihood);
  if (likelihood <= 0.5) {
    return {
      check,
      status: 'pass',
      score,
      reason:
        'No region of it appears a second time, as far as it was moved without turning, mirroring or scaling.',
    };
  }
  const { offset, share, difference } = found;
  return {
    check,
    status: 'fail',
    score,
    reason: `A region of ${(share * 100).toFixed(1)} % of the picture appears again ${offset.x} pixels across and ${offset.y} down; the two differ by ${(difference * 100).toFixed(1)} % of their variance. Printed patterns and screenshots repeat as well: look at the picture.`,
    exhibits: [
      await heatMap({
        title: 'Red: both regions',
        picture,
        map: found.mask,
        low: 0,
        high: 1,
        area: covered(found.mask, found.reduction),
      }),
    ],
  };
}

function luminanceOf({ data, width, height, channels }: Pixels): Plane {
  const luminance = new Float32Array(width * height);
  for (let i = 0; i < luminance.length; i++) {
    luminance[i] =
      channels === 1
        ? data[i]!
        : Math.round(0.299 * data[3 * i]! + 0.587 * data[3 * i + 1]! + 0.114 * data[3 * i + 2]!);
  }
  return { data: luminance, width, height };
}

/** The part of the picture that a map covers whose values stand for squares; the last blocks of a JPEG go beyond it. */
function covered({ width, height }: Plane, side: number) {
  return { x: 0, y: 0, width: width * side, height: height * side };
}

/** Means over 5×5 blocks: single blocks are too noisy to look at. */
function averaged({ data, width, height }: Plane): Plane {
  const result = new Float32Array(data.length);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      let [sum, count] = [0, 0];
      for (let row = Math.max(0, y - 2); row <= Math.min(height - 1, y + 2); row++) {
        for (let column = Math.max(0, x - 2); column <= Math.min(width - 1, x + 2); column++) {
          sum += data[row * width + column]!;
          count++;
        }
      }
      result[y * width + x] = sum / count;
    }
  }
  return { data: result, width, height };
}

async function shrunk(title: string, pixels: Pixels): Promise<Exhibit> {
  return { kind: 'image', title, mediaType: 'image/jpeg', base64: base64Encode(await thumbnail(pixels)) };
}

function decimal(value: number): Decimal {
  return normaliseDecimal(Math.max(0, Math.min(1, value)).toFixed(3));
}

function unknown(check: string, reason: string): DetectorFinding {
  return { check, status: 'unknown', reason };
}
