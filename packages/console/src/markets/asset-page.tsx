import { useParams } from '@tanstack/react-router';
import { type ReactNode, useState } from 'react';
import { Sheet } from '../sheet.tsx';
import { price as whole } from '../words.ts';
import { AssetDays, RANGES } from './asset-days.tsx';
import { AssetFactors } from './asset-factors.tsx';
import { AssetCorrelation, AssetLevels, AssetRisk } from './asset-risk.tsx';
import { AssetScenarios } from './asset-scenarios.tsx';
import { AssetVenues } from './asset-venues.tsx';
import { AssetDefects, AssetLists, AssetSentiment } from './asset-written.tsx';
import { Unknown } from './grade-mark.tsx';
import { GradeRecords } from './grade-record.tsx';
import { type AssetAnswer, useAsset } from './market-api.ts';
import { Answered, MarketRoom } from './market-room.tsx';
import {
  day,
  digits,
  dollars,
  numberOf,
  percent,
  SIGNALS,
  share,
  signed,
  signedPercent,
} from './market-words.ts';
import { ProofLink, Proven } from './proof-link.tsx';

/** Everything that is known about one asset, each figure with the way to its proof. */
export function AssetPage() {
  const { asset } = useParams({ from: '/markets/$asset' });
  const [range, setRange] = useState<number>(RANGES[1].days);
  // Taken apart here, so that a change of any of them is noticed here.
  const { data, error, isPlaceholderData } = useAsset(asset, range);
  const known = data?.asset;
  return (
    <MarketRoom
      title={(known?.symbol ?? asset).toUpperCase()}
      lead={
        known && (
          <span>
            <span className="text-lg">{known.name}</span>
            {known.state !== 'active' && (
              <span className="ml-2 text-unknown">
                {known.state} since {day(known.lastBar)}
              </span>
            )}
          </span>
        )
      }
    >
      <Answered query={{ data, error }}>
        {(answer) => (
          <Asset
            key={asset}
            answer={answer}
            days={<AssetDays answer={answer} range={range} waiting={isPlaceholderData} onRange={setRange} />}
          />
        )}
      </Answered>
    </MarketRoom>
  );
}

function Asset({ answer, days }: { answer: AssetAnswer; days: ReactNode }) {
  const { asset, narratives, guides, indices, evaluation } = answer;
  const { prices, grades, factors, signals, risk, levels, correlation, scenarios, sentiment } = answer.latest;
  const symbol = asset.symbol.toUpperCase();
  return (
    <>
      <Facts symbol={symbol} answer={answer} />
      {days}
      <div className="grid grid-cols-1 items-start gap-5 lg:grid-cols-2">
        <AssetFactors kind="trader" grades={grades} factors={factors} />
        <AssetFactors kind="investor" grades={grades} factors={factors} />
      </div>
      <GradeRecords evaluation={evaluation} />
      <div className="grid grid-cols-1 items-start gap-5 lg:grid-cols-2">
        <Column>
          {prices ? <AssetVenues price={prices} /> : <Missing title="Across venues" what="price" />}
          {signals ? <Signal row={signals} symbol={symbol} /> : <Missing title="Signal" what="signal" />}
          {scenarios ? (
            <AssetScenarios row={scenarios} symbol={symbol} />
          ) : (
            <Missing title="Scenarios" what="scenario" />
          )}
          <AssetDefects row={asset} />
          <AssetLists symbol={symbol} narratives={narratives} guides={guides} indices={indices} />
        </Column>
        <Column>
          {risk ? <AssetRisk risk={risk} symbol={symbol} /> : <Missing title="Risk" what="figure of risk" />}
          {levels ? (
            <AssetLevels levels={levels} close={prices?.close ?? null} symbol={symbol} />
          ) : (
            <Missing title="Support and resistance" what="level" />
          )}
          {correlation ? (
            <AssetCorrelation row={correlation} symbol={symbol} />
          ) : (
            <Missing title="Correlation" what="correlation" />
          )}
          {sentiment ? (
            <AssetSentiment row={sentiment} symbol={symbol} />
          ) : (
            <Missing title="Sentiment" what="sentiment" />
          )}
        </Column>
      </div>
    </>
  );
}

function Column({ children }: { children: ReactNode }) {
  return <div className="grid min-w-0 grid-cols-1 gap-5">{children}</div>;
}

/** A section whose figure was not made says so: an empty place could mean anything. */
function Missing({ title, what }: { title: string; what: string }) {
  return (
    <Sheet title={title}>
      <p className="px-5 py-3 text-unknown">Unknown: no {what} was made for it.</p>
    </Sheet>
  );
}

