/** A thread that asks a server for some paths over and over, and tells how many answers a second it got. */
import { connect, type Socket } from 'node:net';
import { parentPort, workerData } from 'node:worker_threads';

const { port, paths, ms } = workerData as { port: number; paths: string[]; ms: number };
const CONNECTIONS = 8;
const UNDER_WAY = 16;

let answered = 0;
let asked = 0;
const began = performance.now();
const sockets = Array.from({ length: CONNECTIONS }, () => open());
setTimeout(() => {
  parentPort!.postMessage((answered / (performance.now() - began)) * 1_000);
  for (const socket of sockets) socket.destroy();
}, ms);

function open(): Socket {
  const socket = connect(port, '127.0.0.1');
  const ask = (count: number) => {
    let text = '';
    for (let i = 0; i < count; i++)
      text += `GET ${paths[asked++ % paths.length]} HTTP/1.1\r\nHost: bench\r\n\r\n`;
    socket.write(text);
  };
  let bodyLeft = 0;
  let head = '';
  socket.on('connect', () => ask(UNDER_WAY));
  socket.on('data', (chunk: Buffer) => {
    let done = 0;
    for (let at = 0; at < chunk.length; ) {
      if (bodyLeft > 0) {
        const taken = Math.min(bodyLeft, chunk.length - at);
        bodyLeft -= taken;
        at += taken;
        if (bodyLeft === 0) done++;
        continue;
      }
      const end = chunk.indexOf('\r\n\r\n', at);
      head += chunk.toString('latin1', at, end < 0 ? chunk.length : end);
      if (end < 0) break;
      if (!head.startsWith('HTTP/1.1 200')) throw new Error(`expected 200, got ${head.split('\r\n')[0]}`);
      bodyLeft = Number(/content-length: (\d+)/i.exec(head)![1]);
      head = '';
      at = end + 4;
    }
    answered += done;
    if (done > 0) ask(done);
  });
  return socket;
}
