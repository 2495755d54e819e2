/**
 * Exponential, logarithm and the circular functions from IEEE 754's exactly rounded operations alone. ECMAScript
 * leaves `Math.exp`, `Math.sin` and their kin to the engine, so that a sensor's runtime and an auditor's may differ
 * in the last bit; findings must not. Each agrees with the true value to about 1e-15 of it (tested against the
 * engine's), which is more than any sensor knows.
 */

/** ln 2 in two parts: the first has 32 significant bits, so that k × HIGH is exact for every |k| < 2^20 (fdlibm). */
const LN2_HIGH = 0.6931471803691238;
const LN2_LOW = 1.9082149292705877e-10;
/** π/2 in two parts, the first with 33 significant bits (fdlibm). */
const HALF_PI_HIGH = 1.5707963267341256;
const HALF_PI_LOW = 6.077100506506192e-11;
const HALF_PI = Math.PI / 2;
const SQRT2 = Math.SQRT2;

/** e^x for |x| ≤ 700; NaN beyond. */
export function exp(x: number): number {
  if (!(Math.abs(x) <= 700)) return Number.NaN;
  const k = Math.round(x / Math.LN2);
  const r = x - k * LN2_HIGH - k * LN2_LOW;
  // |r| ≤ 0.347: term 16 of the series is below 1e-20.
  let sum = 1;
  for (let i = 16; i >= 1; i--) sum = 1 + (r * sum) / i;
  return scaleByPowerOfTwo(sum, k);
}

/** Natural logarithm of a positive, normal number; NaN for anything else. */
export function ln(x: number): number {
  if (!(x >= 2.3e-308) || x === Number.POSITIVE_INFINITY) return Number.NaN;
  let k = 0;
  let m = x;
  while (m > SQRT2) {
    m /= 2;
    k++;
  }
  while (m < SQRT2 / 2) {
    m *= 2;
    k--;
  }
  // ln m = 2 artanh((m − 1)/(m + 1)); the argument is at most 0.172, so that term 12 is below 1e-18.
  const s = (m - 1) / (m + 1);
  const square = s * s;
  let sum = 0;
  for (let i = 23; i >= 3; i -= 2) sum = square * (1 / i + sum);
  return k * LN2_HIGH + (2 * s + 2 * s * sum + k * LN2_LOW);
}

/** Sine and cosine of an angle in radians, |x| ≤ 1,000; NaN beyond. */
export function sincos(x: number): { sin: number; cos: number } {
  if (!(Math.abs(x) <= 1_000)) return { sin: Number.NaN, cos: Number.NaN };
  const quarter = Math.round(x / HALF_PI);
  const r = x - quarter * HALF_PI_HIGH - quarter * HALF_PI_LOW;
  const square = r * r;
  // |r| ≤ 0.786: the terms left out are below 1e-19.
  let sine = 1;
  for (let i = 18; i >= 2; i -= 2) sine = 1 - (square * sine) / (i * (i + 1));
  let cosine = 1;
  for (let i = 19; i >= 1; i -= 2) cosine = 1 - (square * cosine) / (i * (i + 1));
  const sin = r * sine;
  switch (((quarter % 4) + 4) % 4) {
    case 0:
      return { sin, cos: cosine };
    case 1:
      return { sin: cosine, cos: -sin };
    case 2:
      return { sin: -sin, cos: -cosine };
    default:
      return { sin: -cosine, cos: sin };
  }
}

/** Angle of the point (x, y) in (−π, π]; 0 for the origin. */
export function atan2(y: number, x: number): number {
  const ax = Math.abs(x);
  const ay = Math.abs(y);
  if (ax === 0 && ay === 0) return 0;
  const first = ay <= ax ? atanOfUnit(ay / ax) : HALF_PI - atanOfUnit(ax / ay);
  const angle = x < 0 ? Math.PI - first : first;
  return y < 0 ? -angle : angle;
}

/** Arc tangent of 0 to 1: halved twice by atan t = 2 atan(t / (1 + √(1 + t²))), then its series. */
function atanOfUnit(t: number): number {
  let u = t;
  for (let i = 0; i < 2; i++) u = u / (1 + Math.sqrt(1 + u * u));
  // u ≤ 0.199: term 13 is below 1e-19.
  const square = u * u;
  let sum = 0;
  for (let i = 25; i >= 3; i -= 2) sum = square * (1 / i - sum);
  return 4 * (u - u * sum);
}

/** x × 2^k in two exact steps, because 2^1024 is no double. */
function scaleByPowerOfTwo(x: number, k: number): number {
  const half = k >> 1;
  return x * powerOfTwo(half) * powerOfTwo(k - half);
}

function powerOfTwo(k: number): number {
  let power = 1;
  for (let i = 0; i < Math.abs(k); i++) power *= 2;
  return k < 0 ? 1 / power : power;
}
