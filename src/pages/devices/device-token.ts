// Devices without a certificate: adding one, and giving one its next token or feed URL.
import * as v from "valibot";
import { makeDeviceToken, makeNextToken } from "../../api/device-token.ts";
import { deviceOf } from "../../api/handler.ts";
import { registryProblem } from "../../api/problem.ts";
import { representDevice } from "../../api/represent.ts";
import type { Device } from "../../contract/answers.ts";
import { DEVICE_TOKEN_SECONDS } from "../../contract/limits.ts";
import { devicePath, PATHS } from "../../contract/paths.ts";
import { CreateDeviceTokenRequest, RotateDeviceTokenRequest, UserIdSchema } from "../../contract/requests.ts";
import {
  CREDENTIAL_WORDS,
  type DeviceKind,
  ISSUED_KINDS,
  type IssuedKind,
  isIssued,
} from "../../domain/credential-key.ts";
import { secretView } from "../html/device-secret.ts";
import { field, mistakeOf, parseFields, secondsSelect, userSelect } from "../html/forms.ts";
import { type Html, html, show } from "../html/html.ts";
import { layout } from "../html/layout.ts";
import {
  choiceOf,
  limitFields,
  limitsOf,
  noLimits,
  pathsField,
  pathsOf,
  readTypedLimits,
} from "../html/limits-form.ts";
import { type PageContext, visibleUsers } from "../html/page-context.ts";
import { SECRETS } from "../html/words.ts";

const DAY_SECONDS = 86_400;
const LIVES = [
  [30 * DAY_SECONDS, "30 days"],
  [90 * DAY_SECONDS, "90 days"],
  [DEVICE_TOKEN_SECONDS.default, "1 year"],
  [2 * DEVICE_TOKEN_SECONDS.default, "2 years"],
] as const;

/** When the old secret ends, in seconds from now. */
const OVERLAPS = [
  ["", "When the new one is first used"],
  [DAY_SECONDS, "Then, or after 24 hours at the latest"],
  [7 * DAY_SECONDS, "Then, or after 7 days at the latest"],
  [1, "Right away, because somebody else may know it"],
] as const;

/** The form for a new device; its address may name the kind and the user. */
export async function newDevice(context: PageContext): Promise<Html> {
  const { searchParams } = context.url;
  const kind = secretKind(searchParams.get("kind"));
  return newDevicePage(context, kind, new URLSearchParams({ user: searchParams.get("user") ?? "" }));
}

/** Makes the device and shows its secret once; or the form again, with what was typed and what is wrong. */
export async function addDevice(context: PageContext): Promise<Response> {
  const { form, by } = context;
  const kind = secretKind(field(form, "kind"));
  try {
    const { user } = parseFields({ user: field(form, "user") }, v.object({ user: UserIdSchema }));
    const { apps, countries, expiresAt } = limitsOf({ ...readTypedLimits(form), everyApp: undefined });
    const wanted = parseFields(
      {
        ...{ kind, name: field(form, "name"), apps, countries, expiresAt },
        validSeconds: Number(field(form, "valid")),
        ...(kind === "feed" ? { paths: pathsOf(field(form, "paths")) } : {}),
      },
      CreateDeviceTokenRequest,
    );
    const { device, token } = await makeDeviceToken(context, user, wanted);
    return show(secretPage(context, representDevice(device, by), token));
  } catch (error) {
    const { message, status } = mistakeOf(error, ["invalid-fields", "name-taken"]);
    return show(await newDevicePage(context, kind, form, message), status);
  }
}

/** Asks how to replace the device's secret. */
export async function nextTokenForm(context: PageContext): Promise<Html> {
  return nextTokenPage(context, await secretDevice(context));
}

/** Replaces it, and shows the new one once. */
export async function nextToken(context: PageContext): Promise<Response> {
  const { form, by } = context;
  const found = await secretDevice(context);
  const overlap = field(form, "overlap");
  try {
    const wanted = parseFields(
      {
        validSeconds: Number(field(form, "valid")),
        ...(overlap === "" ? {} : { retireBy: Number(overlap) }),
      },
      RotateDeviceTokenRequest,
    );
    const { device, token } = await makeNextToken(context, await deviceOf(context, context), wanted);
    return show(secretPage(context, representDevice(device, by), token));
  } catch (error) {
    const codes = ["invalid-fields", "too-many-credentials", "forbidden-transition"] as const;
    const { message, status } = mistakeOf(error, codes);
    return show(nextTokenPage(context, found, message), status);
  }
}

