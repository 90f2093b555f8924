// The small form of `npm run chaos`, with latency between the Worker and its objects.
import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect, it } from "vitest";

const PROGRAM = join(import.meta.dirname, "..", "..", "scripts", "chaos", "chaos.ts");

async function chaos(...words: string[]): Promise<string> {
  const { stdout } = await promisify(execFile)(process.execPath, [PROGRAM, ...words, "--minutes", "2"]).catch(
    // The violations, instead of "command failed".
    (error: { stdout: string; stderr: string }) => error,
  );
  return stdout;
}

it("loses nothing that was acknowledged when the gate is killed", async () => {
  expect(await chaos("--kills", "3")).toMatch(/^3 +\d+ .*\nno violations\n$/m);
}, 180_000);

it("keeps what was acknowledged, and one owner per certificate, however deletions and enrolments overlap", async () => {
  expect(await chaos("races", "--rounds", "12")).toMatch(/\nno violations\n$/);
}, 180_000);
