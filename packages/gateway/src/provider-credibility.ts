import type { ProviderState, ProvidersState } from '@assay/chain';
import { DECISIONS, fromScaled } from '@assay/core';
import type { Backing, Credibility, CredibilityPoint } from '@assay/pipeline';
import { z } from 'zod';
import type { App } from './app.ts';
import { NO_ECONOMY, type NoEconomy } from './economy-routes.ts';
import type { NodeView } from './node-view.ts';

/** How far a provider can be believed, or why that is not known. */
interface Believed {
  credibility: Credibility | null;
  /** Why it is not known; null where it is. */
  credibilityReason: string | null;
}

/** Providers with what is known of them: what the chain says, and without a chain what this node knows by itself. */
export type ProvidersView =
  | (Omit<ProvidersState, 'providers'> & { providers: (ProviderState & Believed)[] })
  | (NoEconomy & { providers: ({ did: string; name: string | null } & Believed)[] });

/** A provider's credibility with how it came to be. */
export interface CredibilityHistory extends Believed {
  did: string;
  /** From the first fact to now, the oldest first. */
  history: CredibilityPoint[];
}

const NOTHING_SETTLED = 'neither reviewers nor the court has decided about any of its data yet';
const A_STRANGER = 'nobody has shown that this account speaks for the DID, whose data may be another’s';

const share = z.string().describe('0 to 1 as a decimal string');
const point = z.object({
  at: z.string(),
  lower: share,
  mean: share,
  upper: share,
  facts: z.number().int().describe('observations about which reviewers or the court decided'),
  right: z.number().int().describe('how many of them were right'),
});
const believed = z.object({
  credibility: point
    .extend({
      credibility: share.describe('`lower` × `stakeFactor`; `lower` where no chain says what is at stake'),
      lower: share.describe('the share of its data that turns out right lies above this with 95 %'),
      upper: share.describe('… and below this with 95 %'),
      stake: z.string().nullable().describe('in ASSAY; null when this node uses no chain'),
      stakeFactor: share.nullable(),
      independence: share.nullable().describe('null while copying among the providers is not examined'),
    })
    .nullable()
    .describe('null while it is not known'),
  credibilityReason: z.string().nullable().describe('why it is not known'),
});
const amount = z.string().describe('in the token’s smallest unit');
const decision = z.enum(DECISIONS);
const dispute = z.object({
  caseId: z.string(),
  subject: z.string(),
  contractDigest: z.string(),
  phase: z.enum(['ruling', 'appealable', 'settled', 'unresolved']),
  decision,
  claimed: decision,
  ruling: decision.nullable(),
  challenger: z.string(),
  bond: amount,
  atRisk: amount,
  appeals: z.number().int(),
  deadline: z.string(),
  overdue: z.boolean(),
  openedAt: z.string(),
  transaction: z.string(),
});
const onChain = z.object({
  chain: z.object({
    chainId: z.number().int(),
    name: z.string(),
    simulated: z.boolean(),
    blockNumber: z.number().int(),
    at: z.string(),
  }),
  error: z.null(),
  token: z.object({ address: z.string(), symbol: z.literal('ASSAY'), decimals: z.literal(18) }),
  contracts: z.record(z.string(), z.string()),
  unbondingSeconds: z.number().int(),
  rewardPool: amount,
  parameters: z.object({
    challengeBond: amount,
    rulingSeconds: z.number().int(),
    appealSeconds: z.number().int(),
    burnBps: z.number().int(),
    challengerBps: z.number().int(),
    feeBps: z.number().int(),
  }),
  providers: z.array(
    believed.extend({
      id: z.string(),
      did: z.string(),
      name: z.string().nullable(),
      controller: z.string(),
      registeredAt: z.string(),
      stake: z.object({
        total: amount,
        locked: amount,
        unbonding: amount,
        withdrawableAt: z.string().nullable(),
      }),
      rewards: z.object({ credited: amount, claimable: amount }),
      slashed: amount,
      slashes: z.array(
        z.object({
          amount,
          caseId: z.string().nullable(),
          at: z.string(),
          transaction: z.string(),
        }),
      ),
      keys: z.array(z.object({ kind: z.enum(['did', 'controller']), value: z.string(), since: z.string() })),
      disputes: z.array(dispute),
    }),
  ),
});
const withoutChain = z.object({
  chain: z.null(),
  reason: z.string(),
  providers: z.array(believed.extend({ did: z.string(), name: z.string().nullable() })),
});

/** Serves who staked, who was slashed and what is disputed, and how far each provider can be believed. */
export function serveProviders(app: App, node: NodeView): void {
  app.get(
    '/v1/providers',
    {
      schema: {
        summary:
          'Providers with stake, rewards, slashes and disputes, read from the chain at one block, and their credibility',
        response: { 200: z.union([onChain, withoutChain]) },
      },
    },
    async (_request, reply): Promise<ProvidersView> => {
      reply.header('cache-control', 'no-store');
      return providersOf(node);
    },
  );
  app.get(
    '/v1/providers/:did/credibility',
    {
      schema: {
        summary: 'How far a provider can be believed, what that is made of, and how it came to be',
        description:
          'From what reviewers and the court decided about its data (docs/credibility.md); that sources agree counts for nothing. At most 60 instants from the first fact to now, each as it could be known then.',
        params: z.object({
          did: z
            .string()
            .max(100)
            .regex(/^did:[a-z0-9]+:[A-Za-z0-9._:%-]+$/, 'expected a DID like did:key:z6Mk…'),
        }),
        response: { 200: believed.extend({ did: z.string(), history: z.array(point) }) },
      },
    },
    async ({ params: { did } }, reply): Promise<CredibilityHistory> => {
      reply.header('cache-control', 'no-store');
      const backing = node.economy ? backingOf(did, await node.economy.providers(), node.economy) : null;
      return {
        did,
        ...believedOf(did, backing, node),
        history: node.credibility.history(did, backing),
      };
    },
  );
}

async function providersOf(node: NodeView): Promise<ProvidersView> {
  const { economy, credibility } = node;
  if (!economy) {
    const providers = credibility.providers();
    return {
      ...NO_ECONOMY,
      providers: providers.map((one) => ({ ...one, ...believedOf(one.did, null, node) })),
    };
  }
  const state = await economy.providers();
  return {
    ...state,
    providers: state.providers.map((provider) => ({
      ...provider,
      ...(economy.registrationOf(provider.did) === provider.id
        ? believedOf(provider.did, backingOf(provider.did, state, economy), node)
        : { credibility: null, credibilityReason: A_STRANGER }),
    })),
  };
}

function believedOf(did: string, backing: Backing | null, { credibility }: NodeView): Believed {
  const now = credibility.now(did, backing);
  return { credibility: now, credibilityReason: now === null ? NOTHING_SETTLED : null };
}

/** What lies under the DID's own registration: its stake, and the rulings that can no longer be appealed. */
function backingOf(
  did: string,
  { providers, token }: ProvidersState,
  { registrationOf }: NonNullable<NodeView['economy']>,
): Backing {
  const registration = registrationOf(did);
  const own = providers.find(({ id }) => id === registration);
  return {
    stake: own ? fromScaled(BigInt(own.stake.total), token.decimals) : '0',
    rulings: (own?.disputes ?? []).flatMap(({ subject, phase, ruling, deadline }) =>
      phase === 'settled' && ruling !== null
        ? [{ observation: subject.slice(2), decision: ruling, finalAt: deadline }]
        : [],
    ),
  };
}
