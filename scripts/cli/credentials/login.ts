// This machine's login, and who the gate takes it for: login, logout, me.
import { resolve } from "node:path";
import { text as readText } from "node:stream/consumers";
import type { Me } from "../../../src/contract/answers.ts";
import { parseAddress } from "../../client/address.ts";
import { givenCa, givenUrl, parseTimeout, readAuthorities } from "../../client/connection.ts";
import { deleteLogin, loginFile, readLogin, writeLogin } from "../../client/login-file.ts";
import { checkedToken, givenToken } from "../../client/token-source.ts";
import { LATCHKEY } from "../../terminal/called-as.ts";
import { Failure, misuse } from "../../terminal/failure.ts";
import { progress } from "../../terminal/output.ts";
import { printable } from "../../terminal/text.ts";
import type { AddCommand } from "../command/command.ts";
import type { Session } from "../command/session.ts";

export const addLogin: AddCommand = (program) => {
  program
    .command("login")
    .summary("store the gate's address and a token on this machine")
    .description(
      "Store the gate's address and a token on this machine, so that the other commands need neither. The token is read from --token-file, the standard input, LATCHKEY_TOKEN or LATCHKEY_TOKEN_FILE, in this order, or asked for. It is tried before it is stored.",
    )
    .notes(`
They are stored where only you can read them, replacing an earlier login:
  ${loginFile()}
The token is sent only to this address. Options and variables take precedence
over what is stored.

Examples:
  latchkey login --url https://latchkey.example.com
  pass show latchkey | latchkey login --url https://latchkey.example.com`)
    .run(async (session) => {
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
  const answer = await prompt.text("Address of the gate, such as https://latchkey.example.com");
  return parseAddress(answer.trim());
}

/** `--token-file`, else what is piped into this command, else a variable. */
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

/** After this long a silence, in milliseconds, somebody may wonder. */
const SILENCE_MS = 3_000;

/** The standard input to its end. If nothing arrives, it says what it is waiting for. */
async function pipedText(): Promise<string> {
  const wondering = setTimeout(
    () => progress("waiting for the token on the standard input; add < /dev/null if there is none"),
    SILENCE_MS,
  );
  try {
    return await readText(process.stdin);
  } finally {
    clearTimeout(wondering);
  }
}

/** Users' own tokens begin with this; the `ADMIN_TOKEN` is whatever the owner chose. */
const OWN_TOKEN = "lkt_";

export const addLogout: AddCommand = (program) => {
  program
    .command("logout")
    .summary("forget what login stored")
    .description(
      "Delete the address and the token that login stored on this machine. The token itself stays valid.",
    )
    .run(async ({ output }) => {
      const hint = await howToEnd();
      output.lines((await deleteLogin()) ? `logged out; ${hint}` : "nobody was logged in");
    });
};

/** How to make the stored token useless. */
async function howToEnd(): Promise<string> {
  try {
    const token = (await readLogin())?.token ?? "";
    return token.startsWith(OWN_TOKEN)
      ? `the token is still valid: ${LATCHKEY} token revoke ends it`
      : "the ADMIN_TOKEN is still valid: npx wrangler secret put ADMIN_TOKEN replaces it";
  } catch (error) {
    // A file that cannot be read can still be deleted.
    if (error instanceof Failure) return "the token is still valid";
    throw error;
  }
}

export const addMe: AddCommand = (program) => {
  program
    .command("me")
    .alias("whoami")
    .summary("show who you are signed in as")
    .description("Show who you are signed in as: whose token this is, and what it may do.")
    .run(async ({ output, connect }) => {
      const api = await connect();
      const me = await api.me();
      output.object(me);
      output.facts([
        ["gate", api.origin],
        ["known as", printable(me.actor)],
        ["may", powers(me)],
      ]);
    });
};

/** What the credentials allow, in words. */
export function powers({ scope, user }: Pick<Me, "scope" | "user">): string {
  const whose = user === null ? "everybody's devices" : `${printable(user)}'s devices`;
  switch (scope) {
    case "root":
      return "do everything";
    case "devices":
      return `see and change ${whose}`;
    case "emergency":
      return `see and shut out ${whose}`;
    default:
      return `see ${whose}`;
  }
}
