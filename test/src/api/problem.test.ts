import { reset, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { NewDeviceToken } from "../../../src/contract/answers.ts";
import { API_PATH } from "../../../src/contract/paths.ts";
import { PROBLEMS, type ProblemCode } from "../../../src/contract/problems.ts";
import { ADMIN_HOST, api, bearer, enrol, fingerprint, HOST, makeToken } from "../fixtures.ts";
import { intercepted } from "../registry/fixtures.ts";
import { DEVICE_PEM, EXPIRED_PEM, expectProblem, seen, withEnv } from "./fixtures.ts";

let phone: string;
let revoked: string;

beforeEach(async () => {
  phone = (await enrol("alice", "Phone", fingerprint(1))).id;
  revoked = (await enrol("alice", "Old", fingerprint(2))).id;
  await api("POST", `/users/alice/devices/${revoked}/revoke`);
  await api("PUT", "/users/bob", {});
});
afterEach(reset);

const devices = "/users/alice/devices";
const auth = { Authorization: `Bearer ${env.ADMIN_TOKEN}` };

/** Bindings that fail as a Durable Object's do. */
const broken = {
  DIRECTORY: {
    getByName: () => ({ users: () => Promise.reject(new Error("secret of the storage")) }),
  },
};

async function deviceToken(name: string): Promise<NewDeviceToken> {
  const body = { name, kind: "token", apps: [HOST] };
  return (await api("POST", "/users/alice/device-tokens", body)).json();
}

// A way to each problem. The type demands an entry for every code there is.
const WAYS: Record<ProblemCode, () => Promise<Response>> = {
  "malformed-json": () =>
    api("POST", devices, undefined, { body: "{", headers: { "content-type": "application/json" } }),
  "invalid-query": () => api("GET", "/users?limit=0"),
  "wrong-credentials": () => api("GET", "/users", undefined, { headers: { Authorization: "Bearer x" } }),
  forbidden: async () => {
    const { token } = await makeToken("alice", "read");
    return api("GET", "/tokens", undefined, bearer(token));
  },
  "not-found": () => api("GET", "/nothing"),
  "unknown-user": () => api("GET", "/users/nobody/devices"),
  "unknown-device": () => api("GET", `${devices}/nothing`),
  "unknown-credential": () => api("DELETE", `${devices}/${phone}/credentials/${fingerprint(7)}`),
  "certificate-not-listed": () => api("DELETE", `/unknown-certificates/${fingerprint(7)}`),
  "unknown-token": () => api("DELETE", "/tokens/nothing"),
  "unknown-session": () => api("DELETE", "/sessions/nothing"),
  "unknown-invitation": () => api("DELETE", "/users/alice/invitations/nothing"),
  "unknown-identity": () => api("DELETE", "/users/alice/identities/nothing"),
  "unknown-person": () => api("DELETE", "/waiting-people/nothing"),
  "method-not-allowed": () => api("POST", "/users", {}),
  "user-has-devices": () => api("DELETE", "/users/alice"),
  "deletion-superseded": async () => {
    await api("PUT", "/users/carol");
    const putMeanwhile = intercepted(async ({ name, proceed }) => {
      if (name === "directory.removeUser") await api("PUT", "/users/carol");
      return proceed();
    });
    return withEnv(putMeanwhile, `https://${ADMIN_HOST}${API_PATH}/users/carol`, {
      method: "DELETE",
      headers: auth,
    });
  },
  "name-taken": () => api("POST", devices, { name: "phone", fingerprint: fingerprint(3) }),
  "email-taken": async () => {
    await api("PATCH", "/users/alice", { emails: ["alice@example.com"] });
    await api("PUT", "/users/bob");
    return api("PATCH", "/users/bob", { emails: ["Alice@example.com"] });
  },
  "fingerprint-taken": () =>
    api("POST", "/users/bob/devices", { name: "Phone", fingerprint: fingerprint(1) }),
  "fingerprint-revoked": () => api("POST", devices, { name: "Old", fingerprint: fingerprint(2) }),
  "forbidden-transition": () => api("POST", `${devices}/${revoked}/reinstate`),
  "too-many-credentials": async () => {
    const certificates = `${devices}/${phone}/certificates`;
    await api("POST", certificates, { fingerprint: fingerprint(8) });
    return api("POST", certificates, { fingerprint: fingerprint(9) });
  },
  "too-many-bundles": async () => {
    await runInDurableObject(env.USER_REGISTRY.getByName("alice"), (_, state) => {
      const row =
        "INSERT INTO bundles (invitation, key, ciphertext, proof, expires_at) VALUES (?, ?, 'x', 'x', ?)";
      for (let n = 0; n < 10; n++) state.storage.sql.exec(row, `${n}`, `${n}`, Date.now() + 60_000);
    });
    const sealed = { ciphertext: "x", proof: "0".repeat(64), certificate: DEVICE_PEM };
    const bundle = { id: crypto.randomUUID(), name: "Tablet", ...sealed };
    return api("POST", "/users/alice/invitations", { bundle });
  },
  "last-credential": () => api("DELETE", `${devices}/${phone}/credentials/${fingerprint(1)}`),
  "wrong-kind": async () => {
    const { device } = await deviceToken("radio");
    return api("POST", `${devices}/${device.id}/certificates`, { fingerprint: fingerprint(9) });
  },
  "scope-required": async () => {
    const { device } = await deviceToken("lamp");
    return api("PATCH", `${devices}/${device.id}/limits`, { apps: null });
  },
  "not-revoked": () => api("DELETE", `${devices}/${phone}`),
  "body-too-large": () => api("PUT", "/users/bob", { name: "x".repeat(65536) }),
  "wrong-content-type": () => api("PUT", "/users/bob", {}, { headers: { "content-type": "text/plain" } }),
  "invalid-fields": () => api("PUT", "/users/bob", { nam: "x" }),
  "invalid-certificate": () => api("POST", devices, { name: "New", certificate: EXPIRED_PEM }),
  "internal-error": async () => {
    await runInDurableObject(env.USER_REGISTRY.getByName("alice"), (_, state) => {
      state.storage.sql.exec("UPDATE devices SET enrolled_at = 9e15");
    });
    return api("GET", devices);
  },
  "registry-unavailable": () => withEnv(broken, `https://${ADMIN_HOST}${API_PATH}/users`, { headers: auth }),
};

describe("every problem of the contract", () => {
  it.each(Object.entries(WAYS))("%s", async (code, way) => {
    await expectProblem(await way(), code as ProblemCode);
  });

  it("has a way that leads to it", () => {
    expect(Object.keys(WAYS).sort()).toEqual(Object.keys(PROBLEMS).sort());
  });

  it("has a status that its code promises", () => {
    for (const { status } of Object.values(PROBLEMS)) expect(status).toBeGreaterThanOrEqual(400);
  });
});

describe("what a problem does not tell", () => {
  it("an unknown exception is an internal error, and nothing of it is told", async () => {
    const { body, status } = await seen(await WAYS["internal-error"]());
    expect(status).toBe(500);
    expect(JSON.parse(body)).toEqual({
      type: "urn:latchkey:problem:internal-error",
      title: "Internal error",
      status: 500,
      detail: "look into the Worker's log",
      code: "internal-error",
    });
  });

  it("a registry that fails tells nothing of its error, and when to try again", async () => {
    const response = await WAYS["registry-unavailable"]();
    expect(response.headers.get("retry-after")).toBe("5");
    expect((await seen(response)).body).not.toContain("secret");
  });

  it("a certificate that somebody else enrolled names nobody", async () => {
    const { body, headers } = await seen(await WAYS["fingerprint-taken"]());
    expect(body + JSON.stringify(headers)).not.toMatch(/alice|Phone/);
  });

  it("a certificate that was refused is not sent back", async () => {
    const response = await api("POST", devices, {
      name: "New",
      certificate: `${DEVICE_PEM}-----BEGIN PRIVATE KEY-----`,
    });
    const problem = await expectProblem(response, "invalid-certificate");
    expect(problem.errors).toEqual([{ path: "certificate", message: problem.detail }]);
    expect(JSON.stringify(problem)).not.toContain("MIIB");
  });
});
