// Where notifications go, how they are signed, and which are not sent: `NOTIFY_URLS`, `NOTIFY_SECRET`, `NOTIFY_OFF`.
import * as v from "valibot";
import { NOTIFY_TYPES, type NotifyType } from "./event.ts";

interface Address {
  /** Without user and password, which `fetch` refuses in an address. */
  url: string;
  /** The header `Authorization`, if the address named a user or a password. */
  authorization: string | null;
  /** The only part that a log may show: the rest may be secret, as an ntfy topic is. */
  host: string;
}

/** Where notifications go, and in which format. */
export type NotifyTarget = Address & ({ format: "json" } | { format: "ntfy"; topic: string });

export interface NotifySettings {
  /** If empty, nothing is recorded and nothing is sent. */
  targets: readonly NotifyTarget[];
  /** The key of the signature; `null` = notifications are not signed. */
  secret: Uint8Array<ArrayBuffer> | null;
  /** Events of these types are not recorded. */
  off: ReadonlySet<NotifyType>;
}

/** Ten addresses, so that four events a run stay well below the 50 requests of the free plan. */
export const NOTIFY_TARGETS_MAX = 10;

/** The length of a secret, in bytes, that the Standard Webhooks specification asks for. */
const SECRET_MIN_BYTES = 24;
const SECRET_MAX_BYTES = 64;

const NTFY_PREFIX = "ntfy+";
/** What ntfy itself accepts as a topic. */
const NTFY_TOPIC = /^\/([-_A-Za-z0-9]{1,64})$/;
const LOOPBACK = /^(?:localhost|(?:[a-z0-9-]+\.)+localhost|127\.\d+\.\d+\.\d+|\[::1\])$/;

// No message repeats the address: it goes to the log.
const TargetSchema = v.pipe(
  v.string("must be a string"),
  v.rawTransform(({ dataset, addIssue, NEVER }) => {
    const target = parseTarget(dataset.value);
    if (typeof target !== "string") return target;
    addIssue({ message: target });
    return NEVER;
  }),
);

/**
 * A list, or one string separated by spaces, line breaks or commas, since secrets and the dashboard's variables are
 * strings.
 */
function ListSchema(things: string) {
  return v.union(
    [
      v.pipe(
        v.string(),
        v.transform((text): unknown[] => text.split(/[\s,]+/).filter((part) => part !== "")),
      ),
      v.array(v.unknown()),
    ],
    `must be a list of ${things}, or one string of ${things} separated by spaces`,
  );
}

/** `NOTIFY_URLS`. Empty: no notifications. */
export const NotifyUrlsSchema = v.pipe(
  ListSchema("addresses"),
  v.array(TargetSchema),
  v.maxLength(NOTIFY_TARGETS_MAX, `has more than ${NOTIFY_TARGETS_MAX} addresses`),
);

/** Longer words are cut in messages, in characters. */
const TYPE_SHOWN_MAX = 40;

/** `NOTIFY_OFF`. A misspelt type is an error: otherwise what somebody wants off would stay on. */
export const NotifyOffSchema = v.pipe(
  ListSchema("types of notification"),
  v.array(
    v.picklist(
      NOTIFY_TYPES,
      ({ received }) =>
        `${received.slice(0, TYPE_SHOWN_MAX)} is not a type of notification: there are ${NOTIFY_TYPES.join(", ")}`,
    ),
  ),
);

const SECRET_HINT = `must be whsec_ and then ${SECRET_MIN_BYTES} to ${SECRET_MAX_BYTES} bytes in base64: echo "whsec_$(openssl rand -base64 32)"`;

/** `NOTIFY_SECRET`, in the form of Standard Webhooks. */
export const NotifySecretSchema = v.pipe(
  v.string("must be a string"),
  v.rawTransform(({ dataset, addIssue, NEVER }) => {
    const secret = parseSecret(dataset.value);
    if (secret !== undefined) return secret;
    addIssue({ message: SECRET_HINT });
    return NEVER;
  }),
);

const NotifySchema = v.object({
  NOTIFY_URLS: v.optional(NotifyUrlsSchema, []),
  NOTIFY_SECRET: v.optional(NotifySecretSchema),
  NOTIFY_OFF: v.optional(NotifyOffSchema, []),
});

/**
 * The settings in a Worker's environment. No targets if one of them is malformed: `parseConfig` has reported it, and
 * nothing that should be signed is sent unsigned.
 */
export function notifySettings(env: unknown): NotifySettings {
  const parsed = v.safeParse(NotifySchema, env);
  if (!parsed.success) return { targets: [], secret: null, off: new Set() };
  const { NOTIFY_URLS, NOTIFY_SECRET, NOTIFY_OFF } = parsed.output;
  return { targets: NOTIFY_URLS, secret: NOTIFY_SECRET ?? null, off: new Set(NOTIFY_OFF) };
}

/** A target, or what is wrong with the address. */
function parseTarget(text: string): NotifyTarget | string {
  // The URL parser would drop some spaces and keep others.
  if (/\s/.test(text)) return "must be an address without spaces";
  const isNtfy = text.startsWith(NTFY_PREFIX);
  const url = URL.parse(isNtfy ? text.slice(NTFY_PREFIX.length) : text);
  if (url === null || (url.protocol !== "https:" && url.protocol !== "http:")) {
    return "must be an address such as https://example.com/hook or ntfy+https://ntfy.sh/topic";
  }
  if (url.protocol === "http:" && !LOOPBACK.test(url.hostname)) {
    return "must begin with https: (http: is for this machine only)";
  }
  if (url.hash !== "") return "must not have a part after #, which is never sent";
  const authorization = basicAuthorization(url);
  if (authorization === undefined)
    return "has a user with a colon, or a user or password with a % that is not written %25";
  url.username = "";
  url.password = "";
  const { host } = url;
  if (!isNtfy) return { format: "json", url: url.href, authorization, host };
  const topic = url.search === "" ? NTFY_TOPIC.exec(url.pathname)?.[1] : undefined;
  if (topic === undefined) return "must end with one ntfy topic: up to 64 letters, digits, - and _";
  // ntfy takes JSON only at its root (docs.ntfy.sh/publish, "Publish as JSON").
  return { format: "ntfy", url: `${url.origin}/`, topic, authorization, host };
}

/** RFC 7617. `null` = neither user nor password; `undefined` = they cannot be sent. */
function basicAuthorization({ username, password }: URL): string | null | undefined {
  if (username === "" && password === "") return null;
  try {
    const user = decodeURIComponent(username);
    // The first colon ends the user.
    if (user.includes(":")) return undefined;
    const bytes = new TextEncoder().encode(`${user}:${decodeURIComponent(password)}`);
    return `Basic ${btoa(String.fromCharCode(...bytes))}`;
  } catch {
    return undefined;
  }
}

function parseSecret(text: string): Uint8Array<ArrayBuffer> | undefined {
  const base64 = /^whsec_([A-Za-z0-9+/]+={0,2})$/.exec(text)?.[1];
  if (base64 === undefined) return undefined;
  try {
    const binary = atob(base64);
    // `atob` accepts what other decoders refuse, such as base64 without padding.
    if (btoa(binary) !== base64) return undefined;
    if (binary.length < SECRET_MIN_BYTES || binary.length > SECRET_MAX_BYTES) return undefined;
    return Uint8Array.from(binary, (character) => character.charCodeAt(0));
  } catch {
    return undefined;
  }
}
