import type { Signal } from '@assay/checks/review';
import {
  type Candle,
  canonicalBytes,
  type DerivationPredicate,
  decodePayload,
  digestHex,
  type Material,
  type Row,
} from '@assay/core';
import {
  assessMinutes,
  HOUR_FUNCTION,
  HOUR_PARAMETERS,
  type HourParameters,
  holdsIn,
  type MinuteFinding,
  type MinuteRow,
  verifyHour,
} from '@assay/market/verify';
import type { Catalogue, CatalogueEntry } from './catalogue.ts';
import { codeDigest } from './code-digest.ts';
import {
  type DerivationPlace,
  describeDerivation,
  type Inputs,
  instantOf,
  materialsOf,
  type Prepared,
  type ReadInput,
  type RequiredLevels,
  readInput,
  requiredBy,
} from './derive.ts';
import { proverOf, type RowProof } from './row-proof.ts';

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;

/** One row an asset and hour: what its venues' candles say of each other. */
export const MINUTES_STREAM = 'assay.market.minutes';

/** Digest of the code that cross-verifies an hour. */
export const minutesCodeDigest = (): string => codeDigest('market/src/verify/minute-hour.ts');

type ReadRows = (material: Material, requiredLevels: RequiredLevels) => ReadInput;

/** Parameters as they are recorded. */
type RecordedParameters = HourParameters & { requiredLevels: RequiredLevels };

/**
 * Cross-verifies an hour from the candles that the catalogue holds up to its end, and prepares the derivation that
 * states it.
 *
 * @param place one whole hour.
 * @param read gives an input's rows; it may remember them.
 * @returns null when nothing was traded: nothing is said of such an hour.
 */
export function prepareMinutes(
  catalogue: Catalogue,
  place: DerivationPlace,
  read: ReadRows = (material, levels) => readInput(catalogue, material, levels),
): Prepared | null {
  const { fromMs, toMs } = place;
  const materials = materialsFor(catalogue, fromMs, toMs);
  if (materials === null) return null;
  const requiredLevels = requiredBy(catalogue, materials);
  const inputs = materials.map((material) => read(material, requiredLevels));
  const rows = rowsFrom(inputs, fromMs, HOUR_PARAMETERS);
  if (rows.length === 0) return null;
  const parameters: RecordedParameters = { ...HOUR_PARAMETERS, requiredLevels };
  const derivation = describeDerivation(
    {
      stream: MINUTES_STREAM,
      code: { ...HOUR_FUNCTION, digest: { sha256: minutesCodeDigest() } },
      ...{ parameters: { ...parameters }, materials, rows, schema: 'figure/v1' },
    },
    place,
  );
  const candles = inputs.filter(({ stream }) => stream !== MINUTES_STREAM);
  return {
    ...derivation,
    materials,
    verdictOn: (id) => ({
      stream: MINUTES_STREAM,
      observation: id,
      contract: {
        name: MINUTES_STREAM,
        version: HOUR_FUNCTION.version,
        digest: { sha256: digestHex(canonicalBytes(HOUR_PARAMETERS)) },
      },
      checkedAt: place.derivedAt,
      ...assessMinutes(rows, {
        rows: candles.reduce((sum, input) => sum + input.rows.length, 0),
        rejected: candles.reduce((sum, input) => sum + widthOf(input.rejected), 0),
      }),
    }),
    signalsOn: (id) => signalsOf(rows, id),
  };
}

/** Computes a recorded hour again. */
export function recomputeMinutes(
  inputs: Inputs,
  materials: readonly Material[],
  { parameters, period }: DerivationPredicate,
): Row[] {
  const { requiredLevels, ...recorded } = parameters as unknown as RecordedParameters;
  return rowsFrom(
    materials.map((material) => readInput(inputs, material, requiredLevels)),
    Date.parse(period.from),
    recorded,
  );
}

