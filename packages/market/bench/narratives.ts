import { pathToFileURL } from 'node:url';
import { indicesFigure } from '../src/indices/index.ts';
import { measureCoMovement } from '../src/narratives/co-movement.ts';
import { narrativesFigure } from '../src/narratives/index.ts';
import { emptyPanel, type Panel } from '../src/panel/index.ts';
import type { NarrativeRow } from '../src/rows.ts';
import { distinctArticles, sentimentFigure } from '../src/sentiment/index.ts';
import { coinbasePanel } from './coinbase-panel.ts';
import type { BenchSection } from './section.ts';

const DAY_MS = 86_400_000;

/**
 * Narratives and indices on real daily bars: whether groups still move together in the month after they were found,
 * how long they last, indices against Bitcoin, and speed.
 */
export async function narrativesBench(): Promise<BenchSection> {
  const panel = await coinbasePanel();
  const real =
    panel === null
      ? ['The daily bars of Coinbase are not at hand: nothing was measured on real data.']
      : [...narrativeLines(panel), '', ...indexLines(panel)];
  return { title: 'Narratives, indices and sentiment', lines: [...real, '', ...speedLines()] };
}

function narrativeLines(panel: Panel): string[] {
  const { parameters } = narrativesFigure;
  const days = { from: 0, to: panel.days.length };
  const started = performance.now();
  const rows = narrativesFigure.compute({ history: historyOf(panel), days, figures: {} }, parameters);
  const elapsed = performance.now() - started;
  const months = monthsOf(rows);
  const after = { groups: [] as number[], chance: [] as number[] };
  const kept: number[] = [];
  let [followed, groups, covered, compared] = [0, 0, 0, 0];
  const draw = generator(1);
  for (const [i, month] of months.entries()) {
    const start = (Date.parse(`${month.time}`) - panel.days[0]!) / DAY_MS;
    const then = measureCoMovement(panel, start, parameters)!;
    compared += then.assets.length;
    groups += month.rows.length;
    covered += month.rows.reduce((sum, { members }) => sum + members.length, 0);
    // Correlations of the thirty days after the grouping, which it could not know.
    const later = measureCoMovement(panel, start + 30, { ...parameters, windowDays: 30 });
    if (later !== null)
      for (const { members } of month.rows) {
        const places = members
          .map((asset) => later.assets.findIndex((one) => panel.assets[one] === asset))
          .filter((at) => at >= 0);
        if (places.length < 2) continue;
        after.groups.push(meanWithin(places, later.correlations, later.assets.length));
        const any = shuffled(
          later.assets.map((_, at) => at),
          draw,
        ).slice(0, places.length);
        after.chance.push(meanWithin(any, later.correlations, later.assets.length));
      }
    const next = months[i + 1];
    if (next === undefined || Date.parse(next.time) - Date.parse(month.time) > 32 * DAY_MS) continue;
    for (const row of month.rows) {
      const heir = next.rows.find(({ narrative }) => narrative === row.narrative);
      if (heir === undefined) kept.push(0);
      else {
        followed++;
        const shared = row.members.filter((asset) => heir.members.includes(asset)).length;
        kept.push(shared / new Set([...row.members, ...heir.members]).size);
      }
    }
  }
  const [own, chance] = [mean(after.groups), mean(after.chance)];
  const themed = months
    .flatMap((month) => month.rows)
    .filter(({ name }) => !name.startsWith('Around ')).length;
  return [
    `**Narratives** on ${panel.assets.length} assets that Coinbase listed in US dollars, 2020 to 2023 (of which on average only ${(compared / months.length).toFixed(0)} have the bars to be compared at once: a small universe). ${months.length} of 47 months have at least one group.`,
    '',
    '| What | Figure |',
    '|---|---|',
    `| Groups in a month that has one, assets in a group | ${(groups / months.length).toFixed(1)}, ${(covered / groups).toFixed(1)} |`,
    `| Compared assets that are in a group | ${((100 * covered) / compared).toFixed(0)} % |`,
    `| Groups with a theme's name | ${((100 * themed) / groups).toFixed(0)} % |`,
    `| Mean residual correlation within groups in the 30 days **after** they were found | ${own.toFixed(3)} (t = ${tOf(after.groups.map((one, i) => one - after.chance[i]!)).toFixed(1)} against chance, ${after.groups.length} groups, neighbouring months overlap) |`,
    `| The same for as many assets drawn by chance | ${chance.toFixed(3)} |`,
    `| Groups that go on in the next month under their name | ${((100 * followed) / kept.length).toFixed(0)} % |`,
    `| Members in common with the next month (Jaccard; 0 where a group ends) | ${mean(kept).toFixed(2)} |`,
    `| Time for all ${panel.days.length} days | ${elapsed.toFixed(0)} ms |`,
  ];
}

