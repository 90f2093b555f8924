import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { errorCode, misuse } from "../../terminal/failure.ts";
import { printable } from "../../terminal/text.ts";

/** This clone's own. */
export const WRANGLER_TOML = join(import.meta.dirname, "..", "..", "..", "wrangler.toml");

export async function readWranglerToml(path: string): Promise<string> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    throw misuse(
      `${printable(path)} cannot be read (${errorCode(error) ?? "?"})`,
      "name the file with --config",
    );
  }
}
