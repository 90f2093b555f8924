// How to give a device token to the programs that people use: lines to copy and paste, for the command line and pages.
import type { AppName } from "./names.ts";

/** Lines to copy; the title says where they go. */
export interface Recipe {
  title: string;
  lines: readonly string[];
}

/** The app's address (`https://photos.example.com`), and the device token. */
export interface TokenPlace {
  url: string;
  token: string;
  /** Whether the gate takes the token as the HTTP Basic password there: the app's setting `basic`. */
  basic: boolean;
}

type Make = (place: TokenPlace) => Recipe;

/** Our own header. */
export const TOKEN_HEADER = "X-Latchkey-Token";

/** For apps with fields for a header's name and value. */
const headerField =
  (title: string): Make =>
  ({ url, token }) => ({
    title,
    lines: [`server address: ${url}`, `header name: ${TOKEN_HEADER}`, `header value: ${token}`],
  });

/** Some apps have only these two fields, made for Cloudflare Access; anything will do in the first. */
const twoFields: Make = ({ token }) => ({
  title:
    "an app with fields for a client id and a client secret (CF-Access-Client-Id, CF-Access-Client-Secret)",
  lines: ["client id: latchkey", `client secret: ${token}`],
});

const curl: Make = ({ url, token }) => ({
  title: "curl",
  lines: [`curl -H '${TOKEN_HEADER}: ${token}' ${url}/`],
});

const publish: Make = ({ url, token }) => ({
  title: "publish with curl",
  lines: [`curl -H '${TOKEN_HEADER}: ${token}' -d 'Hello' ${url}/TOPIC`],
});

/** For this address only: git would otherwise send the token to every server. */
const git: Make = ({ url, token }) => ({
  title: "git",
  lines: [`git config --global http.${url}/.extraHeader '${TOKEN_HEADER}: ${token}'`],
});

const rclone: Make = ({ url, token }) => ({
  title: "rclone (WebDAV)",
  lines: [`rclone lsd --header '${TOKEN_HEADER}: ${token}' --webdav-url ${url}/ :webdav:`],
});

const basic: Make = ({ url, token }) => ({
  title: "any WebDAV client, if the server itself asks for no password",
  lines: [`address: ${url}/`, "user name: latchkey", `password: ${token}`],
});

const liveSync: Make = ({ url, token }) => ({
  title: "Obsidian LiveSync, custom headers",
  lines: [`URI: ${url}`, `custom headers: ${TOKEN_HEADER}: ${token}`],
});

/** Recipes for one app's own clients; other apps get only the general ones. */
const OWN: Partial<Record<AppName, readonly Make[]>> = {
  audiobookshelf: [headerField("ShelfPlayer, Plappa, Lissen or SoundLeaf, custom headers")],
  couchdb: [liveSync],
  gitea: [git],
  "home-assistant": [headerField("hasscontrol (Garmin), custom header")],
  immich: [headerField("Immich for Android or iOS, custom proxy headers"), headerField("ImmichFrame")],
  jellyfin: [headerField("Streamyfin, custom headers")],
  navidrome: [headerField("Amperfy or Navic, custom headers")],
  nextcloud: [rclone],
  ntfy: [headerField("ntfy for Android, custom headers"), publish],
  paperless: [headerField("Paperless Mobile, custom headers")],
  webdav: [rclone, basic],
};

const GENERAL: readonly Make[] = [headerField("an app with custom headers"), twoFields, curl];
/** For a host whose app is not known. */
const UNNAMED: readonly Make[] = [git, rclone, basic];

/**
 * How to use a device token with this app: its own clients first, then others. `app`: the one that `APPS` names;
 * `undefined`: none. The lines contain the token, so they are shown only once, with it.
 */
export function recipesFor(app: AppName | undefined, place: TokenPlace): Recipe[] {
  const makes = app === undefined ? [...GENERAL, ...UNNAMED] : [...(OWN[app] ?? []), ...GENERAL];
  return makes.filter((make) => make !== basic || place.basic).map((make) => make(place));
}
