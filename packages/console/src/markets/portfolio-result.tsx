import { Link } from '@tanstack/react-router';
import { Sheet } from '../sheet.tsx';
import { price as whole } from '../words.ts';
import { FrontierChart } from './frontier-chart.tsx';
import { Unknown } from './grade-mark.tsx';
import { day, digits, dollars, numberOf, share, shortPrice, signed } from './market-words.ts';
import type { Contribution, PortfolioAnswer, PortfolioResult } from './portfolio-request.ts';
import { Proven } from './proof-link.tsx';
import { ScrollArea } from './scroll-area.tsx';

type Symbols = ReadonlyMap<string, string>;

/** What to hold, what it may earn and lose, and what to trade. */
export function PortfolioShown({
  answer: { result, proof },
  symbols,
}: {
  answer: PortfolioAnswer;
  symbols: Symbols;
}) {
  return (
    <>
      <Facts result={result} proof={proof} />
      {(result.warnings.length > 0 || result.leftOut.length > 0) && (
        <Sheet title="To know before it is used">
          <ul className="list-disc px-5 py-3 pl-9 text-[0.92rem] text-unknown">
            {result.warnings.map((warning) => (
              <li key={warning} className="[overflow-wrap:anywhere]">
                {warning}
              </li>
            ))}
            {result.leftOut.map(({ asset, reason }) => (
              <li key={asset} className="[overflow-wrap:anywhere]">
                {symbols.get(asset) ?? asset} was left out: {reason}
              </li>
            ))}
          </ul>
        </Sheet>
      )}
      <div className="grid grid-cols-1 items-start gap-5 lg:grid-cols-[minmax(0,1.25fr)_minmax(0,1fr)]">
        <Weights result={result} symbols={symbols} />
        <Sheet title="Efficient frontier" note="least variance at each return">
          <div className="px-5 py-4">
            <FrontierChart result={result} symbols={symbols} />
          </div>
        </Sheet>
      </div>
      <div className="grid grid-cols-1 items-start gap-5 lg:grid-cols-2">
        <Stress result={result} symbols={symbols} />
        <Trades result={result} symbols={symbols} />
      </div>
      <details className="sheet px-5 py-3">
        <summary className="font-semibold">All parameters</summary>
        <p className="caption mt-1">
          With these and the recorded prices anybody computes the same result, digit for digit.
        </p>
        <ScrollArea name="Parameters" className="mt-2 max-h-96 overflow-auto rounded-md bg-sunk p-3">
          <pre className="text-[0.78rem]">{JSON.stringify(result.parameters, null, 2)}</pre>
        </ScrollArea>
      </details>
    </>
  );
}

function Facts({ result, proof }: { result: PortfolioResult; proof: PortfolioAnswer['proof'] }) {
  const { expectedReturn, volatility, sharpe, tail, drawdown, turnover, tradingCost, asOf, periods } = result;
  const figures: [name: string, text: string, note: string][] = [
    ['Expected return', signedShare(expectedReturn), 'a year, before costs'],
    ['Volatility', share(volatility), 'a year'],
    ['Sharpe', signed(sharpe, 2), 'return over volatility'],
    ['Tail loss (CVaR)', share(tail.cvar, 2), `of a day, beyond ${share(tail.confidence, 0)}`],
    [
      'Deepest fall',
      share(drawdown.drawdown),
      drawdown.from && drawdown.to ? `${day(drawdown.from)} to ${day(drawdown.to)}` : 'within the window',
    ],
    ['Turnover', share(turnover), `costs ${share(tradingCost, 2)}`],
  ];
  return (
    <Sheet
      title="The portfolio"
      note={`from ${periods} days of returns${asOf ? ` up to ${day(asOf)}` : ''}; what was, not what will be`}
      aside={
        proof ? (
          <Link
            to="/records/$id"
            params={{ id: proof.record }}
            className="text-[0.8rem] font-medium text-accent hover:underline"
          >
            Proof of this portfolio
          </Link>
        ) : (
          <span className="caption">computed for you alone: not logged, see its parameters below</span>
        )
      }
    >
      <dl className="grid grid-cols-2 overflow-hidden sm:grid-cols-3 lg:grid-cols-6">
        {figures.map(([name, text, note]) => (
          <div key={name} className="-mt-px -ml-px border-t border-l border-line px-4 py-3">
            <dt className="caption">{name}</dt>
            <dd>
              <span className="figure block text-[1.35rem] leading-tight font-semibold tracking-tight">
                {text === 'unknown' ? (
                  <Unknown />
                ) : proof ? (
                  <Proven proof={proof} of={`the ${name.toLowerCase()} of this portfolio`}>
                    {text}
                  </Proven>
                ) : (
                  text
                )}
              </span>
              <span className="caption">{note}</span>
            </dd>
          </div>
        ))}
      </dl>
    </Sheet>
  );
}

