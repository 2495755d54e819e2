import type { KeptAlert } from '@assay/pipeline';
import { useQueryClient } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { type FormEvent, useId, useState } from 'react';
import { send } from '../api.ts';
import { Sheet } from '../sheet.tsx';
import { count, moment } from '../words.ts';
import { Field, Message } from './form-parts.tsx';
import {
  type AlertRule,
  addRule,
  type KeptMessage,
  type KeptRule,
  removeRule,
  useAlertRules,
  useMarketAlerts,
} from './market-api.ts';
import { Answered, MarketRoom, Refused } from './market-room.tsx';

/** What is wrong with the market's figures, and what somebody wants to be told of. */
export function MarketAlertsPage() {
  return (
    <MarketRoom title="Market alerts" lead="What the checks found in the figures, and rules of your own.">
      <Found />
      <Rules />
      <Messages />
    </MarketRoom>
  );
}

const LOOKS: Record<KeptAlert['severity'] | 'recovered', string> = {
  critical: 'bg-fail-wash text-fail',
  warning: 'bg-unknown-wash text-unknown',
  recovered: 'bg-pass-wash text-pass',
};

function Found() {
  const alerts = useMarketAlerts();
  return (
    <Answered query={alerts}>
      {(all) => {
        const live = all.filter(({ state }) => state !== 'recovered');
        const over = all.filter(({ state }) => state === 'recovered');
        return (
          <Sheet title="Alerts" note={`${count(live.length)} not over, ${count(over.length)} recovered`}>
            {all.length === 0 && (
              <p className="px-5 py-3 text-soft">The checks found nothing wrong with any figure.</p>
            )}
            <ul aria-label="Alerts">
              {[...live, ...over].slice(0, 200).map((alert) => (
                <AlertLine key={alert.id} alert={alert} />
              ))}
            </ul>
          </Sheet>
        );
      }}
    </Answered>
  );
}

function AlertLine({ alert }: { alert: KeptAlert }) {
  const { id, stream, check, severity, state, reason, observation, count: times, firstAt, lastAt } = alert;
  const queries = useQueryClient();
  const [refusal, setRefusal] = useState<Error | null>(null);
  const acknowledge = () =>
    send(`/v1/alerts/${id}/acknowledge`, {}).then(
      () => queries.invalidateQueries({ queryKey: ['alerts'] }),
      (error: Error) => setRefusal(error),
    );
  return (
    <li className="flex flex-wrap gap-x-4 gap-y-1 border-b border-line px-5 py-2.5 last:border-0">
      <div className="min-w-0 flex-1">
        <p className="flex flex-wrap items-baseline gap-x-2">
          <span
            className={`rounded px-1.5 py-px text-[0.8rem] font-medium ${LOOKS[state === 'recovered' ? state : severity]}`}
          >
            {state === 'recovered' ? state : severity}
          </span>
          <span className="font-medium">{stream.replace('assay.market.', '')}</span>
          <span className="caption">{check.replaceAll('_', ' ')}</span>
        </p>
        <p className="[overflow-wrap:anywhere]">
          {reason}{' '}
          {observation ? (
            <Link to="/records/$id" params={{ id: observation }} className="link text-sm">
              Evidence
            </Link>
          ) : (
            <span className="caption">No observation caused it, so there is no evidence to open.</span>
          )}
        </p>
        <p className="caption figure">
          {times === 1 ? 'once' : `${count(times)} times`}, first {moment(firstAt)}, last {moment(lastAt)} UTC
          {alert.acknowledged && `, seen by ${alert.acknowledged.by}`}
        </p>
        {refusal && <Message error={refusal} />}
      </div>
      {state === 'open' && (
        <button type="button" className="action self-start" onClick={() => void acknowledge()}>
          I have seen it
        </button>
      )}
    </li>
  );
}

