/**
 * Shows that the Go team's own packages for checksum databases (golang.org/x/mod/sumdb), which share no code
 * with Assay, read a served log: checkpoints, inclusion and consistency, across full, partial and upper tiles.
 */
import { execFile, execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { entriesFrom, temporaryLog } from '../src/log.fixture.ts';
import { servedLog } from '../src/served-log.ts';

/** Where Debian's golang-golang-x-mod-dev puts its packages. */
const GO_PATH = '/usr/share/gocode';
const missing = [
  spawnSync('go', ['version']).error ? 'go (golang-go)' : [],
  existsSync(join(GO_PATH, 'src/golang.org/x/mod/sumdb/tlog')) ? [] : 'golang-golang-x-mod-dev',
].flat();

const OLD_SIZE = 40_000;
// One full tile of level 1, a partial one of level 2, and partial ones below.
const SIZE = 65_536 + 300;
const INDICES = [0, 255, 256, OLD_SIZE, 65_535, 65_536, SIZE - 1];

describe.skipIf(missing.length > 0)(
  `golang.org/x/mod/sumdb reads a served log${missing.length > 0 ? ` (skipped: no ${missing.join(', no ')})` : ''}`,
  () => {
    const folder = mkdtempSync(join(tmpdir(), 'assay-interop-'));
    const program = join(folder, 'verify');
    const oldCheckpoint = join(folder, 'old-checkpoint');
    let log: Awaited<ReturnType<typeof temporaryLog>>;
    let server: Server;
    let url: string;
    /** Changes what the server sends, for a path that it names. */
    let tamper: (path: string, body: Uint8Array) => Uint8Array = (_path, body) => body;
    const asked = new Set<string>();

    beforeAll(async () => {
      execFileSync('go', ['build', '-o', program, fileURLToPath(new URL('verify.go', import.meta.url))], {
        env: {
          PATH: process.env.PATH,
          GOPATH: GO_PATH,
          GO111MODULE: 'off',
          GOFLAGS: '',
          GOCACHE: join(folder, 'cache'),
          HOME: folder,
        },
      });
      log = await temporaryLog(join(folder, 'log'));
      const ledger = await log.open();
      await ledger.append(entriesFrom(0, OLD_SIZE));
      writeFileSync(oldCheckpoint, (await ledger.whenPublished(OLD_SIZE)).note);
      await ledger.append(entriesFrom(OLD_SIZE, SIZE));
      await ledger.whenPublished(SIZE);
      await ledger.close();

      const serve = servedLog(log.tiles);
      server = createServer(async (request, response) => {
        const path = request.url!.slice(1);
        asked.add(path);
        const file = await serve(path);
        if (!file) return void response.writeHead(404).end();
        response.writeHead(200, file.headers).end(tamper(path, file.body));
      });
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
      url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    });

    afterAll(async () => {
      server?.close();
      await log?.dispose();
      rmSync(folder, { recursive: true, force: true });
    });

    const verify = (indices: number[], vkey = log.signer.vkey) =>
      run(program, [url, vkey, oldCheckpoint, ...indices.map(String)]);

    test('checkpoints, consistency, and inclusion of entries at every kind of tile', async () => {
      expect(await verify(INDICES)).toEqual({
        status: 0,
        stdout: [`${OLD_SIZE} to ${SIZE}`, ...INDICES.map((index) => `${index} entry ${index}`), ''].join(
          '\n',
        ),
        stderr: '',
      });
      expect([...asked]).toEqual(
        expect.arrayContaining([
          'tile/0/000',
          'tile/0/257.p/44',
          'tile/1/000',
          'tile/1/001.p/1',
          'tile/2/000.p/1',
          'tile/entries/000',
          'tile/entries/257.p/44',
        ]),
      );
    });

    test.each(['tile/0/000', 'tile/1/000', 'tile/0/257.p/44', 'tile/entries/256', 'checkpoint'])(
      'a flipped bit in %s is noticed',
      async (path) => {
        tamper = (asked, body) => (asked === path ? body.with(10, body[10]! ^ 1) : body);
        const { status, stderr } = await verify(INDICES);
        tamper = (_path, body) => body;
        expect(status).toBe(1);
        expect(stderr).not.toBe('');
      },
    );

    test('the key of another log is not enough', async () => {
      const vkey = 'example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k';
      expect((await verify([0], vkey)).stderr).toMatch(/no verifiable signatures/);
    });
  },
);

/** Without blocking, as the server runs in this process. */
function run(program: string, args: string[]): Promise<{ status: unknown; stdout: string; stderr: string }> {
  return new Promise((resolve) => {
    execFile(program, args, { timeout: 20_000 }, (error, stdout, stderr) =>
      resolve({ status: error ? error.code : 0, stdout, stderr }),
    );
  });
}
