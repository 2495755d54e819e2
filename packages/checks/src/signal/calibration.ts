import { SAME } from './novelty.ts';

/**
 * The chance that a point of a stationary series looks at least this surprising: what the detector's score means.
 *
 * Novelty hardly depends on the distribution: whoever has seen n values has seen most of what there is, and the chance
 * of something farther than d ranges from all of it falls like 1/n, and like 1/d² for tails up to exponential ones.
 * Measured on simulated series (Gaussian, uniform, exponential, Poisson, AR(1) with 0.5 to 0.98, a sine with noise;
 * 300 to 20,000 values old) the factor lies below 0.09; 0.1 is above all of them. For Student's t with four degrees of
 * freedom it rises to 0.15 at a distance of 0.4. What is nearer than `SAME` is not new at all. Because the range fades,
 * age beyond 5,000 values adds no more confidence.
 *
 * @param distance in ranges, of {@link observe}.
 * @param seen values before this one.
 * @example
 * falseAlarmChance(0.2, 1000); // 0.0025
 */
export function falseAlarmChance(distance: number, seen: number): number {
  if (distance <= SAME) return 1;
  return Math.min(1, 0.1 / (Math.min(Math.max(seen, 1), SETTLED) * distance * distance));
}

/**
 * How much a distance weighs after so many values: 1 after 1,000, three quarters of it after 250, 1.4 from 5,000 on.
 *
 * The same distance says more the more was seen. Were alarms ranked by {@link falseAlarmChance}, this would be the
 * square root of `seen`, which asks so much of the young that short series are never heard; were they ranked by the
 * distance, it would be 1, and false alarms come mostly early (24 times as often around 500 values as around 4,000).
 * The fifth root lies between them (10 times), in the middle of what scores and simulations hardly tell apart (0.15
 * to 0.25).
 *
 * @example
 * experience(1000); // 1
 */
export function experience(seen: number): number {
  return (Math.min(Math.max(seen, 1), SETTLED) / 1000) ** 0.2;
}

/**
 * The distance of an alarm after 1,000 values, unless the contract says otherwise: on series simulated like those above,
 * between their 300th and their 5,000th value, alarms that weigh as much came 0.83 times in 1,000 values. No labels
 * chose the value.
 */
export const ALARM_DISTANCE = 0.11;

/** The range fades, so that older values add no more confidence. */
const SETTLED = 5000;
