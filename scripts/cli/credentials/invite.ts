// A link with which users enrol a device themselves: with its own certificate, or with one that the link brings.
import type { NewInvitation } from "../../../src/contract/answers.ts";
import { INVITATION_SECONDS } from "../../../src/contract/limits.ts";
import { deviceNameKey } from "../../../src/domain/device.ts";
import type { UserId } from "../../../src/domain/user.ts";
import type { Api } from "../../client/api.ts";
import { LATCHKEY } from "../../terminal/called-as.ts";
import { failed, misuse } from "../../terminal/failure.ts";
import { drawQrCode } from "../../terminal/qr-code.ts";
import { printable } from "../../terminal/text.ts";
import { timeWithHint } from "../../terminal/time.ts";
import { requireFree } from "../certificates/issue.ts";
import { LINK_HELP, makeLink } from "../certificates/link.ts";
import { appHints } from "../command/app-hints.ts";
import { deviceNameArgument, durationOption, userArgument } from "../command/arguments.ts";
import type { AddCommand } from "../command/command.ts";
import {
  collect,
  type GivenLimits,
  type LimitOptions,
  limitsFrom,
  limitWords,
  requireApps,
} from "../command/limits.ts";
import type { Session } from "../command/session.ts";
import { UNTIL_HELP } from "../command/until.ts";
import { referenceToInvitation } from "./invitations.ts";

