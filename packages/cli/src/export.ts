import { exportBundle } from '@assay/pipeline';
import { type Command, usageError } from './command.ts';
import { openDataDir } from './data-dir.ts';

const USAGE = 'export <id> [--data-dir <folder>]';

/** Writes the self-contained proof of a record to standard output. Works beside a running node and without one. */
export const exportCommand: Command = {
  usage: USAGE,
  options: { 'data-dir': { type: 'string', default: 'assay-data' } },
  async run({ positionals, values }) {
    const [id, ...more] = positionals;
    if (id === undefined || more.length > 0) throw usageError('expected one record id', `assay ${USAGE}`);
    const bundle = await exportBundle(id, openDataDir(values['data-dir'] as string));
    process.stdout.write(`${JSON.stringify(bundle, null, 2)}\n`);
    return 0;
  },
};
