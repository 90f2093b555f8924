// Makes invitations, lists them, and adds users.
import { generate } from "lean-qr/nano";
import * as v from "valibot";
import { must, pathParam, registryOfUser } from "../api/handler.ts";
import { makeInvitation } from "../api/invite.ts";
import { representInvitation } from "../api/represent.ts";
import type { Invitation } from "../contract/answers.ts";
import { INVITATION_SECONDS } from "../contract/limits.ts";
import { PATHS } from "../contract/paths.ts";
import { CreateInvitationRequest, PutUserRequest, UserIdSchema } from "../contract/requests.ts";
import type { UserRecord } from "../domain/records.ts";
import { groupedCode } from "../domain/typed-code.ts";
import { type PageContext, visibleUsers } from "./context.ts";
import { field, parseFields, userSelect } from "./html/forms.ts";
import { type Html, html, seeOther } from "./html/html.ts";
import { layout } from "./html/layout.ts";
import { ago, at } from "./html/times.ts";

const HOUR_SECONDS = 3600;
const LIVES: readonly [number, string][] = [
  [HOUR_SECONDS, "1 hour"],
  [INVITATION_SECONDS.default, "24 hours"],
  [3 * 24 * HOUR_SECONDS, "3 days"],
  [INVITATION_SECONDS.max, "7 days"],
];

export async function inviteForm(context: PageContext): Promise<Html> {
  const { principal } = context;
  const { users, isWhole } = await visibleUsers(context);
  return layout(
    { title: "Invite", principal, current: PATHS.invite },
    html`${users.length === 0 ? html`<p>Add the first user, then invite them.</p>` : newInvitation(context, users)}
<section aria-labelledby="add-user"><h2 id="add-user">Add a user</h2>
<form method="post" action="${PATHS.users}">
<p><label for="id">Short id</label><input id="id" name="id" required pattern="[a-z0-9][a-z0-9\\-]{0,62}" maxlength="63" autocapitalize="none" autocomplete="off" spellcheck="false" title="Lower-case letters, digits and hyphens, beginning with a letter or digit" aria-describedby="id-hint"></p>
<p id="id-hint" class="hint">Lower-case letters, digits and hyphens, such as alice. It never changes.</p>
<p><label for="user-name">Name (optional)</label><input id="user-name" name="name" maxlength="100" autocomplete="off"></p>
<p><button>Add</button></p>
</form></section>
${isWhole ? await invitationList(context, users) : ""}`,
  );
}

/** Shows the code once: it is stored nowhere. */
export async function invite(context: PageContext): Promise<Html> {
  const { form, principal, now, timeZone } = context;
  const user = parseFields({ user: field(form, "user") }, v.object({ user: UserIdSchema })).user;
  const app = field(form, "app");
  const wanted = parseFields(
    {
      app: app === "" ? null : app,
      approval: form.get("approval") !== null,
      expiresInSeconds: Number(field(form, "life") || INVITATION_SECONDS.default),
    },
    CreateInvitationRequest,
  );
  const { invitation, code, link } = must(await makeInvitation(context, user, wanted));
  const { expiresAt, approval } = representInvitation(invitation, now);
  return layout(
    { title: `Invitation for ${user}`, principal, current: PATHS.invite, below: true },
    html`<p>Open this link on the device itself. It works once, until ${at(expiresAt, now, timeZone)}. It is shown here and never again.</p>
<div class="qr" role="img" aria-label="QR code of the link">${qrCode(link)}</div>
<p><label for="link">Link</label><textarea id="link" class="long" rows="3" readonly>${link}</textarea></p>
<p>Or type the code on the page <code>${link.split("#")[0]}</code>:<br><strong class="code">${groupedCode(code)}</strong></p>
<p>The device needs its client certificate first: the page shows how to install it, and says whose the device will be before it is enrolled.${
      approval
        ? html` It then appears under <a href="${PATHS.waiting}">Waiting</a>: approve it there once you have compared the code on its screen.`
        : ""
    }</p>
<p><a href="${PATHS.invite}">← All invitations</a></p>`,
  );
}

