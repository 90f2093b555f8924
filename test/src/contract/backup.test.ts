import {
  abortAllDurableObjects,
  evictDurableObject,
  listDurableObjectIds,
  reset,
  runInDurableObject,
} from "cloudflare:test";
import { env, exports } from "cloudflare:workers";
import * as v from "valibot";
import { afterEach, describe, expect, it } from "vitest";
import type { Device, NewToken } from "../../../src/contract/answers.ts";
import { BackupDevice, RestoreDirectoryRequest } from "../../../src/contract/backup.ts";
import { keyOf } from "../../../src/domain/credential-key.ts";
import type { Fingerprint } from "../../../src/domain/fingerprint.ts";
import type { EmailAddress } from "../../../src/domain/person.ts";
import { Backups } from "../../../src/registry/client/backups.ts";
import { RegistryClient } from "../../../src/registry/client/registry-client.ts";
import { CLAIM_ABANDONED_MS } from "../../../src/registry/storage/generation.ts";
import { expectProblem } from "../api/fixtures.ts";
import { api, enrol, fingerprint, HOST, tlsClientAuth } from "../fixtures.ts";
import {
  ALICE,
  asOf,
  by,
  cost,
  directory,
  directoryStub,
  dump,
  interrupted,
  justBefore,
  registry,
  registryStub,
} from "../registry/fixtures.ts";

afterEach(reset);

type Json = Record<string, unknown>;
const MADE_AT = "2026-11-24T00:00:00.000Z";

async function get<T>(path: string): Promise<T> {
  const response = await api("GET", path);
  expect(response.status).toBe(200);
  return response.json();
}
const devicesOf = async (user = "alice") =>
  (await get<{ devices: Device[] }>(`/users/${user}/devices`)).devices;
const auditOf = async (path = "/users/alice/audit") => (await get<{ entries: Json[] }>(path)).entries;

/** All that a backup takes. */
async function snapshot() {
  const { users } = await get<{ users: { id: string }[] }>("/users");
  return {
    users,
    devices: Object.fromEntries(
      await Promise.all(users.map(async ({ id }) => [id, await devicesOf(id)] as const)),
    ) as Record<string, Device[]>,
    ...(await get<{ tokens: Json[]; unknownCertificates: Json[]; identities: Json[] }>("/backup")),
  };
}

async function post<T = Json>(path: string, body: unknown): Promise<T> {
  const response = await api("POST", path, body);
  expect([response.status, response.status === 200 ? "" : await response.clone().text()]).toEqual([200, ""]);
  return response.json();
}
const restore = (devices: Device[], resurrect?: string[], user = "alice") =>
  post<{ devices: Json[]; left: Json[] }>(`/users/${user}/restore`, {
    madeAt: MADE_AT,
    devices,
    ...(resurrect === undefined ? {} : { resurrect }),
  });

/** The status of an app's answer, once all of it has come: nothing is under way when the storage is reset. */
async function visit(of: Fingerprint): Promise<number> {
  const response = await exports.default.fetch(`https://${HOST}/`, {
    cf: { country: "CH", tlsClientAuth: tlsClientAuth(of) },
  } as RequestInit);
  await response.text();
  return response.status;
}
const standing = async (of: Fingerprint) => {
  const details = { subject: null, issuer: null, serial: null, notBefore: null, notAfter: null };
  const sighting = { at: Date.now(), app: "a", country: null, ip: null, details };
  return (await registry(ALICE).standing(keyOf("certificate", of), sighting))?.status;
};

/** Another one each time: the gate remembers for a while what it has refused. */
let strangers = 4711;

/** A household with everything that there is. */
async function household() {
  await enrol("alice", "Phone", fingerprint(1));
  const laptop = await enrol("alice", "Laptop", fingerprint(2));
  await api("PATCH", `/users/alice/devices/${laptop.id}`, { note: "line one\nline two" });
  await api("POST", `/users/alice/devices/${laptop.id}/certificates`, { fingerprint: fingerprint(3) });
  const old = await enrol("alice", "Old", fingerprint(4));
  await api("POST", `/users/alice/devices/${old.id}/revoke`);
  const gone = await enrol("bob", "Gone", fingerprint(5));
  await api("POST", `/users/bob/devices/${gone.id}/lost`, { confirm: "Gone", reason: "in the tram" });
  await api("PUT", "/users/carol", { name: "Carol" });
  await api("POST", "/tokens", { user: "alice", name: "laptop", scope: "devices" });
  await api("POST", "/tokens", { user: null, name: "monitor", scope: "read", expiresInSeconds: null });
  await api("POST", "/tokens", { user: "alice", name: "emergency card", scope: "emergency" });
  await visit(fingerprint(++strangers));
  await api("PATCH", "/users/alice", { role: "owner", emails: ["alice@example.com", "a@example.org"] });
  await signIn("alice@example.com");
}

/** Somebody comes from the identity provider, with a verified address. */
function signIn(email: string, subject = `sub of ${email}`) {
  const of = { issuer: "https://id.example.com", isEmailVerified: true, name: null };
  return directory().identify(by(), { ...of, subject, email: email as EmailAddress }, null);
}

