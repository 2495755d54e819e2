import type { Row } from '@assay/core';
import type { DetectorFinding } from '../detector.ts';
import {
  readChoice,
  readColumn,
  readList,
  readMembers,
  readNumber,
  readText,
  refuseTerms,
} from '../terms.ts';
import type { Entry, Frame } from './custody.ts';
import {
  geodesicDestination,
  geodesicMetres,
  initialBearing,
  localMetres,
  type Position,
  wrapDegrees,
} from './geodesic.ts';
import { follow, newTrack, type Track } from './jump.ts';
import { type KeyedStates, noRoom, stateOf } from './keyed-states.ts';
import { instantText, isDoubt, readPosition } from './reading.ts';
import {
  decimalText,
  doubt,
  fault,
  findingOf,
  newVerdicts,
  type RowVerdicts,
  sound,
  tableOf,
} from './row-verdicts.ts';
import { readCoverage, readSeconds } from './temperature.ts';

const MAX_VERTICES = 512;
/** Legs are cut into pieces of at most so many metres: within one, a plane is exact to a centimetre. */
const PIECE_METRES = 10_000;
const MAX_PIECES = 4_096;
const MAX_WAYPOINTS = 64;
const MAX_FENCES = 32;
/** Pieces ahead of and behind the last place that are tried before the whole route. */
const NEAR_PIECES = 8;

export interface RouteTerms {
  latitude: string;
  longitude: string;
  /** The planned line in pieces; empty when only fences or waypoints are judged. */
  route: Position[];
  corridorMetres: number;
  waypoints: Waypoint[];
  fences: Fence[];
  maxMetresPerSecond: number | null;
  /** Error of a position, allowed before a speed is called impossible. */
  accuracyMetres: number;
  maxGapMs: number;
  minimumCoverage: number;
}

interface Waypoint {
  name: string;
  place: Position;
  radiusMetres: number;
  minimumDwellMs: number;
  maximumDwellMs: number | null;
}

interface Fence {
  name: string;
  keep: 'inside' | 'outside';
  shape: { centre: Position; radiusMetres: number } | { polygon: Position[] };
}

/** One vehicle so far. */
interface Journey {
  at: number;
  place: Position;
  track: Track;
  /** Piece of the route nearest to the last place. */
  piece: number;
  /** First waypoint that was not reached yet. */
  next: number;
  /** The waypoint that the vehicle is in, since when, and whether it was told that it stays too long. */
  inside: { waypoint: number; since: number } | null;
}

export type RouteMemory = KeyedStates<Journey>;

export function readRouteTerms(value: unknown, path: string): RouteTerms {
  const t = readMembers(
    value,
    path,
    ['latitude', 'longitude', 'maxGapSeconds'],
    [
      'route',
      'corridorMetres',
      'waypoints',
      'geofences',
      'maxMetresPerSecond',
      'accuracyMetres',
      'minimumCoverage',
    ],
  );
  const vertices =
    t.route === undefined ? [] : readList(t.route, `${path}.route`, 2, MAX_VERTICES, readPlace);
  if ((t.route === undefined) !== (t.corridorMetres === undefined)) {
    refuseTerms(path, 'route and corridorMetres together', value);
  }
  const waypoints =
    t.waypoints === undefined
      ? []
      : readList(t.waypoints, `${path}.waypoints`, 1, MAX_WAYPOINTS, readWaypoint);
  const fences =
    t.geofences === undefined ? [] : readList(t.geofences, `${path}.geofences`, 1, MAX_FENCES, readFence);
  const maxMetresPerSecond =
    t.maxMetresPerSecond === undefined
      ? null
      : readNumber(t.maxMetresPerSecond, `${path}.maxMetresPerSecond`, 0.1, 12_000);
  if (vertices.length + waypoints.length + fences.length === 0 && maxMetresPerSecond === null) {
    refuseTerms(path, 'route, waypoints, geofences or maxMetresPerSecond', value);
  }
  return {
    latitude: readColumn(t.latitude, `${path}.latitude`),
    longitude: readColumn(t.longitude, `${path}.longitude`),
    route: cutIntoPieces(vertices, `${path}.route`),
    corridorMetres:
      t.corridorMetres === undefined ? 0 : readNumber(t.corridorMetres, `${path}.corridorMetres`, 1, 1e6),
    waypoints,
    fences,
    maxMetresPerSecond,
    accuracyMetres:
      t.accuracyMetres === undefined ? 0 : readNumber(t.accuracyMetres, `${path}.accuracyMetres`, 0, 1e5),
    maxGapMs: readSeconds(t.maxGapSeconds, `${path}.maxGapSeconds`),
    minimumCoverage: readCoverage(t.minimumCoverage, `${path}.minimumCoverage`),
  };
}

