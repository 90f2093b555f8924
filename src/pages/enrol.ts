import type { InvitationCodes } from "../auth/invitation-codes.ts";
import { ENROL_PATH } from "../contract/paths.ts";
import { ShortMemory } from "../domain/bounded-map.ts";
import { isWithinDates, type VerifiedCertificate } from "../domain/certificate.ts";
import { deviceName } from "../domain/client-name.ts";
import { deviceNameProblem } from "../domain/device.ts";
import type { Fingerprint } from "../domain/fingerprint.ts";
import { factsOf } from "../domain/records.ts";
import type { UserId } from "../domain/user.ts";
import { RegistryUnavailable } from "../registry/client/call.ts";
import type { Invitations, Offer, RedeemError } from "../registry/client/invitations.ts";
import { certificateHelp } from "./certificate-help.ts";
import type { KnownAs, PageRequest, PageServices } from "./context.ts";
import { capital, grouped } from "./device-view.ts";
import { nameIn } from "./html/fields.ts";
import { field } from "./html/forms.ts";
import { type Html, html } from "./html/html.ts";
import { layout } from "./html/layout.ts";
import { seeOther, show } from "./html/respond.ts";

/** If a waiting device looks again within this time, in milliseconds, its code costs no question. */
const MEMORY_MS = 2_000;
const MEMORY_ENTRIES = 100;

type KnownDevice = Extract<KnownAs, { kind: "device" }>;

/** How often a waiting device looks again, in seconds. */
const LOOK_AGAIN_SECONDS = 10;

/** What a person types into the page's form. */
interface Entered {
  code: string;
  name: string;
}

/**
 * The page that an invitation's link opens on the device. Before the device is enrolled, it says whose it
 * will be, and from then on whose it is. One lives as long as its isolate.
 */
export class Enrolment {
  readonly #invitations: Invitations;
  readonly #codes: InvitationCodes;
  readonly #forget: PageServices["forget"];
  readonly #comparisonCodes = new ShortMemory<Fingerprint, string | null>(MEMORY_MS, MEMORY_ENTRIES);

  constructor({ invitations, codes, forget }: Pick<PageServices, "invitations" | "codes" | "forget">) {
    this.#invitations = invitations;
    this.#codes = codes;
    this.#forget = forget;
  }

