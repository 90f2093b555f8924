// Where a browser's request comes from.

/**
 * Whether a request that changes something was sent by a person, from a page of ours. The cookie does not show that: a
 * browser that does not know `SameSite` sends it with another site's form, too.
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
 * Whether a person sent a form from a page of ours on another of our hosts: `origin` is that host's. Every browser says
 * where a form comes from that it posts to another origin. An app's service worker that passes the form on leaves the
 * destination empty.
 */
export function isFromPageOf(origin: string, headers: Headers): boolean {
  return headers.get("origin") === origin && isForReading(headers);
}

/**
 * Whether a script of one of our own pages sent a request. Every browser sends the `Origin` with it, and those that send
 * `Sec-Fetch-Dest` say `empty` of a `fetch`.
 */
export function isFromOurScript(headers: Headers, url: URL): boolean {
  if (headers.get("origin") !== url.origin) return false;
  return (
    (headers.get("sec-fetch-site") ?? "same-origin") === "same-origin" &&
    (headers.get("sec-fetch-dest") ?? "empty") === "empty"
  );
}

/**
 * Whether a person's browser asks for a page, to show it or (`empty`) to save it as a file: not a script, such as one of
 * the app on this host, which could read the answer, and not a frame.
 */
export function isForReading(headers: Headers): boolean {
  const mode = headers.get("sec-fetch-mode") ?? "navigate";
  const dest = headers.get("sec-fetch-dest") ?? "document";
  return mode === "navigate" && (dest === "document" || dest === "empty");
}
