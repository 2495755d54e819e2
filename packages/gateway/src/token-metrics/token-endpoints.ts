import type { MarketRow } from '@assay/pipeline';
import { type Context, joined, pageOfFigure, pageOfList } from './foreign-pages.ts';
import {
  dateOf,
  type ForeignRow,
  foreignRow,
  fractionOf,
  numberOf,
  rounded,
  timestampOf,
  tokenNames,
} from './foreign-row.ts';
import { type Answer, dayChange } from './grade-endpoints.ts';
import { isUsable, selectTokens, type Token, withheldNote } from './token-book.ts';

/** `tokens`. */
export function tokens({ book, query, base }: Context): Answer {
  const { tokens: chosen, missing } = selectTokens(book, query);
  const rows = pageOfList(chosen ?? book.tokens, query);
  const notes = chosen || book.withheld === 0 ? missing : [...missing, withheldNote(book.withheld)];
  return { rows: rows.map((token) => describe(token, base)), notes };
}

/** `top-market-cap-tokens`. */
export function topTokens({ book, query, base }: Context): Answer {
  const known = book.tokens
    .filter(({ row }) => row.marketCapUsd !== null)
    .sort((a, b) => Number(b.row.marketCapUsd) - Number(a.row.marketCapUsd));
  const rows = pageOfList(known, { page: query.page, limit: query.top_k ?? query.limit });
  return { rows: rows.map((token) => describe(token, base)), notes: [] };
}

/** `price`: closes of recorded days, not a ticker. */
export async function price(context: Context): Promise<Answer> {
  const { rows, notes } = await pageOfFigure(context, 'prices', { undated: 'latest' });
  return {
    notes,
    rows: rows.map(({ row, token }) =>
      foreignRow([row], { ...tokenNames(token), DATE: dateOf(row.time) }, { CURRENT_PRICE: row.close }),
    ),
  };
}

/** `daily-ohlcv`. */
export async function dailyOhlcv(context: Context): Promise<Answer> {
  const { rows, notes } = await pageOfFigure(context, 'prices', { undated: 'history' });
  return {
    notes,
    rows: rows.map(({ row, token }) =>
      foreignRow(
        [row],
        { ...tokenNames(token), TIMESTAMP: timestampOf(row.time) },
        {
          OPEN: row.open,
          HIGH: row.high,
          LOW: row.low,
          CLOSE: row.close,
          VOLUME: row.volume,
          VOLUME_USD: row.volumeUsd,
        },
      ),
    ),
  };
}

/** `trading-signals`. */
export async function tradingSignals(context: Context): Promise<Answer> {
  const { market, query, base } = context;
  const { rows, notes } = await pageOfFigure(context, 'signals', {
    undated: 'latest',
    keep: ({ signal }) => query.signal === undefined || signal === query.signal,
  });
  const gradeOf = joined(
    market,
    'grades',
    rows.map(({ row }) => row),
  );
  // Flat says nothing of the trend: that is the signal on the day before it went flat.
  const flat = rows.map(({ row }) => row).filter(({ signal }) => signal === '0');
  const beforeFlat = joined(
    market,
    'signals',
    flat.map(({ asset, since }) => ({ asset, time: since })),
    -1,
  );
  return {
    notes,
    graded: true,
    rows: rows.map(({ row, token }) => {
      const grade = gradeOf(row);
      const before = row.signal === '0' ? beforeFlat({ asset: row.asset, time: row.since }) : undefined;
      const trend = row.signal === '0' ? before?.signal : row.signal;
      return foreignRow(
        [row, grade, before],
        {
          ...tokenNames(token),
          DATE: dateOf(row.time),
          TM_LINK: linkOf(base, token),
          _reason: row.reasons.join('; '),
        },
        {
          TRADING_SIGNAL: row.signal,
          TOKEN_TREND: trend === '0' ? null : trend,
          TRADING_SIGNALS_RETURNS: fractionOf(row.backtest?.returnPct),
          HOLDING_RETURNS: fractionOf(row.backtest?.holdReturnPct),
          TM_TRADER_GRADE: grade?.trader?.grade,
          TM_INVESTOR_GRADE: grade?.investor?.grade,
        },
      );
    }),
  };
}

