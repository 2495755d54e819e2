import type { Grade } from '@assay/market';
import type { MarketRow } from '@assay/pipeline';
import { type Context, joined, pageOfFigure } from './foreign-pages.ts';
import { dateOf, type ForeignRow, foreignRow, percentChange, tokenNames } from './foreign-row.ts';
import { atLeast } from './token-book.ts';

export interface Answer {
  rows: ForeignRow[];
  /** What a reader should know, in words. */
  notes: string[];
  /** Whether grades are among it: then how good they have been travels along. */
  graded?: boolean;
}

/** `trader-grades`. */
export async function traderGrades(context: Context): Promise<Answer> {
  const { traderGrade, traderGradePercentChange } = context.query;
  const { rows, notes } = await pageOfFigure(context, 'grades', {
    undated: 'latest',
    keep: ({ trader }) =>
      (traderGrade === undefined || atLeast(trader?.grade, traderGrade)) &&
      (traderGradePercentChange === undefined || atLeast(dayChange(trader), traderGradePercentChange)),
  });
  return {
    notes,
    graded: true,
    rows: rows.map(({ row, token }) =>
      foreignRow(
        [row],
        { ...tokenNames(token), DATE: dateOf(row.time), _reason: row.reason },
        {
          TA_GRADE: row.trader?.parts.technical,
          QUANT_GRADE: null,
          TM_TRADER_GRADE: row.trader?.grade,
          TM_TRADER_GRADE_24H_PCT_CHANGE: dayChange(row.trader),
        },
      ),
    ),
  };
}

/** `investor-grades`. */
export async function investorGrades(context: Context): Promise<Answer> {
  const { investorGrade } = context.query;
  const { rows, notes } = await pageOfFigure(context, 'grades', {
    undated: 'latest',
    keep: ({ investor }) => investorGrade === undefined || atLeast(investor?.grade, investorGrade),
  });
  const weekBefore = joined(
    context.market,
    'grades',
    rows.map(({ row }) => row),
    -7,
  );
  return {
    notes,
    graded: true,
    rows: rows.map(({ row, token }) => {
      const before = weekBefore(row);
      const grade = before?.investor?.grade;
      return foreignRow(
        [row, grade === undefined ? null : before],
        { ...tokenNames(token), DATE: dateOf(row.time), _reason: row.reason },
        {
          TM_INVESTOR_GRADE: row.investor?.grade,
          TM_INVESTOR_GRADE_7D_PCT_CHANGE: percentChange(
            row.investor?.grade,
            grade === undefined ? null : Number(grade),
          ),
          ...fundamentals(row.investor),
          ...UNKNOWN_TECHNOLOGY,
          VALUATION_GRADE: null,
          DEFI_USAGE_SCORE: null,
        },
      );
    }),
  };
}

/** `fundamental-grade`, and `fundamental-grade-history` with a date in each row. */
export async function fundamentalGrades(context: Context, history: boolean): Promise<Answer> {
  const { rows, notes } = await pageOfFigure(context, 'grades', { undated: history ? 'history' : 'latest' });
  return {
    notes,
    graded: true,
    rows: rows.map(({ row, token }) =>
      foreignRow(
        [row],
        {
          ...tokenNames(token),
          DATE: dateOf(row.time),
          FUNDAMENTAL_GRADE_CLASS: null,
          _reason: row.reason,
        },
        fundamentals(row.investor),
      ),
    ),
  };
}

/** `tm-grade`, and `tm-grade-history`: the trader grade beside the signal and the fundamental part. */
export async function tmGrades(context: Context, history: boolean): Promise<Answer> {
  const { rows, notes } = await pageOfFigure(context, 'grades', { undated: history ? 'history' : 'latest' });
  const signalOf = joined(
    context.market,
    'signals',
    rows.map(({ row }) => row),
  );
  return {
    notes,
    graded: true,
    rows: rows.map(({ row, token }) => {
      const signal = signalOf(row);
      return foreignRow(
        [row, signal],
        {
          ...tokenNames(token),
          DATE: dateOf(row.time),
          FUNDAMENTAL_GRADE_CLASS: null,
          TM_GRADE_SIGNAL: signal ? SIGNAL_WORDS[signal.signal] : null,
          MOMENTUM: null,
          _reason: row.reason,
        },
        {
          TM_GRADE: row.trader?.grade,
          TM_GRADE_24h_PCT_CHANGE: dayChange(row.trader),
          TM_TRADER_GRADE_24H_CHANGE: row.trader?.change,
          FUNDAMENTAL_GRADE: row.investor?.parts.fundamental,
          QUANT_GRADE: null,
          TRADING_SIGNAL: signal?.signal,
        },
      );
    }),
  };
}

/** The format also knows "Strong Buy" and "Strong Sell"; a signal here has three values. */
const SIGNAL_WORDS = { '1': 'Buy', '0': 'Neutral', '-1': 'Sell' } as const;

const UNKNOWN_TECHNOLOGY = {
  TECHNOLOGY_GRADE: null,
  ACTIVITY_SCORE: null,
  SECURITY_SCORE: null,
  REPOSITORY_SCORE: null,
  COLLABORATION_SCORE: null,
};

function fundamentals(investor: MarketRow<'grades'>['investor']) {
  return {
    FUNDAMENTAL_GRADE: investor?.parts.fundamental,
    COMMUNITY_SCORE: null,
    EXCHANGE_SCORE: investor?.parts.exchange,
    VC_SCORE: null,
    TOKENOMICS_SCORE: null,
    DEFI_SCANNER_SCORE: null,
  };
}

/** Change against the day before, in percent of that day's grade. */
export function dayChange(grade: Grade | null | undefined) {
  if (!grade?.change) return null;
  return percentChange(grade.grade, Number(grade.grade) - Number(grade.change));
}
