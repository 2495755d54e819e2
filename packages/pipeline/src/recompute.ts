import {
  AssayError,
  bytesToHex,
  cidOf,
  type DerivationPredicate,
  decodePayload,
  digestHex,
  type ExecutionPredicate,
  encodePayload,
  type Material,
  PREDICATE,
  treeOfPayload,
} from '@assay/core';
import { RATE_FUNCTION } from '@assay/market';
import { HOUR_FUNCTION } from '@assay/market/verify';
import { type Catalogue, type CatalogueEntry, statementOf } from './catalogue.ts';
import type { Inputs } from './derive.ts';
import { figureCodeDigest, recomputeFigure } from './derive-figures.ts';
import { minutesCodeDigest, recomputeMinutes } from './derive-minutes.ts';
import { PORTFOLIO_FUNCTION, portfolioCodeDigest, recomputePortfolio } from './derive-portfolio.ts';
import { rateCodeDigest, recomputeRates } from './derive-rates.ts';
import { sameRows } from './execution-desk.ts';

/** What running a derivation again gave. */
export interface Recomputed {
  payload: Uint8Array;
  /** The payload that is stored, which the new one must equal byte for byte. */
  recorded: Uint8Array;
  materials: number;
  derivation: DerivationPredicate;
  /** What came out, as an execution states it. */
  rows: ExecutionPredicate['rows'];
  /** Whether these are the rows that the derivation commits to, whatever is stored. */
  agrees: boolean;
}

/**
 * Runs a derivation again from its recorded inputs and parameters. Every input is checked against the digest by which
 * the derivation names it, so that who signs the result need not believe the folder that it was read from.
 *
 * @throws NOT_FOUND for an input that is not stored, ARGUMENT_INVALID when the id is no derivation,
 *   PAYLOAD_MISMATCH for an input that was changed, DERIVATION_MISMATCH when other code made the recorded figure.
 */
export async function recompute(catalogue: Catalogue, named: CatalogueEntry): Promise<Recomputed> {
  const inputs = digestsChecked(catalogue);
  const entry = inputs.get(named.id);
  const statement = statementOf(entry.entry);
  if (statement.predicateType !== PREDICATE.derivation) {
    throw new AssayError(
      'ARGUMENT_INVALID',
      `${entry.id} is of kind ${entry.kind}: it was not computed from anything`,
      {
        next: 'recompute a derived figure: assay records --stream assay.BTC-USD.reference-rate.1h, or assay.market.grades',
      },
    );
  }
  const derivation = statement.predicate;
  const materials = decodePayload(inputs.payload(derivation.materials.payload)) as Material[];
  checkCode(derivation.function);
  const rows = await RECOMPUTE[kindOf(derivation.function.name)](inputs, materials, derivation);
  const payload = encodePayload(rows);
  const made = { root: bytesToHex(treeOfPayload(payload).root), count: rows.length };
  return {
    payload,
    recorded: catalogue.payload(derivation.rows.payload),
    materials: materials.length,
    derivation,
    rows: made,
    agrees: sameRows(made, derivation.rows),
  };
}

/** How each kind of derived figure is computed again. */
const RECOMPUTE = {
  rate: recomputeRates,
  minutes: recomputeMinutes,
  portfolio: recomputePortfolio,
  figure: recomputeFigure,
};
const KINDS: ReadonlyMap<string, keyof typeof RECOMPUTE> = new Map([
  [RATE_FUNCTION.name, 'rate'],
  [HOUR_FUNCTION.name, 'minutes'],
  [PORTFOLIO_FUNCTION, 'portfolio'],
]);

function kindOf(name: string): keyof typeof RECOMPUTE {
  return KINDS.get(name) ?? 'figure';
}

/** Other code may make another figure: nothing is said about it. */
function checkCode({ name, version, digest }: DerivationPredicate['function']): void {
  const digests = {
    rate: rateCodeDigest,
    minutes: minutesCodeDigest,
    portfolio: portfolioCodeDigest,
    figure: () => figureCodeDigest(name),
  };
  const here = digests[kindOf(name)]();
  if (digest.sha256 === here) return;
  throw new AssayError(
    'DERIVATION_MISMATCH',
    here === null
      ? `the figure was made by ${name} ${version}, which this version of Assay does not have`
      : `the figure was made by ${name} ${version} with code ${digest.sha256.slice(0, 16)}…, this is ${here.slice(0, 16)}…`,
    {
      next: 'check out the version of Assay whose code has that digest, and recompute there',
    },
  );
}

/** A catalogue of which nothing is believed: what it gives has the digest that was asked for. */
function digestsChecked(catalogue: Catalogue): Inputs {
  const check = (actual: string, expected: string) => {
    if (actual === expected) return;
    throw new AssayError('PAYLOAD_MISMATCH', `expected an input with digest ${expected}, got ${actual}`, {
      next: 'the stored input was changed: restore the folder, and say so to whoever runs the node',
    });
  };
  return {
    get(id) {
      const entry = catalogue.get(id);
      check(digestHex(entry.entry), id);
      const { predicate } = statementOf(entry.entry);
      return {
        ...entry,
        payload: 'rows' in predicate && 'payload' in predicate.rows ? predicate.rows.payload : null,
      };
    },
    payload(cid) {
      const bytes = catalogue.payload(cid);
      check(cidOf(bytes), cid);
      return bytes;
    },
  };
}
