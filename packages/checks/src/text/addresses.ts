import { createHash } from 'node:crypto';
import { keccak_256 } from '@noble/hashes/sha3.js';

/** An account that money can be sent to, or a mailbox. */
export interface AddressMention {
  start: number;
  end: number;
  kind: 'ethereum' | 'bitcoin' | 'iban' | 'email';
  /** As compared: without spaces, lower case where case carries nothing. */
  value: string;
  /** null when it carries no checksum: an Ethereum address in one case, a mailbox. */
  checksum: boolean | null;
}

const CANDIDATES: { kind: AddressMention['kind']; pattern: RegExp }[] = [
  { kind: 'ethereum', pattern: /(?<![\w])0x[0-9a-fA-F]{40}(?![\w])/g },
  { kind: 'bitcoin', pattern: /(?<![\w])(?:bc1|tb1|BC1|TB1)[0-9a-zA-Z]{11,87}(?![\w])/g },
  { kind: 'bitcoin', pattern: /(?<![\w/])[13][1-9A-HJ-NP-Za-km-z]{25,34}(?![\w])/g },
  { kind: 'iban', pattern: /(?<![\w])[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?(?![\w])/g },
  {
    kind: 'email',
    pattern:
      /(?<![\w.+-])[\w+-](?:[\w.+-]{0,62}[\w+-])?@(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.){1,6}[A-Za-z]{2,24}(?![\w])/g,
  },
];

/** Finds accounts and mailboxes, and checks the checksums that they carry. */
export function findAddresses(text: string): AddressMention[] {
  const found: AddressMention[] = [];
  for (const { kind, pattern } of CANDIDATES) {
    for (const { 0: raw, index } of text.matchAll(pattern)) {
      const mention = read(kind, raw);
      // Base58 looks like any long word: without a right checksum only words about money make it an address.
      const lead = text.slice(Math.max(0, index - 80), index);
      const legacy = kind === 'bitcoin' && /^[13]/.test(raw);
      if (legacy && mention?.checksum === false && !/bitcoin|btc|wallet|address|pay|send/i.test(lead))
        continue;
      if (mention !== null)
        found.push({
          start: index,
          end: index + mention.length,
          kind,
          value: mention.value,
          checksum: mention.checksum,
        });
    }
  }
  return found.sort((a, b) => a.start - b.start);
}

/** The form in which two addresses are compared. */
export function normaliseAddress(text: string): string {
  const plain = text.trim();
  if (/^0x[0-9a-f]{40}$/i.test(plain) || /^(bc1|tb1)/i.test(plain) || plain.includes('@'))
    return plain.toLowerCase();
  return /^[A-Z]{2}\d{2}[A-Z0-9 ]+$/.test(plain) ? plain.replaceAll(' ', '') : plain;
}

function read(
  kind: AddressMention['kind'],
  raw: string,
): { value: string; length: number; checksum: boolean | null } | null {
  const value = normaliseAddress(raw);
  if (kind === 'ethereum') return { value, length: raw.length, checksum: eip55(raw) };
  if (kind === 'email') return { value, length: raw.length, checksum: null };
  if (kind === 'bitcoin')
    return { value, length: raw.length, checksum: /^(bc|tb)1/i.test(raw) ? bech32(raw) : base58Check(raw) };
  return iban(raw);
}

/** EIP-55: the case of a letter is a bit of the lower-case address's Keccak-256. */
function eip55(address: string): boolean | null {
  const digits = address.slice(2);
  if (digits === digits.toLowerCase() || digits === digits.toUpperCase()) return null;
  const hash = keccak_256(new TextEncoder().encode(digits.toLowerCase()));
  return [...digits].every((c, i) => {
    const nibble = i % 2 === 0 ? hash[i >> 1]! >> 4 : hash[i >> 1]! & 15;
    return c === (nibble >= 8 ? c.toUpperCase() : c.toLowerCase());
  });
}

const BASE58 = '123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz';

/** A version byte, twenty bytes of hash, and four bytes of double SHA-256. */
function base58Check(address: string): boolean {
  let number = 0n;
  for (const c of address) number = number * 58n + BigInt(BASE58.indexOf(c));
  if (number >= 1n << 200n) return false;
  const bytes = Buffer.from(number.toString(16).padStart(50, '0'), 'hex');
  const sha256 = (data: Uint8Array) => createHash('sha256').update(data).digest();
  return (
    sha256(sha256(bytes.subarray(0, 21)))
      .subarray(0, 4)
      .equals(bytes.subarray(21)) &&
    (bytes[0] === 0 || bytes[0] === 5)
  );
}

const BECH32 = 'qpzry9x8gf2tvdw0s3jn54khce6mua7l';
const GENERATOR = [0x3b6a57b2, 0x26508e6d, 0x1ea119fa, 0x3d4233dd, 0x2a1462b3];

/** BIP-173 for witness version 0, BIP-350 (bech32m) for all later ones. */
function bech32(address: string): boolean {
  if (address !== address.toLowerCase() && address !== address.toUpperCase()) return false;
  const lower = address.toLowerCase();
  if (lower.length > 90) return false;
  const data = [...lower.slice(3)].map((c) => BECH32.indexOf(c));
  if (data.length < 7 || data.includes(-1)) return false;
  const prefix = [...lower.slice(0, 2)].map((c) => c.charCodeAt(0));
  let checksum = 1;
  for (const value of [...prefix.map((c) => c >> 5), 0, ...prefix.map((c) => c & 31), ...data]) {
    const top = checksum >>> 25;
    checksum = ((checksum & 0x1ffffff) << 5) ^ value;
    for (const [i, generator] of GENERATOR.entries()) if ((top >> i) & 1) checksum ^= generator;
  }
  const version = data[0]!;
  const program = Math.floor(((data.length - 7) * 5) / 8);
  const length = version === 0 ? program === 20 || program === 32 : program >= 2 && program <= 40;
  return version <= 16 && length && checksum >>> 0 === (version === 0 ? 1 : 0x2bc830a3);
}

/** Lengths by country (IBAN registry of SWIFT); countries that are not here are no IBAN for us. */
const IBAN_LENGTHS: Record<string, number> = Object.fromEntries(
  'AD24 AE23 AT20 BE16 BG22 BR29 CH21 CY28 CZ24 DE22 DK18 EE20 ES24 FI18 FR27 GB22 GI23 GR27 HR21 HU28 IE22 IL23 IS26 IT27 LI21 LT20 LU20 LV21 MC27 MT31 NL18 NO15 PL28 PT25 RO24 RS22 SA24 SE24 SI19 SK24 SM27 TR26 UA29'
    .split(' ')
    .map((one) => [one.slice(0, 2), Number(one.slice(2))]),
);

/** ISO 13616: the country's length, and 1 modulo 97 with letters as 10 to 35. */
function iban(raw: string): { value: string; length: number; checksum: boolean } | null {
  const wanted = IBAN_LENGTHS[raw.slice(0, 2)];
  if (wanted === undefined) return null;
  // Capital letters that follow may have been taken along: only as much as the country has counts.
  let length = 0;
  for (let seen = 0; length < raw.length && seen < wanted; length++) if (raw[length] !== ' ') seen++;
  const value = raw.slice(0, length).replaceAll(' ', '');
  if (value.length !== wanted) return null;
  const digits = [...value.slice(4), ...value.slice(0, 4)].map((c) => Number.parseInt(c, 36)).join('');
  return { value, length, checksum: BigInt(digits) % 97n === 1n };
}
