import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createKeyAndRequest } from "../../scripts/certificates/request.ts";
import { type Edge, type EdgeOptions, startEdge } from "../../scripts/edge/edge.ts";
import { callApi } from "../../scripts/edge/local-api.ts";
import { statePaths } from "../../scripts/edge/state/paths.ts";
import { signRequest } from "../../scripts/stand-in/authority.ts";
import { type StandIn, startCloudflare } from "../../scripts/stand-in/stand-in.ts";
import type { ClientCertificate } from "../../scripts/stand-in/state.ts";
import type { Device } from "../../src/contract/answers.ts";

/** The stand-in, and the real local edge that verifies what it signs: its CA is the stand-in's. */
export interface LocalZone {
  cloudflare: StandIn;
  edge: Edge;
  /** For `run`: both addresses and both tokens. */
  environment: Record<string, string>;
  /** A new folder of the test's own, deleted by `stop`. */
  folder(): string;
  devices(user: string): Promise<Device[]>;
  /** What `latchkey issue` does, without its process: a device of alice's whose certificate the stand-in signed. */
  issue(
    name: string,
    zone?: string,
  ): Promise<{ certificate: string; key: string; atCloudflare: ClientCertificate }>;
  stop(): Promise<void>;
}

/** The zones are `example.com` and `localhost`, in which the edge's hosts are. The registry has alice. */
export async function startLocalZone(vars: EdgeOptions["vars"] = {}): Promise<LocalZone> {
  const root = mkdtempSync(join(tmpdir(), "latchkey-zone-"));
  const cloudflare = await startCloudflare({ zones: ["example.com", "localhost"] });
  const paths = statePaths(join(root, "state"));
  mkdirSync(paths.folder, { mode: 0o700 });
  writeFileSync(paths.ca, cloudflare.authority.certificate);
  writeFileSync(paths.caKey, cloudflare.authority.key, { mode: 0o600 });
  const edge = await startEdge({ port: 0, stateDir: paths.folder, vars });
  await callApi(edge, "PUT", "/users/alice", {});
  return {
    cloudflare,
    edge,
    environment: {
      LATCHKEY_URL: edge.url(edge.apiHost),
      LATCHKEY_TOKEN_FILE: paths.adminToken,
      LATCHKEY_CA: paths.ca,
      ...cloudflare.environment,
    },
    folder: () => mkdtempSync(join(root, "out-")),
    async devices(user) {
      const { body } = await callApi(edge, "GET", `/users/${user}/devices`);
      return (body as { devices: Device[] }).devices;
    },
    async issue(name, zone = "localhost") {
      const home = cloudflare.state.zones.find((each) => each.name === zone);
      if (home === undefined) throw new Error(`no zone ${zone}`);
      const { key, csr } = await createKeyAndRequest(`alice ${name}`, "ecdsa-p256");
      const atCloudflare = await signRequest(cloudflare.authority, csr, 30, new Date());
      home.certificates.unshift(atCloudflare);
      const { certificate } = atCloudflare;
      await callApi(edge, "POST", "/users/alice/devices", { name, certificate });
      return { certificate, key, atCloudflare };
    },
    async stop() {
      await edge.stop();
      await cloudflare.stop();
      rmSync(root, { recursive: true });
    },
  };
}
