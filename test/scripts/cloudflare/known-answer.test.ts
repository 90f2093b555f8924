import { expect, it } from "vitest";
import { untilRepeated } from "../../../scripts/cloudflare/known-answer.ts";

it("ends a list whose service answers every page with the same items", async () => {
  async function* endless() {
    for (let page = 1; page < 100; page++) yield* [{ id: "a" }, { id: "b" }];
  }
  const found: unknown[] = [];
  for await (const item of untilRepeated(endless())) found.push(item);
  expect(found).toEqual([{ id: "a" }, { id: "b" }]);
});
