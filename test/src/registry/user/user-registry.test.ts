import { abortAllDurableObjects, evictDurableObject, reset, runInDurableObject } from "cloudflare:test";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { SecretDigest } from "../../../../src/domain/credential.ts";
import { NO_LIMITS } from "../../../../src/domain/limits.ts";
import type { DeviceRecord, Enrolment } from "../../../../src/domain/records.ts";
import type { Actor, AuditRecord } from "../../../../src/registry/storage/audit-log.ts";
import { CLAIM_VALID_MS } from "../../../../src/registry/storage/generation.ts";
import {
  ALICE,
  by,
  DETAILS,
  dump,
  enrolment,
  fingerprint,
  key,
  registry,
  registryStub,
  rows,
  sighting,
} from "../fixtures.ts";

afterEach(async () => {
  vi.useRealTimers();
  await reset();
});

const alice = () => registry(ALICE);
const STALE = { ok: false, error: { code: "stale-claim" } };

async function enrol(change: Partial<Enrolment> = {}): Promise<DeviceRecord> {
  const result = await alice().enrol(by(), enrolment(change), Date.now(), 0);
  if (!result.ok) throw new Error(`not enrolled: ${result.error.code}`);
  return result.value.device;
}

/** What the audit log says, oldest first. */
async function audit(): Promise<AuditRecord[]> {
  return (await alice().audit(100, null)).items.reverse();
}

/** How an object comes to lose its memory. */
const RESTARTS = [
  ["an eviction", () => evictDurableObject(registryStub(ALICE))],
  ["an abort", () => abortAllDurableObjects()],
] as const;

