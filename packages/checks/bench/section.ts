/** One family's part of the bench: a title and Markdown lines, a table mostly. */
export interface BenchSection {
  title: string;
  lines: string[];
}
