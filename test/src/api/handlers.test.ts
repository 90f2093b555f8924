import { abortAllDurableObjects, evictDurableObject, reset, runInDurableObject } from "cloudflare:test";
import { env, exports } from "cloudflare:workers";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type {
  AuditEntry,
  AuditList,
  Device,
  DeviceList,
  UnknownCertificateList,
  UserList,
} from "../../../src/contract/answers.ts";
import { API_PATH } from "../../../src/contract/paths.ts";
import type { Fingerprint } from "../../../src/domain/fingerprint.ts";
import { api, enrol, fingerprint, HOST, tlsClientAuth } from "../fixtures.ts";
import { DEVICE_FINGERPRINT, DEVICE_PEM, DEVICE_SERIAL, EXPIRED_PEM, expectProblem } from "./fixtures.ts";

afterEach(reset);

/** The test's certificate: another one each time, since the gate remembers what it saw. */
let F: Fingerprint;
let tests = 0;
beforeEach(() => {
  F = fingerprint(1000 + ++tests);
});

const ISO = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;
const DEVICES = "/users/alice/devices";

async function get<T>(path: string): Promise<T> {
  const response = await api("GET", path);
  expect(response.status).toBe(200);
  expect(response.headers.get("content-type")).toBe("application/json");
  expect(response.headers.get("cache-control")).toBe("no-store");
  return response.json();
}

/** All pages of a list, a few entries each. */
async function pages<T extends { next: string | null }>(
  path: string,
  cursor: string,
  limit: number,
): Promise<T[]> {
  const all: T[] = [];
  for (let next: string | null = ""; next !== null; next = all.at(-1)?.next ?? null) {
    all.push(await get<T>(`${path}?limit=${limit}${next === "" ? "" : `&${cursor}=${next}`}`));
    if (all.length > 50) throw new Error("these pages never end");
  }
  return all;
}

/** A verified certificate comes to the gate. */
function visit() {
  const init = {
    headers: { "cf-connecting-ip": "203.0.113.5" },
    cf: { country: "CH", tlsClientAuth: tlsClientAuth(F) },
  };
  return exports.default.fetch(`https://${HOST}/`, init as RequestInit);
}

describe("users", () => {
  it("PUT creates a user: 201, with its Location", async () => {
    const response = await api("PUT", "/users/alice", { name: "Alice" });
    expect(response.status).toBe(201);
    expect(response.headers.get("location")).toBe(`${API_PATH}/users/alice`);
    const user = await response.json();
    const created = { createdAt: expect.stringMatching(ISO), role: "member", emails: [] };
    expect(user).toEqual({ id: "alice", name: "Alice", ...created });
    expect(await get("/users")).toEqual({ users: [user], next: null });
  });

  it("PUT again renames or leaves the name: 200", async () => {
    const { createdAt } = await (await api("PUT", "/users/alice")).json<{ createdAt: string }>();
    for (const [body, name] of [
      [{}, null],
      [{ name: "Alice" }, "Alice"],
      [undefined, "Alice"],
      [{ name: "Al" }, "Al"],
    ] as const) {
      const response = await api("PUT", "/users/alice", body);
      expect(response.status).toBe(200);
      expect(response.headers.get("location")).toBeNull();
      expect(await response.json()).toEqual({ id: "alice", name, createdAt, role: "member", emails: [] });
    }
  });

  it("DELETE removes a user without devices: 204", async () => {
    await api("PUT", "/users/alice");
    const response = await api("DELETE", "/users/alice");
    expect([response.status, await response.text()]).toEqual([204, ""]);
    expect(await get("/users")).toEqual({ users: [], next: null });
    await expectProblem(await api("DELETE", "/users/alice"), "unknown-user");
    await expectProblem(await api("GET", "/users/alice/audit"), "unknown-user");
  });

  it("DELETE is refused while devices remain, until they are revoked and forgotten", async () => {
    const { id } = await enrol("alice", "Phone", F);
    await expectProblem(await api("DELETE", "/users/alice"), "user-has-devices");
    await api("POST", `${DEVICES}/${id}/revoke`);
    await expectProblem(await api("DELETE", "/users/alice"), "user-has-devices");
    expect((await api("DELETE", `${DEVICES}/${id}`)).status).toBe(204);
    expect((await api("DELETE", "/users/alice")).status).toBe(204);
    expect((await enrol("alice", "Phone", F)).status).toBe("active");
  });

  it("are listed page by page, in the order of their ids", async () => {
    const ids = ["alice", "alice-2", "bob", "carol", "dave"];
    for (const id of [...ids].reverse()) await api("PUT", `/users/${id}`);
    for (const limit of [1, 2, 3, 5, 6]) {
      const lists = await pages<UserList>("/users", "after", limit);
      expect(lists.flatMap(({ users }) => users.map(({ id }) => id))).toEqual(ids);
      expect(lists).toHaveLength(Math.ceil(ids.length / limit));
    }
  });
});

