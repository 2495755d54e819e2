import { AssayError } from '@assay/core';
import protobuf from 'protobufjs';
import {
  assertTreeEnsemble,
  MAX_NODES_PER_TREE,
  MAX_TREES,
  type Tree,
  type TreeEnsemble,
} from './tree-ensemble.ts';

/** A tree ensemble with what its file says of it: names of features, ranges, figures. */
export interface OnnxTreeModel {
  ensemble: TreeEnsemble;
  metadata: Record<string, string>;
}

/** Largest model file that is read. */
export const MAX_MODEL_BYTES = 8 * 1024 * 1024;

/**
 * Writes an ensemble as an ONNX model (IR version 8) of one `TreeEnsembleClassifier` node of `ai.onnx.ml`, operator
 * set 3: input `features` float[N, F], outputs `label` int64[N] and `probabilities` float[N, 2] (no, yes). The same
 * input gives the same bytes.
 *
 * The training weight of each node travels as `nodes_hitrates`, so that SHAP values can be had from the file alone.
 *
 * @param metadata kept as `metadata_props` in the order of its keys.
 * @example
 * const bytes = encodeTreeOnnx({ ensemble, metadata: { features: '["age","amount"]' } });
 */
export function encodeTreeOnnx({ ensemble: given, metadata }: OnnxTreeModel): Uint8Array {
  assertTreeEnsemble(given);
  const ensemble = withNegativeLeaf(given);
  const nodes = ensemble.trees.flatMap((tree, t) =>
    [...tree.feature.keys()].map((node) => ({ tree, t, node, isLeaf: tree.feature[node]! < 0 })),
  );
  const leaves = nodes.filter(({ isLeaf }) => isLeaf);
  const inner = <T>(read: (tree: Tree, node: number) => T, atLeaf: T) =>
    nodes.map(({ tree, node, isLeaf }) => (isLeaf ? atLeaf : read(tree, node)));
  const attribute = [
    floats('base_values', [ensemble.base]),
    ints(
      'nodes_treeids',
      nodes.map(({ t }) => t),
    ),
    ints(
      'nodes_nodeids',
      nodes.map(({ node }) => node),
    ),
    ints(
      'nodes_featureids',
      inner((tree, node) => tree.feature[node]!, 0),
    ),
    floats(
      'nodes_values',
      inner((tree, node) => tree.threshold[node]!, 0),
    ),
    floats(
      'nodes_hitrates',
      nodes.map(({ tree, node }) => tree.cover[node]!),
    ),
    strings(
      'nodes_modes',
      inner<string>(() => 'BRANCH_LEQ', 'LEAF'),
    ),
    ints(
      'nodes_truenodeids',
      inner((tree, node) => tree.left[node]!, 0),
    ),
    ints(
      'nodes_falsenodeids',
      inner((tree, node) => tree.right[node]!, 0),
    ),
    ints(
      'nodes_missing_value_tracks_true',
      inner((tree, node) => tree.missingLeft[node]!, 0),
    ),
    ints(
      'class_treeids',
      leaves.map(({ t }) => t),
    ),
    ints(
      'class_nodeids',
      leaves.map(({ node }) => node),
    ),
    // One class only: the runtime makes the second from it, as it does for other boosted binary models.
    ints(
      'class_ids',
      leaves.map(() => 0),
    ),
    floats(
      'class_weights',
      leaves.map(({ tree, node }) => tree.value[node]!),
    ),
    ints('classlabels_int64s', [0, 1]),
    { name: 'post_transform', type: ATTRIBUTE.string, s: utf8('LOGISTIC') },
  ];
  const model = {
    irVersion: 8,
    producerName: 'assay',
    opsetImport: [
      { domain: '', version: 15 },
      { domain: ML_DOMAIN, version: 3 },
    ],
    graph: {
      name: 'trees',
      node: [
        {
          input: ['features'],
          output: ['label', 'probabilities'],
          opType: OPERATOR,
          domain: ML_DOMAIN,
          attribute,
        },
      ],
      input: [tensor('features', ELEMENT.float, [{ dimParam: 'N' }, { dimValue: ensemble.featureCount }])],
      output: [
        tensor('label', ELEMENT.int64, [{ dimParam: 'N' }]),
        tensor('probabilities', ELEMENT.float, [{ dimParam: 'N' }, { dimValue: 2 }]),
      ],
    },
    metadataProps: Object.entries(metadata).map(([key, value]) => ({ key, value })),
  };
  return Uint8Array.from(Model.encode(Model.fromObject(model)).finish());
}

