import { dice } from '../dice.fixture.ts';
import { geodesicDestination, geodesicMetres, initialBearing, type Position } from './geodesic.ts';

/**
 * Honest journeys and the faults that tests and the bench plant in them: seeded, so that everybody gets the same
 * numbers. Sensors have noise with memory (AR 1), a daily cycle, a resolution and lost messages; clocks drift and
 * messages are late with a long tail; positions follow a road with the error of a receiver.
 */
export interface Reading {
  time: string;
  received: string;
  shipment: string;
  temperature: string | null;
  humidity: string | null;
  latitude: string;
  longitude: string;
}

function bell(random: () => number): number {
  return Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
}

export const START = Date.UTC(2026, 2, 1, 6);
export const INTERVAL_MS = 60_000;

/** Antwerp – Liège – Aachen – Cologne, roughly the motorway. */
export const ROAD: Position[] = [
  { latitude: 51.2194, longitude: 4.4025 },
  { latitude: 50.9307, longitude: 5.3378 },
  { latitude: 50.6326, longitude: 5.5797 },
  { latitude: 50.7753, longitude: 6.0839 },
  { latitude: 50.9375, longitude: 6.9603 },
];

export interface JourneyOptions {
  seed: number;
  readings: number;
  shipment?: string;
  /** °C around which the load is kept. */
  setPoint?: number;
  resolution?: number;
  /** Standard deviation of the noise, °C. */
  noise?: number;
  /** Share of messages that never arrive. */
  lost?: number;
  driftPpm?: number;
}

/** One honest journey: a refrigerated lorry on the road, a reading a minute. */
export function honestJourney(options: JourneyOptions): Reading[] {
  const {
    seed,
    readings,
    shipment = 'S-1',
    setPoint = 5,
    resolution = 0.1,
    noise = 0.25,
    lost = 0,
    driftPpm = 15,
  } = options;
  const random = dice(seed);
  const digits = Math.max(0, Math.round(-Math.log10(resolution)));
  const rounded = (value: number) => (Math.round(value / resolution) * resolution).toFixed(digits);
  const travel = drive(readings);
  const phase = random() * 2 * Math.PI;
  let wander = 0;
  const rows: Reading[] = [];
  for (let i = 0; i < readings; i++) {
    wander = 0.9 * wander + noise * Math.sqrt(1 - 0.81) * bell(random);
    const day = 0.5 * Math.sin((2 * Math.PI * i * INTERVAL_MS) / 86_400_000 + phase);
    const trueMs = START + i * INTERVAL_MS;
    const deviceMs = Math.round((START + i * INTERVAL_MS * (1 - driftPpm / 1e6)) / 1000) * 1000;
    const delayMs = 200 - 800 * Math.log(1 - random());
    const place = geodesicDestination(travel(i), random() * 360, Math.abs(4 * bell(random)));
    const drop = random() < lost;
    if (drop) continue;
    rows.push({
      time: new Date(deviceMs).toISOString(),
      received: new Date(trueMs + Math.round(delayMs)).toISOString(),
      shipment,
      temperature: rounded(setPoint + wander + day),
      humidity: (60 + 4 * wander + bell(random)).toFixed(1),
      latitude: place.latitude.toFixed(6),
      longitude: place.longitude.toFixed(6),
    });
  }
  return rows;
}

/** Along the road at a steady pace, the last tenth of the time at its end. */
function drive(readings: number): (i: number) => Position {
  const legs = ROAD.slice(1).map((to, i) => ({ from: ROAD[i]!, to, metres: geodesicMetres(ROAD[i]!, to) }));
  const total = legs.reduce((sum, { metres }) => sum + metres, 0);
  return (i) => {
    let left = Math.min(1, i / (readings * 0.9)) * total;
    for (const { from, to, metres } of legs) {
      if (left <= metres) {
        return left === 0 ? from : geodesicDestination(from, initialBearing(from, to), left);
      }
      left -= metres;
    }
    return ROAD.at(-1)!;
  };
}

export interface Handover {
  time: string;
  item: string;
  from: string;
  to: string;
  quantity: string;
  sealFound: string | null;
  sealSet: string;
}

/** One honest chain of an item from maker to pharmacy, each losing at most 0.1 % by evaporation. */
export function honestChain(seed: number, item: string, links: number): Handover[] {
  const random = dice(seed);
  const holders = [
    'maker',
    'carrier',
    'airport',
    'airline',
    'customs',
    'warehouse',
    'wholesaler',
    'pharmacy',
  ];
  let kilograms = 100;
  let seal: string | null = null;
  return Array.from({ length: links }, (_, i) => {
    kilograms *= 1 - random() * 0.001;
    const next = `seal-${Math.floor(random() * 1e6)}`;
    const row: Handover = {
      time: new Date(START + i * 7_200_000 + Math.floor(random() * 3_600_000)).toISOString(),
      item,
      from: holders[i % holders.length]!,
      to: holders[(i + 1) % holders.length]!,
      quantity: kilograms.toFixed(3),
      sealFound: seal,
      sealSet: next,
    };
    seal = next;
    return row;
  });
}

/** Terms that the honest journeys keep. */
export const JOURNEY_TERMS = {
  time: 'time',
  key: 'shipment',
  temperature: {
    column: 'temperature',
    low: 2,
    high: 8,
    neverBelow: 0,
    maxGapSeconds: 600,
    budgetSeconds: 3600,
    minimumCoverage: 0.95,
  },
  mkt: { column: 'temperature', limit: 8, maxGapSeconds: 600, minimumCoverage: 0.95 },
  jump: {
    column: 'temperature',
    quantity: 'temperature_celsius',
    maxPerSecond: 0.05,
    tolerance: 0.2,
    unit: '°C',
    minimumCoverage: 0.95,
  },
  stuck: {
    column: 'temperature',
    resolution: 0.1,
    minimumHistorySeconds: 14_400,
    minimumCoverage: 0.5,
  },
  clock: {
    arrival: 'received',
    intervalSeconds: 60,
    maxGapSeconds: 900,
    maxDriftPpm: 100,
    minimumCoverage: 0.95,
  },
  route: {
    latitude: 'latitude',
    longitude: 'longitude',
    route: ROAD.map(({ latitude, longitude }) => [latitude, longitude]),
    corridorMetres: 500,
    waypoints: [
      { name: 'Antwerp', at: [51.2194, 4.4025], radiusMetres: 500 },
      { name: 'Liège', at: [50.6326, 5.5797], radiusMetres: 1000 },
      { name: 'Cologne', at: [50.9375, 6.9603], radiusMetres: 500, minimumDwellSeconds: 600 },
    ],
    geofences: [
      {
        name: 'Netherlands, Maastricht',
        keep: 'outside',
        polygon: [
          [50.9, 5.64],
          [50.9, 5.9],
          [50.8, 5.9],
          [50.8, 5.66],
        ],
      },
    ],
    maxMetresPerSecond: 40,
    accuracyMetres: 30,
    maxGapSeconds: 900,
    minimumCoverage: 0.95,
  },
};

export const HANDOVER_TERMS = {
  time: 'time',
  handover: {
    item: 'item',
    from: 'from',
    to: 'to',
    quantity: 'quantity',
    lossAllowed: '0.002',
    totalLossAllowed: '0.02',
    sealFound: 'sealFound',
    sealSet: 'sealSet',
    origin: 'maker',
  },
};
