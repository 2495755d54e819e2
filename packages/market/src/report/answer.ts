import { instantOfDay } from '../panel/index.ts';
import type { FigureName, FigureRows } from '../rows.ts';
import {
  assetClaims,
  type Called,
  citing,
  correlationClaims,
  day,
  evaluationClaims,
  gradeClaims,
  guideClaims,
  indexClaims,
  levelClaims,
  narrativeClaims,
  priceClaims,
  riskClaims,
  scenarioClaims,
  sentimentClaims,
  signalClaims,
} from './claims.ts';
import { GUIDES } from './guides.ts';
import { type Intent, type Question, readQuestion } from './question.ts';
import {
  type Claim,
  type Recorded,
  type ReportView,
  renderSections,
  type Section,
  type Source,
} from './recorded.ts';
import { shown } from './shown.ts';

/** An answer in recorded figures. */
export interface Answer {
  question: string;
  understood: Question;
  sections: readonly Section[];
  /** The sections as text; `[1]` is the first of `sources`. */
  text: string;
  sources: readonly Source[];
  /** Whether any recorded figure answers it. */
  known: boolean;
  /** Questions that can be answered. */
  suggestions: readonly string[];
}

export interface QuestionMessage {
  role: string;
  content: string;
}

const DAY_MS = 86_400_000;
const MAX_MESSAGES = 20;
const MAX_ROWS = 10;
const SUGGESTIONS = [
  'What is the price of BTC?',
  'Compare the grades of ETH and SOL',
  'Which coins have the highest Investor Grade?',
  'How risky is DOGE?',
  'Which narratives lead?',
  'What is the sentiment of the market?',
  'How good are the grades?',
];

/**
 * Answers the last question of a conversation with recorded figures, each with its record; what is not recorded is
 * said to be not known. Earlier questions say what "it" is. Nothing is calculated, predicted or advised.
 *
 * @example
 * answerQuestion([{ role: 'user', content: 'Should I buy ETH?' }], view).text;
 */
export function answerQuestion(messages: readonly QuestionMessage[], view: ReportView): Answer {
  const asked = messages
    .filter(({ role }) => role === 'user')
    .slice(-MAX_MESSAGES)
    .map(({ content }) => content);
  const question = asked.at(-1) ?? '';
  const names = namesOf(view);
  const known = [...names.values()];
  const understood =
    asked
      .map((content) => readQuestion(content, known))
      .reduce<Question | null>((before, now) => goOn(before, now), null) ?? readQuestion('', known);
  const sections = compose(understood, view, names);
  const { text, sources } = renderSections(sections);
  return {
    question,
    understood,
    sections,
    text,
    sources,
    known: sources.length > 0,
    suggestions: sources.length > 0 ? [] : SUGGESTIONS,
  };
}

/** A question that names no asset goes on with those of the one before; one that only names assets, with what was asked. */
function goOn(before: Question | null, now: Question): Question {
  if (before === null) return now;
  const standsAlone = now.intents.some((intent) => (STAND_ALONE as readonly Intent[]).includes(intent));
  return {
    ...now,
    assets: now.assets.length > 0 || standsAlone ? now.assets : before.assets,
    intents: now.intents.length > 0 ? now.intents : now.assets.length > 0 ? before.intents : [],
  };
}

/** Intents that need no asset. */
const STAND_ALONE = ['narrative', 'index', 'list', 'movers', 'record', 'sentiment', 'quality'] as const;
const OVERVIEW: readonly Intent[] = ['price', 'grade', 'signal', 'risk'];

