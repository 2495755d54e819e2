import type { FigureName, FigureRows } from '../rows.ts';
import type { Claim, Recorded, Source } from './recorded.ts';
import { shown } from './shown.ts';

/** How an asset is called: identity, symbol and name. */
export interface Called {
  asset: string;
  symbol: string;
  name: string;
}

type Row<Name extends FigureName> = Recorded<FigureRows[Name]>;

/** Sentences about recorded rows: no number in them that is not in the row, none that is calculated here. */
export function priceClaims(row: Row<'prices'>, called: Called): Claim[] {
  const cite = citing('prices', row, called);
  const change = row.changePct === null ? '' : `, a change of ${shown(row.changePct)} % from the day before`;
  const verified = {
    pass: 'Its venues agree',
    fail: `Its venues do not agree${listed(row.reasons)}`,
    unknown: 'It has too few venues to compare, so that the price is not cross-checked',
  }[row.status];
  return [
    cite(
      `${title(called)} closed at ${shown(row.close)} USD on ${day(row)}${change}, with ${shown(row.volumeUsd)} USD traded`,
    ),
    cite(verified),
    ...row.excluded
      .slice(0, 3)
      .map(({ stream, reason }) => cite(`The venue ${stream} was left out: ${reason}`)),
  ];
}

export function gradeClaims(row: Row<'grades'>, called: Called): Claim[] {
  const cite = citing('grades', row, called);
  const claims = (['trader', 'investor'] as const).flatMap((which) => {
    const grade = row[which];
    if (grade === null) return [];
    const name = which === 'trader' ? 'Trader Grade' : 'Investor Grade';
    const change = grade.change === null ? '' : `, a change of ${shown(grade.change)} from the day before`;
    const parts = Object.entries(grade.parts).flatMap(([part, value]) =>
      value === null ? [] : [`${PARTS[part] ?? part} ${shown(value)}`],
    );
    const missing = Object.entries(grade.parts).flatMap(([part, value]) =>
      value === null ? [PARTS[part] ?? part] : [],
    );
    return [
      cite(
        `The ${name} of ${called.symbol} on ${day(row)} is ${shown(grade.grade)}, ${grade.label}${change}`,
      ),
      cite(
        `It is made of ${parts.join(', ') || 'no part'}${missing.length === 0 ? '' : `; nothing is known of ${missing.join(' and ')}, and the grade would lie between ${shown(grade.low)} and ${shown(grade.high)} whatever they said`}`,
      ),
    ];
  });
  return claims.length > 0
    ? claims
    : [
        cite(
          `${called.symbol} could not be graded on ${day(row)}${row.reason === null ? '' : `: ${row.reason}`}`,
        ),
      ];
}

const PARTS: Record<string, string> = {
  technical: 'technical',
  exchange: 'exchange',
  onChain: 'on-chain',
  fundamental: 'fundamental',
  sentiment: 'sentiment',
};

export function signalClaims(row: Row<'signals'>, called: Called): Claim[] {
  const cite = citing('signals', row, called);
  const word = { '1': 'long', '0': 'flat', '-1': 'short' }[row.signal];
  const claims = [
    cite(
      `The signal for ${called.symbol} on ${day(row)} is ${word}, since ${row.since.slice(0, 10)}${listed(row.reasons)}`,
    ),
  ];
  const tested = row.backtest;
  if (tested !== null) {
    const sharpe = tested.sharpe === null ? '' : `, with a Sharpe ratio of ${shown(tested.sharpe)}`;
    claims.push(
      cite(
        `Over ${shown(tested.days)} days and ${shown(tested.trades)} trades the rule returned ${shown(tested.returnPct)} % after costs where holding returned ${shown(tested.holdReturnPct)} %${sharpe} and a deepest drawdown of ${shown(tested.maxDrawdownPct)} %`,
      ),
    );
  }
  return claims;
}

