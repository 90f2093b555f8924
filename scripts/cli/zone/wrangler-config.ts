// The wrangler.toml that the commands about the zone read.
import { readFile } from "node:fs/promises";
import type { LocalSettings } from "../../cloudflare/client/wrangler-toml.ts";
import { IS_CLONE, WRANGLER_TOML } from "../../package.ts";
import { LATCHKEY } from "../../terminal/called-as.ts";
import { errorCode, misuse } from "../../terminal/failure.ts";
import { printable } from "../../terminal/text.ts";

export async function readSettings(path = WRANGLER_TOML): Promise<LocalSettings> {
  let text: string;
  try {
    text = await readFile(path, "utf8");
  } catch (error) {
    throw misuse(
      `${printable(path)} cannot be read (${errorCode(error) ?? "?"})`,
      IS_CLONE
        ? "name the file with --config"
        : `call it in your deployment folder (${LATCHKEY} init makes one), or name the file with --config`,
    );
  }
  const { localSettings } = await import("../../cloudflare/client/wrangler-toml.ts");
  return localSettings(text);
}
