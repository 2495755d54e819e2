import { digestHex, makeStatement, signStatement } from '@assay/core';
import { type Recomputed, recompute, resolveRecord } from '@assay/pipeline';
import { type Command, usageError } from './command.ts';
import { openDataDir } from './data-dir.ts';
import { askNode, instantNow, NODE_OPTIONS, SIGNER_OPTIONS, signerFrom } from './node-client.ts';

const USAGE =
  'recompute <id> [--attest --key <file>|--role reviewer-1 [--node <url>]] [--json] [--data-dir <folder>]';

type Values = Record<string, string | boolean | undefined>;

/**
 * Computes a derived figure again from its recorded inputs: the same bytes, or something is wrong. With `--attest`, what
 * came out is signed and sent to the node, also where it is something else.
 */
export const recomputeCommand: Command = {
  usage: USAGE,
  options: { ...NODE_OPTIONS, ...SIGNER_OPTIONS, attest: { type: 'boolean' } },
  async run({ positionals, values }) {
    const [id, ...more] = positionals;
    if (id === undefined || more.length > 0)
      throw usageError('expected one id of a derived figure', `assay ${USAGE}`);
    const { catalogue } = openDataDir(values['data-dir'] as string);
    const { entry, row } = resolveRecord(id, catalogue);
    const again = await recompute(catalogue, entry);
    const { payload, recorded, materials, rows, agrees } = again;
    const same = Buffer.compare(payload, recorded) === 0;
    const attested = values.attest ? await attest(entry.id, again, values) : null;
    const report = {
      ...{ id: entry.id, same, agrees, rows, materials, attested },
      sha256: digestHex(payload),
      recordedSha256: digestHex(recorded),
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
      if (attested)
        process.stderr.write(
          `${agrees ? '✓ agrees' : '✗ does not agree'} with the rows that the figure commits to; entry ${attested.index} of the log says so\n`,
        );
    }
    return same && agrees ? 0 : 1;
  },
};

/** Signs what came out, and sends it. */
async function attest(
  id: string,
  { derivation: { stream, function: code }, rows, agrees }: Recomputed,
  values: Values,
): Promise<{ id: string; index: number }> {
  const signer = await signerFrom(values, USAGE);
  const predicate = { stream, observation: id, function: code, rows, agrees, executedAt: instantNow() };
  const statement = makeStatement('execution', { name: stream, sha256: id }, predicate);
  const { envelope } = await signStatement(statement, signer);
  return askNode(values, `/v1/records/${id}/executions`, { method: 'POST', body: { envelope } });
}
