import { deleteLogin, readLogin } from "../../client/login-file.ts";
import { LATCHKEY } from "../../terminal/called-as.ts";
import { Failure } from "../../terminal/failure.ts";
import type { AddCommand } from "../command/session.ts";

/** Tokens of one's own begin so; the `ADMIN_TOKEN` is whatever the owner chose. */
const OWN_TOKEN = "lkt_";

export const addLogout: AddCommand = (program, open) => {
  program
    .command("logout")
    .summary("forget what login has stored")
    .description(
      "Delete the address and the token that login has stored on this machine. The token itself stays valid.",
    )
    .action(async () => {
      const { output } = open();
      const hint = await howToEnd();
      output.lines((await deleteLogin()) ? `logged out; ${hint}` : "nobody was logged in");
    });
};

/** How the token that was stored is made useless. */
async function howToEnd(): Promise<string> {
  try {
    const token = (await readLogin())?.token ?? "";
    return token.startsWith(OWN_TOKEN)
      ? `the token is still valid: ${LATCHKEY} token revoke ends it`
      : "the ADMIN_TOKEN is still valid: npx wrangler secret put ADMIN_TOKEN replaces it";
  } catch (error) {
    // A file that cannot be read can be deleted all the same.
    if (error instanceof Failure) return "the token is still valid";
    throw error;
  }
}
