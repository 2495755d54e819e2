/** Shows the real program: from a policy file to a line for a log's policy, and what it says when it cannot start. */
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import {
  EMPTY_ROOT,
  ed25519NoteSigner,
  ed25519Signer,
  formatCheckpoint,
  openCheckpoint,
  parseTlogPolicy,
  signNote,
} from '@assay/core';
import { afterAll, expect, test } from 'vitest';

const ORIGINS = ['witness.test/log', 'witness.test/other'];
const folder = mkdtempSync(join(tmpdir(), 'assay-witness-'));
const signers = await Promise.all(
  ORIGINS.map(async (origin, i) =>
    ed25519NoteSigner(origin, await ed25519Signer(new Uint8Array(32).fill(i))),
  ),
);
const policy = join(folder, 'log.policy');
writeFileSync(policy, `${signers.map(({ vkey }) => `log ${vkey}\n`).join('')}quorum none\n`);
const program = fileURLToPath(new URL('../assay.mjs', import.meta.url));
afterAll(() => rmSync(folder, { recursive: true }));

const witnessOf = (data: string, ...more: string[]) => [
  ...['witness', '--policy', policy, '--data-dir', data, '--name', 'witness.test/w1', ...more],
];
const assay = (...args: string[]) =>
  new Promise<{ code: number; stderr: string }>((resolve) => {
    execFile(process.execPath, [program, ...args], (error, _stdout, stderr) =>
      resolve({ code: error ? Number(error.code) : 0, stderr }),
    );
  });

test('its line makes it a witness of every log of the policy', { timeout: 60_000 }, async () => {
  const data = join(folder, 'w1');
  const child = spawn(process.execPath, [program, ...witnessOf(data, '--port', '0')], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let printed = '';
  for await (const chunk of child.stdout.setEncoding('utf8').iterator({ destroyOnReturn: false })) {
    printed += chunk;
    if (printed.includes('\n# group ')) break;
  }
  for (const key of ['witness.key', 'witness-ml-dsa-44.key'])
    expect(statSync(join(data, key)).mode & 0o777).toBe(0o600);

  // As an operator would: paste the line, and the two below it without their comment signs.
  const [first, ...others] = printed.split('\n').filter((line) => /^(# )?(witness|group) /.test(line));
  const plain = others.map((line) => line.slice(2)).join('\n');
  const url = / (http\S+)$/.exec(first!)![1]!;
  for (const signer of signers) {
    const note = await signNote(formatCheckpoint({ origin: signer.name, size: 0, root: EMPTY_ROOT }), [
      signer,
    ]);
    const answer = await fetch(`${url}/add-checkpoint`, { method: 'POST', body: `old 0\n\n${note}` });
    expect(answer.status).toBe(200);
    const cosigned = note + (await answer.text());
    for (const lines of [`${first}\nquorum w1`, `${first}\n${plain}\nquorum w1-either`]) {
      const opened = await openCheckpoint(cosigned, parseTlogPolicy(`log ${signer.vkey}\n${lines}\n`));
      expect(opened.log.verifier.name).toBe(signer.name);
    }
    const both = await openCheckpoint(
      cosigned,
      parseTlogPolicy(
        `log ${signer.vkey}\n${first}\n${plain.replace('either any', 'both all')}\nquorum w1-both\n`,
      ),
    );
    expect(both.signatures).toHaveLength(3);
  }

  expect(await assay(...witnessOf(data, '--port', '0'))).toEqual({
    code: 2,
    stderr: `assay: another process uses ${data} [DATA_DIR_IN_USE]\n  next: stop it, or choose another folder with --data-dir\n`,
  });
  child.kill('SIGTERM');
  expect(await once(child, 'close')).toEqual([0, null]);
});

test('what it cannot start with is said, with the next step', { timeout: 60_000 }, async () => {
  const taken = createServer().listen(0, '127.0.0.1');
  await once(taken, 'listening');
  const { port } = taken.address() as AddressInfo;
  const data = join(folder, 'w2');
  const open = join(folder, 'open');
  mkdirSync(open);
  writeFileSync(join(open, 'witness.key'), '00'.repeat(32));
  writeFileSync(join(open, 'witness.db'), '');
  chmodSync(join(open, 'witness.key'), 0o644);
  const forgetful = join(folder, 'forgetful');
  mkdirSync(forgetful);
  writeFileSync(join(forgetful, 'witness.key'), '00'.repeat(32), { mode: 0o600 });
  const empty = join(folder, 'empty.policy');
  writeFileSync(empty, 'quorum none\n');
  const wrongs: [string[], string][] = [
    [witnessOf(data, '--port', String(port)), '[PORT_IN_USE]\n  next: choose another with --port'],
    [
      witnessOf(forgetful),
      'which says what it has signed, is not [KEY_INVALID]\n  next: start in an empty folder',
    ],
    [witnessOf(open), '[KEY_INVALID]\n  next: chmod 600'],
    [witnessOf(policy, '--name', 'x'), '[DATA_DIR_UNWRITABLE]'],
    [['witness', ...witnessOf(data).slice(3), '--policy', join(folder, 'absent')], 'ENOENT'],
    [['witness', ...witnessOf(data).slice(3), '--policy', empty], 'expected a line "log <vkey> [<url>]"'],
  ];
  const answers = await Promise.all(wrongs.map(([args]) => assay(...args)));
  taken.close();
  for (const [i, [, message]] of wrongs.entries()) {
    expect(answers[i]!.stderr).toContain(message);
    expect(answers[i]!.code).toBe(2);
  }
});
