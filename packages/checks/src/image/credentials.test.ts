// Content credentials: the public test files are told apart as their publisher says; a signer counts only under the
// trust list given; whatever is changed in a signed file is never valid; and nothing leaves the machine, shown against
// a server on loopback that does get the request when fetching is allowed.
import { X509Certificate } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { fileURLToPath } from 'node:url';
import sharp from 'sharp';
import { beforeAll, describe, expect, test } from 'vitest';
import type { Specimen } from '../detector.ts';
import { type ManifestReader, openManifestReader } from './c2pa-binding.ts';
import { openC2paDetector } from './c2pa-detector.ts';
import { openSigning, type SigningFixture } from './c2pa-signing.fixture.ts';
import { offlineSettings, readCredentials } from './credentials.ts';

const reader = openManifestReader();
const native = 'unavailable' in reader ? undefined : reader;
if (native === undefined) console.log(`skipped: ${(reader as { unavailable: string }).unavailable}`);
const shared = fileURLToPath(new URL('../../../../../shared/data/c2pa/', import.meta.url));
if (!existsSync(shared)) console.log('skipped: the public test files are not in ../shared/data/c2pa');

describe.skipIf(native === undefined || !existsSync(shared))('public test files', () => {
  const read = (name: string) => readFileSync(`${shared}${name}.jpg`);

  test.each([
    ['C', 'signer unknown', []],
    ['CA', 'signer unknown', []],
    ['CAI', 'signer unknown', []],
    ['E-sig-CA', 'invalid', [/^claimSignature\.mismatch/]],
    ['E-dat-CA', 'invalid', [/^assertion\.dataHash\.mismatch/]],
    ['XCA', 'invalid', [/^assertion\.dataHash\.mismatch/]],
    ['A', 'none', []],
    ['I', 'none', []],
  ])('%s is %s', async (name, state, problems) => {
    const credentials = await readCredentials(native!, read(name), 'image/jpeg', {});
    expect(credentials.state).toBe(state);
    expect(credentials.problems).toEqual(problems.map((pattern) => expect.stringMatching(pattern)));
  });

  test('the valid ones are trusted under their own authority; the tampered ones are not', async () => {
    const anchors = authorityIn(read('CA'));
    for (const name of ['C', 'CA', 'CAI']) {
      const { state, signer } = await readCredentials(native!, read(name), 'image/jpeg', { anchors });
      expect([state, signer], name).toEqual(['trusted', 'C2PA Signer, C2PA Test Signing Cert']);
    }
    for (const name of ['E-sig-CA', 'E-dat-CA', 'XCA']) {
      expect((await readCredentials(native!, read(name), 'image/jpeg', { anchors })).state, name).toBe(
        'invalid',
      );
    }
  });

  test('actions and ingredients are listed', async () => {
    const { actions, ingredients } = await readCredentials(native!, read('CAI'), 'image/jpeg', {});
    expect(actions.map(({ action }) => action)).toEqual([
      'c2pa.opened',
      'c2pa.color_adjustments',
      'c2pa.placed',
      'c2pa.resized',
    ]);
    expect(ingredients.map(({ title, relationship }) => [title, relationship])).toEqual([
      ['A.jpg', 'parentOf'],
      ['I.jpg', 'componentOf'],
    ]);
  });

  test('no flipped bit and no truncation of a signed file is valid', async () => {
    const anchors = authorityIn(read('CA'));
    const bytes = read('CA');
    let state = 11;
    for (let i = 0; i < (process.env.ASSAY_LONG ? 2000 : 60); i++) {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
      const bit = state % (bytes.length * 8);
      const flipped = Uint8Array.from(bytes);
      flipped[bit >> 3]! ^= 1 << (bit & 7);
      const answer = await readCredentials(native!, flipped, 'image/jpeg', { anchors });
      // The one region that the hash leaves out is the manifest store itself: padding in it may change freely.
      if (answer.state !== 'trusted') continue;
      expect(await samePicture(bytes, flipped), `bit ${bit}`).toBe(true);
      expect(isInManifestStore(bytes, bit >> 3), `bit ${bit}`).toBe(true);
    }
    for (let length = 0; length < bytes.length; length += 19_973) {
      const { state: answer } = await readCredentials(native!, bytes.subarray(0, length), 'image/jpeg', {
        anchors,
      });
      expect(['invalid', 'none', 'unreadable'], `${length} bytes`).toContain(answer);
    }
  });
});

