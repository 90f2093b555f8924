// What people see while they sign in with the identity provider.
import type { SignInFailure } from "../../auth/provider.ts";
import { ENTER_PATH, OFFER_PATH, PATHS } from "../../contract/paths.ts";
import type { Person } from "../../domain/person.ts";
import type { UserId } from "../../domain/user.ts";
import { CONTENT_SECURITY_POLICY, type Html, html } from "../html/html.ts";
import { layout, notice } from "../html/layout.ts";
import { grouped, possessive } from "../html/words.ts";
import { originOf } from "./destination.ts";

export type Failure = SignInFailure;

/** The form goes to the app's host: its `Origin` must be sent along, and the app may redirect further. */
export const HAND_OVER_HEADERS = formHeaders("https:");

/** Browsers apply the policy to the redirects behind a form as well: here they end at the provider. */
export function toOfferHeaders(issuer: string): Record<string, string> {
  return formHeaders(issuer.startsWith("http:") ? "https: http:" : "https:");
}

function formHeaders(targets: string) {
  return {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY.replace(
      "form-action 'self'",
      `form-action ${targets}`,
    ),
    "Referrer-Policy": "strict-origin",
  };
}

const OWNER = "the person who runs this gate";

function again(href: string, text = "Sign in again") {
  return { href, text };
}

/** A person who may enter. */
interface Entrant {
  ticket: string;
  user: UserId;
  name: string | null;
  /** The app's host. */
  host: string;
}

/** Takes a person on to the app. */
export function handOver({ ticket, user, name, host }: Entrant, url: URL): Html {
  return layout(
    { title: "Signed in" },
    html`<p>You are <strong>${name ?? user}</strong>. This browser can now open <strong>${host}</strong>.</p>
<form method="post" action="${originOf(host, url)}${ENTER_PATH}">
<input type="hidden" name="ticket" value="${ticket}">
<p><input type="checkbox" id="short" name="short" aria-describedby="short-hint"><label for="short" class="inline">This is not my computer</label></p>
<p id="short-hint" class="hint">Then it is signed out after an hour. Otherwise it stays signed in for as long as you use it at least once in 30 days. It is listed among your devices.</p>
<p><button>Open ${host}</button></p>
</form>`,
  );
}

/** Takes a person to the app's host, where the sign-in begins. */
export function toOffer(host: string, url: URL): Html {
  return layout(
    { title: "Sign in" },
    html`<p>To open <strong>${host}</strong> in this browser.</p>
<form method="post" action="${originOf(host, url)}${OFFER_PATH}"><p><button>Sign in</button></p></form>`,
  );
}

/** On the way to one of our own pages. */
export function signedIn(path: string): Html {
  return notice("Signed in", "The page opens in a moment.", { href: path, text: "Open it now" });
}

/** The provider knows this person, and we do not yet. */
export function waiting(comparisonCode: string, href: string): Html {
  return layout(
    { title: "Nearly there" },
    html`<p>You are signed in, but not known here yet. Ask ${OWNER} to let you in, and tell them this code:</p>
<p class="code">${grouped(comparisonCode)}</p>
<p><a class="button" href="${href}">I have been let in</a></p>`,
  );
}

export function notNoted({ email }: Person): Html {
  const address = email === null ? "your email address" : `your email address, ${email},`;
  return notice(
    "Not known here",
    `You are signed in, but not known here, and too many people are waiting to be let in. Ask ${OWNER} to add ${address} to your user.`,
  );
}

/** The app is open to other users only. */
export function notForYou(user: UserId, host: string): Html {
  return notice(
    "Not for you",
    `You are signed in as ${user}, who may not open ${host}. Ask ${OWNER} to change that.`,
    { href: PATHS.home, text: "Latchkey’s own pages" },
  );
}

/** The identity was taken from its user in the meantime. */
export function notTheirs(href: string): Html {
  const why = "Your account at the identity provider no longer belongs to a user here.";
  return notice("Not signed in", why, again(href));
}

/** This very browser is a device that somebody suspended or reported lost. */
export function shutOut(user: UserId): Html {
  return notice(
    "This browser is shut out",
    `It is one of ${possessive(user)} devices, but somebody suspended it or reported it lost, or its time is up. Ask ${OWNER} to let it back in.`,
  );
}

/** The provider does not say that the person authenticated after a browser was lost. */
export function stale(user: UserId): Html {
  return notice(
    "Please ask for help",
    `A browser of ${possessive(user)} was reported lost, and your provider does not confirm that you have signed in there since. End your sessions at the provider; then ask ${OWNER} to revoke and forget the lost browser.`,
  );
}

export function tooLate(): Html {
  return notice(
    "Please begin again",
    "This sign-in took longer than ten minutes or is finished already, or you began another one in this browser. Open the app, and sign in from there.",
    { href: PATHS.home, text: "Latchkey’s own pages" },
  );
}

export function tooOften(href: string): Html {
  return notice(
    "Please wait",
    "There were too many sign-ins at once. Wait a minute, then try again.",
    again(href),
  );
}

/** The sign-in failed at the provider, or on the way back from there. */
export function failed(failure: Failure, label: string, href: string): Html {
  switch (failure.code) {
    case "refused":
      return notice(
        "Not signed in",
        `${capitalised(label)} did not sign you in (${failure.error}).`,
        again(href),
      );
    case "not-ours":
      return notice(
        "Not signed in",
        "The answer that came back does not belong to this sign-in. Nothing was changed.",
        again(href),
      );
    case "issuer-unavailable":
      return notice(
        "Please try again later",
        `${capitalised(label)} does not answer. Browsers that are signed in stay signed in.`,
        again(href, "Try again"),
      );
    default:
      return notice(
        "Sign-in is not set up properly",
        `${capitalised(label)} and this gate do not work together. Ask ${OWNER} to run latchkey doctor, or to look into the log.`,
        again(href, "Try again"),
      );
  }
}

function capitalised(label: string): string {
  return label.charAt(0).toUpperCase() + label.slice(1);
}
