// The settings of an app in `APPS`: their schema, and what the gate makes of them.
import * as v from "valibot";
import { APP_NAMES, APP_PROFILES, type AppName, isAppName } from "../domain/apps/names.ts";
import { nearest } from "../domain/general/nearest.ts";
import type { App } from "../domain/request/app.ts";
import { type CustomAnswer, PROFILE_NAMES, type ProfileName } from "../domain/request/app.ts";
import { isCountry } from "../domain/request/country.ts";
import { pathPatternProblem, pathRules } from "../domain/request/path-rules.ts";
import { parseUserId, type UserId } from "../domain/user.ts";

// valibot accepts a list as an object without fields.
export const TableSchema = (of: string) =>
  v.custom<object>(
    (value) => typeof value === "object" && value !== null && !Array.isArray(value),
    `must be a table of ${of}`,
  );

export const CountrySchema = v.pipe(
  v.string("must be a country's code, such as CH"),
  v.check(isCountry, ({ input }) => `${JSON.stringify(input)} is not an ISO 3166-1 alpha-2 code, such as CH`),
);

export const PathSchema = v.pipe(
  v.string("must be a path, such as /share/*"),
  v.rawCheck(({ dataset, addIssue }) => {
    const problem = dataset.typed ? pathPatternProblem(dataset.value) : undefined;
    if (problem !== undefined) addIssue({ message: `${JSON.stringify(dataset.value)} ${problem}` });
  }),
);

