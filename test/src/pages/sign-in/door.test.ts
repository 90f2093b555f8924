// The way over the ADMIN_HOST: what leads to the provider, and what comes back from there.
import { describe, expect, it } from "vitest";
import { Sealer } from "../../../../src/auth/sealed.ts";
import { EXCHANGES_MAX } from "../../../../src/pages/sign-in/door.ts";
import { ADMIN_HOST, api, HOST } from "../../fixtures.ts";
import { logged } from "../../gate/fixtures.ts";
import { directory, intercepted } from "../../registry/fixtures.ts";
import {
  Browser,
  CALLBACK,
  CLOSED_HOST,
  DOOR,
  handOverOf,
  ISSUER,
  isolate,
  type Login,
  newPerson,
  OTHER_HOST,
  OTHER_KEYS,
  TinyIssuer,
} from "./fixtures.ts";

const DOOR_COOKIE = "__Host-latchkey-door";
const DIGEST = "A".repeat(43);
const SIGN_IN = `${DOOR}/.latchkey/sign-in`;

/** What a page says in its heading. */
async function heading(response: Response): Promise<string> {
  return /<h1>([^<]*)/.exec(await response.text())?.[1] ?? "";
}

/** Nobody got in, and the browser holds nothing that would let it in. */
async function refused(browser: Browser, response: Response, status: number, title: string) {
  expect([response.status, await heading(response)]).toEqual([status, title]);
  const held = [...browser.jar.values()].flatMap((cookies) => [...cookies.keys()]);
  expect(held.filter((name) => /-app$|-browser$|latchkey$/.test(name))).toEqual([]);
}

describe("a sign-in", () => {
  it("leads to the page that was asked for, and the app sees none of our cookies", async () => {
    const issuer = new TinyIssuer();
    const { login } = await newPerson();
    const browser = new Browser();
    const back = issuer.callback(await browser.begin(await browser.offered(HOST, "/album/1?x=2")), login);
    const entered = await browser.enter(await handOverOf(await browser.ask(back)));
    expect([entered.status, entered.headers.get("location")]).toEqual([303, `https://${HOST}/album/1?x=2`]);
    const shown = await browser.ask(`https://${HOST}/album/1?x=2`);
    expect(shown.status).toBe(200);
    expect(await shown.text()).not.toMatch(/latchkey-|lkb_/);
  });

  it("begins on the door where a service worker of the app hides the offer", async () => {
    const issuer = new TinyIssuer();
    const { login } = await newPerson();
    const browser = new Browser();
    const page = await (await browser.ask(`${SIGN_IN}?app=${HOST}`)).text();
    const action = /action="([^"]+)"/.exec(page)?.[1] ?? "";
    expect(action).toBe(`https://${HOST}/.latchkey/offer`);
    const offered = await browser.post(action, {}, { Origin: DOOR, "Sec-Fetch-Site": "same-site" });
    expect(offered.status).toBe(303);
    expect(offered.headers.get("set-cookie")).toMatch(/^__Host-latchkey-entry=/);
    const back = issuer.callback(await browser.begin(offered.headers.get("location") ?? ""), login);
    const entered = await browser.enter(await handOverOf(await browser.ask(back)));
    expect([entered.status, entered.headers.get("location")]).toEqual([303, `https://${HOST}/`]);
    expect((await browser.ask(`https://${HOST}/`)).status).toBe(200);
  });

  it.each<[string, Record<string, string>]>([
    ["a page of the app", { Origin: `https://${HOST}` }],
    ["another site", { Origin: "https://evil.example" }],
    ["a sandbox", { Origin: "null" }],
  ])("is not offered to a form of %s", async (_, headers) => {
    const response = await new Browser().post(`https://${HOST}/.latchkey/offer`, {}, headers);
    expect([response.status, response.headers.get("set-cookie")]).toEqual([400, null]);
  });

  it("asks for a code with S256, with values that are new each time", async () => {
    new TinyIssuer();
    const browser = new Browser();
    const first = new URL(await browser.begin(`${SIGN_IN}?next=/`)).searchParams;
    const second = new URL(await browser.begin(`${SIGN_IN}?next=/`)).searchParams;
    expect(Object.fromEntries(first)).toMatchObject({
      ...{ response_type: "code", code_challenge_method: "S256", redirect_uri: CALLBACK },
      ...{ client_id: "latchkey", scope: "openid email profile" },
    });
    for (const name of ["state", "nonce", "code_challenge"]) {
      expect(first.get(name)).toMatch(/^[\w-]{43}$/);
      expect(first.get(name)).not.toBe(second.get(name));
    }
  });

  it("of a stranger costs no Durable Object call until the provider knows them", async () => {
    const issuer = new TinyIssuer();
    logged();
    const calls: string[] = [];
    const bindings = intercepted((call) => {
      calls.push(call.name);
      return call.proceed();
    });
    const browser = new Browser(isolate({ ...bindings }));
    const address = await browser.begin(await browser.offered());
    await browser.ask(`${CALLBACK}?code=x&state=x`);
    const state = new URL(address).searchParams.get("state") ?? "";
    await browser.ask(`${CALLBACK}?code=garbage&state=${state}&iss=${ISSUER}`);
    await browser.enter({ action: `https://${HOST}/.latchkey/enter`, ticket: "garbage" });
    await browser.post(`${DOOR}/.latchkey/backchannel-logout`, { logout_token: "garbage" });
    expect(calls).toEqual([]);
    expect(issuer.asked).not.toContain("/keys");
  });
});

