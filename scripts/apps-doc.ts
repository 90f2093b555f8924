// npm run docs:apps: writes the rows of the catalogue of apps into docs/apps.md, between its two marks.
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { profileOf } from "../src/contract/app-settings.ts";
import { CATALOGUE } from "../src/domain/apps/catalogue.ts";
import { type AppRow, type Carrier, CREDENTIALS, type CredentialName } from "../src/domain/apps/row.ts";

const APPS_DOC = join(import.meta.dirname, "..", "docs", "apps.md");

const BEGIN = "<!-- made by npm run docs:apps, from src/domain/apps/rows.ts -->";
const END = "<!-- end of what is made -->";

const NAMES = Object.keys(CREDENTIALS) as CredentialName[];

/** The document with the rows as they are now; all that stands outside the marks stays. */
export function withRows(document: string): string {
  const [begin, end] = [document.indexOf(BEGIN), document.indexOf(END)];
  if (begin === -1 || end < begin) throw new Error(`docs/apps.md lacks ${BEGIN} or ${END}`);
  const made = [...table(), ...CATALOGUE.flatMap(section)].join("");
  return `${document.slice(0, begin)}${BEGIN}\n\n${made}\n${document.slice(end)}`;
}

function table(): string[] {
  const head = ["app", "`profile`", "answers as", "certificate", "header", "Basic", "feed URL"];
  const rows = CATALOGUE.map(({ name, title, credentials }) => [
    `[${title}](#${name})`,
    `\`${name}\``,
    `\`${profileOf(name)}\``,
    ...NAMES.map((credential) => credentials[credential][0]),
  ]);
  const line = (cells: readonly string[]) => `| ${cells.join(" | ")} |\n`;
  return [line(head), `|${"---|".repeat(head.length)}\n`, ...rows.map(line)];
}

function section(row: AppRow): string[] {
  const known = NAMES.filter((name) => row.credentials[name].length > 1);
  const lines = [
    ...known.map((name) => describe(name, row.credentials[name])),
    ...row.public.map(({ path, why }) => `**May have to be public**: \`${path}\`, for ${why}.`),
    ...(row.preflight === null ? [] : [`**Needs** \`preflight = true\`: ${row.preflight}.`]),
    ...row.notes,
    `**Otherwise**: ${row.instead}.`,
    `**Sources**: ${row.sources.map(linked).join(", ")}.`,
  ];
  return [`\n<a id="${row.name}"></a>\n\n### ${row.title}\n\n`, ...lines.map((line) => `- ${line}\n`)];
}

function describe(name: CredentialName, [carried, note = ""]: Carrier): string {
  return `**${CREDENTIALS[name]}** (${carried}): ${note}.`;
}

/** GitHub leads from an issue's address to the pull request of that number. */
function linked(source: string): string {
  const [, repository, number] = /^([\w.-]+\/[\w.-]+)#(\d+)$/.exec(source) ?? [];
  if (repository !== undefined) return `[${source}](https://github.com/${repository}/issues/${number})`;
  return source.startsWith("docs/") ? `[${source.slice(5)}](${source.slice(5)})` : `<${source}>`;
}

if (import.meta.main) writeFileSync(APPS_DOC, withRows(readFileSync(APPS_DOC, "utf8")));
