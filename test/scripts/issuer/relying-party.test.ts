import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { type LocalIssuer, startIssuer } from "../../../scripts/issuer/issuer.ts";
import { type Asked, Provider } from "../../../src/auth/provider.ts";
import type { SignInSettings } from "../../../src/contract/sign-in-settings.ts";

// The Worker's side of signing in, against a certified provider.

const CLIENT_ID = "latchkey-1_2.3~4";
const SECRET = "a secret with + / % : and spaces";
const REDIRECT_URI = "http://localhost:1/.latchkey/callback";
const PASSWORD = "correct horse";
const ALICE = {
  id: "alice-1",
  email: "Alice@Example.com",
  isVerified: true,
  name: "Alice",
  password: PASSWORD,
};
const BOB = { id: "bob-2", email: "bob@example.com", isVerified: false, name: "Bob", password: PASSWORD };

let issuer: LocalIssuer;
/** The issuer's logout tokens. */
const told: string[] = [];
let asked = 0;

beforeAll(async () => {
  issuer = await startIssuer({
    people: [ALICE, BOB],
    clientId: CLIENT_ID,
    clientSecret: SECRET,
    redirectUris: [REDIRECT_URI],
    backchannelLogoutUri: "https://latchkey.example.com/.latchkey/backchannel-logout",
    fetch: async (_url, { body }) => {
      told.push(new URLSearchParams(String(body)).get("logout_token") ?? "");
      return new Response(null);
    },
  });
});
afterEach(() => {
  vi.useRealTimers();
});
afterAll(async () => {
  await issuer.close();
});

function newProvider(settings: Partial<SignInSettings> = {}): Provider {
  return new Provider(
    {
      issuer: issuer.issuer,
      clientId: CLIENT_ID,
      clientSecret: SECRET,
      scopes: "openid email profile",
      label: "the tests",
      verifiesEmails: false,
      owners: new Map(),
      ...settings,
    },
    { now: () => Date.now(), waitUntil: () => undefined, fetch: (request) => fetch(request) },
  );
}

function newAsked(): Asked {
  asked += 1;
  return {
    state: `state-${asked}`,
    nonce: `nonce-${asked}`,
    verifier: `verifier-${asked}-`.padEnd(64, "v"),
    redirectUri: REDIRECT_URI,
  };
}

/** A browser: cookies, redirects, and the issuer's form. */
class Browser {
  readonly #cookies = new Map<string, string>();

  /** Follows the issuer's redirects up to the first address that is not the issuer's. */
  async signIn(start: URL, who: string): Promise<URL> {
    let url = start;
    for (let steps = 0; url.origin === issuer.issuer; steps += 1) {
      if (steps > 10) throw new Error(`no end at ${url.pathname}`);
      let response = await this.ask(url);
      if (response.status === 200) {
        response = await this.ask(url, new URLSearchParams({ who, password: PASSWORD }));
      }
      url = new URL(response.headers.get("Location") ?? `about:${response.status}`, url);
    }
    return url;
  }