function Rules() {
  const rules = useAlertRules();
  const [adding, setAdding] = useState(false);
  const [kept, setKept] = useState<KeptRule | null>(null);
  return (
    <Sheet
      title="Rules"
      note="each is tried on every new row of its figure"
      aside={
        rules.data &&
        !adding && (
          <button type="button" className="action" onClick={() => setAdding(true)}>
            Add a rule
          </button>
        )
      }
    >
      {rules.data === undefined ? (
        rules.error ? (
          <div className="px-5 py-4">
            <Refused error={rules.error} />
          </div>
        ) : (
          <p className="px-5 py-3 text-soft" role="status">
            Asking the node…
          </p>
        )
      ) : (
        <>
          {adding && (
            <RuleForm
              taken={rules.data.rules.map(({ id }) => id)}
              onDone={(made) => {
                setAdding(false);
                setKept(made);
              }}
            />
          )}
          {kept && <Kept kept={kept} />}
          {rules.data.rules.length === 0 && !adding && (
            <p className="px-5 py-3 text-soft">There is no rule yet.</p>
          )}
          <ul aria-label="Rules">
            {rules.data.rules.map((rule) => (
              <RuleLine key={rule.id} rule={rule} builtIn={rules.data.builtIn.includes(rule.id)} />
            ))}
          </ul>
        </>
      )}
    </Sheet>
  );
}

const FATES: Record<KeptMessage['state'], string> = {
  waiting: 'waits',
  delivered: 'delivered',
  failed: 'given up',
  dropped: 'not sent: it was over before anybody was to be told',
};

/** What became of the newest messages; nothing stands here while none was owed to anybody. */
function Messages() {
  const { data } = useAlertRules();
  if (!data || data.messages.length === 0) return null;
  return (
    <Sheet title="Messages" note="by webhook and mail, the newest first">
      <ul aria-label="Messages">
        {data.messages.map(({ id, rule, channel, target, state, attempts, lastError }) => (
          <li key={id} className="border-b border-line px-5 py-2 last:border-0">
            <p className="[overflow-wrap:anywhere]">
              <span
                className={
                  state === 'failed' ? 'text-fail' : state === 'delivered' ? 'text-pass' : 'text-soft'
                }
              >
                {FATES[state]}
              </span>{' '}
              {rule} by {channel} to {target}
            </p>
            <p className="caption [overflow-wrap:anywhere]">
              {attempts === 1 ? 'one attempt' : `${count(attempts)} attempts`}
              {lastError && `, the last: ${lastError}`}
            </p>
          </li>
        ))}
      </ul>
    </Sheet>
  );
}

function RuleLine({ rule, builtIn }: { rule: AlertRule; builtIn: boolean }) {
  const queries = useQueryClient();
  const [sure, setSure] = useState(false);
  const [refusal, setRefusal] = useState<Error | null>(null);
  const change = (work: Promise<unknown>) =>
    work.then(
      () => queries.invalidateQueries({ queryKey: ['market', 'alert-rules'] }),
      (error: Error) => setRefusal(error),
    );
  const { quietHours } = rule;
  return (
    <li className="flex flex-wrap gap-x-4 gap-y-2 border-b border-line px-5 py-2.5 last:border-0">
      <div className="min-w-0 flex-1">
        <p className="flex flex-wrap items-baseline gap-x-2">
          <span className="font-medium [overflow-wrap:anywhere]">{rule.name}</span>
          <span className="caption">
            on {rule.figure}, {rule.severity}
            {builtIn && ', comes with the node'}
            {!rule.enabled && ', switched off'}
          </span>
        </p>
        <code className="hash block">{rule.expression}</code>
        <p className="caption [overflow-wrap:anywhere]">
          {rule.channel === 'console' ? 'shown here' : `by ${rule.channel} to ${rule.target}`}, at most once
          in {rule.cooldownMinutes} min
          {quietHours && `, quiet from ${quietHours.from} to ${quietHours.to} ${quietHours.zone}`}
        </p>
        {refusal && <Message error={refusal} />}
      </div>
      <div className="flex gap-2 self-start">
        <button
          type="button"
          className="action"
          aria-label={`Switch the rule ${rule.name} ${rule.enabled ? 'off' : 'on'}`}
          onClick={() => void change(addRule({ ...rule, enabled: !rule.enabled }))}
        >
          Switch {rule.enabled ? 'off' : 'on'}
        </button>
        {builtIn ? null : sure ? (
          <>
            <button type="button" className="action" onClick={() => void change(removeRule(rule.id))}>
              Delete it
            </button>
            <button type="button" className="action" onClick={() => setSure(false)}>
              Keep it
            </button>
          </>
        ) : (
          <button
            type="button"
            className="action"
            aria-label={`Delete the rule ${rule.name}`}
            onClick={() => setSure(true)}
          >
            Delete
          </button>
        )}
      </div>
    </li>
  );
}

