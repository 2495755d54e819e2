import type { FigureInput } from '../figure.ts';
import { randomBars, seeded } from '../indicators/bars.fixture.ts';
import { emptyPanel, type Panel, seriesOf } from '../panel/index.ts';

const DAY_MS = 86_400_000;

/** Random walks that share a part of their moves, with a tenth of the assets missing a tenth of their days. */
export function randomPanel(assets: number, days: number, seed: number): Panel {
  const panel = emptyPanel(
    Array.from({ length: assets }, (_, i) => ({ asset: `asset-${String(i).padStart(4, '0')}` })),
    Array.from({ length: days }, (_, day) => Date.UTC(2022, 0, 1) + day * DAY_MS),
  );
  const market = randomBars(days, seed).close;
  const random = seeded(seed + 1);
  for (let asset = 0; asset < assets; asset++) {
    const own = randomBars(days, seed + 2 + asset);
    const part = (asset % 7) / 7;
    for (let day = 0; day < days; day++) {
      if (asset % 10 === 9 && random() < 0.1) continue;
      const scale = (market[day]! / 100) ** part;
      const at = asset * days + day;
      panel.open[at] = own.open[day]! * scale;
      panel.high[at] = own.high[day]! * scale;
      panel.low[at] = own.low[day]! * scale;
      panel.close[at] = own.close[day]! * scale;
      panel.volume[at] = own.volume[day]!;
    }
  }
  return panel;
}

/** A panel of closes alone, asset by asset; NaN is a missing day. */
export function panelOfCloses(closes: readonly (readonly number[])[]): Panel {
  const panel = emptyPanel(
    closes.map((_, i) => ({ asset: `asset-${i}` })),
    closes[0]!.map((_, day) => Date.UTC(2022, 0, 1) + day * DAY_MS),
  );
  for (const [asset, prices] of closes.entries()) {
    for (const column of [panel.open, panel.high, panel.low, panel.close]) {
      seriesOf(panel, column, asset).set(prices);
    }
  }
  return panel;
}

export function inputOf(panel: Panel, from: number, to = panel.days.length): FigureInput {
  return {
    history: { panel, funding: [], articles: [], activity: [], development: [] },
    days: { from, to },
    figures: {},
  };
}

/** The panel of some days; `to` is not in it. */
export function daysOf(panel: Panel, from: number, to: number): Panel {
  const length = panel.days.length;
  const cut = (column: Float64Array) =>
    Float64Array.from({ length: panel.assets.length * (to - from) }, (_, i) => {
      const asset = Math.floor(i / (to - from));
      return column[asset * length + from + (i % (to - from))]!;
    });
  return {
    ...panel,
    days: panel.days.slice(from, to),
    open: cut(panel.open),
    high: cut(panel.high),
    low: cut(panel.low),
    close: cut(panel.close),
    volume: cut(panel.volume),
    marketCap: cut(panel.marketCap),
    supply: cut(panel.supply),
  };
}
