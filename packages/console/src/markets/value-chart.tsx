import {
  AreaSeries,
  createChart,
  type IChartApi,
  type ISeriesApi,
  type UTCTimestamp,
} from 'lightweight-charts';
import { useEffect, useRef } from 'react';
import { CHART, paintWithTheme } from './chart-paint.ts';
import { day, digits } from './market-words.ts';

/** One value a day. Drawn with floats, which only pixels ever see. */
export default function ValueChart({
  points,
  name,
}: {
  points: { time: string; value: string }[];
  name: string;
}) {
  const box = useRef<HTMLDivElement>(null);
  const drawn = useRef<{ chart: IChartApi; series: ISeriesApi<'Area'> }>(null);
  useEffect(() => {
    const chart = createChart(box.current!, CHART);
    const series = chart.addSeries(AreaSeries, { lineWidth: 2, priceLineVisible: false });
    drawn.current = { chart, series };
    const stop = paintWithTheme(chart, (colour) =>
      series.applyOptions({
        lineColor: colour('accent'),
        topColor: `${colour('accent')}33`,
        bottomColor: `${colour('accent')}00`,
      }),
    );
    return () => {
      stop();
      drawn.current = null;
      chart.remove();
    };
  }, []);
  useEffect(() => {
    if (!drawn.current) return;
    drawn.current.series.setData(
      points.map(({ time, value }) => ({
        time: (Date.parse(time) / 1000) as UTCTimestamp,
        value: Number(value),
      })),
    );
    drawn.current.chart.timeScale().fitContent();
  }, [points]);
  const [first, last] = [points[0], points.at(-1)];
  return (
    <figure className="m-0">
      <div ref={box} className="h-56" />
      <figcaption className="sr-only">
        {first && last
          ? `${name}: from ${digits(first.value, 2)} on ${day(first.time)} to ${digits(last.value, 2)} on ${day(last.time)}`
          : `${name}: no values`}
      </figcaption>
    </figure>
  );
}
