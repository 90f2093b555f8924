// The Worker: what is deployed under which addresses, and what `wrangler.toml` would deploy.
import { CUSTOM_DOMAINS, WORKER_ADDRESSES, WORKER_SETTINGS } from "../../client/answers.ts";
import { unlessMissing } from "../../client/failure.ts";
import { readSecretNames } from "../../client/worker-secret.ts";
import {
  type AccountSource,
  accountCheck,
  failedCheck,
  gatedNames,
  listed,
  nothing,
  passed,
  type Verdict,
} from "../check.ts";

const DEPLOY = "run latchkey deploy";
const missing = (worker: string): Verdict =>
  failedCheck(`the Worker ${worker} is not deployed`, "run latchkey setup");

/** The next deploy would make true what the file says. */
export const wranglerToml = accountCheck({
  id: "wrangler-toml",
  permission: null,
  read: nothing,
  judge: (_, { local: { dangers } }) =>
    dangers.length === 0
      ? passed("wrangler.toml opens nothing")
      : failedCheck(
          `wrangler.toml opens the gate at the next deploy: ${listed(dangers)}`,
          "put it back as it was: see docs/configuration.md, settings that must stay as they are",
        ),
});

/** `null`: no such Worker was deployed. */
export function readWorkerAddresses({ client, account, worker }: AccountSource) {
  return unlessMissing(() =>
    client.ask(
      { permission: "scripts-read", what: "read the Worker's addresses" },
      (sdk) => sdk.workers.scripts.subdomain.get(worker, { account_id: account }),
      WORKER_ADDRESSES,
    ),
  );
}

/** On workers.dev and on previews, Cloudflare asks no client for a certificate. */
export const workersDev = accountCheck({
  id: "workers-dev",
  permission: "scripts-read",
  read: readWorkerAddresses,
  judge(addresses, { local }) {
    if (addresses === null) return missing(local.worker);
    const on = [
      ...(addresses.enabled ? ["workers.dev"] : []),
      ...(addresses.previews_enabled ? ["its preview URLs"] : []),
    ];
    return on.length === 0
      ? passed("the Worker has no address on workers.dev")
      : failedCheck(
          `the Worker answers on ${listed(on)}, where no client is asked for a certificate`,
          `workers_dev = false and preview_urls = false in wrangler.toml, then ${DEPLOY}`,
        );
  },
});

/** `null`: no such Worker was deployed. */
export function readWorkerSettings({ client, account, worker }: AccountSource) {
  return unlessMissing(() =>
    client.ask(
      { permission: "scripts-read", what: "read the Worker's settings" },
      (sdk) => sdk.workers.scripts.scriptAndVersionSettings.get(worker, { account_id: account }),
      WORKER_SETTINGS,
    ),
  );
}

/** The Workers Cache answers before the gate runs. */
export const workersCache = accountCheck({
  id: "workers-cache",
  permission: "scripts-read",
  read: readWorkerSettings,
  judge(settings, { local }) {
    if (settings === null) return missing(local.worker);
    return settings.cache_options?.enabled === true
      ? failedCheck(
          "the Workers Cache is on: it answers before the gate runs",
          `[cache] enabled = false in wrangler.toml, then ${DEPLOY}`,
        )
      : passed("the Workers Cache is off");
  },
});

/** With the flag, `fetch(request)` calls the Worker again instead of the app. */
export const globalFetch = accountCheck({
  id: "global-fetch",
  permission: "scripts-read",
  read: readWorkerSettings,
  judge(settings, { local }) {
    if (settings === null) return missing(local.worker);
    return settings.compatibility_flags.includes("global_fetch_strictly_public")
      ? failedCheck(
          "global_fetch_strictly_public is set: what passes the gate comes back to it",
          `remove it from compatibility_flags in wrangler.toml, then ${DEPLOY}`,
        )
      : passed("what passes the gate goes to the app");
  },
});

export const secret = accountCheck({
  id: "secret",
  permission: "scripts-read",
  read: readSecretNames,
  judge: (names, { local }) =>
    names.includes("ADMIN_TOKEN")
      ? passed("ADMIN_TOKEN is set")
      : failedCheck(
          `the Worker ${local.worker} has no secret ADMIN_TOKEN: the API is off`,
          "run latchkey setup, or npx wrangler secret put ADMIN_TOKEN",
        ),
});

/** Hostnames that are Custom Domains, with their Workers. */
export function readCustomDomains({ client, account }: AccountSource) {
  return client.ask(
    { permission: "scripts-read", what: "list the Workers' Custom Domains" },
    (sdk) => sdk.workers.domains.list({ account_id: account }),
    CUSTOM_DOMAINS,
  );
}

/** A Custom Domain makes a Worker the origin: whichever it is, the app is not behind the gate there. */
export const customDomain = accountCheck({
  id: "custom-domain",
  permission: "scripts-read",
  read: readCustomDomains,
  judge(domains, { zones }) {
    const own = new Set(zones.flatMap(gatedNames));
    const taken = domains.filter(({ hostname }) => own.has(hostname));
    return taken.length === 0
      ? passed("no host is a Worker's Custom Domain")
      : failedCheck(
          listed(
            taken.map(({ hostname, service }) => `${hostname} is a Custom Domain of the Worker ${service}`),
          ),
          "remove it under Workers > the Worker > Settings > Domains & Routes: the gate needs a route",
        );
  },
});
