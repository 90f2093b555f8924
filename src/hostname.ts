// No I/O. No clock.

const HOSTNAME =
  /^(?=.{1,253}$)[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)*$/;

/** Whether a text is a hostname as we compare them: lower case, no port, no dot at the end. */
export function isHostname(text: string): boolean {
  return HOSTNAME.test(text);
}

/** A URL's hostname as we compare them: `https://Vault.Example.com.:8443/x` -> `vault.example.com`. */
export function hostnameOf(url: URL): string {
  // The URL parser has put it in lower case; a dot at the end names the same host.
  return url.hostname.endsWith(".") ? url.hostname.slice(0, -1) : url.hostname;
}
