/**
 * Trains the fraud classifier, judges it, and writes the model and its card:
 *
 *     npm run train -w packages/checks -- --data ../shared/data/ethereum-fraud
 *
 * `--data` is relative to the repository. The same data give the same files, byte for byte.
 */
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import {
  bestThreshold,
  type ClassifierFigures,
  figuresOf,
  fitPlatt,
  reliability,
  stratifiedFolds,
} from './src/behaviour/cross-validation.ts';
import { BASE_FEATURES, FEATURE_LABELS, featureVector } from './src/behaviour/fraud-features.ts';
import { encodeFraudModel } from './src/behaviour/fraud-model.ts';
import { FRAUD_MODEL_FILE } from './src/behaviour/fraud-model-file.ts';
import { BOOSTING_DEFAULTS, trainGradientBoosting } from './src/behaviour/gradient-boosting.ts';
import { trainLogisticRegression } from './src/behaviour/logistic-regression.ts';
import { logistic, marginOf, rescale, shapOf, type TreeEnsemble } from './src/behaviour/tree-ensemble.ts';

const OPTIONS = {
  ...BOOSTING_DEFAULTS,
  trees: 400,
  learningRate: 0.05,
  featureShare: 0.4,
  minChildHessian: 0.3,
  seed: 20_200_217,
};
const OUTER_FOLDS = 5;
const INNER_FOLDS = 4;
const HOLD_OUT_PARTS = 5;

interface Example {
  address: string;
  label: number;
  /** By the features, blank token totals as zero. */
  row: Float32Array;
  /** With blanks left as missing. */
  blankRow: Float32Array;
  /** Examples with the same behaviour share it. */
  behaviour: string;
}

/** A classifier that was trained, calibrated and given a threshold, all on the examples it was handed. */
interface Fitted {
  ensemble: TreeEnsemble;
  threshold: number;
}

const root = new URL('../../', import.meta.url);
const { data } = parseArgs({
  options: { data: { type: 'string', default: '../shared/data/ethereum-fraud' } },
}).values;
const csv = readFileSync(new URL(`${data}/addresses.csv`, root));
const all = readExamples(csv.toString('utf8'));
const examples = distinct(all);
const { learning, heldOut } = splitOff(examples);
say(`${all.length} addresses, ${examples.length} distinct behaviours, ${heldOut.length} of them held out`);

const folds = crossValidate(learning);
say(`cross-validation: F1 ${spread(folds.boosted.map(({ f1 }) => f1))}`);
const fitted = fit(learning);
const scores = heldOut.map(({ row }) => logistic(marginOf(fitted.ensemble, row)));
const final = figuresOf(scores, labelsOf(heldOut), fitted.threshold);
say(`held out: F1 ${final.f1.toFixed(3)}, AUC ${final.auc.toFixed(4)}`);
const grouped = simpleCrossValidation(
  all,
  all.map(({ behaviour }) => behaviour),
  false,
);
const asPublished = simpleCrossValidation(
  all,
  all.map(({ address }) => address),
  true,
);
say(`every row: F1 ${spread(grouped)}; as usually published: F1 ${spread(asPublished)}`);

const strongest = strongestFeatures(
  fitted.ensemble,
  heldOut.filter((_, i) => i % 2 === 0),
);
const prevalence = share(learning);
const model = encodeFraudModel(fitted.ensemble, {
  ranges: FEATURE_LABELS.map((_, feature) => rangeOf(learning.map(({ row }) => row[feature]!))),
  threshold: fitted.threshold,
  prevalence,
});
mkdirSync(new URL('.', FRAUD_MODEL_FILE), { recursive: true });
writeFileSync(FRAUD_MODEL_FILE, model);
const card = new URL('docs/models/ethereum-fraud.md', root);
mkdirSync(new URL('.', card), { recursive: true });
writeFileSync(card, cardText());
say(`wrote ${fileURLToPath(FRAUD_MODEL_FILE)} (${model.length} bytes) and its card`);

function readExamples(text: string): Example[] {
  const [head = '', ...lines] = text.trim().split(/\r?\n/);
  const headings = head.split(',').map((heading) => heading.trim());
  const columns = BASE_FEATURES.map(({ key, heading }) => {
    const column = headings.indexOf(heading);
    if (column < 0) throw new Error(`expected a column ${heading}, got ${headings.join(', ')}`);
    return { key, column, isToken: heading.startsWith('ERC20') || heading.startsWith('Total ERC20') };
  });
  return lines.map((line) => {
    const cells = line.split(',');
    const totals = new Map<string, number>();
    const withBlanks = new Map<string, number>();
    for (const { key, column, isToken } of columns) {
      const text = cells[column]!.trim();
      if (text !== '') withBlanks.set(key, Math.fround(Number(text)));
      if (text !== '' || isToken) totals.set(key, Math.fround(Number(text)));
    }
    const row = featureVector(totals);
    return {
      address: cells[headings.indexOf('Address')]!.toLowerCase(),
      label: Number(cells[headings.indexOf('FLAG')]),
      row,
      blankRow: featureVector(withBlanks),
      behaviour: row.join(),
    };
  });
}

