import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { AssayError } from '@assay/core';
import { type DataContract, parseContract } from './contract.ts';

/** The contracts that come with Assay, one file a stream. */
export const CONTRACTS_FOLDER: string = fileURLToPath(new URL('../../contracts', import.meta.url));

/**
 * Reads every `<stream>.odcs.yaml` of a folder.
 *
 * @returns contracts by stream.
 * @throws CONTRACT_INVALID naming the file, also when a file is not named for its contract or is not in force.
 */
export function loadContracts(folder: string = CONTRACTS_FOLDER): Map<string, DataContract> {
  const contracts = new Map<string, DataContract>();
  for (const file of readdirSync(folder)
    .filter((name) => name.endsWith('.odcs.yaml'))
    .sort()) {
    const contract = parseFile(folder, file);
    if (file !== `${contract.name}.odcs.yaml` || !/^[A-Za-z0-9][A-Za-z0-9._-]{0,119}$/.test(contract.name)) {
      throw new AssayError('CONTRACT_INVALID', `${file}: expected the name ${contract.name}.odcs.yaml`, {
        next: 'name the file for the id inside it, which is a stream’s name',
      });
    }
    if (contract.status !== 'active') {
      throw new AssayError(
        'CONTRACT_INVALID',
        `${file}: expected the status active, got ${contract.status}`,
        {
          next: 'only contracts in force judge streams',
        },
      );
    }
    contracts.set(contract.name, contract);
  }
  return contracts;
}

/**
 * The contract of a market stream, from the one that its kind has.
 *
 * @param kind `bars`, `market-caps`, `funding`, `articles`, `activity` or `development`.
 * @throws CONTRACT_INVALID
 * @example marketContract('bars', 'coinbase.bars.1d').requiredLevel; // 'L1'
 */
export function marketContract(kind: string, stream: string): DataContract {
  const text = readFileSync(`${CONTRACTS_FOLDER}/market/${kind}.odcs.yaml`, 'utf8');
  return parseContract(text.replace('id: STREAM', `id: ${stream}`));
}

function parseFile(folder: string, file: string): DataContract {
  try {
    return parseContract(readFileSync(`${folder}/${file}`, 'utf8'));
  } catch (error) {
    if (!(error instanceof AssayError)) throw error;
    throw new AssayError(error.code, `${file}: ${error.message}`, {
      cause: error,
      ...(error.next === undefined ? {} : { next: error.next }),
      detail: { ...error.detail, file },
    });
  }
}