describe.skipIf(native === undefined)('credentials signed here', () => {
  let jpeg: Uint8Array;
  let signing: SigningFixture;
  beforeAll(async () => {
    jpeg = await sharp({ create: { width: 64, height: 64, channels: 3, background: '#468' } })
      .jpeg()
      .toBuffer();
    signing = openSigning();
  });

  test('trusted under its own root, unknown under another, and one detector finding each', async () => {
    const signed = signing.sign(jpeg);
    const findings = (trust: string | undefined) =>
      examine(native!, signed, trust === undefined ? {} : { trust_anchors: trust });
    expect(await findings(signing.anchor)).toMatchObject([
      { check: 'c2pa_credentials', status: 'pass', score: '1' },
      { check: 'c2pa_ai_generated', status: 'unknown' },
    ]);
    expect(await findings(openSigning().anchor)).toMatchObject([
      { status: 'unknown', reason: expect.stringContaining('signer is unknown to your policy') },
      { status: 'unknown' },
    ]);
    expect(await examine(native!, jpeg, {})).toMatchObject([
      { status: 'unknown', reason: 'The file carries no content credentials.' },
      { status: 'unknown' },
    ]);
    const tampered = Uint8Array.from(signed);
    tampered[tampered.length - 20]! ^= 1;
    expect(await examine(native!, tampered, { trust_anchors: signing.anchor })).toMatchObject([
      { status: 'fail', score: '0', reason: expect.stringContaining('assertion.dataHash.mismatch') },
      { status: 'unknown' },
    ]);
  });

  test('what a trained model made is said, whoever signs; a capture counts from a trusted signer only', async () => {
    const type = (name: string) => `http://cv.iptc.org/newscodes/digitalsourcetype/${name}`;
    const generated = signing.sign(jpeg, { digitalSourceType: type('trainedAlgorithmicMedia') });
    const composite = signing.sign(jpeg, { digitalSourceType: type('compositeWithTrainedAlgorithmicMedia') });
    const captured = signing.sign(jpeg, { digitalSourceType: type('digitalCapture') });
    const second = async (bytes: Uint8Array, terms: object) => (await examine(native!, bytes, terms))[1];
    const trust = { trust_anchors: signing.anchor };
    expect(await second(generated, trust)).toMatchObject({ status: 'fail', score: '0' });
    expect(await second(generated, {})).toMatchObject({ status: 'fail', score: '0.05' });
    expect(await second(composite, trust)).toMatchObject({ status: 'fail' });
    expect(await second(captured, trust)).toMatchObject({ status: 'pass' });
    expect(await second(captured, {})).toMatchObject({ status: 'unknown' });
  });

  test('a manifest kept elsewhere is not fetched; it is when fetching is allowed', async () => {
    await withTrap(async (port, connections) => {
      const remote = signing.sign(jpeg, { remoteUrl: `http://127.0.0.1:${port}/manifest.c2pa` });
      const { state } = await readCredentials(native!, remote, 'image/jpeg', {});
      expect([state, connections()]).toEqual(['none', 0]);
      const open = { verify: { remote_manifest_fetch: true } };
      await native!.read(remote, 'image/jpeg', JSON.stringify(open)).catch(() => undefined);
      expect(connections()).toBeGreaterThan(0);
    });
  });

  test('a signer’s OCSP responder is not asked; it is when asking is allowed', async () => {
    await withTrap(async (port, connections) => {
      const other = openSigning(`http://127.0.0.1:${port}/ocsp`);
      const signed = other.sign(jpeg);
      const { state } = await readCredentials(native!, signed, 'image/jpeg', { anchors: other.anchor });
      expect([state, connections()]).toEqual(['trusted', 0]);
      const closed = offlineSettings({ anchors: other.anchor });
      const open = { ...closed, core: {}, verify: { ...closed.verify, ocsp_fetch: true } };
      await native!.read(signed, 'image/jpeg', JSON.stringify(open)).catch(() => undefined);
      expect(connections()).toBeGreaterThan(0);
      // Even then nothing leaves while the list of hosts is empty.
      const before = connections();
      await native!
        .read(signed, 'image/jpeg', JSON.stringify({ ...open, core: closed.core }))
        .catch(() => undefined);
      expect(connections()).toBe(before);
    });
  });
});

