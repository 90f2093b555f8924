import { existsSync } from "node:fs";
import { join } from "node:path";
import { type SourcelessWorkerOptions, unstable_getMiniflareWorkerOptions } from "wrangler";

/** Values of `wrangler.toml`'s `[vars]`, or instead of them. */
export type Vars = Readonly<Record<string, unknown>>;

/** What `wrangler.toml` says: the one source of the Worker's settings, here as in production. */
export interface WorkerConfig {
  /** Variables, Durable Objects, compatibility date and flags. */
  options: SourcelessWorkerOptions;
  /** The entry file. */
  main: string;
  define: Record<string, string>;
  vars: Vars;
  /** The hostnames that the variables name, sorted: all, and those of apps. */
  hosts: readonly string[];
  appHosts: readonly string[];
  adminHost: string | undefined;
}

const ROOT = join(import.meta.dirname, "..", "..");

/** Reads the project's `wrangler.toml`; `vars` take the place of its variables of the same name. */
export function readWorkerConfig(vars: Vars, path = join(ROOT, "wrangler.toml")): WorkerConfig {
  const { workerOptions, main, define } = unstable_getMiniflareWorkerOptions(path);
  if (main === undefined || !existsSync(main)) throw new Error(`${path} names no entry file that exists`);
  const effective = { ...(workerOptions.bindings as Vars | undefined), ...vars };
  const { APPS, ADMIN_HOST } = effective;
  const adminHost = isHostname(ADMIN_HOST) ? ADMIN_HOST : undefined;
  const appHosts = hostsOf(APPS).sort();
  const hosts = [...new Set([...appHosts, ...(adminHost === undefined ? [] : [adminHost])])].sort();
  return { options: workerOptions, main, define, vars: effective, hosts, appHosts, adminHost };
}

/** Malformed variables name no hosts: the Worker itself says what is wrong with them. */
function hostsOf(apps: unknown): string[] {
  return typeof apps === "object" && apps !== null ? Object.keys(apps).filter(isHostname) : [];
}

function isHostname(value: unknown): value is string {
  return typeof value === "string" && /^[a-z0-9][a-z0-9.-]*$/.test(value);
}
