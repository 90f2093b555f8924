// Who is who at the identity provider, on the page for owners.
import { reset } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { beforeEach, describe, expect, it } from "vitest";
import { PATHS } from "../../../src/contract/paths.ts";
import { NO_LIMITS } from "../../../src/domain/limits.ts";
import { type EmailAddress, parseEmail } from "../../../src/domain/person.ts";
import { NO_DETAILS } from "../../../src/domain/records.ts";
import { RegistryClient } from "../../../src/registry/client/registry-client.ts";
import { api, HOST, makeToken } from "../fixtures.ts";
import { ALICE, by, directory, key, registry, sighting, userId } from "../registry/fixtures.ts";
import { signedIn, words } from "./fixtures.ts";
import { Browser, newPerson, TinyIssuer } from "./sign-in/fixtures.ts";

const SIGN_IN = { issuer: "https://id.example.com", clientId: "latchkey", label: "Pocket ID" };
const email = (text: string): EmailAddress => parseEmail(text) ?? expect.fail(text);

beforeEach(async () => {
  await reset();
  await api("PUT", "/users/alice", { name: "Alice" });
  await api("PATCH", "/users/alice", { emails: ["alice@example.com"] });
});

/** Somebody comes from the provider. */
function signIn(subject: string, of: { email?: EmailAddress | null; name?: string; verified?: boolean }) {
  const { name = null, verified: isEmailVerified = true } = of;
  const person = { issuer: SIGN_IN.issuer, subject, email: of.email ?? null, isEmailVerified, name };
  return directory().identify(by(), person, null);
}

