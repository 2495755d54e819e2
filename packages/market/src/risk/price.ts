/**
 * Whether a price can be divided by and its logarithm taken. The bounds keep every quotient of two prices, in percent,
 * a number that can be written down.
 */
export function isPrice(value: number): boolean {
  return value >= 1e-30 && value <= 1e30;
}
