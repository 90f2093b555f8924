// Makes invitations, lists them, and adds users.
import * as v from "valibot";
import { must, pathParam, registryOfUser } from "../api/handler.ts";
import { type MadeInvitation, makeInvitation } from "../api/invite.ts";
import { representInvitation } from "../api/represent.ts";
import type { Invitation } from "../contract/answers.ts";
import { INVITATION_SECONDS } from "../contract/limits.ts";
import { PATHS } from "../contract/paths.ts";
import { CreateInvitationRequest, PutUserRequest, UserIdSchema } from "../contract/requests.ts";
import { groupedCode } from "../domain/general/typed-code.ts";
import type { UserRecord } from "../domain/records.ts";
import { field, mistakeOf, parseFields, secondsSelect, userSelect } from "./html/forms.ts";
import { type Html, html, seeOther, show } from "./html/html.ts";
import { layout } from "./html/layout.ts";
import { choiceOf, limitFields, limitsOf, noLimits, readTypedLimits } from "./html/limits-form.ts";
import { type PageContext, visibleUsers } from "./html/page-context.ts";
import { qrCode } from "./html/qr-code.ts";
import { ago, at, onDate } from "./html/times.ts";

const HOUR_SECONDS = 3600;
const LIVES: readonly [number, string][] = [
  [HOUR_SECONDS, "1 hour"],
  [INVITATION_SECONDS.default, "24 hours"],
  [3 * 24 * HOUR_SECONDS, "3 days"],
  [INVITATION_SECONDS.max, "7 days"],
];

export async function inviteForm(context: PageContext): Promise<Html> {
  const typed = new URLSearchParams({ user: context.url.searchParams.get("user") ?? "" });
  return invitePage(context, typed);
}

/** `typed`: what was typed, and if there is a `message`, not accepted. */
async function invitePage(context: PageContext, typed: URLSearchParams, message?: Html): Promise<Html> {
  const { principal } = context;
  const { users, isWhole } = await visibleUsers(context);
  return layout(
    { title: "Invite", principal, current: PATHS.invite },
    html`${message}
<p><a href="${PATHS.addDevice}">Add a device without a certificate</a> instead: one that shows a token or reads a feed.</p>
${users.length === 0 ? html`<p>Add the first user, then invite them.</p>` : newInvitation(context, users, typed, message !== undefined)}
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

/** Shows the code once, since it is stored nowhere; or the form again, with what was typed and what is wrong. */
export async function invite(context: PageContext): Promise<Response> {
  const { form } = context;
  try {
    const { user } = parseFields({ user: field(form, "user") }, v.object({ user: UserIdSchema }));
    const app = field(form, "app");
    const wanted = parseFields(
      {
        app: app === "" ? null : app,
        approval: form.get("approval") !== null,
        expiresInSeconds: Number(field(form, "life") || INVITATION_SECONDS.default),
        limits: limitsOf(readTypedLimits(form)),
      },
      CreateInvitationRequest,
    );
    return show(invitationPage(context, user, must(await makeInvitation(context, user, wanted))));
  } catch (error) {
    const { message, status } = mistakeOf(error, ["invalid-fields"]);
    return show(await invitePage(context, form, message), status);
  }
}

function invitationPage(
  { principal, now, timeZone }: PageContext,
  user: string,
  { invitation, code, link }: MadeInvitation,
): Html {
  const { expiresAt, approval, limits } = representInvitation(invitation, now);
  return layout(
    { title: `Invitation for ${user}`, principal, current: PATHS.invite, below: true },
    html`<p>Open this link on the device itself. It works once, until ${at(expiresAt, now, timeZone)}. It is shown only once.</p>
<div class="qr" role="img" aria-label="QR code of the link">${qrCode(link)}</div>
<p><label for="link">Link</label><textarea id="link" class="long" rows="3" readonly>${link}</textarea></p>
<p>Or type the code on the page <code>${link.split("#")[0]}</code>:<br><strong class="code">${groupedCode(code)}</strong></p>
<p>The device needs its client certificate first: the page shows how to install it, and says whose the device will be before it is enrolled.${guestWords(limits, now, timeZone)}${
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

function newInvitation(
  { apps, timeZone }: PageContext,
  users: readonly UserRecord[],
  typed: URLSearchParams,
  isAgain: boolean,
): Html {
  const life = field(typed, "life") || String(INVITATION_SECONDS.default);
  const limits = isAgain ? readTypedLimits(typed) : noLimits(timeZone);
  return html`<form method="post" action="${PATHS.invite}">
<p><label for="user">Owner</label>${userSelect("user", users, field(typed, "user"))}</p>
<p><label for="app">App</label><select id="app" name="app" aria-describedby="app-hint"><option value="">Any app</option>${apps.hosts.map(
    (host) =>
      html`<option value="${host}"${host === field(typed, "app") ? html` selected` : ""}>${host}</option>`,
  )}</select></p>
<p id="app-hint" class="hint">Where the link works. To restrict what the device can use afterwards, set limits below.</p>
<p><label for="life">Valid for</label>${secondsSelect("life", LIVES, life)}</p>
<p><input type="checkbox" id="approval" name="approval"${typed.has("approval") ? html` checked` : ""}><label for="approval" class="inline">Require my approval</label></p>
<details${isAgain ? html` open` : ""}><summary>Limits, for a guest’s device</summary>
${limitFields(limits, choiceOf(apps, "certificate"))}
</details>
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
  const { id, user, app, approval, limits, status, createdAt, expiresAt, usedAt, bundle } = invitation;
  const end = usedAt === null ? expiresAt : usedAt;
  const word = status === "open" ? "Expires" : status === "used" ? "Used" : "Expired";
  return html`<li class="card"><h3>For ${user} <span class="status ${status}">${status}</span></h3>
<p>Created ${ago(createdAt, now, timeZone)}. ${word} ${ago(end, now, timeZone)}.${bundle === null ? "" : ` Brings a certificate for ${bundle.name}.`}${app === null ? "" : ` On ${app} only.`}${approval ? " Requires approval." : ""}${guestWords(limits, now, timeZone)}</p>
${
  status === "open"
    ? html`<form method="post" action="${PATHS.invite}/${encodeURIComponent(user)}/${encodeURIComponent(id)}/withdraw"><button class="quiet">Withdraw<span class="unseen"> the invitation for ${user}</span></button></form>`
    : ""
}</li>`;
}

/** What the device that it enrols is limited to. */
function guestWords(
  { apps, countries, expiresAt }: Invitation["limits"],
  now: number,
  timeZone: string,
): Html {
  const parts = [
    ...(apps === null ? [] : [html`on ${apps.join(", ")}`]),
    ...(countries === null ? [] : [html`from ${countries.join(", ")}`]),
    ...(expiresAt === null ? [] : [html`until ${onDate(expiresAt, now, timeZone)}`]),
  ];
  if (parts.length === 0) return html``;
  return html` Its device is let in only ${parts.map((part, index) => html`${index === 0 ? "" : ", "}${part}`)}.`;
}
