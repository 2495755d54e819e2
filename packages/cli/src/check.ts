import { readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename } from 'node:path';
import { type DataContract, examineTable, examineWhole, isAboutFiles } from '@assay/checks';
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
import { AssayError, type Finding, type FindingStatus } from '@assay/core';
import { type Command, type ExitCode, usageError } from './command.ts';
import { detectorsHere } from './detectors.ts';
import { instantNow } from './node-client.ts';
import { mediaTypeOf, metadataIn } from './submit.ts';

const USAGE =
  'check <file> --contract <yaml|suite.json> [--object <name>] [--format <format>] [--result-format <format>] [--encoding <name>] [--memory <size>] [--max-seconds <n>] [--detectors <file or folder>] [--json] | check <picture or document> --contract <yaml> [--metadata <m.json>]';

/** Checks a file against a data contract, its rules and its detectors, or against a suite of Great Expectations. */
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
    detectors: { type: 'string', multiple: true },
    metadata: { type: 'string' },
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
    const own = values.detectors as unknown as string[] | undefined;
    const asked = { contract, detectors: await detectorsHere(own), observedAt: instantNow() };
    if (isAboutFiles(contract)) {
      const metadata = typeof values.metadata === 'string' ? JSON.parse(metadataIn(values.metadata)) : {};
      const bytes = new Uint8Array(readBytes(file));
      const specimen = { name: basename(file), mediaType: mediaTypeOf(file), bytes, metadata };
      return tellWhole(file, contract, await examineWhole(specimen, asked), values.json === true);
    }
    const options = tableOptions(values);
    const report = await checkFile(file, contract, { ...options, resultFormat });
    const findings = await examineTable(file, asked, options);
    const status = worstOf([report.status, ...findings.map((finding) => finding.status)]);
    if (values.json)
      console.log(JSON.stringify(machineForm(file, contract, { ...report, status }, resultFormat, findings)));
    else process.stdout.write(describe(file, contract.name, { ...report, status }, findings));
    return EXIT[status];
  },
};

const EXIT = { pass: 0, fail: 1, unknown: 3 } as const satisfies Record<FindingStatus, ExitCode>;

function worstOf(statuses: readonly FindingStatus[]): FindingStatus {
  return (['fail', 'unknown'] as const).find((status) => statuses.includes(status)) ?? 'pass';
}

/** A picture or a document has no rows: what its detectors say is all. */
function tellWhole(file: string, contract: DataContract, findings: Finding[], json: boolean): ExitCode {
  // A contract without detectors asks nothing of a file, and nothing is not a pass.
  const status = findings.length === 0 ? 'unknown' : worstOf(findings.map((finding) => finding.status));
  const { name, version, digest } = contract;
  if (json) console.log(JSON.stringify({ file, contract: { name, version, digest }, status, findings }));
  else {
    const lines = [
      `file        ${file}`,
      `contract    ${name}`,
      '',
      ...found(findings),
      '',
      verdictOn(findings, status),
    ];
    process.stdout.write(`${lines.join('\n')}\n`);
  }
  return EXIT[status];
}

function verdictOn(findings: readonly Finding[], status: FindingStatus): string {
  const count = (wanted: string) => findings.filter((finding) => finding.status === wanted).length;
  return `${{ pass: 'PASS', fail: 'FAIL', unknown: 'INCONCLUSIVE' }[status]}: ${count('fail')} failed, ${count('unknown')} unknown, ${count('pass')} passed.`;
}

/** What detectors say, the worst first. */
function found(findings: readonly Finding[]): string[] {
  return (['fail', 'unknown', 'pass'] as const).flatMap((wanted) =>
    findings
      .filter(({ status }) => status === wanted)
      .map(({ check, column, status, severity, reason, rows }) => {
        const warning = severity === 'flag' && status === 'fail' ? ' (warning)' : '';
        const first = rows?.[0] ? `; first in row ${rows[0][0] + 1}` : '';
        return `${MARK[status]} ${check}${column ? ` (${column})` : ''}: ${reason}${first}${warning}`;
      }),
  );
}

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
  return readBytes(path).toString('utf8');
}

function readBytes(path: string): Buffer {
  try {
    return readFileSync(path);
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
  detected: readonly Finding[],
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
    findings: [...report.checks.map(findingOf), ...detected],
    results: report.checks.map((check) => resultOf(check, format)),
  };
}

const MARK = { pass: '✓', fail: '✗', unknown: '?' } as const;
const SHOWN = 5;

function describe(
  file: string,
  name: string,
  { checks, rows, columns, format, status }: TableReport,
  detected: readonly Finding[],
): string {
  const of = (wanted: string) => checks.filter(({ outcome }) => outcome.status === wanted);
  const [failed, unsure, passed] = [of('fail'), of('unknown'), of('pass')];
  return [
    `file        ${file} (${format}, ${rows} rows, ${columns.length} columns)`,
    `contract    ${name}`,
    '',
    ...[...failed, ...unsure].flatMap(told),
    ...passed.map(({ promise, outcome }) => `${MARK.pass} ${promise}: ${saidOf(outcome)}`),
    ...found(detected),
    '',
    status === 'pass'
      ? `PASS: all ${checks.length + detected.length} checks hold.`
      : verdictOn([...checks.map(findingOf), ...detected], status),
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
