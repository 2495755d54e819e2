import { type Candle, checkRow, type FileRow, inRanges, type Row, rowBytes } from './batch.ts';
import type { Bundle, LoggedStatement } from './bundle.ts';
import { type Checkpoint, parseCheckpoint } from './checkpoint.ts';
import { type OpenedEnvelope, openEnvelope } from './dsse.ts';
import { base64Decode, base64Encode, bytesToHex, hexToBytes } from './encoding.ts';
import { AssayError, type ErrorCode } from './errors.ts';
import { verifyAnchorProof } from './evm-proof.ts';
import { leafHash, merkleRoot, verifyInclusion } from './merkle.ts';
import { openNote, parseNote, parseVkey } from './note.ts';
import { STEPS, type Step, type TrustPolicy } from './policy.ts';
import type { OutcomePredicate } from './review-statements.ts';
import {
  type ExecutionStatement,
  kindOfStatement,
  LEVELS,
  type OutcomeStatement,
  PREDICATE,
  type ReviewStatement,
  type Statement,
  type StatementKind,
  type VerdictPredicate,
} from './statement.ts';
import { parseTlogProof } from './tlog-proof.ts';

/** One rung's answer. */
export interface StepResult {
  step: Step;
  status: 'pass' | 'fail' | 'unknown';
  reason: string;
  /** Stable code of a failure. */
  code?: ErrorCode;
  /** Whether the policy demands that this step passes. */
  required: boolean;
}

export interface VerificationReport {
  /** failed: a required step fails. inconclusive: none fails, but one is unknown, or none was required. */
  outcome: 'verified' | 'failed' | 'inconclusive';
  steps: StepResult[];
  subject: { id: string; kind: StatementKind | null; stream: string | null; row?: Row };
}

export interface VerifyOptions {
  /**
   * The verifier's own view of a chain: whether this block is the one at its height. Null when it cannot say.
   * Without it only blocks that the policy trusts count.
   */
  isCanonicalBlock?: (block: {
    chainId: number;
    blockNumber: number;
    blockHash: string;
  }) => Promise<boolean | null>;
}

/**
 * Verifies a bundle against a trust policy, step by step: row → batch → signature → checks → leaf → checkpoint
 * → witnesses → anchor. Pure but for `options`; runs offline, in a browser and in Node. What cannot be
 * decided is unknown, never a pass.
 *
 * @example
 * const report = await verifyBundle(parseBundle(json), parseTrustPolicy(policyJson));
 * report.outcome; // 'verified'
 */
export async function verifyBundle(
  bundle: Bundle,
  policy: TrustPolicy,
  options: VerifyOptions = {},
): Promise<VerificationReport> {
  const opened = await attempt(() => openEnvelope(bundle.statement.envelope));
  const proof = attemptSync(() => readProof(bundle.statement));
  const kind = opened.ok ? kindOfStatement(opened.value.statement) : null;
  const answers: [Step, Answer][] = [];
  const rung = async (step: Step, answer: () => Answer | Promise<Answer>) => {
    answers.push([step, await answerOf(answer)]);
  };

  // Only data has rows and is itself checked; what is said about it stands on the other six rungs.
  const hasRows = kind === null || kind === 'observation' || kind === 'derivation';
  if (hasRows) {
    await rung('row', () => checkRows(bundle, must(opened)));
    await rung('batch', () => checkBatch(bundle, must(opened)));
  }
  await rung('signature', () => checkSignature(bundle, must(opened), policy));
  if (hasRows) await rung('checks', () => checkVerdict(bundle, must(opened), policy));
  await rung('leaf', () => checkLeaf(must(proof), must(opened)));
  await rung('checkpoint', () => checkCheckpoint(must(proof), policy));
  await rung('witnesses', () => checkWitnesses(must(proof), policy));
  await rung('anchor', () => checkAnchors(bundle, must(proof), policy, options));

  const steps = STEPS.flatMap((step): StepResult[] => {
    const answer = answers.find(([name]) => name === step)?.[1];
    return answer ? [{ step, ...answer, required: policy.require.includes(step) }] : [];
  });
  const required = steps.filter((step) => step.required);
  return {
    outcome: required.some((step) => step.status === 'fail')
      ? 'failed'
      : required.length > 0 && required.every((step) => step.status === 'pass')
        ? 'verified'
        : 'inconclusive',
    steps,
    subject: {
      id: bundle.id,
      kind,
      stream: opened.ok ? opened.value.statement.predicate.stream : null,
      ...(bundle.row ? { row: bundle.row.value } : {}),
    },
  };
}