function compose(question: Question, view: ReportView, names: ReadonlyMap<string, Called>): Section[] {
  const { assets, ambiguous } = question;
  const notes: Claim[] = ambiguous.map((symbol) =>
    plain(`More than one asset is called ${symbol}: this is about the one with the best rank`),
  );
  const intents = question.intents.filter((intent) => intent !== 'advice' && intent !== 'compare');
  if (question.intents.includes('advice'))
    notes.push(
      plain(
        'Whether to buy or sell is not answered here: these are the recorded figures, which promise nothing',
      ),
    );
  const days = daysOf(question, view);
  if (assets.length > 0) {
    const wanted = intents.filter(
      (intent) => intent !== 'list' && intent !== 'movers' && intent !== 'overview',
    );
    const asked =
      wanted.length > 0 && !intents.includes('overview') ? wanted : [...new Set([...OVERVIEW, ...wanted])];
    const sections = assets.map((called) => ({
      heading: assets.length > 1 ? called.symbol : '',
      claims: asked.flatMap((intent) => claimsOf(intent, called, days, view)),
    }));
    const comparison = assets.length > 1 ? compareGrades(assets, days.at(-1)!, view) : [];
    return [{ heading: '', claims: notes }, ...sections, { heading: '', claims: comparison }];
  }
  // "The best narratives" asks for narratives, not for a list beside them.
  const named = intents.some((intent) => intent === 'narrative' || intent === 'index');
  const asked = named ? intents.filter((intent) => intent !== 'list') : intents;
  const general = asked.flatMap((intent) => generalClaims(intent, question, days.at(-1)!, view, names));
  if (general.length > 0) return [{ heading: '', claims: [...notes, ...general] }];
  return [
    {
      heading: '',
      claims: [
        ...notes,
        plain(
          question.intents.length > 0
            ? 'The question names no asset for which figures are recorded'
            : 'The question was not understood',
        ),
        plain(
          'What can be asked for are prices, grades, signals, risk, support and resistance, correlation, sentiment and scenarios of an asset, comparisons, top lists, narratives, indices, and how good the grades have been',
        ),
      ],
    },
  ];
}

interface Period {
  from?: string;
  to?: string;
}

/** Days that are asked about; the last recorded one without bounds, as the view gives it. */
function daysOf({ when, since }: Question, view: ReportView): Period[] {
  if (when === null) return [{}];
  const last = view.rows('prices').at(-1)?.time;
  let start: number;
  if ('date' in when) start = Date.parse(when.date);
  else if (last !== undefined)
    start = Math.floor(Date.parse(last) / DAY_MS) * DAY_MS - when.daysBefore * DAY_MS;
  else return [{}];
  const asked = { from: instantOfDay(start), to: instantOfDay(start + DAY_MS) };
  return since ? [asked, {}] : [asked];
}

function claimsOf(intent: Intent, called: Called, days: readonly Period[], view: ReportView): Claim[] {
  const keys = [called.asset];
  const each = <Name extends FigureName>(
    figure: Name,
    what: string,
    say: (row: Recorded<FigureRows[Name]>) => Claim[],
  ): Claim[] =>
    days.flatMap((period) => {
      const row = view.rows(figure, { keys, ...period }).at(-1);
      return row
        ? say(row)
        : [
            plain(
              `The ${what} of ${called.symbol} is not known${period.from ? ' for the day asked about' : ''}: nothing is recorded`,
            ),
          ];
    });
  switch (intent) {
    case 'price':
      return each('prices', 'price', (row) => priceClaims(row, called));
    case 'grade':
      return each('grades', 'grade', (row) => gradeClaims(row, called));
    case 'signal':
      return each('signals', 'signal', (row) => signalClaims(row, called));
    case 'risk':
      return each('risk', 'risk', (row) => riskClaims(row, called));
    case 'levels':
      return each('levels', 'support and resistance', (row) => levelClaims(row, called));
    case 'correlation':
      return each('correlation', 'correlation', (row) => correlationClaims(row, called));
    case 'sentiment':
      return each('sentiment', 'sentiment', (row) => sentimentClaims(row, called));
    case 'scenario':
      return [
        plain('A scenario says what a price would be under assumptions, not what it will be'),
        ...each('scenarios', 'scenarios', (row) => scenarioClaims(row, called)),
      ];
    case 'narrative': {
      const rows = view
        .rows('narratives', { ...days.at(-1) })
        .filter(({ members }) => members.includes(called.asset));
      return rows.length > 0
        ? rows.flatMap((row) => narrativeClaims(row))
        : [plain(`${called.symbol} is in no recorded narrative`)];
    }
    case 'index': {
      const rows = view
        .rows('indices', { ...days.at(-1) })
        .filter(({ holdings }) => holdings.some(({ asset }) => asset === called.asset));
      return rows.length > 0
        ? rows.map((row) => {
            const { weight } = row.holdings.find(({ asset }) => asset === called.asset)!;
            return citing(
              'indices',
              row,
              null,
            )(`${row.name} held ${called.asset} on ${day(row)} with a weight of ${shown(weight)}`);
          })
        : [plain(`${called.symbol} is in no recorded index`)];
    }
    case 'quality':
      return [
        ...each('assets', 'data quality', (row) => assetClaims(row, called)),
        ...each('prices', 'price', (row) => priceClaims(row, called)),
      ];
    case 'record':
      return generalClaims('record', null, days.at(-1)!, view, new Map());
    default:
      return [];
  }
}

