import type { AlertRule } from './alert-rule.ts';

const quiet: Pick<AlertRule, 'channel' | 'target' | 'quietHours' | 'cooldownMinutes' | 'enabled'> = {
  channel: 'console',
  target: null,
  quietHours: null,
  cooldownMinutes: 60,
  enabled: true,
};

/** What everybody is told of who asks for nothing else. */
export const BUILT_IN_RULES: readonly AlertRule[] = [
  {
    id: 'grade-move',
    name: 'A grade moved by ten points or more in a day',
    figure: 'grades',
    expression:
      '(row.trader != null && row.trader.change != null && abs(double(row.trader.change)) >= 10.0) || (row.investor != null && row.investor.change != null && abs(double(row.investor.change)) >= 10.0)',
    severity: 'warning',
    ...quiet,
  },
  {
    id: 'momentum-change',
    name: 'A signal changed',
    figure: 'signals',
    expression: 'before != null && row.signal != before.signal',
    severity: 'warning',
    ...quiet,
  },
  {
    id: 'volatility-spike',
    name: 'The last month was one and a half times as volatile as the year, or more',
    figure: 'risk',
    expression:
      'row.volatilityPct != null && row.indicators.volatility30 != null && double(row.indicators.volatility30) >= 1.5 * double(row.volatilityPct)',
    severity: 'warning',
    ...quiet,
  },
  {
    id: 'depeg',
    name: 'A stablecoin left its peg',
    figure: 'prices',
    expression: 'row.reasons.exists(reason, reason.contains("depeg"))',
    severity: 'critical',
    ...quiet,
  },
  {
    id: 'price-disputed',
    name: 'Venues contradict each other, or a feed is not to be believed',
    figure: 'prices',
    expression: 'row.status == "fail"',
    severity: 'warning',
    ...quiet,
  },
  {
    id: 'venue-incident',
    name: 'A venue was left out of a price',
    figure: 'prices',
    expression: 'size(row.excluded) > 0',
    severity: 'warning',
    ...quiet,
  },
  {
    id: 'record-worse',
    name: 'A grade’s own record says that it is no better than chance',
    figure: 'evaluation',
    expression: 'row.status == "fail"',
    severity: 'warning',
    ...quiet,
  },
];
