import { describe, expect, it } from "vitest";
import {
  QUESTIONS_A_NETWORK,
  QUESTIONS_AN_HOUR,
  StrangerBudget,
} from "../../../src/control/stranger-budget.ts";

const NOW = Date.UTC(2026, 10, 25, 12);
const HOUR = 3_600_000;

/** Asks until nothing is allowed any more; tells how often. */
function exhaust(budget: StrangerBudget, networkOf: (n: number) => string, now = NOW): number {
  for (let n = 0; n < 1_000; n++) {
    if (!budget.allows(networkOf(n), now)) return n;
    budget.spend(networkOf(n));
  }
  return Number.POSITIVE_INFINITY;
}

describe("the budget for strangers", () => {
  it("bounds one network, and leaves the others alone", () => {
    const budget = new StrangerBudget();
    expect(exhaust(budget, () => "198.51.100.7")).toBe(QUESTIONS_A_NETWORK);
    expect(budget.allows("198.51.100.8", NOW)).toBe(true);
  });

  it("bounds all of them together", () => {
    const budget = new StrangerBudget();
    expect(exhaust(budget, (n) => `198.51.100.${n}`)).toBe(QUESTIONS_AN_HOUR);
    expect(budget.allows("203.0.113.1", NOW)).toBe(false);
  });

  it("costs nothing while nothing is wrong", () => {
    const budget = new StrangerBudget();
    for (let n = 0; n < 1_000; n++) expect(budget.allows("198.51.100.7", NOW)).toBe(true);
  });

  it("is whole again an hour after its first question, and tells how long that is", () => {
    const budget = new StrangerBudget();
    expect(budget.allows("a", NOW)).toBe(true);
    exhaust(budget, () => "a", NOW + HOUR / 2);
    expect(budget.retryAfterMs(NOW + HOUR / 2)).toBe(HOUR / 2);
    expect(budget.allows("a", NOW + HOUR - 1)).toBe(false);
    expect(budget.retryAfterMs(NOW + HOUR - 1)).toBe(1);
    expect(budget.allows("a", NOW + HOUR)).toBe(true);
    expect(exhaust(budget, () => "a", NOW + HOUR)).toBe(QUESTIONS_A_NETWORK);
  });

  it("does not stay shut when the clock is set back", () => {
    const budget = new StrangerBudget();
    exhaust(budget, () => "a");
    expect(budget.allows("a", NOW - 1)).toBe(true);
  });

  it("takes any text for a network", () => {
    const budget = new StrangerBudget();
    expect(exhaust(budget, () => "__proto__")).toBe(QUESTIONS_A_NETWORK);
    expect(budget.allows("constructor", NOW)).toBe(true);
  });
});
