/**
 * A node that answers for a simulated market: the built console and the market's answers in the gateway's shapes, from
 * rows that a seeded generator makes. Same seed, same rows.
 */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { extname, join, normalize } from 'node:path';
import type { NodeStatus } from '@assay/gateway';
import type { KeptAlert, MarketRow, MarketStatus } from '@assay/pipeline';
import type { AlertRule, AssetAnswer, GradeLine, GradesAnswer } from '../src/markets/market-api.ts';

type FigureName = MarketStatus['figures'][number]['figure'];
type Rows = { [Name in FigureName]: Omit<MarketRow<Name>, 'proof'> };

const DAY_MS = 86_400_000;
const LAST = Date.parse('2024-01-31T00:00:00Z');
const NAMED: readonly (readonly [asset: string, symbol: string, name: string])[] = [
  ['bitcoin', 'btc', 'Bitcoin'],
  ['ethereum', 'eth', 'Ethereum'],
  ['solana', 'sol', 'Solana'],
  ['tether', 'usdt', 'Tether'],
  ['cardano', 'ada', 'Cardano'],
  ['dogecoin', 'doge', 'Dogecoin'],
  ['chainlink', 'link', 'Chainlink'],
  ['uniswap', 'uni', 'Uniswap'],
  ['terra-classic', 'lunc', 'Terra Classic'],
];

export interface MarketNode {
  url: string;
  /** Requests that were made, as `METHOD path`. */
  asked: string[];
  /** How the node is: with figures, without any yet, or following no market. */
  state: 'figures' | 'reading' | 'no-market';
  rules: AlertRule[];
  /** What a portfolio is answered with. */
  portfolio: { status: number; body: unknown };
  close(): Promise<void>;
}

