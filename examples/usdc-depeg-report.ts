import type { DepegDay } from '@assay/checks';
import type { ReferenceRate } from '@assay/market';
import { DEPEG_DAYS, type FarFromLimit, type Figures } from './usdc-depeg-figures.ts';

/** Renders the figures as docs/results/usdc-depeg.md: the same figures give the same bytes. */
export function renderReport(figures: Figures): string {
  return `${[
    '# The USDC depeg of March 2023',
    summary(figures),
    '## The recording',
    recording(figures),
    '## Method',
    method(figures),
    '## What was flagged',
    flagged(figures),
    '## True, false and missed',
    scores(figures),
    '### Beyond the margin',
    beyondMargin(figures),
    '## Three findings, as the verdicts state them',
    quotes(figures),
    '## The reference rate on 11 March',
    rates(figures),
    '## What to keep in mind',
    remarks(figures),
    '## Reproduce',
    REPRODUCE,
  ].join('\n\n')}\n`;
}

const SOURCE = 'https://github.com/dhruvk1432/IAQF_2026_Inefficient_Markets';
const SOURCE_COMMIT = 'dd08cb6b69bf5e8d9a96ae20ffdf951eb6619939';

/** What a depeg check judges, in the order of the report. */
const GROUPS = [
  { name: 'BTC in USDC, at par', holds: isPar('USDC') },
  { name: 'USDC itself', holds: isPeg('USDC') },
  { name: 'BTC in USDT, at par', holds: isPar('USDT') },
  { name: 'USDT itself', holds: isPeg('USDT') },
];

function isPar(coin: string) {
  return ({ stream, check }: DepegDay) => check === 'agreement_at_par' && stream.includes(`-${coin}.`);
}

function isPeg(coin: string) {
  return ({ stream, check }: DepegDay) => check === 'peg' && stream.includes(`.${coin}-`);
}

function summary({ rows, decisions, score, flags, explained, dollars, rates }: Figures): string {
  const par = total(score.filter(GROUPS[0]!.holds));
  const quiet = flags.filter(({ day }) => !DEPEG_DAYS.includes(day));
  const usdc = explained.find(({ coin }) => coin === 'USDC');
  return [
    `On 11 March 2023 USDC lost its peg, and came back on the 13th. A price of BTC in USDC that a venue reported correctly was then up to a seventh above the dollar price. This report shows what Assay's checks made of it: ${n(rows)} one-minute candles of three venues went through a node; ${n(decisions.accept)} batches (a stream's hour each) were accepted, ${n(decisions.flag)} flagged, ${n(decisions.reject)} rejected.`,
    bullets([
      `**Found:** of ${n(par.flags)} flags on BTC in USDC, ${percent(par.trueFlags, par.flags)} are true by USDC's own dollar rate, and of the minutes in which USDC was off its peg ${percent(par.trueFlags, par.trueFlags + par.missed)} were flagged.`,
      `**Explained:** in ${n(usdc?.explained ?? 0)} of these flags (${percent(usdc?.explained ?? 0, usdc?.flags ?? 0)}) the finding itself shows that the stablecoin moved, not bitcoin.`,
      `**Quiet otherwise:** outside 11–13 March ${n(sum(quiet, 'flagged'))} of ${n(sum(quiet, 'rows'))} rows were flagged, by all checks together.`,
      `**Bitcoin in dollars held:** BTC/USD at Coinbase and Kraken was never more than ${(Math.max(...dollars.map(({ maxBps }) => maxBps)) / 100).toFixed(2)}% apart, and the reference rate is there for ${rates.hours === rates.of ? `all ${n(rates.of)}` : `${n(rates.hours)} of ${n(rates.of)}`} hours.`,
      '**Not proven:** the thresholds were chosen by people who had seen this month. It is a demonstration on real data, not a test on unseen data.',
    ]),
  ].join('\n\n');
}

function recording({ rows, volumes }: Figures): string {
  return [
    `\`usdc-depeg-2023-03\`: one-minute candles from 1 to 21 March 2023 (UTC) of eleven pairs at Binance, Coinbase and Kraken, ${n(rows)} rows. It is the folder \`data_raw\` of [dhruvk1432/IAQF_2026_Inefficient_Markets](${SOURCE}/tree/${SOURCE_COMMIT}/data_raw), byte for byte. Its licence: none stated; none of its rows are in this repository.`,
    table(
      ['Stream', 'Minutes with a trade', 'Traded a day'],
      volumes.map(({ stream, perDay, traded }) => [
        shortName(stream),
        `${(traded * 100).toFixed(0)}%`,
        `${n(Math.round(perDay))} ${stream.split('.')[1]!.split('-')[0]}`,
      ]),
    ),
  ].join('\n\n');
}

