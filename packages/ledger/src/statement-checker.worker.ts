/** A thread of statement-checker.ts. */
import { parentPort } from 'node:worker_threads';
import { type CheckRequest, type CheckResponse, checkEntries } from './statement-checker.ts';

parentPort!.on('message', async ({ id, bundle, from }: CheckRequest) => {
  const response: CheckResponse = { id, checked: await checkEntries(bundle, from) };
  parentPort!.postMessage(response);
});
