// Signing in, and the browsers that are signed in.
import { must, pathParam } from "../api/handler.ts";
import { representSession } from "../api/represent.ts";
import type { Session } from "../contract/answers.ts";
import { PATHS } from "../contract/paths.ts";
import { permits } from "../contract/permissions.ts";
import { SIGN_INS_AN_HOUR } from "../domain/credential.ts";
import { err, ok } from "../domain/general/result.ts";
import { clientName } from "../domain/request/client-name.ts";
import { clearSession } from "../domain/request/own-cookies.ts";
import { type Html, html, seeOther, show } from "./html/html.ts";
import { layout } from "./html/layout.ts";
import type { PageContext } from "./html/page-context.ts";
import { ago, duration } from "./html/times.ts";
import { possessive } from "./html/words.ts";

/** Longer than a code with spaces between all its characters. */
const CARD_MAX = 64;

interface SignIn {
  /** The gate's own host: whose sign-in page this is. */
  hostname: string;
  /** What people call the identity provider; `null`: nobody signs in with one. */
  provider: string | null;
  /** The page to show after signing in. */
  next: string;
  /** The code that was typed from an emergency card, if that form was sent. */
  card?: string | undefined;
  wrong?: boolean;
  /** The token is valid but has signed in too often: how long to wait. */
  waitMs?: number;
  signedOut?: boolean;
  /** The session was over when a form was sent. */
  expired?: boolean;
}

export function signInPage(state: SignIn): Html {
  const message = messageOf(state);
  const role = state.signedOut === true ? "status" : "alert";
  return layout(
    { title: "Sign in", scripted: true },
    html`${message === undefined ? "" : html`<p class="message" role="${role}">${message}</p>`}
<p>To manage the devices of <strong>${state.hostname}</strong>.</p>
${state.provider === null ? tokenForm(state) : withProvider(state.provider, state)}
${cardForm(state.card)}`,
  );
}

/** The provider first; the token remains as the way back in. */
function withProvider(provider: string, state: SignIn): Html {
  const query = new URLSearchParams({ next: state.next });
  const isTyped = state.card === undefined && (state.wrong === true || state.waitMs !== undefined);
  return html`<p><a class="button go" href="${PATHS.signIn}?${query.toString()}">Sign in with ${provider}</a></p>
<p class="hint">This browser stays signed in for 12 hours, or until you sign out.</p>
<details class="card"${isTyped ? html` open` : ""}><summary>I have a token</summary>
${tokenForm(state)}
</details>`;
}

function tokenForm({ next }: SignIn): Html {
  return html`<form method="post" action="${PATHS.signIn}">
<input type="hidden" name="next" value="${next}">
<p><label for="token">Your token</label>
<input id="token" name="token" type="password" required autocomplete="current-password" autocapitalize="none" spellcheck="false" aria-describedby="token-hint"></p>
<p id="token-hint" class="hint">The <code>ADMIN_TOKEN</code>, or a personal token that the owner gave you. This browser stays signed in for 12 hours, or until you sign out.</p>
<p><button>Sign in</button></p>
</form>`;
}

/**
 * A code from paper is typed where it can be seen, unlike a token, and corrected if it was wrong. The script fills it in
 * from the address that the card's QR code contains.
 */
function cardForm(typed: string | undefined): Html {
  return html`<details class="card"${typed === undefined ? "" : html` open`}><summary>I have an emergency card</summary>
<form method="post" action="${PATHS.signIn}">
<input type="hidden" name="card" value="card">
<p><label for="card">The code on the card</label>
<input id="card" class="code" name="token" value="${typed?.slice(0, CARD_MAX) ?? ""}" required maxlength="${String(CARD_MAX)}" autocomplete="off" autocapitalize="characters" spellcheck="false" aria-describedby="card-hint"></p>
<p id="card-hint" class="hint">Small letters will do, and so does O for 0. Spaces and hyphens don’t matter. This browser stays signed in for an hour, or until you sign out.</p>
<p><button>Show the devices</button></p>
</form></details>`;
}