function method({ thresholds }: Figures): string {
  const { atParLimitBps, peg, toleranceBps, minimumVenues, staleAfterMinutes, marginBps, contractVersion } =
    thresholds;
  return [
    `A real node replays the recording: providers sign hourly batches, the log takes them in, checks judge them by their data contracts (\`packages/checks/contracts\`, version ${contractVersion}), and the verdicts are read back from the node's catalogue. The limits are the contracts':`,
    bullets([
      `**\`agreement_at_par\`** takes BTC in a stablecoin at face value and flags it beyond ${bps(atParLimitBps)} from BTC/USD at ${minimumVenues} or more venues.`,
      `**The peg**: the close of a stablecoin's own pair lies from ${peg.min} to ${peg.max}.`,
      `**\`agreement_converted\`** converts BTC in a stablecoin at the coin's measured rate and flags it beyond ${bps(toleranceBps)} (more where venues scatter more) from the others' centre.`,
      `A price without a trade for more than ${staleAfterMinutes} minutes says nothing: the check leaves the row unjudged, and so unflagged, and the finding says how many these were.`,
    ]),
    `**The truth label** is not what the check looked at. For BTC in a coin it is the coin's own dollar rate, the median over the venues that trade the coin. For the coin itself it is the median of the other instruments: its rate at other venues, and BTC in dollars over BTC in the coin (for USDC/USDT, over the measured USDT/USD). Off the peg means more than ${bps(atParLimitBps)} from 1. A flag of such a minute is true, any other false; a row of such a minute without a flag is missed. Within ${bps(marginBps)} around the limit, noise decides; those are counted apart as *near*.`,
  ].join('\n\n');
}

function flagged({ flags, decisions }: Figures): string {
  const streams = [...new Set(flags.map(({ stream }) => stream))];
  const of = (stream: string, isDay: (day: string) => boolean) =>
    flags.filter((one) => one.stream === stream && isDay(one.day));
  const others = flags.filter(({ day, flagged: count }) => !DEPEG_DAYS.includes(day) && count > 0);
  return [
    `Rows flagged by any check; a batch with one such row counts as flagged (${n(decisions.flag)}).`,
    table(
      ['Stream', 'Rows', ...DEPEG_DAYS.map(dayName), 'Other 18 days'],
      streams.map((stream) => [
        shortName(stream),
        n(
          sum(
            of(stream, () => true),
            'rows',
          ),
        ),
        ...DEPEG_DAYS.map((day) =>
          n(
            sum(
              of(stream, (one) => one === day),
              'flagged',
            ),
          ),
        ),
        n(
          sum(
            of(stream, (one) => !DEPEG_DAYS.includes(one)),
            'flagged',
          ),
        ),
      ]),
    ),
    `The other days in full: ${others.map(({ stream, day, flagged: count }) => `${shortName(stream)} ${dayName(day)} ${n(count)}`).join(', ')}. Those of 3 March are stray trades in Binance's USDC/USDT; those of 10 and 14 March single trades far from the market in Binance's BTC/USDC; the rest are gaps, such as Coinbase's outage of 4 March.`,
  ].join('\n\n');
}

function scores({ score, thresholds }: Figures): string {
  const counts = (days: readonly DepegDay[]) => {
    const { flags, trueFlags, falseFlags, falseNearLimit, missed, missedNearLimit, missedWithoutTrade } =
      total(days);
    return [flags, trueFlags, falseFlags, falseNearLimit, missed, missedNearLimit, missedWithoutTrade].map(n);
  };
  const heads = ['Flags', 'True', 'False', 'near', 'Missed', 'near', 'no trade'];
  const days = [...new Set(score.map(({ day }) => day))];
  const unlabelled = total(score).unlabelledFlags;
  return [
    `Flags of the two depeg checks, all 21 days. *True of flags* is the share of flags that are true; *found* the share of minutes off the peg that were flagged. *No trade*: missed minutes without a trade of their own. ${unlabelled === 0 ? 'Every flag could be labelled.' : `${n(unlabelled)} flags could not be labelled.`}`,
    table(
      ['What', ...heads, 'True of flags', 'Found'],
      GROUPS.map(({ name, holds }) => {
        const some = score.filter(holds);
        const { flags, trueFlags, missed } = total(some);
        return [name, ...counts(some), percent(trueFlags, flags), percent(trueFlags, trueFlags + missed)];
      }),
    ),
    'By venue and day; days without flags and misses are left out.',
    table(
      ['Stream', 'Day', ...heads],
      GROUPS.flatMap(({ holds }) =>
        score
          .filter(holds)
          .filter(({ flags, missed }) => flags + missed > 0)
          .map((day) => [shortName(day.stream), dayName(day.day), ...counts([day])]),
      ),
    ),
    `The label's limit is the checks' own, ${bps(thresholds.atParLimitBps)}; ${n(days.length)} days were scored.`,
  ].join('\n\n');
}

