/** Appends for ever, and prints `<number> <index>` for each acknowledged entry: killed by crash.test.ts. */
import { entriesFrom, temporaryLog } from './log.fixture.ts';

const [folder, first] = process.argv.slice(2);
const log = await temporaryLog(folder);
const ledger = await log.open();
process.stdout.write('open\n');
for (let next = Number(first), count = 1; ; next += count, count = (count * 7) % 409) {
  const indices = await ledger.append(entriesFrom(next, next + count));
  process.stdout.write(indices.map((index, i) => `${next + i} ${index}\n`).join(''));
}
