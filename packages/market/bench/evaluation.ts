import { writeFileSync } from 'node:fs';
import {
  decileReturns,
  decilesOf,
  EVALUATION_PARAMETERS,
  type EvaluationParameters,
  forwardReturn,
  type GradedDay,
  gradedDays,
  type Judgement,
  judge,
  judgeRules,
  LIES,
  lieEffects,
  neweyWest,
  overlapLag,
  probabilisticSharpe,
  sharpeMoments,
  spearman,
  statusOf,
} from '../src/evaluation/index.ts';
import type { FigureInput, MarketHistory } from '../src/figure.ts';
import { medianOf, neutralise, winsorise } from '../src/grades/cross-section.ts';
import { LOOKBACK_DAYS } from '../src/grades/factors.ts';
import { GRADE_PARAMETERS, type GradeParameters, gradesFigure } from '../src/grades/index.ts';
import { observedHistory } from '../src/grades/observed.ts';
import { universeOn } from '../src/grades/universe.ts';
import { instantOfDay } from '../src/panel/index.ts';
import type { GradeRow } from '../src/rows.ts';
import { coinbaseHistory } from './coinbase-daily.ts';
import { gradeCandidates } from './grade-candidates.ts';
import type { BenchSection } from './section.ts';

/** First day that is graded, and first day of the part that nothing was chosen on (1 January 2022). */
const FIRST_DAY = 60;
const JUDGED_FROM = 731;
const GRADES = ['trader', 'investor'] as const;
type GradeName = (typeof GRADES)[number];

/** The settings in which each candidate is tried. `firsts`: on days of a snapshot, with assets that have no bars. */
const SETTINGS = [
  { name: '1 d', horizon: 1, firsts: false },
  { name: '7 d', horizon: 7, firsts: false },
  { name: '30 d', horizon: 30, firsts: false },
  { name: '30 d, snapshots', horizon: 30, firsts: true },
] as const;

const PRICED = ['volatility-90', 'volatility-360', 'lottery-30', 'skew-90', 'high-90', 'reversal-3'];
const TRADED = ['volume-steadiness-30', 'volume-surge-7', 'turnover-30', 'illiquidity-30'];

/** Ways of putting the chosen factors together that were compared on the choice part. */
const VARIANTS: { name: string; parameters: GradeParameters }[] = [
  { name: 'nothing neutralised', parameters: { ...GRADE_PARAMETERS, neutralised: [] } },
  {
    name: 'exchange factors neutralised against size',
    parameters: { ...GRADE_PARAMETERS, neutralised: TRADED },
  },
  {
    name: 'technical and exchange factors neutralised',
    parameters: { ...GRADE_PARAMETERS, neutralised: [...PRICED, ...TRADED] },
  },
  {
    name: 'nothing neutralised, drawn in at 5 deviations',
    parameters: { ...GRADE_PARAMETERS, neutralised: [], winsorLimit: '5' },
  },
];

/** The grades' record on real data: how they were chosen, what they were worth afterwards, and what fails. */
export async function evaluationBench(): Promise<BenchSection> {
  const history = await coinbaseHistory();
  const title = 'Grades, judged';
  if (!history) return { title, lines: ['Skipped: ../shared/data/coinbase-daily is not there.'] };
  const ledger = tryCandidates(history);
  const input = gradeAll(history, GRADE_PARAMETERS, history.panel.days.length);
  return {
    title,
    lines: [
      ...summaryLines(input),
      ...dataLines(history, input),
      ...recordLines(input, ledger),
      ...yearLines(input),
      ...decileLines(input),
      ...factorLines(history, ledger),
      ...survivorLines(input),
      ...deadLines(input),
      ...calibrationLines(input),
      ...noiseLines(input),
      ...stabilityLines(input),
      ...choiceLines(history, ledger),
    ],
  };
}

interface Ledger {
  trials: number;
  /** Mean square of the trials' Sharpe ratios per horizon: their variance, since each counts in both directions. */
  variance: Map<number, number>;
  /** Rank ICs of each candidate in each setting by day, before neutralisation. */
  rankIcs: Map<string, { day: number; rankIc: number }[]>;
  lines: string[];
}

