/**
 * Sentiment: sentences and compound scores as VADER's authors publish them (README of cjhutto/vaderSentiment), then
 * what finance means by its words, then that nothing is measured where there is nothing to measure.
 */
import { expect, test } from 'vitest';
import { findSentences } from './sentences.ts';
import { measureSentiment, STAND_INS, scoreSentence } from './sentiment.ts';

test.each([
  ['VADER is smart, handsome, and funny.', 0.8316],
  ['VADER is smart, handsome, and funny!', 0.8439],
  ['VADER is very smart, handsome, and funny.', 0.8545],
  ['VADER is VERY SMART, handsome, and FUNNY.', 0.9227],
  ['VADER is VERY SMART, handsome, and FUNNY!!!', 0.9342],
  ['VADER is not smart, handsome, nor funny.', -0.7424],
  ['The book was good.', 0.4404],
  ["At least it isn't a horrible book.", 0.431],
  ['The plot was good, but the characters are uncompelling and the dialog is not great.', -0.7042],
  ['Today SUX!', -0.5461],
])('%s is %d, as published', (sentence, compound) => {
  expect(scoreSentence(sentence)).toBeCloseTo(compound, 4);
});

test('each stand-in has the valence that it stands for', () => {
  for (const [valence, word] of STAND_INS) {
    // compound = v / sqrt(v² + 15), Hutto & Gilbert's normalisation.
    expect(scoreSentence(`it ${word}`)).toBeCloseTo(valence / Math.sqrt(valence ** 2 + 15), 3);
  }
});

test.each([
  ['Token plunges after exploit drains bridge', -1],
  ['Developers vanish in rug pull', -1],
  ['Stablecoin loses its peg', -1],
  ['Bitcoin rallies to all-time high', 1],
  ['Chipmaker beats quarterly estimates, raises full-year guidance', 1],
  ['Shares down 12% as retailer misses forecasts', -1],
  ['ETF approval lifts Ether', 1],
  ['Exchange halts withdrawals', -1],
  ['Bank fails to rally', -1],
  ['The company is not bullish on the quarter', -1],
  ['Company holds shareholders meeting on Tuesday', 0],
])('%s', (headline, sign) => {
  expect(Math.sign(scoreSentence(headline))).toBe(sign);
});

test('per document and per mention; only English is measured', () => {
  const text = 'BTC rallies to a record high\n\nETH plunged after the exploit. BTC was stable.';
  const sentences = findSentences(text);
  const mentions = [...text.matchAll(/BTC|ETH/g)].map(({ 0: name, index }) => ({ name, start: index }));
  const measured = measureSentiment(sentences, mentions)!;
  const byName = Object.fromEntries(measured.mentions.map(({ name, score }) => [name, Number(score)]));
  expect(byName.BTC).toBeGreaterThan(0);
  expect(byName.ETH).toBeLessThan(0);
  expect(measured.mentions.find(({ name }) => name === 'BTC')!.sentences).toBe(2);
  expect(
    measureSentiment(findSentences('Der Kurs ist nach dem Angriff auf die Börse stark gefallen.'), []),
  ).toBeNull();
  expect(measureSentiment(findSentences('株価は下落した。'), [])).toBeNull();
  expect(measureSentiment([], [])).toBeNull();
});
