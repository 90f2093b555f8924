import { isHostname } from "../../../src/domain/request/hostname.ts";
import { failed, misuse } from "../../terminal/failure.ts";
import { printable } from "../../terminal/text.ts";

// The questions that setup asks on a terminal about what the command line did not say; those about apps are in apps.ts.

export const streams = { input: process.stdin, output: process.stderr };

/** The answer to a question, unless Ctrl-C was. */
export function given<T>(answer: T): Exclude<T, symbol> {
  if (typeof answer === "symbol") throw nothingDone();
  return answer as Exclude<T, symbol>;
}

export async function askForZone(names: readonly string[]): Promise<string> {
  const { select } = await import("@clack/prompts");
  const options = names.map((value) => ({ value, label: printable(value) }));
  return given(await select({ message: "Which zone?", options, ...streams }));
}

/** The admin host; `undefined`: none. */
export async function askForAdminHost(zone: string, apps: readonly string[]): Promise<string | undefined> {
  const { text } = await import("@clack/prompts");
  const answer = await text({
    message: "The admin host, where you sign in from any browser (leave it empty for no pages)",
    placeholder: "no pages: the command line and the API only",
    initialValue: proposedAdminHost(zone),
    validate: (value) => adminHostProblem((value ?? "").trim().toLowerCase(), apps),
    ...streams,
  });
  return given(answer)?.trim().toLowerCase() || undefined;
}

export function proposedAdminHost(zone: string): string {
  return `latchkey.${zone}`;
}

function adminHostProblem(host: string, apps: readonly string[]): string | undefined {
  if (host === "") return undefined;
  if (!isHostname(host)) return `${printable(host)} is not a hostname`;
  return apps.includes(host) ? "An app could read the pages on its own host: choose another name" : undefined;
}

/** `--admin-host latchkey.example.com` */
export function parseAdminHost(word: string): string {
  const host = word.toLowerCase();
  if (isHostname(host)) return host;
  throw misuse(
    `--admin-host '${printable(word)}' is not a hostname`,
    "give, for example, latchkey.example.com",
  );
}

/** The first device, as `alice/pixel-9`; `undefined`: not now. */
export async function askForDevice(): Promise<string | undefined> {
  const { isCancel, text } = await import("@clack/prompts");
  const answer = await text({
    message:
      "No device is enrolled yet. Issue a certificate for a first one? Give USER/NAME, or nothing to skip this",
    placeholder: "alice/pixel-9",
    ...streams,
  });
  if (isCancel(answer) || !answer?.trim()) return undefined;
  return answer.trim();
}

export function nothingDone() {
  return failed("nothing was done", "run latchkey setup again when you are ready");
}
