import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { changesSince, settingsChange } from "../../scripts/deployment/changes.ts";
import { wranglerTomlFrom } from "../../scripts/deployment/folder.ts";

const OURS = readFileSync(join(import.meta.dirname, "../../wrangler.toml"), "utf8");
const CHANGELOG = `# Changelog

Words.

## 0.3.0 (2027-01-01)
- three

## 0.2.0
- two

## 0.1.0
- one
`;

describe("the changelog since a version", () => {
  it.each([
    ["0.2.0", ["## 0.3.0 (2027-01-01)", "- three"]],
    ["0.1.0", ["## 0.3.0 (2027-01-01)", "- three", "## 0.2.0", "- two"]],
    ["0.3.0", []],
  ])("%s", (version, lines) => {
    expect(changesSince(CHANGELOG, version)).toEqual(lines);
  });

  it("is all of it for a version that it does not name, and its newest section for none", () => {
    expect(changesSince(CHANGELOG, "0.0.9")).toHaveLength(6);
    expect(changesSince(CHANGELOG, undefined)).toEqual(["## 0.3.0 (2027-01-01)", "- three"]);
  });
});

describe("the settings that a version brings", () => {
  const nothing = { missing: [], different: [], required: [] };

  it("are none for a folder made by this version, whatever its apps", () => {
    expect(settingsChange(wranglerTomlFrom(OURS), OURS)).toEqual(nothing);
    expect(settingsChange(OURS.replace("app.localhost", "vault.example.com"), OURS)).toEqual(nothing);
    expect(settingsChange(OURS.replace(/^ADMIN_HOST.*$/m, ""), OURS)).toEqual(nothing);
  });

  it("are those that the folder lacks, and the runtime's date", () => {
    const old = OURS.replace(/^crons = .*$/m, "").replace(
      /^(compatibility_date) = .*$/m,
      '$1 = "2025-01-01"',
    );
    expect(settingsChange(old, OURS)).toEqual({
      missing: ["triggers.crons"],
      different: [expect.stringMatching(/^compatibility_date = "2026-.*" \(yours: "2025-01-01"\)$/)],
      required: [],
    });
  });

  it("must have the bindings and migrations of the Durable Objects", () => {
    const next = `${OURS}\n[[migrations]]\ntag = "v2"\nnew_sqlite_classes = ["More"]\n`;
    expect(settingsChange(OURS, next)).toEqual({ ...nothing, required: ["migrations.v2"] });
    const without = OURS.replace(
      /\[\[durable_objects\.bindings\]\]\nname = "DIRECTORY"\nclass_name = "Directory"\n/,
      "",
    );
    expect(settingsChange(without, OURS).required).toEqual(["durable_objects.bindings.DIRECTORY"]);
  });
});
