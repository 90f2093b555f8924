import { INVITATION_SECONDS, type NewInvitation } from "../../../src/contract/requests.ts";
import { isHostname } from "../../../src/domain/hostname.ts";
import { withUnknownUser } from "../../client/answer.ts";
import { LATCHKEY } from "../../terminal/called-as.ts";
import { misuse } from "../../terminal/failure.ts";
import type { Output } from "../../terminal/output.ts";
import { qrCode } from "../../terminal/qr-code.ts";
import { printable } from "../../terminal/text.ts";
import { timeWithHint } from "../../terminal/time.ts";
import { userArgument } from "../command/arguments.ts";
import { durationOption } from "../command/duration.ts";
import type { AddCommand } from "../command/session.ts";
import { referenceToInvitation } from "./invitation-reference.ts";

interface InviteOptions {
  app?: string;
  approval?: boolean;
  expires?: string;
  /** `undefined`: on a terminal. */
  qr?: boolean;
}

export const addInvite: AddCommand = (program, open) => {
  program
    .command("invite")
    .summary("let a user enrol one device by themselves, with a link")
    .description(
      "Make a link with which a user enrols one device by themselves. It is shown once, and works once.",
    )
    .argument("<user>", "the user's id, such as alice")
    .option("--app <host>", "the link leads to this app, and works only there")
    .option("--approval", "the device waits until you have compared the code on its screen, see approve")
    .option("--expires <time>", "how long the link is good: 5m to 7d (default: 24h)")
    .option("--qr", "draw the link as a QR code, outside a terminal too")
    .option("--no-qr", "draw no QR code")
    .addHelpText(
      "after",
      `
The device needs a certificate that Cloudflare verifies, installed before the
link is opened. The page says whose device it will be before it is enrolled.
Anyone who has the link can use it: if you send it over a channel that others
read, or through somebody else, add --approval, and compare the code on the
device's screen.

Examples:
  latchkey invite alice
  latchkey invite alice --app vault.example.com --approval --expires 2h`,
    )
    .action(async (text: string, options: InviteOptions) => {
      const user = userArgument(text);
      const { app, approval, expires } = options;
      const request = {
        ...(app === undefined ? {} : { app: appOption(app) }),
        ...(approval === undefined ? {} : { approval }),
        ...(expires === undefined
          ? {}
          : { expiresInSeconds: durationOption("--expires", expires, INVITATION_SECONDS) }),
      };
      const { output, now, ...session } = open();
      const api = await session.api();
      let made: NewInvitation;
      try {
        made = await api.invite(user, request);
      } catch (error) {
        throw withUnknownUser(error, user, `add the user first: ${LATCHKEY} users add ${user}`);
      }
      output.object(made);
      output.lines(printable(made.link), "", ...describe(made, now()));
      draw(made.link, output, options.qr);
    });
};

function appOption(text: string): string {
  const host = text.toLowerCase();
  if (isHostname(host)) return host;
  throw misuse(
    `--app '${printable(text)}' is not a hostname`,
    "give only the host, such as vault.example.com",
  );
}

function describe(invitation: NewInvitation, now: number): string[] {
  const { user, app, approval, expiresAt } = invitation;
  return [
    `enrols one device of ${printable(user)}${app === null ? "" : ` on ${printable(app)}`}, until ${timeWithHint(expiresAt, now)}`,
    ...(approval ? [`the device then waits for: ${LATCHKEY} approve ${printable(user)}/NAME`] : []),
    `the link is shown this once; to withdraw it: ${LATCHKEY} invitations withdraw ${referenceToInvitation(invitation)}`,
  ];
}

/** Last, so that it is whole on a small screen. */
function draw(link: string, output: Output, wanted: boolean | undefined): void {
  if (!(wanted ?? output.drawable !== undefined)) return;
  const { lines, columns } = qrCode(link);
  if (output.drawable !== undefined && output.drawable < columns) {
    output.lines("", `the QR code needs a terminal of ${columns} columns`);
    return;
  }
  output.lines("", ...lines);
}
