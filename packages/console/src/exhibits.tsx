import type { Exhibit } from '@assay/checks';
import { moment, price } from './words.ts';

type Of<Kind extends Exhibit['kind']> = Extract<Exhibit, { kind: Kind }>;

/** What a detector saw, side by side: the series with what is wrong marked, pictures, quotes, tables. */
export function Exhibits({ exhibits }: { exhibits: readonly Exhibit[] }) {
  if (exhibits.length === 0) return null;
  return (
    <div className="grid grid-cols-[repeat(auto-fit,minmax(min(100%,22rem),1fr))] gap-4">
      {exhibits.map((exhibit, i) => (
        // Exhibits of a finding never change and never move.
        // biome-ignore lint/suspicious/noArrayIndexKey: as above; titles may repeat.
        <figure key={i} className="m-0 min-w-0 rounded-lg border border-line p-3">
          <figcaption className="caption pb-2 [overflow-wrap:anywhere]">{exhibit.title}</figcaption>
          <Shown exhibit={exhibit} />
        </figure>
      ))}
    </div>
  );
}

function Shown({ exhibit }: { exhibit: Exhibit }) {
  switch (exhibit.kind) {
    case 'series':
      return <Series exhibit={exhibit} />;
    case 'image':
      return (
        <img
          className="max-h-96 w-full rounded object-contain"
          src={`data:${exhibit.mediaType};base64,${exhibit.base64}`}
          alt={exhibit.title}
        />
      );
    case 'quotes':
      return <Quotes exhibit={exhibit} />;
    case 'table':
      return <Table exhibit={exhibit} />;
  }
}

const WIDTH = 640;
const HEIGHT = 200;
const PAD = 6;

/** The values, the band that was expected where there is one, and what was marked. */
function Series({ exhibit: { title, unit, points, marked } }: { exhibit: Of<'series'> }) {
  const heights = points.flatMap(({ value, low, high }) =>
    [value, low, high].filter((text) => text !== null && text !== undefined).map(Number),
  );
  if (heights.length === 0) return <p className="text-soft">No values.</p>;
  const least = Math.min(...heights);
  const most = Math.max(...heights);
  const x = (i: number) => PAD + (i * (WIDTH - 2 * PAD)) / Math.max(1, points.length - 1);
  const y = (value: number) => HEIGHT - PAD - ((value - least) * (HEIGHT - 2 * PAD)) / (most - least || 1);
  const at = (i: number, text: string) => `${x(i).toFixed(1)},${y(Number(text)).toFixed(1)}`;
  const banded = points.flatMap(({ low, high }, i) =>
    low !== undefined && high !== undefined ? [{ i, low, high }] : [],
  );
  const first = points[0]!;
  const last = points.at(-1)!;
  const worst = marked.flatMap(([from, to]) => points.slice(from, to + 1));
  return (
    <>
      <svg
        viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
        className="w-full"
        role="img"
        aria-label={`${title}: ${points.length} values from ${price(String(least))} to ${price(String(most))} ${unit}, ${worst.length} of them marked`}
      >
        {marked.map(([from, to]) => (
          <rect
            key={from}
            x={x(from) - 3}
            width={x(to) - x(from) + 6}
            y={0}
            height={HEIGHT}
            className="fill-fail-wash stroke-fail"
            strokeWidth="0.6"
          />
        ))}
        {banded.length > 1 && (
          <polygon
            points={[
              ...banded.map(({ i, high }) => at(i, high)),
              ...banded.toReversed().map(({ i, low }) => at(i, low)),
            ].join(' ')}
            className="fill-accent opacity-15"
          />
        )}
        <path d={pathOf(points, at)} fill="none" className="stroke-ink" strokeWidth="1.4" />
        {points.map(({ time, value }, i) =>
          value === null || !isAlone(points, i) ? null : (
            <circle key={time} cx={x(i)} cy={y(Number(value))} r="2.5" className="fill-ink" />
          ),
        )}
        {marked.flatMap(([from, to]) =>
          points
            .slice(from, to + 1)
            .map(({ time, value }, i) =>
              value === null ? null : (
                <circle key={time} cx={x(from + i)} cy={y(Number(value))} r="3" className="fill-fail" />
              ),
            ),
        )}
      </svg>
      <p className="caption figure flex flex-wrap justify-between gap-x-3">
        <span>{moment(first.time)}</span>
        <span>
          {price(String(least))} to {price(String(most))} {unit}
        </span>
        <span>{moment(last.time)} UTC</span>
      </p>
      {worst.length > 0 && (
        <p className="caption figure [overflow-wrap:anywhere]">
          Marked:{' '}
          {worst
            .slice(0, 3)
            .map(
              ({ time, value, low, high }) =>
                `${moment(time)} ${value === null ? 'no value' : price(value)}${low !== undefined && high !== undefined ? ` (expected ${price(low)} to ${price(high)})` : ''}`,
            )
            .join('; ')}
          {worst.length > 3 && `; and ${worst.length - 3} more`}
        </p>
      )}
    </>
  );
}

/** A line that breaks where a value is missing: nothing is drawn that was not there. */
function pathOf(points: Of<'series'>['points'], at: (i: number, text: string) => string): string {
  let broken = true;
  return points
    .map(({ value }, i) => {
      if (value === null) {
        broken = true;
        return '';
      }
      const step = `${broken ? 'M' : 'L'}${at(i, value)}`;
      broken = false;
      return step;
    })
    .join('');
}

/** A value without neighbours, which no line reaches. */
function isAlone(points: Of<'series'>['points'], i: number): boolean {
  return (points[i - 1]?.value ?? null) === null && (points[i + 1]?.value ?? null) === null;
}

function Quotes({ exhibit: { quotes } }: { exhibit: Of<'quotes'> }) {
  return (
    <dl className="grid gap-3">
      {quotes.map(({ place, text }) => (
        <div key={`${place}/${text}`} className="border-l-2 border-unknown pl-3">
          <dt className="caption [overflow-wrap:anywhere]">{place}</dt>
          <dd className="[overflow-wrap:anywhere]">
            <q>{text}</q>
          </dd>
        </div>
      ))}
    </dl>
  );
}

function Table({ exhibit: { title, columns, rows } }: { exhibit: Of<'table'> }) {
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: a scrolling region must be reachable by keyboard.
    <section className="max-h-72 overflow-auto" tabIndex={0} aria-label={title}>
      <table className="w-full text-[0.88rem]">
        <thead>
          <tr>
            {columns.map((column) => (
              <th key={column} className="caption pr-3 text-left font-normal">
                {column}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row, r) => (
            // biome-ignore lint/suspicious/noArrayIndexKey: rows may repeat, and never move.
            <tr key={r} className="border-t border-line">
              {row.map((cell, i) => (
                <td key={columns[i]} className="figure py-1 pr-3 [overflow-wrap:anywhere]">
                  {price(cell)}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}
