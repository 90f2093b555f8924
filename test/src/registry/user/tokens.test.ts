import { evictDurableObject, reset } from "cloudflare:test";
import { env } from "cloudflare:workers";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from "vitest";
import { DEVICE_KINDS, keyOf, type SecretKind } from "../../../../src/domain/credential-key.ts";
import type { Fingerprint } from "../../../../src/domain/fingerprint.ts";
import { type Limits, NO_LIMITS } from "../../../../src/domain/limits.ts";
import { type DeviceRecord, type Enrolment, NO_DETAILS } from "../../../../src/domain/records.ts";
import { Backups } from "../../../../src/registry/client/backups.ts";
import { lookUp } from "../../../../src/registry/client/lookup.ts";
import { RegistryClient } from "../../../../src/registry/client/registry-client.ts";
import { CLAIM_ABANDONED_MS } from "../../../../src/registry/storage/generation.ts";
import {
  ALICE,
  BOB,
  by,
  DETAILS,
  directory,
  dump,
  enrolment,
  fingerprint,
  key,
  registry,
  registryStub,
  sighting,
} from "../fixtures.ts";

// Devices that show a token or a feed's secret. The registry knows such a credential by its key, as it does a
// certificate, and never sees the secret itself.

const END = Date.UTC(2120, 0, 1);
const VALID = { ...NO_DETAILS, notBefore: Date.UTC(2020, 0, 1), notAfter: END };
const LIMITS: Record<SecretKind, Limits> = {
  token: { ...NO_LIMITS, kind: "token", apps: ["app.example.com"], countries: ["CH"], expiresAt: END + 1 },
  feed: { ...NO_LIMITS, kind: "feed", apps: ["app.example.com"], paths: ["/calendar/*"] },
  browser: { ...NO_LIMITS, kind: "browser", apps: ["app.example.com"] },
};
const worker = new RegistryClient(env);
const alice = () => registry(ALICE);
const refused = (code: string) => ({ ok: false, error: { code } });

beforeEach(async () => {
  for (const user of [ALICE, BOB]) await worker.putUser(by(), user, undefined);
});
afterEach(reset);

/** A secret comes to the gate without details. */
const seen = (at = Date.now()) => sighting({ at, details: NO_DETAILS });

const wanted = (kind: SecretKind, change: Partial<Enrolment> = {}) =>
  enrolment({ name: `The ${kind}`, key: key(1, kind), limits: LIMITS[kind], details: VALID, ...change });

async function enrolled(wanted: Enrolment): Promise<DeviceRecord> {
  const made = await worker.enrol(by(), ALICE, wanted);
  return made.ok ? made.value.device : expect.fail(made.error.code);
}

const audit = async () => (await alice().audit(100, null)).items.reverse();

