import {
  AssayError,
  canonicalBytes,
  type DerivationPredicate,
  digestHex,
  inRanges,
  type Material,
  type Row,
  type VerdictPredicate,
} from '@assay/core';
import {
  assessFigure,
  buildPanel,
  FIGURES,
  type FigureEntry,
  type FigureInput,
  type FigureName,
  type FigureRows,
  type MarketHistory,
  OBSERVED_KINDS,
  type ObservedKind,
  type ObservedRows,
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
  type ReadInput,
  type RequiredLevels,
  readInput,
  requiredBy,
} from './derive.ts';

const DAY_MS = 86_400_000;
const PREFIX = 'assay.market.';

/** Name of the stream of a figure. */
export const figureStream = (figure: FigureName): string => `${PREFIX}${figure}`;

/** What kind of rows an observed stream has, from its name: `coinbase.bars.1d` has bars. */
export function observedKind(stream: string): ObservedKind | null {
  const [, kind = ''] = /^[a-z0-9-]+\.([a-z-]+)(?:\.1d)?$/.exec(stream) ?? [];
  return OBSERVED_KINDS.find((known) => known === kind) ?? null;
}

/** Digest of the code that makes a figure; null for a name that is none. */
export function figureCodeDigest(name: string): string | null {
  const found = FIGURES.find(({ figure }) => functionName(figure.name) === name);
  return found ? codeDigest(`market/src/${found.source}`) : null;
}

const functionName = (figure: FigureName): string => `market.${figure}`;

/** What the rows of a figure are computed from: which statements, and how much of the past. */
export interface FigureMaterials {
  materials: Material[];
  requiredLevels: RequiredLevels;
}

/** Everything that a figure reads for some days: observed streams and other figures, from the market's first day on. */
export function figureMaterials(
  catalogue: Catalogue,
  { reads }: FigureEntry['figure'],
  streams: readonly string[],
  { historyFromMs, toMs }: { historyFromMs: number; toMs: number },
): FigureMaterials {
  const [from, to] = [instantOf(historyFromMs), instantOf(toMs)];
  const kinds: readonly (ObservedKind | null)[] = ['bars', 'market-caps', ...reads.observed];
  const wanted = [
    ...streams.filter((stream) => kinds.includes(observedKind(stream))),
    ...reads.figures.map(figureStream),
  ];
  const materials = wanted.flatMap((stream) => materialsOf(catalogue, stream, from, to));
  return { materials, requiredLevels: requiredBy(catalogue, materials) };
}

/** Builds a panel, or gives one that was built from the same inputs; `key` names them. */
export type PanelOf = (key: string, input: Parameters<typeof buildPanel>[0]) => ReturnType<typeof buildPanel>;

const build: PanelOf = (_key, input) => buildPanel(input);

/** Parameters as they are recorded: the figure's own, and what was given to it. */
interface RecordedParameters {
  figure: Record<string, unknown>;
  historyFrom: string;
  requiredLevels: RequiredLevels;
}

/**
 * Computes a figure's rows for some days, and prepares the derivation that states them.
 *
 * @param read gives an input's rows; it may remember them.
 * @returns null when there is no row: none is invented.
 */
export function prepareFigure(
  entry: FigureEntry,
  { materials, requiredLevels }: FigureMaterials,
  place: DerivationPlace & { historyFromMs: number },
  read: (material: Material, requiredLevels: RequiredLevels) => ReadInput,
  panelOf: PanelOf = build,
): Prepared | null {
  const { figure, source } = entry;
  const inputs = materials.map((material) => read(material, requiredLevels));
  const rows = computeFigure(entry, inputs, place, figure.parameters, (_, input) =>
    panelOf(panelKey(materials, place.toMs), input),
  );
  if (rows.length === 0) return null;
  const parameters: RecordedParameters = {
    figure: figure.parameters,
    historyFrom: instantOf(place.historyFromMs),
    requiredLevels,
  };
  const derivation = describeDerivation(
    {
      stream: figureStream(figure.name),
      code: {
        name: functionName(figure.name),
        version: figure.version,
        digest: { sha256: codeDigest(`market/src/${source}`) },
      },
      ...{ parameters: { ...parameters }, materials, rows, schema: 'figure/v1' },
    },
    place,
  );
  return {
    ...derivation,
    materials,
    verdictOn: (id) => verdictOnFigure(id, derivation.predicate, entry, rows, inputs),
  };
}

