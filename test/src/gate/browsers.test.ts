import { runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { describe, expect, it } from "vitest";
import { digestOfEntry } from "../../../src/entry.ts";
import { api, fingerprint, HOST, keyedSecrets } from "../fixtures.ts";
import { intercepted } from "../registry/fixtures.ts";
import {
  browser,
  cf,
  device,
  type Echo,
  FILES_HOST,
  Isolate,
  logged,
  NO_CERTIFICATE,
  NOT_FOUND,
  OWN_HOST,
  SIGN_IN,
  SWISS_HOST,
  seen,
  VAULT_HOST,
} from "./fixtures.ts";

/** An app of each profile where browsers may sign in, and one where they may not. */
const OTHER_HOST = "other.example.com";
const APPS = {
  [HOST]: { signIn: true },
  [VAULT_HOST]: { profile: "bitwarden", signIn: true },
  [FILES_HOST]: { profile: "sync", signIn: true },
  [OWN_HOST]: { profile: "custom", status: 418, body: "{}", contentType: "application/json", signIn: true },
  [SWISS_HOST]: { countries: ["CH"], signIn: true },
  [OTHER_HOST]: {},
};
const isolate = (change: Record<string, unknown> = {}) => new Isolate({ APPS, SIGN_IN, ...change });

/** As a browser asks for a page. */
const NAVIGATION = { "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document", "Sec-Fetch-Site": "none" };

/** An isolate that notes each call of a Durable Object. */
function counted() {
  const calls: string[] = [];
  const bindings = intercepted((call) => {
    calls.push(call.name);
    return call.proceed();
  });
  return { calls, at: isolate({ ...bindings }) };
}

function ask(url: string, headers: Record<string, string> = {}, init: RequestInit = {}, at = isolate()) {
  return at.fetch(url, { redirect: "manual", ...init, cf: NO_CERTIFICATE, headers } as RequestInit);
}

/** The app's echo of a request that was let in. */
async function echo(response: Response): Promise<Echo> {
  expect(response.status).toBe(200);
  return response.json<Echo>();
}

describe("a signed-in browser", () => {
  it("is let in on its apps, and the app sees none of our cookies", async () => {
    const { cookie } = await browser();
    const lines = logged();
    const ours = `${cookie}; __Host-latchkey-entry=x; __HOST-latchkey-browser=y`;
    const { headers } = await echo(
      await ask(`https://${HOST}/a?b=1`, { Cookie: `mine=1; ${ours}; yours=2` }),
    );
    expect(headers.cookie).toBe("mine=1;  yours=2".replace("  ", " "));
    expect(JSON.stringify(headers)).not.toMatch(/latchkey|lkb_/i);
    expect(lines).toEqual([]);
  });

  it("uploads, and writes, from the app's own pages", async () => {
    const { cookie } = await browser();
    const headers = { Cookie: cookie, Origin: `https://${HOST}`, "Sec-Fetch-Site": "same-origin" };
    const { body, method } = await echo(
      await ask(`https://${HOST}/`, headers, { method: "PUT", body: "text" }),
    );
    expect([method, body]).toEqual(["PUT", "text"]);
  });

  it("is refused on other apps, and told that it may sign in there", async () => {
    const { cookieOf } = await browser();
    const lines = logged();
    const Cookie = await cookieOf(VAULT_HOST);
    const response = await ask(`https://${VAULT_HOST}/`, { Cookie, ...NAVIGATION });
    expect(response.status).toBe(404);
    expect(await response.text()).toContain("You are not signed in here yet.");
    expect(lines).toMatchObject([{ reason: "wrong-app" }]);
  });

  it.each<[string, (secret: string) => string]>([
    ["forged", (secret) => `__Host-latchkey-app=${secret.slice(0, -1)}${secret.endsWith("A") ? "B" : "A"}`],
    ["of another kind", (secret) => `__Host-latchkey-app=${secret.replace("lkb_", "lkd_")}`],
    ["planted beside the right one", (secret) => `__Host-latchkey-app=${secret}; __Host-latchkey-app=x`],
    ["of another name", (secret) => `__Host-latchkey-ap=${secret}`],
    ["of another case", (secret) => `__host-Latchkey-App=${secret}`],
    ["empty", () => "__Host-latchkey-app="],
  ])("is none with a cookie that is %s, which costs no Durable Object call", async (_, cookieOf) => {
    const { secret } = await browser();
    const { calls, at } = counted();
    // The key that checks secrets is asked for once.
    await ask(`https://${HOST}/`, { Cookie: `__Host-latchkey-app=${secret}` }, {}, at);
    calls.length = 0;
    const response = await ask(`https://${HOST}/`, { Cookie: cookieOf(secret) }, {}, at);
    expect(await seen(response)).toEqual(NOT_FOUND);
    expect(calls).toEqual([]);
  });

  it("is none over plain HTTP, where the app takes no sign-ins, or when SIGN_IN has changed", async () => {
    const { cookie, cookieOf } = await browser([HOST, OTHER_HOST]);
    const Cookie = await cookieOf(OTHER_HOST);
    expect(await seen(await ask(`http://${HOST}/`, { Cookie: cookie }))).toEqual(NOT_FOUND);
    expect(await seen(await ask(`https://${OTHER_HOST}/`, { Cookie }))).toEqual(NOT_FOUND);
    const others = [
      { SIGN_IN: { ...SIGN_IN, issuer: "https://id.example.org" } },
      { SIGN_IN: { ...SIGN_IN, clientId: "other" } },
    ];
    for (const change of others) {
      const response = await ask(`https://${HOST}/`, { Cookie: cookie }, {}, isolate(change));
      expect(await seen(response)).toEqual(NOT_FOUND);
    }
    expect((await ask(`https://${HOST}/`, { Cookie: cookie })).status).toBe(200);
  });

  it("shows each host a secret that no other host takes, though both may be opened", async () => {
    const { cookieOf, user } = await browser([HOST, VAULT_HOST]);
    const { calls, at } = counted();
    for (const [host, other] of [
      [HOST, VAULT_HOST],
      [VAULT_HOST, HOST],
    ] as const) {
      // The isolate remembers it for the host where it is good.
      const Cookie = await cookieOf(host);
      expect((await ask(`https://${host}/`, { Cookie }, {}, at)).status).toBe(200);
      calls.length = 0;
      expect(await seen(await ask(`https://${other}/`, { Cookie }, {}, at))).toEqual(NOT_FOUND);
      expect(calls).toEqual([]);
    }
    const listed = await api("GET", `/users/${user}/devices`);
    expect((await listed.json<{ devices: unknown[] }>()).devices).toHaveLength(1);
  });

  it("does not help a certificate that is refused", async () => {
    const { cookie } = await browser();
    const { of } = await device("revoked");
    const init = { cf: cf({}, of), headers: { Cookie: cookie, ...NAVIGATION } };
    expect(await seen(await isolate().fetch(`https://${HOST}/`, init))).toEqual(NOT_FOUND);
  });

  it.each(["suspend", "revoke", "lost"])("is refused once somebody presses %s", async (act) => {
    const { cookie, path, device } = await browser();
    const at = isolate();
    expect((await ask(`https://${HOST}/`, { Cookie: cookie }, {}, at)).status).toBe(200);
    const body = act === "lost" ? { confirm: device.name } : {};
    expect((await api("POST", `${path}/${act}`, body)).status).toBe(200);
    const response = await ask(`https://${HOST}/`, { Cookie: cookie });
    expect(response.status).toBe(404);
  });

  it("is refused from the millisecond on in which its time is up", async () => {
    const { cookie, user, key } = await browser();
    const registry = env.USER_REGISTRY.getByName(user);
    await runInDurableObject(registry, (_, { storage }) =>
      storage.sql.exec("UPDATE credentials SET not_after = ? WHERE key = ?", Date.now(), key),
    );
    const lines = logged();
    const response = await ask(`https://${HOST}/`, { Cookie: cookie, ...NAVIGATION });
    expect(await response.text()).toContain("You are no longer signed in.");
    expect(lines).toMatchObject([{ reason: "expired-credential" }]);
  });
});

describe("a lost browser", () => {
  async function lost() {
    const made = await browser([HOST, VAULT_HOST]);
    await api("POST", `${made.path}/lost`, { confirm: made.device.name });
    return made;
  }

  it.each([HOST, VAULT_HOST])(
    "is told to clear what it stores of %s, but never as a vault is wiped",
    async (host) => {
      const { cookieOf } = await lost();
      const Cookie = await cookieOf(host);
      for (const path of ["/", "/api/sync", "/identity/connect/token"]) {
        const response = await ask(`https://${host}${path}`, { Cookie, ...NAVIGATION });
        expect(response.status).toBe(404);
        expect(response.headers.get("clear-site-data")).toBe('"cache", "cookies", "storage"');
        expect(await response.text()).toBe("Not Found");
      }
    },
  );

  it("has a receipt for it, and a line in the audit log", async () => {
    const { cookie, path, user } = await lost();
    await ask(`https://${HOST}/`, { Cookie: cookie });
    const shown = await api("GET", path);
    expect(await shown.json()).toMatchObject({ status: "lost", wipe: { count: 1 } });
    const audit = await api("GET", `/users/${user}/audit`);
    expect(JSON.stringify(await audit.json())).toContain("wipe-delivered");
  });

  it("is offered no sign-in", async () => {
    const { cookie } = await lost();
    const response = await ask(`https://${HOST}/`, { Cookie: cookie, ...NAVIGATION });
    expect(response.headers.get("content-type")).toContain("text/plain");
  });

  it("never makes another browser clear anything", async () => {
    await lost();
    const { cookie } = await browser();
    for (const headers of [{ Cookie: cookie }, NAVIGATION, {}]) {
      const response = await ask(`https://${HOST}/`, headers as Record<string, string>);
      expect(response.headers.has("clear-site-data")).toBe(false);
    }
  });
});

describe("the offer to sign in", () => {
  it.each([
    [HOST, 404],
    [VAULT_HOST, 404],
    [FILES_HOST, 503],
    [OWN_HOST, 418],
  ])("of %s is a page with the status of its profile, %i", async (host, status) => {
    const bare = await ask(`https://${host}/`);
    const offer = await ask(`https://${host}/album/1?x=%22%3Cb%3E&y=2`, NAVIGATION);
    expect([bare.status, offer.status]).toEqual([status, status]);
    expect(offer.headers.get("retry-after")).toBe(bare.headers.get("retry-after"));
    expect(offer.headers.get("content-type")).toBe("text/html; charset=utf-8");
    expect(offer.headers.get("cache-control")).toBe("no-store");
    const page = await offer.text();
    const link = new URL((/href="(https:[^"]+)"/.exec(page)?.[1] ?? "").replaceAll("&amp;", "&"));
    expect(link.origin + link.pathname).toBe("https://latchkey.example.com/.latchkey/sign-in");
    expect(link.searchParams.get("app")).toBe(host);
    expect(link.searchParams.get("to")).toBe("/album/1?x=%22%3Cb%3E&y=2");
    const [, entry = ""] =
      /^__Host-latchkey-entry=([\w-]{22}); Max-Age=600; Path=\/; Secure; HttpOnly; SameSite=None$/.exec(
        offer.headers.get("set-cookie") ?? "",
      ) ?? [];
    expect(link.searchParams.get("e")).toBe(await digestOfEntry(entry));
    expect(page).not.toContain(entry);
    expect(page).not.toContain("<b>");
  });

  it("is for a page that the app's service worker asks for, too", async () => {
    // As Chromium sends what a worker passes on; no script can ask for the mode by itself.
    const passedOn = { ...NAVIGATION, "Sec-Fetch-Dest": "empty" };
    const offer = await ask(`https://${HOST}/`, passedOn);
    expect(offer.headers.get("content-type")).toBe("text/html; charset=utf-8");
  });

  it("keeps the value that the browser has, so that two tabs can sign in", async () => {
    const first = await ask(`https://${HOST}/`, NAVIGATION);
    const cookie = (first.headers.get("set-cookie") ?? "").split(";")[0] ?? "";
    const second = await ask(`https://${HOST}/`, { ...NAVIGATION, Cookie: cookie });
    expect((second.headers.get("set-cookie") ?? "").split(";")[0]).toBe(cookie);
    const planted = await ask(`https://${HOST}/`, {
      ...NAVIGATION,
      Cookie: "__Host-latchkey-entry=<script>",
    });
    expect(planted.headers.get("set-cookie")).not.toContain("script");
  });

  it.each<[string, Record<string, string>, RequestInit?]>([
    ["a script's request", { "Sec-Fetch-Mode": "cors", "Sec-Fetch-Dest": "empty" }],
    ["an image", { "Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "image" }],
    ["a frame", { "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "iframe" }],
    ["a service worker's script", { "Sec-Fetch-Mode": "same-origin", "Sec-Fetch-Dest": "serviceworker" }],
    ["a program that says nothing", { Accept: "text/html" }],
    ["a form", NAVIGATION, { method: "POST" }],
    ["a look", NAVIGATION, { method: "HEAD" }],
    ["a WebSocket", { Upgrade: "websocket", Origin: `https://${HOST}` }],
  ])("is not for %s, which gets byte for byte what it gets without", async (_, headers, init) => {
    const withoutSignIn = isolate({ APPS: { [HOST]: {} }, SIGN_IN: undefined });
    const [here, there] = await Promise.all([
      ask(`https://${HOST}/`, headers, init),
      ask(`https://${HOST}/`, headers, init, withoutSignIn),
    ]);
    expect(await seen(here)).toEqual(await seen(there));
  });

  it("is not where the app takes no sign-ins, from a wrong country, or for a blocked or refused certificate", async () => {
    expect(await seen(await ask(`https://${OTHER_HOST}/`, NAVIGATION))).toEqual(NOT_FOUND);
    const abroad = { cf: { ...NO_CERTIFICATE, country: "DE" }, headers: NAVIGATION };
    expect(await seen(await isolate().fetch(`https://${SWISS_HOST}/`, abroad))).toEqual(NOT_FOUND);
    const unknown = { cf: cf({}, fingerprint(0xdead)), headers: NAVIGATION };
    expect(await seen(await isolate().fetch(`https://${HOST}/`, unknown))).toEqual(NOT_FOUND);
  });

  it("leaves a feed's secret out of its link", async () => {
    const response = await ask(`https://${HOST}/a?latchkey=lkf_secret&b=1`, NAVIGATION);
    expect(await response.text()).not.toContain("lkf_secret");
  });

  it("costs strangers no Durable Object call, however many they are", async () => {
    const { calls, at } = counted();
    logged();
    for (let index = 0; index < 200; index++) await ask(`https://${HOST}/${index}`, NAVIGATION, {}, at);
    expect(calls).toEqual([]);
  });
});

describe("the secret of a browser", () => {
  it("is good for this provider and this client only", async () => {
    const { text } = await keyedSecrets(Date.now, SIGN_IN).newBrowserSecret(HOST);
    const read = (issuer: string, clientId: string) =>
      keyedSecrets(Date.now, { issuer, clientId }).readBrowserSecret(HOST, text);
    expect(await read(SIGN_IN.issuer, SIGN_IN.clientId)).toMatch(/^sess:[0-9a-f]{64}$/);
    expect(await read(SIGN_IN.issuer, "other")).toBeUndefined();
    expect(await read("https://id.example.org", SIGN_IN.clientId)).toBeUndefined();
  });
});
