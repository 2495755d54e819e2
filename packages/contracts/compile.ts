/**
 * Compiles the contracts and writes `src/artifacts.ts`. Run it after changing a contract: `node compile.ts`, then
 * `npm run format`.
 * The node never compiles; a test checks that the artifacts belong to the sources.
 */
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import solc from 'solc';

export interface Artifact {
  abi: unknown[];
  bytecode: `0x${string}`;
  sourceSha256: string;
}

const FOLDER = new URL('./solidity/', import.meta.url);

/** Compiles every contract in `solidity/`; the settings are those of foundry.toml. */
export function compileAll(): { compiler: string; contracts: Record<string, Artifact> } {
  const files = readdirSync(FOLDER)
    .filter((file) => file.endsWith('.sol'))
    .sort();
  const sources = Object.fromEntries(
    files.map((file) => [file, { content: readFileSync(new URL(file, FOLDER), 'utf8') }]),
  );
  const output = JSON.parse(
    solc.compile(
      JSON.stringify({
        language: 'Solidity',
        sources,
        settings: {
          optimizer: { enabled: true, runs: 1000 },
          evmVersion: 'cancun',
          // No metadata hash: the bytecode depends on the code alone, so CREATE2 gives one address everywhere.
          metadata: { bytecodeHash: 'none', appendCBOR: false },
          outputSelection: { '*': { '*': ['abi', 'evm.bytecode.object'] } },
        },
      }),
    ),
  );
  const errors = (output.errors ?? []).filter(({ severity }: { severity: string }) => severity === 'error');
  if (errors.length > 0)
    throw new Error(errors.map((error: { formattedMessage: string }) => error.formattedMessage).join('\n'));
  const contracts: Record<string, Artifact> = {};
  for (const file of files) {
    const name = file.replace('.sol', '');
    const { abi, evm } = output.contracts[file][name];
    contracts[name] = {
      abi,
      bytecode: `0x${evm.bytecode.object}`,
      sourceSha256: createHash('sha256').update(sources[file]!.content).digest('hex'),
    };
  }
  return { compiler: solc.version(), contracts };
}

if (process.argv[1] === new URL(import.meta.url).pathname) {
  const { compiler, contracts } = compileAll();
  const members = Object.entries(contracts).map(
    ([name, artifact]) => `export const ${name} = ${JSON.stringify(artifact, null, 2)} as const;\n`,
  );
  const head = `/** Written by \`node compile.ts\`; not to be edited. */\n\nexport const compiler = '${compiler}';\n\n`;
  writeFileSync(new URL('./src/artifacts.ts', import.meta.url), head + members.join('\n'));
}
