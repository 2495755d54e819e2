/**
 * A real S3-compatible server of our own: Ceph's object gateway over a cluster of one monitor and one store in
 * memory, as plain child processes in a temporary folder.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { AwsClient } from 'aws4fetch';

const PROGRAMS = ['ceph', 'ceph-mon', 'ceph-osd', 'monmaptool', 'radosgw', 'radosgw-admin'];
const START_WITHIN_MS = 30_000;

const absent = PROGRAMS.filter(
  (program) => !(process.env.PATH ?? '').split(':').some((folder) => existsSync(join(folder, program))),
);

/** Why no server can run here, or null. */
export const s3Absent: string | null =
  absent.length > 0
    ? `Ceph's ${absent.join(', ')} not installed: packages radosgw, ceph-mon, ceph-osd`
    : null;

/** Keys that one answer to a listing holds: fewer than a tile has partial widths, so that listings go on. */
export const LISTED_AT_ONCE = 3;

export interface TestS3 {
  readonly access: { endpoint: string; region: string; accessKeyId: string; secretAccessKey: string };
  makeBucket(name: string): Promise<void>;
  /** What a plain reader gets, headers and all. */
  read(bucket: string, key: string): Promise<Response>;
  /** Kills the gateway. What it acknowledged stays in the cluster. */
  crash(): Promise<void>;
  /** Starts the gateway again. Resolves when it answers. */
  start(): Promise<void>;
  dispose(): Promise<void>;
}

export async function startS3(): Promise<TestS3> {
  const folder = mkdtempSync(join(tmpdir(), 'assay-s3-'));
  const [monitorPort, port] = await freePorts(2);
  const cluster = randomUUID();
  const conf = join(folder, 'ceph.conf');
  writeFileSync(conf, configuration({ folder, cluster, monitorPort: monitorPort!, port: port! }));
  const run = (program: string, ...args: string[]) =>
    execFileSync(program, args, { stdio: 'ignore', timeout: START_WITHIN_MS });
  const launch = (program: string, ...args: string[]) =>
    spawn(program, ['-c', conf, '-f', ...args], { stdio: 'ignore', cwd: folder });

  const map = join(folder, 'monmap');
  run('monmaptool', '--create', '--fsid', cluster, '--addv', 'a', `[v2:127.0.0.1:${monitorPort}]`, map);
  for (const name of ['mon', 'osd']) mkdirSync(join(folder, name));
  run('ceph-mon', '-c', conf, '--mkfs', '-i', 'a', '--monmap', map);
  const monitor = launch('ceph-mon', '-i', 'a');
  const storeId = randomUUID();
  run('ceph', '-c', conf, 'osd', 'new', storeId);
  run('ceph-osd', '-c', conf, '-i', '0', '--mkfs', '--osd-uuid', storeId);
  const store = launch('ceph-osd', '-i', '0');

  const keys = { accessKeyId: 'test-key', secretAccessKey: 'test-secret' };
  const keyArgs = ['--access-key', keys.accessKeyId, '--secret', keys.secretAccessKey];
  run('radosgw-admin', '-c', conf, 'user', 'create', '--uid', 'test', '--display-name', 'test', ...keyArgs);

  const access = { endpoint: `http://127.0.0.1:${port}`, region: 'default', ...keys };
  const client = new AwsClient({ ...keys, region: access.region, service: 's3', retries: 0 });
  let gateway: ChildProcess;
  const start = async () => {
    gateway = launch('radosgw', '-n', 'client.admin');
    const deadline = performance.now() + START_WITHIN_MS;
    while (!(await fetch(access.endpoint).catch(() => null))?.ok) {
      if (performance.now() > deadline) throw new Error('the object gateway does not start');
      await sleep(10);
    }
  };

  await start();
  return {
    access,
    async makeBucket(name) {
      const response = await client.fetch(`${access.endpoint}/${name}`, { method: 'PUT' });
      if (!response.ok) throw new Error(await response.text());
    },
    read: (bucket, key) => client.fetch(`${access.endpoint}/${bucket}/${key}`),
    crash: () => kill(gateway),
    start,
    async dispose() {
      await Promise.all([gateway, store, monitor].map(kill));
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

function configuration(at: { folder: string; cluster: string; monitorPort: number; port: number }): string {
  return `
[global]
fsid = ${at.cluster}
mon host = v2:127.0.0.1:${at.monitorPort}
public network = 127.0.0.0/8
auth cluster required = none
auth service required = none
auth client required = none
# Without keys there is nothing to encrypt with.
ms mon client mode = crc
run dir = ${at.folder}
admin socket = ${at.folder}/$name.asok
log file = ${at.folder}/$name.log
mon cluster log file = ${at.folder}/cluster.log
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 1
osd pool default pgp num = 1
mon allow pool size one = true
# Each pool is several rounds of the monitor's vote, and it waits for company a second each time.
paxos propose interval = 0.02
paxos min wait = 0.01
mon data = ${at.folder}/mon
osd data = ${at.folder}/osd
osd objectstore = memstore
osd class load list = *
osd class default list = *
rgw frontends = beast endpoint=127.0.0.1:${at.port} tcp_nodelay=1
rgw data = ${at.folder}
rgw max listing results = ${LISTED_AT_ONCE}
`;
}

async function kill(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill('SIGKILL');
  await once(child, 'exit');
}

async function freePorts(count: number): Promise<number[]> {
  const servers = await Promise.all(
    Array.from({ length: count }, async () => {
      const server = createServer().listen(0, '127.0.0.1');
      await once(server, 'listening');
      return server;
    }),
  );
  return Promise.all(
    servers.map(async (server) => {
      const { port } = server.address() as AddressInfo;
      server.close();
      await once(server, 'close');
      return port;
    }),
  );
}
