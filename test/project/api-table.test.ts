import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import type { Operation } from "../../src/contract/operation.ts";
import { OPERATIONS } from "../../src/contract/operations.ts";
import { PROBLEMS } from "../../src/contract/problems.ts";

const lines = readFileSync(new URL("../../docs/api.md", import.meta.url), "utf8").split("\n");

/** The cells of the table with this head. */
function table(head: string): string[][] {
  const start = lines.indexOf(head);
  expect(start).toBeGreaterThan(0);
  return lines.slice(start + 2, lines.indexOf("", start)).map((line) =>
    line
      .split(/(?<!\\)\|/)
      .slice(1, -1)
      .map((cell) => cell.trim()),
  );
}

const code = (text: string) => `\`${text}\``;

it("docs/api.md shows every operation of the contract, who may call it, and what it answers", () => {
  const operations = Object.values<Operation>(OPERATIONS).map(
    ({ method, path, needs, of, answers, problems = [] }) => [
      code(`${method} ${path.replaceAll(/:(\w+)/g, "{$1}")}`),
      needs === "read" && of === "everybody" ? "read, everybody's" : needs,
      [Object.keys(answers).join(", "), problems.map(code).join(", ")]
        .filter((part) => part !== "")
        .join("; "),
    ],
  );
  const shown = table("| call | who | answers | body -> answer | |");
  expect(shown.map((cells) => cells.slice(0, 3))).toEqual(operations);
});

it("docs/api.md shows every problem of the contract, by its status", () => {
  const byStatus = Map.groupBy(Object.entries(PROBLEMS), ([, { status }]) => status);
  const shown = table("| status | code |").map(([status, codes = ""]) => [
    Number(status),
    [...codes.matchAll(/`([a-z-]+)`/g)].map(([, name]) => name),
  ]);
  expect(shown).toEqual([...byStatus].map(([status, rows]) => [status, rows.map(([name]) => name)]));
});
