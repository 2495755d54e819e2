/**
 * Shows on four years of real markets that pegs and copies are told by their prices alone, on the day itself: known
 * stablecoins and wrapped coins are not graded once they have a history, and no large coin that moves on its own is
 * lost.
 */
import { describe, expect, it } from 'vitest';
import { coinbaseHistory } from '../../bench/coinbase-daily.ts';
import { LOOKBACK_DAYS } from './factors.ts';
import { observedHistory } from './observed.ts';
import { universeOn } from './universe.ts';

const history = await coinbaseHistory();
if (!history) console.log('skipped: ../shared/data/coinbase-daily is not there');

describe.skipIf(!history)('the universe of real markets', () => {
  it('has next to no stablecoin and no wrapped coin in it, and keeps the coins that only look calm', () => {
    const { panel } = history!;
    const observed = observedHistory({ history: history!, days: { from: 0, to: 0 }, figures: {} });
    const pegged = ['USDT', 'USDC', 'DAI', 'BUSD', 'TUSD', 'PAX', 'GUSD', 'HUSD', 'USDP'];
    let seen = 0;
    let graded = 0;
    const wrapped: boolean[] = [];
    for (let day = 200; day < panel.days.length; day += 20) {
      for (const standing of universeOn(panel, observed, day, LOOKBACK_DAYS)) {
        const symbol = panel.symbols[standing.asset]!;
        if (pegged.includes(symbol)) {
          if (standing.investor || standing.trader) graded++;
          else if (standing.reason!.startsWith('stablecoin')) seen++;
        }
        // Wrapped coins are told from half a year of snapshots; bars would tell them in a month.
        if (symbol === 'WBTC' && day > 540)
          wrapped.push(standing.reason?.startsWith('copy: moves as BTC') ?? false);
        if (['BTC', 'ETH', 'LTC', 'BCH', 'DASH', 'LINK'].includes(symbol) && standing.reason !== null) {
          expect(standing.reason).not.toMatch(/copy|pegged|stablecoin|bad data/);
        }
      }
    }
    expect(seen).toBeGreaterThan(200);
    expect(wrapped.filter((told) => told).length / wrapped.length).toBeGreaterThan(0.8);
    // DAI traded up to 4 % above its peg in September 2020, for longer than a tenth of the window.
    expect(graded).toBeLessThanOrEqual(2);
  });
});
