// A device's status and what else is done with it: in two taps, the first of which says what will happen.
import { deviceOf, must, userParam } from "../../api/handler.ts";
import { representDevice } from "../../api/represent.ts";
import type { Device } from "../../contract/answers.ts";
import { ApiError } from "../../contract/api-error.ts";
import { devicePath, PATHS } from "../../contract/paths.ts";
import { StatusActRequest } from "../../contract/requests.ts";
import { isDeviceName } from "../../domain/device.ts";
import { field, parseFields } from "../html/forms.ts";
import { type Html, html, seeOther, show } from "../html/html.ts";
import { layout } from "../html/layout.ts";
import type { PageContext } from "../html/page-context.ts";
import { duration } from "../html/times.ts";
import { capital, grouped, possessive } from "../html/words.ts";
import { ACT_LABELS, actsOf, type DeviceAct, may } from "./device-view.ts";
import { ALSO_AT_PROVIDER, deletedBy, nothingDeleted } from "./loss.ts";

/** The first tap: says what will happen, and asks. */
export async function confirmAct(context: PageContext): Promise<Html> {
  const found = await load(context);
  return confirmPage(found, actOf(found, context), context);
}

/** The second tap: does it. */
export async function doAct(context: PageContext): Promise<Response> {
  const found = await load(context);
  const act = actOf(found, context);
  const { registry, by, form, principal } = context;
  const [user, id] = [userParam(context), found.id];
  if (act === "lost" && !isDeviceName(field(form, "confirm"), found.name)) {
    const message = `This is not the device’s name. Type ${found.name} to go ahead.`;
    return show(confirmPage(found, act, context, message), 422);
  }
  if (act === "forget") {
    must(await registry.forget(by, user, id));
    return seeOther(PATHS.devices);
  }
  const typed = field(form, "reason");
  const { reason } = parseFields(typed === "" ? {} : { reason: typed }, StatusActRequest);
  must(await registry.changeStatus({ ...by, reason }, user, id, act, principal.session));
  return seeOther(backFrom(found, context).href);
}

async function load(context: PageContext): Promise<Device> {
  return representDevice(await deviceOf(context, context), context.by);
}

/** The act in the address, if it is possible now and this person may do it. */
function actOf(found: Device, context: PageContext): DeviceAct {
  const { act = "" } = context.params;
  const isAct = Object.hasOwn(ACT_LABELS, act);
  if (!isAct) throw new ApiError("not-found", "This page doesn’t exist.");
  const possible = actsOf(found, context).find((each) => each === act);
  if (possible !== undefined) return possible;
  throw new ApiError(
    "forbidden-transition",
    `${found.name} is ${found.status} now, so this isn’t possible, or you may not do it. Nothing was changed.`,
  );
}

/** The page that led here: the device's own, or all devices for those who do not see that one. */
function backFrom(found: Device, context: PageContext): { href: string; text: string } {
  return may(context, "read", found)
    ? { href: devicePath(found), text: found.name }
    : { href: PATHS.devices, text: "All devices" };
}

function confirmPage(found: Device, act: DeviceAct, context: PageContext, message?: string): Html {
  const { principal } = context;
  const back = backFrom(found, context);
  return layout(
    { title: question(act, found.name), principal, current: PATHS.devices, below: true },
    html`<p class="back"><a href="${back.href}">← ${back.text}</a></p>
${message === undefined ? "" : html`<p class="message" role="alert">${message}</p>`}
${consequence(act, found, context)}
<form method="post" action="${devicePath(found, act)}">
${
  act === "lost"
    ? html`<p><label for="confirm">Type the device’s name, ${found.name}</label><input id="confirm" name="confirm" required autocomplete="off" autocapitalize="none" spellcheck="false"></p>`
    : ""
}
${act === "forget" ? "" : html`<p><label for="reason">Reason (optional)</label><input id="reason" name="reason" maxlength="500" autocomplete="off"></p>`}
<p class="acts"><button class="${act}">${button(act, found.name)}</button> <a href="${back.href}">Cancel</a></p>
</form>`,
  );
}

