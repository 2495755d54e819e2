export { type Answer, answerQuestion, type QuestionMessage } from './answer.ts';
export type { Called } from './claims.ts';
export { GUIDES, type GuideParameters, guidesFigure } from './guides.ts';
export { acceptPhrasing, type ChatMessage, type Phrasing, phrasePrompt } from './phrasing.ts';
export { type Known, knownOf, unprovenNumbers } from './proven-numbers.ts';
export { INTENTS, type Intent, type Question, readQuestion } from './question.ts';
export type { Claim, Recorded, ReportFigures, ReportView, Section, Source } from './recorded.ts';
export { composeReport, type Report } from './report.ts';
