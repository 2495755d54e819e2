import { AreaSeries, ColorType, createChart, type IChartApi, type UTCTimestamp } from 'lightweight-charts';
import { useEffect, useRef } from 'react';
import type { RateEntry } from './api.ts';

/** Reference rates by the minute. Drawn with floats, which only pixels ever see. */
export default function RateChart({ rates }: { rates: RateEntry[] }) {
  const box = useRef<HTMLDivElement>(null);
  useEffect(() => {
    const element = box.current;
    if (!element) return;
    let chart: IChartApi | null = null;
    const draw = () => {
      chart?.remove();
      const colour = (name: string) =>
        getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
      chart = createChart(element, {
        autoSize: true,
        layout: {
          background: { type: ColorType.Solid, color: 'transparent' },
          textColor: colour('soft'),
          fontSize: 12,
          fontFamily: 'inherit',
        },
        grid: { vertLines: { visible: false }, horzLines: { color: colour('line') } },
        rightPriceScale: { borderVisible: false },
        timeScale: { borderVisible: false, timeVisible: true, secondsVisible: false },
        handleScroll: false,
        handleScale: false,
      });
      const series = chart.addSeries(AreaSeries, {
        lineColor: colour('accent'),
        lineWidth: 2,
        topColor: `${colour('accent')}33`,
        bottomColor: `${colour('accent')}00`,
        priceLineVisible: false,
      });
      const points = new Map(rates.map(({ time, rate }) => [Date.parse(time) / 1000, Number(rate)]));
      series.setData(
        [...points].sort(([a], [b]) => a - b).map(([time, value]) => ({ time: time as UTCTimestamp, value })),
      );
      chart.timeScale().fitContent();
    };
    draw();
    // Colours are read at drawing time, so a changed theme draws again.
    const observer = new MutationObserver(draw);
    observer.observe(document.documentElement, { attributeFilter: ['data-theme'] });
    return () => {
      observer.disconnect();
      chart?.remove();
    };
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
