import { reset } from "cloudflare:test";
import { env, exports } from "cloudflare:workers";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { AuditList, Device, NewToken } from "../../../src/contract/answers.ts";
import type { Fingerprint } from "../../../src/domain/fingerprint.ts";
import { api, enrol, fingerprint, HOST, tlsClientAuth } from "../fixtures.ts";
import { DEVICE_FINGERPRINT, DEVICE_PEM, DEVICE_SERIAL, EXPIRED_PEM, expectProblem } from "./fixtures.ts";

let device: Device;
let OLD: Fingerprint;
let NEW: Fingerprint;
/** Other certificates in each test: the gate remembers what it saw. */
let tests = 0;

beforeEach(async () => {
  [OLD, NEW] = [fingerprint(7000 + ++tests), fingerprint(8000 + tests)];
  device = await enrol("alice", "Phone", OLD);
});
afterEach(reset);

const at = (path = "") => `/users/alice/devices/${device.id}${path}`;
const add = (body: unknown = { fingerprint: NEW }) => api("POST", at("/certificates"), body);
const retire = (of: string) => api("DELETE", at(`/credentials/${of}`));
const shown = async () => (await api("GET", at())).json<Device>();

function visit(of: Fingerprint, path = "/"): Promise<Response> {
  const init = { cf: { country: "CH", tlsClientAuth: tlsClientAuth(of) } };
  return exports.default.fetch(`https://${HOST}${path}`, init as RequestInit);
}

describe("POST certificates", () => {
  it("adds one: 201, with the device and its Location; again is 200 and changes nothing", async () => {
    const response = await add();
    expect(response.status).toBe(201);
    expect(response.headers.get("location")).toMatch(new RegExp(`/users/alice/devices/${device.id}$`));
    const answer: Device = await response.json();
    expect(answer).toMatchObject({
      id: device.id,
      credentials: [
        { fingerprint: OLD, retiredAt: null, retireBy: null, replaces: null },
        { fingerprint: NEW, retiredAt: null, retireBy: null, replaces: OLD },
      ],
    });
    expect(await shown()).toEqual(answer);
    const again = await add({ fingerprint: NEW, retireBy: 60 });
    expect([again.status, await again.json()]).toEqual([200, answer]);
  });

  it("takes a certificate, whose details are known then", async () => {
    await add({ certificate: DEVICE_PEM });
    expect((await shown()).credentials[1]).toMatchObject({
      fingerprint: DEVICE_FINGERPRINT,
      serial: DEVICE_SERIAL,
    });
  });

  it("takes a time for the old one's end", async () => {
    const until = new Date(Date.now() + 3_600_000).toISOString();
    expect((await add({ fingerprint: NEW, retireBy: until })).status).toBe(201);
    expect((await shown()).credentials).toMatchObject([{ retireBy: until }, { retireBy: null }]);
  });

  it("takes a time with another offset, and tells it in UTC", async () => {
    await add({ fingerprint: NEW, retireBy: "2030-01-01T00:00:00+01:00" });
    expect((await shown()).credentials[0]?.retireBy).toBe("2029-12-31T23:00:00.000Z");
  });

  it("takes seconds for it", async () => {
    const before = Date.now();
    await add({ fingerprint: NEW, retireBy: 3600 });
    const until = Date.parse((await shown()).credentials[0]?.retireBy ?? "");
    expect(until).toBeGreaterThanOrEqual(before + 3_600_000);
    expect(until).toBeLessThanOrEqual(Date.now() + 3_600_000);
  });

  it.each<[string, unknown, string]>([
    ["nothing", {}, ""],
    ["a fingerprint and a certificate", { fingerprint: fingerprint(1), certificate: DEVICE_PEM }, ""],
    ["a field that does not exist", { fingerprint: fingerprint(1), name: "x" }, "name"],
    ["a fingerprint that is none", { fingerprint: "x" }, "fingerprint"],
    ...["2001-01-01T00:00:00Z", "2200-01-01T00:00:00Z", "tomorrow", 0, -1, 1.5, 400_000_000, true].map(
      (retireBy): [string, unknown, string] => [
        `${JSON.stringify(retireBy)} for the end`,
        { fingerprint: fingerprint(1), retireBy },
        "retireBy",
      ],
    ),
  ])("refuses %s, and changes nothing", async (_, body, path) => {
    const problem = await expectProblem(await add(body), "invalid-fields");
    expect(problem.errors).toEqual([{ path, message: expect.stringMatching(/./) }]);
    expect(await shown()).toEqual(device);
  });

  it("refuses what cannot be a device's certificate", async () => {
    await expectProblem(await add({ certificate: EXPIRED_PEM }), "invalid-certificate");
    await expectProblem(await add({ certificate: "x" }), "invalid-certificate");
  });

  it("refuses a third one, one that was retired, one of another device, and one for a lost device", async () => {
    await enrol("bob", "Laptop", fingerprint(9001));
    await expectProblem(await add({ fingerprint: fingerprint(9001) }), "fingerprint-taken");
    await add();
    await expectProblem(await add({ fingerprint: fingerprint(9002) }), "too-many-credentials");
    await retire(OLD);
    await expectProblem(await add({ fingerprint: OLD }), "fingerprint-revoked");
    await api("POST", at("/lost"), { confirm: "Phone" });
    await expectProblem(await add({ fingerprint: fingerprint(9003) }), "forbidden-transition");
  });

  it("knows neither device nor user that is not there", async () => {
    const body = { fingerprint: NEW };
    await expectProblem(await api("POST", "/users/alice/devices/x/certificates", body), "unknown-device");
    await expectProblem(await api("POST", "/users/nobody/devices/x/certificates", body), "unknown-user");
  });
});

