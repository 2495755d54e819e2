import type { Row } from '@assay/core';
import type { DetectorFinding } from '../detector.ts';
import { readChoice, readColumn, readMembers, readNumber } from '../terms.ts';
import type { Entry, Frame } from './custody.ts';
import { type KeyedStates, noRoom, stateOf } from './keyed-states.ts';
import { exp, ln } from './portable-math.ts';
import { instantText, isDoubt, readValue } from './reading.ts';
import { decimalText, doubt, fault, findingOf, newVerdicts, seriesOf, sound } from './row-verdicts.ts';
import { readCoverage, readSeconds } from './temperature.ts';

/** J/(mol·K) as USP <1079.2> and ICH Q1A use it: with the customary 83.144 kJ/mol their quotient is 10,000 K. */
const GAS_CONSTANT = 8.3144;
const USUAL_ACTIVATION_ENERGY = 83.144;
/** Buckets of a moving window: it is exact to this part of its length. */
const BUCKETS = 128;
const SCALES = ['C', 'K', 'F'] as const;
type Scale = (typeof SCALES)[number];

export interface MktTerms {
  column: string;
  scale: Scale;
  /** Largest mean kinetic temperature, in the column's scale. */
  limit: number;
  /** ΔH/R in kelvin. */
  energyKelvin: number;
  maxGapMs: number;
  /** Length of the moving window; null takes the whole shipment. */
  windowMs: number | null;
  minimumCoverage: number;
}

/** One shipment so far: the time-weighted sum of Arrhenius rates, and of the weights. */
interface Shipment {
  at: number;
  /** Rate of a first reading, or one after a gap, that still waits for the interval it speaks for. */
  waiting: number | null;
  rateMs: number;
  ms: number;
  buckets: { index: number; rateMs: number; ms: number }[];
}

export type MktMemory = KeyedStates<Shipment>;

/**
 * Mean kinetic temperature (J. D. Haynes, "Worldwide virtual temperatures for product stability testing", J. Pharm.
 * Sci. 60, 1971; USP <1079.2>; ICH Q1A): the constant temperature that would do the same thermal harm,
 * T = (ΔH/R) / −ln(Σ wᵢ e^(−ΔH/(R Tᵢ)) / Σ wᵢ).
 *
 * @param readings degrees Celsius, each with its weight (any unit of time).
 * @param activationEnergy ΔH in kJ/mol.
 * @returns degrees Celsius; NaN for no weight.
 * @example
 * meanKineticTemperature([[20, 2], [2, 4], [25, 1]]); // 15.7 °C, although the mean is 10.4 °C
 */
export function meanKineticTemperature(
  readings: readonly (readonly [celsius: number, weight: number])[],
  activationEnergy: number = USUAL_ACTIVATION_ENERGY,
): number {
  const energy = (activationEnergy * 1_000) / GAS_CONSTANT;
  let sum = 0;
  let weights = 0;
  for (const [celsius, weight] of readings) {
    sum += weight * exp(-energy / (celsius + 273.15));
    weights += weight;
  }
  return energy / -ln(sum / weights) - 273.15;
}

export function readMktTerms(value: unknown, path: string): MktTerms {
  const t = readMembers(
    value,
    path,
    ['column', 'limit', 'maxGapSeconds'],
    ['scale', 'activationEnergy', 'windowSeconds', 'minimumCoverage'],
  );
  const energy =
    t.activationEnergy === undefined
      ? USUAL_ACTIVATION_ENERGY
      : readNumber(t.activationEnergy, `${path}.activationEnergy`, 40, 200);
  return {
    column: readColumn(t.column, `${path}.column`),
    scale: t.scale === undefined ? 'C' : readChoice(t.scale, `${path}.scale`, SCALES),
    limit: readNumber(t.limit, `${path}.limit`, -150, 500),
    energyKelvin: (energy * 1_000) / GAS_CONSTANT,
    maxGapMs: readSeconds(t.maxGapSeconds, `${path}.maxGapSeconds`),
    windowMs: t.windowSeconds === undefined ? null : readSeconds(t.windowSeconds, `${path}.windowSeconds`),
    minimumCoverage: readCoverage(t.minimumCoverage, `${path}.minimumCoverage`),
  };
}

/**
 * Holds each shipment's mean kinetic temperature so far against its limit. A reading speaks for the time since the
 * one before it, the first and one after a gap for as long as the next: with equal intervals this is exactly the
 * published sum of equal weights.
 */
