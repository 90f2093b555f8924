import type { AddCommand } from "../command/session.ts";
import { findToken, tokenLabel } from "./token-reference.ts";

export const addTokenRevoke: AddCommand = (token, open) => {
  token
    .command("revoke")
    .aliases(["rm", "delete"])
    .summary("make a token useless, and sign its browsers out")
    .description("Revoke a token for good. The browsers that signed in with it are signed out.")
    .argument("<token>", "USER/NAME, such as alice/laptop, NAME, or its id; its first characters will do")
    .addHelpText(
      "after",
      `
Examples:
  latchkey token revoke alice/laptop
  latchkey token revoke 3f2a1b9c --yes`,
    )
    .action(async (reference: string) => {
      const { output, ...session } = open();
      const api = await session.api();
      const found = findToken(await api.tokens(), reference);
      const label = tokenLabel(found);
      await session.confirm(`Revoke the token ${label} for good? (${found.scope}, id ${found.id})`);
      await api.revokeToken(found);
      output.lines(`revoked the token ${label}: whoever uses it is refused from now on`);
    });
};