describe("enrol", () => {
  it("writes the device, its certificate and the audit line", async () => {
    const at = Date.UTC(2026, 5, 1, 12);
    const result = await alice().enrol(
      by({ at }),
      enrolment({ note: "black", details: DETAILS }),
      Date.now(),
      0,
    );
    const device = {
      id: expect.stringMatching(/^[0-9a-f-]{36}$/),
      user: "alice",
      name: "Pixel 9",
      status: "active",
      statusSince: at,
      statusReason: null,
      note: "black",
      enrolledAt: at,
      credentials: [
        {
          key: key(1),
          ...DETAILS,
          addedAt: at,
          retiredAt: null,
          retireBy: null,
          replaces: null,
        },
      ],
      lastSeen: null,
      wipe: null,
      comparisonCode: null,
      ...NO_LIMITS,
    };
    expect(result).toEqual({ ok: true, value: { device, created: true } });
    if (!result.ok) return;
    expect(await alice().get(result.value.device.id)).toEqual(device);
    expect(await alice().list(10, 0)).toEqual({ items: [device], next: null });
    expect(await alice().holds(key(1))).toBe(true);
    expect(await audit()).toEqual([
      {
        id: 1,
        at,
        actor: "admin",
        ip: "198.51.100.7",
        country: "CH",
        act: "enrol",
        outcome: "done",
        target: { id: result.value.device.id, name: "Pixel 9" },
        detail: { fingerprint: fingerprint(1), status: "active", note: "black" },
      },
    ]);
  });

  it("lets an active device in, and a pending one not before it is approved", async () => {
    const { id } = await enrol({ status: "pending" });
    expect(await alice().standing(key(1), sighting())).toMatchObject({ status: "pending" });
    await alice().changeStatus(by(), id, "approve");
    expect(await alice().standing(key(1), sighting())).toMatchObject({ status: "active" });
  });

  it("changes nothing when the fingerprint is here already, whatever else is said of it", async () => {
    const device = await enrol();
    const again = await alice().enrol(
      by(),
      enrolment({ name: "Tablet", note: "new", status: "pending", details: DETAILS }),
      Date.now(),
      0,
    );
    expect(again).toEqual({ ok: true, value: { device, created: false } });
    expect(await audit()).toHaveLength(1);
  });

  it("does not bring a revoked device back, and audits the attempt", async () => {
    const device = await enrol();
    await alice().changeStatus(by(), device.id, "revoke");
    const refusal = { ok: false, error: { code: "fingerprint-revoked" } };
    expect(await alice().checkEnrolment(by(), enrolment())).toEqual(refusal);
    expect(await alice().enrol(by(), enrolment(), Date.now(), 0)).toEqual(refusal);
    expect(await alice().standing(key(1), sighting())).toMatchObject({ status: "revoked" });
    expect((await audit()).slice(2)).toMatchObject([
      { act: "enrol", outcome: "refused", detail: { reason: "fingerprint-revoked" } },
      { act: "enrol", outcome: "refused", detail: { reason: "fingerprint-revoked" } },
    ]);
  });

  it("refuses a name that another device has, and audits the attempt", async () => {
    await enrol({ name: "Zoë's phone" });
    const second = enrolment({ key: key(2), name: "ZOE\u0308'S PHONE" });
    const refusal = { ok: false, error: { code: "name-taken", name: second.name } };
    expect(await alice().checkEnrolment(by(), second)).toEqual(refusal);
    expect(await alice().enrol(by(), second, Date.now(), 0)).toEqual(refusal);
    expect(await alice().holds(key(2))).toBe(false);
    expect((await audit()).at(-1)).toMatchObject({
      act: "enrol",
      outcome: "refused",
      target: { id: fingerprint(2), name: second.name },
      detail: { reason: "name-taken" },
    });
  });

  it("gives the name of a revoked device to another one", async () => {
    const old = await enrol();
    await alice().changeStatus(by(), old.id, "revoke");
    const young = await enrol({ key: key(2) });
    expect([young.name, young.status]).toEqual(["Pixel 9", "active"]);
    expect((await alice().get(old.id))?.name).toBe("Pixel 9");
  });

  it("takes a claim that is as old as it may be, and none that is older", async () => {
    const now = Date.UTC(2026, 10, 24);
    vi.useFakeTimers({ toFake: ["Date"], now });
    expect(await alice().enrol(by(), enrolment(), now - CLAIM_VALID_MS - 1, 0)).toEqual(STALE);
    expect(await alice().list(10, 0)).toEqual({ items: [], next: null });
    expect(await audit()).toEqual([]);
    expect(await alice().enrol(by(), enrolment(), now - CLAIM_VALID_MS, 0)).toMatchObject({ ok: true });
  });

  it.each(RESTARTS)("once acknowledged, it survives %s", async (_, restart) => {
    const device = await enrol({ details: DETAILS });
    await restart();
    expect(await alice().get(device.id)).toEqual(device);
    expect(await alice().standing(key(1), sighting())).toMatchObject({ status: "active" });
    expect(await audit()).toHaveLength(1);
  });
});

