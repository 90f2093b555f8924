// A piece of a page, and a page as an answer.
import { html, raw } from "hono/html";

/** The template `html` escapes everything put into it, except other pieces. */
export type Html = ReturnType<typeof html>;
export { html, raw };

/** Nothing from elsewhere, no inline script or style, no frame around the page. */
export const CONTENT_SECURITY_POLICY =
  "default-src 'none'; style-src 'self'; script-src 'self'; img-src data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/**
 * No copy kept. Referrer `same-origin`: with
 * `no-referrer`, a form's `Origin` would be `null`.
 */
const PAGE_HEADERS = {
  "Content-Type": "text/html; charset=utf-8",
  "Cache-Control": "no-store",
  "Content-Security-Policy": CONTENT_SECURITY_POLICY,
  "X-Frame-Options": "DENY",
  "X-Content-Type-Options": "nosniff",
  "Referrer-Policy": "same-origin",
  "Cross-Origin-Opener-Policy": "same-origin",
  "Cross-Origin-Resource-Policy": "same-origin",
  "X-Robots-Tag": "noindex",
} as const;

export async function show(
  page: Html,
  status = 200,
  headers: Record<string, string> = {},
): Promise<Response> {
  return new Response(`<!doctype html>${await page}`, { status, headers: { ...PAGE_HEADERS, ...headers } });
}

/** After a change: the browser then asks for this page, so that reloading it repeats nothing. */
export function seeOther(location: string, headers: Record<string, string> = {}): Response {
  return new Response(null, {
    status: 303,
    headers: { Location: location, "Cache-Control": "no-store", ...headers },
  });
}

/** Style and script: the same for everybody until the next deploy. */
export function asset(text: string, contentType: string): Response {
  return new Response(text, {
    headers: {
      "Content-Type": contentType,
      "Cache-Control": "max-age=300",
      "X-Content-Type-Options": "nosniff",
      "Cross-Origin-Resource-Policy": "same-origin",
    },
  });
}
