import { deviceParam, must, userParam } from "../api/handler.ts";
import { registryProblem } from "../api/problem.ts";
import { representDevice } from "../api/represent.ts";
import type { Device } from "../contract/answers.ts";
import { ApiError } from "../contract/api-error.ts";
import { devicePath, PATHS } from "../contract/paths.ts";
import { permits } from "../contract/permissions.ts";
import { PROBLEMS } from "../contract/problems.ts";
import { EditDeviceRequest } from "../contract/requests.ts";
import type { UserRecord } from "../domain/records.ts";
import { EXPIRES_SOON_MS } from "../domain/relative-time.ts";
import { devicesOf, visibleUsers } from "./all.ts";
import { certificateView } from "./certificate-view.ts";
import type { PageContext, PageHandler } from "./context.ts";
import {
  actLinks,
  actsOf,
  capital,
  deviceLines,
  grouped,
  newsOf,
  possessive,
  statusBadge,
} from "./device-view.ts";
import { field, parseFields } from "./html/forms.ts";
import { type Html, html } from "./html/html.ts";
import { layout } from "./html/layout.ts";
import { seeOther, show } from "./html/respond.ts";
import { at } from "./html/times.ts";

/** Every device that somebody may see, user by user. */
export const devices: PageHandler = async (_, context) => {
  const { registry, principal } = context;
  const { users, isWhole } = await visibleUsers(registry, principal);
  const frame = { title: "Devices", principal, current: PATHS.devices };
  if (users.length === 0) return layout(frame, noUsers(context));
  if (!isWhole) return layout(frame, userLinks(users));
  const pages = await Promise.all(
    users.map(async (user) => ({ user, page: await devicesOf(context, user) })),
  );
  return layout(frame, [
    overview(
      pages.flatMap(({ page }) => page.devices),
      context,
    ),
    ...pages.map(({ user, page }) => section(context, user, page)),
  ]);
};

export const devicesOfUser: PageHandler = async (request, context) => {
  const { registry, principal, url } = context;
  const user = await registry.user(userParam(request));
  if (user === null) throw registryProblem({ code: "unknown-user" });
  const after = Number(url.searchParams.get("after") ?? 0);
  const page = await devicesOf(context, user, Number.isSafeInteger(after) ? after : 0);
  const title = possessive(user.name ?? user.id);
  return layout(
    { title: `${title} devices`, principal, current: PATHS.devices, below: true },
    html`${BACK}${section(context, user, page)}`,
  );
};

export const device: PageHandler = async (request, context) => {
  const found = must(await context.registry.device(userParam(request), deviceParam(request)));
  const message = context.url.searchParams.has("saved")
    ? html`<p class="message" role="status">Saved.</p>`
    : undefined;
  return devicePage(representDevice(found, context.by), context, message);
};

/** Changes name and note, or shows the page again with what was typed and what is wrong with it. */
export const editDevice: PageHandler = async (request, context) => {
  const { registry, by, form } = context;
  const [user, id] = [userParam(request), deviceParam(request)];
  const typed = { name: field(form, "name"), note: field(form, "note") };
  try {
    const fields = { ...typed, note: typed.note === "" ? null : typed.note };
    const { name, note } = parseFields(fields, EditDeviceRequest);
    must(await registry.edit(by, user, id, { name, note }));
  } catch (error) {
    const isTyped = error instanceof ApiError && ["name-taken", "invalid-fields"].includes(error.code);
    if (!isTyped) throw error;
    const found = representDevice(must(await registry.device(user, id)), by);
    const wrong = error.code === "name-taken" ? `Another device is named ${typed.name}` : error.message;
    const message = html`<p class="message" role="alert">${capital(wrong)}. Nothing was changed.</p>`;
    return show(devicePage(found, context, message, typed), PROBLEMS[error.code].status);
  }
  return seeOther(`${devicePath({ user, id })}?saved`);
};

function noUsers({ principal }: PageContext): Html {
  return principal.scope === "root"
    ? html`<p>There is nobody yet. <a href="${PATHS.invite}">Add a user, and invite them</a> to enrol a device.</p>`
    : html`<p>There is nobody yet.</p>`;
}

/** What there is, and what needs a look, in one line. */
function overview(all: readonly Device[], { now, principal }: PageContext): Html {
  if (all.length === 0) return html``;
  const count = (status: Device["status"]) => all.filter((each) => each.status === status).length;
  const isSoon = ({ status, certificates }: Device) =>
    status === "active" &&
    certificates.some(
      ({ notAfter, retiredAt }) =>
        notAfter !== null && retiredAt === null && Date.parse(notAfter) - now < EXPIRES_SOON_MS,
    );
  const soon = all.filter(isSoon).length;
  const waiting = count("pending");
  const parts = [
    html`${all.length} ${all.length === 1 ? "device" : "devices"}`,
    html`${count("active")} active`,
    ...(waiting === 0
      ? []
      : principal.user === null
        ? [html`<a href="${PATHS.waiting}">${waiting} waiting for approval</a>`]
        : [html`${waiting} waiting for approval`]),
    ...(soon === 0 ? [] : [html`<span class="soon">${soon} with a certificate to renew</span>`]),
  ];
  return html`<p>${parts.map((part, index) => html`${index === 0 ? "" : ", "}${part}`)}</p>`;
}

