// Where the program's own files are: in a clone, or in an installed package. Both have the same paths below `BASE`.
import { dirname, extname, join } from "node:path";
import packageJson from "../package.json" with { type: "json" };

/** A package runs the JavaScript that `build.ts` made of the sources. */
const IS_BUILT = extname(import.meta.filename) === ".js";

/** The folder over `src/` and `scripts/`. The build puts this module, too, directly below its `scripts/`. */
const BASE = join(import.meta.dirname, "..");

/** Whether this is a clone. It is then its own deployment folder. */
export const IS_CLONE = !IS_BUILT;

/** The folder of `package.json`. */
export const PACKAGE_ROOT = IS_BUILT ? dirname(BASE) : BASE;

/** The package's name, perhaps with a scope: `package.json` is the only place that says it. */
export const { name: PACKAGE_NAME, version: VERSION } = packageJson;

/** The folder whose `wrangler.toml` is deployed: the clone itself, or wherever the installed command is called. */
export const DEPLOYMENT_FOLDER = IS_CLONE ? PACKAGE_ROOT : process.cwd();
export const WRANGLER_TOML = join(DEPLOYMENT_FOLDER, "wrangler.toml");

/** A module that is bundled for workerd or sent to Cloudflare, by its path in the sources, such as `src/index.ts`. */
export function workerModule(path: string): string {
  return join(BASE, IS_BUILT ? path.replace(/\.ts$/, ".js") : path);
}