describe("enrolling", () => {
  beforeEach(() => api("PUT", "/users/alice").then(() => {}));

  it("a fingerprint: 201, the device with unknown details as null, and its Location", async () => {
    const response = await api("POST", DEVICES, { name: "Phone", fingerprint: F });
    expect(response.status).toBe(201);
    const device: Device = await response.json();
    expect(device).toEqual({
      id: expect.stringMatching(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/),
      user: "alice",
      name: "Phone",
      status: "active",
      statusSince: device.enrolledAt,
      statusReason: null,
      note: null,
      enrolledAt: expect.stringMatching(ISO),
      ...{ kind: "certificate", apps: null, countries: null, expiresAt: null, paths: null },
      credentials: [
        {
          fingerprint: F,
          subject: null,
          issuer: null,
          serial: null,
          notBefore: null,
          notAfter: null,
          addedAt: device.enrolledAt,
          retiredAt: null,
          retireBy: null,
          replaces: null,
        },
      ],
      lastSeen: null,
      wipe: null,
      comparisonCode: null,
    });
    const location = response.headers.get("location") ?? "";
    expect(location).toBe(`${API_PATH}${DEVICES}/${device.id}`);
    expect(await get(location.slice(API_PATH.length))).toEqual(device);
    expect(await get(DEVICES)).toEqual({ devices: [device], next: null });
  });

  it("a certificate: its fingerprint and its details", async () => {
    const response = await api("POST", DEVICES, { name: "Phone", note: "black", certificate: DEVICE_PEM });
    expect(response.status).toBe(201);
    expect(await response.json()).toMatchObject({
      note: "black",
      credentials: [
        {
          fingerprint: DEVICE_FINGERPRINT,
          subject: "O=Household, CN=alice-phone",
          issuer: "O=Household, CN=Household CA",
          serial: DEVICE_SERIAL,
          notBefore: "2026-01-01T00:00:00.000Z",
          notAfter: "2126-01-01T00:00:00.000Z",
        },
      ],
    });
  });

  it.each([
    ["expired", EXPIRED_PEM, /expired on 2021-01-01/],
    ["with its private key", `${DEVICE_PEM}-----BEGIN PRIVATE KEY-----\n`, /private key/],
    ["in company of another", DEVICE_PEM + DEVICE_PEM, /exactly one/],
    ["that is none", "hello", /exactly one/],
  ])("a certificate %s is refused, and nothing is enrolled", async (_, certificate, detail) => {
    const response = await api("POST", DEVICES, { name: "Phone", certificate });
    const problem = await expectProblem(response, "invalid-certificate");
    expect(problem.detail).toMatch(detail);
    expect(problem.errors).toEqual([{ path: "certificate", message: problem.detail }]);
    expect(await get(DEVICES)).toEqual({ devices: [], next: null });
  });

  it.each([
    ["upper case", (text: string) => text.toUpperCase()],
    ["colons", (text: string) => text.match(/../g)?.join(":")],
  ])("a fingerprint in %s is the same one", async (_, written) => {
    await api("POST", DEVICES, { name: "Phone", fingerprint: F });
    const again = await api("POST", DEVICES, { name: "Phone", fingerprint: written(F) });
    expect(again.status).toBe(200);
    expect(await again.json()).toMatchObject({ credentials: [{ fingerprint: F }] });
  });

  it("again is 200, the device unchanged, without a Location; by its certificate too", async () => {
    const body = { name: "Phone", fingerprint: DEVICE_FINGERPRINT };
    const device = await (await api("POST", DEVICES, body)).json();
    for (const other of [body, { name: "Other", note: "x", certificate: DEVICE_PEM }]) {
      const again = await api("POST", DEVICES, other);
      expect([again.status, again.headers.get("location")]).toEqual([200, null]);
      expect(await again.json()).toEqual(device);
    }
    expect((await get<AuditList>("/users/alice/audit")).entries).toHaveLength(1);
  });

  it("is refused to another user, for a name that is taken, and for a revoked certificate", async () => {
    const { id } = await enrol("alice", "Phone", F);
    await api("PUT", "/users/bob");
    const taken = await api("POST", "/users/bob/devices", { name: "Phone", fingerprint: F });
    await expectProblem(taken, "fingerprint-taken");
    expect(await get("/users/bob/devices")).toEqual({ devices: [], next: null });
    const name = await api("POST", DEVICES, { name: "PHONE", fingerprint: fingerprint(2) });
    expect((await expectProblem(name, "name-taken")).detail).toContain("PHONE");
    await api("POST", `${DEVICES}/${id}/revoke`);
    const revoked = await api("POST", DEVICES, { name: "Phone", fingerprint: F });
    await expectProblem(revoked, "fingerprint-revoked");
  });

  it.each([
    ["an eviction", () => evictDurableObject(env.USER_REGISTRY.getByName("alice"))],
    ["an abort", () => abortAllDurableObjects()],
  ])("that was answered, and a revocation that was, survive %s", async (_, restart) => {
    const { id } = await enrol("alice", "Phone", F);
    await restart();
    expect((await get<Device>(`${DEVICES}/${id}`)).status).toBe("active");
    expect((await visit()).status).toBe(200);
    expect((await api("POST", `${DEVICES}/${id}/revoke`)).status).toBe(200);
    await restart();
    expect((await get<Device>(`${DEVICES}/${id}`)).status).toBe("revoked");
  });
});

