import { decodeJwt } from "jose";
import { ClientSecretBasic, None } from "oauth4webapi";
import { afterAll, beforeAll, expect, it } from "vitest";
import { type LocalIssuer, type LocalPerson, startIssuer } from "../../../scripts/issuer/issuer.ts";
import { begin, CLIENT_ID, CookieBrowser, discover, finish, logIn, REDIRECT_URI } from "./relying-party.ts";

const ALICE: LocalPerson = {
  id: "alice",
  email: "alice@example.com",
  isVerified: true,
  name: "Alice",
  password: "correct horse",
};
const MALLORY: LocalPerson = { ...ALICE, id: "mallory", isVerified: false, password: "battery" };
const SECRET = "secret of the client";
const LOGGED_OUT_AT = "https://latchkey.localhost:8443/.latchkey/backchannel-logout";

let issuer: LocalIssuer;
const errors: unknown[] = [];
const logouts: { url: string; token: string }[] = [];
const settings = {
  people: [ALICE, MALLORY],
  clientId: CLIENT_ID,
  clientSecret: SECRET,
  redirectUris: [REDIRECT_URI],
  onError: (error: unknown) => errors.push(error),
};

beforeAll(async () => {
  issuer = await startIssuer({
    ...settings,
    backchannelLogoutUri: LOGGED_OUT_AT,
    fetch: async (url, { body }) => {
      logouts.push({ url, token: new URLSearchParams(String(body)).get("logout_token") ?? "" });
      return new Response();
    },
  });
});
afterAll(async () => {
  await issuer.close();
  expect(errors).toEqual([]);
});

async function signIn(who = ALICE.id, password = ALICE.password, browser = new CookieBrowser()) {
  const server = await discover(issuer.issuer);
  const attempt = await begin(server);
  const { callback, wasAsked } = await logIn(browser, attempt, who, password);
  return {
    wasAsked,
    browser,
    server,
    ...(await finish(server, attempt, callback, ClientSecretBasic(SECRET))),
  };
}

it("signs people in, by name or by address, and describes them in the ID token", async () => {
  const { claims } = await signIn();
  expect(claims).toMatchObject({
    iss: issuer.issuer,
    aud: CLIENT_ID,
    sub: "alice",
    email: "alice@example.com",
    email_verified: true,
    name: "Alice",
    sid: expect.any(String),
    auth_time: expect.any(Number),
  });
  expect((await signIn("Alice@Example.com")).claims.sub).toBe("alice");
  expect((await signIn("mallory", "battery")).claims.email_verified).toBe(false);
});

it("remembers the browser, until the person signs out; the client then gets a logout token", async () => {
  const first = await signIn();
  const second = await signIn("", "", first.browser);
  expect([first.wasAsked, second.wasAsked]).toEqual([true, false]);
  expect(second.claims.sid).toBe(first.claims.sid);

  const end = new URL(first.server.end_session_endpoint ?? "");
  end.searchParams.set("id_token_hint", first.idToken);
  const page = await first.browser.go(end);
  const xsrf = /name="xsrf" value="([^"]+)"/.exec(page.text)?.[1] ?? "";
  expect(page.text).toContain('value="yes">Sign out');
  logouts.length = 0;
  await first.browser.go(`${end.origin}${end.pathname}/confirm`, { xsrf, logout: "yes" });
  expect(logouts).toMatchObject([{ url: LOGGED_OUT_AT }]);
  const [{ token } = { token: "" }] = logouts;
  expect(decodeJwt(token)).toMatchObject({ aud: CLIENT_ID, sub: "alice", sid: first.claims.sid });
  expect((await signIn(ALICE.id, ALICE.password, first.browser)).wasAsked).toBe(true);
});