/** The device in the path. Throws `wrong-kind` if it shows nothing that people could give to it. */
async function secretDevice(context: PageContext): Promise<Device> {
  const found = representDevice(await deviceOf(context, context), context.by);
  if (!isIssued(found.kind)) throw registryProblem({ code: "wrong-kind", kind: found.kind });
  return found;
}

/** The kind that an address or a form names; by default, the first one. */
function secretKind(text: string | null): IssuedKind {
  return ISSUED_KINDS.find((kind) => kind === text) ?? ISSUED_KINDS[0];
}

/** `typed`: what was typed but not accepted. */
async function newDevicePage(
  context: PageContext,
  kind: IssuedKind,
  typed: URLSearchParams,
  message?: Html,
): Promise<Html> {
  const { principal, timeZone } = context;
  const { users } = await visibleUsers(context);
  const isAgain = message !== undefined;
  const limits = isAgain ? readTypedLimits(typed) : noLimits(timeZone);
  return layout(
    { title: "Add a device without a certificate", principal, current: PATHS.devices, below: true },
    html`${message}
${kindLinks(kind, field(typed, "user"))}
<p>${SECRETS[kind].hint}</p>
${
  users.length === 0
    ? html`<p>There is nobody yet. <a href="${PATHS.invite}">Add a user</a> first.</p>`
    : html`<form method="post" action="${PATHS.addDevice}">
<input type="hidden" name="kind" value="${kind}">
<p><label for="user">Owner</label>${userSelect("user", users, field(typed, "user"))}</p>
<p><label for="name">Device name</label><input id="name" name="name" value="${field(typed, "name")}" required maxlength="64" autocomplete="off"></p>
${limitFields({ ...limits, everyApp: undefined }, choiceOf(context.apps, kind))}
${kind === "feed" ? pathsField(field(typed, "paths")) : ""}
${validField(kind, isAgain ? field(typed, "valid") : undefined)}
<p><button>Make the ${CREDENTIAL_WORDS[kind]}</button></p>
</form>`
}`,
  );
}

function kindLinks(kind: IssuedKind, user: string): Html {
  const link = (each: IssuedKind) => {
    const query = new URLSearchParams({ kind: each, ...(user === "" ? {} : { user }) });
    return html`<li><a class="button" href="${PATHS.addDevice}?${query}"${each === kind ? html` aria-current="page"` : ""}>${SECRETS[each].label}</a></li>`;
  };
  return html`<ul class="acts">${ISSUED_KINDS.map(link)}</ul>`;
}

function validField(kind: DeviceKind, chosen = String(DEVICE_TOKEN_SECONDS.default)): Html {
  return html`<p><label for="valid">The ${CREDENTIAL_WORDS[kind]} is valid for</label>${secondsSelect("valid", LIVES, chosen)}</p>`;
}

function nextTokenPage({ principal, form }: PageContext, found: Device, message?: Html): Html {
  const word = CREDENTIAL_WORDS[found.kind];
  return layout(
    { title: `Give ${found.name} a new ${word}?`, principal, current: PATHS.devices, below: true },
    html`<p class="back"><a href="${devicePath(found)}">← ${found.name}</a></p>
${message}
<p>The next page shows the new ${word}, only once. The old one works until the device uses the new one, or until the time you choose.</p>
<form method="post" action="${devicePath(found, "token")}">
<p><label for="overlap">The old ${word} ends</label>${secondsSelect("overlap", OVERLAPS, field(form, "overlap"))}</p>
${validField(found.kind, message === undefined ? undefined : field(form, "valid"))}
<p class="acts"><button>Make a new ${word}</button> <a href="${devicePath(found)}">Cancel</a></p>
</form>`,
  );
}

/** The secret, which is stored nowhere. */
function secretPage(
  { principal, apps, url, now, timeZone }: PageContext,
  device: Device,
  token: string,
): Html {
  const word = CREDENTIAL_WORDS[device.kind];
  return layout(
    {
      ...{ title: `The ${word} of ${device.name}`, principal, current: PATHS.devices, below: true },
      scripted: true,
    },
    html`<p class="message" role="status">This is shown only once: give it to the device now.</p>
${secretView(device, token, { url, apps, now, timeZone })}
<p class="back"><a href="${devicePath(device)}">← ${device.name}</a></p>`,
  );
}
