import type { GradeLine } from './market-api.ts';
import { numberOf } from './market-words.ts';

/** What a reader wants to see of the table of grades. It stands in the address, so that a link shows the same. */
export interface TableView {
  /** In the name, the symbol or the asset. */
  q?: string;
  class?: string;
  narrative?: string;
  signal?: string;
  /** Which grade the range is about. */
  grade?: 'trader' | 'investor';
  min?: number;
  max?: number;
  /** At least, in dollars. */
  volume?: number;
  cap?: number;
  /** A column; with `-` before it the greatest come first. */
  sort?: string;
  /** Columns, separated by commas. */
  cols?: string;
}

export const COLUMN_NAMES = {
  rank: 'Rank',
  asset: 'Asset',
  price: 'Price',
  change: 'Change',
  spark: 'Last days',
  trader: 'Trader Grade',
  investor: 'Investor Grade',
  label: 'In words',
  signal: 'Signal',
  cap: 'Market cap',
  volume: 'Volume',
  class: 'Class',
  state: 'State',
} as const;
export type ColumnName = keyof typeof COLUMN_NAMES;
const ALL = Object.keys(COLUMN_NAMES) as ColumnName[];
export const DEFAULT_COLUMNS: readonly ColumnName[] = [
  'rank',
  'asset',
  'price',
  'change',
  'spark',
  'trader',
  'investor',
  'signal',
  'cap',
  'volume',
  'class',
];
const PHONE_COLUMNS: readonly ColumnName[] = ['asset', 'price', 'trader', 'investor', 'signal', 'cap'];
export const DEFAULT_SORT = '-cap';

/** Reads an address that anybody may have written: what makes no sense is left out. */
export function tableView(search: Record<string, unknown>): TableView {
  const text = (name: string) => {
    const value = search[name];
    return (typeof value === 'string' || typeof value === 'number') && value !== ''
      ? String(value).slice(0, 200)
      : undefined;
  };
  const number = (name: string) => {
    const value = numberOf(text(name));
    return value !== null && value >= 0 ? value : undefined;
  };
  const grade = text('grade');
  const sort = text('sort');
  return withoutEmpty({
    q: text('q'),
    class: text('class'),
    narrative: text('narrative'),
    signal: text('signal'),
    grade: grade === 'trader' || grade === 'investor' ? grade : undefined,
    min: number('min'),
    max: number('max'),
    volume: number('volume'),
    cap: number('cap'),
    sort: sort && isColumn(sort.replace(/^-/, '')) ? sort : undefined,
    cols: columnsIn(text('cols'))?.join(','),
  });
}

/** The view with a change; what is empty leaves the address. */
export function changed(
  view: TableView,
  change: { [Name in keyof TableView]?: TableView[Name] | undefined },
): TableView {
  return withoutEmpty({ ...view, ...change });
}

/** Lines that a view asks for. A value that is not known is in no range. */
export function matching(
  lines: readonly GradeLine[],
  view: TableView,
  narrativesOf: ReadonlyMap<string, readonly string[]>,
): GradeLine[] {
  const words = (view.q ?? '').toLowerCase().split(/\s+/).filter(Boolean);
  const { grade = 'trader', min, max, volume, cap } = view;
  const atLeast = (text: string | null, least: number | undefined) =>
    least === undefined || (numberOf(text) ?? Number.NEGATIVE_INFINITY) >= least;
  return lines.filter((line) => {
    if (words.length > 0) {
      const own = `${line.asset} ${line.symbol} ${line.name ?? ''}`.toLowerCase();
      if (!words.every((word) => own.includes(word))) return false;
    }
    if (view.class && (line.class ?? 'unknown') !== view.class) return false;
    if (view.narrative && !narrativesOf.get(line.asset)?.includes(view.narrative)) return false;
    if (view.signal && (line.signal ?? 'unknown') !== view.signal) return false;
    if (min !== undefined || max !== undefined) {
      const value = numberOf(line[grade]?.grade);
      if (value === null || value < (min ?? 0) || value > (max ?? 100)) return false;
    }
    return atLeast(line.volumeUsd, volume) && atLeast(line.marketCapUsd, cap);
  });
}

const KEY = 'assay-market-columns';

/** Columns of a view: those of its address, else those that this reader chose last. The asset always stands there. */
export function columnsOf(view: TableView): ColumnName[] {
  const chosen = columnsIn(view.cols) ?? columnsIn(localStorage.getItem(KEY)) ?? firstColumns();
  return ALL.filter((name) => name === 'asset' || chosen.includes(name));
}

/** Where there is little room, what matters most comes without scrolling. */
export function firstColumns(): readonly ColumnName[] {
  return matchMedia('(width < 40rem)').matches ? PHONE_COLUMNS : DEFAULT_COLUMNS;
}

/** Keeps a choice of columns for the next visit. */
export function keepColumns(columns: readonly ColumnName[]): void {
  localStorage.setItem(KEY, columns.join(','));
}

function columnsIn(text: string | null | undefined): ColumnName[] | undefined {
  const columns = text?.split(',').filter(isColumn);
  return columns && columns.length > 0 ? columns : undefined;
}

function isColumn(name: string): name is ColumnName {
  return Object.hasOwn(COLUMN_NAMES, name);
}

function withoutEmpty(view: { [Name in keyof TableView]?: TableView[Name] | undefined }): TableView {
  return Object.fromEntries(
    Object.entries(view).filter(([, value]) => value !== undefined && value !== ''),
  ) as TableView;
}
