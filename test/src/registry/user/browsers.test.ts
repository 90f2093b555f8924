import { reset } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import {
  BROWSER_KEPT_MS,
  BROWSER_MS,
  BROWSER_RENEWED_EVERY_MS,
  BROWSERS_AN_HOUR,
  type BrowserUse,
  SHORT_BROWSER_MS,
} from "../../../../src/domain/browser.ts";
import type { CredentialKey } from "../../../../src/domain/credential-key.ts";
import { type DeviceRecord, NO_DETAILS } from "../../../../src/domain/records.ts";
import type { UserId } from "../../../../src/domain/user.ts";
import { Backups } from "../../../../src/registry/client/backups.ts";
import { Browsers } from "../../../../src/registry/client/browsers.ts";
import { People } from "../../../../src/registry/client/people.ts";
import { RegistryClient } from "../../../../src/registry/client/registry-client.ts";
import { LATE_MS } from "../../../../src/registry/user/rules/sightings.ts";
import { ALICE, BOB, by, directory, key, registry, sighting } from "../fixtures.ts";

// Browsers that a user is signed in with. The registry knows each by the key of its cookie's secret.

const APP = "app.example.com";
const OTHER = "photos.example.com";
const ISSUER = "https://id.example.com";
const NOW = Date.UTC(2026, 10, 25, 12);
const HOUR = 60 * 60_000;

const worker = new RegistryClient(env);
const browsers = new Browsers(env, worker);
const alice = () => registry(ALICE);
const at = (ms: number) => by({ actor: "user alice", at: ms });

let tickets = 0;
beforeEach(async () => {
  for (const user of [ALICE, BOB]) await worker.putUser(by(), user, undefined);
});
afterEach(reset);

function use(change: Partial<BrowserUse> = {}): BrowserUse {
  const opener = { issuer: ISSUER, subject: "alice-at-the-provider", session: "sid-1" };
  const ticket = { ticket: `ticket-${tickets++}`, ticketEndsAt: NOW + HOUR };
  return { app: APP, authTime: null, opener, ...ticket, ...change };
}

interface Opening {
  user?: UserId;
  n?: number;
  ms?: number;
  isShort?: boolean;
  name?: string;
  former?: CredentialKey | null;
  of?: Partial<BrowserUse>;
}

function open({
  user = ALICE,
  n = 1,
  ms = NOW,
  isShort = false,
  name = "Firefox",
  former = null,
  of = {},
}: Opening = {}) {
  return browsers.open(at(ms), user, { key: key(n, "browser"), name, isShort, former }, use(of));
}

async function opened(opening: Opening = {}): Promise<DeviceRecord> {
  const device = await open(opening);
  return device.ok ? device.value : expect.fail(device.error.code);
}

const seen = (ms: number, app = APP) => sighting({ at: ms, app, details: NO_DETAILS });
const validUntil = async (of: CredentialKey, ms: number) =>
  (await alice().standing(of, seen(ms)))?.validUntil;
const acts = async () => (await alice().audit(100, null)).items.map(({ act }) => act).reverse();

