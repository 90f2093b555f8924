// Hostnames, and how they are compared.
import { BoundedMap } from "../general/bounded-map.ts";

const HOSTNAME =
  /^(?=.{1,253}$)[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)*$/;

/** Whether a string is a hostname as we compare them: lower case, no port, no dot at the end. */
export function isHostname(text: string): boolean {
  return HOSTNAME.test(text);
}

/**
 * A URL's hostname as we compare them: `https://Vault.Example.com.:8443/x` -> `vault.example.com`.
 * The URL parser has put it in lower case; dots at the end make no other host of it, so that none
 * slips from its own entry to the one for all others.
 */
export function hostnameOf(url: URL): string {
  const { hostname } = url;
  let end = hostname.length;
  // Not a regular expression: /\.+$/ is quadratic in dots that are not at the end.
  while (hostname[end - 1] === ".") end -= 1;
  return end === hostname.length ? hostname : hostname.slice(0, end);
}

/** Origins that one isolate remembers: a household has a few, a stranger may send any. */
const MAX_REMEMBERED = 1_000;

/**
 * Hostnames of absolute URLs, by all that comes before the path. The URL parser costs more than all
 * the rest of the gate, so each origin is parsed once: the authority of a URL ends at its first slash
 * at the latest, so what comes before that slash has the same hostname as the whole.
 */
export class Hostnames {
  readonly #known = new BoundedMap<string, string>(MAX_REMEMBERED);

  /** `undefined` for what is no URL. */
  of(url: string): string | undefined {
    const slash = url.indexOf("/", "https://".length);
    const origin = slash === -1 ? url : url.slice(0, slash);
    const known = this.#known.get(origin);
    if (known !== undefined) return known;
    const parsed = URL.parse(origin);
    if (parsed === null) return undefined;
    const hostname = hostnameOf(parsed);
    this.#known.set(origin, hostname);
    return hostname;
  }
}
