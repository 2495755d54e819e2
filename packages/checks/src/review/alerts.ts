import {
  type Decimal,
  divRound,
  type FindingStatus,
  fromScaled,
  toScaledRounded,
  type VerdictPredicate,
} from '@assay/core';

/** One thing that is wrong with a stream, however often it happens. Plain data. */
export interface Alert {
  stream: string;
  check: string;
  severity: AlertSeverity;
  state: 'open' | 'acknowledged' | 'recovered';
  /** Of the newest failure. */
  reason: string;
  /** Whose verdict the newest failure stands in; null for what no observation caused, such as silence. */
  observation: string | null;
  /** Failures since it opened. */
  count: number;
  firstAt: string;
  lastAt: string;
  acknowledged: { at: string; by: string } | null;
  recoveredAt: string | null;
  /** Since when the check passes again, without a failure or an unknown between. */
  passingSince: string | null;
  /** How often it failed again soon after it had recovered: each time, recovery takes twice as long. */
  flaps: number;
  /** What happened to it, the newest last, at most {@link MAX_HISTORY}. */
  history: { at: string; to: Alert['state']; reason: string }[];
}

/** `critical` where a failure rejects, and where a stream says nothing at all. */
export type AlertSeverity = 'warning' | 'critical';

/** A check's newest answer about a stream. */
export interface Signal {
  stream: string;
  check: string;
  status: FindingStatus;
  severity: AlertSeverity;
  reason: string;
  at: string;
  /** Id of the observation that gave it. */
  observation?: string;
}

export const MAX_HISTORY = 50;
/** A check must pass for so long before its alert counts as over. */
export const RECOVER_SECONDS = 1_800;
/** A failure so soon after a recovery is the same trouble again. */
export const FLAP_SECONDS = 6 * 3_600;
const MAX_FLAPS = 4;

/**
 * What a signal makes of an alert.
 *
 * - A failure opens it, or counts. Somebody who acknowledged it is not told again until it recovered.
 * - Passing closes it only after {@link RECOVER_SECONDS}, doubled for every flap: one that comes and goes stays one
 *   alert, open, instead of a hundred.
 * - Unknown is no recovery: it begins the time of passing anew.
 *
 * @param alert the alert of this stream and check; null when there was none.
 * @returns the alert as it is now; null while nothing ever failed.
 */
export function observe(alert: Alert | null, signal: Signal): Alert | null {
  const { status, at } = signal;
  if (alert !== null && at < alert.lastAt) return alert;
  if (status === 'fail') return isRepeated(alert, signal) ? alert : failing(alert, signal);
  if (alert === null || alert.state === 'recovered') return alert;
  if (status === 'unknown') return alert.passingSince === null ? alert : { ...alert, passingSince: null };
  const passingSince = alert.passingSince ?? at;
  if (secondsBetween(passingSince, at) < recoverySeconds(alert)) return { ...alert, passingSince };
  const reason = `passes again since ${passingSince}`;
  return moved({ ...alert, passingSince, recoveredAt: at }, 'recovered', at, reason);
}

/** Notes that somebody has seen an alert. One that is over stays over. */
export function acknowledge(alert: Alert, by: string, at: string): Alert {
  if (alert.state !== 'open') return alert;
  return moved({ ...alert, acknowledged: { at, by } }, 'acknowledged', at, `acknowledged by ${by}`);
}

/** Ends an alert because nobody asks its question any more. */
export function withdrawn(alert: Alert, at: string, reason: string): Alert {
  return moved({ ...alert, recoveredAt: at }, 'recovered', at, reason);
}

/** How long a check must pass before its alert is over. */
export function recoverySeconds({ flaps }: Pick<Alert, 'flaps'>): number {
  return RECOVER_SECONDS * 2 ** flaps;
}

/** Asked again about the same record, the same answer is no further failure. */
function isRepeated(alert: Alert | null, { at, observation, reason }: Signal): boolean {
  if (alert === null || alert.state === 'recovered' || observation === undefined) return false;
  return alert.lastAt === at && alert.observation === observation && alert.reason === reason;
}

