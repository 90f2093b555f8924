// No I/O. No clock.

import { PATHS } from "../contract/paths.ts";
import { SIGN_INS_AN_HOUR } from "../domain/credential.ts";
import { type Html, html } from "./html/html.ts";
import { layout } from "./html/layout.ts";
import { duration } from "./html/times.ts";

interface SignIn {
  /** The gate's own host: whose sign-in page this is. */
  hostname: string;
  /** The page to show after it. */
  next: string;
  wrong?: boolean;
  /** The token is right but has signed in too often: how long it must wait. */
  waitMs?: number;
  signedOut?: boolean;
  /** The session was over when a form was sent. */
  expired?: boolean;
}

/** Where anybody may present a token. */
export function signInPage(state: SignIn): Html {
  const message = messageOf(state);
  const role = state.signedOut === true ? "status" : "alert";
  return layout(
    { title: "Sign in" },
    html`${message === undefined ? "" : html`<p class="message" role="${role}">${message}</p>`}
<p>To manage the devices of <strong>${state.hostname}</strong>.</p>
<form method="post" action="${PATHS.signIn}">
<input type="hidden" name="next" value="${state.next}">
<p><label for="token">Your token</label>
<input id="token" name="token" type="password" required autocomplete="current-password" autocapitalize="none" spellcheck="false" aria-describedby="token-hint"></p>
<p id="token-hint" class="hint">The <code>ADMIN_TOKEN</code>, or a personal token that the owner gave you. This browser stays signed in for 12 hours, or until you sign out.</p>
<p><button>Sign in</button></p>
</form>`,
  );
}

function messageOf({ wrong, waitMs, signedOut, expired }: SignIn): string | undefined {
  if (waitMs !== undefined)
    return `You signed in ${SIGN_INS_AN_HOUR} times within an hour with this token. Wait ${duration(waitMs)}, then try again. If that was not you, somebody else has your token: have it revoked.`;
  if (wrong === true) return "This token is not valid: it may be mistyped, revoked or expired.";
  if (expired === true) return "Your session has ended. Nothing was changed: sign in and try again.";
  return signedOut === true ? "You are signed out." : undefined;
}
