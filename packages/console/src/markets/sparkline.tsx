import { numberOf, shortPrice } from './market-words.ts';

const WIDTH = 100;
const HEIGHT = 26;

/** Closes of the last days as a line that breaks where one is missing. */
export function Sparkline({ closes, of }: { closes: readonly (string | null)[]; of: string }) {
  const values = closes.map(numberOf);
  const known = values.filter((value) => value !== null);
  const [first, last] = [known[0], known.at(-1)];
  if (known.length < 2 || first === undefined || last === undefined)
    return <span className="caption text-unknown">unknown</span>;
  return (
    <svg
      viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
      preserveAspectRatio="none"
      className="h-[26px] w-full"
      role="img"
      aria-label={`${of}, ${closes.length} days: from ${shortPrice(String(first))} to ${shortPrice(String(last))} dollars`}
    >
      <path
        d={pathOf(values, known)}
        className="fill-none stroke-accent"
        strokeWidth="1.4"
        strokeLinejoin="round"
        vectorEffect="non-scaling-stroke"
      />
    </svg>
  );
}

function pathOf(values: readonly (number | null)[], known: readonly number[]): string {
  const least = Math.min(...known);
  const range = Math.max(...known) - least || 1;
  let path = '';
  let broken = true;
  values.forEach((value, i) => {
    if (value === null) {
      broken = true;
      return;
    }
    const x = (i * WIDTH) / (values.length - 1);
    const y = 2 + (1 - (value - least) / range) * (HEIGHT - 4);
    path += `${broken ? 'M' : 'L'}${x.toFixed(1)} ${y.toFixed(1)}`;
    broken = false;
  });
  return path;
}
