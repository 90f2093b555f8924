// The wrangler.toml that the commands about the zone read.
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { LocalSettings } from "../../cloudflare/client/wrangler-toml.ts";
import { errorCode, misuse } from "../../terminal/failure.ts";
import { printable } from "../../terminal/text.ts";

/** This clone's own. */
export const WRANGLER_TOML = join(import.meta.dirname, "..", "..", "..", "wrangler.toml");

export async function readSettings(path = WRANGLER_TOML): Promise<LocalSettings> {
  let text: string;
  try {
    text = await readFile(path, "utf8");
  } catch (error) {
    throw misuse(
      `${printable(path)} cannot be read (${errorCode(error) ?? "?"})`,
      "name the file with --config",
    );
  }
  const { localSettings } = await import("../../cloudflare/client/wrangler-toml.ts");
  return localSettings(text);
}