/** Tries every candidate in every setting, over all days; only the choice part was looked at when choosing. */
function tryCandidates(history: MarketHistory): Ledger {
  const { panel } = history;
  const observed = observedHistory({ history, days: { from: 0, to: 0 }, figures: {} });
  const candidates = gradeCandidates();
  const rankIcs = new Map<string, { day: number; rankIc: number }[]>();
  const neutral = new Map<string, number[]>();
  const spreads = new Map<string, { day: number; spread: number }[]>();
  const add = <Value>(map: Map<string, Value[]>, key: string, value: Value) => {
    const known = map.get(key);
    if (known) known.push(value);
    else map.set(key, [value]);
  };
  for (let day = FIRST_DAY; day < panel.days.length; day++) {
    const universe = universeOn(panel, observed, day, LOOKBACK_DAYS);
    const measured = new Map(
      universe.map(({ asset, start }) => [
        asset,
        candidates.map(({ value, direction }) => {
          const number = value({ panel, observed, asset, day, start });
          return Number.isFinite(number) ? number * direction : Number.NaN;
        }),
      ]),
    );
    // Choosing saw returns that were complete before the judged part began.
    const asOf = day < JUDGED_FROM ? JUDGED_FROM - 1 : panel.days.length - 1;
    for (const { name, horizon, firsts } of SETTINGS) {
      if (firsts && new Date(panel.days[day]!).getUTCDate() !== 1) continue;
      const members = universe.filter((standing) => (firsts ? standing.investor : standing.trader));
      const returns = members.map(({ asset }) =>
        forwardReturn(panel, asset, day, horizon, {
          asOf,
          deadReturn: Number(EVALUATION_PARAMETERS.deadReturn),
        }),
      );
      if (returns.filter((value) => !Number.isNaN(value)).length < EVALUATION_PARAMETERS.minimumAssets)
        continue;
      const sizes = members.map(({ asset }) => Math.log(panel.marketCap[asset * panel.days.length + day]!));
      for (const [c, candidate] of candidates.entries()) {
        const key = `${candidate.name}|${name}`;
        const values = members.map(({ asset }, i) =>
          Number.isNaN(returns[i]!) ? Number.NaN : measured.get(asset)![c]!,
        );
        const rankIc = spearman(values, returns);
        if (Number.isNaN(rankIc)) continue;
        add(rankIcs, key, { day, rankIc });
        if (day >= JUDGED_FROM) continue;
        const left = neutralise(winsorise(values, 3), sizes, 10);
        add(neutral, key, spearman(left, returns));
        for (const [form, ranked] of [values, left].entries()) {
          const { means } = decileReturns(decilesOf(ranked), returns);
          const spread = means[9]! - means[0]!;
          if (!Number.isNaN(spread)) add(spreads, `${key}|${form}`, { day, spread });
        }
      }
    }
  }
  const squares = new Map<number, number[]>();
  const lines = candidates.map(({ name, idea, direction }) => {
    const cells = SETTINGS.map(({ name: setting, horizon, firsts }) => {
      for (const form of [0, 1]) {
        const apart = everyHorizon(spreads.get(`${name}|${setting}|${form}`) ?? [], horizon);
        const { sharpe } = sharpeMoments(apart);
        if (!Number.isNaN(sharpe)) squares.set(horizon, [...(squares.get(horizon) ?? []), sharpe * sharpe]);
      }
      const choice = (rankIcs.get(`${name}|${setting}`) ?? []).filter(({ day }) => day < JUDGED_FROM);
      const lag = firsts ? 2 : overlapLag(choice.length, horizon);
      const raw = neweyWest(
        choice.map(({ rankIc }) => rankIc),
        lag,
      );
      const left = neweyWest(
        (neutral.get(`${name}|${setting}`) ?? []).filter((value) => !Number.isNaN(value)),
        lag,
      );
      return `${fixed(raw.mean, 3)} (${fixed(raw.t, 1)}; ${fixed(left.t, 1)})`;
    });
    const kept = GRADES.filter((grade) => name in GRADE_PARAMETERS[grade]).join(', ');
    return `| ${idea} | ${name} | ${direction === 1 ? 'more' : 'less'} | ${cells.join(' | ')} | ${kept} |`;
  });
  return {
    // Each candidate in each setting, as it is and neutralised, in both directions; and the variants of both grades,
    // which were compared twice: before and after the volume surge was taken in.
    trials: candidates.length * SETTINGS.length * 2 * 2 + VARIANTS.length * GRADES.length * 2,
    variance: new Map(
      [...squares].map(([horizon, all]) => [
        horizon,
        all.reduce((sum, square) => sum + square, 0) / all.length,
      ]),
    ),
    rankIcs,
    lines,
  };
}

