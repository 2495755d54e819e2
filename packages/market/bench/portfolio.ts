/** Time of each optimiser by number of assets, and how much of it is the solver's. */
import { cpus } from 'node:os';
import loadHighs, { type Highs } from 'highs';
import { solveQP } from 'quadprog';
import { optimisePortfolio, type PortfolioInputs, parsePortfolioRequest } from '../src/portfolio/index.ts';
import { solveLinear } from '../src/portfolio/linear-program.ts';
import type { BenchSection } from './section.ts';

const SIZES = [10, 50, 200];
const PERIODS = 365;

const CASES: [string, Record<string, unknown>][] = [
  ['minimum variance', { objective: { name: 'min-variance' } }],
  ['greatest Sharpe', { objective: { name: 'max-sharpe' } }],
  ['greatest utility', { objective: { name: 'max-utility', riskAversion: '3' } }],
  ['efficient return', { objective: { name: 'efficient-return', targetReturn: '0.1' } }],
  ['efficient risk', { objective: { name: 'efficient-risk', targetVolatility: '0.7' } }],
  [
    'minimum variance, turnover 0.2, cost 10 bps',
    {
      objective: { name: 'min-variance' },
      constraints: { turnover: '0.2', costBps: '10' },
      currentWeights: Array.from({ length: 10 }, (_, i) => ({ asset: `A${i}`, weight: '0.1' })),
    },
  ],
  ['risk parity', { objective: { name: 'risk-parity' } }],
  ['HRP', { objective: { name: 'hrp' } }],
  ['least CVaR', { objective: { name: 'min-cvar' } }],
  ['frontier of 20', { objective: { name: 'min-variance' }, frontierPoints: 20 }],
];

/** @returns the report's section: milliseconds per request, median of a few. */
export async function portfolioBench(): Promise<BenchSection> {
  await solveLinear({
    cost: new Float64Array(1),
    lower: new Float64Array(1),
    upper: new Float64Array(1),
    rows: [],
  });
  const lines = [
    `${cpus()[0]?.model ?? 'unknown processor'}; ${PERIODS} daily returns of a one-factor market, Ledoit–Wolf, long only, at most 0.5 each. Milliseconds for a whole request (estimates, constraints, optimum, stress), median of 3.`,
    '',
    `| | ${SIZES.map((n) => `${n} assets`).join(' | ')} |`,
    `|---|${SIZES.map(() => '---:').join('|')}|`,
  ];
  for (const [name, body] of CASES) {
    const cells: string[] = [];
    for (const n of SIZES) {
      const inputs = market(n);
      const request = parsePortfolioRequest({
        windowDays: PERIODS,
        ...body,
        constraints: { max: '0.5', ...(body.constraints as object | undefined) },
      });
      const times: number[] = [];
      for (let run = 0; run < 3; run++) {
        const from = performance.now();
        await optimisePortfolio(request, inputs);
        times.push(performance.now() - from);
        if (times[0]! > 10_000) break;
      }
      times.sort((a, b) => a - b);
      cells.push(times[times.length >> 1]!.toFixed(1));
    }
    lines.push(`| ${name} | ${cells.join(' | ')} |`);
  }
  lines.push('', ...(await solverShare()));
  return { title: 'Portfolio', lines };
}

