import { reset } from "cloudflare:test";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { SecretDigest } from "../../../src/domain/credential.ts";
import type { InvitationUse } from "../../../src/domain/records.ts";
import { at, configure, HOOK, NOW, type Post, receivers, toldBy } from "../notify/fixtures.ts";
import {
  ALICE,
  by,
  directory,
  directoryStub,
  enrolment,
  registry,
  registryStub,
  UNLIMITED,
} from "./fixtures.ts";

// What people are told of what others did: enrolments, approvals, and sign-ins with the ADMIN_TOKEN.

const alice = () => registry(ALICE);
const ADMINS = ["admin", "admin, session 6f1c2f1e"];
const OTHERS = ["token alice/laptop", "token alice/laptop, session 6f1c2f1e", "token */admin, session x"];
let posts: Post[];

beforeEach(() => {
  at(NOW);
  configure({ NOTIFY_URLS: [HOOK] });
  posts = receivers();
});
afterEach(reset);

const told = () => toldBy(registryStub(ALICE), posts);
const CODE = "0".repeat(64) as SecretDigest;

async function enrol(actor: string, status: "active" | "pending" = "active", use?: InvitationUse) {
  const wanted = enrolment({ status });
  const result = await alice().enrol(by({ actor, at: NOW }), wanted, Date.now(), 0, use);
  return result.ok ? result.value.device.id : expect.fail(result.error.code);
}

describe("an enrolment", () => {
  it.each([true, false])("by an invitation says who invited: approval %s", async (approval) => {
    const inviter = by({ actor: "admin, session 6f1c2f1e" });
    const invitation = { id: "i1", app: null, approval, expiresAt: NOW + 1_000, limits: UNLIMITED };
    await alice().invite(inviter, invitation, CODE, 0);
    const id = await enrol("invitation", "active", { digest: CODE, app: "app.example.com" });
    const status = approval ? "pending" : "active";
    expect(await told()).toMatchObject([
      {
        id: `device-enrolled:${id}`,
        type: "device-enrolled",
        message: expect.stringContaining(`latchkey ${approval ? "approve" : "suspend"} alice/${id}`),
        data: {
          ...{ user: "alice", device: { id, name: "Pixel 9" }, kind: "certificate", status },
          ...{ by: "invitation", invitedBy: inviter.actor, country: "CH" },
        },
      },
    ]);
    await enrol("invitation", "active", { digest: CODE, app: "app.example.com" });
    expect(await told(), "a repetition").toEqual([]);
  });

  it.each(OTHERS)("by %s is told of", async (actor) => {
    await enrol(actor);
    expect(await told()).toMatchObject([{ data: { by: actor, invitedBy: null } }]);
  });

  it.each(ADMINS)("by %s is no news", async (actor) => {
    await enrol(actor);
    expect(await told()).toEqual([]);
  });

  it("that is refused is not told of", async () => {
    const use = { digest: CODE, app: "app.example.com" };
    const refused = await alice().enrol(by({ actor: "invitation" }), enrolment(), Date.now(), 0, use);
    expect(refused).toMatchObject({ ok: false });
    expect(await told()).toEqual([]);
  });

  it("is not told of when that is off", async () => {
    configure({ NOTIFY_OFF: ["device-enrolled"] });
    await enrol("invitation");
    expect(await told()).toEqual([]);
  });
});

describe("an approval", () => {
  it.each(OTHERS)("by %s is told of, once", async (actor) => {
    const id = await enrol("admin", "pending");
    for (let times = 0; times < 2; times++) await alice().changeStatus(by({ actor }), id, "approve");
    expect(await told()).toMatchObject([
      {
        id: `device-approved:${id}:${NOW}`,
        type: "device-approved",
        data: { user: "alice", device: { id, name: "Pixel 9" }, by: actor },
      },
    ]);
  });

  it.each(ADMINS)("by %s is no news", async (actor) => {
    const id = await enrol("admin", "pending");
    await alice().changeStatus(by({ actor }), id, "approve");
    expect(await told()).toEqual([]);
  });
});

describe("a sign-in", () => {
  const FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0";
  const session = (credential: SecretDigest) => ({
    ...{ id: "6f1c2f1e-5d0c-4a8e-9a53-0c6b5a1f7f10", digest: "d".repeat(64) as SecretDigest, credential },
    ...{ ip: "203.0.113.5", country: "BR", client: FIREFOX },
  });
  const signIns = () => toldBy(directoryStub(), posts);

  it("with the ADMIN_TOKEN is told of, with country and browser, without the address", async () => {
    await directory().signIn(by(), session("a".repeat(64) as SecretDigest), true);
    const [event, ...more] = await signIns();
    expect(event).toMatchObject({
      id: "admin-sign-in:6f1c2f1e-5d0c-4a8e-9a53-0c6b5a1f7f10",
      type: "admin-sign-in",
      data: {
        ...{ session: "6f1c2f1e-5d0c-4a8e-9a53-0c6b5a1f7f10" },
        ...{ browser: "Firefox on Linux", country: "BR" },
      },
    });
    expect(more).toEqual([]);
    expect(JSON.stringify(event)).not.toContain("203.0.113.5");
  });

  it("with a user's token, or a wrong one, is not told of", async () => {
    const credential = "b".repeat(64) as SecretDigest;
    const token = { id: "t1", user: null, name: "laptop", scope: "read" as const, expiresAt: null };
    await directory().createToken(by(), token, credential);
    expect(await directory().signIn(by(), session(credential), false)).toMatchObject({ ok: true });
    const wrong = session("c".repeat(64) as SecretDigest);
    expect(await directory().signIn(by(), wrong, false)).toMatchObject({ ok: false });
    expect(await signIns()).toEqual([]);
  });

  it("is not told of when that is off", async () => {
    configure({ NOTIFY_OFF: "admin-sign-in" });
    await directory().signIn(by(), session("a".repeat(64) as SecretDigest), true);
    expect(await signIns()).toEqual([]);
  });
});
