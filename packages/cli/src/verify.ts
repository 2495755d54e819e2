import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  AssayError,
  LOOKUP_TYPE,
  parseBundle,
  parseLookup,
  parseTrustPolicy,
  type StepResult,
  type TrustPolicy,
  type VerificationReport,
  type VerifyOptions,
  verifyBundle,
  verifyLookup,
} from '@assay/core';
import { type Command, type ExitCode, usageError } from './command.ts';

const USAGE = 'verify <bundle.json|lookup.json> [--policy <trust-policy.json>] [--rpc <url>] [--json]';
/** A bundle of a full batch is well below this. */
const MAX_BUNDLE_BYTES = 64 * 1024 * 1024;
const EXIT: Record<VerificationReport['outcome'], ExitCode> = { verified: 0, failed: 1, inconclusive: 3 };

/** Verifies a bundle or a lookup with no network and no node: only the file, the policy, and the verifier's own endpoint if given. */
export const verifyCommand: Command = {
  usage: USAGE,
  options: {
    policy: { type: 'string' },
    rpc: { type: 'string' },
    json: { type: 'boolean' },
    'data-dir': { type: 'string' },
  },
  async run({ positionals, values }) {
    const [file, ...more] = positionals;
    if (file === undefined || more.length > 0) throw usageError('expected one bundle', `assay ${USAGE}`);
    const policyFile = choosePolicy(
      values.policy as string | undefined,
      values['data-dir'] as string | undefined,
    );
    const policy = parseTrustPolicy(readText(policyFile, 'POLICY_MALFORMED'));
    const text = readText(file, 'BUNDLE_MALFORMED');
    if (text.includes(LOOKUP_TYPE)) return verifyLookupFile(text, { file, policyFile, policy }, values);
    // A bundle that cannot be read proves nothing: that is a failed verification, not wrong usage.
    let report: VerificationReport;
    try {
      report = await verifyBundle(parseBundle(text), policy, ownEndpoint(values.rpc as string | undefined));
    } catch (error) {
      if (!(error instanceof AssayError) || error.code !== 'BUNDLE_MALFORMED') throw error;
      if (values.json)
        console.log(
          JSON.stringify({
            outcome: 'failed',
            steps: [],
            error: { code: error.code, message: error.message },
          }),
        );
      else process.stderr.write(`✗ not a bundle: ${error.message} [${error.code}]\n  next: ${error.next}\n`);
      return 1;
    }
    if (values.json) console.log(JSON.stringify(report));
    else process.stdout.write(describe(report, { file, policyFile, policy }));
    return EXIT[report.outcome];
  },
};

async function verifyLookupFile(
  text: string,
  context: { file: string; policyFile: string; policy: TrustPolicy },
  values: Record<string, string | boolean | undefined>,
): Promise<ExitCode> {
  const answer = parseLookup(text);
  const report = await verifyLookup(answer, context.policy);
  if (values.json) {
    console.log(JSON.stringify(report));
    return EXIT[report.outcome];
  }
  const shown = report.entries.slice(0, 20).join(', ');
  process.stdout.write(
    [
      `lookup  ${context.file}  (${JSON.stringify(answer.query)})`,
      `policy  ${context.policyFile}`,
      '',
      ...report.steps.map(
        ({ step, status, reason }) => `${SIGN[status]} ${step.padEnd(10)} ${status.padEnd(7)}  ${reason}`,
      ),
      '',
      `${report.entries.length} entries${shown && `: ${shown}${report.entries.length > 20 ? ' …' : ''}`}`,
      report.outcome === 'verified'
        ? `VERIFIED: there are no others among the ${report.complete} entries of the log.`
        : report.outcome === 'failed'
          ? 'FAILED: do not rely on this answer.'
          : `INCONCLUSIVE: nothing is wrong, but only the first ${report.complete} entries were searched.`,
      '',
    ].join('\n'),
  );
  return EXIT[report.outcome];
}

const SIGN: Record<StepResult['status'], string> = { pass: '✓', fail: '✗', unknown: '?' };
const VERDICT: Record<VerificationReport['outcome'], string> = {
  verified: 'VERIFIED: every step that the policy requires passes.',
  failed: 'FAILED: do not rely on this record.',
  inconclusive: 'INCONCLUSIVE: nothing is wrong, but a required step could not be decided.',
};

function describe(
  report: VerificationReport,
  context: { file: string; policyFile: string; policy: TrustPolicy },
): string {
  const lines = report.steps.map(({ step, status, reason, code, required }) => {
    const note = `${code ? ` [${code}]` : ''}${required ? '' : ' (not required)'}`;
    return `${SIGN[status]} ${step.padEnd(10)} ${status.padEnd(7)}  ${reason}${note}`;
  });
  return [
    `bundle  ${context.file}  (${report.subject.kind ?? 'unreadable statement'} ${report.subject.id})`,
    `policy  ${context.policyFile}  (requires ${context.policy.require.join(', ')})`,
    '',
    ...lines,
    '',
    genuineButRefused(report)
      ? 'NOT ACCEPTED: the record is genuine, but its data did not pass the checks.'
      : VERDICT[report.outcome],
    '',
  ].join('\n');
}

/** A true record of bad data is another thing than a forged record. */
function genuineButRefused({ steps }: VerificationReport): boolean {
  const failed = steps.filter(({ status, required }) => required && status === 'fail');
  return failed.length > 0 && failed.every(({ code }) => code === 'DECISION_NOT_ACCEPTED');
}

function choosePolicy(given: string | undefined, dataDir: string | undefined): string {
  if (given !== undefined) return given;
  const candidates = [
    ...(dataDir === undefined ? [] : [join(dataDir, 'trust-policy.json')]),
    'trust-policy.json',
    'assay-data/trust-policy.json',
  ];
  const found = candidates.find((file) => existsSync(file));
  if (found !== undefined) return found;
  throw usageError(
    'expected a trust policy: whom do you trust?',
    `assay ${USAGE} (a node writes a first one to <data-dir>/trust-policy.json)`,
  );
}

function readText(file: string, code: 'POLICY_MALFORMED' | 'BUNDLE_MALFORMED'): string {
  let bytes: Buffer;
  try {
    bytes = readFileSync(file);
  } catch (cause) {
    throw new AssayError('ARGUMENT_INVALID', `cannot read ${file}: ${(cause as Error).message}`, {
      next: 'check the path',
      cause,
    });
  }
  if (bytes.length > MAX_BUNDLE_BYTES) {
    throw new AssayError(code, `expected at most ${MAX_BUNDLE_BYTES} bytes, got ${bytes.length} in ${file}`, {
      next: 'export one record at a time',
    });
  }
  return bytes.toString('utf8');
}

function ownEndpoint(rpcUrl: string | undefined): VerifyOptions {
  if (rpcUrl === undefined) return {};
  return {
    isCanonicalBlock: async ({ chainId, blockNumber, blockHash }) => {
      const { canonicalBlockHash } = await import('@assay/chain');
      const hash = await canonicalBlockHash(rpcUrl, chainId, blockNumber);
      return hash === null ? null : hash === blockHash;
    },
  };
}
