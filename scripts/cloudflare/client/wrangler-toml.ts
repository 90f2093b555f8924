// `wrangler.toml`, as far as the doctor and setup need it.
import { getStaticTOMLValue, parseTOML } from "toml-eslint-parser";
import * as v from "valibot";
import { AppSchema, toApp } from "../../../src/contract/app-settings.ts";
import { SignInSchema } from "../../../src/contract/sign-in-settings.ts";
import type { App } from "../../../src/domain/request/app.ts";
import { isHostname } from "../../../src/domain/request/hostname.ts";
import { isLocalhostName } from "../../client/address.ts";
import { failed, misuse } from "../../terminal/failure.ts";
import { printable } from "../../terminal/text.ts";

/** An app of `wrangler.toml`. */
export interface GatedHost {
  host: string;
  app: App;
}

/** `wrangler.toml`, as far as it can open the gate at the next deploy. */
export interface LocalSettings {
  worker: string;
  hosts: readonly GatedHost[];
  /** The admin host, if Cloudflare can reach it. */
  adminHost: string | undefined;
  /** The admin host, if it exists on this machine only: it serves the local edge. */
  localAdminHost: string | undefined;
  /** `undefined`: nobody signs in with an identity provider. */
  signIn: LocalSignIn | undefined;
  /** Keys of `APPS` with `signIn = true`: those of the local edge, too, and `*`. */
  signInApps: readonly string[];
  /** The settings that would open the gate, one phrase each; empty when all is well. */
  dangers: readonly string[];
}

/** `[vars.SIGN_IN]`, with the defaults of what is left out. */
export type LocalSignIn = v.InferOutput<typeof SignInSchema>;

type Table = Readonly<Record<string, unknown>>;

/** Parses the file, or ends the command with the place of the mistake. */
export function parseWranglerToml(text: string): Table {
  try {
    return getStaticTOMLValue(parseTOML(text));
  } catch (error) {
    const { lineNumber } = error as { lineNumber?: unknown };
    throw misuse(
      `wrangler.toml cannot be read${typeof lineNumber === "number" ? ` (line ${lineNumber})` : ""}`,
      "correct it: npx wrangler deploy --dry-run says what is wrong",
    );
  }
}

/** The hosts are those that Cloudflare can reach: those of the local edge are left out, and so is `*`, which names none. */
export function localSettings(text: string): LocalSettings {
  const file = parseWranglerToml(text);
  const vars = tableOf(file.vars);
  const adminHost = typeof vars.ADMIN_HOST === "string" ? vars.ADMIN_HOST : undefined;
  const isLocal = adminHost !== undefined && isLocalhostName(adminHost);
  return {
    worker: typeof file.name === "string" ? file.name : "latchkey",
    hosts: Object.entries(tableOf(vars.APPS)).flatMap(([host, settings]) => gatedHost(host, settings)),
    adminHost: isLocal ? undefined : adminHost,
    localAdminHost: isLocal ? adminHost : undefined,
    signIn: localSignIn(vars.SIGN_IN),
    signInApps: Object.entries(tableOf(vars.APPS)).flatMap(([host, settings]) =>
      tableOf(settings).signIn === true ? [host] : [],
    ),
    dangers: dangersOf(file, vars),
  };
}

/** Ends the command if a deploy of this file would open the gate. */
export function requireClosed({ dangers }: LocalSettings, path: string): void {
  if (dangers.length === 0) return;
  throw failed(
    `${printable(path)} opens the gate: ${dangers.join(", ")}`,
    "put it back as it was: see docs/configuration.md, settings that must stay as they are",
  );
}

function localSignIn(settings: unknown): LocalSignIn | undefined {
  if (settings === undefined) return undefined;
  const parsed = v.safeParse(SignInSchema, settings);
  if (parsed.success) return parsed.output;
  const [{ path, message }] = parsed.issues;
  const place = ["SIGN_IN", ...(path ?? []).map(({ key }) => String(key))].join(".");
  throw misuse(
    `the settings of ${printable(place)} in wrangler.toml are not right: ${printable(message)}`,
    "correct them (docs/sign-in.md): with a bad configuration, the Worker refuses everything",
  );
}

function gatedHost(host: string, settings: unknown): GatedHost[] {
  if (!isHostname(host) || isLocalhostName(host)) return [];
  const parsed = v.safeParse(AppSchema, settings);
  if (!parsed.success) {
    throw misuse(
      `the settings of ${host} in wrangler.toml are not right: ${parsed.issues[0].message}`,
      "correct them: with a bad configuration, the Worker refuses everything",
    );
  }
  return [{ host, app: toApp(parsed.output) }];
}

function dangersOf(file: Table, vars: Table): string[] {
  const flags = Array.isArray(file.compatibility_flags) ? file.compatibility_flags : [];
  const routes: unknown[] = [file.route, ...(Array.isArray(file.routes) ? file.routes : [])];
  const dangers: [boolean, string][] = [
    [file.workers_dev !== false, "workers_dev is not false"],
    [file.preview_urls !== false, "preview_urls is not false"],
    [tableOf(file.cache).enabled !== false, "[cache] enabled is not false"],
    [flags.includes("global_fetch_strictly_public"), "global_fetch_strictly_public is set"],
    [routes.some((route) => tableOf(route).custom_domain === true), "a route is a custom domain"],
    [file.env !== undefined, "it has environments, which may override all this"],
    ["ADMIN_TOKEN" in vars, "it contains ADMIN_TOKEN, for everyone to read"],
    ["SIGN_IN_SECRET" in vars, "it contains SIGN_IN_SECRET, for everyone to read"],
  ];
  return dangers.filter(([holds]) => holds).map(([, text]) => text);
}

function tableOf(value: unknown): Table {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Table) : {};
}
