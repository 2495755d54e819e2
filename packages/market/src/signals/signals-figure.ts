import type { Figure, FigureInput } from '../figure.ts';
import { dayIndex, instantOfDay, type Panel, seriesOf } from '../panel/index.ts';
import type { FundingRow, SignalRow } from '../rows.ts';
import { BACKTEST_PARAMETERS, type BacktestParameters, backtest, type Strategy } from './backtest.ts';
import { type RunRecord, recordRow, records } from './record.ts';
import { type TrendParameters, type TrendState, trendStates } from './trend-rule.ts';

export interface SignalsParameters extends TrendParameters {
  backtest: BacktestParameters;
  /** Days that the rule must have been judged on before its record is given. */
  leastDays: number;
}

/**
 * What the trend rule holds of each asset after each day, why, and how the rule would have done on that asset up to
 * that day after all costs, beside simply holding it.
 */
export const signalsFigure: Figure<'signals', SignalsParameters> = {
  name: 'signals',
  version: '1.0.0',
  parameters: {
    shortDays: 28,
    longDays: 90,
    trendDays: 100,
    volatilityDays: 60,
    enter: '0.5',
    leave: '0',
    restartDays: 7,
    leastDays: 30,
    backtest: BACKTEST_PARAMETERS,
  },
  reads: { observed: ['funding'], figures: ['grades'] },
  // The record begins with the asset's first bar.
  lookbackDays: 36_500,
  compute: signalRows,
};

function signalRows({ history, days, figures }: FigureInput, parameters: SignalsParameters): SignalRow[] {
  const { panel } = history;
  const from = Math.max(days.from, 0);
  const to = Math.min(days.to, panel.days.length);
  const funding = fundingByAsset(history.funding);
  const grades = gradesByAsset(panel, figures.grades ?? []);
  const known = panel.days.slice(0, to);
  const rows: SignalRow[] = [];
  for (const [a, asset] of panel.assets.entries()) {
    const graded = grades.get(asset);
    // What lies after the wanted days is never looked at.
    const close = seriesOf(panel, panel.close, a).subarray(0, to);
    const volume = seriesOf(panel, panel.volume, a).subarray(0, to);
    const states = trendStates(close, volume, (day) => graded?.get(day) ?? null, parameters);
    if (states.length === 0 || states.at(-1)!.day + parameters.backtest.delistedDays < from) continue;
    const record = recordOf(panel, a, to, states, funding.get(asset) ?? [], known, parameters);
    let s = 0;
    for (let d = from; d < to; d++) {
      while (s + 1 < states.length && states[s + 1]!.day <= d) s++;
      const state = states[s]!;
      if (state.day > d) continue;
      const idle = d - state.day;
      if (idle > parameters.backtest.delistedDays) continue;
      // A rule that cannot read today's price holds on for some days, then holds nothing.
      const quiet = idle > parameters.restartDays;
      rows.push({
        time: instantOfDay(panel.days[d]!),
        asset,
        signal: quiet ? '0' : (String(state.signal) as SignalRow['signal']),
        since: instantOfDay(
          panel.days[quiet && state.signal !== 0 ? state.day + parameters.restartDays + 1 : state.since]!,
        ),
        reasons: quiet
          ? [`no trade for ${idle} days: nothing is held`]
          : [...(idle > 0 ? [`no trade for ${idle} days: as it was`] : []), ...reasonsOf(state, parameters)],
        backtest: record(d),
      });
    }
  }
  return rows.sort((x, y) => (x.time < y.time ? -1 : x.time > y.time ? 1 : 0));
}

/** The rule's record on one asset, from the first day on which it could decide. */
function recordOf(
  panel: Panel,
  a: number,
  to: number,
  states: readonly TrendState[],
  funding: readonly FundingRow[],
  known: readonly number[],
  { backtest: costs, leastDays, restartDays }: SignalsParameters,
): (day: number) => SignalRow['backtest'] {
  const first = states.find(({ votes }) => votes !== null)?.day;
  if (first === undefined || first + leastDays > to) return () => null;
  const one = onlyAsset(panel, a, to, known);
  const days = { from: first, to };
  const run = (strategy: Strategy, signals: { day: number; asset: number; value: number }[]) =>
    records(backtest({ panel: one, days, funding, signals, strategy }, costs), costs.initialUsd);
  const rule = run(FOLLOW, signalEvents(states, first, to, restartDays));
  const hold = run(FOLLOW, [{ day: first, asset: 0, value: 1 }]);
  return (day) => {
    const i = day - first;
    return i + 1 >= leastDays ? recordRow(rule[i] as RunRecord, hold[i] as RunRecord) : null;
  };
}

