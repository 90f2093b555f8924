// No I/O. No clock.

const HOSTNAME =
  /^(?=.{1,253}$)[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)*$/;

/** Whether a text is a hostname as we compare them: lower case, no port, no dot at the end. */
export function isHostname(text: string): boolean {
  return HOSTNAME.test(text);
}

/**
 * A URL's hostname as we compare them: `https://Vault.Example.com.:8443/x` -> `vault.example.com`.
 * The URL parser has put it in lower case; dots at the end make no other host of it, so that none
 * slips from its own entry to the one for all others.
 */
export function hostnameOf(url: URL): string {
  return url.hostname.endsWith(".") ? url.hostname.replace(/\.+$/, "") : url.hostname;
}
