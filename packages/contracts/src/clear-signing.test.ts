/** What people are asked to sign is said in words, completely, or said to be unknown. */
import fc from 'fast-check';
import { type Abi, type AbiFunction, type AbiParameter, encodeFunctionData, type Hex, zeroHash } from 'viem';
import { expect, test } from 'vitest';
import { describeCall, describeTypedData, hasWords, type SigningContext } from './clear-signing.ts';
import { type ContractName, DEVELOPMENT_TERMS, SYSTEM, systemDeployment } from './deployment.ts';

const someone: Hex = '0x00000000000000000000000000000000000000aa';
const committee = { epoch: 1n, threshold: 1, members: [someone] };
const { addresses } = systemDeployment({
  ...DEVELOPMENT_TERMS,
  deployer: someone,
  registrar: someone,
  verifiers: committee,
  reviewers: committee,
  criteria: {},
  allocations: [],
  rewardPool: 0n,
});
const context: SigningContext = { chainId: 1, addresses };
const ONE = 10n ** 18n;
const changing = (Object.keys(SYSTEM) as ContractName[]).flatMap((contract) =>
  (SYSTEM[contract].abi as Abi)
    .filter((item): item is AbiFunction => item.type === 'function')
    .filter(({ stateMutability }) => stateMutability !== 'view' && stateMutability !== 'pure')
    .map((item) => ({ contract, item })),
);

test('every function that changes something has words of its own', () => {
  // An empty list would prove nothing.
  expect(changing.length).toBeGreaterThan(100);
  const without = changing
    .filter(({ contract, item }) => !hasWords(contract, item.name))
    .map(({ contract, item }) => `${contract}.${item.name}`);
  expect(without).toEqual([]);
});

test('amounts, people and consequences are said', () => {
  const stake = describeCall(
    { to: addresses.StakeVault, data: call('StakeVault', 'stake', zeroHash, 1_234_500_000_000_000_000_000n) },
    { ...context, names: { [zeroHash]: 'binance' } },
  );
  expect(stake.title).toBe('Stake 1,234.5 ASSAY behind provider binance');
  expect(stake.lines).toContainEqual({
    label: 'Contract',
    value: expect.stringContaining(`StakeVault`),
  });
  const unlimited = describeCall(
    { to: addresses.AssayToken, data: call('AssayToken', 'approve', someone, 2n ** 256n - 1n) },
    context,
  );
  expect(unlimited.warnings).toEqual([
    expect.stringContaining('not the vault'),
    expect.stringContaining('Unlimited'),
  ]);
  const vote = describeCall(
    { to: addresses.AssayGovernor, data: call('AssayGovernor', 'castVote', 7n, 0) },
    {
      ...context,
      proposals: {
        7: {
          description: 'Give it all away',
          actions: [{ to: addresses.AssayToken, data: call('AssayToken', 'transfer', someone, 5n * ONE) }],
        },
      },
    },
  );
  expect(vote.title).toBe('Vote against proposal 7');
  expect(vote.lines.map(({ value }) => value)).toContainEqual(
    expect.stringMatching(/^Give 5 ASSAY to 0x0000/),
  );
});

test('what is not known is said to be unknown, never guessed', () => {
  const unknownContract = describeCall({ to: someone, data: '0xdeadbeef' }, context);
  expect(unknownContract.title).toMatch(/^Unknown call/);
  expect(unknownContract.warnings[0]).toMatch(/Unknown contract/);
  const unknownFunction = describeCall({ to: addresses.StakeVault, data: '0xdeadbeef' }, context);
  expect(unknownFunction.warnings[0]).toMatch(/Unknown function 0xdeadbeef/);
  const longer = describeCall(
    { to: addresses.StakeVault, data: `${call('StakeVault', 'withdraw', zeroHash)}00` },
    context,
  );
  expect(longer.warnings[0]).toMatch(/holds more than these words say/);
  const ether = describeCall(
    { to: addresses.StakeVault, data: call('StakeVault', 'withdraw', zeroHash), value: ONE },
    context,
  );
  expect(ether.warnings[0]).toMatch(/Ether is attached/);
});

