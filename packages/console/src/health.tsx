import type { LogHealth } from '@assay/gateway';
import { useHealth } from './api.ts';
import { useTitle } from './frame.tsx';
import { GrowthChart } from './growth-chart.tsx';
import { Figure, NotKnown, Sheet, useNow } from './sheet.tsx';
import { type Status, StatusMark } from './status-mark.tsx';
import { age, count, moment } from './words.ts';

/** An answer older than this is shown as what it is: old. */
const STALE_AFTER_MS = 15_000;

/** Log health: whether the log does what it promises, and who says so. */
export function HealthPage() {
  useTitle('Log health');
  const { data: health, dataUpdatedAt, isError } = useHealth();
  const nowMs = useNow();
  const old = isError || (health !== undefined && Math.abs(nowMs - dataUpdatedAt) > STALE_AFTER_MS);
  return (
    <div className="grid min-w-0 grid-cols-1 gap-6">
      <div>
        <h1 className="text-2xl font-semibold tracking-tight">Log health</h1>
        {health && <p className="hash mt-1 text-soft [overflow-wrap:anywhere]">{health.log.origin}</p>}
      </div>
      {old && <Stale since={health ? new Date(dataUpdatedAt).toISOString() : null} nowMs={nowMs} />}
      {health && <Health health={old ? nothingKnown(health) : health} nowMs={nowMs} />}
      {!health && !isError && <p className="sheet p-5 text-soft">Asking the node…</p>}
    </div>
  );
}

function Health({ health, nowMs }: { health: LogHealth; nowMs: number }) {
  return (
    <>
      <Growth health={health} nowMs={nowMs} />
      <ServiceLevel promises={health.serviceLevel} />
      <div className="grid grid-cols-1 items-start gap-6 lg:grid-cols-[minmax(0,1.45fr)_minmax(0,1fr)]">
        <Witnesses health={health} nowMs={nowMs} />
        <Monitor health={health} nowMs={nowMs} />
      </div>
      <Incidents incidents={health.incidents} monitor={health.monitor} />
      <Chains chains={health.chains} />
      <Anchors anchors={health.anchors} nowMs={nowMs} />
    </>
  );
}

/** The figures of an old answer stand as they were; its judgements do not. */
function nothingKnown(health: LogHealth): LogHealth {
  return {
    ...health,
    chains: health.chains.map((chain) => ({
      ...chain,
      status: 'none',
      nextAction: 'not known',
      endpoints: [],
    })),
    witnesses: health.witnesses.map((witness) => ({ ...witness, state: 'unknown' })),
    serviceLevel: health.serviceLevel.map((promise) => ({ ...promise, status: 'unknown' })),
  };
}

function Stale({ since, nowMs }: { since: string | null; nowMs: number }) {
  return (
    <NotKnown>
      {since
        ? `The node does not answer. What stands here is ${age(since, nowMs)} old; how the log is doing now is unknown.`
        : 'The node does not answer: how the log is doing is unknown.'}
    </NotKnown>
  );
}

function Growth({ health: { log, growth }, nowMs }: { health: LogHealth; nowMs: number }) {
  const waiting = log.committed - (log.public?.size ?? 0);
  return (
    <Sheet title="Growth">
      <dl className="grid grid-cols-2 gap-x-6 gap-y-3 px-5 pt-4 sm:grid-cols-3">
        <Figure name="Public entries" value={count(log.public?.size ?? 0)}>
          {waiting > 0 ? `${count(waiting)} more wait for witnesses` : 'all that are committed'}
        </Figure>
        <Figure name="Checkpoint age" value={log.public ? age(log.public.at, nowMs) : 'none yet'}>
          {log.public ? `since ${moment(log.public.at)} UTC` : 'waits for witnesses'}
        </Figure>
        <Figure name="Key" value="">
          <span className="hash [overflow-wrap:anywhere]">{log.vkey}</span>
        </Figure>
      </dl>
      <div className="px-5 pt-3 pb-4">
        <GrowthChart points={growth} />
      </div>
    </Sheet>
  );
}

function ServiceLevel({ promises }: { promises: LogHealth['serviceLevel'] }) {
  return (
    <Sheet title="Service level" note="what is promised, and what was measured since the node started">
      <ul>
        {promises.map(({ name, promised, measured, status }) => (
          <li key={name} className="flex gap-4 border-b border-line px-5 py-3 last:border-0">
            <StatusMark status={status} />
            <div className="grid min-w-0 flex-1 gap-x-6 sm:grid-cols-[minmax(0,1fr)_minmax(0,1.2fr)]">
              <p className="font-medium">
                {name} <span className="caption block">{promised}</span>
              </p>
              <p className="figure text-soft">{measured}</p>
            </div>
          </li>
        ))}
      </ul>
    </Sheet>
  );
}