/** Reads each input once as long as every hour asks for it: consecutive hours share all but the newest. */
export function rememberedInputs(inputs: Inputs): { read: ReadRows; next: () => void } {
  let known = new Map<string, ReadInput>();
  let used = new Map<string, ReadInput>();
  return {
    read(material, levels) {
      const key = `${material.observation} ${material.verdict} ${levels[material.stream] ?? ''}`;
      const input = used.get(key) ?? known.get(key) ?? readInput(inputs, material, levels);
      used.set(key, input);
      return input;
    },
    next() {
      known = used;
      used = new Map();
    },
  };
}

function rowsFrom(inputs: readonly ReadInput[], fromMs: number, parameters: HourParameters): MinuteRow[] {
  const before = inputs.filter(({ stream }) => stream === MINUTES_STREAM);
  return verifyHour(
    {
      fromMs,
      inputs: inputs
        .filter(({ stream }) => stream !== MINUTES_STREAM)
        .map((input) => ({ ...input, rows: input.rows as readonly Candle[] })),
      before: before.flatMap(({ rows }) => rows as MinuteRow[]),
    },
    parameters,
  );
}

/** Candles of the hour and some before it, and the rows of the day before; null for an hour without candles. */
function materialsFor(catalogue: Catalogue, fromMs: number, toMs: number): Material[] | null {
  const { assets, lookbackMinutes, memoryHours } = HOUR_PARAMETERS;
  const [from, to] = [instantOf(fromMs), instantOf(toMs)];
  const streams = new Set(
    assets.flatMap(({ feeds }) => feeds.flatMap(({ stream, times, over }) => [stream, times, over])),
  );
  const named = [...streams].filter((stream) => stream !== undefined);
  if (!named.some((stream) => catalogue.overlapping(stream, from, to).length > 0)) return null;
  const back = instantOf(fromMs - lookbackMinutes * MINUTE_MS);
  return [
    ...named.flatMap((stream) => materialsOf(catalogue, stream, back, to)),
    ...materialsOf(catalogue, MINUTES_STREAM, instantOf(fromMs - memoryHours * HOUR_MS), from),
  ];
}

/** Findings that somebody should be told of. */
const TOLD = {
  depeg: 'critical',
  stale: 'warning',
  spike: 'warning',
  disagreement: 'warning',
} as const satisfies Partial<Record<MinuteFinding['kind'], Signal['severity']>>;

/** One signal an asset and kind: whether such a finding held in the hour. A row that knows nothing is no recovery. */
function signalsOf(rows: readonly MinuteRow[], id: string): Signal[] {
  return rows.flatMap((row, i) => {
    const at = instantOf(Date.parse(row.time) + HOUR_MS);
    return (Object.keys(TOLD) as (keyof typeof TOLD)[]).map((kind): Signal => {
      const same = row.findings.filter((finding) => finding.kind === kind);
      const held = same.filter((finding) => holdsIn(finding, row.time));
      const status = row.status === 'unknown' ? 'unknown' : held.length > 0 ? 'fail' : 'pass';
      return {
        ...{ stream: MINUTES_STREAM, check: `${kind}:${row.asset}`, status, severity: TOLD[kind], at },
        reason: held.at(-1)?.text ?? same.at(-1)?.text ?? row.reason,
        observation: `${id}.${i}`,
      };
    });
  });
}

function widthOf(ranges: ReadInput['flagged']): number {
  return ranges.reduce((sum, [from, to]) => sum + to - from + 1, 0);
}

/**
 * Recorded rows of an asset's hours in [from, to), oldest first, each with its proof.
 *
 * @param period RFC 3339.
 */
export function minuteRows(
  catalogue: Catalogue,
  { asset, from, to }: { asset: string; from: string; to: string },
): (MinuteRow & { proof: RowProof })[] {
  return catalogue.overlapping(MINUTES_STREAM, from, to).flatMap((entry: CatalogueEntry) => {
    const proofOf = proverOf(catalogue, entry);
    return (decodePayload(catalogue.payload(entry.payload!)) as MinuteRow[]).flatMap((row, i) =>
      row.asset === asset && row.time >= from && row.time < to ? [{ ...row, proof: proofOf(i) }] : [],
    );
  });
}
