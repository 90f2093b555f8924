// The steps of setup that edit `wrangler.toml`. What they show is read from the settings before and after, never
// from a comparison of lines: the comments of the file contain lines that look like settings.
import { readFile, realpath, stat } from "node:fs/promises";
import { isDeepStrictEqual } from "node:util";
import { writeWhole } from "../../files.ts";
import { printable } from "../../terminal/text.ts";
import { type GatedHost, type LocalSignIn, localSettings } from "../client/wrangler-toml.ts";
import { type Step, settled } from "./step.ts";
import { hasAdminHost, routePatterns } from "./toml-edit.ts";

/** A file, its text at planning time, and the edit that is made again on whatever text is there later. */
export interface TomlEdit {
  config: string;
  before: string;
  edit(text: string): string;
}

/** Writes the apps with their profiles, and the admin host. Shows every host, changed or not. */
export function hostsStep({ config, before, edit }: TomlEdit): Step {
  const old = localSettings(before);
  const after = edit(before);
  const { hosts, adminHost, signIn } = localSettings(after);
  const oldApps = new Map(old.hosts.map((gated) => [gated.host, described(gated)]));
  const [kept, written]: [string[], string[]] = [[], []];
  for (const gated of hosts) {
    const { host } = gated;
    const was = oldApps.get(host);
    const name = described(gated);
    if (was === name) kept.push(`${host} as ${name}`);
    else written.push(was === undefined ? `${host} as ${name}` : `${host} as ${name} instead of ${was}`);
  }
  const oldAdminHost = old.adminHost ?? old.localAdminHost;
  if (adminHost !== undefined) {
    (adminHost === oldAdminHost ? kept : written).push(`admin host ${adminHost}`);
  }
  if (signIn !== undefined) {
    (isDeepStrictEqual(signIn, old.signIn) ? kept : written).push(describedSignIn(signIn));
  }
  // `localAdminHost` is kept for the local edge, unless the owner wants none at all.
  const isGone = oldAdminHost !== undefined && !hasAdminHost(after);
  const change = [
    ...(written.length > 0 ? [`write to ${printable(config)}: ${written.join(", ")}`] : []),
    ...(isGone ? [`remove from ${printable(config)}: admin host ${oldAdminHost}`] : []),
  ].join("; ");
  const found = kept.length > 0 ? kept.join(", ") : "no host that Cloudflare can reach";
  return fileStep("wrangler.toml hosts", { config, before, edit }, found, change);
}

/** `sign-in at id.example.com, with alice@example.com as alice`: the owners by their addresses. */
function describedSignIn({ issuer, owners }: LocalSignIn): string {
  const named = Object.entries(owners).map(([user, email]) => `${email} as ${user}`);
  return `sign-in at ${new URL(issuer).hostname}${named.length > 0 ? `, with ${named.join(" and ")}` : ""}`;
}

/** `immich`, or `vaultwarden (open: /connectors/*, preflights; sign-in)`. */
function described({ app: { name, profile, publicPaths, preflight, signIn } }: GatedHost): string {
  const open = [...publicPaths.exact, ...publicPaths.below.map((folder) => `${folder}*`)];
  if (preflight) open.push("preflights");
  const what = name ?? profile.name;
  const more = [...(open.length > 0 ? [`open: ${open.join(", ")}`] : []), ...(signIn ? ["sign-in"] : [])];
  return more.length === 0 ? what : `${what} (${more.join("; ")})`;
}

/** Writes the routes, so that a later deploy keeps them. */
export function routesStep({ config, before, edit }: TomlEdit): Step {
  const old = routePatterns(before);
  const missing = routePatterns(edit(before)).filter((pattern) => !old.includes(pattern));
  return fileStep(
    "wrangler.toml routes",
    { config, before, edit },
    old.length > 0 ? old.join(", ") : "none",
    `write to ${printable(config)}: ${missing.join(", ")}`,
  );
}

function fileStep(id: string, { config, before, edit }: TomlEdit, found: string, change: string): Step {
  if (edit(before) === before) return settled(id, found);
  return {
    id,
    found,
    change,
    apply: async () => {
      const now = await readFile(config, "utf8");
      const edited = edit(now);
      if (edited === now) return;
      // A link stays one, and the file as readable as it was.
      const file = await realpath(config);
      await writeWhole(file, edited, (await stat(file)).mode & 0o777);
    },
  };
}
