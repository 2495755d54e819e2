/** One family's part of the benchmark: Markdown lines under a title. */
export interface BenchSection {
  title: string;
  lines: string[];
}
