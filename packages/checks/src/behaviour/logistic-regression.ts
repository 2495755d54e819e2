/**
 * Logistic regression with an L2 penalty, by Newton's method: the baseline that boosted trees must beat. Each
 * feature is first made comparable (sign and logarithm of 1 + its size, then standardised); a missing value counts as
 * the mean.
 *
 * @returns the margin (log-odds) of a row.
 * @example
 * const margin = trainLogisticRegression(columns, labels, 1);
 */
export function trainLogisticRegression(
  columns: readonly Float32Array[],
  labels: Uint8Array,
  penalty: number,
): (row: Float32Array) => number {
  const scales = columns.map((column) => {
    const known = Array.from(column, compress).filter((value) => !Number.isNaN(value));
    const mean = known.reduce((sum, value) => sum + value, 0) / Math.max(1, known.length);
    const variance = known.reduce((sum, value) => sum + (value - mean) ** 2, 0) / Math.max(1, known.length);
    return { mean, deviation: Math.sqrt(variance) || 1 };
  });
  const vectorOf = (read: (feature: number) => number) => {
    const vector = new Float64Array(columns.length + 1);
    for (const [j, { mean, deviation }] of scales.entries()) {
      const value = compress(read(j));
      vector[j] = Number.isNaN(value) ? 0 : (value - mean) / deviation;
    }
    vector[columns.length] = 1;
    return vector;
  };
  const rows = Array.from(labels, (_, i) => vectorOf((j) => columns[j]![i]!));
  const size = columns.length + 1;
  const weights = new Float64Array(size);
  for (let round = 0; round < 15; round++) {
    const gradient = weights.map((weight, j) => (j < size - 1 ? penalty * weight : 0));
    const hessian = Array.from({ length: size }, (_, j) => {
      const line = new Float64Array(size);
      line[j] = penalty;
      return line;
    });
    for (const [i, row] of rows.entries()) {
      const p = 1 / (1 + Math.exp(-dot(weights, row)));
      const w = p * (1 - p);
      for (let j = 0; j < size; j++) {
        gradient[j]! += (p - labels[i]!) * row[j]!;
        const scaled = w * row[j]!;
        const line = hessian[j]!;
        for (let k = 0; k <= j; k++) line[k]! += scaled * row[k]!;
      }
    }
    const step = solve(hessian, gradient);
    for (let j = 0; j < size; j++) weights[j]! -= step[j]!;
    if (step.every((change) => Math.abs(change) < 1e-8)) break;
  }
  return (row) =>
    dot(
      weights,
      vectorOf((j) => row[j]!),
    );
}

function compress(value: number): number {
  return Math.sign(value) * Math.log1p(Math.abs(value));
}

function dot(a: Float64Array, b: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i]! * b[i]!;
  return sum;
}

/** Solves a symmetric positive definite system, of which the lower half is given, by Cholesky's decomposition. */
function solve(matrix: Float64Array[], right: Float64Array): Float64Array {
  const n = right.length;
  for (let j = 0; j < n; j++) {
    for (let i = j; i < n; i++) {
      let sum = matrix[i]![j]!;
      for (let k = 0; k < j; k++) sum -= matrix[i]![k]! * matrix[j]![k]!;
      matrix[i]![j] = i === j ? Math.sqrt(sum) : sum / matrix[j]![j]!;
    }
  }
  const x = Float64Array.from(right);
  for (let i = 0; i < n; i++) {
    for (let k = 0; k < i; k++) x[i]! -= matrix[i]![k]! * x[k]!;
    x[i]! /= matrix[i]![i]!;
  }
  for (let i = n - 1; i >= 0; i--) {
    for (let k = i + 1; k < n; k++) x[i]! -= matrix[k]![i]! * x[k]!;
    x[i]! /= matrix[i]![i]!;
  }
  return x;
}
