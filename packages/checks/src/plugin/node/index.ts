export { digestOfFiles, loadDetectors } from './detector-files.ts';
export { nodeOnnxRuntime, ONNX_RUNTIME_FILE, onnxRuntimePath } from './onnx-runtime-files.ts';
