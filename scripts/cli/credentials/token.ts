import { LATCHKEY } from "../../terminal/called-as.ts";
import { printable } from "../../terminal/text.ts";
import { timeCell } from "../../terminal/time.ts";
import { shortId } from "../command/id-reference.ts";
import type { AddCommand, Session } from "../command/session.ts";
import { addListVerb } from "../command/subcommand.ts";
import { tokenLabel } from "./token-reference.ts";
import { addTokenRevoke } from "./token-revoke.ts";
import { addTokenCreate } from "./tokens.ts";

export const addToken: AddCommand = (program, open) => {
  const token = program
    .command("token")
    .alias("tokens")
    .summary("list the tokens; create or revoke one")
    .description("List the tokens: who may use the API and the pages. Subcommands create or revoke one.")
    .addHelpText(
      "after",
      `
Examples:
  latchkey token
  latchkey token create alice --for devices --expires 90d --name laptop
  latchkey token create --everyone --for read --expires never --name grafana
  latchkey token revoke alice/laptop`,
    );
  addListVerb(token, () => listTokens(open()));
  addTokenCreate(token, open);
  addTokenRevoke(token, open);
};

async function listTokens({ output, now, ...session }: Session): Promise<void> {
  const tokens = await (await session.api()).tokens();
  output.object({ tokens });
  output.table(
    ["TOKEN", "ID", "FOR", "MADE", "ENDS", "LAST USED"],
    tokens.map((token) => [
      tokenLabel(token),
      shortId(token.id),
      printable(token.scope),
      timeCell(token.createdAt, now()),
      token.expiresAt === null ? "never" : timeCell(token.expiresAt, now()),
      token.lastUsedAt === null ? "never" : timeCell(token.lastUsedAt, now()),
    ]),
    `no tokens yet; make one with: ${LATCHKEY} token create alice --for devices`,
  );
}
