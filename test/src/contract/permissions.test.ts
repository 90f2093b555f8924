import { reset } from "cloudflare:test";
import { describe, expect, it } from "vitest";
import { type Need, permits } from "../../../src/contract/permissions.ts";
import type { Grant } from "../../../src/domain/credential.ts";
import { ADMIN_HOST, enrol, fingerprint, makeToken } from "../fixtures.ts";
import { Isolate } from "../gate/fixtures.ts";
import { ALICE, BOB, userId } from "../registry/fixtures.ts";

const ROOT: Grant = { scope: "root", user: null };
const DEVICES: Grant = { scope: "devices", user: ALICE };
const READ: Grant = { scope: "read", user: ALICE };
const READ_ALL: Grant = { scope: "read", user: null };
const CARD: Grant = { scope: "emergency", user: ALICE };
const NEEDS: Need[] = ["any", "see", "read", "shut-out", "devices", "root"];
const LOOKING: Need[] = ["any", "see", "read"];
const OWNING: Need[] = ["any", "see", "read", "shut-out", "devices"];
const SHUTTING_OUT: Need[] = ["any", "see", "shut-out"];

/** Which needs a grant meets where it is about `of`. */
const met = (grant: Grant, of: Parameters<typeof permits>[2]) =>
  NEEDS.filter((need) => permits(grant, need, of));

describe("what credentials reach", () => {
  // biome-ignore format: a table is read by its rows.
  it.each<[string, Grant, Need[], Need[], Need[], Need[]]>([
    // alice's                 bob's    everybody's  own
    ["the ADMIN_TOKEN", ROOT,     NEEDS, NEEDS, NEEDS, NEEDS],
    ["alice's devices", DEVICES,  OWNING, [], [], OWNING],
    ["alice's to read", READ,     LOOKING, [], [], LOOKING],
    ["everybody's to read", READ_ALL, LOOKING, LOOKING, LOOKING, LOOKING],
    ["alice's emergency card", CARD, SHUTTING_OUT, [], [], SHUTTING_OUT],
  ])("%s", (_, grant, alices, bobs, everybodys, own) => {
    expect(met(grant, { user: ALICE })).toEqual(alices);
    expect(met(grant, { user: BOB })).toEqual(bobs);
    expect(met(grant, "everybody")).toEqual(everybodys);
    expect(met(grant, "own")).toEqual(own);
  });

  it.each(["own", "everybody", "null"])("a user who is named %s is a user like others", async (name) => {
    expect(met(DEVICES, { user: userId(name) })).toEqual([]);
    expect(met({ scope: "read", user: userId(name) }, { user: ALICE })).toEqual([]);

    await enrol(name, "Secret phone", fingerprint(1));
    const { token } = await makeToken("alice", "devices");
    const isolate = new Isolate();
    const open = { Origin: `https://${ADMIN_HOST}`, "Content-Type": "application/x-www-form-urlencoded" };
    const body = new URLSearchParams({ token });
    const signedIn = await isolate.fetch("/.latchkey/sign-in", { method: "POST", headers: open, body });
    const Cookie = signedIn.headers.get("set-cookie")?.split(";")[0] ?? "";
    const page = async (path: string) => {
      const response = await isolate.fetch(path, { headers: { Cookie } });
      return `${response.status} ${await response.text()}`;
    };
    expect(await page("/.latchkey/devices")).toMatch(/^200/);
    expect(await page("/.latchkey/devices/alice")).toMatch(/^200/);
    expect(await page(`/.latchkey/devices/${name}`)).toMatch(/^404(?!.*Secret phone)/s);
    await reset();
  });

  it("nobody's things are reached by those alone who reach everybody's", () => {
    expect(met(DEVICES, { user: null })).toEqual([]);
    expect(met(CARD, { user: null })).toEqual([]);
    expect(met(READ_ALL, { user: null })).toEqual(LOOKING);
  });
});
