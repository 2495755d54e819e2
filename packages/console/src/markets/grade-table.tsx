import { Link } from '@tanstack/react-router';
import {
  columnVisibilityFeature,
  createColumnHelper,
  createSortedRowModel,
  rowSortingFeature,
  tableFeatures,
  useTable,
} from '@tanstack/react-table';
import { defaultRangeExtractor, type Range, useVirtualizer } from '@tanstack/react-virtual';
import {
  Fragment,
  type KeyboardEvent,
  memo,
  type ReactNode,
  useCallback,
  useEffect,
  useMemo,
  useRef,
  useState,
} from 'react';
import { GradeMark, Unknown } from './grade-mark.tsx';
import { GradeRecordButton } from './grade-record.tsx';
import type { EvaluationRow, GradeLine } from './market-api.ts';
import { day, dollars, numberOf, SIGNALS, shortPrice, signedPercent, UNKNOWN } from './market-words.ts';
import { Proven, ServedWord } from './proof-link.tsx';
import { ScrollArea } from './scroll-area.tsx';
import { Sparkline } from './sparkline.tsx';
import { COLUMN_NAMES, type ColumnName, DEFAULT_SORT } from './table-view.ts';

const ROW_PX = 50;
const HEAD_PX = 40;

interface Column {
  width: number;
  /** On a phone. */
  narrow?: number;
  right?: boolean;
  /** What the column is sorted by; undefined stands last, whichever way. */
  order: (line: GradeLine) => string | number | undefined;
  /** Whether the greatest come first at the first press. */
  descending?: boolean;
  cell: (line: GradeLine) => ReactNode;
}

const number = (text: string | null | undefined) => numberOf(text) ?? undefined;

const COLUMNS: Record<ColumnName, Column> = {
  rank: {
    width: 52,
    right: true,
    order: ({ rank }) => number(rank),
    cell: ({ rank }) => <span className="figure text-soft">{rank ?? <Unknown />}</span>,
  },
  asset: {
    width: 158,
    narrow: 92,
    order: ({ symbol }) => symbol.toLowerCase(),
    cell: ({ asset, symbol, name, proof }) => (
      <>
        <Link
          to="/markets/$asset"
          params={{ asset }}
          data-row-link
          className="block truncate leading-tight hover:underline"
        >
          <span className="font-semibold">{symbol.toUpperCase()}</span>{' '}
          <span className="caption max-sm:sr-only">{name ?? asset}</span>
        </Link>
        <ServedWord proof={proof} />
      </>
    ),
  },
  price: {
    width: 104,
    right: true,
    descending: true,
    order: ({ close }) => number(close),
    cell: ({ symbol, close, priceStatus, records }) => (
      <>
        <PriceMark status={close === null ? 'pass' : priceStatus} />
        <Said text={shortPrice(close)} record={records.price} of={`the price of ${symbol.toUpperCase()}`} />
      </>
    ),
  },
  change: {
    width: 80,
    right: true,
    descending: true,
    order: ({ changePct }) => number(changePct),
    cell: ({ changePct }) => <Said text={signedPercent(changePct)} />,
  },
  spark: {
    width: 96,
    order: ({ sparkline }) => {
      const [first, last] = [numberOf(sparkline[0]), numberOf(sparkline.at(-1))];
      return first && last ? last / first : undefined;
    },
    descending: true,
    cell: ({ symbol, sparkline }) => <Sparkline closes={sparkline} of={symbol.toUpperCase()} />,
  },
  trader: {
    width: 150,
    descending: true,
    order: ({ trader }) => number(trader?.grade),
    cell: ({ symbol, trader, reason, proof }) =>
      trader ? (
        <GradeMark grade={trader} proof={proof} of={`Trader Grade of ${symbol.toUpperCase()}`} />
      ) : (
        <Unknown why={reason} />
      ),
  },
  investor: {
    width: 154,
    descending: true,
    order: ({ investor }) => number(investor?.grade),
    cell: ({ symbol, investor, reason, proof }) =>
      investor ? (
        <GradeMark grade={investor} proof={proof} of={`Investor Grade of ${symbol.toUpperCase()}`} />
      ) : (
        <Unknown why={reason} />
      ),
  },
  label: {
    width: 150,
    order: ({ trader }) => trader?.label,
    cell: ({ trader, investor }) => (
      <span className="block text-[0.82rem] leading-snug">
        {trader ? trader.label : <Unknown />}
        <span className="caption"> to traders</span>
        <br />
        {investor ? investor.label : <Unknown />}
        <span className="caption"> to investors</span>
      </span>
    ),
  },
  signal: {
    width: 76,
    descending: true,
    order: ({ signal }) => number(signal),
    cell: ({ symbol, signal, since, records }) =>
      signal === null ? (
        <Unknown />
      ) : (
        <span title={since ? `since ${day(since)}` : undefined} className="whitespace-nowrap">
          <span aria-hidden className="text-[0.7em] text-soft">
            {SIGNALS[signal].sign}
          </span>{' '}
          <Said
            text={SIGNALS[signal].word}
            record={records.signal}
            of={`the signal of ${symbol.toUpperCase()}`}
          />
        </span>
      ),
  },
  cap: {
    width: 100,
    right: true,
    descending: true,
    order: ({ marketCapUsd }) => number(marketCapUsd),
    cell: ({ symbol, marketCapUsd, records }) => (
      <Said
        text={dollars(marketCapUsd)}
        record={records.asset}
        of={`the market cap of ${symbol.toUpperCase()}`}
      />
    ),
  },
  volume: {
    width: 92,
    right: true,
    descending: true,
    order: ({ volumeUsd }) => number(volumeUsd),
    cell: ({ volumeUsd }) => <Said text={dollars(volumeUsd)} />,
  },
  class: {
    width: 90,
    order: (line) => line.class ?? undefined,
    cell: (line) => <Said text={line.class ?? 'unknown'} />,
  },
  state: {
    width: 90,
    order: ({ state }) => state ?? undefined,
    cell: ({ state }) => <Said text={state ?? 'unknown'} />,
  },
};

