/**
 * The standard normal distribution. The integral is W. J. Cody's rational approximation of the error function (Math.
 * Comp. 23, 1969), good to about the last bit of a double; a five-term polynomial, as many pricers use, is off by 1e-7,
 * and a greek by more.
 */

const SQRT_2PI = Math.sqrt(2 * Math.PI);
const SQRT_HALF = Math.SQRT1_2;

/** Density at x. */
export function normalDensity(x: number): number {
  return Math.exp(-0.5 * x * x) / SQRT_2PI;
}

/** Probability of a value below x. */
export function normalCdf(x: number): number {
  return 0.5 * erfc(-x * SQRT_HALF);
}

const A = [3.1611237438705655, 113.86415415105016, 377.485237685302, 3209.3775891384694, 0.18577770618460315];
const B = [23.601290952344122, 244.02463793444417, 1282.6165260773723, 2844.236833439171];
const C = [
  0.5641884969886701, 8.883149794388377, 66.11919063714163, 298.6351381974001, 881.952221241769,
  1712.0476126340707, 2051.0783778260716, 1230.3393547979972, 2.1531153547440383e-8,
];
const D = [
  15.744926110709835, 117.6939508913125, 537.1811018620099, 1621.3895745666903, 3290.7992357334597,
  4362.619090143247, 3439.3676741437216, 1230.3393548037495,
];
const P = [
  0.30532663496123236, 0.36034489994980445, 0.12578172611122926, 0.016083785148742275, 0.0006587491615298378,
  0.016315387137302097,
];
const Q = [
  2.568520192289822, 1.8729528499234673, 0.5279051029514285, 0.06051834131244132, 0.0023352049762686918,
];

/** Complementary error function. */
export function erfc(x: number): number {
  const y = Math.abs(x);
  if (y <= 0.46875) return 1 - erfNearZero(x, y);
  const tail = y <= 4 ? middle(y) : far(y);
  return x < 0 ? 2 - tail : tail;
}

function erfNearZero(x: number, y: number): number {
  const z = y > 1.11e-16 ? y * y : 0;
  let above = A[4]! * z;
  let below = z;
  for (let i = 0; i < 3; i++) {
    above = (above + A[i]!) * z;
    below = (below + B[i]!) * z;
  }
  return (x * (above + A[3]!)) / (below + B[3]!);
}

function middle(y: number): number {
  let above = C[8]! * y;
  let below = y;
  for (let i = 0; i < 7; i++) {
    above = (above + C[i]!) * y;
    below = (below + D[i]!) * y;
  }
  return decay(y) * ((above + C[7]!) / (below + D[7]!));
}

function far(y: number): number {
  // Below the smallest double.
  if (y >= 26.543) return 0;
  const z = 1 / (y * y);
  let above = P[5]! * z;
  let below = z;
  for (let i = 0; i < 4; i++) {
    above = (above + P[i]!) * z;
    below = (below + Q[i]!) * z;
  }
  const ratio = (z * (above + P[4]!)) / (below + Q[4]!);
  return (decay(y) * (1 / Math.sqrt(Math.PI) - ratio)) / y;
}

/** exp(-y²) in two factors, so that squaring loses nothing. */
function decay(y: number): number {
  const whole = Math.trunc(y * 16) / 16;
  return Math.exp(-whole * whole) * Math.exp(-(y - whole) * (y + whole));
}
