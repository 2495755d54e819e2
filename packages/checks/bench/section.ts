/** One part of the bench's report: a title and lines of Markdown. */
export interface BenchSection {
  title: string;
  lines: string[];
}
