// Charts of the bench, as SVG.

interface Bar {
  label: string;
  /** The text after it. */
  value: string;
  /** Its length: 1 is the whole axis, beyond which no bar reaches. */
  share: number;
  /** Stands out from the others. */
  marked?: boolean;
}

interface Group {
  title: string;
  bars: Bar[];
  /** A dashed line across the group's bars. */
  mark?: { share: number; label: string };
}

interface Chart {
  title: string;
  subtitle: string;
  groups: Group[];
  /** What the axis shows, which is in per cent. */
  axis: string;
}

const WIDTH = 720;
const LEFT = 116;
const RIGHT = 44;
const ROW = 22;
const BAR = 14;
/** A longer bar has its value inside. */
const LONG = 0.8;
const TICKS = [0, 0.2, 0.4, 0.6, 0.8, 1];

const STYLE = `
svg { --page: #fff; --text: #1f2328; --quiet: #59636e; --grid: #d8dee4; --bar: #9dbdee; --marked: #1f5fc4; --mark: #c2261f }
@media (prefers-color-scheme: dark) {
svg { --page: #0d1117; --text: #e6edf3; --quiet: #9198a1; --grid: #2a313a; --bar: #35598f; --marked: #6ea8fe; --mark: #ff7b72 }
}
text { fill: var(--text); font: 12px system-ui, sans-serif; stroke: var(--page); stroke-width: 4px; paint-order: stroke }
.title { font-size: 16px; font-weight: 600 } .group, .strong { font-weight: 600 } .quiet { fill: var(--quiet) }
.page { fill: var(--page) } .bar { fill: var(--bar) } .marked { fill: var(--marked) } .grid { stroke: var(--grid) }
.mark { stroke: var(--mark); stroke-dasharray: 4 3 } .mark-label { fill: var(--mark) }
.inside { stroke: none }`;

/**
 * Groups of horizontal bars on one axis from 0 to 100 %, as an SVG that follows the reader's light or dark mode. No line
 * crosses a text.
 */
export function barChart({ title, subtitle, groups, axis }: Chart): string {
  const xAt = (share: number) => LEFT + share * (WIDTH - LEFT - RIGHT);
  const under: string[] = [];
  const over: string[] = [];
  let y = 64;
  const top = y;
  for (const group of groups) {
    y += ROW;
    over.push(text(16, y - 5, "group", group.title));
    const begin = y;
    for (const { label, value, share, marked = false } of group.bars) {
      const middle = y + ROW / 2 + 4;
      const end = xAt(Math.min(share, 1));
      under.push(
        `<rect class="${marked ? "marked" : "bar"}" x="${LEFT}" y="${y + (ROW - BAR) / 2}" width="${(end - LEFT).toFixed(1)}" height="${BAR}"/>`,
      );
      over.push(text(LEFT - 8, middle, marked ? "strong" : "", label, "end"));
      over.push(
        share > LONG
          ? text(end - 6, middle, "inside", value, "end")
          : text(end + 6, middle, marked ? "strong" : "", value),
      );
      y += ROW;
    }
    if (group.mark !== undefined) {
      const x = xAt(group.mark.share);
      y += ROW;
      under.push(line("mark", x, begin, x, y - 4));
      over.push(text(x + 6, y - 7, "mark-label", group.mark.label));
    }
    y += 8;
  }
  const grid = TICKS.flatMap((share) => [
    line("grid", xAt(share), top, xAt(share), y),
    text(xAt(share), y + 16, "quiet", `${100 * share} %`, "middle"),
  ]);
  const height = y + 48;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" role="img" aria-label="${escapeXml(`${title}: ${subtitle}`)}">
<style>${STYLE}
</style>
<rect class="page" width="${WIDTH}" height="${height}"/>
${[text(16, 28, "title", title), text(16, 48, "quiet", subtitle), ...grid, ...under, ...over, text(16, height - 12, "quiet", axis)].join("\n")}
</svg>
`;
}

function text(x: number, y: number, classes: string, content: string, anchor = "start"): string {
  return `<text class="${classes}" x="${x.toFixed(1)}" y="${y}" text-anchor="${anchor}">${escapeXml(content)}</text>`;
}

function line(name: string, x1: number, y1: number, x2: number, y2: number): string {
  return `<line class="${name}" x1="${x1.toFixed(1)}" y1="${y1}" x2="${x2.toFixed(1)}" y2="${y2}"/>`;
}

function escapeXml(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll('"', "&quot;");
}
