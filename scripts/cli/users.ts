// The users, who own the devices.
import { Option } from "commander";
import type { User } from "../../src/contract/answers.ts";
import { nearest } from "../../src/domain/general/nearest.ts";
import { type EmailAddress, parseEmail, ROLES, type Role } from "../../src/domain/person.ts";
import { parseUserId, type UserId } from "../../src/domain/user.ts";
import { ProblemFailure, withHint } from "../client/answer.ts";
import type { Api, Made } from "../client/api.ts";
import { LATCHKEY } from "../terminal/called-as.ts";
import { failed, misuse } from "../terminal/failure.ts";
import { printable } from "../terminal/text.ts";
import { localTime } from "../terminal/time.ts";
import { userArgument } from "./command/arguments.ts";
import type { AddCommand } from "./command/command.ts";
import { addIdentities, addWaitingPeople } from "./people.ts";

export const addUsers: AddCommand = (program) => {
  const users = program
    .command("users")
    .summary("list the users; add, change or remove one")
    .description(
      "List the users, who own the devices. Subcommands add, change or remove one, and say who is who at the identity provider.",
    )
    .notes(`
The role counts on the pages, after signing in with the identity provider
(SIGN_IN): an owner may do everything, a member sees their own devices. Whoever
signs in with a user's address, verified by the provider, becomes that user.

Examples:
  latchkey users
  latchkey users add alice --name "Alice Example" --email alice@example.com
  latchkey users edit alice --role owner --add-email alice@example.org
  latchkey users waiting
  latchkey users admit "123 456" alice
  latchkey users remove alice`);
  users.lists(async ({ output, connect }) => {
    const list = await (await connect()).users();
    output.object({ users: list, next: null });
    output.table(
      ["USER", "NAME", "ROLE", "ADDRESSES", "SINCE"],
      list.map(({ id, name, role, emails, createdAt }) => [
        ...[printable(id), printable(name ?? ""), role],
        ...[emails.map(printable).join(", "), localTime(createdAt)],
      ]),
      `no users yet; add one with: ${LATCHKEY} users add alice`,
    );
  });

  users
    .command("add")
    .summary("add a user")
    .description(
      "Add a user. If the user exists already, that is not an error: a name or a role then replaces the old one, and addresses are added.",
    )
    .argument("<id>", "1 to 63 lower-case letters, digits and hyphens")
    .option("--name <name>", "the person's name, for people to read")
    .option("--email <address>", "an address that names the user; may be repeated", addAddress)
    .addOption(roleOption())
    .run(async ({ output, connect }, id: string, { name, email = [], role }: AddOptions) => {
      const user = userArgument(id);
      const api = await connect();
      const { created, value } = await addUser(api, user, name);
      const isPlain = email.length === 0 && role === undefined;
      const emails = [...new Set([...value.emails, ...email])];
      const edited = isPlain ? value : api.editUser(user, { emails, ...(role && { role }) });
      const added = await Promise.resolve(edited).catch((error: unknown) => {
        // The user stays, without what was refused.
        if (created) output.lines(`added user ${user}`);
        throw error;
      });
      output.object(added);
      const named = added.name === null ? "" : `, named '${printable(added.name)}'`;
      const more = isPlain ? "" : `, ${standing(added)}`;
      output.lines(`${created ? `added user ${user}` : `user ${user} exists already`}${named}${more}`);
    });

  users
    .command("edit")
    .summary("change a user's name, role or addresses")
    .description(
      "Change a user's name, role or addresses. It takes effect immediately, even in browsers that are signed in.",
    )
    .argument("<user>", "the user's id")
    .option("--name <name>", "the person's name, for people to read")
    .addOption(roleOption())
    .option(
      "--add-email <address>",
      "an address that names the user from now on; may be repeated",
      addAddress,
    )
    .option("--remove-email <address>", "an address that no longer does; may be repeated", addAddress)
    .run(async ({ output, connect }, id: string, options: EditOptions) => {
      const user = userArgument(id);
      const { name, role, addEmail = [], removeEmail = [] } = options;
      if (Object.keys(options).length === 0) {
        throw misuse(
          "say what to change",
          `give --name, --role, --add-email or --remove-email; see ${LATCHKEY} users edit --help`,
        );
      }
      const api = await connect();
      const { emails } = await findUser(api, user);
      const missing = removeEmail.find((each) => !emails.includes(each));
      if (missing !== undefined) {
        throw failed(
          `${printable(missing)} is not an address of ${user}`,
          `list them with: ${LATCHKEY} users`,
        );
      }
      const kept = [...emails, ...addEmail].filter((each) => !removeEmail.some((gone) => gone === each));
      const edited = await api.editUser(user, {
        ...(name === undefined ? {} : { name }),
        ...(role === undefined ? {} : { role }),
        ...(addEmail.length + removeEmail.length === 0 ? {} : { emails: [...new Set(kept)] }),
      });
      output.object(edited);
      const named = edited.name === null ? "" : `, named '${printable(edited.name)}'`;
      output.lines(`user ${user} is ${standing(edited)}${named}`);
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
      await findUser(api, user);
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

  addIdentities(users);
  addWaitingPeople(users);
};

interface AddOptions {
  name?: string;
  email?: EmailAddress[];
  role?: Role;
}

interface EditOptions {
  name?: string;
  role?: Role;
  addEmail?: EmailAddress[];
  removeEmail?: EmailAddress[];
}

function roleOption(): Option {
  return new Option("--role <role>", "what the user may do on the pages").choices(ROLES);
}

function addAddress(text: string, others: EmailAddress[] = []): EmailAddress[] {
  const email = parseEmail(text);
  if (email === undefined) {
    throw misuse(`'${printable(text)}' is not an email address`, "give an address such as alice@example.com");
  }
  return [...others, email];
}

/** `an owner, with alice@example.com` */
function standing({ role, emails }: User): string {
  const addresses = emails.length === 0 ? "without an address" : `with ${emails.map(printable).join(", ")}`;
  return `${role === "owner" ? "an owner" : "a member"} ${addresses}`;
}

async function findUser(api: Api, user: UserId): Promise<User> {
  const users = await api.users();
  const found = users.find(({ id }) => id === user);
  if (found !== undefined) return found;
  const [near] = nearest(
    user,
    users.flatMap(({ id }) => parseUserId(id) ?? []),
  );
  throw failed(
    `there is no user ${user}`,
    near === undefined ? `list the users with: ${LATCHKEY} users` : `did you mean ${near}`,
  );
}

/** To a user's own token, the API says that other users do not exist, even when one is to be added. */
async function addUser(api: Api, user: UserId, name: string | undefined): Promise<Made<User>> {
  try {
    return await api.putUser(user, name);
  } catch (error) {
    if (!(error instanceof ProblemFailure) || error.code !== "unknown-user") throw error;
    throw failed("only the ADMIN_TOKEN can add users", `see who you are with: ${LATCHKEY} me`);
  }
}
