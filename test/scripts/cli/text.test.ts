import { describe, expect, it } from "vitest";
import { table, wrap } from "../../../scripts/terminal/table.ts";
import {
  asMessage,
  distinguishedName,
  printable,
  printableJson,
  printableLines,
  shellWord,
  shortenIds,
} from "../../../scripts/terminal/text.ts";
import { localTime, timeWithHint } from "../../../scripts/terminal/time.ts";
import { nearest } from "../../../src/domain/general/nearest.ts";

describe("nothing from the server reaches the terminal as a command", () => {
  it.each([
    ["an escape sequence", "\x1b[2Jgone", "\\u{1b}[2Jgone"],
    ["an escape of one character (C1)", "\x9b31mred", "\\u{9b}31mred"],
    ["a new line", "alice\nbob", "alice\\u{a}bob"],
    ["a carriage return", "safe\rpixel", "safe\\u{d}pixel"],
    ["a mark that reverses text", "\u202eenohp", "\\u{202e}enohp"],
    ["a line separator", "a\u2028b", "a\\u{2028}b"],
    ["a lone surrogate", "a\ud800b", "a\\u{d800}b"],
    ["DEL", "a\x7fb", "a\\u{7f}b"],
  ])("%s", (_, from, to) => {
    expect(printable(from)).toBe(to);
    const json = printableJson({ name: from });
    expect(json).not.toMatch(/(?!\n)[\p{Cc}\p{Cs}\u2028\u202e]/u);
    expect(JSON.parse(json)).toEqual({ name: from });
  });

  it("leaves names in other scripts, and emoji, as they are", () => {
    expect(printable("Зоя's 📱 téléphone 👩‍💻")).toBe("Зоя's 📱 téléphone 👩‍💻");
  });

  it("keeps the lines of a note, and only those", () => {
    expect(printableLines("a\r\nb\tc\nd\x1b")).toEqual(["a", "b    c", "d\\u{1b}"]);
  });
});

describe("words", () => {
  it("of a message begin in lower case and end without a full stop", () => {
    expect(asMessage("There is no such user.")).toBe("there is no such user");
    expect(asMessage("SHA-256 is missing")).toBe("SHA-256 is missing");
  });

  it("of a hint can be pasted into a shell", () => {
    expect(shellWord("alice/pixel-9")).toBe("alice/pixel-9");
    expect(shellWord("alice/Zoe's phone; rm -rf")).toBe(`'alice/Zoe'\\''s phone; rm -rf'`);
  });

  it("that are nearly right are recognised", () => {
    expect(nearest("pixle-9", ["laptop", "Pixel-90", "pixel-9"])).toEqual(["pixel-9", "Pixel-90"]);
    expect(nearest("tablet", ["pixel-9"])).toEqual([]);
    // Three mistakes in a long word are too many still, and a short word is near to everything.
    expect(nearest("version-of-this", ["vexsion-of-tzis", "versions-ot-thisa"])).toEqual(["vexsion-of-tzis"]);
    expect(nearest("nope", ["note", "rope"])).toEqual(["note", "rope"]);
    expect(nearest("list", ["lost", "note"])).toEqual(["lost"]);
    expect(nearest("prot", ["port", "part"])).toEqual(["port"]);
    expect(nearest("mca", ["mac"])).toEqual([]);
  });

  it("hold the first digits of fingerprints and ids", () => {
    const id = "3f2a1b9c-0d1e-4f2a-8b3c-4d5e6f708192";
    expect(shortenIds(`was: ${"ab".repeat(32)}, by ${id}`)).toBe("was: abababab, by 3f2a1b9c");
  });
});

describe("times", () => {
  const now = Date.parse("2026-11-24T12:00:00Z");

  it("have a hint beside them", () => {
    expect(timeWithHint("2026-12-13T11:59:30Z", now)).toMatch(/^2026-12-1[34] \d\d:\d\d \(in 19 days\)$/);
  });

  it("that are none are shown as they came, without control characters", () => {
    expect(timeWithHint("soon\x1b[0m", now)).toBe("soon\\u{1b}[0m");
  });

  it("are local", () => {
    expect(localTime("2026-11-24T11:59:30Z", true)).toMatch(/^2026-11-2[345] \d\d:\d\d:30$/);
  });
});

