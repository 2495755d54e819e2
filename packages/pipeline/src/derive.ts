import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { reaches } from '@assay/checks/review';
import {
  AssayError,
  bytesToHex,
  type Candle,
  canonicalBytes,
  cidOf,
  commitRows,
  type DerivationPredicate,
  type DerivationStatement,
  decodePayload,
  digestHex,
  type ExecutionPredicate,
  encodePayload,
  type Level,
  type Material,
  makeStatement,
  PREDICATE,
  type Row,
  type SourceMode,
  treeOfPayload,
  type VerdictPredicate,
} from '@assay/core';
import {
  assessRates,
  BTC_USD,
  RATE_FUNCTION,
  type RateInput,
  type RateParameters,
  type ReferenceRate,
  referenceRates,
} from '@assay/market';
import { type Catalogue, type CatalogueEntry, standingOf, statementOf } from './catalogue.ts';
import { sameRows } from './execution-desk.ts';

export type RateInterval = '1m' | '1h';
const MINUTES: Record<RateInterval, number> = { '1m': 1, '1h': 60 };
const MINUTE_MS = 60_000;

/** Name of the stream of a pair's reference rates. */
export function rateStream(pair: string, interval: RateInterval): string {
  return `assay.${pair}.reference-rate.${interval}`;
}

/** A derivation ready to be signed, with its payload and the verdict on it. */
export interface PreparedRates {
  predicate: DerivationPredicate;
  payload: Uint8Array;
  materials: Material[];
  sha256: string;
  /** The verdict, once the statement's id is known. */
  verdictOn: (id: string) => VerdictPredicate;
}

/**
 * Prepares the reference rates of a period from the observations that the catalogue holds.
 *
 * @param period whole intervals, within one hour.
 * @returns null when nothing was traded in any interval: no rate is invented.
 */
export function prepareRates(
  catalogue: Catalogue,
  request: {
    interval: RateInterval;
    mode: SourceMode;
    fromMs: number;
    toMs: number;
    derivedAt: string;
    sequence: number;
    previous: string | null;
  },
): PreparedRates | null {
  const { interval, mode, fromMs, toMs, derivedAt, sequence, previous } = request;
  const parameters = BTC_USD;
  const materials = materialsFor(catalogue, parameters, fromMs, toMs);
  const requiredLevels = requiredBy(catalogue, materials);
  const rates = referenceRates({
    period: { fromMs, toMs },
    intervalMinutes: MINUTES[interval],
    parameters,
    inputs: materials.map((material) => readInput(catalogue, material, requiredLevels)),
  });
  if (rates.length === 0) return null;
  const { commitment, payload, sha256 } = commitRows(rates, 'reference-rate/v1');
  const stream = rateStream(parameters.pair, interval);
  const predicate: DerivationPredicate = {
    stream,
    source: { mode },
    function: { ...RATE_FUNCTION, digest: { sha256: rateCodeDigest() } },
    parameters: { ...parameters, intervalMinutes: MINUTES[interval], requiredLevels },
    materials: commitRows(materials, 'material/v1').commitment,
    derivedAt,
    period: { from: instantOf(fromMs), to: instantOf(toMs) },
    sequence,
    previous,
    rows: commitment,
  };
  const expected = (toMs - fromMs) / (MINUTES[interval] * MINUTE_MS);
  return {
    predicate,
    payload,
    sha256,
    materials,
    verdictOn: (id) => verdictOnRates(id, predicate, rates, expected),
  };
}

/** The statement around a derivation's predicate. */
export function rateStatement({ predicate, sha256 }: PreparedRates): DerivationStatement {
  return makeStatement(
    'derivation',
    { name: `${predicate.stream}/${predicate.period.from}`, sha256 },
    predicate,
  ) as DerivationStatement;
}

/** What running a derivation again gave. */
export interface Recomputed {
  payload: Uint8Array;
  /** The payload that is stored, which the new one must equal byte for byte. */
  recorded: Uint8Array;
  materials: number;
  derivation: DerivationPredicate;
  /** What came out, as an execution states it. */
  rows: ExecutionPredicate['rows'];
  /** Whether these are the rows that the derivation commits to, whatever is stored. */
  agrees: boolean;
}

/**
 * Runs a derivation again from its recorded inputs and parameters. Every input is checked against the digest by which
 * the derivation names it, so that who signs the result need not believe the folder that it was read from.
 *
 * @throws NOT_FOUND for an input that is not stored, ARGUMENT_INVALID when the id is no derivation,
 *   PAYLOAD_MISMATCH for an input that was changed, DERIVATION_MISMATCH when other code made the recorded figure.
 */
export function recompute(catalogue: Catalogue, named: CatalogueEntry): Recomputed {
  const inputs = digestsChecked(catalogue);
  const entry = inputs.get(named.id);
  const statement = statementOf(entry.entry);
  if (statement.predicateType !== PREDICATE.derivation) {
    throw new AssayError(
      'ARGUMENT_INVALID',
      `${entry.id} is an ${entry.kind}: it was not computed from anything`,
      {
        next: 'recompute a reference rate: assay records --stream assay.BTC-USD.reference-rate.1h',
      },
    );
  }
  const { function: code, parameters, period } = statement.predicate;
  const materials = decodePayload(inputs.payload(statement.predicate.materials.payload)) as Material[];
  if (code.digest.sha256 !== rateCodeDigest()) {
    throw new AssayError(
      'DERIVATION_MISMATCH',
      `the figure was made by ${code.name} ${code.version} with code ${code.digest.sha256.slice(0, 16)}…, this is ${rateCodeDigest().slice(0, 16)}…`,
      {
        next: 'check out the version of Assay whose code has that digest, and recompute there',
      },
    );
  }
  const { intervalMinutes, requiredLevels, ...rest } = parameters as unknown as RateParameters & {
    intervalMinutes: number;
    requiredLevels: RequiredLevels;
  };
  const rates = referenceRates({
    period: { fromMs: Date.parse(period.from), toMs: Date.parse(period.to) },
    intervalMinutes,
    parameters: rest,
    inputs: materials.map((material) => readInput(inputs, material, requiredLevels)),
  });
  const payload = encodePayload(rates as Row[]);
  const rows = { root: bytesToHex(treeOfPayload(payload).root), count: rates.length };
  return {
    payload,
    recorded: catalogue.payload(statement.predicate.rows.payload),
    materials: materials.length,
    derivation: statement.predicate,
    rows,
    agrees: sameRows(rows, statement.predicate.rows),
  };
}

