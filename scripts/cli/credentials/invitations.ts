import type { Invitation } from "../../../src/contract/requests.ts";
import { relativeTime } from "../../../src/domain/relative-time.ts";
import { ofAllUsers } from "../../client/all-users.ts";
import { LATCHKEY } from "../../terminal/called-as.ts";
import { failed } from "../../terminal/failure.ts";
import type { Output } from "../../terminal/output.ts";
import type { Cell } from "../../terminal/table.ts";
import { printable } from "../../terminal/text.ts";
import { shortTime, timeCell } from "../../terminal/time.ts";
import { userArgument } from "../command/arguments.ts";
import type { AddCommand } from "../command/session.ts";
import { addListVerb } from "../command/subcommand.ts";
import { findInvitation, invitationsOf, referenceToInvitation } from "./invitation-reference.ts";

export const addInvitations: AddCommand = (program, open) => {
  const invitations = program
    .command("invitations")
    .summary("list the invitations of one user, or of all; withdraw one")
    .description("List the invitations of one user, or of all users. A subcommand withdraws one.")
    .argument("[user]", "the user's id; all users when left out")
    .addHelpText(
      "after",
      `
Examples:
  latchkey invitations
  latchkey invitations alice
  latchkey invitations withdraw alice/3f2a1b9c`,
    );
  addListVerb(invitations, async (text) => {
    const user = text === undefined ? undefined : userArgument(text);
    const { output, now, ...session } = open();
    const api = await session.api();
    const list = user === undefined ? await ofAllUsers(api, api.invitations) : await invitationsOf(api, user);
    output.object({ invitations: list });
    output.table(
      ["INVITATION", "STATUS", "APP", "APPROVAL", "MADE", "ENDS"],
      list.map((invitation) => row(invitation, output, now())),
      `no invitations yet; make one with: ${LATCHKEY} invite ${user ?? "alice"}`,
    );
  });

  invitations
    .command("withdraw")
    .aliases(["rm", "delete"])
    .summary("make the link of an invitation useless")
    .description("Withdraw an invitation that nobody has used: its link enrols no device any more.")
    .argument(
      "<invitation>",
      "USER/ID, such as alice/3f2a1b9c, or its id alone; the first characters will do",
    )
    .action(async (reference: string) => {
      const { output, ...session } = open();
      const api = await session.api();
      const invitation = await findInvitation(api, reference);
      if (invitation.status === "used") {
        throw failed(
          `the invitation ${referenceToInvitation(invitation)} was used already`,
          `look for the device that it enrolled: ${LATCHKEY} devices ${printable(invitation.user)}`,
        );
      }
      await api.withdraw(invitation);
      output.lines(`withdrew the invitation ${referenceToInvitation(invitation)}`);
    });
};

function row(invitation: Invitation, output: Output, now: number): Cell[] {
  const { status, app, approval, createdAt } = invitation;
  return [
    referenceToInvitation(invitation),
    output.style(status === "open" ? "green" : "dim", printable(status)),
    app === null ? "any" : printable(app),
    approval ? "yes" : "no",
    timeCell(createdAt, now),
    end(invitation, now),
  ];
}

function end({ usedAt, expiresAt }: Invitation, now: number): Cell {
  if (usedAt === null) return timeCell(expiresAt, now);
  return { full: `used ${relativeTime(usedAt, now)}`, short: `used ${shortTime(usedAt, now)}` };
}
