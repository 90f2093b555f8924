// An app behind the gate: its settings, and how its clients take refusals.
import type { AppName } from "../apps/names.ts";
import type { UserId } from "../user.ts";
import type { PathRules } from "./path-rules.ts";

/** How an app's clients take refusals: `[vars.APPS."host"] profile`. */
export type Profile = { name: "web" | "bitwarden" | "sync" } | { name: "custom"; answer: CustomAnswer };
export type ProfileName = Profile["name"];

/** The owner's own answer; `parseConfig` has refused every status that would do harm. */
export interface CustomAnswer {
  status: number;
  retryAfterSeconds: number | null;
  body: string;
  contentType: string;
}

/** In the order of the columns of `ANSWERS` (gate/answers.ts). */
export const PROFILE_NAMES = ["web", "bitwarden", "sync", "custom"] as const satisfies readonly ProfileName[];

/** The profile of an app that names none, and of a host that is no app. */
export const DEFAULT_PROFILE: Profile = { name: "web" };

/** An app's settings, as far as the decision needs them. */
export interface AppRules {
  /** Whether browsers are let in by signing in with the identity provider: of everybody, or of these users only. */
  signIn: boolean | ReadonlySet<UserId>;
  /** ISO 3166-1 alpha-2 codes from which requests may come; `null` = from anywhere. */
  countries: ReadonlySet<string> | null;
}

/** An app's settings: `[vars.APPS."host"]`. */
export interface App extends AppRules {
  /** Its name, where `profile` names an app instead of a profile. */
  name?: AppName;
  /** How its clients take refusals. */
  profile: Profile;
  /** Paths that need no credential. */
  publicPaths: PathRules;
  /** Whether CORS preflights pass: they never carry a certificate (Fetch standard). */
  preflight: boolean;
  /** Whether a device token may be the HTTP Basic password: only if the app doesn't use HTTP Basic itself. */
  basic: boolean;
  /** Origins whose pages may send a device token: the gate answers their preflights itself. */
  origins: ReadonlySet<string>;
}

/** Whether this user may sign in to an app with the identity provider. */
export function maySignIn({ signIn }: Pick<AppRules, "signIn">, user: UserId): boolean {
  return typeof signIn === "boolean" ? signIn : signIn.has(user);
}

/** Whether a lost device can be told to delete its vault: that is what the profile `bitwarden` does, and no other. */
export function canWipe({ profiles }: { profiles: readonly { profile: string }[] }): boolean {
  return profiles.some(({ profile }) => profile === "bitwarden");
}
