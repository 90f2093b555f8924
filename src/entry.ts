// The browser that an app's host has offered a sign-in: a random value in its cookie ties the sign-in to it. Whoever
// plants a session of their own in somebody else's browser would need that value.
import { PATHS } from "./contract/paths.ts";
import { cookieValue, ENTRY_COOKIE, setEntry } from "./domain/request/own-cookies.ts";

const ENTRY_BYTES = 16;
const ENTRY_FORM = /^[A-Za-z0-9_-]{22}$/;

/** How long a browser may take for the sign-in that it was offered, in seconds. */
const ENTRY_SECONDS = 600;

/** Where a browser signs in, and the cookie that ties the sign-in to it. */
export interface Offer {
  address: string;
  cookie: string;
}

/**
 * Offers a browser on an app's host a sign-in on the host `door`, to come back to the page `page`. `cookies`: what it sent.
 */
export async function offerOf(page: URL, door: string, cookies: string | null): Promise<Offer> {
  const known = cookieValue(cookies, ENTRY_COOKIE);
  // Kept, so that two tabs can be offered a sign-in at the same time.
  const entry = known !== undefined && ENTRY_FORM.test(known) ? known : newEntry();
  const link = new URL(PATHS.signIn, page);
  link.hostname = door;
  const query = { app: page.hostname, to: page.pathname + page.search, e: await digestOfEntry(entry) };
  link.search = new URLSearchParams(query).toString();
  return { address: link.href, cookie: setEntry(entry, ENTRY_SECONDS) };
}

function newEntry(): string {
  return base64url(crypto.getRandomValues(new Uint8Array(ENTRY_BYTES)));
}

/** What a sign-in carries along of it: SHA-256, in base64url. */
export async function digestOfEntry(entry: string): Promise<string> {
  return base64url(new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(entry))));
}

function base64url(bytes: Uint8Array): string {
  return bytes.toBase64({ alphabet: "base64url", omitPadding: true });
}
