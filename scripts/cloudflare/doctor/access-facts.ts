import type * as v from "valibot";
import { ACCESS_APP } from "../client/answers.ts";
import type { CloudflareClient } from "../client/client.ts";
import { isRefusal } from "../client/failure.ts";
import type { AccessAppFact } from "./facts.ts";

/** Access applications of the account; one that never opened Zero Trust has none. */
export async function readAccessApps(client: CloudflareClient, account_id: string): Promise<AccessAppFact[]> {
  try {
    const apps = await client.list(
      { permission: "access-read", what: "list the Access applications" },
      (sdk, { page }) => sdk.zeroTrust.access.applications.list({ account_id, per_page: 100, page }),
      ACCESS_APP,
    );
    return apps.map(accessAppFact);
  } catch (error) {
    if (isRefusal(error, ACCESS_NOT_ENABLED)) return [];
    throw error;
  }
}

/** `access.api.error.not_enabled`: believed, never seen on a real account. */
const ACCESS_NOT_ENABLED = 9999;

/** The decisions of policies that ask for a sign-in, a service token or a certificate, or let nobody pass. */
const GUARDING: ReadonlySet<string | undefined> = new Set(["allow", "deny", "non_identity"]);

function accessAppFact(app: v.InferOutput<typeof ACCESS_APP>): AccessAppFact {
  const { id, name = "", domain } = app;
  const destinations = app.destinations ?? [];
  // What is neither a host nor a Worker, a private network say, is a place too, if none of a host's.
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
  const letsEverybodyPass = (app.policies ?? []).some(
    ({ decision, include, require, exclude }) =>
      decision === "bypass" &&
      (require ?? []).length === 0 &&
      (exclude ?? []).length === 0 &&
      (include ?? []).some((rule) => "everyone" in rule),
  );
  const letsSomebodyPass = app.policies?.every(({ decision }) => GUARDING.has(decision)) !== true;
  return {
    id,
    name,
    // A bookmark has a domain, and nobody is asked for anything there.
    places: app.type === "bookmark" ? [] : places.map((place) => place.toLowerCase()),
    workers,
    letsEverybodyPass,
    letsSomebodyPass,
  };
}
