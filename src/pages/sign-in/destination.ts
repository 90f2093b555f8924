// Where a sign-in is to lead: to an app's host, or to one of our own pages.
import type { Apps } from "../../api/handler.ts";
import { PATHS } from "../../contract/paths.ts";

/** Longer addresses of an app begin at its start page, in characters. */
const TO_MAX = 1_500;
const ENTRY_DIGEST = /^[A-Za-z0-9_-]{43}$/;

export type Destination =
  | {
      kind: "app";
      host: string;
      /** Path and query, to show afterwards. */
      to: string;
      /** What ties the sign-in to the browser that the app's host offered it to (gate/sign-in-offer.ts). */
      entry: string;
    }
  | { kind: "page"; path: string };

/**
 * Where the address of a sign-in says that it is to lead. `undefined`: nowhere that we know. Only to hosts that the
 * configuration names, and to no other origin: everything else would be an open redirect.
 */
export function readDestination(
  url: URL,
  apps: Pick<Apps, "signsIn">,
  isPage: (path: string) => boolean,
): Destination | undefined {
  const host = url.searchParams.get("app");
  if (host === null) {
    const path = url.searchParams.get("next") ?? "";
    return { kind: "page", path: isPage(path) ? path : PATHS.home };
  }
  const entry = url.searchParams.get("e") ?? "";
  if (!apps.signsIn(host) || !ENTRY_DIGEST.test(entry)) return undefined;
  return { kind: "app", host, entry, to: pathOf(url.searchParams.get("to") ?? "/", originOf(host, url)) };
}

/** Path and query of an address of this origin; otherwise its start page. */
function pathOf(to: string, origin: string): string {
  const target = to.startsWith("/") ? URL.parse(to, origin) : null;
  if (target?.origin !== origin) return "/";
  const path = target.pathname + target.search;
  // As it is written in the end: percent-encoded, it may be several times as long.
  return path.length <= TO_MAX ? path : "/";
}

/** The origin of another host of ours: behind Cloudflare, and at home, all have the same port. */
export function originOf(host: string, { port }: URL): string {
  return `https://${host}${port === "" ? "" : `:${port}`}`;
}
