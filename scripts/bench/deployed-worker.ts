// The Worker as `wrangler deploy` uploads it: what is measured is what is shipped.
import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";

const PROJECT = join(import.meta.dirname, "..", "..");

export interface DeployedWorker {
  /** One module. */
  code: string;
  kib: number;
  gzippedKib: number;
}

/**
 * Has wrangler itself build the Worker without deploying it, with no options but those of `wrangler.toml`. Throws when
 * wrangler fails, or writes more than one module.
 */
export function buildDeployedWorker(): DeployedWorker {
  const folder = mkdtempSync(join(tmpdir(), "latchkey-deployed-"));
  try {
    const wrangler = join(PROJECT, "node_modules", "wrangler", "bin", "wrangler.js");
    execFileSync(process.execPath, [wrangler, "deploy", "--dry-run", "--outdir", folder], {
      cwd: PROJECT,
      stdio: ["ignore", "ignore", "inherit"],
      env: { ...process.env, WRANGLER_SEND_METRICS: "false" },
    });
    // Wrangler writes a source map and a note beside it, which it does not upload.
    const modules = readdirSync(folder).filter((name) => !/^README\.md$|\.map$/.test(name));
    const [module, ...others] = modules;
    if (module === undefined || others.length > 0) {
      throw new Error(`wrangler should write one module, but wrote: ${modules.join(", ") || "none"}`);
    }
    const code = readFileSync(join(folder, module));
    return {
      code: code.toString(),
      kib: code.length / 1024,
      gzippedKib: gzipSync(code, { level: 9 }).length / 1024,
    };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