/** The first address of each behaviour, so that none can be learnt by heart and then asked. */
function distinct(every: readonly Example[]): Example[] {
  const seen = new Set<string>();
  return every.filter(({ behaviour }) => !seen.has(behaviour) && seen.add(behaviour));
}

/** One part in five of each label, by a hash of the address: it does not depend on the order of the file. */
function splitOff(every: readonly Example[]): { learning: Example[]; heldOut: Example[] } {
  const drawn = (label: number) => {
    const own = every.filter((example) => example.label === label);
    const ranked = own
      .map((example) => ({ example, rank: sha256(`hold-out ${example.address}`) }))
      .sort((a, b) => (a.rank < b.rank ? -1 : 1));
    return ranked.slice(0, Math.round(own.length / HOLD_OUT_PARTS)).map(({ example }) => example);
  };
  const out = new Set([...drawn(0), ...drawn(1)]);
  return {
    learning: every.filter((example) => !out.has(example)),
    heldOut: every.filter((example) => out.has(example)),
  };
}

/** Calibration and threshold come from inner folds: margins of examples that their trees did not see. */
function fit(own: readonly Example[]): Fitted {
  const labels = labelsOf(own);
  const inner = stratifiedFolds(
    labels,
    own.map(({ address }) => address),
    INNER_FOLDS,
    OPTIONS.seed + 1,
  );
  const margins = Array<number>(own.length).fill(0);
  for (let fold = 0; fold < INNER_FOLDS; fold++) {
    const ensemble = boost(own.filter((_, i) => inner[i] !== fold));
    for (const [i, { row }] of own.entries()) if (inner[i] === fold) margins[i] = marginOf(ensemble, row);
  }
  const { slope, intercept } = fitPlatt(margins, labels);
  const probabilities = margins.map((margin) => logistic(slope * margin + intercept));
  const threshold = Number(bestThreshold(probabilities, labels).toFixed(6));
  return { ensemble: rescale(boost(own), slope, intercept), threshold };
}

function boost(own: readonly Example[], rowOf = ({ row }: Example) => row): TreeEnsemble {
  return trainGradientBoosting(
    { columns: columnsOf(own, rowOf), labels: Uint8Array.from(labelsOf(own)) },
    OPTIONS,
  );
}

function crossValidate(own: readonly Example[]) {
  const labels = labelsOf(own);
  const outer = stratifiedFolds(
    labels,
    own.map(({ address }) => address),
    OUTER_FOLDS,
    OPTIONS.seed,
  );
  const boosted: ClassifierFigures[] = [];
  const linear: ClassifierFigures[] = [];
  const stump: ClassifierFigures[] = [];
  const probabilities: number[] = [];
  const truths: number[] = [];
  for (let fold = 0; fold < OUTER_FOLDS; fold++) {
    const train = own.filter((_, i) => outer[i] !== fold);
    const test = own.filter((_, i) => outer[i] === fold);
    const truth = labelsOf(test);
    const { ensemble, threshold } = fit(train);
    const p = test.map(({ row }) => logistic(marginOf(ensemble, row)));
    boosted.push(figuresOf(p, truth, threshold));
    probabilities.push(...p);
    truths.push(...truth);
    linear.push(baseline(train, test, (columns, y) => trainLogisticRegression(columns, y, 1)));
    stump.push(
      baseline(train, test, (columns, y) => {
        const one = { ...OPTIONS, trees: 1, maxLeaves: 2, learningRate: 1, rowShare: 1, featureShare: 1 };
        const trained = trainGradientBoosting({ columns, labels: y }, one);
        return (row) => marginOf(trained, row);
      }),
    );
    say(`fold ${fold + 1}: F1 ${boosted.at(-1)!.f1.toFixed(3)}`);
  }
  return { boosted, linear, stump, bins: reliability(probabilities, truths, 10) };
}

/** A baseline gets its best threshold on its own training examples. */
function baseline(
  train: readonly Example[],
  test: readonly Example[],
  learn: (columns: Float32Array[], labels: Uint8Array) => (row: Float32Array) => number,
): ClassifierFigures {
  const margin = learn(columnsOf(train), Uint8Array.from(labelsOf(train)));
  const threshold = bestThreshold(
    train.map(({ row }) => logistic(margin(row))),
    labelsOf(train),
  );
  return figuresOf(
    test.map(({ row }) => logistic(margin(row))),
    labelsOf(test),
    threshold,
  );
}

