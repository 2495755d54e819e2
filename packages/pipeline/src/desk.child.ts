/** Sends readings and reviews for ever, and prints what was acknowledged: killed by review-desk.test.ts. */
import { openDesk, STREAM, signerOf } from './desk.fixture.ts';

const desk = await openDesk(process.argv[2]!, { nowMs: Date.parse('2026-03-01T00:00:00Z') });
const reviewers = await Promise.all([11, 12, 13].map(signerOf));
desk.world.reviewers = reviewers.map(({ did }) => did);
desk.pipeline.tick();
process.stdout.write('open\n');
for (let i = desk.catalogue.head(STREAM)?.sequence ?? 0; ; i++) {
  // Every third one jumps, so that there is something to review.
  const id = await desk.send('20', '20.1', i % 3 === 2 ? '99' : '20.2');
  process.stdout.write(`observation ${id}\n`);
  for (const reviewer of reviewers) {
    const [item] = desk.reviews.store.askedOf(reviewer.did);
    if (!item) continue;
    const { id: review } = await desk.say(reviewer, item.observation, i % 2 === 0 ? 'accept' : 'flag');
    process.stdout.write(`review ${review}\n`);
  }
}
