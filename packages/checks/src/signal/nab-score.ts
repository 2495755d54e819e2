/**
 * How much a detector earns and loses by the Numenta Anomaly Benchmark: what counts in each application.
 * Source: Lavin & Ahmad, "Evaluating Real-time Anomaly Detection Algorithms" (ICMLA 2015), section II.C, with the
 * weights of the reference repository's version 1.1.
 */
export interface NabProfile {
  truePositive: number;
  falsePositive: number;
  falseNegative: number;
}

export const NAB_PROFILES = {
  standard: { truePositive: 1, falsePositive: 0.11, falseNegative: 1 },
  'low FP': { truePositive: 1, falsePositive: 0.22, falseNegative: 1 },
  'low FN': { truePositive: 1, falsePositive: 0.11, falseNegative: 2 },
} as const satisfies Record<string, NabProfile>;

/** One file's anomaly scores (higher is worse) and its labelled windows, as inclusive ascending ranges of points. */
export interface NabSeries {
  scores: ArrayLike<number>;
  windows: readonly (readonly [from: number, to: number])[];
}

/**
 * The raw score of several files at one threshold: each window earns what its earliest detection earns, or loses
 * the cost of a miss; each detection outside of windows loses up to the cost of a false alarm. Points of the
 * probationary period neither earn nor lose, and a window that lies wholly inside it is not counted.
 *
 * @param threshold points with this score or more are detections.
 * @example
 * nabScore([{ scores, windows: [[400, 440]] }], NAB_PROFILES.standard, 0.99);
 */
export function nabScore(files: readonly NabSeries[], profile: NabProfile, threshold: number): number {
  let total = 0;
  for (const file of files) {
    const best = new Map<number, number>();
    for (const { index, window, worth } of scoredPoints(file, profile)) {
      const detected = file.scores[index]! >= threshold;
      if (window === null) total += detected ? worth : 0;
      else {
        const soFar = best.get(window) ?? -profile.falseNegative;
        best.set(window, detected ? Math.max(soFar, worth) : soFar);
      }
    }
    for (const worth of best.values()) total += worth;
  }
  return total;
}

/**
 * The one threshold for all files that scores best, found by lowering it from above every score to below it, as
 * the benchmark does. Of equal ones the highest wins.
 */
export function bestNabThreshold(
  files: readonly NabSeries[],
  profile: NabProfile,
): { threshold: number; score: number } {
  const points: { anomaly: number; window: string | null; worth: number }[] = [];
  const best = new Map<string, number>();
  files.forEach((file, at) => {
    for (const { index, window, worth } of scoredPoints(file, profile)) {
      const name = window === null ? null : `${at}/${window}`;
      if (name !== null) best.set(name, -profile.falseNegative);
      points.push({ anomaly: file.scores[index]!, window: name, worth });
    }
  });
  points.sort((a, b) => b.anomaly - a.anomaly);
  let score = -profile.falseNegative * best.size;
  let found = { threshold: Number.POSITIVE_INFINITY, score };
  points.forEach(({ anomaly, window, worth }, at) => {
    if (window === null) score += worth;
    else {
      const before = best.get(window)!;
      if (worth > before) {
        best.set(window, worth);
        score += worth - before;
      }
    }
    if (points[at + 1]?.anomaly !== anomaly && score > found.score) found = { threshold: anomaly, score };
  });
  return found;
}

/**
 * A raw score on the scale where the detector that never speaks has 0 and the perfect one 100. Both are fixed by
 * the number of labelled windows: all missed, and each caught at its first point.
 */
export function normaliseNab(raw: number, files: readonly NabSeries[], profile: NabProfile): number {
  const windows = files.reduce((sum, file) => sum + file.windows.length, 0);
  const silent = -profile.falseNegative * windows;
  return (100 * (raw - silent)) / (profile.truePositive * windows - silent);
}

/** Points at the start of a file that are not scored: 15 %, at most 750. */
export function probationaryPoints(length: number): number {
  return Math.min(Math.floor(0.15 * length), 750);
}

/** What a detection at each point after the probationary period would earn (in a window) or lose (outside). */
function* scoredPoints(
  { scores, windows }: NabSeries,
  { truePositive, falsePositive }: NabProfile,
): Generator<{ index: number; window: number | null; worth: number }> {
  const from = probationaryPoints(scores.length);
  let next = 0;
  for (let index = from; index < scores.length; index++) {
    while (next < windows.length && windows[next]![1] < index) next++;
    const ahead = windows[next];
    if (ahead !== undefined && index >= ahead[0]) {
      const width = ahead[1] - ahead[0] + 1;
      const earned = sigmoid(-(ahead[1] - index + 1) / width) / sigmoid(-1);
      yield { index, window: next, worth: truePositive * earned };
    } else {
      yield { index, window: null, worth: falsePositive * afterWindow(windows[next - 1], index) };
    }
  }
}

/** A false alarm soon after a window costs little, and three widths after it all. Before any window it costs all. */
function afterWindow(window: readonly [number, number] | undefined, index: number): number {
  if (window === undefined) return -1;
  const widths = (index - window[1]) / (window[1] - window[0]);
  return widths > 3 ? -1 : sigmoid(widths);
}

/** From 1 (well before 0) to -1 (well after it): the paper's equation 1 without its weights. */
function sigmoid(position: number): number {
  return 2 / (1 + Math.exp(5 * position)) - 1;
}
