import type { Exhibit } from '@assay/checks';
import type {
  CredibilityHistory,
  GovernanceView,
  LogHealth,
  NodeStatus,
  Problem,
  ProvidersView,
} from '@assay/gateway';
import type {
  ExhibitSummary,
  ItemDetail,
  KeptAlert,
  QueueView,
  RecordDetail,
  RecordSummary,
  ReviewerState,
} from '@assay/pipeline';
import { useQuery } from '@tanstack/react-query';
import { proofOfReviewer, useReviewer } from './reviewer-key.ts';

/** A refusal by the gateway, as RFC 9457 problem document. */
export class Refusal extends Error {
  readonly problem: Problem;

  constructor(problem: Problem) {
    super(problem.detail);
    this.problem = problem;
  }
}

/** A reference rate as the gateway lists it. */
export interface RateEntry {
  id: string;
  time: string;
  rate: string;
  level: string | null;
  decision: string | null;
  venues: { stream: string; price: string; volume: string }[];
  excluded: { stream: string; reason: string }[];
}

/** Asks the gateway. @throws Refusal with its problem document. */
export async function ask<T>(path: string, init: RequestInit = {}): Promise<T> {
  const response = await fetch(path, { ...init, headers: { accept: 'application/json', ...init.headers } });
  const body = await response.json().catch(() => null);
  if (response.ok) return body as T;
  throw new Refusal(
    body ?? {
      type: '',
      title: 'no answer',
      status: response.status,
      detail: 'the node did not answer',
      code: 'INTERNAL',
      next: 'is it running?',
    },
  );
}

/** Sends something to the gateway. @throws Refusal with its problem document. */
export const send = <T>(path: string, body: unknown): Promise<T> =>
  ask<T>(path, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });

export const useStatus = (enabled = true) =>
  useQuery({
    queryKey: ['status'],
    queryFn: () => ask<NodeStatus>('/v1/status'),
    refetchInterval: 2_000,
    enabled,
  });

export const useHealth = () =>
  useQuery({
    queryKey: ['health'],
    queryFn: () => ask<LogHealth>('/v1/log/health'),
    refetchInterval: 3_000,
    retry: false,
  });

export const useProviders = () =>
  useQuery({
    queryKey: ['economy', 'providers'],
    queryFn: () => ask<ProvidersView>('/v1/providers'),
    refetchInterval: 3_000,
    retry: false,
  });

export const useCredibility = (did: string) =>
  useQuery({
    queryKey: ['credibility', did],
    queryFn: () => ask<CredibilityHistory>(`/v1/providers/${encodeURIComponent(did)}/credibility`),
    refetchInterval: 10_000,
    retry: false,
  });

export const useGovernance = () =>
  useQuery({
    queryKey: ['economy', 'governance'],
    queryFn: () => ask<GovernanceView>('/v1/governance'),
    refetchInterval: 3_000,
    retry: false,
  });

export const useRates = () =>
  useQuery({
    queryKey: ['rates'],
    queryFn: () =>
      ask<{ rates: RateEntry[] }>('/v1/reference-rates/BTC-USD/1m?limit=360').then(({ rates }) => rates),
    refetchInterval: 5_000,
  });

export const useIncidents = () =>
  useQuery({
    queryKey: ['incidents'],
    queryFn: async () => {
      const lists = await Promise.all(
        ['reject', 'flag'].map((decision) =>
          ask<{ records: RecordSummary[] }>(`/v1/records?decision=${decision}&limit=8`),
        ),
      );
      return lists
        .flatMap(({ records }) => records)
        .sort((a, b) => (a.time < b.time ? 1 : -1))
        .slice(0, 8);
    },
    refetchInterval: 5_000,
  });

/** The record, asked for again until it is judged and logged. */
export const useRecord = (id: string) =>
  useQuery({
    queryKey: ['record', id],
    queryFn: () => ask<RecordDetail>(`/v1/records/${id}`),
    retry: false,
    refetchInterval: ({ state: { data } }) =>
      data && data.kind !== 'verdict' && (data.verdict === null || data.index === null) ? 3_000 : false,
  });

/** The bundle, asked for again while the log waits for its witnesses, and then until a chain holds it. */
export const useBundle = (id: string) =>
  useQuery({
    queryKey: ['bundle', id],
    queryFn: () => ask<{ anchors?: unknown[] }>(`/v1/records/${id}/bundle`),
    refetchInterval: ({ state: { data } }) => (data && !data.anchors?.length ? 10_000 : false),
    retry: (count, error) => error instanceof Refusal && error.problem.code === 'PROOF_PENDING' && count < 30,
    retryDelay: 1_000,
  });

export const usePolicy = () =>
  useQuery({
    queryKey: ['policy'],
    queryFn: () => ask<unknown>('/v1/trust-policy'),
    refetchInterval: 15_000,
  });

export const search = (query: string) =>
  ask<{ matches: RecordSummary[] }>(`/v1/search?q=${encodeURIComponent(query)}`).then(
    ({ matches }) => matches,
  );

/** The queue; with the reviewer's key also what it is asked. */
export const useQueue = () => {
  const { signer } = useReviewer();
  return useQuery({
    queryKey: ['reviews', signer?.did],
    queryFn: async () =>
      ask<QueueView & { reviewer: string | null }>('/v1/reviews', {
        headers: await proofOfReviewer(signer, '/v1/reviews'),
      }),
    refetchInterval: 3_000,
    retry: false,
  });
};

/** One item of the queue. It is not asked for again while somebody writes about it. */
export const useItem = (item: string) => {
  const { signer } = useReviewer();
  const path = `/v1/reviews/${item}`;
  return useQuery({
    queryKey: ['review-item', item, signer?.did],
    queryFn: async () => ask<ItemDetail>(path, { headers: await proofOfReviewer(signer, path) }),
    retry: false,
    refetchOnWindowFocus: false,
  });
};

export const useReviewers = () =>
  useQuery({
    queryKey: ['reviewers'],
    queryFn: () => ask<{ reviewers: ReviewerState[] }>('/v1/reviewers').then(({ reviewers }) => reviewers),
    refetchInterval: 10_000,
  });

export const useAlerts = () =>
  useQuery({
    queryKey: ['alerts'],
    queryFn: () => ask<{ counts: Record<string, number>; alerts: KeptAlert[] }>('/v1/alerts?limit=50'),
    refetchInterval: 5_000,
  });

/** What detectors showed. Exhibits lie under their digests and never change. */
export const useExhibits = (summaries: readonly ExhibitSummary[]) =>
  useQuery({
    queryKey: ['exhibits', ...summaries.map(({ digest }) => digest)],
    queryFn: () => Promise.all(summaries.map(({ digest }) => ask<Exhibit>(`/v1/exhibits/${digest}`))),
    staleTime: Number.POSITIVE_INFINITY,
    enabled: summaries.length > 0,
  });