const EXAMPLES: Record<string, string> = {
  grades: 'row.trader.grade >= 80',
  signals: 'row.signal == "1" && before.signal != "1"',
  prices: 'row.status == "fail"',
};
const FIGURES = [
  ...['grades', 'signals', 'prices', 'risk', 'levels', 'sentiment'],
  ...['narratives', 'indices', 'evaluation', 'assets', 'incidents'],
];
/** As the node takes them: small letters, digits and hyphens. */
const MAX_ID = 40;

/** A name as an id that no other rule has. */
function idOf(name: string, taken: readonly string[]): string {
  const base =
    name
      .toLowerCase()
      .replace(/[^a-z0-9]+/g, '-')
      .replace(/^-+|-+$/g, '')
      .slice(0, MAX_ID - 4)
      .replace(/-+$/, '') || 'rule';
  let id = base;
  for (let at = 2; taken.includes(id); at += 1) id = `${base}-${at}`;
  return id;
}

/** How the new rule answers about the newest day, and the secret that is told once. */
function Kept({ kept: { rule, preview, secret } }: { kept: KeptRule }) {
  return (
    <div role="status" className="border-b border-line bg-sunk/50 px-5 py-3">
      <p className="figure">
        {rule.name} is kept. On the newest day it would be raised by {count(preview.fail)} rows and not by{' '}
        {count(preview.pass)}
        {preview.unknown > 0 && (
          <span className="text-unknown">; of {count(preview.unknown)} it is unknown</span>
        )}
        {preview.why && `: ${preview.why}`}.
      </p>
      {secret && (
        <p className="mt-1 text-[0.92rem]">
          Its webhook’s signatures are verified with <code className="hash">{secret}</code>
        </p>
      )}
    </div>
  );
}

