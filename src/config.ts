// The configuration: what `wrangler.toml` and the secrets say, checked.
import * as v from "valibot";
import { AppSchema, TableSchema, toApp } from "./contract/app-settings.ts";
import { MIN_ADMIN_TOKEN_CHARACTERS } from "./contract/limits.ts";
import { SignInSchema, type SignInSettings, toSignInSettings } from "./contract/sign-in-settings.ts";
import { FINGERPRINT_HINT, type Fingerprint, parseFingerprint } from "./domain/fingerprint.ts";
import { err, ok, type Result } from "./domain/general/result.ts";
import type { App } from "./domain/request/app.ts";
import { isHostname } from "./domain/request/hostname.ts";
import { NotifyOffSchema, NotifySecretSchema, NotifyUrlsSchema } from "./notify/settings.ts";
import type { RegistryBindings } from "./registry/client/objects.ts";

export interface Config {
  /** By hostname, as `hostnameOf` returns it. */
  apps: ReadonlyMap<string, App>;
  /** `APPS."*"`: the settings of hostnames that are not named. */
  defaultApp: App | undefined;
  revocationDelayMs: number;
  /** Certificates that are refused without asking the registry: the emergency brake if it cannot be written to. */
  blocked: ReadonlySet<Fingerprint>;
  /**
   * The host of the pages and the API, which is never an app's: an app on the same host could read the pages.
   * `null`: there are no pages for people, and the apps' hosts serve the API.
   */
  adminHost: string | null;
  /** `null`: the API is off. */
  adminToken: string | null;
  /** `null`: nobody signs in with an identity provider. */
  signIn: SignInSettings | null;
  /** Whether anybody is notified of events. Where and how is read by the objects that notify. */
  notifies: boolean;
  bindings: RegistryBindings;
  /** Mistakes that harm nobody, for the log. */
  warnings: ConfigProblem[];
}

/** What is wrong with a variable of `wrangler.toml` or with a secret, for the owner's log. */
export interface ConfigProblem {
  /** For example `APPS."vault.example.com".countries`. */
  variable: string;
  message: string;
}

const REVOCATION_DELAY_DEFAULT_SECONDS = 10;
/** An hour: nobody would call anything slower a revocation. */
const REVOCATION_DELAY_MAX_SECONDS = 3600;
const DELAY_HINT = `must be a number of seconds from 0 to ${REVOCATION_DELAY_MAX_SECONDS}`;

const AppsSchema = v.pipe(
  TableSchema("apps by hostname"),
  v.record(
    v.pipe(
      v.string(),
      v.check(
        (key) => key === "*" || isHostname(key),
        ({ input }) =>
          `${JSON.stringify(input)} is not a hostname: write it in lower case, without scheme, port or path`,
      ),
    ),
    AppSchema,
  ),
  v.check((apps) => Object.keys(apps).length > 0, "names no app"),
);

// Variables set in the dashboard arrive as strings, those of wrangler.toml as numbers.
const DelaySchema = v.pipe(
  v.union([v.number(), v.pipe(v.string(), v.regex(/^\d{1,4}(\.\d+)?$/), v.transform(Number))], DELAY_HINT),
  v.check((seconds) => seconds >= 0 && seconds <= REVOCATION_DELAY_MAX_SECONDS, DELAY_HINT),
);

const NamespaceSchema = v.custom<DurableObjectNamespace>(
  (value) => typeof value === "object" && value !== null && "getByName" in value,
  "is not bound to a Durable Object class: see [[durable_objects.bindings]] in wrangler.toml",
);

/** Longer entries are cut in messages, in characters. */
const ENTRY_SHOWN_MAX = 100;

/** `BLOCKED`: one malformed entry makes the whole list a problem, since it may be the device that must be kept out. */
const BlockedSchema = v.pipe(
  v.string("must be a string of fingerprints, separated by commas or spaces"),
  v.rawTransform(({ dataset, addIssue, NEVER }) => {
    const blocked = new Set<Fingerprint>();
    for (const entry of dataset.value.split(/[\s,]+/).filter((text) => text !== "")) {
      const fingerprint = parseFingerprint(entry);
      if (fingerprint === undefined) {
        addIssue({ message: `${JSON.stringify(entry.slice(0, ENTRY_SHOWN_MAX))}: ${FINGERPRINT_HINT}` });
      } else blocked.add(fingerprint);
    }
    return dataset.issues === undefined ? blocked : NEVER;
  }),
);

const EnvSchema = v.object(
  {
    APPS: AppsSchema,
    REVOCATION_DELAY_SECONDS: v.optional(DelaySchema, REVOCATION_DELAY_DEFAULT_SECONDS),
    ADMIN_HOST: v.optional(
      v.pipe(v.string("must be a hostname"), v.check(isHostname, "must be a hostname in lower case")),
    ),
    ADMIN_TOKEN: v.optional(v.string("must be a string")),
    SIGN_IN: v.optional(SignInSchema),
    SIGN_IN_SECRET: v.optional(v.pipe(v.string("must be a string"), v.minLength(1, "is empty"))),
    BLOCKED: v.optional(BlockedSchema, ""),
    NOTIFY_URLS: v.optional(NotifyUrlsSchema, []),
    NOTIFY_SECRET: v.optional(NotifySecretSchema),
    NOTIFY_OFF: v.optional(NotifyOffSchema, []),
    USER_REGISTRY: NamespaceSchema,
    DIRECTORY: NamespaceSchema,
  },
  ({ expected }) => `is missing (${expected})`,
);

