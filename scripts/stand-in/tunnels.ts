import { ApiError, type Endpoint, endpoint, pageOf } from "./call.ts";
import type { Tunnel } from "./state.ts";

const TUNNELS = "/accounts/:account/cfd_tunnel";
const CREATED_AT = "2026-01-01T00:00:00Z";

/** The account's tunnels, as the SDK's `CloudflareTunnel` and `ConfigurationGetResponse` describe them. */
export const TUNNEL_ENDPOINTS: readonly Endpoint[] = [
  endpoint("GET", TUNNELS, "Cloudflare Tunnel Read", ({ state, query }) => {
    const deleted = query.get("is_deleted");
    const found = state.tunnels.filter(
      ({ deleted_at }) => deleted === null || (deleted === "true") === (deleted_at !== null),
    );
    const views = found.map((tunnel) => view(tunnel, state.account.id));
    return pageOf(views, query, 100);
  }),
  endpoint("GET", `${TUNNELS}/:tunnel/configurations`, "Cloudflare Tunnel Read", ({ state, params }) => {
    const tunnel = state.tunnels.find(({ id }) => id === params.tunnel);
    if (tunnel === undefined) throw new ApiError(404, 1003, "Tunnel not found");
    const { id, config_src, ingress, originRequest } = tunnel;
    return {
      result: {
        tunnel_id: id,
        account_id: state.account.id,
        version: 1,
        source: config_src,
        config: config_src === "local" ? null : { ingress, originRequest },
        created_at: CREATED_AT,
      },
    };
  }),
];

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
