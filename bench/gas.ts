/**
 * What every step costs on a chain, beside what others' contracts ask for the like: the Ethereum Attestation Service
 * as published, and OpenZeppelin's MerkleProof. Writes docs/results/gas.md. Gas is counted, not timed: the figures
 * are the same on every machine.
 *
 *   npm run gas
 */
import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type ContractsFile, deployEconomy, registerOrigin, signaturesOf, startAnvil } from '@assay/chain';
import {
  type Committee,
  type ContractName,
  PRODUCTION_TERMS,
  SYSTEM,
  type SystemConfig,
  type VerdictProof,
} from '@assay/contracts';
import {
  type Abi,
  concatHex,
  createPublicClient,
  createTestClient,
  createWalletClient,
  encodeAbiParameters,
  encodeFunctionData,
  getAbiItem,
  type Hex,
  http,
  keccak256,
  numberToHex,
  parseEther,
  sha256,
  stringToHex,
  zeroAddress,
  zeroHash,
} from 'viem';
import { type PrivateKeyAccount, privateKeyToAccount } from 'viem/accounts';
import { compileAll } from '../packages/contracts/compile.ts';

/** What only a measurement needs: library functions made callable. */
const PEERS = {
  'OpenZeppelinProof.sol': `
    pragma solidity 0.8.37;
    import {MerkleProof} from "@openzeppelin/contracts/utils/cryptography/MerkleProof.sol";
    contract OpenZeppelinProof {
      function verify(bytes32 leaf, bytes32[] calldata proof, bytes32 root) external pure returns (bool) {
        return MerkleProof.verifyCalldata(proof, root, leaf);
      }
    }`,
  'QuorumOnly.sol': `
    pragma solidity 0.8.37;
    import {Committee, Quorum, Signatures} from "./Quorum.sol";
    contract QuorumOnly {
      function check(bytes32 expected, Committee calldata committee, bytes32 digest, Signatures calldata signatures)
        external pure
      {
        Quorum.check(expected, committee, committee.threshold, digest, signatures);
      }
    }`,
};

interface Row {
  what: string;
  gas: bigint;
  /** Most that it may cost. */
  goal?: bigint;
  note?: string;
}

const ONE = 10n ** 18n;
const CONTRACT = sha256(stringToHex('a data contract'));
const ORIGIN = 'log.example/gas';
const EXTRA_FOR_DEPTH = 20;
const RECORDS = 1_000_000n;
const require = createRequire(import.meta.url);
/** Fixed keys: what a committee's addresses are changes the price of calldata by a few gas. */
const accounts = Array.from({ length: 20 }, (_, i) =>
  privateKeyToAccount(keccak256(stringToHex(`gas bench ${i}`))),
);
const [deployer, provider, hunter, anchorer] = accounts as [
  PrivateKeyAccount,
  PrivateKeyAccount,
  PrivateKeyAccount,
  PrivateKeyAccount,
];
const verifiers = committeeOf(accounts.slice(4, 12), 8);
const reviewers = committeeOf(accounts.slice(12, 17), 3);
const config: SystemConfig = {
  ...PRODUCTION_TERMS,
  deployer: deployer.address,
  registrar: deployer.address,
  verifiers,
  reviewers,
  criteria: {
    [CONTRACT]: {
      requiredLevel: 2,
      disputeSeconds: 86_400,
      samplingPpm: 20_000,
      maxStalenessSeconds: 0,
      maxDeviationBps: 0,
      decimals: 0,
      stakeAtRisk: 1_000n * ONE,
      rewardPerObservation: ONE,
      minimum: 0n,
      maximum: 0n,
    },
  },
  allocations: [provider, hunter].map(({ address }) => ({ to: address, amount: 10_000n * ONE })),
  rewardPool: 1_000_000n * ONE,
};

