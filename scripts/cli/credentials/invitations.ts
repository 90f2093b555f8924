// Invitations: links with which users enrol a device themselves. List, withdraw; `invite` makes them.
import type { Invitation } from "../../../src/contract/answers.ts";
import { relativeTime } from "../../../src/domain/general/relative-time.ts";
import type { UserId } from "../../../src/domain/user.ts";
import { ofAllUsers, ofUsers } from "../../client/all-users.ts";
import type { Api } from "../../client/api.ts";
import { LATCHKEY } from "../../terminal/called-as.ts";
import { failed } from "../../terminal/failure.ts";
import type { Output } from "../../terminal/output.ts";
import type { Cell } from "../../terminal/table.ts";
import { printable } from "../../terminal/text.ts";
import { shortTime, timeCell } from "../../terminal/time.ts";
import { userArgument } from "../command/arguments.ts";
import type { AddCommand } from "../command/command.ts";
import { findById, idArgument, type Kind, shortId } from "../command/id-reference.ts";
import { limitWords } from "../command/limits.ts";

export const addInvitations: AddCommand = (program) => {
  const invitations = program
    .command("invitations")
    .summary("list the invitations of one user, or of all; withdraw one")
    .description("List the invitations of one user, or of all users. A subcommand withdraws one.")
    .argument("[user]", "the user's id; all users when left out")
    .notes(`
Examples:
  latchkey invitations
  latchkey invitations alice
  latchkey invitations withdraw alice/3f2a1b9c`);
  invitations.lists(async ({ output, now, connect }, text) => {
    const user = text === undefined ? undefined : userArgument(text);
    const api = await connect();
    const list = await ofUsers(api, user, api.invitations);
    output.object({ invitations: list });
    // Only some bring a certificate, for a device that has its name already.
    const names = list.some(({ bundle }) => bundle !== null) ? ["DEVICE"] : [];
    const limits = list.map((each) => limitWords(each.limits, now()).replace(/^, /, ""));
    const areLimited = limits.some((words) => words !== "");
    const head = ["INVITATION", "STATUS", ...names, "LINK AT", "APPROVAL", "CREATED", "EXPIRES"];
    output.table(
      [...head, ...(areLimited ? ["LETS IN"] : [])],
      list.map((invitation, index) => [
        ...row(invitation, output, now(), names.length > 0),
        ...(areLimited ? [limits[index] || "everywhere"] : []),
      ]),
      `no invitations yet; make one with: ${LATCHKEY} invite ${user ?? "alice"}`,
    );
  });

  invitations
    .command("withdraw")
    .aliases(["rm", "delete"])
    .summary("make an invitation's link useless")
    .description("Withdraw an invitation that nobody has used: its link no longer enrols a device.")
    .argument("<invitation>", "USER/ID, such as alice/3f2a1b9c, or only its id; the first characters will do")
    .run(async ({ output, connect }, reference: string) => {
      const api = await connect();
      const invitation = await findInvitation(api, reference);
      if (invitation.status === "used") {
        throw failed(
          `the invitation ${referenceToInvitation(invitation)} has been used already`,
          `find the device that it enrolled: ${LATCHKEY} devices ${printable(invitation.user)}`,
        );
      }
      await api.withdraw(invitation);
      output.lines(
        `withdrew the invitation ${referenceToInvitation(invitation)}`,
        ...(invitation.bundle === null
          ? []
          : [
              "its certificate is enrolled nowhere, so the gate refuses it; the next --revoke-leftovers for that device revokes it",
            ]),
      );
    });
};

function row(invitation: Invitation, output: Output, now: number, withName: boolean): Cell[] {
  const { status, approval, createdAt, bundle } = invitation;
  return [
    referenceToInvitation(invitation),
    output.style(status === "open" ? "green" : "dim", printable(status)),
    ...(withName ? [bundle === null ? "any" : printable(bundle.name)] : []),
    linkAt(invitation),
    approval ? "yes" : "no",
    timeCell(createdAt, now),
    expiry(invitation, now),
  ];
}

/** Where the link opens, which is no limit of the device. A link with a certificate opens on the pages' host. */
function linkAt({ app, bundle, limits }: Invitation): string {
  return bundle === null ? printable(app ?? limits.apps?.[0] ?? "any app") : "pages";
}

function expiry({ usedAt, expiresAt }: Invitation, now: number): Cell {
  if (usedAt === null) return timeCell(expiresAt, now);
  return { full: `used ${relativeTime(usedAt, now)}`, short: `used ${shortTime(usedAt, now)}` };
}

/** `alice/3f2a1b9c`: the user and the beginning of the id, as the list shows it. */
export function referenceToInvitation({ user, id }: Invitation): string {
  return `${printable(user)}/${shortId(id)}`;
}

/** Finds the invitation that the caller names: `alice/3f2a1b9c`, or only its id; then every user is searched. */
async function findInvitation(api: Api, reference: string): Promise<Invitation> {
  const slash = reference.indexOf("/");
  if (slash < 0) {
    const id = idArgument(reference, kind());
    return findById(await ofAllUsers(api, api.invitations), id, kind());
  }
  const user = userArgument(reference.slice(0, slash));
  const id = idArgument(reference.slice(slash + 1), kind(user));
  return findById(await api.invitations(user), id, kind(user));
}

function kind(user?: UserId): Kind<Invitation> {
  return {
    one: "invitation",
    many: "invitations",
    list: `${LATCHKEY} invitations${user === undefined ? "" : ` ${user}`}`,
    describe: ({ user, status }) => `${printable(user)}, ${status}`,
  };
}
