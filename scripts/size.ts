// Prints the Worker's size as `wrangler deploy` would upload it, and fails when it is too large.
import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";

/** Kibibytes, gzipped. The free plan takes 3 MB; what counts is the start, which the bench measures. */
const MAX_GZIPPED_KIB = 200;

const folder = mkdtempSync(join(tmpdir(), "latchkey-size-"));
try {
  const wrangler = join(import.meta.dirname, "..", "node_modules", "wrangler", "bin", "wrangler.js");
  execFileSync(process.execPath, [wrangler, "deploy", "--dry-run", "--minify", "--outdir", folder], {
    cwd: join(import.meta.dirname, ".."),
    stdio: ["ignore", "ignore", "inherit"],
    env: { ...process.env, WRANGLER_SEND_METRICS: "false" },
  });
  const scripts = readdirSync(folder).filter((name) => name.endsWith(".js"));
  const code = Buffer.concat(scripts.map((name) => readFileSync(join(folder, name))));
  const gzipped = gzipSync(code, { level: 9 }).length / 1024;
  console.log(
    `worker: ${(code.length / 1024).toFixed(1)} KiB, gzipped ${gzipped.toFixed(1)} KiB of ${MAX_GZIPPED_KIB} KiB`,
  );
  if (gzipped > MAX_GZIPPED_KIB) process.exitCode = 1;
} finally {
  rmSync(folder, { recursive: true, force: true });
}
