import { describe, expect, it } from "vitest";
import { mean, median, quantile, spread } from "../../../scripts/bench/statistics.ts";

describe("statistics", () => {
  it("take the middle, whatever the order", () => {
    expect(median([3, 1, 2])).toBe(2);
    expect(median([])).toBeNaN();
    expect(mean([1, 2, 6])).toBe(3);
    expect(quantile([5, 1, 4, 2, 3], 0.9)).toBe(5);
  });

  it("tell the noise as a part of the median", () => {
    expect(spread([1, 1, 1, 1])).toBe(0);
    expect(spread([8, 9, 10, 11, 12])).toBeCloseTo(0.1);
  });
});
