// No I/O. No clock.

interface Chart {
  title: string;
  x: { label: string }[];
  y: number[];
  limit: { value: number; label: string };
}

const WIDTH = 640;
const HEIGHT = 320;
const MARGIN = { top: 44, right: 24, bottom: 40, left: 64 };

/** A line over named steps, with a dashed limit: a small SVG, readable on light and dark pages. */
export function lineChart({ title, x, y, limit }: Chart): string {
  const top = Math.max(...y, limit.value) * 1.1;
  const xAt = (index: number) =>
    MARGIN.left + (index * (WIDTH - MARGIN.left - MARGIN.right)) / Math.max(1, x.length - 1);
  const yAt = (value: number) =>
    HEIGHT - MARGIN.bottom - (value / top) * (HEIGHT - MARGIN.top - MARGIN.bottom);
  const points = y.map((value, index) => `${xAt(index).toFixed(1)},${yAt(value).toFixed(1)}`);
  const label = (cx: number, cy: number, text: string, anchor = "middle") =>
    `<text x="${cx.toFixed(1)}" y="${cy.toFixed(1)}" text-anchor="${anchor}">${escapeXml(text)}</text>`;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="${escapeXml(title)}" font-family="system-ui, sans-serif" font-size="12" fill="#666">
<rect width="${WIDTH}" height="${HEIGHT}" fill="#fff"/>
<text x="${MARGIN.left}" y="22" font-size="14" fill="#222">${escapeXml(title)}</text>
<line x1="${MARGIN.left}" y1="${yAt(0)}" x2="${WIDTH - MARGIN.right}" y2="${yAt(0)}" stroke="#999"/>
<line x1="${MARGIN.left}" y1="${yAt(limit.value).toFixed(1)}" x2="${WIDTH - MARGIN.right}" y2="${yAt(limit.value).toFixed(1)}" stroke="#c33" stroke-dasharray="5 4"/>
${label(WIDTH - MARGIN.right, yAt(limit.value) - 6, limit.label, "end")}
<polyline points="${points.join(" ")}" fill="none" stroke="#2563c9" stroke-width="2"/>
${y
  .map(
    (value, index) =>
      `<circle cx="${xAt(index).toFixed(1)}" cy="${yAt(value).toFixed(1)}" r="3" fill="#2563c9"/>${label(xAt(index), yAt(value) - 8, String(value))}${label(xAt(index), HEIGHT - 16, x[index]?.label ?? "")}`,
  )
  .join("\n")}
</svg>
`;
}

function escapeXml(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll('"', "&quot;");
}
