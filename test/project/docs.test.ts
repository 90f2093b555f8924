// What people read: every link leads somewhere, every command is one, every page and picture is found.
import { existsSync, readdirSync, statSync } from "node:fs";
import { dirname, join, normalize } from "node:path";
import { type Command, CommanderError } from "commander";
import { describe, expect, it } from "vitest";
import { createProgram } from "../../scripts/cli/program.ts";
import { anchorsOf, latchkeyCalls, markdownFiles, prose, ROOT, read } from "./markdown.ts";

const FILES = markdownFiles();
/** Without what `npm run bench` writes. */
const PAGES = FILES.filter((name) => /^docs\/(?!README|performance\/)/.test(name));

/** Each link of a page that leads to a file of ours: where to, and to which anchor. */
function linksOf(name: string): { target: string; anchor: string | undefined }[] {
  const links = [...prose(read(name)).matchAll(/\]\(([^)\s]+)\)/g)].map(([, link = ""]) => link);
  return links
    .filter((link) => !/^[a-z]+:/.test(link))
    .map((link) => {
      const [path = "", anchor] = link.split("#");
      return { target: path === "" ? name : normalize(join(dirname(name), path)), anchor };
    });
}

describe.each(FILES)("%s", (name) => {
  it("has no link that leads nowhere", () => {
    const broken = linksOf(name).filter(
      ({ target, anchor }) =>
        !existsSync(join(ROOT, target)) ||
        (anchor !== undefined && target.endsWith(".md") && !anchorsOf(read(target)).has(anchor)),
    );
    expect(broken).toEqual([]);
  });
});

/** Leaves of a program only how it reads its words. */
function doNothing(program: Command): void {
  for (const command of program.commands) {
    command.action(() => undefined);
    doNothing(command);
  }
}

it.each(FILES.filter((name) => latchkeyCalls(read(name)).length > 0))(
  "%s shows only commands that the program has",
  async (name) => {
    for (const words of latchkeyCalls(read(name))) {
      const program = createProgram().configureOutput({ writeOut: () => undefined });
      doNothing(program);
      const complaint = program.parseAsync(words, { from: "user" }).then(
        () => undefined,
        (error: unknown) => (error instanceof CommanderError && error.exitCode === 0 ? undefined : error),
      );
      expect(await complaint, `latchkey ${words.join(" ")}`).toBeUndefined();
    }
  },
);

it.each(PAGES)("%s has no tags or braces, which GitHub drops and the site would run", (name) => {
  expect(prose(read(name)).match(/(?<!\\)<(?!a id="|\/a>|https:|!--)[^\s\d=]+|\{\{/g)).toBeNull();
});

describe("the guide", () => {
  const contents = linksOf("docs/README.md").map(({ target }) => target);

  it("names every page in its contents and in the site's navigation", () => {
    expect([...contents].sort().filter((name) => name.startsWith("docs/"))).toEqual(
      expect.arrayContaining(PAGES),
    );
    const config = read("site/.vitepress/config.ts");
    const missing = PAGES.filter((name) => {
      const path = name.slice("docs".length, -".md".length);
      return !config.includes(`"${path}"`) && !config.includes(`"${path.replace("/guide/", "")}"`);
    });
    expect(missing).toEqual([]);
  });

  it("uses every picture, and none is large", () => {
    const used = FILES.flatMap(linksOf).map(({ target }) => target);
    const pictures = readdirSync(join(ROOT, "docs/pictures")).map((name) => `docs/pictures/${name}`);
    expect(pictures.filter((name) => !used.includes(name))).toEqual([]);
    const large = pictures.filter((name) => statSync(join(ROOT, name)).size > 60 * 1024);
    expect(large).toEqual([]);
  });
});