describe("a browser that signs in", () => {
  it("becomes a device for this app, for 30 days", async () => {
    const device = await opened();
    expect(device).toMatchObject({
      ...{ name: "Firefox", kind: "browser", status: "active", apps: [APP], expiresAt: null },
      credentials: [{ key: key(1, "browser"), notBefore: NOW, notAfter: NOW + BROWSER_MS }],
    });
    expect(await alice().standing(key(1, "browser"), seen(NOW))).toMatchObject({
      ...{ status: "active", validUntil: NOW + BROWSER_MS, limits: { kind: "browser", apps: [APP] } },
    });
    expect(await directory().owner(key(1, "browser"))).toBe(ALICE);
  });

  it("is the same device on another app, and when it signs in again", async () => {
    const { id } = await opened();
    const again = await opened({ ms: NOW + HOUR, of: { app: OTHER } });
    expect(again).toMatchObject({ id, apps: [APP, OTHER] });
    expect(again.credentials[0]?.notAfter).toBe(NOW + HOUR + BROWSER_MS);
    expect((await opened({ ms: NOW + HOUR })).apps).toEqual([APP, OTHER]);
    expect(await acts()).toEqual(["enrol", "sign-in", "sign-in"]);
  });

  it("gets a number if its name is taken", async () => {
    await opened();
    expect(await opened({ n: 2 })).toMatchObject({ name: "Firefox 2" });
    expect(await opened({ n: 3 })).toMatchObject({ name: "Firefox 3" });
  });

  it("ends after an hour on somebody else's computer, used or not", async () => {
    const device = await opened({ isShort: true });
    const end = NOW + SHORT_BROWSER_MS;
    expect(device).toMatchObject({ expiresAt: end, credentials: [{ notAfter: end }] });
    expect(await validUntil(key(1, "browser"), end - 1)).toBe(end);
  });

  it("stays signed in while it is used, at the cost of one row a day", async () => {
    await opened();
    const of = key(1, "browser");
    expect(await validUntil(of, NOW + BROWSER_RENEWED_EVERY_MS - 1)).toBe(NOW + BROWSER_MS);
    const next = NOW + BROWSER_RENEWED_EVERY_MS;
    expect(await validUntil(of, next)).toBe(next + BROWSER_MS);
    expect(await validUntil(of, next + 1)).toBe(next + BROWSER_MS);
  });

  it("stays signed in while it is used, up to a limit of its own", async () => {
    const { id } = await opened();
    const end = NOW + BROWSER_MS + 2 * BROWSER_RENEWED_EVERY_MS;
    await alice().edit(by(), id, { expiresAt: end });
    const late = NOW + BROWSER_MS - HOUR;
    expect(await validUntil(key(1, "browser"), late)).toBe(end);
  });

  it("is not kept signed in by being refused", async () => {
    await opened();
    const of = key(1, "browser");
    const late = NOW + 2 * BROWSER_RENEWED_EVERY_MS;
    expect((await alice().standing(of, seen(late, OTHER)))?.validUntil).toBe(NOW + BROWSER_MS);
    const gone = NOW + BROWSER_MS;
    expect(await validUntil(of, gone)).toBe(gone);
    expect(await validUntil(of, gone + 1)).toBe(gone);
  });
});

describe("a ticket", () => {
  it("works once", async () => {
    await opened({ of: { ticket: "the same" } });
    expect(await open({ of: { ticket: "the same" } })).toEqual({ ok: false, error: { code: "used-ticket" } });
    expect(await open({ n: 2, of: { ticket: "the same" } })).toMatchObject({
      error: { code: "used-ticket" },
    });
  });

  it("is remembered for as long as it could work", async () => {
    await opened({ of: { ticket: "the same", ticketEndsAt: NOW + HOUR } });
    const again = { ticket: "the same", ticketEndsAt: NOW + HOUR };
    expect(await open({ ms: NOW + HOUR, of: again })).toMatchObject({ error: { code: "used-ticket" } });
  });
});

describe("a browser that somebody shut out", () => {
  it.each(["suspend", "lost", "revoke"] as const)(
    "is not let in by signing in again after %s",
    async (act) => {
      const { id } = await opened();
      await alice().changeStatus(by(), id, act);
      const authTime = Date.now() + HOUR;
      const error = { code: "browser-shut-out" };
      expect(await open({ of: { authTime } })).toEqual({ ok: false, error });
      const prospect = await browsers.prospect(ALICE, key(1, "browser"), authTime, NOW);
      // A revoked one is over: its person may begin anew, as another device.
      expect(prospect).toBe(act === "revoke" ? "new" : "shut-out");
    },
  );

  it("makes its user authenticate anew, if it was lost, until it is found or forgotten", async () => {
    const lost = await opened();
    await alice().changeStatus(by({ at: NOW + HOUR }), lost.id, "lost");
    const prospect = (authTime: number | null) => browsers.prospect(ALICE, undefined, authTime, NOW);
    const before = NOW + HOUR - 5_000;
    expect(await prospect(null)).toBe("stale");
    expect(await prospect(before)).toBe("stale");
    expect(await prospect(NOW + HOUR)).toBe("new");
    expect(await open({ n: 2, of: { authTime: before } })).toMatchObject({
      error: { code: "stale-sign-in" },
    });
    expect(await open({ n: 2, of: { authTime: NOW + HOUR } })).toMatchObject({ ok: true });
    expect(await browsers.prospect(BOB, undefined, null, NOW)).toBe("new");
    await alice().changeStatus(by(), lost.id, "revoke");
    expect(await prospect(null)).toBe("stale");
    await worker.forget(by(), ALICE, lost.id);
    expect(await prospect(null)).toBe("new");
    const found = await opened({ n: 3 });
    await alice().changeStatus(by({ at: NOW + 2 * HOUR }), found.id, "lost");
    expect(await prospect(null)).toBe("stale");
    await alice().changeStatus(by(), found.id, "reinstate");
    expect(await prospect(null)).toBe("new");
  });
});

