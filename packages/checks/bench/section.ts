/** One family's part of the bench: Markdown lines under a title. */
export interface BenchSection {
  title: string;
  lines: string[];
}