/**
 * Reads a model that {@link encodeTreeOnnx} wrote. The file is a stranger's: sizes are bounded and the trees checked.
 *
 * @throws ARGUMENT_INVALID with what was expected and what was there.
 */
export function decodeTreeOnnx(bytes: Uint8Array): OnnxTreeModel {
  if (bytes.length > MAX_MODEL_BYTES)
    refuse(`expected at most ${MAX_MODEL_BYTES} bytes, got ${bytes.length}`);
  const { graph, metadataProps } = parse(bytes);
  const node = graph?.node[0];
  if (graph?.node.length !== 1 || node?.opType !== OPERATOR || node.domain !== ML_DOMAIN) {
    refuse(`expected one ${OPERATOR} node of ${ML_DOMAIN}, got ${graph?.node.length ?? 0} nodes`);
  }
  const read = new Map(node.attribute.map((attribute) => [attribute.name, attribute]));
  const post = read.get('post_transform')?.s;
  if (post === undefined || new TextDecoder().decode(post) !== 'LOGISTIC') {
    refuse('expected the post transform LOGISTIC, got another');
  }
  const ensemble: TreeEnsemble = {
    featureCount: graph.input[0]?.type?.tensorType?.shape?.dim[1]?.dimValue ?? 0,
    base: read.get('base_values')?.floats[0] ?? 0,
    trees: treesFrom(read),
  };
  assertTreeEnsemble(ensemble);
  return { ensemble, metadata: Object.fromEntries(metadataProps.map(({ key, value }) => [key, value])) };
}

const OPERATOR = 'TreeEnsembleClassifier';
const ML_DOMAIN = 'ai.onnx.ml';
const ATTRIBUTE = { string: 3, floats: 6, ints: 7, strings: 8 };
const ELEMENT = { float: 1, int64: 7 };

/**
 * The part of ONNX's protobuf schema that such a model needs, with the field numbers of onnx.proto (ONNX 1.x).
 * Repeated numbers are packed, which protobuf readers accept of fields declared either way; it halves the file.
 */
const field = (type: string, id: number, repeated = false) => ({
  type,
  id,
  ...(repeated ? { rule: 'repeated', options: { packed: true } } : {}),
});
const Model = protobuf.Root.fromJSON({
  nested: {
    Model: {
      fields: {
        irVersion: field('int64', 1),
        producerName: field('string', 2),
        graph: field('Graph', 7),
        opsetImport: field('OperatorSet', 8, true),
        metadataProps: field('Entry', 14, true),
      },
    },
    OperatorSet: { fields: { domain: field('string', 1), version: field('int64', 2) } },
    Entry: { fields: { key: field('string', 1), value: field('string', 2) } },
    Graph: {
      fields: {
        node: field('Node', 1, true),
        name: field('string', 2),
        input: field('ValueInfo', 11, true),
        output: field('ValueInfo', 12, true),
      },
    },
    Node: {
      fields: {
        input: field('string', 1, true),
        output: field('string', 2, true),
        opType: field('string', 4),
        attribute: field('Attribute', 5, true),
        domain: field('string', 7),
      },
    },
    Attribute: {
      fields: {
        name: field('string', 1),
        s: field('bytes', 4),
        floats: field('float', 7, true),
        ints: field('int64', 8, true),
        strings: field('bytes', 9, true),
        type: field('int32', 20),
      },
    },
    ValueInfo: { fields: { name: field('string', 1), type: field('Type', 2) } },
    Type: { fields: { tensorType: field('TensorType', 1) } },
    TensorType: { fields: { elemType: field('int32', 1), shape: field('Shape', 2) } },
    Shape: { fields: { dim: field('Dimension', 1, true) } },
    Dimension: { fields: { dimValue: field('int64', 1), dimParam: field('string', 2) } },
  },
}).lookupType('Model');

interface Attribute {
  name: string;
  s?: Uint8Array;
  floats: number[];
  ints: number[];
  strings: Uint8Array[];
}

interface ParsedModel {
  graph?: {
    node: { opType: string; domain: string; attribute: Attribute[] }[];
    input: { type?: { tensorType?: { shape?: { dim: { dimValue?: number }[] } } } }[];
  };
  metadataProps: { key: string; value: string }[];
}

/**
 * onnxruntime takes scores without a negative weight for probabilities and puts the label's border at 0.5 instead of
 * 0. So the first tree is lowered and the base raised by as much, which leaves every margin where it was.
 */
