import { digits, share } from './market-words.ts';
import type { PortfolioResult } from './portfolio-request.ts';
import { ScrollArea } from './scroll-area.tsx';

const WIDTH = 520;
const HEIGHT = 300;
const PAD = { left: 48, right: 14, top: 12, bottom: 32 };

/** Volatility to the right, return upwards: the frontier as a line, this portfolio on it, its assets as dots. */
export function FrontierChart({
  result,
  symbols,
}: {
  result: PortfolioResult;
  symbols: ReadonlyMap<string, string>;
}) {
  const { frontier, weights } = result;
  const own = { x: Number(result.volatility), y: Number(result.expectedReturn) };
  const line = frontier.map(({ volatility, expectedReturn }) => ({
    x: Number(volatility),
    y: Number(expectedReturn),
  }));
  const assets = weights.map(({ asset, volatility, expectedReturn }) => ({
    asset,
    x: Number(volatility),
    y: Number(expectedReturn),
  }));
  const all = [own, ...line, ...assets];
  // The vertical axis stands left of everything, so that a narrow frontier is still seen.
  const [left, right] = range(all.map(({ x }) => x));
  const [low, high] = range(all.map(({ y }) => y));
  const x = (value: number) => PAD.left + ((value - left) / (right - left)) * (WIDTH - PAD.left - PAD.right);
  const y = (value: number) =>
    HEIGHT - PAD.bottom - ((value - low) / (high - low)) * (HEIGHT - PAD.top - PAD.bottom);
  const path = line
    .map((point, i) => `${i === 0 ? 'M' : 'L'}${x(point.x).toFixed(1)} ${y(point.y).toFixed(1)}`)
    .join('');
  return (
    <figure className="m-0">
      <svg
        viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
        className="w-full"
        role="img"
        aria-label={`Efficient frontier of ${line.length} portfolios${
          line.length > 1
            ? `, from ${share(String(line[0]!.y))} a year at a volatility of ${share(String(line[0]!.x))} to ${share(String(line.at(-1)!.y))} at ${share(String(line.at(-1)!.x))}`
            : ''
        }; this portfolio has ${share(result.expectedReturn)} at ${share(result.volatility)}`}
      >
        {ticks(low, high).map((value) => (
          <g key={value}>
            <path d={`M${PAD.left} ${y(value)}H${WIDTH - PAD.right}`} className="stroke-line" />
            <text x={PAD.left - 6} y={y(value) + 4} textAnchor="end" className="fill-soft text-[11px]">
              {percent(value)}
            </text>
          </g>
        ))}
        {ticks(left, right).map((value) => (
          <text
            key={value}
            x={x(value)}
            y={HEIGHT - PAD.bottom + 16}
            textAnchor="middle"
            className="fill-soft text-[11px]"
          >
            {percent(value)}
          </text>
        ))}
        <text x={WIDTH - PAD.right} y={HEIGHT - 3} textAnchor="end" className="fill-soft text-[11px]">
          volatility a year →
        </text>
        <text x={PAD.left + 4} y={PAD.top + 2} className="fill-soft text-[11px]">
          ↑ return a year
        </text>
        {assets.map(({ asset, ...point }) => (
          <g key={asset}>
            <circle
              cx={x(point.x)}
              cy={y(point.y)}
              r="3"
              className="fill-sheet stroke-soft"
              strokeWidth="1.4"
            />
            {assets.length <= 14 && (
              <text x={x(point.x) - 6} y={y(point.y) + 4} textAnchor="end" className="fill-soft text-[10px]">
                {symbols.get(asset) ?? asset}
              </text>
            )}
          </g>
        ))}
        {path && <path d={path} className="fill-none stroke-accent" strokeWidth="2" />}
        <rect
          x={x(own.x) - 5}
          y={y(own.y) - 5}
          width="10"
          height="10"
          transform={`rotate(45 ${x(own.x)} ${y(own.y)})`}
          className="fill-accent stroke-sheet"
          strokeWidth="2"
        />
      </svg>
      <figcaption className="caption">
        Line: the frontier. Diamond: this portfolio. Dots: its assets alone.
        {frontier.length === 0 && (
          <span className="text-unknown"> The frontier is unknown; what is above says why.</span>
        )}
      </figcaption>
      {frontier.length > 0 && (
        <details className="mt-2">
          <summary className="text-[0.92rem]">{frontier.length} points as a table</summary>
          <ScrollArea name="Points of the frontier" className="mt-1 max-h-60 overflow-auto">
            <table className="w-full text-right text-[0.86rem]">
              <thead>
                <tr className="caption">
                  <th scope="col" className="py-1 font-normal">
                    Return
                  </th>
                  <th scope="col" className="px-2 py-1 font-normal">
                    Volatility
                  </th>
                  <th scope="col" className="px-2 py-1 font-normal">
                    Sharpe
                  </th>
                </tr>
              </thead>
              <tbody>
                {frontier.map(({ expectedReturn, volatility, sharpe }) => (
                  <tr key={`${expectedReturn}/${volatility}`} className="figure border-t border-line">
                    <td className="py-0.5">{share(expectedReturn)}</td>
                    <td className="px-2">{share(volatility)}</td>
                    <td className="px-2">{digits(sharpe, 2)}</td>
                  </tr>
                ))}
              </tbody>
            </table>
          </ScrollArea>
        </details>
      )}
    </figure>
  );
}

/** Least and greatest with a little room on both sides. */
function range(values: readonly number[]): [number, number] {
  const [least, most] = [Math.min(...values), Math.max(...values)];
  const room = (most - least || Math.abs(most) || 1) * 0.08;
  return [least - room, most + room];
}

/** About five round numbers within a range. */
function ticks(low: number, high: number): number[] {
  const rough = (high - low) / 5;
  const size = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((by) => by * size).find((each) => each >= rough) ?? rough;
  const first = Math.ceil(low / step);
  return Array.from({ length: Math.floor(high / step) - first + 1 }, (_, i) => (first + i) * step);
}

function percent(value: number): string {
  return `${digits(String(value * 100), Math.abs(value) < 0.05 && value !== 0 ? 1 : 0)} %`;
}
