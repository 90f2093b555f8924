import { TUNNEL, TUNNEL_CONFIGURATION } from "../client/answers.ts";
import type { CloudflareClient } from "../client/client.ts";
import { type Fact, knownFact, unknownFact } from "./check.ts";
import type { IngressFact, TunnelFact } from "./facts.ts";
import { readFact } from "./read-fact.ts";

/** The account's tunnels that were not deleted, each with the rules by which it reaches its services. */
export async function readTunnels(client: CloudflareClient, account_id: string): Promise<TunnelFact[]> {
  const tunnels = await client.list(
    { permission: "tunnels", what: "list the account's tunnels" },
    (sdk, { page }) =>
      sdk.zeroTrust.tunnels.cloudflared.list({ account_id, is_deleted: false, per_page: 100, page }),
    TUNNEL,
  );
  return Promise.all(
    tunnels.map(async ({ id, name = id, config_src }) => ({
      id: id.toLowerCase(),
      name,
      ingress: config_src === "local" ? unmanaged(name) : await readIngress(client, account_id, id, name),
    })),
  );
}

function unmanaged(name: string): Fact<never> {
  return unknownFact(
    `the tunnel ${name} takes its rules from a file on its own machine`,
    "look in its config.yml for other hostnames that lead to the same service",
  );
}

async function readIngress(
  client: CloudflareClient,
  account_id: string,
  id: string,
  name: string,
): Promise<Fact<readonly IngressFact[]>> {
  const answer = await readFact(() =>
    client.ask(
      { permission: "tunnels", what: `read where the tunnel ${name} leads` },
      (sdk) => sdk.zeroTrust.tunnels.cloudflared.configurations.get(id, { account_id }),
      TUNNEL_CONFIGURATION,
    ),
  );
  if (!answer.known) return answer;
  const { source, config } = answer.value;
  if (source === "local") return unmanaged(name);
  return knownFact(
    (config?.ingress ?? []).map(({ hostname, path, service, originRequest }) => ({
      hostname: hostname?.toLowerCase() || undefined,
      path: path || undefined,
      service,
      // An empty one leaves the name as it is.
      hostHeader:
        (originRequest?.httpHostHeader ?? config?.originRequest?.httpHostHeader)?.toLowerCase() || undefined,
    })),
  );
}
