import { CUSTOM_DOMAINS, SECRET_NAMES, USAGE, WORKER_ADDRESSES, WORKER_SETTINGS } from "../client/answers.ts";
import type { CloudflareClient } from "../client/client.ts";
import { isNotFound } from "../client/failure.ts";
import type { UsageFacts, WorkerFacts } from "./facts.ts";
import { readFact } from "./read-fact.ts";

/** What is deployed, and under which addresses. */
export async function gatherWorker(
  client: CloudflareClient,
  account_id: string,
  worker: string,
): Promise<WorkerFacts> {
  const need = (what: string) => ({ permission: "scripts-read" as const, what });
  const [settings, addresses, secrets, domains] = await Promise.all([
    readFact(() =>
      unlessMissing(async () => {
        const { compatibility_flags: flags, cache_options: cache } = await client.ask(
          need("read the Worker's settings"),
          (sdk) => sdk.workers.scripts.scriptAndVersionSettings.get(worker, { account_id }),
          WORKER_SETTINGS,
        );
        return { compatibilityFlags: flags, cache: cache?.enabled === true };
      }),
    ),
    readFact(() =>
      unlessMissing(async () => {
        const { enabled, previews_enabled } = await client.ask(
          need("read the Worker's addresses"),
          (sdk) => sdk.workers.scripts.subdomain.get(worker, { account_id }),
          WORKER_ADDRESSES,
        );
        return { workersDev: enabled, previews: previews_enabled };
      }),
    ),
    readFact(() => readSecretNames(client, account_id, worker)),
    readFact(async () => {
      const found = await client.ask(
        need("list the Workers' Custom Domains"),
        (sdk) => sdk.workers.domains.list({ account_id }),
        CUSTOM_DOMAINS,
      );
      return found.map(({ hostname, service = "" }) => ({ hostname: hostname.toLowerCase(), service }));
    }),
  ]);
  return { settings, addresses, secrets, domains };
}

/** The names of the Worker's secrets; none when there is no such Worker. */
export async function readSecretNames(
  client: CloudflareClient,
  account_id: string,
  worker: string,
): Promise<string[]> {
  const found = await unlessMissing(() =>
    client.ask(
      { permission: "scripts-read", what: "list the names of the Worker's secrets" },
      (sdk) => sdk.workers.scripts.secrets.list(worker, { account_id }),
      SECRET_NAMES,
    ),
  );
  return (found ?? []).map(({ name }) => name);
}

async function unlessMissing<T>(ask: () => Promise<T>): Promise<T | null> {
  try {
    return await ask();
  } catch (error) {
    if (isNotFound(error)) return null;
    throw error;
  }
}

// developers.cloudflare.com/analytics/graphql-api: both data sets count per account and day.
const USAGE_QUERY = `query Usage($account: string!, $date: Date!) {
  viewer { accounts(filter: { accountTag: $account }) {
    workersInvocationsAdaptive(limit: 1000, filter: { date: $date }) { sum { requests } }
    durableObjectsInvocationsAdaptiveGroups(limit: 1000, filter: { date: $date }) { sum { requests } }
  } } }`;

/** The day's use since 00:00 UTC. */
export async function readUsage(client: CloudflareClient, account: string, now: number): Promise<UsageFacts> {
  const date = new Date(now).toISOString().slice(0, 10);
  const { data } = await client.ask(
    { permission: "analytics", what: "read the day's use" },
    (sdk) => sdk.post("/graphql", { body: { query: USAGE_QUERY, variables: { account, date } } }),
    USAGE,
  );
  const [found] = data.viewer.accounts;
  const total = (rows: typeof found.workersInvocationsAdaptive) =>
    rows.reduce((sum, row) => sum + row.sum.requests, 0);
  return {
    workerRequests: total(found.workersInvocationsAdaptive),
    objectRequests: total(found.durableObjectsInvocationsAdaptiveGroups),
  };
}
