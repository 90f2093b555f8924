import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  isPublicPath,
  NO_PATHS,
  pathPatternProblem,
  pathRules,
} from "../../../../src/domain/request/path-rules.ts";

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
    "/share/a...",
    "/share/.well-known/x",
    "/share/%E6%97%A5%E6%9C%AC.jpg",
    "/share/%F0%9F%98%80",
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
    ["dots in overlong UTF-8", "/share/%c0%ae%c0%ae/%c0%ae%c0%ae/admin"],
    ["dots in overlong UTF-8 of three bytes", "/share/%e0%80%ae%e0%80%ae/admin"],
    ["a slash in overlong UTF-8", "/share/..%c0%afadmin"],
    ["a byte that is no UTF-8", "/share/%ff"],
    ["half a letter", "/share/%c3"],
    ["a surrogate in UTF-8", "/share/%ed%a0%80"],
    ["full-width dots and a full-width slash", "/share/%ef%bc%8e%ef%bc%8e%ef%bc%8fadmin"],
    ["a two-dot leader", "/share/%e2%80%a5/admin"],
    ["a small full stop", "/share/%ef%b9%92%ef%b9%92/admin"],
    ["a slash for fractions", "/share/..%e2%81%84admin"],
    ["a slash for divisions", "/share/..%e2%88%95admin"],
    ["a yen sign, a backslash in Japan", "/share/..%c2%a5admin"],
    ["a won sign, a backslash in Korea", "/share/..%e2%82%a9admin"],
    ["dots and a space", "/share/..%20/admin"],
    ["a space and dots", "/share/%20../admin"],
    ["a dot and spaces", "/share/.%20%20/admin"],
    ["a space alone", "/share/%20/admin"],
    ["dots and a space at the end", "/share/x/..%20"],
    ["three dots", "/share/.../admin"],
    ["dots and a no-break space", "/share/..%c2%a0/admin"],
    ["dots and an ideographic space", "/share/..%e3%80%80/admin"],
    ["dots and a space without width", "/share/..%e2%80%8b/admin"],
    ["dots and a byte order mark", "/share/..%ef%bb%bf/admin"],
    ["dots and a filler", "/share/..%e1%85%9f/admin"],
    ["a control character of Latin-1", "/share/a%c2%85b"],
    ["a letter that is not composed", "/share/u%cc%88"],
    ["an endless encoded one", `/share/${"%cc%81".repeat(2_000)}`],
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
      "%20",
      "%c0%ae",
      "%ef%bc%8e",
      "%ef%bc%8f",
      "%e2%80%8b",
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
        const once = decodeURIComponent(sent);
        for (const read of [sent, once, decodeURIComponent(once), once.normalize("NFKC")]) {
          const resolved = new URL(
            read
              .replaceAll("\\", "/")
              // Windows and some frameworks trim what ends a segment.
              .replace(/[\s\u200b]+(?=\/|$)/g, "")
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