function simpleCrossValidation(own: readonly Example[], groups: string[], blanks: boolean): number[] {
  const rowOf = (example: Example) => (blanks ? example.blankRow : example.row);
  const outer = stratifiedFolds(labelsOf(own), groups, OUTER_FOLDS, OPTIONS.seed);
  return Array.from({ length: OUTER_FOLDS }, (_, fold) => {
    const ensemble = boost(
      own.filter((_, i) => outer[i] !== fold),
      rowOf,
    );
    const test = own.filter((_, i) => outer[i] === fold);
    return figuresOf(
      test.map((example) => logistic(marginOf(ensemble, rowOf(example)))),
      labelsOf(test),
      0.5,
    ).f1;
  });
}

function foundAmong(what: string, which: (example: Example) => boolean): string {
  const frauds = [...heldOut.keys()].filter((i) => heldOut[i]!.label === 1 && which(heldOut[i]!));
  const found = frauds.filter((i) => scores[i]! >= fitted.threshold);
  return `${found.length} of ${frauds.length} frauds ${what} were found`;
}

/** Mean size of the SHAP values, in log-odds. */
function strongestFeatures(
  ensemble: TreeEnsemble,
  own: readonly Example[],
): { label: string; mean: number }[] {
  const sums = new Float64Array(FEATURE_LABELS.length);
  for (const { row } of own) {
    for (const [i, value] of shapOf(ensemble, row).contributions.entries()) sums[i]! += Math.abs(value);
  }
  return FEATURE_LABELS.map((label, i) => ({ label, mean: sums[i]! / own.length }))
    .sort((a, b) => b.mean - a.mean)
    .slice(0, 10);
}

function columnsOf(own: readonly Example[], rowOf = ({ row }: Example) => row): Float32Array[] {
  return FEATURE_LABELS.map((_, feature) => Float32Array.from(own, (example) => rowOf(example)[feature]!));
}

function labelsOf(own: readonly Example[]): number[] {
  return own.map(({ label }) => label);
}

function share(own: readonly Example[]): number {
  return Number((labelsOf(own).reduce((a, b) => a + b, 0) / own.length).toFixed(6));
}

function rangeOf(values: readonly number[]): [number, number] {
  const known = values.filter((value) => !Number.isNaN(value));
  return [Math.min(...known), Math.max(...known)];
}

