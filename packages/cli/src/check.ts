import { readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import {
  type Checked,
  checkFile,
  findingOf,
  parseContract,
  RESULT_FORMATS,
  type ResultFormat,
  resultOf,
  saidOf,
  TABLE_FORMATS,
  type TableFormat,
  type TableReport,
} from '@assay/checks/rules';
import { AssayError } from '@assay/core';
import { type Command, type ExitCode, usageError } from './command.ts';

const USAGE =
  'check <file> --contract <yaml|suite.json> [--object <name>] [--format <format>] [--result-format <format>] [--encoding <name>] [--memory <size>] [--max-seconds <n>] [--json]';

/** Checks a file of data against a data contract, or a suite of Great Expectations. */
export const checkCommand: Command = {
  usage: USAGE,
  options: {
    contract: { type: 'string' },
    object: { type: 'string' },
    format: { type: 'string' },
    'result-format': { type: 'string', default: 'BASIC' },
    encoding: { type: 'string' },
    memory: { type: 'string', default: '512MB' },
    'max-seconds': { type: 'string', default: '600' },
    json: { type: 'boolean' },
  },
  async run({ positionals, values }) {
    const [file, ...more] = positionals;
    if (file === undefined || more.length > 0) throw usageError('expected one file', `assay ${USAGE}`);
    if (typeof values.contract !== 'string') throw usageError('expected --contract', `assay ${USAGE}`);
    const resultFormat = choice('result-format', values['result-format'], RESULT_FORMATS);
    const contract = parseContract(
      readText(values.contract),
      typeof values.object === 'string' ? { object: values.object } : {},
    );
    const report = await checkFile(file, contract, { ...tableOptions(values), resultFormat });
    if (values.json) console.log(JSON.stringify(machineForm(file, contract, report, resultFormat)));
    else process.stdout.write(describe(file, contract.name, report));
    return ({ pass: 0, fail: 1, unknown: 3 } as const)[report.status] satisfies ExitCode;
  },
};

/** What the commands about files have in common. */
export function tableOptions(values: Record<string, string | boolean | undefined>) {
  const seconds = Number(values['max-seconds'] ?? 600);
  if (!(Number.isInteger(seconds) && seconds >= 1))
    throw usageError(
      `expected --max-seconds of at least 1, got ${values['max-seconds']}`,
      'assay check --max-seconds 600',
    );
  const memory = String(values.memory ?? '512MB');
  if (!/^\d{1,6}(MB|GB|MiB|GiB)$/.test(memory))
    throw usageError(`expected --memory like 512MB, got ${memory}`, 'assay check --memory 2GB');
  return {
    memoryLimit: memory,
    tempDirectory: `${tmpdir()}/assay-check-${process.pid}`,
    maxSeconds: seconds,
    ...(values.format === undefined
      ? {}
      : { format: choice<TableFormat>('format', values.format, TABLE_FORMATS) }),
    ...(values.encoding === undefined
      ? {}
      : { encoding: choice('encoding', values.encoding, ['utf-8', 'utf-16', 'latin-1'] as const) }),
  };
}

export function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (cause) {
    throw new AssayError('NOT_FOUND', `there is no file ${path} that can be read`, {
      next: 'check the path',
      cause,
    });
  }
}

function choice<const T extends string>(name: string, value: unknown, choices: readonly T[]): T {
  if (choices.includes(value as T)) return value as T;
  throw usageError(`expected --${name} ${choices.join(' or ')}, got ${String(value)}`, `assay ${USAGE}`);
}

function machineForm(
  file: string,
  contract: { name: string; version: string; digest: { sha256: string } },
  report: TableReport,
  format: ResultFormat,
) {
  return {
    file,
    contract: { name: contract.name, version: contract.version, digest: contract.digest },
    format: report.format,
    rows: report.rows,
    columns: report.columns,
    status: report.status,
    statistics: {
      evaluated_expectations: report.checks.length,
      successful_expectations: report.checks.filter(({ outcome }) => outcome.status === 'pass').length,
      unsuccessful_expectations: report.checks.filter(({ outcome }) => outcome.status === 'fail').length,
      unknown_expectations: report.checks.filter(({ outcome }) => outcome.status === 'unknown').length,
    },
    findings: report.checks.map(findingOf),
    results: report.checks.map((check) => resultOf(check, format)),
  };
}

const MARK = { pass: '✓', fail: '✗', unknown: '?' } as const;
const SHOWN = 5;

function describe(
  file: string,
  name: string,
  { checks, rows, columns, format, status }: TableReport,
): string {
  const of = (wanted: string) => checks.filter(({ outcome }) => outcome.status === wanted);
  const [failed, unsure, passed] = [of('fail'), of('unknown'), of('pass')];
  return [
    `file        ${file} (${format}, ${rows} rows, ${columns.length} columns)`,
    `contract    ${name}`,
    '',
    ...[...failed, ...unsure].flatMap(told),
    ...passed.map(({ promise, outcome }) => `${MARK.pass} ${promise}: ${saidOf(outcome)}`),
    '',
    status === 'pass'
      ? `PASS: all ${checks.length} checks hold.`
      : `${status === 'fail' ? 'FAIL' : 'INCONCLUSIVE'}: ${failed.length} failed, ${unsure.length} unknown, ${passed.length} passed.`,
    ...(failed.length > 0
      ? [
          'Rows are counted from 1, without the header. Correct the data, or the contract if it asks too much.',
        ]
      : []),
    '',
  ].join('\n');
}

function told({ id, promise, severity, outcome }: Checked): string[] {
  const warning = severity === 'flag' && outcome.status === 'fail' ? ' (warning)' : '';
  const examples = (outcome.examples ?? []).slice(0, SHOWN).map(({ row, values }) => {
    const shown = Object.entries(values).map(([name, value]) => `${name} = ${cut(JSON.stringify(value))}`);
    return `    row ${row + 1}: ${shown.join(', ')}`;
  });
  const rest = (outcome.unexpected ?? 0) - examples.length;
  return [
    `${MARK[outcome.status]} ${promise}: ${saidOf(outcome)}${warning} [${id}]`,
    ...examples,
    ...(examples.length > 0 && rest > 0 ? [`    … and ${rest} more`] : []),
  ];
}

function cut(text: string): string {
  return text.length > 80 ? `${text.slice(0, 80)}…` : text;
}
