import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { describe, expect, it } from "vitest";

// Holds the lines that docs/architecture.md draws: what may import what.

const ROOT = resolve(import.meta.dirname, "../..");
const PURE_MARK = "// No I/O. No clock.";

/** Packages that are pure as well: they check and describe values, and make texts. */
const PURE_PACKAGES = ["valibot", "@valibot/to-json-schema", "hono/html", "lean-qr/nano"];

interface Import {
  /** A path from the project's root, or a package's name. */
  target: string;
  typeOnly: boolean;
}

interface Source {
  path: string;
  pure: boolean;
  /** Without comments. */
  code: string;
  imports: Import[];
}

const SPECIFIER =
  /\b(?:import|export)\s+(type\s)?(?:[^"';]*?\sfrom\s+)?["']([^"']+)["']|\bimport\(\s*["']([^"']+)["']\s*\)/g;

/** Drops comments and keeps texts, so that `//` within one begins no comment. */
function withoutComments(text: string): string {
  return text.replace(
    /("(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|`(?:\\.|[^`\\])*`)|\/\/[^\n]*|\/\*[\s\S]*?\*\//g,
    (_, quoted: string | undefined) => quoted ?? " ",
  );
}

function importsOf(path: string, code: string): Import[] {
  return [...code.matchAll(SPECIFIER)].map(([, type, from, dynamic]) => {
    const specifier = from ?? dynamic ?? "";
    return {
      target: specifier.startsWith(".") ? relative(ROOT, resolve(ROOT, dirname(path), specifier)) : specifier,
      typeOnly: type !== undefined,
    };
  });
}

function read(folder: string): Source[] {
  return readdirSync(join(ROOT, folder), { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".ts") && !name.endsWith(".d.ts"))
    .map((name) => {
      const path = join(folder, name);
      const text = readFileSync(join(ROOT, path), "utf8");
      const code = withoutComments(text);
      return { path, pure: text.startsWith(PURE_MARK), code, imports: importsOf(path, code) };
    });
}

const src = read("src");
const scripts = read("scripts");
const byPath = new Map([...src, ...scripts].map((source) => [source.path, source]));

/** What crosses a line: `from -> to` of every import of `sources` that `forbidden` names. */
function crossings(sources: Source[], forbidden: (target: string, typeOnly: boolean) => boolean): string[] {
  return sources.flatMap(({ path, imports }) =>
    imports
      .filter(({ target, typeOnly }) => forbidden(target, typeOnly))
      .map(({ target }) => `${path} -> ${target}`),
  );
}

const inFolder = (folder: string) => src.filter(({ path }) => path.startsWith(folder));
const isPure = (target: string) => byPath.get(target)?.pure === true;

describe("the reader of imports", () => {
  it("sees every form of them, and none in comments", () => {
    const code = withoutComments(`
      import "./bare.ts"; // import "./comment.ts";
      /* import "./block.ts"; */
      import type { A } from "./type.ts";
      import {
        b,
        type C,
      } from "./lines.ts";
      export { d } from "./export.ts";
      export * from "./star.ts";
      import * as e from "pkg";
      const url = "https://example.com"; const f = await import("./dynamic.ts");
    `);
    expect(importsOf("src/x.ts", code)).toEqual([
      { target: "src/bare.ts", typeOnly: false },
      { target: "src/type.ts", typeOnly: true },
      { target: "src/lines.ts", typeOnly: false },
      { target: "src/export.ts", typeOnly: false },
      { target: "src/star.ts", typeOnly: false },
      { target: "pkg", typeOnly: false },
      { target: "src/dynamic.ts", typeOnly: false },
    ]);
  });

  it("finds the sources, and every file that they import", () => {
    expect(src.length).toBeGreaterThan(30);
    expect(src.filter(({ pure }) => pure).length).toBeGreaterThan(10);
    for (const path of ["src/gate/decision.ts", "src/registry/device.ts", "src/control/contract.ts"]) {
      expect(isPure(path), path).toBe(true);
    }
    const own = (target: string) => target.startsWith("src/") || target.startsWith("scripts/");
    expect(crossings(src, (target) => own(target) && !byPath.has(target))).toEqual([]);
    expect(src.flatMap(({ imports }) => imports).length).toBeGreaterThan(80);
  });
});

describe("imports go one way", () => {
  it("the gate does not know the control paths, nor these the gate", () => {
    expect(crossings(inFolder("src/gate/"), (target) => target.startsWith("src/control/"))).toEqual([]);
    expect(crossings(inFolder("src/control/"), (target) => target.startsWith("src/gate/"))).toEqual([]);
  });

  it("the registry knows neither", () => {
    expect(crossings(inFolder("src/registry/"), (target) => /^src\/(gate|control)\//.test(target))).toEqual(
      [],
    );
  });

  it("notifications know neither, and of the registry its pure words alone", () => {
    const forbidden = (target: string) =>
      /^src\/(gate|control)\//.test(target) || (target.startsWith("src/registry/") && !isPure(target));
    expect(crossings(inFolder("src/notify/"), forbidden)).toEqual([]);
  });

  it("no room knows the entry, its composition or the configuration", () => {
    const rooms = ["gate", "control", "registry", "notify"].flatMap((room) => inFolder(`src/${room}/`));
    const top = ["src/index.ts", "src/latchkey.ts", "src/config.ts"];
    expect(crossings(rooms, (target) => top.includes(target))).toEqual([]);
  });

  it("the Worker imports nothing of scripts and tests", () => {
    expect(crossings(src, (target) => /^(\.\.|scripts|test)\b/.test(target))).toEqual([]);
  });

  it("scripts import the contract and pure files of the Worker, and nothing else of it", () => {
    // The bench measures the Worker itself: its own Workers are built around it.
    const users = scripts.filter(({ path }) => !path.startsWith("scripts/bench/"));
    expect(crossings(users, (target) => target.startsWith("src/") && !isPure(target))).toEqual([]);
  });

  it("makes no cycle: in the Worker not even of types", () => {
    const done = new Set<string>();
    const visit = (path: string, trail: string[]): void => {
      if (trail.includes(path)) expect.fail([...trail, path].join(" -> "));
      if (done.has(path)) return;
      for (const { target, typeOnly } of byPath.get(path)?.imports ?? []) {
        if (path.startsWith("src/") || !typeOnly) visit(target, [...trail, path]);
      }
      done.add(path);
    };
    for (const path of byPath.keys()) visit(path, []);
    for (const path of byPath.keys()) expect(done).toContain(path);
  });
});

describe("pure files", () => {
  const pure = src.filter((source) => source.pure);

  it("import only pure files and packages, save for types", () => {
    expect(
      crossings(pure, (target, typeOnly) => !typeOnly && !isPure(target) && !PURE_PACKAGES.includes(target)),
    ).toEqual([]);
  });

  it.each([
    ["the runtime", /\bcloudflare:|\bnode:/],
    ["the network", /(?<![.\w])fetch\s*\(/],
    ["the clock", /\bDate\.now\b|\bnew Date\s*\(\s*\)|(?<![.\w])Date\s*\(\s*\)|\bperformance\b/],
    ["the log", /\bconsole\b/],
    ["chance", /\bcrypto\b|\bMath\.random\b/],
    ["timers", /\bset(Timeout|Interval)\b|\bscheduler\b/],
    ["the environment", /\bprocess\b|\bglobalThis\b/],
  ])("do not use %s", (_, use) => {
    // What is imported for its type alone is not used.
    const code = (text: string) => text.replaceAll(/\bimport\s+type\s[^;]*;/g, "");
    expect(pure.filter((source) => use.test(code(source.code))).map(({ path }) => path)).toEqual([]);
  });
});

it("only the entry and the Durable Objects meet the runtime", () => {
  const meeting = src.filter(({ imports }) =>
    imports.some(({ target }) => /^(cloudflare|node):/.test(target)),
  );
  expect(meeting.map(({ path }) => path).sort()).toEqual([
    "src/control/x509.ts",
    "src/index.ts",
    "src/registry/directory.ts",
    "src/registry/user-registry.ts",
  ]);
});
