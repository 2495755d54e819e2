import { type Checkpoint, parseCheckpoint } from './checkpoint.ts';
import { bytesToHex, excerpt } from './encoding.ts';
import { AssayError } from './errors.ts';
import { type NoteVerifier, openNote, parseVkey, type VerifiedSignature } from './note.ts';

/** Which logs a verifier believes, and whose cosignatures it demands (C2SP tlog-policy). */
export interface TlogPolicy {
  logs: { verifier: NoteVerifier; url: string | null }[];
  witnesses: { name: string; verifier: NoteVerifier; url: string | null }[];
  /** Each stands after its members, which are witnesses or other groups. */
  groups: { name: string; threshold: number; members: string[] }[];
  /** `none`, or the name of a witness or group. */
  quorum: string;
}

/** The specification asks for at least 32 logs, witnesses and groups each. */
const MAX_LINES_OF_A_KIND = 1_024;
const MAX_POLICY_CHARACTERS = 4 * 1024 * 1024;

/** The name of the quorum that asks for nothing; no witness or group can have it. */
const NONE = 'none';

/**
 * Reads a policy file (C2SP tlog-policy).
 *
 * @throws POLICY_MALFORMED with the number of the line that is wrong.
 * @example
 * const policy = parseTlogPolicy(`log ${logVkey}\nwitness w1 ${witnessVkey}\nquorum w1\n`);
 */
export function parseTlogPolicy(text: string): TlogPolicy {
  if (text.length > MAX_POLICY_CHARACTERS)
    throw malformed(1, `expected at most ${MAX_POLICY_CHARACTERS} characters, got ${text.length}`);
  const lines = text.split('\n');
  // Demanded by the specification, and how a policy that lost its end is noticed.
  if (lines.pop() !== '') throw malformed(lines.length + 1, 'expected a newline at the end of the line');

  const draft: Draft = {
    logs: [],
    witnesses: [],
    groups: [],
    quorum: null,
    names: new Map(),
    keys: { logs: new Set(), witnesses: new Set() },
  };
  for (const [index, line] of lines.entries()) {
    try {
      readLine(draft, line);
    } catch (cause) {
      if (cause instanceof AssayError) throw malformed(index + 1, cause.message, cause);
      throw cause;
    }
  }
  const { logs, witnesses, groups, quorum } = draft;
  if (quorum === null)
    throw malformed(Math.max(lines.length, 1), 'expected a line "quorum <name>" by the end');
  return { logs, witnesses, groups, quorum };
}

/**
 * The text of a policy. Comments of a file it was read from are gone.
 *
 * @throws POLICY_MALFORMED when no file could say it.
 */
export function formatTlogPolicy(policy: TlogPolicy): string {
  const { logs, witnesses, groups, quorum } = policy;
  const threshold = ({ threshold: k, members }: TlogPolicy['groups'][number]) =>
    k === members.length ? 'all' : k === 1 ? 'any' : String(k);
  const lines = [
    ...logs.map(({ verifier, url }) => ['log', verifier.vkey, ...(url === null ? [] : [url])]),
    ...witnesses.map(({ name, verifier, url }) => [
      'witness',
      name,
      verifier.vkey,
      ...(url === null ? [] : [url]),
    ]),
    ...groups.map((group) => ['group', group.name, threshold(group), ...group.members]),
    ['quorum', quorum],
  ];
  for (const [index, items] of lines.entries()) {
    const torn = items.find((item) => item === '' || /[ \t\n]/.test(item));
    if (torn !== undefined)
      throw malformed(index + 1, `expected an item without white space, got ${excerpt(torn)}`);
  }
  const text = lines.map((items) => `${items.join(' ')}\n`).join('');
  parseTlogPolicy(text);
  return text;
}

/**
 * Whether the witnesses that cosigned are enough for a policy from {@link parseTlogPolicy}. Each key is a witness:
 * two keys of one operator, say of both types, are one opinion only if a group `any` holds them.
 *
 * @param signatures those of {@link openNote}: each verified, each key once.
 */
export function quorumMet(policy: TlogPolicy, signatures: readonly VerifiedSignature[]): boolean {
  if (policy.quorum === NONE) return true;
  const keys = new Set(signatures.map(({ verifier }) => verifier.vkey));
  const cosigned = policy.witnesses.filter(({ verifier }) => keys.has(verifier.vkey));
  const witnessing = new Set(cosigned.map(({ name }) => name));
  // Members stand before their group, so that one pass settles groups of groups.
  for (const { name, threshold, members } of policy.groups) {
    if (members.filter((member) => witnessing.has(member)).length >= threshold) witnessing.add(name);
  }
  return witnessing.has(policy.quorum);
}

/**
 * Opens a checkpoint as a policy demands: signed by one of its logs under that log's name, and cosigned by
 * the quorum.
 *
 * @throws NOTE_MALFORMED, NOTE_SIGNATURE_INVALID, NOTE_UNSIGNED, CHECKPOINT_MALFORMED, QUORUM_NOT_REACHED
 * @example
 * const { checkpoint } = await openCheckpoint(note, parseTlogPolicy(file));
 */