const WITNESS: Record<LogHealth['witnesses'][number]['state'], { status: Status; word: string }> = {
  ok: { status: 'pass', word: 'agrees' },
  behind: { status: 'unknown', word: 'behind' },
  unknown: { status: 'unknown', word: 'not known' },
  unreachable: { status: 'fail', word: 'does not answer' },
  refusing: { status: 'fail', word: 'refuses' },
};

function Witnesses({ health: { witnesses, quorum }, nowMs }: { health: LogHealth; nowMs: number }) {
  return (
    <Sheet title="Witnesses" note={`${quorum} of ${witnesses.length} make a checkpoint public`}>
      <ul>
        {witnesses.map(({ name, state, size, latencyMs, lastCosignedAt, lastError }) => (
          <li key={name} className="flex gap-4 border-b border-line px-5 py-3 last:border-0">
            <StatusMark status={WITNESS[state].status} />
            <div className="min-w-0 flex-1">
              <p className="flex flex-wrap justify-between gap-x-4">
                <span className="hash [overflow-wrap:anywhere]">{name}</span>
                <span>{WITNESS[state].word}</span>
              </p>
              <p className="caption figure">
                {size === null ? 'no size known' : `last size ${count(size)}`}
                {latencyMs !== null && `, answered in ${latencyMs} ms`}
                {lastCosignedAt && `, ${age(lastCosignedAt, nowMs)} ago`}
              </p>
              {lastError && <p className="caption text-fail [overflow-wrap:anywhere]">{lastError}</p>}
            </div>
          </li>
        ))}
      </ul>
    </Sheet>
  );
}

function Monitor({ health: { monitor }, nowMs }: { health: LogHealth; nowMs: number }) {
  const policy = `${location.origin}/v1/log/policy`;
  return (
    <Sheet title="Consistency checks" note="by the node’s own monitor, which the operator runs">
      <dl className="grid grid-cols-2 gap-x-6 gap-y-3 px-5 py-4">
        <Figure name="Entries re-read" value={count(monitor.verifiedSize)}>
          hashed again, under the public root
        </Figure>
        <Figure name="Comparisons" value={count(monitor.consistencyChecks)}>
          of checkpoints, also with the witnesses’ own
        </Figure>
        <Figure name="Signatures" value={count(monitor.statementsVerified)}>
          verified
          {monitor.statementsInvalid > 0 && `, ${count(monitor.statementsInvalid)} wrong`}
          {monitor.notStatements > 0 && `; ${count(monitor.notStatements)} entries are no statements`}
        </Figure>
        <Figure name="Last look" value={monitor.lastLookAt ? age(monitor.lastLookAt, nowMs) : 'none yet'}>
          {monitor.lastError ?? (monitor.lastLookAt ? 'ago' : '')}
        </Figure>
      </dl>
      <div className="border-t border-line px-5 py-4">
        <p className="text-soft">Do not take the operator’s word for it. On a machine of your own:</p>
        <pre className="hash mt-2 rounded bg-sunk p-3 whitespace-pre-wrap [overflow-wrap:anywhere]">
          {`curl -o log.policy ${policy}\nassay monitor --policy log.policy --data-dir monitor`}
        </pre>
      </div>
    </Sheet>
  );
}

function Incidents({ incidents, monitor }: Pick<LogHealth, 'incidents' | 'monitor'>) {
  return (
    <Sheet title="Incidents">
      {incidents.length === 0 ? (
        <p className="px-5 py-4 text-soft">
          {monitor.verifiedSize === 0
            ? 'Nothing was checked yet, so nothing can be said.'
            : `None was found in the ${count(monitor.verifiedSize)} entries that were checked${
                monitor.lastError ? `, but the monitor could not go on: ${monitor.lastError}` : '.'
              }`}
        </p>
      ) : (
        <ul>
          {incidents.map(({ id, kind, at, size, message, evidence }) => (
            <li key={id} className="flex gap-4 border-b border-line px-5 py-3 last:border-0">
              <StatusMark status="fail" />
              <div className="min-w-0 flex-1">
                <p className="flex flex-wrap justify-between gap-x-4 font-medium">
                  <span>{kind.replaceAll('-', ' ')}</span>
                  <span className="figure text-soft">{moment(at)} UTC</span>
                </p>
                <p className="text-soft [overflow-wrap:anywhere]">
                  {message}
                  {size !== null && ` (checkpoint of size ${count(size)})`}
                </p>
                {evidence ? (
                  <a className="link" href={`/v1/log/evidence/${evidence}`} download={evidence}>
                    Evidence, for assay verify-evidence
                  </a>
                ) : (
                  <p className="caption">There is nothing that a third party could verify.</p>
                )}
              </div>
            </li>
          ))}
        </ul>
      )}
    </Sheet>
  );
}

