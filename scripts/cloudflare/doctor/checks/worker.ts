// No I/O. No clock.
import { type Check, checkFact, failedCheck, listed, passed } from "../check.ts";
import type { LocalSettings, WorkerFacts } from "../facts.ts";

const DEPLOY = "run npx wrangler deploy (after it, the route's failure mode must be looked at again)";
const missing = (id: string, worker: string): Check =>
  failedCheck(id, `the Worker ${worker} is not deployed`, "run latchkey setup, or npx wrangler deploy");

/** What the file says: the next deploy would make it true. */
export function checkFile({ dangers }: LocalSettings): Check {
  const id = "wrangler-toml";
  return dangers.length === 0
    ? passed(id, "wrangler.toml opens nothing")
    : failedCheck(
        id,
        `wrangler.toml opens the gate at the next deploy: ${listed(dangers)}`,
        "put it back as it was: see docs/configuration.md, settings that must stay as they are",
      );
}

/** On workers.dev and on previews, Cloudflare asks nobody for a certificate. */
export function checkAddresses(worker: WorkerFacts, name: string): Check {
  const id = "workers-dev";
  return checkFact(id, worker.addresses, (addresses) => {
    if (addresses === null) return missing(id, name);
    const on = [
      ...(addresses.workersDev ? ["workers.dev"] : []),
      ...(addresses.previews ? ["its preview URLs"] : []),
    ];
    return on.length === 0
      ? passed(id, "the Worker has no address on workers.dev")
      : failedCheck(
          id,
          `the Worker answers on ${listed(on)}, where nobody is asked for a certificate`,
          `workers_dev = false and preview_urls = false in wrangler.toml, then ${DEPLOY}`,
        );
  });
}

/** The Workers Cache answers before the gate runs. */
export function checkCache(worker: WorkerFacts, name: string): Check {
  const id = "workers-cache";
  return checkFact(id, worker.settings, (settings) => {
    if (settings === null) return missing(id, name);
    return settings.cache
      ? failedCheck(
          id,
          "the Workers Cache is on: it answers before the gate runs",
          `[cache] enabled = false in wrangler.toml, then ${DEPLOY}`,
        )
      : passed(id, "the Workers Cache is off");
  });
}

/** With the flag, `fetch(request)` calls the Worker again instead of the app. */
export function checkFlags(worker: WorkerFacts, name: string): Check {
  const id = "global-fetch";
  return checkFact(id, worker.settings, (settings) => {
    if (settings === null) return missing(id, name);
    return settings.compatibilityFlags.includes("global_fetch_strictly_public")
      ? failedCheck(
          id,
          "global_fetch_strictly_public is set: what passes the gate comes back to it",
          `take it out of compatibility_flags in wrangler.toml, then ${DEPLOY}`,
        )
      : passed(id, "what passes the gate goes to the app");
  });
}

export function checkSecret(worker: WorkerFacts, name: string): Check {
  const id = "secret";
  return checkFact(id, worker.secrets, (secrets) =>
    secrets.includes("ADMIN_TOKEN")
      ? passed(id, "ADMIN_TOKEN is set")
      : failedCheck(
          id,
          `the Worker ${name} has no secret ADMIN_TOKEN: the API is off`,
          "run latchkey setup, or npx wrangler secret put ADMIN_TOKEN",
        ),
  );
}
