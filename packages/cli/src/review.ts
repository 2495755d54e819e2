import {
  AssayError,
  DECISIONS,
  type Decision,
  type Ed25519Signer,
  makeStatement,
  type Round,
  reviewerAuthorization,
  signStatement,
} from '@assay/core';
import {
  dataDirLayout,
  dismissReviewer,
  enrolReviewer,
  existingDataDir,
  type ItemDetail,
  plantGold,
  type QueueView,
  type RecordDetail,
  type ReviewerState,
  ReviewStore,
  readReviewers,
} from '@assay/pipeline';
import { type Command, type ExitCode, usageError } from './command.ts';
import { openDataDir } from './data-dir.ts';
import { askNode, instantNow, NODE_OPTIONS, SIGNER_OPTIONS, signerFrom } from './node-client.ts';

const USAGE =
  'review list|show <item>|decide <item> accept|flag|reject --reason <words> [--disputed <check>,…] | appeal <record> --reason <words> | reviewers | status | enrol <did> [--name <name>] | dismiss <did> | gold <record> accept|flag|reject  [--role reviewer-1|--key <file>] [--node <url>] [--data-dir <folder>] [--json]';
const USE = `assay ${USAGE}`;
type Values = Record<string, string | boolean | undefined>;

/** Everything that reviewers, appellants and the operator do about reviews. */
export const reviewCommand: Command = {
  usage: USAGE,
  options: {
    ...NODE_OPTIONS,
    ...SIGNER_OPTIONS,
    reason: { type: 'string' },
    disputed: { type: 'string' },
    name: { type: 'string' },
  },
  async run({ positionals: [what, ...rest], values }) {
    const act = what !== undefined && Object.hasOwn(ACTS, what) ? ACTS[what] : undefined;
    if (!act) throw usageError('expected what to do', USE);
    if (rest.length !== act.takes)
      throw usageError(`expected ${act.takes} after ${what}, got ${rest.length}`, USE);
    return act.run(rest, values);
  },
};

const ACTS: Record<string, { takes: number; run: (rest: string[], values: Values) => Promise<ExitCode> }> = {
  list: { takes: 0, run: (_, values) => list(values) },
  show: { takes: 1, run: ([item], values) => show(item!, values) },
  decide: { takes: 2, run: ([item, decision], values) => decide(item!, decision!, values) },
  appeal: { takes: 1, run: ([record], values) => appeal(record!, values) },
  reviewers: { takes: 0, run: (_, values) => reviewers(values) },
  status: { takes: 0, run: async (_, values) => status(values) },
  enrol: { takes: 1, run: async ([did], values) => enrol(did!, values) },
  dismiss: { takes: 1, run: async ([did], values) => dismiss(did!, values) },
  gold: { takes: 2, run: async ([record, decision], values) => gold(record!, decision!, values) },
};

/** Without a key, what everybody may know; with one, what its reviewer is asked. */
async function list(values: Values): Promise<ExitCode> {
  const signer = await signerIfAny(values);
  const queue = await get<QueueView>(values, '/v1/reviews', signer);
  if (values.json) return say(queue);
  const { open, closed, enrolled } = queue.counts;
  console.log(`${open} open, ${closed} closed, ${enrolled} reviewers`);
  if (signer) {
    console.log(`\nasked of ${signer.did}:`);
    for (const { item, stream, time, round, until } of queue.asked)
      console.log(`  ${item}  ${stream} ${time}${round === 2 ? ', on appeal' : ''}; until ${until}`);
    if (queue.asked.length === 0) console.log('  nothing');
  }
  if (queue.closed.length > 0) console.log('\nclosed:');
  for (const { item, stream, time, cause, decision, reviewers, closedAt } of queue.closed.slice(0, 20))
    console.log(
      `  ${item.slice(0, 16)}…  ${decision.padEnd(6)} by ${reviewers} at ${closedAt}  ${stream} ${time} (${cause})`,
    );
  return 0;
}

