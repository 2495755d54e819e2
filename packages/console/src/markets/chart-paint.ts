import { type ChartOptions, ColorType, type DeepPartial, type IChartApi } from 'lightweight-charts';

export type Colour = (name: string) => string;

/** How every chart of the room begins. */
export const CHART: DeepPartial<ChartOptions> = {
  autoSize: true,
  rightPriceScale: { borderVisible: false, entireTextOnly: true, scaleMargins: { top: 0.12, bottom: 0.08 } },
  timeScale: { borderVisible: false, allowBoldLabels: false, minBarSpacing: 0.1 },
  // The wheel belongs to the page.
  handleScroll: { mouseWheel: false, vertTouchDrag: false },
  handleScale: { mouseWheel: false, axisPressedMouseMove: false },
};

/** Paints a chart in the theme's colours now and whenever the theme changes: a canvas knows no style sheet. */
export function paintWithTheme(chart: IChartApi, series: (colour: Colour) => void): () => void {
  const paint = () => {
    const style = getComputedStyle(document.documentElement);
    const colour: Colour = (name) => style.getPropertyValue(`--${name}`).trim();
    chart.applyOptions({
      layout: {
        background: { type: ColorType.Solid, color: 'transparent' },
        textColor: colour('soft'),
        fontSize: 12,
        fontFamily: style.fontFamily,
        panes: { separatorColor: colour('line'), separatorHoverColor: colour('line'), enableResize: false },
      },
      grid: { vertLines: { visible: false }, horzLines: { color: colour('line') } },
      crosshair: {
        vertLine: { color: colour('soft'), labelBackgroundColor: colour('accent') },
        horzLine: { color: colour('soft'), labelBackgroundColor: colour('accent') },
      },
    });
    series(colour);
  };
  paint();
  const observer = new MutationObserver(paint);
  observer.observe(document.documentElement, { attributeFilter: ['data-theme'] });
  return () => observer.disconnect();
}
