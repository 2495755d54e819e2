/**
 * Measures the checks on the USDC depeg of March 2023: runs a node over the recording, reads the verdicts back from
 * its catalogue, and writes docs/results/usdc-depeg.md. A finished data folder is read as it is.
 *
 * node examples/usdc-depeg.ts [--replay <folder>] [--data-dir <folder>] [--out <file>]
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { loadContracts } from '@assay/checks';
import { AssayError, type Candle, decodePayload, PREDICATE, type VerdictPredicate } from '@assay/core';
import type { ReferenceRate } from '@assay/market';
import { Catalogue, existingDataDir, rateStream, statementOf } from '@assay/pipeline';
import { STREAMS } from '@assay/sources';
import { type Batch, measure } from './usdc-depeg-figures.ts';
import { renderReport } from './usdc-depeg-report.ts';

const FROM = '2023-03-01T00:00:00Z';
const TO = '2023-03-22T00:00:00Z';
const HOURLY_RATE = rateStream('BTC-USD', '1h');
const root = fileURLToPath(new URL('..', import.meta.url));

const { values } = parseArgs({
  options: { replay: { type: 'string' }, 'data-dir': { type: 'string' }, out: { type: 'string' } },
});
const replay = values.replay ?? join(root, '../shared/data/usdc-depeg-2023-03');
const out = values.out ?? join(root, 'docs/results/usdc-depeg.md');
const temporary = values['data-dir'] === undefined ? mkdtempSync(join(tmpdir(), 'usdc-depeg-')) : null;
try {
  const dataDir = temporary ?? values['data-dir']!;
  if (!isFinished(dataDir)) await runNode(dataDir);
  const report = renderReport(measure(readBack(dataDir)));
  mkdirSync(dirname(out), { recursive: true });
  writeFileSync(out, report);
  console.log(`wrote ${out}`);
} catch (error) {
  if (!(error instanceof AssayError)) throw error;
  console.error(
    `usdc-depeg: ${error.message} [${error.code}]${error.next ? `\n  next: ${error.next}` : ''}`,
  );
  process.exitCode = 1;
} finally {
  if (temporary) rmSync(temporary, { recursive: true, force: true });
}

/** Whether a folder holds all of the recording, with the rates that were made of it. */
function isFinished(dataDir: string): boolean {
  if (!existsSync(join(dataDir, 'catalogue.db'))) return false;
  const catalogue = openCatalogue(dataDir);
  try {
    const ends = new Map(catalogue.streams().map(({ name, lastTime }) => [name, lastTime]));
    return [...STREAMS.map(({ name }) => name), HOURLY_RATE].every((name) => (ends.get(name) ?? '') >= TO);
  } finally {
    catalogue.close();
  }
}

/** Takes the recording through a real node: log, witnesses, checks, reference rate, development chain. */
async function runNode(dataDir: string): Promise<void> {
  const node = spawn(
    process.execPath,
    ['main.ts', '--source', 'replay', '--replay', replay, '--data-dir', dataDir, '--once'],
    { cwd: root, stdio: 'inherit' },
  );
  const [code] = await once(node, 'exit');
  if (code !== 0) {
    throw new AssayError('SOURCE_UNREACHABLE', `the node ended with exit code ${code}`, {
      next: 'see its message above; --replay names the folder of the recording',
    });
  }
}

/** The recording's batches with their verdicts, and the hourly reference rates. */
function readBack(dataDir: string) {
  const catalogue = openCatalogue(dataDir);
  const contracts = loadContracts();
  try {
    const batches = STREAMS.flatMap(({ name }) =>
      catalogue.overlapping(name, FROM, TO).map((entry): Batch => {
        const observation = statementOf(entry.entry);
        if (
          observation.predicateType !== PREDICATE.observation ||
          observation.predicate.source.mode !== 'replay'
        )
          throw otherRun(`${name} holds other data than the recording`);
        const verdict = verdictOn(catalogue, entry.id);
        if (verdict.contract.digest.sha256 !== contracts.get(name)?.digest.sha256)
          throw otherRun(`${name} was judged under another contract than the present one`);
        const rows = decodePayload(catalogue.payload(entry.payload!)) as Candle[];
        return {
          stream: name,
          from: entry.from,
          rows,
          findings: verdict.findings,
          decision: verdict.decision,
          flagged: verdict.rows.flagged,
        };
      }),
    );
    const rates = catalogue
      .overlapping(HOURLY_RATE, FROM, TO)
      .flatMap(({ payload }) => decodePayload(catalogue.payload(payload!)) as ReferenceRate[]);
    return { batches, rates, contracts };
  } finally {
    catalogue.close();
  }
}

function openCatalogue(dataDir: string): Catalogue {
  return new Catalogue(existingDataDir(dataDir).catalogue, { readOnly: true });
}

function verdictOn(catalogue: Catalogue, observation: string): VerdictPredicate {
  const summary = catalogue.verdictOn(observation);
  const statement = summary && statementOf(catalogue.get(summary.id).entry);
  if (statement?.predicateType === PREDICATE.verdict) return statement.predicate;
  throw new AssayError('NOT_FOUND', `there is no verdict on ${observation}`, {
    next: 'let the node finish: npm start -- --once with the same --data-dir',
  });
}

function otherRun(message: string): AssayError {
  return new AssayError('RECORDING_INVALID', message, {
    next: 'leave --data-dir out, or name an empty folder, to run the recording anew',
  });
}
