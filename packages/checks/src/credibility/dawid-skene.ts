import { AssayError } from '@assay/core';
import { betaQuantile } from '../agreement/distribution-quantiles.ts';

/** One reviewer's label for one item; the same reviewer may label an item several times. */
export interface Review {
  item: string;
  reviewer: string;
  label: string;
}

export interface DawidSkeneOptions {
  /** Items whose true label is known; they are never relabelled. */
  gold?: Readonly<Record<string, string>>;
  /** All labels there are; those of reviews and gold if not said. */
  classes?: readonly string[];
  /**
   * Pseudo-reviews of each reviewer in each class, half of them right, so that few reviews are not taken for
   * certainty; 0 gives the paper's maximum likelihood. 1 if not said.
   */
  smoothing?: number;
  /** 1,000 if not said. */
  maxIterations?: number;
}

export interface DawidSkene {
  classes: string[];
  /** Estimated share of each class. */
  priors: number[];
  items: { item: string; label: string; posterior: number[] }[];
  reviewers: ReviewerAccuracy[];
  /**
   * The logarithm of the likelihood after each iteration (with smoothing: times the pseudo-reviews' likelihood). It
   * never decreases.
   */
  trace: number[];
  converged: boolean;
  /**
   * Whether the labels mean what they say: each class is called by its own name more often than by another. Without
   * gold items a majority of contrary reviewers cannot be told from an honest one.
   */
  identified: boolean;
}

export interface ReviewerAccuracy {
  reviewer: string;
  reviews: number;
  /** `confusion[j][l]`: how often the reviewer says l when j is true. */
  confusion: number[][];
  /** Expected share of right reviews. */
  accuracy: number;
  /** 95 %, Jeffreys, on as many reviews as the uncertainty of the items' own labels leaves. */
  interval: [low: number, high: number];
}

export const MAX_REVIEWS = 1_000_000;
export const MAX_CLASSES = 32;
const MAX_CONFUSION_CELLS = 5_000_000;
/** Converged when no posterior moves by more than this. */
const SETTLED = 1e-9;

/**
 * How accurate reviewers are, and what the items are, from nothing but who said what: the EM algorithm of Dawid and
 * Skene, "Maximum Likelihood Estimation of Observer Error-Rates Using the EM Algorithm", Applied Statistics 28 (1979).
 * The start is each item's share of labels (equation 3.1), so that labels keep their meaning while most reviewers mean
 * them; gold items hold it fast.
 *
 * Deterministic; the order of the reviews does not matter.
 *
 * @throws ARGUMENT_INVALID for a label that is not among the classes, options that make no sense, and more than
 * {@link MAX_REVIEWS} reviews or {@link MAX_CLASSES} classes.
 * @example
 * dawidSkene(reviews, { gold: { 'item-7': 'reject' } }).reviewers[0].accuracy; // 0.93
 */
export function dawidSkene(reviews: readonly Review[], options: DawidSkeneOptions = {}): DawidSkene {
  const model = tabulate(reviews, options);
  const { smoothing = 1, maxIterations = 1000 } = options;
  if (!(smoothing >= 0 && smoothing <= 100)) invalid(`smoothing: expected 0 to 100, got ${smoothing}`);
  if (!(Number.isInteger(maxIterations) && maxIterations >= 1 && maxIterations <= 100_000)) {
    invalid(`maxIterations: expected 1 to 100000, got ${maxIterations}`);
  }
  const posterior = start(model);
  const trace: number[] = [];
  let rates = maximise(model, posterior, smoothing);
  let converged = false;
  for (let i = 0; i < maxIterations && !converged; i++) {
    const { moved, logLikelihood } = expect(model, rates, posterior);
    trace.push(logLikelihood + pseudoLikelihood(model, rates, smoothing));
    rates = maximise(model, posterior, smoothing);
    converged = moved < SETTLED;
  }
  return {
    classes: model.classes,
    priors: [...rates.priors],
    items: model.items.map((item, i) => {
      const row = [...posterior.subarray(i * model.classes.length, (i + 1) * model.classes.length)];
      return { item, label: model.classes[row.indexOf(Math.max(...row))]!, posterior: row };
    }),
    reviewers: model.reviewers.map((_, r) => accuracyOf(model, rates, posterior, r)),
    trace,
    converged,
    identified: isIdentified(model, rates),
  };
}

interface Model {
  classes: string[];
  items: string[];
  reviewers: string[];
  /** By item: its reviews, as reviewer, label and how many times, in order of both. */
  reviews: { reviewer: number; label: number; times: number }[][];
  /** By item: its gold label, or -1. */
  gold: Int32Array;
}

interface Rates {
  priors: Float64Array;
  /** [reviewer][true][said]. */
  confusion: Float64Array;
}

