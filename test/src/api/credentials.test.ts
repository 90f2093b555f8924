import { reset } from "cloudflare:test";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { SessionList, UserList } from "../../../src/contract/answers.ts";
import { OPERATIONS, type OperationId } from "../../../src/contract/operations.ts";
import { PROBLEMS, type Problem } from "../../../src/contract/problems.ts";
import { ADMIN_HOST } from "../fixtures.ts";
import { Isolate } from "../gate/fixtures.ts";
import { ALICE, directoryStub, dump, registryStub } from "../registry/fixtures.ts";
import { seen } from "./fixtures.ts";
import { ask, type Credentials, makeCredentials, makeScene, openSession, type Scene } from "./scene.ts";

// Who may do what over the API, written by hand: a status, or the code of the refusal. Everything that is
// asked for is alice's.

type Expected = number | string;
const FORBIDDEN = "forbidden";
/** Another user's things are not there: nobody learns who else is. */
const HIDDEN = "unknown-user";
/** Not refused for who asks, but for what alice has. */
const HAS_DEVICES = "user-has-devices";

// biome-ignore format: a table is read by its rows.
const TABLE: Record<string, [root: Expected, own: Expected, others: Expected, ownRead: Expected, allRead: Expected, card: Expected]> = {
  showMe:             [200, 200, 200, 200, 200, 200],
  showDescription:    [200, 200, 200, 200, 200, 200],

  listUsers:          [200, 200, 200, 200, 200, FORBIDDEN],
  putUser:            [200, FORBIDDEN, HIDDEN, FORBIDDEN, FORBIDDEN, FORBIDDEN],
  editUser:           [200, FORBIDDEN, HIDDEN, FORBIDDEN, FORBIDDEN, FORBIDDEN],
  deleteUser:         [HAS_DEVICES, FORBIDDEN, HIDDEN, FORBIDDEN, FORBIDDEN, FORBIDDEN],

  listIdentities:     [200, 200, HIDDEN, 200, 200, FORBIDDEN],
  unbindIdentity:     [204, FORBIDDEN, HIDDEN, FORBIDDEN, FORBIDDEN, FORBIDDEN],

  listDevices:        [200, 200, HIDDEN, 200, 200, 200],
  enrolDevice:        [201, FORBIDDEN, HIDDEN, FORBIDDEN, FORBIDDEN, FORBIDDEN],
  showDevice:         [200, 200, HIDDEN, 200, 200, 200],
  editDevice:         [200, 200, HIDDEN, FORBIDDEN, FORBIDDEN, FORBIDDEN],
  forgetDevice:       [204, 204, HIDDEN, FORBIDDEN, FORBIDDEN, FORBIDDEN],
  approveDevice:      [200, FORBIDDEN, HIDDEN, FORBIDDEN, FORBIDDEN, FORBIDDEN],
  suspendDevice:      [200, 200, HIDDEN, FORBIDDEN, FORBIDDEN, 200],
  reinstateDevice:      [200, 200, HIDDEN, FORBIDDEN, FORBIDDEN, FORBIDDEN],
  reportDeviceLost:   [200, 200, HIDDEN, FORBIDDEN, FORBIDDEN, 200],
  revokeDevice:       [200, 200, HIDDEN, FORBIDDEN, FORBIDDEN, 200],

  addCertificate:     [201, FORBIDDEN, HIDDEN, FORBIDDEN, FORBIDDEN, FORBIDDEN],
  limitDevice:        [200, FORBIDDEN, HIDDEN, FORBIDDEN, FORBIDDEN, FORBIDDEN],
  createDeviceToken:  [201, FORBIDDEN, HIDDEN, FORBIDDEN, FORBIDDEN, FORBIDDEN],
  rotateDeviceToken:  [201, FORBIDDEN, HIDDEN, FORBIDDEN, FORBIDDEN, FORBIDDEN],
  retireCredential:  [204, FORBIDDEN, HIDDEN, FORBIDDEN, FORBIDDEN, FORBIDDEN],

  listInvitations:    [200, 200, HIDDEN, 200, 200, FORBIDDEN],
  createInvitation:   [201, FORBIDDEN, HIDDEN, FORBIDDEN, FORBIDDEN, FORBIDDEN],
  withdrawInvitation: [204, FORBIDDEN, HIDDEN, FORBIDDEN, FORBIDDEN, FORBIDDEN],

  readUserAudit:      [200, 200, HIDDEN, 200, 200, FORBIDDEN],
  readAudit:          [200, FORBIDDEN, FORBIDDEN, FORBIDDEN, 200, FORBIDDEN],

  listUnknownCertificates:        [200, FORBIDDEN, FORBIDDEN, FORBIDDEN, 200, FORBIDDEN],
  enrolUnknownCertificate:     [201, FORBIDDEN, FORBIDDEN, FORBIDDEN, FORBIDDEN, FORBIDDEN],
  dismissUnknownCertificate:     [204, FORBIDDEN, FORBIDDEN, FORBIDDEN, FORBIDDEN, FORBIDDEN],

  listWaitingPeople:  [200, FORBIDDEN, FORBIDDEN, FORBIDDEN, 200, FORBIDDEN],
  admitPerson:        [200, FORBIDDEN, FORBIDDEN, FORBIDDEN, FORBIDDEN, FORBIDDEN],
  dismissPerson:      [204, FORBIDDEN, FORBIDDEN, FORBIDDEN, FORBIDDEN, FORBIDDEN],

  listBlocked:        [200, FORBIDDEN, FORBIDDEN, FORBIDDEN, FORBIDDEN, FORBIDDEN],

  listTokens:         [200, FORBIDDEN, FORBIDDEN, FORBIDDEN, FORBIDDEN, FORBIDDEN],
  createToken:        [201, FORBIDDEN, FORBIDDEN, FORBIDDEN, FORBIDDEN, FORBIDDEN],
  revokeToken:        [204, FORBIDDEN, FORBIDDEN, FORBIDDEN, FORBIDDEN, FORBIDDEN],

  showBackup:         [200, FORBIDDEN, FORBIDDEN, FORBIDDEN, FORBIDDEN, FORBIDDEN],
  restoreDirectory:   [200, FORBIDDEN, FORBIDDEN, FORBIDDEN, FORBIDDEN, FORBIDDEN],
  restoreAudit:       [200, FORBIDDEN, FORBIDDEN, FORBIDDEN, FORBIDDEN, FORBIDDEN],
  restoreUser:        [200, FORBIDDEN, HIDDEN, FORBIDDEN, FORBIDDEN, FORBIDDEN],
  restoreUserAudit:   [200, FORBIDDEN, HIDDEN, FORBIDDEN, FORBIDDEN, FORBIDDEN],

  listSessions:       [200, 200, 200, 200, 200, FORBIDDEN],
  endAllSessions:     [204, 204, 204, FORBIDDEN, FORBIDDEN, FORBIDDEN],
  endSession:         [204, 204, "unknown-session", FORBIDDEN, FORBIDDEN, FORBIDDEN],
};

