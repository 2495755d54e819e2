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

/** A price with groups; digits are never cut. */
export function price(text: string): string {
  const [whole = '', fraction] = text.split('.');
  return whole.replace(/\B(?=(\d{3})+$)/g, '\u202f') + (fraction === undefined ? '' : `.${fraction}`);
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

/** What a stream is, in words. */
export function describeStream(stream: string): string {
  const [venue = '', pair = '', ...rest] = stream.split('.');
  if (venue === 'assay')
    return `${pair.replace('-', '/')} reference rate, ${rest.at(-1) === '1h' ? 'hourly' : 'by the minute'}`;
  return `${pair.replace('-', '/')} at ${VENUES[venue] ?? venue}`;
}