/** What a derivation reads. */
type Inputs = Pick<Catalogue, 'get' | 'payload'>;

/** A catalogue of which nothing is believed: what it gives has the digest that was asked for. */
function digestsChecked(catalogue: Catalogue): Inputs {
  const check = (actual: string, expected: string) => {
    if (actual === expected) return;
    throw new AssayError('PAYLOAD_MISMATCH', `expected an input with digest ${expected}, got ${actual}`, {
      next: 'the stored input was changed: restore the folder, and say so to whoever runs the node',
    });
  };
  return {
    get(id) {
      const entry = catalogue.get(id);
      check(digestHex(entry.entry), id);
      const { predicate } = statementOf(entry.entry);
      return {
        ...entry,
        payload: 'rows' in predicate && 'payload' in predicate.rows ? predicate.rows.payload : null,
      };
    },
    payload(cid) {
      const bytes = catalogue.payload(cid);
      check(cidOf(bytes), cid);
      return bytes;
    },
  };
}

/** Observations of every feed that the parameters name, reaching back as far as a conversion rate may be old. */
function materialsFor(
  catalogue: Catalogue,
  parameters: RateParameters,
  fromMs: number,
  toMs: number,
): Material[] {
  const back = instantOf(fromMs - parameters.maxConversionAgeMinutes * MINUTE_MS);
  const [from, to] = [instantOf(fromMs), instantOf(toMs)];
  const conversions = Object.values(parameters.conversions).flat();
  const feeds = [
    ...parameters.constituents.map(({ stream }) => ({ stream, since: from })),
    ...conversions.map((stream) => ({ stream, since: back })),
  ];
  return feeds.flatMap(({ stream, since }) =>
    catalogue.overlapping(stream, since, to).flatMap(({ id }) => {
      const verdict = catalogue.verdictOn(id);
      return verdict ? [{ stream, observation: id, verdict: standingOf(verdict).id }] : [];
    }),
  );
}

/** The level that each stream's contract required of the inputs; recorded with the rate, so that it can be recomputed. */
type RequiredLevels = Record<string, Level>;

function requiredBy(catalogue: Catalogue, materials: readonly Material[]): RequiredLevels {
  const levels: RequiredLevels = {};
  for (const { stream, observation } of materials) {
    const { required } = catalogue.verdictOn(observation)!;
    const before = levels[stream] ?? 'L0';
    levels[stream] = reaches(required, before) ? required : before;
  }
  return levels;
}

/**
 * The rows of an input with what was decided about them, by the verdict or by the outcome of a review. What does not
 * reach the level that its contract requires counts as flagged: it is named among what was left out.
 */
function readInput(
  inputs: Inputs,
  { stream, observation, verdict }: Material,
  requiredLevels: RequiredLevels,
): RateInput {
  const judged = statementOf(inputs.get(verdict).entry);
  if (
    (judged.predicateType !== PREDICATE.verdict && judged.predicateType !== PREDICATE.outcome) ||
    judged.predicate.observation !== observation
  ) {
    throw new AssayError('DERIVATION_MISMATCH', `${verdict} is not the verdict on ${observation}`);
  }
  const { payload } = inputs.get(observation);
  const rows = decodePayload(inputs.payload(payload!)) as Candle[];
  const { level, rows: decided } = judged.predicate;
  if (!reaches(level, requiredLevels[stream] ?? 'L0'))
    return { stream, rows, flagged: [[0, rows.length - 1]], rejected: decided.rejected };
  return { stream, rows, ...decided };
}

function verdictOnRates(
  id: string,
  predicate: DerivationPredicate,
  rates: readonly ReferenceRate[],
  expected: number,
): VerdictPredicate {
  const { stream, derivedAt } = predicate;
  const { requiredLevels: _, ...parameters } = predicate.parameters;
  return {
    stream,
    observation: id,
    contract: {
      name: stream,
      version: RATE_FUNCTION.version,
      digest: { sha256: digestHex(canonicalBytes(parameters)) },
    },
    checkedAt: derivedAt,
    ...assessRates(rates, expected, BTC_USD),
  };
}

/** The files whose bytes decide a rate. */
const RATE_SOURCES = [
  '../../market/src/rate/reference-rate.ts',
  '../../market/src/rate/volume-weighted-median.ts',
  '../../core/src/decimal.ts',
  '../../core/src/batch.ts',
  '../../core/src/canonical-json.ts',
];

let codeDigest: string | null = null;

/** SHA-256 over the digests of the rate's source files, by their names: what `function.digest` records. */
export function rateCodeDigest(): string {
  codeDigest ??= digestHex(
    canonicalBytes(
      Object.fromEntries(
        RATE_SOURCES.map((path) => [
          path.replaceAll('../', ''),
          digestHex(readFileSync(fileURLToPath(new URL(path, import.meta.url)))),
        ]),
      ),
    ),
  );
  return codeDigest;
}

function instantOf(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 19)}Z`;
}