interface InviteOptions extends LimitOptions {
  guest?: boolean;
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

/** The options that say how a certificate is made. */
const FOR_ISSUING = ["days", "rsa", "zone", "revokeLeftovers"] as const;

export const addInvite: AddCommand = (program) => {
  program
    .command("invite")
    .summary("let a user enrol one device by themselves, with a link")
    .description(
      "Make a link with which a user enrols one device by themselves. It is shown once and works once.",
    )
    .argument("<user>", "the user's id, such as alice")
    .option("--with-certificate <name>", "also make a certificate, which the link brings to this new device")
    .option("--app <host>", "the link opens at this app; see below for what else it means", collect)
    .option("--guest", "limit the device to the apps in --app, until --until")
    .option("--until <time>", "the device is let in until then, such as 2026-12-24, sunday or 30d")
    .option("--country <code>", "the device is let in only from this country; may be repeated", collect)
    .option("--approval", "the device waits until you have compared the code on its screen, see approve")
    .option("--expires <time>", "how long the link works: 5m to 7d (default: 24h)")
    .option("--qr", "draw the link as a QR code even outside a terminal")
    .option("--no-qr", "draw no QR code")
    .option("--days <number>", "with --with-certificate: how long it is valid, as with issue")
    .option("--rsa", "with --with-certificate: an RSA key with 2048 bits, for old devices")
    .option("--zone <name>", "with --with-certificate: the zone whose authority signs")
    .option("--revoke-leftovers", "with --with-certificate: revoke what an interrupted run left behind")
    .notes(`
The device is let in at every app, even if --app says where the link opens. To
limit it, add --guest, or use limit once it is enrolled. Only with --guest or
--with-certificate does --app limit the device itself.

With --with-certificate, the key is made on this machine and Cloudflare signs
it, as with issue. This needs CLOUDFLARE_API_TOKEN.
${LINK_HELP}

Without it, the device needs a certificate that Cloudflare verifies, installed
before the link is opened. The page says whose device it will be before it is
enrolled.

Anyone who has the link can use it: if you send it over a channel that others
can read, or through somebody else, add --approval, and compare the code on the
device's screen.

A guest needs --until and --app. You can repeat --app; the link then opens at
the first one. To change a guest's limits later, use limit.
${UNTIL_HELP}

Examples:
  latchkey invite alice --with-certificate pixel-9
  latchkey invite alice
  latchkey invite alice --app vault.example.com --approval --expires 2h
  latchkey invite alice --guest --until sunday --app photos.example.com`)
    .run(async (session, text: string, options: InviteOptions) => {
      const user = userArgument(text);
      const limits = limitsFrom(options, session.now());
      if (options.guest === true) requireGuestLimits(limits);
      const { withCertificate } = options;
      if (withCertificate !== undefined) {
        return inviteWithCertificate(session, user, deviceNameArgument(withCertificate), limits, options);
      }
      const idle = FOR_ISSUING.find((name) => options[name] !== undefined);
      if (idle !== undefined) {
        const option = idle === "revokeLeftovers" ? "revoke-leftovers" : idle;
        throw misuse(`--${option} means nothing without --with-certificate`, "add it, or leave both out");
      }
      await invite(session, user, limits, options);
    });
};

function requireGuestLimits({ apps, expiresAt }: GivenLimits): void {
  const missing = [
    ...(apps === undefined ? ["at least one app"] : []),
    ...(expiresAt === undefined ? ["an end"] : []),
  ];
  if (missing.length === 0) return;
  throw misuse(`a guest needs ${missing.join(" and ")}`, "such as --until sunday --app photos.example.com");
}

/** The device has its own certificate, so the link leads to an app's host, which asks for it. */
async function invite(
  session: Session,
  user: UserId,
  { apps, ...others }: GivenLimits,
  { guest = false, approval, expires, qr }: InviteOptions,
): Promise<void> {
  if (!guest && apps !== undefined && apps.length > 1) {
    throw misuse(
      "the link opens at only one app",
      "give --app once, or add --guest to limit the device to these apps",
    );
  }
  const request: Parameters<Api["invite"]>[1] = {
    app: apps?.[0],
    approval,
    expiresInSeconds:
      expires === undefined ? undefined : durationOption("--expires", expires, INVITATION_SECONDS),
    limits: guest ? { apps, ...others } : others,
  };
  const api = await session.connect();
  await requireApps(api, apps);
  const made = await api.invite(user, request);
  const { output, now } = session;
  output.object(made);
  output.lines(printable(made.link), "", ...describe(made, now()));
  const hints = made.app === null ? [] : await appHints(session, made.app);
  if (hints.length > 0) output.lines("", ...hints);
  drawQrCode(made.link, output, qr);
}

async function inviteWithCertificate(
  session: Session,
  user: UserId,
  name: string,
  limits: GivenLimits,
  { approval, ...options }: InviteOptions,
): Promise<void> {
  await makeLink(
    session,
    {
      ...{ user, name, bundle: { name } },
      async check() {
        const api = await session.connect();
        await requireFree(api, user, name);
        await requireUninvited(api, user, name);
        await requireApps(api, limits.apps);
      },
      rest: { approval, limits },
    },
    options,
  );
}

/** Two links for one name: the second that is opened would find the name taken, with its certificate in vain. */
async function requireUninvited(api: Api, user: UserId, name: string): Promise<void> {
  const key = deviceNameKey(name);
  const other = (await api.invitations(user)).find(
    ({ status, bundle }) =>
      status === "open" && bundle?.renews === null && deviceNameKey(bundle.name) === key,
  );
  if (other === undefined) return;
  throw failed(
    `an open invitation brings a certificate for ${printable(`${user}/${name}`)} already`,
    `choose another name, or withdraw it first: ${LATCHKEY} invitations withdraw ${referenceToInvitation(other)}`,
  );
}

function describe(invitation: NewInvitation, now: number): string[] {
  const { user, app, approval, expiresAt, limits } = invitation;
  const words = limitWords(limits, now);
  const lets = limits.apps === null ? ` at every app${words}` : words.replace(/^,/, "");
  return [
    `enrols one device for ${printable(user)}, until ${timeWithHint(expiresAt, now)}${app === null ? "" : `; the link opens at ${printable(app)}`}`,
    `the device is then let in${lets}`,
    // An app in the link reads like a limit of the device, which it isn't.
    ...(limits.apps === null
      ? [
          `to limit it: add --guest with --app and --until, or once it is enrolled: ${LATCHKEY} limit ${printable(user)}/NAME --app HOST`,
        ]
      : []),
    ...(approval ? [`the device then waits for approval: ${LATCHKEY} approve ${printable(user)}/NAME`] : []),
    `the link is shown only this once; to withdraw it: ${LATCHKEY} invitations withdraw ${referenceToInvitation(invitation)}`,
  ];
}
