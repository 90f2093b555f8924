import type { Command } from "commander";
import { relativeTime } from "../../src/relative-time.ts";
import { LATCHKEY } from "./shared/called-as.ts";
import { shortId } from "./shared/id-reference.ts";
import type { AddCommand, Session } from "./shared/session.ts";
import { refuseUnknownSubcommand } from "./shared/subcommand.ts";
import { printable } from "./shared/text.ts";
import { tokenLabel } from "./shared/token-reference.ts";
import { addTokenCreate } from "./token-create.ts";
import { addTokenRevoke } from "./token-revoke.ts";

export const addToken: AddCommand = (program, open) => {
  const token = program
    .command("token")
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
    )
    .action(async (_options: unknown, command: Command) => {
      refuseUnknownSubcommand(command);
      await listTokens(open());
    });
  token
    .command("list")
    .summary("list the tokens, as without a subcommand")
    .description("List the tokens. The tokens themselves are kept nowhere.")
    .action(() => listTokens(open()));
  addTokenCreate(token, open);
  addTokenRevoke(token, open);
  // For the guess at a subcommand that is mistyped. Last, since subcommands take over what stands here before them.
  token.allowExcessArguments();
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
      relativeTime(token.createdAt, now()),
      token.expiresAt === null ? "never" : relativeTime(token.expiresAt, now()),
      token.lastUsedAt === null ? "never" : relativeTime(token.lastUsedAt, now()),
    ]),
    `no tokens yet; make one with: ${LATCHKEY} token create alice --for devices`,
  );
}