describe("where a sign-in leads", () => {
  it.each([
    ["/a?b=1&c=%2F", "/a?b=1&c=%2F"],
    ["//evil.example/a", "/"],
    ["/\\evil.example/a", "/"],
    ["\\\\evil.example", "/"],
    ["/\t/evil.example", "/"],
    ["/.//evil.example/a", "//evil.example/a"],
    ["/a\r\nSet-Cookie: a=b", "/aSet-Cookie:%20a=b"],
    ["https://evil.example/", "/"],
    [`https://${HOST}@evil.example/`, "/"],
    [`https://${HOST}/a`, "/"],
    ["javascript:alert(1)", "/"],
    ["@evil.example", "/"],
    [".evil.example", "/"],
    [":8443/", "/"],
    ["", "/"],
    [`/${"a".repeat(1_499)}`, `/${"a".repeat(1_499)}`],
    [`/${"a".repeat(1_500)}`, "/"],
    [`/${"\u4e2d".repeat(200)}`, "/"],
    ["/a#b", "/a"],
  ])("to %j is %j on the app's own host", async (to, path) => {
    const issuer = new TinyIssuer();
    const { login } = await newPerson();
    const browser = new Browser();
    const link = new URL(await browser.offered());
    link.searchParams.set("to", to);
    const back = issuer.callback(await browser.begin(link.href), login);
    const entered = await browser.enter(await handOverOf(await browser.ask(back)));
    expect([entered.status, entered.headers.get("location")]).toEqual([303, `https://${HOST}${path}`]);
  });

  it.each<[string, Record<string, string>]>([
    ["an unknown host", { app: "evil.example", e: DIGEST }],
    ["a host that takes no sign-ins", { app: CLOSED_HOST, e: DIGEST }],
    ["the ADMIN_HOST", { app: ADMIN_HOST, e: DIGEST }],
    ["a host in upper case", { app: HOST.toUpperCase(), e: DIGEST }],
    ["a host with a port", { app: `${HOST}:8443`, e: DIGEST }],
    ["a host with a user", { app: `a@${HOST}`, e: DIGEST }],
    ["a host with a dot at its end", { app: `${HOST}.`, e: DIGEST }],
    ["a host with a path", { app: `${HOST}/a`, e: DIGEST }],
    ["every host", { app: "*", e: DIGEST }],
    ["no host", { app: "", e: DIGEST }],
    ["a name of every object", { app: "__proto__", e: DIGEST }],
    ["a short entry", { app: HOST, e: DIGEST.slice(1) }],
    ["a long entry", { app: HOST, e: `${DIGEST}A` }],
    ["an entry of other characters", { app: HOST, e: `${DIGEST.slice(1)}+` }],
  ])("is nowhere with %s", async (_, query) => {
    const issuer = new TinyIssuer();
    const response = await new Browser().ask(`${SIGN_IN}?${new URLSearchParams(query)}`);
    expect([response.status, response.headers.get("location")]).toEqual([400, null]);
    expect(response.headers.getSetCookie()).toEqual([]);
    expect(issuer.asked).toEqual([]);
  });

  it.each([
    ["/.latchkey/activity", "/.latchkey/activity"],
    ["//evil.example", "/.latchkey/"],
    ["/\\evil.example", "/.latchkey/"],
    ["/.latchkey/..//evil.example", "/.latchkey/"],
    ["https://evil.example/.latchkey/devices", "/.latchkey/"],
    ["/.latchkey/devices\r\nSet-Cookie: a=b", "/.latchkey/"],
    ["/.latchkey/devices;url=//evil.example", "/.latchkey/"],
    ["/.latchkey/callback", "/.latchkey/"],
    ["/.latchkey/sign-out", "/.latchkey/"],
    ["", "/.latchkey/"],
  ])("as a page, to %j, is %j", async (next, path) => {
    const issuer = new TinyIssuer();
    const { login } = await newPerson();
    const browser = new Browser();
    const link = `${SIGN_IN}?${new URLSearchParams({ next })}`;
    const response = await browser.ask(issuer.callback(await browser.begin(link), login));
    expect([response.status, response.headers.get("refresh")]).toEqual([200, `0; url=${path}`]);
    expect((await browser.ask(`${DOOR}/.latchkey/devices`)).status).toBe(200);
  });

  it("is not started by a script, in a frame or on an app's host", async () => {
    const issuer = new TinyIssuer();
    const browser = new Browser();
    for (const headers of [
      { "Sec-Fetch-Mode": "cors", "Sec-Fetch-Dest": "empty" },
      { "Sec-Fetch-Dest": "iframe" },
      { "Sec-Fetch-Dest": "embed" },
    ]) {
      expect((await browser.ask(`${SIGN_IN}?next=/`, { headers })).status).toBe(400);
    }
    const onApp = await browser.ask(`https://${HOST}/.latchkey/sign-in?app=${HOST}&e=${DIGEST}`);
    expect(onApp.status).toBe(404);
    expect((await browser.ask(`http://${ADMIN_HOST}/.latchkey/sign-in?next=/`)).status).toBe(301);
    expect(issuer.asked).toEqual([]);
  });
});

