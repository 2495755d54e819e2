/** Reports and answers for `/v2`: sentences about recorded figures, and who may phrase them. */
import type { CitedText, PhrasingOptions, Reporter, TokenMetricsOptions } from '@assay/gateway';
import { FIGURES } from '@assay/market';
import { type Answer, acceptPhrasing, answerQuestion, composeReport } from '@assay/market/report';
import type { MarketView } from '@assay/pipeline';
import { apiKeysOf } from './node-market.ts';
import type { MarketOptions } from './options.ts';

/** What `/v2` needs beside the figures. */
export function tokenMetricsOptions(market: MarketView, options: MarketOptions): TokenMetricsOptions {
  const apiKeys = apiKeysOf(options.apiKeys);
  // What an answer was made of decides about its phrasing; the gateway knows the text alone.
  const answers = new WeakMap<CitedText, Answer>();
  return {
    ...(apiKeys === undefined ? {} : { apiKeys }),
    reporter: reporterOf(market, answers),
    ...(options.phrasing === null ? {} : { phrasing: phrasingOf(options.phrasing, answers) }),
  };
}

function reporterOf(market: MarketView, answers: WeakMap<CitedText, Answer>): Reporter {
  return {
    report(asset) {
      const figures = Object.fromEntries(
        // Narratives and indices are asked for by their own names.
        FIGURES.map(({ figure: { name } }) => [
          name,
          market.rows(
            name,
            ['narratives', 'indices', 'guides', 'evaluation'].includes(name) ? {} : { keys: [asset] },
          ),
        ]),
      );
      const { investmentAnalysis, text, sources, deepDive } = composeReport(asset, figures);
      if (sources.length === 0) return null;
      return {
        text,
        records: sources.map(({ record }) => record),
        summary: plain(investmentAnalysis),
        deepDive: plain(deepDive),
      };
    },
    answer(messages) {
      const answer = answerQuestion(
        messages.map(({ from, text }) => ({ role: from === 'user' ? 'user' : 'assistant', content: text })),
        market,
      );
      const cited = { text: answer.text, records: answer.sources.map(({ record }) => record) };
      answers.set(cited, answer);
      return cited;
    },
  };
}

function plain(sections: Answer['sections']): string {
  return sections.flatMap(({ claims }) => claims.map(({ text }) => `${text}.`)).join(' ');
}

function phrasingOf(
  { url, model, apiKey }: NonNullable<MarketOptions['phrasing']>,
  answers: WeakMap<CitedText, Answer>,
): PhrasingOptions {
  return {
    ...{ url, model },
    ...(apiKey === null ? {} : { apiKey }),
    accept(text, cited) {
      const answer = answers.get(cited);
      return answer !== undefined && acceptPhrasing(answer, text).accepted;
    },
  };
}
