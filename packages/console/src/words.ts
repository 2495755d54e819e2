import type { RecordDetail } from '@assay/pipeline';

/** How the console says things: ages, counts, names. */

/** Age of an instant in the largest unit that is not zero. */
export function age(instant: string, nowMs: number): string {
  const seconds = Math.max(0, Math.round((nowMs - Date.parse(instant)) / 1000));
  if (seconds < 90) return `${seconds} s`;
  if (seconds < 5_400) return `${Math.round(seconds / 60)} min`;
  if (seconds < 172_800) return `${Math.round(seconds / 3600)} h`;
  return `${Math.round(seconds / 86_400)} d`;
}

/** A whole number with thin groups. */
export function count(value: number): string {
  return value.toLocaleString('en-US').replaceAll(',', '\u202f');
}

/** A price with groups; digits are never cut, and what is not a plain number stays as it is. */
export function price(text: string): string {
  if (!/^-?\d+(\.\d+)?$/.test(text)) return text;
  const [whole = '', fraction] = text.split('.');
  return whole.replace(/\B(?=(\d{3})+$)/g, '\u202f') + (fraction === undefined ? '' : `.${fraction}`);
}

/** An amount in the smallest unit as ASSAY, with groups; no digit is lost. */
export function tokens(amount: string): string {
  const digits = amount.padStart(19, '0');
  const fraction = digits.slice(-18).replace(/0+$/, '');
  return price(fraction === '' ? digits.slice(0, -18) : `${digits.slice(0, -18)}.${fraction}`);
}

/** A share from 0 to 1 in hundredths. */
export function percent(share: string): string {
  return `${(Number(share) * 100).toFixed(1)}\u00a0%`;
}

/** A length of time in its largest whole unit: `10 min`, `2 d`. */
export function span(seconds: number): string {
  if (seconds % 86_400 === 0 && seconds > 0) return `${seconds / 86_400} d`;
  if (seconds % 3_600 === 0 && seconds > 0) return `${seconds / 3_600} h`;
  if (seconds % 60 === 0 && seconds > 0) return `${seconds / 60} min`;
  return `${seconds} s`;
}

/** How far off an instant is, on either side. */
export function clock(instant: string, nowMs: number): string {
  const ahead = Date.parse(instant) - nowMs;
  if (ahead > 0) return `in ${age(new Date(nowMs).toISOString(), nowMs + ahead)}`;
  return `${age(instant, nowMs)} ago`;
}

/** `2023-03-11 07:00` in UTC. */
export function moment(instant: string): string {
  return instant.replace('T', ' ').replace(/(:00)?Z$/, '');
}

/** The beginning of a digest. */
export function short(id: string): string {
  const [digest = '', row] = id.split('.');
  return `${digest.slice(0, 10)}…${row === undefined ? '' : `.${row}`}`;
}

const VENUES: Record<string, string> = { binance: 'Binance', coinbase: 'Coinbase', kraken: 'Kraken' };

/** A market stream's name taken apart: `kraken.BTC-USD.1m`; null for every other stream. */
function marketOf(stream: string): { venue: string; pair: string; interval: string } | null {
  const [, venue, pair, interval] =
    /^([a-z0-9]+)\.([A-Z0-9]+-[A-Z0-9]+)\.(?:[a-z-]+\.)?(1[mh])$/.exec(stream) ?? [];
  return venue && pair && interval ? { venue, pair: pair.replace('-', '/'), interval } : null;
}

/** What a stream of the market's figures holds, as `market grades`; null for every other stream. */
function figureOf(stream: string): string | null {
  const [, figure] = /^assay\.market\.([a-z]+)$/.exec(stream) ?? [];
  return figure ? `market ${figure}` : null;
}

/** What a stream is, in words. */
export function describeStream(stream: string): string {
  const figure = figureOf(stream);
  if (figure) return figure.replace(/^m/, 'M');
  const market = marketOf(stream);
  if (!market) return stream;
  const { venue, pair, interval } = market;
  if (venue === 'assay') return `${pair} reference rate, ${interval === '1h' ? 'hourly' : 'by the minute'}`;
  return `${pair} at ${VENUES[venue] ?? venue}`;
}

/** What a record is, as the subject of a sentence. */
export function describeRecord({ kind, stream }: { kind: string; stream: string }): string {
  const figure = figureOf(stream);
  if (figure) return kind === 'row' ? `this row of ${figure}` : `this day of ${figure}`;
  const market = marketOf(stream);
  if (!market) return kind === 'row' ? `this row of ${stream}` : `this observation of ${stream}`;
  const { venue, pair, interval } = market;
  if (venue === 'assay') {
    return kind === 'row'
      ? `this ${interval === '1h' ? 'hour' : 'minute'}’s ${pair} reference rate`
      : `this batch of ${pair} reference rates`;
  }
  const from = VENUES[venue] ?? venue;
  return kind === 'row' ? `this ${pair} minute from ${from}` : `this batch of ${pair} minutes from ${from}`;
}

/**
 * Why a record was not accepted: of the failed findings that decided so, the first that names its row, else the first
 * about the whole batch. Null for what was accepted.
 */
export function reasonOf({ id, decision, verdict }: Pick<RecordDetail, 'id' | 'decision' | 'verdict'>) {
  if (decision === 'accept') return null;
  const row = rowOf(id);
  // What only flags is not why something was rejected.
  const failed = (verdict?.findings ?? [])
    .filter(({ status }) => status === 'fail')
    .sort((a, b) => Number(b.severity === decision) - Number(a.severity === decision));
  const own = row === null ? failed[0] : failed.find(({ rows }) => covers(rows, row));
  return (own ?? failed.find(({ rows }) => rows === undefined))?.reason ?? null;
}

/** The row of a batch that an id names; null where it names the whole. */
export function rowOf(id: string): number | null {
  const row = id.split('.')[1];
  return row === undefined ? null : Number(row);
}

/** Whether inclusive ranges of rows hold a row. */
export function covers(ranges: [number, number][] | undefined, row: number): boolean {
  return (ranges ?? []).some(([from, to]) => from <= row && row <= to);
}
