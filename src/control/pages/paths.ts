// No I/O. No clock.

/** The pages' addresses, each in one place. */
const BASE = "/.latchkey";

export const PATHS = {
  home: `${BASE}/`,
  signIn: `${BASE}/sign-in`,
  signOut: `${BASE}/sign-out`,
  devices: `${BASE}/devices`,
  waiting: `${BASE}/waiting`,
  activity: `${BASE}/activity`,
  activityCsv: `${BASE}/activity.csv`,
  invite: `${BASE}/invite`,
  users: `${BASE}/users`,
  sessions: `${BASE}/sessions`,
  style: `${BASE}/style.css`,
  script: `${BASE}/script.js`,
} as const;

export function devicePath(device: { user: string; id: string }, act?: string): string {
  const path = `${PATHS.devices}/${encodeURIComponent(device.user)}/${encodeURIComponent(device.id)}`;
  return act === undefined ? path : `${path}/${act}`;
}