/** Computes a recorded derivation's rows again. */
export function recomputeFigure(
  inputs: Inputs,
  materials: readonly Material[],
  { function: code, parameters, period }: DerivationPredicate,
): Row[] {
  const found = FIGURES.find(({ figure }) => functionName(figure.name) === code.name);
  if (!found) throw new AssayError('DERIVATION_MISMATCH', `there is no figure named ${code.name}`);
  const { figure, historyFrom, requiredLevels } = parameters as unknown as RecordedParameters;
  return computeFigure(
    found,
    materials.map((material) => readInput(inputs, material, requiredLevels)),
    {
      historyFromMs: Date.parse(historyFrom),
      fromMs: Date.parse(period.from),
      toMs: Date.parse(period.to),
    },
    figure,
  );
}

function computeFigure(
  { figure, days: wanted }: FigureEntry,
  inputs: readonly ReadInput[],
  { historyFromMs, fromMs, toMs }: { historyFromMs: number; fromMs: number; toMs: number },
  parameters: Readonly<Record<string, unknown>>,
  panelOf: PanelOf = build,
): FigureRows[FigureName][] {
  const { history, figures } = historyOf(inputs, historyFromMs, toMs, panelOf);
  const to = (toMs - historyFromMs) / DAY_MS;
  const days = { from: wanted === 'last' ? to - 1 : (fromMs - historyFromMs) / DAY_MS, to };
  return figure.compute({ history, days, figures }, parameters);
}

/** Accepted rows of the observed streams up to the last day, as a history; figures as they were recorded. */
export function historyOf(
  inputs: readonly ReadInput[],
  historyFromMs: number,
  toMs: number,
  panelOf: PanelOf = build,
): Pick<FigureInput, 'history' | 'figures'> {
  const [from, to] = [instantOf(historyFromMs), instantOf(toMs)];
  const observed = new Map<string, Row[]>();
  const figures: { [name: string]: Row[] } = {};
  for (const { stream, rows, flagged, rejected } of inputs) {
    const derived = stream.startsWith(PREFIX);
    let list = derived ? figures[stream.slice(PREFIX.length)] : observed.get(stream);
    if (!list) {
      list = [];
      if (derived) figures[stream.slice(PREFIX.length)] = list;
      else observed.set(stream, list);
    }
    const clean = flagged.length === 0 && rejected.length === 0;
    for (const [i, row] of rows.entries()) {
      const { time } = row as { time: string };
      if (time < from || time >= to) continue;
      // A disputed figure says so itself; a disputed observation is not believed.
      if (!clean && (inRanges(rejected, i) || (!derived && inRanges(flagged, i)))) continue;
      list.push(row);
    }
  }
  const streamsOf = <Kind extends ObservedKind>(kind: Kind) =>
    [...observed]
      .filter(([stream]) => observedKind(stream) === kind)
      .map(([stream, rows]) => ({ stream, rows: rows as ObservedRows[Kind][] }));
  const merged = <Kind extends ObservedKind>(kind: Kind) =>
    streamsOf(kind)
      .flatMap(({ rows }) => rows)
      .sort((a, b) => (a.time < b.time ? -1 : a.time > b.time ? 1 : 0));
  const bars = streamsOf('bars');
  const { panel, defects } = panelOf('', {
    bars,
    caps: streamsOf('market-caps'),
    days: { fromMs: historyFromMs, toMs },
  });
  const history: MarketHistory = {
    panel,
    defects,
    venues: bars,
    funding: merged('funding'),
    articles: merged('articles'),
    activity: merged('activity'),
    development: merged('development'),
  };
  return { history, figures: figures as FigureInput['figures'] };
}

/** What a panel is built from. */
function panelKey(materials: readonly Material[], toMs: number): string {
  const parts = materials.filter(({ stream }) =>
    ['bars', 'market-caps'].includes(observedKind(stream) ?? ''),
  );
  return [String(toMs), ...parts.flatMap(({ observation, verdict }) => [observation, verdict])].join(' ');
}

function verdictOnFigure(
  id: string,
  { stream, derivedAt, period, function: { version } }: DerivationPredicate,
  { figure, days }: FigureEntry,
  rows: readonly FigureRows[FigureName][],
  inputs: readonly ReadInput[],
): VerdictPredicate {
  const left = (ranges: ReadInput['flagged']) => ranges.reduce((sum, [from, to]) => sum + to - from + 1, 0);
  const span = { fromMs: Date.parse(period.from), toMs: Date.parse(period.to) };
  return {
    stream,
    observation: id,
    contract: { name: stream, version, digest: { sha256: digestHex(canonicalBytes(figure.parameters)) } },
    checkedAt: derivedAt,
    ...assessFigure({ name: figure.name, days }, rows, span, {
      rows: inputs.reduce((sum, input) => sum + input.rows.length, 0),
      // As historyOf reads them: a disputed figure says so itself, and is not left out.
      leftOut: inputs.reduce(
        (sum, { stream: name, flagged, rejected }) =>
          sum + left(rejected) + (name.startsWith(PREFIX) ? 0 : left(flagged)),
        0,
      ),
    }),
  };
}
