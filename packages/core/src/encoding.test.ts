/** Encodings have one spelling each: published examples, round trips, and refusal of every other spelling. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { cidOf } from './batch.ts';
import { compareDecimal, divRound, fromScaled, isDecimal, normaliseDecimal, toScaled } from './decimal.ts';
import { didKey, publicKeyFromDid } from './did.ts';
import { base64Decode, base64Encode, bytesToHex, hexToBytes, utf8 } from './encoding.ts';

const bytes = fc.uint8Array({ maxLength: 200 });

test('hex and base64 agree with node:buffer and reject other spellings', () => {
  fc.assert(
    fc.property(bytes, (value) => {
      expect(bytesToHex(value)).toBe(Buffer.from(value).toString('hex'));
      expect(hexToBytes(bytesToHex(value))).toEqual(value);
      expect(base64Encode(value)).toBe(Buffer.from(value).toString('base64'));
      expect(base64Decode(base64Encode(value))).toEqual(value);
    }),
  );
  for (const bad of ['AB', 'a', '0x00']) expect(() => hexToBytes(bad)).toThrow(/hexadecimal/);
  // RFC 4648 section 3.5: 'AB==' and 'AA==' would both decode to one zero byte.
  for (const bad of ['AB==', 'AA', 'A A=', 'AA==\n', 'AA-_'])
    expect(() => base64Decode(bad)).toThrow(/base64/);
});

test('decimals are exact and have one form', () => {
  const examples = {
    '1.50': '1.5',
    '1e-7': '0.0000001',
    '+00.10': '0.1',
    '2E3': '2000',
    '-0': '0',
    '5.': '5',
    '.5': '0.5',
  };
  for (const [loose, canonical] of Object.entries(examples)) expect(normaliseDecimal(loose)).toBe(canonical);
  for (const bad of ['', '.', 'NaN', '0x1', '1,5', ' 1', '1e9999', '1'.repeat(90)]) {
    expect(() => normaliseDecimal(bad)).toThrow(/decimal/);
  }
  for (const bad of ['1.0', '01', '-0', '1e3', '.5', '']) expect(isDecimal(bad)).toBe(false);
  expect(() => toScaled('0.001', 2)).toThrow(/at most 2/);
  fc.assert(
    fc.property(
      fc.bigInt({ min: -(10n ** 30n), max: 10n ** 30n }),
      fc.integer({ min: 0, max: 18 }),
      (value, scale) => {
        const text = fromScaled(value, scale);
        expect(isDecimal(text)).toBe(true);
        expect(toScaled(text, scale)).toBe(value);
      },
    ),
  );
  expect(['10', '9.5', '-1', '0.1'].sort(compareDecimal)).toEqual(['-1', '0.1', '9.5', '10']);
});

test('divRound rounds half to even, also below zero', () => {
  const cases: [bigint, bigint, bigint][] = [
    [5n, 2n, 2n],
    [7n, 2n, 4n],
    [-5n, 2n, -2n],
    [-7n, 2n, -4n],
    [10n, 3n, 3n],
    [-10n, 3n, -3n],
  ];
  for (const [n, d, expected] of cases) expect(divRound(n, d)).toBe(expected);
});

test('did:key of the W3C CCG method specification, both ways', () => {
  const did = 'did:key:z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK';
  const key = publicKeyFromDid(did);
  expect(bytesToHex(key)).toBe('2e6fcce36701dc791488e0d0b1745cc1e33a4c1c9fcc41c63bd343dbbe0970e6');
  expect(didKey(key)).toBe(did);
  for (const bad of ['did:web:example.com', `${did}1`, did.replace('z6Mk', 'z6LS'), did.toUpperCase()]) {
    expect(() => publicKeyFromDid(bad)).toThrow(/did:key/);
  }
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 32, maxLength: 32 }), (key) => {
      expect(publicKeyFromDid(didKey(key))).toEqual(key);
    }),
  );
});

test('the content identifier of nothing is the well-known one', () => {
  expect(cidOf(new Uint8Array())).toBe('bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku');
  expect(cidOf(utf8('hello world'))).toBe('bafkreifzjut3te2nhyekklss27nh3k72ysco7y32koao5eei66wof36n5e');
});
