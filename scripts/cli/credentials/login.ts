import { resolve } from "node:path";
import { text as readText } from "node:stream/consumers";
import { parseAddress } from "../../client/address.ts";
import { givenCa, givenUrl, parseTimeout, readAuthorities } from "../../client/connection.ts";
import { LOGIN_FILE, writeLogin } from "../../client/login-file.ts";
import { checkedToken, givenToken } from "../../client/token-source.ts";
import { LATCHKEY } from "../../terminal/called-as.ts";
import { misuse } from "../../terminal/failure.ts";
import { progress } from "../../terminal/progress.ts";
import { printable } from "../../terminal/text.ts";
import type { AddCommand, Session } from "../command/session.ts";

export const addLogin: AddCommand = (program, open) => {
  program
    .command("login")
    .summary("keep the address and a token on this machine")
    .description(
      "Keep the gate's address and a token on this machine, so that the other commands need neither. The token is read from --token-file, the standard input, LATCHKEY_TOKEN or LATCHKEY_TOKEN_FILE, in this order, or asked for; it is tried first.",
    )
    .addHelpText(
      "after",
      `
It is kept where only you can read it, in the place of an older login:
  ${LOGIN_FILE}
The token is sent only to this address. Options and variables win over what is
kept here.

Examples:
  latchkey login --url https://latchkey.example.com
  pass show latchkey | latchkey login --url https://latchkey.example.com`,
    )
    .action(async () => {
      const session = open();
      const { output, environment, options } = session;
      const origin = await address(session);
      const ca = givenCa(options, environment);
      const authorities = await readAuthorities(ca);
      const timeoutMs = parseTimeout(options.timeout);
      const token = await tokenOf(session);
      const { createApi } = await import("../../client/api.ts");
      const me = await createApi({ origin, token, ca: authorities, timeoutMs }).me();
      await writeLogin({ url: origin, token, ca: ca === undefined ? null : resolve(ca) });
      output.object(me);
      output.lines(`logged in at ${origin} as ${printable(me.actor)}; ${LATCHKEY} logout ends it`);
    });
};

async function address({ options, environment, prompt }: Session): Promise<string> {
  const given = givenUrl(options, environment);
  if (given !== undefined || !prompt.interactive) return parseAddress(given);
  return parseAddress(
    (await prompt.text("Address of the gate, such as https://latchkey.example.com")).trim(),
  );
}

/** `--token-file`, else what is piped into this very command, else a variable that was set before it. */
async function tokenOf({ options, environment, prompt }: Session): Promise<string> {
  if (options.tokenFile === undefined && process.stdin.isTTY !== true) {
    const piped = await pipedText();
    if (piped.trim() !== "") return checkedToken(piped, "the standard input");
  }
  const given = await givenToken(options, environment);
  if (given !== undefined) return given;
  if (prompt.interactive) return checkedToken(await prompt.secret("Token"), "the answer");
  if (process.stdin.isTTY) {
    throw misuse("the token cannot be asked for here", "give it on the standard input, or with --token-file");
  }
  return checkedToken("", "the standard input");
}

/** A silence that somebody might wonder about, in milliseconds. */
const SILENCE_MS = 3_000;

/** The standard input to its end. Where nothing comes and nothing ends, it says what it waits for. */
async function pipedText(): Promise<string> {
  const wondering = setTimeout(
    () => progress("latchkey: waiting for the token on the standard input; < /dev/null says that none comes"),
    SILENCE_MS,
  );
  try {
    return await readText(process.stdin);
  } finally {
    clearTimeout(wondering);
  }
}
