import type { ManifestReader } from './c2pa-binding.ts';

/** What a file's content credentials come to under a trust list. */
export interface Credentials {
  /**
   * - `none`: the file carries none, or they are kept elsewhere.
   * - `trusted`: everything validates and the signer stands under the trust list.
   * - `signer unknown`: everything validates, but nobody in the trust list vouches for the signer.
   * - `invalid`: a check failed, in the file or in the manifests.
   * - `unreadable`: the library could not say.
   */
  state: 'none' | 'trusted' | 'signer unknown' | 'invalid' | 'unreadable';
  /** The failed checks by their C2PA status codes, or why it is unreadable. */
  problems: string[];
  signer: string | undefined;
  signedAt: string | undefined;
  claimGenerator: string | undefined;
  actions: { action: string; softwareAgent: string; digitalSourceType: string; when: string }[];
  ingredients: { title: string; relationship: string; format: string; problems: string }[];
  /** IPTC digital source types that say a trained model made the picture or part of it. */
  madeByModel: string[];
  /** Whether a capture by a device is claimed, and nothing else. */
  captured: boolean;
}

/** Whom to believe, as PEM certificates. */
export interface CredentialTrust {
  /** Roots: a signer is trusted whose chain ends in one of them. */
  anchors?: string;
  /** Signers trusted as they are, without a chain. */
  signers?: string;
}

const MAX_ROWS = 50;
const MAX_TEXT = 200;
const UNTRUSTED = 'signingCredential.untrusted';
const CONTENT_BOUND = ['assertion.dataHash.match', 'assertion.bmffHash.match', 'assertion.boxesHash.match'];

/**
 * Reads and validates the content credentials (C2PA) of a file, without any network: remote manifests, OCSP and
 * identity documents are not fetched, and the library's list of hosts it may speak to is empty.
 *
 * A state is given only for what the library affirms: a signature that it validated and a content hash that it
 * matched. Absence of a complaint is not enough.
 *
 * @see C2PA specification 2.1, section 15 (validation) and its status codes
 * @example
 * const { state, problems } = await readCredentials(reader, bytes, 'image/jpeg', { anchors: pem });
 */
export async function readCredentials(
  reader: ManifestReader,
  bytes: Uint8Array,
  mediaType: string,
  trust: CredentialTrust,
): Promise<Credentials> {
  let store: ManifestStore | undefined;
  try {
    const json = await reader.read(bytes, mediaType, JSON.stringify(offlineSettings(trust)));
    store = json === undefined ? undefined : (JSON.parse(json) as ManifestStore);
  } catch (error) {
    const message = brief(error instanceof Error ? error.message : error);
    return { ...NOTHING, state: stateOfError(message), problems: [message] };
  }
  if (store === undefined) return NOTHING;
  const active = store.manifests?.[store.active_manifest ?? ''];
  const results = store.validation_results?.activeManifest;
  if (active === undefined || results === undefined) {
    return { ...NOTHING, state: 'invalid', problems: ['the manifest store has no active manifest'] };
  }
  const deltas = (store.validation_results?.ingredientDeltas ?? []).flatMap(
    ({ validationDeltas }) => validationDeltas?.failure ?? [],
  );
  const failures = [...(results.failure ?? []), ...deltas].filter(({ code }) => code !== UNTRUSTED);
  const succeeded = new Set((results.success ?? []).map(({ code }) => code));
  const affirmed =
    succeeded.has('claimSignature.validated') && CONTENT_BOUND.some((code) => succeeded.has(code));
  const untrusted = (results.failure ?? []).some(({ code }) => code === UNTRUSTED);
  const problems = failures.map(({ code, explanation }) => `${brief(code)}: ${brief(explanation)}`);
  const valid = affirmed && failures.length === 0 && store.validation_state !== 'Invalid';
  if (!valid && problems.length === 0) problems.push('no valid signature over the content');
  const trusted =
    store.validation_state === 'Trusted' && succeeded.has('signingCredential.trusted') && !untrusted;
  return {
    ...claims(store, active),
    state: !valid ? 'invalid' : trusted ? 'trusted' : 'signer unknown',
    problems: [...new Set(problems)].slice(0, MAX_ROWS),
  };
}

