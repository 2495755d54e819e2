/** The market for people at a terminal: tables whose every line ends with the record that proves it. */
import type { AlertRule, MarketRow, MarketStatus, MarketView, Message } from '@assay/pipeline';

const MAX_CELL = 60;
type Row<Name extends Parameters<MarketView['rows']>[0]> = MarketRow<Name>;
type Evaluation = MarketRow<'evaluation'>;
interface Proof {
  record: string;
  served: string | null;
}
type ShortGrade = { grade: string; low: string; high: string; change: string | null; label: string } | null;

/** Of `/v1/market/grades`, what is shown. */
export interface GradesAnswer {
  mode: string;
  describe: string;
  day: string | null;
  total: number;
  rows: {
    asset: string;
    rank: string | null;
    close: string | null;
    changePct: string | null;
    priceStatus: string;
    trader: ShortGrade;
    investor: ShortGrade;
    reason: string | null;
    signal: string | null;
    proof: Proof;
  }[];
  evaluation: Evaluation[];
}

/** Of `/v1/market/assets/…`, what is shown. */
export interface AssetAnswer {
  mode: string;
  describe: string;
  asOf: string;
  asset: MarketRow<'assets'>;
  latest: {
    prices: MarketRow<'prices'> | null;
    grades: MarketRow<'grades'> | null;
    signals: MarketRow<'signals'> | null;
    risk: MarketRow<'risk'> | null;
    levels: MarketRow<'levels'> | null;
    correlation: MarketRow<'correlation'> | null;
    scenarios: MarketRow<'scenarios'> | null;
    sentiment: MarketRow<'sentiment'> | null;
  };
  narratives: MarketRow<'narratives'>[];
  guides: MarketRow<'guides'>[];
  indices: { name: string; weight: string; proof: Proof }[];
  evaluation: Evaluation[];
}

/** A venue's own row, as it was signed; null members where it was not found. */
export interface VenueBar {
  id: string | null;
  stream: string;
  values: Record<string, unknown> | null;
  decision: string | null;
  served: string | null;
}

/** Where the data comes from, before anything else. */
export function headLines({ mode, describe, to }: Pick<MarketStatus, 'mode' | 'describe' | 'to'>): string[] {
  const where = { live: 'live', replay: 'recording', simulated: 'SIMULATED' }[mode];
  return [`${where ?? plain(mode)}  ${day(to)}  ${plain(describe)}`, ''];
}

export function statusLines(status: MarketStatus): string[] {
  const { from, to, assets, busy, progress, figures, observed } = status;
  return [
    ...headLines(status),
    `figures from ${day(from)} to ${day(to)}, ${assets} assets on the last day`,
    busy
      ? `history is being read in: ${progress.days} of ${progress.of} days`
      : `${progress.days} of ${progress.of} days are read in`,
    '',
    ...table(
      ['figure', 'version', '>rows', 'until', 'stream'],
      figures.map((it) => [it.figure, it.version, `${it.rows}`, day(it.to), it.stream]),
    ),
    '',
    ...table(
      ['made of', '>rows', 'until'],
      observed.map((it) => [it.stream, `${it.rows}`, day(it.to)]),
    ),
  ];
}

export function gradesLines({ mode, describe, day: to, total, rows, evaluation }: GradesAnswer): string[] {
  return [
    ...headLines({ mode: mode as MarketStatus['mode'], describe, to }),
    ...table(
      [
        '>rank',
        'asset',
        '>close',
        '>day %',
        'price',
        ...gradeHeads('trader'),
        ...gradeHeads('investor'),
      ].concat(['signal', 'served', 'record']),
      rows.map((row) => [
        known(row.rank),
        row.asset,
        known(row.close),
        known(row.changePct),
        row.priceStatus,
        ...gradeCells(row.trader),
        ...gradeCells(row.investor),
        signalWord(row.signal),
        known(row.proof.served),
        row.proof.record,
      ]),
    ),
    ...rows.flatMap(({ asset, reason }) =>
      reason ? [`  ${plain(asset)} is not graded: ${plain(reason)}`] : [],
    ),
    `${rows.length} of ${total} assets`,
    ...evaluationLines(evaluation),
  ];
}

