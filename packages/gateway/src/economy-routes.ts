import type { GovernanceState, ProvidersState } from '@assay/chain';
import type { FastifyInstance } from 'fastify';
import type { NodeView } from './node-view.ts';

/** A node that uses no chain has no economy, and says so. */
export interface NoEconomy {
  chain: null;
  reason: string;
}
export type ProvidersView = ProvidersState | NoEconomy;
export type GovernanceView = GovernanceState | NoEconomy;

const NONE: NoEconomy = {
  chain: null,
  reason: 'this node has no contracts: it was started without a chain, or on one where none are deployed',
};

/** Serves who staked, who was slashed, what is disputed, and what is decided: all read from the chain. */
export function serveEconomy(app: FastifyInstance, { economy }: NodeView): void {
  app.get(
    '/v1/providers',
    {
      schema: {
        summary:
          'Providers with their stake, rewards, slashes and disputes, read from the chain at one block',
      },
    },
    async (_request, reply): Promise<ProvidersView> => {
      reply.header('cache-control', 'no-store');
      return economy ? economy.providers() : NONE;
    },
  );
  app.get(
    '/v1/governance',
    {
      schema: {
        summary: 'Parameters in force and since when, committees, data contracts, proposals and treasury',
      },
    },
    async (_request, reply): Promise<GovernanceView> => {
      reply.header('cache-control', 'no-store');
      return economy ? economy.governance() : NONE;
    },
  );
}