describe("changeStatus", () => {
  it.each([
    ["suspend", "active", "suspended"],
    ["lost", "active", "lost"],
    ["revoke", "active", "revoked"],
  ] as const)("%s: audited with the status before and after", async (act, before, status) => {
    const { id } = await enrol();
    const at = Date.UTC(2026, 7, 1);
    const who = by({ at, actor: "alice's token", ip: null, reason: "why" });
    const changed = await alice().changeStatus(who, id, act);
    expect(changed).toMatchObject({ ok: true, value: { id, status, statusReason: "why", note: null } });
    expect((await audit()).at(-1)).toEqual({
      id: 2,
      at,
      actor: "alice's token",
      ip: null,
      country: "CH",
      act,
      outcome: "done",
      target: { id, name: "Pixel 9" },
      detail: { before, status, reason: "why" },
    });
  });

  it("restores a device that was suspended or lost", async () => {
    const { id } = await enrol();
    for (const act of ["suspend", "reinstate", "lost", "reinstate"] as const) {
      await alice().changeStatus(by(), id, act);
    }
    expect(await alice().standing(key(1), sighting())).toMatchObject({ status: "active" });
    expect((await audit()).map(({ act }) => act)).toEqual([
      "enrol",
      "suspend",
      "reinstate",
      "lost",
      "reinstate",
    ]);
  });

  it("is no error and writes nothing when the status already holds", async () => {
    const { id } = await enrol();
    const first = await alice().changeStatus(by({ reason: "stolen" }), id, "revoke");
    expect(await alice().changeStatus(by(), id, "revoke")).toEqual(first);
    expect(await alice().changeStatus(by({ reason: "stolen" }), id, "revoke")).toEqual(first);
    expect(await audit()).toHaveLength(2);
  });

  it("leaves the device's note alone, whatever the reason", async () => {
    const { id } = await enrol({ note: "black" });
    for (const act of ["suspend", "reinstate", "lost", "reinstate", "revoke"] as const) {
      const changed = await alice().changeStatus(by({ reason: `why ${act}` }), id, act);
      expect(changed).toMatchObject({ value: { note: "black", statusReason: `why ${act}` } });
      expect((await audit()).at(-1)).toMatchObject({ act, detail: { reason: `why ${act}` } });
    }
  });

  it("takes another reason even when the status holds, and drops it when the status changes", async () => {
    const { id } = await enrol();
    await alice().changeStatus(by(), id, "suspend");
    expect((await alice().get(id))?.statusReason).toBeNull();
    await alice().changeStatus(by({ reason: "at the repair shop" }), id, "suspend");
    await alice().changeStatus(by(), id, "suspend");
    expect(await alice().get(id)).toMatchObject({ status: "suspended", statusReason: "at the repair shop" });
    expect((await audit()).at(-1)).toMatchObject({
      act: "suspend",
      detail: { reason: "at the repair shop" },
    });
    await alice().changeStatus(by(), id, "reinstate");
    expect((await alice().get(id))?.statusReason).toBeNull();
    expect(await audit()).toHaveLength(4);
  });

  it("takes an empty reason for none, and lets it remove one", async () => {
    const { id } = await enrol();
    await alice().changeStatus(by({ reason: "" }), id, "suspend");
    expect((await alice().get(id))?.statusReason).toBeNull();
    expect((await audit()).at(-1)).toMatchObject({ act: "suspend", detail: { status: "suspended" } });
    expect((await audit()).at(-1)?.detail).not.toHaveProperty("reason");
    await alice().changeStatus(by({ reason: "in repair" }), id, "suspend");
    await alice().changeStatus(by({ reason: "" }), id, "suspend");
    expect((await alice().get(id))?.statusReason).toBeNull();
  });

  it("a note from a Worker of an earlier deploy does not replace the device's", async () => {
    const { id } = await enrol({ note: "black" });
    const earlier = alice() as unknown as {
      changeStatus(...args: [Actor, string, "suspend", string]): Promise<unknown>;
    };
    await earlier.changeStatus(by(), id, "suspend", "in repair");
    expect(await alice().get(id)).toMatchObject({ status: "suspended", note: "black", statusReason: null });
  });

  it("refuses a forbidden transition, changes nothing, and audits the attempt", async () => {
    const { id } = await enrol();
    await alice().changeStatus(by(), id, "revoke");
    const revoked = await alice().get(id);
    for (const act of ["approve", "suspend", "reinstate", "lost"] as const) {
      expect(await alice().changeStatus(by({ reason: "please" }), id, act)).toEqual({
        ok: false,
        error: { code: "forbidden-transition", status: "revoked", act },
      });
      expect((await audit()).at(-1)).toMatchObject({
        act,
        outcome: "refused",
        target: { id, name: "Pixel 9" },
        detail: { reason: "forbidden-transition" },
      });
    }
    expect(await alice().get(id)).toEqual(revoked);
  });

  it("says since when the status holds: each change of it counts, and nothing else", async () => {
    const at = (minute: number) => by({ at: Date.UTC(2026, 5, 1, 12, minute) });
    const since = async () => {
      const { statusSince } = (await alice().get(id)) ?? expect.fail("no device");
      expect(await alice().standing(key(1), sighting())).toMatchObject({ since: statusSince });
      return (statusSince - at(0).at) / 60_000;
    };
    const enrolled = await alice().enrol(at(0), enrolment({ status: "pending" }), Date.now(), 0);
    const id = enrolled.ok ? enrolled.value.device.id : expect.fail(enrolled.error.code);
    expect(await since()).toBe(0);
    await alice().changeStatus(at(1), id, "approve");
    expect(await since()).toBe(1);
    await alice().changeStatus(at(2), id, "approve");
    await alice().changeStatus({ ...at(3), reason: "a reason" }, id, "approve");
    await alice().edit(at(4), id, { name: "Old Pixel", note: null });
    await alice().changeStatus(at(5), id, "reinstate");
    await alice().forget(at(6), id, 0);
    expect(await since(), "repeated, renamed, refused").toBe(1);
    await alice().changeStatus(at(7), id, "lost");
    expect(await since()).toBe(7);
    await alice().changeStatus(at(8), id, "reinstate");
    expect(await since()).toBe(8);
    await abortAllDurableObjects();
    expect(await since()).toBe(8);
    await alice().changeStatus(at(9), id, "revoke");
    expect(await since()).toBe(9);
  });

  it("knows no device of an id that it does not have", async () => {
    const unknown = { ok: false, error: { code: "unknown-device" } };
    expect(await alice().changeStatus(by(), "x", "revoke")).toEqual(unknown);
    expect(await alice().edit(by(), "x", { name: "y", note: undefined })).toEqual(unknown);
    expect(await alice().forget(by(), "x", 0)).toEqual(unknown);
    expect(await alice().get("x")).toBeNull();
  });

  it("revokes one device and leaves the others as they are", async () => {
    const lost = await enrol();
    const kept = await enrol({ name: "Laptop", key: key(2) });
    await alice().changeStatus(by(), lost.id, "revoke");
    expect(await alice().get(kept.id)).toEqual(kept);
    expect(await alice().standing(key(2), sighting())).toMatchObject({ status: "active" });
  });

  it.each(RESTARTS)("a revocation, once acknowledged, survives %s", async (_, restart) => {
    const { id } = await enrol();
    await alice().changeStatus(by({ reason: "stolen" }), id, "revoke");
    await restart();
    expect(await alice().standing(key(1), sighting())).toMatchObject({ status: "revoked" });
    expect(await alice().get(id)).toMatchObject({ status: "revoked", statusReason: "stolen" });
    expect((await audit()).map(({ act }) => act)).toEqual(["enrol", "revoke"]);
  });
});