export type Answer = Pick<StepResult, 'status' | 'reason' | 'code'>;
interface Proof {
  index: number;
  path: Uint8Array[];
  note: string;
  checkpoint: Checkpoint;
}

export const pass = (reason: string): Answer => ({ status: 'pass', reason });
export const unknown = (reason: string): Answer => ({ status: 'unknown', reason });
export const fail = (code: ErrorCode, reason: string): Answer => ({ status: 'fail', code, reason });
const malformedRow = (message: string): never => {
  throw new AssayError('BUNDLE_MALFORMED', message);
};

function checkRows(bundle: Bundle, { statement, id }: OpenedEnvelope): Answer {
  if (!('rows' in statement.predicate) || !('period' in statement.predicate))
    return unknown('the statement has no rows');
  const { rows: commitment, period, stream } = statement.predicate;
  const rows = bundle.row ? [bundle.row.value] : bundle.rows;
  if (bundle.id !== (bundle.row ? `${id}.${bundle.row.index}` : id)) {
    return fail('BUNDLE_MALFORMED', `the bundle is named ${bundle.id}, but proves ${id}`);
  }
  if (!rows) return unknown('the bundle carries no rows');
  for (const [i, row] of rows.entries()) {
    const { time } = checkRow(row, commitment.schema, `row ${bundle.row?.index ?? i}`, malformedRow) as {
      time: string;
    };
    if (time < period.from || time >= period.to) {
      return fail(
        'PAYLOAD_MISMATCH',
        `the row's time ${time} is outside the statement's period ${period.from} to ${period.to}`,
      );
    }
  }
  return pass(
    bundle.row
      ? `${stream} ${describeRow(bundle.row.value)}`
      : `${rows.length} rows of ${stream}, ${commitment.schema}`,
  );
}

function checkBatch(bundle: Bundle, { statement }: OpenedEnvelope): Answer {
  if (!('rows' in statement.predicate) || !('period' in statement.predicate))
    return unknown('the statement has no rows');
  const { count, root } = statement.predicate.rows;
  if (bundle.row) {
    verifyInclusion({
      leafHash: leafHash(rowBytes(bundle.row.value)),
      index: bundle.row.index,
      size: count,
      path: bundle.row.path.map(base64Decode),
      root: hexToBytes(root),
    });
    return pass(`row ${bundle.row.index} of ${count} leads to the batch root ${root.slice(0, 16)}…`);
  }
  if (!bundle.rows) return unknown('the bundle carries no rows');
  const actual = bytesToHex(merkleRoot(bundle.rows.map((row) => leafHash(rowBytes(row)))));
  return bundle.rows.length === count && actual === root
    ? pass(`${count} rows give the batch root ${root.slice(0, 16)}…`)
    : fail(
        'PAYLOAD_MISMATCH',
        `the ${bundle.rows.length} rows give the root ${actual.slice(0, 16)}…, the statement says ${count} rows and ${root.slice(0, 16)}…`,
      );
}

