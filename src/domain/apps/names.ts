// The apps that Latchkey knows by name, each with its profile: all that the Worker needs from the catalogue.

/**
 * `profile = "immich"` in `APPS` stands for the profile on the right. If it is not known what an app's clients do after a
 * 404, that is `sync`: a 503 has deleted nothing in any client we examined (docs/answers.md).
 */
export const APP_PROFILES = {
  actual: "sync",
  audiobookshelf: "sync",
  caldav: "sync",
  couchdb: "sync",
  freshrss: "sync",
  gitea: "web",
  "home-assistant": "sync",
  immich: "sync",
  jellyfin: "web",
  joplin: "sync",
  memos: "sync",
  navidrome: "sync",
  nextcloud: "sync",
  ntfy: "sync",
  paperless: "sync",
  vaultwarden: "bitwarden",
  webdav: "sync",
} as const satisfies Record<string, "web" | "bitwarden" | "sync">;

export type AppName = keyof typeof APP_PROFILES;

export const APP_NAMES = Object.keys(APP_PROFILES) as readonly AppName[];

export function isAppName(name: string): name is AppName {
  return Object.hasOwn(APP_PROFILES, name);
}
