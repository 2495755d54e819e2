import { readFileSync } from 'node:fs';
import { AssayError } from '@assay/core';
import type { AlertRule, MarketRow, MarketStatus, RulePreview } from '@assay/pipeline';
import { type Command, type ExitCode, usageError } from './command.ts';
import {
  type AssetAnswer,
  evaluationLines,
  FIGURE_COLUMNS,
  figureLines,
  type GradesAnswer,
  gradesLines,
  headLines,
  plain,
  portfolioLines,
  ruleLines,
  showLines,
  statusLines,
  type VenueBar,
} from './market-print.ts';
import { askNode, NODE_OPTIONS } from './node-client.ts';

const USAGE =
  'market status | grades [--order rank|trader|investor|change|symbol] [--limit <n>] | show <asset> [--raw] | figure <name> [--keys <a,b>] [--from <day>] [--to <day>] [--limit <n>] | portfolio --request <file.json> | rules [list | put <file.json> | remove <id>] | ask "<question>" [--api-key <key>]  [--node <url>] [--json]';
const USE = `assay ${USAGE}`;
const ORDERS = ['rank', 'trader', 'investor', 'change', 'symbol'];
const MAX_FILE_BYTES = 1_000_000;
const MAX_QUESTION = 4_000;
const DAY_MS = 86_400_000;
/** Rows of a venue's stream that are looked through for one asset's. */
const MAX_RAW_ROWS = 1_000;
type Values = Record<string, string | boolean | undefined>;
type Evaluation = MarketRow<'evaluation'>[];

/** Which options an act knows besides `--node` and `--json`: one that would be passed over is refused. */
const ACTS: Record<string, { options: string[]; run(rest: string[], values: Values): Promise<ExitCode> }> = {
  status: { options: [], run: status },
  grades: { options: ['order', 'limit'], run: grades },
  show: { options: ['raw'], run: show },
  figure: { options: ['keys', 'from', 'to', 'limit'], run: figure },
  portfolio: { options: ['request'], run: portfolio },
  rules: { options: [], run: rules },
  ask: { options: ['api-key'], run: ask },
};
const OWN_OPTIONS = [...new Set(Object.values(ACTS).flatMap(({ options }) => options))];

/** The market's figures, as a running node serves them: each line with the record that proves it. */
export const marketCommand: Command = {
  usage: USAGE,
  options: {
    ...NODE_OPTIONS,
    ...Object.fromEntries(OWN_OPTIONS.map((name) => [name, { type: name === 'raw' ? 'boolean' : 'string' }])),
  } as Command['options'],
  async run({ positionals: [what = '', ...rest], values }) {
    const act = Object.hasOwn(ACTS, what) ? ACTS[what]! : null;
    if (!act) throw usageError(`expected what to ask, got ${JSON.stringify(what)}`, USE);
    const foreign = OWN_OPTIONS.find((name) => values[name] !== undefined && !act.options.includes(name));
    if (foreign) throw usageError(`market ${what} knows no --${foreign}`, USE);
    return act.run(rest, values);
  },
};

async function status(rest: string[], values: Values): Promise<ExitCode> {
  none(rest);
  const answer = await statusOf(values);
  return say(values, answer, () => statusLines(answer));
}

async function grades(rest: string[], values: Values): Promise<ExitCode> {
  none(rest);
  const order = String(values.order ?? 'rank');
  if (!ORDERS.includes(order))
    throw usageError(`expected --order ${ORDERS.join(', ')}, got ${JSON.stringify(order)}`, USE);
  const limit = limitOf(values, '25');
  const answer = await askNode<GradesAnswer>(
    values,
    `/v1/market/grades?${new URLSearchParams({ order, limit, days: '0' })}`,
  );
  return say(values, answer, () => gradesLines(answer));
}

async function show(rest: string[], values: Values): Promise<ExitCode> {
  const asset = one(rest, 'the identity of an asset, such as BTC');
  const answer = await askNode<AssetAnswer>(values, `/v1/market/assets/${encodeURIComponent(asset)}?days=1`);
  const raw = values.raw ? await venueBars(answer, values) : null;
  return say(values, raw ? { ...answer, raw } : answer, () => showLines(answer, raw));
}

/** What each venue signed of the asset on the price's day: where the figures end and the data begins. */
async function venueBars({ latest: { prices } }: AssetAnswer, values: Values): Promise<VenueBar[]> {
  if (!prices) return [];
  const before = `${new Date(Date.parse(prices.time) + DAY_MS).toISOString().slice(0, 19)}Z`;
  const streams = [...prices.venues, ...prices.excluded].map(({ stream }) => stream);
  const bars: VenueBar[] = [];
  for (const stream of streams) {
    const query = new URLSearchParams({ stream, before, limit: `${MAX_RAW_ROWS}` });
    const { records } = await askNode<{ records: (VenueBar & { time: string })[] }>(
      values,
      `/v1/records?${query}`,
    );
    const bar = records.find((row) => row.time === prices.time && row.values?.asset === prices.asset);
    bars.push(bar ?? { id: null, stream, values: null, decision: null, served: null });
  }
  return bars;
}

async function figure(rest: string[], values: Values): Promise<ExitCode> {
  const name = one(rest, 'the name of a figure');
  const names = Object.keys(FIGURE_COLUMNS);
  if (!names.includes(name))
    throw usageError(`expected one of ${names.join(', ')}, got ${JSON.stringify(name)}`, USE);
  const query = new URLSearchParams({ limit: limitOf(values, '1000') });
  for (const option of ['keys', 'from', 'to'])
    if (values[option] !== undefined) query.set(option, String(values[option]));
  const answer = await askNode<{ rows: MarketRow[]; total: number; evaluation?: Evaluation }>(
    values,
    `/v1/market/figures/${name}?${query}`,
  );
  if (values.json) return say(values, answer, () => []);
  const from = await statusOf(values);
  return say(values, answer, () => [
    ...headLines(from),
    ...figureLines(name, answer.rows, answer.total),
    ...(answer.evaluation ? evaluationLines(answer.evaluation) : []),
  ]);
}