describe("a browser that a restore brings", () => {
  /** Into an empty registry, all of the devices that are there now. */
  async function restored() {
    const { items: devices } = await alice().list(100, 0);
    await reset();
    await worker.putUser(by(), ALICE, undefined);
    const request = { devices, resurrect: [], madeAt: NOW };
    expect(await new Backups(env, worker).restoreUser(at(NOW + 2), ALICE, request)).toMatchObject({
      ok: true,
    });
  }

  it("is signed out", async () => {
    await opened();
    await restored();
    expect(await validUntil(key(1, "browser"), NOW + 2)).toBe(NOW + 2);
    expect(await browsers.prospect(ALICE, key(1, "browser"), null, NOW + 3)).toBe("ended");
  });

  it.each(["before the backup", "after the restore"])(
    "makes its user authenticate anew, if it was lost %s, revoked or not",
    async (when) => {
      const { id } = await opened();
      if (when === "after the restore") await restored();
      await alice().changeStatus(by({ at: NOW + 1 }), id, "lost");
      if (when === "before the backup") await restored();
      expect(await browsers.prospect(ALICE, undefined, null, NOW)).toBe("stale");
      await alice().changeStatus(by(), id, "revoke");
      expect(await browsers.prospect(ALICE, undefined, NOW - HOUR, NOW)).toBe("stale");
      expect(await browsers.prospect(ALICE, undefined, NOW + HOUR, NOW)).toBe("new");
    },
  );
});

it("a browser whose time is up is shut out, rather than sent in circles", async () => {
  const { id } = await opened();
  await alice().edit(by(), id, { expiresAt: NOW + 1 });
  expect(await browsers.prospect(ALICE, key(1, "browser"), null, NOW)).toBe("known");
  expect(await browsers.prospect(ALICE, key(1, "browser"), null, NOW + 1)).toBe("shut-out");
});

describe("whose a browser is", () => {
  it("is another device for another user", async () => {
    await opened();
    expect(await browsers.prospect(ALICE, key(1, "browser"), null, NOW)).toBe("known");
    expect(await browsers.prospect(BOB, key(1, "browser"), null, NOW)).toBe("new");
    expect(await open({ user: BOB })).toEqual({ ok: false, error: { code: "fingerprint-taken" } });
  });

  it("needs its user", async () => {
    expect(await open({ user: "carol" as UserId })).toEqual({ ok: false, error: { code: "unknown-user" } });
  });

  it("never turns a device of another kind into a browser", async () => {
    const token = key(1, "token");
    await worker.enrol(by(), ALICE, {
      ...{
        name: "tv",
        note: null,
        key: token,
        status: "active",
        details: { ...NO_DETAILS, notAfter: NOW + HOUR },
      },
      limits: { kind: "token", apps: [APP], countries: null, expiresAt: null, paths: null },
    });
    const refused = await browsers.open(
      at(NOW),
      ALICE,
      { key: token, name: "x", isShort: false, former: null },
      use(),
    );
    expect(refused).toEqual({ ok: false, error: { code: "browser-shut-out" } });
  });
});

it("a user opens so many new browsers an hour, and signs in with known ones all the same", async () => {
  for (let n = 1; n <= BROWSERS_AN_HOUR; n++) await opened({ n });
  const error = { code: "too-many-browsers" };
  expect(await open({ n: 100 })).toEqual({ ok: false, error });
  expect(await open({ n: 1, of: { app: OTHER } })).toMatchObject({ ok: true });
  expect(await open({ user: BOB, n: 101 })).toMatchObject({ ok: true });
  expect(await open({ n: 100, ms: NOW + HOUR + 1 })).toMatchObject({ ok: true });
});

