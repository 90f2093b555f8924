// The devices, user by user.
import { userParam } from "../../api/handler.ts";
import { registryProblem } from "../../api/problem.ts";
import type { Device } from "../../contract/answers.ts";
import { devicePath, PATHS } from "../../contract/paths.ts";
import { EXPIRES_SOON_MS } from "../../domain/general/relative-time.ts";
import type { UserRecord } from "../../domain/records.ts";
import { type Html, html } from "../html/html.ts";
import { layout } from "../html/layout.ts";
import { devicesOf, type PageContext, visibleUsers } from "../html/page-context.ts";
import { capital, possessive } from "../html/words.ts";
import { actLinks, actsOf, BACK_TO_DEVICES, deviceLines, isExpired, statusBadge } from "./device-view.ts";
import { emergency, hasCard } from "./emergency.ts";

export async function devices(context: PageContext): Promise<Html> {
  const { principal } = context;
  const { users, isWhole } = await visibleUsers(context);
  if (hasCard(context)) return emergency(context, users[0]);
  const frame = { title: "Devices", principal, current: PATHS.devices };
  if (users.length === 0) return layout(frame, noUsers(context));
  if (!isWhole) return layout(frame, [userLinks(users), addLink(context)]);
  const pages = await Promise.all(
    users.map(async (user) => ({ user, page: await devicesOf(context, user) })),
  );
  return layout(frame, [
    overview(
      pages.flatMap(({ page }) => page.devices),
      context,
    ),
    ...pages.map(({ user, page }) => section(context, user, page)),
    addLink(context),
    appLinks(context),
  ]);
}

/** The apps that this browser can be signed in to: the way in where a service worker hides the app's own offer. */
function appLinks({ apps, principal: { user } }: PageContext): Html {
  const open = apps.hosts.filter((host) => (user === null ? apps.signsIn(host) : apps.maySignIn(user, host)));
  if (open.length === 0) return html``;
  return html`<section aria-labelledby="apps"><h2 id="apps">Sign in to an app with this browser</h2>
<ul>${open.map((host) => html`<li><a href="${PATHS.signIn}?${new URLSearchParams({ app: host }).toString()}">${host}</a></li>`)}</ul></section>`;
}

export async function devicesOfUser(context: PageContext): Promise<Html> {
  const { directory, principal, url } = context;
  const id = userParam(context);
  const user = await directory.ask((directory) => directory.user(id));
  if (user === null) throw registryProblem({ code: "unknown-user" });
  const after = Number(url.searchParams.get("after") ?? 0);
  const page = await devicesOf(context, user, Number.isSafeInteger(after) ? after : 0);
  const title = capital(possessive(user.name ?? user.id));
  return layout(
    { title: `${title} devices`, principal, current: PATHS.devices, below: true },
    html`${BACK_TO_DEVICES}${section(context, user, page)}`,
  );
}

function noUsers({ principal }: PageContext): Html {
  return principal.scope === "root"
    ? html`<p>There is nobody yet. <a href="${PATHS.invite}">Add a user, and invite them</a> to enrol a device.</p>`
    : html`<p>There is nobody yet.</p>`;
}

function addLink({ principal }: PageContext): Html {
  return principal.scope === "root"
    ? html`<p><a href="${PATHS.addDevice}">Add a device without a certificate</a></p>`
    : html``;
}

/** In one line: what there is, and what needs attention. */
function overview(all: readonly Device[], { now, principal }: PageContext): Html {
  if (all.length === 0) return html``;
  const count = (status: Device["status"]) => all.filter((each) => each.status === status).length;
  const isSoon = (each: Device) =>
    each.status === "active" &&
    each.kind !== "browser" &&
    !isExpired(each, now) &&
    each.credentials.some(
      ({ notAfter, retiredAt }) =>
        notAfter !== null && retiredAt === null && Date.parse(notAfter) - now < EXPIRES_SOON_MS,
    );
  const soon = all.filter(isSoon).length;
  const waiting = count("pending");
  const over = all.filter((each) => isExpired(each, now));
  const signedOut = over.filter(({ kind }) => kind === "browser").length;
  const expired = over.length - signedOut;
  const parts = [
    html`${all.length} ${all.length === 1 ? "device" : "devices"}`,
    html`${count("active") - over.length} active`,
    ...(expired === 0 ? [] : [html`<span class="expired">${expired} expired</span>`]),
    ...(signedOut === 0 ? [] : [html`${signedOut} signed out`]),
    ...(waiting === 0
      ? []
      : principal.user === null
        ? [html`<a href="${PATHS.waiting}">${waiting} waiting for approval</a>`]
        : [html`${waiting} waiting for approval`]),
    ...(soon === 0 ? [] : [html`<span class="soon">${soon} with a credential to renew</span>`]),
  ];
  return html`<p>${parts.map((part, index) => html`${index === 0 ? "" : ", "}${part}`)}</p>`;
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
  return html`<li class="card"><h3><a href="${devicePath(each)}">${each.name}</a> ${statusBadge(each, context)}</h3>
${deviceLines(each, context)}
${actLinks(each, actsOf(each, context))}</li>`;
}