function failing(alert: Alert | null, signal: Signal): Alert {
  const { stream, check, severity, reason, at, observation = null } = signal;
  if (alert === null) {
    const fresh: Alert = {
      ...{ stream, check, severity, state: 'open', reason, observation, count: 1, firstAt: at, lastAt: at },
      ...{ acknowledged: null, recoveredAt: null, passingSince: null, flaps: 0, history: [] },
    };
    return moved(fresh, 'open', at, reason);
  }
  const worse = alert.severity === 'critical' ? alert.severity : severity;
  const again = { ...alert, severity: worse, reason, observation, lastAt: at, passingSince: null };
  if (alert.state !== 'recovered') return { ...again, count: alert.count + 1 };
  const flapping = secondsBetween(alert.recoveredAt!, at) <= FLAP_SECONDS;
  const reopened = { ...again, severity: flapping ? worse : severity, acknowledged: null, recoveredAt: null };
  return flapping
    ? moved(
        { ...reopened, count: alert.count + 1, flaps: Math.min(alert.flaps + 1, MAX_FLAPS) },
        'open',
        at,
        reason,
      )
    : moved({ ...reopened, count: 1, firstAt: at, flaps: 0 }, 'open', at, reason);
}

function moved(alert: Alert, to: Alert['state'], at: string, reason: string): Alert {
  const history = [...alert.history, { at, to, reason: reason.slice(0, 300).toWellFormed() }].slice(
    -MAX_HISTORY,
  );
  return { ...alert, state: to, history };
}

/** What a verdict says to the alerts: one signal a check, the worst where a check answers for several columns. */
export function signalsOf(verdict: VerdictPredicate): Signal[] {
  const { stream, observation, checkedAt: at, findings } = verdict;
  return [...Map.groupBy(findings, ({ check }) => check)].map(([check, same]) => {
    const worst = (['fail', 'unknown', 'pass'] as const).find((status) =>
      same.some((one) => one.status === status),
    )!;
    const those = same.filter(({ status }) => status === worst);
    const severity = those.some((one) => one.severity === 'reject') ? 'critical' : 'warning';
    return { stream, check, status: worst, severity, reason: those[0]!.reason, at, observation };
  });
}

/**
 * Whether a stream that promises to be fresh is silent.
 *
 * @param observation id of its newest observation, which shows since when.
 */
export function silence(
  stream: string,
  promise: { maxSeconds: number },
  newest: string,
  now: string,
  observation?: string,
): Signal {
  const silent = secondsBetween(newest, now);
  const status = silent > promise.maxSeconds ? 'fail' : 'pass';
  const reason =
    status === 'fail'
      ? `nothing since ${newest}, for ${silent} s; at most ${promise.maxSeconds} s are promised`
      : `newest data ends at ${newest}`;
  const signal = { stream, check: 'silence', status, severity: 'critical', reason, at: now } as const;
  return observation === undefined ? signal : { ...signal, observation };
}

const SCALE = 6;
/** A fall of credibility below its own mean that is worth a look: 0.2. */
const DROP = 200_000n;

/**
 * Whether a stream's credibility fell below its own running mean (each new value counts for a tenth).
 *
 * @param mean the mean before; null for a stream without one.
 * @returns the mean from now on, and the signal; unknown credibility changes no mean.
 */
export function credibilityDrop(
  stream: string,
  mean: Decimal | null,
  credibility: Decimal | null,
  at: string,
): { mean: Decimal | null; signal: Signal } {
  const about = { stream, check: 'credibility_drop', severity: 'warning', at } as const;
  if (credibility === null)
    return { mean, signal: { ...about, status: 'unknown', reason: 'no independent source could judge it' } };
  const value = toScaledRounded(credibility, SCALE);
  if (mean === null)
    return { mean: credibility, signal: { ...about, status: 'pass', reason: `is ${credibility}` } };
  const before = toScaledRounded(mean, SCALE);
  const fell = before - value >= DROP;
  return {
    mean: fromScaled(divRound(9n * before + value, 10n), SCALE),
    signal: {
      ...about,
      status: fell ? 'fail' : 'pass',
      reason: `${credibility} of its rows are confirmed by independent sources, ${mean} in the mean before`,
    },
  };
}

/** Newest first, open ones before those that are over, critical ones before warnings. */
export function inOrder(a: Alert, b: Alert): number {
  const rank = ({ state, severity }: Alert) =>
    (state === 'recovered' ? 4 : state === 'acknowledged' ? 2 : 0) + (severity === 'critical' ? 0 : 1);
  return rank(a) - rank(b) || (a.lastAt < b.lastAt ? 1 : a.lastAt > b.lastAt ? -1 : 0);
}

function secondsBetween(from: string, to: string): number {
  return (Date.parse(to) - Date.parse(from)) / 1000;
}