async function show(item: string, values: Values): Promise<ExitCode> {
  const detail = await get<ItemDetail>(values, `/v1/reviews/${item}`, await signerIfAny(values));
  if (values.json) return say(detail);
  const { verdict } = detail;
  console.log(
    [
      `${detail.state} item ${detail.item}, round ${detail.round}${detail.until ? `, yours until ${detail.until}` : ''}`,
      `${detail.stream} ${detail.period.from} to ${detail.period.to}, observation ${detail.observation}`,
      `the checks said ${verdict.decision} at ${verdict.level} under ${verdict.contract.name} ${verdict.contract.version}, which requires ${verdict.required}`,
      '',
      ...verdict.findings.map(
        ({ check, column, status, score, reason, exhibits }) =>
          `  ${{ pass: '✓', fail: '✗', unknown: '?' }[status]} ${check}${column ? ` (${column})` : ''}${score === undefined ? '' : ` ${score}`}: ${reason}` +
          exhibits
            .map(({ digest, kind, title }) => `\n      ${kind} "${title}"  /v1/exhibits/${digest}`)
            .join(''),
      ),
      '',
      ...detail.files.map(({ name, mediaType, url }) => `  file ${name} (${mediaType})  ${url}`),
      ...detail.rows
        .filter(({ inQuestion }) => inQuestion)
        .slice(0, 12)
        .map(
          ({ index, time, values: row, decision }) =>
            `  row ${index} ${time} ${decision.padEnd(6)} ${JSON.stringify(row)}`,
        ),
      ...detail.others.map(({ stream, rows }) => `  beside it: ${stream}, ${rows.length} rows`),
      ...detail.appeals.map(({ by, reason }) => `  appealed by ${by}: ${reason}`),
      ...(detail.closed?.reviews ?? []).map(
        ({ reviewer, decision, reason }) => `  ${decision.padEnd(6)} by ${reviewer}: ${reason}`,
      ),
      ...(detail.closed?.outcome
        ? [`  outcome: ${detail.closed.outcome.decision}, ${detail.closed.outcome.reason}`]
        : []),
    ].join('\n'),
  );
  return 0;
}

async function decide(item: string, decision: string, values: Values): Promise<ExitCode> {
  const signer = await signerFrom(values, USAGE);
  const detail = await get<ItemDetail>(values, `/v1/reviews/${item}`, signer);
  const { stream, observation, verdict, round } = detail.sign;
  const exhibits = detail.verdict.findings.flatMap((finding) => finding.exhibits.map(({ digest }) => digest));
  const statement = makeStatement(
    'review',
    { name: stream, sha256: observation },
    {
      ...{ stream, observation, verdict, item: detail.item, round: round as Round },
      decision: decisionFrom(decision),
      reason: reasonFrom(values),
      disputed:
        typeof values.disputed === 'string' ? values.disputed.split(',').map((check) => check.trim()) : [],
      evidence: [...new Set([observation, ...exhibits])].slice(0, 100),
      reviewedAt: instantNow(),
    },
  );
  const { envelope } = await signStatement(statement, signer);
  const held = await askNode<{ id: string; state: string }>(values, `/v1/reviews/${item}`, {
    method: 'POST',
    body: { envelope },
  });
  if (values.json) return say(held);
  console.log(
    `your decision ${decision} is kept as ${held.id}; it goes to the log together with the others when the round closes`,
  );
  return 0;
}

async function appeal(record: string, values: Values): Promise<ExitCode> {
  const signer = await signerFrom(values, USAGE);
  const { statement, verdict, outcome, id } = await askNode<RecordDetail>(values, `/v1/records/${record}`);
  const { stream } = statement.predicate;
  const observation = id.split('.')[0]!;
  if (!verdict) {
    throw new AssayError('APPEAL_REFUSED', `nothing was decided about ${id}`, {
      next: 'appeal about an observation or a derived figure',
    });
  }
  const { envelope } = await signStatement(
    makeStatement(
      'appeal',
      { name: stream, sha256: observation },
      {
        ...{ stream, observation, verdict: verdict.id, outcome: outcome?.id ?? null },
        ...{ reason: reasonFrom(values), appealedAt: instantNow() },
      },
    ),
    signer,
  );
  const taken = await askNode<{ id: string; item: string; index: number }>(
    values,
    `/v1/records/${observation}/appeals`,
    { method: 'POST', body: { envelope } },
  );
  if (values.json) return say(taken);
  console.log(
    `the appeal ${taken.id} is entry ${taken.index} of the log; reviewers who took no part yet will decide`,
  );
  return 0;
}