describe("edit", () => {
  it("renames, and says in the audit log what the name was", async () => {
    const { id } = await enrol({ note: "black" });
    const edited = await alice().edit(by(), id, { name: "Old Pixel", note: undefined });
    expect(edited).toMatchObject({ ok: true, value: { name: "Old Pixel", note: "black" } });
    expect((await audit()).at(-1)).toMatchObject({
      act: "edit",
      outcome: "done",
      target: { id, name: "Old Pixel" },
      detail: { nameBefore: "Pixel 9", name: "Old Pixel" },
    });
  });

  it("sets and removes a note", async () => {
    const { id } = await enrol();
    await alice().edit(by(), id, { name: undefined, note: "black" });
    expect((await alice().get(id))?.note).toBe("black");
    await alice().edit(by(), id, { name: undefined, note: null });
    expect((await alice().get(id))?.note).toBeNull();
    expect((await audit()).slice(1).map(({ detail }) => detail)).toEqual([
      { noteBefore: null, note: "black" },
      { noteBefore: "black", note: null },
    ]);
  });

  it("writes nothing when nothing changes", async () => {
    const device = await enrol({ note: "black" });
    expect(await alice().edit(by(), device.id, { name: "Pixel 9", note: "black" })).toEqual({
      ok: true,
      value: device,
    });
    expect(await audit()).toHaveLength(1);
  });

  it("changes the case of a device's own name", async () => {
    const { id } = await enrol();
    expect(await alice().edit(by(), id, { name: "PIXEL 9", note: undefined })).toMatchObject({
      ok: true,
      value: { name: "PIXEL 9" },
    });
  });

  it("refuses the name of another device, and audits the attempt", async () => {
    await enrol();
    const { id } = await enrol({ name: "Laptop", key: key(2) });
    expect(await alice().edit(by(), id, { name: "pixel 9", note: "x" })).toEqual({
      ok: false,
      error: { code: "name-taken", name: "pixel 9" },
    });
    expect(await alice().get(id)).toMatchObject({ name: "Laptop", note: null });
    expect((await audit()).at(-1)).toMatchObject({ act: "edit", outcome: "refused" });
  });

  it("gives a device the name of a revoked one, and a revoked one any name", async () => {
    const revoked = await enrol();
    await alice().changeStatus(by(), revoked.id, "revoke");
    const { id } = await enrol({ name: "Laptop", key: key(2) });
    expect(await alice().edit(by(), id, { name: "Pixel 9", note: undefined })).toMatchObject({ ok: true });
    expect(await alice().edit(by(), revoked.id, { name: "Pixel 9", note: "old" })).toMatchObject({
      ok: true,
    });
  });
});

