// A deployment folder of one's own, apart from the sources.
import { mkdir } from "node:fs/promises";
import { join, resolve } from "node:path";
import {
  dependsOnUs,
  missingIgnores,
  OTHER_FILES,
  packageJsonFrom,
  wranglerTomlFrom,
} from "../deployment/folder.ts";
import { installIn, packInto } from "../deployment/npm.ts";
import { PUBLIC_MODE, readIfThere, writeNew, writeWhole } from "../files.ts";
import { PACKAGE_ROOT } from "../package.ts";
import { LATCHKEY } from "../terminal/called-as.ts";
import { errorCode, failed, misuse } from "../terminal/failure.ts";
import { progress } from "../terminal/output.ts";
import { printable, shellWord } from "../terminal/text.ts";
import type { AddCommand } from "./command/command.ts";

export const addInit: AddCommand = (program) => {
  program
    .command("init")
    .summary("make a deployment folder for a gate of your own")
    .description(
      "Make a folder that holds the settings of one gate and the version that it runs: wrangler.toml, package.json with this package as a file, .gitignore, .dev.vars.example and a README. Files that are there already stay as they are.",
    )
    .argument("<folder>", "a new folder, or . for this one")
    .option("--no-install", "write the files, and leave npm install to you")
    .notes(`
The commands about your zone (setup, deploy, doctor) and start read the
wrangler.toml of the folder in which you call them.

Examples:
  latchkey init my-gate && cd my-gate
  latchkey init .`)
    .run(async ({ output }, name: string, options: { install: boolean }) => {
      const folder = resolve(name);
      const files = await makeFolder(folder);
      if (options.install) {
        progress("npm install …");
        await installIn(folder);
      }
      const ignores = missingIgnores((await readIfThere(join(folder, ".gitignore"))) ?? "");
      if (ignores.length > 0) {
        progress(`git would take secrets: add to the .gitignore that was there: ${ignores.join(" ")}`);
      }
      output.object({ folder, files });
      output.lines(
        `wrote ${files.join(", ")} into ${printable(folder)}`,
        `next: ${nextSteps(folder, name, options.install)}`,
      );
    });
};

/** Writes what is missing. `wrangler.toml` comes last: a folder that has one is complete. */
async function makeFolder(folder: string): Promise<string[]> {
  const toml = join(folder, "wrangler.toml");
  try {
    if ((await readIfThere(toml)) !== undefined) {
      throw misuse(
        `${printable(folder)} is a deployment folder already: it has a wrangler.toml`,
        `name another folder, or go on there with ${LATCHKEY} setup`,
      );
    }
    await mkdir(folder, { recursive: true });
    const files: string[] = [];
    const write = async (name: string, content: string) => {
      await writeNew(join(folder, name), content, PUBLIC_MODE).then(
        () => files.push(name),
        (error: unknown) => {
          if (errorCode(error) !== "EEXIST") throw error;
        },
      );
    };
    const manifest = await readIfThere(join(folder, "package.json"));
    const tarball = dependsOnUs(manifest) ? "" : await packInto(folder);
    if (tarball !== "") files.push(tarball);
    const wanted = packageJsonFrom(manifest, tarball, process.versions.node);
    await writeWhole(join(folder, "package.json"), wanted, PUBLIC_MODE);
    files.push("package.json");
    for (const [name, content] of Object.entries(OTHER_FILES)) await write(name, content);
    const own = await readIfThere(join(PACKAGE_ROOT, "wrangler.toml"));
    await write("wrangler.toml", wranglerTomlFrom(own ?? ""));
    return files;
  } catch (error) {
    const code = errorCode(error);
    if (code === undefined) throw error;
    throw failed(`${printable(folder)} cannot be used (${code})`, "name a folder that you may write to");
  }
}

/** Where the folder's own version is, which `LATCHKEY` may not be. */
function nextSteps(folder: string, name: string, isInstalled: boolean): string {
  const words = [
    ...(folder === process.cwd() ? [] : [`cd ${shellWord(name)}`]),
    ...(isInstalled ? [] : ["npm install"]),
    "npm exec --no -- latchkey start",
  ];
  return `${words.join(" && ")}, or setup for your own zone`;
}
