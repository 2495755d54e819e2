import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import type { GradesAnswer } from './market-api.ts';

/** What people call an asset, where the table of grades was already read; else its identity. */
export function useSymbols(): (asset: string) => string {
  const { data } = useQuery<GradesAnswer, Error, ReadonlyMap<string, string>>({
    queryKey: ['market', 'grades'],
    // Nobody asks for thousands of rows to show a few names.
    enabled: false,
    select: symbolsIn,
  });
  return (asset) => data?.get(asset) ?? asset;
}

function symbolsIn({ rows }: GradesAnswer): ReadonlyMap<string, string> {
  return new Map(rows.map(({ asset, symbol }) => [asset, symbol.toUpperCase()]));
}

/** An asset as a small link to its page. */
export function AssetChip({ asset }: { asset: string }) {
  const symbolOf = useSymbols();
  return (
    <Link
      to="/markets/$asset"
      params={{ asset }}
      className="inline-block rounded border border-line px-1.5 py-px text-[0.85rem] hover:border-accent"
    >
      {symbolOf(asset)}
    </Link>
  );
}
