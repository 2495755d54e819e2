import { exactly, type Fail, instant, integer, kindOf, sha256Hex, streamName, text } from './shape.ts';

/**
 * What somebody else got who ran a derivation's function again over its recorded inputs. Signed by whoever ran it; its
 * subject is the derivation's id.
 */
export interface ExecutionPredicate {
  stream: string;
  /** Id of the derivation that was executed again. */
  observation: string;
  /** The code that ran: the derivation's own, or it would have been another computation. */
  function: { name: string; version: string; digest: { sha256: string } };
  /** What came out: how many rows, and the RFC 6962 root over them in hex. */
  rows: { root: string; count: number };
  /** Whether these are the rows that the derivation commits to. */
  agrees: boolean;
  executedAt: string;
}

/** Reads an execution's predicate. Whether `agrees` is true of the derivation, only who holds the derivation can tell. */
export function readExecution(value: unknown, fail: Fail): ExecutionPredicate {
  const p = exactly(
    value,
    'predicate',
    ['stream', 'observation', 'function', 'rows', 'agrees', 'executedAt'],
    fail,
  );
  const code = exactly(p.function, 'function', ['name', 'version', 'digest'], fail);
  const digest = exactly(code.digest, 'function.digest', ['sha256'], fail);
  const rows = exactly(p.rows, 'rows', ['root', 'count'], fail);
  return {
    stream: streamName(p.stream, 'stream', fail),
    observation: sha256Hex(p.observation, 'observation', fail),
    function: {
      name: text(code.name, 'function.name', fail, 200),
      version: text(code.version, 'function.version', fail, 50),
      digest: { sha256: sha256Hex(digest.sha256, 'function.digest.sha256', fail) },
    },
    rows: {
      root: sha256Hex(rows.root, 'rows.root', fail),
      count: integer(rows.count, 'rows.count', fail),
    },
    agrees:
      typeof p.agrees === 'boolean'
        ? p.agrees
        : fail(`agrees: expected true or false, got ${kindOf(p.agrees)}`),
    executedAt: instant(p.executedAt, 'executedAt', fail),
  };
}
