import { QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { createRootRoute, createRoute, createRouter, RouterProvider } from '@tanstack/react-router';
import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { Frame, NotFound } from './frame.tsx';
import { GovernancePage } from './governance.tsx';
import { HealthPage } from './health.tsx';
import { Home } from './home.tsx';
import { marketRoutes } from './markets/market-routes.tsx';
import { ProvidersPage } from './providers.tsx';
import { RecordPage } from './record.tsx';
import { ReviewPage } from './review.tsx';
import { ReviewItemPage } from './review-item.tsx';
import { applyTheme } from './theme.ts';
import { VerifyPage } from './verify.tsx';
import './theme.css';

applyTheme();

const root = createRootRoute({ component: Frame, notFoundComponent: NotFound });
const home = createRoute({ getParentRoute: () => root, path: '/', component: Home });
const record = createRoute({ getParentRoute: () => root, path: '/records/$id', component: RecordPage });
const verify = createRoute({ getParentRoute: () => root, path: '/verify', component: VerifyPage });
const health = createRoute({ getParentRoute: () => root, path: '/health', component: HealthPage });
const providers = createRoute({
  getParentRoute: () => root,
  path: '/providers',
  component: ProvidersPage,
  validateSearch: ({ challenge }: Record<string, unknown>): { challenge?: string } =>
    typeof challenge === 'string' ? { challenge } : {},
});
const governance = createRoute({
  getParentRoute: () => root,
  path: '/governance',
  component: GovernancePage,
});
const review = createRoute({ getParentRoute: () => root, path: '/review', component: ReviewPage });
const reviewItem = createRoute({
  getParentRoute: () => root,
  path: '/review/$item',
  component: ReviewItemPage,
});
const router = createRouter({
  routeTree: root.addChildren([
    home,
    record,
    review,
    reviewItem,
    health,
    providers,
    governance,
    verify,
    ...marketRoutes(root),
  ]),
  scrollRestoration: true,
});

declare module '@tanstack/react-router' {
  interface Register {
    router: typeof router;
  }
}

createRoot(document.getElementById('root')!).render(
  <StrictMode>
    <QueryClientProvider client={new QueryClient()}>
      <RouterProvider router={router} />
    </QueryClientProvider>
  </StrictMode>,
);
