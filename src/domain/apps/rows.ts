// What is known about each app: what its clients can show the gate, which paths open outside them, and what helps where
// nothing works. Data with sources: what nobody has read or measured is "not known". docs/apps.md is generated from it.
import type { AppName } from "./names.ts";
import type { AppRow, Carrier, CredentialName } from "./row.ts";

/** A row as it is written: what is left out is not known, or doesn't exist. */
type Known = Pick<AppRow, "title" | "instead" | "sources"> &
  Partial<Omit<AppRow, "name" | "credentials">> & { credentials: Partial<Record<CredentialName, Carrier>> };

const BROWSER = "a browser with the certificate";
const OWN_AUTHORIZATION = "the clients send their own Authorization header";

export const KNOWN: Readonly<Record<AppName, Known>> = {
  actual: {
    title: "Actual Budget",
    hosts: ["budget"],
    credentials: {
      certificate: ["some", "browsers, on phones too; the desktop app has no field for one"],
    },
    instead: BROWSER,
    sources: ["actualbudget/actual#7211"],
  },
  audiobookshelf: {
    title: "Audiobookshelf",
    hosts: ["audiobooks", "abs", "books"],
    credentials: {
      certificate: ["no", "proposed for the Android app, requested for ShelfPlayer"],
      header: ["some", "ShelfPlayer, Plappa, Lissen and SoundLeaf; not the official app"],
      basic: ["no", OWN_AUTHORIZATION],
      feed: ["some", "the list of episodes; the URLs of the episodes in it lack the secret"],
    },
    public: [
      {
        path: "/feed/*",
        why: "RSS feeds that were opened, episodes included: anyone who knows a feed's name can get it",
      },
      { path: "/share/*", why: "the page that a shared link opens" },
      { path: "/public/share/*", why: "the files that this page loads" },
    ],
    instead: "one of these clients with a device token, or a browser with the certificate",
    notes: ["If a session refresh is refused, the app signs out and forgets the server. Downloads stay."],
    sources: [
      "advplyr/audiobookshelf-app#1419",
      "advplyr/audiobookshelf-app#2016",
      "advplyr/audiobookshelf-app#1831",
      "rasmuslos/ShelfPlayer#72",
      "rasmuslos/ShelfPlayer#153",
      "SoundLeaf/SoundLeafApp#33",
      "advplyr/audiobookshelf#1537",
      "https://github.com/advplyr/audiobookshelf/blob/master/server/routers/PublicRouter.js",
    ],
  },
  caldav: {
    title: "CalDAV and CardDAV (Radicale, Baïkal)",
    programs: ["DAVx5"],
    hosts: ["radicale", "baikal", "dav", "davx5", "calendar", "contacts"],
    credentials: {
      certificate: ["some", "DAVx5, from Android's store; not known for Apple's Calendar and Contacts"],
      header: ["no", "DAVx5 declined it"],
      basic: ["no", "the clients send the server's own password there"],
    },
    instead: "DAVx5 on Android; elsewhere, the server's own pages in a browser with the certificate",
    notes: ["DAVx5 deletes its collections after a 403, 404 or 410: never give it the profile web."],
    sources: ["TechbeeAT/jtxBoard#361", "docs/answers.md"],
  },
  couchdb: {
    title: "CouchDB (Obsidian LiveSync)",
    hosts: ["livesync", "obsidian", "notes"],
    credentials: {
      certificate: ["not known", "there is no way on phones; nobody has tried it on desktops"],
      header: ["yes", "LiveSync's custom headers"],
      basic: ["no", "LiveSync sends CouchDB's own password there"],
      feed: ["no", "LiveSync drops parameters that it doesn't know from the URL"],
    },
    preflight: "LiveSync runs in a web view, which sends a preflight before a request with our header",
    instead: "a device token in LiveSync's custom headers",
    notes: [
      "CouchDB answers the preflight: in its [cors] section, add x-latchkey-token to headers, beside accept, authorization, content-type, origin and referer, and add app://obsidian.md, capacitor://localhost and http://localhost to origins.",
    ],
    sources: [
      "vrtmrz/obsidian-livesync#407",
      "vrtmrz/obsidian-livesync#488",
      "vrtmrz/obsidian-livesync#588",
      "vrtmrz/obsidian-livesync#624",
      "vrtmrz/obsidian-livesync#722",
    ],
  },
  freshrss: {
    title: "FreshRSS",
    hosts: ["rss", "reader", "news"],
    credentials: {
      certificate: ["some", "Capy Reader and Read You on Android, from the system's store"],
      header: ["not known", "requested for NetNewsWire"],
      basic: ["no", OWN_AUTHORIZATION],
    },
    instead: "one of these two apps, or a browser with the certificate",
    notes: ["One user reports that Read You 0.14.4 did not send the chosen certificate."],
    sources: [
      "jocmp/capyreader#688",
      "ReadYouApp/ReadYou#940",
      "ReadYouApp/ReadYou#1116",
      "Ranchero-Software/NetNewsWire#3920",
    ],
  },
  gitea: {
    title: "Gitea and Forgejo",
    hosts: ["forgejo", "git", "code"],
    credentials: {
      certificate: ["some", "git (http.sslCert); Fork on Windows has no field for one"],
      header: ["yes", "git (http.extraHeader)"],
      basic: ["no", "git sends the repository's own password there"],
    },
    instead: "a browser with the certificate, and git with a device token",
    notes: [
      "On Windows, git and curl can use a certificate only from the system store, by its thumbprint: CurrentUser\\MY\\<thumbprint>.",
    ],
    sources: ["https://git-scm.com/docs/git-config", "fork-dev/TrackerWin#2673"],
  },
  "home-assistant": {
    title: "Home Assistant",
    hosts: ["homeassistant", "hass", "ha", "home"],
    credentials: {
      certificate: ["yes", "Android from the system's store; Wear OS and iOS (2026) from a file"],
      header: ["some", "hasscontrol on Garmin watches; declined for the apps themselves"],
      basic: ["no", OWN_AUTHORIZATION],
    },
    public: [
      {
        path: "/api/webhook/*",
        why: "what the apps send in the background; the only secret is the webhook's id",
      },
    ],
    instead: "a device token on watches; elsewhere, a browser with the certificate",
    notes: [
      "The apps register again after a 404 or 410: never give it the profile web.",
      "If somebody cancels the certificate prompt, Android remembers that across restarts: the app then sends no certificate, even if one is installed.",
    ],
    sources: [
      "home-assistant/iOS#4389",
      "home-assistant/iOS#4961",
      "home-assistant/iOS#5305",
      "home-assistant/android#167",
      "hatl/hasscontrol#67",
      "sfortis/phylax#22",
      "https://developers.home-assistant.io/docs/api/native-app-integration/sending-data/",
    ],
  },
  immich: {
    title: "Immich",
    hosts: ["photos", "pictures", "pics", "fotos"],
    credentials: {
      certificate: [
        "yes",
        "the apps for Android and iOS, from a file (.p12); ImmichFrame has no field for one",
      ],
      header: ["yes", "the apps' custom proxy headers, also on their WebSocket; ImmichFrame"],
    },
    instead: "a device token, for example for photo frames",
    notes: [
      "A shared link needs more than /share/*: put Immich Public Proxy on a host of its own instead of opening the app.",
    ],
    sources: [
      "immich-app/immich#10588",
      "immich-app/immich#18076",
      "immichFrame/ImmichFrame#355",
      "immichFrame/ImmichFrame#646",
      "alangrainger/immich-public-proxy#147",
    ],
  },
  jellyfin: {
    title: "Jellyfin",
    hosts: ["media", "tv", "movies", "video"],
    credentials: {
      certificate: [
        "some",
        "Finamp on Android, Jellyfin MPV Shim on computers; not Jellyfin's own apps, Swiftfin or Findroid",
      ],
      header: ["some", "Streamyfin; not Jellyfin's own apps, Swiftfin or Findroid"],
      basic: ["no", OWN_AUTHORIZATION],
    },
    instead: "a browser with the certificate, Finamp, or Streamyfin with a device token",
    notes: ["Finamp doesn't use the certificate in its player on Linux, nor on iOS."],
    sources: [
      "finamp-app/finamp#1575",
      "finamp-app/finamp#1760",
      "jellyfin/jellyfin-mpv-shim#426",
      "streamyfin/streamyfin#1533",
      "jellyfin/jellyfin-android#1222",
      "jellyfin/jellyfin-androidtv#4690",
      "jellyfin/jellyfin-ios#762",
      "jellyfin/Swiftfin#736",
      "jellyfin/Swiftfin#812",
      "jarnedemeulemeester/findroid#888",
      "jarnedemeulemeester/findroid#1016",
    ],
  },
  joplin: {
    title: "Joplin Server",
    credentials: {
      certificate: ["no", "requested"],
      header: ["no"],
      feed: ["no"],
    },
    instead: "keep it behind a VPN",
    sources: ["laurent22/joplin#14254", "laurent22/joplin#16204"],
  },
  memos: {
    title: "Memos",
    hosts: ["memo"],
    credentials: {
      certificate: ["some", "browsers; requested for Moe Memos on Android and iOS"],
      header: ["no", "requested for Moe Memos"],
    },
    instead: BROWSER,
    sources: ["mudkipme/MoeMemos#134", "mudkipme/MoeMemos#348", "mudkipme/MoeMemosAndroid#127"],
  },
  navidrome: {
    title: "Navidrome",
    hosts: ["music", "subsonic"],
    credentials: {
      certificate: ["some", "Tempus and Wavio; requested for Navic, Castafiore and Youamp"],
      header: ["some", "Amperfy and Navic"],
    },
    public: [{ path: "/share/*", why: "shared links, if sharing is on" }],
    instead: "one of these clients, or a browser with the certificate",
    sources: [
      "eddyizm/tempus#458",
      "Joel-Mercier/wavio#91",
      "BLeeEZ/amperfy#726",
      "ssalggnikool/Navic#192",
      "ssalggnikool/Navic#473",
      "https://www.navidrome.org/docs/usage/admin/security/",
    ],
  },
  nextcloud: {
    title: "Nextcloud",
    hosts: ["cloud", "files", "drive"],
    credentials: {
      certificate: [
        "some",
        "Android from the system's store; iOS in part; desktop from a .p12, with open bugs; not Talk on iOS",
      ],
      header: ["no", "requested for the Android app since 2020"],
      basic: ["no", OWN_AUTHORIZATION],
    },
    instead: "a browser with the certificate, or rclone with a device token (WebDAV)",
    notes: [
      "The Android app deletes local folders after a 404: never give it the profile web.",
      "A shared link needs more than /s/*: its page loads scripts and styles from elsewhere.",
    ],
    sources: [
      "nextcloud/android#5821",
      "nextcloud/android#12522",
      "nextcloud/ios#847",
      "nextcloud/ios#2975",
      "nextcloud/talk-ios#2104",
      "nextcloud/desktop#8212",
      "nextcloud/server#31506",
    ],
  },
  ntfy: {
    title: "ntfy",
    hosts: ["notify", "push"],
    credentials: {
      certificate: ["some", "Android, with a .p12 per server; not iOS"],
      header: ["some", "Android, from 1.21; requested for iOS"],
    },
    instead: "a device token, for anything that publishes with curl or with a webhook that can send headers",
    notes: ["The Android app sends its certificate only if the edge names the certificate's issuer."],
    sources: ["binwiederhier/ntfy-android#132", "binwiederhier/ntfy#1018", "binwiederhier/ntfy#1867"],
  },
  paperless: {
    title: "Paperless-ngx",
    programs: ["Paperless"],
    hosts: ["docs", "documents", "dms"],
    credentials: {
      certificate: ["yes", "Paperless Mobile, from a file, when signing in"],
      header: ["yes", "Paperless Mobile, from 4.0"],
    },
    public: [{ path: "/share/*", why: "links to single documents" }],
    instead: BROWSER,
    sources: [
      "astubenbord/paperless-mobile#494",
      "astubenbord/paperless-mobile#240",
      "https://github.com/paperless-ngx/paperless-ngx/blob/main/src/paperless/urls.py",
    ],
  },
  vaultwarden: {
    title: "Vaultwarden and Bitwarden",
    programs: ["Bitwarden"],
    hosts: ["bitwarden", "vault", "passwords", "bw"],
    credentials: {
      certificate: [
        "some",
        "Android, iOS; desktop and extensions from the system's or browser's store; not the command line",
      ],
      header: ["no", "proposed for Android and iOS"],
      basic: ["no", OWN_AUTHORIZATION],
      feed: ["no", "never with the profile bitwarden"],
    },
    public: [
      { path: "/webauthn-mobile-connector.html", why: "security keys on phones" },
      { path: "/sso-connector.html", why: "sign-in through another provider" },
      { path: "/duo-redirect-connector.html", why: "Duo" },
      { path: "/connectors/*", why: "these pages' scripts" },
    ],
    instead:
      "for the command line, NODE_OPTIONS=--require with a file that sets https.globalAgent.options.cert and key",
    notes: ["A lost device deletes its vault when it next connects."],
    sources: [
      "bitwarden/android#7226",
      "bitwarden/ios#2925",
      "bitwarden/ios#1720",
      "https://github.com/bitwarden/clients/blob/main/apps/web/webpack.base.js",
      "docs/answers.md",
    ],
  },
  webdav: {
    title: "WebDAV (rclone and others)",
    hosts: ["rclone"],
    credentials: {
      certificate: ["some", "rclone (--client-cert), only if the edge names the certificate's issuer"],
      header: ["some", "rclone (--header)"],
      basic: ["some", "any client, if the server itself asks for no password"],
      feed: ["no"],
    },
    instead: "a device token as the HTTP Basic password (basic = true)",
    sources: ["https://rclone.org/flags/"],
  },
};