function checkSignature(
  bundle: Bundle,
  { statement, signer, id }: OpenedEnvelope,
  policy: TrustPolicy,
): Answer {
  if (bundle.id.split('.')[0] !== id)
    return fail('BUNDLE_MALFORMED', `the bundle is named ${bundle.id}, but its statement is ${id}`);
  const { stream } = statement.predicate;
  return isTrusted(statement, signer, policy)
    ? pass(`signed by ${signer}, which the policy trusts for ${stream}`)
    : fail('SIGNER_NOT_TRUSTED', `signed by ${signer}, which the policy does not trust for ${stream}`);
}

function isTrusted(
  { predicateType, predicate }: Statement,
  signer: string,
  { checkers, reviewers = [], executors = [], providers }: TrustPolicy,
): boolean {
  switch (predicateType) {
    case PREDICATE.verdict:
    case PREDICATE.outcome:
    case PREDICATE.commitment:
      return checkers.includes(signer);
    case PREDICATE.review:
      return reviewers.includes(signer);
    case PREDICATE.execution:
      return executors.includes(signer);
    // Anybody may object; that the signature is theirs is all that there is to know.
    case PREDICATE.appeal:
      return true;
    default:
      return providers.some(({ did, streams }) => did === signer && streams.includes(predicate.stream));
  }
}

async function checkVerdict(bundle: Bundle, opened: OpenedEnvelope, policy: TrustPolicy): Promise<Answer> {
  if (!bundle.verdict) return unknown('the bundle carries no verdict');
  const { id, statement, signer, entry } = await openEnvelope(bundle.verdict.envelope);
  if (statement.predicateType !== PREDICATE.verdict)
    return fail('STATEMENT_MALFORMED', 'what stands for the verdict is not one');
  const verdict = statement.predicate;
  if (verdict.observation !== opened.id || statement.subject[0].digest.sha256 !== opened.id) {
    return fail(
      'STATEMENT_MALFORMED',
      `the verdict is about ${verdict.observation.slice(0, 16)}…, another statement`,
    );
  }
  if (!policy.checkers.includes(signer))
    return fail('SIGNER_NOT_TRUSTED', `the verdict is signed by ${signer}, which the policy does not trust`);
  const logged = await checkLogged(bundle.verdict, entry, policy);
  if (logged) return { ...logged, reason: `the verdict's proof: ${logged.reason}` };
  // The checks alone give L3 at most; a verdict that claims more claims other people's word.
  if (verdict.level === 'L5' || verdict.level === 'L4')
    return fail('STATEMENT_MALFORMED', `a verdict cannot give ${verdict.level}`);
  const executed = await checkExecutions(bundle, opened, policy);
  if (typeof executed !== 'number') return executed;
  if (!bundle.outcome) return judge(verdict, verdict, executed, bundle, policy);
  const outcome = await openOutcome(bundle, { observation: opened.id, verdict: id, executed }, policy);
  return 'decision' in outcome ? judge(verdict, outcome, executed, bundle, policy) : outcome;
}

/**
 * How many executors whom the policy trusts got the same; 0 when one of them did not. Every execution is verified, also
 * those that do not count: nothing in a bundle is decoration.
 */
async function checkExecutions(
  { executions = [] }: Bundle,
  derivation: OpenedEnvelope,
  policy: TrustPolicy,
): Promise<number | Answer> {
  const agreeing = new Set<string>();
  let disputed = false;
  for (const execution of executions) {
    const { statement, signer, entry } = await openEnvelope(execution.envelope);
    if (statement.predicateType !== PREDICATE.execution || !isExecutionOf(derivation, statement))
      return fail('STATEMENT_MALFORMED', 'what stands for an execution is none of this statement');
    const unlogged = await checkLogged(execution, entry, policy);
    if (unlogged) return { ...unlogged, reason: `an execution's proof: ${unlogged.reason}` };
    if (signer === derivation.signer || !policy.executors?.includes(signer)) continue;
    if (statement.predicate.agrees) agreeing.add(signer);
    else disputed = true;
  }
  return disputed ? 0 : agreeing.size;
}