/** `quantmetrics`. */
export async function quantmetrics(context: Context): Promise<Answer> {
  const { rows, notes } = await pageOfFigure(context, 'risk', { undated: 'latest' });
  return {
    notes,
    rows: rows.map(({ row, token }) =>
      foreignRow(
        [row],
        { ...tokenNames(token), DATE: dateOf(row.time) },
        {
          VOLATILITY: row.volatilityPct,
          ALL_TIME_RETURN: row.returnPct,
          CAGR: row.cagrPct,
          SHARPE: row.sharpe,
          SORTINO: row.sortino,
          MAX_DRAWDOWN: row.maxDrawdownPct,
          SKEW: row.skew,
          TAIL_RATIO: row.tailRatio,
          RISK_REWARD_RATIO: null,
          PROFIT_FACTOR: null,
          KURTOSIS: row.kurtosis,
          DAILY_VALUE_AT_RISK: row.varPct,
          EXPECTED_SHORTFALL_CVAR: row.cvarPct,
          DAILY_RETURN_AVG: null,
          DAILY_RETURN_STD: null,
        },
      ),
    ),
  };
}

/** `resistance-support`. */
export async function resistanceSupport(context: Context): Promise<Answer> {
  const { rows, notes } = await pageOfFigure(context, 'levels', { undated: 'latest' });
  const levels = (kind: string, list: MarketRow<'levels'>['support']) =>
    list.map(({ price: at, touches, strength, lastTouch }) => ({
      ...{ date: dateOf(lastTouch), level: numberOf(at), type: kind },
      ...{ touches: numberOf(touches), strength: numberOf(strength) },
    }));
  return {
    notes,
    rows: rows.map(({ row, token }) =>
      foreignRow([row], {
        ...tokenNames(token),
        DATE: dateOf(row.time),
        HISTORICAL_RESISTANCE_SUPPORT_LEVELS: [
          ...levels('resistance', row.resistance),
          ...levels('support', row.support),
        ],
      }),
    ),
  };
}

/** `correlation`: with `quote_symbol`, of one token with another, where that is among the closest or farthest. */
export async function correlation(context: Context): Promise<Answer> {
  const { book, query } = context;
  const { rows, notes } = await pageOfFigure(context, 'correlation', { undated: 'latest' });
  const quoted = query.quote_symbol && new Set(query.quote_symbol.map((symbol) => symbol.toLowerCase()));
  const answer = rows.map(({ row, token }) => {
    // A small market names the same token at both ends.
    const pairs = new Map([...row.highest, ...row.lowest].map((pair) => [pair.asset, pair.correlation]));
    const list = [...pairs].flatMap(([asset, value]) => {
      const other = book.get(asset);
      if (!other || (quoted && !quoted.has(other.symbol.toLowerCase()))) return [];
      return [
        { token: other.symbol, correlation: Number(value), TOKEN_ID: other.id, TOKEN_NAME: other.name },
      ];
    });
    return foreignRow([row], { ...tokenNames(token), DATE: dateOf(row.time), TOP_CORRELATION: list });
  });
  if (!quoted) return { rows: answer, notes };
  const found = answer.filter(({ TOP_CORRELATION }) => (TOP_CORRELATION as unknown[]).length > 0);
  const absent = 'of each token, only the correlations with its closest and farthest are recorded';
  return { rows: found, notes: found.length < answer.length ? [...notes, absent] : notes };
}

const SCENARIO_NOTE = 'arithmetic over sizes of the whole market, not a forecast';

