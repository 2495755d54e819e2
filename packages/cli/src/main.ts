import { parseArgs } from 'node:util';
import { AssayError } from '@assay/core';
import { exportCommand } from './export.ts';
import { fsckCommand } from './fsck.ts';
import { monitorCommand } from './monitor.ts';
import { recomputeCommand } from './recompute.ts';
import { recordsCommand } from './records.ts';
import { verifyCommand } from './verify.ts';
import { verifyEvidenceCommand } from './verify-evidence.ts';

/** 0 done or verified, 1 failed, 2 wrong usage or input, 3 inconclusive. */
export type ExitCode = 0 | 1 | 2 | 3;

/** One command: its options, and what it does with them. */
export interface Command {
  usage: string;
  options: NonNullable<Parameters<typeof parseArgs>[0]>['options'];
  run(args: {
    positionals: string[];
    values: Record<string, string | boolean | undefined>;
  }): Promise<ExitCode>;
}

const COMMANDS: Record<string, Command> = {
  verify: verifyCommand,
  records: recordsCommand,
  export: exportCommand,
  recompute: recomputeCommand,
  fsck: fsckCommand,
  monitor: monitorCommand,
  'verify-evidence': verifyEvidenceCommand,
};

const HELP = `assay: prove where AI data came from, what was checked, and what was made of it

${Object.values(COMMANDS)
  .map(({ usage }) => `  assay ${usage}`)
  .join('\n')}

Exit codes: 0 verified or done, 1 failed, 2 wrong usage, 3 inconclusive (a required step is unknown).
`;

process.exitCode = await main(process.argv.slice(2));

async function main([name = '', ...rest]: string[]): Promise<ExitCode> {
  if (name === '' || name === 'help' || name === '--help' || name === '-h') {
    process.stdout.write(HELP);
    return name === '' ? 2 : 0;
  }
  const command = COMMANDS[name];
  try {
    if (!command) throw usageError(`there is no command ${JSON.stringify(name)}`, 'assay help');
    if (rest.includes('--help') || rest.includes('-h')) {
      process.stdout.write(`assay ${command.usage}\n`);
      return 0;
    }
    return await command.run(parse(command, rest));
  } catch (error) {
    return report(error);
  }
}

function parse(command: Command, args: string[]) {
  try {
    const { positionals, values } = parseArgs({
      args,
      options: command.options ?? {},
      allowPositionals: true,
      strict: true,
    });
    return { positionals, values: values as Record<string, string | boolean | undefined> };
  } catch (cause) {
    throw usageError((cause as Error).message, `assay ${command.usage}`);
  }
}

function report(error: unknown): ExitCode {
  if (!(error instanceof AssayError)) throw error;
  process.stderr.write(
    `assay: ${error.message} [${error.code}]\n${error.next ? `  next: ${error.next}\n` : ''}`,
  );
  return 2;
}

/** Wrong words on the command line. */
export function usageError(message: string, usage: string): AssayError {
  return new AssayError('ARGUMENT_INVALID', message, { next: `usage: ${usage}` });
}
