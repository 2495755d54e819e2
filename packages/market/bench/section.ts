/** What one room has to show: its scores and speeds as lines of Markdown. */
export interface BenchSection {
  title: string;
  lines: string[];
}