/** A token as a backup has it: each one another. */
function tokenOf(change: { name: string; user?: string }) {
  const times = { createdAt: MADE_AT, expiresAt: null, lastUsedAt: null };
  const id = crypto.randomUUID();
  return { id, user: null, scope: "read", digest: id.replaceAll("-", "").repeat(2), ...times, ...change };
}

/** Restores all of a snapshot, in the order of the command. */
async function restoreAll({
  users,
  tokens,
  unknownCertificates,
  identities,
  devices,
}: Awaited<ReturnType<typeof snapshot>>) {
  const directory = await post("/restore", {
    ...{ madeAt: MADE_AT, users, tokens, unknownCertificates, identities },
  });
  for (const [user, list] of Object.entries(devices)) await restore(list, undefined, user);
  return directory;
}

describe("people of a backup", () => {
  const restorePeople = (before: Awaited<ReturnType<typeof snapshot>>, dryRun = false) =>
    post("/restore", { madeAt: MADE_AT, ...before, devices: undefined, dryRun });

  it("are planned, added and audited, and sign in as before", async () => {
    await household();
    const before = await snapshot();
    await reset();
    const plan = await restorePeople(before, true);
    expect(plan).toMatchObject({
      ...{ owners: ["alice"], notOwners: [] },
      emails: ["a@example.org", "alice@example.com"].map((email) => ({
        ...{ user: "alice", email, outcome: "added", reason: null },
      })),
      identities: [{ id: before.identities[0]?.id, outcome: "added", reason: null }],
    });
    expect(await get("/users")).toMatchObject({ users: [] });
    expect(await restorePeople(before)).toEqual(plan);
    expect(await auditOf("/audit")).toEqual(
      expect.arrayContaining([
        expect.objectContaining({
          ...{ act: "restore", target: { id: "alice", name: null } },
          detail: expect.objectContaining({ role: "owner", emails: "a@example.org alice@example.com" }),
        }),
        expect.objectContaining({
          ...{ act: "restore", target: { id: before.identities[0]?.id, name: "alice@example.com" } },
          detail: expect.objectContaining({ user: "alice", outcome: "added" }),
        }),
      ]),
    );
    expect(await signIn("alice@example.com")).toMatchObject({ kind: "user", user: "alice", role: "owner" });
    expect(await signIn("alice@example.com", "somebody else")).toMatchObject({ kind: "waiting" });
    expect(await signIn("a@example.org")).toMatchObject({ kind: "user", user: "alice" });
    expect(await restorePeople(before), "again").toMatchObject({
      ...{ owners: [], notOwners: [], emails: [], identities: [{ outcome: "same" }] },
    });
  });

  it("get nothing back that was taken from them since", async () => {
    await household();
    const before = await snapshot();
    const [identity] = before.identities;
    await api("PATCH", "/users/alice", { role: "member", emails: ["alice@example.com"] });
    await api("DELETE", `/users/alice/identities/${identity?.id}`);
    const away = { outcome: "kept-out", reason: "revoked-since" };
    const plan = {
      ...{ owners: [], notOwners: ["alice"], emails: [{ user: "alice", email: "a@example.org", ...away }] },
      identities: [{ id: identity?.id, ...away }],
    };
    expect(await restorePeople(before, true)).toMatchObject(plan);
    expect(await restorePeople(before)).toMatchObject(plan);
    const { users } = await get<{ users: Json[] }>("/users");
    expect(users[0]).toMatchObject({ id: "alice", role: "member", emails: ["alice@example.com"] });
    expect(await get("/users/alice/identities")).toEqual({ identities: [] });
  });

  it("get nothing back in another registry either, if its log says that it was taken away", async () => {
    await household();
    const before = await snapshot();
    const [identity] = before.identities;
    await api("PATCH", "/users/alice", { emails: ["alice@example.com"] });
    await api("DELETE", `/users/alice/identities/${identity?.id}`);
    const entries = (await auditOf("/audit")).reverse();
    await reset();
    await post("/restore/audit", { entries });
    const away = { outcome: "kept-out", reason: "revoked-since" };
    expect(await restorePeople(before)).toMatchObject({
      owners: ["alice"],
      emails: [
        { email: "a@example.org", ...away },
        { email: "alice@example.com", outcome: "added" },
      ],
      identities: [{ id: identity?.id, ...away }],
    });
    expect(await signIn("alice@example.com"), "nor does the address bind it").toMatchObject({
      kind: "waiting",
    });
  });

  it("get back what was taken and given again before the backup", async () => {
    await household();
    for (const emails of [[], ["alice@example.com"]]) await api("PATCH", "/users/alice", { emails });
    const before = await snapshot();
    const entries = (await auditOf("/audit")).reverse();
    await reset();
    await post("/restore/audit", { entries });
    expect(await restorePeople(before)).toMatchObject({ emails: [{ outcome: "added" }] });
  });

  it("take nothing from others, and a deleted user comes back a member without either", async () => {
    await household();
    const before = await snapshot();
    await reset();
    await api("PUT", "/users/bob");
    await api("PATCH", "/users/bob", { emails: ["alice@example.com"] });
    await signIn("alice@example.com");
    const taken = { outcome: "kept-out", reason: "taken" };
    expect(await restorePeople(before)).toMatchObject({
      emails: [
        { email: "a@example.org", outcome: "added" },
        { email: "alice@example.com", ...taken },
      ],
      identities: [taken],
    });
    expect(await signIn("alice@example.com")).toMatchObject({ user: "bob" });
    await api("DELETE", "/users/alice");
    const away = { outcome: "kept-out", reason: "revoked-since" };
    expect(await restorePeople(before)).toMatchObject({
      ...{ added: ["alice"], owners: [], notOwners: ["alice"], emails: [away, away], identities: [away] },
    });
    expect(await directory().user(ALICE)).toMatchObject({ role: "member", emails: [] });
  });

  it("are not missed by a backup of before there were any", async () => {
    const alice = { id: "alice", name: null, createdAt: MADE_AT };
    const backup = { madeAt: MADE_AT, users: [alice], tokens: [], unknownCertificates: [] };
    expect(await post("/restore", backup)).toMatchObject({ added: ["alice"], emails: [], identities: [] });
    expect(await directory().user(ALICE)).toMatchObject({ role: "member", emails: [] });
  });
});