it.each([
  ["the wrong password", "alice", "Correct horse"],
  ["somebody else's", "alice", MALLORY.password],
  ["nobody", '"><script>', "x"],
  ["nothing", "", ""],
])("asks again after %s, and says why", async (_, who, password) => {
  const browser = new CookieBrowser();
  const { url } = await begin(await discover(issuer.issuer));
  const { to } = await browser.go(url);
  const { status, text } = await browser.go(to, { who, password });
  expect([status, text]).toEqual([401, expect.stringContaining("No such person, or the wrong password")]);
  expect(text).not.toContain("<script>");
  // The same form goes on.
  expect((await browser.go(to, { who: "alice", password: ALICE.password })).status).toBe(303);
});

it.each([
  ["PKCE is left out", { code_challenge: undefined, code_challenge_method: undefined }, "invalid_request"],
  ["PKCE is plain", { code_challenge_method: "plain" }, "invalid_request"],
  ["the flow is an implicit one", { response_type: "id_token" }, "invalid_request"],
])("sends an error back if %s", async (_, changed, error) => {
  const { url } = await begin(await discover(issuer.issuer), changed);
  const { to } = await new CookieBrowser().go(url);
  expect(to.href.replace("#", "?")).toMatch(new RegExp(`^${REDIRECT_URI}\\?.*error=${error}`));
});

it.each([
  ["another redirect address", { redirect_uri: "https://evil.example" }, "invalid_redirect_uri"],
  ["another client", { client_id: "other" }, "invalid_client"],
])("shows an error, and redirects nowhere, for %s", async (_, changed, error) => {
  const { url } = await begin(await discover(issuer.issuer), changed);
  const { status, text } = await new CookieBrowser().go(url);
  expect([status, text]).toEqual([400, expect.stringContaining(error)]);
});

it("takes a code once, and only with its verifier and the client's secret", async () => {
  const server = await discover(issuer.issuer);
  const browser = new CookieBrowser();
  const attempt = async () => {
    const begun = await begin(server);
    return { begun, callback: (await logIn(browser, begun, ALICE.id, ALICE.password)).callback };
  };
  const good = ClientSecretBasic(SECRET);
  const once = await attempt();
  await finish(server, once.begun, once.callback, good);
  await expect(finish(server, once.begun, once.callback, good)).rejects.toThrow();
  const { begun, callback } = await attempt();
  const { verifier } = once.begun;
  await expect(finish(server, { ...begun, verifier }, callback, good)).rejects.toThrow();
  const another = await attempt();
  await expect(
    finish(server, another.begun, another.callback, ClientSecretBasic("guessed")),
  ).rejects.toThrow();
});

it("says so when a sign-in has ended, or is another browser's", async () => {
  const { url } = await begin(await discover(issuer.issuer));
  const { to } = await new CookieBrowser().go(url);
  const { status, text } = await new CookieBrowser().go(to);
  expect([status, text]).toEqual([400, expect.stringContaining("Begin again")]);
});

it("signs with a new key once asked to, and goes on with the browsers that it knows", async () => {
  const before = await signIn();
  await issuer.rotateKeys();
  const after = await signIn("", "", before.browser);
  expect(after.wasAsked).toBe(false);
  const kid = (token: string) => (JSON.parse(atob(token.split(".")[0] ?? "")) as { kid: string }).kid;
  expect(kid(after.idToken)).not.toBe(kid(before.idToken));
});

it("takes PKCE alone from a client without a secret, on the port that was asked for", async () => {
  const first = await startIssuer({ ...settings, clientSecret: null });
  const { port } = first;
  await first.close();
  const open = await startIssuer({ ...settings, clientSecret: null, port });
  try {
    expect(open.issuer).toBe(`http://localhost:${port}`);
    const server = await discover(open.issuer);
    const attempt = await begin(server);
    const { callback } = await logIn(new CookieBrowser(), attempt, MALLORY.id, MALLORY.password);
    const { claims } = await finish(server, attempt, callback, None());
    expect(claims.sub).toBe("mallory");
    expect(claims.sid).toBeUndefined();
    expect(open.requests.map(({ path }) => path)).toContain("/token");
    await expect(startIssuer({ ...settings, port })).rejects.toThrow("EADDRINUSE");
  } finally {
    await open.close();
  }
});