/**
 * Where a vehicle was against where it was to be: within the corridor of the planned line, at its waypoints in order
 * and long enough, on the right side of its geofences, and never faster than it can travel. Distances are geodesics
 * of WGS84. A waypoint counts as reached when a position lies in its circle or the way between two positions at most
 * `maxGapSeconds` apart crosses it; time without positions is unknown.
 */
export function examineRoute(
  rows: readonly Row[],
  entries: readonly Entry[],
  terms: RouteTerms,
  memory: RouteMemory,
  frame: Frame,
): DetectorFinding {
  const on = newVerdicts(rows.length);
  let observedMs = 0;
  let unobservedMs = 0;
  let last: Journey | null = null;
  for (const [i, entry] of entries.entries()) {
    const place = readPosition(rows[i]!, terms.latitude, terms.longitude);
    if (isDoubt(entry)) {
      doubt(on, i, entry.doubt);
      continue;
    }
    if (isDoubt(place)) {
      doubt(on, i, place.doubt, `${place.doubt} at ${instantText(entry.at)}`);
      continue;
    }
    const isFirst = !memory.has(entry.key);
    const journey = stateOf(memory, entry.key, entry.at, () => newJourney(entry.at, place));
    if (journey === null) {
      doubt(on, i, noRoom());
      continue;
    }
    const passedMs = entry.at - journey.at;
    judgePlace(on, i, journey, place, entry.at, terms);
    if (!isFirst && passedMs <= 0) {
      doubt(on, i, 'order', `a position at ${instantText(entry.at)} is not after the one before it`);
      continue;
    }
    const isSeen = !isFirst && passedMs <= terms.maxGapMs;
    if (isSeen) observedMs += passedMs;
    else unobservedMs += passedMs;
    if (!isFirst && isTeleport(on, i, journey, place, entry.at, terms)) continue;
    sound(on, i);
    judgeWaypoints(on, i, journey, isSeen ? journey.place : place, place, entry.at, terms);
    journey.at = entry.at;
    journey.place = place;
    last = journey;
  }
  return findingOf(on, {
    check: 'custody_route',
    column: `${terms.latitude},${terms.longitude}`,
    noun: 'positions',
    well: 'follow the plan',
    figures: figuresOf(last, terms, unobservedMs),
    minimumCoverage: terms.minimumCoverage,
    timeCoverage: observedMs + unobservedMs > 0 ? observedMs / (observedMs + unobservedMs) : 1,
    exhibits: tableOf(on, rows, {
      title: 'Positions around those that fail',
      columns: [frame.time, terms.latitude, terms.longitude],
    }),
  });
}

function newJourney(at: number, place: Position): Journey {
  return { at, place, track: newTrack(at, place), piece: 0, next: 0, inside: null };
}

/** Corridor and fences: what one position says by itself. */
function judgePlace(
  on: RowVerdicts,
  i: number,
  journey: Journey,
  place: Position,
  at: number,
  terms: RouteTerms,
): void {
  if (terms.route.length > 0) {
    const nearest = nearestOnRoute(place, terms.route, journey.piece, terms.corridorMetres);
    journey.piece = nearest.piece;
    if (nearest.metres > terms.corridorMetres) {
      fault(
        on,
        i,
        'corridor',
        `${metresText(nearest.metres)} from the route at ${instantText(at)}, of ${metresText(terms.corridorMetres)} allowed`,
      );
    }
  }
  for (const fence of terms.fences) {
    if (isWithin(place, fence.shape) !== (fence.keep === 'inside')) {
      fault(
        on,
        i,
        `fence ${fence.name}`,
        `${fence.keep === 'inside' ? 'outside' : 'inside'} ${JSON.stringify(fence.name)} at ${instantText(at)}`,
      );
    }
  }
}

/** A position that cannot have been reached fails and is no yardstick for the next, until three agree on it. */
function isTeleport(
  on: RowVerdicts,
  i: number,
  journey: Journey,
  place: Position,
  at: number,
  { maxMetresPerSecond, accuracyMetres }: RouteTerms,
): boolean {
  if (maxMetresPerSecond === null) return false;
  const told = follow(journey.track, at, place, {
    maxPerSecond: maxMetresPerSecond,
    tolerance: accuracyMetres,
    unit: 'm',
  });
  if (told !== null) fault(on, i, 'speed', told);
  return told !== null;
}

