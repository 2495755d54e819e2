import type { MarketRow } from '@assay/pipeline';
import { lazy, Suspense } from 'react';
import { Figure, Sheet } from '../sheet.tsx';
import { AssetChip } from './asset-name.tsx';
import { useFigure, useMarketStatus } from './market-api.ts';
import { Answered, MarketRoom } from './market-room.tsx';
import { day, digits, numberOf, share, shortPrice, signedPercent } from './market-words.ts';
import { ProofLink, Proven } from './proof-link.tsx';
import { ScrollArea } from './scroll-area.tsx';

const ValueChart = lazy(() => import('./value-chart.tsx'));

/** Where costs and what happened are told too. */
type IndexRow = MarketRow<'indices'> & { valueAfterCosts?: string; notes?: string[] };

/** Rule-based indices: value, rule, holdings, and each time they were rebalanced. */
export function IndicesPage() {
  const latest = useFigure('indices');
  return (
    <MarketRoom title="Indices" lead="Baskets that follow a written rule, recomputed every day.">
      <Answered
        query={latest}
        empty={{ when: ({ rows }) => rows.length === 0, words: 'No index has a value yet.' }}
      >
        {({ rows }) => rows.map((row) => <Index key={row.index} row={row} />)}
      </Answered>
    </MarketRoom>
  );
}

function Index({ row }: { row: IndexRow }) {
  const { data: status } = useMarketStatus();
  const { data: history } = useFigure('indices', {
    keys: [row.index],
    from: status?.from ?? undefined,
    enabled: status !== undefined,
  });
  const days = history && history.rows.length > 0 ? history.rows : [row];
  const first = days[0]!;
  const rebalanced = days.filter((each) => each.rebalanced).toReversed();
  const whole = (numberOf(row.value) ?? 0) / (numberOf(first.value) ?? Number.NaN) - 1;
  return (
    <Sheet title={row.name} aside={<ProofLink proof={row.proof} of={`the index ${row.name}`} />}>
      <div className="grid gap-x-8 gap-y-4 px-5 py-4 lg:grid-cols-[minmax(0,1.5fr)_minmax(0,1fr)]">
        <div className="min-w-0">
          <dl className="grid grid-cols-2 gap-x-6 gap-y-2 sm:grid-cols-3">
            <Figure name={`Value on ${day(row.time)}`} value={digits(row.value, 2)} />
            <Figure name="Against the day before" value={signedPercent(row.changePct, 2)} />
            <Figure name={`Since ${day(first.time)}`} value={signedPercent(String(whole * 100), 1)} />
          </dl>
          <div className="mt-3 min-h-56">
            {days.length > 1 ? (
              <Suspense fallback={null}>
                <ValueChart
                  points={days.map(({ time, value }) => ({ time, value }))}
                  name={`${row.name}, value by day`}
                />
              </Suspense>
            ) : (
              <p className="py-6 text-soft">A line can be drawn once there are two days.</p>
            )}
          </div>
          {row.valueAfterCosts !== undefined && (
            <p className="caption figure mt-2">
              {digits(row.valueAfterCosts, 2)} to somebody who paid for every rebalancing since the first day
            </p>
          )}
          <h3 className="caption mt-3">Rule</h3>
          <p className="max-w-[80ch] text-[0.92rem] [overflow-wrap:anywhere]">{row.rule}</p>
        </div>
        <div className="grid min-w-0 content-start gap-4">
          <Holdings row={row} />
          <Rebalancings rows={rebalanced} name={row.name} />
        </div>
      </div>
    </Sheet>
  );
}

function Holdings({ row }: { row: IndexRow }) {
  const holdings = [...row.holdings].sort((a, b) => Number(b.weight) - Number(a.weight));
  const most = Math.max(...holdings.map(({ weight }) => Number(weight)), 1e-9);
  return (
    <div className="min-w-0">
      <h3 className="font-medium">
        Holdings <span className="caption">{holdings.length} assets</span>
      </h3>
      <ScrollArea className="mt-1 max-h-80 overflow-auto" name={`Holdings of ${row.name}`}>
        <table className="w-full text-[0.88rem]">
          <thead>
            <tr className="caption text-right">
              <th scope="col" className="py-1 text-left font-normal">
                Asset
              </th>
              <th scope="col" className="py-1 font-normal" colSpan={2}>
                Weight
              </th>
              <th scope="col" className="py-1 pr-1 font-normal">
                Price
              </th>
            </tr>
          </thead>
          <tbody>
            {holdings.map(({ asset, weight, price }) => (
              <tr key={asset} className="border-t border-line text-right">
                <th scope="row" className="py-1 text-left font-normal">
                  <AssetChip asset={asset} />
                </th>
                <td className="w-full px-2">
                  <span className="block h-1.5 rounded-full bg-sunk" aria-hidden>
                    <span
                      className="block h-full rounded-full bg-accent"
                      style={{ width: `${(Number(weight) / most) * 100}%` }}
                    />
                  </span>
                </td>
                <td className="figure py-1 whitespace-nowrap">{share(weight)}</td>
                <td className="figure py-1 pr-1 pl-3 whitespace-nowrap">{shortPrice(price)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </ScrollArea>
    </div>
  );
}

function Rebalancings({ rows, name }: { rows: IndexRow[]; name: string }) {
  return (
    <div className="min-w-0">
      <h3 className="font-medium">
        Rebalancing <span className="caption">share of the basket that changed hands</span>
      </h3>
      {rows.length === 0 ? (
        <p className="text-soft">Not rebalanced in these days.</p>
      ) : (
        <ScrollArea className="mt-1 max-h-48 overflow-auto" name={`Rebalancing of ${name}`}>
          <ul>
            {rows.map(({ time, turnover, holdings, notes, proof }) => (
              <li
                key={time}
                className="flex flex-wrap justify-between gap-x-4 border-t border-line py-1 text-[0.88rem]"
              >
                <Proven proof={proof} of={`the rebalancing of ${name} on ${day(time)}`}>
                  {day(time)}
                </Proven>
                <span className="figure text-soft">
                  {share(turnover)} to {holdings.length} assets
                </span>
                {notes && notes.length > 0 && (
                  <span className="caption basis-full [overflow-wrap:anywhere]">{notes.join('; ')}</span>
                )}
              </li>
            ))}
          </ul>
        </ScrollArea>
      )}
    </div>
  );
}