const BACK: Html = html`<p class="back"><a href="${PATHS.devices}">← All devices</a></p>`;

function userLinks(users: readonly UserRecord[]): Html {
  return html`<ul>${users.map(
    ({ id, name }) => html`<li><a href="${PATHS.devices}/${encodeURIComponent(id)}">${name ?? id}</a></li>`,
  )}</ul>`;
}

function section(
  context: PageContext,
  user: UserRecord,
  page: { devices: Device[]; next: string | null },
): Html {
  const heading = `user-${user.id}`;
  const list = page.devices.map((each) => card(each, context));
  return html`<section aria-labelledby="${heading}">
<h2 id="${heading}">${user.name === null ? user.id : `${user.name} (${user.id})`}</h2>
${list.length === 0 ? noDevices(context, user) : html`<ul class="cards">${list}</ul>`}
${
  page.next === null
    ? ""
    : html`<p><a href="${PATHS.devices}/${encodeURIComponent(user.id)}?after=${page.next}">More devices</a></p>`
}
</section>`;
}

function noDevices({ principal }: PageContext, { id }: UserRecord): Html {
  return principal.scope === "root"
    ? html`<p>No devices yet. <a href="${PATHS.invite}?user=${encodeURIComponent(id)}">Invite ${id}</a> to enrol one.</p>`
    : html`<p>No devices yet.</p>`;
}

function card(each: Device, context: PageContext): Html {
  return html`<li class="card"><h3><a href="${devicePath(each)}">${each.name}</a> ${statusBadge(each)}</h3>
${deviceLines(each, context)}
${actLinks(each, mayChange(context, each) ? actsOf(each, context.principal.scope === "root") : [])}</li>`;
}

function mayChange({ principal }: PageContext, { user }: Device): boolean {
  return permits(principal, "devices", { user: user as typeof principal.user });
}

/** `message` is what came of the last thing that was done here; `typed`, what was typed and not taken. */
function devicePage(
  found: Device,
  context: PageContext,
  message = newsOf(found, context),
  typed = { name: found.name, note: found.note ?? "" },
): Html {
  const { now, timeZone, principal } = context;
  const isMine = mayChange(context, found);
  const { comparisonCode } = found;
  return layout(
    { title: found.name, principal, current: PATHS.devices, below: true },
    html`${BACK}
${message}
<p>${statusBadge(found)} one of <a href="${PATHS.devices}/${encodeURIComponent(found.user)}">${possessive(found.user)} devices</a></p>
${comparisonCode === null ? "" : html`<p>The device should show this code: <strong class="code">${grouped(comparisonCode)}</strong></p>`}
${deviceLines(found, context)}
${actLinks(found, isMine ? actsOf(found, principal.scope === "root") : [])}
<dl>
<dt>Enrolled</dt><dd>${at(found.enrolledAt, now, timeZone)}</dd>
<dt>${capital(found.status)} since</dt><dd>${at(found.statusSince, now, timeZone)}</dd>
${found.statusReason === null || found.statusReason === "" ? "" : html`<dt>Reason</dt><dd class="note">${found.statusReason}</dd>`}
${found.lastSeen?.ip == null ? "" : html`<dt>Last address</dt><dd>${found.lastSeen.ip}</dd>`}
${isMine || found.note === null ? "" : html`<dt>Note</dt><dd class="note">${found.note}</dd>`}
</dl>
<p><a href="${PATHS.activity}?log=user:${encodeURIComponent(found.user)}&search=${encodeURIComponent(found.id)}">History of this device</a></p>
${isMine ? editForm(found, typed) : ""}
<h2>${found.certificates.length === 1 ? "Certificate" : "Certificates"}</h2>
${found.certificates.map((certificate) => certificateView(certificate, found, context))}`,
  );
}

function editForm(found: Device, typed: { name: string; note: string }): Html {
  return html`<h2>Name and note</h2>
<form method="post" action="${devicePath(found)}">
<p><label for="name">Name</label><input id="name" name="name" value="${typed.name}" required maxlength="64" autocomplete="off"></p>
<p><label for="note">Note</label><textarea id="note" name="note" rows="3" maxlength="500">${typed.note}</textarea></p>
<p><button>Save</button></p>
</form>`;
}
