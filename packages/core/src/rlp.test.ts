/** RLP decodes the published examples, and nothing that is not the one encoding of what it stands for. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { bytesToHex, concatBytes, fromUtf8, hexToBytes, utf8 } from './encoding.ts';
import { decodeRlp, type Rlp, rlpInteger } from './rlp.ts';

const read = (hex: string) => decodeRlp(hexToBytes(hex));
const texts = (item: Rlp): unknown => (Array.isArray(item) ? item.map(texts) : fromUtf8(item));

/** Examples of ethereum.org, "Recursive-length prefix (RLP) serialization". */
const LOREM = 'Lorem ipsum dolor sit amet, consectetur adipisicing elit';
test.each([
  ['83646f67', 'dog'],
  ['c88363617483646f67', ['cat', 'dog']],
  ['80', ''],
  ['c0', []],
  ['00', '\0'],
  ['0f', '\x0f'],
  ['c7c0c1c0c3c0c1c0', [[], [[]], [[], [[]]]]],
  [`b838${bytesToHex(utf8(LOREM))}`, LOREM],
])('%s is %j', (hex, value) => {
  expect(texts(read(hex))).toEqual(value);
});

test('integers are minimal: 0 is empty, 1024 is two bytes', () => {
  expect(rlpInteger(read('80') as Uint8Array)).toBe(0n);
  expect(rlpInteger(read('820400') as Uint8Array)).toBe(1024n);
  expect(() => rlpInteger(read('00') as Uint8Array)).toThrow(/leading zero/);
  expect(() => rlpInteger(read('820004') as Uint8Array)).toThrow(/leading zero/);
});

test.each([
  ['nothing', '', /cut short/],
  ['a byte as a string', '8101', /longer than it needs/],
  ['a short string with a long length', 'b8016f', /longer than it needs/],
  ['a short list with a long length', 'f80101', /longer than it needs/],
  ['a length with a leading zero', `b90038${'61'.repeat(56)}`, /leading zero/],
  ['a length that is missing', 'b8', /longer than it needs|cut short/],
  ['a string that ends early', '83646f', /cut short/],
  ['a list that ends early', 'c883636174', /cut short/],
  ['a member that reaches out of its list', 'c28361616161', /cut short/],
  ['a length beyond any memory', `bf${'ff'.repeat(8)}`, /cut short/],
  ['a list length beyond any memory', `ff${'ff'.repeat(8)}00`, /cut short/],
  ['two items', '8080', /follow/],
  ['endless nesting', 'c9c8c7c6c5c4c3c2c1c0', /nested deeper/],
])('refuses %s', (_, hex, reason) => {
  expect(() => read(hex)).toThrow(reason);
  expect(() => read(hex)).toThrow(expect.objectContaining({ code: 'ENCODING_INVALID' }));
});

test('what decodes is written back as the same bytes', () => {
  const bytes = fc.oneof(fc.uint8Array({ maxLength: 80 }), fc.uint8Array({ minLength: 250, maxLength: 300 }));
  const { item } = fc.letrec<{ item: Rlp }>((tie) => ({
    item: fc.oneof(
      { maxDepth: 4, withCrossShrink: true },
      bytes,
      fc.array(tie('item') as fc.Arbitrary<Rlp>, { maxLength: 5 }),
    ),
  }));
  fc.assert(
    fc.property(item, (value) => {
      expect(encode(decodeRlp(encode(value)))).toEqual(encode(value));
    }),
  );
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 12 }), (input) => {
      let decoded: Rlp;
      try {
        decoded = decodeRlp(input);
      } catch (error) {
        expect(error).toMatchObject({ code: 'ENCODING_INVALID' });
        return;
      }
      expect(encode(decoded)).toEqual(input);
    }),
    { numRuns: 2000 },
  );
});

/** The encoding as the Yellow Paper defines it, to check the decoder with. */
function encode(item: Rlp): Uint8Array {
  if (!Array.isArray(item) && item.length === 1 && item[0]! < 0x80) return Uint8Array.from(item);
  const body = Array.isArray(item) ? concatBytes(...item.map(encode)) : item;
  const offset = Array.isArray(item) ? 0xc0 : 0x80;
  if (body.length <= 55) return concatBytes(Uint8Array.of(offset + body.length), body);
  const digits = body.length.toString(16);
  const length = hexToBytes(digits.length % 2 ? `0${digits}` : digits);
  return concatBytes(Uint8Array.of(offset + 55 + length.length), length, body);
}
