import { misuse } from "../../terminal/failure.ts";
import { printable } from "../../terminal/text.ts";
import { TOKENS_PAGE } from "./permissions.ts";

const CLOUDFLARE_API = "https://api.cloudflare.com/client/v4";

/** Where Cloudflare's API is and how to speak with it. */
export interface CloudflareConnection {
  baseUrl: string;
  token: string;
  timeoutMs: number;
}

/** For whoever has forgotten the variable: which API is asked; `undefined` for Cloudflare's own. */
export function standInNotice({ baseUrl }: CloudflareConnection): string | undefined {
  if (baseUrl === CLOUDFLARE_API) return undefined;
  return `LATCHKEY_CLOUDFLARE_API is set: using ${printable(baseUrl)} instead of Cloudflare`;
}

/**
 * The one reader of `CLOUDFLARE_API_TOKEN` and of `LATCHKEY_CLOUDFLARE_API`, the address of a stand-in
 * for tests and for `npm start`. The token is in no message.
 */
export function cloudflareConnectionFrom(
  environment: NodeJS.ProcessEnv,
  timeoutMs: number,
): CloudflareConnection {
  const token = environment.CLOUDFLARE_API_TOKEN?.trim() ?? "";
  if (token === "") {
    throw misuse(
      "CLOUDFLARE_API_TOKEN is not set",
      `make an API token at ${TOKENS_PAGE}, see docs/cloudflare.md`,
    );
  }
  // What a header can carry (RFC 9110, section 5.5) without spaces.
  if (!/^[\x21-\x7e]+$/.test(token)) {
    throw misuse(
      "CLOUDFLARE_API_TOKEN does not hold a token: it has spaces or characters beyond ASCII",
      `copy the token again, or make a new one at ${TOKENS_PAGE}`,
    );
  }
  return { token, timeoutMs, baseUrl: parseBaseUrl(environment.LATCHKEY_CLOUDFLARE_API || CLOUDFLARE_API) };
}

function parseBaseUrl(text: string): string {
  const url = URL.parse(text);
  const isLoopback =
    url?.hostname === "127.0.0.1" || url?.hostname === "[::1]" || url?.hostname === "localhost";
  if (url === null || !(url.protocol === "https:" || (url.protocol === "http:" && isLoopback))) {
    throw misuse(
      `LATCHKEY_CLOUDFLARE_API '${printable(text)}' is not an address that a token may be sent to`,
      "unset it for Cloudflare; npm start prints that of its local stand-in",
    );
  }
  return url.href.replace(/\/$/, "");
}
