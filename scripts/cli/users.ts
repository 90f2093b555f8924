// The users, who own the devices.
import type { User } from "../../src/contract/answers.ts";
import { nearest } from "../../src/domain/general/nearest.ts";
import { parseUserId, type UserId } from "../../src/domain/user.ts";
import { ProblemFailure, withHint } from "../client/answer.ts";
import type { Api, Made } from "../client/api.ts";
import { LATCHKEY } from "../terminal/called-as.ts";
import { failed } from "../terminal/failure.ts";
import { printable } from "../terminal/text.ts";
import { localTime } from "../terminal/time.ts";
import { userArgument } from "./command/arguments.ts";
import type { AddCommand } from "./command/command.ts";

export const addUsers: AddCommand = (program) => {
  const users = program
    .command("users")
    .summary("list the users; add, rename or remove one")
    .description("List the users, who own the devices. Subcommands add, rename or remove one.")
    .notes(`
Examples:
  latchkey users
  latchkey users add alice --name "Alice Example"
  latchkey users rename alice "Alice E."
  latchkey users remove alice`);
  users.lists(async ({ output, connect }) => {
    const list = await (await connect()).users();
    output.object({ users: list, next: null });
    output.table(
      ["USER", "NAME", "SINCE"],
      list.map(({ id, name, createdAt }) => [printable(id), printable(name ?? ""), localTime(createdAt)]),
      `no users yet; add one with: ${LATCHKEY} users add alice`,
    );
  });

  users
    .command("add")
    .summary("add a user")
    .description(
      "Add a user. If the user exists already, that is not an error; a name then replaces the old one.",
    )
    .argument("<id>", "1 to 63 lower-case letters, digits and hyphens")
    .option("--name <name>", "the person's name, for people to read")
    .run(async ({ output, connect }, id: string, options: { name?: string }) => {
      const user = userArgument(id);
      const { created, value } = await addUser(await connect(), user, options.name);
      output.object(value);
      const named = value.name === null ? "" : `, named '${printable(value.name)}'`;
      output.lines(created ? `added user ${user}${named}` : `user ${user} exists already${named}`);
    });

  users
    .command("rename")
    .summary("give a user another name; the id stays")
    .description("Give a user another name. The id never changes: devices are found by it.")
    .argument("<user>", "the user's id")
    .argument("<name>", "the person's name, for people to read")
    .run(async ({ output, connect }, id: string, name: string) => {
      const user = userArgument(id);
      const api = await connect();
      // The API would add an unknown user: a typing mistake must not.
      const ids = (await api.users()).flatMap((known) => parseUserId(known.id) ?? []);
      if (!ids.includes(user)) {
        const [near] = nearest(user, ids);
        throw failed(
          `there is no user ${user}`,
          near === undefined ? `list the users with: ${LATCHKEY} users` : `did you mean ${near}`,
        );
      }
      const { value } = await api.putUser(user, name);
      output.object(value);
      output.lines(`user ${user} is now named '${printable(value.name ?? "")}'`);
    });

  users
    .command("remove")
    .aliases(["rm", "delete"])
    .summary("remove a user who has no devices left")
    .description("Remove a user who has no devices left: revoke and forget them first.")
    .argument("<user>", "the user's id")
    .run(async ({ output, connect }, id: string) => {
      const user = userArgument(id);
      const api = await connect();
      await api.deleteUser(user).catch((error: unknown) => {
        const hint = `revoke and forget them first; ${LATCHKEY} devices ${user} lists them`;
        throw withHint(error, "user-has-devices", hint);
      });
      output.lines(`removed user ${user}`);
    });
};

/** To a user's own token, the API says that other users do not exist, even when one is to be added. */
async function addUser(api: Api, user: UserId, name: string | undefined): Promise<Made<User>> {
  try {
    return await api.putUser(user, name);
  } catch (error) {
    if (!(error instanceof ProblemFailure) || error.code !== "unknown-user") throw error;
    throw failed("only the ADMIN_TOKEN can add users", `see who you are with: ${LATCHKEY} me`);
  }
}
