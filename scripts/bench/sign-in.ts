// A person signs in with the identity provider that workers/issuer.ts plays, as a browser does it: from the page that
// offers it to the cookie of a signed-in browser.

/** The issuer, our client there, and whom it makes a user. */
export const SIGN_IN = {
  issuer: "https://issuer.example.net",
  clientId: "latchkey",
  owners: { alice: "alice@example.com" },
};

/** Who signs in, and for which sign-in: the issuer takes this as the code. */
export interface Code {
  nonce: string;
  subject: string;
  email: string;
}

interface Sent {
  method?: string;
  headers?: Record<string, string>;
  body?: string;
}

/** What a browser sees of an answer. */
export interface Seen {
  /** `Set-Cookie`. */
  cookies: readonly string[];
  location: string;
  text: string;
}

export type Send = (url: URL, sent: Sent) => Promise<Seen>;

/** Nothing but a browser that is about to show a page sends these. */
export const NAVIGATION = { "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document" };

const FORM = { "Content-Type": "application/x-www-form-urlencoded" };

/** A browser at the issuer: it has been offered a sign-in by an app, and the door has sent it on. */
export interface AtIssuer {
  door: URL;
  state: string;
  nonce: string;
  /** Cookies that it has by now, as it sends them. */
  entryCookie: string;
  doorCookie: string;
}

/** Opens the app's page, and follows its link to the issuer. */
export async function goToIssuer(send: Send, app: string): Promise<AtIssuer> {
  const offer = await send(new URL(`https://${app}/`), { headers: NAVIGATION });
  const link = new URL(found(/href="(https:[^"]+)"/, offer.text).replaceAll("&amp;", "&"));
  const started = await send(link, { headers: NAVIGATION });
  const asked = new URL(started.location).searchParams;
  return {
    ...{ door: link, state: asked.get("state") ?? "", nonce: asked.get("nonce") ?? "" },
    ...{ entryCookie: firstCookie(offer), doorCookie: firstCookie(started) },
  };
}

/** The address at which a browser comes back from the issuer with this code, and what it sends along. */
export function callback({ door, state, doorCookie }: AtIssuer, code: string) {
  const url = new URL("/.latchkey/callback", door);
  url.search = new URLSearchParams({ code, state, iss: SIGN_IN.issuer }).toString();
  return { url, headers: { ...NAVIGATION, Cookie: doorCookie } };
}

/** Signs in on the app's host as this person; returns the cookie of the signed-in browser, as it sends it. */
export async function signIn(send: Send, app: string, person: Omit<Code, "nonce">): Promise<string> {
  const browser = await goToIssuer(send, app);
  const { url, headers } = callback(browser, codeOf({ ...person, nonce: browser.nonce }));
  const page = await send(url, { headers });
  const ticket = found(/name="ticket" value="([^"]+)"/, page.text);
  const entered = await send(new URL(`https://${app}/.latchkey/enter`), {
    method: "POST",
    headers: { ...FORM, Origin: browser.door.origin, Cookie: browser.entryCookie },
    body: new URLSearchParams({ ticket }).toString(),
  });
  return firstCookie(entered);
}

export function codeOf(code: Code): string {
  return btoa(JSON.stringify(code));
}

function firstCookie({ cookies, text }: Seen): string {
  const [cookie] = cookies;
  if (cookie === undefined) throw new Error(`nobody was signed in: ${text}`);
  return cookie.split(";")[0] ?? "";
}

function found(pattern: RegExp, text: string): string {
  const [, part] = pattern.exec(text) ?? [];
  if (part === undefined) throw new Error(`nobody was signed in: ${text}`);
  return part;
}
