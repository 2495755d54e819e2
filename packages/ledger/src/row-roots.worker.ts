/** A thread of row-roots.ts. */
import { parentPort } from 'node:worker_threads';
import { type RootRequest, type RootResponse, rootOfLines } from './row-roots.ts';

parentPort!.on('message', ({ id, payload }: RootRequest) => {
  const response: RootResponse = { id, root: rootOfLines(payload) };
  parentPort!.postMessage(response);
});
