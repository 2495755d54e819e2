import {
  type AgreementInput,
  type CheckedBatch,
  checkAgreement,
  type DataContract,
  decideVerdict,
  historyAfter,
  NO_HISTORY,
  parseStreamName,
  type RowHistory,
  type RuleEngine,
} from '@assay/checks';
import {
  checkTerms,
  type Detector,
  type DetectorMemory,
  type Examined,
  type Exhibit,
  examine,
  type Specimen,
} from '@assay/checks/review';
import {
  AssayError,
  type Candle,
  type FileRow,
  type Finding,
  metadataOf,
  type RowRanges,
  type VerdictPredicate,
} from '@assay/core';
import type { Admitted } from './intake.ts';

/** Earlier rows kept per stream: enough to carry a price until it is stale under any contract. */
const TAIL_MS = 2 * 3_600_000;

interface StreamMemory {
  history: RowHistory;
  tail: Candle[];
}

/** Verdicts, and what has to be kept with them. */
export interface Assessment {
  /** In the order of the observations. */
  verdicts: VerdictPredicate[];
  exhibits: Map<string, Exhibit>;
  /** What detectors remember from now on, by stream and rule. */
  memories: Map<string, ReadonlyMap<string, DetectorMemory>>;
}

/** A detector that has not answered by then is unknown. */
const DETECTOR_LIMIT_MS = 30_000;

/**
 * Judges observations: the contract's rules in DuckDB, then agreement between venues, hour by hour in the order of
 * time, then the detectors that the contract asks for, which read nothing of the other findings. Remembers of each
 * stream only what the next batch needs; what detectors remember is the caller's to keep.
 */
export class Assessor {
  readonly #contracts: ReadonlyMap<string, DataContract>;
  readonly #engine: RuleEngine;
  readonly #detectors: ReadonlyMap<string, Detector>;
  readonly #memory = new Map<string, StreamMemory>();