const folder = mkdtempSync(join(tmpdir(), 'assay-gas-'));
const chain = await startAnvil({ directory: folder });
const client = createPublicClient({ transport: http(chain.rpcUrl), cacheTime: 0, pollingInterval: 10 });
const time = createTestClient({ mode: 'anvil', transport: http(chain.rpcUrl) });
try {
  for (const { address } of accounts) await time.setBalance({ address, value: parseEther('1000') });
  const place = await deployEconomy({ ...chain, deployer, config, developmentChain: true });
  const { contracts, compiler } = compileAll(PEERS);
  const sections: [string, Row[]][] = [
    ['Anchoring a log', await anchoring(place)],
    ['Proofs, checked by a contract', await proofs(place, contracts)],
    ['Verdicts and disputes', await disputes(place)],
    ['Ethereum Attestation Service 1.9.0, unmodified', await attestationService()],
  ];
  const text = report(sections, compiler);
  writeFileSync(new URL('../docs/results/gas.md', import.meta.url), text);
  console.log(text);
  const missed = sections
    .flatMap(([, rows]) => rows)
    .filter(({ gas, goal }) => goal !== undefined && gas > goal);
  if (missed.length > 0) {
    console.error(`over the goal: ${missed.map(({ what }) => what).join(', ')}`);
    process.exitCode = 1;
  }
} finally {
  await chain.stop();
  rmSync(folder, { recursive: true, force: true });
}

// ----------------------------------------------------------------------------------------------------- what is done

async function anchoring(place: ContractsFile): Promise<Row[]> {
  const originId = keccak256(stringToHex(ORIGIN));
  await registerOrigin({
    place,
    origin: ORIGIN,
    anchorer: anchorer.address,
    registrar: deployer,
    developmentChain: true,
  });
  const anchor = (functionName: string, size: bigint) =>
    call(place, anchorer, 'CheckpointAnchor', functionName, originId, size, digest(`root ${size}`));
  const first = await anchor('anchor', 1_000n);
  const head = await anchor('anchor', 1_001_000n);
  const withHistory = await anchor('anchorWithHistory', 2_001_000n);

  // Nobody's word: eight witnesses sign, and the tree is shown to extend the recorded one.
  const witnessed = committeeOf(accounts.slice(4, 12), 5);
  await call(place, deployer, 'CheckpointAnchor', 'setWitnesses', originId, witnessed);
  const { from, to, proof } = growth(2_001_000n);
  // The recorded head must be the smaller tree's.
  await call(place, anchorer, 'CheckpointAnchor', 'anchor', originId, from.size, from.root);
  const signed = await signaturesOf(
    accounts.filter(({ address }) => witnessed.members.slice(0, 5).includes(address)),
    witnessed,
    (await read(place, 'CheckpointAnchor', 'checkpointDigest', originId, to.size, to.root)) as Hex,
  );
  const proven = await call(
    place,
    hunter,
    'CheckpointAnchor',
    'anchorProven',
    ...[ORIGIN, to.size, to.root, proof, witnessed, signed],
  );
  return [
    { what: 'first checkpoint of a log', gas: first },
    {
      what: 'head anchor, every other',
      gas: head,
      goal: 40_000n,
      note: `${perRecord(head)} a record when it covers a million`,
    },
    {
      what: 'with on-chain history',
      gas: withHistory,
      goal: 61_000n,
      note: 'every root stays readable on chain',
    },
    {
      what: 'trust-minimised: 5 of 8 witnesses and the consistency proof',
      gas: proven,
      note: `${proof.length} hashes of proof; anybody may carry it`,
    },
  ];
}

async function proofs(
  place: ContractsFile,
  contracts: ReturnType<typeof compileAll>['contracts'],
): Promise<Row[]> {
  const path = Array.from({ length: EXTRA_FOR_DEPTH }, (_, level) => digest(`sibling ${level}`));
  const index = 0xabcden;
  const leaf = digest('leaf');
  const root = path.reduce(
    (node, sibling, level) =>
      sha256(concatHex((index >> BigInt(level)) & 1n ? ['0x01', sibling, node] : ['0x01', node, sibling])),
    leaf,
  );
  const ours = await execution(
    place.addresses.InclusionProof!,
    SYSTEM.InclusionProof.abi as Abi,
    'verifyInclusion',
    [leaf, index, 2n ** BigInt(EXTRA_FOR_DEPTH), path, root],
  );
  const peer = await deploy(contracts.OpenZeppelinProof!);
  const sorted = path.reduce(
    (node, sibling) => keccak256(concatHex(node < sibling ? [node, sibling] : [sibling, node])),
    leaf,
  );
  const theirs = await execution(peer.address, peer.abi, 'verify', [leaf, path, sorted]);

  const alone = await deploy(contracts.QuorumOnly!);
  const message = digest('message');
  const signatures = await signaturesOf(accounts.slice(4, 12), verifiers, message);
  const hash = keccak256(
    encodeAbiParameters(
      [getAbiItem({ abi: SYSTEM.VerdictCourt.abi, name: 'setCommittee' }).inputs[0]],
      [verifiers],
    ),
  );
  const quorum = await execution(alone.address, alone.abi, 'check', [hash, verifiers, message, signatures]);
  return [
    {
      what: 'inclusion in a tree of 2^20 entries (RFC 9162, SHA-256)',
      gas: ours,
      goal: 9_500n,
      note: 'execution; 20 calls of the SHA-256 precompile are 3,920 of it at least',
    },
    {
      what: 'OpenZeppelin MerkleProof, same depth (sorted pairs, Keccak)',
      gas: theirs,
      note: `execution; shows membership, not the place: ours is ${ratio(ours, theirs)} times this`,
    },
    {
      what: 'quorum of 8 of 8',
      gas: quorum,
      goal: 40_000n,
      note: 'execution; 8 calls of ecrecover are 24,800 of it at least',
    },
  ];
}

