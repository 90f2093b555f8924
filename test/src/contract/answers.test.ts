import { reset } from "cloudflare:test";
import * as v from "valibot";
import { afterEach, describe, expect, it } from "vitest";
import type { Operation } from "../../../src/contract/operation.ts";
import { OPERATIONS, type OperationId } from "../../../src/contract/operations.ts";
import { PROBLEMS, ProblemSchema } from "../../../src/contract/problems.ts";
import { DEVICE_PEM } from "../api/fixtures.ts";
import { ask, makeCredentials, makeScene } from "../api/scene.ts";
import { api, certificateKey, enrol, fingerprint } from "../fixtures.ts";
import { ALICE, registry, sighting } from "../registry/fixtures.ts";

// What the API gives is what it says that it gives: nothing is missing, and nothing is there besides.

afterEach(reset);

/** The same schema, that allows no field which it does not name. */
function strict(schema: v.GenericSchema): v.GenericSchema {
  const { type, entries, item, options, wrapped, pipe } = schema as unknown as {
    type: string;
    entries: Record<string, v.GenericSchema>;
    item: v.GenericSchema;
    options: v.GenericSchema[];
    wrapped: v.GenericSchema;
    pipe?: unknown[];
  };
  if (pipe !== undefined) return schema;
  switch (type) {
    case "object":
      return v.strictObject(
        Object.fromEntries(Object.entries(entries).map(([name, entry]) => [name, strict(entry)])),
      );
    case "array":
      return v.array(strict(item));
    case "nullable":
      return v.nullable(strict(wrapped));
    case "optional":
      return v.optional(strict(wrapped));
    case "union":
      return v.union(options.map(strict));
    // What else there is has no fields, or says itself which.
    case "string":
    case "number":
    case "boolean":
    case "picklist":
    case "literal":
    case "record":
    case "loose_object":
      return schema;
    default:
      throw new Error(`no strict form of ${type} is known here`);
  }
}

function complaints(schema: v.GenericSchema, value: unknown): string[] {
  return (v.safeParse(strict(schema), value).issues ?? []).map(
    (each) => `${v.getDotPath(each)}: ${each.message}`,
  );
}

/** The first answers of an operation whose status is another one when it is repeated. */
const REPEATED = ["putUser", "enrolDevice", "enrolUnknownCertificate", "addCertificate"];

describe("every answer is as the table says", () => {
  it.each(Object.keys(OPERATIONS) as OperationId[])("%s", async (id) => {
    const { answers }: Operation = OPERATIONS[id];
    const scene = await makeScene();
    const { root } = await makeCredentials();
    // A device with everything that can be told of one.
    await api("POST", "/users/alice/devices", { name: "Full", certificate: DEVICE_PEM, note: "a note" });
    await registry(ALICE).standing(certificateKey(1), sighting());
    const place = { at: Date.now(), app: "vault.example.com", country: null, ip: null };
    if (id.startsWith("list") || id.startsWith("show")) {
      await api("POST", `/users/alice/devices/${scene.phone.id}/lost`, { confirm: "Phone" });
      await registry(ALICE).noteWipe(certificateKey(1), { ...place, count: 1, tokenRefresh: true });
    }
    if (id === "putUser" || id === "deleteUser") await removeAlice();

    const seen = new Set<number>();
    for (let times = 0; times < (REPEATED.includes(id) ? 2 : 1); times++) {
      if (id === "deleteUser") await api("PUT", "/users/alice", {});
      const response = await ask(id, scene, root);
      seen.add(response.status);
      const schema = answers[response.status];
      if (schema === null) {
        expect(await response.text()).toBe("");
        continue;
      }
      if (schema === undefined) expect.fail(`${response.status} ${await response.text()}`);
      expect(response.headers.get("content-type")).toBe("application/json");
      expect(response.headers.get("cache-control")).toBe("no-store");
      expect(complaints(schema, await response.json())).toEqual([]);
    }
    expect([...seen].sort(), "every status that is documented").toEqual(Object.keys(answers).map(Number));
  });

  it("every list with something in it", async () => {
    const { invitation } = await makeScene();
    await api("POST", "/tokens", { user: null, name: "all", scope: "read", expiresInSeconds: null });
    expect(invitation.link).toMatch(/#[0-9A-Z]{26}$/);
    for (const [path, id] of [
      ["/users/alice/devices", "listDevices"],
      ["/users/alice/invitations", "listInvitations"],
      ["/tokens", "listTokens"],
      ["/sessions", "listSessions"],
      ["/unknown-certificates", "listUnknownCertificates"],
      ["/users", "listUsers"],
      ["/users/alice/identities", "listIdentities"],
      ["/waiting-people", "listWaitingPeople"],
      ["/audit", "readAudit"],
      ["/users/alice/audit", "readUserAudit"],
    ] as const) {
      const list = (await (await api("GET", path)).json()) as Record<string, unknown[]>;
      expect(Object.values(list)[0]?.length, path).toBeGreaterThan(0);
      expect(complaints(OPERATIONS[id].answers[200], list), path).toEqual([]);
    }
  });

  it("a problem", async () => {
    await enrol("alice", "Phone", fingerprint(1));
    for (const response of [
      await api("GET", "/nothing"),
      await api("PUT", "/users/alice", { nam: 1, nome: 2 }),
      await api("POST", "/users/alice/devices", { name: "phone", fingerprint: fingerprint(2) }),
    ]) {
      const problem = (await response.json()) as { code: keyof typeof PROBLEMS };
      expect(complaints(ProblemSchema, problem)).toEqual([]);
      const { status, title } = PROBLEMS[problem.code];
      expect(problem).toMatchObject({ status, title });
    }
  });
});

describe("the strict form", () => {
  it("finds what is missing, and what is there besides", () => {
    const schema = v.object({ list: v.array(v.nullable(v.object({ name: v.string() }))) });
    expect(complaints(schema, { list: [null, { name: "x" }] })).toEqual([]);
    expect(complaints(schema, { list: [{ name: "x", more: 1 }] })).toHaveLength(1);
    expect(complaints(schema, { list: [{}] })).toHaveLength(1);
    expect(complaints(schema, { list: [], next: null })).toHaveLength(1);
  });
});

async function removeAlice(): Promise<void> {
  const list = (await (await api("GET", "/users/alice/devices")).json()) as { devices: { id: string }[] };
  for (const { id } of list.devices) {
    await api("POST", `/users/alice/devices/${id}/revoke`);
    await api("DELETE", `/users/alice/devices/${id}`);
  }
  expect((await api("DELETE", "/users/alice")).status).toBe(204);
}
