import { readFileSync } from "node:fs";
import { parseWranglerToml } from "../../scripts/cloudflare/client/wrangler-toml.ts";
import type { Deployer } from "../../scripts/cloudflare/setup/deployment.ts";
import type { StandIn } from "../../scripts/stand-in/stand-in.ts";
import { newId } from "../../scripts/stand-in/state.ts";

/**
 * Does at the stand-in what `wrangler deploy` does at Cloudflare: the Worker, its version, and the routes of the file,
 * which fail open from then on; if the file has any, the Worker's others are deleted. That is the worst that a deploy
 * could do to them.
 */
export function standInDeployer({ state }: StandIn): Deployer & { deploys: number } {
  return {
    deploys: 0,
    async deploy(path, _account, tag) {
      this.deploys += 1;
      const settings = parseWranglerToml(readFileSync(path, "utf8"));
      const old = state.scripts.get("latchkey");
      state.scripts.set("latchkey", {
        id: "latchkey",
        secrets: old?.secrets ?? new Map(),
        subdomain: {
          enabled: settings.workers_dev !== false,
          previews_enabled: settings.preview_urls !== false,
        },
        settings: { bindings: [], compatibility_flags: settings.compatibility_flags },
        modified_on: new Date().toISOString(),
        versions: [
          { id: crypto.randomUUID(), annotations: { "workers/tag": tag } },
          ...(old?.versions ?? []),
        ],
      });
      const written = (settings.routes ?? []) as { pattern: string; zone_name: string }[];
      for (const zone of written.length === 0 ? [] : state.zones) {
        zone.routes = zone.routes.filter(
          (route) => route.script !== "latchkey" || written.some(({ pattern }) => pattern === route.pattern),
        );
      }
      for (const { pattern, zone_name } of written) {
        const routes = state.zones.find(({ name }) => name === zone_name)?.routes ?? [];
        const known = routes.find((route) => route.pattern === pattern);
        if (known !== undefined) Object.assign(known, { script: "latchkey", request_limit_fail_open: true });
        else routes.push({ id: newId(), pattern, script: "latchkey", request_limit_fail_open: true });
      }
    },
    async dryRun() {
      throw new Error("not asked for here");
    },
  };
}
