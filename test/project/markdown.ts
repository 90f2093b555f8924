// The project's own Markdown: its files, headings, links and commands.
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";

export const ROOT = resolve(import.meta.dirname, "../..");

/** Paths from the root, of what git has or would take. */
export function markdownFiles(): string[] {
  const words = ["ls-files", "-z", "--cached", "--others", "--exclude-standard", "*.md"];
  return execFileSync("git", words, { cwd: ROOT, encoding: "utf8" }).split("\0").filter(Boolean);
}

export function read(name: string): string {
  return readFileSync(join(ROOT, name), "utf8");
}

const FENCED = /^( *)```(\w*)\n([\s\S]*?)^\1```$/gm;

/** What is between the fences of blocks in this language. */
export function blocks(markdown: string, language: string): string[] {
  return [...markdown.matchAll(FENCED)]
    .filter(([, , name]) => name === language)
    .map(([, , , text = ""]) => text);
}

/** Without what is shown as it is: blocks and code within a line. */
export function prose(markdown: string): string {
  return markdown.replace(FENCED, "").replace(/`[^`\n]+`/g, "``");
}

/** Where a link may lead within a page: GitHub's anchors of its headings, and those that it names itself. */
export function anchorsOf(markdown: string): Set<string> {
  const headings = [...markdown.replace(FENCED, "").matchAll(/^#{1,6} (.+)$/gm)].map(([, text = ""]) =>
    text
      .replace(/\[([^\]]+)\]\([^)]+\)/g, "$1")
      .toLowerCase()
      .replace(/[^\p{L}\p{N}\p{M}_ -]/gu, "")
      .replaceAll(" ", "-"),
  );
  const named = [...markdown.matchAll(/<a id="([^"]+)">/g)].map(([, id = ""]) => id);
  return new Set([...headings, ...named]);
}

/** Every call of the program in the shell blocks of a page, as its words without `latchkey`. */
export function latchkeyCalls(markdown: string): string[][] {
  const lines = blocks(markdown, "sh").flatMap((text) => text.replaceAll(/\\\n\s*/g, "").split("\n"));
  const console = blocks(markdown, "console").flatMap((text) => text.split("\n"));
  const typed = console.flatMap((line) => /^\$ (.+)$/.exec(line)?.[1] ?? []);
  return [...lines, ...typed]
    .flatMap((line) => line.replace(/\s+#.*$/, "").split(/ && | \| | > /))
    .flatMap(
      (command) => /^\s*(?:[A-Z_]+=\S+ )*(?:npm exec --no -- )?latchkey (.+)$/.exec(command)?.[1] ?? [],
    )
    .map((words) => (words.match(/"[^"]*"|\S+/g) ?? []).map((word) => word.replaceAll('"', "")));
}