function signedShare(text: string): string {
  const value = numberOf(text);
  return value === null ? 'unknown' : `${signed(String(value * 100), 1)}\u00a0%`;
}

function Weights({ result, symbols }: { result: PortfolioResult; symbols: Symbols }) {
  const rows = [...result.weights].sort((a, b) => Number(b.weight) - Number(a.weight));
  const most = Math.max(
    ...rows.flatMap(({ weight, riskContribution }) => [Math.abs(+weight), Math.abs(+riskContribution)]),
    1e-9,
  );
  const held = rows.filter(({ weight }) => Number(weight) !== 0).length;
  return (
    <Sheet title="Weights and risk" note={`${held} of ${rows.length} assets are held`}>
      <ScrollArea name="Weights" className="max-h-[30rem] overflow-auto px-5 py-3">
        <table className="w-full min-w-[32rem] text-right text-[0.9rem]">
          <thead>
            <tr className="caption">
              <th scope="col" className="py-1 text-left font-normal">
                Asset
              </th>
              <th scope="col" colSpan={2} className="px-2 py-1 font-normal">
                Weight
              </th>
              <th scope="col" className="px-2 py-1 font-normal">
                Change
              </th>
              <th scope="col" colSpan={2} className="px-2 py-1 font-normal">
                Share of the risk
              </th>
              <th scope="col" className="px-2 py-1 font-normal">
                Expected
              </th>
              <th scope="col" className="py-1 pl-2 font-normal">
                Volatility
              </th>
            </tr>
          </thead>
          <tbody>
            {rows.map(({ asset, weight, change, riskContribution, expectedReturn, volatility }) => (
              <tr key={asset} className="border-t border-line">
                <th scope="row" className="py-1 text-left font-normal">
                  <Link to="/markets/$asset" params={{ asset }} className="font-semibold hover:underline">
                    {symbols.get(asset) ?? asset}
                  </Link>
                </th>
                <td className="w-24 px-2">
                  <Bar share={Number(weight) / most} />
                </td>
                <td className="figure whitespace-nowrap">{share(weight)}</td>
                <td className="figure px-2 whitespace-nowrap text-soft">{signedShare(change)}</td>
                <td className="w-24 px-2">
                  <Bar share={Number(riskContribution) / most} hollow />
                </td>
                <td className="figure whitespace-nowrap">{share(riskContribution)}</td>
                <td className="figure px-2 whitespace-nowrap">{signedShare(expectedReturn)}</td>
                <td className="figure pl-2 whitespace-nowrap">{share(volatility)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </ScrollArea>
    </Sheet>
  );
}

/** A length; the number stands beside it. */
function Bar({ share: length, hollow = false }: { share: number; hollow?: boolean }) {
  return (
    <span className="block h-1.5 overflow-hidden rounded-full bg-sunk" aria-hidden>
      <span
        className={`block h-full rounded-full ${hollow || length < 0 ? 'bg-soft' : 'bg-accent'}`}
        style={{ width: `${Math.min(100, Math.abs(length) * 100)}%` }}
      />
    </span>
  );
}

function Stress({ result: { stress }, symbols }: { result: PortfolioResult; symbols: Symbols }) {
  const rows = [
    ...stress.windows.map(({ periods, return: change, from, to }) => ({
      key: `window/${periods}/${from}`,
      name: periods === 1 ? 'Worst day' : `Worst ${periods} days`,
      note: from && to ? (day(from) === day(to) ? day(from) : `${day(from)} to ${day(to)}`) : '',
      change,
    })),
    ...stress.shocks.map(({ asset, move, return: change, contributions }) => ({
      key: `shock/${asset}/${move}`,
      name: `${symbols.get(asset) ?? asset} moves ${signedShare(move)}`,
      note: most(contributions, symbols),
      change,
    })),
    ...stress.scenarios.map(({ name, return: change, contributions }) => ({
      key: `scenario/${name}`,
      name: `Scenario: ${name}`,
      note: most(contributions, symbols),
      change,
    })),
  ];
  return (
    <Sheet title="Stress and scenarios" note="with the weights as they are">
      {rows.length === 0 ? (
        <p className="px-5 py-3 text-soft">None was asked for.</p>
      ) : (
        <ScrollArea name="Stress and scenarios" className="max-h-96 overflow-auto px-5 py-3">
          <table className="w-full text-[0.9rem]">
            <thead className="sr-only">
              <tr>
                <th scope="col">Case</th>
                <th scope="col">Return</th>
              </tr>
            </thead>
            <tbody>
              {rows.map(({ key, name, note, change }) => (
                <tr key={key} className="border-t border-line first:border-0">
                  <th scope="row" className="py-1.5 text-left font-normal">
                    {name} <span className="caption figure block [overflow-wrap:anywhere]">{note}</span>
                  </th>
                  <td className="figure py-1.5 text-right align-top font-medium whitespace-nowrap">
                    {signedShare(change)}
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </ScrollArea>
      )}
    </Sheet>
  );
}

/** The three assets that move a portfolio most. */
function most(contributions: readonly Contribution[], symbols: Symbols): string {
  return [...contributions]
    .sort((a, b) => Math.abs(+b.return) - Math.abs(+a.return))
    .slice(0, 3)
    .map(({ asset, return: change }) => `${symbols.get(asset) ?? asset} ${signedShare(change)}`)
    .join(', ');
}

function Trades({ result: { rebalance }, symbols }: { result: PortfolioResult; symbols: Symbols }) {
  if (!rebalance)
    return (
      <Sheet title="What to trade">
        <p className="px-5 py-3 text-soft">
          Say what is held, or how much cash there is, and it says what to trade.
        </p>
      </Sheet>
    );
  const { orders, untraded, cashAfter, valueBefore, valueAfter, fees } = rebalance;
  return (
    <Sheet title="What to trade" note="sales first: they pay for the purchases">
      <ScrollArea name="Trades" className="max-h-96 overflow-auto px-5 py-3">
        {orders.length === 0 && <p className="text-soft">Nothing: what is held is close enough.</p>}
        {orders.length > 0 && (
          <table className="w-full min-w-96 text-right text-[0.9rem]">
            <thead>
              <tr className="caption">
                {['Order', 'Quantity', 'Price', 'Value', 'Fee'].map((name, i) => (
                  <th key={name} scope="col" className={`py-1 font-normal ${i === 0 ? 'text-left' : 'px-2'}`}>
                    {name}
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              {orders.map(({ asset, side, quantity, price, notional, fee }) => (
                <tr key={asset} className="border-t border-line">
                  <th scope="row" className="py-1 text-left font-normal">
                    {side} <span className="font-semibold">{symbols.get(asset) ?? asset}</span>
                  </th>
                  <td className="figure px-2" title={quantity}>
                    {shortPrice(quantity)}
                  </td>
                  <td className="figure px-2">{shortPrice(price)}</td>
                  <td className="figure px-2">{digits(notional, 2)}</td>
                  <td className="figure px-2">{digits(fee, 2)}</td>
                </tr>
              ))}
            </tbody>
          </table>
        )}
        {untraded.length > 0 && (
          <ul className="caption mt-2">
            {untraded.map(({ asset, reason }) => (
              <li key={asset}>
                {symbols.get(asset) ?? asset} is not traded: {reason}
              </li>
            ))}
          </ul>
        )}
      </ScrollArea>
      <p className="caption figure border-t border-line px-5 py-2.5">
        {dollars(valueBefore)} before, {dollars(valueAfter)} after {whole(Number(fees).toFixed(2))} dollars of
        fees; {whole(Number(cashAfter).toFixed(2))} dollars stay cash.
      </p>
    </Sheet>
  );
}
