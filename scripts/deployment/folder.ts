// What a deployment folder holds: the settings of one gate, and which version of this package it runs.
import { NODE_PACKAGE, OLDEST_FOR_CLOUDFLARE } from "../node-version.ts";
import { PACKAGE_NAME } from "../package.ts";
import { failed } from "../terminal/failure.ts";
import { parseJson } from "../terminal/text.ts";

/** The Worker, from a deployment folder. */
const MAIN = `node_modules/${PACKAGE_NAME}/dist/src/index.js`;

/** `wrangler.toml` of the folder: the package's own, with the Worker where npm installs it. */
export function wranglerTomlFrom(text: string): string {
  const edited = text.replace(/^main = .*$/m, `main = ${JSON.stringify(MAIN)}`);
  if (edited === text)
    throw failed("the package's wrangler.toml names no Worker", "install the package again");
  return edited;
}

interface Manifest {
  dependencies?: Record<string, string>;
  scripts?: Record<string, string>;
  allowScripts?: Record<string, boolean>;
  [field: string]: unknown;
}

/** Whether a `package.json` has a version of this package already, as after `npm install` of the tarball. */
export function dependsOnUs(text: string | undefined): boolean {
  return text !== undefined && manifestFrom(text).dependencies?.[PACKAGE_NAME] !== undefined;
}

function manifestFrom(text: string): Manifest {
  const value = parseJson(text);
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Manifest;
  throw failed("package.json in that folder is not a JSON object", "correct it, or name another folder");
}

/**
 * `package.json` of the folder. What is in the one that is there stays. The dependency is a file, not a name: the name
 * on npm is not ours. A Node that is too old for wrangler gets a newer one beside it.
 */
export function packageJsonFrom(existing: string | undefined, tarball: string, nodeVersion: string): string {
  const theirs = existing === undefined ? {} : manifestFrom(existing);
  const [nodeName = "", newNode = ""] = NODE_PACKAGE.split("@");
  const isOld = Number.parseInt(nodeVersion, 10) < OLDEST_FOR_CLOUDFLARE;
  const merged = {
    private: true,
    ...theirs,
    scripts: { start: "latchkey start", deploy: "latchkey deploy", ...theirs.scripts },
    // npm 11 runs no install script that is not named here. None of them is ours.
    allowScripts: {
      esbuild: true,
      workerd: true,
      ...(isOld ? { [nodeName]: true } : {}),
      ...theirs.allowScripts,
    },
    dependencies: {
      [PACKAGE_NAME]: `file:${tarball}`,
      ...(isOld ? { [nodeName]: newNode } : {}),
      ...theirs.dependencies,
    },
  };
  return `${JSON.stringify(merged, null, 2)}\n`;
}

/** The other files, by name. Those that are there already are left alone. */
export const OTHER_FILES: Readonly<Record<string, string>> = {
  ".gitignore": `node_modules/
# The local gate's certificates, tokens and registry.
.latchkey/
.wrangler/
# Secrets, also in the files that wrangler takes them from in their place, and what a crash left of one.
.dev.vars*
!.dev.vars.example
.env*
.latchkey-dry-run-*.toml
*.unfinished
# Keys and certificates of devices, emergency cards, and backups, also in folders.
*.p12
*.pem
*.key
*.mobileconfig
card*.html
latchkey*.json
`,
  ".dev.vars.example": `# Secrets of the gate on this machine (latchkey start, wrangler dev). Copy this file to .dev.vars, which git ignores, and
# uncomment what you need. Secrets at Cloudflare are not in any file: npx wrangler secret put NAME
# NOTIFY_URLS="https://example.com/hook ntfy+https://ntfy.sh/a-topic-nobody-guesses"
# NOTIFY_SECRET="whsec_..."
`,
  "README.md": `# A gate by Latchkey

\`wrangler.toml\` has the settings of this gate: apps, routes, variables. \`package.json\` says which version of Latchkey it
runs. Keep both in git, with \`package-lock.json\` and the tarball, if there is one. No secret is in them.

\`\`\`sh
npm ci                                        # after a clone of this folder
npm exec --no -- latchkey start               # try it on this machine
export CLOUDFLARE_API_TOKEN=...
npm exec --no -- latchkey setup               # put it in front of your apps; may be repeated
npm exec --no -- latchkey deploy              # after each change here: deploys, and checks
npm exec --no -- latchkey doctor              # now and then
\`\`\`

A new version: \`npm install ./latchkey-NEW.tgz\`, then \`npm exec --no -- latchkey upgrade\`.
`,
};

/** The lines that a `.gitignore` which was there already lacks: git would take keys and tokens. */
export function missingIgnores(text: string): string[] {
  const there = new Set(text.split("\n").map((line) => line.trim()));
  const wanted = (OTHER_FILES[".gitignore"] ?? "").split("\n");
  return wanted.filter((line) => line !== "" && !line.startsWith("#") && !there.has(line));
}