/** Whether it is about this derivation and its code, and says of the rows that came out what is true of them. */
function isExecutionOf(
  { id, statement: { predicateType, predicate } }: OpenedEnvelope,
  { predicate: execution, subject }: ExecutionStatement,
): boolean {
  if (predicateType !== PREDICATE.derivation) return false;
  const { root, count } = execution.rows;
  return (
    execution.observation === id &&
    subject[0].digest.sha256 === id &&
    execution.function.digest.sha256 === predicate.function.digest.sha256 &&
    execution.agrees === (root === predicate.rows.root && count === predicate.rows.count)
  );
}

/** Whether a statement beside the main one was logged; null when it was. */
async function checkLogged(
  logged: LoggedStatement,
  entry: Uint8Array,
  policy: TrustPolicy,
): Promise<Answer | null> {
  const proof = readProof(logged);
  for (const answer of [
    checkLeaf(proof, { entry }),
    await checkCheckpoint(proof, policy),
    policy.require.includes('witnesses') ? await checkWitnesses(proof, policy) : pass(''),
  ]) {
    if (answer.status !== 'pass') return answer;
  }
  return null;
}

/** What reviewers decided, once every statement that says so is verified; else what is wrong. */
async function openOutcome(
  { outcome: logged, reviews = [] }: Bundle,
  about: { observation: string; verdict: string; executed: number },
  policy: TrustPolicy,
): Promise<OutcomePredicate | Answer> {
  const { statement, signer, entry } = await openEnvelope(logged!.envelope);
  if (statement.predicateType !== PREDICATE.outcome || !isAbout(statement, about))
    return fail('STATEMENT_MALFORMED', 'what stands for the outcome is none of this verdict');
  if (!policy.checkers.includes(signer))
    return fail('SIGNER_NOT_TRUSTED', `the outcome is signed by ${signer}, which the policy does not trust`);
  const unlogged = await checkLogged(logged!, entry, policy);
  if (unlogged) return { ...unlogged, reason: `the outcome's proof: ${unlogged.reason}` };
  const outcome = statement.predicate;
  const accepting = new Set<string>();
  const ids: string[] = [];
  for (const review of reviews) {
    const { id, statement, signer, entry } = await openEnvelope(review.envelope);
    if (statement.predicateType !== PREDICATE.review || !isAbout(statement, about))
      return fail('STATEMENT_MALFORMED', 'what stands for a review is none of this verdict');
    if (statement.predicate.item !== outcome.item || statement.predicate.round !== outcome.round)
      return fail('STATEMENT_MALFORMED', `the review ${id.slice(0, 16)}… belongs to another round`);
    const unlogged = await checkLogged(review, entry, policy);
    if (unlogged) return { ...unlogged, reason: `a review's proof: ${unlogged.reason}` };
    ids.push(id);
    if (statement.predicate.decision === 'accept' && policy.reviewers?.includes(signer))
      accepting.add(signer);
  }
  if (ids.join() !== outcome.reviews.join())
    return fail('STATEMENT_MALFORMED', 'the reviews are not those that the outcome names');
  // L5 is the reviewers' word, not the checker's: whoever asks for it is shown two that it trusts. So does who asks for
  // L4, unless executors give it.
  const theirs = policy.minLevel === 'L5' || (policy.minLevel === 'L4' && about.executed === 0);
  if (theirs && accepting.size < 2)
    return fail(
      'LEVEL_TOO_LOW',
      `the policy asks for ${policy.minLevel} and trusts ${accepting.size} of the reviewers who accepted; two are needed`,
    );
  return outcome;
}

function isAbout(
  { predicate, subject }: ReviewStatement | OutcomeStatement,
  { observation, verdict }: { observation: string; verdict: string },
): boolean {
  return (
    predicate.observation === observation &&
    predicate.verdict === verdict &&
    subject[0].digest.sha256 === observation
  );
}

/**
 * @param standing what decides now: the verdict itself, or the outcome of a review of it.
 * @param executed how many trusted executors got the same, all of them. What is accepted is at L4 by that.
 */
