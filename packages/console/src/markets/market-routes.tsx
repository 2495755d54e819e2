import { type AnyRoute, createRoute, lazyRouteComponent } from '@tanstack/react-router';
import { tableView } from './table-view.ts';

/** The market's pages. Who does not come here does not load them. */
export function marketRoutes<Root extends AnyRoute>(root: Root) {
  const under = <const Path extends string>(path: Path) => ({ getParentRoute: () => root, path });
  return [
    createRoute({
      ...under('/markets'),
      component: lazyRouteComponent(() => import('./markets-page.tsx'), 'MarketsPage'),
      validateSearch: tableView,
    }),
    createRoute({
      ...under('/markets/guides'),
      component: lazyRouteComponent(() => import('./guides.tsx'), 'GuidesPage'),
    }),
    createRoute({
      ...under('/markets/narratives'),
      component: lazyRouteComponent(() => import('./narratives.tsx'), 'NarrativesPage'),
    }),
    createRoute({
      ...under('/markets/indices'),
      component: lazyRouteComponent(() => import('./indices.tsx'), 'IndicesPage'),
    }),
    createRoute({
      ...under('/markets/portfolio'),
      component: lazyRouteComponent(() => import('./portfolio.tsx'), 'PortfolioPage'),
    }),
    createRoute({
      ...under('/markets/alerts'),
      component: lazyRouteComponent(() => import('./market-alerts.tsx'), 'MarketAlertsPage'),
    }),
    createRoute({
      ...under('/markets/$asset'),
      component: lazyRouteComponent(() => import('./asset-page.tsx'), 'AssetPage'),
    }),
  ] as const;
}