/** The record of the grades, good or bad: no grade is printed without it. */
export function evaluationLines(evaluation: readonly Evaluation[]): string[] {
  if (evaluation.length === 0)
    return ['', 'What these grades are worth is unknown: they have not been judged yet.'];
  return [
    '',
    'What these grades have been worth so far:',
    ...table(
      ['grade', '>days ahead', '>judged', '>rank IC', '>t', 'status', 'record'],
      [
        ...evaluation.map((row) => [
          row.grade,
          row.horizonDays,
          row.days,
          known(row.rankIc),
          known(row.neweyWestT),
          row.status,
          row.proof.record,
        ]),
      ],
    ).flatMap((line, at) => (at === 0 ? [line] : [line, `  ${plain(evaluation[at - 1]!.reason)}`])),
  ];
}

export function showLines(page: AssetAnswer, raw: readonly VenueBar[] | null): string[] {
  const { mode, describe, asOf, asset, latest, narratives, guides, indices, evaluation } = page;
  const { prices, grades, signals, risk, levels, correlation, scenarios, sentiment } = latest;
  const lines: string[][] = [];
  const add = (what: string, row: { time: string; proof: Proof } | null, text: string) => {
    const old = row && row.time !== asOf ? ` (of ${day(row.time)})` : '';
    lines.push([what, row ? served(row.proof) : '', row?.proof.record ?? '', row ? text + old : 'unknown']);
  };
  add(
    'asset',
    asset,
    `rank ${known(asset.rank)}, ${asset.class}, ${asset.state}, capitalisation ${known(asset.marketCapUsd)} USD`,
  );
  add(
    'price',
    prices,
    prices
      ? `${prices.close} USD, ${known(prices.changePct)} %, venues ${prices.status === 'pass' ? 'agree' : prices.status}`
      : '',
  );
  for (const grade of ['trader', 'investor'] as const) {
    const given = grades?.[grade];
    add(
      `${grade} grade`,
      grades,
      given
        ? `${given.grade} [${given.low}–${given.high}] ${given.label}, change ${known(given.change)}`
        : `unknown: ${grades?.reason ?? 'no reason is given'}`,
    );
    if (given)
      add(
        '',
        grades,
        Object.entries(given.parts)
          .map(([part, value]) => `${part} ${known(value)}`)
          .join(', '),
      );
  }
  add(
    'signal',
    signals,
    signals ? `${signalWord(signals.signal)} since ${day(signals.since)}: ${signals.reasons.join('; ')}` : '',
  );
  add('its backtest', signals, backtestWords(signals?.backtest ?? null));
  add(
    'risk',
    risk,
    risk
      ? `volatility ${known(risk.volatilityPct)} %, Sharpe ${known(risk.sharpe)}, greatest drawdown ${risk.maxDrawdownPct} %, value at risk ${known(risk.varPct)} % over ${risk.days} days`
      : '',
  );
  add(
    'levels',
    levels,
    levels ? `support ${pricesOf(levels.support)}; resistance ${pricesOf(levels.resistance)}` : '',
  );
  add(
    'correlation',
    correlation,
    correlation ? `to the market ${known(correlation.toMarket)}; ${pairs(correlation.highest)}` : '',
  );
  add(
    'scenarios',
    scenarios,
    scenarios ? scenarios.cases.map(({ name, price }) => `${name} ${price}`).join(', ') : '',
  );
  add(
    'sentiment',
    sentiment,
    sentiment ? `${sentiment.label}, ${known(sentiment.score)} of ${sentiment.articles} articles` : '',
  );
  for (const story of narratives) add('narrative', story, story.name);
  for (const guide of guides) add('list', guide, `${guide.place} of ${guide.name}`);
  for (const held of indices)
    lines.push(['index', served(held.proof), held.proof.record, `${held.weight} of ${held.name}`]);
  return [
    ...headLines({ mode: mode as MarketStatus['mode'], describe, to: asOf }),
    `${plain(asset.asset)}  ${plain(asset.name)}`,
    ...asset.defects.map((defect) => `  careful: ${plain(defect)}`),
    ...(prices?.reasons ?? []).map((reason) => `  careful: ${plain(reason)}`),
    ...table(['figure', 'served', 'record', 'says'], lines),
    ...(raw ? rawLines(raw) : []),
    ...evaluationLines(evaluation),
  ];
}

