import { existsSync, readFileSync, statSync } from 'node:fs';
import { AssayError, type NoteVerifier, parseTlogPolicy, parseVkey } from '@assay/core';
import { directoryTileSource, type FsckReport, fsck, httpTileSource, listLog } from '@assay/ledger';
import { type Command, usageError } from './command.ts';

const USAGE = 'fsck <folder|url> [--vkey <vkey> | --policy <log.policy>] [--json]';
const BAR_EVERY_MS = 100;

/** Re-hashes a whole log, in a folder or behind a URL. */
export const fsckCommand: Command = {
  usage: USAGE,
  options: { vkey: { type: 'string' }, policy: { type: 'string' }, json: { type: 'boolean' } },
  async run({ positionals, values }) {
    const [place, ...more] = positionals;
    if (place === undefined || more.length > 0) throw usageError('expected one log', `assay ${USAGE}`);
    const remote = /^https?:\/\//.test(place);
    if (!remote && !(existsSync(place) && statSync(place).isDirectory()))
      throw new AssayError('ARGUMENT_INVALID', `there is no folder ${place}`, {
        next: `usage: assay ${USAGE}`,
      });
    const began = performance.now();
    const report = await fsck({
      source: remote ? httpTileSource({ url: place }) : directoryTileSource(place),
      verifiers: readVerifiers(values.vkey as string | undefined, values.policy as string | undefined),
      ...(remote ? {} : { files: await listLog(place) }),
      onProgress: progressBar(began),
    });
    const seconds = (performance.now() - began) / 1_000;
    if (values.json) console.log(JSON.stringify(summary(report)));
    else process.stdout.write(describe(report, place, seconds));
    return report.problems.length === 0 ? 0 : 1;
  },
};

/** Keys from a policy file or the command line; none is allowed, and said. */
function readVerifiers(vkey: string | undefined, policyFile: string | undefined): NoteVerifier[] {
  if (vkey !== undefined && policyFile !== undefined)
    throw usageError('expected --vkey or --policy, got both', `assay ${USAGE}`);
  if (policyFile === undefined) return vkey === undefined ? [] : [parseVkey(vkey)];
  const { logs, witnesses } = parseTlogPolicy(readFileSync(policyFile, 'utf8'));
  return [...logs, ...witnesses].map(({ verifier }) => verifier);
}

/** A line that is written over and over, for people; nothing when a program reads. */
function progressBar(began: number): (entries: number, size: number) => void {
  let shownAt = 0;
  return (entries, size) => {
    const now = performance.now();
    if (!process.stderr.isTTY || (now - shownAt < BAR_EVERY_MS && entries < size)) return;
    shownAt = now;
    const share = entries / size;
    const bar = '█'.repeat(Math.round(share * 30)).padEnd(30, '·');
    const rate = Math.round((entries / Math.max(now - began, 1)) * 1_000).toLocaleString('en');
    process.stderr.write(
      `\r${bar} ${Math.floor(share * 100)} %  ${rate} entries/s ${entries < size ? '' : '\n'}`,
    );
  };
}

function summary({ checkpoint, ...report }: FsckReport) {
  return { origin: checkpoint.origin, size: checkpoint.size, ...report };
}

function describe(report: FsckReport, place: string, seconds: number): string {
  const { checkpoint, signedBy, problems, beyond } = report;
  const rate = Math.round(report.entries / seconds).toLocaleString('en');
  return [
    `log         ${checkpoint.origin} in ${place}`,
    `checkpoint  size ${checkpoint.size}, ${signedBy.length > 0 ? `signed by ${signedBy.join(', ')}` : 'signature not verified: no key was given'}`,
    `read        ${report.entries} entries in ${report.files} files, ${seconds.toFixed(1)} s, ${rate} entries/s`,
    ...(beyond > 0 ? [`beyond      ${beyond} tiles are for entries after the checkpoint`] : []),
    '',
    ...problems.slice(0, 50).map(({ path, message }) => `✗ ${path} ${message}`),
    ...(problems.length > 50 ? [`… and ${problems.length - 50} more`] : []),
    problems.length > 0
      ? `DAMAGED: ${problems.length} ${problems.length === 1 ? 'file does' : 'problems: files do'} not hash to what the log signed.`
      : 'SOUND: every entry and every tile hashes to the checkpoint.',
    '',
  ].join('\n');
}
