/** Everything here runs in a browser or beside a sensor as well; what reads files is in `plugin/node`. */
export type {
  Detector,
  DetectorFinding,
  Examination,
  Exhibit,
  Specimen,
  SpecimenFile,
} from '../detector.ts';
export {
  readChoice,
  readColumn,
  readInteger,
  readList,
  readMembers,
  readNumber,
  readText,
  refuseTerms,
} from '../terms.ts';
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