function rawLines(raw: readonly VenueBar[]): string[] {
  return [
    '',
    'What the venues signed of that day:',
    ...table(
      ['stream', '>close', '>volume', 'decision', 'served', 'record'],
      raw.map(({ id, stream, values, decision, served: as }) => [
        stream,
        known(values?.close as string | undefined),
        known(values?.volume as string | undefined),
        known(decision),
        known(as),
        id ?? `not among the newest rows: assay records --stream ${stream} --json`,
      ]),
    ),
  ];
}

type Cells = [head: string, cell: (row: never) => string][];
/** Columns of each figure; what is nested deeper is counted here and whole in `--json`. */
export const FIGURE_COLUMNS: Record<string, Cells> = {
  assets: columns<Row<'assets'>>([
    ['>rank', ({ rank }) => known(rank)],
    ['name', ({ name }) => name],
    ['class', (row) => row.class],
    ['state', ({ state }) => state],
    ['>cap USD', ({ marketCapUsd }) => known(marketCapUsd)],
    ['defects', ({ defects }) => defects.join('; ')],
  ]),
  prices: columns<Row<'prices'>>([
    ['>close', ({ close }) => close],
    ['>day %', ({ changePct }) => known(changePct)],
    ['>volume USD', ({ volumeUsd }) => volumeUsd],
    ['status', ({ status }) => status],
    ['venues', ({ venues }) => venues.map(({ stream, close }) => `${stream} ${close}`).join(', ')],
    ['left out', ({ excluded }) => excluded.map(({ stream, reason }) => `${stream}: ${reason}`).join('; ')],
    ['reasons', ({ reasons }) => reasons.join('; ')],
  ]),
  grades: columns<Row<'grades'>>([
    ...gradeColumns('trader'),
    ...gradeColumns('investor'),
    ['reason', ({ reason }) => reason ?? ''],
  ]),
  factors: columns<Row<'factors'>>([
    ['trader', ({ trader }) => sharesOf(trader)],
    ['investor', ({ investor }) => sharesOf(investor)],
  ]),
  evaluation: columns<Evaluation>([
    ['>days ahead', ({ horizonDays }) => horizonDays],
    ['>judged', ({ days }) => days],
    ['>rank IC', ({ rankIc }) => known(rankIc)],
    ['>t', ({ neweyWestT }) => known(neweyWestT)],
    ['>after fees bps', ({ spreadAfterFeesBps }) => known(spreadAfterFeesBps)],
    ['>deflated Sharpe', ({ deflatedSharpe }) => known(deflatedSharpe)],
    ['status', ({ status }) => status],
    ['reason', ({ reason }) => reason],
  ]),
  signals: columns<Row<'signals'>>([
    ['signal', ({ signal }) => signalWord(signal)],
    ['since', ({ since }) => day(since)],
    ['backtest', ({ backtest }) => backtestWords(backtest)],
  ]),
  risk: columns<Row<'risk'>>([
    ['>days', ({ days }) => days],
    ['>return %', ({ returnPct }) => returnPct],
    ['>volatility %', ({ volatilityPct }) => known(volatilityPct)],
    ['>Sharpe', ({ sharpe }) => known(sharpe)],
    ['>drawdown %', ({ maxDrawdownPct }) => maxDrawdownPct],
    ['>VaR %', ({ varPct }) => known(varPct)],
    ['>CVaR %', ({ cvarPct }) => known(cvarPct)],
  ]),
  levels: columns<Row<'levels'>>([
    ['support', ({ support }) => pricesOf(support)],
    ['resistance', ({ resistance }) => pricesOf(resistance)],
  ]),
  correlation: columns<Row<'correlation'>>([
    ['>to market', ({ toMarket }) => known(toMarket)],
    ['most alike', ({ highest }) => pairs(highest)],
    ['least alike', ({ lowest }) => pairs(lowest)],
  ]),
  narratives: columns<Row<'narratives'>>([
    ['name', ({ name }) => name],
    ['>7 days %', ({ return7dPct }) => known(return7dPct)],
    ['>30 days %', ({ return30dPct }) => known(return30dPct)],
    ['>cohesion', ({ cohesion }) => known(cohesion)],
    ['members', ({ members }) => shortList(members)],
  ]),
  indices: columns<Row<'indices'>>([
    ['>value', ({ value }) => value],
    ['>day %', ({ changePct }) => known(changePct)],
    ['holdings', ({ holdings }) => shortList(holdings.map(({ asset, weight }) => `${asset} ${weight}`))],
    ['rule', ({ rule }) => rule],
  ]),
  scenarios: columns<Row<'scenarios'>>([
    ['>price', ({ price }) => price],
    ['>horizon days', ({ horizonDays }) => horizonDays],
    ['cases', ({ cases }) => cases.map(({ name, price }) => `${name} ${price}`).join(', ')],
  ]),
  sentiment: columns<Row<'sentiment'>>([
    ['>score', ({ score }) => known(score)],
    ['label', ({ label }) => label],
    ['>articles', ({ articles }) => articles],
    ['latest', ({ latest }) => latest[0]?.title ?? ''],
  ]),
  guides: columns<Row<'guides'>>([
    ['>place', ({ place }) => place],
    ['asset', ({ asset }) => asset],
    ['reasons', ({ reasons }) => reasons.join('; ')],
  ]),
};