function everyHorizon(series: readonly { day: number; spread: number }[], horizon: number): number[] {
  const kept: number[] = [];
  let last = Number.POSITIVE_INFINITY;
  for (const { day, spread } of series.toReversed()) {
    if (last - day < horizon) continue;
    kept.push(spread);
    last = day;
  }
  return kept;
}

function gradeAll(history: MarketHistory, parameters: GradeParameters, to: number): FigureInput {
  const days = { from: FIRST_DAY, to };
  const grades = gradesFigure.compute({ history, days, figures: {} }, parameters);
  return { history, days, figures: { grades } };
}

/** The record over some days. Returns must be complete by the last of them, or by the end of the data. */
function recordOf(
  input: FigureInput,
  of: { grade: GradeName; horizon: number; from: number; to: number; keep?: (row: GradeRow) => boolean },
  parameters: EvaluationParameters = EVALUATION_PARAMETERS,
): Judgement {
  return judge(daysOf(input, of, parameters), judgeRules(of.horizon, parameters));
}

function daysOf(
  { history, days, figures }: FigureInput,
  {
    grade,
    horizon,
    from,
    to,
    keep = () => true,
  }: { grade: GradeName; horizon: number; from: number; to: number; keep?: (row: GradeRow) => boolean },
  parameters: EvaluationParameters = EVALUATION_PARAMETERS,
): GradedDay[] {
  const first = instantOfDay(history.panel.days[from]!);
  const grades = (figures.grades ?? []).filter((row) => row.time >= first && keep(row));
  return gradedDays({ history, days, figures: { grades } }, { grade, horizon, asOf: to - 1 }, parameters);
}

function periods({ history }: FigureInput) {
  const end = history.panel.days.length;
  return [
    { name: 'choice part, 2020–2021', from: FIRST_DAY, to: JUDGED_FROM },
    { name: 'judged part, 2022–2023', from: JUDGED_FROM, to: end },
  ];
}

/** The findings in words; their numbers are computed, and the words follow them. */
function summaryLines(input: FigureInput): string[] {
  const judged = periods(input)[1]!;
  const sentence = (grade: GradeName, horizon: number) => {
    const record = recordOf(input, { grade, horizon, ...judged });
    const order =
      record.neweyWestT >= Number(EVALUATION_PARAMETERS.passT)
        ? 'the order of the grades said something of the order of the returns'
        : 'the order is in the right direction, but chance may explain it';
    const money = record.spreadAfterFees > 0 ? 'gained' : 'lost';
    return `- ${grade === 'trader' ? 'Trader' : 'Investor'} Grade, ${horizon} days ahead: rank IC ${fixed(record.rankIc, 3)}, t ${fixed(record.neweyWestT, 1)} over ${record.days} days of ${fixed(record.assets, 0)} assets: ${order}. The best tenth less the worst ${money} ${bps(Math.abs(record.spreadAfterFees))} bps a horizon after fees; with ${fixed(100 * record.deflatedSharpe, 1)} % for a Sharpe ratio above what luck in all trials gives, that is no strategy.`;
  };
  return [
    '## In short',
    '',
    'On the two years that nothing was chosen on:',
    '',
    sentence('trader', 7),
    sentence('investor', 30),
    '',
    'What fails:',
    '',
    '- No row of the record has the status pass. The rank IC held up in every year, but it comes from the many: coins that are calm, liquid, large and old fell less often behind. The worst graded tenth also holds the coins that now and then leap (see the deciles), so that its mean return is not the lowest and a long and short position in the extremes earns nothing that can be told from luck.',
    '- The Investor Grade’s spread after fees was negative over the judged part at each horizon: small gains in 2022, larger losses in 2023.',
    '- Momentum over any horizon, trend and dilution did not earn a place, although they are what grades elsewhere are made of. Nearness to the high earned one and lost its rank IC afterwards. Volume surge was weak before and after.',
    '- Taken by themselves most factors lose much of their t when size is taken off first: they largely say "large and established" in different ways.',
    '- On-chain, development, sentiment, funding and open interest could not be judged: there is no history of them here. Their weights are priors, not findings, and are kept small.',
    '- The daily universe is small: 18 assets on an average day of the choice part, 29 of the judged part. With bars missing, the Investor Grade rests on two factors, and its interval says so.',
    '- Who leaves out dead coins sees a kinder market: of the assets that were ever graded, fewer than half were left at the end (see survivors).',
    '- A source that lies about a close moves the Trader Grades of the assets lied about by 6 to 14 points.',
    '',
  ];
}

