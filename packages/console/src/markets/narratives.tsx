import type { MarketRow } from '@assay/pipeline';
import { useState } from 'react';
import { Figure, Sheet } from '../sheet.tsx';
import { AssetChip } from './asset-name.tsx';
import { Unknown } from './grade-mark.tsx';
import { useFigure } from './market-api.ts';
import { Answered, MarketRoom } from './market-room.tsx';
import { day, digits, dollars, numberOf, signedPercent, UNKNOWN, webAddress } from './market-words.ts';
import { ProofLink, Proven } from './proof-link.tsx';
import { ScrollArea } from './scroll-area.tsx';

type Narrative = MarketRow<'narratives'>;

const ORDERS = {
  momentum: { words: 'Momentum', of: ({ momentumPct }: Narrative) => momentumPct },
  week: { words: 'Return, 7 days', of: ({ return7dPct }: Narrative) => return7dPct },
  month: { words: 'Return, 30 days', of: ({ return30dPct }: Narrative) => return30dPct },
  cohesion: { words: 'Cohesion', of: ({ cohesion }: Narrative) => cohesion },
  cap: { words: 'Market cap', of: ({ marketCapUsd }: Narrative) => marketCapUsd },
};

/** Sectors and themes: who belongs to them, why, and how they moved. */
export function NarrativesPage() {
  const narratives = useFigure('narratives');
  const [order, setOrder] = useState<keyof typeof ORDERS>('momentum');
  return (
    <MarketRoom title="Narratives" lead="Assets that belong together, by what they are and by how they move.">
      <Answered
        query={narratives}
        empty={{ when: ({ rows }) => rows.length === 0, words: 'No narrative has been found yet.' }}
      >
        {({ rows }) => {
          const value = (row: Narrative) => numberOf(ORDERS[order].of(row)) ?? Number.NEGATIVE_INFINITY;
          const sorted = [...rows].sort((a, b) => value(b) - value(a));
          return (
            <>
              <Overview rows={sorted} order={order} onOrder={setOrder} />
              {sorted.map((row) => (
                <Detail key={row.narrative} row={row} />
              ))}
            </>
          );
        }}
      </Answered>
    </MarketRoom>
  );
}

