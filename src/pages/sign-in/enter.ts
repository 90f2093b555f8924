// Where a person who has signed in on the ADMIN_HOST comes back to an app's host, with a ticket.
import type { BrowserError } from "../../domain/browser.ts";
import { userActor } from "../../domain/credential.ts";
import { clientName } from "../../domain/request/client-name.ts";
import {
  BROWSER_COOKIE,
  clearBrowser,
  clearEntry,
  cookieValue,
  ENTRY_COOKIE,
  setBrowser,
} from "../../domain/request/own-cookies.ts";
import { digestOfEntry, offerOf } from "../../entry.ts";
import type { DoorServices, Services } from "../../services.ts";
import type { Visit } from "../../visit.ts";
import { field } from "../html/forms.ts";
import { seeOther, show } from "../html/html.ts";
import { notice } from "../html/layout.ts";
import { openTicket, type Ticket } from "./ticket.ts";
import { notTheirs } from "./view.ts";

const AGAIN = { href: "/", text: "Begin again" };

/**
 * `POST /.latchkey/enter`: makes the browser a device of the ticket's user, and opens the app. The ticket must be for
 * this host, and for the browser that was offered the sign-in: a stolen or planted one opens nothing.
 */
export async function enter(
  services: Services,
  { sealer, browsers }: DoorServices,
  visit: Visit,
  form: URLSearchParams,
  now: number,
): Promise<Response> {
  const ticket = await openTicket(sealer, field(form, "ticket"));
  if (ticket === undefined || !(await isForThisBrowser(ticket, visit))) {
    return show(
      notice("Please begin again", "This sign-in is too old, or was begun in another browser.", AGAIN),
      400,
    );
  }
  if (!services.apps.maySignIn(ticket.user, visit.hostname)) {
    return show(notice("Not for you", "This app is not open to you any more.", AGAIN), 400);
  }
  const isShort = form.has("short");
  const { text: secret, key } = isShort
    ? await services.secrets.newBrowserSecret(visit.hostname)
    : await services.secrets.browserSecretFor(visit.hostname, ticket.secret);
  const { user, opener, authTime, destination } = ticket;
  if (!(await isStillTheirs(services, ticket))) return show(notTheirs("/"), 400);
  const by = visit.by(userActor(user), now);
  const opened = await browsers.open(
    by,
    user,
    { key, name: clientName(visit.userAgent), isShort, former: isShort ? null : ticket.former },
    { opener, authTime, app: destination.host, ticket: ticket.id, ticketEndsAt: ticket.endsAt },
  );
  if (!opened.ok) {
    const why = SENTENCES[opened.error.code as BrowserError["code"]] ?? SENTENCES["used-ticket"];
    return show(notice("Not signed in", why, AGAIN), 400);
  }
  services.forget(key);
  // Once more: whoever took it from the user signed out what was open just before this was.
  if (!(await isStillTheirs(services, ticket))) {
    await browsers.endOne(by, user, key);
    return show(notTheirs("/"), 400);
  }
  const response = seeOther(visit.url.origin + destination.to);
  response.headers.append("Set-Cookie", setBrowser(secret, isShort));
  response.headers.append("Set-Cookie", clearEntry());
  return response;
}

/** The identity may have been taken from its user since the person came back from the provider. */
async function isStillTheirs({ directory }: Services, { user, opener }: Ticket): Promise<boolean> {
  return (await directory.ask((directory) => directory.userOfIdentity(opener))) === user;
}

const SENTENCES: Record<BrowserError["code"], string> = {
  "used-ticket": "This sign-in is finished already.",
  "browser-shut-out": "This browser was suspended, reported lost or revoked in the meantime.",
  "stale-sign-in": "A browser of yours was reported lost in the meantime, so you must sign in again.",
  "too-many-browsers":
    "You have signed in with too many new browsers within an hour. Wait a while. If that was not you, somebody else is signing in as you: tell the person who runs this gate.",
};

async function isForThisBrowser({ destination }: Ticket, { request, hostname }: Visit): Promise<boolean> {
  const entry = cookieValue(request.headers.get("cookie"), ENTRY_COOKIE);
  if (destination.host !== hostname || entry === undefined) return false;
  return (await digestOfEntry(entry)) === destination.entry;
}

/**
 * `POST /.latchkey/offer`, from the door's own page: what the gate offers a browser that opens the app, for one that never
 * sees it, since a service worker of the app answers it.
 */
export async function offer({ adminHost }: Services, { request, url }: Visit): Promise<Response> {
  const { address, cookie } = await offerOf(
    new URL("/", url),
    adminHost ?? "",
    request.headers.get("cookie"),
  );
  return seeOther(address, { "Set-Cookie": cookie, "Referrer-Policy": "no-referrer" });
}

/** `POST /.latchkey/leave`: signs this browser out, on every app. */
export async function leave(
  services: Services,
  { browsers, settings }: DoorServices,
  visit: Visit,
  now: number,
): Promise<Response> {
  const secret = cookieValue(visit.request.headers.get("cookie"), BROWSER_COOKIE);
  const key =
    secret === undefined ? undefined : await services.secrets.readBrowserSecret(visit.hostname, secret);
  const owner = key === undefined ? null : await services.directory.ask((directory) => directory.owner(key));
  if (key !== undefined && owner !== null) {
    await browsers.endOne(visit.by(userActor(owner), now), owner, key);
    services.forget(key);
  }
  const page = notice(
    "Signed out",
    `This browser is signed out of every app behind this gate. You may still be signed in with ${settings.label}: on a computer that is not yours, sign out there, too.`,
    { href: "/", text: "Back to the app" },
  );
  return show(page, 200, { "Set-Cookie": clearBrowser() });
}
