import { type ReactNode, useId, useRef, useState } from 'react';
import { Sheet } from '../sheet.tsx';
import { Field } from './form-parts.tsx';
import type { GradeLine } from './market-api.ts';
import { digits, numberOf, shortPrice } from './market-words.ts';
import {
  OBJECTIVES,
  type ObjectiveName,
  RETURN_MODELS,
  RISK_MODELS,
  type Wishes,
} from './portfolio-request.ts';
import { ScrollArea } from './scroll-area.tsx';

/** As many as the node takes. */
const MAX_ASSETS = 300;

const TARGETS: Partial<Record<ObjectiveName, string>> = {
  'max-utility': 'Risk aversion',
  'efficient-return': 'Return to reach, % a year',
  'efficient-risk': 'Volatility at most, % a year',
  'efficient-cvar': 'Tail loss at most, % a day',
};

/** What somebody wants to hold, and within which limits. */
export function PortfolioForm({
  wishes,
  lines,
  busy,
  onChange,
  onBuild,
}: {
  wishes: Wishes;
  lines: readonly GradeLine[];
  busy: boolean;
  onChange: (change: Partial<Wishes>) => void;
  onBuild: () => void;
}) {
  const text = (
    name: keyof Wishes &
      ('minPct' | 'maxPct' | 'maxAssets' | 'turnoverPct' | 'costBps' | 'cash' | 'target' | 'shockPct'),
  ) => ({
    value: wishes[name],
    onChange: ({ target }: { target: { value: string } }) => onChange({ [name]: target.value }),
  });
  const target = TARGETS[wishes.objective];
  return (
    <form
      aria-label="What to build"
      className="grid grid-cols-1 items-start gap-5 lg:grid-cols-[minmax(0,1.25fr)_minmax(0,1fr)]"
      onSubmit={(event) => {
        event.preventDefault();
        onBuild();
      }}
    >
      <div className="grid min-w-0 gap-5">
        <Assets wishes={wishes} lines={lines} onChange={onChange} cash={text('cash')} />
        <Sheet title="Stress" note="beside the worst windows of the past and the three scenarios">
          <Fields>
            <Field label="If this asset moves">
              {(id) => (
                <select
                  id={id}
                  className="field w-full"
                  value={wishes.shockAsset}
                  onChange={({ target: box }) => onChange({ shockAsset: box.value })}
                >
                  <option value="">none</option>
                  {wishes.assets.map((asset) => (
                    <option key={asset} value={asset}>
                      {symbolOf(lines, asset)}
                    </option>
                  ))}
                </select>
              )}
            </Field>
            <Amount label="by, %" {...text('shockPct')} />
          </Fields>
        </Sheet>
      </div>
      <div className="grid min-w-0 gap-5">
        <Sheet title="Aim">
          <Fields>
            <Wide>
              <Choice
                label="Objective"
                value={wishes.objective}
                options={OBJECTIVES}
                onChange={(objective) => onChange({ objective, target: '' })}
              />
            </Wide>
            {target && (
              <Wide>
                <Field label={target}>
                  {(id) => (
                    <input
                      id={id}
                      className="field w-full"
                      inputMode="decimal"
                      required={wishes.objective !== 'max-utility'}
                      {...text('target')}
                    />
                  )}
                </Field>
              </Wide>
            )}
            <Choice
              label="Expected returns from"
              value={wishes.returns}
              options={RETURN_MODELS}
              onChange={(returns) => onChange({ returns })}
            />
            <Choice
              label="Risk"
              value={wishes.risk}
              options={RISK_MODELS}
              onChange={(risk) => onChange({ risk })}
            />
            <Choice
              label="Days to learn from"
              value={wishes.windowDays}
              options={{ '90': '90', '180': '180', '365': '365', '730': '730', '1095': '1095' }}
              onChange={(windowDays) => onChange({ windowDays })}
            />
          </Fields>
          {wishes.returns === 'black-litterman' && (
            <Views wishes={wishes} lines={lines} onChange={onChange} />
          )}
        </Sheet>
        <Sheet title="Limits" note="what is left empty is not limited">
          <Fields>
            <Amount label="Each asset at least, %" {...text('minPct')} />
            <Amount label="Each asset at most, %" {...text('maxPct')} />
            <Amount label="Assets at most" {...text('maxAssets')} />
            <Amount label="Turnover at most, %" {...text('turnoverPct')} />
            <Amount label="Cost of trading, bps" {...text('costBps')} />
            <label className="flex items-center gap-2 self-end py-1.5">
              <input
                type="checkbox"
                className="accent-(--accent)"
                checked={wishes.shorting}
                onChange={({ target: box }) => onChange({ shorting: box.checked })}
              />
              Shorting allowed
            </label>
          </Fields>
        </Sheet>
        <button type="submit" className="action action-main" disabled={busy || wishes.assets.length === 0}>
          Build the portfolio
        </button>
      </div>
    </form>
  );
}

