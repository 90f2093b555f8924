import * as v from "valibot";
import { type Fact, knownFact, unknownFact } from "./check.ts";
import type { CloudflareClient } from "./client.ts";
import type { IngressFact, TunnelFact } from "./facts.ts";
import { known, untilRepeated } from "./known-answer.ts";
import { readFact, untold } from "./read-fact.ts";

// Of the SDK's `CloudflareTunnel` and `ConfigurationGetResponse`, what the doctor judges.
const TunnelSchema = v.object({
  id: v.string(),
  name: v.nullish(v.string()),
  config_src: v.nullish(v.string()),
});
const IngressSchema = v.object({
  // The rule that catches everything else has none.
  hostname: v.nullish(v.string()),
  path: v.nullish(v.string()),
  service: v.string(),
  originRequest: v.nullish(v.object({ httpHostHeader: v.nullish(v.string()) })),
});
const ConfigurationSchema = v.object({
  source: v.nullish(v.string()),
  config: v.nullish(v.object({ ingress: v.nullish(v.array(IngressSchema)) })),
});

/** The account's tunnels that were not deleted, each with the rules by which it reaches its services. */
export async function readTunnels(client: CloudflareClient, account_id: string): Promise<TunnelFact[]> {
  const tunnels = await client.list({ permission: "tunnels", what: "list the account's tunnels" }, (sdk) =>
    untilRepeated(sdk.zeroTrust.tunnels.cloudflared.list({ account_id, is_deleted: false, per_page: 100 })),
  );
  return Promise.all(
    tunnels.map(async (tunnel) => {
      const { id, name, config_src } = known(TunnelSchema, tunnel, "the id of a tunnel");
      return {
        id: id.toLowerCase(),
        name: name ?? id,
        ingress:
          config_src === "local"
            ? unmanaged(name ?? id)
            : await readIngress(client, account_id, id, name ?? id),
      };
    }),
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
  const what = `where the tunnel ${name} leads`;
  const answer = await readFact(async () =>
    known(
      ConfigurationSchema,
      await client.ask({ permission: "tunnels", what: "read a tunnel's configuration" }, (sdk) =>
        sdk.zeroTrust.tunnels.cloudflared.configurations.get(id, { account_id }),
      ),
      what,
    ),
  );
  if (!answer.known) return answer;
  const { source, config } = answer.value;
  if (source === "local") return unmanaged(name);
  if (!config?.ingress) return readFact(() => Promise.reject(untold(what)));
  return knownFact(
    config.ingress.map(({ hostname, path, service, originRequest }) => ({
      hostname: hostname?.toLowerCase() || undefined,
      path: path || undefined,
      service,
      hostHeader: originRequest?.httpHostHeader?.toLowerCase() || undefined,
    })),
  );
}