describe("a backup into an empty registry", () => {
  it("may be of before there were reasons", async () => {
    await household();
    const before = await snapshot();
    await reset();
    await restoreAll({
      ...before,
      devices: {
        bob: (before.devices.bob ?? []).map(({ statusReason, ...device }) => {
          expect(statusReason).toBe("in the tram");
          return device as Device;
        }),
      },
    });
    const { devices } = await get<{ devices: Json[] }>("/users/bob/devices");
    expect(devices).toMatchObject([{ name: "Gone", status: "lost", statusReason: null }]);
  });

  it("gives the same lists, and lets the same devices in", async () => {
    await household();
    const before = await snapshot();
    await reset();
    expect(await get("/users")).toEqual({ users: [], next: null });
    expect(await restoreAll(before)).toMatchObject({ added: ["alice", "bob", "carol"], renamed: [] });
    expect(await snapshot()).toEqual(before);
    expect(await standing(fingerprint(1))).toBe("active");
    expect(await standing(fingerprint(4))).toBe("revoked");
    // The claims are there too: nobody else can have the certificate, and the gate finds it.
    await expectProblem(
      await api("POST", "/users/bob/devices", { name: "x", fingerprint: fingerprint(1) }),
      "fingerprint-taken",
    );
    expect(await visit(fingerprint(2))).toBe(200);
  });

  it("goes on where a renewal was: the new one ends the old one", async () => {
    await household();
    const before = await snapshot();
    await reset();
    await restoreAll(before);
    expect(await standing(fingerprint(3))).toBe("active");
    expect(await standing(fingerprint(2))).toBe("revoked");
  });

  it("is audited by device, user and token, and again changes and tells nothing", async () => {
    await household();
    const before = await snapshot();
    await reset();
    await restoreAll(before);
    const [users, directory] = [await auditOf(), await auditOf("/audit")];
    expect(users.map(({ act, actor, target }) => [act, actor, (target as Json)?.name])).toEqual([
      ["restore", "admin", "Old"],
      ["restore", "admin", "Laptop"],
      ["restore", "admin", "Phone"],
    ]);
    expect(users[0]).toMatchObject({
      outcome: "done",
      detail: { backup: MADE_AT, outcome: "added", status: "revoked", fingerprints: fingerprint(4) },
    });
    expect(directory.map(({ target, detail }) => (target as Json)?.id ?? (detail as Json).waiting)).toEqual(
      expect.arrayContaining(["alice", "bob", "carol", fingerprint(strangers)]),
    );
    const again = await restoreAll(before);
    expect(again).toMatchObject({ added: [], renamed: [], unknownCertificates: [] });
    expect(await auditOf()).toEqual(users);
    expect(await auditOf("/audit")).toEqual(directory);
  });

  it.each([
    ["an eviction", () => evictDurableObject(registryStub(ALICE))],
    ["an abort", () => abortAllDurableObjects()],
  ])("survives %s", async (_, restart) => {
    await household();
    const before = await snapshot();
    await reset();
    await restoreAll(before);
    await restart();
    expect(await snapshot()).toEqual(before);
  });

  it.each([
    ["directory.user", "before"],
    ["alice.planRestore", "before"],
    ["directory.claimAll", "before"],
    ["directory.claimAll", "after"],
    ["alice.restore", "before"],
    ["alice.restore", "after"],
  ] as const)("interrupted at %s, %s it was done, is completed by another run", async (name, when) => {
    await household();
    const before = await snapshot();
    await reset();
    const { users, tokens, unknownCertificates } = before;
    await post("/restore", { madeAt: MADE_AT, users, tokens, unknownCertificates });
    const bindings = interrupted(name, when);
    const devices = await import("../../../src/contract/backup.ts").then(({ RestoreUserRequest }) =>
      import("valibot").then(({ parse }) =>
        parse(RestoreUserRequest, { madeAt: MADE_AT, devices: before.devices.alice }),
      ),
    );
    await expect(
      new Backups(bindings, new RegistryClient(bindings)).restoreUser(by(), ALICE, devices),
    ).rejects.toThrow();
    await restoreAll(before);
    expect(await snapshot()).toEqual(before);
    expect(await auditOf()).toHaveLength(3);
  });
});

