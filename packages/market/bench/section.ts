/** One part of the bench's report: a heading and lines of Markdown. */
export interface BenchSection {
  title: string;
  lines: string[];
}
