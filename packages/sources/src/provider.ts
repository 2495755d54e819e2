import {
  type Candle,
  commitRows,
  type Ed25519Signer,
  makeStatement,
  type ObservationPredicate,
  type ObservationStatement,
  type OpenedEnvelope,
  type Period,
  type Row,
  type SourceMode,
  signStatement,
} from '@assay/core';
import { gapsIn } from './exchanges.ts';
import { instantOf, type StreamSpec } from './streams.ts';

const HOUR_MS = 3_600_000;

/** Rows of one stream for one period, ready to be signed. */
export interface Batch {
  rows: Candle[];
  period: Period;
  gaps: Period[];
}

/** A signed batch with the payload that it commits to. */
export interface Observation {
  opened: OpenedEnvelope & { statement: ObservationStatement };
  payload: Uint8Array;
}

/** Signs what one venue's adapter brought, in the venue's own name and with its own key. */
export interface Provider {
  readonly did: string;
  observe(
    batch: Batch & { stream: StreamSpec; observedAt: string; sequence: number; previous: string | null },
  ): Promise<Observation>;
}

/** A provider for the feeds of one venue. `adapter` names the code that fetched the rows. */
export function createProvider(options: {
  signer: Ed25519Signer;
  adapter: string;
  mode: SourceMode;
}): Provider {
  return {
    did: options.signer.did,
    observe: ({ stream: { name, venue, symbol, interval }, ...batch }) =>
      signObservation(
        { stream: name, schema: 'candle/v1', source: { venue, instrument: symbol, interval } },
        batch,
        options,
      ),
  };
}

/** Signs a batch as an observation of a stream. `adapter` names the code that fetched its rows. */
export async function signObservation(
  about: {
    stream: string;
    schema: 'candle/v1' | 'record/v1';
    source: Pick<ObservationPredicate['source'], 'venue' | 'instrument' | 'interval'>;
  },
  batch: Pick<ObservationPredicate, 'period' | 'gaps' | 'observedAt' | 'sequence' | 'previous'> & {
    rows: readonly Row[];
  },
  { signer, adapter, mode }: { signer: Ed25519Signer; adapter: string; mode: SourceMode },
): Promise<Observation> {
  const { rows, ...place } = batch;
  const { commitment, payload, sha256 } = commitRows(rows, about.schema);
  const statement = makeStatement(
    'observation',
    { name: `${about.stream}/${batch.period.from}`, sha256 },
    { stream: about.stream, source: { ...about.source, mode, adapter }, ...place, rows: commitment },
  );
  return { opened: (await signStatement(statement, signer)) as Observation['opened'], payload };
}

/**
 * Splits rows at the hours: a batch never crosses one, so that an hour's evidence is found by the hour.
 * Hours without a row make no batch; the next batch's place shows that they are missing.
 */
export function splitIntoBatches(rows: readonly Candle[], fromMs: number, toMs: number): Batch[] {
  const batches: Batch[] = [];
  for (let from = fromMs; from < toMs; ) {
    const to = Math.min((Math.floor(from / HOUR_MS) + 1) * HOUR_MS, toMs);
    const period = { from: instantOf(from), to: instantOf(to) };
    const inside = rows.filter(({ time }) => time >= period.from && time < period.to);
    if (inside.length > 0) batches.push({ rows: inside, period, gaps: gapsIn(inside, from, to) });
    from = to;
  }
  return batches;
}
