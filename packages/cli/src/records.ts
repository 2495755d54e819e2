import { listRecords } from '@assay/pipeline';
import { type Command, usageError } from './command.ts';
import { openDataDir } from './data-dir.ts';

const USAGE =
  'records [--stream <name>] [--decision accept|flag|reject] [--before <time>] [--limit <n>] [--json] [--data-dir <folder>]';

/** Lists records, newest first; without a stream, the streams that there are. */
export const recordsCommand: Command = {
  usage: USAGE,
  options: {
    'data-dir': { type: 'string', default: 'assay-data' },
    stream: { type: 'string' },
    decision: { type: 'string' },
    before: { type: 'string' },
    limit: { type: 'string', default: '20' },
    json: { type: 'boolean' },
  },
  async run({ values }) {
    const limit = Number(values.limit);
    if (!(Number.isInteger(limit) && limit > 0 && limit <= 100_000)) {
      throw usageError(`expected --limit from 1 to 100000, got ${values.limit}`, `assay ${USAGE}`);
    }
    const decision = values.decision as 'accept' | 'flag' | 'reject' | undefined;
    if (decision !== undefined && !['accept', 'flag', 'reject'].includes(decision)) {
      throw usageError(`expected --decision accept, flag or reject, got ${decision}`, `assay ${USAGE}`);
    }
    const { catalogue } = openDataDir(values['data-dir'] as string);
    const stream = values.stream as string | undefined;
    const streams = catalogue.streams();
    if (stream !== undefined && !streams.some(({ name }) => name === stream)) {
      throw usageError(
        `there is no stream ${JSON.stringify(stream)}`,
        `one of ${streams.map(({ name }) => name).join(', ') || '(none yet)'}`,
      );
    }
    if (stream === undefined && decision === undefined) {
      if (values.json) console.log(JSON.stringify(streams));
      else
        for (const { name, rows, lastTime } of streams)
          console.log(`${name.padEnd(36)} ${String(rows).padStart(8)} rows to ${lastTime}`);
      return 0;
    }
    const records = listRecords(catalogue, {
      stream,
      decision,
      before: values.before as string | undefined,
      limit,
    });
    if (values.json) {
      console.log(JSON.stringify(records));
      return 0;
    }
    for (const { id, time, values: row, decision: decided, level, served } of records) {
      const { close, rate } = (row ?? {}) as { close?: string; rate?: string };
      const note = served === 'below-level' ? '  (below the level that its contract requires)' : '';
      console.log(
        `${time}  ${(decided ?? 'pending').padEnd(7)} ${level ?? '--'}  ${(close ?? rate ?? '').padEnd(14)} ${id}${note}`,
      );
    }
    return 0;
  },
};