describe("a device", () => {
  let id: string;
  const at = (path = "") => `${DEVICES}/${id}${path}`;
  beforeEach(async () => {
    id = (await enrol("alice", "Phone", F)).id;
  });

  it("is renamed and annotated by PATCH", async () => {
    expect(await (await api("PATCH", at(), { name: "Old phone" })).json()).toMatchObject({
      name: "Old phone",
      note: null,
    });
    expect(await (await api("PATCH", at(), { note: "a\nb" })).json()).toMatchObject({ note: "a\nb" });
    expect(await (await api("PATCH", at(), { note: null })).json()).toMatchObject({ note: null });
    expect(await get(at())).toMatchObject({ name: "Old phone", note: null });
  });

  it("does not take the name of another one", async () => {
    await enrol("alice", "Laptop", fingerprint(2));
    await expectProblem(await api("PATCH", at(), { name: "laptop" }), "name-taken");
    expect(await get(at())).toMatchObject({ name: "Phone" });
  });

  it.each([
    ["suspend", "suspended"],
    ["revoke", "revoked"],
  ])("%s: 200, also when repeated, with a reason or without a body", async (act, status) => {
    const first = await api("POST", at(`/${act}`), { reason: "why" });
    expect(first.status).toBe(200);
    const device = await first.json();
    expect(device).toMatchObject({ id, status, statusReason: "why", note: null });
    const again = await api("POST", at(`/${act}`));
    expect(again.status).toBe(200);
    expect(await again.json()).toEqual(device);
    expect(await get(at())).toEqual(device);
  });

  it("lost: 200, also when repeated, with a reason or without one, but not without a body", async () => {
    const first = await api("POST", at("/lost"), { confirm: "Phone", reason: "why" });
    expect(first.status).toBe(200);
    const device = await first.json();
    expect(device).toMatchObject({ id, status: "lost", statusReason: "why", note: null });
    const again = await api("POST", at("/lost"), { confirm: "Phone" });
    expect(again.status).toBe(200);
    expect(await again.json()).toEqual(device);
    await expectProblem(await api("POST", at("/lost")), "invalid-fields");
    expect(await get(at())).toEqual(device);
  });

  it("takes no forbidden act", async () => {
    await api("POST", at("/revoke"));
    for (const act of ["approve", "suspend", "reinstate", "lost"]) {
      const body = act === "lost" ? { confirm: "Phone" } : undefined;
      const problem = await expectProblem(await api("POST", at(`/${act}`), body), "forbidden-transition");
      expect(problem.detail).toContain("revoked");
    }
    expect(await get(at())).toMatchObject({ status: "revoked" });
  });

  it("is approved when it is pending", async () => {
    await runInDurableObject(env.USER_REGISTRY.getByName("alice"), (_, state) => {
      state.storage.sql.exec("UPDATE devices SET status = 'pending'");
    });
    await expectProblem(await api("POST", at("/suspend")), "forbidden-transition");
    expect(await (await api("POST", at("/approve"))).json()).toMatchObject({ status: "active" });
  });

  it("is forgotten when it is revoked: 204, and its certificate can be enrolled anew", async () => {
    await expectProblem(await api("DELETE", at()), "not-revoked");
    await api("POST", at("/revoke"));
    const response = await api("DELETE", at());
    expect([response.status, await response.text()]).toEqual([204, ""]);
    await expectProblem(await api("GET", at()), "unknown-device");
    await expectProblem(await api("DELETE", at()), "unknown-device");
    expect((await enrol("bob", "Phone", F)).user).toBe("bob");
  });

  it("shows when and where it was last seen, and the details of its certificate", async () => {
    const before = Date.now();
    expect((await visit()).status).toBe(200);
    const { lastSeen, credentials } = await get<Device>(at());
    expect(lastSeen).toEqual({ at: expect.stringMatching(ISO), app: HOST, country: "CH", ip: "203.0.113.5" });
    expect(Date.parse(lastSeen?.at ?? "")).toBeGreaterThanOrEqual(before);
    expect(credentials).toMatchObject([
      {
        subject: tlsClientAuth().certSubjectDN,
        issuer: tlsClientAuth().certIssuerDN,
        notAfter: new Date(tlsClientAuth().certNotAfter).toISOString(),
      },
    ]);
  });

  it("is listed page by page with the others, in the order of enrolment", async () => {
    for (let n = 2; n <= 5; n++) await enrol("alice", `Device ${9 - n}`, fingerprint(n));
    const names = ["Phone", "Device 7", "Device 6", "Device 5", "Device 4"];
    for (const limit of [1, 2, 5]) {
      const lists = await pages<DeviceList>(DEVICES, "after", limit);
      expect(lists.flatMap(({ devices }) => devices.map(({ name }) => name))).toEqual(names);
      expect(lists).toHaveLength(Math.ceil(names.length / limit));
    }
  });
});

