import { MarketRoom } from './market-room.tsx';
export function PortfolioPage() {
  return <MarketRoom title="Portfolio">…</MarketRoom>;
}
