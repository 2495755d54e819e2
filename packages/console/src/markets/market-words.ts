import { describeStream, price } from '../words.ts';

/** How the market room says numbers. What is not known is said in words, never as a zero or a dash. */

export const UNKNOWN = 'unknown';

/** `2023-03-11` of an instant. */
export function day(instant: string): string {
  return instant.slice(0, 10);
}

/** A fixed number of digits after the point, with groups and a true minus sign; null is "unknown". */
export function digits(text: string | null | undefined, places: number): string {
  const value = numberOf(text);
  if (value === null) return UNKNOWN;
  return price(value.toFixed(places).replace(/^-(?=[0.]*$)/, '')).replace('-', '−');
}

/** As {@link digits}, with its sign: `+1.20`, `−0.40`, `0.00`. */
export function signed(text: string | null | undefined, places: number): string {
  const shown = digits(text, places);
  return shown === UNKNOWN || shown.startsWith('−') || /^[0.]*$/.test(shown) ? shown : `+${shown}`;
}

/** A signed share in hundredths: `+1.20 %`. */
export function signedPercent(text: string | null | undefined, places = 1): string {
  const shown = signed(text, places);
  return shown === UNKNOWN ? shown : `${shown}\u00a0%`;
}

/** An amount in hundredths that has no sign, such as a fall: `57.7 %`. */
export function percent(text: string | null | undefined, places = 1): string {
  const shown = digits(text, places);
  return shown === UNKNOWN ? shown : `${shown}\u00a0%`;
}

/** A fraction from 0 to 1 in hundredths. */
export function share(text: string | null | undefined, places = 1): string {
  const value = numberOf(text);
  return value === null ? UNKNOWN : `${digits(String(value * 100), places)}\u00a0%`;
}

/** A price to five significant digits, as a table has room for; the whole of it stands in the record. */
export function shortPrice(text: string | null | undefined): string {
  const value = numberOf(text);
  if (value === null) return UNKNOWN;
  if (value === 0) return '0';
  const whole = Math.floor(Math.log10(Math.abs(value))) + 1;
  return digits(String(value), Math.min(12, Math.max(0, whole >= 4 ? 2 : 5 - whole)));
}

const SIZES = [
  [1e12, 'tn'],
  [1e9, 'bn'],
  [1e6, 'm'],
  [1e3, 'k'],
] as const;

/** An amount in dollars to three significant digits: `$1.23 bn`. */
export function dollars(text: string | null | undefined): string {
  const value = numberOf(text);
  if (value === null) return UNKNOWN;
  return `$${amount(value)}`;
}

/** A quantity to three significant digits: `1.23 bn`. */
export function amount(value: number): string {
  for (const [size, name] of SIZES) {
    // 999.6 thousand is a million to three digits.
    if (Math.abs(value) >= size * 0.9995) return `${(value / size).toPrecision(3)}\u00a0${name}`;
  }
  return digits(String(value), Math.abs(value) >= 100 ? 0 : 2);
}

/** The number in a decimal string, for pixels and for sorting only; null for what is not one. */
export function numberOf(text: string | null | undefined): number | null {
  if (text === null || text === undefined || text === '') return null;
  const value = Number(text);
  return Number.isFinite(value) ? value : null;
}

export const SIGNALS = {
  '1': { word: 'long', sign: '▲' },
  '0': { word: 'flat', sign: '■' },
  '-1': { word: 'short', sign: '▼' },
} as const;

export const PARTS: Record<string, string> = {
  technical: 'Technical',
  exchange: 'Exchange',
  onChain: 'On chain',
  fundamental: 'Fundamental',
  sentiment: 'Sentiment',
};

/** `rsi14` or `realisedVolatility` as words. */
export function spaced(name: string): string {
  return name
    .replace(/([a-z])([A-Z])/g, (_, end: string, start: string) => `${end} ${start.toLowerCase()}`)
    .replace(/[-_.]/g, ' ');
}

/** The venue that a stream of daily bars comes from. */
export function venueOf(stream: string): string {
  const [, venue] = /^([a-z0-9-]+)\.bars\.1d$/.exec(stream) ?? [];
  return venue ? `${venue[0]?.toUpperCase()}${venue.slice(1)}` : describeStream(stream);
}

/** A link that may be followed; null for what is no web address: links come from strangers' feeds. */
export function webAddress(link: string): string | null {
  try {
    const { protocol, href } = new URL(link);
    return protocol === 'https:' || protocol === 'http:' ? href : null;
  } catch {
    return null;
  }
}