/** What keeps checkpoints on their way onto a chain, and what to do about it. */
function Chains({ chains }: { chains: LogHealth['chains'] }) {
  return (
    <Sheet title="Chains" note="where checkpoints are recorded">
      {chains.length === 0 ? (
        <p className="px-5 py-4 text-soft">No chain is used.</p>
      ) : (
        <ul>
          {chains.map((chain) => (
            <li key={chain.chainId} className="grid gap-1 border-t border-line px-5 py-3 first:border-t-0">
              <div className="flex flex-wrap items-center gap-x-3 gap-y-1">
                <StatusMark status={CHAIN_MARKS[chain.status]} />
                <span>{chain.chainId === 31_337 ? 'development chain' : `chain ${chain.chainId}`}</span>
                <span className="text-soft">{CHAIN_WORDS[chain.status]}</span>
              </div>
              <p className="text-soft">
                {chain.nextAction}
                {chain.finalSize !== null && `; final up to size ${count(chain.finalSize)}`}
              </p>
              {chain.lastError && (
                <p className="[overflow-wrap:anywhere]">
                  {chain.lastError.message}. {chain.lastError.next}.{' '}
                  <span className="hash">{chain.lastError.code}</span>
                </p>
              )}
              {chain.endpoints
                .filter(({ ok }) => !ok)
                .map(({ url, error }) => (
                  <p key={url} className="text-soft [overflow-wrap:anywhere]">
                    {url}: {error}
                  </p>
                ))}
            </li>
          ))}
        </ul>
      )}
    </Sheet>
  );
}

/** Confirmed is not final, and shows as neither good nor bad. */
const CHAIN_MARKS: Record<LogHealth['chains'][number]['status'], Status> = {
  final: 'pass',
  confirmed: 'unknown',
  pending: 'unknown',
  none: 'unknown',
  down: 'fail',
};
const CHAIN_WORDS: Record<LogHealth['chains'][number]['status'], string> = {
  final: 'the newest checkpoint is final',
  confirmed: 'the newest checkpoint is in a block, which is not final yet',
  pending: 'a checkpoint waits',
  none: 'not known yet',
  down: 'checkpoints wait',
};

function Anchors({ anchors, nowMs }: { anchors: LogHealth['anchors']; nowMs: number }) {
  return (
    <Sheet title="Anchors" note="public checkpoints that a chain recorded">
      {anchors.length === 0 ? (
        <p className="px-5 py-4 text-soft">No checkpoint is on a chain.</p>
      ) : (
        <table className="w-full text-[0.92rem]">
          <thead>
            <tr className="caption text-left">
              <th className="py-2 pl-5 font-normal">Size</th>
              <th className="px-2 py-2 font-normal">Block</th>
              <th className="hidden px-2 py-2 font-normal sm:table-cell">Chain</th>
              <th className="hidden px-2 py-2 font-normal md:table-cell">Transaction</th>
              <th className="py-2 pr-5 text-right font-normal">Age</th>
            </tr>
          </thead>
          <tbody>
            {anchors.map(({ size, blockNumber, chainId, transaction, at }) => (
              <tr key={`${chainId}/${size}`} className="border-t border-line">
                <td className="figure py-1.5 pl-5">{count(size)}</td>
                <td className="figure px-2 py-1.5">{count(blockNumber)}</td>
                <td className="hidden px-2 py-1.5 sm:table-cell">
                  {chainId === 31_337 ? 'development chain' : chainId}
                </td>
                <td className="hash hidden px-2 py-1.5 text-soft md:table-cell">
                  {transaction ? `${transaction.slice(0, 14)}…` : 'not known'}
                </td>
                <td className="figure py-1.5 pr-5 text-right text-soft" title={at}>
                  {age(at, nowMs)}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </Sheet>
  );
}
