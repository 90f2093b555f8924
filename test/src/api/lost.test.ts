import { reset } from "cloudflare:test";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { AuditList, Device } from "../../../src/contract/answers.ts";
import { api, enrol, fingerprint } from "../fixtures.ts";
import { noteWipeOf } from "../gate/fixtures.ts";
import { expectProblem } from "./fixtures.ts";

let device: Device;
const F = fingerprint(77);
const at = (path = "") => `/users/alice/devices/${device.id}${path}`;

beforeEach(async () => {
  device = await enrol("alice", "Zoë's Phone", F);
});
afterEach(reset);

const lost = (body?: unknown) => api("POST", at("/lost"), body);
const shown = async () => (await api("GET", at())).json<Device>();

async function acts(): Promise<string[]> {
  const { entries } = await (await api("GET", "/users/alice/audit")).json<AuditList>();
  return entries.map(({ act, outcome }) => `${act} ${outcome}`).reverse();
}

describe("lost, which makes a client delete its vault, is refused", () => {
  it.each<[string, unknown, string]>([
    ["without a body", undefined, "this field is missing"],
    ["without the name", {}, "this field is missing"],
    ["with a reason alone", { reason: "on the train" }, "this field is missing"],
    ["with null for the name", { confirm: null }, "repeat the device's name"],
    ["with true for the name", { confirm: true }, "repeat the device's name"],
    ["with a list of the name", { confirm: ["Zoë's Phone"] }, "repeat the device's name"],
    ["with nothing for the name", { confirm: "" }, `this is not the device's name, "Zoë's Phone"`],
    ["with another name", { confirm: "Laptop" }, `this is not the device's name, "Zoë's Phone"`],
    ["with half of the name", { confirm: "Zoë's" }, `this is not the device's name, "Zoë's Phone"`],
    [
      "with blanks around the name",
      { confirm: " Zoë's Phone " },
      `this is not the device's name, "Zoë's Phone"`,
    ],
    ["with another letter", { confirm: "Zoe's Phone" }, `this is not the device's name, "Zoë's Phone"`],
    ["with the word yes", { confirm: "yes" }, `this is not the device's name, "Zoë's Phone"`],
  ])("%s", async (_, body, message) => {
    const problem = await expectProblem(await lost(body), "invalid-fields");
    expect(problem.errors).toEqual([{ path: "confirm", message }]);
    expect(await shown()).toEqual(device);
    expect(await acts()).toEqual(["enrol done"]);
  });

  it("with the device's id, or that of another device's name", async () => {
    await enrol("alice", "Laptop", fingerprint(78));
    await expectProblem(await lost({ confirm: device.id }), "invalid-fields");
    await expectProblem(await lost({ confirm: "Laptop" }), "invalid-fields");
    expect(await shown()).toEqual(device);
  });

  it("with the name that it had before it was renamed", async () => {
    await api("PATCH", at(), { name: "Old phone" });
    await expectProblem(await lost({ confirm: device.name }), "invalid-fields");
    expect((await lost({ confirm: "Old phone" })).status).toBe(200);
  });

  it("with a field that does not exist", async () => {
    const problem = await expectProblem(await lost({ confirm: device.name, yes: true }), "invalid-fields");
    expect(problem.errors).toEqual([{ path: "yes", message: "there is no such field" }]);
    expect((await shown()).status).toBe("active");
  });

  it("of a device that is not there, whatever the name", async () => {
    const body = { confirm: device.name };
    await expectProblem(await api("POST", "/users/alice/devices/nothing/lost", body), "unknown-device");
    await expectProblem(await api("POST", "/users/nobody/devices/x/lost", body), "unknown-user");
    await api("PUT", "/users/bob");
    await expectProblem(await api("POST", `/users/bob/devices/${device.id}/lost`, body), "unknown-device");
    expect((await shown()).status).toBe("active");
  });

  it("of a device that is revoked", async () => {
    await api("POST", at("/revoke"));
    await expectProblem(await lost({ confirm: device.name }), "forbidden-transition");
    expect((await shown()).status).toBe("revoked");
  });

  it("though the status already holds", async () => {
    await lost({ confirm: device.name });
    await expectProblem(await lost(), "invalid-fields");
    await expectProblem(await lost({ confirm: "Laptop" }), "invalid-fields");
  });

  it("with a long text, without composing it, which takes seconds for combining marks", async () => {
    const composed = vi.spyOn(String.prototype, "normalize");
    const confirm = "\u0315".repeat(15_000) + "\u0323".repeat(15_000);
    await expectProblem(await lost({ confirm }), "invalid-fields");
    expect(
      composed.mock.contexts.map((text) => String(text).length).filter((length) => length > 1000),
    ).toEqual([]);
    composed.mockRestore();
    expect((await shown()).status).toBe("active");
  });
});

describe("lost is taken", () => {
  it.each([
    ["with the name as it is", "Zoë's Phone"],
    ["with the name in another case", "ZOË'S phone"],
    ["with the name composed of other code points", "Zoe\u0308's Phone"],
  ])("%s", async (_, confirm) => {
    const response = await lost({ confirm, reason: "on the train" });
    expect(response.status).toBe(200);
    const answer: Device = await response.json();
    expect(answer).toMatchObject({ id: device.id, status: "lost", statusReason: "on the train", wipe: null });
    expect(Date.parse(answer.statusSince)).toBeGreaterThanOrEqual(Date.parse(device.enrolledAt));
    expect(await shown()).toEqual(answer);
    expect(await acts()).toEqual(["enrol done", "lost done"]);
  });

  it("of a suspended device, and ended by reinstate; the audit log has both", async () => {
    await api("POST", at("/suspend"));
    expect((await lost({ confirm: device.name })).status).toBe(200);
    expect(await (await api("POST", at("/reinstate"))).json()).toMatchObject({ status: "active" });
    expect(await acts()).toEqual(["enrol done", "suspend done", "lost done", "reinstate done"]);
  });
});

describe("the receipt", () => {
  it("is shown with the device, in ISO 8601, and its deliveries are in the audit log", async () => {
    await lost({ confirm: device.name });
    const first = Date.UTC(2126, 0, 2, 3, 4, 5);
    await noteWipeOf("alice", F, { at: first, count: 1, tokenRefresh: false });
    await noteWipeOf("alice", F, { at: first + 1000, count: 2, tokenRefresh: true });
    const wipe = {
      firstAt: "2126-01-02T03:04:05.000Z",
      lastAt: "2126-01-02T03:04:06.000Z",
      count: 3,
      tokenRefresh: true,
    };
    expect((await shown()).wipe).toEqual(wipe);
    const { devices } = await (await api("GET", "/users/alice/devices")).json<{ devices: Device[] }>();
    expect(devices.map((one) => one.wipe)).toEqual([wipe]);
    const { entries } = await (await api("GET", "/users/alice/audit")).json<AuditList>();
    expect(entries.slice(0, 2)).toMatchObject([
      { actor: "gate", act: "wipe-delivered", detail: { tokenRefresh: "yes" }, at: wipe.lastAt },
      { actor: "gate", act: "wipe-delivered", detail: { tokenRefresh: "no" }, at: wipe.firstAt },
    ]);
  });
});

it.each(["approve", "suspend", "reinstate", "revoke"])("%s takes no confirm", async (act) => {
  await expectProblem(await api("POST", at(`/${act}`), { confirm: device.name }), "invalid-fields");
  expect((await shown()).status).toBe("active");
});
