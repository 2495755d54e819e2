import type { CredibilityHistory } from '@assay/gateway';
import { moment, percent } from './words.ts';

const WIDTH = 800;
const HEIGHT = 120;

/** The share of a provider's data that turns out right, over time: the expected one as a line, its interval as a band. */
export function CredibilityChart({ points }: { points: CredibilityHistory['history'] }) {
  const [first, last] = [points[0], points.at(-1)];
  if (!first || !last || first.at === last.at)
    return <p className="py-6 text-soft">A line can be drawn once some time has passed.</p>;
  const [from, to] = [Date.parse(first.at), Date.parse(last.at)];
  const x = (at: string) => (((Date.parse(at) - from) / (to - from)) * WIDTH).toFixed(1);
  const y = (share: string) => ((1 - Number(share)) * HEIGHT).toFixed(1);
  const through = (of: 'lower' | 'mean' | 'upper', some = points) =>
    some.map((point) => `${x(point.at)} ${y(point[of])}`).join('L');
  const between = ({ lower, upper }: typeof last) => `${percent(lower)} to ${percent(upper)}`;
  return (
    <figure className="m-0">
      <div className="flex gap-2">
        <svg
          viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
          preserveAspectRatio="none"
          className="h-28 w-full min-w-0"
          role="img"
          aria-label={`The share of its data that turns out right: ${between(first)} on ${moment(first.at)} UTC after ${first.facts} decided, ${between(last)} on ${moment(last.at)} UTC after ${last.facts}`}
        >
          {[0, HEIGHT / 2, HEIGHT].map((height) => (
            <path
              key={height}
              d={`M0 ${height}H${WIDTH}`}
              className="stroke-line"
              vectorEffect="non-scaling-stroke"
            />
          ))}
          <path
            d={`M${through('upper')}L${through('lower', points.toReversed())}Z`}
            className="fill-accent opacity-20"
          />
          <path
            d={`M${through('mean')}`}
            className="fill-none stroke-accent"
            strokeWidth="2"
            vectorEffect="non-scaling-stroke"
          />
        </svg>
        <div
          aria-hidden
          className="caption figure flex h-28 flex-col justify-between text-right leading-none whitespace-nowrap"
        >
          <span>100 %</span>
          <span>50 %</span>
          <span>0 %</span>
        </div>
      </div>
      <figcaption className="caption figure mt-1">
        <span className="flex justify-between gap-4">
          <span>{moment(first.at)}</span>
          <span className="text-right">{moment(last.at)} UTC</span>
        </span>
        Line: the share that turns out right. Band: where it lies with 90&nbsp;%.
      </figcaption>
    </figure>
  );
}