function judge(
  verdict: VerdictPredicate,
  standing: VerdictPredicate | OutcomePredicate,
  executed: number,
  bundle: Bundle,
  policy: TrustPolicy,
): Answer {
  const index = bundle.row?.index;
  const decision =
    index === undefined
      ? standing.decision
      : inRanges(standing.rows.rejected, index)
        ? 'reject'
        : inRanges(standing.rows.flagged, index)
          ? 'flag'
          : 'accept';
  const level =
    executed > 0 && standing.decision === 'accept' && standing.level !== 'L5' ? 'L4' : standing.level;
  const again = executed > 0 ? `; executed again by ${executed} with the same result` : '';
  const by = 'reviews' in standing ? `; by ${standing.reviews.length} reviews: ${standing.reason}` : '';
  const counts = (['pass', 'fail', 'unknown'] as const)
    .map((status) => `${verdict.findings.filter((finding) => finding.status === status).length} ${status}`)
    .join(', ');
  const summary = `${decision}, ${level}, under ${verdict.contract.name} ${verdict.contract.version} (findings on the batch: ${counts})${by}${again}`;
  if (!policy.accept.includes(decision)) {
    const why = verdict.findings.find(
      (finding) => finding.status === 'fail' && (index === undefined || inRanges(finding.rows ?? [], index)),
    );
    return fail('DECISION_NOT_ACCEPTED', `${summary}${why ? `: ${why.reason}` : ''}`);
  }
  if (LEVELS.indexOf(level) < LEVELS.indexOf(policy.minLevel)) {
    return fail('LEVEL_TOO_LOW', `${summary}; the policy asks for ${policy.minLevel}`);
  }
  return pass(summary);
}

function checkLeaf(proof: Proof, { entry }: Pick<OpenedEnvelope, 'entry'>): Answer {
  const { index, path, checkpoint } = proof;
  verifyInclusion({ leafHash: leafHash(entry), index, size: checkpoint.size, path, root: checkpoint.root });
  return pass(`entry ${index} of the ${checkpoint.size} under the root ${base64Encode(checkpoint.root)}`);
}

export async function checkCheckpoint(
  { note, checkpoint }: Pick<Proof, 'note' | 'checkpoint'>,
  policy: TrustPolicy,
): Promise<Answer> {
  const keys = policy.logs
    .filter((log) => log.origin === checkpoint.origin)
    .map((log) => parseVkey(log.vkey));
  if (keys.length === 0)
    return fail('SIGNER_NOT_TRUSTED', `the policy does not know the log ${checkpoint.origin}`);
  await openNote(note, keys);
  return pass(`signed by ${checkpoint.origin} at size ${checkpoint.size}`);
}

export async function checkWitnesses({ note }: Pick<Proof, 'note'>, policy: TrustPolicy): Promise<Answer> {
  const { quorum, vkeys } = policy.witnesses;
  if (quorum === 0) return unknown('the policy names no witnesses');
  const known = vkeys.map(parseVkey);
  const names = known.map(({ name }) => name);
  const witnesses = new Set(names).size;
  const cosigned = parseNote(note).signatures.some((signature) => names.includes(signature.name))
    ? (await openNote(note, known)).signatures
    : [];
  // A witness with two keys is still one witness.
  const voices = new Set(cosigned.map(({ name }) => name)).size;
  const who = cosigned
    .map((signature) => `${signature.name} at ${isoSeconds(signature.timestamp ?? 0)}`)
    .join(', ');
  return voices >= quorum
    ? pass(`${voices} of ${witnesses} cosigned, the policy asks for ${quorum}: ${who}`)
    : fail(
        'QUORUM_NOT_REACHED',
        `${voices} of ${witnesses} cosigned, the policy asks for ${quorum}${who && `: ${who}`}`,
      );
}

