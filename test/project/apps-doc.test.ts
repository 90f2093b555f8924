import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { withRows } from "../../scripts/apps-doc.ts";

const shown = readFileSync(new URL("../../docs/apps.md", import.meta.url), "utf8");

describe("docs/apps.md", () => {
  it("shows the catalogue that the code has", () => {
    expect(shown, "docs/apps.md is not what the catalogue says: npm run docs:apps writes it").toBe(
      withRows(shown),
    );
  });

  it("keeps what people wrote around the rows, and is refused without the marks", () => {
    const [begin = "", end = ""] = shown.match(/^<!-- .+ -->$/gm) ?? [];
    expect(withRows(`above\n${begin}\nold rows\n${end}\nbelow\n`)).toBe(
      `above\n${shown.slice(shown.indexOf(begin), shown.indexOf(end))}${end}\nbelow\n`,
    );
    expect(() => withRows("no marks")).toThrow("docs/apps.md lacks");
  });
});
