import { must, pathParam } from "../api/handler.ts";
import { representSession } from "../api/represent.ts";
import type { Session } from "../contract/answers.ts";
import { PATHS } from "../contract/paths.ts";
import { permits } from "../contract/permissions.ts";
import { clientName } from "../domain/client-name.ts";
import { err, ok } from "../domain/result.ts";
import type { PageContext, PageHandler } from "./context.ts";
import { clearSession } from "./cookie.ts";
import { possessive } from "./device-view.ts";
import { type Html, html } from "./html/html.ts";
import { layout } from "./html/layout.ts";
import { seeOther, show } from "./html/respond.ts";
import { ago } from "./html/times.ts";
import { signInPage } from "./sign-in.ts";

/** The browsers that are signed in. */
export const sessions: PageHandler = async (_, context) => {
  const { directory, principal, now } = context;
  const list = (await directory.ask((directory) => directory.sessions(principal.user, now))).map(
    representSession,
  );
  return layout(
    { title: "Sessions", principal, current: PATHS.sessions },
    html`<p>Browsers that are signed in${principal.user === null ? "" : ` with ${possessive(principal.user)} tokens`}.</p>
<ul class="cards">${list.map((each) => card(each, context))}</ul>
${mayEnd(context) ? html`<form method="post" action="${PATHS.sessions}/end"><p><button class="revoke">Sign out everywhere</button></p><p class="hint">Ends all of these sessions, this browser’s too.</p></form>` : ""}`,
  );
};

/** Who only looks ends no session but the own one, with the button above. */
function mayEnd({ principal }: PageContext): boolean {
  return permits(principal, "devices", "own");
}

export const endSession: PageHandler = async (request, { directory, principal, by, url }) => {
  const id = pathParam(request, "session") ?? "";
  const ended = await directory.ask((directory) => directory.endSessions(by, principal.user, [id]));
  must(ended === 0 ? err({ code: "unknown-session" }) : ok(null));
  return id === principal.session ? signedOut(url) : seeOther(PATHS.sessions);
};

export const endAllSessions: PageHandler = async (_, { directory, principal, by, url }) => {
  await directory.ask((directory) => directory.endSessions(by, principal.user));
  return signedOut(url);
};

function signedOut({ hostname }: URL): Promise<Response> {
  const page = signInPage({ hostname, next: PATHS.home, signedOut: true });
  return show(page, 200, { "Set-Cookie": clearSession() });
}

function card(session: Session, context: PageContext): Html {
  const { now, timeZone, principal } = context;
  const canEnd = mayEnd(context);
  const { id, token, client, ip, country, createdAt, expiresAt } = session;
  const from = [ip, country].filter((part) => part !== null).join(", ");
  const isThis = id === principal.session;
  const holder =
    token === null ? "the ADMIN_TOKEN" : `${token.name}${token.user === null ? "" : ` (${token.user})`}`;
  const name = client === null ? "A browser without a name" : clientName(client);
  return html`<li class="card"><h2><span title="${client ?? ""}">${name}</span>${isThis ? html` <span class="status active">this browser</span>` : ""}</h2>
<p>Signed in ${ago(createdAt, now, timeZone)} with ${holder}${from === "" ? "" : `, from ${from}`}. Expires ${ago(expiresAt, now, timeZone)}.</p>
${canEnd ? html`<form method="post" action="${PATHS.sessions}/${encodeURIComponent(id)}/end"><button class="quiet">Sign out${isThis ? "" : html`<span class="unseen"> ${name}</span>`}</button></form>` : ""}</li>`;
}
