import { createHash } from 'node:crypto';
import { fromUtf8 } from '@assay/core';
import { httpTileSource } from './http-tiles.ts';
import type { OtherView } from './monitor.ts';

const TIMEOUT_MS = 3_000;

/**
 * What a witness cosigned last of a log (`GET <monitoring prefix>/<origin hash>/checkpoint`, C2SP tlog-witness): a log
 * that shows it another tree than to us is found out by comparing.
 *
 * @param witness.url its monitoring prefix.
 */
export function witnessView(witness: { name: string; url: string; origin: string }): OtherView {
  const hash = createHash('sha256').update(witness.origin).digest('hex');
  const source = httpTileSource({ url: `${witness.url.replace(/\/*$/, '')}/${hash}`, timeoutMs: TIMEOUT_MS });
  return {
    name: witness.name,
    async checkpoint() {
      const note = await source.get('checkpoint');
      return note && fromUtf8(note);
    },
  };
}