async function disputes(place: ContractsFile): Promise<Row[]> {
  const vault = place.addresses.StakeVault!;
  const registered = await call(place, provider, 'ProviderRegistry', 'register', 'did:example:gas');
  const id = (await read(
    place,
    'ProviderRegistry',
    'providerIdOf',
    'did:example:gas',
    provider.address,
  )) as Hex;
  for (const account of [provider, hunter])
    await call(place, account, 'AssayToken', 'approve', vault, 10_000n * ONE);
  const staked = await call(place, provider, 'StakeVault', 'stake', id, 5_000n * ONE);

  const { proofs: verdicts, posted } = await postBatch(place, id, 1_000);
  const [right, wrong, appealed] = verdicts as [VerdictProof, VerdictProof, VerdictProof];
  const begun = await call(place, hunter, 'VerdictCourt', 'challenge', wrong, 3, digest('evidence'));
  const ruled = await rule(place, wrong, 0, 3);
  await call(place, hunter, 'VerdictCourt', 'challenge', appealed, 3, digest('evidence'));
  await rule(place, appealed, 0, 1);
  const appeal = await call(place, hunter, 'VerdictCourt', 'appeal', appealed, digest('more'));
  const again = await rule(place, appealed, 1, 3);
  await time.increaseTime({ seconds: 5 * 86_400 });
  await time.mine({ blocks: 1 });
  const settled = await call(place, deployer, 'VerdictCourt', 'settle', wrong);
  await call(place, deployer, 'VerdictCourt', 'settle', appealed);
  const finalised = await call(place, deployer, 'VerdictCourt', 'finalise', right);
  const claimed = await call(place, hunter, 'StakeVault', 'claim', hunter.address);
  return [
    { what: 'register a provider', gas: registered },
    { what: 'stake', gas: staked },
    {
      what: 'verdicts on 1,000 observations, signed by 8 of 8',
      gas: posted,
      goal: 200_000n,
      note: `${(Number(posted) / 1000).toFixed(0)} an observation`,
    },
    {
      what: 'make one verdict final, with its proof and reward',
      gas: finalised,
      note: 'only for what is read on chain',
    },
    { what: 'challenge', gas: begun },
    { what: 'ruling by 3 of 5', gas: ruled },
    { what: 'settle: slash, burn, pay', gas: settled },
    { what: 'a full dispute: these three', gas: begun + ruled + settled, goal: 600_000n },
    { what: 'one appeal and its larger ruling, more', gas: appeal + again },
    { what: 'claim', gas: claimed },
  ];
}