describe("a restore into a registry that went on", () => {
  it("leaves a revoked device revoked, unless it is named", async () => {
    const phone = await enrol("alice", "Phone", fingerprint(1));
    const before = await devicesOf();
    await api("POST", `/users/alice/devices/${phone.id}/revoke`);
    expect(await restore(before)).toMatchObject({
      devices: [{ outcome: "kept", reason: "revoked-since", before: "revoked", status: "revoked" }],
    });
    expect(await standing(fingerprint(1))).toBe("revoked");
    expect(await restore(before, [phone.id])).toMatchObject({
      devices: [{ outcome: "changed", changes: ["status"], before: "revoked", status: "active" }],
    });
    expect(await standing(fingerprint(1))).toBe("active");
    expect((await auditOf())[0]).toMatchObject({
      act: "restore",
      detail: { before: "revoked", status: "active", resurrect: "yes" },
    });
  });

  it("gives a device back its status and name in one, though another device has the name that it had", async () => {
    const phone = await enrol("alice", "Phone", fingerprint(1));
    const before = await devicesOf();
    await api("PATCH", `/users/alice/devices/${phone.id}`, { name: "Old phone" });
    await api("POST", `/users/alice/devices/${phone.id}/revoke`);
    await enrol("alice", "Old phone", fingerprint(2));
    expect(await restore(before, [phone.id])).toMatchObject({
      devices: [{ outcome: "changed", changes: ["name", "status"], status: "active" }],
    });
    expect((await devicesOf()).map(({ name, status }) => [name, status])).toEqual([
      ["Phone", "active"],
      ["Old phone", "active"],
    ]);
  });

  it("does not bring back a device that was revoked and forgotten, unless it is named", async () => {
    const phone = await enrol("alice", "Phone", fingerprint(1));
    const before = await devicesOf();
    await api("POST", `/users/alice/devices/${phone.id}/revoke`);
    await api("DELETE", `/users/alice/devices/${phone.id}`);
    expect(await restore(before)).toMatchObject({
      devices: [{ outcome: "kept", reason: "forgotten-since" }],
    });
    expect(await standing(fingerprint(1))).toBeUndefined();
    expect(await restore(before, [phone.id])).toMatchObject({ devices: [{ outcome: "added" }] });
    expect(await devicesOf()).toEqual(before);
  });

  it("does not bring back a certificate that was retired before its device was forgotten, though that is named", async () => {
    const phone = await enrol("alice", "Phone", fingerprint(1));
    const before = await devicesOf();
    const at = `/users/alice/devices/${phone.id}`;
    await api("POST", `${at}/certificates`, { fingerprint: fingerprint(2) });
    const renewing = await devicesOf();
    await api("DELETE", `${at}/credentials/${fingerprint(1)}`);
    await api("POST", `${at}/revoke`);
    await api("DELETE", at);
    expect(await restore(before, [phone.id])).toMatchObject({
      devices: [{ outcome: "conflict", reason: "no-credential" }],
    });
    expect(await restore(renewing, [phone.id])).toMatchObject({ devices: [{ outcome: "added" }] });
    expect(await standing(fingerprint(1))).toBe("revoked");
    expect(await standing(fingerprint(2))).toBe("active");
  });

  it("revokes a device that was revoked then", async () => {
    const phone = await enrol("alice", "Phone", fingerprint(1));
    const [device] = await devicesOf();
    if (device === undefined) expect.fail("no device");
    await restore([{ ...device, status: "revoked" }]);
    expect(await standing(fingerprint(1))).toBe("revoked");
    expect((await devicesOf())[0]?.id).toBe(phone.id);
  });

  it("leaves devices alone that are not in the backup, and names them", async () => {
    await enrol("alice", "Phone", fingerprint(1));
    const before = await devicesOf();
    const tablet = await enrol("alice", "Tablet", fingerprint(2));
    expect(await restore(before)).toMatchObject({
      devices: [{ outcome: "same" }],
      left: [{ id: tablet.id, name: "Tablet" }],
    });
    expect(await standing(fingerprint(2))).toBe("active");
  });

  it("reports a certificate that another user has now, claims nothing, and restores the others", async () => {
    await enrol("alice", "Phone", fingerprint(1));
    await enrol("alice", "Tablet", fingerprint(2));
    const before = await devicesOf();
    await reset();
    await enrol("bob", "Phone", fingerprint(1));
    await api("PUT", "/users/alice");
    expect(await restore(before)).toMatchObject({
      devices: [{ outcome: "conflict", reason: "fingerprint-taken" }, { outcome: "added" }],
    });
    expect((await devicesOf()).map(({ name }) => name)).toEqual(["Tablet"]);
    expect(await standing(fingerprint(1))).toBeUndefined();
  });

  it("reports a name that another device has now", async () => {
    await enrol("alice", "Phone", fingerprint(1));
    const before = await devicesOf();
    await reset();
    await enrol("alice", "Phone", fingerprint(2));
    expect(await restore(before)).toMatchObject({ devices: [{ outcome: "conflict", reason: "name-taken" }] });
  });

  it("takes a certificate whose claim was abandoned", async () => {
    await enrol("alice", "Phone", fingerprint(1));
    const before = await devicesOf();
    await reset();
    await api("PUT", "/users/alice");
    await api("PUT", "/users/bob");
    await runInDurableObject(directoryStub(), (_, state) => {
      state.storage.sql.exec(
        "INSERT INTO claims VALUES (?, 'bob', ?)",
        fingerprint(1),
        Date.now() - CLAIM_ABANDONED_MS - 1000,
      );
    });
    expect(await restore(before)).toMatchObject({ devices: [{ outcome: "added" }] });
  });

  it("does not bring back tokens that were revoked, have ended, or whose user was deleted", async () => {
    await household();
    const made = await api("POST", "/tokens", { user: "carol", name: "t", scope: "read" });
    const carols = await made.json<NewToken>();
    const { tokens, users } = await snapshot();
    const [laptop, monitor, card] = tokens as [{ id: string }, { id: string }, { id: string }];
    await api("DELETE", `/tokens/${laptop.id}`);
    await api("DELETE", "/users/carol");
    const past = {
      ...monitor,
      id: crypto.randomUUID(),
      digest: "a".repeat(64),
      expiresAt: "2020-01-01T00:00:00Z",
    };
    const result = await post("/restore", {
      madeAt: MADE_AT,
      users,
      tokens: [...tokens, past],
      unknownCertificates: [],
    });
    expect(result).toMatchObject({
      added: ["carol"],
      tokens: [
        { id: laptop.id, outcome: "kept-out", reason: "revoked-since" },
        { id: monitor.id, outcome: "same" },
        { id: card.id, outcome: "same" },
        { id: carols.id, outcome: "kept-out", reason: "revoked-since" },
        { id: past.id, outcome: "kept-out", reason: "expired" },
      ],
    });
    expect((await snapshot()).tokens).toMatchObject([{ id: monitor.id }, { id: card.id }]);
  });

  it("brings a token back that is missing, which works as before", async () => {
    await enrol("alice", "Phone", fingerprint(1));
    const { token } = await (
      await api("POST", "/tokens", { user: "alice", name: "laptop", scope: "read" })
    ).json<NewToken>();
    const before = await snapshot();
    await reset();
    await restoreAll(before);
    const as = { headers: { Authorization: `Bearer ${token}` } };
    expect(await (await api("GET", "/me", undefined, as)).json()).toMatchObject({
      scope: "read",
      user: "alice",
    });
  });

  it("ends a deletion of the user that is under way", async () => {
    await api("PUT", "/users/alice");
    const { users } = await snapshot();
    const removal = await asOf(ALICE);
    await post("/restore", { madeAt: MADE_AT, users, tokens: [], unknownCertificates: [] });
    expect(await directoryStub().removeUser(by(), ALICE, removal)).toMatchObject({
      error: { code: "deletion-superseded" },
    });
  });

  it.each(["directory.asOf", "alice.close", "directory.removeUser"])(
    "during a deletion of the user (before %s) ends it, or is refused: no device is left without its user",
    async (step) => {
      await enrol("alice", "Phone", fingerprint(1));
      const { devices } = await snapshot();
      await reset();
      await api("PUT", "/users/alice");
      const through = justBefore(step, () => restore(devices.alice ?? []));
      await new RegistryClient(through).deleteUser(by(), ALICE);
      expect(await visit(fingerprint(1))).toBe(200);
      expect(await standing(fingerprint(1))).toBe("active");
      expect((await devicesOf()).map(({ name }) => name)).toEqual(["Phone"]);
    },
  );

  it.each(["directory.user", "alice.planRestore", "directory.claimAll", "alice.restore"])(
    "whose user is deleted meanwhile (before %s) restores nothing",
    async (step) => {
      await enrol("alice", "Phone", fingerprint(1));
      const [phone] = await devicesOf();
      if (phone === undefined) expect.fail("no device");
      await reset();
      await api("PUT", "/users/alice");
      const request = { madeAt: 1, resurrect: [], devices: [v.parse(BackupDevice, phone)] };
      const through = justBefore(step, () => new RegistryClient(env).deleteUser(by(), ALICE));
      const done = new Backups(through, new RegistryClient(through)).restoreUser(by(), ALICE, request);
      expect(await done).toEqual({ ok: false, error: { code: "unknown-user" } });
      expect(await standing(fingerprint(1))).toBeUndefined();
    },
  );

  it("opens the registry of a user who was deleted meanwhile", async () => {
    await enrol("alice", "Phone", fingerprint(1));
    const before = await snapshot();
    const [phone] = before.devices.alice ?? [];
    await api("POST", `/users/alice/devices/${phone?.id}/revoke`);
    await api("DELETE", `/users/alice/devices/${phone?.id}`);
    await api("DELETE", "/users/alice");
    await post("/restore", { madeAt: MADE_AT, users: before.users, tokens: [], unknownCertificates: [] });
    expect(await restore(before.devices.alice ?? [], [phone?.id ?? ""])).toMatchObject({
      devices: [{ outcome: "added" }],
    });
    expect((await devicesOf()).map(({ id }) => id)).toEqual([phone?.id]);
  });
});