function judgeWaypoints(
  on: RowVerdicts,
  i: number,
  journey: Journey,
  from: Position,
  place: Position,
  at: number,
  { waypoints }: RouteTerms,
): void {
  const { inside } = journey;
  if (inside !== null) {
    const waypoint = waypoints[inside.waypoint]!;
    const stayedMs = at - inside.since;
    if (isIn(waypoint, place)) {
      if (waypoint.maximumDwellMs !== null && stayedMs > waypoint.maximumDwellMs) {
        fault(
          on,
          i,
          `dwell ${waypoint.name}`,
          `${dwellText(waypoint, stayedMs)} by ${instantText(at)}, of at most ${minutes(waypoint.maximumDwellMs)}`,
        );
      }
      return;
    }
    // The stay ended somewhere before this reading: it was at most this long.
    if (stayedMs < waypoint.minimumDwellMs) {
      fault(
        on,
        i,
        `dwell ${waypoint.name}`,
        `${dwellText(waypoint, stayedMs)} until ${instantText(at)}, of at least ${minutes(waypoint.minimumDwellMs)}`,
      );
    }
    journey.inside = null;
  }
  for (let w = 0; w < waypoints.length; w++) {
    const waypoint = waypoints[w]!;
    if (inside?.waypoint === w) continue;
    const isHere = isIn(waypoint, place);
    if (!isHere && !(w >= journey.next && crosses(waypoint, from, place))) continue;
    if (w < journey.next - 1) {
      fault(on, i, 'order', `back at ${JSON.stringify(waypoint.name)} at ${instantText(at)}`);
    } else if (w > journey.next) {
      const missed = waypoints.slice(journey.next, w).map(({ name }) => JSON.stringify(name));
      fault(
        on,
        i,
        'order',
        `${JSON.stringify(waypoint.name)} reached at ${instantText(at)} without ${missed.join(', ')}`,
      );
    }
    if (!isHere && waypoint.minimumDwellMs > 0) {
      fault(
        on,
        i,
        `dwell ${waypoint.name}`,
        `passed ${JSON.stringify(waypoint.name)} by ${instantText(at)} without a stop of at least ${minutes(waypoint.minimumDwellMs)}`,
      );
    }
    journey.next = Math.max(journey.next, w + 1);
    if (isHere) {
      journey.inside = { waypoint: w, since: at };
      return;
    }
  }
}

/** Distance to the planned line, near the last place first: a vehicle seldom leaves the corridor. */
function nearestOnRoute(
  place: Position,
  route: readonly Position[],
  piece: number,
  corridorMetres: number,
): { metres: number; piece: number } {
  const pieces = route.length - 1;
  const near = nearestIn(
    place,
    route,
    Math.max(0, piece - NEAR_PIECES),
    Math.min(pieces, piece + NEAR_PIECES + 1),
  );
  return near.metres <= corridorMetres ? near : nearestIn(place, route, 0, pieces);
}

function nearestIn(place: Position, route: readonly Position[], from: number, to: number) {
  let best = { square: Number.POSITIVE_INFINITY, piece: from, along: 0 };
  let a = localMetres(place, route[from]!);
  for (let piece = from; piece < to; piece++) {
    const b = localMetres(place, route[piece + 1]!);
    const { square, along } = nearestOnLine(a, b);
    if (square < best.square) best = { square, piece, along };
    a = b;
  }
  // The plane around the position is exact near it alone, so that what is told is the ellipsoid's distance.
  return {
    metres: geodesicMetres(place, between(route[best.piece]!, route[best.piece + 1]!, best.along)),
    piece: best.piece,
  };
}

/** Nearest point to the origin on a line of a plane: the square of its distance, and its place from 0 to 1. */
function nearestOnLine(
  a: { east: number; north: number },
  b: { east: number; north: number },
): { square: number; along: number } {
  const east = b.east - a.east;
  const north = b.north - a.north;
  const length = east * east + north * north;
  const along = length === 0 ? 0 : Math.max(0, Math.min(1, -(a.east * east + a.north * north) / length));
  const x = a.east + along * east;
  const y = a.north + along * north;
  return { square: x * x + y * y, along };
}

function between(a: Position, b: Position, along: number): Position {
  return {
    latitude: a.latitude + along * (b.latitude - a.latitude),
    longitude: wrapDegrees(a.longitude + along * wrapDegrees(b.longitude - a.longitude)),
  };
}

function isIn({ place, radiusMetres }: Waypoint, position: Position): boolean {
  return geodesicMetres(place, position) <= radiusMetres;
}

function crosses({ place, radiusMetres }: Waypoint, from: Position, to: Position): boolean {
  const { square } = nearestOnLine(localMetres(place, from), localMetres(place, to));
  return square <= radiusMetres * radiusMetres;
}

