import type { GovernanceState } from '@assay/chain';
import { AssayError } from '@assay/core';
import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import type { NodeView } from './node-view.ts';

/** A node that uses no chain has no economy, and says so. */
export interface NoEconomy {
  chain: null;
  reason: string;
}
export type GovernanceView = GovernanceState | NoEconomy;

export const NO_ECONOMY: NoEconomy = {
  chain: null,
  reason: 'this node has no contracts: it was started without a chain, or on one where none are deployed',
};

/** Serves what is decided by votes, and proofs for the court: all read from the chain. */
export function serveEconomy(app: FastifyInstance, { economy }: NodeView): void {
  app.get(
    '/v1/governance',
    {
      schema: {
        summary: 'Parameters in force and since when, committees, data contracts, proposals and treasury',
      },
    },
    async (_request, reply): Promise<GovernanceView> => {
      reply.header('cache-control', 'no-store');
      return economy ? economy.governance() : NO_ECONOMY;
    },
  );
  app.get(
    '/v1/records/:id/verdict-proof',
    {
      schema: {
        summary:
          'Proof of the verdict on an observation for the VerdictCourt contract, for `assay challenge`',
        params: z.object({
          id: z.string().regex(/^[0-9a-f]{64}$/, 'expected 64 lower-case hexadecimal digits'),
        }),
      },
    },
    (request) => {
      const { id } = request.params as { id: string };
      if (economy) return economy.verdictProof(id);
      throw new AssayError('NOT_FOUND', NO_ECONOMY.reason, { next: 'ask a node that uses contracts' });
    },
  );
}
