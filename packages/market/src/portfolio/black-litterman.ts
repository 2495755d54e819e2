/**
 * Expected returns from an equilibrium and views (Black and Litterman 1992; He and Litterman 1999): the market's
 * weights imply what it expects, views move that as far as they are held with confidence.
 */
import { AssayError } from '@assay/core';
import { covarianceOf } from './covariance.ts';
import { bilinear, cholesky, dot, type Matrix, solveCholesky, times, zeros } from './linear-algebra.ts';

/** A portfolio, what it is expected to return in a year, and how sure that is. */
export interface View {
  /** Weight of each asset: 1 on one asset is an absolute view; longs and shorts that cancel out a relative one. */
  portfolio: Float64Array;
  expectedReturn: number;
  /** Idzorek's confidence, 0 (nothing) to 1 (certain); without it Ω is τ × the view's variance. */
  confidence?: number;
}

/** (market's yearly return − riskFree) / its yearly variance: the price of risk. */
export function impliedRiskAversion(market: Float64Array, periodsPerYear: number, riskFree: number): number {
  const mean = market.reduce((sum, value) => sum + value, 0) / market.length;
  return (mean * periodsPerYear - riskFree) / (covarianceOf(market, market) * periodsPerYear);
}

/** Π = δΣw + riskFree: what the market must expect to hold these weights. */
export function impliedReturns(
  covariance: Matrix,
  marketWeights: Float64Array,
  riskAversion: number,
  riskFree = 0,
): Float64Array {
  return times(covariance, marketWeights).map((value) => riskAversion * value + riskFree);
}

/**
 * Posterior mean Π + τΣPᵀ(PτΣPᵀ + Ω)⁻¹(Q − PΠ) and covariance Σ + τΣ − τΣPᵀ(PτΣPᵀ + Ω)⁻¹PτΣ of the returns.
 *
 * Ω is diagonal: τ pΣpᵀ for a view without a confidence (He and Litterman), times (1 − c)/c for one with confidence c
 * (Idzorek 2005, in Walters' closed form). A view with confidence 0 says nothing and is left out.
 *
 * @param tau weight of the views against the equilibrium, above 0 up to 1.
 * @throws ARGUMENT_INVALID when certain views contradict or repeat each other.
 */
export function blackLitterman(request: {
  covariance: Matrix;
  prior: Float64Array;
  views: readonly View[];
  tau: number;
}): { expected: Float64Array; covariance: Matrix; omega: Float64Array } {
  const { covariance, prior, tau } = request;
  const views = request.views.filter(({ confidence }) => confidence !== 0);
  const omega = Float64Array.from(views, ({ portfolio, confidence }) => {
    const variance = tau * bilinear(portfolio, covariance, portfolio);
    return confidence === undefined ? variance : (variance * (1 - confidence)) / confidence;
  });
  // Row k is τΣp of view k.
  const spread = views.map(({ portfolio }) => times(covariance, portfolio).map((value) => tau * value));
  const uncertainty = zeros(views.length);
  for (const [k, { portfolio }] of views.entries()) {
    for (const [l, row] of spread.entries()) uncertainty[k]![l] = dot(portfolio, row);
    uncertainty[k]![k]! += omega[k]!;
  }
  for (const [k, row] of uncertainty.entries()) for (let l = 0; l < k; l++) row[l] = uncertainty[l]![k]!;
  const factor = cholesky(uncertainty);
  if (!factor || factor.some((row, k) => row[k]! ** 2 < 1e-13 * uncertainty[k]![k]!)) {
    throw new AssayError(
      'ARGUMENT_INVALID',
      'views: some that are held for certain repeat or contradict others',
      {
        next: 'lower their confidence below 1, or leave one of them out',
      },
    );
  }
  const surprise = Float64Array.from(
    views,
    ({ portfolio, expectedReturn }) => expectedReturn - dot(portfolio, prior),
  );
  const pull = solveCholesky(factor, surprise);
  const expected = prior.map((value, i) => {
    let sum = value;
    for (const [k, row] of spread.entries()) sum += row[i]! * pull[k]!;
    return sum;
  });
  const columns = prior.length;
  const known = Array.from({ length: columns }, (_, j) =>
    solveCholesky(
      factor,
      spread.map((row) => row[j]!),
    ),
  );
  const posterior = zeros(columns);
  for (let i = 0; i < columns; i++) {
    for (let j = i; j < columns; j++) {
      let value = (1 + tau) * covariance[i]![j]!;
      for (const [k, row] of spread.entries()) value -= row[i]! * known[j]![k]!;
      posterior[i]![j] = posterior[j]![i] = value;
    }
  }
  return { expected, covariance: posterior, omega };
}

/**
 * Views that grades imply: an asset's return departs from the prior by information coefficient × volatility × score
 * (Grinold 1994, "Alpha is volatility times IC times score"), the score being the grade's distance from the mean grade
 * in standard deviations. Ungraded assets have no view; nor has anybody with fewer than two grades or no spread.
 *
 * @param coefficient correlation of grades with later returns as it was measured; nothing to be guessed high.
 */
export function viewsFromGrades(request: {
  grades: readonly (number | null)[];
  prior: Float64Array;
  covariance: Matrix;
  coefficient: number;
  confidence?: number;
}): View[] {
  const { grades, prior, covariance, coefficient, confidence } = request;
  const known = grades.filter((grade) => grade !== null);
  if (known.length < 2) return [];
  const mean = known.reduce((sum, grade) => sum + grade, 0) / known.length;
  const deviation = Math.sqrt(
    known.reduce((sum, grade) => sum + (grade - mean) ** 2, 0) / (known.length - 1),
  );
  if (!(deviation > 0)) return [];
  return grades.flatMap((grade, i) => {
    if (grade === null) return [];
    const portfolio = new Float64Array(prior.length);
    portfolio[i] = 1;
    const alpha = (coefficient * Math.sqrt(covariance[i]![i]!) * (grade - mean)) / deviation;
    return [
      { portfolio, expectedReturn: prior[i]! + alpha, ...(confidence === undefined ? {} : { confidence }) },
    ];
  });
}
