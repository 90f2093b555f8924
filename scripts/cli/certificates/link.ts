// A link that brings a certificate to a device: a new device's (invite --with-certificate), or an existing device's next
// one (rotate --link).
import { randomUUID } from "node:crypto";
import type { Device, NewInvitation } from "../../../src/contract/answers.ts";
import { INVITATION_SECONDS } from "../../../src/contract/limits.ts";
import type { UserId } from "../../../src/domain/user.ts";
import type { Api } from "../../client/api.ts";
import { LATCHKEY } from "../../terminal/called-as.ts";
import { misuse } from "../../terminal/failure.ts";
import { progress } from "../../terminal/output.ts";
import { drawQrCode } from "../../terminal/qr-code.ts";
import { printable } from "../../terminal/text.ts";
import { timeWithHint } from "../../terminal/time.ts";
import { appHints } from "../command/app-hints.ts";
import { durationOption } from "../command/arguments.ts";
import { shortId } from "../command/id-reference.ts";
import { limitWords } from "../command/limits.ts";
import type { Session } from "../command/session.ts";
import { type IssuanceOptions, withIssued } from "./issuance.ts";

/** The options for files and their folder, which a link doesn't need. */
const FOR_FILES = ["out", "mobileconfig"] as const;

export const LINK_HELP = `The certificate travels encrypted, and the key to it is only in the link.
The first person who opens the link and presses the button gets the certificate,
and nobody else after that: send it over a channel that only they can read.`;

export interface LinkOptions extends IssuanceOptions {
  /** How long the link works. */
  expires?: string;
  /** `undefined`: on a terminal. */
  qr?: boolean;
}

/** Who the certificate is for. */
export interface LinkHolder {
  user: UserId;
  name: string;
  /** Before anything is signed: fails if no invitation could be made afterwards. */
  check(): Promise<void>;
  /** The part of the invitation's request that names the device: the one to renew, or the new one's name. */
  bundle: { name: string } | { device: string; retireBy: string | undefined };
  rest?: Omit<Parameters<Api["invite"]>[1], "bundle" | "expiresInSeconds">;
}

/** Has a certificate signed and makes the link that brings it: both, or nothing. Prints the link. */
export async function makeLink(session: Session, holder: LinkHolder, options: LinkOptions): Promise<void> {
  const idle = FOR_FILES.find((name) => options[name] !== undefined);
  if (idle !== undefined) {
    throw misuse(
      `--${idle} means nothing for a link`,
      "leave it out: the page offers the file in each format",
    );
  }
  const { expires } = options;
  const expiresInSeconds =
    expires === undefined ? undefined : durationOption("--expires", expires, INVITATION_SECONDS);
  const { user, name, bundle, rest } = holder;
  const api = await session.connect();
  const { sealBundle } = await import("../../certificates/bundle.ts");
  const made = await withIssued(session, holder, options, async (signed, interruption, { commonName }) => {
    const id = randomUUID();
    const { key, ...sealed } = sealBundle({ ...signed, user, device: name, commonName }, id);
    interruption.check();
    progress("making the link");
    const invitation = await invite(api, user, {
      ...rest,
      expiresInSeconds,
      bundle: { ...bundle, id, certificate: signed.certificate, ...sealed },
    });
    return { ...invitation, link: `${invitation.link}.${key}` };
  });
  const { output, now } = session;
  output.object(made);
  output.lines(printable(made.link), "", ...describe(made, name, now()));
  // For a renewal, they have been shown before.
  const hints = made.bundle?.renews === null ? await appHints(session, made.limits.apps?.[0]) : [];
  if (hints.length > 0) output.lines("", ...hints);
  drawQrCode(made.link, output, options.qr);
}

/** Without a clear answer, the invitation may exist: it is withdrawn, since its certificate will be revoked. */
async function invite(
  api: Api,
  user: UserId,
  request: Parameters<Api["invite"]>[1] & { bundle: { id: string } },
): Promise<NewInvitation> {
  try {
    return await api.invite(user, request);
  } catch (error) {
    const { isRefused } = await import("../../cloudflare/issue/registration.ts");
    if (!isRefused(error)) await api.withdraw({ user, id: request.bundle.id }).catch(() => undefined);
    throw error;
  }
}

function describe(
  { user, id, approval, expiresAt, bundle, limits }: NewInvitation,
  name: string,
  now: number,
): string[] {
  const label = printable(`${user}/${name}`);
  const only = limitWords(limits, now);
  const what =
    bundle?.renews === null
      ? `brings a certificate and enrols ${label} with it`
      : `brings the next certificate of ${label}; the old one ends when that one is first seen`;
  return [
    `${what}; open it on the device itself, until ${timeWithHint(expiresAt, now)}`,
    ...(only === "" ? [] : [`the device is then let in${only.replace(/^,/, "")}`]),
    ...(approval ? [`the device then waits for approval: ${LATCHKEY} approve ${label}`] : []),
    `the link is shown only this once; to withdraw it: ${LATCHKEY} invitations withdraw ${printable(user)}/${shortId(id)}`,
  ];
}

/** What the API takes to renew this device. */
export function renewalOf({ id }: Device, retireBy: number | undefined): LinkHolder["bundle"] {
  return { device: id, retireBy: retireBy === undefined ? undefined : new Date(retireBy).toISOString() };
}