export async function withdraw(context: PageContext): Promise<Response> {
  const { askOnce } = await registryOfUser(context, context);
  must(await askOnce((user) => user.withdraw(context.by, pathParam(context, "invitation") ?? "")));
  return seeOther(PATHS.invite);
}

export async function addUser(context: PageContext): Promise<Response> {
  const { registry, by, form } = context;
  const name = field(form, "name");
  const { id } = parseFields({ id: field(form, "id") }, v.object({ id: UserIdSchema }));
  const fields = parseFields(name === "" ? {} : { name }, PutUserRequest);
  await registry.putUser(by, id, fields.name);
  return seeOther(PATHS.invite);
}

function newInvitation({ apps, url }: PageContext, users: readonly UserRecord[]): Html {
  const chosen = url.searchParams.get("user");
  return html`<form method="post" action="${PATHS.invite}">
<p><label for="user">Owner</label>${userSelect("user", users, chosen)}</p>
<p><label for="app">App</label><select id="app" name="app"><option value="">Any app</option>${apps.hosts.map(
    (host) => html`<option value="${host}">${host}</option>`,
  )}</select></p>
<p><label for="life">Valid for</label><select id="life" name="life">${LIVES.map(
    ([seconds, label]) =>
      html`<option value="${String(seconds)}"${seconds === INVITATION_SECONDS.default ? html` selected` : ""}>${label}</option>`,
  )}</select></p>
<p><input type="checkbox" id="approval" name="approval"><label for="approval" class="inline">Require my approval</label></p>
<p><button>Create invitation</button></p>
</form>`;
}

async function invitationList(
  { registry, now, timeZone }: PageContext,
  users: readonly UserRecord[],
): Promise<Html> {
  const lists = await Promise.all(
    users.map(async ({ id }) => {
      const found = await registry.ofUser(id);
      const list = found.ok ? await found.value.ask((user) => user.invitations()) : [];
      return list.map((each) => representInvitation(each, now));
    }),
  );
  const all = lists.flat().sort((a, b) => (a.createdAt < b.createdAt ? 1 : -1));
  if (all.length === 0) return html``;
  return html`<section aria-labelledby="invitations"><h2 id="invitations">Recent invitations</h2>
<ul class="cards">${all.map((each) => invitationCard(each, now, timeZone))}</ul></section>`;
}

function invitationCard(invitation: Invitation, now: number, timeZone: string): Html {
  const { id, user, app, approval, status, createdAt, expiresAt, usedAt, bundle } = invitation;
  const end = usedAt === null ? expiresAt : usedAt;
  const word = status === "open" ? "Expires" : status === "used" ? "Used" : "Expired";
  return html`<li class="card"><h3>For ${user} <span class="status ${status}">${status}</span></h3>
<p>Created ${ago(createdAt, now, timeZone)}. ${word} ${ago(end, now, timeZone)}.${bundle === null ? "" : ` Brings the certificate of ${bundle.name}.`}${app === null ? "" : ` On ${app} only.`}${approval ? " Requires approval." : ""}</p>
${
  status === "open"
    ? html`<form method="post" action="${PATHS.invite}/${encodeURIComponent(user)}/${encodeURIComponent(id)}/withdraw"><button class="quiet">Withdraw<span class="unseen"> the invitation for ${user}</span></button></form>`
    : ""
}</li>`;
}

/** The light margin around the code, in modules, which separates it from a dark page. */
const BORDER = 2;

/** A QR code, black on white in dark mode, too: many cameras do not read the inverse. */
export function qrCode(text: string): Html {
  const code = generate(text);
  const side = code.size + 2 * BORDER;
  return html`<svg viewBox="${-BORDER} ${-BORDER} ${side} ${side}" shape-rendering="crispEdges"><rect x="${-BORDER}" y="${-BORDER}" width="${side}" height="${side}" fill="white"/><path d="${darkModules(code)}" fill="black"/></svg>`;
}

/** A square for each dark module, as an SVG path. */
function darkModules({ size, get }: ReturnType<typeof generate>): string {
  let path = "";
  for (let y = 0; y < size; y++) {
    for (let x = 0; x < size; x++) {
      if (get(x, y)) path += `M${x} ${y}h1v1h-1z`;
    }
  }
  return path;
}
