import { createServer, type Server } from 'node:http';
import type { Evidence } from '@assay/core';
import { Gauge, Registry } from 'prom-client';
import type { Monitor, MonitorStatus } from './monitor.ts';

/**
 * What a monitor says of itself: `/metrics` for Prometheus and `/status` as JSON. The caller listens and closes.
 *
 * @example
 * monitorServer(monitor).listen(9464, '127.0.0.1');
 */
export function monitorServer(monitor: Monitor): Server {
  const metrics = metricsOf(monitor);
  return createServer(async (request, response) => {
    const path = request.url?.split('?')[0];
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      response.writeHead(405, { allow: 'GET, HEAD' }).end();
    } else if (path === '/metrics') {
      response.writeHead(200, { 'content-type': metrics.contentType }).end(await metrics.metrics());
    } else if (path === '/status') {
      response
        .writeHead(200, { 'content-type': 'application/json', 'cache-control': 'no-store' })
        .end(`${JSON.stringify(monitor.status(), null, 2)}\n`);
    } else {
      response.writeHead(404, { 'content-type': 'text/plain' }).end('see /metrics and /status\n');
    }
  });
}

const INCIDENT_KINDS: (Evidence['kind'] | 'checkpoint-invalid' | 'unreachable')[] = [
  'split-view',
  'rollback',
  'tile-altered',
  'tile-missing',
  'statement-invalid',
  'growth-stalled',
  'checkpoint-invalid',
  'unreachable',
];

function metricsOf(monitor: Monitor): Registry {
  const registry = new Registry();
  const gauge = (name: string, help: string, value: (status: MonitorStatus) => number | null) => {
    new Gauge({
      name: `assay_monitor_${name}`,
      help,
      labelNames: ['log'],
      registers: [registry],
      collect() {
        const status = monitor.status();
        const current = value(status);
        // What is not known has no value, rather than a wrong one.
        if (current === null) this.reset();
        else this.set({ log: status.origin }, current);
      },
    });
  };
  const seconds = (ms: number | null) => (ms === null ? null : ms / 1_000);
  gauge('verified_entries', 'Entries read and found to be what the log signed.', (s) => s.verifiedSize);
  gauge('checkpoint_entries', 'Size of the newest checkpoint seen.', (s) => s.checkpointSize);
  gauge('last_growth_timestamp_seconds', 'When the log was last seen to grow.', (s) => seconds(s.grewAtMs));
  gauge('last_poll_timestamp_seconds', 'When the log was last looked at.', (s) => seconds(s.lastPollAtMs));
  gauge('last_poll_duration_seconds', 'How long the last look took.', (s) => seconds(s.lastPollMs));
  gauge('up', 'Whether the last look went through.', (s) =>
    s.lastPollAtMs === null ? null : s.lastError === null ? 1 : 0,
  );
  gauge('statements_verified', 'Statements whose signatures were verified.', (s) => s.statementsVerified);
  gauge('statements_invalid', 'Statements with a wrong signature.', (s) => s.statementsInvalid);
  gauge('entries_not_statements', 'Entries that are no statements.', (s) => s.notStatements);
  gauge('consistency_checks', 'Comparisons with another checkpoint.', (s) => s.consistencyChecks);
  new Gauge({
    name: 'assay_monitor_incidents',
    help: 'Incidents found so far, by kind.',
    labelNames: ['log', 'kind'],
    registers: [registry],
    collect() {
      const { origin, incidents } = monitor.status();
      for (const kind of INCIDENT_KINDS)
        this.set({ log: origin, kind }, incidents.filter((incident) => incident.kind === kind).length);
    },
  });
  return registry;
}
