// npm pack: builds the package's JavaScript from the sources, below dist/ under the same paths. Everything is bundled
// except what must be there as a program: an installed package has no lock file, so whatever was left to npm would not be
// what the tests ran with.
import { readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type BuildOptions, build, type Metafile } from "esbuild";
import packageJson from "../package.json" with { type: "json" };
import { IS_CLONE, PACKAGE_ROOT } from "./package.ts";

const OUT = join(PACKAGE_ROOT, "dist");

const COMMON = {
  absWorkingDir: PACKAGE_ROOT,
  bundle: true,
  format: "esm",
  outdir: OUT,
  outbase: PACKAGE_ROOT,
  sourcemap: "linked",
  // Names of the sources are enough in a stack trace, and the texts would double the package.
  sourcesContent: false,
  metafile: true,
  logLevel: "warning",
} as const satisfies BuildOptions;

/** The command line. Chunks are loaded when a command needs them. */
const COMMAND: BuildOptions = {
  ...COMMON,
  entryPoints: ["scripts/latchkey.ts"],
  // Beside the entry: `package.ts` finds its files from wherever it ends up.
  chunkNames: "scripts/[name]-[hash]",
  splitting: true,
  platform: "node",
  target: "node20",
  minifySyntax: true,
  minifyWhitespace: true,
  external: Object.keys(packageJson.dependencies),
  // Packages in CommonJS ask for Node's own modules with `require`.
  banner: {
    js: 'import { createRequire as createRequireHere } from "node:module"; const require = createRequireHere(import.meta.url);',
  },
};

/** What workerd runs: the Worker, and what stands around it at the local edge. Not minified: wrangler does that. */
const WORKERS: BuildOptions = {
  ...COMMON,
  entryPoints: [
    "src/index.ts",
    "scripts/edge/workerd/door.ts",
    "scripts/edge/workerd/origin.ts",
    "scripts/cloudflare/prove/workerd/probe-worker.ts",
  ],
  target: "es2024",
  // As wrangler does.
  conditions: ["workerd", "worker", "browser"],
  external: ["cloudflare:*", "node:*"],
};

/** What an importer of the Worker sees: a deployment may wrap it. */
const TYPES = `import type { DurableObject } from "cloudflare:workers";

/** The registry of one user. */
export declare class UserRegistry extends DurableObject<object> {}
/** Which user a credential belongs to, and the tokens. */
export declare class Directory extends DurableObject<object> {}

declare const worker: {
  fetch(request: Request, env: object, ctx: ExecutionContext): Response | Promise<Response>;
  scheduled(controller: ScheduledController, env: object): Promise<void>;
};
export default worker;
`;

/** The licences of what was bundled, which their authors want to be passed on. */
async function notices(metafiles: readonly Metafile[]): Promise<string> {
  const folders = new Set(
    metafiles
      .flatMap(({ inputs }) => Object.keys(inputs))
      .flatMap((path) => /^.*node_modules\/(?:@[^/]+\/)?[^/]+/.exec(path)?.[0] ?? []),
  );
  const texts = await Promise.all([...folders].sort().map(notice));
  return texts.join("\n\n");
}

async function notice(folder: string): Promise<string> {
  const path = join(PACKAGE_ROOT, folder);
  const { name, version, license } = JSON.parse(await readFile(join(path, "package.json"), "utf8"));
  const files = (await readdir(path)).filter((file) => /^(licen[cs]e|notice)/i.test(file)).sort();
  const texts = await Promise.all(files.map((file) => readFile(join(path, file), "utf8")));
  return [`=== ${name} ${version} (${license})`, ...texts.map((text) => text.trim())].join("\n\n");
}

if (!IS_CLONE) throw new Error("only a clone has the sources to build from");
await rm(join(OUT, "src"), { recursive: true, force: true });
await rm(join(OUT, "scripts"), { recursive: true, force: true });
const built = await Promise.all([build(COMMAND), build(WORKERS)]);
await writeFile(join(OUT, "src", "index.d.ts"), TYPES);
await writeFile(
  join(OUT, "THIRD-PARTY-NOTICES.txt"),
  await notices(built.flatMap(({ metafile = [] }) => metafile)),
);