describe.each(["token", "feed"] as const)("a device with a %s", (kind) => {
  it("is enrolled with its limits, which its standing reports, with the credential's end", async () => {
    const device = await enrolled(wanted(kind));
    expect(device).toMatchObject({ ...LIMITS[kind], credentials: [{ key: key(1, kind), ...VALID }] });
    const { apps, countries, expiresAt } = LIMITS[kind];
    expect((await audit())[0]).toMatchObject({
      act: "enrol",
      detail: { fingerprint: fingerprint(1), kind, apps: apps?.join(" ") },
    });
    expect((await audit())[0]?.detail).toMatchObject({
      ...(countries === null ? {} : { countries: "CH" }),
      ...(expiresAt === null ? {} : { expiresAt: new Date(expiresAt).toISOString() }),
    });
    await evictDurableObject(registryStub(ALICE));
    expect(await alice().get(device.id)).toEqual(device);
    expect(await alice().standing(key(1, kind), seen())).toEqual({
      ...{ status: "active", name: `The ${kind}`, since: device.statusSince },
      ...{ limits: LIMITS[kind], validUntil: END },
    });
  });

  it.each([
    ["none", null],
    ["an empty list", []],
  ])("is refused without an app that it is for: %s", async (_, apps) => {
    const boundless = wanted(kind, { limits: { ...LIMITS[kind], apps } });
    expect(await worker.enrol(by(), ALICE, boundless)).toEqual(refused("scope-required"));
    expect(await directory().owner(key(1, kind)), "no claim is left").toBeNull();
    expect(await audit()).toMatchObject([{ outcome: "refused", detail: { reason: "scope-required" } }]);
    const { id } = await enrolled(wanted(kind));
    const before = await alice().get(id);
    expect(await alice().edit(by(), id, { apps })).toEqual(refused("scope-required"));
    expect(await alice().get(id)).toEqual(before);
    expect((await audit()).at(-1)).toMatchObject({ act: "edit", outcome: "refused" });
  });

  it("keeps its credential, if the next one had expired when it was first used", async () => {
    const { id } = await enrolled(wanted(kind));
    const at = Date.now() + 1_000;
    const next = { key: key(2, kind), details: { ...VALID, notAfter: at }, retireBy: null };
    await worker.addCredential(by(), ALICE, id, next);
    expect(await alice().standing(key(2, kind), seen(at))).toMatchObject({ validUntil: at });
    expect(await alice().standing(key(1, kind), seen(at + 1))).toMatchObject({ status: "active" });
  });

  it("gets its next one, whose first use retires the old one", async () => {
    const { id } = await enrolled(wanted(kind));
    const next = { key: key(2, kind), details: VALID, retireBy: null };
    expect(await worker.addCredential(by(), ALICE, id, next)).toMatchObject({
      value: { created: true, device: { credentials: [{ key: key(1, kind) }, { replaces: key(1, kind) }] } },
    });
    expect(await alice().standing(key(1, kind), seen())).toMatchObject({ status: "active" });
    const at = Date.now() + 5;
    expect(await alice().standing(key(2, kind), seen(at))).toMatchObject({ status: "active" });
    expect(await alice().standing(key(1, kind), seen(at + 1))).toMatchObject({
      ...{ status: "revoked", since: at, limits: LIMITS[kind] },
    });
    expect((await audit()).slice(1).map(({ act, actor, detail }) => ({ act, actor, ...detail }))).toEqual([
      {
        ...{ act: "add-credential", actor: "admin", kind },
        ...{ fingerprint: fingerprint(2), replaces: fingerprint(1), retireBy: null },
      },
      {
        ...{ act: "retire-credential", actor: "gate", kind },
        ...{ fingerprint: fingerprint(1), reason: "successor-seen", successor: fingerprint(2) },
      },
    ]);
  });

  it("has one retired by its fingerprint, but not its last one", async () => {
    const { id } = await enrolled(wanted(kind));
    expect(await alice().retireCredential(by(), id, fingerprint(1))).toEqual(refused("last-credential"));
    await worker.addCredential(by(), ALICE, id, { key: key(2, kind), details: VALID, retireBy: null });
    expect(await alice().retireCredential(by(), id, fingerprint(3))).toEqual(refused("unknown-credential"));
    expect(await alice().retireCredential(by(), id, fingerprint(2))).toMatchObject({ ok: true });
    expect(await alice().standing(key(2, kind), seen())).toMatchObject({ status: "revoked" });
    expect(await alice().standing(key(1, kind), seen())).toMatchObject({ status: "active" });
  });

  it("takes no credential of another kind", async () => {
    const { id } = await enrolled(wanted(kind));
    for (const other of DEVICE_KINDS.filter((each) => each !== kind)) {
      const next = { key: key(2, other), details: VALID, retireBy: null };
      expect(await worker.addCredential(by(), ALICE, id, next)).toEqual({
        ok: false,
        error: { code: "wrong-kind", kind },
      });
      expect(await directory().owner(key(2, other))).toBeNull();
    }
    expect((await alice().get(id))?.credentials).toHaveLength(1);
  });

  it("gives its key up when it is forgotten", async () => {
    const { id } = await enrolled(wanted(kind));
    expect(await worker.enrol(by(), BOB, wanted(kind))).toEqual(refused("fingerprint-taken"));
    await alice().changeStatus(by(), id, "revoke");
    expect(await worker.forget(by(), ALICE, id)).toMatchObject({ ok: true });
    expect(await directory().owner(key(1, kind))).toBeNull();
    expect(await lookUp(env, key(1, kind), ALICE, seen())).toMatchObject({ found: false, user: undefined });
  });

  it("is unknown to the directory without being listed among the unknown certificates", async () => {
    expect(await directory().resolve(key(7, kind), seen())).toBeNull();
    expect(await directory().unknownCertificates()).toEqual([]);
    const tables = await dump(env.DIRECTORY.getByName("directory"));
    expect([tables.unknown_certificates, tables.outbox]).toEqual([[], []]);
    await directory().resolve(key(7), sighting());
    expect(await directory().unknownCertificates()).toMatchObject([{ fingerprint: fingerprint(7) }]);
  });

  it("is restored as it was, and found though its secret was made under another registry's key", async () => {
    const device = await enrolled(wanted(kind));
    await reset();
    await worker.putUser(by(), ALICE, undefined);
    const restoring = { devices: [device], resurrect: [], madeAt: 0 };
    const restore = () => new Backups(env, worker).restoreUser(by(), ALICE, restoring);
    expect(await restore()).toMatchObject({ value: { devices: [{ outcome: "added" }] } });
    expect(await alice().get(device.id)).toEqual(device);
    expect((await directory().credentialCheck()).exempt).toEqual([key(1, kind)]);
    expect(await lookUp(env, key(1, kind), undefined, seen())).toMatchObject({
      ...{ found: true, user: ALICE, device: { limits: LIMITS[kind], validUntil: END } },
    });
    expect(await restore()).toMatchObject({ value: { devices: [{ outcome: "same" }] } });
    // What was forgotten leaves the list with the next restore.
    await alice().changeStatus(by(), device.id, "revoke");
    await worker.forget(by(), ALICE, device.id);
    expect(await directory().claimAll([key(2, kind), key(3)], ALICE)).toMatchObject({ ok: true });
    expect((await directory().credentialCheck()).exempt).toEqual([key(2, kind)]);
  });

  it("keeps the limits that it has when a backup says otherwise", async () => {
    const device = await enrolled(wanted(kind));
    const apps = ["other.example.com"];
    await alice().edit(by(), device.id, { apps, countries: ["DE"], expiresAt: END - 1 });
    const renamed = { ...device, name: "Renamed" };
    const request = { devices: [renamed], resurrect: [], madeAt: 0 };
    expect(await new Backups(env, worker).restoreUser(by(), ALICE, request)).toMatchObject({
      value: { devices: [{ outcome: "changed", changes: ["name"] }] },
    });
    expect(await alice().get(device.id)).toMatchObject({
      ...{ kind, name: "Renamed", apps, countries: ["DE"], expiresAt: END - 1 },
    });
  });

  it("of a backup gives its credential to no certificate's device, which is for every app", async () => {
    const phone = await enrolled(enrolment({ key: key(5), details: DETAILS }));
    const forged = {
      ...{ ...phone, ...LIMITS[kind] },
      credentials: phone.credentials.map((each) => ({ ...each, key: key(6, kind) })),
    };
    const request = { devices: [forged], resurrect: [], madeAt: 0 };
    await new Backups(env, worker).restoreUser(by(), ALICE, request);
    expect(await alice().get(phone.id)).toEqual(phone);
    expect(await alice().standing(key(6, kind), seen())).toBeNull();
  });
});

