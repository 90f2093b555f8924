import { existsSync } from "node:fs";
import type { BuildOptions } from "esbuild";
import { unstable_getMiniflareWorkerOptions, unstable_readConfig } from "wrangler";
import { parseProfile, profileOf } from "../../src/contract/app-settings.ts";
import type { ProfileName } from "../../src/domain/request/app.ts";
import { isLocalhostName } from "../client/address.ts";
import { WRANGLER_TOML } from "../package.ts";

/** Values of `wrangler.toml`'s `[vars]`, or instead of them. */
export type Vars = Readonly<Record<string, unknown>>;

/** What `wrangler.toml` says: the one source of the Worker's settings, here as in production. */
export type WorkerConfig = ReturnType<typeof readWorkerConfig>;

/**
 * The pages' host on this machine. A zone's host leads to Cloudflare: opened with the edge's port, it would reach
 * the deployed gate instead of this one.
 */
const LOCAL_ADMIN_HOST = "latchkey.localhost";

/**
 * Reads the project's `wrangler.toml`; `vars` take the place of its variables of the same name. An `ADMIN_HOST` of a
 * zone becomes one of this machine, unless it is in `vars`.
 */
export function readWorkerConfig(vars: Vars, path = WRANGLER_TOML) {
  const { workerOptions, main, define } = unstable_getMiniflareWorkerOptions(path);
  if (main === undefined || !existsSync(main)) throw new Error(`${path} names no entry file that exists`);
  const { minify = false, keep_names: keepNames = true } = unstable_readConfig({ config: path });
  /** How wrangler would bundle it. */
  const bundling: Pick<BuildOptions, "define" | "minify" | "keepNames"> = { define, minify, keepNames };
  const written = (workerOptions.bindings as Vars | undefined) ?? {};
  const effective = { ...written, ...localAdminHost(written), ...vars };
  const { APPS, ADMIN_HOST } = effective;
  const adminHost = isHostname(ADMIN_HOST) ? ADMIN_HOST : undefined;
  const appHosts = hostsOf(APPS).sort();
  const hosts = [...new Set([...appHosts, ...(adminHost === undefined ? [] : [adminHost])])].sort();
  const bitwardenHost = appHosts.find((host) => profileIn(APPS, host) === "bitwarden");
  return {
    /** Variables, Durable Objects, compatibility date and flags. */
    options: workerOptions,
    /** The entry file. */
    main,
    bundling,
    vars: effective as Vars,
    /** The hostnames that the variables name, sorted: all, and those of apps. */
    hosts,
    appHosts,
    adminHost,
    /** The first app with the profile `bitwarden`. */
    bitwardenHost,
  };
}

function localAdminHost({ ADMIN_HOST }: Vars): Vars {
  return isHostname(ADMIN_HOST) && !isLocalhostName(ADMIN_HOST) ? { ADMIN_HOST: LOCAL_ADMIN_HOST } : {};
}

/** Malformed variables name no hosts: the Worker itself says what is wrong with them. */
function hostsOf(apps: unknown): string[] {
  return typeof apps === "object" && apps !== null ? Object.keys(apps).filter(isHostname) : [];
}

/** The apps that people can sign in to. */
export function signInHostsOf(apps: unknown): string[] {
  return hostsOf(apps).filter((host) => {
    const settings: unknown = (apps as Record<string, unknown>)[host];
    return (
      typeof settings === "object" && settings !== null && "signIn" in settings && settings.signIn === true
    );
  });
}

function profileIn(apps: unknown, host: string): ProfileName | undefined {
  const settings = (apps as Record<string, unknown>)[host];
  const isTable = typeof settings === "object" && settings !== null && "profile" in settings;
  const setting = isTable ? parseProfile(settings.profile) : undefined;
  return setting === undefined ? undefined : profileOf(setting);
}

function isHostname(value: unknown): value is string {
  return typeof value === "string" && /^[a-z0-9][a-z0-9.-]*$/.test(value);
}
