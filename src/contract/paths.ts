// Latchkey's own addresses, the same on every host: written only here.

import { API_VERSION } from "./version.ts";

const BASE = "/.latchkey";

export const API_PATH = `${BASE}/api/v${API_VERSION}`;

/** The page that an invitation's link opens, on the app's host. */
export const ENROL_PATH = `${BASE}/enrol`;

/** Where a device can ask, on every app's host, how the gate sees it. */
export const WHOAMI_PATH = `${BASE}/whoami`;

/** Where a browser whose person has signed in comes back to, on the app's host. */
export const ENTER_PATH = `${BASE}/enter`;

/** Where a browser is offered a sign-in, if the app's service worker keeps it from seeing the gate's own offer. */
export const OFFER_PATH = `${BASE}/offer`;

/** Where such a browser signs out, on every app. */
export const LEAVE_PATH = `${BASE}/leave`;

/** The other pages, on the `ADMIN_HOST`. */
export const PATHS = {
  home: `${BASE}/`,
  signIn: `${BASE}/sign-in`,
  signOut: `${BASE}/sign-out`,
  /** Where the identity provider sends people back to: registered there. */
  callback: `${BASE}/callback`,
  /** Where the identity provider says that somebody signed out. */
  backchannelLogout: `${BASE}/backchannel-logout`,
  devices: `${BASE}/devices`,
  addDevice: `${BASE}/add-device`,
  waiting: `${BASE}/waiting`,
  activity: `${BASE}/activity`,
  activityCsv: `${BASE}/activity.csv`,
  invite: `${BASE}/invite`,
  /** What the link of an invitation with a certificate opens; and its script. */
  welcome: `${BASE}/welcome`,
  welcomeScript: `${BASE}/welcome.js`,
  people: `${BASE}/people`,
  users: `${BASE}/users`,
  sessions: `${BASE}/sessions`,
  style: `${BASE}/style.css`,
  script: `${BASE}/script.js`,
} as const;

export function devicePath(device: { user: string; id: string }, act?: string): string {
  const path = `${PATHS.devices}/${encodeURIComponent(device.user)}/${encodeURIComponent(device.id)}`;
  return act === undefined ? path : `${path}/${act}`;
}
