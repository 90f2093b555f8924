// The browser itself, unpacked from its npm package.
import { createReadStream, createWriteStream, existsSync, readFileSync } from "node:fs";
import { mkdir, mkdtemp, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { fileURLToPath } from "node:url";
import { createBrotliDecompress } from "node:zlib";

const PACKAGE = fileURLToPath(new URL("..", import.meta.resolve("@sparticuz/chromium")));
const CACHE = fileURLToPath(new URL("../../../node_modules/.cache/latchkey/", import.meta.url));

/**
 * The browser's program; unpacked once for each version. The package's own `executablePath()` would hand a
 * half-written file to whoever asks second, and test files run side by side.
 */
export async function chromiumPath(): Promise<string> {
  const { version } = JSON.parse(readFileSync(join(PACKAGE, "package.json"), "utf8")) as { version: string };
  const path = join(CACHE, `chromium-${version}`);
  if (existsSync(path)) return path;
  await mkdir(CACHE, { recursive: true });
  const folder = await mkdtemp(join(CACHE, "unpacking-"));
  try {
    const whole = join(folder, "chromium");
    const packed = createReadStream(join(PACKAGE, "bin", "chromium.br"));
    await pipeline(packed, createBrotliDecompress(), createWriteStream(whole, { mode: 0o755 }));
    // In one step: nobody ever sees a part of it, and of two that unpack, either is right.
    await rename(whole, path);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
  return path;
}