describe("a callback", () => {
  const sealed = (purpose: string, lifeMs: number, now = Date.now) =>
    new Sealer("test-admin-token-of-more-than-32-characters", now).seal(
      purpose,
      {
        asked: { state: "s", nonce: "n", verifier: "v".repeat(43), redirectUri: CALLBACK },
        destination: { kind: "page", path: "/.latchkey/" },
        isFresh: false,
      },
      lifeMs,
    );
  const others = new Sealer("another-admin-token-of-more-than-32-characters", Date.now);

  it.each<[string, () => Promise<string> | string | undefined]>([
    ["no cookie", () => undefined],
    ["an empty one", () => ""],
    ["a forged one", () => "A".repeat(400)],
    ["one of another key", () => others.seal("door", { asked: { state: "s" } }, 60_000)],
    ["a ticket in its place", () => sealed("ticket", 60_000)],
    ["one that has expired", () => sealed("door", 60_000, () => Date.now() - 61_000)],
    ["one that is cut", async () => (await sealed("door", 60_000)).slice(0, -1)],
  ])("with %s exchanges nothing", async (_, cookieOf) => {
    const issuer = new TinyIssuer();
    const browser = new Browser();
    const cookie = await cookieOf();
    if (cookie !== undefined) browser.cookies(ADMIN_HOST).set(DOOR_COOKIE, cookie);
    const response = await browser.ask(`${CALLBACK}?code=c&state=s&iss=${ISSUER}`);
    await refused(browser, response, 400, "Please begin again");
    expect(issuer.asked).toEqual([]);
  });

  it("with a door cookie that another host could set beside it, or in place of it, exchanges nothing", async () => {
    const issuer = new TinyIssuer();
    const good = await sealed("door", 60_000);
    // Browsers do not see our prefix behind Unicode's white space, so any page of the domain may set these.
    for (const name of [`\u2000${DOOR_COOKIE}`, `\u00a0${DOOR_COOKIE}`, `\ufeff${DOOR_COOKIE}`]) {
      const browser = new Browser();
      browser.cookies(ADMIN_HOST).set(name, good);
      const response = await browser.ask(`${CALLBACK}?code=c&state=s&iss=${ISSUER}`);
      await refused(browser, response, 400, "Please begin again");
    }
    const browser = new Browser();
    browser.cookies(ADMIN_HOST).set(DOOR_COOKIE, `${good}; ${DOOR_COOKIE}=${good}`);
    const response = await browser.ask(`${CALLBACK}?code=c&state=s&iss=${ISSUER}`);
    await refused(browser, response, 400, "Please begin again");
    expect(issuer.asked).toEqual([]);
  });

  const now = () => Math.floor(Date.now() / 1000);
  it.each<[string, (back: URL) => void, Record<string, unknown>?, CryptoKey?]>([
    ["a code that is garbage", (back) => back.searchParams.set("code", "garbage")],
    ["no code", (back) => back.searchParams.delete("code")],
    ["two codes", (back) => back.searchParams.append("code", "another")],
    ["the name of another issuer", (back) => back.searchParams.set("iss", "https://evil.example")],
    ["no issuer's name, although it gives one", (back) => back.searchParams.delete("iss")],
    ["another nonce", () => undefined, { nonce: "another" }],
    ["no nonce", () => undefined, { nonce: undefined }],
    ["a token for another client", () => undefined, { aud: "other" }],
    ["a token for several clients, and not by us", () => undefined, { aud: ["latchkey", "x"], azp: "x" }],
    ["a token of another issuer", () => undefined, { iss: "https://evil.example" }],
    ["a token that has expired", () => undefined, { exp: now() - 120 }],
    ["a token from the future", () => undefined, { iat: now() + 3_600, exp: now() + 7_200 }],
    ["a token without a subject", () => undefined, { sub: undefined }],
    ["a token with an invisible subject", () => undefined, { sub: "a\u200bb" }],
    ["an ID token in the address", (back) => back.searchParams.set("id_token", "x.y.z")],
  ])("with %s signs nobody in", async (_, change, claims) => {
    const issuer = new TinyIssuer();
    logged();
    const { login } = await newPerson();
    const browser = new Browser();
    const back = issuer.callback(await browser.begin(await browser.offered()), login, claims && { claims });
    change(back);
    await refused(browser, await browser.ask(back), 400, "Not signed in");
    expect(browser.cookies(ADMIN_HOST).has(DOOR_COOKIE)).toBe(false);
  });

  it("signs nobody in whom the person, or the provider, refused", async () => {
    new TinyIssuer();
    logged();
    const browser = new Browser();
    const state = new URL(await browser.begin(await browser.offered())).searchParams.get("state");
    const query = `error=access_denied&error_description=<b>&state=${state}&iss=${ISSUER}`;
    const response = await browser.ask(`${CALLBACK}?${query}`);
    await refused(browser, response, 400, "Not signed in");
  });

  it.each(["wrong", undefined])(
    "with the state %s leaves the sign-in that is under way alone",
    async (state) => {
      const issuer = new TinyIssuer();
      const { login } = await newPerson();
      const browser = new Browser();
      const right = issuer.callback(await browser.begin(await browser.offered()), login);
      const wrong = new URL(right);
      if (state === undefined) wrong.searchParams.delete("state");
      else wrong.searchParams.set("state", state);
      await refused(browser, await browser.ask(wrong), 400, "Please begin again");
      expect(issuer.asked).not.toContain("/token");
      await handOverOf(await browser.ask(right));
    },
  );

  it("of the first of two tabs says so, and the second one's goes on", async () => {
    const issuer = new TinyIssuer();
    const { login } = await newPerson();
    const browser = new Browser();
    const first = issuer.callback(await browser.begin(await browser.offered(HOST, "/1")), login);
    const second = issuer.callback(await browser.begin(await browser.offered(HOST, "/2")), login);
    await refused(browser, await browser.ask(first), 400, "Please begin again");
    const entered = await browser.enter(await handOverOf(await browser.ask(second)));
    expect(entered.headers.get("location")).toBe(`https://${HOST}/2`);
  });

  it("works once", async () => {
    const issuer = new TinyIssuer();
    logged();
    const { login } = await newPerson();
    const browser = new Browser();
    const back = issuer.callback(await browser.begin(await browser.offered()), login);
    const door = browser.cookies(ADMIN_HOST).get(DOOR_COOKIE) ?? "";
    await handOverOf(await browser.ask(back));
    expect(await heading(await browser.ask(back))).toBe("Please begin again");
    // Whoever kept the cookie has a code that the issuer took already.
    browser.cookies(ADMIN_HOST).set(DOOR_COOKIE, door);
    expect(await heading(await browser.ask(back))).toBe("Not signed in");
  });

  it("of somebody else's sign-in does not sign a person in as them", async () => {
    const issuer = new TinyIssuer();
    const attacker = new Browser();
    const { login } = await newPerson();
    const back = issuer.callback(await attacker.begin(await attacker.offered()), login);
    const victim = new Browser();
    await refused(victim, await victim.ask(back), 400, "Please begin again");
    await victim.begin(await victim.offered());
    await refused(victim, await victim.ask(back), 400, "Please begin again");
  });

  it("with a token that is signed by somebody else says that it is not ours", async () => {
    const issuer = new TinyIssuer();
    logged();
    const { login } = await newPerson();
    const browser = new Browser();
    const back = issuer.callback(await browser.begin(await browser.offered()), login, {
      key: OTHER_KEYS.privateKey,
    });
    await refused(browser, await browser.ask(back), 400, "Not signed in");
  });

  it("is exchanged so often from one address, and others do not wait", async () => {
    const issuer = new TinyIssuer();
    logged();
    const { login } = await newPerson();
    const at = isolate();
    const browser = new Browser(at);
    const link = await browser.offered();
    const statuses: number[] = [];
    for (let index = 0; index <= EXCHANGES_MAX; index++) {
      const back = issuer.callback(await browser.begin(link), login);
      back.searchParams.set("code", "garbage");
      statuses.push((await browser.ask(back)).status);
    }
    expect(statuses).toEqual([...Array(EXCHANGES_MAX).fill(400), 429]);
    expect(issuer.asked.filter((path) => path === "/token")).toHaveLength(EXCHANGES_MAX);
    await new Browser(at, "203.0.113.5").signIn(issuer, login);
  });
});