async function checkAnchors(
  bundle: Bundle,
  { checkpoint }: Proof,
  policy: TrustPolicy,
  options: VerifyOptions,
): Promise<Answer> {
  if (bundle.anchors.length === 0)
    return unknown('the bundle carries no anchor: its checkpoint was not on a chain yet');
  if (policy.chains.length === 0) return unknown('the policy trusts no chain');
  let undecided = '';
  let passed = '';
  for (const anchor of bundle.anchors) {
    const chain = policy.chains.find(
      ({ chainId, contract }) => chainId === anchor.chainId && contract === anchor.contract,
    );
    if (!chain) {
      return fail(
        'ANCHOR_CHAIN_NOT_TRUSTED',
        `the policy does not trust contract ${anchor.contract} on chain ${anchor.chainId}`,
      );
    }
    const { origin, size, root } = checkpoint;
    verifyAnchorProof(anchor, { origin, size, root, contract: chain.contract, chainId: chain.chainId });
    const block = `block ${anchor.blockNumber} (${anchor.blockHash.slice(0, 12)}…) of chain ${anchor.chainId}`;
    if (chain.trustedBlocks.includes(anchor.blockHash)) {
      passed = `size ${size} recorded in ${block}, which the policy trusts`;
      continue;
    }
    const canonical = (await options.isCanonicalBlock?.(anchor)) ?? null;
    if (canonical === false)
      return fail('ANCHOR_PROOF_INVALID', `${block} is not the chain's block at that height`);
    if (canonical) passed = `size ${size} recorded in ${block}, which the verifier's own endpoint confirms`;
    else
      undecided = `size ${size} is in ${block}, but nothing that the policy trusts says that this block is the chain's`;
  }
  return passed ? pass(passed) : unknown(undecided);
}

function readProof(logged: LoggedStatement): Proof {
  const { index, path, checkpoint: note } = parseTlogProof(logged.proof);
  return { index, path, note, checkpoint: parseCheckpoint(parseNote(note).text) };
}

function describeRow(row: Row): string {
  const { time, close, rate, ...others } = row as Partial<Candle> & { rate?: string };
  if (rate !== undefined) return `${time} rate ${rate}`;
  if (close !== undefined) return `${time} close ${close}`;
  const { name, sha256, bytes } = others as Partial<FileRow>;
  if (name !== undefined && sha256 !== undefined)
    return `${time} ${name}, ${bytes} bytes with the digest ${sha256.slice(0, 16)}…`;
  return `${time} ${membersOf(others).slice(0, 6).join(', ')}`;
}

/** Members by name, those of a member as `trader.grade`; lists only by their length. */
function membersOf(value: object, prefix = ''): string[] {
  return Object.entries(value).flatMap(([name, member]) => {
    if (Array.isArray(member)) return [`${member.length} ${prefix}${name}`];
    if (typeof member === 'object' && member !== null) return membersOf(member, `${prefix}${name}.`);
    return [`${prefix}${name} ${member ?? 'unknown'}`];
  });
}

function isoSeconds(seconds: number): string {
  return `${new Date(seconds * 1000).toISOString().slice(0, 19)}Z`;
}

type Attempt<T> = { ok: true; value: T } | { ok: false; error: unknown };

async function attempt<T>(work: () => Promise<T>): Promise<Attempt<T>> {
  try {
    return { ok: true, value: await work() };
  } catch (error) {
    return { ok: false, error };
  }
}

function attemptSync<T>(work: () => T): Attempt<T> {
  try {
    return { ok: true, value: work() };
  } catch (error) {
    return { ok: false, error };
  }
}

function must<T>(attempted: Attempt<T>): T {
  if (attempted.ok) return attempted.value;
  throw attempted.error;
}

/** A step that throws is a step that fails; a defect of ours must not look like bad evidence. */
export async function answerOf(answer: () => Answer | Promise<Answer>): Promise<Answer> {
  try {
    return await answer();
  } catch (error) {
    if (error instanceof AssayError) return fail(error.code, error.message);
    throw error;
  }
}
