import { useMutation } from '@tanstack/react-query';
import { useMemo, useRef, useState } from 'react';
import { send } from '../api.ts';
import { Message } from './form-parts.tsx';
import { GradeRecords } from './grade-record.tsx';
import { type GradesAnswer, useFigure, useGrades } from './market-api.ts';
import { Answered, MarketRoom } from './market-room.tsx';
import { numberOf } from './market-words.ts';
import { PortfolioForm } from './portfolio-form.tsx';
import { type Cases, type PortfolioAnswer, requestOf, type Wishes } from './portfolio-request.ts';
import { PortfolioShown } from './portfolio-result.tsx';

/** Builds a portfolio from recorded prices: what to hold, what it may lose, and what to trade. */
export function PortfolioPage() {
  const grades = useGrades();
  return (
    <MarketRoom
      title="Portfolio"
      lead="Weights from recorded prices by a published method that anybody can recompute."
    >
      <Answered
        query={grades}
        empty={{ when: ({ rows }) => rows.length === 0, words: 'There is no asset to choose from yet.' }}
      >
        {(answer) => <Builder answer={answer} />}
      </Answered>
    </MarketRoom>
  );
}

function Builder({ answer }: { answer: GradesAnswer }) {
  const [wishes, setWishes] = useState<Wishes>(() => firstWishes(answer));
  const prices = useMemo(
    () =>
      new Map(answer.rows.flatMap(({ asset, close }) => (close === null ? [] : [[asset, close] as const]))),
    [answer.rows],
  );
  const scenarios = useFigure('scenarios', { keys: wishes.assets, enabled: wishes.assets.length > 0 });
  const cases = useMemo<Cases>(
    () =>
      (['bear', 'base', 'moon'] as const).flatMap((name) => {
        const rows = (scenarios.data?.rows ?? []).filter(({ asset }) => wishes.assets.includes(asset));
        const returns = rows.flatMap(({ asset, cases: own }) => {
          const found = own.find((each) => each.name === name);
          return found ? [{ asset, returnPct: found.returnPct }] : [];
        });
        return returns.length === 0 ? [] : [{ name: `${name}, in ${rows[0]?.horizonDays} days`, returns }];
      }),
    [scenarios.data, wishes.assets],
  );
  const shown = useRef<HTMLElement>(null);
  const built = useMutation({
    mutationFn: () => send<PortfolioAnswer>('/v1/market/portfolio', requestOf(wishes, prices, cases)),
    // Whoever pressed the button hears what came of it.
    onSettled: () => requestAnimationFrame(() => shown.current?.focus()),
  });
  const symbols = useMemo(
    () => new Map(answer.rows.map(({ asset, symbol }) => [asset, symbol.toUpperCase()])),
    [answer.rows],
  );
  return (
    <>
      <PortfolioForm
        wishes={wishes}
        lines={answer.rows}
        busy={built.isPending}
        onChange={(change) => setWishes((before) => ({ ...before, ...change }))}
        onBuild={() => built.mutate()}
      />
      <section
        ref={shown}
        tabIndex={-1}
        aria-label="Result"
        aria-busy={built.isPending}
        className="grid min-w-0 grid-cols-1 gap-5 outline-none"
      >
        {built.isPending && (
          <p className="sheet p-5 text-soft" role="status">
            Building it from the recorded prices…
          </p>
        )}
        {built.isError && (
          <section aria-label="No portfolio" className="grid gap-2">
            <h2 className="font-semibold">No portfolio was built</h2>
            <Message error={built.error} />
          </section>
        )}
        {built.isSuccess && <PortfolioShown answer={built.data} symbols={symbols} />}
      </section>
      <GradeRecords evaluation={answer.evaluation} />
    </>
  );
}

/** The largest assets that are no stablecoins, to begin with something. */
function firstWishes({ rows }: GradesAnswer): Wishes {
  const assets = [...rows]
    .filter((row) => row.class !== 'stablecoin' && row.close !== null && row.marketCapUsd !== null)
    .sort((a, b) => (numberOf(b.marketCapUsd) ?? 0) - (numberOf(a.marketCapUsd) ?? 0))
    .slice(0, 6)
    .map(({ asset }) => asset);
  return {
    assets,
    held: {},
    cash: '',
    objective: 'min-variance',
    target: '',
    returns: 'historical-mean',
    views: [],
    byGrades: false,
    risk: 'ledoit-wolf',
    windowDays: '365',
    minPct: '',
    maxPct: '40',
    maxAssets: '',
    turnoverPct: '',
    costBps: '10',
    shorting: false,
    shockAsset: assets[0] ?? '',
    shockPct: '-30',
  };
}
