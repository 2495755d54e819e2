/** One room's part of the bench: a title and lines of Markdown. */
export interface BenchSection {
  title: string;
  lines: string[];
}