async function reviewers(values: Values): Promise<ExitCode> {
  const { reviewers } = await askNode<{ reviewers: ReviewerState[] }>(values, '/v1/reviewers');
  if (values.json) return say(reviewers);
  for (const { did, name, enrolled, reviews, accuracy } of reviewers) {
    const right = accuracy
      ? `right ${accuracy.accuracy} (${accuracy.low} to ${accuracy.high})`
      : 'accuracy not known yet';
    console.log(`${did}  ${name ?? ''}${enrolled ? '' : ' (dismissed)'}: ${reviews} reviews, ${right}`);
  }
  return 0;
}

/** For the operator, from the data folder: whether there are enough reviewers. Published, it would tell who disagreed. */
function status(values: Values): ExitCode {
  const { catalogue } = openDataDir(String(values['data-dir']));
  const counts = new ReviewStore(catalogue).counts();
  if (values.json) return say(counts);
  const { open, closed, waiting } = counts;
  console.log(
    `${open} open, of which ${waiting} wait for a reviewer who is free and may decide; ${closed} closed`,
  );
  return 0;
}

function enrol(did: string, values: Values): ExitCode {
  const { reviewers: file } = existingDataDir(String(values['data-dir']));
  const name = (values.name as string | undefined) ?? null;
  if (name !== null && (name.length > 60 || name.trim() === ''))
    throw usageError('expected --name of at most 60 characters', USE);
  enrolReviewer(file, { did, name });
  if (values.json) return say(readReviewers(file));
  console.log(`${did} is enrolled; a running node asks it within a minute`);
  return 0;
}

function dismiss(did: string, values: Values): ExitCode {
  const { reviewers: file } = existingDataDir(String(values['data-dir']));
  const there = dismissReviewer(file, did);
  if (values.json) return say({ did, dismissed: there });
  console.log(there ? `${did} is asked no more; what it decided stays` : `${did} was not enrolled`);
  return there ? 0 : 1;
}

/** Writes the answer into the operator's own file; the node commits to it before it asks anybody. */
function gold(record: string, decision: string, values: Values): ExitCode {
  const { catalogue } = openDataDir(String(values['data-dir']));
  const { id, kind } = catalogue.get(record.split('.')[0]!);
  if (kind !== 'observation' || catalogue.opinionsOn(id).length > 0) {
    throw new AssayError('ARGUMENT_INVALID', `${id} is no observation that nobody has reviewed yet`, {
      next: 'plant what a reviewer cannot tell from any other item: a recent observation without reviews',
    });
  }
  plantGold(dataDirLayout(String(values['data-dir'])).gold, {
    observation: id,
    decision: decisionFrom(decision),
  });
  if (values.json) return say({ observation: id, decision });
  console.log(
    `${id} is planted: the node logs the digest of the answer, then slips it in beside an ordinary item`,
  );
  return 0;
}

async function get<T>(values: Values, path: string, signer: Ed25519Signer | null): Promise<T> {
  if (!signer) return askNode<T>(values, path);
  const authorization = await reviewerAuthorization(signer, { method: 'GET', path, time: instantNow() });
  return askNode<T>(values, path, { authorization });
}

async function signerIfAny(values: Values): Promise<Ed25519Signer | null> {
  return values.key === undefined && values.role === undefined ? null : signerFrom(values, USAGE);
}

function decisionFrom(text: string): Decision {
  if (DECISIONS.includes(text as Decision)) return text as Decision;
  throw usageError(`expected accept, flag or reject, got ${JSON.stringify(text)}`, USE);
}

function reasonFrom({ reason }: Values): string {
  if (typeof reason === 'string' && reason.trim() !== '' && reason.length <= 2_000) return reason;
  throw usageError('expected --reason with at most 2000 characters; it is published, so name no person', USE);
}

function say(value: unknown): 0 {
  console.log(JSON.stringify(value));
  return 0;
}