function messageOf({ wrong, card, waitMs, signedOut, expired }: SignIn): string | undefined {
  if (waitMs !== undefined)
    return `You signed in ${SIGN_INS_AN_HOUR} times within an hour with this token. Wait ${duration(waitMs)}, then try again. If that was not you, somebody else has your token: have it revoked.`;
  if (wrong === true && card !== undefined)
    return "This code is not valid. Compare it with the card, character by character; or the card was revoked.";
  if (wrong === true) return "This token is not valid: it may be mistyped, revoked or expired.";
  if (expired === true) return "Your session has ended. Nothing was changed: sign in and try again.";
  return signedOut === true ? "You are signed out." : undefined;
}

/** The browsers that are signed in. */
export async function sessions(context: PageContext): Promise<Html> {
  const { directory, principal, now } = context;
  const open = await directory.ask((directory) => directory.sessions(principal.user, now));
  const list = open.map(representSession);
  return layout(
    { title: "Sessions", principal, current: PATHS.sessions },
    html`<p>Browsers that are signed in to these pages${whose(context)}.${context.door === null ? "" : html` Those that are signed in to apps are among the <a href="${PATHS.devices}">devices</a>.`}</p>
<ul class="cards">${list.map((each) => card(each, context))}</ul>
${mayEnd(context) ? html`<form method="post" action="${PATHS.sessions}/end"><p><button class="revoke">Sign out everywhere</button></p><p class="hint">Ends all of these sessions, this browser’s too.</p></form>` : ""}`,
  );
}

function whose({ principal: { user }, door }: PageContext): string {
  if (user === null) return "";
  return door === null
    ? ` with ${possessive(user)} tokens`
    : ` as ${user}, or with ${possessive(user)} tokens`;
}

/** A token that only reads ends no session but its own, with the button in the header. */
function mayEnd({ principal }: PageContext): boolean {
  return permits(principal, "devices", "own");
}

export async function endSession(context: PageContext): Promise<Response> {
  const { directory, principal, by } = context;
  const id = pathParam(context, "session") ?? "";
  const ended = await directory.ask((directory) => directory.endSessions(by, principal.user, [id]));
  must(ended === 0 ? err({ code: "unknown-session" }) : ok(null));
  return id === principal.session ? signedOut(context) : seeOther(PATHS.sessions);
}

export async function endAllSessions(context: PageContext): Promise<Response> {
  const { directory, principal, by } = context;
  await directory.ask((directory) => directory.endSessions(by, principal.user));
  return signedOut(context);
}

function signedOut({ url: { hostname }, door }: PageContext): Promise<Response> {
  const provider = door?.settings.label ?? null;
  const page = signInPage({ hostname, provider, next: PATHS.home, signedOut: true });
  return show(page, 200, { "Set-Cookie": clearSession() });
}

function card(session: Session, context: PageContext): Html {
  const { now, timeZone, principal } = context;
  const canEnd = mayEnd(context);
  const { id, client, ip, country, createdAt, expiresAt } = session;
  const from = [ip, country].filter((part) => part !== null).join(", ");
  const isThis = id === principal.session;
  const name = client === null ? "A browser without a name" : clientName(client);
  return html`<li class="card"><h2><span title="${client ?? ""}">${name}</span>${isThis ? html` <span class="status active">this browser</span>` : ""}</h2>
<p>Signed in ${ago(createdAt, now, timeZone)} ${holder(session, context)}${from === "" ? "" : `, from ${from}`}. Expires ${ago(expiresAt, now, timeZone)}.</p>
${canEnd ? html`<form method="post" action="${PATHS.sessions}/${encodeURIComponent(id)}/end"><button class="quiet">Sign out${isThis ? "" : html`<span class="unseen"> ${name}</span>`}</button></form>` : ""}</li>`;
}

/** Whose session it is: `with the ADMIN_TOKEN`, `with desk (alice)`, `as alice, with Pocket ID`. */
function holder({ token, person }: Session, { door }: PageContext): string {
  if (person !== null) return `as ${person}, with ${door?.settings.label ?? "the identity provider"}`;
  if (token === null) return "with the ADMIN_TOKEN";
  return `with ${token.name}${token.user === null ? "" : ` (${token.user})`}`;
}
