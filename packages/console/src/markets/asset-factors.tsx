import type { MarketRow } from '@assay/pipeline';
import { Sheet } from '../sheet.tsx';
import { type Grade, IntervalBar, Unknown } from './grade-mark.tsx';
import { digits, numberOf, PARTS, share, signed, spaced } from './market-words.ts';
import { ProofLink } from './proof-link.tsx';
import { ScrollArea } from './scroll-area.tsx';

type Factors = MarketRow<'factors'>;
type Share = Factors['trader'][number];

/** What a grade is made of: its parts, and the factors of each with what was measured, its place, and its weight. */
export function AssetFactors({
  kind,
  grades,
  factors,
}: {
  kind: 'trader' | 'investor';
  grades: MarketRow<'grades'> | null;
  factors: Factors | null;
}) {
  const grade = grades?.[kind] ?? null;
  const title = kind === 'trader' ? 'Trader Grade' : 'Investor Grade';
  return (
    <Sheet title={title} aside={grades && <ProofLink proof={grades.proof} of={`the ${title}`} />}>
      <div className="grid grid-cols-1 gap-4 px-5 py-4">
        {grade ? (
          <Head grade={grade} />
        ) : (
          <p>
            <Unknown>It cannot be graded</Unknown>
            {grades?.reason && `: ${grades.reason}`}
          </p>
        )}
        {grade && <Parts grade={grade} shares={factors?.[kind] ?? []} />}
        {factors && factors[kind].length > 0 && (
          <Table title={title} factors={factors} shares={factors[kind]} />
        )}
      </div>
    </Sheet>
  );
}

function Head({ grade }: { grade: Grade }) {
  return (
    <div>
      <p className="flex flex-wrap items-baseline gap-x-3">
        <span className="figure text-3xl font-semibold tracking-tight">{digits(grade.grade, 1)}</span>
        <span className="font-medium">{grade.label}</span>
        <span className="caption figure">
          {grade.change === null ? 'change unknown' : `${signed(grade.change, 1)} against the day before`}
        </span>
      </p>
      <IntervalBar grade={grade} large />
      <p className="caption figure mt-1">
        Between {digits(grade.low, 1)} and {digits(grade.high, 1)}, whatever the missing parts said
      </p>
    </div>
  );
}

function Parts({ grade, shares }: { grade: Grade; shares: readonly Share[] }) {
  return (
    <ul className="grid gap-1.5">
      {(Object.entries(grade.parts) as [keyof Grade['parts'], string | null][]).map(([part, score]) => {
        const weight = shares
          .filter((each) => each.part === part)
          .reduce((sum, each) => sum + (numberOf(each.weight) ?? 0), 0);
        return (
          <li
            key={part}
            className="grid grid-cols-[6.5rem_minmax(0,1fr)_4.5rem_5rem] items-center gap-3 text-[0.92rem]"
          >
            <span>{PARTS[part] ?? spaced(part)}</span>
            <Bar score={score} />
            <span className="figure text-right">{score === null ? <Unknown /> : digits(score, 0)}</span>
            <span className="caption figure text-right">
              {shares.length === 0 ? '' : weight > 0 ? `${share(String(weight), 0)} of it` : 'not in it'}
            </span>
          </li>
        );
      })}
    </ul>
  );
}

/** 0 to 100; a dashed box where nothing is known. */
function Bar({ score }: { score: string | null }) {
  const value = numberOf(score);
  return (
    <span
      className={`block h-1.5 overflow-hidden rounded-full ${value === null ? 'border border-dashed border-unknown' : 'bg-sunk'}`}
      aria-hidden
    >
      {value !== null && <span className="block h-full bg-accent" style={{ width: `${value}%` }} />}
    </span>
  );
}

function Table({ title, factors, shares }: { title: string; factors: Factors; shares: readonly Share[] }) {
  const missing = shares.filter(({ value }) => value === null).length;
  return (
    <details>
      <summary className="text-[0.92rem]">
        {shares.length} factors
        {missing > 0 && (
          <span className="text-unknown">
            , {missing} of them {missing === 1 ? 'is' : 'are'} unknown
          </span>
        )}
      </summary>
      <ScrollArea className="mt-2 overflow-x-auto" name={`Factors of the ${title}`}>
        <table className="w-full text-right text-[0.86rem]">
          <thead>
            <tr className="caption">
              <th scope="col" className="py-1 text-left font-normal">
                Factor
              </th>
              <th scope="col" className="px-2 py-1 font-normal">
                Measured
              </th>
              <th
                scope="col"
                className="px-2 py-1 font-normal"
                title="Place among all graded assets of that day"
              >
                Score
              </th>
              <th scope="col" className="py-1 pl-2 font-normal" title="Share of the grade; all sum to 100 %">
                Weight
              </th>
            </tr>
          </thead>
          {[...Map.groupBy(shares, ({ part }) => part)].map(([part, own]) => (
            <tbody key={part}>
              <tr>
                <th scope="rowgroup" colSpan={4} className="pt-2 text-left font-medium">
                  {PARTS[part] ?? spaced(part)}
                </th>
              </tr>
              {own.map(({ factor, value, score, weight }) => (
                <tr key={factor} className="border-t border-line">
                  <th scope="row" className="py-1 text-left font-normal [overflow-wrap:anywhere]">
                    {spaced(factor)}
                  </th>
                  <td className="figure px-2 whitespace-nowrap" title={value ?? undefined}>
                    {value === null ? <Unknown /> : measured(value)}
                  </td>
                  <td className="figure px-2">{score === null ? <Unknown /> : digits(score, 0)}</td>
                  <td className="figure pl-2 whitespace-nowrap">{share(weight)}</td>
                </tr>
              ))}
            </tbody>
          ))}
        </table>
      </ScrollArea>
      <p className="mt-2 flex flex-wrap justify-between gap-2">
        <span className="caption">
          A factor that is unknown gives its weight to the others, and widens the band.
        </span>
        <ProofLink proof={factors.proof} of={`the factors of the ${title}`} />
      </p>
    </details>
  );
}

/** Five significant digits are enough to read; the whole number is in the title and in the record. */
function measured(value: string): string {
  const number = numberOf(value) ?? 0;
  const size = number === 0 ? 0 : Math.floor(Math.log10(Math.abs(number)));
  return digits(value, Math.min(8, Math.max(0, 3 - size)));
}
