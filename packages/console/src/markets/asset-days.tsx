import { lazy, type ReactNode, Suspense, useMemo, useState } from 'react';
import { Sheet } from '../sheet.tsx';
import type { AssetHistory } from './asset-chart.tsx';
import { Unknown } from './grade-mark.tsx';
import type { AssetAnswer } from './market-api.ts';
import { day, digits, dollars, SIGNALS, shortPrice, signedPercent } from './market-words.ts';
import { Proven } from './proof-link.tsx';
import { ScrollArea } from './scroll-area.tsx';

const AssetChart = lazy(() => import('./asset-chart.tsx'));

/** The gateway gives at most a thousand days. */
export const RANGES = [
  { days: 90, words: '90 days' },
  { days: 365, words: '1 year' },
  { days: 1000, words: '1000 days' },
] as const;
/** Rows of the table that stands for the chart; the whole is a request away. */
const MAX_TABLE_ROWS = 30;

/** The asset day by day: the chart, one day of it in figures with their proofs, and the same as a table. */
export function AssetDays({
  answer: { history: rows, latest, asset },
  range,
  waiting,
  onRange,
}: {
  answer: AssetAnswer;
  /** In days. */
  range: number;
  /** Whether another range is on its way. */
  waiting: boolean;
  onRange: (days: number) => void;
}) {
  const symbol = asset.symbol.toUpperCase();
  const history = useMemo<AssetHistory>(() => ({ ...rows, levels: latest.levels }), [rows, latest.levels]);
  const times = useMemo(
    () => [...new Set([...history.prices, ...history.grades].map(({ time }) => time))].sort(),
    [history],
  );
  const [hovered, setHovered] = useState<string | null>(null);
  const [picked, setPicked] = useState<string | null>(null);
  const shown = hovered ?? (picked !== null && times.includes(picked) ? picked : (times.at(-1) ?? null));
  return (
    <Sheet
      title="Price, volume and grades"
      note="by day, in dollars; line: Trader Grade, dashes: Investor Grade; arrows: where the signal changed"
      aside={
        <div className="flex gap-1">
          {RANGES.map((each) => (
            <button
              key={each.words}
              type="button"
              aria-pressed={each.days === range}
              className={`rounded px-2 py-0.5 text-sm ${each.days === range ? 'bg-sunk font-medium' : 'text-soft hover:text-ink'}`}
              onClick={() => onRange(each.days)}
            >
              {each.words}
            </button>
          ))}
        </div>
      }
    >
      <div className="px-5 py-4">
        {times.length === 0 ? (
          <p className="py-6 text-soft">There is no price in these days.</p>
        ) : (
          <>
            <div className={`min-h-96 sm:min-h-[30rem] ${waiting ? 'opacity-60' : ''}`} aria-busy={waiting}>
              <Suspense fallback={null}>
                <AssetChart
                  history={history}
                  name={symbol}
                  onDay={(time, pressed) => (pressed ? time && setPicked(time) : setHovered(time))}
                />
              </Suspense>
            </div>
            {shown && (
              <OneDay
                time={shown}
                symbol={symbol}
                history={history}
                picker={
                  <DayPicker
                    times={times}
                    shown={picked ?? times.at(-1)!}
                    onPick={(time) => {
                      setHovered(null);
                      setPicked(time);
                    }}
                  />
                }
              />
            )}
          </>
        )}
      </div>
      {times.length > 0 && <DaysTable history={history} times={times} symbol={symbol} />}
    </Sheet>
  );
}

function DayPicker({
  times,
  shown,
  onPick,
}: {
  times: readonly string[];
  shown: string;
  onPick: (time: string) => void;
}) {
  const place = times.indexOf(shown);
  const step = (by: number) => {
    const next = times[place + by];
    if (next) onPick(next);
  };
  return (
    <div className="flex items-center gap-1">
      <button
        type="button"
        className="action !px-2 !py-0.5"
        aria-label="The day before"
        disabled={place <= 0}
        onClick={() => step(-1)}
      >
        ‹
      </button>
      <input
        type="date"
        aria-label="Day"
        className="field !py-0.5"
        value={day(shown)}
        min={day(times[0]!)}
        max={day(times.at(-1)!)}
        onChange={({ target }) => {
          const time = times.find((each) => day(each) === target.value);
          if (time) onPick(time);
        }}
      />
      <button
        type="button"
        className="action !px-2 !py-0.5"
        aria-label="The day after"
        disabled={place < 0 || place >= times.length - 1}
        onClick={() => step(1)}
      >
        ›
      </button>
    </div>
  );
}