/** What looking at each of these cases showed. */
const WHY: Record<string, string> = {
  'false binance.BTC-USDC.1m 2023-03-13':
    'a few small trades priced USDC lower than the USDC pairs did: wrong for the coin, right for that book',
  'false binance.BTC-USDC.1m 2023-03-14': 'one small trade far above the market; USDC was at par',
  'false binance.USDC-USDT.1m 2023-03-03': 'real but stray trades on a thin book; USDC was at par elsewhere',
  'false binance.USDC-USDT.1m 2023-03-13':
    "Binance's USDC stayed cheap in USDT after Kraken's had recovered: right for the pair, not for the coin",
  'false kraken.BTC-USDC.1m 2023-03-11':
    "Kraken's USDC was falling, Binance's was not; the label lies midway, inside the limit",
  'false kraken.USDC-USD.1m 2023-03-11':
    "Kraken fell first and the label follows Binance's prices: the flags were early, not wrong",
  'missed binance.BTC-USDC.1m 2023-03-03':
    "the label errs: stray trades in Binance's USDC/USDT pull the median of two venues down",
  'missed binance.BTC-USDC.1m 2023-03-11':
    "03–04 h: Binance's BTC/USDC had hardly moved yet while Kraken's USDC had; later: no trade for more than 5 minutes, so unjudged",
  'missed binance.BTC-USDC.1m 2023-03-12': 'all but one: no trade for more than 5 minutes, so unjudged',
  'missed binance.USDC-USDT.1m 2023-03-11':
    "Binance's USDC had hardly moved; the label has Kraken's fall and USDT's premium in it",
  'missed kraken.BTC-USDC.1m 2023-03-03': 'the label errs, as for Binance',
  'missed kraken.BTC-USDC.1m 2023-03-12':
    "Kraken's USDC was back at the limit; Binance's, still below, pulls the label down",
  'missed kraken.USDC-USD.1m 2023-03-12': 'the same: Kraken recovered before Binance, and the label lags',
  'missed kraken.USDC-USD.1m 2023-03-13': 'the same, for two minutes',
  'missed kraken.USDT-USD.1m 2023-03-11':
    "Kraken's USDT closed inside the limit for two minutes while all others were outside",
};

function beyondMargin({ far, score, thresholds }: Figures): string {
  const { falseFlags, falseNearLimit, missed, missedNearLimit } = total(score);
  const rows = far.map(({ kind, stream, day, count, hours, usdc }) => [
    kind,
    shortName(stream),
    `${dayName(day)}, ${hoursText(hours)} h`,
    n(count),
    rateText(usdc?.kraken),
    rateText(usdc?.binance),
    WHY[`${kind} ${stream} ${day}`] ?? 'not looked into',
  ]);
  return [
    `${n(falseFlags - falseNearLimit)} of the ${n(falseFlags)} false flags and ${n(missed - missedNearLimit)} of the ${n(missed)} misses lie more than ${bps(thresholds.marginBps)} from the limit. Most come from one cause: Binance and Kraken did not agree on what USDC was worth. The columns give the median USDC in dollars at either venue over the hours concerned.`,
    table(['Kind', 'Stream', 'When (UTC)', 'Rows', 'USDC Kraken', 'USDC Binance', 'Why'], rows),
  ].join('\n\n');
}

