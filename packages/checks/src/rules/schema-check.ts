import type { Checked } from './check-table.ts';
import type { Column } from './contract.ts';
import { always, type Body } from './expectation.ts';
import type { Outcome } from './outcome.ts';
import { promise } from './promise.ts';
import { nearestOf } from './shape.ts';
import type { FileColumn, Table } from './table-file.ts';

/**
 * What a contract's schema says: the columns are there, their values are of their types, and none is null that must not
 * be. One pass counts everything; a second shows rows where something is wrong.
 */
export async function misfits(
  table: Table,
  columns: readonly Column[],
  listed: number,
): Promise<{ rows: number; checks: Checked[] }> {
  const present = columns.flatMap((column) => {
    const place = table.columns.findIndex(({ name }) => name === column.name);
    return place < 0 ? [] : [{ column, place, found: table.columns[place]! }];
  });
  const tests = present.flatMap(({ column, place, found }) => [
    ...(column.required
      ? [
          {
            column,
            place,
            found,
            sql: nullSql(place, found),
            type: 'expect_column_values_to_not_be_null' as const,
          },
        ]
      : []),
    ...(found.misfit === null
      ? []
      : [{ column, place, found, sql: found.misfit, type: 'expect_column_values_to_be_of_type' as const }]),
  ]);
  const raws = [...new Set(tests.map(({ place }) => place))].map(
    (place) => `${table.columns[place]!.raw} AS r${place}`,
  );
  const source = `(SELECT ${[`${table.rowNumber} AS rn`, ...raws].join(', ')} FROM ${table.source})`;
  const counts = (
    await table.query(
      `SELECT ${['count(*)', ...tests.map(({ sql }) => `count(*) FILTER (WHERE ${sql})`)].join(', ')} FROM ${raws.length === 0 ? table.source : source}`,
    )
  )[0]!.map(Number);
  const [rows = 0, ...broken] = counts;
  const shown = await examples(
    table,
    source,
    tests.filter((_, i) => broken[i]! > 0),
    listed,
  );
  const checks = tests.map(({ column, type }, i): Checked => {
    const body: Body =
      type === 'expect_column_values_to_not_be_null'
        ? { type, column: column.name }
        : { type, column: column.name, types: [column.logicalType ?? 'any'] };
    const outcome: Outcome = {
      status: broken[i] === 0 ? 'pass' : 'fail',
      elements: rows,
      considered: rows,
      unexpected: broken[i]!,
      examples: (shown.get(`${column.name}/${type}`) ?? []).map(([row, value]) => ({
        row: Number(row),
        values: { [column.name]: value === null ? null : String(value).slice(0, 200) },
      })),
    };
    return checked(
      `schema_${type === 'expect_column_values_to_not_be_null' ? 'required' : 'type'}_${i}`,
      body,
      outcome,
    );
  });
  const names = table.columns.map(({ name }) => name);
  const absent = columns
    .filter(({ name }) => !names.includes(name))
    .map(({ name, fileName }): Checked => {
      const near = nearestOf(fileName, names);
      return checked(
        `schema_exists_${name}`,
        { type: 'expect_column_to_exist', column: name, index: null },
        {
          status: 'fail',
          observed: names.slice(0, 100),
          details: {
            note: `the file has ${names.slice(0, 20).join(', ')}${near ? `; did you mean ${near}?` : ''}`,
          },
        },
      );
    });
  return { rows, checks: [...absent, ...checks] };
}

function nullSql(place: number, { typeName }: FileColumn): string {
  return typeName === 'JSON'
    ? `(r${place} IS NULL OR json_type(r${place}) = 'NULL')`
    : typeName === 'DOUBLE' || typeName === 'FLOAT'
      ? `(r${place} IS NULL OR isnan(r${place}))`
      : `r${place} IS NULL`;
}

function checked(id: string, body: Body, outcome: Outcome): Checked {
  const expectation = always(body);
  return {
    id,
    severity: 'reject',
    dimension: body.type === 'expect_column_values_to_be_of_type' ? 'conformity' : 'completeness',
    expectation,
    promise: promise(expectation),
    outcome,
  };
}

async function examples(
  table: Table,
  source: string,
  tests: { column: Column; place: number; sql: string; type: string }[],
  listed: number,
): Promise<Map<string, [unknown, unknown][]>> {
  const shown = new Map<string, [unknown, unknown][]>();
  if (listed === 0) return shown;
  for (const { column, place, sql, type } of tests.slice(0, 50)) {
    const rows = await table.query(
      `SELECT rn, r${place}::VARCHAR FROM ${source} WHERE ${sql} LIMIT ${listed}`,
    );
    shown.set(`${column.name}/${type}`, rows as [unknown, unknown][]);
  }
  return shown;
}
