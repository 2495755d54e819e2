import type { LogHealth } from '@assay/gateway';
import { count, moment } from './words.ts';

const WIDTH = 800;
const HEIGHT = 160;

/** Public size over time, as steps: between two checkpoints the log did not grow for its readers. */
export function GrowthChart({ points }: { points: LogHealth['growth'] }) {
  const [first, last] = [points[0], points.at(-1)];
  if (!first || !last || points.length < 2 || first.at === last.at)
    return <p className="py-6 text-soft">A line can be drawn once there are two checkpoints.</p>;
  const [from, to] = [Date.parse(first.at), Date.parse(last.at)];
  const x = (at: string) => ((Date.parse(at) - from) / (to - from)) * WIDTH;
  const y = (size: number) => HEIGHT - (size / last.size) * (HEIGHT - 8);
  const steps = points
    .slice(1)
    .map(({ at, size }) => `H${x(at).toFixed(1)}V${y(size).toFixed(1)}`)
    .join('');
  const line = `M0 ${y(first.size).toFixed(1)}${steps}`;
  return (
    <figure className="m-0">
      <svg
        viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
        preserveAspectRatio="none"
        className="h-40 w-full"
        role="img"
        aria-label={`The log grew from ${first.size} to ${last.size} public entries between ${moment(first.at)} and ${moment(last.at)} UTC`}
      >
        <path d={`${line}V${HEIGHT}H0Z`} className="fill-accent opacity-10" />
        <path
          d={line}
          className="fill-none stroke-accent"
          strokeWidth="2"
          vectorEffect="non-scaling-stroke"
        />
        <path d={`M0 ${HEIGHT}H${WIDTH}`} className="stroke-line" vectorEffect="non-scaling-stroke" />
      </svg>
      <figcaption className="caption figure flex justify-between gap-4">
        <span>
          {moment(first.at)}, {count(first.size)} entries
        </span>
        <span className="text-right">
          {moment(last.at)} UTC, {count(last.size)} entries
        </span>
      </figcaption>
    </figure>
  );
}
