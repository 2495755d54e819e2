/** Hours of a day in which nobody is to be disturbed, on the clocks of a time zone. */
export interface QuietHours {
  /** `HH:MM`; later than `to` when they go over midnight. */
  from: string;
  to: string;
  /** IANA name, such as `Europe/Berlin`. */
  zone: string;
}

const MINUTE_MS = 60_000;
const DAY_MINUTES = 1_440;

/**
 * When quiet hours that hold now are over.
 *
 * @returns milliseconds, or null when it is not quiet now.
 * @example quietUntil({ from: '22:00', to: '07:00', zone: 'UTC' }, Date.UTC(2024, 0, 1, 23)); // 07:00 on 2 January
 */
export function quietUntil(quiet: QuietHours, nowMs: number): number | null {
  const [from, to] = [minutesOf(quiet.from), minutesOf(quiet.to)];
  const now = localMinutes(quiet.zone, nowMs);
  const since = (now - from + DAY_MINUTES) % DAY_MINUTES;
  const length = (to - from + DAY_MINUTES) % DAY_MINUTES;
  if (since >= length) return null;
  let endMs = Math.floor(nowMs / MINUTE_MS) * MINUTE_MS + (length - since) * MINUTE_MS;
  // Clocks may be put forward or back meanwhile: the end is when they really show it.
  const off = (localMinutes(quiet.zone, endMs) - to + DAY_MINUTES) % DAY_MINUTES;
  if (off !== 0) endMs -= (off > DAY_MINUTES / 2 ? off - DAY_MINUTES : off) * MINUTE_MS;
  return endMs;
}

/** Whether a text is a time like 07:30. */
export function isTimeOfDay(text: unknown): text is string {
  return typeof text === 'string' && /^([01]\d|2[0-3]):[0-5]\d$/.test(text);
}

/** Whether this machine knows a time zone. */
export function isTimeZone(zone: unknown): zone is string {
  if (typeof zone !== 'string' || !/^[A-Za-z][A-Za-z0-9_+/-]{0,63}$/.test(zone)) return false;
  try {
    new Intl.DateTimeFormat('en', { timeZone: zone });
    return true;
  } catch {
    return false;
  }
}

function minutesOf(time: string): number {
  const [hours = 0, minutes = 0] = time.split(':').map(Number);
  return hours * 60 + minutes;
}

function localMinutes(timeZone: string, ms: number): number {
  const parts = new Intl.DateTimeFormat('en-GB', {
    timeZone,
    hour: '2-digit',
    minute: '2-digit',
    hourCycle: 'h23',
  })
    .formatToParts(ms)
    .map(({ type, value }) => [type, Number(value)] as const);
  const { hour = 0, minute = 0 } = Object.fromEntries(parts);
  return hour * 60 + minute;
}