/** The bare solvers on the same problem: what cannot be saved around them. */
async function solverShare(): Promise<string[]> {
  const lines = [
    '| Share of the solver | assets | request ms | solver alone ms | share |',
    '|---|---:|---:|---:|---:|',
  ];
  for (const n of SIZES) {
    const inputs = market(n);
    const whole = await timed(() =>
      optimisePortfolio(
        parsePortfolioRequest({
          objective: { name: 'min-variance' },
          windowDays: PERIODS,
          constraints: { max: '0.5' },
        }),
        inputs,
      ),
    );
    const { D, d, A, b } = bareProblem(inputs.returns as Float64Array[]);
    const copies = Array.from({ length: 3 }, () => ({
      D: D.map((row) => [...row]),
      d: [...d],
      A: A.map((row) => [...row]),
      b: [...b],
    }));
    const bare = await timed(() => {
      const copy = copies.pop()!;
      solveQP(copy.D, copy.d, copy.A, copy.b, 1);
    });
    lines.push(
      `| quadprog, minimum variance | ${n} | ${whole.toFixed(1)} | ${bare.toFixed(1)} | ${((100 * bare) / whole).toFixed(0)} % |`,
    );
  }
  for (const n of SIZES) {
    const inputs = market(n);
    const returns = inputs.returns as Float64Array[];
    const whole = await timed(() =>
      optimisePortfolio(
        parsePortfolioRequest({
          objective: { name: 'min-cvar' },
          windowDays: PERIODS,
          constraints: { max: '0.5' },
        }),
        inputs,
      ),
    );
    const load = loadHighs as unknown as (options: object) => Promise<Highs>;
    const highs = await load({ print: () => {}, printErr: () => {} });
    const total = n + 1 + PERIODS;
    const starts = [0, n];
    const indices = Array.from({ length: n }, (_, i) => i);
    const values: number[] = new Array<number>(n).fill(1);
    for (let t = 0; t < PERIODS; t++) {
      for (let i = 0; i < n; i++) {
        indices.push(i);
        values.push(returns[i]![t]!);
      }
      indices.push(n, n + 1 + t);
      values.push(1, 1);
      starts.push(indices.length);
    }
    const rows = PERIODS + 1;
    const bare = await timed(() => {
      highs.withModel((model) => {
        model.options.set({ output_flag: false, solver: 'simplex' });
        model.passModel({
          numCols: total,
          numRows: rows,
          colCost: Float64Array.from({ length: total }, (_, i) =>
            i < n ? 0 : i === n ? 1 : 1 / (PERIODS * 0.05),
          ),
          colLower: Float64Array.from({ length: total }, (_, i) => (i === n ? -Infinity : 0)),
          colUpper: Float64Array.from({ length: total }, (_, i) => (i < n ? 0.5 : Infinity)),
          rowLower: Float64Array.from({ length: rows }, (_, r) => (r === 0 ? 1 : 0)),
          rowUpper: Float64Array.from({ length: rows }, (_, r) => (r === 0 ? 1 : Infinity)),
          matrix: { format: 'csr', numRows: rows, numCols: total, starts, indices, values },
        });
        model.run();
      });
    });
    lines.push(
      `| HiGHS, least CVaR | ${n} | ${whole.toFixed(1)} | ${bare.toFixed(1)} | ${((100 * bare) / whole).toFixed(0)} % |`,
    );
  }
  return lines;
}

async function timed(run: () => unknown): Promise<number> {
  const times: number[] = [];
  for (let i = 0; i < 3; i++) {
    const from = performance.now();
    await run();
    times.push(performance.now() - from);
  }
  return times.sort((a, b) => a - b)[1]!;
}

/** A market factor and as much noise of each asset's own; always the same. */
function market(n: number): PortfolioInputs {
  let state = 12345;
  const random = () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 4294967296;
  };
  const normal = () => random() + random() + random() + random() + random() + random() - 3;
  const factor = Array.from({ length: PERIODS }, () => 0.03 * normal() + 0.0005);
  const returns = Array.from({ length: n }, () => {
    const beta = 0.5 + random();
    const noise = 0.02 + 0.04 * random();
    return Float64Array.from(factor, (move) => beta * move + noise * normal());
  });
  return { assets: returns.map((_, i) => `A${i}`), returns };
}

function bareProblem(returns: Float64Array[]): { D: number[][]; d: number[]; A: number[][]; b: number[] } {
  const n = returns.length;
  const D: number[][] = [[]];
  for (const a of returns)
    D.push([0, ...returns.map((b) => a.reduce((sum, value, t) => sum + value * b[t]!, 0) / PERIODS)]);
  for (let i = 1; i <= n; i++) D[i]![i]! += 1e-5;
  const A: number[][] = [[]];
  for (let i = 0; i < n; i++) {
    const row = [0, 1];
    for (let j = 0; j < n; j++) row.push(i === j ? 1 : 0);
    for (let j = 0; j < n; j++) row.push(i === j ? -1 : 0);
    A.push(row);
  }
  return {
    D,
    d: new Array<number>(n + 1).fill(0),
    A,
    b: [0, 1, ...new Array<number>(n).fill(0), ...new Array<number>(n).fill(-0.5)],
  };
}

if (import.meta.main) {
  const { title, lines } = await portfolioBench();
  console.log([`## ${title}`, '', ...lines].join('\n'));
}
