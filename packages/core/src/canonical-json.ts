import canonicalize from 'canonicalize';
import { utf8 } from './encoding.ts';
import { AssayError } from './errors.ts';

/**
 * The one JSON text of a value (RFC 8785, JSON Canonicalization Scheme): what is signed, hashed and logged.
 *
 * @throws CANONICAL_JSON_INVALID for what JSON cannot say: undefined, NaN, infinities, functions, lone surrogates.
 * @example
 * canonicalJson({ b: 1, a: 'é' }); // '{"a":"é","b":1}'
 */
export function canonicalJson(value: unknown): string {
  let text: string | undefined;
  try {
    text = canonicalize(value);
  } catch (cause) {
    throw new AssayError('CANONICAL_JSON_INVALID', `expected a JSON value: ${(cause as Error).message}`, {
      cause,
    });
  }
  if (text === undefined)
    throw new AssayError('CANONICAL_JSON_INVALID', `expected a JSON value, got ${typeof value}`);
  // RFC 8785 section 3.2.2.2: a lone surrogate has no UTF-8 form, so the text could not be hashed faithfully.
  if (!text.isWellFormed())
    throw new AssayError('CANONICAL_JSON_INVALID', 'expected Unicode text, got a lone surrogate');
  return text;
}

/** UTF-8 bytes of {@link canonicalJson}. */
export function canonicalBytes(value: unknown): Uint8Array {
  return utf8(canonicalJson(value));
}