export function figureLines(name: string, rows: readonly MarketRow[], total: number): string[] {
  const own = FIGURE_COLUMNS[name]!;
  return [
    ...table(
      ['day', 'of', ...own.map(([head]) => head), 'served', 'record'],
      rows.map((row) => [
        day(row.time),
        keyOf(row),
        ...own.map(([, cell]) => cut(cell(row as never))),
        known(row.proof.served),
        row.proof.record,
      ]),
    ),
    total === 0
      ? 'no rows: not computed, or nothing has these keys and days'
      : `${rows.length} of ${total} rows${rows.length < total ? '; ask for fewer days, for some --keys, or a greater --limit' : ''}`,
  ];
}

export function portfolioLines({
  result,
  proof,
}: {
  result: unknown;
  proof: { record: string } | null;
}): string[] {
  const made = result as {
    asOf: string | null;
    weights: {
      asset: string;
      weight: string;
      riskContribution: string;
      expectedReturn: string;
      volatility: string;
    }[];
    expectedReturn: string;
    volatility: string;
    sharpe: string | null;
    tail: { confidence: string; valueAtRisk: string; cvar: string };
    leftOut: { asset: string; reason: string }[];
    warnings: string[];
  };
  const { tail } = made;
  return [
    `portfolio as of ${day(made.asOf)}, rates per year as fractions; estimated from the past, no forecast`,
    ...table(
      ['asset', '>weight', '>share of risk', '>expected return', '>volatility'],
      made.weights.map((it) => [it.asset, it.weight, it.riskContribution, it.expectedReturn, it.volatility]),
    ),
    `expected return ${made.expectedReturn}, volatility ${made.volatility}, Sharpe ${known(made.sharpe)}`,
    `of a day at ${tail.confidence}: value at risk ${tail.valueAtRisk}, CVaR ${tail.cvar}`,
    ...made.leftOut.map(({ asset, reason }) => `left out: ${plain(asset)}: ${plain(reason)}`),
    ...made.warnings.map((warning) => `careful: ${plain(warning)}`),
    `record ${proof?.record ?? 'none: it was computed for you alone'}`,
  ];
}