function symbolOf(lines: readonly GradeLine[], asset: string): string {
  return lines.find((line) => line.asset === asset)?.symbol.toUpperCase() ?? asset;
}

function Fields({ children }: { children: ReactNode }) {
  return <div className="grid gap-3 px-5 py-4 sm:grid-cols-2">{children}</div>;
}

function Wide({ children }: { children: ReactNode }) {
  return <div className="min-w-0 sm:col-span-2">{children}</div>;
}

function Amount({
  label,
  value,
  onChange,
}: {
  label: string;
  value: string;
  onChange: (event: { target: { value: string } }) => void;
}) {
  return (
    <Field label={label}>
      {(id) => (
        <input id={id} className="field w-full" inputMode="decimal" value={value} onChange={onChange} />
      )}
    </Field>
  );
}

function Choice<Name extends string>({
  label,
  value,
  options,
  onChange,
}: {
  label: string;
  value: Name;
  options: Record<Name, string>;
  onChange: (value: Name) => void;
}) {
  return (
    <Field label={label}>
      {(id) => (
        <select
          id={id}
          className="field w-full"
          value={value}
          onChange={({ target }) => onChange(target.value as Name)}
        >
          {(Object.entries(options) as [Name, string][]).map(([name, words]) => (
            <option key={name} value={name}>
              {words}
            </option>
          ))}
        </select>
      )}
    </Field>
  );
}

