import {
  canonicalBytes,
  type DerivationPredicate,
  digestHex,
  type Material,
  type Row,
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
import type { Catalogue } from './catalogue.ts';
import { codeDigest } from './code-digest.ts';
import {
  type DerivationPlace,
  describeDerivation,
  type Inputs,
  instantOf,
  materialsOf,
  type Prepared,
  type RequiredLevels,
  readInput,
  requiredBy,
} from './derive.ts';

export type RateInterval = '1m' | '1h';
const MINUTES: Record<RateInterval, number> = { '1m': 1, '1h': 60 };
const MINUTE_MS = 60_000;

/** Name of the stream of a pair's reference rates. */
export function rateStream(pair: string, interval: RateInterval): string {
  return `assay.${pair}.reference-rate.${interval}`;
}

/** Digest of the code that makes a rate. */
export const rateCodeDigest = (): string => codeDigest('market/src/rate/reference-rate.ts');

/**
 * Prepares the reference rates of a period from the observations that the catalogue holds.
 *
 * @param period whole intervals, within one hour.
 * @returns null when nothing was traded in any interval: no rate is invented.
 */
export function prepareRates(
  catalogue: Catalogue,
  { interval, ...place }: DerivationPlace & { interval: RateInterval },
): Prepared | null {
  const { fromMs, toMs } = place;
  const materials = materialsFor(catalogue, BTC_USD, fromMs, toMs);
  const requiredLevels = requiredBy(catalogue, materials);
  const parameters = { ...BTC_USD, intervalMinutes: MINUTES[interval], requiredLevels };
  const rates = ratesFrom(catalogue, materials, { fromMs, toMs }, parameters);
  if (rates.length === 0) return null;
  const derivation = describeDerivation(
    {
      stream: rateStream(BTC_USD.pair, interval),
      code: { ...RATE_FUNCTION, digest: { sha256: rateCodeDigest() } },
      ...{ parameters, materials, rows: rates, schema: 'reference-rate/v1' },
    },
    place,
  );
  const expected = (toMs - fromMs) / (MINUTES[interval] * MINUTE_MS);
  return {
    ...derivation,
    materials,
    verdictOn: (id) => verdictOnRates(id, derivation.predicate, rates, expected),
  };
}

/** Computes a recorded derivation's rates again. */
export function recomputeRates(
  inputs: Inputs,
  materials: readonly Material[],
  { parameters, period }: DerivationPredicate,
): Row[] {
  const span = { fromMs: Date.parse(period.from), toMs: Date.parse(period.to) };
  return ratesFrom(inputs, materials, span, parameters as unknown as RecordedParameters);
}

type RecordedParameters = RateParameters & { intervalMinutes: number; requiredLevels: RequiredLevels };

function ratesFrom(
  inputs: Inputs,
  materials: readonly Material[],
  period: { fromMs: number; toMs: number },
  { intervalMinutes, requiredLevels, ...parameters }: RecordedParameters,
): ReferenceRate[] {
  return referenceRates({
    period,
    intervalMinutes,
    parameters,
    inputs: materials.map((material) => readInput(inputs, material, requiredLevels) as RateInput),
  });
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
  return feeds.flatMap(({ stream, since }) => materialsOf(catalogue, stream, since, to));
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
