// Access applications: one that covers a host answers with a sign-in page before the gate runs.
import type * as v from "valibot";
import { ACCESS_APP } from "../../client/access-answers.ts";
import { isRefusal } from "../../client/failure.ts";
import { type AccountSource, accountCheck, failedCheck, gatedNames, listed, passed } from "../check.ts";

export interface AccessApp {
  id: string;
  name: string;
  /** Where it applies: `host/path`; `*` may stand for anything. */
  places: readonly string[];
  /** Workers that it covers: their names, or `*` for all. */
  workers: readonly string[];
  /** One of its policies lets everyone pass without a sign-in. */
  letsEveryonePass: boolean;
  /** One lets someone pass without a sign-in, or everyone who signs in with any identity, or may do so. */
  letsSomeonePass: boolean;
  /** Access as an identity provider: the client that signs people in with it. `null`: another kind of application. */
  client: { id: string; redirectUris: readonly string[] } | null;
  /** Whom its policies let in by address, in lower case. */
  emails: readonly string[];
}

/** `access.api.error.not_enabled`: assumed, never seen on a real account. */
const ACCESS_NOT_ENABLED = 9999;

type Policy = NonNullable<v.InferOutput<typeof ACCESS_APP>["policies"]>[number];

const includesEveryone = ({ include, require }: Policy) =>
  (require ?? []).length === 0 && (include ?? []).some((rule) => "everyone" in rule);

/** It asks for a sign-in, a service token or a certificate of certain people, or lets nobody pass. */
function isGuarding(policy: Policy): boolean {
  if (policy.decision === "allow") return !includesEveryone(policy);
  return policy.decision === "deny" || policy.decision === "non_identity";
}

/** Access applications of the account; one that never opened Zero Trust has none. */
export async function readAccessApps({
  client,
  account,
}: Pick<AccountSource, "client" | "account">): Promise<AccessApp[]> {
  try {
    const apps = await client.list(
      { permission: "access-read", what: "list the Access applications" },
      (sdk, { page }) => sdk.zeroTrust.access.applications.list({ account_id: account, per_page: 100, page }),
      ACCESS_APP,
    );
    return apps.map(toApp);
  } catch (error) {
    if (isRefusal(error, ACCESS_NOT_ENABLED)) return [];
    throw error;
  }
}

function toApp(app: v.InferOutput<typeof ACCESS_APP>): AccessApp {
  const { id, name = "", domain } = app;
  const destinations = app.destinations ?? [];
  // Anything else, such as a private network, is a place too, but on no host.
  const uris = destinations.flatMap(({ type = "public", uri }) => {
    if (type === "public") return uri ?? [];
    return type === "all_workers" || type === "worker" ? [] : [`(${type})`];
  });
  const places = [
    ...new Set([...(domain === undefined ? [] : [domain]), ...(app.self_hosted_domains ?? []), ...uris]),
  ];
  const workers = destinations.flatMap(({ type, worker_name, name: named }) => {
    if (type === "all_workers") return ["*"];
    return type === "worker" ? [worker_name ?? named ?? "*"] : [];
  });
  const letsEveryonePass = (app.policies ?? []).some(
    (policy) =>
      policy.decision === "bypass" && includesEveryone(policy) && (policy.exclude ?? []).length === 0,
  );
  return {
    id,
    name,
    // A bookmark has a domain, and nobody is asked for anything there.
    places: app.type === "bookmark" ? [] : places.map((place) => place.toLowerCase()),
    workers,
    letsEveryonePass,
    letsSomeonePass: app.policies?.every(isGuarding) !== true,
    client:
      app.saas_app?.client_id === undefined
        ? null
        : { id: app.saas_app.client_id, redirectUris: app.saas_app.redirect_uris ?? [] },
    emails: (app.policies ?? []).filter(({ decision }) => decision === "allow").flatMap(emailsOf),
  };
}

function emailsOf({ include }: Policy): string[] {
  return (include ?? []).flatMap(({ email }) => {
    const address = typeof email === "object" && email !== null && "email" in email ? email.email : undefined;
    return typeof address === "string" ? [address.toLowerCase()] : [];
  });
}

export const access = accountCheck({
  id: "access",
  permission: "access-read",
  read: readAccessApps,
  judge(apps, { zones, local }) {
    const covering = coveringAccess(apps, zones.flatMap(gatedNames));
    const byWorker = apps.filter(
      ({ workers, letsEveryonePass }) =>
        !letsEveryonePass && workers.some((name) => name === "*" || name === local.worker),
    );
    if (covering.length === 0 && byWorker.length === 0) {
      return passed("no Access application asks for a sign-in on the hosts");
    }
    return failedCheck(
      listed([
        ...covering.map(({ app, place }) => `the Access application '${app.name}' (${place}) answers first`),
        ...byWorker.map(({ name }) => `the Access application '${name}' protects the Worker itself`),
      ]),
      "let everyone bypass it on these hosts under Zero Trust > Access > Applications, or run latchkey setup",
    );
  },
});

/** Our own sign-in pages: `/.latchkey/` never leads to an app. */
const OWN_PATH = "/.latchkey/";

export interface Covering {
  app: AccessApp;
  host: string;
  place: string;
}

/** Access applications that would answer on a host. Of several, the one with the most specific place decides. */
export function coveringAccess(apps: readonly AccessApp[], hosts: readonly string[]): Covering[] {
  return hosts.flatMap((host) => {
    const places = apps.flatMap((app) =>
      app.places
        .filter((place) => placeMatches(place, host) && !pathOf(place).startsWith(OWN_PATH))
        .map((place) => ({ app, host, place })),
    );
    const whole = places.filter(({ place }) => isWhole(place));
    const exact = whole.filter(({ place }) => hostOf(place) === host);
    const deciding = exact.length > 0 ? exact : whole;
    const parts = places.filter(({ place }) => !isWhole(place));
    return [...deciding, ...parts].filter(({ app }) => !app.letsEveryonePass);
  });
}

/**
 * Whether Access asks everyone for a sign-in on every path of a host. `undefined`: someone passes without one,
 * somewhere; whom and what that opens is not judged.
 */
export function isBehindAccess(apps: readonly AccessApp[], host: string): boolean | undefined {
  if (!coveringAccess(apps, [host]).some(({ place }) => isWhole(place))) return false;
  const isOwn = (place: string) => isWhole(place) && hostOf(place) === host;
  // The host's own application comes before one of a wildcard.
  const hasOwn = apps.some(({ places }) => places.some(isOwn));
  const counts = (place: string) =>
    placeMatches(place, host) ? !hasOwn || isOwn(place) || !isWhole(place) : isUnder(place, host);
  return apps.some(({ letsSomeonePass, places }) => letsSomeonePass && places.some(counts))
    ? undefined
    : true;
}

/** Whether the place is on a name that the host, a wildcard, stands for. */
const isUnder = (place: string, host: string) =>
  host.startsWith("*") && hostOf(place).endsWith(host.slice(1));

export const hostOf = (place: string) => place.replace(/^https?:\/\//, "").replace(/\/.*$/, "");
export const pathOf = (place: string) => place.replace(/^https?:\/\//, "").replace(/^[^/]*/, "");
export const isWhole = (place: string) => ["", "/", "/*", "*"].includes(pathOf(place));

export function placeMatches(place: string, host: string): boolean {
  const pattern = hostOf(place)
    .split("*")
    .map((part) => part.replace(/[.+?^${}()|[\]\\]/g, "\\$&"))
    .join("[^.]*");
  return new RegExp(`^${pattern}$`).test(host);
}