describe("lists", () => {
  it("have 100 entries a page unless the limit says otherwise", async () => {
    await runInDurableObject(env.DIRECTORY.getByName("directory"), (_, state) => {
      state.storage.sql.exec(
        `INSERT INTO users (id, name, created_at) WITH RECURSIVE n(i) AS (SELECT 100 UNION ALL SELECT i + 1 FROM n WHERE i < 650)
           SELECT 'u' || i, NULL, 0 FROM n`,
      );
    });
    const { users, next } = await get<UserList>("/users");
    expect([users.length, next]).toEqual([100, "u199"]);
    expect((await get<UserList>("/users?limit=500")).users).toHaveLength(500);
    expect((await get<UserList>("/users?limit=500&after=u599")).users).toHaveLength(51);
  });
});

describe("the audit log", () => {
  const headers = { "cf-connecting-ip": "198.51.100.7" };
  const init = { headers, cf: { country: "CH" } } as RequestInit;
  const summary = ({ act, outcome }: AuditEntry) => `${act} ${outcome}`;

  it("says who, when, from where, what and how it ended, newest first", async () => {
    const before = Date.now();
    const { id } = await enrol("alice", "Phone", F);
    await api("POST", `${DEVICES}/${id}/revoke`, { reason: "stolen" }, init);
    const after = Date.now();
    const { entries, next } = await get<AuditList>("/users/alice/audit");
    expect(next).toBeNull();
    expect(entries.map(summary)).toEqual(["revoke done", "enrol done"]);
    expect(entries[0]).toEqual({
      id: 2,
      at: expect.stringMatching(ISO),
      actor: "admin",
      ip: "198.51.100.7",
      country: "CH",
      act: "revoke",
      outcome: "done",
      target: { id, name: "Phone" },
      detail: { before: "active", status: "revoked", reason: "stolen" },
    });
    const at = Date.parse(entries[0]?.at ?? "");
    expect(at).toBeGreaterThanOrEqual(before);
    expect(at).toBeLessThanOrEqual(after);
    // Where the request did not say, nothing is made up.
    expect(entries[1]).toMatchObject({ ip: null, country: null });
  });

  it("tells the attempts that were refused, each with its reason", async () => {
    const { id } = await enrol("alice", "Phone", F);
    await enrol("alice", "Laptop", fingerprint(2));
    await api("DELETE", `${DEVICES}/${id}`, undefined, init);
    await api("PATCH", `${DEVICES}/${id}`, { name: "Laptop" }, init);
    await api("POST", DEVICES, { name: "Laptop", fingerprint: fingerprint(3) }, init);
    await api("POST", `${DEVICES}/${id}/revoke`);
    await api("POST", `${DEVICES}/${id}/reinstate`, {}, init);
    await api("POST", DEVICES, { name: "Phone", fingerprint: F }, init);
    await api("DELETE", "/users/alice", undefined, init);
    const refused = (await get<AuditList>("/users/alice/audit")).entries.filter(
      ({ outcome }) => outcome === "refused",
    );
    expect(refused.reverse().map(({ act, detail }) => [act, detail.reason])).toEqual([
      ["forget", "not-revoked"],
      ["edit", "name-taken"],
      ["enrol", "name-taken"],
      ["reinstate", "forbidden-transition"],
      ["enrol", "fingerprint-revoked"],
      ["delete-user", "user-has-devices"],
    ]);
    for (const entry of refused)
      expect(entry).toMatchObject({ actor: "admin", ip: "198.51.100.7", country: "CH" });
  });

  it("of the directory tells of users, and of certificates that others have", async () => {
    await enrol("alice", "Phone", F);
    await api("PUT", "/users/bob", { name: "Bob" });
    await api("POST", "/users/bob/devices", { name: "Phone", fingerprint: F }, init);
    await api("DELETE", "/users/bob");
    const { entries } = await get<AuditList>("/audit");
    expect(entries.map(summary)).toEqual([
      "delete-user done",
      "enrol refused",
      "create-user done",
      "create-user done",
    ]);
    expect(entries[1]).toMatchObject({
      ip: "198.51.100.7",
      target: { id: F, name: null },
      detail: { reason: "fingerprint-taken", user: "bob", owner: "alice" },
    });
  });

  it("does not tell of requests that changed nothing", async () => {
    const { id } = await enrol("alice", "Phone", F);
    await get(DEVICES);
    await get(`${DEVICES}/${id}`);
    await api("PATCH", `${DEVICES}/${id}`, { name: "Phone" });
    await api("POST", `${DEVICES}/${id}/reinstate`);
    expect((await get<AuditList>("/users/alice/audit")).entries.map(summary)).toEqual(["enrol done"]);
  });

  it.each(["/users/alice/audit", "/audit"])("%s is read page by page", async (path) => {
    const { id } = await enrol("alice", "Phone", F);
    for (const note of ["a", "b", "c", "d"]) await api("PATCH", `${DEVICES}/${id}`, { note });
    for (const name of ["A", "B", "C", "D"]) await api("PUT", "/users/alice", { name });
    for (const limit of [1, 2, 5]) {
      const lists = await pages<AuditList>(path, "before", limit);
      expect(lists.flatMap(({ entries }) => entries.map(({ id }) => id))).toEqual([5, 4, 3, 2, 1]);
      expect(lists).toHaveLength(Math.ceil(5 / limit));
    }
  });
});

