/** Thirty rules over a million rows of twenty columns, beside DuckDB's own scan of the same file; and rows on a stream. */
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { DuckDBInstance } from '@duckdb/node-api';
import type { TableColumn } from '../src/rules/cells.ts';
import { checkFile, openRowChecks, parseContract } from '../src/rules/index.ts';
import type { BenchSection } from './section.ts';

const ROWS = 1_000_000;
const RUNS = 5;

export async function rulesBench(): Promise<BenchSection> {
  const folder = mkdtempSync(`${tmpdir()}/assay-bench-`);
  const path = `${folder}/table.parquet`;
  try {
    await makeTable(path);
    const contract = parseContract(
      JSON.stringify({ name: 'bench', expectations: RULES.map(([type, kwargs]) => ({ type, kwargs })) }),
    );
    const scan = await best(() => plainScan(path));
    const check = await best(async () => {
      const report = await checkFile(path, contract, { threads: 2 });
      const unexpected = report.checks.filter(({ outcome }) => outcome.status !== 'pass');
      if (unexpected.length > 0)
        throw new Error(unexpected.map(({ promise, outcome }) => `${promise} ${outcome.why}`).join('\n'));
    });
    const stream = await best(async () => streamed(contract), 1);
    const peak = Math.round(process.resourceUsage().maxRSS / 1024);
    return {
      title: 'Rules over files and streams',
      lines: [
        '| What | Seconds | Rows a second |',
        '|---|---:|---:|',
        line(
          `${contract.rules.length} rules over ${ROWS.toLocaleString('en')} rows × 20 columns of Parquet (${Math.round(statSync(path).size / 1e6)} MB), 2 threads`,
          check,
          ROWS,
        ),
        line('the limit: DuckDB alone reads the same 20 columns (min and max of each)', scan, ROWS),
        line('12 of the rules row by row on a stream, 200,000 rows', stream, 200_000),
        '',
        `Best of ${RUNS} (the stream: one run). Peak memory of the process ${peak} MB.`,
      ],
    };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function line(what: string, seconds: number, rows: number): string {
  return `| ${what} | ${seconds.toFixed(2)} | ${Math.round(rows / seconds).toLocaleString('en')} |`;
}

async function best(action: () => Promise<void>, runs = RUNS): Promise<number> {
  let least = Number.POSITIVE_INFINITY;
  for (let run = 0; run < runs; run++) {
    const began = performance.now();
    await action();
    least = Math.min(least, (performance.now() - began) / 1_000);
  }
  return least;
}

/** The same bytes every time: values follow from the row's number. */
async function makeTable(path: string): Promise<void> {
  await withDuckDB(async (run) => {
    const hash = (salt: number) => `(hash(i * 31 + ${salt}) % 1000000)`;
    const columns = [
      'i AS id',
      "TIMESTAMP '2024-01-01' + INTERVAL (i) SECOND AS time",
      ...Array.from({ length: 8 }, (_, c) => `${hash(c)}::DOUBLE / 1000 AS price_${c}`),
      ...Array.from({ length: 4 }, (_, c) => `${hash(10 + c)}::INTEGER AS amount_${c}`),
      `CASE ${hash(20)} % 4 WHEN 0 THEN 'BTC-USD' WHEN 1 THEN 'ETH-USD' WHEN 2 THEN 'SOL-USD' ELSE 'XRP-USD' END AS symbol`,
      `CASE WHEN ${hash(21)} % 2 = 0 THEN 'buy' ELSE 'sell' END AS side`,
      `'t' || lpad(i::VARCHAR, 9, '0') AS trade`,
      `CASE WHEN ${hash(22)} % 50 = 0 THEN NULL ELSE 'user' || (${hash(23)} % 5000) END AS account`,
      `${hash(24)} % 2 = 0 AS maker`,
      `(${hash(25)}::DECIMAL(18, 2) / 100)::DECIMAL(18, 2) AS fee`,
    ];
    await run(`COPY (SELECT ${columns.join(', ')} FROM range(${ROWS}) t(i)) TO '${path}' (FORMAT parquet)`);
  });
}

async function plainScan(path: string): Promise<void> {
  await withDuckDB(async (run) => {
    await run(`SELECT min(COLUMNS(*)), max(COLUMNS(*)) FROM read_parquet('${path}')`);
  });
}

async function withDuckDB(action: (run: (sql: string) => Promise<unknown>) => Promise<void>): Promise<void> {
  const instance = await DuckDBInstance.create(':memory:', { threads: '2' });
  const connection = await instance.connect();
  await action((sql) => connection.runAndReadAll(sql));
  connection.closeSync();
  instance.closeSync();
}

const RULES: [string, Record<string, unknown>][] = [
  ['expect_column_values_to_not_be_null', { column: 'id' }],
  ['expect_column_values_to_be_unique', { column: 'id' }],
  ['expect_column_values_to_be_increasing', { column: 'time', strictly: true }],
  ['expect_column_values_to_not_be_null', { column: 'account', mostly: 0.95 }],
  ...Array.from({ length: 8 }, (_, c): [string, Record<string, unknown>] => [
    'expect_column_values_to_be_between',
    { column: `price_${c}`, min_value: 0, max_value: 1000 },
  ]),
  ...Array.from({ length: 4 }, (_, c): [string, Record<string, unknown>] => [
    'expect_column_values_to_be_between',
    { column: `amount_${c}`, min_value: 0, max_value: 1_000_000 },
  ]),
  [
    'expect_column_values_to_be_in_set',
    { column: 'symbol', value_set: ['BTC-USD', 'ETH-USD', 'SOL-USD', 'XRP-USD'] },
  ],
  ['expect_column_distinct_values_to_equal_set', { column: 'side', value_set: ['buy', 'sell'] }],
  ['expect_column_values_to_match_regex', { column: 'trade', regex: '^t[0-9]{9}$' }],
  ['expect_column_value_lengths_to_be_between', { column: 'account', min_value: 5, max_value: 8 }],
  [
    'expect_column_pair_values_a_to_be_greater_than_b',
    { column_A: 'id', column_B: 'amount_0', or_equal: true, mostly: 0.1 },
  ],
  ['expect_column_mean_to_be_between', { column: 'price_0', min_value: 400, max_value: 600 }],
  ['expect_column_stdev_to_be_between', { column: 'price_1', min_value: 200, max_value: 400 }],
  ['expect_column_median_to_be_between', { column: 'price_2', min_value: 400, max_value: 600 }],
  ['expect_column_max_to_be_between', { column: 'fee', max_value: 10_000 }],
  ['expect_column_sum_to_be_between', { column: 'amount_1', min_value: 1 }],
  [
    'expect_column_unique_value_count_to_be_between',
    { column: 'account', min_value: 4_000, max_value: 5_000 },
  ],
  ['expect_column_value_z_scores_to_be_less_than', { column: 'price_3', threshold: 3, double_sided: true }],
  ['expect_table_row_count_to_be_between', { min_value: 1_000 }],
  [
    'expect_column_values_to_be_between',
    { column: 'price_4', min_value: 0, row_condition: 'side == "buy"', condition_parser: 'pandas' },
  ],
];

function streamed(contract: ReturnType<typeof parseContract>): void {
  const kinds = {
    id: 'integer',
    price_0: 'double',
    price_1: 'double',
    price_2: 'double',
    price_3: 'double',
    price_4: 'double',
    price_5: 'double',
    price_6: 'double',
    price_7: 'double',
    trade: 'string',
    symbol: 'string',
    amount_0: 'integer',
  } as const;
  const columns = Object.entries(kinds).map(
    ([name, kind]): TableColumn => ({ name, kind, scale: 0, typeName: kind, typed: true }),
  );
  const wanted = [
    'expect_column_values_to_be_between',
    'expect_column_values_to_match_regex',
    'expect_column_values_to_be_in_set',
    'expect_column_pair_values_a_to_be_greater_than_b',
    'expect_column_mean_to_be_between',
  ];
  const rules = contract.rules
    .map(({ expectation }) => expectation)
    .filter(
      (expectation) =>
        wanted.includes(expectation.type) &&
        expectation.condition === null &&
        !('column' in expectation && String(expectation.column).startsWith('amount')),
    )
    .slice(0, 12);
  const checks = openRowChecks(rules, columns);
  for (let i = 0; i < 200_000; i++) {
    const price = ((i * 7_919) % 1_000_000) / 1_000;
    checks.add([
      i,
      price,
      price,
      price,
      price,
      price,
      price,
      price,
      price,
      `t${String(i).padStart(9, '0')}`,
      'BTC-USD',
      i,
    ]);
  }
  checks.finish();
}

if (import.meta.main) {
  const { title, lines } = await rulesBench();
  console.log(`## ${title}\n\n${lines.join('\n')}`);
}
