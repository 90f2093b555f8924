import { ApiError, checkAccount, type Endpoint, pageOf } from "./call.ts";
import type { Tunnel } from "./state.ts";

const TUNNELS = "/accounts/:account/cfd_tunnel";

/** The account's tunnels, as the SDK's `CloudflareTunnel` and `ConfigurationGetResponse` describe them. */
export const TUNNEL_ENDPOINTS: readonly Endpoint[] = [
  {
    method: "GET",
    pattern: TUNNELS,
    permissions: ["Cloudflare Tunnel Read"],
    handle(call) {
      checkAccount(call);
      const deleted = call.query.get("is_deleted");
      const found = call.state.tunnels.filter(
        ({ deleted_at }) => deleted === null || (deleted === "true") === (deleted_at !== null),
      );
      return pageOf(
        found.map((tunnel) => view(tunnel, call.state.account.id)),
        call.query,
        100,
      );
    },
  },
  {
    method: "GET",
    pattern: `${TUNNELS}/:tunnel/configurations`,
    permissions: ["Cloudflare Tunnel Read"],
    handle(call) {
      checkAccount(call);
      const tunnel = call.state.tunnels.find(({ id }) => id === call.params.tunnel);
      if (tunnel === undefined) throw new ApiError(404, 1003, "Tunnel not found");
      const { id, config_src, ingress, originRequest } = tunnel;
      return {
        result: {
          tunnel_id: id,
          account_id: call.state.account.id,
          version: 1,
          source: config_src,
          config: config_src === "local" ? null : { ingress, originRequest },
          created_at: CREATED_AT,
        },
      };
    },
  },
];

const CREATED_AT = "2026-01-01T00:00:00Z";

function view({ id, name, config_src, deleted_at }: Tunnel, account: string) {
  return {
    id,
    account_tag: account,
    name,
    config_src,
    remote_config: config_src === "cloudflare",
    tun_type: "cfd_tunnel",
    status: "healthy",
    created_at: CREATED_AT,
    deleted_at,
    connections: [],
    metadata: {},
  };
}
