import { normaliseDecimal } from '@assay/core';
import type { DetectorFinding, SpecimenFile } from '../detector.ts';
import { type DecodedImage, decodeImage } from './decode.ts';
import { type Exif, readExif } from './exif.ts';
import { hammingDistance, PDQ_MIN_QUALITY, pdqDihedralHashes, pdqHash, reduceForPdq } from './pdq.ts';

/** Which declared metadata say what EXIF says too, and how far the two may lie apart. */
export interface MetadataTerms {
  capturedAt: string;
  latitude: string;
  longitude: string;
  camera: string;
  software: string;
  maxHoursApart: number;
  maxKilometresApart: number;
}

/** Thumbnails have black bars and old contrast; other pictures are 128 bits away, give or take 16. */
const MAX_THUMBNAIL_DISTANCE = 96;
const EDITORS =
  /photoshop|gimp|lightroom|affinity|pixelmator|snapseed|paint\.net|facetune|firefly|midjourney|stable diffusion|dall/i;

/**
 * Compares what a camera or an editor wrote into the file with what its provider declares: time, place, camera,
 * software; and the embedded thumbnail with the picture, which careless edits forget to renew.
 *
 * A clock without a time zone may be 14 hours off UTC: that much is allowed on top of the terms.
 */
export async function checkMetadata(
  image: DecodedImage,
  file: SpecimenFile,
  observedAt: string,
  terms: MetadataTerms,
): Promise<DetectorFinding> {
  const check = 'image_metadata';
  const exif = image.exif === undefined ? {} : readExif(image.exif);
  const rows: Row[] = [
    timeRow(exif, file.metadata[terms.capturedAt], terms),
    placeRow(exif, file.metadata[terms.latitude], file.metadata[terms.longitude], terms),
    textRow('camera', [exif.make, exif.model].filter(Boolean).join(' '), file.metadata[terms.camera]),
    textRow('software', exif.software ?? '', file.metadata[terms.software]),
    futureRow(exif, observedAt),
    await thumbnailRow(exif, image),
  ];
  const told = rows.filter(([, inFile, declared]) => inFile !== '' || declared !== '');
  const judged = rows.filter(([, , , agrees]) => agrees !== '-');
  const wrong = judged.filter(([, , , agrees]) => agrees === 'no');
  const editor = EDITORS.test(exif.software ?? '')
    ? ` The file names editing software: ${exif.software}.`
    : '';
  const exhibits: DetectorFinding['exhibits'] =
    told.length > 0
      ? [
          {
            kind: 'table',
            title: 'Metadata',
            columns: ['what', 'in the file', 'declared', 'agrees'],
            rows: told,
          },
        ]
      : [];
  // That the clock does not run ahead agrees with any declaration: alone it makes nothing green.
  if (wrong.length === 0 && judged.every(([what]) => what === NOT_IN_FUTURE)) {
    const missing =
      image.exif === undefined
        ? 'The file carries no EXIF data'
        : 'EXIF and declaration have nothing in common';
    return { check, status: 'unknown', reason: `${missing}: nothing could be compared.${editor}`, exhibits };
  }
  const score = normaliseDecimal(((judged.length - wrong.length) / judged.length).toFixed(3));
  if (wrong.length > 0) {
    const list = wrong.map(
      ([what, inFile, declared]) => `${what}: ${inFile || 'nothing'} against ${declared || 'nothing'}`,
    );
    return {
      check,
      status: 'fail',
      score,
      reason: `The file contradicts: ${list.join('; ')}.${editor}`.slice(0, 2000).toWellFormed(),
      exhibits,
    };
  }
  return {
    check,
    status: 'pass',
    score,
    reason: `${judged.map(([what]) => what).join(', ')} agree.${editor}`,
    exhibits,
  };
}

const NOT_IN_FUTURE = 'not in the future';

type Row = [what: string, inFile: string, declared: string, agrees: 'yes' | 'no' | '-'];

function timeRow(exif: Exif, declared: unknown, { maxHoursApart }: MetadataTerms): Row {
  const inFile = exif.takenAt === undefined ? '' : exif.takenAt + (exif.takenAtOffset ?? '');
  const text = typeof declared === 'string' ? declared.slice(0, 100).toWellFormed() : '';
  const ours = Date.parse(`${exif.takenAt}${exif.takenAtOffset ?? 'Z'}`);
  const theirs = Date.parse(text);
  if (Number.isNaN(ours) || Number.isNaN(theirs)) return ['time', inFile, text, '-'];
  const allowed = maxHoursApart + (exif.takenAtOffset === undefined ? 14 : 0);
  return ['time', inFile, text, Math.abs(ours - theirs) / 3_600_000 <= allowed ? 'yes' : 'no'];
}