function dataLines({ panel }: MarketHistory, { figures }: FigureInput): string[] {
  const grades = figures.grades!;
  const days = new Set(grades.map(({ time }) => time)).size;
  const reasons = new Map<string, Set<string>>();
  for (const { reason, symbol } of grades) {
    const kind = reason?.split(/[:,]/)[0] ?? '';
    if (kind === '') continue;
    const known = reasons.get(kind) ?? new Set();
    reasons.set(kind, known.add(symbol));
  }
  return [
    '## The data',
    '',
    `Daily bars of up to 97 dollar pairs of one venue and monthly snapshots of the 200 largest assets, 2020–2023: ${panel.assets.length} assets in all, dead ones included (smoothbrainquant/trading-for-new-dads on GitHub, no licence stated; not part of this repository). No funding, chain activity, development or sentiment: those parts are missing here, and nothing on this page says what they are worth.`,
    '',
    'The bars have a fault that must be known: each year, those of pairs that were listed within the year end on 28 October, also of assets that lived on. Only 10 to 25 assets have bars from November to January. So no end of bars in this data is a death, and none is counted as one: an asset is sold at its last close, or if it fell out of the snapshots at less. Deaths are in the snapshots, where a coin that falls out of the 200 largest counts with the smallest market capitalisation that is left.',
    '',
    `On an average of ${days} days ${fixed(grades.filter((row) => row.trader).length / days, 1)} assets have a Trader Grade and ${fixed(grades.filter((row) => row.investor).length / days, 1)} an Investor Grade. Reasons for no or only one grade, with the number of assets that ever had it:`,
    '',
    '| Reason | Assets | Such as |',
    '| --- | --: | --- |',
    ...[...reasons]
      .sort(([, a], [, b]) => b.size - a.size)
      .map(([kind, assets]) => `| ${kind} | ${assets.size} | ${[...assets].slice(0, 6).join(', ')} |`),
    '',
  ];
}