describe("the page of people", () => {
  it("shows users with their addresses and identities, and who waits with which code", async () => {
    await signIn("1", { email: email("alice@example.com") });
    const found = await signIn("2", {
      ...{ email: email("zoe@example.org"), name: "<b>Zoë</b>", verified: false },
    });
    const { page } = await signedIn({ SIGN_IN });
    const html = await page(PATHS.people);
    expect(html).not.toContain("<b>Zoë");
    const text = words(html);
    expect(text).toContain("People sign in with Pocket ID.");
    expect(text).toContain("Alice (alice) member alice@example.com");
    expect(text).toContain("Signs in as alice@example.com at https://id.example.com");
    const code = found.kind === "waiting" ? found.comparisonCode : expect.fail();
    expect(text).toContain(`this code: ${code.slice(0, 3)} ${code.slice(3)}`);
    expect(text).toContain("Address zoe@example.org not verified");
    expect(text).toContain("https://id.example.com, as 2");
    expect(words(await page(PATHS.sessions))).toContain("People");
  });

  it("is beside a list of the apps that are open to whoever is signed in, on the page of devices", async () => {
    const APPS = {
      "app.example.com": { signIn: true },
      "photos.example.com": { signIn: ["bob"] },
      "vault.example.com": {},
    };
    const owner = await signedIn({ SIGN_IN, APPS });
    expect(await owner.page(PATHS.devices)).toContain(`${PATHS.signIn}?app=photos.example.com`);
    const { token } = await makeToken("alice", "devices");
    const html = await (await signedIn({ SIGN_IN, APPS }, token)).page(PATHS.devices);
    expect(html).toContain(`<a href="${PATHS.signIn}?app=app.example.com">app.example.com</a>`);
    expect(html).not.toMatch(/photos|vault\.example/);
  });

  it("says so while nobody can sign in like this", async () => {
    const { page } = await signedIn();
    expect(words(await page(PATHS.people))).toContain("SIGN_IN is not set.");
  });

  it("admits and dismisses", async () => {
    for (const subject of ["1", "2"]) await signIn(subject, { name: `Somebody ${subject}` });
    const [first, second] = await directory().waitingPeople();
    const { ask } = await signedIn({ SIGN_IN });
    const admitted = await ask(`${PATHS.people}/${first?.id}/admit`, { user: "alice" });
    expect(admitted).toMatchObject({ status: 303, location: PATHS.people });
    expect(await directory().identities(ALICE)).toMatchObject([{ subject: "1", email: null }]);
    const dismissed = await ask(`${PATHS.people}/${second?.id}/dismiss`, {});
    expect(dismissed).toMatchObject({ status: 303, location: PATHS.people });
    expect(await directory().waitingPeople()).toEqual([]);
    const again = await ask(`${PATHS.people}/${second?.id}/admit`, { user: "alice" });
    expect(again.status).toBe(404);
    expect(words(again.text)).toContain("Somebody may have admitted or dismissed them in the meantime.");
  });

  it("admits nobody as somebody by accident: a new user is proposed", async () => {
    await signIn("1", { email: email("Zoe.Example@example.org") });
    const [person] = await directory().waitingPeople();
    const { ask, page } = await signedIn({ SIGN_IN });
    const html = await page(PATHS.people);
    expect(html).toMatch(/<option value="">A new user<\/option>/);
    expect(html).not.toMatch(/<option value="alice" selected>/);
    expect(html).toContain('name="new" value="zoe-example"');
    const path = `${PATHS.people}/${person?.id}/admit`;
    const wrong = await ask(path, { user: "", new: "Zoë!" });
    expect(wrong.status).toBe(422);
    expect(await directory().waitingPeople()).toHaveLength(1);
    expect(await ask(path, { user: "", new: " zoe-example " })).toMatchObject({ status: 303 });
    const zoe = userId("zoe-example");
    expect(await directory().user(zoe)).toMatchObject({ role: "member", emails: [] });
    expect(await directory().identities(zoe)).toMatchObject([{ subject: "1" }]);
  });

  it("changes a role and addresses, and unbinds, which signs out the browsers of that identity", async () => {
    await signIn("1", { email: email("alice@example.com") });
    const browser = key(1, "browser");
    await new RegistryClient(env).enrol(by(), ALICE, {
      ...{ name: "Firefox", note: null, key: browser, status: "active" },
      limits: { ...NO_LIMITS, kind: "browser", apps: ["app.example.com"] },
      details: { ...NO_DETAILS, notBefore: 0, notAfter: Date.now() + 86_400_000 },
      opener: { issuer: SIGN_IN.issuer, subject: "1", session: null },
    });
    const { ask, page } = await signedIn({ SIGN_IN });
    const form = { role: "owner", emails: " Alice@example.com,\n a@example.org " };
    expect(await ask(`${PATHS.people}/users/alice`, form)).toMatchObject({ status: 303 });
    expect(await directory().user(ALICE)).toMatchObject({
      ...{ name: "Alice", role: "owner", emails: ["a@example.org", "alice@example.com"] },
    });
    const [identity] = await directory().identities(ALICE);
    const path = `${PATHS.people}/users/alice/identities/${identity?.id}/unbind`;
    expect(await ask(path, {})).toMatchObject({ status: 303, location: PATHS.people });
    expect(await directory().identities(ALICE)).toEqual([]);
    const standing = await registry(ALICE).standing(browser, sighting({ details: NO_DETAILS }));
    expect(standing?.validUntil).toBeLessThanOrEqual(Date.now());
    const activity = words(await page(PATHS.activity));
    expect(activity).toContain("alice@example.com no longer signs in as alice");
    expect(activity).toContain("User alice was changed: now an owner, with a@example.org alice@example.com");
  });

  it("signs out the browsers of whom it unbinds", async () => {
    const [issuer, { user, login }] = [new TinyIssuer(), await newPerson()];
    const browser = new Browser();
    await browser.signIn(issuer, login);
    const [identity] = await directory().identities(userId(user));
    const { ask } = await signedIn({ SIGN_IN });
    await ask(`${PATHS.people}/users/${user}/identities/${identity?.id}/unbind`, {});
    const elsewhere = new Browser();
    elsewhere.jar.set(HOST, browser.cookies(HOST));
    expect((await elsewhere.ask(`https://${HOST}/`)).status).toBe(404);
  });

  it("changes nothing if something is wrong", async () => {
    await api("PUT", "/users/bob", {});
    const { ask } = await signedIn({ SIGN_IN });
    const taken = await ask(`${PATHS.people}/users/bob`, { role: "member", emails: "alice@example.com" });
    expect(taken.status).toBe(409);
    expect(words(taken.text)).toContain("Alice@example.com is alice's");
    const wrong = await ask(`${PATHS.people}/users/bob`, { role: "king", emails: "bob" });
    expect(wrong.status).toBe(422);
    expect((await ask(`${PATHS.people}/users/nobody`, { role: "owner", emails: "" })).status).toBe(404);
    expect((await directory().users(10, "")).items).toMatchObject([
      { id: "alice", emails: ["alice@example.com"] },
      { id: "bob", role: "member", emails: [] },
    ]);
  });

  it.each([
    ["alice", "devices"],
    ["alice", "read"],
    [null, "read"],
  ] as const)("is not there for a token of %s that is for %s", async (user, scope) => {
    const { token } = await makeToken(user, scope);
    await signIn("2", {});
    const [person] = await directory().waitingPeople();
    const { ask, page } = await signedIn({ SIGN_IN }, token);
    const shown = await ask(PATHS.people);
    expect(shown.status).toBe(404);
    expect(words(await page(PATHS.sessions))).not.toContain("People");
    const forms: [string, Record<string, string>][] = [
      [`${PATHS.people}/${person?.id}/admit`, { user: "alice" }],
      [`${PATHS.people}/${person?.id}/dismiss`, {}],
      [`${PATHS.people}/users/alice`, { role: "owner", emails: "" }],
    ];
    for (const [path, form] of forms) expect((await ask(path, form)).status).toBe(404);
    expect(await directory().waitingPeople()).toHaveLength(1);
    expect(await directory().user(ALICE)).toMatchObject({ role: "member" });
  });
});
