import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { isPublicPath, NO_PATHS, pathPatternProblem, pathRules } from "../../../src/gate/path-rules.ts";

const RULES = pathRules(["/share/*", "/webauthn-mobile-connector.html"]);

/** As the gate asks: with the URL as it came in, and the path that the URL parser made of it. */
function isPublic(path: string, rules = RULES): boolean {
  const raw = `https://vault.example.com${path}`;
  return isPublicPath(rules, raw, new URL(raw).pathname);
}

describe("public paths", () => {
  it.each([
    "/share/abc",
    "/share/abc/def.html",
    "/share/",
    "/share/abc/",
    "/share/abc?key=1&x=../..",
    "/share/abc#top",
    "/share/Z%C3%BCrich%20See.jpg",
    "/share/a+b=c@d,e(f)!'$&~_.-",
    "/share/...",
    "/webauthn-mobile-connector.html",
    "/webauthn-mobile-connector.html?data=x",
  ])("lets %s through", (path) => expect(isPublic(path)).toBe(true));

  it.each([
    ["another path", "/admin"],
    ["the folder itself", "/share"],
    ["a longer name", "/shared/x"],
    ["an exact path with more behind it", "/webauthn-mobile-connector.html/x"],
    ["an exact path with a slash", "/webauthn-mobile-connector.html/"],
    ["another case", "/Share/abc"],
    ["another case of an exact path", "/WebAuthn-mobile-connector.html"],
    ["a double slash before", "//share/abc"],
    ["a double slash between", "/share//abc"],
    ["a double slash behind", "/share/abc//"],
    ["a step up", "/share/../admin"],
    ["a step up and back", "/admin/../share/abc"],
    ["a step on the spot", "/share/./abc"],
    ["an encoded step up", "/share/%2e%2e/admin"],
    ["a half encoded step up", "/share/.%2E/admin"],
    ["a step up at the end", "/share/abc/.."],
    ["a doubly encoded step up", "/share/%252e%252e/admin"],
    ["an encoded slash", "/share/..%2fadmin"],
    ["an encoded slash in upper case", "/share%2Fabc"],
    ["an encoded backslash", "/share/..%5cadmin"],
    ["a backslash", "/share\\..\\admin"],
    ["an encoded letter", "/%73hare/abc"],
    ["a path parameter", "/share/..;/admin"],
    ["a path parameter at the end", "/share/abc;jsessionid=1"],
    ["a NUL", "/share/abc%00.html"],
    ["a line break", "/share/abc%0a"],
    ["a tab that URL parsers drop", "/sha\tre/abc"],
    ["an encoded question mark", "/share/abc%3fx"],
    ["an encoded percent sign", "/share/100%25"],
    ["a percent sign alone", "/share/100%"],
    ["a star", "/share/*"],
  ])("keeps %s shut: %s", (_, path) => expect(isPublic(path)).toBe(false));

  it("lets nothing through unless it is named", () => {
    expect(isPublic("/", NO_PATHS)).toBe(false);
    expect(isPublic("/", pathRules(["/"]))).toBe(true);
    expect(isPublic("/x", pathRules(["/"]))).toBe(false);
  });

  it("is never widened: whatever passes, any server resolves to a path below the named ones", () => {
    const piece = fc.constantFrom(
      "/",
      "//",
      "share",
      "admin",
      "..",
      ".",
      "%2e",
      "%2E%2e",
      "%2f",
      "%5c",
      "\\",
      ";",
      "a",
      "%c3%bc",
      "%25",
      "?",
      "#",
      "\t",
      "*",
    );
    let passed = 0;
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 8 }), fc.boolean(), (pieces, below) => {
        const path = `${below ? "/share/" : "/"}${pieces.join("")}`;
        if (!isPublic(path)) return;
        passed += 1;
        const sent = path.replace(/[?#].*$/s, "");
        for (const read of [sent, decodeURIComponent(sent), decodeURIComponent(decodeURIComponent(sent))]) {
          const resolved = new URL(
            read
              .replaceAll("\\", "/")
              .replace(/;[^/]*/g, "")
              .replace(/\/+/g, "/"),
            "https://x",
          );
          expect(resolved.pathname).toMatch(/^\/(share\/|webauthn-mobile-connector\.html$)/);
        }
      }),
      { numRuns: 3_000 },
    );
    expect(passed).toBeGreaterThan(50);
  });
});

describe("patterns", () => {
  it.each(["/share/*", "/a.html", "/", "/a/b/*", "/f%C3%BC/*"])("%s is a pattern", (pattern) =>
    expect(pathPatternProblem(pattern)).toBeUndefined(),
  );

  it.each([
    ["share", "must begin with a slash"],
    ["", "must begin with a slash"],
    ["*", "must begin with a slash"],
    ["/*", "would let everything through"],
    ["/share*", "takes a * as its whole last segment only"],
    ["/*/x", "takes a * as its whole last segment only"],
    ["/share/**", "takes a * as its whole last segment only"],
    ["/share/../x", "must be a plain path"],
    ["//x", "must be a plain path"],
    ["/%2e%2e/*", "must be a plain path"],
    ["/x?y", "must be a plain path"],
    ["/x;y", "must be a plain path"],
    ["/a b", "must be a plain path"],
  ])("%j %s", (pattern, problem) => expect(pathPatternProblem(pattern)).toContain(problem));
});
