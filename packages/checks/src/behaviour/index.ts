export { type BenfordMemory, type BenfordTerms, benford, type Conformity, conformityOf } from './benford.ts';
export { type FraudMemory, type FraudTerms, fraudDetector } from './fraud.ts';
export { BASE_FEATURES, FEATURE_LABELS, featureVector } from './fraud-features.ts';
export {
  decodeFraudModel,
  encodeFraudModel,
  type FraudModel,
  fraudFactors,
  fraudProbability,
} from './fraud-model.ts';
export { FRAUD_MODEL_FILE, loadFraudModel } from './fraud-model-file.ts';
export {
  BOOSTING_DEFAULTS,
  type BoostingOptions,
  type TrainingSet,
  trainGradientBoosting,
} from './gradient-boosting.ts';
export { type PumpMemory, type PumpTerms, pump } from './pump.ts';
export { type SpoofingMemory, type SpoofingTerms, spoofing } from './spoofing.ts';
export {
  type TransferFeatures,
  type TransferMemory,
  type TransferTerms,
  transferFeatures,
  transfers,
} from './transfers.ts';
export { logistic, marginOf, rescale, shapOf, type Tree, type TreeEnsemble } from './tree-ensemble.ts';
export { decodeTreeOnnx, encodeTreeOnnx, type OnnxTreeModel } from './tree-onnx.ts';
export { type WashMemory, type WashTerms, wash } from './wash.ts';
