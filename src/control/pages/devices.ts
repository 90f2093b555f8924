import type { UserRecord } from "../../registry/records.ts";
import { type Device, EditDeviceRequest } from "../contract.ts";
import { deviceParam, must, userParam } from "../handlers/shared.ts";
import { permits } from "../permissions.ts";
import { registryProblem } from "../problem.ts";
import { representDevice } from "../represent.ts";
import { devicesOf, visibleUsers } from "./all.ts";
import type { PageContext, PageHandler } from "./context.ts";
import { actLinks, actsOf, capital, deviceLines, grouped, newsOf, statusBadge } from "./device-view.ts";
import { field, parseFields } from "./forms.ts";
import { type Html, html } from "./html.ts";
import { layout } from "./layout.ts";
import { devicePath, PATHS } from "./paths.ts";
import { seeOther } from "./respond.ts";
import { at } from "./times.ts";

/** Every device that somebody may see, user by user. */
export const devices: PageHandler = async (_, context) => {
  const { registry, principal } = context;
  const { users, isWhole } = await visibleUsers(registry, principal);
  const frame = { title: "Devices", principal, current: PATHS.devices };
  if (users.length === 0) return layout(frame, noUsers(context));
  if (!isWhole) return layout(frame, userLinks(users));
  const sections = await Promise.all(
    users.map(async (user) => section(context, user, await devicesOf(registry, user))),
  );
  return layout(frame, sections);
};

export const devicesOfUser: PageHandler = async (request, context) => {
  const { registry, principal, url } = context;
  const user = await registry.user(userParam(request));
  if (user === null) throw registryProblem({ code: "unknown-user" });
  const after = Number(url.searchParams.get("after") ?? 0);
  const page = await devicesOf(registry, user, Number.isSafeInteger(after) ? after : 0);
  return layout({ title: `Devices of ${user.name ?? user.id}`, principal }, section(context, user, page));
};

export const device: PageHandler = async (request, context) => {
  const found = must(await context.registry.device(userParam(request), deviceParam(request)));
  return devicePage(representDevice(found), context);
};

export const editDevice: PageHandler = async (request, { registry, by, form }) => {
  const note = field(form, "note");
  const fields = { name: field(form, "name"), note: note === "" ? null : note };
  const { name, note: checked } = parseFields(fields, EditDeviceRequest);
  const [user, id] = [userParam(request), deviceParam(request)];
  must(await registry.edit(by, user, id, { name, note: checked }));
  return seeOther(devicePath({ user, id }));
};

function noUsers({ principal }: PageContext): Html {
  return principal.scope === "root"
    ? html`<p>There is nobody yet. <a href="${PATHS.invite}">Add a user, and invite them</a> to enrol a device.</p>`
    : html`<p>There is nobody yet.</p>`;
}

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
${list.length === 0 ? html`<p>No devices yet.</p>` : html`<ul class="cards">${list}</ul>`}
${
  page.next === null
    ? ""
    : html`<p><a href="${PATHS.devices}/${encodeURIComponent(user.id)}?after=${page.next}">More devices</a></p>`
}
</section>`;
}

function card(each: Device, context: PageContext): Html {
  return html`<li class="card"><h3><a href="${devicePath(each)}">${each.name}</a> ${statusBadge(each)}</h3>
${deviceLines(each, context)}
${actLinks(each, mayChange(context, each) ? actsOf(each, context.principal.scope === "root") : [])}</li>`;
}

function mayChange({ principal }: PageContext, { user }: Device): boolean {
  return permits(principal, "devices", { user: user as typeof principal.user });
}

function devicePage(found: Device, context: PageContext): Html {
  const { now, timeZone, principal } = context;
  const isMine = mayChange(context, found);
  const { comparisonCode } = found;
  return layout(
    { title: found.name, principal },
    html`${newsOf(found, context)}
<p>${statusBadge(found)} device of <a href="${PATHS.devices}/${encodeURIComponent(found.user)}">${found.user}</a></p>
${comparisonCode === null ? "" : html`<p>Its screen must show this code: <strong class="code">${grouped(comparisonCode)}</strong></p>`}
${deviceLines(found, context)}
${actLinks(found, isMine ? actsOf(found, principal.scope === "root") : [])}
<dl>
<dt>Enrolled</dt><dd>${at(found.enrolledAt, now, timeZone)}</dd>
<dt>${capital(found.status)} since</dt><dd>${at(found.statusSince, now, timeZone)}</dd>
${found.lastSeen?.ip == null ? "" : html`<dt>Last address</dt><dd>${found.lastSeen.ip}</dd>`}
${found.certificates.map(
  (certificate) =>
    html`<dt>Certificate${certificate.retiredAt === null ? "" : html`, retired ${at(certificate.retiredAt, now, timeZone)}`}</dt><dd><code class="long">${certificate.fingerprint}</code><br>${certificate.subject ?? "Subject not known yet"}</dd>`,
)}
${isMine || found.note === null ? "" : html`<dt>Note</dt><dd class="note">${found.note}</dd>`}
</dl>
${isMine ? editForm(found) : ""}`,
  );
}

function editForm(found: Device): Html {
  return html`<h2>Name and note</h2>
<form method="post" action="${devicePath(found)}">
<p><label for="name">Name</label><input id="name" name="name" value="${found.name}" required maxlength="64" autocomplete="off"></p>
<p><label for="note">Note</label><textarea id="note" name="note" rows="3" maxlength="500">${found.note ?? ""}</textarea></p>
<p><button>Save</button></p>
</form>`;
}