export function riskClaims(row: Row<'risk'>, called: Called): Claim[] {
  const cite = citing('risk', row, called);
  const measured = [
    known(row.volatilityPct, (value) => `its volatility is ${value} % a year`),
    known(row.sharpe, (value) => `its Sharpe ratio ${value}`),
    known(row.sortino, (value) => `its Sortino ratio ${value}`),
  ].flat();
  const bad = [
    known(row.varPct, (value) => `on a bad day it loses ${value} % or more`),
    known(row.cvarPct, (value) => `on the average of such days ${value} %`),
  ].flat();
  return [
    cite(
      `Over the ${shown(row.days)} days up to ${day(row)} ${called.symbol} returned ${shown(row.returnPct)} %, and its deepest drawdown was ${shown(row.maxDrawdownPct)} %`,
    ),
    ...(measured.length === 0 ? [] : [cite(capital(measured.join(', ')))]),
    ...(bad.length === 0 ? [] : [cite(capital(bad.join(', ')))]),
  ];
}

export function levelClaims(row: Row<'levels'>, called: Called): Claim[] {
  const cite = citing('levels', row, called);
  const side = (which: 'support' | 'resistance') =>
    row[which].length === 0
      ? `no ${which} is known`
      : `${which} at ${row[which]
          .slice(0, 3)
          .map(({ price, touches }) => `${shown(price)} USD (touched ${shown(touches)} times)`)
          .join(', ')}`;
  return [cite(`For ${called.symbol} on ${day(row)} there is ${side('support')}, and ${side('resistance')}`)];
}

export function correlationClaims(row: Row<'correlation'>, called: Called): Claim[] {
  const cite = citing('correlation', row, called);
  const list = (pairs: readonly { asset: string; correlation: string }[]) =>
    pairs
      .slice(0, 3)
      .map(({ asset, correlation }) => `${asset} (${shown(correlation)})`)
      .join(', ');
  const market =
    row.toMarket === null ? '' : ` has a correlation of ${shown(row.toMarket)} with the market, and`;
  return row.highest.length === 0
    ? []
    : [
        cite(
          `Over ${shown(row.windowDays)} days up to ${day(row)} ${called.symbol}${market} moved most with ${list(row.highest)} and least with ${list(row.lowest)}`,
        ),
      ];
}

export function sentimentClaims(row: Row<'sentiment'>, called: Called | null): Claim[] {
  const cite = citing('sentiment', row, called);
  const about = called === null ? 'the market' : called.symbol;
  if (row.score === null)
    return [
      cite(
        row.articles === '0'
          ? `Nothing was written about ${about} in the week up to ${day(row)}, so that its sentiment is not known`
          : `What was written about ${about} in the week up to ${day(row)} could not be scored, so that its sentiment is not known`,
      ),
    ];
  return [
    cite(
      `What was written about ${about} in the week up to ${day(row)} is ${row.label}, with a score of ${shown(row.score)}: of ${shown(row.articles)} articles ${shown(row.positive)} are positive and ${shown(row.negative)} negative`,
    ),
    ...row.latest.slice(0, 2).map(({ title, time }) => cite(`On ${time.slice(0, 10)}: “${title}”`)),
  ];
}

export function scenarioClaims(row: Row<'scenarios'>, called: Called): Claim[] {
  const cite = citing('scenarios', row, called);
  return row.cases.map(({ name, price, returnPct, basis }) =>
    cite(
      `In the ${name} case ${called.symbol} would be at ${shown(price)} USD ${shown(row.horizonDays)} days after ${day(row)}, a return of ${shown(returnPct)} % (${trimmed(basis)})`,
    ),
  );
}

export function narrativeClaims(row: Row<'narratives'>, members = true): Claim[] {
  const cite = citing('narratives', row, null);
  const returns = [
    known(row.return7dPct, (value) => `${value} % over a week`),
    known(row.return30dPct, (value) => `${value} % over a month`),
    known(row.momentumPct, (value) => `${value} points against the market over that month`),
  ].flat();
  return [
    cite(
      `${row.name} on ${day(row)} returned ${returns.join(', ') || 'nothing that is known'}${row.leaders.length === 0 ? '' : `, led by ${row.leaders.join(', ')}`}`,
    ),
    ...(members
      ? [
          cite(
            `Its members are ${row.members.slice(0, 12).join(', ')}${row.members.length > 12 ? ' and others' : ''}`,
          ),
        ]
      : []),
    ...row.catalysts
      .slice(0, 2)
      .map(({ title, time }) => cite(`A jump coincides with “${title}” of ${time.slice(0, 10)}`)),
  ];
}

