import {
  AssayError,
  type DerivationStatement,
  type ExecutionPredicate,
  type ExecutionStatement,
  MAX_ENTRY_BYTES,
  openEnvelope,
  PREDICATE,
} from '@assay/core';
import type { AlertBook, KeptAlert } from './alert-book.ts';
import { type Catalogue, statementOf } from './catalogue.ts';
import type { EnrolledExecutor } from './review-files.ts';

/** A clock of an executor may differ so much. */
const CLOCKS_APART_MS = 5 * 60_000;

/** What others got who computed a derived figure again. */
export class ExecutionDesk {
  readonly #catalogue: Catalogue;
  readonly #alerts: AlertBook;
  readonly #executors: () => readonly EnrolledExecutor[];
  readonly #nowMs: () => number;

  /** @param options.executors whom the operator has enrolled, as it is now. */
  constructor(options: {
    catalogue: Catalogue;
    alerts: AlertBook;
    executors: () => readonly EnrolledExecutor[];
    nowMs: () => number;
  }) {
    this.#catalogue = options.catalogue;
    this.#alerts = options.alerts;
    this.#executors = options.executors;
    this.#nowMs = options.nowMs;
  }

  /**
   * Takes a signed execution of a derivation. One that does not agree is kept like any other: it takes L4 away, for
   * good, and raises an alert.
   *
   * Callers take turns, as at the review desk: it reads, then writes.
   *
   * @param record the derivation's id.
   * @returns the statement's id, and alerts that opened by it.
   * @throws what {@link openEnvelope} throws, STATEMENT_MALFORMED, ENTRY_TOO_LARGE, EXECUTOR_UNKNOWN, NOT_FOUND,
   *   EXECUTION_REFUSED, EXECUTION_MISMATCH
   */
  async attest(record: string, envelope: unknown): Promise<{ id: string; alerts: KeptAlert[] }> {
    const opened = await openEnvelope(envelope);
    const { id, signer, statement, entry } = opened;
    if (entry.length > MAX_ENTRY_BYTES) {
      throw new AssayError(
        'ENTRY_TOO_LARGE',
        `expected at most ${MAX_ENTRY_BYTES} bytes, got ${entry.length}`,
      );
    }
    if (statement.predicateType !== PREDICATE.execution) {
      throw new AssayError('STATEMENT_MALFORMED', `expected an execution, got ${statement.predicateType}`, {
        next: `sign a statement with predicateType ${PREDICATE.execution}`,
      });
    }
    if (!this.#executors().some(({ did }) => did === signer)) {
      throw new AssayError('EXECUTOR_UNKNOWN', `${signer} is not enrolled as an executor here`, {
        next: 'ask the operator: assay execution enrol <did>',
      });
    }
    const derivation = this.#derivation(record, signer);
    this.#check(statement, derivation);
    const alerts = this.#catalogue.sql.transaction(() => {
      this.#catalogue.keep([{ opened }]);
      return statement.predicate.agrees ? [] : this.#alerts.note([this.#disagreement(statement, signer)]);
    });
    return { id, alerts };
  }

  #derivation(record: string, signer: string): { id: string; statement: DerivationStatement } {
    const { id, signer: deriver, entry, kind } = this.#catalogue.get(record.split('.')[0]!);
    const statement = statementOf(entry);
    if (statement.predicateType !== PREDICATE.derivation) {
      throw refused(`${id} is of kind ${kind}: nothing computed it`, 'execute a derived figure again');
    }
    if (deriver === signer) {
      throw refused(`${signer} made ${id} itself`, 'let somebody else execute it, who has another key');
    }
    const again = this.#catalogue
      .opinionsOn(id)
      .some((opinion) => opinion.kind === 'execution' && opinion.signer === signer);
    if (again) throw refused(`${signer} has executed ${id} already`, 'what it signed first stands');
    return { id, statement };
  }

  /** What it says must be about this derivation and its code, and must not contradict itself. */
  #check(
    { subject, predicate }: ExecutionStatement,
    { id, statement }: { id: string; statement: DerivationStatement },
  ): void {
    const { stream, function: code, rows } = statement.predicate;
    const said = (member: string, expected: string, got: string) => {
      if (got !== expected) mismatch(member, expected, got);
    };
    said('subject', id, subject[0].digest.sha256);
    said('observation', id, predicate.observation);
    said('stream', stream, predicate.stream);
    said('function.name', code.name, predicate.function.name);
    said('function.version', code.version, predicate.function.version);
    said('function.digest', code.digest.sha256, predicate.function.digest.sha256);
    said('agrees', String(sameRows(predicate.rows, rows)), String(predicate.agrees));
    if (Date.parse(predicate.executedAt) > this.#nowMs() + CLOCKS_APART_MS)
      mismatch('executedAt', 'a time that is not in the future', predicate.executedAt);
  }

  /** Nothing passes this check again: the figure stays disputed until somebody has acknowledged that. */
  #disagreement({ predicate }: ExecutionStatement, signer: string) {
    const { stream, observation, rows } = predicate;
    return {
      ...{ stream, check: 'execution', status: 'fail' as const, severity: 'critical' as const },
      reason: `${signer} executed ${observation.slice(0, 16)}… again and got other rows: root ${rows.root.slice(0, 16)}…`,
      at: `${new Date(this.#nowMs()).toISOString().slice(0, 19)}Z`,
      observation,
    };
  }
}

/** Whether two commitments are to the same rows. */
export function sameRows(one: ExecutionPredicate['rows'], other: ExecutionPredicate['rows']): boolean {
  return one.root === other.root && one.count === other.count;
}

function refused(message: string, next: string): AssayError {
  return new AssayError('EXECUTION_REFUSED', message, { next });
}

function mismatch(member: string, expected: string, got: string): never {
  throw new AssayError('EXECUTION_MISMATCH', `${member}: expected ${expected}, got ${got}`, {
    next: 'read the derivation again, execute it with the code that it names, and sign what came out',
    detail: { member, expected, got },
  });
}