describe("forget", () => {
  it("removes a revoked device; the audit log keeps that it was", async () => {
    const { id } = await enrol();
    await alice().changeStatus(by(), id, "revoke");
    expect(await alice().forget(by(), id, 0)).toMatchObject({ ok: true, value: { id } });
    expect(await alice().get(id)).toBeNull();
    expect(await alice().standing(key(1), sighting())).toBeNull();
    expect((await audit()).at(-1)).toMatchObject({
      act: "forget",
      outcome: "done",
      target: { id, name: "Pixel 9" },
      detail: { fingerprints: fingerprint(1) },
    });
    await runInDurableObject(registryStub(ALICE), (_, state) => {
      expect(rows(state, "SELECT * FROM credentials")).toEqual([]);
    });
    expect((await enrol()).status).toBe("active");
  });

  it.each(["pending", "active", "suspended", "lost"] as const)("refuses one that is %s", async (status) => {
    const { id } = await enrol({ status: status === "pending" ? "pending" : "active" });
    if (status === "suspended") await alice().changeStatus(by(), id, "suspend");
    if (status === "lost") await alice().changeStatus(by(), id, "lost");
    expect(await alice().forget(by(), id, 0)).toEqual({ ok: false, error: { code: "not-revoked", status } });
    expect((await alice().get(id))?.status).toBe(status);
    expect((await audit()).at(-1)).toMatchObject({
      act: "forget",
      outcome: "refused",
      target: { id, name: "Pixel 9" },
      detail: { reason: "not-revoked" },
    });
  });
});

