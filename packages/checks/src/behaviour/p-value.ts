import type { Decimal } from '@assay/core';

/**
 * A p value as the score of a finding: the probability that the data are sound. After Sellke, Bayarri and Berger,
 * "Calibration of p Values for Testing Precise Null Hypotheses" (American Statistician 55, 2001), a p below 1/e
 * lowers the odds by at most -e p ln p; before the test 99 of 100 observations are taken to be sound.
 *
 * @example
 * soundness(1); // '0.99'
 * soundness(0.0001); // '0.198629…' rounded to six places
 */
export function soundness(p: number): Decimal {
  const bounded = Math.min(Math.max(p, 1e-300), 1);
  const factor = bounded < 1 / Math.E ? -Math.E * bounded * Math.log(bounded) : 1;
  const odds = (PRIOR_SOUND / (1 - PRIOR_SOUND)) * factor;
  return decimalOf(odds / (1 + odds));
}

const PRIOR_SOUND = 0.99;

/** A number between 0 and 1, or any other finite one, as a canonical decimal string of at most six places. */
export function decimalOf(value: number): Decimal {
  const text = value.toFixed(6).replace(/\.?0+$/, '');
  return text === '-0' ? '0' : text;
}

/** A p value for people: `0.032`, `below 0.0001`. */
export function sayP(p: number): string {
  return p < 0.0001 ? 'below 0.0001' : p.toFixed(4).replace(/0+$/, '').replace(/\.$/, '');
}

/**
 * P(X ≥ x) for chi-square with `degrees` degrees of freedom: the upper incomplete gamma function, by series below
 * and Lentz's continued fraction above the mean (Abramowitz and Stegun 6.5.29, 6.5.31).
 */
export function chiSquareTail(x: number, degrees: number): number {
  if (!(x > 0)) return 1;
  return upperGamma(degrees / 2, x / 2);
}

/** P(X ≥ k) for a Poisson count of mean `mean`, by the same function: 1 - Q(k, mean). */
export function poissonTail(k: number, mean: number): number {
  if (k <= 0) return 1;
  if (!(mean > 0)) return 0;
  return mean < k + 1 ? lowerSeries(k, mean) : 1 - upperGamma(k, mean);
}

/** P(X ≥ k) of n tries with probability p each, summed exactly. */
export function binomialTail(k: number, n: number, p: number): number {
  let total = 0;
  for (let i = Math.max(k, 0); i <= n; i++) {
    const term = Math.exp(
      logGamma(n + 1) - logGamma(i + 1) - logGamma(n - i + 1) + i * Math.log(p) + (n - i) * Math.log1p(-p),
    );
    total += term;
    if (i > n * p && term < total * 1e-12) break;
  }
  return Math.min(total, 1);
}

/** ln C(n, k). */
export function logChoose(n: number, k: number): number {
  return k < 0 || k > n ? Number.NEGATIVE_INFINITY : logGamma(n + 1) - logGamma(k + 1) - logGamma(n - k + 1);
}

function upperGamma(a: number, x: number): number {
  if (x < a + 1) return 1 - lowerSeries(a, x);
  const tiny = 1e-300;
  let b = x + 1 - a;
  let c = 1 / tiny;
  let d = 1 / b;
  let fraction = d;
  for (let i = 1; i <= MAX_TERMS; i++) {
    const an = -i * (i - a);
    b += 2;
    d = an * d + b;
    d = 1 / (Math.abs(d) < tiny ? tiny : d);
    c = b + an / c;
    if (Math.abs(c) < tiny) c = tiny;
    fraction *= d * c;
    if (Math.abs(d * c - 1) < 1e-14) break;
  }
  return Math.exp(-x + a * Math.log(x) - logGamma(a)) * fraction;
}

function lowerSeries(a: number, x: number): number {
  let term = 1 / a;
  let sum = term;
  for (let i = 1; i <= MAX_TERMS && Math.abs(term) > Math.abs(sum) * 1e-15; i++) {
    term *= x / (a + i);
    sum += term;
  }
  return sum * Math.exp(-x + a * Math.log(x) - logGamma(a));
}

/** Terms that the slowest of our arguments (1,000 degrees) needs, with room. */
const MAX_TERMS = 10_000;

/** ln Γ(x) for x > 0, after Lanczos with g = 7 and nine coefficients: 15 digits. */
function logGamma(x: number): number {
  const shifted = x - 1;
  let sum = LANCZOS[0]!;
  for (let i = 1; i < LANCZOS.length; i++) sum += LANCZOS[i]! / (shifted + i);
  const t = shifted + 7.5;
  return 0.5 * Math.log(2 * Math.PI) + (shifted + 0.5) * Math.log(t) - t + Math.log(sum);
}

const LANCZOS = [
  0.99999999999980993, 676.5203681218851, -1259.1392167224028, 771.32342877765313, -176.61502916214059,
  12.507343278686905, -0.13857109526572012, 9.9843695780195716e-6, 1.5056327351493116e-7,
];
