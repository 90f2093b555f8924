import type { Session as SignIn } from "../../../src/contract/requests.ts";
import { clientName } from "../../../src/domain/client-name.ts";
import type { Api } from "../../client/api.ts";
import { LATCHKEY } from "../../terminal/called-as.ts";
import { misuse } from "../../terminal/failure.ts";
import { printable } from "../../terminal/text.ts";
import { timeCell } from "../../terminal/time.ts";
import { findById, idArgument, type Kind, shortId } from "../command/id-reference.ts";
import type { AddCommand, Session } from "../command/session.ts";
import { addListVerb } from "../command/subcommand.ts";
import { fromCell } from "../devices/view.ts";
import { tokenLabel } from "./token-reference.ts";

export const addSessions: AddCommand = (program, open) => {
  const sessions = program
    .command("sessions")
    .summary("list the browsers that are signed in; sign them out")
    .description("List the browsers that are signed in on the pages. A subcommand signs them out.")
    .addHelpText(
      "after",
      `
Examples:
  latchkey sessions
  latchkey sessions end 3f2a1b9c
  latchkey sessions end --all`,
    );
  addListVerb(sessions, async () => {
    const { output, now, ...session } = open();
    const list = await (await session.api()).sessions();
    output.object({ sessions: list });
    output.table(
      ["SESSION", "SIGNED IN WITH", "BROWSER", "FROM", "SINCE", "ENDS"],
      list.map((each) => [
        shortId(each.id),
        credential(each),
        printable(clientName(each.client)),
        fromCell(each),
        timeCell(each.createdAt, now()),
        timeCell(each.expiresAt, now()),
      ]),
      "no browser is signed in",
    );
  });

  sessions
    .command("end")
    .aliases(["rm", "delete"])
    .summary("sign one browser out, or all of them")
    .description(
      "Sign one browser out, or with --all every one: with a user's own token, every one of that user.",
    )
    .argument("[session]", "the session's id; its first characters will do")
    .option("--all", "sign out everywhere")
    .action(async (reference: string | undefined, { all = false }: { all?: boolean }) => {
      if ((reference === undefined) !== all) {
        throw misuse(
          all ? "give a session or --all, not both" : "name the session to end",
          `give its id, as listed by ${LATCHKEY} sessions, or --all`,
        );
      }
      if (reference === undefined) await endAll(open());
      else await endOne(open(), reference);
    });
};

const SIGN_IN: Kind<SignIn> = {
  one: "session",
  many: "sessions",
  list: `${LATCHKEY} sessions`,
  describe: (each) => `${credential(each)}, ${printable(clientName(each.client))}`,
};

async function endOne({ output, ...session }: Session, reference: string): Promise<void> {
  const id = idArgument(reference, SIGN_IN);
  const api = await session.api();
  const found = findById(await api.sessions(), id, SIGN_IN);
  await api.endSession(found);
  output.lines(`signed out ${printable(clientName(found.client))} (${credential(found)})`);
}

async function endAll({ output, ...session }: Session): Promise<void> {
  const api = await session.api();
  const browsers = await whoseBrowsers(api);
  await session.confirm(`Sign out ${browsers}?`);
  await api.endSessions();
  output.lines(`signed out ${browsers}; the tokens are still good`);
}

async function whoseBrowsers(api: Api): Promise<string> {
  const { user } = await api.me();
  return user === null ? "every browser of everybody" : `every browser of ${printable(user)}`;
}

function credential({ token }: SignIn): string {
  return token === null ? "ADMIN_TOKEN" : tokenLabel(token);
}
