import { dismissExecutor, enrolExecutor, existingDataDir, readExecutors } from '@assay/pipeline';
import { type Command, usageError } from './command.ts';

const USAGE = 'execution list | enrol <did> [--name <name>] | dismiss <did>  [--data-dir <folder>] [--json]';
const USE = `assay ${USAGE}`;

/** Whom the operator lets say what executing a figure again gave; they say it with `assay recompute --attest`. */
export const executionCommand: Command = {
  usage: USAGE,
  options: {
    'data-dir': { type: 'string', default: 'assay-data' },
    name: { type: 'string' },
    json: { type: 'boolean' },
  },
  async run({ positionals: [what, did, ...more], values }) {
    if (what !== 'list' && what !== 'enrol' && what !== 'dismiss')
      throw usageError('expected list, enrol or dismiss', USE);
    if (more.length > 0 || (did === undefined) !== (what === 'list'))
      throw usageError(`expected ${what === 'list' ? 'nothing' : 'one DID'} after ${what}`, USE);
    const { executors: file } = existingDataDir(String(values['data-dir']));
    let there = true;
    if (what === 'enrol') enrolExecutor(file, { did: did!, name: nameFrom(values) });
    if (what === 'dismiss') there = dismissExecutor(file, did!);
    const executors = readExecutors(file);
    if (values.json) console.log(JSON.stringify({ executors }));
    else if (what === 'list')
      for (const one of executors) console.log(`${one.did}  ${one.name ?? ''}`.trimEnd());
    else if (what === 'enrol') console.log(`${did} is enrolled; a running node takes its executions at once`);
    else console.log(there ? `${did} is dismissed; what it signed stays` : `${did} was not enrolled`);
    return there ? 0 : 1;
  },
};

function nameFrom({ name }: Record<string, string | boolean | undefined>): string | null {
  if (name === undefined) return null;
  if (typeof name === 'string' && name.trim() !== '' && name.length <= 60) return name;
  throw usageError('expected --name of at most 60 characters', USE);
}
