/**
 * Sensor and custody checks: the contract of every detector; published mean kinetic temperatures; each fault planted
 * in an honest journey is found where it is, and the honest one passes; no matter how a stream is cut the same rows
 * fail; nothing reads ahead; adding a fault never improves a score; bad input is unknown.
 */
import type { Row } from '@assay/core';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { testDetector } from '../detector.contract.ts';
import type { DetectorFinding, Specimen } from '../detector.ts';
import { custody } from './custody.ts';
import {
  HANDOVER_TERMS,
  type Handover,
  honestChain,
  honestJourney,
  JOURNEY_TERMS,
  type Reading,
  START,
} from './journeys.fixture.ts';
import { meanKineticTemperature } from './mean-kinetic-temperature.ts';

const specimenOf = (rows: readonly Row[]): Specimen => ({
  stream: 'lorry.sensors',
  digest: '0'.repeat(64),
  observedAt: '2026-04-01T00:00:00Z',
  rows,
});
const longName = (i: number) => String(i).padEnd(120, 'α');
const journey = honestJourney({ seed: 7, readings: 480 });
const chain = honestChain(7, 'box-1', 8);

testDetector(custody, {
  terms: JOURNEY_TERMS,
  badTerms: [
    { terms: { time: 'time' }, path: 'terms' },
    { terms: { ...JOURNEY_TERMS, time: 'no column!' }, path: 'terms.time' },
    { terms: { ...JOURNEY_TERMS, humidity: {} }, path: 'terms.humidity' },
    { terms: withPart('temperature', { low: 8, high: 2 }), path: 'terms.temperature.low' },
    { terms: withPart('temperature', { low: Number.NaN }), path: 'terms.temperature.low' },
    { terms: withPart('temperature', { maxGapSeconds: 0 }), path: 'terms.temperature.maxGapSeconds' },
    { terms: withPart('mkt', { activationEnergy: 1 }), path: 'terms.mkt.activationEnergy' },
    { terms: withPart('jump', { quantity: 'phlogiston' }), path: 'terms.jump.quantity' },
    { terms: withPart('jump', { latitude: 'latitude' }), path: 'terms.jump' },
    { terms: withPart('stuck', { falseAlarm: 1 }), path: 'terms.stuck.falseAlarm' },
    { terms: withPart('clock', { arrival: 7 }), path: 'terms.clock.arrival' },
    { terms: withPart('route', { route: [[51, 4]] }), path: 'terms.route.route' },
    {
      terms: withPart('route', {
        route: [
          [51, 4],
          [91, 4],
        ],
      }),
      path: 'terms.route.route[1][0]',
    },
    { terms: withPart('route', { corridorMetres: undefined }), path: 'terms.route' },
    {
      terms: { ...JOURNEY_TERMS, handover: { item: 'a', from: 'b', to: 'c', lossAllowed: 1 } },
      path: 'terms.handover.lossAllowed',
    },
    {
      terms: { ...JOURNEY_TERMS, handover: { item: 'a', from: 'b', to: 'c', sealSet: 'd' } },
      path: 'terms.handover',
    },
  ],
  specimens: [journey.slice(0, 200), changed(journey, 250, 20, { temperature: '9.9' }).slice(200)].map(
    specimenOf,
  ),
  broken: [
    specimenOf(journey.map((row) => ({ ...row, time: row.time.replace('Z', '') }))),
    specimenOf(journey.map((row) => ({ ...row, time: '2026-02-30T00:00:00Z' }))),
  ],
  // More shipments than it remembers, of names as long as they may be, in letters of two bytes.
  crowd: [0, 1].map((half) =>
    specimenOf(
      journey
        .slice(4 * half, 4 * half + 4)
        .flatMap((row) => Array.from({ length: 1_100 }, (_, i) => ({ ...row, shipment: longName(i) }))),
    ),
  ),
});