function tabulate(reviews: readonly Review[], { gold = {}, classes }: DawidSkeneOptions): Model {
  if (reviews.length > MAX_REVIEWS) invalid(`expected at most ${MAX_REVIEWS} reviews, got ${reviews.length}`);
  const labels = [
    ...new Set(classes ?? [...reviews.map(({ label }) => label), ...Object.values(gold)]),
  ].sort();
  if (labels.length > MAX_CLASSES) invalid(`expected at most ${MAX_CLASSES} classes, got ${labels.length}`);
  const items = [...new Set(reviews.map(({ item }) => item))].sort();
  const reviewers = [...new Set(reviews.map(({ reviewer }) => reviewer))].sort();
  if (reviewers.length * labels.length ** 2 > MAX_CONFUSION_CELLS) {
    invalid(
      `expected at most ${MAX_CONFUSION_CELLS} reviewers times classes squared, got ${reviewers.length} times ${labels.length} squared`,
    );
  }
  const places = (names: readonly string[]) => new Map(names.map((name, i) => [name, i]));
  const [classOf, itemOf, reviewerOf] = [places(labels), places(items), places(reviewers)];
  const place = (label: string, whose: string) =>
    classOf.get(label) ??
    invalid(`${whose}: expected one of ${labels.join(', ')}, got ${JSON.stringify(label)}`);
  const counts = items.map(() => new Map<number, number>());
  for (const { item, reviewer, label } of reviews) {
    const row = counts[itemOf.get(item)!]!;
    const key = reviewerOf.get(reviewer)! * labels.length + place(label, `${reviewer} on ${item}`);
    row.set(key, (row.get(key) ?? 0) + 1);
  }
  return {
    classes: labels,
    items,
    reviewers,
    reviews: counts.map((row) =>
      [...row]
        .sort(([a], [b]) => a - b)
        .map(([key, times]) => ({
          reviewer: Math.floor(key / labels.length),
          label: key % labels.length,
          times,
        })),
    ),
    gold: Int32Array.from(items, (item) =>
      Object.hasOwn(gold, item) ? place(gold[item]!, `gold of ${item}`) : -1,
    ),
  };
}

/** Equation 3.1: the share of each label among an item's reviews; gold items are what they are. */
function shareOfLabels({ items, classes, reviews, gold }: Model): Float64Array {
  const k = classes.length;
  const posterior = new Float64Array(items.length * k);
  reviews.forEach((row, i) => {
    const total = row.reduce((sum, { times }) => sum + times, 0);
    if (gold[i]! >= 0) posterior[i * k + gold[i]!] = 1;
    else for (const { label, times } of row) posterior[i * k + label]! += times / total;
  });
  return posterior;
}

/**
 * Where the iteration begins. With gold items, what they say of the reviewers already counts: else a majority that means
 * the opposite would be followed from the first step on, and no number of gold items could call it back.
 */
function start(model: Model): Float64Array {
  const shares = shareOfLabels(model);
  const { items, classes, gold } = model;
  const k = classes.length;
  if (!gold.some((label) => label >= 0)) return shares;
  const taught = shares.map((share, at) => (gold[Math.floor(at / k)]! >= 0 ? share : 0));
  const posterior = shares.slice();
  expect(model, { ...maximise(model, taught, 1), priors: new Float64Array(k).fill(1 / k) }, posterior);
  for (let i = 0; i < items.length; i++) {
    if (gold[i]! >= 0) continue;
    for (let j = 0; j < k; j++) posterior[i * k + j]! *= shares[i * k + j]! + 1 / (2 * k);
    normalise(posterior, i * k, k);
  }
  return posterior;
}

/** Equations 2.3 and 2.4. */
function maximise(model: Model, posterior: Float64Array, smoothing: number): Rates {
  const { classes, items, reviewers, reviews } = model;
  const k = classes.length;
  const priors = new Float64Array(k).fill(smoothing / k);
  const confusion = new Float64Array(reviewers.length * k * k);
  for (let r = 0; r < reviewers.length; r++) {
    for (let j = 0; j < k; j++) {
      for (let l = 0; l < k; l++) confusion[(r * k + j) * k + l] = pseudoReviews(smoothing, k, j === l);
    }
  }
  for (let i = 0; i < items.length; i++) {
    for (let j = 0; j < k; j++) {
      const weight = posterior[i * k + j]!;
      if (weight === 0) continue;
      priors[j]! += weight;
      for (const { reviewer, label, times } of reviews[i]!) {
        confusion[(reviewer * k + j) * k + label]! += weight * times;
      }
    }
  }
  normalise(priors, 0, k);
  for (let row = 0; row < reviewers.length * k; row++) normalise(confusion, row * k, k);
  return { priors, confusion };
}

