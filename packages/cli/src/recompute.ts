import { digestHex } from '@assay/core';
import { recompute, resolveRecord } from '@assay/pipeline';
import { type Command, usageError } from './command.ts';
import { openDataDir } from './data-dir.ts';

const USAGE = 'recompute <id> [--json] [--data-dir <folder>]';

/** Computes a derived figure again from its recorded inputs: the same bytes, or something is wrong. */
export const recomputeCommand: Command = {
  usage: USAGE,
  options: { 'data-dir': { type: 'string', default: 'assay-data' }, json: { type: 'boolean' } },
  async run({ positionals, values }) {
    const [id, ...more] = positionals;
    if (id === undefined || more.length > 0)
      throw usageError('expected one id of a derived figure', `assay ${USAGE}`);
    const { catalogue } = openDataDir(values['data-dir'] as string);
    const { entry, row } = resolveRecord(id, catalogue);
    const { payload, recorded, materials } = recompute(catalogue, entry);
    const same = Buffer.compare(payload, recorded) === 0;
    const report = {
      id: entry.id,
      same,
      sha256: digestHex(payload),
      recordedSha256: digestHex(recorded),
      materials,
    };
    if (values.json) console.log(JSON.stringify(report));
    else {
      const lines = Buffer.from(payload).toString('utf8').split('\n');
      process.stdout.write(row === null ? lines.join('\n') : `${lines[row]}\n`);
      process.stderr.write(
        same
          ? `✓ the same ${payload.length} bytes from ${materials} recorded inputs (sha256 ${report.sha256})\n`
          : `✗ other bytes: recorded ${report.recordedSha256}, recomputed ${report.sha256} [DERIVATION_MISMATCH]\n`,
      );
    }
    return same ? 0 : 1;
  },
};