export async function openCheckpoint(
  note: string,
  policy: TlogPolicy,
): Promise<{ checkpoint: Checkpoint; log: TlogPolicy['logs'][number]; signatures: VerifiedSignature[] }> {
  const { text, signatures } = await openNote(
    note,
    [...policy.logs, ...policy.witnesses].map(({ verifier }) => verifier),
  );
  const checkpoint = parseCheckpoint(text);
  // A log may speak for itself only: the name of its key is its origin.
  const log = policy.logs.find(
    ({ verifier }) =>
      verifier.name === checkpoint.origin && signatures.some((by) => by.verifier.vkey === verifier.vkey),
  );
  if (!log) {
    throw new AssayError(
      'NOTE_UNSIGNED',
      `expected a signature by a listed log named ${excerpt(checkpoint.origin)}, got none`,
      { next: 'list the key of this log in the policy, if you trust it' },
    );
  }
  if (!quorumMet(policy, signatures)) {
    const names = policy.witnesses
      .filter(({ verifier }) => signatures.some((by) => by.verifier.vkey === verifier.vkey))
      .map(({ name }) => name);
    throw new AssayError(
      'QUORUM_NOT_REACHED',
      `expected cosignatures that meet ${excerpt(policy.quorum)}, got ${names.join(', ') || 'none'}`,
      {
        next: 'fetch the checkpoint again once more witnesses have cosigned it',
        detail: { cosigned: names },
      },
    );
  }
  return { checkpoint, log, signatures };
}

interface Draft extends Omit<TlogPolicy, 'quorum'> {
  quorum: string | null;
  /** Defined names, and whether a group has the name among its members yet. */
  names: Map<string, { isMember: boolean }>;
  /** Public keys in hexadecimal. */
  keys: { logs: Set<string>; witnesses: Set<string> };
}

function readLine(draft: Draft, line: string): void {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: the specification forbids exactly these.
  const control = /[\u0000-\u0008\u000b-\u001f\u007f]/.exec(line)?.[0];
  if (control !== undefined)
    wrong(`expected no control characters but tab and newline, got ${escapedCharacter(control)}`);
  // White space is space and tab only; everything beyond ASCII is opaque.
  const [keyword, ...items] = line.split(/[ \t]+/).filter((item) => item !== '');
  if (keyword === undefined || keyword.startsWith('#')) return;
  if (keyword === 'log') readLog(draft, items);
  else if (keyword === 'witness') readWitness(draft, items);
  else if (keyword === 'group') readGroup(draft, items);
  else if (keyword === 'quorum') readQuorum(draft, items);
  else wrong(`expected log, witness, group or quorum, got ${excerpt(keyword)}`);
}

function readLog(draft: Draft, items: string[]): void {
  const [vkey, url = null] = items;
  if (vkey === undefined || items.length > 2) wrong('expected "log <vkey> [<url>]"');
  const verifier = parseVkey(vkey);
  addKey(draft, 'logs', verifier);
  draft.logs.push({ verifier, url });
}

function readWitness(draft: Draft, items: string[]): void {
  const [name, vkey, url = null] = items;
  if (name === undefined || vkey === undefined || items.length > 3)
    wrong('expected "witness <name> <vkey> [<url>]"');
  const verifier = parseVkey(vkey);
  if (verifier.algorithm === 'ed25519')
    wrong('expected a cosignature key (type 0x04 or 0x06), got a plain Ed25519 key (type 0x01)');
  define(draft, name);
  addKey(draft, 'witnesses', verifier);
  draft.witnesses.push({ name, verifier, url });
}

function readGroup(draft: Draft, items: string[]): void {
  const [name, k, ...members] = items;
  if (name === undefined || k === undefined || members.length === 0)
    wrong('expected "group <name> <all, any or a number> <member>..."');
  const threshold = k === 'any' ? 1 : k === 'all' ? members.length : /^[1-9]\d*$/.test(k) ? Number(k) : 0;
  if (threshold < 1 || threshold > members.length)
    wrong(`expected all, any or a number from 1 to ${members.length}, got ${excerpt(k)}`);
  if (draft.groups.length >= MAX_LINES_OF_A_KIND) wrong(`expected at most ${MAX_LINES_OF_A_KIND} groups`);
  for (const member of members) {
    const known = draft.names.get(member);
    if (!known) wrong(`expected members defined on lines before, got ${excerpt(member)}`);
    // One way for each witness to count.
    if (known.isMember) wrong(`expected a name in one group at most once, got ${excerpt(member)} again`);
    known.isMember = true;
  }
  define(draft, name);
  draft.groups.push({ name, threshold, members });
}

function readQuorum(draft: Draft, items: string[]): void {
  const [name] = items;
  if (name === undefined || items.length > 1) wrong('expected "quorum <name>"');
  if (draft.quorum !== null) wrong('expected one quorum line, got a second');
  if (name !== NONE && !draft.names.has(name))
    wrong(`expected "none" or a name defined on a line before, got ${excerpt(name)}`);
  draft.quorum = name;
}

function define({ names }: Draft, name: string): void {
  if (name === NONE) wrong('expected a name other than "none", which means no quorum');
  if (names.has(name)) wrong(`expected a new name, got ${excerpt(name)} again`);
  names.set(name, { isMember: false });
}

function addKey({ keys }: Draft, kind: 'logs' | 'witnesses', { name, publicKey }: NoteVerifier): void {
  if (keys[kind].size >= MAX_LINES_OF_A_KIND) wrong(`expected at most ${MAX_LINES_OF_A_KIND} ${kind}`);
  // The same key under another name or type would be a second opinion of one party.
  const key = bytesToHex(publicKey);
  if (keys[kind].has(key)) wrong(`expected ${kind} with different public keys, got that of ${name} again`);
  keys[kind].add(key);
}

function escapedCharacter(character: string): string {
  return `0x${character.charCodeAt(0).toString(16).padStart(2, '0')}`;
}

function wrong(message: string): never {
  throw new AssayError('POLICY_MALFORMED', message);
}

function malformed(line: number, message: string, cause?: unknown): AssayError {
  return new AssayError('POLICY_MALFORMED', `policy file, line ${line}: ${message}`, {
    next: 'correct the line; the format is described at https://c2sp.org/tlog-policy',
    detail: { line },
    ...(cause === undefined ? {} : { cause }),
  });
}
