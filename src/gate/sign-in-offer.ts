// What a person's browser sees in place of a bare refusal, where it can be let in by signing in: the same status, with a
// link. Never a redirect: it would break service workers, scripts and apps' own clients, which take it for an answer.
import { html } from "hono/html";
import { PATHS } from "../contract/paths.ts";
import type { Reason } from "../domain/reason.ts";
import type { App } from "../domain/request/app.ts";
import type { Shown } from "../domain/request/shown.ts";
import { offerOf } from "../entry.ts";
import type { Visit } from "../visit.ts";
import { withoutFeedSecret } from "./shown-secrets.ts";

/**
 * What the page says, for each refusal that signing in mends. A suspended or lost browser is not among them: somebody
 * meant to keep it out.
 */
const SENTENCES: Partial<Record<Reason, string>> = {
  "no-certificate": "This is not open to everybody.",
  "unknown-device": "This browser is no longer signed in.",
  "device-revoked": "This browser was signed out.",
  "device-expired": "Your time on this browser is up.",
  "expired-credential": "You are no longer signed in.",
  "wrong-app": "You are not signed in here yet.",
};

/** Whether a person's browser asks for a page of an app where it can sign in, and is refused for want of that. */
export function mayOffer(app: App | undefined, reason: Reason, shown: Shown, visit: Visit): boolean {
  if (app === undefined || !app.signIn || SENTENCES[reason] === undefined) return false;
  // A certificate that was presented decides, whatever else is shown.
  return (shown.kind === "absent" || shown.kind === "browser") && isNavigation(visit);
}

/**
 * Nothing but a browser that is about to show a page sends this (www.w3.org/TR/fetch-metadata): no script may ask for
 * the mode. A service worker that passes a navigation on leaves the destination empty.
 */
function isNavigation({ method, request: { headers }, address }: Visit): boolean {
  const destination = headers.get("sec-fetch-dest");
  return (
    method === "GET" &&
    headers.get("sec-fetch-mode") === "navigate" &&
    (destination === "document" || destination === "empty") &&
    address.startsWith("https:")
  );
}

/**
 * The refusal, with a page that links to the door: the sign-in on the `ADMIN_HOST`. Its cookie ties the sign-in to this
 * browser; nothing is remembered here, so strangers cost nothing.
 */
export async function offerSignIn(
  refusal: Response,
  reason: Reason,
  door: string,
  visit: Visit,
): Promise<Response> {
  const asked = new URL(withoutFeedSecret(visit.address));
  const { address, cookie } = await offerOf(asked, door, visit.request.headers.get("cookie"));
  const offer = new Response(await render(SENTENCES[reason] ?? "", address), refusal);
  for (const [name, value] of Object.entries(PAGE_HEADERS)) offer.headers.set(name, value);
  offer.headers.append("Set-Cookie", cookie);
  return offer;
}

const PAGE_HEADERS = {
  "Content-Type": "text/html; charset=utf-8",
  "Cache-Control": "no-store",
  "Content-Security-Policy":
    "default-src 'none'; style-src 'self'; form-action 'none'; base-uri 'none'; frame-ancestors 'none'",
  "X-Content-Type-Options": "nosniff",
  "Referrer-Policy": "no-referrer",
  "X-Robots-Tag": "noindex",
};

async function render(sentence: string, address: string): Promise<string> {
  const page = await html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Sign in</title>
<link rel="stylesheet" href="${PATHS.style}">
</head>
<body>
<main>
<h1>Sign in</h1>
<p>${sentence} If you have an account, sign in to continue.</p>
<p><a class="button go" href="${address}">Sign in</a></p>
</main>
</body>
</html>`;
  return String(page);
}
