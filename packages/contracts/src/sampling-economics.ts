/** What sampling must cost and threaten so that honesty pays. docs/economics.md derives the formulas. */

/** Terms of SamplingCourt.sol without its times. Amounts in the token's smallest unit. */
export interface SamplingTerms {
  /** C: most that one computation of a task costs. */
  computeCost: bigint;
  /** B: most that a lie that passes is worth. */
  lieGain: bigint;
  /** R_A: paid to the provider for a right output. */
  providerReward: bigint;
  /** R_V: paid to all validators of a drawn task together. */
  validatorsReward: bigint;
  /** S: what a provider loses. */
  providerStake: bigint;
  /** What a validator loses. */
  validatorStake: bigint;
  /** p: share of tasks that is computed again, in parts per million. */
  samplingPpm: number;
  /** q: share of drawn tasks whose output is wrong on purpose, in parts per million. */
  plantedPpm: number;
  /** r: share of validators that may collude with a provider, in basis points. */
  colludingBps: number;
  /** n: validators drawn for a task. */
  validators: number;
}

const ONE = 10n ** 18n;
const MILLION = 1_000_000n;

/**
 * What a lie puts at risk on average: p·[(1 − rⁿ)·S − rⁿ·R_V], rounded down; 0 where that is negative. The same
 * arithmetic as `SamplingCourt.riskOfLying`.
 *
 * @param biasable whether the proposer of a block can have the round drawn again; he is then caught only when two
 *   draws in a row would catch him.
 */
export function riskOfLying(terms: SamplingTerms, biasable = false): bigint {
  let colluding = ONE;
  for (let i = 0; i < terms.validators; i++) {
    colluding = ceilDiv(colluding * BigInt(terms.colludingBps), 10_000n);
  }
  let caught = ((ONE - colluding) * BigInt(terms.samplingPpm)) / MILLION;
  let passed = ceilDiv(colluding * BigInt(terms.samplingPpm), MILLION);
  if (biasable) [caught, passed] = [(caught * caught) / ONE, 2n * passed];
  const lost = caught * terms.providerStake;
  const kept = passed * terms.validatorsReward;
  return lost > kept ? (lost - kept) / ONE : 0n;
}

/**
 * The smallest rate at which a lie does not pay.
 *
 * @returns parts per million; null when even computing everything again does not help.
 * @example
 * leastSamplingPpm({ ...terms, lieGain: 2n * terms.lieGain }); // about twice as much
 */
export function leastSamplingPpm(terms: SamplingTerms, biasable = false): number | null {
  const enough = (samplingPpm: number): boolean =>
    riskOfLying({ ...terms, samplingPpm }, biasable) >= terms.computeCost + terms.lieGain;
  let [low, high] = [1, 1_000_000];
  if (!enough(high)) return null;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (enough(middle)) high = middle;
    else low = middle + 1;
  }
  return low;
}

/** How a provider and the validators who collude with him play a round. */
export type ProviderStrategy =
  /** All compute. */
  | 'honest'
  /** The provider lies; his friends repeat the lie. */
  | 'lie'
  /** The provider lies; his friends pass it only where they are among themselves, and tell the truth otherwise. */
  | 'lie and betray'
  /** The provider lies, and says nothing when he is drawn. */
  | 'lie and hide';

/** How one validator plays a drawn task whose output somebody told him. */
export type ValidatorStrategy = 'compute' | 'repeat';

/** Mean gain of one round and the standard error of that mean, in the token's smallest unit. */
export interface Gain {
  mean: number;
  standardError: number;
}

/**
 * Plays rounds by the rules of the court, with reviewers who find the truth: draws, checks, rulings, rewards, stakes.
 *
 * @param options.population validators there are; `colludingBps` of them, rounded down, are the provider's friends.
 * @param options.random uniform in [0, 1).
 * @returns what provider and friends gain together in one round.
 */
export function playProvider(
  terms: SamplingTerms,
  strategy: ProviderStrategy,
  options: { rounds: number; population: number; random: () => number },
): Gain {
  const { rounds, population, random } = options;
  const n = terms.validators;
  const [cost, lieGain, reward, stake, validatorStake] = [
    terms.computeCost,
    terms.lieGain,
    terms.providerReward,
    terms.providerStake,
    terms.validatorStake,
  ].map(Number) as [number, number, number, number, number];
  const share = Number(terms.validatorsReward) / n;
  const friendsOfAll = Math.floor((population * terms.colludingBps) / 10_000);
  return meanOf(rounds, () => {
    const drawn = random() * 1e6 < terms.samplingPpm;
    let friends = 0;
    for (let i = 0; drawn && i < n; i++) {
      if (random() * (population - i) < friendsOfAll - friends) friends++;
    }
    if (strategy === 'honest') return reward - cost + friends * (share - cost);
    if (!drawn) return lieGain + reward;
    if (strategy !== 'lie and hide' && friends === n) return lieGain + reward + n * share;
    const ofFriends = strategy === 'lie' ? -validatorStake : share - cost;
    return lieGain - stake + friends * ofFriends;
  });
}

/**
 * Plays drawn tasks whose output a validator was told before: right, but for those that reviewers planted.
 *
 * @returns what the validator gains in one drawn task.
 */
export function playValidator(
  terms: SamplingTerms,
  strategy: ValidatorStrategy,
  { rounds, random }: { rounds: number; random: () => number },
): Gain {
  const share = Number(terms.validatorsReward) / terms.validators;
  return meanOf(rounds, () => {
    const planted = random() * 1e6 < terms.plantedPpm;
    if (strategy === 'compute') return share - Number(terms.computeCost);
    return planted ? -Number(terms.validatorStake) : share;
  });
}

function meanOf(rounds: number, play: () => number): Gain {
  let sum = 0;
  let squares = 0;
  for (let i = 0; i < rounds; i++) {
    const gain = play();
    sum += gain;
    squares += gain * gain;
  }
  const mean = sum / rounds;
  return { mean, standardError: Math.sqrt(Math.max(0, squares / rounds - mean * mean) / rounds) };
}

function ceilDiv(value: bigint, by: bigint): bigint {
  return (value + by - 1n) / by;
}
