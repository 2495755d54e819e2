import type { MarketRow } from '@assay/pipeline';
import { Sheet } from '../sheet.tsx';
import { StatusMark } from '../status-mark.tsx';
import { price as whole } from '../words.ts';
import { amount, day, digits, numberOf, shortPrice, signed, venueOf } from './market-words.ts';
import { ProofLink } from './proof-link.tsx';
import { ScrollArea } from './scroll-area.tsx';

const WORDS = {
  pass: 'The venues agree',
  fail: 'The venues do not agree',
  unknown: 'Whether the price is right is unknown',
};

/** Whether several venues say the same: each one's close, how far off it is, and which were left out. */
export function AssetVenues({ price }: { price: MarketRow<'prices'> }) {
  const { venues, excluded, status, reasons, time, proof, close } = price;
  const widest = Math.max(10, ...venues.map(({ deviationBps }) => Math.abs(numberOf(deviationBps) ?? 0)));
  return (
    <Sheet
      title="Across venues"
      note={`closes of ${day(time)}`}
      aside={<ProofLink proof={proof} of="the cross-verified price" />}
    >
      <div className="flex items-start gap-3 px-5 pt-4">
        <StatusMark status={status} />
        <div className="min-w-0">
          <p className="font-medium">
            {WORDS[status]} <span className="caption figure font-normal">at {whole(close)} dollars</span>
          </p>
          {reasons.length > 0 ? (
            <ul className="text-[0.92rem]">
              {reasons.map((reason) => (
                <li key={reason} className="[overflow-wrap:anywhere]">
                  {reason}
                </li>
              ))}
            </ul>
          ) : (
            status === 'unknown' && (
              <p className="text-[0.92rem] text-unknown">
                {venues.length < 2
                  ? 'It comes from one venue alone: nothing can be compared.'
                  : 'No reason is given.'}
              </p>
            )
          )}
        </div>
      </div>
      <ScrollArea className="overflow-x-auto px-5 py-3" name="Closes by venue">
        <table className="w-full text-right text-[0.9rem]">
          <thead>
            <tr className="caption">
              <th scope="col" className="py-1 text-left font-normal">
                Venue
              </th>
              <th scope="col" className="px-2 py-1 font-normal">
                Close
              </th>
              <th scope="col" className="px-2 py-1 font-normal" colSpan={2}>
                Off by, bps
              </th>
              <th scope="col" className="py-1 pl-2 font-normal">
                Volume
              </th>
            </tr>
          </thead>
          <tbody>
            {venues.map(({ stream, close: own, volume, deviationBps }) => (
              <tr key={stream} className="border-t border-line">
                <th scope="row" className="py-1 text-left font-normal">
                  {venueOf(stream)}
                </th>
                <td className="figure px-2">{shortPrice(own)}</td>
                <td className="w-20 px-2">
                  <Off share={(numberOf(deviationBps) ?? 0) / widest} />
                </td>
                <td className="figure px-2">{signed(deviationBps, 1)}</td>
                <td className="figure pl-2 whitespace-nowrap">{amount(numberOf(volume) ?? 0)}</td>
              </tr>
            ))}
            {excluded.map(({ stream, reason }) => (
              <tr key={stream} className="border-t border-line text-soft">
                <th scope="row" className="py-1 text-left font-normal">
                  {venueOf(stream)}
                </th>
                <td colSpan={4} className="py-1 pl-2 text-left [overflow-wrap:anywhere]">
                  left out: {reason.replaceAll('-', ' ')}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
        {venues.length === 0 && <p className="text-soft">No venue was used.</p>}
      </ScrollArea>
      <p className="caption border-t border-line px-5 py-2.5">
        A deviation is against the volume-weighted price of all venues; {digits(String(widest), 0)} bps fill
        half a bar.
      </p>
    </Sheet>
  );
}

function Off({ share }: { share: number }) {
  const width = Math.min(50, Math.abs(share) * 50);
  return (
    <svg viewBox="0 0 100 8" preserveAspectRatio="none" className="h-2 w-full" aria-hidden="true">
      <rect width="100" height="8" className="fill-sunk" />
      <rect x={share < 0 ? 50 - width : 50} width={width} height="8" className="fill-accent opacity-70" />
      <path d="M50 0V8" className="stroke-soft" vectorEffect="non-scaling-stroke" />
    </svg>
  );
}
