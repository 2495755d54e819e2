import type { MarketRow } from '@assay/pipeline';
import { Sheet } from '../sheet.tsx';
import { Unknown } from './grade-mark.tsx';
import { day, dollars, numberOf, shortPrice, signedPercent } from './market-words.ts';
import { ProofLink, Proven } from './proof-link.tsx';
import { ScrollArea } from './scroll-area.tsx';

type Scenario = MarketRow<'scenarios'>;
const CASES = ['moon', 'base', 'bear'] as const;

const WIDTH = 600;
const HEIGHT = 190;
const PAD = 8;

/** Three cases of what a price would be, as a fan, and what it would be under sizes of the whole market. */
export function AssetScenarios({ row, symbol }: { row: Scenario; symbol: string }) {
  return (
    <Sheet
      title="Scenarios"
      note="cases, not predictions: each says what it assumes"
      aside={<ProofLink proof={row.proof} of={`the scenarios of ${symbol}`} />}
    >
      <div className="grid grid-cols-1 gap-4 px-5 py-4">
        <Fan row={row} symbol={symbol} />
        <ScrollArea className="overflow-x-auto" name={`Scenarios of ${symbol}`}>
          <table className="w-full text-right text-[0.9rem]">
            <thead>
              <tr className="caption">
                <th scope="col" className="py-1 text-left font-normal">
                  Case
                </th>
                <th scope="col" className="px-2 py-1 font-normal whitespace-nowrap">
                  in {row.horizonDays} days
                </th>
                <th scope="col" className="py-1 pl-4 text-left font-normal">
                  What it assumes
                </th>
              </tr>
            </thead>
            <tbody>
              {CASES.map((name) => {
                const own = row.cases.find((each) => each.name === name);
                return (
                  <tr key={name} className="border-t border-line align-baseline">
                    <th scope="row" className="py-1 text-left font-normal">
                      {name}
                    </th>
                    <td className="px-2 whitespace-nowrap">
                      {own ? (
                        <>
                          <Proven
                            proof={row.proof}
                            of={`the ${name} case of ${symbol} in ${row.horizonDays} days`}
                            className="font-medium"
                          >
                            {shortPrice(own.price)}
                          </Proven>{' '}
                          <span className="caption figure">{signedPercent(own.returnPct, 0)}</span>
                        </>
                      ) : (
                        <Unknown />
                      )}
                    </td>
                    <td className="caption min-w-48 pl-4 text-left">{own?.basis}</td>
                  </tr>
                );
              })}
            </tbody>
          </table>
        </ScrollArea>
        {row.marketCaps.length > 0 && <Caps row={row} symbol={symbol} />}
      </div>
    </Sheet>
  );
}

function Fan({ row, symbol }: { row: Scenario; symbol: string }) {
  const now = numberOf(row.price) ?? 0;
  const ends = CASES.flatMap((name) => {
    const price = row.cases.find((each) => each.name === name)?.price;
    const value = numberOf(price);
    return price === undefined || value === null ? [] : [{ name, price, value }];
  });
  const all = [now, ...ends.map(({ value }) => value)];
  const least = Math.min(...all);
  const range = Math.max(...all) - least || 1;
  const y = (value: number) => PAD + (1 - (value - least) / range) * (HEIGHT - 2 * PAD);
  const [top, bottom] = [Math.max(...all), least];
  return (
    <figure className="m-0">
      <div className="flex">
        <svg
          viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
          preserveAspectRatio="none"
          className="h-44 min-w-0 flex-1"
          role="img"
          aria-label={`${symbol} at ${shortPrice(row.price)} dollars on ${day(row.time)}; in ${row.horizonDays} days ${ends
            .map(({ name, price }) => `${name} ${shortPrice(price)}`)
            .join(', ')}`}
        >
          <path d={`M0 ${y(now)}L${WIDTH} ${y(top)}V${y(bottom)}Z`} className="fill-accent opacity-10" />
          <path d={`M0 ${y(now)}H${WIDTH}`} className="stroke-line" vectorEffect="non-scaling-stroke" />
          {ends.map(({ name, value }) => (
            <path
              key={name}
              d={`M0 ${y(now)}L${WIDTH} ${y(value)}`}
              className={name === 'base' ? 'stroke-accent' : 'stroke-soft'}
              strokeWidth={name === 'base' ? 2.2 : 1.4}
              strokeDasharray={name === 'base' ? undefined : '5 4'}
              vectorEffect="non-scaling-stroke"
            />
          ))}
        </svg>
        <div aria-hidden className="caption figure relative w-32 shrink-0 whitespace-nowrap">
          {apart(ends.map((end) => ({ ...end, at: (y(end.value) / HEIGHT) * 100 }))).map(
            ({ name, price, at }) => (
              <span
                key={name}
                className="absolute left-2 -translate-y-1/2 leading-none"
                style={{ top: `${at}%` }}
              >
                {name} {shortPrice(price)}
              </span>
            ),
          )}
        </div>
      </div>
      <figcaption className="caption figure flex justify-between gap-4">
        <span>
          {day(row.time)}: {shortPrice(row.price)}
        </span>
        <span className="mr-32">in {row.horizonDays} days</span>
      </figcaption>
    </figure>
  );
}

/** Names of cases that lie close together are moved apart, so that each can be read. */
function apart<End extends { at: number }>(ends: End[]): End[] {
  const sorted = [...ends].sort((a, b) => a.at - b.at);
  let before = -10;
  return sorted.map((end) => {
    before = Math.max(end.at, before + 9);
    return { ...end, at: before };
  });
}

function Caps({ row, symbol }: { row: Scenario; symbol: string }) {
  return (
    <details>
      <summary className="text-[0.92rem]">By the size of the whole market</summary>
      <ScrollArea className="mt-1 overflow-x-auto" name={`${symbol} by the size of the market`}>
        <table className="w-full text-right text-[0.88rem]">
          <thead>
            <tr className="caption">
              <th scope="col" className="py-1 text-left font-normal">
                All assets together
              </th>
              {['bear', 'base', 'moon'].map((name) => (
                <th key={name} scope="col" className="px-2 py-1 font-normal">
                  {name}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {row.marketCaps.map(({ totalUsd, bear, base, moon }) => (
              <tr key={totalUsd} className="border-t border-line">
                <th scope="row" className="figure py-1 text-left font-normal">
                  {dollars(totalUsd)}
                </th>
                <td className="figure px-2">{shortPrice(bear)}</td>
                <td className="figure px-2">{shortPrice(base)}</td>
                <td className="figure px-2">{shortPrice(moon)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </ScrollArea>
    </details>
  );
}
