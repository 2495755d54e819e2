import { isDecimal, type Row } from '@assay/core';
import { cell } from '../cell.ts';
import type { Detector, DetectorFinding } from '../detector.ts';
import { nameCell, rangesOf, Unreadable, UnreadableRows, unreadable, withoutRows } from './cells.ts';
import { BASE_FEATURES, FEATURE_LABELS, featureVector } from './fraud-features.ts';
import { type FraudModel, fraudFactors, fraudProbability } from './fraud-model.ts';
import { decimalOf } from './p-value.ts';
import { TermsReader } from './terms.ts';

export interface FraudTerms {
  address: string;
  /** Columns by feature. */
  columns: { key: string; column: string }[];
  threshold: number;
  prevalence: number;
}

/** It remembers nothing: each address is judged by its own row. */
export type FraudMemory = null;

/** Share of the totals that may be missing, and of the features that may lie outside of training. */
const MAX_MISSING = 0.25;
const MAX_OUTSIDE = 0.1;

/**
 * Judges Ethereum addresses by rows of their transaction totals (see `fraud-features.ts` for the columns).
 * `fraud_probability` fails for rows from the threshold on; its reason and its exhibit say what moved the
 * probability. Rows with too many missing totals, without transactions, or unlike anything in training are unknown.
 *
 * Not every question about fraud: the model knows the scams and the collection of its data set. Read
 * `docs/models/ethereum-fraud.md` before acting on it.
 *
 * @param model from `loadFraudModel()` or `decodeFraudModel(bytes)`.
 * @example
 * const fraud = fraudDetector(loadFraudModel());
 */
export function fraudDetector(model: FraudModel): Detector<FraudTerms, FraudMemory> {
  return {
    name: 'fraud',
    version: `1.0.0+${model.digest.slice(0, 16)}`,
    readTerms(value, path) {
      const terms = new TermsReader(value, path);
      const read = {
        address: terms.column('address', 'address'),
        columns: BASE_FEATURES.map(({ key }) => ({ key, column: terms.column(key, key) })),
        threshold: terms.number('threshold', model.facts.threshold, 0.001, 0.999),
        prevalence: terms.number('prevalence', model.facts.prevalence, 0.000001, 0.999),
      };
      terms.end();
      return read;
    },
    begin: () => null,
    examine({ rows = [] }, terms) {
      if (rows.length === 0) return { findings: withoutRows('fraud_probability'), memory: null };
      const bad = new UnreadableRows();
      const judged: Judged[] = [];
      for (const [row, content] of rows.entries()) {
        const address = nameCell(content, terms.address);
        const totals = address instanceof Unreadable ? address : readTotals(content, terms, model);
        if (address instanceof Unreadable) bad.add(row, address);
        else if (totals instanceof Unreadable) bad.add(row, totals);
        else judged.push({ row, address, totals, p: fraudProbability(model, totals, terms.prevalence) });
      }
      return {
        findings: [
          ...(judged.length > 0 ? [judge(judged, terms, model)] : []),
          ...bad.findings('fraud_input', rows.length),
        ],
        memory: null,
      };
    },
  };
}

interface Judged {
  row: number;
  address: string;
  totals: ReadonlyMap<string, number>;
  p: number;
}

function readTotals(row: Row, { columns }: FraudTerms, model: FraudModel): Map<string, number> | Unreadable {
  const totals = new Map<string, number>();
  for (const { key, column } of columns) {
    const value = cell(row, column) ?? null;
    if (value === null) continue;
    const number = isDecimal(value) ? Math.fround(Number(value)) : Number.NaN;
    if (!Number.isFinite(number)) return unreadable(column, 'a canonical decimal string', value);
    totals.set(key, number);
  }
  const missing = columns.length - totals.size;
  if (missing > MAX_MISSING * columns.length) {
    return new Unreadable(`${missing} of ${columns.length} totals are missing, more than a quarter`);
  }
  if (!['sent', 'received', 'tokenTransfers'].some((key) => (totals.get(key) ?? 0) > 0)) {
    return new Unreadable('the address has no transactions, so there is no behaviour to judge');
  }
  const vector = featureVector(totals);
  const outside = [...vector.keys()].filter((i) => {
    const [least, most] = model.facts.ranges[i]!;
    return vector[i]! < least || vector[i]! > most;
  });
  if (outside.length > MAX_OUTSIDE * FEATURE_LABELS.length) {
    const names = outside.slice(0, 3).map((i) => FEATURE_LABELS[i]!);
    return new Unreadable(
      `${outside.length} of ${FEATURE_LABELS.length} features lie outside of what the model learnt from, such as ` +
        names.join(', '),
    );
  }
  return totals;
}

function judge(judged: readonly Judged[], terms: FraudTerms, model: FraudModel): DetectorFinding {
  const ranked = judged.toSorted((a, b) => b.p - a.p);
  const fraudulent = ranked.filter(({ p }) => p >= terms.threshold);
  const worst = ranked[0]!;
  const said =
    `${worst.address.slice(0, 60)} has the highest probability of fraud, ${decimalOf(worst.p)} (threshold ` +
    `${decimalOf(terms.threshold)}, ${decimalOf(100 * terms.prevalence)} % of addresses taken to be fraudulent)`;
  const finding = {
    check: 'fraud_probability',
    score: decimalOf(1 - worst.p),
    evidence: [`sha256:${model.digest}`],
  };
  if (fraudulent.length === 0) {
    return {
      ...finding,
      status: 'pass',
      reason: `None of ${judged.length} addresses behaves like known fraud: ${said}.`,
    };
  }
  return {
    ...finding,
    status: 'fail',
    reason:
      `${fraudulent.length} of ${judged.length} addresses behave like known fraud. ${said}, because of ` +
      `${topFactors(model, worst).join('; ')}.`,
    rows: rangesOf(fraudulent.map(({ row }) => row)),
    exhibits: [
      {
        kind: 'table',
        title: 'Addresses that behave like known fraud, and what moved their log-odds most',
        columns: ['row', 'address', 'probability', 'first', 'second', 'third'],
        rows: fraudulent
          .slice(0, MAX_EXPLAINED)
          .map((one) => [String(one.row), one.address, decimalOf(one.p), ...topFactors(model, one)]),
      },
    ],
  };
}

/** An explanation takes some ten milliseconds. */
const MAX_EXPLAINED = 25;

function topFactors(model: FraudModel, { totals }: Judged): string[] {
  return fraudFactors(model, totals)
    .slice(0, 3)
    .map(({ label, value, logOdds }) => {
      const shown = Number.isNaN(value) ? 'missing' : Number(value.toPrecision(6)).toString();
      return `${label} ${shown} (${logOdds > 0 ? '+' : ''}${logOdds.toFixed(2)})`;
    });
}
