// npm, as far as a deployment folder needs it.
import { spawn } from "node:child_process";
import { text } from "node:stream/consumers";
import { IS_CLONE, PACKAGE_ROOT } from "../package.ts";
import { errorCode, failed } from "../terminal/failure.ts";

/** Packs this very package into `folder`. Returns the name of the tarball. */
export async function packInto(folder: string): Promise<string> {
  // A clone is built first. An installed package has been, and no longer has the sources.
  const scripts = IS_CLONE ? [] : ["--ignore-scripts"];
  const words = ["pack", PACKAGE_ROOT, "--json", ...scripts, "--pack-destination", folder];
  const printed = await npm(words, folder);
  const [name] = /[\w.-]+\.tgz/.exec(printed) ?? [];
  if (name === undefined)
    throw failed("npm pack named no file", "try npm pack by hand, and npm install what it makes");
  return name;
}

/** Installs what the folder's `package.json` names. */
export async function installIn(folder: string): Promise<void> {
  await npm(["install", "--no-audit", "--no-fund"], folder);
}

/** Runs npm. What it says goes to the standard error; what it prints is returned. */
async function npm(words: readonly string[], cwd: string): Promise<string> {
  const child = spawn("npm", words, { cwd, stdio: ["ignore", "pipe", process.stderr], env: environment() });
  const code = new Promise<number | null>((resolve, reject) =>
    child.on("error", reject).on("close", resolve),
  );
  try {
    const printed = await text(child.stdout);
    if ((await code) === 0) return printed;
  } catch (error) {
    if (errorCode(error) !== "ENOENT") throw error;
    throw failed("there is no npm", "install it with Node: https://nodejs.org");
  }
  throw failed(`npm ${words[0]} failed`, "see its output above; the same command may be repeated");
}

/** Called by npm, npm would take the settings of that call (`npm_config_global` and the like) for this one. */
function environment(): NodeJS.ProcessEnv {
  const kept = Object.entries(process.env).filter(
    ([name]) => !/^npm_(config_(global|prefix|local_prefix|yes|no)$|package_|lifecycle_)/i.test(name),
  );
  return Object.fromEntries(kept);
}
