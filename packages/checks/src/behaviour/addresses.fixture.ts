import { BASE_FEATURES } from './fraud-features.ts';

/** An address as somebody could have: all totals zero but those that are given. */
export const address = (totals: Record<string, string>) => ({
  address: '0x00000000000000000000000000000000000000aa',
  ...Object.fromEntries(BASE_FEATURES.map(({ key }) => [key, '0'])),
  ...totals,
});
export const ordinary = address({
  minutesBetweenSent: '2000',
  minutesBetweenReceived: '3000',
  activeMinutes: '200000',
  sent: '40',
  received: '30',
  uniqueSenders: '12',
  uniqueReceivers: '15',
  minReceived: '0.01',
  maxReceived: '5',
  meanReceived: '1',
  minSent: '0.01',
  maxSent: '3',
  meanSent: '0.7',
  transactions: '70',
  etherSent: '28',
  etherReceived: '30',
  balance: '2',
});