/** Which assets, and how much of each is held now. */
function Assets({
  wishes,
  lines,
  cash,
  onChange,
}: {
  wishes: Wishes;
  lines: readonly GradeLine[];
  cash: { value: string; onChange: (event: { target: { value: string } }) => void };
  onChange: (change: Partial<Wishes>) => void;
}) {
  const chosen = wishes.assets.map((asset) => lines.find((line) => line.asset === asset));
  const best = (value: (line: GradeLine) => string | null | undefined) =>
    [...lines]
      .filter((line) => line.class !== 'stablecoin' && line.close !== null && numberOf(value(line)) !== null)
      .sort((a, b) => (numberOf(value(b)) ?? 0) - (numberOf(value(a)) ?? 0))
      .slice(0, 10)
      .map(({ asset }) => asset);
  return (
    <Sheet title="Assets" note={`${wishes.assets.length} chosen; what is held now, if anything`}>
      <div className="grid gap-3 px-5 py-4">
        <AddAsset
          lines={lines}
          chosen={wishes.assets}
          onAdd={(asset) => onChange({ assets: [...wishes.assets, asset] })}
        />
        <div className="flex flex-wrap gap-2">
          <button
            type="button"
            className="action !py-1 text-sm"
            onClick={() => onChange({ assets: best(({ marketCapUsd }) => marketCapUsd) })}
          >
            Ten largest
          </button>
          <button
            type="button"
            className="action !py-1 text-sm"
            onClick={() => onChange({ assets: best(({ investor }) => investor?.grade) })}
          >
            Ten best Investor Grades
          </button>
        </div>
        {wishes.assets.length === 0 ? (
          <p className="text-soft">Choose at least one asset.</p>
        ) : (
          <ScrollArea name="Chosen assets" className="max-h-[26rem] overflow-auto">
            <table className="w-full text-[0.92rem]">
              <thead>
                <tr className="caption text-right">
                  <th scope="col" className="py-1 text-left font-normal">
                    Asset
                  </th>
                  <th scope="col" className="px-2 py-1 font-normal max-sm:hidden">
                    Price
                  </th>
                  <th scope="col" className="px-2 py-1 font-normal max-sm:hidden">
                    Grades
                  </th>
                  <th scope="col" className="px-2 py-1 font-normal">
                    Held, units
                  </th>
                  <th scope="col" className="py-1">
                    <span className="sr-only">Remove</span>
                  </th>
                </tr>
              </thead>
              <tbody>
                {wishes.assets.map((asset, i) => {
                  const line = chosen[i];
                  const name = line?.symbol.toUpperCase() ?? asset;
                  return (
                    <tr key={asset} className="border-t border-line text-right">
                      <th scope="row" className="py-1 text-left font-normal">
                        <span className="font-semibold">{name}</span>{' '}
                        <span className="caption max-sm:sr-only">{line?.name}</span>
                      </th>
                      <td className="figure px-2 max-sm:hidden">{shortPrice(line?.close)}</td>
                      <td className="caption figure px-2 whitespace-nowrap max-sm:hidden">
                        {digits(line?.trader?.grade, 0)} / {digits(line?.investor?.grade, 0)}
                      </td>
                      <td className="px-2 py-1">
                        <input
                          className="field w-24 !py-0.5 text-right"
                          inputMode="decimal"
                          aria-label={`Units of ${name} that are held`}
                          placeholder="0"
                          value={wishes.held[asset] ?? ''}
                          onChange={({ target }) =>
                            onChange({ held: { ...wishes.held, [asset]: target.value } })
                          }
                        />
                      </td>
                      <td className="py-1">
                        <button
                          type="button"
                          className="grid size-6 place-items-center rounded text-soft hover:text-ink"
                          aria-label={`Remove ${name}`}
                          onClick={() =>
                            onChange({ assets: wishes.assets.filter((other) => other !== asset) })
                          }
                        >
                          ✕
                        </button>
                      </td>
                    </tr>
                  );
                })}
              </tbody>
            </table>
          </ScrollArea>
        )}
        <div className="max-w-56">
          <Field label="Cash, dollars">
            {(id) => <input id={id} className="field w-full" inputMode="decimal" placeholder="0" {...cash} />}
          </Field>
        </div>
        <p className="caption">With holdings or cash, the result says what to trade to get there.</p>
      </div>
    </Sheet>
  );
}

/** Finds an asset by its symbol or name. */
function AddAsset({
  lines,
  chosen,
  onAdd,
}: {
  lines: readonly GradeLine[];
  chosen: readonly string[];
  onAdd: (asset: string) => void;
}) {
  const [query, setQuery] = useState('');
  const [unknown, setUnknown] = useState(false);
  const list = useId();
  const wanted = query.trim().toLowerCase();
  const matches =
    wanted === ''
      ? []
      : lines
          .filter(
            ({ asset, symbol, name }) =>
              !chosen.includes(asset) && `${symbol} ${name ?? ''} ${asset}`.toLowerCase().includes(wanted),
          )
          .slice(0, 12);
  const add = () => {
    if (wanted === '') return;
    const found =
      matches.find(({ asset, symbol }) => asset === wanted || symbol.toLowerCase() === wanted) ?? matches[0];
    setUnknown(!found);
    if (!found || chosen.length >= MAX_ASSETS) return;
    onAdd(found.asset);
    setQuery('');
  };
  return (
    <Field label="Add an asset">
      {(id) => (
        <>
          <div className="flex gap-2">
            <input
              id={id}
              className="field min-w-0 flex-1"
              list={list}
              autoComplete="off"
              placeholder="name or symbol"
              value={query}
              onChange={({ target }) => {
                setQuery(target.value);
                setUnknown(false);
              }}
              onKeyDown={(event) => {
                if (event.key !== 'Enter') return;
                event.preventDefault();
                add();
              }}
            />
            <datalist id={list}>
              {matches.map(({ asset, symbol, name }) => (
                <option key={asset} value={asset}>
                  {symbol.toUpperCase()} {name}
                </option>
              ))}
            </datalist>
            <button type="button" className="action" onClick={add}>
              Add
            </button>
          </div>
          <p role="status" className="caption text-unknown">
            {unknown && 'No asset that is not chosen yet is called that.'}
          </p>
        </>
      )}
    </Field>
  );
}