describe('hand-overs keep the contract of every detector too', () => {
  testDetector(custody, {
    terms: HANDOVER_TERMS,
    badTerms: [],
    specimens: [chain.slice(0, 4), chain.slice(4)].map(specimenOf),
    broken: [],
    crowd: [0, 1].map((half) =>
      specimenOf(
        Array.from({ length: 10_000 }, (_, i) => ({
          ...chain[0]!,
          item: longName(10_000 * half + i),
          from: longName(1),
          to: longName(2),
          sealSet: longName(i),
        })),
      ),
    ),
  });
});

describe('mean kinetic temperature', () => {
  test('published worked examples', () => {
    // Isopharm, "Mean kinetic temperature": 2 h at 20 °C, 4 h at 2 °C, 1 h at 25 °C are as 15.7 °C.
    expect(
      meanKineticTemperature([
        [20, 2],
        [2, 4],
        [25, 1],
      ]),
    ).toBeCloseTo(15.7, 1);
    // Controlled room temperature over 48 h: 16 h at 24, 5 h at 26, 3 h at 28, 24 h at 21 °C give 23.23 °C.
    expect(
      meanKineticTemperature([
        [24, 16],
        [26, 5],
        [28, 3],
        [21, 24],
      ]),
    ).toBeCloseTo(23.23, 2);
  });

  test('with one temperature it is that; it never lies below the mean, nor above the highest', () => {
    fc.assert(
      fc.property(
        fc.array(fc.double({ min: -30, max: 60, noNaN: true }), { minLength: 1, maxLength: 50 }),
        (all) => {
          const mkt = meanKineticTemperature(all.map((celsius) => [celsius, 1]));
          const mean = all.reduce((sum, celsius) => sum + celsius, 0) / all.length;
          expect(mkt).toBeGreaterThan(mean - 1e-9);
          expect(mkt).toBeLessThan(Math.max(...all) + 1e-9);
          expect(meanKineticTemperature([[all[0]!, 3]])).toBeCloseTo(all[0]!, 9);
        },
      ),
    );
  });

  test('of a stream with equal intervals it is the published sum; unequal ones are weighted by their time', () => {
    const at = (minutes: number, temperature: string) => ({
      time: new Date(START + minutes * 60_000).toISOString(),
      temperature,
    });
    const figures = (rows: Row[], limit: number) =>
      judge('mkt', { time: 'time', mkt: { column: 'temperature', limit, maxGapSeconds: 36_000 } }, rows);
    const equal = ['4.0', '4.0', '4.0', '4.0', '16.0'].map((celsius, i) => at(i * 60, celsius));
    const expected = meanKineticTemperature([
      [4, 4],
      [16, 1],
    ]);
    expect(figures(equal, 30).reason).toContain(`${expected.toFixed(2)} °C`);
    // 20 °C speaks for two hours (as the second reading's interval), 2 °C for four, 25 °C for one.
    const unequal = [at(0, '20'), at(120, '20'), at(360, '2'), at(420, '25')];
    expect(figures(unequal, 30).reason).toContain(
      `${meanKineticTemperature([
        [20, 4],
        [2, 4],
        [25, 1],
      ]).toFixed(2)} °C`,
    );
    expect(figures(unequal, 15).status).toBe('fail');
  });
});