function recordLines(input: FigureInput, { trials, variance }: Ledger): string[] {
  const lines = [
    '## The record',
    '',
    `Factors, directions and weights were chosen on the first two years alone and not touched after the last two were seen. What was changed after that: an asset whose bars end no longer loses 55 % of its last price (which had flattered the grades: rank IC 0.118 instead of 0.114 for the Trader Grade at 7 days, 0.119 instead of 0.101 for the Investor Grade at 30); two coins had been held for copies on three days, and a stablecoin without bars had stopped being one after a single odd month; and a pass takes a t of 2.5 instead of 2. Fee ${EVALUATION_PARAMETERS.feeBps} bps a trade. ${trials} trials were counted, with a root mean square Sharpe ratio per period of ${[...variance].map(([horizon, value]) => `${fixed(Math.sqrt(value), 3)} (variance ${fixed(value, 4)}) at ${horizon} d`).join(', ')}; the evaluation figure carries ${EVALUATION_PARAMETERS.trials} and variances of ${Object.entries(
      EVALUATION_PARAMETERS.trialVariance,
    )
      .map(([horizon, value]) => `${value} at ${horizon} d`)
      .join(
        ', ',
      )}. PSR: probability that the Sharpe ratio of the spread after fees is above zero, as if there had been one trial; that is the fair reading of the judged part. DSR: the same after all trials, which is what the product shows.`,
    '',
  ];
  for (const { name, from, to } of periods(input)) {
    lines.push(
      `### ${name[0]!.toUpperCase()}${name.slice(1)}`,
      '',
      '| Grade | Horizon | Days | Assets | Rank IC | ICIR | t | Days above 0 | Spread bps | after fees | Monotonicity | Turnover | Calibration error | PSR | DSR | Status |',
      '| --- | --: | --: | --: | --: | --: | --: | --: | --: | --: | --: | --: | --: | --: | --: | --- |',
    );
    for (const grade of GRADES) {
      for (const horizon of EVALUATION_PARAMETERS.horizonsDays) {
        const record = recordOf(input, { grade, horizon, from, to });
        const psr = probabilisticSharpe({ ...record.moments, benchmark: 0 });
        const { status, reason } = statusOf(record, EVALUATION_PARAMETERS);
        lines.push(
          `| ${grade} | ${horizon} | ${record.days} | ${fixed(record.assets, 1)} | ${fixed(record.rankIc, 3)} | ${fixed(record.icIr, 2)} | ${fixed(record.neweyWestT, 2)} | ${fixed(100 * record.hitRate, 0)} % | ${bps(record.spread)} | ${bps(record.spreadAfterFees)} | ${fixed(record.monotonicity, 2)} | ${fixed(record.turnover, 2)} | ${fixed(record.calibration.error, 3)} | ${fixed(psr, 3)} | ${fixed(record.deflatedSharpe, 3)} | ${status}${status === 'unknown' ? `: ${reason}` : ''} |`,
        );
      }
    }
    lines.push('');
  }
  return lines;
}

function yearLines(input: FigureInput): string[] {
  const { days } = input.history.panel;
  const lines = [
    '## By year',
    '',
    'Rank IC (t), and the spread after fees in bps a horizon. Returns must be complete within the year.',
    '',
    '| Grade | Horizon | 2020 | 2021 | 2022 | 2023 |',
    '| --- | --: | --: | --: | --: | --: |',
  ];
  for (const grade of GRADES) {
    for (const horizon of EVALUATION_PARAMETERS.horizonsDays) {
      const cells = [2020, 2021, 2022, 2023].map((year) => {
        const from = Math.max(FIRST_DAY, days.indexOf(Date.UTC(year, 0, 1)));
        const next = days.indexOf(Date.UTC(year + 1, 0, 1));
        const record = recordOf(input, { grade, horizon, from, to: next < 0 ? days.length : next });
        return `${fixed(record.rankIc, 3)} (${fixed(record.neweyWestT, 1)}), ${bps(record.spreadAfterFees)}`;
      });
      lines.push(`| ${grade} | ${horizon} | ${cells.join(' | ')} |`);
    }
  }
  return [...lines, ''];
}

function decileLines(input: FigureInput): string[] {
  const judged = periods(input)[1]!;
  const numbers = Array.from({ length: 10 }, (_, i) => i + 1);
  const lines = [
    '## Deciles in the judged part',
    '',
    'Mean return in bps a horizon, the worst tenth first; below it the median, and the share of returns above 30 % in percent. With some 30 assets a day a tenth is three of them.',
    '',
    `| Grade | Horizon | | ${numbers.join(' | ')} |`,
    `| --- | --: | --- |${' --: |'.repeat(10)}`,
  ];
  for (const grade of GRADES) {
    for (const horizon of EVALUATION_PARAMETERS.horizonsDays) {
      const of = { grade, horizon, ...judged };
      const { deciles } = recordOf(input, of);
      const pooled = numbers.map((): number[] => []);
      for (const { grades, returns } of daysOf(input, of)) {
        const complete = returns.flatMap((value, i) => (Number.isNaN(value) ? [] : [i]));
        if (complete.length < EVALUATION_PARAMETERS.minimumAssets) continue;
        const places = decilesOf(complete.map((i) => grades[i]!));
        for (const [k, i] of complete.entries()) pooled[places[k]!]!.push(returns[i]!);
      }
      const leaps = pooled.map(
        (all) => (100 * all.filter((value) => value > 0.3).length) / Math.max(1, all.length),
      );
      lines.push(
        `| ${grade} | ${horizon} | mean | ${deciles.map(({ mean }) => bps(mean)).join(' | ')} |`,
        `| | | median | ${pooled.map((all) => bps(medianOf(all))).join(' | ')} |`,
        `| | | leaps | ${leaps.map((share) => fixed(share, 1)).join(' | ')} |`,
      );
    }
  }
  return [...lines, ''];
}

