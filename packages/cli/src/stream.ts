import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { parseContract } from '@assay/checks/rules';
import { AssayError, bytesToHex, ed25519Signer } from '@assay/core';
import { existingDataDir, readStreams, registerStream } from '@assay/pipeline';
import { type Command, usageError } from './command.ts';
import { readDetectorTerms } from './detectors.ts';

const USAGE =
  'stream list | add --provider <did> --contract <file.odcs.yaml> | key <file>  [--data-dir <folder>] [--json]';

/** Registers streams that their providers send themselves, and makes the keys with which devices sign. */
export const streamCommand: Command = {
  usage: USAGE,
  options: {
    'data-dir': { type: 'string', default: 'assay-data' },
    provider: { type: 'string' },
    contract: { type: 'string' },
    json: { type: 'boolean' },
  },
  async run({ positionals: [what, file, ...more], values }) {
    if (more.length > 0) throw usageError('expected less', `assay ${USAGE}`);
    if (what === 'key' && file !== undefined) {
      if (existsSync(file)) {
        throw new AssayError('ARGUMENT_INVALID', `${file} exists already, and a key is never overwritten`, {
          next: 'choose another name',
        });
      }
      const seed = new Uint8Array(randomBytes(32));
      const { did } = await ed25519Signer(seed);
      writeFileSync(file, `${bytesToHex(seed)}\n`, { mode: 0o600, flag: 'wx' });
      console.log(values.json ? JSON.stringify({ did, key: file }) : did);
      return 0;
    }
    const layout = existingDataDir(String(values['data-dir']));
    if (what === 'list' && file === undefined) {
      const streams = readStreams(layout.streams);
      if (values.json) console.log(JSON.stringify(streams));
      else for (const { stream, provider } of streams) console.log(`${stream}  ${provider}`);
      return 0;
    }
    const { provider, contract } = values;
    if (what !== 'add' || file !== undefined || typeof provider !== 'string' || typeof contract !== 'string')
      throw usageError('expected what to do', `assay ${USAGE}`);
    const text = readContract(contract);
    const own = await readDetectorTerms(parseContract(text));
    const added = registerStream(layout.streams, { provider, contract: text });
    console.log(
      values.json
        ? JSON.stringify(added)
        : `${added.stream} may be signed by ${added.provider}; a running node takes it from now on${own.length > 0 ? `, and needs ${own.join(', ')} as --detectors` : ''}`,
    );
    return 0;
  },
};

function readContract(file: string): string {
  if (existsSync(file)) return readFileSync(file, 'utf8');
  throw new AssayError('NOT_FOUND', `there is no file ${file}`, { next: 'name an ODCS contract in YAML' });
}
