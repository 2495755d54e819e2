/** A node that has nothing but a market: for tests of what is served from it. */
import type { MarketView } from '@assay/pipeline';
import type { NodeView } from './node-view.ts';

export function marketNode(market: MarketView | null): NodeView {
  const absent = () => {
    throw new Error('a test of the market asked for something else of the node');
  };
  const rest = new Proxy({} as NodeView, { get: (_, name) => (name === 'then' ? undefined : absent) });
  return new Proxy(rest, {
    get: (target, name) => {
      if (name === 'market') return market;
      if (name === 'consoleDirectory' || name === 'economy') return null;
      return Reflect.get(target, name);
    },
  });
}
