import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { PROFILE_NAMES } from "../../src/domain/request/app.ts";
import { ANSWERS } from "../../src/gate/answers.ts";

it("docs/answers.md shows the table that the code has", () => {
  const text = readFileSync(new URL("../../docs/answers.md", import.meta.url), "utf8");
  const lines = text.split("\n");
  const head = lines.indexOf(`| reason | ${PROFILE_NAMES.map((name) => `\`${name}\``).join(" | ")} |`);
  expect(head).toBeGreaterThan(0);
  const end = lines.indexOf("", head);
  const shown = lines.slice(head + 2, end).map((line) => {
    const [reason = "", ...answers] = line
      .split("|")
      .slice(1, -1)
      .map((cell) => cell.trim());
    return [reason.replaceAll("`", ""), answers];
  });
  expect(Object.fromEntries(shown)).toEqual(ANSWERS);
});