function quotes({ quotes: some }: Figures): string {
  return [
    ...some.map(
      ({ stream, hour, finding: { check, status, severity, reason } }) =>
        `\`${stream}\`, hour from ${hour}, \`${check}\`: ${status}, ${severity}\n\n> ${reason}`,
    ),
    'The first is the depeg, the second the premium on USDT, and the third a price that no conversion explains: Binance lagging behind. Statement ids are left out: they depend on the keys of the run.',
  ].join('\n\n');
}

function rates({ rateHours }: Figures): string {
  return [
    "Hourly BTC/USD over seven feeds. Flagged candles do not count; a feed without any other in an hour is left out and named, as is one whose own price deviates. *Widest* is the largest distance of a contributing feed's own price from the rate. The last column is what reading Kraken's BTC/USDC as dollars would have given.",
    table(
      ['Hour (UTC)', 'Rate, USD', 'Contributing', 'Left out', 'Widest', 'BTC/USDC as dollars'],
      rateHours.map(({ rate, widestBps, atParPercent }) => [
        rate.time.slice(11, 16),
        Number(rate.rate).toLocaleString('en-US', { minimumFractionDigits: 2 }),
        `${rate.venues.length}: ${feedsByVenue(rate.venues.map(({ stream }) => ({ stream, note: '' })))}`,
        feedsByVenue(rate.excluded.map(exclusion)) || 'none',
        `${(widestBps / 100).toFixed(2)}%`,
        atParPercent === null ? 'no trade' : `${atParPercent > 0 ? '+' : ''}${atParPercent.toFixed(1)}%`,
      ]),
    ),
    "In the hour from 03:00 the rate is weakest: Binance's USDC has no dollar pair in the recording, so the rate converts its BTC/USDC at Kraken's falling USDC/USD, and the feed is far from the others but still within the limit. An hour later the same feed is left out as deviating.",
  ].join('\n\n');
}

function exclusion({ stream, reason, deviationBps }: ReferenceRate['excluded'][number]) {
  return {
    stream,
    note:
      deviationBps === undefined ? ` ${reason}` : ` ${reason} ${(Number(deviationBps) / 100).toFixed(1)}%`,
  };
}

function remarks({
  thresholds,
  score,
  explained,
  dollars,
  usdtPeak,
  convertedFailures,
  volumes,
}: Figures): string {
  const all = total(score);
  const usdt = explained.find(({ coin }) => coin === 'USDT');
  const failures = convertedFailures.filter(({ rows }) => rows > 0);
  const traded = (stream: string) => n(Math.round(volumes.find((one) => one.stream === stream)?.perDay ?? 0));
  const gap = (one: Figures['dollars'][number]) =>
    `${one.period}: median ${(one.medianBps / 100).toFixed(2)}%, 99 in 100 within ${(one.p99Bps / 100).toFixed(2)}%, at most ${(one.maxBps / 100).toFixed(2)}%, ${n(one.beyond)} of ${n(one.minutes)} common minutes beyond the tolerance of ${bps(thresholds.toleranceBps)}`;
  return bullets([
    "**In-sample.** Tolerances, staleness and gap limits were set with this month in view; the contracts say which quiet-day figures they rest on. Only the limit of the peg, a hundredth, is the market's own convention. Another depeg, untouched, would be the test.",
    'The **truth label** is measured in the same recording, by other instruments but partly at the same venues, and it is a median of two or three. Where venues differ it can be wrong, as shown above; it is a yardstick, not an oracle.',
    `**Near the limit** lie ${n(all.falseNearLimit)} of ${n(all.falseFlags)} false flags and ${n(all.missedNearLimit)} of ${n(all.missed)} misses. Another limit would move them, not remove them.`,
    '**Unflagged is not confirmed.** Where a thin book did not trade, a row goes unjudged and unflagged. The finding counts such rows, and a batch with more than a tenth of them cannot reach level L3; but a reader who looks at flags alone does not see them.',
    `**USDT's premium is real too.** USDT rose while USDC fell: its median in the hour from ${usdtPeak.hour} was ${usdtPeak.coinbase.toFixed(4)} USD at Coinbase and ${usdtPeak.kraken.toFixed(4)} at Kraken. So the flags on BTC in USDT are no noise: the measured rate explains ${n(usdt?.explained ?? 0)} of ${n(usdt?.flags ?? 0)}.`,
    `**BTC/USD agrees throughout** between Coinbase and Kraken. ${dollars.map(gap).join('; ')}. \`agreement_converted\` never failed for either, nor for BTC in USDT; it failed for ${failures.map(({ stream, rows }) => `${n(rows)} rows of ${shortName(stream)}`).join(' and ')}, where even the measured rate left a difference. These have no label here and are not scored.`,
    `**"Binance" is most likely Binance.US.** Its BTC/USDT trades ${traded('binance.BTC-USDT.1m')} BTC a day, a fraction of Coinbase's ${traded('coinbase.BTC-USD.1m')} in BTC/USD, though Binance was the largest exchange; Binance itself had stopped trading BTC/USDC in September 2022 and took it up again only after the depeg began, yet the recording has it from 1 March; and the download code of the source falls back to Binance.US where Binance refuses. The report keeps the name that the recording uses.`,
    "Kraken's candles are built from trades by the source, and Coinbase's BTC/USDC is absent: there it is the same book as BTC/USD.",
  ]);
}

