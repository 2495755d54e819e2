/** One graded asset on one day with what became of it. */
export interface Outcome {
  day: number;
  /** Name of the class that the grade put it in. */
  bucket: string;
  hit: boolean;
}

export interface Calibration {
  /** Outcomes for which a hit rate had been stated. */
  stated: number;
  /** Mean squared difference of the stated rate and the outcome (Brier 1950); a constant ½ gives 0.25. */
  brier: number;
  /** Mean over outcomes of their bucket's absolute difference of stated and observed rate. */
  error: number;
  buckets: { bucket: string; outcomes: number; stated: number; observed: number }[];
}

/** Outcomes that a bucket needs before a hit rate is stated for it. */
const MINIMUM_OUTCOMES = 100;

/**
 * How well hit rates that were stated in advance came true. On each day a bucket states the share of hits among its own
 * outcomes of at least `embargoDays` earlier, (hits + 1) / (outcomes + 2) after Laplace; the day's outcomes are then
 * compared with it. Reliability after Murphy (Journal of Applied Meteorology 12 (1973)).
 *
 * @param outcomes ascending in day
 */
export function calibrate(outcomes: readonly Outcome[], embargoDays: number): Calibration {
  const buckets = [...new Set(outcomes.map(({ bucket }) => bucket))].sort();
  const past = new Map(buckets.map((bucket) => [bucket, { hits: 0, outcomes: 0 }]));
  const tally = new Map(buckets.map((bucket) => [bucket, { stated: 0, hits: 0, outcomes: 0 }]));
  let known = 0;
  let squares = 0;
  for (const { day, bucket, hit } of outcomes) {
    for (; known < outcomes.length && outcomes[known]!.day <= day - embargoDays; known++) {
      const seen = past.get(outcomes[known]!.bucket)!;
      seen.outcomes++;
      if (outcomes[known]!.hit) seen.hits++;
    }
    const seen = past.get(bucket)!;
    if (seen.outcomes < MINIMUM_OUTCOMES) continue;
    const rate = (seen.hits + 1) / (seen.outcomes + 2);
    const total = tally.get(bucket)!;
    total.stated += rate;
    total.outcomes++;
    if (hit) total.hits++;
    squares += (rate - (hit ? 1 : 0)) ** 2;
  }
  const judged = buckets
    .map((bucket) => ({ bucket, ...tally.get(bucket)! }))
    .filter((total) => total.outcomes > 0);
  const stated = judged.reduce((sum, total) => sum + total.outcomes, 0);
  const error = judged.reduce((sum, total) => sum + Math.abs(total.stated - total.hits), 0);
  return {
    stated,
    brier: stated > 0 ? squares / stated : Number.NaN,
    error: stated > 0 ? error / stated : Number.NaN,
    buckets: judged.map((total) => ({
      bucket: total.bucket,
      outcomes: total.outcomes,
      stated: total.stated / total.outcomes,
      observed: total.hits / total.outcomes,
    })),
  };
}
