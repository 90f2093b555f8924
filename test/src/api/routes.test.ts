import { reset } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Device } from "../../../src/contract/answers.ts";
import { API_PATH } from "../../../src/contract/paths.ts";
import { API_VERSION, VERSION, VERSION_HEADER } from "../../../src/contract/version.ts";
import { DEVICE_STATUSES } from "../../../src/domain/device.ts";
import { ADMIN_HOST, api, enrol, fingerprint } from "../fixtures.ts";
import { intercepted } from "../registry/fixtures.ts";
import { expectProblem, seen, withEnv } from "./fixtures.ts";

let device: Device;

beforeEach(async () => {
  device = await enrol("alice", "Phone", fingerprint(1));
});
afterEach(reset);

const METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND"];

// Every path of the API, and what it takes: the `Allow` of a 405, in alphabetical order.
const PATHS: [string, string][] = [
  ["/me", "GET, HEAD"],
  ["/openapi.json", "GET, HEAD"],
  ["/users", "GET, HEAD"],
  ["/users/alice", "DELETE, PATCH, PUT"],
  ["/users/alice/identities", "GET, HEAD"],
  ["/users/alice/identities/x", "DELETE"],
  ["/users/alice/devices", "GET, HEAD, POST"],
  ["/users/alice/devices/ID", "DELETE, GET, HEAD, PATCH"],
  ["/users/alice/devices/ID/approve", "POST"],
  ["/users/alice/devices/ID/suspend", "POST"],
  ["/users/alice/devices/ID/reinstate", "POST"],
  ["/users/alice/devices/ID/lost", "POST"],
  ["/users/alice/devices/ID/revoke", "POST"],
  ["/users/alice/devices/ID/certificates", "POST"],
  [`/users/alice/devices/ID/credentials/${fingerprint(9)}`, "DELETE"],
  ["/users/alice/invitations", "GET, HEAD, POST"],
  ["/users/alice/invitations/x", "DELETE"],
  ["/users/alice/audit", "GET, HEAD"],
  ["/audit", "GET, HEAD"],
  ["/unknown-certificates", "GET, HEAD"],
  [`/unknown-certificates/${fingerprint(9)}`, "DELETE"],
  [`/unknown-certificates/${fingerprint(9)}/enrol`, "POST"],
  ["/waiting-people", "GET, HEAD"],
  ["/waiting-people/x", "DELETE"],
  ["/waiting-people/x/admit", "POST"],
  ["/tokens", "GET, HEAD, POST"],
  ["/tokens/x", "DELETE"],
  ["/backup", "GET, HEAD"],
  ["/restore", "POST"],
  ["/restore/audit", "POST"],
  ["/users/alice/restore", "POST"],
  ["/users/alice/restore/audit", "POST"],
  ["/sessions", "DELETE, GET, HEAD"],
  ["/sessions/x", "DELETE"],
];
const at = (path: string) => path.replace("ID", device.id);

describe("methods", () => {
  it.each(PATHS)("%s takes %s", async (path, allow) => {
    const allowed = allow.split(", ");
    for (const method of METHODS) {
      const response = await api(method, at(path));
      if (allowed.includes(method)) {
        expect([method, response.status]).not.toEqual([method, 405]);
        continue;
      }
      expect(response.status, method).toBe(405);
      expect(response.headers.get("allow"), method).toBe(allow);
    }
  });

  it("a wrong method is refused before the body is read, and changes nothing", async () => {
    const response = await api("POST", "/users/alice", undefined, { body: "{" });
    await expectProblem(response, "method-not-allowed");
    expect((await api("GET", at("/users/alice/devices/ID"))).status).toBe(200);
  });
});

describe("HEAD", () => {
  const gets = PATHS.filter(([, allow]) => allow.includes("GET")).map(([path]) => path);

  it.each([...gets, "/users/alice/devices?limit=1", "/users/nobody/devices", "/users?limit=0", "/nothing"])(
    "%s answers as GET does, without a body",
    async (path) => {
      const get = await seen(await api("GET", at(path)));
      const head = await seen(await api("HEAD", at(path)));
      const plain = (headers: [string, string][]) => headers.filter(([name]) => name !== "content-length");
      expect(head).toEqual({ ...get, headers: expect.anything(), body: "" });
      expect(plain(head.headers)).toEqual(plain(get.headers));
    },
  );
});

describe("paths that are none", () => {
  it.each([
    "",
    "/",
    "/user",
    "/users/alice/device",
    "/users/alice/devices/x/delete",
    "/users/alice/devices/x/revoke/now",
    "/users/alice/audit/1",
    "/Users",
    "/unknown-certificates/x/enrol/now",
    "/audit/1",
  ])("%s", async (path) => {
    for (const method of ["GET", "POST", "DELETE"]) {
      await expectProblem(await api(method, path), "not-found");
    }
  });

  it.each(["/.latchkey/api", "/.latchkey/api/v2/users", "/.latchkey/API/v1/users", "/.latchkey/x"])(
    "%s with the right token",
    async (path) => {
      await expectProblem(await api("GET", `/../../..${path}`), "not-found");
    },
  );

  it("a slash at the end changes nothing", async () => {
    expect((await api("GET", "/users/")).status).toBe(200);
  });
});

