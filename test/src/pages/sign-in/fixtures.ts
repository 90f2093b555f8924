// A tiny identity provider at the network's edge, and browsers that sign in with it.
import { exportJWK, generateKeyPair, type JWTPayload, SignJWT } from "jose";
import { expect, onTestFinished, vi } from "vitest";
import { parseEmail, type Role } from "../../../../src/domain/person.ts";
import { ADMIN_HOST, HOST } from "../../fixtures.ts";
import { Isolate, NO_CERTIFICATE } from "../../gate/fixtures.ts";
import { by, directory, userId } from "../../registry/fixtures.ts";

export const ISSUER = "https://id.example.com";
export const CLIENT_ID = "latchkey";
export const DOOR = `https://${ADMIN_HOST}`;
export const CALLBACK = `${DOOR}/.latchkey/callback`;
export const OTHER_HOST = "other.example.com";
/** An app that takes no sign-ins. */
export const CLOSED_HOST = "closed.example.com";

const KEYS = await generateKeyPair("ES256", { extractable: true });
export const OTHER_KEYS = await generateKeyPair("ES256", { extractable: true });
const JWK = { ...(await exportJWK(KEYS.publicKey)), kid: "1", alg: "ES256", use: "sig" };

/** What an ID token of the tiny issuer says, and with which key it is signed. */
export interface Forgery {
  claims?: JWTPayload;
  key?: CryptoKey;
}

export function signed(claims: JWTPayload, key: CryptoKey = KEYS.privateKey, typ = "JWT"): Promise<string> {
  return new SignJWT(claims).setProtectedHeader({ alg: "ES256", kid: "1", typ }).sign(key);
}

/** Somebody who is signed in at the issuer. */
export interface Login {
  sub: string;
  email?: string;
  [claim: string]: unknown;
}

interface Code extends Forgery {
  login: Login;
  asked: URLSearchParams;
}

/** Answers what the Worker asks of `ISSUER`, until the test ends; all else reaches the app of the tests. */
export class TinyIssuer {
  /** The paths that were asked for. */
  readonly asked: string[] = [];
  isDown = false;
  readonly #codes = new Map<string, Code>();

  constructor() {
    const others = globalThis.fetch;
    const spy = vi.spyOn(globalThis, "fetch").mockImplementation(async (...of) => {
      const request = new Request(...of);
      const url = new URL(request.url);
      if (url.origin !== ISSUER) return others(...of);
      this.asked.push(url.pathname);
      if (this.isDown) return new Response(null, { status: 503 });
      return this.#answer(url.pathname, request);
    });
    onTestFinished(() => spy.mockRestore());
  }

  /** Where the issuer sends the browser of somebody who signs in there. */
  callback(address: string, login: Login, forgery: Forgery = {}): URL {
    const asked = new URL(address).searchParams;
    const code = crypto.randomUUID();
    this.#codes.set(code, { login, asked, ...forgery });
    const back = new URL(asked.get("redirect_uri") ?? "");
    back.search = new URLSearchParams({ code, state: asked.get("state") ?? "", iss: ISSUER }).toString();
    return back;
  }

  async #answer(path: string, request: Request): Promise<Response> {
    if (path === "/.well-known/openid-configuration") {
      return Response.json({
        ...{ issuer: ISSUER, authorization_endpoint: `${ISSUER}/authorize`, jwks_uri: `${ISSUER}/keys` },
        token_endpoint: `${ISSUER}/token`,
        authorization_response_iss_parameter_supported: true,
        token_endpoint_auth_methods_supported: ["none"],
        id_token_signing_alg_values_supported: ["ES256"],
      });
    }
    if (path === "/keys") return Response.json({ keys: [JWK] });
    if (path === "/token") return this.#redeem(new URLSearchParams(await request.text()));
    return new Response(null, { status: 404 });
  }

  /** Each code works once, and with the verifier of whoever asked. */
  async #redeem(form: URLSearchParams): Promise<Response> {
    const code = form.get("code") ?? "";
    const found = this.#codes.get(code);
    this.#codes.delete(code);
    const challenge = await sha256(form.get("code_verifier") ?? "");
    if (found === undefined || found.asked.get("code_challenge") !== challenge) {
      return Response.json({ error: "invalid_grant" }, { status: 400 });
    }
    const { login, asked, claims, key } = found;
    const now = Math.floor(Date.now() / 1000);
    const said = {
      ...{ iss: ISSUER, aud: CLIENT_ID, iat: now, exp: now + 300, nonce: asked.get("nonce") ?? "" },
      ...{ email_verified: true, auth_time: now, sid: `session of ${login.sub}`, ...login, ...claims },
    };
    const id_token = await signed(said, key);
    return Response.json({ access_token: "at", token_type: "Bearer", expires_in: 60, id_token });
  }
}

export async function sha256(text: string): Promise<string> {
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));
  return new Uint8Array(digest).toBase64({ alphabet: "base64url", omitPadding: true });
}