/** Each kept factor alone, before and after: what was chosen, and what became of it. */
function factorLines({ panel }: MarketHistory, { rankIcs }: Ledger): string[] {
  const cell = (name: string, setting: string, horizon: number, isJudged: boolean) => {
    const values = (rankIcs.get(`${name}|${setting}`) ?? [])
      .filter(({ day }) => day < panel.days.length && day >= JUDGED_FROM === isJudged)
      .map(({ rankIc }) => rankIc);
    const { mean, t } = neweyWest(values, overlapLag(values.length, horizon));
    return `${fixed(mean, 3)} (${fixed(t, 1)})`;
  };
  const kept = [...new Set(GRADES.flatMap((grade) => Object.keys(GRADE_PARAMETERS[grade])))].filter((name) =>
    rankIcs.has(`${name}|7 d`),
  );
  return [
    '## Factors in use, before and after',
    '',
    'Rank IC (t) of each factor alone, in the direction in use and not neutralised. Nothing was changed after the judged columns were seen.',
    '',
    '| Factor | 7 d, choice | 7 d, judged | 30 d, choice | 30 d, judged |',
    '| --- | --: | --: | --: | --: |',
    ...kept.map(
      (name) =>
        `| ${name} | ${cell(name, '7 d', 7, false)} | ${cell(name, '7 d', 7, true)} | ${cell(name, '30 d', 30, false)} | ${cell(name, '30 d', 30, true)} |`,
    ),
    '',
  ];
}

function survivorLines(input: FigureInput): string[] {
  const { panel } = input.history;
  const last = panel.days.length - 1;
  const alive = new Set(
    panel.assets.filter((_, asset) => {
      const at = asset * panel.days.length + last;
      return panel.close[at]! > 0 || panel.marketCap[at]! > 0;
    }),
  );
  const graded = new Set(input.figures.grades!.filter((row) => row.investor).map(({ asset }) => asset));
  const lines = [
    '## Survivors and the whole universe',
    '',
    `Of ${graded.size} assets that were ever graded, ${[...graded].filter((asset) => alive.has(asset)).length} still had a bar or were among the 200 largest at the end of 2023. A record of these alone is what ignoring dead coins would have shown. Means over days of the average return of the universe show how much kinder that past looks. Whole period; the 30-day rows of the Investor Grade on the first of each month hold the assets without bars.`,
    '',
    '| Grade | Horizon | Universe | Assets | Average return bps | Rank IC (t) | Spread after fees bps |',
    '| --- | --: | --- | --: | --: | --: | --: |',
  ];
  const firstOfMonth = (row: GradeRow) => row.time.slice(8, 10) === '01';
  for (const [grade, horizon, monthly] of [
    ['trader', 7, false],
    ['investor', 30, false],
    ['investor', 30, true],
  ] as const) {
    for (const universe of ['whole', 'survivors'] as const) {
      const keep = (row: GradeRow) =>
        (universe === 'whole' || alive.has(row.asset)) && (!monthly || firstOfMonth(row));
      const of = { grade, horizon, from: FIRST_DAY, to: panel.days.length, keep };
      const record = recordOf(input, of);
      const means = daysOf(input, of)
        .map(({ returns }) => returns.filter((value) => !Number.isNaN(value)))
        .filter((returns) => returns.length >= EVALUATION_PARAMETERS.minimumAssets)
        .map((returns) => returns.reduce((sum, value) => sum + value / returns.length, 0));
      const t = monthly
        ? neweyWest(
            record.rankIcs.map(({ rankIc }) => rankIc),
            2,
          ).t
        : record.neweyWestT;
      lines.push(
        `| ${grade}${monthly ? ', firsts of months' : ''} | ${horizon} | ${universe} | ${fixed(record.assets, 1)} | ${bps(means.reduce((sum, value) => sum + value / means.length, 0))} | ${fixed(record.rankIc, 3)} (${fixed(t, 1)}) | ${bps(record.spreadAfterFees)} |`,
      );
    }
  }
  return [...lines, ''];
}

