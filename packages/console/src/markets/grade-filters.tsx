import { type ReactNode, useId, useState } from 'react';
import { count } from '../words.ts';
import type { GradeLine } from './market-api.ts';
import { SIGNALS } from './market-words.ts';
import {
  COLUMN_NAMES,
  type ColumnName,
  changed,
  columnsOf,
  firstColumns,
  keepColumns,
  type TableView,
} from './table-view.ts';

const SIZES = [
  [1e9, '$1 bn'],
  [1e8, '$100 m'],
  [1e7, '$10 m'],
  [1e6, '$1 m'],
  [1e5, '$100 k'],
] as const;

/** Chooses lines and columns of the table of grades. */
export function GradeFilters({
  view,
  lines,
  shown,
  narratives,
  onChange,
}: {
  view: TableView;
  lines: readonly GradeLine[];
  shown: number;
  /** Names of the narratives by what they are known as. */
  narratives: ReadonlyMap<string, string>;
  onChange: (view: TableView) => void;
}) {
  const [open, setOpen] = useState(false);
  const set = (change: Parameters<typeof changed>[1]) => onChange(changed(view, change));
  const classes = [...new Set(lines.map((line) => line.class ?? 'unknown'))].sort();
  const { cols: _cols, sort: _sort, ...filters } = view;
  const range = (text: string) => (text === '' ? undefined : Math.min(100, Math.max(0, Number(text))));
  return (
    <search aria-label="Choose assets" className="grid gap-3">
      <div className="flex flex-wrap items-end gap-x-3 gap-y-2">
        <Labelled name="Find" className="min-w-36 flex-1 basis-44">
          {(id) => (
            <input
              id={id}
              type="search"
              className="field h-9 w-full"
              placeholder="name or symbol"
              value={view.q ?? ''}
              onChange={({ target }) => set({ q: target.value })}
            />
          )}
        </Labelled>
        <button
          type="button"
          className="action sm:hidden"
          aria-expanded={open}
          onClick={() => setOpen(!open)}
        >
          {open ? 'Fewer filters' : 'More filters'}
        </button>
        <div className={`contents ${open ? '' : 'max-sm:hidden'}`}>
          <Choice name="Class" value={view.class} onChange={(value) => set({ class: value })}>
            {classes.map((name) => [name, name])}
          </Choice>
          {narratives.size > 0 && (
            <Choice name="Narrative" value={view.narrative} onChange={(value) => set({ narrative: value })}>
              {[...narratives]}
            </Choice>
          )}
          <Choice name="Signal" value={view.signal} onChange={(value) => set({ signal: value })}>
            {[
              ...Object.entries(SIGNALS).map(([id, { word }]): [string, string] => [id, word]),
              ['unknown', 'unknown'],
            ]}
          </Choice>
          <fieldset className="min-w-0">
            <legend className="caption">Grade from, to</legend>
            <div className="flex gap-1">
              <select
                className="field h-9"
                aria-label="Which grade"
                value={view.grade ?? 'trader'}
                onChange={({ target }) =>
                  set({ grade: target.value === 'investor' ? 'investor' : undefined })
                }
              >
                <option value="trader">Trader</option>
                <option value="investor">Investor</option>
              </select>
              <input
                type="number"
                min={0}
                max={100}
                className="field h-9 w-18"
                aria-label="Grade from"
                placeholder="0"
                value={view.min ?? ''}
                onChange={({ target }) => set({ min: range(target.value) })}
              />
              <input
                type="number"
                min={0}
                max={100}
                className="field h-9 w-18"
                aria-label="Grade to"
                placeholder="100"
                value={view.max ?? ''}
                onChange={({ target }) => set({ max: range(target.value) })}
              />
            </div>
          </fieldset>
          <Size name="Market cap from" value={view.cap} onChange={(cap) => set({ cap })} />
          <Size name="Volume from" value={view.volume} onChange={(volume) => set({ volume })} />
        </div>
        <Columns view={view} onChange={onChange} />
      </div>
      <p className="caption figure flex flex-wrap gap-x-3" role="status">
        {shown === lines.length
          ? `${count(lines.length)} assets`
          : `${count(shown)} of ${count(lines.length)} assets`}
        {Object.keys(filters).length > 0 && (
          <button
            type="button"
            className="link"
            onClick={() =>
              onChange({
                ...(view.cols ? { cols: view.cols } : {}),
                ...(view.sort ? { sort: view.sort } : {}),
              })
            }
          >
            Show all
          </button>
        )}
      </p>
    </search>
  );
}

