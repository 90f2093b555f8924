import { isDeviceName } from "../../registry/device.ts";
import { type Device, StatusActRequest } from "../contract.ts";
import { deviceParam, must, userParam } from "../handlers/shared.ts";
import { ApiError } from "../problem.ts";
import { representDevice } from "../represent.ts";
import type { PageContext, PageHandler } from "./context.ts";
import { ACT_LABELS, actsOf, type DeviceAct, grouped } from "./device-view.ts";
import { field, parseFields } from "./forms.ts";
import { type Html, html } from "./html.ts";
import { layout } from "./layout.ts";
import { devicePath, PATHS } from "./paths.ts";
import { seeOther, show } from "./respond.ts";
import { duration } from "./times.ts";

/** The first tap: says what will happen, and asks. */
export const confirmAct: PageHandler = async (request, context) => {
  const found = await load(request, context);
  return confirmPage(found, actOf(request, found, context), context);
};

/** The second tap: does it. */
export const doAct: PageHandler = async (request, context) => {
  const found = await load(request, context);
  const act = actOf(request, found, context);
  const { registry, by, form } = context;
  const [user, id] = [userParam(request), found.id];
  if (act === "lost" && !isDeviceName(field(form, "confirm"), found.name)) {
    const message = `This is not the device's name. Type ${found.name} to go ahead.`;
    return show(confirmPage(found, act, context, message), 422);
  }
  if (act === "forget") {
    must(await registry.forget(by, user, id));
    return seeOther(PATHS.devices);
  }
  const typed = field(form, "reason");
  const { reason } = parseFields(typed === "" ? {} : { reason: typed }, StatusActRequest);
  must(await registry.changeStatus({ ...by, reason }, user, id, act));
  return seeOther(devicePath(found));
};

async function load(request: Parameters<PageHandler>[0], { registry }: PageContext): Promise<Device> {
  return representDevice(must(await registry.device(userParam(request), deviceParam(request))));
}

/** The act of the address, if it can be done now and by this person. */
function actOf(request: Parameters<PageHandler>[0], found: Device, { principal }: PageContext): DeviceAct {
  const { act = "" } = request.params as { act?: string };
  const isAct = Object.hasOwn(ACT_LABELS, act);
  if (!isAct) throw new ApiError("not-found", "There is no such page.");
  const possible = actsOf(found, principal.scope === "root").find((each) => each === act);
  if (possible !== undefined) return possible;
  throw new ApiError(
    "forbidden-transition",
    `${found.name} is ${found.status} now: this cannot be done with it, or not by you. Nothing was changed.`,
  );
}

function confirmPage(found: Device, act: DeviceAct, context: PageContext, message?: string): Html {
  const { revocationDelayMs, principal } = context;
  return layout(
    { title: `${ACT_LABELS[act]}: ${found.name}`, principal },
    html`${message === undefined ? "" : html`<p class="message" role="alert">${message}</p>`}
<p>${consequence(act, found, revocationDelayMs)}</p>
<form method="post" action="${devicePath(found, act)}">
${
  act === "lost"
    ? html`<p><label for="confirm">Type the device's name, ${found.name}</label><input id="confirm" name="confirm" required autocomplete="off" autocapitalize="none" spellcheck="false"></p>`
    : ""
}
${act === "forget" ? "" : html`<p><label for="reason">Reason (optional)</label><input id="reason" name="reason" maxlength="500" autocomplete="off"></p>`}
<p class="acts"><button class="${act}">${BUTTONS[act]} ${found.name}</button> <a href="${devicePath(found)}">Cancel</a></p>
</form>`,
  );
}

const BUTTONS: Record<DeviceAct, string> = {
  suspend: "Suspend",
  restore: "Let in again:",
  lost: "Report lost:",
  revoke: "Revoke",
  approve: "Approve",
  forget: "Forget",
};

function consequence(act: DeviceAct, found: Device, delayMs: number): Html {
  const { name, user, comparisonCode } = found;
  const when = delayMs === 0 ? "at once" : `within ${duration(delayMs)}`;
  switch (act) {
    case "revoke":
      return html`${name} of ${user} will be let in nowhere any more, ${when}. This is final: to come back, it must be forgotten and enrolled again. No other device notices.${
        found.status === "lost" && found.wipe === null
          ? html` <strong>It was not told to delete its vault yet, and never will be once it is revoked.</strong>`
          : ""
      }`;
    case "lost":
      return html`${name} of ${user} will be let in nowhere any more, ${when}. And when Bitwarden on it next calls, it is told to <strong>delete its vault</strong> from the phone. “Let in again” ends this if it is found; what was deleted by then comes back with a full sign-in. Do not revoke it before: a revoked phone is told nothing.`;
    case "suspend":
      return html`${name} of ${user} will be let in nowhere, ${when}, until you let it in again. Nothing on it is deleted.`;
    case "restore":
      return html`${name} of ${user} will be let in again.${found.status === "lost" ? " It is no longer told to delete its vault." : ""}`;
    case "approve":
      return html`${name} of ${user} will be let in.${
        comparisonCode === null
          ? ""
          : html` First look at its screen: it must show <strong class="code">${grouped(comparisonCode)}</strong>. Another code means another device: then revoke this one.`
      }`;
    case "forget":
      return html`The record of ${name} will be removed. Its certificate can then be enrolled again; the activity log keeps that it was here.`;
  }
}
