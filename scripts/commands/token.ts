import { LATCHKEY } from "./shared/called-as.ts";
import { shortId } from "./shared/id-reference.ts";
import type { AddCommand, Session } from "./shared/session.ts";
import { addListVerb } from "./shared/subcommand.ts";
import { printable } from "./shared/text.ts";
import { timeCell } from "./shared/time.ts";
import { tokenLabel } from "./shared/token-reference.ts";
import { addTokenCreate } from "./token-create.ts";
import { addTokenRevoke } from "./token-revoke.ts";

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
