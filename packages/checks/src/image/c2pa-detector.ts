import type { Detector, DetectorFinding, Examination, Exhibit, SpecimenFile } from '../detector.ts';
import { readMembers, refuseTerms } from '../terms.ts';
import type { ManifestReader } from './c2pa-binding.ts';
import { type Credentials, type CredentialTrust, readCredentials } from './credentials.ts';
import { mediaTypeOf } from './media-type.ts';

const MAX_BYTES = 256 * 1024 * 1024;
const MAX_PEM = 1_000_000;

/**
 * Opens the detector of content credentials.
 *
 * Findings: `c2pa_credentials` passes only when everything validates and the signer stands under the contract's trust
 * list; an unknown signer and absent credentials are unknown. `c2pa_ai_generated` fails when the credentials say that
 * a trained model made the picture or a part of it, whoever signed that; it passes when a trusted signer says that a
 * device captured it.
 *
 * @param open `openManifestReader`; called for the first file, because the library takes time and memory. Where there
 * is none for the platform, every answer is unknown with the reason.
 * @example
 * const detector = openC2paDetector(openManifestReader);
 * const terms = detector.readTerms({ trust_anchors: pem }, 'quality[0].implementation.terms');
 */
export function openC2paDetector(
  open: () => ManifestReader | { unavailable: string },
): Detector<CredentialTrust, null> {
  let reader: ReturnType<typeof open> | undefined;
  return {
    name: 'c2pa',
    version: '1.0.0',
    readTerms,
    begin: () => null,
    async examine(specimen, trust): Promise<Examination<null>> {
      if (specimen.file === undefined)
        return { findings: bothUnknown('The observation is not a file.'), memory: null };
      reader ??= open();
      return { findings: await examineCredentials(specimen.file, trust, reader), memory: null };
    },
  };
}

async function examineCredentials(
  file: SpecimenFile,
  trust: CredentialTrust,
  reader: ManifestReader | { unavailable: string },
): Promise<DetectorFinding[]> {
  if ('unavailable' in reader) return bothUnknown(`Credentials were not read: ${reader.unavailable}.`);
  if (file.bytes.length > MAX_BYTES) {
    return bothUnknown(
      `Credentials were not read: ${file.bytes.length} bytes are over the bound of ${MAX_BYTES}.`,
    );
  }
  const credentials = await readCredentials(
    reader,
    file.bytes,
    mediaTypeOf(file.bytes) ?? file.mediaType,
    trust,
  );
  return [stateFinding(credentials), madeByModelFinding(credentials)];
}

function stateFinding(credentials: Credentials): DetectorFinding {
  const check = 'c2pa_credentials';
  const { state, problems, signer = 'somebody without a name', signedAt = 'an unknown time' } = credentials;
  const signed = `${signer} signed it at ${signedAt}`;
  const exhibits = exhibitsOf(credentials);
  switch (state) {
    case 'none': {
      const elsewhere =
        problems.length === 0 ? '' : ` It refers to some elsewhere, which are not fetched: ${problems[0]}.`;
      return { check, status: 'unknown', reason: `The file carries no content credentials.${elsewhere}` };
    }
    case 'unreadable':
      return {
        check,
        status: 'unknown',
        reason: `Credentials were not read: ${problems.join('; ')}.`.slice(0, 2000).toWellFormed(),
      };
    case 'invalid':
      return {
        check,
        status: 'fail',
        score: '0',
        reason: `The credentials fail: ${problems.join('; ')}.`.slice(0, 2000).toWellFormed(),
        exhibits,
      };
    case 'signer unknown':
      return {
        check,
        status: 'unknown',
        reason: `The credentials validate, but the signer is unknown to your policy: ${signed}. Anybody can sign with a key of their own.`,
        exhibits,
      };
    case 'trusted':
      return {
        check,
        status: 'pass',
        score: '1',
        reason: `The credentials validate under your trust list: ${signed}.`,
        exhibits,
      };
  }
}

function madeByModelFinding({ state, madeByModel, captured, signer }: Credentials): DetectorFinding {
  const check = 'c2pa_ai_generated';
  const valid = state === 'trusted' || state === 'signer unknown';
  if (!valid)
    return { check, status: 'unknown', reason: 'No valid credentials say how the picture was made.' };
  if (madeByModel.length > 0) {
    // Nobody gains by calling their own photograph generated: an unknown signer is believed here.
    const reason = `Its credentials say that a trained model made it or a part of it: ${madeByModel.join(', ')} (signed by ${signer ?? 'nobody named'}).`;
    return {
      check,
      status: 'fail',
      score: state === 'trusted' ? '0' : '0.05',
      reason: reason.slice(0, 2000).toWellFormed(),
    };
  }
  if (captured && state === 'trusted') {
    return {
      check,
      status: 'pass',
      score: '1',
      reason: 'A trusted signer says that a device captured it, and names no other source.',
    };
  }
  const why = captured
    ? 'A capture by a device is claimed, by a signer unknown to your policy.'
    : 'The credentials do not say how the picture was made.';
  return { check, status: 'unknown', reason: why };
}

function exhibitsOf({ actions, ingredients }: Credentials): Exhibit[] {
  const exhibits: Exhibit[] = [];
  if (actions.length > 0) {
    exhibits.push({
      kind: 'table',
      title: 'Actions',
      columns: ['action', 'software', 'source type', 'when'],
      rows: actions.map(({ action, softwareAgent, digitalSourceType, when }) => [
        action,
        softwareAgent,
        digitalSourceType,
        when,
      ]),
    });
  }
  if (ingredients.length > 0) {
    exhibits.push({
      kind: 'table',
      title: 'Ingredients',
      columns: ['title', 'relationship', 'format', 'problems'],
      rows: ingredients.map(({ title, relationship, format, problems }) => [
        title,
        relationship,
        format,
        problems,
      ]),
    });
  }
  return exhibits;
}

function bothUnknown(reason: string): DetectorFinding[] {
  return ['c2pa_credentials', 'c2pa_ai_generated'].map((check) => ({ check, status: 'unknown', reason }));
}

function readTerms(value: unknown, path: string): CredentialTrust {
  const terms = readMembers(value, path, [], ['trust_anchors', 'trusted_signers']);
  const pem = (key: keyof typeof terms) => {
    const text = terms[key];
    if (text === undefined) return undefined;
    if (typeof text !== 'string' || text.length > MAX_PEM || !text.includes('-----BEGIN CERTIFICATE-----')) {
      refuseTerms(`${path}.${key}`, `certificates in PEM, at most ${MAX_PEM} characters`, text);
    }
    return text;
  };
  const [anchors, signers] = [pem('trust_anchors'), pem('trusted_signers')];
  return { ...(anchors === undefined ? {} : { anchors }), ...(signers === undefined ? {} : { signers }) };
}
