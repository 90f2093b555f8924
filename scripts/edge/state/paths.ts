// What lies where in the state folder.
import { join, resolve } from "node:path";
import { WORKER_LOG } from "./worker-log.ts";

/** The password of the demo's PKCS#12 files: phones refuse files without one. It protects nothing. */
export const P12_PASSWORD = "latchkey";

/** The demo's devices: two are enrolled on the first start; the stranger is verified, and unknown. */
export const DEMO_DEVICES = ["alice-phone", "alice-laptop", "stranger"] as const;
export type DemoDevice = (typeof DEMO_DEVICES)[number];

export interface DemoDeviceFiles {
  pem: string;
  key: string;
  p12: string;
}

export interface StatePaths {
  folder: string;
  ca: string;
  caKey: string;
  server: string;
  serverKey: string;
  devices: Record<DemoDevice, DemoDeviceFiles>;
  adminToken: string;
  /** The state of the local stand-in for Cloudflare's API, and its token. */
  cloudflare: string;
  cloudflareToken: string;
  revoked: string;
  /** Fingerprints for the Worker's variable `BLOCKED`. */
  blocked: string;
  /** What the Worker logged since the edge was started. */
  workerLog: string;
  /** Where the Durable Objects keep their databases. */
  registry: string;
  /** There once the demo's devices were enrolled: they never are again, whatever the owner did since. */
  demoEnrolled: string;
  lock: string;
}

export function statePaths(stateDir: string): StatePaths {
  const folder = resolve(stateDir);
  const at = (...names: string[]) => join(folder, ...names);
  const device = (name: string): DemoDeviceFiles => ({
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
    cloudflare: at("cloudflare.json"),
    cloudflareToken: at("cloudflare-token"),
    revoked: at("revoked.txt"),
    blocked: at("blocked.txt"),
    workerLog: at(WORKER_LOG),
    registry: at("registry"),
    demoEnrolled: at("demo-enrolled"),
    lock: at("running.lock"),
  };
}
