// The browser that an app's host has offered a sign-in: a random value in its cookie ties the sign-in to it. Whoever
// plants a session of their own in somebody else's browser would need that value.

const ENTRY_BYTES = 16;
const ENTRY_FORM = /^[A-Za-z0-9_-]{22}$/;

/** How long a browser may take for the sign-in that it was offered, in seconds. */
export const ENTRY_SECONDS = 600;

export function newEntry(): string {
  return base64url(crypto.getRandomValues(new Uint8Array(ENTRY_BYTES)));
}

export function isEntry(value: string | undefined): value is string {
  return value !== undefined && ENTRY_FORM.test(value);
}

/** What a sign-in carries along of it: SHA-256, in base64url. */
export async function digestOfEntry(entry: string): Promise<string> {
  return base64url(new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(entry))));
}

function base64url(bytes: Uint8Array): string {
  return bytes.toBase64({ alphabet: "base64url", omitPadding: true });
}
