import type { Row } from '@assay/core';
import type { DetectorFinding } from '../detector.ts';
import { readColumn, readMembers, readNumber, refuseTerms } from '../terms.ts';
import type { Entry, Frame } from './custody.ts';
import { type KeyedStates, noRoom, stateOf } from './keyed-states.ts';
import { instantText, isDoubt, readValue } from './reading.ts';
import {
  decimalText,
  doubt,
  fault,
  findingOf,
  newVerdicts,
  type RowVerdicts,
  seriesOf,
  sound,
} from './row-verdicts.ts';

/** Limits of storage, and how long a shipment may be outside them altogether. */
export interface TemperatureTerms {
  column: string;
  unit: string;
  low: number | null;
  high: number | null;
  /** Beyond these no budget helps: frozen vaccine stays spoilt. */
  neverBelow: number | null;
  neverAbove: number | null;
  /** Longest interval for which two readings speak; a longer one is unknown. */
  maxGapMs: number;
  /** Time outside the limits that one shipment may spend; null judges each reading by itself. */
  budgetMs: number | null;
  minimumCoverage: number;
}

/** One shipment so far. */
interface Shipment {
  at: number;
  value: number;
  aboveMs: number;
  belowMs: number;
  /** Text of what no budget helps against; null when nothing happened. */
  spoilt: string | null;
}

export type TemperatureMemory = KeyedStates<Shipment>;

export function readTemperatureTerms(value: unknown, path: string): TemperatureTerms {
  const t = readMembers(
    value,
    path,
    ['column', 'maxGapSeconds'],
    ['unit', 'low', 'high', 'neverBelow', 'neverAbove', 'budgetSeconds', 'minimumCoverage'],
  );
  const limit = (member: unknown, name: string) =>
    member === undefined ? null : readNumber(member, `${path}.${name}`, -1_000, 1_000);
  const low = limit(t.low, 'low');
  const high = limit(t.high, 'high');
  if (low === null && high === null) refuseTerms(path, 'low or high', value);
  if (low !== null && high !== null && low >= high) refuseTerms(`${path}.low`, 'less than high', low);
  return {
    column: readColumn(t.column, `${path}.column`),
    unit: t.unit === undefined ? '°C' : readUnit(t.unit, `${path}.unit`),
    low,
    high,
    neverBelow: limit(t.neverBelow, 'neverBelow'),
    neverAbove: limit(t.neverAbove, 'neverAbove'),
    maxGapMs: readSeconds(t.maxGapSeconds, `${path}.maxGapSeconds`),
    budgetMs:
      t.budgetSeconds === undefined
        ? null
        : readNumber(t.budgetSeconds, `${path}.budgetSeconds`, 0, 366 * 86_400) * 1_000,
    minimumCoverage: readCoverage(t.minimumCoverage, `${path}.minimumCoverage`),
  };
}

/**
 * Time above and below limits. Between two readings at most `maxGapSeconds` apart the temperature is taken to move in
 * a straight line, so that an interval counts for the part in which that line is outside; a longer interval is
 * unobserved, which is not "in range".
 *
 * Without a budget every reading outside the limits fails. With one, a shipment fails from the reading at which its
 * time outside exceeds the budget, and keeps failing: what was spoilt does not heal. A reading beyond `neverBelow` or
 * `neverAbove` spoils the shipment at once.
 */
export function examineTemperature(
  rows: readonly Row[],
  entries: readonly Entry[],
  terms: TemperatureTerms,
  memory: TemperatureMemory,
  frame: Frame,
): DetectorFinding {
  const on = newVerdicts(rows.length);
  const seen = new Map<string, Shipment>();
  let observedMs = 0;
  let unobservedMs = 0;
  for (const [i, entry] of entries.entries()) {
    const value = readValue(rows[i]!, terms.column);
    if (isDoubt(entry)) doubt(on, i, entry.doubt);
    else if (isDoubt(value)) doubt(on, i, value.doubt, `${value.doubt} at ${instantText(entry.at)}`);
    else {
      const shipment = stateOf(memory, entry.key, entry.at, () => newShipment(entry.at, value));
      if (shipment === null) {
        doubt(on, i, noRoom());
        continue;
      }
      seen.set(entry.key, shipment);
      const passedMs = entry.at - shipment.at;
      if (passedMs < 0 || (passedMs === 0 && value !== shipment.value)) {
        judgeOutOfOrder(on, i, shipment, value, entry.at, terms);
        continue;
      }
      if (passedMs > terms.maxGapMs) {
        unobservedMs += passedMs;
      } else if (passedMs > 0) {
        observedMs += passedMs;
        if (terms.high !== null) shipment.aboveMs += passedMs * shareAbove(shipment.value, value, terms.high);
        if (terms.low !== null)
          shipment.belowMs += passedMs * shareAbove(-shipment.value, -value, -terms.low);
      }
      shipment.at = entry.at;
      shipment.value = value;
      judge(on, i, shipment, terms);
    }
  }
  return findingOf(on, {
    check: 'custody_temperature',
    column: terms.column,
    noun: 'readings',
    well: `lie within ${limitsText(terms)}${terms.budgetMs === null ? '' : ' or within the budget outside it'}`,
    figures: figuresOf(seen, terms, unobservedMs),
    minimumCoverage: terms.minimumCoverage,
    timeCoverage: observedMs + unobservedMs > 0 ? observedMs / (observedMs + unobservedMs) : 1,
    ...(terms.budgetMs === null
      ? {}
      : { scoreAtMost: Math.min(1, ...[...seen.values()].map((shipment) => budgetLeft(shipment, terms))) }),
    exhibits: seriesOf(on, rows, {
      title: 'Temperature, with what fails marked',
      unit: terms.unit,
      time: frame.time,
      column: terms.column,
      ...(terms.low === null ? {} : { low: decimalText(terms.low, 6) }),
      ...(terms.high === null ? {} : { high: decimalText(terms.high, 6) }),
    }),
  });
}

