/** A part of the market's bench report; `lines` are Markdown. */
export interface BenchSection {
  title: string;
  lines: string[];
}
