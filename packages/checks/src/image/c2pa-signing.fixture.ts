import { createHash, createPrivateKey, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { createRequire } from 'node:module';

/** Signs pictures with content credentials for the tests, under a certification authority made for the occasion. */
export interface SigningFixture {
  /** The authority's certificate in PEM. */
  anchor: string;
  sign(jpeg: Uint8Array, options?: { digitalSourceType?: string; remoteUrl?: string }): Uint8Array;
}

/** @param ocspUrl where the signer's certificate says that its status can be asked. */
export function openSigning(ocspUrl?: string): SigningFixture {
  const authority = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const signer = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const root = certificate({
    subject: 'Assay test root',
    key: authority.publicKey,
    issuer: 'Assay test root',
    issuerKeys: authority,
  });
  const leaf = certificate({
    subject: 'Assay test signer',
    key: signer.publicKey,
    issuer: 'Assay test root',
    issuerKeys: authority,
    leaf: { ocspUrl },
  });
  const native = createRequire(import.meta.url)('@contentauth/c2pa-node/dist/index.node');
  const key = signer.privateKey.export({ type: 'pkcs8', format: 'pem' }) as string;
  return {
    anchor: pem(root),
    sign(jpeg, { digitalSourceType, remoteUrl } = {}) {
      const action = { action: 'c2pa.created', ...(digitalSourceType && { digitalSourceType }) };
      const manifest = {
        claim_generator_info: [{ name: 'assay tests', version: '1' }],
        format: 'image/jpeg',
        title: 'fixture',
        assertions: [{ label: 'c2pa.actions', data: { actions: [action] } }],
      };
      const settings = { verify: { verify_after_sign: false }, builder: { thumbnail: { enabled: false } } };
      const builder = native.builderWithJson(JSON.stringify(manifest), JSON.stringify(settings));
      if (remoteUrl !== undefined) {
        native.builderSetNoEmbed.call(builder, true);
        native.builderSetRemoteUrl.call(builder, remoteUrl);
      }
      const chain = Buffer.from(pem(leaf) + pem(root));
      const handle = native.localSignerNew(chain, Buffer.from(key), 'es256');
      const output = { buffer: null as Uint8Array | null };
      native.builderSign.call(builder, handle, { buffer: Buffer.from(jpeg), mimeType: 'image/jpeg' }, output);
      return Uint8Array.from(output.buffer!);
    },
  };
}

/** An X.509 certificate (RFC 5280) as C2PA's profile asks for, in DER. */
function certificate(options: {
  subject: string;
  key: KeyObject;
  issuer: string;
  issuerKeys: { publicKey: KeyObject; privateKey: KeyObject };
  leaf?: { ocspUrl: string | undefined };
}): Buffer {
  const { subject, key, issuer, issuerKeys, leaf } = options;
  const name = (text: string) =>
    sequence(
      tlv(0x31, sequence(oid('2.5.4.10'), tlv(0x0c, Buffer.from('Assay tests')))),
      tlv(0x31, sequence(oid('2.5.4.3'), tlv(0x0c, Buffer.from(text)))),
    );
  const spki = (of: KeyObject) => of.export({ type: 'spki', format: 'der' });
  const keyId = (of: KeyObject) => createHash('sha1').update(spki(of)).digest();
  const extension = (id: string, critical: boolean, value: Buffer) =>
    sequence(oid(id), ...(critical ? [tlv(0x01, Buffer.of(0xff))] : []), tlv(0x04, value));
  const extensions = [
    extension('2.5.29.14', false, tlv(0x04, keyId(key))),
    extension('2.5.29.35', false, sequence(tlv(0x80, keyId(issuerKeys.publicKey)))),
    extension('2.5.29.15', true, tlv(0x03, leaf ? Buffer.of(7, 0x80) : Buffer.of(1, 0x06))),
    extension('2.5.29.19', true, leaf ? sequence() : sequence(tlv(0x01, Buffer.of(0xff)))),
    ...(leaf ? [extension('2.5.29.37', false, sequence(oid('1.3.6.1.5.5.7.3.4')))] : []),
    ...(leaf?.ocspUrl
      ? [
          extension(
            '1.3.6.1.5.5.7.1.1',
            false,
            sequence(sequence(oid('1.3.6.1.5.5.7.48.1'), tlv(0x86, Buffer.from(leaf.ocspUrl)))),
          ),
        ]
      : []),
  ];
  const algorithm = sequence(oid('1.2.840.10045.4.3.2'));
  const body = sequence(
    tlv(0xa0, tlv(0x02, Buffer.of(2))),
    tlv(0x02, Buffer.of(leaf ? 2 : 1)),
    algorithm,
    name(issuer),
    sequence(tlv(0x17, Buffer.from('240101000000Z')), tlv(0x17, Buffer.from('490101000000Z'))),
    name(subject),
    spki(key),
    tlv(0xa3, sequence(...extensions)),
  );
  const signature = sign(
    'sha256',
    body,
    createPrivateKey(issuerKeys.privateKey.export({ type: 'pkcs8', format: 'pem' })),
  );
  return sequence(body, algorithm, tlv(0x03, Buffer.concat([Buffer.of(0), signature])));
}

function pem(der: Buffer): string {
  const lines = der.toString('base64').match(/.{1,64}/g)!;
  return `-----BEGIN CERTIFICATE-----\n${lines.join('\n')}\n-----END CERTIFICATE-----\n`;
}

function sequence(...parts: Buffer[]): Buffer {
  return tlv(0x30, Buffer.concat(parts));
}

function tlv(tag: number, value: Buffer): Buffer {
  const { length } = value;
  const size = length < 128 ? [length] : length < 256 ? [0x81, length] : [0x82, length >> 8, length & 255];
  return Buffer.concat([Buffer.of(tag, ...size), value]);
}

function oid(text: string): Buffer {
  const [first, second, ...rest] = text.split('.').map(Number);
  const bytes = [first! * 40 + second!];
  for (const arc of rest) {
    const digits = [arc & 127];
    for (let left = arc >> 7; left > 0; left >>= 7) digits.unshift((left & 127) | 128);
    bytes.push(...digits);
  }
  return tlv(0x06, Buffer.from(bytes));
}
