/**
 * Sensors, custody and models: planted faults that are found, honest streams that are not called faulty, speed and
 * memory.
 *
 *   node packages/checks/bench/custody.ts
 */

import { existsSync, globSync, readFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { basename } from 'node:path';
import { pathToFileURL } from 'node:url';
import { serialize } from 'node:v8';
import { digestHex, type Row } from '@assay/core';
import { custody } from '../src/custody/custody.ts';
import { geodesicMetres } from '../src/custody/geodesic.ts';
import {
  HANDOVER_TERMS,
  type Handover,
  honestChain,
  honestJourney,
  JOURNEY_TERMS,
  type JourneyOptions,
  type Reading,
} from '../src/custody/journeys.fixture.ts';
import { meanKineticTemperature } from '../src/custody/mean-kinetic-temperature.ts';
import type { DetectorFinding } from '../src/detector.ts';
import { dice } from '../src/dice.fixture.ts';
import type { EdgeTask } from '../src/plugin/edge-browser.fixture.ts';
import { BROWSER, openEdgePage } from '../src/plugin/edge-page.fixture.ts';
import { nodeOnnxRuntime } from '../src/plugin/node/onnx-runtime-files.ts';
import { type OnnxDetector, openOnnxDetector } from '../src/plugin/onnx-detector.ts';
import { forestModel, linearModel } from '../src/plugin/onnx-model.fixture.ts';
import type { BenchSection } from './section.ts';

const JOURNEYS = 100;
const READINGS = 1_500;
const FAULT_AT = 800;
const NAB = new URL('../../../../shared/data/nab-dev/', import.meta.url);

export async function custodyBench(): Promise<BenchSection> {
  return {
    title: 'Sensors, custody and models at the edge',
    lines: [
      ...accuracy(),
      '',
      ...stuckOnHonestSensors(),
      '',
      ...stuckOnRealSeries(),
      '',
      ...speed(),
      '',
      ...(await models()),
    ],
  };
}

interface Fault {
  check: string;
  what: string;
  plant(rows: Reading[], random: () => number): Reading[];
}

const at = (
  rows: Reading[],
  from: number,
  count: number,
  part: (row: Reading, i: number) => Partial<Reading>,
) => rows.map((row, i) => (i >= from && i < from + count ? { ...row, ...part(row, i) } : row));
const shift = (ms: number) => (row: Reading) => ({ time: new Date(Date.parse(row.time) + ms).toISOString() });

const FAULTS: Fault[] = [
  {
    check: 'temperature',
    what: 'door open: 9 to 14 °C for 61 to 120 min (60 allowed)',
    plant: (rows, random) => {
      const celsius = (9 + 5 * random()).toFixed(1);
      return at(rows, FAULT_AT, 62 + Math.floor(60 * random()), () => ({ temperature: celsius }));
    },
  },
  {
    check: 'temperature',
    what: 'frozen once: below 0 °C',
    plant: (rows, random) => at(rows, FAULT_AT, 1, () => ({ temperature: (-0.1 - 5 * random()).toFixed(1) })),
  },
  {
    check: 'mkt',
    what: 'rest of the journey at 15 to 25 °C',
    plant: (rows, random) => {
      const celsius = (15 + 10 * random()).toFixed(1);
      return at(rows, FAULT_AT, READINGS, () => ({ temperature: celsius }));
    },
  },
  {
    check: 'jump',
    what: 'one reading 4 to 30 °C off',
    plant: (rows, random) => {
      const off = (random() < 0.5 ? -1 : 1) * (4 + 26 * random());
      return at(rows, FAULT_AT, 1, (row) => ({ temperature: (Number(row.temperature) + off).toFixed(1) }));
    },
  },
  {
    check: 'stuck',
    what: 'stands still for 2 h',
    plant: (rows) => at(rows, FAULT_AT, 120, () => ({ temperature: rows[FAULT_AT]!.temperature })),
  },
  {
    check: 'stuck',
    what: 'plays 5 to 30 recorded values again and again for 4 h',
    plant: (rows, random) => {
      const period = 5 + Math.floor(26 * random());
      return at(rows, FAULT_AT, 240, (_, i) => ({
        temperature: rows[FAULT_AT + ((i - FAULT_AT) % period)]!.temperature,
      }));
    },
  },
  {
    check: 'clock',
    what: 'set 1 to 12 whole hours back',
    plant: (rows, random) =>
      at(rows, FAULT_AT, READINGS, shift(-3_600_000 * (1 + Math.floor(12 * random())))),
  },
  {
    check: 'clock',
    what: 'stamps 10 to 600 s from the future',
    plant: (rows, random) => at(rows, FAULT_AT, 5, shift(10_000 + 590_000 * random())),
  },
  {
    check: 'clock',
    what: 'a reading sent twice',
    plant: (rows) => [...rows.slice(0, FAULT_AT), rows[FAULT_AT - 1]!, ...rows.slice(FAULT_AT)],
  },
  {
    check: 'clock',
    what: 'restarted in 1970',
    plant: (rows) =>
      at(rows, FAULT_AT, READINGS, (_, i) => ({ time: new Date((i - FAULT_AT) * 60_000).toISOString() })),
  },
  {
    check: 'route',
    what: '0.7 to 3 km beside the road for 10 min',
    plant: (rows, random) => {
      const degrees = (0.7 + 2.3 * random()) / 78;
      return at(rows, FAULT_AT, 10, (row) => ({
        latitude: (Number(row.latitude) + degrees).toFixed(6),
        longitude: (Number(row.longitude) - degrees).toFixed(6),
      }));
    },
  },
  {
    check: 'route',
    what: 'one position 5 to 500 km away',
    plant: (rows, random) =>
      at(rows, FAULT_AT, 1, (row) => ({
        latitude: (Number(row.latitude) - 0.045 - 4.5 * random()).toFixed(6),
      })),
  },
];

function accuracy(): string[] {
  const terms = custody.readTerms(JOURNEY_TERMS, 'terms');
  const { time, key } = JOURNEY_TERMS;
  const honest = Array.from({ length: JOURNEYS }, (_, seed) =>
    honestJourney({ seed: 1_000 + seed, readings: READINGS, lost: 0.02 }),
  );
  const alarms = new Map<string, { journeys: number; rows: number }>();
  for (const rows of honest) {
    for (const { check, status, rows: failed } of examine(terms, rows)) {
      const tally = alarms.get(check) ?? { journeys: 0, rows: 0 };
      if (status === 'fail') {
        tally.journeys++;
        tally.rows += (failed ?? []).reduce((sum, [from, to]) => sum + to - from + 1, 0);
      }
      alarms.set(check, tally);
    }
  }
  const lines = FAULTS.map(({ check, what, plant }) => {
    const delays: number[] = [];
    const part = JOURNEY_TERMS[check as keyof typeof JOURNEY_TERMS];
    const asked = custody.readTerms({ time, key, [check]: part }, 'terms');
    honest.forEach((rows, seed) => {
      const finding = examine(asked, plant(rows, dice(seed)))[0]!;
      const first = finding.rows
        ?.map(([from, to]) => (to >= FAULT_AT ? Math.max(from, FAULT_AT) : -1))
        .find((row) => row >= 0);
      if (finding.status === 'fail' && first !== undefined) delays.push(first - FAULT_AT);
    });
    delays.sort((a, b) => a - b);
    return `| \`custody_${check}\` | ${what} | ${delays.length} of ${JOURNEYS} | ${delays[delays.length >> 1] ?? '–'} |`;
  });
  const drift = driftFound();
  const chains = chainsFound();
  const total = JOURNEYS * READINGS;
  return [
    `Planted in ${JOURNEYS} honest journeys of ${READINGS} readings (a refrigerated lorry, a reading a minute, 2 % lost):`,
    '',
    '| Check | Fault | Found | Readings until found (median) |',
    '|---|---|---|---|',
    ...lines,
    drift,
    ...chains,
    '',
    `False alarms on the same journeys without a fault, of ${total} readings:`,
    '',
    '| Check | Journeys with an alarm | Readings |',
    '|---|---|---|',
    ...[...alarms].map(
      ([check, { journeys, rows }]) => `| \`${check}\` | ${journeys} of ${JOURNEYS} | ${rows} |`,
    ),
    '',
    `Mean kinetic temperature of 2 h at 20, 4 h at 2 and 1 h at 25 °C: ${meanKineticTemperature([
      [20, 2],
      [2, 4],
      [25, 1],
    ]).toFixed(2)} °C, published (Isopharm) 15.7. ` +
      `Geodesic (GeodTest, 17,286 km): off by ${(Math.abs(geodesicMetres({ latitude: -87.85331, longitude: 85.66836 }, { latitude: 66.48646, longitude: 16.09921 }) - 17286615.314714465) * 1e6).toFixed(1)} µm.`,
  ];
}

function driftFound(): string {
  const terms = custody.readTerms(
    {
      ...JOURNEY_TERMS,
      temperature: undefined,
      mkt: undefined,
      jump: undefined,
      stuck: undefined,
      route: undefined,
    },
    'terms',
  );
  let found = 0;
  let within = 0;
  for (let seed = 0; seed < JOURNEYS; seed++) {
    const driftPpm = 200 + 3 * seed;
    const [finding] = examine(terms, honestJourney({ seed, readings: READINGS, driftPpm }));
    if (finding!.reason.includes('100 ppm are allowed')) found++;
    const [, low, high] = /between (-?[\d.]+) and (-?[\d.]+)/.exec(finding!.reason) ?? [];
    if (Number(low) <= driftPpm && driftPpm <= Number(high)) within++;
  }
  return `| \`custody_clock\` | drift of 200 to 500 ppm (100 allowed); the interval holds the true one in ${within} of ${JOURNEYS} | ${found} of ${JOURNEYS} | – |`;
}

function chainsFound(): string[] {
  const terms = custody.readTerms(HANDOVER_TERMS, 'terms');
  const faults: [string, (row: Handover) => Partial<Handover>][] = [
    ['given by somebody who had it not', () => ({ from: 'stranger' })],
    ['3 % gone', (row) => ({ quantity: (Number(row.quantity) * 0.97).toFixed(3) })],
    ['0.2 % added', (row) => ({ quantity: (Number(row.quantity) * 1.002).toFixed(3) })],
    ['another seal', () => ({ sealFound: 'seal-x' })],
    ['before it was received', () => ({ time: '2026-02-01T00:00:00Z' })],
  ];
  const chains = Array.from({ length: JOURNEYS }, (_, seed) => honestChain(seed, `box-${seed}`, 8));
  const alarms = chains.filter((rows) => examine(terms, rows)[0]!.status !== 'pass').length;
  return [
    ...faults.map(([what, change]) => {
      const found = chains.filter((rows, seed) => {
        const row = 1 + (seed % 7);
        const planted = rows.map((link, i) => (i === row ? { ...link, ...change(link) } : link));
        return examine(terms, planted)[0]!.rows?.some(([from, to]) => from <= row && row <= to);
      }).length;
      return `| \`custody_handover\` | ${what} | ${found} of ${JOURNEYS} | 0 |`;
    }),
    `| \`custody_handover\` | (nothing: honest chains of 8) | ${alarms} of ${JOURNEYS} | – |`,
  ];
}

/** The check that learns is the one that can be wrong about honest sensors: coarse, quiet, slow ones. */
function stuckOnHonestSensors(): string[] {
  const terms = custody.readTerms(
    { time: 'time', stuck: { column: 'temperature', resolution: 0.1, minimumCoverage: 0.5 } },
    'terms',
  );
  const lines: string[] = [];
  for (const [resolution, noise] of [
    [0.1, 0.5],
    [0.1, 0.1],
    [0.1, 0.02],
    [0.5, 0.25],
    [0.5, 0.1],
    [1, 0.25],
  ] as const) {
    let alarmed = 0;
    let found = 0;
    const runs = 40;
    for (let seed = 0; seed < runs; seed++) {
      const options: JourneyOptions = { seed: 5_000 + seed, readings: 3_000, resolution, noise };
      const rows = honestJourney(options);
      if (examine(terms, rows)[0]!.status === 'fail') alarmed++;
      const planted = at(rows, 2_000, 720, () => ({ temperature: rows[2_000]!.temperature }));
      if (examine(terms, planted)[0]!.rows?.some(([, to]) => to >= 2_000)) found++;
    }
    lines.push(`| ${resolution} °C | ${noise} °C | ${alarmed} of ${runs} | ${found} of ${runs} |`);
  }
  return [
    'Stuck sensors against sensors that are honest but coarse or quiet (3,000 readings each; stuck for 720):',
    '',
    '| Resolution | Noise | Honest ones called stuck | Stuck ones found |',
    '|---|---|---|---|',
    ...lines,
  ];
}

/** Real counts and prices with many repeats: nobody planted anything there. */
function stuckOnRealSeries(): string[] {
  if (!existsSync(NAB)) return ['Real series: skipped, as the Numenta Anomaly Benchmark is not here.'];
  const terms = custody.readTerms(
    { time: 'time', stuck: { column: 'value', minimumCoverage: 0.5 } },
    'terms',
  );
  const alarmed: string[] = [];
  const called: { time: string; value: string }[] = [];
  let readings = 0;
  const files = globSync(['realTweets/*.csv', 'realAdExchange/*.csv'], { cwd: NAB }).sort();
  for (const file of files) {
    const rows = readFileSync(new URL(file, NAB), 'utf8')
      .trim()
      .split('\n')
      .slice(1)
      .map((line) => line.split(','))
      .map(([time, value]) => ({ time: `${time!.slice(0, 19).replace(' ', 'T')}Z`, value: value!.trim() }));
    readings += rows.length;
    const [finding] = examine(terms, rows);
    if (finding!.status === 'fail') {
      alarmed.push(basename(file, '.csv'));
      for (const [from, to] of finding!.rows ?? []) called.push(...rows.slice(from, to + 1));
    }
  }
  const times = called.map(({ time }) => time).sort();
  const zeros = called.filter(({ value }) => Number(value) === 0).length;
  const when =
    called.length > 0
      ? `, ${zeros} of which read 0, between ${times[0]} and ${times.at(-1)}: ${alarmed.join(', ')}`
      : '';
  return [
    `Real series (Numenta Anomaly Benchmark: ${files.length} of tweets a five minutes and of advertising prices, ${readings} readings): ${alarmed.length} called stuck, for ${called.length} readings${when}.`,
  ];
}

function speed(): string[] {
  const rows = honestJourney({ seed: 1, readings: 20_000 });
  const lines = Object.entries(JOURNEY_TERMS)
    .filter(([name]) => name !== 'time' && name !== 'key')
    .map(([name, part]) => measure(`custody_${name}`, { time: 'time', key: 'shipment', [name]: part }, rows));
  const chain = Array.from({ length: 1_000 }, (_, i) => honestChain(i, `box-${i}`, 8)).flat();
  const terms = custody.readTerms(JOURNEY_TERMS, 'terms');
  const all = custody.examine(specimenOf(rows), terms, custody.begin(terms)) as { memory: unknown };
  const kept = serialize(all.memory).length;
  return [
    `One pass over 20,000 readings of one device on one core (${cpus()[0]?.model ?? 'unknown'}), best of 3:`,
    '',
    '| Check | Rows a second | Memory kept |',
    '|---|---|---|',
    ...lines,
    measure('custody_handover', HANDOVER_TERMS, chain),
    '',
    `All six checks keep ${kept.toLocaleString('en')} bytes of one device, so that the bound of 1,024 is ${((kept * 1_024) / 2 ** 20).toFixed(1)} MiB.`,
  ];
}

function measure(name: string, asked: unknown, rows: readonly Row[]): string {
  const terms = custody.readTerms(asked, 'terms');
  let best = Number.POSITIVE_INFINITY;
  let memory: unknown;
  for (let run = 0; run < 3; run++) {
    const began = performance.now();
    ({ memory } = custody.examine(specimenOf(rows), terms, custody.begin(terms)) as { memory: unknown });
    best = Math.min(best, performance.now() - began);
  }
  return `| \`${name}\` | ${Math.round((rows.length / best) * 1_000).toLocaleString('en')} | ${serialize(memory).length.toLocaleString('en')} bytes |`;
}

async function models(): Promise<string[]> {
  const rows = honestJourney({ seed: 2, readings: 20_000 });
  const runtime = await nodeOnnxRuntime();
  const lines: string[] = [];
  for (const [what, model, output] of [
    [
      'linear and sigmoid, 2 inputs',
      linearModel([1.4, -0.1], -8),
      { name: 'probability', index: 0, means: 'fault' },
    ],
    [
      '200 boosted trees of 64 leaves, 2 inputs',
      forestModel(200, 6),
      { name: 'probabilities', index: 1, means: 'fault' },
    ],
  ] as const) {
    const card = {
      name: 'bench',
      version: '1.0.0',
      about: 'nothing',
      sha256: digestHex(model),
      input: 'features',
      inputs: [
        { column: 'temperature', low: -10, high: 30 },
        { column: 'humidity', low: 0, high: 100 },
      ],
      output,
      threshold: '0.99',
    };
    const detector = await openOnnxDetector({ model, card, runtime });
    lines.push(
      `| ${what}, ${Math.round(model.length / 1024)} KiB | ${await perSecond(detector, rows)} | ${await inChromium(model, card, rows)} |`,
    );
  }
  return [
    'ONNX models on one thread of WebAssembly, rows of decimal text in, findings out:',
    '',
    '| Model | Rows a second, Node | Rows a second, Chromium (custody beside it) |',
    '|---|---|---|',
    ...lines,
  ];
}

async function perSecond(detector: OnnxDetector, rows: readonly Row[]): Promise<string> {
  const terms = detector.readTerms({}, 'terms');
  await detector.examine(specimenOf(rows), terms, null);
  const began = performance.now();
  await detector.examine(specimenOf(rows), terms, null);
  return Math.round((rows.length / (performance.now() - began)) * 1_000).toLocaleString('en');
}

async function inChromium(model: Uint8Array, card: unknown, rows: readonly Row[]): Promise<string> {
  if (BROWSER === null) return 'skipped: no Chromium';
  const page = await openEdgePage(BROWSER, model);
  try {
    const task: EdgeTask = {
      stream: 'bench',
      observedAt: '2026-12-01T00:00:00Z',
      rows,
      custody: { terms: JOURNEY_TERMS, digest: { sha256: '0'.repeat(64) } },
      onnx: { terms: {}, card, model: '/model.onnx', runtime: '/runtime.wasm' },
      seed: new Array<number>(32).fill(1),
    };
    const { model: inference, custody: beside } = await page.time(task);
    return `${inference.toLocaleString('en')} (${beside.toLocaleString('en')})`;
  } finally {
    await page.close();
  }
}

function specimenOf(rows: readonly Row[]) {
  return { stream: 'bench', digest: '', observedAt: '2026-12-01T00:00:00Z', rows };
}

function examine(terms: ReturnType<typeof custody.readTerms>, rows: readonly Row[]): DetectorFinding[] {
  return (custody.examine(specimenOf(rows), terms, custody.begin(terms)) as { findings: DetectorFinding[] })
    .findings;
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const { title, lines } = await custodyBench();
  console.log(`## ${title}\n\n${lines.join('\n')}`);
}