describe("a dry run", () => {
  const directoryBody = ({ users, tokens, unknownCertificates }: Awaited<ReturnType<typeof snapshot>>) => ({
    ...{ madeAt: MADE_AT, users, tokens, unknownCertificates },
  });
  const dry = (devices: Device[], user = "alice", resurrect: string[] = []) =>
    post<{ devices: Json[]; left: Json[] }>(`/users/${user}/restore`, {
      ...{ madeAt: MADE_AT, devices, resurrect, dryRun: true },
    });
  const stored = async () => [await dump(directoryStub()), await dump(registryStub(ALICE))];

  it("answers what the restore then does, and writes nothing", async () => {
    await household();
    const before = await snapshot();
    const [phone, laptop] = before.devices.alice ?? [];
    await api("POST", `/users/alice/devices/${phone?.id}/revoke`);
    await api("PATCH", `/users/alice/devices/${laptop?.id}`, { name: "Other", note: null });
    await enrol("alice", "New", fingerprint(50));
    await api("PUT", "/users/carol", { name: "Other" });
    for (const { id } of before.tokens) await api("DELETE", `/tokens/${id}`);
    for (const named of [[], [phone?.id ?? ""]]) {
      const was = await stored();
      const directory = await post("/restore", { ...directoryBody(before), dryRun: true });
      const devices = await dry(before.devices.alice ?? [], "alice", named);
      expect(await stored()).toEqual(was);
      expect(await post("/restore", directoryBody(before))).toEqual(directory);
      expect(await restore(before.devices.alice ?? [], named)).toEqual(devices);
    }
  });

  it("of an empty registry plans all of it, and makes no registry for a user who is not there", async () => {
    await household();
    const before = await snapshot();
    await reset();
    const was = await dump(directoryStub());
    const directory = await post("/restore", { ...directoryBody(before), dryRun: true });
    expect(directory).toMatchObject({
      added: ["alice", "bob", "carol"],
      tokens: [{ outcome: "added" }, { outcome: "added" }, { outcome: "added" }],
      unknownCertificates: [fingerprint(strangers)],
    });
    const plan = await dry(before.devices.alice ?? []);
    expect(plan.devices.map(({ outcome }) => outcome)).toEqual(["added", "added", "added"]);
    expect(await dump(directoryStub())).toEqual(was);
    const registries = await listDurableObjectIds(env.USER_REGISTRY);
    const daves = (before.devices.alice ?? []).map((device) => ({ ...device, user: "dave" }));
    expect((await dry(daves, "dave")).devices).toEqual(plan.devices);
    expect(await listDurableObjectIds(env.USER_REGISTRY)).toHaveLength(registries.length);
    expect(await post("/restore", directoryBody(before))).toEqual(directory);
    expect(await restore(before.devices.alice ?? [])).toEqual(plan);
  });

  it("says which certificates others have, claims none, and leaves an abandoned claim to the restore", async () => {
    await enrol("alice", "Phone", fingerprint(1));
    await enrol("alice", "Tablet", fingerprint(2));
    const before = await devicesOf();
    await reset();
    await enrol("bob", "Phone", fingerprint(1));
    await runInDurableObject(directoryStub(), (_, state) => {
      const old = Date.now() - CLAIM_ABANDONED_MS - 1000;
      state.storage.sql.exec("INSERT INTO claims VALUES (?, 'bob', ?)", fingerprint(2), old);
    });
    const expected = {
      devices: [{ outcome: "conflict", reason: "fingerprint-taken" }, { outcome: "added" }],
    };
    const was = await dump(directoryStub());
    expect(await dry(before)).toMatchObject(expected);
    await api("PUT", "/users/alice");
    expect(await dry(before)).toMatchObject(expected);
    const { claims, audit } = await dump(directoryStub());
    expect(claims).toEqual(was.claims);
    expect(audit).toHaveLength((was.audit?.length ?? 0) + 1);
    expect(await restore(before)).toMatchObject(expected);
  });

  it("writes no row in either object", async () => {
    await household();
    const before = await snapshot();
    await api("POST", `/users/alice/devices/${before.devices.alice?.[0]?.id}/revoke`);
    const devices = (before.devices.alice ?? []).map((device) => v.parse(BackupDevice, device));
    const request = { madeAt: 1, devices, resurrect: devices.map(({ id }) => id) };
    await runInDurableObject(registryStub(ALICE), (alice, state) => {
      expect(cost(state, () => alice.planRestore(request, Date.now())).written).toBe(0);
    });
    const { dryRun: _, ...wanted } = v.parse(RestoreDirectoryRequest, {
      ...directoryBody(before),
      tokens: [...before.tokens, tokenOf({ name: "more" })],
    });
    await runInDurableObject(directoryStub(), (directory, state) => {
      expect(cost(state, () => directory.planRestore(wanted, Date.now())).written).toBe(0);
      const all = devices.flatMap(({ credentials }) => credentials.map(({ key }) => key));
      expect(cost(state, () => directory.claimedByOthers(all, ALICE)).written).toBe(0);
    });
  });
});

