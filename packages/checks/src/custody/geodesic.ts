import { atan2, sincos } from './portable-math.ts';

/** A place on WGS84, in degrees. */
export interface Position {
  latitude: number;
  longitude: number;
}

/** WGS84 (NGA.STND.0036): equatorial radius in metres, flattening. */
const A = 6_378_137;
const F = 1 / 298.257223563;
const B = A * (1 - F);
const DEGREE = Math.PI / 180;
/** Mean radius of the ellipsoid (IUGG R1), for the one case that Vincenty's formula leaves open. */
const MEAN_RADIUS = (2 * A + B) / 3;
const MAX_ITERATIONS = 200;

/**
 * Length of the shortest path between two places over the WGS84 ellipsoid, in metres (T. Vincenty, "Direct and inverse
 * solutions of geodesics on the ellipsoid", Survey Review 23, 1975, with the series in his appendix).
 *
 * Within 0.1 mm, except between nearly opposite points of the Earth, where the formula does not converge: there the
 * answer is the great circle's, within 0.6 %, which is close enough to say that nothing travelled so far.
 *
 * @example
 * geodesicMetres({ latitude: 50.85, longitude: 4.35 }, { latitude: 52.52, longitude: 13.405 }); // about 651 km
 */
export function geodesicMetres(from: Position, to: Position): number {
  if (from.latitude === to.latitude && from.longitude === to.longitude) return 0;
  const L = wrapDegrees(to.longitude - from.longitude) * DEGREE;
  const [sinU1, cosU1] = reduced(from.latitude);
  const [sinU2, cosU2] = reduced(to.latitude);
  let lambda = L;
  for (let i = 0; i < MAX_ITERATIONS; i++) {
    const { sin: sinLambda, cos: cosLambda } = sincos(lambda);
    const p = cosU2 * sinLambda;
    const q = cosU1 * sinU2 - sinU1 * cosU2 * cosLambda;
    const sinSigma = Math.sqrt(p * p + q * q);
    if (sinSigma === 0) return 0;
    const cosSigma = sinU1 * sinU2 + cosU1 * cosU2 * cosLambda;
    const sigma = atan2(sinSigma, cosSigma);
    const sinAlpha = (cosU1 * cosU2 * sinLambda) / sinSigma;
    const cosSqAlpha = 1 - sinAlpha * sinAlpha;
    // On the equator cos²α is 0 and the term with it vanishes.
    const cos2Sm = cosSqAlpha === 0 ? 0 : cosSigma - (2 * sinU1 * sinU2) / cosSqAlpha;
    const C = (F / 16) * cosSqAlpha * (4 + F * (4 - 3 * cosSqAlpha));
    const last = lambda;
    lambda =
      L +
      (1 - C) * F * sinAlpha * (sigma + C * sinSigma * (cos2Sm + C * cosSigma * (2 * cos2Sm * cos2Sm - 1)));
    if (Math.abs(lambda) > Math.PI) break;
    if (Math.abs(lambda - last) <= 1e-12) {
      const uSq = (cosSqAlpha * (A * A - B * B)) / (B * B);
      return B * bigA(uSq) * (sigma - deltaSigma(uSq, sinSigma, cosSigma, cos2Sm));
    }
  }
  return greatCircle(from, to);
}

/**
 * The place at a distance in a direction (Vincenty's direct solution).
 *
 * @param bearing clockwise from north, in degrees.
 */
