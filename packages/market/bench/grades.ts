import { performance } from 'node:perf_hooks';
import type { MarketHistory } from '../src/figure.ts';
import { factorsFigure, gradesFigure } from '../src/grades/index.ts';
import { emptyPanel, instantOfDay, type Panel } from '../src/panel/index.ts';
import type { ActivityRow, DevelopmentRow, FundingRow, SentimentRow } from '../src/rows.ts';
import type { BenchSection } from './section.ts';

const DAY_MS = 86_400_000;
const FIRST = Date.parse('2022-01-01T00:00:00Z');

/** How long grades and their factors take, on one core. */
export async function gradesBench(): Promise<BenchSection> {
  const lines = ['| What | Seconds | The same columns read once, s | Rows |', '| --- | --: | --: | --: |'];
  for (const { assets, days, wanted, observed } of [
    { assets: 6000, days: 1000, wanted: 1, observed: false },
    { assets: 6000, days: 1000, wanted: 1, observed: true },
    { assets: 150, days: 1000, wanted: 30, observed: true },
  ]) {
    const history = syntheticMarket(assets, days, observed);
    const sentiment = observed ? syntheticSentiment(history.panel) : [];
    const input = { history, days: { from: days - wanted, to: days }, figures: { sentiment } };
    let rows = 0;
    const seconds = bestOf(3, () => {
      rows =
        gradesFigure.compute(input, gradesFigure.parameters).length +
        factorsFigure.compute(input, factorsFigure.parameters).length;
    });
    const limit = bestOf(3, () => readOnce(history.panel));
    lines.push(
      `| grades and factors of ${assets} assets × ${wanted} day${wanted > 1 ? 's' : ''}, ${days} days of history${observed ? ', with funding, activity, development and sentiment of every tenth asset' : ''} | ${seconds.toFixed(2)} | ${limit.toFixed(2)} | ${rows} |`,
    );
  }
  lines.push(
    '',
    'Best of three. Each asset’s day is graded twice, for the change since the day before, and once more for the factors. The limit is one pass over closes, volumes, market capitalisations and supplies of the whole panel.',
  );
  return { title: 'Grades', lines };
}

/** Random walks with volumes, capitalisations and, for every tenth asset, everything else that is observed. */
function syntheticMarket(assets: number, days: number, observed: boolean): MarketHistory {
  const panel = emptyPanel(
    Array.from({ length: assets }, (_, i) => ({ asset: `asset-${String(i).padStart(5, '0')}` })),
    Array.from({ length: days }, (_, i) => FIRST + i * DAY_MS),
  );
  let state = 1;
  const random = () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 4_294_967_296;
  };
  for (let asset = 0; asset < assets; asset++) {
    let price = 0.01 + 100 * random();
    const supply = 1e6 * (1 + 1000 * random());
    for (let day = 0; day < days; day++) {
      const at = asset * days + day;
      price *= Math.exp(0.1 * (random() - 0.5));
      panel.open[at] = price;
      panel.high[at] = price * 1.01;
      panel.low[at] = price * 0.99;
      panel.close[at] = price;
      panel.volume[at] = supply * 0.01 * random();
      panel.supply[at] = supply;
      panel.marketCap[at] = supply * price;
    }
  }
  const funding: FundingRow[] = [];
  const activity: ActivityRow[] = [];
  const development: DevelopmentRow[] = [];
  const whole = (most: number) => String(Math.floor(most * random()));
  for (let day = Math.max(0, days - 200); observed && day < days; day++) {
    const time = instantOfDay(panel.days[day]!);
    for (let i = 0; i < assets; i += 10) {
      const asset = panel.assets[i]!;
      funding.push({ time, asset, rate: (random() / 1000).toFixed(8), openInterestUsd: whole(1e8) });
      activity.push({
        time,
        asset,
        transfers: whole(1e5),
        activeAddresses: whole(1e4),
        holders: whole(1e6),
        topTenShare: random().toFixed(4),
        swapVolumeUsd: whole(1e7),
      });
      development.push({ time, asset, commits: whole(50), contributors: whole(20), releasedAt: null });
    }
  }
  return { panel, funding, articles: [], activity, development };
}

function syntheticSentiment(panel: Panel): SentimentRow[] {
  const { length } = panel.days;
  return panel.days.slice(Math.max(0, length - 30)).flatMap((ms, day) =>
    panel.assets
      .filter((_, i) => i % 10 === 0)
      .map(
        (asset, i): SentimentRow => ({
          time: instantOfDay(ms),
          asset,
          score: (((i * 7 + day) % 21) / 10 - 1).toFixed(1),
          label: 'neutral',
          articles: '1',
          positive: '0',
          negative: '0',
          latest: [],
        }),
      ),
  );
}

function readOnce({ close, volume, marketCap, supply }: Panel): number {
  let sum = 0;
  for (const column of [close, volume, marketCap, supply]) for (const value of column) sum += value;
  return sum;
}

function bestOf(times: number, run: () => void): number {
  let best = Number.POSITIVE_INFINITY;
  for (let i = 0; i < times; i++) {
    const start = performance.now();
    run();
    best = Math.min(best, (performance.now() - start) / 1000);
  }
  return best;
}

if (import.meta.main) {
  const { title, lines } = await gradesBench();
  console.log(`## ${title}\n\n${lines.join('\n')}`);
}