function question(act: DeviceAct, name: string): string {
  switch (act) {
    case "lost":
      return `Report ${name} as lost?`;
    case "reinstate":
      return `Let ${name} back in?`;
    default:
      return `${ACT_LABELS[act].replace("…", "")} ${name}?`;
  }
}

function button(act: DeviceAct, name: string): string {
  switch (act) {
    case "lost":
      return `Report ${name} as lost`;
    case "reinstate":
      return `Let ${name} back in`;
    default:
      return `${ACT_LABELS[act].replace("…", "")} ${name}`;
  }
}

/** What will happen, and how to undo it. */
function consequence(act: DeviceAct, found: Device, context: PageContext): Html {
  const { revocationDelayMs } = context;
  const deleted = deletedBy(found, context);
  const isBrowser = found.kind === "browser";
  // An emergency card only takes away.
  const mayReinstate = may(context, "devices", found);
  const ifFound = mayReinstate
    ? "If you find it, let it back in."
    : "If you find it, the person who runs this gate can let it back in.";
  const { name, user, comparisonCode } = found;
  const whose = `${capital(possessive(user))} ${name}`;
  const when = revocationDelayMs === 0 ? "immediately" : `within ${duration(revocationDelayMs)}`;
  switch (act) {
    case "revoke":
      return html`<p>${whose} will be blocked everywhere ${when}. Other devices aren’t affected.</p>
<p>You can’t undo this. ${
        isBrowser
          ? "Its person can sign in on it again, as another device: to prevent that, suspend it instead."
          : "To use the device again, forget it and enrol it again."
      }</p>${
        found.status === "lost" && found.wipe === null && deleted !== undefined
          ? html`<p><strong>It has not been told to delete ${deleted} yet. Once it is revoked, it never will be.</strong></p>`
          : ""
      }`;
    case "lost":
      return html`<p>${whose} will be blocked everywhere ${when}. Other devices aren’t affected.</p>
${lossOf(found, deleted)}
<p>${ifFound}${deleted === undefined ? "" : " Anything already deleted comes back after signing in again."}</p>`;
    case "suspend":
      return html`<p>${whose} will be blocked everywhere ${when}, until ${mayReinstate ? "you let" : "the person who runs this gate lets"} it back in. Nothing on it is deleted.</p>`;
    case "reinstate":
      return html`<p>${whose} will be let in again.${found.status === "lost" && deleted !== undefined ? ` It will no longer be told to delete ${deleted}.` : ""}</p>`;
    case "approve":
      return html`<p>${whose} will be let in.</p>${
        comparisonCode === null
          ? ""
          : html`<p>Look at the device first. It should show this code: <strong class="code">${grouped(comparisonCode)}</strong></p><p>If it shows another code, it is another device: revoke this one.</p>`
      }`;
    case "forget":
      return html`<p>The record of ${name} will be removed.${found.kind === "certificate" ? " Its certificate can then be enrolled again." : ""} Its history stays in the activity log.</p>`;
  }
}

/** What reporting it lost does besides blocking it. */
function lossOf(found: Device, deleted: ReturnType<typeof deletedBy>): Html {
  switch (deleted) {
    case "its vault":
      return html`<p>When Bitwarden on it next connects, it will <strong>delete its vault</strong> from the device. Don’t revoke the device first: a revoked device never receives the wipe.</p>`;
    case "what it stores":
      return html`<p>When it next opens one of the apps, it is told to <strong>delete what it stores</strong> of that app: cookies, cached pages and data. Don’t revoke it first: a revoked browser is told nothing.</p>
<p>${ALSO_AT_PROVIDER} From now on, nobody can sign in as ${found.user} without proving there again who they are, and ${possessive(found.user)} other sessions on these pages end.</p>`;
    default:
      return html`<p>${nothingDeleted(found)}</p>`;
  }
}