export function indexClaims(row: Row<'indices'>): Claim[] {
  const cite = citing('indices', row, null);
  const change = row.changePct === null ? '' : `, a change of ${shown(row.changePct)} % from the day before`;
  const largest = [...row.holdings]
    .sort((a, b) => Number(b.weight) - Number(a.weight))
    .slice(0, 3)
    .map(({ asset, weight }) => `${asset} (weight ${shown(weight)})`);
  return [
    cite(`${row.name} stood at ${shown(row.value)} on ${day(row)}${change}`),
    cite(`Its largest holdings are ${largest.join(', ')}`),
    cite(`Its rule: ${trimmed(row.rule)}`),
  ];
}

export function guideClaims(rows: readonly Row<'guides'>[], names: ReadonlyMap<string, Called>): Claim[] {
  return rows.map((row) => {
    const called = names.get(row.asset) ?? { asset: row.asset, symbol: row.asset, name: row.asset };
    return citing(
      'guides',
      row,
      called,
    )(`Place ${row.place} in “${row.name}” on ${day(row)}: ${called.symbol}${listed(row.reasons)}`);
  });
}

export function evaluationClaims(row: Row<'evaluation'>): Claim[] {
  const cite = citing('evaluation', row, null);
  const grade = row.grade === 'trader' ? 'Trader Grade' : 'Investor Grade';
  const verdict = {
    pass: 'has told better from worse',
    fail: 'was no better than chance',
    unknown: 'has been observed too little to say',
  }[row.status];
  const measured = [
    known(row.rankIc, (value) => `rank correlation with later returns ${value}`),
    known(row.hitRate, (value) => `positive on a share of ${value} of the days`),
    known(row.spreadAfterFeesBps, (value) => `best tenth less worst ${value} basis points after fees`),
  ].flat();
  return [
    cite(
      `Over ${shown(row.horizonDays)} days ahead, judged on ${shown(row.days)} days up to ${day(row)}, the ${grade} ${verdict}${measured.length === 0 ? '' : `: ${measured.join(', ')}`}`,
    ),
  ];
}

export function assetClaims(row: Row<'assets'>, called: Called): Claim[] {
  const cite = citing('assets', row, called);
  const size = {
    large: 'a large cap',
    mid: 'a mid cap',
    small: 'a small cap',
    micro: 'a micro cap',
    stablecoin: 'a stablecoin',
    unknown: 'of unknown size',
  }[row.class];
  const cap =
    row.marketCapUsd === null ? '' : `, with a market capitalisation of ${shown(row.marketCapUsd)} USD`;
  const rank = row.rank === null ? '' : ` and rank ${shown(row.rank)}`;
  return [
    cite(
      `${title(called)} is ${size} on ${day(row)}${cap}${rank}, recorded since ${row.firstBar.slice(0, 10)}${row.state === 'active' ? '' : `, and now ${row.state}`}`,
    ),
    ...row.defects.slice(0, 5).map((defect) => cite(`Its data has a defect: ${trimmed(defect)}`)),
  ];
}

/** Makes claims that rest on one row. */
export function citing(
  figure: string,
  row: Recorded<{ time: string }>,
  called: Called | null,
): (text: string) => Claim {
  const source: Source = {
    record: row.proof.record,
    figure,
    time: row.time,
    about: called === null ? [] : [...new Set([called.asset, called.symbol, called.name])],
    row,
  };
  return (text) => ({ text: trimmed(text), sources: [source] });
}

export function title({ symbol, name }: Called): string {
  return name === symbol ? symbol : `${name} (${symbol})`;
}

export function day(row: { time: string }): string {
  return row.time.slice(0, 10);
}

function known(value: string | null, say: (value: string) => string): string[] {
  return value === null ? [] : [say(shown(value))];
}

function listed(reasons: readonly string[]): string {
  return reasons.length === 0 ? '' : `: ${reasons.slice(0, 4).map(trimmed).join('; ')}`;
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

/** Brackets are for sources alone: a headline may not look like one. */
function trimmed(text: string): string {
  return text
    .replace(/\[(\d+)\]/g, '($1)')
    .replace(/\s+/g, ' ')
    .trim()
    .replace(/[.;,\s]+$/, '');
}
