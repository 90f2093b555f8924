// One device: everything about it, and what can be changed.

import { deviceOf, deviceParam, must, registryOfUser, userParam } from "../../api/handler.ts";
import { representDevice } from "../../api/represent.ts";
import type { Credential, Device } from "../../contract/answers.ts";
import { ApiError } from "../../contract/api-error.ts";
import { devicePath, PATHS } from "../../contract/paths.ts";
import { PROBLEMS } from "../../contract/problems.ts";
import { EditDeviceRequest } from "../../contract/requests.ts";
import { signedInUntil } from "../../domain/browser.ts";
import { CREDENTIAL_WORDS, isIssued } from "../../domain/credential-key.ts";
import { field, parseFields } from "../html/forms.ts";
import { type Html, html, seeOther, show } from "../html/html.ts";
import { layout } from "../html/layout.ts";
import type { PageContext } from "../html/page-context.ts";
import { at, onDate } from "../html/times.ts";
import { capital, grouped, possessive } from "../html/words.ts";
import {
  actLinks,
  actsOf,
  BACK_TO_DEVICES,
  deviceLines,
  limitList,
  may,
  newsOf,
  statusBadge,
} from "./device-view.ts";

export async function device(context: PageContext): Promise<Html> {
  const found = await deviceOf(context, context);
  const message = context.url.searchParams.has("saved")
    ? html`<p class="message" role="status">Saved.</p>`
    : undefined;
  return devicePage(representDevice(found, context.by), context, message);
}

/** Changes name and note, or shows the page again with what was typed and what is wrong. */
export async function editDevice(context: PageContext): Promise<Response> {
  const { by, form } = context;
  const [user, id] = [userParam(context), deviceParam(context)];
  const typed = { name: field(form, "name"), note: field(form, "note") };
  try {
    const fields = { ...typed, note: typed.note === "" ? null : typed.note };
    const { name, note } = parseFields(fields, EditDeviceRequest);
    const { ask } = await registryOfUser(context, context);
    must(await ask((user) => user.edit(by, id, { name, note })));
  } catch (error) {
    const isTyped = error instanceof ApiError && ["name-taken", "invalid-fields"].includes(error.code);
    if (!isTyped) throw error;
    const found = representDevice(await deviceOf(context, context), by);
    const wrong = error.code === "name-taken" ? `Another device is named ${typed.name}` : error.message;
    const message = html`<p class="message" role="alert">${capital(wrong)}. Nothing was changed.</p>`;
    return show(devicePage(found, context, message, typed), PROBLEMS[error.code].status);
  }
  return seeOther(`${devicePath({ user, id })}?saved`);
}

/** `message`: the outcome of the last act here; `typed`: what was typed and not accepted. */
function devicePage(
  found: Device,
  context: PageContext,
  message = newsOf(found, context),
  typed = { name: found.name, note: found.note ?? "" },
): Html {
  const { now, timeZone, principal } = context;
  const isMine = may(context, "devices", found);
  const { comparisonCode } = found;
  return layout(
    { title: found.name, principal, current: PATHS.devices, below: true },
    html`${BACK_TO_DEVICES}
${message}
<p>${statusBadge(found, context)} one of <a href="${PATHS.devices}/${encodeURIComponent(found.user)}">${possessive(found.user)} devices</a></p>
${comparisonCode === null ? "" : html`<p>The device should show this code: <strong class="code">${grouped(comparisonCode)}</strong></p>`}
${deviceLines(found, context)}
${actLinks(found, actsOf(found, context))}
<dl>
<dt>Enrolled</dt><dd>${at(found.enrolledAt, now, timeZone)}</dd>
<dt>${capital(found.status)} since</dt><dd>${at(found.statusSince, now, timeZone)}</dd>
${found.statusReason === null || found.statusReason === "" ? "" : html`<dt>Reason</dt><dd class="note">${found.statusReason}</dd>`}
${found.lastSeen?.ip == null ? "" : html`<dt>Last address</dt><dd>${found.lastSeen.ip}</dd>`}
${isMine || found.note === null ? "" : html`<dt>Note</dt><dd class="note">${found.note}</dd>`}
</dl>
<p><a href="${PATHS.activity}?log=user:${encodeURIComponent(found.user)}&search=${encodeURIComponent(found.id)}">History of this device</a></p>
<h2>Limits</h2>
${limitList(found, context)}
${principal.scope === "root" ? html`<p><a class="button" href="${devicePath(found, "limits")}">Change limits</a></p>` : ""}
${isMine ? editForm(found, typed) : ""}
<h2>${capital(CREDENTIAL_WORDS[found.kind])}${found.credentials.length === 1 ? "" : "s"}</h2>
${found.credentials.map((credential) => (found.kind === "browser" ? signInView(credential, found, context) : credentialView(credential, found, context)))}
${mayHaveNextToken(found, principal) ? html`<p><a class="button" href="${devicePath(found, "token")}">Give it a new ${CREDENTIAL_WORDS[found.kind]}</a></p>` : ""}`,
  );
}