function pseudoReviews(smoothing: number, k: number, right: boolean): number {
  if (k === 1) return smoothing;
  return right ? smoothing / 2 : smoothing / 2 / (k - 1);
}

function normalise(values: Float64Array, from: number, length: number): void {
  let total = 0;
  for (let i = from; i < from + length; i++) total += values[i]!;
  // A class in which a reviewer saw nothing: every label is as likely, so that it says nothing of any item.
  for (let i = from; i < from + length; i++) values[i] = total > 0 ? values[i]! / total : 1 / length;
}

/** Equation 2.5, in logarithms; changes the posterior in place. */
function expect(
  { classes, reviews, gold }: Model,
  { priors, confusion }: Rates,
  posterior: Float64Array,
): { moved: number; logLikelihood: number } {
  const k = classes.length;
  const logPriors = priors.map(Math.log);
  const logConfusion = confusion.map(Math.log);
  const logs = new Float64Array(k);
  let moved = 0;
  let logLikelihood = 0;
  reviews.forEach((row, i) => {
    for (let j = 0; j < k; j++) {
      let log = logPriors[j]!;
      for (const { reviewer, label, times } of row)
        log += times * logConfusion[(reviewer * k + j) * k + label]!;
      logs[j] = log;
    }
    if (gold[i]! >= 0) {
      logLikelihood += logs[gold[i]!]!;
      return;
    }
    const most = Math.max(...logs);
    let total = 0;
    for (let j = 0; j < k; j++) total += Math.exp(logs[j]! - most);
    logLikelihood += most + Math.log(total);
    for (let j = 0; j < k; j++) {
      const next = Math.exp(logs[j]! - most) / total;
      moved = Math.max(moved, Math.abs(next - posterior[i * k + j]!));
      posterior[i * k + j] = next;
    }
  });
  return { moved, logLikelihood };
}

function pseudoLikelihood({ classes }: Model, { priors, confusion }: Rates, smoothing: number): number {
  if (smoothing === 0) return 0;
  const k = classes.length;
  let log = 0;
  for (const prior of priors) log += (smoothing / k) * Math.log(prior);
  confusion.forEach((rate, at) => {
    const [j, l] = [Math.floor(at / k) % k, at % k];
    log += pseudoReviews(smoothing, k, j === l) * Math.log(rate);
  });
  return log;
}

function accuracyOf(model: Model, rates: Rates, posterior: Float64Array, r: number): ReviewerAccuracy {
  const { classes, reviewers, reviews } = model;
  const k = classes.length;
  let right = 0;
  let total = 0;
  let doubt = 0;
  reviews.forEach((row, i) => {
    for (const { reviewer, label, times } of row) {
      if (reviewer !== r) continue;
      right += times * posterior[i * k + label]!;
      total += times;
      // What the item would be without this very review: else who decides the labels would have no doubt about them.
      const others = classes.map((_, j) => {
        const said = rates.confusion[(r * k + j) * k + label]!;
        return said > 0 ? posterior[i * k + j]! / said ** times : 0;
      });
      const p = others[label]! / others.reduce((sum, it) => sum + it, 0);
      doubt += times * times * p * (1 - p);
    }
  });
  const accuracy = right / total;
  const smooth = (right + 0.5) / (total + 1);
  const chance = (smooth * (1 - smooth)) / total;
  const worth = (total * chance) / (chance + doubt / total ** 2);
  const [won, lost] = [accuracy * worth + 0.5, (1 - accuracy) * worth + 0.5];
  return {
    reviewer: reviewers[r]!,
    reviews: total,
    confusion: classes.map((_, j) => [...rates.confusion.subarray((r * k + j) * k, (r * k + j + 1) * k)]),
    accuracy,
    // As usual with Jeffreys' interval, it reaches the end when all or nothing was right.
    interval: [
      Math.min(betaQuantile(0.025, won, lost), accuracy),
      Math.max(betaQuantile(0.975, won, lost), accuracy),
    ],
  };
}

/** Whether, over all reviewers, each class is named rightly more often than any other name is given to it. */
function isIdentified({ classes, reviewers, reviews, gold }: Model, { priors, confusion }: Rates): boolean {
  const k = classes.length;
  const volume = new Float64Array(reviewers.length);
  for (const row of reviews) for (const { reviewer, times } of row) volume[reviewer]! += times;
  const goldClasses = new Set(gold);
  return classes.every((_, j) => {
    // A class that hardly occurs has no name to lose.
    if (goldClasses.has(j) || priors[j]! < 1e-6) return true;
    const named = classes.map((__, l) =>
      reviewers.reduce((sum, ___, r) => sum + volume[r]! * confusion[(r * k + j) * k + l]!, 0),
    );
    return named[j] === Math.max(...named);
  });
}

function invalid(message: string): never {
  throw new AssayError('ARGUMENT_INVALID', message);
}
