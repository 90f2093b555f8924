// The issuer as npm start runs it: what it keeps in the state folder, and how it reaches the edge.
import { readFile, stat, writeFile } from "node:fs/promises";
import { createServer } from "node:https";
import { text } from "node:stream/consumers";
import { decodeJwt } from "jose";
import { ClientSecretBasic } from "oauth4webapi";
import { afterEach, beforeEach, expect, it } from "vitest";
import { createAuthority, issueServerCertificate } from "../../../scripts/certificates/authority.ts";
import type { SignInDoor } from "../../../scripts/edge/sign-in.ts";
import { statePaths } from "../../../scripts/edge/state/paths.ts";
import { type HomeIssuer, startHomeIssuer } from "../../../scripts/issuer/at-home.ts";
import { temporaryFolder } from "../edge/client.ts";
import { begin, CookieBrowser, discover, finish, logIn, REDIRECT_URI } from "./relying-party.ts";

let door: SignInDoor;
let cleanUp: () => Promise<void>;
const running = new Set<HomeIssuer>();
const errors: unknown[] = [];

beforeEach(async () => {
  const [folder, remove] = await temporaryFolder();
  cleanUp = remove;
  door = {
    url: new URL(REDIRECT_URI).origin,
    ca: "",
    paths: statePaths(folder),
    vars: {},
    onError: (error) => errors.push(error),
  };
});
afterEach(async () => {
  for (const each of running) await stop(each);
  await cleanUp();
  expect(errors.splice(0)).toEqual([]);
});

async function start(): Promise<HomeIssuer> {
  const started = await startHomeIssuer(door);
  running.add(started);
  return started;
}

async function stop(issuer: HomeIssuer): Promise<void> {
  running.delete(issuer);
  await issuer.stop();
}

it("keeps its address and its passwords, which nobody else can read", async () => {
  const first = await start();
  await stop(first);
  const second = await start();
  expect([second.issuer, second.passwords, second.vars]).toEqual([first.issuer, first.passwords, first.vars]);
  expect(first.passwords.alice).toMatch(/^[0-9a-f]{16}$/);
  expect(first.passwords.bob).not.toBe(first.passwords.alice);
  expect((await stat(door.paths.issuer)).mode & 0o777).toBe(0o600);
  expect(first.vars.SIGN_IN).toMatchObject({ issuer: first.issuer, owners: { alice: "alice@example.com" } });
  expect(first.origins).toEqual([first.issuer]);
});

it("takes a free port if another program has taken its own, and keeps the passwords", async () => {
  const first = await start();
  // The first one still runs.
  const second = await start();
  expect(second.issuer).not.toBe(first.issuer);
  expect(second.passwords).toEqual(first.passwords);
});

it.each([["nothing"], ['{"port":1}'], ['{"port":0,"clientSecret":"x","passwords":{"alice":"","bob":"x"}}']])(
  "says what to do about a state that is not its own: %s",
  async (content) => {
    await writeFile(door.paths.issuer, content);
    await expect(start()).rejects.toMatchObject({
      exitCode: 1,
      message: `${door.paths.issuer} is not the state of the local identity provider`,
      hint: expect.stringMatching(/^delete it/),
    });
    expect(await readFile(door.paths.issuer, "utf8")).toBe(content);
  },
);

it("reports a sign-out to the door, whose certificate and name only this machine knows", async () => {
  const authority = await createAuthority("Test CA", new Date());
  const { certificate, key } = await issueServerCertificate(authority, ["latchkey.localhost"], new Date());
  const received = Promise.withResolvers<{ path: string | undefined; body: string }>();
  const server = createServer({ cert: certificate, key }, (request, response) => {
    text(request).then((body) => received.resolve({ path: request.url, body }), received.reject);
    response.end();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  try {
    const { port } = server.address() as { port: number };
    door = { ...door, url: `https://latchkey.localhost:${port}`, ca: authority.certificate };
    const issuer = await start();
    const asClient = await discover(issuer.issuer);
    const [clientId, secret] = [
      (issuer.vars.SIGN_IN as { clientId: string }).clientId,
      issuer.vars.SIGN_IN_SECRET,
    ];
    const browser = new CookieBrowser();
    const relying = { clientId, redirectUri: `${door.url}/.latchkey/callback` };
    const attempt = await begin(asClient, {}, relying);
    const { callback } = await logIn(browser, attempt, "bob", issuer.passwords.bob);
    const { claims, idToken } = await finish(asClient, attempt, callback, ClientSecretBasic(String(secret)));
    expect(claims).toMatchObject({ sub: "bob", email: "bob@example.com", email_verified: true });

    const end = `${asClient.end_session_endpoint}?id_token_hint=${idToken}`;
    const xsrf = /name="xsrf" value="([^"]+)"/.exec((await browser.go(end)).text)?.[1] ?? "";
    await browser.go(`${asClient.end_session_endpoint}/confirm`, { xsrf, logout: "yes" });
    const { path, body } = await received.promise;
    expect(path).toBe("/.latchkey/backchannel-logout");
    expect(issuer.requests.at(-1)).toEqual({ method: "POST", path: "/session/end/confirm" });
    expect(decodeJwt(new URLSearchParams(body).get("logout_token") ?? "").sid).toBe(claims.sid);
  } finally {
    server.closeAllConnections();
    server.close();
  }
});
