import { bundlePath } from '../market-figures.ts';
import { type Context, pageOfList } from './foreign-pages.ts';
import { tokenNames } from './foreign-row.ts';
import type { Answer } from './grade-endpoints.ts';
import type { createPhrasing } from './phrasing.ts';
import { selectTokens } from './token-book.ts';

/** A text whose every figure stands in one of the records that it cites. */
export interface CitedText {
  text: string;
  /** `<statement>.<row>` each. */
  records: readonly string[];
}

/** A report on one asset. */
export interface TokenReport extends CitedText {
  /** The same in a sentence or two. */
  summary?: string;
  /** The same at length. */
  deepDive?: string;
}

export interface ChatMessage {
  from: 'user' | 'chatbot';
  text: string;
}

/** Writes reports out of what is recorded. */
export interface Reporter {
  /** null where there is nothing to say about it. */
  report(asset: string): TokenReport | null | Promise<TokenReport | null>;
  /** The last message is the question. */
  answer(messages: readonly ChatMessage[]): CitedText | Promise<CitedText>;
}

const NO_REPORTER = 'no report: this node composes none';
/** Reports that one request may make it compose. */
const MAX_REPORTS = 50;

/** `ai-reports`: plain reports on recorded figures; nobody reviewed any code. */
export async function aiReports({ book, query }: Context, reporter: Reporter | undefined): Promise<Answer> {
  const { tokens, missing } = selectTokens(book, query);
  if (!reporter) return { rows: [], notes: [NO_REPORTER] };
  const rows = [];
  for (const token of pageOfList(tokens ?? book.tokens, {
    ...query,
    limit: Math.min(query.limit, MAX_REPORTS),
  })) {
    // Others are answered between two reports.
    await new Promise(setImmediate);
    const report = await reporter.report(token.asset);
    if (!report) continue;
    rows.push({
      ...tokenNames(token),
      INVESTMENT_ANALYSIS_POINTER: report.summary ?? null,
      INVESTMENT_ANALYSIS: report.text,
      DEEP_DIVE: report.deepDive ?? null,
      CODE_REVIEW: null,
      _proof: { records: cited(report) },
    });
  }
  return { rows, notes: missing, graded: true };
}

/** `tmai`: an answer to the last question, with the records that it rests on. */
export async function chat(
  messages: readonly ChatMessage[],
  reporter: Reporter | undefined,
  phrase: ReturnType<typeof createPhrasing> | undefined,
) {
  const plain = reporter ? await reporter.answer(messages) : { text: NO_REPORTER, records: [] };
  const { text, phrasedBy } =
    reporter && phrase ? await phrase(messages.at(-1)!.text, plain) : { text: plain.text, phrasedBy: null };
  return {
    success: true,
    message: reporter ? 'AI Chatbot response successful' : NO_REPORTER,
    answer: text,
    thread: [...messages.map(({ from, text: said }) => ({ [from]: said })), { chatbot: text }],
    _proof: { records: cited(plain), phrasedBy },
  };
}

function cited({ records }: CitedText) {
  return records.map((record) => ({ record, bundle: bundlePath(record) }));
}