async function attestationService(): Promise<Row[]> {
  const of = (name: string) =>
    JSON.parse(
      readFileSync(
        require.resolve(
          `@ethereum-attestation-service/eas-contracts/artifacts/contracts/${name}.sol/${name}.json`,
        ),
        'utf8',
      ),
    ) as { abi: Abi; bytecode: Hex };
  const registry = await deploy(of('SchemaRegistry'));
  const eas = await deploy(of('EAS'), [registry.address]);
  await send(deployer, registry, 'register', ['bytes32 root,uint64 size', zeroAddress, true]);
  const schema = keccak256(concatHex([stringToHex('bytes32 root,uint64 size'), zeroAddress, '0x01']));
  const data = (name: string) => ({
    recipient: zeroAddress,
    expirationTime: 0n,
    revocable: true,
    refUID: zeroHash,
    data: encodeAbiParameters([{ type: 'bytes32' }, { type: 'uint64' }], [digest(name), 1_000_000n]),
    value: 0n,
  });
  const attest = await send(deployer, eas, 'attest', [{ schema, data: data('one') }]);
  const many = Array.from({ length: 10 }, (_, i) => data(`many ${i}`));
  const multiAttest = await send(deployer, eas, 'multiAttest', [[{ schema, data: many }]]);
  const timestamp = await send(deployer, eas, 'timestamp', [digest('stamp')]);
  const stamps = Array.from({ length: 10 }, (_, i) => digest(`stamp ${i}`));
  const multiTimestamp = await send(deployer, eas, 'multiTimestamp', [stamps]);
  return [
    { what: 'attest', gas: attest, note: 'one record' },
    { what: 'multiAttest of 10, each', gas: multiAttest / 10n },
    { what: 'multiTimestamp of 10, each', gas: multiTimestamp / 10n },
    {
      what: 'timestamp of one root',
      gas: timestamp,
      note: 'the like of a head anchor: batching is what wins, on either; it orders nothing and binds to no log',
    },
  ];
}

// ------------------------------------------------------------------------------------------------------- how

/** A batch over so many verdicts, posted; with proofs of the first three. */
async function postBatch(place: ContractsFile, providerId: Hex, count: number) {
  const verdicts = Array.from({ length: count }, (_, i) => ({
    subject: digest(`observation ${i}`),
    providerId,
    statement: digest(`statement ${i}`),
    decision: 1,
    level: 3,
  }));
  const type = getAbiItem({ abi: SYSTEM.VerdictCourt.abi, name: 'finalise' }).inputs[0].components[1];
  const leaves = verdicts.map((verdict) =>
    sha256(concatHex(['0x00', encodeAbiParameters([type], [verdict])])),
  );
  const { timestamp } = await client.getBlock();
  const root = treeRoot(leaves);
  const batch = { contractDigest: CONTRACT, root, count: BigInt(count), madeAt: Number(timestamp) };
  const hash = (await read(place, 'VerdictCourt', 'batchDigest', batch, 1n)) as Hex;
  const signatures = await signaturesOf(accounts, verifiers, hash);
  const posted = await call(place, deployer, 'VerdictCourt', 'post', batch, verifiers, signatures);
  const proofs = verdicts.slice(0, 3).map((verdict, i) => ({
    batch,
    verdict,
    index: BigInt(i),
    path: treePath(leaves, i),
  }));
  return { proofs, posted };
}

async function rule(
  place: ContractsFile,
  proof: VerdictProof,
  round: number,
  decision: number,
): Promise<bigint> {
  const components = getAbiItem({ abi: SYSTEM.VerdictCourt.abi, name: 'finalise' }).inputs[0].components;
  const caseId = keccak256(encodeAbiParameters([components[0], components[1]], [proof.batch, proof.verdict]));
  const reasons = digest('reasons');
  const hash = (await read(
    place,
    'VerdictCourt',
    'rulingDigest',
    ...[caseId, proof, round, decision, reasons, 1n],
  )) as Hex;
  const needed = reviewers.members.slice(0, reviewers.threshold + 2 * round);
  const signing = accounts.filter(({ address }) => needed.includes(address));
  const signatures = await signaturesOf(signing, reviewers, hash);
  return call(place, deployer, 'VerdictCourt', 'rule', proof, decision, reasons, reviewers, signatures);
}

/** A tree that grew from a full one of 2^20 entries to one of 2^21: its proof is the other half's root. */
function growth(after: bigint) {
  const exponent = BigInt(after.toString(2).length);
  const left = digest('left half');
  const right = digest('right half');
  const from = { size: 2n ** exponent, root: left };
  return {
    from,
    to: { size: 2n * from.size, root: sha256(concatHex(['0x01', left, right])) },
    proof: [right],
  };
}

function treeRoot(leaves: readonly Hex[]): Hex {
  if (leaves.length === 1) return leaves[0]!;
  const at = splitOf(leaves.length);
  return sha256(concatHex(['0x01', treeRoot(leaves.slice(0, at)), treeRoot(leaves.slice(at))]));
}

function treePath(leaves: readonly Hex[], index: number): Hex[] {
  if (leaves.length === 1) return [];
  const at = splitOf(leaves.length);
  return index < at
    ? [...treePath(leaves.slice(0, at), index), treeRoot(leaves.slice(at))]
    : [...treePath(leaves.slice(at), index - at), treeRoot(leaves.slice(0, at))];
}

