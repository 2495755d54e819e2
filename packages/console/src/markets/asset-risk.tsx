import type { MarketRow } from '@assay/pipeline';
import type { ReactNode } from 'react';
import { Sheet } from '../sheet.tsx';
import { AssetChip } from './asset-name.tsx';
import { Unknown } from './grade-mark.tsx';
import {
  day,
  digits,
  numberOf,
  percent,
  shortPrice,
  signed,
  signedPercent,
  spaced,
  UNKNOWN,
} from './market-words.ts';
import { ProofLink, Proven } from './proof-link.tsx';

/** Risk and return, and what traders read of the price. */
export function AssetRisk({ risk, symbol }: { risk: MarketRow<'risk'>; symbol: string }) {
  const figures: [name: string, text: string, help?: string][] = [
    ['Return', signedPercent(risk.returnPct), 'Over all days'],
    ['A year', signedPercent(risk.cagrPct), 'Compound annual growth'],
    ['Volatility', percent(risk.volatilityPct), 'Annual'],
    ['Sharpe', signed(risk.sharpe, 2)],
    ['Sortino', signed(risk.sortino, 2)],
    ['Deepest fall', percent(risk.maxDrawdownPct), 'From a peak to the trough after it'],
    ['VaR 95 %', percent(risk.varPct, 2), 'Loss of a day that one in twenty exceeds'],
    ['CVaR 95 %', percent(risk.cvarPct, 2), 'Mean loss of those days'],
    ['Tail ratio', digits(risk.tailRatio, 2)],
    ['Skew', signed(risk.skew, 2)],
    ['Kurtosis', signed(risk.kurtosis, 2)],
  ];
  const indicators = Object.entries(risk.indicators);
  return (
    <Sheet
      title="Risk"
      note={`over ${digits(risk.days, 0)} days up to ${day(risk.time)}`}
      aside={<ProofLink proof={risk.proof} of={`the risk of ${symbol}`} />}
    >
      <dl className="grid grid-cols-2 gap-x-6 gap-y-2 px-5 py-4 sm:grid-cols-3">
        {figures.map(([name, text, help]) => (
          <div key={name} title={help}>
            <dt className="caption">{name}</dt>
            <dd>
              {text === UNKNOWN ? (
                <Unknown />
              ) : (
                <Proven proof={risk.proof} of={`${name} of ${symbol}`} className="font-medium">
                  {text}
                </Proven>
              )}
            </dd>
          </div>
        ))}
      </dl>
      {indicators.length > 0 && (
        <details className="border-t border-line">
          <summary className="px-5 py-2.5 text-[0.92rem]">
            {indicators.length} indicators that traders read
          </summary>
          <dl className="grid grid-cols-2 gap-x-6 gap-y-1 px-5 pb-4 text-[0.88rem] sm:grid-cols-3">
            {indicators.map(([name, value]) => (
              <div key={name} className="flex flex-wrap justify-between gap-x-2 border-t border-line py-0.5">
                <dt className="text-soft">{spaced(name)}</dt>
                <dd className="figure">{value === null ? <Unknown /> : shortPrice(value)}</dd>
              </div>
            ))}
          </dl>
        </details>
      )}
    </Sheet>
  );
}

/** Prices at which it turned before; the same lines stand in the chart. */
export function AssetLevels({
  levels,
  close,
  symbol,
}: {
  levels: MarketRow<'levels'>;
  close: string | null;
  symbol: string;
}) {
  const now = numberOf(close);
  return (
    <Sheet
      title="Support and resistance"
      note="prices at which it turned before, also in the chart"
      aside={<ProofLink proof={levels.proof} of={`the levels of ${symbol}`} />}
    >
      <div className="grid gap-x-8 gap-y-3 px-5 py-4 sm:grid-cols-2">
        {(['resistance', 'support'] as const).map((side) => (
          <div key={side} className="min-w-0">
            <h3 className="caption">{side === 'support' ? 'Support, below' : 'Resistance, above'}</h3>
            {levels[side].length === 0 ? (
              <p className="text-[0.92rem] text-soft">None was found.</p>
            ) : (
              <ul>
                {levels[side].map(({ price, touches, strength, lastTouch }) => {
                  const value = numberOf(price);
                  return (
                    <li key={price} className="border-t border-line py-1 text-[0.9rem]">
                      <span className="flex justify-between gap-3">
                        <span className="figure font-medium">{shortPrice(price)}</span>
                        <span className="figure text-soft">
                          {now && value !== null ? signedPercent(String((value / now - 1) * 100)) : ''}
                        </span>
                      </span>
                      <span className="caption figure">
                        {touches === '1' ? 'once' : `${touches} times`}, last on {day(lastTouch)}, strength{' '}
                        {digits(strength, 2)}
                      </span>
                    </li>
                  );
                })}
              </ul>
            )}
          </div>
        ))}
      </div>
    </Sheet>
  );
}

/** With what it moves. */
export function AssetCorrelation({ row, symbol }: { row: MarketRow<'correlation'>; symbol: string }) {
  return (
    <Sheet
      title="Correlation"
      note={`of daily returns over ${row.windowDays} days`}
      aside={<ProofLink proof={row.proof} of={`the correlations of ${symbol}`} />}
    >
      <div className="grid gap-3 px-5 py-4">
        <p>
          <span className="text-soft">With the whole market</span>{' '}
          {row.toMarket === null ? (
            <Unknown />
          ) : (
            <Proven
              proof={row.proof}
              of={`the correlation of ${symbol} with the market`}
              className="font-semibold"
            >
              {signed(row.toMarket, 2)}
            </Proven>
          )}
        </p>
        <div className="grid gap-x-8 gap-y-3 sm:grid-cols-2">
          <Pairs name="Moves most with" pairs={row.highest} />
          <Pairs name="Moves least with" pairs={row.lowest} />
        </div>
      </div>
    </Sheet>
  );
}

function Pairs({ name, pairs }: { name: string; pairs: MarketRow<'correlation'>['highest'] }): ReactNode {
  return (
    <div className="min-w-0">
      <h3 className="caption">{name}</h3>
      {pairs.length === 0 && <p className="text-[0.92rem] text-soft">Nothing could be compared.</p>}
      <ul>
        {pairs.map(({ asset, correlation }) => (
          <li key={asset} className="flex items-center justify-between gap-3 py-0.5 text-[0.9rem]">
            <AssetChip asset={asset} />
            <span className="figure">{signed(correlation, 2)}</span>
          </li>
        ))}
      </ul>
    </div>
  );
}