  async ask(url: URL, body?: URLSearchParams): Promise<Response> {
    const Cookie = [...this.#cookies].map(([name, value]) => `${name}=${value}`).join("; ");
    const method = body === undefined ? "GET" : "POST";
    const response = await fetch(url, {
      method,
      body: body ?? null,
      headers: { Cookie },
      redirect: "manual",
    });
    for (const cookie of response.headers.getSetCookie()) {
      const [, name = "", value = ""] = /^([^=]+)=([^;]*)/.exec(cookie) ?? [];
      if (value === "") this.#cookies.delete(name);
      else this.#cookies.set(name, value);
    }
    return response;
  }
}

/** Signs in at the issuer, up to the callback. */
async function callbackFor(provider: Provider, ask: Asked, who = ALICE.email, browser = new Browser()) {
  const start = await provider.authorize(ask, false);
  if (!start.ok) throw new Error(JSON.stringify(start.error));
  return browser.signIn(start.value, who);
}

describe("signing in", () => {
  it.each([
    [ALICE, { subject: "alice-1", email: "alice@example.com", isEmailVerified: true, name: "Alice" }],
    [BOB, { subject: "bob-2", email: "bob@example.com", isEmailVerified: false, name: "Bob" }],
  ])("%o", async (who, person) => {
    const provider = newProvider();
    const ask = newAsked();
    const callback = await callbackFor(provider, ask, who.email);
    const before = Date.now();
    expect(await provider.exchange(callback, ask)).toEqual({
      ok: true,
      value: {
        person: { issuer: issuer.issuer, ...person },
        session: expect.any(String),
        authTime: expect.closeTo(before, -4),
      },
    });
  });

  it("again, without a question, or with one if it must be fresh", async () => {
    const provider = newProvider();
    const browser = new Browser();
    await callbackFor(provider, newAsked(), ALICE.email, browser);
    const silent = newAsked();
    const again = await callbackFor(provider, silent, BOB.email, browser);
    expect(await provider.exchange(again, silent)).toMatchObject({
      value: { person: { subject: ALICE.id } },
    });

    const fresh = newAsked();
    const start = await provider.authorize(fresh, true);
    const url = start.ok ? start.value : new URL("about:blank");
    expect((await browser.ask(url)).headers.get("Location")).toMatch(/^\/login\//);
    const back = await browser.signIn(url, ALICE.email);
    expect(await provider.exchange(back, fresh)).toMatchObject({ value: { authTime: expect.any(Number) } });
  });

  it("with PKCE alone", async () => {
    const open = await startIssuer({
      ...{ people: [ALICE], clientId: CLIENT_ID, clientSecret: null, redirectUris: [REDIRECT_URI] },
    });
    const theirs = issuer;
    issuer = open;
    try {
      const provider = newProvider({ clientSecret: null });
      const ask = newAsked();
      const callback = await callbackFor(provider, ask);
      expect(await provider.exchange(callback, ask)).toMatchObject({ ok: true });
    } finally {
      issuer = theirs;
      await open.close();
    }
  });
});

describe("nobody is signed in", () => {
  const NOT_OURS = { ok: false, error: { code: "not-ours" } };

  it.each<[string, (ask: Asked, callback: URL) => [Asked, URL]]>([
    ["by a forged state", (ask, callback) => [{ ...ask, state: "forged" }, callback]],
    ["for another sign-in's nonce", (ask, callback) => [{ ...ask, nonce: "another" }, callback]],
    ["with another sign-in's verifier", (ask, callback) => [{ ...ask, verifier: "w".repeat(43) }, callback]],
    ["at another address", (ask, callback) => [{ ...ask, redirectUri: `${REDIRECT_URI}/2` }, callback]],
    ["by another issuer", (ask, callback) => [ask, changed(callback, "iss", "https://evil.example.com")]],
    ["by an issuer that does not name itself", (ask, callback) => [ask, changed(callback, "iss")]],
    ["by a code that is none", (ask, callback) => [ask, changed(callback, "code", "<b>")]],
    ["by a code that looks like one", (ask, callback) => [ask, changed(callback, "code", "x".repeat(43))]],
  ])("%s", async (_, change) => {
    const provider = newProvider();
    const ask = newAsked();
    const [checked, callback] = change(ask, await callbackFor(provider, ask));
    expect(await provider.exchange(callback, checked)).toMatchObject(NOT_OURS);
  });

  it("by a code that was used before", async () => {
    const provider = newProvider();
    const ask = newAsked();
    const callback = await callbackFor(provider, ask);
    expect(await provider.exchange(callback, ask)).toMatchObject({ ok: true });
    expect(await provider.exchange(callback, ask)).toMatchObject(NOT_OURS);
  });

  it.each([
    ["the wrong secret", { clientSecret: "wrong" }],
    ["no secret", { clientSecret: null }],
  ])("with %s, and the log names the setting", async (_, settings) => {
    const ask = newAsked();
    const callback = await callbackFor(newProvider(), ask);
    expect(await newProvider(settings).exchange(callback, ask)).toMatchObject({
      ok: false,
      error: { code: "misconfigured", message: expect.stringContaining("SIGN_IN_SECRET") },
    });
    // Being refused did not use up the code.
    expect(await newProvider().exchange(callback, ask)).toMatchObject({ ok: true });
  });

  it("where the issuer calls itself otherwise", async () => {
    const other = issuer.issuer.replace("localhost", "127.0.0.1");
    expect(await newProvider({ issuer: other }).authorize(newAsked(), false)).toMatchObject({
      error: { code: "misconfigured", message: expect.stringContaining(`"${issuer.issuer}"`) },
    });
  });

  it("where no issuer listens", async () => {
    const closed = createServer().listen(0, "127.0.0.1");
    await once(closed, "listening");
    const { port } = closed.address() as AddressInfo;
    await new Promise((resolve) => closed.close(resolve));
    expect(
      await newProvider({ issuer: `http://localhost:${port}` }).authorize(newAsked(), false),
    ).toMatchObject({
      error: { code: "issuer-unavailable" },
    });
  });

  it("where the issuer begins to answer, and does not end", async () => {
    const slow = createServer((_, response) => response.writeHead(200).write("{")).listen(0, "127.0.0.1");
    await once(slow, "listening");
    const { port } = slow.address() as AddressInfo;
    try {
      const heard = once(slow, "request");
      vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
      const result = newProvider({ issuer: `http://localhost:${port}` }).authorize(newAsked(), false);
      await heard;
      vi.advanceTimersByTime(10_000);
      expect(await result).toMatchObject({
        error: { code: "issuer-unavailable", message: expect.stringContaining("within 10 s") },
      });
    } finally {
      slow.closeAllConnections();
      slow.close();
    }
  });
});

it("new keys are found, once the old ones are a minute old", async () => {
  const provider = newProvider();
  const first = newAsked();
  expect(await provider.exchange(await callbackFor(provider, first), first)).toMatchObject({ ok: true });
  await issuer.rotateKeys();
  const early = newAsked();
  expect(await provider.exchange(await callbackFor(provider, early), early)).toMatchObject({ ok: false });

  vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + 61_000 });
  const late = newAsked();
  expect(await provider.exchange(await callbackFor(provider, late), late)).toMatchObject({ ok: true });
});

it("signing out at the issuer ends the session that signing in began", async () => {
  const provider = newProvider();
  const browser = new Browser();
  const ask = newAsked();
  const signedIn = await provider.exchange(await callbackFor(provider, ask, ALICE.email, browser), ask);
  const session = signedIn.ok ? signedIn.value.session : undefined;

  const page = await (await browser.ask(new URL("/session/end", issuer.issuer))).text();
  const xsrf = /name="xsrf" value="([^"]+)"/.exec(page)?.[1] ?? "";
  const form = new URLSearchParams({ xsrf, logout: "yes" });
  await browser.ask(new URL("/session/end/confirm", issuer.issuer), form);
  const [token = ""] = told;
  expect(await provider.readLogout(token)).toEqual({ ok: true, value: { subject: ALICE.id, session } });
  expect(session).toEqual(expect.any(String));
  expect(await newProvider({ clientId: "another" }).readLogout(token)).toMatchObject({
    error: { code: "not-ours" },
  });
});

function changed(callback: URL, name: string, value?: string): URL {
  const url = new URL(callback);
  if (value === undefined) url.searchParams.delete(name);
  else url.searchParams.set(name, value);
  return url;
}
