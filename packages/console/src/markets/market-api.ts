import type { KeptAlert, MarketRow, MarketStatus, Message } from '@assay/pipeline';
import { useQuery } from '@tanstack/react-query';
import { ask, Refusal, send } from '../api.ts';

/** What the gateway says of the market, and how the room asks for it. */

export type FigureName = MarketStatus['figures'][number]['figure'];
export type EvaluationRow = MarketRow<'evaluation'>;

export type Proof = MarketRow['proof'] & { bundle?: string };
type ShortGrade = Omit<NonNullable<MarketRow<'grades'>['trader']>, 'parts'>;

/** A line of the table of grades: an asset's grades, and beside them what one sorts and filters by. */
export interface GradeLine {
  asset: string;
  symbol: string;
  name: string | null;
  rank: string | null;
  class: string | null;
  state: string | null;
  marketCapUsd: string | null;
  close: string | null;
  changePct: string | null;
  volumeUsd: string | null;
  priceStatus: 'pass' | 'fail' | 'unknown';
  trader: ShortGrade | null;
  investor: ShortGrade | null;
  /** Why it is not graded. */
  reason: string | null;
  signal: MarketRow<'signals'>['signal'] | null;
  since: string | null;
  /** Closes of the last days, oldest first. */
  sparkline: (string | null)[];
  /** Of the grades. */
  proof: Proof;
  /** Records of the rest; null where there is none. */
  records: { asset: string | null; price: string | null; signal: string | null };
}

export interface GradesAnswer {
  /** Null while there are no grades. */
  day: string | null;
  sparklineFrom: string | null;
  rows: GradeLine[];
  total: number;
  evaluation: EvaluationRow[];
}

/** One asset: the newest row of each figure, and how it came there. */
export interface AssetAnswer {
  asOf: string;
  asset: MarketRow<'assets'>;
  latest: {
    [Name in
      | 'prices'
      | 'grades'
      | 'factors'
      | 'signals'
      | 'risk'
      | 'levels'
      | 'correlation'
      | 'scenarios'
      | 'sentiment']: MarketRow<Name> | null;
  };
  narratives: MarketRow<'narratives'>[];
  guides: MarketRow<'guides'>[];
  indices: { index: string; name: string; weight: string; proof: Proof }[];
  history: {
    days: number;
    prices: MarketRow<'prices'>[];
    grades: MarketRow<'grades'>[];
    signals: Pick<MarketRow<'signals'>, 'time' | 'signal' | 'since' | 'proof'>[];
  };
  evaluation: EvaluationRow[];
}

export interface FigureAnswer<Name extends FigureName> {
  rows: MarketRow<Name>[];
  total: number;
  /** Stands beside figures that tell of grades. */
  evaluation?: EvaluationRow[];
}

export type AlertRule = {
  id: string;
  name: string;
  expression: string;
  figure: string;
  severity: 'warning' | 'critical';
  channel: 'webhook' | 'email' | 'console';
  target: string | null;
  quietHours: { from: string; to: string; zone: string } | null;
  cooldownMinutes: number;
  enabled: boolean;
};

/** Figures are made once a day; whether a new day is there is asked now and then. */
const FRESH = { staleTime: 60_000, refetchInterval: 300_000, retry: false } as const;
/** Rows that the gateway gives at most in one answer: of one asset or index, decades. */
const MAX_ROWS = 10_000;

export const useMarketStatus = () =>
  useQuery({
    queryKey: ['market', 'status'],
    queryFn: () => ask<MarketStatus>('/v1/market/status'),
    // While history is read in, its progress is worth watching.
    refetchInterval: ({ state: { data } }) => (data?.busy ? 3_000 : 30_000),
    retry: false,
  });

export const useGrades = () =>
  useQuery({
    queryKey: ['market', 'grades'],
    queryFn: () => ask<GradesAnswer>('/v1/market/grades'),
    ...FRESH,
  });

export const useAsset = (asset: string, days: number) =>
  useQuery({
    queryKey: ['market', 'asset', asset, days],
    queryFn: () => ask<AssetAnswer>(`/v1/market/assets/${encodeURIComponent(asset)}?days=${days}`),
    // Another range of the same asset: what is known stays until the rest is there.
    placeholderData: (before: AssetAnswer | undefined) =>
      before?.asset.asset === asset ? before : undefined,
    ...FRESH,
  });

/** Rows of a figure: of the newest day, or of all days since one. */
export const useFigure = <Name extends FigureName>(
  figure: Name,
  {
    keys,
    from,
    enabled = true,
  }: { keys?: readonly string[]; from?: string | undefined; enabled?: boolean } = {},
) => {
  const query = new URLSearchParams({ limit: `${MAX_ROWS}` });
  if (keys) query.set('keys', keys.join(','));
  if (from) query.set('from', from);
  return useQuery({
    queryKey: ['market', 'figure', figure, query.toString()],
    queryFn: () => ask<FigureAnswer<Name>>(`/v1/market/figures/${figure}?${query}`),
    enabled,
    ...FRESH,
  });
};

/** What is wrong with the market's own figures. */
export const useMarketAlerts = () =>
  useQuery({
    queryKey: ['alerts', 'market'],
    queryFn: () =>
      ask<{ alerts: KeptAlert[] }>('/v1/alerts?limit=1000').then(({ alerts }) =>
        alerts.filter(({ stream }) => stream.startsWith('assay.market.')),
      ),
    refetchInterval: 15_000,
    retry: false,
  });

export const useAlertRules = () =>
  useQuery({
    queryKey: ['market', 'alert-rules'],
    queryFn: () =>
      ask<{ rules: AlertRule[]; builtIn: string[]; messages: KeptMessage[] }>('/v1/market/alert-rules'),
    refetchInterval: 15_000,
    retry: false,
  });

/** A message about an alert, and what became of it. */
export type KeptMessage = Pick<
  Message,
  'id' | 'rule' | 'channel' | 'target' | 'state' | 'attempts' | 'lastError'
>;

/** What came of a rule: how it answers about the newest day, and what verifies its webhook's signatures. */
export interface KeptRule {
  rule: AlertRule;
  preview: { fail: number; pass: number; unknown: number; why: string | null };
  secret: string | null;
}

export const addRule = (rule: AlertRule) => send<KeptRule>('/v1/market/alert-rules', rule);

export const removeRule = (id: string) =>
  fetch(`/v1/market/alert-rules/${encodeURIComponent(id)}`, { method: 'DELETE' }).then(async (response) => {
    if (response.ok) return;
    const problem = await response.json().catch(() => null);
    throw problem ? new Refusal(problem) : new Error('the node did not answer');
  });