let scene: Scene;
let credentials: Credentials;

async function prepare() {
  scene = await makeScene();
  credentials = await makeCredentials();
}
beforeEach(prepare);
afterEach(reset);

/** All that is stored; what a token's use writes is not the operation's. */
async function stored() {
  const directory = await dump(directoryStub());
  const tokens = (directory.tokens ?? []).map((row) => ({ ...(row as object), last_used_at: null }));
  return { directory: { ...directory, tokens }, alice: await dump(registryStub(ALICE)) };
}

it("has a row for every operation, and none besides", () => {
  expect(Object.keys(TABLE).sort()).toEqual(Object.keys(OPERATIONS).sort());
});

/** Of an isolate of its own: one remembers for an hour how many wrong credentials it was sent. */
async function answersOf(id: OperationId, holder: keyof Credentials): Promise<Response> {
  return ask(id, scene, credentials[holder], new Isolate());
}

describe.each(Object.keys(OPERATIONS) as OperationId[])("%s", (id) => {
  const { method } = OPERATIONS[id];
  const [root, own, others, ownRead, allRead, card] = TABLE[id] ?? [];
  const expected: [keyof Credentials, Expected | undefined][] = [
    ["root", root],
    ["own", own],
    ["others", others],
    ["ownRead", ownRead],
    ["allRead", allRead],
    ["card", card],
    ["expired", "wrong-credentials"],
    ["revoked", "wrong-credentials"],
  ];
  const isRefusal = (outcome: Expected | undefined) => typeof outcome === "string" && outcome !== HAS_DEVICES;

  it("refuses whom it must, and changes nothing", async () => {
    const before = await stored();
    for (const [holder, code] of expected.filter(([, outcome]) => isRefusal(outcome))) {
      const response = await answersOf(id, holder);
      const problem: Problem = await response.json();
      expect([problem.code, response.status], holder).toEqual([code, PROBLEMS[problem.code].status]);
    }
    const nothing = await seen(await new Isolate().fetch(`https://${ADMIN_HOST}/x`, { method, cf: {} }));
    expect(await seen(await answersOf(id, "none"))).toEqual(nothing);
    expect(await stored()).toEqual(before);
  });

  it("answers whom it must", async () => {
    const allowed = expected.filter(([, outcome]) => !isRefusal(outcome));
    for (const [index, [holder, outcome]] of allowed.entries()) {
      // What was changed is not there to be changed once more.
      if (index > 0 && method !== "GET") {
        await reset();
        await prepare();
      }
      const response = await answersOf(id, holder);
      const code = response.ok ? response.status : ((await response.json()) as Problem).code;
      expect(code, holder).toBe(outcome);
    }
  });
});

describe("of what is each one's own", () => {
  const holders = ["root", "own", "others", "ownRead", "allRead"] as const;

  it("the users are the token's own, or all", async () => {
    const users: Record<string, string[]> = {};
    for (const holder of holders) {
      const list: UserList = await (await answersOf("listUsers", holder)).json();
      users[holder] = list.users.map(({ id }) => id);
    }
    expect(users).toEqual({
      root: ["alice", "bob"],
      own: ["alice"],
      others: ["bob"],
      ownRead: ["alice"],
      allRead: ["alice", "bob"],
    });
  });

  it("the sessions are those of the user's tokens, or all; and so are those that are ended", async () => {
    const admin = await openSession(String(credentials.root.headers.Authorization).slice("Bearer ".length));
    const bob = await openSession(String(credentials.others.headers.Authorization).slice("Bearer ".length));
    const sessions = async (holder: (typeof holders)[number]) => {
      const asked = await answersOf("listSessions", holder);
      return ((await asked.json()) as SessionList).sessions.map(({ id }) => id).sort();
    };
    const all = [scene.session, admin, bob].sort();
    expect(await sessions("root")).toEqual(all);
    expect(await sessions("allRead")).toEqual(all);
    expect(await sessions("own")).toEqual([scene.session]);
    expect(await sessions("ownRead")).toEqual([scene.session]);
    expect(await sessions("others")).toEqual([bob]);

    await answersOf("endAllSessions", "others");
    expect(await sessions("root")).toEqual([scene.session, admin].sort());
    await answersOf("endAllSessions", "own");
    expect(await sessions("root")).toEqual([admin]);
    await answersOf("endAllSessions", "root");
    expect(await sessions("root")).toEqual([]);
  });
});
