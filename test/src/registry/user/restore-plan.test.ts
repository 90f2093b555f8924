import { describe, expect, it } from "vitest";
import type { DeviceStatus } from "../../../../src/domain/device.ts";
import { NO_LIMITS } from "../../../../src/domain/limits.ts";
import type { CredentialRecord, DeviceRecord } from "../../../../src/domain/records.ts";
import {
  leftAlone,
  planRestore,
  type RestoreInput,
} from "../../../../src/registry/user/rules/restore-plan.ts";
import { ALICE, DETAILS, key } from "../fixtures.ts";

const NOW = Date.UTC(2026, 10, 25);

function certificate(n: number, change: Partial<CredentialRecord> = {}): CredentialRecord {
  const none = { retiredAt: null, retireBy: null, replaces: null };
  return { key: key(n), ...DETAILS, addedAt: 1, ...none, ...change };
}

function device(n: number, change: Partial<DeviceRecord> = {}): DeviceRecord {
  return {
    id: `id-${n}`,
    user: ALICE,
    name: `Device ${n}`,
    status: "active",
    statusSince: 1,
    statusReason: null,
    note: null,
    enrolledAt: 1,
    credentials: [certificate(n)],
    lastSeen: null,
    wipe: null,
    comparisonCode: null,
    ...NO_LIMITS,
    ...change,
  };
}

function plan(wanted: DeviceRecord[], present: DeviceRecord[], change: Partial<RestoreInput> = {}) {
  const none = new Set<string>();
  const input = { present, ended: none, resurrect: none, now: NOW };
  return planRestore(wanted, { ...input, mayHave: () => true, ...change });
}

function one(wanted: DeviceRecord, present: DeviceRecord | undefined, change: Partial<RestoreInput> = {}) {
  const [step] = plan([wanted], present === undefined ? [] : [present], change);
  return step ?? expect.fail("no step");
}

// What a device is in the backup, what it is now, and what becomes of it: unnamed, and named by --resurrect.
const TABLE: [DeviceStatus, DeviceStatus, string, string][] = [
  ["active", "active", "same", "same"],
  ["active", "pending", "kept: shut-out-since", "active"],
  ["active", "suspended", "kept: shut-out-since", "active"],
  ["active", "lost", "kept: shut-out-since", "active"],
  ["active", "revoked", "kept: revoked-since", "active"],
  ["pending", "active", "same", "same"],
  ["pending", "suspended", "kept: shut-out-since", "pending"],
  ["pending", "lost", "kept: shut-out-since", "pending"],
  ["pending", "revoked", "kept: revoked-since", "pending"],
  ["suspended", "active", "suspended", "suspended"],
  ["suspended", "pending", "kept: shut-out-since", "suspended"],
  ["suspended", "lost", "kept: shut-out-since", "suspended"],
  ["suspended", "revoked", "kept: revoked-since", "suspended"],
  ["lost", "active", "kept: found-since", "kept: found-since"],
  ["lost", "suspended", "kept: shut-out-since", "kept: found-since"],
  ["lost", "revoked", "kept: revoked-since", "kept: found-since"],
  ["revoked", "active", "revoked", "revoked"],
  ["revoked", "pending", "revoked", "revoked"],
  ["revoked", "suspended", "revoked", "revoked"],
  ["revoked", "lost", "revoked", "revoked"],
  ["revoked", "revoked", "same", "same"],
];

describe("a device that is", () => {
  it.each(TABLE)("%s in the backup and %s now: %s, and by name %s", (then, now, unnamed, named) => {
    const say = (resurrect: string[]) => {
      const input = { resurrect: new Set(resurrect) };
      const { planned } = one(device(1, { status: then }), device(1, { status: now }), input);
      if (planned.outcome === "kept") return `kept: ${planned.reason}`;
      return planned.outcome === "same" ? "same" : planned.status;
    };
    expect(say([])).toBe(unnamed);
    expect(say(["id-1"])).toBe(named);
  });

  it("no unnamed device is active afterwards that is not now", () => {
    for (const [then, now, unnamed] of TABLE) {
      if (now !== "active") expect(unnamed, `${then}, ${now}`).not.toBe("active");
    }
  });

  it("forgotten since is kept out, unless it is named or was revoked then", () => {
    const ended = new Set(["id-1"]);
    expect(one(device(1), undefined, { ended }).planned).toMatchObject({
      outcome: "kept",
      reason: "forgotten-since",
      before: null,
    });
    const resurrect = new Set(["id-1"]);
    expect(one(device(1), undefined, { ended, resurrect }).planned.outcome).toBe("added");
    // It may have been found before it was forgotten: by name it is let in, and not told to delete its vault.
    const lost = device(1, { status: "lost" });
    expect(one(lost, undefined, { ended, resurrect }).planned).toMatchObject({
      outcome: "kept",
      reason: "found-since",
    });
    const revoked = device(1, { status: "revoked" });
    expect(one(revoked, undefined, { ended }).planned).toMatchObject({
      outcome: "added",
      status: "revoked",
    });
  });

  it("missing is added as it was, whatever its status", () => {
    for (const status of ["active", "pending", "suspended", "lost", "revoked"] as const) {
      const wanted = device(1, { status });
      expect(one(wanted, undefined)).toMatchObject({
        planned: { outcome: "added", status, keys: [key(1)], changes: [] },
        after: wanted,
      });
    }
  });
});

