import { readFileSync } from 'node:fs';
import {
  AssayError,
  type EvidenceReport,
  type NoteVerifier,
  parseEvidence,
  parseTlogPolicy,
  parseVkey,
  verifyEvidence,
} from '@assay/core';
import { type Command, type ExitCode, usageError } from './command.ts';

const USAGE = 'verify-evidence <evidence.json> (--vkey <log vkey> | --policy <log.policy>) [--json]';
const EXIT: Record<EvidenceReport['outcome'], ExitCode> = { verified: 0, failed: 1, inconclusive: 3 };
const SIGN = { pass: '✓', fail: '✗', unknown: '?' };
const SAYS: Record<EvidenceReport['outcome'], string> = {
  verified: 'PROVEN: the log did this; its own signatures show it.',
  failed: 'NOT PROVEN: this file shows no fault of this log.',
  inconclusive: 'PLAUSIBLE: nothing contradicts it, but part of it rests on the word of whoever wrote it.',
};

/** Judges what a monitor found, with no trust in the monitor. */
export const verifyEvidenceCommand: Command = {
  usage: USAGE,
  options: { vkey: { type: 'string' }, policy: { type: 'string' }, json: { type: 'boolean' } },
  async run({ positionals, values }) {
    const [file, ...more] = positionals;
    if (file === undefined || more.length > 0) throw usageError('expected one file', `assay ${USAGE}`);
    const keys = readKeys(values.vkey as string | undefined, values.policy as string | undefined);
    const text = read(file);
    let report: EvidenceReport;
    let kind = 'unreadable';
    try {
      const evidence = parseEvidence(text);
      kind = evidence.kind;
      report = await verifyEvidence(evidence, keys);
    } catch (error) {
      // A file that cannot be read proves nothing: that is a failed verification, not wrong usage.
      if (!(error instanceof AssayError)) throw error;
      report = {
        outcome: 'failed',
        steps: [{ step: 'contradiction', status: 'fail', reason: error.message }],
      };
    }
    if (values.json) console.log(JSON.stringify({ kind, ...report }));
    else
      process.stdout.write(
        [
          `evidence  ${file}  (${kind})`,
          '',
          ...report.steps.map(({ step, status, reason }) => `${SIGN[status]} ${step.padEnd(13)} ${reason}`),
          '',
          SAYS[report.outcome],
          '',
        ].join('\n'),
      );
    return EXIT[report.outcome];
  },
};

function readKeys(vkey: string | undefined, policyFile: string | undefined) {
  if ((vkey === undefined) === (policyFile === undefined))
    throw usageError('expected --vkey or --policy: whose log is it?', `assay ${USAGE}`);
  if (policyFile === undefined) return { log: [parseVkey(vkey!)] };
  const { logs, witnesses } = parseTlogPolicy(read(policyFile));
  const verifiers = (list: { verifier: NoteVerifier }[]) => list.map(({ verifier }) => verifier);
  return { log: verifiers(logs), witnesses: verifiers(witnesses) };
}

function read(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (cause) {
    throw new AssayError('ARGUMENT_INVALID', `cannot read ${file}: ${(cause as Error).message}`, {
      next: 'check the path',
      cause,
    });
  }
}