  /** Says what is known of this device, and asks for the code when it can be enrolled. */
  async look(asked: PageRequest): Promise<Response> {
    const { certificate, by, hostname } = asked;
    const userAgent = userAgentOf(asked);
    if (certificate.kind === "absent") return show(withoutCertificate(hostname, userAgent));
    if (certificate.kind !== "verified" || !isWithinDates(certificate, by.at)) {
      return show(notVerified(certificate.kind === "verified" ? "expired" : certificate.kind, userAgent));
    }
    return show(await this.#page(asked, certificate, await asked.knownAs()));
  }

  /**
   * Takes the form in two steps: the first says whose device this will be and uses nothing up; the second,
   * once the person has agreed to that, enrols it. Codes that are wrong, used, expired or for another app all
   * get the same answer.
   */
  async submit(asked: PageRequest, form: URLSearchParams): Promise<Response> {
    const { certificate, by, hostname } = asked;
    if (certificate.kind !== "verified" || !isWithinDates(certificate, by.at)) return this.look(asked);
    const { fingerprint } = certificate;
    const entered = { code: field(form, "code"), name: field(form, "name") };
    const userAgent = userAgentOf(asked);
    const again = (message: string, status: number) =>
      show(ready(certificate, userAgent, entered, message), status);
    if (form.has("back")) return show(ready(certificate, userAgent, entered));

    const problem = deviceNameProblem(entered.name);
    if (problem !== undefined) return again(`${capital(problem)}. The code still works.`, 422);
    const facts = factsOf(certificate);
    const enrolment = { name: entered.name, note: null, fingerprint, facts, status: "active" as const };
    const presented = {
      ...{ code: entered.code, app: hostname, enrolment },
      by: { ...by, actor: "invitation" },
    };
    // Before anybody is asked about the certificate: a code that is made up, or has ended, costs the registry nothing.
    if (!(await this.#codes.mayBeGood(presented))) return again(INVALID, 422);
    const knownAs = await asked.knownAs();
    if (knownAs.kind !== "unknown") return show(await this.#page(asked, certificate, knownAs));
    const agreed = field(form, "user");
    if (agreed === "") {
      const offered = await this.#codes.offer(presented);
      return offered.ok ? show(agreement(offered.value, entered)) : again(sentence(offered.error), 422);
    }
    const enrolled = await this.#codes.redeem(presented, agreed);
    if (!enrolled.ok) return again(sentence(enrolled.error), 422);
    this.#forget(fingerprint);
    this.#comparisonCodes.delete(fingerprint);
    return seeOther(ENROL_PATH);
  }

  /** The page for a certificate that is verified and within its dates. Throws `RegistryUnavailable`. */
  async #page(asked: PageRequest, certificate: VerifiedCertificate, knownAs: KnownAs): Promise<Html> {
    switch (knownAs.kind) {
      case "device": {
        if (knownAs.status !== "pending") return known(knownAs);
        return waiting(
          knownAs,
          await this.#comparisonCode(knownAs.user, certificate.fingerprint, asked.by.at),
        );
      }
      case "unknown":
        return ready(certificate, userAgentOf(asked));
      case "unavailable":
        throw new RegistryUnavailable("the gate could not ask the registry");
    }
  }

  async #comparisonCode(user: UserId, fingerprint: Fingerprint, now: number): Promise<string | null> {
    const remembered = this.#comparisonCodes.get(fingerprint, now);
    if (remembered !== undefined) return remembered;
    const code = (await this.#invitations.deviceOf(user, fingerprint, now))?.comparisonCode ?? null;
    this.#comparisonCodes.set(fingerprint, code, now);
    return code;
  }
}

function userAgentOf({ request }: PageRequest): string | null {
  return request.headers.get("user-agent");
}

const INVALID =
  "This code can’t be used. It may be mistyped, already used or expired: ask for a new invitation.";

/** What keeps a right code from being used, as a sentence. */
function sentence(error: RedeemError): string {
  switch (error.code) {
    case "name-taken":
      return `Another of your devices is named ${error.name}: choose another name. The code still works.`;
    case "fingerprint-taken":
      return "This device's certificate is enrolled already. If it does not work, ask the person who runs this gate.";
    case "fingerprint-revoked":
      return "This device was revoked. Ask the person who runs this gate to forget it first; the code still works.";
    default:
      return INVALID;
  }
}

function withoutCertificate(hostname: string, userAgent: string | null): Html {
  return layout(
    { title: "No certificate yet" },
    html`<p>This browser showed no client certificate to ${hostname}. Install the certificate you were given, close the browser completely (on a phone, swipe it away), then open the link in your invitation again.</p>
${certificateHelp(userAgent)}`,
  );
}

const NOT_VERIFIED: Record<"unverified" | "revoked" | "malformed" | "expired", string> = {
  unverified:
    "Cloudflare could not verify this device’s certificate: it comes from another authority, is incomplete or has expired.",
  revoked: "This device’s certificate was revoked.",
  malformed: "This device’s certificate could not be read.",
  expired: "This device’s certificate is not valid now: it has expired, or its time has not begun.",
};

function notVerified(why: keyof typeof NOT_VERIFIED, userAgent: string | null): Html {
  return layout(
    { title: "This certificate does not work" },
    html`<p>${NOT_VERIFIED[why]} Ask for a new one, install it, close the browser completely (on a phone, swipe it away), and open the link in your invitation again.</p>
${certificateHelp(userAgent)}`,
  );
}

/**
 * Says to a device whose it is: its user must be able to see that somebody else's invitation was used on it.
 */
function whose({ name, user }: KnownDevice): Html {
  return html`This is <strong>${name}</strong>, one of <strong>${user}</strong>’s devices.`;
}

/** For a device that is enrolled and does not wait. */
function known(device: KnownDevice): Html {
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
function waiting(device: KnownDevice, comparisonCode: string | null): Html {
  return layout(
    { title: "Almost there", scripted: true },
    html`<p>${whose(device)} Waiting for approval. Read this code to the person who invited you:</p>
<p><strong class="code" data-look-again="${String(LOOK_AGAIN_SECONDS)}">${comparisonCode === null ? "" : grouped(comparisonCode)}</strong></p>
<p><a href="${ENROL_PATH}">Check again</a></p>`,
  );
}

/** Asks the person to agree to whose device this becomes. Nothing has been used up so far. */
function agreement({ user, name, approval }: Offer, entered: Entered): Html {
  return layout(
    { title: `Make this one of ${user}’s devices?` },
    html`<p>This invitation enrols this device, <strong>${entered.name}</strong>, for <strong>${user}</strong>${name === null ? "" : html` (<strong>${name}</strong>)`}.</p>
<p>From then on, ${user} can see when and from where it was last used, shut it out, and report it lost, which makes the Bitwarden app on it delete its vault. If it should not be ${user}’s, go back and ask for another invitation.</p>
${approval ? html`<p>The device is let in once the person who invited you has approved it.</p>` : ""}
<form method="post" action="${ENROL_PATH}">
<input type="hidden" name="code" value="${entered.code}">
<input type="hidden" name="name" value="${entered.name}">
<input type="hidden" name="user" value="${user}">
<p class="acts"><button>Make it one of ${user}’s devices</button> <button class="quiet" name="back" value="back">Back</button></p>
</form>`,
  );
}

function ready(
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
<p><label for="name">Name of this device</label><input id="name" name="name" value="${entered.name || deviceName(userAgent) || nameIn(certificate.subject)}" required maxlength="64" autocomplete="off" aria-describedby="name-hint"></p>
<p id="name-hint" class="hint">Such as “Pixel 9” or “Laptop”.</p>
<p><label for="code">Invitation code</label><input id="code" name="code" value="${entered.code}" required maxlength="64" autocomplete="off" autocapitalize="characters" spellcheck="false" aria-describedby="code-hint"></p>
<p id="code-hint" class="hint">The link fills it in: it is what comes after the #.</p>
<p><button>Go on</button></p>
<p class="hint">The next page says whose device this will be. Nothing is enrolled before that.</p>
</form>`,
  );
}
