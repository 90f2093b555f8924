import { spawn } from "node:child_process";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";

const LATCHKEY = fileURLToPath(new URL("../../../scripts/latchkey.ts", import.meta.url));

export const fixture = (name: string) => fileURLToPath(new URL(`./fixtures/${name}`, import.meta.url));

/** The fingerprints of the certificates in `fixtures/`. */
export const DEVICE = "286bd7cf0bb35a3cfe162cbd479dfa93a26bf19e1a154f00fb520b6ac965324b";
export const RSA = "b6bbbe2c0008ba419e0632c3f19227cdce33f99ff503cc9ae29569d1af66d8b4";

export interface Run {
  code: number | null;
  stdout: string;
  stderr: string;
}

/** Runs the command line as a process, with nothing of this one's environment but the PATH. */
export async function run(
  words: readonly string[],
  environment: Record<string, string> = {},
  input: string | Buffer = "",
): Promise<Run> {
  const child = spawn(process.execPath, [LATCHKEY, ...words], {
    env: { PATH: process.env.PATH, TZ: "UTC", ...environment },
    stdio: ["pipe", "pipe", "pipe"],
  });
  child.stdin.end(input);
  const exit = new Promise<number | null>((resolve, reject) =>
    child.on("error", reject).on("close", resolve),
  );
  const [stdout, stderr, code] = await Promise.all([text(child.stdout), text(child.stderr), exit]);
  return { code, stdout, stderr };
}

/** What an error looks like: cause and remedy on the standard error, nothing else. */
export function failure(code: number, cause: string, hint: string): Run {
  return { code, stdout: "", stderr: `latchkey: ${cause}\nhint: ${hint}\n` };
}