export async function startMarketNode({
  dist,
  assets = 6_000,
  portfolio = PORTFOLIO,
}: {
  dist: string;
  assets?: number;
  portfolio?: MarketNode['portfolio'];
}): Promise<MarketNode> {
  const market = simulatedMarket(assets);
  const grades = JSON.stringify(market.table());
  const node: MarketNode = {
    url: '',
    asked: [],
    state: 'figures',
    rules: [RULE],
    portfolio,
    close: () => new Promise((resolve) => server.close(() => resolve()).closeAllConnections()),
  };
  const server = createServer(async (request, response) => {
    const url = new URL(request.url ?? '/', 'http://localhost');
    node.asked.push(`${request.method} ${url.pathname}`);
    response.setHeader(
      'content-security-policy',
      "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; frame-ancestors 'none'",
    );
    const json = (body: unknown, status = 200) => {
      response.writeHead(status, { 'content-type': 'application/json' });
      response.end(typeof body === 'string' ? body : JSON.stringify(body));
    };
    const refuse = (status: number, code: string, detail: string, next: string) =>
      json({ type: '', title: code, status, code, detail, next }, status);
    const [, v1, room, what, key] = url.pathname.split('/').map(decodeURIComponent);
    if (v1 !== 'v1') return sendFile(dist, url.pathname, response);
    if (room === 'status') return json(STATUS);
    if (room === 'alerts') return json({ counts: {}, alerts: ALERTS });
    if (room === 'records') {
      return json(RECORD(what ?? ''), what ? 200 : 404);
    }
    if (room !== 'market')
      return refuse(404, 'NOT_FOUND', `nothing is served at ${url.pathname}`, 'see /openapi.json');
    if (node.state === 'no-market')
      return refuse(
        404,
        'NOT_FOUND',
        'this node follows no market, so that it has no figures',
        'ask a node that follows one',
      );
    if (what === 'status') return json(node.state === 'reading' ? market.reading() : market.status());
    if (what === 'grades') return json(grades);
    if (what === 'assets') {
      const answer = market.asset(key ?? '', Number(url.searchParams.get('days') ?? 90));
      return answer
        ? json(answer)
        : refuse(
            404,
            'NOT_FOUND',
            `no asset is known as ${JSON.stringify(key)}`,
            'see /v1/market/figures/assets',
          );
    }
    if (what === 'figures') {
      const rows = market.figure(key as FigureName, url.searchParams);
      return json({ figure: key, rows, total: rows.length, next: null, evaluation: market.evaluation() });
    }
    if (what === 'portfolio') {
      await bodyOf(request);
      return json(node.portfolio.body, node.portfolio.status);
    }
    if (what === 'alert-rules') {
      if (request.method === 'DELETE') {
        node.rules = node.rules.filter(({ id }) => id !== key);
        response.writeHead(204).end();
        return;
      }
      if (request.method === 'POST') {
        const rule = JSON.parse(await bodyOf(request)) as AlertRule;
        if (rule.expression.includes('=='.repeat(2)))
          return refuse(
            400,
            'ARGUMENT_INVALID',
            'the condition cannot be read: unexpected =',
            'write it in CEL',
          );
        node.rules = [...node.rules, rule];
        return json({ rule, preview: { fail: 2, pass: 5_990, unknown: 8, why: null }, secret: null });
      }
      return json({ rules: node.rules, builtIn: [], messages: [] });
    }
    return refuse(404, 'NOT_FOUND', `nothing is served at ${url.pathname}`, 'see /openapi.json');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  node.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return node;
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  let text = '';
  for await (const chunk of request) text += chunk;
  return text;
}

const TYPES: Record<string, string> = {
  '.html': 'text/html',
  '.js': 'text/javascript',
  '.css': 'text/css',
  '.svg': 'image/svg+xml',
};

/** A file of the console; its page for every path that is none. */
async function sendFile(
  dist: string,
  path: string,
  response: import('node:http').ServerResponse,
): Promise<void> {
  const file = extname(path) === '' ? 'index.html' : normalize(path);
  const bytes = await readFile(join(dist, file)).catch(() => null);
  response.writeHead(bytes ? 200 : 404, {
    'content-type': TYPES[extname(file)] ?? 'application/octet-stream',
  });
  response.end(bytes);
}

function simulatedMarket(count: number) {
  const random = mulberry(7);
  const places = Array.from({ length: count }, (_, place) => {
    const [asset, symbol, name] = NAMED[place] ?? [`sim-${place}`, `s${place}`, `Simulated ${place}`];
    return {
      asset,
      symbol,
      name,
      place,
      base: 42_000 / (place + 1) ** 1.7,
      drift: random() - 0.45,
      seed: place + 1,
    };
  });
  type Place = (typeof places)[number];
  const wave = ({ seed, drift, base, asset }: Place, day: number) =>
    asset === 'tether'
      ? 1 + 0.001 * Math.sin(day * seed)
      : base *
        Math.exp(
          0.0006 * drift * day +
            0.16 * Math.sin(day / (17 + (seed % 13))) +
            0.05 * Math.sin(day / 3.1 + seed) +
            0.02 * Math.sin(day * 1.7 + seed * 3),
        );
  const time = (ago: number) => new Date(LAST - ago * DAY_MS).toISOString().replace('.000', '');
  const closeOf = (place: Place, ago: number) => wave(place, 1_200 - ago);
  const gradeOf = (place: Place, ago: number, shift: number) => {
    const at = (when: number) =>
      Math.min(
        98,
        Math.max(
          2,
          50 +
            30 * Math.sin(place.seed * shift + (1_200 - when) / 23) +
            14 * Math.sin((1_200 - when) / 7 + place.seed),
        ),
      );
    const grade = at(ago);
    const low = Math.max(0, grade - 6 - (place.seed % 9));
    const high = Math.min(100, grade + 5 + (place.seed % 11));
    const labels = ['very weak', 'weak', 'neutral', 'strong', 'very strong'] as const;
    return {
      grade: grade.toFixed(2),
      low: low.toFixed(2),
      high: high.toFixed(2),
      change: (grade - at(ago + 1)).toFixed(2),
      label: labels[Math.min(4, Math.floor(grade / 20))]!,
    };
  };
  const parts = (place: Place, ago: number) => ({
    technical: (20 + ((place.seed * 13 + ago) % 70)).toFixed(1),
    exchange: (30 + ((place.seed * 7) % 50)).toFixed(1),
    onChain: null,
    fundamental: (15 + ((place.seed * 29) % 80)).toFixed(1),
    sentiment: place.place < 40 ? (40 + ((place.seed * 5) % 40)).toFixed(1) : null,
  });
  const graded = ({ place }: Place) => place % 23 !== 8;
  const classOf = ({ asset, place }: Place) =>
    asset === 'tether'
      ? 'stablecoin'
      : place < 10
        ? 'large'
        : place < 100
          ? 'mid'
          : place < 1_000
            ? 'small'
            : 'micro';
  const capOf = (place: Place) => (closeOf(place, 0) * 2.1e7 * (1 + (place.seed % 7))).toFixed(2);
  const signalOf = (place: Place, ago: number) => {
    const phase = Math.floor((1_200 - ago + place.seed * 5) / 29) % 3;
    return (['1', '0', '-1'] as const)[phase]!;
  };
  const sinceOf = (place: Place, ago: number) => time(ago + ((1_200 - ago + place.seed * 5) % 29));

  const of: { [Name in FigureName]?: (place: Place, ago: number) => Rows[Name] | null } = {
    assets: (place) => ({
      time: time(0),
      asset: place.asset,
      symbol: place.symbol,
      name: place.name,
      rank: graded(place) ? `${place.place + 1}` : null,
      marketCapUsd: graded(place) ? capOf(place) : null,
      supply: '21000000',
      firstBar: time(1_200),
      lastBar: time(0),
      state: 'active',
      class: classOf(place),
      defects: place.place === 1 ? ['2 days without a bar: 2023-05-04, 2023-05-05'] : [],
    }),
    prices: (place, ago) => {
      // A day on which nobody traded it.
      if (place.place === 1 && ago === 70) return null;
      const [close, open] = [closeOf(place, ago), closeOf(place, ago + 1)];
      const text = (value: number) => value.toPrecision(10).replace(/\.?0+$/, '');
      const status = place.place % 11 === 4 ? 'unknown' : place.place % 17 === 5 ? 'fail' : 'pass';
      return {
        time: time(ago),
        asset: place.asset,
        open: text(open),
        high: text(Math.max(open, close) * 1.012),
        low: text(Math.min(open, close) * 0.987),
        close: text(close),
        volume: (9_000 / (place.place + 1) + (ago % 7) * 200).toFixed(4),
        volumeUsd: ((9_000 / (place.place + 1) + (ago % 7) * 200) * close).toFixed(2),
        changePct: ((close / open - 1) * 100).toFixed(4),
        venues: [
          { stream: 'coinbase.bars.1d', close: text(close * 1.0003), volume: '2100.5', deviationBps: '3.1' },
          { stream: 'kraken.bars.1d', close: text(close * 0.9998), volume: '800.25', deviationBps: '-2.2' },
          { stream: 'binance.bars.1d', close: text(close), volume: '6200.75', deviationBps: '0' },
        ].slice(0, status === 'unknown' ? 1 : 3),
        excluded: status === 'unknown' ? [] : [{ stream: 'bitstamp.bars.1d', reason: 'stale for 3 days' }],
        status,
        reasons: status === 'fail' ? ['venues differ by 312 bps, 100 are allowed'] : [],
      };
    },
    grades: (place, ago) => ({
      time: time(ago),
      asset: place.asset,
      symbol: place.symbol,
      trader: graded(place) ? { ...gradeOf(place, ago, 1), parts: parts(place, ago) } : null,
      investor:
        graded(place) && place.place !== 3 ? { ...gradeOf(place, ago, 2), parts: parts(place, ago) } : null,
      reason: graded(place)
        ? place.place === 3
          ? 'investor: a stablecoin is not invested in'
          : null
        : 'fewer than 90 days of bars',
    }),
    factors: (place) => {
      const own = parts(place, 0);
      const share = (factor: string, part: keyof typeof own, value: string | null, weight: string) => ({
        factor,
        part,
        value,
        score: value === null ? null : own[part],
        weight,
      });
      return {
        time: time(0),
        asset: place.asset,
        trader: [
          share('momentum-30d', 'technical', '0.1234567', '0.3'),
          share('relativeStrength14', 'technical', '61.2', '0.2'),
          share('realisedVolatility30', 'technical', '0.512', '0.1'),
          share('fundingRate7d', 'exchange', '-0.00012', '0.15'),
          share('turnover', 'exchange', '0.041', '0.1'),
          share('activeAddressGrowth', 'onChain', null, '0'),
          share('holders', 'onChain', null, '0'),
          share('articleTone7d', 'sentiment', '0.21', '0.15'),
        ],
        investor: [
          share('momentum-365d', 'technical', '0.8', '0.25'),
          share('commits90d', 'fundamental', '412', '0.35'),
          share('dilution365d', 'fundamental', '0.018', '0.25'),
          share('activeAddressGrowth', 'onChain', null, '0'),
          share('articleTone30d', 'sentiment', '0.11', '0.15'),
        ],
      };
    },
    signals: (place, ago) => ({
      time: time(ago),
      asset: place.asset,
      signal: signalOf(place, ago),
      since: sinceOf(place, ago),
      reasons: ['the close crossed its average of 50 days', 'volume was 1.4 times its average of 20 days'],
      backtest: {
        days: '1460',
        trades: '41',
        winRate: '0.44',
        returnPct: '61.2',
        holdReturnPct: '92.4',
        sharpe: '0.61',
        maxDrawdownPct: '-41.5',
      },
    }),
    risk: (place) => ({
      time: time(0),
      asset: place.asset,
      days: '1200',
      returnPct: '120.52',
      cagrPct: '27.1',
      volatilityPct: '62.25',
      sharpe: '0.83',
      sortino: '1.2',
      maxDrawdownPct: '-71.9',
      varPct: '5.12',
      cvarPct: '7.74',
      tailRatio: '1.02',
      skew: '-0.31',
      kurtosis: null,
      indicators: {
        rsi14: '55.5',
        macd: '120.4',
        adx14: '21.7',
        atr14: '812.2',
        bollingerUpper20: null,
        obv: '19284712',
      },
    }),
    levels: (place) => ({
      time: time(0),
      asset: place.asset,
      support: [0.93, 0.86].map((share, at) => ({
        price: (closeOf(place, 0) * share).toFixed(6),
        touches: `${4 - at}`,
        strength: (0.8 - at / 4).toFixed(2),
        lastTouch: time(20 + at * 30),
      })),
      resistance: [
        { price: (closeOf(place, 0) * 1.09).toFixed(6), touches: '3', strength: '0.55', lastTouch: time(12) },
      ],
    }),
    correlation: (place) => {
      const others = places.filter((other) => other !== place).slice(0, 8);
      const pair = (other: Place, at: number) => ({
        asset: other.asset,
        correlation: (0.91 - at * 0.14).toFixed(4),
      });
      return {
        time: time(0),
        asset: place.asset,
        windowDays: '90',
        toMarket: place.place === 3 ? null : '0.7812',
        highest: others.slice(0, 4).map(pair),
        lowest: others.slice(4).map((other, at) => pair(other, at + 5)),
      };
    },
    scenarios: (place) => {
      const now = closeOf(place, 0);
      const at = (share: number) => (now * share).toPrecision(8);
      return {
        time: time(0),
        asset: place.asset,
        horizonDays: '365',
        price: at(1),
        cases: [
          { name: 'bear', price: at(0.42), returnPct: '-58', basis: 'the 10th percentile of all past years' },
          { name: 'base', price: at(1.18), returnPct: '18', basis: 'the median of all past years' },
          { name: 'moon', price: at(2.6), returnPct: '160', basis: 'the 90th percentile of all past years' },
        ],
        marketCaps: ['1000000000000', '2500000000000', '5000000000000'].map((totalUsd, size) => ({
          totalUsd,
          bear: at(0.4 * (size + 1)),
          base: at(0.7 * (size + 1)),
          moon: at(1.1 * (size + 1)),
        })),
      };
    },
    sentiment: (place) =>
      place.place < 40
        ? {
            time: time(0),
            asset: place.asset,
            score: '0.24',
            label: 'positive',
            articles: '8',
            positive: '5',
            negative: '2',
            latest: [
              {
                title: `<b>${place.name}</b> & friends: a simulated headline that is long enough to wrap on a phone`,
                link: 'https://news.example/1',
                time: time(0),
                article: 'a1',
                score: '0.4',
              },
              {
                title: 'A simulated link that must not be followed',
                link: 'javascript:alert(1)',
                time: time(1),
                article: 'a2',
                score: '-0.2',
              },
            ],
          }
        : null,
  };

  const evaluation = (): MarketRow<'evaluation'>[] =>
    (['trader', 'investor'] as const).flatMap((grade) =>
      ['1', '7', '30'].map((horizonDays, at) => ({
        time: time(30),
        grade,
        horizonDays,
        days: '612',
        assets: '141.2',
        rankIc: grade === 'trader' ? `0.0${31 - at * 9}` : `-0.0${12 + at}`,
        icIr: grade === 'trader' ? '0.21' : '-0.08',
        neweyWestT: grade === 'trader' ? '2.4' : '-0.9',
        hitRate: '0.53',
        spreadBps: grade === 'trader' ? '41.2' : '-12.5',
        spreadAfterFeesBps: grade === 'trader' ? '-8.1' : '-40.2',
        monotonicity: '0.61',
        turnover: '0.42',
        calibrationError: '0.071',
        deflatedSharpe: at === 2 ? null : '0.44',
        trials: '12',
        stability: '0.95',
        deciles: [],
        status:
          grade === 'investor' ? ('fail' as const) : at === 2 ? ('unknown' as const) : ('pass' as const),
        reason:
          grade === 'investor'
            ? 'no better than chance'
            : at === 2
              ? 'too few days that do not overlap'
              : 'better than chance before fees; nothing is left after them',
        proof: proof('evaluation', 30, at),
      })),
    );

  const lists = {
    narratives: (): Rows['narratives'][] =>
      [
        { narrative: 'layer-1', name: 'Layer 1', members: [0, 1, 2, 4], momentumPct: '4.2' },
        { narrative: 'meme', name: 'Meme coins', members: [5, 12, 13], momentumPct: '-7.9' },
        { narrative: 'defi', name: 'Decentralised finance', members: [6, 7, 20, 21, 22], momentumPct: null },
      ].map(({ members, ...story }, at) => ({
        time: time(0),
        ...story,
        members: members.map((place) => places[place]!.asset),
        leaders: members.slice(0, 1).map((place) => places[place]!.asset),
        return7dPct: `${2.5 - at}`,
        return30dPct: `${-3 + at * 2}`,
        cohesion: '0.31',
        marketCapUsd: at === 2 ? null : `${812 - at * 300}000000000`,
        catalysts:
          at === 0
            ? [{ title: 'A simulated upgrade', link: 'https://news.example/2', time: time(3), article: 'c1' }]
            : [],
        basis: 'correlation within is 0.31 above that with the rest, and they are named together',
      })),
    indices: (ago: number): Rows['indices'][] => [
      {
        time: time(ago),
        index: 'top-5',
        name: 'Top 5 by market cap',
        value: (1_000 * Math.exp(0.0004 * (1_200 - ago) + 0.1 * Math.sin(ago / 40))).toFixed(4),
        changePct: '0.2512',
        rule: 'The five largest by capitalisation, without stablecoins, weighted by its square root; rebalanced on the first day of each month.',
        rebalanced: ago % 30 === 0,
        turnover: ago % 30 === 0 ? '0.062' : '0',
        holdings: [0, 1, 2, 4, 5].map((place, at) => ({
          asset: places[place]!.asset,
          weight: ['0.41', '0.27', '0.15', '0.1', '0.07'][at]!,
          price: closeOf(places[place]!, ago).toPrecision(8),
        })),
      },
    ],
    guides: (): Rows['guides'][] =>
      ['steady', 'turning'].flatMap((guide) =>
        places.slice(0, 10).map(({ asset }, at) => ({
          time: time(0),
          guide,
          name: guide === 'steady' ? 'Steady large coins' : 'Turning up',
          place: `${at + 1}`,
          asset,
          reasons: ['large, liquid and listed for years', `${3 - (at % 3)} of 3 venues agree`],
        })),
      ),
  };

  const withProof = <Name extends FigureName>(figure: Name, row: Rows[Name], ago: number, place: number) =>
    ({ ...row, proof: proof(figure, ago, place) }) as unknown as MarketRow<Name>;
  const rowOf = <Name extends FigureName>(
    figure: Name,
    place: Place,
    ago: number,
  ): MarketRow<Name> | null => {
    const row = (of[figure] as (place: Place, ago: number) => Rows[Name] | null)(place, ago);
    return row && withProof(figure, row, ago, place.place);
  };

  return {
    evaluation,
    status: (): MarketStatus => ({
      mode: 'simulated',
      describe: 'Simulated assets: no price here was ever paid.',
      from: time(1_200),
      to: time(0),
      assets: count,
      busy: false,
      figures: [],
      observed: [],
    }),
    reading: (): MarketStatus & { progress: { days: number; of: number } } => ({
      mode: 'replay',
      describe: 'Daily bars of 2020 to 2023.',
      from: time(1_200),
      to: null,
      assets: 0,
      busy: true,
      progress: { days: 300, of: 800 },
      figures: [],
      observed: [{ stream: 'coinbase.bars.1d', rows: 120_000, to: time(401) }],
    }),
    table: (): GradesAnswer => ({
      day: time(0),
      sparklineFrom: time(29),
      total: count,
      evaluation: evaluation(),
      rows: places.map((place): GradeLine => {
        const price = rowOf('prices', place, 0)!;
        const grades = rowOf('grades', place, 0)!;
        return {
          asset: place.asset,
          symbol: place.symbol,
          name: place.name,
          rank: graded(place) ? `${place.place + 1}` : null,
          class: classOf(place),
          state: 'active',
          marketCapUsd: graded(place) ? capOf(place) : null,
          close: price.close,
          changePct: price.changePct,
          volumeUsd: price.volumeUsd,
          priceStatus: price.status,
          trader: grades.trader,
          investor: grades.investor,
          reason: grades.reason,
          signal: signalOf(place, 0),
          since: sinceOf(place, 0),
          sparkline: Array.from({ length: 30 }, (_, at) =>
            place.place % 31 === 9 && at < 12 ? null : closeOf(place, 29 - at).toPrecision(6),
          ),
          proof: {
            ...grades.proof,
            ...(place.place === 5 ? { served: 'flagged' as const, decision: 'flag' as const } : {}),
          },
          records: {
            asset: proof('assets', 0, place.place).record,
            price: price.proof.record,
            signal: proof('signals', 0, place.place).record,
          },
        };
      }),
    }),
    asset: (id: string, days: number): AssetAnswer | null => {
      const place = places.find(({ asset }) => asset === id);
      if (!place) return null;
      const history = <Name extends FigureName>(figure: Name) =>
        Array.from({ length: days }, (_, at) => rowOf(figure, place, days - 1 - at)).filter(
          (row) => row !== null,
        );
      const newest = <Name extends FigureName>(figure: Name) => rowOf(figure, place, 0);
      return {
        asOf: time(0),
        asset: newest('assets')!,
        latest: {
          prices: newest('prices'),
          grades: newest('grades'),
          factors: newest('factors'),
          signals: newest('signals'),
          risk: newest('risk'),
          levels: newest('levels'),
          correlation: newest('correlation'),
          scenarios: newest('scenarios'),
          sentiment: newest('sentiment'),
        },
        narratives: lists
          .narratives()
          .flatMap((row, at) => (row.members.includes(id) ? [withProof('narratives', row, 0, at)] : [])),
        guides: lists
          .guides()
          .flatMap((row, at) => (row.asset === id ? [withProof('guides', row, 0, at)] : [])),
        indices: lists
          .indices(0)
          .flatMap(({ index, name, holdings }, at) =>
            holdings
              .filter(({ asset }) => asset === id)
              .map(({ weight }) => ({ index, name, weight, proof: proof('indices', 0, at) })),
          ),
        history: { days, prices: history('prices'), grades: history('grades'), signals: history('signals') },
        evaluation: evaluation(),
      };
    },
    figure: (figure: FigureName, query: URLSearchParams): unknown[] => {
      if (figure === 'indices' && query.get('from'))
        return Array.from({ length: 600 }, (_, at) => 599 - at).flatMap((ago) =>
          lists.indices(ago).map((row) => withProof('indices', row, ago, 0)),
        );
      if (figure === 'indices') return lists.indices(0).map((row) => withProof('indices', row, 0, 0));
      if (figure === 'narratives')
        return lists.narratives().map((row, at) => withProof('narratives', row, 0, at));
      if (figure === 'scenarios') {
        const keys = query.get('keys')?.split(',') ?? [];
        return places
          .filter(({ asset }) => keys.includes(asset))
          .map((place) => rowOf('scenarios', place, 0));
      }
      if (figure === 'guides') return lists.guides().map((row, at) => withProof('guides', row, 0, at));
      return [];
    },
  };
}

function proof(figure: string, ago: number, row: number): MarketRow['proof'] {
  return {
    record: `${createHash('sha256').update(`${figure} ${ago}`).digest('hex')}.${row}`,
    served: 'accepted',
    level: 'L2',
    decision: 'accept',
    mode: 'simulated',
  };
}

function mulberry(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

const RULE: AlertRule = {
  id: 'rule-0',
  name: 'Strong traders’ grades',
  expression: 'row.trader != null && row.trader.grade >= 80.0',
  figure: 'grades',
  severity: 'warning',
  channel: 'webhook',
  target: 'https://hooks.example/assay',
  quietHours: { from: '22:00', to: '07:00', zone: 'Europe/Berlin' },
  cooldownMinutes: 60,
  enabled: true,
};

const alert = (stream: string, reason: string, state: KeptAlert['state']): KeptAlert => ({
  id: createHash('sha256')
    .update(stream + reason)
    .digest('hex')
    .slice(0, 16),
  stream,
  check: 'row_gap',
  severity: 'warning',
  state,
  reason,
  observation: `${'ab'.repeat(32)}`,
  count: 3,
  firstAt: '2024-01-29T00:00:00Z',
  lastAt: '2024-01-31T00:00:00Z',
  acknowledged: null,
  recoveredAt: state === 'recovered' ? '2024-01-31T00:00:00Z' : null,
  passingSince: null,
  flaps: 0,
  history: [],
});
const ALERTS = [
  alert('assay.market.grades', '3 assets lost their grade within a day', 'open'),
  alert('assay.market.prices', 'dogecoin: venues differ by 312 bps', 'recovered'),
  alert('kraken.BTC-USD.1m', 'not about the market’s figures', 'open'),
];

const STATUS = {
  node: { mode: 'simulated', describe: 'Simulated data', clock: '2024-01-31T00:00:00Z' },
} as Pick<NodeStatus, 'node'>;

/** A portfolio of three assets, as the node answers it. */
export const PORTFOLIO = {
  status: 200,
  body: {
    proof: { record: 'cd'.repeat(32), bundle: `/v1/records/${'cd'.repeat(32)}/bundle` },
    result: {
      asOf: '2024-01-31T00:00:00Z',
      periods: 365,
      weights: [
        ['bitcoin', '0.4', '0.1', '0.35', '0.182', '0.42'],
        ['ethereum', '0.35', '-0.15', '0.42', '0.231', '0.55'],
        ['solana', '0.25', '0.05', '0.23', '0.304', '0.81'],
        ['cardano', '0', '0', '0', '-0.05', '0.66'],
      ].map(([asset, weight, change, riskContribution, expectedReturn, volatility]) => ({
        ...{ asset, weight, change, riskContribution, expectedReturn, volatility },
      })),
      expectedReturn: '0.2243',
      volatility: '0.4411',
      sharpe: '0.5085',
      tradingCost: '0.0003',
      turnover: '0.15',
      tail: { confidence: '0.95', valueAtRisk: '0.041', cvar: '0.0587' },
      drawdown: { drawdown: '0.3121', from: '2023-04-14T00:00:00Z', to: '2023-09-11T00:00:00Z' },
      frontier: Array.from({ length: 24 }, (_, at) => ({
        expectedReturn: (0.17 + at * 0.0055).toFixed(4),
        volatility: Math.sqrt(0.15 + (at / 20) ** 2 * 0.32).toFixed(4),
        sharpe: at === 3 ? null : (0.4 + at * 0.004).toFixed(4),
        weights: [],
      })),
      stress: {
        windows: [
          { periods: 1, return: '-0.091', from: '2023-08-17T00:00:00Z', to: '2023-08-17T00:00:00Z' },
          { periods: 7, return: '-0.163', from: '2023-06-05T00:00:00Z', to: '2023-06-11T00:00:00Z' },
        ],
        shocks: [
          {
            asset: 'bitcoin',
            move: '-0.3',
            return: '-0.281',
            contributions: [
              { asset: 'ethereum', return: '-0.11' },
              { asset: 'bitcoin', return: '-0.12' },
              { asset: 'solana', return: '-0.051' },
            ],
          },
        ],
        scenarios: [
          {
            name: 'bear, in 365 days',
            return: '-0.58',
            contributions: [{ asset: 'bitcoin', return: '-0.23' }],
          },
          { name: 'moon, in 365 days', return: '1.6', contributions: [{ asset: 'bitcoin', return: '0.64' }] },
        ],
      },
      rebalance: {
        orders: [
          { asset: 'ethereum', side: 'sell', quantity: '1.5', price: '2300', notional: '3450', fee: '3.45' },
          {
            asset: 'bitcoin',
            side: 'buy',
            quantity: '0.05128205',
            price: '42000',
            notional: '2153.85',
            fee: '2.15',
          },
        ],
        untraded: [{ asset: 'solana', reason: 'within the band of 0.01' }],
        cashAfter: '1290.55',
        valueBefore: '23000',
        valueAfter: '22994.4',
        fees: '5.6',
      },
      leftOut: [{ asset: 'dogecoin', reason: '12 of 365 days are missing' }],
      warnings: ['expected returns are those of the past'],
      parameters: { objective: { name: 'min-variance' }, windowDays: 365 },
    },
  },
};

/** As much of a record as its page needs to name it. */
const RECORD = (id: string) => ({
  id,
  kind: 'row',
  stream: 'assay.market.grades',
  time: '2024-01-31T00:00:00Z',
  decision: 'accept',
  level: 'L2',
  served: 'accepted',
  servedReason: null,
  verdict: null,
  index: 7,
  signer: 'did:key:z6MkSimulated',
  quality: null,
  values: { asset: 'bitcoin', symbol: 'btc' },
  lineage: { materials: [], derived: [] },
  statement: { predicate: {} },
  reviews: [],
  appeals: [],
  executions: [],
});