describe("an audit log", () => {
  const oldest = (entries: Json[]) => [...entries].reverse();

  it("is taken over into an empty one, in chunks that may be sent again, and shows what is not its own", async () => {
    await household();
    const [before, log] = [await snapshot(), oldest(await auditOf())];
    expect(log.length).toBeGreaterThan(4);
    await reset();
    await post("/restore", { madeAt: MADE_AT, users: before.users, tokens: [], unknownCertificates: [] });
    const send = (entries: Json[]) => post("/users/alice/restore/audit", { entries });
    expect(await send(log.slice(0, 3))).toEqual({ lines: 3, isClosed: false });
    expect(await send(log.slice(0, 3))).toEqual({ lines: 3, isClosed: false });
    expect(await send(log.slice(4))).toEqual({ lines: 3, isClosed: false });
    expect(await send(log.slice(2))).toEqual({ lines: log.length, isClosed: false });
    expect(oldest(await auditOf())).toEqual(log.map((entry) => ({ ...entry, restored: true })));

    await restore(before.devices.alice ?? []);
    expect(await send(log)).toEqual({ lines: log.length, isClosed: true });
    const own = (await auditOf()).filter(({ restored }) => restored !== true);
    expect(own.map(({ act }) => act)).toEqual(["restore", "restore", "restore"]);
  });

  it("that has lines of its own takes none", async () => {
    await household();
    const log = oldest(await auditOf());
    const forged = { ...log.at(-1), id: log.length + 1, act: "revoke" };
    expect(await post("/users/alice/restore/audit", { entries: [...log, forged] })).toEqual({
      lines: 0,
      isClosed: true,
    });
    expect(oldest(await auditOf())).toEqual(log);
    expect(await post("/restore/audit", { entries: [{ ...forged, id: 1 }] })).toMatchObject({
      isClosed: true,
    });
  });

  it("brings what ended along: an older backup lets nothing of it in again", async () => {
    const phone = await enrol("alice", "Phone", fingerprint(1));
    const older = await devicesOf();
    const made = await api("POST", "/tokens", { user: null, name: "monitor", scope: "read" });
    const { id } = await made.json<NewToken>();
    const { tokens, users } = await snapshot();
    await api("POST", `/users/alice/devices/${phone.id}/revoke`);
    await api("DELETE", `/users/alice/devices/${phone.id}`);
    await api("DELETE", `/tokens/${id}`);
    const [own, directory] = [oldest(await auditOf()), oldest(await auditOf("/audit"))];
    await reset();
    await post("/restore/audit", { entries: directory });
    const restored = await post("/restore", { madeAt: MADE_AT, users, tokens, unknownCertificates: [] });
    expect(restored).toMatchObject({ tokens: [{ outcome: "kept-out", reason: "revoked-since" }] });
    await post("/users/alice/restore/audit", { entries: own });
    expect(await restore(older)).toMatchObject({ devices: [{ outcome: "kept", reason: "forgotten-since" }] });
    expect(await restore(older, [phone.id])).toMatchObject({ devices: [{ outcome: "added" }] });
  });

  it("is refused with an act that there is not", async () => {
    await api("PUT", "/users/alice");
    const line = { id: 1, at: MADE_AT, actor: "admin", ip: null, country: null, outcome: "done" };
    const entries = [{ ...line, act: "open-the-door", target: null, detail: {} }];
    const answer = await api("POST", "/users/alice/restore/audit", { entries });
    const problem = await expectProblem(answer, "invalid-fields");
    expect(problem.errors?.map(({ path }) => path)).toEqual(["entries.0.act"]);
  });

  it("of the directory is taken over before anything else is", async () => {
    await household();
    const log = oldest(await auditOf("/audit"));
    await reset();
    expect(await post("/restore/audit", { entries: log })).toEqual({ lines: log.length, isClosed: false });
    expect(oldest(await auditOf("/audit"))).toEqual(log.map((entry) => ({ ...entry, restored: true })));
  });
});

