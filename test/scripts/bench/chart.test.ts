import { describe, expect, it } from "vitest";
import { barChart } from "../../../scripts/bench/chart.ts";

const svg = barChart({
  title: "a <b> & c",
  subtitle: "one day",
  groups: [
    { title: "first", bars: [{ label: "short", value: "20", share: 0.2 }] },
    {
      title: "second",
      bars: [
        { label: "default", value: "50", share: 0.5, marked: true },
        { label: "far too long", value: "300", share: 3 },
      ],
      mark: { share: 0.1, label: "the most" },
    },
  ],
  axis: "part of the limit",
});

/** The attributes of every element that matches; the first group holds them. */
const attributesOf = (pattern: RegExp) =>
  [...svg.matchAll(pattern)].map(([, attributes = ""]) =>
    Object.fromEntries(
      [...attributes.matchAll(/([\w-]+)="([^"]*)"/g)].map(([, name, value]) => [name, value]),
    ),
  );

describe("the chart", () => {
  const bars = attributesOf(/<rect class="(?:bar|marked)"([^>]*)>/g);
  const width = (index: number) => Number(bars[index]?.width);

  it("has a bar for each value, in proportion, and none beyond the axis", () => {
    expect(bars).toHaveLength(3);
    expect(width(1) / width(0)).toBeCloseTo(2.5);
    const [last] = attributesOf(/<text([^>]*)>100 %</g);
    expect(Number(bars[2]?.x) + width(2)).toBeCloseTo(Number(last?.x));
  });

  it("writes each value behind its bar, and inside one that leaves no room", () => {
    const [short] = attributesOf(/<text([^>]*)>20</g);
    expect(Number(short?.x)).toBeGreaterThan(Number(bars[0]?.x) + width(0));
    const [long] = attributesOf(/<text([^>]*)>300</g);
    expect(long).toMatchObject({ class: "inside", "text-anchor": "end" });
    expect(Number(long?.x)).toBeLessThan(Number(bars[2]?.x) + width(2));
  });

  it("draws its lines first, so that none crosses a text, and follows dark mode", () => {
    expect(svg.lastIndexOf("<line ")).toBeLessThan(svg.indexOf(">first<"));
    expect(svg).toContain("prefers-color-scheme: dark");
  });

  it("takes no markup of others", () => {
    expect(svg).toContain("a &lt;b> &amp; c");
    expect(svg).not.toContain("NaN");
  });
});
