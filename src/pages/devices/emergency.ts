// What an emergency card opens: its user's devices, and how to shut them out. It opens no other page.
import type { Device } from "../../contract/answers.ts";
import { PATHS } from "../../contract/paths.ts";
import type { UserRecord } from "../../domain/records.ts";
import { canWipe } from "../../domain/request/app.ts";
import { type Html, html } from "../html/html.ts";
import { layout } from "../html/layout.ts";
import { devicesOf, type PageContext } from "../html/page-context.ts";
import { capital, possessive } from "../html/words.ts";
import { actLinks, actsOf, deviceLines, newsOf, statusBadge } from "./device-view.ts";

/** Whether somebody signed in with an emergency card. */
export function hasCard({ principal }: PageContext): boolean {
  return principal.scope === "emergency";
}

/** The devices of the card's user; `undefined`: that user is being deleted. */
export async function emergency(context: PageContext, user: UserRecord | undefined): Promise<Html> {
  const { principal, url } = context;
  const after = Number(url.searchParams.get("after") ?? 0);
  const { devices, next } =
    user === undefined
      ? { devices: [], next: null }
      : await devicesOf(context, user, Number.isSafeInteger(after) ? after : 0);
  const owner = user?.name ?? user?.id;
  return layout(
    { title: owner === undefined ? "Devices" : `${capital(possessive(owner))} devices`, principal },
    html`<p>Which one is gone, or no longer safe? The next page says what will happen, and asks you to confirm. This browser is signed out after an hour at the latest.</p>
${explanation(context)}
${devices.length === 0 ? html`<p>There are no devices.</p>` : html`<ul class="cards">${devices.map((each) => card(each, context))}</ul>`}
${next === null ? "" : html`<p><a href="${PATHS.devices}?after=${next}">More devices</a></p>`}`,
  );
}

function explanation({ apps, door }: PageContext): Html {
  return html`<dl>
<dt>Suspend</dt><dd>Blocks the device for now. Nothing on it is deleted.</dd>
<dt>Lost</dt><dd>Blocks the device${canWipe(apps) ? ", and Bitwarden on it deletes its vault when it next connects with its certificate" : door === null ? ". No app here has anything deleted on it" : ""}.${door === null ? "" : " A browser that is signed in is told to delete what it stores of the apps."}</dd>
<dt>Revoke</dt><dd>Blocks the device for good. This can’t be undone.</dd>
</dl>
<p class="hint">This card can’t let a device back in. The person who runs this gate can, unless the device was revoked.</p>`;
}

function card(device: Device, context: PageContext): Html {
  return html`<li class="card"><h2>${device.name} ${statusBadge(device, context)}</h2>
${device.status === "active" ? "" : newsOf(device, context)}
${deviceLines(device, context)}
${actLinks(device, actsOf(device, context))}</li>`;
}
