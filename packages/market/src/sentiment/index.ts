export { type CopyRule, type DistinctArticle, distinctArticles } from './distinct-articles.ts';
export { type SentimentParameters, sentimentFigure, WHOLE_MARKET } from './sentiment.ts';