describe("who a person is", () => {
  const unknown = (change: Partial<Login>): Login => ({ sub: `stranger ${crypto.randomUUID()}`, ...change });

  it.each<[string, (email: string) => Partial<Login>]>([
    ["does not say that the address is verified", (email) => ({ email, email_verified: undefined })],
    ["says that it is not", (email) => ({ email, email_verified: false })],
    ["says so in another way", (email) => ({ email, email_verified: 1 })],
    ["gives a list of addresses", (email) => ({ email: [email] as unknown as string })],
    ["gives an address with a Kelvin sign", (email) => ({ email: email.replace("kim", "\u212aim") })],
    ["gives an address with a name", (email) => ({ email: `x <${email}>` })],
    ["gives two addresses", (email) => ({ email: `${email},x@example.org` })],
    ["gives an address with a zero byte", (email) => ({ email: `${email}\u0000` })],
  ])("is for the owner to say if the provider %s", async (_, change) => {
    const issuer = new TinyIssuer();
    const { login } = await newPerson({ name: "kim" });
    const browser = new Browser();
    const stranger = unknown(change(login.email ?? ""));
    const back = issuer.callback(await browser.begin(await browser.offered()), stranger);
    await refused(browser, await browser.ask(back), 200, "Nearly there");
  });

  it("is bound in the provider's name, whose word it is", async () => {
    const { user, login } = await newPerson();
    await new Browser().signIn(new TinyIssuer(), login);
    const { items } = await directory().audit(10, null);
    expect(items.find(({ act, detail }) => act === "bind-identity" && detail.user === user)).toMatchObject({
      actor: "provider",
    });
  });

  it("is not the next person who is given the same address, or a subject of another case", async () => {
    const issuer = new TinyIssuer();
    const { login } = await newPerson();
    await new Browser().signIn(issuer, login);
    for (const sub of ["another", login.sub.toUpperCase()]) {
      const browser = new Browser();
      const back = issuer.callback(await browser.begin(await browser.offered()), { ...login, sub });
      await refused(browser, await browser.ask(back), 200, "Nearly there");
    }
  });
});