/** What the asker thinks will happen, with how sure of it. */
function Views({
  wishes,
  lines,
  onChange,
}: {
  wishes: Wishes;
  lines: readonly GradeLine[];
  onChange: (change: Partial<Wishes>) => void;
}) {
  const next = useRef(1);
  const set = (key: number, change: Partial<Wishes['views'][number]>) =>
    onChange({ views: wishes.views.map((view) => (view.key === key ? { ...view, ...change } : view)) });
  return (
    <fieldset className="grid gap-2 border-t border-line px-5 py-4">
      <legend className="sr-only">Views</legend>
      <div className="flex flex-wrap items-center justify-between gap-2">
        <span className="font-medium">Views</span>
        <button
          type="button"
          className="action !py-1 text-sm"
          disabled={wishes.assets.length === 0}
          onClick={() =>
            onChange({
              views: [
                ...wishes.views,
                {
                  key: next.current++,
                  asset: wishes.assets[0]!,
                  against: '',
                  returnPct: '10',
                  confidencePct: '50',
                },
              ],
            })
          }
        >
          Add a view
        </button>
      </div>
      {wishes.views.map(({ key, asset, against, returnPct, confidencePct }, i) => (
        <div key={key} className="flex flex-wrap items-center gap-1.5 text-[0.92rem]">
          <select
            className="field !py-0.5"
            aria-label={`View ${i + 1}: asset`}
            value={asset}
            onChange={({ target }) => set(key, { asset: target.value })}
          >
            {wishes.assets.map((each) => (
              <option key={each} value={each}>
                {symbolOf(lines, each)}
              </option>
            ))}
          </select>
          returns
          <input
            className="field w-16 !py-0.5 text-right"
            inputMode="decimal"
            aria-label={`View ${i + 1}: return, % a year`}
            value={returnPct}
            onChange={({ target }) => set(key, { returnPct: target.value })}
          />
          % a year
          <select
            className="field !py-0.5"
            aria-label={`View ${i + 1}: against`}
            value={against}
            onChange={({ target }) => set(key, { against: target.value })}
          >
            <option value="">by itself</option>
            {wishes.assets
              .filter((each) => each !== asset)
              .map((each) => (
                <option key={each} value={each}>
                  more than {symbolOf(lines, each)}
                </option>
              ))}
          </select>
          sure to
          <input
            className="field w-14 !py-0.5 text-right"
            inputMode="decimal"
            aria-label={`View ${i + 1}: confidence, %`}
            value={confidencePct}
            onChange={({ target }) => set(key, { confidencePct: target.value })}
          />
          %
          <button
            type="button"
            className="grid size-6 place-items-center rounded text-soft hover:text-ink"
            aria-label={`Remove view ${i + 1}`}
            onClick={() => onChange({ views: wishes.views.filter((view) => view.key !== key) })}
          >
            ✕
          </button>
        </div>
      ))}
      <label className="flex items-center gap-2">
        <input
          type="checkbox"
          className="accent-(--accent)"
          checked={wishes.byGrades}
          onChange={({ target }) => onChange({ byGrades: target.checked })}
        />
        Also what the grades imply, at a rank IC of 0.03
      </label>
    </fieldset>
  );
}
