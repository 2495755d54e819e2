/**
 * Compiles the contracts and writes `src/artifacts.ts`. Run it after changing a contract: `node compile.ts`.
 * The node never compiles; a test checks that the artifacts belong to the sources.
 */
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { basename } from 'node:path';
import solc from 'solc';

export interface Artifact {
  abi: unknown[];
  bytecode: `0x${string}`;
  sourceSha256: string;
}

const FOLDER = new URL('./solidity/', import.meta.url);
/** OpenZeppelin's, deployed as they are. */
const FROM_PACKAGES = [
  '@openzeppelin/contracts/access/manager/AccessManager.sol',
  '@openzeppelin/contracts/governance/TimelockController.sol',
];

/**
 * Compiles the contracts in `solidity/` that can be deployed; the settings are those of foundry.toml.
 *
 * @param more further sources by file name, each with a contract of its name, e.g. to measure a peer alike.
 */
export function compileAll(more: Readonly<Record<string, string>> = {}): {
  compiler: string;
  contracts: Record<string, Artifact>;
} {
  const files = readdirSync(FOLDER)
    .filter((file) => file.endsWith('.sol'))
    .sort();
  const sources = Object.fromEntries([
    ...files.map((file) => [file, { content: readFileSync(new URL(file, FOLDER), 'utf8') }]),
    ...FROM_PACKAGES.map((path) => [path, { content: readFileSync(packageFile(path), 'utf8') }]),
    ...Object.entries(more).map(([file, content]) => [file, { content }]),
  ]);
  const output = JSON.parse(
    solc.compile(
      JSON.stringify({
        language: 'Solidity',
        sources,
        settings: {
          optimizer: { enabled: true, runs: 200 },
          evmVersion: 'prague',
          // No metadata hash: the bytecode depends on the code alone, so CREATE2 gives one address everywhere.
          metadata: { bytecodeHash: 'none', appendCBOR: false },
          outputSelection: { '*': { '*': ['abi', 'evm.bytecode.object'] } },
        },
      }),
      { import: importFromPackage },
    ),
  );
  const errors = (output.errors ?? []).filter(({ severity }: { severity: string }) => severity === 'error');
  if (errors.length > 0)
    throw new Error(errors.map((error: { formattedMessage: string }) => error.formattedMessage).join('\n'));
  const contracts: Record<string, Artifact> = {};
  for (const file of Object.keys(sources)) {
    const name = basename(file, '.sol');
    const compiled = output.contracts[file]?.[name];
    // Interfaces and libraries of internal functions have no code of their own.
    const callable = compiled?.abi.some(({ type }: { type: string }) => type === 'function');
    if (!callable || compiled.evm.bytecode.object === '') continue;
    contracts[name] = {
      abi: compiled.abi,
      bytecode: `0x${compiled.evm.bytecode.object}`,
      sourceSha256: createHash('sha256').update(sources[file]!.content).digest('hex'),
    };
  }
  return { compiler: solc.version(), contracts };
}

function importFromPackage(path: string): { contents: string } | { error: string } {
  try {
    return { contents: readFileSync(packageFile(path), 'utf8') };
  } catch {
    return { error: `${path} is in no installed package` };
  }
}

function packageFile(path: string): string {
  return createRequire(import.meta.url).resolve(path);
}

if (process.argv[1] === new URL(import.meta.url).pathname) {
  const { compiler, contracts } = compileAll();
  const members = Object.entries(contracts).map(
    ([name, { abi, bytecode, sourceSha256 }]) =>
      `export const ${name} = {\n  abi: [\n${abi.map((item) => `    ${JSON.stringify(item)},\n`).join('')}  ],\n` +
      `  bytecode: '${bytecode}',\n  sourceSha256: '${sourceSha256}',\n} as const;\n`,
  );
  const head = `/** Written by \`node compile.ts\`; not to be edited. */\n\nexport const compiler = '${compiler}';\n\n`;
  writeFileSync(new URL('./src/artifacts.ts', import.meta.url), head + members.join('\n'));
}