function deadLines(input: FigureInput): string[] {
  const judged = periods(input)[1]!;
  const rates = ['0', '-0.3', '-0.55', '-1'];
  return [
    '## What a death costs',
    '',
    'The record in the judged part when the last price of an asset whose bars ended, and that no snapshot knew then, is worth all (in use), 70 %, 45 % and nothing afterwards: rank IC, spread after fees in bps. In this data such ends are a fault of the collection, so that any further loss would only flatter grades that think little of small assets.',
    '',
    `| Grade | Horizon | ${rates.join(' | ')} |`,
    `| --- | --: |${' --: |'.repeat(rates.length)}`,
    ...(
      [
        ['trader', 7],
        ['investor', 30],
      ] as const
    ).map(([grade, horizon]) => {
      const cells = rates.map((deadReturn) => {
        const record = recordOf(
          input,
          { grade, horizon, ...judged },
          { ...EVALUATION_PARAMETERS, deadReturn },
        );
        return `${fixed(record.rankIc, 4)}, ${bps(record.spreadAfterFees)}`;
      });
      return `| ${grade} | ${horizon} | ${cells.join(' | ')} |`;
    }),
    '',
  ];
}

function calibrationLines(input: FigureInput): string[] {
  const lines = [
    '## Calibration',
    '',
    'How often an asset with a label beat the median asset of the day, as stated beforehand from the label’s own past and as it came. Whole period.',
    '',
    '| Grade | Horizon | Label | Outcomes | Stated | Observed |',
    '| --- | --: | --- | --: | --: | --: |',
  ];
  const briers: string[] = [];
  for (const [grade, horizon] of [
    ['trader', 7],
    ['investor', 30],
  ] as const) {
    const { calibration } = recordOf(input, {
      grade,
      horizon,
      from: FIRST_DAY,
      to: input.history.panel.days.length,
    });
    for (const { bucket, outcomes, stated, observed } of calibration.buckets) {
      lines.push(
        `| ${grade} | ${horizon} | ${bucket} | ${outcomes} | ${fixed(100 * stated, 1)} % | ${fixed(100 * observed, 1)} % |`,
      );
    }
    briers.push(`${grade} at ${horizon} days ${fixed(calibration.brier, 4)}`);
  }
  return [...lines, '', `Brier scores: ${briers.join(', ')}. Saying 50 % each time scores 0.25.`, ''];
}

/** Grades that mean nothing, as persistent as real ones, judged by the same code: how often does it see something? */
function noiseLines(input: FigureInput): string[] {
  const draws = 200;
  const rows = EVALUATION_PARAMETERS.horizonsDays.map((horizon) => {
    const days = daysOf(input, {
      grade: 'trader',
      horizon,
      from: FIRST_DAY,
      to: input.history.panel.days.length,
    });
    const results = Array.from({ length: draws }, (_, seed) => {
      const random = mulberry32(1000 * horizon + seed);
      const level = new Map<string, number>();
      const noise = days.map((one) => ({
        ...one,
        grades: one.assets.map((asset) => {
          const next = 0.95 * (level.get(asset) ?? 0) + random() - 0.5;
          level.set(asset, next);
          return next;
        }),
      }));
      return judge(noise, judgeRules(horizon, EVALUATION_PARAMETERS));
    });
    const share = (test: (record: Judgement) => boolean) =>
      `${fixed((100 * results.filter(test).length) / draws, 0)} %`;
    const meanIc = results.reduce((sum, { rankIc }) => sum + rankIc / draws, 0);
    return `| ${horizon} | ${fixed(meanIc, 4)} | ${share(({ neweyWestT }) => Math.abs(neweyWestT) >= 1.96)} | ${share(({ neweyWestT }) => neweyWestT >= 2.5)} | ${share((record) => statusOf(record, EVALUATION_PARAMETERS).status === 'pass')} |`;
  });
  return [
    '## The judge, judged',
    '',
    `${draws} times random grades that keep 95 % of themselves from day to day, on the same assets and days. Chance alone should give an absolute t of 1.96 in 5 % of them and a t of 2.5 in 0.6 %; it gives more, because Newey and West’s errors are too small in samples like this. That is why a pass takes 2.5 and not 2.`,
    '',
    '| Horizon | Mean rank IC | abs(t) ≥ 1.96 | t ≥ 2.5 | Status pass |',
    '| --: | --: | --: | --: | --: |',
    ...rows,
    '',
  ];
}