describe("while a browser of theirs counts as lost, a person", () => {
  const HOUR_S = 3_600;
  const anHourAgo = () => ({ auth_time: Math.floor(Date.now() / 1000) - HOUR_S });

  /** A user one of whose browsers is lost. */
  async function personWithLost(issuer: TinyIssuer) {
    const person = await newPerson({ role: "owner" });
    const thief = new Browser();
    await thief.signIn(issuer, person.login);
    const listed = await api("GET", `/users/${person.user}/devices`);
    const [device] = (await listed.json<{ devices: { id: string; name: string }[] }>()).devices;
    const lost = await api("POST", `/users/${person.user}/devices/${device?.id}/lost`, {
      confirm: device?.name,
    });
    expect(lost.status).toBe(200);
    return { ...person, thief };
  }

  it.each([
    ["an app", async (browser: Browser) => browser.offered(OTHER_HOST)],
    ["Latchkey's own pages", async () => `${SIGN_IN}?next=/.latchkey/devices`],
  ])("must sign in anew at the provider for %s, even if cookies are deleted", async (_, linkOf) => {
    const issuer = new TinyIssuer();
    const { login } = await personWithLost(issuer);
    const browser = new Browser();
    const back = issuer.callback(await browser.begin(await linkOf(browser)), { ...login, ...anHourAgo() });
    const again = await browser.ask(back);
    expect(again.status).toBe(302);
    const address = again.headers.get("location") ?? "";
    const asked = new URL(address).searchParams;
    expect([asked.get("prompt"), asked.get("max_age")]).toEqual(["login", "0"]);
    // A provider that does not ask, or does not say so.
    for (const claims of [anHourAgo(), { auth_time: undefined }]) {
      const door = browser.cookies(ADMIN_HOST).get(DOOR_COOKIE) ?? "";
      const stale = await browser.ask(issuer.callback(address, { ...login, ...claims }));
      await refused(browser, stale, 400, "Please ask for help");
      browser.cookies(ADMIN_HOST).set(DOOR_COOKIE, door);
    }
    expect((await browser.ask(issuer.callback(address, login))).status).toBe(200);
  });

  it("does not get in with the lost browser, on an app or on our own pages", async () => {
    const issuer = new TinyIssuer();
    const { login, thief } = await personWithLost(issuer);
    for (const link of [await new Browser().offered(), `${SIGN_IN}?next=/.latchkey/devices`]) {
      const response = await thief.ask(issuer.callback(await thief.begin(link), login));
      expect([response.status, await heading(response)]).toEqual([400, "This browser is shut out"]);
      expect(thief.cookies(ADMIN_HOST).has("__Host-latchkey")).toBe(false);
    }
  });
});

it("an issuer that is down is said to be, and nothing is set", async () => {
  logged();
  const issuer = new TinyIssuer();
  issuer.isDown = true;
  const browser = new Browser();
  const response = await browser.ask(await browser.offered());
  await refused(browser, response, 503, "Please try again later");
});
