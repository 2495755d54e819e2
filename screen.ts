import type { Decision, SourceMode } from '@assay/core';
import type { NodeStatus } from '@assay/gateway';
import type { MarketStatus } from '@assay/pipeline';

/** What a finished run came to; the last line of `--once --json`. */
export interface RunSummary {
  source: SourceMode;
  rows: number;
  observations: number;
  /** Verdicts on observations, by decision. */
  verdicts: Record<Decision, number>;
  /** Flagged rows by stream and UTC day. */
  flags: { stream: string; day: string; count: number }[];
  derivations: number;
  log: { origin: string; size: number; vkey: string };
  witnesses: { name: string; vkey: string }[];
  anchors: { chainId: number; contract: string; block: number; size: number }[];
  seconds: number;
}

const BAR_WIDTH = 32;

/** The one screen that a started node prints. */
export function startScreen(view: {
  address: string;
  dataDir: string;
  status: NodeStatus;
  version: string;
  notice: string | null;
  market: MarketStatus | null;
}): string {
  const { address, dataDir, status, version, notice, market } = view;
  const { node, log, witnesses, anchors, sources } = status;
  const ready = witnesses.list.filter(({ state }) => state === 'ok').length;
  const chains = anchors.map(
    ({ chainId, status, contract }) =>
      `${chainId}${chainId === 31_337 ? ' (embedded development chain, one node)' : ''}, ${status}, contract ${contract}`,
  );
  const line = (name: string, text: string) => `  ${name.padEnd(11)}${text}`;
  return [
    '',
    `  Assay ${version}`,
    '',
    line('Console', address),
    line('Source', node.describe),
    ...(market
      ? [
          line('Market', market.describe),
          line(
            '',
            market.busy
              ? `${market.progress.days} of ${market.progress.of} days read in; figures follow: ${address}/markets`
              : `figures up to ${market.to?.slice(0, 10) ?? 'none yet'}: ${address}/markets`,
          ),
        ]
      : []),
    line('Log', `${log.origin}  size ${log.size}`),
    line('Key', log.vkey),
    line('Witnesses', `${ready} of ${witnesses.of} cosigned the last checkpoint, quorum ${witnesses.quorum}`),
    ...(chains.length === 0 ? ['none: records stay unanchored'] : chains).map((chain, i) =>
      line(i === 0 ? 'Chain' : '', chain),
    ),
    line('Data', dataDir),
    ...(notice ? [line('Note', notice)] : []),
    '',
    ...sources.map(({ stream, state, lastRowAt, lastError }) =>
      line(
        '',
        `${stream.padEnd(22)} ${state.padEnd(12)} ${lastRowAt ?? ''}${lastError ? `  ${lastError.slice(0, 80)}` : ''}`.trimEnd(),
      ),
    ),
    '',
    '  Try next',
    `    npx assay records --stream assay.BTC-USD.reference-rate.1m --limit 3 --data-dir ${dataDir}`,
    `    npx assay export <id> --data-dir ${dataDir} > bundle.json`,
    `    npx assay verify bundle.json --policy ${dataDir}/trust-policy.json`,
    '',
    '  Ctrl-C stops everything; starting again goes on from here.',
    '',
    '',
  ].join('\n');
}

/** A progress bar on standard error, so that standard output holds the summary alone. */
export function printProgress(share: number): void {
  const done = Math.min(Math.max(share, 0), 1);
  const filled = Math.round(done * BAR_WIDTH);
  const text = `${'█'.repeat(filled)}${'░'.repeat(BAR_WIDTH - filled)} ${(done * 100).toFixed(0).padStart(3)} %`;
  if (process.stderr.isTTY) process.stderr.write(`\r  ${text}${done === 1 ? '\n' : ''}`);
  else if (done === 1) process.stderr.write(`${text}\n`);
}

/** Prints the summary as text, or as one line of JSON; what is missing goes to standard error. */
export function printSummary(
  summary: RunSummary,
  run: { json: boolean; published: boolean; anchored: boolean; interrupted: boolean },
): void {
  if (run.interrupted) process.stderr.write('assay: interrupted; starting again goes on from here\n');
  if (!run.published)
    process.stderr.write(
      'assay: the last checkpoint waits for a quorum of witnesses [WITNESS_UNAVAILABLE]\n',
    );
  if (!run.anchored)
    process.stderr.write(
      'assay: the last checkpoint is not anchored yet; the next start catches up [CHAIN_UNAVAILABLE]\n',
    );
  process.stdout.write(run.json ? `${JSON.stringify(summary)}\n` : describe(summary));
}

function describe({
  source,
  rows,
  observations,
  verdicts,
  flags,
  derivations,
  log,
  witnesses,
  anchors,
  seconds,
}: RunSummary): string {
  const last = anchors.at(-1);
  return [
    '',
    `  ${rows} rows in ${observations} observations from the ${source} source, ${seconds} s`,
    `  verdicts     ${verdicts.accept} accepted, ${verdicts.flag} flagged, ${verdicts.reject} rejected`,
    `  derivations  ${derivations}`,
    `  log          ${log.origin}  size ${log.size}`,
    `               ${log.vkey}`,
    `  witnesses    ${witnesses.map(({ name }) => name).join(', ')}`,
    `  anchors      ${anchors.length}${last ? `, the last of size ${last.size} in block ${last.block} of chain ${last.chainId}` : ''}`,
    '',
    flags.length > 0 ? '  flagged rows by stream and day' : '  no row was flagged',
    ...flags.map(({ stream, day, count }) => `    ${stream.padEnd(24)} ${day}  ${count}`),
    '',
    '',
  ].join('\n');
}
