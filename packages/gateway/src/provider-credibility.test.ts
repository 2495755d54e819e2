/**
 * What of the chain counts for whom: the stake and the final rulings of the DID's own registration, nothing of a
 * stranger who registered the same DID; and what is said where there is no chain.
 */
import type { Dispute, ProviderState, ProvidersState } from '@assay/chain';
import type { Backing, Credibility } from '@assay/pipeline';
import fastify from 'fastify';
import { serializerCompiler, validatorCompiler, type ZodTypeProvider } from 'fastify-type-provider-zod';
import { expect, test } from 'vitest';
import type { NodeView } from './node-view.ts';
import { serveProviders } from './provider-credibility.ts';

const DID = 'did:key:z6MkgTLfsVwwyU4qqaApVwGKEvhqdgCdR6UwCrAvw5bEsxzs';
const OBSERVATION = 'a'.repeat(64);
const AT = '2026-03-01T00:00:00Z';
const credibility: Credibility = {
  ...{ at: AT, credibility: '0.4', lower: '0.5', mean: '0.7', upper: '0.9', facts: 3, right: 2 },
  ...{ stake: '12.5', stakeFactor: '0.8', independence: null },
};

const disputeOf = (change: Partial<Dispute>): Dispute => ({
  ...{ caseId: '0x01', subject: `0x${OBSERVATION}`, contractDigest: '0x02', phase: 'settled' },
  ...{ decision: 'accept', claimed: 'reject', ruling: 'reject', challenger: '0x03', bond: '1', atRisk: '1' },
  ...{ appeals: 0, deadline: AT, overdue: false, openedAt: AT, transaction: '0x04', ...change },
});
const providerOf = (id: string, total: string, disputes: Dispute[]): ProviderState => ({
  ...{ id, did: DID, name: null, controller: '0x05', registeredAt: AT, slashed: '0', slashes: [], keys: [] },
  stake: { total, locked: '0', unbonding: '0', withdrawableAt: null },
  rewards: { credited: '0', claimable: '0' },
  disputes,
});
const STATE: ProvidersState = {
  chain: { chainId: 1, name: 'chain 1', simulated: false, blockNumber: 9, at: AT },
  ...{ error: null, token: { address: '0x06', symbol: 'ASSAY', decimals: 18 }, contracts: {} },
  ...{ unbondingSeconds: 60, rewardPool: '0' },
  parameters: {
    ...{ challengeBond: '1', rulingSeconds: 60, appealSeconds: 60 },
    ...{ burnBps: 0, challengerBps: 0, feeBps: 0 },
  },
  providers: [
    providerOf('0x5e1f', '12500000000000000000', [
      disputeOf({}),
      disputeOf({ phase: 'appealable', ruling: 'accept' }),
      disputeOf({ phase: 'unresolved', ruling: null }),
    ]),
    providerOf('0xbad0', '9000000000000000000000', [disputeOf({ ruling: 'accept' })]),
  ],
};

/** Answers at a path, and what the book was asked with. */
async function ask(path: string, options: { chain: boolean; found?: Credibility | null }) {
  const { chain, found = credibility } = options;
  const asked: (Backing | null)[] = [];
  const app = fastify();
  app.setValidatorCompiler(validatorCompiler);
  app.setSerializerCompiler(serializerCompiler);
  serveProviders(app.withTypeProvider<ZodTypeProvider>(), {
    economy: chain
      ? { providers: async () => STATE, registrationOf: (did: string) => (did === DID ? '0x5e1f' : null) }
      : null,
    credibility: {
      providers: () => [{ did: DID, name: 'probe' }],
      now(_did, backing) {
        asked.push(backing);
        return found;
      },
      history: () => [{ at: AT, lower: '0.5', mean: '0.7', upper: '0.9', facts: 3, right: 2 }],
    },
  } as Pick<NodeView, 'credibility'> as NodeView);
  const answer = await app.inject(path);
  await app.close();
  expect(answer.statusCode, answer.body).toBe(200);
  return { asked, body: answer.json() };
}

test('the own registration’s stake and final rulings count; a stranger’s registration gets no credibility', async () => {
  const own = { stake: '12.5', rulings: [{ observation: OBSERVATION, decision: 'reject', finalAt: AT }] };
  const { asked, body } = await ask('/v1/providers', { chain: true });
  expect(asked).toEqual([own]);
  expect(body.providers).toEqual([
    { ...STATE.providers[0], credibility, credibilityReason: null },
    { ...STATE.providers[1], credibility: null, credibilityReason: expect.stringContaining('this account') },
  ]);
  expect({ ...body, providers: [] }).toEqual({ ...STATE, providers: [] });
  const history = await ask(`/v1/providers/${DID}/credibility`, { chain: true });
  expect(history.asked).toEqual([own]);
  expect(history.body).toMatchObject({ did: DID, credibility, history: [{ at: AT, mean: '0.7' }] });
  const stranger = await ask(`/v1/providers/${DID.slice(0, -1)}/credibility`, { chain: true });
  expect(stranger.asked).toEqual([{ stake: '0', rulings: [] }]);
});

test('without a chain nothing is known of a stake, and what is settled is told all the same', async () => {
  const { asked, body } = await ask('/v1/providers', { chain: false });
  expect(asked).toEqual([null]);
  expect(body).toMatchObject({
    chain: null,
    providers: [{ did: DID, name: 'probe', credibility, credibilityReason: null }],
  });
  const unknown = await ask(`/v1/providers/${DID}/credibility`, { chain: false, found: null });
  expect(unknown.body).toMatchObject({
    credibility: null,
    credibilityReason: expect.stringContaining('neither'),
  });
});
