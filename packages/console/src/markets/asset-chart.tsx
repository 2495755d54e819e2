import type { MarketRow } from '@assay/pipeline';
import {
  CandlestickSeries,
  createChart,
  createSeriesMarkers,
  HistogramSeries,
  type IChartApi,
  type IPriceLine,
  type ISeriesApi,
  type ISeriesMarkersPluginApi,
  LineSeries,
  LineStyle,
  type SeriesMarker,
  type Time,
  type UTCTimestamp,
} from 'lightweight-charts';
import { useEffect, useRef } from 'react';
import { CHART, type Colour, paintWithTheme } from './chart-paint.ts';
import { day, digits, SIGNALS, shortPrice } from './market-words.ts';

const DAY_S = 86_400;

export interface AssetHistory {
  prices: readonly MarketRow<'prices'>[];
  grades: readonly MarketRow<'grades'>[];
  signals: readonly Pick<MarketRow<'signals'>, 'time' | 'signal' | 'since' | 'proof'>[];
  levels: MarketRow<'levels'> | null;
}

interface Drawn {
  chart: IChartApi;
  candles: ISeriesApi<'Candlestick'>;
  volume: ISeriesApi<'Histogram'>;
  trader: ISeriesApi<'Line'>;
  investor: ISeriesApi<'Line'>;
  markers: ISeriesMarkersPluginApi<Time>;
  lines: IPriceLine[];
  colour: Colour;
}

/**
 * Price, volume and grades of an asset by day, one above the other on one time scale. A day without a row stays empty.
 * Drawn with floats, which only pixels ever see.
 */
export default function AssetChart({
  history,
  name,
  onDay,
}: {
  history: AssetHistory;
  name: string;
  /** The day under the pointer, or that was pressed on; null once the pointer has left. */
  onDay: (time: string | null, pressed: boolean) => void;
}) {
  const box = useRef<HTMLDivElement>(null);
  const drawn = useRef<Drawn>(null);
  const tell = useRef(onDay);
  tell.current = onDay;
  const shown = useRef(history);
  shown.current = history;
  useEffect(() => {
    const chart = createChart(box.current!, CHART);
    const candles = chart.addSeries(CandlestickSeries, { priceLineVisible: false });
    const volume = chart.addSeries(
      HistogramSeries,
      { priceFormat: { type: 'volume' }, priceLineVisible: false, lastValueVisible: false },
      1,
    );
    const line = {
      priceLineVisible: false,
      autoscaleInfoProvider: () => ({ priceRange: { minValue: 0, maxValue: 100 } }),
    };
    const trader = chart.addSeries(LineSeries, { ...line, lineWidth: 2 }, 2);
    const investor = chart.addSeries(LineSeries, { ...line, lineWidth: 2, lineStyle: LineStyle.Dashed }, 2);
    [6, 1, 2.4].forEach((share, pane) => {
      chart.panes()[pane]?.setStretchFactor(share);
    });
    const own: Drawn = {
      chart,
      candles,
      volume,
      trader,
      investor,
      markers: createSeriesMarkers(candles),
      lines: [],
      colour: () => '',
    };
    drawn.current = own;
    const dayOf = (time: Time | undefined) =>
      typeof time === 'number' ? new Date(time * 1000).toISOString().replace('.000', '') : null;
    chart.subscribeCrosshairMove(({ time }) => tell.current(dayOf(time), false));
    chart.subscribeClick(({ time }) => tell.current(dayOf(time), true));
    const stop = paintWithTheme(chart, (colour) => {
      own.colour = colour;
      candles.applyOptions({
        // No colour of good and bad: up is filled, down is hollow.
        upColor: colour('accent'),
        downColor: colour('sheet'),
        borderUpColor: colour('accent'),
        borderDownColor: colour('soft'),
        wickUpColor: colour('accent'),
        wickDownColor: colour('soft'),
      });
      volume.applyOptions({ color: `${colour('soft')}88` });
      trader.applyOptions({ color: colour('accent') });
      investor.applyOptions({ color: colour('soft') });
      mark(own, shown.current);
    });
    return () => {
      stop();
      drawn.current = null;
      chart.remove();
    };
  }, []);
  useEffect(() => {
    const own = drawn.current;
    if (!own) return;
    const days = daysOf(history);
    const at = (time: number) => ({ time: time as UTCTimestamp });
    const prices = new Map(history.prices.map((row) => [Date.parse(row.time) / 1000, row]));
    const grades = new Map(history.grades.map((row) => [Date.parse(row.time) / 1000, row]));
    own.candles.setData(
      days.map((time) => {
        const row = prices.get(time);
        return row
          ? { ...at(time), open: +row.open, high: +row.high, low: +row.low, close: +row.close }
          : at(time);
      }),
    );
    own.volume.setData(
      days.map((time) => {
        const row = prices.get(time);
        return row ? { ...at(time), value: +row.volumeUsd } : at(time);
      }),
    );
    for (const grade of ['trader', 'investor'] as const) {
      own[grade].setData(
        days.map((time) => {
          const value = grades.get(time)?.[grade]?.grade;
          return value === undefined ? at(time) : { ...at(time), value: +value };
        }),
      );
    }
    const last = Number(history.prices.at(-1)?.close ?? 1);
    const places = Math.min(8, Math.max(2, 4 - Math.floor(Math.log10(Math.max(last, 1e-8)))));
    own.candles.applyOptions({
      priceFormat: { type: 'price', precision: places, minMove: 10 ** -places },
    });
    mark(own, history);
    own.chart.timeScale().fitContent();
  }, [history]);
  return (
    <figure className="m-0">
      <div ref={box} className="h-[30rem] max-sm:h-96" />
      <figcaption className="sr-only">{describe(history, name)}</figcaption>
    </figure>
  );
}

