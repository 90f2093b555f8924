// What reporting a device lost makes it delete, and whether it was told to.
import type { Device } from "../../contract/answers.ts";
import { canWipe } from "../../domain/request/app.ts";
import { type Html, html } from "../html/html.ts";
import type { PageContext } from "../html/page-context.ts";
import { ago } from "../html/times.ts";

/** For whoever reports a browser lost: Latchkey can end only its own sign-ins. */
export const ALSO_AT_PROVIDER = "End its session at your identity provider, too.";

/** What a lost device is told to delete when it next connects; `undefined`: nothing, see `nothingDeleted`. */
export function deletedBy(
  { kind }: Device,
  { apps }: PageContext,
): "its vault" | "what it stores" | undefined {
  if (kind === "browser") return "what it stores";
  return kind === "certificate" && canWipe(apps) ? "its vault" : undefined;
}

/** Why reporting it lost deletes nothing on it. */
export function nothingDeleted({ kind }: Device): Html {
  return kind === "certificate"
    ? html`No app here has the profile <code>bitwarden</code>: nothing will be deleted on it.`
    : html`It has no certificate to prove itself with: nothing will be deleted on it.`;
}

/** Of a lost device: whether it was told to delete something, in the words of `latchkey show`. */
export function wipeLine(device: Device, context: PageContext): Html {
  return device.kind === "browser"
    ? html`<p>${browserReceipt(device, context)}. ${ALSO_AT_PROVIDER}</p>`
    : html`<p>${vaultReceipt(device, context)}</p>`;
}

function browserReceipt({ wipe }: Device, { now, timeZone }: PageContext): Html {
  return wipe === null
    ? html`Not told to clear what it stores yet: not seen since it was reported lost`
    : html`Told to clear what it stores ${ago(wipe.firstAt, now, timeZone)}`;
}

function vaultReceipt(device: Device, context: PageContext): Html {
  const { wipe, lastSeen, statusSince } = device;
  const { now, timeZone } = context;
  if (wipe !== null) {
    const { firstAt, tokenRefresh } = wipe;
    return html`Told to delete its vault ${ago(firstAt, now, timeZone)}${tokenRefresh ? "" : ", but not yet on the token call, the only one that phones obey"}`;
  }
  if (deletedBy(device, context) === undefined) return nothingDeleted(device);
  const isSeen = lastSeen !== null && Date.parse(lastSeen.at) >= Date.parse(statusSince);
  return isSeen
    ? html`Wipe not delivered yet: seen since it was reported lost, but not on an app with the profile <code>bitwarden</code>`
    : html`Wipe not delivered yet: not seen since it was reported lost`;
}
