// No I/O. No clock.

/**
 * Whether a request that changes something was sent by a page of ours, by a person: besides the cookie,
 * which another site's form would bring along where a browser does not know `SameSite`.
 * - `Sec-Fetch-Site: same-origin`, or, from browsers that do not send it, our own `Origin`;
 * - a navigation, as a form makes it: no script's `fetch`, and not within a frame.
 *
 * Source: www.w3.org/TR/fetch-metadata and html.spec.whatwg.org (Origin of form submissions).
 */
export function isFromOurPage(headers: Headers, url: URL): boolean {
  const site = headers.get("sec-fetch-site");
  const origin = headers.get("origin");
  if (site === null ? origin !== url.origin : site !== "same-origin") return false;
  if (origin !== null && origin !== url.origin) return false;
  return (headers.get("sec-fetch-dest") ?? "document") === "document";
}

/**
 * Whether a page is asked for by a person's browser, to be shown or (`empty`) kept as a file: not by a script,
 * such as one of the app on this host, which could read what it is answered, and not for a frame.
 */
export function isForReading(headers: Headers): boolean {
  const mode = headers.get("sec-fetch-mode") ?? "navigate";
  const dest = headers.get("sec-fetch-dest") ?? "document";
  return mode === "navigate" && (dest === "document" || dest === "empty");
}