function stabilityLines(input: FigureInput): string[] {
  const { days } = input.history.panel;
  const dates = ['2021-06-15', '2022-06-15', '2023-06-15'];
  const lines = [
    '## When one source lies',
    '',
    'Rank correlation of all grades with and without a lie about one asset in ten, and how far the grades of these moved on average.',
    '',
    '| Day | Lie | Trader | moved | Investor | moved |',
    '| --- | --- | --: | --: | --: | --: |',
  ];
  for (const date of dates) {
    const day = days.indexOf(Date.parse(`${date}T00:00:00Z`));
    for (const effect of lieEffects({ ...input, figures: {} }, day, GRADE_PARAMETERS)) {
      lines.push(
        `| ${date} | ${LIES[effect.lie]} | ${fixed(effect.trader, 3)} | ${fixed(effect.traderGain, 1)} | ${fixed(effect.investor, 3)} | ${fixed(effect.investorGain, 1)} |`,
      );
    }
  }
  return [...lines, ''];
}

function choiceLines(history: MarketHistory, ledger: Ledger): string[] {
  const variants = VARIANTS.map(({ name, parameters }) => {
    const input = gradeAll(history, parameters, JUDGED_FROM);
    const cells = (
      [
        ['trader', 7],
        ['investor', 30],
      ] as const
    ).map(([grade, horizon]) => {
      const record = recordOf(input, { grade, horizon, from: FIRST_DAY, to: JUDGED_FROM });
      return `${fixed(record.rankIc, 3)} (${fixed(record.neweyWestT, 2)})`;
    });
    return `| ${name} | ${cells.join(' | ')} |`;
  });
  return [
    '## The ledger of trials',
    '',
    'Every candidate on the choice part alone: rank IC (t; t after neutralisation against log market capitalisation), at each horizon on daily bars, and over 30 days from the days of a snapshot with all assets that snapshots know. The direction that stands here is the one in use or that the literature names; a t of the other sign counts for the other direction, so that each is two trials.',
    '',
    `| Idea | Candidate | Better | ${SETTINGS.map(({ name }) => name).join(' | ')} | In use |`,
    `| --- | --- | --- |${' --: |'.repeat(SETTINGS.length)} --- |`,
    ...ledger.lines,
    '',
    'The rule of choice. For the Trader Grade: a t of 2 or more at 7 days, or at 1 day with the same sign at 7, before neutralisation; of one idea the strongest. For the Investor Grade: a t of 2 or more at 30 days on daily bars, with the same sign on snapshots; of one idea the strongest. Momentum and dilution did not make it, in any form.',
    '',
    'Then the kept factors were put together in four ways. Rank IC (t) on the choice part; neutralising the exchange factors was taken for both grades, because it has the larger t against doing nothing in both and leaves the technical factors as they are read.',
    '',
    '| Way | Trader, 7 d | Investor, 30 d |',
    '| --- | --: | --: |',
    ...variants,
    '',
    'They were compared twice, before and after the volume surge was taken in, and count twice. The weights of the parts, and equal weights within a part, were set beforehand and not tried otherwise.',
    '',
  ];
}

/** A small seeded generator (Tommy Ettinger's mulberry32), so that the noise is the same each time. */
function mulberry32(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

function fixed(value: number, digits: number): string {
  return Number.isNaN(value) ? '–' : value.toFixed(digits);
}

function bps(value: number): string {
  return fixed(10_000 * value, 0);
}

if (import.meta.main) {
  const { title, lines } = await evaluationBench();
  const text = `# ${title}\n\nWritten by \`node packages/market/bench/evaluation.ts --write\`. The method is in [grades.md](../grades.md). Nothing here promises anything of the future.\n\n${lines.join('\n')}`;
  if (process.argv.includes('--write')) {
    writeFileSync(new URL('../../../docs/results/grades.md', import.meta.url), text);
  }
  console.log(text);
}
