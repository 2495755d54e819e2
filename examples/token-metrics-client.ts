/**
 * A client of Token Metrics' format that takes no row on trust: plain fetch of `/v2/trader-grades`, and the proof of each
 * row verified with @assay/core against your own policy, down to the number that the row shows.
 *
 *   node examples/token-metrics-client.ts BTC,ETH assay-data/trust-policy.json [http://127.0.0.1:4600] [<api key>]
 *
 * Exit code 0 all verified, 1 a row failed, 2 wrong usage or no answer, 3 inconclusive.
 */
import { readFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import { parseBundle, parseTrustPolicy, type TrustPolicy, verifyBundle } from '@assay/core';

interface TraderGrade {
  TOKEN_SYMBOL: string;
  DATE: string;
  TM_TRADER_GRADE: number | null;
  _proof: { record: string; bundle: string; mode: string };
}

/** The newest trader grades of some tokens, each with what its proof came to. */
export async function provenGrades(node: string, symbols: string, policy: TrustPolicy, key = 'any') {
  const query = new URLSearchParams({ symbol: symbols, limit: '50', page: '1' });
  const answer = await fetch(`${node}/v2/trader-grades?${query}`, { headers: { 'x-api-key': key } });
  const { success, message, data, _evaluation } = (await answer.json()) as {
    success: boolean;
    message: string;
    data: TraderGrade[];
    _evaluation?: Record<string, string>[];
  };
  if (!success) throw new Error(`${answer.status}: ${message}`);
  const rows = [];
  for (const row of data) rows.push({ row, ...(await proofOf(node, row, policy)) });
  return { message, rows, evaluation: _evaluation ?? [] };
}

/** A genuine proof of another row proves nothing of this one: stream, token, day and number have to be its own. */
async function proofOf(node: string, row: TraderGrade, policy: TrustPolicy) {
  const answer = await fetch(node + row._proof.bundle);
  if (!answer.ok) throw new Error(`${row._proof.bundle}: status ${answer.status}`);
  const { outcome, steps, subject } = await verifyBundle(parseBundle(await answer.text()), policy);
  const proven = subject.row as unknown as
    | { time: string; symbol: string; trader: { grade: string } | null }
    | undefined;
  const grade = proven?.trader ? Number(proven.trader.grade) : null;
  const same =
    subject.id === row._proof.record &&
    subject.stream === 'assay.market.grades' &&
    proven?.symbol === row.TOKEN_SYMBOL &&
    proven.time.slice(0, 10) === row.DATE &&
    grade === row.TM_TRADER_GRADE;
  if (!same) return { outcome: 'failed' as const, reason: 'its bundle proves another row' };
  const short = steps.find(({ required, status }) => required && status !== 'pass');
  return { outcome, reason: short ? `${short.step}: ${short.reason}` : 'every required step passes' };
}

async function main([symbols, policyFile, node = 'http://127.0.0.1:4600', key]: string[]): Promise<number> {
  if (!symbols || !policyFile) {
    console.error(
      'usage: node examples/token-metrics-client.ts <symbols> <trust-policy.json> [<node>] [<api key>]',
    );
    return 2;
  }
  const policy = parseTrustPolicy(readFileSync(policyFile, 'utf8'));
  const { message, rows, evaluation } = await provenGrades(node, symbols, policy, key);
  console.log(message);
  for (const { row, outcome, reason } of rows)
    console.log(
      `${row.TOKEN_SYMBOL.padEnd(8)} ${row.DATE} ${String(row.TM_TRADER_GRADE ?? 'unknown').padStart(7)}  ${row._proof.mode}  ${outcome}: ${reason}`,
    );
  if (evaluation.length === 0) console.log('what grades are worth is unknown: not judged yet');
  for (const it of evaluation)
    console.log(
      `${it.grade} grades over ${it.horizonDays} days: rank IC ${it.rankIc ?? 'unknown'}, ${it.status}: ${it.reason}`,
    );
  const outcomes = rows.map(({ outcome }) => outcome);
  return outcomes.includes('failed') ? 1 : outcomes.includes('inconclusive') || rows.length === 0 ? 3 : 0;
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  process.exitCode = await main(process.argv.slice(2)).catch((error: Error) => {
    console.error(error.message);
    return 2;
  });
}