test('another argument gives other words: nothing that is signed is left out', () => {
  fc.assert(
    fc.property(
      fc.constantFrom(...changing),
      fc.infiniteStream(fc.bigInt(0n, 2n ** 256n - 1n)),
      ({ contract, item }, numbers) => {
        const next = () => numbers.next().value as bigint;
        const args = item.inputs.map((input) => anyOf(input, next));
        const words = (given: readonly unknown[]) => {
          const data = encodeFunctionData({ abi: [item], functionName: item.name, args: given });
          const { title, lines } = describeCall({ to: addresses[contract], data }, context);
          return { data, said: JSON.stringify([title, lines]) };
        };
        const before = words(args);
        for (let i = 0; i < args.length; i++) {
          const after = words(args.with(i, anyOf(item.inputs[i]!, next)));
          if (after.data !== before.data)
            expect(after.said, `${contract}.${item.name}`).not.toBe(before.said);
        }
      },
    ),
    { numRuns: 400 },
  );
});

test('a message for another chain, contract or purpose is told apart', () => {
  const message = {
    caseId: zeroHash,
    contractDigest: zeroHash,
    subject: zeroHash,
    round: 0,
    decision: 3,
    reasons: zeroHash,
    epoch: 1n,
  };
  const types = {
    Ruling: [
      ['bytes32', 'caseId'],
      ['bytes32', 'contractDigest'],
      ['bytes32', 'subject'],
      ['uint8', 'round'],
      ['uint8', 'decision'],
      ['bytes32', 'reasons'],
      ['uint64', 'epoch'],
    ].map(([type, name]) => ({ type: type!, name: name! })),
  };
  const domain = {
    name: 'Assay VerdictCourt',
    version: '1',
    chainId: 1,
    verifyingContract: addresses.VerdictCourt,
  };
  const ruling = { domain, types, primaryType: 'Ruling', message };
  const right = describeTypedData(ruling, context);
  expect(right.title).toMatch(/^As a reviewer, rule reject on observation/);
  expect(right.warnings).toEqual([]);
  const warningsOf = (change: object) =>
    describeTypedData({ ...ruling, domain: { ...domain, ...change } }, context).warnings.join();
  expect(warningsOf({ chainId: 5 })).toMatch(/for chain 5, not for chain 1/);
  expect(warningsOf({ verifyingContract: someone })).toMatch(/unknown contract/);
  expect(warningsOf({ name: 'Assay SamplingCourt' })).toMatch(/not for Assay VerdictCourt/);
  const otherShape = { Ruling: types.Ruling.slice(1) };
  expect(describeTypedData({ ...ruling, types: otherShape }, context).title).toMatch(/^Unknown message/);
  const task = {
    domain: { ...domain, name: 'Assay SamplingCourt', verifyingContract: addresses.SamplingCourt },
    types: {
      Ruling: [
        ...['taskId', 'output', 'plants', 'reasons'].map((name) => ({ name, type: 'bytes32' })),
        { name: 'epoch', type: 'uint64' },
      ],
    },
    primaryType: 'Ruling',
    message: { taskId: zeroHash, output: zeroHash, plants: zeroHash, reasons: zeroHash, epoch: 1n },
  };
  expect(describeTypedData(task, context)).toMatchObject({
    title: expect.stringMatching(/^As a reviewer, rule that .* is right for task/),
    warnings: [],
  });
});

function call(contract: ContractName, functionName: string, ...args: unknown[]): Hex {
  return encodeFunctionData({ abi: SYSTEM[contract].abi as Abi, functionName, args });
}

/** A value of a Solidity type. */
function anyOf(parameter: AbiParameter, next: () => bigint): unknown {
  const { type } = parameter;
  const list = /^(.*)\[(\d*)\]$/.exec(type);
  if (list) {
    const length = list[2] ? Number(list[2]) : Number(next() % 3n);
    return Array.from({ length }, () => anyOf({ ...parameter, type: list[1]! } as AbiParameter, next));
  }
  if ('components' in parameter)
    return Object.fromEntries(parameter.components.map((each) => [each.name, anyOf(each, next)]));
  const hex = (bytes: number): Hex =>
    `0x${(next() % (1n << BigInt(8 * bytes))).toString(16).padStart(2 * bytes, '0')}`;
  if (type === 'address') return hex(20);
  if (type === 'bool') return next() % 2n === 1n;
  if (type === 'string') return `text ${next() % 1_000n}`;
  if (type === 'bytes') return hex(Number(next() % 8n));
  const [, kind, digits] = /^(u?int|bytes)(\d+)$/.exec(type)!;
  if (kind === 'bytes') return hex(Number(digits));
  const value = next() % (1n << BigInt(Number(digits) - 1));
  return Number(digits) > 48 ? value : Number(value);
}