function splitOf(count: number): number {
  return 2 ** Math.floor(Math.log2(count - 1));
}

function digest(text: string): Hex {
  return `0x${createHash('sha256').update(text).digest('hex')}`;
}

function committeeOf(members: readonly PrivateKeyAccount[], threshold: number): Committee {
  const addresses = members.map(({ address }) => address);
  return {
    epoch: 1n,
    threshold,
    members: addresses.sort((a, b) => (a.toLowerCase() < b.toLowerCase() ? -1 : 1)),
  };
}

function read(place: ContractsFile, contract: ContractName, functionName: string, ...args: unknown[]) {
  const address = place.addresses[contract]!;
  return client.readContract({ address, abi: SYSTEM[contract].abi as Abi, functionName, args });
}

function call(
  place: ContractsFile,
  account: PrivateKeyAccount,
  contract: ContractName,
  functionName: string,
  ...args: unknown[]
): Promise<bigint> {
  const target = { address: place.addresses[contract]!, abi: SYSTEM[contract].abi as Abi };
  return send(account, target, functionName, args);
}

/** Gas of the whole transaction. */
async function send(
  account: PrivateKeyAccount,
  { address, abi }: { address: Hex; abi: Abi },
  functionName: string,
  args: readonly unknown[],
): Promise<bigint> {
  await client.simulateContract({ account, address, abi, functionName, args });
  const wallet = createWalletClient({ account, transport: http(chain.rpcUrl) });
  const data = encodeFunctionData({ abi, functionName, args });
  const hash = await wallet.sendTransaction({ to: address, data, chain: null });
  const { status, gasUsed } = await client.waitForTransactionReceipt({ hash });
  if (status !== 'success') throw new Error(`${functionName} was undone`);
  return gasUsed;
}

/** Gas of the code alone, without a transaction's 21,000 and its calldata: what another contract pays. */
async function execution(
  address: Hex,
  abi: Abi,
  functionName: string,
  args: readonly unknown[],
): Promise<bigint> {
  const data = encodeFunctionData({ abi, functionName, args });
  const from = deployer.address;
  const { result } = await client.simulateContract({ account: from, address, abi, functionName, args });
  if (result === false) throw new Error(`${functionName} says no`);
  const trace = (await client.request({
    method: 'debug_traceCall',
    params: [{ from, to: address, data, gas: numberToHex(10_000_000n) }, 'latest', {}],
  } as never)) as { structLogs: { gas: number; gasCost: number }[] };
  const [first, last] = [trace.structLogs[0]!, trace.structLogs.at(-1)!];
  return BigInt(first.gas - last.gas + last.gasCost);
}

async function deploy(
  artifact: { abi: unknown; bytecode: Hex },
  args: readonly unknown[] = [],
): Promise<{ address: Hex; abi: Abi }> {
  const abi = artifact.abi as Abi;
  const wallet = createWalletClient({ account: deployer, transport: http(chain.rpcUrl) });
  const hash = await wallet.deployContract({ abi, bytecode: artifact.bytecode, args, chain: null });
  const { contractAddress } = await client.waitForTransactionReceipt({ hash });
  return { address: contractAddress!, abi };
}

// ---------------------------------------------------------------------------------------------------- the report

function report(sections: readonly [string, Row[]][], compiler: string): string {
  const tables = sections.map(
    ([title, rows]) =>
      `## ${title}\n\n| | Gas | Goal | |\n|---|---:|---:|---|\n${rows
        .map(
          ({ what, gas, goal, note = '' }) =>
            `| ${what} | ${grouped(gas)} | ${goal === undefined ? '' : `≤ ${grouped(goal)}`} | ${note} |\n`,
        )
        .join('')}`,
  );
  return `# Gas

Written by \`npm run gas\`: each step once on a development chain with the rules of the Prague fork, whole transactions unless it says *execution*, which is what a calling contract pays. Compiled by solc ${compiler}, optimizer at 200 runs. Nothing is estimated.

${tables.join('\n')}`;
}

function perRecord(gas: bigint): string {
  return (Number(gas) / Number(RECORDS)).toFixed(2);
}

function ratio(a: bigint, b: bigint): string {
  return (Number(a) / Number(b)).toFixed(2);
}

function grouped(value: bigint): string {
  return value.toLocaleString('en-US');
}