describe('an honest journey passes, and each planted fault is found where it is', () => {
  test('honest', () => {
    const findings = examine(JOURNEY_TERMS, [journey]);
    expect(findings.map(({ check, status }) => `${check} ${status}`)).toEqual([
      'custody_temperature pass',
      'custody_mkt pass',
      'custody_jump pass',
      // 256 of 480 readings teach the sensor's noise: less than half is judged.
      'custody_stuck unknown',
      'custody_clock pass',
      'custody_route pass',
    ]);
    expect(judge('handover', HANDOVER_TERMS, chain)).toMatchObject({ status: 'pass', score: '1' });
  });

  test('temperature: each reading outside fails; a budget fails from the reading that exceeds it, and for good', () => {
    const warm = changed(journey, 100, 90, { temperature: '9' });
    const each = withPart('temperature', { budgetSeconds: undefined });
    expect(judge('temperature', each, warm)).toMatchObject({ status: 'fail', rows: [[100, 189]] });
    const finding = judge('temperature', JOURNEY_TERMS, warm);
    // 60 minutes are allowed: 9 °C from row 100, so that the line crosses 8 °C shortly before and row 160 is beyond.
    expect(finding).toMatchObject({ status: 'fail', score: '0' });
    expect(finding.rows![0]![0]).toBeGreaterThan(158);
    expect(finding.rows![0]![0]).toBeLessThan(162);
    expect(finding.rows![0]![1]).toBe(479);
    expect(finding.exhibits?.[0]).toMatchObject({ kind: 'series', unit: '°C' });
    const brief = judge('temperature', JOURNEY_TERMS, changed(journey, 100, 30, { temperature: '9' }));
    expect(brief.status).toBe('pass');
    expect(Number(brief.score)).toBeCloseTo(0.5, 1);
  });

  test('temperature: time above a limit is that of the straight line between readings', () => {
    const rows = [
      ['00', '7'],
      ['10', '9'],
      ['20', '9'],
      ['30', '7'],
    ].map(([minute, temperature]) => ({ time: `2026-03-01T00:${minute}:00Z`, temperature }));
    const terms = {
      time: 'time',
      temperature: { column: 'temperature', high: 8, maxGapSeconds: 600, budgetSeconds: 3600 },
    };
    expect(judge('temperature', terms, rows)).toMatchObject({ status: 'pass' });
    expect(judge('temperature', terms, rows).reason).toContain('20 min above and 0 min below');
  });

  test('temperature: freezing spoils a shipment for good, whatever its budget', () => {
    const frozen = judge('temperature', JOURNEY_TERMS, changed(journey, 50, 1, { temperature: '-0.1' }));
    expect(frozen).toMatchObject({ status: 'fail', rows: [[50, 479]], score: '0' });
    // A reading that comes late spoils it as well.
    const late = [...journey.slice(0, 60), { ...journey[50]!, temperature: '-2' }, ...journey.slice(60)];
    expect(judge('temperature', JOURNEY_TERMS, late)).toMatchObject({ status: 'fail', rows: [[60, 480]] });
  });

  test('temperature: missing readings are unknown, not in range', () => {
    const missing = changed(journey, 100, 120, { temperature: null });
    const finding = judge('temperature', JOURNEY_TERMS, missing);
    expect(finding.status).toBe('unknown');
    expect(finding.reason).toMatch(/120 cannot be judged: temperature is missing/);
    const silent = [...journey.slice(0, 100), ...journey.slice(220)];
    expect(judge('temperature', JOURNEY_TERMS, silent).reason).toMatch(/no reading within 10 min: unknown/);
    expect(judge('temperature', JOURNEY_TERMS, silent).status).toBe('unknown');
  });

  test('a stamp from after its own observation spoils one reading, not all that follow', () => {
    const future = changed(journey, 100, 1, { time: '2031-01-01T00:00:00Z' });
    const findings = examine(JOURNEY_TERMS, [future]);
    const by = Object.fromEntries(findings.map((finding) => [finding.check, finding]));
    expect(by.custody_clock).toMatchObject({ status: 'fail', rows: [[100, 100]] });
    for (const check of ['temperature', 'mkt', 'jump', 'route']) {
      expect(by[`custody_${check}`]!.status).toBe('pass');
      expect(by[`custody_${check}`]!.reason).toContain(
        '1 cannot be judged: a time after that of the observation',
      );
    }
  });

  test('jump: a spike fails alone, a new level fails until three readings agree on it, physics always', () => {
    const spike = judge('jump', JOURNEY_TERMS, changed(journey, 200, 1, { temperature: '25' }));
    expect(spike).toMatchObject({ status: 'fail', rows: [[200, 200]] });
    const level = judge('jump', JOURNEY_TERMS, changed(journey, 200, 50, { temperature: '25' }));
    expect(level.rows).toEqual([
      [200, 202],
      [250, 252],
    ]);
    const humid = { time: 'time', jump: { column: 'humidity', quantity: 'relative_humidity' } };
    expect(judge('jump', humid, changed(journey, 9, 2, { humidity: '100.1' })).rows).toEqual([[9, 10]]);
    const cold = judge('jump', JOURNEY_TERMS, changed(journey, 0, 1, { temperature: '-300' }));
    expect(cold.reason).toContain('absolute zero');
    const speed = {
      time: 'time',
      jump: { latitude: 'latitude', longitude: 'longitude', maxPerSecond: 40, tolerance: 30 },
    };
    expect(judge('jump', speed, journey).status).toBe('pass');
    expect(judge('jump', speed, changed(journey, 80, 1, { latitude: '40' })).rows).toEqual([[80, 80]]);
  });

  test('stuck: a constant value and a loop of recorded values, from the reading that makes them improbable', () => {
    const long = honestJourney({ seed: 3, readings: 2_000 });
    expect(judge('stuck', JOURNEY_TERMS, long).status).toBe('pass');
    const constant = judge('stuck', JOURNEY_TERMS, changed(long, 1_000, 300, { temperature: '5.1' }));
    expect(constant.status).toBe('fail');
    expect(constant.rows![0]![0]).toBeGreaterThanOrEqual(1_000);
    expect(constant.rows![0]![0]).toBeLessThan(1_060);
    expect(constant.rows!.at(-1)![1]).toBeGreaterThanOrEqual(1_299);
    const loop = long.map((row, i) =>
      i >= 1_000 && i < 1_300 ? { ...row, temperature: long[1_000 + (i % 20)]!.temperature } : row,
    );
    const looped = judge('stuck', JOURNEY_TERMS, loop);
    expect(looped.status).toBe('fail');
    expect(looped.reason).toContain('the 20 values before it again');
  });

  test('stuck: from the first reading nobody knows its noise, unless the contract says how long is too long', () => {
    const flat = changed(journey, 0, 480, { temperature: '5.0' });
    expect(judge('stuck', JOURNEY_TERMS, flat).status).toBe('unknown');
    const limited = withPart('stuck', { maximumConstantSeconds: 7200 });
    expect(judge('stuck', limited, flat).rows).toEqual([[121, 479]]);
  });

  test('clock: duplicates, disorder, resets, future stamps, time zones, silences, bursts', () => {
    const clock = (rows: Row[]) => judge('clock', JOURNEY_TERMS, rows);
    expect(clock([...journey.slice(0, 51), journey[50]!, ...journey.slice(51)])).toMatchObject({
      rows: [[51, 51]],
    });
    expect(
      clock([...journey.slice(0, 50), journey[51]!, journey[50]!, ...journey.slice(52)]).reason,
    ).toContain('came after');
    expect(clock(changed(journey, 50, 1, { time: '1970-01-01T00:00:07Z' })).reason).toContain('it was lost');
    const ahead = clock(shifted(journey, 60, 70, 90_000));
    expect(ahead.reason).toContain('after its arrival');
    // Whoever comes after a wrong stamp is not blamed for it.
    expect(ahead.rows).toEqual([[60, 69]]);
    const zone = clock(shifted(journey, 60, 480, 3_600_000));
    expect(zone.reason).toContain('1 whole hours ahead: another time zone');
    // 7,200 s behind: only the arrival tells. The first two could still be late messages.
    expect(clock(shifted(journey, 0, 480, -7_200_000))).toMatchObject({ rows: [[2, 479]] });
    expect(clock([...journey.slice(0, 100), ...journey.slice(130)])).toMatchObject({ rows: [[100, 100]] });
    const burst = journey.map((row, i) =>
      i < 100 || i > 140
        ? row
        : { ...row, time: new Date(START + 100 * 60_000 + (i - 100) * 1_000).toISOString() },
    );
    expect(clock(burst).reason).toContain('readings within');
  });

  test('clock: drift is told with an interval that holds the true one, and fails when all of it is too much', () => {
    for (const driftPpm of [-300, 15, 400]) {
      const finding = judge('clock', JOURNEY_TERMS, honestJourney({ seed: 5, readings: 1_500, driftPpm }));
      const [, low, high] = /between (-?[\d.]+) and (-?[\d.]+)/.exec(finding.reason) ?? [];
      expect(Number(low)).toBeLessThanOrEqual(driftPpm);
      expect(Number(high)).toBeGreaterThanOrEqual(driftPpm);
      expect(finding.reason.includes('where 100 ppm are allowed')).toBe(driftPpm !== 15);
      expect(finding.status).toBe(driftPpm === 15 ? 'pass' : 'fail');
    }
  });

  test('route: off the road, beyond the fence, too fast, a waypoint missed, a stop too short', () => {
    const route = (rows: Row[], part = {}) => judge('route', withPart('route', part), rows);
    const off = route(
      journey.map((row, i) =>
        i === 80 ? { ...row, latitude: (Number(row.latitude) + 0.008).toFixed(6) } : row,
      ),
    );
    expect(off).toMatchObject({ status: 'fail', rows: [[80, 80]] });
    expect(off.reason).toContain('from the route');
    expect(route(changed(journey, 200, 1, { latitude: '50.85', longitude: '5.7' })).reason).toContain(
      'inside \\"Netherlands, Maastricht\\"'.replaceAll('\\', ''),
    );
    expect(route(changed(journey, 200, 1, { latitude: '48.85', longitude: '2.35' })).reason).toContain(
      'at most 40 m/s is possible',
    );
    // A first position that was wrong is left behind after three that agree.
    const lost = route(changed(journey, 0, 1, { latitude: '48.85', longitude: '2.35' }));
    expect(lost.rows![0]).toEqual([0, 3]);
    const near = (row: Reading) =>
      Math.abs(Number(row.latitude) - 50.6326) < 0.03 && Math.abs(Number(row.longitude) - 5.5797) < 0.05;
    const missed = route(
      journey.filter((row) => !near(row)),
      { maxGapSeconds: 60, minimumCoverage: 0.5 },
    );
    expect(missed.reason).toContain('reached at');
    expect(missed.reason).toContain('without "Liège"');
    const turned = [...journey.slice(0, 436), ...journey.slice(400, 430).reverse()];
    const short = route(
      turned.map((row, i) => ({ ...row, time: new Date(START + i * 60_000).toISOString() })),
    );
    expect(short.reason).toMatch(/at "Cologne" until .* of at least 10 min/);
  });

  test('hand-overs: a stranger gives it, a gain, a loss, small losses together, a broken seal, a loop in time', () => {
    const handover = (rows: Handover[]) => judge('handover', HANDOVER_TERMS, rows);
    const at = (row: number, part: Partial<Handover>) =>
      chain.map((link, i) => (i === row ? { ...link, ...part } : link));
    expect(handover(at(3, { from: 'stranger' }))).toMatchObject({ status: 'fail', rows: [[3, 3]] });
    expect(handover(at(0, { from: 'stranger' })).reason).toContain('"maker" had it by contract');
    expect(handover(at(4, { quantity: '120' })).reason).toContain('120 handed over of');
    expect(handover(at(4, { quantity: '80' })).reason).toContain('a loss beyond 0.002');
    expect(handover(at(5, { sealFound: 'seal-0' })).reason).toContain('seal "seal-0" was found');
    expect(handover(at(5, { sealFound: null })).reason).toContain('no seal was found');
    expect(handover(at(6, { time: chain[2]!.time })).reason).toContain('before it was received');
    expect(handover(at(6, { to: chain[6]!.from })).reason).toContain('gives it to itself');
    // Thirty links that each lose 0.15 % lose 4.4 % in all.
    const leaking = honestChain(1, 'box-2', 30).map((link, i) => ({
      ...link,
      quantity: (100 * 0.9985 ** i).toFixed(3),
    }));
    expect(handover(leaking).reason).toContain('is left of');
    expect(handover(at(2, { to: null as unknown as string }))).toMatchObject({ status: 'unknown' });
    // 0.1 + 0.2 in doubles is more than 0.3; here it is not.
    const exact = chain.slice(0, 2).map((link, i) => ({ ...link, quantity: ['0.3', '0.30'][i]! }));
    expect(handover(exact).status).toBe('pass');
  });
});