function Labelled({
  name,
  className = '',
  children,
}: {
  name: string;
  className?: string;
  children: (id: string) => ReactNode;
}) {
  const id = useId();
  return (
    <div className={`min-w-0 ${className}`}>
      <label htmlFor={id} className="caption block">
        {name}
      </label>
      {children(id)}
    </div>
  );
}

function Choice({
  name,
  value,
  onChange,
  children,
}: {
  name: string;
  value: string | undefined;
  onChange: (value: string | undefined) => void;
  children: (readonly [value: string, words: string])[];
}) {
  return (
    <Labelled name={name}>
      {(id) => (
        <select
          id={id}
          className="field h-9 max-w-40"
          value={value ?? ''}
          onChange={({ target }) => onChange(target.value || undefined)}
        >
          <option value="">all</option>
          {children.map(([id, words]) => (
            <option key={id} value={id}>
              {words}
            </option>
          ))}
        </select>
      )}
    </Labelled>
  );
}

function Size({
  name,
  value,
  onChange,
}: {
  name: string;
  value: number | undefined;
  onChange: (value: number | undefined) => void;
}) {
  const known = value === undefined || SIZES.some(([size]) => size === value);
  return (
    <Labelled name={name}>
      {(id) => (
        <select
          id={id}
          className="field h-9"
          value={value ?? ''}
          onChange={({ target }) => onChange(target.value === '' ? undefined : Number(target.value))}
        >
          <option value="">any</option>
          {SIZES.map(([size, words]) => (
            <option key={size} value={size}>
              {words}
            </option>
          ))}
          {!known && <option value={value}>${count(value)}</option>}
        </select>
      )}
    </Labelled>
  );
}

/** Which columns stand in the table: kept in the address, and for the next visit. */
function Columns({ view, onChange }: { view: TableView; onChange: (view: TableView) => void }) {
  const [open, setOpen] = useState(false);
  const id = useId();
  const columns = columnsOf(view);
  const choose = (chosen: readonly ColumnName[]) => {
    keepColumns(chosen);
    onChange(changed(view, { cols: chosen.join(',') }));
  };
  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: Escape closes what stands inside; the button does so too.
    <div
      className="relative ml-auto"
      onKeyDown={({ key }) => key === 'Escape' && setOpen(false)}
      onBlur={({ currentTarget, relatedTarget }) => {
        if (relatedTarget && !currentTarget.contains(relatedTarget)) setOpen(false);
      }}
    >
      <button
        type="button"
        className="action"
        aria-expanded={open}
        aria-controls={id}
        onClick={() => setOpen(!open)}
      >
        Columns
      </button>
      {open && (
        <fieldset
          id={id}
          className="absolute right-0 z-30 mt-1 w-56 rounded-[10px] border border-line bg-sheet p-3 shadow-lg"
        >
          <legend className="sr-only">Columns of the table</legend>
          {(Object.keys(COLUMN_NAMES) as ColumnName[])
            .filter((name) => name !== 'asset')
            .map((name) => (
              <label key={name} className="flex items-center gap-2 py-0.5">
                <input
                  type="checkbox"
                  className="accent-(--accent)"
                  checked={columns.includes(name)}
                  onChange={({ target }) =>
                    choose(target.checked ? [...columns, name] : columns.filter((other) => other !== name))
                  }
                />
                {COLUMN_NAMES[name]}
              </label>
            ))}
          <button type="button" className="link mt-2 text-sm" onClick={() => choose(firstColumns())}>
            As at first
          </button>
        </fieldset>
      )}
    </div>
  );
}