export function geodesicDestination(from: Position, bearing: number, metres: number): Position {
  const [sinU1, cosU1] = reduced(from.latitude);
  const { sin: sinAlpha1, cos: cosAlpha1 } = sincos(bearing * DEGREE);
  const sigma1 = atan2(sinU1, cosU1 * cosAlpha1);
  const sinAlpha = cosU1 * sinAlpha1;
  const cosSqAlpha = 1 - sinAlpha * sinAlpha;
  const uSq = (cosSqAlpha * (A * A - B * B)) / (B * B);
  const start = metres / (B * bigA(uSq));
  let sigma = start;
  for (let i = 0; i < MAX_ITERATIONS; i++) {
    const { sin, cos } = sincos(sigma);
    const next = start + deltaSigma(uSq, sin, cos, sincos(2 * sigma1 + sigma).cos);
    const moved = Math.abs(next - sigma);
    sigma = next;
    if (moved <= 1e-12) break;
  }
  const { sin: sinSigma, cos: cosSigma } = sincos(sigma);
  const cos2Sm = sincos(2 * sigma1 + sigma).cos;
  const side = sinU1 * sinSigma - cosU1 * cosSigma * cosAlpha1;
  const latitude = atan2(
    sinU1 * cosSigma + cosU1 * sinSigma * cosAlpha1,
    (1 - F) * Math.sqrt(sinAlpha * sinAlpha + side * side),
  );
  const lambda = atan2(sinSigma * sinAlpha1, cosU1 * cosSigma - sinU1 * sinSigma * cosAlpha1);
  const C = (F / 16) * cosSqAlpha * (4 + F * (4 - 3 * cosSqAlpha));
  const L =
    lambda -
    (1 - C) * F * sinAlpha * (sigma + C * sinSigma * (cos2Sm + C * cosSigma * (2 * cos2Sm * cos2Sm - 1)));
  return { latitude: latitude / DEGREE, longitude: wrapDegrees(from.longitude + L / DEGREE) };
}

/** Direction in which the great circle to another place leaves, clockwise from north in degrees. */
export function initialBearing(from: Position, to: Position): number {
  const [sinU1, cosU1] = reduced(from.latitude);
  const [sinU2, cosU2] = reduced(to.latitude);
  const { sin, cos } = sincos(wrapDegrees(to.longitude - from.longitude) * DEGREE);
  return atan2(cosU2 * sin, cosU1 * sinU2 - sinU1 * cosU2 * cos) / DEGREE;
}

/**
 * A place as metres east and north of another, exact at the origin: the radii of curvature of the ellipsoid there.
 * Within 10 km of it, off by less than 0.2 % below 80° of latitude.
 */
export function localMetres(origin: Position, place: Position): { east: number; north: number } {
  const { sin, cos } = sincos(origin.latitude * DEGREE);
  const e2 = F * (2 - F);
  const w = Math.sqrt(1 - e2 * sin * sin);
  const meridian = (A * (1 - e2)) / (w * w * w);
  const normal = A / w;
  return {
    east: wrapDegrees(place.longitude - origin.longitude) * DEGREE * normal * cos,
    north: (place.latitude - origin.latitude) * DEGREE * meridian,
  };
}

/** A difference of longitudes in [−180, 180): routes may cross the antimeridian. */
export function wrapDegrees(degrees: number): number {
  const turned = (degrees + 180) % 360;
  return (turned < 0 ? turned + 360 : turned) - 180;
}

function reduced(latitude: number): [sin: number, cos: number] {
  const { sin, cos } = sincos(latitude * DEGREE);
  const y = (1 - F) * sin;
  const length = Math.sqrt(y * y + cos * cos);
  return [y / length, cos / length];
}

/** Vincenty's A. */
function bigA(uSq: number): number {
  return 1 + (uSq / 16384) * (4096 + uSq * (-768 + uSq * (320 - 175 * uSq)));
}

/** Vincenty's Δσ. */
function deltaSigma(uSq: number, sinSigma: number, cosSigma: number, cos2Sm: number): number {
  const b = (uSq / 1024) * (256 + uSq * (-128 + uSq * (74 - 47 * uSq)));
  const square = cos2Sm * cos2Sm;
  return (
    b *
    sinSigma *
    (cos2Sm +
      (b / 4) *
        (cosSigma * (2 * square - 1) - (b / 6) * cos2Sm * (4 * sinSigma * sinSigma - 3) * (4 * square - 3)))
  );
}

function greatCircle(from: Position, to: Position): number {
  const a = sincos(from.latitude * DEGREE);
  const b = sincos(to.latitude * DEGREE);
  const { sin, cos } = sincos(wrapDegrees(to.longitude - from.longitude) * DEGREE);
  const p = b.cos * sin;
  const q = a.cos * b.sin - a.sin * b.cos * cos;
  return MEAN_RADIUS * atan2(Math.sqrt(p * p + q * q), a.sin * b.sin + a.cos * b.cos * cos);
}