function futureRow(exif: Exif, observedAt: string): Row {
  const latest = [exif.takenAt, exif.changedAt]
    .filter((time) => time !== undefined)
    .sort()
    .at(-1);
  if (latest === undefined) return [NOT_IN_FUTURE, '', '', '-'];
  const hours = (Date.parse(`${latest}Z`) - Date.parse(observedAt)) / 3_600_000;
  return [NOT_IN_FUTURE, latest, `observed ${observedAt}`, hours <= 14 ? 'yes' : 'no'];
}

function placeRow(
  exif: Exif,
  latitude: unknown,
  longitude: unknown,
  { maxKilometresApart }: MetadataTerms,
): Row {
  const { latitude: lat, longitude: long } = exif;
  const inFile = lat === undefined || long === undefined ? '' : `${lat.toFixed(5)}, ${long.toFixed(5)}`;
  const [theirLat, theirLong] = [coordinate(latitude), coordinate(longitude)];
  const declared = theirLat === undefined || theirLong === undefined ? '' : `${theirLat}, ${theirLong}`;
  if (inFile === '' || declared === '') return ['place', inFile, declared, '-'];
  const apart = kilometres(lat!, long!, theirLat!, theirLong!);
  return [
    'place',
    inFile,
    `${declared} (${apart.toFixed(1)} km apart)`,
    apart <= maxKilometresApart ? 'yes' : 'no',
  ];
}

function coordinate(value: unknown): number | undefined {
  const read = typeof value === 'string' && /^-?\d{1,3}(\.\d{1,20})?$/.test(value) ? Number(value) : value;
  return typeof read === 'number' && Number.isFinite(read) ? read : undefined;
}

/** Great-circle distance (haversine) on a sphere of 6,371 km. */
function kilometres(lat1: number, long1: number, lat2: number, long2: number): number {
  const radians = (degrees: number) => (degrees * Math.PI) / 180;
  const h =
    Math.sin(radians(lat2 - lat1) / 2) ** 2 +
    Math.cos(radians(lat1)) * Math.cos(radians(lat2)) * Math.sin(radians(long2 - long1) / 2) ** 2;
  return 2 * 6371 * Math.asin(Math.min(1, Math.sqrt(h)));
}

/** Makers repeat themselves ("Canon Canon EOS"): one side's words within the other's suffice. */
function textRow(what: string, inFile: string, declared: unknown): Row {
  const theirs = typeof declared === 'string' ? declared.slice(0, 200).toWellFormed().trim() : '';
  if (inFile === '' || theirs === '') return [what, inFile, theirs, '-'];
  const words = (text: string) => [...new Set(text.toLowerCase().match(/[\p{L}\p{N}.]+/gu) ?? [])];
  const [a, b] = [words(inFile), words(theirs)];
  const within = (some: string[], all: string[]) =>
    some.length > 0 && some.every((word) => all.includes(word));
  return [what, inFile, theirs, within(a, b) || within(b, a) ? 'yes' : 'no'];
}

async function thumbnailRow(exif: Exif, image: DecodedImage): Promise<Row> {
  const what = 'thumbnail';
  if (exif.thumbnail === undefined) return [what, '', '', '-'];
  const thumbnail = await decodeImage(exif.thumbnail, undefined, { maxPixels: 1_000_000 });
  if ('undecodable' in thumbnail) return [what, `unreadable: ${thumbnail.undecodable}`, '', '-'];
  const small = pdqHash(thumbnail.pixels);
  const { hashes, quality } = pdqDihedralHashes(reduceForPdq(image.pixels));
  if (small.quality < PDQ_MIN_QUALITY || quality < PDQ_MIN_QUALITY)
    return [what, 'too flat to compare', '', '-'];
  const distance = Math.min(...Object.values(hashes).map((hash) => hammingDistance(hash, small.hash)));
  return [
    what,
    `${distance} of 256 bits from the picture`,
    '',
    distance <= MAX_THUMBNAIL_DISTANCE ? 'yes' : 'no',
  ];
}
