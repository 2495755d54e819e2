import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';

/** Name of the runtime's WebAssembly file, which a web server hands out from its own origin. */
export const ONNX_RUNTIME_FILE = 'ort-wasm-simd-threaded.wasm';

/** Where the installed package keeps {@link ONNX_RUNTIME_FILE}. */
export function onnxRuntimePath(): string {
  return fileURLToPath(new URL(ONNX_RUNTIME_FILE, import.meta.resolve('onnxruntime-web/wasm')));
}

/** Reads the runtime from the installed package: an edge of the checks, for Node alone. */
export async function nodeOnnxRuntime(): Promise<Uint8Array> {
  return new Uint8Array(await readFile(onnxRuntimePath()));
}
