import { USAGE } from "../../client/answers.ts";
import { type AccountSource, accountCheck, failedCheck, passed, warned } from "../check.ts";

// developers.cloudflare.com/analytics/graphql-api: both data sets count per account and day.
const USAGE_QUERY = `query Usage($account: string!, $date: Date!) {
  viewer { accounts(filter: { accountTag: $account }) {
    workersInvocationsAdaptive(limit: 1000, filter: { date: $date }) { sum { requests } }
    durableObjectsInvocationsAdaptiveGroups(limit: 1000, filter: { date: $date }) { sum { requests } }
  } } }`;

type UsageSource = Pick<AccountSource, "client" | "account" | "now">;

/** The day's use since 00:00 UTC. */
export async function readUsage({ client, account, now }: UsageSource) {
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

/** The free plan's day, until 00:00 UTC, of Worker requests and of Durable Object requests. */
export const FREE_REQUESTS_PER_DAY = 100_000;
const MANY = 0.7;
const TOO_MANY = 0.95;

export const usage = accountCheck({
  id: "usage",
  permission: "analytics",
  read: readUsage,
  judge({ workerRequests, objectRequests }) {
    const share = Math.max(workerRequests, objectRequests) / FREE_REQUESTS_PER_DAY;
    const reason = `today ${workerRequests} Worker requests and ${objectRequests} Durable Object requests, of the free plan's ${FREE_REQUESTS_PER_DAY} each`;
    const remedy = "see docs/operations.md: at the limit everyone is refused until 00:00 UTC";
    if (share >= TOO_MANY) return failedCheck(reason, remedy);
    return share >= MANY ? warned(reason, remedy) : passed(reason);
  },
});
