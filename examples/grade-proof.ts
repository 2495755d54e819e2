/**
 * One grade, believed by nobody's word: fetches it with how good grades have been and with its proof, and verifies the
 * proof against your own trust policy with @assay/core alone.
 *
 *   node examples/grade-proof.ts BTC assay-data/trust-policy.json [http://127.0.0.1:4600]
 *
 * Exit code 0 verified, 1 failed, 2 wrong usage or no answer, 3 inconclusive, as `assay verify` has them.
 */
import { readFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import { canonicalBytes, parseBundle, parseTrustPolicy, type TrustPolicy, verifyBundle } from '@assay/core';

interface Row extends Record<string, unknown> {
  proof: { record: string; bundle: string; mode: string; served: string | null };
}

/** What was verified, and what it says; the bundle counts, not what the node says beside it. */
export async function proveGrade(node: string, asset: string, policy: TrustPolicy) {
  const query = new URLSearchParams({ keys: asset });
  const { rows, evaluation } = await get<{ rows: Row[]; evaluation: Row[] }>(
    `${node}/v1/market/figures/grades?${query}`,
  );
  const [grade] = rows;
  if (!grade) throw new Error(`${node} has no grade of ${asset}`);
  return {
    grade: await proveRow(node, grade, policy, { stream: 'assay.market.grades', asset }),
    evaluation: await Promise.all(
      evaluation.map((row) => proveRow(node, row, policy, { stream: 'assay.market.evaluation' })),
    ),
  };
}

/** Verifies the bundle of a row, and that it proves the row that was shown, of the figure and asset that were asked for. */
async function proveRow(
  node: string,
  { proof, ...shown }: Row,
  policy: TrustPolicy,
  asked: { stream: string; asset?: string },
) {
  const text = await (await fetchOk(node + proof.bundle)).text();
  const report = await verifyBundle(parseBundle(text), policy);
  const { id, row, stream } = report.subject;
  const same =
    id === proof.record &&
    stream === asked.stream &&
    (asked.asset === undefined || shown.asset === asked.asset) &&
    row !== undefined &&
    sameBytes(row, shown);
  return { report, row: shown, proof, outcome: same ? report.outcome : ('failed' as const), same };
}

function sameBytes(left: unknown, right: unknown): boolean {
  return Buffer.compare(canonicalBytes(left), canonicalBytes(right)) === 0;
}

async function get<T>(url: string): Promise<T> {
  return (await fetchOk(url)).json() as Promise<T>;
}

async function fetchOk(url: string): Promise<Response> {
  const answer = await fetch(url, { signal: AbortSignal.timeout(30_000) });
  if (answer.ok) return answer;
  const { detail = `status ${answer.status}` } = (await answer.json().catch(() => ({}))) as {
    detail?: string;
  };
  throw new Error(`${url}: ${detail}`);
}

async function main([asset, policyFile, node = 'http://127.0.0.1:4600']: string[]): Promise<number> {
  if (!asset || !policyFile) {
    console.error('usage: node examples/grade-proof.ts <asset> <trust-policy.json> [<node>]');
    return 2;
  }
  const policy = parseTrustPolicy(readFileSync(policyFile, 'utf8'));
  const { grade, evaluation } = await proveGrade(node, asset, policy);
  const { time, trader, investor, reason } = grade.row as {
    time: string;
    trader: { grade: string; low: string; high: string } | null;
    investor: { grade: string; low: string; high: string } | null;
    reason: string | null;
  };
  const say = (it: typeof trader) => (it ? `${it.grade} [${it.low}–${it.high}]` : `unknown (${reason})`);
  console.log(
    `${asset} ${time.slice(0, 10)}, ${grade.proof.mode} data: trader ${say(trader)}, investor ${say(investor)}`,
  );
  console.log(`record ${grade.proof.record}, served as ${grade.proof.served ?? 'unknown'}`);
  for (const { step, status, reason: why, required } of grade.report.steps)
    console.log(`  ${step.padEnd(10)} ${status.padEnd(7)} ${why}${required ? '' : ' (not required)'}`);
  if (!grade.same) console.log('  the row that was shown is not the one that its bundle proves');
  if (evaluation.length === 0) console.log('what grades are worth is unknown: not judged yet');
  for (const { row, outcome } of evaluation) {
    const it = row as Record<string, string | null>;
    console.log(
      `${it.grade} grades over ${it.horizonDays} days: rank IC ${it.rankIc ?? 'unknown'}, t ${it.neweyWestT ?? 'unknown'}, ${it.status}: ${it.reason} (${outcome})`,
    );
  }
  const outcomes = [grade, ...evaluation].map(({ outcome }) => outcome);
  const worst = outcomes.includes('failed')
    ? 'failed'
    : outcomes.includes('inconclusive')
      ? 'inconclusive'
      : 'verified';
  console.log(worst.toUpperCase());
  return { verified: 0, failed: 1, inconclusive: 3 }[worst];
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  process.exitCode = await main(process.argv.slice(2)).catch((error: Error) => {
    console.error(error.message);
    return 2;
  });
}
