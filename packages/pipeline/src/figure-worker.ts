/**
 * Computes figures and portfolios beside the node's own thread: reading a year of rows and computing with them takes
 * seconds, in which the log and the console would stand still. It reads the catalogue and writes nothing.
 */
import { type MessagePort, parentPort, workerData } from 'node:worker_threads';
import { AssayError, type Material } from '@assay/core';
import { buildPanel, FIGURES, type FigureName } from '@assay/market';
import { Catalogue } from './catalogue.ts';
import {
  type DerivationPlace,
  type Prepared,
  type ReadInput,
  type RequiredLevels,
  readInput,
} from './derive.ts';
import { figureMaterials, type PanelOf, prepareFigure } from './derive-figures.ts';
import { preparePortfolio } from './derive-portfolio.ts';

/** What the worker is asked for. */
export type Commission =
  | {
      kind: 'figure';
      figure: FigureName;
      streams: readonly string[];
      place: DerivationPlace & { historyFromMs: number };
    }
  | { kind: 'portfolio'; request: unknown; streams: readonly string[]; place: DerivationPlace };

/** What it made. The verdict is about a statement that has no id yet. */
export type Work = Omit<Prepared, 'verdictOn'> & {
  verdict: ReturnType<Prepared['verdictOn']>;
  /** Of a portfolio, as it is answered. */
  result: unknown;
};

export type Reply =
  | { n: number; work: Work | null }
  | { n: number; error: { code: string | null; message: string; next: string | undefined; detail: unknown } };

/** Rows that are kept decoded: about two years of a few hundred assets. */
const MAX_DECODED_ROWS = 1_500_000;

/** Inputs as they were read, the least recently used first: the figures of a month read the same ones. */
class DecodedInputs {
  readonly #known = new Map<string, ReadInput>();
  #rows = 0;

  of(key: string, read: () => ReadInput): ReadInput {
    const known = this.#known.get(key);
    if (known) {
      this.#known.delete(key);
      this.#known.set(key, known);
      return known;
    }
    const input = read();
    this.#known.set(key, input);
    this.#rows += input.rows.length;
    for (const [oldest, { rows }] of this.#known) {
      if (this.#rows <= MAX_DECODED_ROWS || oldest === key) break;
      this.#known.delete(oldest);
      this.#rows -= rows.length;
    }
    return input;
  }
}

/** Figures of the same days share their panel: building it costs more than most of them. */
function remembering(): PanelOf {
  let last: { key: string; built: ReturnType<typeof buildPanel> } | null = null;
  return (key, input) => {
    if (last?.key !== key) last = { key, built: buildPanel(input) };
    return last.built;
  };
}

function work(port: MessagePort, file: string): void {
  const catalogue = new Catalogue(file, { readOnly: true });
  const decoded = new DecodedInputs();
  const panelOf = remembering();
  const read = (material: Material, levels: RequiredLevels) =>
    decoded.of(`${material.observation} ${material.verdict} ${levels[material.stream] ?? ''}`, () =>
      readInput(catalogue, material, levels),
    );
  const make = async (commission: Commission): Promise<Work | null> => {
    if (commission.kind === 'portfolio') {
      const { request, streams, place } = commission;
      const { prepared, result } = await preparePortfolio(catalogue, request, streams, place, read);
      return plain(prepared, result);
    }
    const { figure, streams, place } = commission;
    const entry = FIGURES.find((one) => one.figure.name === figure)!;
    const materials = figureMaterials(catalogue, entry.figure, streams, place);
    const prepared = prepareFigure(entry, materials, place, read, panelOf);
    return prepared && plain(prepared, null);
  };
  port.on('message', async ({ n, commission }: { n: number; commission: Commission }) => {
    let reply: Reply;
    try {
      reply = { n, work: await make(commission) };
    } catch (error) {
      const { message, code = null, next, detail } = error as Partial<AssayError> & Error;
      reply = { n, error: { code: error instanceof AssayError ? code : null, message, next, detail } };
    }
    port.postMessage(reply);
  });
}

function plain({ verdictOn, ...prepared }: Prepared, result: unknown): Work {
  return { ...prepared, verdict: verdictOn(''), result };
}

if (parentPort) work(parentPort, workerData as string);
