import { describe, expect, it } from "vitest";
import { BoundedMap, ShortMemory } from "../../../../src/domain/general/bounded-map.ts";

const NOW = Date.UTC(2026, 10, 25, 12);

describe("a bounded map", () => {
  it("drops its oldest entry when it is full", () => {
    const map = new BoundedMap<string, number>(2).set("a", 1).set("b", 2).set("c", 3);
    expect([...map]).toEqual([
      ["b", 2],
      ["c", 3],
    ]);
  });

  it("drops nothing for a key that it has", () => {
    const map = new BoundedMap<string, number>(2).set("a", 1).set("b", 2).set("a", 3);
    expect([...map]).toEqual([
      ["a", 3],
      ["b", 2],
    ]);
  });
});

it("remembers for its time, and no longer", () => {
  const memory = new ShortMemory<string, number | null>(2_000, 10);
  memory.set("a", 1, NOW);
  memory.set("b", null, NOW);
  expect([memory.get("a", NOW), memory.get("b", NOW), memory.get("c", NOW)]).toEqual([1, null, undefined]);
  expect(memory.get("a", NOW + 1_999)).toBe(1);
  expect(memory.get("a", NOW + 2_000)).toBeUndefined();
});

it("does not trust what it noted in the future: the clock was set back", () => {
  const memory = new ShortMemory<string, number>(2_000, 10);
  memory.set("a", 1, NOW);
  expect(memory.get("a", NOW - 1)).toBeUndefined();
});

it("forgets what it is told to", () => {
  const memory = new ShortMemory<string, number>(2_000, 10);
  memory.set("a", 1, NOW);
  memory.delete("a");
  expect(memory.get("a", NOW)).toBeUndefined();
});

it("lets the oldest go when it is full, and nothing when an old one is noted again", () => {
  const memory = new ShortMemory<string, number>(2_000, 2);
  memory.set("a", 1, NOW);
  memory.set("b", 2, NOW);
  memory.set("b", 3, NOW);
  expect([memory.get("a", NOW), memory.get("b", NOW)]).toEqual([1, 3]);
  memory.set("c", 4, NOW);
  expect([memory.get("a", NOW), memory.get("b", NOW), memory.get("c", NOW)]).toEqual([undefined, 3, 4]);
});
