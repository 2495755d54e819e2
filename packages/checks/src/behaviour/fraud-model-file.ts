import { readFileSync } from 'node:fs';
import { decodeFraudModel, type FraudModel } from './fraud-model.ts';

/** Where the published model lies. */
export const FRAUD_MODEL_FILE = new URL('../../models/ethereum-fraud.onnx', import.meta.url);

/** Reads the published model; the edge of the pure code beside it. */
export function loadFraudModel(file: URL | string = FRAUD_MODEL_FILE): FraudModel {
  return decodeFraudModel(readFileSync(file));
}
