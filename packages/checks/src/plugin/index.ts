export { digestOfFiles, loadDetectors } from './detector-files.ts';
export { asDetector, DetectorRegistry, type RegisteredDetector } from './detector-registry.ts';
export {
  type EdgeDetector,
  type EdgeEnvelope,
  type EdgeReport,
  type EdgeRows,
  type EdgeVerification,
  edgeReportDigest,
  examineAtEdge,
  openEdgeReport,
  signEdgeReport,
  verifyEdgeReport,
} from './edge-report.ts';
export {
  type OnnxCard,
  type OnnxDetector,
  type OnnxInput,
  type OnnxTerms,
  openOnnxDetector,
  readOnnxCard,
} from './onnx-detector.ts';
export { modelOperators } from './onnx-operators.ts';
export { nodeOnnxRuntime, ONNX_RUNTIME_FILE, onnxRuntimePath } from './onnx-runtime-files.ts';
export {
  readChoice,
  readColumn,
  readInteger,
  readList,
  readMembers,
  readNumber,
  readText,
  refuseTerms,
} from './terms.ts';