/** `price-prediction` (newer) and `scenario-analysis` (older): the same scenarios under two names. */
export async function scenarios(
  context: Context,
  form: 'price-prediction' | 'scenario-analysis',
): Promise<Answer> {
  const { rows, notes } = await pageOfFigure(context, 'scenarios', { undated: 'latest' });
  const assetOf = joined(
    context.market,
    'assets',
    rows.map(({ row }) => row),
  );
  return {
    notes: rows.length > 0 ? [...notes, SCENARIO_NOTE] : notes,
    rows: rows.map(({ row, token }): ForeignRow => {
      const asset = assetOf(row);
      const supply = asset?.supply == null ? null : Number(asset.supply);
      const now = Number(row.price);
      const list = row.marketCaps.map(({ totalUsd, ...prices }) => ({
        scenario: Number(totalUsd) / 1e12,
        total_mcap_scenario: Number(totalUsd),
        ...Object.fromEntries(
          CASES.flatMap((name) => [
            [`predicted_price_${name}`, Number(prices[name])],
            [`predicted_roi_${name}`, numberOf(rounded(Number(prices[name]) / now - 1, 6))],
            [`predicted_mcap_${name}`, supply && numberOf(rounded(Number(prices[name]) * supply, 2))],
            [`predicted_fdv_${name}`, null],
          ]),
        ),
      }));
      const prediction = {
        token_mcap: numberOf(asset?.marketCapUsd),
        total_mcap: null,
        category_name: token.categories[0]?.name ?? null,
        current_price: now,
        predicted_date: dateOf(timestampOf(addDays(row.time, Number(row.horizonDays)))),
        similar_tokens_info: null,
        avg_past_performance: null,
        self_past_performance: null,
      };
      const names = { ...tokenNames(token), DATE: dateOf(row.time) };
      if (form === 'price-prediction') {
        return foreignRow([row, asset], {
          ...names,
          PRICE_PREDICTION: { ...prediction, price_prediction: list },
        });
      }
      return foreignRow([row, asset], {
        ...names,
        SCENARIO_ANALYSIS: row.marketCaps.map(({ totalUsd, base }) => ({
          crypto_market_cap_trillion: Number(totalUsd) / 1e12,
          price_prediction: Number(base),
          token_dominance: supply && numberOf(rounded((Number(base) * supply) / Number(totalUsd), 10)),
        })),
        SCENARIO_PREDICTION: { ...prediction, scenario_prediction: list },
      });
    }),
  };
}

const CASES = ['base', 'bear', 'moon'] as const;

/** `moonshot-tokens`: the places of a list of that name, where the node keeps one. Numbers are strings there. */
export function moonshots({ market, book, query }: Context): Answer {
  const rows = market.rows('guides').filter(isUsable);
  const listed = rows.filter(({ guide }) => guide.includes('moonshot'));
  if (listed.length === 0 || query.type === 'past') {
    const others = [...new Set(rows.map(({ name }) => name))].slice(0, 10).join(', ');
    const instead = others ? `; lists that it keeps are at /v1/market/figures/guides: ${others}` : '';
    return {
      rows: [],
      notes: [`this node keeps no ${query.type === 'past' ? 'past ' : ''}moonshots${instead}`],
    };
  }
  const shown = pageOfList(listed, query);
  const gradeOf = joined(market, 'grades', shown);
  const weekAgo = joined(market, 'prices', shown, -7);
  const signalOf = joined(market, 'signals', shown);
  return {
    notes: ['no return is promised'],
    graded: true,
    rows: shown.flatMap((row) => {
      const token = book.get(row.asset);
      if (!token) return [];
      const [grade, then, signal] = [gradeOf(row), weekAgo(row), signalOf(row)];
      const change = then && token.price && Number(token.price.close) / Number(then.close) - 1;
      return [
        foreignRow([row, grade, then, signal, token.row, token.price], {
          ...tokenNames(token),
          LAST_TRADING_SIGNAL_TIME: signal ? timestampOf(signal.since) : null,
          TM_TRADER_GRADE: grade?.trader?.grade ?? null,
          TM_TRADER_GRADE_24H_PCT_CHANGE: dayChange(grade?.trader),
          PRICE_CHANGE_PERCENTAGE_7D_IN_CURRENCY: change == null ? null : rounded(change * 100, 4),
          MARKET_CAP: token.row.marketCapUsd,
          VOLUME_24H: token.price?.volumeUsd ?? null,
          MOONSHOT_END_AT: null,
          MOONSHOT_AT: timestampOf(row.time),
          MOONSHOT_ROI: null,
          _reason: row.reasons.join('; '),
        }),
      ];
    }),
  };
}

function describe(token: Token, base: string): ForeignRow {
  return foreignRow(
    [token.row, token.price],
    {
      ...tokenNames(token),
      EXCHANGE_LIST: token.exchanges.map((venue) => ({ exchange_id: venue, exchange_name: venue })),
      CATEGORY_LIST: token.categories.map(({ id, key, name }) => ({
        ...{ category_id: id, category_name: name, category_slug: key },
      })),
      CONTRACT_ADDRESS: {},
      TM_LINK: linkOf(base, token),
    },
    {
      CURRENT_PRICE: token.price?.close,
      MARKET_CAP: token.row.marketCapUsd,
      VOLUME_24H: token.price?.volumeUsd,
    },
  );
}

/** Where this node says everything it knows about a token. */
function linkOf(base: string, { asset }: Token): string {
  return `${base}/v1/market/assets/${encodeURIComponent(asset)}`;
}

function addDays(time: string, days: number): string {
  return new Date(Date.parse(time) + days * 86_400_000).toISOString();
}
