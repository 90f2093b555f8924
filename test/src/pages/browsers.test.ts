// Browsers whose person has signed in, as the owner sees them on the pages; and people who signed in to the pages.
import { runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { afterEach, describe, expect, it, vi } from "vitest";
import { Authenticator } from "../../../src/auth/authenticate.ts";
import { DeadSecrets } from "../../../src/auth/dead-secrets.ts";
import type { AuditList, Device } from "../../../src/contract/answers.ts";
import { devicePath, PATHS, WHOAMI_PATH } from "../../../src/contract/paths.ts";
import { SHORT_BROWSER_MS } from "../../../src/domain/browser.ts";
import { DAY_MS } from "../../../src/domain/general/relative-time.ts";
import { parseEmail } from "../../../src/domain/person.ts";
import { directoryOf } from "../../../src/registry/client/objects.ts";
import { ADMIN_HOST, api, HOST, keyedSecrets } from "../fixtures.ts";
import { browser, Isolate, NO_CERTIFICATE, SIGN_IN, VAULT_HOST } from "../gate/fixtures.ts";
import { directory, userId } from "../registry/fixtures.ts";
import { signedIn, words } from "./fixtures.ts";

const APPS = { [HOST]: { signIn: true }, [VAULT_HOST]: { signIn: true } };
const SETTINGS = { APPS, SIGN_IN };
const NOON = Date.UTC(2126, 10, 21, 12);

type Browser = Awaited<ReturnType<typeof browser>>;

/** A browser of a user with no other device, at noon. */
async function atNoon(...of: Parameters<typeof browser>) {
  vi.useFakeTimers({ toFake: ["Date"], now: NOON });
  const made = await browser(...of);
  const { ask, page } = await signedIn(SETTINGS);
  return {
    ...made,
    address: devicePath({ user: made.user, id: made.device.id }),
    ask,
    /** The page of its user's devices, and its own, as they read. */
    list: async () => words(await page(`${PATHS.devices}/${made.user}`)),
    own: async (act?: string) => words(await page(devicePath({ user: made.user, id: made.device.id }, act))),
    activity: async () => words(await page(`${PATHS.activity}?log=user:${made.user}`)),
  };
}

/** Comes to an app with its cookie. */
const visit = ({ cookie }: Browser, host = HOST) =>
  new Isolate(SETTINGS).fetch(`https://${host}/`, { cf: NO_CERTIFICATE, headers: { Cookie: cookie } });

const shown = async ({ path }: Browser) => (await api("GET", path)).json<Device>();

afterEach(() => {
  vi.useRealTimers();
});

describe("a signed-in browser", () => {
  it("has nothing to renew or to install", async () => {
    const { own, list } = await atNoon([HOST, VAULT_HOST]);
    for (const page of [await own(), await list()]) {
      expect(page).toContain("Never seen ");
      expect(page).toContain(`Browser, signed in on ${HOST}, ${VAULT_HOST}`);
      expect(page).toContain("Signed in until 21 Dec 2126 (in 30 days), and longer if it is used");
      expect(page).not.toMatch(/renew|install|expire|new sign-in/i);
    }
    expect(await own()).toContain("First signed in 21 Nov 2126, 13:00:00 CET (just now)");
    const { page } = await signedIn(SETTINGS);
    expect(words(await page(PATHS.devices))).not.toContain("with a credential to renew");
  });

  it("is given no token, and its page asks for none", async () => {
    const { ask, own, address } = await atNoon();
    expect(await own()).not.toContain("Give it a new");
    expect((await ask(`${address}/token`)).status).toBe(409);
    expect((await ask(`${address}/token`, { overlap: "", valid: "2592000" })).status).toBe(409);
  });

  it("for an hour ends then, however much it is used", async () => {
    const { own } = await atNoon([HOST], { expiresAt: NOON + SHORT_BROWSER_MS });
    const page = await own();
    expect(page).toContain("Signed in until 21 Nov 2126, 14:00:00 CET (in 1 hour)");
    expect(page).not.toContain("longer if it is used");
  });

  it("counts as signed out rather than expired once its time is up, and can sign in again", async () => {
    const made = await atNoon();
    vi.setSystemTime(NOON + 31 * DAY_MS);
    const again = await signedIn(SETTINGS);
    const list = await again.page(`${PATHS.devices}/${made.user}`);
    expect(list).toContain('<span class="status">signed out</span>');
    expect(words(list)).toContain("Signed out since 21 Dec 2126 (1 day ago). Its person can sign in again.");
    const all = words(await again.page(PATHS.devices));
    expect(all).toMatch(/, \d+ signed out/);
    expect(all).not.toContain("expired");
  });

  it("has limits whose apps grow, and says so", async () => {
    const { own, ask, address } = await atNoon();
    const limits = await own();
    expect(limits).toContain(`Only ${HOST}, and whatever its person signs in to next`);
    expect(limits).toContain("No time limit while it is used");
    const form = words((await ask(`${address}/limits`)).text);
    expect(form).toContain("An app that you take away comes back when its person signs in there");
    expect(form).not.toContain("Every app");
  });

  it.each<[string, RegExp]>([
    ["lost", /told to delete what it stores of that app.*End its session at your identity provider, too\./],
    [
      "revoke",
      /Its person can sign in on it again, as another device: to prevent that, suspend it instead\./,
    ],
    ["suspend", /Nothing on it is deleted\./],
  ])("says before %s what will happen", async (act, said) => {
    const page = await (await atNoon()).own(act);
    expect(page).toMatch(said);
    expect(page).not.toMatch(/vault|certificate|enrol it again/i);
  });

  it("once lost, says whether it was told to clear what it stores, until it is let back in", async () => {
    const made = await atNoon();
    const { ask, own, activity, address } = made;
    expect((await ask(`${address}/lost`, { confirm: "Firefox" })).status).toBe(303);
    expect(await own()).toContain(
      "Not told to clear what it stores yet: not seen since it was reported lost. End its session",
    );
    expect(await own("revoke")).toContain("It has not been told to delete what it stores yet.");
    await visit(made);
    await expect.poll(async () => (await shown(made)).wipe).toMatchObject({ count: 1, tokenRefresh: false });
    expect(await own()).toContain("Told to clear what it stores just now . End its session");
    expect(await own("revoke")).not.toContain("It has not been told");
    expect(await own("reinstate")).toContain("It will no longer be told to delete what it stores.");
    expect(await activity()).toMatch(/Firefox was told to clear what it stores, on \S+\./);
    const { entries } = await (await api("GET", `/users/${made.user}/audit`)).json<AuditList>();
    const told = entries.filter(({ act }) => act === "wipe-delivered");
    expect(told.map(({ detail }) => detail)).toEqual([{ app: HOST, kind: "browser" }]);
  });

  it("is told once, however many calls it makes, also to what phones obey", async () => {
    const made = await atNoon();
    await made.ask(`${made.address}/lost`, { confirm: "Firefox" });
    const delivery = { at: NOON, count: 1, app: VAULT_HOST, country: "CH", ip: null };
    const registry = env.USER_REGISTRY.getByName(made.user);
    for (const tokenRefresh of [false, true])
      await registry.noteWipe(made.key, { ...delivery, tokenRefresh });
    expect(await shown(made)).toMatchObject({ wipe: { count: 2, tokenRefresh: false } });
    expect((await made.activity()).match(/told to clear/g)).toHaveLength(1);
  });

  it("once revoked, is forgotten without a word about certificates", async () => {
    const { ask, own, address } = await atNoon();
    await ask(`${address}/revoke`, {});
    expect(await own()).not.toContain("Signed in until");
    expect(await own("forget")).not.toContain("certificate");
  });

  it("signs in, signs in again and out, in sentences", async () => {
    const { user, key, activity } = await atNoon();
    const opener = { issuer: SIGN_IN.issuer, subject: user, session: null };
    await runInDurableObject(env.USER_REGISTRY.getByName(user), async (registry) => {
      const by = { actor: `user ${user}`, ip: null, country: "CH", at: NOON };
      const use = { opener, ticket: "t", ticketEndsAt: NOON + 1, app: VAULT_HOST, authTime: null };
      expect(registry.openBrowser(by, key, use).ok).toBe(true);
      expect(registry.endBrowser({ ...by, actor: "provider" }, key)).toBe(true);
    });
    const name = user.charAt(0).toUpperCase() + user.slice(1);
    const told = await activity();
    expect(told).toContain(`${name} signed in with Firefox , on ${HOST}.`);
    expect(told).toContain(`${name} signed in again with Firefox , on ${VAULT_HOST}.`);
    expect(told).toContain(`${name}’s Firefox was signed out of every app.`);
    // The line below each sentence names people without the word in front of them.
    expect(told).toContain(`CET , by ${user}`);
    expect(told).toContain("CET , by provider");
  });
});

describe("the page on an app that says who a browser is", () => {
  const whoami = async ({ cookie }: Browser) => {
    const headers = { Cookie: cookie, Accept: "text/html", "Sec-Fetch-Mode": "navigate" };
    return words(
      await (
        await new Isolate(SETTINGS).fetch(`https://${HOST}${WHOAMI_PATH}`, { cf: NO_CERTIFICATE, headers })
      ).text(),
    );
  };

  it("offers to sign out, to one that is signed in", async () => {
    const page = await whoami(await atNoon());
    expect(page).toContain("Nothing more to do.");
    expect(page).toContain("Sign out of every app");
  });

  it("asks whoever is signed out to sign in, rather than the owner for a new one", async () => {
    const made = await atNoon();
    vi.setSystemTime(NOON + 31 * DAY_MS);
    const page = await whoami(made);
    expect(page).toContain("It is no longer signed in here. Open the app to sign in.");
    expect(page).not.toContain("ask the person");
  });

  it("sends whoever is suspended to the owner", async () => {
    const made = await atNoon();
    await made.ask(`${made.address}/suspend`, {});
    expect(await whoami(made)).toContain("It is suspended: ask the person who runs this gate");
  });
});

describe("people who sign in to the pages", () => {
  const by = (actor = "anonymous") => ({ actor, ip: null, country: "CH", at: Date.now() });

  /** An owner who has signed in with the provider, and whose browser asks for pages. */
  async function owner(id: string) {
    const user = userId(id);
    const email = parseEmail(`${id}@example.com`) ?? expect.fail();
    await directory().putUser(by("admin"), user, undefined);
    await directory().editUser(by("admin"), user, { role: "owner", emails: [email] });
    const person = { issuer: SIGN_IN.issuer, subject: id, email, isEmailVerified: true, name: null };
    await directory().identify(by(), person, null);
    const dead = new DeadSecrets(Date.now, () => undefined);
    const authenticator = new Authenticator(
      ...([env.ADMIN_TOKEN, directoryOf(env), keyedSecrets(), dead, Date.now, SIGN_IN] as const),
    );
    const request = new Request(`https://${ADMIN_HOST}/`, { headers: { "User-Agent": "Firefox" } });
    const opened = await authenticator.signInAs({ request, hostname: ADMIN_HOST, by: by() }, user, person);
    const cookie = `__Host-latchkey=${opened.ok ? opened.value.cookie : expect.fail(opened.error.code)}`;
    const page = async (path: string) =>
      words(
        await (
          await new Isolate(SETTINGS).fetch(`https://${ADMIN_HOST}${path}`, { headers: { cookie } })
        ).text(),
      );
    return { user, page };
  }

  it("are named without the word user, and their sessions with the provider", async () => {
    const { page } = await owner("walter");
    const sessions = await page(PATHS.sessions);
    expect(sessions).toContain("Sessions walter Sign out");
    expect(sessions).toContain("as walter, with your identity provider, from CH.");
    expect(sessions).toContain(
      "Browsers that are signed in to these pages. Those that are signed in to apps are",
    );
    const activity = await page(`${PATHS.activity}?log=directory`);
    expect(activity).toContain("Walter signed in.");
    expect(activity).toMatch(/CET , by walter|UTC , by walter/);
  });

  it("keep that word if they are called as something else that acts", async () => {
    expect(await (await owner("admin")).page(PATHS.sessions)).toContain("Sessions user admin Sign out");
  });

  it("appear in the activity with their address, their role, and who they became", async () => {
    const { user } = await owner("wanda");
    const [identity] = await directory().identities(user);
    await directory().unbindIdentity(by("admin"), user, identity?.id ?? "");
    await directory().editUser(by("admin"), user, { emails: [], name: "Wanda" });
    const { subject, email } = { subject: "stranger", email: parseEmail("eve@example.com") ?? null };
    const stranger = { issuer: SIGN_IN.issuer, subject, email, isEmailVerified: false, name: "Eve" };
    await directory().identify(by(), stranger, null);
    const [waiting] = await directory().waitingPeople();
    await directory().dismissPerson(by("admin"), waiting?.id ?? "");
    // Hers ended with her identity.
    const { page } = await signedIn(SETTINGS);
    const told = words(await page(`${PATHS.activity}?log=directory`));
    for (const sentence of [
      "User wanda was changed: now an owner, with wanda@example.com.",
      "wanda@example.com signs in as wanda from now on.",
      "wanda@example.com no longer signs in as wanda.",
      "User wanda was changed: named Wanda, without an address.",
      "eve@example.com , who waited to be admitted, was dismissed.",
    ]) {
      expect(told.replaceAll(" .", ".").replaceAll("  ", " ")).toContain(sentence);
    }
  });
});
