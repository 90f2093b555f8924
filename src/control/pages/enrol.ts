import { isWithinDates, type VerifiedCertificate } from "../../certificate.ts";
import { deviceNameProblem } from "../../registry/device.ts";
import type { Fingerprint } from "../../registry/fingerprint.ts";
import type { Invitations } from "../../registry/invitations.ts";
import { type DeviceRecord, factsOf, type RegistryError } from "../../registry/records.ts";
import { ENROL_PATH } from "../contract.ts";
import type { InvitationCodes } from "../invitation-codes.ts";
import { ShortMemory } from "../short-memory.ts";
import { CERTIFICATE_HELP } from "./certificate-help.ts";
import type { PageRequest } from "./context.ts";
import { capital, grouped } from "./device-view.ts";
import { nameIn } from "./fields.ts";
import { field } from "./forms.ts";
import { type Html, html } from "./html.ts";
import { layout } from "./layout.ts";
import { seeOther, show } from "./respond.ts";

/** A device that looks again within this time, in milliseconds, costs no question to the registry. */
const MEMORY_MS = 2_000;
const MEMORY_ENTRIES = 100;

/** How often a waiting device looks again, in seconds. */
const LOOK_AGAIN_SECONDS = 10;

/** The page that an invitation's link opens on the device. One lives as long as its isolate. */
export class Enrolment {
  readonly #invitations: Invitations;
  readonly #codes: InvitationCodes;
  readonly #known = new ShortMemory<Fingerprint, DeviceRecord | null>(MEMORY_MS, MEMORY_ENTRIES);

  constructor(invitations: Invitations, codes: InvitationCodes) {
    this.#invitations = invitations;
    this.#codes = codes;
  }

  /** Says what it sees of this device, and asks for the code when it can be enrolled. */
  async look({ certificate, by, hostname }: PageRequest): Promise<Response> {
    if (certificate.kind === "absent") return show(withoutCertificate(hostname));
    if (certificate.kind !== "verified" || !isWithinDates(certificate, by.at)) {
      return show(notVerified(certificate.kind === "verified" ? "expired" : certificate.kind));
    }
    const device = await this.#deviceOf(certificate.fingerprint, by.at);
    return show(device === null ? ready(certificate) : known(device));
  }

  /**
   * Enrols this device with the code that was sent. A code that is wrong, used, over or of another app
   * gets one and the same answer.
   */
  async redeem(asked: PageRequest, form: URLSearchParams): Promise<Response> {
    const { certificate, by, hostname } = asked;
    if (certificate.kind !== "verified" || !isWithinDates(certificate, by.at)) return this.look(asked);
    const { fingerprint } = certificate;
    const entered = { code: field(form, "code"), name: field(form, "name") };
    const again = (message: string, status: number) => show(ready(certificate, entered, message), status);

    const problem = deviceNameProblem(entered.name);
    if (problem !== undefined) return again(`${capital(problem)}. The code is still good.`, 422);
    const facts = factsOf(certificate);
    const enrolment = { name: entered.name, note: null, fingerprint, facts, status: "active" as const };
    const redeemer = { ...by, actor: "invitation" };
    const enrolled = await this.#codes.redeem(redeemer, entered.code, hostname, enrolment);
    this.#known.delete(fingerprint);
    if (enrolled.ok) {
      if (enrolled.value.created) return seeOther(ENROL_PATH);
      return show(known(enrolled.value.device, true));
    }
    return again(sentence(enrolled.error), 422);
  }

  async #deviceOf(fingerprint: Fingerprint, now: number): Promise<DeviceRecord | null> {
    const remembered = this.#known.get(fingerprint, now);
    if (remembered !== undefined) return remembered;
    const device = await this.#invitations.deviceOf(fingerprint);
    this.#known.set(fingerprint, device, now);
    return device;
  }
}

const INVALID =
  "This code cannot be used. It may be mistyped, used already, or its time may be over: ask for a new invitation.";

/** What keeps a right code from being used, as a sentence. */
function sentence(error: RegistryError): string {
  switch (error.code) {
    case "name-taken":
      return `Another of your devices is named ${error.name}: choose another name. The code is still good.`;
    case "fingerprint-taken":
      return "This device's certificate is enrolled already. If it does not work, ask whoever runs this.";
    case "fingerprint-revoked":
      return "This device was revoked. Ask whoever runs this to forget it first; the code is still good.";
    default:
      return INVALID;
  }
}

function withoutCertificate(hostname: string): Html {
  return layout(
    { title: "No certificate yet" },
    html`<p>This browser showed no client certificate to ${hostname}. Install the certificate that you were given, close the browser completely, then open the link of your invitation again.</p>
${CERTIFICATE_HELP}`,
  );
}

const NOT_VERIFIED: Record<"unverified" | "revoked" | "malformed" | "expired", string> = {
  unverified:
    "Cloudflare could not verify the certificate of this device: it is of another authority or incomplete, or its time is over.",
  revoked: "The certificate of this device was revoked.",
  malformed: "The certificate of this device could not be read.",
  expired: "The certificate of this device is not valid now: its time is over or has not begun.",
};

function notVerified(why: keyof typeof NOT_VERIFIED): Html {
  return layout(
    { title: "This certificate does not work" },
    html`<p>${NOT_VERIFIED[why]} Ask for a new one, install it, close the browser completely, and open the link of your invitation again.</p>
${CERTIFICATE_HELP}`,
  );
}

/** For a device that is enrolled. Whose and how it is named is told to who had a code of the same user. */
function known({ status, name, user, comparisonCode }: DeviceRecord, hadCode = false): Html {
  const who = hadCode ? html`It is ${name} of ${user}.` : "";
  switch (status) {
    case "active":
      return layout(
        { title: "This device is enrolled" },
        html`<p>It is let in. ${who} There is nothing more to do.</p><p><a class="button" href="/">Open the app</a></p>`,
      );
    case "pending":
      return layout(
        { title: "Almost there", scripted: true },
        html`<p>This device waits for approval. ${who} Read this code to whoever invited you; they see the same one:</p>
<p><strong class="code" data-look-again="${String(LOOK_AGAIN_SECONDS)}">${comparisonCode === null ? "" : grouped(comparisonCode)}</strong></p>
<p><a href="${ENROL_PATH}">Look again</a></p>`,
      );
    default:
      return layout(
        { title: "This device is not let in" },
        html`<p>It is enrolled, and shut out at the moment. ${who} Ask whoever runs this.</p>`,
      );
  }
}

function ready(certificate: VerifiedCertificate, entered = { code: "", name: "" }, message?: string): Html {
  return layout(
    { title: "Enrol this device", scripted: true },
    html`${message === undefined ? "" : html`<p class="message" role="alert">${message}</p>`}
<p>This device showed a certificate that Cloudflare verified${certificate.subject === null ? "" : html`: <span class="long">${certificate.subject}</span>`}. Give it a name to enrol it.</p>
<form method="post" action="${ENROL_PATH}">
<p><label for="name">Name of this device</label><input id="name" name="name" value="${entered.name || nameIn(certificate.subject)}" required maxlength="64" autocomplete="off" aria-describedby="name-hint"></p>
<p id="name-hint" class="hint">Such as “Pixel 9” or “Laptop”.</p>
<p><label for="code">Code of your invitation</label><input id="code" name="code" value="${entered.code}" required maxlength="64" autocomplete="off" autocapitalize="characters" spellcheck="false" aria-describedby="code-hint"></p>
<p id="code-hint" class="hint">The link fills it in: it is what comes after the #.</p>
<p><button>Enrol this device</button></p>
</form>`,
  );
}
