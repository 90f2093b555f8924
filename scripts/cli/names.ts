import { parseUserId } from "../../src/domain/user.ts";
import { ofAllUsers } from "../client/all-users.ts";
import { printable } from "../terminal/text.ts";
import { type AddCommand, type GlobalOptions, openSession } from "./command/session.ts";
import { deviceLabel } from "./devices/view.ts";

/** Who presses Tab does not wait longer. */
const TIMEOUT_SECONDS = "2";

/** For the completion scripts: the names that an argument can have, one a line. Whatever fails prints nothing. */
export const addNames: AddCommand = (program) => {
  program
    .command("complete-names", { hidden: true })
    .argument("<kind>")
    .argument("[typed]")
    .action(async (kind: string, typed = "") => {
      try {
        const session = openSession({ ...program.opts<GlobalOptions>(), timeout: TIMEOUT_SECONDS });
        const api = await session.api();
        const user = parseUserId(typed.split("/")[0]);
        let names: string[];
        if (kind === "user") names = (await api.users()).map(({ id }) => printable(id));
        else {
          // Of a user who is typed already, nobody else need be asked about.
          const devices =
            typed.includes("/") && user !== undefined
              ? await api.devices(user)
              : await ofAllUsers(api, api.devices);
          names = devices.map(deviceLabel);
        }
        for (const name of new Set(names)) process.stdout.write(`${name}\n`);
      } catch {
        // Completion is silent.
      }
    });
};
