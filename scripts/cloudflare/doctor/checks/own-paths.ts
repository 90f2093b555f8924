// Latchkey's own paths that everyone must reach: an Access application that covers one of them, and nothing else of its
// host, shuts out those who have no session yet.
import { APP_PATHS, DOOR_PATHS, WELCOME_PATHS } from "../../client/sign-in-paths.ts";
import type { GatedHost } from "../../client/wrangler-toml.ts";
import { accountCheck, failedCheck, listed, passed } from "../check.ts";
import { type AccessApp, hostOf, isWhole, pathOf, placeMatches, readAccessApps } from "./access.ts";

export interface BlockedPath {
  app: AccessApp;
  host: string;
  path: string;
}

interface OwnHosts {
  hosts: readonly GatedHost[];
  adminHost: string | undefined;
}

/**
 * Own paths that must pass, but where Access asks for a sign-in. Applications for a whole host are not looked at: the
 * check `access` does that.
 */
export function blockedOwnPaths(apps: readonly AccessApp[], own: OwnHosts, signsIn: boolean): BlockedPath[] {
  const { hosts, adminHost } = own;
  const pages = adminHost === undefined ? [] : [...WELCOME_PATHS, ...(signsIn ? DOOR_PATHS : [])];
  const places = [
    ...pages.map((path) => ({ host: adminHost ?? "", path })),
    ...hosts.filter(({ app }) => app.signIn).flatMap(({ host }) => APP_PATHS.map((path) => ({ host, path }))),
  ];
  return places.flatMap(({ host, path }) => {
    const app = decidingApp(apps, host, path);
    return app === undefined || app.letsEveryonePass ? [] : [{ app, host, path }];
  });
}

/**
 * The more specific path decides (developers.cloudflare.com/cloudflare-one/access-controls/policies/app-paths): the
 * longer one; of several as long, believed only, one without a wildcard, then the one on the host itself.
 */
function decidingApp(apps: readonly AccessApp[], host: string, path: string): AccessApp | undefined {
  const covering = apps.flatMap((app) =>
    app.places
      .filter((place) => placeMatches(place, host) && covers(place, path))
      .map((place) => ({ app, rank: rankOf(place, host) })),
  );
  return covering.sort((a, b) => b.rank - a.rank)[0]?.app;
}

function rankOf(place: string, host: string): number {
  const path = pathOf(place);
  const length = path.replaceAll("*", "").length;
  return 4 * length + 2 * Number(!path.includes("*")) + Number(hostOf(place) === host);
}

/** A place with a path covers that path and everything below it. */
function covers(place: string, path: string): boolean {
  if (isWhole(place)) return false;
  const pattern = pathOf(place)
    .replace(/\/$/, "")
    .split("*")
    .map((part) => part.replace(/[.+?^${}()|[\]\\]/g, "\\$&"))
    .join(".*");
  return new RegExp(`^${pattern}(?:/.*)?$`).test(path);
}

export const accessOwnPaths = accountCheck({
  id: "access-own-paths",
  permission: "access-read",
  read: readAccessApps,
  judge(apps, { zones, local }) {
    const blocked = zones.flatMap((zone) => blockedOwnPaths(apps, zone, local.signIn !== undefined));
    if (blocked.length === 0) return passed("Access lets everyone reach the pages that need no session");
    return failedCheck(
      listed(
        blocked.map(
          ({ app, host, path }) => `the Access application '${app.name}' keeps people from ${host}${path}`,
        ),
      ),
      "let everyone bypass it on these paths under Zero Trust > Access > Applications, or run latchkey setup",
    );
  },
});
