// What a client calls itself, and what its path says of it, as people read both.

/**
 * Programs by what they call themselves in `User-Agent`; the first that fits. Apps come before
 * browsers, since many apps also claim to be one.
 */
const PROGRAMS: readonly [RegExp, string][] = [
  [/Bitwarden_Mobile|com\.x8bit\.bitwarden/i, "Bitwarden"],
  [/Bitwarden_CLI/i, "Bitwarden command line"],
  [/Bitwarden.*Electron/i, "Bitwarden desktop"],
  [/Bitwarden/i, "Bitwarden"],
  [/Home ?Assistant/i, "Home Assistant"],
  [/immich/i, "Immich"],
  [/nextcloud-(talk|cookbook|notes|deck)/i, "Nextcloud $1"],
  [/mirall/i, "Nextcloud desktop"],
  [/nextcloud/i, "Nextcloud"],
  [/DAVx5/i, "DAVx5"],
  [/ntfy/i, "ntfy"],
  [/jellyfin/i, "Jellyfin"],
  [/paperless/i, "Paperless"],
  [/^Dart\//, "an app in Flutter"],
  [/^Dalvik\//, "an app"],
  [/^okhttp\//i, "an Android app (okhttp)"],
  [/CFNetwork\//, "an Apple app (CFNetwork)"],
  [/^curl\//i, "curl"],
  [/Edg\//, "Edge"],
  [/Firefox\//, "Firefox"],
  [/Chrome\//, "Chrome"],
  [/Safari\//, "Safari"],
];

/** What a person opens pages with: it is named with its system as people say it. */
const BROWSERS: ReadonlySet<string> = new Set(["Edge", "Firefox", "Chrome", "Safari"]);

const SYSTEMS: readonly [RegExp, string][] = [
  [/Android/i, "Android"],
  [/iPhone|iPad|iOS/i, "iOS"],
  [/Windows/i, "Windows"],
  [/Mac OS|Macintosh|Darwin/i, "macOS"],
  [/Linux/i, "Linux"],
];

/** Only this many characters are read: what follows names no program, and no expression runs long. */
const USER_AGENT_MAX = 256;

/** A person's name for a program: `Bitwarden Android`, `Firefox on Windows`, `no name given`. */
export function clientName(header: string | null): string {
  if (header === null || header === "") return "no name given";
  const userAgent = header.slice(0, USER_AGENT_MAX);
  const program = PROGRAMS.find(([pattern]) => pattern.test(userAgent));
  const system = systemOf(userAgent);
  const name =
    program === undefined
      ? shorten(userAgent.match(/^[^\s/(]+/)?.[0] ?? "unknown")
      : fill(program[1], userAgent.match(program[0])?.[1]);
  if (system === undefined || name.includes(system)) return name;
  return BROWSERS.has(name) ? `${name} on ${system}` : `${name} ${system}`;
}

/** The system that a program runs on, as its `User-Agent` names it. */
export function systemOf(userAgent: string): string | undefined {
  return SYSTEMS.find(([pattern]) => pattern.test(userAgent.slice(0, USER_AGENT_MAX)))?.[1];
}

/**
 * A name for the device itself, as its owner would choose it: `Pixel 9`, `iPhone`, `Firefox on Windows`.
 * Empty when the browser does not say what it runs on.
 */
export function deviceName(header: string | null): string {
  const userAgent = (header ?? "").slice(0, USER_AGENT_MAX);
  const apple = /iPhone|iPad/.exec(userAgent)?.[0];
  if (apple !== undefined) return apple;
  // Chrome says `K` for every phone; other browsers name the model.
  const model = /Android [\d.]+; ([^;)]{2,40}?)(?: Build\/[^;)]*)?[;)]/.exec(userAgent)?.[1]?.trim();
  if (model !== undefined && !/^(?:Mobile|Tablet|rv:.*|wv)$/.test(model)) return model;
  return systemOf(userAgent) === undefined ? "" : clientName(userAgent);
}

/** Longer names of a program's own making are cut, in characters. */
const NAME_MAX = 40;

function shorten(name: string): string {
  return name.length > NAME_MAX ? `${name.slice(0, NAME_MAX)}…` : name;
}

function fill(name: string, part: string | undefined): string {
  return name.replace("$1", part ?? "").trim();
}

/** What a path is for, in Bitwarden's clients: one of their parts often forgets the certificate. */
const PARTS: readonly [RegExp, string][] = [
  [/^\/icons\//, "icons"],
  [/^\/notifications\//, "notifications"],
  [/^\/identity\//, "sign-in"],
  [/^\/attachments\//, "attachments"],
  [/-connector\.html$/, "connector page"],
];

/** The part of a program that makes such calls, or nothing. */
export function clientPart(path: string): string | undefined {
  return PARTS.find(([pattern]) => pattern.test(path))?.[1];
}

/** Segments that name a single thing: ids, numbers, file hashes, and what `withoutSecrets` left out. */
const ONE_THING = /^(?:\d+|[0-9a-f]{16,}|[0-9a-f]{8}-[0-9a-f-]{27}|…)$/i;
/** Hosts and files name one thing below a folder; in the first place they name a program, such as `remote.php`. */
const HOST_OR_FILE = /^[^.]+(?:\.[^.]+)*\.[a-z]{2,}$/i;
const SEGMENT_MAX = 40;

/** The beginning of a path that many calls share: two segments at most, none that names one thing. */
export function pathPrefix(path: string): string {
  const segments = path.split("/").slice(1, 3);
  const end = segments.findIndex(
    (segment, index) =>
      ONE_THING.test(segment) || (index > 0 && HOST_OR_FILE.test(segment)) || segment.length > SEGMENT_MAX,
  );
  const shared = (end === -1 ? segments : segments.slice(0, end)).filter((segment) => segment !== "");
  return `/${shared.join("/")}`;
}

/** The shortest segment that may be a secret, and the longest that may be a name, in characters. */
const SECRET_MIN = 8;
/** Letters and digits mixed, as chance makes them: `x7f3k`, and not `pixel9` or `v2`. */
const MIXED = /[a-z]\d+[a-z]|\d[a-z]+\d/i;
/** Capitals inside, more than function names have: `aGVsbG8gd29y`. */
const CAPITALS = /(?:[a-z][A-Z].*){3}/;
/** Words as people join them. */
const WORDS = /^[a-z]+(?:[-_.][a-z]+)*$/i;
const WORD_MAX = 20;

/**
 * A path without the segments that look random, since apps use such segments as secrets (webhooks, shared
 * links, topics): `/api/webhook/…`. A secret made of words cannot be told from a name.
 */
export function withoutSecrets(path: string): string {
  return path
    .split("/")
    .map((segment) => (looksRandom(segment) ? "…" : segment))
    .join("/");
}

function looksRandom(segment: string): boolean {
  if (segment.length < SECRET_MIN) return false;
  if (segment.length > SEGMENT_MAX) return true;
  if (segment.length > WORD_MAX && !WORDS.test(segment)) return true;
  return MIXED.test(segment) || CAPITALS.test(segment);
}
