// Who is who at the identity provider: users with their roles, addresses and identities, and people who wait.

import * as v from "valibot";
import { must, pathParam } from "../../api/handler.ts";
import { representIdentity, representWaitingPerson } from "../../api/represent.ts";
import { PATHS } from "../../contract/paths.ts";
import {
  AdmitPersonRequest,
  EditUserRequest,
  type Identity,
  type WaitingPerson,
} from "../../contract/people.ts";
import { UserIdSchema } from "../../contract/requests.ts";
import { ROLES } from "../../domain/person.ts";
import type { UserRecord } from "../../domain/records.ts";
import { parseUserId, type UserId } from "../../domain/user.ts";
import { field, parseFields, userSelect } from "../html/forms.ts";
import { type Html, html, seeOther } from "../html/html.ts";
import { layout } from "../html/layout.ts";
import { type PageContext, visibleUsers } from "../html/page-context.ts";
import { ago } from "../html/times.ts";
import { capital, grouped } from "../html/words.ts";

export async function people(context: PageContext): Promise<Html> {
  const { directory, principal, door } = context;
  const [{ users }, identities, waiting] = await Promise.all([
    visibleUsers(context),
    directory.ask((directory) => directory.identities(null)),
    directory.ask((directory) => directory.waitingPeople()),
  ]);
  const known = Map.groupBy(identities.map(representIdentity), ({ user }) => user);
  const people = waiting.map(representWaitingPerson);
  return layout(
    { title: "People", principal, current: PATHS.people },
    html`${
      door === null
        ? html`<p class="message">Nobody can sign in with an identity provider yet: <code>SIGN_IN</code> is not set.</p>`
        : html`<p>People sign in with ${door.settings.label}. The first person with a user’s address becomes that user; everybody else waits here.</p>`
    }
<section aria-labelledby="waiting"><h2 id="waiting">Waiting to be admitted</h2>
${
  people.length === 0
    ? html`<p>Nobody.</p>`
    : html`<p>Ask for the code on their screen: anybody can come under any name.</p>
<ul class="cards">${people.map((person, index) => personCard(person, index, users, context))}</ul>`
}
</section>
<section aria-labelledby="users"><h2 id="users">Users</h2>
${
  users.length === 0
    ? html`<p>None yet: <a href="${PATHS.invite}">add a user</a>.</p>`
    : html`<ul class="cards">${users.map((user, index) => userCard(user, index, known.get(user.id) ?? [], context))}</ul>`
}
</section>`,
  );
}

/** Changes a user's role and addresses. */
export async function editPerson(context: PageContext): Promise<Response> {
  const { directory, by, form } = context;
  const emails = field(form, "emails")
    .split(/[\s,]+/)
    .filter((text) => text !== "");
  const changes = parseFields({ role: field(form, "role"), emails }, EditUserRequest);
  const user = userOf(context);
  must(await directory.ask((directory) => directory.editUser(by, user, changes)));
  return seeOther(PATHS.people);
}

/** Takes an identity from a user, and signs out what it opened. */
export async function unbind(context: PageContext): Promise<Response> {
  const { people, by } = context;
  must(await people.unbind(by, userOf(context), pathParam(context, "identity") ?? ""));
  return seeOther(PATHS.people);
}

export async function admit(context: PageContext): Promise<Response> {
  const { directory, registry, by, form } = context;
  const chosen = field(form, "user");
  const { user } = parseFields({ user: chosen || field(form, "new").trim() }, AdmitPersonRequest);
  if (chosen === "") await registry.putUser(by, user, undefined);
  const id = pathParam(context, "person") ?? "";
  must(await directory.askOnce((directory) => directory.admitPerson(by, id, user)));
  return seeOther(PATHS.people);
}

export async function dismissPerson(context: PageContext): Promise<Response> {
  const { directory, by } = context;
  const id = pathParam(context, "person") ?? "";
  must(await directory.askOnce((directory) => directory.dismissPerson(by, id)));
  return seeOther(PATHS.people);
}