function mayHaveNextToken({ kind, status }: Device, { scope }: PageContext["principal"]): boolean {
  return scope === "root" && isIssued(kind) && (status === "active" || status === "suspended");
}

function editForm(found: Device, typed: { name: string; note: string }): Html {
  return html`<h2>Name and note</h2>
<form method="post" action="${devicePath(found)}">
<p><label for="name">Name</label><input id="name" name="name" value="${typed.name}" required maxlength="64" autocomplete="off"></p>
<p><label for="note">Note</label><textarea id="note" name="note" rows="3" maxlength="500">${typed.note}</textarea></p>
<p><button>Save</button></p>
</form>`;
}

/** Everything about one of a device's credentials, and which one replaces another. */
function credentialView(credential: Credential, device: Device, context: PageContext): Html {
  const { now, timeZone } = context;
  const { fingerprint, subject, issuer, serial, notBefore, notAfter, addedAt } = credential;
  const day = (iso: string) => onDate(iso, now, timeZone);
  return html`<section class="card"><h3>${heading(credential, device)}</h3>
${renewal(credential, device, context)}
<dl>
<dt>Expires</dt><dd>${notAfter === null ? "Not known yet" : day(notAfter)}</dd>
<dt>Valid from</dt><dd>${notBefore === null ? "Not known yet" : day(notBefore)}</dd>
${
  device.kind !== "certificate"
    ? ""
    : html`<dt>Subject</dt><dd>${subject ?? "Not known yet"}</dd>
<dt>Issuer</dt><dd>${issuer ?? "Not known yet"}</dd>
<dt>Serial number</dt><dd>${serial === null ? "Not known yet" : html`<code class="long">${serial}</code>`}</dd>
`
}<dt>Fingerprint</dt><dd><code class="long">${fingerprint}</code></dd>
<dt>Added</dt><dd>${at(addedAt, now, timeZone)}</dd>
</dl></section>`;
}

/** A browser's sign-in, which nobody renews or replaces. */
function signInView({ fingerprint, addedAt }: Credential, device: Device, context: PageContext): Html {
  const { now, timeZone } = context;
  const { until } = signedInUntil(device);
  return html`<section class="card"><h3>${fingerprint.slice(0, 8)}</h3>
<dl>
<dt>First signed in</dt><dd>${at(addedAt, now, timeZone)}</dd>
${until === null || device.status === "revoked" ? "" : html`<dt>${Date.parse(until) <= now ? "Signed out" : "Signed in until"}</dt><dd>${at(until, now, timeZone)}</dd>`}
<dt>Fingerprint</dt><dd><code class="long">${fingerprint}</code></dd>
</dl></section>`;
}

function heading({ fingerprint, retiredAt, replaces }: Credential, { credentials }: Device): string {
  const name = fingerprint.slice(0, 8);
  if (retiredAt !== null) return `${name}, retired`;
  if (replaces !== null) return `${name}, new`;
  return credentials.some((other) => other.replaces === fingerprint) ? `${name}, old` : name;
}

/** When a credential is retired: once another one is first seen, or on a certain day. */
function renewal(
  { fingerprint, retiredAt, retireBy, replaces }: Credential,
  { credentials }: Device,
  { now, timeZone }: PageContext,
): Html {
  if (retiredAt !== null) return html`<p>Refused since ${at(retiredAt, now, timeZone)}.</p>`;
  if (replaces !== null) return html`<p>Replaces ${replaces.slice(0, 8)} as soon as it is first seen.</p>`;
  const successor = credentials.find((other) => other.replaces === fingerprint);
  const ends = [
    ...(successor === undefined ? [] : [html`when ${successor.fingerprint.slice(0, 8)} is first seen`]),
    ...(retireBy === null ? [] : [html`on ${onDate(retireBy, now, timeZone)}`]),
  ];
  if (ends.length === 0) return html``;
  return html`<p>Retires ${ends.map((end, index) => html`${index === 0 ? "" : ", or "}${end}`)}.</p>`;
}