function newShipment(at: number, value: number): Shipment {
  return { at, value, aboveMs: 0, belowMs: 0, spoilt: null };
}

function judge(on: RowVerdicts, i: number, shipment: Shipment, terms: TemperatureTerms): void {
  const { at, value } = shipment;
  const outside = isOutside(value, terms);
  if (isSpoilt(shipment, value, at, terms)) fault(on, i, 'never', `the shipment met ${shipment.spoilt}`);
  else if (terms.budgetMs === null) {
    if (outside) fault(on, i, 'outside', outsideText(value, terms, at));
    else sound(on, i);
  } else if (outsideMs(shipment) > terms.budgetMs || (outside && terms.budgetMs === 0)) {
    fault(
      on,
      i,
      'budget',
      `the shipment was outside ${limitsText(terms)} for ${minutes(outsideMs(shipment))} of ${minutes(terms.budgetMs)} allowed by ${instantText(at)}`,
    );
  } else sound(on, i);
}

/** A reading that is late or contradicts another adds no time, but a reading outside is outside whenever it came. */
function judgeOutOfOrder(
  on: RowVerdicts,
  i: number,
  shipment: Shipment,
  value: number,
  at: number,
  terms: TemperatureTerms,
): void {
  if (isSpoilt(shipment, value, at, terms)) fault(on, i, 'never', `the shipment met ${shipment.spoilt}`);
  else if (isOutside(value, terms) && !terms.budgetMs) {
    fault(on, i, 'outside', outsideText(value, terms, at));
  } else doubt(on, i, 'order', `a reading at ${instantText(at)} is not after the one before it`);
}

function isOutside(value: number, { low, high }: TemperatureTerms): boolean {
  return (low !== null && value < low) || (high !== null && value > high);
}

/** Whether a shipment met, with this reading or before, what no budget allows. */
function isSpoilt(shipment: Shipment, value: number, at: number, terms: TemperatureTerms): boolean {
  const { neverBelow, neverAbove, unit } = terms;
  if ((neverBelow !== null && value < neverBelow) || (neverAbove !== null && value > neverAbove)) {
    shipment.spoilt ??= `${shown(value)} ${unit} at ${instantText(at)}, which no budget allows`;
  }
  return shipment.spoilt !== null;
}

/** Part of an interval in which a straight line from a to b is above a limit. */
function shareAbove(a: number, b: number, limit: number): number {
  const top = Math.max(a, b);
  const bottom = Math.min(a, b);
  if (top <= limit) return 0;
  return bottom >= limit ? 1 : (top - limit) / (top - bottom);
}

function outsideMs({ aboveMs, belowMs }: Shipment): number {
  return aboveMs + belowMs;
}

function budgetLeft(shipment: Shipment, { budgetMs }: TemperatureTerms): number {
  if (shipment.spoilt !== null) return 0;
  const spent = outsideMs(shipment);
  return spent === 0 ? 1 : budgetMs ? 1 - spent / budgetMs : 0;
}

function figuresOf(
  seen: ReadonlyMap<string, Shipment>,
  terms: TemperatureTerms,
  unobservedMs: number,
): string {
  let above = 0;
  let below = 0;
  for (const shipment of seen.values()) {
    above += shipment.aboveMs;
    below += shipment.belowMs;
  }
  const unknown =
    unobservedMs > 0
      ? ` For ${minutes(unobservedMs)} there is no reading within ${minutes(terms.maxGapMs)}: unknown.`
      : '';
  return `So far ${minutes(above)} above and ${minutes(below)} below, in ${seen.size} shipment${seen.size === 1 ? '' : 's'}.${unknown}`;
}

function outsideText(value: number, terms: TemperatureTerms, at: number): string {
  return `${shown(value)} ${terms.unit} at ${instantText(at)}, outside ${limitsText(terms)}`;
}

function limitsText({ low, high, unit }: TemperatureTerms): string {
  if (low === null) return `at most ${shown(high!)} ${unit}`;
  return high === null ? `at least ${shown(low)} ${unit}` : `${shown(low)} to ${shown(high)} ${unit}`;
}

function minutes(ms: number): string {
  return `${decimalText(ms / 60_000, 1)} min`;
}

function shown(value: number): string {
  return decimalText(value, 3);
}

/** Seconds in the contract, milliseconds inside: from a millisecond to a year. */
export function readSeconds(value: unknown, path: string): number {
  return readNumber(value, path, 0.001, 366 * 86_400) * 1_000;
}

/** Share that must have been judged for a pass; all of it when the contract is silent. */
export function readCoverage(value: unknown, path: string): number {
  return value === undefined ? 1 : readNumber(value, path, 0.01, 1);
}

export function readUnit(value: unknown, path: string): string {
  return typeof value === 'string' && value.length <= 16 && value.isWellFormed()
    ? value
    : refuseTerms(path, 'a unit of at most 16 characters', value);
}
