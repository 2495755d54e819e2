import { z } from 'zod';

const MAX_NAMES = 200;
/** The newest clients ask for 50 and at most 100; the Python client asks for 1,000. */
const MAX_LIMIT = 1000;
const MAX_PAGE = 100_000;

/** A parameter that was given twice reads as a list. */
const text = (max: number) =>
  z.preprocess((given) => (Array.isArray(given) ? given.join(',') : given), z.string().max(max));
const list = text(8_000)
  .transform((given) =>
    given
      .split(',')
      .map((name) => name.trim())
      .filter((name) => name !== ''),
  )
  .refine((names) => names.length <= MAX_NAMES, `expected at most ${MAX_NAMES} names`)
  .optional();
const minimum = text(40)
  .refine((given) => /^-?\d{1,30}(\.\d{1,18})?$/.test(given), 'expected a number')
  .transform(Number)
  .optional();
const day = text(30)
  .transform((given) => given.replace(/T00:00:00(\.000)?Z$/, ''))
  .refine((given) => {
    const ms = /^\d{4}-\d\d-\d\d$/.test(given) ? Date.parse(`${given}T00:00:00Z`) : Number.NaN;
    return Number.isFinite(ms) && new Date(ms).toISOString().startsWith(given);
  }, 'expected a day of the calendar like 2023-10-01')
  .transform((given) => Date.parse(`${given}T00:00:00Z`))
  .optional();

/** Every parameter of the format; each endpoint takes some of them. */
export const PARAMETERS = z.object({
  token_id: list
    .refine(
      (ids) => !ids || ids.every((id) => /^\d{1,10}$/.test(id)),
      'expected integers, separated by commas',
    )
    .describe('numbers of tokens, separated by commas'),
  symbol: list.describe('tickers, separated by commas; a ticker may belong to several tokens'),
  token_name: list.describe('names, separated by commas'),
  category: list.describe('narratives, separated by commas'),
  exchange: list.describe('venues whose bars are recorded, separated by commas'),
  blockchain_address: text(200).optional().describe('no addresses are recorded: nothing is found'),
  marketcap: minimum.describe('least market capitalisation in US dollars'),
  volume: minimum.describe('least turnover of a day in US dollars'),
  fdv: minimum.describe('fully diluted valuations are not recorded: nothing is found'),
  traderGrade: minimum.describe('least trader grade'),
  traderGradePercentChange: minimum.describe('least change of the trader grade in a day, in percent'),
  investorGrade: minimum.describe('least investor grade'),
  signal: text(2)
    .refine((given) => ['1', '0', '-1'].includes(given), 'expected 1, 0 or -1')
    .optional(),
  base_symbol: list.describe('like symbol'),
  quote_symbol: list.describe('only correlations with these'),
  startDate: day.describe('first day, like 2023-10-01'),
  endDate: day.describe('last day, included'),
  top_k: z.coerce.number().int().min(1).max(MAX_LIMIT).default(50),
  id: text(100).optional().describe('number or key of an index'),
  indicesType: z.enum(['active', 'passive']).optional(),
  type: z.enum(['active', 'past']).optional(),
  limit: z.coerce.number().int().min(1).max(MAX_LIMIT).default(50),
  page: z.coerce
    .number()
    .int()
    .min(0)
    .max(MAX_PAGE)
    .default(1)
    .transform((page) => Math.max(1, page))
    .describe('from 1; 0 is the first one too, as older clients count'),
});
export type Parameter = keyof typeof PARAMETERS.shape;
/** What was asked for. */
export type ForeignQuery = Partial<z.infer<typeof PARAMETERS>> & { limit: number; page: number };

/** The schema of an endpoint's query. Parameters that it does not know are ignored, as the original does. */
export function queryOf(parameters: readonly Parameter[]) {
  const names = [...parameters, 'limit', 'page'] as const;
  return PARAMETERS.pick(
    Object.fromEntries(names.map((name) => [name, true])) as { [Name in Parameter]: true },
  );
}
