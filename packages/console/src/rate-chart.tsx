import {
  AreaSeries,
  ColorType,
  createChart,
  type IChartApi,
  type ISeriesApi,
  type UTCTimestamp,
} from 'lightweight-charts';
import { useEffect, useRef } from 'react';
import type { RateEntry } from './api.ts';

/** Reference rates by the minute. Drawn with floats, which only pixels ever see. */
export default function RateChart({ rates }: { rates: RateEntry[] }) {
  const box = useRef<HTMLDivElement>(null);
  const drawn = useRef<{ chart: IChartApi; series: ISeriesApi<'Area'> }>(null);
  useEffect(() => {
    const chart = createChart(box.current!, {
      autoSize: true,
      rightPriceScale: {
        borderVisible: false,
        entireTextOnly: true,
        scaleMargins: { top: 0.14, bottom: 0.1 },
      },
      timeScale: { borderVisible: false, timeVisible: true, secondsVisible: false, allowBoldLabels: false },
      handleScroll: false,
      handleScale: false,
    });
    const series = chart.addSeries(AreaSeries, { lineWidth: 2, priceLineVisible: false });
    drawn.current = { chart, series };
    const paint = () => {
      const style = getComputedStyle(document.documentElement);
      const colour = (name: string) => style.getPropertyValue(`--${name}`).trim();
      chart.applyOptions({
        layout: {
          background: { type: ColorType.Solid, color: 'transparent' },
          textColor: colour('soft'),
          fontSize: 12,
          fontFamily: style.fontFamily,
        },
        grid: { vertLines: { visible: false }, horzLines: { color: colour('line') } },
      });
      series.applyOptions({
        lineColor: colour('accent'),
        topColor: `${colour('accent')}33`,
        bottomColor: `${colour('accent')}00`,
      });
    };
    paint();
    // A canvas knows no style sheet: a changed theme is painted by hand.
    const observer = new MutationObserver(paint);
    observer.observe(document.documentElement, { attributeFilter: ['data-theme'] });
    return () => {
      observer.disconnect();
      drawn.current = null;
      chart.remove();
    };
  }, []);
  useEffect(() => {
    if (!drawn.current) return;
    const points = new Map(rates.map(({ time, rate }) => [Date.parse(time) / 1000, Number(rate)]));
    drawn.current.series.setData(
      [...points].sort(([a], [b]) => a - b).map(([time, value]) => ({ time: time as UTCTimestamp, value })),
    );
    drawn.current.chart.timeScale().fitContent();
  }, [rates]);
  const [first, last] = [rates.at(-1), rates[0]];
  return (
    <figure>
      <div ref={box} className="h-56" />
      <figcaption className="sr-only">
        {first && last
          ? `BTC/USD reference rate from ${first.rate} at ${first.time} to ${last.rate} at ${last.time}`
          : 'No rates yet'}
      </figcaption>
    </figure>
  );
}