function Facts({ symbol, answer }: { symbol: string; answer: AssetAnswer }) {
  const { asset } = answer;
  const { prices: price, grades, signals } = answer.latest;
  return (
    <dl
      className="sheet grid grid-cols-2 overflow-hidden sm:grid-cols-3 lg:grid-cols-5"
      aria-label={`${symbol} in short`}
    >
      <Fact
        name="Price, dollars"
        note={price ? `${signedPercent(price.changePct, 2)} on ${day(price.time)}` : 'no accepted price'}
      >
        {price ? (
          <Proven proof={price.proof} of={`the price of ${symbol}`}>
            {whole(price.close)}
          </Proven>
        ) : (
          <Unknown />
        )}
      </Fact>
      {(['trader', 'investor'] as const).map((kind) => {
        const grade = grades?.[kind];
        return (
          <Fact
            key={kind}
            name={kind === 'trader' ? 'Trader Grade' : 'Investor Grade'}
            note={
              grade
                ? `${grade.label}, ${digits(grade.low, 0)}–${digits(grade.high, 0)}, ${
                    grade.change === null ? 'change unknown' : signed(grade.change, 1)
                  }`
                : (grades?.reason ?? 'not graded')
            }
          >
            {grade && grades ? (
              <Proven proof={grades.proof} of={`the ${kind} grade of ${symbol}`}>
                {digits(grade.grade, 0)}
              </Proven>
            ) : (
              <Unknown />
            )}
          </Fact>
        );
      })}
      <Fact name="Signal" note={signals ? `since ${day(signals.since)}` : 'none was made'}>
        {signals ? (
          <Proven proof={signals.proof} of={`the signal of ${symbol}`}>
            {SIGNALS[signals.signal].word}
          </Proven>
        ) : (
          <Unknown />
        )}
      </Fact>
      <Fact
        name="Market cap"
        note={`${asset.rank === null ? 'rank unknown' : `rank ${digits(asset.rank, 0)}`}, ${asset.class}`}
      >
        {asset.marketCapUsd !== null ? (
          <Proven proof={asset.proof} of={`the market cap of ${symbol}`}>
            {dollars(asset.marketCapUsd)}
          </Proven>
        ) : (
          <Unknown />
        )}
      </Fact>
    </dl>
  );
}

function Fact({ name, note, children }: { name: string; note: string; children: ReactNode }) {
  return (
    <div className="-mt-px -ml-px border-t border-l border-line px-4 py-3 last:col-span-2 lg:last:col-span-1">
      <dt className="caption">{name}</dt>
      <dd>
        <span className="figure block text-[1.45rem] leading-tight font-semibold tracking-tight [overflow-wrap:anywhere]">
          {children}
        </span>
        <span className="caption [overflow-wrap:anywhere]">{note}</span>
      </dd>
    </div>
  );
}

/** What the rule says now, why, and what it would have earned, costs and all. */
function Signal({ row, symbol }: { row: NonNullable<AssetAnswer['latest']['signals']>; symbol: string }) {
  const { backtest } = row;
  const figures: [string, string][] = backtest
    ? [
        ['Return of the rule', signedPercent(backtest.returnPct)],
        ['Return of holding', signedPercent(backtest.holdReturnPct)],
        ['Sharpe', signed(backtest.sharpe, 2)],
        ['Deepest fall', percent(backtest.maxDrawdownPct)],
        ['Trades', digits(backtest.trades, 0)],
        ['Trades that won', share(backtest.winRate, 0)],
      ]
    : [];
  const behind =
    backtest !== null && (numberOf(backtest.returnPct) ?? 0) < (numberOf(backtest.holdReturnPct) ?? 0);
  return (
    <Sheet
      title="Signal"
      note={`${SIGNALS[row.signal].word} since ${day(row.since)}`}
      aside={<ProofLink proof={row.proof} of={`the signal of ${symbol}`} />}
    >
      <div className="grid gap-3 px-5 py-4">
        <ul className="list-disc pl-5 text-[0.92rem]">
          {row.reasons.map((reason) => (
            <li key={reason} className="[overflow-wrap:anywhere]">
              {reason}
            </li>
          ))}
        </ul>
        {backtest ? (
          <>
            <dl className="grid grid-cols-2 gap-x-6 gap-y-2 sm:grid-cols-3">
              {figures.map(([name, text]) => (
                <div key={name}>
                  <dt className="caption">{name}</dt>
                  <dd className={`figure font-medium ${text === 'unknown' ? 'text-unknown' : ''}`}>{text}</dd>
                </div>
              ))}
            </dl>
            <p className="caption">
              The rule over {digits(backtest.days, 0)} days up to this one, after all costs
              {behind ? '; it earned less than holding did.' : '.'}
            </p>
          </>
        ) : (
          <p className="text-[0.92rem] text-unknown">
            What the rule would have earned is unknown: the history is too short.
          </p>
        )}
      </div>
    </Sheet>
  );
}