describe("parameters of a path", () => {
  it("are percent-decoded", async () => {
    expect((await api("GET", "/users/%61lice/devices")).status).toBe(200);
    expect((await api("GET", `/users/alice/devices/${device.id.replaceAll("-", "%2D")}`)).status).toBe(200);
    const colons = fingerprint(9).match(/../g)?.join("%3A").toUpperCase();
    await expectProblem(await api("DELETE", `/unknown-certificates/${colons}`), "certificate-not-listed");
  });

  it.each([
    ["another path inside", "alice%2Fdevices"],
    ["what does not decode", "%zz"],
    ["bytes that are no UTF-8", "%ff"],
    ["an upper-case letter", "Alice"],
    ["a blank", "%20alice"],
    ["a line end", "alice%0A"],
    ["NUL", "alice%00"],
    ["64 characters", "a".repeat(64)],
    ["a name of JavaScript's", "__proto__"],
  ])("a user that cannot be (%s) is unknown, and cannot be made", async (_, user) => {
    await expectProblem(await api("GET", `/users/${user}/devices`), "unknown-user");
    await expectProblem(await api("GET", `/users/${user}/audit`), "unknown-user");
    await expectProblem(await api("DELETE", `/users/${user}`), "unknown-user");
    await expectProblem(
      await api("POST", `/users/${user}/devices`, { name: "x", fingerprint: fingerprint(3) }),
      "unknown-user",
    );
    const problem = await expectProblem(await api("PUT", `/users/${user}`), "invalid-fields");
    expect(problem.errors).toMatchObject([{ path: "user" }]);
    expect(await (await api("GET", "/users")).json()).toMatchObject({ users: [{ id: "alice" }] });
  });

  it.each(["%zz", "%ff", "nothing", "..%2F..", "__proto__", "1%20OR%201=1", "%00"])(
    "a device that cannot be (%s) is unknown",
    async (id) => {
      await expectProblem(await api("GET", `/users/alice/devices/${id}`), "unknown-device");
      await expectProblem(await api("PATCH", `/users/alice/devices/${id}`, { name: "x" }), "unknown-device");
      await expectProblem(await api("DELETE", `/users/alice/devices/${id}`), "unknown-device");
      await expectProblem(await api("POST", `/users/alice/devices/${id}/revoke`), "unknown-device");
    },
  );

  it("another user's device is unknown", async () => {
    await api("PUT", "/users/bob");
    for (const [method, path] of [
      ["GET", ""],
      ["DELETE", ""],
      ["POST", "/revoke"],
    ] as const) {
      await expectProblem(await api(method, `/users/bob/devices/${device.id}${path}`), "unknown-device");
    }
    expect(await (await api("GET", at("/users/alice/devices/ID"))).json()).toMatchObject({
      status: "active",
    });
  });

  it.each(["x", "%zz", fingerprint(1).slice(1)])(
    "a fingerprint that is none (%s) does not wait",
    async (text) => {
      await expectProblem(await api("DELETE", `/unknown-certificates/${text}`), "certificate-not-listed");
      await expectProblem(
        await api("POST", `/unknown-certificates/${text}/enrol`, { user: "alice", name: "x" }),
        "certificate-not-listed",
      );
    },
  );

  it("of a user who is not there wake no registry object", async () => {
    const asked: string[] = [];
    const bindings = intercepted((call) => {
      asked.push(call.name);
      return call.proceed();
    });
    const url = `https://${ADMIN_HOST}${API_PATH}/users/nobody/devices`;
    const headers = { Authorization: `Bearer ${env.ADMIN_TOKEN}` };
    await expectProblem(await withEnv(bindings, url, { headers }), "unknown-user");
    await expectProblem(
      await withEnv(bindings, `${url}/x/revoke`, { method: "POST", headers }),
      "unknown-user",
    );
    expect(asked).toEqual(["directory.user", "directory.user"]);
  });
});

it("a dismissal whose answer is lost is not repeated", async () => {
  const asked: string[] = [];
  const bindings = intercepted(async ({ name, proceed }) => {
    const answer = await proceed();
    asked.push(name);
    if (name !== "directory.dismiss") return answer;
    throw Object.assign(new Error("lost"), { retryable: true });
  });
  const url = `https://${ADMIN_HOST}${API_PATH}/unknown-certificates/${fingerprint(1)}`;
  const headers = { Authorization: `Bearer ${env.ADMIN_TOKEN}` };
  await expectProblem(await withEnv(bindings, url, { method: "DELETE", headers }), "registry-unavailable");
  expect(asked).toEqual(["directory.dismiss"]);
});

it("each status can be reached, and each act has a route", async () => {
  const reached = new Set([device.status]);
  for (const act of ["suspend", "reinstate", "lost", "reinstate", "approve", "revoke"]) {
    const body = act === "lost" ? { confirm: device.name } : undefined;
    const response = await api("POST", at(`/users/alice/devices/ID/${act}`), body);
    reached.add(((await response.json()) as Device).status);
  }
  // Only an invitation makes a device pending: see invitations.test.ts.
  expect([...reached].sort()).toEqual(DEVICE_STATUSES.filter((status) => status !== "pending").sort());
});

it("says which version answers, but not to strangers", async () => {
  const answers = [
    await api("GET", "/me"),
    await api("PUT", "/users/bob", {}),
    await api("DELETE", "/users/bob"),
  ];
  expect(answers.map(({ headers }) => headers.get(VERSION_HEADER))).toEqual([VERSION, VERSION, VERSION]);
  expect(await answers[0]?.json()).toMatchObject({ version: VERSION, apiVersion: API_VERSION });
  for (const authorization of ["", "Bearer wrong"]) {
    const { status, headers } = await api("GET", "/me", undefined, { headers: { authorization } });
    expect(status).not.toBe(200);
    expect(headers.get(VERSION_HEADER)).toBeNull();
  }
});
