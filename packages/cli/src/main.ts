import { parseArgs } from 'node:util';
import { AssayError } from '@assay/core';
import { type Command, type ExitCode, usageError } from './command.ts';

/** Loaded when it is called: some bring a database with them, and verifying should start at once. */
const COMMANDS: Record<string, () => Promise<Command>> = {
  verify: async () => (await import('./verify.ts')).verifyCommand,
  records: async () => (await import('./records.ts')).recordsCommand,
  export: async () => (await import('./export.ts')).exportCommand,
  check: async () => (await import('./check.ts')).checkCommand,
  contract: async () => (await import('./contract-command.ts')).contractCommand,
  recompute: async () => (await import('./recompute.ts')).recomputeCommand,
  market: async () => (await import('./market.ts')).marketCommand,
  execution: async () => (await import('./execution.ts')).executionCommand,
  review: async () => (await import('./review.ts')).reviewCommand,
  alerts: async () => (await import('./alerts.ts')).alertsCommand,
  stream: async () => (await import('./stream.ts')).streamCommand,
  submit: async () => (await import('./submit.ts')).submitCommand,
  fsck: async () => (await import('./fsck.ts')).fsckCommand,
  monitor: async () => (await import('./monitor.ts')).monitorCommand,
  'verify-evidence': async () => (await import('./verify-evidence.ts')).verifyEvidenceCommand,
  witness: async () => (await import('./witness.ts')).witnessCommand,
  mirror: async () => (await import('./mirror.ts')).mirrorCommand,
  key: async () => (await import('./key.ts')).keyCommand,
  provider: async () => (await import('./economy-commands.ts')).providerCommand,
  stake: async () => (await import('./economy-commands.ts')).stakeCommand,
  unstake: async () => (await import('./economy-commands.ts')).unstakeCommand,
  withdraw: async () => (await import('./economy-commands.ts')).withdrawCommand,
  claim: async () => (await import('./economy-commands.ts')).claimCommand,
  challenge: async () => (await import('./economy-commands.ts')).challengeCommand,
  appeal: async () => (await import('./economy-commands.ts')).appealCommand,
  rule: async () => (await import('./economy-commands.ts')).ruleCommand,
  settle: async () => (await import('./economy-commands.ts')).settleCommand,
  finalise: async () => (await import('./economy-commands.ts')).finaliseCommand,
  sampling: async () => (await import('./sampling-command.ts')).samplingCommand,
  delegate: async () => (await import('./economy-commands.ts')).delegateCommand,
  governance: async () => (await import('./economy-commands.ts')).governanceCommand,
  propose: async () => (await import('./economy-commands.ts')).proposeCommand,
  vote: async () => (await import('./economy-commands.ts')).voteCommand,
  queue: async () => (await import('./economy-commands.ts')).queueCommand,
  execute: async () => (await import('./economy-commands.ts')).executeCommand,
};

async function help(): Promise<string> {
  const commands = await Promise.all(Object.values(COMMANDS).map((load) => load()));
  const common = new Set(commands.flatMap((command) => command.common ?? []));
  return `assay: prove where AI data came from, what was checked, and what was made of it

${commands.map(({ usage }) => `  assay ${usage}`).join('\n')}
${[...common].map((text) => `\n  ${text}\n`).join('')}
Exit codes: 0 verified or done, 1 failed, 2 wrong usage, 3 inconclusive (a required step is unknown).
`;
}

process.exitCode = await main(process.argv.slice(2));

async function main([name = '', ...rest]: string[]): Promise<ExitCode> {
  if (name === '' || name === 'help' || name === '--help' || name === '-h') {
    process.stdout.write(await help());
    return name === '' ? 2 : 0;
  }
  try {
    const command = Object.hasOwn(COMMANDS, name) ? await COMMANDS[name]!() : undefined;
    if (!command) throw usageError(`there is no command ${JSON.stringify(name)}`, 'assay help');
    if (rest.includes('--help') || rest.includes('-h')) {
      process.stdout.write(`assay ${command.usage}\n${command.common ? `  ${command.common}\n` : ''}`);
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
