// The one table of what a path under `/.latchkey` is.
import { ENROL_PATH, ENTER_PATH, LEAVE_PATH, OFFER_PATH, PATHS, WHOAMI_PATH } from "../contract/paths.ts";
import type { Need } from "../contract/permissions.ts";
import { device, editDevice } from "./devices/device.ts";
import { limitDevice, limitsForm } from "./devices/device-limits.ts";
import { addDevice, newDevice, nextToken, nextTokenForm } from "./devices/device-token.ts";
import { devices, devicesOfUser } from "./devices/devices.ts";
import { confirmAct, doAct } from "./devices/status-act.ts";
import { activity } from "./history/activity.ts";
import { activityCsv } from "./history/activity-csv.ts";
import { type Html, seeOther } from "./html/html.ts";
import type { PageContext } from "./html/page-context.ts";
import { addUser, invite, inviteForm, withdraw } from "./invite.ts";
import { admit, dismissPerson, editPerson, people, unbind } from "./people/people.ts";
import { endAllSessions, endSession, sessions } from "./sessions.ts";
import { dismiss, enrolUnknown, waiting } from "./waiting.ts";

/** What a path is. Some need to be found on every app's host, by devices. */
export type Route =
  | { kind: "api" | "whoami" | "start" | "sign-in" | "sign-out"; isForDevices: false }
  | { kind: "callback" | "backchannel-logout"; isForDevices: false }
  | { kind: "welcome" | "welcome-script"; isForDevices: false }
  | { kind: "enrol" | "enter" | "offer" | "leave" | "style" | "script"; isForDevices: true }
  | { kind: "page"; isForDevices: false; matches: PageMatch[] };

export interface PageMatch {
  page: Page;
  params: Record<string, string>;
}

/** Who may see a page or press its button, and whose things it is about: as in the API's table. */
export interface Page {
  method: "GET" | "POST";
  path: string;
  needs: Need;
  of: "user" | "everybody" | "own";
  /** A page, or an answer of another kind. */
  handle: (context: PageContext) => Promise<Html | Response>;
}

function row(route: string, needs: Need, of: Page["of"], handle: Page["handle"]): Page {
  const [method, path] = route.split(" ") as [Page["method"], string];
  return { method, path, needs, of, handle };
}

/** The pages of whoever is signed in: the table that is routed and enforced. */
export const PAGES: readonly Page[] = [
  row(`GET ${PATHS.home}`, "any", "own", async () => seeOther(PATHS.devices)),
  row(`GET ${PATHS.devices}`, "see", "own", devices),
  row(`GET ${PATHS.devices}/:user`, "read", "user", devicesOfUser),
  row(`GET ${PATHS.devices}/:user/:device`, "read", "user", device),
  row(`POST ${PATHS.devices}/:user/:device`, "devices", "user", editDevice),
  // Nobody should be able to lift their own limits.
  row(`GET ${PATHS.devices}/:user/:device/limits`, "root", "user", limitsForm),
  row(`POST ${PATHS.devices}/:user/:device/limits`, "root", "user", limitDevice),
  row(`GET ${PATHS.devices}/:user/:device/token`, "root", "user", nextTokenForm),
  row(`POST ${PATHS.devices}/:user/:device/token`, "root", "user", nextToken),
  // What an act itself needs is for these to enforce: see `actsOf`.
  row(`GET ${PATHS.devices}/:user/:device/:act`, "shut-out", "user", confirmAct),
  row(`POST ${PATHS.devices}/:user/:device/:act`, "shut-out", "user", doAct),
  row(`GET ${PATHS.addDevice}`, "root", "everybody", newDevice),
  row(`POST ${PATHS.addDevice}`, "root", "everybody", addDevice),
  row(`GET ${PATHS.waiting}`, "read", "everybody", waiting),
  row(`POST ${PATHS.waiting}/:fingerprint/enrol`, "root", "everybody", enrolUnknown),
  row(`POST ${PATHS.waiting}/:fingerprint/dismiss`, "root", "everybody", dismiss),
  row(`GET ${PATHS.activity}`, "read", "own", activity),
  row(`GET ${PATHS.activityCsv}`, "read", "own", activityCsv),
  row(`GET ${PATHS.invite}`, "root", "everybody", inviteForm),
  row(`POST ${PATHS.invite}`, "root", "everybody", invite),
  row(`POST ${PATHS.invite}/:user/:invitation/withdraw`, "root", "everybody", withdraw),
  row(`GET ${PATHS.people}`, "root", "everybody", people),
  row(`POST ${PATHS.people}/users/:user`, "root", "user", editPerson),
  row(`POST ${PATHS.people}/users/:user/identities/:identity/unbind`, "root", "user", unbind),
  row(`POST ${PATHS.people}/:person/admit`, "root", "everybody", admit),
  row(`POST ${PATHS.people}/:person/dismiss`, "root", "everybody", dismissPerson),
  row(`POST ${PATHS.users}`, "root", "everybody", addUser),
  row(`GET ${PATHS.sessions}`, "read", "own", sessions),
  row(`POST ${PATHS.sessions}/end`, "devices", "own", endAllSessions),
  row(`POST ${PATHS.sessions}/:session/end`, "devices", "own", endSession),
];

