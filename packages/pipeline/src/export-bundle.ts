import {
  type AnchorProof,
  AssayError,
  BUNDLE_TYPE,
  type Bundle,
  base64Encode,
  decodePayload,
  formatTlogProof,
  fromUtf8,
  type LoggedStatement,
  MAX_EXECUTIONS,
  type MerkleTree,
  PREDICATE,
  parseEnvelope,
  parseNote,
  treeOfPayload,
} from '@assay/core';
import { type Catalogue, type CatalogueEntry, statementOf } from './catalogue.ts';

/** Where a bundle's parts come from. */
export interface BundleSources {
  catalogue: Catalogue;
  /** Inclusion path from the log's tiles. */
  inclusionPath(index: number, size: number): Promise<Uint8Array[]>;
  /** Standing anchors of one checkpoint that covers a log index, at most one a chain. */
  anchorsCovering(index: number): readonly { size: number; proof: AnchorProof }[];
  origin: string;
  /** Cosignatures that a bundle carries; more would be lines that a smaller policy cannot account for. */
  quorum: number;
}

/**
 * Builds the self-contained proof of a statement (`<id>`) or of one of its rows (`<id>.<row>`), on the first
 * checkpoint that covers it and was anchored; failing that on the first that was published.
 *
 * @throws NOT_FOUND, PROOF_PENDING while no witnessed checkpoint covers the record.
 */
export async function exportBundle(id: string, sources: BundleSources): Promise<Bundle> {
  const { entry, row } = resolveRecord(id, sources.catalogue);
  const verdict = sources.catalogue.verdictOn(entry.id);
  const anchors = entry.index === null ? [] : sources.anchorsCovering(entry.index);
  const anchoredSize = anchors[0]?.size;
  const payload = entry.payload === null ? null : sources.catalogue.payload(entry.payload);
  const rows = payload && decodePayload(payload);
  return {
    mediaType: BUNDLE_TYPE,
    id: row === null ? entry.id : `${entry.id}.${row}`,
    statement: await logged(entry, sources, anchoredSize),
    ...(rows === null
      ? {}
      : row === null
        ? { rows }
        : {
            row: {
              index: row,
              value: rows[row]!,
              path: treeOf(entry.payload!, payload!).path(row).map(base64Encode),
            },
          }),
    ...(verdict ? { verdict: await logged(sources.catalogue.get(verdict.id), sources, anchoredSize) } : {}),
    ...(verdict?.outcome ? await reviewed(verdict.outcome.id, sources, anchoredSize) : {}),
    ...(verdict && verdict.executions.length > 0 ? await executed(entry.id, sources, anchoredSize) : {}),
    anchors: anchors.map(({ proof }) => proof),
  };
}

/** What reviewers decided, with the reviews that it names. */
async function reviewed(
  id: string,
  sources: BundleSources,
  anchoredSize?: number,
): Promise<Pick<Bundle, 'outcome' | 'reviews'>> {
  const entry = sources.catalogue.get(id);
  const statement = statementOf(entry.entry);
  if (statement.predicateType !== PREDICATE.outcome) throw new RangeError(`${id} is no outcome`);
  const proven = (of: CatalogueEntry) => logged(of, sources, anchoredSize);
  return {
    outcome: await proven(entry),
    reviews: await Promise.all(
      statement.predicate.reviews.map((review) => proven(sources.catalogue.get(review))),
    ),
  };
}

/** What others got who executed it again; where there are too many, first those who got something else. */
async function executed(
  id: string,
  sources: BundleSources,
  anchoredSize?: number,
): Promise<Pick<Bundle, 'executions'>> {
  const all = sources.catalogue.opinionsOn(id).flatMap((entry) => {
    const { predicateType, predicate } = statementOf(entry.entry);
    return predicateType === PREDICATE.execution ? [{ entry, agrees: predicate.agrees }] : [];
  });
  const first = all.sort((a, b) => Number(a.agrees) - Number(b.agrees)).slice(0, MAX_EXECUTIONS);
  return { executions: await Promise.all(first.map(({ entry }) => logged(entry, sources, anchoredSize))) };
}

/** Neighbouring rows are asked for one after the other, and their tree is the same. */
const recentTrees = new Map<string, MerkleTree>();
const KEPT_TREES = 16;

function treeOf(cid: string, payload: Uint8Array): MerkleTree {
  const known = recentTrees.get(cid);
  if (known) return known;
  const tree = treeOfPayload(payload);
  recentTrees.set(cid, tree);
  if (recentTrees.size > KEPT_TREES) recentTrees.delete(recentTrees.keys().next().value!);
  return tree;
}

/** The statement, and the row of it, that a record's name means. @throws NOT_FOUND */
export function resolveRecord(
  id: string,
  catalogue: Catalogue,
): { entry: CatalogueEntry; row: number | null } {
  const match = /^([0-9a-f]+)(?:\.(0|[1-9]\d{0,8}))?$/.exec(id);
  const entry = catalogue.get(match?.[1] ?? id);
  const row = match?.[2] === undefined ? null : Number(match[2]);
  if (row !== null && row >= entry.rows) {
    throw new AssayError('NOT_FOUND', `${entry.id} has ${entry.rows} rows, there is no row ${row}`, {
      next: `use a row number from 0 to ${entry.rows - 1}`,
    });
  }
  return { entry, row };
}

async function logged(
  entry: CatalogueEntry,
  sources: BundleSources,
  anchoredSize?: number,
): Promise<LoggedStatement> {
  const { catalogue } = sources;
  const { index } = entry;
  const checkpoint =
    index === null
      ? null
      : // A verdict may lie behind the checkpoint on which its statement was anchored.
        ((anchoredSize !== undefined && anchoredSize > index ? catalogue.checkpoint(anchoredSize) : null) ??
        catalogue.checkpointCovering(index));
  if (index === null || checkpoint === null) {
    throw new AssayError(
      'PROOF_PENDING',
      `${entry.id} is recorded, but no witnessed checkpoint covers it yet`,
      {
        next: 'try again in a few seconds; if it lasts, look at the witnesses in /v1/status',
      },
    );
  }
  return {
    envelope: parseEnvelope(JSON.parse(fromUtf8(entry.entry))),
    proof: formatTlogProof({
      index,
      path: await sources.inclusionPath(index, checkpoint.size),
      checkpoint: withQuorum(checkpoint.note, sources),
    }),
  };
}

/** The checkpoint with the log's signature and as many cosignatures as the quorum asks for. */
function withQuorum(note: string, { origin, quorum }: BundleSources): string {
  const { text, signatures } = parseNote(note);
  const own = signatures.filter(({ name }) => name === origin);
  const cosigned = signatures.filter(({ name }) => name !== origin).slice(0, quorum);
  return `${text}\n${[...own, ...cosigned].map(({ line }) => `${line}\n`).join('')}`;
}
