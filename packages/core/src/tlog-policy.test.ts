/** Policy files: the specification's example, every rule of its text broken once, and quorums against a naive count. */
import fc from 'fast-check';
import { beforeAll, describe, expect, test } from 'vitest';
import { formatCheckpoint } from './checkpoint.ts';
import { ed25519Signer } from './ed25519.ts';
import { AssayError } from './errors.ts';
import { cosigner, ed25519NoteSigner, formatVkey, type NoteSigner, parseVkey, signNote } from './note.ts';
import {
  formatTlogPolicy,
  openCheckpoint,
  parseTlogPolicy,
  quorumMet,
  type TlogPolicy,
} from './tlog-policy.ts';

const TYPE_COSIGNATURE = 0x04;
const NOW = 1_679_315_147;

let log: NoteSigner;
let witnesses: Record<string, NoteSigner>;
let example: string;

beforeAll(async () => {
  log = ed25519NoteSigner('log.example/a', await ed25519Signer(new Uint8Array(32).fill(100)));
  const names = ['X1', 'X2', 'X3', 'Y1', 'Y2', 'Y3'];
  const signers = await Promise.all(
    names.map(async (name, i) =>
      cosigner(`${name}.example`, await ed25519Signer(new Uint8Array(32).fill(i)), () => NOW),
    ),
  );
  witnesses = Object.fromEntries(names.map((name, i) => [name, signers[i]!]));
  // The specification's "Example policy", with keys.
  example = `log ${log.vkey}

witness X1 ${witnesses.X1!.vkey}
witness X2 ${witnesses.X2!.vkey}
witness X3 ${witnesses.X3!.vkey}
group X-witnesses 2 X1 X2 X3

witness Y1 ${witnesses.Y1!.vkey}
witness Y2 ${witnesses.Y2!.vkey}
witness Y3 ${witnesses.Y3!.vkey}
group Y-witnesses any Y1 Y2 Y3

group X-and-Y all X-witnesses Y-witnesses
quorum X-and-Y
`;
});

describe("the specification's example", () => {
  test('reads as described, and is written again', () => {
    const policy = parseTlogPolicy(example);
    expect(policy.logs.map(({ verifier, url }) => [verifier.name, url])).toEqual([['log.example/a', null]]);
    expect(policy.witnesses.map(({ name }) => name)).toEqual(['X1', 'X2', 'X3', 'Y1', 'Y2', 'Y3']);
    expect(policy.groups).toEqual([
      { name: 'X-witnesses', threshold: 2, members: ['X1', 'X2', 'X3'] },
      { name: 'Y-witnesses', threshold: 1, members: ['Y1', 'Y2', 'Y3'] },
      { name: 'X-and-Y', threshold: 2, members: ['X-witnesses', 'Y-witnesses'] },
    ]);
    expect(policy.quorum).toBe('X-and-Y');
    expect(plain(parseTlogPolicy(formatTlogPolicy(policy)))).toEqual(plain(policy));
  });

  test.each([
    [['X1', 'X2', 'Y1'], true],
    [['X2', 'X3', 'Y3'], true],
    [['X1', 'X2', 'X3', 'Y1', 'Y2', 'Y3'], true],
    [['X1', 'Y1'], false],
    [['X1', 'X2', 'X3'], false],
    [['Y1', 'Y2', 'Y3'], false],
    [[], false],
  ])('cosigned by %j: %s', async (names, met) => {
    const text = formatCheckpoint({ origin: log.name, size: 1, root: new Uint8Array(32) });
    const note = await signNote(text, [log, ...names.map((name) => witnesses[name]!)]);
    const opened = openCheckpoint(note, parseTlogPolicy(example));
    if (met) expect((await opened).checkpoint.size).toBe(1);
    else
      await expect(opened).rejects.toMatchObject({ code: 'QUORUM_NOT_REACHED', detail: { cosigned: names } });
  });

  test('a checkpoint must bear the name of the log that signed it', async () => {
    const text = formatCheckpoint({ origin: 'log.example/b', size: 1, root: new Uint8Array(32) });
    const note = await signNote(text, [log, ...Object.values(witnesses)]);
    await expect(openCheckpoint(note, parseTlogPolicy(example))).rejects.toMatchObject({
      code: 'NOTE_UNSIGNED',
    });
    const cosignedOnly = await signNote(text.replace('/b', '/a'), Object.values(witnesses));
    await expect(openCheckpoint(cosignedOnly, parseTlogPolicy(example))).rejects.toMatchObject({
      code: 'NOTE_UNSIGNED',
    });
  });
});

