// Invitations: links with which users enrol a device themselves. Make, list, withdraw.

import type { Invitation, NewInvitation } from "../../../src/contract/answers.ts";
import { INVITATION_SECONDS } from "../../../src/contract/limits.ts";
import { relativeTime } from "../../../src/domain/relative-time.ts";
import type { UserId } from "../../../src/domain/user.ts";
import { ofAllUsers, ofUsers } from "../../client/all-users.ts";
import type { Api } from "../../client/api.ts";
import { LATCHKEY } from "../../terminal/called-as.ts";
import { failed, misuse } from "../../terminal/failure.ts";
import type { Output } from "../../terminal/output.ts";
import { drawQrCode } from "../../terminal/qr-code.ts";
import type { Cell } from "../../terminal/table.ts";
import { printable } from "../../terminal/text.ts";
import { shortTime, timeCell, timeWithHint } from "../../terminal/time.ts";
import { requireFree } from "../certificates/issue.ts";
import { LINK_HELP, makeLink } from "../certificates/link.ts";
import { appHints } from "../command/app-hints.ts";
import { appOption, deviceNameArgument, durationOption, userArgument } from "../command/arguments.ts";
import type { AddCommand } from "../command/command.ts";
import { findById, idArgument, type Kind, shortId } from "../command/id-reference.ts";
import type { Session } from "../command/session.ts";

interface InviteOptions {
  app?: string;
  approval?: boolean;
  expires?: string;
  /** `undefined`: on a terminal. */
  qr?: boolean;
  withCertificate?: string;
  days?: string;
  rsa?: boolean;
  zone?: string;
  revokeLeftovers?: boolean;
}

/** What says how a certificate is made. */
const FOR_ISSUING = ["days", "rsa", "zone", "revokeLeftovers"] as const;

export const addInvite: AddCommand = (program) => {
  program
    .command("invite")
    .summary("let a user enrol one device by themselves, with a link")
    .description(
      "Make a link with which a user enrols one device by themselves. It is shown once and works once.",
    )
    .argument("<user>", "the user's id, such as alice")
    .option("--with-certificate <name>", "make a certificate too: the link brings it to this new device")
    .option("--app <host>", "the link leads to this app, and works only there")
    .option("--approval", "the device waits until you have compared the code on its screen, see approve")
    .option("--expires <time>", "how long the link works: 5m to 7d (default: 24h)")
    .option("--qr", "draw the link as a QR code, outside a terminal too")
    .option("--no-qr", "draw no QR code")
    .option("--days <number>", "with --with-certificate: how long it is valid, as with issue")
    .option("--rsa", "with --with-certificate: an RSA key with 2048 bits, for old devices")
    .option("--zone <name>", "with --with-certificate: the zone whose authority signs")
    .option("--revoke-leftovers", "with --with-certificate: revoke what an interrupted run left behind")
    .notes(`
With --with-certificate, the key is made on this machine and Cloudflare signs
it, as with issue, which needs CLOUDFLARE_API_TOKEN. With --app, the device
reaches only that app.
${LINK_HELP}

Without it, the device needs a certificate that Cloudflare verifies, installed
before the link is opened. The page says whose device it will be before it is
enrolled.

Anyone who has the link can use it: if you send it over a channel that others
can read, or through somebody else, add --approval, and compare the code on the
device's screen.

Examples:
  latchkey invite alice --with-certificate pixel-9
  latchkey invite alice
  latchkey invite alice --app vault.example.com --approval --expires 2h`)
    .run(async (session, text: string, options: InviteOptions) => {
      const { output, now, connect } = session;
      const user = userArgument(text);
      const { app, approval, expires, withCertificate } = options;
      if (withCertificate !== undefined) {
        return inviteWithCertificate(session, user, deviceNameArgument(withCertificate), options);
      }
      const idle = FOR_ISSUING.find((name) => options[name] !== undefined);
      if (idle !== undefined) {
        const option = idle === "revokeLeftovers" ? "revoke-leftovers" : idle;
        throw misuse(`--${option} means nothing without --with-certificate`, "add it, or leave both out");
      }
      const request = {
        app: app === undefined ? undefined : appOption(app),
        approval,
        expiresInSeconds:
          expires === undefined ? undefined : durationOption("--expires", expires, INVITATION_SECONDS),
      };
      const made = await (await connect()).invite(user, request);
      output.object(made);
      output.lines(printable(made.link), "", ...describe(made, now()));
      const hints = made.app === null ? [] : await appHints({ connect }, made.app);
      if (hints.length > 0) output.lines("", ...hints);
      drawQrCode(made.link, output, options.qr);
    });
};

async function inviteWithCertificate(
  session: Session,
  user: UserId,
  name: string,
  { app, approval, ...options }: InviteOptions,
): Promise<void> {
  const limits = app === undefined ? undefined : { apps: [appOption(app)] };
  await makeLink(
    session,
    {
      ...{ user, name, bundle: { name } },
      check: async () => requireFree(await session.connect(), user, name),
      rest: { approval, limits },
    },
    options,
  );
}

function describe(invitation: NewInvitation, now: number): string[] {
  const { user, app, approval, expiresAt } = invitation;
  return [
    `enrols one device for ${printable(user)}${app === null ? "" : ` on ${printable(app)}`}, until ${timeWithHint(expiresAt, now)}`,
    ...(approval ? [`the device then waits for approval: ${LATCHKEY} approve ${printable(user)}/NAME`] : []),
    `the link is shown only this once; to withdraw it: ${LATCHKEY} invitations withdraw ${referenceToInvitation(invitation)}`,
  ];
}

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
    output.table(
      ["INVITATION", "STATUS", ...names, "APP", "APPROVAL", "CREATED", "EXPIRES"],
      list.map((invitation) => row(invitation, output, now(), names.length > 0)),
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
  const { status, app, approval, createdAt, bundle } = invitation;
  return [
    referenceToInvitation(invitation),
    output.style(status === "open" ? "green" : "dim", printable(status)),
    ...(withName ? [bundle === null ? "any" : printable(bundle.name)] : []),
    app === null ? "any" : printable(app),
    approval ? "yes" : "no",
    timeCell(createdAt, now),
    expiry(invitation, now),
  ];
}

function expiry({ usedAt, expiresAt }: Invitation, now: number): Cell {
  if (usedAt === null) return timeCell(expiresAt, now);
  return { full: `used ${relativeTime(usedAt, now)}`, short: `used ${shortTime(usedAt, now)}` };
}

/** `alice/3f2a1b9c`: the user and the beginning of the id, as the list shows it. */
function referenceToInvitation({ user, id }: Invitation): string {
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