it.each(["token", "feed"] as const)(
  "a %s whose claim somebody else abandoned is restored, and recognised",
  async (kind) => {
    const device = await enrolled(wanted(kind));
    await reset();
    for (const user of [ALICE, BOB]) await worker.putUser(by(), user, undefined);
    await directory().claim(by(), key(1, kind), BOB);
    const later = Date.now() + CLAIM_ABANDONED_MS + 1_000;
    vi.useFakeTimers({ toFake: ["Date"], now: later });
    onTestFinished(() => void vi.useRealTimers());
    const request = { devices: [device], resurrect: [], madeAt: 0 };
    expect(await new Backups(env, worker).restoreUser(by({ at: later }), ALICE, request)).toMatchObject({
      value: { devices: [{ outcome: "added" }] },
    });
    expect(await directory().owner(key(1, kind))).toBe(ALICE);
    expect((await directory().credentialCheck()).exempt).toEqual([key(1, kind)]);
  },
);

it("a restore does not exempt a secret that another user has", async () => {
  await enrolled(wanted("token"));
  expect(await directory().claimAll([key(1, "token")], BOB)).toMatchObject({
    value: { taken: [key(1, "token")] },
  });
  expect((await directory().credentialCheck()).exempt).toEqual([]);
});

it("a certificate's device takes no token", async () => {
  const { id } = await enrolled(enrolment());
  const next = { key: key(2, "token"), details: VALID, retireBy: null };
  expect(await worker.addCredential(by(), ALICE, id, next)).toEqual({
    ok: false,
    error: { code: "wrong-kind", kind: "certificate" },
  });
});

it("the same 64 hex digits are one credential per kind: three devices, of two users", async () => {
  const phone = await enrolled(enrolment());
  const feed = await enrolled(wanted("feed"));
  expect(await worker.enrol(by(), BOB, wanted("token"))).toMatchObject({ value: { created: true } });
  await alice().changeStatus(by(), phone.id, "revoke");
  const found = async (kind: (typeof DEVICE_KINDS)[number]) => lookUp(env, key(1, kind), undefined, seen());
  expect(await found("certificate")).toMatchObject({ user: ALICE, device: { status: "revoked" } });
  expect(await found("feed")).toMatchObject({ user: ALICE, device: { status: "active", name: feed.name } });
  expect(await found("token")).toMatchObject({ user: BOB, device: { status: "active" } });
  await worker.forget(by(), ALICE, phone.id);
  expect(await directory().owner(key(1))).toBeNull();
  expect(await directory().owner(key(1, "feed"))).toBe(ALICE);
});

it("a key of one kind never resolves as another, whatever the digits", async () => {
  const hex = fc.array(fc.integer({ min: 0, max: 15 }), { minLength: 64, maxLength: 64 });
  const digits = hex.map((each) => each.map((digit) => digit.toString(16)).join("") as Fingerprint);
  const kinds = fc.constantFrom(...DEVICE_KINDS);
  await fc.assert(
    fc.asyncProperty(digits, kinds, kinds, async (of, kind, other) => {
      const limits = kind === "certificate" ? NO_LIMITS : LIMITS[kind];
      const { id } = await enrolled(enrolment({ key: keyOf(kind, of), limits, details: VALID }));
      const [asked, at] = [keyOf(other, of), seen()];
      const same = kind === other;
      expect(await alice().standing(asked, at)).toEqual(same ? expect.anything() : null);
      expect(await alice().holds(asked)).toBe(same);
      expect(await directory().resolve(asked, at)).toBe(same ? ALICE : null);
      expect((await lookUp(env, asked, undefined, at)).found).toBe(same);
      await alice().changeStatus(by(), id, "revoke");
      await worker.forget(by(), ALICE, id);
    }),
    { numRuns: 30 },
  );
});
