import { describe, expect, it } from "vitest";
import { Budget } from "../../../../src/domain/general/budget.ts";

const NOW = Date.UTC(2026, 10, 25, 12);
const taken = (budget: Budget<string>, key: string, now: number, times: number) =>
  Array.from({ length: times }, () => budget.take(key, now)).filter(Boolean).length;

describe("a budget", () => {
  it("gives so many at first, and one more after each period", () => {
    const budget = new Budget<string>(3, 1000, 10);
    expect(taken(budget, "a", NOW, 5)).toBe(3);
    expect(taken(budget, "a", NOW + 999, 5)).toBe(0);
    expect(taken(budget, "a", NOW + 1000, 5)).toBe(1);
    expect(taken(budget, "a", NOW + 60_000, 5)).toBe(3);
  });

  it("counts each key by itself", () => {
    const budget = new Budget<string>(1, 1000, 10);
    expect(budget.take("a", NOW)).toBe(true);
    expect(budget.take("b", NOW)).toBe(true);
    expect(budget.take("a", NOW)).toBe(false);
  });

  it("keeps nobody waiting for long when the clock was set back", () => {
    const budget = new Budget<string>(2, 1000, 10);
    expect(taken(budget, "a", NOW + 86_400_000, 2)).toBe(2);
    expect(budget.take("a", NOW)).toBe(false);
    expect(budget.take("a", NOW + 2001)).toBe(true);
  });

  it("remembers so many keys only", () => {
    const budget = new Budget<string>(1, 1000, 2);
    for (const key of ["a", "b", "c"]) expect(budget.take(key, NOW)).toBe(true);
    expect(budget.take("a", NOW)).toBe(true);
    expect(budget.take("c", NOW)).toBe(false);
  });
});
