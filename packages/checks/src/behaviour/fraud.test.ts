/**
 * The fraud detector: the published model reaches on its hold-out what its card says (where the data are), reasons add
 * up, unlike or empty rows are unknown, the prevalence moves the odds as Bayes has it, and bad models are refused.
 */
import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { address, ordinary } from './addresses.fixture.ts';
import { figuresOf } from './cross-validation.ts';
import { fraudDetector } from './fraud.ts';
import { BASE_FEATURES, FEATURE_LABELS, featureVector } from './fraud-features.ts';
import { decodeFraudModel, encodeFraudModel, fraudFactors, fraudProbability } from './fraud-model.ts';
import { FRAUD_MODEL_FILE, loadFraudModel } from './fraud-model-file.ts';
import { marginOf, shapOf } from './tree-ensemble.ts';

const root = new URL('../../../../', import.meta.url);
const data = new URL('../shared/data/ethereum-fraud/addresses.csv', root);
const card = readFileSync(new URL('docs/models/ethereum-fraud.md', root), 'utf8');
const model = loadFraudModel();
const fraud = fraudDetector(model);
const terms = fraud.readTerms({}, 'terms');

const examine = async (rows: object[], own = terms) =>
  (await fraud.examine({ stream: 's', digest: 'd', observedAt: '', rows }, own, null)).findings;
const totalsOf = (row: Record<string, string>) =>
  new Map(BASE_FEATURES.map(({ key }) => [key, Number(row[key])]));

test('the card tells of this very file', () => {
  const digest = createHash('sha256').update(readFileSync(FRAUD_MODEL_FILE)).digest('hex');
  expect(card).toContain(digest);
  expect(model.digest).toBe(digest);
  expect(fraud.version).toContain(digest.slice(0, 16));
});

const isHere = existsSync(data);
if (!isHere) console.log(`skipped: the card's figures, because ${data.pathname} is not there`);
test.skipIf(!isHere)('the hold-out has the F1, AUC and Brier score of the card', () => {
  const [head = '', ...lines] = readFileSync(data, 'utf8').trim().split(/\r?\n/);
  const headings = head.split(',').map((heading) => heading.trim());
  const seen = new Set<string>();
  const examples = lines.flatMap((line) => {
    const cells = line.split(',');
    const totals = new Map(
      BASE_FEATURES.map(({ key, heading }) => [key, Math.fround(Number(cells[headings.indexOf(heading)]))]),
    );
    const behaviour = featureVector(totals).join();
    if (seen.has(behaviour)) return [];
    seen.add(behaviour);
    const rank = createHash('sha256').update(`hold-out ${cells[0]!.toLowerCase()}`).digest('hex');
    return [{ totals, rank, label: Number(cells[1]) }];
  });
  const heldOut = [0, 1].flatMap((label) => {
    const own = examples
      .filter((example) => example.label === label)
      .sort((a, b) => (a.rank < b.rank ? -1 : 1));
    return own.slice(0, Math.round(own.length / 5));
  });
  const { f1, auc, brier } = figuresOf(
    heldOut.map(({ totals }) => fraudProbability(model, totals)),
    heldOut.map(({ label }) => label),
    model.facts.threshold,
  );
  const line = card.split('\n').find((text) => text.includes('hold-out**'))!;
  expect(line).toContain(`**${f1.toFixed(3)}**`);
  expect(line).toContain(auc.toFixed(4));
  expect(line).toContain(brier.toFixed(4));
  expect(f1).toBeGreaterThan(0.88);
});

test('the factors add up to the margin, and the reason names the strongest', async () => {
  const totals = totalsOf(ordinary);
  const row = featureVector(totals);
  const { expected } = shapOf(model.ensemble, row);
  const sum = fraudFactors(model, totals).reduce((total, { logOdds }) => total + logOdds, expected);
  expect(sum).toBeCloseTo(marginOf(model.ensemble, row), 9);
  const strict = fraud.readTerms({ threshold: '0.001', prevalence: '0.9' }, 'terms');
  const [finding] = await examine([ordinary], strict);
  expect(finding?.status).toBe('fail');
  expect(finding?.reason).toContain(fraudFactors(model, totals)[0]!.label);
  expect(finding?.evidence).toEqual([`sha256:${model.digest}`]);
  const table = finding!.exhibits![0]!;
  expect(table.kind === 'table' && table.rows[0]).toHaveLength(6);
});

test('an ordinary address passes; the prevalence moves the odds as Bayes has it', async () => {
  const [finding] = await examine([ordinary]);
  expect([finding?.check, finding?.status]).toEqual(['fraud_probability', 'pass']);
  const odds = (prevalence: number) => {
    const p = fraudProbability(model, totalsOf(ordinary), prevalence);
    return p / (1 - p);
  };
  expect(odds(0.5) / odds(0.1)).toBeCloseTo(9, 6);
});

test('nothing to judge, too little, or nothing like it in training is unknown', async () => {
  const many = Object.fromEntries(Object.entries(ordinary).slice(0, 20));
  const giant = address(Object.fromEntries(BASE_FEATURES.map(({ key }) => [key, '1000000000000000000'])));
  const findings = await examine([
    address({}),
    many,
    giant,
    { ...ordinary, sent: 'many' },
    { ...ordinary, sent: 4 },
    {},
  ]);
  expect(findings.map(({ check, status }) => [check, status])).toEqual([['fraud_input', 'unknown']]);
  expect(findings[0]?.reason).toMatch(/^6 of 6 rows could not be read and were not judged: 0 to 5\. /);
  const reason = async (row: object) => (await examine([row]))[0]!.reason;
  expect(await reason(address({}))).toMatch(/no transactions/);
  expect(await reason(many)).toMatch(/of 33 totals are missing/);
  expect(await reason(giant)).toMatch(/outside of what the model learnt from/);
  // A few missing totals are no hindrance.
  expect((await examine([{ ...ordinary, minSent: null }]))[0]?.check).toBe('fraud_probability');
});

test('a model of other features, without facts or with bad ones, is refused', () => {
  const { facts } = model;
  const ensemble = { ...model.ensemble, trees: model.ensemble.trees.slice(0, 3) };
  expect(decodeFraudModel(encodeFraudModel(ensemble, facts)).facts).toEqual(facts);
  const refused = expect.objectContaining({ code: 'ARGUMENT_INVALID' });
  for (const bad of [
    { ...facts, threshold: 2 },
    { ...facts, prevalence: Number.NaN },
    { ...facts, ranges: facts.ranges.slice(1) },
    { ...facts, ranges: FEATURE_LABELS.map((): [number, number] => [2, 1]) },
  ]) {
    expect(() => decodeFraudModel(encodeFraudModel(ensemble, bad))).toThrow(refused);
  }
  const fewer = { ...ensemble, featureCount: ensemble.featureCount + 1 };
  expect(() => decodeFraudModel(encodeFraudModel(fewer, facts))).toThrow(refused);
});
