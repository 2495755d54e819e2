import { AssayError, excerpt, fromUtf8 } from '@assay/core';

/**
 * JSON whose numbers stay the text that was sent, so that no digit is lost in a float.
 *
 * @throws ROW_MALFORMED for what is not JSON in UTF-8.
 * @example
 * exactJson(utf8('[0.10000000000000000001]')); // ['0.10000000000000000001']
 */
export function exactJson(bytes: Uint8Array): unknown {
  let text = '';
  try {
    text = fromUtf8(bytes);
    // The source text of a primitive is its third argument (ECMAScript 2026, JSON.parse source text access).
    const reviver = (_: string, value: unknown, context?: { source?: string }) =>
      typeof value === 'number' ? (context?.source ?? String(value)) : value;
    return JSON.parse(text, reviver as (key: string, value: unknown) => unknown);
  } catch (cause) {
    throw new AssayError('ROW_MALFORMED', `expected JSON, got ${excerpt(text) || 'no text'}`, { cause });
  }
}
