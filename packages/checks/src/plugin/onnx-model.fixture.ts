import protobuf from 'protobufjs';

/**
 * Small ONNX models for tests and the bench, written through protobufjs by the field numbers of onnx.proto: a linear
 * layer with a sigmoid, and a boosted tree in the form that the fraud model has (`TreeEnsembleClassifier`, one class
 * weight a leaf, LOGISTIC).
 */
const repeated = (type: string, id: number) => ({ type, id, rule: 'repeated', options: { packed: true } });
const single = (type: string, id: number) => ({ type, id });
const Model = protobuf.Root.fromJSON({
  nested: {
    Model: {
      fields: {
        irVersion: single('int64', 1),
        graph: single('Graph', 7),
        opsetImport: repeated('OperatorSet', 8),
        functions: repeated('Node', 25),
      },
    },
    OperatorSet: { fields: { domain: single('string', 1), version: single('int64', 2) } },
    Graph: {
      fields: {
        node: repeated('Node', 1),
        name: single('string', 2),
        initializer: repeated('Tensor', 5),
        input: repeated('ValueInfo', 11),
        output: repeated('ValueInfo', 12),
      },
    },
    Node: {
      fields: {
        input: repeated('string', 1),
        output: repeated('string', 2),
        opType: single('string', 4),
        attribute: repeated('Attribute', 5),
        domain: single('string', 7),
      },
    },
    Attribute: {
      fields: {
        name: single('string', 1),
        s: single('bytes', 4),
        floats: repeated('float', 7),
        ints: repeated('int64', 8),
        strings: repeated('bytes', 9),
        type: single('int32', 20),
      },
    },
    Tensor: {
      fields: {
        dims: repeated('int64', 1),
        dataType: single('int32', 2),
        floatData: repeated('float', 4),
        name: single('string', 8),
      },
    },
    ValueInfo: { fields: { name: single('string', 1), type: single('Type', 2) } },
    Type: { fields: { tensorType: single('TensorType', 1) } },
    TensorType: { fields: { elemType: single('int32', 1), shape: single('Shape', 2) } },
    Shape: { fields: { dim: repeated('Dimension', 1) } },
    Dimension: { fields: { dimValue: single('int64', 1), dimParam: single('string', 2) } },
  },
}).lookupType('Model');

const FLOAT = 1;
const INT64 = 7;
const utf8 = (text: string) => new TextEncoder().encode(text);
const floats = (name: string, values: number[]) => ({ name, type: 6, floats: values });
const ints = (name: string, values: number[]) => ({ name, type: 7, ints: values });
const strings = (name: string, values: string[]) => ({ name, type: 8, strings: values.map(utf8) });
const value = (name: string, elemType: number, width?: number) => ({
  name,
  type: {
    tensorType: {
      elemType,
      shape: { dim: [{ dimParam: 'N' }, ...(width === undefined ? [] : [{ dimValue: width }])] },
    },
  },
});

/** Any graph as the bytes of a model. */
export function encodeModel(graph: object, more: object = {}): Uint8Array {
  const model = {
    irVersion: 8,
    opsetImport: [
      { domain: '', version: 15 },
      { domain: 'ai.onnx.ml', version: 3 },
    ],
    graph: { name: 'test', ...graph },
    ...more,
  };
  return Uint8Array.from(Model.encode(Model.fromObject(model)).finish());
}

/** probability = 1 / (1 + e^-(weights · x + bias)). */
export function linearModel(weights: readonly number[], bias: number): Uint8Array {
  return encodeModel({
    input: [value('features', FLOAT, weights.length)],
    output: [value('probability', FLOAT, 1)],
    initializer: [
      { name: 'w', dataType: FLOAT, dims: [weights.length, 1], floatData: [...weights] },
      { name: 'b', dataType: FLOAT, dims: [1], floatData: [bias] },
    ],
    node: [
      { input: ['features', 'w'], output: ['product'], opType: 'MatMul' },
      { input: ['product', 'b'], output: ['logit'], opType: 'Add' },
      { input: ['logit'], output: ['probability'], opType: 'Sigmoid' },
    ],
  });
}

