/**
 * A detector of your own in one file: a battery whose voltage falls faster than its chemistry allows. A lithium-ion
 * pack cannot lose its charge quicker than it can be discharged; a telemetry feed that says so has a wrong sensor, a
 * swapped pack or made-up rows.
 *
 *   node examples/custom-detector.ts            # looks at the rows below and prints what it finds
 *
 * `export default` is all that Assay asks for. It loads the file by `loadDetectors(['examples/custom-detector.ts'])`
 * and names its SHA-256 in verdicts.
 */
import { readFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import {
  type Detector,
  type DetectorFinding,
  readChoice,
  readColumn,
  readInteger,
  readMembers,
  readNumber,
} from '@assay/checks/plugin';
import { divRound, fromScaled, type Row } from '@assay/core';

/** Cell voltages between which each chemistry works, full and empty (datasheets' usual values). */
const CHEMISTRIES = {
  'li-ion-nmc': { fullVolts: 4.2, emptyVolts: 2.5 },
  lifepo4: { fullVolts: 3.65, emptyVolts: 2.5 },
  'lead-acid': { fullVolts: 2.15, emptyVolts: 1.75 },
} as const;

interface Terms {
  time: string;
  voltage: string;
  chemistry: keyof typeof CHEMISTRIES;
  cells: number;
  /** Greatest current in multiples of the capacity: 2 empties a full pack in half an hour. */
  maxCRate: number;
}

/** The last reading that could be true. */
type Memory = { at: number; volts: number } | null;

const batterySag: Detector<Terms, Memory> = {
  name: 'battery_sag',
  version: '1.0.0',

  readTerms(value, path) {
    const terms = readMembers(value, path, ['time', 'voltage', 'chemistry', 'cells'], ['maxCRate']);
    const known = Object.keys(CHEMISTRIES) as Terms['chemistry'][];
    return {
      time: readColumn(terms.time, `${path}.time`),
      voltage: readColumn(terms.voltage, `${path}.voltage`),
      chemistry: readChoice(terms.chemistry, `${path}.chemistry`, known),
      cells: readInteger(terms.cells, `${path}.cells`, 1, 500),
      maxCRate: terms.maxCRate === undefined ? 2 : readNumber(terms.maxCRate, `${path}.maxCRate`, 0.01, 100),
    };
  },

  begin: () => null,

  examine(specimen, terms, memory) {
    const { fullVolts, emptyVolts } = CHEMISTRIES[terms.chemistry];
    const fullPack = fullVolts * terms.cells;
    const emptyPack = emptyVolts * terms.cells;
    // A load pulls the voltage down at once by about a tenth of its range; the rest takes as long as the charge lasts.
    const sagVolts = (fullPack - emptyPack) / 10;
    const voltsPerSecond = ((fullPack - emptyPack) * terms.maxCRate) / 3600;
    const failed: number[] = [];
    let last = memory;
    let judged = 0;
    let unread = 0;
    let first = '';
    for (const [i, row] of (specimen.rows ?? []).entries()) {
      const reading = readRow(row, terms);
      if (reading === null || (last !== null && reading.at <= last.at)) {
        unread++;
        continue;
      }
      const { at, volts } = reading;
      const seconds = last === null ? 0 : (at - last.at) / 1000;
      const allowed = sagVolts + voltsPerSecond * seconds;
      judged++;
      if (volts < 0 || volts > fullPack * 1.05 || (last !== null && last.volts - volts > allowed)) {
        failed.push(i);
        first ||= `row ${i} says ${volts} V, ${seconds} s after ${last?.volts ?? 'no'} V; ${allowed.toFixed(2)} V less is the most that ${terms.cells} cells of ${terms.chemistry} can lose`;
      } else last = reading;
    }
    return {
      findings: [findingOf({ failed, judged, unread, first, column: terms.voltage })],
      memory: last,
    };
  },
};

export default batterySag;

function findingOf(seen: {
  failed: number[];
  judged: number;
  unread: number;
  first: string;
  column: string;
}): DetectorFinding {
  const { failed, judged, unread, first, column } = seen;
  const head = { check: 'battery_sag_rate', column };
  if (judged === 0 || (failed.length === 0 && unread > 0)) {
    // What could not be read might be the row that is wrong: unknown is never green.
    return {
      ...head,
      status: 'unknown',
      reason: `${unread} rows have no readable, later time and voltage; ${judged} have`,
    };
  }
  const score = fromScaled(divRound(BigInt(judged - failed.length) * 1_000_000n, BigInt(judged)), 6);
  if (failed.length === 0) {
    return {
      ...head,
      status: 'pass',
      score,
      reason: `${judged} voltages fall no faster than the cells can be discharged`,
    };
  }
  return {
    ...head,
    status: 'fail',
    score,
    rows: failed.map((row) => [row, row]),
    reason: `${failed.length} of ${judged} voltages cannot be: ${first}`,
  };
}

function readRow(row: Row, terms: Terms): { at: number; volts: number } | null {
  const cells = (row ?? {}) as Record<string, unknown>;
  const [time, text] = [cells[terms.time], cells[terms.voltage]];
  if (typeof time !== 'string' || !/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/.test(time)) return null;
  if (typeof text !== 'string' || !/^-?\d{1,6}(\.\d{1,9})?$/.test(text)) return null;
  const at = Date.parse(time);
  return Number.isNaN(at) ? null : { at, volts: Number(text) };
}

/** Run as a program: the contract beside this file asks for the detector, and the rows have one fault. */
async function main(): Promise<void> {
  const { parseContract } = await import('@assay/checks');
  const contract = parseContract(
    readFileSync(new URL('contracts/van.battery.odcs.yaml', import.meta.url), 'utf8'),
  );
  const asked = contract.detectors.find(({ detector }) => detector === batterySag.name)!;
  const terms = batterySag.readTerms(asked.terms, asked.path);
  const rows = ['52.1', '52.0', '51.8', '51.9', '43.2', '51.7', '51.5'].map((voltage, i) => ({
    time: `2026-03-01T06:0${i}:00Z`,
    voltage,
  }));
  const { findings } = await batterySag.examine(
    { stream: contract.name, digest: '', observedAt: '2026-03-01T06:10:00Z', rows },
    terms,
    batterySag.begin(terms),
  );
  for (const { check, status, reason, rows: failed } of findings) {
    console.log(
      `${check}: ${status} (${asked.severity})${failed ? `, rows ${JSON.stringify(failed)}` : ''}\n  ${reason}`,
    );
  }
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) await main();
