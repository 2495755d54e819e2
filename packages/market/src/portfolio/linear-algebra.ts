/** A matrix as its rows. */
export type Matrix = Float64Array[];

/** A matrix of zeros. */
export function zeros(rows: number, columns = rows): Matrix {
  return Array.from({ length: rows }, () => new Float64Array(columns));
}

export function dot(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i]! * b[i]!;
  return sum;
}

export function times(matrix: Matrix, vector: ArrayLike<number>): Float64Array {
  return Float64Array.from(matrix, (row) => dot(row, vector));
}

/** aᵀMb. */
export function bilinear(a: ArrayLike<number>, matrix: Matrix, b: ArrayLike<number>): number {
  return dot(a, times(matrix, b));
}

/**
 * The lower triangle L with LLᵀ = M, or null when M is not positive definite.
 *
 * @example
 * cholesky([Float64Array.of(4, 2), Float64Array.of(2, 5)]); // [[2, 0], [1, 2]]
 */
export function cholesky(matrix: Matrix): Matrix | null {
  const n = matrix.length;
  const lower = zeros(n);
  for (let i = 0; i < n; i++) {
    for (let j = 0; j <= i; j++) {
      let sum = matrix[i]![j]!;
      for (let k = 0; k < j; k++) sum -= lower[i]![k]! * lower[j]![k]!;
      if (i === j) {
        if (!(sum > 0)) return null;
        lower[i]![i] = Math.sqrt(sum);
      } else lower[i]![j] = sum / lower[j]![j]!;
    }
  }
  return lower;
}

/** x with LLᵀx = b. */
export function solveCholesky(lower: Matrix, b: ArrayLike<number>): Float64Array {
  const n = lower.length;
  const x = Float64Array.from(b);
  for (let i = 0; i < n; i++) {
    for (let k = 0; k < i; k++) x[i]! -= lower[i]![k]! * x[k]!;
    x[i]! /= lower[i]![i]!;
  }
  for (let i = n - 1; i >= 0; i--) {
    for (let k = i + 1; k < n; k++) x[i]! -= lower[k]![i]! * x[k]!;
    x[i]! /= lower[i]![i]!;
  }
  return x;
}

const MAX_SWEEPS = 60;

/**
 * Eigenvalues, ascending, and unit eigenvectors of a symmetric matrix by cyclic Jacobi rotations (Golub and Van Loan,
 * section 8.5): slower than QR, but accurate to rounding and the same everywhere. At most 60 sweeps.
 */
export function symmetricEigen(matrix: Matrix): { values: Float64Array; vectors: Matrix } {
  const n = matrix.length;
  const a = matrix.map((row) => Float64Array.from(row));
  // Rows of `v` are the eigenvectors.
  const v = zeros(n);
  for (let i = 0; i < n; i++) v[i]![i] = 1;
  const scale = Math.sqrt(a.reduce((sum, row) => sum + dot(row, row), 0));
  for (let sweep = 0; sweep < MAX_SWEEPS; sweep++) {
    let off = 0;
    for (let p = 0; p < n; p++) for (let q = p + 1; q < n; q++) off += a[p]![q]! ** 2;
    if (Math.sqrt(off) <= 1e-16 * scale) break;
    for (let p = 0; p < n; p++) {
      for (let q = p + 1; q < n; q++) {
        const apq = a[p]![q]!;
        if (Math.abs(apq) <= 1e-300) continue;
        const theta = (a[q]![q]! - a[p]![p]!) / (2 * apq);
        const t = Math.sign(theta || 1) / (Math.abs(theta) + Math.sqrt(theta * theta + 1));
        const c = 1 / Math.sqrt(t * t + 1);
        const s = t * c;
        const rowP = a[p]!;
        const rowQ = a[q]!;
        for (let k = 0; k < n; k++) {
          const row = a[k]!;
          const kp = row[p]!;
          const kq = row[q]!;
          row[p] = c * kp - s * kq;
          row[q] = s * kp + c * kq;
        }
        rotate(rowP, rowQ, c, s);
        rotate(v[p]!, v[q]!, c, s);
      }
    }
  }
  const order = Array.from({ length: n }, (_, i) => i).sort((i, j) => a[i]![i]! - a[j]![j]! || i - j);
  return {
    values: Float64Array.from(order, (i) => a[i]![i]!),
    vectors: order.map((i) => v[i]!),
  };
}

function rotate(p: Float64Array, q: Float64Array, c: number, s: number): void {
  for (let k = 0; k < p.length; k++) {
    const x = p[k]!;
    const y = q[k]!;
    p[k] = c * x - s * y;
    q[k] = s * x + c * y;
  }
}
