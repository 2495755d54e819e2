import { AssayError } from '@assay/core';
import type { AlertRule, Message, RulePreview } from '@assay/pipeline';
import { z } from 'zod';
import type { App } from './app.ts';
import type { NodeView } from './node-view.ts';
import { refuseOtherPages } from './review-routes.ts';

/** Rules about figures, as the gateway serves them. */
export interface AlertRuleView {
  rules(): { rules: AlertRule[]; builtIn: string[]; messages: Message[]; channels: AlertRule['channel'][] };
  /** @throws ARGUMENT_INVALID */
  put(input: unknown): Promise<{ rule: AlertRule; preview: RulePreview; secret: string | null }>;
  /** @throws NOT_FOUND */
  remove(id: string): void;
}

const rule = z.object({
  id: z.string(),
  name: z.string(),
  figure: z.string(),
  expression: z.string(),
  severity: z.enum(['warning', 'critical']),
  channel: z.enum(['console', 'webhook', 'email']),
  target: z.string().nullable(),
  quietHours: z.object({ from: z.string(), to: z.string(), zone: z.string() }).nullable(),
  cooldownMinutes: z.number().int(),
  enabled: z.boolean(),
});
const message = z.object({
  id: z.string(),
  alert: z.string(),
  rule: z.string(),
  channel: z.enum(['webhook', 'email']),
  target: z.string(),
  body: z.string(),
  attempts: z.number().int(),
  state: z.enum(['waiting', 'delivered', 'failed', 'dropped']),
  lastError: z.string().nullable(),
});

/** Routes for rules that raise alerts about figures. The alerts themselves are at `/v1/alerts` and in `/v1/events`. */
export function serveAlertRules(app: App, node: NodeView): void {
  const view = () => {
    if (node.alertRules) return node.alertRules;
    throw new AssayError('NOT_FOUND', 'this node follows no market', {
      next: 'start it without --market none',
    });
  };
  app.get(
    '/v1/market/alert-rules',
    {
      schema: {
        summary: 'Rules about figures, and what became of the newest messages',
        response: {
          200: z.object({
            rules: z.array(rule),
            builtIn: z.array(z.string()).describe('can be changed or disabled, not taken away'),
            channels: z.array(z.enum(['console', 'webhook', 'email'])).describe('what this node can send by'),
            messages: z.array(message),
          }),
        },
      },
    },
    (_, reply) => {
      reply.header('cache-control', 'no-store');
      return view().rules();
    },
  );
  app.post(
    '/v1/market/alert-rules',
    {
      schema: {
        summary: 'Put a rule in force, in place of one with the same id',
        description:
          'The expression is in the Common Expression Language over `row` and `before` (docs/alerts.md). `preview` says how it answers about the latest day; `secret` verifies a webhook’s signatures (Standard Webhooks).',
        body: z.unknown(),
        response: {
          200: z.object({
            rule,
            preview: z.object({
              fail: z.number().int().describe('rows of the latest day that would raise it'),
              pass: z.number().int(),
              unknown: z.number().int(),
              why: z.string().nullable(),
            }),
            secret: z.string().nullable(),
          }),
        },
      },
    },
    (request, reply) => {
      refuseOtherPages(request);
      reply.header('cache-control', 'no-store');
      return view().put(request.body);
    },
  );
  app.delete(
    '/v1/market/alert-rules/:id',
    {
      schema: {
        summary: 'Take a rule away',
        params: z.object({ id: z.string().max(60) }),
        response: { 204: z.null() },
      },
    },
    async (request, reply) => {
      refuseOtherPages(request);
      view().remove(request.params.id);
      await reply.code(204).send(null);
    },
  );
}