describe("close and open", () => {
  it.each(RESTARTS)("a closed registry enrols nothing, across %s too", async (_, restart) => {
    expect(await alice().close(by(), 1)).toEqual({ ok: true, value: null });
    await restart();
    const refusal = { ok: false, error: { code: "unknown-user" } };
    expect(await alice().enrol(by(), enrolment(), Date.now(), 0)).toEqual(refusal);
    expect(await alice().holds(key(1))).toBe(false);
  });

  it("opens again, and audits both once however often they are asked for", async () => {
    await alice().open(by(), 1);
    await alice().close(by(), 1);
    await alice().close(by(), 1);
    await alice().open(by(), 2);
    await alice().open(by(), 2);
    expect((await audit()).map(({ act, outcome }) => [act, outcome])).toEqual([
      ["delete-user", "done"],
      ["create-user", "done"],
    ]);
    const enrolled = await alice().enrol(by(), enrolment(), Date.now(), 2);
    expect(enrolled).toMatchObject({ ok: true, value: { device: { status: "active" } } });
  });

  const [OPENED, CLOSED] = [
    { ok: true, value: { created: true } },
    { ok: false, error: { code: "unknown-user" } },
  ];

  it.each([
    // What came, in its order, for which time; then a claim of which generation is presented, and what comes of it.
    ["open 5", 5, OPENED],
    ["open 5, open 3", 5, OPENED],
    ["open 5, open 3", 3, STALE],
    ["open 5", 6, OPENED],
    ["open 5, close 5", 5, CLOSED],
    ["open 5, close 4", 5, OPENED],
    ["open 5, close 7", 5, CLOSED],
    ["open 5, close 7", 7, CLOSED],
    ["open 5, close 7", 8, OPENED],
    ["close 7, open 5", 5, CLOSED],
    ["close 7, open 7", 7, CLOSED],
    ["close 7, close 6", 7, CLOSED],
    ["close 7, open 8, close 7", 8, OPENED],
    ["close 7, open 8, close 7", 7, STALE],
    ["close 7, open 8, close 9, open 8", 8, CLOSED],
  ] as const)(
    "after %s, a claim of generation %i is taken as it should",
    async (calls, generation, outcome) => {
      for (const call of calls.split(", ")) {
        const [act, time] = call.split(" ");
        if (act === "open") await alice().open(by(), Number(time));
        else await alice().close(by(), Number(time));
      }
      expect(await alice().enrol(by(), enrolment(), Date.now(), generation)).toMatchObject(outcome);
      expect(await alice().holds(key(1))).toBe(outcome.ok);
    },
  );

  it("an older deletion of a registry that was opened since is refused, and audited", async () => {
    await alice().open(by(), 5);
    expect(await alice().close(by(), 4)).toEqual({ ok: false, error: { code: "deletion-superseded" } });
    expect((await audit()).at(-1)).toMatchObject({ act: "delete-user", outcome: "refused" });
  });

  it("claims from before a device was forgotten are stale, and later ones are not", async () => {
    const now = Date.now();
    const { id } = await enrol();
    await alice().changeStatus(by(), id, "revoke");
    await alice().forget(by(), id, now);
    expect(await alice().enrol(by(), enrolment(), now, 0)).toEqual(STALE);
    expect(await alice().holds(key(1))).toBe(false);
    expect(await alice().enrol(by(), enrolment(), now + 1, 0)).toMatchObject({ ok: true });
  });

  it("on the word of an older Worker, which brings no time of the directory, nothing is done", async () => {
    const { id } = await enrol();
    await alice().changeStatus(by(), id, "revoke");
    const before = await dump(registryStub(ALICE));
    const use = { digest: "d" as SecretDigest, app: "a" };
    const other = enrolment({ key: key(2), name: "B" });
    const old = alice() as unknown as Record<string, (...args: unknown[]) => Promise<unknown>>;
    for (const call of [
      () => old.open?.(by()),
      () => old.enrol?.(by(), other, Date.now()),
      () => old.enrol?.(by(), other, Date.now(), use),
      () => old.addCredential?.(by(), id, { ...other, retireBy: null }, Date.now()),
      () => old.restore?.(by(), { devices: [], resurrect: [], madeAt: 1 }, [], Date.now()),
      () => old.invite?.(by(), { id: "i", app: null, approval: false, expiresAt: 9 }, use.digest),
      () => old.forget?.(by(), id),
    ]) {
      await expect(call()).rejects.toThrow("no time of the directory");
    }
    expect(await dump(registryStub(ALICE))).toEqual(before);
    await alice().forget(by(), id, 0);
    await expect(old.close?.(by())).rejects.toThrow("no time of the directory");
  });

  it("does not close while a device remains, a revoked one included, and audits the attempt", async () => {
    const { id } = await enrol();
    await alice().changeStatus(by(), id, "revoke");
    expect(await alice().close(by(), 1)).toEqual({ ok: false, error: { code: "user-has-devices" } });
    expect((await audit()).at(-1)).toMatchObject({
      act: "delete-user",
      outcome: "refused",
      detail: { reason: "user-has-devices" },
    });
    await alice().forget(by(), id, 0);
    expect(await alice().close(by(), 1)).toMatchObject({ ok: true });
  });
});