/**
 * The only place that reads the Worker's environment. Anything missing or malformed is a problem, and so is an unknown
 * setting of an app (a `countires` that limits nothing opens the door). With a problem, the Worker refuses everything. A
 * missing or short `ADMIN_TOKEN` only turns the API off.
 */
export function parseConfig(env: unknown): Result<Config, ConfigProblem[]> {
  const parsed = v.safeParse(EnvSchema, env);
  if (!parsed.success) return err(parsed.issues.map(toProblem));
  const { APPS, ADMIN_TOKEN, ADMIN_HOST, REVOCATION_DELAY_SECONDS, NOTIFY_URLS, BLOCKED } = parsed.output;
  const { SIGN_IN, SIGN_IN_SECRET = null } = parsed.output;
  if (ADMIN_HOST !== undefined && Object.hasOwn(APPS, ADMIN_HOST)) return err([sharedHost(ADMIN_HOST)]);
  const missing = missingForSignIn(parsed.output);
  if (missing.length > 0) return err(missing);

  const apps = new Map<string, App>();
  for (const [hostname, settings] of Object.entries(APPS)) apps.set(hostname, toApp(settings));
  const defaultApp = apps.get("*");
  apps.delete("*");

  const tokenIsGood = ADMIN_TOKEN !== undefined && ADMIN_TOKEN_FORM.test(ADMIN_TOKEN);
  return ok({
    apps,
    defaultApp,
    revocationDelayMs: REVOCATION_DELAY_SECONDS * 1000,
    blocked: BLOCKED,
    adminHost: ADMIN_HOST ?? null,
    adminToken: tokenIsGood ? ADMIN_TOKEN : null,
    signIn: SIGN_IN === undefined ? null : toSignInSettings(SIGN_IN, SIGN_IN_SECRET),
    notifies: NOTIFY_URLS.length > 0,
    bindings: env as RegistryBindings,
    warnings: tokenIsGood ? [] : [tokenWarning(ADMIN_TOKEN)],
  });
}

/**
 * The settings for a hostname (as `hostnameOf` returns it), or `undefined` if there is no such app. The `ADMIN_HOST` has
 * none, not even through `APPS."*"`.
 */
export function appOf(config: Config, hostname: string): App | undefined {
  return config.apps.get(hostname) ?? (mayBeApp(config, hostname) ? config.defaultApp : undefined);
}

function mayBeApp({ adminHost }: Config, hostname: string): boolean {
  return hostname !== adminHost && isHostname(hostname);
}

/** Signing in needs the provider, and the `ADMIN_HOST` as its door. */
function missingForSignIn({ APPS, SIGN_IN, ADMIN_HOST }: v.InferOutput<typeof EnvSchema>): ConfigProblem[] {
  if (APPS["*"]?.signIn) {
    // A hand-over to a host that nobody named would give it the ticket.
    return [{ variable: 'APPS."*".signIn', message: "works for hosts that APPS names only" }];
  }
  const app = Object.entries(APPS).find(([, { signIn }]) => signIn)?.[0];
  if (app !== undefined && SIGN_IN === undefined) {
    const message = `is missing: APPS."${app}" has signIn`;
    return [{ variable: "SIGN_IN", message }];
  }
  if (SIGN_IN === undefined || ADMIN_HOST !== undefined) return [];
  return [{ variable: "ADMIN_HOST", message: "is missing: people sign in on that host (SIGN_IN)" }];
}

/** A page of an app, or its service worker, could read what is typed on a page of ours on the same host. */
function sharedHost(host: string): ConfigProblem {
  const message = `${JSON.stringify(host)} is one of APPS: the pages need a host without an app, such as latchkey.example.com`;
  return { variable: "ADMIN_HOST", message };
}

/** What a header can carry unchanged: a token with a line break at its end would match none that is sent. */
const ADMIN_TOKEN_FORM = new RegExp(`^[\\x21-\\x7e]{${MIN_ADMIN_TOKEN_CHARACTERS},}$`);

function tokenWarning(token: string | undefined): ConfigProblem {
  const what =
    token === undefined
      ? "is not set"
      : token.length < MIN_ADMIN_TOKEN_CHARACTERS
        ? `is shorter than ${MIN_ADMIN_TOKEN_CHARACTERS} characters`
        : "contains spaces, line breaks or other characters that no header can carry";
  return { variable: "ADMIN_TOKEN", message: `${what}: the API is off (wrangler secret put ADMIN_TOKEN)` };
}

function toProblem(issue: v.BaseIssue<unknown>): ConfigProblem {
  const keys = (issue.path ?? []).map(({ key }) => String(key));
  const variable = keys
    .map((key, index) => (index === 0 ? key : /^\w+$/.test(key) ? `.${key}` : `."${key}"`))
    .join("");
  return { variable: variable === "" ? "env" : variable, message: issue.message };
}