function OneDay({
  time,
  symbol,
  history,
  picker,
}: {
  time: string;
  symbol: string;
  history: AssetHistory;
  picker: ReactNode;
}) {
  const price = history.prices.find((row) => row.time === time);
  const grades = history.grades.find((row) => row.time === time);
  const signal = history.signals.find((row) => row.time === time);
  const on = `${symbol} on ${day(time)}`;
  return (
    <div className="mt-2 flex flex-wrap items-center gap-x-5 gap-y-2 rounded-lg bg-sunk px-3 py-2 text-[0.92rem]">
      {picker}
      <span className="figure sr-only">{day(time)}</span>
      {price ? (
        <>
          {(['open', 'high', 'low', 'close'] as const).map((name) => (
            <Labelled key={name} name={name}>
              <Proven proof={price.proof} of={`the ${name} of ${on}`}>
                {shortPrice(price[name])}
              </Proven>
            </Labelled>
          ))}
          <Labelled name="change">
            <Proven proof={price.proof} of={`the change of ${on}`}>
              {signedPercent(price.changePct, 2)}
            </Proven>
          </Labelled>
          <Labelled name="volume">
            <Proven proof={price.proof} of={`the volume of ${on}`}>
              {dollars(price.volumeUsd)}
            </Proven>
          </Labelled>
        </>
      ) : (
        <Labelled name="price">
          <Unknown />
        </Labelled>
      )}
      {(['trader', 'investor'] as const).map((name) => {
        const grade = grades?.[name];
        return (
          <Labelled key={name} name={`${name} grade`}>
            {grade && grades ? (
              <Proven proof={grades.proof} of={`the ${name} grade of ${on}`}>
                {digits(grade.grade, 0)}{' '}
                <span className="text-soft">
                  ({digits(grade.low, 0)}–{digits(grade.high, 0)})
                </span>
              </Proven>
            ) : (
              <Unknown why={grades?.reason ?? null} />
            )}
          </Labelled>
        );
      })}
      <Labelled name="signal">
        {signal ? (
          <Proven proof={signal.proof} of={`the signal of ${on}`}>
            {SIGNALS[signal.signal].word}
          </Proven>
        ) : (
          <Unknown />
        )}
      </Labelled>
    </div>
  );
}

function Labelled({ name, children }: { name: string; children: ReactNode }) {
  return (
    <span className="whitespace-nowrap">
      <span className="caption">{name}</span> {children}
    </span>
  );
}

/** What the chart shows, for who cannot see it, or wants figures: the newest days first. */
function DaysTable({
  history,
  times,
  symbol,
}: {
  history: AssetHistory;
  times: readonly string[];
  symbol: string;
}) {
  const [open, setOpen] = useState(false);
  const rows = times.slice(-MAX_TABLE_ROWS).toReversed();
  const of = <Row extends { time: string }>(list: readonly Row[]) =>
    new Map(list.map((row) => [row.time, row]));
  const [prices, grades, signals] = [of(history.prices), of(history.grades), of(history.signals)];
  return (
    <details className="border-t border-line" onToggle={({ currentTarget }) => setOpen(currentTarget.open)}>
      <summary className="px-5 py-2.5 text-[0.92rem]">
        The last {rows.length} of {times.length} days as a table
      </summary>
      {open && (
        <ScrollArea className="max-h-96 overflow-auto px-5 pb-4" name={`Days of ${symbol}`}>
          <table className="w-full min-w-[40rem] text-right text-[0.88rem]">
            <thead>
              <tr className="caption">
                <th scope="col" className="py-1 text-left font-normal">
                  Day
                </th>
                {['Close', 'Change', 'Volume', 'Trader', 'Investor', 'Signal'].map((name) => (
                  <th key={name} scope="col" className="px-2 py-1 font-normal">
                    {name}
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              {rows.map((time) => {
                const [price, grade, signal] = [prices.get(time), grades.get(time), signals.get(time)];
                return (
                  <tr key={time} className="border-t border-line">
                    <th scope="row" className="figure py-1 text-left font-normal">
                      {day(time)}
                    </th>
                    <td className="px-2">
                      {price ? (
                        <Proven proof={price.proof} of={`the price of ${symbol} on ${day(time)}`}>
                          {shortPrice(price.close)}
                        </Proven>
                      ) : (
                        <Unknown />
                      )}
                    </td>
                    <td className="figure px-2">
                      {price?.changePct ? signedPercent(price.changePct, 2) : <Unknown />}
                    </td>
                    <td className="figure px-2">{price ? dollars(price.volumeUsd) : <Unknown />}</td>
                    {(['trader', 'investor'] as const).map((name) => {
                      const value = grade?.[name];
                      return (
                        <td key={name} className="px-2">
                          {value && grade ? (
                            <Proven proof={grade.proof} of={`the ${name} grade of ${symbol} on ${day(time)}`}>
                              {digits(value.grade, 1)}
                            </Proven>
                          ) : (
                            <Unknown why={grade?.reason ?? null} />
                          )}
                        </td>
                      );
                    })}
                    <td className="px-2">
                      {signal ? (
                        <Proven proof={signal.proof} of={`the signal of ${symbol} on ${day(time)}`}>
                          {SIGNALS[signal.signal].word}
                        </Proven>
                      ) : (
                        <Unknown />
                      )}
                    </td>
                  </tr>
                );
              })}
            </tbody>
          </table>
        </ScrollArea>
      )}
    </details>
  );
}
