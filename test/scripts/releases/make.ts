// npm run release:fixture -- NAME [CLONE]: records a release into test/fixtures/releases/NAME, for the tests of later
// versions. CLONE is a clone of that release with its node_modules; without it, this one is recorded.
import { execFile, execFileSync } from "node:child_process";
import { cpSync, existsSync, renameSync, rmSync } from "node:fs";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import { startRecordedGate } from "./recorded-gate.ts";

const ROOT = resolve(import.meta.dirname, "../../..");
const RECORDER = "test/src/releases";
const CONFIG = "test/scripts/releases/record.config.ts";
const RELEASES = "test/fixtures/releases";

const [name = "", clone = ROOT] = process.argv.slice(2);
const target = join(ROOT, RELEASES, name);
if (!/^[\w.-]+$/.test(name) || existsSync(target)) {
  console.error(`usage: npm run release:fixture -- NAME [CLONE]; ${target} must not be there`);
  process.exit(2);
}
const made = join(clone, RELEASES, "new");
rmSync(made, { recursive: true, force: true });
if (resolve(clone) !== ROOT) {
  for (const path of [RECORDER, CONFIG]) cpSync(join(ROOT, path), join(clone, path), { recursive: true });
}
const vitest = join(clone, "node_modules/vitest/vitest.mjs");
execFileSync(process.execPath, [vitest, "run", "--root", ".", "--config", CONFIG], {
  cwd: clone,
  stdio: "inherit",
});
// The backup is written by the release's own command line.
const gate = await startRecordedGate(made);
const backup = ["scripts/latchkey.ts", "backup", "--out", join(made, "backup.json")];
await promisify(execFile)(process.execPath, backup, {
  cwd: clone,
  env: { ...process.env, ...gate.environment },
});
gate.stop();
if (resolve(clone) === ROOT) renameSync(made, target);
else {
  cpSync(made, target, { recursive: true });
  rmSync(made, { recursive: true });
}
console.log(`recorded ${target}`);