describe("unknown certificates", () => {
  const unknown = async () =>
    (await get<UnknownCertificateList>("/unknown-certificates")).unknownCertificates;
  beforeEach(async () => {
    await api("PUT", "/users/alice");
    await visit();
  });

  it("are those that came to the gate and nobody has enrolled", async () => {
    const auth = tlsClientAuth();
    expect(await unknown()).toEqual([
      {
        fingerprint: F,
        subject: auth.certSubjectDN,
        issuer: auth.certIssuerDN,
        serial: expect.stringMatching(/^[0-9A-F]+$/),
        notAfter: new Date(auth.certNotAfter).toISOString(),
        firstSeen: expect.stringMatching(ISO),
        lastSeen: expect.stringMatching(ISO),
        app: HOST,
        country: "CH",
        count: 1,
      },
    ]);
  });

  it("are approved: 201, the device with the details that were seen, and its Location", async () => {
    const response = await api("POST", `/unknown-certificates/${F}/enrol`, {
      user: "alice",
      name: "Phone",
      note: "new",
    });
    expect(response.status).toBe(201);
    const device: Device = await response.json();
    expect(response.headers.get("location")).toBe(`${API_PATH}${DEVICES}/${device.id}`);
    expect(device).toMatchObject({
      user: "alice",
      name: "Phone",
      note: "new",
      status: "active",
      credentials: [{ fingerprint: F, subject: tlsClientAuth().certSubjectDN }],
    });
    expect(await unknown()).toEqual([]);
    const again = await api("POST", `/unknown-certificates/${F}/enrol`, { user: "alice", name: "B" });
    expect([again.status, again.headers.get("location")], "repeating is no error").toEqual([200, null]);
    expect(await again.json()).toEqual(device);
    await api("PUT", "/users/bob");
    const other = await api("POST", `/unknown-certificates/${F}/enrol`, { user: "bob", name: "Phone" });
    await expectProblem(other, "fingerprint-taken");
  });

  it("that nobody has seen are unknown", async () => {
    const unknown = await api("POST", `/unknown-certificates/${fingerprint(9)}/enrol`, {
      user: "alice",
      name: "B",
    });
    await expectProblem(unknown, "certificate-not-listed");
  });

  it("are not approved for a user who is not there, or under a name that is taken", async () => {
    await enrol("alice", "Phone", fingerprint(2));
    const nobody = await api("POST", `/unknown-certificates/${F}/enrol`, { user: "nobody", name: "Phone" });
    await expectProblem(nobody, "unknown-user");
    const taken = await api("POST", `/unknown-certificates/${F}/enrol`, { user: "alice", name: "phone" });
    await expectProblem(taken, "name-taken");
    expect(await unknown()).toHaveLength(1);
  });

  it("are dismissed: 204", async () => {
    const response = await api("DELETE", `/unknown-certificates/${F.match(/../g)?.join(":").toUpperCase()}`);
    expect([response.status, await response.text()]).toEqual([204, ""]);
    expect(await unknown()).toEqual([]);
    await expectProblem(await api("DELETE", `/unknown-certificates/${F}`), "certificate-not-listed");
    expect((await get<AuditList>("/audit")).entries[0]).toMatchObject({ act: "dismiss", target: { id: F } });
  });

  it("go when they are enrolled by their fingerprint", async () => {
    await enrol("alice", "Phone", F);
    expect(await unknown()).toEqual([]);
  });
});
