/** What a bench reports: a heading and lines of Markdown. */
export interface BenchSection {
  title: string;
  lines: string[];
}