/** One split: log-odds `low` where feature 0 is at most `split`, or missing; else `high`. */
export function treeModel({
  split,
  low,
  high,
  base,
}: {
  split: number;
  low: number;
  high: number;
  base: number;
}): Uint8Array {
  return encodeModel({
    input: [value('features', FLOAT, 2)],
    output: [value('label', INT64), value('probabilities', FLOAT, 2)],
    node: [
      {
        input: ['features'],
        output: ['label', 'probabilities'],
        opType: 'TreeEnsembleClassifier',
        domain: 'ai.onnx.ml',
        attribute: [
          floats('base_values', [base]),
          ints('nodes_treeids', [0, 0, 0]),
          ints('nodes_nodeids', [0, 1, 2]),
          ints('nodes_featureids', [0, 0, 0]),
          floats('nodes_values', [split, 0, 0]),
          floats('nodes_hitrates', [2, 1, 1]),
          strings('nodes_modes', ['BRANCH_LEQ', 'LEAF', 'LEAF']),
          ints('nodes_truenodeids', [1, 0, 0]),
          ints('nodes_falsenodeids', [2, 0, 0]),
          ints('nodes_missing_value_tracks_true', [1, 0, 0]),
          ints('class_treeids', [0, 0]),
          ints('class_nodeids', [1, 2]),
          ints('class_ids', [0, 0]),
          floats('class_weights', [low, high]),
          ints('classlabels_int64s', [0, 1]),
          { name: 'post_transform', type: 3, s: utf8('LOGISTIC') },
        ],
      },
    ],
  });
}

/** Complete trees of a depth over two features, for the bench: `2^depth` leaves each. */
export function forestModel(trees: number, depth: number): Uint8Array {
  const leaves = 2 ** depth;
  const inner = leaves - 1;
  const nodes = Array.from({ length: trees }, (_, tree) =>
    Array.from({ length: inner + leaves }, (_, node) => ({ tree, node, isLeaf: node >= inner })),
  ).flat();
  const ends = nodes.filter(({ isLeaf }) => isLeaf);
  const each = <T>(read: (node: (typeof nodes)[number]) => T) => nodes.map(read);
  return encodeModel({
    input: [value('features', FLOAT, 2)],
    output: [value('label', INT64), value('probabilities', FLOAT, 2)],
    node: [
      {
        input: ['features'],
        output: ['label', 'probabilities'],
        opType: 'TreeEnsembleClassifier',
        domain: 'ai.onnx.ml',
        attribute: [
          floats('base_values', [-1]),
          ints(
            'nodes_treeids',
            each(({ tree }) => tree),
          ),
          ints(
            'nodes_nodeids',
            each(({ node }) => node),
          ),
          ints(
            'nodes_featureids',
            each(({ node, isLeaf }) => (isLeaf ? 0 : node % 2)),
          ),
          floats(
            'nodes_values',
            each(({ tree, node, isLeaf }) =>
              isLeaf ? 0 : node % 2 === 0 ? 4 + ((tree * 7 + node) % 20) / 10 : 50 + ((tree * 3 + node) % 20),
            ),
          ),
          strings(
            'nodes_modes',
            each(({ isLeaf }) => (isLeaf ? 'LEAF' : 'BRANCH_LEQ')),
          ),
          ints(
            'nodes_truenodeids',
            each(({ node, isLeaf }) => (isLeaf ? 0 : 2 * node + 1)),
          ),
          ints(
            'nodes_falsenodeids',
            each(({ node, isLeaf }) => (isLeaf ? 0 : 2 * node + 2)),
          ),
          ints(
            'class_treeids',
            ends.map(({ tree }) => tree),
          ),
          ints(
            'class_nodeids',
            ends.map(({ node }) => node),
          ),
          ints(
            'class_ids',
            ends.map(() => 0),
          ),
          floats(
            'class_weights',
            ends.map(({ tree, node }) => (((tree + node) % 11) - 5) / 100),
          ),
          ints('classlabels_int64s', [0, 1]),
          { name: 'post_transform', type: 3, s: utf8('LOGISTIC') },
        ],
      },
    ],
  });
}

/** A model of one operator that nothing should run. */
export function modelOf(opType: string, domain = ''): Uint8Array {
  return encodeModel({
    input: [value('features', FLOAT, 1)],
    output: [value('probability', FLOAT, 1)],
    node: [{ input: ['features'], output: ['probability'], opType, domain }],
  });
}