  /** @throws CONTRACT_INVALID when a contract asks a detector for what it does not understand. */
  constructor(options: {
    contracts: ReadonlyMap<string, DataContract>;
    engine: RuleEngine;
    detectors?: ReadonlyMap<string, Detector>;
  }) {
    this.#contracts = options.contracts;
    this.#engine = options.engine;
    this.#detectors = options.detectors ?? new Map();
    for (const contract of this.#contracts.values()) checkTerms(contract, this.#detectors);
  }

  /** The contract of a stream. @throws CONTRACT_INVALID when there is none. */
  contract(stream: string): DataContract {
    const contract = this.#contracts.get(stream);
    if (contract) return contract;
    throw new AssayError('CONTRACT_INVALID', `there is no data contract for ${stream}`, {
      next: 'add one to packages/checks/contracts, or register the stream with one: assay stream add',
    });
  }

  /** Tells of rows that were judged in an earlier run. */
  remember(stream: string, rows: readonly Candle[]): void {
    const { history, tail } = this.#of(stream);
    const all = [...tail, ...rows];
    const newest = all.at(-1);
    const since = newest ? new Date(Date.parse(newest.time) - TAIL_MS).toISOString() : '';
    this.#memory.set(stream, {
      history: historyAfter(history, rows),
      tail: all.filter(({ time }) => time >= since),
    });
  }

  /**
   * Judges observations, which must be ascending in time for each stream.
   *
   * @param memoriesOf what the detectors of a stream remember, as it was kept.
   */
  async assess(
    observations: readonly Admitted[],
    checkedAt: string,
    memoriesOf: (stream: string) => ReadonlyMap<string, DetectorMemory> = () => new Map(),
  ): Promise<Assessment> {
    const findings = await this.#engine.evaluate(this.#withHistory(observations));
    for (const group of byHour(observations)) this.#agree(group, findings);
    const assessment: Assessment = { verdicts: [], exhibits: new Map(), memories: new Map() };
    for (const observation of observations) {
      const { opened, rows } = observation;
      const { stream } = opened.statement.predicate;
      const examined = await this.#examine(
        observation,
        assessment.memories.get(stream) ?? memoriesOf(stream),
      );
      assessment.memories.set(stream, examined.memories);
      for (const [digest, exhibit] of examined.exhibits) assessment.exhibits.set(digest, exhibit);
      assessment.verdicts.push(
        decideVerdict({
          ...{
            stream,
            observation: opened.id,
            contract: this.contract(stream),
            checkedAt,
            rowCount: rows.length,
          },
          findings: [...(findings.get(opened.id) ?? []), ...examined.findings],
        }),
      );
    }
    return assessment;
  }

  async #examine(observation: Admitted, memories: ReadonlyMap<string, DetectorMemory>): Promise<Examined> {
    const contract = this.contract(observation.opened.statement.predicate.stream);
    if (contract.detectors.length === 0) return { findings: [], exhibits: new Map(), memories: new Map() };
    return examine({
      contract,
      memories,
      detectors: this.#detectors,
      specimens: specimensOf(observation),
      limit: within(DETECTOR_LIMIT_MS),
    });
  }

  #withHistory(observations: readonly Admitted[]): CheckedBatch[] {
    const histories = new Map<string, RowHistory>();
    return observations.map(({ opened, rows }) => {
      const { stream, observedAt, period } = opened.statement.predicate;
      const history = histories.get(stream) ?? this.#of(stream).history;
      histories.set(stream, historyAfter(history, rows));
      return {
        id: opened.id,
        contract: this.contract(stream),
        rows,
        history,
        observed: { observedAt, period },
      };
    });
  }

  /** Holds the batches of one hour against each other; streams without one give what they said before. */
  #agree(group: readonly Admitted[], findings: Map<string, Finding[]>): void {
    const batches = new Map(group.map((admitted) => [admitted.opened.statement.predicate.stream, admitted]));
    const feeds = [...this.#contracts.keys()].filter((name) => parseStreamName(name) !== null);
    const inputs: AgreementInput[] = feeds.map((stream) => {
      const batch = batches.get(stream);
      return {
        stream,
        terms: batch ? this.contract(stream).agreement : null,
        rows: (batch?.rows ?? []) as Candle[],
        history: this.#of(stream).tail,
        rejected: rejectedRows(findings.get(batch?.opened.id ?? '') ?? []),
      };
    });
    const agreement = checkAgreement(inputs);
    for (const [stream, { opened, rows }] of batches) {
      findings.set(opened.id, [...(findings.get(opened.id) ?? []), ...(agreement.get(stream) ?? [])]);
      this.remember(stream, rows as Candle[]);
    }
  }

  #of(stream: string): StreamMemory {
    return this.#memory.get(stream) ?? { history: NO_HISTORY, tail: [] };
  }
}

/** A batch of rows is one specimen; of files, each is one. */
function specimensOf({ opened, rows, files }: Admitted): Specimen[] {
  const { predicate, subject } = opened.statement;
  const common = { stream: predicate.stream, observedAt: predicate.observedAt, place: 'node' } as const;
  if (predicate.rows.schema !== 'file/v1') return [{ ...common, digest: subject[0].digest.sha256, rows }];
  return (rows as FileRow[]).map(({ name, mediaType, sha256, metadata }) => ({
    ...common,
    digest: sha256,
    file: {
      name,
      mediaType,
      bytes: files.get(sha256)!,
      metadata: metadataOf(metadata, 'metadata', (message) => {
        throw new AssayError('ROW_MALFORMED', message);
      }),
    },
  }));
}

/** Bounds how long a promise is waited for. */
function within(limitMs: number) {
  return <T>(work: Promise<T>): Promise<T> => {
    const { promise, reject } = Promise.withResolvers<never>();
    const timer = setTimeout(() => reject(new Error(`no answer within ${limitMs / 1000} s`)), limitMs);
    return Promise.race([work, promise]).finally(() => clearTimeout(timer));
  };
}

/** Groups of observations whose periods lie in the same hour, in the order of the hours. */
function byHour(observations: readonly Admitted[]): Admitted[][] {
  const groups = new Map<string, Admitted[]>();
  for (const observation of observations) {
    const hour = observation.opened.statement.predicate.period.from.slice(0, 13);
    const group = groups.get(hour);
    if (group) group.push(observation);
    else groups.set(hour, [observation]);
  }
  return [...groups].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, group]) => group);
}

function rejectedRows(findings: readonly Finding[]): RowRanges {
  return findings
    .filter(({ status, severity }) => status === 'fail' && severity === 'reject')
    .flatMap(({ rows }) => rows ?? []);
}
