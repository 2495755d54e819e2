/** A keeper that is given ever larger checkpoints, to be killed. Started by anchor-faults.test.ts. */
import { setTimeout as sleep } from 'node:timers/promises';
import { privateKeyToAccount } from 'viem/accounts';
import { AnchorKeeper } from './anchor-keeper.ts';
import { AnchorStore } from './anchor-store.ts';
import { IntentStore } from './intent-store.ts';

const { rpcUrl, contract, origin, file, from } = JSON.parse(process.argv[2]!);
const keeper = new AnchorKeeper({
  rpcUrls: [rpcUrl],
  chainId: 31_337,
  origin,
  contract,
  prepare: async () => undefined,
  anchorer: privateKeyToAccount(`0x${'02'.repeat(32)}`),
  store: new AnchorStore(file),
  intents: new IntentStore(file),
  nowMs: Date.now,
  everyMs: 0,
  pollMs: 5,
  developmentChain: false,
});
for (let size = from; size < from + 40; size++) {
  keeper.submit({ size, root: new Uint8Array(32).fill(size % 251 || 1) });
  process.stdout.write(`submitted ${size}\n`);
  await sleep(15);
}
await sleep(60_000);
