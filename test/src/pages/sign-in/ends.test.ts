// How browsers that are signed in end, other than by their own sign-out.
import { describe, expect, it } from "vitest";
import type { Device } from "../../../../src/contract/answers.ts";
import { PATHS } from "../../../../src/contract/paths.ts";
import { ADMIN_HOST, api, HOST } from "../../fixtures.ts";
import { logged } from "../../gate/fixtures.ts";
import { directory, userId } from "../../registry/fixtures.ts";
import { Browser, DOOR, isolate, type Login, newPerson, OTHER_HOST, TinyIssuer } from "./fixtures.ts";

const SIGN_IN = `${DOOR}/.latchkey/sign-in?next=/.latchkey/devices`;

async function devicesOf(user: string) {
  return (await (await api("GET", `/users/${user}/devices`)).json<{ devices: Device[] }>()).devices;
}

/** A person with a browser on an app. */
async function signedIn() {
  logged();
  const issuer = new TinyIssuer();
  const person = await newPerson();
  const browser = new Browser();
  await browser.signIn(issuer, person.login);
  /** What a new isolate says to the browser. */
  const status = async (host = HOST) => {
    const later = new Browser(isolate());
    later.jar.set(host, new Map(browser.cookies(host)));
    return (await later.ask(`https://${host}/`)).status;
  };
  expect(await status()).toBe(200);
  return { ...person, issuer, browser, status };
}

/** Signs in on our own pages. */
async function openPages(browser: Browser, issuer: TinyIssuer, login: Login): Promise<void> {
  await browser.ask(issuer.callback(await browser.begin(SIGN_IN), login));
}

describe("an identity that an owner unbinds on the page of people", () => {
  it("is signed out of apps and pages, and waits with the next sign-in", async () => {
    const { user, login, issuer, browser, status } = await signedIn();
    await openPages(browser, issuer, login);
    const owner = new Browser();
    const boss = await newPerson({ role: "owner" });
    await openPages(owner, issuer, boss.login);
    const [identity] = await directory().identities(userId(user));
    const unbound = await owner.post(
      `${DOOR}${PATHS.people}/users/${user}/identities/${identity?.id}/unbind`,
      {},
      { Origin: DOOR, "Sec-Fetch-Site": "same-origin" },
    );
    expect(unbound.status).toBe(303);
    expect(await status()).toBe(404);
    const later = new Browser(isolate());
    later.jar.set(ADMIN_HOST, new Map(browser.cookies(ADMIN_HOST)));
    expect(await (await later.ask(`${DOOR}/.latchkey/devices`)).text()).toContain("<h1>Sign in</h1>");
    const again = await browser.ask(issuer.callback(await browser.begin(SIGN_IN), login));
    expect(await again.text()).toContain("<h1>Nearly there</h1>");
  });
});

describe("a browser that comes back from a backup", () => {
  const restore = async (user: string, devices: Device[], resurrect: string[] = []) => {
    const madeAt = new Date().toISOString();
    const answer = await api("POST", `/users/${user}/restore`, { madeAt, devices, resurrect, dryRun: false });
    expect([answer.status, await answer.json()]).toMatchObject([200, { devices: [{ before: null }] }]);
  };

  it("is signed out, since nobody could sign it out any more", async () => {
    const { user, status } = await signedIn();
    const devices = await devicesOf(user);
    const [{ id } = expect.fail()] = devices;
    await api("POST", `/users/${user}/devices/${id}/revoke`, {});
    expect((await api("DELETE", `/users/${user}/devices/${id}`)).status).toBeLessThan(300);
    await restore(user, devices, [id]);
    expect(await devicesOf(user)).toMatchObject([{ id, kind: "browser", status: "active" }]);
    expect(await status()).toBe(404);
  });

  it("is lost as before: its person must sign in anew at the provider", async () => {
    const { user, issuer } = await signedIn();
    const [device = expect.fail()] = await devicesOf(user);
    const [credential = expect.fail()] = device.credentials;
    const other = await newPerson();
    const credentials = [{ ...credential, fingerprint: "ab".repeat(32) }];
    const lost = {
      ...device,
      user: other.user,
      id: crypto.randomUUID(),
      status: "lost" as const,
      credentials,
    };
    await restore(other.user, [lost]);
    expect(await devicesOf(other.user)).toMatchObject([{ status: "lost" }]);
    const browser = new Browser();
    const stale = { ...other.login, auth_time: Math.floor(Date.now() / 1000) - 3_600 };
    const link = await browser.offered(OTHER_HOST);
    const answer = await browser.ask(issuer.callback(await browser.begin(link), stale));
    expect([answer.status, answer.headers.get("location")]).toEqual([
      302,
      expect.stringContaining("prompt=login"),
    ]);
  });
});