export function examineMkt(
  rows: readonly Row[],
  entries: readonly Entry[],
  terms: MktTerms,
  memory: MktMemory,
  frame: Frame,
): DetectorFinding {
  const on = newVerdicts(rows.length);
  const reached = new Map<string, number>();
  const limitKelvin = toKelvin(terms.limit, terms.scale);
  let observedMs = 0;
  let unobservedMs = 0;
  for (const [i, entry] of entries.entries()) {
    const value = readValue(rows[i]!, terms.column);
    if (isDoubt(entry)) {
      doubt(on, i, entry.doubt);
      continue;
    }
    if (isDoubt(value)) {
      doubt(on, i, value.doubt, `${value.doubt} at ${instantText(entry.at)}`);
      continue;
    }
    const kelvin = toKelvin(value, terms.scale);
    // Outside this range the formula's assumption, one activation energy, has no meaning, and the sum overflows.
    if (!(kelvin >= 123.15 && kelvin <= 473.15)) {
      doubt(on, i, 'range', `${decimalText(value, 3)} at ${instantText(entry.at)} is no storage temperature`);
      continue;
    }
    const shipment = stateOf(memory, entry.key, entry.at, () => newShipment(entry.at));
    if (shipment === null) {
      doubt(on, i, noRoom());
      continue;
    }
    const rate = exp(-terms.energyKelvin / kelvin);
    const passedMs = entry.at - shipment.at;
    const isFirst = shipment.ms === 0 && shipment.waiting === null;
    if (!isFirst && passedMs <= 0) {
      doubt(on, i, 'order', `a reading at ${instantText(entry.at)} is not after the one before it`);
      continue;
    }
    if (isFirst || passedMs > terms.maxGapMs) {
      if (!isFirst) unobservedMs += passedMs;
      shipment.waiting = rate;
    } else {
      observedMs += passedMs;
      add(
        shipment,
        (rate + (shipment.waiting ?? 0)) * passedMs,
        passedMs * (shipment.waiting === null ? 1 : 2),
        entry.at,
        terms,
      );
      shipment.waiting = null;
    }
    shipment.at = entry.at;
    const mkt = mktOf(shipment, rate, terms.energyKelvin);
    reached.set(entry.key, mkt);
    if (mkt > limitKelvin) {
      fault(
        on,
        i,
        'limit',
        `mean kinetic temperature of ${fromKelvinText(mkt, terms.scale)} by ${instantText(entry.at)}, above ${fromKelvinText(limitKelvin, terms.scale)}`,
      );
    } else sound(on, i);
  }
  const highest = Math.max(...reached.values());
  return findingOf(on, {
    check: 'custody_mkt',
    column: terms.column,
    noun: 'readings',
    well: `keep the mean kinetic temperature at or below ${fromKelvinText(limitKelvin, terms.scale)}`,
    figures: `${reached.size > 0 ? `Highest at the end: ${fromKelvinText(highest, terms.scale)}, of ${reached.size} shipment${reached.size === 1 ? '' : 's'}.` : ''}${unobservedMs > 0 ? ` For ${decimalText(unobservedMs / 60_000, 1)} min there is no reading: unknown.` : ''}`,
    minimumCoverage: terms.minimumCoverage,
    timeCoverage: observedMs + unobservedMs > 0 ? observedMs / (observedMs + unobservedMs) : 1,
    exhibits: seriesOf(on, rows, {
      title: 'Temperature while the mean kinetic temperature was above its limit',
      unit: terms.scale === 'K' ? 'K' : `°${terms.scale}`,
      time: frame.time,
      column: terms.column,
      high: decimalText(terms.limit, 6),
    }),
  });
}

function newShipment(at: number): Shipment {
  return { at, waiting: null, rateMs: 0, ms: 0, buckets: [] };
}

function add(shipment: Shipment, rateMs: number, ms: number, at: number, { windowMs }: MktTerms): void {
  shipment.rateMs += rateMs;
  shipment.ms += ms;
  if (windowMs === null) return;
  const index = Math.floor((at * BUCKETS) / windowMs);
  const last = shipment.buckets.at(-1);
  if (last?.index === index) {
    last.rateMs += rateMs;
    last.ms += ms;
  } else shipment.buckets.push({ index, rateMs, ms });
  shipment.buckets = shipment.buckets.filter((bucket) => bucket.index > index - BUCKETS);
  // Summed again rather than subtracted, so that rounding never piles up.
  shipment.rateMs = 0;
  shipment.ms = 0;
  for (const bucket of shipment.buckets) {
    shipment.rateMs += bucket.rateMs;
    shipment.ms += bucket.ms;
  }
}

/** A shipment with one reading is as warm as that reading. */
function mktOf(shipment: Shipment, rate: number, energyKelvin: number): number {
  const mean = shipment.ms > 0 ? shipment.rateMs / shipment.ms : rate;
  return energyKelvin / -ln(mean);
}

function toKelvin(value: number, scale: Scale): number {
  if (scale === 'K') return value;
  return (scale === 'F' ? (value - 32) / 1.8 : value) + 273.15;
}

function fromKelvinText(kelvin: number, scale: Scale): string {
  if (scale === 'K') return `${decimalText(kelvin, 2)} K`;
  const celsius = kelvin - 273.15;
  return `${decimalText(scale === 'F' ? celsius * 1.8 + 32 : celsius, 2)} °${scale}`;
}