describe("signing out", () => {
  const subject = { issuer: ISSUER, subject: "alice-at-the-provider" };

  it("ends one browser for good: when it signs in again, another device takes its place", async () => {
    await opened();
    expect(await browsers.endOne(at(NOW + 1), ALICE, key(1, "browser"))).toBe(true);
    expect(await validUntil(key(1, "browser"), NOW + 2)).toBe(NOW + 1);
    expect(await browsers.endOne(at(NOW + 2), ALICE, key(1, "browser"))).toBe(false);
    const former = key(1, "browser");
    expect(await browsers.prospect(ALICE, former, null, NOW + 3)).toBe("ended");
    // Whoever has copied the cookie does not come in again with it.
    expect(await open({ ms: NOW + 3 })).toEqual({ ok: false, error: { code: "browser-shut-out" } });
    expect(await opened({ n: 2, ms: NOW + 4, former })).toMatchObject({ name: "Firefox", status: "active" });
    expect(await alice().standing(former, seen(NOW + 5))).toBeNull();
    expect(await directory().owner(former)).toBeNull();
    expect(await acts()).toEqual(["enrol", "sign-out", "forget", "enrol"]);
  });

  it("takes the place of no browser that is signed in, or shut out", async () => {
    await opened();
    const former = key(1, "browser");
    await opened({ n: 2, former });
    expect(await validUntil(former, NOW + 1)).toBe(NOW + BROWSER_MS);
    const { id } = await opened({ n: 3 });
    await browsers.endOne(at(NOW + 1), ALICE, key(3, "browser"));
    await alice().changeStatus(by(), id, "suspend");
    await opened({ n: 4, ms: NOW + 2, former: key(3, "browser") });
    expect(await alice().get(id)).toMatchObject({ status: "suspended" });
  });

  it("is not undone by a question from before, which comes late", async () => {
    await opened();
    const out = NOW + 2 * BROWSER_RENEWED_EVERY_MS;
    await browsers.endOne(at(out), ALICE, key(1, "browser"));
    expect(await validUntil(key(1, "browser"), out - 1)).toBe(out);
    expect(await validUntil(key(1, "browser"), out - LATE_MS)).toBe(out);
  });

  it("at the provider ends the browsers of that session, or all of the person", async () => {
    await opened({ n: 1 });
    await opened({ n: 2, of: { opener: { ...subject, session: "sid-2" } } });
    await opened({ n: 3, of: { opener: { issuer: ISSUER, subject: "somebody else", session: "sid-1" } } });
    expect(await browsers.end(at(NOW + 1), ALICE, { ...subject, session: "sid-2" })).toBe(1);
    expect(await validUntil(key(2, "browser"), NOW + 2)).toBe(NOW + 1);
    expect(await validUntil(key(1, "browser"), NOW + 2)).toBe(NOW + BROWSER_MS);
    expect(await browsers.end(at(NOW + 3), ALICE, { ...subject, session: null })).toBe(1);
    expect(await validUntil(key(1, "browser"), NOW + 4)).toBe(NOW + 3);
    expect(await validUntil(key(3, "browser"), NOW + 4)).toBe(NOW + BROWSER_MS);
  });

  it("happens when the identity is unbound", async () => {
    const people = new People(env, worker, new Map());
    const person = { issuer: ISSUER, subject: "alice-at-the-provider" };
    const waiting = { ...person, email: null, isEmailVerified: false, name: "Alice" };
    await people.identify(by(), waiting);
    const [{ id = "" } = {}] = await directory().waitingPeople();
    const admitted = await directory().admitPerson(by(), id, ALICE);
    await opened({ ms: Date.now() });
    const unbound = await people.unbind(by(), ALICE, admitted.ok ? admitted.value.id : "");
    expect(unbound).toEqual({ ok: true, value: null });
    const until = await validUntil(key(1, "browser"), Date.now());
    expect(until).toBeLessThanOrEqual(Date.now());
    expect(await people.unbind(by(), ALICE, id)).toEqual({ ok: false, error: { code: "unknown-identity" } });
  });
});

it("browsers that ended long ago are forgotten when another one is added, and their keys are released", async () => {
  await opened({ n: 1 });
  await opened({ n: 2, isShort: true });
  const lost = await opened({ n: 3 });
  await alice().changeStatus(by({ at: NOW }), lost.id, "suspend");
  const end = NOW + BROWSER_MS + BROWSER_KEPT_MS;
  await opened({ n: 4, ms: end });
  const names = async () => (await alice().list(100, 0)).items.map(({ credentials }) => credentials[0]?.key);
  // The first one ended just then, and is kept for that millisecond.
  expect(await names()).toEqual([key(1, "browser"), key(3, "browser"), key(4, "browser")]);
  await opened({ n: 5, ms: end + 1 });
  expect(await names()).toEqual([key(3, "browser"), key(4, "browser"), key(5, "browser")]);
  expect(await directory().owner(key(1, "browser"))).toBeNull();
  expect(await directory().owner(key(3, "browser"))).toBe(ALICE);
  expect(await acts()).toContain("forget");
});
