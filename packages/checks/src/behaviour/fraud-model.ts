import { createHash } from 'node:crypto';
import { AssayError } from '@assay/core';
import { FEATURE_LABELS, featureVector } from './fraud-features.ts';
import { logistic, marginOf, shapOf, type TreeEnsemble } from './tree-ensemble.ts';
import { decodeTreeOnnx, encodeTreeOnnx } from './tree-onnx.ts';

/** A trained classifier with what its file says of it. */
export interface FraudModel {
  ensemble: TreeEnsemble;
  /** SHA-256 of the file, in hex. */
  digest: string;
  facts: FraudModelFacts;
}

export interface FraudModelFacts {
  /** Least and largest value of each feature in training. */
  ranges: [least: number, most: number][];
  /** Probability from which an address counts as fraudulent: best F1 on inner folds. */
  threshold: number;
  /** Share of fraud among the addresses it learnt from: its probabilities are true where that share holds. */
  prevalence: number;
}

/** Writes a model as ONNX, its facts among the metadata. */
export function encodeFraudModel(ensemble: TreeEnsemble, facts: FraudModelFacts): Uint8Array {
  return encodeTreeOnnx({
    ensemble,
    metadata: {
      purpose: 'probability that an Ethereum address is fraudulent',
      features: JSON.stringify(FEATURE_LABELS),
      facts: JSON.stringify(facts),
    },
  });
}

/**
 * Reads a model of {@link encodeFraudModel}.
 *
 * @throws ARGUMENT_INVALID when it is malformed, or was made for other features than this version computes.
 */
export function decodeFraudModel(bytes: Uint8Array): FraudModel {
  const { ensemble, metadata } = decodeTreeOnnx(bytes);
  if (
    metadata.features !== JSON.stringify(FEATURE_LABELS) ||
    ensemble.featureCount !== FEATURE_LABELS.length
  ) {
    refuse('expected a model of this version’s features, got one of others');
  }
  return {
    ensemble,
    digest: createHash('sha256').update(bytes).digest('hex'),
    facts: readFacts(metadata.facts ?? ''),
  };
}

/**
 * Probability of fraud of one address, calibrated for a share of fraud among those that are looked at.
 *
 * @param prevalence that share; the training's when absent. Odds change in proportion (Saerens et al. 2002).
 */
export function fraudProbability(
  { ensemble, facts }: FraudModel,
  totals: ReadonlyMap<string, number>,
  prevalence = facts.prevalence,
): number {
  const shift = logOdds(prevalence) - logOdds(facts.prevalence);
  return logistic(marginOf(ensemble, featureVector(totals)) + shift);
}

/** What moved the probability, the strongest first: SHAP values in log-odds, with the value of each feature. */
export function fraudFactors(
  { ensemble }: FraudModel,
  totals: ReadonlyMap<string, number>,
): { label: string; value: number; logOdds: number }[] {
  const row = featureVector(totals);
  const { contributions } = shapOf(ensemble, row);
  return FEATURE_LABELS.map((label, i) => ({ label, value: row[i]!, logOdds: contributions[i]! })).sort(
    (a, b) => Math.abs(b.logOdds) - Math.abs(a.logOdds),
  );
}

function logOdds(p: number): number {
  return Math.log(p / (1 - p));
}

function readFacts(text: string): FraudModelFacts {
  let facts: Partial<FraudModelFacts> | null = null;
  try {
    facts = JSON.parse(text) as Partial<FraudModelFacts> | null;
  } catch {
    refuse('expected its facts as JSON, got something else');
  }
  const { ranges, threshold, prevalence } = facts ?? {};
  const isShare = (value: unknown): value is number => typeof value === 'number' && value > 0 && value < 1;
  const isRange = (range: unknown) =>
    Array.isArray(range) && range.length === 2 && range.every(Number.isFinite) && range[0] <= range[1];
  if (!Array.isArray(ranges) || ranges.length !== FEATURE_LABELS.length || !ranges.every(isRange)) {
    refuse(`expected the ranges of ${FEATURE_LABELS.length} features`);
  }
  if (!isShare(threshold) || !isShare(prevalence))
    refuse('expected a threshold and a prevalence between 0 and 1');
  return { ranges, threshold, prevalence };
}

function refuse(message: string): never {
  throw new AssayError('ARGUMENT_INVALID', `fraud model: ${message}`, {
    next: 'use the model file of this version, or train one with `npm run train -w packages/checks`',
  });
}