function indexLines(panel: Panel): string[] {
  const days = { from: 0, to: panel.days.length };
  const started = performance.now();
  const rows = indicesFigure.compute(
    { history: historyOf(panel), days, figures: {} },
    indicesFigure.parameters,
  );
  const elapsed = performance.now() - started;
  const bitcoin = panel.assets.indexOf('BTC') * panel.days.length;
  let [compared, behind, deeper] = [0, 0, 0];
  const lines = indicesFigure.parameters.rules.map(({ id, name }) => {
    const ofIndex = rows.filter(({ index }) => index === id);
    if (ofIndex.length === 0)
      return `| ${name} | never had enough assets${id === 'assay-grade' ? ' (no grades were given here)' : ''} | | | | | | |`;
    const first = (Date.parse(ofIndex[0]!.time) - panel.days[0]!) / DAY_MS;
    const prices = ofIndex.map((_, i) => panel.close[bitcoin + first + i]!);
    const [gross, net, btc] = [
      describe(ofIndex.map(({ value }) => Number(value))),
      describe(ofIndex.map(({ valueAfterCosts }) => Number(valueAfterCosts))),
      describe(prices),
    ];
    compared++;
    if (net.total < btc.total) behind++;
    if (gross.drawdown > btc.drawdown) deeper++;
    const years = ofIndex.length / 365;
    const turned = ofIndex.slice(1).reduce((sum, { turnover }) => sum + Number(turnover), 0) / years;
    const stuck = ofIndex.filter(({ notes }) => notes!.some((note) => note.startsWith('too few'))).length;
    return `| ${name} | ${ofIndex[0]!.time.slice(0, 10)} | ${percent(gross.total)}, ${percent(net.total)} | ${percent(btc.total)} | ${percent(gross.volatility)}, ${percent(btc.volatility)} | ${percent(gross.drawdown)}, ${percent(btc.drawdown)} | ${turned.toFixed(2)} | ${stuck} |`;
  });
  return [
    '**Indices** against holding Bitcoin over the same days, to the end of 2023, on the same bars. Market capitalisations are monthly snapshots of that time, dead coins included.',
    '',
    '| Index | Since | Return before, after costs | Bitcoin | Volatility, Bitcoin’s | Deepest drawdown, Bitcoin’s | Turnover a year | Rebalancings without enough assets |',
    '|---|---|---|---|---|---|---|---|',
    ...lines,
    '',
    `${behind} of ${compared} returned less than Bitcoin, ${deeper} fell further from a peak: spreading over more coins did not pay on this path, and one path of four years proves nothing either way. Several coins' bars end in October although they were traded on elsewhere; such a coin leaves at its last price, and an index whose rule then finds too few assets stays as it is, so that the wider indices say little here. All ${rows.length} rows took ${elapsed.toFixed(0)} ms.`,
  ];
}