async function portfolio(rest: string[], values: Values): Promise<ExitCode> {
  none(rest);
  if (typeof values.request !== 'string') throw usageError('expected --request <file.json>', USE);
  const body = readJson(values.request);
  const answer = await askNode<{ result: unknown; proof: { record: string } | null }>(
    values,
    '/v1/market/portfolio',
    { method: 'POST', body },
  );
  // Views that grades imply are no better than the grades.
  const graded = (body as { expectedReturns?: { grades?: unknown } } | null)?.expectedReturns?.grades != null;
  const evaluation = graded ? await evaluationOf(values) : null;
  if (values.json) return say(values, evaluation ? { ...answer, evaluation } : answer, () => []);
  const from = await statusOf(values);
  return say(values, answer, () => [
    ...headLines(from),
    ...portfolioLines(answer),
    ...(evaluation ? evaluationLines(evaluation) : []),
  ]);
}

async function rules([what = 'list', ...rest]: string[], values: Values): Promise<ExitCode> {
  const path = '/v1/market/alert-rules';
  if (what === 'list') {
    none(rest);
    const answer = await askNode<Parameters<typeof ruleLines>[0]>(values, path);
    return say(values, answer, () => ruleLines(answer));
  }
  if (what === 'put') {
    const body = readJson(one(rest, 'a file with a rule'));
    const answer = await askNode<{ rule: AlertRule; preview: RulePreview; secret: string | null }>(
      values,
      path,
      { method: 'POST', body },
    );
    const { rule, preview, secret } = answer;
    return say(values, answer, () => [
      `${rule.id} is ${rule.enabled ? 'in force' : 'kept, but not enabled'}: ${rule.name}`,
      `on the latest day: raised by ${preview.fail} rows, not by ${preview.pass}, unknown for ${preview.unknown}`,
      ...(preview.why ? [`  unknown because ${preview.why}`] : []),
      ...(secret ? [`secret of its webhook's signatures: ${secret}`] : []),
    ]);
  }
  if (what === 'remove') {
    const id = one(rest, 'the id of a rule');
    await askNode(values, `${path}/${encodeURIComponent(id)}`, { method: 'DELETE' });
    return say(values, { id, removed: true }, () => [`${id} is taken away`]);
  }
  throw usageError(`expected list, put or remove, got ${JSON.stringify(what)}`, USE);
}

async function ask(rest: string[], values: Values): Promise<ExitCode> {
  const question = one(rest, 'one question, in quotation marks');
  if (question.trim() === '' || question.length > MAX_QUESTION)
    throw usageError(`expected a question of at most ${MAX_QUESTION} characters`, USE);
  const from = await statusOf(values);
  const { answer, _proof } = await askNode<{
    answer: string;
    _proof: { records: { record: string }[]; phrasedBy: string | null };
  }>(values, '/v2/tmai', {
    method: 'POST',
    body: { messages: [{ user: question }] },
    apiKey: String(values['api-key'] ?? process.env.ASSAY_API_KEY ?? 'assay'),
  });
  const records = _proof.records.map(({ record }) => record);
  // Whatever is asked, an answer may speak of grades.
  const evaluation = await evaluationOf(values);
  const { mode, describe } = from;
  const said = { mode, describe, answer, records, phrasedBy: _proof.phrasedBy, evaluation };
  return say(values, said, () => [
    ...headLines(from),
    ...answer.split('\n').map(plain),
    '',
    ...records.map((record, at) => `[${at + 1}] ${record}`),
    ...(records.length === 0 ? ['rests on no record'] : []),
    ...(_proof.phrasedBy ? [`said in the words of ${plain(_proof.phrasedBy)}`] : []),
    ...evaluationLines(evaluation),
  ]);
}

function statusOf(values: Values): Promise<MarketStatus> {
  return askNode(values, '/v1/market/status');
}

async function evaluationOf(values: Values): Promise<Evaluation> {
  const path = '/v1/market/figures/evaluation';
  return (await askNode<{ rows: Evaluation }>(values, path)).rows;
}

function say(values: Values, answer: unknown, lines: () => string[]): 0 {
  process.stdout.write(values.json ? `${JSON.stringify(answer)}\n` : `${lines().join('\n')}\n`);
  return 0;
}

function limitOf({ limit }: Values, usual: string): string {
  const text = String(limit ?? usual);
  if (/^\d{1,5}$/.test(text) && Number(text) >= 1 && Number(text) <= 10_000) return text;
  throw usageError(`expected --limit from 1 to 10000, got ${JSON.stringify(text)}`, USE);
}

function one([word, ...more]: string[], expected: string): string {
  if (word !== undefined && word !== '' && more.length === 0) return word;
  throw usageError(`expected ${expected}`, USE);
}

function none([word]: string[]): void {
  if (word !== undefined) throw usageError(`expected nothing after it, got ${JSON.stringify(word)}`, USE);
}

function readJson(file: string): unknown {
  try {
    const bytes = readFileSync(file);
    if (bytes.length > MAX_FILE_BYTES)
      throw new Error(`expected at most ${MAX_FILE_BYTES} bytes, got ${bytes.length}`);
    return JSON.parse(bytes.toString('utf8'));
  } catch (cause) {
    throw new AssayError('ARGUMENT_INVALID', `cannot read ${file}: ${(cause as Error).message}`, {
      next: 'name a file with one JSON object',
      cause,
    });
  }
}
