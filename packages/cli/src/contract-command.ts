import { writeFileSync } from 'node:fs';
import { basename } from 'node:path';
import { inferContract, parseContract, streams } from '@assay/checks/rules';
import { AssayError } from '@assay/core';
import { readText, tableOptions } from './check.ts';
import { type Command, usageError } from './command.ts';
import { readDetectorTerms } from './detectors.ts';

const USAGE = 'contract validate <yaml|suite.json> | contract infer <file> [--out <yaml>] [--json]';

/** Reads a data contract and says what it asks, or proposes one from a file of data. */
export const contractCommand: Command = {
  usage: USAGE,
  options: {
    object: { type: 'string' },
    out: { type: 'string' },
    format: { type: 'string' },
    encoding: { type: 'string' },
    memory: { type: 'string', default: '512MB' },
    'max-seconds': { type: 'string', default: '600' },
    json: { type: 'boolean' },
  },
  async run({ positionals, values }) {
    const [action, path, ...more] = positionals;
    if (path === undefined || more.length > 0 || (action !== 'validate' && action !== 'infer')) {
      throw usageError('expected validate or infer, and one file', `assay ${USAGE}`);
    }
    return action === 'validate' ? validate(path, values) : infer(path, values);
  },
};

async function validate(path: string, values: Record<string, string | boolean | undefined>): Promise<0 | 1> {
  try {
    const contract = parseContract(
      readText(path),
      typeof values.object === 'string' ? { object: values.object } : {},
    );
    const own = await readDetectorTerms(contract);
    const remembering = contract.rules.filter(({ expectation }) => streams(expectation) !== 'yes').length;
    const summary = {
      valid: true,
      name: contract.name,
      version: contract.version,
      columns: contract.columns.length,
      rules: contract.rules.length,
      detectors: contract.detectors.length,
      detectorsOfYourOwn: own,
    };
    if (values.json) console.log(JSON.stringify(summary));
    else
      console.log(
        `✓ ${contract.name} ${contract.version}: ${summary.columns} columns, ${summary.rules} rules (${remembering} of them need to remember values on a stream), ${summary.detectors} detectors${own.length > 0 ? `; ${own.join(', ')} must be given to the node: --detectors <file>` : ''}`,
      );
    return 0;
  } catch (error) {
    if (!(error instanceof AssayError) || error.code !== 'CONTRACT_INVALID') throw error;
    if (values.json) console.log(JSON.stringify({ valid: false, message: error.message, ...error.detail }));
    else console.error(`✗ ${path}: ${error.message}\n  next: ${error.next ?? 'correct the contract'}`);
    return 1;
  }
}

async function infer(path: string, values: Record<string, string | boolean | undefined>): Promise<0> {
  const name = basename(path).replace(/\.[a-z]+(\.gz)?$/i, '');
  const { yaml, rows, notes } = await inferContract(path, name, tableOptions(values));
  if (typeof values.out === 'string') writeFileSync(values.out, yaml);
  if (values.json) console.log(JSON.stringify({ rows, notes, contract: yaml }));
  else {
    if (values.out === undefined) process.stdout.write(yaml);
    process.stderr.write(`proposed from ${rows} rows:\n${notes.map((note) => `  ${note}\n`).join('')}`);
  }
  return 0;
}
