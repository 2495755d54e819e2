import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { accountOf, createKeystore, type Keystore } from '@assay/chain';
import { AssayError } from '@assay/core';
import { getAddress, type Hex } from 'viem';
import { type Command, usageError } from './command.ts';
import { passwordFrom } from './wallet.ts';

const USAGE = 'key new|import|show <keystore.json> [--password-file <file>] [--json]';

/** Keys for the chain: a keystore is an encrypted file, and the key itself is never shown. */
export const keyCommand: Command = {
  usage: USAGE,
  options: {
    'password-file': { type: 'string' },
    json: { type: 'boolean' },
  },
  async run({ positionals: [what, file, ...more], values }) {
    if (!what || !file || more.length > 0)
      throw usageError('expected what to do and a file', `assay ${USAGE}`);
    const say = (address: string, words: string) =>
      console.log(values.json ? JSON.stringify({ address, keystore: file }) : words);
    if (what === 'show') {
      const address = getAddress(`0x${(JSON.parse(readFileSync(file, 'utf8')) as Keystore).address}`);
      say(address, address);
      return 0;
    }
    if (what !== 'new' && what !== 'import')
      throw usageError(`expected new, import or show, got ${JSON.stringify(what)}`, `assay ${USAGE}`);
    if (existsSync(file)) {
      throw new AssayError('ARGUMENT_INVALID', `${file} exists already, and a key is never overwritten`, {
        next: 'choose another name',
      });
    }
    const secret = what === 'import' ? secretFromEnvironment() : undefined;
    const password = await passwordFrom(
      values['password-file'] as string | undefined,
      'Password for the new keystore',
    );
    const keystore = await createKeystore({ password, ...(secret === undefined ? {} : { secret }) });
    writeFileSync(file, `${JSON.stringify(keystore, null, 2)}\n`, { mode: 0o600, flag: 'wx' });
    const address = getAddress(`0x${keystore.address}`);
    say(address, `${address} in ${file}. Keep the file and the password: neither can be made again.`);
    return 0;
  },
};

/** Out of the environment and not out of an argument: those are seen by everybody on the machine. */
function secretFromEnvironment(): Hex {
  const text = process.env.ASSAY_KEY;
  if (text === undefined) {
    throw new AssayError('KEY_MISSING', 'the key to import is read from the environment variable ASSAY_KEY', {
      next: 'set it for this one call',
    });
  }
  accountOf(text);
  return (text.trim().startsWith('0x') ? text.trim() : `0x${text.trim()}`) as Hex;
}