function RuleForm({ taken, onDone }: { taken: readonly string[]; onDone: (kept: KeptRule | null) => void }) {
  const queries = useQueryClient();
  const [figure, setFigure] = useState<AlertRule['figure']>('grades');
  const [channel, setChannel] = useState<AlertRule['channel']>('console');
  const [quiet, setQuiet] = useState(false);
  const [refusal, setRefusal] = useState<Error | null>(null);
  const [sending, setSending] = useState(false);
  const hint = useId();
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    const text = (name: string) => String(form.get(name) ?? '').trim();
    setSending(true);
    addRule({
      id: idOf(text('name'), taken),
      severity: text('severity') === 'critical' ? 'critical' : 'warning',
      name: text('name'),
      figure,
      expression: text('expression'),
      channel,
      target: channel === 'console' ? null : text('target'),
      quietHours: quiet ? { from: text('from'), to: text('to'), zone: text('zone') } : null,
      cooldownMinutes: Number(text('cooldown')),
      enabled: true,
    })
      .then(
        async (kept) => {
          await queries.invalidateQueries({ queryKey: ['market', 'alert-rules'] });
          onDone(kept);
        },
        (error: Error) => setRefusal(error),
      )
      .finally(() => setSending(false));
  };
  return (
    <form
      className="grid gap-3 border-b border-line bg-sunk/50 px-5 py-4 sm:grid-cols-2"
      aria-label="A new rule"
      onSubmit={submit}
    >
      <Field label="Name">
        {(id) => <input id={id} name="name" className="field w-full" required maxLength={80} />}
      </Field>
      <Field label="Figure">
        {(id) => (
          <select
            id={id}
            className="field w-full"
            value={figure}
            onChange={({ target }) => setFigure(target.value as AlertRule['figure'])}
          >
            {FIGURES.map((name) => (
              <option key={name}>{name}</option>
            ))}
          </select>
        )}
      </Field>
      <div className="sm:col-span-2">
        <Field label="Condition, in CEL">
          {(id) => (
            <input
              id={id}
              key={figure}
              name="expression"
              className="field hash w-full"
              required
              maxLength={500}
              spellCheck={false}
              autoComplete="off"
              aria-describedby={hint}
              defaultValue={EXAMPLES[figure] ?? ''}
            />
          )}
        </Field>
        <p id={hint} className="caption mt-1">
          <code>row</code> is the new row, its members named as in the API; <code>before</code> is that of the
          day before.
        </p>
      </div>
      <Field label="Severity">
        {(id) => (
          <select id={id} name="severity" className="field w-full">
            <option value="warning">warning</option>
            <option value="critical">critical, also in quiet hours</option>
          </select>
        )}
      </Field>
      <Field label="Tell by">
        {(id) => (
          <select
            id={id}
            className="field w-full"
            value={channel}
            onChange={({ target }) => setChannel(target.value as AlertRule['channel'])}
          >
            <option value="console">console, on this page</option>
            <option value="webhook">webhook</option>
            <option value="email">email</option>
          </select>
        )}
      </Field>
      {channel !== 'console' && (
        <Field label={channel === 'webhook' ? 'Address of the webhook' : 'Email address'}>
          {(id) => (
            <input
              id={id}
              name="target"
              type={channel === 'webhook' ? 'url' : 'email'}
              className="field w-full"
              required
              maxLength={300}
            />
          )}
        </Field>
      )}
      <Field label="At most once in, minutes">
        {(id) => (
          <input
            id={id}
            name="cooldown"
            type="number"
            min={0}
            max={43200}
            defaultValue={60}
            required
            className="field w-full"
          />
        )}
      </Field>
      <fieldset className="sm:col-span-2">
        <legend className="sr-only">Quiet hours</legend>
        <label className="flex items-center gap-2">
          <input
            type="checkbox"
            className="accent-(--accent)"
            checked={quiet}
            onChange={({ target }) => setQuiet(target.checked)}
          />
          Quiet hours
        </label>
        {quiet && (
          <div className="mt-2 grid grid-cols-2 gap-3 sm:grid-cols-3">
            <Field label="From">
              {(id) => (
                <input
                  id={id}
                  name="from"
                  type="time"
                  defaultValue="22:00"
                  required
                  className="field w-full"
                />
              )}
            </Field>
            <Field label="To">
              {(id) => (
                <input id={id} name="to" type="time" defaultValue="07:00" required className="field w-full" />
              )}
            </Field>
            <Field label="Time zone">
              {(id) => (
                <input
                  id={id}
                  name="zone"
                  defaultValue={Intl.DateTimeFormat().resolvedOptions().timeZone}
                  required
                  maxLength={60}
                  className="field w-full"
                />
              )}
            </Field>
          </div>
        )}
      </fieldset>
      {refusal && (
        <div className="sm:col-span-2">
          <Message error={refusal} />
        </div>
      )}
      <div className="flex gap-2 sm:col-span-2">
        <button type="submit" className="action action-main" disabled={sending}>
          Keep the rule
        </button>
        <button type="button" className="action" onClick={() => onDone(null)}>
          Cancel
        </button>
      </div>
    </form>
  );
}
