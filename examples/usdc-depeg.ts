/**
 * Replays the recording of the USDC depeg of March 2023 through a real node, reads the verdicts back, and writes what
 * was flagged, rightly and wrongly, into docs/results/usdc-depeg.md. Anyone with the recording gets the same file.
 *
 *   npm run --silent depeg -- --replay <folder> [--data-dir <finished run>] [--out <file>]
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { type DepegDay, type DepegVerdict, loadContracts, scoreDepeg } from '@assay/checks';
import {
  AssayError,
  type Candle,
  decodePayload,
  divRound,
  fromScaled,
  PREDICATE,
  toScaled,
  type VerdictPredicate,
} from '@assay/core';
import { BTC_USD, type ReferenceRate } from '@assay/market';
import { Catalogue, type CatalogueEntry, dataDirLayout, rateStream, statementOf } from '@assay/pipeline';
import { STREAMS } from '@assay/sources';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
/** Beside the limit, where the instruments' own noise decides. */
const MARGIN_BPS = 25;
const EPISODE = ['2023-03-10', '2023-03-11', '2023-03-12', '2023-03-13'];

const { values } = parseArgs({
  options: {
    replay: { type: 'string', default: join(ROOT, '../shared/data/usdc-depeg-2023-03') },
    'data-dir': { type: 'string' },
    out: { type: 'string', default: join(ROOT, 'docs/results/usdc-depeg.md') },
  },
});

main();

function main(): void {
  const given = values['data-dir'];
  const dataDir = given ?? mkdtempSync(join(tmpdir(), 'assay-depeg-'));
  try {
    if (given === undefined) replay(values.replay, dataDir);
    const catalogue = new Catalogue(dataDirLayout(dataDir).catalogue, { readOnly: true });
    writeFileSync(values.out, report(catalogue));
    catalogue.close();
    console.log(`wrote ${values.out}`);
  } finally {
    if (given === undefined) rmSync(dataDir, { recursive: true, force: true });
  }
}

function replay(folder: string, dataDir: string): void {
  if (!existsSync(folder)) {
    throw new AssayError('RECORDING_NOT_FOUND', `there is no folder ${folder}`, {
      next: 'name the recording with --replay',
    });
  }
  const args = ['main.ts', '--source', 'replay', '--replay', folder, '--data-dir', dataDir, '--once'];
  const { status } = spawnSync(process.execPath, args, { cwd: ROOT, stdio: ['ignore', 'ignore', 'inherit'] });
  if (status !== 0) throw new Error(`the node ended with exit code ${status}`);
}

interface Judged extends DepegVerdict {
  entry: CatalogueEntry;
  verdict: VerdictPredicate;
  rows: readonly Candle[];
}

function report(catalogue: Catalogue): string {
  const judged = STREAMS.flatMap(({ name }) => observations(catalogue, name));
  const contracts = loadContracts();
  const terms = contracts.get('kraken.BTC-USDC.1m')!.agreement!;
  const limitBps = terms.atParLimitBps!;
  const { days } = scoreDepeg(judged, {
    limitBps,
    marginBps: MARGIN_BPS,
    staleAfterMinutes: terms.staleAfterMinutes,
  });
  const usdc = days.filter(({ stream }) => stream.includes('USDC'));
  return `# The USDC depeg of March 2023

On 11 March 2023 USD Coin lost its dollar peg for two days. Whoever read "BTC/USDC" as "BTC/USD" was off by up to a seventh. This page says what Assay's checks made of it, rightly and wrongly.

Written by \`examples/usdc-depeg.ts\` from the verdicts of a replay; run it to get the same file.

## Recording

One-minute candles of Binance, Coinbase and Kraken, 1–21 March 2023: ${judged.reduce((sum, { rows }) => sum + rows.length, 0)} rows of ${STREAMS.length} streams in ${judged.length} signed batches (dhruvk1432/IAQF_2026_Inefficient_Markets on GitHub, no licence stated; not part of this repository). Its Binance volumes are small, some two bitcoin a minute and many minutes without a trade: it looks like Binance.US.

## Thresholds

From the data contracts in \`packages/checks/contracts\`:

- at par: a stablecoin-quoted BTC price further than ${limitBps} bps from the median of the dollar venues, while those agree within ${terms.toleranceBps} bps;
- peg: the close of a stablecoin outside [${band(contracts, 'kraken.USDC-USD.1m')}];
- converted: further than ${terms.toleranceBps} bps (or ${terms.madMultiple} robust deviations) from the other venues' centre after conversion at the coin's measured rate; at least ${terms.minimumVenues} other venues, none without a trade for more than ${terms.staleAfterMinutes} minutes;
- gaps: by the liquidity of the stream.

They were chosen with the whole month in view: the days after the 10th are no blind test of them.

## Flagged minutes by stream and day

Days without a flag are left out. Kraken's and Coinbase's BTC/USD agree throughout.

${flagTable(catalogue)}

Outside 11–13 March, ${outside(catalogue)} of ${rowsOutside(judged)} rows were flagged. Tether's flags on those days are real as well: it traded above 1.01 while money fled from USDC.

## True and false flags

A flag of \`agreement_at_par\` (which compares bitcoin prices) is true when the coin's own dollar rate, measured where the coin itself trades, was more than ${limitBps} bps off in that minute. A flag of the peg rule is true when all *other* instruments together say so. "Near" counts those whose independent rate lies within ${MARGIN_BPS} bps of the limit, where noise decides. "Missed" are minutes that the others show off the peg and that were not flagged; those without a trade of their own carry an old price, which the agreement checks do not judge (the peg rule does: it reads the close as it stands).

USDC:

${scoreTable(usdc.filter(({ flags, missed }) => flags > 0 || missed > 0))}

USDT:

${scoreTable(days.filter(({ stream, flags, missed }) => !stream.includes('USDC') && (flags > 0 || missed > 0)))}

Totals over the episode (${EPISODE[0]} to ${EPISODE.at(-1)}), USDC streams: ${totals(usdc, EPISODE)}. On all other days: ${totals(usdc, null)}.

## The reference rate meanwhile

Hourly BTC/USD on 11 March, from the venues that were accepted; flagged ones are named and left out.

${rateTable(catalogue)}
`;
}