describe("when the audit line cannot be written", () => {
  let id: string;
  let before: unknown;

  beforeEach(async () => {
    id = (await enrol()).id;
    const revoked = await enrol({ name: "Old", key: key(9) });
    await alice().changeStatus(by(), revoked.id, "revoke");
    await runInDurableObject(registryStub(ALICE), (_, state) => {
      before = tables(state);
      state.storage.sql.exec(
        "CREATE TRIGGER no_audit BEFORE INSERT ON audit BEGIN SELECT RAISE(ABORT, 'no audit'); END",
      );
    });
  });

  it.each([
    ["an enrolment", () => alice().enrol(by(), enrolment({ key: key(2), name: "B" }), Date.now(), 0)],
    ["a rename", () => alice().edit(by(), id, { name: "B", note: undefined })],
    ["a suspension", () => alice().changeStatus(by(), id, "suspend")],
    ["a revocation", () => alice().changeStatus(by(), id, "revoke")],
    [
      "a removal",
      async () => {
        const { items } = await alice().list(10, 0);
        return alice().forget(by(), items.find(({ status }) => status === "revoked")?.id ?? "", 0);
      },
    ],
    ["a refusal", () => alice().forget(by(), id, 0)],
  ])("%s does not happen either", async (_, change) => {
    await expect(change()).rejects.toThrow("no audit");
    await abortAllDurableObjects();
    await runInDurableObject(registryStub(ALICE), (_, state) => expect(tables(state)).toEqual(before));
  });

  it("a user is not closed", async () => {
    await runInDurableObject(registryStub(ALICE), (_, state) => {
      state.storage.sql.exec("DELETE FROM credentials; DELETE FROM devices;");
    });
    await expect(alice().close(by(), 1)).rejects.toThrow("no audit");
    await runInDurableObject(registryStub(ALICE), (_, state) => {
      expect(rows(state, "SELECT closed FROM registry_state")).toEqual([{ closed: 0 }]);
    });
  });

  function tables(state: DurableObjectState) {
    return ["devices", "credentials", "registry_state", "audit"].map((table) =>
      rows(state, `SELECT * FROM ${table}`),
    );
  }
});

describe("list", () => {
  it("pages in the order of enrolment, each device with its own certificates", async () => {
    for (let n = 1; n <= 5; n++) await enrol({ name: `Device ${6 - n}`, key: key(n) });
    await runInDurableObject(registryStub(ALICE), (_, state) => {
      state.storage.sql.exec(
        "INSERT INTO credentials (key, device, added_at) SELECT ?, device, added_at + 1 FROM credentials WHERE key = ?",
        ...[key(20), key(2)],
      );
    });
    const pages: [string, number][][] = [];
    for (let after: string | null = "0"; after !== null; ) {
      const page: Awaited<ReturnType<ReturnType<typeof alice>["list"]>> = await alice().list(
        2,
        Number(after),
      );
      pages.push(page.items.map(({ name, credentials }) => [name, credentials.length]));
      after = page.next;
    }
    expect(pages).toEqual([
      [
        ["Device 5", 1],
        ["Device 4", 2],
      ],
      [
        ["Device 3", 1],
        ["Device 2", 1],
      ],
      [["Device 1", 1]],
    ]);
  });

  it("ends with a full page when that was the last one", async () => {
    await enrol();
    await enrol({ name: "B", key: key(2) });
    expect((await alice().list(2, 0)).next).toBeNull();
    expect((await alice().list(1, 0)).next).not.toBeNull();
  });
});

it("the tables themselves refuse a second device with the same name, and a status that is none", async () => {
  await enrol();
  await runInDurableObject(registryStub(ALICE), (_, state) => {
    const insert = (name: string, status: string) =>
      state.storage.sql.exec(
        "INSERT INTO devices (id, name, name_key, status, enrolled_at) VALUES (?, ?, ?, ?, 0)",
        ...[crypto.randomUUID(), name, name.toLowerCase(), status],
      );
    expect(() => insert("Pixel 9", "active")).toThrow(/UNIQUE/);
    expect(() => insert("Other", "allowed")).toThrow(/CHECK/);
    expect(() => insert("Pixel 9", "revoked")).not.toThrow();
  });
});
