import { decimalOf } from '../panel/index.ts';
import type { SignalRow } from '../rows.ts';
import type { BacktestResult } from './backtest.ts';

/** How a run went up to a day. Ratios are annual over 365 days. */
export interface RunRecord {
  days: number;
  trades: number;
  /** Share of closed positions that made money after all costs. */
  winRate: number | null;
  returnPct: number;
  sharpe: number | null;
  maxDrawdownPct: number;
  /** Mean of what was held over the equity. */
  exposure: number;
  /** What was traded, over the equity, a year. */
  turnover: number;
}

const MIN_SHARPE_DAYS = 30;

/**
 * The record of a run at the end of each day, in one pass: the one of a day reads nothing of later days.
 *
 * @param initialUsd What the run began with.
 */
export function records(result: BacktestResult, initialUsd: string): RunRecord[] {
  const initial = Number(initialUsd) * 100;
  const made: RunRecord[] = [];
  let [peak, drawdown, mean, square, gross, traded] = [initial, 0, 0, 0, 0, 0];
  let [trade, wins, fill] = [0, 0, 0];
  let before = initial;
  for (const [i, equity] of result.equity.entries()) {
    const day = result.from + i;
    const n = i + 1;
    peak = Math.max(peak, equity);
    drawdown = Math.max(drawdown, (peak - equity) / peak);
    // Welford, so that a long run does not lose the small differences.
    const change = before > 0 ? equity / before - 1 : 0;
    const delta = change - mean;
    mean += delta / n;
    square += delta * (change - mean);
    gross += equity > 0 ? result.gross[i]! / equity : 0;
    for (; fill < result.fills.length && result.fills[fill]!.day <= day; fill++) {
      traded += before > 0 ? Math.abs(result.fills[fill]!.notional) / before : 0;
    }
    for (; trade < result.trades.length && result.trades[trade]!.closed <= day; trade++) {
      if (result.trades[trade]!.profit > 0) wins++;
    }
    before = equity;
    const spread = n > 1 ? Math.sqrt(square / (n - 1)) : 0;
    made.push({
      days: n,
      trades: trade,
      winRate: trade > 0 ? wins / trade : null,
      returnPct: (equity / initial - 1) * 100,
      sharpe: n >= MIN_SHARPE_DAYS && spread > 0 ? (mean / spread) * Math.sqrt(365) : null,
      maxDrawdownPct: drawdown * 100,
      exposure: gross / n,
      turnover: (traded / n) * 365,
    });
  }
  return made;
}

/** A record as a row has it. */
export function recordRow(run: RunRecord, hold: RunRecord): NonNullable<SignalRow['backtest']> {
  return {
    days: String(run.days),
    trades: String(run.trades),
    winRate: run.winRate === null ? null : decimalOf(run.winRate, 4),
    returnPct: decimalOf(run.returnPct, 2) ?? '0',
    holdReturnPct: decimalOf(hold.returnPct, 2) ?? '0',
    sharpe: run.sharpe === null ? null : decimalOf(run.sharpe, 3),
    maxDrawdownPct: decimalOf(run.maxDrawdownPct, 2) ?? '0',
  };
}