describe('properties', () => {
  const faulty = [
    changed(honestJourney({ seed: 11, readings: 450, lost: 0.05 }), 200, 80, { temperature: '9.5' }),
    changed(honestJourney({ seed: 12, readings: 450 }), 260, 150, { temperature: '4.4' }),
    shifted(honestJourney({ seed: 13, readings: 450, driftPpm: 300 }), 300, 310, -20_000),
    changed(honestJourney({ seed: 14, readings: 450 }), 100, 7, { latitude: '50.7', temperature: 'NaN' }),
    changed(honestJourney({ seed: 15, readings: 450 }), 150, 200, { temperature: '20' }),
  ];

  test('however a stream is cut into observations, the same rows fail', () => {
    const whole = faulty.map((rows) => failing(JOURNEY_TERMS, [rows]));
    const failed = whole.flatMap((checks) =>
      Object.keys(checks).filter((check) => checks[check]!.length > 0),
    );
    expect(new Set(failed).size, 'each of the six checks fails somewhere').toBe(6);
    fc.assert(
      fc.property(
        fc.nat(faulty.length - 1),
        fc.uniqueArray(fc.integer({ min: 1, max: 400 }), { maxLength: 8 }),
        (which, cuts) => {
          const ends = [0, ...cuts.sort((a, b) => a - b), 10_000];
          const parts = ends.slice(1).map((end, i) => faulty[which]!.slice(ends[i], end));
          expect(failing(JOURNEY_TERMS, parts)).toEqual(whole[which]);
        },
      ),
      { numRuns: 8 },
    );
  });

  test('nothing reads ahead: later rows change no earlier verdict', () => {
    for (const rows of faulty) {
      const all = failing(JOURNEY_TERMS, [rows]);
      for (const end of [150, 305, 400]) {
        const early = failing(JOURNEY_TERMS, [rows.slice(0, end)]);
        for (const [check, failed] of Object.entries(all)) {
          expect(early[check], check).toEqual(failed.filter((row) => row < end));
        }
      }
    }
  });

  test('adding an excursion never improves a score', () => {
    const base = honestJourney({ seed: 21, readings: 400 });
    const { time, key, temperature, mkt } = JOURNEY_TERMS;
    const terms = { time, key, temperature, mkt };
    fc.assert(
      fc.property(
        fc.array(
          fc.record({
            at: fc.nat(399),
            length: fc.integer({ min: 1, max: 40 }),
            celsius: fc.integer({ min: 9, max: 40 }),
          }),
          { maxLength: 3 },
        ),
        fc.record({
          at: fc.nat(399),
          length: fc.integer({ min: 1, max: 40 }),
          celsius: fc.integer({ min: 9, max: 40 }),
        }),
        (before, added) => {
          const apply = (rows: Reading[], list: (typeof added)[]) =>
            list.reduce(
              (all, { at, length, celsius }) =>
                all.map((row, i) =>
                  i >= at && i < at + length && Number(row.temperature) < celsius
                    ? { ...row, temperature: String(celsius) }
                    : row,
                ),
              rows,
            );
          for (const check of ['temperature', 'mkt']) {
            const one = scoreOf(judge(check, terms, apply(base, before)));
            const more = scoreOf(judge(check, terms, apply(base, [...before, added])));
            expect(more, check).toBeLessThanOrEqual(one);
          }
        },
      ),
      { numRuns: 12 },
    );
  });

  test('a fault planted anywhere in an honest journey never raises any score', () => {
    const base = honestJourney({ seed: 22, readings: 400 });
    const clean = examine(JOURNEY_TERMS, [base]);
    fc.assert(
      fc.property(
        fc.nat(390),
        fc.constantFrom<Partial<Reading>>(
          { temperature: '60' },
          { latitude: '0.5' },
          { time: '2031-01-01T00:00:00Z' },
          { temperature: 'NaN' },
          { longitude: '' },
        ),
        (at, part) => {
          examine(JOURNEY_TERMS, [changed(base, at, 1, part)]).forEach((finding, i) => {
            expect(scoreOf(finding), finding.check).toBeLessThanOrEqual(scoreOf(clean[i]!));
          });
        },
      ),
      { numRuns: 12 },
    );
  });

  test('a month of silence makes room for a new name, and an item is remembered for two years', () => {
    const later = (days: number) => new Date(START + days * 86_400_000).toISOString();
    const crowd = Array.from({ length: 512 }, (_, i) => ({ ...journey[0]!, shipment: `S-${i}` }));
    const terms = withPart('temperature', { minimumCoverage: 0.01 });
    const reason = (days: number) =>
      judge('temperature', terms, [...crowd, { ...journey[1]!, shipment: 'new', time: later(days) }]).reason;
    expect(reason(29)).toContain('names at once');
    expect(reason(31)).not.toContain('names at once');
    const stranger = { ...chain[1]!, from: 'stranger', time: later(600) };
    expect(judge('handover', HANDOVER_TERMS, [chain[0]!, stranger]).status).toBe('fail');
  });

  test('names beyond the bound are unknown, not forgotten', () => {
    const crowd = Array.from({ length: 1_100 }, (_, i) => ({ ...journey[0]!, shipment: `S-${i}` }));
    const finding = judge('temperature', JOURNEY_TERMS, crowd);
    expect(finding.status).toBe('unknown');
    expect(finding.reason).toContain('more than 512 names at once');
  });
});