const ORIGIN_HINT = "must be an origin, such as https://notes.example.com: no path, no trailing slash, no *";
const OriginSchema = v.pipe(
  v.string(ORIGIN_HINT),
  v.check((text) => {
    const url = URL.parse(text);
    return (
      url !== null && /^(?:https?|app|capacitor):$/.test(url.protocol) && /^[a-z]+:\/\/[^/?#@*]+$/.test(text)
    );
  }, ORIGIN_HINT),
);

/** What a status does to people's data: such a status is never an answer. */
const HARMFUL_STATUSES: Record<number, string> = {
  401: "401 makes Bitwarden's clients delete their vault, and others sign out",
  403: "403 makes Bitwarden's clients delete their vault, and DAVx5 its collections",
  407: "407 makes clients ask for a proxy's password, and send it",
  410: "410 makes DAVx5 delete its collections, and Home Assistant register again",
};

function statusProblem(status: number): string | undefined {
  if (status < 200) return "1xx is no final answer: clients wait for another one";
  if (status < 300) return "2xx makes clients take the refusal for the app's data, and store it";
  if (status < 400) return "3xx sends clients elsewhere: Android's Bitwarden takes it for a sign-in page";
  return HARMFUL_STATUSES[status];
}

const StatusSchema = v.pipe(
  v.number("must be a number"),
  v.integer("must be a whole number"),
  v.minValue(100, "must be an HTTP status, 400 to 599"),
  v.maxValue(599, "must be an HTTP status, 400 to 599"),
  v.rawCheck(({ dataset, addIssue }) => {
    const problem = dataset.typed ? statusProblem(dataset.value) : undefined;
    if (problem !== undefined) addIssue({ message: problem });
  }),
);

const BodySchema = v.pipe(
  v.string("must be a string"),
  v.check(
    (body) => !/invalid_grant/i.test(body),
    "invalid_grant makes Bitwarden's clients delete their vault, and Home Assistant's sign out",
  ),
);

const SIGN_IN_HINT = 'must be true, false, or a list of users, such as ["alice", "bob"]';
const SignInRuleSchema = v.union(
  [
    v.boolean(),
    v.pipe(
      v.array(
        v.pipe(
          v.string(),
          v.check((id) => parseUserId(id) !== undefined),
        ),
      ),
      v.minLength(1),
    ),
  ],
  SIGN_IN_HINT,
);

/** What `profile` may be: a profile, or an app that stands for one. */
export type ProfileSetting = ProfileName | AppName;
const PROFILE_SETTINGS: readonly ProfileSetting[] = [...PROFILE_NAMES, ...APP_NAMES];

/** What is wrong with an unknown `profile`, and what was probably meant. */
export function profileProblem(written: unknown): string {
  const [near] = typeof written === "string" ? nearest(written, PROFILE_SETTINGS) : [];
  const choice = `must be one of ${PROFILE_NAMES.join(", ")}, or an app known by name (docs/apps.md)`;
  return near === undefined ? choice : `${choice}: did you mean ${near}?`;
}

/** The profile that a setting stands for. */
export function profileOf(setting: ProfileSetting): ProfileName {
  return isAppName(setting) ? APP_PROFILES[setting] : setting;
}

/** The setting as it is written; `undefined`: there is no such profile or app. */
export function parseProfile(written: unknown): ProfileSetting | undefined {
  return PROFILE_SETTINGS.find((setting) => setting === written);
}

/** The settings of `profile = "custom"`, and what they are when they are left out. */
const CUSTOM_DEFAULTS: CustomAnswer = {
  status: 404,
  retryAfterSeconds: null,
  body: "Not Found",
  contentType: "text/plain; charset=utf-8",
};

/** `[vars.APPS."host"]`; a setting that we do not know is an error: `countires` would open the door. */
export const AppSchema = v.pipe(
  TableSchema("settings"),
  v.strictObject(
    {
      countries: v.optional(
        v.pipe(
          v.array(CountrySchema, 'must be a list of countries\' codes, such as ["CH", "DE"]'),
          v.minLength(1, "names no country, so nobody could pass: leave it out to allow every country"),
        ),
      ),
      profile: v.optional(
        v.picklist(PROFILE_SETTINGS, ({ input }) => profileProblem(input)),
        "web",
      ),
      public: v.optional(v.array(PathSchema, 'must be a list of paths, such as ["/share/*"]'), []),
      preflight: v.optional(v.boolean("must be true or false"), false),
      basic: v.optional(v.boolean("must be true or false"), false),
      signIn: v.optional(SignInRuleSchema, false),
      origins: v.optional(
        v.array(OriginSchema, 'must be a list of origins, such as ["https://notes.example.com"]'),
        [],
      ),
      status: v.optional(StatusSchema),
      retryAfter: v.optional(
        v.pipe(
          v.number("must be a number of seconds"),
          v.integer("must be a whole number of seconds"),
          v.minValue(1, "must be at least 1 second"),
          v.maxValue(86_400, "must be at most a day, 86400 seconds"),
        ),
      ),
      body: v.optional(BodySchema),
      contentType: v.optional(
        v.pipe(
          v.string("must be a string"),
          v.regex(/^[\w.+-]+\/[\w.+-]+(?:; *[\w-]+=[\w.-]+)*$/, "must be a media type, such as text/plain"),
        ),
      ),
    },
    ({ received }) => `is not a setting of an app (${received})`,
  ),
  v.rawCheck(({ dataset, addIssue }) => {
    if (!dataset.typed || dataset.value.profile === "custom") return;
    for (const setting of ["status", "retryAfter", "body", "contentType"] as const) {
      if (dataset.value[setting] !== undefined) {
        addIssue({ message: `${setting} goes with profile = "custom" only` });
      }
    }
  }),
);

/** The settings of an app, as the gate reads them. */
export function toApp(settings: v.InferOutput<typeof AppSchema>): App {
  const { countries, preflight, basic, signIn, status, retryAfter, body, contentType } = settings;
  const profile = profileOf(settings.profile);
  return {
    ...(isAppName(settings.profile) ? { name: settings.profile } : {}),
    countries: countries === undefined ? null : new Set(countries),
    profile:
      profile === "custom"
        ? {
            name: profile,
            answer: {
              status: status ?? CUSTOM_DEFAULTS.status,
              retryAfterSeconds: retryAfter ?? CUSTOM_DEFAULTS.retryAfterSeconds,
              body: body ?? CUSTOM_DEFAULTS.body,
              contentType: contentType ?? CUSTOM_DEFAULTS.contentType,
            },
          }
        : { name: profile },
    publicPaths: pathRules(settings.public),
    preflight,
    basic,
    signIn: typeof signIn === "boolean" ? signIn : new Set(signIn as UserId[]),
    origins: new Set(settings.origins),
  };
}
