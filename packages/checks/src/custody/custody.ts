import type { Row } from '@assay/core';
import type { Detector, DetectorFinding, Examination } from '../detector.ts';
import { readColumn, readMembers, refuseTerms } from '../terms.ts';
import { type ClockMemory, type ClockTerms, examineClock, readClockTerms } from './clock.ts';
import { examineHandover, type HandoverMemory, type HandoverTerms, readHandoverTerms } from './handover.ts';
import { examineJump, type JumpMemory, type JumpTerms, readJumpTerms } from './jump.ts';
import { examineMkt, type MktMemory, type MktTerms, readMktTerms } from './mean-kinetic-temperature.ts';
import { type Doubt, isDoubt, parseInstant, readInstant, readName } from './reading.ts';
import { examineRoute, type RouteMemory, type RouteTerms, readRouteTerms } from './route.ts';
import { examineStuck, readStuckTerms, type StuckMemory, type StuckTerms } from './stuck.ts';
import {
  examineTemperature,
  readTemperatureTerms,
  type TemperatureMemory,
  type TemperatureTerms,
} from './temperature.ts';

/** What a contract asks: the columns that every check shares, and the terms of each check that it wants. */
export interface CustodyTerms {
  /** Column with the device's time. */
  time: string;
  /** Column that says whose reading a row is: a device, a shipment. Null when the stream has one. */
  key: string | null;
  temperature?: TemperatureTerms;
  mkt?: MktTerms;
  jump?: JumpTerms;
  stuck?: StuckTerms;
  clock?: ClockTerms;
  route?: RouteTerms;
  handover?: HandoverTerms;
}

export interface CustodyMemory {
  temperature: TemperatureMemory;
  mkt: MktMemory;
  jump: JumpMemory;
  stuck: StuckMemory;
  clock: ClockMemory;
  route: RouteMemory;
  handover: HandoverMemory;
}

/** A row's name and time, or why they cannot be read. */
export type Entry = { key: string; at: number } | Doubt;

/** What all checks of one observation share. */
export interface Frame {
  time: string;
  observedAt: string;
}

const CHECKS = ['temperature', 'mkt', 'jump', 'stuck', 'clock', 'route', 'handover'] as const;
type Check = (typeof CHECKS)[number];
/** An observation's payload is at most 4 MiB; no honest row is shorter than 16 bytes. */
const MAX_ROWS = 262_144;
/** Clocks of devices and of who receives them differ by a little. */
const MAX_AHEAD_MS = 300_000;

/**
 * Readings of sensors and the custody of things: temperature and mean kinetic temperature against limits and budgets,
 * impossible changes, stuck sensors, wrong clocks, positions against a planned route, and hand-overs.
 *
 * One pass over the rows for each check that the terms ask for; memory is bounded by 512 names a check, and 4,096 items handed over. Rows are
 * judged by what came before them alone, so that it does not matter how a stream is cut into observations.
 *
 * @example
 * const terms = custody.readTerms({ time: 'time', temperature: { column: 't', low: 2, high: 8, maxGapSeconds: 900 } }, 'terms');
 * const { findings } = await custody.examine({ stream, digest, observedAt, rows }, terms, custody.begin(terms));
 */
export const custody: Detector<CustodyTerms, CustodyMemory> = {
  name: 'custody',
  version: '1.0.0',

  readTerms(value, path) {
    const t = readMembers(value, path, ['time'], ['key', ...CHECKS]);
    if (!CHECKS.some((check) => t[check] !== undefined)) {
      refuseTerms(path, `one or more of ${CHECKS.join(', ')}`, value);
    }
    return {
      time: readColumn(t.time, `${path}.time`),
      key: t.key === undefined ? null : readColumn(t.key, `${path}.key`),
      ...(t.temperature === undefined
        ? {}
        : { temperature: readTemperatureTerms(t.temperature, `${path}.temperature`) }),
      ...(t.mkt === undefined ? {} : { mkt: readMktTerms(t.mkt, `${path}.mkt`) }),
      ...(t.jump === undefined ? {} : { jump: readJumpTerms(t.jump, `${path}.jump`) }),
      ...(t.stuck === undefined ? {} : { stuck: readStuckTerms(t.stuck, `${path}.stuck`) }),
      ...(t.clock === undefined ? {} : { clock: readClockTerms(t.clock, `${path}.clock`) }),
      ...(t.route === undefined ? {} : { route: readRouteTerms(t.route, `${path}.route`) }),
      ...(t.handover === undefined ? {} : { handover: readHandoverTerms(t.handover, `${path}.handover`) }),
    };
  },

  begin: () => ({
    temperature: new Map(),
    mkt: new Map(),
    jump: new Map(),
    stuck: new Map(),
    clock: new Map(),
    route: new Map(),
    handover: new Map(),
  }),

  examine(specimen, terms, memory): Examination<CustodyMemory> {
    const { rows } = specimen;
    const trouble =
      rows === undefined
        ? 'the observation has no rows'
        : rows.length === 0
          ? 'the observation has no row'
          : rows.length > MAX_ROWS
            ? `expected at most ${MAX_ROWS} rows, got ${rows.length}`
            : null;
    if (rows === undefined || trouble !== null) {
      return { findings: asked(terms).map((check) => unreadable(check, trouble!)), memory };
    }
    const frame: Frame = { time: terms.time, observedAt: specimen.observedAt };
    const stamped = rows.map((row) => readEntry(row, terms));
    const observed = parseInstant(specimen.observedAt) ?? Number.POSITIVE_INFINITY;
    const entries = stamped.map((entry) => timely(entry, observed + MAX_AHEAD_MS));
    const findings: DetectorFinding[] = [];
    if (terms.temperature)
      findings.push(examineTemperature(rows, entries, terms.temperature, memory.temperature, frame));
    if (terms.mkt) findings.push(examineMkt(rows, entries, terms.mkt, memory.mkt, frame));
    if (terms.jump) findings.push(examineJump(rows, entries, terms.jump, memory.jump, frame));
    if (terms.stuck) findings.push(examineStuck(rows, entries, terms.stuck, memory.stuck, frame));
    if (terms.clock) findings.push(examineClock(rows, stamped, terms.clock, memory.clock, frame));
    if (terms.route) findings.push(examineRoute(rows, entries, terms.route, memory.route, frame));
    if (terms.handover) findings.push(examineHandover(rows, terms.handover, memory.handover, frame));
    return { findings, memory };
  },
};

function readEntry(row: Row, { time, key }: CustodyTerms): Entry {
  const at = readInstant(row, time);
  if (isDoubt(at)) return at;
  const name = key === null ? '' : readName(row, key);
  return isDoubt(name) ? name : { key: name, at };
}

/** A reading from after its own observation would make every later one look late: its time is not believed. */
function timely(entry: Entry, latest: number): Entry {
  return !isDoubt(entry) && entry.at > latest ? { doubt: 'a time after that of the observation' } : entry;
}

function asked(terms: CustodyTerms): Check[] {
  return CHECKS.filter((check) => terms[check] !== undefined);
}

function unreadable(check: Check, reason: string): DetectorFinding {
  return { check: `custody_${check}`, status: 'unknown', reason };
}