test('white space, comments, URLs and names beyond ASCII', () => {
  const policy = parseTlogPolicy(
    `\n \t \n# a comment\n\t # another – “quoted”\n \tlog\t ${log.vkey} \thttps://log.example/ü \n` +
      `witness Zeuge\u00a0Ä ${witnesses.X1!.vkey} https://w.example\nwitness K ${witnesses.X2!.vkey}\n` +
      `witness \u212a ${witnesses.X3!.vkey}\nquorum Zeuge\u00a0Ä\n# after the quorum\nlog ${witnesses.Y1!.vkey}\n`,
  );
  expect(policy.logs.map(({ url }) => url)).toEqual(['https://log.example/ü', null]);
  // A non-breaking space is no white space here, and the Kelvin sign is no K.
  expect(policy.witnesses.map(({ name }) => name)).toEqual(['Zeuge\u00a0Ä', 'K', '\u212a']);
  expect(policy.witnesses[0]!.url).toBe('https://w.example');
});

test('without witnesses, the quorum is none and every log signature is enough', async () => {
  const policy = parseTlogPolicy(`log ${log.vkey}\nquorum none\n`);
  const text = formatCheckpoint({ origin: log.name, size: 0, root: new Uint8Array(32) });
  expect((await openCheckpoint(await signNote(text, [log]), policy)).log).toBe(policy.logs[0]);
  expect(parseTlogPolicy('quorum none\n')).toMatchObject({ logs: [], witnesses: [], quorum: 'none' });
});

test('32 logs, witnesses and groups are read', () => {
  const key = (byte: number) => new Uint8Array(32).fill(byte);
  const lines = Array.from({ length: 32 }, (_, i) => [
    `log ${formatVkey(`log${i}`, 0x01, key(i))}`,
    `witness w${i} ${formatVkey(`witness${i}`, TYPE_COSIGNATURE, key(i))}`,
    `group g${i} all w${i}${i === 0 ? '' : ` g${i - 1}`}`,
  ]).flat();
  const policy = parseTlogPolicy(`${[...lines, 'quorum g31'].join('\n')}\n`);
  expect([policy.logs.length, policy.witnesses.length, policy.groups.length]).toEqual([32, 32, 32]);
});