/** Signals where they change, and the prices at which the asset turned before. */
function mark(own: Drawn, { signals, prices, levels }: AssetHistory): void {
  const priced = new Set(prices.map(({ time }) => time));
  const turns = signals.filter(
    ({ signal, time }, i) => priced.has(time) && i > 0 && signal !== signals[i - 1]?.signal,
  );
  own.markers.setMarkers(
    turns.map(
      ({ time, signal }): SeriesMarker<Time> => ({
        time: (Date.parse(time) / 1000) as UTCTimestamp,
        position: signal === '1' ? 'belowBar' : 'aboveBar',
        shape: signal === '1' ? 'arrowUp' : signal === '-1' ? 'arrowDown' : 'square',
        color: own.colour('ink'),
        // Words only while they do not cover each other.
        ...(turns.length <= 24 ? { text: SIGNALS[signal].word } : {}),
      }),
    ),
  );
  for (const line of own.lines) own.candles.removePriceLine(line);
  own.lines = (['support', 'resistance'] as const).flatMap((side) =>
    (levels?.[side] ?? []).map(({ price }) =>
      own.candles.createPriceLine({
        price: Number(price),
        color: own.colour('soft'),
        lineWidth: 1,
        lineStyle: side === 'support' ? LineStyle.Dotted : LineStyle.LargeDashed,
        axisLabelVisible: false,
        title: side,
      }),
    ),
  );
}

/** Every day from the first to the last, in seconds, whether there is a row or not. */
function daysOf({ prices, grades }: AssetHistory): number[] {
  const times = [prices[0], grades[0], prices.at(-1), grades.at(-1)].flatMap((row) =>
    row ? [Date.parse(row.time) / 1000] : [],
  );
  if (times.length === 0) return [];
  const from = Math.min(...times);
  const to = Math.max(...times);
  return Array.from({ length: Math.round((to - from) / DAY_S) + 1 }, (_, i) => from + i * DAY_S);
}

function describe({ prices, grades, signals }: AssetHistory, name: string): string {
  const [first, last] = [prices[0], prices.at(-1)];
  if (!first || !last) return `${name}: no prices`;
  const grade = grades.at(-1);
  const signal = signals.at(-1);
  return [
    `${name}: price from ${shortPrice(first.close)} dollars on ${day(first.time)} to ${shortPrice(last.close)} on ${day(last.time)}, ${prices.length} days`,
    grade?.trader ? `Trader Grade at last ${digits(grade.trader.grade, 0)}` : 'Trader Grade unknown',
    grade?.investor ? `Investor Grade at last ${digits(grade.investor.grade, 0)}` : 'Investor Grade unknown',
    signal ? `signal ${SIGNALS[signal.signal].word} since ${day(signal.since)}` : 'signal unknown',
  ].join('; ');
}
