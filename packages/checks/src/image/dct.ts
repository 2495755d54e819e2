/** The orthonormal 8-point DCT-II that JPEG uses (ITU-T T.81, A.3.3): row u, sample x. */
const BASIS = Float64Array.from({ length: 64 }, (_, at) => {
  const [u, x] = [at >> 3, at & 7];
  return (u === 0 ? Math.SQRT1_2 : 1) * 0.5 * Math.cos(((2 * x + 1) * u * Math.PI) / 16);
});

/**
 * The DCT of the 8×8 block whose first sample is at `at`, in natural order.
 *
 * @param stride samples a row of the plane.
 */
export function forwardDct(plane: ArrayLike<number>, at: number, stride: number, out: Float64Array): void {
  for (let y = 0; y < 8; y++) {
    const row = at + y * stride;
    for (let u = 0; u < 8; u++) {
      let sum = 0;
      for (let x = 0; x < 8; x++) sum += BASIS[u * 8 + x]! * plane[row + x]!;
      scratch[y * 8 + u] = sum;
    }
  }
  for (let v = 0; v < 8; v++) {
    for (let u = 0; u < 8; u++) {
      let sum = 0;
      for (let y = 0; y < 8; y++) sum += BASIS[v * 8 + y]! * scratch[y * 8 + u]!;
      out[v * 8 + u] = sum;
    }
  }
}

/** The inverse of {@link forwardDct}, of 64 coefficients already multiplied by their steps. */
export function inverseDct(coefficients: ArrayLike<number>, out: Float64Array): void {
  for (let v = 0; v < 8; v++) {
    for (let x = 0; x < 8; x++) {
      let sum = 0;
      for (let u = 0; u < 8; u++) sum += BASIS[u * 8 + x]! * coefficients[v * 8 + u]!;
      scratch[v * 8 + x] = sum;
    }
  }
  for (let y = 0; y < 8; y++) {
    for (let x = 0; x < 8; x++) {
      let sum = 0;
      for (let v = 0; v < 8; v++) sum += BASIS[v * 8 + y]! * scratch[v * 8 + x]!;
      out[y * 8 + x] = sum;
    }
  }
}

/** Filled and read within one call. */
const scratch = new Float64Array(64);

/** One channel of a picture, row by row. */
export interface Plane {
  data: Float32Array;
  width: number;
  height: number;
}