function withNegativeLeaf(ensemble: TreeEnsemble): TreeEnsemble {
  const [first, ...others] = ensemble.trees;
  if (first === undefined || ensemble.trees.some(({ value }) => value.some((v) => v < 0))) return ensemble;
  const lower = (value: number, node: number) => (first.feature[node]! < 0 ? value - 1 : 0);
  return {
    ...ensemble,
    base: Math.fround(ensemble.base + 1),
    trees: [{ ...first, value: first.value.map(lower) }, ...others],
  };
}

const utf8 = (text: string) => new TextEncoder().encode(text);
const floats = (name: string, values: number[]) => ({ name, type: ATTRIBUTE.floats, floats: values });
const ints = (name: string, values: number[]) => ({ name, type: ATTRIBUTE.ints, ints: values });
const strings = (name: string, values: string[]) => ({
  name,
  type: ATTRIBUTE.strings,
  strings: values.map(utf8),
});
const tensor = (name: string, elemType: number, dim: object[]) => ({
  name,
  type: { tensorType: { elemType, shape: { dim } } },
});

function parse(bytes: Uint8Array): ParsedModel {
  try {
    return Model.toObject(Model.decode(bytes), { longs: Number, arrays: true }) as ParsedModel;
  } catch (cause) {
    return refuse('expected an ONNX protobuf, got something else', cause);
  }
}

function treesFrom(read: ReadonlyMap<string, Attribute>): Tree[] {
  const intsOf = (name: string) => read.get(name)?.ints ?? [];
  const floatsOf = (name: string) => read.get(name)?.floats ?? [];
  const treeIds = intsOf('nodes_treeids');
  const nodeIds = intsOf('nodes_nodeids');
  const parts = {
    feature: intsOf('nodes_featureids'),
    threshold: floatsOf('nodes_values'),
    missingLeft: intsOf('nodes_missing_value_tracks_true'),
    left: intsOf('nodes_truenodeids'),
    right: intsOf('nodes_falsenodeids'),
    cover: floatsOf('nodes_hitrates'),
  };
  const modes = (read.get('nodes_modes')?.strings ?? []).map((mode) => new TextDecoder().decode(mode));
  for (const part of [nodeIds, modes, ...Object.values(parts)]) {
    if (part.length !== treeIds.length) {
      refuse(`expected ${treeIds.length} entries of each node attribute, got ${part.length}`);
    }
  }
  const weights = new Map<string, number>();
  for (const [i, tree] of intsOf('class_treeids').entries()) {
    weights.set(`${tree}/${intsOf('class_nodeids')[i]}`, floatsOf('class_weights')[i] ?? Number.NaN);
  }
  const trees: Tree[] = [];
  for (let start = 0, end = 0; start < treeIds.length; start = end) {
    while (end < treeIds.length && treeIds[end] === treeIds[start]) end += 1;
    if (trees.length === MAX_TREES || end - start > MAX_NODES_PER_TREE) {
      refuse(`expected at most ${MAX_TREES} trees of ${MAX_NODES_PER_TREE} nodes, got more`);
    }
    if (treeIds[start] !== trees.length) {
      refuse(`expected tree ${trees.length}, got tree ${treeIds[start]}`);
    }
    for (let i = start; i < end; i++) {
      if (nodeIds[i] !== i - start)
        refuse(`expected node ${i - start} of tree ${trees.length}, got ${nodeIds[i]}`);
      if (modes[i] !== 'LEAF' && modes[i] !== 'BRANCH_LEQ') {
        refuse(`expected the modes BRANCH_LEQ and LEAF, got ${modes[i]?.slice(0, 40)}`);
      }
    }
    const isLeaf = modes.slice(start, end).map((mode) => mode === 'LEAF');
    const own = <T>(part: readonly T[], atLeaf: T) =>
      part.slice(start, end).map((entry, i) => (isLeaf[i] ? atLeaf : entry));
    trees.push({
      feature: Int32Array.from(own(parts.feature, -1)),
      threshold: Float32Array.from(own(parts.threshold, 0)),
      missingLeft: Uint8Array.from(own(parts.missingLeft, 0)),
      left: Int32Array.from(own(parts.left, -1)),
      right: Int32Array.from(own(parts.right, -1)),
      value: Float32Array.from(isLeaf, (leaf, i) =>
        leaf ? (weights.get(`${trees.length}/${i}`) ?? Number.NaN) : 0,
      ),
      cover: Float32Array.from(parts.cover.slice(start, end)),
    });
  }
  return trees;
}

function refuse(message: string, cause?: unknown): never {
  throw new AssayError('ARGUMENT_INVALID', `model file: ${message}`, {
    next: 'fetch the published model file again, and compare its SHA-256 with the model card',
    ...(cause === undefined ? {} : { cause }),
  });
}