function speedLines(): string[] {
  const measured = [
    { assets: 150, days: 30 },
    { assets: 6_000, days: 1 },
  ].map(({ assets, days }) => {
    const panel = madePanel(assets, 830);
    const wanted = { from: 830 - days, to: 830 };
    const time = (run: () => unknown) => {
      const started = performance.now();
      run();
      return (performance.now() - started).toFixed(0);
    };
    const narratives = time(() =>
      narrativesFigure.compute(
        { history: historyOf(panel), days: wanted, figures: {} },
        narrativesFigure.parameters,
      ),
    );
    const indices = time(() =>
      indicesFigure.compute(
        { history: historyOf(panel), days: wanted, figures: {} },
        indicesFigure.parameters,
      ),
    );
    return `| ${assets} assets, ${days === 1 ? 'one day' : `${days} days`}, ${panel.days.length} days of history | ${narratives} ms | ${indices} ms |`;
  });
  const articles = Array.from({ length: 10_000 }, (_, i) => ({
    time: new Date(Date.UTC(2022, 0, 1) + i * 250_000).toISOString(),
    article: String(i),
    assets: `A${i % 150}`,
    title: `${WORDS[i % 7]} ${WORDS[(i * 3) % 11]} ${WORDS[(i * 5) % 13]} ${WORDS[(i * 11) % 17]} number ${i % 997}`,
    summary: '',
    link: '',
  }));
  const folding = performance.now();
  distinctArticles(articles, sentimentFigure.parameters);
  const folded = performance.now() - folding;
  const panel = madePanel(150, 40);
  const scoring = performance.now();
  sentimentFigure.compute(
    { history: { ...historyOf(panel), articles }, days: { from: 34, to: 35 }, figures: {} },
    sentimentFigure.parameters,
  );
  return [
    '**Speed** on made random walks, one thread of this machine.',
    '',
    '| What | narratives | indices |',
    '|---|---|---|',
    ...measured,
    '',
    `Of 10,000 made articles copies are folded in ${folded.toFixed(0)} ms, and a day's sentiment of 150 assets takes ${(performance.now() - scoring).toFixed(0)} ms. How good the scorer is with headlines is measured in the checks' bench; nobody has labelled crypto headlines here, and the copies' threshold is a judgement.`,
  ];
}

const WORDS =
  'bitcoin ether exchange rallies plunges regulator approves delays token unlock upgrade bridge exploit fund inflows record miners'.split(
    ' ',
  );

function historyOf(panel: Panel) {
  return { panel, funding: [], articles: [], activity: [], development: [] };
}

function madePanel(assets: number, length: number): Panel {
  const draw = generator(7);
  const panel = emptyPanel(
    Array.from({ length: assets }, (_, i) => ({ asset: `A${i}` })),
    Array.from({ length }, (_, day) => Date.UTC(2022, 0, 1) + day * DAY_MS),
  );
  for (let asset = 0; asset < assets; asset++) {
    let price = 5 + 50 * draw();
    for (let day = 0; day < length; day++) {
      price *= 1 + 0.1 * (draw() - 0.5);
      const at = asset * length + day;
      panel.close[at] = price;
      panel.volume[at] = 500_000 * (1 + draw());
      panel.marketCap[at] = price * 1e6;
    }
  }
  return panel;
}

/** The narratives of the first day of each month that has some. */
function monthsOf(rows: readonly NarrativeRow[]): { time: string; rows: NarrativeRow[] }[] {
  const months = new Map<string, NarrativeRow[]>();
  for (const row of rows) {
    if (row.time.slice(8, 10) !== '01' || row.narrative === 'stablecoin') continue;
    months.set(row.time, [...(months.get(row.time) ?? []), row]);
  }
  return [...months].map(([time, found]) => ({ time, rows: found }));
}

function describe(values: readonly number[]): { total: number; volatility: number; drawdown: number } {
  const returns = values.slice(1).map((value, i) => Math.log(value / values[i]!));
  let [peak, drawdown] = [0, 0];
  for (const value of values) {
    peak = Math.max(peak, value);
    drawdown = Math.max(drawdown, 1 - value / peak);
  }
  return {
    total: values.at(-1)! / values[0]! - 1,
    volatility: deviation(returns) * Math.sqrt(365),
    drawdown,
  };
}

function meanWithin(places: readonly number[], correlations: Float64Array, n: number): number {
  return mean(places.flatMap((i, at) => places.slice(at + 1).map((k) => correlations[i * n + k]!)));
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, one) => sum + one, 0) / values.length;
}

function deviation(values: readonly number[]): number {
  const middle = mean(values);
  return Math.sqrt(values.reduce((sum, one) => sum + (one - middle) ** 2, 0) / (values.length - 1));
}

function tOf(values: readonly number[]): number {
  return (mean(values) / deviation(values)) * Math.sqrt(values.length);
}

function percent(value: number): string {
  return `${(100 * value).toFixed(0)} %`;
}

function shuffled(values: readonly number[], draw: () => number): number[] {
  const order = [...values];
  for (let i = order.length - 1; i > 0; i--) {
    const k = Math.floor(draw() * (i + 1));
    [order[i], order[k]] = [order[k]!, order[i]!];
  }
  return order;
}

function generator(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const { title, lines } = await narrativesBench();
  console.log([`## ${title}`, '', ...lines].join('\n'));
}
