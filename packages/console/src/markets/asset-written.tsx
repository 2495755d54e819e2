import type { MarketRow } from '@assay/pipeline';
import { Link } from '@tanstack/react-router';
import { Sheet } from '../sheet.tsx';
import { moment } from '../words.ts';
import { Unknown } from './grade-mark.tsx';
import type { AssetAnswer } from './market-api.ts';
import { numberOf, share, signed, signedPercent } from './market-words.ts';
import { OutsideLink } from './narratives.tsx';
import { ProofLink, Proven } from './proof-link.tsx';

/** What is written about an asset, and how it sounds. */
export function AssetSentiment({ row, symbol }: { row: MarketRow<'sentiment'>; symbol: string }) {
  const [all, positive, negative] = [row.articles, row.positive, row.negative].map(
    (text) => numberOf(text) ?? 0,
  ) as [number, number, number];
  return (
    <Sheet
      title="Sentiment"
      note="of what was written that day, from −1 to 1"
      aside={<ProofLink proof={row.proof} of={`the sentiment about ${symbol}`} />}
    >
      <div className="grid gap-3 px-5 py-4">
        <p className="flex flex-wrap items-baseline gap-x-3">
          {row.score === null ? (
            <Unknown>unknown: nothing was written</Unknown>
          ) : (
            <>
              <Proven
                proof={row.proof}
                of={`the sentiment about ${symbol}`}
                className="text-xl font-semibold"
              >
                {signed(row.score, 2)}
              </Proven>
              <span className="font-medium">{row.label}</span>
            </>
          )}
          <span className="caption figure">
            {all === 1 ? 'one article' : `${all} articles`}: {positive} positive, {negative} negative,{' '}
            {Math.max(0, all - positive - negative)} neutral
          </span>
        </p>
        {row.latest.length > 0 && (
          <ul>
            {row.latest.map(({ article, title, link, time, score }) => (
              <li key={article} className="flex gap-3 border-t border-line py-1.5 text-[0.92rem]">
                <span className="min-w-0 flex-1">
                  <OutsideLink link={link} title={title} />
                  <span className="caption figure block">{moment(time)} UTC</span>
                </span>
                <span className="figure text-soft">{signed(score, 2)}</span>
              </li>
            ))}
          </ul>
        )}
      </div>
    </Sheet>
  );
}

/** Narratives, guides and indices that an asset is in. */
export function AssetLists({
  symbol,
  narratives,
  guides,
  indices,
}: { symbol: string } & Pick<AssetAnswer, 'narratives' | 'guides' | 'indices'>) {
  const entries = [
    ...narratives.map(({ narrative, name, basis, momentumPct, members, proof }) => ({
      key: `narrative/${narrative}`,
      kind: 'Narrative',
      title: (
        <Link to="/markets/narratives" hash={narrative} className="font-medium hover:underline">
          {name}
        </Link>
      ),
      words: `${members.length === 1 ? 'one asset' : `${members.length} assets`}, ${signedPercent(momentumPct)} against the market in 30 days. ${basis}`,
      proof,
      of: `the narrative ${name}`,
    })),
    ...guides.map(({ guide, name, place, reasons, proof }) => ({
      key: `guide/${guide}`,
      kind: 'Guide',
      title: (
        <Link to="/markets/guides" className="font-medium hover:underline">
          {name}, place {place}
        </Link>
      ),
      words: reasons.join('; '),
      proof,
      of: `place ${place} of ${name}`,
    })),
    ...indices.map(({ index, name, weight, proof }) => ({
      key: `index/${index}`,
      kind: 'Index',
      title: (
        <Link to="/markets/indices" className="font-medium hover:underline">
          {name}
        </Link>
      ),
      words: `holds it with ${share(weight)}`,
      proof,
      of: `the index ${name}`,
    })),
  ];
  return (
    <Sheet title="Where it stands" note="narratives, guides and indices">
      {entries.length === 0 ? (
        <p className="px-5 py-3 text-soft">{symbol} is in none of them.</p>
      ) : (
        <ul>
          {entries.map(({ key, kind, title, words, proof, of }) => (
            <li key={key} className="border-b border-line px-5 py-2 last:border-0">
              <p className="flex flex-wrap items-baseline justify-between gap-x-3">
                <span>
                  <span className="caption">{kind}</span> {title}
                </span>
                <ProofLink proof={proof} of={of} />
              </p>
              <p className="caption figure [overflow-wrap:anywhere]">{words}</p>
            </li>
          ))}
        </ul>
      )}
    </Sheet>
  );
}

/** What is wrong with an asset's data. */
export function AssetDefects({ row }: { row: MarketRow<'assets'> }) {
  return (
    <Sheet
      title="Defects of its data"
      aside={<ProofLink proof={row.proof} of={`what is known of ${row.symbol.toUpperCase()}`} />}
    >
      {row.defects.length === 0 ? (
        <p className="px-5 py-3 text-soft">None was found.</p>
      ) : (
        <ul>
          {row.defects.map((defect) => (
            <li
              key={defect}
              className="border-b border-line px-5 py-2 text-[0.92rem] last:border-0 [overflow-wrap:anywhere]"
            >
              {defect}
            </li>
          ))}
        </ul>
      )}
    </Sheet>
  );
}