function withPart(
  part: keyof typeof JOURNEY_TERMS,
  members: Record<string, unknown>,
): Record<string, unknown> {
  const all = { ...(JOURNEY_TERMS[part] as object), ...members };
  return {
    ...JOURNEY_TERMS,
    [part]: Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined)),
  };
}

function changed(rows: readonly Reading[], from: number, count: number, part: Partial<Reading>): Reading[] {
  return rows.map((row, i) => (i >= from && i < from + count ? { ...row, ...part } : row));
}

function shifted(rows: readonly Reading[], from: number, to: number, ms: number): Reading[] {
  return rows.map((row, i) =>
    i >= from && i < to ? { ...row, time: new Date(Date.parse(row.time) + ms).toISOString() } : row,
  );
}

function examineAll(terms: unknown, parts: readonly (readonly Row[])[]): DetectorFinding[][] {
  const read = custody.readTerms(terms, 'terms');
  let memory = custody.begin(read);
  return parts.map((rows) => {
    const examination = custody.examine(specimenOf(rows), read, memory) as {
      findings: DetectorFinding[];
      memory: typeof memory;
    };
    memory = examination.memory;
    return examination.findings;
  });
}

function examine(terms: unknown, parts: readonly (readonly Row[])[]): DetectorFinding[] {
  return examineAll(terms, parts).at(-1)!;
}

/** One check's finding; the others of the terms are left out. */
function judge(check: string, terms: unknown, rows: readonly Row[]): DetectorFinding {
  const { time, key, [check]: part } = terms as Record<string, unknown>;
  return examine({ time, ...(key === undefined ? {} : { key }), [check]: part }, [rows])[0]!;
}

/** Failed rows of every check, counted over the whole stream. */
function failing(terms: unknown, parts: readonly (readonly Row[])[]): Record<string, number[]> {
  const failed: Record<string, number[]> = {};
  let offset = 0;
  examineAll(terms, parts).forEach((findings, part) => {
    for (const { check, rows } of findings) {
      failed[check] ??= [];
      for (const [from, to] of rows ?? [])
        for (let row = from; row <= to; row++) failed[check].push(row + offset);
    }
    offset += parts[part]!.length;
  });
  return failed;
}

/** An unknown is worth no more than a failure. */
function scoreOf(finding: DetectorFinding): number {
  return Number(finding.score ?? 0);
}