describe("a device that is there", () => {
  it("gets its name and note back, and keeps what is newer", () => {
    const seen = { at: 9, app: "a", country: null, ip: null };
    const step = one(device(1, { note: "then" }), device(1, { name: "New", lastSeen: seen }));
    expect(step).toMatchObject({
      planned: { outcome: "changed", changes: ["name", "note"] },
      after: { name: "Device 1", note: "then", lastSeen: seen },
    });
  });

  it("gets the reason back with the status, and keeps its own while the status stays", () => {
    const [then, now] = [{ statusReason: "then" }, { statusReason: "now" }];
    const suspended = { status: "suspended" as const };
    expect(one(device(1, { ...suspended, ...then }), device(1, now))).toMatchObject({
      planned: { changes: ["status"] },
      after: then,
    });
    expect(one(device(1, { ...suspended, ...then }), device(1, { ...suspended, ...now }))).toMatchObject({
      planned: { outcome: "same" },
    });
    expect(one(device(1, { ...then, name: "New" }), device(1, now))).toMatchObject({ after: now });
  });

  it("gets a certificate that is missing, and keeps one that was added since", () => {
    const wanted = device(1, {
      credentials: [certificate(1), certificate(2, { replaces: key(1) })],
    });
    expect(one(wanted, device(1))).toMatchObject({
      planned: { changes: ["credentials"], keys: [key(2)] },
      after: wanted,
    });
    expect(one(device(1), wanted).planned.outcome).toBe("same");
  });

  it("keeps a certificate retired that was retired since, and retires one that was then", () => {
    const both = [certificate(1), certificate(2)];
    const retired = [certificate(1, { retiredAt: 5 }), certificate(2)];
    expect(one(device(1, { credentials: both }), device(1, { credentials: retired })).planned).toMatchObject({
      outcome: "same",
    });
    expect(one(device(1, { credentials: retired }), device(1, { credentials: both }))).toMatchObject({
      planned: { changes: ["credentials"], keys: [] },
      after: { credentials: [{ retiredAt: 5 }, { retiredAt: null }] },
    });
  });

  it("never has more than two, nor none", () => {
    const two = device(1, { credentials: [certificate(1), certificate(3)] });
    const other = device(1, { credentials: [certificate(1), certificate(2)] });
    expect(one(other, two).planned).toMatchObject({ outcome: "conflict", reason: "too-many-credentials" });
    const retired = device(1, { credentials: [certificate(1, { retiredAt: 5 })] });
    expect(one(retired, device(1)).planned).toMatchObject({ outcome: "conflict", reason: "no-credential" });
  });
});

describe("a conflict", () => {
  const conflict = (reason: string) => ({ outcome: "conflict", reason, changes: [], keys: [] });

  it("is a fingerprint that another user has, or another device", () => {
    expect(one(device(1), undefined, { mayHave: () => false }).planned).toMatchObject(
      conflict("fingerprint-taken"),
    );
    const other = device(2, { credentials: [certificate(1)] });
    expect(one(device(1), other).planned).toMatchObject(conflict("fingerprint-taken"));
  });

  it("is a name that another device has, unless one of the two is revoked", () => {
    const namesake = device(2, { name: "DEVICE 1" });
    expect(one(device(1), namesake).planned).toMatchObject(conflict("name-taken"));
    expect(one(device(1), { ...namesake, status: "revoked" }).planned.outcome).toBe("added");
    expect(one(device(1, { status: "revoked" }), namesake).planned.outcome).toBe("added");
  });

  it("leaves the device as it is, and the others go on", () => {
    const steps = plan([device(1), device(2)], [], { mayHave: (each) => each !== key(1) });
    expect(steps.map(({ planned, after }) => [planned.outcome, after?.id])).toEqual([
      ["conflict", undefined],
      ["added", "id-2"],
    ]);
  });

  it("is none with a name that another one gives up by the same restore", () => {
    const present = [device(1, { name: "Device 2" })];
    expect(plan([device(1), device(2)], present).map(({ planned }) => planned.outcome)).toEqual([
      "changed",
      "added",
    ]);
  });
});

it("devices that the backup does not have are left alone, and named", () => {
  expect(leftAlone([device(1)], [device(1), device(2)]).map(({ id }) => id)).toEqual(["id-2"]);
});
