// Most of the command line runs on Node 20; Cloudflare's own programs do not.
import { misuse } from "./terminal/failure.ts";

/** The oldest major version that wrangler and the local runtime accept. */
export const OLDEST_FOR_CLOUDFLARE = 22;

/** What an older Node may use instead: `bin/latchkey.js` finds it. */
export const NODE_PACKAGE = "node@24.21.0";

/** Ends the command if this Node is too old for `what`. */
export function requireNewNode(what: string, version = process.versions.node): void {
  if (Number.parseInt(version, 10) >= OLDEST_FOR_CLOUDFLARE) return;
  throw misuse(
    `${what} needs Node ${OLDEST_FOR_CLOUDFLARE} or newer, and this is ${version}`,
    "use a newer Node; or, in a folder made by latchkey init, its own: npm exec --no -- latchkey",
  );
}