/** An isolate whose apps take sign-ins, but for `CLOSED_HOST`. */
export function isolate(change: Record<string, unknown> = {}): Isolate {
  return new Isolate({
    APPS: { [HOST]: { signIn: true }, [OTHER_HOST]: { signIn: true }, [CLOSED_HOST]: {} },
    SIGN_IN: { issuer: ISSUER, clientId: CLIENT_ID },
    ...change,
  });
}

let people = 0;

/** A user whose address at the issuer is known; the person signs in as `login`. */
export async function newPerson({
  role,
  name = "person",
}: {
  role?: Role;
  name?: string;
} = {}): Promise<{ user: string; login: Login }> {
  people += 1;
  const user = `${name}-${people}`;
  const email = `${user}@example.com`;
  await directory().putUser(by(), userId(user), undefined);
  const edited = await directory().editUser(by(), userId(user), {
    emails: [parseEmail(email) ?? expect.fail()],
    ...(role === undefined ? {} : { role }),
  });
  if (!edited.ok) throw new Error(edited.error.code);
  return { user, login: { sub: `sub-${people}`, email } };
}

/** As a browser asks for a page. */
export const NAVIGATION = { "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document" };

/** A page that leads from the `ADMIN_HOST` to an app's host. */
export interface HandOver {
  action: string;
  ticket: string;
}

/** Keeps the cookies of each host, and sends the headers of a navigation. */
export class Browser {
  /** By host, then by name. */
  readonly jar = new Map<string, Map<string, string>>();
  readonly #at: Isolate;
  readonly #ip: string;

  constructor(at = isolate(), ip = "198.51.100.7") {
    this.#at = at;
    this.#ip = ip;
  }

  cookies(host: string): Map<string, string> {
    const cookies = this.jar.get(host) ?? new Map<string, string>();
    this.jar.set(host, cookies);
    return cookies;
  }

  async ask(address: string | URL, init: RequestInit = {}): Promise<Response> {
    const { host } = new URL(address);
    const headers = new Headers({ ...NAVIGATION, "CF-Connecting-IP": this.#ip });
    const cookie = [...this.cookies(host)].map(([name, value]) => `${name}=${value}`).join("; ");
    if (cookie !== "") headers.set("Cookie", cookie);
    for (const [name, value] of new Headers(init.headers)) headers.set(name, value);
    const response = await this.#at.handle(
      new Request(address, { redirect: "manual", ...init, headers, cf: NO_CERTIFICATE } as RequestInit),
    );
    for (const line of response.headers.getSetCookie()) this.#keep(host, line);
    return response;
  }

  #keep(host: string, line: string): void {
    const [, name = "", value = ""] = /^([^=]+)=([^;]*)/.exec(line) ?? [];
    if (/max-age=0(;|$)/i.test(line)) this.cookies(host).delete(name);
    else this.cookies(host).set(name, value);
  }

  post(address: string, form: Record<string, string>, headers: Record<string, string> = {}) {
    return this.ask(address, { method: "POST", body: new URLSearchParams(form), headers });
  }

  /** The link of the page that an app's host offers. */
  async offered(host = HOST, path = "/"): Promise<string> {
    const page = await (await this.ask(`https://${host}${path}`)).text();
    const link = /href="(https:[^"]+)"/.exec(page)?.[1]?.replaceAll("&amp;", "&");
    if (link === undefined) throw new Error(`nothing is offered: ${page}`);
    return link;
  }

  /** From the link to the issuer's address. */
  async begin(link: string): Promise<string> {
    const response = await this.ask(link);
    const location = response.headers.get("location");
    if (response.status !== 302 || location === null) throw new Error(`${response.status}`);
    return location;
  }

  /** From the app's page to the one that hands over to it. */
  async handOver(issuer: TinyIssuer, login: Login, host = HOST): Promise<HandOver> {
    const back = issuer.callback(await this.begin(await this.offered(host)), login);
    return handOverOf(await this.ask(back));
  }

  enter({ action, ticket }: HandOver, headers: Record<string, string> = {}) {
    return this.post(action, { ticket }, { Origin: DOOR, "Sec-Fetch-Site": "same-site", ...headers });
  }

  /** The whole way, to an app's page. */
  async signIn(issuer: TinyIssuer, login: Login, host = HOST): Promise<void> {
    const response = await this.enter(await this.handOver(issuer, login, host));
    if (response.status !== 303) throw new Error(`${response.status} ${await response.text()}`);
  }
}

/** What is on a page that hands over; fails on any other. */
export async function handOverOf(response: Response): Promise<HandOver> {
  const page = await response.text();
  const action = /action="([^"]+)"/.exec(page)?.[1];
  const ticket = /name="ticket" value="([^"]+)"/.exec(page)?.[1];
  if (action === undefined || ticket === undefined) throw new Error(`${response.status} ${page}`);
  return { action, ticket };
}