/** Holds what the last signal says. */
const FOLLOW: Strategy = {
  name: 'follow',
  onEvent: (event, _, order) => {
    if (event.kind === 'signal') order(event.asset, event.value);
  },
};

/** Changes of the signal, and the end of one that has not been renewed. */
function signalEvents(
  states: readonly TrendState[],
  first: number,
  to: number,
  restartDays: number,
): { day: number; asset: number; value: number }[] {
  const events: { day: number; asset: number; value: number }[] = [];
  let held = 0;
  const change = (day: number, value: number) => {
    if (day < first || day >= to || value === held) return;
    events.push({ day, asset: 0, value });
    held = value;
  };
  for (const [i, state] of states.entries()) {
    change(state.day, state.signal);
    const next = states[i + 1]?.day ?? to;
    if (next - state.day > restartDays + 1) change(state.day + restartDays + 1, 0);
  }
  return events;
}

/** A panel of one asset up to a day: views, no copies. */
function onlyAsset(panel: Panel, a: number, to: number, days: readonly number[]): Panel {
  const part = (column: Float64Array) => seriesOf(panel, column, a).subarray(0, to);
  return {
    assets: [panel.assets[a]!],
    symbols: [panel.symbols[a]!],
    names: [panel.names[a]!],
    days,
    open: part(panel.open),
    high: part(panel.high),
    low: part(panel.low),
    close: part(panel.close),
    volume: part(panel.volume),
    marketCap: part(panel.marketCap),
    supply: part(panel.supply),
  };
}

function reasonsOf(state: TrendState, parameters: SignalsParameters): string[] {
  const { votes } = state;
  if (votes === null) {
    const need =
      Math.max(
        parameters.shortDays,
        parameters.longDays,
        parameters.trendDays - 1,
        parameters.volatilityDays,
      ) + 1;
    return [
      state.bars < need
        ? `only ${state.bars} of ${need} days of history: no signal yet`
        : 'the price does not move: no signal',
    ];
  }
  const said = (vote: number) => `vote ${vote.toFixed(2)}`;
  const percent = (value: number) => `${value < 0 ? '' : '+'}${(value * 100).toFixed(1)} %`;
  return [
    `return over ${parameters.shortDays} days ${percent(state.shortReturn)} (${said(votes.short)})`,
    `return over ${parameters.longDays} days ${percent(state.longReturn)} (${said(votes.long)})`,
    `close ${percent(state.aboveMean)} from its mean of ${parameters.trendDays} days (${said(votes.trend)})`,
    ...(votes.grade === null ? [] : [`trader grade (${said(votes.grade)})`]),
    `mean of the votes ${votes.score.toFixed(2)}: ${
      state.signal === 0 ? 'flat' : state.signal === 1 ? 'long' : 'short'
    }${Math.abs(votes.score) < Number(parameters.enter) && state.signal !== 0 ? ', held on from before' : ''}`,
  ];
}

function fundingByAsset(funding: readonly FundingRow[]): Map<string, FundingRow[]> {
  const found = new Map<string, FundingRow[]>();
  for (const row of funding) {
    const list = found.get(row.asset);
    if (list) list.push(row);
    else found.set(row.asset, [row]);
  }
  return found;
}

function gradesByAsset(
  panel: Panel,
  rows: NonNullable<FigureInput['figures']['grades']>,
): Map<string, Map<number, number>> {
  const found = new Map<string, Map<number, number>>();
  for (const { time, asset, trader } of rows) {
    if (trader === null) continue;
    let days = found.get(asset);
    if (!days) {
      days = new Map();
      found.set(asset, days);
    }
    days.set(dayIndex(panel, time), Number(trader.grade));
  }
  return found;
}