function sha256(bytes: string | Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

function spread(values: readonly number[]): string {
  const mean = values.reduce((a, b) => a + b, 0) / values.length;
  const deviation = Math.sqrt(
    values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (values.length - 1),
  );
  return `${mean.toFixed(3)} ± ${deviation.toFixed(3)}`;
}

function say(line: string): void {
  console.log(line);
}

function cardText(): string {
  const blank = all.filter(({ blankRow }) => Number.isNaN(blankRow[18]!));
  const none = all.filter(({ blankRow }) => blankRow[18] === 0);
  const count = (own: readonly Example[], label: number) =>
    own.filter((example) => example.label === label).length;
  const line = (name: string, of: readonly ClassifierFigures[]) => {
    const cells = (['f1', 'precision', 'recall', 'auc', 'brier'] as const).map((key) =>
      spread(of.map((f) => f[key])),
    );
    return `| ${[name, ...cells].join(' | ')} |`;
  };
  return `# Fraudulent Ethereum addresses

Written by \`npm run train -w packages/checks\`; do not edit by hand.

| | |
|---|---|
| File | \`packages/checks/models/ethereum-fraud.onnx\`, ${model.length} bytes |
| SHA-256 | \`${sha256(model)}\` |
| Kind | ${OPTIONS.trees} gradient-boosted trees of up to ${OPTIONS.maxLeaves} leaves, ONNX \`TreeEnsembleClassifier\`; Platt's calibration is folded into the leaves |
| Input | ${FEATURE_LABELS.length} 32-bit floats: ${BASE_FEATURES.length} totals of an address and ${FEATURE_LABELS.length - BASE_FEATURES.length} ratios of them, named in the file's metadata |
| Output | probability of fraud, for a share of fraud of ${(100 * prevalence).toFixed(1)} % among the addresses asked about |
| Threshold | ${fitted.threshold} (best F1 on the inner folds) |
| Seed | ${OPTIONS.seed}; the same data give the same file |

## Data

Totals of the transactions of ${all.length} Ethereum addresses, ${count(all, 1)} of them labelled fraudulent, from eltontay/Ethereum-Fraud-Detection (MIT licence), a part of the set that Farrugia, Ellul and Azzopardi published with "Detection of illicit accounts over the Ethereum blockchain" (Expert Systems with Applications 150, 2020). SHA-256 of the file read: \`${sha256(csv)}\`. The data are not part of this repository.

### What gives the label away, and what was done

- **Blank token totals.** ${blank.length} addresses have no ERC-20 totals at all: all ${count(blank, 1)} are fraud. Of the ${none.length} whose totals are zero, ${count(none, 1)} are. Whether such a cell is blank or zero tells which label's collector wrote it, not what the address did. Blank is read as zero. A model that may see the difference looks far better than it is (below).
- **Identical addresses.** ${all.length - examples.length} rows repeat the behaviour of another to the last digit, most of them labelled fraud (one spam token's recipients without any other transaction, and addresses without transactions). Each behaviour is kept once, so that none is both learnt and asked.
- **Names of tokens.** Dropped: "Blockwell say NOTSAFU" and a few others appear under one label only.
- **Address and order of rows.** Dropped: the file is sorted by label, then by address.
- **Constant columns.** Dropped: seven token columns are zero everywhere; four totals of ether sent to contracts and the second "ERC20 uniq sent addr" differ in a handful of rows.

${examples.length} distinct behaviours remain, ${count(examples, 1)} fraudulent.

## Split

- **Hold-out**: ${heldOut.length} behaviours (one in ${HOLD_OUT_PARTS} of each label, by a hash of the address), used for nothing but the last line of the figures. The exported model never saw them.
- **Cross-validation**: ${OUTER_FOLDS} stratified folds of the other ${learning.length}. In each, calibration and threshold come from ${INNER_FOLDS} inner folds of its own training part.
- Tree size, learning rate and ratios were chosen among ten settings by cross-validation over all behaviours, before the hold-out was set aside; their mean F1 lay between 0.886 and 0.898. So the hold-out never trained, calibrated or set a threshold, but it had its part in that choice.

## Figures

Mean ± standard deviation over the folds.

| | F1 | precision | recall | AUC | Brier |
|---|---|---|---|---|---|
${line('This model', folds.boosted)}
${line('Logistic regression', folds.linear)}
${line('One stump', folds.stump)}
| **This model, hold-out** | **${final.f1.toFixed(3)}** | ${final.precision.toFixed(3)} | ${final.recall.toFixed(3)} | ${final.auc.toFixed(4)} | ${final.brier.toFixed(4)} |

Hold-out: ${final.truePositives} of ${final.truePositives + final.falseNegatives} frauds found, ${final.falsePositives} of ${final.falsePositives + final.trueNegatives} others called fraud. ${foundAmong('with token transfers', ({ row }) => row[18]! > 0)}; ${foundAmong('without', ({ row }) => row[18] === 0)}: what the blanks give away is the harder part.

The same trees with less care about leakage, F1 at the threshold 0.5:

| | F1 |
|---|---|
| Every row counted, identical ones in the same fold, blank read as zero | ${spread(grouped)} |
| As usually published: every row, random folds, blank left as missing | ${spread(asPublished)} |

The last line is what published figures of this data set compare with. It is not what the model would do for addresses whose totals were all collected in the same way, and it is not claimed.

### Reliability

Predictions of the outer folds.

| probability | addresses | mean probability | share of fraud |
|---|---|---|---|
${folds.bins.map(({ from, count, mean, share }) => `| ${from.toFixed(1)} to ${(from + 0.1).toFixed(1)} | ${count} | ${mean.toFixed(3)} | ${share.toFixed(3)} |`).join('\n')}

### What it goes by

Mean size of the SHAP values over every second held-out address, in log-odds.

| feature | |
|---|---|
${strongest.map(({ label, mean }) => `| ${label} | ${mean.toFixed(2)} |`).join('\n')}

## Intended use

To put addresses in order for a person to look at, with the reasons (SHAP values, exact for the trees) beside each. A contract that asks for the detector \`fraud\` should flag, not reject.

## Limits

- Labels are what a community reported up to 2020: phishing, fake sales, a spam token. Newer kinds of fraud, mixers and bridges are not among them, and "not reported" is not "honest".
- The probability holds for ${(100 * prevalence).toFixed(1)} % fraud. Among random addresses it is far rarer: give the detector its \`prevalence\`, or one honest address in many will be called fraud.
- An address without transactions, with more than a quarter of the totals missing, or with more than a tenth of its features outside of training is answered \`unknown\`.
- Totals need the whole history. In the data they stop at 10,000 transactions.
- Whoever knows the model can behave around it.
`;
}