describe("a table", () => {
  const head = ["DEVICE", "STATUS"];
  const rows = [
    ["alice/pixel-9", "active"],
    ["bob/日本語", "revoked"],
    ["carol/x", ""],
  ];

  it("is aligned, even if characters are two columns wide, and has no trailing spaces", () => {
    expect(table(head, rows, 80)).toEqual([
      "DEVICE         STATUS",
      "alice/pixel-9  active",
      "bob/日本語     revoked",
      "carol/x",
    ]);
  });

  it("is measured as a terminal shows it", () => {
    expect(table(head, rows, 22)).toHaveLength(4);
    expect(table(["N"], [["日本語"]], 6)).toEqual(["N", "日本語"]);
    expect(table(["N"], [["日本語"]], 5)).toEqual(["N  日本語"]);
  });

  it("shortens a column where it is too wide, the one that saves most first, and drops an empty one", () => {
    const long = [{ full: "3 minutes ago", short: "3m" }, { full: "done", short: "" }, "alice"];
    const shorter = [{ full: "now", short: "now" }, { full: "done", short: "" }, "bob"];
    const head = ["TIME", "OUTCOME", "USER"];
    expect(table(head, [long, shorter], 29)).toEqual([
      "TIME           OUTCOME  USER",
      "3 minutes ago  done     alice",
      "now            done     bob",
    ]);
    expect(table(head, [long, shorter], 28)).toEqual([
      "TIME  OUTCOME  USER",
      "3m    done     alice",
      "now   done     bob",
    ]);
    expect(table(head, [long, shorter], 19)).toEqual(["TIME  USER", "3m    alice", "now   bob"]);
  });

  it("moves columns below their row, and breaks long cells at spaces", () => {
    const rows = [["revoke", "alice", "from here", "why: stolen in the tram"]];
    expect(table(["ACT", "WHO", "FROM", "DETAIL"], rows, 24, { below: 2 })).toEqual([
      "ACT     WHO",
      "revoke  alice",
      "    from here; why:",
      "    stolen in the tram",
    ]);
    expect(table(["ACT", "DETAIL"], [["revoke", "stolen in the tram"]], 18)).toEqual([
      "ACT     DETAIL",
      "revoke  stolen in",
      "        the tram",
    ]);
  });

  it("has any number of rows", () => {
    const rows = Array.from({ length: 130_000 }, () => ["alice"]);
    expect(table(["USER"], rows, 80)).toHaveLength(130_001);
  });

  it("becomes a block a row where the terminal is too narrow: nothing is cut off", () => {
    expect(table(head, rows, 15)).toEqual([
      "DEVICE  alice/pixel-9",
      "STATUS  active",
      "",
      "DEVICE  bob/日本語",
      "STATUS  revoked",
      "",
      "DEVICE  carol/x",
    ]);
  });
});

describe("a line of prose", () => {
  it("is wrapped between words, and keeps its indent", () => {
    expect(wrap("  one two three", 9)).toEqual(["  one two", "  three"]);
    expect(wrap("one two three", 13)).toEqual(["one two three"]);
    expect(wrap("one two three", Number.POSITIVE_INFINITY)).toEqual(["one two three"]);
  });

  it("keeps a command to copy on one line, if a line has room for it", () => {
    expect(wrap("later take it off: latchkey unblock alice/pixel-9", 34)).toEqual([
      "later take it off:",
      "latchkey unblock alice/pixel-9",
    ]);
  });

  it("leaves a word that is too long to the terminal", () => {
    expect(wrap(`see https://example.com/${"x".repeat(30)} now`, 20)).toContain(
      `https://example.com/${"x".repeat(30)}`,
    );
  });
});

it.each([
  ["CN=phone,O=Household", "O=Household, CN=phone"],
  ["O=Household, CN=phone", "O=Household, CN=phone"],
  ["CN=x,O=Cloudflare\\, Inc.,C=US", "C=US, O=Cloudflare\\, Inc., CN=x"],
  ["CN=phone", "CN=phone"],
])("the distinguished name %s is shown in the certificate's order", (name, shown) => {
  expect(distinguishedName(name)).toBe(shown);
});
