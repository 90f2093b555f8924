// Sessions: the browsers that are signed in on the pages.
import type { Session as SignIn } from "../../../src/contract/answers.ts";
import { clientName } from "../../../src/domain/request/client-name.ts";
import type { Api } from "../../client/api.ts";
import { LATCHKEY } from "../../terminal/called-as.ts";
import { misuse } from "../../terminal/failure.ts";
import { printable } from "../../terminal/text.ts";
import { timeCell } from "../../terminal/time.ts";
import type { AddCommand } from "../command/command.ts";
import { findById, idArgument, type Kind, shortId } from "../command/id-reference.ts";
import type { Session } from "../command/session.ts";
import { fromCell } from "../devices/view.ts";
import { tokenLabel } from "./tokens.ts";

export const addSessions: AddCommand = (program) => {
  const sessions = program
    .command("sessions")
    .summary("list the browsers that are signed in; sign them out")
    .description(
      "List the browsers that are signed in on the pages. A subcommand signs them out. Browsers that are signed in to apps are devices, see devices.",
    )
    .notes(`
Examples:
  latchkey sessions
  latchkey sessions end 3f2a1b9c
  latchkey sessions end --all`);
  sessions.lists(async ({ output, now, connect }) => {
    const list = await (await connect()).sessions();
    output.object({ sessions: list });
    output.table(
      ["SESSION", "SIGNED IN WITH", "BROWSER", "FROM", "SINCE", "EXPIRES"],
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
    .summary("sign out one browser, or all of them")
    .description(
      "Sign out one browser, or all of them with --all: with a user's own token, all of that user's.",
    )
    .argument("[session]", "the session's id; its first characters will do")
    .option("--all", "sign out everywhere")
    .run(async (session, reference: string | undefined, { all = false }: { all?: boolean }) => {
      if ((reference === undefined) !== all) {
        throw misuse(
          all ? "give a session or --all, not both" : "name the session to end",
          `give its id, as listed by ${LATCHKEY} sessions, or --all`,
        );
      }
      if (reference === undefined) await endAll(session);
      else await endOne(session, reference);
    });
};

const SIGN_IN: Kind<SignIn> = {
  one: "session",
  many: "sessions",
  list: `${LATCHKEY} sessions`,
  describe: (each) => `${credential(each)}, ${printable(clientName(each.client))}`,
};

async function endOne({ output, connect }: Session, reference: string): Promise<void> {
  const id = idArgument(reference, SIGN_IN);
  const api = await connect();
  const found = findById(await api.sessions(), id, SIGN_IN);
  await api.endSession(found);
  output.lines(`signed out ${printable(clientName(found.client))} (${credential(found)})`);
}

async function endAll({ output, connect, confirm }: Session): Promise<void> {
  const api = await connect();
  const browsers = await whoseBrowsers(api);
  await confirm(`Sign out ${browsers}?`);
  await api.endSessions();
  output.lines(`signed out ${browsers}; the tokens are still valid`);
}

async function whoseBrowsers(api: Api): Promise<string> {
  const { user } = await api.me();
  return user === null ? "everybody's browsers" : `all of ${printable(user)}'s browsers`;
}

function credential({ token, person }: SignIn): string {
  // A Worker deployed before people signed in with a provider does not say.
  if ((person ?? null) !== null) return `provider, as ${printable(person ?? "")}`;
  return token === null ? "ADMIN_TOKEN" : tokenLabel(token);
}
