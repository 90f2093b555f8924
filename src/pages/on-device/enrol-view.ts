// What the enrolment page says to a device, step by step.
import { ENROL_PATH, WHOAMI_PATH } from "../../contract/paths.ts";
import type { Standing } from "../../domain/device.ts";
import { commonName, type VerifiedCertificate } from "../../domain/request/certificate.ts";
import { deviceName } from "../../domain/request/client-name.ts";
import type { Offer, RedeemError } from "../../registry/client/invitations.ts";
import { type Html, html } from "../html/html.ts";
import { installSteps } from "../html/install-steps.ts";
import { layout } from "../html/layout.ts";
import { grouped } from "../html/words.ts";

type KnownDevice = Extract<Standing, { kind: "device" }>;

/** How often a waiting device looks again, in seconds. */
const LOOK_AGAIN_SECONDS = 10;

/** What a person types into the page's form. */
export interface Entered {
  code: string;
  name: string;
}

export const INVALID =
  "This code can’t be used. It may be mistyped, already used or expired: ask for a new invitation.";

/** Why a valid code could not be used, as a sentence. */
export function sentence(error: RedeemError): string {
  switch (error.code) {
    case "name-taken":
      return `Another of your devices is named ${error.name}: choose another name. The code still works.`;
    case "fingerprint-taken":
      return "This device’s certificate is already enrolled. If it does not work, ask the person who runs this gate.";
    case "fingerprint-revoked":
      return "This device was revoked. Ask the person who runs this gate to forget it first. The code still works.";
    default:
      return INVALID;
  }
}

export function withoutCertificate(hostname: string, userAgent: string | null): Html {
  return layout(
    { title: "No certificate yet" },
    html`<p>This browser showed no client certificate to ${hostname}. Install the certificate you were given, close the browser completely (on a phone, swipe it away), then open the link in your invitation again.</p>
<h2>How to install it</h2>
${installSteps(userAgent)}`,
  );
}

const NOT_VERIFIED: Record<"unverified" | "revoked" | "malformed" | "expired", string> = {
  unverified:
    "Cloudflare could not verify this device’s certificate: it comes from another authority, is incomplete or has expired.",
  revoked: "This device’s certificate was revoked.",
  malformed: "This device’s certificate could not be read.",
  expired: "This device’s certificate is not valid now: it has expired, or is not valid yet.",
};

export function notVerified(why: keyof typeof NOT_VERIFIED, userAgent: string | null): Html {
  return layout(
    { title: "This certificate does not work" },
    html`<p>${NOT_VERIFIED[why]} Ask for a new one, install it, close the browser completely (on a phone, swipe it away), and open the link in your invitation again.</p>
<h2>How to install it</h2>
${installSteps(userAgent)}`,
  );
}

/** Names the device's user, so that its holder can see that somebody else's invitation was used. */
function whose({ name, user }: KnownDevice): Html {
  return html`This is <strong>${name}</strong>, one of <strong>${user}</strong>’s devices.`;
}

/** For a device that is enrolled and does not wait. `isBeyondLimits`: it is not to be here, or not any more. */
export function known(device: KnownDevice, isBeyondLimits: boolean): Html {
  if (device.status === "active" && isBeyondLimits) {
    return layout(
      { title: "This device is enrolled" },
      html`<p>${whose(device)} It is limited, and not let in here and now: see <a href="${WHOAMI_PATH}">why</a>.</p>`,
    );
  }
  return device.status === "active"
    ? layout(
        { title: "This device is enrolled" },
        html`<p>${whose(device)} You’re in. Nothing more to do.</p><p><a class="button" href="/">Open the app</a></p>`,
      )
    : layout(
        { title: "This device is not let in" },
        html`<p>${whose(device)} It is enrolled, but blocked at the moment: ask the person who runs this gate.</p>`,
      );
}

/** For a device that waits for approval. */
export function waiting(device: KnownDevice, comparisonCode: string | null): Html {
  return layout(
    { title: "Almost there", scripted: true },
    html`<p>${whose(device)} Waiting for approval. Read this code to the person who invited you:</p>
<p><strong class="code" data-look-again="${String(LOOK_AGAIN_SECONDS)}">${comparisonCode === null ? "" : grouped(comparisonCode)}</strong></p>
<p><a href="${ENROL_PATH}">Check again</a></p>`,
  );
}

/** Asks the person to agree to whose device this becomes. Nothing has been used up yet. */
export function agreement({ user, name, approval }: Offer, entered: Entered): Html {
  return layout(
    { title: `Make this one of ${user}’s devices?` },
    html`<p>This invitation enrols this device, <strong>${entered.name}</strong>, for <strong>${user}</strong>${name === null ? "" : html` (<strong>${name}</strong>)`}.</p>
<p>From then on, ${user} can see when and from where it was last used, shut it out, and report it lost, which makes the Bitwarden app on it delete its vault. If it shouldn’t be ${user}’s, go back and ask for another invitation.</p>
${approval ? html`<p>The device is let in once the person who invited you has approved it.</p>` : ""}
<form method="post" action="${ENROL_PATH}">
<input type="hidden" name="code" value="${entered.code}">
<input type="hidden" name="name" value="${entered.name}">
<input type="hidden" name="user" value="${user}">
<p class="acts"><button>Make it one of ${user}’s devices</button> <button class="quiet" name="back" value="back">Back</button></p>
</form>`,
  );
}

export function ready(
  certificate: VerifiedCertificate,
  userAgent: string | null,
  entered: Entered = { code: "", name: "" },
  message?: string,
): Html {
  return layout(
    { title: "Enrol this device", scripted: true },
    html`${message === undefined ? "" : html`<p class="message" role="alert">${message}</p>`}
<p>This device showed a certificate that Cloudflare verified${certificate.subject === null ? "" : html`: <span class="long">${certificate.subject}</span>`}. Give it a name to enrol it.</p>
<form method="post" action="${ENROL_PATH}">
<p><label for="name">Name of this device</label><input id="name" name="name" value="${entered.name || deviceName(userAgent) || commonName(certificate.subject)}" required maxlength="64" autocomplete="off" aria-describedby="name-hint"></p>
<p id="name-hint" class="hint">Such as “Pixel 9” or “Laptop”.</p>
<p><label for="code">Invitation code</label><input id="code" name="code" value="${entered.code}" required maxlength="64" autocomplete="off" autocapitalize="characters" spellcheck="false" aria-describedby="code-hint"></p>
<p id="code-hint" class="hint">The link fills it in: it is what comes after the #.</p>
<p><button>Go on</button></p>
<p class="hint">The next page says whose device this will be. Nothing is enrolled before you agree.</p>
</form>`,
  );
}
