import { DatabaseSync, type SQLInputValue, type StatementSync } from 'node:sqlite';
import { storageFull } from '@assay/ledger';

/** The catalogue's database, for the stores that share it: what they change together is durable together. */
export class Sql {
  readonly #db: DatabaseSync;
  readonly #statements = new Map<string, StatementSync>();
  readonly readOnly: boolean;
  #depth = 0;

  constructor(path: string, options: { readOnly?: boolean } = {}) {
    this.readOnly = options.readOnly ?? false;
    this.#db = new DatabaseSync(path, { readOnly: this.readOnly, timeout: 5000 });
    if (!this.readOnly) this.#db.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;');
  }

  /** Makes tables; a reader finds them made. */
  make(schema: string): void {
    if (!this.readOnly) this.#db.exec(schema);
  }

  /** Adds a column to a table of an older node. */
  addColumn(table: string, column: string, definition: string): void {
    if (this.readOnly) return;
    const has = this.all<{ name: string }>(`PRAGMA table_info(${table})`).some(({ name }) => name === column);
    if (!has) this.#db.exec(`ALTER TABLE ${table} ADD COLUMN ${column} ${definition}`);
  }

  /** Does some work durably as a whole, or not at all. Inside another transaction it is part of that one. */
  transaction<T>(work: () => T): T {
    if (this.#depth > 0) return work();
    this.#db.exec('BEGIN IMMEDIATE');
    this.#depth += 1;
    try {
      const result = work();
      this.#db.exec('COMMIT');
      return result;
    } catch (error) {
      // A full disk ends the transaction by itself.
      if (this.#db.isTransaction) this.#db.exec('ROLLBACK');
      throw storageFull(error) ?? error;
    } finally {
      this.#depth -= 1;
    }
  }

  run(sql: string, ...values: SQLInputValue[]): void {
    this.#prepare(sql).run(...values);
  }

  one<T>(sql: string, ...values: SQLInputValue[]): T | undefined {
    return this.#prepare(sql).get(...values) as T | undefined;
  }

  all<T>(sql: string, ...values: SQLInputValue[]): T[] {
    return this.#prepare(sql).all(...values) as T[];
  }

  close(): void {
    this.#db.close();
  }

  #prepare(sql: string): StatementSync {
    let statement = this.#statements.get(sql);
    if (!statement) {
      statement = this.#db.prepare(sql);
      this.#statements.set(sql, statement);
    }
    return statement;
  }
}
