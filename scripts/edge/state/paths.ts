// What lies where in the state folder.
import { join, resolve } from "node:path";
import { WORKER_LOG } from "./worker-log.ts";

/** The password of the demo's PKCS#12 files: phones refuse files without one. It protects nothing. */
export const P12_PASSWORD = "latchkey";

/** The demo's devices: two are enrolled on the first start; the stranger is verified, and unknown. */
export const DEMO_DEVICES = ["alice-phone", "alice-laptop", "stranger"] as const;
export type DemoDevice = (typeof DEMO_DEVICES)[number];

export type StatePaths = ReturnType<typeof statePaths>;
export type DemoDeviceFiles = StatePaths["devices"][DemoDevice];

export function statePaths(stateDir: string) {
  const folder = resolve(stateDir);
  const at = (...names: string[]) => join(folder, ...names);
  const device = (name: DemoDevice) => ({
    pem: at("devices", `${name}.pem`),
    key: at("devices", `${name}.key`),
    p12: at("devices", `${name}.p12`),
  });
  return {
    folder,
    ca: at("ca.pem"),
    caKey: at("ca.key"),
    server: at("server.pem"),
    serverKey: at("server.key"),
    devices: {
      "alice-phone": device("alice-phone"),
      "alice-laptop": device("alice-laptop"),
      stranger: device("stranger"),
    },
    adminToken: at("admin-token"),
    /** The state of the local stand-in for Cloudflare's API, and its token. */
    cloudflare: at("cloudflare.json"),
    cloudflareToken: at("cloudflare-token"),
    /** The local identity provider's port, client secret and people, with their passwords. */
    issuer: at("issuer.json"),
    revoked: at("revoked.txt"),
    /** Fingerprints for the Worker's variable `BLOCKED`. */
    blocked: at("blocked.txt"),
    /** What the Worker has logged since the edge was started. */
    workerLog: at(WORKER_LOG),
    /** Where the Durable Objects keep their databases. */
    registry: at("registry"),
    /** There once the demo's devices were enrolled: they are never enrolled again, whatever the owner did since. */
    demoEnrolled: at("demo-enrolled"),
    lock: at("running.lock"),
  };
}
