import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { NOTIFY_TYPES, NTFY_LOOKS } from "../../src/notify/event.ts";

const text = readFileSync(new URL("../../docs/notifications.md", import.meta.url), "utf8");

it("docs/notifications.md has a row for each type, in the order of the code", () => {
  const head = text.indexOf("| `type` |");
  expect(head).toBeGreaterThan(0);
  const table = text.slice(head, text.indexOf("\n\n", head));
  const types = [...table.matchAll(/^\| `([a-z-]+)` \| \S/gm)].map(([, type]) => type);
  expect(types.filter((type) => type !== "type")).toEqual(NOTIFY_TYPES);
});

it("docs/notifications.md says which types have ntfy's higher priority", () => {
  const sentence = /The priority is 4 for ([^.]*), and 3 for the others\./s.exec(text)?.[1] ?? "";
  const named = [...sentence.matchAll(/`([a-z-]+)`/g)].map(([, type]) => type);
  expect(named).toEqual(NOTIFY_TYPES.filter((type) => NTFY_LOOKS[type].priority === 4));
});
