// People who sign in with the identity provider: whose identity is whose, and who waits. Subcommands of `users`.
import type { Identity, WaitingPerson } from "../../src/contract/people.ts";
import { withHint } from "../client/answer.ts";
import type { Api } from "../client/api.ts";
import { LATCHKEY } from "../terminal/called-as.ts";
import { failed } from "../terminal/failure.ts";
import { groupedCode, printable } from "../terminal/text.ts";
import { timeCell } from "../terminal/time.ts";
import { userArgument } from "./command/arguments.ts";
import type { AddCommand } from "./command/command.ts";
import { findById, idArgument, type Kind, shortId } from "./command/id-reference.ts";

/** What people read out: with a space or a hyphen in the middle, or without. */
const CODE = /^(\d{3})[ -]?(\d{3})$/;

const PERSON: Kind<WaitingPerson> = {
  one: "waiting person",
  many: "waiting people",
  list: `${LATCHKEY} users waiting`,
  describe: (person) => `${codeCell(person)}  ${label(person)}`,
};

export const addIdentities: AddCommand = (users) => {
  users
    .command("identities")
    .summary("list who a user is at the identity provider")
    .description("List a user's identities: who the user is at the identity provider.")
    .argument("<user>", "the user's id")
    .run(async ({ output, now, connect }, id: string) => {
      const user = userArgument(id);
      const identities = await (await connect()).identities(user);
      output.object({ identities });
      output.table(
        ["IDENTITY", "BOUND BY", "SUBJECT", "PROVIDER", "SINCE"],
        identities.map((each) => [
          shortId(each.id),
          each.email === null ? "admitted" : printable(each.email),
          printable(each.subject),
          printable(each.issuer),
          timeCell(each.boundAt, now()),
        ]),
        `${user} has not signed in with the identity provider yet`,
      );
    });

  users
    .command("unbind")
    .summary("take an identity from a user")
    .description(
      "Take an identity from a user: whoever has it no longer signs in as this user. The browsers that it opened are signed out of the apps, and the user's sessions on the pages end. The address that bound it does not bind it again; if somebody admitted the person, no address does.",
    )
    .argument("<user>", "the user's id")
    .argument("<identity>", "the identity's id; its first characters will do")
    .run(async ({ output, connect }, id: string, reference: string) => {
      const user = userArgument(id);
      const kind: Kind<Identity> = {
        ...{ one: "identity", many: "identities", list: `${LATCHKEY} users identities ${user}` },
        describe: ({ email, subject }) => printable(email ?? subject),
      };
      const prefix = idArgument(reference, kind);
      const api = await connect();
      const identity = findById(await api.identities(user), prefix, kind);
      await api.unbindIdentity(identity);
      output.lines(
        `${kind.describe(identity)} no longer signs in as ${user}; its browsers and ${user}'s sessions on the pages are signed out`,
      );
      if (identity.email !== null) {
        output.lines(
          "to let the address sign in again, remove it (users edit --remove-email) and then add it (--add-email)",
        );
      }
    });
};

export const addWaitingPeople: AddCommand = (users) => {
  users
    .command("waiting")
    .summary("list people who signed in and are no user yet")
    .description(
      "List people who signed in with the identity provider and are no user yet. Their own screen shows the same code: compare it with them before you admit them.",
    )
    .run(async ({ output, now, connect }) => {
      const people = await (await connect()).waitingPeople();
      output.object({ waitingPeople: people });
      output.table(
        ["PERSON", "CODE", "ADDRESS", "NAME", "PROVIDER", { full: "COUNTRY", short: "FROM" }, "LAST SEEN"],
        people.map((person) => [
          shortId(person.id),
          codeCell(person),
          addressCell(person),
          printable(person.name ?? ""),
          printable(person.issuer),
          printable(person.country ?? "unknown"),
          timeCell(person.lastSeen, now()),
        ]),
        "nobody is waiting",
      );
    });

  users
    .command("admit")
    .summary("let somebody who waits sign in as a user")
    .description(
      "Let somebody who waits sign in as a user from now on. Ask them for the code on their screen, since anybody can come under any name.",
    )
    .argument("<person>", "the code on the person's screen, or the id that the list shows")
    .argument("<user>", "the user's id")
    .run(async ({ output, connect }, reference: string, id: string) => {
      const user = userArgument(id);
      const find = personArgument(reference);
      const api = await connect();
      const person = find(await api.waitingPeople());
      const identity = await api.admitPerson(person, user).catch(async (error: unknown) => {
        throw withHint(error, "unknown-user", await api.hintForMissing(user));
      });
      output.object(identity);
      output.lines(`${label(person)} signs in as ${user} from now on`);
    });

  users
    .command("dismiss")
    .summary("remove somebody from the list of those who wait")
    .description(
      "Remove somebody from the list of those who wait. If they sign in again, they are listed again.",
    )
    .argument("<person>", "the code on the person's screen, or the id that the list shows")
    .run(async ({ output, connect }, reference: string) => {
      const find = personArgument(reference);
      const api = await connect();
      const person = find(await api.waitingPeople());
      await api.dismissPerson(person);
      output.lines(`dismissed ${label(person)}`);
    });
};

/** Reads a code or an id before anything is sent. Six digits are a code unless nobody has it. */
function personArgument(text: string): (people: Awaited<ReturnType<Api["waitingPeople"]>>) => WaitingPerson {
  const code = CODE.exec(text)?.slice(1).join("");
  if (code === undefined) {
    const prefix = idArgument(text, PERSON);
    return (people) => findById(people, prefix, PERSON);
  }
  return (people) => {
    const [found, ...others] = people.filter(({ comparisonCode }) => comparisonCode === code);
    if (found === undefined) {
      throw failed(`nobody who waits has the code ${code}`, `list them with: ${PERSON.list}`);
    }
    if (others.length === 0) return found;
    throw failed(
      `${others.length + 1} people have the code ${code}`,
      "give the id instead",
      [found, ...others].map((person) => `${printable(person.id)}  ${PERSON.describe(person)}`),
    );
  };
}

function codeCell({ comparisonCode }: WaitingPerson): string {
  return printable(groupedCode(comparisonCode));
}

/** An address that the provider has not verified may be anybody's. */
function addressCell({ email, isEmailVerified }: WaitingPerson): string {
  if (email === null) return "none";
  return isEmailVerified ? printable(email) : `${printable(email)} (not verified)`;
}

function label(person: WaitingPerson): string {
  const { email, name, subject } = person;
  return email === null ? printable(name ?? subject) : addressCell(person);
}