/** c2pa-rs settings under which nothing can leave the machine. */
export function offlineSettings({ anchors, signers }: CredentialTrust) {
  return {
    core: { allowed_network_hosts: [], decode_identity_assertions: false },
    verify: {
      verify_after_reading: true,
      verify_trust: true,
      verify_timestamp_trust: true,
      ocsp_fetch: false,
      remote_manifest_fetch: false,
    },
    trust: {
      verify_trust_list: true,
      ...(anchors === undefined ? {} : { trust_anchors: anchors }),
      ...(signers === undefined ? {} : { allowed_list: signers }),
    },
  };
}

interface Status {
  code?: string;
  explanation?: string;
}

interface Manifest {
  claim_generator?: string;
  claim_generator_info?: { name?: string; version?: string }[];
  signature_info?: { issuer?: string; common_name?: string; time?: string };
  assertions?: { label?: string; data?: unknown }[];
  ingredients?: { title?: string; relationship?: string; format?: string; validation_status?: Status[] }[];
}

interface ManifestStore {
  active_manifest?: string;
  manifests?: Record<string, Manifest>;
  validation_state?: string;
  validation_results?: {
    activeManifest?: { success?: Status[]; failure?: Status[] };
    ingredientDeltas?: { validationDeltas?: { failure?: Status[] } }[];
  };
}

const NOTHING: Credentials = {
  state: 'none',
  problems: [],
  signer: undefined,
  signedAt: undefined,
  claimGenerator: undefined,
  actions: [],
  ingredients: [],
  madeByModel: [],
  captured: false,
};

/** A reference to a manifest elsewhere is none here; a broken one is invalid; other formats are not for us to judge. */
function stateOfError(message: string): Credentials['state'] {
  if (/remote manifest|must be fetched|RemoteManifest/i.test(message)) return 'none';
  return /unsupported|not supported|type is unsupported/i.test(message) ? 'unreadable' : 'invalid';
}

function claims(store: ManifestStore, active: Manifest): Omit<Credentials, 'state' | 'problems'> {
  const { signature_info: signature, claim_generator: generator, claim_generator_info: info } = active;
  const sources = Object.values(store.manifests ?? {}).flatMap((manifest) =>
    actionsOf(manifest).map(({ digitalSourceType }) => digitalSourceType),
  );
  const stated = [...new Set(sources.filter((source) => source !== ''))];
  const made = stated.filter((source) => /trainedAlgorithmicMedia/i.test(source));
  return {
    signer: optional([signature?.common_name, signature?.issuer].filter(Boolean).join(', ')),
    signedAt: optional(signature?.time),
    claimGenerator: optional(
      generator ?? info?.map(({ name, version }) => `${name} ${version ?? ''}`).join(', '),
    ),
    actions: actionsOf(active).slice(0, MAX_ROWS),
    ingredients: (active.ingredients ?? []).slice(0, MAX_ROWS).map((ingredient) => ({
      title: brief(ingredient.title),
      relationship: brief(ingredient.relationship),
      format: brief(ingredient.format),
      problems: brief((ingredient.validation_status ?? []).map(({ code }) => code).join(', ')),
    })),
    madeByModel: made.slice(0, MAX_ROWS),
    captured:
      stated.length > 0 && stated.every((source) => /\/(digitalCapture|computationalCapture)$/.test(source)),
  };
}

function actionsOf(manifest: Manifest): Credentials['actions'] {
  return (manifest.assertions ?? [])
    .filter(({ label }) => label?.startsWith('c2pa.actions'))
    .flatMap(({ data }) => {
      const actions = (data as { actions?: unknown } | undefined)?.actions;
      return Array.isArray(actions) ? (actions as Record<string, unknown>[]) : [];
    })
    .map((action) => ({
      action: brief(action?.action),
      softwareAgent: brief(nameOf(action?.softwareAgent)),
      digitalSourceType: brief(action?.digitalSourceType),
      when: brief(action?.when),
    }));
}

function nameOf(agent: unknown): unknown {
  return typeof agent === 'object' && agent !== null ? (agent as { name?: unknown }).name : agent;
}

function optional(text: string | undefined): string | undefined {
  return text === undefined || text.trim() === '' ? undefined : brief(text);
}

/** Manifests are written by strangers: their texts are cut, and control characters taken out. */
function brief(value: unknown): string {
  if (value === undefined || value === null) return '';
  const text = typeof value === 'string' ? value : String(value);
  return text
    .slice(0, MAX_TEXT)
    .replace(/\p{C}+/gu, ' ')
    .trim();
}