const features = tableFeatures({
  rowSortingFeature,
  columnVisibilityFeature,
  sortedRowModel: createSortedRowModel(),
});
const helper = createColumnHelper<typeof features, GradeLine>();
const columnDefs = helper.columns(
  (Object.keys(COLUMNS) as ColumnName[]).map((id) =>
    helper.accessor(COLUMNS[id].order, {
      id,
      sortUndefined: 'last',
      sortDescFirst: COLUMNS[id].descending ?? false,
      sortFn: compare,
    }),
  ),
);

/** Ascending; names by their letters. */
function compare(
  a: { getValue: (id: string) => unknown },
  b: { getValue: (id: string) => unknown },
  id: string,
): number {
  const [x, y] = [a.getValue(id), b.getValue(id)] as (string | number)[];
  return x! < y! ? -1 : x! > y! ? 1 : 0;
}

/**
 * All graded assets, thousands of them: only the rows that can be seen are in the document, and the table says how many
 * there are and which these are.
 */
export function GradeTable({
  lines,
  evaluation,
  columns,
  sort = DEFAULT_SORT,
  onSort,
}: {
  lines: GradeLine[];
  evaluation: readonly EvaluationRow[];
  columns: readonly ColumnName[];
  sort?: string | undefined;
  onSort: (sort: string) => void;
}) {
  const sorted = sort.replace(/^-/, '') as ColumnName;
  const descending = sort.startsWith('-');
  const sorting = useMemo(() => [{ id: sorted, desc: descending }], [sorted, descending]);
  const columnVisibility = useMemo(
    () => Object.fromEntries((Object.keys(COLUMNS) as ColumnName[]).map((id) => [id, columns.includes(id)])),
    [columns],
  );
  const table = useTable({
    features,
    columns: columnDefs,
    data: lines,
    getRowId: ({ asset }) => asset,
    state: { sorting, columnVisibility },
    onSortingChange: () => {},
    onColumnVisibilityChange: () => {},
  });
  const rows = table.getRowModel().rows;
  const scroller = useRef<HTMLDivElement>(null);
  // A row that holds the focus stays, wherever the table is scrolled.
  const [focused, setFocused] = useState<number | null>(null);
  const virtualizer = useVirtualizer({
    count: rows.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => ROW_PX,
    getItemKey: useCallback((index: number) => rows[index]?.id ?? index, [rows]),
    overscan: 8,
    scrollPaddingStart: HEAD_PX,
    rangeExtractor: useCallback(
      (range: Range) => {
        const seen = defaultRangeExtractor(range);
        return focused === null || focused >= range.count || seen.includes(focused)
          ? seen
          : [...seen, focused].sort((a, b) => a - b);
      },
      [focused],
    ),
  });
  const wanted = useRef<number | null>(null);
  const goTo = (index: number) => {
    wanted.current = Math.min(rows.length - 1, Math.max(0, index));
    setFocused(wanted.current);
    virtualizer.scrollToIndex(wanted.current);
  };
  useEffect(() => {
    if (wanted.current === null) return;
    const link = scroller.current?.querySelector<HTMLElement>(
      `tr[data-index="${wanted.current}"] [data-row-link]`,
    );
    if (!link) return;
    wanted.current = null;
    link.focus({ preventScroll: true });
  });
  // Another order or another choice begins at its beginning.
  // biome-ignore lint/correctness/useExhaustiveDependencies: it is about the change, not about what is read.
  useEffect(() => {
    setFocused(null);
    scroller.current?.scrollTo({ top: 0 });
  }, [sort, lines]);
  const onKeyDown = (event: KeyboardEvent<HTMLElement>) => {
    const row = (event.target as HTMLElement).closest<HTMLElement>('tr[data-index]');
    const page = Math.max(1, Math.floor((scroller.current?.clientHeight ?? 400) / ROW_PX) - 2);
    const steps: Record<string, number> = {
      ArrowDown: 1,
      ArrowUp: -1,
      PageDown: page,
      PageUp: -page,
      Home: Number.NEGATIVE_INFINITY,
      End: Number.POSITIVE_INFINITY,
    };
    const step = steps[event.key];
    if (!row || step === undefined || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    goTo(Number(row.dataset.index) + step);
  };
  const narrow = matchMedia('(width < 40rem)').matches;
  const widthOf = (name: ColumnName) => (narrow && COLUMNS[name].narrow) || COLUMNS[name].width;
  const items = virtualizer.getVirtualItems();
  let drawn = 0;
  return (
    <ScrollArea
      ref={scroller}
      className="sheet max-h-[78vh] min-h-72 overflow-auto"
      name="Table of grades; arrow keys go from row to row"
    >
      <table
        className="w-full table-fixed border-separate border-spacing-0 text-[0.92rem]"
        style={{ minWidth: columns.reduce((sum, name) => sum + widthOf(name), 0) }}
        aria-rowcount={rows.length + 1}
        aria-colcount={columns.length}
        onKeyDown={onKeyDown}
        onFocus={({ target }) => {
          const row = target.closest<HTMLElement>('tr[data-index]');
          if (row) setFocused(Number(row.dataset.index));
        }}
        onBlur={({ relatedTarget }) => {
          if (wanted.current === null && !scroller.current?.contains(relatedTarget)) setFocused(null);
        }}
      >
        <caption className="sr-only">
          Grades of {rows.length} assets, sorted by {COLUMN_NAMES[sorted]},{' '}
          {descending ? 'greatest' : 'least'} first
        </caption>
        <colgroup>
          {columns.map((name) => (
            <col key={name} style={{ width: widthOf(name) }} />
          ))}
        </colgroup>
        <thead>
          <tr aria-rowindex={1}>
            {columns.map((name, i) => (
              <th
                key={name}
                scope="col"
                aria-colindex={i + 1}
                aria-sort={name === sorted ? (descending ? 'descending' : 'ascending') : 'none'}
                className={`sticky top-0 z-10 border-b border-line bg-sheet px-2 text-left font-normal ${
                  name === 'asset' ? 'left-0 z-20' : ''
                }`}
                style={{ height: HEAD_PX }}
              >
                <span className={`flex items-center gap-1 ${COLUMNS[name].right ? 'justify-end' : ''}`}>
                  <button
                    type="button"
                    className="caption truncate py-1 hover:text-ink"
                    onClick={() => {
                      const first = COLUMNS[name].descending ? `-${name}` : name;
                      const other = COLUMNS[name].descending ? name : `-${name}`;
                      onSort(sort === first ? other : first);
                    }}
                  >
                    {COLUMN_NAMES[name]}
                    {name === sorted && (
                      <span aria-hidden className="text-ink">
                        {' '}
                        {descending ? '↓' : '↑'}
                      </span>
                    )}
                  </button>
                  {(name === 'trader' || name === 'investor') && (
                    <GradeRecordButton grade={name} evaluation={evaluation} />
                  )}
                </span>
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {items.map(({ index, start, end }) => {
            const row = rows[index];
            if (!row) return null;
            const gap = start - drawn;
            drawn = end;
            return (
              <Fragment key={row.id}>
                {gap > 0 && <Space height={gap} span={columns.length} />}
                <Line line={row.original} index={index} columns={columns} />
              </Fragment>
            );
          })}
          {virtualizer.getTotalSize() > drawn && (
            <Space height={virtualizer.getTotalSize() - drawn} span={columns.length} />
          )}
        </tbody>
      </table>
      {rows.length === 0 && <p className="p-5 text-soft">No asset is like that.</p>}
    </ScrollArea>
  );
}

/** The rows that are not drawn, as room. */
function Space({ height, span }: { height: number; span: number }) {
  return (
    // biome-ignore lint/a11y/noAriaHiddenOnFocusable: nothing in it can be focused.
    <tr aria-hidden="true" data-space>
      <td colSpan={span} style={{ height, padding: 0 }} />
    </tr>
  );
}

const Line = memo(function Line({
  line,
  index,
  columns,
}: {
  line: GradeLine;
  index: number;
  columns: readonly ColumnName[];
}) {
  return (
    <tr data-index={index} aria-rowindex={index + 2} className="group" style={{ height: ROW_PX }}>
      {columns.map((name, i) => {
        const { right, cell } = COLUMNS[name];
        const look = `border-b border-line px-2 group-hover:bg-sunk ${right ? 'text-right' : ''}`;
        return name === 'asset' ? (
          <th
            key={name}
            scope="row"
            aria-colindex={i + 1}
            className={`${look} sticky left-0 z-[5] bg-sheet text-left font-normal`}
          >
            {cell(line)}
          </th>
        ) : (
          <td key={name} aria-colindex={i + 1} className={look}>
            {cell(line)}
          </td>
        );
      })}
    </tr>
  );
});

/** A value, as the link to its proof where there is one. */
function Said({ text, record = null, of = '' }: { text: string; record?: string | null; of?: string }) {
  if (text === UNKNOWN) return <Unknown />;
  return record === null ? (
    <span className="figure whitespace-nowrap">{text}</span>
  ) : (
    <Proven proof={{ record }} of={of} className="whitespace-nowrap">
      {text}
    </Proven>
  );
}

const PRICE_MARKS = {
  fail: { sign: '✕', look: 'text-fail', words: 'the venues do not agree' },
  unknown: {
    sign: '?',
    look: 'text-unknown',
    words: 'unknown whether it is right: no second venue to compare with',
  },
};

/** Nothing beside a price on which the venues agree. */
function PriceMark({ status }: { status: GradeLine['priceStatus'] }) {
  if (status === 'pass') return null;
  const { sign, look, words } = PRICE_MARKS[status];
  return (
    <span className={`mr-1 text-[0.8em] font-semibold ${look}`} title={words}>
      <span aria-hidden>{sign}</span>
      <span className="sr-only">{words}: </span>
    </span>
  );
}