test('without a library for the platform everything is unknown, and the reason says why', async () => {
  const missing = openManifestReader('/nowhere/index.node');
  expect(missing).toMatchObject({
    unavailable: expect.stringContaining(`${process.platform} on ${process.arch}`),
  });
  const [first, second] = await examine(missing, new Uint8Array([1, 2, 3]), {});
  expect([first!.status, second!.status]).toEqual(['unknown', 'unknown']);
  expect(first!.reason).toContain('no C2PA library');
});

test('a library that affirms nothing, or answers nonsense, validates nothing', async () => {
  const says = (store: unknown): ManifestReader => ({ read: async () => JSON.stringify(store) });
  const manifest = { active_manifest: 'm', manifests: { m: {} } };
  const answers = [
    {},
    manifest,
    { ...manifest, validation_state: 'Trusted' },
    { ...manifest, validation_state: 'Trusted', validation_results: { activeManifest: {} } },
    {
      ...manifest,
      validation_state: 'Trusted',
      validation_results: {
        activeManifest: {
          success: [{ code: 'claimSignature.validated' }, { code: 'signingCredential.trusted' }],
        },
      },
    },
    {
      ...manifest,
      validation_state: 'Invalid',
      validation_results: {
        activeManifest: {
          success: [{ code: 'claimSignature.validated' }, { code: 'assertion.dataHash.match' }],
        },
      },
    },
  ];
  for (const store of answers) {
    expect((await readCredentials(says(store), new Uint8Array(1), 'image/jpeg', {})).state).toBe('invalid');
  }
});

test('terms that are no certificates are refused with their path', () => {
  const detector = openC2paDetector(() => reader);
  expect(() => detector.readTerms({ trust_anchors: 5 }, 'quality[0].terms')).toThrow(
    'quality[0].terms.trust_anchors: expected certificates in PEM',
  );
  expect(() => detector.readTerms({ anchors: '' }, 't')).toThrow(
    't.anchors: expected only trust_anchors, trusted_signers',
  );
  expect(detector.readTerms({}, 't')).toEqual({});
});

async function examine(binding: ReturnType<typeof openManifestReader>, bytes: Uint8Array, terms: object) {
  const detector = openC2paDetector(() => binding);
  const file = { name: 'a.jpg', mediaType: 'image/jpeg', bytes, metadata: {} };
  const specimen: Specimen = { stream: 's', digest: '00', observedAt: '2026-01-01T00:00:00Z', file };
  return (await detector.examine(specimen, detector.readTerms(terms, 't'), null)).findings;
}

/** A server that counts connections and closes them. */
async function withTrap(work: (port: number, connections: () => number) => Promise<void>): Promise<void> {
  let count = 0;
  const server = createServer((socket) => {
    count++;
    socket.on('error', () => {});
    socket.destroy();
  });
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  const address = server.address() as { port: number };
  try {
    await work(address.port, () => count);
  } finally {
    server.close();
  }
}

/** The first certification authority among the certificates embedded in a file, in PEM. */
function authorityIn(bytes: Buffer): string {
  for (let at = 0; at + 4 < bytes.length; at++) {
    if (bytes[at] !== 0x30 || bytes[at + 1] !== 0x82) continue;
    try {
      const found = new X509Certificate(bytes.subarray(at, at + 4 + bytes.readUInt16BE(at + 2)));
      if (found.ca && found.subject.includes('Root CA')) return found.toString();
    } catch {
      // Not a certificate: the two bytes begin many other things.
    }
  }
  throw new Error('no certification authority in the file');
}

/** Whether a byte lies in one of the APP11 segments in which JPEG carries the manifest store. */
function isInManifestStore(bytes: Uint8Array, at: number): boolean {
  for (let segment = 2; bytes[segment] === 0xff && bytes[segment + 1] !== 0xda; ) {
    const end = segment + 2 + ((bytes[segment + 2]! << 8) | bytes[segment + 3]!);
    if (bytes[segment + 1] === 0xeb && at >= segment && at < end) return true;
    segment = end;
  }
  return false;
}

async function samePicture(a: Uint8Array, b: Uint8Array): Promise<boolean> {
  const [first, second] = await Promise.all([a, b].map((bytes) => sharp(bytes).raw().toBuffer()));
  return first!.equals(second!);
}
