/** A real PostgreSQL server of our own: in a temporary folder, on a Unix socket, without the system's service. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chownSync, existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import postgres, { type ConnectionParameters, type Sql } from 'postgres';

const START_WITHIN_MS = 20_000;

/** Where Debian keeps the newest server, else wherever the path leads. */
const programs = newestServer();
const user = serverUser();

/** Why no server can run here, or null. */
export const postgresAbsent: string | null = programs === null ? 'PostgreSQL is not installed' : user.absent;

export interface TestPostgres {
  /** Folder of the socket, for other processes. */
  readonly host: string;
  /** A client of a database, made when absent, with settings of its session; it is closed with the server. */
  connect(database: string, settings?: Partial<ConnectionParameters>): Promise<Sql>;
  /** Ends the server at once, without a checkpoint, as its crash would. */
  crash(): Promise<void>;
  /** Starts it again. Resolves when it answers. */
  start(): Promise<void>;
  dispose(): Promise<void>;
}

export async function startPostgres(): Promise<TestPostgres> {
  const folder = mkdtempSync(join(tmpdir(), 'assay-postgres-'));
  const data = join(folder, 'data');
  if (user.ids) chownSync(folder, user.ids.uid, user.ids.gid);
  const asServer = { ...user.ids, cwd: folder };
  const initialise = ['-D', data, '-U', 'postgres', '-A', 'trust', '-E', 'UTF8', '--locale=C', '--no-sync'];
  execFileSync(join(programs!, 'initdb'), initialise, { ...asServer, stdio: 'ignore' });

  const clients: Sql[] = [];
  const databases = new Map<string, Promise<unknown>>();
  let server: ChildProcess;

  const connect = (database: string, connection: Partial<ConnectionParameters> = {}) => {
    const client = postgres({
      host: folder,
      username: 'postgres',
      database,
      connection,
      max: 4,
      backoff: () => 0.05,
      onnotice: () => {},
    });
    clients.push(client);
    return client;
  };
  const end = async (signal: NodeJS.Signals) => {
    if (server.exitCode !== null || server.signalCode !== null) return;
    server.kill(signal);
    await once(server, 'exit');
  };
  const start = async () => {
    const settings = ['-c', `unix_socket_directories=${folder}`, '-c', 'listen_addresses='];
    server = spawn(join(programs!, 'postgres'), ['-D', data, ...settings], { ...asServer, stdio: 'ignore' });
    const deadline = performance.now() + START_WITHIN_MS;
    for (const client = connect('postgres'); ; await sleep(20)) {
      const answer = await client`SELECT 1`.catch(String);
      if (typeof answer !== 'string') break;
      if (performance.now() > deadline) throw new Error(`PostgreSQL does not start: ${answer}`);
    }
  };

  await start();
  const administrator = connect('postgres');
  return {
    host: folder,
    async connect(database, settings) {
      const made = databases.get(database) ?? administrator.unsafe(`CREATE DATABASE ${database}`);
      databases.set(database, made);
      await made;
      return connect(database, settings);
    },
    crash: () => end('SIGQUIT'),
    start,
    async dispose() {
      await Promise.all(clients.map((client) => client.end({ timeout: 1 })));
      await end('SIGQUIT');
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

function newestServer(): string | null {
  const debian = '/usr/lib/postgresql';
  const versions = existsSync(debian)
    ? readdirSync(debian)
        .map(Number)
        .sort((a, b) => b - a)
    : [];
  const folders = [
    ...versions.map((version) => join(debian, String(version), 'bin')),
    ...(process.env.PATH ?? '').split(':'),
  ];
  return (
    folders.find((folder) => ['initdb', 'postgres'].every((name) => existsSync(join(folder, name)))) ?? null
  );
}

/** The server refuses to run as root: then it runs as the user that its package makes. */
function serverUser(): { ids?: { uid: number; gid: number }; absent: string | null } {
  if (process.getuid?.() !== 0) return { absent: null };
  try {
    const id = (flag: string) => Number(execFileSync('id', [flag, 'postgres'], { stdio: 'pipe' }));
    return { ids: { uid: id('-u'), gid: id('-g') }, absent: null };
  } catch {
    return { absent: 'there is no user postgres to run PostgreSQL as' };
  }
}