describe("a request to restore", () => {
  it("is refused with the path of what is wrong, and changes nothing", async () => {
    await enrol("alice", "Phone", fingerprint(1));
    const [device] = await devicesOf();
    const wrong: [Json, string][] = [
      [{ status: "happy" }, "devices.0.status"],
      [{ user: "bob" }, "devices.0.user"],
      [{ id: "x" }, "devices.0.id"],
      [{ name: " " }, "devices.0.name"],
      [{ credentials: [] }, "devices.0.credentials"],
      [
        { credentials: [{ ...device?.credentials[0], fingerprint: "x" }] },
        "devices.0.credentials.0.fingerprint",
      ],
      [{ credentials: [device?.credentials[0], device?.credentials[0]] }, "devices.0.credentials"],
      [{ enrolledAt: "yesterday" }, "devices.0.enrolledAt"],
      // A form of ISO 8601 that the runtime cannot read: as no time at all, it would let the certificate in.
      [
        { credentials: [{ ...device?.credentials[0], retiredAt: "2026-01-01T00:00:00+05" }] },
        "devices.0.credentials.0.retiredAt",
      ],
      [{ comparisonCode: "12" }, "devices.0.comparisonCode"],
      [{ more: 1 }, "devices.0.more"],
    ];
    for (const [change, path] of wrong) {
      const body = { madeAt: MADE_AT, devices: [{ ...device, ...change }] };
      const problem = await expectProblem(await api("POST", "/users/alice/restore", body), "invalid-fields");
      expect(problem.errors?.map((each) => each.path)).toContain(path);
    }
    expect(await devicesOf()).toEqual([device]);
  });

  it("is refused when a device is listed twice, whatever its certificates are", async () => {
    await enrol("alice", "Phone", fingerprint(1));
    const [phone] = await devicesOf();
    const credentials = [{ ...phone?.credentials[0], fingerprint: fingerprint(2) }];
    const body = { madeAt: MADE_AT, devices: [phone, { ...phone, name: "Other", credentials }] };
    const problem = await expectProblem(await api("POST", "/users/alice/restore", body), "invalid-fields");
    expect(problem.errors).toEqual([{ path: "devices", message: "a device is listed twice" }]);
    expect(await devicesOf()).toEqual([phone]);
  });

  it("is refused when two tokens have one id, or one digest", async () => {
    const token = tokenOf({ name: "a" });
    for (const twice of [{ digest: "b".repeat(64) }, { id: crypto.randomUUID() }]) {
      const tokens = [token, { ...token, name: "b", ...twice }];
      const body = { madeAt: MADE_AT, users: [], tokens, unknownCertificates: [] };
      const problem = await expectProblem(await api("POST", "/restore", body), "invalid-fields");
      expect(problem.errors).toEqual([{ path: "tokens", message: "a token is listed twice" }]);
    }
    expect((await snapshot()).tokens).toEqual([]);
  });

  it("adds one of two tokens with one user and name: names are taken within a request, too", async () => {
    await api("PUT", "/users/alice");
    const tokens = [
      tokenOf({ name: "laptop" }),
      tokenOf({ name: "laptop" }),
      tokenOf({ name: "laptop", user: "alice" }),
      tokenOf({ name: "laptop", user: "alice" }),
    ];
    const result = await post<{ tokens: Json[] }>("/restore", {
      ...{ madeAt: MADE_AT, users: [], tokens, unknownCertificates: [] },
    });
    expect(result.tokens.map(({ outcome, reason }) => [outcome, reason])).toEqual([
      ["added", null],
      ["kept-out", "name-taken"],
      ["added", null],
      ["kept-out", "name-taken"],
    ]);
    expect((await snapshot()).tokens.map(({ id }) => id).sort()).toEqual(
      [tokens[0]?.id, tokens[2]?.id].sort(),
    );
  });

  it.each([[[]], [["a", null]], [null], ["text"]])(
    "to an audit log is refused when the detail of a line is %j",
    async (detail) => {
      await api("PUT", "/users/alice");
      const line = { id: 1, at: MADE_AT, actor: "admin", ip: null, country: null, act: "enrol" };
      const entries = [{ ...line, outcome: "done", target: null, detail }];
      for (const path of ["/restore/audit", "/users/alice/restore/audit"]) {
        const problem = await expectProblem(await api("POST", path, { entries }), "invalid-fields");
        expect(problem.errors?.map((each) => each.path)).toEqual(["entries.0.detail"]);
      }
    },
  );

  it("may be larger than others, and not by any length", async () => {
    const entries = [{ id: 1, text: "x".repeat(100_000) }];
    await api("PUT", "/users/alice");
    await expectProblem(await api("POST", "/users/alice/restore/audit", { entries }), "invalid-fields");
    const huge = { entries: [{ text: "x".repeat(300_000) }] };
    await expectProblem(await api("POST", "/users/alice/restore/audit", huge), "body-too-large");
  });

  it("for a user who is not there is refused", async () => {
    const body = { madeAt: MADE_AT, devices: [] };
    await expectProblem(await api("POST", "/users/nobody/restore", body), "unknown-user");
    await expectProblem(await api("POST", "/users/nobody/restore/audit", { entries: [] }), "unknown-user");
  });

  it.each(["devices", "read"])(
    "with a user's own token for %s is forbidden, and so is a backup",
    async (scope) => {
      await api("PUT", "/users/alice");
      const made = await api("POST", "/tokens", { user: "alice", name: "t", scope });
      const as = { headers: { Authorization: `Bearer ${(await made.json<NewToken>()).token}` } };
      for (const [method, path, body] of [
        ["GET", "/backup", undefined],
        ["POST", "/restore", {}],
        ["POST", "/restore/audit", {}],
        ["POST", "/users/alice/restore", {}],
        ["POST", "/users/alice/restore/audit", {}],
      ] as const) {
        await expectProblem(await api(method, path, body, as), "forbidden");
      }
    },
  );

  it("holds nothing that lets anybody in: digests, and not the tokens", async () => {
    const { token } = await (
      await api("POST", "/tokens", { user: null, name: "m", scope: "read" })
    ).json<NewToken>();
    const text = await (await api("GET", "/backup")).text();
    expect(text).not.toContain(token);
    expect(text).not.toContain(env.ADMIN_TOKEN);
  });
});
