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
import { AssayError, type Candle, type Finding, type RowRanges, type VerdictPredicate } from '@assay/core';
import type { Admitted } from './intake.ts';

/** Earlier rows kept per stream: enough to carry a price until it is stale under any contract. */
const TAIL_MS = 2 * 3_600_000;

interface StreamMemory {
  history: RowHistory;
  tail: Candle[];
}

/**
 * Judges observations: the contract's rules in DuckDB, then agreement between venues, hour by hour in the order of
 * time. Remembers of each stream only what the next batch needs.
 */
export class Assessor {
  readonly #contracts: ReadonlyMap<string, DataContract>;
  readonly #engine: RuleEngine;
  readonly #memory = new Map<string, StreamMemory>();

  constructor(options: { contracts: ReadonlyMap<string, DataContract>; engine: RuleEngine }) {
    this.#contracts = options.contracts;
    this.#engine = options.engine;
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

  /** Verdicts in the order of the observations, which must be ascending in time for each stream. */
  async assess(observations: readonly Admitted[], checkedAt: string): Promise<VerdictPredicate[]> {
    const findings = await this.#engine.evaluate(this.#withHistory(observations));
    for (const group of byHour(observations)) this.#agree(group, findings);
    return observations.map(({ opened, rows }) =>
      decideVerdict({
        stream: opened.statement.predicate.stream,
        observation: opened.id,
        contract: this.#contract(opened.statement.predicate.stream),
        checkedAt,
        rowCount: rows.length,
        findings: findings.get(opened.id) ?? [],
      }),
    );
  }

  #withHistory(observations: readonly Admitted[]): CheckedBatch[] {
    const histories = new Map<string, RowHistory>();
    return observations.map(({ opened, rows }) => {
      const { stream, observedAt, period } = opened.statement.predicate;
      const history = histories.get(stream) ?? this.#of(stream).history;
      histories.set(stream, historyAfter(history, rows));
      return {
        id: opened.id,
        contract: this.#contract(stream),
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
        terms: batch ? this.#contract(stream).agreement : null,
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

  #contract(stream: string): DataContract {
    const contract = this.#contracts.get(stream);
    if (contract) return contract;
    throw new AssayError('CONTRACT_INVALID', `there is no data contract for ${stream}`, {
      next: 'add one to packages/checks/contracts',
    });
  }

  #of(stream: string): StreamMemory {
    return this.#memory.get(stream) ?? { history: NO_HISTORY, tail: [] };
  }
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