export function ruleLines({
  rules,
  builtIn,
  channels,
  messages,
}: {
  rules: AlertRule[];
  builtIn: string[];
  channels: string[];
  messages: Message[];
}): string[] {
  return [
    ...table(
      ['rule', 'whose', 'state', 'severity', 'figure', 'told by', 'name'],
      rules.map((rule) => [
        rule.id,
        builtIn.includes(rule.id) ? 'built in' : 'own',
        rule.enabled ? 'enabled' : 'disabled',
        rule.severity,
        rule.figure,
        rule.target === null ? rule.channel : `${rule.channel} ${rule.target}`,
        rule.name,
      ]),
    ),
    `this node tells by ${channels.join(', ')}`,
    ...(messages.length === 0 ? [] : ['']),
    ...table(
      ['message', 'rule', 'state', '>attempts', 'to', 'last error'],
      messages.map((it) => [it.id, it.rule, it.state, `${it.attempts}`, it.target, it.lastError ?? '']),
      messages.length > 0,
    ),
  ];
}

/** Text of others without what would move the cursor, colour the screen or turn the writing around. */
export function plain(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, '\u{fffd}');
}

/** Columns as wide as their widest cell; a head that begins with `>` is set to the right. */
function table(heads: readonly string[], rows: readonly (readonly string[])[], show = true): string[] {
  if (!show) return [];
  const right = heads.map((head) => head.startsWith('>'));
  const cells = [heads.map((head) => head.replace('>', '')), ...rows.map((row) => row.map(plain))];
  const widths = heads.map((_, at) => cells.reduce((most, row) => Math.max(most, row[at]!.length), 0));
  return cells.map((row) =>
    row
      .map((cell, at) => (right[at] ? cell.padStart(widths[at]!) : cell.padEnd(widths[at]!)))
      .join('  ')
      .trimEnd(),
  );
}

/** Of long cells the beginning: `--json` has all of it. */
function cut(text: string): string {
  return text.length <= MAX_CELL ? text : `${text.slice(0, MAX_CELL - 1)}…`;
}

function columns<R>(cells: [head: string, cell: (row: R) => string][]): Cells {
  return cells as Cells;
}

function gradeColumns(grade: 'trader' | 'investor'): [string, (row: Row<'grades'>) => string][] {
  return gradeHeads(grade).map((head, at) => [head, (row) => gradeCells(row[grade])[at]!]);
}

function gradeHeads(grade: string): string[] {
  return [`>${grade}`, 'interval', 'label'];
}

function gradeCells(grade: ShortGrade): string[] {
  return grade ? [grade.grade, `[${grade.low}–${grade.high}]`, grade.label] : ['unknown', '', ''];
}

function sharesOf(shares: Row<'factors'>['trader']): string {
  return shares.map(({ factor, score, weight }) => `${factor} ${known(score)} × ${weight}`).join(', ');
}

function backtestWords(backtest: Row<'signals'>['backtest']): string {
  if (!backtest) return 'unknown: its history is too short';
  const { days, trades, returnPct, holdReturnPct, maxDrawdownPct } = backtest;
  return `${returnPct} % after costs in ${days} days and ${trades} trades, holding ${holdReturnPct} %, drawdown ${maxDrawdownPct} %`;
}

function pricesOf(levels: Row<'levels'>['support']): string {
  return levels.length === 0 ? 'none' : levels.map(({ price }) => price).join(', ');
}

function pairs(list: Row<'correlation'>['highest']): string {
  return list.map(({ asset, correlation }) => `${asset} ${correlation}`).join(', ');
}

function shortList(names: readonly string[]): string {
  return names.length <= 8 ? names.join(' ') : `${names.slice(0, 8).join(' ')} and ${names.length - 8} more`;
}

function keyOf(row: MarketRow): string {
  const { narrative, index, guide, grade, asset } = row as unknown as Record<string, string | undefined>;
  return narrative ?? index ?? guide ?? grade ?? asset ?? '';
}

function signalWord(signal: string | null): string {
  return signal === null ? 'unknown' : signal === '1' ? 'long' : signal === '-1' ? 'short' : 'flat';
}

function served({ served: as }: Proof): string {
  return known(as);
}

function known(value: string | null | undefined): string {
  return value ?? 'unknown';
}

function day(time: string | null | undefined): string {
  return time?.slice(0, 10) ?? 'unknown';
}
