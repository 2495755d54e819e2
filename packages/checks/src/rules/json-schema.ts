import { AssayError } from '@assay/core';
import { Ajv, type ValidateFunction } from 'ajv';
import { Ajv2019 } from 'ajv/dist/2019.js';
import { Ajv2020 } from 'ajv/dist/2020.js';
import addFormatsModule from 'ajv-formats';
import { readRegex } from './pattern.ts';

// The package is CommonJS: its default export is the module itself under Node's rules.
const addFormats = addFormatsModule as unknown as (ajv: unknown) => void;

/**
 * Compiles a JSON Schema of a contract (draft 7, 2019-09 or 2020-12 by its `$schema`). Nothing is fetched: a reference
 * to somewhere else is an error.
 *
 * @throws CONTRACT_INVALID when it is no schema.
 */
export function compileJsonSchema(schema: object): ValidateFunction {
  const draft = String((schema as { $schema?: unknown }).$schema ?? '');
  const Validator = draft.includes('2020-12') ? Ajv2020 : draft.includes('2019-09') ? Ajv2019 : Ajv;
  const ajv = new Validator({ strict: false, allErrors: false, logger: false, code: { regExp: linear } });
  addFormats(ajv);
  try {
    return ajv.compile(schema);
  } catch (cause) {
    throw new AssayError(
      'CONTRACT_INVALID',
      `expected a JSON Schema, got one that says: ${(cause as Error).message.slice(0, 200)}`,
      {
        next: 'correct json_schema; references to other documents are not followed',
        cause,
      },
    );
  }
}

/** Patterns in linear time: a value must not be able to make a validator hang. */
const linear = Object.assign((pattern: string) => readRegex(pattern), { code: 'readRegex' });
