import { describe, expect, it } from "vitest";
import { lineChart } from "../../../scripts/bench/chart.ts";
import { median, quantile, spread } from "../../../scripts/bench/statistics.ts";

describe("statistics", () => {
  it("take the middle, whatever the order", () => {
    expect(median([3, 1, 2])).toBe(2);
    expect(median([])).toBeNaN();
    expect(quantile([5, 1, 4, 2, 3], 0.9)).toBe(5);
  });

  it("tell the noise as a part of the median", () => {
    expect(spread([1, 1, 1, 1])).toBe(0);
    expect(spread([8, 9, 10, 11, 12])).toBeCloseTo(0.1);
  });
});

it("the chart is an SVG with a point for each value, and no markup of others", () => {
  const svg = lineChart({
    title: "a <b> & c",
    x: [{ label: "0 s" }, { label: "10 s" }],
    y: [20, 10],
    limit: { value: 15, label: "limit" },
  });
  expect(svg.match(/<circle /g)).toHaveLength(2);
  expect(svg).toContain("a &lt;b> &amp; c");
  expect(svg).not.toContain("NaN");
});
