/** One part of the checks' bench: Markdown lines under a title. */
export interface BenchSection {
  title: string;
  lines: string[];
}