const REPRODUCE = `\`\`\`sh
git clone ${SOURCE}
git -C IAQF_2026_Inefficient_Markets checkout ${SOURCE_COMMIT}
node examples/usdc-depeg.ts --replay IAQF_2026_Inefficient_Markets/data_raw
\`\`\`

With Node 24, in the root of this repository after \`npm install\`. It runs the node once over the recording, about a minute, and writes this file anew: the same code and recording give the same bytes, whatever keys the run makes. With \`--data-dir\` the node's folder is kept, and a finished one is only read.`;

/** The sum of some days' counts. */
function total(days: readonly DepegDay[]) {
  const keys = [
    'flags',
    'trueFlags',
    'falseFlags',
    'falseNearLimit',
    'unlabelledFlags',
    'missed',
    'missedNearLimit',
    'missedWithoutTrade',
  ] as const;
  return Object.fromEntries(keys.map((key) => [key, sum(days, key)])) as Record<
    (typeof keys)[number],
    number
  >;
}

function sum<K extends string>(items: readonly Record<K, number>[], key: K): number {
  return items.reduce((all, item) => all + item[key], 0);
}

function feedsByVenue(feeds: readonly { stream: string; note: string }[]): string {
  const venues = Map.groupBy(feeds, ({ stream }) => stream.split('.')[0]!);
  return [...venues]
    .map(
      ([venue, some]) =>
        `${title(venue)} ${some.map(({ stream, note }) => quoteOf(stream) + note).join(', ')}`,
    )
    .join('; ');
}

function quoteOf(stream: string): string {
  return stream.split('.')[1]!.split('-')[1]!;
}

/** `kraken.BTC-USDC.1m` as 'Kraken BTC/USDC'. */
function shortName(stream: string): string {
  const [venue = '', pair = ''] = stream.split('.');
  return `${title(venue)} ${pair.replace('-', '/')}`;
}

function title(word: string): string {
  return word.charAt(0).toUpperCase() + word.slice(1);
}

/** '2023-03-11' as '11 March'. */
function dayName(day: string): string {
  return `${Number(day.slice(8))} March`;
}

/** [1, 2, 3, 5] as '01–03, 05'. */
function hoursText(hours: FarFromLimit['hours']): string {
  const runs: [number, number][] = [];
  for (const hour of hours) {
    const last = runs.at(-1);
    if (last && last[1] === hour - 1) last[1] = hour;
    else runs.push([hour, hour]);
  }
  const two = (hour: number) => String(hour).padStart(2, '0');
  return runs.map(([from, to]) => (from === to ? two(from) : `${two(from)}–${two(to)}`)).join(', ');
}

function rateText(rate: number | null | undefined): string {
  return rate === null || rate === undefined ? '' : rate.toFixed(4);
}

function bps(value: number): string {
  return `${value / 100}%`;
}

function percent(part: number, whole: number): string {
  return whole === 0 ? '–' : `${((part / whole) * 100).toFixed(1)}%`;
}

function n(value: number): string {
  return value.toLocaleString('en-US');
}

function bullets(items: readonly string[]): string {
  return items.map((item) => `- ${item}`).join('\n');
}

/** A Markdown table; columns of numbers are set flush right. */
function table(heads: readonly string[], rows: readonly (readonly string[])[]): string {
  const isNumeric = (column: number) => rows.every((row) => /^[+\d.,%–-]*$/.test(row[column] ?? ''));
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  return [line(heads), line(heads.map((_, i) => (isNumeric(i) ? '--:' : '---'))), ...rows.map(line)].join(
    '\n',
  );
}
