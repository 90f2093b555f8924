// How wrangler is run: this project's own version of it.
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { requireNewNode } from "../node-version.ts";

/** The path of the program, for this process's Node. Throws a `Failure` if that is too old. */
export function wranglerProgram(): string {
  requireNewNode("wrangler");
  const manifest = createRequire(import.meta.url).resolve("wrangler/package.json");
  return join(dirname(manifest), "bin", "wrangler.js");
}
