/**
 * What the fraud classifier looks at: totals of an Ethereum address's transactions as they are published in the
 * data set of Farrugia, Ellul and Azzopardi, "Detection of illicit accounts over the Ethereum blockchain" (Expert
 * Systems with Applications 150, 2020), and ratios of them.
 */

/** A total as it stands in a row, with the heading it has in the published table. */
export interface BaseFeature {
  key: string;
  /** For people. */
  label: string;
  /** Heading in the published CSV, without the spaces around some of them. */
  heading: string;
}

const base = (key: string, label: string, heading: string): BaseFeature => ({ key, label, heading });

/**
 * Left out, because they give the label away or say nothing: the address, the names of tokens (one spam token's
 * recipients are all labelled fraud), columns that are zero everywhere, and columns that differ in two rows.
 */
export const BASE_FEATURES: readonly BaseFeature[] = [
  base('minutesBetweenSent', 'minutes between payments', 'Avg min between sent tnx'),
  base('minutesBetweenReceived', 'minutes between receipts', 'Avg min between received tnx'),
  base('activeMinutes', 'minutes from first to last transaction', 'Time Diff between first and last (Mins)'),
  base('sent', 'payments', 'Sent tnx'),
  base('received', 'receipts', 'Received Tnx'),
  base('contractsCreated', 'contracts created', 'Number of Created Contracts'),
  base('uniqueSenders', 'different senders', 'Unique Received From Addresses'),
  base('uniqueReceivers', 'different receivers', 'Unique Sent To Addresses'),
  base('minReceived', 'least ether received', 'min value received'),
  base('maxReceived', 'most ether received', 'max value received'),
  base('meanReceived', 'mean ether received', 'avg val received'),
  base('minSent', 'least ether sent', 'min val sent'),
  base('maxSent', 'most ether sent', 'max val sent'),
  base('meanSent', 'mean ether sent', 'avg val sent'),
  base('transactions', 'transactions', 'total transactions (including tnx to create contract'),
  base('etherSent', 'ether sent', 'total Ether sent'),
  base('etherReceived', 'ether received', 'total ether received'),
  base('balance', 'ether balance', 'total ether balance'),
  base('tokenTransfers', 'token transfers', 'Total ERC20 tnxs'),
  base('tokensReceived', 'tokens received', 'ERC20 total Ether received'),
  base('tokensSent', 'tokens sent', 'ERC20 total ether sent'),
  base('tokensSentToContracts', 'tokens sent to contracts', 'ERC20 total Ether sent contract'),
  base('tokenReceivers', 'different receivers of tokens', 'ERC20 uniq sent addr'),
  base('tokenSenders', 'different senders of tokens', 'ERC20 uniq rec addr'),
  base('tokenContracts', 'token contracts received from', 'ERC20 uniq rec contract addr'),
  base('minTokenReceived', 'least tokens received', 'ERC20 min val rec'),
  base('maxTokenReceived', 'most tokens received', 'ERC20 max val rec'),
  base('meanTokenReceived', 'mean tokens received', 'ERC20 avg val rec'),
  base('minTokenSent', 'least tokens sent', 'ERC20 min val sent'),
  base('maxTokenSent', 'most tokens sent', 'ERC20 max val sent'),
  base('meanTokenSent', 'mean tokens sent', 'ERC20 avg val sent'),
  base('tokenKindsSent', 'kinds of tokens sent', 'ERC20 uniq sent token name'),
  base('tokenKindsReceived', 'kinds of tokens received', 'ERC20 uniq rec token name'),
];

type Totals = (key: string) => number;

const ratio = (above: string, below: string) => (of: Totals) =>
  of(below) === 0 ? Number.NaN : of(above) / of(below);

/** Ratios of totals; one whose divisor is zero is missing. */
const RATIOS: readonly { label: string; of: (totals: Totals) => number }[] = [
  { label: 'payments a receipt', of: ratio('sent', 'received') },
  { label: 'share of the ether received that was sent', of: ratio('etherSent', 'etherReceived') },
  { label: 'share of the ether received that is left', of: ratio('balance', 'etherReceived') },
  { label: 'senders a receipt', of: ratio('uniqueSenders', 'received') },
  { label: 'receivers a payment', of: ratio('uniqueReceivers', 'sent') },
  { label: 'active minutes a transaction', of: ratio('activeMinutes', 'transactions') },
  { label: 'share of the largest payment', of: ratio('maxSent', 'etherSent') },
  { label: 'share of the largest receipt', of: ratio('maxReceived', 'etherReceived') },
  { label: 'least payment over the largest', of: ratio('minSent', 'maxSent') },
  { label: 'least receipt over the largest', of: ratio('minReceived', 'maxReceived') },
  { label: 'mean receipt over the largest', of: ratio('meanReceived', 'maxReceived') },
  { label: 'mean payment over the largest', of: ratio('meanSent', 'maxSent') },
  { label: 'token transfers a transaction', of: ratio('tokenTransfers', 'transactions') },
  { label: 'token contracts a token transfer', of: ratio('tokenContracts', 'tokenTransfers') },
  { label: 'token senders a token transfer', of: ratio('tokenSenders', 'tokenTransfers') },
  { label: 'token receivers a token transfer', of: ratio('tokenReceivers', 'tokenTransfers') },
  { label: 'share of the tokens received that were sent', of: ratio('tokensSent', 'tokensReceived') },
  { label: 'mean over the most tokens received', of: ratio('meanTokenReceived', 'maxTokenReceived') },
  {
    label: 'waiting between receipts over that between payments',
    of: ratio('minutesBetweenReceived', 'minutesBetweenSent'),
  },
  { label: 'receipts less payments', of: (of) => of('received') - of('sent') },
  { label: 'ether unaccounted for', of: (of) => of('etherReceived') - of('etherSent') - of('balance') },
  {
    label: 'transactions beyond payments and receipts',
    of: (of) => of('transactions') - of('sent') - of('received'),
  },
  { label: 'largest receipt less largest payment, relative', of: excess('maxReceived', 'maxSent') },
  { label: 'mean receipt less mean payment, relative', of: excess('meanReceived', 'meanSent') },
  { label: 'least receipt less least payment, relative', of: excess('minReceived', 'minSent') },
];

function excess(first: string, second: string): (of: Totals) => number {
  return (of) => (of(first) === 0 ? Number.NaN : (of(first) - of(second)) / of(first));
}

/** For people, in the order of {@link featureVector}. */
export const FEATURE_LABELS: readonly string[] = [
  ...BASE_FEATURES.map(({ label }) => label),
  ...RATIOS.map(({ label }) => label),
];

/**
 * The classifier's input: the totals and their ratios as 32-bit floats, NaN where missing.
 *
 * @param totals by key; one that is not there is missing.
 * @example
 * const row = featureVector(new Map([['sent', 3], ['received', 4]]));
 */
export function featureVector(totals: ReadonlyMap<string, number>): Float32Array {
  const of: Totals = (key) => totals.get(key) ?? Number.NaN;
  return Float32Array.from([...BASE_FEATURES.map(({ key }) => of(key)), ...RATIOS.map((r) => r.of(of))]);
}
