// The paths of signing in with an identity provider: what Access must let pass, and where the provider sends people.
import { PATHS } from "../../../src/contract/paths.ts";

const CALLBACK_PATH = "/.latchkey/callback";

/** What a browser without a session needs on the admin host: an invitation's page, its script and its style. */
export const WELCOME_PATHS: readonly string[] = [PATHS.welcome, PATHS.welcomeScript, PATHS.style];
/** What a sign-in needs there: its start, its end, and what the provider calls when a session ends. */
export const DOOR_PATHS: readonly string[] = [PATHS.signIn, CALLBACK_PATH, "/.latchkey/backchannel-logout"];
/** Where a browser enters an app's host when its person has signed in, and where it signs out. */
export const APP_PATHS: readonly string[] = ["/.latchkey/enter", "/.latchkey/leave"];

/** The redirect address to register at the provider. */
export function redirectAddress(adminHost: string): string {
  return `https://${adminHost}${CALLBACK_PATH}`;
}
