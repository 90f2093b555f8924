import { spawn } from "node:child_process";
import { join } from "node:path";
import { failed } from "../../terminal/failure.ts";

/** Runs another command of this program, on the same terminal. */
export async function runLatchkey(
  words: readonly string[],
  environment: Record<string, string>,
): Promise<void> {
  const program = join(import.meta.dirname, "..", "..", "latchkey.ts");
  const child = spawn(process.execPath, [program, ...words], {
    env: { ...process.env, ...environment },
    stdio: "inherit",
  });
  const code = await new Promise<number | null>((resolve, reject) =>
    child.on("error", reject).on("close", resolve),
  );
  if (code !== 0) throw failed(`latchkey ${words[0]} failed`, "see its own words above, and run it again");
}
