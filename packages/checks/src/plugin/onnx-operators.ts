import { AssayError } from '@assay/core';

/**
 * Operators that a model may use: arithmetic whose time grows with the input and whose answer never depends on
 * anything else. Loops could run for ever, random operators would answer twice differently, and a model's own
 * functions could hide either.
 */
const OPERATORS: Readonly<Record<string, ReadonlySet<string>>> = {
  '': new Set(
    (
      'Abs Add And ArgMax ArgMin AveragePool BatchNormalization Cast Ceil Clip Concat Constant Conv Div Elu Equal ' +
      'Erf Exp Flatten Floor Gather Gelu Gemm GlobalAveragePool GlobalMaxPool Greater GreaterOrEqual HardSigmoid ' +
      'Identity IsNaN LayerNormalization LeakyRelu Less LessOrEqual Log LogSoftmax MatMul Max MaxPool Mean Min Mul ' +
      'Neg Not Or Pad Pow ReduceMax ReduceMean ReduceMin ReduceSum Relu Reshape Selu Shape Sigmoid Slice Softmax ' +
      'Softplus Split Sqrt Squeeze Sub Sum Tanh Transpose Unsqueeze Where'
    ).split(' '),
  ),
  'ai.onnx.ml': new Set(
    (
      'ArrayFeatureExtractor Binarizer Imputer LinearClassifier LinearRegressor Normalizer SVMClassifier ' +
      'SVMRegressor Scaler TreeEnsemble TreeEnsembleClassifier TreeEnsembleRegressor'
    ).split(' '),
  ),
};
const MAX_NODES = 10_000;

/** Field numbers of onnx.proto (ONNX 1.x). */
const MODEL = { graph: 7, functions: 25 };
const GRAPH = { node: 1 };
const NODE = { operator: 4, domain: 7 };

/**
 * Reads which operators an ONNX model uses, and refuses one with others. The walk takes every occurrence of a field
 * for real, as protobuf's merging does, so that nothing can hide behind a second copy.
 *
 * @returns operators as `domain/name`, each once.
 * @throws ARGUMENT_INVALID for bytes that are no ONNX model, and for operators that are not allowed.
 */
export function modelOperators(model: Uint8Array): string[] {
  const used = new Set<string>();
  let nodes = 0;
  for (const [field, part] of messageFields(model)) {
    if (field === MODEL.functions) refuse('expected a model without functions of its own');
    if (field !== MODEL.graph || part === null) continue;
    for (const [member, node] of messageFields(part)) {
      if (member !== GRAPH.node || node === null) continue;
      nodes++;
      if (nodes > MAX_NODES) refuse(`expected at most ${MAX_NODES} nodes`);
      used.add(operatorOf(node));
    }
  }
  if (nodes === 0) refuse('expected an ONNX graph with at least one node');
  return [...used].sort();
}

function operatorOf(node: Uint8Array): string {
  const operators: string[] = [];
  const domains: string[] = [];
  for (const [field, part] of messageFields(node)) {
    if (part === null) continue;
    if (field === NODE.operator) operators.push(new TextDecoder().decode(part));
    if (field === NODE.domain) domains.push(new TextDecoder().decode(part));
  }
  const [operator = ''] = operators;
  // "ai.onnx" is the long name of the domain that is usually left empty.
  const domain = domains[0] === 'ai.onnx' ? '' : (domains[0] ?? '');
  if (operators.length !== 1 || domains.length > 1) refuse('expected each node to name one operator');
  if (!Object.hasOwn(OPERATORS, domain) || !OPERATORS[domain]!.has(operator)) {
    refuse(
      `expected operators of bounded time and without chance, got ${JSON.stringify(`${domain}/${operator}`.slice(0, 80))}`,
    );
  }
  return `${domain}/${operator}`;
}

/** Fields of one protobuf message: number, and the bytes of those that have a length. */
function* messageFields(bytes: Uint8Array): Generator<[field: number, part: Uint8Array | null]> {
  let at = 0;
  const varint = (): number => {
    let value = 0;
    for (let shift = 0; shift < 70; shift += 7) {
      const byte = bytes[at++];
      if (byte === undefined) return refuse('expected an ONNX protobuf, got one that is cut off');
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) return value;
    }
    return refuse('expected an ONNX protobuf, got an endless number');
  };
  while (at < bytes.length) {
    const tag = varint();
    const [field, wire] = [Math.floor(tag / 8), tag % 8];
    let part: Uint8Array | null = null;
    if (wire === 0) varint();
    else if (wire === 1) at += 8;
    else if (wire === 5) at += 4;
    else if (wire === 2) {
      const length = varint();
      if (length > bytes.length - at) refuse('expected an ONNX protobuf, got one that is cut off');
      part = bytes.subarray(at, at + length);
      at += length;
    } else refuse('expected an ONNX protobuf, got another format');
    if (at > bytes.length) refuse('expected an ONNX protobuf, got one that is cut off');
    yield [field, part];
  }
}

function refuse(message: string): never {
  throw new AssayError('ARGUMENT_INVALID', `ONNX model: ${message}`, {
    next: 'export the model for inference, with plain operators; docs/detectors.md lists them',
  });
}
