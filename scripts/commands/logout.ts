import { LATCHKEY } from "./shared/called-as.ts";
import { deleteLogin } from "./shared/login-file.ts";
import type { AddCommand } from "./shared/session.ts";

export const addLogout: AddCommand = (program, open) => {
  program
    .command("logout")
    .summary("forget what login has kept")
    .description(
      "Delete the address and the token that login has kept on this machine. The token itself stays good.",
    )
    .action(async () => {
      const { output } = open();
      output.lines(
        (await deleteLogin())
          ? `logged out; the token is still good: ${LATCHKEY} token revoke ends it`
          : "nobody was logged in",
      );
    });
};
