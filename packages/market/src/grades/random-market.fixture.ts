/** A seeded market for tests: random walks with volumes and capitalisations, which a test then bends. */
import type { FigureInput, MarketHistory } from '../figure.ts';
import { emptyPanel, instantOfDay, type Panel } from '../panel/index.ts';

export const FIRST_MS = Date.parse('2023-01-01T00:00:00Z');
const DAY_MS = 86_400_000;

/** Numbers of [0, 1), the same for the same seed. */
export function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

export function setBar(panel: Panel, asset: number, day: number, close: number, volume = 1000): void {
  const at = asset * panel.days.length + day;
  panel.open[at] = close;
  panel.high[at] = close * 1.01;
  panel.low[at] = close * 0.99;
  panel.close[at] = close;
  panel.volume[at] = volume;
}

export function clearBars(panel: Panel, asset: number, from: number, to: number): void {
  const base = asset * panel.days.length;
  for (const column of [panel.open, panel.high, panel.low, panel.close, panel.volume]) {
    column.fill(Number.NaN, base + from, base + to);
  }
}

export function clearCaps(panel: Panel, asset: number, from: number, to: number): void {
  const base = asset * panel.days.length;
  for (const column of [panel.marketCap, panel.supply]) column.fill(Number.NaN, base + from, base + to);
}

export function randomMarket(assets: number, days: number, seed = 1): MarketHistory {
  const random = seeded(seed);
  const panel = emptyPanel(
    Array.from({ length: assets }, (_, i) => ({ asset: `coin-${String(i).padStart(4, '0')}` })),
    Array.from({ length: days }, (_, i) => FIRST_MS + i * DAY_MS),
  );
  for (let asset = 0; asset < assets; asset++) {
    let close = 1 + 50 * random();
    const supply = 1e6 * (1 + 100 * random());
    const size = 0.04 + 0.08 * random();
    for (let day = 0; day < days; day++) {
      close *= Math.exp(size * (random() - 0.5));
      setBar(panel, asset, day, close, supply * 0.02 * (0.2 + random()));
      panel.supply[asset * days + day] = supply;
      panel.marketCap[asset * days + day] = supply * close;
    }
  }
  return { panel, funding: [], articles: [], activity: [], development: [] };
}

export function inputOf(history: MarketHistory, from: number, to: number): FigureInput {
  return { history, days: { from, to }, figures: {} };
}

export function timeOf(panel: Panel, day: number): string {
  return instantOfDay(panel.days[day]!);
}