describe("DELETE credentials", () => {
  it("retires one: 204, and again", async () => {
    await add();
    for (let n = 0; n < 2; n++) expect((await retire(OLD)).status).toBe(204);
    const [old, next] = (await shown()).credentials;
    expect(old?.retiredAt).toMatch(/^\d{4}-/);
    expect(next).toMatchObject({ fingerprint: NEW, retiredAt: null, replaces: null });
  });

  it("takes a fingerprint with colons", async () => {
    await add();
    const colons = OLD.match(/../g)?.join("%3A").toUpperCase() ?? "";
    expect((await retire(colons)).status).toBe(204);
  });

  it("refuses the last one, and what is none of this device's", async () => {
    await expectProblem(await retire(OLD), "last-credential");
    for (const none of [NEW, "x", "%zz"]) await expectProblem(await retire(none), "unknown-credential");
    await expectProblem(
      await api("DELETE", `/users/bob/devices/${device.id}/credentials/${OLD}`),
      "unknown-user",
    );
  });
});

it("at the gate both pass, then the new one alone; the device and its log are one", async () => {
  await add();
  expect((await visit(OLD)).status).toBe(200);
  expect((await visit(NEW)).status).toBe(200);
  // What the isolate remembers of the old one may serve for the revocation delay: a registry that is asked says no.
  const who = await (await visit(NEW, "/.latchkey/whoami")).json();
  expect(who).toMatchObject({ device: { name: "Phone", status: "active" } });
  const { entries } = await (await api("GET", "/users/alice/audit")).json<AuditList>();
  expect(entries.map(({ act, actor, target }) => [act, actor, target?.id])).toEqual([
    ["retire-credential", "gate", device.id],
    ["add-credential", "admin", device.id],
    ["enrol", "admin", device.id],
  ]);
  expect((await shown()).credentials).toMatchObject([{ retiredAt: expect.any(String) }, { retiredAt: null }]);
});

it("a certificate that was retired before is refused as a revoked device is", async () => {
  await add();
  await retire(OLD);
  expect((await visit(OLD)).status).toBe(404);
  expect(await (await visit(OLD, "/.latchkey/whoami")).json()).toMatchObject({
    enrolled: true,
    device: { user: "alice", name: "Phone", status: "revoked" },
  });
});

it.each(["devices", "read"])("a user's own token for %s reaches neither", async (scope) => {
  const made = await api("POST", "/tokens", { user: "alice", name: "t", scope });
  const { token } = await made.json<NewToken>();
  const as = { headers: { Authorization: `Bearer ${token}` } };
  await expectProblem(await api("POST", at("/certificates"), { fingerprint: NEW }, as), "forbidden");
  await expectProblem(await api("DELETE", at(`/credentials/${OLD}`), undefined, as), "forbidden");
  expect(await shown()).toEqual(device);
  expect(env.ADMIN_TOKEN).not.toBe(token);
});
