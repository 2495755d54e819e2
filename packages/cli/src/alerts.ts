import type { KeptAlert } from '@assay/pipeline';
import { type Command, usageError } from './command.ts';
import { askNode, NODE_OPTIONS } from './node-client.ts';

const USAGE =
  'alerts [acknowledge <id> [--by <name>]] [--state open|acknowledged|recovered] [--stream <name>] [--node <url>] [--json]';

/** Lists what is wrong, or notes that it was seen. Exit code 1 while something is open. */
export const alertsCommand: Command = {
  usage: USAGE,
  options: {
    ...NODE_OPTIONS,
    state: { type: 'string' },
    stream: { type: 'string' },
    by: { type: 'string' },
  },
  async run({ positionals: [what, id, ...more], values }) {
    if (what === 'acknowledge' && id !== undefined && more.length === 0) {
      const by = values.by === undefined ? {} : { by: values.by };
      const alert = await askNode<KeptAlert>(values, `/v1/alerts/${encodeURIComponent(id)}/acknowledge`, {
        method: 'POST',
        body: by,
      });
      console.log(values.json ? JSON.stringify(alert) : line(alert));
      return 0;
    }
    if (what !== undefined) throw usageError('expected acknowledge and the id of an alert', `assay ${USAGE}`);
    const query = new URLSearchParams();
    for (const name of ['state', 'stream'] as const)
      if (typeof values[name] === 'string') query.set(name, values[name]);
    const answer = await askNode<{ counts: Record<KeptAlert['state'], number>; alerts: KeptAlert[] }>(
      values,
      `/v1/alerts?${query}`,
    );
    const { counts, alerts } = answer;
    if (values.json) console.log(JSON.stringify(answer));
    else {
      console.log(`${counts.open} open, ${counts.acknowledged} acknowledged, ${counts.recovered} recovered`);
      for (const alert of alerts) console.log(line(alert));
    }
    return counts.open > 0 ? 1 : 0;
  },
};

function line({ id, stream, check, severity, state, count, firstAt, lastAt, reason }: KeptAlert): string {
  return `${id}  ${state.padEnd(12)} ${severity.padEnd(8)} ${stream} ${check}, ${count} times from ${firstAt} to ${lastAt}: ${reason.slice(0, 160)}`;
}
