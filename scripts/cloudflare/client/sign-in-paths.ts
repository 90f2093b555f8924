// The paths of signing in with an identity provider: what Access must let pass, and where the provider sends people.
import { ENTER_PATH, LEAVE_PATH, OFFER_PATH, PATHS } from "../../../src/contract/paths.ts";

/** What a browser without a session needs on the admin host: an invitation's page, its script and its style. */
export const WELCOME_PATHS: readonly string[] = [PATHS.welcome, PATHS.welcomeScript, PATHS.style];
/** What a sign-in needs there: its start, its end, and what the provider calls when a session ends. */
export const DOOR_PATHS: readonly string[] = [PATHS.signIn, PATHS.callback, PATHS.backchannelLogout];
/** Where a browser is offered a sign-in on an app's host, enters it, and signs out. */
export const APP_PATHS: readonly string[] = [OFFER_PATH, ENTER_PATH, LEAVE_PATH];

/** The redirect address to register at the provider. */
export function redirectAddress(adminHost: string): string {
  return `https://${adminHost}${PATHS.callback}`;
}