function observations(catalogue: Catalogue, stream: string): Judged[] {
  return catalogue.overlapping(stream, '2023-01-01T00:00:00Z', '2024-01-01T00:00:00Z').map((entry) => {
    const verdict = statementOf(catalogue.get(catalogue.verdictOn(entry.id)!.id).entry);
    if (verdict.predicateType !== PREDICATE.verdict) throw new Error(`${entry.id} has no verdict`);
    const rows = decodePayload(catalogue.payload(entry.payload!)) as Candle[];
    return { stream, entry, rows, verdict: verdict.predicate, findings: verdict.predicate.findings };
  });
}

function band(contracts: ReturnType<typeof loadContracts>, stream: string): string {
  for (const { expectation, severity } of contracts.get(stream)!.rules) {
    if (
      severity === 'flag' &&
      expectation.type === 'expect_column_values_to_be_between' &&
      expectation.column === 'close'
    ) {
      return `${expectation.min}, ${expectation.max}`;
    }
  }
  throw new Error(`${stream} has no peg rule`);
}

function flagTable(catalogue: Catalogue): string {
  const { flags } = catalogue.totals();
  const days = [...new Set(flags.map(({ day }) => day))].sort();
  return table(
    ['stream', ...days.map((day) => day.slice(5))],
    STREAMS.map(({ name }) => [
      name,
      ...days.map((day) =>
        String(flags.find((flag) => flag.stream === name && flag.day === day)?.count ?? '·'),
      ),
    ]),
  );
}

function outside(catalogue: Catalogue): number {
  return catalogue
    .totals()
    .flags.filter(({ day }) => !EPISODE.slice(1).includes(day))
    .reduce((sum, { count }) => sum + count, 0);
}

/** Rows of the batches that began on another day than 11 to 13 March. */
function rowsOutside(judged: readonly Judged[]): number {
  return judged
    .filter(({ entry }) => !EPISODE.slice(1).includes(entry.from.slice(0, 10)))
    .reduce((sum, { rows }) => sum + rows.length, 0);
}

function scoreTable(days: readonly DepegDay[]): string {
  return table(
    [
      'stream',
      'day',
      'check',
      'rows',
      'flags',
      'true',
      'false',
      'false, near',
      'not labelled',
      'missed',
      'missed, near',
      'missed, no trade',
    ],
    days.map((day) => [
      day.stream,
      day.day.slice(5),
      day.check === 'peg' ? 'peg' : 'at par',
      day.rows,
      day.flags,
      day.trueFlags,
      day.falseFlags,
      day.falseNearLimit,
      day.unlabelledFlags,
      day.missed,
      day.missedNearLimit,
      day.missedWithoutTrade,
    ]),
  );
}

/** Sums over some days, or over all but the episode's. */
function totals(days: readonly DepegDay[], only: readonly string[] | null): string {
  const counted = days.filter(({ day }) => (only ? only.includes(day) : !EPISODE.includes(day)));
  const sum = (member: 'flags' | 'trueFlags' | 'falseFlags' | 'falseNearLimit' | 'missed') =>
    counted.reduce((total, day) => total + day[member], 0);
  return `${sum('flags')} flags, ${sum('trueFlags')} true, ${sum('falseFlags')} false (${sum('falseNearLimit')} of them near the limit), ${sum('missed')} missed`;
}

function rateTable(catalogue: Catalogue): string {
  const rates = catalogue
    .overlapping(rateStream(BTC_USD.pair, '1h'), '2023-03-11T00:00:00Z', '2023-03-12T00:00:00Z')
    .flatMap(({ payload }) => decodePayload(catalogue.payload(payload!)) as ReferenceRate[]);
  return table(
    ['hour (UTC)', 'rate', 'venues', 'spread of venues, bps', 'left out'],
    rates
      .filter((_, hour) => hour % 3 === 0)
      .map(({ time, rate, venues, excluded }) => [
        ...[time.slice(11, 16), rate, venues.length, spreadBps(venues.map(({ price }) => price))],
        excluded.map(({ stream, reason }) => `${stream.replace('.1m', '')} (${reason})`).join(', '),
      ]),
  );
}

function spreadBps(prices: readonly string[]): string {
  const scaled = prices.map((price) => toScaled(price, 8)).sort((a, b) => (a < b ? -1 : 1));
  const [low = 1n, high = 1n] = [scaled[0], scaled.at(-1)];
  return fromScaled(divRound((high - low) * 100_000n, low), 1);
}

function table(head: readonly string[], rows: readonly (readonly (string | number)[])[]): string {
  const line = (cells: readonly (string | number)[]) => `| ${cells.join(' | ')} |`;
  return [line(head), line(head.map((_, i) => (i === 0 ? '---' : '--:'))), ...rows.map(line)].join('\n');
}
