/** tlog-proofs: the form that C2SP tlog-proof gives, and every departure from it refused. */
import { expect, test } from 'vitest';
import { base64Encode } from './encoding.ts';
import { formatTlogProof, parseTlogProof } from './tlog-proof.ts';

// The specification's example as far as it is one: its signatures are elided, its extra line is not base64.
const CHECKPOINT = `example.com/fancylog
109482
sFodV/vSp5O8n9a8QpW6PRY97tfOSW5bsc2Xl/EQi08=

— example.com/fancylog hI2DJw==
`;
const PATH = `gSKyXoYZUgZ6jduWYrkDOARinOMGJveXjgMkBTcdPlQ=
B95lDa8R83lS8n0eG+o0buTxRKQTYFi//1U8anccXmA=
EKNzoDWG8LGC0Yp9o+sv3qllpMP9uHQ9B20KNL+Q1zs=
RoopEkOdqkYqMB4MJXrbt/hMjOxsVn0IrWjpz1ZMMes=
AHCioX9nLjsrse6YhjRRmk1WUEirVOLLRoOQ6vfO5vk=`;
const PROOF = `c2sp.org/tlog-proof@v1\nindex 73894\n${PATH}\n\n${CHECKPOINT}`;

test("the specification's example reads and is written again", () => {
  const proof = parseTlogProof(PROOF);
  expect(proof).toMatchObject({ index: 73894, checkpoint: CHECKPOINT });
  expect(proof.path.map(base64Encode).join('\n')).toBe(PATH);
  expect(formatTlogProof(proof)).toBe(PROOF);
});

test('a tree of one entry has a proof without a path', () => {
  const text = formatTlogProof({ index: 0, path: [], checkpoint: CHECKPOINT });
  expect(text).toBe(`c2sp.org/tlog-proof@v1\nindex 0\n\n${CHECKPOINT}`);
  expect(parseTlogProof(text).path).toEqual([]);
});

test.each([
  ['another version', PROOF.replace('@v1', '@v2')],
  ['an extra line, which nothing authenticates', PROOF.replace('index', 'extra YWJj\nindex')],
  ['no index', PROOF.replace('index 73894\n', '')],
  ['an index with a leading zero', PROOF.replace('73894', '073894')],
  ['an index beyond safe integers', PROOF.replace('73894', '9007199254740992')],
  ['a negative index', PROOF.replace('73894', '-1')],
  ['carriage returns', PROOF.replaceAll('\n', '\r\n')],
  ['a hash that is cut short', PROOF.replace('PlQ=', 'Pg==')],
  ['a hash in another spelling', PROOF.replace('PlQ=', 'PlR=')],
  ['64 hashes', PROOF.replace(PATH, Array(64).fill(PATH.slice(0, 44)).join('\n'))],
  ['no empty line', PROOF.replace('\n\n', '\n').replace('\n\n', '\n')],
  ['nothing', ''],
])('refused: %s', (_name, text) => {
  expect(() => parseTlogProof(text)).toThrow(expect.objectContaining({ code: 'BUNDLE_MALFORMED' }));
});
