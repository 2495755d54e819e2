/** One family's part of the bench: a heading and what stands below it, as lines of Markdown. */
export interface BenchSection {
  title: string;
  lines: string[];
}