/** Even–odd rule in degrees around the position, so that a fence may lie across the antimeridian. */
function isWithin(place: Position, shape: Fence['shape']): boolean {
  if ('centre' in shape) return geodesicMetres(place, shape.centre) <= shape.radiusMetres;
  let within = false;
  const { polygon } = shape;
  for (let i = 0, j = polygon.length - 1; i < polygon.length; j = i++) {
    const ay = polygon[i]!.latitude - place.latitude;
    const by = polygon[j]!.latitude - place.latitude;
    if (ay > 0 === by > 0) continue;
    const ax = wrapDegrees(polygon[i]!.longitude - place.longitude);
    const bx = ax + wrapDegrees(polygon[j]!.longitude - polygon[i]!.longitude);
    if (ax - (ay * (bx - ax)) / (by - ay) > 0) within = !within;
  }
  return within;
}

function cutIntoPieces(vertices: readonly Position[], path: string): Position[] {
  const cut: Position[] = vertices.slice(0, 1);
  for (let i = 1; i < vertices.length; i++) {
    let from = vertices[i - 1]!;
    const to = vertices[i]!;
    const metres = geodesicMetres(from, to);
    const pieces = Math.max(1, Math.ceil(metres / PIECE_METRES));
    if (cut.length + pieces > MAX_PIECES) {
      refuseTerms(path, `a route of at most ${(MAX_PIECES * PIECE_METRES) / 1_000} km`, 'a longer one');
    }
    for (let piece = 1; piece < pieces; piece++) {
      from = geodesicDestination(from, initialBearing(from, to), metres / pieces);
      cut.push(from);
    }
    cut.push(to);
  }
  return cut;
}

function readPlace(value: unknown, path: string): Position {
  const [latitude, longitude] = readList(value, path, 2, 2, (degrees) => degrees);
  return {
    latitude: readNumber(latitude, `${path}[0]`, -90, 90),
    longitude: readNumber(longitude, `${path}[1]`, -180, 180),
  };
}

function readWaypoint(value: unknown, path: string): Waypoint {
  const w = readMembers(
    value,
    path,
    ['name', 'at', 'radiusMetres'],
    ['minimumDwellSeconds', 'maximumDwellSeconds'],
  );
  return {
    name: readText(w.name, `${path}.name`, 60),
    place: readPlace(w.at, `${path}.at`),
    radiusMetres: readNumber(w.radiusMetres, `${path}.radiusMetres`, 1, 100_000),
    minimumDwellMs:
      w.minimumDwellSeconds === undefined
        ? 0
        : readSeconds(w.minimumDwellSeconds, `${path}.minimumDwellSeconds`),
    maximumDwellMs:
      w.maximumDwellSeconds === undefined
        ? null
        : readSeconds(w.maximumDwellSeconds, `${path}.maximumDwellSeconds`),
  };
}

function readFence(value: unknown, path: string): Fence {
  const f = readMembers(value, path, ['name', 'keep'], ['centre', 'radiusMetres', 'polygon']);
  const isCircle = f.centre !== undefined && f.radiusMetres !== undefined;
  if (isCircle === (f.polygon !== undefined)) {
    refuseTerms(path, 'either polygon, or centre and radiusMetres', value);
  }
  return {
    name: readText(f.name, `${path}.name`, 60),
    keep: readChoice(f.keep, `${path}.keep`, ['inside', 'outside']),
    shape: isCircle
      ? {
          centre: readPlace(f.centre, `${path}.centre`),
          radiusMetres: readNumber(f.radiusMetres, `${path}.radiusMetres`, 1, 1e7),
        }
      : { polygon: readList(f.polygon, `${path}.polygon`, 3, MAX_VERTICES, readPlace) },
  };
}

function figuresOf(journey: Journey | null, { waypoints }: RouteTerms, unobservedMs: number): string {
  const reached =
    waypoints.length > 0 && journey !== null
      ? `${Math.min(journey.next, waypoints.length)} of ${waypoints.length} waypoints reached or passed.`
      : '';
  return `${reached}${unobservedMs > 0 ? ` For ${minutes(unobservedMs)} there is no position: unknown.` : ''}`.trim();
}

function dwellText({ name }: Waypoint, ms: number): string {
  return `${minutes(ms)} at ${JSON.stringify(name)}`;
}

function metresText(metres: number): string {
  return `${decimalText(metres, 1)} m`;
}

function minutes(ms: number): string {
  return `${decimalText(ms / 60_000, 1)} min`;
}
