import {
  canonicalBytes,
  type DerivationPredicate,
  digestHex,
  type FigureValue,
  type Material,
  type Row,
} from '@assay/core';
import {
  optimisePortfolio,
  PORTFOLIO_METHOD,
  type PortfolioRequest,
  type PortfolioResult,
  parsePortfolioRequest,
  portfolioPanelInputs,
} from '@assay/market/portfolio';
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
import { figureStream, historyOf, observedKind } from './derive-figures.ts';

const DAY_MS = 86_400_000;
const SOURCE = 'market/src/portfolio/index.ts';

export const PORTFOLIO_STREAM = 'assay.market.portfolio';
export const PORTFOLIO_FUNCTION = `market.${PORTFOLIO_METHOD.name}`;

/** Digest of the code that makes a portfolio. */
export const portfolioCodeDigest = (): string => codeDigest(SOURCE);

/**
 * Optimises a portfolio as of a day from accepted bars, capitalisations and grades, and prepares the derivation that
 * states it: the request is its parameters, so that anybody computes it again.
 *
 * @throws ARGUMENT_INVALID for a request that is none, or that no portfolio can meet.
 */
export async function preparePortfolio(
  catalogue: Catalogue,
  input: unknown,
  streams: readonly string[],
  place: DerivationPlace,
  read: (material: Material, requiredLevels: RequiredLevels) => ReadInput,
): Promise<{ prepared: Prepared; result: PortfolioResult }> {
  const request = parsePortfolioRequest(input);
  const [from, to] = [instantOf(historyFrom(place.toMs, request)), instantOf(place.toMs)];
  const dayStart = instantOf(place.toMs - DAY_MS);
  const materials = [
    ...streams
      .filter((stream) => ['bars', 'market-caps'].includes(observedKind(stream) ?? ''))
      .flatMap((stream) => materialsOf(catalogue, stream, from, to)),
    ...(request.expectedReturns.grades === null
      ? []
      : materialsOf(catalogue, figureStream('grades'), dayStart, to)),
  ];
  const requiredLevels = requiredBy(catalogue, materials);
  const inputs = materials.map((material) => read(material, requiredLevels));
  const result = await portfolioOf(request, inputs, place.toMs);
  const rows = [rowOf(result, place.toMs)];
  const derivation = describeDerivation(
    {
      stream: PORTFOLIO_STREAM,
      code: {
        name: PORTFOLIO_FUNCTION,
        version: PORTFOLIO_METHOD.version,
        digest: { sha256: portfolioCodeDigest() },
      },
      parameters: { request, requiredLevels },
      ...{ materials, rows, schema: 'figure/v1' },
    },
    place,
  );
  return {
    result,
    prepared: {
      ...derivation,
      materials,
      verdictOn: (id) => ({
        stream: PORTFOLIO_STREAM,
        observation: id,
        contract: {
          name: PORTFOLIO_STREAM,
          version: PORTFOLIO_METHOD.version,
          digest: { sha256: digestHex(canonicalBytes(request)) },
        },
        checkedAt: place.derivedAt,
        findings: [
          {
            check: 'inputs_were_accepted',
            status: 'pass',
            severity: 'flag',
            reason: `made of accepted rows of ${materials.length} statements`,
          },
        ],
        decision: 'accept',
        level: 'L1',
        rows: { flagged: [], rejected: [] },
        quality: {
          accuracy: null,
          completeness: null,
          consistency: null,
          credibility: null,
          currentness: null,
        },
      }),
    },
  };
}

/** Computes a recorded portfolio again. */
export async function recomputePortfolio(
  inputs: Inputs,
  materials: readonly Material[],
  { parameters, period }: DerivationPredicate,
): Promise<Row[]> {
  const { request, requiredLevels } = parameters as unknown as {
    request: PortfolioRequest;
    requiredLevels: RequiredLevels;
  };
  const toMs = Date.parse(period.to);
  const read = materials.map((material) => readInput(inputs, material, requiredLevels));
  return [rowOf(await portfolioOf(request, read, toMs), toMs)];
}

async function portfolioOf(
  request: PortfolioRequest,
  inputs: readonly ReadInput[],
  toMs: number,
): Promise<PortfolioResult> {
  const { history, figures } = historyOf(inputs, historyFrom(toMs, request), toMs);
  const day = instantOf(toMs - DAY_MS);
  const grades = new Map(
    (figures.grades ?? []).flatMap(({ asset, time, investor }) =>
      time === day && investor ? [[asset, Number(investor.grade)] as const] : [],
    ),
  );
  const { inputs: prices, leftOut } = portfolioPanelInputs(
    history.panel,
    request.assets,
    history.panel.days.length - 1,
    request.windowDays,
    { gaps: request.gaps, ...(request.expectedReturns.grades === null ? {} : { grades }) },
  );
  const kept: PortfolioRequest = { ...request, assets: request.assets === null ? null : [...prices.assets] };
  const result = await optimisePortfolio(kept, prices);
  return { ...result, leftOut: [...leftOut, ...result.leftOut], parameters: request };
}

/** A window of returns needs one price more. */
function historyFrom(toMs: number, { windowDays }: PortfolioRequest): number {
  return toMs - (windowDays + 1) * DAY_MS;
}

/** A result as a row: the request stands in the derivation's parameters already, and counts become texts. */
function rowOf({ parameters: _, ...result }: PortfolioResult, toMs: number): Row {
  return { time: instantOf(toMs - DAY_MS), ...(textual(result) as object) };
}

function textual(value: unknown): FigureValue {
  if (typeof value === 'number') return String(value);
  if (Array.isArray(value)) return value.map(textual);
  if (typeof value === 'object' && value !== null)
    return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, textual(inner)]));
  return value as string | boolean | null;
}