function Overview({
  rows,
  order,
  onOrder,
}: {
  rows: Narrative[];
  order: keyof typeof ORDERS;
  onOrder: (order: keyof typeof ORDERS) => void;
}) {
  const widest = Math.max(...rows.map(({ momentumPct }) => Math.abs(numberOf(momentumPct) ?? 0)), 1e-9);
  return (
    <Sheet
      title="All narratives"
      note={
        rows[0]
          ? `as of ${day(rows[0].time)}; momentum is the return against the market over 30 days`
          : undefined
      }
    >
      <ScrollArea className="overflow-x-auto" name="Narratives compared">
        <table className="w-full min-w-[46rem] text-[0.92rem]">
          <thead>
            <tr className="caption text-right">
              <th scope="col" className="py-1.5 pl-5 text-left font-normal">
                Narrative
              </th>
              {(Object.keys(ORDERS) as (keyof typeof ORDERS)[]).map((name) => (
                <th
                  key={name}
                  scope="col"
                  aria-sort={name === order ? 'descending' : 'none'}
                  className="px-2 py-1.5 font-normal last:pr-5"
                >
                  <button type="button" className="hover:text-ink" onClick={() => onOrder(name)}>
                    {ORDERS[name].words}
                    <span aria-hidden className={name === order ? 'text-ink' : 'invisible'}>
                      {' '}
                      ↓
                    </span>
                  </button>
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {rows.map((row) => (
              <tr key={row.narrative} className="border-t border-line text-right">
                <th scope="row" className="py-1.5 pl-5 text-left font-normal">
                  <a href={`#${row.narrative}`} className="font-medium hover:underline">
                    {row.name}
                  </a>{' '}
                  <span className="caption">
                    {row.members.length === 1 ? 'one asset' : `${row.members.length} assets`}
                  </span>
                </th>
                <td className="px-2 py-1.5">
                  <span className="flex items-center justify-end gap-2">
                    <Diverging share={(numberOf(row.momentumPct) ?? 0) / widest} />
                    <Value text={signedPercent(row.momentumPct)} row={row} of="momentum" />
                  </span>
                </td>
                <td className="px-2 py-1.5">
                  <Value text={signedPercent(row.return7dPct)} row={row} of="7-day return" />
                </td>
                <td className="px-2 py-1.5">
                  <Value text={signedPercent(row.return30dPct)} row={row} of="30-day return" />
                </td>
                <td className="px-2 py-1.5">
                  <Value text={digits(row.cohesion, 2)} row={row} of="cohesion" />
                </td>
                <td className="px-2 py-1.5 pr-5">
                  <Value text={dollars(row.marketCapUsd)} row={row} of="market cap" />
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </ScrollArea>
    </Sheet>
  );
}

/** Left of the middle below zero, right of it above. Said in words beside it. */
function Diverging({ share }: { share: number }) {
  const width = Math.min(50, Math.abs(share) * 50);
  return (
    <svg viewBox="0 0 100 8" preserveAspectRatio="none" className="h-2 w-20" aria-hidden="true">
      <rect x={share < 0 ? 50 - width : 50} width={width} height="8" className="fill-accent opacity-70" />
      <path d="M50 0V8" className="stroke-soft" vectorEffect="non-scaling-stroke" />
    </svg>
  );
}

function Value({ text, row, of }: { text: string; row: Narrative; of: string }) {
  return text === UNKNOWN ? (
    <Unknown />
  ) : (
    <Proven proof={row.proof} of={`the ${of} of ${row.name}`} className="whitespace-nowrap">
      {text}
    </Proven>
  );
}

function Detail({ row }: { row: Narrative }) {
  return (
    <div id={row.narrative} className="scroll-mt-4">
      <Sheet title={row.name} aside={<ProofLink proof={row.proof} of={`the narrative ${row.name}`} />}>
        <div className="grid gap-4 px-5 py-4 lg:grid-cols-[minmax(0,1.3fr)_minmax(0,1fr)]">
          <div className="grid min-w-0 content-start gap-3">
            <dl>
              <Figure name="Why these belong together" value="">
                <span className="text-[0.92rem] text-ink [overflow-wrap:anywhere]">{row.basis}</span>
              </Figure>
            </dl>
            <Assets name="Lead it" assets={row.leaders} />
            <Assets name="Belong to it" assets={row.members} />
          </div>
          <div className="min-w-0">
            <h3 className="caption">Catalysts: what was written while it moved</h3>
            {row.catalysts.length === 0 ? (
              <p className="text-soft">Nothing was written about these assets.</p>
            ) : (
              <ul className="mt-1 grid gap-1.5">
                {row.catalysts.map(({ title, link, time, article }) => (
                  <li key={article} className="text-[0.92rem]">
                    <OutsideLink link={link} title={title} />{' '}
                    <span className="caption figure">{day(time)}</span>
                  </li>
                ))}
              </ul>
            )}
          </div>
        </div>
      </Sheet>
    </div>
  );
}

function Assets({ name, assets }: { name: string; assets: readonly string[] }) {
  if (assets.length === 0) return null;
  return (
    <div>
      <h3 className="caption">{name}</h3>
      <ul className="mt-1 flex flex-wrap gap-1.5">
        {assets.map((asset) => (
          <li key={asset}>
            <AssetChip asset={asset} />
          </li>
        ))}
      </ul>
    </div>
  );
}

/** A title that somebody else wrote, with the way to where it stands if that is a web address. */
export function OutsideLink({ link, title }: { link: string; title: string }) {
  const href = webAddress(link);
  const words = title || 'without a title';
  return href ? (
    <a
      href={href}
      target="_blank"
      rel="noopener noreferrer nofollow"
      className="link [overflow-wrap:anywhere]"
    >
      {words}
      <span className="sr-only"> (another site, in a new tab)</span>
    </a>
  ) : (
    <span className="[overflow-wrap:anywhere]">{words}</span>
  );
}
