import { randomFrom } from './gradient-boosting.ts';

/** How well probabilities and a threshold tell yes from no. */
export interface ClassifierFigures {
  precision: number;
  recall: number;
  f1: number;
  /** Area under the ROC curve. */
  auc: number;
  /** Mean squared error of the probability. */
  brier: number;
  truePositives: number;
  falsePositives: number;
  falseNegatives: number;
  trueNegatives: number;
}

/**
 * Figures of probabilities against labels; yes from `threshold` on.
 *
 * @example
 * figuresOf([0.9, 0.2], [1, 0], 0.5).f1; // 1
 */
export function figuresOf(
  probabilities: ArrayLike<number>,
  labels: ArrayLike<number>,
  threshold: number,
): ClassifierFigures {
  let [truePositives, falsePositives, falseNegatives, trueNegatives, squares] = [0, 0, 0, 0, 0];
  for (let i = 0; i < labels.length; i++) {
    const yes = probabilities[i]! >= threshold;
    if (labels[i] === 1) yes ? truePositives++ : falseNegatives++;
    else yes ? falsePositives++ : trueNegatives++;
    squares += (probabilities[i]! - labels[i]!) ** 2;
  }
  const over = (n: number, d: number) => (d === 0 ? 0 : n / d);
  return {
    precision: over(truePositives, truePositives + falsePositives),
    recall: over(truePositives, truePositives + falseNegatives),
    f1: over(2 * truePositives, 2 * truePositives + falsePositives + falseNegatives),
    auc: areaUnderCurve(probabilities, labels),
    brier: squares / labels.length,
    truePositives,
    falsePositives,
    falseNegatives,
    trueNegatives,
  };
}

/** The threshold with the best F1; half-way between neighbours, so that it is no example's own value. */
export function bestThreshold(probabilities: readonly number[], labels: readonly number[]): number {
  const order = probabilities.map((p, i) => ({ p, label: labels[i]! })).sort((a, b) => b.p - a.p);
  const positives = labels.reduce((sum, label) => sum + label, 0);
  let best = { f1: -1, threshold: 0.5 };
  let truePositives = 0;
  for (const [i, { p, label }] of order.entries()) {
    truePositives += label;
    const next = order[i + 1]?.p;
    if (next === p) continue;
    const f1 = (2 * truePositives) / (i + 1 + positives);
    if (f1 > best.f1) best = { f1, threshold: (p + (next ?? 0)) / 2 };
  }
  return best.threshold;
}

/** Mean probability and share of yes in equal bins of the probability. */
export function reliability(
  probabilities: readonly number[],
  labels: readonly number[],
  bins: number,
): { from: number; count: number; mean: number; share: number }[] {
  return Array.from({ length: bins }, (_, bin) => {
    const inside = [...probabilities.keys()].filter(
      (i) => Math.min(bins - 1, Math.floor(probabilities[i]! * bins)) === bin,
    );
    const average = (of: readonly number[]) => inside.reduce((sum, i) => sum + of[i]!, 0) / inside.length;
    return { from: bin / bins, count: inside.length, mean: average(probabilities), share: average(labels) };
  }).filter(({ count }) => count > 0);
}

/**
 * Stratified folds: each example's fold, each label spread evenly, drawn with a seed. Examples of one group stay
 * together.
 *
 * @param groups a name for each example.
 */
export function stratifiedFolds(
  labels: ArrayLike<number>,
  groups: readonly string[],
  count: number,
  seed: number,
): Uint8Array {
  const members = new Map<string, number[]>();
  for (const [i, group] of groups.entries()) members.set(group, [...(members.get(group) ?? []), i]);
  const folds = new Uint8Array(groups.length);
  const random = randomFrom(seed);
  for (const label of [0, 1]) {
    const own = [...members.values()].filter((indices) => labels[indices[0]!] === label);
    for (let i = own.length - 1; i > 0; i--) {
      const j = Math.floor(random() * (i + 1));
      [own[i], own[j]] = [own[j]!, own[i]!];
    }
    // The largest group first, each to the fold that has least of this label.
    const filled = Array<number>(count).fill(0);
    for (const indices of own.sort((a, b) => b.length - a.length)) {
      const fold = filled.indexOf(Math.min(...filled));
      filled[fold]! += indices.length;
      for (const i of indices) folds[i] = fold;
    }
  }
  return folds;
}

/**
 * Platt's calibration: slope and intercept that turn margins into log-odds, fitted with his softened targets by
 * Newton's method (Platt 1999; Lin, Lin and Weng, "A note on Platt's probabilistic outputs", Machine Learning 2007).
 * Margins must come from examples that the classifier did not learn from.
 */
export function fitPlatt(
  margins: readonly number[],
  labels: readonly number[],
): { slope: number; intercept: number } {
  const positives = labels.reduce((sum, label) => sum + label, 0);
  const negatives = labels.length - positives;
  const targets = labels.map((label) =>
    label === 1 ? (positives + 1) / (positives + 2) : 1 / (negatives + 2),
  );
  let [slope, intercept] = [1, 0];
  const loss = (a: number, b: number) =>
    margins.reduce((sum, margin, i) => {
      const z = a * margin + b;
      return sum + Math.max(z, 0) - targets[i]! * z + Math.log1p(Math.exp(-Math.abs(z)));
    }, 0);
  for (let round = 0; round < 100; round++) {
    let [ga, gb, haa, hab, hbb] = [0, 0, 1e-9, 0, 1e-9];
    for (const [i, margin] of margins.entries()) {
      const p = 1 / (1 + Math.exp(-(slope * margin + intercept)));
      const [d, w] = [p - targets[i]!, p * (1 - p)];
      ga += d * margin;
      gb += d;
      haa += w * margin * margin;
      hab += w * margin;
      hbb += w;
    }
    const determinant = haa * hbb - hab * hab;
    const [da, db] = [(hbb * ga - hab * gb) / determinant, (haa * gb - hab * ga) / determinant];
    const before = loss(slope, intercept);
    let size = 1;
    while (size > 1e-10 && loss(slope - size * da, intercept - size * db) > before) size /= 2;
    slope -= size * da;
    intercept -= size * db;
    if (Math.abs(size * da) + Math.abs(size * db) < 1e-10) break;
  }
  return { slope, intercept };
}

/** Mann and Whitney's rank sum; ties count half. */
function areaUnderCurve(probabilities: ArrayLike<number>, labels: ArrayLike<number>): number {
  const order = Array.from(labels, (label, i) => ({ p: probabilities[i]!, label })).sort((a, b) => a.p - b.p);
  let ranks = 0;
  let positives = 0;
  for (let i = 0; i < order.length; ) {
    let end = i;
    while (end < order.length && order[end]!.p === order[i]!.p) end += 1;
    const rank = (i + 1 + end) / 2;
    for (; i < end; i++) {
      if (order[i]!.label !== 1) continue;
      ranks += rank;
      positives += 1;
    }
  }
  const negatives = order.length - positives;
  return (ranks - (positives * (positives + 1)) / 2) / (positives * negatives);
}