const BASE = PATHS.home.slice(0, -1);
/** Leads to the first page. */
export const START: Route = { kind: "start", isForDevices: false };
/** Everything else under `/.latchkey`: the API, also where it has nothing. */
const API: Route = { kind: "api", isForDevices: false };

const FIXED: ReadonlyMap<string, Route> = new Map<string, Route>([
  [BASE, START],
  [WHOAMI_PATH, { kind: "whoami", isForDevices: false }],
  [PATHS.signIn, { kind: "sign-in", isForDevices: false }],
  [PATHS.signOut, { kind: "sign-out", isForDevices: false }],
  [PATHS.welcome, { kind: "welcome", isForDevices: false }],
  [PATHS.welcomeScript, { kind: "welcome-script", isForDevices: false }],
  [PATHS.callback, { kind: "callback", isForDevices: false }],
  [PATHS.backchannelLogout, { kind: "backchannel-logout", isForDevices: false }],
  [ENROL_PATH, { kind: "enrol", isForDevices: true }],
  [ENTER_PATH, { kind: "enter", isForDevices: true }],
  [OFFER_PATH, { kind: "offer", isForDevices: true }],
  [LEAVE_PATH, { kind: "leave", isForDevices: true }],
  [PATHS.style, { kind: "style", isForDevices: true }],
  [PATHS.script, { kind: "script", isForDevices: true }],
]);

const PATTERNS = PAGES.map((page) => ({ page, pattern: patternOf(page.path) }));

/** `:name` stands for one segment; slashes at the end make no other page. */
function patternOf(path: string): RegExp {
  const segments = path
    .replace(/\/$/, "")
    .replaceAll(".", "\\.")
    .replaceAll(/:(\w+)/g, "(?<$1>[^/]+)");
  return new RegExp(`^${segments}/*$`);
}

/**
 * Whether a URL is worth parsing for its path: no URL that lacks this name has a control path, since the parser
 * resolves dots and slashes, and no letters.
 */
export function mayBeControlPath(url: string): boolean {
  return url.includes("latchkey", "https://".length);
}

/** What a URL's path is. `undefined`: not Latchkey's own, so an app's. */
export function routeOf(pathname: string): Route | undefined {
  if (pathname !== BASE && !pathname.startsWith(PATHS.home)) return undefined;
  const fixed = FIXED.get(pathname);
  if (fixed !== undefined) return fixed;
  const matches = PATTERNS.flatMap(({ page, pattern }): PageMatch[] => {
    const found = pattern.exec(pathname);
    return found === null ? [] : [{ page, params: { ...found.groups } }];
  });
  return matches.length === 0 ? API : { kind: "page", isForDevices: false, matches };
}

/** Whether a path is a page that is read, written as a browser writes it: where a sign-in may lead. */
export function isReadablePage(path: string): boolean {
  if (!/^\/[\x21-\x7e]*$/.test(path) || URL.parse(path, "https://invalid")?.pathname !== path) return false;
  const route = routeOf(path);
  return route?.kind === "page" && route.matches.some(({ page }) => page.method === "GET");
}