function generalClaims(
  intent: Intent,
  question: Question | null,
  period: Period,
  view: ReportView,
  names: ReadonlyMap<string, Called>,
): Claim[] {
  const orUnknown = (claims: Claim[], what: string) =>
    claims.length > 0
      ? claims
      : [plain(`${what} not known: nothing is recorded${period.from ? ' for the day asked about' : ''}`)];
  switch (intent) {
    case 'sentiment':
      return orUnknown(
        view
          .rows('sentiment', { keys: ['market'], ...period })
          .slice(-1)
          .flatMap((row) => sentimentClaims(row, null)),
        'The sentiment of the market is',
      );
    case 'narrative': {
      const rows = [...view.rows('narratives', { ...period })].filter(
        ({ momentumPct }) => momentumPct !== null,
      );
      rows.sort((a, b) => Number(b.momentumPct) - Number(a.momentumPct));
      return orUnknown(
        rows.slice(0, 5).flatMap((row) => narrativeClaims(row, false)),
        'Narratives are',
      );
    }
    case 'index':
      return orUnknown(
        view
          .rows('indices', { ...period })
          .slice(0, MAX_ROWS)
          .flatMap((row) => indexClaims(row).slice(0, 2)),
        'Indices are',
      );
    case 'record':
      return orUnknown(
        view
          .rows('evaluation', { ...period })
          .slice(0, MAX_ROWS)
          .flatMap(evaluationClaims),
        'How good the grades have been is',
      );
    case 'movers': {
      const rows = [...view.rows('prices', { ...period })].filter(
        ({ changePct, status }) => changePct !== null && status !== 'fail',
      );
      rows.sort((a, b) => Number(b.changePct) - Number(a.changePct));
      return orUnknown(
        [...rows.slice(0, 5), ...rows.slice(5).slice(-5)].flatMap((row) =>
          priceClaims(row, calledOf(row.asset, names)).slice(0, 1),
        ),
        'Price changes are',
      );
    }
    case 'quality':
      return guide('avoid');
    case 'list':
      return guide(question?.guide ?? 'trader-grade');
    default:
      return [];
  }

  function guide(id: string): Claim[] {
    const rows = view.rows('guides', { keys: [id], ...period }).slice(0, MAX_ROWS);
    return orUnknown(
      guideClaims(rows, names),
      `The list “${GUIDES.find((one) => one.id === id)?.name ?? id}” is`,
    );
  }
}

/** Who is ahead by each grade, in words. */
function compareGrades(assets: readonly Called[], period: Period, view: ReportView): Claim[] {
  return (['trader', 'investor'] as const).flatMap((which) => {
    const graded = assets.flatMap((called) => {
      const row = view.rows('grades', { keys: [called.asset], ...period }).at(-1);
      const grade = row?.[which];
      return row && grade ? [{ called, row, grade: Number(grade.grade) }] : [];
    });
    if (graded.length < 2) return [];
    graded.sort((a, b) => b.grade - a.grade);
    const order = graded.map(({ called }, i) => {
      const link = i === 0 ? '' : graded[i - 1]!.grade === graded[i]!.grade ? ' level with ' : ' ahead of ';
      return `${link}${called.symbol}`;
    });
    return [
      {
        text: `By ${which === 'trader' ? 'Trader Grade' : 'Investor Grade'} the order is ${order.join('')}`,
        sources: graded.flatMap(({ called, row }) => citing('grades', row, called)('').sources),
      },
    ];
  });
}

function namesOf(view: ReportView): Map<string, Called & { rank: string | null }> {
  const named = view.rows('assets').map(({ asset, symbol, name, rank }) => ({ asset, symbol, name, rank }));
  const priced = view.rows('prices').map(({ asset }) => ({ asset, symbol: asset, name: asset, rank: null }));
  return new Map([...priced, ...named].map((one) => [one.asset, one]));
}

function calledOf(asset: string, names: ReadonlyMap<string, Called>): Called {
  return names.get(asset) ?? { asset, symbol: asset, name: asset };
}

function plain(text: string): Claim {
  return { text, sources: [] };
}
