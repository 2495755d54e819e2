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

const A = [
  3.1611237438705656, 1.13864154151050156e2, 3.77485237685302021e2, 3.20937758913846947e3,
  1.85777706184603153e-1,
];
const B = [2.36012909523441209e1, 2.44024637934444173e2, 1.28261652607737228e3, 2.84423683343917062e3];
const C = [
  5.64188496988670089e-1, 8.88314979438837594, 6.61191906371416295e1, 2.98635138197400131e2,
  8.8195222124176909e2, 1.71204761263407058e3, 2.05107837782607147e3, 1.23033935479799725e3,
  2.15311535474403846e-8,
];
const D = [
  1.57449261107098347e1, 1.17693950891312499e2, 5.37181101862009858e2, 1.62138957456669019e3,
  3.29079923573345963e3, 4.36261909014324716e3, 3.43936767414372164e3, 1.23033935480374942e3,
];
const P = [
  3.05326634961232344e-1, 3.60344899949804439e-1, 1.25781726111229246e-1, 1.60837851487422766e-2,
  6.58749161529837803e-4, 1.63153871373020978e-2,
];
const Q = [
  2.56852019228982242, 1.87295284992346725, 5.27905102951428412e-1, 6.05183413124413191e-2,
  2.33520497626869185e-3,
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