function userOf(context: PageContext): UserId {
  return parseFields({ user: pathParam(context, "user") }, v.object({ user: UserIdSchema })).user;
}

function personCard(
  person: WaitingPerson,
  index: number,
  users: readonly UserRecord[],
  { now, timeZone }: PageContext,
): Html {
  const { id, name, email, isEmailVerified, comparisonCode, lastSeen, country, issuer, subject } = person;
  const path = `${PATHS.people}/${encodeURIComponent(id)}`;
  const title = name ?? email ?? subject;
  return html`<li class="card"><h3>${title}</h3>
<p>Signed in ${ago(lastSeen, now, timeZone)}${country === null ? "" : `, ${country}`}. Their screen should show this code: <strong class="code">${grouped(comparisonCode)}</strong></p>
<dl><dt>Address</dt><dd>${email ?? "none"}${email === null || isEmailVerified ? "" : html` <span class="status pending">not verified</span>`}</dd>
<dt>Provider</dt><dd>${issuer}, as ${subject}</dd></dl>
<form method="post" action="${path}/admit">
<p><label for="user-${index}">Admit as</label>${userSelect(`user-${index}`, users, null, "A new user")}</p>
<p><label for="new-${index}">New user’s id</label><input id="new-${index}" name="new" value="${newId(person, users)}" maxlength="63" autocomplete="off" autocapitalize="none" spellcheck="false"></p>
<p><button>Admit<span class="unseen"> ${title}</span></button></p></form>
<form method="post" action="${path}/dismiss"><button class="quiet">Dismiss<span class="unseen"> ${title}</span></button></form></li>`;
}

/** What a new user could be called; nothing, if somebody is called that. */
function newId({ email, name }: WaitingPerson, users: readonly UserRecord[]): string {
  const id = parseUserId((email?.split("@")[0] ?? name ?? "").toLowerCase().replace(/[^a-z0-9]+/g, "-"));
  return id === undefined || users.some((user) => user.id === id) ? "" : id;
}

function userCard(user: UserRecord, index: number, identities: Identity[], context: PageContext): Html {
  // During a deploy, the directory may still be an older one that knows of neither.
  const { id, name, role = "member", emails = [] } = user;
  const path = `${PATHS.people}/users/${encodeURIComponent(id)}`;
  return html`<li class="card"><h3>${name === null ? id : `${name} (${id})`} <span class="status">${role}</span></h3>
<p>${emails.length === 0 ? "No address" : emails.join(", ")}</p>
${identities.map((identity) => identityForm(identity, path, context))}
<details><summary>Change role and addresses<span class="unseen"> of ${id}</span></summary>
<form method="post" action="${path}">
<p><label for="role-${index}">Role</label><select id="role-${index}" name="role" aria-describedby="role-hint-${index}">${ROLES.map(
    (each) => html`<option value="${each}"${each === role ? html` selected` : ""}>${capital(each)}</option>`,
  )}</select></p>
<p id="role-hint-${index}" class="hint">An owner can do everything on these pages; a member sees their own devices.</p>
<p><label for="emails-${index}">Addresses</label><input id="emails-${index}" name="emails" value="${emails.join(" ")}" autocomplete="off" autocapitalize="none" spellcheck="false" aria-describedby="emails-hint-${index}"></p>
<p id="emails-hint-${index}" class="hint">With spaces between them. Whoever first signs in with one of these, verified, becomes ${id}.</p>
<p><button>Save</button></p></form></details></li>`;
}

function identityForm(
  { id, email, subject, issuer, boundAt }: Identity,
  path: string,
  context: PageContext,
): Html {
  const { now, timeZone } = context;
  const name = email ?? subject;
  return html`<form method="post" action="${path}/identities/${encodeURIComponent(id)}/unbind">
<p>Signs in as <strong>${name}</strong> at ${issuer}. Bound ${ago(boundAt, now, timeZone)}. <button class="quiet">Unbind<span class="unseen"> ${name}</span></button></p></form>`;
}