describe('refused, with the number of the line', () => {
  const cases: [reason: string, line: number, message: RegExp, text: (w: string[]) => string][] = [
    ['no quorum', 1, /quorum <name>/, ([a]) => `witness a ${a}\n`],
    ['an empty file', 1, /quorum <name>/, () => ''],
    ['an end that is cut off', 2, /newline/, ([a]) => `witness a ${a}\nquorum a`],
    ['two quorums', 2, /second/, () => 'quorum none\nquorum none\n'],
    ['a quorum of two names', 1, /"quorum <name>"/, () => 'quorum none none\n'],
    ['a quorum that is defined later', 1, /defined on a line before/, ([a]) => `quorum a\nwitness a ${a}\n`],
    ['an unknown keyword', 1, /got "Quorum"/, () => 'Quorum none\n'],
    ['a carriage return', 1, /0x0d/, () => 'quorum none\r\n'],
    ['a control character in a comment', 2, /0x7f/, () => 'quorum none\n# \u007f\n'],
    ['a form feed for a space', 1, /0x0c/, () => 'quorum\fnone\n'],
    ['a byte order mark', 1, /got "\ufeffquorum"/, () => '\ufeffquorum none\n'],
    ['a log without key', 1, /"log <vkey> \[<url>\]"/, () => 'log\nquorum none\n'],
    ['a log with two URLs', 1, /"log <vkey> \[<url>\]"/, () => `log ${log.vkey} a b\nquorum none\n`],
    ['a broken key', 1, /verifier key/, () => `log ${log.vkey.slice(0, -2)}\nquorum none\n`],
    ['a witness without name', 1, /"witness <name>/, ([a]) => `witness ${a}\nquorum none\n`],
    ['a plain key as witness', 1, /0x04 or 0x06/, () => `witness a ${log.vkey}\nquorum a\n`],
    ['a log twice', 3, /different public keys/, () => `log ${log.vkey}\n\nlog ${log.vkey}\nquorum none\n`],
    [
      'a log key under another name',
      2,
      /different public keys/,
      () => `log ${log.vkey}\nlog ${renamed(log.vkey, 0x01)}\nquorum none\n`,
    ],
    [
      'a witness key under another name',
      2,
      /different public keys/,
      ([a]) => `witness a ${a}\nwitness b ${renamed(a!, TYPE_COSIGNATURE)}\nquorum a\n`,
    ],
    ['a name twice', 2, /"a" again/, ([a, b]) => `witness a ${a}\nwitness a ${b}\nquorum a\n`],
    ['a group named as a witness', 2, /"a" again/, ([a]) => `witness a ${a}\ngroup a any a\nquorum a\n`],
    ['a witness named none', 1, /other than "none"/, ([a]) => `witness none ${a}\nquorum none\n`],
    ['none as member', 1, /defined on lines before/, () => 'group g any none\nquorum g\n'],
    ['a member that is defined later', 1, /got "a"/, ([a]) => `group g any a\nwitness a ${a}\nquorum g\n`],
    ['a group in itself', 1, /got "g"/, () => 'group g any g\nquorum g\n'],
    ['a group without members', 2, /<member>/, ([a]) => `witness a ${a}\ngroup g any\nquorum a\n`],
    ['a member twice', 2, /"a" again/, ([a]) => `witness a ${a}\ngroup g any a a\nquorum g\n`],
    [
      'a member of two groups',
      3,
      /"a" again/,
      ([a]) => `witness a ${a}\ngroup g any a\ngroup h any a\nquorum h\n`,
    ],
    ...['0', '2', '-1', '+1', '01', '1.0', '1e0', '0x1', 'ALL', '١'].map((k): (typeof cases)[number] => [
      `threshold ${k} of one`,
      2,
      /number from 1 to 1/,
      ([a]) => `witness a ${a}\ngroup g ${k} a\nquorum g\n`,
    ]),
  ];

  test.each(cases)('%s', (_reason, line, message, text) => {
    const [a, b] = [witnesses.X1!.vkey, witnesses.X2!.vkey];
    const error = caught(() => parseTlogPolicy(text([a, b])));
    expect(error).toMatchObject({ code: 'POLICY_MALFORMED', detail: { line } });
    expect(error.message).toMatch(message);
    expect(error.message).toContain(`line ${line}:`);
  });
});

test('a policy made by hand cannot smuggle lines into its file', () => {
  const policy = parseTlogPolicy(example);
  for (const name of ['X-and-Y\nquorum none', 'two words', '', 'a\tb']) {
    expect(caught(() => formatTlogPolicy({ ...policy, quorum: name }))).toMatchObject({
      code: 'POLICY_MALFORMED',
    });
  }
  expect(caught(() => formatTlogPolicy({ ...policy, quorum: 'nobody' }))).toMatchObject({
    code: 'POLICY_MALFORMED',
  });
});

/** A tree of groups; a leaf is the number of a witness. */
type Rule = number | { k: number; members: Rule[] };

test('any tree of groups: the quorum is met exactly when a naive recursion says so, and survives rewriting', () => {
  const vkeys = Array.from({ length: 24 }, (_, i) =>
    formatVkey(`witness${i}`, TYPE_COSIGNATURE, new Uint8Array(32).fill(i)),
  );
  fc.assert(
    fc.property(ruleOf(vkeys.length), fc.nat(2 ** 24 - 1), (shape, signedBits) => {
      const { rule, count } = numbered(shape);
      const groups: string[] = [];
      const nameOf = (node: Rule): string => {
        if (typeof node === 'number') return `w${node}`;
        const members = node.members.map(nameOf);
        groups.push(`group g${groups.length} ${node.k} ${members.join(' ')}`);
        return `g${groups.length - 1}`;
      };
      const quorum = nameOf(rule);
      const lines = [...vkeys.slice(0, count).map((vkey, i) => `witness w${i} ${vkey}`), ...groups];
      const policy = parseTlogPolicy(`${[...lines, `quorum ${quorum}`].join('\n')}\n`);

      const signed = (i: number) => ((signedBits >> i) & 1) === 1;
      const holds = (node: Rule): boolean =>
        typeof node === 'number' ? signed(node) : node.members.filter(holds).length >= node.k;
      const signatures = vkeys.filter((_, i) => signed(i)).map(signatureBy);
      const rewritten = parseTlogPolicy(formatTlogPolicy(policy));
      expect(plain(rewritten)).toEqual(plain(policy));
      for (const each of [policy, rewritten]) {
        expect(quorumMet(each, signatures)).toBe(holds(rule));
        // One key twice is one opinion; strangers are none.
        expect(quorumMet(each, [...signatures, ...signatures, signatureBy(log.vkey)])).toBe(holds(rule));
      }
      expect(quorumMet({ ...policy, quorum: 'none' }, [])).toBe(true);
    }),
    { numRuns: process.env.ASSAY_LONG ? 20_000 : 300 },
  );
});

test('no text makes the parser do anything but parse or say POLICY_MALFORMED', () => {
  const word = fc.constantFrom(
    'log',
    'witness',
    'group',
    'quorum',
    'any',
    'all',
    '1',
    '2',
    'none',
    '#',
    'a',
    'b',
  );
  const vkey = fc.constantFrom(
    ...Array.from({ length: 3 }, (_, i) => formatVkey(`k${i}`, 4, new Uint8Array(32).fill(i))),
  );
  const line = fc
    .array(fc.oneof(word, vkey, fc.string()), { maxLength: 5 })
    .map((items) => `${items.join(' ')}\n`);
  fc.assert(
    fc.property(fc.array(line, { maxLength: 8 }), (lines) => {
      try {
        const policy = parseTlogPolicy(lines.join(''));
        expect(plain(parseTlogPolicy(formatTlogPolicy(policy)))).toEqual(plain(policy));
      } catch (error) {
        expect(error).toMatchObject({ code: 'POLICY_MALFORMED' });
      }
    }),
    { numRuns: process.env.ASSAY_LONG ? 100_000 : 1_000 },
  );
});

function ruleOf(witnessesAtMost: number): fc.Arbitrary<Rule> {
  const { rule } = fc.letrec<{ rule: Rule; group: Rule }>((tie) => ({
    rule: fc.oneof({ depthSize: 'small', maxDepth: 4 }, fc.constant(0), tie('group')),
    group: fc
      .array(tie('rule'), { minLength: 1, maxLength: 5 })
      .chain((members) => fc.integer({ min: 1, max: members.length }).map((k) => ({ k, members }))),
  }));
  return rule.filter((candidate) => numbered(candidate).count <= witnessesAtMost);
}

/** Gives each leaf its own witness, from left to right. */
function numbered(shape: Rule): { rule: Rule; count: number } {
  let count = 0;
  const walk = (node: Rule): Rule =>
    typeof node === 'number' ? count++ : { k: node.k, members: node.members.map(walk) };
  return { rule: walk(shape), count };
}

function signatureBy(vkey: string) {
  const verifier = parseVkey(vkey);
  return { name: verifier.name, keyId: verifier.keyId, signature: new Uint8Array(), line: '', verifier };
}

function renamed(vkey: string, type: number): string {
  return formatVkey('elsewhere.example', type, parseVkey(vkey).publicKey);
}

/** A policy without its functions, for comparison. */
function plain({ logs, witnesses, groups, quorum }: TlogPolicy) {
  return {
    logs: logs.map(({ verifier, url }) => [verifier.vkey, url]),
    witnesses: witnesses.map(({ name, verifier, url }) => [name, verifier.vkey, url]),
    groups,
    quorum,
  };
}

function caught(run: () => unknown): AssayError {
  try {
    run();
  } catch (error) {
    expect(error).toBeInstanceOf(AssayError);
    return error as AssayError;
  }
  throw new Error('expected an error');
}
